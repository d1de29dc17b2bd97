"""The providers by which notifications leave, as the settings name them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from activities.addresses import LOOPBACK
from activities.notifications.providers import Provider
from activities.notifications.providers.chat import Chat
from activities.notifications.providers.http import open_session
from activities.notifications.providers.mail import Mail, Relay
from activities.notifications.providers.text_messages import TextMessages
from activities.notifications.settings import MAIL_PORTS, NotificationSettings
from activities.setting import secret_in
from cases.delivery import Channel


@asynccontextmanager
async def providers_of(settings: NotificationSettings) -> AsyncIterator[Mapping[Channel, Provider]]:
    """The configured providers, for the length of a block."""
    async with open_session() as session:
        providers: dict[Channel, Provider] = {
            channel: Chat(session, channel, relay=settings.chat_relay_url) for channel in settings.chat_channels
        }
        if settings.sms_url is not None and settings.sms_token_file is not None:
            providers[Channel.sms] = TextMessages(session, settings.sms_url, secret_in(settings.sms_token_file))
        if settings.mail_url is not None and settings.mail_sender is not None:
            providers[Channel.mail] = Mail(_relay(settings, settings.mail_url, settings.mail_sender))
        if settings.webhook_hosts:
            providers[Channel.webhook] = Chat(session, Channel.webhook, hosts=settings.webhook_hosts)
        yield providers


def _relay(settings: NotificationSettings, url: str, sender: str) -> Relay:
    parts = urlsplit(url)
    host = parts.hostname or ""
    password = None if settings.mail_password_file is None else secret_in(settings.mail_password_file)
    return Relay(
        host=host,
        port=parts.port or MAIL_PORTS[parts.scheme],
        sender=sender,
        tls=parts.scheme == "smtps",
        starttls=host not in LOOPBACK,
        user=settings.mail_user,
        password=password,
        trust=settings.mail_trust_file,
    )
