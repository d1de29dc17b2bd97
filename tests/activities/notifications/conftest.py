"""A register with people and offices, real providers on free ports, and somebody who tells them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from activities.notifications.providers.chat import Chat
from activities.notifications.providers.http import open_session
from activities.notifications.providers.mail import Mail, Relay
from activities.notifications.providers.text_messages import TextMessages
from activities.registry.pool import Pool
from activities.sealing import Sealer
from cases.delivery import Channel
from stack.receivers import Receivers
from tests.activities.notifications.telling import Telling

TOKEN = "synthetic"  # noqa: S105 - of receivers that run for one test


@pytest_asyncio.fixture
async def receivers() -> AsyncIterator[Receivers]:
    async with Receivers(token=TOKEN) as running:
        yield running


@pytest_asyncio.fixture
async def telling(pool: Pool, sealer: Sealer, receivers: Receivers) -> AsyncIterator[Telling]:
    async with open_session() as session:
        host, _, port = receivers.mail_url.removeprefix("smtp://").partition(":")
        providers: dict[Channel, Any] = {
            Channel.sms: TextMessages(session, receivers.sms_url, TOKEN),
            Channel.mail: Mail(Relay(host, int(port), sender="cards@example.invalid")),
            Channel.webhook: Chat(session, Channel.webhook, hosts=frozenset({receivers.webhook_host})),
            **{
                channel: Chat(session, channel, relay=receivers.relay_url)
                for channel in (Channel.dingtalk, Channel.wecom, Channel.feishu)
            },
        }
        yield Telling(pool, sealer, receivers, providers)
