"""What a case costs the register: a transaction for each transition, and few statements, each of them a round trip.

A look for the application, one at the person, the opening; then a look at the case for each request and one statement
for each transition.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
from asyncpg.connection import LoggedQuery

from activities.calendar import official_calendar
from activities.registry import Clock, Registry
from activities.registry.pool import Connection
from cases.events import Event
from cases.machines.machine import Status
from cases.models import System
from cases.openings import ReplacementReason
from tests.engine import Engine, new_number, quiet_policies
from tests.scenes import CERTIFICATE, ID_CARD, SOUTH
from tests.stamping import STAMPS
from tests.workflows.dossier import Dossier
from tests.workflows.refusals import Refusal, Refusals
from tests.workflows.roads import activate, change

OPENING = 3
"""Statements by which an application is taken in, before its screening is written."""


class Counted:
    """What one engine's registry asks of PostgreSQL."""

    def __init__(self) -> None:
        self.begun = 0
        self.alone = 0
        """Statements outside of any transaction."""
        self._inside: set[int] = set()

    async def watch(self, connection: Connection) -> None:
        """Count what is asked on a connection."""
        pid = connection.get_server_pid()

        def logged(query: LoggedQuery) -> None:
            statement = query.query.split()[0].rstrip(";").upper()
            match statement:
                case "BEGIN":
                    self.begun += 1
                    self._inside.add(pid)
                case "COMMIT" | "ROLLBACK":
                    self._inside.discard(pid)
                case _:
                    self.alone += pid not in self._inside

        connection.add_query_logger(logged)


@asynccontextmanager
async def counted(engine: Engine) -> AsyncIterator[tuple[Engine, Counted]]:
    """The shared engine with a worker of its own, whose transactions are counted."""
    count = Counted()
    pool = await asyncpg.create_pool(engine.database_url, min_size=1, max_size=1, init=count.watch, reset=_leave_alone)
    registry = Registry(pool, engine.sealer, STAMPS, quiet_policies(), official_calendar, clock=Clock.callers)
    watched = replace(engine, registry=registry, task_queue="counted")
    async with pool, watched.working():
        # A new connection asks once what types it is given.
        for opening in (
            watched.number_change(await engine.insured(), ID_CARD),
            watched.replacement(await engine.insured(number=new_number()), ReplacementReason.expired, ID_CARD),
        ):
            await watched.open(opening)
        count.begun = count.alone = 0
        yield watched, count


async def _leave_alone(_connection: Connection) -> None:
    """A connection that goes back to the pool is reset by a statement of the pool's own, which is no step's cost."""


async def test_an_ordinary_change_costs_one_transaction_for_each_transition(engine: Engine) -> None:
    async with counted(engine) as (watched, count):
        person = await engine.insured(region=SOUTH)
        case = await Dossier.open(watched, person, watched.number_change(person, ID_CARD, region=SOUTH))
        await case.verify()
        outcome = await case.ends()
    assert outcome.status is Status.done
    assert (count.begun, count.alone) == (0, OPENING + 1 + outcome.transitions)
    assert await transactions_of(case) == outcome.transitions + 1


async def test_a_long_change_costs_no_more_for_each_transition(engine: Engine) -> None:
    async with counted(engine) as (watched, count):
        person = await engine.insured()
        case = await Dossier.open(watched, person, watched.number_change(person, ID_CARD, CERTIFICATE))
        await case.tell(Event.hold)
        await case.tell(Event.resume)
        await case.verify()
        await case.confirm(*System)
        outcome = await case.ends()
    requests = 3 + len(System)
    assert (count.begun, count.alone) == (0, OPENING + requests + outcome.transitions)
    assert await transactions_of(case) == outcome.transitions + 1


async def test_a_replacement_asks_once_more_for_each_pre_check_after_the_first(engine: Engine) -> None:
    async with counted(engine) as (watched, count):
        person = await engine.insured(number=new_number())
        opening = watched.replacement(person, ReplacementReason.lost, ID_CARD)
        case = await Dossier.open(watched, person, opening)
        await case.tell(Event.confirm_loss)
        await case.verify()
        await case.tell(Event.card_produced, case.produced())
        await case.tell(Event.card_handed_over)
        await activate(case)
        outcome = await case.ends()
    requests = 6
    # The second pre-check looks at the person once more.
    assert (count.begun, count.alone) == (0, OPENING + requests + outcome.transitions + 1)


async def test_a_refused_event_costs_the_register_nothing(engine: Engine) -> None:
    async with counted(engine) as (watched, count):
        person = await engine.insured()
        case = await Dossier.open(watched, person, watched.number_change(person, ID_CARD))
        before = (count.begun, count.alone)
        await case.refuses(Event.resume)
        await case.refuses(Event.approve)
        assert (count.begun, count.alone) == before


async def test_a_step_that_is_repeated_until_the_register_answers_is_written_once(
    engine: Engine, refusals: Refusals
) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    async with refusals.of(case.case_id, Event.apply, how=Refusal.for_a_while):
        await case.verify()
    outcome = await case.ends()
    assert await transactions_of(case) == outcome.transitions + 1


async def transactions_of(case: Dossier) -> int:
    """By how many transactions the audit of a case was written."""
    written: int = await case.engine.pool.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM transitions WHERE case_id = $1", case.case_id
    )
    return written
