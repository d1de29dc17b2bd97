"""Heads in a bucket of objects that are locked for years (S3, or whatever speaks its protocol).

Each publication is an object of its own, named by its number. It is put only where there is none of that name, and
locked in compliance mode: until the lock ends nobody can change or delete it, whoever put it and the account's
administrator included. Requests are signed with AWS Signature Version 4.

What is locked is a version of an object. Whoever may put or delete objects puts another version over it, or a mark that
it is deleted, and a reader who names no version is shown that. So versions are listed: one that is not the only one of
its object is somebody's work.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import quote, unquote, urlsplit
from xml.parsers import expat

import aiohttp

from activities.bodies import body_of
from activities.heads.publication import Publication, read_publication
from activities.setting import secret_in
from cases.errors import CaseError, Code

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of an object; a publication has some two."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_OK, _NOT_FOUND, _CONFLICT, _EXISTS = 200, 404, 409, 412
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_OBJECT: Final = re.compile(r"[0-9]{10}\.json")
_VERSION, _MARK = "Version", "DeleteMarker"
_NEXT_KEY, _NEXT_VERSION = "NextKeyMarker", "NextVersionIdMarker"


@dataclass(frozen=True)
class Signer:
    """The credential of whoever puts objects, and the region that it is for."""

    key_id: str
    secret: str = field(repr=False)
    region: str

    @classmethod
    def load(cls, file: Path, region: str) -> Self:
        """A credential of a file: its ID, a colon, its secret. Raises `CaseError` CONFIGURATION_INVALID."""
        key_id, colon, secret = secret_in(file).partition(":")
        if not (key_id and colon and secret):
            raise CaseError(Code.CONFIGURATION_INVALID, "heads_key_file: not ID:SECRET")
        return cls(key_id, secret, region)

    def headers(
        self, method: str, url: str, headers: Mapping[str, str], body_sha256: str, at: datetime
    ) -> dict[str, str]:
        """All headers of a request, its signature among them."""
        parts = urlsplit(url)
        moment = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {
            **{name.lower(): value for name, value in headers.items()},
            "host": parts.netloc,
            "x-amz-content-sha256": body_sha256,
            "x-amz-date": moment,
        }
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
        asked = "\n".join((method, parts.path or "/", parts.query, lines, names, body_sha256))
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(asked.encode()).hexdigest()))
        key = b"AWS4" + self.secret.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**signed, "authorization": credential}


class LockedBucket:
    """A bucket, or a part of one: `url` is where its objects are, `kept` for how long each is locked.

    Of a path the first part is the bucket, unless there is none and the host is.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, signer: Signer, kept: timedelta) -> None:
        self._session = session
        self._url = url.rstrip("/")
        parts = urlsplit(self._url)
        bucket, _, prefix = parts.path.lstrip("/").partition("/")
        self._bucket = f"{parts.scheme}://{parts.netloc}/{bucket}"
        self._prefix = f"{unquote(prefix)}/" if prefix else ""
        self._signer = signer
        self._kept = kept

    async def last(self) -> Publication | None:
        """See `activities.heads.places.Place`."""
        number = await self._newest()
        # Some servers begin with the key that is named, others behind it.
        listed = await self._versions(number - 1)
        there = [each for each in listed.those if each.number >= max(number, 1)]
        if [each.number for each in there] != [number] * bool(number):
            raise CaseError(Code.HEADS_BROKEN, "versions")
        return read_publication(await self._get(there[0])) if there else None

    async def append(self, publication: Publication) -> None:
        """See `activities.heads.places.Place`."""
        body, now = publication.line.encode(), datetime.now(UTC)
        digest = hashlib.sha256(body)
        headers = {
            "content-type": "application/json",
            "if-none-match": "*",
            "x-amz-checksum-sha256": base64.b64encode(digest.digest()).decode(),
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": (now + self._kept).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        url = self._object(publication.number)
        signed = self._signer.headers("PUT", url, headers, digest.hexdigest(), now)
        status, _ = await self._ask("PUT", url, signed, body)
        if status in {_CONFLICT, _EXISTS}:
            raise CaseError(Code.HEADS_OVERTAKEN)
        if status != _OK:
            raise CaseError(Code.HEADS_UNREACHABLE)

    async def lines(self) -> AsyncIterator[str]:
        """See `activities.heads.places.Place`."""
        number, some = 0, _Versions((), after=("", ""))
        while some.after is not None:
            some = await self._versions(*some.after)
            for each in some.those:
                number += 1
                if each.number != number:
                    raise CaseError(Code.HEADS_BROKEN, "versions")
                yield await self._get(each)

    async def _newest(self) -> int:
        """The highest number there is: they have no gap."""
        there, beyond = 0, 1
        while await self._has(beyond):
            there, beyond = beyond, beyond * 2
        while beyond - there > 1:
            middle = (there + beyond) // 2
            if await self._has(middle):
                there = middle
            else:
                beyond = middle
        return there

    async def _has(self, number: int) -> bool:
        status, _ = await self._signed("HEAD", self._object(number))
        if status not in {_OK, _NOT_FOUND}:
            raise CaseError(Code.HEADS_UNREACHABLE)
        return status == _OK

    async def _get(self, which: "_Object") -> str:
        status, body = await self._signed(
            "GET", f"{self._object(which.number)}?versionId={quote(which.version, safe='')}"
        )
        if status != _OK:
            raise CaseError(Code.HEADS_UNREACHABLE)
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise CaseError(Code.HEADS_BROKEN, "published") from None

    async def _versions(self, after: int | str, version: str = "") -> "_Versions":
        """Some versions of objects, in their order, from after a number or a name on.

        Raises `CaseError` HEADS_BROKEN where one is marked as deleted: nobody deletes what is locked.
        """
        key = after if isinstance(after, str) else f"{self._prefix}{after:010}.json" if after > 0 else ""
        asked = {"key-marker": key, "prefix": self._prefix, "version-id-marker": version, "versions": ""}
        # In the order of their names, as they are signed.
        query = "&".join(
            f"{name}={quote(value, safe='')}" for name, value in asked.items() if value or name == "versions"
        )
        status, body = await self._signed("GET", f"{self._bucket}?{query}")
        if status != _OK:
            raise CaseError(Code.HEADS_UNREACHABLE)
        listed = _Listed(self._prefix)
        listed.read(body)
        if listed.marks:
            raise CaseError(Code.HEADS_BROKEN, "versions")
        return _Versions(tuple(listed.those), listed.after)

    async def _signed(self, method: str, url: str) -> tuple[int, bytes]:
        return await self._ask(method, url, self._signer.headers(method, url, {}, _NOTHING, datetime.now(UTC)), None)

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        try:
            asking = self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False, timeout=_TIMEOUT
            )
            async with asking as answer:
                read = await body_of(answer, LARGEST)
                if read is None:
                    raise CaseError(Code.HEADS_UNREACHABLE)
                return answer.status, read
        except (aiohttp.ClientError, TimeoutError):
            raise CaseError(Code.HEADS_UNREACHABLE) from None

    def _object(self, number: int) -> str:
        return f"{self._url}/{number:010}.json"


class _Object(NamedTuple):
    """A version of a publication's object."""

    number: int
    version: str


class _Versions(NamedTuple):
    """A page of a list of versions, and after which key and version the next one begins; None where it is the last."""

    those: tuple[_Object, ...]
    after: tuple[str, str] | None


class _Listed:
    """Reads a page of versions as the protocol writes it: XML without a document type."""

    def __init__(self, prefix: str) -> None:
        self.those: list[_Object] = []
        self.marks = 0
        self._prefix = prefix
        self._said: dict[str, str] = {}
        self._text: list[str] = []

    @property
    def after(self) -> tuple[str, str] | None:
        """Where the next page begins."""
        if self._said.get("IsTruncated") != "true":
            return None
        return self._said.get(_NEXT_KEY, ""), self._said.get(_NEXT_VERSION, "")

    def read(self, page: bytes) -> None:
        """Read it. Raises `CaseError` HEADS_UNREACHABLE for what is none."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._begin
        parser.CharacterDataHandler = self._text.append
        parser.EndElementHandler = self._end
        try:
            parser.Parse(page, True)  # noqa: FBT003 - expat takes it by position
        except (expat.ExpatError, ValueError):
            raise CaseError(Code.HEADS_UNREACHABLE) from None

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type")

    def _begin(self, name: str, _attributes: object) -> None:
        self._text.clear()
        if name.rpartition(" ")[2] in {_VERSION, _MARK}:
            self._said.pop("Key", None)
            self._said.pop("VersionId", None)

    def _end(self, name: str) -> None:
        name = name.rpartition(" ")[2]
        if name in {_VERSION, _MARK}:
            key = self._said.get("Key", "").removeprefix(self._prefix)
            if _OBJECT.fullmatch(key):
                self.marks += name == _MARK
                self.those.append(_Object(int(key[:10]), self._said.get("VersionId", "null")))
        else:
            self._said[name] = "".join(self._text)
        self._text.clear()
