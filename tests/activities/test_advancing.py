"""Steps: one transaction each, done once however often and by how many they are asked for.

All persons, names and numbers are synthetic.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery
from temporalio.exceptions import ApplicationError

from activities.calendar import official_calendar
from activities.registry import Clock, Registry, effects
from activities.registry.answered import answer_given
from activities.registry.loading import Claim
from activities.registry.pool import Pool, Waits, connection_of, create_pool
from activities.registry.registry import SQL as CASES
from activities.registry.screening import SQL as SCREENING
from activities.sealing import Sealer
from cases import decide
from cases.clocks import day_of
from cases.errors import Code
from cases.events import Event
from cases.facts import DisputeOutcome, Repair, RepairAction, ResolveDispute, VerifyDocuments, Withdraw
from cases.machines.machine import Status
from cases.openings import ReplacementReason
from cases.policy import Policies
from cases.rules import disputes
from cases.state import CaseState
from cases.steps import RegisterRequest, StepRequest, StepResult
from tests.activities.play import (
    BANK,
    CERTIFICATE,
    CERTIFIED,
    CLERK,
    FOURTH,
    NORTH,
    OPERATOR,
    SECOND,
    SOUTH,
    THIRD,
    Play,
    eighteen,
    insured,
    mistaken,
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
        assert sorted(len(result.moves) for result in results) == [0] * 19 + [1]
        (made,) = [result for result in results if result.moves]
        standing = [result.standing for result in results if result.standing is not None]
        assert len(standing) == 19
        assert len({each.model_dump_json() for each in standing}) == 1
        assert standing[0].state_of(state.opening) == made.applied_to(state)
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
            is_made_now = bool(result.moves)
            if not is_made_now:
                assert result.standing is not None
                assert result.standing.transitions[-1].event is Event.commit
                assert len(result.standing.transitions) == state.version + 1
            assert play.taken_over(result, state).committed
            committed += not is_made_now
            moment *= 1.2 if is_made_now else 0.8
        assert 0 < committed < tries
        assert await play.value("SELECT count(*) FROM numbers WHERE state = 'living'") == tries
        assert await play.value("SELECT count(*) FROM events WHERE kind = 'number_changed'") == tries

    async def test_a_step_with_another_fact_is_answered_with_what_holds(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        reviewed = await play.reviewed(play.change(person))
        withdrawn = await play.move(reviewed, Event.withdraw, Withdraw(actor=CLERK))
        result = await play.ask(reviewed, Event.withdraw, Withdraw(actor=SECOND))
        assert standing_of(result, reviewed) == withdrawn

    async def test_a_step_that_was_followed_by_others_is_answered_with_what_holds(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        reviewed = await play.reviewed(play.change(person))
        applying = await play.applying(reviewed)
        late = await play.ask(reviewed, Event.withdraw, Withdraw(actor=CLERK))
        assert standing_of(late, reviewed) == applying

    async def test_a_run_of_an_older_generation_is_answered_with_its_ending(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        reviewed = await play.reviewed(play.change(person))
        closed = await play.move(reviewed, Event.withdraw, Withdraw(actor=CLERK))
        reopened = await play.reviewed(play.change(person, reopen=True))
        late = play.request(reviewed, Event.withdraw, Withdraw(actor=SECOND))
        assert standing_of(await play.registry.advance(late), reviewed) == closed
        assert await play.value("SELECT status FROM cases WHERE generation = 2") == reopened.status

    async def test_a_step_of_a_case_that_was_never_registered_is_an_error(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.received(play.change(person))
        elsewhere = state.model_copy(update={"generation": 7})
        with pytest.raises(ApplicationError) as failed:
            await play.registry.advance(play.request(elsewhere, Event.screened))
        assert (failed.value.type, failed.value.non_retryable) == ("CASE_UNKNOWN", True)


def standing_of(result: StepResult, asking: CaseState) -> CaseState:
    """The state in which an answer says the case stands, where it made nothing and told nobody."""
    assert result.standing is not None
    assert result == StepResult(standing=result.standing)
    return result.standing.state_of(asking.opening)


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

    async def test_is_all_that_a_step_costs_after_one_look(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies
    ) -> None:
        async with counted(database_url) as (pool, statements):
            play.registry = Registry(pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
            costs: dict[str, list[str]] = {}
            person = insured(
                claims=(Claim(reference="claim-1", amount_fen=100, suspended_for="id_number"),), region=SOUTH
            )
            await play.load(person)
            state = await play.received(play.change(person))
            for event in (Event.screened, None, Event.apply, Event.commit, Event.unblock, Event.release):
                if event is None:
                    state = await play.verified(state)
                    continue
                request = play.request(state, event)
                statements.clear()
                result = await play.registry.advance(request)
                assert [made.event for made in result.moves] == [event]
                costs[event] = named(statements)
                state = result.applied_to(state)
        # A statement outside of a transaction block is a transaction by itself.
        assert list(costs) == [Event.screened, Event.apply, Event.commit, Event.unblock, Event.release]
        assert all(cost == ["look", "make_transition"] for cost in costs.values())

    async def test_is_one_call_for_each_step_of_a_stretch_after_one_look_at_all(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies
    ) -> None:
        person = insured(claims=(Claim(reference="claim-2", amount_fen=100, suspended_for="id_number"),), region=SOUTH)
        await play.load(person)
        state = await play.reviewed(play.change(person))
        copies = tuple(document.sha256 for document in state.documents)
        fact = VerifyDocuments(actor=SECOND, original_seen=True, copies=copies)
        async with counted(database_url) as (pool, statements):
            registry = Registry(pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
            result = await registry.advance(play.request(state, Event.verify_documents, fact, onward=True))
            assert named(statements) == ["look", *["make_transition"] * 5]
        assert [made.event for made in result.moves] == ["verify_documents", "apply", "commit", "unblock", "release"]
        assert result.applied_to(state).status is Status.done
        written = await play.rows("SELECT xmin::text FROM transitions WHERE version > 1")
        assert len({row["xmin"] for row in written}) == 5

    async def test_is_all_that_a_registration_costs(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies
    ) -> None:
        person = insured()
        await play.load(person)
        state = play.change(person)
        async with counted(database_url) as (pool, statements):
            registry = Registry(pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
            asked = RegisterRequest(opening=state.opening, at=play.at, arrived=play.at)
            taken_in = await registry.register(asked)
            assert named(statements) == ["look_for_application", "person_on_register", "open_case", "make_transition"]
            statements.clear()
            assert await registry.register(asked) == taken_in
            assert named(statements) == [
                "look_for_application",
                "look",
                "standing",
                "untold_neighbours",
                "late_answers",
            ]


def named(statements: list[str]) -> list[str]:
    """The names of the queries that statements are."""
    names = {query.sql: name for name, query in {**CASES, **SCREENING}.items()}
    return [names.get(statement, statement) for statement in statements]


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
        assert [made.event for made in (await asked).moves] == [Event.commit]

    async def test_a_lock_that_is_held_too_long_is_worth_trying_again(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies
    ) -> None:
        state = await case_to_commit(play)
        impatient = await create_pool(database_url, size=1, waits=Waits(lock=0.1))
        registry = Registry(impatient, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
        async with connection_of(play.pool) as other, other.transaction():
            await other.execute("SELECT FROM cases FOR UPDATE")
            with pytest.raises(ApplicationError) as failed:
                await registry.advance(play.request(state, Event.commit))
        assert (failed.value.type, failed.value.non_retryable) == ("DATABASE_UNAVAILABLE", False)
        assert (await registry.advance(play.request(state, Event.commit))).moves
        await impatient.close()

    async def test_a_pool_without_a_free_connection_is_worth_trying_again(
        self, play: Play, database_url: str, sealer: Sealer, policies: Policies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("activities.registry.pool.ACQUIRE_SECONDS", 0.05)
        state = await case_to_commit(play)
        small = await create_pool(database_url, size=1)
        registry = Registry(small, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
        async with connection_of(small):
            with pytest.raises(ApplicationError) as failed:
                await registry.advance(play.request(state, Event.commit))
        assert (failed.value.type, failed.value.non_retryable) == ("DATABASE_UNAVAILABLE", False)
        await small.close()

    async def test_who_waits_for_an_answer_waits_behind_a_crowd_for_longer_than_a_step(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a thousand who were answered at once some were told that the database was unavailable."""
        monkeypatch.setattr("activities.registry.pool.ACQUIRE_SECONDS", 0.0)
        small = await create_pool(database_url, size=1)
        async with connection_of(small, patience=1.0):
            looking = asyncio.create_task(answer_given(small, "idc-nobodys", "hold-1"))
            with pytest.raises(TimeoutError):
                async with connection_of(small):
                    raise AssertionError("there is one connection only")
            assert not looking.done()
        assert await looking is None
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
        assert sum(len(answer.moves) for answer in answers if isinstance(answer, StepResult)) == 1


async def until_waiting(play: Play, how_many: int) -> None:
    """Until so many sessions wait for a lock; the server tells nobody, so it is asked."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while await play.value(waiting) < how_many:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)


class TestDifferentPeople:
    @pytest.mark.parametrize(
        "forgery", [{"verifier": "clerk-1"}, {"approver": "clerk-2"}, {"approver": "clerk-1"}], ids=str
    )
    async def test_are_demanded_by_the_database_too(
        self, play: Play, monkeypatch: pytest.MonkeyPatch, forgery: dict[str, str]
    ) -> None:
        person = insured()
        await play.load(person)
        state = await play.verified(play.change(person, eighteen("11010519491231004"), documents=CERTIFIED))
        assert (state.verifier, state.approver) == (SECOND.id, THIRD.id)
        mistaken(monkeypatch, **forgery)
        before = await play.contents()
        with pytest.raises(ApplicationError) as failed:
            await play.ask(state, Event.apply)
        assert (failed.value.type, failed.value.non_retryable) == ("DATABASE_REFUSED", True)
        assert await play.contents() == before

    async def test_have_looked_at_a_reissued_number_before_it_is_written(
        self, play: Play, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person = insured()
        await play.load(person)
        state = await play.verified(play.change(person, eighteen("11010519491231004"), documents=CERTIFIED))
        mistaken(monkeypatch, approver=None)
        with pytest.raises(ApplicationError, match="DATABASE_REFUSED"):
            await play.ask(state, Event.apply)

    async def test_decide_a_dispute(self, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
        person = insured()
        await play.load(person, insured(number=eighteen("11010519491231004")))
        state = play.change(person, eighteen("11010519491231004"), documents=CERTIFIED)
        state = await play.move(await play.received(state), Event.screened)
        fact = ResolveDispute(actor=FOURTH, outcome=DisputeOutcome.ours, police_document=CERTIFICATE)
        state = await play.move(state, Event.resolve_dispute, fact)
        assert await play.refusal(state, Event.resolve_dispute, fact) is Code.SAME_PERSON
        monkeypatch.delitem(decide.CHECKS, Event.resolve_dispute)
        # Whoever takes an officer's own word for a second one is stopped by the database.
        monkeypatch.setattr(disputes, "is_first_word", lambda _opinions, _said: False)
        for module in (disputes, effects):
            monkeypatch.setattr(module, "joined_by", lambda state, _fact: state.opinions[0])
        before = await play.contents()
        with pytest.raises(ApplicationError, match="DATABASE_REFUSED"):
            await play.ask(state, Event.resolve_dispute, fact)
        assert await play.contents() == before
        monkeypatch.undo()
        second = fact.model_copy(update={"actor": THIRD})
        assert (await play.move(state, Event.resolve_dispute, second)).status is Status.in_review


async def test_a_replacement_is_done_once_too(play: Play) -> None:
    person = insured(number=eighteen("11010519491231005"))
    await play.load(person)
    state = await play.active(play.replacement(person, ReplacementReason.expired), person, "CARDNEW1")
    request = play.request(state, Event.switch_cards)
    results = await asyncio.gather(*(play.registry.advance(request) for _ in range(20)))
    assert sum(len(result.moves) for result in results) == 1
    assert await play.value("SELECT count(*) FROM events WHERE kind = 'card_switched'") == 2
    assert await play.value("SELECT actor FROM transitions WHERE event = 'switch_cards'") is None
    assert BANK.id in {row["actor"] for row in await play.rows("SELECT actor FROM transitions")}


async def test_a_refused_step_can_be_asked_for_again_when_its_reason_is_gone(play: Play) -> None:
    person = insured(number=eighteen("11010519491231005"))
    await play.load(person)
    replacement = await play.received(play.replacement(person, ReplacementReason.expired))
    replacement = await play.verified(await play.move(replacement, Event.checked))
    await play.applying(play.change(person, eighteen("11010519491231004"), documents=CERTIFIED))
    assert await play.refusal(replacement, Event.order_card) is Code.PERSON_BUSY
    await play.write("DELETE FROM turns")
    assert (await play.move(replacement, Event.order_card)).status is Status.in_production


async def test_a_step_that_an_operator_has_repeated_is_made_when_its_reason_is_gone(play: Play) -> None:
    person = insured(region=SOUTH)
    await play.load(person)
    state = await play.move(await play.committed(play.change(person)), Event.unblock)
    balance = await play.value("SELECT sum(amount_fen)::bigint FROM balances")
    await play.write("UPDATE balances SET amount_fen = 0")
    event, state = await play.instead(state, Event.release)
    assert (event, state.last_error) == (Event.stuck, Code.DIGEST_DIFFERS)
    await play.write("UPDATE balances SET amount_fen = $1", balance)
    state = await play.move(state, Event.repair, Repair(actor=OPERATOR, action=RepairAction.retry, evidence="E-1"))
    assert (await play.move(await play.move(state, Event.unblock), Event.release)).status is Status.done


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


@pytest.mark.parametrize("region", [NORTH, SOUTH])
async def test_a_limit_that_ends_is_computed_again_first_where_days_that_it_rests_on_were_amended(
    play: Play, pool: Pool, sealer: Sealer, policies: Policies, region: str
) -> None:
    person = insured(region=region)
    await play.load(person)
    state = await play.move(await play.received(play.change(person, documents=())), Event.screened)
    assert state.status is Status.awaiting_documents
    assert state.timer is not None
    official = official_calendar()
    begun = day_of(state.timer.since)
    off = frozenset(official.after(begun, days) for days in (2, 3, 4))
    amended = replace(official, off=official.off | off)
    registry = Registry(pool, sealer, STAMPS, policies, lambda _: amended, clock=Clock.callers)
    result = await registry.advance(play.request(state, Event.supplement_expired))
    assert [made.event for made in result.moves] == [Event.recompute]
    after = result.applied_to(state)
    assert after.status is Status.awaiting_documents
    assert after.timer is not None
    last = day_of(state.timer.due_at - timedelta(seconds=1))
    assert day_of(after.timer.due_at - timedelta(seconds=1)) == amended.after(last, 3)
    early = await registry.advance(StepRequest.of(after, Event.supplement_expired, None, at=play.at))
    assert early.not_before == after.timer.due_at
    # When that has ended as well the case is closed.
    ended = await registry.advance(StepRequest.of(after, Event.supplement_expired, None, at=after.timer.due_at))
    assert [made.event for made in ended.moves] == [Event.supplement_expired]
