"""What a reset has told a case again is replayed in the order in which it was heard.

The server hands what it tells again to a worker before a signal that came later; when the history is replayed the
signal comes first. Nothing that a case asks for may depend on that.
"""

from dataclasses import replace

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.worker import Replayer

from cases.events import Event
from cases.machines.machine import Status
from cases.models import System
from cases.names import LOOK_AT_REGISTER
from cases.steps import Neighbour
from runtime.plugin import FAILING
from runtime.runner import RUNNER
from runtime.worker import every_workflow
from tests.engine import Engine
from tests.scenes import ID_CARD
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change
from workflows.case import Case

pytestmark = pytest.mark.servers


async def hears_again_what_it_was_told_last(case: Dossier) -> None:
    client = case.engine.client
    run = await client.get_workflow_handle(case.case_id).describe()
    history = await client.get_workflow_handle(case.case_id, run_id=run.run_id).fetch_history()
    completed = [each for each in history.events if each.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=case.case_id, run_id=run.run_id),
            reason="a test",
            workflow_task_finish_event_id=completed[-1].event_id,
            request_id=f"reset-{case.case_id}",
        )
    )


async def replays(case: Dossier) -> None:
    """The history of a case asks for the same again. Raises where it does not."""
    client = case.engine.client
    replayer = Replayer(
        workflows=every_workflow(),
        workflow_runner=RUNNER,
        data_converter=client.data_converter,
        namespace=client.namespace,
        workflow_failure_exception_types=FAILING,
    )
    await replayer.replay_workflow(await client.get_workflow_handle(case.case_id).fetch_history())


@pytest.mark.parametrize("signal", [LOOK_AT_REGISTER, "neighbour_moved"])
async def test_a_case_that_hears_again_what_it_was_told_and_a_signal_at_once_is_replayed(
    engine: Engine, signal: str
) -> None:
    own = replace(engine, task_queue=f"reset-{signal}")
    async with own.working():
        case = await change(own, ID_CARD)
        await case.verify()
    await hears_again_what_it_was_told_last(case)
    handle = own.handle(case.case_id)
    if signal == LOOK_AT_REGISTER:
        await handle.signal(LOOK_AT_REGISTER)
    else:
        told = Neighbour(case_id=case.case_id, event=Event.dispute_opened, because_of=case.case_id)
        await handle.signal(Case.neighbour_moved, told)
    async with own.working():
        await case.rests_in(Status.applying)
        await case.confirm(*System)
        assert (await case.ends()).status is Status.done
    await replays(case)
