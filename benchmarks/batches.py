"""How fast a bureau's nightly file is told, beside the same outcomes told call by call.

    python -m benchmarks.batches [LINES]

Servers, worker, gate and intake service of its own are started. A register of replacements is handed in and verified;
then the bureau says of each card that it was made, handed over, and works: LINES lines (1,200 unless told otherwise)
call by call, so many at a time, and as many again in one file. Everything is synthetic. Exits with 1 where 10,000 lines
of a file would take more than three minutes.
"""

import asyncio
import csv
import io
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from activities.registry.loading import HeldCard, InsuredPerson, load_persons
from activities.registry.pool import create_pool
from activities.sealing import KeyRing, Sealer
from benchmarks.border import Figure, keep
from benchmarks.comparison.programs import module, processor_seconds, program
from benchmarks.contestants.cardcase import CLERK, ID_CARD, REGION, VERIFIER, insured
from cases.models import Actor, Role
from cases.numbers import derive
from deploy.migrations import migrate
from gate.stamp_keys import SigningKey
from runtime.ending import end
from stack import LocalStack
from stack.identity import SERVICE_AUDIENCE
from stack.operators import Desk, desk_opened
from workflows.search_attributes import SEARCH_ATTRIBUTES

LINES: Final = 1200
PER_CASE: Final = 3
IN_FLIGHT: Final = 16
"""Calls at a time; a job of the service has as many rows under way."""
MOST_SECONDS: Final = 180.0
OF_LINES: Final = 10_000

BUREAU: Final = Actor(id="bureau-1", role=Role.card_bureau, office=REGION)
_PATIENCE: Final = 60.0
_TOKEN_SECONDS: Final = 120.0

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Outcome:
    """One line of the bureau."""

    case: str
    event: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Stretch:
    """What some lines took: seconds, and processor milliseconds each, by process."""

    lines: int
    seconds: float
    processor: dict[str, float]

    @property
    def each_second(self) -> float:
        """Lines a second."""
        return self.lines / self.seconds

    def __str__(self) -> str:
        spent = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in self.processor.items())
        total = sum(self.processor.values())
        return (
            f"{self.lines} lines in {self.seconds:.1f} s, {self.each_second:.1f} a second; "
            f"processor {total:.1f} ms a line ({spent})"
        )


class Door:
    """The service, as clerks and the bureau reach it."""

    def __init__(self, desk: Desk, http: httpx.AsyncClient, settings: dict[str, str]) -> None:
        self.issuer = desk.provider.issuer
        self._http = http
        self.url = desk.intake_url
        self.gate_url = desk.codec_url
        self.settings = settings
        """What the service itself was started with."""
        self._tokens: dict[Actor, tuple[str, float]] = {}

    def token(self, by: Actor) -> str:
        """A token for the gate."""
        return self.issuer.token(by)

    async def ask(self, method: str, path: str, by: Actor, **said: Any) -> dict[str, Any]:
        """What is answered. Raises `RuntimeError` with the code of a refusal."""
        headers = said.pop("headers", {}) | {"Authorization": f"Bearer {self._kept(by)}"}
        answer = await self._http.request(method, f"{self.url}{path}", headers=headers, **said)
        found: dict[str, Any] = answer.json()
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {found.get('code')} {found.get('errors')}")
        return found

    def _kept(self, by: Actor) -> str:
        """A token for the service; a client asks for one every few minutes, and not for each request."""
        token, made = self._tokens.get(by, ("", 0.0))
        if time.monotonic() - made > _TOKEN_SECONDS or not token:
            token = self.issuer.token(by, aud=SERVICE_AUDIENCE)
            self._tokens[by] = token, time.monotonic()
        return token

    async def hand_in(self, path: str, by: Actor, rows: Iterable[Sequence[str]]) -> str:
        """A job with a file, over; its ID. Raises `RuntimeError` where a row was refused."""
        content = io.StringIO()
        csv.writer(content).writerows(rows)
        sent = content.getvalue().encode()
        job = await self.ask("POST", path, by, content=sent, headers={"Content-Type": "text/csv"})
        while job["ended_at"] is None:
            job = await self.ask("GET", f"/v1/jobs/{job['id']}?wait=30", by)
        if job["rows"]["done"] != job["rows"]["read"]:
            refused = await self.ask("GET", f"/v1/jobs/{job['id']}/rows?state=refused", by)
            codes = {found["code"] for row in refused["rows"] for found in row["findings"]}
            raise RuntimeError(f"rows were refused: {job['rows']} {sorted(codes)}")
        return str(job["id"])

    async def cases_of(self, job: str, by: Actor) -> list[str]:
        """The cases of a job's rows."""
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            after = f"&cursor={cursor}" if cursor else ""
            page = await self.ask("GET", f"/v1/jobs/{job}/rows?limit=500{after}", by)
            found += [row["case_id"] for row in page["rows"]]
            cursor = page["next"]
        return found


async def each(many: Iterable[Given], does: Callable[[Given], Awaitable[Made]]) -> list[Made]:
    """Do the same for many, so many at a time; answers in their order."""
    turns = asyncio.Semaphore(IN_FLIGHT)

    async def in_turn(one: Given) -> Made:
        async with turns:
            return await does(one)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(in_turn(one)) for one in many]
    return [task.result() for task in tasks]


def person(place: int) -> InsuredPerson:
    """Somebody whose number has 18 digits and whose card has expired."""
    like = insured(place)
    card = HeldCard(card_number=f"C{place:08}", payment_authority=True)
    return InsuredPerson(
        personal_number=like.personal_number,
        source_version=1,
        name=like.name,
        number=derive(like.number or ""),
        region=REGION,
        cards=(card,),
    )


def register_of(persons: Iterable[InsuredPerson]) -> Iterable[Sequence[str]]:
    """A replacement for each."""
    yield ("personal_number", "name", "number", "region", "kind", "reason", "documents", "submitter")
    paper = f"{ID_CARD.kind.value}|{ID_CARD.uri}|{ID_CARD.media_type}|{ID_CARD.size}|{ID_CARD.sha256}"
    for one in persons:
        number = one.number or ""
        yield (one.personal_number, one.name, number, REGION, "CardReplacement", "expired", paper, CLERK.id)


async def ordered(door: Door, case: str) -> list[Outcome]:
    """Have a case verified, so that its card is made; what the bureau will say of it."""
    told = {"original_seen": True, "copies": [ID_CARD.sha256]}
    await door.ask("POST", f"/v1/cases/{case}/events/verify_documents", VERIFIER, json=told)
    order = (await door.ask("GET", f"/v1/cases/{case}", VERIFIER))["order"]
    number = f"N{case[-12:].upper()}"
    return [
        Outcome(case, "card_produced", {"order": order, "produced": True, "batch": "night-1", "card_number": number}),
        Outcome(case, "card_handed_over", {"order": order, "by": "counter", "evidence": "counter/1"}),
        Outcome(case, "card_activated", {"order": order, "function": "social"}),
    ]


def batch_of(outcomes: Iterable[Outcome]) -> Iterable[Sequence[str]]:
    """The file of a night."""
    columns = ("order", "produced", "batch", "card_number", "by", "evidence", "function")
    yield ("case", "event", *columns)
    for outcome in outcomes:
        cells = ("" if (value := outcome.fields.get(column)) is None else value for column in columns)
        yield (outcome.case, outcome.event, *(str(cell).lower() if cell is True else str(cell) for cell in cells))


async def told_by_call(door: Door, outcomes: list[list[Outcome]]) -> None:
    """Every line by a call of its own, those of one case in order."""

    async def tell(lines: list[Outcome]) -> None:
        for line in lines:
            await door.ask("POST", f"/v1/cases/{line.case}/events/{line.event}", BUREAU, json=line.fields)

    await each(outcomes, tell)


async def told_by_file(door: Door, outcomes: list[list[Outcome]]) -> None:
    """All lines in one file, whose first lines are the first of each case."""
    await door.hand_in(
        "/v1/event-batches", BUREAU, batch_of(line for night in zip(*outcomes, strict=True) for line in night)
    )


async def measured(pids: dict[str, int], lines: int, telling: Awaitable[None]) -> Stretch:
    """What it takes to tell so many lines."""
    before = {name: processor_seconds(pid) for name, pid in pids.items()}
    begun = time.perf_counter()
    await telling
    seconds = time.perf_counter() - begun
    spent = {name: (processor_seconds(pid) - before[name]) * 1000 / lines for name, pid in pids.items()}
    return Stretch(lines, seconds, spent)


@asynccontextmanager
async def stage_in(
    folder: Path, persons: Sequence[InsuredPerson], *, sinks: Sequence[str] = ()
) -> AsyncIterator[tuple[Door, dict[str, int]]]:
    """Everything that runs, with persons in the register; and the processes whose time is counted.

    Webhooks are sent where there are `sinks` to receive them.
    """
    async with LocalStack(folder, search_attributes=SEARCH_ATTRIBUTES) as servers:
        await migrate(servers.database_url)
        keys = KeyRing.generate(folder / "keys.toml")
        SigningKey.generate().write(folder / "gate.json", folder / "gate-public.json")
        async with await create_pool(servers.database_url) as pool:
            await load_persons(pool, Sealer(keys), persons)
        settings = {
            "PATH": os.environ["PATH"],
            "TEMPORAL_ADDRESS": servers.temporal_address,
            "TEMPORAL_NAMESPACE": servers.namespace,
            "CARDCASE_DATABASE_URL": servers.database_url,
            "CARDCASE_KEY_FILE": str(folder / "keys.toml"),
            "CARDCASE_STAMP_KEY_FILE": str(folder / "gate.json"),
            "CARDCASE_STAMP_TRUST_FILE": str(folder / "gate-public.json"),
            "CARDCASE_PROFILE": "local",
            "CARDCASE_INTAKE_PER_SECOND": "10000",
            "CARDCASE_INTAKE_BURST": "10000",
        }
        if sinks:
            SigningKey.generate().write(folder / "webhooks.json", folder / "webhooks-public.json")
            settings["CARDCASE_WEBHOOK_KEY_FILE"] = str(folder / "webhooks.json")
        logs = folder / "logs"
        await asyncio.to_thread(logs.mkdir)
        command = module("benchmarks.contestants", "cardcase", "worker")
        async with (
            program("worker", command, logs, settings) as worker,
            desk_opened(folder, settings, None, standard_ports=False, sinks=sinks) as desk,
            httpx.AsyncClient(timeout=_PATIENCE) as http,
        ):
            await desk.ready()
            pids = {
                "service": desk.processes["intake"].pid,
                "gate": desk.processes["gate"].pid,
                "worker": worker.pid,
                "Temporal": servers.temporal.pid,
                "PostgreSQL": servers.postgres.pid,
            }
            yield Door(desk, http, settings), pids


async def measure(lines: int) -> int:
    """Measure and print. Answers the exit status."""
    cases = max(1, lines // PER_CASE)
    persons = [person(place) for place in range(2 * cases)]
    with tempfile.TemporaryDirectory() as folder:
        async with stage_in(Path(folder), persons) as (door, pids):
            begun = time.perf_counter()
            job = await door.hand_in("/v1/registers", CLERK, register_of(persons))
            seconds = time.perf_counter() - begun
            print(f"a register: {len(persons)} cases opened in {seconds:.1f} s, {len(persons) / seconds:.1f} a second")
            outcomes = await each(await door.cases_of(job, CLERK), lambda case: ordered(door, case))
            by_call = await measured(pids, PER_CASE * cases, told_by_call(door, outcomes[:cases]))
            print(f"call by call: {by_call}")
            by_file = await measured(pids, PER_CASE * cases, told_by_file(door, outcomes[cases:]))
            print(f"in one file: {by_file}")
    needed = OF_LINES / by_file.each_second
    print(
        f"a line of a file costs {sum(by_file.processor.values()) / sum(by_call.processor.values()):.2f} of a call, "
        f"and {OF_LINES} lines take {needed:.0f} s where {MOST_SECONDS:.0f} are allowed"
    )
    return keep(
        "batches",
        f"{by_file.lines} lines of a card bureau's nightly file, as if there were {OF_LINES}",
        [Figure(f"{OF_LINES} lines of a batch of events", " s", MOST_SECONDS, needed)],
    )


if __name__ == "__main__":
    end(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)))
