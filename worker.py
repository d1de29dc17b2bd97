"""Runs the workers: settings, key ring, policies, pool, schema, client, search attributes, start; drains on SIGTERM.

    python worker.py [--check]

Ends with 0 after an orderly stop, 69 when the register or Temporal cannot be reached, 78 when the configuration is
wrong (every problem is listed), 70 when the worker died.
"""

import argparse
import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack

import structlog

from activities.calendar import official_calendar
from activities.registry import Registry
from activities.registry.pool import create_pool
from activities.registry.schema import check_schema
from activities.sealing import KeyRing, Sealer
from cases.errors import REMEDIES, CaseError, Code
from cases.policy import Policies
from runtime.client import connect
from runtime.health import health_served
from runtime.logs import configure_logging, core_runtime
from runtime.search_attributes import SearchAttributesWrong, ensure_search_attributes
from runtime.settings import ConfigurationInvalid, Problem, Settings, read_settings
from runtime.worker import cases_worker

EXIT_DEAD, EXIT_UNAVAILABLE, EXIT_CONFIGURATION = 70, 69, 78
NEEDS = frozenset({"database_url", "key_file"})

log = structlog.get_logger("worker")


async def serve(settings: Settings, *, check_only: bool = False) -> int:
    """Start in order, run until told to stop, drain. Answers the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    assert settings.database_url is not None  # noqa: S101 - `NEEDS` has seen to it
    assert settings.key_file is not None  # noqa: S101 - as above
    ready = False
    async with AsyncExitStack() as cleanup:
        sealer = Sealer(KeyRing.load(settings.key_file))
        policies = Policies.load()
        if settings.health_port is not None:
            port = await cleanup.enter_async_context(
                health_served(settings.health_host, settings.health_port, lambda: ready)
            )
            log.info("health is served", host=settings.health_host, port=port)
        pool = await create_pool(settings.database_url.get_secret_value(), size=settings.pool_size)
        cleanup.push_async_callback(pool.close)
        await check_schema(pool)
        client = await connect(runtime=core_runtime())
        await ensure_search_attributes(client)
        if check_only:
            log.info("everything is in place")
            return 0
        registry = Registry(pool, sealer, policies, official_calendar)
        worker = cases_worker(client, registry, settings)
        # `async with worker` would not notice a dead poller while this body waits.
        running = asyncio.create_task(worker.run())
        stopping = asyncio.create_task(stop.wait())
        ready = True
        log.info("ready", task_queue=worker.task_queue, drain_seconds=settings.drain_seconds)
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ready = False
        if running.done():
            stopping.cancel()
            log.error("the worker died", exc_info=running.exception())
            return EXIT_DEAD
        log.info("draining")
        await worker.shutdown()
        await running
    log.info("stopped")
    return 0


def main() -> int:
    """Read the settings, run, and turn what went wrong into an exit status and words that help."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="check configuration and connections, then end")
    check_only = parser.parse_args().check
    try:
        settings = read_settings(needs=NEEDS)
    except ConfigurationInvalid as invalid:
        return _complain(invalid.problems)
    configure_logging(settings.log_format, settings.log_level)
    try:
        return asyncio.run(serve(settings, check_only=check_only))
    except SearchAttributesWrong as wrong:
        return _complain([Problem("search attributes", str(wrong), "")])
    except CaseError as wrong:
        print(f"{wrong}: {REMEDIES[wrong.code].en}", file=sys.stderr)
        return EXIT_UNAVAILABLE if wrong.code is Code.DATABASE_UNAVAILABLE else EXIT_CONFIGURATION
    except (OSError, RuntimeError) as unreachable:
        # Temporal's client raises RuntimeError when it cannot connect.
        print(f"cannot start: {type(unreachable).__name__}; is Temporal reachable?", file=sys.stderr)
        return EXIT_UNAVAILABLE


def _complain(problems: list[Problem]) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return EXIT_CONFIGURATION


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Everything is closed by now; the interpreter's own ending may trip over threads of Temporal's core (exit code
    # 134).
    os._exit(status)
