"""Applications as people really hand them in: who handed one in, who answers for it, and who decides on it then."""

import asyncpg
import pytest
from temporalio.client import WorkflowUpdateFailedError

from cases.errors import Code
from cases.events import Event
from cases.kinds import case_id
from cases.machines.machine import Milestone, Status
from cases.models import Actor, Role
from cases.names import Kind
from cases.openings import Opening, ReplacementReason
from tests.engine import Engine, new_number
from tests.scenes import CLERK, ID_CARD, OFFICE, OFFICER, SOUTH, VERIFIER
from tests.stamping import stamped_by_a_system
from tests.workflows.dossier import Dossier, code_of

ONWARD = {Kind.id_number_change: Status.verified, Kind.card_replacement: Status.ordered}
"""Where a case is once nobody has to decide on its documents any more."""


async def named(engine: Engine, kind: Kind, region: str, clerk: Actor) -> tuple[Opening, Dossier | Code]:
    """What becomes of an application that a clerk took in, as a system says."""
    if kind is Kind.id_number_change:
        person = await engine.insured(region=region)
        opening: Opening = engine.number_change(person, ID_CARD, region=region, submitter=clerk)
    else:
        person = await engine.insured(region=region, number=new_number())
        opening = engine.replacement(person, ReplacementReason.expired, ID_CARD, region=region, submitter=clerk)
    try:
        return opening, await Dossier.open(engine, person, stamped_by_a_system(opening))
    except WorkflowUpdateFailedError as refused:
        return opening, code_of(refused)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("kind", list(ONWARD))
async def test_where_a_system_names_the_clerk_two_others_decide(engine: Engine, kind: Kind, region: str) -> None:
    clerk = await engine.at_a_post(Actor(id=f"named-{region}", role=Role.clerk, office=region))
    _, case = await named(engine, kind, region, clerk)
    assert isinstance(case, Dossier)
    view = await case.rests_in(Status.in_review)
    assert (view.submitter, view.submitter_named) == (clerk.id, True)
    assert (await case.verify()).status is Status.awaiting_approval
    for same in (VERIFIER, clerk):
        by_the_same = await case.approval(same.model_copy(update={"role": Role.officer}))
        assert await case.refuses(Event.approve, by_the_same) is Code.SAME_PERSON
    assert (await case.approve(OFFICER)).status is ONWARD[kind]
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await engine.pool.execute("UPDATE cases SET approver = NULL WHERE case_id = $1", case.case_id)
    assert refused.value.constraint_name == "cases_named_clerk_decides_nothing"


async def test_a_clerk_who_says_so_themself_needs_one_other_only(engine: Engine) -> None:
    person = await engine.insured()
    case = await Dossier.open(engine, person, engine.number_change(person, ID_CARD))
    assert (await engine.view(case.case_id)).submitter_named is False
    assert (await case.verify()).milestone is Milestone.documents_verified


@pytest.mark.parametrize("kind", list(ONWARD))
async def test_a_clerk_whom_the_directory_does_not_know_took_nothing_in(engine: Engine, kind: Kind) -> None:
    invented = Actor(id="invented-1", role=Role.clerk, office=OFFICE)
    opening, code = await named(engine, kind, OFFICE, invented)
    assert code is Code.SUBMITTER_UNKNOWN
    case = case_id(opening.kind, opening.person)
    assert await engine.pool.fetchval("SELECT count(*) FROM cases WHERE case_id = $1", case) == 0
    # Somebody of another office is as unknown at this one.
    at_the_neighbours = await engine.at_a_post(Actor(id="neighbour-1", role=Role.clerk, office="110101"))
    elsewhere = at_the_neighbours.model_copy(update={"office": OFFICE})
    assert (await named(engine, kind, OFFICE, elsewhere))[1] is Code.SUBMITTER_UNKNOWN
    assert (await named(engine, kind, OFFICE, at_the_neighbours))[1] is Code.OFFICE_NOT_COMPETENT
    # Nor does a system take anything in, whatever it calls itself.
    system = await engine.at_a_post(Actor(id="officer-9", role=Role.officer, office=OFFICE))
    assert (await named(engine, kind, OFFICE, system))[1] is Code.ROLE_NOT_ALLOWED
    assert (await named(engine, kind, OFFICE, CLERK.model_copy(update={"id": "clerk-77"})))[1] is Code.SUBMITTER_UNKNOWN
