"""What all programs that serve have in common: command line, ports, and with what they end when they cannot start."""

import argparse
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final, NoReturn

from runtime.settings import ConfigurationInvalid, Problem
from runtime.start import CannotStart

EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_CONFIGURATION = 64, 69, 78
"""Those of sysexits.h."""

CHECK: Final = "check configuration and connections, then end"


class CommandLine(argparse.ArgumentParser):
    """A parser that ends with the status for a wrong command line, and does not repeat what stood there."""

    def __init__(self, program: str, description: str | None) -> None:
        super().__init__(prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.add_argument("--check", action="store_true", help=CHECK)

    def error(self, message: str) -> NoReturn:  # noqa: ARG002 - it quotes what was wrong
        """End with 64."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, "wrong command line; see --help\n")


async def listen(cleanup: AsyncExitStack, what: str, server: AbstractAsyncContextManager[int]) -> int:
    """Serve for as long as a program runs; answers the port. Raises `CannotStart` where it cannot be listened on."""
    try:
        return await cleanup.enter_async_context(server)
    except OSError:
        raise unserved(what) from None


def unserved(what: str) -> CannotStart:
    """A port of ours that cannot be listened on."""
    return CannotStart([Problem(f"CARDCASE_{what}_PORT", "cannot be listened on", "Choose a free one, or 0 for any")])


def status_of(begin: Callable[[], int]) -> int:
    """Begin, and turn what keeps a program from starting into an exit status and words that help."""
    try:
        return begin()
    except ConfigurationInvalid as invalid:
        return _complain(invalid.problems, EXIT_CONFIGURATION)
    except CannotStart as absent:
        return _complain(absent.problems, EXIT_UNAVAILABLE if absent.passes else EXIT_CONFIGURATION)


def _complain(problems: Iterable[Problem], status: int) -> int:
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return status
