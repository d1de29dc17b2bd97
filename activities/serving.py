"""How an HTTP application of ours listens: so many connections and no more, and none of them for nothing.

Whoever opens a connection is a stranger until a request has come whole. Without bounds a stranger would keep as many as
there are files, sending nothing, or a letter a minute.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from cases.errors import CaseError, Code

MOST_CONNECTIONS: Final = 1000
HEAD_SECONDS: Final = 20.0
"""From the connection to the end of the first request's headers."""
IDLE_SECONDS: Final = 75.0
"""From an answer to the end of the next request's headers."""
BODY_SECONDS: Final = 10.0
"""How long a caller may take to send the body of a request."""
_WAITING: Final = 256
"""Connections that the system holds until they are taken."""

log = logging.getLogger(__name__)


async def read_body(request: web.Request, most: int) -> bytes:
    """The body of a request, which is sent within a while. Raises `CaseError` REQUEST_TOO_LARGE, UPLOAD_TOO_SLOW."""
    if (request.content_length or 0) > most:
        raise CaseError(Code.REQUEST_TOO_LARGE)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                body += part
                if len(body) > most:
                    raise CaseError(Code.REQUEST_TOO_LARGE)
    except TimeoutError:
        raise CaseError(Code.UPLOAD_TOO_SLOW) from None
    except web.RequestPayloadError:
        raise CaseError(Code.REQUEST_MALFORMED) from None
    return bytes(body)


class _Connections:
    """Those of one listener. Where there is no room, whoever has waited longest without a request makes some."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}
        """In the order in which they began to wait."""
        self._busy: set[asyncio.BaseTransport] = set()

    def take(self, transport: asyncio.Transport) -> bool:
        """Take a connection; answers whether there is room for it."""
        if len(self._idle) + len(self._busy) >= self._most:
            if not self._idle:
                return False
            oldest = cast(asyncio.Transport, next(iter(self._idle)))
            self.lose(oldest)
            oldest.abort()
        self._wait(transport, HEAD_SECONDS)
        return True

    def lose(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection that has ended."""
        self._busy.discard(transport)
        if (timer := self._idle.pop(transport, None)) is not None:
            timer.cancel()

    def begin(self, transport: asyncio.BaseTransport) -> None:
        """A request has come whole."""
        if (timer := self._idle.pop(transport, None)) is not None:
            timer.cancel()
            self._busy.add(transport)

    def end(self, transport: asyncio.Transport) -> None:
        """It is answered."""
        if transport in self._busy:
            self._busy.discard(transport)
            self._wait(transport, IDLE_SECONDS)

    def _wait(self, transport: asyncio.Transport, seconds: float) -> None:
        self._idle[transport] = asyncio.get_running_loop().call_later(seconds, transport.abort)


class _Connection(web.RequestHandler):
    """A connection that is counted, and on which nothing is answered but by a code."""

    def __init__(self, server: web.Server, connections: _Connections) -> None:
        # What a request asks for is in its path and its body, neither of which is logged. No body is unpacked for
        # anybody: a few bytes would become many.
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as its own runner hands it on where nothing is logged
            auto_decompress=False,
        )
        self._all = connections
        self._is_taken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection, or end it at once."""
        stream = cast(asyncio.Transport, transport)
        self._is_taken = self._all.take(stream)
        if self._is_taken:
            super().connection_made(transport)
        else:
            stream.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End a connection."""
        if self._is_taken:
            if self.transport is not None:
                self._all.lose(self.transport)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if self._is_taken:
            super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        """Answer what is no request, or what went wrong without a code. Raises ConnectionError in mid-answer."""
        code = Code.INTERNAL if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Code.REQUEST_MALFORMED
        if code is Code.INTERNAL:
            log.warning("a request failed", extra={"error": type(exc).__name__})
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        response = _coded(code, status)
        response.force_close()
        return response


def _coded(code: Code, status: int) -> web.Response:
    return web.json_response({"code": code.value}, status=status)


_NO_ROUTE: Final = {
    HTTPStatus.NOT_FOUND: Code.ROUTE_UNKNOWN,
    HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    HTTPStatus.EXPECTATION_FAILED: Code.REQUEST_MALFORMED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Code.REQUEST_TOO_LARGE,
}


@asynccontextmanager
async def serve(
    application: web.Application, host: str, port: int, *, most_connections: int = MOST_CONNECTIONS
) -> AsyncIterator[int]:
    """Serve an application for the length of a block; yields the port.

    Raises OSError where it cannot be listened on.
    """
    connections = _Connections(most_connections)

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            connections.begin(transport)
        try:
            return await handler(request)
        except web.HTTPException as other:
            if (code := _NO_ROUTE.get(HTTPStatus(other.status))) is None:
                raise
            return _coded(code, other.status)
        finally:
            if transport is not None:
                connections.end(transport)

    application.middlewares.insert(0, counted)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    listening: asyncio.Server | None = None
    try:
        server = cast(web.Server, runner.server)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: _Connection(server, connections), host, port, backlog=_WAITING)
        yield listening.sockets[0].getsockname()[1]
    finally:
        if listening is not None:
            listening.close()
        await runner.cleanup()
