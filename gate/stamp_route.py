"""`POST /stamp`: programs hand in facts and openings, many at a time, and get them back stamped.

The body is a `gate.gate.Batch`, the answer `gate.gate.Answers`; the bearer's identity token stands in
`Authorization`. What concerns the whole request is answered by a status and `{"code": …}`.

`POST /stamp/manifest`: the rows of a job get one manifest; the body is a `gate.gate.ManifestWanted`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from activities.serving import read_body
from cases.errors import CaseError, Code
from cases.models import Actor
from gate.gate import Batch, Gate, ManifestWanted
from gate.refusals import refusal

PATH: Final = "/stamp"
MANIFEST_PATH: Final = "/stamp/manifest"
LARGEST_REQUEST: Final = 2 * 1024 * 1024
"""Bytes; a hundred openings with twenty documents each stay below."""

_NO_STORE: Final = {"Cache-Control": "no-store"}
_BEARER: Final = "Bearer "

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


def bearer_of(request: web.Request) -> str:
    """The token of a request's `Authorization`, empty where it has none."""
    given = request.headers.get("Authorization", "")
    return given.removeprefix(_BEARER) if given.startswith(_BEARER) else ""


def stamp_handler(gate: Gate) -> Handler:
    """The handler of `PATH`."""
    return _handler(gate, Batch, gate.stamp_all)


def manifest_handler(gate: Gate) -> Handler:
    """The handler of `MANIFEST_PATH`."""
    return _handler(gate, ManifestWanted, gate.stamp_manifest)


Asked = TypeVar("Asked", bound=BaseModel)


def _handler(gate: Gate, model: type[Asked], stamp: Callable[[Actor, Asked], Awaitable[BaseModel]]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        try:
            # Whoever is not known has nothing read.
            bearer = await gate.bearer(bearer_of(request))
            given = await stamp(bearer, await _read(model, request))
        except CaseError as refused:
            return refusal(refused)
        return web.Response(
            text=given.model_dump_json(exclude_none=True), content_type="application/json", headers=_NO_STORE
        )

    return handle


async def _read(model: type[Asked], request: web.Request) -> Asked:
    body = await read_body(request, LARGEST_REQUEST)
    try:
        # What is large is read beside the loop, on which others are answered.
        return await asyncio.to_thread(model.model_validate_json, body)
    except ValidationError:
        raise CaseError(Code.PAYLOAD_INVALID) from None
