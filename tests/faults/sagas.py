"""Lives of a case in which the worker dies: what is told to the case from outside, and the steps that follow."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final, NamedTuple

from activities.calendar import official_calendar
from activities.registry import Registry
from cases.answers import Outcome
from cases.events import Event
from cases.kinds import case_id
from cases.models import System
from cases.openings import Opening, ReplacementReason
from tests.engine import Engine, Person, new_number, quiet_policies
from tests.faults.crashing_worker import ARMED, QUEUE, Point
from tests.faults.ledger import Ledger, ledger_of
from tests.nursery import forked_worker
from tests.scenes import ID_CARD
from tests.stamping import STAMPS
from tests.worker_process import WorkerProcess
from tests.workflows.dossier import Dossier
from tests.workflows.roads import HELD_BENEFITS, activate

BEFORE_ANYTHING: Final = -1
"""The version of a case that is not registered."""


class Saga(StrEnum):
    """A life that is walked to its end, `done`."""

    number_change = "number_change"
    replacement = "replacement"


STEPS: Final[Mapping[Saga, tuple[str, ...]]] = {
    Saga.number_change: (
        "registered.0",
        "screened.1",
        "verify_documents.2",
        "apply.3",
        "commit.4",
        "confirm_downstream.5",
        "confirm_downstream.6",
        "confirm_downstream.7",
        "unblock.8",
        "release.9",
    ),
    Saga.replacement: (
        "registered.0",
        "checked.1",
        "confirm_loss.2",
        "checked.3",
        "verify_documents.4",
        "order_card.5",
        "card_produced.6",
        "card_handed_over.7",
        "card_activated.8",
        "card_activated.9",
        "switch_cards.10",
        "close_old.11",
    ),
}
"""The steps of each life, `event.version`, in their order."""


class Crash(NamedTuple):
    """Where the worker dies."""

    saga: Saga
    step: str
    point: Point

    def __str__(self) -> str:
        return f"{self.saga}-{self.step}-{self.point}"

    @property
    def version_left(self) -> int:
        """The version of the case that the dead worker leaves: the old one, or the new one where it had committed."""
        version = int(self.step.rpartition(".")[2])
        return version if self.point in {Point.after_commit, Point.after_return} else version - 1

    def arm(self, file: Path) -> None:
        """Write down what the worker looks for."""
        file.write_text(f"{self.step} {self.point}", encoding="ascii")


@dataclass
class Aftermath:
    """What was found when the worker had died, and when the case had ended."""

    person: Person
    died_with: int | None = None
    left: Ledger = field(default_factory=dict)
    ended: Ledger = field(default_factory=dict)
    outcome: Outcome | None = None
    seconds: float = 0.0
    """From the moment at which there was a worker again to the end of the case."""
    output: str = field(default="", repr=False)
    """What both workers said."""


async def apply_for(engine: Engine, saga: Saga) -> tuple[Person, Opening]:
    """A new person, and what they apply for."""
    if saga is Saga.number_change:
        person = await engine.insured(benefit_holds=HELD_BENEFITS)
        return person, engine.number_change(person, ID_CARD)
    person = await engine.insured(number=new_number())
    return person, engine.replacement(person, ReplacementReason.lost, ID_CARD)


async def tell_all(case: Dossier, saga: Saga) -> None:
    """Everything that a case has to be told on its way to `done`."""
    if saga is Saga.number_change:
        await case.tell(Event.verify_documents)
        await case.confirm(*System)
        return
    await case.tell(Event.confirm_loss)
    await case.tell(Event.verify_documents)
    await case.tell(Event.card_produced, case.produced())
    await case.tell(Event.card_handed_over)
    await activate(case)


class Witness(Registry):
    """The register's activities, which write down the ledger after each step."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.pool, engine.sealer, STAMPS, quiet_policies(), official_calendar)
        self.ledgers: dict[int, Ledger] = {}

    async def _call(self, function: str, asked: dict[str, Any]) -> dict[str, Any]:
        written = asked["transition"]
        if not self.ledgers:
            self.ledgers[BEFORE_ANYTHING] = await ledger_of(self._pool, written["case_id"])
        answer = await super()._call(function, asked)
        self.ledgers[written["version"]] = await ledger_of(self._pool, written["case_id"])
        return answer


async def undisturbed(engine: Engine, saga: Saga) -> dict[int, Ledger]:
    """The ledgers of a life in which nothing happens to the worker, by the version of the case."""
    witness = Witness(engine)
    quiet = replace(engine, registry=witness, task_queue=f"undisturbed-{saga}")
    async with quiet.working():
        case = await Dossier.open(quiet, *await apply_for(quiet, saga))
        await tell_all(case, saga)
        await case.ends()
    return witness.ledgers


async def disturbed(engine: Engine, crash: Crash, settings: Mapping[str, str], armed: Path) -> Aftermath:
    """A life in which the worker dies once and is started again by the same command."""
    crash.arm(armed)
    own = replace(engine, task_queue=str(crash))
    person, opening = await apply_for(own, crash.saga)
    aftermath = Aftermath(person)
    case = case_id(opening.kind, opening.person)
    back_at = 0.0

    async def look(status: int) -> None:
        aftermath.died_with = status
        aftermath.left = await ledger_of(engine.pool, case)

    def back() -> None:
        nonlocal back_at
        back_at = time.monotonic()

    async def life() -> None:
        dossier = await Dossier.open(own, person, opening)
        await tell_all(dossier, crash.saga)
        aftermath.outcome = await own.handle(case).result()
        aftermath.seconds = time.monotonic() - back_at
        await dossier.ends()

    workers = await supervised(life(), {**settings, QUEUE: own.task_queue, ARMED: str(armed)}, look, back)
    aftermath.ended = await ledger_of(engine.pool, case)
    aftermath.output = "".join(worker.output for worker in workers)
    return aftermath


async def supervised(
    life: Coroutine[None, None, None],
    settings: Mapping[str, str],
    at_death: Callable[[int], Awaitable[None]],
    when_ready: Callable[[], None],
) -> list[WorkerProcess]:
    """Walk a life beside a crashing worker that is started again when it was killed, by the same command."""
    workers: list[WorkerProcess] = []

    async def keep_one() -> None:
        status = -SIGKILL
        while status == -SIGKILL:
            async with forked_worker(settings, program="tests.faults.crashing_worker") as worker:
                workers.append(worker)
                await worker.says("ready")
                when_ready()
                status = await worker.ends()
            await at_death(status)

    keeping, walking = asyncio.create_task(keep_one()), asyncio.create_task(life)
    await asyncio.wait({keeping, walking}, return_when=asyncio.FIRST_COMPLETED)
    first = walking if walking.done() else keeping
    for task in (keeping, walking):
        task.cancel()
    await asyncio.wait({keeping, walking})
    await first
    return workers
