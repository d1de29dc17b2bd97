"""Who applies in a season and what happens to each: drawn from a seed, before any engine is asked.

Each person has a source of chance of their own, made of the seed and their number: the same person lives the same life
whatever policy is rehearsed and however many others there are. Everybody is synthetic and born between 1900 and 1930.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from cases.clocks import SHANGHAI, WorkingCalendar
from cases.documents import DocumentKind
from cases.events import Event
from cases.models import Category
from cases.names import Kind
from cases.numbers import Road
from rehearsal import changes, replacements
from rehearsal.chance import Chance
from rehearsal.lives import Act, Life, Step, Story, in_order

_DAY: Final = timedelta(days=1)
_KINDS: Final[Mapping[Kind, float]] = {Kind.id_number_change: 70, Kind.card_replacement: 30}
_CATEGORIES: Final[Mapping[Category, float]] = {
    Category.general: 76,
    Category.resettled: 8,
    Category.referred: 6,
    Category.refund: 10,
}
_REISSUED: Final = 0.18
_LOOKED_AT: Final = 0.65
"""Share of cases whose rungs somebody acknowledges."""
_LOSE_THEIR_CARD: Final = 0.15
"""Share of people whose card is lost while a case of theirs is open."""


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
        """What happens to one person: who it is and when they come is drawn before what happens then."""
        chance = Chance(f"{self.seed}:{number}", self.calendar, self.peak)
        kind = chance.one_of(_KINDS)
        category = chance.one_of(_CATEGORIES)
        reissued = chance.happens(_REISSUED)
        looks = chance.happens(_LOOKED_AT)
        hours = chance.hours(0.25, 2.0)
        arrives_at = chance.arrival(self.first, self.last)
        life = Life(
            number=number,
            story=Story.prompt,
            kind=kind,
            category=category,
            road=Road.reissued if reissued else Road.pure_upgrade,
            arrives_at=arrives_at,
            brings=(),
            steps=(),
            acknowledges_after=hours if looks else None,
        )
        draw = _change if kind is Kind.id_number_change else _replacement
        life, steps = draw(life, chance)
        if chance.happens(_LOSE_THEIR_CARD):
            steps += replacements.loses_their_card(chance, arrives_at)
        return replace(life, steps=in_order(tuple(step for step in steps if step.at < self.ends)))


def _change(life: Life, chance: Chance) -> tuple[Life, list[Step]]:
    story = chance.one_of(changes.SHARES)
    reissued = life.road is Road.reissued
    papers = (DocumentKind.resident_id_card, *((DocumentKind.police_certificate,) if reissued else ()))
    steps = changes.STORIES[story](chance, life.arrives_at, papers)
    needs_a_second = reissued or story in changes.NEEDS_A_SECOND
    lacking = story in {Story.late_papers, Story.silence}
    return (
        replace(life, story=story, brings=papers[1:] if lacking else papers),
        [step for step in steps if needs_a_second or not (isinstance(step, Act) and step.event is Event.approve)],
    )


def _replacement(life: Life, chance: Chance) -> tuple[Life, list[Step]]:
    story = chance.one_of(replacements.SHARES)
    because = replacements.reason(chance, story)
    steps = replacements.STORIES[story](chance, life.arrives_at)
    return replace(life, story=story, reason=because, brings=replacements.papers(because)), steps
