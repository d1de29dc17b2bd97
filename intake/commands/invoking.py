"""What all commands have in common: options that may stand before or behind them, and how they are run."""

import asyncio
import inspect
import signal
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import typer

from cases.kinds import KINDS, read_case_id
from intake.commands.saying import Exit, Format, Language, Speaker

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
