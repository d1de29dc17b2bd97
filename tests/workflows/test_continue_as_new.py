"""A case goes on in a new run and nobody notices; the server is told to suggest it after a handful of events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Final

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import TimeSkipper

from cases.errors import Code
from cases.models import AddDocuments, Answer, DocumentKind, Receipt, ReceiptRequest, System
from cases.names import RECEIPT
from cases.states import Event, Status
from intake.client import CaseClient
from runtime.client import connect
from stack import TemporalServer
from tests.engine import SEALED, Engine
from tests.scenes import CLERK, FACTS, ID_CARD, SOUTH, document
from tests.workflows.dossier import Dossier
from tests.workflows.roads import activate, applying, change, made, replacement
from workflows.case import REMEMBERED_UPDATES
from workflows.search_attributes import SEARCH_ATTRIBUTES

pytestmark = pytest.mark.servers

SUGGESTED_AFTER: Final = 14
"""Events of a run; fewer than an opening and one fact need."""
_copies = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def impatient(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """The engine on a server that wants short histories, with the register that all tests share."""
    server = TemporalServer(
        tmp_path_factory.mktemp("temporal"),
        search_attributes=SEARCH_ATTRIBUTES,
        time_skipping=True,
        dynamic_config={"limit.historyCount.suggestContinueAsNew": SUGGESTED_AFTER},
    )
    async with server:
        client = await connect(SEALED, server.endpoint.address, server.endpoint.namespace)
        engine = replace(engine, client=client, skipper=TimeSkipper(client))
        async with engine.working():
            yield engine


def paper() -> AddDocuments:
    """One more paper that nobody has asked for."""
    return AddDocuments(actor=CLERK, documents=(document(DocumentKind.photograph, str(next(_copies) % 15)),))


async def runs_of(case: Dossier) -> int:
    """In how many runs the case has lived so far."""
    executions = [
        execution.run_id async for execution in case.engine.client.list_workflows(f"WorkflowId = '{case.case_id}'")
    ]
    return len(executions)


async def first_run_of(case: Dossier) -> str:
    """The run in which the case was opened."""
    described = await case.engine.handle(case.case_id).describe()
    return described.raw_description.workflow_execution_info.first_run_id


async def is_in_a_later_run(case: Dossier) -> None:
    """The case has left the run in which it was opened, and the end of that one is the beginning of another."""
    first = await first_run_of(case)
    described = await case.engine.handle(case.case_id).describe()
    assert described.run_id != first
    events = (await case.engine.client.get_workflow_handle(case.case_id, run_id=first).fetch_history()).events
    assert events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW


async def test_a_long_case_loses_nothing_on_its_way_through_many_runs(impatient: Engine) -> None:
    case = await change(impatient, ID_CARD)
    for _ in range(4):
        await case.tell(Event.add_documents, paper())
        await case.tell(Event.hold)
        await case.tell(Event.resume)
    before = await case.rests_in(Status.in_review)
    await is_in_a_later_run(case)
    assert before.version == 13
    assert [made.version for made in await impatient.history(case.case_id)] == list(range(1, 14))
    await case.verify()
    await case.rests_in(Status.applying)
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).numbers == (("old", "historic"), ("new", "living"))


async def test_a_time_limit_keeps_its_date_and_runs_out_in_a_later_run(impatient: Engine) -> None:
    case = await change(impatient)
    due_at = case.receipt.due_at
    await case.let_pass(timedelta(days=2))
    for _ in range(5):
        await case.tell(Event.add_documents, paper())
    view = await case.rests_in(Status.awaiting_documents)
    await is_in_a_later_run(case)
    assert (view.due_at, view.due_event) == (due_at, Event.supplement_expired)
    await case.time_runs_out(Event.supplement_expired)
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.closed_no_response, Code.NO_RESPONSE)
    made = (await impatient.history(case.case_id))[-1]
    assert due_at is not None
    assert timedelta() <= made.at - due_at < timedelta(minutes=1)


async def test_an_update_that_was_answered_in_an_earlier_run_is_remembered(impatient: Engine) -> None:
    case = await change(impatient, ID_CARD)
    held = await case.tell(Event.hold, update_id="hold-1")
    resumed = await case.tell(Event.resume, update_id="resume-1")
    for _ in range(4):
        await case.tell(Event.add_documents, paper())
    before = await case.rests_in(Status.in_review)
    await is_in_a_later_run(case)
    for event, update_id, first in ((Event.hold, "hold-1", held), (Event.resume, "resume-1", resumed)):
        assert await case.tell(event, update_id=update_id) == first
    again: Receipt = await impatient.handle(case.case_id).execute_update(
        RECEIPT, ReceiptRequest(key=case.opening.key, fingerprint=case.opening.fingerprint), result_type=Receipt
    )
    assert again == case.receipt
    assert await impatient.open(case.opening) == case.receipt
    assert (await case.rests_in(Status.in_review)).version == before.version


async def test_a_case_remembers_the_last_updates_and_no_more(impatient: Engine) -> None:
    case = await change(impatient, ID_CARD)
    for turn in range(REMEMBERED_UPDATES + 2):
        await case.tell(Event.add_documents, paper(), update_id=f"paper-{turn}")
    newest = await case.tell(Event.add_documents, paper(), update_id=f"paper-{REMEMBERED_UPDATES + 1}")
    view = await case.rests_in(Status.in_review)
    assert newest.version == view.version == REMEMBERED_UPDATES + 3
    state = await impatient.pool.fetchval("SELECT state -> 'answered' FROM cases WHERE case_id = $1", case.case_id)
    assert state.count('"id"') == REMEMBERED_UPDATES


async def test_callers_who_come_at_once_across_the_change_of_runs_are_all_answered(impatient: Engine) -> None:
    case = await change(impatient, ID_CARD)
    papers = [paper() for _ in range(24)]
    client = CaseClient(impatient.client, impatient.sealer, stamping=impatient.everybody)
    told = [client.tell(case.case_id, fact, update_id=f"paper-{turn}") for turn, fact in enumerate(papers)]
    answers = await asyncio.gather(*told)
    assert sorted(answer.version for answer in answers) == list(range(2, 26))
    view = await case.rests_in(Status.in_review)
    await is_in_a_later_run(case)
    assert view.version == 25
    assert {paper.sha256 for paper in view.documents} == {
        ID_CARD.sha256,
        *(paper.sha256 for fact in papers for paper in fact.documents),
    }


async def test_the_number_that_is_applied_outlives_the_run_that_applied_it(impatient: Engine) -> None:
    case = await applying(impatient)
    for system in System:
        await case.tell(Event.acknowledge)
        await case.tell(Event.acknowledge)
        await case.confirm(system)
    await is_in_a_later_run(case)
    assert (await case.ends()).status is Status.done


async def test_a_replacement_lives_through_many_runs_too(impatient: Engine) -> None:
    case = await made(impatient, region=SOUTH)
    for _ in range(2):
        await case.time_runs_out(Event.claim_period_passed)
        await case.tell(Event.acknowledge)
    await case.tell(Event.card_handed_over)
    await activate(case)
    assert (await case.ends()).status is Status.done
    await is_in_a_later_run(case)


async def test_who_waits_for_another_case_is_told_in_whatever_run_it_is(impatient: Engine) -> None:
    first = await change(impatient, ID_CARD)
    for _ in range(4):
        await first.tell(Event.add_documents, paper())
    await is_in_a_later_run(first)
    second = await change(impatient, ID_CARD, new=first.person.new)
    await second.rests_in(Status.disputed)
    await first.rests_in(Status.disputed)
    await second.tell(Event.withdraw)
    await first.rests_in(Status.in_review)


async def test_a_refusal_is_the_same_in_every_run(impatient: Engine) -> None:
    case = await replacement(impatient, ID_CARD)
    for _ in range(4):
        await case.tell(Event.add_documents, paper())
    await case.rests_in(Status.in_review)
    await is_in_a_later_run(case)
    with pytest.raises(WorkflowUpdateFailedError):
        await case.tell(Event.card_found, FACTS[Event.card_found])
    answer: Answer = await case.tell(Event.withdraw)
    assert answer.status is Status.withdrawn
    await case.ends()
