"""What all commands have in common: options that may stand before or behind them, and how they are run."""

import asyncio
import inspect
import signal
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from shutil import get_terminal_size
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len
from typer._click.formatting import HelpFormatter  # the library shows no other way to its pages
from typer._click.shell_completion import CompletionItem
from typer.core import TyperCommand, TyperGroup

from cases.kinds import KINDS, read_case_id
from intake.commands.chinese import in_chinese
from intake.commands.laying import wrapped
from intake.commands.saying import Exit, Format, Language, Speaker, Usage, WrongUsage

OutputOption = Annotated[Format | None, typer.Option("-o", "--output", help="How results are written.")]
LanguageOption = Annotated[Language | None, typer.Option("--lang", help="Language of what is said.")]
_CASE_IDS: Final = " or ".join(f"{record.prefix}-…" for record in KINDS.values())
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help=f"Case number: {_CASE_IDS}.", show_default=False)]


@dataclass
class Invocation:
    """One call of the command line."""

    say: Speaker = field(default_factory=Speaker)

    def heard(self, output: Format | None, language: Language | None) -> None:
        """Take over options; those behind the command win."""
        self.say = Speaker(output or self.say.format, language or self.say.language)


class _Page(HelpFormatter):
    """A page of help, in the language that was asked for, as wide as the terminal."""

    def __init__(self, language: Language) -> None:
        super().__init__(width=max(min(get_terminal_size().columns, _WIDEST) - 2, _NARROWEST))
        self._in_language = in_chinese if language is Language.zh else str

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The first line."""
        for word in _IN_USAGE:
            args = args.replace(word, self._in_language(word))
        super().write_usage(prog, args, prefix or self._in_language("Usage:") + " ")

    def write_heading(self, heading: str) -> None:
        """A heading."""
        self.write(self._in_language(f"{heading}:") + "\n")

    def write_text(self, text: str) -> None:
        """Paragraphs."""
        paragraphs = [self._in_language(" ".join(each.split())) for each in text.split("\n\n")]
        for line in wrapped("\n\n".join(paragraphs), self.width - self.current_indent):
            self.write(f"{' ' * self.current_indent}{line}".rstrip() + "\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Names, and what they stand for."""
        room = min(max(cell_len(name) for name, _ in rows), col_max)
        indent, beside = " " * self.current_indent, " " * (self.current_indent + room + col_spacing)
        for name, text in rows:
            first, *others = wrapped(self._in_language(text), self.width - len(beside))
            if cell_len(name) > room:
                self.write(f"{indent}{name}\n".rstrip(" ") + (f"{beside}{first}\n" if first else ""))
            else:
                self.write(f"{indent}{name}{' ' * (room - cell_len(name) + col_spacing)}{first}".rstrip() + "\n")
            for line in others:
                self.write(f"{beside}{line}".rstrip() + "\n")


_IN_USAGE: Final = ("[OPTIONS]", "COMMAND [ARGS]...")
_WIDEST: Final = 100
_NARROWEST: Final = 40


def _help_of(command: Any, ctx: Any) -> str:
    page = _Page(ctx.obj.say.language)
    command.format_help(ctx, page)
    return page.getvalue().rstrip("\n")


class Explained(TyperCommand):
    """A command whose help is in the language that was asked for."""

    def get_help(self, ctx: Any) -> str:
        """The page."""
        return _help_of(self, ctx)


def in_short(command: Any) -> str:
    """The first paragraph of a command's help, which stands beside it in a list."""
    return " ".join(str(command.help or "").split("\n\n")[0].split())


class Group(TyperGroup):
    """Commands under one name."""

    def get_help(self, ctx: Any) -> str:
        """The page."""
        return _help_of(self, ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as the library calls it
        """What each is for."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, in_short(command)) for name, command in self.commands.items()])

    def names(self) -> list[str]:
        """What may be typed."""
        return list(self.commands)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:
        """Commands that begin like this, none of them loaded for it, and options."""
        named = [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]
        return [*named, *super(TyperGroup, self).shell_complete(ctx, incomplete)]

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
    app.command(name, cls=Explained, help=description or inspect.getdoc(command))(described)
