"""The time to answer begins when the question was delivered; one that does not arrive is the agency's task."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import aiohttp
import pytest

from activities.publishing.publisher import Publisher
from cases.answers import CaseView, Unasked
from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Awaits, Status
from cases.models import Role, System
from cases.steps import Neighbour
from intake.client import CaseClient
from runtime.worker import hinting
from tests.engine import Engine
from tests.scenes import OFFICE, SOUTH
from tests.workflows.dossier import PATIENCE, Dossier
from tests.workflows.roads import applying, ordered
from workflows.case import Case

PAST_THE_LIMIT = timedelta(minutes=1)


async def comes_to(case: Dossier, wanted: Callable[[CaseView], bool]) -> CaseView:
    """The view of the case, at rest, once it shows what is wanted."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        await CaseClient(case.engine.client, case.engine.sealer).wait_for(case.case_id, wanted)
    return await case.agrees()


async def test_an_answer_has_its_whole_time_from_the_delivery_and_costs_no_transition_before(engine: Engine) -> None:
    case = await applying(engine)
    before = await case.rests_in(Status.applying)
    assert (before.due_event, before.asked_at, before.next_event) == (
        Event.delivery_overdue,
        None,
        Event.delivery_overdue,
    )
    asked_at = await engine.time_of(case.case_id)
    await engine.deliver(case.case_id)
    await case.confirm(System.bank)
    # Delivered and answered in between: nothing is said of the delivery until its time is over.
    assert [each.event for each in await engine.history(case.case_id)][-1] is Event.confirm_downstream
    view = await case.is_asked()
    assert (view.status, view.due_event, view.undelivered) == (Status.applying, Event.confirmation_overdue, ())
    assert view.asked_at is not None
    assert abs(view.asked_at - asked_at) < PAST_THE_LIMIT
    await case.time_runs_out(Event.confirmation_overdue)
    assert (await case.rests_in(Status.repair)).last_error is Code.CONFIRMATION_OVERDUE


async def test_who_could_not_be_asked_is_named_to_the_office_and_has_all_its_time_once_it_is(engine: Engine) -> None:
    case = await applying(engine)
    await engine.pool.execute(
        """
        INSERT INTO subscriptions (
            id, client, role, office, sink, of_kinds, state, challenge, failures, failing_since, next_attempt_at,
            created_at
        ) VALUES (
            'sub-' || repeat('a', 26), 'bank-9', 'bank', $1, 'https://bank.example/', '{IdNumberChange}', 'active', 'c',
            3, $2, 'infinity', now()
        )
        """,
        OFFICE,
        away := await engine.time_of(case.case_id),
    )
    await engine.pool.execute(
        "INSERT INTO delivered_events (event_id, way, client) SELECT id, 'feed', target FROM events "
        "WHERE case_id = $1 AND request_id IS NOT NULL AND target IN ('pension', 'register')",
        case.case_id,
    )
    await case.time_runs_out(Event.delivery_overdue)
    view = await case.rests_in(Status.repair)
    assert (view.last_error, view.attention) == (Code.QUESTION_NOT_DELIVERED, ("repair", "undelivered"))
    assert view.undelivered == (Unasked(role=Role.medical_insurance), Unasked(role=Role.bank, away_since=away))
    told = await engine.pool.fetch(
        "SELECT recipient, template FROM notifications WHERE case_id = $1 AND template = 'delivery_overdue'",
        case.case_id,
    )
    assert {each["recipient"] for each in told} == {"clerk", "team_lead"}
    hint = hinting(engine.client)
    async with aiohttp.ClientSession() as session:
        publisher = Publisher(engine.pool, session, engine.client.namespace, tell=hint)
        # Nobody's word counts, and whoever is still away is waited for.
        await hint(Neighbour(case_id=case.case_id, event=Event.question_delivered))
        assert await publisher.tell_the_asked() == 0
        assert (await case.rests_in(Status.repair)).version == view.version
        await engine.deliver(case.case_id)
        assert await publisher.tell_the_asked() == 1
        back = await case.rests_in(Status.applying)
        assert (back.due_event, back.last_error, back.attention) == (Event.confirmation_overdue, None, ())
        assert await publisher.tell_the_asked() == 0
    await engine.pool.execute("UPDATE subscriptions SET state = 'ended' WHERE client = 'bank-9'")
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_bureau_that_was_not_asked_is_not_late_and_an_operator_is_asked(engine: Engine, region: str) -> None:
    case = await ordered(engine, region=region)
    await case.time_runs_out(Event.delivery_overdue)
    view = await comes_to(case, lambda view: bool(view.undelivered))
    assert (view.status, view.awaits, view.last_error) == (
        Status.in_production,
        Awaits.operator,
        Code.QUESTION_NOT_DELIVERED,
    )
    assert view.undelivered == (Unasked(role=Role.card_bureau),)
    await engine.deliver(case.case_id)
    await engine.handle(case.case_id).signal(
        Case.neighbour_moved, Neighbour(case_id=case.case_id, event=Event.question_delivered)
    )
    view = await comes_to(case, lambda view: not view.undelivered)
    assert (view.awaits, view.due_event, view.undelivered) == (Awaits.card_bureau, Event.production_overdue, ())
    assert (await case.tell(Event.card_produced, case.produced())).status is Status.ready
