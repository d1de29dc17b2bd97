"""What a card replacement does to the register. All persons, names and numbers are synthetic."""

import pytest

from activities.registry.loading import HeldCard
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    CardFound,
    CardFunction,
    CardProduced,
    CardUnclaimed,
    ConfirmLoss,
    Repair,
    RepairAction,
    Withdraw,
)
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.openings import ReplacementReason
from cases.state import CaseState
from tests.activities.play import (
    BUREAU,
    CERTIFIED,
    CLERK,
    NORTH,
    OPERATOR,
    SECOND,
    SOUTH,
    Play,
    eighteen,
    insured,
)
from tests.scenes import IN_FORCE

NUMBER, OTHER = eighteen("11010519491231004"), eighteen("11010519491231005")
WITNESS = Actor(id="clerk-9", role=Role.clerk, office=NORTH)


async def codes(play: Play) -> list[str]:
    return [row["code"] for row in await play.rows("SELECT code FROM cards ORDER BY id")]


async def told(play: Play, step: str) -> set[tuple[str, str]]:
    rows = await play.rows("SELECT kind, target FROM events WHERE step = $1", step)
    return {(row["kind"], row["target"]) for row in rows}


async def lost(play: Play, region: str = NORTH, code: str = "1") -> CaseState:
    cards = (HeldCard(card_number="CARD0001", code=code, payment_authority=True),)  # type: ignore[arg-type] # a code
    person = insured(number=NUMBER, region=region, cards=cards)
    await play.load(person)
    state = await play.received(play.replacement(person, ReplacementReason.lost))
    state = await play.move(state, Event.checked)
    assert state.status is Status.temporarily_blocked
    return state


class TestALostCard:
    async def test_is_blocked_at_once_and_everyone_is_told(self, play: Play) -> None:
        await lost(play)
        assert await codes(play) == ["B"]
        assert await told(play, "checked.1") == {("card_blocked", "bank"), ("card_blocked", "card_bureau")}

    async def test_that_was_reported_formally_before_stays_as_it_is(self, play: Play) -> None:
        cards = (HeldCard(card_number="CARD0001", code="2"),)
        person = insured(number=NUMBER, cards=cards)
        await play.load(person)
        state = await play.received(play.replacement(person, ReplacementReason.lost))
        state = await play.move(state, Event.checked)
        assert (state.status, await codes(play)) == (Status.in_review, ["2"])
        assert await told(play, "checked.1") == set()

    async def test_works_again_when_it_is_found(self, play: Play) -> None:
        state = await play.move(await lost(play), Event.card_found, CardFound(actor=CLERK))
        assert (state.status, await codes(play)) == (Status.card_found, ["1"])
        assert await told(play, "card_found.2") == {("card_unblocked", "bank"), ("card_unblocked", "card_bureau")}

    async def test_is_lost_formally_and_can_be_found_where_the_region_undoes_that(self, play: Play) -> None:
        state = await play.move(await lost(play), Event.confirm_loss, ConfirmLoss(actor=CLERK, evidence="E-1"))
        assert await codes(play) == ["2"]
        state = await play.move(state, Event.checked)
        await play.move(state, Event.card_found, CardFound(actor=CLERK))
        assert await codes(play) == ["1"]

    @pytest.mark.parametrize(
        ("region", "code", "status"), [(NORTH, "1", Status.withdrawn), (SOUTH, "3", Status.checking)]
    )
    async def test_is_released_or_cancelled_when_the_report_expires_as_the_region_says(
        self, play: Play, region: str, code: str, status: Status
    ) -> None:
        state = await play.move(await lost(play, region), Event.loss_report_expired)
        assert (state.status, await codes(play)) == (status, [code])

    async def test_that_was_cancelled_can_still_be_replaced_but_never_comes_back(self, play: Play) -> None:
        state = await play.move(await lost(play, SOUTH), Event.loss_report_expired)
        assert await play.refusal(state, Event.card_found, CardFound(actor=CLERK)) is Code.UNDO_NOT_PERMITTED
        state = await play.move(state, Event.checked)
        assert await play.refusal(state, Event.card_found, CardFound(actor=CLERK)) is Code.UNDO_NOT_PERMITTED
        state = await play.verified(state)
        await play.move(state, Event.order_card)
        assert await codes(play) == ["3", "A"]

    async def test_that_was_cancelled_does_not_come_back_either_where_the_case_does_not_know_it(
        self, play: Play
    ) -> None:
        state = await play.move(await lost(play, SOUTH), Event.loss_report_expired)
        state = await play.move(state, Event.checked)
        state = await play.put(state.model_copy(update={"card_cancelled": False}))
        assert await play.refusal(state, Event.card_found, CardFound(actor=CLERK)) is Code.UNDO_NOT_PERMITTED
        assert await codes(play) == ["3"]

    async def test_of_somebody_without_a_card_blocks_nothing_and_waits_for_no_report(self, play: Play) -> None:
        person = insured(number=NUMBER, cards=())
        await play.load(person)
        state = await play.move(await play.received(play.replacement(person, ReplacementReason.lost)), Event.checked)
        assert (state.status, state.ended_because) == (Status.rejected, Code.PRECHECK_NOT_ALLOWED)
        assert await play.rows("SELECT * FROM events") == []


class TestAnOrder:
    async def test_makes_a_card_that_is_coming_and_asks_the_bureau_for_it(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        old, new = await play.rows("SELECT * FROM cards ORDER BY id")
        assert (old["code"], new["code"], new["in_production"], new["replaces"]) == ("1", "A", True, old["id"])
        assert (new["case_id"], new["number"]) == (state.case_id, None)
        (event,) = await play.rows("SELECT kind, target, subject FROM events")
        assert tuple(event) == ("card_ordered", "card_bureau", str(new["id"]))

    async def test_is_refused_where_a_card_is_coming_by_now(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.received(play.replacement(person, ReplacementReason.expired))
        state = await play.verified(await play.move(state, Event.checked))
        await play.write("INSERT INTO cards (person_id, code, in_production) SELECT id, 'A', true FROM persons")
        event, after = await play.instead(state, Event.order_card)
        assert (event, after.status, after.card_ordered) == (Event.order_refused, Status.checking, False)
        assert after.last_error is Code.PRECHECK_DUPLICATE
        assert await codes(play) == ["1", "A"]
        assert await play.rows("SELECT * FROM events") == []

    async def test_is_refused_where_the_card_to_replace_is_gone_by_now(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.received(play.replacement(person, ReplacementReason.expired))
        state = await play.verified(await play.move(state, Event.checked))
        await play.write("UPDATE cards SET code = '4'")
        event, after = await play.instead(state, Event.order_card)
        assert (event, after.status, after.stuck, after.card_ordered) == (Event.stuck, Status.ordered, True, False)
        assert (after.last_error, after.attention) == (Code.PRECHECK_NOT_ALLOWED, ("repair",))
        assert await codes(play) == ["4"]
        assert await play.rows("SELECT * FROM events") == []

    async def test_that_failed_is_repeated_until_the_case_goes_to_repair(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        failed = CardProduced(actor=BUREAU, produced=False, batch="B-1", order=IN_FORCE)
        failures = 0
        while state.status is Status.in_production:
            state = await play.move(state, Event.card_produced, failed)
            failures += 1
        assert state.status is Status.repair
        assert await play.value("SELECT count(*) FROM events WHERE kind = 'card_ordered'") == failures
        state = await play.move(state, Event.repair, Repair(actor=OPERATOR, action=RepairAction.retry, evidence="E-1"))
        assert await told(play, f"repair.{state.version}") == {("card_ordered", "card_bureau")}

    async def test_is_cancelled_with_the_case(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        state = await play.move(state, Event.withdraw, Withdraw(actor=CLERK))
        assert (state.status, await codes(play)) == (Status.withdrawn, ["1", "4"])
        assert await told(play, f"withdraw.{state.version}") == {("card_order_cancelled", "card_bureau")}

    async def test_that_was_cancelled_leaves_room_for_the_next(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        await play.move(state, Event.withdraw, Withdraw(actor=CLERK))
        await play.ordered(play.replacement(person, ReplacementReason.expired, reopen=True))
        assert await codes(play) == ["1", "4", "A"]


class TestProduction:
    async def test_gives_the_card_its_number_sealed(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        made = play.made(person, "CARDNEW1")
        state = await play.move(state, Event.card_produced, made)
        assert state.status is Status.ready
        (card,) = await play.rows("SELECT * FROM cards WHERE code = 'A'")
        assert (card["number"], card["number_token"], card["batch"]) == (made.card_number, made.card_token, "B-1")
        assert not card["in_production"]
        assert "CARDNEW1" not in str(await play.contents())

    async def test_is_refused_for_a_number_that_is_not_what_its_token_says(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        made = play.made(person, "CARDNEW1")
        wrong = made.model_copy(update={"card_token": play.sealer.number_token("CARDNEW2")})
        assert await play.refusal(state, Event.card_produced, wrong) is Code.PAYLOAD_INVALID
        elsewhere = made.model_copy(update={"card_number": play.made(insured(), "CARDNEW1").card_number})
        assert await play.refusal(state, Event.card_produced, elsewhere) is Code.PAYLOAD_INVALID

    async def test_is_refused_for_the_number_of_another_card(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        taken = play.made(person, person.cards[0].card_number)
        assert await play.refusal(state, Event.card_produced, taken) is Code.PAYLOAD_INVALID

    async def test_is_refused_where_the_order_is_gone(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        await play.write("UPDATE cards SET code = '4', in_production = false WHERE code = 'A'")
        assert await play.refusal(state, Event.card_produced, play.made(person, "CARDNEW1")) is Code.REGISTER_CHANGED


class TestHandOverAndActivation:
    async def test_are_on_record(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.active(play.replacement(person, ReplacementReason.expired), person, "CARDNEW1")
        assert state.status is Status.active
        (card,) = await play.rows("SELECT * FROM cards WHERE code = 'A'")
        assert (card["handed_over_by"], card["hand_over_evidence"]) == ("counter", "H-1")
        assert set(card["functions"]) == {"social", "bank"}

    async def test_of_a_function_is_not_repeated(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.active(play.replacement(person, ReplacementReason.expired), person, "CARDNEW1")
        assert CardFunction.bank in state.activated
        assert await play.value("SELECT cardinality(functions) FROM cards WHERE code = 'A'") == 2


class TestSwitching:
    @pytest.mark.parametrize(("reason", "old_code"), [(ReplacementReason.expired, "4"), (ReplacementReason.lost, "3")])
    async def test_puts_the_new_card_in_use_and_the_old_one_out_of_it(
        self, play: Play, reason: ReplacementReason, old_code: str
    ) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = play.replacement(person, reason)
        if reason is ReplacementReason.lost:
            state = await play.move(await play.received(state), Event.checked)
            state = await play.move(state, Event.confirm_loss, ConfirmLoss(actor=CLERK, evidence="E-1"))
            state = await play.verified(await play.move(state, Event.checked))
            state = await play.move(state, Event.order_card)
        else:
            state = await play.ordered(state)
        state = await play.activated(state, person, "CARDNEW1")
        state = await play.move(state, Event.switch_cards)
        assert (state.status, await codes(play)) == (Status.closing_old, [old_code, "1"])
        assert await play.value("SELECT code FROM cards WHERE payment_authority") == old_code
        state = await play.move(state, Event.close_old)
        assert state.status is Status.done
        assert await play.value("SELECT code FROM cards WHERE payment_authority") == "1"
        assert await play.value("SELECT functions FROM cards WHERE code = $1", old_code) == []
        assert await told(play, f"close_old.{state.version}") == {
            ("payment_authority_moved", "bank"),
            ("payment_authority_moved", "card_bureau"),
        }

    async def test_and_closing_wait_while_the_persons_number_is_changing(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.active(play.replacement(person, ReplacementReason.expired), person, "CARDNEW1")
        change = await play.applying(play.change(person, OTHER, documents=CERTIFIED))
        assert await play.refusal(state, Event.switch_cards) is Code.PERSON_BUSY
        change = await play.move(change, Event.withdraw, Withdraw(actor=CLERK))
        state = await play.move(state, Event.switch_cards)
        change = await play.applying(play.change(person, OTHER, documents=CERTIFIED, reopen=True))
        assert await play.refusal(state, Event.close_old) is Code.PERSON_BUSY
        await play.move(change, Event.withdraw, Withdraw(actor=CLERK))
        assert (await play.move(state, Event.close_old)).status is Status.done


class TestACardThatIsOutdatedWhenItComes:
    @pytest.mark.parametrize(("region", "wanted"), [(NORTH, "offered"), (SOUTH, "replacement_wanted")])
    async def test_is_offered_or_asked_for_anew_as_the_policy_says_and_once(
        self, play: Play, region: str, wanted: str
    ) -> None:
        person = insured(number=NUMBER, region=region)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        # The number changes while the card is being made.
        await play.write("UPDATE cards SET printed_data_outdated = true")
        state = await play.activated(state, person, "CARDNEW1")
        state = await play.move(await play.move(state, Event.switch_cards), Event.close_old)
        assert state.status is Status.done
        told = [row["template"] for row in await play.rows("SELECT template FROM notifications ORDER BY id")]
        kinds = [row["kind"] for row in await play.rows("SELECT kind FROM events WHERE target = 'intake'")]
        assert (told.count("CardReplacement.offered"), kinds) == {
            "offered": (1, []),
            "replacement_wanted": (0, ["replacement_wanted"]),
        }[wanted]
        assert await play.value("SELECT offered FROM cards WHERE code = '1'") is True


class TestAnUnclaimedCard:
    async def test_is_destroyed_by_two_people(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await play.ordered(play.replacement(person, ReplacementReason.expired))
        state = await play.move(state, Event.card_produced, play.made(person, "CARDNEW1"))
        while state.timer is not None:
            play.at = state.timer.due_at
            state = await play.move(state, Event.claim_period_passed)
        state = await play.move(state, Event.card_unclaimed, CardUnclaimed(actor=WITNESS, record="D-1"))
        assert state.status is Status.ready
        state = await play.move(state, Event.card_unclaimed, CardUnclaimed(actor=SECOND, record="D-1"))
        assert (state.status, await codes(play)) == (Status.unclaimed, ["1", "4"])
        (card,) = await play.rows("SELECT * FROM cards WHERE code = '4'")
        assert (card["destroyed_by"], card["destruction_witness"]) == (SECOND.id, WITNESS.id)
        assert (card["destruction_record"], card["destroyed_at"]) == ("D-1", play.at)
        told = [row["template"] for row in await play.rows("SELECT template FROM notifications ORDER BY id")]
        assert told == [
            "CardReplacement.in_review",
            "CardReplacement.ready",
            *["CardReplacement.claim_period_passed"] * 3,
            "CardReplacement.unclaimed",
        ]
