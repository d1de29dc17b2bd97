"""Reveals: somebody sees the names and numbers of one case in clear, for minutes and a reason, and it is written down.

A reveal is an entry of the journal, written before anything is shown; whether something may be shown is asked of the
journal every time.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from activities.registry import journal
from activities.registry.errors import case_errors_only
from activities.registry.journal import Entry, Kind, Limit, checked_reason
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.errors import CaseError, Code
from cases.kinds import read_case_id
from cases.models import Actor
from cases.rules.people import covers

LASTS: Final = timedelta(minutes=10)
"""How long a case stays in clear for the person who revealed it."""
MOST_IN_AN_HOUR: Final = 20
"""Reveals of one person; who needs more has another task than looking into a case."""
LIMIT: Final = Limit(MOST_IN_AN_HOUR, timedelta(hours=1), Code.REVEALED_TOO_OFTEN)
"""Of reveals."""

_SQL: Final = load("reveals.sql", beside=__file__)


class Reveal(NamedTuple):
    """A case that somebody may see in clear, and until when."""

    case_id: str
    until: datetime


@case_errors_only
async def reveal(pool: Pool, actor: Actor, case_id: str, reason: str, at: datetime) -> Reveal:
    """Let somebody see a case in clear from now on; written down before it is answered.

    Raises `CaseError`: as `journal.checked_reason`, CASE_ID_INVALID, CASE_UNKNOWN, OFFICE_NOT_COMPETENT for another
    region's case, REVEALED_TOO_OFTEN.
    """
    read_case_id(case_id)
    entry = Entry(kind=Kind.reveal, at=at, actor=actor, case_id=case_id, reason=checked_reason(reason))
    if not covers(actor.office, await journal.region_of(pool, case_id)):
        raise CaseError(Code.OFFICE_NOT_COMPETENT)
    await journal.write(pool, entry, LIMIT)
    return Reveal(case_id, at + LASTS)


@case_errors_only
async def seen_by(pool: Pool, actor: Actor, cases: Collection[str], at: datetime) -> dict[str, bool]:
    """The cases among these that somebody may see at all at a moment, each with whether it was revealed to them.

    What is left out is a case of another region, or one that the register does not know.
    """
    async with connection_of(pool) as connection:
        rows = await _SQL["seen_by"].all(connection, _open_at(actor, at) | {"cases": sorted(cases)})
    return {row["case_id"]: row["revealed"] for row in rows if covers(actor.office, row["region"])}


@case_errors_only
async def open_reveals(pool: Pool, actor: Actor, at: datetime) -> list[Reveal]:
    """What somebody may see in clear at a moment."""
    async with connection_of(pool) as connection:
        rows = await _SQL["open_reveals"].all(connection, _open_at(actor, at))
    return [Reveal(row["case_id"], row["at"] + LASTS) for row in rows]


def _open_at(actor: Actor, at: datetime) -> dict[str, Any]:
    return {"actor": actor.id, "at": at, "since": at - LASTS}
