"""`python -m demo [--exit]`: the sample registers from file to benefits unblocked, on real servers.

Stays up for looking around until Ctrl-C; with `--exit` it ends by itself. Ends with 0 if every row of the registers
came out as the sample says, 1 if not, 69 if something could not be started or went away, 130 if it was interrupted
before the end.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from cardcase_client import AsyncClient, TokenFile
from cardcase_client.models import PersonSaid
from cases.clocks import SHANGHAI
from cases.models import Actor
from demo.desks import token_file
from demo.expected import REGISTERS, expectations
from demo.others import Outsiders, outsiders, sink_ports, sinks
from demo.play import Play, read, results
from demo.screen import Board, Result, Screen
from demo.staff import at_their_desks
from demo.stage import Opened, Stage, data_dir, opened_stage
from stack import StackError

EXIT_OTHERWISE, EXIT_UNAVAILABLE, EXIT_INTERRUPTED = 1, 69, 130

_WHAT: Final = "The sample registers from file to benefits unblocked, on real servers, until Ctrl-C."
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TICK_SECONDS: Final = 0.5
_SOURCE: Final = "sample-insured-register"
"""The source of the register of insured persons, by its client ID."""
_NEWER: Final = 2
"""The version of a person's record at the source that follows the one of the base extract."""

Came = TypeVar("Came")


async def demonstrate(opened: Opened, others: Outsiders, screen: Screen, board: Board) -> list[Result]:
    """Import the registers and play every case to its end."""

    def credentials(actor: Actor) -> TokenFile:
        return TokenFile(token_file(opened.tokens, actor))

    async with (
        AsyncClient(opened.intake_url, TokenFile(opened.tokens / _SOURCE)) as source,
        at_their_desks(opened.intake_url, credentials) as staff,
    ):
        play = Play(staff, others, board, partial(_die, source))
        with screen.live(board):
            ticking = asyncio.create_task(_tick(screen, board))
            try:
                board.doing = "opening cases"
                entries = read(REGISTERS, expectations())
                await play.open_all(entries)
                board.doing = "playing the clerk and the officers; outsiders answer"
                played = await play.play_all(entries)
                board.doing = "done"
            finally:
                ticking.cancel()
    return results(entries, played)


async def _die(source: AsyncClient, personal_number: str) -> None:
    """Have the register's source say that somebody has died today."""
    today = datetime.now(SHANGHAI).date()
    await source.feed_persons([PersonSaid(personal_number=personal_number, source_version=_NEWER, died_on=today)])


async def _tick(screen: Screen, board: Board) -> None:
    while True:
        screen.tick(board)
        await asyncio.sleep(_TICK_SECONDS)


def summary(results: list[Result]) -> str:
    """How many persons came out as the sample says: all their rows did."""
    everybody: set[str] = {result.expectation.personal_number for result in results}
    wrong = {result.expectation.personal_number for result in results if not result.as_expected}
    return f"{len(everybody) - len(wrong)} of {len(everybody)} ended as the sample says"


async def run(environment: Mapping[str, str], screen: Screen, *, stay: bool) -> int:
    """The whole demonstration. Answers the exit status."""
    board, folder, ports = Board(), data_dir(environment), sink_ports()
    screen.say(f"cardcase demo · synthetic data · {folder}")
    async with (
        opened_stage(environment, folder, sinks(ports)) as stage,
        outsiders(folder, stage.opened, ports) as others,
    ):
        await stage.ready()
        opened = stage.opened
        screen.say(f"ready after {board.seconds:.1f} s{_look(opened)} · tray {opened.tray_url}")
        shown = await _while_all_run(demonstrate(opened, others, screen, board), stage, others)
        screen.results(shown, opened.ui_url, opened.namespace)
        screen.say(f"{summary(shown)} ({len(shown)} rows, {board.seconds:.1f} s)")
        status = 0 if all(result.as_expected for result in shown) else EXIT_OTHERWISE
        if stay:
            screen.say(_hints(shown, opened))
            with suppress(asyncio.CancelledError):
                await _while_all_run(asyncio.Event().wait(), stage, others)
        return status


async def _while_all_run(work: Awaitable[Came], stage: Stage, others: Outsiders) -> Came:
    """What `work` answers; StackError as soon as anything that it needs has ended by itself."""
    working = asyncio.ensure_future(work)
    ends = [asyncio.create_task(stage.wait()), asyncio.create_task(others.wait())]
    try:
        await asyncio.wait({working, *ends}, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            if end.done() and not working.done():
                raise StackError(end.result())
        return working.result()
    finally:
        for task in (working, *ends):
            task.cancel()
        await asyncio.gather(working, *ends, return_exceptions=True)


def _look(opened: Opened) -> str:
    web_ui = f" · Web UI {opened.ui_url}" if opened.ui_url is not None else ""
    return f" · desk {opened.desk_url}{web_ui}"


def _log_in(opened: Opened) -> list[str]:
    """Where operators log in, and what lets the command line decide as one of them."""
    operators = ", ".join(opened.operators)
    return [
        f"  Desk           {opened.desk_url}, to find cases, understand them and decide, as one of those below",
        f"  Log in         {opened.codec_url}/login, to see cases decoded and to decide, as {operators}",
        f"                 or CARDCASE_GATE_URL={opened.codec_url} CARDCASE_TOKEN_FILE={opened.tokens}/NAME",
        f"  Back offices   {opened.intake_url}/openapi.json; an access token of a system is in",
        f"                 {opened.tokens}/sample-back-office (and -bank, -card-bureau, …)",
    ]


def _hints(results: list[Result], opened: Opened) -> str:
    lines = ["", "Everything stays up until Ctrl-C. The data is kept for the next start."]
    if opened.ui_url is not None:
        cases = f"{opened.ui_url}/namespaces/{opened.namespace}/workflows"
        lines += [
            f"  Web UI         {cases}",
            "  Look first at  a case: Timeline tells its life, User Metadata where it stands and what may be told now;",
            "                 Send an Update, on a case that is open, lists every event with its description.",
            *(f"                 {words}: {cases}/{case_id}" for words, case_id in _worth_a_look(results)),
        ]
    lines += _log_in(opened)
    lines.append(f"  Messages       {opened.tray_url} (applicants are told from 8:00 to 21:00 in Shanghai)")
    lines += [f"  Worker's log   {opened.worker_log}", "  Command line   .venv/bin/python starter.py --help"]
    lines.append(f"                 for audit, retention and other upkeep first: . {opened.upkeep}")
    return "\n".join(lines)


_WORTH_A_LOOK: Final = ("pure upgrade, benefits held", "number held by another: ours", "refused, accepted on evidence")


def _worth_a_look(results: list[Result]) -> list[tuple[str, str]]:
    """One case of each class that shows much."""
    by_class = {result.expectation.words: result.case_id for result in reversed(results) if result.case_id is not None}
    return [(words, by_class[words]) for words in _WORTH_A_LOOK if words in by_class]


async def _until_told_to_stop(environment: Mapping[str, str], screen: Screen, *, stay: bool) -> int:
    """Run, and turn the first signal into an orderly end; further ones change nothing."""
    running = asyncio.create_task(run(environment, screen, stay=stay))
    loop = asyncio.get_running_loop()
    told: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if not told:
            running.cancel()
        told.append(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await running
    except asyncio.CancelledError:
        return EXIT_INTERRUPTED


def main() -> int:
    """Answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=_WHAT)
    parser.add_argument("--exit", action="store_true", help="end by itself, with 0 only if all came out right")
    arguments = parser.parse_args()
    try:
        return asyncio.run(_until_told_to_stop(dict(os.environ), Screen(), stay=not arguments.exit))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
    return EXIT_UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
