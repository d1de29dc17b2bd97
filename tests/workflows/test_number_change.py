"""ID-number changes on the real engine: the ordinary road, what it costs, and what the register says afterwards."""

from collections import Counter

from temporalio.api.enums.v1 import EventType

from cases.events import Event
from cases.facts import ConfirmDownstream
from cases.machines.machine import Status
from cases.models import System
from tests.engine import Engine
from tests.scenes import FACTS, ID_CARD, PUBLICATION, SOUTH, SPEAKERS, of_office

ORDINARY_EVENTS = 18
ORDINARY_BYTES = 6_500
VERIFIED_IN_THE_SOUTH = of_office(FACTS[Event.verify_documents], SOUTH)


async def test_an_ordinary_change_ends_done_with_the_new_number_in_force_and_every_claim_queued(engine: Engine) -> None:
    person = await engine.insured(region=SOUTH)
    receipt = await engine.open(engine.number_change(person, ID_CARD, region=SOUTH))
    assert (receipt.status, receipt.missing) == (Status.in_review, ())
    answer = await engine.tell(receipt.case_id, Event.verify_documents, VERIFIED_IN_THE_SOUTH)
    outcome = await engine.handle(receipt.case_id).result()
    assert answer.status is Status.verified
    assert outcome.status is Status.done
    numbers = await engine.pool.fetch(
        "SELECT n.token, n.state FROM numbers n JOIN persons p ON p.id = n.person_id WHERE p.token = $1 ORDER BY n.id",
        engine.sealer.person_token(person.personal_number),
    )
    assert [(row["token"], row["state"]) for row in numbers] == [
        (engine.sealer.number_token(person.old), "historic"),
        (engine.sealer.number_token(person.new), "living"),
    ]
    claims = await engine.pool.fetch(
        "SELECT c.suspended_for, c.state FROM claims c JOIN persons p ON p.id = c.person_id WHERE p.token = $1",
        engine.sealer.person_token(person.personal_number),
    )
    assert {(row["suspended_for"], row["state"]) for row in claims} == {("id_number", "queued"), ("card", "suspended")}


async def test_an_ordinary_change_costs_no_more_than_its_budget(engine: Engine) -> None:
    person = await engine.insured(region=SOUTH)
    receipt = await engine.open(engine.number_change(person, ID_CARD, region=SOUTH))
    await engine.tell(receipt.case_id, Event.verify_documents, VERIFIED_IN_THE_SOUTH)
    await engine.handle(receipt.case_id).result()
    events = (await engine.handle(receipt.case_id).fetch_history()).events
    kinds = Counter(event.event_type for event in events)
    transitions = await engine.history(receipt.case_id)
    changes = sum(transition.status is not transition.to for transition in transitions)
    assert len(events) <= ORDINARY_EVENTS
    assert sum(event.ByteSize() for event in events) <= ORDINARY_BYTES
    assert kinds[EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES] <= changes
    assert kinds[EventType.EVENT_TYPE_TIMER_STARTED] <= 1
    assert kinds[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED] == 0


async def test_the_region_that_names_systems_waits_for_each_of_them(engine: Engine) -> None:
    person = await engine.insured()
    receipt = await engine.open(engine.number_change(person, ID_CARD))
    await engine.tell(receipt.case_id, Event.verify_documents)
    view = await engine.reaches(receipt.case_id, Status.applying)
    for system in System:
        assert view.status is Status.applying
        await engine.tell(
            receipt.case_id,
            Event.confirm_downstream,
            ConfirmDownstream(
                actor=SPEAKERS[system], system=system, confirmed=True, reference="r-1", publication=PUBLICATION
            ),
        )
        view = await engine.view(receipt.case_id)
    assert (await engine.handle(receipt.case_id).result()).status is Status.done
