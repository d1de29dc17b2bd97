import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from activities.notifications.callbacks import Signature
from activities.notifications.listening import BODY_BYTES, SIGNATURE, TIMESTAMP, serve_callbacks
from cases.delivery import Channel
from stack.receivers import Receivers
from stack.tray import Fault, Script
from tests.activities.notifications.telling import Telling

SECRET = b"synthetic-secret-of-a-test"


@pytest_asyncio.fixture
async def url(telling: Telling) -> AsyncIterator[str]:
    async with serve_callbacks("127.0.0.1", 0, SECRET, telling.pool) as port:
        yield f"http://127.0.0.1:{port}/callbacks"


async def tell(url: str, body: bytes, secret: bytes = SECRET, timestamp: str | None = None) -> tuple[int, Any]:
    signature = Signature.of(secret, timestamp or str(int(time.time())), body)
    headers = {TIMESTAMP: signature.timestamp, SIGNATURE: signature.mac}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, await response.json()


def receipt(key: str, **more: Any) -> bytes:
    return json.dumps(
        {"event_id": "e-1", "key": key, "what": "delivered", "at": "2026-08-25T04:00:00Z"} | more
    ).encode()


async def test_a_signed_receipt_is_kept_once(telling: Telling, url: str) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms))
    await telling.deliver(notification)
    body = receipt(await telling.key(notification, Channel.sms))
    assert await tell(url, body) == (200, {"kept": True, "news": True})
    assert await tell(url, body) == (200, {"kept": True, "news": False})
    assert await telling.standing(notification) == "delivered"


async def test_what_is_not_signed_is_late_or_has_no_form_changes_nothing(telling: Telling, url: str) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms))
    await telling.deliver(notification)
    key = await telling.key(notification, Channel.sms)
    assert await tell(url, receipt(key), b"another") == (401, {"code": "CALLBACK_UNAUTHENTIC"})
    assert await tell(url, receipt(key), timestamp="1000") == (401, {"code": "CALLBACK_EXPIRED"})
    assert await tell(url, receipt("f" * 64)) == (404, {"code": "CALLBACK_UNKNOWN"})
    for body in (
        b"",
        b"[]",
        b"{",
        receipt(key, what="lost"),
        receipt(key, more=1),
        receipt(key, event_id="\n"),
        receipt(key, at="2026-08-25"),
        receipt("short"),
    ):
        assert await tell(url, body) == (400, {"code": "PAYLOAD_INVALID"})
    assert await tell(url, b" " * (BODY_BYTES + 1)) == (413, {"code": "REQUEST_TOO_LARGE"})
    assert await telling.standing(notification) == "accepted"


async def test_a_callback_without_any_signature_is_refused(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(url, data=b"{}") as response:
        assert response.status == 401


async def test_the_stacks_own_providers_tell_of_what_they_accepted(telling: Telling, url: str) -> None:
    receivers: Receivers = telling.receivers
    receivers.callback_url, receivers._secret = url, SECRET
    receivers.tray.script = Script(repeated_callbacks=1.0)
    ids = [await telling.invited(await telling.applicant(channel)) for channel in (Channel.sms, Channel.mail)]
    await telling.deliver(*ids)
    await receivers.told_all()
    assert [await telling.standing(notification) for notification in ids] == ["delivered", "delivered"]
    assert len(await telling.rows("SELECT FROM callbacks")) == 2


async def test_the_tray_is_a_page_that_shows_every_call_and_no_whole_address(telling: Telling) -> None:
    person = await telling.applicant(Channel.sms)
    await telling.deliver(await telling.invited(person))
    telling.receivers.tray.take("sms", "k", "19900000042", "<script>", None)
    async with aiohttp.ClientSession() as session:
        async with session.get(telling.receivers.tray_url) as response:
            page = await response.text()
        told = {"next": ["error"], "rates": {"hang": 0.5}}
        async with session.post(f"{telling.receivers.tray_url}script", json=told) as response:
            assert response.status == 200
        async with session.post(f"{telling.receivers.tray_url}script", json={"next": ["none"]}) as response:
            assert response.status == 400
    assert "2026年8月31日（周一）24时前" in page
    assert "…0042" in page
    assert "19900000042" not in page
    assert "<script>" not in page


@pytest.mark.parametrize("seed", [1, 2])
def test_a_script_misbehaves_the_same_way_for_the_same_seed(seed: int) -> None:
    def drawn() -> list[Fault | None]:
        script = Script({Fault.error: 0.3, Fault.hang: 0.1, Fault.cut: 0.1}, seed=seed)
        return [script.fault() for _ in range(1000)]

    assert drawn() == drawn()
    assert 250 < drawn().count(Fault.error) < 350
    assert 60 < drawn().count(Fault.hang) < 140
