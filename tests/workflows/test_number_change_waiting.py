"""What an ID-number change waits for before its number is touched: papers, people, a hold, a second officer."""

import asyncio
from datetime import timedelta

import pytest

from activities.calendar import official_calendar
from cases.clocks import Budget, due
from cases.documents import Defect, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments, Extend, HoldBenefits, ReturnDocuments, VerifyDocuments
from cases.machines.machine import Status
from cases.models import Role
from tests.engine import Engine, quiet_policies
from tests.scenes import CERTIFICATE, CLERK, FACTS, ID_CARD, OFFICE, OFFICER, SOUTH, VERIFIER, document
from tests.workflows.dossier import Dossier
from tests.workflows.roads import CHANGES, HELD_BENEFITS, REISSUED, awaiting_approval, change, on_hold, reissued

ADDED_CERTIFICATE = AddDocuments(actor=CLERK, documents=(CERTIFICATE,))
FURTHER = AddDocuments(actor=CLERK, documents=(document(DocumentKind.photograph),))


async def test_one_notice_names_everything_that_is_missing_until_all_of_it_is_there(engine: Engine) -> None:
    case = await reissued(engine, region=SOUTH)
    assert {demand.document for demand in case.receipt.missing} == {ID_CARD.kind, CERTIFICATE.kind}
    assert all(demand.legal_basis for demand in case.receipt.missing)
    assert (await case.tell(Event.add_documents, ADDED_CERTIFICATE)).status is Status.awaiting_documents
    view = await case.rests_in(Status.awaiting_documents)
    assert [demand.document for demand in view.missing] == [ID_CARD.kind]
    assert view.due_at == case.receipt.due_at
    assert (await case.tell(Event.add_documents)).status is Status.in_review
    await case.tell(Event.add_documents, FURTHER)
    assert (await case.rests_in(Status.in_review)).missing == ()


async def test_returned_documents_are_asked_for_once_more_with_all_their_defects(engine: Engine) -> None:
    review, approval = await asyncio.gather(change(engine, ID_CARD), awaiting_approval(engine))
    both = ReturnDocuments(
        actor=VERIFIER,
        defects=(
            Defect(document=DocumentKind.resident_id_card, problem="复印件不清晰"),
            Defect(document=DocumentKind.police_certificate, problem="缺少公章"),
        ),
    )
    await asyncio.gather(review.tell(Event.return_documents), approval.tell(Event.return_documents, both))
    first, second = await asyncio.gather(*(case.rests_in(Status.awaiting_documents) for case in (review, approval)))
    assert [defect.document for defect in first.defects] == [ID_CARD.kind]
    assert {demand.document for demand in second.missing} == {ID_CARD.kind, CERTIFICATE.kind}
    assert second.verifier is None
    assert await review.messages() == ["IdNumberChange.in_review", "IdNumberChange.awaiting_documents"]
    assert (await review.tell(Event.add_documents)).status is Status.in_review


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_what_nobody_names_in_five_working_days_counts_as_complete(engine: Engine, region: str) -> None:
    case = await change(engine, ID_CARD, region=region)
    begun = (await engine.history(case.case_id))[0].at
    view = await case.agrees()
    assert view.notice_due_at == due(begun, Budget(5), official_calendar()).at
    view = await case.passes_without_notice()
    assert (view.status, view.notice_due_at) == (Status.in_review, None)
    assert (await engine.history(case.case_id))[-1].event is Event.notice_period_passed
    assert await case.refuses(Event.return_documents) is Code.NOTICE_TOO_LATE
    assert (await case.verify()).status is Status.verified


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_defects_are_named_as_often_as_the_policy_says_and_then_somebody_decides(
    engine: Engine, region: str
) -> None:
    case = await change(engine, ID_CARD, region=region)
    for round_ in range(quiet_policies().of_region(region).number_change.supplement.rounds):
        await case.tell(Event.return_documents)
        again = AddDocuments(actor=CLERK, documents=(document(DocumentKind.resident_id_card, f"again-{round_}"),))
        assert (await case.tell(Event.add_documents, again)).status is Status.in_review
    assert await case.refuses(Event.return_documents) is Code.SUPPLEMENT_ROUNDS_USED
    assert (await case.verify()).status is Status.verified


async def test_documents_that_come_after_the_verification_are_verified_too(engine: Engine) -> None:
    case = await awaiting_approval(engine)
    before = await case.approval()
    assert (await case.tell(Event.add_documents, FURTHER)).status is Status.in_review
    assert await case.refuses(Event.approve, before) is Code.EVENT_NOT_ALLOWED
    assert (await case.verify()).status is Status.awaiting_approval
    assert await case.refuses(Event.approve, before) is Code.CONTENT_CHANGED
    assert (await case.approve()).status is Status.verified
    await case.rests_in(Status.applying)


async def test_who_submitted_does_not_verify_and_who_did_either_does_not_approve(engine: Engine) -> None:
    case = await reissued(engine, *REISSUED)
    copies = tuple(paper.sha256 for paper in REISSUED)
    own = VerifyDocuments(actor=CLERK, original_seen=True, copies=copies)
    assert await case.refuses(Event.verify_documents, own) is Code.SAME_PERSON
    unseen = VerifyDocuments(actor=VERIFIER, original_seen=False, copies=copies)
    assert await case.refuses(Event.verify_documents, unseen) is Code.ORIGINAL_NOT_SEEN
    part = VerifyDocuments(actor=VERIFIER, original_seen=True, copies=copies[:1])
    assert await case.refuses(Event.verify_documents, part) is Code.DOCUMENT_DIGEST_MISMATCH
    await case.verify()
    for same in (CLERK, VERIFIER):
        assert await case.refuses(Event.approve, await case.approval(same)) is Code.ROLE_NOT_ALLOWED
        promoted = same.model_copy(update={"role": Role.officer})
        assert await case.refuses(Event.approve, await case.approval(promoted)) is Code.SAME_PERSON
    assert await case.refuses(Event.approve, FACTS[Event.approve]) is Code.CONTENT_CHANGED
    await case.rests_in(Status.awaiting_approval)
    assert (await case.approve()).status is Status.verified
    await case.rests_in(Status.applying)


async def held(case: Dossier) -> Dossier:
    assert (await case.tell(Event.hold)).status is Status.on_hold
    view = await case.rests_in(Status.on_hold)
    assert view.attention == ("hold",)
    assert view.due_event is Event.hold_expired
    return case


async def test_a_case_goes_on_where_it_was_held(engine: Engine) -> None:
    roads = (Status.awaiting_documents, Status.in_review, Status.awaiting_approval)
    cases = await asyncio.gather(*(CHANGES[status](engine) for status in roads))
    await asyncio.gather(*(held(case) for case in cases))
    assert [answer.status for answer in await asyncio.gather(*(case.tell(Event.resume) for case in cases))] == [*roads]
    await asyncio.gather(*(case.rests_in(status) for case, status in zip(cases, roads, strict=True)))
    # The verification still stands, so the second officer can approve at once.
    assert (await cases[2].approve()).status is Status.verified


async def test_a_hold_ends_by_itself_when_its_time_is_over(engine: Engine) -> None:
    roads = (Status.awaiting_documents, Status.in_review, Status.awaiting_approval)
    cases = await asyncio.gather(*(CHANGES[status](engine) for status in roads))
    await asyncio.gather(*(held(case) for case in cases))
    await asyncio.gather(*(case.time_runs_out(Event.hold_expired) for case in cases))
    views = await asyncio.gather(*(case.rests_in(status) for case, status in zip(cases, roads, strict=True)))
    assert [view.attention for view in views] == [()] * 3


async def test_papers_that_come_during_a_hold_lead_to_a_review_of_all(engine: Engine) -> None:
    case = await held(await awaiting_approval(engine))
    assert (await case.tell(Event.add_documents, FURTHER)).status is Status.on_hold
    assert (await case.tell(Event.resume)).status is Status.in_review
    assert (await case.rests_in(Status.in_review)).verifier is None


async def test_a_time_limit_moves_by_as_much_as_policy_permits_and_the_case_ends_by_the_new_one(
    engine: Engine,
) -> None:
    waiting, stopped = await asyncio.gather(change(engine), on_hold(engine))
    for case, status in ((waiting, Status.awaiting_documents), (stopped, Status.on_hold)):
        before = (await case.rests_in(status)).due_at
        await case.tell(Event.extend)
        after = (await case.rests_in(status)).due_at
        assert before is not None
        assert after is not None
        assert after - before >= timedelta(days=5)
        too_much = Extend(actor=OFFICER, working_days=26, evidence="ext-2")
        assert await case.refuses(Event.extend, too_much) is Code.EXTENSION_TOO_LONG
        await case.let_pass(before - await engine.skipper.get_current_time(engine.handle(case.case_id)))
        assert (await case.rests_in(status)).due_at == after
    await waiting.time_runs_out(Event.supplement_expired)
    assert (await waiting.ends()).status is Status.closed_no_response


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_limit_with_one_day_left_has_one_day_left_after_a_hold(engine: Engine, region: str) -> None:
    case = await change(engine, region=region)
    before = await case.rests_in(Status.awaiting_documents)
    assert before.due_at is not None
    await case.let_pass(before.due_at - timedelta(hours=30) - await engine.time_of(case.case_id))
    await case.tell(Event.hold)
    await case.rests_in(Status.on_hold)
    await case.let_pass(timedelta(days=20))
    await case.tell(Event.resume)
    after = await case.rests_in(Status.awaiting_documents)
    resumed = (await engine.history(case.case_id))[-1].at
    assert after.due_at is not None
    left = due(resumed, Budget(2), official_calendar())
    assert after.due_at <= left.at
    await case.time_runs_out(Event.supplement_expired)
    assert (await case.ends()).status is Status.closed_no_response


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_holds_for_an_id_card_end_where_the_law_says_whatever_is_extended(engine: Engine, region: str) -> None:
    case = await change(engine, ID_CARD, region=region)
    await case.tell(Event.hold)
    begun = (await engine.history(case.case_id))[-1].at
    most = due(begun, Budget(90, working=False), official_calendar()).at
    allowed = quiet_policies().of_region(region).max_extension
    if allowed >= 30:
        too_long = Extend(actor=OFFICER, working_days=30, evidence="ext-1")
        assert await case.refuses(Event.extend, too_long) is Code.EXTENSION_OF_HOLD
    await case.tell(Event.extend, Extend(actor=OFFICER, working_days=5, evidence="ext-2"))
    held_ = await case.rests_in(Status.on_hold)
    assert held_.due_at is not None
    assert held_.due_at <= most


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_hold_that_a_dispute_interrupts_goes_on_when_the_dispute_lapses(engine: Engine, region: str) -> None:
    first = await change(engine, ID_CARD, region=region)
    await first.tell(Event.hold)
    before = await first.rests_in(Status.on_hold)
    other = await change(engine, ID_CARD, new=first.person.new, region=region)
    await other.rests_in(Status.disputed)
    await first.rests_in(Status.disputed)
    await other.tell(Event.withdraw)
    after = await first.rests_in(Status.on_hold)
    assert after.due_event is Event.hold_expired
    assert after.due_at == before.due_at
    assert (await first.tell(Event.resume)).status is Status.in_review


@pytest.mark.parametrize("status", [Status.awaiting_documents, Status.in_review])
async def test_a_named_officer_holds_benefits_lawfully_and_a_hold_of_the_case_lifts_them(
    engine: Engine, status: Status
) -> None:
    case, early = await asyncio.gather(CHANGES[status](engine, region=SOUTH), CHANGES[status](engine))
    assert await early.refuses(Event.hold_benefits) is Code.DEADLINE_NOT_PASSED
    assert await case.refuses(Event.release_benefits) is Code.BENEFITS_NOT_HELD
    decision = FACTS[Event.hold_benefits]
    assert isinstance(decision, HoldBenefits)
    clerk = decision.actor.model_copy(update={"role": Role.clerk})
    by_clerk = decision.model_copy(update={"actor": clerk})
    assert await case.refuses(Event.hold_benefits, by_clerk) is Code.ROLE_NOT_ALLOWED
    await case.tell(Event.hold_benefits)
    assert (await case.rests_in(status)).benefits_held
    assert (await case.holdings()).benefits == {"id_number": "held"}
    await case.tell(Event.release_benefits)
    assert (await case.holdings()).benefits == {"id_number": "released"}
    await case.tell(Event.hold_benefits)
    await case.tell(Event.hold)
    assert not (await case.rests_in(Status.on_hold)).benefits_held
    assert (await case.holdings()).benefits == {"id_number": "released"}
    assert await case.refuses(Event.hold_benefits) is Code.BENEFITS_EXCLUDED


async def test_held_benefits_are_released_by_decision_wherever_the_case_stands(engine: Engine) -> None:
    roads = (Status.awaiting_approval, Status.applying, Status.repair)
    awaiting, under_way, in_repair = await asyncio.gather(
        *(CHANGES[status](engine, benefit_holds=HELD_BENEFITS) for status in roads)
    )
    for case, status in zip((awaiting, under_way, in_repair), roads, strict=True):
        assert (await case.rests_in(status)).benefits_held
        assert (await case.tell(Event.release_benefits)).status is status
        assert not (await case.rests_in(status)).benefits_held
        assert (await case.holdings()).benefits == {"id_number": "released"}
    assert await awaiting.refuses(Event.hold_benefits) is Code.BENEFITS_EXCLUDED
