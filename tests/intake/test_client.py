"""The client for programs, against the real engine."""

import asyncio
from collections.abc import Awaitable
from datetime import date, timedelta

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle

from cases.answers import CaseView
from cases.errors import REMEDIES, Code
from cases.events import Event
from cases.facts import (
    Acknowledge,
    AddDocuments,
    CardUnclaimed,
    Hold,
    HoldReason,
    Reject,
    Resume,
    VerifyDocuments,
    Withdraw,
)
from cases.machines.machine import Status
from cases.models import Actor, Role, System
from cases.numbers import derive
from cases.offices import MINISTRY
from intake.applications import InputRefused, Problem
from intake.client import CaseClient, EngineError, Refused, Unavailable
from tests.engine import Engine, old_number
from tests.intake.applying import CLERK, OFFICE, SOUTH, number_change, paper, replacement
from tests.scenes import ID_CARD, IN_FORCE

TODAY = date(2026, 11, 2)
VERIFIER = Actor(id="clerk-2", role=Role.clerk, office=MINISTRY)
OFFICER = Actor(id="officer-1", role=Role.officer, office=MINISTRY)
PROMPTLY = 8.0
"""Seconds: more than the register takes on a busy machine, and less than the server waits for what it has lost."""


@pytest.fixture
def client(engine: Engine) -> CaseClient:
    return CaseClient(
        engine.client, engine.sealer, stamping=engine.everybody, today=lambda: TODAY, register=engine.pool
    )


@pytest_asyncio.fixture
async def opened_case(engine: Engine, client: CaseClient) -> str:
    person = await engine.insured(region=SOUTH)
    return (await client.open(number_change(person, region=SOUTH))).case_id


VERIFY = VerifyDocuments(actor=VERIFIER, original_seen=True, copies=(paper().sha256,))


async def code_of(call: Awaitable[object]) -> Code:
    with pytest.raises(EngineError) as refused:
        await call
    return refused.value.code


# --- opening ----------------------------------------------------------------------------------------------------------


async def test_an_application_is_answered_when_the_case_is_registered_and_screened(
    engine: Engine, client: CaseClient
) -> None:
    person = await engine.insured()
    receipt = await client.open(number_change(person, documents=()))
    assert receipt.case_id.startswith("idc-")
    assert receipt.status is Status.awaiting_documents
    assert [demand.document for demand in receipt.missing] == ["resident_id_card"]
    assert receipt.due_at is not None


async def test_the_register_opens_what_the_client_sealed(engine: Engine, client: CaseClient) -> None:
    person = await engine.insured(region=SOUTH)
    # The register compares name and number with what it holds: full width and lower case are normalised away.
    receipt = await client.open(number_change(person, region=SOUTH, new_number=f" {person.new.lower()} "))
    await client.tell(receipt.case_id, VERIFY)
    assert (await client.wait(receipt.case_id)).status is Status.done


async def test_repeating_an_open_gives_the_same_receipt_and_no_second_case(engine: Engine, client: CaseClient) -> None:
    application = number_change(await engine.insured())
    first = await client.open(application)
    again = await client.open(application)
    assert again == first
    events = (await engine.handle(first.case_id).fetch_history()).events
    started = [event for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED]
    assert len(started) == 1


async def test_a_thousand_equal_opens_at_once_give_one_case_and_one_answer(engine: Engine, client: CaseClient) -> None:
    application = number_change(await engine.insured())
    receipts = await asyncio.gather(*(client.open(application) for _ in range(1000)))
    assert len({receipt.model_dump_json() for receipt in receipts}) == 1
    rows = await engine.pool.fetch("SELECT count(*) AS n FROM cases WHERE case_id = $1", receipts[0].case_id)
    assert rows[0]["n"] == 1


async def test_a_start_says_what_lists_and_the_web_ui_show_without_personal_data(
    engine: Engine, client: CaseClient
) -> None:
    person = await engine.insured()
    receipt = await client.open(number_change(person, category="refund"))
    handle = engine.handle(receipt.case_id)
    started = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    description = await handle.describe()
    assert await description.static_summary() == f"号码变更 · 医保退款 · {OFFICE} · {receipt.case_id}"
    assert started.priority.priority_key == 2
    assert {name: payload.data.decode() for name, payload in started.search_attributes.indexed_fields.items()} == {
        "CaseKind": '"IdNumberChange"',
        "CaseStatus": '"screening"',
        "CaseMilestone": '"submitted"',
        "CaseRegion": f'"{OFFICE}"',
        "CaseCategory": '"refund"',
    }
    clear = str(started)
    assert person.name not in clear
    assert person.new not in clear
    assert person.personal_number not in clear


async def test_a_lost_card_goes_before_everything_else(engine: Engine, client: CaseClient) -> None:
    receipt = await client.open(replacement(await engine.insured(), reason="lost"))
    assert receipt.status is Status.temporarily_blocked
    started = (await engine.handle(receipt.case_id).fetch_history()).events[0]
    assert started.workflow_execution_started_event_attributes.priority.priority_key == 1


async def test_an_open_case_with_other_content_is_said_to_be_open(engine: Engine, client: CaseClient) -> None:
    person = await engine.insured()
    await client.open(number_change(person))
    assert await code_of(client.open(number_change(person, category="refund"))) is Code.CASE_ALREADY_OPEN


async def test_the_same_key_with_other_content_is_refused(engine: Engine, client: CaseClient) -> None:
    person = await engine.insured()
    await client.open(number_change(person, key="order-1"))
    other = number_change(person, key="order-1", category="refund")
    assert await code_of(client.open(other)) is Code.IDEMPOTENCY_CONFLICT


async def test_a_key_that_opened_another_persons_case_is_refused_until_it_is_replaced(
    engine: Engine, client: CaseClient
) -> None:
    first, second = await engine.insured(), await engine.insured()
    await client.open(number_change(first, key="order-2"))
    assert await code_of(client.open(number_change(second, key="order-2"))) is Code.IDEMPOTENCY_CONFLICT
    assert (await client.open(number_change(second, key="order-3"))).status is Status.in_review


async def test_a_key_that_names_the_person_is_refused_because_keys_travel_in_clear(
    engine: Engine, client: CaseClient
) -> None:
    person = await engine.insured()
    with pytest.raises(InputRefused) as refused:
        await client.open(number_change(person, key=f"order-{person.personal_number}"))
    assert refused.value.problems == (Problem("key", Code.PII_IN_TEXT),)


async def test_a_closed_case_answers_the_same_application_with_its_receipt(engine: Engine, client: CaseClient) -> None:
    application = number_change(await engine.insured())
    first = await client.open(application)
    await client.tell(first.case_id, Withdraw(actor=CLERK))
    await client.wait(first.case_id)
    assert await client.open(application) == first


async def test_a_closed_case_answers_another_application_with_its_outcome(engine: Engine, client: CaseClient) -> None:
    person = await engine.insured()
    first = await client.open(number_change(person))
    await client.tell(first.case_id, Withdraw(actor=CLERK))
    with pytest.raises(Refused) as refused:
        await client.open(number_change(person, category="refund"))
    assert refused.value.code is Code.CASE_CLOSED
    assert refused.value.outcome is not None
    assert refused.value.outcome.status is Status.withdrawn


async def test_a_closed_case_is_reopened_as_the_next_generation_once(engine: Engine, client: CaseClient) -> None:
    application = number_change(await engine.insured())
    first = await client.open(application)
    await client.tell(first.case_id, Withdraw(actor=CLERK))
    await client.wait(first.case_id)
    second = await client.open(application, reopen=True)
    assert (second.case_id, second.generation) == (first.case_id, 2)
    assert await client.open(application, reopen=True) == second


async def test_an_open_case_is_not_reopened_by_the_application_that_opened_it(
    engine: Engine, client: CaseClient
) -> None:
    application = number_change(await engine.insured())
    receipt = await client.open(application)
    assert await code_of(client.open(application, reopen=True)) is Code.CASE_NOT_REOPENABLE
    assert await client.open(application) == receipt
    await client.tell(receipt.case_id, Withdraw(actor=CLERK))
    await client.wait(receipt.case_id)
    assert (await client.open(application, reopen=True)).generation == 2


async def test_an_application_that_was_refused_can_be_corrected_and_opened(engine: Engine, client: CaseClient) -> None:
    person = await engine.insured()
    assert await code_of(client.open(number_change(person, region="990000"))) is Code.POLICY_UNKNOWN
    assert (await client.open(number_change(person))).status is Status.in_review


# --- telling ----------------------------------------------------------------------------------------------------------


async def test_a_fact_is_told_by_its_type_and_answered_when_it_has_taken_effect(
    client: CaseClient, opened_case: str
) -> None:
    answer = await client.tell(opened_case, VERIFY)
    assert (answer.case_id, answer.status) == (opened_case, Status.verified)


async def test_the_same_fact_told_twice_has_effect_once_and_one_answer(client: CaseClient, opened_case: str) -> None:
    fact = AddDocuments(actor=CLERK, documents=(paper(copy="2"),))
    first = await client.tell(opened_case, fact)
    assert await client.tell(opened_case, fact) == first
    assert len((await client.view(opened_case)).documents) == 2
    assert [step.event for step in await client.history(opened_case)].count(Event.add_documents) == 1


async def test_the_same_fact_told_again_on_purpose_has_an_id_of_its_own(client: CaseClient, opened_case: str) -> None:
    fact = Acknowledge(actor=CLERK)
    first = await client.tell(opened_case, fact)
    second = await client.tell(opened_case, fact, update_id="again-1")
    assert second.version == first.version + 1


async def test_a_fact_told_again_to_a_closed_case_gets_its_first_answer(client: CaseClient, opened_case: str) -> None:
    first = await client.tell(opened_case, VERIFY)
    await client.wait(opened_case)
    assert await client.tell(opened_case, VERIFY) == first


async def test_a_new_fact_told_to_a_closed_case_is_answered_with_the_outcome(
    client: CaseClient, opened_case: str
) -> None:
    await client.tell(opened_case, Withdraw(actor=CLERK))
    with pytest.raises(Refused) as refused:
        await client.tell(opened_case, VERIFY)
    assert refused.value.code is Code.CASE_CLOSED
    assert refused.value.outcome is not None
    assert refused.value.outcome.status is Status.withdrawn


async def test_a_refusal_carries_its_code_and_what_to_do(client: CaseClient, opened_case: str) -> None:
    with pytest.raises(Refused) as refused:
        await client.tell(opened_case, VERIFY.model_copy(update={"actor": CLERK}))
    assert (refused.value.code, refused.value.remedy) == (Code.SAME_PERSON, REMEDIES[Code.SAME_PERSON])
    assert (await client.view(opened_case)).last_refusal is Code.SAME_PERSON


async def test_an_event_of_the_other_kind_of_case_is_refused_before_anything_goes_out(
    client: CaseClient, opened_case: str
) -> None:
    assert (
        await code_of(client.tell(opened_case, CardUnclaimed(actor=CLERK, record="register-1")))
        is Code.EVENT_NOT_ALLOWED
    )
    assert (await client.view(opened_case)).last_refusal is None


async def test_a_case_that_does_not_exist_is_unknown_to_every_call(client: CaseClient) -> None:
    nobody = "idc-" + "a" * 26
    for call in (client.view(nobody), client.history(nobody), client.wait(nobody), client.tell(nobody, VERIFY)):
        assert await code_of(call) is Code.CASE_UNKNOWN
    assert await code_of(client.wait_for(nobody, lambda _: True)) is Code.CASE_UNKNOWN


@pytest.mark.parametrize(
    "case",
    [
        "",
        "idc-",
        "idc-" + "a" * 25,
        "idc-" + "A" * 26,
        "idc-" + "a" * 26 + "\n",
        "idc-" + "a" * 25 + "/",
        "x\0",
        "1" * 300,
    ],
)
async def test_what_is_no_case_id_never_goes_out(client: CaseClient, case: str) -> None:
    calls = (client.view(case), client.history(case), client.wait(case), client.tell(case, VERIFY))
    for call in (*calls, client.wait_for(case, lambda _: True)):
        with pytest.raises(InputRefused) as refused:
            await call
        assert refused.value.problems == (Problem("case_id", Code.CASE_ID_INVALID),)


@pytest.mark.parametrize(
    ("update_id", "code"),
    [
        *((form, Code.IDEMPOTENCY_KEY_INVALID) for form in ("", "x" * 129, "a b", "身份", "a\n")),
        *((number, Code.PII_IN_TEXT) for number in ("order-11010519101231002X", "13912345678")),
    ],
)
async def test_an_update_id_that_cannot_travel_in_clear_is_refused(
    client: CaseClient, opened_case: str, update_id: str, code: Code
) -> None:
    with pytest.raises(InputRefused) as refused:
        await client.tell(opened_case, VERIFY, update_id=update_id)
    assert [problem.code for problem in refused.value.problems] == [code]


async def test_a_document_of_a_host_that_is_not_allowed_never_goes_out(client: CaseClient, opened_case: str) -> None:
    elsewhere = ID_CARD.model_copy(update={"uri": "https://documents.example/1"})
    with pytest.raises(InputRefused) as refused:
        await client.tell(opened_case, AddDocuments(actor=CLERK, documents=(elsewhere,)))
    assert refused.value.problems == (Problem("documents.0.uri", Code.DOCUMENT_URI_REFUSED),)


async def test_a_made_card_is_told_with_its_number_sealed_and_twice_is_once(engine: Engine, client: CaseClient) -> None:
    person = await engine.insured(number=derive(old_number(9001)))
    case = (await client.open(replacement(person, reason="expired"))).case_id
    await client.tell(case, VERIFY)
    await client.wait_for(case, lambda view: view.status is Status.in_production)
    bureau = Actor(id="bureau-1", role=Role.card_bureau, office=MINISTRY)
    order = (await client.view(case)).order
    assert order is not None
    first = await client.card_produced(case, bureau, "batch-1", "CARD00000001", order=order)
    assert first.status is Status.ready
    assert await client.card_produced(case, bureau, "batch-1", "CARD00000001", order=order) == first
    kept = "SELECT fact::jsonb ->> 'order' FROM transitions WHERE case_id = $1 AND event = 'card_produced'"
    assert await engine.pool.fetchval(kept, case) == order
    assert "CARD00000001" not in str((await engine.handle(case).fetch_history()).events)


async def test_a_card_number_of_no_such_form_is_refused_by_its_field(client: CaseClient) -> None:
    bureau = Actor(id="bureau-1", role=Role.card_bureau, office=MINISTRY)
    with pytest.raises(InputRefused) as refused:
        await client.card_produced("crc-" + "a" * 26, bureau, "batch-1", "卡号", order=IN_FORCE)
    assert refused.value.problems == (Problem("card_number", Code.FIELD_INVALID),)


# --- a run that never answers -----------------------------------------------------------------------------------------


@pytest.fixture
def patient(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> CaseClient:
    """A client that would wait for a run for longer than a test may take, and looks at the register at once."""
    monkeypatch.setattr("intake.client.SILENT", timedelta(milliseconds=50))
    return CaseClient(
        engine.client,
        engine.sealer,
        stamping=engine.everybody,
        timeout=timedelta(minutes=10),
        today=lambda: TODAY,
        register=engine.pool,
    )


async def silence(*_: object, **__: object) -> None:
    """What a server says that has lost what it waits for."""
    await asyncio.Event().wait()


async def test_what_a_reset_run_refused_to_hear_again_is_answered_from_the_register(
    engine: Engine, client: CaseClient, patient: CaseClient, opened_case: str
) -> None:
    # The server keeps waiting for what it admitted to a run that was reset, and that the run has ended without: here
    # the resumption, which comes again before the hold is over.
    resume = Resume(actor=OFFICER)
    await client.tell(opened_case, Hold(actor=OFFICER, reason=HoldReason.waiting_for_id_card, evidence="police/1"))
    given = await client.tell(opened_case, resume)
    await client.tell(opened_case, Withdraw(actor=CLERK))
    await client.wait(opened_case)
    await reset_to_its_first_rest(engine, opened_case)
    await client.wait(opened_case)
    async with asyncio.timeout(PROMPTLY):
        assert await patient.tell(opened_case, resume) == given


async def test_what_a_silent_run_was_never_told_is_refused_where_the_register_has_closed_the_case(
    patient: CaseClient, opened_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await patient.tell(opened_case, Withdraw(actor=CLERK))
    outcome = await patient.wait(opened_case)
    monkeypatch.setattr(WorkflowHandle, "execute_update", silence)
    async with asyncio.timeout(PROMPTLY):
        with pytest.raises(Refused) as refused:
            await patient.tell(opened_case, Acknowledge(actor=CLERK))
    assert (refused.value.code, refused.value.outcome) == (Code.CASE_CLOSED, outcome)


async def test_what_a_silent_run_of_an_open_case_was_told_is_unknown_until_the_register_holds_it(
    engine: Engine, client: CaseClient, opened_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intake.client.SILENT", timedelta(milliseconds=50))
    hasty = CaseClient(
        engine.client,
        engine.sealer,
        stamping=engine.everybody,
        timeout=timedelta(milliseconds=300),
        today=lambda: TODAY,
        register=engine.pool,
    )
    told = WorkflowHandle.execute_update
    monkeypatch.setattr(WorkflowHandle, "execute_update", silence)
    assert await code_of(hasty.tell(opened_case, Acknowledge(actor=CLERK))) is Code.ENGINE_TIMEOUT
    monkeypatch.setattr(WorkflowHandle, "execute_update", told)
    given = await client.tell(opened_case, Acknowledge(actor=CLERK))
    monkeypatch.setattr(WorkflowHandle, "execute_update", silence)
    assert await hasty.tell(opened_case, Acknowledge(actor=CLERK)) == given


async def test_an_application_of_which_a_silent_run_says_nothing_gets_its_receipt_from_the_register(
    engine: Engine, patient: CaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = number_change(await engine.insured())
    receipt = await patient.open(application)
    monkeypatch.setattr(Client, "execute_update_with_start_workflow", silence)
    async with asyncio.timeout(PROMPTLY):
        assert await patient.open(application) == receipt


async def reset_to_its_first_rest(engine: Engine, case: str) -> None:
    """Have the case's run begin again before what it was told first; the server tells it all of that again."""
    handle = engine.handle(case)
    run = (await handle.describe()).run_id
    events = (await handle.fetch_history()).events
    completed = [each for each in events if each.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    await engine.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=engine.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=case, run_id=run),
            reason="a test",
            workflow_task_finish_event_id=completed[1].event_id,
            request_id=f"reset-{case}",
        )
    )


# --- looking and waiting ----------------------------------------------------------------------------------------------


async def test_history_lists_the_transitions_and_view_where_the_case_stands(
    client: CaseClient, opened_case: str
) -> None:
    await client.tell(opened_case, VERIFY)
    await client.wait(opened_case)
    view, transitions = await client.view(opened_case), await client.history(opened_case)
    assert view.status is transitions[-1].to is Status.done
    assert [step.version for step in transitions] == list(range(1, view.version + 1))


async def test_waiting_for_a_condition_looks_only_when_the_case_has_moved(engine: Engine, client: CaseClient) -> None:
    case = (await client.open(number_change(await engine.insured()))).case_id
    looks: list[CaseView] = []

    def applying(view: CaseView) -> bool:
        looks.append(view)
        return view.status is Status.applying and bool(view.awaited)

    waiting = asyncio.create_task(client.wait_for(case, applying))
    await asyncio.sleep(1)
    before = len(looks)
    await client.tell(case, VERIFY)
    view = await asyncio.wait_for(waiting, 10)
    assert before == 1
    assert len(looks) <= 3
    assert view.awaited == tuple(System)


async def test_waiting_for_what_already_holds_returns_at_once(client: CaseClient, opened_case: str) -> None:
    view = await asyncio.wait_for(client.wait_for(opened_case, lambda view: view.status is Status.in_review), 5)
    assert view.case_id == opened_case


async def test_waiting_for_what_cannot_come_any_more_ends_with_the_outcome(
    client: CaseClient, opened_case: str
) -> None:
    waiting = asyncio.create_task(client.wait_for(opened_case, lambda view: view.status is Status.disputed))
    await client.tell(opened_case, Reject(actor=OFFICER, legal_basis="社会保险经办条例第三十一条"))
    with pytest.raises(Refused) as refused:
        await asyncio.wait_for(waiting, 10)
    assert refused.value.code is Code.CASE_CLOSED
    assert refused.value.outcome is not None
    assert refused.value.outcome.status is Status.rejected


async def test_a_wait_can_be_cancelled(client: CaseClient, opened_case: str) -> None:
    for waiting in (client.wait(opened_case), client.wait_for(opened_case, lambda _: False)):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.3)


async def test_a_case_whose_run_was_terminated_has_no_outcome_and_is_not_closed(
    engine: Engine, client: CaseClient, opened_case: str
) -> None:
    await engine.handle(opened_case).terminate()
    for call in (client.wait(opened_case), client.tell(opened_case, VERIFY)):
        with pytest.raises(Unavailable) as unknown:
            await call
        assert unknown.value.code is Code.ENGINE_UNAVAILABLE


# --- an engine that does not answer -----------------------------------------------------------------------------------


async def test_a_namespace_that_does_not_exist_is_a_matter_of_configuration(engine: Engine) -> None:
    config = engine.client.config()
    config["namespace"] = "nowhere"
    client = CaseClient(
        Client(**config), engine.sealer, stamping=engine.everybody, timeout=timedelta(seconds=5), today=lambda: TODAY
    )
    assert await code_of(client.view("idc-" + "a" * 26)) is Code.CONFIGURATION_INVALID


async def test_an_answer_that_the_register_holds_is_given_although_the_run_ends_while_it_is_looked_at(
    engine: Engine, client: CaseClient, opened_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await engine.handle(opened_case).describe()
    withdrawn = Withdraw(actor=CLERK)
    given = await client.tell(opened_case, withdrawn, update_id="withdrawn")
    await engine.handle(opened_case).result()

    async def silent(*_: object) -> None:
        raise Unavailable(Code.ENGINE_TIMEOUT)

    async def still_running(_: str) -> object:
        return before

    monkeypatch.setattr(client, "_ask_for_answer", silent)
    monkeypatch.setattr(client, "_run_of", still_running)
    assert await client.tell(opened_case, withdrawn, update_id="withdrawn") == given
