"""How an HTTP application of ours listens: strangers keep no connection for nothing, and learn codes alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from activities import serving
from activities.serving import serve
from cases.errors import Code

PLANTED = "11010519491231002X"
WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Line:
    """A connection to the application."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self, sent: bytes) -> tuple[str, bytes]:
        """The status line and the body that something sent is answered with; empty where the connection ends."""
        self.writer.write(sent)
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return "", b""
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return head.partition(b"\r\n")[0].decode(), await self.reader.readexactly(length)

    async def is_cut(self) -> bool:
        """Whether the other side ends it; waits for that."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True


class Served:
    def __init__(self, port: int) -> None:
        self.port = port
        self.lines: list[Line] = []
        self.go_on = asyncio.Event()

    async def line(self) -> Line:
        self.lines.append(Line(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.lines[-1]


@asynccontextmanager
async def served(most: int = 3, *, begun: asyncio.Semaphore | None = None) -> AsyncIterator[Served]:
    """The application; with `begun` each request says that it has begun, and is answered once `go_on` is set."""

    async def page(_request: web.Request) -> web.Response:
        if begun is not None:
            begun.release()
            await running.go_on.wait()
        return web.Response(text="fine")

    async def broken(_request: web.Request) -> web.Response:
        raise ValueError(PLANTED)

    application = web.Application()
    application.add_routes([web.get("/", page), web.get("/broken", broken)])
    async with serve(application, "127.0.0.1", 0, most_connections=most) as port:
        running = Served(port)
        try:
            yield running
        finally:
            for line in running.lines:
                line.writer.close()


async def test_where_there_is_no_room_whoever_waited_longest_without_a_request_makes_some() -> None:
    async with served() as door:
        first, second, third = [await door.line() for _ in range(3)]
        assert (await second.answer(WHOLE))[0] == "HTTP/1.1 200 OK"
        fourth = await door.line()
        assert (await fourth.answer(WHOLE))[1] == b"fine"
        assert await first.is_cut()
        fifth = await door.line()
        assert (await fifth.answer(WHOLE))[1] == b"fine"
        assert await third.is_cut()


async def test_whoever_is_being_answered_is_not_cut_off_for_a_stranger() -> None:
    begun = asyncio.Semaphore(0)
    async with served(2, begun=begun) as door:
        answered = [asyncio.create_task((await door.line()).answer(WHOLE)) for _ in range(2)]
        for _ in answered:
            await begun.acquire()
        # Where all are being answered there is no room.
        assert await (await door.line()).answer(WHOLE) == ("", b"")
        door.go_on.set()
        assert {body for _, body in await asyncio.gather(*answered)} == {b"fine"}
        assert (await (await door.line()).answer(WHOLE))[1] == b"fine"


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHo", WHOLE[:-2]])
async def test_a_request_comes_whole_within_a_while(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.02)
    async with served() as door:
        line = await door.line()
        line.writer.write(sent)
        assert await line.is_cut()


async def test_a_connection_is_kept_for_a_while_after_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "IDLE_SECONDS", 0.02)
    async with served() as door:
        line = await door.line()
        assert (await line.answer(WHOLE))[1] == b"fine"
        assert await line.is_cut()


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (f"{PLANTED}\r\n\r\n".encode(), 400, Code.REQUEST_MALFORMED),
        (f"GET / HTTP/1.1\r\n{PLANTED}\r\n\r\n".encode(), 400, Code.REQUEST_MALFORMED),
        (f"GET / HTTP/1.1\r\nHost: a\r\nX: {PLANTED * 2000}\r\n\r\n".encode(), 400, Code.REQUEST_MALFORMED),
        (f"GET /{PLANTED} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 404, Code.ROUTE_UNKNOWN),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, Code.METHOD_NOT_ALLOWED),
        (b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n", 500, Code.INTERNAL),
    ],
    ids=["no request", "no header", "a long header", "no route", "no such method", "a fault of ours"],
)
async def test_whatever_is_wrong_is_answered_by_a_code_and_nothing_of_it_is_repeated(
    sent: bytes, status: int, code: Code, caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as door:
        line, body = await (await door.line()).answer(sent)
    assert line.split()[1] == str(status)
    assert json.loads(body) == {"code": code}
    assert PLANTED not in caplog.text
    assert "Traceback" not in caplog.text
