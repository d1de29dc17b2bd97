"""Messages on their way from a case to a provider, and what a case with them costs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta
from typing import Final

from temporalio.api.enums.v1 import EventType

from activities.calendar import official_calendar
from activities.notifications.courier import Courier
from activities.notifications.notifications import Notifications
from activities.notifications.providers.http import open_session
from activities.notifications.providers.text_messages import TextMessages
from activities.registry import Clock, Registry
from activities.sealing import Field
from benchmarks.comparison.counting import billed_actions
from cases.clocks import SHANGHAI
from cases.delivery import Channel, DeliverRequest
from cases.documents import Document
from cases.events import Event
from cases.machines.machine import Status
from runtime.worker import cases_worker, notifications_worker
from stack import LocalStack
from stack.receivers import Receivers
from stack.tray import Fault
from tests.engine import Engine, Person, engine_on, quiet_policies
from tests.scenes import ID_CARD, SOUTH
from tests.stamping import STAMPS
from tests.workflows.dossier import Dossier

NOON: Final = datetime.combine(datetime.now(SHANGHAI).date() + timedelta(days=1), time(12), SHANGHAI)
"""Nobody is written to at night, at whatever hour the tests run."""
TOKEN: Final = "synthetic"  # noqa: S105 - of a receiver that runs for one test

ORDINARY_EVENTS: Final = 18
ORDINARY_BYTES: Final = 6_500
ORDINARY_ACTIONS: Final = 8


class Telling:
    """An engine whose messages reach a provider."""

    def __init__(self, engine: Engine, receivers: Receivers, courier: Courier) -> None:
        self.engine = engine
        self.courier = courier
        self.receivers = receivers

    async def person(self) -> Person:
        """Somebody with a synthetic telephone."""
        person = await self.engine.insured(region=SOUTH)
        ref = self.engine.sealer.person_token(person.personal_number)
        sealed = self.engine.sealer.seal("19900000001", field=Field.phone, person=ref)
        await self.engine.pool.execute(
            "INSERT INTO contacts (person, channel, address, rank) VALUES ($1, 'sms', $2, 0)", ref, sealed
        )
        return person

    async def change(self, *documents: Document) -> Dossier:
        person = await self.person()
        return await Dossier.open(self.engine, person, self.engine.number_change(person, *documents, region=SOUTH))

    async def delivered(self, case: Dossier) -> list[tuple[str, str]]:
        """The messages of a case, once each was tried."""
        await self.courier.drain()
        steps = await self.engine.pool.fetch(
            "SELECT DISTINCT event FROM notifications WHERE case_id = $1", case.case_id
        )
        for row in steps:
            delivery = self.engine.client.get_activity_handle(f"deliver:{case.case_id}:{row['event']}")
            async with asyncio.timeout(20):
                await delivery.result()
        rows = await self.engine.pool.fetch(
            "SELECT template, state FROM notifications WHERE case_id = $1 ORDER BY id", case.case_id
        )
        return [(row["template"], row["state"]) for row in rows]


@asynccontextmanager
async def telling_on(stack: LocalStack, database: str) -> AsyncIterator[Telling]:
    """The engine, its courier, a worker for both queues, and a provider of text messages."""
    async with (
        engine_on(stack, database) as engine,
        Receivers(token=TOKEN) as receivers,
        open_session() as session,
    ):
        courier = Courier(engine.client)

        def at_noon(key: str, request: DeliverRequest) -> None:
            courier(key, request.model_copy(update={"at": NOON}))

        engine.task_queue = database
        registry = Registry(engine.pool, engine.sealer, STAMPS, quiet_policies(), official_calendar, at_noon)
        notifications = Notifications(
            engine.pool,
            engine.sealer,
            {Channel.sms: TextMessages(session, receivers.sms_url, TOKEN)},
            clock=Clock.callers,
        )
        async with (
            cases_worker(engine.client, registry, engine.settings, database),
            notifications_worker(engine.client, notifications, engine.settings),
        ):
            yield Telling(engine, receivers, courier)


async def test_an_ordinary_case_with_its_timer_and_two_messages_costs_no_more_than_its_budget(
    stack: LocalStack,
) -> None:
    async with telling_on(stack, "telling") as telling:
        before = await billed_actions(stack.metrics_url)
        case = await telling.change(ID_CARD)
        assert (await case.engine.view(case.case_id)).next_at is not None
        # What a verification has overtaken is not sent.
        assert await telling.delivered(case) == [("IdNumberChange.in_review", "accepted")]
        await case.tell(Event.verify_documents)
        outcome = await case.engine.handle(case.case_id).result()
        assert outcome.status is Status.done
        messages = await telling.delivered(case)
        assert messages == [("IdNumberChange.in_review", "accepted"), ("IdNumberChange.done", "accepted")]
        billed = await billed_actions(stack.metrics_url) - before
        # Our own look at the case is none of its costs.
        assert billed.pop("grpc_QueryWorkflow") == 1
        assert 0 < billed.total() <= ORDINARY_ACTIONS
        events = (await case.engine.handle(case.case_id).fetch_history()).events
        kinds = Counter(event.event_type for event in events)
        assert kinds[EventType.EVENT_TYPE_TIMER_STARTED] == 1
        assert kinds[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED] == 0
        assert len(events) <= ORDINARY_EVENTS
        assert sum(event.ByteSize() for event in events) <= ORDINARY_BYTES
        assert len({call.key for call in telling.receivers.tray.calls}) == 2


async def test_a_phone_reads_that_a_case_is_done_and_not_afterwards_that_its_documents_are_missing(
    stack: LocalStack,
) -> None:
    async with telling_on(stack, "telling_in_order") as telling:
        # The provider is away when the applicant is to be asked for documents, and comes back when all is done.
        telling.receivers.tray.script.next.append(Fault.busy)
        case = await telling.change()
        assert await telling.delivered(case) == [("IdNumberChange.awaiting_documents", "pending")]
        await case.tell(Event.add_documents)
        await case.verify()
        assert (await case.ends()).status is Status.done
        assert await telling.delivered(case) == [
            ("IdNumberChange.awaiting_documents", "pending"),
            ("IdNumberChange.done", "accepted"),
        ]
        waiting = await case.engine.pool.fetchval(
            "SELECT id FROM notifications WHERE case_id = $1 AND state = 'pending'", case.case_id
        )
        later = DeliverRequest(notifications=(waiting,), at=NOON + timedelta(hours=1))
        telling.courier(f"{case.case_id}:later", later)
        await telling.courier.drain()
        async with asyncio.timeout(20):
            await case.engine.client.get_activity_handle(f"deliver:{case.case_id}:later").result()
        assert await telling.delivered(case) == [
            ("IdNumberChange.awaiting_documents", "overtaken"),
            ("IdNumberChange.done", "accepted"),
        ]
        read = [call.text for call in telling.receivers.tray.calls if call.outcome == "accepted"]
        assert len(read) == 1
        assert "已变更" in read[0]
