"""A throw-away issuer of identity tokens for the local stack, rehearsals and tests: whoever asks is who they say.

No part of the product. The gate believes it only where its public keys are configured.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from cases.events import Event
from cases.facts import Fact
from cases.models import Actor, Role
from cases.openings import ApplicationChannel, Opening
from gate.gate import CaseClock, Gate, by_the_clock
from gate.stamp_keys import SigningKey
from runtime.identity import OFFICE_CLAIM, ROLE_CLAIM, IdentityTokens, PublicKeys

AUDIENCE: Final = "cardcase"
KEY_ID: Final = "throw-away"
LIFETIME: Final = timedelta(hours=1)


class Issuer(PublicKeys):
    """Signs identity tokens with a key of its own, made anew each time (ES256)."""

    def __init__(self, url: str = "http://127.0.0.1/throw-away", audience: str = AUDIENCE) -> None:
        self.url = url
        self.audience = audience
        self._private: EllipticCurvePrivateKey = generate_private_key(SECP256R1())
        entry = ECAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        self.jwks: Final[dict[str, Any]] = {"keys": [{**entry, "kid": KEY_ID, "use": "sig", "alg": "ES256"}]}
        """The public keys, as the provider publishes them (RFC 7517)."""
        self._public = jwt.PyJWK(self.jwks["keys"][0])

    def token(self, actor: Actor, *, lifetime: timedelta = LIFETIME, **claims: Any) -> str:
        """A token for somebody, with further claims or others instead of the usual ones."""
        now = datetime.now(UTC)
        said = {
            "iss": self.url,
            "aud": self.audience,
            "sub": actor.id,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            ROLE_CLAIM: actor.role.value,
            OFFICE_CLAIM: actor.office,
        }
        return jwt.encode({**said, **claims}, self._private, algorithm="ES256", headers={"kid": KEY_ID})

    def write_keys(self, path: Path) -> Path:
        """Write the public keys to a file."""
        path.write_text(json.dumps(self.jwks), encoding="ascii")
        return path

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """See `PublicKeys`."""
        return self._public if key_id == KEY_ID else None

    def gate(self, key: SigningKey, audience: str, clock: CaseClock = by_the_clock) -> Gate:
        """A gate that believes this issuer and nobody else."""
        tokens = IdentityTokens(self, issuer=self.url, audience=self.audience)
        return Gate(tokens, key, audience=audience, clock=clock)


class Everybody:
    """Stamps as whoever a fact or an opening names: the one who plays all parts of a rehearsal or a test."""

    def __init__(self, issuer: Issuer, gate: Gate) -> None:
        self._issuer = issuer
        self._gate = gate

    @property
    def actor(self) -> None:
        """Nobody in particular."""

    async def stamp(self, case: str, event: Event, fact: Fact) -> Fact:
        """The fact with a stamp of whoever it names."""
        return await self._gate.stamp(self._issuer.token(fact.actor), case, event, fact)

    async def stamp_opening(self, opening: Opening) -> Opening:
        """The opening with a stamp of its submitter, or of the back office that hands in what came by no counter."""
        by = opening.submitter
        if not isinstance(by, Actor) or opening.channel is not ApplicationChannel.counter:
            by = Actor(id=Role.back_office.value, role=Role.back_office, office=opening.region)
        return await self._gate.stamp_opening(self._issuer.token(by), opening)
