"""What others answer, read to its end and no further than a bound."""

from typing import Final

import aiohttp

_AT_ONCE: Final = 16 * 1024


async def body_of(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """The whole body of an answer; None where it is longer, or goes on and on.

    A single `read` of aiohttp's returns what has arrived so far, which of a body in parts is a part.
    """
    body = bytearray()
    async for chunk in response.content.iter_chunked(_AT_ONCE):
        body += chunk
        if len(body) > most:
            response.close()
            return None
    return bytes(body)
