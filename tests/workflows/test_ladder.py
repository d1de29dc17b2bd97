"""The escalation ladder on the real engine: it is climbed, at the right moments, by whoever nobody acts on."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
import pytest_asyncio

from activities.calendar import official_calendar
from cases.answers import CaseView
from cases.clocks import SHANGHAI
from cases.errors import Code
from cases.events import Event
from cases.facts import Extend, Hold, HoldReason, Recompute
from cases.kinds import MACHINES, case_id
from cases.ladder import Cause, Rung
from cases.machines.machine import Status
from cases.models import Category, Role
from cases.names import Kind
from cases.openings import ReplacementReason
from cases.policy import Policies
from stack import LocalStack
from tests.engine import Engine, engine_on, new_number, quiet_policies
from tests.scenes import CLERK, FACTS, ID_CARD, OFFICER, OPERATOR, SOUTH
from tests.workflows.dossier import MOMENT, Dossier
from tests.workflows.refusals import Refusals
from tests.workflows.roads import CHANGES, REPLACEMENTS, change, replacement, to_the_end

CALENDAR = official_calendar()
RESTING = [(Kind.id_number_change, status) for status in CHANGES] + [
    (Kind.card_replacement, status) for status in REPLACEMENTS
]


async def brought_to(engine: Engine, kind: Kind, status: Status) -> Dossier:
    road = CHANGES[status] if kind is Kind.id_number_change else REPLACEMENTS[status]
    case = await road(engine, category=Category.refund)
    await case.rests_in(status)
    return case


async def fired(case: Dossier) -> list[tuple[Rung, Cause, datetime, datetime]]:
    """The rungs that fired, with what made them due, when, and when they fired."""
    rows = await case.engine.pool.fetch(
        "SELECT rung, cause, due_at, fired_at FROM rungs WHERE case_id = $1 ORDER BY fired_at", case.case_id
    )
    return [(Rung(row["rung"]), Cause(row["cause"]), row["due_at"], row["fired_at"]) for row in rows]


def slot(case_id: str, first: date) -> datetime:
    """The moment in office hours that is this case's, on the first working day from `first` on."""
    hours = quiet_policies().pinned("northern/1").ladder.hours
    while not CALENDAR.is_working(first):
        first += timedelta(days=1)
    share = int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:4]) / 2**32
    opens = datetime.combine(first, hours.opens, SHANGHAI)
    return opens + timedelta(seconds=int(share * (datetime.combine(first, hours.closes, SHANGHAI) - opens).seconds))


def working_days_after(day: date, count: int) -> date:
    while count:
        day += timedelta(days=1)
        count -= CALENDAR.is_working(day)
    return day


def day_of(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()


async def test_whom_nobody_acts_on_climbs_rung_by_rung_each_once_at_its_slot(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    accepted = day_of((await engine.history(case.case_id))[0].at)
    expected = [
        (Rung.blue_0, Cause.processing, 5),
        (Rung.blue_1, Cause.processing, 7),
        (Rung.yellow, Cause.step, 8),
        (Rung.orange, Cause.processing, 10),
        (Rung.red, Cause.processing, 13),
    ]
    for rung, _, _ in expected:
        assert (await case.climbs()).rung == rung
    climbed = await fired(case)
    assert [(rung, cause) for rung, cause, _, _ in climbed] == [(rung, cause) for rung, cause, _ in expected]
    for (_, _, due_at, fired_at), (_, _, days) in zip(climbed, expected, strict=True):
        assert due_at == slot(case.case_id, working_days_after(accepted, days) + timedelta(days=1))
        assert timedelta() <= fired_at - due_at <= timedelta(seconds=30)
    view = await case.rests_in(Status.in_review)
    assert view.attention == ("overdue", "red")
    assert view.rung_told == quiet_policies().pinned("northern/1").ladder.of(Rung.red).tells
    assert view.acknowledged_by is None
    assert view.processing_due_at is not None
    assert day_of(view.processing_due_at - MOMENT) == working_days_after(accepted, 10)
    told = await engine.pool.fetch(
        "SELECT template, recipient, second_channel FROM notifications WHERE case_id = $1 ORDER BY template, recipient",
        case.case_id,
    )
    assert [tuple(row) for row in told if row["template"].startswith("escalated")] == [
        ("escalated.blue_0", "applicant", False),
        ("escalated.blue_0", "clerk", False),
        ("escalated.blue_1", "clerk", False),
        ("escalated.blue_1", "team_lead", False),
        ("escalated.yellow", "agency_supervisor", False),
        ("escalated.yellow", "applicant", True),
    ]
    await case.tell(Event.withdraw)
    await case.ends()
    assert await fired(case) == climbed


async def test_yellow_that_somebody_has_seen_waits_and_yellow_that_nobody_has_seen_climbs(engine: Engine) -> None:
    seen, unseen = await asyncio.gather(change(engine, ID_CARD), change(engine, ID_CARD))
    for case in (seen, unseen):
        while (await case.climbs()).rung < Rung.yellow:
            pass
        # With more time for the whole case, only the silence of those who were told makes it climb.
        await case.tell(Event.extend, Extend(actor=OFFICER, working_days=20, evidence="ext-1"))
    await seen.tell(Event.acknowledge)
    waiting, climbing = await asyncio.gather(seen.agrees(), unseen.agrees())
    assert waiting.silenced_until is not None
    assert waiting.next_at is not None
    assert climbing.next_at is not None
    assert climbing.rung_at is not None
    assert climbing.next_at == slot(unseen.case_id, working_days_after(day_of(climbing.rung_at), 1) + timedelta(days=1))
    assert waiting.next_at > climbing.next_at
    assert (await unseen.climbs()).rung == Rung.orange
    assert (await fired(unseen))[-1][1] is Cause.unacknowledged


async def test_a_priority_group_is_told_twice_as_early(engine: Engine) -> None:
    who = await engine.insured()
    urgent = await Dossier.open(engine, who, engine.number_change(who, ID_CARD, category=Category.refund))
    accepted = day_of((await engine.history(urgent.case_id))[0].at)
    view = await urgent.agrees()
    # Half of ten days, twice: at once, which is the first slot from the acceptance on.
    assert (view.next_rung, view.next_at) == (Rung.blue_0, slot_from(urgent, (await first_move(urgent))))
    await urgent.climbs()
    view = await urgent.agrees()
    assert (view.next_rung, view.next_at) == (
        Rung.blue_1,
        slot(urgent.case_id, working_days_after(accepted, 4) + timedelta(days=1)),
    )


async def first_move(case: Dossier) -> datetime:
    return (await case.engine.history(case.case_id))[0].at


def slot_from(case: Dossier, moment: datetime) -> datetime:
    today = slot(case.case_id, day_of(moment))
    return today if today >= moment else slot(case.case_id, day_of(moment) + timedelta(days=1))


async def test_a_hold_silences_the_ladder_and_moves_what_is_still_to_come_by_its_working_days(engine: Engine) -> None:
    moving, staying = await asyncio.gather(change(engine, ID_CARD), change(engine, ID_CARD))
    for case, reason in ((moving, HoldReason.waiting_for_id_card), (staying, HoldReason.waiting_for_other_agency)):
        await case.climbs()
        before = await case.agrees()
        await case.tell(Event.hold, Hold(actor=OFFICER, reason=reason, evidence="hold-1"))
        held = await case.rests_in(Status.on_hold)
        assert (held.next_rung, held.next_event, held.processing_due_at) == (None, Event.hold_expired, None)
        begun = day_of((await engine.history(case.case_id))[-1].at)
        await case.let_pass(timedelta(days=12))
        await case.tell(Event.resume)
        after = await case.rests_in(Status.in_review)
        ended = day_of((await engine.history(case.case_id))[-1].at)
        stood = sum(CALENDAR.is_working(begun + timedelta(days=n)) for n in range(1, (ended - begun).days + 1))
        assert stood > 0
        assert before.processing_due_at is not None
        assert before.campaign_due_at is not None
        assert after.processing_due_at == moved(before.processing_due_at, stood)
        campaign = moved(before.campaign_due_at, stood) if case is moving else before.campaign_due_at
        assert after.campaign_due_at == campaign
        assert after.rung == Rung.blue_0
        assert after.next_rung == Rung.blue_1


def moved(midnight: datetime, working_days: int) -> datetime:
    last = day_of(midnight - MOMENT)
    return midnight + (working_days_after(last, working_days) - last)


async def test_all_holds_for_one_reason_together_have_one_limit(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    limits = []
    for days in (20, 10):
        await case.tell(Event.hold, Hold(actor=OFFICER, reason=HoldReason.waiting_for_other_agency, evidence="hold-1"))
        held = await case.rests_in(Status.on_hold)
        assert held.due_at is not None
        limits.append((day_of(held.due_at - MOMENT) - day_of((await engine.history(case.case_id))[-1].at)).days)
        await case.let_pass(timedelta(days=days))
        if (await engine.view(case.case_id)).status is Status.on_hold:
            await case.tell(Event.resume)
        await case.rests_in(Status.in_review)
    # A limit that ends on a rest day ends on the next working day.
    assert 30 <= limits[0] < 40
    assert 10 <= limits[1] < 20
    used_up = Hold(actor=OFFICER, reason=HoldReason.waiting_for_other_agency, evidence="hold-1")
    assert await case.refuses(Event.hold, used_up) is Code.HOLD_LIMIT_USED
    other = Hold(actor=OFFICER, reason=HoldReason.waiting_for_police, evidence="hold-1")
    assert (await case.tell(Event.hold, other)).status is Status.on_hold


async def test_of_a_case_opened_after_the_campaign_date_a_decision_is_asked_when_the_policy_says(
    engine: Engine,
) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    accepted = day_of((await engine.history(case.case_id))[0].at)
    # Minutes old: nothing is late, and nothing is asked.
    view = await case.agrees()
    assert (view.rung, view.attention) == (Rung.none, ())
    while view.rung < Rung.deadline:
        view = await case.climbs()
    assert ("decision" in view.attention, view.benefits_held) == (True, False)
    rung, cause, due_at, _ = (await fired(case))[-1]
    assert (rung, cause) == (Rung.deadline, Cause.campaign)
    after = quiet_policies().of_region(SOUTH).campaign.late_decision_after
    assert after is not None
    assert due_at == slot(case.case_id, working_days_after(accepted, after) + timedelta(days=1))
    # A second officer's review and a hold come first; the decision waits for their end.
    await case.tell(Event.hold)
    assert "decision" not in (await case.rests_in(Status.on_hold)).attention
    await case.tell(Event.resume)
    assert "decision" in (await case.rests_in(Status.in_review)).attention
    await case.tell(Event.hold_benefits)
    view = await case.rests_in(Status.in_review)
    assert ("decision" in view.attention, view.benefits_held, view.deciders) == (False, True, ())
    assert view.benefit_decision is not None
    assert (view.benefit_decision.held, view.benefit_decision.decided_by) == (True, OFFICER.id)


async def test_seeing_a_case_takes_no_decision_that_an_officer_owes(engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    asked = await case.agrees()
    while asked.rung < Rung.deadline:
        asked = await case.climbs()
    assert "decision" in asked.attention
    assert asked.deciders == (Role.officer, Role.supervisor)
    assert {Event.hold_benefits, Event.keep_benefits} <= set(asked.events)
    for actor in (CLERK, OFFICER):
        await case.tell(Event.acknowledge, FACTS[Event.acknowledge].model_copy(update={"actor": actor}))
        view = await case.rests_in(Status.in_review)
        assert (view.attention, view.deciders) == (asked.attention, asked.deciders)
    by_a_clerk = FACTS[Event.keep_benefits].model_copy(update={"actor": CLERK})
    assert await case.refuses(Event.keep_benefits, by_a_clerk) is Code.ROLE_NOT_ALLOWED
    await case.tell(Event.keep_benefits)
    view = await case.rests_in(Status.in_review)
    assert ("decision" in view.attention, view.deciders, view.benefits_held) == (False, (), False)
    said = view.benefit_decision
    assert said is not None
    assert (said.held, said.because, said.decided_by) == (False, "申请人正在住院", OFFICER.id)
    assert "不暂停发放待遇 · `申请人正在住院`" in await case.details()
    assert await case.refuses(Event.keep_benefits) is Code.DECISION_NOT_ASKED


@pytest.mark.parametrize(("kind", "status"), RESTING)
async def test_in_every_status_dates_are_recomputed_and_rungs_fire_but_on_hold(
    engine: Engine, kind: Kind, status: Status
) -> None:
    case = await brought_to(engine, kind, status)
    before = await case.agrees()
    answer = await case.tell(Event.recompute, Recompute(actor=OPERATOR))
    after = await case.rests_in(status)
    assert answer.status is status
    assert dates(after) == dates(before)
    if Event.extend in after.events:
        await case.tell(Event.extend, Extend(actor=OFFICER, working_days=1, evidence="ext-1"))
        await case.rests_in(status)
    if MACHINES[kind].rows(status, Event.escalated):
        await fires_where_it_stands(case, status)
    else:
        assert after.next_rung is None


async def fires_where_it_stands(case: Dossier, status: Status) -> None:
    """The next rung fires, unless the limit of the status ends before."""
    view = await case.agrees(status)
    # A case that waits for its turn asks every hour: a week is that many steps. It is looked at where it is stuck.
    if view.next_rung is not None and status is not Status.ordered:
        assert (await case.climbs()).status is status


def dates(view: CaseView) -> tuple[datetime | None, ...]:
    return view.due_at, view.next_at, view.processing_due_at, view.campaign_due_at


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (Event.apply, Status.verified),
        (Event.unblock, Status.updated),
        (Event.release, Status.releasing),
        (Event.order_card, Status.ordered),
        (Event.switch_cards, Status.active),
        (Event.close_old, Status.closing_old),
    ],
)
async def test_a_case_that_cannot_go_on_climbs_until_an_operator_has_mended_it(
    engine: Engine, refusals: Refusals, step: Event, status: Status
) -> None:
    urgent = Category.refund
    case = await (
        change(engine, ID_CARD, region=SOUTH, category=urgent)
        if status in MACHINES[Kind.id_number_change].statuses
        else replacement(engine, ID_CARD, category=urgent)
    )
    async with refusals.of(case.case_id, step):
        await case.verify()
        if status in {Status.active, Status.closing_old}:
            await to_the_end(case)
        stuck = await case.rests_in(status)
        assert stuck.attention == ("repair",)
        await case.tell(Event.recompute, Recompute(actor=OPERATOR))
        view = await case.rests_in(status)
        if view.next_rung is not None:
            view = await case.climbs()
            assert "repair" in view.attention
            assert view.rung > Rung.none


@pytest.mark.parametrize(
    ("kind", "step", "status"),
    [
        (Kind.id_number_change, Event.screened, Status.screening),
        (Kind.card_replacement, Event.checked, Status.checking),
    ],
)
async def test_a_case_that_cannot_even_begin_climbs_as_well(
    engine: Engine, refusals: Refusals, kind: Kind, step: Event, status: Status
) -> None:
    person = await engine.insured(number=None if kind is Kind.id_number_change else new_number())
    opening = (
        engine.number_change(person, ID_CARD, category=Category.refund)
        if kind is Kind.id_number_change
        else engine.replacement(person, ReplacementReason.expired, ID_CARD, category=Category.refund)
    )
    async with refusals.of(case_id(kind, opening.person), step):
        case = await Dossier.open(engine, person, opening)
        await case.rests_in(status)
        await case.tell(Event.recompute, Recompute(actor=OPERATOR))
        view = await case.climbs()
        assert (view.status, view.rung) == (status, Rung.blue_0)


async def test_a_policy_of_another_region_or_an_unknown_one_is_not_followed(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    for policy in ("southern/1", "northern/99"):
        assert await case.refuses(Event.recompute, Recompute(actor=OPERATOR, policy=policy)) is Code.POLICY_UNKNOWN


async def test_rungs_of_different_cases_are_spread_over_office_hours(engine: Engine) -> None:
    cases = await asyncio.gather(*(change(engine, ID_CARD) for _ in range(8)))
    views = await asyncio.gather(*(case.agrees() for case in cases))
    moments = sorted(view.climbs_at for view in views if view.climbs_at is not None)
    hours = quiet_policies().pinned("northern/1").ladder.hours
    times = [moment.astimezone(SHANGHAI).time() for moment in moments]
    assert [hours.opens <= time < hours.closes for time in times] == [True] * 8, times
    assert all(later > earlier for earlier, later in pairwise(moments))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def soon_over(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine whose southern campaign, which extensions move, ends in a week."""
    ends = datetime.now(SHANGHAI).date() + timedelta(days=7)
    packs = [quiet_policies().pinned(pin) for pin in ("northern/1", "southern/1")]
    soon = [
        pack.model_copy(update={"campaign": pack.campaign.model_copy(update={"ends": ends})})
        if pack.name == "southern"
        else pack
        for pack in packs
    ]
    async with engine_on(stack, "soon_over", policies=Policies(soon)) as running:
        own = replace(running, task_queue="soon-over")
        async with own.working():
            yield own


async def test_a_decision_is_owed_at_the_date_that_holds_and_asked_for_again_when_that_comes(soon_over: Engine) -> None:
    case = await change(soon_over, ID_CARD, region=SOUTH)
    view = await case.agrees()
    while view.rung < Rung.deadline:
        view = await case.climbs()
    assert "decision" in view.attention
    await case.tell(Event.extend, Extend(actor=OFFICER, working_days=10, evidence="ext-1"))
    moved_ = await case.agrees()
    assert "decision" not in moved_.attention
    assert moved_.rung < Rung.deadline
    assert moved_.campaign_due_at is not None
    assert moved_.campaign_due_at > await soon_over.time_of(case.case_id)
    while (view := await case.climbs()).rung < Rung.deadline:
        pass
    assert "decision" in view.attention
    dates_ = [each for each in await fired(case) if each[0] is Rung.deadline]
    assert len(dates_) == 2
    assert dates_[1][2] >= moved_.campaign_due_at
