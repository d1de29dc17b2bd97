"""Legal holds: whose data are kept beyond their time, for a court, an audit or an inquiry."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from activities.registry import journal
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.retention.planning import SQL
from cases.errors import CaseError, Code
from cases.models import Actor

SHORTEST, LONGEST = 4, 200
"""Characters of a legal basis."""


@case_errors_only
async def hold(pool: Pool, case_id: str, legal_basis: str, actor: Actor, *, lift: bool = False) -> bool:
    """Hold what is of the person of a case, or lift the hold; False where that is so already.

    Raises `CaseError` CASE_UNKNOWN, and FIELD_MISSING or FIELD_INVALID for the basis.
    """
    basis = journal.checked_reason(legal_basis)
    if len(basis) > LONGEST:
        raise CaseError(Code.FIELD_INVALID, "basis")
    async with connection_of(pool) as connection:
        row = await SQL["person_of_case"].first(connection, {"case_id": case_id})
        if row is None:
            raise CaseError(Code.CASE_UNKNOWN)
        person = row["person"]
        held = await SQL["is_held"].first(connection, {"person": person})
        if held is not None and held["held"] is not lift:
            return False
    now = datetime.now(UTC)
    says = "lifted" if lift else "held"
    entry = journal.Entry(
        kind=journal.Kind.legal_hold, at=now, actor=actor, case_id=case_id, reason=basis, facts={"says": says}
    )
    await journal.write(pool, entry)
    async with connection_of(pool) as connection:
        values = {"person": person, "says": says, "legal_basis": basis, "actor": actor.id, "at": now}
        await SQL["hold"].run(connection, values)
    return True


@case_errors_only
async def holds(pool: Pool) -> Sequence[dict[str, Any]]:
    """What is held now, the oldest first."""
    async with connection_of(pool) as connection:
        return [dict(row) for row in await SQL["holds"].all(connection, {})]
