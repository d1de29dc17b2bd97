"""Who asks: identity tokens of the agency's OIDC provider, checked where a decision enters.

A token is a signed JWT (RFC 7519) with issuer, audience, expiry, `sub` (the code of a member of staff or of a system),
`cardcase_role` and `cardcase_office`; and, where it is one of OAuth 2, `scope`, which narrows the role and adds nothing
to it. Its algorithm is one of a short list, and that of the provider's key: whatever a token says of itself
decides nothing. Errors carry a code and nothing of the token.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import jwt
from pydantic import ValidationError

from cases.errors import CaseError, Code
from cases.models import Actor
from cases.personal_data import holds_personal_data
from runtime.fetching import Published

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
    """The provider's public keys at its `jwks_uri`.

    A key that is known is answered at once, also while the provider is away. One that is not makes the provider be
    asked, at most once a minute: anybody can name one.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._published = Published(url, _read_keys, LARGEST_KEY_SET, clock)

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """See `PublicKeys`. Raises `CaseError` GATE_UNAVAILABLE where the provider does not answer."""
        known = self._published.known
        if known is None or key_id not in known:
            known = await self._published.news()
        if known is None or (key_id not in known and self._published.is_away):
            raise CaseError(Code.GATE_UNAVAILABLE)
        return known.get(key_id)

    def refreshed(self) -> AbstractAsyncContextManager[None]:
        """Ask for them now and then, for the length of a block."""
        return self._published.refreshed()


@asynccontextmanager
async def public_keys(where: str) -> AsyncIterator[PublicKeys]:
    """The provider's public keys for the length of a block: at its `jwks_uri`, or in a file.

    Raises `CaseError` CONFIGURATION_INVALID for a file that cannot be read as one.
    """
    if "://" not in where:
        yield KeyFile(Path(where))
        return
    keys = KeyUrl(where)
    async with keys.refreshed():
        yield keys


def _read_keys(raw: bytes) -> Mapping[str, jwt.PyJWK]:
    """Keys that may sign tokens, by ID. Others of the set are passed over: they serve something else."""
    try:
        entries = json.loads(raw)["keys"]
        keys = {}
        for entry in entries:
            if isinstance(entry.get("kid"), str) and entry.get("kty") in {"EC", "OKP", "RSA"}:
                try:
                    key = jwt.PyJWK(entry)
                except (jwt.PyJWTError, ValueError):
                    continue
                if key.algorithm_name in ALGORITHMS and entry.get("use", "sig") == "sig":
                    keys[entry["kid"]] = key
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CaseError(Code.CONFIGURATION_INVALID, "identity_keys: not a JWK set") from None
    return keys


class IdentityTokens:
    """Checks the tokens of one provider that were made out to one audience.

    A token for several audiences says which client it was issued to (`azp`, OpenID Connect Core 1.0, 3.1.3.7): that is
    one of `parties`, which are our own. Otherwise whoever gets tokens for another application could come with one.
    """

    def __init__(self, keys: PublicKeys, *, issuer: str, audience: str, parties: Collection[str] = ()) -> None:
        """Raises `CaseError` CONFIGURATION_INVALID without an issuer or an audience: everybody's token would do."""
        for name, value in (("identity_issuer", issuer), ("identity_audience", audience)):
            if not value.strip():
                raise CaseError(Code.CONFIGURATION_INVALID, f"{name}: is empty")
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._parties = frozenset({audience, *parties})

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
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        except jwt.ExpiredSignatureError:
            raise CaseError(Code.IDENTITY_EXPIRED) from None
        # Numbers that no clock has, and brackets in brackets, are in nobody's token but an attacker's.
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError, TypeError, OSError):
            raise CaseError(Code.IDENTITY_INVALID) from None
        self._check_party(claims)
        return Identity(actor_of(claims), expires_at, _scopes_of(claims))

    def _check_party(self, claims: Mapping[str, object]) -> None:
        audiences, party = claims.get("aud"), claims.get("azp")
        for_several = isinstance(audiences, list) and len(audiences) > 1
        if for_several and not (isinstance(party, str) and party in self._parties):
            raise CaseError(Code.IDENTITY_INVALID)


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
        actor = Actor.model_validate(
            {"id": claims.get("sub"), "role": claims.get(ROLE_CLAIM), "office": claims.get(OFFICE_CLAIM)}
        )
    except ValidationError:
        raise CaseError(Code.IDENTITY_INVALID) from None
    # Who acts is written down in clear for years: a code of staff, and never the phone by which somebody logs in.
    if holds_personal_data(actor.id):
        raise CaseError(Code.IDENTITY_INVALID)
    return actor


def claimed_by(token: str) -> Actor:
    """Whom a token names, unchecked: for its bearer, who only wants to know as whom they act.

    Raises `CaseError` IDENTITY_INVALID.
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
        raise CaseError(Code.IDENTITY_INVALID) from None
    return actor_of(claims)
