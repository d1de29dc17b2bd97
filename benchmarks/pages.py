"""How soon lists and figures come where many cases are open.

    python -m benchmarks.pages [CASES]

Servers, worker, gate and intake service of its own are started, and one case is opened as people open it. So many like
it (100,000 unless told otherwise) are put beside it in the register, of several agencies, statuses and rungs, three
times as many that are closed, and ten times as many persons whose number has 15 digits. Then pages are asked for again
and again over HTTP. Everything is synthetic. Exits with 1 where the first page of a list takes more than 300 ms at p95,
or the overview more than a second.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from activities.registry.pool import Pool, connection_of, create_pool
from benchmarks.batches import Door, person, register_of, stage_in
from benchmarks.contestants.cardcase import CLERK
from benchmarks.reconciliation import plant
from benchmarks.service import p95
from cases.models import Actor, Role
from runtime.ending import end

CASES: Final = 100_000
CLOSED_EACH: Final = 3
PERSONS_EACH: Final = 10
ASKED: Final = 40
MINISTRY: Final = "100000"
SUPERVISOR: Final = Actor(id="supervisor-1", role=Role.supervisor, office=MINISTRY)

# Twelve agencies, half of the statuses, and one case in ten late.
_SPREAD: Final = """
    UPDATE cases SET
        region = '1301' || lpad(((hashtext(case_id) & 1023) % 12 + 2)::text, 2, '0'),
        rung = CASE WHEN (hashtext(case_id) & 1023) % 10 = 0 THEN 3 ELSE 0 END,
        rung_at = CASE WHEN (hashtext(case_id) & 1023) % 10 = 0 THEN now() END,
        next_rung = NULL, next_rung_at = NULL,
        due_at = now() + make_interval(days => (hashtext(case_id) & 31) - 3),
        opened_at = now() - make_interval(days => hashtext(case_id) & 63),
        moved_at = now() - make_interval(days => (hashtext(case_id) & 63) / 2)
    WHERE case_id <> $1
"""
_CLOSED: Final = """
    INSERT INTO cases
    SELECT (jsonb_populate_record(cases, jsonb_build_object(
        'generation', again.number, 'reference', NULL, 'key', key || again.number,
        'closed_at', opened_at + interval '20 days', 'status', 'done',
        'milestone', 'benefits_unblocked', 'verifier', 'clerk-9', 'approver', 'officer-9'
    ))).*
    FROM cases, generate_series(2, $1::int + 1) AS again (number)
"""
_PERSONS: Final = (
    """
    INSERT INTO persons
    SELECT (jsonb_populate_record(persons, jsonb_build_object(
        'id', 1000000 + number, 'token', translate(left(md5('p' || number) || md5('+' || number), 26), '0189', 'wxyz'),
        'region', '1301' || lpad((number % 12 + 2)::text, 2, '0'),
        'category', (ARRAY['general', 'resettled', 'referred', 'refund'])[number % 4 + 1]
    ))).*
    FROM (SELECT persons FROM persons LIMIT 1) AS like_one (persons), generate_series(1, $1::int) AS number
    """,
    """
    INSERT INTO numbers (person_id, token, sealed, digits, state)
    SELECT persons.id, persons.token, numbers.sealed, 15, 'living'
    FROM persons, (SELECT sealed FROM numbers LIMIT 1) AS numbers WHERE persons.id > 1000000
    """,
)


class Page(NamedTuple):
    """One thing that is asked for, and how soon it may come at p95, in milliseconds."""

    name: str
    path: str
    most: float
    asked: Mapping[str, Any]


PAGES: Final = (
    Page("list", "/v1/cases", 300.0, {"limit": "50"}),
    Page("list of an office", "/v1/cases", 300.0, {"limit": "50", "region": "130105"}),
    Page("list of what needs attention", "/v1/cases", 300.0, {"limit": "50", "attention": "overdue"}),
    Page("overview", "/v1/overview", 1000.0, {"days": "30"}),
    Page("overview of an office", "/v1/overview", 1000.0, {"days": "30", "region": "130105"}),
)


async def fill(pool: Pool, like: str, cases: int) -> None:
    """Put open and closed cases, and persons, beside the one case that there is."""
    await plant(pool, like, cases)
    async with connection_of(pool) as connection, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '20min'")
        # What is planted was decided by nobody, and no trigger has to look at it.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(_SPREAD, like, timeout=1200)
        await connection.execute(_CLOSED, CLOSED_EACH, timeout=1200)
        for statement in _PERSONS:
            arguments = (PERSONS_EACH * cases,) if "$1" in statement else ()
            await connection.execute(statement, *arguments, timeout=1200)
    async with connection_of(pool) as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute("VACUUM ANALYZE", timeout=1200)
        await connection.execute("RESET statement_timeout")


async def asked(door: Door, page: Page) -> list[float]:
    """How many milliseconds each of the answers took."""
    taken = []
    for _ in range(ASKED):
        begun = time.perf_counter()
        await door.ask("GET", page.path, SUPERVISOR, params=page.asked)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


async def measure(cases: int) -> int:
    """Measure and print. Answers the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        async with stage_in(Path(folder), [person(0)]) as (door, _):
            job = await door.hand_in("/v1/registers", CLERK, register_of([person(0)]))
            (like,) = await door.cases_of(job, CLERK)
            async with await create_pool(door.settings["CARDCASE_DATABASE_URL"]) as pool:
                await fill(pool, like, cases)
            late = [page.name for page in PAGES if not await comes_in_time(door, page)]
    return 1 if late else 0


async def comes_in_time(door: Door, page: Page) -> bool:
    """Ask for one again and again, print how soon it came, and tell whether that is soon enough."""
    taken = await asked(door, page)
    median, late = sorted(taken)[ASKED // 2], p95(taken)
    print(f"{page.name}: median {median:.0f} ms, p95 {late:.0f} ms ({page.most:.0f} allowed)")
    return late <= page.most


if __name__ == "__main__":
    end(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)))
