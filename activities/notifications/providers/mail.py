"""Mail over SMTP.

The key is the message's ID (RFC 5322, 3.6.4): whoever gets the message twice can tell, and a relay that keeps IDs
accepts it once. Bounces come back as callbacks of the relay.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Final

import aiosmtplib

from activities.notifications.providers.answers import (
    Answer,
    Parcel,
    accepted,
    postponed,
    refused,
    unknown,
)
from cases.errors import Code

KEY_HEADER: Final = "X-Idempotency-Key"
ROUND_HEADER: Final = "X-Idempotency-Round"
_SECONDS: Final = 5.0
_PERMANENT: Final = 500
_NO_SUCH_MAILBOX: Final = frozenset({550, 551, 553})


@dataclass(frozen=True)
class Relay:
    """The relay that takes mail."""

    host: str
    port: int
    sender: str
    tls: bool = False
    """TLS from the first byte; otherwise STARTTLS wherever the relay offers it."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = False
    """Refuse to hand mail over without STARTTLS."""
    trust: Path | None = None
    """Certificates (PEM) that vouch for the relay; without a file, those of the system do."""


class Mail:
    """Templated mail through a relay; one connection for each message, which is what the pace allows for."""

    name = "smtp"

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def send(self, parcel: Parcel) -> Answer:
        """Hand the message to the relay."""
        if not _is_address(parcel.address):
            return refused(Code.ADDRESS_INVALID)
        client = self._client()
        try:
            try:
                await client.connect()
            except aiosmtplib.SMTPAuthenticationError:
                return postponed(Code.CHANNEL_NOT_AUTHORISED)
            except (aiosmtplib.SMTPException, OSError):
                return postponed()
            return await self._hand_over(client, parcel)
        finally:
            client.close()

    async def _hand_over(self, client: aiosmtplib.SMTP, parcel: Parcel) -> Answer:
        message = self._message(parcel)
        try:
            await client.mail(self._relay.sender)
            await client.rcpt(parcel.address)
        except aiosmtplib.SMTPSenderRefused:
            return postponed(Code.CHANNEL_NOT_AUTHORISED)
        except aiosmtplib.SMTPResponseException as answer:
            return _of(answer)
        except (aiosmtplib.SMTPException, OSError):
            # It was not even told the message.
            return postponed()
        try:
            await client.data(message.as_bytes())
        except aiosmtplib.SMTPResponseException as answer:
            return _of(answer)
        except (aiosmtplib.SMTPException, OSError):
            return unknown()
        return accepted(str(message["Message-ID"]))

    def _client(self) -> aiosmtplib.SMTP:
        relay = self._relay
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls,
            start_tls=None if not relay.starttls or relay.tls else True,
            cert_bundle=None if relay.trust is None else str(relay.trust),
            username=relay.user,
            password=relay.password,
            timeout=_SECONDS,
            local_hostname="cardcase.invalid",
        )

    def _message(self, parcel: Parcel) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._relay.sender
        message["To"] = parcel.address
        message["Subject"] = parcel.subject
        message["Date"] = datetime.now(UTC)
        again = f".{parcel.round}" if parcel.round > 1 else ""
        message["Message-ID"] = f"<{parcel.key}{again}@{self._relay.sender.rpartition('@')[2]}>"
        message[KEY_HEADER] = parcel.key
        if again:
            message[ROUND_HEADER] = str(parcel.round)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(parcel.body, cte="base64")
        return message


def _of(answer: aiosmtplib.SMTPResponseException) -> Answer:
    if answer.code < _PERMANENT:
        return postponed(Code.CHANNEL_BUSY)
    return refused(Code.ADDRESS_INVALID if answer.code in _NO_SUCH_MAILBOX else Code.CHANNEL_REFUSED)


def _is_address(address: str) -> bool:
    return parseaddr(address) == ("", address) and address.isascii() and address.count("@") == 1 and " " not in address
