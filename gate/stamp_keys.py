"""The gate's signing key, and the commands that make one and keep the history of its public halves.

python -m gate.stamp_keys new PRIVATE PUBLIC
python -m gate.stamp_keys add TRUSTED PUBLIC
python -m gate.stamp_keys retire TRUSTED KEY_ID [MOMENT]

`new` makes a pair: a private file for the gate, a public one for workers. To rotate: make a new pair, `add` its public
file to the one that workers trust, restart them, then give the gate the new private file, and `retire` the old key some
minutes later; it names no moment for now. What the register writes from then on by a stamp of that key is refused.
The entry stays for ever: by it `audit verify` knows what the gate had signed before.
"""

import base64
import hmac
import json
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
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


def _write(path: Path, *entries: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(json.dumps({"keys": entries}, indent=2) + "\n")


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class _Wrong(Exception):
    """What a command cannot do, in words that quote nothing."""


def _add(trusted: Path, public: Path) -> None:
    entries, new = _entries(trusted), _entries(public)
    known = {entry["kid"] for entry in entries}
    if any(entry["kid"] in known for entry in new):
        raise _Wrong("a key of this ID is trusted already; nothing was changed")
    _replace(trusted, [*entries, *new])


def _retire(trusted: Path, key_id: str, moment: str | None) -> None:
    entries = _entries(trusted)
    entry = next((each for each in entries if each["kid"] == key_id), None)
    if entry is None or "exp" in entry:
        raise _Wrong("no key of this ID is believed; nothing was changed")
    try:
        at = datetime.now(UTC) if moment is None else datetime.fromisoformat(moment)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _Wrong("a moment carries a zone: 2026-11-30T18:00+08:00")
    entry["exp"] = int(at.timestamp())
    _replace(trusted, entries)


def _entries(path: Path) -> list[dict[str, Any]]:
    """The entries of a file that workers may trust, as they stand."""
    try:
        TrustedKeys.load(path)
    except CaseError as wrong:
        raise _Wrong((wrong.field or "").partition(": ")[2]) from None
    entries: list[dict[str, Any]] = json.loads(path.read_bytes())["keys"]
    return entries


def _replace(path: Path, entries: list[dict[str, Any]]) -> None:
    """Write a file anew, so that whoever reads it meanwhile finds the one or the other."""
    beside = path.with_name(f"{path.name}.new")
    _write(beside, *entries)
    beside.chmod(path.stat().st_mode & 0o777)
    beside.replace(path)


def main(arguments: list[str]) -> int:
    """Do what the command line says; files that are there are not made again."""
    try:
        match arguments:
            case ["new", private, public]:
                SigningKey.generate().write(Path(private), Path(public))
            case ["add", trusted, public]:
                _add(Path(trusted), Path(public))
            case ["retire", trusted, key_id]:
                _retire(Path(trusted), key_id, None)
            case ["retire", trusted, key_id, moment]:
                _retire(Path(trusted), key_id, moment)
            case _:
                sys.stderr.write(f"{__doc__}\n")
                return EXIT_USAGE
    except _Wrong as wrong:
        sys.stderr.write(f"{wrong}\n")
        return EXIT_DATA
    except FileExistsError:
        sys.stderr.write("there is such a file already; it is left as it is\n")
        return EXIT_DATA
    except OSError as failed:
        sys.stderr.write(f"the files cannot be written: {type(failed).__name__}\n")
        return EXIT_DATA
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
