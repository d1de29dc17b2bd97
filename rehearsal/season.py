"""Who applies in a season and what happens to each: drawn from a seed, before any engine is asked.

Each person has a source of chance of their own, made of the seed and their number: the same person lives the same life
whatever policy is rehearsed and however many others there are. Everybody is synthetic and born between 1900 and 1930.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from random import Random
from typing import Final, NamedTuple, TypeVar

from cases.clocks import SHANGHAI, WorkingCalendar
from cases.documents import DocumentKind
from cases.events import Event
from cases.facts import HoldReason, PersonEndedReason, RepairAction
from cases.models import Category, Role, System
from cases.numbers import Road, derive

Item = TypeVar("Item")
Says = Mapping[str, object]
"""Fields of a fact, as JSON has them; days are `date`, so that they can be moved with the season."""

_DAY: Final = timedelta(days=1)
_A_MOMENT: Final = timedelta(minutes=2)
_OPENS, _CLOSES = time(9), time(17)


class Story(StrEnum):
    """What kind of life a case has."""

    prompt = "prompt"
    """All papers, verified within days."""
    slow = "slow"
    """All papers; the office takes longer than the processing time."""
    late_papers = "late_papers"
    """Papers are missing and come late, sometimes too late."""
    silence = "silence"
    """Papers are missing and never come."""
    returned = "returned"
    """Papers are defective and come again."""
    held = "held"
    """The case waits for something outside the applicant's control."""
    forgotten_hold = "forgotten_hold"
    """Nobody lifts the hold; its limit does."""
    neglected = "neglected"
    """Nobody verifies for the whole campaign."""
    withdrawn = "withdrawn"
    person_ended = "person_ended"
    unconfirmed = "unconfirmed"
    """A system confirms so late that the case needs repair."""


_SHARES: Final[Mapping[Story, float]] = {
    Story.prompt: 36,
    Story.slow: 16,
    Story.late_papers: 12,
    Story.silence: 6,
    Story.returned: 5,
    Story.held: 10,
    Story.forgotten_hold: 2,
    Story.neglected: 7,
    Story.withdrawn: 2,
    Story.person_ended: 1,
    Story.unconfirmed: 3,
}
_CATEGORIES: Final[Mapping[Category, float]] = {
    Category.general: 76,
    Category.resettled: 8,
    Category.referred: 6,
    Category.refund: 10,
}
_HOLDS: Final[Mapping[HoldReason, float]] = {
    HoldReason.waiting_for_id_card: 60,
    HoldReason.applicant_in_hospital: 20,
    HoldReason.waiting_for_police: 12,
    HoldReason.waiting_for_other_agency: 8,
}


class Part(StrEnum):
    """Who tells a case something."""

    counter = "counter"
    clerk = "clerk"
    officer = "officer"
    supervisor = "supervisor"
    operator = "operator"
    medical_insurance = "medical_insurance"
    pension = "pension"
    bank = "bank"

    @property
    def role(self) -> Role:
        """In which capacity."""
        return Role.clerk if self is Part.counter else Role(self.value)


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody tells the case of an event at a moment of the season."""

    at: datetime
    event: Event
    by: Part
    says: Says = field(default_factory=dict)
    """Fields of the fact that the season knows; the rest is read from the case."""
    brings: tuple[DocumentKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """One person's part in a season."""

    number: int
    """Place among the persons, from 1."""
    story: Story
    category: Category
    road: Road
    arrives_at: datetime
    brings: tuple[DocumentKind, ...]
    """Papers that come with the application."""
    acts: tuple[Act, ...]
    """In the order of their moments."""
    acknowledges_after: timedelta | None
    """How long after a rung that has to be acknowledged somebody does; None where nobody looks."""


def told_as_well(life: Life, act: Act) -> Life:
    """The life with something more that is told, when the person has applied."""
    act = replace(act, at=max(act.at, life.arrives_at + _A_MOMENT))
    return replace(life, acts=tuple(sorted((*life.acts, act), key=lambda each: each.at)))


class Season(NamedTuple):
    """What a season is drawn from."""

    first: date
    last: date
    peak: date
    """The day that everybody knows: most come before it, some after it."""
    calendar: WorkingCalendar
    seed: int

    @property
    def begins(self) -> datetime:
        """Its first moment."""
        return datetime.combine(self.first, time(), SHANGHAI)

    @property
    def ends(self) -> datetime:
        """The 24:00 that closes its last day."""
        return datetime.combine(self.last + _DAY, time(), SHANGHAI)

    def life(self, number: int) -> Life:
        """What happens to one person."""
        return _Chance(self, number).life()


def old_number(number: int) -> str:
    """The synthetic 15-digit number of a person, born between 1925 and 1930; numbers below 1.4 million are distinct."""
    day, rest = number % 28 + 1, number // 28
    month, rest = rest % 12 + 1, rest // 12
    return f"110105{25 + rest % 6:02}{month:02}{day:02}{100 + rest // 6 % 800:03}"


def new_number(life: Life) -> str:
    """The number that the person applies for: the derived one, or the one that the police gave out anew."""
    derived = derive(old_number(life.number))
    if life.road is Road.pure_upgrade:
        return derived
    reissued = old_number(life.number)
    # Another division: sequence and date stay, so that no two persons get the same.
    return derive(f"110102{reissued[6:]}")


class _Chance:
    """The chance of one person's life: who it is and when they come is drawn before what happens then."""

    def __init__(self, season: Season, number: int) -> None:
        self._season = season
        self._number = number
        self._random = Random(f"{season.seed}:{number}")  # noqa: S311 - chance that repeats itself is wanted

    @property
    def peak(self) -> datetime:
        """The 24:00 of the day that everybody knows."""
        return datetime.combine(self._season.peak + _DAY, time(), SHANGHAI)

    def life(self) -> Life:
        """Draw it."""
        story = self._one_of(_SHARES)
        category = self._one_of(_CATEGORIES)
        reissued = self._random.random() < 0.18  # noqa: PLR2004 - a share
        looks = self._random.random() < 0.65  # noqa: PLR2004 - a share
        hours = self._random.uniform(0.25, 2.0)
        arrives_at = self._arrival()
        road = Road.reissued if reissued else Road.pure_upgrade
        papers = (DocumentKind.resident_id_card, *((DocumentKind.police_certificate,) if reissued else ()))
        acts = tuple(sorted(_STORIES[story](self, arrives_at, papers), key=lambda act: act.at))
        lacking = story in {Story.late_papers, Story.silence}
        return Life(
            number=self._number,
            story=story,
            category=category,
            road=road,
            arrives_at=arrives_at,
            brings=papers[1:] if lacking else papers,
            acts=tuple(
                act for act in acts if act.at < self._season.ends and (reissued or act.event is not Event.approve)
            ),
            acknowledges_after=timedelta(hours=hours) if looks else None,
        )

    # --- moments ----------------------------------------------------------------------------------------------------

    def _arrival(self) -> datetime:
        """Half come evenly, most of the others crowd before the peak, and a tenth come after it."""
        season, chance = self._season, self._random
        kind = chance.random()
        span = (season.last - season.first).days
        to_peak = min(max((season.peak - season.first).days, 0), span)
        if kind < 0.55:  # noqa: PLR2004 - shares
            days = chance.uniform(0, to_peak)
        elif kind < 0.9:  # noqa: PLR2004 - shares
            days = chance.triangular(max(to_peak - 40, 0), to_peak, max(to_peak - 4, 0))
        else:
            days = chance.uniform(to_peak, max(span - 7, to_peak))
        day = season.first + _DAY * int(days)
        if chance.random() < 0.12:  # noqa: PLR2004 - online, at any hour
            return datetime.combine(day, time(), SHANGHAI) + timedelta(seconds=chance.uniform(0, 86_399))
        return self._in_office(season.calendar.next_working(day))

    def _in_office(self, day: date) -> datetime:
        opens, closes = (datetime.combine(day, at, SHANGHAI) for at in (_OPENS, _CLOSES))
        return opens + timedelta(seconds=int(self._random.uniform(0, (closes - opens).total_seconds())))

    def worked(self, since: datetime, least: int, most: int) -> datetime:
        """A moment in office hours, so many working days after another."""
        days = self._random.randint(least, most)
        return self._in_office(self._season.calendar.after(since.astimezone(SHANGHAI).date(), days))

    def passed(self, since: datetime, least: int, most: int) -> datetime:
        """A moment in office hours, so many calendar days after another, or on the next working day."""
        day = since.astimezone(SHANGHAI).date() + _DAY * self._random.randint(least, most)
        return self._in_office(self._season.calendar.next_working(day))

    def chance(self, share: float) -> bool:
        """Whether something of this share happens."""
        return self._random.random() < share

    def count(self, least: int, most: int) -> int:
        """A whole number."""
        return self._random.randint(least, most)

    def hold_reason(self) -> HoldReason:
        """Why a case is held."""
        return self._one_of(_HOLDS)

    def _one_of(self, shares: Mapping[Item, float]) -> Item:
        return self._random.choices(list(shares), list(shares.values()))[0]


# --- stories --------------------------------------------------------------------------------------------------------

Papers = tuple[DocumentKind, ...]
Acts = list[Act]


def _decided(chance: _Chance, at: datetime) -> Acts:
    """From a verification onward: the second officer, where one is needed, and the three other systems."""
    approved = chance.worked(at, 1, 3)
    acts = [
        Act(at, Event.verify_documents, Part.clerk, {"original_seen": True}),
        Act(approved, Event.approve, Part.officer),
    ]
    return acts + [_confirmed(chance.worked(approved, 0, 3) + timedelta(minutes=5), system) for system in System]


def _confirmed(at: datetime, system: System) -> Act:
    says: Says = {"system": system.value, "confirmed": True, "reference": f"{system.value}/1"}
    return Act(at, Event.confirm_downstream, Part(system.value), says)


def _extended(chance: _Chance, at: datetime) -> Acts:
    days = chance.count(2, 7)
    extended = chance.chance(0.3)
    says: Says = {"working_days": days, "evidence": "extension/1"}
    return [Act(at, Event.extend, Part.supervisor, says)] if extended else []


def _prompt(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    return _decided(chance, chance.worked(arrives_at, 1, 5))


def _slow(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    verified = chance.worked(arrives_at, 8, 22)
    return _extended(chance, chance.worked(arrives_at, 3, 7)) + _decided(chance, verified)


def _late_papers(chance: _Chance, arrives_at: datetime, papers: Papers) -> Acts:
    brought = chance.passed(arrives_at, 2, 30)
    added = Act(brought, Event.add_documents, Part.counter, brings=papers[:1])
    extended = _extended(chance, chance.passed(arrives_at, 1, 12))
    return [added, *extended, *_decided(chance, chance.worked(brought, 1, 6))]


def _silence(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    return _extended(chance, chance.passed(arrives_at, 1, 12))


def _returned(chance: _Chance, arrives_at: datetime, papers: Papers) -> Acts:
    returned = chance.worked(arrives_at, 1, 4)
    defects: list[dict[str, str]] = [{"document": papers[0].value, "problem": "复印件不清晰"}]
    brought = chance.passed(returned, 1, 14)
    return [
        Act(returned, Event.return_documents, Part.clerk, {"defects": defects}),
        Act(brought, Event.add_documents, Part.counter, brings=papers[:1]),
        *_decided(chance, chance.worked(brought, 1, 5)),
    ]


def _hold(chance: _Chance, at: datetime) -> Act:
    says: Says = {"reason": chance.hold_reason().value, "evidence": "hold/1"}
    return Act(at, Event.hold, Part.clerk, says)


def _held(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    held = chance.worked(arrives_at, 1, 9)
    resumed = chance.passed(held, 2, 50)
    acts = [_hold(chance, held), Act(resumed, Event.resume, Part.clerk)]
    acts += _extended(chance, held + timedelta(hours=20))
    if chance.chance(0.25):
        again = chance.worked(resumed, 1, 3)
        resumed = chance.passed(again, 2, 15)
        acts += [_hold(chance, again), Act(resumed, Event.resume, Part.clerk)]
    return acts + _decided(chance, chance.worked(resumed, 1, 9))


def _forgotten_hold(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    return [_hold(chance, chance.worked(arrives_at, 1, 6))]


def _neglected(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    after = max(arrives_at, chance.peak)
    held = chance.worked(after, 2, 9)
    verified = chance.worked(held, 3, 9)
    withheld: Says = {
        "notice": "notice/1",
        "served_on": after.astimezone(SHANGHAI).date(),
        "legal_basis": "示例文件〔2026〕第1号第五条",
    }
    acts = [Act(held, Event.hold_benefits, Part.officer, withheld)] if chance.chance(0.35) else []
    return acts + (_decided(chance, verified) if chance.chance(0.5) else [])


def _withdrawn(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    return [Act(chance.worked(arrives_at, 1, 20), Event.withdraw, Part.counter)]


def _person_ended(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    says: Says = {"reason": PersonEndedReason.death.value, "evidence": "death/1"}
    return [Act(chance.worked(arrives_at, 1, 20), Event.person_ended, Part.counter, says)]


def _unconfirmed(chance: _Chance, arrives_at: datetime, _papers: Papers) -> Acts:
    decided = _decided(chance, chance.worked(arrives_at, 1, 5))
    repaired = chance.worked(decided[-1].at, 8, 14)
    retry: Says = {"action": RepairAction.retry.value, "evidence": "repair/1"}
    late = _confirmed(repaired + timedelta(hours=1), System.bank)
    return [*decided[:-1], Act(repaired, Event.repair, Part.operator, retry), late]


_STORIES: Final[Mapping[Story, Callable[[_Chance, datetime, Papers], Acts]]] = {
    Story.prompt: _prompt,
    Story.slow: _slow,
    Story.late_papers: _late_papers,
    Story.silence: _silence,
    Story.returned: _returned,
    Story.held: _held,
    Story.forgotten_hold: _forgotten_hold,
    Story.neglected: _neglected,
    Story.withdrawn: _withdrawn,
    Story.person_ended: _person_ended,
    Story.unconfirmed: _unconfirmed,
}
