"""The directory in the register: replaced whole, once, and looked up along the hierarchy."""

import asyncio
from datetime import date

import pytest

from activities.registry.pool import Pool, connection_of
from activities.supervision.directory import (
    Changes,
    read_directory,
    replace_directory,
    told_about,
)
from cases.errors import CaseError, Code
from cases.offices import Directory, Duty, Post, Recipient
from tests.activities.offices import AGENCY, CAPITAL, DIRECT, MINISTRY, MUNICIPALITY, NEIGHBOUR, PROVINCE, directory

WHOLE = directory()
DAY = date(2026, 8, 24)


async def rows(pool: Pool) -> list[tuple[str, str]]:
    """Every row of both tables with the transaction that wrote it."""
    async with connection_of(pool) as connection:
        return [
            tuple(row)
            for table in ("offices", "posts")
            for row in await connection.fetch(f"SELECT xmin::text, t::text FROM {table} AS t ORDER BY t::text")  # noqa: S608 - of two names
        ]


def with_posts(*posts: Post, without: tuple[str, Duty]) -> Directory:
    kept = tuple(post for post in WHOLE.posts if (post.office, post.role) != without)
    return WHOLE.model_copy(update={"posts": (*kept, *posts)})


async def test_what_was_loaded_is_read_again(pool: Pool) -> None:
    replaced = await replace_directory(pool, WHOLE)
    assert (replaced.offices, replaced.posts) == (Changes(7, 0, 0, 0), Changes(len(WHOLE.posts), 0, 0, 0))
    read = await read_directory(pool)
    assert set(read.offices) == set(WHOLE.offices)
    assert set(read.posts) == set(WHOLE.posts)
    assert read.offices[0].code == MINISTRY


async def test_loading_twice_writes_nothing_twice(pool: Pool) -> None:
    await replace_directory(pool, WHOLE)
    before = await rows(pool)
    again = await replace_directory(pool, WHOLE)
    assert (again.offices, again.posts) == (Changes(0, 0, 0, 7), Changes(0, 0, 0, len(WHOLE.posts)))
    assert await rows(pool) == before


async def test_only_what_differs_is_written(pool: Pool) -> None:
    await replace_directory(pool, WHOLE)
    before = await rows(pool)
    holder, deputy = (post for post in WHOLE.posts if (post.office, post.role) == (AGENCY, Duty.clerk))
    # They change places: neither rank nor person may stand twice at any moment.
    swapped = with_posts(
        holder.model_copy(update={"rank": 1}), deputy.model_copy(update={"rank": 0}), without=(AGENCY, Duty.clerk)
    )
    replaced = await replace_directory(pool, swapped)
    assert (replaced.offices, replaced.posts) == (Changes(0, 0, 0, 7), Changes(0, 2, 0, len(WHOLE.posts) - 2))
    assert len(set(before) & set(await rows(pool))) == len(before) - 2
    assert set((await read_directory(pool)).posts) == set(swapped.posts)


async def test_an_office_that_is_closed_goes_with_its_posts(pool: Pool) -> None:
    await replace_directory(pool, WHOLE)
    smaller = Directory(
        offices=tuple(office for office in WHOLE.offices if office.code != NEIGHBOUR),
        posts=tuple(post for post in WHOLE.posts if post.office != NEIGHBOUR),
    )
    replaced = await replace_directory(pool, smaller)
    assert (replaced.offices.removed, replaced.posts.removed) == (1, 6)
    assert {post.office for post in (await read_directory(pool)).posts} == {office.code for office in smaller.offices}


async def test_a_dry_run_writes_nothing(pool: Pool) -> None:
    foreseen = await replace_directory(pool, WHOLE, dry_run=True)
    assert await rows(pool) == []
    assert await replace_directory(pool, WHOLE) == foreseen


async def test_two_who_load_at_once_come_one_after_the_other(pool: Pool) -> None:
    first, second = await asyncio.gather(replace_directory(pool, WHOLE), replace_directory(pool, WHOLE))
    assert sorted([first.offices.added, second.offices.added]) == [0, 7]


async def test_an_office_without_its_parent_leaves_all_as_it_was(pool: Pool) -> None:
    await replace_directory(pool, WHOLE)
    before = await rows(pool)
    orphaned = WHOLE.model_copy(update={"offices": tuple(o for o in WHOLE.offices if o.code != MUNICIPALITY)})
    with pytest.raises(CaseError) as refused:
        await replace_directory(pool, orphaned)
    assert refused.value.code is Code.DATABASE_REFUSED
    assert await rows(pool) == before


def told(agency: str, day: date = DAY, directory: Directory = WHOLE) -> dict[Recipient, tuple[str, str]]:
    """The office and the first who is present, by recipient."""
    found: dict[Recipient, tuple[str, str]] = {}
    for each in told_about(directory, agency, day):
        if each.present:
            found.setdefault(each.recipient, (each.office, each.staff))
    return found


def test_who_is_told_is_found_level_by_level() -> None:
    assert told(AGENCY) == {
        Recipient.clerk: (AGENCY, f"clerk-{AGENCY}-0"),
        Recipient.team_lead: (AGENCY, f"team_lead-{AGENCY}-0"),
        Recipient.agency_supervisor: (AGENCY, f"supervisor-{AGENCY}-0"),
        Recipient.municipal: (MUNICIPALITY, f"supervisor-{MUNICIPALITY}-0"),
        Recipient.municipal_head: (MUNICIPALITY, f"head-{MUNICIPALITY}-0"),
        Recipient.provincial: (PROVINCE, f"supervisor-{PROVINCE}-0"),
        Recipient.ministry: (MINISTRY, f"supervisor-{MINISTRY}-0"),
    }
    assert told(DIRECT)[Recipient.municipal_head] == (CAPITAL, f"head-{CAPITAL}-0")
    assert told("990000") == {}


def test_a_deputy_is_told_while_the_holder_is_absent() -> None:
    holder, deputy = (post for post in WHOLE.posts if (post.office, post.role) == (AGENCY, Duty.clerk))
    away = holder.model_copy(update={"absent_from": DAY, "absent_to": DAY})
    directory = with_posts(away, deputy, without=(AGENCY, Duty.clerk))
    assert told(AGENCY, DAY, directory)[Recipient.clerk] == (AGENCY, deputy.staff)
    assert told(AGENCY, date(2026, 8, 25), directory)[Recipient.clerk] == (AGENCY, holder.staff)
