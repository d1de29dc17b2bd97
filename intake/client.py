"""The client for programs: open cases, tell them what happened, look at them, wait for them.

    client = CaseClient(await connect(), Sealer(KeyRing.load(path)), stamping=gate)
    receipt = await client.open(NumberChangeApplication(...))
    answer = await client.tell(receipt.case_id, VerifyDocuments(...))

`gate` stamps what is opened and told with who does it (`intake.stamping`); to look at cases none is needed. A program
that may read the register gives a pool of connections as `register`: then receipts, answers and outcomes are those that
the register holds, and not only what somebody answered in the name of a case.

Repeating any call is safe. Four things can go wrong, and each is an exception of its own: `InputRefused`, what was
handed in cannot be taken and nothing was sent; `Refused`, the case said no; `Unavailable`, the engine gave no answer,
so that it is not known whether the call took effect: repeat it; `Contradicted`, the register holds something else.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from collections.abc import Set as AbstractSet
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from temporalio.api.enums.v1 import EventType
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.registry.answered import HeldReceipt, answer_given, outcome_reached, receipt_given, taken_in
from activities.registry.pool import Pool
from activities.registry.reading import versions_of
from activities.sealing import Sealer
from activities.starting import Start
from cases.answers import Answer, CaseView, Outcome, Receipt, ReceiptRequest, Transition
from cases.clocks import SHANGHAI
from cases.documents import Document
from cases.errors import GATE_SAID_NOTHING, REMEDIES, CaseError, Code, Remedy
from cases.events import EVENTS, FACTS, Event
from cases.facts import (
    AddDocuments,
    CardProduced,
    CardTurnedUp,
    ConfirmAddress,
    Fact,
    ResolveDispute,
    ResolveDuplicate,
)
from cases.kinds import KINDS, case_id, read_case_id
from cases.kinds import case_id as case_id_of
from cases.models import Actor, impersonal
from cases.names import (
    ANSWER,
    HISTORY,
    LOOK_AT_REGISTER,
    RECEIPT,
    TASK_QUEUE_CASES,
    TOLD_AFTER_CLOSING,
    VIEW,
    Kind,
    after_closing_id,
    asked_anew,
    asking_of,
)
from cases.openings import Opening
from cases.progress import Progress, progress_of
from cases.repeating import Said
from cases.rules.people import NAMES_THE_SUBMITTER
from cases.stamps import stamp_id
from cases.steps import AnswerAfterClosing, ToldAfterClosing
from cases.submitters import Citizen, check_authority
from intake.applications import (
    Application,
    ApplicationCitizen,
    InputRefused,
    Problem,
    check_host,
    checked,
    seal,
    seal_address,
    seal_card_number,
    speaker_of,
)
from intake.crowds import until_not_dropped
from intake.stamping import Stamping
from workflows.search_attributes import VERSION


class EngineError(Exception):
    """A call that was not answered as hoped: the code, and what to do."""

    def __init__(self, code: Code, outcome: Outcome | None = None) -> None:
        self.code = code
        self.remedy: Remedy = REMEDIES[code]
        self.outcome = outcome
        """Of a case that is closed already."""
        super().__init__(code.value)


class Refused(EngineError):
    """The case refused, and nothing changed."""

    def __init__(
        self,
        code: Code,
        outcome: Outcome | None = None,
        asking: str | None = None,
        judged_at: int | None = None,
    ) -> None:
        super().__init__(code, outcome)
        self.asking = asking
        """Which asking was refused, where a case says so."""
        self.judged_at = judged_at
        """By which version of the case its run judged, where it did so without the register."""


class Unavailable(EngineError):
    """No answer: whether the call took effect is not known. Repeat it; the same call has effect once."""


class _CutOff(Unavailable):
    """A run ended before it answered. What it had asked of the register may still take effect, and the case goes on."""

    def __init__(self) -> None:
        super().__init__(Code.ENGINE_UNAVAILABLE)


class Contradicted(EngineError):
    """Somebody answered in the name of a case what the register does not hold: ANSWER_CONTRADICTED."""

    def __init__(self, held: Receipt | Answer | Outcome | None) -> None:
        super().__init__(Code.ANSWER_CONTRADICTED)
        self.held = held
        """What the register holds instead; None where it holds nothing of the kind."""


TIMEOUT: Final = timedelta(seconds=30)
SILENT: Final = timedelta(seconds=3)
"""So long a run may be silent before the register is looked at, which may have the answer already."""

_EVENT_OF: Final = {fact: event for event, fact in FACTS.items()}
_CODES: Final = {code.value: code for code in Code}
_HEALED_BY_TIME: Final = frozenset(
    {
        Code.SUBMITTER_UNKNOWN,
        Code.IDENTITY_CHECK_MISSING,
        Code.IDENTITY_CHECK_REFUSED,
        Code.CHANNEL_NOT_OFFERED,
        Code.DELIVERY_NOT_OFFERED,
        Code.POLICY_UNKNOWN,
        Code.STAMP_EXPIRED,
        Code.STAMP_INVALID,
        Code.STAMP_MISMATCH,
    }
)
"""Why an application is refused that may be taken another day, word for word: by a directory, a policy, a check or a
stamp that is another one."""
_OVER: Final = frozenset({Code.CASE_CLOSED, Code.CASE_UNKNOWN})
"""What Temporal knows of a case that is over: its end, or, when its history is gone, nothing."""
_UPDATE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_REFUSED: Final = {
    RPCStatusCode.NOT_FOUND: Code.CASE_UNKNOWN,
    RPCStatusCode.INVALID_ARGUMENT: Code.PAYLOAD_INVALID,
    RPCStatusCode.UNAUTHENTICATED: Code.CONFIGURATION_INVALID,
    RPCStatusCode.PERMISSION_DENIED: Code.CONFIGURATION_INVALID,
    RPCStatusCode.UNIMPLEMENTED: Code.CONFIGURATION_INVALID,
}
"""What the server says of what it has not done. After everything else the outcome is unknown, like after
FAILED_PRECONDITION, by which it says that a task of the case fails just now."""
_TIMES_OUT: Final = frozenset({RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED})

_ENDINGS: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
    }
)

Answered = TypeVar("Answered")
Held = TypeVar("Held")

log = logging.getLogger(__name__)


def today_in_shanghai() -> date:
    """The civil day by which applications are judged."""
    return datetime.now(SHANGHAI).date()


class CaseClient:
    """Opens cases and speaks with them. One client serves a whole process; its calls may run side by side."""

    def __init__(
        self,
        client: Client,
        sealer: Sealer,
        *,
        stamping: Stamping | None = None,
        timeout: timedelta = TIMEOUT,
        document_hosts: AbstractSet[str] = frozenset(),
        today: Callable[[], date] = today_in_shanghai,
        register: Pool | None = None,
        in_bulk: bool = False,
    ) -> None:
        """Without `stamping` it may look, and nothing it says is heard: IDENTITY_MISSING.

        With `register`, whose reader's role is enough, receipts, answers and outcomes are compared with what it holds.
        What it opens `in_bulk` waits for all that others open.
        `document_hosts` are the hosts from which `https` documents may come; `doc:` is always the agency's own.
        """
        self._client = client
        self._sealer = sealer
        self._stamping = stamping
        self._timeout = timeout
        self._document_hosts = document_hosts
        self._today = today
        self._register = register
        self._in_bulk = in_bulk

    @property
    def confirms(self) -> bool:
        """Whether receipts, answers and outcomes are what the register holds, and not only what somebody answered."""
        return self._register is not None

    # --- opening --------------------------------------------------------------------------------------------------

    async def open(self, application: Application, *, reopen: bool = False) -> Receipt:
        """Open a case, or get the receipt of the case that this very application has opened already.

        The receipt comes when the case is durably registered and screened. A case of this kind that is open for the
        person with other content is CASE_ALREADY_OPEN; the same key with other content is IDEMPOTENCY_CONFLICT; a
        closed case is CASE_CLOSED, with its outcome, unless this application opened it or `reopen` is set. To reopen
        twice with the same content give the second a key of its own. Who acts is the submitter, whichever member of
        staff the application names, unless it is a system that opens cases for others; nobody else speaks for an
        applicant, an agent or a guardian: STAMP_MISMATCH.
        """
        return await self.enter(self.sealed(application, reopen=reopen))

    def sealed(self, application: Application, *, reopen: bool = False) -> Opening:
        """What a case would be opened with: checked and sealed, and nothing sent. Raises `InputRefused`, `Refused`."""
        application = self._name_submitter(application)
        try:
            return seal(application, self._sealer, self._today(), reopen=reopen, document_hosts=self._document_hosts)
        except CaseError as wrong:
            if wrong.code is Code.KEYS_UNAVAILABLE:
                raise Unavailable(wrong.code) from None
            raise _input_refused(wrong) from None

    async def enter(self, opening: Opening) -> Receipt:
        """As `open`, with what `sealed` made of the application."""
        opening = await self._stamp_opening(opening)
        case = case_id(opening.kind, opening.person)
        held = partial(receipt_given, case_id=case, key=opening.key, fingerprint=opening.fingerprint)
        try:
            given = await self._unless_known(self._ask_for_receipt(opening), held)
        except (Refused, Unavailable) as denied:
            return await self._receipt_in_spite_of(denied, opening, held)
        if self._register is None:
            return given
        known = await self._held(held)
        if known is None and await self._was_lost(case):
            return await self._ask_as_new(opening, held)
        if known is None or known.receipt != given:
            raise Contradicted(known and known.receipt)
        if opening.reopen and not known.by_key:
            # What answered was opened by another application with the same content: nothing was reopened.
            if known.is_open:
                raise Refused(Code.CASE_NOT_REOPENABLE)
            # It was asked for while the case was open, and the server gives the answer of then again.
            return await self._ask_anew(opening)
        if known.is_open and known.stamp != stamp_id(opening.stamp) and not await self._is_running(case):
            return await self._ask_anew(opening)
        return given

    async def _receipt_in_spite_of(
        self, denied: Refused | Unavailable, opening: Opening, held: Callable[[Pool], Awaitable[HeldReceipt | None]]
    ) -> Receipt:
        """What was answered once is answered from the register, whoever has forgotten it, is silent, or denies it."""
        known = await self._held(held)
        if known is None:
            if denied.code in _OVER and await self._was_lost(case_id(opening.kind, opening.person)):
                return await self._ask_as_new(opening, held)
            raise denied
        if not known.by_key:
            raise denied
        log.warning("the register holds a receipt that was not given", extra={"code": denied.code.value})
        if isinstance(denied, _CutOff) and known.is_open:
            return await self._ask_anew(opening)
        return known.receipt

    async def _ask_anew(self, opening: Opening) -> Receipt:
        """Have a case taken up whose run somebody ended: the server would answer as that run did, and start none."""
        return await self._ask_under(opening, asked_anew(_receipt_id(opening), asking_of(opening.stamp) or ""))

    async def _was_lost(self, case_id: str) -> bool:
        """Whether a run that has ended is all that is left of a case: the register, restored, has never had it."""
        if self._register is None:
            return False
        known = await self._held(partial(versions_of, case_ids=(case_id,)))
        return not known and not await self._is_running(case_id)

    async def _ask_as_new(self, opening: Opening, held: Callable[[Pool], Awaitable[HeldReceipt | None]]) -> Receipt:
        """Open a case as if it had never been one, whatever runs of it have ended."""
        log.warning("a case is opened again that the register never had")
        given = await self._ask_under(
            opening, asked_anew(_receipt_id(opening), asking_of(opening.stamp) or ""), whatever_ended=True
        )
        known = await self._held(held)
        if known is None or known.receipt != given:
            raise Contradicted(known and known.receipt)
        return given

    async def _is_running(self, case_id: str) -> bool:
        return await self._run_of(case_id) is not None

    async def _run_of(self, case_id: str) -> WorkflowExecution | None:
        """The run of a case, None where nothing runs."""
        try:
            async with self._answer():
                description = await self._client.get_workflow_handle(case_id).describe(rpc_timeout=self._timeout)
        except Refused as unknown:
            if unknown.code is not Code.CASE_UNKNOWN:
                raise
            return None
        return description if description.status is WorkflowExecutionStatus.RUNNING else None

    async def _is_behind(self, case_id: str, judged_at: int | None = None) -> bool:
        """Whether the register has moved a case on without its run, which is told to look there if so.

        `judged_at` is the version by which the run has judged: it may have caught up since.
        """
        known = await self._held(partial(versions_of, case_ids=(case_id,)))
        if not known:
            return False
        _, version = known[case_id]
        run = await self._run_of(case_id)
        if run is None or run.typed_search_attributes.get(VERSION, version) >= version:
            return run is not None and judged_at is not None and judged_at < version
        log.warning("a run stands behind the register", extra={"case_id": case_id, "version": version})
        try:
            async with self._answer():
                await self._client.get_workflow_handle(case_id).signal(LOOK_AT_REGISTER, rpc_timeout=self._timeout)
        except Refused as untold:
            # It has ended since it was looked at, or takes no more signals, as one that somebody has sent thousands.
            # What it judged by is over as well, and the reconciliation looks after it.
            if untold.code not in {Code.CASE_UNKNOWN, Code.PAYLOAD_INVALID}:
                raise
        return True

    async def _ask_for_receipt(self, opening: Opening) -> Receipt:
        update_id = _receipt_id(opening)
        try:
            return await self._ask_under(opening, update_id)
        except Refused as refused:
            asking = asking_of(opening.stamp)
            if refused.code not in _HEALED_BY_TIME or asking is None:
                raise
            # Of a run that ended refused the server gives the answer again, for as long as it keeps the run: what has
            # changed since is judged under an ID of this asking.
            return await self._ask_under(opening, asked_anew(update_id, asking))

    async def _ask_under(self, opening: Opening, update_id: str, *, whatever_ended: bool = False) -> Receipt:
        try:
            async with self._answer():
                return await until_not_dropped(
                    lambda: self._start_and_ask(opening, update_id, whatever_ended=whatever_ended)
                )
        except WorkflowAlreadyStartedError:
            return await self._receipt_of_closed(case_id(opening.kind, opening.person), update_id)

    async def _start_and_ask(self, opening: Opening, update_id: str, *, whatever_ended: bool) -> Receipt:
        operation = _start_of(opening, whatever_ended=whatever_ended, in_bulk=self._in_bulk)
        try:
            receipt: Receipt = await self._client.execute_update_with_start_workflow(
                RECEIPT,
                ReceiptRequest(key=opening.key, fingerprint=opening.fingerprint),
                start_workflow_operation=operation,
                id=update_id,
                result_type=Receipt,
                rpc_timeout=self._timeout,
            )
            return receipt
        finally:
            # The operation keeps the failure for itself as well, and the loop complains of one that nobody looked at.
            # It is asked for only now: a task that waited for it all along would cancel it when it is cancelled.
            started = asyncio.ensure_future(operation.workflow_handle())
            # Whoever is cancelled just here does not come to look at it.
            started.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait({started}, timeout=0)
            started.cancel()

    # --- telling --------------------------------------------------------------------------------------------------

    async def tell(self, case_id: str, fact: Fact, *, update_id: str | None = None) -> Answer:
        """Tell a case that something happened; which event it is follows from the fact's type.

        Who acts is whom the gate knows the caller as, whatever the fact says. Without an `update_id` actor and content
        are its identity, so that repeating it changes nothing: the first answer comes again. To tell a case the very
        same thing a second time on purpose (that somebody acknowledged again, that a second production of the same
        batch failed) give the second an ID of its own. With a register something else under an ID that is used is
        refused with IDEMPOTENCY_CONFLICT.

        A closed case moves no more. What answers a request of its is written down and refused with ANSWER_OUT_OF_DATE;
        what the world shows (a card turned up or was destroyed, lost or found) is on record all the same, and the
        answer says how the case ended and what remains.
        """
        kind = self._checked_id(case_id)
        event = _EVENT_OF[type(fact)]
        if event not in KINDS[kind].machine.every_event:
            raise Refused(Code.EVENT_NOT_ALLOWED)
        checked_id = None if update_id is None else _checked_update_id(update_id)
        self._check_documents(fact)
        fact = await self._stamp(case_id, event, fact)
        identity = checked_id or self._identity(case_id, event, fact)
        held = partial(answer_given, case_id=case_id, update_id=identity)
        try:
            asking = self._ask_for_answer(case_id, event, fact, identity)
            given = await self._unless_known(asking, held, partial(outcome_reached, case_id=case_id))
        except (Refused, Unavailable) as denied:
            known = await self._held(held)
            if known is not None:
                _check_repeated(known.said, event, fact)
            if known is None:
                if isinstance(denied, Refused) and await self._is_behind(case_id, denied.judged_at):
                    # Judged by what does not hold any more: that is no refusal, and it is judged anew when repeated.
                    raise Unavailable(Code.ENGINE_UNAVAILABLE) from None
                if denied.code not in _OVER or not EVENTS[event].is_heard_after_closing:
                    raise
                return await self._tell_closed(case_id, event, fact, identity, denied)
            log.warning("the register holds an answer that was not given", extra={"code": denied.code.value})
            with suppress(Unavailable, TimeoutError):  # what the register holds is the answer, whoever else is away
                async with asyncio.timeout(SILENT.total_seconds()):
                    await self._is_behind(case_id)
            return known.answer
        if self._register is None:
            return given
        known = await self._held(held)
        if known is not None:
            _check_repeated(known.said, event, fact)
        if known is None or not known.is_that_of(given):
            raise Contradicted(known and known.answer)
        return given

    async def _ask_for_answer(self, case_id: str, event: Event, fact: Fact, identity: str) -> Answer:
        asking = asking_of(fact.stamp)
        try:
            try:
                return await self._ask(case_id, event, fact, identity)
            except Refused as refused:
                if asking is None or refused.asking in (None, asking):
                    raise
                # An earlier asking was refused, and the server keeps that answer under the ID; this one is judged anew.
                return await self._ask(case_id, event, fact, asked_anew(identity, asking))
        except (Refused, _CutOff) as denied:
            if denied.code is Code.CASE_UNKNOWN or isinstance(denied, _CutOff):
                return await self._answer_of_closed(case_id, identity)
            raise

    async def _ask(self, case_id: str, event: Event, fact: Fact, update_id: str) -> Answer:
        handle = self._client.get_workflow_handle(case_id)
        async with self._answer():
            answer: Answer = await until_not_dropped(
                lambda: handle.execute_update(
                    event.value, fact, id=update_id, result_type=Answer, rpc_timeout=self._timeout
                )
            )
            return answer

    async def _tell_closed(
        self, case_id: str, event: Event, fact: Fact, identity: str, denied: Refused | Unavailable
    ) -> Answer:
        """The register's answer to what a closed case is told. Raises `denied` where the case is open by now."""
        told = ToldAfterClosing(
            case_id=case_id,
            event=event,
            fact=fact.model_dump(mode="json", exclude_unset=True),
            told_as=identity,
        )
        async with self._answer():
            given: AnswerAfterClosing = await self._client.execute_workflow(
                TOLD_AFTER_CLOSING,
                told,
                id=after_closing_id(case_id, identity),
                task_queue=TASK_QUEUE_CASES,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                result_type=AnswerAfterClosing,
                rpc_timeout=self._timeout,
            )
        if given.is_open or given.refused is denied.code:
            raise denied
        if given.answer is None:
            raise Refused(given.refused or Code.INTERNAL)
        if self._register is not None:
            known = await self._held(partial(taken_in, case_id=case_id, told_as=identity))
            if known is None:
                raise Contradicted(None)
            _check_repeated(known, event, fact)
        return given.answer

    def speaker(self, case_id: str, citizen: ApplicationCitizen) -> Citizen:
        """Who speaks for the applicant of a case, for the `on_behalf` of a fact; their number is given in clear.

        Raises `InputRefused` for what is no case ID.
        """
        self._checked_id(case_id)
        return speaker_of(citizen, read_case_id(case_id)[1], self._sealer)

    async def card_produced(
        self,
        case_id: str,
        actor: Actor,
        batch: str,
        card_number: str,
        *,
        order: str,
        note: str = "",
        update_id: str | None = None,
    ) -> Answer:
        """Tell a case that its card was made; the card's number is given in clear and sealed here.

        `order` is the identity that came with the order. Where that order is over the answer is written down and
        refused with ANSWER_OUT_OF_DATE.
        """
        fields = {"actor": actor, "note": note, "produced": True, "batch": batch, "order": order}
        fact = checked(CardProduced, fields | self._sealed_card(case_id, card_number))
        return await self.tell(case_id, fact, update_id=update_id)

    async def card_turned_up(
        self,
        case_id: str,
        actor: Actor,
        batch: str,
        card_number: str,
        *,
        order: str,
        note: str = "",
        update_id: str | None = None,
    ) -> Answer:
        """Tell a case of a card that was made by an order which is over: two people have to destroy it.

        The card's number is given in clear and sealed here. Raises `Refused` ORDER_NOT_OVER.
        """
        fields = {"actor": actor, "note": note, "batch": batch, "order": order}
        fact = checked(CardTurnedUp, fields | self._sealed_card(case_id, card_number))
        return await self.tell(case_id, fact, update_id=update_id)

    async def confirm_address(
        self,
        case_id: str,
        actor: Actor,
        address: str,
        *,
        on_behalf: ApplicationCitizen | None = None,
        note: str = "",
        update_id: str | None = None,
    ) -> Answer:
        """Tell a case where its card is sent; the address is given in clear and sealed here.

        Raises `InputRefused`, and `Refused` ADDRESS_NOT_NEEDED where the card does not come by post.
        """
        self._checked_id(case_id)
        try:
            place = seal_address(address, case_id, self._sealer)
        except CaseError as wrong:
            raise _input_refused(wrong) from None
        fields = {"actor": actor, "note": note, "address": place.address, "address_token": place.token}
        if on_behalf is not None:
            fields["on_behalf"] = self.speaker(case_id, on_behalf)
        return await self.tell(case_id, checked(ConfirmAddress, fields), update_id=update_id)

    def _sealed_card(self, case_id: str, card_number: str) -> dict[str, str]:
        self._checked_id(case_id)
        try:
            card = seal_card_number(card_number, case_id, self._sealer)
        except CaseError as wrong:
            raise _input_refused(wrong) from None
        return {"card_number": card.number, "card_token": card.token}

    # --- looking --------------------------------------------------------------------------------------------------

    async def view(self, case_id: str) -> CaseView:
        """Everything about a case that may be shown without opening personal data.

        As its workflow says, and confirmed by nobody, also with a register: whoever takes the tasks of workflows says
        what they like. To show it to the caller is all that it is good for; who decides by it or serves others with it
        reads the register (`activities.registry.reading.case_now`).
        """
        self._checked_id(case_id)
        view: CaseView = await self._query(case_id, VIEW, CaseView)
        return view

    async def progress(self, case_id: str, speaker: ApplicationCitizen | None = None) -> Progress:
        """One line for the applicant over the newest case of each kind of the person whose case this is.

        `speaker` is who asks: the applicant themself, or an agent or guardian with an authority that has not ended.
        Confirmed by nobody, as `view`. Raises `InputRefused` where they may not; `Refused` CASE_UNKNOWN where the
        person has no case.
        """
        self._checked_id(case_id)
        person = read_case_id(case_id)[1]
        if speaker is not None:
            try:
                check_authority(speaker_of(speaker, person, self._sealer), person, self._today())
            except CaseError as wrong:
                raise _input_refused(wrong) from None
        found = [await self._view_if_any(case_id_of(kind, person)) for kind in KINDS]
        views = [view for view in found if view is not None]
        if not views:
            raise Refused(Code.CASE_UNKNOWN)
        return progress_of(views, datetime.now(SHANGHAI))

    async def _view_if_any(self, case: str) -> CaseView | None:
        try:
            view: CaseView = await self._query(case, VIEW, CaseView)
        except Refused as refused:
            if refused.code is not Code.CASE_UNKNOWN:
                raise
            return None
        return view

    async def history(self, case_id: str) -> tuple[Transition, ...]:
        """The transitions of a case so far, oldest first; confirmed by nobody, as `view`.

        What was done stands in the audit.
        """
        self._checked_id(case_id)
        transitions: tuple[Transition, ...] = await self._query(case_id, HISTORY, tuple[Transition, ...])
        return transitions

    # --- waiting --------------------------------------------------------------------------------------------------

    async def wait(self, case_id: str) -> Outcome:
        """Wait, for as long as it takes, until a case is closed."""
        self._checked_id(case_id)
        async with self._answer(limited=False):
            return await self._outcome(case_id)

    async def wait_for(self, case_id: str, condition: Callable[[CaseView], bool]) -> CaseView:
        """Wait, for as long as it takes, until what the case shows meets a condition.

        Nothing is polled: the server is asked for the events after the last one known and answers when there are any,
        and the view, which nobody confirms, is looked at after each of the case's moves. Raises `Refused` CASE_CLOSED,
        with the outcome, when the case has ended without meeting the condition.
        """
        self._checked_id(case_id)
        async with self._answer(limited=False):
            while True:
                async with aclosing(self._moves(case_id)) as moves:
                    async for ending in moves:
                        view: CaseView = await self._query(case_id, VIEW, CaseView)
                        if condition(view):
                            return view
                        if ending:
                            raise Refused(Code.CASE_CLOSED, await self._outcome(case_id))

    async def _moves(self, case_id: str) -> AsyncGenerator[bool, None]:
        """Whenever a run of the case has moved: whether it ended the case. Stops when the case goes on in a new run."""
        handle = self._client.get_workflow_handle(case_id)
        events = handle.fetch_history_events(wait_new_event=True, skip_archival=True)
        while True:
            await events.fetch_next_page()
            types = {event.event_type for event in events.current_page or ()}
            if EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW in types:
                return
            if ending := not types.isdisjoint(_ENDINGS) or events.next_page_token is None:
                yield ending
                return
            if EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in types:
                yield False

    # --- the engine -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _answer(self, *, limited: bool = True) -> AsyncIterator[None]:
        """Every way in which the engine fails to answer, as ours."""
        try:
            async with asyncio.timeout(self._timeout.total_seconds() if limited else None):
                yield
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            # Temporal's client turns a cancelled task into this error.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from None
            raise Unavailable(Code.ENGINE_TIMEOUT) from None
        except WorkflowUpdateFailedError as failed:
            if _is_cut_off(failed.cause):
                raise _CutOff from None
            raise _refused_by(failed.cause) from None
        except WorkflowFailureError as failed:
            raise Refused(_code_of(failed.cause)) from None
        except (CaseError, ApplicationError) as unreadable:
            # The answer is there and does not open, or is for another case.
            raise Refused(_code_of(unreadable)) from None
        except (WorkflowQueryFailedError, WorkflowQueryRejectedError):
            raise Refused(Code.INTERNAL) from None
        except RPCError as error:
            raise of_rpc(error) from None

    async def _query(self, case_id: str, name: str, answer: Any, *asked: str) -> Any:
        handle = self._client.get_workflow_handle(case_id)
        async with self._answer():
            return await handle.query(name, args=asked, result_type=answer, rpc_timeout=self._timeout)

    async def _outcome(self, case_id: str) -> Outcome:
        handle: WorkflowHandle[Any, Outcome] = self._client.get_workflow_handle(case_id, result_type=Outcome)
        try:
            given = await handle.result()
        except WorkflowFailureError as failed:
            if isinstance(failed.cause, ApplicationError):
                raise
            # Ended from outside, which is no ending of the case: it has one by the register, or goes on in another run.
            return await self._outcome_held(case_id, _CutOff())
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return await self._outcome_held(case_id, of_rpc(error))
        if self._register is not None:
            known = await self._held(partial(outcome_reached, case_id=case_id))
            if known != given:
                raise Contradicted(known)
        return given

    async def _outcome_held(self, case_id: str, denied: EngineError) -> Outcome:
        """The outcome that the register holds where the run says none. Raises `denied` where there is none either."""
        known = await self._held(partial(outcome_reached, case_id=case_id))
        if known is None:
            raise denied from None
        return known

    async def _unless_known(
        self,
        asking: Coroutine[Any, Any, Answered],
        held: Callable[[Pool], Awaitable[object]],
        ended: Callable[[Pool], Awaitable[Outcome | None]] | None = None,
    ) -> Answered:
        """What a run answers, unless it is silent and the register knows better.

        The server waits for ever for what it admitted to a run that was reset, and that the run refused to hear again;
        and nobody knows how long for one whose workers are away. Raises `Unavailable` ENGINE_TIMEOUT where the register
        holds an answer by then, and `Refused` CASE_CLOSED where it holds none and has `ended` the case.
        """
        answered = asyncio.ensure_future(asking)
        try:
            await asyncio.wait({answered}, timeout=SILENT.total_seconds())
            if not answered.done():
                looking = asyncio.ensure_future(self._look_beside(held, ended))
                try:
                    await asyncio.wait({answered, looking}, return_when=asyncio.FIRST_COMPLETED)
                    if not answered.done():
                        await looking
                finally:
                    await _given_up(looking)
            return await answered
        finally:
            await _given_up(answered)

    async def _look_beside(
        self, held: Callable[[Pool], Awaitable[object]], ended: Callable[[Pool], Awaitable[Outcome | None]] | None
    ) -> None:
        """Raise what a caller is told in place of a silent run, where the register knows."""
        known = outcome = None
        # A register that cannot be asked keeps nobody from waiting for the run.
        with suppress(Unavailable):
            known = await self._held(held)
            if known is None and ended is not None:
                outcome = await self._held(ended)
        if known is not None:
            raise Unavailable(Code.ENGINE_TIMEOUT)
        if outcome is not None:
            raise Refused(Code.CASE_CLOSED, outcome)

    async def _held(self, read: Callable[[Pool], Awaitable[Held | None]]) -> Held | None:
        """What the register holds; None where it may not be read. Raises `Unavailable` where it cannot be."""
        if self._register is None:
            return None
        try:
            return await read(self._register)
        except CaseError as away:
            raise Unavailable(away.code) from None

    async def _receipt_of_closed(self, case_id: str, update_id: str) -> Receipt:
        """The receipt that an application got when it opened a case that is closed by now."""
        async with self._answer():
            description = await self._client.get_workflow_handle(case_id).describe()
            # The receipt was asked for together with the start, so it lies in the case's first run.
            first = description.raw_description.workflow_execution_info.first_run_id
            receipt = await self._given_before(case_id, first or None, update_id, Receipt)
            if receipt is None:
                raise Refused(Code.CASE_CLOSED, await self._outcome(case_id))
            return receipt

    async def _answer_of_closed(self, case_id: str, update_id: str) -> Answer:
        """The answer that a closed case gave to this very fact. Raises the reason why it no longer gives one.

        Where a run was ended from outside the register may still take in what that run had asked of it: `_CutOff`.
        """
        async with self._answer():
            description = await self._client.get_workflow_handle(case_id).describe()
            if description.status is WorkflowExecutionStatus.RUNNING:
                raise _CutOff
            answer = await self._given_before(case_id, description.run_id, update_id, Answer)
            if answer is None:
                # It may have moved the case in a task that the server then gave out again without it.
                answer = await self._query(case_id, ANSWER, Answer | None, update_id)
            if answer is None:
                raise Refused(Code.CASE_CLOSED, await self._outcome(case_id))
            return answer

    async def _given_before(
        self, case_id: str, run_id: str | None, update_id: str, answer: type[Answered]
    ) -> Answered | None:
        handle = self._client.get_workflow_handle(case_id, run_id=run_id)
        try:
            given: Answered = await handle.get_update_handle(update_id, result_type=answer).result()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        except WorkflowUpdateFailedError as failed:
            if _is_cut_off(failed.cause):
                return None
            raise
        return given

    # --- who acts -------------------------------------------------------------------------------------------------

    def _gate(self) -> Stamping:
        if self._stamping is None:
            raise Refused(Code.IDENTITY_MISSING)
        return self._stamping

    def _name_submitter(self, application: Application) -> Application:
        try:
            actor = self._gate().actor
        except CaseError as refused:
            raise _not_stamped(refused) from None
        names_them = actor is None or actor.role in NAMES_THE_SUBMITTER
        if names_them or not isinstance(application.submitter, Actor):
            return application
        return application.model_copy(update={"submitter": actor})

    async def _stamp(self, case_id: str, event: Event, fact: Fact) -> Fact:
        try:
            return await self._gate().stamp(case_id, event, fact)
        except CaseError as refused:
            raise _not_stamped(refused) from None

    async def _stamp_opening(self, opening: Opening) -> Opening:
        try:
            return await self._gate().stamp_opening(opening)
        except CaseError as refused:
            raise _not_stamped(refused) from None

    # --- what goes out --------------------------------------------------------------------------------------------

    def _checked_id(self, case_id: str) -> Kind:
        try:
            return read_case_id(case_id)[0]
        except CaseError as wrong:
            raise _input_refused(wrong) from None

    def _check_documents(self, fact: Fact) -> None:
        documents: dict[str, Document] = {}
        if isinstance(fact, AddDocuments):
            documents = {f"documents.{place}": document for place, document in enumerate(fact.documents)}
        elif isinstance(fact, ResolveDispute | ResolveDuplicate):
            documents = {"police_document": fact.police_document}
        try:
            for path, document in documents.items():
                check_host(document, self._document_hosts, path)
        except CaseError as wrong:
            raise _input_refused(wrong) from None

    def _identity(self, case_id: str, event: Event, fact: Fact) -> str:
        # What is sealed is another text each time, and so is a stamp; its token is not.
        content = fact.model_dump(mode="json", exclude={"address", "card_number", "stamp"})
        canonical = json.dumps([case_id, event.value, content], ensure_ascii=False, sort_keys=True)
        return f"{event.value}:{self._sealer.content_token(canonical)}"


def _start_of(opening: Opening, *, whatever_ended: bool, in_bulk: bool) -> WithStartWorkflowOperation[Any, Outcome]:
    start = Start.of(opening, in_bulk=in_bulk)
    # A run that failed never became a case: a corrected application may start it.
    reuse = (
        WorkflowIDReusePolicy.ALLOW_DUPLICATE
        if opening.reopen or whatever_ended
        else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    )
    return WithStartWorkflowOperation(
        start.workflow,
        opening,
        id=start.id,
        task_queue=TASK_QUEUE_CASES,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=reuse,
        result_type=Outcome,
        search_attributes=start.search_attributes,
        static_summary=start.summary,
        priority=start.priority,
    )


def _check_repeated(known: Said, event: Event, fact: Fact) -> None:
    """Raises `Refused` IDEMPOTENCY_CONFLICT where under an identity something else was told than is told now."""
    if not known.repeats(event, fact):
        raise Refused(Code.IDEMPOTENCY_CONFLICT)


def _not_stamped(refused: CaseError) -> EngineError:
    """What the gate's answer means to a caller; nothing was sent to the case."""
    return Unavailable(refused.code) if refused.code in GATE_SAID_NOTHING else Refused(refused.code)


def _input_refused(wrong: CaseError) -> InputRefused:
    return InputRefused([Problem(wrong.field or "", wrong.code)])


def _checked_update_id(update_id: str) -> str:
    try:
        if not _UPDATE_ID.fullmatch(update_id):
            raise CaseError(Code.IDEMPOTENCY_KEY_INVALID, "update_id")
        impersonal(update_id)
    except CaseError as wrong:
        raise _input_refused(wrong) from None
    return update_id


def _receipt_id(opening: Opening) -> str:
    return f"{RECEIPT}:{opening.key}:{opening.fingerprint}"


async def _given_up(task: asyncio.Future[Any]) -> None:
    """Cancel what nobody waits for any more; the loop would complain of a failure that nobody looked at."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


def _is_cut_off(cause: BaseException | None) -> bool:
    """Whether it is the server's word for an update that the end of its run cut off, and nothing that a case said."""
    return isinstance(cause, ApplicationError) and cause.type not in _CODES


def _refused_by(cause: BaseException | None) -> Refused:
    """What a case refused: which asking, or by which of its versions."""
    details = cause.details if isinstance(cause, ApplicationError) else ()
    said = details[0] if details else None
    return Refused(
        _code_of(cause),
        asking=said if isinstance(said, str) else None,
        judged_at=said if isinstance(said, int) else None,
    )


def _code_of(cause: BaseException | None) -> Code:
    if isinstance(cause, CaseError):
        return cause.code
    kind = cause.type if isinstance(cause, ApplicationError) else None
    return _CODES.get(kind or "", Code.INTERNAL)


def of_rpc(error: RPCError) -> EngineError:
    """What an answer of Temporal's means to a caller."""
    if error.status is RPCStatusCode.NOT_FOUND and any(
        detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details
    ):
        return Refused(Code.CONFIGURATION_INVALID)
    if (code := _REFUSED.get(error.status)) is not None:
        return Refused(code)
    return Unavailable(Code.ENGINE_TIMEOUT if error.status in _TIMES_OUT else Code.ENGINE_UNAVAILABLE)
