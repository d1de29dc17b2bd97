"""An intake service that answers what a test says, over HTTP, and keeps what it was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Answered(NamedTuple):
    """What it is answered with."""

    status: int
    content: str
    media_type: str = "application/json"


@dataclass
class Canned:
    """Answers by method; and what was asked."""

    answers: dict[str, Answered]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def told(self) -> list[Asked]:
        """Requests by which something was told."""
        return [each for each in self.asked if each.method == "POST"]


@contextmanager
def canned(answers: dict[str, Answered]) -> Iterator[Canned]:
    """The service for the length of a block, on a thread of its own: a command has an event loop of its own."""
    service = Canned(answers)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_json = self.headers.get("Content-Type") == "application/json"
            body = json.loads(raw) if is_json else raw
            service.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            status, content, media_type = service.answers[self.command]
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        do_GET = do_POST = _answer  # noqa: N815 - as the library wants them named

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
