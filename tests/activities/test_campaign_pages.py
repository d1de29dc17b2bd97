"""Pages of a campaign on a real register: what is looked at, opened, answered and repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, cast

import asyncpg
import pytest

from activities.campaign.opening import Pages, Unanswered, report_of
from activities.registry.pool import Pool
from activities.sealing import Sealer
from cases.campaigns import LARGEST_PAGE, LEAST_IN_FLIGHT, CampaignReport, Pace, PageAsked, PageDone
from cases.errors import Code
from cases.events import OPEN, Event
from cases.kinds import case_id
from cases.models import Actor, Role
from cases.numbers import derive
from cases.openings import Opening, ReplacementReason
from cases.steps import RegisterRequest
from intake.jobs import store
from intake.jobs.store import Beginning, JobKind, JobState, Noticed, RowState, Staged
from tests.activities.play import NORTH, Play, insured
from tests.stamping import stamped_opening

CLIENT: Final = Actor(id="back-office-1", role=Role.back_office, office=NORTH)
FAST: Final = Pace(per_second=1000)


def row_of(place: int, opening: Opening) -> Staged:
    content = opening.model_copy(update={"stamp": None}).model_dump_json(exclude_unset=True)
    case = case_id(opening.kind, opening.person)
    return Staged(place=place, number=place + 2, leaf=place, case_id=case, act=OPEN, content=content)


async def campaign(pool: Pool, openings: Iterable[Opening], *more: Staged) -> str:
    """A job whose rows are staged, and that a campaign is to open."""
    rows = [row_of(place, opening) for place, opening in enumerate(openings)]
    job = store.new_id()
    assert await store.begin(pool, job, JobKind.register, CLIENT, None, "a" * 26, 5) is Beginning.begun
    assert await store.stage(pool, job, [*rows, *more])
    assert await store.make_campaign(pool, job, FAST)
    assert await store.start(pool, job, "a.b.c", [bytes(32)] * len(rows))
    return job


@dataclass
class Opener:
    """Opens cases on the register itself, as their workflows would have it do."""

    play: Play
    opened: list[str] = field(default_factory=list)
    before: Callable[[Opening], Awaitable[None]] | None = None

    async def __call__(self, job: str, leaf: int, opening: Opening, *, again: bool) -> Code | None:  # noqa: ARG002 - see `Opens`
        if self.before is not None:
            await self.before(opening)
        case = case_id(opening.kind, opening.person)
        stamped = stamped_opening(opening, self.play.at)
        answer = await self.play.registry.register(
            RegisterRequest(opening=stamped, at=self.play.at, arrived=self.play.at)
        )
        self.opened.append(case)
        return answer.refused


@dataclass
class Run:
    """A campaign's pages, one after the other."""

    pool: Pool
    pages: Pages
    job: str

    async def page(self, number: int, rows: int = LARGEST_PAGE, pace: Pace = FAST) -> PageDone:
        return await self.pages.open_page(PageAsked(job=self.job, page=number, rows=rows, pace=pace))

    async def rows(self) -> dict[int, tuple[RowState, str | None, bool, list[str]]]:
        """State, status, whether it names a case, and codes, by place."""
        found = await store.rows_of(self.pool, self.job, None, -1, 1000)
        return {
            row.place: (row.state, row.status, row.case_id is not None, [each.code for each in row.findings])
            for row in found
        }

    async def report(self) -> CampaignReport:
        found = await report_of(self.pool, self.job)
        assert found is not None
        return found

    async def job_now(self) -> store.Job:
        (known,) = await store.jobs_of(self.pool, CLIENT.id, job=self.job)
        return known.job


async def running(play: Play, sealer: Sealer, openings: Iterable[Opening], *more: Staged) -> tuple[Run, Opener]:
    opener = Opener(play)
    job = await campaign(play.pool, openings, *more)
    return Run(play.pool, Pages(play.pool, sealer, opener), job), opener


async def changes(play: Play, count: int) -> list[Opening]:
    """Applications of people who need a case."""
    persons = [insured() for _ in range(count)]
    await play.load(*persons)
    return [play.change(person).opening for person in persons]


async def test_who_needs_no_case_is_answered_by_row_and_all_others_get_theirs(play: Play, sealer: Sealer) -> None:
    plain, dead, done, renamed, busy, known = (insured() for _ in range(6))
    dead = dead.model_copy(update={"died_on": date(2026, 1, 1)})
    done, renamed = (each.model_copy(update={"number": derive(each.number or "")}) for each in (done, renamed))
    await play.load(plain, dead, done, renamed, busy, known)
    other = play.change(busy)
    await play.received(other)
    before = play.change(known)
    await play.move(await play.received(before), Event.screened)
    openings = [
        play.change(plain).opening,
        play.change(insured()).opening,
        play.change(dead).opening,
        play.change(done, done.number).opening,
        play.change(renamed, renamed.number, name="改名人").opening,
        play.change(busy).opening,
        before.opening,
        play.replacement(insured(), ReplacementReason.damaged).opening,
    ]
    run, opener = await running(play, sealer, openings)
    done_now = await run.page(0)
    assert await run.rows() == {
        0: (RowState.done, "in_review", True, []),
        1: (RowState.refused, None, False, ["PERSON_UNKNOWN"]),
        2: (RowState.refused, None, False, ["PERSON_DECEASED"]),
        3: (RowState.done, "not_needed", False, ["ALREADY_18_DIGITS"]),
        # The number is in force; the name is another one, and is looked at by people.
        4: (RowState.done, (await run.rows())[4][1], True, []),
        5: (RowState.refused, None, False, ["CASE_ALREADY_OPEN"]),
        6: (RowState.done, "in_review", True, []),
        7: (RowState.refused, None, False, ["PRECHECK_1"]),
    }
    assert sorted(opener.opened) == sorted(case_id(each.kind, each.person) for each in (openings[0], openings[4]))
    assert done_now == PageDone(
        rows=8, opened=3, answered=1, refused=4, waiting=0, in_flight=done_now.in_flight, unanswered=0
    )
    assert (await run.job_now()).state is JobState.done
    assert (await run.page(1)).rows == 0


async def test_the_report_is_what_the_register_counts(play: Play, sealer: Sealer) -> None:
    openings = [*await changes(play, 3), play.change(insured()).opening]
    broken = Staged(place=9, number=11, findings=(Noticed(column="number", code="NUMBER_CHECK_DIGIT", refused=True),))
    of_the_file = Staged(place=10, number=0, findings=(Noticed(code="COLUMN_UNKNOWN", refused=False),))
    run, _ = await running(play, sealer, openings, broken, of_the_file)
    await run.page(0)
    report = await run.report()
    assert report == CampaignReport(
        job=run.job,
        state="done",
        read=5,
        done=3,
        refused=2,
        cancelled=0,
        waiting=0,
        opened=3,
        answered=1,
        codes={"COLUMN_UNKNOWN": 1, "NUMBER_CHECK_DIGIT": 1, "PERSON_UNKNOWN": 1},
        statuses={"in_review": 3},
    )
    counts = (await run.job_now()).rows
    assert (counts.read, counts.done, counts.refused, counts.waiting) == (5, 3, 2, 0)
    cases = await play.pool.fetchval("SELECT count(*) FROM transitions WHERE event = 'registered'")
    assert cases == report.opened


async def test_a_page_whose_worker_died_has_the_same_rows_and_opens_none_twice(play: Play, sealer: Sealer) -> None:
    run, opener = await running(play, sealer, await changes(play, 30))
    reached = asyncio.Event()

    async def stops(_: Opening) -> None:
        if len(opener.opened) >= 7:
            reached.set()
            await asyncio.Event().wait()

    opener.before = stops
    dying = asyncio.create_task(run.page(0, rows=20))
    await reached.wait()
    # As after a SIGKILL: nothing of the page was written down.
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    begun = set(opener.opened)
    assert {state for state, *_ in (await run.rows()).values()} == {RowState.waiting}
    opener.before = None
    again = await run.page(0, rows=20)
    assert (again.rows, again.opened, again.waiting) == (20, 20, 10)
    # Those that were opened are answered from the register, also those of which nobody heard.
    assert begun <= set(opener.opened)
    assert sorted(set(opener.opened)) == sorted(opener.opened)
    assert await play.pool.fetchval("SELECT count(*) FROM transitions WHERE event = 'registered'") == 20
    places = [place for place, row in (await run.rows()).items() if row[0] is RowState.done]
    assert places == list(range(20))
    await run.page(1, rows=20)
    assert (await run.report()).opened == 30


async def test_what_the_engine_does_not_answer_comes_with_a_later_page_and_halves_what_is_under_way(
    play: Play, sealer: Sealer
) -> None:
    openings = await changes(play, 6)
    run, opener = await running(play, sealer, openings)
    away = {openings[0].key, openings[3].key}

    async def silent(opening: Opening) -> None:
        if opening.key in away:
            raise Unanswered(Code.ENGINE_UNAVAILABLE)

    opener.before = silent
    done = await run.page(0, pace=FAST.model_copy(update={"in_flight": 32}))
    assert (done.opened, done.unanswered, done.waiting) == (4, 2, 2)
    assert LEAST_IN_FLIGHT <= done.in_flight < 32
    away.clear()
    later = await run.page(1)
    assert (later.rows, later.opened, later.waiting) == (2, 2, 0)


async def test_a_row_at_which_a_fault_of_ours_shows_is_given_up_after_some_tries(play: Play, sealer: Sealer) -> None:
    good, bad = await changes(play, 2)
    run, opener = await running(play, sealer, [bad, good])

    async def fails(opening: Opening) -> None:
        if opening.key == bad.key:
            raise RuntimeError(opening.name)

    opener.before = fails
    pages = 0
    while (await run.page(pages)).rows:
        pages += 1
    assert pages == 5
    assert await run.rows() == {
        0: (RowState.refused, None, False, ["INTERNAL"]),
        1: (RowState.done, "in_review", True, []),
    }


async def test_a_cancelled_campaign_begins_no_row_and_finishes_what_it_began(play: Play, sealer: Sealer) -> None:
    openings = await changes(play, 5)
    run, opener = await running(play, sealer, openings)

    async def silent(_: Opening) -> None:
        raise Unanswered(Code.ENGINE_TIMEOUT)

    opener.before = silent
    assert (await run.page(0, rows=2)).unanswered == 2
    assert await store.cancel(play.pool, run.job, CLIENT.id)
    opener.before = None
    # Of two it is not known what became of them.
    assert (await run.page(1)).opened == 2
    assert (await run.page(2)).rows == 0
    report = await run.report()
    assert (report.state, report.done, report.cancelled, report.waiting) == ("cancelled", 2, 3, 0)


async def test_two_attempts_at_a_page_at_once_have_the_same_rows(play: Play, sealer: Sealer) -> None:
    run, opener = await running(play, sealer, await changes(play, 12))
    one, two = await asyncio.gather(run.page(0, rows=5), run.page(0, rows=5))
    assert {one.waiting, two.waiting} == {7}
    assert len(set(opener.opened)) == 5
    assert (await run.report()).opened == 5
    three, four = await asyncio.gather(run.page(1, rows=4), run.page(2, rows=4))
    assert three.opened + four.opened == 7


async def test_no_runner_of_the_service_takes_rows_of_a_campaign_and_none_waits_for_one(
    play: Play, sealer: Sealer
) -> None:
    run, _ = await running(play, sealer, await changes(play, 2))
    other = store.new_id()
    assert await store.begin(play.pool, other, JobKind.register, CLIENT, None, "b" * 26, 5) is Beginning.begun
    (opening,) = await changes(play, 1)
    await store.stage(play.pool, other, [row_of(0, opening)])
    await store.start(play.pool, other, "a.b.c", [bytes(32)])
    claimed = await store.claim(play.pool, 10, timedelta(seconds=60))
    assert [(row.job, row.place) for row in claimed] == [(other, 0)]
    assert (await run.job_now()).state is JobState.running


async def test_rows_are_added_only_while_their_file_is_read(play: Play, sealer: Sealer) -> None:
    (opening,) = await changes(play, 1)
    run, _ = await running(play, sealer, [opening])
    assert not await store.stage(play.pool, run.job, [row_of(1, opening)])
    row = row_of(1, opening)
    with pytest.raises(asyncpg.PostgresError) as refused:
        await play.pool.execute(
            "INSERT INTO job_rows (job, place, number, leaf, state, case_id, act, content) "
            "VALUES ($1, 1, 3, 1, 'waiting', $2, 'open', $3)",
            run.job,
            row.case_id,
            row.content,
        )
    assert refused.value.sqlstate == "CASE1"
    assert (await run.job_now()).rows.read == 1


async def test_a_page_costs_as_many_statements_as_another(play: Play, sealer: Sealer) -> None:
    counted = []
    for rows in (3, 40):
        # Nobody of them is known: all are answered by the look.
        run, opener = await running(play, sealer, [play.change(insured()).opening for _ in range(rows)])
        statements: list[Any] = []
        async with play.pool.acquire() as connection:
            with connection.query_logger(statements.append):
                pages = Pages(cast(Pool, _Single(connection)), sealer, opener)
                await pages.open_page(PageAsked(job=run.job, page=0, rows=LARGEST_PAGE, pace=FAST))
        counted.append(len(statements))
        assert (await run.report()).refused == rows
    assert counted[0] == counted[1] == 3


class _Single:
    """A pool of one connection that is never given back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def acquire(self, **_: Any) -> Any:
        return self._connection

    async def release(self, _: Any) -> None:
        return None
