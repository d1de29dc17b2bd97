"""An agency at work whose servers are restored or lost: what its back office was told, and what became of it.

The client's own log is the measure: what was acknowledged before a moment that both sides know is there afterwards, and
what one side never had is named, exactly.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final

from activities.person_keys import DirectoryKeys
from activities.registry.pool import create_pool
from activities.registry.verifying import verify_audit
from cases.errors import CaseError
from cases.events import Event
from cases.facts import Fact
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.names import RECEIPT
from cases.occasions import Scheduled
from cases.openings import Opening
from intake.client import CaseClient, EngineError
from intake.schedules import apply
from runtime.client import connect
from runtime.keys import sealer_of
from stack import LocalStack
from tests.engine import SEALED, Engine, engine_on
from tests.intake.operating import Desk
from tests.namespaces import until
from tests.nursery import forked_worker
from tests.scenes import FACTS, ID_CARD, SOUTH, of_office
from tests.worker_process import WorkerProcess, sample_key_file, sample_trust_file
from workflows.search_attributes import SEARCH_ATTRIBUTES

CASES: Final = 200
AT_ONCE: Final = 16
DATABASE: Final = "drill"
REPLICATED: Final = {"wal_level": "replica", "max_wal_senders": "4"}
PATIENCE: Final = timedelta(seconds=20)
"""How long the back office waits for an answer."""

LIVES: Final[tuple[tuple[Event, ...], ...]] = (
    (),
    (Event.hold,),
    (Event.hold, Event.resume),
    (Event.verify_documents,),
)
"""What the cases are told one after the other, in turn; the last is done by it."""


class Said(Enum):
    """What the back office knows of a call."""

    acknowledged = "acknowledged"
    unknown = "unknown"


@dataclass(frozen=True)
class Call:
    """What was told, under which identity; the application itself is `receipt`."""

    case: str
    event: str
    identity: str


@dataclass
class Life:
    """One case, and what it is told."""

    opening: Opening
    events: tuple[Event, ...]

    @property
    def case(self) -> str:
        return case_id(self.opening.kind, self.opening.person)

    @property
    def calls(self) -> list[Call]:
        """The application, and each fact under a key of the back office's own."""
        told = [Call(self.case, event.value, f"{event.value}-{self.case[4:14]}") for event in self.events]
        return [Call(self.case, RECEIPT, self.opening.key), *told]


@dataclass
class Load:
    """How many live at the same time, which shares of all calls are reached, and whether it is over."""

    at_once: asyncio.Semaphore
    reached: dict[float, asyncio.Event]
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Drill:
    """Servers of its own, workers as processes, and a back office that writes down what it is answered."""

    stack: LocalStack
    engine: Engine
    settings: dict[str, str]
    lives: list[Life] = field(default_factory=list)
    said: dict[Call, Said] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    # --- the back office ------------------------------------------------------------------------------------------

    @property
    def office(self) -> CaseClient:
        return CaseClient(
            self.engine.client,
            self.engine.sealer,
            stamping=self.engine.everybody,
            register=self.engine.pool,
            timeout=PATIENCE,
        )

    async def lives_of(self, cases: int) -> None:
        """People who will apply."""
        for number, events in zip(range(cases), itertools.cycle(LIVES), strict=False):
            person = await self.engine.insured(region=SOUTH)
            opening = self.engine.number_change(person, ID_CARD, region=SOUTH, key=f"drill-{number}")
            self.lives.append(Life(opening, events))

    async def call(self, life: Life, call: Call) -> None:
        """Apply, or tell a fact, and write down the answer; an error leaves the outcome unknown."""
        self.said[call] = Said.unknown
        if call.event == RECEIPT:
            await self.office.enter(life.opening)
        else:
            await self.office.tell(call.case, fact_of(Event(call.event)), update_id=call.identity)
        self.said[call] = Said.acknowledged

    async def under_load(self, *moments: tuple[float, Callable[[], Coroutine[Any, Any, None]]]) -> None:
        """Live all lives side by side; at each share of all calls something happens. The last one ends the load."""
        load = Load(asyncio.Semaphore(AT_ONCE), {share: asyncio.Event() for share, _ in moments})
        async with asyncio.TaskGroup() as running:
            for life in self.lives:
                running.create_task(self._live(life, load))
            for share, happens in moments:
                await load.reached[share].wait()
                if share == moments[-1][0]:
                    load.over.set()
                await happens()

    async def _live(self, life: Life, load: Load) -> None:
        total = sum(len(life.calls) for life in self.lives)
        async with load.at_once:
            for call in life.calls:
                if load.over.is_set():
                    return
                try:
                    await self.call(life, call)
                except (EngineError, CaseError):
                    if not load.over.is_set():
                        raise
                    # The call that was under way stays unknown.
                    return
                for share, event in load.reached.items():
                    if len(self.acknowledged) >= share * total:
                        event.set()

    @property
    def acknowledged(self) -> set[Call]:
        return {call for call, said in self.said.items() if said is Said.acknowledged}

    async def taken_in(self) -> set[Call]:
        """What of all that was told the register has."""
        told = await self.engine.pool.fetch("SELECT case_id, told_as FROM transitions WHERE told_as IS NOT NULL")
        known = {(row["case_id"], row["told_as"]) for row in told}
        cases = {row["case_id"] for row in await self.engine.pool.fetch("SELECT case_id FROM cases")}
        return {
            call
            for call in self.said
            if (call.case in cases if call.event == RECEIPT else (call.case, call.identity) in known)
        }

    async def tell_again(self) -> None:
        """Whatever the back office was told, or has no answer to, is told again under its keys, each case in order."""
        at_once = asyncio.Semaphore(AT_ONCE)

        async def again(life: Life) -> None:
            async with at_once:
                for call in life.calls:
                    await self.call(life, call)

        await asyncio.gather(*(again(life) for life in self.lives))

    async def finish(self) -> None:
        """Bring every case to its end."""
        at_once = asyncio.Semaphore(AT_ONCE)

        async def end(life: Life) -> None:
            async with at_once:
                if Event.verify_documents in life.events:
                    return
                if life.events[-1:] == (Event.hold,):
                    await self.office.tell(life.case, fact_of(Event.resume))
                await self.office.tell(life.case, fact_of(Event.verify_documents))

        await asyncio.gather(*(end(life) for life in self.lives))

    # --- the machine room -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[WorkerProcess]:
        async with forked_worker(self.settings) as worker:
            await worker.says("ready")
            yield worker

    async def may_start(self) -> tuple[int, list[str]]:
        """The exit status of a worker that only looks, and what it complains of."""
        async with forked_worker(self.settings, "--check") as worker:
            status = await worker.ends()
        return status, [line for line in worker.output.splitlines() if not line.startswith("{")]

    async def beats(self, times: int = 1) -> None:
        """The reconciliation compares what moved, as every minute."""
        answered = f"WorkflowType = '{Scheduled.reconciliation.value}' AND ExecutionStatus = 'Completed'"
        for _ in range(times):
            before = (await self.engine.client.count_workflows(answered)).count
            await self.engine.client.get_schedule_handle(Scheduled.reconciliation.schedule).trigger()

            async def one_more(than: int = before) -> bool:
                return (await self.engine.client.count_workflows(answered)).count > than

            await until(one_more, seconds=60)

    async def at(self, url: str) -> None:
        """The register is at another address now."""
        await self.engine.pool.close()
        self.engine = replace(self.engine, pool=await create_pool(url, size=10), database_url=url)
        self.settings["CARDCASE_DATABASE_URL"] = url

    async def connected_anew(self) -> None:
        """Servers were restarted: connections of before are gone."""
        await self.at(self.engine.database_url)
        client = await connect(SEALED, self.stack.temporal_address, self.stack.namespace)
        self.engine = replace(self.engine, client=client)

    # --- what must hold -------------------------------------------------------------------------------------------

    async def held(self, desk: Desk, actor: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Look, and then say that the register holds: what differed, and what was missing; nothing else is changed."""
        looked = await desk.call(actor, "reconcile", "register-holds", "--all", "--dry-run", "-o", "json")
        assert looked.exit == 1, looked.err
        began = time.monotonic()
        said = await desk.call(actor, "reconcile", "register-holds", "--all", "--reason", "恢复演练", "-o", "json")
        self.figures["register-holds"] = time.monotonic() - began
        assert said.exit == 0, said.err
        assert said.json == looked.json, "the look says what is done"
        rows = said.json
        self.figures["differed"] = sum(row["kind"] != "missing" for row in rows)
        self.figures["missing"] = len(rows) - self.figures["differed"]
        return [row for row in rows if row["kind"] != "missing"], [row for row in rows if row["kind"] == "missing"]

    def named(self, missing: list[dict[str, Any]]) -> set[Call]:
        """The calls that are named as missing."""
        applied = {life.case: life.calls[0] for life in self.lives}
        return {
            applied[row["case_id"]] if row["event"] == RECEIPT else Call(row["case_id"], row["event"], row["told_as"])
            for row in missing
        }

    async def ends_well(self, desk: Desk, actor: Any) -> None:
        """Workers start, callers repeat, every case ends, once, and both sides agree."""
        began = time.monotonic()
        await apply(self.engine.client)
        async with self.worker():
            await self.call(self.lives[0], self.lives[0].calls[0])
            self.figures["first answer"] = time.monotonic() - began
            await self.tell_again()
            self.figures["all told again"] = time.monotonic() - began
            assert self.acknowledged == set(self.said)
            assert await self.taken_in() == set(self.said)
            await self.finish()
            await until(self._all_done, seconds=120)
            await self.beats(2)
            await until(lambda: self._fits(desk, actor), seconds=60)
        assert await self.may_start() == (0, [])
        assert not (await verify_audit(self.engine.pool)).broken

    async def _all_done(self) -> bool:
        done: int = await self.engine.pool.fetchval(
            "SELECT count(*) FROM cases WHERE closed_at IS NOT NULL AND status = $1", Status.done.value
        )
        return done == len(self.lives)

    async def _fits(self, desk: Desk, actor: Any) -> bool:
        looked = await desk.call(actor, "reconcile", "register-holds", "--all", "--dry-run", "-o", "json")
        return looked.exit == 0 and looked.json == []


def fact_of(event: Event) -> Fact:
    """The usual fact, by somebody of the region."""
    return of_office(FACTS[event], SOUTH)


@asynccontextmanager
async def drill_on(folder: Path) -> AsyncIterator[Drill]:
    """Servers that can be copied while they run."""
    servers = LocalStack(
        folder / "servers", search_attributes=SEARCH_ATTRIBUTES, durable=False, postgres_settings=REPLICATED
    )
    key_file, persons = sample_key_file(folder), folder / "persons"
    DirectoryKeys.begin(persons)
    async with (
        servers as stack,
        engine_on(stack, DATABASE, sealer_of(key_file, persons)) as engine,
    ):
        settings = {
            "CARDCASE_DATABASE_URL": engine.database_url,
            "CARDCASE_KEY_FILE": str(key_file),
            "CARDCASE_PERSON_KEYS": str(persons),
            "CARDCASE_PROFILE": "local",
            "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(folder)),
            "TEMPORAL_ADDRESS": stack.temporal_address,
            "TEMPORAL_NAMESPACE": stack.namespace,
        }
        drill = Drill(stack, engine, settings)
        await apply(engine.client)
        await drill.lives_of(CASES)
        try:
            yield drill
        finally:
            await drill.engine.pool.close()
