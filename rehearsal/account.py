"""An account of what should happen to a case, by what was told to it: found by walking from day to day.

Nothing here uses the engine's clocks, ladder or policies. The rules (domain facts, section 4): a clock uses up whole
working days; the day of its start does not count, nor the day of a resumption, but the day on which it stops does. A
rung is due at the 24:00 that closes a day, and fires at the case's slot: one moment in the office hours of a working
day. Of several that would fire at one slot the highest does.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple, Self

from cases.clocks import SHANGHAI
from rehearsal.amendments import Amendment, known_at
from rehearsal.record import Case, Fired, Move
from rehearsal.rules import DAY, Rules, RungRule, day_of, midnight_after

STANDS_STILL: Final = frozenset(
    {
        *("awaiting_documents", "on_hold", "disputed", "merging"),
        *("temporarily_blocked", "ready", "handed_over", "closing_old"),
    }
)
"""Statuses of either kind in which the processing time does not run: somebody outside the agency has to act."""
SILENT: Final = frozenset({"on_hold"})
"""Statuses in which no rung fires."""
ESCALATED: Final = "escalated"
"""The transition by which a rung fires."""
ENDINGS: Final = frozenset(
    {
        *("done", "not_needed", "rejected", "withdrawn", "closed_no_response"),
        *("ended", "card_found", "unclaimed", "not_activated"),
    }
)

_UNDECIDABLE: Final = frozenset({"awaiting_approval", "disputed", "merging"})
_UPDATED: Final = frozenset({"updated", "releasing", "done"})
_WITHOUT_LIMIT: Final = frozenset({"in_review", "awaiting_approval"})
"""Statuses without a time limit of their own: an extension there moves the processing time."""
DEADLINE: Final = 6
_EVERYBODY: Final = "general"
_DECIDES: Final = frozenset({"hold_benefits", "keep_benefits"})
"""Events that decide what is asked for at the campaign date."""


Rulebook = Mapping[str, Rules]
"""The rules of policies that a case may be told to follow later, by name and version."""
NO_OTHERS: Final[Rulebook] = {}


class Stop(NamedTuple):
    """Days on which a clock stood still: those after `since`, up to `until` or for ever."""

    since: date
    until: date | None
    moves_campaign: bool

    def covers(self, day: date) -> bool:
        """Whether the clock does not use this day."""
        return self.since < day and (self.until is None or day <= self.until)

    def worked(self, rules: Rules) -> frozenset[date]:
        """The working days of a stop that is over."""
        if self.until is None:
            return frozenset()
        days = (self.since + DAY * n for n in range(1, (self.until - self.since).days + 1))
        return frozenset(filter(rules.is_working, days))


class Upcoming(NamedTuple):
    """A rung that fires if nothing is told to the case before."""

    at: datetime
    rung: int
    cause: str


@dataclass(slots=True)
class Account:
    """What was told to a case so far, and what follows from it."""

    case: Case
    rules: Rules
    rulebook: Rulebook
    started: datetime
    status: str = ""
    stays: list[tuple[str, datetime]] = field(default_factory=list)
    """In which status it was from when on."""
    stops: list[Stop] = field(default_factory=list)
    extended: int = 0
    campaign_extended: int = 0
    rung: int = 0
    rung_at: datetime | None = None
    acknowledged: bool = False
    owed: bool = False
    """An officer has to decide whether benefits are held."""
    hold_moves: bool = False
    """Whether the hold that the case is on, or that a dispute interrupted, moves the campaign date."""
    announcements: Sequence[Amendment] = ()
    before_the_date: tuple[int, datetime | None, bool] = (0, None, False)
    """The rung, since when, and whether it was acknowledged, before the campaign date came."""

    @classmethod
    def opened(
        cls, case: Case, rules: Rules, rulebook: Rulebook = NO_OTHERS, announcements: Sequence[Amendment] = ()
    ) -> Self:
        """Of a case that has moved at least once: with its first transition it is accepted."""
        begins = rules.binding(case.case_id)
        return cls(case, begins, rulebook, case.moves[0].at, announcements=announcements)

    def hear(self, move: Move) -> None:
        """Take one transition into account."""
        if move.event == "hold":
            self.hold_moves = move.says["reason"] in self.rules.holds_move
        if move.event == "recompute" and (policy := move.says.get("policy")) is not None:
            self.rules = self.rulebook[policy].binding(self.case.case_id)
        self.rules = self.rules.announced(known_at(self.announcements, move.at))
        if move.to != self.status:
            self._enter(move)
        if move.event in _DECIDES or move.to in _UPDATED:
            self.owed = False
        if move.event == "acknowledge":
            self.acknowledged = True
        if move.event == "extend":
            days = int(move.says["working_days"])
            self.extended += days if move.before in _WITHOUT_LIMIT else 0
            self.campaign_extended += days if self.rules.moved_by_extension else 0
        campaign = self.campaign
        if self.rung >= DEADLINE and campaign is not None and campaign > move.at:
            # The date was moved ahead after it had come, and comes again.
            self.rung, self.rung_at, self.acknowledged = self.before_the_date
            self.owed = False

    def _enter(self, move: Move) -> None:
        today = day_of(move.at)
        if self.stops and self.stops[-1].until is None:
            self.stops[-1] = self.stops[-1]._replace(until=today)
        if move.to in STANDS_STILL:
            self.stops.append(Stop(today, None, move.to == "on_hold" and self.hold_moves))
        self.status = move.to
        self.stays.append((move.to, move.at))

    def fire(self, upcoming: Upcoming) -> None:
        """A rung fired."""
        if self.rung < DEADLINE <= upcoming.rung:
            self.before_the_date = (self.rung, self.rung_at, self.acknowledged)
            self.owed = True
        self.rung, self.rung_at, self.acknowledged = upcoming.rung, upcoming.at, False

    # --- dates ------------------------------------------------------------------------------------------------------

    @property
    def processing(self) -> datetime | None:
        """When the processing time ends; None where it stands still before."""
        return self._used_up(self.started, self._total, self.stops)

    @property
    def campaign(self) -> datetime | None:
        """When the campaign ends for this case; None once the number is updated, and where it binds nobody."""
        if self.status in _UPDATED or not self.rules.campaign_binds:
            return None
        if self.rules.campaign_closes == "midnight":
            return midnight_after(self._campaign_day)
        return datetime.combine(self._campaign_day, self.rules.closes, SHANGHAI)

    @property
    def _came_late(self) -> bool:
        """Whether the case was accepted after the campaign date, which no hold or extension has moved then."""
        day = self._rolled
        ends = midnight_after(day)
        if self.rules.campaign_closes != "midnight":
            ends = datetime.combine(day, self.rules.closes, SHANGHAI)
        return self.started >= ends

    @property
    def _rolled(self) -> date:
        rules, day = self.rules, self.rules.campaign_ends
        step = {"next": DAY, "previous": -DAY, "same": timedelta()}[rules.on_rest_day]
        while step and not rules.is_working(day):
            day += step
        return day

    @property
    def _total(self) -> int:
        return self.rules.budget + self.extended

    @property
    def _campaign_day(self) -> date:
        rules, day = self.rules, self._rolled
        left = self.campaign_extended + sum(len(stop.worked(rules)) for stop in self.stops if stop.moves_campaign)
        while left:
            day += DAY
            left -= rules.is_working(day)
        return day

    def _used_up(self, since: datetime, working_days: int, stops: Sequence[Stop]) -> datetime | None:
        """The 24:00 by which so many working days are used; None where the clock stands still before that."""
        day = day_of(since)
        while working_days > 0:
            day += DAY
            stopped = [stop for stop in stops if stop.covers(day)]
            if any(stop.until is None for stop in stopped):
                return None
            working_days -= self.rules.is_working(day) and not stopped
        return midnight_after(day) if day != day_of(since) else since

    # --- rungs ------------------------------------------------------------------------------------------------------

    def upcoming(self, since: datetime) -> Upcoming | None:
        """The rung that fires next if nothing is told to the case from a moment on."""
        if self.status in SILENT | ENDINGS:
            return None
        found: Upcoming | None = None
        for rule in self.rules.rungs:
            if rule.rung <= self.rung or (rule.rung >= DEADLINE and self.status in _UNDECIDABLE):
                continue
            due, cause = min(self._causes(rule), default=(None, ""), key=_moment_of)
            if due is not None:
                slot = self.slot(max(due, since))
                if found is None or slot <= found.at:
                    found = Upcoming(slot, rule.rung, cause)
        return found

    def is_late(self) -> bool:
        """Whether a rung is due at the very start."""
        return any(due <= self.started for rule in self.rules.rungs for due, _ in self._causes(rule))

    def slot(self, moment: datetime) -> datetime:
        """The first slot of this case at or after a moment."""
        share = int.from_bytes(hashlib.sha256(self.case.case_id.encode()).digest()[:4]) / 2**32
        day = day_of(moment)
        while True:
            opens, closes = (datetime.combine(day, at, SHANGHAI) for at in (self.rules.opens, self.rules.closes))
            slot = opens + timedelta(seconds=int((closes - opens).total_seconds() * share))
            if slot >= moment and self.rules.is_working(day):
                return slot
            day += DAY

    def _causes(self, rule: RungRule) -> Iterator[tuple[datetime, str]]:
        """Everything that makes a rung due, and when."""
        times = 1 if self.case.category == _EVERYBODY else 2
        dues = {
            "processing": self._by_processing(rule, times),
            "step": self._by_step(rule),
            "campaign": self._by_campaign(rule, times),
            "unacknowledged": self._by_silence(rule),
        }
        for cause, due in dues.items():
            if due is not None:
                yield due, cause

    def _by_processing(self, rule: RungRule, times: int) -> datetime | None:
        if rule.percent is None:
            return None
        percent = max(100 - (100 - rule.percent) * times, 0)
        return self._used_up(self.started, _share(self._total, percent) + rule.days_over, self.stops)

    def _by_step(self, rule: RungRule) -> datetime | None:
        if not rule.step or self.status not in self.rules.steps:
            return None
        # All stays in the status together: what lay between them is taken for a stop.
        days = [(status, day_of(at)) for status, at in self.stays]
        first = next(place for place, (status, _) in enumerate(days) if status == self.status)
        away = [
            Stop(since, until, moves_campaign=False)
            for (status, since), (_, until) in pairwise(days[first:])
            if status != self.status
        ]
        share = _share(self._total, self.rules.steps[self.status])
        return self._used_up(self.stays[first][1], share, [*self.stops, *away])

    def _by_campaign(self, rule: RungRule, times: int) -> datetime | None:
        campaign, last = self.campaign, self._campaign_day
        if campaign is None or (rule.campaign_days, rule.campaign_working_days) == (None, None):
            return None
        if self._came_late:
            if rule.rung < DEADLINE or self.rules.late_decision_after is None:
                return None
            campaign, times = self._used_up(self.started, self.rules.late_decision_after, self.stops), 1
            if campaign is None:
                return None
            last = day_of(campaign - timedelta(microseconds=1))
        if rule.campaign_days is not None:
            return midnight_after(last - DAY * rule.campaign_days * times)
        days = rule.campaign_working_days or 0
        left = days * times if days > 0 else -days
        while left:
            last += -DAY if days > 0 else DAY
            left -= self.rules.is_working(last)
        return midnight_after(last) if days else campaign

    def _by_silence(self, rule: RungRule) -> datetime | None:
        below = next((other for other in self.rules.rungs if other.rung == rule.rung - 1), None)
        if below is None or below.acknowledge_within is None or self.rung != below.rung:
            return None
        if self.acknowledged or self.rung_at is None:
            return None
        return self._used_up(self.rung_at, below.acknowledge_within, ())


class Expected(NamedTuple):
    """What the rules let happen until a moment, by what was told to a case."""

    rungs: list[Fired]
    decision_owed: bool
    """An officer has to decide whether benefits are held, and nothing comes before that."""


def expected(
    case: Case,
    rules: Rules,
    until: datetime,
    rulebook: Rulebook = NO_OTHERS,
    announcements: Sequence[Amendment] = (),
) -> Expected:
    """The rungs that the rules let fire until a moment, and whether a decision is owed then."""
    told = [move for move in case.moves if move.event != ESCALATED]
    rungs: list[Fired] = []
    if not told:
        return Expected(rungs, decision_owed=False)
    account = Account.opened(case, rules, rulebook, announcements)
    for move, following in zip(told, [*told[1:], None], strict=True):
        account.hear(move)
        since, end = move.at, following.at if following is not None else until
        while (upcoming := account.upcoming(since)) is not None and upcoming.at < end:
            rungs.append(Fired(upcoming.rung, upcoming.cause, upcoming.at, upcoming.at))
            account.fire(upcoming)
            since = upcoming.at
    waits = account.status in SILENT | _UNDECIDABLE | ENDINGS
    return Expected(rungs, decision_owed=account.owed and not waits)


def _moment_of(cause: tuple[datetime, str]) -> datetime:
    # Of several causes at one moment the first counts.
    return cause[0]


def _share(total: int, percent: int) -> int:
    """A share of working days, rounded up."""
    return -(-total * percent // 100)
