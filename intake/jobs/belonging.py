"""How the rows of a job belong to its manifest, as long as any of them is opened or told."""

import asyncio
from collections import OrderedDict
from typing import Final

from activities.registry.pool import Pool
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Fact
from cases.manifests import Belonging
from cases.models import Actor
from cases.openings import Opening
from intake.jobs import store
from intake.jobs.store import Run

_KEPT: Final = 8


class OfARow:
    """What a row has in the place of a stamp: how it belongs to its job's manifest."""

    def __init__(self, run: Run, leaf: int) -> None:
        self._run = run
        self._leaf = leaf

    @property
    def actor(self) -> Actor:
        """Who handed the job in."""
        return self._run.actor

    async def stamp(self, case: str, event: Event, fact: Fact) -> Fact:  # noqa: ARG002 - see `Stamping`
        """See `Stamping`."""
        return fact.model_copy(update={"stamp": self._belonging()})

    async def stamp_opening(self, opening: Opening) -> Opening:
        """See `Stamping`."""
        return opening.model_copy(update={"stamp": self._belonging()})

    def _belonging(self) -> str:
        return str(Belonging(self._run.manifest, self._leaf, self._run.tree.way(self._leaf)))


class Runs:
    """What the rows of jobs are opened or told by: those of some jobs are at hand."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._kept: OrderedDict[str, Run] = OrderedDict()
        self._reading = asyncio.Lock()

    async def row(self, job: str, leaf: int) -> OfARow:
        """A row in the place of whose stamp its manifest stands. Raises `CaseError` JOB_UNKNOWN."""
        # One after the other: the tree over a large register takes a while to be made.
        async with self._reading:
            run = self._kept.get(job)
            if run is None:
                run = await store.run_of(self._pool, job)
                if run is None:
                    raise CaseError(Code.JOB_UNKNOWN)
                self._kept[job] = run
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return OfARow(run, leaf)
