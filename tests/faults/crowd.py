"""Callers of many cases at once, each of which lives one of some lives to its end while faults are injected."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from cases.errors import Code
from cases.events import Event
from cases.openings import Opening, ReplacementReason
from intake.client import Refused
from tests.engine import Person, new_number
from tests.faults.calling import CallingEngine
from tests.faults.sagas import Saga, tell_all
from tests.scenes import ID_CARD
from tests.workflows.dossier import Dossier
from tests.workflows.roads import HELD_BENEFITS

AT_ONCE: Final = 10
"""Cases that live at the same time."""

Life = Callable[[CallingEngine, Dossier], Awaitable[None]]


async def changes_its_number(_: CallingEngine, case: Dossier) -> None:
    """A number change to `done`."""
    await tell_all(case, Saga.number_change)


async def replaces_its_card(_: CallingEngine, case: Dossier) -> None:
    """A replacement to `done`."""
    await tell_all(case, Saga.replacement)


async def is_held(_: CallingEngine, case: Dossier) -> None:
    """A number change that is on hold for a while."""
    await case.tell(Event.hold)
    await case.tell(Event.resume)
    await tell_all(case, Saga.number_change)


async def is_raced_for(engine: CallingEngine, case: Dossier) -> None:
    """A clerk rejects while the applicant withdraws: either ends the case, and one of them does."""
    rivals = f"{case.case_id} rejected or withdrawn"
    answers = await asyncio.gather(
        *(engine.tell(case.case_id, event, rivals=rivals) for event in (Event.reject, Event.withdraw)),
        return_exceptions=True,
    )
    lost = [answer for answer in answers if isinstance(answer, BaseException)]
    for answer in lost:
        if not isinstance(answer, Refused) or answer.code is not Code.CASE_CLOSED:
            raise answer


LIVES: Final[tuple[Life, ...]] = (changes_its_number, changes_its_number, replaces_its_card, is_held, is_raced_for)


@dataclass
class Crowd:
    """Persons who are known to the register, what they apply for, and the life that each case will have."""

    engine: CallingEngine
    members: list[tuple[Life, Person, Opening]] = field(default_factory=list)
    lived: int = 0

    @classmethod
    async def prepared(cls, engine: CallingEngine, size: int, chance: Random) -> "Crowd":
        """A crowd of some size."""
        crowd = cls(engine)
        for number in range(size):
            life = chance.choice(LIVES)
            phone = f"1990003{number:04}"
            if life is replaces_its_card:
                person = await engine.insured(number=new_number(), phone=phone)
                opening: Opening = engine.replacement(person, ReplacementReason.lost, ID_CARD)
            else:
                person = await engine.insured(benefit_holds=HELD_BENEFITS, phone=phone)
                opening = engine.number_change(person, ID_CARD)
            crowd.members.append((life, person, opening))
        return crowd

    async def live(self, while_: Callable[[], bool]) -> None:
        """Live one life after the other, some at once, for as long as somebody is left and it is wanted."""
        left = iter(list(self.members))

        async def one_after_the_other() -> None:
            while while_() and (member := next(left, None)) is not None:
                await self._live(*member)

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))

    async def arrive(self, seconds: float) -> None:
        """Begin all lives, one every so many seconds, however long those take that have begun."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.TaskGroup() as living:
            for number, member in enumerate(self.members):
                await asyncio.sleep(begun + number * seconds - loop.time())
                living.create_task(self._live(*member))

    async def _live(self, life: Life, person: Person, opening: Opening) -> None:
        await life(self.engine, await Dossier.open(self.engine, person, opening))
        self.lived += 1
