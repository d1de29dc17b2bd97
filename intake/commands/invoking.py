"""What all commands have in common: options that may stand before or behind them, and how they are run."""

import asyncio
import inspect
import signal
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from cases.kinds import KINDS, read_case_id
from intake.commands.saying import Exit, Format, Language, Speaker, Usage, WrongUsage

OutputOption = Annotated[Format | None, typer.Option("-o", "--output", help="How results are written.")]
LanguageOption = Annotated[Language | None, typer.Option("--lang", help="Language of remedies.")]
_CASE_IDS: Final = " or ".join(f"{record.prefix}-…" for record in KINDS.values())
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help=f"Case number: {_CASE_IDS}.", show_default=False)]


@dataclass
class Invocation:
    """One call of the command line."""

    say: Speaker = field(default_factory=Speaker)

    def heard(self, output: Format | None, language: Language | None) -> None:
        """Take over options; those behind the command win."""
        self.say = Speaker(output or self.say.format, language or self.say.language)


class Group(TyperGroup):
    """Commands under one name."""

    def names(self) -> list[str]:
        """What may be typed."""
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant. Raises `WrongUsage` for one that is none, which names those that are near."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = get_close_matches(args[0], self.names())
            raise WrongUsage(Usage.perhaps, *near) if near else WrongUsage(Usage.unknown)
        return super().resolve_command(ctx, args)


def group_of(help_text: str) -> typer.Typer:
    """A group of commands, to be added to the program under a name."""
    return typer.Typer(cls=Group, no_args_is_help=False, help=help_text)


Command = Callable[..., Coroutine[Any, Any, Exit]]

_CONTEXT: Final = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
_OPTIONS_OF_ALL: Final = (
    inspect.Parameter("output", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=OutputOption),
    inspect.Parameter("lang", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=LanguageOption),
)


async def _until_told_to_stop(doing: Coroutine[Any, Any, Exit]) -> Exit:
    """A command; where SIGTERM comes first, it is cancelled as by Ctrl-C, and has the time to leave things in order."""
    if threading.current_thread() is not threading.main_thread():
        # No signal comes here.
        return await doing
    command, told = asyncio.ensure_future(doing), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        told.set()
        command.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        return await command
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        return Exit.terminated
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def add_command(
    app: typer.Typer,
    name: str,
    command: Command,
    parameters: list[inspect.Parameter] | None = None,
    description: str | None = None,
) -> None:
    """Add a command: a coroutine that takes the invocation and its own options and answers the exit code.

    Its own options are read from its signature, or are `parameters`, where it takes any; it is described by its own
    docstring, or by `description`.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:] if parameters is None else parameters

    def run(ctx: typer.Context, output: Format | None, lang: Language | None, **options: Any) -> Exit:
        invocation: Invocation = ctx.obj
        invocation.heard(output, lang)
        if "case" in options:
            read_case_id(options["case"])
        return asyncio.run(_until_told_to_stop(command(invocation, **options)))

    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    signature = inspect.Signature([_CONTEXT, *keyword_only, *_OPTIONS_OF_ALL])
    # Typer reads options from here; the function itself takes whatever there is.
    described: Any = run
    described.__signature__ = signature
    described.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    app.command(name, help=description or inspect.getdoc(command))(described)
