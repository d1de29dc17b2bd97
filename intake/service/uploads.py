"""Files as they are handed in: received as a stream, kept in memory while they are read, and on no disk."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import Request

from cases.errors import CaseError, Code
from intake.files.memory import memory_file, path_of
from intake.files.tables import Format
from intake.service.problems import TooOften

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a file; a hundred thousand rows of JSON Lines need no more."""
SECONDS: Final = 300.0
"""Within which a file has to arrive."""
AT_ONCE: Final = 4
"""Files that are taken in at the same time, one of each client."""
_BUSY_SECONDS: Final = 10

MEDIA_TYPES: Final = {
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": Format.workbook,
    "application/vnd.ms-excel": Format.workbook,
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": Format.workbook,
    "application/vnd.oasis.opendocument.spreadsheet": Format.workbook,
    "text/csv": Format.separated,
    "application/jsonl": Format.json_lines,
    "application/x-ndjson": Format.json_lines,
}
"""What a file is sent as, in lower case."""
FILE_SCHEMA: Final = {"type": "string", "format": "binary"}


class Upload(NamedTuple):
    """A file that has arrived."""

    path: Path
    written_as: Format
    sha256: str


def format_sent(request: Request) -> Format:
    """The format of the body of a request. Raises `CaseError` MEDIA_TYPE_UNKNOWN."""
    sent = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if sent not in MEDIA_TYPES:
        raise CaseError(Code.MEDIA_TYPE_UNKNOWN)
    return MEDIA_TYPES[sent]


class Uploads:
    """Takes files in, so many at a time."""

    def __init__(self) -> None:
        self._clients: set[str] = set()

    @asynccontextmanager
    async def received(self, request: Request, client: str) -> AsyncIterator[Upload]:
        """The file in the body of a request, for the length of a block.

        Raises `CaseError` MEDIA_TYPE_UNKNOWN, REQUEST_TOO_LARGE, UPLOAD_TOO_SLOW; `TooOften` where another file of the
        client, or as many as there is room for, are being taken in.
        """
        written_as = format_sent(request)
        if int(request.headers.get("Content-Length", "0")) > LARGEST:
            raise CaseError(Code.REQUEST_TOO_LARGE)
        if client in self._clients or len(self._clients) >= AT_ONCE:
            raise TooOften(Code.REQUESTED_TOO_OFTEN, _BUSY_SECONDS)
        self._clients.add(client)
        try:
            with memory_file() as file:
                digest, size = hashlib.sha256(), 0
                async with asyncio.timeout(SECONDS):
                    async for part in request.stream():
                        size += len(part)
                        if size > LARGEST:
                            raise CaseError(Code.REQUEST_TOO_LARGE)
                        digest.update(part)
                        file.write(part)
                file.flush()
                yield Upload(path_of(file), written_as, digest.hexdigest())
        except TimeoutError:
            raise CaseError(Code.UPLOAD_TOO_SLOW) from None
        finally:
            self._clients.discard(client)
