"""The client's side of the comparison: plays so many cases, so many at a time, and says how long each took.

Only the standard library, for peers run it in environments of their own. A request is one line of JSON on standard
input, `{"cases": [1, 2], "in_flight": 32}`; its answer is one on standard output.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from typing import Protocol


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
    """From the first opening to the last ending."""
    cases: list[str] = field(default_factory=list)
    open_ms: list[float] = field(default_factory=list)
    done_ms: list[float] = field(default_factory=list)
    """From telling of the verification to the end."""


async def play(client: Client, people: list[int], in_flight: int) -> Played:
    """Play a case for each of these, so many at the same time."""
    played = Played()
    waiting = iter(people)

    async def one_after_the_other(mine: Iterator[int]) -> None:
        for person in mine:
            begun = time.perf_counter()
            case = await client.open(person)
            opened = time.perf_counter()
            await client.finish(case)
            played.cases.append(case)
            played.open_ms.append((opened - begun) * 1000)
            played.done_ms.append((time.perf_counter() - opened) * 1000)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(one_after_the_other(waiting))
    played.seconds = time.perf_counter() - begun
    return played


async def answer_lines(connected: AbstractAsyncContextManager[Client]) -> None:
    """Answer requests until standard input ends."""
    async with connected as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            played = await play(client, asked["cases"], asked["in_flight"])
            sys.stdout.write(json.dumps(asdict(played)) + "\n")
            sys.stdout.flush()
