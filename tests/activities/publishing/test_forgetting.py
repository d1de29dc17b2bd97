"""What leaves the feed."""

from datetime import timedelta

from activities.publishing.feed import SQL
from activities.publishing.publisher import KEPT
from activities.registry.pool import Pool, connection_of
from tests.activities.play import NOON, SOUTH


async def test_what_is_old_leaves_the_feed_and_what_is_younger_stays(pool: Pool) -> None:
    ages = (KEPT * 2, KEPT + timedelta(minutes=1), KEPT - timedelta(minutes=1), timedelta())
    async with connection_of(pool) as connection:
        await connection.executemany(
            "INSERT INTO feed (sequence, kind, of_kind, case_id, generation, version, region, at) "
            "VALUES ($1, 'case_moved', 'IdNumberChange', 'idc-' || repeat('a', 26), 1, 1, $2, $3)",
            [(place, SOUTH, NOON - age) for place, age in enumerate(ages, start=1)],
        )
        await SQL["forget"].run(connection, {"before": NOON - KEPT})
        assert [row["sequence"] for row in await connection.fetch("SELECT sequence FROM feed ORDER BY 1")] == [3, 4]
        await SQL["forget"].run(connection, {"before": NOON + KEPT})
        assert await connection.fetchval("SELECT count(*) FROM feed") == 0
        await SQL["forget"].run(connection, {"before": NOON + KEPT})
