"""Logging in at the agency's OIDC provider: authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636).

What a browser keeps afterwards is the identity token itself, in a cookie that no script can read; the server keeps
nothing, and every call checks the token again.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
import jwt
from pydantic import BaseModel, ConfigDict, ValidationError

from activities.addresses import is_web
from activities.bodies import body_of
from cases.errors import CaseError, Code
from runtime.fetching import Published
from runtime.identity import Identity, IdentityTokens

DISCOVERY: Final = "/.well-known/openid-configuration"
LONGEST_LOGIN_SECONDS: Final = 600
"""How long somebody may take at the provider's page."""

_LARGEST_ANSWER: Final = 64 * 1024
_MOST_ENDED: Final = 10_000
"""Tries that are remembered because they have ended; the provider takes no code twice either."""


class _Endpoints(BaseModel):
    """What is needed of the provider's own description."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str


class _Tokens(BaseModel):
    """What is needed of the answer to a code."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id_token: str


@dataclass(frozen=True)
class Attempt:
    """One try to log in; the browser that began it keeps it, and only that browser can end it."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def begin(cls) -> Self:
        """A new try."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @property
    def challenge(self) -> str:
        """What the provider learns of the verifier at first (RFC 7636, S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


class Login:
    """Logs operators in at one provider, as the client that identity tokens are made out to.

    `key` is the gate's own, and of all its processes: only what one of them began goes on to the provider, and once.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tokens: IdentityTokens,
        *,
        issuer: str,
        client: str,
        key: bytes,
        secret: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._issuer = issuer
        self._client = client
        self._key = key
        self._secret = secret
        self._clock = clock
        self._described = Published(issuer.rstrip("/") + DISCOVERY, self._read_description, _LARGEST_ANSWER)
        self._ended: OrderedDict[str, None] = OrderedDict()

    def sealed(self, attempt: Attempt) -> str:
        """What the browser keeps of a try."""
        said = f"{attempt.state}.{attempt.nonce}.{attempt.verifier}.{int(self._clock()) + LONGEST_LOGIN_SECONDS}"
        return f"{said}.{self._mac(said)}"

    def opened(self, kept: str) -> Attempt:
        """The try that a browser kept. Raises `CaseError` LOGIN_FAILED for one that was not begun here, or long ago."""
        # What is no ASCII was not sealed here, and may be nothing that can be encoded at all.
        if not kept.isascii():
            raise CaseError(Code.LOGIN_FAILED)
        said, _, mac = kept.rpartition(".")
        if not hmac.compare_digest(self._mac(said).encode(), mac.encode()):
            raise CaseError(Code.LOGIN_FAILED)
        state, nonce, verifier, until = said.split(".")
        if self._clock() > int(until):
            raise CaseError(Code.LOGIN_FAILED)
        return Attempt(state, nonce, verifier)

    def _mac(self, said: str) -> str:
        return hmac.digest(self._key, said.encode(), "sha256").hex()

    async def page(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser goes. Raises `CaseError` GATE_UNAVAILABLE where the provider does not answer."""
        endpoints = await self._describe()
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": redirect_uri,
            "scope": "openid",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        glue = "&" if urlsplit(endpoints.authorization_endpoint).query else "?"
        return f"{endpoints.authorization_endpoint}{glue}{urlencode(asked)}"

    async def end(self, attempt: Attempt, state: str, code: str, redirect_uri: str) -> tuple[str, Identity]:
        """The identity token, and who it says has logged in.

        Raises `CaseError`: LOGIN_FAILED for a try that is another browser's, has ended before, or that the provider
        does not confirm, GATE_UNAVAILABLE, and as `IdentityTokens.check`.
        """
        if not code or not hmac.compare_digest(state.encode(), attempt.state.encode()):
            raise CaseError(Code.LOGIN_FAILED)
        self._end_once(attempt)
        token = await self._exchange(code, attempt.verifier, redirect_uri)
        identity = await self._tokens.check(token)
        nonce = jwt.decode(token, options={"verify_signature": False}).get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), attempt.nonce.encode()):
            raise CaseError(Code.LOGIN_FAILED)
        return token, identity

    async def _exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        endpoints = await self._describe()
        told = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._client,
            "code_verifier": verifier,
        }
        if self._secret:
            told["client_secret"] = self._secret
        status, body = await self._ask(endpoints.token_endpoint, told)
        if status != HTTPStatus.OK:
            raise CaseError(Code.LOGIN_FAILED)
        try:
            return _Tokens.model_validate_json(body).id_token
        except ValidationError:
            raise CaseError(Code.LOGIN_FAILED) from None

    def _end_once(self, attempt: Attempt) -> None:
        if attempt.state in self._ended:
            raise CaseError(Code.LOGIN_FAILED)
        self._ended[attempt.state] = None
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    async def _describe(self) -> _Endpoints:
        """The provider's own description."""
        described = self._described.known or await self._described.news()
        if described is None:
            raise CaseError(Code.GATE_UNAVAILABLE)
        return described

    def _read_description(self, body: bytes) -> _Endpoints:
        described = _Endpoints.model_validate_json(body)
        safe = all(is_web(each, may_ask=True) for each in (described.authorization_endpoint, described.token_endpoint))
        if described.issuer != self._issuer or not safe:
            raise CaseError(Code.GATE_UNAVAILABLE)
        return described

    async def _ask(self, url: str, form: dict[str, str]) -> tuple[int, bytes]:
        try:
            async with self._session.post(url, data=form, allow_redirects=False) as answer:
                return answer.status, await body_of(answer, _LARGEST_ANSWER) or b""
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise CaseError(Code.GATE_UNAVAILABLE) from None
