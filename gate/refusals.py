"""How the codec server refuses: a status, a code, and in both languages what to do next. Never a value."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from activities.serving import read_body
from cases.errors import REMEDIES, CaseError, Code
from gate.quotas import AskedTooOften

LARGEST_FORM: Final = 64 * 1024
"""Bytes of what somebody types into a form, as it is sent."""
_MOST_FIELDS: Final = 16

_STATUS: Final[Mapping[Code, HTTPStatus]] = {
    Code.IDENTITY_MISSING: HTTPStatus.UNAUTHORIZED,
    Code.IDENTITY_INVALID: HTTPStatus.UNAUTHORIZED,
    Code.IDENTITY_EXPIRED: HTTPStatus.UNAUTHORIZED,
    Code.LOGIN_FAILED: HTTPStatus.UNAUTHORIZED,
    Code.ROLE_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Code.OFFICE_NOT_COMPETENT: HTTPStatus.FORBIDDEN,
    Code.ORIGIN_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Code.CASE_UNKNOWN: HTTPStatus.NOT_FOUND,
    Code.CASE_IN_HAND: HTTPStatus.CONFLICT,
    Code.VERSION_DIFFERS: HTTPStatus.PRECONDITION_FAILED,
    Code.REQUEST_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.UPLOAD_TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    Code.MEDIA_TYPE_UNKNOWN: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.REQUESTED_TOO_OFTEN: HTTPStatus.TOO_MANY_REQUESTS,
    Code.REVEALED_TOO_OFTEN: HTTPStatus.TOO_MANY_REQUESTS,
    Code.SEARCHED_TOO_OFTEN: HTTPStatus.TOO_MANY_REQUESTS,
    Code.GATE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.ENGINE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.ENGINE_TIMEOUT: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.EVENT_NOT_ALLOWED: HTTPStatus.CONFLICT,
    Code.SAME_PERSON: HTTPStatus.CONFLICT,
    Code.KEYS_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DOCUMENT_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DATABASE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(code: Code) -> HTTPStatus:
    """The HTTP status of a refusal."""
    return _STATUS.get(code, HTTPStatus.BAD_REQUEST)


def refusal(refused: CaseError) -> web.Response:
    """A refusal for programs and for the Web UI."""
    remedy = REMEDIES[refused.code]
    told = {"code": refused.code.value, "zh": remedy.zh, "en": remedy.en}
    headers = {"Retry-After": str(refused.retry_after)} if isinstance(refused, AskedTooOften) else None
    return web.json_response(told, status=status_of(refused.code), headers=headers)


async def form_of(request: web.Request) -> dict[str, str]:
    """The fields of a form. Raises `CaseError` MEDIA_TYPE_UNKNOWN, REQUEST_MALFORMED, and as `read_body`."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise CaseError(Code.MEDIA_TYPE_UNKNOWN)
    body = await read_body(request, LARGEST_FORM)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise CaseError(Code.REQUEST_MALFORMED) from None
