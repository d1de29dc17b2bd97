"""How soon a receiver has what happened to a case: from the transition to its webhook.

    python -m benchmarks.deliveries [CASES]

Servers, worker, gate and intake service of its own are started, and a receiver that accepts at once. In rounds that
take turns, so many cases (60 unless told otherwise) are opened and verified 16 at a time, and one by one; each of their
transitions is timed from the moment that it carries to the moment at which its webhook arrived. All clocks are this
machine's. Everything is synthetic. Exits with 1 where more than one event in twenty takes longer than a second in
either way, or one never arrives.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from activities.publishing.entries import VERIFY
from activities.registry.loading import InsuredPerson
from benchmarks.batches import Door, each, stage_in
from benchmarks.border import Figure, keep
from benchmarks.contestants.cardcase import CLERK, ID_CARD, VERIFIER, insured
from benchmarks.service import application_of, p95
from runtime.ending import end
from stack.ports import LOOPBACK, pick_ports

CASES: Final = 60
ROUNDS: Final = 3
MOST_SECONDS: Final = 1.0
"""From a transition to its webhook, at p95."""
_PATIENCE_SECONDS: Final = 60.0


@dataclass
class Receiver:
    """Takes webhooks in, and times each event against the moment that it carries."""

    seconds: dict[str, float] = field(default_factory=dict)
    """By the ID of the event; one that came again counts as it came first."""
    of_cases: dict[str, set[str]] = field(default_factory=dict)
    """The events of each case."""
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def hear(self, request: web.Request) -> web.Response:
        """Accept a message at once."""
        arrived = time.time()
        said: Mapping[str, Any] = await request.json()
        if said["type"] == VERIFY:
            return web.json_response({"challenge": said["challenge"]})
        async with self._more:
            self.seconds.setdefault(said["id"], arrived - datetime.fromisoformat(said["time"]).timestamp())
            self.of_cases.setdefault(said["subject"], set()).add(said["id"])
            self._more.notify_all()
        return web.Response(status=204)

    async def has(self, versions: Mapping[str, int]) -> list[float]:
        """The seconds of all events of cases that have moved so often. Raises TimeoutError where some never come."""
        async with self._more, asyncio.timeout(_PATIENCE_SECONDS):
            await self._more.wait_for(
                lambda: all(len(self.of_cases.get(case, ())) >= moved for case, moved in versions.items())
            )
        return [self.seconds[which] for case in versions for which in self.of_cases[case]]


@asynccontextmanager
async def receiving(port: int) -> AsyncIterator[Receiver]:
    """A receiver for the length of a block."""
    receiver, application = Receiver(), web.Application()
    application.router.add_post("/told", receiver.hear)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield receiver
    finally:
        await runner.cleanup()


async def subscribed(door: Door, sink: str) -> None:
    """Be told of every move of a case, once the sink has answered its challenge."""
    told = await door.ask("POST", "/v1/subscriptions", CLERK, json={"sink": sink, "types": ["cardcase.case_moved.v1"]})
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (await door.ask("GET", f"/v1/subscriptions/{told['id']}", CLERK))["state"] != "active":  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(0.1)


async def moved(door: Door, person: InsuredPerson) -> tuple[str, int]:
    """Open a case and have it verified; which it is, and how often it has moved."""
    fields = application_of(person).model_dump(mode="json", exclude_none=True)
    case = (await door.ask("POST", "/v1/cases", CLERK, json=fields))["case_id"]
    told = {"original_seen": True, "copies": [ID_CARD.sha256]}
    await door.ask("POST", f"/v1/cases/{case}/events/verify_documents", VERIFIER, json=told)
    history = await door.ask("GET", f"/v1/cases/{case}/history", VERIFIER)
    return case, len(history["transitions"])


async def at_once(door: Door, receiver: Receiver, persons: Sequence[InsuredPerson]) -> list[float]:
    """Seconds of each event of cases that move 16 at a time."""
    return await receiver.has(dict(await each(persons, lambda person: moved(door, person))))


async def alone(door: Door, receiver: Receiver, persons: Sequence[InsuredPerson]) -> list[float]:
    """The same, one case at a time."""
    return await receiver.has(dict([await moved(door, person) for person in persons]))


async def measure(cases: int) -> int:
    """Measure and print. Answers the exit status."""
    persons = [insured(place) for place in range(2 * ROUNDS * cases)]
    waiting: Iterator[InsuredPerson] = iter(persons)
    taken: dict[str, list[float]] = {"16 at a time": [], "one at a time": []}
    (port,) = pick_ports(None)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            receiving(port) as receiver,
            stage_in(Path(folder), persons, sinks=[f"{LOOPBACK}:{port}"]) as (door, _),
        ):
            await subscribed(door, f"http://{LOOPBACK}:{port}/told")
            for place in range(ROUNDS):
                ways = list(zip(taken.values(), (at_once, alone), strict=True))
                for kept, way in ways if place % 2 == 0 else reversed(ways):
                    kept.extend(await way(door, receiver, list(islice(waiting, cases))))
    for name, seconds in taken.items():
        ordered = sorted(seconds)
        print(
            f"{name}: {len(ordered)} events, p50 {ordered[len(ordered) // 2] * 1000:.0f} ms, "
            f"p95 {p95(ordered) * 1000:.0f} ms, the last {ordered[-1] * 1000:.0f} ms after their transition; "
            f"{MOST_SECONDS * 1000:.0f} are allowed at p95"
        )
    return keep(
        "deliveries",
        f"every transition of {cases} cases in each of {ROUNDS} rounds each way, at a receiver that accepts at once",
        [
            Figure(f"a webhook after its transition, p95, {name}", " s", MOST_SECONDS, p95(seconds))
            for name, seconds in taken.items()
        ],
    )


if __name__ == "__main__":
    end(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)))
