"""Who asks, and what they may see: everybody of the staff sees cases masked, some reveal one for a reason."""

from typing import Final

from aiohttp import web

from cases.errors import CaseError, Code
from cases.models import Actor, Role
from gate.quotas import Quotas
from gate.stamp_route import bearer_of
from runtime.identity import Identity, IdentityTokens

SEES: Final = frozenset({Role.clerk, Role.officer, Role.supervisor, Role.operator})
"""Roles of people who work with cases. Other systems, and applicants, are told what concerns them otherwise."""
REVEALS: Final = frozenset({Role.officer, Role.supervisor})
"""Roles that may see names and numbers of a case in clear. At the counter the document itself lies before the clerk."""

_ID_TOKEN: Final = "Authorization-Extras"  # noqa: S105 - the name of a header


class Access:
    """Knows operators by their identity tokens: in the header that the Web UI or a program sends, or in the cookie."""

    def __init__(self, tokens: IdentityTokens, cookie: str, quotas: Quotas) -> None:
        self._tokens = tokens
        self._cookie = cookie
        self._quotas = quotas

    def token_of(self, request: web.Request) -> str:
        """The identity token of a request, unchecked; empty where it has none.

        A Web UI with OIDC of its own sends its access token as the bearer's, and the identity token in a header beside
        it.
        """
        return request.headers.get(_ID_TOKEN) or bearer_of(request) or request.cookies.get(self._cookie, "")

    async def identity_of(self, request: web.Request) -> Identity:
        """Who asks. Raises `CaseError` as `IdentityTokens.check`, and REQUESTED_TOO_OFTEN."""
        identity = await self._tokens.check(self.token_of(request))
        self._quotas.take_request(identity.actor)
        return identity

    async def viewer_of(self, request: web.Request) -> Actor:
        """Who asks, if they may see cases. Raises `CaseError` ROLE_NOT_ALLOWED, and as `identity_of`."""
        actor = (await self.identity_of(request)).actor
        if actor.role not in SEES:
            raise CaseError(Code.ROLE_NOT_ALLOWED)
        return actor
