"""The command line as a whole: `python starter.py COMMAND`, or `main` with its arguments."""

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any, Final

import typer

# Typer shows no more of its refusals than the class that all of them are of.
from typer._click.exceptions import BadOptionUsage, MissingParameter, NoSuchOption, UsageError
from typer._completion_classes import completion_init

from intake.commands import campaigning, completing, importing, looking, opening, overseeing, registering, telling
from intake.commands.completing import COMPLETES
from intake.commands.invoking import Group, Invocation, LanguageOption, OutputOption, in_short
from intake.commands.saying import Language, Speaker, Usage, WrongUsage

_HELP: Final = """Opens social security card cases, looks at them, and tells them what happened.

All of it goes to the intake service (CARDCASE_INTAKE_URL), by a token of whoever calls (CARDCASE_TOKEN_FILE) or a
system's own credential (CARDCASE_CLIENT_ID, CARDCASE_CLIENT_SECRET_FILE, CARDCASE_TOKEN_URL); no key is needed.
Exit codes: 0 fine; 1 refused; 64 wrong usage; 65 wrong data; 69 no answer, repeating is safe; 78 wrong configuration.
"""

PROGRAM: Final = "starter.py"

UPKEEP: Final = {
    "search": "intake.commands.finding",
    "views": "intake.commands.finding",
    "bulk": "intake.commands.deciding",
    "intervene": "intake.commands.intervening",
    "audit": "intake.commands.auditing",
    "calendar": "intake.commands.dating",
    "schedules": "intake.commands.scheduling",
    "reconcile": "intake.commands.reconciling",
    "retention": "intake.commands.retaining",
    "release": "intake.commands.releasing",
    "directory": "intake.commands.staffing",
    "contacts": "intake.commands.reaching",
    "notify": "intake.commands.notifying",
}
"""Commands that go past the intake service, and the modules that add them. They bring the clients of Temporal and of
PostgreSQL along, so each is loaded when it is called.
"""
_OF_UPKEEP: Final = "Upkeep: needs the register's connection, or Temporal's address and the key ring"


class Commands(Group):
    """The commands of users, and those of upkeep as a group of their own."""

    def names(self) -> list[str]:
        """Those that are loaded, and those that are not yet."""
        return list(dict.fromkeys([*super().names(), *UPKEEP]))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name, loaded where it is one of upkeep."""
        if cmd_name in UPKEEP and cmd_name not in self.commands:
            added = typer.Typer(add_completion=False, rich_markup_mode=None)
            import_module(UPKEEP[cmd_name]).add_to(added)
            for name, command in typer.main.get_group(added).commands.items():
                self.add_command(command, name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Both groups, each under its heading."""
        users = [name for name in self.commands if name not in UPKEEP]
        for heading, names in (("Commands", users), (_OF_UPKEEP, list(UPKEEP))):
            shown = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(heading):
                formatter.write_dl([(name, in_short(command)) for name, command in shown])


app: Final = typer.Typer(
    name=PROGRAM, cls=Commands, help=_HELP, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
opening.add_to(app)
importing.add_to(app)
campaigning.add_to(app)
looking.add_to(app)
overseeing.add_to(app)
telling.add_to(app)
registering.add_to(app)
completing.add_to(app)


@app.callback(invoke_without_command=True)
def options(context: typer.Context, output: OutputOption = None, lang: LanguageOption = None) -> None:
    """Options that hold for every command; they may stand behind it as well."""
    invocation: Invocation = context.obj
    invocation.heard(output, lang)
    if context.invoked_subcommand is None:
        raise WrongUsage(Usage.lacking, "COMMAND")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What is said is Chinese in part; where the terminal cannot show it the command must not fail.
            stream.reconfigure(encoding="utf-8", errors="replace")
    typed = sys.argv[1:] if arguments is None else arguments
    # Also of a line that is wrong before its options are read, and of a help that is asked for first.
    invocation = Invocation(Speaker(language=_language_in(typed)))
    try:
        if COMPLETES in os.environ:
            completion_init()
        return int(
            app(arguments, prog_name=PROGRAM, standalone_mode=False, obj=invocation, complete_var=COMPLETES) or 0
        )
    except typer.TyperException as wrong:
        return invocation.say.trouble(_usage_of(wrong))
    except Exception as wrong:  # noqa: BLE001 - the interpreter would print a text that may quote values
        return invocation.say.trouble(wrong)


def _language_in(typed: Sequence[str]) -> Language:
    """The language that a command line asks for, the last where it does so twice; Chinese where it asks for none."""
    said = [after for option, after in pairwise(typed) if option == _LANG]
    said += [word.removeprefix(f"{_LANG}=") for word in typed if word.startswith(f"{_LANG}=")]
    known = [Language(word) for word in said if word in Language.__members__]
    return known[-1] if known else Language.zh


_LANG: Final = "--lang"


def _usage_of(wrong: typer.TyperException) -> WrongUsage:
    """What is wrong with a command line, in words of ours: Typer's own repeat what was typed."""
    match wrong:
        case MissingParameter(param=parameter) if parameter is not None:
            return WrongUsage(Usage.lacking, _name_of(parameter))
        case typer.BadParameter(param=parameter) if parameter is not None:
            return WrongUsage(Usage.value, f"{_name_of(parameter)} {_values_of(parameter)}".rstrip())
        case NoSuchOption(possibilities=near, ctx=context) if context is not None and (near or _options_of(context)):
            return WrongUsage(Usage.perhaps, *(near or _options_of(context)))
        case BadOptionUsage(option_name=option):
            # It is one that is known: nothing stands behind it that has to, or something that may not.
            return WrongUsage(Usage.value, option)
        case UsageError(ctx=context) if context is not None and isinstance(context.command, Group):
            return WrongUsage(Usage.lacking, f"COMMAND <{'|'.join(context.command.names())}>")
    return WrongUsage(Usage.unknown if isinstance(wrong, NoSuchOption) else Usage.surplus)


def _values_of(parameter: Any) -> str:
    """What may stand there, where that is a closed set or a span."""
    choices = parameter.type_descriptor.choices
    limits = parameter._get_number_range_help_str()  # noqa: SLF001 - as the help says it
    return f"<{'|'.join(each.value for each in choices)}>" if choices else f"<{limits}>" if limits else ""


def _name_of(parameter: Any) -> str:
    """An option as it is typed, or an argument as the help names it."""
    longest: str = max(parameter.opts, key=len)
    return longest if longest.startswith("-") else str(parameter.metavar or longest.upper())


def _options_of(context: Any) -> list[str]:
    return [option for parameter in context.command.params for option in parameter.opts if option.startswith("--")]
