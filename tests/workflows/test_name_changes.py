"""A name changes with the number, or alone: with the evidence and the second officer of a reissued number."""

import pytest

from activities.sealing import Field
from cases.documents import DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Status
from cases.models import System
from cases.numbers import Road
from cases.openings import Correction, CorrectionReason, ReplacementReason
from tests.engine import Engine, Person, new_number
from tests.scenes import CERTIFICATE, ID_CARD, OFFICE, SOUTH, VERIFIER, document
from tests.workflows.dossier import Dossier

PAPERS = (ID_CARD, CERTIFICATE)
DECISION = document(DocumentKind.administrative_decision)
NEW_NAME = "合成新名"


def sealed(engine: Engine, person: Person, name: str) -> str:
    ref = engine.sealer.person_token(person.personal_number)
    return engine.sealer.seal(name, field=Field.name, person=ref)


async def name_of(case: Dossier) -> str:
    """The name in the register."""
    ref = case.opening.person
    name = await case.engine.pool.fetchval("SELECT name FROM persons WHERE token = $1", ref)
    return case.engine.sealer.open(name, field=Field.name, person=ref)


async def former_names(case: Dossier) -> list[tuple[str, bool]]:
    """Names that the person had, and whether the change was taken back."""
    ref = case.opening.person
    rows = await case.engine.pool.fetch(
        "SELECT name_before, undone_on FROM name_changes n JOIN persons p ON p.id = n.person_id "
        "WHERE p.token = $1 ORDER BY n.id",
        ref,
    )
    return [
        (case.engine.sealer.open(row["name_before"], field=Field.name, person=ref), row["undone_on"] is not None)
        for row in rows
    ]


async def opened(engine: Engine, *, region: str = OFFICE, alone: bool = False, said: str = "new_name") -> Dossier:
    """An application for another name, with a number that is derived or, where the name changes alone, in force."""
    person = await engine.insured(region=region, **({"number": new_number()} if alone else {}))
    more = {said: sealed(engine, person, NEW_NAME)}
    return await Dossier.open(engine, person, engine.number_change(person, *PAPERS, region=region, **more))


async def verified_and_approved(case: Dossier) -> None:
    assert (await case.verify()).status is Status.awaiting_approval
    assert await case.refuses(Event.approve, await case.approval(VERIFIER)) is Code.ROLE_NOT_ALLOWED
    await case.approve()


@pytest.mark.parametrize("said", ["new_name", "name"])
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_name_lands_in_the_register_with_the_number_or_alone(
    engine: Engine, region: str, said: str, *, alone: bool
) -> None:
    case = await opened(engine, region=region, alone=alone, said=said)
    view = await case.rests_in(Status.in_review)
    assert (view.road, view.changes_name, view.name_alone) == (Road.reissued, True, alone)
    assert "姓名变更" in await case.details()
    await verified_and_approved(case)
    if region == OFFICE:
        await case.rests_in(Status.applying)
        await case.confirm(*System)
    assert (await case.ends()).status is Status.done
    told = await engine.pool.fetchval(
        "SELECT (facts::jsonb ->> 'name_alone')::boolean FROM notifications WHERE case_id = $1 AND template = $2",
        case.case_id,
        "IdNumberChange.done",
    )
    assert told is alone
    assert await name_of(case) == NEW_NAME
    assert await former_names(case) == [(case.person.name, False)]
    held = await case.holdings()
    assert held.numbers == ((("old", "living"),) if alone else (("old", "historic"), ("new", "living")))
    assert [card.outdated for card in held.cards] == [True]


@pytest.mark.parametrize("alone", [False, True])
async def test_an_undo_brings_the_name_back_with_the_number(engine: Engine, *, alone: bool) -> None:
    case = await opened(engine, alone=alone)
    await verified_and_approved(case)
    await case.rests_in(Status.applying)
    assert await name_of(case) == NEW_NAME
    assert (await case.confirm(System.bank, confirmed=False)).status is Status.in_review
    await case.rests_in(Status.in_review)
    assert await name_of(case) == case.person.name
    assert await former_names(case) == [(case.person.name, True)]
    held = await case.holdings()
    assert [card.outdated for card in held.cards] == [False]
    assert held.numbers == ((("old", "living"),) if alone else (("old", "living"), ("new", "revoked")))
    assert (await case.told_to("bank"))[-1] == "number_change_undone"
    await verified_and_approved(case)
    await case.rests_in(Status.applying)
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done
    assert await name_of(case) == NEW_NAME


async def test_a_replacement_that_waits_for_a_name_goes_on_when_it_has_changed(engine: Engine) -> None:
    change = await opened(engine, region=SOUTH, alone=True)
    person = change.person
    card = engine.replacement(
        person,
        ReplacementReason.data_changed,
        ID_CARD,
        region=SOUTH,
        name=sealed(engine, person, NEW_NAME),
    )
    replacement = await Dossier.open(engine, person, card)
    view = await replacement.rests_in(Status.on_hold)
    assert (view.last_error, view.related) == (Code.PRECHECK_PERSON_DIFFERS, change.case_id)
    await verified_and_approved(change)
    assert (await change.ends()).status is Status.done
    view = await replacement.agrees()
    assert view.status in {Status.in_review, Status.awaiting_documents}


async def test_a_number_and_a_name_that_are_registered_need_nothing(engine: Engine) -> None:
    person = await engine.insured(number=new_number())
    case = await Dossier.open(engine, person, engine.number_change(person, *PAPERS))
    assert (await case.ends()).status is Status.not_needed


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_name_whose_certificate_is_revoked_after_the_end_is_what_it_was_before(
    engine: Engine, region: str
) -> None:
    case = await opened(engine, region=region, alone=True)
    await verified_and_approved(case)
    if region == OFFICE:
        await case.confirm(*System)
    assert (await case.ends()).status is Status.done
    assert await name_of(case) == NEW_NAME
    person = case.person
    application = engine.number_change(
        person,
        *(ID_CARD, CERTIFICATE, DECISION),
        region=region,
        reopen=True,
        name=sealed(engine, person, NEW_NAME),
        new_name=sealed(engine, person, person.name),
        correction=Correction(
            reason=CorrectionReason.certificate_revoked,
            legal_basis="社会保险经办条例第十条",
            reference="revoked-2026-1",
        ),
        key=f"revoked-{person.personal_number}",
    )
    again = await Dossier.open(engine, person, application)
    view = await again.rests_in(Status.in_review)
    assert (view.generation, view.corrects, view.changes_name) == (2, CorrectionReason.certificate_revoked, True)
    await verified_and_approved(again)
    if region == OFFICE:
        await again.confirm(*System)
    assert (await again.ends()).status is Status.done
    assert await name_of(again) == person.name
    assert [card.outdated for card in (await again.holdings()).cards] == [True]
