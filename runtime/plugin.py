"""What client, worker, replayer and tests have in common, said once and handed to Temporal as one plugin.

A client that `runtime.client.connect` made carries it; a worker takes it over from its client, and a replayer is given
the same. How a process logs stands beside it, because it concerns the process and not a connection (`runtime.logs`).
No interceptor is needed: what they would do, the converter and the codec do for every payload and failure.
"""

from typing import Final

from pydantic import ValidationError
from temporalio.plugin import SimplePlugin

from runtime.codec import PayloadSealer
from runtime.converter import data_converter
from runtime.runner import RUNNER

FAILING: Final = (ValidationError,)
"""What fails a case instead of its task: a start whose input cannot be read would fail its task for ever."""


def in_common(payloads: PayloadSealer | None) -> SimplePlugin:
    """Converter, runner and what fails a case; payloads are sealed by `payloads`, or stay in clear where it is None."""
    return SimplePlugin(
        "cardcase",
        data_converter=data_converter(payloads),
        workflow_runner=RUNNER,
        workflow_failure_exception_types=FAILING,
    )
