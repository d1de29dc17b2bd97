"""What was told before under a key of the caller's own: the same again, or something else."""

from activities.registry.pool import Pool
from activities.registry.reading import told_before
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Fact


async def check_repetition(pool: Pool, case: str, key: str, event: Event, said: Fact) -> bool:
    """Whether this very fact was told before. Raises `CaseError` IDEMPOTENCY_CONFLICT for another one."""
    before = await told_before(pool, case, key)
    if before is None:
        return False
    if not before.repeats(event, said):
        raise CaseError(Code.IDEMPOTENCY_CONFLICT)
    return True
