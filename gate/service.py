"""The codec server as an HTTP application."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from activities.registry.pool import Pool
from activities.registry.reveals import open_reveals, reveal, seen_by
from cases.errors import CaseError, Code
from cases.models import Actor
from gate.access import REVEALS, Access
from gate.gate import Gate
from gate.login import LONGEST_LOGIN_SECONDS, Attempt, Login
from gate.origins import Handler, Origins, origin_of
from gate.pages import POLICY, page_of, page_of_nobody
from gate.refusals import body_of, refusal, status_of
from gate.stamp_route import LARGEST_REQUEST, MANIFEST_PATH, PATH, manifest_handler, stamp_handler
from gate.translating import MOST_PAYLOADS, Translator

NAMESPACE_HEADER: Final = "X-Namespace"
LOGGED_IN: Final = "/login/done"
"""Where the provider sends the browser back to."""

_ATTEMPT: Final = "cardcase_login"

log = logging.getLogger(__name__)


def session_cookie(public_url: str) -> str:
    """Name of the cookie that keeps the identity token; over TLS one that no other host can set."""
    return "__Host-cardcase" if _is_secure(public_url) else "cardcase"


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
        application = web.Application(client_max_size=LARGEST_REQUEST)
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
        given = await self._payloads_of(request)
        return _answer(await self.translator.decode(given, viewer, self._seen_now))

    async def encode(self, request: web.Request) -> web.Response:
        """What an operator entered, stamped and sealed."""
        given = await self._payloads_of(request)
        return _answer(await self.translator.stamp_and_seal(given, self.access.token_of(request)))

    async def _payloads_of(self, request: web.Request) -> list[Payload]:
        if request.headers.get(NAMESPACE_HEADER) != self.namespace:
            raise CaseError(Code.PAYLOAD_MISPLACED)
        body = await body_of(request)
        given = Payloads()
        try:
            json_format.Parse(body, given)
        except (json_format.ParseError, UnicodeDecodeError, RecursionError):
            raise CaseError(Code.REQUEST_NOT_JSON) from None
        if len(given.payloads) > MOST_PAYLOADS:
            raise CaseError(Code.REQUEST_TOO_LARGE)
        return list(given.payloads)

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

    async def begin_login(self, _request: web.Request) -> web.Response:
        """Send the browser to the provider."""
        attempt = Attempt.begin()
        try:
            page = await self.login.page(attempt, self._redirect_uri)
        except CaseError as away:
            return _html(page_of_nobody(away.code), status_of(away.code))
        response = web.Response(status=303, headers={"Location": page})
        self._keep(response, _ATTEMPT, attempt.kept, LONGEST_LOGIN_SECONDS)
        return response

    async def end_login(self, request: web.Request) -> web.Response:
        """Take the browser back from the provider."""
        try:
            attempt = Attempt.read(request.cookies.get(_ATTEMPT, ""))
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
        self._keep(response, session_cookie(self.public_url), token, max(left, 0))
        response.del_cookie(_ATTEMPT, path="/")
        return response

    async def log_out(self, _request: web.Request) -> web.Response:
        """Make the browser forget the identity token."""
        response = web.Response(status=303, headers={"Location": "/"})
        response.del_cookie(session_cookie(self.public_url), path="/", secure=_is_secure(self.public_url))
        return response

    async def reveal(self, request: web.Request) -> web.Response:
        """Let the caller see one case in clear, for a reason."""
        try:
            viewer = await self.access.viewer_of(request)
            if viewer.role not in REVEALS:
                raise CaseError(Code.ROLE_NOT_ALLOWED)
            form = await request.post()
            case, reason = str(form.get("case", "")).strip(), str(form.get("reason", ""))
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
            name,
            value,
            max_age=seconds,
            path="/",
            secure=_is_secure(self.public_url),
            httponly=True,
            samesite="Lax",
        )

    def _own_page_only(self, handler: Handler) -> Handler:
        """The handler for forms of our own pages: nobody else's page sends them in an operator's name."""

        async def guard(request: web.Request) -> web.StreamResponse:
            if origin_of(request) != self.public_url:
                return refusal(Code.ORIGIN_NOT_ALLOWED)
            return await handler(request)

        return guard


def _by_code(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except CaseError as refused:
            return refusal(refused.code)

    return answer


def _answer(payloads: list[Payload]) -> web.Response:
    text = json_format.MessageToJson(Payloads(payloads=payloads), indent=None)
    return web.Response(text=text, content_type="application/json")


def _html(text: str, status: int) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers={"Content-Security-Policy": POLICY})


@asynccontextmanager
async def serve_gate(service: Service, host: str, port: int) -> AsyncIterator[int]:
    """Serve for the length of a block; yields the port."""
    # What a request asks for is in its path and its body, neither of which is logged.
    runner = web.AppRunner(service.application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
