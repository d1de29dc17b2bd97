"""What all commands have in common: options that may stand before or behind them, and the way to the engine."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import typer
from temporalio.client import Client
from temporalio.service import RPCError

from activities.registry.pool import Pool, create_pool
from activities.registry.schema import check_schema
from activities.sealing import KeyRing, Sealer
from cases.errors import CaseError, Code
from cases.kinds import KINDS, read_case_id
from cases.models import Actor
from intake.client import CaseClient, Unavailable, of_rpc
from intake.commands.saying import Exit, Format, Language, Speaker
from intake.stamping import Stamping, TokenFile, gate_at
from runtime.client import connect, payload_sealer
from runtime.identity import claimed_by
from runtime.logs import configure_logging, core_runtime
from runtime.settings import (
    ClientSettings,
    ConfigurationInvalid,
    Problem,
    RegisterSettings,
    Settings,
    read_settings,
)

OutputOption = Annotated[Format | None, typer.Option("-o", "--output", help="How results are written.")]
LanguageOption = Annotated[Language | None, typer.Option("--lang", help="Language of remedies.")]
HostOption = Annotated[
    list[str] | None,
    typer.Option("--document-host", metavar="HOST", help="A host from which https documents may come; repeatable."),
]
_CASE_IDS: Final = " or ".join(f"{record.prefix}-…" for record in KINDS.values())
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help=f"Case number: {_CASE_IDS}.", show_default=False)]


@dataclass
class Invocation:
    """One call of the command line."""

    say: Speaker = field(default_factory=Speaker)
    document_hosts: frozenset[str] = frozenset()

    def heard(self, output: Format | None, language: Language | None) -> None:
        """Take over options; those behind the command win."""
        self.say = Speaker(output or self.say.format, language or self.say.language)

    @asynccontextmanager
    async def cases(self, *, confirming: bool = False) -> AsyncIterator[CaseClient]:
        """The client, by the configuration of this process.

        With `confirming` what it answers is what the register holds, where the settings name one. Raises
        `ConfigurationInvalid`, or `Unavailable` where Temporal or that register cannot be reached.
        """
        settings = read_settings(ClientSettings)
        sealer = Sealer(KeyRing.load(settings.key_file))
        reading = self.register() if confirming and settings.database_url is not None else nullcontext()
        async with self.engine() as client, self.gate() as stamping, reading as register:
            yield CaseClient(client, sealer, stamping=stamping, document_hosts=self.document_hosts, register=register)

    @asynccontextmanager
    async def gate(self) -> AsyncIterator[Stamping | None]:
        """The gate in the name of the caller; None where the settings name no token or no gate."""
        settings = read_settings(Settings)
        if settings.token_file is None or settings.gate_url is None:
            yield None
            return
        async with gate_at(settings.gate_url, TokenFile(settings.token_file)) as stamping:
            yield stamping

    def actor(self) -> Actor:
        """As whom the caller acts, by their own token; the gate looks closer.

        Raises `CaseError` IDENTITY_MISSING or IDENTITY_INVALID, and `ConfigurationInvalid`.
        """
        settings = read_settings(Settings)
        if settings.token_file is None or settings.gate_url is None:
            raise CaseError(Code.IDENTITY_MISSING)
        return claimed_by(TokenFile(settings.token_file)())

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Client]:
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
    async def register(self) -> AsyncIterator[Pool]:
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


Command = Callable[..., Coroutine[Any, Any, Exit]]

_CONTEXT: Final = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
_OPTIONS_OF_ALL: Final = (
    inspect.Parameter("output", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=OutputOption),
    inspect.Parameter("lang", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=LanguageOption),
)


def add_command(
    app: typer.Typer, name: str, command: Command, parameters: list[inspect.Parameter] | None = None
) -> None:
    """Add a command: a coroutine that takes the invocation and its own options and answers the exit code.

    Its own options are read from its signature, or are `parameters`, where it takes any.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:] if parameters is None else parameters

    def run(ctx: typer.Context, output: Format | None, lang: Language | None, **options: Any) -> Exit:
        invocation: Invocation = ctx.obj
        invocation.heard(output, lang)
        if "case" in options:
            read_case_id(options["case"])
        return asyncio.run(command(invocation, **options))

    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    signature = inspect.Signature([_CONTEXT, *keyword_only, *_OPTIONS_OF_ALL])
    # Typer reads options from here; the function itself takes whatever there is.
    described: Any = run
    described.__signature__ = signature
    described.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    app.command(name, help=inspect.getdoc(command))(described)
