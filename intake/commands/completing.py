"""The command that has a shell complete what is typed: commands, options, choices."""

from enum import StrEnum
from typing import Annotated, Final

import typer
from typer._completion_shared import get_completion_script  # what `--show-completion` of the library prints

from intake.commands.invoking import Invocation, add_command
from intake.commands.saying import Exit

COMPLETES: Final = "_CARDCASE_COMPLETE"
"""The variable by which a shell asks the program for completions."""


class Shell(StrEnum):
    """Shells that can be told."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    add_command(app, "completion", completion)


async def completion(
    invocation: Invocation,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="The shell.")],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="By what name the program is called.")] = "cardcase",
) -> Exit:
    """Print what has a shell complete commands, options and choices; the shell reads it when it starts.

    The program has to be found under the name it is completed by: a script of two lines in the PATH.

    For bash: `source <(cardcase completion bash)`, in ~/.bashrc.
    """
    invocation.say.text(get_completion_script(prog_name=name, complete_var=COMPLETES, shell=shell.value))
    return Exit.fine
