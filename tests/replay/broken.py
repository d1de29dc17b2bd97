"""Workflows that must not replay what `IdNumberChange` has recorded, although they have its name."""

import random

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.answers import Outcome
    from cases.state import CaseState
from workflows.id_number_change import IdNumberChange


@workflow.defn(name="IdNumberChange")
class OneMore(IdNumberChange):
    """Waits before it begins: a command that is not in the history."""

    @workflow.init
    def __init__(self, case: CaseState) -> None:
        super().__init__(case)

    @workflow.run
    async def run(self, case: CaseState) -> Outcome:
        """The same story, late."""
        await workflow.sleep(1)
        return await super().run(case)


@workflow.defn(name="IdNumberChange")
class Reordered(IdNumberChange):
    """Shows itself after every step and not when it rests: the same commands at other places."""

    @workflow.init
    def __init__(self, case: CaseState) -> None:
        super().__init__(case)

    @workflow.run
    async def run(self, case: CaseState) -> Outcome:
        """The same story, told in another order."""
        return await super().run(case)

    async def receive(self) -> None:
        """Show before asking the register."""
        self._shown = ("", "", (), None, 0)
        self._show()
        await super().receive()


@workflow.defn(name="IdNumberChange")
class OneLess(IdNumberChange):
    """Never shows itself: a command of the history is missing."""

    @workflow.init
    def __init__(self, case: CaseState) -> None:
        super().__init__(case)

    @workflow.run
    async def run(self, case: CaseState) -> Outcome:
        """The same story, in the dark."""
        return await super().run(case)

    def _show(self) -> None:
        """Nothing."""


@workflow.defn(name="IdNumberChange")
class RollsDice(IdNumberChange):
    """Leaves to chance what it does: no history can be held against it, and only the sandbox sees it."""

    @workflow.init
    def __init__(self, case: CaseState) -> None:
        super().__init__(case)

    @workflow.run
    async def run(self, case: CaseState) -> Outcome:
        """The same story, most of the time."""
        if random.random() < 0:  # noqa: S311 - chance is what it is about
            await workflow.sleep(1)
        return await super().run(case)
