"""Receipts and bounces over HTTP, for providers: signed, bounded, told as often as they like.

POST a JSON object `{"event_id", "key", "what", "at"}` to `/callbacks` with the headers `X-Cardcase-Timestamp`
(seconds since 1970) and `X-Cardcase-Signature` (HMAC-SHA-256 in hexadecimal over timestamp, dot and body, with the
shared secret). 200 says that it is kept, now or before; whatever begins with 5 should be told again.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from activities.notifications.callbacks import Callback, Signature, check_signature, record_callback
from activities.registry.clock import RegisterTime
from activities.registry.pool import Pool
from cases.errors import CaseError, Code

PATH: Final = "/callbacks"
TIMESTAMP: Final = "X-Cardcase-Timestamp"
SIGNATURE: Final = "X-Cardcase-Signature"

BODY_BYTES: Final = 4096

_STATUS: Final = {
    Code.CALLBACK_UNAUTHENTIC: HTTPStatus.UNAUTHORIZED,
    Code.CALLBACK_EXPIRED: HTTPStatus.UNAUTHORIZED,
    Code.CALLBACK_UNKNOWN: HTTPStatus.NOT_FOUND,
    Code.PAYLOAD_INVALID: HTTPStatus.BAD_REQUEST,
    Code.REQUEST_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve_callbacks(host: str, port: int, secret: bytes, pool: Pool) -> AsyncIterator[int]:
    """Listen to providers; yields the port."""
    time = RegisterTime(pool)

    async def told(request: web.Request) -> web.Response:
        try:
            news = await _told(request, secret, pool, time)
        except CaseError as refused:
            code = refused.code
        else:
            return web.json_response({"kept": True, "news": news})
        log.warning("a callback was refused", extra={"code": code.value})
        return web.json_response({"code": code.value}, status=_STATUS.get(code, HTTPStatus.SERVICE_UNAVAILABLE))

    application = web.Application(client_max_size=BODY_BYTES)
    application.add_routes([web.post(PATH, told)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _told(request: web.Request, secret: bytes, pool: Pool, time: RegisterTime) -> bool:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise CaseError(Code.REQUEST_TOO_LARGE) from None
    given = Signature(request.headers.get(TIMESTAMP, ""), request.headers.get(SIGNATURE, ""))
    at = await time.now()
    check_signature(secret, given, body, at.timestamp())
    try:
        callback = Callback.model_validate_json(body)
    except ValidationError:
        callback = None
    if callback is None:
        raise CaseError(Code.PAYLOAD_INVALID)
    return await record_callback(pool, callback, at)
