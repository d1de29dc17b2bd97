"""What an ID-number change does to the register. All persons, names and numbers are synthetic."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from activities.registry import Registry
from activities.registry.loading import HeldCard
from cases.errors import Code
from cases.events import Event
from cases.facts import ConfirmDownstream, Fact, Repair, RepairAction, Withdraw
from cases.machines.machine import Status
from cases.models import Role, System
from cases.numbers import derive
from cases.openings import ReplacementReason
from cases.state import CaseState
from cases.steps import Neighbour, StepRequest
from tests.activities.play import CERTIFIED, CLERK, OPERATOR, SECOND, SOUTH, Play, eighteen, insured, staff
from tests.scenes import PUBLICATION

NEW = eighteen("11010519491231004")


def confirmation(system: System, *, confirmed: bool = True) -> ConfirmDownstream:
    actor = staff(f"system-{system.value.replace('_', '-')}", Role(system.value))
    return ConfirmDownstream(actor=actor, system=system, confirmed=confirmed, reference="R-1", publication=PUBLICATION)


def repair(action: RepairAction) -> Repair:
    return Repair(actor=OPERATOR, action=action, evidence="E-1")


async def numbers_of(play: Play, state: CaseState) -> list[tuple[str, int]]:
    rows = await play.rows(
        "SELECT state, digits FROM numbers WHERE person_id = (SELECT id FROM persons WHERE token = $1) ORDER BY id",
        state.opening.person,
    )
    return [(row["state"], row["digits"]) for row in rows]


async def events_of(play: Play, step: str) -> set[tuple[str, str]]:
    rows = await play.rows("SELECT kind, target FROM events WHERE step = $1", step)
    return {(row["kind"], row["target"]) for row in rows}


class TestApply:
    async def test_reserves_the_number_and_takes_the_turn_and_a_snapshot(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        assert await numbers_of(play, state) == [("living", 15), ("reserved", 18)]
        assert await play.value("SELECT case_id FROM turns") == state.case_id
        assert len(await play.value("SELECT digest FROM entitlement_snapshots")) == 64

    async def test_is_refused_where_somebody_has_the_number_or_has_reserved_it(self, play: Play) -> None:
        first, second = insured(), insured()
        await play.load(first, second)
        waiting = await play.verified(play.change(first, NEW, documents=CERTIFIED))
        await play.load(insured(number=NEW))
        event, disputed = await play.instead(waiting, Event.apply)
        assert (event, disputed.status) == (Event.number_taken, Status.disputed)
        assert disputed.last_error is Code.NUMBER_TAKEN
        await nothing_of_apply(play, disputed)

    async def test_of_two_cases_at_once_gives_the_number_to_one(self, play: Play) -> None:
        first, second = insured(), insured()
        await play.load(first, second)
        states = [await play.verified(play.change(first, NEW, documents=CERTIFIED))]
        # The first is closed to the second's eyes while that is screened: only the constraint is left to tell.
        await play.write("UPDATE cases SET number_token = $1", play.sealer.number_token("0"))
        states.append(await play.verified(play.change(second, NEW, documents=CERTIFIED)))
        await play.write("UPDATE cases SET number_token = $1", states[0].opening.number_token)
        results = await asyncio.gather(*(play.ask(state, Event.apply) for state in states))
        assert sorted(made.event for result in results for made in result.moves) == [Event.apply, Event.number_taken]
        for state, result in zip(states, results, strict=True):
            after = result.applied_to(state)
            assert (after.status is Status.applying) is (result.moves[0].event is Event.apply)
            assert after.last_error is (None if after.status is Status.applying else Code.NUMBER_TAKEN)
        assert await play.value("SELECT count(*) FROM numbers WHERE state = 'reserved'") == 1
        assert await play.value("SELECT count(*) FROM turns") == 1

    async def test_waits_for_nobody_when_the_turn_is_the_cases_own(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        undone = await play.move(state, Event.withdraw, Withdraw(actor=CLERK))
        assert undone.status is Status.withdrawn
        again = await play.applying(play.change(person, reopen=True))
        assert await play.value("SELECT generation FROM turns") == again.generation


class TestCommit:
    async def test_puts_the_new_number_in_force_and_keeps_the_old_with_its_dates(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.committed(play.change(person))
        assert await numbers_of(play, state) == [("historic", 15), ("living", 18)]
        old, new = await play.rows("SELECT valid_from, valid_to FROM numbers ORDER BY id")
        assert old["valid_to"] == new["valid_from"] == play.today
        sealed = await play.value("SELECT sealed FROM numbers WHERE state = 'living'")
        assert sealed == state.opening.number

    async def test_marks_the_card_and_tells_the_register_and_every_system_of_the_policy(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.committed(play.change(person))
        assert state.status is Status.applying
        assert await play.value("SELECT printed_data_outdated FROM cards")
        assert await events_of(play, "commit.4") == {
            ("number_changed", target) for target in ("register", "medical_insurance", "pension", "bank")
        }

    async def test_where_one_database_serves_all_tells_the_register_and_yields_the_turn(self, play: Play) -> None:
        person = insured(region=SOUTH)
        await play.load(person)
        state = await play.committed(play.change(person))
        assert state.status is Status.updated
        assert await events_of(play, "commit.4") == {("number_changed", "register")}
        assert await play.rows("SELECT * FROM turns") == []

    async def test_is_refused_where_the_number_in_force_is_not_the_one_that_was_screened(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        await play.write("UPDATE numbers SET state = 'revoked', valid_to = now() WHERE state = 'living'")
        await is_screened_again(play, state)
        assert await numbers_of(play, state) == [("revoked", 15), ("revoked", 18)]

    async def test_is_refused_where_a_number_appeared_that_was_not_there(self, play: Play) -> None:
        person = insured(number=None)
        await play.load(person)
        state = await play.applying(play.change(person, NEW, documents=CERTIFIED))
        await play.write(
            "INSERT INTO numbers (person_id, token, sealed, digits, state) "
            "SELECT person_id, token, sealed, 15, 'living' FROM numbers"
        )
        await is_screened_again(play, state)
        assert await numbers_of(play, state) == [("revoked", 18), ("living", 15)]

    async def test_of_somebody_without_a_number_in_force_puts_the_first_in_force(self, play: Play) -> None:
        person = insured(number=None)
        await play.load(person)
        state = await play.committed(play.change(person, NEW, documents=CERTIFIED))
        assert await numbers_of(play, state) == [("living", 18)]

    async def test_is_refused_where_the_reservation_is_gone(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        await play.write("UPDATE numbers SET state = 'revoked', valid_to = now() WHERE state = 'reserved'")
        await is_screened_again(play, state)
        assert await numbers_of(play, state) == [("living", 15), ("revoked", 18)]

    @pytest.mark.parametrize("where", ["documents", "verified_content", "number"])
    async def test_is_refused_for_anything_but_what_was_verified(self, play: Play, where: str) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        opening = state.opening
        forgeries: dict[str, dict[str, Any]] = {
            "documents": {"documents": CERTIFIED},
            "verified_content": {"verified_content": with_documents(state).content},
            "number": {"opening": opening.model_copy(update={"number_token": play.sealer.number_token(NEW)})},
        }
        forged = await play.put(state.model_copy(update=forgeries[where]))
        event, after = await play.instead(forged, Event.commit)
        assert (event, after.status) == (Event.commit_refused, Status.in_review)
        assert (after.last_error, after.committed) == (Code.CONTENT_CHANGED, False)
        assert await numbers_of(play, state) == [("living", 15), ("revoked", 18)]
        assert await events_of(play, f"commit.{after.version}") == set()

    @pytest.mark.parametrize("where", ["documents", "verified_content", "number"])
    async def test_is_of_what_the_register_holds_whatever_a_request_says_besides(self, play: Play, where: str) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        told = state.model_dump(mode="json")
        changes: dict[str, dict[str, Any]] = {
            "documents": {"documents": [document.model_dump(mode="json") for document in CERTIFIED]},
            "verified_content": {"verified_content": with_documents(state).content},
            "number": {"opening": told["opening"] | {"number_token": play.sealer.number_token(NEW)}},
        }
        changed = changes[where]
        forged = play.request(state, Event.commit).model_dump(mode="json")
        forged |= changed | dict.fromkeys(("state", "before", "after"), told | changed)
        result = await play.registry.advance(StepRequest.model_validate(forged))
        after = result.applied_to(state)
        assert [made.event for made in result.moves] == [Event.commit]
        assert (after.documents, after.verified_content) == (state.documents, state.verified_content)
        assert await play.value("SELECT verified_content FROM cases") == state.verified_content
        living = await play.value("SELECT token FROM numbers WHERE state = 'living'")
        assert living == state.opening.number_token

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE contributions SET amount_fen = amount_fen + 1",
            "DELETE FROM contributions WHERE month = '2025-11-01'",
            "UPDATE contributions SET month = '2025-01-01' WHERE month = '2025-11-01'",
            "UPDATE balances SET amount_fen = amount_fen - 1",
        ],
    )
    async def test_is_refused_where_months_or_balances_are_not_what_they_were(self, play: Play, change: str) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        await play.write(change)
        event, after = await play.instead(state, Event.commit)
        assert (event, after.status) == (Event.commit_refused, Status.in_review)
        assert (after.last_error, after.committed) == (Code.DIGEST_DIFFERS, False)
        assert await numbers_of(play, state) == [("living", 15), ("revoked", 18)]
        assert await events_of(play, f"commit.{after.version}") == set()

    async def test_is_not_disturbed_by_what_was_posted_since(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.applying(play.change(person))
        await post(play, "2026-01-01")
        assert (await play.move(state, Event.commit)).committed

    async def test_is_not_disturbed_by_a_posting_that_was_under_way_during_the_snapshot(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.verified(play.change(person))
        async with play.pool.acquire() as elsewhere, elsewhere.transaction():
            await elsewhere.execute(POSTING, "2026-01-01")
            state = await play.move(state, Event.apply)
        assert (await play.move(state, Event.commit)).committed

    async def test_leaves_an_equal_digest_on_record(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        await play.committed(play.change(person))
        (snapshot,) = await play.rows("SELECT digest, digest_after, compared_at FROM entitlement_snapshots")
        assert snapshot["digest"] == snapshot["digest_after"]
        assert snapshot["compared_at"] == play.at


POSTING = (
    "INSERT INTO contributions (person_id, scheme, month, amount_fen) "
    "SELECT id, 'pension', $1::text::date, 80000 FROM persons"
)


async def post(play: Play, month: str) -> None:
    await play.write(POSTING, month)
    await play.write("INSERT INTO balances (person_id, scheme, amount_fen) SELECT id, 'medical', 1 FROM persons")


def with_documents(state: CaseState) -> CaseState:
    return state.model_copy(update={"documents": CERTIFIED})


async def nothing_of_apply(play: Play, state: CaseState) -> None:
    """Neither a reservation nor a turn nor a snapshot of a case."""
    assert await play.rows("SELECT * FROM numbers WHERE case_id = $1", state.case_id) == []
    assert await play.rows("SELECT * FROM turns WHERE case_id = $1", state.case_id) == []
    assert await play.rows("SELECT * FROM entitlement_snapshots WHERE case_id = $1", state.case_id) == []


async def is_screened_again(play: Play, state: CaseState) -> None:
    """A commit that finds another register than was screened: nothing of it is in effect."""
    event, after = await play.instead(state, Event.commit)
    assert (event, after.status) == (Event.register_changed, Status.screening)
    assert (after.last_error, after.committed, after.verifier) == (Code.REGISTER_CHANGED, False, None)
    assert await play.rows("SELECT * FROM events") == []
    assert await play.rows("SELECT * FROM turns") == []
    assert await play.rows("SELECT * FROM cards WHERE printed_data_outdated") == []
    living = await play.value("SELECT id FROM numbers WHERE state = 'living'")
    assert await play.value("SELECT replaces_number_id FROM cases") == living


async def commit_that_is_refused(play: Play, state: CaseState) -> CaseState:
    """The case after a commit for which a balance is not what it was."""
    await play.write(
        "UPDATE balances SET amount_fen = amount_fen - 1 FROM cases "
        "WHERE cases.case_id = $1 AND balances.person_id = cases.person_id",
        state.case_id,
    )
    event, after = await play.instead(state, Event.commit)
    assert event is Event.commit_refused
    return after


class TestUndoing:
    async def test_before_the_commit_gives_the_reservation_and_the_turn_back(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await commit_that_is_refused(play, await play.applying(play.change(person)))
        assert state.status is Status.in_review
        assert await numbers_of(play, state) == [("living", 15), ("revoked", 18)]
        assert await play.rows("SELECT * FROM turns") == []

    async def test_after_the_commit_brings_the_old_number_back_and_tells_everyone(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.committed(play.change(person))
        state = await play.move(state, Event.confirm_downstream, confirmation(System.bank, confirmed=False))
        assert (state.status, state.committed) == (Status.in_review, False)
        assert await numbers_of(play, state) == [("living", 15), ("revoked", 18)]
        assert not await play.value("SELECT printed_data_outdated FROM cards")
        assert await events_of(play, "confirm_downstream.5") == {
            ("number_change_undone", target) for target in ("register", "medical_insurance", "pension", "bank")
        }
        (living,) = await play.rows("SELECT valid_to, ended_by_case FROM numbers WHERE state = 'living'")
        assert tuple(living) == (None, None)

    async def test_leaves_a_card_outdated_that_was_so_before(self, play: Play) -> None:
        person = insured(cards=(HeldCard(card_number="CARD0001", printed_data_outdated=True),))
        await play.load(person)
        state = await play.committed(play.change(person))
        await play.move(state, Event.withdraw, Withdraw(actor=CLERK))
        assert await play.value("SELECT printed_data_outdated FROM cards")

    @pytest.mark.parametrize(
        ("event", "fact", "status", "code"),
        [
            (Event.confirm_downstream, confirmation(System.bank, confirmed=False), Status.repair, None),
            (Event.repair, repair(RepairAction.undo), Status.repair, Code.UNDO_IMPOSSIBLE),
            (Event.withdraw, Withdraw(actor=CLERK), Status.withdrawn, None),
        ],
    )
    async def test_that_cannot_be_made_is_on_record_and_what_was_told_is_judged_by_it(
        self, play: Play, event: Event, fact: Fact, status: Status, code: Code | None
    ) -> None:
        person = insured(number=NEW)
        await play.load(person)
        state = await play.committed(play.change(person, eighteen("11010519491231005"), documents=CERTIFIED))
        if event is Event.repair:
            state = await play.move(await play.asked(state), Event.confirmation_overdue)
        await play.load(insured(number=NEW))
        request = play.request(state, event, fact)
        result = await play.registry.advance(request)
        made = [Event.undo_failed, event] if code is None else [Event.undo_failed]
        assert ([each.event for each in result.moves], result.refused) == (made, code)
        after = result.applied_to(state)
        assert (after.status, after.undo_failed, after.committed) == (status, True, True)
        assert after.last_error is Code.UNDO_IMPOSSIBLE
        assert await numbers_of(play, state) == [("historic", 18), ("living", 18)]
        assert await play.value("SELECT count(*) FROM events WHERE kind = 'number_change_undone'") == 0
        if status is Status.withdrawn:
            assert after.remains == ("number_committed",)
            assert await play.rows("SELECT * FROM turns") == []

    async def test_that_could_not_be_made_may_be_tried_again_after_publishing_again(self, play: Play) -> None:
        person, other = insured(number=NEW), insured(number=NEW)
        await play.load(person)
        state = await play.committed(play.change(person, eighteen("11010519491231005"), documents=CERTIFIED))
        await play.load(other)
        refusal = confirmation(System.bank, confirmed=False)
        state = (await play.registry.advance(play.request(state, Event.confirm_downstream, refusal))).applied_to(state)
        state = await play.move(state, Event.repair, repair(RepairAction.retry))
        assert (state.status, state.undo_failed, state.last_error) == (Status.applying, False, None)
        await play.write(
            "UPDATE numbers SET state = 'revoked' FROM persons WHERE persons.id = person_id AND persons.token = $1",
            play.token(other),
        )
        state = await play.move(state, Event.confirm_downstream, refusal)
        assert (state.status, state.committed) == (Status.in_review, False)

    async def test_can_be_followed_by_another_try_that_succeeds(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.committed(play.change(person))
        state = await play.move(state, Event.confirm_downstream, confirmation(System.bank, confirmed=False))
        play.later(days=1)
        state = await play.committed(state)
        for system in System:
            state = await play.move(state, Event.confirm_downstream, confirmation(system))
        assert state.status is Status.updated
        assert await numbers_of(play, state) == [("historic", 15), ("revoked", 18), ("living", 18)]


class TestConfirmations:
    async def test_the_last_one_yields_the_turn(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.committed(play.change(person))
        for system in (System.pension, System.medical_insurance):
            state = await play.move(state, Event.confirm_downstream, confirmation(system))
            assert await play.value("SELECT count(*) FROM turns") == 1
        state = await play.move(state, Event.confirm_downstream, confirmation(System.bank))
        assert state.status is Status.updated
        assert await play.rows("SELECT * FROM turns") == []

    async def test_a_retry_tells_only_those_who_have_not_confirmed(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.committed(play.change(person))
        state = await play.move(state, Event.confirm_downstream, confirmation(System.pension))
        state = await play.move(await play.asked(state), Event.confirmation_overdue)
        assert state.status is Status.repair
        state = await play.move(state, Event.repair, repair(RepairAction.retry))
        assert state.status is Status.applying
        assert await events_of(play, f"repair.{state.version}") == {
            ("number_changed", "medical_insurance"),
            ("number_changed", "bank"),
        }


class TestTheTurn:
    async def test_is_told_to_a_replacement_that_waits_for_it(self, play: Play) -> None:
        person = insured(number=NEW)
        await play.load(person)
        replacement = await play.move(
            await play.received(play.replacement(person, ReplacementReason.expired)), Event.checked
        )
        replacement = await play.verified(replacement)
        other = eighteen("11010519491231005")
        change = await play.applying(play.change(person, other, documents=CERTIFIED))
        assert await play.refusal(replacement, Event.order_card) is Code.PERSON_BUSY
        assert await play.refusal(replacement, Event.order_card) is Code.PERSON_BUSY
        assert await play.value("SELECT case_id FROM turn_waiters") == replacement.case_id
        play.told.clear()
        await commit_that_is_refused(play, change)
        assert play.told == [Neighbour(case_id=replacement.case_id, event=Event.turn_free, because_of=change.case_id)]
        assert await play.rows("SELECT * FROM turn_waiters") == []
        replacement = await play.move(replacement, Event.turn_free)
        assert (await play.move(replacement, Event.order_card)).status is Status.in_production

    async def test_that_becomes_free_between_refusal_and_waiting_is_taken_at_once(
        self, play: Play, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person = insured(number=NEW)
        await play.load(person)
        replacement = await play.move(
            await play.received(play.replacement(person, ReplacementReason.expired)), Event.checked
        )
        replacement = await play.verified(replacement)
        change = await play.applying(play.change(person, eighteen("11010519491231005"), documents=CERTIFIED))
        wait_for_turn = Registry._waits_for_turn
        asked_to_wait: list[CaseState] = []

        async def wait_after_the_turn_was_yielded(registry: Registry, state: CaseState, now: datetime) -> bool:
            asked_to_wait.append(state)
            await commit_that_is_refused(play, change)
            return await wait_for_turn(registry, state, now)

        monkeypatch.setattr(Registry, "_waits_for_turn", wait_after_the_turn_was_yielded)
        result = await play.ask(replacement, Event.order_card)
        assert [made.event for made in result.moves] == [Event.order_card]
        assert asked_to_wait == [replacement]
        assert await play.rows("SELECT * FROM turn_waiters") == []


class TestTheEnd:
    async def test_wakes_the_replacement_that_waited_for_the_number(self, play: Play) -> None:
        person = insured(region=SOUTH)
        await play.load(person)
        replacement = await play.received(
            play.replacement(person, ReplacementReason.data_changed, number=derive(str(person.number)))
        )
        replacement = await play.move(replacement, Event.checked)
        assert replacement.status is Status.on_hold
        change = await play.committed(play.change(person))
        change = await play.move(change, Event.unblock)
        play.told.clear()
        change = await play.move(change, Event.release)
        assert change.status is Status.done
        assert play.told == [
            Neighbour(case_id=replacement.case_id, event=Event.number_changed, because_of=change.case_id)
        ]
        assert await play.rows("SELECT * FROM events WHERE kind = 'replacement_wanted'") == []

    @pytest.mark.parametrize(("region", "opens"), [(SOUTH, True), ("110105", False)])
    async def test_offers_or_asks_for_a_new_card_as_the_policy_says(
        self,
        play: Play,
        region: str,
        opens: bool,  # noqa: FBT001 - a column of the table
    ) -> None:
        person = insured(region=region)
        await play.load(person)
        state = await released(play, await play.committed(play.change(person)))
        wanted = await play.rows("SELECT target FROM events WHERE kind = 'replacement_wanted'")
        templates = {row["template"] for row in await play.rows("SELECT template FROM notifications")}
        assert bool(wanted) is opens
        assert ("CardReplacement.offered" in templates) is not opens
        assert "IdNumberChange.done" in templates
        assert state.status is Status.done

    async def test_offers_nothing_to_somebody_without_a_card(self, play: Play) -> None:
        person = insured(cards=())
        await play.load(person)
        await released(play, await play.committed(play.change(person)))
        templates = {row["template"] for row in await play.rows("SELECT template FROM notifications")}
        assert templates == {"IdNumberChange.in_review", "IdNumberChange.done"}

    async def test_is_refused_while_months_or_balances_differ(self, play: Play) -> None:
        person = insured(region=SOUTH)
        await play.load(person)
        state = await play.move(await play.committed(play.change(person)), Event.unblock)
        await play.write("UPDATE balances SET amount_fen = 0")
        event, stuck = await play.instead(state, Event.release)
        assert (event, stuck.status, stuck.stuck) == (Event.stuck, Status.releasing, True)
        assert (stuck.last_error, stuck.attention) == (Code.DIGEST_DIFFERS, ("repair",))
        assert await play.value("SELECT closed_at FROM cases") is None
        assert await play.rows("SELECT * FROM notifications WHERE template = 'IdNumberChange.done'") == []


async def released(play: Play, state: CaseState) -> CaseState:
    for system in state.awaited:
        state = await play.move(state, Event.confirm_downstream, confirmation(system))
    return await play.move(await play.move(state, Event.unblock), Event.release)


async def test_a_message_to_the_applicant_names_the_case_and_nothing_else(play: Play) -> None:
    person = insured()
    await play.load(person)
    state = await play.move(await play.received(play.change(person, documents=())), Event.screened)
    assert state.status is Status.awaiting_documents
    (message,) = await play.rows("SELECT * FROM notifications")
    assert message["template"] == "IdNumberChange.awaiting_documents"
    assert (message["subject"], message["recipient"], message["event"]) == (state.case_id, "applicant", "1:screened.1")
    assert SECOND.id not in str(message)
