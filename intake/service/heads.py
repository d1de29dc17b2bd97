"""How HTTP is read from a connection: by a parser in C, within bounds that it does not have itself.

What a request begins with, its target and headers, is kept until it is whole. Without bounds an endless header would be
kept as well, ever more of them, or a letter a minute.
"""

import asyncio
import sys
from http import HTTPStatus
from typing import Final, cast

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cases.errors import Code
from intake.service.problems import MEDIA_TYPE, STATUS, problem_of, written

MOST_BYTES: Final = 64 * 1024
"""Of the target and the headers of a request."""
MOST_HEADERS: Final = 100
MOST_CONNECTIONS: Final = 1000
"""Of one service; with one that waits for news of a case for each of its callers it has room for as many."""
MOST_SECONDS: Final = 20.0
"""From the first byte of a request, or from its connection, to the end of its headers."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. What is no request, or goes beyond the bounds, is refused and the connection closed."""

    moved_at = 0.0
    """When something came last, by the loop's clock."""
    _bytes = 0
    """Of target and headers, as far as they have come whole."""
    _headers = 0
    _waiting = 0
    """Bytes that came while none had come whole."""
    _has_begun = False
    """Whether the bytes that are being read begin a request."""
    _is_under_way = False
    """Whether the beginning of a request is being read."""
    _too_late: asyncio.TimerHandle | None = None
    _came = b""
    """What is being read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the class above does
        """Begin a connection, on which a request is expected; the longest idle one makes room for it."""
        self.transport = transport
        self.moved_at = self.loop.time()
        if len(self.connections) >= MOST_CONNECTIONS and not self._make_room():
            transport.abort()
            return
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        self.moved_at = self.loop.time()
        self._has_begun = False
        self._came = data
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_under_way:
            # A chunk that begins a request may end another; what it holds of this one is bounded by its own size.
            self._waiting += 0 if self._has_begun else len(data)
            if self._waiting > MOST_BYTES:
                self.send_400_response("")
        if self._is_under_way or self.is_idle:
            self._expect()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._bytes = self._headers = self._waiting = 0
        self._has_begun = self._is_under_way = True

    def on_url(self, url: bytes) -> None:
        """Take a part of the target. Raises ValueError beyond the bounds; the parser makes a refusal of it."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. Raises ValueError as `on_url`."""
        self._headers += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take a request whose headers are read."""
        if self._offers_more:
            return
        self._is_under_way = False
        self._expect_nothing()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request."""
        if not self._offers_more:
            super().on_message_complete()

    @property
    def _offers_more(self) -> bool:
        """Whether a request offers another protocol, as Java's own client does with each first one."""
        return self.parser.should_upgrade() and any(name == b"upgrade" for name, _ in self.headers)

    def _unsupported_upgrade_warning(self) -> None:
        """Pass over the offer, as RFC 9110 (7.8) has it for whoever speaks nothing else.

        The parser leaves the body of such a request to the other protocol: it is read again without the offer.
        """
        stopped = sys.exception()
        if not isinstance(stopped, HttpParserUpgrade) or not self._offers_more:
            return
        version = self.parser.get_http_version().encode()
        kept = (b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, b"".join(kept))
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as the class above has it
        super().data_received(head + self._came[stopped.args[0] :])

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - words of the framework; what is refused has ours
        """Refuse what is no request, in the form of every refusal, and close the connection."""
        body = written(problem_of(Code.REQUEST_MALFORMED)).encode()
        status = HTTPStatus(STATUS[Code.REQUEST_MALFORMED])
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    @property
    def is_idle(self) -> bool:
        """Whether nobody is being answered."""
        # None before the first request, which its type does not say.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def _make_room(self) -> bool:
        """End the connection on which nothing has moved for the longest time; answers whether there is one."""
        idle = [each for each in self.connections if isinstance(each, BoundedProtocol) and each.is_idle]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each.moved_at)
        self.connections.discard(longest)
        longest.transport.abort()
        return True

    def _count(self, came: int) -> None:
        self._bytes += came
        if self._bytes > MOST_BYTES or self._headers > MOST_HEADERS:
            raise ValueError("a request is longer before its body than any is")

    def _expect(self) -> None:
        if self._too_late is None:
            self._too_late = self.loop.call_later(MOST_SECONDS, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
