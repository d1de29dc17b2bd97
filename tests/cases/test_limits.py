"""Every limit of a case obeys its ledger: what is used and what is left make up the budget, in whatever order a case is
held, disputed, returned and extended.

A count of single days stands beside the engine's dates. It knows statuses and moments only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.clocks import SHANGHAI, WorkingCalendar, day_of
from cases.decide import decide
from cases.documents import Defect, DocumentKind
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import AddDocuments, Extend, Hold, HoldReason, ReturnDocuments
from cases.machines.machine import Clock, Status
from cases.names import Kind
from cases.policy import Policy
from cases.state import CaseState
from tests.scenes import (
    CLERK,
    FACTS,
    ID_CARD,
    NOW,
    OFFICE,
    OFFICER,
    SOUTH,
    VERIFIER,
    document,
    number_change,
    of_office,
    policy,
    received,
    replacement,
)

# The spring of 2027, as nobody has published it: a week off, two Sundays worked for it.
CALENDAR = WorkingCalendar(
    published=frozenset({2026, 2027}),
    off=frozenset({date(2027, 1, 1), *(date(2027, 2, day) for day in (8, 9, 10, 11, 12))}),
    on=frozenset({date(2027, 2, 7), date(2027, 2, 21)}),
)
STOPS = {Status.on_hold, Status.disputed, Status.merging}
REGIONS = (OFFICE, SOUTH)
LONG = 10_000
BLURRED = Defect(document=DocumentKind.resident_id_card, problem="不清晰")
MAY_BE_REFUSED = {
    *(Code.HOLD_LIMIT_USED, Code.DOCUMENTS_TOO_MANY),
    *(Code.NO_CLOCK_TO_EXTEND, Code.EXTENSION_TOO_LONG),
    *(Code.NOTICE_TOO_LATE, Code.DEFECT_NOT_NAMED, Code.SUPPLEMENT_ROUNDS_USED),
}
"""Why what is possible in a status may be refused all the same."""


def generous(region: str) -> Policy:
    """The pack of a region without an end of extensions, so that every order of them is tried."""
    rules = policy(region)
    holds = tuple(limit.model_copy(update={"at_most": LONG}) for limit in rules.holds)

    def longer(part: Any) -> Any:
        names = ("processing", "supplement", "confirmation", "production")
        limits = {name: getattr(part, name) for name in names if hasattr(part, name)}
        return part.model_copy(
            update={name: limit.model_copy(update={"at_most": LONG}) for name, limit in limits.items()}
        )

    return rules.model_copy(
        update={
            "holds": holds,
            "max_extension": LONG,
            "number_change": longer(rules.number_change),
            "replacement": longer(rules.replacement),
        }
    )


@dataclass
class Counted:
    """One limit, counted by single days."""

    since: datetime
    stops: list[list[datetime | None]] = field(default_factory=list)
    extended: int = 0

    def uses(self, day: date) -> bool:
        """Whether it ran when the day began."""
        begins = datetime.combine(day, time(), SHANGHAI)
        stopped = any(since < begins and (until is None or until >= begins) for since, until in self.stops if since)
        return self.since < begins and not stopped

    def last(self, days: int, *, working: bool) -> date:
        """Its last day."""
        day = day_of(self.since)
        while days:
            day += timedelta(days=1)
            days -= self.uses(day) and (not working or CALENDAR.is_working(day))
        while not working and not CALENDAR.is_working(day):
            day += timedelta(days=1)
        left = self.extended
        while left:
            day += timedelta(days=1)
            left -= self.uses(day) and CALENDAR.is_working(day)
        resumed = max((day_of(until) for _, until in self.stops if until is not None), default=day)
        return day if resumed <= day else CALENDAR.next_working(resumed)


class Life:
    """A case on which random things are done, and the count beside it."""

    def __init__(self, state: CaseState, rules: Policy) -> None:
        self.state, self.rules, self.now = state, rules, NOW
        self.counted: dict[Clock, Counted] = {}
        self.stays: list[tuple[Status, datetime, datetime | None]] = []
        self.held: dict[HoldReason, int] = {}
        self.before_this_hold = 0
        self.tell(Event.screened if state.kind is Kind.id_number_change else Event.checked)

    def later(self, hours: int) -> None:
        """Time passes, but not so much that a limit ends."""
        upcoming = [timer.due_at for timer in self.state.limits]
        self.now = min([self.now + timedelta(hours=hours), *(at - timedelta(seconds=1) for at in upcoming)])

    def tell(self, event: Event, fact: Any = None) -> None:
        before = self.state
        told = fact or FACTS.get(event)
        told = None if told is None else of_office(told, before.opening.region)
        self.state = self.rules.settle(decide(before, event, told, self.now), self.now, CALENDAR)
        self.count(before, event, told)

    def count(self, before: CaseState, event: Event, fact: Any) -> None:
        if event is Event.extend and before.timer is not None:
            self.counted[before.timer.clock].extended += fact.working_days
        if before.status is self.state.status and before.version:
            return
        if self.stays:
            self.stays[-1] = (*self.stays[-1][:2], self.now)
        self.stays.append((self.state.status, self.now, None))
        clocks = self.state.machine.statuses
        old, new = clocks[before.status].clock, clocks[self.state.status].clock
        if old in self.counted and self.state.status in STOPS:
            self.counted[old].stops.append([self.now, None])
        goes_on = new in self.counted and self.counted[new].stops and self.counted[new].stops[-1][1] is None
        if new is not None and goes_on:
            self.counted[new].stops[-1][1] = self.now
        elif new is not None:
            self.counted[new] = Counted(self.now)
        if self.state.status not in STOPS:
            # Whatever was interrupted and is not what goes on is over.
            self.counted = {clock: each for clock, each in self.counted.items() if clock is new}

    def check(self) -> None:
        timer, ladder = self.state.timer, self.state.ladder
        if timer is not None and timer.clock in {Clock.supplement, Clock.hold}:
            counted = self.counted[timer.clock]
            if timer.clock is Clock.supplement:
                part = self.rules.part(self.state.kind)
                last = counted.last(part.supplement.working_days, working=True)  # type: ignore[attr-defined]  # both parts have it
            else:
                limit = next(each for each in self.rules.holds if each.reason is self.state.hold_reason)
                used = ladder.held_days(limit.reason, before=counted.since)
                last = counted.last(max(limit.days - used, 0), working=False)
            assert day_of(timer.due_at - timedelta(seconds=1)) == last
            assert timer.due_at == datetime.combine(last + timedelta(days=1), time(), SHANGHAI)
        notice = self.state.notice
        if notice is not None and not notice.stands_still:
            away = [[since, until] for status, since, until in self.stays if status in STOPS and since >= notice.since]
            last = Counted(notice.since, away).last(5, working=True)
            assert notice.due_at == datetime.combine(last + timedelta(days=1), time(), SHANGHAI)
        self.check_step()

    def check_step(self) -> None:
        """What the present status has used so far, over all stays in it."""
        here = [stay for stay in self.stays if stay[0] is self.state.status]
        found_ = self.state.ladder.step
        assert found_ is not None
        since, away = found_
        days = (day_of(NOW) + timedelta(days=n) for n in range(1, (day_of(self.now) - day_of(NOW)).days + 1))
        for day in days:
            begins = datetime.combine(day, time(), SHANGHAI)
            inside = any(since_ < begins and (until is None or until >= begins) for _, since_, until in here)
            stands = any(stopped < begins and (back is None or back >= begins) for stopped, back in away)
            assert inside is (since < begins and not stands)


Step = tuple[int, Callable[[Life], None]]


def _do(life: Life, choice: int, size: int) -> None:
    """One of the things that are possible now, none of which ends the case."""
    possible: Sequence[tuple[Event, Any]] = [
        (Event.hold, Hold(actor=CLERK, reason=list(HoldReason)[size % 4], evidence="hold-1")),
        (Event.resume, None),
        (Event.extend, Extend(actor=OFFICER, working_days=size % 9 + 1, evidence="ext-1")),
        (Event.dispute_opened, None),
        (Event.dispute_lapsed, None),
        (Event.add_documents, AddDocuments(actor=CLERK, documents=(document(DocumentKind.photograph, str(size)),))),
        (Event.add_documents, AddDocuments(actor=CLERK, documents=(ID_CARD, document(DocumentKind.old_card)))),
        (
            Event.return_documents,
            ReturnDocuments(
                actor=VERIFIER, defects=(Defect(document=DocumentKind.resident_id_card, problem="不清晰"),)
            ),
        ),
    ]
    event, fact = possible[choice]
    if life.state.machine.rows(life.state.status, event):
        try:
            life.tell(event, fact)
        except CaseError as refused:
            if refused.code not in MAY_BE_REFUSED:
                raise


@pytest.mark.parametrize("kind", list(Kind))
@given(
    region=st.sampled_from(REGIONS),
    complete=st.booleans(),
    steps=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 7), st.integers(0, 12)), max_size=14),
)
def test_what_is_used_and_what_is_left_of_every_limit_make_up_its_budget(
    kind: Kind, region: str, steps: list[tuple[int, int, int]], *, complete: bool
) -> None:
    papers = (ID_CARD, document(DocumentKind.old_card)) if complete else ()
    state = (
        received(number_change(*papers, region=region))
        if kind is Kind.id_number_change
        else received(replacement(*papers, region=region), road=None)
    )
    life = Life(state, generous(region))
    life.check()
    for hours, choice, size in steps:
        life.later(hours)
        _do(life, choice, size)
        life.check()
