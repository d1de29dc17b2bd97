"""Whoever waits for a case is woken by what the feed tells of it, and by nothing else."""

import asyncio

from cardcase_client.models import Awaits, Kind, Moved
from cases.machines.machine import Status
from demo.news import News

CASE = "idc-" + "a" * 26


def moved(version: int, status: Status, awaits: Awaits = Awaits.clerk, case_id: str = CASE) -> Moved:
    return Moved(
        case_id=case_id, kind=Kind.id_number_change, generation=1, version=version, status=status.value, awaits=awaits
    )


async def test_a_case_is_waited_for_until_it_is_told_to_be_in_a_status_beyond_what_was_seen() -> None:
    news = News()
    news.take(moved(2, Status.applying))
    waiting = asyncio.create_task(news.moved(CASE, 2, Status.applying))
    for told in (moved(3, Status.in_review), moved(9, Status.applying, case_id="idc-" + "b" * 26)):
        news.take(told)
        await asyncio.sleep(0)
        assert not waiting.done()
    news.take(moved(4, Status.applying))
    async with asyncio.timeout(1):
        await waiting


async def test_what_was_told_before_anybody_waited_is_known() -> None:
    news = News()
    news.take(moved(3, Status.in_review))
    async with asyncio.timeout(1):
        await news.moved(CASE, 2, Status.in_review)
        await news.moved(CASE, 2)


async def test_an_ending_wakes_whoever_waits_for_something_else() -> None:
    news = News()
    for_status = asyncio.create_task(news.moved(CASE, 2, Status.applying))
    for_end = asyncio.create_task(news.ended(CASE))
    news.take(moved(3, Status.in_review))
    await asyncio.sleep(0)
    assert not for_status.done()
    assert not for_end.done()
    news.take(moved(4, Status.rejected, Awaits.nobody))
    async with asyncio.timeout(1):
        await asyncio.gather(for_status, for_end)
