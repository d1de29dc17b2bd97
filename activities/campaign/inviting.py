"""Invitations: people who still have a first-generation number, and no case, learn of the campaign date.

They are told at the two blue rungs, which the policy counts in days before the campaign date, the three priority groups
with twice the lead. Nobody gets a case by it. Whoever has passed both rungs unseen, because the record came late, gets
the later one only, as a case that starts late does.

Where the date is moved, what still waits for its moment and names another one is called off, and whoever is to be told
by the date that holds is told of it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

import asyncpg

from activities.calendar import Calendars
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from cases.clocks import Due, WorkingCalendar, day_of, first_slot
from cases.errors import CaseError
from cases.ladder import Rung, RungRule, near_campaign, offset_of
from cases.models import Category
from cases.policy import Policies, Policy

SQL: Final = load("inviting.sql", beside=__file__)

LEVELS: Final = (Rung.blue_1, Rung.blue_0)
"""Rungs at which people without a case are told, the later one first."""

BATCH: Final = 2_000
"""Persons looked at in one transaction, which takes about 0.1 s and holds nobody's lock."""


class Progress(NamedTuple):
    """How far the register was walked: the last person's key, and the invitations written and called off so far."""

    reached: int = 0
    written: int = 0
    called_off: int = 0


class Invitation(NamedTuple):
    """One row to write; the fields are called as the columns are handed over."""

    subjects: str
    persons: str
    templates: str
    facts: str
    slots: datetime
    ends: datetime
    """What is said holds until then."""


class Season(NamedTuple):
    """What one policy says at one moment: the rung that people are told of, by whether they have twice the lead."""

    policy: Policy
    calendar: WorkingCalendar
    ends: datetime
    last_day: date
    """What is announced."""
    level: Mapping[bool, Rung | None]
    facts: str


class Inviting:
    """One walk through the register at the moment `at`."""

    def __init__(self, policies: Policies, calendars: Calendars, at: datetime) -> None:
        self._policies = policies
        self._calendars = calendars
        self._at = at
        self._of_region = cache(self._season)
        self.unserved: set[str] = set()
        """Regions that no policy serves: nobody there is invited."""

    async def walk(self, pool: Pool, begun: Progress, tell: Callable[[Progress], None]) -> Progress:
        """Invite everybody who is to be invited, from where an earlier attempt stopped; `tell` hears how far it is."""
        progress = begun
        while True:
            async with connection_of(pool) as connection, connection.transaction():
                further = await self._batch(connection, progress)
            if further is None:
                return progress
            progress = further
            tell(progress)

    async def _batch(self, connection: Connection, progress: Progress) -> Progress | None:
        """The next persons of the register; None when there are no more."""
        found = await SQL["next_persons"].first(connection, {"after": progress.reached, "limit": BATCH})
        if found is None or found["reached"] is None:
            return None
        called_off = await SQL["call_off_invitations"].run(connection, {**self._announced(found), "at": self._at})
        progress = progress._replace(reached=found["reached"], called_off=progress.called_off + called_off)
        rows = list(self._invitations(found))
        if not rows:
            return progress
        columns = {column: [row[place] for row in rows] for place, column in enumerate(Invitation._fields)}
        written = await SQL["write_invitations"].run(connection, {**columns, "at": self._at})
        return progress._replace(written=progress.written + written)

    def _announced(self, found: asyncpg.Record) -> dict[str, list[str]]:
        """With what the subject of each person's invitation begins that names the date which holds now."""
        seasons = ((person, self._of_region(region)) for person, region, *_ in _people(found))
        announced = {person: _subject(season) for person, season in seasons if season is not None}
        return {"persons": list(announced), "announced": list(announced.values())}

    def _invitations(self, found: asyncpg.Record) -> Iterator[Invitation]:
        for person, region, category in _people(found):
            season = self._of_region(region)
            level = season and season.level[category != Category.general.value]
            if season is None or level is None:
                continue
            slot = first_slot(self._at, offset_of(person), season.policy.ladder.hours, season.calendar)
            if slot >= season.ends:
                continue
            yield Invitation(
                # Whoever was told of another date is told again.
                subjects=f"{_subject(season)}{level.name}:{person}",
                persons=person,
                templates=f"invitation.{level.name}",
                facts=season.facts,
                slots=slot,
                ends=season.ends,
            )

    def _season(self, region: str) -> Season | None:
        try:
            policy = self._policies.of_region(region)
        except CaseError:
            self.unserved.add(region)
            return None
        calendar = self._calendars(policy.calendar)
        ends = policy.campaign_ends(calendar)
        last_day = day_of(ends.at - timedelta(microseconds=1))
        rules = {terms.rule.rung: terms.rule for terms in policy.ladder.rungs}
        return Season(
            policy=policy,
            calendar=calendar,
            ends=ends.at,
            level={urgent: self._level(rules, ends, calendar, urgent=urgent) for urgent in (False, True)},
            last_day=last_day,
            facts=json.dumps({"campaign_ends": ends.at.isoformat(), "provisional": ends.provisional}),
        )

    def _level(
        self, rules: Mapping[Rung, RungRule], ends: Due, calendar: WorkingCalendar, *, urgent: bool
    ) -> Rung | None:
        """The highest rung that is due and not overtaken by the campaign date itself."""
        if self._at >= ends.at:
            return None
        due = (level for level in LEVELS if _is_near(rules[level], ends, calendar, self._at, urgent=urgent))
        return next(due, None)


def _people(found: asyncpg.Record) -> Iterator[tuple[str, str, str]]:
    return zip(found["persons"], found["regions"], found["categories"], strict=True)


def _subject(season: Season) -> str:
    return f"invitation:{season.last_day}:"


def _is_near(rule: RungRule, ends: Due, calendar: WorkingCalendar, at: datetime, *, urgent: bool) -> bool:
    """Whether the campaign date is as near as the rule says."""
    near = near_campaign(rule, ends, calendar, urgent=urgent)
    return near is not None and near.at <= at
