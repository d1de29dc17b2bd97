"""The command that opens a case from an application in JSON."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cardcase_client.calls import opening
from cases.errors import CaseError, Code
from cases.names import Kind
from intake.commands.door import service
from intake.commands.invoking import Invocation, add_command
from intake.commands.saying import Exit
from intake.requests import LARGEST_REQUEST, read_object

_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,90}")


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    add_command(app, "open", open_one)


def read_input(path: Path) -> bytes:
    """A file, or standard input for `-`; one byte more than a request may have tells that it is too large.

    Raises `CaseError` FILE_UNREADABLE.
    """
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read(LARGEST_REQUEST + 1)
        with path.open("rb") as file:
            return file.read(LARGEST_REQUEST + 1)
    except OSError:
        raise CaseError(Code.FILE_UNREADABLE) from None


def own_key(given: Any) -> str | None:
    """An idempotency key of the caller's own, as a header can carry it. Raises `CaseError` IDEMPOTENCY_KEY_INVALID."""
    if given is None:
        return None
    if not isinstance(given, str) or not _KEY.fullmatch(given):
        raise CaseError(Code.IDEMPOTENCY_KEY_INVALID)
    return given


async def open_one(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Application as JSON, - for standard input.")],
    *,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open the next generation of a closed case.")] = False,
) -> Exit:
    """Open a case from an application in JSON, and show its receipt. Repeating it is safe.

    Without `kind` it is an ID-number change; `key` is an idempotency key of your own. Numbers and names are never
    arguments: other users of the machine could read them.
    """
    application = {"kind": Kind.id_number_change.value} | read_object(read_input(file))
    key = own_key(application.pop("key", None))
    async with service() as cases:
        receipt = await cases.ask(opening(application, key, reopen=reopen))
    invocation.say.one(receipt)
    return Exit.fine
