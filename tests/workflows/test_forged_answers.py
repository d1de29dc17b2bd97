"""What somebody can answer in the name of a case who takes the tasks of workflows from their queue.

They can complete the task of a case and say what they like to whoever asked. A client that may read the register gives
its caller nothing of it.
"""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from temporalio.api.command.v1 import Command, CompleteWorkflowExecutionCommandAttributes
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import CommandType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollWorkflowTaskQueueRequest,
    RespondWorkflowTaskCompletedRequest,
)
from temporalio.converter import WorkflowSerializationContext

from activities.registry.pool import create_pool
from activities.registry.reading import case_now
from cases.answers import Outcome
from cases.errors import Code
from cases.events import Event
from cases.facts import VerifyDocuments, Withdraw
from cases.kinds import case_id
from cases.machines.machine import Milestone, Status
from cases.models import Actor, Role
from cases.names import Kind
from cases.offices import MINISTRY
from cases.openings import ReplacementReason
from cases.steps import Neighbour, StepRequest
from intake.applications import Application
from intake.client import CaseClient, Contradicted, Refused, Unavailable
from tests.engine import Engine, Person, new_number
from tests.intake.applying import SOUTH, number_change, paper, replacement
from tests.scenes import FACTS, OFFICE, of_office
from tests.workflows.lying import lying
from workflows.case import Case

ROOT: Final = Path(__file__).parents[2]
TODAY: Final = date(2026, 11, 2)
VERIFIER: Final = Actor(id="clerk-2", role=Role.clerk, office=MINISTRY)
VERIFY: Final = VerifyDocuments(actor=VERIFIER, original_seen=True, copies=(paper().sha256,))
WITHDRAW: Final = Withdraw(actor=VERIFIER)
PLACES: Final = [(kind, region) for kind in Kind for region in (OFFICE, SOUTH)]


def confirming(engine: Engine) -> CaseClient:
    """A client that may read the register."""
    return CaseClient(
        engine.client, engine.sealer, stamping=engine.everybody, today=lambda: TODAY, register=engine.pool
    )


def believing(engine: Engine) -> CaseClient:
    """One that may not."""
    return CaseClient(engine.client, engine.sealer, stamping=engine.everybody, today=lambda: TODAY)


def application(person: Person, kind: Kind, region: str) -> Application:
    if kind is Kind.id_number_change:
        return number_change(person, region=region)
    return replacement(person, region=region, reason="expired")


@pytest.mark.parametrize(("kind", "region"), PLACES)
async def test_a_receipt_that_the_register_has_not_given_reaches_nobody(
    engine: Engine, kind: Kind, region: str
) -> None:
    person = await engine.insured(region=region)
    asked = application(person, kind, region)
    client, ours = confirming(engine), believing(engine)
    async with lying(engine, case_id(kind, engine.sealer.person_token(person.personal_number)), kind):
        with pytest.raises(Contradicted) as lie:
            await client.open(asked)
        assert (lie.value.code, lie.value.held) == (Code.ANSWER_CONTRADICTED, None)
        # Whoever may not read the register is told what was answered, and that nobody compared it.
        assert ((await ours.open(asked)).status, ours.confirms, client.confirms) == (Status.done, False, True)


@pytest.mark.parametrize(("kind", "region"), PLACES)
async def test_nor_does_another_one_than_it_has_given(engine: Engine, kind: Kind, region: str) -> None:
    client = confirming(engine)
    asked = application(await engine.insured(region=region), kind, region)
    receipt = await client.open(asked)
    assert await client.open(asked) == receipt
    async with lying(engine, receipt.case_id, kind):
        with pytest.raises(Contradicted) as lie:
            await client.open(asked)
    assert lie.value.held == receipt


@pytest.mark.parametrize(("kind", "region"), PLACES)
async def test_an_answer_to_what_did_not_happen_reaches_nobody(engine: Engine, kind: Kind, region: str) -> None:
    client = confirming(engine)
    receipt = await client.open(application(await engine.insured(region=region), kind, region))
    async with lying(engine, receipt.case_id, kind):
        with pytest.raises(Contradicted) as lie:
            await client.tell(receipt.case_id, VERIFY)
        assert lie.value.held is None
        with pytest.raises(Refused) as refused:
            await client.tell(receipt.case_id, WITHDRAW)
        assert refused.value.code is Code.EVENT_NOT_ALLOWED


async def test_what_somebody_else_told_under_the_same_identity_answers_nobody(engine: Engine) -> None:
    """Whoever takes the tasks of a case may ask for a fact of one caller under the identity of another's."""
    client = confirming(engine)
    receipt = await client.open(application(await engine.insured(region=SOUTH), Kind.id_number_change, SOUTH))
    held = await case_now(engine.pool, receipt.case_id)
    assert held is not None
    fact = await engine.stamped(receipt.case_id, Event.hold, of_office(FACTS[Event.hold], SOUTH))
    now = datetime.now(UTC)
    await engine.registry.advance(
        StepRequest.of(held.state, Event.hold, fact, told_as="swapped-1", arrived=now, at=now)
    )
    with pytest.raises(Refused) as refused:
        await client.tell(receipt.case_id, VERIFY, update_id="swapped-1")
    assert refused.value.code is Code.IDEMPOTENCY_CONFLICT
    assert (await client.tell(receipt.case_id, fact, update_id="swapped-1")).status is Status.on_hold


@pytest.mark.parametrize(("kind", "region"), PLACES)
async def test_what_has_happened_is_answered_as_it_was_whoever_says_otherwise(
    engine: Engine, kind: Kind, region: str
) -> None:
    """A forged refusal would have its caller do again, in another way, what is done."""
    client = confirming(engine)
    number = {} if kind is Kind.id_number_change else {"number": new_number()}
    receipt = await client.open(application(await engine.insured(region=region, **number), kind, region))
    verified = await client.tell(receipt.case_id, VERIFY, update_id="verify-1")
    assert await client.tell(receipt.case_id, VERIFY, update_id="verify-1") == verified
    async with lying(engine, receipt.case_id, kind):
        with pytest.raises(Contradicted) as lie:
            await client.tell(receipt.case_id, VERIFY, update_id="verify-1")
        assert lie.value.held == verified.model_copy(update={"remains": ()})


@pytest.mark.parametrize(("kind", "region"), PLACES)
async def test_a_withdrawal_that_took_effect_is_not_denied(engine: Engine, kind: Kind, region: str) -> None:
    client = confirming(engine)
    receipt = await client.open(application(await engine.insured(region=region), kind, region))
    withdrawn = await client.tell(receipt.case_id, WITHDRAW, update_id="withdraw-1")
    assert (await client.wait(receipt.case_id)).status is Status.withdrawn
    async with lying(engine, receipt.case_id, kind):
        assert await client.tell(receipt.case_id, WITHDRAW, update_id="withdraw-1") == withdrawn
        with pytest.raises(Refused):
            await believing(engine).tell(receipt.case_id, WITHDRAW, update_id="withdraw-1")


@pytest.mark.parametrize(("kind", "region"), PLACES)
async def test_nor_is_anything_that_took_effect_kept_from_its_caller_by_silence(
    engine: Engine, kind: Kind, region: str
) -> None:
    client = confirming(engine)
    asked = application(await engine.insured(region=region), kind, region)
    receipt = await client.open(asked)
    withdrawn = await client.tell(receipt.case_id, WITHDRAW, update_id="withdraw-1")
    await client.wait(receipt.case_id)
    silent = await engine.client.start_workflow(kind.value, id=receipt.case_id, task_queue="nobody-serves-it")
    impatient = CaseClient(
        engine.client,
        engine.sealer,
        stamping=engine.everybody,
        today=lambda: TODAY,
        register=engine.pool,
        timeout=timedelta(seconds=1),
    )
    assert await impatient.tell(receipt.case_id, WITHDRAW, update_id="withdraw-1") == withdrawn
    assert await impatient.open(asked) == receipt
    with pytest.raises(Unavailable):
        await impatient.tell(receipt.case_id, WITHDRAW, update_id="withdraw-2")
    await silent.terminate()


@pytest.mark.parametrize(("kind", "region"), PLACES)
async def test_an_outcome_that_somebody_else_completed_a_task_with_is_none(
    engine: Engine, kind: Kind, region: str
) -> None:
    apart = replace(engine, task_queue=f"answers-{kind}-{region}")
    person = await engine.insured(region=region)
    opening = (
        apart.number_change(person, region=region)
        if kind is Kind.id_number_change
        else apart.replacement(person, ReplacementReason.damaged, region=region)
    )
    async with apart.working():
        receipt = await apart.open(opening)
        await apart.reaches(receipt.case_id, receipt.status)
    forged = Outcome(
        case_id=receipt.case_id, generation=1, status=Status.done, milestone=Milestone.benefits_unblocked, transitions=9
    )
    await complete(apart, receipt.case_id, forged)
    client = confirming(engine)
    with pytest.raises(Contradicted) as lie:
        await client.wait(receipt.case_id)
    assert lie.value.held is None
    assert (await believing(engine).wait(receipt.case_id)).status is Status.done


async def complete(engine: Engine, case: str, outcome: Outcome) -> None:
    """End a case by a task of its workflow, taken as any worker would."""
    service = engine.client.workflow_service
    await engine.handle(case).signal(
        Case.neighbour_moved, Neighbour(case_id=case, event=Event.turn_free, because_of=case)
    )
    # The task is offered to the worker that was there last, and then to anybody.
    task = await service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(
            namespace=engine.client.namespace, task_queue=TaskQueue(name=engine.task_queue), identity="somebody"
        )
    )
    place = WorkflowSerializationContext(namespace=engine.client.namespace, workflow_id=case)
    payloads = await engine.client.data_converter.with_context(place).encode([outcome])
    ending = CompleteWorkflowExecutionCommandAttributes(result=Payloads(payloads=payloads))
    await service.respond_workflow_task_completed(
        RespondWorkflowTaskCompletedRequest(
            namespace=engine.client.namespace,
            task_token=task.task_token,
            commands=[
                Command(
                    command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
                    complete_workflow_execution_command_attributes=ending,
                )
            ],
        )
    )


async def test_a_register_that_is_away_confirms_nothing_and_that_is_said(engine: Engine) -> None:
    away = await create_pool(engine.database_url, size=1)
    client = CaseClient(engine.client, engine.sealer, stamping=engine.everybody, today=lambda: TODAY, register=away)
    await away.close()
    asked = number_change(await engine.insured())
    with pytest.raises(Unavailable) as unknown:
        await client.open(asked)
    assert unknown.value.code is Code.DATABASE_UNAVAILABLE
    # It has taken effect, and repeating it is safe.
    assert (await confirming(engine).open(asked)).status is Status.in_review


def test_nothing_of_the_product_shows_or_decides_by_what_only_a_workflow_says() -> None:
    asks = re.compile(r"\bcases?\.(view|history|progress)\(|(?<!workflow)\.query\(")
    asking = {
        file.relative_to(ROOT).as_posix()
        for room in ("activities", "desk", "gate", "intake", "workflows")
        for file in (ROOT / room).rglob("*.py")
        if asks.search(file.read_text(encoding="utf-8"))
    }
    assert asking == {"intake/client.py"}
