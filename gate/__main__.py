"""Runs the gate: settings, keys, register, start; ends on SIGTERM.

    python -m gate [--check]

Ends with 0 after an orderly stop; 64 for a wrong command line; 69 when the register cannot be reached; 78 when
something has to be corrected first (every problem is listed).
"""

import asyncio
import signal
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import aiohttp
import structlog
from temporalio.envconfig import ClientConfig

from activities.registry.pool import Pool
from activities.registry.reading import versions_of
from cases.errors import CaseError, Code
from gate.access import Access
from gate.gate import Gate
from gate.login import Login
from gate.origins import Origins
from gate.quotas import Quotas
from gate.service import SESSION, Service, serve_gate
from gate.sessions import Sessions
from gate.settings import GateSettings
from gate.stamp_keys import SigningKey
from gate.translating import Translator
from runtime.client import payload_sealer
from runtime.dumps import leave_no_dump
from runtime.ending import end
from runtime.health import serve_health
from runtime.identity import IdentityTokens, PublicKeys, public_keys
from runtime.keys import sealer_of
from runtime.limits import Limits
from runtime.logs import configure_logging
from runtime.loop import begin_to_serve, run
from runtime.program import CommandLine, listen, status_of
from runtime.settings import Problem, read_settings
from runtime.start import CannotStart, close, reach_register

_PROVIDER_SECONDS: Final = 5.0
_DEFAULT_NAMESPACE: Final = "default"

log = structlog.get_logger("gate")


def namespace() -> str:
    """The namespace whose cases are shown, by Temporal's own configuration."""
    return ClientConfig.load_client_connect_config().get("namespace", _DEFAULT_NAMESPACE)


def service_of(
    settings: GateSettings, session: aiohttp.ClientSession, pool: Pool, keys: PublicKeys, of: str
) -> Service:
    """The service that the settings describe, for one namespace. Raises `CaseError` CONFIGURATION_INVALID."""
    payloads = payload_sealer(settings)
    if payloads is None:
        raise CaseError(Code.CONFIGURATION_INVALID, "encryption")
    tokens = IdentityTokens(
        keys, issuer=settings.identity_issuer, audience=settings.identity_audience, parties=settings.parties()
    )
    public_url = settings.public_url()
    key = SigningKey.load(settings.stamp_key_file)
    quotas = Quotas(
        Limits.of_one(settings.gate_processes, settings.gate_per_second, settings.gate_burst),
        Limits.of_one(settings.gate_processes, settings.gate_event_per_second, settings.gate_event_burst),
    )
    gate = Gate(tokens, key, audience=of, quotas=quotas, standing=partial(versions_of, pool))
    login = Login(
        session,
        tokens,
        issuer=settings.identity_issuer,
        client=settings.identity_audience,
        key=key.derive("logins"),
        secret=settings.login_secret(),
    )
    sessions = Sessions(login, public_url, SESSION)
    return Service(
        access=Access(tokens, sessions.cookie, quotas),
        sessions=sessions,
        translator=Translator(payloads, sealer_of(settings.key_file, settings.person_keys), gate, of),
        gate=gate,
        origins=Origins(settings.ui_origins),
        pool=pool,
        namespace=of,
        ui_url=settings.ui_url,
    )


async def serve(settings: GateSettings, *, check_only: bool = False) -> int:
    """Start in order and serve until told to stop. Answers the exit status. Raises `CannotStart`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready = False
    async with AsyncExitStack() as cleanup:
        pool = await reach_register(settings.database_url, settings.pool_size)
        cleanup.push_async_callback(close, pool)
        session = await cleanup.enter_async_context(
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_PROVIDER_SECONDS),
                # One person's cookies are not sent with another's login.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        )
        keys = await cleanup.enter_async_context(public_keys(settings.identity_keys))
        try:
            service = service_of(settings, session, pool, keys, namespace())
        except CaseError as wrong:
            raise CannotStart([Problem(f"CARDCASE_{(wrong.field or '').upper()}", "is wrong", "Correct it")]) from None
        if check_only:
            log.info("everything is in place")
            return 0
        port = await listen(cleanup, "CODEC", serve_gate(service, settings.codec_host, settings.codec_port))
        if settings.health_port is not None:
            health = serve_health(settings.health_host, settings.health_port, lambda: ready)
            log.info("health is served", port=await listen(cleanup, "HEALTH", health))
        begin_to_serve()
        ready = True
        log.info("ready", host=settings.codec_host, port=port, origins=sorted(settings.ui_origins))
        await stop.wait()
        ready = False
    log.info("stopped")
    return 0


def main() -> int:
    """Read the settings, serve, and answer the exit status."""
    check_only = CommandLine("python -m gate", __doc__).parse_args().check

    def begin() -> int:
        settings = read_settings(GateSettings)
        configure_logging(settings.log_format, settings.log_level)
        return run(serve(settings, check_only=check_only))

    return status_of(begin)


if __name__ == "__main__":
    leave_no_dump()
    end(main())
