"""What becomes of a payload that did not open, by where it stands in the work that a workflow is given.

The codec knows the place of a payload and not its part, so it hands refusals on (`runtime.codec.refusal_in`), and they
are judged here before the workflow sees them:

* a new update or a query is refused to whoever sent it, and the case goes on: a caller with a wrong ring, or somebody
  who writes in clear, holds up nobody;
* a new start that no ring will ever open fails by code, and such a signal is left out with a line in the log;
* everything else fails the workflow task. That is seen, harms nothing, and is repeated until the right keys are there.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from cases.errors import CaseError
from runtime.codec import MENDABLE, REFUSED, payloads_in, refusal_in


class RefusingRunner(SandboxedWorkflowRunner):
    """The sandbox, given only such work as may be done although a payload in it was refused."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """See base class."""
        return _Refusing(super().create_instance(det))


class _Refusing(WorkflowInstance):
    """One workflow, behind the look at what it is given.

    To whom a payload belongs is asked several times of every payload, and each question is a way into the sandbox: a
    fifth of what a worker did. Answers are kept: that of the workflow itself, and that of the command last asked for.
    """

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance
        self._belonging = _LastAnswers(instance.get_serialization_context)
        self._storing = _LastAnswers(instance.get_external_store_context)

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """See base class. Raises `CaseError`, by which the workflow task fails."""
        # Hardly ever is anything refused, and whether it may be is found without looking at every field.
        if REFUSED in act.SerializeToString():
            for job in act.jobs:
                refused = fails_task(job, is_replaying=act.is_replaying)
                if refused is not None:
                    raise refused
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        """See base class."""
        return self._belonging.of(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        """See base class."""
        return self._storing.of(command_info)

    def get_info(self) -> Info:
        """See base class."""
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        """See base class."""
        return self._instance.get_thread_id()


_Context = TypeVar("_Context")


class _LastAnswers(Generic[_Context]):
    """What was answered of the workflow itself (no command), which never changes, and of one command.

    While a command is pending its answer stays the same, and once it is not, nobody asks.
    """

    def __init__(self, ask: Callable[[Any], _Context]) -> None:
        self._ask = ask
        self._answers: dict[Any, _Context] = {}

    def of(self, command: Any) -> _Context:
        """The answer of a command, or of the workflow."""
        if command not in self._answers:
            kept = {asked: answer for asked, answer in self._answers.items() if asked is None}
            self._answers = {**kept, command: self._ask(command)}
        return self._answers[command]


def fails_task(job: WorkflowActivationJob, *, is_replaying: bool) -> CaseError | None:
    """The refusal for which a workflow may not be given a job.

    None where nothing was refused, and where what is done inside the workflow, on converting the payload, is right.
    """
    refusals = (refused for payload in payloads_in(job) if (refused := refusal_in(payload)) is not None)
    match job.WhichOneof("variant"):
        case "query_workflow":
            return None
        case "do_update" if job.do_update.run_validator:
            # An update that was accepted before is not validated again.
            return None
        case "signal_workflow":
            return next((refused for refused in refusals if refused.code in MENDABLE), None)
        case "initialize_workflow" if not is_replaying:
            return next((refused for refused in refusals if refused.code in MENDABLE), None)
        case _:
            return next(refusals, None)
