"""What a season is played on: a register and a server of its own, and the worker of every day with a moved calendar."""

import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
from temporalio import activity

from activities.notifications.notifications import Notifications
from activities.registry import Clock, Registry
from activities.registry.pool import Pool, Waits, create_pool
from activities.sealing import KeyRing, Sealer
from activities.stamps import Stamps, TrustedKeys
from cases.openings import Opening
from cases.policy import Policies, Policy
from cases.stamps import Claims
from cases.stamps import read as read_stamp
from cases.steps import AnswerAfterClosing, RegisterRequest, StepRequest, StepResult, ToldAfterClosing
from deploy.migrations import migrate
from gate.stamp_keys import SigningKey
from intake.client import CaseClient
from rehearsal.amendments import AmendedCalendars, Amendment, asked_at
from rehearsal.arrivals import VirtualTime
from rehearsal.later import policy_later
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.settings import Settings
from runtime.worker import cases_worker, notifications_worker
from stack import LocalStack
from stack.issuer import Everybody, Issuer
from workflows.search_attributes import SEARCH_ATTRIBUTES

_CONNECTIONS: Final = 16
_PATIENT: Final = Waits(connect=30, command=120, statement=120, lock=60)
"""Players and checker wait for a machine that is busy with the engine itself; the engine keeps its own limits."""
_PATIENCE: Final = timedelta(minutes=2)
"""How long a player waits for a case's answer."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running engine of one rehearsal."""

    cases: CaseClient
    time: VirtualTime
    pool: Pool
    """Of the players and the checker; the engine has one of its own."""
    sealer: Sealer


class _InSeason(Policies):
    """Every case begins by the first policy until it is told otherwise, however new the others are."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._first, *others = policies
        super().__init__((self._first, *others))

    def of_region(self, region: str) -> Policy:
        return self._first if self._first.serves(region) else super().of_region(region)


class _AtItsTime(Registry):
    """Every case asks for days as they were known when it asks, for each has a time of its own."""

    @activity.defn
    async def register(self, request: RegisterRequest) -> StepResult:
        with asked_at(request.at):
            return await super().register(request)

    @activity.defn
    async def advance(self, request: StepRequest) -> StepResult:
        with asked_at(request.at):
            return await super().advance(request)

    @activity.defn
    async def tell_closed(self, request: ToldAfterClosing) -> AnswerAfterClosing:
        """The workflow that asks is a new one and lives today; its case stands still at its end, and is told then."""
        stamped = datetime.fromtimestamp(read_stamp(str(request.fact["stamp"])).iat, UTC)
        at_its_end = request.model_copy(update={"at": stamped, "arrived": stamped})
        with asked_at(stamped):
            return await super().tell_closed(at_its_end)


class _AtArrival(Stamps):
    """An application is stamped and handed in on the day of the rehearsal; its case begins when its day has come."""

    def check_opening(self, opening: Opening, arrived: datetime, now: datetime) -> Claims:
        return super().check_opening(opening, arrived, min(arrived, now))


@asynccontextmanager
async def stage(*policies: Policy, announcements: Sequence[Amendment] = ()) -> AsyncIterator[Stage]:
    """An engine by whose first policy every case begins, and the others may follow; its data is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cardcase-rehearsal-") as folder:
        stack = LocalStack(Path(folder), search_attributes=SEARCH_ATTRIBUTES, durable=False, time_skipping=True)
        async with stack, _engine_on(stack, policies, announcements) as engine:
            yield engine


_RECEIVES_AT_ONCE: Final = """
    CREATE FUNCTION received() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO delivered_events (event_id, delivered_at, way, client)
        VALUES (NEW.id, NEW.written_at, 'webhook', NEW.target);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER received AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION received();
"""


async def _let_everybody_receive(database_url: str) -> None:
    """Whoever is asked in a season has the question the moment it is written: no season plays a receiver over HTTP."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_RECEIVES_AT_ONCE)
    finally:
        await connection.close()


@asynccontextmanager
async def _engine_on(
    stack: LocalStack, policies: Sequence[Policy], announcements: Sequence[Amendment]
) -> AsyncIterator[Stage]:
    database_url = stack.database_url
    await migrate(database_url)
    await _let_everybody_receive(database_url)
    ring = KeyRing.sample()
    sealer = Sealer(ring)
    client = await connect(PayloadSealer(ring), stack.temporal_address, stack.namespace)
    async with (
        await create_pool(database_url, size=_CONNECTIONS) as pool,
        await create_pool(database_url, size=_CONNECTIONS, waits=_PATIENT) as patient,
    ):
        stamps = _AtArrival(TrustedKeys.sample(), client.namespace)
        calendars = AmendedCalendars(announcements)
        registry = _AtItsTime(
            pool, sealer, stamps, _InSeason(map(policy_later, policies)), calendars, clock=Clock.callers
        )
        # Nobody in the register can be reached, and no provider is there: messages are written, and none is sent.
        notifications = Notifications(pool, sealer, {}, clock=Clock.callers)
        settings = Settings(pool_size=_CONNECTIONS)
        async with cases_worker(client, registry, settings), notifications_worker(client, notifications, settings):
            time = VirtualTime(client)
            issuer = Issuer()
            everybody = Everybody(issuer, issuer.gate(SigningKey.sample(), client.namespace, time.of))
            yield Stage(CaseClient(time.client, sealer, stamping=everybody, timeout=_PATIENCE), time, patient, sealer)
