"""A case that follows another version of its policy: it waits for nothing that is no more, and goes on by itself."""

from datetime import timedelta

import pytest

from cases.documents import DocumentKind
from cases.events import Event
from cases.facts import CardFunction, Recompute
from cases.machines.machine import Status
from cases.models import System
from tests.engine import MOVING, Engine, new_number
from tests.scenes import CERTIFICATE, ID_CARD, OPERATOR
from tests.workflows.dossier import Dossier
from tests.workflows.roads import activate, change, handed_over, overdue

LESS = Recompute(actor=OPERATOR, policy="moving/1")


async def told_of(case: Dossier) -> str | None:
    """What the audit keeps of the newest recomputation."""
    outcome: str | None = await case.engine.pool.fetchval(
        "SELECT outcome::jsonb ->> 'recomputed' FROM transitions WHERE case_id = $1 AND event = 'recompute' "
        "ORDER BY version DESC LIMIT 1",
        case.case_id,
    )
    return outcome


@pytest.mark.parametrize("in_repair", [False, True])
async def test_a_case_goes_on_when_the_only_system_that_it_waits_for_is_dropped(
    engine: Engine, *, in_repair: bool
) -> None:
    case = await change(engine, ID_CARD, region=MOVING)
    await case.verify()
    await case.rests_in(Status.applying)
    await case.confirm(System.medical_insurance, System.pension)
    if in_repair:
        await case.time_runs_out(Event.confirmation_overdue)
        await case.rests_in(Status.repair)
    await case.tell(Event.recompute, LESS)
    outcome = await case.ends()
    assert (outcome.status, outcome.recomputed) == (Status.done, (await case.agrees()).recomputed)
    view = await case.agrees()
    assert view.confirmations == (System.medical_insurance, System.pension)
    assert view.recomputed is not None
    assert (view.recomputed.systems, view.recomputed.policy_before) == ((System.bank,), "moving/2")
    assert '"systems": ["bank"]' in (await told_of(case) or "")
    assert Event.nothing_awaited in [each.event for each in await engine.history(case.case_id)]


async def test_a_case_waits_for_the_systems_that_are_left(engine: Engine) -> None:
    case = await overdue(engine, region=MOVING)
    await case.tell(Event.recompute, LESS)
    view = await case.rests_in(Status.repair)
    assert view.awaited == (System.medical_insurance, System.pension)
    assert "不再等待：银行" in await case.details()
    await case.confirm(System.medical_insurance, System.pension)
    assert (await case.ends()).status is Status.done


async def test_an_undo_is_told_to_a_system_that_the_policy_has_dropped_since(engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=MOVING)
    await case.verify()
    await case.rests_in(Status.applying)
    await case.tell(Event.recompute, LESS)
    await case.rests_in(Status.applying)
    await case.tell(Event.withdraw)
    await case.ends()
    assert await case.told_to("bank") == ["number_changed", "number_change_undone"]


async def test_a_card_is_active_when_the_function_that_it_waits_for_is_dropped(engine: Engine) -> None:
    case = await handed_over(engine, region=MOVING)
    await activate(case, CardFunction.social)
    await case.rests_in(Status.handed_over)
    await case.tell(Event.recompute, LESS)
    assert (await case.ends()).status is Status.done
    view = await case.agrees()
    assert view.activated == (CardFunction.social,)
    assert view.recomputed is not None
    assert view.recomputed.functions == (CardFunction.bank,)


@pytest.mark.parametrize("interrupted", [False, True])
async def test_who_was_told_a_day_has_until_that_day_when_the_next_version_gives_less_time(
    engine: Engine, *, interrupted: bool
) -> None:
    case = await change(engine, region=MOVING)
    before = await case.rests_in(Status.awaiting_documents)
    assert before.due_at is not None
    last_day = before.due_at - timedelta(hours=20)
    await case.let_pass(last_day - await engine.time_of(case.case_id))
    if interrupted:
        await case.tell(Event.hold)
    await case.tell(Event.recompute, LESS)
    if interrupted:
        await case.tell(Event.resume)
    view = await case.rests_in(Status.awaiting_documents)
    assert (view.policy, view.due_at) == ("moving/1", before.due_at)
    await case.tell(Event.add_documents)
    await case.rests_in(Status.in_review)


async def test_an_applicant_waits_for_no_document_that_is_asked_for_no_more(engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=MOVING, new=new_number())
    view = await case.rests_in(Status.awaiting_documents)
    assert [demand.document for demand in view.missing] == [CERTIFICATE.kind]
    await case.tell(Event.recompute, LESS)
    view = await case.rests_in(Status.in_review)
    assert (view.missing, [paper.kind for paper in view.documents]) == ((), [ID_CARD.kind])
    assert view.recomputed is not None
    assert view.recomputed.demands == (DocumentKind.police_certificate,)


async def test_the_outcome_says_what_all_recomputations_changed_together(engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=MOVING, new=new_number())
    await case.rests_in(Status.awaiting_documents)
    await case.tell(Event.recompute, LESS)
    first = (await case.rests_in(Status.in_review)).recomputed
    assert first is not None
    # The same once more changes nothing, and takes nothing back of what was changed.
    await case.tell(Event.recompute, Recompute(actor=OPERATOR), update_id="again-1")
    assert (await case.rests_in(Status.in_review)).recomputed is None
    await case.tell(Event.withdraw)
    assert (await case.ends()).recomputed == first
