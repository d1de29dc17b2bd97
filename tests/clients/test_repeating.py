"""What is sent again, when, and what is not: against a service that does as it is told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from cardcase_client import (
    Busy,
    ClientCredentials,
    CredentialsRefused,
    Failed,
    Gone,
    NotAllowed,
    Patience,
    Refused,
    TokenFile,
    Unreachable,
    Unreadable,
    models,
)
from cardcase_client.attempts import Attempts
from cardcase_client.calls import Call, read_case, subscribe
from cases.errors import Code
from intake.service.problems import STATUS, problem_of, response_of
from stack.ports import LOOPBACK, pick_ports
from tests.clients.asking import SYNC, Run

CUT = 0
PAGE = '{"cases": []}'
SUBSCRIPTION = json.dumps(
    {
        "id": "sub-1",
        "sink": "https://bank.example.invalid",
        "types": [],
        "region": "110105",
        "state": "unverified",
        "pending": 0,
        "dead": 0,
        "failures": 0,
        "created_at": "2026-01-01T00:00:00Z",
    }
)


@dataclass
class Scripted:
    """Answers one after the other: a status, its content and its headers; 0 cuts the connection."""

    url: str = ""
    answers: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    asked: list[web.Request] = field(default_factory=list)
    tokens: int = 0
    lasts: float = 900.0
    token_status: list[int] = field(default_factory=list)

    def problem(self, code: Code, **headers: str) -> None:
        answer = response_of(problem_of(code))
        said = {
            "Content-Type": "application/problem+json",
            **{name.replace("_", "-"): each for name, each in headers.items()},
        }
        self.answers.append((STATUS[code], bytes(answer.body).decode(), said))

    def says(self, status: int, content: str = "", **headers: str) -> None:
        self.answers.append((status, content, headers))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        status, content, headers = self.answers.pop(0)
        if status == CUT:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.Response(status=status, text=content, headers=headers)

    async def token(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        assert form["grant_type"] == "client_credentials"
        status = self.token_status.pop(0) if self.token_status else 200
        if status != 200:
            return web.Response(status=status)
        self.tokens += 1
        return web.json_response({"access_token": f"token-{self.tokens}", "expires_in": self.lasts})

    @property
    def bearers(self) -> list[str]:
        return [request.headers["Authorization"] for request in self.asked]


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    service, application = Scripted(), web.Application()
    application.router.add_post("/token", service.token)
    application.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        service.url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"
        yield service
    finally:
        await runner.cleanup()


class Pauses:
    """Takes pauses without waiting, and keeps how long they were."""

    def __init__(self, which: str) -> None:
        self.seconds: list[float] = []
        self.take: Any = self._waits if which == SYNC else self._is_awaited

    def _waits(self, seconds: float) -> None:
        self.seconds.append(seconds)

    async def _is_awaited(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def asked_by(
    which: str, patience: Patience | None = None, **more: Any
) -> AsyncIterator[tuple[Scripted, Any, Pauses]]:
    pauses = Pauses(which)
    async with scripted() as service:
        credentials = ClientCredentials(f"{service.url}/token", "system 1", "s+cret", ["cases:read"], **more)
        async with Run(which).client(service.url, credentials, patience=patience, sleep=pauses.take) as client:
            yield service, client, pauses


both = pytest.mark.parametrize("which", [SYNC, "asyncio"])


@both
async def test_a_busy_service_is_asked_again_and_never_before_it_says(which: str) -> None:
    async with asked_by(which) as (service, client, pauses):
        service.problem(Code.ENGINE_UNAVAILABLE, Retry_After="5")
        service.problem(Code.REQUESTED_TOO_OFTEN, Retry_After="7")
        service.says(502, "<html>planted</html>")
        service.says(CUT)
        service.says(200, PAGE)
        assert (await client.list_cases()).cases == ()
        assert (pauses.seconds[0], pauses.seconds[1]) == (5, 7)
        assert all(0 < each <= 4 for each in pauses.seconds[2:])
        assert len(pauses.seconds) == 4


@both
async def test_an_opening_is_sent_again_as_it_was(which: str) -> None:
    async with asked_by(which) as (service, client, _):
        bodies: list[bytes] = []
        answer = service.answer

        async def kept(request: web.Request) -> web.StreamResponse:
            bodies.append(await request.read())
            return await answer(request)

        service.answer = kept  # type: ignore[method-assign]  # of this one alone
        service.says(CUT)
        service.problem(Code.ENGINE_TIMEOUT)
        service.problem(Code.CASE_CLOSED)
        with pytest.raises(Refused):
            await client.tell("idc-1", models.Withdraw(note="1"), key="withdrawn-1")
        assert [each.headers["Idempotency-Key"] for each in service.asked] == ["withdrawn-1"] * 3


@both
async def test_what_makes_something_new_each_time_is_not_sent_again_once_it_may_have_been_heard(which: str) -> None:
    async with asked_by(which) as (service, client, pauses):
        service.says(CUT)
        with pytest.raises(Unreachable):
            await client.subscribe("https://bank.example.invalid")
        service.problem(Code.DATABASE_UNAVAILABLE, Retry_After="5")
        with pytest.raises(Busy):
            await client.subscribe("https://bank.example.invalid")
        assert pauses.seconds == []
        service.problem(Code.REQUESTED_TOO_OFTEN, Retry_After="3")
        service.says(201, SUBSCRIPTION)
        assert (await client.subscribe("https://bank.example.invalid")).id == "sub-1"
        assert pauses.seconds == [3]


@both
@pytest.mark.parametrize(
    ("code", "kind"),
    [(Code.INTERNAL, Failed), (Code.FEED_PLACE_GONE, Gone), (Code.SCOPE_MISSING, NotAllowed)],
)
async def test_what_repeating_does_not_mend_is_not_repeated(which: str, code: Code, kind: type[Refused]) -> None:
    async with asked_by(which) as (service, client, pauses):
        service.problem(code)
        with pytest.raises(kind) as refused:
            await client.list_cases()
        assert (refused.value.code, refused.value.status) == (code, STATUS[code])
        assert (pauses.seconds, len(service.asked)) == ([], 1)


@both
async def test_patience_has_an_end(which: str) -> None:
    async with asked_by(which, Patience(seconds=4)) as (service, client, pauses):
        service.problem(Code.REQUESTED_TOO_OFTEN, Retry_After="5")
        with pytest.raises(Busy) as refused:
            await client.list_cases()
        assert (refused.value.retry_after, pauses.seconds) == (5, [])
    (port,) = pick_ports(None)
    async with Run(which).client(
        f"http://{LOOPBACK}:{port}", ClientCredentials(f"http://{LOOPBACK}:{port}", "a", "b"), patience=Patience(0)
    ) as nobody:
        with pytest.raises(Unreachable):
            await nobody.list_cases()


def test_pauses_double_up_to_the_longest_and_part_of_them_is_chance() -> None:
    def pauses(chance: float) -> list[float]:
        attempts = Attempts(read_case("idc-1"), Patience(1000, 1, 8), lambda: 0.0, lambda: chance)
        return [attempts.pause_after_silence(httpx.ReadTimeout("")) for _ in range(6)]

    assert pauses(1.0) == [1, 2, 4, 8, 8, 8]
    assert pauses(0.0) == [0.5, 1, 2, 4, 4, 4]


@pytest.mark.parametrize(
    ("lost", "call", "repeats"),
    [
        (httpx.ConnectError(""), subscribe("https://a.example", (), None), True),
        (httpx.ReadTimeout(""), subscribe("https://a.example", (), None), False),
        (httpx.ReadError(""), read_case("idc-1"), True),
        (httpx.UnsupportedProtocol(""), read_case("idc-1"), False),
    ],
)
def test_a_lost_connection(lost: httpx.TransportError, call: Call[Any], *, repeats: bool) -> None:
    attempts = Attempts(call, Patience())
    if repeats:
        assert attempts.pause_after_silence(lost) > 0
        return
    with pytest.raises(Unreachable):
        attempts.pause_after_silence(lost)


@both
async def test_a_token_is_kept_until_shortly_before_its_end(which: str) -> None:
    now = [0.0]
    async with asked_by(which, clock=lambda: now[0]) as (service, client, _):
        for moment in (0.0, 869.0, 870.0, 900.0):
            now[0] = moment
            service.says(200, PAGE)
            await client.list_cases()
        assert service.bearers == ["Bearer token-1"] * 2 + ["Bearer token-2"] * 2


@both
async def test_a_token_that_the_service_takes_for_ended_is_replaced_once(which: str) -> None:
    async with asked_by(which) as (service, client, pauses):
        service.problem(Code.IDENTITY_EXPIRED)
        service.says(200, PAGE)
        await client.list_cases()
        assert service.bearers == ["Bearer token-1", "Bearer token-2"]
        service.problem(Code.IDENTITY_EXPIRED)
        service.problem(Code.IDENTITY_EXPIRED)
        with pytest.raises(NotAllowed):
            await client.list_cases()
        service.problem(Code.IDENTITY_INVALID)
        with pytest.raises(NotAllowed):
            await client.list_cases()
        assert (service.tokens, pauses.seconds) == (3, [])


@both
async def test_a_busy_token_endpoint_is_asked_again(which: str) -> None:
    async with asked_by(which) as (service, client, pauses):
        service.token_status = [503, 429]
        service.says(200, PAGE)
        await client.list_cases()
        assert (len(pauses.seconds), service.tokens) == (2, 1)
    async with asked_by(which) as (service, client, _):
        service.token_status = [500]
        with pytest.raises(CredentialsRefused, match=r"no token \(status 500\)"):
            await client.list_cases()


@both
async def test_an_answer_that_is_none_says_where_and_not_what(which: str) -> None:
    async with asked_by(which) as (service, client, _):
        service.says(200, '{"cases": "planted"}')
        with pytest.raises(Unreadable) as unreadable:
            await client.list_cases()
        assert str(unreadable.value) == "Page: cases"
        service.says(418, "planted")
        with pytest.raises(Refused) as refused:
            await client.list_cases()
        assert str(refused.value) == "status 418"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no token"),
        (b"[]", "no token"),
        (b'{"error": "invalid_scope"}', "invalid_scope"),
        (b'{"error": "planted"}', "no token"),
    ],
)
def test_a_token_endpoint_is_quoted_by_its_codes_only(content: bytes, said: str) -> None:
    asked = ClientCredentials("https://id.example/token", "a", "b").asked()
    with pytest.raises(CredentialsRefused, match=rf"^{said} \(status 400\)$"):
        asked.keep(400, content)


def test_a_secret_comes_from_its_file_each_time_and_is_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    credentials = ClientCredentials("https://id.example/token", "system 1", file, ["cases:open", "cases:read"])
    with pytest.raises(CredentialsRefused, match=r"^secret: cannot be read"):
        credentials.asked()
    file.write_text("s+cret\n")
    asked = credentials.asked()
    assert asked.auth == ("system+1", "s%2Bcret")
    assert asked.form == {"grant_type": "client_credentials", "scope": "cases:open cases:read"}
    assert "cret" not in repr(asked)


def test_a_token_file_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    credentials = TokenFile(file)
    file.write_text("one")
    assert credentials.held() == "one"
    credentials.ended("one")
    assert credentials.held() is None
    file.write_text("two\n")
    assert credentials.held() == "two"
