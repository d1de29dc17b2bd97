"""The one logging set-up of every process: structlog formats whatever is logged, by the SDK's core as well.

Log lines carry codes and case IDs. Exception texts of libraries are not written: those of databases and of pydantic
quote the values they complain of (`_without_values` is the choke point).
"""

import logging
import sys
from typing import Any, Final

import structlog
from structlog.types import EventDict, Processor
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from cases.errors import CaseError

_OURS: Final = ("temporalio.exceptions", "temporalio.service")


def _without_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and, for our own, its code: the text of any other may quote personal data."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        if isinstance(error, CaseError):
            event["code"] = error.code.value
        elif (code := getattr(error, "type", None)) is not None and type(error).__module__ in _OURS:
            event["code"] = str(code)
    event.pop("stack_info", None)
    return event


def configure_logging(form: str = "console", level: str = "INFO") -> None:
    """Send every log line of this process to standard error, as JSON or for people."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
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
                forwarding=LogForwardingConfig(logger=logging.getLogger("temporal.core")),
            ),
            metrics=PrometheusConfig(bind_address=metrics_address) if metrics_address else None,
        )
    )
