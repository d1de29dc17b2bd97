"""The gate's signing key, and the command that makes one: a private file for the gate, a public one for workers.

python -m gate.stamp_keys new PRIVATE PUBLIC

To rotate: make a new pair, add its public entry to the file that workers trust, restart them, then give the gate the
new private file. Five minutes later nothing of the old key is in use, and its entry can go.
"""

import base64
import hmac
import json
import os
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.stamps import SAMPLE_KEY_ID, TrustedKeys, raw_key_of, sample_signing_key
from cases.errors import CaseError, Code

EXIT_USAGE, EXIT_DATA = 64, 65


@dataclass(frozen=True)
class SigningKey:
    """The key with which the gate stamps."""

    key_id: str
    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a private file: a JWK set with one key.

        Raises `CaseError` CONFIGURATION_INVALID, naming what is wrong: no such file, readable by others, not of this
        form.
        """
        try:
            with path.open("rb") as file:
                open_to_others = os.fstat(file.fileno()).st_mode & 0o077
                (entry,) = json.load(file)["keys"]
            key = Ed25519PrivateKey.from_private_bytes(raw_key_of(entry["d"]))
            key_id = str(entry["kid"])
        except (OSError, ValueError, KeyError, TypeError):
            raise CaseError(Code.CONFIGURATION_INVALID, "stamp_key_file: not a JWK set with one Ed25519 key") from None
        if open_to_others:
            raise CaseError(Code.CONFIGURATION_INVALID, "stamp_key_file: readable by others; run chmod 600")
        return cls(key_id, key)

    @classmethod
    def generate(cls) -> Self:
        """A new key, called by the beginning of its public half's digest."""
        key = Ed25519PrivateKey.generate()
        return cls(f"s{sha256(key.public_key().public_bytes_raw()).hexdigest()[:6]}", key)

    @classmethod
    def sample(cls) -> Self:
        """The published key for examples and tests. Production refuses its stamps."""
        return cls(SAMPLE_KEY_ID, sample_signing_key())

    def derive(self, use: str) -> bytes:
        """A secret for another use; nothing of the key can be found by it."""
        return hmac.digest(self.key.private_bytes_raw(), use.encode(), "sha256")

    @property
    def is_sample(self) -> bool:
        """Whether this is the published key."""
        return self.trusted.is_sample

    @property
    def trusted(self) -> TrustedKeys:
        """What a worker has to trust to believe this key."""
        return TrustedKeys({self.key_id: self.key.public_key()})

    def write(self, private: Path, public: Path) -> None:
        """Write both files. Raises `FileExistsError` rather than replace one."""
        entry = {
            "kty": "OKP",
            "crv": "Ed25519",
            "kid": self.key_id,
            "x": _encoded(self.key.public_key().public_bytes_raw()),
        }
        _write(private, {**entry, "d": _encoded(self.key.private_bytes_raw())})
        _write(public, entry)


def _write(path: Path, entry: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(json.dumps({"keys": [entry]}, indent=2) + "\n")


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def main(arguments: list[str]) -> int:
    """Make a pair of files; existing ones are left alone."""
    match arguments:
        case ["new", private, public]:
            files = Path(private), Path(public)
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return EXIT_USAGE
    try:
        SigningKey.generate().write(*files)
    except FileExistsError:
        sys.stderr.write("there is such a file already; it is left as it is\n")
        return EXIT_DATA
    except OSError as failed:
        sys.stderr.write(f"the files cannot be written: {type(failed).__name__}\n")
        return EXIT_DATA
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
