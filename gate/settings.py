"""Settings of programs that check identity tokens, and of the gate: whether what they name can be used."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from activities.addresses import LOOPBACK, NO_TLS, is_private, is_web, read_url
from activities.setting import EMPTY, fault_of_secret, secret_in, split_list
from cases.errors import CaseError
from gate.stamp_keys import SigningKey
from runtime.identity import KeyFile
from runtime.settings import MAKE_A_PAIR, PREFIX, Problem, Profile, Settings


class IdentitySettings(Settings):
    """Settings of a program that checks identity tokens by itself."""

    def parties(self) -> frozenset[str]:
        """Our own clients of the identity provider: to one of them a token for several audiences was issued."""
        return frozenset({self.identity_audience, self.intake_audience, self.intake_client})

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """The same, the provider's public keys, and that a token for one of our services is none for the other."""
        yield from super().around(known)
        if known.identity_audience == known.intake_audience:
            yield Problem(f"{PREFIX}INTAKE_AUDIENCE", "is that of the gate", "Give each of them an audience of its own")
        name, keys = f"{PREFIX}IDENTITY_KEYS", known.identity_keys
        if keys is not None and "://" in keys:
            if not is_web(keys, may_ask=True):
                yield Problem(name, NO_TLS, "Set it to the provider's jwks_uri, which begins with https://")
        elif keys is not None:
            try:
                KeyFile(Path(keys))
            except CaseError as wrong:
                what = (wrong.field or "").partition(": ")[2]
                yield Problem(name, what, "Set it to the provider's jwks_uri, or to such a file")


class LoginSettings(IdentitySettings):
    """Settings of a program at which people log in."""

    database_url: SecretStr
    key_file: Path
    identity_issuer: str
    identity_keys: str

    def login_secret(self) -> str:
        """The secret of the identity provider's client; empty where there is none."""
        return "" if self.login_secret_file is None else secret_in(self.login_secret_file)

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """The same, and the login's secret."""
        yield from super().around(known)
        file = known.login_secret_file
        if file is not None and (wrong := fault_of_secret(file)) is not None and wrong != EMPTY:
            yield Problem(f"{PREFIX}LOGIN_SECRET_FILE", wrong, "Mend the file, and run chmod 600")


class GateSettings(LoginSettings):
    """Settings of the gate: whom it believes, by which key it stamps, and what it opens for operators.

    It writes down in the register what is revealed to them.
    """

    stamp_key_file: Path
    ui_origins: Annotated[frozenset[str], BeforeValidator(split_list), Field(min_length=1)]

    def public_url(self) -> str:
        """Where browsers reach the gate."""
        return self.codec_url or f"http://{self.codec_host}:{self.codec_port}"

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """The same, the stamping key, and the addresses that browsers are sent to."""
        yield from super().around(known)
        yield from _of_stamp_key(known)
        yield from _of_origins(known)


def _of_stamp_key(settings: Settings) -> Iterator[Problem]:
    if settings.stamp_key_file is None:
        return
    name = f"{PREFIX}STAMP_KEY_FILE"
    try:
        is_sample = SigningKey.load(settings.stamp_key_file).is_sample
    except CaseError as wrong:
        yield Problem(name, (wrong.field or "").partition(": ")[2], MAKE_A_PAIR)
        return
    if is_sample and settings.profile is Profile.production:
        yield Problem(name, "holds the published sample key, by which all can stamp", MAKE_A_PAIR)


def _of_origins(settings: Settings) -> Iterator[Problem]:
    yield from fault_of_origin(settings, "CODEC_URL", settings.codec_url, settings.codec_host)
    for origin in sorted(settings.ui_origins):
        yield from fault_of_origin(settings, "UI_ORIGINS", origin)


def fault_of_origin(settings: Settings, name: str, origin: str | None, host: str = "127.0.0.1") -> Iterator[Problem]:
    """What is wrong with the address at which browsers reach something that listens on a host; None is not set."""
    production = settings.profile is Profile.production
    if origin is None:
        if production and host not in LOOPBACK:
            what = "is not set, and what it is of listens beyond this machine without TLS"
            yield Problem(PREFIX + name, what, "Set it to the https:// of what ends TLS before it")
        return
    scheme, named = _origin(origin)
    if not named:
        yield Problem(PREFIX + name, "is no origin", "Write scheme, host and port: https://host:port")
    elif production and not is_private(scheme, named):
        yield Problem(PREFIX + name, NO_TLS, "Use https://")


def _origin(text: str) -> tuple[str, str]:
    """Scheme and host of an origin; empty for what is none."""
    parts = read_url(text)
    if parts is None or "@" in parts.netloc or f"{parts.scheme}://{parts.netloc}" != text:
        return "", ""
    return (parts.scheme, parts.hostname or "") if parts.scheme in {"http", "https"} else ("", "")
