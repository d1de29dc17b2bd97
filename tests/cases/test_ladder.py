"""The ladder's arithmetic: against one that counts every single day, and in the tables of the domain."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.clocks import SHANGHAI, OfficeHours, Standstill, WorkingCalendar, day_of, first_slot, used, when_used
from cases.decide import decide
from cases.events import Event
from cases.facts import Extend, Fact, HoldReason
from cases.ladder import Cause, Dates, Ladder, NextRung, Rung, Situation, Stay, Suspension, compute_dates, offset_of
from cases.machines.machine import Status
from cases.models import Category
from cases.names import Kind
from cases.policy import Policy
from cases.state import CaseState
from cases.views import view_of
from tests.scenes import (
    FACTS,
    ID_CARD,
    NOW,
    OFFICE,
    OFFICER,
    SOUTH,
    in_status,
    number_change,
    of_office,
    policy,
    received,
)

# The autumn of 2026 as data: the National Day week is off, its two neighbouring Saturdays are worked.
AUTUMN = WorkingCalendar(
    published=frozenset({2026}),
    off=frozenset(date(2026, 10, day) for day in (1, 2, 5, 6, 7)),
    on=frozenset({date(2026, 9, 26), date(2026, 10, 10)}),
)
DAYS = st.dates(date(2026, 7, 1), date(2026, 12, 20))
HOURS = st.integers(0, 23)


def moment(day: date, hour: int = 12) -> datetime:
    return datetime.combine(day, time(hour), SHANGHAI)


def midnight_after(day: date) -> datetime:
    return moment(day, 0) + timedelta(days=1)


@st.composite
def standstills(draw: st.DrawFn) -> tuple[date, list[Standstill]]:
    """A start, and stretches after it that follow each other; the last one may last."""
    start = draw(DAYS)
    found: list[Standstill] = []
    at = moment(start, draw(HOURS))
    for _ in range(draw(st.integers(0, 4))):
        since = at + timedelta(hours=draw(st.integers(0, 200)))
        at = since + timedelta(hours=draw(st.integers(0, 300)))
        found.append(Standstill(since, at))
    lasts = draw(st.booleans())
    if found and lasts:
        found[-1] = Standstill(found[-1].since)
    return start, found


def counted(start: date, until: date, stood: list[Standstill]) -> int:
    """The same, day by day: a day is used if a clock ran when it began, and it was worked."""
    days = (start + timedelta(days=n) for n in range(1, (until - start).days + 1))
    return sum(
        AUTUMN.is_working(day)
        and not any(s.since < moment(day, 0) and (s.until is None or s.until >= moment(day, 0)) for s in stood)
        for day in days
    )


@given(standstills(), st.integers(0, 120))
def test_what_is_used_is_what_a_count_of_every_day_finds(history: tuple[date, list[Standstill]], later: int) -> None:
    start, stood = history
    day = start + timedelta(days=later)
    assert used(moment(start), midnight_after(day), stood, AUTUMN) == counted(start, day, stood)


@given(standstills(), st.integers(1, 40), st.integers(0, 200))
def test_what_is_used_and_what_is_left_make_up_the_budget_whatever_happens(
    history: tuple[date, list[Standstill]], budget: int, later: int
) -> None:
    start, stood = history
    ends = when_used(moment(start), budget, stood, AUTUMN)
    # The last second of a day: what follows is counted from the next one on.
    now = midnight_after(start + timedelta(days=later)) - timedelta(seconds=1)
    midnight = now + timedelta(seconds=1)
    spent = used(moment(start), midnight, stood, AUTUMN)
    if ends is None:
        assert stood[-1].until is None
        assert spent < budget
        return
    assert (spent >= budget) is (ends.at <= midnight)
    assert used(moment(start), ends.at, stood, AUTUMN) == budget
    assert used(moment(start), ends.at - timedelta(days=1), stood, AUTUMN) < budget
    left = used(now, ends.at, [s for s in stood if s.until is None or s.until > now], AUTUMN)
    if now < ends.at and not any(s.since < now and (s.until is None or s.until > now) for s in stood):
        assert spent + left == budget


@given(DAYS, st.integers(1, 30), st.integers(0, 12), st.integers(1, 60))
def test_a_standstill_moves_the_end_by_exactly_its_working_days(
    start: date, budget: int, after: int, length: int
) -> None:
    plain = when_used(moment(start), budget, (), AUTUMN)
    since = moment(start) + timedelta(days=after)
    stood = Standstill(since, since + timedelta(days=length))
    moved = when_used(moment(start), budget, (stood,), AUTUMN)
    assert plain is not None
    assert moved is not None
    last = (plain.at - timedelta(days=1)).date()
    if since.date() >= last:
        # The day on which it stops still counts.
        assert moved.at == plain.at
    else:
        assert moved.at == midnight_after(AUTUMN.after(last, stood.worked(AUTUMN)))


@given(st.datetimes(datetime(2026, 7, 1), datetime(2026, 12, 1)), st.floats(0, 1, exclude_max=True))  # noqa: DTZ001 - zoned below
def test_a_slot_lies_in_office_hours_of_a_working_day_and_never_before(naive: datetime, offset: float) -> None:
    at, hours = naive.replace(tzinfo=SHANGHAI), OfficeHours(time(9), time(17))
    slot = first_slot(at, offset, hours, AUTUMN)
    assert slot >= at
    assert AUTUMN.is_working(slot.date())
    assert hours.opens <= slot.time() < hours.closes
    earlier = [slot - timedelta(days=n) for n in range(1, 12)]
    assert all(day < at or not AUTUMN.is_working(day.date()) for day in earlier)


def test_cases_are_spread_evenly_over_office_hours() -> None:
    offsets = sorted(offset_of(f"idc-{number:026}") for number in range(4000))
    assert all(abs(offset - place / 4000) < 0.03 for place, offset in enumerate(offsets))


# --- the ladder's table ---------------------------------------------------------------------------------------------

MID_JULY = moment(date(2026, 7, 15), 8)
PLAIN = WorkingCalendar(published=frozenset({2026, 2027}))


def stays(since: datetime) -> tuple[Stay, ...]:
    """In review from a moment on."""
    return (Stay(status=Status.in_review, since=since),)


def situation(rules: Policy, **more: Any) -> Situation:
    given_: dict[str, Any] = {
        "case_id": "idc-" + "a" * 26,
        "rules": [terms.rule for terms in rules.ladder.rungs],
        "hours": rules.ladder.hours,
        "budget": 10,
        "step_share": None,
        "campaign_ends": rules.campaign_ends(PLAIN),
        "late_decision": rules.campaign.late_decision_after,
        "urgent": False,
        "silent": False,
        "undecidable": False,
    }
    return Situation(**given_ | more)


def climbed(start: datetime, until: datetime, **more: Any) -> list[tuple[Rung, date, Cause]]:
    """The rungs of a case on which nobody acts, with their days."""
    ladder, at = Ladder(started=start, stays=stays(start)), start
    found: list[tuple[Rung, date, Cause]] = []
    circumstances = situation(policy(OFFICE), **more)
    while True:
        dates = compute_dates(ladder, circumstances, PLAIN, at)
        if dates.next is None or dates.next.at > until:
            return found
        at = dates.next.at
        found.append((dates.next.rung, at.date(), dates.next.cause))
        ladder = ladder.model_copy(
            update={"rung": dates.next.rung, "rung_at": at, "acknowledged_at": at, "dates": dates}
        )


def test_far_from_the_campaign_date_the_processing_time_drives_the_ladder() -> None:
    # Ten working days from Monday 1 June: used up on Monday 15 June.
    assert climbed(moment(date(2026, 6, 1), 8), moment(date(2026, 6, 30))) == [
        (Rung.blue_0, date(2026, 6, 9), Cause.processing),
        (Rung.blue_1, date(2026, 6, 11), Cause.processing),
        (Rung.yellow, date(2026, 6, 15), Cause.processing),
        (Rung.orange, date(2026, 6, 16), Cause.processing),
        (Rung.red, date(2026, 6, 19), Cause.processing),
    ]


def test_near_the_campaign_date_its_distance_drives_the_ladder() -> None:
    slow = {"budget": 250}
    assert climbed(moment(date(2026, 6, 1), 8), moment(date(2026, 9, 30)), **slow) == [
        (Rung.blue_0, date(2026, 7, 3), Cause.campaign),  # 60 days before 31 August 24:00
        (Rung.blue_1, date(2026, 8, 3), Cause.campaign),  # 30 days before is a Saturday
        (Rung.yellow, date(2026, 8, 18), Cause.campaign),
        (Rung.orange, date(2026, 8, 25), Cause.campaign),
        (Rung.red, date(2026, 8, 28), Cause.campaign),
        (Rung.deadline, date(2026, 9, 1), Cause.campaign),
        (Rung.after_deadline, date(2026, 9, 8), Cause.campaign),
    ]


def test_priority_groups_are_told_twice_as_early() -> None:
    assert climbed(moment(date(2026, 3, 2), 8), moment(date(2026, 9, 30)), budget=250, urgent=True)[:5] == [
        (Rung.blue_0, date(2026, 3, 2), Cause.processing),  # half of the time, twice: at once
        (Rung.blue_1, date(2026, 7, 3), Cause.campaign),
        (Rung.yellow, date(2026, 8, 4), Cause.campaign),
        (Rung.orange, date(2026, 8, 18), Cause.campaign),
        (Rung.red, date(2026, 8, 26), Cause.campaign),
    ]


@pytest.mark.parametrize(
    ("opened", "entry"),
    [
        (date(2026, 7, 20), Rung.blue_0),
        (date(2026, 8, 10), Rung.blue_1),
        (date(2026, 8, 20), Rung.yellow),
        (date(2026, 8, 26), Rung.orange),
        (date(2026, 8, 31), Rung.red),
    ],
)
def test_who_comes_late_enters_at_the_highest_rung_already_due_once(opened: date, entry: Rung) -> None:
    start = moment(opened, 8)
    rungs = climbed(start, start + timedelta(hours=12), budget=250)
    assert rungs == [(entry, opened, Cause.campaign)]


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("opened", [date(2026, 9, 3), date(2026, 9, 14), date(2027, 3, 1)])
def test_who_comes_after_the_campaign_date_is_asked_about_when_the_policy_says_and_late_by_nothing_before(
    region: str, opened: date
) -> None:
    rules = policy(region)
    after = rules.campaign.late_decision_after
    assert after is not None
    start = moment(opened, 8)
    decided = midnight_after(PLAIN.after(opened, after))
    for urgent in (False, True):
        asked = {"urgent": urgent, "budget": 250, "campaign_ends": rules.campaign_ends(PLAIN), "late_decision": after}
        rungs = [each for each in climbed(start, start + timedelta(days=90), **asked) if each[2] is Cause.campaign]
        assert [rung for rung, _, _ in rungs] == [Rung.deadline, Rung.after_deadline]
        assert rungs[0][1] == PLAIN.next_working(decided.date())
    never = {"budget": 250, "campaign_ends": rules.campaign_ends(PLAIN), "late_decision": None}
    assert all(cause is not Cause.campaign for _, _, cause in climbed(start, start + timedelta(days=90), **never))


def at_the_date(region: str) -> tuple[CaseState, datetime]:
    """A case about which the campaign date has asked for a decision, and a moment after it."""
    state = with_dates(in_status(Kind.id_number_change, Status.in_review), MID_JULY)
    state = state.model_copy(update={"opening": number_change(ID_CARD, region=region)})
    rules = policy(region)
    dates = rules.dates(state, moment(date(2026, 9, 1), 8), PLAIN)
    assert dates.next is not None
    assert dates.next.rung is Rung.deadline
    state = state.model_copy(update={"ladder": state.ladder.model_copy(update={"dates": dates})})
    at = dates.next.at
    decision = decide(state, Event.escalated, None, at)
    return rules.settle(decision, at, PLAIN), at + timedelta(hours=1)


def test_an_extension_that_moves_the_campaign_date_takes_the_decision_off_and_asks_again_at_the_moved_date() -> None:
    state, at = at_the_date(SOUTH)
    assert "decision" in state.attention
    extended = told(state, Event.extend, Extend(actor=OFFICER, working_days=10, evidence="ext-1"), at)
    assert "decision" not in extended.attention
    assert extended.ladder.rung is Rung.red
    assert extended.ladder.clock > state.ladder.clock
    ends = extended.ladder.dates.campaign_due_at
    upcoming = extended.ladder.dates.next
    assert ends is not None
    assert upcoming is not None
    assert (upcoming.rung, upcoming.cause) == (Rung.deadline, Cause.campaign)
    assert upcoming.at >= ends > at
    again = policy(SOUTH).settle(decide(extended, Event.escalated, None, upcoming.at), upcoming.at, PLAIN)
    assert again.ladder.rung is Rung.deadline
    assert "decision" in again.attention


def test_an_extension_that_moves_no_campaign_date_leaves_the_decision_where_it_is() -> None:
    state, at = at_the_date(OFFICE)
    extended = told(state, Event.extend, Extend(actor=OFFICER, working_days=10, evidence="ext-1"), at)
    assert "decision" in extended.attention
    assert extended.ladder.rung is Rung.deadline


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_a_lawful_hold_that_moves_the_campaign_date_takes_the_decision_off(region: str) -> None:
    state, at = at_the_date(region)
    held = told(state, Event.hold, FACTS[Event.hold], at)
    assert "decision" not in held.attention
    # Longer than since the date: the moved date lies ahead.
    until = at + timedelta(days=21)
    resumed = told(held, Event.resume, FACTS[Event.resume], until)
    ends = resumed.ladder.dates.campaign_due_at
    assert ends is not None
    assert ("decision" in resumed.attention) is (ends <= until)
    assert (resumed.ladder.rung >= Rung.deadline) is (ends <= until)


def told(state: CaseState, event: Event, fact: Fact, at: datetime) -> CaseState:
    decision = decide(state, event, of_office(fact, state.opening.region), at)
    return policy(state.opening.region).settle(decision, at, PLAIN)


def test_a_level_from_yellow_on_stays_in_view_and_says_who_was_told_and_who_took_it_on() -> None:
    state, at = at_the_date(OFFICE)
    assert set(state.attention) >= {"decision", "deadline"}
    view = view_of(state, NOW)
    assert view.rung_told == policy(OFFICE).ladder.of(Rung.deadline).tells
    assert (view.acknowledged_by, view.acknowledged_at) == (None, None)
    assert view.climbs_to == Rung.after_deadline
    assert view.climbs_tells == policy(OFFICE).ladder.of(Rung.after_deadline).tells
    seen = told(state, Event.acknowledge, FACTS[Event.acknowledge], at)
    assert "deadline" in seen.attention
    assert (view_of(seen, NOW).acknowledged_by, view_of(seen, NOW).acknowledged_at) == (
        FACTS[Event.acknowledge].actor.id,
        at,
    )


def test_dates_say_on_which_days_they_rest_and_amended_days_are_others() -> None:
    start = moment(date(2026, 11, 2))
    state = received(number_change())
    state = policy(OFFICE).settle(decide(state, Event.screened, None, start), start, PLAIN)
    rests = state.ladder.dates.rests_on
    assert rests is not None
    assert rests.first == date(2026, 11, 2)
    assert state.timer is not None
    assert rests.last >= day_of(state.timer.due_at)
    within, beyond = date(2026, 11, 10), rests.last + timedelta(days=30)
    for amended in (
        WorkingCalendar(PLAIN.published, off=frozenset({within})),
        WorkingCalendar(PLAIN.published, on=frozenset({date(2026, 11, 7)})),
        WorkingCalendar(frozenset({2027})),
    ):
        assert amended.says(rests.first, rests.last) != rests.says
    assert WorkingCalendar(PLAIN.published, off=frozenset({beyond})).says(rests.first, rests.last) == rests.says


def test_an_overrun_of_one_step_is_yellow_although_the_whole_is_in_time() -> None:
    rungs = climbed(moment(date(2026, 3, 2), 8), moment(date(2026, 3, 31)), budget=100, step_share=10)
    assert rungs == [(Rung.yellow, date(2026, 3, 17), Cause.step)]


@pytest.mark.parametrize("status", [Status.disputed, Status.awaiting_approval])
def test_no_decision_is_asked_for_while_others_decide(status: Status) -> None:
    state = with_dates(in_status(Kind.id_number_change, status), MID_JULY)
    late = moment(date(2026, 9, 20))
    assert policy(OFFICE).dates(state, late, PLAIN).next is None or next_rung(state, late) < Rung.deadline
    assert next_rung(with_dates(in_status(Kind.id_number_change, Status.in_review), MID_JULY), late) >= Rung.deadline


def with_dates(state: CaseState, start: datetime) -> CaseState:
    ladder = Ladder(started=start, stays=stays(start), rung=Rung.red, rung_at=start)
    return state.model_copy(update={"ladder": ladder})


def next_rung(state: CaseState, at: datetime) -> Rung:
    found = policy(OFFICE).dates(state, at, PLAIN).next
    return found.rung if found is not None else Rung.none


def test_whoever_acts_at_the_moment_of_a_rung_does_not_put_it_off() -> None:
    start = moment(date(2026, 6, 1), 8)
    circumstances = situation(policy(OFFICE))
    promised = compute_dates(Ladder(started=start, stays=stays(start)), circumstances, PLAIN, start)
    assert promised.next is not None
    ladder = Ladder(started=start, stays=stays(start), dates=promised)
    late = promised.next.at + timedelta(milliseconds=20)
    assert compute_dates(ladder, circumstances, PLAIN, late).next == promised.next


def test_a_hold_after_the_date_moves_the_date_of_the_case_by_its_working_days_where_policy_says_so() -> None:
    since, until = moment(date(2026, 8, 20)), moment(date(2026, 9, 3))
    for moves, ends in ((True, date(2026, 9, 14)), (False, date(2026, 8, 31))):
        suspension = Suspension(since=since, until=until, hold=HoldReason.waiting_for_id_card, moves_campaign=moves)
        ladder = Ladder(started=MID_JULY, stays=stays(until), suspensions=(suspension,))
        dates = compute_dates(ladder, situation(policy(OFFICE), budget=250), PLAIN, until)
        assert dates.campaign_due_at == midnight_after(ends)


@pytest.mark.parametrize(
    ("year", "north", "south"),
    [
        # A Sunday: the north goes on to Monday, the south closed on Friday. A Monday and a Tuesday stay.
        (2025, midnight_after(date(2025, 9, 1)), moment(date(2025, 8, 29), 17)),
        (2026, midnight_after(date(2026, 8, 31)), moment(date(2026, 8, 31), 17)),
        (2027, midnight_after(date(2027, 8, 31)), moment(date(2027, 8, 31), 17)),
    ],
)
def test_a_campaign_date_on_a_rest_day_rolls_as_each_policy_says(year: int, north: datetime, south: datetime) -> None:
    calendar = WorkingCalendar(published=frozenset(range(2024, 2028)))
    for region, ends in ((OFFICE, north), (SOUTH, south)):
        rules = policy(region)
        rules = rules.model_copy(update={"campaign": rules.campaign.model_copy(update={"ends": date(year, 8, 31)})})
        assert rules.campaign_ends(calendar).at == ends


def test_a_date_over_the_end_of_the_published_years_is_provisional_and_settles_when_the_calendar_grows() -> None:
    start = moment(date(2026, 12, 21), 8)
    ladder, circumstances = Ladder(started=start, stays=stays(start)), situation(policy(OFFICE), campaign_ends=None)
    before = compute_dates(ladder, circumstances, WorkingCalendar(published=frozenset({2026})), start)
    new_year = WorkingCalendar(published=frozenset({2026, 2027}), off=frozenset({date(2027, 1, 1)}))
    after = compute_dates(ladder, circumstances, new_year, start)
    assert (before.provisional, after.provisional) == (True, False)
    assert before.processing_due_at == midnight_after(date(2027, 1, 4))
    assert after.processing_due_at == midnight_after(date(2027, 1, 5))


def test_a_case_of_a_priority_group_is_urgent_and_one_on_hold_is_silent() -> None:
    state = with_dates(in_status(Kind.id_number_change, Status.in_review), MID_JULY)
    early = state.model_copy(update={"ladder": Ladder(started=MID_JULY, stays=stays(MID_JULY))})
    urgent = early.model_copy(
        update={"opening": number_change(ID_CARD).model_copy(update={"category": Category.refund})}
    )
    plain_next = policy(OFFICE).dates(early, MID_JULY, PLAIN).next
    urgent_next = policy(OFFICE).dates(urgent, MID_JULY, PLAIN).next
    assert isinstance(plain_next, NextRung)
    assert isinstance(urgent_next, NextRung)
    assert (urgent_next.rung, plain_next.rung) == (Rung.blue_1, Rung.blue_0)
    held = early.model_copy(update={"status": Status.on_hold})
    assert policy(OFFICE).dates(held, MID_JULY, PLAIN).next is None


def test_a_case_that_was_not_accepted_has_no_dates() -> None:
    assert compute_dates(Ladder(), situation(policy(OFFICE)), PLAIN, MID_JULY) == Dates()


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize(
    ("fired", "climbs"),
    [
        # In office hours: there is the next working day to acknowledge it.
        (moment(date(2026, 7, 10), 10), date(2026, 7, 14)),
        # On a Friday evening, or in the night of a Saturday: they were told on Monday.
        (moment(date(2026, 7, 10), 20), date(2026, 7, 15)),
        (moment(date(2026, 7, 11), 2), date(2026, 7, 15)),
    ],
)
def test_whoever_is_to_acknowledge_a_rung_has_the_days_from_when_they_were_told(
    region: str, fired: datetime, climbs: date
) -> None:
    ladder = Ladder(started=moment(date(2026, 7, 6)), rung=Rung.yellow, rung_at=fired)
    asked = situation(policy(region), budget=200, campaign_ends=None)
    rung = compute_dates(ladder, asked, AUTUMN, fired).next
    assert rung is not None
    assert (rung.rung, rung.cause, rung.at.astimezone(SHANGHAI).date()) == (Rung.orange, Cause.unacknowledged, climbs)
