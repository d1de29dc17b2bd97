"""A register that is restored to an earlier moment: no place of a reader means something else than it did."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from activities.calendar import official_calendar
from activities.publishing.feed import Place, Read, Reader, read_after
from activities.registry import Clock, Registry
from activities.registry.pool import connection_of, create_pool
from activities.sealing import Sealer
from cases.errors import CaseError, Code
from cases.models import Actor, Role
from cases.names import Kind
from cases.policy import Policies
from stack import LocalStack
from tests.activities.conftest import execute
from tests.activities.play import NORTH, Play, insured
from tests.engine import migrated_database
from tests.stamping import STAMPS

READER = Reader(Actor(id="back-1", role=Role.back_office, office=NORTH), tuple(Kind))


@asynccontextmanager
async def register_at(stack: LocalStack, database: str, sealer: Sealer, policies: Policies) -> AsyncIterator[Play]:
    pool = await create_pool(stack.postgres.endpoint.url_of(database), size=2)
    try:
        yield Play(pool, Registry(pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers), sealer)
    finally:
        await pool.close()


async def happens(play: Play) -> str:
    """A case is taken in, and has its places."""
    await play.load(person := insured())
    state = await play.committed(play.change(person))
    async with connection_of(play.pool) as connection:
        while not await connection.fetchval("SELECT count(*) FROM feed WHERE case_id = $1", state.case_id):
            await connection.fetchval("SELECT publish(1000)")
    return state.case_id


async def read(play: Play, after: Place | None) -> Read:
    return await read_after(play.pool, READER, after, "restoring", at_most=1000)


async def is_gone(play: Play, place: Place) -> bool:
    with pytest.raises(CaseError) as caught:
        await read(play, place)
    return caught.value.code is Code.FEED_PLACE_GONE


async def test_a_restored_register_begins_an_epoch_and_readers_find_what_they_have_not(
    stack: LocalStack, sealer: Sealer, policies: Policies
) -> None:
    await migrated_database(stack, "lasting")
    async with register_at(stack, "lasting", sealer, policies) as play:
        kept = await happens(play)
        early = (await read(play, None)).upto
    await execute(stack, "CREATE DATABASE restored TEMPLATE lasting")
    async with register_at(stack, "lasting", sealer, policies) as play:
        lost = await happens(play)
        followed = await read(play, early)
        assert {entry.subject for entry in followed.entries} == {lost}
        assert followed.upto.epoch == early.epoch
    async with register_at(stack, "restored", sealer, policies) as play:
        anew = await happens(play)
        assert await is_gone(play, followed.upto)
        assert await is_gone(play, early)
        resynced = await read(play, None)
        assert {entry.subject for entry in resynced.entries} == {kept, anew}
        # What is told now has no ID under which something else was told.
        assert {entry.id for entry in resynced.entries}.isdisjoint(entry.id for entry in followed.entries)
        later = await happens(play)
        assert {entry.subject for entry in (await read(play, resynced.upto)).entries} == {later}
        # Files that are put back look as they were; whoever does that says so.
        await play.value("SELECT begin_epoch()")
        assert await is_gone(play, resynced.upto)
