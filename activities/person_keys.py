"""A key for each person, in a store of its own: to erase a person is to destroy their key.

What is sealed under it cannot be opened any more wherever it rests, in the register's backups and in Temporal as well.
So the store lies outside the register and its dumps, its own backups live for days only, and it keeps the list of what
was destroyed: whoever puts back an older register or an older store destroys it again before anything works.
"""

import base64
import fcntl
import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from activities.durable import sync
from cases.errors import CaseError, Code

KEY_ID: Final = re.compile(r"p-[a-z2-7]{14}")
"""What names a person's key, in front of what it seals."""

NO_KEY: Final = "-"
"""In the place of a key's ID, of a person of whom nothing was sealed under one of their own."""

_PERSON: Final = re.compile(r"[a-z2-7]{26}")
_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ID_DIGITS: Final = 14
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_SCHEMA: Final = "cardcase/person-key/1"
_LIST: Final = "erased"
_LOCK: Final = "lock"
_MOST: Final = 10_000
"""Persons whose keys a process keeps at hand; those that were used least recently are read again."""
_SECONDS: Final = 60.0
"""For how long a key is at hand without a look whether it is still there."""


class What(StrEnum):
    """What a line of the list says is erased."""

    person = "person"
    case = "case"


class Erased(NamedTuple):
    """One line of the list of what was erased."""

    what: What
    ref: str
    """Person ref or case ID."""
    part: str
    """Of a person the key that was destroyed, NO_KEY where they had none; of a case its newest generation then."""
    at: datetime
    erasure: str
    """The erasure that it belongs to, as the register and the certificate call it."""


class PersonKeys(Protocol):
    """Where the keys of persons are kept. Each raises `CaseError` KEYS_UNAVAILABLE where the store cannot be used."""

    def sealing(self, person: str) -> tuple[str, AESGCM]:
        """The key that seals what is new of a person, made where they have none; and its ID."""

    def opening(self, person: str, key_id: str) -> AESGCM | None:
        """A key of a person that opens; None where there is none, or none any more."""

    def make(self, persons: Iterable[str]) -> None:
        """Make keys for those who have none: many at once cost less."""

    def key_ids(self, person: str) -> tuple[str, ...]:
        """The IDs of a person's keys, the one that seals last."""

    def list_erased(self, erased: Iterable[Erased]) -> None:
        """Write down what is erased, each once and for good: before it is erased, so that nobody has to remember."""

    def erased(self) -> Iterator[Erased]:
        """What was erased, oldest first."""

    def destroy(self, person: str, key_ids: Iterable[str]) -> None:
        """Destroy keys of a person, which are listed as erased."""


def is_person(ref: str) -> bool:
    """Whether something is a person ref, and no code of somebody of the staff."""
    return _PERSON.fullmatch(ref) is not None


class DirectoryKeys:
    """A store in a folder: a file for each person, and the list of what was destroyed.

    A file holds a line for each key, sealed under a key of the ring and bound to its person; the last one seals.
    Whoever writes it puts another file in its place, so that a reader sees one or the other. Several processes and
    machines may share the folder where their file system has locks and atomic renames.
    """

    def __init__(self, folder: Path, ring: Mapping[str, bytes], current: str) -> None:
        self._folder = folder
        self._ring = {key_id: AESGCM(key) for key_id, key in ring.items()}
        self._current = current
        self._at_hand: OrderedDict[str, tuple[float, dict[str, AESGCM]]] = OrderedDict()
        self._hand = Lock()
        self._now: Callable[[], float] = time.monotonic

    @classmethod
    def fault_of(cls, folder: Path) -> str | None:
        """What keeps a folder from being used as a store, without anything it holds; None where nothing does."""
        try:
            open_to_others = folder.stat().st_mode & 0o077
            is_store = (folder / _LIST).is_file() and (folder / _LOCK).is_file()
        except OSError:
            return "names no readable folder"
        if not is_store:
            return "holds no store of persons' keys"
        return "is open to others; run chmod 700" if open_to_others else None

    @classmethod
    def begin(cls, folder: Path) -> None:
        """Make an empty store. Raises `FileExistsError` rather than use a folder that holds something."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError
        folder.chmod(0o700)
        for name in (_LIST, _LOCK):
            os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        sync(folder)

    def sealing(self, person: str) -> tuple[str, AESGCM]:
        """See `PersonKeys`. Looked up each time: what a destroyed key sealed nobody could open."""
        with _available():
            keys = self._read(person)
            if not keys:
                beside = self._write_beside(person)
                sync(beside)
                self._take_its_place(person, beside)
                sync(beside.parent)
                keys = self._read(person)
        return next(reversed(keys.items()))

    def opening(self, person: str, key_id: str) -> AESGCM | None:
        """See `PersonKeys`. A key that was destroyed elsewhere is at hand for a minute at most."""
        with self._hand:
            kept = self._at_hand.get(person)
            if kept is not None and key_id in kept[1] and self._now() - kept[0] < _SECONDS:
                self._at_hand.move_to_end(person)
                return kept[1][key_id]
        with _available():
            return self._read(person).get(key_id)

    def make(self, persons: Iterable[str]) -> None:
        """See `PersonKeys`. One by one each would wait for the disk twice."""
        with _available():
            lacking = [person for person in dict.fromkeys(persons) if not self._file_of(person).exists()]
            if not lacking:
                return
            written = [(person, self._write_beside(person)) for person in lacking]
            os.sync()
            for person, beside in written:
                self._take_its_place(person, beside)
            os.sync()

    def key_ids(self, person: str) -> tuple[str, ...]:
        """See `PersonKeys`."""
        with _available():
            return tuple(line.partition(" ")[0] for line in self._lines(person))

    def list_erased(self, erased: Iterable[Erased]) -> None:
        """See `PersonKeys`."""
        with _available(), self._alone():
            listed = {(each.what, each.ref, each.part) for each in self.erased()}
            new = [each for each in erased if (each.what, each.ref, each.part) not in listed]
            if not new:
                return
            with (self._folder / _LIST).open("a+b") as file:
                # What a crash left half written is no line, and none of this one.
                file.write(b"" if _ends_whole(file) else b"\n")
                for what, ref, part, at, erasure in new:
                    file.write(f"{what} {ref} {part} {at.astimezone(UTC).isoformat()} {erasure}\n".encode())
                file.flush()
                os.fsync(file.fileno())

    def erased(self) -> Iterator[Erased]:
        """See `PersonKeys`. A line that a crash left half written is none."""
        with _available():
            text = (self._folder / _LIST).read_text(encoding="ascii")
        for line in text.splitlines(keepends=True):
            parts = line.split()
            if line.endswith("\n") and len(parts) == len(Erased._fields):
                what, ref, part, at, erasure = parts
                yield Erased(What(what), ref, part, datetime.fromisoformat(at), erasure)

    def destroy(self, person: str, key_ids: Iterable[str]) -> None:
        """See `PersonKeys`."""
        gone = set(key_ids)
        with _available(), self._alone():
            lines = self._lines(person)
            kept = [line for line in lines if line.partition(" ")[0] not in gone]
            if len(kept) < len(lines):
                self._write(person, kept)
        with self._hand:
            self._at_hand.pop(person, None)

    # --- files ------------------------------------------------------------------------------------------------------

    def _file_of(self, person: str) -> Path:
        return self._folder / person[:2] / person

    def _lines(self, person: str) -> list[str]:
        try:
            return self._file_of(person).read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            if not (self._folder / _LIST).is_file():
                # No person without a key, but no store: a key made elsewhere would be another one.
                raise
            return []

    def _read(self, person: str) -> dict[str, AESGCM]:
        """The keys of a person by ID, the one that seals last; they are at hand from now on."""
        keys = dict(self._opened(person, line) for line in self._lines(person))
        with self._hand:
            self._at_hand[person] = (self._now(), keys)
            self._at_hand.move_to_end(person)
            if len(self._at_hand) > _MOST:
                self._at_hand.popitem(last=False)
        return keys

    def _opened(self, person: str, line: str) -> tuple[str, AESGCM]:
        try:
            key_id, of_ring, encoded = line.split(" ")
            cipher = self._ring.get(of_ring)
            raw = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise CaseError(Code.SEAL_BROKEN, "person_keys") from None
        if cipher is None:
            raise CaseError(Code.KEY_UNKNOWN, "person_keys")
        try:
            key = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(person, key_id, of_ring))
        except InvalidTag:
            raise CaseError(Code.SEAL_BROKEN, "person_keys") from None
        return key_id, AESGCM(key)

    def _sealed_line(self, person: str, key_id: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        bound = _bound_to(person, key_id, self._current)
        sealed = nonce + self._ring[self._current].encrypt(nonce, os.urandom(_KEY_BYTES), bound)
        return f"{key_id} {self._current} {base64.b64encode(sealed).decode()}"

    def _write_beside(self, person: str) -> Path:
        """Write a first key of a person beside where it belongs."""
        folder = self._file_of(person).parent
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            sync(self._folder)
        return self._written(person, [self._sealed_line(person, _new_id())])

    def _take_its_place(self, person: str, beside: Path) -> None:
        """Make a first key the person's, unless another process was faster: then theirs is."""
        try:
            self._file_of(person).hardlink_to(beside)
        except FileExistsError:
            pass
        finally:
            beside.unlink()

    def _written(self, person: str, lines: list[str]) -> Path:
        beside = self._file_of(person).with_name(f".{person}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)
        return beside

    def _write(self, person: str, lines: list[str]) -> None:
        """Put these lines in the place of those there are, and write over what stood there.

        A file system that copies what it writes may keep the old blocks for a while.
        """
        file = self._file_of(person)
        with file.open("r+b") as old:
            if lines:
                beside = self._written(person, lines)
                sync(beside)
                beside.replace(file)
            else:
                file.unlink()
            sync(file.parent)
            # Under no name any more: nobody who reads meets it half written over.
            old.write(b"\0" * os.fstat(old.fileno()).st_size)
            old.flush()
            os.fsync(old.fileno())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While nobody else renews or destroys."""
        with (self._folder / _LOCK).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except OSError:
        # Its text quotes the path, which ends in a person ref.
        raise CaseError(Code.KEYS_UNAVAILABLE) from None


def _ends_whole(file: BinaryIO) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _bound_to(person: str, key_id: str, of_ring: str) -> bytes:
    return f"{_SCHEMA}\0{person}\0{key_id}\0{of_ring}".encode()


def _new_id() -> str:
    return "p-" + "".join(secrets.choice(_DIGITS) for _ in range(_ID_DIGITS))
