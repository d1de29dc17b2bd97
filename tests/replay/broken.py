"""Workflows that must not replay what `IdNumberChange` has recorded, although they have its name."""

import random
from collections import defaultdict

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.answers import Outcome
    from cases.openings import NumberChangeOpening
from workflows.id_number_change import IdNumberChange


@workflow.defn(name="IdNumberChange")
class OneMore(IdNumberChange):
    """Waits before it begins: a command that is not in the history."""

    @workflow.init
    def __init__(self, opening: NumberChangeOpening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: NumberChangeOpening) -> Outcome:
        """The same story, late."""
        await workflow.sleep(1)
        return await super().run(opening)


@workflow.defn(name="IdNumberChange")
class Reordered(IdNumberChange):
    """Shows itself after every step and not when it rests: the same commands at other places."""

    @workflow.init
    def __init__(self, opening: NumberChangeOpening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: NumberChangeOpening) -> Outcome:
        """The same story, told in another order."""
        return await super().run(opening)

    async def receive(self) -> None:
        """Show before asking the register."""
        self._shown = defaultdict(lambda: None)
        self._show()
        await super().receive()


@workflow.defn(name="IdNumberChange")
class OneLess(IdNumberChange):
    """Never shows itself: a command of the history is missing."""

    @workflow.init
    def __init__(self, opening: NumberChangeOpening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: NumberChangeOpening) -> Outcome:
        """The same story, in the dark."""
        return await super().run(opening)

    def _show(self) -> None:
        """Nothing."""


@workflow.defn(name="IdNumberChange")
class RollsDice(IdNumberChange):
    """Leaves to chance what it does: no history can be held against it, and only the sandbox sees it."""

    @workflow.init
    def __init__(self, opening: NumberChangeOpening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: NumberChangeOpening) -> Outcome:
        """The same story, most of the time."""
        if random.random() < 0:  # noqa: S311 - chance is what it is about
            await workflow.sleep(1)
        return await super().run(opening)
