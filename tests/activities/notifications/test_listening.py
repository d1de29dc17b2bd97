import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from activities.notifications.callbacks import Signature
from activities.notifications.listening import BODY_BYTES, MOST_CONNECTIONS, SIGNATURE, TIMESTAMP, serve_callbacks
from activities.registry.clock import RegisterTime
from cases.delivery import Channel
from stack.receivers import Receivers
from stack.tray import Fault, Script
from tests.activities.notifications.telling import Telling

SECRET = b"synthetic-secret-of-a-test"
SECRETS = {Channel.sms: SECRET, Channel.mail: b"synthetic-secret-of-another"}


@pytest_asyncio.fixture
async def url(telling: Telling) -> AsyncIterator[str]:
    async with serve_callbacks("127.0.0.1", 0, SECRETS, telling.pool) as port:
        yield f"http://127.0.0.1:{port}/callbacks"


@pytest.fixture
def sms(url: str) -> str:
    """Where the gateway for text messages tells of them."""
    return f"{url}/sms"


async def tell(url: str, body: bytes, secret: bytes = SECRET, timestamp: str | None = None) -> tuple[int, Any]:
    signature = Signature.of(secret, timestamp or str(int(time.time())), body)
    headers = {TIMESTAMP: signature.timestamp, SIGNATURE: signature.mac}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, await response.json()


def receipt(key: str, **more: Any) -> bytes:
    return json.dumps(
        {"event_id": "e-1", "key": key, "what": "delivered", "at": "2026-08-25T04:00:00Z"} | more
    ).encode()


async def test_a_signed_receipt_is_kept_once(telling: Telling, sms: str) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms))
    await telling.deliver(notification)
    body = receipt(await telling.key(notification, Channel.sms))
    assert await tell(sms, body) == (200, {"kept": True, "news": True})
    assert await tell(sms, body) == (200, {"kept": True, "news": False})
    assert await telling.standing(notification) == "delivered"


async def test_what_is_not_signed_is_late_or_has_no_form_changes_nothing(telling: Telling, sms: str) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms))
    await telling.deliver(notification)
    key = await telling.key(notification, Channel.sms)
    assert await tell(sms, receipt(key), b"another") == (401, {"code": "CALLBACK_UNAUTHENTIC"})
    assert await tell(sms, receipt(key), timestamp="1000") == (401, {"code": "CALLBACK_EXPIRED"})
    assert await tell(sms, receipt("f" * 64)) == (404, {"code": "CALLBACK_UNKNOWN"})
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
        assert await tell(sms, body) == (400, {"code": "PAYLOAD_INVALID"})
    assert await tell(sms, b" " * (BODY_BYTES + 1)) == (413, {"code": "REQUEST_TOO_LARGE"})
    assert await telling.standing(notification) == "accepted"


@pytest.mark.parametrize("channel", ["sms", "webhook", "none", "SMS", "%00"])
async def test_a_callback_without_any_signature_is_refused(url: str, channel: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/{channel}", data=b"{}") as response:
        assert (response.status, await response.json()) == (401, {"code": "CALLBACK_UNAUTHENTIC"})


@pytest.mark.parametrize("channel", ["webhook", "none", "dingtalk"])
async def test_a_channel_without_a_secret_has_no_empty_one(url: str, channel: str) -> None:
    for secret in (b"", SECRET):
        assert await tell(f"{url}/{channel}", receipt("f" * 64), secret) == (401, {"code": "CALLBACK_UNAUTHENTIC"})


async def test_no_provider_speaks_for_another_one(telling: Telling, url: str) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms))
    await telling.deliver(notification)
    bounced = receipt(await telling.key(notification, Channel.sms), what="bounced")
    # By their own secret they are known, and know nothing of the message; by it they are not the other.
    assert await tell(f"{url}/mail", bounced, SECRETS[Channel.mail]) == (404, {"code": "CALLBACK_UNKNOWN"})
    assert await tell(f"{url}/sms", bounced, SECRETS[Channel.mail]) == (401, {"code": "CALLBACK_UNAUTHENTIC"})
    assert await telling.standing(notification) == "accepted"
    assert await telling.value("SELECT bool_and(valid) FROM contacts")
    assert await tell(f"{url}/sms", bounced) == (200, {"kept": True, "news": True})


async def test_the_register_is_asked_nothing_for_whoever_has_not_signed(
    sms: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(_self: RegisterTime) -> None:
        raise AssertionError("the register is asked")

    monkeypatch.setattr(RegisterTime, "now", asked)
    assert await tell(sms, receipt("f" * 64), b"another") == (401, {"code": "CALLBACK_UNAUTHENTIC"})


async def test_whoever_keeps_connections_without_a_request_keeps_no_provider_out(url: str) -> None:
    port = urlsplit(url).port or 0
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CONNECTIONS + 5)]
    assert await tell(f"{url}/sms", receipt("f" * 64)) == (404, {"code": "CALLBACK_UNKNOWN"})
    for _, writer in idle:
        writer.close()


async def test_the_stacks_own_providers_tell_of_what_they_accepted(telling: Telling, url: str) -> None:
    receivers: Receivers = telling.receivers
    receivers.callback_url, receivers._secrets = url, SECRETS
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
    # A text message names the year where it is another.
    assert "8月31日（周一）24时前" in page
    assert "…42" in page
    assert "0042" not in page
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
