"""Two people, one number: both cases wait, nobody's benefits stop, two officers decide, and both cases learn it."""

import asyncio
from functools import partial

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.registry.reading import transitions_of
from cases.answers import Answer, CaseView
from cases.documents import Document, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments, DisputeOutcome, ResolveDispute
from cases.machines.machine import Status
from cases.models import Actor, Role
from tests.engine import Engine, new_number
from tests.scenes import CERTIFICATE, CLERK, ID_CARD, OFFICE, OFFICER, SECOND_OFFICER, SOUTH, document
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import CHANGES, HELD_BENEFITS, REISSUED, awaiting_approval, change, disputed

OFFICERS = (OFFICER, SECOND_OFFICER)
SUPERVISOR = Actor(id="supervisor-1", role=Role.supervisor, office=OFFICE)
COURT = document(DocumentKind.court_certificate)


async def two_cases(engine: Engine, *documents: Document, region: str = SOUTH) -> tuple[Dossier, Dossier]:
    """Two people whose open cases ask for the same number; the second one's screening finds the first."""
    wanted = new_number()
    first = await change(engine, *documents, region=region, new=wanted, benefit_holds=HELD_BENEFITS)
    second = await change(engine, *documents, region=region, new=wanted, benefit_holds=HELD_BENEFITS)
    for case, rival in ((first, second), (second, first)):
        view = await case.rests_in(Status.disputed)
        assert view.related == rival.case_id
        assert view.attention == ("dispute",)
        assert (await case.holdings()).benefits == {"id_number": "released"}
    return first, second


async def holder(engine: Engine, case: Dossier) -> list[str]:
    """States of the disputed number wherever the register has it."""
    token = engine.sealer.number_token(case.person.new)
    rows = await engine.pool.fetch("SELECT state FROM numbers WHERE token = $1 ORDER BY id", token)
    return [row["state"] for row in rows]


async def outcomes_of(engine: Engine, case: Dossier) -> list[tuple[str, str | None]]:
    """How the disputes of a case stand."""
    rows = await engine.pool.fetch(
        "SELECT state, outcome FROM disputes WHERE case_id = $1 OR rival_case_id = $1 ORDER BY id", case.case_id
    )
    return [(row["state"], row["outcome"]) for row in rows]


async def goes_on_to_the_end(case: Dossier) -> None:
    """A dispute that was won asks for both people of a reissued number."""
    assert (await case.verify()).status is Status.awaiting_approval
    await case.approve()
    assert (await case.ends()).status is Status.done


async def test_who_has_the_number_without_a_case_loses_it_when_two_officers_say_it_is_ours(engine: Engine) -> None:
    case = await disputed(engine, ID_CARD, region=SOUTH)
    assert case.receipt.status is Status.disputed
    assert await holder(engine, case) == ["living"]
    await case.decide(DisputeOutcome.ours, OFFICER)
    again = ResolveDispute(actor=OFFICER, outcome=DisputeOutcome.ours, police_document=CERTIFICATE)
    assert await case.refuses(Event.resolve_dispute, again) is Code.SAME_PERSON
    view = await case.rests_in(Status.disputed)
    assert view.dispute is not None
    assert view.dispute.decided_by == OFFICER.id
    assert (await case.decide(DisputeOutcome.ours, SECOND_OFFICER)).status is Status.in_review
    assert await holder(engine, case) == ["revoked"]
    await goes_on_to_the_end(case)
    assert await holder(engine, case) == ["revoked", "living"]
    assert await outcomes_of(engine, case) == [("settled", "ours")]


async def test_who_has_the_number_keeps_it_when_it_is_theirs_and_loses_it_when_both_change(engine: Engine) -> None:
    theirs, both = await asyncio.gather(disputed(engine, ID_CARD), disputed(engine, ID_CARD))
    for case, outcome, number in (
        (theirs, DisputeOutcome.theirs, "living"),
        (both, DisputeOutcome.both_change, "revoked"),
    ):
        await case.decide(outcome, *OFFICERS)
        ended = await case.ends()
        assert (ended.status, ended.reason) == (Status.rejected, Code.DISPUTE_LOST)
        assert await holder(engine, case) == [number]
        assert (await case.holdings()).numbers == (("old", "living"),)


async def differs(case: Dossier, fact: ResolveDispute) -> CaseView:
    """A decision that differs from the first is refused, and stands beside it in view, details and audit."""
    before = (await case.agrees()).dispute
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.tell(Event.resolve_dispute, fact)
    assert code_of(refused.value) is Code.OPINIONS_DIFFER
    view = await case.rests_in(Status.disputed)
    assert before is not None
    assert (view.dispute, view.last_refusal) == (before, Code.OPINIONS_DIFFER)
    newest = view.dissents[-1]
    assert (newest.decided_by, newest.outcome, newest.document) == (
        fact.actor.id,
        fact.outcome,
        fact.police_document.sha256,
    )
    details = await case.details()
    for said in (before, newest):
        assert said.document[:12] in details
        assert said.decided_by in details
    made = (await case.engine.history(case.case_id))[-1]
    assert (made.event, made.actor, made.refused) == (Event.resolve_dispute, fact.actor.id, Code.OPINIONS_DIFFER)
    *earlier, audited = await transitions_of(case.engine.pool, case.case_id)
    assert (audited.version, audited.refused) == (made.version, Code.OPINIONS_DIFFER)
    assert earlier[0].refused is None
    return view


def decision(by: Actor, outcome: DisputeOutcome, paper: Document = CERTIFICATE) -> ResolveDispute:
    return ResolveDispute(actor=by, outcome=outcome, police_document=paper)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_officers_who_differ_are_agreed_when_one_joins_the_other(engine: Engine, region: str) -> None:
    case = await disputed(engine, ID_CARD, region=region)
    await case.decide(DisputeOutcome.ours, OFFICER)
    theirs = decision(SECOND_OFFICER, DisputeOutcome.theirs, COURT)
    await differs(case, theirs)
    # The same words again put nothing further on record.
    assert await case.refuses(Event.resolve_dispute, theirs) is Code.SAME_PERSON
    assert (await case.decide(DisputeOutcome.theirs, OFFICER, document=COURT)).status is Status.rejected
    await case.ends()
    row = await engine.pool.fetchrow(
        "SELECT first_decider, second_decider, document FROM disputes WHERE case_id = $1", case.case_id
    )
    assert row is not None
    assert tuple(row) == (SECOND_OFFICER.id, OFFICER.id, COURT.sha256)


async def test_between_officers_who_differ_a_supervisor_decides(engine: Engine) -> None:
    case = await disputed(engine, ID_CARD, region=SOUTH)
    await case.decide(DisputeOutcome.theirs, OFFICER)
    await differs(case, decision(SECOND_OFFICER, DisputeOutcome.ours))
    third = decision(OFFICER.model_copy(update={"id": "officer-3"}), DisputeOutcome.ours)
    assert await case.refuses(Event.resolve_dispute, third) is Code.OPINIONS_DIFFER
    await differs(case, decision(SUPERVISOR, DisputeOutcome.both_change))
    above = SUPERVISOR.model_copy(update={"id": "supervisor-2"})
    assert (await case.decide(DisputeOutcome.ours, above)).status is Status.in_review
    await goes_on_to_the_end(case)
    row = await engine.pool.fetchrow(
        "SELECT first_decider, second_decider FROM disputes WHERE case_id = $1", case.case_id
    )
    assert row is not None
    assert tuple(row) == (SECOND_OFFICER.id, above.id)


async def test_a_dispute_is_decided_on_papers_of_the_police_or_a_court(engine: Engine) -> None:
    case = await disputed(engine, ID_CARD)
    fact = ResolveDispute(actor=OFFICER, outcome=DisputeOutcome.ours, police_document=ID_CARD)
    assert await case.refuses(Event.resolve_dispute, fact) is Code.DOCUMENTS_MISSING


@pytest.mark.parametrize("decided_in_first", [True, False])
async def test_of_two_cases_the_winner_goes_on_and_the_loser_is_rejected(
    engine: Engine, *, decided_in_first: bool
) -> None:
    ours, theirs = await asyncio.gather(two_cases(engine, ID_CARD), two_cases(engine, ID_CARD))
    for pair, outcome in ((ours, DisputeOutcome.ours), (theirs, DisputeOutcome.theirs)):
        here, there = pair if decided_in_first else pair[::-1]
        await here.decide(outcome, *OFFICERS)
        winner, loser = (here, there) if outcome is DisputeOutcome.ours else (there, here)
        lost = await loser.ends()
        assert (lost.status, lost.reason) == (Status.rejected, Code.DISPUTE_LOST)
        if winner is there:
            # Its reissued number asks for the certificate, which only the other case has been shown.
            await winner.rests_in(Status.awaiting_documents)
            await winner.tell(Event.add_documents, AddDocuments(actor=CLERK, documents=(CERTIFICATE,)))
        await winner.rests_in(Status.in_review)
        await goes_on_to_the_end(winner)
        assert (await loser.holdings()).numbers == (("old", "living"),)
        assert await outcomes_of(engine, loser) == [("settled", outcome.value)]


async def test_of_two_cases_both_are_rejected_when_both_must_change(engine: Engine) -> None:
    first, second = await two_cases(engine, ID_CARD)
    await second.decide(DisputeOutcome.both_change, *OFFICERS)
    for case in (first, second):
        assert (await case.ends()).reason is Code.DISPUTE_LOST
    assert await holder(engine, first) == []


async def test_a_won_dispute_without_papers_still_asks_for_them(engine: Engine) -> None:
    first, second = await two_cases(engine)
    assert (await first.decide(DisputeOutcome.ours, *OFFICERS)).status is Status.awaiting_documents
    view = await first.rests_in(Status.awaiting_documents)
    assert [demand.document for demand in view.missing] == [ID_CARD.kind]
    assert (await second.ends()).status is Status.rejected
    assert (await first.tell(Event.add_documents)).status is Status.in_review
    await goes_on_to_the_end(first)


@pytest.mark.parametrize("leaving", [Event.withdraw, Event.person_ended])
async def test_a_dispute_lapses_when_one_side_leaves_and_the_other_goes_on(engine: Engine, leaving: Event) -> None:
    (first, second), (third, fourth) = await asyncio.gather(two_cases(engine, ID_CARD), two_cases(engine, *REISSUED))
    await asyncio.gather(first.tell(leaving), third.tell(leaving))
    await asyncio.gather(first.ends(), third.ends())
    # The first one's rival was screened as a conflict and needs the papers of a reissued number.
    await second.rests_in(Status.awaiting_documents)
    await fourth.rests_in(Status.in_review)
    assert await outcomes_of(engine, second) == [("lapsed", None)]
    assert (await fourth.verify()).status is Status.awaiting_approval
    await fourth.approve()
    assert (await fourth.ends()).status is Status.done


@pytest.mark.parametrize(
    "status", [Status.awaiting_documents, Status.in_review, Status.awaiting_approval, Status.on_hold]
)
async def test_a_case_is_frozen_wherever_it_stands_when_somebody_else_asks_for_its_number(
    engine: Engine, status: Status
) -> None:
    case = await CHANGES[status](engine, benefit_holds=HELD_BENEFITS)
    rival = await change(engine, ID_CARD, new=case.person.new)
    view = await case.rests_in(Status.disputed)
    assert (view.related, view.verifier, view.approver) == (rival.case_id, None, None)
    assert not view.benefits_held
    assert await case.refuses(Event.hold_benefits) is Code.BENEFITS_EXCLUDED
    await case.tell(Event.add_documents)
    await case.tell(Event.acknowledge)
    await case.rests_in(Status.disputed)


async def test_a_case_that_is_told_of_a_third_person_stays_frozen_until_the_last_dispute_is_over(
    engine: Engine,
) -> None:
    first, second = await two_cases(engine, *REISSUED)
    third = await change(engine, *REISSUED, region=SOUTH, new=first.person.new)
    await third.rests_in(Status.disputed)
    await third.tell(Event.withdraw)
    await third.ends()
    await asyncio.gather(first.rests_in(Status.disputed), second.rests_in(Status.disputed))
    await second.tell(Event.withdraw)
    await second.ends()
    await first.rests_in(Status.in_review)


async def test_a_dispute_over_a_number_that_its_holder_gives_up_lapses(engine: Engine) -> None:
    holding = await change(engine, *REISSUED, region=SOUTH, number=new_number(), new=new_number())
    await holding.rests_in(Status.in_review)
    case = await change(engine, *REISSUED, region=SOUTH, new=holding.person.old)
    await case.rests_in(Status.disputed)
    await holding.verify()
    await holding.approve()
    assert (await holding.ends()).status is Status.done
    await case.rests_in(Status.in_review)
    await goes_on_to_the_end(case)
    assert await holder(engine, case) == ["historic", "living"]


async def test_a_number_that_was_taken_between_screening_and_applying_is_disputed(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await engine.insured(number=case.person.new)
    await case.verify()
    view = await case.rests_in(Status.disputed)
    assert (view.last_error, view.verifier) == (Code.NUMBER_TAKEN, None)
    assert (await case.holdings()).numbers == (("old", "living"),)
    await case.decide(DisputeOutcome.theirs, *OFFICERS)
    assert (await case.ends()).status is Status.rejected


async def test_of_cases_that_ask_for_one_number_and_are_decided_at_once_exactly_one_ends_with_it(
    engine: Engine,
) -> None:
    async def race(number: str) -> None:
        people = await asyncio.gather(*(engine.insured(region=SOUTH, new=number) for _ in range(3)))
        openings = [engine.number_change(person, *REISSUED, region=SOUTH) for person in people]
        cases = await asyncio.gather(*map(partial(Dossier.open, engine), people, openings))
        for case in cases:
            await case.rests_in(Status.disputed)
        for case in cases:
            await case.decide(DisputeOutcome.ours, OFFICER)
        decided = await asyncio.gather(
            *(case.decide(DisputeOutcome.ours, SECOND_OFFICER) for case in cases), return_exceptions=True
        )
        winners = [case for case, answer in zip(cases, decided, strict=True) if isinstance(answer, Answer)]
        assert len(winners) == 1
        for case in cases:
            if case not in winners:
                assert (await case.ends()).reason is Code.DISPUTE_LOST
        await winners[0].rests_in(Status.in_review)
        await goes_on_to_the_end(winners[0])
        assert await holder(engine, winners[0]) == ["living"]

    await asyncio.gather(*(race(new_number()) for _ in range(2)))


async def test_of_two_cases_that_are_both_decided_against_at_once_one_stays_the_winner(engine: Engine) -> None:
    first, second = await two_cases(engine, *REISSUED)
    for case in (first, second):
        await case.decide(DisputeOutcome.theirs, OFFICER)
    decided = await asyncio.gather(
        *(case.decide(DisputeOutcome.theirs, SECOND_OFFICER) for case in (first, second)), return_exceptions=True
    )
    loser, winner = (first, second) if isinstance(decided[0], Answer) else (second, first)
    assert sum(isinstance(answer, Answer) for answer in decided) == 1
    assert (await loser.ends()).reason is Code.DISPUTE_LOST
    await winner.rests_in(Status.in_review)
    await goes_on_to_the_end(winner)


async def test_a_case_that_comes_after_the_number_was_given_finds_its_holder(engine: Engine) -> None:
    first = await change(engine, ID_CARD, region=SOUTH)
    await first.verify()
    await first.ends()
    second = await change(engine, ID_CARD, region=SOUTH, new=first.person.new)
    view = await second.rests_in(Status.disputed)
    assert view.related is None
    assert await holder(engine, second) == ["living"]


async def test_a_verified_second_officer_case_is_frozen_too(engine: Engine) -> None:
    case = await awaiting_approval(engine)
    approval = await case.approval()
    await change(engine, ID_CARD, new=case.person.new)
    await case.rests_in(Status.disputed)
    assert await case.refuses(Event.approve, approval) is Code.EVENT_NOT_ALLOWED
