"""Two people, one number. All persons, names and numbers are synthetic."""

from dataclasses import dataclass

from cases.errors import Code
from cases.events import Event
from cases.facts import DisputeOutcome, ResolveDispute, Withdraw
from cases.machines.machine import Status
from cases.state import CaseState
from cases.steps import Neighbour
from tests.activities.play import CERTIFICATE, CERTIFIED, CLERK, FOURTH, SOUTH, THIRD, Play, eighteen, insured

NUMBER = eighteen("11010519491231004")


@dataclass
class Parties:
    """Two applicants for one number: the first came first, the second opened the dispute."""

    first: CaseState
    second: CaseState


async def two_applicants(play: Play, number: str = NUMBER) -> Parties:
    one, two = insured(), insured()
    await play.load(one, two)
    first = await play.reviewed(play.change(one, number, documents=CERTIFIED))
    second = await play.received(play.change(two, number, documents=CERTIFIED))
    play.told.clear()
    second = await play.move(second, Event.screened)
    assert second.status is Status.disputed
    return Parties(first, second)


async def applicant_and_holder(play: Play) -> CaseState:
    person = insured()
    await play.load(person, insured(number=NUMBER))
    return await play.move(await play.received(play.change(person, NUMBER, documents=CERTIFIED)), Event.screened)


def decision(outcome: DisputeOutcome) -> ResolveDispute:
    return ResolveDispute(actor=FOURTH, outcome=outcome, police_document=CERTIFICATE)


async def decided(play: Play, state: CaseState, outcome: DisputeOutcome) -> CaseState:
    first = decision(outcome)
    state = await play.move(state, Event.resolve_dispute, first)
    assert state.status is Status.disputed
    play.told.clear()
    return await play.move(state, Event.resolve_dispute, first.model_copy(update={"actor": THIRD}))


async def states_of_dispute(play: Play) -> list[str]:
    return [row["state"] for row in await play.rows("SELECT state FROM disputes ORDER BY id")]


class TestOpening:
    async def test_puts_both_people_on_record_and_tells_the_rivals_case(self, play: Play) -> None:
        parties = await two_applicants(play)
        (row,) = await play.rows("SELECT * FROM disputes")
        assert (row["case_id"], row["rival_case_id"]) == (parties.second.case_id, parties.first.case_id)
        assert row["state"] == "open"
        told = Neighbour(case_id=parties.first.case_id, event=Event.dispute_opened, because_of=parties.second.case_id)
        assert play.told == [told]
        assert parties.second.related == parties.first.case_id

    async def test_is_not_repeated_by_the_rival(self, play: Play) -> None:
        parties = await two_applicants(play)
        first = await play.move(parties.first, Event.dispute_opened)
        assert first.status is Status.disputed
        assert len(await play.rows("SELECT * FROM disputes")) == 1

    async def test_with_a_holder_without_a_case_tells_nobody(self, play: Play) -> None:
        state = await applicant_and_holder(play)
        assert play.told == []
        assert state.related is None
        (row,) = await play.rows("SELECT rival_person_id, rival_case_id FROM disputes")
        assert row["rival_person_id"] is not None
        assert row["rival_case_id"] is None

    async def test_with_everyone_who_has_or_wants_the_number(self, play: Play) -> None:
        parties = await two_applicants(play)
        third_person = insured()
        await play.load(third_person, insured(number=NUMBER))
        play.told.clear()
        await play.move(await play.received(play.change(third_person, NUMBER, documents=CERTIFIED)), Event.screened)
        assert len(await play.rows("SELECT * FROM disputes")) == 4
        assert {neighbour.case_id for neighbour in play.told} == {parties.first.case_id, parties.second.case_id}

    async def test_where_nobody_has_it_any_more_waits_for_two_officers_all_the_same(self, play: Play) -> None:
        person = insured()
        await play.load(person, insured(number=NUMBER))
        state = await play.received(play.change(person, NUMBER, documents=CERTIFIED))
        await play.write("UPDATE numbers SET state = 'revoked', valid_to = now() WHERE digits = 18")
        state = await play.move(state, Event.screened)
        assert [row["rival_person_id"] for row in await play.rows("SELECT rival_person_id FROM disputes")] == [None]
        state = await decided(play, state, DisputeOutcome.ours)
        assert (state.status, await states_of_dispute(play)) == (Status.in_review, ["settled"])

    async def test_follows_a_number_that_was_taken_during_the_review(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await play.verified(play.change(person, NUMBER, documents=CERTIFIED))
        await play.load(insured(number=NUMBER))
        event, state = await play.instead(state, Event.apply)
        assert (event, state.last_error) == (Event.number_taken, Code.NUMBER_TAKEN)
        assert (state.status, await states_of_dispute(play)) == (Status.disputed, ["open"])


class TestSettling:
    async def test_for_us_takes_the_number_from_its_holder_and_lets_us_have_it(self, play: Play) -> None:
        state = await decided(play, await applicant_and_holder(play), DisputeOutcome.ours)
        assert state.status is Status.in_review
        assert await play.value("SELECT state FROM numbers WHERE digits = 18") == "revoked"
        (row,) = await play.rows("SELECT * FROM disputes")
        assert (row["state"], row["outcome"], row["document"]) == ("settled", "ours", CERTIFICATE.sha256)
        assert (row["first_decider"], row["second_decider"]) == (FOURTH.id, THIRD.id)
        (event,) = await play.rows("SELECT kind, target, person FROM events WHERE kind = 'number_revoked'")
        assert event["person"] != state.opening.person
        state = await play.committed(state)
        assert await play.value("SELECT count(*) FROM numbers WHERE state = 'living' AND digits = 18") == 1

    async def test_for_us_tells_the_rivals_case_that_it_lost(self, play: Play) -> None:
        parties = await two_applicants(play)
        first = await play.move(parties.first, Event.dispute_opened)
        await decided(play, parties.second, DisputeOutcome.ours)
        assert [(told.case_id, told.event) for told in play.told] == [(first.case_id, Event.dispute_lost)]
        lost = await play.move(first, Event.dispute_lost)
        assert (lost.status, lost.ended_because) == (Status.rejected, "DISPUTE_LOST")

    async def test_for_them_leaves_the_number_and_tells_them(self, play: Play) -> None:
        parties = await two_applicants(play)
        first = await play.move(parties.first, Event.dispute_opened)
        ours = await decided(play, parties.second, DisputeOutcome.theirs)
        assert ours.status is Status.rejected
        assert [(told.case_id, told.event) for told in play.told] == [(first.case_id, Event.dispute_won)]
        won = await play.committed(await play.move(first, Event.dispute_won))
        assert won.committed

    async def test_for_neither_takes_the_number_from_both(self, play: Play) -> None:
        state = await decided(play, await applicant_and_holder(play), DisputeOutcome.both_change)
        assert state.status is Status.rejected
        assert await play.value("SELECT state FROM numbers WHERE digits = 18") == "revoked"

    async def test_can_be_done_from_the_rivals_side(self, play: Play) -> None:
        parties = await two_applicants(play)
        first = await play.move(parties.first, Event.dispute_opened)
        first = await decided(play, first, DisputeOutcome.ours)
        assert first.status is Status.in_review
        assert [(told.case_id, told.event) for told in play.told] == [(parties.second.case_id, Event.dispute_lost)]
        (row,) = await play.rows("SELECT decided_in, outcome FROM disputes")
        assert tuple(row) == (first.case_id, "ours")


class TestLeaving:
    async def test_lets_the_dispute_lapse_and_tells_the_other(self, play: Play) -> None:
        parties = await two_applicants(play)
        first = await play.move(parties.first, Event.dispute_opened)
        play.told.clear()
        await play.move(parties.second, Event.withdraw, Withdraw(actor=CLERK))
        assert [(told.case_id, told.event) for told in play.told] == [(first.case_id, Event.dispute_lapsed)]
        assert await states_of_dispute(play) == ["lapsed"]
        assert (await play.move(first, Event.dispute_lapsed)).status is Status.in_review

    async def test_tells_nobody_who_is_still_in_another_dispute(self, play: Play) -> None:
        parties = await two_applicants(play)
        person = insured()
        await play.load(person)
        third = await play.move(await play.received(play.change(person, NUMBER, documents=CERTIFIED)), Event.screened)
        play.told.clear()
        await play.move(parties.second, Event.withdraw, Withdraw(actor=CLERK))
        assert play.told == []
        await play.move(third, Event.withdraw, Withdraw(actor=CLERK))
        assert [told.case_id for told in play.told] == [parties.first.case_id]

    async def test_of_a_case_without_a_dispute_changes_nothing(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        await play.move(await play.reviewed(play.change(person)), Event.withdraw, Withdraw(actor=CLERK))
        assert play.told == []
        assert await states_of_dispute(play) == []

    async def test_makes_a_second_officer_look_although_the_rival_is_gone(self, play: Play) -> None:
        person, rival = insured(), insured()
        await play.load(person, rival)
        leaving = await play.reviewed(play.change(rival, NUMBER, documents=CERTIFIED))
        state = play.change(person, NUMBER, documents=CERTIFIED)
        state = await play.move(await play.received(state), Event.screened)
        await play.move(leaving, Event.withdraw, Withdraw(actor=CLERK))
        state = await play.verified(await play.move(state, Event.dispute_lapsed))
        assert state.approver == THIRD.id


async def test_a_holder_who_changes_to_another_number_lets_the_dispute_lapse(play: Play) -> None:
    """Chains: one person changes from B to C, another wants B."""
    holder, person = insured(number=NUMBER, region=SOUTH), insured()
    await play.load(holder, person)
    leaving = await play.reviewed(play.change(holder, eighteen("11010519491231005"), documents=CERTIFIED))
    waiting = await play.move(await play.received(play.change(person, NUMBER, documents=CERTIFIED)), Event.screened)
    assert waiting.status is Status.disputed
    leaving = await play.committed(leaving)
    play.told.clear()
    await play.move(await play.move(leaving, Event.unblock), Event.release)
    assert [(told.case_id, told.event) for told in play.told] == [(waiting.case_id, Event.dispute_lapsed)]
    state = await play.committed(await play.move(waiting, Event.dispute_lapsed))
    assert state.committed
