"""Who calls the command line in tests: tokens of a throw-away issuer in files, and the gate's service on 127.0.0.1."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from cases.models import Actor
from gate.gate import CaseClock, by_the_clock
from gate.stamp_route import PATH, stamp_handler
from stack.issuer import Issuer
from tests.stamping import KEY, NAMESPACE

ISSUER: Final = Issuer()


def log_in(folder: Path, actor: Actor) -> Path:
    """A file with a token of somebody, who is the only one logged in there."""
    path = folder / "token"
    path.touch(mode=0o600)
    path.write_text(ISSUER.token(actor), encoding="ascii")
    return path


@asynccontextmanager
async def gate_service(clock: CaseClock = by_the_clock) -> AsyncIterator[str]:
    """The gate's service; answers its URL."""
    application = web.Application()
    application.router.add_post(PATH, stamp_handler(ISSUER.gate(KEY, NAMESPACE, clock)))
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
