"""Settings of the intake service: the keys, the register, the gate, whom it believes, and as whom it asks."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from activities.setting import fault_of_secret, secret_in
from gate.settings import IdentitySettings
from runtime.settings import PREFIX, Problem, Settings


class IntakeSettings(IdentitySettings):
    """What the intake service cannot do without."""

    database_url: SecretStr
    key_file: Path
    gate_url: str
    identity_issuer: str
    identity_keys: str
    token_url: str
    intake_secret_file: Path

    def secret(self) -> str:
        """The secret of its client at the identity provider."""
        return secret_in(self.intake_secret_file)

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """The same, and the secret."""
        yield from super().around(known)
        file = known.intake_secret_file
        if file is not None and (wrong := fault_of_secret(file)) is not None:
            yield Problem(f"{PREFIX}INTAKE_SECRET_FILE", wrong, "Mend the file, and run chmod 600")
