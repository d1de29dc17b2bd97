"""Settings of every process: `CARDCASE_…` from the environment, and Temporal's own client configuration.

Everything that is wrong is found at once, what the settings name included, and told without its value and with what to
do; misspelt names get the nearest right one. A profile of `production` refuses what is good enough for a laptop.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from activities.addresses import LOOPBACK, NO_REGISTER, NO_TLS, OF_A_REGISTER, fault_of_register, is_web
from activities.notifications.settings import NotificationSettings
from activities.person_keys import DirectoryKeys
from activities.sealing import KeyRing
from activities.setting import fault_of_secret, split_list
from activities.stamps import TrustedKeys
from cases.delivery import Tongue
from cases.errors import CaseError
from cases.policy import PACKS, Policies, Policy, load
from runtime.algorithms import Algorithm
from runtime.keys import MAKE_A_RING, MAKE_A_STORE, fault_of

if TYPE_CHECKING:
    from temporalio.envconfig import ClientConnectConfig

PREFIX: Final = "CARDCASE_"
GATE_PORT: Final = 8235
INTAKE_PORT: Final = 8237
DESK_PORT: Final = 8239
DOCUMENTS_PORT: Final = 8240
MAKE_A_PAIR: Final = "A new pair: python -m gate.stamp_keys new PRIVATE PUBLIC"
KEEP_THE_HISTORY: Final = (
    "It names the file with the gate's public keys, those of before as well (python -m gate.stamp_keys add, retire)"
)
_OFF: Final = "off"


class Profile(StrEnum):
    """How much is allowed: `production` refuses whatever only a laptop may do."""

    local = "local"
    production = "production"


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a process from starting: its name, what is wrong, and how to mend it. No value."""

    name: str
    what: str
    mend: str
    passing: bool = False
    """Nothing has to be corrected: something cannot be reached just now."""

    def __str__(self) -> str:
        return f"{self.name}: {self.what}. {self.mend}"


class Encryption(StrEnum):
    """How payloads may be sealed, as a setting says it."""

    aes_256_gcm = "aes-256-gcm"
    sm4_gcm = "sm4-gcm"

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm that is meant."""
        return Algorithm[self.name]


class Settings(NotificationSettings):
    """Settings that programs share. Each is read from `CARDCASE_` and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    profile: Profile = Profile.production
    """`local` allows what is good enough for a laptop, and is never meant unless it is said."""
    database_url: SecretStr | None = None
    """postgresql://user:password@host:port/name of the register."""
    key_file: Path | None = None
    """Key ring by which names, numbers and whole payloads are sealed; readable by its owner only."""
    person_keys: Path | None = None
    """Folder of the store of persons' keys, outside the register and its backups; readable by its owner only. Without
    one all is sealed under the ring's keys, and nobody can be erased from backups.
    """
    encryption: tuple[Encryption, ...] = (Encryption.aes_256_gcm,)
    """How payloads on their way through Temporal are sealed: by the first that is named; all of them are read.
    `off` leaves them in clear, which is for measurements.
    """
    stamp_trust_file: Path | None = None
    """Public keys of the gates whose stamps a worker believes (a JWK set)."""
    stamp_key_file: Path | None = None
    """The gate's own key, by which it stamps; readable by its owner only, and given to nobody else."""
    identity_issuer: str | None = None
    """Issuer of the identity tokens that the gate accepts: the agency's OIDC provider."""
    identity_audience: str = "cardcase"
    """To whom identity tokens have to be made out."""
    identity_keys: str | None = None
    """The provider's public keys: its `jwks_uri`, or a file with the JWK set."""
    heads_place: str | None = None
    """Where the newest links of the audit are published: a file on a volume of its own, or the https URL of a bucket
    whose objects are locked.
    """
    heads_every: Annotated[float, Field(ge=10, le=300)] = 120.0
    """Seconds after which they are published again; what was written since is not protected from its writers yet."""
    heads_key_file: Path | None = None
    """Of whoever puts objects into that bucket: ID:SECRET; readable by its owner only."""
    heads_region: str = "us-east-1"
    """Region of the bucket, by which requests are signed."""
    heads_kept_days: Annotated[int, Field(ge=200, le=36_500)] = 400
    """Days for which each of its objects is locked."""
    token_file: Path | None = None
    """Token of whoever uses the command line, made out to the intake service, and for upkeep to the gate as well;
    readable by its owner only.
    """
    intake_url: str = f"http://127.0.0.1:{INTAKE_PORT}"
    """Where the command line finds the intake service."""
    client_id: str | None = None
    """A system's own client credential at the identity provider, for the command line, instead of a token file."""
    client_secret_file: Path | None = None
    """The secret of that credential; readable by its owner only."""
    token_url: str | None = None
    """The identity provider's token endpoint, where that credential gets tokens."""
    gate_url: str | None = None
    """Where the gate stamps what the bearer of the token decides."""
    gate_per_second: Annotated[float, Field(gt=0, le=10_000)] = 200.0
    """Requests a second that one subject may make of the gate."""
    gate_burst: Annotated[int, Field(ge=100, le=100_000)] = 1000
    """Requests that one subject may make at once after a pause: a Web UI shows each event of a case by one."""
    gate_event_per_second: Annotated[float, Field(gt=0, le=10_000)] = 50.0
    """Stamps of one event, or of openings, that one subject may get a second."""
    gate_event_burst: Annotated[int, Field(ge=100, le=100_000)] = 500
    """Such stamps that one subject may get at once after a pause; a program asks for up to a hundred with one request.
    """
    gate_processes: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many processes of the gate there are, which share what one subject may ask."""
    codec_host: str = "127.0.0.1"
    """Where the codec server, which is the gate as well, listens."""
    codec_port: Annotated[int, Field(ge=0, le=65535)] = GATE_PORT
    codec_url: str | None = None
    """Where browsers reach the codec server: scheme, host and port. To be said where something before it ends TLS."""
    ui_origins: Annotated[frozenset[str], BeforeValidator(split_list)] = frozenset()
    """Origins of the Web UIs that may call it, scheme, host and port each, with commas between."""
    login_secret_file: Path | None = None
    """The secret that the identity provider gave to the codec server as its client; empty where it gave none."""
    intake_host: str = "127.0.0.1"
    """Where the intake service listens."""
    intake_port: Annotated[int, Field(ge=0, le=65535)] = INTAKE_PORT
    intake_audience: str = "cardcase-intake"
    """To whom access tokens for the intake service have to be made out."""
    intake_client: str = "cardcase-intake"
    """As which client of the identity provider the intake service exchanges its callers' tokens for the gate's."""
    intake_secret_file: Path | None = None
    """The secret that the identity provider gave to that client; readable by its owner only."""
    intake_per_second: Annotated[float, Field(gt=0, le=10_000)] = 50.0
    """Requests a second that one caller may make of the intake service."""
    intake_burst: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Requests that one caller may make at once after a pause."""
    intake_processes: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many intake services there are, which share what one caller may ask."""
    intake_in_flight: Annotated[int, Field(ge=1, le=200)] = 16
    """Rows of registers and batches that one intake service opens and tells at the same time."""
    intake_lease: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Seconds for which a row is left to the service that has begun it; then another one begins it again."""
    sink_hosts: Annotated[frozenset[str], BeforeValidator(split_list)] = frozenset()
    """Hosts to which events may be sent by webhook, with their port where it is not 443, with commas between."""
    webhook_key_file: Path | None = None
    """By which workers sign webhooks (a JWK set of private Ed25519 keys); without it none are sent."""
    webhook_trust_file: Path | None = None
    """Its public half, which the intake service shows to receivers."""
    desk_host: str = "127.0.0.1"
    """Where the desk listens, and beside it the server of documents."""
    desk_port: Annotated[int, Field(ge=0, le=65535)] = DESK_PORT
    desk_url: str | None = None
    """Where browsers reach the desk: scheme, host and port. To be said where something before it ends TLS, and to
    workers, so that what they show of a case leads there."""
    documents_port: Annotated[int, Field(ge=0, le=65535)] = DOCUMENTS_PORT
    documents_url: str | None = None
    """Where browsers get documents, which is no address of the desk: scheme, host and port."""
    documents_folder: Path | None = None
    """Where documents lie that were handed in at the desk of a laptop; without one it shows and takes none."""
    exchange_url: str | None = None
    """The identity provider's token endpoint, where tokens are exchanged (RFC 8693)."""
    document_hosts: Annotated[frozenset[str], BeforeValidator(split_list)] = frozenset()
    """Hosts from which `https` documents may come, with commas between; `doc:` is always the agency's own."""
    pool_size: Annotated[int, Field(ge=2, le=100)] = 10
    """Database connections of one worker for its cases; a few more are for notifications."""
    max_cases_cached: Annotated[int, Field(ge=100, le=100_000)] = 1000
    """Cases a worker keeps in memory; the rest is replayed when it moves. A case that is pushed out while a step of it
    is made makes the step again, so there is room for more cases than move at the same time.
    """
    max_workflow_tasks: Annotated[int, Field(ge=2, le=1000)] = 40
    """Cases that one worker moves at the same time."""
    versioned: bool = False
    """Whether a worker is given work only once its release was made current (`starter.py release make-current`)."""
    drain_seconds: Annotated[float, Field(ge=1, le=600)] = 25.0
    """How long a worker that was told to stop finishes what it has begun."""
    health_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port of `/live` and `/ready` on the health address; 0 takes a free one, none serves none."""
    health_host: str = "127.0.0.1"
    language: Tongue = Tongue.zh
    """In which language the Web UI shows cases."""
    ui_url: str | None = None
    """Address of the Web UI, for links to it; without one a link in it is relative to the page it stands on."""
    runbook_url: str | None = None
    """Where operators read the runbook; a case that is stuck links to it."""
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("encryption", mode="before")
    @classmethod
    def _in_order(cls, names: object) -> object:
        if isinstance(names, str):
            return () if names == _OFF else tuple(name.strip() for name in names.split(","))
        return names

    @field_validator("database_url")
    @classmethod
    def _is_a_postgres_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and fault_of_register(url.get_secret_value(), needs_tls=False) == NO_REGISTER:
            raise ValueError(NO_REGISTER)
        return url

    @field_validator("identity_audience", "intake_audience")
    @classmethod
    def _is_somebody(cls, audience: str) -> str:
        if not audience.strip():
            raise ValueError("must not be empty: every token of the provider would do")
        return audience

    @field_validator("gate_url", "exchange_url", "identity_issuer", "intake_url", "token_url")
    @classmethod
    def _keeps_the_token_secret(cls, url: str | None) -> str | None:
        if url is not None and not is_web(url):
            raise ValueError("must be https://host/path, or http:// on this machine")
        return url

    @field_validator("heads_place")
    @classmethod
    def _is_a_file_or_a_web_address(cls, place: str | None) -> str | None:
        if place and not place.startswith("/") and not is_web(place):
            raise ValueError("must be /path/of/a/file, or https://host/path of a bucket, or http:// on this machine")
        return place or None

    @field_validator("ui_url", "runbook_url")
    @classmethod
    def _is_a_web_address(cls, url: str | None) -> str | None:
        if url and not is_web(url):
            raise ValueError("must be https://host/path, or http:// on this machine")
        return url or None

    @classmethod
    def around(cls, known: "Settings") -> Iterator[Problem]:
        """What is wrong with that which valid settings name, and with Temporal's own configuration."""
        yield from _of_key_file(known)
        yield from _of_person_keys(known)
        yield from _of_stamp_trust(known)
        yield from _of_temporal(known)
        for fault in known.faults(production=known.profile is Profile.production):
            yield Problem(PREFIX + fault.field.upper(), fault.what, fault.mend)
        if known.profile is Profile.production and not known.encryption:
            yield _IN_CLEAR
        if known.database_url is not None:
            yield from _of_register(known.database_url, needs_tls=known.profile is Profile.production)


class ClientSettings(Settings):
    """Settings of a program that opens cases: it seals what it hands in."""

    key_file: Path


class RegisterSettings(Settings):
    """Settings of a program that looks after the register: it reads and writes rows that hold nothing sealed."""

    database_url: SecretStr


class AuditSettings(RegisterSettings):
    """Settings of a program that proves the audit: the register, and the public keys that the gate has had."""

    stamp_trust_file: Path


class HeadsSettings(RegisterSettings):
    """Settings of the program that publishes heads."""

    heads_place: str

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """The same, and the credential for a bucket."""
        yield from super().around(known)
        place, file = known.heads_place, known.heads_key_file
        if place is None or not is_web(place):
            return
        fault = "is not set" if file is None else fault_of_secret(file)
        if fault is not None:
            yield Problem(f"{PREFIX}HEADS_KEY_FILE", fault, "Write ID:SECRET of whoever may put objects; chmod 600")


class WorkerSettings(Settings):
    """Settings of a worker, which cannot do without a register and keys."""

    database_url: SecretStr
    key_file: Path
    stamp_trust_file: Path

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """The same, and the policy packs of the release."""
        yield from super().around(known)
        yield from _of_policies()


class ConfigurationInvalid(Exception):
    """The configuration cannot be used; every problem at once. The process ends with status 78."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


Form = TypeVar("Form", bound=Settings)


def read_settings(form: type[Form], environment: Mapping[str, str] | None = None) -> Form:
    """The settings of a process in the form it needs. Raises `ConfigurationInvalid` with every problem there is."""
    given, problems = _given(os.environ if environment is None else environment)
    settings: Form | None = None
    try:
        settings = form.model_validate(given)
    except ValidationError as wrong:
        for error in wrong.errors(include_input=False, include_context=False, include_url=False):
            field = str(error["loc"][0])
            problems.append(_wrong(field, error["type"], error["msg"]))
            given.pop(field, None)
    # What the wrong settings leave is looked at as well, so that nobody has to start twice to learn everything.
    problems += form.around(Settings.model_validate(given))
    if problems or settings is None:
        raise ConfigurationInvalid(problems)
    return settings


def _given(environment: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    ours = {PREFIX + field.upper(): field for field in Settings.model_fields}
    known = [name.removeprefix(PREFIX) for name in (*ours, *_ELSEWHERE)]
    given: dict[str, str] = {}
    problems = []
    for name, value in environment.items():
        if name in ours:
            given[ours[name]] = value
        elif name.startswith(PREFIX) and name not in _ELSEWHERE:
            near = difflib.get_close_matches(name.removeprefix(PREFIX).upper(), known, n=1)
            hint = f"Did you mean {PREFIX}{near[0]}?" if near else "Unset it"
            problems.append(Problem(name, "is not a setting", hint))
    return given, problems


_ELSEWHERE: Final = frozenset({f"{PREFIX}DATA_DIR"})
"""Settings of the local stack, read where it is started."""


def _wrong(field: str, kind: str, message: str) -> Problem:
    name = PREFIX + field.upper()
    if kind == "missing":
        mend = _MADE_BY.get(field, f"Set it, for instance: export {name}=…")
        return Problem(name, "is not set", mend)
    # What pydantic says of the types above names bounds and choices, never the input.
    what = message.removeprefix("Value error, ").removeprefix("Input ")
    has_default = Settings.model_fields[field].default is not None
    return Problem(name, f"is wrong: {what}", f"Correct it, or unset {name}" if has_default else "Correct it")


_MADE_BY: Final = {
    "key_file": MAKE_A_RING,
    "stamp_key_file": MAKE_A_PAIR,
    "stamp_trust_file": KEEP_THE_HISTORY,
    "heads_place": "Set it to a file on a volume of its own, or to a bucket: export CARDCASE_HEADS_PLACE=/heads/log",
}


def _of_key_file(settings: Settings) -> Iterator[Problem]:
    if settings.key_file is None:
        return
    name = f"{PREFIX}KEY_FILE"
    fault = fault_of(settings.key_file)
    if fault is not None:
        yield Problem(name, fault, f"Mend the file. {MAKE_A_RING}")
    elif settings.profile is Profile.production and KeyRing.load(settings.key_file).is_sample:
        yield Problem(name, "holds a published sample key, which protects nothing", MAKE_A_RING)


def _of_person_keys(settings: Settings) -> Iterator[Problem]:
    name = f"{PREFIX}PERSON_KEYS"
    if settings.person_keys is not None:
        fault = DirectoryKeys.fault_of(settings.person_keys)
        if fault is not None:
            yield Problem(name, fault, MAKE_A_STORE)
    elif settings.profile is Profile.production and settings.key_file is not None:
        yield Problem(name, "is not set, so that nobody could be erased from backups", MAKE_A_STORE)


def _of_stamp_trust(settings: Settings) -> Iterator[Problem]:
    if settings.stamp_trust_file is None:
        return
    name = f"{PREFIX}STAMP_TRUST_FILE"
    try:
        is_sample = TrustedKeys.load(settings.stamp_trust_file).is_sample
    except CaseError as wrong:
        yield Problem(name, (wrong.field or "").partition(": ")[2], MAKE_A_PAIR)
        return
    if is_sample and settings.profile is Profile.production:
        yield Problem(name, "holds the published sample key, by which all can stamp", MAKE_A_PAIR)


def _of_policies() -> Iterator[Problem]:
    packs = [_pack(path) for path in sorted(PACKS.glob("*.toml"))]
    yield from (pack for pack in packs if isinstance(pack, Problem))
    try:
        Policies(pack for pack in packs if isinstance(pack, Policy))
    except CaseError as wrong:
        yield _of_pack(wrong)


def _pack(path: Path) -> Policy | Problem:
    try:
        return load(path)
    except CaseError as wrong:
        return _of_pack(wrong)


def _of_pack(wrong: CaseError) -> Problem:
    return Problem("policies", wrong.field or wrong.code.value, "Correct the pack, or reinstall the release")


def _of_temporal(settings: Settings) -> Iterator[Problem]:
    # Half a second, for which whoever does not reach Temporal should not wait.
    from temporalio.envconfig import ClientConfig  # noqa: PLC0415 - clients need no Temporal

    try:
        connect = ClientConfig.load_client_connect_config()
    except (RuntimeError, OSError, ValueError):
        # The text quotes lines of the file, which may hold an API key.
        yield Problem("TEMPORAL_…", "the settings cannot be read", "Run: temporal config list")
        return
    host = str(connect.get("target_host", "")).rsplit(":", 1)[0].strip("[]")
    if settings.profile is Profile.production and host and host not in LOOPBACK and not _has_tls(connect):
        yield Problem("TEMPORAL_TLS", "is off", "Set TEMPORAL_TLS=true and its certificates")


def _has_tls(connect: "ClientConnectConfig") -> bool:
    # With an API key the client turns TLS on unless it is told otherwise.
    return bool(connect.get("tls", connect.get("api_key")))


_IN_CLEAR: Final = Problem(
    f"{PREFIX}ENCRYPTION", "is off, so that Temporal keeps everything in clear", "Set it to aes-256-gcm or sm4-gcm"
)


def _of_register(url: SecretStr, *, needs_tls: bool) -> Iterator[Problem]:
    fault = fault_of_register(url.get_secret_value(), needs_tls=needs_tls)
    if fault is not None:
        mend = "Add ?sslmode=verify-full" if fault == NO_TLS else f"Leave {', '.join(sorted(OF_A_REGISTER))}, each once"
        yield Problem(f"{PREFIX}DATABASE_URL", fault, mend)
