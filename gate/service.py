"""The codec server as an HTTP application."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from activities.registry.pool import Pool
from activities.registry.reveals import open_reveals, reveal, seen_by
from activities.serving import read_body, serve
from cases.errors import CaseError, Code
from cases.models import Actor
from gate.access import REVEALS, Access
from gate.gate import Gate
from gate.origins import Handler, Origins
from gate.pages import POLICY, page_of, page_of_nobody
from gate.refusals import LARGEST_FORM, form_of, refusal, status_of
from gate.sessions import LOGGED_IN, Sessions
from gate.stamp_route import LARGEST_REQUEST, MANIFEST_PATH, PATH, manifest_handler, stamp_handler
from gate.translating import MOST_PAYLOADS, Translator

NAMESPACE_HEADER: Final = "X-Namespace"
SESSION: Final = "cardcase"
"""With what the names of the cookies begin."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """Everything the codec server answers with."""

    access: Access
    sessions: Sessions
    translator: Translator
    gate: Gate
    origins: Origins
    pool: Pool
    namespace: str
    ui_url: str | None
    """Where the Web UI is, for a link to it."""

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application()
        application.on_response_prepare.append(self.origins.mark)
        called = {"/decode": self.decode, "/encode": self.encode}
        application.add_routes(
            [
                *(web.post(path, self.origins.guarded(_by_code(handler))) for path, handler in called.items()),
                *(web.options(path, self.origins.preflight) for path in called),
                web.post(PATH, self.origins.guarded(stamp_handler(self.gate))),
                web.post(MANIFEST_PATH, self.origins.guarded(manifest_handler(self.gate))),
                web.get("/", self.page),
                web.get("/login", self.begin_login),
                web.get(LOGGED_IN, self.end_login),
                web.post("/logout", self.sessions.own_page_only(self.sessions.log_out)),
                web.post("/reveal", self.sessions.own_page_only(self.reveal)),
            ]
        )
        return application

    # --- the Web UI's two questions ---------------------------------------------------------------------------------

    async def decode(self, request: web.Request) -> web.Response:
        """The payloads as the caller may see them."""
        viewer = await self.access.viewer_of(request)
        given = await self._payloads_of(request, LARGEST_REQUEST)
        return _answer(await self.translator.decode(given, viewer, self._seen_now))

    async def encode(self, request: web.Request) -> web.Response:
        """What an operator entered, stamped and sealed."""
        self._check_namespace(request)
        try:
            bearer = await self.gate.bearer(self.access.token_of(request))
        except CaseError as refused:
            # Nothing of what they sent is read.
            return _answer(self.translator.refusal(refused))
        given = await self._payloads_of(request, LARGEST_FORM)
        return _answer(await self.translator.stamp_and_seal(given, bearer))

    def _check_namespace(self, request: web.Request) -> None:
        if request.headers.get(NAMESPACE_HEADER) != self.namespace:
            raise CaseError(Code.PAYLOAD_MISPLACED)

    async def _payloads_of(self, request: web.Request, most: int) -> list[Payload]:
        self._check_namespace(request)
        # Beside the loop, on which others are answered.
        return await asyncio.to_thread(_read_payloads, await read_body(request, most))

    async def _seen_now(self, viewer: Actor, cases: Collection[str]) -> dict[str, bool]:
        seen = await seen_by(self.pool, viewer, cases, datetime.now(UTC))
        return {case: revealed and viewer.role in REVEALS for case, revealed in seen.items()}

    # --- pages for people -------------------------------------------------------------------------------------------

    async def page(self, request: web.Request) -> web.Response:
        """Who is logged in."""
        return await self._page(request)

    async def _page(self, request: web.Request, code: Code | None = None) -> web.Response:
        status = status_of(code) if code is not None else 200
        try:
            actor = (await self.access.identity_of(request)).actor
        except CaseError as refused:
            why = None if refused.code is Code.IDENTITY_MISSING else refused.code
            return _html(page_of_nobody(code or why), status)
        try:
            revealed = await open_reveals(self.pool, actor, datetime.now(UTC)) if actor.role in REVEALS else []
        except CaseError as away:
            return _html(page_of(actor, [], self.ui_url, away.code), status_of(away.code))
        return _html(page_of(actor, revealed, self.ui_url, code), status)

    async def begin_login(self, request: web.Request) -> web.Response:
        """Send the browser to the provider."""
        return await self._logging_in(self.sessions.begin(request))

    async def end_login(self, request: web.Request) -> web.Response:
        """Take the browser back from the provider."""
        return await self._logging_in(self.sessions.end(request))

    async def _logging_in(self, step: Awaitable[web.Response]) -> web.Response:
        try:
            return await step
        except CaseError as refused:
            if refused.code is Code.ORIGIN_NOT_ALLOWED:
                return refusal(refused)
            return _html(page_of_nobody(refused.code), status_of(refused.code))

    async def reveal(self, request: web.Request) -> web.Response:
        """Let the caller see one case in clear, for a reason."""
        try:
            viewer = await self.access.viewer_of(request)
            if viewer.role not in REVEALS:
                raise CaseError(Code.ROLE_NOT_ALLOWED)
            form = await form_of(request)
            case, reason = form.get("case", "").strip(), form.get("reason", "")
            await reveal(self.pool, viewer, case, reason, datetime.now(UTC))
        except CaseError as refused:
            log.warning("a reveal is refused", extra={"code": refused.code.value})
            return await self._page(request, refused.code)
        log.info("revealed", extra={"staff": viewer.id, "role": viewer.role.value, "of_case": case})
        return web.Response(status=303, headers={"Location": "/"})


def _by_code(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except CaseError as refused:
            return refusal(refused)

    return answer


def _answer(payloads: list[Payload]) -> web.Response:
    text = json_format.MessageToJson(Payloads(payloads=payloads), indent=None)
    return web.Response(text=text, content_type="application/json")


def _html(text: str, status: int) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers={"Content-Security-Policy": POLICY})


def _read_payloads(body: bytes) -> list[Payload]:
    given = Payloads()
    try:
        json_format.Parse(body, given)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError):
        raise CaseError(Code.REQUEST_NOT_JSON) from None
    if len(given.payloads) > MOST_PAYLOADS:
        raise CaseError(Code.REQUEST_TOO_LARGE)
    return list(given.payloads)


def serve_gate(service: Service, host: str, port: int) -> AbstractAsyncContextManager[int]:
    """Serve for the length of a block; yields the port."""
    return serve(service.application(), host, port)
