"""What both kinds of case have in common: how a case is received, moves, waits, shows itself and closes.

A case has one frozen state (`cases.progress.CaseState`). It moves in one place, `_move`: the pure machine decides, the
register writes in one transaction, the state is replaced. Facts from outside arrive as updates and are moved there and
then, so that the caller's answer says what has durably happened; the engine's own steps are made by `run`. Both take
turns.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.registry import Registry
    from cases.errors import REMEDIES, CaseError, Code
    from cases.ladder import Rung
    from cases.models import (
        Acknowledge,
        AddDocuments,
        Answer,
        Approve,
        CalendarGrew,
        CaseView,
        ConfirmDownstream,
        Extend,
        Fact,
        Hold,
        HoldBenefits,
        Outcome,
        PersonEnded,
        Receipt,
        ReceiptRequest,
        Recompute,
        Reject,
        ReleaseBenefits,
        Repair,
        ResolveDispute,
        Resume,
        ReturnDocuments,
        Transition,
        VerifyDocuments,
        Withdraw,
    )
    from cases.names import ANSWER, CALENDAR_GREW, HISTORY, RECEIPT, VIEW
    from cases.progress import (
        Answered,
        CaseState,
        Upcoming,
        answer_of,
        decide,
        opened,
        outcome_of,
        receipt_of,
        view_of,
    )
    from cases.stamps import check_fact, check_opening
    from cases.states import Event, Origin, Status
    from cases.steps import Neighbour, RegisterRequest, StepRequest
    from workflows.details import (
        Caption,
        Refusal,
        description_of,
        details_of,
        milestone_name,
        step_summary,
        timer_summary,
    )
    from workflows.register import StepRefused, ask_register
    from workflows.search_attributes import ATTENTION, DUE_AT, MILESTONE, RUNG, STATUS

ASK_AGAIN_FOR_TURN: Final = timedelta(hours=1)
"""A case that waits for its turn is told when it may write; it asks by itself if nobody told it for so long."""

REMEMBERED_UPDATES: Final = 64
"""Answered updates whose IDs a case remembers across continue-as-new."""


def refused(code: Code) -> ApplicationError:
    """The failure a caller or an operator reads: the code, what happened, and what to do next."""
    remedy = REMEDIES[code]
    return ApplicationError(f"{code}: {remedy.zh} {remedy.en}", type=code.value, non_retryable=True)


def told(event: Event, fact: type[Fact], description: str) -> Any:
    """The update by which a case is told of `event`: refused early by its validator, else moved and answered."""
    expected = fact

    async def handler(self: "Case", fact: Fact | None = None) -> Answer:
        if fact is None:
            raise refused(Code.PAYLOAD_INVALID)
        return await self._told(event, fact)

    def validator(self: "Case", fact: Fact | None = None) -> None:
        # An update without a payload, or with JSON's null, arrives as None.
        if not isinstance(fact, expected):
            raise refused(Code.PAYLOAD_INVALID)
        self._refuse_early(event, fact)

    for function, answer in ((handler, Answer), (validator, None)):
        function.__name__ = function.__qualname__ = event.value
        # The converter reads them, while the class of `self` is still being made.
        function.__annotations__ = {"fact": fact, "return": answer}
    update = workflow.update(name=event.value, description=description_of(event, description))(handler)
    update.validator(validator)
    return update


Run = TypeVar("Run", bound="Case")


def never_cancelled(
    run: Callable[[Run, CaseState], Coroutine[Any, Any, Outcome]],
) -> Callable[[Run, CaseState], Coroutine[Any, Any, Outcome]]:
    """A cancellation requested of the server moves no case: a step it cut off would have an unknown outcome.

    Whoever wants an end tells the case so (`withdraw`, `reject`, `person_ended`). The request is shown as refused.
    """

    @wraps(run)
    async def shielded(self: Run, case: CaseState) -> Outcome:
        life = asyncio.create_task(run(self, case))
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
    """A case of either kind; its subclass tells the story."""

    def __init__(self, case: CaseState) -> None:
        # Whoever starts a case hands in an application and nothing else; only an earlier run hands on a state.
        earlier_run = workflow.info().continued_run_id is not None
        self._case = case if earlier_run else opened(case.opening)
        self._taking_turns = asyncio.Lock()
        self._shown: tuple[Any, ...] = ()
        self._last_refusal: Refusal | None = None
        self._not_received: Code | None = None
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
        return self._case.stuck

    async def receive(self) -> None:
        """Register the application durably and let the register say what it knows about the person."""
        if self._case.screening is not None:
            return
        try:
            check_opening(self._case.opening)
        except CaseError as not_theirs:
            await self._give_up(not_theirs.code)
            return
        try:
            registered = await ask_register(
                Registry.register,
                RegisterRequest(state=self._case, at=workflow.now(), arrived=workflow.info().workflow_start_time),
                summary=str(Caption.registering),
                before_waiting=self._show,
            )
        except StepRefused as final:
            await self._give_up(final.code)
            return
        if registered.refused is not None:
            await self._give_up(registered.refused)
        elif registered.standing is not None:
            await self._follow(registered.standing, registered.neighbours)
        else:
            self._case = self._case.model_copy(
                update={
                    # The audit has its stamp; nothing is written with it again.
                    "opening": self._case.opening.model_copy(update={"stamp": None}),
                    "generation": registered.generation,
                    "screening": registered.screening,
                    "benefits_held": registered.screening.benefits_held,
                    "related": registered.screening.related,
                }
            )

    async def look_at_the_register(self, event: Event) -> None:
        """Screening, or the pre-check: what the register says now. It is asked again whenever the case comes back."""
        if self._case.version > 0:
            try:
                screening = await ask_register(
                    Registry.screen,
                    RegisterRequest(state=self._case, at=workflow.now()),
                    summary=str(Caption.checking if event is Event.checked else Caption.screening),
                    before_waiting=self._show,
                )
            except StepRefused as final:
                await self.otherwise(Event.stuck, final.code)
                return
            self._case = self._case.model_copy(update={"screening": screening, "related": screening.related})
        await self.step_or_stop(event)

    async def step(self, event: Event) -> Code | None:
        """One step of the engine's own. Answers why the register refused it, or None."""
        status = self.status
        async with self._taking_turns:
            if self.status is not status or not self.is_open:
                return None
            return await self._move(event)

    async def step_or_stop(self, event: Event) -> None:
        """One step of the engine's own that has no other way: if the register refuses it, an operator must look."""
        code = await self.step(event)
        if code is not None and code is not Code.STALE_VERSION:
            await self._stop(code)

    async def otherwise(self, event: Event, because: Code) -> None:
        """The way a case takes when the register refused a step."""
        status = self.status
        async with self._taking_turns:
            possible = self.status is status and self.is_open
            code = await self._move(event, because=because) if possible else None
        if code is not None and code is not Code.STALE_VERSION:
            await self._stop(code)

    async def wait_for_turn(self) -> None:
        """Another case of the same person is writing: wait to be told, and ask again after an hour anyway."""
        self._rest()
        # The limit of the status may have ended: what it waits for now is the turn.
        ask_again, rung = workflow.now() + ASK_AGAIN_FOR_TURN, self._case.next_rung
        if rung is not None and rung.at <= ask_again:
            await self._moved_or_time_runs_out(rung)
        else:
            await self._changed_since(self._case.version, ask_again, str(Caption.waiting_for_turn))

    async def somebody_acts_or_time_runs_out(self) -> None:
        """Wait until the case has moved. If a time limit ends first, or a rung of the ladder fires, that moves it."""
        if workflow.info().is_continue_as_new_suggested() and not await self._continue_as_new():
            return
        self._rest()
        await self._moved_or_time_runs_out(self._case.upcoming)

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
        if code is not None and code is not Code.STALE_VERSION:
            await self._stop(code)

    def refuse_cancellation(self) -> None:
        """Show that a requested cancellation moves nothing."""
        self._last_refusal = Refusal(Code.EVENT_NOT_ALLOWED, at=workflow.now())
        self._show()

    async def close(self) -> Outcome:
        """Show the ending, let every caller have its answer, and end."""
        self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outcome_of(self._case)

    # --- what the case is asked and told ----------------------------------------------------------------------------

    @workflow.update(
        name=RECEIPT,
        description="受理回执：登记并初审后答复。Answers when the case is durably registered and screened.",
    )
    async def receipt(self, request: ReceiptRequest) -> Receipt:
        """The answer to the application; the same for everyone who sends the same application."""
        await workflow.wait_condition(lambda: self._case.receipt is not None or self._not_received is not None)
        if self._not_received is not None:
            raise refused(self._not_received)
        if self._case.receipt is None:
            raise refused(Code.INTERNAL)
        return self._case.receipt

    @receipt.validator
    def _same_application(self, request: ReceiptRequest) -> None:
        if not isinstance(request, ReceiptRequest):
            raise refused(Code.PAYLOAD_INVALID)
        if request.fingerprint != self._case.opening.fingerprint:
            same_key = request.key == self._case.opening.key
            raise refused(Code.IDEMPOTENCY_CONFLICT if same_key else Code.CASE_ALREADY_OPEN)

    add_documents = told(Event.add_documents, AddDocuments, "补充材料。Documents came in.")
    verify_documents = told(
        Event.verify_documents,
        VerifyDocuments,
        "核验原件与复印件。The original was seen; `copies` names every copy on file by SHA-256.",
    )
    return_documents = told(
        Event.return_documents, ReturnDocuments, "一次性告知补正。Documents are defective; name all defects at once."
    )
    approve = told(
        Event.approve,
        Approve,
        "复核审批；`content` 须与案件全貌所示一致。A second officer approves exactly this content.",
    )
    reject = told(Event.reject, Reject, "不予办理，须写明法律依据。Refused, with its legal basis.")
    hold = told(Event.hold, Hold, "暂停办理。The case waits for something outside the applicant's control.")
    resume = told(Event.resume, Resume, "恢复办理。The reason of the hold is gone.")
    extend = told(Event.extend, Extend, "延长当前期限（工作日）。Extends the running time limit by working days.")
    withdraw = told(Event.withdraw, Withdraw, "申请人撤回。The applicant withdraws.")
    resolve_dispute = told(
        Event.resolve_dispute,
        ResolveDispute,
        "号码争议裁定，两名工作人员一致后生效。Counts when a second officer decides the same on the same document.",
    )
    confirm_downstream = told(
        Event.confirm_downstream,
        ConfirmDownstream,
        "医保、养老、银行确认。Another system took the number over, or refused.",
    )
    repair = told(
        Event.repair,
        Repair,
        "修复：`retry` 重试、`accept` 凭据确认、`undo` 撤回。An operator's decision on a stuck case.",
    )
    hold_benefits = told(
        Event.hold_benefits, HoldBenefits, "停发待遇：具名决定、法律依据、送达凭证。A named officer withholds benefits."
    )
    release_benefits = told(Event.release_benefits, ReleaseBenefits, "恢复待遇。Releases held benefits by decision.")
    acknowledge = told(Event.acknowledge, Acknowledge, "知悉提醒。Somebody has seen that the case needs attention.")
    recompute = told(
        Event.recompute,
        Recompute,
        "重新计算期限（日历或政策变更后）。Dates are reckoned anew; `policy` pins another version.",
    )
    person_ended = told(Event.person_ended, PersonEnded, "死亡或转出，终止案件。The person died or was transferred.")

    @workflow.update(
        name=CALENDAR_GREW,
        description="日历已发布，重新计算期限（引擎内部）。The engine's own word; not for people.",
    )
    async def calendar_grew(self, grew: CalendarGrew) -> Answer:
        """Years were published: dates are reckoned anew. Nobody decides anything by it, so it takes no stamp."""
        return await self._told(Event.recompute, None)

    @calendar_grew.validator
    def _dates_can_be_reckoned(self, grew: CalendarGrew) -> None:
        if not isinstance(grew, CalendarGrew):
            raise refused(Code.PAYLOAD_INVALID)
        self._refuse_early(Event.recompute, None)

    @workflow.query(name=VIEW, description="案件全貌（不含个人信息）。Everything about the case that may be shown.")
    def view(self) -> CaseView:
        """Everything about the case that may be shown without opening personal data."""
        return self._view()

    @workflow.query(name=HISTORY, description="办理经过。The transitions so far.")
    def history(self) -> tuple[Transition, ...]:
        """The transitions so far, oldest first."""
        return self._case.transitions

    @workflow.query(name=ANSWER, description="按更新标识查询答复。The answer to an update that moved the case.")
    def answer(self, update_id: str) -> Answer | None:
        """The answer to an update that moved the case, None where that is not known; for callers who never got it."""
        return self._answer_given(update_id)

    @workflow.signal(description="相关案件的通知（引擎内部）。Another case tells this one; not for people.")
    async def neighbour_moved(self, told: Neighbour) -> None:
        """Another case tells of a dispute, a changed number or a free turn; the weekly check tells of a lifted hold."""
        async with self._turn_of_a_caller():
            if told.event.origin is not Origin.neighbour or not self._case.machine.rows(self.status, told.event):
                workflow.logger.info("neighbour's event not possible now", extra={"event": told.event.value})
                return
            try:
                await self._move(told.event, related=told.because_of)
            except CaseError as not_possible:
                workflow.logger.info("neighbour's event refused", extra={"code": not_possible.code.value})

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
        while True:
            async with self._turn_of_a_caller():
                if self._not_received is not None:
                    raise refused(self._not_received)
                if (given := self._answer_given(update_id)) is not None:
                    return given
                version = self._case.version
                try:
                    if fact is not None:
                        check_fact(fact, self._case.case_id, event)
                    code = await self._move(event, fact, update_id=update_id, arrived=arrived)
                except CaseError as not_possible:
                    code = not_possible.code
                if code is None:
                    return answer_of(self._case)
                # Where the register was ahead, the fact is judged anew by what holds; perhaps it made this very move.
                if code is not Code.STALE_VERSION or self._case.version == version:
                    self._last_refusal = Refusal(code, event, workflow.now())
                    self._show_details()
                    raise refused(code)

    def _refuse_early(self, event: Event, fact: Fact | None) -> None:
        # While the case moves nobody can say what is possible; the handler waits and decides then.
        if not self._resting or self._answer_given(_current_update_id()) is not None:
            return
        try:
            if fact is not None:
                check_fact(fact, self._case.case_id, event)
            decide(self._case, event, fact, workflow.now())
        except CaseError as not_possible:
            # A validator may not change what the case shows, and what it refuses leaves no trace: the caller is told,
            # the view says so, and the details when they are written next.
            self._last_refusal = Refusal(not_possible.code, event, workflow.now())
            raise refused(not_possible.code) from None

    def _answer_given(self, update_id: str) -> Answer | None:
        for answered in self._case.answered:
            if answered.id == update_id:
                return answer_of(self._case, answered.version)
        return None

    # --- how a case moves -------------------------------------------------------------------------------------------

    async def _move(
        self,
        event: Event,
        fact: Fact | None = None,
        *,
        because: Code | None = None,
        update_id: str | None = None,
        arrived: datetime | None = None,
        related: str | None = None,
    ) -> Code | None:
        """Make one transition: decided, written in one transaction, then in effect here. Answers a refusal's code."""
        at = workflow.now()
        decision = decide(self._case, event, fact, at, because)
        after = decision.after
        if related is not None:
            after = after.model_copy(update={"related": related})
        if update_id is not None:
            answered = (*after.answered, Answered(id=update_id, version=after.version))[-REMEMBERED_UPDATES:]
            after = after.model_copy(update={"answered": answered})
        if after.receipt is None:
            after = after.model_copy(update={"receipt": receipt_of(after)})
        request = StepRequest.of(self._case, decision._replace(after=after), fact, at, arrived)
        try:
            with self._milestone():
                result = await ask_register(
                    Registry.advance, request, summary=step_summary(event, after.status), before_waiting=self._show
                )
        except StepRefused as final:
            return final.code
        if result.standing is not None:
            await self._follow(result.standing, result.neighbours)
            return Code.STALE_VERSION
        if result.refused is not None:
            return result.refused
        self._case = result.settle(decision._replace(after=after))
        self._resting = False
        await tell_neighbours(result.neighbours)
        return None

    async def _follow(self, standing: CaseState, neighbours: tuple[Neighbour, ...]) -> None:
        """Take over what holds: the register is ahead.

        A worker died, an operator reset this workflow, or the server gave the same task out once more because it would
        have closed the case while updates were still coming in. Whoever made the move still waits for the answer: it
        stands in the state, for the update when it comes again and for `answer` when the case is closed.
        """
        workflow.logger.warning("the register is ahead; following it", extra={"version": standing.version})
        self._case = standing
        self._resting = False
        await tell_neighbours(neighbours)

    async def _stop(self, code: Code) -> None:
        """The engine cannot go on by itself: say why, and wait for an operator's `repair`."""
        async with self._taking_turns:
            possible = self.is_open and self._case.machine.rows(self.status, Event.stuck)
            if not self.is_open or (
                possible and await self._move(Event.stuck, because=code) in {None, Code.STALE_VERSION}
            ):
                return
            # Not even that could be written. The case shows it all the same; the reconciliation finds the difference.
            self._case = self._case.model_copy(update={"stuck": True, "last_error": code})

    async def _give_up(self, code: Code) -> None:
        """The application cannot be received at all: every caller learns why, and the run fails with the same code."""
        self._not_received = code
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise refused(code)

    async def _changed_since(self, version: int, until: datetime, summary: str) -> bool:
        left = max(until - workflow.now(), timedelta())
        try:
            with self._milestone():
                await workflow.wait_condition(
                    lambda: self._case.version != version, timeout=left, timeout_summary=summary
                )
        except TimeoutError:
            return self._case.version != version
        return True

    async def _continue_as_new(self) -> bool:
        """Go on in a new run with the whole state, or answer False where a caller moved the case first."""
        self._rest()
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or not self._resting)
        if self._resting:
            workflow.continue_as_new(self._case)
        return self._resting

    def _rest(self) -> None:
        self._resting = True
        self._show()

    # --- what the case shows ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring search attributes and details up to date: one upsert at most, and none where nothing changed."""
        view = self._show_details()
        shown = (view.status.value, view.milestone.value, view.attention, view.due_at, view.rung)
        before = self._shown or _shown_at_start()
        updates: list[SearchAttributeUpdate[Any]] = []
        if shown[0] != before[0]:
            updates.append(STATUS.value_set(view.status.value))
        if shown[1] != before[1]:
            updates.append(MILESTONE.value_set(view.milestone.value))
        if shown[2] != before[2]:
            attention = list(view.attention)
            updates.append(ATTENTION.value_set(attention) if attention else ATTENTION.value_unset())
        if shown[3] != before[3]:
            updates.append(DUE_AT.value_set(view.due_at) if view.due_at is not None else DUE_AT.value_unset())
        if shown[4] != before[4]:
            updates.append(RUNG.value_set(view.rung))
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
        workflow.set_current_details(details_of(view, workflow.info().namespace, self._last_refusal))
        return view

    def _view(self) -> CaseView:
        return view_of(self._case, self._last_refusal.code if self._last_refusal is not None else None)


async def tell_neighbours(neighbours: Iterable[Neighbour]) -> None:
    """Tell other cases, one after the other, of what concerns them."""
    for neighbour in neighbours:
        other = workflow.get_external_workflow_handle(neighbour.case_id)
        try:
            await other.signal(Case.neighbour_moved, neighbour)
        except FailureError:
            # It closed in the meantime: it has nothing to learn any more.
            workflow.logger.info("neighbour is closed", extra={"event": neighbour.event.value})


def _shown_at_start() -> tuple[Any, ...]:
    attributes = workflow.info().typed_search_attributes
    return (
        attributes.get(STATUS),
        attributes.get(MILESTONE),
        tuple(attributes.get(ATTENTION) or ()),
        attributes.get(DUE_AT),
        attributes.get(RUNG) or Rung.none.value,
    )


def _current_update_id() -> str:
    info = workflow.current_update_info()
    if info is None:
        raise RuntimeError("not in an update")
    return info.id
