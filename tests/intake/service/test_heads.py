"""What comes on a connection and is no request, or one that goes on and on before its body, is refused at once."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, Request

from intake.service import heads
from intake.service.app import serve_intake
from stack.ports import LOOPBACK

WHOLE = b"GET /here HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def served(begun: asyncio.Semaphore | None = None, go_on: asyncio.Event | None = None) -> AsyncIterator[int]:
    """The port of a service; with `begun` whoever asks for `/held` says so, and is answered once it may go on."""
    application = FastAPI()

    @application.get("/held")
    async def held() -> int:
        if begun is not None and go_on is not None:
            begun.release()
            await go_on.wait()
        return 1

    @application.get("/here")
    async def here(request: Request) -> int:
        return len(request.headers)

    @application.post("/here")
    async def sent(request: Request) -> int:
        return len(await request.body())

    async with serve_intake(application, LOOPBACK, 0) as port:
        yield port


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with served() as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            yield reader, writer
        finally:
            writer.close()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(line for line in head.lower().splitlines() if line.startswith("content-length:"))
    return int(head.split()[1]), await reader.readexactly(int(length.partition(":")[2]))


async def is_refused(reader: asyncio.StreamReader) -> None:
    status, body = await answer_of(reader)
    problem = json.loads(body)
    assert (status, problem["status"], problem["code"]) == (400, 400, "REQUEST_MALFORMED")
    assert b"planted" not in body
    assert await reader.read() == b""


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"planted\r\n\r\n", id="no request line"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"GET /here?planted=\xe4\xb8\xad HTTP/1.1\r\nHost: a\r\n\r\n", id="a target that is not ASCII"),
        pytest.param(b"CONNECT planted:443 HTTP/1.1\r\nHost: a\r\n\r\n", id="a tunnel"),
        pytest.param(b"GET /here HTTP/1.1\r\nHost: a\r\nplan ted: b\r\n\r\n", id="a space in a name"),
        pytest.param(b"GET /here HTTP/1.1\r\nHost: a\r\nplanted\r\n\r\n", id="a header without a value"),
        pytest.param(b"GET /here HTTP/1.1\r\nHost: a\r\nb: plan\0ted\r\n\r\n", id="a control character"),
        pytest.param(b"GET /here HTTP/1.1\r\nHost: a\r\nb: c\r\n planted\r\n\r\n", id="a folded header"),
        pytest.param(b"GET /here HTTP/1.1\nHost: a\n\n", id="lines that end otherwise"),
        pytest.param(
            b"POST /here HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="two lengths, one of them in chunks",
        ),
        pytest.param(
            b"POST /here HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", id="two lengths"
        ),
        pytest.param(b"POST /here HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", id="a length with a sign"),
        pytest.param(
            b"POST /here HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="another coding"
        ),
    ],
)
async def test_what_is_no_request_is_refused_without_a_word_of_it(sent: bytes) -> None:
    async with connection() as (reader, writer):
        writer.write(sent)
        await is_refused(reader)


def _a_target(size: int) -> bytes:
    return b"GET /here?planted=" + b"x" * size + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def _a_value(size: int) -> bytes:
    return b"GET /here HTTP/1.1\r\nHost: a\r\nplanted: " + b"x" * size + b"\r\n\r\n"


def _a_name(size: int) -> bytes:
    return b"GET /here HTTP/1.1\r\nHost: a\r\n" + b"x" * size + b": planted\r\n\r\n"


@pytest.mark.parametrize("long", [_a_target, _a_value, _a_name])
async def test_what_is_too_long_before_its_body_is_refused(long: Callable[[int], bytes]) -> None:
    async with connection() as (reader, writer):
        writer.write(long(heads.MOST_BYTES - 100))
        assert (await answer_of(reader))[0] == 200
        writer.write(long(heads.MOST_BYTES + 100))
        await is_refused(reader)


@pytest.mark.parametrize("begun", [b"GET /here?", b"GET /here HTTP/1.1\r\nplanted: ", b"GET /here HTTP/1.1\r\n"])
async def test_what_never_becomes_whole_is_kept_to_its_bound_and_no_longer(begun: bytes) -> None:
    piece, sent = b"x" * 4096, 0
    async with connection() as (reader, writer):
        writer.write(begun)
        # Whoever goes on writing is cut off, and may not get to read why.
        with contextlib.suppress(ConnectionError):
            while sent < 1024 * 1024 and not reader.at_eof():
                writer.write(piece)
                await writer.drain()
                # The other side reads in this very loop.
                await asyncio.sleep(0)
                sent += len(piece)
        assert heads.MOST_BYTES // 2 < sent < 1024 * 1024


async def test_too_many_headers_are_refused() -> None:
    async with connection() as (reader, writer):
        for more, status in ((heads.MOST_HEADERS - 1, 200), (heads.MOST_HEADERS, 400)):
            writer.write(b"GET /here HTTP/1.1\r\nHost: a\r\n" + b"b: c\r\n" * more + b"\r\n")
            assert (await answer_of(reader))[0] == status


async def test_each_request_of_a_connection_is_counted_by_itself() -> None:
    async with connection() as (reader, writer):
        for _ in range(5):
            writer.write(b"GET /here HTTP/1.1\r\nHost: a\r\nb: " + b"x" * 40_000 + b"\r\n\r\n")
            assert await answer_of(reader) == (200, b"2")


async def test_a_request_behind_a_body_of_any_size_is_read() -> None:
    """In one chunk with it, too."""
    body = b"x" * 300_000
    async with connection() as (reader, writer):
        writer.write(b"POST /here HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + body + WHOLE[:20])
        assert await answer_of(reader) == (200, b"300000")
        writer.write(WHOLE[20:] + WHOLE)
        assert await answer_of(reader) == (200, b"1")
        assert await answer_of(reader) == (200, b"1")


async def test_a_request_that_asks_for_another_protocol_is_answered_in_this_one() -> None:
    async with connection() as (reader, writer):
        writer.write(b"GET /here HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert (await answer_of(reader))[0] == 200


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET /here HTTP/1.1\r\nHost: a\r\n", b"\r\n", WHOLE + b"G", WHOLE + b"\r\n"]
)
async def test_a_connection_on_which_no_request_becomes_whole_is_closed(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "MOST_SECONDS", 0.2)
    async with connection() as (reader, writer):
        writer.write(sent)
        if sent.startswith(WHOLE):
            assert (await answer_of(reader))[0] == 200
        async with asyncio.timeout(10):
            assert await reader.read() == b""


async def test_a_request_may_take_longer_than_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MOST_SECONDS", 0.1)
    async with connection() as (reader, writer):
        writer.write(b"POST /here HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab")
        await asyncio.sleep(0.3)
        writer.write(b"c")
        assert await answer_of(reader) == (200, b"3")


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n"


@pytest.mark.parametrize("pieces", [1, 2], ids=["in one piece", "the body by itself"])
@pytest.mark.parametrize("offered", [OFFER, OFFER.replace(b"h2c", b"websocket")], ids=["HTTP/2", "a web socket"])
async def test_who_offers_another_protocol_is_answered_in_this_one(offered: bytes, pieces: int) -> None:
    async with connection() as (reader, writer):
        head = b"POST /here HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + offered + b"\r\n"
        for sent in (head + b"12345",) if pieces == 1 else (head, b"12345"):
            writer.write(sent)
            await writer.drain()
        assert await answer_of(reader) == (200, b"5")
        writer.write(WHOLE.replace(b"\r\n\r\n", b"\r\n" + offered + b"\r\n"))
        assert await answer_of(reader) == (200, b"3")
        writer.write(WHOLE)
        assert await answer_of(reader) == (200, b"1")


async def test_a_tunnel_is_none_whatever_it_offers() -> None:
    async with connection() as (reader, writer):
        writer.write(b"CONNECT planted:443 HTTP/1.1\r\nHost: a\r\n" + OFFER + b"\r\n")
        await is_refused(reader)


async def asked(port: int, path: str = "/here") -> tuple[int, bytes]:
    """The answer to a request on a connection of its own; nothing where the connection ends instead."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    try:
        return await answer_of(reader)
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, b""
    finally:
        writer.close()


async def test_whoever_keeps_connections_without_a_request_makes_room_for_who_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heads, "MOST_CONNECTIONS", 3)
    async with served() as port:
        idle = [await asyncio.open_connection(LOOPBACK, port) for _ in range(9)]
        assert (await asked(port))[0] == 200
        # The oldest of them were ended, and none was waited for.
        for reader, writer in idle[:6]:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        for _, writer in idle[6:]:
            writer.close()


async def test_whoever_is_being_answered_is_not_cut_off_for_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MOST_CONNECTIONS", 2)
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()
    async with served(begun, go_on) as port:
        answered = [asyncio.create_task(asked(port, "/held")) for _ in range(2)]
        for _ in answered:
            await begun.acquire()
        assert await asked(port) == (0, b"")
        go_on.set()
        assert {status for status, _ in await asyncio.gather(*answered)} == {200}
