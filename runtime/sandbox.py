"""The one workflow runner of worker, replayer and tests: what passes through the sandbox is said here, once.

What passes through is not re-imported for every case (2.6 ms to 1.3 ms an instance) and exists once, so that
`isinstance` holds. It is not guarded by the sandbox either: `cases` is kept pure by its own tests, `activities` is only
named.
"""

from typing import Final

from temporalio.worker.workflow_sandbox import SandboxRestrictions

from runtime.refusals import RefusingRunner

PASSES_THROUGH: Final = ("cases", "activities", "pydantic", "pydantic_core", "annotated_types", "typing_extensions")

RUNNER: Final = RefusingRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSES_THROUGH))
