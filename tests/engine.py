"""The real engine for tests: register, server and worker as they run in production, and people to put through it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import count
from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from activities.calendar import Calendars, official_calendar
from activities.registry import Clock, Registry
from activities.registry.loading import Claim, Contribution, HeldCard, InsuredPerson, load_persons
from activities.registry.pool import Pool, create_pool
from activities.sealing import Field, KeyRing, Sealer
from cases.answers import Answer, CaseView, Outcome, Receipt, ReceiptRequest, Transition
from cases.clocks import SHANGHAI
from cases.decide import initial_state
from cases.documents import Document, DocumentKind
from cases.events import EVENTS, Event
from cases.facts import CardFunction, Fact
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.models import Actor, System
from cases.names import HISTORY, RECEIPT, TASK_QUEUE_CASES, VIEW, Kind
from cases.numbers import derive
from cases.openings import NumberChangeOpening, Opening, ReplacementOpening, ReplacementReason
from cases.policy import PACKS, Policies, Policy, load
from deploy.migrations import migrate
from intake.client import CaseClient
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.settings import Settings
from runtime.worker import cases_worker
from stack.issuer import Everybody, Issuer
from stack.servers import Servers
from tests.scenes import CLERK, FACTS, OFFICE, answering
from tests.stamping import KEY, NAMESPACE, STAMPS, SomeFact, stamped, stamped_opening
from workflows.search_attributes import CATEGORY, KIND, MILESTONE, REGION, STATUS

_SEQUENCE = count(1)

_MIGRATED: Final = "migrated"
_UNFINISHED: Final = "migrating"

SEALED: Final = PayloadSealer(KeyRing.sample())
"""What seals the payloads of tests."""


def old_number(sequence: int) -> str:
    """A synthetic 15-digit number; people of the years 1900 to 1930, sequences below 900."""
    day, rest = sequence % 28 + 1, sequence // 28
    month, rest = rest % 12 + 1, rest // 12
    return f"110105{rest % 30:02}{month:02}{day:02}{100 + rest // 30 % 800:03}"


def new_number() -> str:
    """A synthetic 18-digit number that nobody in the register has."""
    return derive(old_number(next(_SEQUENCE)))


@cache
def quiet_packs(clock_is_ahead: timedelta = timedelta()) -> tuple[Policy, ...]:
    """The policy packs of the release with office hours half a day away: no rung fires by chance while a test runs.

    The northern campaign is still to end, the southern one is over, on whatever day the tests run. Where the clock of
    this process is wrong, by how much has to be said: policies are the same for everybody.
    """
    now = datetime.now(SHANGHAI) - clock_is_ahead
    opens = (now.hour + 12) % 23
    ends = {"northern": now.date() + timedelta(days=300), "southern": now.date() - timedelta(days=30)}
    quiet = [
        pack.model_copy(
            update={
                "ladder": pack.ladder.model_copy(update={"opens": time(opens), "closes": time(opens + 1)}),
                "campaign": pack.campaign.model_copy(update={"ends": ends[pack.name]}),
            }
        )
        for pack in map(load, sorted(PACKS.glob("*.toml")))
    ]
    (northern,) = (pack for pack in quiet if pack.name == "northern")
    return (*quiet, *versions_of(northern))


@cache
def quiet_policies(clock_is_ahead: timedelta = timedelta()) -> Policies:
    """The quiet packs, as the policies of a register."""
    return Policies(quiet_packs(clock_is_ahead))


MOVING: Final = "110107"
"""An agency whose cases begin under `moving/2`, which is as in the north; `moving/1` asks for less."""


def versions_of(northern: Policy) -> Iterator[Policy]:
    """Two versions of a policy that is as the northern one: the newer one, and one that asks for less."""
    as_it_is = northern.model_copy(update={"name": "moving", "regions": (MOVING,), "version": 2})
    change, card = as_it_is.number_change, as_it_is.replacement
    yield as_it_is
    demands = tuple(each for each in change.demands if each.document is not DocumentKind.police_certificate)
    confirmations = tuple(system for system in change.confirmations if system is not System.bank)
    yield as_it_is.model_copy(
        update={
            "version": 1,
            "number_change": change.model_copy(
                update={
                    "demands": demands,
                    "confirmations": confirmations,
                    "supplement": change.supplement.model_copy(update={"working_days": 5}),
                }
            ),
            "replacement": card.model_copy(update={"functions": (CardFunction.social,)}),
        }
    )


@dataclass(frozen=True)
class Person:
    """A synthetic insured person and what they will apply with."""

    personal_number: str = field(repr=False)
    name: str = field(repr=False)
    old: str = field(repr=False)
    new: str = field(repr=False)


@dataclass
class Engine:
    """The running engine and what a back-office system, a clerk and an auditor can do with it."""

    client: Client
    skipper: TimeSkipper
    pool: Pool
    sealer: Sealer
    registry: Registry
    database_url: str
    settings: Settings
    task_queue: str = TASK_QUEUE_CASES
    task_timeout: timedelta | None = None
    """Of the cases that it opens; the server's own, ten seconds, unless one is named."""

    @asynccontextmanager
    async def working(self, **overrides: Any) -> AsyncIterator[Worker]:
        """A worker of this engine for the length of a block."""
        worker = cases_worker(self.client, self.registry, self.settings.model_copy(update=overrides), self.task_queue)
        async with worker:
            yield worker

    async def insured(self, *, region: str = OFFICE, **more: Any) -> Person:
        """Load one more synthetic person with an old number, a card, a suspended claim and contributions."""
        sequence = next(_SEQUENCE)
        old = more.pop("number", None) or old_number(sequence)
        person = Person(
            personal_number=f"T{sequence:07}",
            name=f"合成人{sequence}",
            old=old,
            new=more.pop("new", None) or (derive(old) if len(old) == 15 else old),
        )
        fields: dict[str, Any] = {
            "personal_number": person.personal_number,
            "source_version": 1,
            "name": person.name,
            "number": person.old,
            "region": region,
            "cards": (HeldCard(card_number=f"C{sequence:08}", code="1", payment_authority=True),),
            "claims": (
                Claim(reference="claim-1", amount_fen=120_00, suspended_for="id_number"),
                Claim(reference="claim-2", amount_fen=80_00, suspended_for="card"),
            ),
            "contributions": (Contribution(month="2026-01", amount_fen=500_00),),
        }
        loaded = await load_persons(self.pool, self.sealer, [InsuredPerson(**(fields | more))])
        assert loaded.loaded == 1
        return person

    async def at_a_post(self, actor: Actor) -> Actor:
        """Somebody whom the directory knows at their office, which is entered where it is not known yet."""
        await self.pool.execute(
            "INSERT INTO offices (code, level, parent, name) VALUES ('100000', 'ministry', NULL, '部'), "
            "($1, 'agency', '100000', '经办机构') ON CONFLICT DO NOTHING",
            actor.office,
        )
        await self.pool.execute(
            "INSERT INTO posts (office, role, rank, staff) "
            "SELECT $1::region_code, 'clerk', count(*), $2 FROM posts WHERE office = $1::region_code "
            "ON CONFLICT DO NOTHING",
            actor.office,
            actor.id,
        )
        return actor

    def number_change(self, person: Person, *documents: Document, **more: Any) -> NumberChangeOpening:
        """A sealed application for an ID-number change."""
        return NumberChangeOpening(kind=Kind.id_number_change, **self._opening(person, person.new, documents, more))

    def replacement(
        self, person: Person, reason: ReplacementReason, *documents: Document, **more: Any
    ) -> ReplacementOpening:
        """A sealed application for a card replacement; the applicant shows the number in force unless `shows` says."""
        shows = more.pop("shows", person.old)
        return ReplacementOpening(
            kind=Kind.card_replacement, reason=reason, **self._opening(person, shows, documents, more)
        )

    def _opening(
        self, person: Person, number: str, documents: tuple[Document, ...], more: dict[str, Any]
    ) -> dict[str, Any]:
        ref = self.sealer.person_token(person.personal_number)
        content = repr((person.personal_number, person.name, number, documents, sorted(more.items(), key=repr)))
        digest = hashlib.sha256(content.encode()).hexdigest()
        return {
            "person": ref,
            "name": self.sealer.seal(person.name, field=Field.name, person=ref),
            "number": self.sealer.seal(number, field=Field.number, person=ref),
            "number_token": self.sealer.number_token(number),
            "region": OFFICE,
            "submitter": CLERK.model_copy(update={"office": more.get("region", OFFICE)}),
            "documents": documents,
            "key": f"key-{digest[:20]}",
            "fingerprint": self.sealer.content_token(content),
        } | more

    async def open(self, opening: Opening, *, skipping: bool = False) -> Receipt:
        """Open a case and wait for its receipt. An application that nobody has stamped is stamped by its submitter."""
        if opening.stamp is None:
            opening = stamped_opening(opening)
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            opening.kind.value,
            opening,
            id=case_id(opening.kind, opening.person),
            task_queue=self.task_queue,
            task_timeout=self.task_timeout,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
            if opening.reopen
            else WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(KIND, opening.kind.value),
                    SearchAttributePair(STATUS, initial_state(opening).status.value),
                    SearchAttributePair(MILESTONE, "submitted"),
                    SearchAttributePair(REGION, opening.region),
                    SearchAttributePair(CATEGORY, opening.category.value),
                ]
            ),
        )
        client = self.skipper.client if skipping else self.client
        receipt: Receipt = await client.execute_update_with_start_workflow(
            RECEIPT,
            ReceiptRequest(key=opening.key, fingerprint=opening.fingerprint),
            start_workflow_operation=start,
            id=f"{RECEIPT}:{opening.key}:{opening.fingerprint}",
            result_type=Receipt,
        )
        return receipt

    def handle(self, case: str) -> WorkflowHandle[Any, Outcome]:
        """The case's workflow."""
        return self.client.get_workflow_handle(case, result_type=Outcome)

    async def tell(self, case: str, event: Event, fact: Fact | None = None, *, update_id: str | None = None) -> Answer:
        """Tell a case of an event; the usual fact of `tests.scenes` unless another is given.

        A fact that nobody has stamped is stamped by whoever it names, and answers what the case asks.
        """
        fact = fact or FACTS[event]
        if EVENTS[event].answers and fact.stamp is None:
            view = await self.view(case)
            fact = answering(fact, view.publication, view.order)
        answer: Answer = await self.handle(case).execute_update(
            event.value,
            fact if fact.stamp is not None else await self.stamped(case, event, fact),
            id=update_id,
            result_type=Answer,
        )
        return answer

    async def stamped(self, case: str, event: Event, fact: SomeFact) -> SomeFact:
        """The fact with a stamp of whoever it names, minted at the moment that it is for the case."""
        return stamped(fact, case, event, await self.time_of(case))

    async def time_of(self, case: str) -> datetime:
        """What time it is for a case; the time of day where the server knows of none."""
        try:
            return await self.skipper.get_current_time(self.handle(case))
        except RPCError:
            return datetime.now(UTC)

    @property
    def everybody(self) -> Everybody:
        """A gate at which everybody is who they say, for clients that play many parts."""
        issuer = Issuer()
        return Everybody(issuer, issuer.gate(KEY, NAMESPACE, self.time_of))

    async def view(self, case: str) -> CaseView:
        """The case's view; that of a run which has not begun yet is waited for."""
        handle = self.handle(case)
        while True:
            try:
                view: CaseView = await handle.query(VIEW, result_type=CaseView)
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
                async for event in handle.fetch_history_events(wait_new_event=True):
                    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                        break
            else:
                return view

    async def history(self, case: str) -> tuple[Transition, ...]:
        """The case's transitions."""
        transitions: tuple[Transition, ...] = await self.handle(case).query(HISTORY, result_type=tuple[Transition, ...])
        return transitions

    async def deliver(self, case: str) -> None:
        """Whoever a case asks has the question now, as the register knows it of a sink that accepts."""
        await self.pool.execute(
            "INSERT INTO delivered_events (event_id, delivered_at, way, client) "
            "SELECT id, $2, 'webhook', target FROM events WHERE case_id = $1 AND request_id IS NOT NULL "
            "ON CONFLICT (event_id) DO NOTHING",
            case,
            await self.time_of(case),
        )

    async def reaches(self, case: str, status: Status) -> CaseView:
        """The view of the case once it has come to a status."""
        async with asyncio.timeout(20):
            return await CaseClient(self.client, self.sealer).wait_for(case, lambda view: view.status is status)


async def created_database(stack: Servers, database: str) -> str:
    """The URL of a new, empty database."""
    admin = await create_pool(stack.database_url, size=2)
    async with admin.acquire() as connection:
        await connection.execute(f'CREATE DATABASE "{database}"')
    await admin.close()
    return stack.postgres.endpoint.url_of(database)


async def migrated_database(stack: Servers, database: str) -> str:
    """The URL of a new, empty register: a copy of the first of its server, on which all migrations ran."""
    admin = await create_pool(stack.database_url, size=2)
    try:
        async with admin.acquire() as connection:
            known = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", _MIGRATED)
            if not known:
                await connection.execute(f"CREATE DATABASE {_UNFINISHED}")
                await migrate(stack.postgres.endpoint.url_of(_UNFINISHED))
                # One whose migrations failed is copied by nobody.
                await connection.execute(f"ALTER DATABASE {_UNFINISHED} RENAME TO {_MIGRATED}")
            await connection.execute(f'CREATE DATABASE "{database}" TEMPLATE {_MIGRATED}')
    finally:
        await admin.close()
    return stack.postgres.endpoint.url_of(database)


@asynccontextmanager
async def engine_on(
    stack: Servers,
    database: str,
    sealer: Sealer | None = None,
    policies: Policies | None = None,
    calendars: Calendars = official_calendar,
) -> AsyncIterator[Engine]:
    """An engine on the running servers, with a register of its own."""
    url = await migrated_database(stack, database)
    pool = await create_pool(url, size=10)
    try:
        client = await connect(SEALED, stack.temporal_address, stack.namespace)
        sealer = sealer or Sealer(KeyRing.sample())
        registry = Registry(pool, sealer, STAMPS, policies or quiet_policies(), calendars, clock=Clock.callers)
        yield Engine(client, TimeSkipper(client), pool, sealer, registry, url, Settings())
    finally:
        await pool.close()
