"""How the codec server refuses: a status, a code, and in both languages what to do next. Never a value."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web

from cases.errors import REMEDIES, CaseError, Code

_STATUS: Final[Mapping[Code, HTTPStatus]] = {
    Code.IDENTITY_MISSING: HTTPStatus.UNAUTHORIZED,
    Code.IDENTITY_INVALID: HTTPStatus.UNAUTHORIZED,
    Code.IDENTITY_EXPIRED: HTTPStatus.UNAUTHORIZED,
    Code.LOGIN_FAILED: HTTPStatus.UNAUTHORIZED,
    Code.ROLE_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Code.OFFICE_NOT_COMPETENT: HTTPStatus.FORBIDDEN,
    Code.ORIGIN_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Code.CASE_UNKNOWN: HTTPStatus.NOT_FOUND,
    Code.REQUEST_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.REVEALED_TOO_OFTEN: HTTPStatus.TOO_MANY_REQUESTS,
    Code.GATE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.KEYS_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DATABASE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(code: Code) -> HTTPStatus:
    """The HTTP status of a refusal."""
    return _STATUS.get(code, HTTPStatus.BAD_REQUEST)


def refusal(code: Code) -> web.Response:
    """A refusal for programs and for the Web UI."""
    remedy = REMEDIES[code]
    return web.json_response({"code": code.value, "zh": remedy.zh, "en": remedy.en}, status=status_of(code))


async def body_of(request: web.Request) -> bytes:
    """The body of a request. Raises `CaseError` REQUEST_TOO_LARGE."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise CaseError(Code.REQUEST_TOO_LARGE) from None
