"""Runs the intake service: settings, keys, register, Temporal, start; ends on SIGTERM.

    python -m intake [--check | --openapi]

Ends with 0 after an orderly stop; 64 for a wrong command line; 69 when the register or Temporal cannot be reached; 78
when something has to be corrected first (every problem is listed). `--openapi` prints the description of the interface,
and needs no settings.
"""

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

import structlog
from temporalio.service import RPCError

from activities.calendar import official_calendar
from activities.campaign.suspending import claim_terms
from activities.registry.overview import campaign_ends
from cases.policy import Policies
from intake.jobs.campaigns import Campaigns
from intake.jobs.running import Runner
from intake.service.app import described_alone, intake_application, serve_intake
from intake.service.callers import Callers
from intake.service.exchange import gates_at
from intake.service.reach import CasesOf, Reach
from intake.service.readiness import Readiness
from intake.service.settings import IntakeSettings, public_keys_in
from intake.service.watching import Watch
from runtime.client import connect, payload_sealer
from runtime.dumps import leave_no_dump
from runtime.ending import end
from runtime.identity import IdentityTokens, public_keys
from runtime.keys import sealer_of
from runtime.limits import Limits
from runtime.logs import configure_logging
from runtime.loop import begin_to_serve, run
from runtime.program import CommandLine, listen, status_of
from runtime.settings import Problem, read_settings
from runtime.start import CannotStart, check_erased, check_pair, close, reach_register

log: Final = structlog.get_logger("intake")


async def serve(settings: IntakeSettings, *, check_only: bool = False) -> int:
    """Start in order and serve until told to stop. Answers the exit status. Raises `CannotStart`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as cleanup:
        pool = await reach_register(settings.database_url, settings.pool_size)
        cleanup.push_async_callback(close, pool)
        try:
            client = await connect(payload_sealer(settings), identity="intake")
        except (RPCError, RuntimeError):
            problem = Problem("TEMPORAL_ADDRESS", "nobody answers there", "Start Temporal, or correct it", passing=True)
            raise CannotStart([problem]) from None
        await check_erased(pool, settings)
        await check_pair(pool, client)
        gates = await cleanup.enter_async_context(
            gates_at(
                settings.gate_url,
                settings.exchange_url,
                audience=settings.identity_audience,
                client=settings.intake_client,
                secret=settings.secret(),
            )
        )
        if check_only:
            log.info("everything is in place")
            return 0
        sealer, watch = sealer_of(settings.key_file, settings.person_keys), Watch(pool)
        tokens = IdentityTokens(
            await cleanup.enter_async_context(public_keys(settings.identity_keys)),
            issuer=settings.identity_issuer,
            audience=settings.intake_audience,
            parties=settings.parties(),
        )
        cases = CasesOf(client, pool, sealer, gates, settings.document_hosts)
        runner = Runner(
            pool, cases.stamped_by, in_flight=settings.intake_in_flight, lease=timedelta(seconds=settings.intake_lease)
        )
        policies = Policies.load()
        reach = Reach(
            callers=Callers(
                tokens, Limits.of_one(settings.intake_processes, settings.intake_per_second, settings.intake_burst)
            ),
            cases=cases,
            runner=runner,
            campaigns=Campaigns(pool, client),
            pool=pool,
            sealer=sealer,
            watch=watch,
            namespace=client.namespace,
            sink_hosts=settings.sink_hosts,
            claim_terms=claim_terms(policies, official_calendar),
            campaign_ends=campaign_ends(policies, official_calendar),
            webhook_keys=public_keys_in(settings.webhook_trust_file) if settings.webhook_trust_file else (),
        )
        await cleanup.enter_async_context(watch.looking())
        await cleanup.enter_async_context(runner.running())
        readiness = Readiness(pool, client)
        application = intake_application(reach, readiness, settings.exchange_url)
        port = await listen(cleanup, "INTAKE", serve_intake(application, settings.intake_host, settings.intake_port))
        begin_to_serve()
        readiness.serving = True
        log.info("ready", host=settings.intake_host, port=port)
        await stop.wait()
        readiness.serving = False
        watch.stop()
    log.info("stopped")
    return 0


def main() -> int:
    """Read the settings, serve, and answer the exit status."""
    parser = CommandLine("python -m intake", __doc__)
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI description, then end")
    arguments = parser.parse_args()
    if arguments.openapi:
        sys.stdout.write(json.dumps(described_alone(), ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        return 0

    def begin() -> int:
        settings = read_settings(IntakeSettings)
        configure_logging(settings.log_format, settings.log_level)
        return run(serve(settings, check_only=arguments.check))

    return status_of(begin)


if __name__ == "__main__":
    leave_no_dump()
    end(main())
