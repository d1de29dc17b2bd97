"""Settings of every process: `CARDCASE_…` from the environment, and Temporal's own client configuration.

Everything that is wrong is found at once and named without its value, with what to do; misspelt names get the nearest
right one. A profile of `production` refuses what is good enough for a laptop.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from temporalio.envconfig import ClientConfig

PREFIX: Final = "CARDCASE_"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_POSTGRES_SCHEMES: Final = frozenset({"postgres", "postgresql"})


class Profile(StrEnum):
    """How much is allowed: `production` refuses whatever only a laptop may do."""

    local = "local"
    production = "production"


class Settings(BaseModel):
    """Settings of worker and client. Each is read from `CARDCASE_` and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    profile: Profile = Profile.local
    database_url: SecretStr | None = None
    """postgresql://user:password@host:port/name of the register; the worker needs it, clients do not."""
    key_file: Path | None = None
    """Key ring by which names and numbers are sealed; readable by its owner only."""
    pool_size: Annotated[int, Field(ge=2, le=100)] = 10
    """Database connections of one worker."""
    max_cases_cached: Annotated[int, Field(ge=0, le=100_000)] = 1000
    """Cases a worker keeps in memory; the rest is replayed when it moves."""
    max_workflow_tasks: Annotated[int, Field(ge=2, le=1000)] = 40
    """Cases that one worker moves at the same time."""
    drain_seconds: Annotated[float, Field(ge=1, le=600)] = 25.0
    """How long a worker that was told to stop finishes what it has begun."""
    health_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port of `/live` and `/ready` on the health address; 0 takes a free one, none serves none."""
    health_host: str = "127.0.0.1"
    log_format: Annotated[str, Field(pattern="^(json|console)$")] = "json"
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"

    @field_validator("database_url")
    @classmethod
    def _is_a_postgres_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = urlsplit(url.get_secret_value())
            if parts.scheme not in _POSTGRES_SCHEMES or not parts.hostname or parts.path in {"", "/"}:
                raise ValueError("must be postgresql://user:password@host:port/name")
        return url


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in the configuration: its name, what is wrong, and how to mend it. No value."""

    name: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}. {self.mend}"


class ConfigurationInvalid(Exception):
    """The configuration cannot be used; every problem at once. The process ends with status 78."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def read_settings(environment: Mapping[str, str] | None = None, *, needs: frozenset[str] = frozenset()) -> Settings:
    """The settings, or `ConfigurationInvalid`. `needs` names the settings this process cannot do without."""
    environment = os.environ if environment is None else environment
    given, problems = _given(environment)
    settings = Settings()
    try:
        settings = Settings.model_validate(given)
    except ValidationError as wrong:
        for error in wrong.errors(include_input=False, include_context=False, include_url=False):
            name = PREFIX + str(error["loc"][0]).upper()
            problems.append(Problem(name, _what(error), f"Correct it, or unset {name} for its default"))
        settings = Settings.model_validate(
            {key: value for key, value in given.items() if PREFIX + key.upper() not in {p.name for p in problems}}
        )
    broken = {problem.name for problem in problems}
    for need in sorted(needs):
        name = PREFIX + need.upper()
        if getattr(settings, need) is None and name not in broken:
            problems.append(Problem(name, "is not set", f"Set it, for instance: export {name}=…"))
    problems += _of_files(settings)
    if settings.profile is Profile.production:
        problems += _of_production(settings)
    if problems:
        raise ConfigurationInvalid(problems)
    return settings


def _given(environment: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    given: dict[str, Any] = {}
    problems = []
    for name, value in environment.items():
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX).lower()
        if field in Settings.model_fields:
            given[field] = value
        elif field not in _ELSEWHERE:
            near = difflib.get_close_matches(field, [*Settings.model_fields, *_ELSEWHERE], n=1)
            hint = f"Did you mean {PREFIX}{near[0].upper()}?" if near else "Unset it"
            problems.append(Problem(name, "is not a setting", hint))
    return given, problems


_ELSEWHERE: Final = frozenset({"data_dir"})
"""Settings of the local stack, read where it is started."""


def _what(error: Any) -> str:
    return "is wrong (" + str(error["type"]).replace("_", " ") + ")"


def _of_files(settings: Settings) -> list[Problem]:
    path = settings.key_file
    if path is None:
        return []
    name = f"{PREFIX}KEY_FILE"
    if not path.is_file():
        return [Problem(name, "names no file", "Make one: python -m runtime.keys new FILE")]
    if path.stat().st_mode & 0o077:
        return [Problem(name, "can be read by others", "Run: chmod 600 on the file")]
    return []


def _of_production(settings: Settings) -> list[Problem]:
    problems = []
    if settings.database_url is not None:
        parts = urlsplit(settings.database_url.get_secret_value())
        if parts.hostname not in _LOOPBACK and "sslmode=verify-full" not in parts.query:
            problems.append(Problem(f"{PREFIX}DATABASE_URL", "has no TLS", "Add ?sslmode=verify-full"))
    connect = ClientConfig.load_client_connect_config()
    host = str(connect.get("target_host", "")).rsplit(":", 1)[0].strip("[]")
    if host and host not in _LOOPBACK and not connect.get("tls"):
        problems.append(Problem("TEMPORAL_TLS", "is off", "Set TEMPORAL_TLS=true and its certificates"))
    # Without encrypted payloads the histories carry what they carry in clear; see docs/decisions.
    return problems
