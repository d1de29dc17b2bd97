"""Runs the workers: settings, keys, policies, register, Temporal, start; drains on SIGTERM.

    python worker.py [--check | --processes N]

`--processes N` runs so many workers, each a process of its own, and starts those again that die. `/ready` says whether
all are; only the first listens to providers.

Ends with 0 after an orderly stop; 64 for a wrong command line; 69 when the register or Temporal cannot be reached; 70
when the worker died or did not drain in time; 78 when something has to be corrected first (every problem is listed).
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import aiohttp
import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.calendar import official_calendar
from activities.campaign import Campaign
from activities.campaign.opening import Pages
from activities.notifications.courier import Courier
from activities.notifications.listening import serve_callbacks
from activities.notifications.notifications import Notifications
from activities.notifications.providers.configured import providers_of
from activities.publishing.publisher import Publisher
from activities.publishing.signing import WebhookKeys
from activities.reconciliation import Reconciler
from activities.registry import Registry
from activities.registry.pool import Pool
from activities.stamps import Stamps, TrustedKeys
from activities.supervision import Supervision
from cases.errors import CaseError
from cases.policy import Policies
from intake.client import CaseClient
from intake.jobs.bulk import InBulk
from intake.stamping import Stamping
from runtime.dumps import leave_no_dump
from runtime.ending import end
from runtime.health import serve_health
from runtime.keys import sealer_of
from runtime.logs import configure_logging
from runtime.loop import begin_to_serve, run
from runtime.program import EXIT_CONFIGURATION, EXIT_USAGE, CommandLine, status_of, unserved
from runtime.settings import MAKE_A_PAIR, Problem, WorkerSettings, read_settings
from runtime.several import Several, Watched
from runtime.start import CannotStart, close, connections_for_notifications, reach
from runtime.worker import campaigns_worker, cases_worker, hinting, notifications_worker, scheduled_activities

EXIT_DEAD: Final = 70

MOST_PROCESSES: Final = 64
BEYOND_DRAIN_SECONDS: Final = 2.0
"""How much longer than `drain_seconds` a worker may take to stop before it is left behind."""

log = structlog.get_logger("worker")


async def serve(settings: WorkerSettings, *, check_only: bool = False, watched: Watched | None = None) -> int:
    """Start in order, run until told to stop, drain. Answers the exit status. Raises `CannotStart`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if watched is not None:
        watched.until_alone(stop.set)
    ready = False
    async with AsyncExitStack() as cleanup:
        if settings.health_port is not None and not check_only:
            host, port = settings.health_host, settings.health_port
            try:
                port = await cleanup.enter_async_context(serve_health(host, port, lambda: ready))
            except OSError:
                raise unserved("HEALTH") from None
            log.info("health is served", host=host, port=port)
        pool, client = await reach(settings)
        cleanup.push_async_callback(close, pool)
        if check_only:
            log.info("everything is in place")
            return 0
        messages = await connections_for_notifications(settings)
        cleanup.push_async_callback(close, messages)
        sealer = sealer_of(settings.key_file, settings.person_keys)
        stamps = Stamps(TrustedKeys.load(settings.stamp_trust_file), client.namespace)
        providers = await cleanup.enter_async_context(providers_of(settings))
        if settings.callback_port is not None:
            await cleanup.enter_async_context(_listening_to_providers(settings, settings.callback_port, messages))
        courier = Courier(client)
        cleanup.push_async_callback(courier.drain)
        await cleanup.enter_async_context(_publishing(settings, messages, client))
        policies = Policies.load()
        scheduled = scheduled_activities(
            Supervision(pool, official_calendar),
            Campaign(pool, client, policies, official_calendar),
            Reconciler(pool, client),
        )

        def in_bulk(stamping: Stamping, *, compared: bool) -> CaseClient:
            return CaseClient(client, sealer, stamping=stamping, register=pool if compared else None, in_bulk=True)

        workers = (
            cases_worker(
                client,
                Registry(pool, sealer, stamps, policies, official_calendar, courier),
                settings,
                scheduled=scheduled,
            ),
            notifications_worker(client, Notifications(messages, sealer, providers, settings.paces()), settings),
            campaigns_worker(client, Pages(pool, sealer, InBulk(pool, in_bulk)), settings),
        )
        # `async with worker` would not notice a dead poller while this body waits.
        running = [asyncio.create_task(worker.run()) for worker in workers]
        begin_to_serve()
        stopping = asyncio.create_task(stop.wait())
        ready = True
        if watched is not None:
            watched.say(ready=True)
        log.info("ready", channels=sorted(providers), drain_seconds=settings.drain_seconds)
        await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ready = False
        if watched is not None:
            watched.say(ready=False)
        stopping.cancel()
        return await _drained(workers, running, settings.drain_seconds)


async def serve_several(settings: WorkerSettings, count: int) -> int:
    """Run so many workers. Answers the exit status. Raises `CannotStart`."""

    def environment(number: int) -> dict[str, str]:
        # What listens, listens once: to providers the first, to supervisors whoever watches.
        others = {"CARDCASE_HEALTH_PORT"} | ({"CARDCASE_CALLBACK_PORT"} if number else set())
        return {name: value for name, value in os.environ.items() if name not in others}

    several = Several((sys.executable, __file__), count, frozenset({EXIT_USAGE, EXIT_CONFIGURATION}), environment)
    return await several.run(settings.health_host, settings.health_port, partial(unserved, "HEALTH"))


@asynccontextmanager
async def _publishing(settings: WorkerSettings, pool: Pool, client: Client) -> AsyncIterator[None]:
    """Publish what happens, and send it to whoever is told by webhook. Raises `CannotStart`."""
    keys = None
    if settings.webhook_key_file is not None:
        try:
            keys = WebhookKeys.load(settings.webhook_key_file)
        except CaseError as wrong:
            what = (wrong.field or "").partition(": ")[2]
            raise CannotStart([Problem("CARDCASE_WEBHOOK_KEY_FILE", what, MAKE_A_PAIR)]) from None
    async with (
        aiohttp.ClientSession(
            # How much is on its way to whom the publisher limits: who hangs takes nobody else's place.
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=0),
        ) as session,
        Publisher(pool, session, client.namespace, keys, tell=hinting(client)).running(),
    ):
        yield


@asynccontextmanager
async def _listening_to_providers(settings: WorkerSettings, port: int, pool: Pool) -> AsyncIterator[None]:
    """Listen to receipts and bounces. Raises `CannotStart`."""
    async with AsyncExitStack() as listening:
        try:
            server = serve_callbacks(settings.callback_host, port, settings.secrets_of_callbacks(), pool)
            port = await listening.enter_async_context(server)
        except OSError:
            wrong = Problem("CARDCASE_CALLBACK_PORT", "cannot be listened on", "Choose a free one, or 0 for any")
            raise CannotStart([wrong]) from None
        log.info("callbacks are served", host=settings.callback_host, port=port)
        yield


async def _drained(workers: Sequence[Worker], running: "Sequence[asyncio.Task[None]]", seconds: float) -> int:
    """Let the workers finish what they have begun. Answers the exit status."""
    if not any(task.done() for task in running):
        log.info("draining")
    try:
        async with asyncio.timeout(seconds + BEYOND_DRAIN_SECONDS):
            await asyncio.gather(*(worker.shutdown() for worker in workers))
            await asyncio.gather(*running)
    except TimeoutError:
        log.exception("not drained in time; another worker does what was begun")
        return EXIT_DEAD
    except Exception:
        log.exception("the worker died")
        return EXIT_DEAD
    log.info("stopped")
    return 0


def _processes(text: str) -> int:
    """Raises ValueError."""
    count = int(text)
    if not 1 <= count <= MOST_PROCESSES:
        raise ValueError
    return count


def main() -> int:
    """Read the settings, run, and answer the exit status."""
    parser = CommandLine("worker.py", __doc__)
    parser.add_argument("--processes", type=_processes, default=1, metavar="N", help="run so many workers, 1 to 64")
    # By this a worker knows who watches it.
    parser.add_argument("--watched", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.check and asked.processes > 1:
        parser.error("either")

    def begin() -> int:
        settings = read_settings(WorkerSettings)
        configure_logging(settings.log_format, settings.log_level)
        if asked.processes > 1:
            return run(serve_several(settings, asked.processes))
        watched = None if asked.watched is None else Watched(asked.watched)
        return run(serve(settings, check_only=asked.check, watched=watched))

    try:
        return status_of(begin)
    except Exception:
        # The interpreter would print a text that may quote values; the log does not.
        log.exception("the worker could not start")
        return EXIT_DEAD


if __name__ == "__main__":
    leave_no_dump()
    end(main())
