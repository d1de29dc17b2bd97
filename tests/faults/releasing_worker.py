"""`worker.py` of another release, by day: the same but for what ID-number changes do, and for the name of its build.

    RELEASE=before|next|bad python -m tests.faults.releasing_worker

`before` is the code as it is. `next` does one thing more, and asks which cases are its own (`workflow.patched`). `bad`
does it in all of them.
"""

import os
from datetime import timedelta
from enum import StrEnum
from typing import Final
from unittest.mock import patch

from temporalio import workflow

from cases.answers import Outcome
from cases.names import Kind
from cases.openings import NumberChangeOpening
from runtime import build
from runtime import stories as told
from runtime.ending import end
from workflows.card_replacement import CardReplacement
from workflows.case import Case
from workflows.id_number_change import IdNumberChange

RELEASE: Final = "RELEASE"
A_MOMENT: Final = timedelta(milliseconds=1)


class Release(StrEnum):
    """Which release the worker is; the value is the name of its build."""

    before = "before"
    next = "next"
    bad = "bad"


@workflow.defn(name=Kind.id_number_change.value)
class Next(IdNumberChange):
    """Takes a moment before it begins, where the case is its own."""

    @workflow.init
    def __init__(self, opening: NumberChangeOpening) -> None:
        super().__init__(opening)
        self._takes_a_moment = workflow.patched("a-moment")

    @workflow.run
    async def run(self, opening: NumberChangeOpening) -> Outcome:
        """The same story, a moment later."""
        if self._takes_a_moment:
            await workflow.sleep(A_MOMENT)
        return await super().run(opening)


@workflow.defn(name=Kind.id_number_change.value)
class Bad(IdNumberChange):
    """Takes a moment before it begins, whosever the case is."""

    @workflow.init
    def __init__(self, opening: NumberChangeOpening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: NumberChangeOpening) -> Outcome:
        """The same story, a moment later."""
        await workflow.sleep(A_MOMENT)
        return await super().run(opening)


STORIES: Final[dict[Release, type[Case]]] = {
    Release.before: IdNumberChange,
    Release.next: Next,
    Release.bad: Bad,
}


def main() -> int:
    """Run the worker of the release."""
    # It comes with the settings of the process, which a fork has only now.
    from tests.faults import worker_by_day  # noqa: PLC0415 - see above

    release = Release(os.environ[RELEASE])
    stories = {Kind.id_number_change: STORIES[release], Kind.card_replacement: CardReplacement}
    with (
        patch.dict(told.STORIES, stories),
        patch.object(build, "build_id", lambda: release.value),
    ):
        return worker_by_day.main()


if __name__ == "__main__":
    end(main())
