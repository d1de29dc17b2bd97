"""Logging in at the agency's OIDC provider: authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636).

What a browser keeps afterwards is the identity token itself, in a cookie that no script can read; the server keeps
nothing, and every call checks the token again.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
import jwt
from aiohttp import hdrs
from pydantic import BaseModel, ConfigDict, ValidationError

from activities.bodies import body_of
from activities.setting import LOOPBACK
from cases.errors import CaseError, Code
from runtime.identity import Identity, IdentityTokens

DISCOVERY: Final = "/.well-known/openid-configuration"
LONGEST_LOGIN_SECONDS: Final = 600
"""How long somebody may take at the provider's page."""

_LARGEST_ANSWER: Final = 64 * 1024


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

    @classmethod
    def read(cls, kept: str) -> Self:
        """The try that a browser kept. Raises `CaseError` LOGIN_FAILED."""
        match kept.split("."):
            case [state, nonce, verifier] if state and nonce and verifier:
                return cls(state, nonce, verifier)
            case _:
                raise CaseError(Code.LOGIN_FAILED)

    @property
    def kept(self) -> str:
        """What the browser keeps."""
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @property
    def challenge(self) -> str:
        """What the provider learns of the verifier at first (RFC 7636, S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


class Login:
    """Logs operators in at one provider, as the client that identity tokens are made out to."""

    def __init__(
        self, session: aiohttp.ClientSession, tokens: IdentityTokens, *, issuer: str, client: str, secret: str = ""
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._issuer = issuer
        self._client = client
        self._secret = secret
        self._endpoints: _Endpoints | None = None

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

        Raises `CaseError`: LOGIN_FAILED for a try that is another browser's or that the provider does not confirm,
        GATE_UNAVAILABLE, and as `IdentityTokens.check`.
        """
        if not code or not hmac.compare_digest(state.encode(), attempt.state.encode()):
            raise CaseError(Code.LOGIN_FAILED)
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
        status, body = await self._ask(hdrs.METH_POST, endpoints.token_endpoint, told)
        if status != HTTPStatus.OK:
            raise CaseError(Code.LOGIN_FAILED)
        try:
            return _Tokens.model_validate_json(body).id_token
        except ValidationError:
            raise CaseError(Code.LOGIN_FAILED) from None

    async def _describe(self) -> _Endpoints:
        """The provider's own description, kept once it is had."""
        if self._endpoints is None:
            status, body = await self._ask(hdrs.METH_GET, self._issuer.rstrip("/") + DISCOVERY, None)
            try:
                described = _Endpoints.model_validate_json(body)
            except ValidationError:
                raise CaseError(Code.GATE_UNAVAILABLE) from None
            safe = all(map(is_safe, (described.authorization_endpoint, described.token_endpoint)))
            if status != HTTPStatus.OK or described.issuer != self._issuer or not safe:
                raise CaseError(Code.GATE_UNAVAILABLE)
            self._endpoints = described
        return self._endpoints

    async def _ask(self, method: str, url: str, form: dict[str, str] | None) -> tuple[int, bytes]:
        try:
            async with self._session.request(method, url, data=form, allow_redirects=False) as answer:
                return answer.status, await body_of(answer, _LARGEST_ANSWER) or b""
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise CaseError(Code.GATE_UNAVAILABLE) from None


def is_safe(url: str) -> bool:
    """Whether tokens may travel there: over TLS, or on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
