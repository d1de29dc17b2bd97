"""The local stack's providers: text messages, chats and webhooks over HTTP, and mail over SMTP.

They listen on 127.0.0.1, keep everything in one tray, and send receipts. The tray is a page at `/`; what is posted to
`/script` makes them misbehave.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from activities.notifications import callback_secrets
from cases.delivery import Channel
from stack.ports import LOOPBACK
from stack.tray import Fault, Script, Tray, text_of

KEY_HEADER: Final = "Idempotency-Key"
ROUND_HEADER: Final = "Idempotency-Round"
MAIL_KEY_HEADER: Final = "X-Idempotency-Key"
MAIL_ROUND_HEADER: Final = "X-Idempotency-Round"

_CALLBACK_TRIES: Final = 20
_CHUNK: Final = b" " * 4096

# It logs every line of every mail.
logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)


def secrets_of_receipts(folder: Path) -> dict[Channel, bytes]:
    """The secret with which each channel's provider signs receipts; made at the first start."""
    callback_secrets.begin(folder)
    return callback_secrets.read(folder)


class Receivers:
    """Providers to call, for the length of a block: `async with Receivers() as receivers`.

    Receipts go to `callback_url`, once it is known, signed with the secret of the channel (`secrets`).
    """

    def __init__(
        self,
        tray: Tray | None = None,
        *,
        http_port: int = 0,
        smtp_port: int = 0,
        token: str = "",
        callback_url: str | None = None,
        secrets: Mapping[Channel, bytes] = MappingProxyType({}),
    ) -> None:
        self.tray = tray or Tray()
        self.callback_url = callback_url
        self.receipts_told = 0
        """Receipts, those that were told twice counted twice."""
        self._token = token
        self._secrets = secrets
        self._http_port = http_port
        self._smtp_port = smtp_port
        self._running = AsyncExitStack()
        self._receipts: set[asyncio.Task[None]] = set()
        self._connected: deque[SMTP] = deque(maxlen=1000)
        self._site: web.TCPSite | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; receipts that were not told yet are dropped."""
        for receipt in self._receipts:
            receipt.cancel()
        await asyncio.gather(*self._receipts, return_exceptions=True)
        await self._running.aclose()

    @property
    def tray_url(self) -> str:
        """The tray's page."""
        return f"http://{LOOPBACK}:{self._http_port}/"

    @property
    def sms_url(self) -> str:
        """The gateway for text messages."""
        return f"{self.tray_url}sms"

    @property
    def relay_url(self) -> str:
        """The chat relay."""
        return f"{self.tray_url}relay"

    @property
    def webhook_host(self) -> str:
        """Host and port of webhooks; any path under `/hook`."""
        return f"{LOOPBACK}:{self._http_port}"

    @property
    def mail_url(self) -> str:
        """The mail relay."""
        return f"smtp://{LOOPBACK}:{self._smtp_port}"

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Refuse connections over HTTP for the length of a block, as a provider that is down. Mail goes on."""
        if self._site is None or self._runner is None:
            raise RuntimeError("the receivers are not started")
        await self._site.stop()
        try:
            yield
        finally:
            self._site = web.TCPSite(self._runner, LOOPBACK, self._http_port)
            await self._site.start()

    async def told_all(self) -> None:
        """Wait until every receipt so far is told."""
        while self._receipts:
            await asyncio.wait(self._receipts)

    async def _start(self) -> None:
        application = web.Application(client_max_size=1 << 20)
        application.add_routes(
            [
                web.get("/", self._page),
                web.post("/script", self._take_script),
                web.post("/sms", self._sms),
                web.post("/relay/{host}/{path:.*}", self._chat),
                web.post("/hook{path:.*}", self._hook),
            ]
        )
        # What hangs must not keep the stack from ending.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        self._running.push_async_callback(self._runner.cleanup)
        self._site = web.TCPSite(self._runner, LOOPBACK, self._http_port)
        await self._site.start()
        self._http_port = self._runner.addresses[0][1]
        self._calling = await self._running.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        )
        server = await asyncio.get_running_loop().create_server(self._smtp, LOOPBACK, self._smtp_port)
        self._smtp_port = server.sockets[0].getsockname()[1]
        self._running.callback(server.close)
        self._running.callback(self._hang_up)

    # --- HTTP -------------------------------------------------------------------------------------------------------

    async def _page(self, _request: web.Request) -> web.Response:
        headers = {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            "Cache-Control": "no-store",
        }
        return web.Response(text=self.tray.page(), content_type="text/html", headers=headers)

    async def _take_script(self, request: web.Request) -> web.Response:
        """`{"next": ["error", …], "rates": {"hang": 0.1}}`."""
        try:
            told = await request.json()
            self.tray.script = Script(
                rates={Fault(name): float(rate) for name, rate in told.get("rates", {}).items()},
                repeated_callbacks=float(told.get("repeated_callbacks", 0)),
                seed=int(told.get("seed", 0)),
            )
            self.tray.script.next.extend(Fault(name) for name in told.get("next", []))
        except (ValueError, TypeError, AttributeError):
            return web.json_response({"faults": list(Fault)}, status=400)
        return web.json_response({"scripted": True})

    async def _sms(self, request: web.Request) -> web.StreamResponse:
        if self._token and request.headers.get("Authorization") != f"Bearer {self._token}":
            return web.json_response({"code": "UNAUTHORISED"}, status=401)
        told = await request.json()
        key = _key_of(request)
        return await self._answer(request, "sms", key, told["to"], told["text"], {"code": "OK", "id": key[:16]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        host = request.match_info["host"]
        channel = _CHATS.get(host, host)
        told = await request.json()
        content = told.get("text") or told.get("content") or {}
        text = content.get("content") or content.get("text") or ""
        done = {"code": 0, "msg": "success"} if channel == "feishu" else {"errcode": 0, "errmsg": "ok"}
        return await self._answer(request, channel, _key_of(request), request.path_qs, text, done)

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        text = text_of((told.get("title", ""), told.get("message", "")))
        return await self._answer(request, "webhook", _key_of(request), request.path, text, {"ok": True})

    async def _answer(
        self, request: web.Request, channel: str, key: str, to: str, text: str, done: dict[str, Any]
    ) -> web.StreamResponse:
        script = self.tray.script
        fault = script.fault()
        if self.tray.take(channel, key, to, text, fault):
            self._send_receipt(channel, key)
        match fault:
            case None:
                return web.json_response(done)
            case Fault.hang:
                await asyncio.sleep(script.hang_seconds)
                return web.Response(status=500)
            case Fault.cut:
                return _cut(request)
            case Fault.endless:
                return await _endless(request)
            case _:
                status, body = _ANSWERS[fault]
                headers = {"Retry-After": str(script.retry_after)} if fault is Fault.busy else None
                return web.json_response(body, status=status, headers=headers)

    # --- SMTP -------------------------------------------------------------------------------------------------------

    def _smtp(self) -> SMTP:
        connected = SMTP(self, hostname="tray.invalid", data_size_limit=1 << 20, enable_SMTPUTF8=False)
        self._connected.append(connected)
        return connected

    def _hang_up(self) -> None:
        for connected in self._connected:
            if isinstance(connected.transport, asyncio.WriteTransport):
                connected.transport.abort()

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        """Take a mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        script = self.tray.script
        fault = script.fault()
        body = mail.get_body()
        text = text_of((str(mail["Subject"]), body.get_content() if body is not None else ""))
        key = _joined(str(mail[MAIL_KEY_HEADER]).strip(), mail[MAIL_ROUND_HEADER])
        if self.tray.take("mail", key, ",".join(envelope.rcpt_tos), text, fault):
            self._send_receipt("mail", key)
        if fault in {Fault.hang, Fault.endless}:
            await asyncio.sleep(script.hang_seconds)
        if fault is Fault.cut and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return _REPLIES.get(fault, "451 4.3.0 try again")

    # --- receipts ---------------------------------------------------------------------------------------------------

    def _send_receipt(self, channel: str, key: str) -> None:
        if self.callback_url is None:
            return
        for _ in range(self.tray.script.callbacks()):
            self.receipts_told += 1
            receipt = asyncio.create_task(self._tell(channel, key, "delivered", f"delivered-{key}"))
            self._receipts.add(receipt)
            receipt.add_done_callback(self._receipts.discard)

    async def _tell(self, channel: str, key: str, what: str, event_id: str) -> None:
        """Tell until somebody listens, as providers do."""
        for attempt in range(_CALLBACK_TRIES):
            try:
                if await self.tell(channel, key, what, event_id) < web.HTTPInternalServerError.status_code:
                    return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.1 * (attempt + 1))

    async def tell(self, channel: str, key: str, what: str, event_id: str) -> int:
        """Tell of one message: `delivered`, `failed` or `bounced`. Answers the status."""
        plain, _, round_ = key.partition(_ROUND)
        told: dict[str, Any] = {"event_id": event_id, "key": plain, "what": what, "at": datetime.now(UTC).isoformat()}
        if round_:
            told["round"] = int(round_)
        body = json.dumps(told).encode()
        timestamp = str(int(time.time()))
        secret = self._secrets.get(Channel(channel), b"")
        mac = hmac.digest(secret, timestamp.encode() + b"." + body, hashlib.sha256).hex()
        headers = {"X-Cardcase-Timestamp": timestamp, "X-Cardcase-Signature": mac, "Content-Type": "application/json"}
        async with self._calling.post(f"{self.callback_url}/{channel}", data=body, headers=headers) as response:
            return response.status


_ANSWERS: Final[dict[Fault, tuple[int, dict[str, Any]]]] = {
    Fault.error: (500, {"code": "INTERNAL"}),
    Fault.busy: (429, {}),
    Fault.error_body: (200, {"code": "QUOTA", "errcode": 88, "error": "quota"}),
    Fault.refused: (400, {"code": "ADDRESS_INVALID"}),
    Fault.unauthorised: (401, {"code": "UNAUTHORISED"}),
}
_REPLIES: Final[dict[Fault | None, str]] = {
    None: "250 2.0.0 accepted",
    Fault.cut: "250 2.0.0 accepted",
    Fault.refused: "550 5.1.1 no such mailbox",
    Fault.unauthorised: "530 5.7.0 authentication required",
}
_CHATS: Final = {"oapi.dingtalk.com": "dingtalk", "qyapi.weixin.qq.com": "wecom", "open.feishu.cn": "feishu"}


_ROUND: Final = "."


def _key_of(request: web.Request) -> str:
    return _joined(request.headers[KEY_HEADER], request.headers.get(ROUND_HEADER))


def _joined(key: str, round_: str | None) -> str:
    """What the tray keeps a message under: its key, and the round from the second on."""
    return key if round_ is None else f"{key}{_ROUND}{round_.strip()}"


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(_CHUNK)
