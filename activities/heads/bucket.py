"""Heads in a bucket of objects that are locked for years (S3, or whatever speaks its protocol).

Each publication is an object of its own, named by its number. It is put only where there is none of that name, and
locked in compliance mode: until the lock ends nobody can change or delete it, whoever put it and the account's
administrator included. Requests are signed with AWS Signature Version 4.
"""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

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
    """A bucket, or a part of one: `url` is where its objects are, `kept` for how long each is locked."""

    def __init__(self, session: aiohttp.ClientSession, url: str, signer: Signer, kept: timedelta) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._signer = signer
        self._kept = kept

    async def last(self) -> Publication | None:
        """See `activities.heads.places.Place`."""
        number = await self._newest()
        return None if not number else read_publication(await self._get(number))

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
        for number in range(1, await self._newest() + 1):
            yield await self._get(number)

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
        status, _ = await self._signed("HEAD", number)
        if status not in {_OK, _NOT_FOUND}:
            raise CaseError(Code.HEADS_UNREACHABLE)
        return status == _OK

    async def _get(self, number: int) -> str:
        status, body = await self._signed("GET", number)
        if status != _OK:
            raise CaseError(Code.HEADS_UNREACHABLE)
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise CaseError(Code.HEADS_BROKEN, "published") from None

    async def _signed(self, method: str, number: int) -> tuple[int, bytes]:
        url = self._object(number)
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
