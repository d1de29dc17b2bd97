"""A browser's way to an identity token and back: what the gate's pages and the desk do alike, each under its own names.

A session is the identity token itself, in a cookie that no script reads and, over TLS, no other host sets.
"""

import logging
import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from cases.errors import CaseError, Code
from gate.login import LONGEST_LOGIN_SECONDS, Attempt, Login
from gate.origins import Handler, origin_of
from gate.refusals import refusal

LOGGED_IN: Final = "/login/done"
"""Where the provider sends the browser back to."""

_A_PAGE: Final = "document"
_PLACE: Final = re.compile(r"/(?:[A-Za-z0-9._~-][A-Za-z0-9/._~?&=%+-]{0,500})?")
"""A place on this very server: nothing that begins with two slashes, or names a host."""
_HOME: Final = "/"

log = logging.getLogger(__name__)


def cookie_of(public_url: str, name: str) -> str:
    """What one of our cookies is called; over TLS so that no other host can set it."""
    return f"__Host-{name}" if _is_secure(public_url) else name


def _is_secure(url: str) -> bool:
    return urlsplit(url).scheme == "https"


def own_place(place: str) -> str:
    """A place on this very server as it is; the first page instead of anything else, which may lead elsewhere."""
    return place if _PLACE.fullmatch(place) else _HOME


class Sessions:
    """Logs browsers in and out at one address. `name` begins the names of its cookies.

    On one host two servers see each other's cookies, whatever their ports: hence names of their own.
    """

    def __init__(self, login: Login, public_url: str, name: str) -> None:
        self._login = login
        self._public_url = public_url
        self.cookie: Final = cookie_of(public_url, name)
        """In which a browser keeps the identity token."""
        self._attempt = cookie_of(public_url, f"{name}_login")
        self._place = cookie_of(public_url, f"{name}_place")

    async def begin(self, request: web.Request, place: str = _HOME) -> web.Response:
        """Send the browser to the provider, and afterwards to a place of ours.

        Only where somebody goes there: another site's page that only fetches it would end a login under way. Raises
        `CaseError` ORIGIN_NOT_ALLOWED, GATE_UNAVAILABLE.
        """
        if request.headers.get("Sec-Fetch-Dest", _A_PAGE) != _A_PAGE:
            raise CaseError(Code.ORIGIN_NOT_ALLOWED)
        attempt = Attempt.begin()
        page = await self._login.page(attempt, self._redirect_uri)
        response = web.Response(status=303, headers={"Location": page})
        self._keep(response, self._attempt, self._login.sealed(attempt), LONGEST_LOGIN_SECONDS)
        if own_place(place) != _HOME:
            self._keep(response, self._place, place, LONGEST_LOGIN_SECONDS)
        return response

    async def end(self, request: web.Request) -> web.Response:
        """Take the browser back from the provider. Raises `CaseError` as `Login.opened` and `Login.end`."""
        try:
            attempt = self._login.opened(request.cookies.get(self._attempt, ""))
            told = request.query
            token, identity = await self._login.end(
                attempt, told.get("state", ""), told.get("code", ""), self._redirect_uri
            )
        except CaseError as refused:
            log.warning("a login failed", extra={"code": refused.code.value})
            raise
        log.info("logged in", extra={"staff": identity.actor.id, "role": identity.actor.role.value})
        place = request.cookies.get(self._place, "")
        response = web.Response(status=303, headers={"Location": own_place(place)})
        left = int((identity.expires_at - datetime.now(UTC)).total_seconds())
        self._keep(response, self.cookie, token, max(left, 0))
        self._forget(response, self._attempt)
        if place:
            self._forget(response, self._place)
        return response

    async def log_out(self, _request: web.Request) -> web.Response:
        """Make the browser forget the identity token."""
        response = web.Response(status=303, headers={"Location": _HOME})
        self._forget(response, self.cookie)
        return response

    def own_page_only(self, handler: Handler) -> Handler:
        """The handler for forms of our own pages: nobody else's page sends them in somebody's name."""

        async def guard(request: web.Request) -> web.StreamResponse:
            if origin_of(request) != self._public_url:
                return refusal(CaseError(Code.ORIGIN_NOT_ALLOWED))
            return await handler(request)

        return guard

    @property
    def _redirect_uri(self) -> str:
        return self._public_url + LOGGED_IN

    def _keep(self, response: web.Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path="/",
            secure=_is_secure(self._public_url),
            httponly=True,
            samesite="Lax",
        )

    def _forget(self, response: web.Response, name: str) -> None:
        # A browser takes no word of a `__Host-` cookie, its end included, that is not as it was set.
        response.del_cookie(
            name,
            path="/",
            secure=_is_secure(self._public_url),
            httponly=True,
            samesite="Lax",
        )
