"""Late, repeated, early, wrong and competing events: every answer is true, and the case moves once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cases.answers import Answer, Outcome, Receipt, ReceiptRequest
from cases.documents import DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments, Fact, VerifyDocuments, Withdraw
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.names import ANSWER, RECEIPT
from cases.openings import NumberChangeOpening
from intake.client import CaseClient, Refused, Unavailable
from intake.crowds import until_not_dropped
from tests.engine import Engine
from tests.scenes import CLERK, FACTS, ID_CARD, OFFICER, SOUTH, VERIFIER, document, of_office
from tests.stamping import stamped, stamped_opening
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.refusals import Refusal, Refusals
from tests.workflows.roads import CHANGES, applying, change

VERIFY = FACTS[Event.verify_documents]
PLANTED = "11010519491231002X"


def client_of(engine: Engine) -> CaseClient:
    """The client that programs use."""
    return CaseClient(engine.client, engine.sealer, stamping=engine.everybody)


async def rows_of(case: Dossier) -> int:
    """Rows of the audit, the registration among them."""
    count: int = await case.engine.pool.fetchval("SELECT count(*) FROM transitions WHERE case_id = $1", case.case_id)
    return count


# --- late and repeated ----------------------------------------------------------------------------------------------


async def test_an_event_after_the_end_is_answered_with_the_outcome_and_changes_nothing(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await case.tell(Event.withdraw)
    outcome = await case.ends()
    rows = await rows_of(case)
    for fact in (VERIFY, FACTS[Event.person_ended], FACTS[Event.hold]):
        with pytest.raises(Refused) as refused:
            await client_of(engine).tell(case.case_id, fact)
        assert (refused.value.code, refused.value.outcome) == (Code.CASE_CLOSED, outcome)
    with pytest.raises(RPCError) as closed:
        await case.tell(Event.verify_documents)
    assert closed.value.status is RPCStatusCode.NOT_FOUND
    assert await rows_of(case) == rows
    await case.ends()


async def test_the_same_update_twice_moves_once_and_gets_the_same_answer_even_at_once(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    answers = await asyncio.gather(*(case.tell(Event.hold, update_id="hold-1") for _ in range(5)))
    again = await case.tell(Event.hold, update_id="hold-1")
    assert {answer.model_dump_json() for answer in [*answers, again]} == {answers[0].model_dump_json()}
    assert (await case.rests_in(Status.on_hold)).version == answers[0].version
    # The same fact under another ID is another fact: it is refused where it is not possible any more.
    assert await case.refuses(Event.hold) is Code.EVENT_NOT_ALLOWED


async def test_a_repetition_after_the_case_moved_on_still_gets_the_first_answer(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    first = await case.tell(Event.hold, update_id="hold-1")
    await case.tell(Event.resume, update_id="resume-1")
    assert await case.tell(Event.hold, update_id="hold-1") == first
    await case.rests_in(Status.in_review)


async def answer_or_refusal(client: CaseClient, case: Dossier, fact: Fact) -> Answer | Code:
    """What a caller is told in the end, who repeats the call for as long as the engine is too busy to answer."""
    while True:
        try:
            return await client.tell(case.case_id, fact)
        except Refused as refused:
            return refused.code
        except Unavailable:
            continue


async def test_whoever_never_got_the_answer_may_ask_for_it_after_the_end(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    held = await case.tell(Event.hold, update_id="hold-1")
    withdrawn = await case.tell(Event.withdraw, update_id="withdraw-1")
    await case.ends()
    handle = engine.handle(case.case_id)
    for update_id, first in (("hold-1", held), ("withdraw-1", withdrawn), ("never-told", None)):
        again = await handle.query(ANSWER, update_id)
        assert (again and Answer.model_validate(again)) == first


# --- competing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("many", "rounds"), [(20, 2), pytest.param(50, 50, marks=pytest.mark.faults)])
async def test_of_many_verifications_and_as_many_withdrawals_at_once_exactly_one_wins(
    engine: Engine, many: int, rounds: int
) -> None:
    async def race(turn: int) -> None:
        case = await change(engine, ID_CARD, region=SOUTH)
        verify = [
            VerifyDocuments(
                actor=VERIFIER.model_copy(update={"id": f"clerk-{10 + each}", "office": SOUTH}),
                original_seen=True,
                copies=(ID_CARD.sha256,),
            )
            for each in range(many)
        ]
        withdraw = [of_office(Withdraw(actor=CLERK, note=f"第{each}次"), SOUTH) for each in range(many)]
        client = client_of(engine)
        # Each round begins with the other side, so that not the same one always comes first.
        facts = [fact for pair in zip(verify, withdraw, strict=True) for fact in (pair if turn % 2 else pair[::-1])]
        answers = await asyncio.gather(*(answer_or_refusal(client, case, fact) for fact in facts))
        outcome = await case.ends()
        accepted = [(fact, answer) for fact, answer in zip(facts, answers, strict=True) if isinstance(answer, Answer)]
        assert len(accepted) == 1
        winner, answer = accepted[0]
        won = Event.verify_documents if isinstance(winner, VerifyDocuments) else Event.withdraw
        assert answer.status is (Status.verified if won is Event.verify_documents else Status.withdrawn)
        assert outcome.status is (Status.done if won is Event.verify_documents else Status.withdrawn)
        for refused in answers:
            assert isinstance(refused, Answer) or refused is Code.CASE_CLOSED
        assert [made.event for made in await engine.history(case.case_id)].count(won) == 1

    for turn in range(rounds):
        await race(turn)


async def test_of_two_officers_who_approve_and_reject_at_once_one_is_refused(engine: Engine) -> None:
    case = await CHANGES[Status.awaiting_approval](engine)
    approval = await case.approval()
    answers = await asyncio.gather(case.tell(Event.approve, approval), case.tell(Event.reject), return_exceptions=True)
    assert sum(isinstance(answer, Answer) for answer in answers) == 1
    await case.rests_in(Status.applying if isinstance(answers[0], Answer) else Status.rejected)


async def test_a_confirmation_and_a_withdrawal_at_once_leave_all_new_or_all_old(engine: Engine) -> None:
    for case in await asyncio.gather(*(applying(engine) for _ in range(2))):
        confirmed, withdrawn = await asyncio.gather(
            case.tell(Event.confirm_downstream), case.tell(Event.withdraw), return_exceptions=True
        )
        if isinstance(confirmed, Answer):
            assert not isinstance(withdrawn, Answer)
            await case.rests_in(Status.applying)
            assert (await case.holdings()).numbers == (("old", "historic"), ("new", "living"))
        else:
            assert isinstance(withdrawn, Answer)
            await case.ends()
            assert (await case.holdings()).numbers == (("old", "living"), ("new", "revoked"))


# --- early, and while the engine works ------------------------------------------------------------------------------


async def test_an_update_that_arrives_before_the_first_workflow_task_waits_for_the_screening(engine: Engine) -> None:
    alone = replace(engine, task_queue="nobody-yet")
    person = await engine.insured(region=SOUTH)
    opening = stamped_opening(engine.number_change(person, ID_CARD, region=SOUTH))
    case = case_id(opening.kind, opening.person)
    verify = stamped(of_office(VERIFY, SOUTH), case, Event.verify_documents)
    start: WithStartWorkflowOperation[Any, Outcome] = WithStartWorkflowOperation(
        opening.kind.value,
        opening,
        id=case,
        task_queue=alone.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        result_type=Outcome,
    )
    async with alone.working():
        # Start and update are one request, so the first workflow task brings both.
        answer = await engine.client.execute_update_with_start_workflow(
            Event.verify_documents.value, verify, start_workflow_operation=start, result_type=Answer
        )
        assert answer.status is Status.verified
        assert (await (await start.workflow_handle()).result()).status is Status.done


async def test_an_event_that_comes_while_the_engine_works_waits_for_it_and_is_not_refused(
    engine: Engine, refusals: Refusals
) -> None:
    case = await change(engine, ID_CARD)
    async with refusals.of(case.case_id, Event.apply, how=Refusal.for_a_while):
        assert (await case.verify()).status is Status.verified
        withdraw = await engine.handle(case.case_id).start_update(
            Event.withdraw.value,
            await engine.stamped(case.case_id, Event.withdraw, FACTS[Event.withdraw]),
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            result_type=Answer,
        )
        view = await engine.view(case.case_id)
        assert (view.status, view.attention) == (Status.verified, ())
    # What the engine had begun is finished first, and then undone.
    assert (await withdraw.result()).status is Status.withdrawn
    outcome = await case.ends()
    assert outcome.status is Status.withdrawn
    made = [each.event for each in await engine.history(case.case_id)]
    assert made[-3:] == [Event.apply, Event.commit, Event.withdraw]
    assert (await case.holdings()).numbers == (("old", "living"), ("new", "revoked"))


async def test_a_case_shows_what_it_waits_for_while_its_register_does_not_answer(
    engine: Engine, refusals: Refusals
) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    async with refusals.of(case.case_id, Event.apply, how=Refusal.for_a_while):
        await case.verify()
        description = await engine.handle(case.case_id).describe()
        pending = description.raw_description.pending_activities
        assert [activity.activity_type.name for activity in pending] == ["advance"]
        view = await engine.view(case.case_id)
        assert view.status is Status.verified
    assert (await case.ends()).status is Status.done


# --- wrong ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        {"actor": {"id": PLANTED, "role": "clerk", "office": "110105"}, "original_seen": True, "copies": []},
        {"actor": VERIFIER.model_dump(mode="json"), "original_seen": PLANTED, "copies": []},
        {"actor": VERIFIER.model_dump(mode="json"), "original_seen": True, "copies": [], PLANTED: 1},
        {"actor": VERIFIER.model_dump(mode="json"), "original_seen": True, "copies": [], "note": PLANTED},
        PLANTED,
        [PLANTED],
        None,
    ],
    ids=["identity", "type", "unknown-field", "number-in-note", "text", "list", "nothing"],
)
async def test_a_wrong_payload_is_refused_with_a_code_and_its_value_goes_nowhere(
    engine: Engine, payload: Any, caplog: pytest.LogCaptureFixture
) -> None:
    case = await change(engine, ID_CARD)
    before = await case.agrees()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await engine.handle(case.case_id).execute_update(Event.verify_documents.value, payload)
    assert code_of(refused.value) in {Code.PAYLOAD_INVALID, Code.PII_IN_TEXT}
    assert PLANTED not in repr(everything_about(refused.value))
    assert PLANTED not in caplog.text
    assert await case.agrees() == before
    assert (await case.verify()).status is Status.verified


async def test_an_update_with_no_payload_and_one_with_an_unknown_name_are_refused(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    before = await case.agrees()
    with pytest.raises(WorkflowUpdateFailedError) as empty:
        await engine.handle(case.case_id).execute_update(Event.verify_documents.value)
    assert code_of(empty.value) is Code.PAYLOAD_INVALID
    with pytest.raises(WorkflowUpdateFailedError):
        await engine.handle(case.case_id).execute_update("no_such_event", VERIFY)
    assert await case.agrees() == before


async def test_documents_of_others_of_the_past_and_of_the_future_are_refused(engine: Engine) -> None:
    case, other = await asyncio.gather(change(engine, ID_CARD), change(engine, ID_CARD))
    photograph = document(DocumentKind.photograph)
    for wrong, code in (
        ({"holder": other.opening.person}, Code.DOCUMENT_OF_ANOTHER_PERSON),
        ({"expires_on": "2026-01-01"}, Code.DOCUMENT_EXPIRED),
        ({"issued_on": "2999-01-01"}, Code.DOCUMENT_FUTURE_DATED),
    ):
        added = type(photograph).model_validate(photograph.model_dump() | wrong)
        fact = AddDocuments(actor=CLERK, documents=(added,))
        assert await case.refuses(Event.add_documents, fact) is code


async def test_what_a_case_cannot_be_told_in_its_status_is_refused_and_nothing_changes(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    for event in (Event.approve, Event.resume, Event.repair, Event.resolve_dispute):
        assert await case.refuses(event) is Code.EVENT_NOT_ALLOWED
    # Nothing was published that it could answer.
    assert await case.refuses(Event.confirm_downstream) is Code.ANSWER_OUT_OF_DATE
    assert OFFICER.id not in [made.actor for made in await engine.history(case.case_id)]


# --- opening --------------------------------------------------------------------------------------------------------


async def outcomes_of(engine: Engine, openings: Sequence[NumberChangeOpening]) -> list[Receipt | Code]:
    """What everyone is told who opens a case at once."""

    async def told(opening: NumberChangeOpening) -> Receipt:
        return await until_not_dropped(lambda: engine.open(opening))

    answers = await asyncio.gather(*map(told, openings), return_exceptions=True)
    return [answer if isinstance(answer, Receipt) else code_of(answer) for answer in answers]


async def test_of_fifty_different_applications_for_one_person_at_once_one_opens_a_case(engine: Engine) -> None:
    person = await engine.insured()
    openings = [
        engine.number_change(person, ID_CARD, document(DocumentKind.photograph, str(each))) for each in range(50)
    ]
    told = await outcomes_of(engine, openings)
    receipts = [answer for answer in told if isinstance(answer, Receipt)]
    assert len(receipts) == 1
    assert told.count(Code.CASE_ALREADY_OPEN) == 49
    opened = openings[told.index(receipts[0])]
    rows = await engine.pool.fetch("SELECT fingerprint FROM cases WHERE person = $1", opened.person)
    assert [row["fingerprint"] for row in rows] == [opened.fingerprint]
    await Dossier(engine, person, opened, receipts[0]).rests_in(Status.in_review)


async def test_the_same_key_with_other_content_is_refused_as_a_conflict(engine: Engine) -> None:
    person = await engine.insured()
    first = engine.number_change(person, ID_CARD)
    second = engine.number_change(person, document(DocumentKind.photograph), key=first.key)
    told = await outcomes_of(engine, [first])
    assert isinstance(told[0], Receipt)
    assert await outcomes_of(engine, [second, first]) == [Code.IDEMPOTENCY_CONFLICT, told[0]]
    other = await engine.insured()
    assert await outcomes_of(engine, [engine.number_change(other, ID_CARD, key=first.key)]) == [
        Code.IDEMPOTENCY_CONFLICT
    ]


async def test_a_receipt_that_was_asked_for_again_is_the_one_of_the_opening(engine: Engine) -> None:
    case = await change(engine)
    await case.tell(Event.add_documents)
    await case.rests_in(Status.in_review)
    again: Receipt = await engine.handle(case.case_id).execute_update(
        RECEIPT, ReceiptRequest(key=case.opening.key, fingerprint=case.opening.fingerprint), result_type=Receipt
    )
    assert again == case.receipt
    assert again.status is Status.awaiting_documents


def everything_about(error: BaseException | None) -> list[str]:
    """All texts of an error and what caused it."""
    texts: list[str] = []
    while error is not None:
        texts += [str(error), repr(error), *map(repr, error.args)]
        if isinstance(error, ApplicationError):
            texts += [str(error.details), str(error.type)]
        error = error.__cause__ or getattr(error, "cause", None)
    return texts
