"""What all kinds of case have in common: how a case is received, moves, waits, shows itself and closes.

A case moves in one place, `_move`: it asks the register, which decides by the state that it holds, and takes over what
changed. Its own copy of that state (`cases.state.CaseState`) is for showing, for refusing early by the same pure
function, and for its timers. Facts from outside arrive as updates and are moved there and then, so that the caller's
answer says what has durably happened; the engine's own steps are made by `run`. Both take turns.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.registry import Registry
    from cases.answers import Answer, CaseView, LateAnswer, Outcome, Receipt, ReceiptRequest, Transition
    from cases.decide import decide, initial_state, next_step, way_from
    from cases.details import (
        Caption,
        Refusal,
        description_of,
        details_of,
        milestone_name,
        step_summary,
        timer_summary,
    )
    from cases.errors import REMEDIES, CaseError, Code
    from cases.events import EVENTS, Event, Origin
    from cases.facts import (
        CalendarGrew,
        Fact,
    )
    from cases.machines.machine import Status
    from cases.names import (
        ANSWER,
        CALENDAR_GREW,
        HISTORY,
        LOOK_AT_REGISTER,
        NEIGHBOUR_MOVED,
        RECEIPT,
        VIEW,
        asking_of,
        told_under,
    )
    from cases.openings import Opening
    from cases.stamps import check_fact
    from cases.state import CaseState, Upcoming
    from cases.steps import (
        KEPT_LATE_ANSWERS,
        KEPT_TRANSITIONS,
        Neighbour,
        RegisterRequest,
        Standing,
        StepRequest,
        StepResult,
    )
    from cases.views import answer_of, outcome_of, view_of
    from workflows.register import StepRefused, ask_register
    from workflows.search_attributes import (
        ATTENTION,
        CATEGORY,
        DUE_AT,
        KIND,
        MILESTONE,
        REGION,
        RUNG,
        STATUS,
        VERSION,
    )

STANDING: Final = "standing"
"""Memo by which a run that goes on in a new one shows meanwhile where the case stands."""

SHORTEST_TASK: Final = timedelta(seconds=5)
LONGEST_TASK: Final = timedelta(minutes=1)
"""Between these lies whatever a server gives tasks by default, which is ten seconds."""

MOST_EDITIONS: Final = 8
"""Editions of a calendar that may move no date of one version of a case; whoever names more makes them up."""

ASK_AGAIN_FOR_TURN: Final = timedelta(hours=1)
"""A case that waits for its turn is told when it may write; it asks by itself if nobody told it for so long."""


def failure_of(code: Code, asked: str | None = None, *, judged_at: int | None = None) -> ApplicationError:
    """The failure a caller or an operator reads: the code, what happened, and what to do next.

    `asked` names the asking that is refused, since the server answers it again to whoever asks under the same ID.
    `judged_at` is the version by which the run itself judged, which the register may have left by then.
    """
    remedy = REMEDIES[code]
    details = tuple(each for each in (asked, judged_at) if each is not None)
    return ApplicationError(f"{code}: {remedy.zh} {remedy.en}", *details, type=code.value, non_retryable=True)


def told(event: Event) -> Any:
    """The update by which a case is told of `event`: refused early by its validator, else moved and answered."""
    record = EVENTS[event]

    async def handler(self: "Case", fact: Fact | None = None) -> Answer:
        if fact is None:
            raise failure_of(Code.PAYLOAD_INVALID)
        return await self._told(event, fact)

    def validator(self: "Case", fact: Fact | None = None) -> None:
        # An update without a payload, or with JSON's null, arrives as None.
        if record.fact is None or not isinstance(fact, record.fact):
            raise failure_of(Code.PAYLOAD_INVALID)
        self._refuse_early(event, fact)

    for function, answer in ((handler, Answer), (validator, None)):
        function.__name__ = function.__qualname__ = event.value
        # The converter reads them, while the class of `self` is still being made.
        function.__annotations__ = {"fact": record.fact, "return": answer}
    update = workflow.update(name=event.value, description=description_of(event, record.description))(handler)
    update.validator(validator)
    return update


Run = TypeVar("Run", bound="Case")
Applied = TypeVar("Applied", bound="Opening")


def never_cancelled(
    run: Callable[[Run, Applied], Coroutine[Any, Any, Outcome]],
) -> Callable[[Run, Applied], Coroutine[Any, Any, Outcome]]:
    """A cancellation requested of the server moves no case: a step it cut off would have an unknown outcome.

    Whoever wants an end tells the case so (`withdraw`, `reject`, `person_ended`). The request is shown as refused.
    """

    @wraps(run)
    async def shielded(self: Run, opening: Applied) -> Outcome:
        life = asyncio.create_task(run(self, opening))
        while True:
            try:
                return await asyncio.shield(life)
            except asyncio.CancelledError:
                if life.done():
                    raise
                workflow.logger.warning("a cancellation was requested; a case ends by what it is told")
                self.refuse_cancellation()

    return shielded


class Case:
    """A case of any kind; its subclass tells the story."""

    def __init__(self, opening: Opening) -> None:
        # Whoever starts a case hands in an application and nothing else; where it stands the register says.
        self._opening = opening
        self._case = initial_state(opening)
        self._transitions: tuple[Transition, ...] = ()
        self._receipt: Receipt | None = None
        if (known := workflow.memo_value(STANDING, None, type_hint=Standing)) is not None:
            # What an earlier run left is shown until the register has said where the case stands.
            self._stand(known)
        self._taking_turns = asyncio.Lock()
        self._shown: dict[SearchAttributeKey[Any], Any] | None = None
        self._last_refusal: Refusal | None = None
        self._late_answers: tuple[LateAnswer, ...] = ()
        self._not_received: Code | None = None
        self._editions: tuple[int, frozenset[str]] = (0, frozenset())
        """Editions of the calendar by which the register moved no date of this version of the case."""
        self._halted: Code | None = None
        """Why the register can do nothing about the case, where not even that could be written."""
        self._ahead = timedelta()
        """By how much the server's clock was seen to be ahead of the register's."""
        # True while `run` has nothing to do of its own: only then is the status one that people can act on.
        self._resting = False

    # --- the story's words ------------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """Where the case stands."""
        return self._case.status

    @property
    def is_open(self) -> bool:
        """Whether the case can still move."""
        return self._case.is_open

    @property
    def is_stuck(self) -> bool:
        """Whether the engine needs an operator before it can go on."""
        return self._standing.stuck

    @property
    def waits_for_nothing(self) -> bool:
        """Whether its policy asks no more for what the case waited for, so that it goes on."""
        return next_step(self._standing, self._now) is Event.nothing_awaited

    async def receive(self) -> None:
        """Have the register take the application in and look at the person; or say where the case stands."""
        if (unwanted := _chosen_by_the_starter()) is not None:
            await self._give_up(unwanted)
            return
        request = RegisterRequest(opening=self._opening, at=workflow.now(), arrived=workflow.info().workflow_start_time)
        try:
            with self._milestone():
                answer = await ask_register(
                    Registry.register, request, summary=str(Caption.registering), before_waiting=self._show
                )
        except StepRefused as final:
            await self._give_up(final.code)
            return
        if answer.refused is not None:
            await self._give_up(answer.refused)
        else:
            await self._take_over(answer)

    async def make(self, event: Event) -> None:
        """The engine's own step in this status. What becomes of a case whose step is refused the register decides.

        While another case of the person is writing the step waits for its turn.
        """
        match await self._step(event):
            case None:
                return
            case Code.PERSON_BUSY:
                await self._wait_for_turn()
            case refused:
                self._halt(refused)

    async def somebody_acts_or_time_runs_out(self) -> None:
        """Wait until the case has moved. If a time limit ends first, or a rung of the ladder fires, that moves it."""
        if not self.is_stuck and (step := next_step(self._case, self._now)) is not None:
            raise RuntimeError(f"the story has no line for {self.status}, where the engine makes the step {step}")
        if workflow.info().is_continue_as_new_suggested() and not await self._continue_as_new():
            return
        self._rest()
        await self._moved_or_time_runs_out(self._standing.upcoming)

    def refuse_cancellation(self) -> None:
        """Show that a requested cancellation moves nothing."""
        self._last_refusal = Refusal(Code.EVENT_NOT_ALLOWED, at=workflow.now())
        self._show()

    async def close(self) -> Outcome:
        """Show the ending, let every caller have its answer, and end."""
        self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outcome_of(self._case)

    # --- waiting ----------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> datetime:
        """What time it is by the register's clock, as far as that is known."""
        return workflow.now() - self._ahead

    @property
    def _standing(self) -> CaseState:
        """Where the case stands, for whoever looks at it: stuck where the register could do nothing about it."""
        if self._halted is None:
            return self._case
        return self._case.model_copy(update={"stuck": True, "last_error": self._halted})

    async def _step(self, event: Event) -> Code | None:
        status = self.status
        async with self._taking_turns:
            if self.status is not status or not self.is_open:
                return None
            return await self._move(event)

    async def _wait_for_turn(self) -> None:
        """Another case of the same person is writing: wait to be told, and ask again after an hour anyway."""
        self._rest()
        # The limit of the status may have ended: what it waits for now is the turn.
        ask_again, rung = self._now + ASK_AGAIN_FOR_TURN, self._case.next_rung
        if rung is not None and rung.at <= ask_again:
            await self._moved_or_time_runs_out(rung)
        else:
            await self._changed_since(self._case.version, ask_again, str(Caption.waiting_for_turn))

    async def _moved_or_time_runs_out(self, upcoming: Upcoming | None) -> None:
        """One timer at a time, for what comes first."""
        version = self._case.version
        if upcoming is None:
            await workflow.wait_condition(lambda: self._case.version != version)
            return
        if await self._changed_since(version, upcoming.at, timer_summary(upcoming)):
            return
        # A limit that the engine itself waits for is its own next step; `run` makes it.
        if upcoming.event.origin is not Origin.timer:
            return
        async with self._taking_turns:
            code = await self._move(upcoming.event) if self._case.version == version and self.is_open else None
        if code is not None:
            self._halt(code)

    def _halt(self, code: Code) -> None:
        """The register cannot go on, and cannot write down why: the case shows it, and waits for an operator."""
        self._halted = code

    # --- what the case is asked and told ----------------------------------------------------------------------------

    @workflow.update(
        name=RECEIPT,
        description="受理回执：登记并初审后答复。Answers when the case is durably registered and screened.",
    )
    async def receipt(self, request: ReceiptRequest) -> Receipt:
        """The answer to the application; the same for everyone who sends the same application."""
        await workflow.wait_condition(lambda: self._receipt is not None or self._not_received is not None)
        if self._receipt is None:
            raise failure_of(self._not_received or Code.INTERNAL)
        return self._receipt

    @receipt.validator
    def _same_application(self, request: ReceiptRequest) -> None:
        if not isinstance(request, ReceiptRequest):
            raise failure_of(Code.PAYLOAD_INVALID)
        if request.fingerprint != self._opening.fingerprint:
            same_key = request.key == self._opening.key
            raise failure_of(Code.IDEMPOTENCY_CONFLICT if same_key else Code.CASE_ALREADY_OPEN)

    add_documents = told(Event.add_documents)
    verify_documents = told(Event.verify_documents)
    return_documents = told(Event.return_documents)
    approve = told(Event.approve)
    reject = told(Event.reject)
    hold = told(Event.hold)
    resume = told(Event.resume)
    extend = told(Event.extend)
    withdraw = told(Event.withdraw)
    resolve_dispute = told(Event.resolve_dispute)
    resolve_duplicate = told(Event.resolve_duplicate)
    confirm_downstream = told(Event.confirm_downstream)
    repair = told(Event.repair)
    hold_benefits = told(Event.hold_benefits)
    keep_benefits = told(Event.keep_benefits)
    release_benefits = told(Event.release_benefits)
    acknowledge = told(Event.acknowledge)
    recompute = told(Event.recompute)
    person_ended = told(Event.person_ended)
    report_loss = told(Event.report_loss)
    confirm_loss = told(Event.confirm_loss)
    card_found = told(Event.card_found)

    @workflow.update(
        name=CALENDAR_GREW,
        description="日历已发布，重新计算期限（引擎内部）。The engine's own word; not for people.",
    )
    async def calendar_grew(self, grew: CalendarGrew) -> Answer:
        """Years were published: dates are recomputed. Nobody decides anything by it, so it takes no stamp."""
        try:
            return await self._told(Event.recompute, None)
        except ApplicationError:
            self._editions = (self._case.version, self._editions_heard | {grew.edition})
            raise

    @calendar_grew.validator
    def _dates_can_be_recomputed(self, grew: CalendarGrew) -> None:
        if not isinstance(grew, CalendarGrew):
            raise failure_of(Code.PAYLOAD_INVALID)
        # The register knows the calendar's word by its identity, and keeps no other: its answer would not be found.
        info = workflow.current_update_info()
        if info is None or not info.id.startswith(f"{CALENDAR_GREW}:"):
            raise failure_of(Code.PAYLOAD_INVALID)
        # An edition that moved no date moves none when it is told again, and would be three events of the history.
        if grew.edition in self._editions_heard or len(self._editions_heard) >= MOST_EDITIONS:
            raise failure_of(Code.EVENT_NOT_ALLOWED, judged_at=self._case.version)
        self._refuse_early(Event.recompute, None)

    @property
    def _editions_heard(self) -> frozenset[str]:
        version, editions = self._editions
        return editions if version == self._case.version else frozenset()

    @workflow.query(name=VIEW, description="案件全貌（不含个人信息）。Everything about the case that may be shown.")
    def view(self) -> CaseView:
        """Everything about the case that may be shown without opening personal data."""
        return self._view()

    @workflow.query(name=HISTORY, description="办理经过。The transitions so far.")
    def history(self) -> tuple[Transition, ...]:
        """The transitions so far, oldest first; of a very long life the newest, for all stand in the register."""
        return self._transitions

    @workflow.query(name=ANSWER, description="按更新标识查询答复。The answer to an update that moved the case.")
    def answer(self, update_id: str) -> Answer | None:
        """The answer to an update that moved the case, None where that is not known; for callers who never got it."""
        given = self._answer_given(update_id)
        return answer_of(self._case, given) if given is not None and given.refused is None else None

    @workflow.signal(
        name=NEIGHBOUR_MOVED, description="相关案件的通知（引擎内部）。Another case tells this one; not for people."
    )
    async def neighbour_moved(self, told: Neighbour) -> None:
        """Another case tells of a dispute, a changed number or a free turn; the weekly check tells of a lifted hold.

        It is a hint that something may have happened: whether it has stands in the register's own tables.
        """
        await _after_what_is_told()
        async with self._turn_of_a_caller():
            if told.event.origin is not Origin.neighbour or not self._case.machine.rows(self.status, told.event):
                workflow.logger.info("neighbour's event not possible now", extra={"event": told.event.value})
                return
            code = await self._move(told.event, related=told.because_of)
            if code is not None:
                workflow.logger.info("neighbour's event refused", extra={"code": code.value})

    @workflow.signal(
        name=LOOK_AT_REGISTER,
        description="与登记库核对（引擎内部）。The reconciliation found that both differ; not for people.",
    )
    async def look_at_register(self) -> None:
        """Stand where the register stands: it may have moved without this run. The signal itself says nothing."""
        await _after_what_is_told()
        async with self._turn_of_a_caller():
            if self._not_received is not None or not self.is_open:
                return
            request = RegisterRequest(opening=self._opening, at=workflow.now(), arrived=workflow.now())
            try:
                answer = await ask_register(
                    Registry.register, request, summary=str(Caption.reconciling), before_waiting=self._show
                )
            except StepRefused as final:
                workflow.logger.warning("the register did not say where it stands", extra={"code": final.code.value})
                return
            if self._is_behind(answer):
                self._halt(Code.REGISTER_BEHIND)
                self._show()
            elif answer.standing is not None and answer.standing.place > (self._case.generation, self._case.version):
                await self._take_over(answer)

    def _can_be_told(self) -> bool:
        """Whether the case rests in a status that somebody may act on, or never will again."""
        return self._resting or not self.is_open or self._not_received is not None

    @asynccontextmanager
    async def _turn_of_a_caller(self) -> AsyncIterator[None]:
        """One caller at a time, and none while the engine still has steps of its own to make."""
        while True:
            await workflow.wait_condition(self._can_be_told)
            async with self._taking_turns:
                if self._can_be_told():
                    yield
                    return

    async def _told(self, event: Event, fact: Fact | None) -> Answer:
        update_id, arrived = _current_update_id(), workflow.now()
        asked = None if fact is None else asking_of(fact.stamp)
        while True:
            async with self._turn_of_a_caller():
                if self._not_received is not None:
                    raise failure_of(self._not_received)
                if (given := self._answer_given(update_id)) is not None:
                    return self._answered(given)
                version = self._case.version
                code = await self._move(event, fact, told_as=update_id, arrived=arrived)
                # Perhaps the register had made this very move already.
                if (given := self._answer_given(update_id)) is not None:
                    return self._answered(given)
                # Where the register was ahead, the fact is judged again by what holds.
                if code is None and self._case.version != version:
                    continue
                code = code or Code.INTERNAL
                self._last_refusal = Refusal(code, event, workflow.now())
                self._show_details()
                raise failure_of(code, asked)

    def _refuse_early(self, event: Event, fact: Fact | None) -> None:
        # While the case moves nobody can say what is possible; the handler waits and decides then.
        if not self._resting or self._answer_given(_current_update_id()) is not None:
            return
        try:
            if fact is not None:
                check_fact(fact, self._case.case_id, event)
            decide(self._case, event, fact, self._now)
        except CaseError as not_possible:
            if not_possible.code is Code.ANSWER_OUT_OF_DATE:
                # The register refuses it as well, and writes it down.
                return
            # A validator may not change what the case shows, and what it refuses leaves no trace: the caller is told,
            # the view says so, and the details when they are written next.
            self._last_refusal = Refusal(not_possible.code, event, workflow.now())
            raise failure_of(not_possible.code, judged_at=self._case.version) from None

    def _answered(self, given: Transition) -> Answer:
        """The answer to what was told. Raises its refusal where what was told is on record and counts for nothing."""
        if given.refused is None:
            return answer_of(self._case, given)
        self._last_refusal = Refusal(given.refused, given.event, workflow.now())
        self._show_details()
        raise failure_of(given.refused)

    def _answer_given(self, update_id: str) -> Transition | None:
        for transition in reversed(self._transitions):
            if transition.told_as == update_id:
                return transition
        return None

    # --- how a case moves -------------------------------------------------------------------------------------------

    async def _move(
        self,
        event: Event,
        fact: Fact | None = None,
        *,
        told_as: str | None = None,
        arrived: datetime | None = None,
        related: str | None = None,
    ) -> Code | None:
        """Ask the register for one transition and take over what it answers. Answers a refusal's code."""
        request = StepRequest.of(
            self._case, event, fact, told_as=told_as, related=related, arrived=arrived, at=workflow.now()
        )
        try:
            with self._milestone():
                answer = await ask_register(
                    Registry.advance,
                    request,
                    summary=step_summary(event, way_from(self._case, event, fact, self._now)),
                    before_waiting=self._show,
                )
        except StepRefused as final:
            return final.code
        if self._is_behind(answer):
            return Code.REGISTER_BEHIND
        if answer.not_before is not None and answer.now is not None:
            # The timer is armed again, by the register's clock.
            self._ahead = workflow.now() - answer.now
            return None
        if answer.refused is None or answer.moves:
            await self._take_over(answer)
        if answer.late_answer is not None:
            self._late_answers = (*self._late_answers, answer.late_answer)[-KEPT_LATE_ANSWERS:]
        return answer.refused

    async def _take_over(self, answer: StepResult) -> None:
        """What changed; or what stands, where the register is ahead.

        A worker died, an operator reset this workflow, or the server gave the same task out once more because it would
        have closed the case while updates were still coming in. Whoever made the move still waits for the answer, which
        stands in the register, for the update when it comes again and for `answer` when the case is closed.
        """
        if answer.standing is not None:
            self._stand(answer.standing)
        else:
            self._case = answer.applied_to(self._case)
            self._receipt = answer.receipt or self._receipt
            self._transitions = (*self._transitions, *answer.moves)[-KEPT_TRANSITIONS:]
        self._halted = None
        self._resting = False
        await tell_neighbours(answer.neighbours)

    def _is_behind(self, answer: StepResult) -> bool:
        """Whether the register knows less of this case than its run, which goes back for nobody."""
        return answer.standing is not None and answer.standing.place < (self._case.generation, self._case.version)

    def _stand(self, standing: Standing) -> None:
        self._case = standing.state_of(self._opening)
        self._receipt = standing.receipt_for(self._case)
        self._transitions = standing.transitions
        self._late_answers = standing.late_answers

    async def _give_up(self, code: Code) -> None:
        """The application cannot be received at all: every caller learns why, and the run fails with the same code."""
        self._not_received = code
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise failure_of(code)

    async def _changed_since(self, version: int, until: datetime, summary: str) -> bool:
        left = max(until - self._now, timedelta())
        try:
            with self._milestone():
                await workflow.wait_condition(
                    lambda: self._case.version != version, timeout=left, timeout_summary=summary
                )
        except TimeoutError:
            return self._case.version != version
        return True

    async def _continue_as_new(self) -> bool:
        """Go on in a new run, which asks the register where it stands; or answer False where a caller was first."""
        self._rest()
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or not self._resting)
        if self._resting:
            standing = Standing.of(self._case, self._receipt, self._transitions, self._late_answers)
            workflow.continue_as_new(self._opening.model_copy(update={"stamp": None}), memo={STANDING: standing})
        return self._resting

    def _rest(self) -> None:
        self._resting = True
        self._show()

    # --- what the case shows ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring search attributes and details up to date: one upsert at most, and none where nothing changed."""
        view = self._show_details()
        shown: dict[SearchAttributeKey[Any], Any] = {
            KIND: view.kind.value,
            REGION: view.region,
            CATEGORY: view.category.value,
            STATUS: view.status.value,
            MILESTONE: view.milestone.value,
            ATTENTION: list(view.attention) or None,
            DUE_AT: view.due_at,
            RUNG: view.rung or None,
            VERSION: view.version or None,
        }
        # What a starter chose to be found by counts for nothing: the first upsert puts it right.
        before = self._shown if self._shown is not None else _shown_at_start(shown)
        updates: list[SearchAttributeUpdate[Any]] = [
            key.value_unset() if value is None else key.value_set(value)
            for key, value in shown.items()
            if value != before[key]
        ]
        if updates:
            with self._milestone():
                workflow.upsert_search_attributes(updates)
        self._shown = shown

    def _milestone(self) -> AbstractContextManager[None]:
        """The commands of one milestone stand together in the timeline, where the server keeps event groups."""
        # Its name is its ID: a label would be one more sealed payload in the history.
        return workflow.create_event_group(milestone_name(self._case.milestone)).scope()

    def _show_details(self) -> CaseView:
        view = self._view()
        workflow.set_current_details(details_of(view, workflow.info().namespace, self._last_refusal, self._transitions))
        return view

    def _view(self) -> CaseView:
        refusal = self._last_refusal.code if self._last_refusal is not None else None
        return view_of(self._standing, self._now, refusal, self._late_answers)


async def tell_neighbours(neighbours: Iterable[Neighbour]) -> None:
    """Tell other cases, one after the other, of what concerns them."""
    for neighbour in neighbours:
        other = workflow.get_external_workflow_handle(neighbour.case_id)
        try:
            await other.signal(Case.neighbour_moved, neighbour)
        except FailureError:
            # It closed in the meantime: it has nothing to learn any more.
            workflow.logger.info("neighbour is closed", extra={"event": neighbour.event.value})


def _shown_at_start(keys: Iterable[SearchAttributeKey[Any]]) -> dict[SearchAttributeKey[Any], Any]:
    attributes = workflow.info().typed_search_attributes
    return {key: attributes.get(key) for key in keys}


def _chosen_by_the_starter() -> Code | None:
    """Whether this run was started with what no case has: a schedule, a time-out or a retry policy of its own.

    A case lives until it is decided, and begins once. The client starts none with any of it, and leaves to the server
    for how long a worker may have a task.
    """
    info = workflow.info()
    task_is_odd = not SHORTEST_TASK <= info.task_timeout <= LONGEST_TASK
    chosen = (info.cron_schedule, info.execution_timeout, info.run_timeout, info.retry_policy, task_is_odd)
    return Code.START_REFUSED if any(chosen) else None


async def _after_what_is_told() -> None:
    """A signal waits its turn behind whoever is told something in the same task.

    What a reset has told again comes before a later signal when it is heard, and after it when the history is replayed.
    """
    await asyncio.sleep(0)


def _current_update_id() -> str:
    info = workflow.current_update_info()
    if info is None:
        raise RuntimeError("not in an update")
    return told_under(info.id)
