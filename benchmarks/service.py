"""What the intake service costs beside the typed client, which the service uses inside.

    python -m benchmarks.service [CASES]

Servers, worker, gate and intake service of its own are started. In rounds that take turns, so many cases (40 unless
told otherwise) are opened through the service and as many by the typed client, 16 at a time and then one by one; at
last one case is read again and again, and the stretch counts that took least. Everything is synthetic. Exits with 1
where a goal is missed: opening through the service costs at most 1.25 of the typed client's processor time and 10 ms
more at p95, and reading a case at most 1 ms of the service's.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from activities.registry.loading import InsuredPerson
from activities.registry.pool import create_pool
from activities.sealing import KeyRing, Sealer
from benchmarks.batches import Door, each, stage_in
from benchmarks.border import Figure, keep
from benchmarks.comparison.programs import processor_seconds
from benchmarks.contestants.cardcase import CLERK, ID_CARD, REGION, insured
from cases.names import Kind
from cases.numbers import derive
from intake.applications import NumberChangeApplication
from intake.client import CaseClient
from intake.stamping import gate_at
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.ending import end

CASES: Final = 40
ROUNDS: Final = 4
READS: Final = 200
STRETCHES: Final = 10
"""Of so many looks at a case the one counts that took least: what other programs add is none of the service's."""
MOST_OF_PROCESSOR: Final = 1.25
MOST_LATER: Final = 10.0
"""Milliseconds at p95."""
MOST_OF_A_READ: Final = 1.0
"""Milliseconds of the service's processor time."""

Opens = Callable[[InsuredPerson], Awaitable[object]]


class Way(NamedTuple):
    """One way to open a case, and what it took so far."""

    name: str
    opens: Opens
    processor: list[float]
    """Milliseconds a case, of all processes; one number a round."""
    alone: list[float]
    """Milliseconds from asking to the receipt, one at a time."""


def application_of(person: InsuredPerson) -> NumberChangeApplication:
    """An application that is taken in at once."""
    return NumberChangeApplication(
        kind=Kind.id_number_change,
        personal_number=person.personal_number,
        name=person.name,
        new_number=derive(person.number or ""),
        region=REGION,
        submitter=CLERK,
        documents=(ID_CARD,),
    )


async def opened_by(way: Way, persons: Sequence[InsuredPerson], pids: dict[str, int]) -> None:
    """One round of one way."""
    before = spent(pids)
    await each(persons, way.opens)
    way.processor.append((spent(pids) - before) * 1000 / len(persons))


async def opened_alone(way: Way, persons: Sequence[InsuredPerson]) -> None:
    """The same, one at a time."""
    for person in persons:
        begun = time.perf_counter()
        await way.opens(person)
        way.alone.append((time.perf_counter() - begun) * 1000)


def spent(pids: dict[str, int]) -> float:
    """Processor seconds of all processes, this one included."""
    return sum(processor_seconds(pid) for pid in pids.values()) + time.process_time()


def p95(milliseconds: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(milliseconds, n=20)[-1]


async def read_again_and_again(door: Door, case: str, service: int) -> float:
    """Milliseconds of the service's processor time for one look at a case."""
    taken = []
    for _ in range(STRETCHES):
        before = processor_seconds(service)
        for _ in range(READS):
            await door.ask("GET", f"/v1/cases/{case}", CLERK)
        taken.append((processor_seconds(service) - before) * 1000 / READS)
    return min(taken)


async def measure(cases: int) -> int:
    """Measure and print. Answers the exit status."""
    persons = [insured(place) for place in range((ROUNDS + 1) * 2 * cases * 2)]
    waiting: Iterator[InsuredPerson] = iter(persons)
    with tempfile.TemporaryDirectory() as folder:
        async with stage_in(Path(folder), persons) as (door, pids):
            keys = KeyRing.load(Path(door.settings["CARDCASE_KEY_FILE"]))
            os.environ |= {name: door.settings[name] for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE")}
            engine = await connect(PayloadSealer(keys))
            async with (
                await create_pool(door.settings["CARDCASE_DATABASE_URL"]) as pool,
                gate_at(door.gate_url, lambda: door.token(CLERK)) as gate,
            ):
                client = CaseClient(engine, Sealer(keys), stamping=gate, register=pool)

                async def by_service(person: InsuredPerson) -> dict[str, Any]:
                    fields = application_of(person).model_dump(mode="json", exclude_none=True)
                    return await door.ask("POST", "/v1/cases", CLERK, json=fields)

                async def by_client(person: InsuredPerson) -> object:
                    return await client.open(application_of(person))

                ways = [Way("service", by_service, [], []), Way("client", by_client, [], [])]
                for way in ways:
                    # What is done once, by whoever is asked first, belongs to nobody's round.
                    await each(list(islice(waiting, cases)), way.opens)
                for place in range(ROUNDS):
                    for way in ways if place % 2 == 0 else reversed(ways):
                        await opened_by(way, list(islice(waiting, cases)), pids)
                    for way in ways if place % 2 else reversed(ways):
                        await opened_alone(way, list(islice(waiting, cases)))
                case = await by_service(next(waiting))
                read = await read_again_and_again(door, case["case_id"], pids["service"])
    service, client_ = ways
    costs = statistics.median(mine / theirs for mine, theirs in zip(service.processor, client_.processor, strict=True))
    later = p95(service.alone) - p95(client_.alone)
    for way in ways:
        print(
            f"{way.name}: processor {statistics.median(way.processor):.1f} ms a case; one at a time "
            f"p50 {statistics.median(way.alone):.1f} ms, p95 {p95(way.alone):.1f} ms"
        )
    print(f"opening through the service costs {costs:.2f} of the typed client's; {MOST_OF_PROCESSOR} are allowed")
    print(f"and is answered {later:.1f} ms later at p95; {MOST_LATER:.0f} are allowed")
    print(f"a look at a case costs {read:.2f} ms of the service's; {MOST_OF_A_READ:.0f} is allowed")
    return keep(
        "service",
        f"{cases} cases each way in each of {ROUNDS} rounds, 16 at a time and then one by one; "
        f"the least of {STRETCHES} stretches of {READS} looks at a case",
        [
            Figure("opening through the service, of the typed client's processor time", "", MOST_OF_PROCESSOR, costs),
            Figure("the same, one at a time: later at p95", " ms", MOST_LATER, later),
            Figure("a look at a case, of the service's processor time", " ms", MOST_OF_A_READ, read),
        ],
    )


if __name__ == "__main__":
    end(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)))
