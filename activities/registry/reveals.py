"""Reveals: somebody sees the names and numbers of one case in clear, for minutes and a reason, and it is written down.

The list is append-only and hash chained as the audit of cases is, but as one chain: a reveal is no transition of its
case. It is written before anything is shown, and whether something may be shown is asked of it every time.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from activities.registry.audit import BEGINNING, digest_of
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.errors import CaseError, Code
from cases.models import Actor
from cases.roles import covers
from cases.text import check_text

LASTS: Final = timedelta(minutes=10)
"""How long a case stays in clear for whoever revealed it."""
SHORTEST_REASON: Final = 4
"""Characters."""
MOST_IN_AN_HOUR: Final = 20
"""Reveals of one person; who needs more has another task than looking into a case."""

_SQL: Final = load("reveals.sql")
_LINKED: Final = ("case_id", "actor", "role", "office", "reason", "at", "until", "prev_hash")


class Reveal(NamedTuple):
    """A case that somebody may see in clear, and until when."""

    case_id: str
    until: datetime


@case_errors_only
async def reveal(pool: Pool, actor: Actor, case_id: str, reason: str, at: datetime) -> Reveal:
    """Let somebody see a case in clear from now on; written down before it is answered.

    Raises `CaseError`: FIELD_MISSING (reason) for none or a short one, the codes of `check_text` for a reason that must
    not be kept, CASE_UNKNOWN, OFFICE_NOT_COMPETENT for another region's case, REVEALED_TOO_OFTEN.
    """
    said = check_text(reason.strip()).text
    if len(said) < SHORTEST_REASON:
        raise CaseError(Code.FIELD_MISSING, "reason")
    row: dict[str, Any] = {
        "case_id": case_id,
        "actor": actor.id,
        "role": actor.role.value,
        "office": actor.office,
        "reason": said,
        "at": at,
        "until": at + LASTS,
        "since": at - timedelta(hours=1),
    }
    async with connection_of(pool) as connection, connection.transaction():
        case = await _SQL["region_of_case"].first(connection, row)
        if case is None:
            raise CaseError(Code.CASE_UNKNOWN)
        if not covers(actor.office, case["region"]):
            raise CaseError(Code.OFFICE_NOT_COMPETENT)
        await _SQL["lock_reveals"].first(connection, row)
        counted = await _SQL["count_reveals"].first(connection, row)
        if counted is None or counted["revealed"] >= MOST_IN_AN_HOUR:
            raise CaseError(Code.REVEALED_TOO_OFTEN)
        last = await _SQL["last_reveal"].first(connection, row)
        row["prev_hash"] = BEGINNING if last is None else last["hash"]
        await _SQL["write_reveal"].run(connection, row | {"hash": hash_of(row)})
    return Reveal(case_id, row["until"])


@case_errors_only
async def is_revealed(pool: Pool, actor: Actor, case_id: str, at: datetime) -> bool:
    """Whether somebody may see a case in clear at a moment."""
    async with connection_of(pool) as connection:
        found = await _SQL["is_revealed"].first(connection, {"actor": actor.id, "case_id": case_id, "at": at})
    return found is not None and bool(found["revealed"])


@case_errors_only
async def open_reveals(pool: Pool, actor: Actor, at: datetime) -> list[Reveal]:
    """What somebody may see in clear at a moment."""
    async with connection_of(pool) as connection:
        rows = await _SQL["open_reveals"].all(connection, {"actor": actor.id, "at": at})
    return [Reveal(row["case_id"], row["until"]) for row in rows]


@case_errors_only
async def all_reveals(pool: Pool) -> list[Mapping[str, Any]]:
    """The whole list, oldest first, for whoever verifies it."""
    async with connection_of(pool) as connection:
        return [dict(row) for row in await _SQL["all_reveals"].all(connection, {})]


def hash_of(row: Mapping[str, Any]) -> str:
    """SHA-256 over the columns of a reveal, moments as UTC microseconds."""
    values = [row[column] for column in _LINKED]
    return digest_of(
        [
            value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value
            for value in values
        ]
    )


def first_broken(rows: Sequence[Mapping[str, Any]]) -> int | None:
    """ID of the first reveal that does not follow from the one before it; None where the chain holds.

    A row that was removed from the end is missed by nothing here: compare the newest hash with one published outside.
    """
    before = BEGINNING
    for row in rows:
        if row["prev_hash"] != before or row["hash"] != hash_of(row):
            return int(row["id"])
        before = row["hash"]
    return None
