"""The escalation ladder: who must be told of a case that nears its deadline, and when.

Every case has one ladder and climbs it rung by rung, never down, and never onto a rung twice. A rung is due at the
earliest of what its rule names: a share of the processing time is used up, one step overran its own share, the campaign
date draws near, or nobody acknowledged the rung before. It fires at the case's own slot in the office hours of the next
working day, so that no herd of reminders sets out at midnight. Of several rungs that are due at once the highest fires.

Agencies speak of blue, yellow, orange and red supervision; the levels above the agency are those of the Administrative
Measures on Social Security Cards, art. 3.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from itertools import pairwise
from typing import Any, Final, NamedTuple, Self

from pydantic import AwareDatetime

from cases.clocks import (
    Due,
    OfficeHours,
    Standstill,
    WorkingCalendar,
    closes,
    day_of,
    first_slot,
    provisional,
    told_at,
    when_used,
)
from cases.facts import HoldReason
from cases.machines.machine import Status
from cases.models import IsoDate, Record, StaffId
from cases.offices import Recipient


class Rung(IntEnum):
    """A step of the ladder; the value is the search attribute `CaseRung`."""

    none = 0
    blue_0 = 1
    blue_1 = 2
    yellow = 3
    orange = 4
    red = 5
    deadline = 6
    """The campaign date has passed and the number is not updated: a decision is asked for."""
    after_deadline = 7

    @property
    def zh(self) -> str:
        """As agencies say it."""
        return _ZH[self]


_ZH: Final = {
    Rung.none: "无",
    Rung.blue_0: "蓝色（一）",
    Rung.blue_1: "蓝色（二）",
    Rung.yellow: "黄色",
    Rung.orange: "橙色",
    Rung.red: "红色",
    Rung.deadline: "集中变更期限（待决定）",
    Rung.after_deadline: "逾期未变更",
}


class Cause(StrEnum):
    """What made a rung due."""

    processing = "processing"
    step = "step"
    campaign = "campaign"
    unacknowledged = "unacknowledged"


class Stretch(Record):
    """A stretch of a case's life; `until` is None while it lasts."""

    since: AwareDatetime
    until: AwareDatetime | None = None

    @property
    def standstill(self) -> Standstill:
        """Its time alone."""
        return Standstill(self.since, self.until)

    def ended(self, at: datetime) -> Self:
        """The same stretch, over."""
        return self.model_copy(update={"until": at})


class Suspension(Stretch):
    """A stretch in which the processing time stands still, and what for."""

    hold: HoldReason | None = None
    """The reason of a hold; None where the case waits for documents or a dispute is settled."""
    moves_campaign: bool = False
    """Whether the campaign date of this case moves by the working days it lasts (policy)."""


class Stay(Stretch):
    """A stretch in which a case was in one status."""

    status: Status


class NextRung(Record):
    """The rung to come, and what will have made it due."""

    rung: Rung
    at: AwareDatetime
    cause: Cause
    provisional: bool = False
    tells: tuple[Recipient, ...] = ()
    """Who will be told."""


class Reached(Record):
    """A rung that a case stands on, or stood on before the campaign date came."""

    rung: Rung = Rung.none
    rung_at: AwareDatetime | None = None
    told: tuple[Recipient, ...] = ()
    """Who was told of it."""
    acknowledged_at: AwareDatetime | None = None
    """When it was acknowledged."""
    acknowledged_by: StaffId | None = None


class Reckoned(Record):
    """The days from which dates were counted, and what the working calendar said of them then."""

    first: IsoDate
    last: IsoDate
    says: str
    """`WorkingCalendar.says` of these days: another answer means that they were amended, in either direction."""


class Dates(Record):
    """What the working calendar says of a case's clocks; recomputed with every transition."""

    processing_due_at: AwareDatetime | None = None
    """When the processing time ends; None while it stands still."""
    campaign_due_at: AwareDatetime | None = None
    """When the campaign ends for this case, moved by its lawful holds so far."""
    provisional: bool = False
    """One of these rests on a year whose calendar is not published."""
    next: NextRung | None = None
    """The rung to come; None while a hold silences the ladder, or at its top."""
    silenced_until: AwareDatetime | None = None
    """Until when the rung that was acknowledged is not told of again."""
    rests_on: Reckoned | None = None
    """What all dates of the case rest on, those of its time limit included."""


class Ladder(Record):
    """The ledger of a case's clocks, the rung it stands on, and the dates that follow from both."""

    started: AwareDatetime | None = None
    """When the case was accepted; the processing time starts then."""
    stays: tuple[Stay, ...] = ()
    """In which status the case was when, the present one last; a stay that used no day is left out."""
    suspensions: tuple[Suspension, ...] = ()
    extended: int = 0
    """Working days by which the processing time was extended."""
    campaign_extended: int = 0
    """Working days by which extensions moved the campaign date."""
    clock: int = 1
    """Generation of the clocks; grows with whatever moves a date."""
    rung: Rung = Rung.none
    rung_at: AwareDatetime | None = None
    told: tuple[Recipient, ...] = ()
    """Who was told of the rung it stands on."""
    acknowledged_at: AwareDatetime | None = None
    """When the rung it stands on was acknowledged."""
    acknowledged_by: StaffId | None = None
    before_the_date: Reached = Reached()
    """Where it stood before the campaign date came, for as long as it stands on a rung that came with the date."""
    overdue: bool = False
    """The processing time has passed, and nobody has acknowledged it."""
    decision: bool = False
    """An officer has to decide whether benefits are held."""
    dates: Dates = Dates()

    @property
    def standstills(self) -> tuple[Standstill, ...]:
        """The time of its suspensions."""
        return tuple(suspension.standstill for suspension in self.suspensions)

    @property
    def is_suspended(self) -> bool:
        """Whether the processing time stands still."""
        return bool(self.suspensions) and self.suspensions[-1].until is None

    @property
    def reached(self) -> Reached:
        """The rung it stands on."""
        return Reached(**{name: getattr(self, name) for name in Reached.model_fields})

    def held_days(self, reason: HoldReason, before: datetime | None = None) -> int:
        """Calendar days that the case has been on hold for a reason in holds that are over and began `before`."""
        return sum(
            (day_of(suspension.until) - day_of(suspension.since)).days
            for suspension in self.suspensions
            if suspension.hold is reason
            and suspension.until is not None
            and (before is None or suspension.since < before)
        )

    def moved_to(self, status: Status, at: datetime) -> tuple[Stay, ...]:
        """The stays after a status is entered."""
        stays = self.stays
        if stays and stays[-1].until is None:
            left = stays[-1].ended(at)
            stays = (*stays[:-1], *((left,) if day_of(left.since) < day_of(at) else ()))
        return (*stays, Stay(status=status, since=at))

    @property
    def step(self) -> tuple[datetime, tuple[Standstill, ...]] | None:
        """When the case came into its present status for the first time, and when it was in others since."""
        if not self.stays:
            return None
        here = [stay for stay in self.stays if stay.status is self.stays[-1].status]
        away = ((left.until, back.since) for left, back in pairwise(here))
        return here[0].since, tuple(Standstill(until, since) for until, since in away if until is not None)


class RungRule(NamedTuple):
    """When one rung is due. The campaign is counted in calendar days or in working days before its date."""

    rung: Rung
    processing_percent: int | None = None
    processing_days_over: int = 0
    """Working days beyond that share of the processing time."""
    step: bool = False
    """Due as well when one step overruns its share."""
    campaign_days: int | None = None
    campaign_working_days: int | None = None
    """Negative after the campaign date."""
    acknowledge_within: int | None = None
    """Working days after which the next rung is due where nobody acknowledged this one."""
    silence: int = 1
    """Working days for which an acknowledgement silences it."""
    tells: tuple[Recipient, ...] = ()


class Situation(NamedTuple):
    """What the ladder has to know of a case beyond its own ledger; all of it is the policy's or the state table's."""

    case_id: str
    rules: Sequence[RungRule]
    hours: OfficeHours
    budget: int
    """Processing time in working days."""
    step_share: int | None
    """Percentage of the processing time that the present step may take; None where it has no share."""
    campaign_ends: Due | None
    """The campaign date as the policy rolls it; None where the case does not depend on it, or not any more."""
    late_decision: int | None
    """Working days from its acceptance to the decision, for a case that was opened after the campaign date; None for
    never."""
    urgent: bool
    """One of the three priority groups: twice the lead."""
    silent: bool
    """No rung fires: the case is on hold, or closed."""
    undecidable: bool
    """No decision can be asked for now: a dispute, or a second officer's review."""


def offset_of(case_id: str) -> float:
    """Where in the office hours a case has its slot: 0 to 1, spread evenly over the cases."""
    return int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:4]) / 2**32


def compute_dates(ladder: Ladder, situation: Situation, calendar: WorkingCalendar, at: datetime) -> Dates:
    """The dates of a case at the moment `at`. Pure: the same ledger, policy and calendar give the same dates."""
    if ladder.started is None:
        return Dates()
    clock = _Clocks(ladder, situation, calendar, ladder.started)
    processing, campaign = clock.processing(situation.budget + ladder.extended), clock.campaign
    upcoming = None if situation.silent else _next(clock, at)
    return Dates(
        processing_due_at=processing.at if processing is not None else None,
        campaign_due_at=campaign.at if campaign is not None else None,
        provisional=any(due is not None and due.provisional for due in (processing, campaign, upcoming)),
        next=upcoming,
        silenced_until=clock.silenced_until,
    )


def without_decision(ladder: Ladder, dates: Dates, at: datetime) -> Ladder:
    """The ladder where the campaign date was moved ahead after it had come: back to where the case stood before.

    No decision is owed any more; it is asked for again when the date that holds comes.
    """
    ends = dates.campaign_due_at
    if ladder.rung < Rung.deadline or ends is None or ends <= at:
        return ladder
    back: dict[str, Any] = dict(ladder.before_the_date)
    return ladder.model_copy(update=back | {"decision": False, "before_the_date": Reached(), "clock": ladder.clock + 1})


class _Clocks(NamedTuple):
    """The clocks of one case under one calendar."""

    ladder: Ladder
    situation: Situation
    calendar: WorkingCalendar
    started: datetime

    def processing(self, working_days: int) -> Due | None:
        """When so much of the processing time is used; None while it stands still before that."""
        return when_used(self.started, working_days, self.ladder.standstills, self.calendar)

    @property
    def campaign(self) -> Due | None:
        """The campaign date, moved by the holds that are over and by extensions."""
        ends = self.situation.campaign_ends
        if ends is None or (moved := self.moved_by) == 0:
            return ends
        last = _last_day(ends)
        new = self.calendar.after(last, moved)
        return Due(ends.at + (new - last), ends.provisional or provisional(day_of(self.started), new, self.calendar))

    @property
    def moved_by(self) -> int:
        """Working days by which the campaign date moves."""
        over = (s for s in self.ladder.suspensions if s.moves_campaign and s.until is not None)
        return self.ladder.campaign_extended + sum(s.standstill.worked(self.calendar) for s in over)

    @property
    def silenced_until(self) -> datetime | None:
        """Until when an acknowledgement silences the rung that the case stands on."""
        acknowledged = self.ladder.acknowledged_at
        if acknowledged is None:
            return None
        rule = next((rule for rule in self.situation.rules if rule.rung is self.ladder.rung), None)
        return closes(self.calendar.after(day_of(acknowledged), rule.silence)) if rule is not None else None

    def due(self, rule: RungRule) -> Iterator[tuple[Due, Cause]]:
        """Everything that makes a rung due, each with its moment."""
        total = self.situation.budget + self.ladder.extended
        if rule.processing_percent is not None:
            lead = (100 - rule.processing_percent) * (2 if self.situation.urgent else 1)
            share = -(-total * max(100 - lead, 0) // 100) + rule.processing_days_over
            if (processing := self.processing(share)) is not None:
                yield processing, Cause.processing
        if rule.step and self.situation.step_share is not None and (step := self.ladder.step) is not None:
            since, away = step
            allowed = -(-total * self.situation.step_share // 100)
            overrun = when_used(since, allowed, (*away, *self.ladder.standstills), self.calendar)
            if overrun is not None:
                yield overrun, Cause.step
        near = self._by_campaign(rule)
        if near is not None:
            yield near, Cause.campaign
        before = next((other for other in self.situation.rules if other.rung == rule.rung - 1), None)
        if (
            before is not None
            and before.acknowledge_within is not None
            and self.ladder.rung is before.rung
            and self.ladder.acknowledged_at is None
            and self.ladder.rung_at is not None
        ):
            told = told_at(self.ladder.rung_at, offset_of(self.situation.case_id), self.situation.hours, self.calendar)
            unseen = when_used(told, before.acknowledge_within, (), self.calendar)
            if unseen is not None:
                yield unseen, Cause.unacknowledged

    def _by_campaign(self, rule: RungRule) -> Due | None:
        campaign = self.campaign
        if campaign is None:
            return None
        if not self.is_late:
            return near_campaign(rule, campaign, self.calendar, urgent=self.situation.urgent)
        # Nobody could have been told in time of a date that had passed: only the decision is left to be asked for.
        if rule.rung < Rung.deadline or self.situation.late_decision is None:
            return None
        asked = self.processing(self.situation.late_decision)
        return near_campaign(rule, asked, self.calendar, urgent=False) if asked is not None else None

    @property
    def is_late(self) -> bool:
        """Whether the case was opened after the campaign date."""
        ends = self.situation.campaign_ends
        return ends is not None and self.started >= ends.at


def near_campaign(rule: RungRule, ends: Due, calendar: WorkingCalendar, *, urgent: bool) -> Due | None:
    """When a campaign date is as near as a rule says; None for a rule that does not count from it."""
    if rule.campaign_days is None and rule.campaign_working_days is None:
        return None
    lead, last = (2 if urgent else 1), _last_day(ends)
    if rule.campaign_days is not None:
        day = last - timedelta(days=rule.campaign_days * lead)
    elif rule.campaign_working_days:
        days = rule.campaign_working_days
        day = calendar.before(last, days * lead) if days > 0 else calendar.after(last, -days)
    else:
        return ends
    unknown = provisional(min(day, last), max(day, last), calendar)
    return Due(closes(day), ends.provisional or unknown)


def _last_day(due: Due) -> date:
    """The last day of a period: the 24:00 that closes a day belongs to it."""
    return day_of(due.at - timedelta(microseconds=1))


def _next(clocks: _Clocks, at: datetime) -> NextRung | None:
    """The rung to come: the highest of those that fire first."""
    situation = clocks.situation
    offset = offset_of(situation.case_id)
    found: NextRung | None = None
    for rule in situation.rules:
        if rule.rung <= clocks.ladder.rung or (rule.rung >= Rung.deadline and situation.undecidable):
            continue
        earliest = min(clocks.due(rule), default=None, key=lambda due: due[0].at)
        if earliest is None:
            continue
        due, cause = earliest
        promised = clocks.ladder.dates.next
        if promised is not None and promised.rung is rule.rung and due.at <= promised.at <= at:
            # Somebody acted at the very moment at which it was to fire; it does not wait for another day.
            fires = promised.at
        else:
            fires = first_slot(max(due.at, at), offset, situation.hours, clocks.calendar)
        unknown = due.provisional or provisional(day_of(due.at), day_of(fires), clocks.calendar)
        if found is None or fires < found.at or (fires == found.at and rule.rung > found.rung):
            found = NextRung(rung=rule.rung, at=fires, cause=cause, provisional=unknown, tells=rule.tells)
    return found
