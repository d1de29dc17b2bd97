"""What the service counts, in the format of Prometheus. No label says anything of a case, a caller or a person."""

import asyncio
import math
import time
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.publishing.feed import Backlog, backlog_of
from activities.reconciliation.pairing import beat_ago
from activities.registry.pool import Pool
from cases.errors import CaseError

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
FRESH_SECONDS: Final = 5.0
"""How long what the register said is said again: whoever asks needs no token, and makes it no work."""
_NOWHERE: Final = "none"
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds; long polls are among them."""


class Metrics:
    """The figures of one application."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "cardcase_intake_requests", "Requests, by operation and status.", ["operation", "status"], registry=registry
        )
        self._seconds = Histogram(
            "cardcase_intake_request_seconds",
            "How long they took; waiting for a case or the feed to move is included.",
            ["operation"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.in_progress: Final = Gauge(
            "cardcase_intake_requests_in_progress", "Requests that are not answered yet.", registry=registry
        )
        self._up = Gauge("cardcase_register_up", "Whether the register answers.", registry=registry)
        self._backlog = {
            name: Gauge(f"cardcase_{name}", meaning, registry=registry)
            for name, meaning in (
                ("feed_untold", "Rows of cases and requests that have no place in the feed yet."),
                ("feed_untold_oldest_seconds", "The age of the oldest of them."),
                ("webhooks_pending", "Messages that a subscription has still to be sent."),
                ("webhooks_pending_oldest_seconds", "The age of the oldest of them."),
                ("webhooks_dead", "Messages that were given up, until somebody has them sent again."),
            )
        }
        self._compared = Gauge(
            "cardcase_compared_seconds_ago", "When register and runs were compared last.", registry=registry
        )
        self._kept: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        """Found once: there are as many as operations and statuses, and each look takes a lock."""
        self._asked_at = -math.inf
        self._asking = asyncio.Lock()

    def count(self, operation: str, status: str, seconds: float) -> None:
        """Count a request that is over."""
        kept = self._kept.get((operation, status))
        if kept is None:
            kept = self._kept[operation, status] = (
                self._requests.labels(operation, status),
                self._seconds.labels(operation),
            )
        requests, took = kept
        requests.inc()
        took.observe(seconds)

    async def text(self, pool: Pool) -> bytes:
        """All figures. Those that the register does not tell now are not a number."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= FRESH_SECONDS:
                await self._ask(pool)
                self._asked_at = time.monotonic()
        return generate_latest(self._registry)

    async def _ask(self, pool: Pool) -> None:
        backlog: Backlog | None
        ago: float | None
        try:
            backlog, ago = await backlog_of(pool), await beat_ago(pool)
        except CaseError:
            backlog = ago = None
        self._up.set(backlog is not None)
        for name, gauge in self._backlog.items():
            gauge.set(math.nan if backlog is None else getattr(backlog, name))
        self._compared.set(math.nan if ago is None else ago)


class Counted:
    """Counts the requests of an application by their operation, however they end."""

    def __init__(self, application: ASGIApp, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        begun, status = time.perf_counter(), _NOWHERE

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            with self._metrics.in_progress.track_inprogress():
                await self._application(scope, receive, seen)
        finally:
            self._metrics.count(_operation_of(scope), status, time.perf_counter() - begun)


def _operation_of(scope: Scope) -> str:
    """The name of the route, and never the path or the method that was asked for: anybody may write what they like."""
    route = scope.get("route")
    return str(getattr(route, "operation_id", None) or getattr(route, "path", _NOWHERE))
