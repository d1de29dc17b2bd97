"""The ways of upkeep, past the intake service: to the register, to Temporal, to both with the key ring.

Commands that need one of them run beside the servers; each says in its help which, and where it lacks one says so.
"""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import typer
from temporalio.client import Client
from temporalio.service import RPCError

from activities.registry.pool import Pool, create_pool
from activities.registry.schema import check_schema
from cases.errors import CaseError, Code
from cases.models import Actor
from intake.client import CaseClient, Contradicted, EngineError, Unavailable, of_rpc
from intake.commands.invoking import Command, Invocation, add_command
from intake.commands.saying import Exit, Failed, Fault
from intake.stamping import Stamping, TokenFile, gate_at
from runtime.client import connect, payload_sealer
from runtime.identity import claimed_by
from runtime.keys import sealer_of
from runtime.logs import configure_logging, core_runtime
from runtime.settings import (
    ClientSettings,
    ConfigurationInvalid,
    Problem,
    RegisterSettings,
    Settings,
    read_settings,
)


class Needs(Enum):
    """What a command of upkeep cannot do without."""

    register = "the register's connection (CARDCASE_DATABASE_URL)"
    keys = "the key ring (CARDCASE_KEY_FILE)"
    trust = "the public keys that the gate has had (CARDCASE_STAMP_TRUST_FILE)"
    place = "where heads are published (CARDCASE_HEADS_PLACE; for a bucket CARDCASE_HEADS_KEY_FILE)"
    temporal = "Temporal's address and the key ring (TEMPORAL_ADDRESS, CARDCASE_KEY_FILE)"
    caller = "an identity token (CARDCASE_TOKEN_FILE, CARDCASE_IDENTITY_ISSUER, CARDCASE_IDENTITY_KEYS)"
    gate = "an identity token and the gate (CARDCASE_TOKEN_FILE, CARDCASE_GATE_URL)"
    servers = "servers that it starts itself (the extra `rehearsal`)"


def add_upkeep(app: typer.Typer, name: str, command: Command, *needed: Needs) -> None:
    """Add a command of upkeep. What it needs stands at the end of its help, and of what is wrong with its settings."""
    sentence = f"Upkeep, beside the servers: needs {', '.join(need.value for need in needed) or 'nothing'}."

    async def run(invocation: Invocation, **options: Any) -> Exit:
        try:
            return await command(invocation, **options)
        except ConfigurationInvalid as invalid:
            raise Failed(Exit.configuration, (), text=f"{invalid}\n{sentence}") from None
        except EngineError as error:
            raise _failed(error) from None

    options = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    add_command(app, name, run, options, f"{inspect.getdoc(command)}\n\n{sentence}")


def _failed(error: EngineError) -> Failed:
    exit_code = Exit.unavailable if isinstance(error, Unavailable) else Exit.refused
    beside = error.held if isinstance(error, Contradicted) else error.outcome
    return Failed(exit_code, [Fault.of(error.code)], beside)


@asynccontextmanager
async def cases(pool: Pool) -> AsyncIterator[CaseClient]:
    """The engine's own client, by the configuration of this process; what it answers is what the register holds.

    Raises `ConfigurationInvalid`, or `Unavailable` where Temporal cannot be reached.
    """
    settings = read_settings(ClientSettings)
    sealer = sealer_of(settings.key_file, settings.person_keys)
    async with engine() as client, gate() as stamping:
        yield CaseClient(client, sealer, stamping=stamping, register=pool)


@asynccontextmanager
async def gate() -> AsyncIterator[Stamping | None]:
    """The gate in the name of the caller; None where the settings name no token or no gate."""
    settings = read_settings(Settings)
    if settings.token_file is None or settings.gate_url is None:
        yield None
        return
    async with gate_at(settings.gate_url, TokenFile(settings.token_file)) as stamping:
        yield stamping


def actor() -> Actor:
    """As whom the caller acts, by their own token; the gate looks closer.

    Raises `CaseError` IDENTITY_MISSING or IDENTITY_INVALID, and `ConfigurationInvalid`.
    """
    settings = read_settings(Settings)
    if settings.token_file is None or settings.gate_url is None:
        raise CaseError(Code.IDENTITY_MISSING)
    return claimed_by(TokenFile(settings.token_file)())


@asynccontextmanager
async def engine() -> AsyncIterator[Client]:
    """Temporal itself, for what concerns no case. Raises as `cases`, and `EngineError` for what is refused."""
    settings = read_settings(ClientSettings)
    configure_logging("console", "ERROR")
    try:
        client = await connect(payload_sealer(settings), runtime=core_runtime())
    except ValueError:
        wrong = Problem("TEMPORAL_ADDRESS", "is no address", "Correct it, for instance: 127.0.0.1:7233")
        raise ConfigurationInvalid([wrong]) from None
    except (RuntimeError, RPCError, OSError):
        # This is how Temporal's client says that it cannot connect.
        raise Unavailable(Code.ENGINE_UNAVAILABLE) from None
    try:
        yield client
    except RPCError as error:
        raise of_rpc(error) from None


@asynccontextmanager
async def register() -> AsyncIterator[Pool]:
    """Connections to the register, for those who look after it.

    Raises `ConfigurationInvalid`, `CaseError` SCHEMA_MISMATCH, or `Unavailable` where it cannot be reached.
    """
    settings = read_settings(RegisterSettings)
    configure_logging("console", "ERROR")
    try:
        async with await create_pool(settings.database_url.get_secret_value(), size=settings.pool_size) as pool:
            await check_schema(pool)
            yield pool
    except CaseError as wrong:
        if wrong.code is Code.DATABASE_UNAVAILABLE:
            raise Unavailable(wrong.code) from None
        raise
