"""What was told before under a key of the caller's own: the same again, or something else."""

from typing import Final

from activities.registry.pool import Pool
from activities.registry.reading import told_before
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Fact

_SEALED_ANEW: Final = frozenset({"stamp", "card_number", "address"})
"""What differs each time that the same is told: a stamp, and what is sealed. Their tokens are the same."""


async def check_repetition(pool: Pool, case: str, key: str, event: Event, said: Fact) -> bool:
    """Whether this very fact was told before. Raises `CaseError` IDEMPOTENCY_CONFLICT for another one."""
    before = await told_before(pool, case, key)
    if before is None:
        return False
    now = said.model_dump(mode="json", exclude_unset=True, exclude=set(_SEALED_ANEW))
    then = {name: value for name, value in before[1].items() if name not in _SEALED_ANEW}
    if (event.value, now) != (before[0], then):
        raise CaseError(Code.IDEMPOTENCY_CONFLICT)
    return True
