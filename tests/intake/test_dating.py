"""The working calendar on the command line: a picture without servers, dates recomputed on the real engine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.campaign import Campaign, recomputing
from activities.campaign.recomputing import Fate
from activities.registry import Registry
from activities.registry.pool import connection_of
from cases.answers import CaseView
from cases.clocks import SHANGHAI, WorkingCalendar, day_of
from cases.events import Event
from cases.machines.machine import Status
from cases.occasions import CalendarChecked, Occasion, Scheduled
from cases.offices import MINISTRY
from cases.policy import CalendarOverrides, Policies, Policy
from intake.commands import dating
from intake.commands.saying import Exit
from stack import LocalStack
from tests import scenes
from tests.activities.firing import fired
from tests.activities.late_cases import late
from tests.engine import Engine, engine_on, quiet_policies
from tests.intake.calling import Run, Said, sample_keys
from tests.intake.identity import gate_service, log_in
from tests.scenes import ID_CARD, OFFICE
from tests.stamping import STAMPS

OPERATOR = scenes.OPERATOR.model_copy(update={"office": MINISTRY})
"""Answers for every region."""


class TestThePicture:
    def test_shows_every_day_of_the_year_and_marks_those_that_are_not_as_every_week(self, run: Run) -> None:
        said = run("calendar", "show", "--policy", "northern", "--year", "2026")
        assert (said.exit, said.err) == (Exit.fine, "")
        lines = said.out.splitlines()
        assert lines[0] == "2026 · northern/1 · 248 个工作日"
        february = [line[25:46] for line in lines[4:9]]
        assert february == [
            "                   1 ",
            " 2  3  4  5  6  7  8 ",
            " 9 10 11 12 13 14+15*",
            "16*17*18*19*20*21*22*",
            "23*24 25 26 27 28+   ",
        ]
        assert "31D" in said.out
        assert "国庆节   10-01…10-07   上班 09-20、10-10" in said.out
        assert " *  放假    +  调休上班    D  集中变更期限" in said.out

    def test_fits_a_narrow_terminal(self, run: Run) -> None:
        said = run("calendar", "show", "--year", "2026", "--lang", "en")
        assert max(map(len, said.out.splitlines())) <= 80

    def test_says_of_a_year_that_is_not_published_that_its_dates_are_provisional(self, run: Run) -> None:
        said = run("calendar", "show", "--year", "2099", "--lang", "en")
        assert "not published: all dates are provisional" in said.out
        assert "*" not in said.out
        assert run("calendar", "show", "--year", "2099", "-o", "json").json["published"] is False

    def test_shows_what_the_agency_changes(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        own = CalendarOverrides(closed=frozenset({date(2026, 3, 2)}), open=frozenset({date(2026, 3, 7)}))
        give_packs(monkeypatch, scenes.policy().model_copy(update={"calendar": own}))
        said = run("calendar", "show", "--policy", "northern", "--year", "2026", "--lang", "en")
        assert " 2x 3  4  5  6  7o 8 " in said.out
        assert "agency closed   03-02" in said.out
        assert "agency open     03-07" in said.out
        days = run("calendar", "show", "--policy", "northern/1", "--year", "2026", "-o", "jsonl").lines
        assert {"day": "2026-03-07", "kind": "open", "holiday": None} in days
        assert {"day": "2026-02-14", "kind": "make_up", "holiday": "春节"} in days

    def test_is_drawn_in_json_for_programs(self, run: Run) -> None:
        said = run("calendar", "show", "--policy", "northern", "--year", "2026", "-o", "json").json
        assert (said["working_days"], said["deadline"], said["published"]) == (248, "2026-08-31", True)
        assert {"day": "2026-10-10", "kind": "make_up", "holiday": "国庆节"} in said["days"]
        assert len(said["days"]) == 33 + 6

    def test_of_the_newest_version_where_only_a_name_is_given(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        packs = [scenes.policy().model_copy(update={"version": version}) for version in (2, 10, 9)]
        give_packs(monkeypatch, *packs)
        assert run("calendar", "show", "--policy", "northern", "-o", "json").json["policy"] == "northern/10"

    @pytest.mark.parametrize(
        ("arguments", "exit_code"),
        [
            (["show", "--policy", "elsewhere"], Exit.data),
            (["show", "--year", "1985"], Exit.usage),
            (["show", "--year", "next"], Exit.usage),
            (["recompute", "--to", "northern/1"], Exit.usage),
            (["recompute", "--region", "%"], Exit.data),
            (["recompute", "--policy", "northern/99"], Exit.data),
            (["recompute"], Exit.configuration),
            (["check"], Exit.configuration),
            ([], Exit.usage),
        ],
    )
    def test_and_the_other_commands_say_what_is_wrong_before_they_begin(
        self, run: Run, arguments: list[str], exit_code: Exit
    ) -> None:
        said = run("calendar", *arguments)
        assert (said.exit, said.out) == (exit_code, "")


def give_packs(monkeypatch: pytest.MonkeyPatch, *packs: Policy) -> None:
    monkeypatch.setattr(dating, "_packs", lambda: list(packs))


# --- dates recomputed -------------------------------------------------------------------------------------------------

TODAY = datetime.now(SHANGHAI).date()
BEFORE = WorkingCalendar(published=frozenset(range(2004, TODAY.year)))
"""What a worker knew in autumn: this year is still to be published."""


def next_weekdays(count: int) -> list[date]:
    days = (TODAY + timedelta(days=step) for step in range(1, 20))
    return [day for day in days if day.isoweekday() <= 5][:count]


AFTER = WorkingCalendar(published=frozenset(range(2004, TODAY.year + 3)), off=frozenset(next_weekdays(2)))
"""What the next release knows: the years are published, and the next two weekdays are off."""

Call = Callable[..., Awaitable[Said]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def agency(stack: LocalStack) -> AsyncIterator[Engine]:
    """A register of its own, for commands that look at all cases of one, and a queue of its own."""
    async with engine_on(stack, "dating") as running:
        yield replace(running, task_queue="dating")


def knowing(agency: Engine, calendar: WorkingCalendar, *more: Policy) -> Engine:
    """The agency with workers of a release that knows this calendar, and more packs."""
    quiet = quiet_policies()
    packs = [quiet.pinned(pin) for pin in ("northern/1", "southern/1")]
    registry = Registry(agency.pool, agency.sealer, STAMPS, Policies([*packs, *more]), lambda _: calendar)
    return replace(agency, registry=registry)


@asynccontextmanager
async def dated_in_autumn(agency: Engine, how_many: int, *more: Policy) -> AsyncIterator[list[CaseView]]:
    """Open cases with provisional dates; withdrawn at the end, by a release with more packs where one is needed."""
    autumn, later = knowing(agency, BEFORE), knowing(agency, AFTER, *more)
    async with autumn.working():
        receipts = [await autumn.open(autumn.number_change(await autumn.insured(), ID_CARD)) for _ in range(how_many)]
        views = [await autumn.view(receipt.case_id) for receipt in receipts]
    try:
        yield sorted(views, key=lambda view: view.case_id)
    finally:
        async with later.working():
            for view in views:
                if (await later.view(view.case_id)).status is not Status.withdrawn:
                    await later.tell(view.case_id, Event.withdraw)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(agency: Engine) -> AsyncIterator[str]:
    """The gate's service."""
    async with gate_service(agency.time_of) as url:
        yield url


@pytest.fixture
def call(run: Run, agency: Engine, gate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command line of the next release, with addresses and keys in the environment."""
    # The logging and the threads of this process belong to the tests.
    monkeypatch.setattr("intake.commands.upkeep.configure_logging", lambda *_: None)
    monkeypatch.setattr("intake.commands.upkeep.core_runtime", lambda: None)
    monkeypatch.setattr(dating, "official_calendar", lambda _=None: AFTER)
    monkeypatch.setenv("CARDCASE_DATABASE_URL", agency.database_url)
    monkeypatch.setenv("CARDCASE_KEY_FILE", str(sample_keys(tmp_path)))
    monkeypatch.setenv("TEMPORAL_ADDRESS", agency.client.service_client.config.target_host)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", agency.client.namespace)
    monkeypatch.setenv("CARDCASE_GATE_URL", gate)
    log_in(tmp_path, OPERATOR)

    async def in_a_thread(*arguments: str | Path) -> Said:
        return await asyncio.to_thread(run, "calendar", *arguments)

    return in_a_thread


async def rows_of(agency: Engine, sql: str, *values: Any) -> list[Any]:
    async with connection_of(agency.pool) as connection:
        found: list[Any] = await connection.fetch(sql, *values)
        return found


async def recomputations(agency: Engine, case: str) -> int:
    sql = "SELECT count(*) AS made FROM transitions WHERE case_id = $1 AND event = 'recompute'"
    return int((await rows_of(agency, sql, case))[0]["made"])


class TestRecompute:
    async def test_moves_every_date_by_what_the_calendar_now_says(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 3) as before, knowing(agency, AFTER).working():
            assert all(view.dates_provisional for view in before)
            said = await call("recompute", "-o", "json")
            assert (said.exit, said.err) == (Exit.fine, "")
            assert said.json == {
                "recomputed": 3, "closed": 0, "refused": 0, "unanswered": 0, "left": 0, "cases": [],
            }  # fmt: skip
            for old in before:
                new = await agency.view(old.case_id)
                assert not new.dates_provisional
                assert old.processing_due_at is not None
                assert new.processing_due_at is not None
                # Two days off lie between: the last day is the second working day after the one before.
                last = day_of(old.processing_due_at - timedelta(seconds=1))
                moved = day_of(new.processing_due_at - timedelta(seconds=1))
                assert moved == AFTER.after(last, 2)
                (row,) = await rows_of(agency, "SELECT provisional FROM cases WHERE case_id = $1", old.case_id)
                assert row["provisional"] is False

    async def test_repeated_tells_nobody_again(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 2) as before, knowing(agency, AFTER).working():
            numbers = [(await call("recompute", "-o", "json")).json["recomputed"] for _ in range(2)]
            assert numbers == [2, 0]
            assert [await recomputations(agency, view.case_id) for view in before] == [1, 1]

    async def test_leaves_cases_whose_year_is_still_to_be_published(
        self, agency: Engine, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dating, "official_calendar", lambda _=None: BEFORE)
        async with dated_in_autumn(agency, 1) as (view,), knowing(agency, BEFORE).working():
            said = await call("recompute", "-o", "json")
            assert (said.exit, said.json["recomputed"], said.json["left"]) == (Exit.fine, 0, 1)
            assert await recomputations(agency, view.case_id) == 0
            told = await call("recompute", "--all", "-o", "jsonl")
            assert told.lines[0]["fate"] == Fate.recomputed
            assert (await agency.view(view.case_id)).dates_provisional

    async def test_of_a_region_leaves_the_others_alone(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 1), knowing(agency, AFTER).working():
            assert (await call("recompute", "--region", "44", "-o", "json")).json["recomputed"] == 0
            assert (await call("recompute", "--region", OFFICE[:2], "-o", "json")).json["recomputed"] == 1

    async def test_of_a_policy_tells_all_that_follow_it(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 2), knowing(agency, AFTER).working():
            await call("recompute")
            again = await call("recompute", "--policy", "northern", "-o", "json")
            assert again.json["recomputed"] == 2
            assert (await call("recompute", "--policy", "southern", "-o", "json")).json["recomputed"] == 0

    async def test_lets_cases_follow_another_version_of_their_policy(
        self, agency: Engine, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = quiet_policies().pinned("northern/1")
        rules = first.number_change
        slower = rules.model_copy(update={"processing": rules.processing.model_copy(update={"working_days": 15})})
        second = first.model_copy(update={"version": 2, "number_change": slower})
        give_packs(monkeypatch, first, second)
        async with dated_in_autumn(agency, 1, second) as (old,), knowing(agency, AFTER, second).working():
            said = await call("recompute", "--policy", "northern/1", "--to", "northern/2", "-o", "json")
            assert (said.exit, said.json["recomputed"]) == (Exit.fine, 1)
            new = await agency.view(old.case_id)
            assert new.policy == "northern/2"
            assert old.processing_due_at is not None
            assert new.processing_due_at is not None
            # Two more days off and five more working days. The 24:00 of a time limit belongs to its last day.
            moment = timedelta(microseconds=1)
            last = day_of(old.processing_due_at - moment)
            assert day_of(new.processing_due_at - moment) == AFTER.after(last, 7)
            again = await call("recompute", "--policy", "northern/1", "--to", "northern/2", "-o", "json")
            assert again.json["recomputed"] == 0

    async def test_to_a_policy_of_another_region_is_refused_case_by_case(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 2) as before, knowing(agency, AFTER).working():
            said = await call("recompute", "--policy", "northern", "--to", "southern", "-o", "json")
            assert (said.exit, said.json["refused"]) == (Exit.refused, 2)
            assert {(each["case_id"], each["code"]) for each in said.json["cases"]} == {
                (view.case_id, "POLICY_UNKNOWN") for view in before
            }

    async def test_dry_shows_who_would_be_told_and_needs_no_worker(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 2) as before:
            said = await call("recompute", "--dry-run", "-o", "json")
            assert (said.exit, said.json["would_tell"]) == (Exit.fine, 2)
            assert [each["case_id"] for each in said.json["cases"]] == [view.case_id for view in before]
            assert [await recomputations(agency, view.case_id) for view in before] == [0, 0]

    async def test_names_each_case_that_failed_and_why_and_dates_the_others(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 2) as before, knowing(agency, AFTER).working():
            async with forgotten_by_the_engine(agency) as stray:
                said = await call("recompute", "-o", "json", "--lang", "en")
                shown = await call("recompute", "--lang", "en")
            assert (said.exit, said.json["recomputed"], said.json["refused"]) == (Exit.refused, 2, 1)
            (failed,) = said.json["cases"]
            assert (failed["case_id"], failed["fate"], failed["code"]) == (stray, "refused", "CASE_UNKNOWN")
            assert stray in shown.out
            assert [await recomputations(agency, view.case_id) for view in before] == [1, 1]

    async def test_that_nobody_answers_can_be_repeated_and_has_effect_once(
        self, agency: Engine, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with dated_in_autumn(agency, 2) as before:
            monkeypatch.setattr(recomputing, "TIMEOUT", timedelta(seconds=0.5))
            said = await call("recompute", "-o", "json")
            assert (said.exit, said.json["unanswered"]) == (Exit.unavailable, 2)
            assert {each["code"] for each in said.json["cases"]} <= {"ENGINE_TIMEOUT", "ENGINE_UNAVAILABLE"}
            async with knowing(agency, AFTER).working():
                monkeypatch.setattr(recomputing, "TIMEOUT", timedelta(seconds=20))
                assert (await call("recompute")).exit == Exit.fine
                assert [await recomputations(agency, view.case_id) for view in before] == [1, 1]

    async def test_of_a_case_that_closes_meanwhile_is_no_failure(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 1) as (view,), knowing(agency, AFTER).working():
            rested = await agency.pool.fetchrow(
                "SELECT rests_from, rests_to, rests_on FROM cases WHERE case_id = $1", view.case_id
            )
            assert rested is not None
            await agency.tell(view.case_id, Event.withdraw)
            # The register as it was read a moment earlier.
            await write(
                agency,
                "UPDATE cases SET closed_at = NULL, provisional = true, rests_from = $2, rests_to = $3, rests_on = $4 "
                "WHERE case_id = $1",
                view.case_id,
                *rested,
            )
            said = await call("recompute", "-o", "json")
            await write(
                agency,
                "UPDATE cases SET closed_at = moved_at, rests_from = NULL, rests_to = NULL, rests_on = NULL "
                "WHERE case_id = $1",
                view.case_id,
            )
            assert (said.exit, said.json["closed"], said.json["cases"]) == (Exit.fine, 1, [])


class TestCheck:
    async def test_counts_provisional_cases_and_those_that_can_be_dated(self, agency: Engine, call: Call) -> None:
        async with dated_in_autumn(agency, 2), knowing(agency, AFTER).working():
            said = await call("check", "-o", "json")
            north = next(each for each in said.json["policies"] if each["policy"] == "northern/1")
            assert (north["provisional"], north["datable"]) == (2, 2)
            assert north["published"] == f"2004-{TODAY.year + 2}"
            shown = await call("check", "--lang", "en")
            assert "northern/1" in shown.out
            assert "starter.py calendar recompute" in shown.err
            await call("recompute")
            after = await call("check", "-o", "json")
            north = next(each for each in after.json["policies"] if each["policy"] == "northern/1")
            assert (north["provisional"], north["datable"]) == (0, 0)

    async def test_says_where_the_published_years_have_a_gap(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        gap = WorkingCalendar(published=frozenset({2024, 2025, 2027}))
        monkeypatch.setattr(dating, "official_calendar", lambda _=None: gap)
        assert (await call("check", "-o", "json")).json["official"] == "2024-2025, 2027"


class TestTheScheduledCheck:
    async def test_dates_what_can_be_dated_when_the_calendar_grows_and_nobody_twice(self, agency: Engine) -> None:
        async with dated_in_autumn(agency, 3) as before, knowing(agency, AFTER).working():
            at = Occasion(at=datetime.now(SHANGHAI))
            unknowing = Campaign(agency.pool, agency.client, Policies.load(), lambda _: BEFORE)
            check = fired(Scheduled.calendar_check).run
            assert await check(unknowing.check_calendar, at) == CalendarChecked(provisional=3, recomputed=0)
            knowing_more = Campaign(agency.pool, agency.client, Policies.load(), lambda _: AFTER)
            assert await check(knowing_more.check_calendar, at) == CalendarChecked(provisional=3, recomputed=3)
            assert await check(knowing_more.check_calendar, at) == CalendarChecked(provisional=0, recomputed=0)
            assert [await recomputations(agency, view.case_id) for view in before] == [1, 1, 1]
            (row,) = await rows_of(
                agency,
                "SELECT actor, office FROM transitions WHERE case_id = $1 AND event = 'recompute'",
                before[0].case_id,
            )
            assert tuple(row) == (None, None)

    async def test_moves_what_rests_on_amended_days_of_a_published_year_in_both_directions(
        self, agency: Engine, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published = WorkingCalendar(published=AFTER.published)
        weekend = next(day for step in range(1, 8) if (day := TODAY + timedelta(days=step)).isoweekday() == 6)
        worked = WorkingCalendar(published=AFTER.published, on=frozenset({weekend}))
        at = Occasion(at=datetime.now(SHANGHAI))
        check = fired(Scheduled.calendar_check).run
        async with knowing(agency, published).working():
            receipt = await agency.open(agency.number_change(await agency.insured(), ID_CARD))
            plain = await agency.view(receipt.case_id)
        assert not plain.dates_provisional
        for calendar, moves in ((AFTER, 2), (published, 0), (worked, -1), (published, 0)):
            monkeypatch.setattr(dating, "official_calendar", always(calendar))
            said = await call("check", "-o", "json")
            (north,) = [each for each in said.json["policies"] if each["policy"] == "northern/1"]
            assert (north["provisional"], north["datable"], north["amended"]) == (0, 0, 1)
            async with knowing(agency, calendar).working():
                campaign = Campaign(agency.pool, agency.client, Policies.load(), always(calendar))
                assert await check(campaign.check_calendar, at) == CalendarChecked(provisional=0, recomputed=1)
                assert await check(campaign.check_calendar, at) == CalendarChecked(provisional=0, recomputed=0)
                view = await agency.view(receipt.case_id)
            assert plain.processing_due_at is not None
            assert view.processing_due_at is not None
            last = day_of(plain.processing_due_at - timedelta(seconds=1))
            assert day_of(view.processing_due_at - timedelta(seconds=1)) == (
                calendar.after(last, moves) if moves >= 0 else calendar.before(last, -moves)
            )
        async with knowing(agency, published).working():
            await agency.tell(receipt.case_id, Event.withdraw)


def always(calendar: WorkingCalendar) -> Callable[..., WorkingCalendar]:
    return lambda _=None: calendar


@asynccontextmanager
async def forgotten_by_the_engine(agency: Engine) -> AsyncIterator[str]:
    """A case that stands in the register only."""
    due = datetime.now(SHANGHAI) + timedelta(days=1)
    days: dict[str, Any] = {"rests_from": TODAY, "rests_to": due.date(), "rests_on": "0" * 12}
    (case,) = await late(agency.pool, OFFICE, 0, policy="northern/1", provisional=True, campaign_due_at=due, **days)
    yield case
    await write(agency, "DELETE FROM cases WHERE case_id = $1", case)


async def write(agency: Engine, sql: str, *values: Any) -> None:
    async with connection_of(agency.pool) as connection:
        await connection.execute(sql, *values)
