"""Who asks: identity tokens of the agency's OIDC provider, checked where a decision enters.

A token is a signed JWT (RFC 7519) with issuer, audience, expiry, `sub` (the code of a member of staff or of a system),
`cardcase_role` and `cardcase_office`; and, where it is one of OAuth 2, `scope`, which narrows the role and adds nothing
to it. Its algorithm is one of a short list, and that of the provider's key: whatever a token says of itself
decides nothing. Errors carry a code and nothing of the token.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import aiohttp
import jwt
from pydantic import ValidationError

from activities.bodies import body_of
from cases.errors import CaseError, Code
from cases.models import Actor

ALGORITHMS: Final = ("ES256", "EdDSA", "RS256")
"""Asymmetric ones alone: who can check a token cannot make one."""
ROLE_CLAIM: Final = "cardcase_role"
OFFICE_CLAIM: Final = "cardcase_office"
LARGEST_TOKEN: Final = 8 * 1024
"""Characters."""
LARGEST_KEY_SET: Final = 64 * 1024
"""Bytes."""
LEEWAY_SECONDS: Final = 30
"""By how much the provider's clock may differ from ours."""

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)
_ASK_AGAIN_SECONDS: Final = 30.0
"""A provider is not asked for unknown keys more often: anybody can name one."""
_OLDEST_SECONDS: Final = 3600.0
"""A key that the provider took back is believed for so long at most."""


class Identity(NamedTuple):
    """Who a token says that its bearer is."""

    actor: Actor
    expires_at: datetime
    scopes: frozenset[str] | None = None
    """What of its role the token may be used for; None where it says nothing: for all of it (RFC 6749, 3.3)."""


class PublicKeys(Protocol):
    """Where the provider's public keys are."""

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key of an ID, None where the provider has none."""
        ...


class KeyFile:
    """The provider's public keys in a file (a JWK set, RFC 7517)."""

    def __init__(self, path: Path) -> None:
        """Raises `CaseError` CONFIGURATION_INVALID where it cannot be read as one."""
        try:
            self._keys = _read_keys(path.read_bytes())
        except OSError:
            raise CaseError(Code.CONFIGURATION_INVALID, "identity_keys: not readable") from None

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """See `PublicKeys`."""
        return self._keys.get(key_id)


class KeyUrl:
    """The provider's public keys at its `jwks_uri`; kept for an hour, and fetched again where one is unknown."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked: float | None = None
        self._asking = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """See `PublicKeys`. Raises `CaseError` GATE_UNAVAILABLE where the provider does not answer."""
        # Nobody waits for a key that is known behind those who name others: anybody can, and a provider may be slow.
        if key_id in self._keys and not self._is_older_than(_OLDEST_SECONDS):
            return self._keys[key_id]
        async with self._asking:
            unknown = key_id not in self._keys and self._is_older_than(_ASK_AGAIN_SECONDS)
            if unknown or self._is_older_than(_OLDEST_SECONDS):
                self._keys = _read_keys(await self._fetch())
                self._asked = time.monotonic()
            return self._keys.get(key_id)

    def _is_older_than(self, seconds: float) -> bool:
        return self._asked is None or time.monotonic() - self._asked > seconds

    async def _fetch(self) -> bytes:
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.get(self._url, allow_redirects=False) as answer,
            ):
                answer.raise_for_status()
                return await body_of(answer, LARGEST_KEY_SET) or b""
        except (aiohttp.ClientError, TimeoutError):
            raise CaseError(Code.GATE_UNAVAILABLE) from None


def _read_keys(raw: bytes) -> Mapping[str, jwt.PyJWK]:
    """Keys that may sign tokens, by ID. Others of the set are passed over: they serve something else."""
    try:
        entries = json.loads(raw)["keys"]
        keys = {}
        for entry in entries:
            if isinstance(entry.get("kid"), str) and entry.get("kty") in {"EC", "OKP", "RSA"}:
                try:
                    key = jwt.PyJWK(entry)
                except jwt.PyJWTError:
                    continue
                if key.algorithm_name in ALGORITHMS and entry.get("use", "sig") == "sig":
                    keys[entry["kid"]] = key
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CaseError(Code.CONFIGURATION_INVALID, "identity_keys: not a JWK set") from None
    return keys


class IdentityTokens:
    """Checks the tokens of one provider that were made out to one audience."""

    def __init__(self, keys: PublicKeys, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def check(self, token: str) -> Identity:
        """Who the bearer of a token is.

        Raises `CaseError`: IDENTITY_MISSING, IDENTITY_EXPIRED, GATE_UNAVAILABLE where the provider's keys cannot be
        had, and IDENTITY_INVALID for everything else.
        """
        if not token:
            raise CaseError(Code.IDENTITY_MISSING)
        if len(token) > LARGEST_TOKEN:
            raise CaseError(Code.IDENTITY_INVALID)
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = await self._keys.key(key_id) if isinstance(key_id, str) else None
            if key is None:
                raise CaseError(Code.IDENTITY_INVALID)
            claims = jwt.decode(
                token,
                key,
                # That of the key, which is on the list; the header's must be the same.
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise CaseError(Code.IDENTITY_EXPIRED) from None
        except (jwt.PyJWTError, ValueError):
            raise CaseError(Code.IDENTITY_INVALID) from None
        return Identity(actor_of(claims), datetime.fromtimestamp(claims["exp"], UTC), _scopes_of(claims))


def _scopes_of(claims: Mapping[str, object]) -> frozenset[str] | None:
    said = claims.get("scope")
    if said is None:
        return None
    if not isinstance(said, str):
        raise CaseError(Code.IDENTITY_INVALID)
    return frozenset(said.split())


def actor_of(claims: Mapping[str, object]) -> Actor:
    """Whom the claims of a token name. Raises `CaseError` IDENTITY_INVALID."""
    try:
        return Actor.model_validate(
            {"id": claims.get("sub"), "role": claims.get(ROLE_CLAIM), "office": claims.get(OFFICE_CLAIM)}
        )
    except ValidationError:
        raise CaseError(Code.IDENTITY_INVALID) from None


def claimed_by(token: str) -> Actor:
    """Whom a token names, unchecked: for its bearer, who only wants to know as whom they act.

    Raises `CaseError` IDENTITY_INVALID.
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise CaseError(Code.IDENTITY_INVALID) from None
    return actor_of(claims)
