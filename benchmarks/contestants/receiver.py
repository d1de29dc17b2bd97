"""The null receiver: takes whatever is posted to it, says that it has it, and counts.

    python -m benchmarks.contestants.receiver

It says its port in a line of JSON. A request `{"told": 10}` on standard input is answered once so many came in all.
"""

import asyncio
import json
import sys
from typing import Final

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_BODY: Final = b'{"code":"OK","id":"1"}'
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


class Receiver:
    """What came so far."""

    def __init__(self) -> None:
        self._told = 0
        self._more = asyncio.Condition()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the requests of one connection."""
        try:
            while True:
                head = await reader.readuntil(_END_OF_HEAD)
                await reader.readexactly(_length_in(head))
                writer.write(_ANSWER)
                async with self._more:
                    self._told += 1
                    self._more.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def told(self, least: int) -> int:
        """How many came, once it is so many."""
        async with self._more:
            await self._more.wait_for(lambda: self._told >= least)
            return self._told


def _length_in(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return int(line.removeprefix(_LENGTH))
    return 0


def _say(**said: int) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Listen until standard input ends."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    _say(port=server.sockets[0].getsockname()[1])
    while line := await asyncio.to_thread(sys.stdin.readline):
        _say(told=await receiver.told(json.loads(line)["told"]))


if __name__ == "__main__":
    asyncio.run(main())
