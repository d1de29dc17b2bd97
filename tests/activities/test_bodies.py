"""Bodies of others, which come in parts, and may not end."""

import asyncio

import aiohttp
from aiohttp import web

from activities.bodies import body_of
from stack.ports import LOOPBACK

PARTS = (b'{"keys":', b"[]}")


async def body_in_parts(most: int) -> tuple[bytes | None, bool]:
    """What is read of a body whose second part is sent after its beginning, and whether its end was waited for."""
    has_begun, ended = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(PARTS[0])
        await has_begun.wait()
        await response.write(PARTS[1])
        ended.set()
        return response

    application = web.Application()
    application.add_routes([web.get("/", answer)])
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, 0)
        await site.start()
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{LOOPBACK}:{runner.addresses[0][1]}/") as got,
        ):
            if most >= len(PARTS[0]):
                has_begun.set()
            return await body_of(got, most), ended.is_set()
    finally:
        has_begun.set()
        await runner.cleanup()


async def test_a_body_is_read_to_its_end_in_however_many_parts_it_comes() -> None:
    """A set of keys that came in two parts was none, and nobody was let in."""
    assert await body_in_parts(most=11) == (b'{"keys":[]}', True)


async def test_one_that_is_too_long_is_none_and_nobody_waits_for_its_end() -> None:
    assert (await body_in_parts(most=10))[0] is None
    assert await body_in_parts(most=7) == (None, False)
