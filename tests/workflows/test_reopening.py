"""A closed case is opened again as its next generation: nothing is overwritten, and only who says so reopens."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.registry.reading import verify_chain
from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Status
from cases.openings import NumberChangeOpening, ReplacementReason
from tests.engine import Engine
from tests.scenes import CERTIFICATE, ID_CARD, SOUTH
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import activate, change, reissued, replacement, to_the_end


async def first_generation_of(case: Dossier) -> dict[str, Any]:
    """Everything the register has of the first generation of a case, to be compared later."""
    row = await case.engine.pool.fetchrow(_FIRST_GENERATION, case.case_id)
    assert row is not None
    assert all(row.values())
    return dict(row)


_FIRST_GENERATION = """
    SELECT
        (SELECT jsonb_agg(r) FROM cases r WHERE case_id = $1 AND generation = 1) AS cases,
        (SELECT jsonb_agg(r ORDER BY version) FROM transitions r WHERE case_id = $1 AND generation = 1) AS transitions,
        (SELECT jsonb_agg(r) FROM idempotency_keys r WHERE case_id = $1 AND generation = 1) AS keys,
        (SELECT jsonb_agg(r ORDER BY id) FROM notifications r WHERE case_id = $1 AND generation = 1) AS notifications
"""


async def test_a_reopened_case_is_the_next_generation_and_overwrites_nothing(engine: Engine) -> None:
    case = await change(engine)
    await case.time_runs_out(Event.supplement_expired)
    await case.ends()
    before = await first_generation_of(case)
    again = await Dossier.open(
        engine, case.person, engine.number_change(case.person, ID_CARD, region=SOUTH, reopen=True)
    )
    assert (again.case_id, again.receipt.generation) == (case.case_id, 2)
    view = await again.rests_in(Status.in_review)
    assert (view.generation, view.version) == (2, 1)
    await again.verify()
    outcome = await again.ends()
    assert (outcome.status, outcome.generation) == (Status.done, 2)
    assert await first_generation_of(case) == before
    assert await verify_chain(engine.pool, case.case_id) is None
    assert (await again.holdings()).numbers == (("old", "historic"), ("new", "living"))


async def test_a_closed_case_stays_closed_for_who_does_not_ask_to_reopen_it(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await case.tell(Event.withdraw)
    outcome = await case.ends()
    with pytest.raises(WorkflowAlreadyStartedError):
        await engine.open(engine.number_change(case.person, ID_CARD, CERTIFICATE))
    assert await case.ends() == outcome
    generations = await engine.pool.fetch("SELECT generation FROM cases WHERE case_id = $1", case.case_id)
    assert len(generations) == 1


async def test_what_was_never_opened_cannot_be_reopened_and_an_open_case_neither(engine: Engine) -> None:
    person = await engine.insured()
    never = engine.number_change(person, ID_CARD, reopen=True)
    assert await refusal(engine, never) is Code.CASE_NOT_REOPENABLE
    case = await change(engine, ID_CARD)
    while_open = engine.number_change(case.person, ID_CARD, CERTIFICATE, reopen=True)
    assert await refusal(engine, while_open) is Code.CASE_ALREADY_OPEN
    await case.rests_in(Status.in_review)


async def test_of_many_who_reopen_at_once_one_begins_the_next_generation(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await case.tell(Event.withdraw)
    await case.ends()
    opening = engine.number_change(case.person, ID_CARD, reopen=True)
    receipts = await asyncio.gather(*(engine.open(opening) for _ in range(10)))
    assert {receipt.model_dump_json() for receipt in receipts} == {receipts[0].model_dump_json()}
    assert receipts[0].generation == 2
    await Dossier(engine, case.person, opening, receipts[0]).rests_in(Status.in_review)
    generations = await engine.pool.fetch("SELECT generation FROM cases WHERE case_id = $1", case.case_id)
    assert len(generations) == 2


async def test_what_an_earlier_generation_was_told_does_not_count_in_the_next(engine: Engine) -> None:
    case = await reissued(engine, ID_CARD, CERTIFICATE)
    await case.verify()
    stale = await case.approval()
    await case.tell(Event.hold, update_id="hold-1")
    await case.tell(Event.withdraw)
    await case.ends()
    opening = engine.number_change(case.person, ID_CARD, CERTIFICATE, reopen=True)
    again = await Dossier.open(engine, case.person, opening)
    assert (await again.verify()).status is Status.awaiting_approval
    assert await again.refuses(Event.approve, stale) is Code.CONTENT_CHANGED
    # An ID that the earlier generation was told under is new to this one.
    await again.tell(Event.hold, update_id="hold-1")
    await again.rests_in(Status.on_hold)


async def test_a_card_that_was_replaced_once_may_be_replaced_again(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD)
    await case.verify()
    await to_the_end(case)
    await case.ends()
    opening = engine.replacement(case.person, ReplacementReason.lost, ID_CARD, reopen=True)
    again = await Dossier.open(engine, case.person, opening)
    await again.tell(Event.confirm_loss)
    await again.verify()
    await again.rests_in(Status.in_production)
    await again.tell(Event.card_produced, again.produced("NEWEST001"))
    await again.tell(Event.card_handed_over)
    await activate(again)
    assert (await again.ends()).generation == 2
    assert (await again.holdings()).codes == "431"


async def refusal(engine: Engine, opening: NumberChangeOpening) -> Code:
    """Why an application is refused."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await engine.open(opening)
    return code_of(refused.value)
