"""The command line as a whole: `python starter.py COMMAND`, or `main` with its arguments."""

import io
import sys
from collections.abc import Sequence
from typing import Final

import typer

from intake.commands import (
    auditing,
    dating,
    deciding,
    finding,
    intervening,
    looking,
    notifying,
    opening,
    reaching,
    scheduling,
    staffing,
    telling,
)
from intake.commands.invoking import Invocation, LanguageOption, OutputOption
from intake.commands.saying import WrongUsage

_HELP: Final = """Opens social security card cases, looks at them, and tells them what happened.

Settings come from the environment: CARDCASE_KEY_FILE, and Temporal's own (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE …).
Exit codes: 0 fine; 1 refused by a case; 64 wrong usage; 65 wrong data; 69 the engine gave no answer, repeating is safe;
78 wrong configuration.
"""

PROGRAM: Final = "starter.py"

app: Final = typer.Typer(
    name=PROGRAM, help=_HELP, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
opening.add_to(app)
looking.add_to(app)
finding.add_to(app)
auditing.add_to(app)
deciding.add_to(app)
intervening.add_to(app)
telling.add_to(app)
scheduling.add_to(app)
staffing.add_to(app)
dating.add_to(app)
notifying.add_to(app)
reaching.add_to(app)


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
