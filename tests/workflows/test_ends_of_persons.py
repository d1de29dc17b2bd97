"""A person dies or is transferred: what that ends, in every status of every case, and what stays owed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from itertools import count

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.worker import Worker

from activities.calendar import official_calendar
from activities.campaign import Campaign, ending
from activities.registry.loading import InsuredPerson, load_persons
from cases.errors import Code
from cases.events import Event
from cases.facts import PersonEnded, PersonEndedReason
from cases.machines.machine import Status
from cases.models import System
from cases.names import Kind
from cases.occasions import EndsChecked
from cases.openings import ReplacementReason
from cases.steps import Neighbour
from intake.client import CaseClient
from runtime.runner import RUNNER
from stack import LocalStack
from tests.engine import Engine, engine_on, new_number, quiet_policies
from tests.scenes import CERTIFICATE, CLERK, ID_CARD, OFFICE, SOUTH
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import (
    CHANGES,
    FAILED,
    HELD_BENEFITS,
    HELD_FOR_CARD,
    REPLACEMENTS,
    Road,
    applying,
    change,
    lost,
    partly_confirmed,
    reissued,
    replacement,
)
from workflows.scheduled import EndedPersonCheck

QUEUE = "ended-persons"
WHEREVER = [
    *((kind, status, road) for kind, roads in ((Kind.id_number_change, CHANGES),) for status, road in roads.items()),
    *((Kind.card_replacement, status, road) for status, road in REPLACEMENTS.items()),
]
_VERSIONS = count(2)
TRANSFER = PersonEnded(actor=CLERK, reason=PersonEndedReason.transfer, evidence="moved-1")
BOTH_REGIONS = pytest.mark.parametrize("region", [OFFICE, SOUTH])


async def dies_in_the_register(case: Dossier) -> None:
    """The register learns of the death, and nobody tells the case."""
    await case.engine.pool.execute("UPDATE persons SET died_on = '2026-03-01' WHERE token = $1", case.opening.person)


async def ends_dead(case: Dossier) -> None:
    """The case ended because its person had died, by an event that nobody told."""
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_DECEASED)
    last = await case.engine.pool.fetchrow(
        "SELECT event, actor, stamp FROM transitions WHERE case_id = $1 ORDER BY generation DESC, version DESC LIMIT 1",
        case.case_id,
    )
    assert last is not None
    assert tuple(last) == ("person_found_ended", None, None)
    # Nothing is held for anybody, and what is owed goes to whom the law names.
    claims = await case.engine.pool.fetch(
        "SELECT DISTINCT c.state, c.payee FROM claims c JOIN persons p ON p.id = person_id WHERE token = $1",
        case.opening.person,
    )
    assert [tuple(row) for row in claims] == [("queued", "heirs")]
    assert set((await case.holdings()).benefits.values()) <= {"released"}


async def is_refused(case: Dossier, event: Event) -> None:
    """Whoever tells the case something learns that it is closed; nothing of what they told is in effect."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.tell(event)
    assert code_of(refused.value) is Code.CASE_CLOSED


@pytest.mark.parametrize(("kind", "status", "road"), WHEREVER)
async def test_whatever_is_told_after_the_register_learned_of_a_death_ends_the_case_instead(
    engine: Engine, kind: Kind, status: Status, road: Road
) -> None:
    case = await road(engine, benefit_holds=HELD_BENEFITS if kind is Kind.id_number_change else HELD_FOR_CARD)
    await case.rests_in(status)
    await dies_in_the_register(case)
    await is_refused(case, Event.acknowledge)
    await ends_dead(case)


@BOTH_REGIONS
async def test_documents_verified_for_the_dead_change_no_number(engine: Engine, region: str) -> None:
    case = await change(engine, ID_CARD, region=region)
    await dies_in_the_register(case)
    with pytest.raises(WorkflowUpdateFailedError):
        await case.verify()
    await ends_dead(case)
    assert (await case.holdings()).numbers == (("old", "living"),)


@BOTH_REGIONS
async def test_documents_verified_for_the_dead_order_no_card(engine: Engine, region: str) -> None:
    case = await replacement(engine, ID_CARD, region=region)
    await dies_in_the_register(case)
    with pytest.raises(WorkflowUpdateFailedError):
        await case.verify()
    await ends_dead(case)
    assert (await case.holdings()).codes == "1"
    assert await case.told_to("card_bureau") == []


@BOTH_REGIONS
async def test_a_time_limit_that_runs_out_for_the_dead_ends_the_case(engine: Engine, region: str) -> None:
    waiting, blocked = await change(engine, region=region), await lost(engine, region=region)
    for case, limit in ((waiting, Event.supplement_expired), (blocked, Event.loss_report_expired)):
        await dies_in_the_register(case)
        await case.time_runs_out(limit)
        await ends_dead(case)


async def test_a_step_that_waited_for_its_turn_is_not_made_for_the_dead(engine: Engine) -> None:
    case = await REPLACEMENTS[Status.ordered](engine)
    await dies_in_the_register(case)
    # The change that has the turn is told first, and gives it back.
    change_of_the_same = Dossier(engine, case.person, case.opening, case.receipt)
    other = f"idc-{case.opening.person}"
    with pytest.raises(WorkflowUpdateFailedError):
        await engine.tell(other, Event.acknowledge)
    assert (await engine.handle(other).result()).reason is Code.PERSON_DECEASED
    outcome = await change_of_the_same.ends()
    assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_DECEASED)
    assert (await case.holdings()).codes == "1"


# --- told -------------------------------------------------------------------------------------------------------------


async def both_kinds(engine: Engine, status: Status, region: str) -> tuple[Dossier, Dossier]:
    """A person's card replacement in a status, and their change to another number."""
    road = {**REPLACEMENTS}[status]
    case = await road(engine) if status is Status.closing_old else await road(engine, region=region)
    person = replace(case.person, new=new_number())
    opening = engine.number_change(person, ID_CARD, CERTIFICATE, region=case.opening.region)
    return await Dossier.open(engine, person, opening), case


@pytest.mark.parametrize("fact", [None, TRANSFER], ids=["death", "transfer"])
@pytest.mark.parametrize("status", [status for status in REPLACEMENTS if status is not Status.ordered])
@BOTH_REGIONS
async def test_the_end_told_to_a_change_ends_the_persons_replacement_wherever_it_rests(
    engine: Engine, region: str, status: Status, fact: PersonEnded | None
) -> None:
    number_change, card = await both_kinds(engine, status, region)
    await number_change.tell(Event.person_ended, fact)
    code = Code.PERSON_TRANSFERRED if fact else Code.PERSON_DECEASED
    if status is Status.in_production and region == SOUTH:
        # The order cannot be cancelled there: the case knows that its person has ended, and waits for what it brings.
        assert (await card.rests_in(Status.card_outstanding)).ended_because is code
        await card.tell(Event.card_produced, FAILED)
    for case in (number_change, card):
        outcome = await case.ends()
        assert (outcome.status, outcome.reason) == (Status.ended, code)


@pytest.mark.parametrize("status", list(CHANGES))
async def test_the_end_told_to_a_replacement_ends_the_persons_change_wherever_it_rests(
    engine: Engine, status: Status
) -> None:
    number_change = await CHANGES[status](engine)
    # Waits until the number is changed.
    card = await Dossier.open(
        engine, number_change.person, engine.replacement(number_change.person, ReplacementReason.expired, ID_CARD)
    )
    await card.rests_in(Status.on_hold)
    await card.tell(Event.person_ended)
    assert (await card.ends()).reason is Code.PERSON_DECEASED
    await ends_dead(number_change)


@BOTH_REGIONS
async def test_who_has_ended_is_written_to_no_more_and_no_case_of_theirs_is_reopened(
    engine: Engine, region: str
) -> None:
    case = await change(engine, region=region)
    overtaken = "SELECT bool_and(is_overtaken(n, n.written_at)) FROM notifications AS n WHERE person = $1"
    assert await engine.pool.fetchval(overtaken, case.opening.person) is False
    await case.tell(Event.person_ended)
    await case.ends()
    assert await engine.pool.fetchval(overtaken, case.opening.person) is True
    again = engine.number_change(case.person, ID_CARD, region=region, reopen=True)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await engine.open(again)
    assert code_of(refused.value) is Code.PERSON_DECEASED
    # An application of the other kind is received, and its answer is that the person has died.
    card = await Dossier.open(
        engine, case.person, engine.replacement(case.person, ReplacementReason.lost, ID_CARD, region=region)
    )
    assert (await card.ends()).reason is Code.PERSON_DECEASED


# --- what is owed, and what remains -----------------------------------------------------------------------------------


@BOTH_REGIONS
@pytest.mark.parametrize(
    ("fact", "payee", "told"),
    [(None, "heirs", "claim_requeued_for_heirs"), (TRANSFER, "person", "claim_requeued")],
    ids=["death", "transfer"],
)
async def test_benefits_that_were_held_are_owed_and_released_when_the_person_ends(
    engine: Engine, region: str, fact: PersonEnded | None, payee: str, told: str
) -> None:
    case = await change(engine, ID_CARD, region=region, benefit_holds=HELD_BENEFITS + HELD_FOR_CARD)
    assert (await case.rests_in(Status.in_review)).benefits_held
    await case.tell(Event.person_ended, fact)
    outcome = await case.ends()
    assert outcome.remains == ()
    assert not (await case.agrees()).benefits_held
    held = await case.holdings()
    assert held.benefits == {"id_number": "released", "card": "released"}
    assert held.claims == {"id_number": "queued", "card": "queued"}
    # By which law, the region's policy says: in what is released, in the claim, and to its scheme.
    owed = quiet_policies().of_region(region).owed
    law = owed.after_death if payee == "heirs" else owed.after_transfer
    payees = await engine.pool.fetch(
        "SELECT DISTINCT payee, payee_under FROM claims c JOIN persons p ON p.id = person_id WHERE token = $1",
        case.opening.person,
    )
    assert [tuple(row) for row in payees] == [(payee, law)]
    released = await engine.pool.fetch(
        "SELECT DISTINCT released_under FROM benefit_holds JOIN persons p ON p.id = person_id WHERE token = $1",
        case.opening.person,
    )
    assert [row["released_under"] for row in released] == [law]
    assert await case.told_to("medical") == [told, told]
    bases = await engine.pool.fetch(
        "SELECT DISTINCT legal_basis FROM events WHERE case_id = $1 AND kind = $2", case.case_id, told
    )
    assert [row["legal_basis"] for row in bases] == [law]


async def test_past_the_point_of_no_return_a_death_ends_the_case_and_says_what_remains(engine: Engine) -> None:
    for road in (partly_confirmed, applying):
        case = await road(engine)
        if road is applying:
            await case.confirm(System.bank)
        assert await case.refuses(Event.withdraw) is Code.PAST_POINT_OF_NO_RETURN
        await case.tell(Event.person_ended)
        outcome = await case.ends()
        assert (outcome.status, outcome.remains) == (Status.ended, ("number_committed",))
        held = await case.holdings()
        assert (held.numbers, held.turn) == ((("old", "historic"), ("new", "living")), None)


async def test_an_undo_that_cannot_be_made_keeps_nobody_from_ending_with_their_person(engine: Engine) -> None:
    for learns in (lambda case: case.tell(Event.person_ended), dies_in_the_register):
        case = await reissued(engine, ID_CARD, CERTIFICATE, number=new_number())
        await case.verify()
        await case.approve()
        await case.rests_in(Status.applying)
        # Somebody else is found to be the rightful holder of the number that this person had.
        await engine.insured(number=case.person.old)
        await learns(case)
        if learns is dies_in_the_register:
            await is_refused(case, Event.acknowledge)
        outcome = await case.ends()
        assert (outcome.reason, outcome.remains) == (Code.PERSON_DECEASED, ("number_committed",))
        assert (await case.holdings()).numbers == (("old", "historic"), ("new", "living"))


async def test_nobody_can_end_the_case_of_the_living_by_a_neighbours_word(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    told = Neighbour(case_id=case.case_id, event=Event.person_found_ended)
    await engine.handle(case.case_id).signal("neighbour_moved", told)
    # What is told after it is answered after it.
    await case.tell(Event.acknowledge)
    await case.rests_in(Status.in_review)


# --- what an extract of the register says -----------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def checking(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine with somebody who checks; its register is its own, because the check looks at everybody."""
    async with engine_on(stack, "ended_persons") as made:
        engine = replace(made, task_queue="cases-of-ended-persons")
        campaign = Campaign(engine.pool, engine.client, quiet_policies(), official_calendar)
        worker = Worker(
            engine.client,
            task_queue=QUEUE,
            workflows=[EndedPersonCheck],
            activities=[campaign.release_to_the_ended, campaign.cases_of_the_ended],
            workflow_runner=RUNNER,
        )
        async with engine.working(), worker:
            yield engine


async def check(engine: Engine, name: str) -> EndsChecked:
    """The hourly check, now."""
    checked: EndsChecked = await engine.client.execute_workflow(EndedPersonCheck.run, id=name, task_queue=QUEUE)
    return checked


async def extract_says(case: Dossier, **standing: object) -> None:
    """An extract of the register names the case's person again."""
    person = case.person
    said = InsuredPerson.model_validate(
        {
            "personal_number": person.personal_number,
            "source_version": next(_VERSIONS),
            "name": person.name,
            "number": person.old,
            "region": case.opening.region,
            **standing,
        }
    )
    await load_persons(case.engine.pool, case.engine.sealer, [said])


async def test_a_death_in_an_extract_ends_every_open_case_of_the_person_without_anybody_telling(
    checking: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "PAGE", 1)
    number_change = await change(checking, ID_CARD, benefit_holds=HELD_BENEFITS)
    card = await Dossier.open(
        checking, number_change.person, checking.replacement(number_change.person, ReplacementReason.lost, ID_CARD)
    )
    assert (await check(checking, "ended-1")).told == 0
    await extract_says(number_change, died_on=date(2026, 3, 1))
    assert await check(checking, "ended-2") == EndsChecked(released=1, told=2)
    for case in (number_change, card):
        await ends_dead(case)
    assert await check(checking, "ended-3") == EndsChecked(released=0, told=0)


async def test_a_transfer_in_an_extract_ends_the_case_and_a_return_lets_it_be_opened_again(checking: Engine) -> None:
    case = await change(checking, ID_CARD)
    await extract_says(case, transferred=True)
    assert (await check(checking, "ended-4")).told == 1
    assert (await case.ends()).reason is Code.PERSON_TRANSFERRED
    again = checking.number_change(case.person, ID_CARD, reopen=True)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await checking.open(again)
    assert code_of(refused.value) is Code.PERSON_TRANSFERRED
    await extract_says(case, insured_again="back-1")
    anew = checking.number_change(case.person, ID_CARD, reopen=True, key="key-after-the-return")
    assert (await Dossier.open(checking, case.person, anew)).receipt.status is Status.in_review


async def test_a_case_that_stands_still_is_told_and_shows_its_end(checking: Engine) -> None:
    case = await change(checking)
    await dies_in_the_register(case)
    await check(checking, "ended-5")
    await CaseClient(checking.client, checking.sealer).wait_for(case.case_id, lambda view: view.status is Status.ended)
    await ends_dead(case)
