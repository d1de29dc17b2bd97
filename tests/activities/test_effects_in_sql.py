"""Effects as functions in SQL, where no walk of a case leads. All persons, names and numbers are synthetic."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, Literal

import asyncpg
import pytest

from activities.registry.effects import MESSAGES_ALONE
from activities.registry.loading import BenefitHold
from activities.registry.pool import Connection, connection_of
from activities.registry.stored import Copy
from cases.events import Event
from cases.facts import DisputeOutcome, ResolveDispute, Withdraw
from cases.machines.machine import Effect, Status
from cases.openings import ReplacementReason
from cases.state import CaseState
from tests.activities.play import CERTIFICATE, CERTIFIED, CLERK, FOURTH, NOON, THIRD, Play, eighteen, insured

NUMBER, OTHER = eighteen("11010519491231004"), eighteen("11010519491231005")
HELD = BenefitHold(
    reason="id_number",
    notice="N-1",
    served_on=NOON.date(),
    legal_basis="示例办法第一条",
    officer="officer-3",
    held_at=NOON,
)
NEIGHBOURS_EVENTS = {
    Event.dispute_opened,
    Event.dispute_won,
    Event.dispute_lost,
    Event.dispute_lapsed,
    Event.number_changed,
    Event.turn_free,
    Event.benefits_lifted,
    Event.person_found_ended,
    Event.block_ended,
}


async def do(connection: Connection, play: Play, state: CaseState, effect: Effect, **facts: Any) -> dict[str, Any]:
    """What the function of an effect answers, in a transaction of its own or in the connection's; {} for nothing."""
    row = await connection.fetchrow(
        "SELECT person_id, replaces_number_id FROM cases WHERE case_id = $1 AND generation = $2",
        state.case_id,
        state.generation,
    )
    assert row is not None
    opening, version = state.opening, state.version + 1
    step = (
        *(state.case_id, state.generation, version, f"forged.{version}", "forged", play.at, play.today),
        *(opening.person, row["person_id"], opening.region, opening.number, opening.number_token, "id_number"),
        *(row["replaces_number_id"], json.dumps(facts)),
    )
    answer = await connection.fetchval(f"SELECT effect_{effect.value}($1::step)", step)
    return {} if answer is None else json.loads(answer)


async def refusal(connection: Connection, play: Play, state: CaseState, effect: Effect, **facts: Any) -> str:
    with pytest.raises(asyncpg.PostgresError) as refused:
        await do(connection, play, state, effect, **facts)
    assert refused.value.sqlstate == "CASE1"
    return str(refused.value)


async def may_be_told(play: Play, state: CaseState, event: Event) -> bool:
    """Whether the register itself says it."""
    answer = await play.value(
        "SELECT may_be_told(case_id, generation, person, person_id, 'id_number', $3) FROM cases "
        "WHERE case_id = $1 AND generation = $2",
        state.case_id,
        state.generation,
        event.value,
    )
    assert isinstance(answer, bool)
    return answer


async def somebody_waits(play: Play) -> None:
    """Comes back once a statement waits for a lock that another transaction holds."""
    while not await play.value("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
        pass


async def two_applicants(play: Play) -> tuple[CaseState, CaseState]:
    """Two people who are in dispute over a number; the second opened it."""
    one, two = insured(), insured()
    await play.load(one, two)
    first = await play.reviewed(play.change(one, NUMBER, documents=CERTIFIED))
    second = await play.move(await play.received(play.change(two, NUMBER, documents=CERTIFIED)), Event.screened)
    return first, second


async def decided(play: Play, state: CaseState, outcome: DisputeOutcome) -> CaseState:
    decision = ResolveDispute(actor=FOURTH, outcome=outcome, police_document=CERTIFICATE)
    state = await play.move(state, Event.resolve_dispute, decision)
    return await play.move(state, Event.resolve_dispute, decision.model_copy(update={"actor": THIRD}))


async def test_every_effect_on_the_register_is_a_function_that_says_what_it_does(play: Play) -> None:
    functions = await play.rows(
        "SELECT substr(proname, 8) AS effect, pg_get_function_identity_arguments(oid) AS takes, "
        "pg_get_function_result(oid) AS answers, obj_description(oid, 'pg_proc') IS NOT NULL AS described "
        "FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND starts_with(proname, 'effect_')"
    )
    assert {row["effect"] for row in functions} == {effect.value for effect in set(Effect) - MESSAGES_ALONE}
    assert {(row["takes"], row["answers"], row["described"]) for row in functions} == {("s step", "jsonb", True)}


class TestARefusal:
    async def test_is_one_where_a_fact_lacks_what_its_rows_need(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.reviewed(play.change(person))
        async with connection_of(play.pool) as connection:
            lacking = {"actor": {"id": "officer-3"}, "notice": "N-1", "served_on": "2026-08-01"}
            assert await refusal(connection, play, state, Effect.hold_benefits, fact=lacking) == "PAYLOAD_INVALID"
            assert await refusal(connection, play, state, Effect.publish_number_changed) == "PAYLOAD_INVALID"
        assert await play.value("SELECT count(*) FROM benefit_holds") == 0

    async def test_of_a_commit_follows_a_number_that_is_revoked_while_it_waits(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        async with connection_of(play.pool) as rival, connection_of(play.pool) as ours:
            transaction = rival.transaction()
            await transaction.start()
            await rival.execute("UPDATE numbers SET state = 'revoked' WHERE state = 'living'")
            committing = asyncio.create_task(refusal(ours, play, state, Effect.commit_number))
            await somebody_waits(play)
            await transaction.commit()
            assert await committing == "REGISTER_CHANGED"

    async def test_of_a_commit_follows_a_reservation_that_is_revoked_while_it_waits(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        async with connection_of(play.pool) as rival, connection_of(play.pool) as ours:
            transaction = rival.transaction()
            await transaction.start()
            await rival.execute("UPDATE numbers SET state = 'revoked' WHERE state = 'reserved'")
            committing = asyncio.create_task(refusal(ours, play, state, Effect.commit_number))
            await somebody_waits(play)
            await transaction.commit()
            assert await committing == "REGISTER_CHANGED"
        assert await play.value("SELECT count(*) FROM numbers WHERE state = 'living'") == 1

    async def test_of_a_decision_follows_one_that_was_faster(self, play: Play) -> None:
        first, second = await two_applicants(play)
        first = await play.move(first, Event.dispute_opened)
        facts = {
            "fact": {"actor": {"id": "officer-4"}, "outcome": "ours", "police_document": {"sha256": "0" * 64}},
            "first_decider": "officer-3",
        }
        async with connection_of(play.pool) as rival, connection_of(play.pool) as ours:
            transaction = rival.transaction()
            await transaction.start()
            answer = await do(rival, play, first, Effect.settle_ours, **facts)
            assert [told["event"] for told in answer["neighbours"]] == ["dispute_lost"]
            settling = asyncio.create_task(refusal(ours, play, second, Effect.settle_ours, **facts))
            await somebody_waits(play)
            await transaction.commit()
            assert await settling == "DISPUTE_LOST"
        assert await play.value("SELECT decided_in FROM disputes") == first.case_id


class TestATurn:
    async def waiting(self, connection: Connection, play: Play, state: CaseState) -> bool:
        answer = await connection.fetchval(
            "SELECT wait_for_turn($1, $2, $3, $4)", state.opening.person, state.case_id, state.generation, play.at
        )
        assert isinstance(answer, bool)
        return answer

    async def pair(self, play: Play) -> tuple[CaseState, CaseState]:
        """A replacement, and a change of the same person that has the turn."""
        person = insured(number=NUMBER)
        await play.load(person)
        replacement = await play.received(play.replacement(person, ReplacementReason.expired))
        return replacement, await play.applying(play.change(person, OTHER, documents=CERTIFIED))

    async def test_is_waited_for_only_while_another_case_has_it(self, play: Play) -> None:
        replacement, change = await self.pair(play)
        async with connection_of(play.pool) as connection:
            assert await self.waiting(connection, play, replacement)
            assert await self.waiting(connection, play, replacement)
            assert not await self.waiting(connection, play, change)
            assert await play.value("SELECT array_agg(case_id) FROM turn_waiters") == [replacement.case_id]
            answer = await do(connection, play, change, Effect.yield_turn)
            told = {"case_id": replacement.case_id, "event": "turn_free", "because_of": change.case_id}
            assert answer == {"neighbours": [told]}
            assert not await self.waiting(connection, play, replacement)
        assert await play.value("SELECT count(*) FROM turn_waiters") == 0

    async def test_that_is_given_back_is_told_to_who_came_on_the_list_just_before(self, play: Play) -> None:
        replacement, change = await self.pair(play)
        async with connection_of(play.pool) as waiter, connection_of(play.pool) as yielding:
            transaction = waiter.transaction()
            await transaction.start()
            assert await self.waiting(waiter, play, replacement)
            yielded = asyncio.create_task(do(yielding, play, change, Effect.yield_turn))
            await somebody_waits(play)
            await transaction.commit()
            assert [told["case_id"] for told in (await yielded)["neighbours"]] == [replacement.case_id]

    async def test_that_was_given_back_in_the_meantime_is_not_waited_for(self, play: Play) -> None:
        replacement, change = await self.pair(play)
        async with connection_of(play.pool) as waiter, connection_of(play.pool) as yielding:
            transaction = yielding.transaction()
            await transaction.start()
            assert await do(yielding, play, change, Effect.yield_turn) == {}
            waiting = asyncio.create_task(self.waiting(waiter, play, replacement))
            await somebody_waits(play)
            await transaction.commit()
            assert not await waiting


async def test_a_case_that_follows_the_register_is_told_where_no_number_is_in_force(play: Play) -> None:
    person = insured()
    await play.load(person)
    state = await play.reviewed(play.change(person))
    async with connection_of(play.pool) as connection:
        number = await play.value("SELECT id FROM numbers")
        assert await do(connection, play, state, Effect.follow_register) == {"replaces_number_id": number}
        await play.write("UPDATE numbers SET state = 'revoked'")
        assert await do(connection, play, state, Effect.follow_register) == {"replaces_number_id": None}


async def test_a_rung_that_fires_is_on_record_as_it_was_promised(play: Play) -> None:
    person = insured()
    await play.load(person)
    state = await play.reviewed(play.change(person))
    promised = {"rung": 3, "cause": "step", "clock": 2, "rung_due_at": "2026-03-02T08:00:00+08:00"}
    async with connection_of(play.pool) as connection:
        assert await do(connection, play, state, Effect.escalate, **promised) == {}
        early = promised | {"rung": 4, "rung_due_at": "2026-03-03T08:00:00+08:00"}
        with pytest.raises(asyncpg.CheckViolationError):
            await do(connection, play, state, Effect.escalate, **early)
    (row,) = await play.rows("SELECT case_id, rung, cause, clock, due_at, fired_at FROM rungs")
    assert tuple(row) == (state.case_id, 3, "step", 2, datetime(2026, 3, 2, tzinfo=UTC), play.at)


@pytest.mark.parametrize("reason", ["id_number", "card"])
async def test_a_hold_is_lifted_only_where_none_is_left_for_the_reason(
    play: Play, reason: Literal["id_number", "card"]
) -> None:
    person = insured(benefit_holds=(HELD.model_copy(update={"reason": reason}),))
    await play.load(person)
    state = await play.received(play.change(person))
    async with connection_of(play.pool) as connection:
        if reason == "id_number":
            assert await refusal(connection, play, state, Effect.assert_no_benefit_held) == "BENEFIT_STILL_HELD"
            await play.write("UPDATE benefit_holds SET state = 'released', released_at = now()")
        assert await do(connection, play, state, Effect.assert_no_benefit_held) == {}


async def test_an_unknown_way_to_offer_a_replacement_is_no_way(play: Play) -> None:
    person = insured()
    await play.load(person)
    state = await play.committed(play.change(person))
    async with connection_of(play.pool) as connection:
        with pytest.raises(asyncpg.CaseNotFoundError):
            await do(connection, play, state, Effect.offer_replacement, offers_replacement="forget")
        # A way that there is, is taken once.
        for answer in ({"notify": "offered"}, {}):
            assert await do(connection, play, state, Effect.offer_replacement, offers_replacement="offer") == answer


class TestWhatACaseMayBeTold:
    async def test_is_a_dispute_only_while_it_is_a_party_of_one(self, play: Play) -> None:
        first, second = await two_applicants(play)
        bystander = insured()
        await play.load(bystander)
        other = await play.reviewed(play.change(bystander))
        assert await may_be_told(play, first, Event.dispute_opened)
        assert not await may_be_told(play, other, Event.dispute_opened)
        await play.move(second, Event.withdraw, Withdraw(actor=CLERK))
        assert not await may_be_told(play, first, Event.dispute_opened)

    async def test_is_no_end_of_a_dispute_that_is_open(self, play: Play) -> None:
        for state in await two_applicants(play):
            for event in (Event.dispute_won, Event.dispute_lost, Event.dispute_lapsed):
                assert not await may_be_told(play, state, event)

    @pytest.mark.parametrize(
        ("outcome", "event"),
        [
            (DisputeOutcome.ours, Event.dispute_lost),
            (DisputeOutcome.both_change, Event.dispute_lost),
            (DisputeOutcome.theirs, Event.dispute_won),
        ],
    )
    async def test_is_how_the_other_case_decided(self, play: Play, outcome: DisputeOutcome, event: Event) -> None:
        first, second = await two_applicants(play)
        first = await play.move(first, Event.dispute_opened)
        second = await decided(play, second, outcome)
        for candidate in (Event.dispute_won, Event.dispute_lost):
            assert await may_be_told(play, first, candidate) is (candidate is event)
            assert not await may_be_told(play, second, candidate)

    async def test_is_no_victory_while_a_third_person_disputes_the_number(self, play: Play) -> None:
        first, second = await two_applicants(play)
        first = await play.move(first, Event.dispute_opened)
        person = insured()
        await play.load(person)
        third = await play.move(await play.received(play.change(person, NUMBER, documents=CERTIFIED)), Event.screened)
        await decided(play, second, DisputeOutcome.theirs)
        assert not await may_be_told(play, first, Event.dispute_won)
        await decided(play, third, DisputeOutcome.theirs)
        assert await may_be_told(play, first, Event.dispute_won)

    async def test_is_neither_won_nor_lapsed_for_who_has_lost_once(self, play: Play) -> None:
        first, second = await two_applicants(play)
        first = await play.move(first, Event.dispute_opened)
        person = insured()
        await play.load(person)
        third = await play.move(await play.received(play.change(person, NUMBER, documents=CERTIFIED)), Event.screened)
        await decided(play, second, DisputeOutcome.ours)
        await play.move(third, Event.withdraw, Withdraw(actor=CLERK))
        assert await may_be_told(play, first, Event.dispute_lost)
        assert not await may_be_told(play, first, Event.dispute_won)
        assert not await may_be_told(play, first, Event.dispute_lapsed)

    async def test_is_not_what_an_earlier_generation_lost(self, play: Play) -> None:
        first, second = await two_applicants(play)
        first = await play.move(first, Event.dispute_opened)
        await decided(play, second, DisputeOutcome.ours)
        lost = await play.move(first, Event.dispute_lost)
        assert lost.status is Status.rejected
        again = lost.model_copy(update={"generation": 2})
        await play.write(
            "INSERT INTO cases SELECT (jsonb_populate_record(cases, $2)).* FROM cases WHERE case_id = $1",
            lost.case_id,
            json.dumps({"generation": 2, "closed_at": None}),
        )
        play.tampered = True
        assert await may_be_told(play, lost, Event.dispute_lost)
        assert not await may_be_told(play, again, Event.dispute_lost)

    async def test_is_that_a_dispute_lapsed_once_the_other_has_left(self, play: Play) -> None:
        first, second = await two_applicants(play)
        await play.move(second, Event.withdraw, Withdraw(actor=CLERK))
        assert await may_be_told(play, first, Event.dispute_lapsed)
        assert not await may_be_told(play, first, Event.dispute_won)

    async def test_is_a_changed_number_once_the_one_in_force_has_18_digits(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        waiting = await play.received(play.replacement(person, ReplacementReason.expired))
        change = await play.applying(play.change(person))
        assert not await may_be_told(play, waiting, Event.number_changed)
        await play.move(change, Event.commit)
        assert await may_be_told(play, waiting, Event.number_changed)

    async def test_is_a_changed_number_once_nobody_changes_it_any_more(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        waiting = await play.received(play.replacement(person, ReplacementReason.expired))
        change = await play.reviewed(play.change(person))
        assert not await may_be_told(play, waiting, Event.number_changed)
        await play.move(change, Event.withdraw, Withdraw(actor=CLERK))
        assert await may_be_told(play, waiting, Event.number_changed)

    async def test_is_a_free_turn_while_no_other_case_has_it(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        waiting = await play.received(play.replacement(person, ReplacementReason.expired))
        change = await play.applying(play.change(person))
        assert not await may_be_told(play, waiting, Event.turn_free)
        assert await may_be_told(play, change, Event.turn_free)
        await play.move(change, Event.withdraw, Withdraw(actor=CLERK))
        assert await may_be_told(play, waiting, Event.turn_free)

    async def test_is_a_lifted_hold_once_none_is_left_for_the_reason(self, play: Play) -> None:
        person = insured(benefit_holds=(HELD, HELD.model_copy(update={"reason": "card"})))
        await play.load(person)
        state = await play.received(play.change(person))
        assert not await may_be_told(play, state, Event.benefits_lifted)
        await play.write("UPDATE benefit_holds SET state = 'released', released_at = now() WHERE reason = 'id_number'")
        assert await may_be_told(play, state, Event.benefits_lifted)

    async def test_is_nothing_else(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.reviewed(play.change(person))
        for event in set(Event) - NEIGHBOURS_EVENTS:
            assert not await may_be_told(play, state, event)


async def test_a_transition_writes_every_column_that_the_row_of_a_case_shows(play: Play) -> None:
    source = await play.value("SELECT prosrc FROM pg_proc WHERE proname = 'make_transition'")
    person = insured()
    await play.load(person)
    shown = play.registry._row(Copy.of(await play.reviewed(play.change(person))))
    missing = {column for column in (*shown, "closed_at") if f" {column} = final.{column}" not in source}
    assert missing == set()
