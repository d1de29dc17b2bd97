"""Settings of the providers by which notifications leave.

A channel is served where its provider is configured. Secrets come from files that only their owner can read.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from activities.addresses import NO_TLS, is_private, read_url
from activities.notifications import callback_secrets
from activities.setting import Fault, fault_of_secret, split_list
from cases.delivery import Channel

CHATS: Final = frozenset({Channel.dingtalk, Channel.wecom, Channel.feishu})
MAIL_PORTS: Final = {"smtp": 587, "smtps": 465}


class NotificationSettings(BaseModel):
    """Settings of the providers; none is needed to start."""

    sms_url: str | None = None
    """Where the gateway for text messages takes them."""
    sms_token_file: Path | None = None
    """The gateway's token."""
    sms_per_second: Annotated[float, Field(gt=0, le=1000)] = 20.0
    mail_url: str | None = None
    """smtp://host:port or smtps://host:port of the mail relay."""
    mail_sender: str | None = None
    """The address that mail comes from."""
    mail_user: str | None = None
    mail_password_file: Path | None = None
    mail_trust_file: Path | None = None
    """Certificates (PEM) that vouch for the relay, where those of the system do not."""
    mail_per_second: Annotated[float, Field(gt=0, le=1000)] = 10.0
    chat_channels: Annotated[frozenset[Channel], BeforeValidator(split_list)] = frozenset()
    """Which of dingtalk, wecom and feishu are used, with commas between."""
    chat_relay_url: str | None = None
    """A relay for chats, where nothing else may leave the network."""
    chat_per_second: Annotated[float, Field(gt=0, le=1000)] = 0.3
    """Of each service; robots of all three are cut off at twenty messages a minute."""
    webhook_hosts: Annotated[frozenset[str], BeforeValidator(split_list)] = frozenset()
    """Hosts, with their ports, that webhooks may be called at, with commas between."""
    webhook_per_second: Annotated[float, Field(gt=0, le=1000)] = 10.0
    callback_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port on which providers tell of receipts and bounces; 0 takes a free one, none listens."""
    callback_host: str = "127.0.0.1"
    callback_secrets: Path | None = None
    """A folder of secrets, a file for each channel and by its name: with it the channel's provider signs callbacks."""

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: Any) -> Any:
        # Compose files and charts hand every variable on, those that nobody set as empty ones.
        if not isinstance(given, dict):
            return given
        ours = NotificationSettings.model_fields
        return {name: value for name, value in given.items() if value != "" or name not in ours}

    def faults(self, *, production: bool) -> Iterator[Fault]:
        """Everything that keeps a provider from being used; no value."""
        yield from self._faults_of_urls(production=production)
        if self.mail_url is not None and self.mail_sender is None:
            yield Fault("mail_sender", "is not set", "Set the address that mail comes from")
        if self.mail_sender is not None and "@" not in self.mail_sender:
            yield Fault("mail_sender", "is no mail address", "Correct it")
        if not self.chat_channels <= CHATS:
            yield Fault("chat_channels", "names what is no chat", "Choose among dingtalk, wecom, feishu")
        for needed_by, field, name in (
            (self.sms_url, self.sms_token_file, "sms_token_file"),
            (self.mail_user, self.mail_password_file, "mail_password_file"),
        ):
            if needed_by is not None and field is None:
                yield Fault(name, "is not set", "Name a file that only its owner can read")
            elif field is not None and (fault := fault_of_secret(field)) is not None:
                yield Fault(name, fault, "Mend the file, and run chmod 600")
        if self.mail_trust_file is not None and not _vouches(self.mail_trust_file):
            yield Fault("mail_trust_file", "holds no certificates", "Name a readable file of certificates in PEM")
        fault = self._fault_of_callbacks()
        if fault is not None:
            yield Fault("callback_secrets", fault, _ONE_EACH)

    def _fault_of_callbacks(self) -> str | None:
        if self.callback_secrets is not None:
            return callback_secrets.fault_of(self.callback_secrets)
        return None if self.callback_port is None else "is not set"

    def _faults_of_urls(self, *, production: bool) -> Iterator[Fault]:
        for name, url, schemes in (
            ("sms_url", self.sms_url, {"http", "https"}),
            ("chat_relay_url", self.chat_relay_url, {"http", "https"}),
            ("mail_url", self.mail_url, set(MAIL_PORTS)),
        ):
            if url is None:
                continue
            parts = read_url(url)
            if parts is None or parts.scheme not in schemes:
                yield Fault(name, "is no URL of this provider", f"Begin it with {' or '.join(sorted(schemes))}://host")
            # With smtp:// mail is handed over after STARTTLS only.
            elif production and parts.scheme != "smtp" and not is_private(parts.scheme, parts.hostname or ""):
                yield Fault(name, NO_TLS, "Use https://")

    def paces(self) -> dict[Channel, float]:
        """Calls a second that each provider takes."""
        return {
            Channel.sms: self.sms_per_second,
            Channel.mail: self.mail_per_second,
            Channel.webhook: self.webhook_per_second,
            **dict.fromkeys(CHATS, self.chat_per_second),
        }

    def secrets_of_callbacks(self) -> dict[Channel, bytes]:
        """The secret with which the provider of each channel signs callbacks; none where none is configured."""
        return {} if self.callback_secrets is None else callback_secrets.read(self.callback_secrets)


_ONE_EACH: Final = "Name a folder that only its owner can read, with a file of its own for each channel: sms, mail, …"


def _vouches(path: Path) -> bool:
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError):
        # OpenSSL's errors are errors of the system to Python.
        return False
    return True
