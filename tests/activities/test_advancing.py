"""Steps: one transaction each, done once however often and by how many they are asked for.

All persons, names and numbers are synthetic.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery
from temporalio.exceptions import ApplicationError

from activities.calendar import official_calendar
from activities.registry import Registry
from activities.registry.loading import Claim
from activities.registry.pool import Pool, Waits, connection_of, create_pool
from activities.sealing import Sealer
from cases.errors import Code
from cases.events import Event
from cases.facts import DisputeOutcome, ResolveDispute, Withdraw
from cases.machines.machine import Status
from cases.numbers import derive
from cases.openings import ReplacementReason
from cases.policy import Policies
from cases.state import CaseState
from cases.steps import RegisterRequest, StepResult
from tests.activities.play import (
    BANK,
    CERTIFICATE,
    CERTIFIED,
    CLERK,
    FOURTH,
    SECOND,
    SOUTH,
    THIRD,
    Play,
    eighteen,
    insured,
)
from tests.stamping import STAMPS


async def case_to_commit(play: Play, **more: object) -> CaseState:
    person = insured(**more)
    await play.load(person)
    return await play.applying(play.change(person))


class TestAskedForAgain:
    async def test_a_step_by_twenty_at_once_is_done_once_and_answered_alike(self, play: Play) -> None:
        state = await case_to_commit(play)
        request = play.request(state, Event.commit)
        results = await asyncio.gather(*(play.registry.advance(request) for _ in range(20)))
        assert sorted(result.moved for result in results) == [False] * 19 + [True]
        assert len({result.standing.model_dump_json() for result in results if result.standing is not None}) == 1
        assert await play.value("SELECT count(*) FROM events WHERE kind = 'number_changed'") == 4

    async def test_a_step_whose_answer_was_lost_is_made_or_answered_with_what_it_made(self, play: Play) -> None:
        # A cancelled call may have committed or not; nobody can tell but the register. The moment of cancelling is
        # moved towards that of the commit, so that both are met on any machine.
        moment, tries, committed = 0.005, 30, 0
        for _ in range(tries):
            state = await case_to_commit(play, region=SOUTH)
            request = play.request(state, Event.commit)
            asked = asyncio.create_task(play.registry.advance(request))
            await asyncio.sleep(moment)
            asked.cancel()
            await asyncio.wait([asked])
            result = await play.registry.advance(request)
            assert result.refused is None
            if not result.moved:
                assert result.standing is not None
                assert result.standing.transitions == request.after.transitions
            committed += not result.moved
            moment *= 1.2 if result.moved else 0.8
        assert 0 < committed < tries
        assert await play.value("SELECT count(*) FROM numbers WHERE state = 'living'") == tries
        assert await play.value("SELECT count(*) FROM events WHERE kind = 'number_changed'") == tries

    async def test_a_step_with_another_fact_is_answered_with_what_holds(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        reviewed = await play.reviewed(play.change(person))
        withdrawn = await play.move(reviewed, Event.withdraw, Withdraw(actor=CLERK))
        result = await play.ask(reviewed, Event.withdraw, Withdraw(actor=SECOND))
        assert result == StepResult(moved=False, standing=withdrawn)

    async def test_a_step_that_was_followed_by_others_is_answered_with_what_holds(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        reviewed = await play.reviewed(play.change(person))
        applying = await play.applying(reviewed)
        late = await play.ask(reviewed, Event.withdraw, Withdraw(actor=CLERK))
        assert late == StepResult(moved=False, standing=applying)

    async def test_a_run_of_an_older_generation_is_answered_with_its_ending(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        reviewed = await play.reviewed(play.change(person))
        closed = await play.move(reviewed, Event.withdraw, Withdraw(actor=CLERK))
        reopened = await play.reviewed(play.change(person, reopen=True))
        late = play.request(reviewed, Event.withdraw, Withdraw(actor=SECOND))
        assert (await play.registry.advance(late)).standing == closed
        assert await play.value("SELECT status FROM cases WHERE generation = 2") == reopened.status

    async def test_a_step_of_a_case_that_was_never_registered_is_an_error(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.received(play.change(person))
        elsewhere = state.model_copy(update={"generation": 7})
        with pytest.raises(ApplicationError) as failed:
            await play.registry.advance(play.request(elsewhere, Event.screened))
        assert (failed.value.type, failed.value.non_retryable) == ("CASE_UNKNOWN", True)


class TestOneTransaction:
    async def test_holds_everything_a_step_writes(self, play: Play) -> None:
        state = await case_to_commit(play)
        await play.move(state, Event.commit)
        written = await play.rows(
            """
            SELECT 'cases' AS what, xmin::text FROM cases
            UNION ALL SELECT 'transitions', xmin::text FROM transitions WHERE event = 'commit'
            UNION ALL SELECT 'numbers', xmin::text FROM numbers
            UNION ALL SELECT 'cards', xmin::text FROM cards
            UNION ALL SELECT 'snapshots', xmin::text FROM entitlement_snapshots
            UNION ALL SELECT 'events', xmin::text FROM events
            """
        )
        assert {row["what"] for row in written} == {"cases", "transitions", "numbers", "cards", "snapshots", "events"}
        assert len({row["xmin"] for row in written}) == 1

    async def test_is_all_that_a_step_costs_and_its_statements_are_few(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies
    ) -> None:
        async with counted(database_url) as (pool, statements):
            play.registry = Registry(pool, sealer, STAMPS, policies, official_calendar)
            costs: dict[str, int] = {}
            person = insured(claims=(Claim(amount_fen=100, suspended_for="id_number"),), region=SOUTH)
            await play.load(person)
            state = await play.received(play.change(person))
            for event in (Event.screened, None, Event.apply, Event.commit, Event.unblock, Event.release):
                if event is None:
                    state = await play.verified(state)
                    continue
                request = play.request(state, event)
                statements.clear()
                result = await play.registry.advance(request)
                assert result.moved
                assert [text for text in statements if text.startswith("BEGIN")] == ["BEGIN;"]
                assert [text for text in statements if text.startswith("COMMIT")] == ["COMMIT;"]
                costs[event] = len(statements) - 2
                state = state.model_copy(update=dict(request.after))
        # lock the case, move it, record it; and what the effects need
        assert costs == {"screened": 4, "apply": 7, "commit": 12, "unblock": 6, "release": 12}

    async def test_is_all_that_a_registration_costs(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies
    ) -> None:
        person = insured()
        await play.load(person)
        state = play.change(person)
        async with counted(database_url) as (pool, statements):
            registry = Registry(pool, sealer, STAMPS, policies, official_calendar)
            await registry.register(RegisterRequest(state=state, at=play.at))
            assert statements.count("BEGIN;") == statements.count("COMMIT;") == 1
            assert len(statements) == 10


@asynccontextmanager
async def counted(url: str) -> AsyncIterator[tuple[Pool, list[str]]]:
    """A pool of one connection, and the statements that go through it."""
    pool = await create_pool(url, size=1)
    statements: list[str] = []

    def note(query: LoggedQuery) -> None:
        statements.append(query.query)

    # The driver asks for the types of our domains once per connection; that is no statement of a step.
    async with connection_of(pool) as connection:
        for sealed in ("keyed_token", "sealed_text", "sha256_hex", "staff_id", "region_code", "scheme"):
            await connection.fetch(f"SELECT $1::{sealed}", None)
        connection.add_query_logger(note)
    yield pool, statements
    await pool.close()


class TestTroubleInTheDatabase:
    async def test_a_deadlock_is_tried_again_inside_the_step(self, play: Play) -> None:
        state = await case_to_commit(play)
        async with connection_of(play.pool) as other:
            transaction = other.transaction()
            await transaction.start()
            await other.execute("SELECT FROM persons FOR UPDATE")
            asked = asyncio.create_task(play.ask(state, Event.commit))
            await until_waiting(play, 1)
            # Closes the circle. This side does not look for deadlocks, so the step is the one that the server ends.
            await other.execute("SET LOCAL deadlock_timeout = '1min'")
            await other.execute("SELECT FROM cases FOR UPDATE")
            await transaction.commit()
        assert (await asked).moved

    async def test_a_lock_that_is_held_too_long_is_worth_trying_again(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies
    ) -> None:
        state = await case_to_commit(play)
        impatient = await create_pool(database_url, size=1, waits=Waits(lock=0.1))
        registry = Registry(impatient, sealer, STAMPS, policies, official_calendar)
        async with connection_of(play.pool) as other, other.transaction():
            await other.execute("SELECT FROM cases FOR UPDATE")
            with pytest.raises(ApplicationError) as failed:
                await registry.advance(play.request(state, Event.commit))
        assert (failed.value.type, failed.value.non_retryable) == ("DATABASE_UNAVAILABLE", False)
        assert (await registry.advance(play.request(state, Event.commit))).moved
        await impatient.close()

    async def test_a_pool_without_a_free_connection_is_worth_trying_again(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("activities.registry.pool.ACQUIRE_SECONDS", 0.05)
        state = await case_to_commit(play)
        small = await create_pool(database_url, size=1)
        registry = Registry(small, sealer, STAMPS, policies, official_calendar)
        async with connection_of(small):
            with pytest.raises(ApplicationError) as failed:
                await registry.advance(play.request(state, Event.commit))
        assert (failed.value.type, failed.value.non_retryable) == ("DATABASE_UNAVAILABLE", False)
        await small.close()

    async def test_a_connection_that_was_cut_is_replaced(self, play: Play) -> None:
        state = await case_to_commit(play)
        await play.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        asked = [play.ask(state, Event.commit) for _ in range(10)]
        answers = [(await asyncio.gather(call, return_exceptions=True))[0] for call in asked]
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        assert {str(failure) for failure in failures} <= {"DATABASE_UNAVAILABLE"}
        assert not any(isinstance(failure, ApplicationError) and failure.non_retryable for failure in failures)
        assert sum(answer.moved for answer in answers if isinstance(answer, StepResult)) == 1


async def until_waiting(play: Play, how_many: int) -> None:
    """Until so many sessions wait for a lock; the server tells nobody, so it is asked."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while await play.value(waiting) < how_many:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)


class TestDifferentPeople:
    @pytest.mark.parametrize(
        "forgery", [{"verifier": "clerk-1"}, {"approver": "clerk-2"}, {"approver": "clerk-1"}], ids=str
    )
    async def test_are_demanded_by_the_database_too(self, play: Play, forgery: dict[str, str]) -> None:
        person = insured()
        await play.load(person)
        state = await play.verified(play.change(person, eighteen("11010519491231004"), documents=CERTIFIED))
        assert (state.verifier, state.approver) == (SECOND.id, THIRD.id)
        request = play.request(state, Event.apply)
        forged = request.model_copy(update={"after": request.after.model_copy(update=forgery)})
        before = await play.contents()
        with pytest.raises(ApplicationError) as failed:
            await play.registry.advance(forged)
        assert (failed.value.type, failed.value.non_retryable) == ("DATABASE_REFUSED", True)
        assert await play.contents() == before

    async def test_have_looked_at_a_reissued_number_before_it_is_written(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.verified(play.change(person, eighteen("11010519491231004"), documents=CERTIFIED))
        request = play.request(state, Event.apply)
        forged = request.model_copy(update={"after": request.after.model_copy(update={"approver": None})})
        with pytest.raises(ApplicationError, match="DATABASE_REFUSED"):
            await play.registry.advance(forged)

    async def test_decide_a_dispute(self, play: Play) -> None:
        person = insured()
        await play.load(person, insured(number=eighteen("11010519491231004")))
        state = play.change(person, eighteen("11010519491231004"), documents=CERTIFIED)
        state = await play.move(await play.received(state), Event.screened)
        fact = ResolveDispute(actor=FOURTH, outcome=DisputeOutcome.ours, police_document=CERTIFICATE)
        state = await play.move(state, Event.resolve_dispute, fact)
        second = fact.model_copy(update={"actor": THIRD})
        request = play.request(state, Event.resolve_dispute, second)
        assert request.after.dispute is not None
        forged = request.after.dispute.model_copy(update={"decided_by": THIRD.id})
        with pytest.raises(ApplicationError, match="DATABASE_REFUSED"):
            await play.registry.advance(
                request.model_copy(update={"after": request.after.model_copy(update={"dispute": forged})})
            )


async def test_a_replacement_is_done_once_too(play: Play) -> None:
    person = insured(number=eighteen("11010519491231005"))
    await play.load(person)
    state = await play.active(play.replacement(person, ReplacementReason.expired), person, "CARDNEW1")
    request = play.request(state, Event.switch_cards)
    results = await asyncio.gather(*(play.registry.advance(request) for _ in range(20)))
    assert sum(result.moved for result in results) == 1
    assert await play.value("SELECT count(*) FROM events WHERE kind = 'card_switched'") == 2
    assert request.actor is None
    assert BANK.id in {row["actor"] for row in await play.rows("SELECT actor FROM transitions")}


async def test_a_refused_step_can_be_asked_for_again_when_its_reason_is_gone(play: Play) -> None:
    person = insured()
    await play.load(person)
    state = await play.verified(play.change(person))
    await play.load(insured(number=derive(str(person.number))))
    assert await play.refusal(state, Event.apply) is Code.NUMBER_TAKEN
    await play.write("UPDATE numbers SET state = 'revoked', valid_to = now() WHERE digits = 18")
    assert (await play.move(state, Event.apply)).status is Status.applying


async def test_postgres_keeps_one_living_holder_whatever_the_program_does(play: Play) -> None:
    person, other = insured(number=eighteen("11010519491231006")), insured()
    await play.load(person, other)
    with pytest.raises(asyncpg.UniqueViolationError) as violation:
        await play.write(
            "INSERT INTO numbers (person_id, token, sealed, digits, state) "
            "SELECT other.id, held.token, held.sealed, 18, 'reserved' FROM persons AS other, numbers AS held "
            "WHERE other.token = $1 AND held.digits = 18",
            play.token(other),
        )
    assert violation.value.constraint_name == "numbers_one_holder"
