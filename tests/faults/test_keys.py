"""The keys of payloads are rotated under open cases, and nobody notices; dropped too early, it shows and heals."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from activities.sealing import KeyRing
from cases.errors import Code
from cases.models import DocumentKind
from cases.states import Event, Status
from runtime.client import connect
from runtime.codec import PayloadSealer, is_sealed, key_of, payloads_in
from stack import LocalStack
from tests.engine import Engine, engine_on
from tests.namespaces import until
from tests.scenes import FACTS, ID_CARD, SOUTH, document
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change
from workflows.search_attributes import SEARCH_ATTRIBUTES

pytestmark = [pytest.mark.faults, pytest.mark.servers]

CASES = 200
STALLED_CASES = 12
AT_A_TIME = 6
ROTATIONS = 3
WORKERS = 2
HEALS_WITHIN_SECONDS = 30.0
Given = TypeVar("Given")
Got = TypeVar("Got")

PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")


@dataclass
class Agency:
    """An engine whose workers and clients get new key files while cases are open."""

    stack: LocalStack
    engine: Engine
    ring: KeyRing = field(default_factory=KeyRing.sample)
    workers: list[AsyncExitStack] = field(default_factory=list)
    pages: Iterator[int] = field(default_factory=count)

    async def using(self, ring: KeyRing) -> Engine:
        """The engine as a process with this ring knows it."""
        client = await connect(PayloadSealer(ring), self.stack.temporal_address, self.stack.namespace)
        return replace(self.engine, client=client)

    async def employ(self, ring: KeyRing) -> None:
        """Start one more worker, with this ring and little memory: cases are replayed again and again."""
        working = AsyncExitStack()
        await working.enter_async_context((await self.using(ring)).working(max_cases_cached=CASES // 2))
        self.workers.append(working)

    async def dismiss(self) -> None:
        """Let the worker that has been here longest finish and go."""
        await self.workers.pop(0).aclose()

    async def roll_out(self, ring: KeyRing) -> None:
        """Give all workers, one after the other, and then the clients a new key file."""
        for _ in range(len(self.workers)):
            await self.employ(ring)
            await self.dismiss()
        self.engine = await self.using(ring)
        self.ring = ring

    async def rotate(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        """One rotation, as the runbook has it: everybody has the new key before anybody seals with it."""
        key_id = f"p{len(self.ring.payload_keys)}"
        await self._roll_out(self.ring.with_payload_key(key_id), meanwhile)
        await self._roll_out(self.ring.sealing_payloads_with(key_id), meanwhile)

    async def _roll_out(self, ring: KeyRing, meanwhile: Callable[[], Awaitable[object]]) -> None:
        under_way = asyncio.ensure_future(meanwhile())
        await self.roll_out(ring)
        # A caller lives with its file until it is answered.
        await under_way

    def told_by(self, case: Dossier) -> Dossier:
        """A case as its callers with the newest key file know it."""
        return replace(case, engine=self.engine)

    async def opens(self) -> Dossier:
        """One more case, which waits for its documents to be verified."""
        return await change(self.engine, ID_CARD, region=SOUTH)

    async def hears(self, case: Dossier) -> Dossier:
        """A case is told of one more document."""
        page = next(self.pages)
        added = FACTS[Event.add_documents].model_copy(
            update={"documents": (document(DocumentKind.photograph, str(page % 15)),)}
        )
        await self.told_by(case).tell(Event.add_documents, added, update_id=f"page-{page}")
        return case

    async def ends(self, case: Dossier) -> Status:
        """How a case ends whose documents are verified."""
        case = self.told_by(case)
        await case.verify()
        return (await case.ends()).status

    async def is_held_up(self, case: Dossier) -> bool:
        """Whether a case is told of nothing, because its tasks fail."""
        try:
            await self.hears(case)
        except RPCError as unheard:
            return unheard.status is RPCStatusCode.FAILED_PRECONDITION
        return False

    async def ends_once_heard(self, case: Dossier) -> Status:
        """How a case ends whose caller asks again until it is heard."""
        while True:
            try:
                return await self.ends(case)
            except RPCError as unheard:
                if unheard.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
                await asyncio.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """Servers on which nobody else has cases, whose keys these tests would not have."""
    folder: Path = tmp_path_factory.mktemp("keys")
    async with LocalStack(folder, search_attributes=SEARCH_ATTRIBUTES, durable=False, time_skipping=True) as running:
        yield running


@pytest_asyncio.fixture
async def agency(stack_of_its_own: LocalStack) -> AsyncIterator[Agency]:
    async with engine_on(stack_of_its_own, f"keys-{uuid4()}") as engine:
        agency = Agency(stack_of_its_own, engine)
        for _ in range(WORKERS):
            await agency.employ(agency.ring)
        yield agency
        while agency.workers:
            await agency.dismiss()


async def each(does: Callable[[Given], Awaitable[Got]], given: Iterable[Given]) -> list[Got]:
    """The same for each, a few at a time."""
    places = asyncio.Semaphore(AT_A_TIME)

    async def one(each: Given) -> Got:
        async with places:
            return await does(each)

    return await asyncio.gather(*map(one, given))


async def history_of(case: Dossier) -> Sequence[HistoryEvent]:
    return (await case.engine.handle(case.case_id).fetch_history()).events


def failed_tasks(events: Sequence[HistoryEvent]) -> list[str]:
    """The error types by which tasks failed."""
    return [
        event.workflow_task_failed_event_attributes.failure.application_failure_info.type
        for event in events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]


async def test_open_cases_live_through_three_rotations_without_a_failed_task(agency: Agency) -> None:
    cases = await each(lambda _: agency.opens(), range(CASES))
    first = agency.ring
    for _ in range(ROTATIONS):
        await agency.rotate(meanwhile=lambda: each(agency.hears, cases))
    assert await each(agency.ends, cases) == [Status.done] * CASES
    keys: set[str] = set()
    for case in cases:
        events = await history_of(case)
        assert failed_tasks(events) == []
        keys |= {key_of(payload) for event in events for payload in payloads_in(event) if is_sealed(payload)}
    assert keys == {first.payload_current, "p1", "p2", "p3"}


async def test_a_key_that_is_dropped_too_early_stalls_its_cases_in_view_and_they_heal(agency: Agency) -> None:
    older = await each(lambda _: agency.opens(), range(STALLED_CASES))
    await agency.rotate(meanwhile=lambda: each(agency.hears, older[:1]))
    right = agency.ring
    newer = await agency.opens()
    await agency.roll_out(right.without_payload_key("sample"))
    assert await agency.ends(newer) is Status.done
    assert await each(agency.is_held_up, older) == [True] * STALLED_CASES
    for case in older:
        failed = failed_tasks(await history_of(case))
        assert set(failed) == {Code.KEY_UNKNOWN}
    began = time.monotonic()
    await agency.roll_out(right)
    assert await each(agency.ends_once_heard, older) == [Status.done] * STALLED_CASES
    assert time.monotonic() - began <= HEALS_WITHIN_SECONDS


async def test_cases_that_lack_a_key_are_listed_within_a_minute(agency: Agency) -> None:
    case = await agency.opens()
    await agency.rotate(meanwhile=lambda: agency.hears(case))
    await agency.roll_out(agency.ring.without_payload_key("sample"))
    assert await agency.is_held_up(case)

    async def listed() -> bool:
        described = await agency.engine.handle(case.case_id).describe()
        return described.typed_search_attributes.get(PROBLEMS) is not None

    await until(listed, seconds=60)
    await agency.engine.handle(case.case_id).terminate("a test")
