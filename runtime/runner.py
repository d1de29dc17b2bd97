"""The one workflow runner of worker, replayer and tests: workflows pass a sandbox before they run, and run as they are.

Workflows are imported once and run as they are: Temporal's sandbox imports them again for every case, and guards every
call of an instance, which together took more than a quarter of what a worker did (decision 0022). What it is for
happens once instead: a worker has each workflow imported in the sandbox before it takes its first task, and refuses to
start with one that asks a clock or rolls dice there. What a workflow does later is guarded by tests, which replay every
recorded history in the sandbox and read the source for what could differ in a replay (`tests/replay`).

A payload that did not open is judged here, by where it stands in the work that a workflow is given. The codec
knows the place of a payload and not its part, so it hands refusals on (`runtime.codec.refusal_in`), and the runner acts
before the workflow sees them:

* a new update or a query is refused to whoever sent it, and the case goes on: a caller with a wrong ring, or somebody
  who writes in clear, holds up nobody;
* a new start that no ring will ever open fails by code, and such a signal is left out with a line in the log;
* a start with more or fewer arguments than the workflow takes fails by code as well: its task would fail for ever;
* everything else fails the workflow task. That is seen, harms nothing, and is repeated until the right keys are there.
"""

from typing import Any, Final

from temporalio.bridge.proto.workflow_activation import InitializeWorkflow, WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

from activities.sealing import MENDABLE
from cases.errors import CaseError, Code
from runtime.codec import REFUSED, payloads_in, refusal_in, refusal_of

PASSES_THROUGH: Final = ("cases", "activities", "pydantic", "pydantic_core", "annotated_types", "typing_extensions")
"""What exists once for the sandbox as well, so that `isinstance` holds there: `cases` is kept pure by its own tests,
`activities` is only named."""

SANDBOX: Final = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSES_THROUGH)
)


class RefusingRunner(WorkflowRunner):
    """Runs workflows as they are, and gives them only such work as may be done although a payload was refused."""

    def __init__(self, sandbox: SandboxedWorkflowRunner) -> None:
        self._sandbox = sandbox
        self._runner = UnsandboxedWorkflowRunner()

    def prepare_workflow(self, defn: Any) -> None:
        """See base class. Raises `RestrictedWorkflowAccessError` for a workflow that does not pass the sandbox."""
        self._sandbox.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """See base class."""
        takes = None if det.defn.arg_types is None else len(det.defn.arg_types)
        return _Refusing(self._runner.create_instance(det), takes)


class _Refusing(WorkflowInstance):
    """One workflow, behind the look at what it is given."""

    def __init__(self, instance: WorkflowInstance, takes: int | None) -> None:
        self._instance = instance
        self._takes = takes
        """How many arguments the workflow takes, where it says so."""

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """See base class. Raises `CaseError`, by which the workflow task fails."""
        for job in act.jobs:
            if job.HasField("initialize_workflow") and self._takes is not None:
                refuse_other_arguments(job.initialize_workflow, self._takes)
        # Hardly ever is anything refused, and whether it may be is found without looking at every field.
        if REFUSED in act.SerializeToString():
            for job in act.jobs:
                refused = fails_task(job, is_replaying=act.is_replaying)
                if refused is not None:
                    raise refused
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        """See base class."""
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        """See base class."""
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Info:
        """See base class."""
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        """See base class."""
        return self._instance.get_thread_id()


def refuse_other_arguments(start: InitializeWorkflow, takes: int) -> None:
    """Put refusals in the place of the arguments of a start that has not as many as the workflow takes."""
    if len(start.arguments) != takes:
        del start.arguments[:]
        start.arguments.extend(refusal_of(CaseError(Code.PAYLOAD_INVALID)) for _ in range(takes))


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


RUNNER: Final = RefusingRunner(SANDBOX)
