"""Liveness and readiness over HTTP, for the supervisor that starts and stops workers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from activities.serving import serve


@asynccontextmanager
async def serve_health(host: str, port: int, ready: Callable[[], bool]) -> AsyncIterator[int]:
    """Serve `/live` (200 while the process answers) and `/ready` (200 or 503); yields the port."""

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def is_ready(_request: web.Request) -> web.Response:
        return web.json_response({"ready": ready()}, status=200 if ready() else 503)

    application = web.Application()
    application.add_routes([web.get("/live", live), web.get("/ready", is_ready)])
    async with serve(application, host, port) as listening:
        yield listening
