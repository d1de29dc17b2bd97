"""Strangers who ask and ask: requests of nobody who is known, at a steady rate, over connections that stay open.

    python -m benchmarks.strangers PORT RATE

Reads lines of JSON: `{"requests": [...], "seconds": 8}`, requests as they go over the wire, in base64. They are sent in
turn; when the seconds are over it prints how many were answered, by status. A process of its own, so that it delays
nobody but whom it asks.
"""

import asyncio
import base64
import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final

LOOPBACK: Final = "127.0.0.1"
CONNECTIONS: Final = 50


class Stranger:
    """One connection, on which one request follows the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> str:
        """The status that a request is answered with."""
        reader, writer = self._open or await asyncio.open_connection(LOOPBACK, self._port)
        self._open = reader, writer
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        told = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        await reader.readexactly(int(told.get(b"content-length", b"0")))
        if told.get(b"connection") == b"close":
            self.leave()
        return head.split()[1].decode()

    def leave(self) -> None:
        """End the connection."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


async def flood(port: int, rate: float, requests: Iterator[bytes], seconds: float) -> Counter[str]:
    """Ask at a rate for so many seconds; whoever is answered late asks the next at once."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    places = itertools.count()
    answered: Counter[str] = Counter()

    async def one() -> None:
        stranger = Stranger(port)
        while (due := begun + next(places) / rate) < begun + seconds:
            await asyncio.sleep(due - loop.time())
            try:
                answered[await stranger.ask(next(requests))] += 1
            except (OSError, asyncio.IncompleteReadError):
                answered["cut"] += 1
                stranger.leave()
        stranger.leave()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return answered


def main() -> None:
    """Flood for each line that is read."""
    port, rate = int(sys.argv[1]), float(sys.argv[2])
    for line in sys.stdin:
        told = json.loads(line)
        requests = itertools.cycle([base64.b64decode(each) for each in told["requests"]])
        print(json.dumps(asyncio.run(flood(port, rate, requests, float(told["seconds"])))), flush=True)


if __name__ == "__main__":
    main()
