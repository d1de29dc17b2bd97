"""Card replacements from the pre-check to the closing of the old card, in regions that contradict each other."""

import asyncio
from datetime import date, timedelta

import pytest

from activities.registry.loading import HeldCard
from cases.documents import DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments, CardActivated, CardFunction, CardUnclaimed, Hold, HoldReason, Repair, RepairAction
from cases.machines.machine import Awaits, Milestone, Status
from cases.openings import ReplacementReason
from tests.engine import Engine, new_number
from tests.scenes import BANK, BUREAU, CLERK, ID_CARD, IN_FORCE, OFFICE, OPERATOR, SOUTH, VERIFIER, document
from tests.workflows.dossier import Card, Dossier
from tests.workflows.roads import (
    FAILED,
    HELD_FOR_CARD,
    PAPERS,
    REPLACEMENTS,
    Road,
    activate,
    before_pension_run,
    card_awaiting_approval,
    formally_lost,
    handed_over,
    lost,
    made,
    not_made,
    ordered,
    replacement,
    to_the_end,
)

UNDO = Repair(actor=OPERATOR, action=RepairAction.undo, evidence="op-2")
BANK_ACTIVATED = CardActivated(actor=BANK, function=CardFunction.bank, order=IN_FORCE)
UNCLAIMED = CardUnclaimed(actor=CLERK, record="destroyed-1")
BOTH = frozenset({"social", "bank"})
PAID_OLD = Card("1", frozenset(), outdated=False, paid=True)


@pytest.mark.parametrize("reason", ReplacementReason)
async def test_whatever_the_reason_benefits_are_paid_to_the_new_card_in_the_end(
    engine: Engine, reason: ReplacementReason
) -> None:
    async def replaced(region: str) -> Dossier:
        case = await replacement(engine, *PAPERS[reason], reason=reason, region=region)
        if reason is ReplacementReason.lost:
            await case.tell(Event.confirm_loss)
        assert case.receipt.missing == ()
        assert (await case.verify()).status is Status.ordered
        await to_the_end(case)
        return case

    regions = (OFFICE, SOUTH) if reason is ReplacementReason.lost else (OFFICE,)
    for case in await asyncio.gather(*map(replaced, regions)):
        outcome = await case.ends()
        assert (outcome.status, outcome.milestone, outcome.remains) == (Status.done, Milestone.benefits_unblocked, ())
        held = await case.holdings()
        assert held.codes == ("31" if reason is ReplacementReason.lost else "41")
        assert held.cards[1] == Card("1", BOTH, outdated=False, paid=True)
        assert not held.cards[0].paid
        assert held.claims == {"id_number": "suspended", "card": "queued"}
        assert await case.told_to("bank") == [
            *(["card_blocked", "card_lost"] if reason is ReplacementReason.lost else []),
            "card_switched",
            "payment_authority_moved",
        ]


# --- pre-check ------------------------------------------------------------------------------------------------------


async def test_whom_the_register_does_not_know_gets_answer_1(engine: Engine) -> None:
    known = await engine.insured(number=new_number())
    stranger = type(known)(personal_number="X" + known.personal_number, name=known.name, old=known.old, new=known.new)
    case = await Dossier.open(engine, stranger, engine.replacement(stranger, ReplacementReason.expired, ID_CARD))
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.rejected, Code.PRECHECK_PERSON_UNKNOWN)


async def test_whose_number_differs_gets_answer_2_and_waits_for_the_number_change(engine: Engine) -> None:
    person = await engine.insured()
    change = await Dossier.open(engine, person, engine.number_change(person, ID_CARD, region=SOUTH))
    waiting, lost_card = await asyncio.gather(
        Dossier.open(engine, person, engine.replacement(person, ReplacementReason.expired, ID_CARD, shows=person.new)),
        lost(engine, number=None),
    )
    view = await waiting.rests_in(Status.on_hold)
    assert (view.last_error, view.related) == (Code.PRECHECK_PERSON_DIFFERS, change.case_id)
    assert (view.attention, view.due_event) == (("hold",), Event.hold_expired)
    # A lost card is blocked all the same; only then is asked whose it is.
    await lost_card.rests_in(Status.temporarily_blocked)
    await lost_card.tell(Event.confirm_loss)
    await lost_card.rests_in(Status.on_hold)
    # Before the number is changed the answer stays the same.
    assert (await waiting.tell(Event.resume)).status is Status.checking
    await waiting.rests_in(Status.on_hold)
    await change.verify()
    assert (await change.ends()).status is Status.done
    assert (await waiting.rests_in(Status.in_review)).related is None
    assert await change.told_to("intake") == [], "a replacement is open already"
    await waiting.verify()
    await to_the_end(waiting)
    assert (await waiting.ends()).status is Status.done
    assert [card.outdated for card in (await waiting.holdings()).cards] == [True, False]


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_hold_for_the_number_change_is_asked_again_when_its_time_is_over_and_then_a_clerk_is(
    engine: Engine, region: str
) -> None:
    person = await engine.insured()
    opening = engine.replacement(person, ReplacementReason.expired, shows=person.new, region=region)
    case = await Dossier.open(engine, person, opening)
    await case.rests_in(Status.on_hold)
    await case.time_runs_out(Event.hold_expired)
    assert [made.to for made in (await engine.history(case.case_id))[1:]] == [Status.checking, Status.on_hold]
    # The whole time that the policy allows is used: from now on it is a clerk's task, and nothing repeats itself.
    view = await case.rests_in(Status.on_hold)
    assert (view.due_event, view.awaits, view.attention) == (None, Awaits.clerk, ("hold", "overdue"))
    await case.let_pass(timedelta(days=400))
    assert await case.messages() == ["CardReplacement.on_hold"] * 2
    await case.tell(Event.reject)
    assert (await case.ends()).status is Status.rejected


async def test_who_is_getting_a_card_already_gets_answer_3_and_who_has_none_answer_4(engine: Engine) -> None:
    cards = (HeldCard(card_number="D00000001", code="1"), HeldCard(card_number="D00000002", code="A"))
    duplicate, without = await asyncio.gather(
        replacement(engine, ID_CARD, cards=cards), replacement(engine, ID_CARD, cards=())
    )
    for case, reason in ((duplicate, Code.PRECHECK_DUPLICATE), (without, Code.PRECHECK_NOT_ALLOWED)):
        outcome = await case.ends()
        assert (outcome.status, outcome.reason) == (Status.rejected, reason)
        assert await case.messages() == ["CardReplacement.rejected"]


async def test_the_dead_get_no_card(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD, reason=ReplacementReason.lost, died_on=date(2020, 1, 2))
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_DECEASED)


async def test_a_card_that_is_ordered_elsewhere_meanwhile_leads_back_to_the_pre_check(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD)
    await engine.pool.execute(
        """
        INSERT INTO cards (person_id, code, in_production) SELECT id, 'A', true FROM persons WHERE token = $1
        """,
        case.opening.person,
    )
    await case.verify()
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.rejected, Code.PRECHECK_DUPLICATE)
    assert [made.event for made in await engine.history(case.case_id)][-2:] == [Event.order_refused, Event.checked]


# --- loss -----------------------------------------------------------------------------------------------------------


async def test_a_lost_card_is_blocked_before_anything_else(engine: Engine) -> None:
    case = await replacement(engine, reason=ReplacementReason.lost)
    assert case.receipt.status is Status.temporarily_blocked
    assert (await case.holdings()).codes == "B"
    history = await engine.history(case.case_id)
    assert [made.to for made in history] == [Status.temporarily_blocked]
    assert await case.told_to("bank") == await case.told_to("card_bureau") == ["card_blocked"]
    await case.tell(Event.add_documents)
    assert (await case.tell(Event.confirm_loss)).status is Status.checking
    await case.rests_in(Status.in_review)
    assert (await case.holdings()).codes == "2"


async def test_what_an_expired_loss_report_does_is_the_regions_own(engine: Engine) -> None:
    north, south = await asyncio.gather(lost(engine), lost(engine, region=SOUTH))
    await asyncio.gather(*(case.time_runs_out(Event.loss_report_expired) for case in (north, south)))
    outcome = await north.ends()
    assert (outcome.status, outcome.reason, outcome.remains) == (Status.withdrawn, Code.LOSS_REPORT_EXPIRED, ())
    assert (await north.holdings()).cards == (PAID_OLD,)
    await south.rests_in(Status.in_review)
    assert (await south.holdings()).codes == "3"
    assert await south.refuses(Event.card_found) is Code.UNDO_NOT_PERMITTED
    await south.verify()
    await to_the_end(south)
    assert (await south.ends()).status is Status.done
    assert (await south.holdings()).codes == "31"


async def test_a_card_that_is_found_before_the_formal_report_works_again_everywhere(engine: Engine) -> None:
    for case in await asyncio.gather(lost(engine), lost(engine, region=SOUTH)):
        assert (await case.tell(Event.card_found)).status is Status.card_found
        assert (await case.ends()).remains == ()
        assert (await case.holdings()).cards == (PAID_OLD,)


@pytest.mark.parametrize(
    "status", [Status.awaiting_documents, Status.in_review, Status.awaiting_approval, Status.on_hold]
)
async def test_whether_a_formal_loss_report_can_be_undone_is_the_regions_own(engine: Engine, status: Status) -> None:
    async def formally(region: str) -> Dossier:
        if status is Status.awaiting_approval:
            return await card_awaiting_approval(engine, reason=ReplacementReason.lost, region=region)
        papers = () if status is Status.awaiting_documents else (ID_CARD,)
        case = await replacement(engine, *papers, reason=ReplacementReason.lost, region=region)
        await case.tell(Event.confirm_loss)
        if status is Status.on_hold:
            await case.tell(Event.hold)
        await case.rests_in(status)
        return case

    north, south = await asyncio.gather(formally(OFFICE), formally(SOUTH))
    assert (await north.tell(Event.card_found)).status is Status.card_found
    await north.ends()
    assert (await north.holdings()).cards == (PAID_OLD,)
    assert await south.refuses(Event.card_found) is Code.UNDO_NOT_PERMITTED
    assert (await south.holdings()).codes == "2"
    await south.tell(Event.withdraw)
    assert (await south.ends()).remains == ("card_blocked",)


async def test_a_card_that_is_found_after_the_order_is_kept_where_an_order_can_be_cancelled(engine: Engine) -> None:
    async def under_way(region: str, *, failed: bool) -> Dossier:
        case = await formally_lost(engine, region=region)
        await case.verify()
        await case.rests_in(Status.in_production)
        while failed and (await case.tell(Event.card_produced, FAILED)).status is not Status.repair:
            pass
        return case

    in_production, in_repair, south = await asyncio.gather(
        under_way(OFFICE, failed=False), under_way(OFFICE, failed=True), under_way(SOUTH, failed=False)
    )
    for case in (in_production, in_repair):
        assert (await case.tell(Event.card_found)).status is Status.card_found
        await case.ends()
        assert (await case.holdings()).codes == "14"
        assert (await case.told_to("card_bureau"))[-2:] == ["card_order_cancelled", "card_unblocked"]
    assert (await south.tell(Event.card_found)).status is Status.in_production
    assert (await south.rests_in(Status.in_production)).last_error is Code.CARD_FOUND_TOO_LATE
    assert (await south.holdings()).codes == "2A"


async def test_nothing_is_found_that_was_not_lost(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD)
    assert await case.refuses(Event.card_found) is Code.EVENT_NOT_ALLOWED


# --- papers and holds -----------------------------------------------------------------------------------------------


async def test_papers_are_asked_for_returned_and_added_until_all_are_there(engine: Engine) -> None:
    case = await replacement(engine, reason=ReplacementReason.damaged)
    assert len(case.receipt.missing) == 2
    assert (await case.tell(Event.add_documents)).status is Status.awaiting_documents
    old_card = AddDocuments(actor=CLERK, documents=(document(DocumentKind.old_card),))
    assert (await case.tell(Event.add_documents, old_card)).status is Status.in_review
    assert (await case.tell(Event.return_documents)).status is Status.awaiting_documents
    assert (await case.tell(Event.add_documents)).status is Status.in_review
    await case.tell(Event.add_documents, old_card)
    await case.rests_in(Status.in_review)
    assert (await case.tell(Event.reject)).status is Status.rejected
    await case.ends()


async def test_what_came_in_after_the_verification_is_verified_again_before_it_is_approved(engine: Engine) -> None:
    case = await card_awaiting_approval(engine)
    photograph = AddDocuments(actor=CLERK, documents=(document(DocumentKind.photograph),))
    assert (await case.tell(Event.add_documents, photograph)).status is Status.in_review
    assert (await case.verify()).status is Status.awaiting_approval
    assert (await case.tell(Event.return_documents)).status is Status.awaiting_documents
    assert (await case.tell(Event.add_documents)).status is Status.in_review


async def test_who_does_not_answer_is_closed_and_a_lost_card_stays_blocked(engine: Engine) -> None:
    plain, lost_card = await asyncio.gather(
        replacement(engine), replacement(engine, reason=ReplacementReason.lost, region=SOUTH)
    )
    await lost_card.tell(Event.confirm_loss)
    for case, remains in ((plain, ()), (lost_card, ("card_blocked",))):
        await case.rests_in(Status.awaiting_documents)
        await case.time_runs_out(Event.supplement_expired)
        outcome = await case.ends()
        assert (outcome.status, outcome.reason) == (Status.withdrawn, Code.NO_RESPONSE)
        assert outcome.remains == remains
    assert (await lost_card.holdings()).codes == "2"


async def test_a_replacement_goes_on_where_it_was_held_by_decision_or_by_time(engine: Engine) -> None:
    hold = Hold(actor=CLERK, reason=HoldReason.applicant_in_hospital, evidence="hospital-1")
    roads = (Status.awaiting_documents, Status.in_review)
    # What was verified stays so through a hold in which nothing came in.
    for how in (Event.resume, Event.hold_expired):
        verified = await card_awaiting_approval(engine)
        assert (await verified.tell(Event.hold, hold)).status is Status.on_hold
        await verified.rests_in(Status.on_hold)
        await (verified.tell(how) if how is Event.resume else verified.time_runs_out(how))
        await verified.rests_in(Status.awaiting_approval)
    for how in (Event.resume, Event.hold_expired):
        cases = await asyncio.gather(*(REPLACEMENTS[status](engine) for status in roads))
        for case, status in zip(cases, roads, strict=True):
            assert (await case.tell(Event.hold, hold)).status is Status.on_hold
            await case.rests_in(Status.on_hold)
            photograph = AddDocuments(actor=CLERK, documents=(document(DocumentKind.photograph),))
            await case.tell(Event.add_documents, photograph)
            await (case.tell(how) if how is Event.resume else case.time_runs_out(how))
            await case.rests_in(status)


async def test_an_officer_rejects_what_was_not_ordered(engine: Engine) -> None:
    for status in (Status.awaiting_documents, Status.in_review, Status.awaiting_approval, Status.on_hold):
        case = await REPLACEMENTS[status](engine)
        await case.tell(Event.reject)
        assert (await case.ends()).status is Status.rejected
        assert (await case.holdings()).cards == (PAID_OLD,)


# --- production -----------------------------------------------------------------------------------------------------


async def test_a_failed_production_is_queued_again_as_often_as_policy_says_and_then_waits_for_an_operator(
    engine: Engine,
) -> None:
    north, south = await asyncio.gather(ordered(engine), ordered(engine, region=SOUTH))
    for case, attempts in ((north, 3), (south, 2)):
        for attempt in range(1, attempts):
            assert (await case.tell(Event.card_produced, FAILED)).status is Status.in_production
            assert (await case.rests_in(Status.in_production)).production_attempts == attempt
        assert (await case.tell(Event.card_produced, FAILED)).status is Status.repair
        view = await case.rests_in(Status.repair)
        assert (view.attention, view.last_error) == (("repair",), Code.PRODUCTION_FAILED)
        assert await case.told_to("card_bureau") == ["card_ordered"] * attempts
        assert (await case.tell(Event.repair)).status is Status.in_production
        assert (await case.rests_in(Status.in_production)).production_attempts == 0
        assert (await case.tell(Event.card_produced, case.produced())).status is Status.ready
        assert (await case.holdings()).codes == "1A"


async def test_a_card_that_is_found_made_after_all_ends_the_repair(engine: Engine) -> None:
    case = await not_made(engine)
    assert (await case.tell(Event.card_produced, case.produced())).status is Status.ready
    await case.rests_in(Status.ready)


async def test_an_order_is_undone_where_policy_permits_it(engine: Engine) -> None:
    north, south = await asyncio.gather(not_made(engine), not_made(engine, region=SOUTH))
    assert (await north.tell(Event.repair, UNDO)).status is Status.in_review
    await north.rests_in(Status.in_review)
    assert (await north.holdings()).codes == "14"
    await north.verify()
    await to_the_end(north)
    assert (await north.ends()).status is Status.done
    assert (await north.holdings()).codes == "441"
    assert await south.refuses(Event.withdraw) is Code.UNDO_NOT_PERMITTED
    # It is not undone there, but written off: the bureau learns that nothing is waited for.
    assert (await south.tell(Event.repair, UNDO)).status is Status.in_review
    assert (await south.told_to("card_bureau"))[-1] == "card_order_written_off"
    assert (await south.tell(Event.withdraw)).status is Status.withdrawn
    assert (await south.ends()).remains == ()


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_bureau_that_never_answers_holds_no_case_for_ever(engine: Engine, region: str) -> None:
    case = await ordered(engine, region=region)
    if region == SOUTH:
        assert await case.refuses(Event.repair, UNDO) is Code.UNDO_NOT_PERMITTED
    await case.time_runs_out(Event.production_overdue)
    silent = (await case.rests_in(Status.in_production)).order
    assert (await case.tell(Event.repair, UNDO)).status is Status.in_review
    assert (await case.holdings()).codes == "14"
    kind = "card_order_cancelled" if region == OFFICE else "card_order_written_off"
    assert await case.told_to("card_bureau") == ["card_ordered", kind]
    await case.verify()
    assert (await case.rests_in(Status.in_production)).order not in {None, silent}
    await to_the_end(case)
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).codes == "441"


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_an_overdue_production_is_an_operators_task_until_the_bureau_is_asked_again(
    engine: Engine, region: str
) -> None:
    case = await ordered(engine, region=region)
    await case.time_runs_out(Event.production_overdue)
    view = await case.rests_in(Status.in_production)
    assert (view.attention, view.due_event, view.awaits) == (("overdue",), None, Awaits.operator)
    await case.tell(Event.acknowledge)
    assert (await case.rests_in(Status.in_production)).attention == ("overdue",)
    await case.tell(Event.card_produced, FAILED)
    view = await case.rests_in(Status.in_production)
    assert (view.due_event, view.awaits) == (Event.delivery_overdue, Awaits.card_bureau)
    assert view.attention == ()


async def test_a_card_number_that_is_not_its_tokens_or_is_somebody_elses_is_refused(engine: Engine) -> None:
    case, other = await asyncio.gather(ordered(engine), made(engine))
    fact = case.produced()
    swapped = fact.model_copy(update={"card_token": other.produced().card_token})
    assert await case.refuses(Event.card_produced, swapped) is Code.PAYLOAD_INVALID
    taken = case.produced(f"N{other.person.personal_number}")
    assert await case.refuses(Event.card_produced, taken) is Code.PAYLOAD_INVALID
    assert (await case.tell(Event.card_produced, fact)).status is Status.ready


# --- hand-over, activation, closing ---------------------------------------------------------------------------------


async def test_a_card_is_activated_function_by_function_and_only_then_takes_the_old_ones_place(engine: Engine) -> None:
    case = await handed_over(engine)
    assert (await case.holdings()).codes == "1A"
    await activate(case, CardFunction.bank)
    view = await case.rests_in(Status.handed_over)
    assert view.activated == (CardFunction.bank,)
    assert await case.refuses(Event.card_activated, BANK_ACTIVATED) is Code.EVENT_NOT_ALLOWED
    await case.time_runs_out(Event.activation_overdue)
    view = await case.rests_in(Status.handed_over)
    assert (view.attention, view.due_event) == (("overdue",), Event.activation_overdue)
    assert (await case.messages())[-1] == "CardReplacement.activation_overdue"
    await activate(case, CardFunction.social)
    assert (await case.ends()).status is Status.done


@pytest.mark.parametrize(("region", "reminders"), [(OFFICE, 2), (SOUTH, 3)])
async def test_who_never_activates_a_card_is_reminded_so_often_and_then_a_clerk_is_asked(
    engine: Engine, region: str, reminders: int
) -> None:
    case = await handed_over(engine, region=region)
    before = len(await case.messages())
    for _ in range(reminders):
        await case.time_runs_out(Event.activation_overdue)
    view = await case.rests_in(Status.handed_over)
    assert (view.due_event, view.awaits, view.attention) == (None, Awaits.clerk, ("overdue",))
    await case.let_pass(timedelta(days=400))
    await case.tell(Event.acknowledge)
    assert (await case.rests_in(Status.handed_over)).attention == ("overdue",)
    assert (await case.messages())[before:] == ["CardReplacement.activation_overdue"] * reminders
    await activate(case)
    assert (await case.ends()).status is Status.done


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_card_that_nobody_activates_is_cancelled_by_the_clerk_who_is_asked_and_the_person_may_apply_again(
    engine: Engine, region: str
) -> None:
    case = await handed_over(engine, region=region)
    assert await case.refuses(Event.card_not_activated) is Code.ACTIVATION_PERIOD_NOT_OVER
    await activate(case, CardFunction.social)
    while (await case.agrees()).due_event is Event.activation_overdue:
        await case.time_runs_out(Event.activation_overdue)
    view = await case.rests_in(Status.handed_over)
    assert (view.awaits, Event.card_not_activated in view.events) == (Awaits.clerk, True)
    assert (await case.tell(Event.card_not_activated)).status is Status.not_activated
    outcome = await case.ends()
    assert (outcome.status, outcome.milestone, outcome.remains) == (
        *(Status.not_activated, Milestone.documents_verified),
        (),
    )
    held = await case.holdings()
    assert (held.codes, held.cards[0], held.cards[1].functions) == ("14", PAID_OLD, frozenset())
    assert (await case.messages())[-1] == "CardReplacement.not_activated"
    assert (await case.told_to("bank"))[-1] == (await case.told_to("card_bureau"))[-1] == "card_cancelled"
    again = await Dossier.open(
        engine, case.person, case.opening.model_copy(update={"reopen": True, "key": f"{case.opening.key}-again"})
    )
    await again.verify()
    await again.rests_in(Status.in_production)
    await again.tell(Event.card_produced, again.produced(f"M{case.person.personal_number}"))
    await again.tell(Event.card_handed_over)
    await activate(again)
    assert (await again.ends()).status is Status.done
    assert (await again.holdings()).codes == "441"


async def test_payment_moves_to_the_new_card_only_after_the_pension_run(engine: Engine) -> None:
    case = await before_pension_run(engine)
    view = await case.rests_in(Status.closing_old)
    assert (view.due_event, view.milestone) == (Event.close_old, Milestone.number_updated)
    held = await case.holdings()
    assert held.codes == "41"
    assert [card.paid for card in held.cards] == [True, False]
    assert held.claims["card"] == "suspended"
    await case.time_runs_out(Event.close_old)
    assert (await case.ends()).status is Status.done
    assert [card.paid for card in (await case.holdings()).cards] == [False, True]


async def test_a_card_that_nobody_fetches_is_destroyed_by_two_people_after_three_periods(engine: Engine) -> None:
    case = await made(engine)
    for period in (1, 2, 3):
        assert await case.refuses(Event.card_unclaimed) is Code.CLAIM_PERIOD_NOT_OVER
        await case.time_runs_out(Event.claim_period_passed)
        view = await case.rests_in(Status.ready)
        assert (view.attention, view.due_event) == (
            (("overdue",), None) if period == 3 else ((), Event.claim_period_passed)
        )
    passed = ["CardReplacement.claim_period_passed"] * 3
    assert await case.messages() == ["CardReplacement.in_review", "CardReplacement.ready", *passed]
    assert (await case.tell(Event.card_unclaimed)).status is Status.ready
    (said,) = (await case.rests_in(Status.ready)).destruction
    assert (said.record, said.stated_by) == ("destroyed-1", BUREAU.id)
    assert await case.refuses(Event.card_unclaimed) is Code.SAME_PERSON
    assert (await case.holdings()).codes == "1A"
    another = CardUnclaimed(actor=VERIFIER, record="destroyed-2")
    assert (await case.tell(Event.card_unclaimed, another)).status is Status.ready, "not the same record"
    assert (await case.tell(Event.card_unclaimed, UNCLAIMED)).status is Status.unclaimed
    assert (await case.ends()).status is Status.unclaimed
    held = await case.holdings()
    assert (held.codes, held.cards[0]) == ("14", PAID_OLD)
    row = await engine.pool.fetchrow(
        "SELECT destroyed_by, destruction_witness FROM cards WHERE case_id = $1", case.case_id
    )
    assert row is not None
    assert tuple(row) == (CLERK.id, BUREAU.id)


async def test_a_card_that_is_fetched_late_is_handed_over_all_the_same(engine: Engine) -> None:
    case = await made(engine)
    before = (await case.agrees()).due_at
    await case.tell(Event.extend)
    after = await case.rests_in(Status.ready)
    assert after.due_at is not None
    assert before is not None
    assert after.due_at > before
    for _ in range(3):
        await case.time_runs_out(Event.claim_period_passed)
    await case.tell(Event.card_handed_over)
    await activate(case)
    assert (await case.ends()).status is Status.done


# --- ways out -------------------------------------------------------------------------------------------------------

STAY_OPEN = {Status.ready, Status.handed_over, Status.closing_old}
"""Statuses in which a card exists that somebody has to have: no withdrawal any more."""


@pytest.mark.parametrize(("status", "road"), REPLACEMENTS.items())
async def test_who_withdraws_keeps_the_old_card_and_is_told_what_stays_in_effect(
    engine: Engine, status: Status, road: Road
) -> None:
    case = await road(engine, benefit_holds=HELD_FOR_CARD)
    before = await case.rests_in(status)
    assert before.benefits_held
    await case.tell(Event.acknowledge)
    assert (await case.tell(Event.release_benefits)).status is status
    after = await case.rests_in(status)
    assert (after.version, after.due_at, after.benefits_held) == (before.version + 2, before.due_at, False)
    assert (await case.holdings()).benefits == {"card": "released"}
    if after.due_event is Event.delivery_overdue:
        after = await case.is_asked()
    if after.due_event is not None and Event.extend in after.events:
        await case.tell(Event.extend)
        extended = await case.rests_in(status)
        assert extended.due_at is not None
        assert after.due_at is not None
        assert extended.due_at > after.due_at
    if status in STAY_OPEN:
        assert await case.refuses(Event.withdraw) is Code.EVENT_NOT_ALLOWED
        return
    answer = await case.tell(Event.withdraw)
    outcome = await case.ends()
    assert (outcome.status, outcome.remains) == (Status.withdrawn, answer.remains)
    assert outcome.remains == (("card_blocked",) if status is Status.temporarily_blocked else ())
    held = await case.holdings()
    assert held.codes in {"B", "1", "14"}
    assert held.cards[0].paid


@pytest.mark.parametrize(("status", "road"), REPLACEMENTS.items())
async def test_a_replacement_ends_with_its_person_and_no_card_is_left_coming(
    engine: Engine, status: Status, road: Road
) -> None:
    case = await road(engine)
    await case.rests_in(status)
    assert (await case.tell(Event.person_ended)).status is Status.ended
    assert (await case.ends()).reason is Code.PERSON_DECEASED
    assert "A" not in (await case.holdings()).codes


async def test_an_order_that_the_bureau_failed_to_make_leaves_nothing_coming(engine: Engine) -> None:
    case = await not_made(engine, region=SOUTH)
    await case.tell(Event.person_ended)
    outcome = await case.ends()
    assert (outcome.status, outcome.remains) == (Status.ended, ())
    assert (await case.holdings()).codes == "14"


async def test_a_bureau_that_does_not_answer_is_asked_again_by_an_operator(engine: Engine) -> None:
    case = await ordered(engine)
    await case.tell(Event.card_produced, FAILED)
    assert (await case.tell(Event.repair)).status is Status.in_production
    assert (await case.rests_in(Status.in_production)).production_attempts == 0
    assert await case.told_to("card_bureau") == ["card_ordered"] * 3


async def test_the_outcome_says_that_a_cancelled_card_stays_cancelled(engine: Engine) -> None:
    case = await lost(engine, region=SOUTH)
    await case.time_runs_out(Event.loss_report_expired)
    await case.rests_in(Status.in_review)
    await case.tell(Event.withdraw)
    assert (await case.ends()).remains == ("card_cancelled",)


async def test_benefits_that_were_held_for_the_old_card_are_paid_when_the_case_is_done(engine: Engine) -> None:
    case = await ordered(engine, benefit_holds=HELD_FOR_CARD)
    await to_the_end(case)
    assert (await case.ends()).status is Status.done
    assert not (await case.agrees()).benefits_held
    assert (await case.holdings()).benefits == {"card": "released"}
