"""Benefits that are withheld, and claims that wait. All persons, names and numbers are synthetic."""

from datetime import date

import asyncpg
import pytest

from activities.registry.loading import BenefitHold, Claim
from cases.errors import Code
from cases.events import Event
from cases.facts import Hold, HoldBenefits, HoldReason, ReleaseBenefits, Repair, RepairAction
from cases.machines.machine import Status
from cases.openings import ReplacementReason
from cases.state import CaseState
from tests.activities.play import CLERK, NOON, OPERATOR, SOUTH, THIRD, Play, eighteen, insured

NUMBER = eighteen("11010519491231004")
BASIS = "示例办法第一条"
HELD = BenefitHold(
    reason="id_number", notice="N-1", served_on=NOON.date(), legal_basis=BASIS, officer="officer-3", held_at=NOON
)
WARNED = BenefitHold(reason="id_number", state="warned", notice="N-1", served_on=NOON.date())
RETRY = Repair(actor=OPERATOR, action=RepairAction.retry, evidence="E-1")
DECISION = HoldBenefits(actor=THIRD, legal_basis=BASIS, notice="N-2", served_on=date(2026, 8, 1))
CLAIMS = (
    Claim(reference="claim-1", scheme="medical", amount_fen=100, suspended_for="id_number"),
    Claim(reference="claim-2", scheme="medical", amount_fen=200, suspended_for="id_number"),
    Claim(reference="claim-3", scheme="pension", amount_fen=300, suspended_for="id_number"),
    Claim(reference="claim-4", scheme="medical", amount_fen=400, suspended_for="card"),
    Claim(reference="claim-5", scheme="medical", amount_fen=500, state="paid"),
)


async def holds(play: Play) -> list[tuple[str, str | None]]:
    rows = await play.rows("SELECT state, released_by FROM benefit_holds ORDER BY id")
    return [(row["state"], row["released_by"]) for row in rows]


async def waiting_for_documents(play: Play, *existing: BenefitHold) -> CaseState:
    """A case that still waits for documents when the campaign is over."""
    person = insured(benefit_holds=existing)
    await play.load(person)
    state = await play.received(play.change(person, documents=()))
    state = await play.move(state, Event.screened)
    play.later(days=200)
    return state


class TestHolding:
    @pytest.mark.parametrize("existing", [(), (WARNED,), (HELD,)], ids=["nothing", "a warning", "a hold"])
    async def test_is_a_named_officers_decision_with_basis_and_notice(
        self, play: Play, existing: tuple[BenefitHold, ...]
    ) -> None:
        state = await waiting_for_documents(play, *existing)
        state = await play.move(state, Event.hold_benefits, DECISION)
        (row,) = await play.rows("SELECT * FROM benefit_holds")
        assert (row["state"], row["officer"], row["legal_basis"]) == ("held", THIRD.id, BASIS)
        assert (row["notice"], row["served_on"], row["held_at"]) == ("N-2", DECISION.served_on, play.at)
        assert (row["case_id"], row["reason"]) == (state.case_id, "id_number")

    async def test_ends_by_decision(self, play: Play) -> None:
        state = await waiting_for_documents(play)
        state = await play.move(state, Event.hold_benefits, DECISION)
        await play.move(state, Event.release_benefits, ReleaseBenefits(actor=THIRD, legal_basis=BASIS))
        assert await holds(play) == [("released", THIRD.id)]

    async def test_cannot_be_ended_twice(self, play: Play) -> None:
        state = await waiting_for_documents(play)
        state = await play.move(state, Event.hold_benefits, DECISION)
        await play.write("UPDATE benefit_holds SET state = 'released', released_at = now()")
        released = ReleaseBenefits(actor=THIRD, legal_basis=BASIS)
        assert await play.refusal(state, Event.release_benefits, released) is Code.BENEFITS_NOT_HELD

    async def test_ends_by_itself_while_the_case_is_on_hold(self, play: Play) -> None:
        state = await waiting_for_documents(play)
        state = await play.move(state, Event.hold_benefits, DECISION)
        state = await play.move(
            state, Event.hold, Hold(actor=CLERK, reason=HoldReason.waiting_for_id_card, evidence="E-1")
        )
        assert state.status is Status.on_hold
        assert await holds(play) == [("released", None)]

    @pytest.mark.parametrize(
        "columns",
        [
            {"legal_basis": None},
            {"notice": None},
            {"served_on": None},
            {"officer": None},
            {"held_at": None},
        ],
        ids=lambda columns: next(iter(columns)),
    )
    async def test_without_basis_officer_or_served_notice_is_refused_by_the_database(
        self, play: Play, columns: dict[str, None]
    ) -> None:
        await play.load(insured(benefit_holds=(HELD,)))
        (column,) = columns
        with pytest.raises(asyncpg.CheckViolationError):
            await play.write(f"UPDATE benefit_holds SET {column} = NULL")  # noqa: S608 - a column of the table above


class TestUnblocking:
    async def test_lifts_holds_and_warnings_and_requeues_every_claim_of_this_reason(self, play: Play) -> None:
        person = insured(region=SOUTH, benefit_holds=(HELD,), claims=CLAIMS)
        await play.load(person)
        state = await play.move(await play.committed(play.change(person)), Event.unblock)
        assert await holds(play) == [("released", None)]
        rows = await play.rows("SELECT state, requeued_by FROM claims ORDER BY amount_fen")
        assert [row["state"] for row in rows] == ["queued", "queued", "queued", "suspended", "paid"]
        assert [row["requeued_by"] for row in rows] == [state.case_id] * 3 + [None] * 2
        told = await play.rows("SELECT target, subject FROM events WHERE kind = 'claim_requeued' ORDER BY subject")
        assert sorted(row["target"] for row in told) == ["medical", "medical", "pension"]
        assert len({row["subject"] for row in told}) == 3

    @pytest.mark.parametrize(
        "still",
        [
            "UPDATE claims SET state = 'suspended' WHERE scheme = 'pension'",
            (
                "INSERT INTO benefit_holds "
                "(person_id, reason, state, legal_basis, notice, served_on, officer, held_at) "
                "SELECT id, 'id_number', 'held', 'basis', 'N-3', now(), 'officer-4', now() FROM persons"
            ),
        ],
        ids=["a claim", "a hold"],
    )
    async def test_is_asserted_before_the_case_is_done(self, play: Play, still: str) -> None:
        person = insured(region=SOUTH, claims=CLAIMS)
        await play.load(person)
        state = await play.move(await play.committed(play.change(person)), Event.unblock)
        await play.write(still)
        event, state = await play.instead(state, Event.release)
        assert (event, state.status, state.stuck) == (Event.stuck, Status.releasing, True)
        assert state.last_error is Code.BENEFIT_STILL_HELD
        assert await play.value("SELECT closed_at FROM cases") is None
        assert await play.rows("SELECT * FROM notifications WHERE template = 'IdNumberChange.done'") == []
        # Nor is it asked for again before an operator has looked.
        assert await play.refusal(state, Event.release) is Code.EVENT_NOT_ALLOWED
        state = await play.move(state, Event.repair, RETRY)
        state = await play.move(state, Event.unblock)
        assert (await play.move(state, Event.release)).status is Status.done

    async def test_by_a_new_card_requeues_what_waited_for_the_card(self, play: Play) -> None:
        person = insured(number=NUMBER, claims=CLAIMS)
        await play.load(person)
        state = await play.active(play.replacement(person, ReplacementReason.expired), person, "CARDNEW1")
        state = await play.move(await play.move(state, Event.switch_cards), Event.close_old)
        assert state.status is Status.done
        states = [row["state"] for row in await play.rows("SELECT state FROM claims ORDER BY amount_fen")]
        assert states == ["suspended", "suspended", "suspended", "queued", "paid"]
