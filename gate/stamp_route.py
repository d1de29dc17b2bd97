"""`POST /stamp`: programs hand in facts and openings, many at a time, and get them back stamped.

The body is a `gate.gate.Batch`, the answer `gate.gate.Answers`; the bearer's identity token stands in
`Authorization`. What concerns the whole request is answered by a status and `{"code": …}`.

`POST /stamp/manifest`: the rows of a job get one manifest; the body is a `gate.gate.ManifestWanted`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from cases.errors import CaseError, Code
from gate.gate import Batch, Gate, ManifestWanted

PATH: Final = "/stamp"
MANIFEST_PATH: Final = "/stamp/manifest"
LARGEST_REQUEST: Final = 2 * 1024 * 1024
"""Bytes; a hundred openings with twenty documents each stay below."""

_STATUS: Final[Mapping[Code, int]] = {
    Code.IDENTITY_MISSING: 401,
    Code.IDENTITY_INVALID: 401,
    Code.IDENTITY_EXPIRED: 401,
    Code.ROLE_NOT_ALLOWED: 403,
    Code.REQUEST_TOO_LARGE: 413,
    Code.GATE_UNAVAILABLE: 503,
}
_NO_STORE: Final = {"Cache-Control": "no-store"}
_BEARER: Final = "Bearer "


def bearer_of(request: web.Request) -> str:
    """The token of a request's `Authorization`, empty where it has none."""
    given = request.headers.get("Authorization", "")
    return given.removeprefix(_BEARER) if given.startswith(_BEARER) else ""


def stamp_handler(gate: Gate) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of `PATH`. Its application should have `client_max_size` of `LARGEST_REQUEST`."""

    async def stamp(request: web.Request) -> web.Response:
        return await _answered(_all(gate, request))

    return stamp


def manifest_handler(gate: Gate) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of `MANIFEST_PATH`."""

    async def stamp(request: web.Request) -> web.Response:
        return await _answered(_manifest(gate, request))

    return stamp


async def _all(gate: Gate, request: web.Request) -> BaseModel:
    return await gate.stamp_all(bearer_of(request), await _read(Batch, request))


async def _manifest(gate: Gate, request: web.Request) -> BaseModel:
    return await gate.stamp_manifest(bearer_of(request), await _read(ManifestWanted, request))


async def _answered(answer: Awaitable[BaseModel]) -> web.Response:
    try:
        given = await answer
    except CaseError as refused:
        return web.json_response({"code": refused.code.value}, status=_STATUS.get(refused.code, 400))
    return web.Response(
        text=given.model_dump_json(exclude_none=True), content_type="application/json", headers=_NO_STORE
    )


Asked = TypeVar("Asked", bound=BaseModel)


async def _read(model: type[Asked], request: web.Request) -> Asked:
    try:
        return model.model_validate_json(await request.read())
    except web.HTTPRequestEntityTooLarge:
        raise CaseError(Code.REQUEST_TOO_LARGE) from None
    except ValidationError:
        raise CaseError(Code.PAYLOAD_INVALID) from None
