"""Judging stamps: the public keys whose word on who decided is believed, and what else a stamp must be.

The pure part (`cases.stamps`) compares a stamp with what it stands in. Here come the signature, audience and expiry;
that a stamp is used once is a unique index of the audit.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Fact
from cases.manifests import LIFETIME as LIFETIME_OF_MANIFESTS
from cases.manifests import TYPE as MANIFEST
from cases.manifests import belongs, read_belonging
from cases.openings import Opening
from cases.stamps import ALGORITHM, ISSUER, LIFETIME, SKEW, TYPE, Claims, check_fact, check_opening

LONGEST_OUTAGE: Final = timedelta(days=3)
"""How long what was told may wait for a register that is away. An older stamp is worth nothing, used or not."""

_KEY_BYTES: Final = 32
SAMPLE_KEY_ID: Final = "sample"


def sample_signing_key() -> Ed25519PrivateKey:
    """The published key for examples and tests. Everybody can stamp with it; production refuses it."""
    return Ed25519PrivateKey.from_private_bytes(
        sha256(b"cardcase: published sample key, protects nothing (stamp)").digest()
    )


@dataclass(frozen=True)
class TrustedKeys:
    """Public keys of gates by key ID, those of earlier years included: the audit is verified by them."""

    keys: Mapping[str, Ed25519PublicKey]
    ends: Mapping[str, datetime] = field(default_factory=dict)
    """From when a key is believed no more; of those that were retired."""

    def believed(self, key_id: str, at: datetime) -> Ed25519PublicKey | None:
        """A key, for what the register writes at a moment; None where there is none of the ID, or none any more."""
        ends = self.ends.get(key_id)
        return self.keys.get(key_id) if ends is None or at < ends else None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a JWK set (RFC 7517) of Ed25519 keys (RFC 8037); the `exp` of a key says when it was retired.

        Raises `CaseError` CONFIGURATION_INVALID, naming what is wrong: no such file, not of this form, no key in it, or
        a private key, which belongs to the gate alone.
        """
        try:
            entries = json.loads(path.read_bytes())["keys"]
            if any(isinstance(entry, dict) and "d" in entry for entry in entries):
                raise CaseError(Code.CONFIGURATION_INVALID, "stamp_trust_file: holds a private key")
            keys = {str(entry["kid"]): public_key_of(entry) for entry in entries}
            ends = {str(entry["kid"]): datetime.fromtimestamp(entry["exp"], UTC) for entry in entries if "exp" in entry}
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            keys, ends = {}, {}
        if not keys:
            raise CaseError(Code.CONFIGURATION_INVALID, "stamp_trust_file: not a JWK set of Ed25519 keys")
        return cls(keys, ends)

    @classmethod
    def sample(cls) -> Self:
        """The published key for examples and tests. It protects nothing."""
        return cls({SAMPLE_KEY_ID: sample_signing_key().public_key()})

    @property
    def is_sample(self) -> bool:
        """Whether any of the keys is the published one."""
        published = sample_signing_key().public_key().public_bytes_raw()
        return any(key.public_bytes_raw() == published for key in self.keys.values())


def public_key_of(entry: Mapping[str, str]) -> Ed25519PublicKey:
    """The public key of an OKP entry of a JWK set. Raises `ValueError` or `KeyError` for anything else."""
    if (entry["kty"], entry["crv"]) != ("OKP", "Ed25519"):
        raise ValueError("not an Ed25519 key")
    return Ed25519PublicKey.from_public_bytes(raw_key_of(entry["x"]))


def raw_key_of(encoded: str) -> bytes:
    """The 32 bytes of a key in base64url. Raises `ValueError`."""
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError("not 32 bytes of base64url")
    return raw


class Stamps:
    """Judges stamps. `audience` is the namespace in which the cases live: a stamp of another one is worth nothing."""

    def __init__(self, trusted: TrustedKeys, audience: str) -> None:
        self._trusted = trusted
        self.audience: Final = audience

    def check_fact(self, fact: Fact, case: str, event: Event, arrived: datetime, now: datetime) -> Claims:
        """What the stamp of a fact says that is told to have arrived in its case at a moment, by the register's `now`.

        Raises `CaseError`: STAMP_INVALID for what no trusted key has signed for this audience, STAMP_EXPIRED, and as
        `cases.stamps.check_fact`.
        """
        claims = check_fact(fact, case, event)
        self._check(fact.stamp, claims, arrived, now)
        return claims

    def check_opening(self, opening: Opening, arrived: datetime, now: datetime) -> Claims:
        """The same of an opening. Raises `CaseError` as `check_fact`, and as `cases.stamps.check_opening`."""
        claims = check_opening(opening)
        self._check(opening.stamp, claims, arrived, now)
        return claims

    def recheck_fact(self, fact: Fact, case: str, event: Event, written: datetime) -> Claims:
        """What the stamp of a fact says that the register wrote down at a moment, however long ago.

        Raises `CaseError` as `check_fact`; when it had arrived, within the bounds of an outage, nobody knows any more.
        """
        claims = check_fact(fact, case, event)
        self._check(fact.stamp, claims, _latest(claims, written), written)
        return claims

    def recheck_opening(self, opening: Opening, written: datetime) -> Claims:
        """The same of an opening. Raises `CaseError` as `check_opening`."""
        claims = check_opening(opening)
        self._check(opening.stamp, claims, _latest(claims, written), written)
        return claims

    def _check(self, stamp: str | None, claims: Claims, arrived: datetime, now: datetime) -> None:
        # When something arrived is the word of whoever asks: it cannot lie ahead, nor further back than an outage.
        arrived = min(arrived, now)
        if arrived < now - LONGEST_OUTAGE:
            raise CaseError(Code.STAMP_EXPIRED)
        signed, kind, lifetime = stamp or "", TYPE, LIFETIME
        if belongs(stamp):
            signed, kind, lifetime = read_belonging(signed).manifest, MANIFEST, LIFETIME_OF_MANIFESTS
        try:
            header = jwt.get_unverified_header(signed)
            if header.get("typ") != kind:
                raise CaseError(Code.STAMP_INVALID)
            key = self._trusted.believed(str(header["kid"]), now)
            if key is None:
                raise CaseError(Code.STAMP_INVALID)
            jwt.decode(
                signed,
                key,
                algorithms=[ALGORITHM],
                audience=self.audience,
                issuer=ISSUER,
                # The time that counts is when the decision arrived in the engine.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, KeyError):
            raise CaseError(Code.STAMP_INVALID) from None
        moment = arrived.timestamp()
        lived = claims.exp - claims.iat
        if not 0 < lived <= lifetime.total_seconds() or claims.iat - SKEW.total_seconds() > moment:
            raise CaseError(Code.STAMP_INVALID)
        if moment >= claims.exp:
            raise CaseError(Code.STAMP_EXPIRED)


def _latest(claims: Claims, written: datetime) -> datetime:
    """The last moment until a writing at which a stamp was good."""
    # What nobody has signed may name any number.
    ends = min(max(claims.exp, 0), written.timestamp() + 1)
    return min(written, datetime.fromtimestamp(ends, UTC) - timedelta(microseconds=1))
