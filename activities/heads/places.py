"""Where heads are published: a place to which one can add, and at which nothing that stands there can be changed."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final, Protocol

from activities.durable import sync
from activities.heads.publication import Publication, read_publication
from cases.errors import CaseError, Code


class Place(Protocol):
    """Where publications stand one after the other.

    Every method raises `CaseError` HEADS_UNREACHABLE where the place does not answer, or refuses.
    """

    async def last(self) -> Publication | None:
        """The newest publication, None where there is none. Raises `CaseError` HEADS_BROKEN."""
        ...

    async def append(self, publication: Publication) -> None:
        """Add one, durably. Raises `CaseError` HEADS_OVERTAKEN where there is one of its number already."""
        ...

    def lines(self) -> AsyncIterator[str]:
        """All of them, oldest first, as they stand there."""
        ...


_BLOCK: Final = 64 * 1024
_GET_FLAGS: Final = 0x80086601
"""FS_IOC_GETFLAGS of Linux."""
_APPEND_ONLY: Final = 0x20
"""FS_APPEND_FL, which `chattr +a` sets."""


class AppendedFile:
    """A file on a volume that only the program that publishes has; `chattr +a` keeps its lines from that one too."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def last(self) -> Publication | None:
        """See `Place`."""
        line = await asyncio.to_thread(self._last_line)
        return None if line is None else read_publication(line)

    async def append(self, publication: Publication) -> None:
        """See `Place`."""
        await asyncio.to_thread(self._append, publication)

    async def lines(self) -> AsyncIterator[str]:
        """See `Place`."""
        try:
            with self._path.open(encoding="utf-8", newline="\n") as file:
                while batch := await asyncio.to_thread(file.readlines, _BLOCK):
                    for line in batch:
                        yield line.removesuffix("\n")
        except (OSError, UnicodeDecodeError):
            raise CaseError(Code.HEADS_UNREACHABLE) from None

    def is_append_only(self) -> bool:
        """Whether the file system lets nobody change what stands in the file (Linux: `chattr +a`)."""
        flags = bytearray(8)
        try:
            with self._path.open("rb") as file:
                fcntl.ioctl(file, _GET_FLAGS, flags)
        except OSError:
            return False
        return bool(int.from_bytes(flags[:4], "little") & _APPEND_ONLY)

    def _last_line(self) -> str | None:
        try:
            with self._path.open("rb") as file:
                return _last_line_of(file)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise CaseError(Code.HEADS_UNREACHABLE) from None

    def _append(self, publication: Publication) -> None:
        try:
            is_new = not self._path.exists()
            with self._path.open("ab+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                last = _last_line_of(file)
                number = 0 if last is None else read_publication(last).number
                if publication.number != number + 1:
                    raise CaseError(Code.HEADS_OVERTAKEN)
                file.write(_after_what_broke_off(file) + publication.line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                # That a new file is there is durable when its folder is.
                sync(self._path.parent)
        except (OSError, UnicodeDecodeError):
            raise CaseError(Code.HEADS_UNREACHABLE) from None


def _after_what_broke_off(file: IO[bytes]) -> bytes:
    """A line feed where a writer died within a line: that line stays, and is passed over."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


def _last_line_of(file: IO[bytes]) -> str | None:
    """The last line that is whole; read from the end, for the file grows for years."""
    end = file.seek(0, os.SEEK_END)
    tail = b""
    while end > 0:
        begins = max(0, end - _BLOCK)
        file.seek(begins)
        tail, end = file.read(end - begins) + tail, begins
        whole = tail.splitlines(keepends=True)
        for line in reversed(whole if end == 0 else whole[1:]):
            if line.endswith(b"}\n"):
                return line.decode().removesuffix("\n")
    return None
