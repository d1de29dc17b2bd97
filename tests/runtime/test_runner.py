"""Payloads that do not open, in a running engine: their sender is told, no case is harmed, and what is wrong shows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollActivityTaskQueueRequest
from temporalio.bridge.proto.workflow_activation import InitializeWorkflow, WorkflowActivationJob
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHistory,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.sealing import KeyRing
from cases.errors import CaseError, Code
from cases.events import Event
from cases.machines.machine import Status
from cases.models import System
from cases.steps import Neighbour
from intake.client import CaseClient, Refused
from runtime.algorithms import Algorithm
from runtime.client import connect
from runtime.codec import PayloadSealer, is_sealed, refusal_in, refusal_of, workflow_bound
from runtime.runner import fails_task, refuse_other_arguments
from runtime.worker import cases_replayer
from stack import LocalStack
from tests.engine import SEALED, Engine
from tests.runtime.asking import NOBODY_POLLS, Asking
from tests.scenes import FACTS, ID_CARD, SOUTH
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import change

RING = KeyRing.sample()
AHEAD = RING.with_payload_key("p9").sealing_payloads_with("p9")
STRANGERS = {
    Code.KEY_UNKNOWN: PayloadSealer(AHEAD.without_payload_key("sample")),
    Code.SEAL_BROKEN: PayloadSealer(replace(RING, payload_keys={"sample": bytes(range(32))})),
    Code.PAYLOAD_DOWNGRADED: PayloadSealer(RING, [Algorithm.sm4_gcm]),
    Code.PAYLOAD_UNSEALED: None,
}
strangers = pytest.mark.parametrize(("code", "sealer"), STRANGERS.items(), ids=STRANGERS)


async def failed_tasks(client: Client, workflow_id: str) -> list[str]:
    """The error types by which the workflow's tasks failed."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return [
        event.workflow_task_failed_event_attributes.failure.application_failure_info.type
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]


async def a_failed_task(client: Client, workflow_id: str) -> str:
    """The error type by which a task of the workflow failed first, once one did."""
    async for event in client.get_workflow_handle(workflow_id).fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return event.workflow_task_failed_event_attributes.failure.application_failure_info.type
    raise AssertionError


async def ends_well(case: Dossier) -> None:
    """The case goes on as if nothing had happened, and nothing has."""
    await case.tell(Event.verify_documents)
    assert (await case.ends()).status is Status.done
    assert await failed_tasks(case.engine.client, case.case_id) == []


@strangers
async def test_a_fact_that_does_not_open_is_refused_to_its_sender_and_the_case_goes_on(
    stack: LocalStack, engine: Engine, code: Code, sealer: PayloadSealer | None
) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    stranger = await connect(sealer, stack.temporal_address, stack.namespace)
    handle = stranger.get_workflow_handle(case.case_id)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update("verify_documents", FACTS[Event.verify_documents])
    # The refusal is sealed by the worker; its type is what a stranger can read of it.
    assert code_of(refused.value) is code
    await ends_well(case)


async def test_a_fact_that_was_sealed_for_another_case_is_refused(stack: LocalStack, engine: Engine) -> None:
    theirs, ours = [await change(engine, ID_CARD, region=SOUTH) for _ in range(2)]
    await theirs.tell(Event.verify_documents)
    (told,) = [
        event.workflow_execution_update_accepted_event_attributes.accepted_request.input.args.payloads[0]
        for event in (await engine.handle(theirs.case_id).fetch_history()).events
        if event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name == "verify_documents"
    ]
    unsealing = await connect(None, stack.temporal_address, stack.namespace)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await unsealing.get_workflow_handle(ours.case_id).execute_update("verify_documents", RawValue(told))
    assert code_of(refused.value) is Code.PAYLOAD_MISPLACED
    await ends_well(ours)


@strangers
async def test_a_signal_in_clear_is_left_out_and_one_that_may_be_good_waits_for_its_key(
    stack: LocalStack, engine: Engine, code: Code, sealer: PayloadSealer | None
) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    stranger = await connect(sealer, stack.temporal_address, stack.namespace)
    told = Neighbour(case_id=case.case_id, event=Event.benefits_lifted)
    await stranger.get_workflow_handle(case.case_id).signal("neighbour_moved", told)
    if code is Code.PAYLOAD_UNSEALED:
        await ends_well(case)
    else:
        assert await a_failed_task(engine.client, case.case_id) == code
        await engine.handle(case.case_id).terminate("a test")


async def test_a_start_in_clear_fails_at_once_by_code(stack: LocalStack, engine: Engine) -> None:
    stranger = await connect(None, stack.temporal_address, stack.namespace)
    started = await stranger.start_workflow(
        "IdNumberChange", {"any": "thing"}, id=f"clear-{uuid4()}", task_queue=engine.task_queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await engine.client.get_workflow_handle(started.id).result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == Code.PAYLOAD_UNSEALED


async def test_an_answer_that_somebody_gives_in_the_name_of_an_activity_is_seen_and_not_believed(
    stack: LocalStack, engine: Engine
) -> None:
    queue = f"asking-{uuid4()}"
    async with Worker(engine.client, task_queue=queue, workflows=[Asking]):
        asking = await engine.client.start_workflow(Asking.run, id=queue, task_queue=queue)
        async for event in asking.fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                break
        forger = await connect(None, stack.temporal_address, stack.namespace)
        poll = PollActivityTaskQueueRequest(namespace=stack.namespace, task_queue=TaskQueue(name=NOBODY_POLLS))
        task = await forger.workflow_service.poll_activity_task_queue(poll)
        await forger.get_async_activity_handle(task_token=task.task_token).complete("forged")
        assert await a_failed_task(engine.client, asking.id) == Code.PAYLOAD_UNSEALED
        assert (await asking.describe()).status is WorkflowExecutionStatus.RUNNING
        await asking.terminate("a test")


async def test_an_answer_that_a_caller_cannot_open_is_told_by_code(stack: LocalStack, engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    for code in (Code.KEY_UNKNOWN, Code.SEAL_BROKEN, Code.PAYLOAD_DOWNGRADED):
        sealer = STRANGERS[code]
        stranger = CaseClient(await connect(sealer, stack.temporal_address, stack.namespace), engine.sealer)
        with pytest.raises(Refused) as refused:
            await stranger.view(case.case_id)
        # A query is asked without anything sealed, and what it answers does not open.
        assert refused.value.code is code
    await ends_well(case)


def flipped(payload: Payload) -> None:
    payload.data = payload.data[:-1] + bytes([payload.data[-1] ^ 1])


def cut(payload: Payload) -> None:
    payload.data = payload.data[:-1]


def opened(payload: Payload) -> None:
    payload.CopyFrom(SEALED.open(payload, namespace="default"))


def downgraded(payload: Payload) -> None:
    payload.data = payload.data[:1] + b"\0" + payload.data[2:]


def of_an_unknown_key(payload: Payload) -> None:
    payload.metadata["kid"] = b"p9"


def of_another_case(payload: Payload) -> None:
    plain = SEALED.open(payload, namespace="default")
    payload.CopyFrom(SEALED.seal(plain, namespace="default", bound=workflow_bound("idc-" + "a" * 26)))


@pytest.mark.parametrize("spoil", [flipped, cut, opened, downgraded, of_an_unknown_key, of_another_case])
async def test_a_history_in_which_one_payload_was_spoilt_does_not_replay(
    stack: LocalStack, engine: Engine, spoil: Callable[[Payload], None]
) -> None:
    assert stack.namespace == "default"
    case = await change(engine, ID_CARD)
    await case.tell(Event.verify_documents)
    await case.confirm(*System)
    await case.ends()
    whole = await engine.handle(case.case_id).fetch_history()
    replayer = cases_replayer(payloads=SEALED, namespace=stack.namespace)
    await replayer.replay_workflow(whole)
    read = [place for place, payload in enumerate(read_in(whole))]
    assert len(read) >= 8
    for place in read:
        spoilt = WorkflowHistory(whole.workflow_id, [copy_of(event) for event in whole.events])
        spoil(list(read_in(spoilt))[place])
        with pytest.raises(Exception, match=r"KEY_UNKNOWN|SEAL_BROKEN|PAYLOAD_|Nondeterminism|nondeterminis"):
            await replayer.replay_workflow(spoilt)


def read_in(history: WorkflowHistory) -> Iterator[Payload]:
    """The sealed payloads of a history that a replay reads: what a case was given, not what it answered."""
    for event in history.events:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                yield from event.workflow_execution_started_event_attributes.input.payloads
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                accepted = event.workflow_execution_update_accepted_event_attributes
                yield from accepted.accepted_request.input.args.payloads
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                details = event.marker_recorded_event_attributes.details
                yield from (payload for payload in details["result"].payloads if is_sealed(payload))
            case _:
                pass


def copy_of(event: HistoryEvent) -> HistoryEvent:
    copy = HistoryEvent()
    copy.CopyFrom(event)
    return copy


def job(part: str, code: Code | None) -> WorkflowActivationJob:
    """A job with one payload, refused by a code or good."""
    payload = refusal_of(CaseError(code)) if code is not None else Payload(metadata={"encoding": b"json/plain"})
    made = WorkflowActivationJob()
    match part:
        case "start":
            made.initialize_workflow.arguments.add().CopyFrom(payload)
        case "signal":
            made.signal_workflow.input.add().CopyFrom(payload)
        case "query":
            made.query_workflow.arguments.add().CopyFrom(payload)
        case "new update" | "old update":
            made.do_update.run_validator = part == "new update"
            made.do_update.input.add().CopyFrom(payload)
        case "result":
            made.resolve_activity.result.completed.result.CopyFrom(payload)
        case "failure":
            failure = made.resolve_activity.result.failed.failure
            failure.application_failure_info.details.payloads.add().CopyFrom(payload)
        case "last result":
            made.initialize_workflow.last_completion_result.payloads.add().CopyFrom(payload)
        case _:
            raise ValueError(part)
    return made


MENDABLE, FOR_GOOD = Code.KEY_UNKNOWN, Code.PAYLOAD_UNSEALED


@pytest.mark.parametrize("sent", [0, 2, 3])
def test_a_start_with_other_arguments_than_the_workflow_takes_is_given_refusals(sent: int) -> None:
    """Its tasks failed for ever, by an error of Python's own."""
    start = InitializeWorkflow(arguments=[Payload(data=b"1")] * sent)
    refuse_other_arguments(start, 1)
    assert [str(refusal_in(each)) for each in start.arguments] == [Code.PAYLOAD_INVALID]


def test_and_one_with_as_many_is_left_as_it_is() -> None:
    start = InitializeWorkflow(arguments=[Payload(data=b"1")])
    refuse_other_arguments(start, 1)
    assert start.arguments[0] == Payload(data=b"1")


@pytest.mark.parametrize(
    ("part", "fails_when_mendable", "fails_for_good", "fails_in_replay"),
    [
        ("start", True, False, True),
        ("last result", True, False, True),
        ("signal", True, False, False),
        ("new update", False, False, False),
        ("old update", True, True, True),
        ("query", False, False, False),
        ("result", True, True, True),
        ("failure", True, True, True),
    ],
)
def test_a_task_fails_where_nobody_else_can_be_told(
    part: str, *, fails_when_mendable: bool, fails_for_good: bool, fails_in_replay: bool
) -> None:
    def fails(code: Code | None, *, is_replaying: bool = False) -> bool:
        refused = fails_task(job(part, code), is_replaying=is_replaying)
        assert refused is None or refused.code is code
        return refused is not None

    assert not fails(None)
    assert fails(MENDABLE) is fails_when_mendable
    assert fails(MENDABLE, is_replaying=True) is fails_when_mendable
    assert fails(FOR_GOOD) is fails_for_good
    assert fails(FOR_GOOD, is_replaying=True) is fails_in_replay
