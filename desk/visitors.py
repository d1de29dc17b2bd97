"""Who stands at the desk: by the identity token in their cookie, checked with every request, and in which language."""

from typing import Final, NamedTuple

from aiohttp import web

from cases.delivery import Tongue
from cases.errors import CaseError, Code
from cases.models import Actor
from gate.access import SEES
from gate.quotas import AskedTooOften
from gate.sessions import Sessions, cookie_of
from runtime.identity import IdentityTokens
from runtime.limits import Limits

SESSION: Final = "cardcase_desk"
"""With what the names of the cookies begin."""
_TONGUE: Final = "cardcase_tongue"
_A_YEAR: Final = 365 * 24 * 3600


class Visitor(NamedTuple):
    """Somebody of the staff."""

    actor: Actor
    token: str
    """By which the gate stamps what they decide; for the length of the request."""
    tongue: Tongue


class Visitors:
    """Knows who asks, and lets nobody ask without end."""

    def __init__(
        self, tokens: IdentityTokens, sessions: Sessions, limits: Limits, language: Tongue, public_url: str
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._limits = limits
        self._language = language
        self._cookie = cookie_of(public_url, _TONGUE)
        self._secure = public_url.startswith("https:")

    async def of(self, request: web.Request) -> Visitor:
        """Who asks. Raises `CaseError` as `IdentityTokens.check`, ROLE_NOT_ALLOWED, and `AskedTooOften`."""
        token = request.cookies.get(self._sessions.cookie, "")
        actor = (await self._tokens.check(token)).actor
        if seconds := self._limits.take(actor.id):
            raise AskedTooOften(seconds)
        if actor.role not in SEES:
            raise CaseError(Code.ROLE_NOT_ALLOWED)
        return Visitor(actor, token, self.tongue_of(request))

    def tongue_of(self, request: web.Request) -> Tongue:
        """In which language somebody reads: the one they chose, or the office's."""
        chosen = request.cookies.get(self._cookie, "")
        return Tongue(chosen) if chosen in set(Tongue) else self._language

    def keep_tongue(self, response: web.Response, tongue: Tongue) -> None:
        """Remember which language somebody chose."""
        response.set_cookie(
            self._cookie,
            tongue.value,
            max_age=_A_YEAR,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )
