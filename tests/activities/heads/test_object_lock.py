"""The bucket on a server that speaks S3 and keeps locks by itself; skipped where there is none.

Such a server is no part of the project and none of its development tools. This one Go builds in some minutes, without
a compiler for C: `go install github.com/versity/versitygw/cmd/versitygw@v1.8.0`; VERSITYGW names it where it is not on
the path.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

import aiohttp
import pytest
import pytest_asyncio

from activities.heads.bucket import LockedBucket, Signer
from cases.errors import CaseError, Code
from stack.ports import pick_ports
from tests.activities.heads.test_places import publications
from tests.namespaces import until

pytestmark = pytest.mark.servers

SIGNER: Final = Signer("keeper", "of-heads-in-tests", "us-east-1")
NOBODY: Final = Signer("keeper", "guessed", "us-east-1")
LOCKED: Final = {"x-amz-bucket-object-lock-enabled": "true"}
PAST_THE_LOCK: Final = {"x-amz-bypass-governance-retention": "true"}
_names = count(1)


class Server:
    """A running server, and what it answers whoever has the credential of its administrator."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def ask(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"") -> int:
        signed = SIGNER.headers(method, url, headers or {}, hashlib.sha256(body).hexdigest(), datetime.now(UTC))
        async with self.session.request(method, url, headers=signed, data=body) as answer:
            await answer.read()
            return answer.status

    async def is_up(self) -> bool:
        try:
            return await self.ask("GET", f"{self.url}/") == 200
        except aiohttp.ClientConnectionError:
            return False


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    program = os.environ.get("VERSITYGW") or shutil.which("versitygw")
    if program is None:
        pytest.skip("no server here that speaks S3: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0")
    folder = tmp_path_factory.mktemp("s3")
    for name in ("objects", "versions"):
        (folder / name).mkdir()
    (port,) = pick_ports(None)
    process = await asyncio.create_subprocess_exec(
        *(program, "--quiet", "--port", f"127.0.0.1:{port}", "posix"),
        *("--versioning-dir", str(folder / "versions"), str(folder / "objects")),
        env={"ROOT_ACCESS_KEY": SIGNER.key_id, "ROOT_SECRET_KEY": SIGNER.secret},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with aiohttp.ClientSession() as session:
        running = Server(f"http://127.0.0.1:{port}", session)
        await until(running.is_up)
        yield running
    process.terminate()
    await process.wait()


@pytest_asyncio.fixture(params=["", "/of/heads"], ids=["a whole bucket", "a part of one"])
async def url(server: Server, request: pytest.FixtureRequest) -> str:
    bucket = f"{server.url}/heads-{next(_names)}"
    assert await server.ask("PUT", bucket, LOCKED) == 200
    return f"{bucket}{request.param}"


async def broken(place: LockedBucket) -> None:
    for asked in (place.last(), anext(aiter(place.lines()))):
        with pytest.raises(CaseError) as refused:
            await asked
        assert refused.value.code is Code.HEADS_BROKEN


async def test_what_was_published_stands_there_and_nobody_takes_its_place(server: Server, url: str) -> None:
    place = LockedBucket(server.session, url, SIGNER, timedelta(days=400))
    assert await place.last() is None
    wanted = publications(9)
    for each in wanted:
        await place.append(each)
        assert await place.last() == each
    assert [line async for line in place.lines()] == [each.line for each in wanted]
    with pytest.raises(CaseError) as overtaken:
        await place.append(wanted[4])
    assert overtaken.value.code is Code.HEADS_OVERTAKEN


async def test_who_has_not_the_credential_learns_nothing_and_adds_nothing(server: Server, url: str) -> None:
    stranger = LockedBucket(server.session, url, NOBODY, timedelta(days=400))
    (first,) = publications(1)
    for asked in (stranger.last(), stranger.append(first), anext(aiter(stranger.lines()))):
        with pytest.raises(CaseError) as refused:
            await asked
        assert refused.value.code is Code.HEADS_UNREACHABLE


async def test_no_administrator_deletes_a_version_before_its_time(server: Server, url: str) -> None:
    place = LockedBucket(server.session, url, SIGNER, timedelta(days=400))
    (first,) = publications(1)
    await place.append(first)
    (listed,) = (await place._versions(0)).those
    which = f"{url}/0000000001.json?versionId={listed.version}"
    assert await server.ask("DELETE", which, PAST_THE_LOCK) == 403
    assert await place.last() == first


async def test_what_an_administrator_puts_over_a_publication_is_found(server: Server, url: str) -> None:
    """Both are allowed, and whoever names no version is shown what was put there."""
    place = LockedBucket(server.session, url, SIGNER, timedelta(days=400))
    (first,) = publications(1)
    await place.append(first)
    newest = f"{url}/0000000001.json"
    assert await server.ask("DELETE", newest) == 204
    await broken(place)
    assert await server.ask("PUT", newest, body=first.line.encode()) == 200
    await broken(place)
