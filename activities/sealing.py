"""Sealing: names, numbers and phones become ciphertext here, and only here become readable again.

AES-256-GCM with a random 96-bit nonce. A sealed text names the key it was sealed with and is bound to its field and its
person, so that it opens nowhere else. Where there is a store of persons' keys, what is of a person is sealed under
theirs (`activities.person_keys`), and what is of staff under the ring's. What must be found or compared goes as a keyed
token (`cases.names`).
"""

import base64
import binascii
import hmac
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from activities.person_keys import KEY_ID, PersonKeys, is_person
from cases import names
from cases.errors import CaseError, Code

MENDABLE: Final = frozenset({Code.KEY_UNKNOWN, Code.SEAL_BROKEN, Code.PAYLOAD_DOWNGRADED})
"""Refusals that another ring or other settings may take back: the payload may be good, and this process wrong."""

_SCHEMA: Final = "cardcase/1"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_PARTS: Final = "token_key, seal_keys and current, payload_keys and payload_current"
_SAMPLE: Final = {
    purpose: sha256(f"cardcase: published sample key, protects nothing ({purpose})".encode()).digest()
    for purpose in ("token", "seal", "payload")
}


class Field(StrEnum):
    """What may be sealed; a sealed text opens as the field it was sealed as and no other."""

    name = "name"
    number = "number"
    card_number = "card_number"
    phone = "phone"
    address = "address"


@dataclass(frozen=True)
class KeyRing:
    """The keys: one for tokens; for fields and for payloads one or more that open, one of which seals."""

    token_key: bytes = field(repr=False)
    seal_keys: Mapping[str, bytes] = field(repr=False)
    """By ID, those of names, numbers and addresses."""
    current: str
    """ID of the key that seals them."""
    payload_keys: Mapping[str, bytes] = field(repr=False)
    """By ID, those of whole payloads on their way through Temporal (`runtime.codec`)."""
    payload_current: str
    """ID of the key that seals them; the others only open."""

    def __post_init__(self) -> None:
        for key in self._keys():
            if len(key) != _KEY_BYTES or not any(key):
                raise CaseError(Code.CONFIGURATION_INVALID, "key_file: a key is not 32 random bytes")
        if any(KEY_ID.fullmatch(key_id) for key_id in self.seal_keys):
            raise CaseError(Code.CONFIGURATION_INVALID, "key_file: a seal key has the ID of a person's key")
        if self.current not in self.seal_keys:
            raise CaseError(Code.CONFIGURATION_INVALID, "key_file: current")
        if self.payload_current not in self.payload_keys:
            raise CaseError(Code.CONFIGURATION_INVALID, "key_file: payload_current")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file (TOML).

        It holds `token_key`, `[seal_keys]` and `[payload_keys]`, all keys in base64, `current` and `payload_current`.
        Raises `CaseError` CONFIGURATION_INVALID, naming what is wrong: no such file, readable by others, not of this
        form, a key of the wrong length or all zero, an unknown key named as the one that seals.
        """
        try:
            with path.open("rb") as file:
                open_to_others = os.fstat(file.fileno()).st_mode & 0o077
                read = tomllib.load(file)
        except (OSError, ValueError):
            raise CaseError(Code.CONFIGURATION_INVALID, "key_file: not readable as TOML") from None
        if open_to_others:
            raise CaseError(Code.CONFIGURATION_INVALID, "key_file: readable by others; run chmod 600")
        try:
            return cls(
                token_key=_from_base64(read["token_key"]),
                seal_keys={str(key_id): _from_base64(key) for key_id, key in read["seal_keys"].items()},
                current=read["current"],
                payload_keys={str(key_id): _from_base64(key) for key_id, key in read["payload_keys"].items()},
                payload_current=read["payload_current"],
            )
        except (KeyError, TypeError, AttributeError, ValueError):
            raise CaseError(Code.CONFIGURATION_INVALID, f"key_file: {_PARTS}") from None

    @classmethod
    def generate(cls, path: Path) -> Self:
        """Make a new key file that only its owner can read. Raises `FileExistsError` rather than replace one."""
        ring = cls(
            token_key=os.urandom(_KEY_BYTES),
            seal_keys={"k1": os.urandom(_KEY_BYTES)},
            current="k1",
            payload_keys={"p1": os.urandom(_KEY_BYTES)},
            payload_current="p1",
        )
        ring._write(path)
        return ring

    def replace(self, path: Path) -> None:
        """Put this ring in the place of a key file, all at once and readable by its owner only. Raises `OSError`."""
        beside = path.with_name(f"{path.name}.new")
        self._write(beside)
        beside.replace(path)

    def with_payload_key(self, key_id: str) -> Self:
        """The ring with one more payload key, which only opens. Raises `CaseError` CONFIGURATION_INVALID."""
        if key_id in self.payload_keys or not _KEY_ID.fullmatch(key_id):
            raise CaseError(Code.CONFIGURATION_INVALID, "key_file: payload_keys")
        return replace(self, payload_keys={**self.payload_keys, key_id: os.urandom(_KEY_BYTES)})

    def sealing_payloads_with(self, key_id: str) -> Self:
        """The ring with another of its payload keys as the one that seals. Raises `CaseError` CONFIGURATION_INVALID."""
        return replace(self, payload_current=key_id)

    def without_payload_key(self, key_id: str) -> Self:
        """The ring without a payload key. Raises `CaseError` CONFIGURATION_INVALID where it seals, or is not there."""
        if key_id not in self.payload_keys:
            raise CaseError(Code.CONFIGURATION_INVALID, "key_file: payload_keys")
        kept = {known: key for known, key in self.payload_keys.items() if known != key_id}
        return replace(self, payload_keys=kept)

    @classmethod
    def sample(cls) -> Self:
        """The published key ring for examples. It protects nothing; production refuses it."""
        return cls(_SAMPLE["token"], {"sample": _SAMPLE["seal"]}, "sample", {"sample": _SAMPLE["payload"]}, "sample")

    def derive(self, use: str) -> bytes:
        """A secret for another use; nothing of the token key can be found by it."""
        return hmac.digest(self.token_key, f"cardcase/derived\0{use}".encode(), "sha256")

    @property
    def is_sample(self) -> bool:
        """Whether any key of the ring is a published one."""
        return not set(self._keys()).isdisjoint(_SAMPLE.values())

    def _keys(self) -> tuple[bytes, ...]:
        return (self.token_key, *self.seal_keys.values(), *self.payload_keys.values())

    def _write(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(self._as_toml())

    def _as_toml(self) -> str:
        return (
            "# Key ring of cardcase: whoever has it can read names and numbers. Keep it apart from the database.\n"
            f'token_key = "{_to_base64(self.token_key)}"\n'
            f'current = "{self.current}"\n'
            f'payload_current = "{self.payload_current}"\n\n'
            f"[seal_keys]\n{_lines_of(self.seal_keys)}\n"
            f"[payload_keys]\n{_lines_of(self.payload_keys)}"
        )


def _lines_of(keys: Mapping[str, bytes]) -> str:
    return "".join(f'{key_id} = "{_to_base64(key)}"\n' for key_id, key in keys.items())


class Sealer:
    """Seals, opens and makes tokens with the keys of one ring, and those of persons where they have their own."""

    def __init__(self, ring: KeyRing, keys: PersonKeys | None = None) -> None:
        self._keys = keys
        self._token_key = ring.token_key
        self._ciphers = {key_id: AESGCM(key) for key_id, key in ring.seal_keys.items()}
        self._current = ring.current

    def seal(self, text: str, *, field: Field, person: str) -> str:
        """The sealed form of a text of one person (`person` is the person ref, or the code of one of the staff).

        Raises `CaseError` KEYS_UNAVAILABLE where the store of persons' keys cannot be used.
        """
        nonce = os.urandom(_NONCE_BYTES)
        key_id, cipher = self._sealing(person)
        ciphertext = cipher.encrypt(nonce, text.encode(), _bound_to(field, person, key_id))
        return f"{key_id}.{base64.urlsafe_b64encode(nonce + ciphertext).decode().rstrip('=')}"

    def make_keys(self, persons: Iterable[str]) -> None:
        """Make keys for many persons beforehand, which costs less than one by one. Raises as `seal`."""
        if self._keys is not None:
            self._keys.make(filter(is_person, persons))

    def open(self, sealed: str, *, field: Field, person: str) -> str:
        """The text of a sealed form.

        Raises `CaseError`: KEY_UNKNOWN where its key is not in the ring or the store, PERSON_ERASED where it was
        destroyed, SEAL_BROKEN where it was changed, cut, or sealed as another field or for another person,
        KEYS_UNAVAILABLE as `seal`.
        """
        key_id, _, encoded = sealed.partition(".")
        cipher = self._ciphers.get(key_id) or self._opening(key_id, person, field)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            text = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(field, person, key_id)).decode()
        except (InvalidTag, ValueError):
            text = None
        if text is None:
            raise CaseError(Code.SEAL_BROKEN, field.value)
        return text

    def _sealing(self, person: str) -> tuple[str, AESGCM]:
        if self._keys is None or not is_person(person):
            return self._current, self._ciphers[self._current]
        return self._keys.sealing(person)

    def _opening(self, key_id: str, person: str, field: Field) -> AESGCM:
        if self._keys is None or not KEY_ID.fullmatch(key_id):
            raise CaseError(Code.KEY_UNKNOWN, field.value)
        cipher = self._keys.opening(person, key_id)
        if cipher is None:
            gone = any(each.part == key_id for each in self._keys.erased())
            raise CaseError(Code.PERSON_ERASED if gone else Code.KEY_UNKNOWN, field.value)
        return cipher

    def person_token(self, personal_number: str) -> str:
        """The person ref of a personal number (个人编号). Raises `CaseError` PERSONAL_NUMBER_INVALID."""
        return names.person_token(self._token_key, personal_number)

    def number_token(self, number: str) -> str:
        """Token of a resident ID number or a card number, for look-up and uniqueness."""
        return names.number_token(self._token_key, number)

    def delivery_key(self, identity: str) -> str:
        """The key of a delivery, by which its provider knows it: it tells nothing of it, nor of any other's key."""
        return names.delivery_key(self._token_key, identity)

    def content_token(self, content: str) -> str:
        """Token of an application's whole content."""
        return names.content_token(self._token_key, content)


def _bound_to(field: Field, person: str, key_id: str) -> bytes:
    return f"{_SCHEMA}\0{field.value}\0{person}\0{key_id}".encode()


def _to_base64(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None
