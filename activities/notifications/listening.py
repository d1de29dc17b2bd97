"""Receipts and bounces over HTTP, for providers: signed, bounded, told as often as they like.

POST a JSON object `{"event_id", "key", "what", "at"}` to `/callbacks/CHANNEL` with the headers `X-Cardcase-Timestamp`
(seconds since 1970) and `X-Cardcase-Signature` (HMAC-SHA-256 in hexadecimal over timestamp, dot and body, with the
secret that this channel's provider shares with nobody else). 200 says that it is kept, now or before; whatever begins
with 5 should be told again.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from activities.notifications.callbacks import Callback, Signature, check_signature, check_time, record_callback
from activities.registry.clock import RegisterTime
from activities.registry.pool import Pool
from activities.serving import read_body, serve
from cases.delivery import Channel
from cases.errors import CaseError, Code

PATH: Final = "/callbacks"
TIMESTAMP: Final = "X-Cardcase-Timestamp"
SIGNATURE: Final = "X-Cardcase-Signature"

BODY_BYTES: Final = 4096
MOST_CONNECTIONS: Final = 100
"""Of all providers together; who keeps one without a request gives it up for the next."""

_STATUS: Final = {
    Code.CALLBACK_UNAUTHENTIC: HTTPStatus.UNAUTHORIZED,
    Code.CALLBACK_EXPIRED: HTTPStatus.UNAUTHORIZED,
    Code.CALLBACK_UNKNOWN: HTTPStatus.NOT_FOUND,
    Code.PAYLOAD_INVALID: HTTPStatus.BAD_REQUEST,
    Code.REQUEST_MALFORMED: HTTPStatus.BAD_REQUEST,
    Code.UPLOAD_TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    Code.REQUEST_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve_callbacks(host: str, port: int, secrets: Mapping[Channel, bytes], pool: Pool) -> AsyncIterator[int]:
    """Listen to the providers of the channels that have a secret; yields the port."""
    time = RegisterTime(pool)

    async def told(request: web.Request) -> web.Response:
        try:
            news = await _told(request, secrets, pool, time)
        except CaseError as refused:
            code = refused.code
        else:
            return web.json_response({"kept": True, "news": news})
        log.warning("a callback was refused", extra={"code": code.value})
        return web.json_response({"code": code.value}, status=_STATUS.get(code, HTTPStatus.SERVICE_UNAVAILABLE))

    application = web.Application()
    application.add_routes([web.post(f"{PATH}/{{channel}}", told)])
    async with serve(application, host, port, most_connections=MOST_CONNECTIONS) as listening:
        yield listening


async def _told(request: web.Request, secrets: Mapping[Channel, bytes], pool: Pool, time: RegisterTime) -> bool:
    body = await read_body(request, BODY_BYTES)
    given = Signature(request.headers.get(TIMESTAMP, ""), request.headers.get(SIGNATURE, ""))
    channel, secret = _provider_of(request.match_info["channel"], secrets)
    # Nobody has the register asked anything who has not signed.
    check_signature(secret, given, body)
    at = await time.now()
    check_time(given, at.timestamp())
    try:
        callback = Callback.model_validate_json(body)
    except ValidationError:
        callback = None
    if callback is None:
        raise CaseError(Code.PAYLOAD_INVALID)
    return await record_callback(pool, channel, callback, at)


def _provider_of(name: str, secrets: Mapping[Channel, bytes]) -> tuple[Channel, bytes]:
    """The channel of a path and its secret; an empty one, by which nothing is authentic, where there is none."""
    for channel, secret in secrets.items():
        if channel == name:
            return channel, secret
    return Channel.sms, b""
