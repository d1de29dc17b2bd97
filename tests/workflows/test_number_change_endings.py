"""Every ending of an ID-number change, from every status in which a case rests."""

from datetime import date

import pytest

from cases.errors import Code
from cases.events import Event
from cases.facts import PersonEnded, PersonEndedReason
from cases.machines.machine import Milestone, Status
from cases.models import System
from tests.engine import Engine, new_number
from tests.scenes import CERTIFICATE, CLERK, ID_CARD, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import CHANGES, HELD_BENEFITS, REISSUED, Road, applying, change, reissued

TRANSFER = PersonEnded(actor=CLERK, reason=PersonEndedReason.transfer, evidence="civil-2")


async def test_a_changed_number_is_told_to_every_system_and_the_outdated_card_leads_to_an_offer(
    engine: Engine,
) -> None:
    case = await applying(engine, benefit_holds=HELD_BENEFITS)
    assert (await case.holdings()).turn == case.case_id
    await case.confirm(*System)
    outcome = await case.ends()
    held = await case.holdings()
    assert (outcome.status, outcome.milestone, outcome.reason) == (Status.done, Milestone.benefits_unblocked, None)
    assert held.numbers == (("old", "historic"), ("new", "living"))
    assert held.claims == {"id_number": "queued", "card": "suspended"}
    assert held.benefits == {"id_number": "released"}
    assert [card.outdated for card in held.cards] == [True]
    assert await case.told_to("register") == ["number_changed"]
    assert [await case.told_to(system) for system in System] == [["number_changed"]] * 3
    assert (await case.messages())[-2:] == ["IdNumberChange.done", "CardReplacement.offered"]


async def test_where_policy_says_so_the_intake_is_asked_to_open_the_replacement(engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    await case.verify()
    assert (await case.ends()).status is Status.done
    assert await case.told_to("intake") == ["replacement_wanted"]


async def test_who_has_no_card_is_offered_none(engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=SOUTH, cards=())
    await case.verify()
    assert (await case.ends()).status is Status.done
    assert await case.told_to("intake") == []


async def test_a_reissued_number_is_applied_only_after_a_second_officer_approved_it(engine: Engine) -> None:
    case = await reissued(engine, *REISSUED, region=SOUTH)
    assert (await case.verify()).status is Status.awaiting_approval
    assert (await case.holdings()).numbers == (("old", "living"),)
    await case.approve()
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).numbers == (("old", "historic"), ("new", "living"))


async def test_who_has_the_18_digit_number_already_needs_no_change(engine: Engine) -> None:
    case = await change(engine, ID_CARD, number=new_number())
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.not_needed, Code.ALREADY_18_DIGITS)
    assert case.receipt.reason is Code.ALREADY_18_DIGITS
    assert await case.messages() == ["IdNumberChange.not_needed"]


async def test_the_case_of_a_person_whom_the_register_does_not_know_ends(engine: Engine) -> None:
    known = await engine.insured()
    stranger = type(known)(personal_number="X" + known.personal_number, name=known.name, old=known.old, new=known.new)
    case = await Dossier.open(engine, stranger, engine.number_change(stranger, ID_CARD))
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_UNKNOWN)


async def test_the_case_of_a_deceased_person_ends(engine: Engine) -> None:
    case = await change(engine, ID_CARD, died_on=date(2020, 1, 2))
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_DECEASED)


@pytest.mark.parametrize(
    "status", [Status.awaiting_documents, Status.in_review, Status.awaiting_approval, Status.on_hold]
)
async def test_an_officer_rejects_what_was_not_verified(engine: Engine, status: Status) -> None:
    case = await CHANGES[status](engine)
    assert (await case.tell(Event.reject)).status is Status.rejected
    assert (await case.ends()).status is Status.rejected
    assert (await case.holdings()).numbers == (("old", "living"),)
    assert (await case.messages())[-1] == "IdNumberChange.rejected"


@pytest.mark.parametrize(("status", "road"), CHANGES.items())
async def test_who_withdraws_has_the_old_number_and_nothing_else_is_in_effect(
    engine: Engine, status: Status, road: Road
) -> None:
    case = await road(engine)
    before = await case.rests_in(status)
    assert (await case.tell(Event.acknowledge)).status is status
    after = await case.rests_in(status)
    assert (after.version, after.due_at) == (before.version + 1, before.due_at)
    assert (await case.tell(Event.withdraw)).status is Status.withdrawn
    outcome = await case.ends()
    held = await case.holdings()
    assert (outcome.status, outcome.reason, outcome.remains) == (Status.withdrawn, None, ())
    assert held.numbers[0] == ("old", "living")
    assert {state for label, state in held.numbers if label == "new"} <= {"revoked"}
    assert held.claims == {"id_number": "suspended", "card": "suspended"}
    assert [card.outdated for card in held.cards] == [False]
    assert held.turn is None


@pytest.mark.parametrize(("status", "road"), CHANGES.items())
async def test_a_case_ends_with_its_person(engine: Engine, status: Status, road: Road) -> None:
    case = await road(engine)
    await case.rests_in(status)
    assert (await case.tell(Event.person_ended)).status is Status.ended
    assert (await case.ends()).reason is Code.PERSON_DECEASED
    assert (await case.holdings()).numbers[0] == ("old", "living")


async def test_a_case_ends_when_its_person_goes_to_another_agency(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await case.tell(Event.person_ended, TRANSFER)
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_TRANSFERRED)


async def test_who_does_not_answer_is_closed_without_harm(engine: Engine) -> None:
    case = await change(engine, CERTIFICATE, benefit_holds=())
    await case.rests_in(Status.awaiting_documents)
    await case.time_runs_out(Event.supplement_expired)
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.closed_no_response, Code.NO_RESPONSE)
    assert await case.messages() == ["IdNumberChange.awaiting_documents", "IdNumberChange.closed_no_response"]


async def test_benefits_that_were_held_stay_so_when_the_case_is_withdrawn_and_the_outcome_says_so(
    engine: Engine,
) -> None:
    case = await change(engine, benefit_holds=HELD_BENEFITS)
    assert (await case.rests_in(Status.awaiting_documents)).benefits_held
    assert (await case.tell(Event.withdraw)).remains == ("benefits_held",)
    assert (await case.ends()).remains == ("benefits_held",)
    assert (await case.holdings()).benefits == {"id_number": "held"}
