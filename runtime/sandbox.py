"""The one workflow runner of worker, replayer and tests, and the sandbox through which workflows pass before they run.

Workflows are imported once and run as they are: Temporal's sandbox imports them anew for every case, and guards every
call of an instance, which together took more than a quarter of what a worker did (decision 0022). What it is for
happens once instead: a worker has each workflow imported in the sandbox before it takes its first task, and refuses to
start with one that asks a clock or rolls dice there. What a workflow does later is guarded by tests, which replay every
recorded history in the sandbox and read the source for what could differ in a replay (`tests/replay`).
"""

from typing import Final

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from runtime.refusals import RefusingRunner

PASSES_THROUGH: Final = ("cases", "activities", "pydantic", "pydantic_core", "annotated_types", "typing_extensions")
"""What exists once for the sandbox as well, so that `isinstance` holds there: `cases` is kept pure by its own tests,
`activities` is only named."""

SANDBOX: Final = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSES_THROUGH)
)

RUNNER: Final = RefusingRunner(SANDBOX)
