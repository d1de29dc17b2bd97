"""Settings of the intake service: the keys, the register, the gate, whom it believes, and as whom it asks."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from activities.setting import fault_of_secret, secret_in
from activities.stamps import public_key_of
from gate.settings import IdentitySettings
from runtime.settings import MAKE_A_PAIR, PREFIX, Problem, Settings


def public_keys_in(path: Path) -> list[dict[str, str]]:
    """The public keys of a JWK set (RFC 8037); none for what is no such file, or holds a private key."""
    try:
        entries: list[dict[str, str]] = json.loads(path.read_bytes())["keys"]
        for entry in entries:
            public_key_of(entry)
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [] if any("d" in entry for entry in entries) else entries


class IntakeSettings(IdentitySettings):
    """What the intake service cannot do without."""

    database_url: SecretStr
    key_file: Path
    gate_url: str
    identity_issuer: str
    identity_keys: str
    exchange_url: str
    intake_secret_file: Path

    def secret(self) -> str:
        """The secret of its client at the identity provider."""
        return secret_in(self.intake_secret_file)

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """The same, the secret, and the public keys of webhooks."""
        yield from super().around(known)
        if known.webhook_trust_file is not None and not public_keys_in(known.webhook_trust_file):
            yield Problem(f"{PREFIX}WEBHOOK_TRUST_FILE", "is no JWK set of public Ed25519 keys", MAKE_A_PAIR)
        file = known.intake_secret_file
        if file is not None and (wrong := fault_of_secret(file)) is not None:
            yield Problem(f"{PREFIX}INTAKE_SECRET_FILE", wrong, "Mend the file, and run chmod 600")
