"""A change that was carried out and was not right is corrected on a road of its own: nothing is repaired by hand."""

from dataclasses import replace

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.registry.reading import verify_chain
from activities.sealing import Field
from cases.documents import Document, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments
from cases.machines.machine import Status
from cases.models import Role, System
from cases.openings import Correction, CorrectionReason, ReplacementReason
from tests.engine import Engine, new_number
from tests.scenes import CERTIFICATE, CLERK, ID_CARD, OFFICE, SOUTH, VERIFIER, document
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import applying, change, reissued, to_the_end

DECISION = document(DocumentKind.administrative_decision)
DEMANDED: dict[tuple[str, CorrectionReason], tuple[Document, ...]] = {
    (OFFICE, CorrectionReason.wrong_number): (ID_CARD, CERTIFICATE),
    (OFFICE, CorrectionReason.certificate_revoked): (DECISION, CERTIFICATE),
    (OFFICE, CorrectionReason.administrative_review): (DECISION,),
    (SOUTH, CorrectionReason.wrong_number): (ID_CARD,),
    (SOUTH, CorrectionReason.certificate_revoked): (CERTIFICATE,),
    (SOUTH, CorrectionReason.administrative_review): (DECISION, ID_CARD),
}
"""What each region asks for each reason."""
_NUMBERS = """
    SELECT n.token, n.state FROM numbers n JOIN persons p ON p.id = n.person_id WHERE p.token = $1 ORDER BY n.id
"""


def correction(reason: CorrectionReason = CorrectionReason.wrong_number) -> Correction:
    return Correction(reason=reason, legal_basis="社会保险经办条例第十条", reference="review-2026-1")


async def carried_out(engine: Engine, region: str) -> Dossier:
    """A change that is done: the register has a number that is to prove wrong."""
    case = await reissued(engine, ID_CARD, CERTIFICATE, region=region)
    await case.verify()
    await case.approve()
    if region == OFFICE:
        await case.confirm(*System)
    assert (await case.ends()).status is Status.done
    return case


async def corrected(
    case: Dossier, *papers: Document, number: str, reason: CorrectionReason = CorrectionReason.wrong_number
) -> Dossier:
    """The next generation of a case, opened to correct it."""
    sealer, ref = case.engine.sealer, case.opening.person
    application = case.engine.number_change(
        case.person, *papers, region=case.opening.region, reopen=True, correction=correction(reason)
    )
    again = application.model_copy(
        update={
            "number": sealer.seal(number, field=Field.number, person=ref),
            "number_token": sealer.number_token(number),
            "fingerprint": sealer.content_token(f"{application.fingerprint}{number}"),
            "key": f"correction-{sealer.number_token(number)[:12]}-{reason}",
        }
    )
    return await Dossier.open(case.engine, case.person, again)


@pytest.mark.parametrize(("region", "reason"), DEMANDED, ids=str)
async def test_a_correction_has_the_demands_of_its_reason_and_takes_a_verifier_and_an_officer(
    engine: Engine, region: str, reason: CorrectionReason
) -> None:
    case = await carried_out(engine, region)
    papers, right = DEMANDED[region, reason], new_number()
    again = await corrected(case, number=right, reason=reason)
    view = await again.rests_in(Status.awaiting_documents)
    assert (view.generation, view.corrects) == (2, reason)
    assert {demand.document for demand in view.missing} == {paper.kind for paper in papers}
    assert all(demand.legal_basis for demand in view.missing)
    await again.tell(Event.add_documents, AddDocuments(actor=CLERK, documents=papers))
    assert (await again.verify()).status is Status.awaiting_approval
    same = VERIFIER.model_copy(update={"role": Role.officer})
    approval = await again.approval(same)
    assert await again.refuses(Event.approve, approval) is Code.SAME_PERSON
    await again.approve()
    if region == OFFICE:
        # Every system is told of the correction, and confirms it, as it was of the change.
        await again.confirm(*System)
    outcome = await again.ends()
    assert (outcome.status, outcome.generation) == (Status.done, 2)
    numbers = await engine.pool.fetch(_NUMBERS, again.opening.person)
    assert [row["state"] for row in numbers] == ["historic", "historic", "living"]
    assert numbers[-1]["token"] == engine.sealer.number_token(right)
    for target in ("register", *(System if region == OFFICE else ())):
        assert (await again.told_to(target)).count("number_changed") == 2
    assert await verify_chain(engine.pool, case.case_id) is None


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_the_number_before_a_wrong_change_is_restored(engine: Engine, region: str) -> None:
    before = new_number()
    case = await reissued(engine, ID_CARD, CERTIFICATE, region=region, number=before)
    await case.verify()
    await case.approve()
    if region == OFFICE:
        await case.confirm(*System)
    await case.ends()
    reason = CorrectionReason.certificate_revoked
    again = await corrected(case, *DEMANDED[region, reason], number=before, reason=reason)
    await again.verify()
    await again.approve()
    if region == OFFICE:
        await again.confirm(*System)
    assert (await again.ends()).status is Status.done
    assert (await again.holdings()).numbers == (("old", "historic"), ("new", "historic"), ("old", "living"))


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_only_what_was_carried_out_is_corrected(engine: Engine, region: str) -> None:
    case = await change(engine, ID_CARD, region=region)
    await case.tell(Event.withdraw)
    await case.ends()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await corrected(case, *DEMANDED[region, CorrectionReason.wrong_number], number=new_number())
    assert code_of(refused.value) is Code.NOTHING_TO_CORRECT
    assert await engine.pool.fetchval("SELECT max(generation) FROM cases WHERE case_id = $1", case.case_id) == 1


async def test_a_correction_that_was_withdrawn_is_no_end_of_the_road(engine: Engine) -> None:
    case = await carried_out(engine, SOUTH)
    first = await corrected(case, ID_CARD, number=new_number())
    await first.tell(Event.withdraw)
    await first.ends()
    second = await corrected(case, ID_CARD, number=new_number())
    assert second.receipt.generation == 3
    await second.verify()
    await second.approve()
    assert (await second.ends()).status is Status.done


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_card_that_is_made_while_the_number_is_corrected_is_replaced_in_its_turn(
    engine: Engine, region: str
) -> None:
    case = await carried_out(engine, region)
    person = replace(case.person, old=case.person.new)
    opening = engine.replacement(person, ReplacementReason.data_changed, ID_CARD, region=region)
    card = await Dossier.open(engine, person, opening)
    await card.verify()
    await card.rests_in(Status.in_production)
    again = await corrected(case, *DEMANDED[region, CorrectionReason.wrong_number], number=new_number())
    await again.verify()
    await again.approve()
    if region == OFFICE:
        await again.confirm(*System)
    assert (await again.ends()).status is Status.done
    await to_the_end(card)
    assert (await card.ends()).status is Status.done
    held = await card.holdings()
    assert (held.codes[-1], held.cards[-1].outdated) == ("1", True)
    offers = {OFFICE: await card.messages(), SOUTH: await card.told_to("intake")}
    assert offers[region][-1] == {OFFICE: "CardReplacement.offered", SOUTH: "replacement_wanted"}[region]


async def test_an_answer_about_the_generation_before_is_not_taken_for_the_one_that_is_published(
    engine: Engine,
) -> None:
    case = await applying(engine)
    first = (await case.agrees()).publication
    assert first is not None
    await case.tell(Event.withdraw)
    await case.ends()
    opening = case.opening.model_copy(update={"reopen": True, "key": f"{case.opening.key}-again"})
    again = await Dossier.open(engine, case.person, opening)
    await again.verify()
    view = await again.rests_in(Status.applying)
    assert view.publication not in {None, first}
    for confirmed in (True, False):
        told = again.says(System.bank, confirmed=confirmed, publication=first)
        assert await again.refuses(Event.confirm_downstream, told) is Code.ANSWER_OUT_OF_DATE
    view = await again.rests_in(Status.applying)
    assert {late.request for late in view.late_answers} == {first}
    await again.confirm(*System)
    assert (await again.ends()).status is Status.done
