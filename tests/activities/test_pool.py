"""What becomes of a connection that cannot be given back."""

import asyncio
import gc
from typing import Any, cast

from activities.registry.pool import Pool, connection_of


class Stuck:
    """A pool that takes a connection back only after its time-out, as where the server says nothing."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.gives_up = asyncio.Event()

    async def acquire(self, **_: object) -> object:
        return self

    async def release(self, *_: object) -> None:
        self.asked.set()
        await self.gives_up.wait()
        raise TimeoutError


async def test_whoever_is_cancelled_leaves_no_exception_that_nobody_has_looked_at() -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
    try:
        pool = Stuck()

        async def use() -> None:
            async with connection_of(cast("Pool", pool)):
                pass

        using = asyncio.create_task(use())
        await pool.asked.wait()
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
        pool.gives_up.set()
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert using.cancelled()
    assert complaints == []
