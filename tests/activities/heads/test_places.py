"""Places where heads are published: one adds, and changes nothing."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from activities.heads.bucket import LockedBucket, Signer
from activities.heads.places import AppendedFile, Place
from activities.heads.publication import Publication
from cases.errors import CaseError, Code
from tests.activities.heads.test_publication import head, log_of

SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")  # gitleaks:allow
LOCKED = "x-amz-object-lock-retain-until-date"


def publications(count: int) -> list[Publication]:
    return [Publication.model_validate_json(line) for line in log_of(*[{"heads": (head(1),)}] * count)]


class Bucket:
    """What a bucket with object lock does of its own accord; it knows no signature, but wants one."""

    def __init__(self) -> None:
        self.versions: dict[str, list[bytes | None]] = {}
        """Of each object, oldest first; None is a mark that it is deleted."""
        self.headers: dict[str, dict[str, str]] = {}
        self.status: int | None = None
        """What it answers instead."""
        self.page = 1000

    async def answer(self, request: web.Request) -> web.Response:
        if self.status is not None:
            return web.Response(status=self.status)
        signed = "authorization" in request.headers and "x-amz-date" in request.headers
        body = await request.read()
        if not signed or request.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            return web.Response(status=403)
        if "versions" in request.query:
            return web.Response(text=self.listed(request.query), content_type="application/xml")
        versions = self.versions.setdefault(request.path, [])
        newest = versions[-1] if versions else None
        if request.method == "PUT":
            if request.headers.get("if-none-match") == "*" and newest is not None:
                return web.Response(status=412)
            versions.append(body)
            self.headers[request.path] = {name.lower(): value for name, value in request.headers.items()}
            return web.Response()
        found = versions[int(request.query["versionId"])] if "versionId" in request.query else newest
        return web.Response(status=404) if found is None else web.Response(body=found)

    def listed(self, asked: Mapping[str, str]) -> str:
        """Versions as the protocol lists them: by key, of each the newest first."""
        every = [
            (path.removeprefix("/bucket/"), str(number), content is None)
            for path in sorted(self.versions)
            for number, content in reversed(list(enumerate(self.versions[path])))
        ]
        key, version = asked.get("key-marker", ""), asked.get("version-id-marker", "")
        left = [each for each in every if each[0] > key or (each[0] == key and version and int(each[1]) < int(version))]
        shown, more = left[: self.page], len(left) > self.page
        rows = "".join(
            f"<{name}><Key>{key}</Key><VersionId>{version}</VersionId></{name}>"
            for key, version, is_mark in shown
            for name in ["DeleteMarker" if is_mark else "Version"]
        )
        if more:
            rows += f"<NextKeyMarker>{shown[-1][0]}</NextKeyMarker>"
            rows += f"<NextVersionIdMarker>{shown[-1][1]}</NextVersionIdMarker>"
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        of_s3 = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        return f"<ListVersionsResult {of_s3}>{truncated}{rows}</ListVersionsResult>"


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest_asyncio.fixture
async def locked(bucket: Bucket) -> AsyncIterator[LockedBucket]:
    application = web.Application()
    application.router.add_route("*", "/{any:.*}", bucket.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/bucket/heads/"
        yield LockedBucket(session, url, SIGNER, timedelta(days=400))
    await runner.cleanup()


@pytest.fixture(params=["file", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, locked: LockedBucket) -> Place:
    """Each of both."""
    return AppendedFile(tmp_path / "heads") if request.param == "file" else locked


async def test_what_was_added_stands_there_in_order(place: Place) -> None:
    assert await place.last() is None
    wanted = publications(9)
    for each in wanted:
        await place.append(each)
        assert await place.last() == each
    assert [line async for line in place.lines()] == [each.line for each in wanted]


async def test_nobody_takes_the_place_of_another(place: Place) -> None:
    first, second = publications(2)
    await place.append(first)
    await place.append(second)
    for again in (first, second):
        with pytest.raises(CaseError) as overtaken:
            await place.append(again)
        assert overtaken.value.code is Code.HEADS_OVERTAKEN
    assert len([line async for line in place.lines()]) == 2


# --- a file -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [1, 40, 100_000], ids=["one byte", "a part", "more than a block"])
async def test_what_a_writer_that_died_left_behind_is_passed_over(tmp_path: Path, left: int) -> None:
    first, second = publications(2)
    place = AppendedFile(tmp_path / "heads")
    await place.append(first)
    with (tmp_path / "heads").open("ab") as file:
        file.write((second.line.encode() * 1_000)[:left].replace(b"}", b"]"))
    assert await place.last() == first
    await place.append(second)
    assert await place.last() == second
    lines = [line async for line in place.lines()]
    assert (len(lines), lines[0], lines[2]) == (3, first.line, second.line)


async def test_a_line_longer_than_a_block_is_read(tmp_path: Path) -> None:
    place = AppendedFile(tmp_path / "heads")
    (large,) = (
        Publication.model_validate_json(line)
        for line in log_of({"heads": tuple(head(version) for version in range(1, 3_000))})
    )
    await place.append(large)
    assert await place.last() == large


async def test_a_file_that_is_not_there_or_no_file_is_said_to_be_out_of_reach(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(CaseError) as unreachable:
            [line async for line in AppendedFile(path).lines()]
        assert unreachable.value.code is Code.HEADS_UNREACHABLE
    with pytest.raises(CaseError):
        await AppendedFile(tmp_path / "absent" / "heads").append(publications(1)[0])


async def test_a_file_is_not_taken_for_append_only_because_it_is_called_so(tmp_path: Path) -> None:
    place = AppendedFile(tmp_path / "heads")
    await place.append(publications(1)[0])
    assert not place.is_append_only()


# --- a bucket ---------------------------------------------------------------------------------------------------------


async def test_each_object_is_locked_for_as_long_as_it_is_kept(bucket: Bucket, locked: LockedBucket) -> None:
    await locked.append(publications(1)[0])
    (headers,) = bucket.headers.values()
    assert headers["x-amz-object-lock-mode"] == "COMPLIANCE"
    until = datetime.strptime(headers[LOCKED], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert until > datetime.now(UTC) + timedelta(days=399)
    assert [path for path, versions in bucket.versions.items() if versions] == ["/bucket/heads/0000000001.json"]


@pytest.mark.parametrize("status", [301, 403, 500])
async def test_a_bucket_that_refuses_is_out_of_reach(bucket: Bucket, locked: LockedBucket, status: int) -> None:
    bucket.status = status
    for asked in (locked.last(), locked.append(publications(1)[0])):
        with pytest.raises(CaseError) as refused:
            await asked
        assert refused.value.code is Code.HEADS_UNREACHABLE


async def test_what_stands_in_a_bucket_and_is_no_publication_is_found(bucket: Bucket, locked: LockedBucket) -> None:
    bucket.versions["/bucket/heads/0000000001.json"] = [b"{}"]
    with pytest.raises(CaseError) as broken:
        await locked.last()
    assert broken.value.code is Code.HEADS_BROKEN


async def test_a_list_of_versions_is_read_page_by_page(bucket: Bucket, locked: LockedBucket) -> None:
    bucket.page = 2
    wanted = publications(7)
    for each in wanted:
        await locked.append(each)
    assert [line async for line in locked.lines()] == [each.line for each in wanted]


@pytest.mark.parametrize("number", [1, 4, 5])
@pytest.mark.parametrize("over", [None, b"{}"], ids=["a mark that it is deleted", "another version"])
async def test_what_was_put_over_a_publication_is_found(
    bucket: Bucket, locked: LockedBucket, number: int, over: bytes | None
) -> None:
    """The lock keeps the version and not the view of it: whoever may put or delete objects was believed."""
    wanted = publications(6)
    for each in wanted[:5]:
        await locked.append(each)
    bucket.versions[f"/bucket/heads/{number:010}.json"].append(over)
    with pytest.raises(CaseError) as broken:
        [line async for line in locked.lines()]
    assert broken.value.code is Code.HEADS_BROKEN
    if number == 5:
        with pytest.raises(CaseError) as newest:
            await locked.last()
        assert newest.value.code is Code.HEADS_BROKEN


@pytest.mark.parametrize(
    "text", ["", "{}", "<!DOCTYPE x [<!ENTITY y 'z'>]><x>&y;</x>"], ids=["nothing", "JSON", "a type"]
)
async def test_what_is_no_list_of_versions_is_out_of_reach(
    bucket: Bucket, locked: LockedBucket, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(bucket, "listed", lambda _asked: text)
    for asked in (locked.last(), anext(aiter(locked.lines()))):
        with pytest.raises(CaseError) as refused:
            await asked
        assert refused.value.code is Code.HEADS_UNREACHABLE


def test_a_request_is_signed_as_the_protocol_says() -> None:
    """The example of the protocol's own documentation: a part of an object is read."""
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    headers = SIGNER.headers(
        "GET",
        "https://examplebucket.s3.amazonaws.com/test.txt",
        {"Range": "bytes=0-9"},
        nothing,
        datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


@pytest.mark.parametrize("text", ["", "only-an-id", ":secret", "id:"])
def test_a_credential_is_an_id_and_a_secret(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text, encoding="ascii")
    with pytest.raises(CaseError) as wrong:
        Signer.load(file, "us-east-1")
    assert wrong.value.code is Code.CONFIGURATION_INVALID
    file.write_text("id:se:cret\n", encoding="ascii")
    assert Signer.load(file, "us-east-1") == Signer("id", "se:cret", "us-east-1")
