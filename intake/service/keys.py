"""The public keys by which receivers of webhooks check what they are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fastapi import Response

from cases.models import Record
from intake.service.reach import Reach


class PublishedKey(Record):
    """A public Ed25519 key, as an entry of a JWK set (RFC 8037)."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    kid: str
    use: Literal["sig"] = "sig"
    x: str
    """The key's 32 bytes in base64url."""


class WebhookKeySet(Record):
    """All keys that sign just now: two while one is replaced. A message is good by any of them."""

    keys: tuple[PublishedKey, ...]


def key_set(entries: Sequence[Mapping[str, str]]) -> WebhookKeySet:
    """The entries as a set."""
    return WebhookKeySet(keys=tuple(PublishedKey.model_validate(dict(entry)) for entry in entries))


@dataclass(frozen=True)
class Keys:
    """The route of the keys, which needs no token: they are public."""

    reach: Reach

    async def read(self) -> Response:
        """The public keys of webhooks: verify `webhook-signature` (`v1a`) over `id.timestamp.body` with one of them."""
        return Response(key_set(self.reach.webhook_keys).model_dump_json(), media_type="application/jwk-set+json")
