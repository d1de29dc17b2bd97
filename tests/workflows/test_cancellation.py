"""A cancellation requested in the Web UI moves no case and leaves it working."""

from temporalio.api.enums.v1 import EventType

from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Status
from tests.engine import Engine
from tests.scenes import FACTS, ID_CARD, SOUTH, of_office


async def test_a_requested_cancellation_is_shown_as_refused_and_the_case_goes_on(engine: Engine) -> None:
    person = await engine.insured(region=SOUTH)
    receipt = await engine.open(engine.number_change(person, ID_CARD, region=SOUTH))
    handle = engine.handle(receipt.case_id)
    await handle.cancel()
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
            break
    await engine.tell(receipt.case_id, Event.verify_documents, of_office(FACTS[Event.verify_documents], SOUTH))
    outcome = await handle.result()
    assert outcome.status is Status.done
    assert (await engine.view(receipt.case_id)).last_refusal is Code.EVENT_NOT_ALLOWED
