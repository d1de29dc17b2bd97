"""Opening the rows of a campaign, for the worker that has its pages: each case by itself, and quickly.

What a caller was answered is compared with the register for a page as a whole (`activities.campaign.opening`), so no
row is compared by itself, unless it has been tried before.
"""

from typing import Final, Protocol

from activities.campaign.opening import Unanswered
from activities.registry.pool import Pool
from cases.errors import CaseError, Code
from cases.openings import Opening
from intake.applications import InputRefused
from intake.client import CaseClient, Contradicted, EngineError, Unavailable
from intake.jobs.belonging import Runs
from intake.stamping import Stamping

_LOOKED_AT_AGAIN: Final = frozenset({Code.CASE_CLOSED, Code.CASE_UNKNOWN})
"""What Temporal says of a case that it lost, too; whoever asks again looks at the register."""


class Cases(Protocol):
    """Makes the client by which a row is opened; each answer is `compared` with the register, or none is."""

    def __call__(self, stamping: Stamping, *, compared: bool) -> CaseClient:
        """The client."""
        ...


class InBulk:
    """Opens cases by rows of campaigns; see `activities.campaign.opening.Opens`."""

    def __init__(self, pool: Pool, cases: Cases) -> None:
        self._runs = Runs(pool)
        self._cases = cases

    async def __call__(self, job: str, leaf: int, opening: Opening, *, again: bool) -> Code | None:
        """Why it was refused, None where it was opened. Raises `Unanswered`."""
        try:
            await self._cases(await self._runs.row(job, leaf), compared=again).enter(opening)
        except (Unavailable, Contradicted, CaseError) as away:
            raise Unanswered(away.code) from None
        except InputRefused as refused:
            return refused.problems[0].code
        except EngineError as refused:
            if refused.code in _LOOKED_AT_AGAIN and not again:
                raise Unanswered(refused.code) from None
            return refused.code
        return None
