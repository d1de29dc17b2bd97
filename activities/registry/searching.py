"""Search by number: by its keyed token, written down before anything is answered.

Whoever may search could find out whose number it is by trying; hence a role, a reason, a limit, the own region only,
and the same empty answer for a number that nobody has and for one that another region looks after.
"""

from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime

from activities.registry import journal
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.errors import CaseError, Code
from cases.machines.machine import Milestone, Status
from cases.models import Actor, Record, RegionCode, Role
from cases.names import Kind

SQL: Final = load("searching.sql", beside=__file__)

SEARCHES: Final = frozenset({Role.clerk, Role.officer, Role.supervisor})
"""Roles that may search by number: those to whom somebody comes with it."""
MOST_IN_AN_HOUR: Final = 60
"""Searches of one person; a counter has no more visitors."""
LIMIT: Final = journal.Limit(MOST_IN_AN_HOUR, timedelta(hours=1), Code.SEARCHED_TOO_OFTEN)
"""Of searches."""


class Found(Record):
    """A case that a number leads to."""

    case_id: str
    generation: int
    kind: Kind
    region: RegionCode
    status: Status
    milestone: Milestone
    opened_at: AwareDatetime
    closed_at: AwareDatetime | None


@case_errors_only
async def search(pool: Pool, actor: Actor, token: str, reason: str, at: datetime) -> tuple[Found, ...]:
    """Cases that a number leads to, the newest first; `token` is its keyed token (`cases.names.number_token`).

    Raises `CaseError`: ROLE_NOT_ALLOWED, SEARCHED_TOO_OFTEN, and as `journal.checked_reason`.
    """
    said = journal.checked_reason(reason)
    if actor.role not in SEARCHES:
        raise CaseError(Code.ROLE_NOT_ALLOWED)
    entry = journal.Entry(kind=journal.Kind.search, at=at, actor=actor, reason=said, facts={"token": token})
    await journal.write(pool, entry, LIMIT)
    async with connection_of(pool) as connection:
        rows = await SQL["cases_by_number"].all(connection, {"token": token, "office": actor.office})
    return tuple(Found.model_validate(dict(row)) for row in rows)
