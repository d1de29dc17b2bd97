"""The command line as a whole: `python starter.py COMMAND`, or `main` with its arguments."""

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from intake.commands import importing, looking, opening, overseeing, registering, telling
from intake.commands.invoking import Invocation, LanguageOption, OutputOption
from intake.commands.saying import WrongUsage

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


class Commands(TyperGroup):
    """The commands of users, and those of upkeep as a group of their own."""

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
                formatter.write_dl([(name, command.get_short_help_str(formatter.width)) for name, command in shown])


app: Final = typer.Typer(
    name=PROGRAM, cls=Commands, help=_HELP, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
opening.add_to(app)
importing.add_to(app)
looking.add_to(app)
overseeing.add_to(app)
telling.add_to(app)
registering.add_to(app)


@app.callback(invoke_without_command=True)
def options(context: typer.Context, output: OutputOption = None, lang: LanguageOption = None) -> None:
    """Options that hold for every command; they may stand behind it as well."""
    invocation: Invocation = context.obj
    invocation.heard(output, lang)
    if context.invoked_subcommand is None:
        raise WrongUsage("COMMAND")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What is said is Chinese in part; where the terminal cannot show it the command must not fail.
            stream.reconfigure(encoding="utf-8", errors="replace")
    invocation = Invocation()
    try:
        return int(app(arguments, prog_name=PROGRAM, standalone_mode=False, obj=invocation) or 0)
    except typer.TyperException as wrong:
        return invocation.say.trouble(WrongUsage(_named(wrong)))
    except Exception as wrong:  # noqa: BLE001 - the interpreter would print a text that may quote values
        return invocation.say.trouble(wrong)


def _named(wrong: typer.TyperException) -> str:
    """The option or argument that is wrong or missing. Typer's own words repeat what was typed."""
    parameter = wrong.param if isinstance(wrong, typer.BadParameter) else None
    return parameter.get_error_hint() if parameter is not None else ""
