"""One call of a provider over HTTP: bounded in time and size, no redirects, and no doubt about what is doubtful."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import aiohttp

from activities.bodies import body_of
from activities.notifications.providers.answers import CALL_SECONDS, Answer, postponed, refused, unknown
from cases.errors import Code

BODY_BYTES: Final = 16 * 1024
"""More than this no provider has to say; an answer that goes on is not read."""

PATIENCE_SECONDS: Final = 3600.0
"""The longest that a provider's request for patience is believed."""

TIMEOUT: Final = aiohttp.ClientTimeout(total=CALL_SECONDS, connect=5.0, sock_connect=3.0, sock_read=5.0)

_CREDENTIALS: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
)
_IN_DOUBT: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})
"""Client errors that say nothing of whether an earlier call under the same key got through."""

Said: TypeAlias = Mapping[str, Any]
Judge: TypeAlias = Callable[[Said], Answer]
"""What a body means, of an answer with a status of success or with a client error; the status alone says nothing."""


@dataclass(frozen=True)
class Post:
    """One request. Its URL may hold a provider's secret."""

    url: str = field(repr=False)
    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def open_session(timeout: aiohttp.ClientTimeout = TIMEOUT) -> aiohttp.ClientSession:
    """A session for calls to providers; proxies of the environment are left alone, cookies are not kept."""
    return aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), headers={"Accept-Encoding": "identity"}
    )


async def call(session: aiohttp.ClientSession, post: Post, judge: Judge) -> Answer:
    """Call once and say what is known. Whatever happens once the request may have left is unknown, not failed."""
    try:
        async with session.post(
            post.url, data=post.data, headers=dict(post.headers), allow_redirects=False
        ) as response:
            return _judged(response.status, response.headers, await _read(response), judge)
    except aiohttp.InvalidURL:
        return refused(Code.ADDRESS_INVALID)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        return postponed()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return unknown()


async def _read(response: aiohttp.ClientResponse) -> Said | None:
    """The JSON object of a body; None for anything else, a body that goes on and on included."""
    body = await body_of(response, BODY_BYTES)
    with suppress(ValueError, RecursionError):
        said = json.loads(body or b"")
        if isinstance(said, dict):
            return said
    return None


def _judged(status: int, headers: Mapping[str, str], said: Said | None, judge: Judge) -> Answer:
    patience = _retry_after(headers.get("Retry-After"))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return postponed(Code.CHANNEL_BUSY, patience)
    if status in _CREDENTIALS:
        return postponed(Code.CHANNEL_NOT_AUTHORISED, patience)
    if status in _IN_DOUBT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return unknown(patience)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return postponed()
    if status >= HTTPStatus.BAD_REQUEST:
        judged = judge(said) if said is not None else refused()
        return judged if judged.code is Code.ADDRESS_INVALID else refused()
    return judge(said) if said is not None else unknown()


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, of either form of the header (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    seconds: float | None = None
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        with suppress(ValueError):
            until = parsedate_to_datetime(value)
            seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return None if seconds is None else min(max(seconds, 0.0), PATIENCE_SECONDS)
