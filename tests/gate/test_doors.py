"""What strangers may cost the gate, and how far they get: before they are known nothing of theirs is read."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from activities import serving
from activities.registry.pool import Pool
from activities.registry.reveals import Reveal
from activities.sealing import KeyRing, Sealer
from cases.errors import CaseError, Code
from cases.models import Actor
from gate import gate as gate_module
from gate import login, service, stamp_route
from gate.access import Access
from gate.gate import Gate
from gate.login import Login
from gate.origins import Origins
from gate.quotas import Quotas
from gate.refusals import LARGEST_FORM
from gate.service import SESSION, Service, serve_gate
from gate.sessions import Sessions
from gate.translating import Translator
from runtime.codec import PayloadSealer, is_sealed
from runtime.identity import IdentityTokens
from runtime.limits import Limits
from stack.identity import SAMPLE_OPERATORS, IdentityProvider
from stack.issuer import Issuer
from stack.ports import LOOPBACK
from tests.scenes import CLERK, OFFICER
from tests.stamping import KEY, NAMESPACE

UI: Final = "http://ui.example.invalid:8080"
PLANTED: Final = "11010519491231002X"
SEALED: Final = PayloadSealer(KeyRing.sample())
CASE: Final = "idc-" + "a" * 26


class CountedProvider(IdentityProvider):
    """A provider that counts who asks what of it."""

    def __init__(self) -> None:
        super().__init__([f"{PUBLIC}/login/done"])
        self.described = self.exchanged = 0

    async def _describe(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        self.described += 1
        return await super()._describe(request)

    async def _token(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        self.exchanged += 1
        return await super()._token(request)


PUBLIC: Final = "https://gate.example.invalid"
"""Where browsers reach the gate; something before it ends TLS."""


@dataclass(frozen=True)
class Door:
    """A gate without a register behind it, and strangers before it."""

    url: str
    port: int
    provider: CountedProvider
    http: aiohttp.ClientSession

    def bearing(self, token: str, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}", "X-Namespace": NAMESPACE, **more}

    def known(self, actor: Actor = OFFICER, **more: str) -> dict[str, str]:
        return self.bearing(self.provider.issuer.token(actor), **more)

    async def refusal(self, path: str, data: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Status and code; of the form of an update the code that was sealed in its place."""
        async with self.http.post(self.url + path, data=data, headers=headers) as answer:
            text = await answer.text()
        assert PLANTED not in text
        told = json.loads(text)
        if path == "/encode" and "payloads" in told:
            return answer.status, refused_in(told)
        return answer.status, told["code"]

    async def raw(self, *parts: bytes) -> bytes:
        """What a connection is answered that sends so much and then nothing more; it stays open."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.close()


def refused_in(told: dict[str, Any]) -> str:
    (payload,) = json_format.ParseDict(told, Payloads()).payloads
    assert is_sealed(payload)
    opened = SEALED.open(payload, namespace=NAMESPACE)
    return opened.data.decode().split()[0]


@asynccontextmanager
async def opened(*, quotas: Quotas | None = None) -> AsyncIterator[Door]:
    async with CountedProvider() as provider, aiohttp.ClientSession() as session:
        issuer = provider.issuer
        tokens = IdentityTokens(issuer, issuer=issuer.url, audience=issuer.audience)
        quotas = quotas or Quotas(Limits(1000, 1000), Limits(1000, 1000))
        gate = Gate(tokens, KEY, audience=NAMESPACE, quotas=quotas)
        login = Login(session, tokens, issuer=issuer.url, client=issuer.audience, key=KEY.derive("logins"))
        sessions = Sessions(login, PUBLIC, SESSION)
        served = Service(
            access=Access(tokens, sessions.cookie, quotas),
            sessions=sessions,
            translator=Translator(SEALED, Sealer(KeyRing.sample()), gate, NAMESPACE),
            gate=gate,
            origins=Origins(frozenset({UI})),
            # Nothing here comes as far as the register.
            pool=cast(Pool, None),
            namespace=NAMESPACE,
            ui_url=UI,
        )
        async with serve_gate(served, LOOPBACK, 0) as port:
            yield Door(f"http://{LOOPBACK}:{port}", port, provider, session)


@pytest.fixture
async def door(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    async def none_open(*_: object) -> list[Reveal]:
        return []

    monkeypatch.setattr(service, "open_reveals", none_open)
    async with opened() as running:
        yield running


def form(**fields: Any) -> bytes:
    """A form of the Web UI's, as its codec server gets it."""
    plain = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(fields).encode())
    return json_format.MessageToJson(Payloads(payloads=[plain])).encode()


ASKED: Final = ("/stamp", "/stamp/manifest", "/decode", "/encode")


# --- nothing is read of whoever is not known --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("who", ["nobody", "a stranger", "somebody of long ago"])
async def test_nothing_is_read_of_whoever_is_not_known(
    door: Door, path: str, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("somebody reads what a stranger sent")

    monkeypatch.setattr(stamp_route, "read_body", read)
    monkeypatch.setattr(service, "read_body", read)
    monkeypatch.setattr(gate_module, "_read_typed", read)
    token, code = {
        "nobody": ("", Code.IDENTITY_MISSING),
        "a stranger": (Issuer(door.provider.issuer.url).token(OFFICER), Code.IDENTITY_INVALID),
        "somebody of long ago": (door.provider.issuer.token(OFFICER, exp=1_000_000), Code.IDENTITY_EXPIRED),
    }[who]
    for body in (b"{" * 5000, PLANTED.encode(), b"x" * 100_000, form(case=CASE, event="hold")):
        status, told = await door.refusal(path, body, door.bearing(token))
        # The Web UI shows of a form's answer only what the case says: the refusal travels as one.
        assert (status, told) == (200 if path == "/encode" else 401, code)


@pytest.mark.parametrize("path", ASKED)
async def test_a_stranger_is_answered_without_the_body_that_never_comes(door: Door, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: gate\r\nX-Namespace: {NAMESPACE}\r\nContent-Length: 2000000\r\n\r\n"
    answer = await door.raw(head.encode(), b"{")
    assert answer.startswith(b"HTTP/1.1 200" if path == "/encode" else b"HTTP/1.1 401")


async def test_a_form_is_read_of_whoever_is_known_and_sends_it_from_our_own_page(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(*_: object) -> None:
        raise AssertionError("somebody reads what a stranger sent")

    monkeypatch.setattr(service, "form_of", read)
    for headers, status, code in (
        ({}, 403, Code.ORIGIN_NOT_ALLOWED),
        ({"Origin": UI}, 403, Code.ORIGIN_NOT_ALLOWED),
        ({"Origin": PUBLIC}, 401, Code.IDENTITY_MISSING),
        (door.known(CLERK, Origin=PUBLIC), 403, Code.ROLE_NOT_ALLOWED),
    ):
        async with door.http.post(f"{door.url}/reveal", data=b"x" * 100_000, headers=headers) as answer:
            assert answer.status == status
            assert code in await answer.text()


# --- bounds for whoever is known --------------------------------------------------------------------------------------


async def test_a_form_has_64_kib(door: Door) -> None:
    large = form(case=CASE, event="hold", note="x" * LARGEST_FORM)
    status, code = await door.refusal("/encode", large, door.known())
    assert (status, code) == (413, Code.REQUEST_TOO_LARGE)
    page = urlencode({"case": CASE, "reason": "x" * LARGEST_FORM})
    headers = {**door.known(), "Origin": PUBLIC, "Content-Type": "application/x-www-form-urlencoded"}
    async with door.http.post(f"{door.url}/reveal", data=page.encode(), headers=headers) as answer:
        assert answer.status == 413
        assert Code.REQUEST_TOO_LARGE in await answer.text()


async def test_a_form_that_does_not_say_how_long_it_is_has_an_end_as_well(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 8192

    async with door.http.post(f"{door.url}/encode", data=endless(), headers=door.known()) as answer:
        assert answer.status == 413


async def test_a_form_with_parts_or_too_many_fields_is_refused(door: Door) -> None:
    several = "&".join(f"f{place}=1" for place in range(100))
    for kind, body, status in (
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"\xff\xfe", 400),
        ("application/x-www-form-urlencoded", several.encode(), 400),
    ):
        headers = {**door.known(), "Origin": PUBLIC, "Content-Type": kind}
        async with door.http.post(f"{door.url}/reveal", data=body, headers=headers) as answer:
            assert answer.status == status


@pytest.mark.parametrize("path", ASKED)
async def test_whoever_is_known_has_to_send_what_they_announce(
    door: Door, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "BODY_SECONDS", 0.05)
    said = "".join(f"{name}: {value}\r\n" for name, value in door.known().items())
    answer = await door.raw(f"POST {path} HTTP/1.1\r\nHost: gate\r\n{said}Content-Length: 60000\r\n\r\n".encode(), b"{")
    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_body_that_is_packed_is_not_unpacked(door: Door) -> None:
    headers = {**door.known(), "Content-Encoding": "deflate"}
    assert await door.refusal("/stamp", b"x\x9c" + b"\x00" * 50, headers) == (400, Code.PAYLOAD_INVALID)


async def test_a_broken_body_is_refused_by_a_code(door: Door) -> None:
    said = "".join(f"{name}: {value}\r\n" for name, value in door.known().items())
    head = f"POST /stamp HTTP/1.1\r\nHost: gate\r\n{said}Transfer-Encoding: chunked\r\n\r\n"
    assert b" 400 " in (await door.raw(head.encode(), b"no-number\r\n")).partition(b"\r\n")[0]


async def test_a_subject_may_ask_so_often_and_is_told_when_again() -> None:
    async with opened(quotas=Quotas(Limits(0.5, 3), Limits(1000, 1000))) as door:
        for path, status in (("/decode", 200), ("/decode", 200), ("/stamp", 400)):
            async with door.http.post(door.url + path, data=b"{}", headers=door.known()) as answer:
                assert answer.status == status
        for path in ("/stamp", "/stamp/manifest", "/decode"):
            async with door.http.post(door.url + path, data=b"{}", headers=door.known()) as answer:
                assert (answer.status, (await answer.json())["code"]) == (429, Code.REQUESTED_TOO_OFTEN)
                assert answer.headers["Retry-After"] == "2"
        assert await door.refusal("/encode", form(), door.known()) == (200, Code.REQUESTED_TOO_OFTEN)
        async with door.http.get(f"{door.url}/", headers=door.known()) as page:
            assert Code.REQUESTED_TOO_OFTEN in await page.text()
        # Of somebody else nothing is counted.
        async with door.http.post(f"{door.url}/decode", data=b"{}", headers=door.known(CLERK)) as answer:
            assert answer.status == 200


# --- what strangers cost the provider ---------------------------------------------------------------------------------


async def test_an_end_of_a_login_that_was_not_begun_here_costs_the_provider_nothing(door: Door) -> None:
    made_up = ["a.b.c", "a.b.c.9999999999.0", f"a.b.c.9999999999.{'0' * 64}", "a" * 4000]
    for kept in made_up:
        for name in ("__Host-cardcase_login", "cardcase_login"):
            url = f"{door.url}/login/done?state=a&code=guessed"
            async with door.http.get(url, headers={"Cookie": f"{name}={kept}"}, allow_redirects=False) as page:
                assert page.status == 401
                assert Code.LOGIN_FAILED in await page.text()
                assert "Set-Cookie" not in page.headers
    assert door.provider.exchanged == 0


async def test_one_beginning_costs_the_provider_one_question_however_often_it_is_ended(door: Door) -> None:
    state, cookie = await begun(door)
    for _ in range(10):
        url = f"{door.url}/login/done?{urlencode({'state': state, 'code': 'guessed'})}"
        async with door.http.get(url, headers={"Cookie": cookie}) as page:
            assert page.status == 401
    assert door.provider.exchanged == 1


async def test_beginnings_cost_the_provider_one_question_a_minute(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlike(_self: Login, _body: bytes) -> None:
        raise CaseError(Code.GATE_UNAVAILABLE)

    monkeypatch.setattr(login.Login, "_read_description", unlike)
    async with opened() as away:
        for _ in range(20):
            async with away.http.get(f"{away.url}/login", allow_redirects=False) as page:
                assert page.status == 503
        assert away.provider.described == 1
    for _ in range(20):
        await begun_or_not(door)
    assert door.provider.described <= 1


async def begun_or_not(door: Door) -> None:
    async with door.http.get(f"{door.url}/login", allow_redirects=False) as page:
        assert page.status in {303, 503}


async def begun(door: Door) -> tuple[str, str]:
    """The state of a login and what the browser keeps of it."""
    async with door.http.get(f"{door.url}/login", allow_redirects=False) as page:
        assert page.status == 303
        kept = page.headers["Set-Cookie"].partition(";")[0]
        (state,) = parse_qs(urlsplit(page.headers["Location"]).query)["state"]
    return state, kept


# --- cookies ----------------------------------------------------------------------------------------------------------


def attributes(said: str) -> tuple[str, set[str]]:
    name, *rest = said.split(";")
    return name.partition("=")[0], {each.strip().lower() for each in rest}


async def test_every_cookie_is_of_this_host_alone_and_ends_as_it_began(door: Door) -> None:
    async with door.http.get(f"{door.url}/login", allow_redirects=False) as page:
        (said,) = page.headers.getall("Set-Cookie")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(page.headers["Location"]).query).items()}
    name, told = attributes(said)
    assert (name, {"secure", "httponly", "path=/", "samesite=lax"} <= told) == ("__Host-cardcase_login", True)
    assert not any(each.startswith("domain") for each in told)
    who = SAMPLE_OPERATORS[1].actor
    url = f"{door.provider.issuer.url}/authorize"
    async with door.http.post(url, data={**asked, "sub": who.id}, allow_redirects=False) as granted:
        back = urlsplit(granted.headers["Location"])
    headers = {"Cookie": said.partition(";")[0]}
    async with door.http.get(f"{door.url}{back.path}?{back.query}", headers=headers, allow_redirects=False) as page:
        assert page.status == 303
        cookies = page.headers.getall("Set-Cookie")
    assert {attributes(each)[0] for each in cookies} == {"__Host-cardcase", "__Host-cardcase_login"}
    async with door.http.post(f"{door.url}/logout", headers={"Origin": PUBLIC}, allow_redirects=False) as page:
        cookies += page.headers.getall("Set-Cookie")
    for each in cookies:
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= attributes(each)[1], each
    session = next(each for each in cookies if each.startswith("__Host-cardcase=")).partition(";")[0].partition("=")[2]
    for name, is_known in (("__Host-cardcase", True), ("cardcase", False)):
        # One without the prefix may have been set by a neighbouring host.
        async with door.http.get(f"{door.url}/", headers={"Cookie": f"{name}={session}"}) as page:
            assert (who.id in await page.text()) is is_known


@pytest.mark.parametrize("origin", [None, UI, "null", "https://evil.invalid", PUBLIC.upper()])
async def test_no_other_page_logs_anybody_out(door: Door, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    async with door.http.post(f"{door.url}/logout", headers=headers, allow_redirects=False) as page:
        assert (page.status, (await page.json())["code"]) == (403, Code.ORIGIN_NOT_ALLOWED)
        assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("what", ["image", "iframe", "empty", "script"])
async def test_no_other_page_ends_a_login_under_way_by_beginning_another_one(door: Door, what: str) -> None:
    headers = {"Sec-Fetch-Dest": what, "Sec-Fetch-Site": "cross-site"}
    async with door.http.get(f"{door.url}/login", headers=headers, allow_redirects=False) as page:
        assert (page.status, (await page.json())["code"]) == (403, Code.ORIGIN_NOT_ALLOWED)
        assert "Set-Cookie" not in page.headers
    headers = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"}
    async with door.http.get(f"{door.url}/login", headers=headers, allow_redirects=False) as page:
        assert page.status == 303


async def test_another_browsers_login_is_not_ended_in_this_one(door: Door) -> None:
    (state, _), (_, kept) = await begun(door), await begun(door)
    url = f"{door.url}/login/done?{urlencode({'state': state, 'code': 'of another'})}"
    async with door.http.get(url, headers={"Cookie": kept}, allow_redirects=False) as page:
        assert page.status == 401
        assert Code.LOGIN_FAILED in await page.text()
    assert door.provider.exchanged == 0
