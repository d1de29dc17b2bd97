"""Digests to those above the agency: figures and case numbers, once a working day, until the cases are cleared."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from activities.calendar import official_calendar
from activities.notifications.messages import compose
from activities.registry import Clock
from activities.registry.pool import Pool, connection_of
from activities.supervision import Supervision
from activities.supervision.directory import replace_directory
from activities.supervision.supervision import LISTED, SQL
from cases.clocks import WorkingCalendar
from cases.delivery import Channel, Tongue
from cases.occasions import Digested, Occasion
from cases.offices import Recipient
from tests.activities.late_cases import late
from tests.activities.offices import (
    AGENCY,
    CAPITAL,
    DIRECT,
    MINISTRY,
    MUNICIPALITY,
    NEIGHBOUR,
    PROVINCE,
    directory,
)

HALF_PAST_EIGHT = datetime(2026, 8, 24, 0, 30, tzinfo=UTC)
"""08:30 in Shanghai, on a Monday."""
DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def offices(pool: Pool) -> Pool:
    await replace_directory(pool, directory())
    return pool


@pytest.fixture
def supervision(offices: Pool) -> Supervision:
    return Supervision(offices, official_calendar, clock=Clock.callers)


async def written(pool: Pool, day: str = "2026-08-24") -> dict[tuple[str, str], dict[str, Any]]:
    """The facts of a day's digests, by office and recipient."""
    async with connection_of(pool) as connection:
        rows = await connection.fetch("SELECT * FROM notifications WHERE event = $1", day)
    for row in rows:
        assert row["subject"] == f"digest:{row['office']}"
        assert row["template"] == f"digest.{row['recipient']}"
        assert (row["state"], row["person"], row["case_id"]) == ("pending", None, None)
        assert row["not_before"] == row["next_attempt_at"]
    return {(row["office"], row["recipient"]): json.loads(row["facts"]) for row in rows}


async def test_orange_goes_to_the_municipality_by_agency(supervision: Supervision, offices: Pool) -> None:
    (orange,) = await late(offices, AGENCY, 4)
    (other,) = await late(offices, NEIGHBOUR, 4, attention=["decision"])
    await late(offices, AGENCY, 3)
    assert (await supervision.digests(Occasion(at=HALF_PAST_EIGHT))).written == 1
    digest = (await written(offices))[MUNICIPALITY, "municipal"]
    assert digest == {
        "day": "2026-08-24",
        "orange": 2,
        "red": 0,
        "decisions": 1,
        "agencies": [
            {
                "office": agency,
                "name": f"示例机构{agency}",
                "orange": 1,
                "red": 0,
                "decisions": decisions,
                "cases": [{"case": case, "rung": 4, "due": "2026-08-31T16:00:00+00:00", "provisional": False}],
                "more": 0,
            }
            for agency, decisions, case in ((AGENCY, 0, orange), (NEIGHBOUR, 1, other))
        ],
    }


async def test_red_goes_to_the_head_and_the_province_as_well(supervision: Supervision, offices: Pool) -> None:
    (red,) = await late(offices, AGENCY, 5)
    await late(offices, AGENCY, 4)
    await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    digests = await written(offices)
    assert digests.keys() == {(MUNICIPALITY, "municipal"), (MUNICIPALITY, "municipal_head"), (PROVINCE, "provincial")}
    assert digests[MUNICIPALITY, "municipal"]["agencies"][0]["cases"][0]["case"] == red
    (agency,) = digests[MUNICIPALITY, "municipal_head"]["agencies"]
    assert ([case["case"] for case in agency["cases"]], agency["red"], agency["more"]) == ([red], 1, 0)
    (municipality,) = digests[PROVINCE, "provincial"]["municipalities"]
    assert ([case["case"] for case in municipality["cases"]], municipality["more"]) == ([red], 0)


async def test_after_the_campaign_province_and_ministry_are_told_counts_only(
    supervision: Supervision, offices: Pool
) -> None:
    cases = await late(offices, AGENCY, 7, times=3, attention=["decision"])
    await late(offices, DIRECT, 7)
    await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    digests = await written(offices)
    assert digests[MINISTRY, "ministry"] == {
        "day": "2026-08-24",
        "after_deadline": 4,
        "provinces": [
            {"office": CAPITAL, "name": f"示例机构{CAPITAL}", "after_deadline": 1},
            {"office": PROVINCE, "name": f"示例机构{PROVINCE}", "after_deadline": 3},
        ],
    }
    provincial = digests[PROVINCE, "provincial"]
    assert (provincial["red"], provincial["after_deadline"], provincial["decisions"]) == (0, 3, 3)
    assert not any(case in json.dumps(provincial) for case in cases)
    listed = [case["case"] for case in digests[MUNICIPALITY, "municipal_head"]["agencies"][0]["cases"]]
    assert sorted(listed) == sorted(cases)


async def test_a_province_without_municipalities_is_told_as_both(supervision: Supervision, offices: Pool) -> None:
    await late(offices, DIRECT, 5)
    await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    assert (await written(offices)).keys() == {
        (CAPITAL, "municipal"),
        (CAPITAL, "municipal_head"),
        (CAPITAL, "provincial"),
    }


async def test_who_has_acknowledged_is_left_in_peace_until_then(supervision: Supervision, offices: Pool) -> None:
    await late(offices, AGENCY, 4, silenced_until=HALF_PAST_EIGHT + timedelta(hours=1))
    assert (await supervision.digests(Occasion(at=HALF_PAST_EIGHT))).written == 0
    assert (await supervision.digests(Occasion(at=HALF_PAST_EIGHT + DAY))).written == 1


@pytest.mark.parametrize("tongue", Tongue)
async def test_every_digest_has_its_message(supervision: Supervision, offices: Pool, tongue: Tongue) -> None:
    for rung in (4, 5, 6, 7):
        await late(offices, AGENCY, rung, times=LISTED + 1, attention=["decision"], provisional=rung == 4)
        await late(offices, DIRECT, rung)
    await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    digests = await written(offices)
    assert {recipient for _, recipient in digests} == {"municipal", "municipal_head", "provincial", "ministry"}
    for (_, recipient), facts in digests.items():
        for channel in (Channel.mail, Channel.sms):
            message = compose(
                f"digest.{recipient}",
                Recipient(recipient),
                None,
                facts,
                at=HALF_PAST_EIGHT,
                channel=channel,
                tongue=tongue,
            )
            assert "2026-08-24" in message.subject + message.body
            assert str(facts["after_deadline" if recipient == "ministry" else "red"]) in message.body


async def test_digests_look_at_late_cases_only(supervision: Supervision, offices: Pool) -> None:
    await late(offices, AGENCY, 0, times=3000)
    await late(offices, AGENCY, 4, times=30)
    values = {"at": HALF_PAST_EIGHT, "day": "2026-08-24", "listed": LISTED, "ministry": MINISTRY}
    query = SQL["write_digests"]
    async with connection_of(offices) as connection:
        await connection.execute("ANALYZE cases")
        plan = await connection.fetch(f"EXPLAIN {query.sql}", *query._arguments(values))
    text = "\n".join(row[0] for row in plan)
    assert "cases_open_by_rung" in text
    assert "Seq Scan on cases" not in text
    assert (await supervision.digests(Occasion(at=HALF_PAST_EIGHT))).written == 1


@pytest.mark.parametrize("more", [{"attention": ["hold"]}, {"closed_at": HALF_PAST_EIGHT - DAY}])
async def test_cases_on_hold_and_closed_ones_are_told_to_nobody(
    supervision: Supervision, offices: Pool, more: dict[str, Any]
) -> None:
    await late(offices, AGENCY, 5, **more)
    assert await supervision.digests(Occasion(at=HALF_PAST_EIGHT)) == Digested(
        day=HALF_PAST_EIGHT.date(), working=True, written=0
    )


async def test_the_same_day_is_told_once_and_every_working_day_until_cleared(
    supervision: Supervision, offices: Pool
) -> None:
    (red,) = await late(offices, AGENCY, 5)
    first = await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    again = await supervision.digests(Occasion(at=HALF_PAST_EIGHT + timedelta(hours=3)))
    assert (first.written, first.known) == (3, 0)
    assert (again.written, again.known) == (0, 3)
    assert (await supervision.digests(Occasion(at=HALF_PAST_EIGHT + DAY))).written == 3
    async with connection_of(offices) as connection:
        await connection.execute("UPDATE cases SET closed_at = now() WHERE case_id = $1", red)
    assert (await supervision.digests(Occasion(at=HALF_PAST_EIGHT + 2 * DAY))).written == 0


async def test_what_was_not_written_yet_is_written_when_asked_again(supervision: Supervision, offices: Pool) -> None:
    await late(offices, AGENCY, 4)
    await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    await late(offices, DIRECT, 4)
    again = await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    assert (again.written, again.known) == (1, 1)


@pytest.mark.parametrize(
    ("at", "working"),
    [
        (datetime(2026, 8, 23, 0, 30, tzinfo=UTC), False),  # a Sunday
        (datetime(2026, 10, 1, 0, 30, tzinfo=UTC), False),  # National Day
        (datetime(2026, 10, 10, 0, 30, tzinfo=UTC), True),  # a Saturday that is worked instead
        (datetime(2026, 8, 30, 16, 30, tzinfo=UTC), True),  # past midnight of a Monday in Shanghai
    ],
)
async def test_only_official_working_days_have_digests(
    supervision: Supervision, offices: Pool, at: datetime, *, working: bool
) -> None:
    await late(offices, AGENCY, 4)
    answer = await supervision.digests(Occasion(at=at))
    assert (answer.working, answer.written) == (working, int(working))


async def test_a_digest_lists_the_most_urgent_and_counts_the_rest(supervision: Supervision, offices: Pool) -> None:
    await late(offices, AGENCY, 4, times=LISTED + 5)
    reds = await late(offices, AGENCY, 6, times=2)
    await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    (agency,) = (await written(offices))[MUNICIPALITY, "municipal"]["agencies"]
    assert (len(agency["cases"]), agency["more"]) == (LISTED, 7)
    assert {case["case"] for case in agency["cases"][:2]} == set(reds)


async def test_cases_of_an_agency_that_is_not_listed_are_counted_and_logged(
    supervision: Supervision, offices: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await late(offices, "650102", 4, times=2)
    with caplog.at_level(logging.ERROR):
        answer = await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    assert (answer.written, answer.unlisted) == (0, 2)
    assert [record.__dict__["region"] for record in caplog.records] == ["650102"]


async def test_in_a_year_that_is_not_published_weekdays_are_told(offices: Pool) -> None:
    supervision = Supervision(offices, lambda: WorkingCalendar(published=frozenset()), clock=Clock.callers)
    await late(offices, AGENCY, 4, provisional=True)
    await supervision.digests(Occasion(at=HALF_PAST_EIGHT))
    (agency,) = (await written(offices))[MUNICIPALITY, "municipal"]["agencies"]
    assert agency["cases"][0]["provisional"] is True
