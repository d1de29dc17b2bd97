"""The codec server as an HTTP application."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

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
from gate.login import LONGEST_LOGIN_SECONDS, Attempt, Login
from gate.origins import Handler, Origins, origin_of
from gate.pages import POLICY, page_of, page_of_nobody
from gate.refusals import LARGEST_FORM, form_of, refusal, status_of
from gate.stamp_route import LARGEST_REQUEST, MANIFEST_PATH, PATH, manifest_handler, stamp_handler
from gate.translating import MOST_PAYLOADS, Translator

NAMESPACE_HEADER: Final = "X-Namespace"
LOGGED_IN: Final = "/login/done"
"""Where the provider sends the browser back to."""

_ATTEMPT: Final = "cardcase_login"
_SESSION: Final = "cardcase"
_A_PAGE: Final = "document"

log = logging.getLogger(__name__)


def cookie_of(public_url: str, name: str) -> str:
    """What one of our cookies is called; over TLS so that no other host can set it."""
    return f"__Host-{name}" if _is_secure(public_url) else name


def session_cookie(public_url: str) -> str:
    """What the cookie that keeps the identity token is called."""
    return cookie_of(public_url, _SESSION)


def _is_secure(url: str) -> bool:
    return urlsplit(url).scheme == "https"


@dataclass(frozen=True)
class Service:
    """Everything the codec server answers with."""

    access: Access
    login: Login
    translator: Translator
    gate: Gate
    origins: Origins
    pool: Pool
    namespace: str
    public_url: str
    """Where browsers reach this server: scheme, host and port."""
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
                web.post("/logout", self._own_page_only(self.log_out)),
                web.post("/reveal", self._own_page_only(self.reveal)),
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
        """Send the browser to the provider.

        Only where somebody goes there: another site's page that only fetches it would end a login under way.
        """
        if request.headers.get("Sec-Fetch-Dest", _A_PAGE) != _A_PAGE:
            return refusal(CaseError(Code.ORIGIN_NOT_ALLOWED))
        attempt = Attempt.begin()
        try:
            page = await self.login.page(attempt, self._redirect_uri)
        except CaseError as away:
            return _html(page_of_nobody(away.code), status_of(away.code))
        response = web.Response(status=303, headers={"Location": page})
        self._keep(response, _ATTEMPT, self.login.sealed(attempt), LONGEST_LOGIN_SECONDS)
        return response

    async def end_login(self, request: web.Request) -> web.Response:
        """Take the browser back from the provider."""
        try:
            attempt = self.login.opened(request.cookies.get(cookie_of(self.public_url, _ATTEMPT), ""))
            told = request.query
            token, identity = await self.login.end(
                attempt, told.get("state", ""), told.get("code", ""), self._redirect_uri
            )
        except CaseError as refused:
            log.warning("a login failed", extra={"code": refused.code.value})
            return _html(page_of_nobody(refused.code), status_of(refused.code))
        log.info("logged in", extra={"staff": identity.actor.id, "role": identity.actor.role.value})
        response = web.Response(status=303, headers={"Location": "/"})
        left = int((identity.expires_at - datetime.now(UTC)).total_seconds())
        self._keep(response, _SESSION, token, max(left, 0))
        self._forget(response, _ATTEMPT)
        return response

    async def log_out(self, _request: web.Request) -> web.Response:
        """Make the browser forget the identity token."""
        response = web.Response(status=303, headers={"Location": "/"})
        self._forget(response, _SESSION)
        return response

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

    @property
    def _redirect_uri(self) -> str:
        return self.public_url + LOGGED_IN

    def _keep(self, response: web.Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            cookie_of(self.public_url, name),
            value,
            max_age=seconds,
            path="/",
            secure=_is_secure(self.public_url),
            httponly=True,
            samesite="Lax",
        )

    def _forget(self, response: web.Response, name: str) -> None:
        # A browser takes no word of a `__Host-` cookie, its end included, that is not as it was set.
        response.del_cookie(
            cookie_of(self.public_url, name),
            path="/",
            secure=_is_secure(self.public_url),
            httponly=True,
            samesite="Lax",
        )

    def _own_page_only(self, handler: Handler) -> Handler:
        """The handler for forms of our own pages: nobody else's page sends them in an operator's name."""

        async def guard(request: web.Request) -> web.StreamResponse:
            if origin_of(request) != self.public_url:
                return refusal(CaseError(Code.ORIGIN_NOT_ALLOWED))
            return await handler(request)

        return guard


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
