"""What somebody can do with a client's key ring and Temporal's address to what schedules start, and to deliveries.

The register answers whom the release starts for it, and tells the time itself: nothing is sent, paced, lifted or
written before it is due, and nothing for a day that is long over.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import ActivityFailureError
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.calendar import official_calendar
from activities.campaign import Campaign
from activities.notifications.notifications import Notifications
from activities.notifications.providers.http import open_session
from activities.notifications.providers.text_messages import TextMessages
from activities.reconciliation import Reconciler
from activities.supervision import Supervision
from cases.delivery import Channel, DeliverRequest
from cases.errors import Code
from cases.models import Record
from cases.occasions import Occasion, Scheduled
from runtime.worker import cases_worker, notifications_worker, scheduled_activities
from stack import LocalStack
from stack.receivers import Receivers
from tests.activities.late_cases import late
from tests.activities.notifications.telling import AGENCY, Telling
from tests.engine import Engine, engine_on, new_number, quiet_policies
from tests.workflows.roads import HELD_BENEFITS

TOKEN: Final = "synthetic"  # noqa: S105 - of a receiver that runs for one test
IMPOSTORS: Final = "impostors-of-schedules"
BELONGS_TO: Final = {
    "sweep": Scheduled.notification_sweep,
    "digests": Scheduled.digests,
    "invite": Scheduled.invitations,
    "recheck_benefits": Scheduled.benefit_hold_check,
    "cases_with_lifted_holds": Scheduled.benefit_hold_check,
    "release_to_the_ended": Scheduled.ended_person_check,
    "cases_of_the_ended": Scheduled.ended_person_check,
    "check_calendar": Scheduled.calendar_check,
    "end_blocks": Scheduled.loss_report_check,
    "cases_with_ended_blocks": Scheduled.loss_report_check,
    "reconcile_moved": Scheduled.reconciliation,
    "reconcile_all": Scheduled.full_reconciliation,
}
PAGES: Final = {"cases_with_lifted_holds", "cases_of_the_ended", "cases_with_ended_blocks"}
"""What is asked page after page, and names no occasion."""
OCCASIONS: Final = [name for name in BELONGS_TO if name not in PAGES]
DAILY: Final = ("digests", "invite")
"""What is done for a day."""
LONG_AGO: Final = (timedelta(days=3), timedelta(days=400))
AHEAD: Final = (timedelta(minutes=5), timedelta(hours=10), timedelta(days=400))
OFF: Final = (timedelta(days=400), timedelta(hours=11), -timedelta(days=400))

_calls = count(1)


class Attempt(Record):
    """An activity that somebody wants done."""

    name: str
    queue: str
    occasion: Occasion | None = None
    """What it is given; nothing but an empty text where there is none."""
    patience: float = 300.0
    """Seconds for one try."""
    deliver: DeliverRequest | None = None


@workflow.defn(dynamic=True, sandboxed=False)
class Impostor:
    """A workflow of whatever type, by whoever has a worker of their own."""

    @workflow.run
    async def run(self, given: Sequence[RawValue]) -> str:
        """How the activity ended."""
        attempt = workflow.payload_converter().from_payload(given[0].payload, Attempt)
        try:
            await workflow.execute_activity(
                attempt.name,
                attempt.deliver or attempt.occasion or "",
                task_queue=attempt.queue,
                start_to_close_timeout=timedelta(seconds=attempt.patience),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as failed:
            return str(code_of(failed))
        return "done"


def code_of(failed: BaseException | None) -> str | None:
    while failed is not None and not isinstance(failed, ApplicationError):
        failed = failed.__cause__
    return failed.type if failed is not None else None


@dataclass
class Scheduling:
    """An engine that does what schedules ask for, by its own clock, with a provider of text messages."""

    engine: Engine
    telling: Telling
    cases: str
    notifications: str

    def queue_of(self, name: str) -> str:
        return self.notifications if name in {"sweep", "deliver"} else self.cases

    async def by_a_workflow(self, kind: str, name: str, occasion: Occasion | None, **more: Any) -> str:
        """What a workflow of a type hears from an activity."""
        attempt = Attempt(name=name, queue=self.queue_of(name), occasion=occasion, **more)
        answer: str = await self.engine.client.execute_workflow(
            kind, attempt, id=f"impostor-{next(_calls)}", task_queue=IMPOSTORS, result_type=str
        )
        return answer

    async def alone(self, name: str, argument: Any, **more: Any) -> str:
        """What a standalone activity comes to."""
        options: dict[str, Any] = {"id": f"forged-{next(_calls)}", "start_to_close_timeout": timedelta(seconds=90)}
        try:
            await self.engine.client.execute_activity(
                name,
                argument,
                task_queue=self.queue_of(name),
                retry_policy=RetryPolicy(maximum_attempts=1),
                **(options | more),
            )
        except ActivityFailureError as failed:
            return str(code_of(failed))
        return "done"

    async def everything(self) -> list[list[tuple[Any, ...]]]:
        """What the register holds of messages, of the pace of channels, and of late cases."""
        tables = ("notifications", "deliveries", "channel_paces", "cases", "benefit_holds")
        return [
            [tuple(row) for row in await self.engine.pool.fetch(f"SELECT t::text FROM {table} AS t ORDER BY 1")]  # noqa: S608 - names from here
            for table in tables
        ]

    async def message(self, due_in: timedelta) -> int:
        """Word to a clerk, at any hour, that is due after so long."""
        moment = datetime.now(UTC) + due_in
        return await self.telling.escalated(
            "clerk", not_before=moment, next_attempt_at=moment, written_at=moment - timedelta(days=1)
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scheduling(stack: LocalStack) -> AsyncIterator[Scheduling]:
    async with (
        engine_on(stack, "forged_occasions") as engine,
        Receivers(token=TOKEN) as receivers,
        open_session() as session,
    ):
        client, pool = engine.client, engine.pool
        providers = {Channel.sms: TextMessages(session, receivers.sms_url, TOKEN)}
        telling = Telling(pool, engine.sealer, receivers, providers)
        await telling.offices()
        await telling.post("clerk-1", "clerk")
        await telling.staff("clerk-1", Channel.sms)
        await late(pool, AGENCY, 5)
        await engine.insured()
        scheduled = scheduled_activities(
            Supervision(pool, official_calendar),
            Campaign(pool, client, quiet_policies(), official_calendar),
            Reconciler(pool, client),
        )
        notifications = Notifications(pool, engine.sealer, providers, {Channel.sms: 50.0})
        cases, messages = "forged-occasions", "forged-deliveries"
        async with (
            cases_worker(client, engine.registry, engine.settings, cases, scheduled=scheduled),
            notifications_worker(client, notifications, engine.settings, messages),
            Worker(client, task_queue=IMPOSTORS, workflows=[Impostor], workflow_runner=UnsandboxedWorkflowRunner()),
        ):
            yield Scheduling(engine, telling, cases, messages)


def now() -> Occasion:
    return Occasion(at=datetime.now(UTC))


@pytest.mark.parametrize("name", BELONGS_TO)
async def test_what_schedules_start_answers_nobody_who_calls_it_alone(scheduling: Scheduling, name: str) -> None:
    await scheduling.message(-timedelta(seconds=1))
    before = await scheduling.everything()
    argument = "" if name in PAGES else now()
    assert await scheduling.alone(name, argument) == Code.CALLER_REFUSED
    assert await scheduling.everything() == before


@pytest.mark.parametrize("name", BELONGS_TO)
async def test_nor_a_workflow_that_it_does_not_belong_to(scheduling: Scheduling, name: str) -> None:
    await scheduling.message(-timedelta(seconds=1))
    before = await scheduling.everything()
    strangers = ["Anybody", "IdNumberChange", *(each for each in Scheduled if each is not BELONGS_TO[name])]
    occasion = None if name in PAGES else now()
    for kind in strangers:
        assert await scheduling.by_a_workflow(kind, name, occasion) == Code.CALLER_REFUSED
    assert await scheduling.everything() == before


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
@pytest.mark.parametrize("name", DAILY)
async def test_a_day_that_is_still_to_come_is_not_done_yet(scheduling: Scheduling, name: str, ahead: timedelta) -> None:
    before = await scheduling.everything()
    occasion = Occasion(at=datetime.now(UTC) + ahead)
    assert await scheduling.by_a_workflow(BELONGS_TO[name], name, occasion) == Code.OCCASION_TO_COME
    assert await scheduling.everything() == before


@pytest.mark.parametrize("ago", LONG_AGO, ids=str)
@pytest.mark.parametrize("name", DAILY)
async def test_nor_one_that_is_long_over(scheduling: Scheduling, name: str, ago: timedelta) -> None:
    before = await scheduling.everything()
    occasion = Occasion(at=datetime.now(UTC) - ago)
    assert await scheduling.by_a_workflow(BELONGS_TO[name], name, occasion) == Code.OCCASION_OVER
    assert await scheduling.everything() == before


@pytest.mark.parametrize("off", OFF, ids=str)
async def test_a_sweep_sends_what_is_due_now_whatever_date_it_names(scheduling: Scheduling, off: timedelta) -> None:
    """One with a date to come sent what was kept for the morning, and shut a channel's pace until that date."""
    due, kept = await scheduling.message(-timedelta(seconds=1)), await scheduling.message(timedelta(hours=10))
    occasion = Occasion(at=datetime.now(UTC) + off)
    assert await scheduling.by_a_workflow(Scheduled.notification_sweep, "sweep", occasion) == "done"
    await stand(scheduling, due, kept)


@pytest.mark.parametrize("off", OFF, ids=str)
async def test_benefits_are_looked_at_as_of_now_whatever_date_is_named(scheduling: Scheduling, off: timedelta) -> None:
    person = await scheduling.engine.insured(number=new_number(), benefit_holds=HELD_BENEFITS)
    token = scheduling.engine.sealer.person_token(person.personal_number)
    occasion = Occasion(at=datetime.now(UTC) + off)
    kind = Scheduled.benefit_hold_check
    assert await scheduling.by_a_workflow(kind, "recheck_benefits", occasion) == "done"
    released_at = await scheduling.telling.value(
        "SELECT released_at FROM benefit_holds AS hold JOIN persons ON persons.id = person_id WHERE token = $1", token
    )
    assert abs(released_at - datetime.now(UTC)) < timedelta(minutes=2)


@pytest.mark.parametrize("off", OFF, ids=str)
async def test_a_delivery_sends_what_is_due_now_whatever_date_it_names(scheduling: Scheduling, off: timedelta) -> None:
    """What is due the sweep of the next minute would send as well; more is not to be had by asking."""
    due, kept = await scheduling.message(-timedelta(seconds=1)), await scheduling.message(timedelta(hours=10))
    request = DeliverRequest(notifications=(due, kept), at=datetime.now(UTC) + off)
    assert await scheduling.alone("deliver", request) == "done"
    await stand(scheduling, due, kept)


async def stand(scheduling: Scheduling, due: int, kept: int) -> None:
    """One was sent, the other waits as before, and the channel is open."""
    assert [await scheduling.telling.standing(each) for each in (due, kept)] == ["accepted", "pending"]
    waits = await scheduling.telling.rows(
        "SELECT attempts, next_attempt_at - not_before FROM notifications WHERE id = $1", kept
    )
    assert [tuple(row) for row in waits] == [(0, timedelta())]
    open_from = await scheduling.telling.value("SELECT open_from FROM channel_paces WHERE channel = 'sms'")
    assert abs(open_from - datetime.now(UTC)) < timedelta(minutes=2)


async def test_no_workflow_has_anything_delivered_and_nobody_cuts_a_delivery_short(scheduling: Scheduling) -> None:
    """A call of a provider that is cut off leaves a message of which nobody knows whether it arrived."""
    due = await scheduling.message(-timedelta(seconds=1))
    before = await scheduling.everything()
    request = DeliverRequest(notifications=(due,), at=datetime.now(UTC))
    for kind in ("Anybody", "IdNumberChange", Scheduled.notification_sweep):
        assert await scheduling.by_a_workflow(kind, "deliver", None, deliver=request) == Code.CALLER_REFUSED
    for short in (
        {"start_to_close_timeout": timedelta(seconds=2)},
        {"schedule_to_close_timeout": timedelta(seconds=2)},
    ):
        assert await scheduling.alone("deliver", request, **short) == Code.CALLER_REFUSED
    sweeping = scheduling.by_a_workflow(Scheduled.notification_sweep, "sweep", now(), patience=2)
    assert await sweeping == Code.CALLER_REFUSED
    assert await scheduling.everything() == before
    assert await scheduling.alone("deliver", request) == "done"
    assert await scheduling.telling.standing(due) == "accepted"


@pytest.mark.parametrize("name", OCCASIONS)
async def test_the_workflow_of_a_schedule_is_answered(scheduling: Scheduling, name: str) -> None:
    assert await scheduling.by_a_workflow(BELONGS_TO[name], name, now()) == "done"
    # Temporal's clock may be ahead of the register's by a moment.
    ahead = Occasion(at=datetime.now(UTC) + timedelta(seconds=20))
    assert await scheduling.by_a_workflow(BELONGS_TO[name], name, ahead) == "done"
