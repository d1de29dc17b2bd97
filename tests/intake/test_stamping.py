"""How programs get their decisions stamped: over HTTP, many with one request, and nothing sent where it fails."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import VerifyDocuments
from cases.machines.machine import Status
from cases.models import Actor, Role
from gate.gate import LARGEST_BATCH, Answers, Batch
from gate.stamp_route import PATH, stamp_handler
from intake import stamping
from intake.client import CaseClient, Refused, Unavailable
from intake.stamping import GateAtUrl, TokenFile, gate_at
from stack.issuer import Issuer
from tests import scenes
from tests.engine import Engine
from tests.intake.applying import number_change
from tests.intake.identity import ISSUER, gate_service, log_in
from tests.scenes import CLERK, ID_CARD, OFFICER, VERIFIER
from tests.stamping import KEY, NAMESPACE, STAMPS

CASE = "idc-" + "a" * 26
HOLD = scenes.FACTS[Event.hold]


@pytest_asyncio.fixture
async def gate(tmp_path: Path) -> AsyncIterator[GateAtUrl]:
    """The gate's service, asked in the name of a clerk."""
    async with gate_service() as url, gate_at(url + "/", TokenFile(log_in(tmp_path, CLERK))) as stamping:
        yield stamping


@asynccontextmanager
async def answering(handler: Any) -> AsyncIterator[GateAtUrl]:
    """Somebody who answers instead of the gate."""
    application = web.Application()
    application.router.add_post(PATH, handler)
    runner = web.AppRunner(application)
    await runner.setup()
    async with AsyncExitStack() as running:
        running.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield await running.enter_async_context(gate_at(url, lambda: ISSUER.token(CLERK)))


async def refusal(call: Any) -> Code:
    with pytest.raises(CaseError) as refused:
        await call
    return refused.value.code


async def test_a_fact_and_an_opening_come_back_stamped(gate: GateAtUrl) -> None:
    assert gate.actor == CLERK
    held = await gate.stamp(CASE, Event.hold, HOLD)
    moment = datetime.now(UTC)
    assert STAMPS.check_fact(held, CASE, Event.hold, moment, moment).actor == CLERK
    opening = await gate.stamp_opening(scenes.number_change(ID_CARD))
    moment = datetime.now(UTC)
    assert STAMPS.check_opening(opening, moment, moment).actor == CLERK


async def test_what_the_gate_refuses_is_told_by_its_code(gate: GateAtUrl) -> None:
    assert await refusal(gate.stamp(CASE, Event.approve, scenes.FACTS[Event.approve])) is Code.ROLE_NOT_ALLOWED
    assert await refusal(gate.stamp_opening(scenes.number_change(submitter=VERIFIER))) is Code.STAMP_MISMATCH


async def test_what_is_asked_together_goes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    behind = ISSUER.gate(KEY, NAMESPACE)
    stamp_all = behind.stamp_all

    async def counting(bearer: Actor, batch: Batch) -> Answers:
        sizes.append(len(batch.asked))
        return await stamp_all(bearer, batch)

    monkeypatch.setattr(behind, "stamp_all", counting)
    async with answering(stamp_handler(behind)) as gate:
        many = LARGEST_BATCH * 2 + 5
        cases = [f"idc-{place:026}".translate(str.maketrans("01589", "abcde")) for place in range(many)]
        stamped = await asyncio.gather(*(gate.stamp(case, Event.hold, HOLD) for case in cases))
        moment = datetime.now(UTC)
        for case, fact in zip(cases, stamped, strict=True):
            STAMPS.check_fact(fact, case, Event.hold, moment, moment)
        await gate.stamp(CASE, Event.hold, HOLD)
    assert sizes == [LARGEST_BATCH, LARGEST_BATCH, 5, 1]


async def test_whoever_does_not_wait_any_more_takes_nothing_from_the_others() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    handler = stamp_handler(ISSUER.gate(KEY, NAMESPACE))

    async def slow(request: web.Request) -> web.StreamResponse:
        asked.set()
        await answer.wait()
        return await handler(request)

    async with answering(slow) as gate:
        leaving, staying = (asyncio.create_task(gate.stamp(CASE, Event.hold, HOLD)) for _ in range(2))
        await asked.wait()
        leaving.cancel()
        answer.set()
        assert (await staying).stamp is not None
        assert leaving.cancelled() or leaving.cancelling()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"code": "IDENTITY_EXPIRED"}, Code.IDENTITY_EXPIRED),
        (401, {"code": "IDENTITY_INVALID"}, Code.IDENTITY_INVALID),
        (413, {"code": "REQUEST_TOO_LARGE"}, Code.REQUEST_TOO_LARGE),
        (503, {"code": "GATE_UNAVAILABLE"}, Code.GATE_UNAVAILABLE),
        (500, {"code": "CASE_CLOSED"}, Code.GATE_UNAVAILABLE),
        (500, {}, Code.GATE_UNAVAILABLE),
        (502, [], Code.GATE_UNAVAILABLE),
        (200, {"answered": []}, Code.GATE_UNAVAILABLE),
        (200, {"answered": [{}, {}]}, Code.GATE_UNAVAILABLE),
        (200, {"answered": [{"content": {"reason": "unknown"}}]}, Code.GATE_UNAVAILABLE),
        (200, {"answered": [{}]}, Code.INTERNAL),
        (200, [], Code.GATE_UNAVAILABLE),
    ],
)
async def test_an_answer_that_is_none_is_the_gates_trouble(status: int, body: Any, code: Code) -> None:
    async def wrong(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    async with answering(wrong) as gate:
        assert await refusal(gate.stamp(CASE, Event.hold, HOLD)) is code


async def test_whoever_is_told_to_wait_asks_again_and_gives_up_where_it_takes_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleep, waited = asyncio.sleep, []

    async def no_time_passes(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(stamping, "sleep", no_time_passes)
    handler = stamp_handler(ISSUER.gate(KEY, NAMESPACE))
    told = ["7", "3"]

    async def busy(request: web.Request) -> web.StreamResponse:
        if told:
            return web.json_response({"code": "REQUESTED_TOO_OFTEN"}, status=429, headers={"Retry-After": told.pop()})
        return await handler(request)

    async with answering(busy) as gate:
        assert (await gate.stamp(CASE, Event.hold, HOLD)).stamp is not None
        assert waited == [3, 7]
        for after in ("31", "99999999999999999999"):
            told.append(after)
            assert await refusal(gate.stamp(CASE, Event.hold, HOLD)) is Code.REQUESTED_TOO_OFTEN


async def test_a_redirection_is_not_followed_with_the_token() -> None:
    async def elsewhere(_request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:1/stamp")

    async with answering(elsewhere) as gate:
        assert await refusal(gate.stamp(CASE, Event.hold, HOLD)) is Code.GATE_UNAVAILABLE


@pytest.mark.parametrize(
    ("whose", "body", "status", "code"),
    [
        ("a clerk's", b"{}", 400, "PAYLOAD_INVALID"),
        ("", b'{"asked": [{"case": "x", "event": "hold", "content": {}}]}', 401, "IDENTITY_MISSING"),
        ("x", b'{"asked": [{"case": "x", "event": "hold", "content": {}}]}', 401, "IDENTITY_INVALID"),
        ("a clerk's", b" " * (3 * 1024 * 1024), 413, "REQUEST_TOO_LARGE"),
    ],
    ids=["no batch", "no token", "wrong token", "too large"],
)
async def test_the_service_says_by_status_and_code_what_concerns_the_whole_request(
    gate: GateAtUrl, whose: str, body: bytes, status: int, code: str
) -> None:
    given = ISSUER.token(CLERK) if whose == "a clerk's" else whose
    headers = {"Authorization": f"Bearer {given}"} if given else {"Authorization": "Basic eDp5"}
    async with gate._session.post(gate._url + PATH, data=io.BytesIO(body), headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (status, code)


class TestATokenFile:
    def test_is_read_anew_each_time(self, tmp_path: Path) -> None:
        token = TokenFile(log_in(tmp_path, CLERK))
        first = token()
        log_in(tmp_path, OFFICER)
        assert token() not in {first, ""}

    def test_that_others_can_read_is_nobodys_secret(self, tmp_path: Path) -> None:
        path = log_in(tmp_path, CLERK)
        path.chmod(0o640)
        with pytest.raises(CaseError) as refused:
            TokenFile(path)()
        assert refused.value.code is Code.IDENTITY_INVALID

    def test_that_is_not_there_or_empty_is_nobody(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty"
        empty.touch(mode=0o600)
        for path in (tmp_path / "none", empty, tmp_path):
            with pytest.raises(CaseError) as refused:
                TokenFile(path)()
            assert refused.value.code is Code.IDENTITY_MISSING


# --- the client -----------------------------------------------------------------------------------------------------


async def test_without_a_gate_a_client_looks_and_is_not_heard(engine: Engine) -> None:
    receipt = await engine.open(engine.number_change(await engine.insured(), ID_CARD))
    client = CaseClient(engine.client, engine.sealer)
    assert (await client.view(receipt.case_id)).case_id == receipt.case_id
    for call in (client.tell(receipt.case_id, HOLD), client.open(number_change())):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.code is Code.IDENTITY_MISSING


async def test_a_gate_that_is_away_leaves_nothing_sent(engine: Engine) -> None:
    receipt = await engine.open(engine.number_change(await engine.insured(), ID_CARD))
    before = await engine.view(receipt.case_id)
    async with gate_at("http://127.0.0.1:1", lambda: ISSUER.token(CLERK)) as away:
        with pytest.raises(Unavailable) as unavailable:
            await CaseClient(engine.client, engine.sealer, stamping=away).tell(receipt.case_id, HOLD)
    assert unavailable.value.code is Code.GATE_UNAVAILABLE
    assert await engine.view(receipt.case_id) == before


async def test_a_client_acts_as_the_bearer_of_its_token_whatever_it_says(engine: Engine) -> None:
    person = await engine.insured()
    async with gate_service(engine.time_of) as url, gate_at(url, lambda: ISSUER.token(VERIFIER)) as gate:
        client = CaseClient(engine.client, engine.sealer, stamping=gate)
        receipt = await client.open(number_change(person))
        assert (await client.view(receipt.case_id)).submitter == VERIFIER.id
        await client.tell(receipt.case_id, HOLD)
        assert (await client.history(receipt.case_id))[-1].actor == VERIFIER.id
        again = await client.open(number_change(person))
        assert again == receipt


async def test_a_system_names_who_took_the_application_in(engine: Engine) -> None:
    system = Actor(id="intake-1", role=Role.back_office, office="110000")
    async with gate_service(engine.time_of) as url, gate_at(url, lambda: ISSUER.token(system)) as gate:
        client = CaseClient(engine.client, engine.sealer, stamping=gate)
        clerk = await engine.at_a_post(Actor(id="clerk-31", role=Role.clerk, office="110000"))
        receipt = await client.open(number_change(await engine.insured(), submitter=clerk))
        view = await client.view(receipt.case_id)
        assert (view.submitter, view.submitter_named) == (clerk.id, True)
        nobody = CLERK.model_copy(update={"id": "clerk-at-no-post"})
        with pytest.raises(Refused) as refused:
            await client.open(number_change(await engine.insured(), submitter=nobody))
        assert refused.value.code is Code.SUBMITTER_UNKNOWN
    opened = "SELECT actor, role FROM transitions WHERE case_id = $1 AND version = 0"
    row = await engine.pool.fetchrow(opened, receipt.case_id)
    assert row is not None
    assert tuple(row) == (system.id, system.role)


async def test_a_system_speaks_for_an_applicant_whose_documents_any_clerk_may_verify(engine: Engine) -> None:
    system = Actor(id="app-1", role=Role.back_office, office="110000")
    checked = {"provider": "national-id-app", "at": datetime.now(UTC), "reference": "check/1"}
    online: dict[str, Any] = {"channel": "online", "submitter": {"kind": "applicant"}, "identity": checked}
    application = number_change(await engine.insured(), **online)
    async with gate_service(engine.time_of) as url, gate_at(url, lambda: ISSUER.token(system)) as gate:
        client = CaseClient(engine.client, engine.sealer, stamping=gate)
        receipt = await client.open(application)
        assert await client.open(application) == receipt
        view = await client.view(receipt.case_id)
    assert (view.channel, view.submitter_kind, view.submitter) == ("online", "applicant", None)
    async with gate_service(engine.time_of) as url, gate_at(url, lambda: ISSUER.token(CLERK)) as gate:
        client = CaseClient(engine.client, engine.sealer, stamping=gate)
        copies = tuple(document.sha256 for document in view.documents)
        await client.tell(receipt.case_id, VerifyDocuments(actor=CLERK, original_seen=True, copies=copies))
        with pytest.raises(Refused) as refused:
            await client.open(number_change(await engine.insured(), submitter={"kind": "applicant"}))
    assert refused.value.code is Code.STAMP_MISMATCH


async def test_a_token_of_somebody_elses_provider_opens_nothing(engine: Engine) -> None:
    async with gate_service() as url, gate_at(url, lambda: Issuer().token(CLERK)) as gate:
        with pytest.raises(Refused) as refused:
            await CaseClient(engine.client, engine.sealer, stamping=gate).open(number_change(await engine.insured()))
    assert refused.value.code is Code.IDENTITY_INVALID


async def test_what_was_refused_once_is_judged_anew_when_it_is_handed_in_again(engine: Engine) -> None:
    system = Actor(id="intake-1", role=Role.back_office, office="110000")
    clerk = Actor(id="clerk-not-yet-known", role=Role.clerk, office="110000")
    application = number_change(await engine.insured(), submitter=clerk)
    async with gate_service(engine.time_of) as url, gate_at(url, lambda: ISSUER.token(system)) as gate:
        client = CaseClient(engine.client, engine.sealer, stamping=gate)
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                await client.open(application)
            assert refused.value.code is Code.SUBMITTER_UNKNOWN
        await engine.at_a_post(clerk)
        receipt = await client.open(application)
        assert await client.open(application) == receipt
    assert receipt.status is Status.in_review
