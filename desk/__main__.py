"""Runs the desk: settings, keys, register, Temporal, start; ends on SIGTERM.

    python -m desk [--check]

Ends with 0 after an orderly stop; 64 for a wrong command line; 69 when the register or Temporal cannot be reached; 78
when something has to be corrected first (every problem is listed).
"""

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import Final

import aiohttp
import structlog
from temporalio.service import RPCError

from activities.calendar import official_calendar
from activities.registry.overview import campaign_ends
from activities.sealing import KeyRing
from activities.serving import serve as serve_documents
from cases.policy import Policies
from desk.casework import Cases
from desk.deciding import ByTheGate, Deciding
from desk.documents import DirectoryStore, DocumentServer
from desk.service import Service, serve_desk
from desk.settings import DeskSettings
from desk.visitors import SESSION, Visitors
from gate.login import Login
from gate.sessions import Sessions
from runtime.client import connect, payload_sealer
from runtime.dumps import leave_no_dump
from runtime.ending import end
from runtime.health import serve_health
from runtime.identity import IdentityTokens, public_keys
from runtime.keys import sealer_of
from runtime.limits import Limits
from runtime.logs import configure_logging
from runtime.loop import begin_to_serve, run
from runtime.program import CommandLine, listen, status_of
from runtime.settings import Problem, read_settings
from runtime.start import CannotStart, check_erased, check_pair, close, reach_register

_PROVIDER_SECONDS: Final = 5.0
_PER_SECOND: Final = 10.0
_BURST: Final = 60
"""Pages that one person may ask for: a second, and at once after a pause."""

log = structlog.get_logger("desk")


def documents_of(settings: DeskSettings) -> DocumentServer:
    """Where documents come from; without a folder there are none."""
    ring, payloads = KeyRing.load(settings.key_file), payload_sealer(settings)
    store = None
    if settings.documents_folder is not None and payloads is not None:
        store = DirectoryStore(settings.documents_folder, payloads, ring.derive("names of documents"))
    return DocumentServer(store, settings.public_documents_url(), ring.derive("links to documents"))


async def serve(settings: DeskSettings, *, check_only: bool = False) -> int:
    """Start in order and serve until told to stop. Answers the exit status. Raises `CannotStart`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready = False
    async with AsyncExitStack() as cleanup:
        pool = await reach_register(settings.database_url, settings.pool_size)
        cleanup.push_async_callback(close, pool)
        try:
            client = await connect(payload_sealer(settings), identity="desk")
        except (RPCError, RuntimeError):
            problem = Problem("TEMPORAL_ADDRESS", "nobody answers there", "Start Temporal, or correct it", passing=True)
            raise CannotStart([problem]) from None
        await check_erased(pool, settings)
        await check_pair(pool, client)
        session = await cleanup.enter_async_context(
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_PROVIDER_SECONDS),
                # One person's cookies are not sent with another's login.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        )
        keys = await cleanup.enter_async_context(public_keys(settings.identity_keys))
        tokens = IdentityTokens(
            keys, issuer=settings.identity_issuer, audience=settings.identity_audience, parties=settings.parties()
        )
        login = Login(
            session,
            tokens,
            issuer=settings.identity_issuer,
            client=settings.identity_audience,
            key=KeyRing.load(settings.key_file).derive("logins of the desk"),
            secret=settings.login_secret(),
        )
        url = settings.public_url()
        sessions = Sessions(login, url, SESSION)
        sealer = sealer_of(settings.key_file, settings.person_keys)
        documents = documents_of(settings)
        service = Service(
            visitors=Visitors(tokens, sessions, Limits(_PER_SECOND, _BURST), settings.language, url),
            sessions=sessions,
            cases=Cases(pool, sealer),
            deciding=Deciding(
                ByTheGate(client, pool, sealer, session, settings.gate_url, settings.document_hosts),
                pool,
                sealer,
                documents.store,
            ),
            documents=documents,
            pool=pool,
            sealer=sealer,
            namespace=client.namespace,
            ui_url=settings.ui_url,
            runbook_url=settings.runbook_url,
            campaign_ends=campaign_ends(Policies.load(), official_calendar),
        )
        if check_only:
            log.info("everything is in place")
            return 0
        shown = serve_documents(documents.application(), settings.desk_host, settings.documents_port)
        log.info("documents are served", port=await listen(cleanup, "DOCUMENTS", shown))
        port = await listen(cleanup, "DESK", serve_desk(service, settings.desk_host, settings.desk_port))
        if settings.health_port is not None:
            health = serve_health(settings.health_host, settings.health_port, lambda: ready)
            log.info("health is served", port=await listen(cleanup, "HEALTH", health))
        begin_to_serve()
        ready = True
        log.info("ready", host=settings.desk_host, port=port)
        await stop.wait()
        ready = False
    log.info("stopped")
    return 0


def main() -> int:
    """Read the settings, serve, and answer the exit status."""
    check_only = CommandLine("python -m desk", __doc__).parse_args().check

    def begin() -> int:
        settings = read_settings(DeskSettings)
        configure_logging(settings.log_format, settings.log_level)
        return run(serve(settings, check_only=check_only))

    return status_of(begin)


if __name__ == "__main__":
    leave_no_dump()
    end(main())
