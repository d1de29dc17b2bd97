"""Documents: where they lie, how they come in, and how browsers get them, from an address of their own.

What is handed in is nobody's word: which media type it is its first bytes say, its digest is computed, and it is shown
only where the digest is still the one that the case names.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlencode

from aiohttp import web
from temporalio.api.common.v1 import Payload

from cases.documents import MAX_DOCUMENT_BYTES, Document, DocumentKind
from cases.errors import CaseError, Code
from runtime.codec import PayloadSealer

LINK_SECONDS: Final = 300
"""How long a link to a document is good: long enough to look at the page that shows it."""
SHOWN: Final = frozenset({"image/jpeg", "image/png"})
"""What a page shows; everything else is saved by the browser and opened by its own program."""

_BEGINNINGS: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    # A package of OFD (GB/T 33190) is a ZIP file.
    (b"PK\x03\x04", "application/ofd"),
)
_STORE: Final = "doc://desk/"
_PATH: Final = "/documents"
_OF_DOCUMENTS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class DocumentStore(Protocol):
    """Where an agency's documents lie, by their addresses (`Document.uri`)."""

    async def put(self, content: bytes) -> str:
        """Keep a document; answers its address. Raises `CaseError` DOCUMENT_UNAVAILABLE."""
        ...

    async def get(self, uri: str) -> bytes:
        """A document. Raises `CaseError` DOCUMENT_UNAVAILABLE."""
        ...


class DirectoryStore:
    """Documents in a folder, each sealed, named after a keyed digest: of a laptop, and of the demonstration."""

    def __init__(self, folder: Path, payloads: PayloadSealer, key: bytes) -> None:
        self._folder = folder
        self._payloads = payloads
        self._key = key

    async def put(self, content: bytes) -> str:
        """See `DocumentStore`. The same document has the same address."""
        name = base64.b32encode(hmac.digest(self._key, content, "sha256")).decode().lower().rstrip("=")
        try:
            await asyncio.to_thread(self._write, name, content)
        except OSError:
            raise CaseError(Code.DOCUMENT_UNAVAILABLE) from None
        return _STORE + name

    def _write(self, name: str, content: bytes) -> None:
        plain = Payload(metadata={"encoding": b"binary/plain"}, data=content)
        sealed = self._payloads.seal(plain, namespace=_STORE, bound=name).SerializeToString()
        beside = self._folder / f"{name}.new"
        beside.touch(mode=0o600)
        beside.write_bytes(sealed)
        beside.replace(self._folder / name)

    async def get(self, uri: str) -> bytes:
        """See `DocumentStore`."""
        name = uri.removeprefix(_STORE)
        if not uri.startswith(_STORE) or not name.isalnum():
            raise CaseError(Code.DOCUMENT_UNAVAILABLE)
        try:
            return await asyncio.to_thread(self._read, name)
        except OSError:
            raise CaseError(Code.DOCUMENT_UNAVAILABLE) from None

    def _read(self, name: str) -> bytes:
        sealed = Payload.FromString((self._folder / name).read_bytes())
        return self._payloads.open(sealed, namespace=_STORE).data


def media_type_of(content: bytes) -> str:
    """What a document is, by its first bytes. Raises `CaseError` DOCUMENT_TYPE_REFUSED."""
    for beginning, media_type in _BEGINNINGS:
        if content.startswith(beginning):
            return media_type
    raise CaseError(Code.DOCUMENT_TYPE_REFUSED, "documents")


async def taken_in(store: DocumentStore, kind: DocumentKind, content: bytes) -> Document:
    """A document that was handed in, kept, as a case is told of it.

    Raises `CaseError`: DOCUMENT_TYPE_REFUSED, DOCUMENT_TOO_LARGE, and as `DocumentStore.put`.
    """
    media_type = media_type_of(content)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise CaseError(Code.DOCUMENT_TOO_LARGE, "documents")
    uri, digest = await store.put(content), await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
    return Document(kind=kind, uri=uri, media_type=media_type, size=len(content), sha256=digest)


@dataclass(frozen=True)
class DocumentServer:
    """Serves documents to whoever has a link of ours that is still good. No cookie counts here, and nothing runs."""

    store: DocumentStore | None
    public_url: str
    key: bytes
    clock: Callable[[], float] = time.time

    def can_show(self, document: Document) -> bool:
        """Whether there is a store that may have it."""
        return self.store is not None and document.uri.startswith(_STORE)

    def link_to(self, document: Document) -> str:
        """A link to a document, good for a while, for whoever was shown its case."""
        until = str(int(self.clock()) + LINK_SECONDS)
        said = {"uri": document.uri, "sha256": document.sha256, "type": document.media_type, "until": until}
        return f"{self.public_url}{_PATH}?{urlencode({**said, 'mac': self._mac(said)})}"

    def application(self) -> web.Application:
        """The route."""
        application = web.Application()
        application.add_routes([web.get(_PATH, self.document)])
        return application

    async def document(self, request: web.Request) -> web.Response:
        """A document, where its digest is still what the case says."""
        said = {name: request.query.get(name, "") for name in ("uri", "sha256", "type", "until")}
        if not hmac.compare_digest(self._mac(said).encode(), request.query.get("mac", "").encode()):
            return _without(Code.DOCUMENT_UNAVAILABLE)
        if self.clock() > int(said["until"]):
            return _without(Code.DOCUMENT_UNAVAILABLE)
        try:
            if self.store is None:
                raise CaseError(Code.DOCUMENT_UNAVAILABLE)
            content = await self.store.get(said["uri"])
            if await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest()) != said["sha256"]:
                raise CaseError(Code.DOCUMENT_DIGEST_MISMATCH)
        except CaseError as refused:
            return _without(refused.code)
        shown = "inline" if said["type"] in SHOWN else f'attachment; filename="document-{said["sha256"][:12]}"'
        return web.Response(
            body=content, content_type=said["type"], headers={**_OF_DOCUMENTS, "Content-Disposition": shown}
        )

    def _mac(self, said: dict[str, str]) -> str:
        return hmac.digest(self.key, "\0".join(said.values()).encode(), "sha256").hex()


def _without(code: Code) -> web.Response:
    return web.json_response({"code": code.value}, status=404, headers=_OF_DOCUMENTS)
