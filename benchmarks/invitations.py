"""How long it takes to invite everybody in a register who still has a 15-digit number, and in how much memory.

    python -m benchmarks.invitations [PERSONS]

A register of its own is made on a PostgreSQL of its own: half of the persons (100,000 unless told otherwise) hold
15-digit numbers. They are invited at blue 0, then asked for again on the next day, when all are known. Everything is
synthetic. Exits with 1 where memory grows with the register.
"""

import asyncio
import resource
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from activities.calendar import official_calendar
from activities.campaign.inviting import Inviting, Progress
from activities.registry.pool import Pool, connection_of, create_pool
from cases.clocks import SHANGHAI
from cases.policy import Policies
from deploy.migrations import migrate
from runtime.ending import end
from stack import PostgresServer

PERSONS = 100_000
GROWTH_MIB = 32.0
"""How much more memory the whole walk may take than its first batch."""

PERSON = """
    INSERT INTO persons (id, token, name, region, category)
    SELECT
        id, translate(left(md5(id::text) || md5('+' || id), 26), '0189', 'wxyz'), 'k1.' || repeat('A', 54),
        CASE id % 2 WHEN 0 THEN '110105' ELSE '440106' END, CASE id % 10 WHEN 0 THEN 'refund' ELSE 'general' END
    FROM generate_series(1, $1::bigint) AS id
"""
NUMBER = """
    INSERT INTO numbers (person_id, token, sealed, digits, state)
    SELECT
        id, translate(left(md5('#' || id) || md5('-' || id), 26), '0189', 'wxyz'), 'k1.' || repeat('A', 54),
        CASE id / 2 % 2 WHEN 0 THEN 15 ELSE 18 END, 'living'
    FROM generate_series(1, $1::bigint) AS id
"""


async def fill(pool: Pool, persons: int) -> None:
    """Make a register of so many persons."""
    async with connection_of(pool) as connection, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '10min'")
        for statement in (PERSON, NUMBER):
            await connection.execute(statement, persons, timeout=600)
    async with connection_of(pool) as connection:
        await connection.execute("ANALYZE", timeout=60)


def memory() -> float:
    """The most memory this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def walk(pool: Pool, at: datetime) -> tuple[int, float, float, float]:
    """Invitations written, seconds, the slowest batch in seconds, and MiB by which memory grew after the first."""
    begun = last = time.perf_counter()
    slowest = 0.0
    first_memory: float | None = None

    def heard(_: Progress) -> None:
        nonlocal last, slowest, first_memory
        now = time.perf_counter()
        slowest, last = max(slowest, now - last), now
        first_memory = memory() if first_memory is None else first_memory

    progress = await Inviting(Policies.load(), official_calendar, at).walk(pool, Progress(), heard)
    return (
        progress.written,
        time.perf_counter() - begun,
        slowest,
        memory() - (first_memory if first_memory is not None else memory()),
    )


async def measure(persons: int) -> int:
    """Measure and print. Answers the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        async with PostgresServer(Path(folder) / "postgres") as postgres:
            await migrate(postgres.endpoint.url)
            pool = await create_pool(postgres.endpoint.url)
            try:
                await fill(pool, persons)
                bounded = True
                for name, day in (("first walk", 8), ("all known", 9)):
                    at = datetime(2026, 7, day, 9, tzinfo=SHANGHAI)
                    written, seconds, slowest, growth = await walk(pool, at)
                    bounded = bounded and growth <= GROWTH_MIB
                    print(
                        f"{name}: {persons} persons, {written} invitations written in {seconds:.1f} s, "
                        f"slowest batch {slowest:.2f} s, memory {memory():.0f} MiB, grown by {growth:.1f} MiB"
                    )
            finally:
                await pool.close()
    return 0 if bounded else 1


if __name__ == "__main__":
    end(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else PERSONS)))
