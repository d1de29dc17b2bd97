"""The chance of one person's life: moments, counts, and whether something happens."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final, TypeVar

from cases.clocks import SHANGHAI, WorkingCalendar

Item = TypeVar("Item")

_DAY: Final = timedelta(days=1)
_OPENS, _CLOSES = time(9), time(17)


class Chance:
    """What is drawn for one person; the same seed gives the same draws."""

    def __init__(self, seed: str, calendar: WorkingCalendar, peak: date) -> None:
        self._random = Random(seed)  # noqa: S311 - chance that repeats itself is wanted
        self._calendar = calendar
        self.peak: Final = datetime.combine(peak + _DAY, time(), SHANGHAI)
        """The 24:00 of the day that everybody knows."""

    def arrival(self, first: date, last: date) -> datetime:
        """Half come evenly, most of the others crowd before the peak, and a tenth come after it."""
        chance = self._random
        kind = chance.random()
        span = (last - first).days
        to_peak = min(max(((self.peak - _DAY).date() - first).days, 0), span)
        if kind < 0.55:  # noqa: PLR2004 - shares
            days = chance.uniform(0, to_peak)
        elif kind < 0.9:  # noqa: PLR2004 - shares
            days = chance.triangular(max(to_peak - 40, 0), to_peak, max(to_peak - 4, 0))
        else:
            days = chance.uniform(to_peak, max(span - 7, to_peak))
        day = first + _DAY * int(days)
        if chance.random() < 0.12:  # noqa: PLR2004 - online, at any hour
            return datetime.combine(day, time(), SHANGHAI) + timedelta(seconds=chance.uniform(0, 86_399))
        return self._in_office(self._calendar.next_working(day))

    def _in_office(self, day: date) -> datetime:
        opens, closes = (datetime.combine(day, at, SHANGHAI) for at in (_OPENS, _CLOSES))
        return opens + timedelta(seconds=int(self._random.uniform(0, (closes - opens).total_seconds())))

    def worked(self, since: datetime, least: int, most: int) -> datetime:
        """A moment in office hours, so many working days after another."""
        days = self._random.randint(least, most)
        return self._in_office(self._calendar.after(since.astimezone(SHANGHAI).date(), days))

    def passed(self, since: datetime, least: int, most: int) -> datetime:
        """A moment in office hours, so many calendar days after another, or on the next working day."""
        day = since.astimezone(SHANGHAI).date() + _DAY * self._random.randint(least, most)
        return self._in_office(self._calendar.next_working(day))

    def at_any_hour(self, since: datetime, most: int) -> datetime:
        """A moment of any day and hour, within so many days after another."""
        return since + timedelta(minutes=5, seconds=self._random.uniform(0, most * 86_400))

    def happens(self, share: float) -> bool:
        """Whether something of this share happens."""
        return self._random.random() < share

    def count(self, least: int, most: int) -> int:
        """A whole number."""
        return self._random.randint(least, most)

    def hours(self, least: float, most: float) -> timedelta:
        """A span of time."""
        return timedelta(hours=self._random.uniform(least, most))

    def one_of(self, shares: Mapping[Item, float]) -> Item:
        """One of several, by their shares."""
        return self._random.choices(list(shares), list(shares.values()))[0]
