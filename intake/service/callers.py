"""Who calls: by an access token made out to this service, and what of a case they may open, tell and see."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from fastapi import Request

from cases.errors import CaseError, Code
from cases.events import EVENTS
from cases.kinds import KINDS
from cases.models import Actor, Role
from cases.names import Kind
from cases.rules.people import covers
from intake.service.problems import TooOften
from runtime.identity import Identity, IdentityTokens
from runtime.limits import Limits

_BEARER: Final = "Bearer "

SEES_ALL: Final = frozenset({Role.clerk, Role.officer, Role.supervisor, Role.operator, Role.back_office})
"""Roles that see every case of their office's region. A system sees cases of the kinds that it has a part in."""


class Caller(NamedTuple):
    """Whoever sent a request."""

    actor: Actor
    token: str
    """Their access token, for the length of the request."""
    scopes: frozenset[str] | None

    def need(self, scope: str) -> None:
        """Raises `CaseError` SCOPE_MISSING where the token is not for that. A scope adds nothing to a role."""
        if not self.may(scope):
            raise CaseError(Code.SCOPE_MISSING)

    def may(self, scope: str) -> bool:
        """Whether the token is for that."""
        return self.scopes is None or scope in self.scopes

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of case of which they see any."""
        if self.actor.role in SEES_ALL:
            return frozenset(KINDS)
        return frozenset(
            kind
            for kind, record in KINDS.items()
            if any(self.actor.role in EVENTS[event].roles for event in record.machine.every_event)
        )

    def sees(self, kind: Kind, region: str) -> bool:
        """Whether a case is within what they see."""
        return kind in self.kinds and covers(self.actor.office, region)


def caller_of(request: Request) -> Caller:
    """Who sent a request that was judged (`intake.service.judging`)."""
    caller: Caller = request.state.caller
    return caller


class Believed:
    """Tokens that were checked a moment ago, by their digests: a client sends the same one with each request.

    One is believed for a minute at most, and never beyond its end; a key that its provider takes back is believed for
    ten minutes as it is (`runtime.fetching`).
    """

    SECONDS: Final = 60.0

    def __init__(self, clock: Callable[[], float] = time.time, most: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()

    def find(self, token: str) -> Identity | None:
        """Whom a token named when it was checked; None where that is too long ago."""
        digest = _digest_of(token)
        identity, until = self._kept.get(digest, (None, 0.0))
        if identity is not None and self._clock() >= until:
            del self._kept[digest]
            return None
        return identity

    def keep(self, token: str, identity: Identity) -> None:
        """Believe a token that was just checked."""
        until = min(self._clock() + self.SECONDS, identity.expires_at.timestamp())
        self._kept[_digest_of(token)] = identity, until
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Callers:
    """Knows who calls."""

    def __init__(self, tokens: IdentityTokens, limits: Limits) -> None:
        self._tokens = tokens
        self._limits = limits
        self._believed = Believed()

    async def of(self, request: Request) -> Caller:
        """Who sent a request. Raises `CaseError` as `IdentityTokens.check`, and `TooOften`."""
        given = request.headers.get("Authorization", "")
        token = given.removeprefix(_BEARER) if given.startswith(_BEARER) else ""
        identity = self._believed.find(token)
        if identity is None:
            identity = await self._tokens.check(token)
            self._believed.keep(token, identity)
        if seconds := self._limits.take(identity.actor.id):
            raise TooOften(Code.REQUESTED_TOO_OFTEN, max(1, round(seconds)))
        return Caller(identity.actor, token, identity.scopes)
