"""The client's side of the comparison: opens or finishes so many cases, so many at a time, and says how long each took.

Only the standard library, for peers run it in environments of their own. A request is one line of JSON on standard
input, `{"open": [1, 2], "in_flight": 32}` or `{"finish": ["case-1"], "in_flight": 32}`; its answer is one on standard
output.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from typing import Protocol, TypeVar

Asked = TypeVar("Asked")


class Client(Protocol):
    """What one contestant's client can do."""

    async def open(self, person: int) -> str:
        """Open the case of a person, by their number in the register; answers its ID once it is registered."""
        ...

    async def finish(self, case: str) -> None:
        """Say, as a second party, that the documents are verified; wait until the benefits are released."""
        ...


@dataclass
class Played:
    """What became of one request."""

    seconds: float = 0.0
    """From the first call to the last answer."""
    cases: list[str] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    """Of each call."""


async def opened(client: Client, people: list[int], in_flight: int) -> Played:
    """Open a case for each of these, so many at the same time."""
    return await _played(client.open, people, in_flight)


async def finished(client: Client, cases: list[str], in_flight: int) -> Played:
    """Say of each of these that the documents are verified, and wait for its end; so many at the same time."""

    async def finish(case: str) -> str:
        await client.finish(case)
        return case

    return await _played(finish, cases, in_flight)


async def _played(call: Callable[[Asked], Awaitable[str]], each: list[Asked], in_flight: int) -> Played:
    played = Played()
    waiting = iter(each)

    async def one_after_the_other() -> None:
        for asked in waiting:
            begun = time.perf_counter()
            played.cases.append(await call(asked))
            played.ms.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(one_after_the_other())
    played.seconds = time.perf_counter() - begun
    return played


async def answer_lines(connected: AbstractAsyncContextManager[Client]) -> None:
    """Answer requests until standard input ends."""
    async with connected as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            if "open" in asked:
                played = await opened(client, asked["open"], asked["in_flight"])
            else:
                played = await finished(client, asked["finish"], asked["in_flight"])
            sys.stdout.write(json.dumps(asdict(played)) + "\n")
            sys.stdout.flush()
