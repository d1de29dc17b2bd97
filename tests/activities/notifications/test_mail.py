"""Mail through a relay with TLS and a login, which is a real one with a certificate made for the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from activities.notifications.providers import Parcel, Verdict
from activities.notifications.providers.configured import providers_of
from activities.notifications.providers.mail import Mail, Relay
from activities.notifications.settings import NotificationSettings
from cases.delivery import Channel
from cases.errors import Code

HOST = "127.0.0.1"
USER, PASSWORD = "cards", "synthetic-password"
PARCEL = Parcel("0" * 64, Channel.mail, "clerk@example.invalid", "主题", "正文 body")


@dataclass(frozen=True)
class Certificate:
    """A certificate of the relay's own, and the key to it."""

    chain: Path
    key: Path

    @property
    def context(self) -> ssl.SSLContext:
        """What the relay shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


def certificate(folder: Path, name: x509.GeneralName) -> Certificate:
    """A throw-away certificate for one host, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.invalid")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    chain, secret = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Certificate(chain, secret)


@dataclass
class Office:
    """A relay that takes mail of those who log in, over TLS only."""

    port: int = 0
    mails: list[tuple[str, bytes]] = field(default_factory=list)
    """Whom each was for, and what arrived."""
    logins: list[tuple[bytes, bool]] = field(default_factory=list)
    """Who tried, and whether over TLS."""

    def let_in(self, server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        """Whether the login is right."""
        assert isinstance(given, LoginPassword)
        assert server.transport is not None
        self.logins.append((given.login, server.transport.get_extra_info("sslcontext") is not None))
        return AuthResult(success=given == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        """Take a mail of whoever has logged in."""
        if not session.authenticated:
            return "530 5.7.0 authentication required"
        assert isinstance(envelope.content, bytes)
        self.mails.append((",".join(envelope.rcpt_tos), envelope.content))
        return "250 2.0.0 accepted"


Opened: TypeAlias = AbstractAsyncContextManager[Office]


@asynccontextmanager
async def smtps(of: Certificate) -> AsyncIterator[Office]:
    """TLS from the first byte."""
    office = Office()
    async with _listening(office, ssl=of.context, auth_require_tls=False) as opened:
        yield opened


@asynccontextmanager
async def starttls(of: Certificate) -> AsyncIterator[Office]:
    """TLS when it is asked for, and nothing without."""
    office = Office()
    async with _listening(office, tls_context=of.context, require_starttls=True) as opened:
        yield opened


@asynccontextmanager
async def in_clear() -> AsyncIterator[Office]:
    """No TLS, as a relay looks whose offer of it somebody takes out of the conversation."""
    office = Office()
    async with _listening(office, auth_require_tls=False) as opened:
        yield opened


@asynccontextmanager
async def _listening(office: Office, *, ssl: ssl.SSLContext | None = None, **how: Any) -> AsyncIterator[Office]:
    connections: list[SMTP] = []

    def connected() -> SMTP:
        connections.append(SMTP(office, hostname="relay.invalid", authenticator=office.let_in, **how))
        return connections[-1]

    server = await asyncio.get_running_loop().create_server(connected, HOST, 0, ssl=ssl)
    async with server:
        office.port = server.sockets[0].getsockname()[1]
        yield office
        for connection in connections:
            if isinstance(connection.transport, asyncio.WriteTransport):
                connection.transport.abort()


@pytest.fixture
def trusted(tmp_path: Path) -> Certificate:
    return certificate(tmp_path / "trusted", x509.IPAddress(IPv4Address(HOST)))


def relay(office: Office, trust: Path | None, *, tls: bool, **more: Any) -> Relay:
    known = Relay(
        HOST, office.port, sender="cards@example.invalid", tls=tls, user=USER, password=PASSWORD, starttls=True
    )
    return replace(known, trust=trust, **more)


WAYS = [pytest.param(smtps, True, id="smtps"), pytest.param(starttls, False, id="starttls")]


@pytest.mark.parametrize(("way", "tls"), WAYS)
async def test_mail_is_handed_over_encrypted_and_after_a_login(
    trusted: Certificate,
    way: Callable[[Certificate], Opened],
    tls: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with way(trusted) as office:
        answer = await Mail(relay(office, trusted.chain, tls=tls)).send(PARCEL)
    assert answer.verdict is Verdict.accepted
    assert office.logins == [(USER.encode(), True)]
    ((to, content),) = office.mails
    mail = message_from_bytes(content, policy=policy.default)
    assert (to, mail["Subject"], mail["Message-ID"]) == (PARCEL.address, "主题", f"<{PARCEL.key}@example.invalid>")


@pytest.mark.parametrize(("way", "tls"), WAYS)
async def test_a_wrong_password_waits_for_whoever_mends_the_settings(
    trusted: Certificate,
    way: Callable[[Certificate], Opened],
    tls: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with way(trusted) as office:
        answer = await Mail(relay(office, trusted.chain, tls=tls, password="another")).send(PARCEL)  # noqa: S106 - a wrong one
    assert (answer.verdict, answer.code) == (Verdict.postponed, Code.CHANNEL_NOT_AUTHORISED)
    assert office.mails == []


@pytest.mark.parametrize(("way", "tls"), WAYS)
@pytest.mark.parametrize("whose", ["of nobody we know", "of another host"])
async def test_a_relay_that_cannot_prove_who_it_is_learns_neither_password_nor_message(
    trusted: Certificate,
    tmp_path: Path,
    way: Callable[[Certificate], Opened],
    tls: bool,  # noqa: FBT001 - a parameter of the test
    whose: str,
) -> None:
    shown = certificate(tmp_path / "shown", x509.DNSName("another.invalid"))
    trust = trusted.chain if whose == "of nobody we know" else shown.chain
    async with way(shown) as office:
        answer = await Mail(relay(office, trust, tls=tls)).send(PARCEL)
    assert answer.verdict is Verdict.postponed
    assert (office.logins, office.mails) == ([], [])


async def test_a_relay_that_offers_no_tls_learns_neither_password_nor_message(trusted: Certificate) -> None:
    async with in_clear() as office:
        answer = await Mail(relay(office, trusted.chain, tls=False)).send(PARCEL)
    assert answer.verdict is Verdict.postponed
    assert (office.logins, office.mails) == ([], [])


async def test_settings_name_the_relay_its_login_and_who_vouches_for_it(trusted: Certificate, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD, encoding="ascii")
    async with smtps(trusted) as office:
        settings = NotificationSettings(
            mail_url=f"smtps://{HOST}:{office.port}",
            mail_sender="cards@example.invalid",
            mail_user=USER,
            mail_password_file=secret,
            mail_trust_file=trusted.chain,
        )
        async with providers_of(settings) as providers:
            answer = await providers[Channel.mail].send(PARCEL)
    assert answer.verdict is Verdict.accepted
    assert office.logins == [(USER.encode(), True)]
