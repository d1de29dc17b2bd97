"""What comes by webhook: checked by its signature (Standard Webhooks, Ed25519), and read.

Needs `cryptography`: install `cardcase-client[webhooks]`.
"""

import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from cardcase_client.base import Told
from cardcase_client.models import Entry
from cardcase_client.problems import ClientError

VERSION: Final = "v1a"
"""Asymmetric signatures of the standard."""
CHALLENGED: Final = "cardcase.subscription_verify.v1"
_ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_TOLERANCE_SECONDS: Final = 300.0


class NotAuthentic(ClientError):
    """A message that the service did not sign, or signed long ago. Answer it with 401, and do nothing else."""


class Challenge(Told):
    """Asks a sink once whether it wants to be told."""

    subscription: str
    challenge: str

    def answer(self) -> bytes:
        """The body of the answer (200, `application/json`) by which the sink says that it does."""
        return json.dumps({"challenge": self.challenge}).encode()


class Webhooks:
    """Checks and reads messages with the keys of `Client.webhook_keys`.

    A message that is not authentic may be signed by a key that is newer than these: ask for the keys again, but not
    more often than once a minute.
    """

    def __init__(
        self,
        keys: Iterable[Mapping[str, str]],
        *,
        tolerance: float = _TOLERANCE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError for what is no public Ed25519 key."""
        self._keys = [_public_key(key) for key in keys]
        self._tolerance = tolerance
        self._clock = clock

    def read(self, headers: Mapping[str, str], body: bytes) -> Entry | Challenge:
        """What a message says: something that happened, or the question whether to be told at all.

        `headers` by any spelling of their names; `body` as it came, byte for byte. Raises `NotAuthentic`. The same
        message may come more than once, under the same ID.
        """
        said = {name.lower(): value for name, value in headers.items()}
        message, timestamp = said.get(_ID, ""), said.get(_TIMESTAMP, "")
        if not (message and timestamp.isascii() and timestamp.isdigit()):
            raise NotAuthentic("it has no ID or no timestamp")
        if abs(self._clock() - int(timestamp)) > self._tolerance:
            raise NotAuthentic("it was signed too long ago, or a clock is wrong")
        signed = f"{message}.{timestamp}.".encode() + body
        if not any(self._is_signed(signed, each) for each in said.get(_SIGNATURE, "").split()):
            raise NotAuthentic("no signature of a known key")
        try:
            content = json.loads(body)
            if isinstance(content, dict) and content.get("type") == CHALLENGED:
                return Challenge.model_validate(content)
            return Entry.model_validate_json(body)
        except (ValueError, ValidationError):
            raise NotAuthentic("it is signed, but no message of this interface") from None

    def _is_signed(self, signed: bytes, given: str) -> bool:
        version, _, encoded = given.partition(",")
        if version != VERSION:
            return False
        try:
            signature = base64.b64decode(encoded, validate=True)
        except ValueError:
            return False
        return any(_verifies(key, signature, signed) for key in self._keys)


def _verifies(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _public_key(entry: Mapping[str, str]) -> Ed25519PublicKey:
    if (entry.get("kty"), entry.get("crv")) != ("OKP", "Ed25519"):
        raise ValueError("no Ed25519 key")
    encoded = entry.get("x", "")
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
