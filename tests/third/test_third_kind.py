"""A third kind of case lives on the real engine by what it brings itself, and nobody takes it for another kind."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import WorkflowTaskFailedEventAttributes
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowExecutionStatus

from activities.campaign.rechecking import Progress, recheck
from activities.registry.loading import BenefitHold, Claim
from activities.registry.reading import Filter, list_cases
from activities.registry.verifying import verify_audit
from cases.answers import Answer, Outcome
from cases.documents import DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments, CardFound, ConfirmDownstream, Reject, VerifyDocuments
from cases.kinds import KINDS, case_id, every_case
from cases.machines.machine import Milestone, Status
from cases.models import System
from cases.names import Kind
from gate.gate import Asked, Batch
from intake.applications import seal
from intake.client import CaseClient, Refused, today_in_shanghai
from intake.requests import application_of, read_object
from runtime.stories import STORIES
from stack.issuer import Everybody, Issuer
from tests.engine import Engine, Person
from tests.intake.applying import CLERK, fields_of, number_change, paper, replacement
from tests.namespaces import until
from tests.scenes import (
    BANK,
    CERTIFICATE,
    DOWNSTREAM,
    ID_CARD,
    OFFICE,
    OFFICER,
    PUBLICATION,
    SPEAKERS,
    VERIFIER,
    answering,
)
from tests.stamping import KEY
from tests.third.application import NameChangeApplication
from tests.third.forgetful import Forgetful
from tests.third.record import NAME_CHANGE, RECORD
from workflows.search_attributes import ATTENTION, CATEGORY, DUE_AT, KIND, MILESTONE, REGION, STATUS, VERSION

PAPER = paper(DocumentKind.police_certificate)
VERIFIED = VerifyDocuments(actor=VERIFIER, original_seen=True, copies=(PAPER.sha256,))
CONFIRMED = ConfirmDownstream(
    actor=BANK, system=System.bank, confirmed=True, reference="bank-1", publication=PUBLICATION
)


def name_change(person: Person, **more: Any) -> NameChangeApplication:
    fields: dict[str, Any] = {
        "personal_number": person.personal_number,
        "name": person.name,
        "number": person.old,
        "decree": "decree/2026-1",
        "region": OFFICE,
        "submitter": CLERK,
        "documents": (PAPER,),
    }
    return NameChangeApplication(**(fields | more))


def case_of(engine: Engine, person: Person) -> str:
    return case_id(NAME_CHANGE, engine.sealer.person_token(person.personal_number))


async def code_of(refused: Any) -> Code:
    with pytest.raises(Refused) as why:
        await refused
    return why.value.code


async def answers(cases: CaseClient, case: str, fact: ConfirmDownstream) -> Answer:
    """A system answers what the case asks."""
    return await cases.tell(case, answering(fact, (await cases.view(case)).publication))


async def everybody_confirms(cases: CaseClient, case: str) -> Outcome:
    """The outcome of a case once every system that it awaits has confirmed."""
    for system in (await cases.view(case)).awaited:
        await answers(cases, case, CONFIRMED.model_copy(update={"actor": SPEAKERS[system], "system": system}))
    return await cases.wait(case)


async def test_a_case_of_a_third_kind_lives_from_its_opening_to_its_ending(third: Engine, cases: CaseClient) -> None:
    person = await third.insured()
    receipt = await cases.open(name_change(person))
    case = receipt.case_id
    assert (case, receipt.missing, receipt.generation) == (case_of(third, person), (), 1)
    view = await cases.view(case)
    assert (view.kind, view.status, view.milestone) == (NAME_CHANGE, Status.in_review, Milestone.submitted)
    assert (view.policy, view.due_event, view.awaited) == ("northern/1", Event.supplement_expired, ())
    assert view.campaign_due_at is None
    assert set(view.events) == {Event.add_documents, Event.verify_documents, Event.reject, Event.recompute}
    assert (await cases.tell(case, VERIFIED)).status is Status.applying
    view = await cases.view(case)
    assert (view.status, view.awaited, view.due_event) == (
        Status.applying,
        (System.bank,),
        Event.delivery_overdue,
    )
    refusal = CONFIRMED.model_copy(update={"confirmed": False, "reference": "bank-0"})
    assert (await answers(cases, case, refusal)).status is Status.applying
    assert (await cases.view(case)).last_error is Code.CONFIRMATION_REFUSED
    assert (await answers(cases, case, CONFIRMED)).status is Status.done
    outcome = await cases.wait(case)
    assert (outcome.status, outcome.milestone, outcome.remains) == (Status.done, Milestone.benefits_unblocked, ())
    made = [(each.event, each.to, each.actor) for each in await cases.history(case)]
    assert made == [
        (Event.checked, Status.in_review, None),
        (Event.verify_documents, Status.applying, VERIFIER.id),
        (Event.confirm_downstream, Status.applying, BANK.id),
        (Event.confirm_downstream, Status.done, BANK.id),
    ]
    assert (await verify_audit(third.pool, case)).broken == ()
    # It tells its applicant nothing, and nothing is told in another kind's words.
    assert await third.pool.fetchval("SELECT count(*) FROM notifications WHERE case_id = $1", case) == 0
    told = await third.pool.fetch("SELECT target FROM events WHERE case_id = $1 ORDER BY id", case)
    assert [each["target"] for each in told] == ["register", "bank"]


async def test_temporal_shows_it_as_what_it_is_and_sees_nothing_of_the_person(third: Engine, cases: CaseClient) -> None:
    person = await third.insured()
    case = (await cases.open(name_change(person))).case_id
    handle = third.handle(case)

    async def shown() -> tuple[Any, ...]:
        known = (await handle.describe()).typed_search_attributes
        return tuple(known.get(key) for key in (KIND, STATUS, MILESTONE, REGION, CATEGORY, VERSION, ATTENTION))

    assert await shown() == ("NameChange", "in_review", "submitted", OFFICE, "general", 1, None)
    described = await handle.describe()
    assert described.workflow_type == "NameChange"
    assert described.typed_search_attributes.get(DUE_AT) == (await cases.view(case)).due_at
    assert (await described.static_summary() or "").startswith("姓名变更 · ")

    async def listed() -> bool:
        query = f"{every_case()} AND {STATUS.name} = 'in_review'"
        return [run.id async for run in third.client.list_workflows(query)] == [case]

    await until(listed)
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert "姓名变更" in metadata.current_details
    assert "verify_documents" in metadata.current_details
    await cases.tell(case, VERIFIED)
    await answers(cases, case, CONFIRMED)
    await cases.wait(case)
    assert await shown() == ("NameChange", "done", "benefits_unblocked", OFFICE, "general", 3, None)
    events = [event async for event in handle.fetch_history_events()]
    started = events[0].workflow_execution_started_event_attributes
    assert [each.metadata["encoding"] for each in started.input.payloads] == [b"binary/cardcase-sealed"]
    whole = b"".join(event.SerializeToString() for event in events)
    for secret in (person.name, person.old, person.personal_number):
        assert secret.encode() not in whole


async def test_all_three_kinds_of_one_person_are_open_at_once_and_let_each_other_be(
    third: Engine, cases: CaseClient
) -> None:
    person = await third.insured()
    receipts = await asyncio.gather(
        cases.open(number_change(person)),
        cases.open(replacement(person, number=person.new)),
        cases.open(name_change(person)),
    )
    change, card, name = (receipt.case_id for receipt in receipts)
    assert len({change, card, name}) == 3
    assert {each.partition("-")[2] for each in (change, card, name)} == {
        third.sealer.person_token(person.personal_number)
    }
    rows = await list_cases(third.pool, Filter(), limit=1000)
    assert {(row.case_id, row.kind) for row in rows if row.case_id in {change, card, name}} == {
        (change, Kind.id_number_change),
        (card, Kind.card_replacement),
        (name, NAME_CHANGE),
    }
    before = await cases.view(name)
    await cases.tell(change, VERIFIED.model_copy(update={"copies": (ID_CARD.sha256,)}))
    assert (await everybody_confirms(cases, change)).status is Status.done
    # The replacement waited for the number and is told; the name is no affair of either.
    async with asyncio.timeout(20):
        await cases.wait_for(card, lambda view: view.status is not Status.on_hold)
    assert await cases.view(name) == before
    signals = {
        case: [
            event
            async for event in third.handle(case).fetch_history_events()
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        ]
        for case in (card, name)
    }
    assert (len(signals[card]), len(signals[name])) == (1, 0)
    assert (await cases.tell(name, VERIFIED)).status is Status.applying
    assert (await answers(cases, name, CONFIRMED)).status is Status.done
    assert (await verify_audit(third.pool)).broken == ()


async def test_it_refuses_what_its_own_table_and_the_rules_of_all_kinds_refuse(
    third: Engine, cases: CaseClient
) -> None:
    person = await third.insured()
    case = (await cases.open(name_change(person, documents=()))).case_id
    by_the_same = VERIFIED.model_copy(update={"actor": CLERK})
    assert await code_of(cases.tell(case, VERIFIED)) is Code.DOCUMENTS_MISSING
    await cases.tell(case, AddDocuments(actor=CLERK, documents=(CERTIFICATE,)))
    assert await code_of(cases.tell(case, by_the_same)) is Code.SAME_PERSON
    assert await code_of(answers(cases, case, CONFIRMED)) is Code.ANSWER_OUT_OF_DATE
    # Another kind's event is refused before anybody is asked.
    assert await code_of(cases.tell(case, CardFound(actor=CLERK))) is Code.EVENT_NOT_ALLOWED
    assert await code_of(cases.open(name_change(person))) is Code.CASE_ALREADY_OPEN
    await cases.tell(case, VERIFIED.model_copy(update={"copies": (CERTIFICATE.sha256,)}))
    not_asked = CONFIRMED.model_copy(update={"actor": DOWNSTREAM, "system": System.medical_insurance})
    assert await code_of(answers(cases, case, not_asked)) is Code.SYSTEM_NOT_AWAITED
    for_the_bank = CONFIRMED.model_copy(update={"actor": DOWNSTREAM})
    assert await code_of(answers(cases, case, for_the_bank)) is Code.ROLE_NOT_ALLOWED
    assert (await cases.view(case)).version == 3


async def test_whom_the_register_does_not_know_is_told_so_in_its_own_words(third: Engine, cases: CaseClient) -> None:
    known = await third.insured()
    stranger = Person(personal_number="X" + known.personal_number, name=known.name, old=known.old, new=known.new)
    receipt = await cases.open(name_change(stranger))
    outcome = await cases.wait(receipt.case_id)
    assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_UNKNOWN)


async def test_a_closed_case_of_it_is_reopened_as_its_next_generation(third: Engine, cases: CaseClient) -> None:
    person = await third.insured()
    first = await cases.open(name_change(person))
    await cases.tell(first.case_id, Reject(actor=OFFICER, legal_basis="示例文件〔2026〕第1号"))
    assert (await cases.wait(first.case_id)).status is Status.rejected
    assert await code_of(cases.open(name_change(person, decree="decree/2026-2"))) is Code.CASE_CLOSED
    again = await cases.open(name_change(person), reopen=True)
    assert (again.case_id, again.generation) == (first.case_id, 2)
    await cases.tell(again.case_id, VERIFIED)
    await answers(cases, again.case_id, CONFIRMED)
    assert (await cases.wait(again.case_id)).status is Status.done
    assert (await verify_audit(third.pool, first.case_id)).broken == ()


async def test_an_application_for_it_is_read_as_programs_send_it(third: Engine) -> None:
    application = name_change(await third.insured())
    for named in ("NameChange", "name_change"):
        sent = json.dumps({**fields_of(application), "kind": named}).encode()
        assert application_of(read_object(sent)) == application


async def test_its_migration_says_what_its_record_says(third: Engine) -> None:
    rows = await third.pool.fetch("SELECT kind, prefix, held_for FROM kinds")
    assert {tuple(row) for row in rows} == {
        (record.kind.value, record.prefix, record.held_for) for record in KINDS.values()
    }
    assert KINDS[NAME_CHANGE] is RECORD


async def test_the_gates_service_stamps_its_openings_and_facts_as_programs_send_them(third: Engine) -> None:
    person = await third.insured()
    opening = seal(name_change(person), third.sealer, today_in_shanghai())
    fact = VERIFIED.model_dump(mode="json", exclude_unset=True)
    issuer = Issuer()
    sent = Batch(
        asked=(
            Asked(
                case=case_of(third, person), event="open", content=opening.model_dump(mode="json", exclude_none=True)
            ),
            Asked(case=case_of(third, person), event=Event.verify_documents, content=fact),
        )
    )
    gate = issuer.gate(KEY, third.client.namespace)
    opened, told = (await gate.stamp_all(CLERK, sent)).answered
    assert (opened.code, told.code) == (None, None)
    assert opened.content is not None
    assert opened.content["decree"] == "decree/2026-1"


async def test_what_is_held_for_its_reason_is_paid_again_when_its_case_is_done(
    third: Engine, cases: CaseClient
) -> None:
    held = BenefitHold(
        reason="name",
        notice="notice-1",
        served_on=date(2026, 9, 1),
        legal_basis="示例文件〔2026〕第1号",
        officer="officer-3",
        held_at=datetime(2026, 9, 2, tzinfo=UTC),
    )
    claims = (
        Claim(reference="claim-1", amount_fen=100_00, suspended_for="name"),
        Claim(reference="claim-2", amount_fen=200_00, suspended_for="card"),
    )
    person = await third.insured(benefit_holds=(held,), claims=claims)
    case = (await cases.open(name_change(person))).case_id
    card = (await cases.open(replacement(person))).case_id
    assert ((await cases.view(case)).benefits_held, (await cases.view(card)).benefits_held) == (True, False)
    await cases.tell(case, VERIFIED)
    await answers(cases, case, CONFIRMED)
    await cases.wait(case)
    await recheck(third.pool, datetime.now(UTC), Progress(), lambda _: None)
    ref = third.sealer.person_token(person.personal_number)
    hold = await third.pool.fetchrow(
        "SELECT state, release_basis, released_by_case FROM benefit_holds JOIN persons ON persons.id = person_id"
        " WHERE token = $1",
        ref,
    )
    assert tuple(hold or ()) == ("released", "case_done", case)
    queued = await third.pool.fetch(
        "SELECT suspended_for, state FROM claims JOIN persons ON persons.id = person_id WHERE token = $1", ref
    )
    assert {tuple(row) for row in queued} == {("name", "queued"), ("card", "suspended")}


async def test_a_story_without_a_line_for_a_step_of_the_engine_fails_loudly_until_it_has_one(
    third: Engine, cases: CaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await third.insured()
    writing = await cases.open(name_change(person))
    elsewhere = replace(third, task_queue="forgetful")
    opening = seal(number_change(person), third.sealer, today_in_shanghai())
    issuer = Issuer()
    opening = await Everybody(issuer, issuer.gate(KEY, third.client.namespace)).stamp_opening(opening)
    with monkeypatch.context() as forgotten:
        forgotten.setitem(STORIES, Kind.id_number_change, Forgetful)
        async with elsewhere.working():
            case = (await elsewhere.open(opening)).case_id
            # The register makes what follows at once; the story comes to it where another case is writing.
            await third.pool.execute(
                "INSERT INTO turns (person, case_id, generation, taken_at) VALUES ($1, $2, 1, now())",
                opening.person,
                writing.case_id,
            )
            verified = VERIFIED.model_copy(update={"copies": (ID_CARD.sha256,)})
            told = asyncio.create_task(cases.tell(case, verified))
            failed = await task_failed(third, case)
            assert failed.failure.application_failure_info.type == "RuntimeError"
            assert (await third.handle(case).describe()).status is WorkflowExecutionStatus.RUNNING
    assert await third.pool.fetchval("SELECT status FROM cases WHERE case_id = $1", case) == Status.verified
    await third.pool.execute("DELETE FROM turns WHERE person = $1", opening.person)
    async with elsewhere.working():
        assert (await told).status is Status.verified
        async with asyncio.timeout(20):
            await cases.wait_for(case, lambda view: bool(view.awaited))
        assert (await everybody_confirms(cases, case)).status is Status.done


async def task_failed(engine: Engine, case: str) -> WorkflowTaskFailedEventAttributes:
    """The first failure of a workflow task of a case, once there is one."""
    async with asyncio.timeout(20):
        async for event in engine.handle(case).fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                return event.workflow_task_failed_event_attributes
    raise AssertionError("the case has ended")
