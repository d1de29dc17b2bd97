"""Turns of the demonstration: the longest way first, and no turn is lost."""

import asyncio

from demo.turns import FIRST, Turns


async def test_of_those_that_wait_the_longest_way_is_next_and_then_whoever_came_first() -> None:
    turns, order = Turns(1), list[str]()
    go = asyncio.Event()

    async def call(name: str, way: int) -> None:
        async with turns.of(way):
            await go.wait()
            order.append(name)

    async with asyncio.TaskGroup() as group:
        for name, way in (("began", 0), ("short", 1), ("long", 9), ("as short", 1), ("opens", FIRST), ("longer", 12)):
            group.create_task(call(name, way))
            await asyncio.sleep(0)
        go.set()
    assert order == ["began", "opens", "longer", "long", "short", "as short"]


async def test_no_more_than_so_many_have_a_turn_and_one_that_is_called_off_gives_it_back() -> None:
    turns, at_once, most = Turns(2), 0, 0

    async def call() -> None:
        nonlocal at_once, most
        async with turns.of(1):
            at_once += 1
            most = max(most, at_once)
            try:
                await asyncio.sleep(0)
            finally:
                at_once -= 1

    called_off = [asyncio.create_task(call()) for _ in range(8)]
    await asyncio.sleep(0)
    # Some have a turn, some wait, and to some it has just been passed on.
    for step, each in enumerate(called_off):
        each.cancel()
        if step % 3 == 2:
            await asyncio.sleep(0)
    await asyncio.gather(*called_off, return_exceptions=True)
    async with asyncio.timeout(10):
        await asyncio.gather(*(call() for _ in range(8)))
    assert most == 2
