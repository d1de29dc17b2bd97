"""The one logging set-up of every process: structlog formats whatever is logged, by the SDK's core as well.

Log lines carry codes and case IDs. Exception texts are not written, wherever in a line they stand: those of databases
and of pydantic quote the values they complain of (`_without_values` and `_fields_of_core` are the choke points).
"""

import logging
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

import structlog
from structlog.types import EventDict, Processor
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from cases.errors import CaseError

_CORE_SAYS: Final = ("workflow_id", "run_id", "workflow_type", "attempt", "event_id", "workflow_task_duration")
"""What is taken over of the core's log lines. Others quote failures (`failure`), payloads and addresses."""


def _without_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace exceptions by their types and codes: the text of any but our own may quote personal data."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["event"] = _without_text_of(error, str(event["event"]))
        event["error"] = type(error).__name__
        if isinstance(error, CaseError):
            event["code"] = error.code.value
        elif isinstance(error, ApplicationError) and error.type is not None:
            event["code"] = str(error.type)
        if frames := traceback.extract_tb(error.__traceback__):
            event["where"] = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
    event.pop("stack_info", None)
    for key, value in event.items():
        if isinstance(value, BaseException):
            event[key] = type(value).__name__
    return event


def _without_text_of(error: BaseException, message: str) -> str:
    """A message from which the text of an exception, and of those that led to it, is taken out again."""
    for quoted in _led_to(error):
        for text in (repr(quoted), str(quoted)):
            if text:
                message = message.replace(text, type(quoted).__name__)
    return message


def _led_to(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _ArgumentsWithoutText(logging.Filter):
    """Lets every record through, with the types of exceptions in place of exceptions that it would quote."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(type(arg).__name__ if isinstance(arg, BaseException) else arg for arg in record.args)
        return True


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes log lines. Of one that cannot be written it tells why, by type.

    The library would print the whole chain of exceptions that were being handled when the line was logged.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """See base class."""
        raised = sys.exc_info()[0]
        if sys.__stderr__ is not None and raised is not None:
            # Where even this cannot be written nobody is left to tell.
            with suppress(OSError, ValueError):
                sys.__stderr__.write(f"a log line of {record.name} could not be written: {raised.__name__}\n")


def _fields_of_core(_logger: Any, _method: str, event: EventDict) -> EventDict:
    line = event.pop("temporal_log", None)
    if line is not None:
        event.update({field: line.fields[field] for field in _CORE_SAYS if field in line.fields})
    return event


def _with_case(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Name the case at hand, whoever logs: the SDK, the register, or a library below them."""
    at_hand = event.pop("temporal_workflow", None) or event.pop("temporal_activity", None) or {}
    case_id = at_hand.get("workflow_id") or event.pop("workflow_id", None)
    if case_id is None and activity.in_activity():
        case_id = activity.info().workflow_id
    if case_id is not None:
        event["case_id"] = case_id
    return event


def _warn_without_text(
    message: Warning | str,  # noqa: ARG001 - it may quote what was sent
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - as the library calls it
    line: str | None = None,  # noqa: ARG001
) -> None:
    """Log that a library warns, and where: its text may quote the name of a file that was sent."""
    where = f"{Path(filename).name}:{lineno}"
    logging.getLogger("py.warnings").warning("a library warns", extra={"warning": category.__name__, "where": where})


def configure_logging(form: str = "console", level: str = "INFO") -> None:
    """Send every log line of this process to standard error, as JSON or for people."""
    # The case is a field of its own; the SDK would add it to every message once more.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _fields_of_core,
        _with_case,
        _without_values,
    ]
    last: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )
    handler = LineHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_ArgumentsWithoutText())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    warnings.showwarning = _warn_without_text
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def core_runtime(metrics_address: str | None = None) -> Runtime:
    """Temporal's core with its logs forwarded to ours and, where an address is given, its metrics for Prometheus."""
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(
                    logger=logging.getLogger("temporal.core"),
                    append_target_to_name=False,
                    append_log_fields_to_message=False,
                ),
            ),
            metrics=PrometheusConfig(bind_address=metrics_address) if metrics_address else None,
        )
    )
