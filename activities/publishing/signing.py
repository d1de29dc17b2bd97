"""Webhooks are signed with Ed25519, in the form of Standard Webhooks 1.0 (`webhook-id`, `-timestamp`, `-signature`).

While a key is rotated there are two, and each message carries both signatures: receivers take their time.
"""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.stamps import raw_key_of
from cases.errors import CaseError, Code

VERSION: Final = "v1a"
"""Asymmetric signatures of the standard."""
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class WebhookKeys:
    """The keys by which webhooks are signed, the newest first."""

    def __init__(self, keys: Mapping[str, Ed25519PrivateKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a JWK set of private Ed25519 keys, made by `python -m gate.stamp_keys new PRIVATE PUBLIC`.

        Raises `CaseError` CONFIGURATION_INVALID, naming what is wrong.
        """
        try:
            with path.open("rb") as file:
                open_to_others = os.fstat(file.fileno()).st_mode & 0o077
                entries = json.load(file)["keys"]
            keys = {
                str(entry["kid"]): Ed25519PrivateKey.from_private_bytes(raw_key_of(entry["d"])) for entry in entries
            }
        except (OSError, ValueError, KeyError, TypeError):
            keys, open_to_others = {}, 0
        if not keys:
            raise CaseError(Code.CONFIGURATION_INVALID, "webhook_key_file: not a JWK set of private Ed25519 keys")
        if open_to_others:
            raise CaseError(Code.CONFIGURATION_INVALID, "webhook_key_file: readable by others; run chmod 600")
        return cls(keys)

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """What goes with a message: its ID, when it was signed, and the signatures."""
        signed = f"{message_id}.{timestamp}.".encode() + body
        signatures = (f"{VERSION},{base64.b64encode(key.sign(signed)).decode()}" for key in self._keys.values())
        return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: " ".join(signatures)}

    @property
    def public(self) -> Sequence[Mapping[str, Any]]:
        """The public halves, as entries of a JWK set (RFC 8037)."""
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "kid": key_id,
                "use": "sig",
                "x": base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("="),
            }
            for key_id, key in self._keys.items()
        ]
