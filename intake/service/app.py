"""The intake service as an HTTP application."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any, Final, cast

import uvicorn
from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cases.errors import CaseError, Code
from intake.applications import InputRefused
from intake.client import EngineError
from intake.service.description import DESCRIPTION, VERSION, describe
from intake.service.heads import BoundedProtocol
from intake.service.judging import judged_by
from intake.service.metrics import MEDIA_TYPE as METRICS
from intake.service.metrics import Counted, Metrics
from intake.service.problems import (
    of_case_error,
    of_engine_error,
    of_input,
    of_parameters,
    of_route,
    problem_of,
    response_of,
)
from intake.service.reach import Reach
from intake.service.readiness import Readiness, is_ready
from intake.service.routes import add_routes

log = logging.getLogger(__name__)

_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class OfEveryAnswer:
    """What every answer says: that nobody keeps it; and what went wrong without a code becomes one."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        begun = False

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                said = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in _HEADERS if header[0] not in said),
                ]
            await send(message)

        try:
            await self._application(scope, receive, marked)
        except Exception as error:
            # The last place where it can be turned into an answer. Its text may quote what was sent: no traceback.
            log.warning("a request failed", extra={"error": type(error).__name__, "route": _route_of(scope)})
            if begun:
                raise
            await response_of(problem_of(Code.INTERNAL))(scope, receive, marked)


def _route_of(scope: Scope) -> str:
    """The route and not the path, in which a case stands."""
    return str(getattr(scope.get("route"), "path", ""))


def intake_application(reach: Reach, readiness: Readiness, token_url: str | None = None) -> FastAPI:
    """The whole application. Its callers get their tokens at `token_url`."""
    metrics = Metrics()
    application = FastAPI(
        title="cardcase intake",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # The framework's own is asked for at each request, and tells an exporter that the environment names of paths.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            CaseError: of_case_error,
            EngineError: of_engine_error,
            InputRefused: of_input,
            RequestValidationError: of_parameters,
            HTTPException: of_route,
        },
    )
    application.router.route_class = judged_by(reach)
    # Into its own router: one that is included looks for the route of each request twice.
    add_routes(application.router, reach)
    application.router.route_class = APIRoute

    @application.get("/live", include_in_schema=False)
    async def live() -> Response:
        return Response("ok\n", media_type="text/plain")

    @application.get("/ready", include_in_schema=False)
    async def ready() -> Response:
        missing = await readiness.missing()
        return JSONResponse({"ready": is_ready(missing), "missing": missing}, 200 if is_ready(missing) else 503)

    @application.get("/metrics", include_in_schema=False)
    async def counted() -> Response:
        return Response(await metrics.text(reach.pool), media_type=METRICS)

    application.add_middleware(OfEveryAnswer)
    # Outermost, so that it sees what was answered in the end.
    application.add_middleware(Counted, metrics=metrics)
    setattr(application, "openapi", lambda: describe(application, token_url))  # noqa: B010 - as the framework wants it said
    return application


@cache
def described_alone() -> dict[str, Any]:
    """The description of the interface (OpenAPI 3.1), of a service that reaches nothing; nobody changes it."""
    return intake_application(cast(Reach, None), cast(Readiness, None)).openapi()


class _Server(uvicorn.Server):
    """Signals are the process' own affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them as they are."""
        yield


@asynccontextmanager
async def serve_intake(application: FastAPI, host: str, port: int) -> AsyncIterator[int]:
    """Serve for the length of a block; yields the port. Raises OSError where it cannot be listened on."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        # Paths name cases.
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        # Nobody here asks where a request came from: who sent it says its token.
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=10,
        loop="none",
        http=BoundedProtocol,
        ws="none",
    )
    listening = config.bind_socket() if port else _any_port(host)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            await asyncio.wait({serving}, timeout=0.01)
            if serving.done():
                serving.result()
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listening.close()


def _any_port(host: str) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, 0))
    return listening
