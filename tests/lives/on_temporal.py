"""Lives through Temporal: workflows wait, make their steps and tell each other; the register goes by the life's time.

Every life has a time of its own, and so has every workflow; that of a workflow only says when it asks. What time it is
when the register is asked is what time it is in the life.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.calendar import official_calendar
from activities.registry import Clock, Registry
from activities.registry.pool import Connection, Pool
from activities.sealing import Sealer
from cases.answers import Answer, Receipt, ReceiptRequest
from cases.decide import next_step
from cases.errors import Code
from cases.events import Event, Origin
from cases.facts import CalendarGrew, Fact
from cases.kinds import case_id as case_id_of
from cases.names import CALENDAR_GREW, RECEIPT, TOLD_AFTER_CLOSING, after_closing_id
from cases.openings import Opening
from cases.policy import Policies
from cases.state import CaseState, Upcoming
from cases.steps import (
    AnswerAfterClosing,
    Neighbour,
    RegisterRequest,
    StepRequest,
    StepResult,
    ToldAfterClosing,
)
from tests.engine import Engine
from tests.lives.life import Life, WentWrong
from tests.lives.twins import Apart, Moved
from tests.stamping import STAMPS
from tests.workflows.dossier import PATIENCE, code_of

FURTHER: Final = timedelta(minutes=2)
"""By how much a workflow's time goes beyond a limit that is to end: the two clocks are not read at one moment."""
NEIGHBOURS_PATIENCE: Final = 3.0
"""Seconds after which a neighbour that has not moved was told what is not so any more."""


class RegisterOfLives(Registry):
    """The register's activities, at the time and by the calendar of the life that asks."""

    def __init__(self, pool: Pool, sealer: Sealer, policies: Policies) -> None:
        super().__init__(pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
        self.lives: dict[str, LifeOnTemporal] = {}
        """By the token of a person."""

    @activity.defn
    async def register(self, request: RegisterRequest) -> StepResult:
        """As the register, at the life's time."""
        life = self.lives[request.opening.person]
        life.ahead.pop(case_id_of(request.opening.kind, request.opening.person), None)
        result = await life.registry.register(request.model_copy(update={"at": life.now, "arrived": life.now}))
        await life.asked()
        return result

    @activity.defn
    async def advance(self, request: StepRequest) -> StepResult:
        """As the register, at the life's time."""
        life = self._life_of(request.case_id)
        arrived = None if request.arrived is None else life.now
        result = await life.registry.advance(request.model_copy(update={"at": life.now, "arrived": arrived}))
        if result.not_before is not None and result.now is not None:
            life.ahead[request.case_id] = request.at - result.now
        await life.asked(request)
        return result

    @activity.defn
    async def tell_closed(self, request: ToldAfterClosing) -> AnswerAfterClosing:
        """As the register, at the life's time."""
        life = self._life_of(request.case_id)
        answer = await life.registry.tell_closed(request.model_copy(update={"at": life.now, "arrived": life.now}))
        await life.asked()
        return answer

    def _life_of(self, case_id: str) -> "LifeOnTemporal":
        return self.lives[case_id.partition("-")[2]]


class LifeOnTemporal(Life):
    """A life whose cases are workflows."""

    def __init__(
        self, seed: int, engine: Engine, register: RegisterOfLives, watcher: Connection, policies: Policies
    ) -> None:
        super().__init__(seed, engine.pool, watcher, engine.sealer, policies)
        self.engine = engine
        self.registry = Registry(engine.pool, engine.sealer, STAMPS, policies, self.calendar, clock=Clock.callers)
        self._of_all = register.lives
        self.ahead: dict[str, timedelta] = {}
        """By how much workflows know that their time is ahead of the register's."""
        self._looking = asyncio.Lock()
        self._wrong: Exception | None = None
        """What a look found that a step of a workflow gave occasion to."""
        self._untold: Counter[tuple[str, Event]] = Counter()
        """What neighbours were told and have not asked the register about, by case; below 0 where they ask first."""
        self._something_moved = asyncio.Event()

    def begins(self, place: int) -> datetime:
        return datetime.now(UTC) - timedelta(days=place)

    async def lived(self, acts: Iterable[int]) -> None:
        try:
            await super().lived(acts)
        finally:
            for each in self.people:
                self._of_all.pop(each.token, None)

    def begun(self) -> None:
        self._of_all.update({each.token: self for each in self.people})

    async def asked(self, request: StepRequest | None = None) -> None:
        """The register has answered a workflow, which goes on when what it holds was looked at."""
        self.moved = True
        with suppress(WentWrong, Apart):
            await self.look()
        if request is not None and request.event.origin is Origin.neighbour:
            self._untold[request.case_id, request.event] -= 1
        self._something_moved.set()

    async def look(self) -> None:
        async with self._looking:
            if self._wrong is None:
                try:
                    await super().look()
                except (WentWrong, Apart) as wrong:
                    self._wrong = wrong
        if self._wrong is not None:
            raise self._wrong

    def _heard(self, told: Moved) -> None:
        self._untold.update((each.case_id, each.event) for each in told.neighbours)

    def judge(self, state: CaseState, event: Event, expected: Code | None, refused: Code | None) -> None:
        # Where a neighbour was faster, it was another state that refused.
        if refused is None or self.newest[state.case_id].version == state.version:
            super().judge(state, event, expected, refused)

    # --- how the engine is asked ------------------------------------------------------------------------------------

    async def open(self, opening: Opening) -> Code | None:
        self.moved = True
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            opening.kind.value,
            opening,
            id=case_id_of(opening.kind, opening.person),
            task_queue=self.engine.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
            if opening.reopen
            else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        )
        self._names += 1
        try:
            await self.engine.client.execute_update_with_start_workflow(
                RECEIPT,
                ReceiptRequest(key=opening.key, fingerprint=opening.fingerprint),
                start_workflow_operation=start,
                id=f"{RECEIPT}:{opening.key}:{self._names}",
                result_type=Receipt,
            )
        except WorkflowUpdateFailedError as refused:
            return code_of(refused)
        except WorkflowAlreadyStartedError:
            with suppress(WorkflowAlreadyStartedError):
                # Else the client logs that nobody asked.
                await start.workflow_handle()
            return Code.CASE_CLOSED
        return None

    async def tell(self, state: CaseState, event: Event, fact: Fact, told_as: str) -> Code | None:
        self.moved = True
        if not state.is_open:
            return await self._tell_closed(state, event, fact, told_as)
        handle = self.engine.handle(state.case_id)
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await handle.execute_update(event.value, fact, id=told_as, result_type=Answer)
        except WorkflowUpdateFailedError as refused:
            return code_of(refused)
        except RPCError as gone:
            if gone.status is not RPCStatusCode.NOT_FOUND:
                raise
            return Code.CASE_CLOSED
        return None

    async def _tell_closed(self, state: CaseState, event: Event, fact: Fact, told_as: str) -> Code | None:
        told = ToldAfterClosing(
            case_id=state.case_id,
            event=event,
            fact=fact.model_dump(mode="json", exclude_unset=True),
            told_as=told_as,
        )
        answer: AnswerAfterClosing = await self.engine.client.execute_workflow(
            TOLD_AFTER_CLOSING,
            told,
            id=after_closing_id(state.case_id, told_as),
            task_queue=self.engine.task_queue,
            result_type=AnswerAfterClosing,
        )
        if answer.is_open:
            raise WentWrong("a case is open that was closed")
        return answer.refused

    async def hint(self, case_id: str, event: Event) -> None:
        self.moved = True
        handle = self.engine.handle(case_id)
        if event.origin is Origin.neighbour:
            self._untold[case_id, event] += 1
            await handle.signal("neighbour_moved", Neighbour(case_id=case_id, event=event))
            return
        self._names += 1
        try:
            await handle.execute_update(
                CALENDAR_GREW, CalendarGrew(edition=f"amended-{self._names}"), id=f"{CALENDAR_GREW}:{self._names}"
            )
        except WorkflowUpdateFailedError as refused:
            if code_of(refused) not in {Code.EVENT_NOT_ALLOWED, Code.CASE_CLOSED}:
                raise WentWrong(f"the calendar grew, and {code_of(refused)}") from refused
        await self.look()

    # --- what happens of itself -------------------------------------------------------------------------------------

    async def settle(self) -> None:
        while True:
            self._something_moved.clear()
            await self.look()
            steps, untold = await self._steps_left(), self._still_untold()
            if not steps and not untold:
                return
            try:
                async with asyncio.timeout(PATIENCE.total_seconds() if steps else NEIGHBOURS_PATIENCE):
                    await self._something_moved.wait()
            except TimeoutError:
                if steps:
                    raise WentWrong(f"comes to a stand: {steps}") from None
                for told in untold:
                    del self._untold[told]

    def _still_untold(self) -> list[tuple[str, Event]]:
        """What neighbours are to ask the register about yet; one that is not where it concerns them does not ask."""
        for told in [told for told, times in self._untold.items() if times > 0 and not self._concerns(*told)]:
            del self._untold[told]
        return [told for told, times in self._untold.items() if times > 0]

    def _concerns(self, case_id: str, event: Event) -> bool:
        state = self.newest.get(case_id)
        return state is not None and state.is_open and bool(state.machine.rows(state.status, event))

    async def _steps_left(self) -> list[str]:
        """The engine's own steps that are still to be made; whoever waits for their turn makes none."""
        left = [
            (case_id, step)
            for case_id, state in self.newest.items()
            if (step := next_step(state, self.now)) is not None
        ]
        if not left:
            return []
        waiting = await self._waiting()
        return [f"{step} of {case_id[:7]}" for case_id, step in left if case_id not in waiting]

    async def _waiting(self) -> set[str]:
        rows = await self.watcher.fetch(
            "SELECT case_id FROM turn_waiters WHERE case_id = ANY ($1::text[])", list(self.newest)
        )
        return {row["case_id"] for row in rows}

    async def wait(self, until: datetime) -> None:
        await self.settle()
        while (due := await self._next_of(until)) is not None:
            case_id, upcoming = due
            self.now = max(self.now, upcoming.at.astimezone(UTC))
            version = self.newest[case_id].version
            await self._time_goes_on_for(case_id, upcoming)
            await self._moves(case_id, version, upcoming)
            await self.settle()
        self.now = max(self.now, until)
        await self.settle()

    async def _time_goes_on_for(self, case_id: str, upcoming: Upcoming) -> None:
        handle = self.engine.handle(case_id)
        left = upcoming.at + self.ahead.get(case_id, timedelta()) - await self.engine.time_of(case_id)
        await self.engine.skipper.fast_forward(handle, max(left, timedelta()) + FURTHER)

    async def _moves(self, case_id: str, version: int, upcoming: Upcoming) -> None:
        """Wait until a case has moved because of a limit."""
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                while True:
                    self._something_moved.clear()
                    await self.look()
                    if self.newest[case_id].version != version:
                        return
                    await self._something_moved.wait()
        except TimeoutError:
            raise WentWrong(f"{upcoming.event} of {case_id[:7]} is due, and does not happen") from None

    async def _next_of(self, until: datetime) -> tuple[str, Upcoming] | None:
        """What is due first by then, and of which case."""
        waiting = await self._waiting()
        due = []
        for case_id, state in self.newest.items():
            upcoming = state.upcoming if case_id not in waiting else state.next_rung if state.is_open else None
            if upcoming is not None and upcoming.at <= until:
                due.append((upcoming.at, case_id, upcoming))
        if not due:
            return None
        _, case_id, upcoming = min(due, key=lambda each: each[:2])
        return case_id, upcoming
