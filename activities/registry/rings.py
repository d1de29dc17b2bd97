"""Whether a key ring belongs to the register: a worker with another one would make other persons, and open nothing."""

from random import Random
from typing import Final

from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from activities.sealing import Field, Sealer
from cases.errors import CaseError
from cases.kinds import KINDS

SQL: Final = load("rings.sql")

_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_LOOKED_AT: Final = 20
"""How many of the newest numbers are looked at."""


async def belongs(pool: Pool, sealer: Sealer) -> bool:
    """Whether most of the newest numbers open with a ring and have the tokens that it gives; true of an empty register.

    Most and not all: one row that somebody spoilt keeps no worker from starting. Raises as every use of the pool.
    """
    async with connection_of(pool) as connection:
        rows = await SQL["newest_numbers"].all(connection, {"count": _LOOKED_AT})
    fitting = sum(_fits(sealer, row["sealed"], row["token"], row["person"]) for row in rows)
    return fitting * 2 >= len(rows)


async def open_cases(pool: Pool, count: int, by_lot: Random) -> list[str]:
    """Some open cases, beside each other from a place that the lot falls on: their IDs are keyed hashes.

    Raises as every use of the pool.
    """
    prefix = by_lot.choice(sorted(record.prefix for record in KINDS.values()))
    place = f"{prefix}-{by_lot.choice(_DIGITS)}{by_lot.choice(_DIGITS)}{by_lot.choice(_DIGITS)}"
    async with connection_of(pool) as connection:
        rows = await SQL["open_cases_from"].all(connection, {"place": place, "count": count})
    return [row["case_id"] for row in rows]


def _fits(sealer: Sealer, sealed: str, token: str, person: str) -> bool:
    try:
        return sealer.number_token(sealer.open(sealed, field=Field.number, person=person)) == token
    except CaseError:
        return False
