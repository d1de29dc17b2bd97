"""What a campaign costs beside a job that is opened row by row, and what people notice of it.

    python -m benchmarks.campaigns [ROWS]

Servers, worker, gate and intake service of its own are started. In one run: cases are opened and verified by call while
nothing else goes on; a register of ROWS rows, 900 unless told otherwise, is opened row by row by the service; one of a
thousand and one rows by a campaign whose limit nobody feels, and half of whose persons need no case; and cases are
opened and verified by call meanwhile. Everything is synthetic.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Final

from activities.registry.loading import InsuredPerson
from benchmarks.batches import Door, measured, stage_in
from benchmarks.contestants.cardcase import CLERK, ID_CARD, REGION, VERIFIER, insured
from cases.numbers import derive
from intake.jobs.store import CAMPAIGN_ROWS
from runtime.ending import end

ROWS: Final = 900
BY_CALL: Final = 40
RATE: Final = 1000
_SECOND_GENERATION: Final = 18


def register_of(persons: Iterable[InsuredPerson]) -> Iterable[Sequence[str]]:
    """An ID-number change for each."""
    yield ("personal_number", "name", "number", "region", "documents", "submitter")
    paper = f"{ID_CARD.kind.value}|{ID_CARD.uri}|{ID_CARD.media_type}|{ID_CARD.size}|{ID_CARD.sha256}"
    for one in persons:
        number = one.number or ""
        wanted = number if len(number) == _SECOND_GENERATION else derive(number)
        yield (one.personal_number, one.name, wanted, REGION, paper, CLERK.id)


def with_the_new_number(one: InsuredPerson) -> InsuredPerson:
    """Somebody who needs no case."""
    return one.model_copy(update={"number": derive(one.number or "")})


async def latencies(door: Door, persons: Iterable[InsuredPerson]) -> list[float]:
    """Seconds that it takes to open and to verify a case, one after the other."""
    taken = []
    for one in persons:
        application = {
            "kind": "IdNumberChange",
            "personal_number": one.personal_number,
            "name": one.name,
            "new_number": derive(one.number or ""),
            "region": REGION,
            "submitter": CLERK.model_dump(mode="json"),
            "documents": [ID_CARD.model_dump(mode="json")],
        }
        begun = time.perf_counter()
        case = (await door.ask("POST", "/v1/cases", CLERK, json=application))["case_id"]
        told = {"original_seen": True, "copies": [ID_CARD.sha256]}
        await door.ask("POST", f"/v1/cases/{case}/events/verify_documents", VERIFIER, json=told)
        taken.append(time.perf_counter() - begun)
    return taken


def p95(seconds: Sequence[float]) -> float:
    """The 95th of a hundred."""
    return quantiles(seconds, n=20)[-1]


async def measure(rows: int) -> int:
    """Measure and print. Answers the exit status."""
    large = CAMPAIGN_ROWS + 1
    persons = [insured(place) for place in range(2 * BY_CALL + rows + large)]
    idle, meanwhile = persons[:BY_CALL], persons[BY_CALL : 2 * BY_CALL]
    by_row, by_page = persons[2 * BY_CALL : 2 * BY_CALL + rows], persons[2 * BY_CALL + rows :]
    by_page = [with_the_new_number(one) if place % 2 else one for place, one in enumerate(by_page)]
    with tempfile.TemporaryDirectory() as folder:
        async with stage_in(Path(folder), [*idle, *meanwhile, *by_row, *by_page]) as (door, pids):
            await latencies(door, idle[:5])
            undisturbed = await latencies(door, idle[5:])
            job = await measured(pids, rows, _opened(door, by_row))
            print(f"row by row: {job}")
            campaign = asyncio.create_task(measured(pids, large, _opened(door, by_page)))
            disturbed = await latencies(door, meanwhile)
            during = "still" if not campaign.done() else "no longer"
            page = await campaign
            print(f"by a campaign: {page}; it was {during} under way when the last call was answered")
    opened = (large + 1) // 2
    ratio = sum(page.processor.values()) * large / opened / sum(job.processor.values())
    print(f"a row that opens a case costs {ratio:.2f} of one that is opened row by row, calls meanwhile included")
    print(f"open and verify, p95: {p95(undisturbed):.3f} s idle, {p95(disturbed):.3f} s meanwhile")
    print(f"that is {p95(disturbed) / p95(undisturbed):.1f} times")
    return 0


async def _opened(door: Door, persons: Sequence[InsuredPerson]) -> None:
    lines = "\n".join(",".join(row) for row in register_of(persons)).encode()
    job = await door.ask("POST", "/v1/registers", CLERK, content=lines, headers={"Content-Type": "text/csv"})
    if job["campaign"] is not None:
        await door.ask("POST", f"/v1/jobs/{job['id']}:set-rate", CLERK, json={"per_second": RATE})
    while job["ended_at"] is None:
        job = await door.ask("GET", f"/v1/jobs/{job['id']}?wait=30", CLERK)
    if job["rows"]["done"] != job["rows"]["read"]:
        raise RuntimeError(f"rows were refused: {job['rows']}")


if __name__ == "__main__":
    end(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)))
