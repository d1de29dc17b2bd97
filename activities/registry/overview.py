"""How an office and all below it stand, in figures: open, late, in and out, time taken, what remains of the campaign.

Counted from the register each time they are asked for. What the campaign's date is for an agency the policy says.
"""

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field

from activities.calendar import Calendars
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.clocks import SHANGHAI
from cases.errors import CaseError
from cases.kinds import KINDS
from cases.machines.machine import Status
from cases.models import Category, Record, RegionCode, Role, StaffId
from cases.names import Kind
from cases.policy import Policies
from cases.rules.people import covers

SQL: Final = load("overview.sql", beside=__file__)

OVERSEES: Final = frozenset({Role.supervisor, Role.operator})
"""Roles that see the figures of their offices."""
STAFF: Final = (Role.clerk, Role.officer, Role.supervisor, Role.operator)
PACE_DAYS: Final = 28
"""Whole weeks, so that rest days weigh as they do in the days to come."""
_SECONDS_A_DAY: Final = 86400.0


class OpenCases(Record):
    """Open cases of one agency, kind and status."""

    region: RegionCode
    kind: Kind
    status: Status
    cases: int
    overdue: int
    """Those whose running time limit, or else processing time, is over."""


class LateCases(Record):
    """Open cases of one agency by the highest rung of the ladder that fired."""

    region: RegionCode
    rung: Annotated[int, Field(ge=1, le=7)]
    """1 blue 0, 2 blue 1, 3 yellow, 4 orange, 5 red, 6 the campaign date, 7 five working days later."""
    cases: int


class Day(Record):
    """What came in and went out on one day in Shanghai; a case that is reopened comes in again."""

    day: date
    opened: int
    closed: int


class Duration(Record):
    """How long cases of a kind took from application to done, in days of 24 hours."""

    kind: Kind
    cases: int
    median_days: float
    p90_days: float


class Remaining(Record):
    """Insured persons of one agency and group whose number in force still has 15 digits."""

    region: RegionCode
    category: Category
    persons: int
    with_case: int
    """Those of them who have an open case."""


class Campaign(Record):
    """Whether an agency will have changed all its numbers when its campaign ends, at the pace of four weeks."""

    region: RegionCode
    remaining: int
    a_day: float
    """Numbers changed a day, rest days included."""
    done_on: date | None
    """The day on which none remains at this pace; None where nothing moves."""
    ends_on: date | None
    """Last day of the campaign; None for an agency that no policy serves."""
    in_time: bool
    """Whether none remains then. False where that cannot be said."""


class Decisions(Record):
    """What one member of the staff told cases, in one capacity."""

    actor: StaffId
    office: RegionCode
    role: Role
    decisions: int
    cases: int


class Overview(Record):
    """The figures of an office and all below it."""

    office: RegionCode
    at: AwareDatetime
    since: date
    """The first day that `days`, `durations` and `decisions` count."""
    open: tuple[OpenCases, ...]
    late: tuple[LateCases, ...]
    days: tuple[Day, ...]
    durations: tuple[Duration, ...]
    remaining: tuple[Remaining, ...]
    campaign: tuple[Campaign, ...]
    decisions: tuple[Decisions, ...]


CampaignEnds = Callable[[str], date | None]
"""The last day of the campaign of a region; None where no policy serves it."""


def no_campaign(_region: str) -> date | None:
    """No region has one."""
    return None


def campaign_ends(policies: Policies, calendars: Calendars) -> CampaignEnds:
    """The last days by the newest policy that serves each region."""

    @cache
    def of_region(region: str) -> date | None:
        try:
            policy = policies.of_region(region)
        except CaseError:
            return None
        # An end at midnight is the end of the day before.
        return (policy.campaign_ends(calendars(policy.calendar)).at - timedelta.resolution).astimezone(SHANGHAI).date()

    return of_region


@case_errors_only
async def overview(pool: Pool, office: str, at: datetime, *, days: int, ends: CampaignEnds = no_campaign) -> Overview:
    """The figures of an office over today and the days before it, `days` in all, of one moment of the register.

    Raises `CaseError` with a code where the database cannot be reached.
    """
    today = at.astimezone(SHANGHAI).date()
    since = today - timedelta(days=days - 1)
    asked: dict[str, Any] = {
        "office": office,
        "now": at,
        "since": _begin(since),
        "pace_since": at - timedelta(days=PACE_DAYS),
        "roles": [role.value for role in STAFF],
        "campaigned": [kind.value for kind, record in KINDS.items() if record.campaign],
    }
    async with connection_of(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        (counted,) = await SQL["cases_counted"].all(connection, asked)
        asked["with_case"] = counted["with_case"]
        persons = await SQL["remaining"].all(connection, asked)
        decisions = await SQL["decisions"].all(connection, asked)
    told: dict[str, Any] = {name: json.loads(counted[name]) for name in ("open", "moves", "durations", "changed")}
    remaining = [Remaining.model_validate(dict(row)) for row in persons if row["persons"] > 0]
    return Overview(
        office=office,
        at=at,
        since=since,
        open=tuple(_folded(told["open"])),
        late=tuple(_late(told["open"])),
        days=tuple(_every_day(told["moves"], since, today)),
        durations=tuple(_duration(row) for row in told["durations"]),
        remaining=tuple(remaining),
        campaign=tuple(_campaign(remaining, told["changed"], today, ends)),
        decisions=tuple(Decisions.model_validate(dict(row)) for row in decisions),
    )


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


def _folded(rows: Iterable[Mapping[str, Any]]) -> Iterable[OpenCases]:
    """By agency, kind and status, whatever the rung."""
    counts: dict[tuple[str, str, str], tuple[int, int]] = {}
    for row in rows:
        key = (row["region"], row["kind"], row["status"])
        cases, overdue = counts.get(key, (0, 0))
        counts[key] = cases + row["cases"], overdue + row["overdue"]
    for (region, kind, status), (cases, overdue) in counts.items():
        yield OpenCases(region=region, kind=Kind(kind), status=Status(status), cases=cases, overdue=overdue)


def _late(rows: Iterable[Mapping[str, Any]]) -> Iterable[LateCases]:
    counts: dict[tuple[str, int], int] = {}
    for row in rows:
        if row["rung"]:
            key = (row["region"], row["rung"])
            counts[key] = counts.get(key, 0) + row["cases"]
    for (region, rung), cases in sorted(counts.items()):
        yield LateCases(region=region, rung=rung, cases=cases)


def _every_day(rows: Iterable[Mapping[str, Any]], since: date, today: date) -> Iterable[Day]:
    moved = {date.fromisoformat(row["day"]): row for row in rows}
    for number in range((today - since).days + 1):
        day = since + timedelta(days=number)
        row = moved.get(day)
        yield Day(day=day, opened=row["opened"] if row else 0, closed=row["closed"] if row else 0)


def _duration(row: Mapping[str, Any]) -> Duration:
    return Duration(
        kind=Kind(row["kind"]),
        cases=row["cases"],
        median_days=float(row["median"]) / _SECONDS_A_DAY,
        p90_days=float(row["p90"]) / _SECONDS_A_DAY,
    )


def _campaign(
    remaining: Collection[Remaining], changed: Mapping[str, int], today: date, ends: CampaignEnds
) -> Iterable[Campaign]:
    left: dict[str, int] = dict.fromkeys(changed, 0)
    for each in remaining:
        left[each.region] = left.get(each.region, 0) + each.persons
    for region, persons in sorted(left.items()):
        yield campaign_of(region, persons, changed.get(region, 0), today, ends(region))


def campaign_of(region: str, remaining: int, changed: int, today: date, ends_on: date | None) -> Campaign:
    """Whether an agency makes its date: `changed` numbers in the last `PACE_DAYS` days, `remaining` to go."""
    a_day = changed / PACE_DAYS
    if not remaining:
        done_on: date | None = today
    elif changed:
        done_on = today + timedelta(days=min(math.ceil(remaining / a_day), _FARTHEST_DAYS))
    else:
        done_on = None
    return Campaign(
        region=region,
        remaining=remaining,
        a_day=a_day,
        done_on=done_on,
        ends_on=ends_on,
        in_time=done_on is not None and ends_on is not None and done_on <= ends_on,
    )


_FARTHEST_DAYS: Final = 36525
"""A hundred years: a date has an end."""


def within(office: str, region: str | None) -> str | None:
    """The office whose figures somebody sees who asks for `region`; None where theirs does not answer for it."""
    if region is None:
        return office
    return region if covers(office, region) else None
