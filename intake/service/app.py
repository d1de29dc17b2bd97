"""The intake service as an HTTP application."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, cast

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cases.errors import CaseError, Code
from intake.applications import InputRefused
from intake.client import EngineError
from intake.service.callers import SCOPES
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
from intake.service.routes import routes

DESCRIPTION: Final = """\
Cases of social security cards: changes of resident ID numbers and card replacements.

Every request carries an access token of the agency's identity provider, made out to this service (OAuth 2 client
credentials); its scopes narrow what the role of its bearer may do. Repeating a request is always safe. What is refused
is `application/problem+json` with a stable `code`; values are never repeated.
"""

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


def intake_application(reach: Reach, is_ready: Callable[[], bool]) -> FastAPI:
    """The whole application."""
    application = FastAPI(
        title="cardcase intake",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            CaseError: of_case_error,
            EngineError: of_engine_error,
            InputRefused: of_input,
            RequestValidationError: of_parameters,
            HTTPException: of_route,
        },
    )
    application.include_router(routes(reach))

    @application.get("/v1/webhook-keys", include_in_schema=False)
    async def webhook_keys() -> Response:
        return Response(json.dumps({"keys": list(reach.webhook_keys)}), media_type="application/jwk-set+json")

    @application.get("/live", include_in_schema=False)
    async def live() -> Response:
        return Response("ok\n", media_type="text/plain")

    @application.get("/ready", include_in_schema=False)
    async def ready(_request: Request) -> Response:
        return Response("ready\n" if is_ready() else "not ready\n", 200 if is_ready() else 503, media_type="text/plain")

    application.add_middleware(OfEveryAnswer)
    setattr(application, "openapi", lambda: _described(application))  # noqa: B010 - as the framework wants it said
    return application


def described_alone() -> dict[str, Any]:
    """The description of the interface (OpenAPI 3.1), of a service that reaches nothing."""
    return intake_application(cast(Reach, None), lambda: False).openapi()


def _described(application: FastAPI) -> dict[str, Any]:
    """The framework's description, with what request bodies are made of beside its other models."""
    if application.openapi_schema is None:
        schema = get_openapi(
            title=application.title,
            version=application.version,
            description=application.description,
            routes=application.routes,
        )
        components = schema.setdefault("components", {})
        models = components.setdefault("schemas", {})
        for path in schema["paths"].values():
            for operation in path.values():
                _without_the_frameworks_own(operation)
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    for part in (content["schema"], *content["schema"].get("oneOf", ())):
                        models |= part.pop("$defs", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            models.pop(unused, None)
        components["securitySchemes"] = _SECURITY
        schema["security"] = [{"client_credentials": []}]
        application.openapi_schema = schema
    return application.openapi_schema


def _without_the_frameworks_own(operation: dict[str, Any]) -> None:
    """What is refused is a problem here, whatever its status."""
    operation["responses"].pop("422", None)
    refused = operation["responses"].get("default")
    if refused is not None:
        model = refused["content"].pop("application/json", {})
        refused["content"] = {"application/problem+json": model}


_SECURITY: Final = {
    "client_credentials": {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {
                "tokenUrl": "/token",
                "scopes": dict.fromkeys(SCOPES, ""),
            }
        },
        "description": "The token endpoint is the identity provider's; this service has none of its own.",
    }
}


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
        lifespan="off",
        timeout_graceful_shutdown=10,
        loop="none",
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
