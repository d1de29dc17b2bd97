"""`python -m demo [--exit]`: the sample registers from file to benefits unblocked, on real servers.

Stays up for looking around until Ctrl-C; with `--exit` it ends by itself. Ends with 0 if every row of the registers
came out as the sample says, 1 if not, 69 if something could not be started or went away, 130 if it was interrupted
before the end.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from activities.registry.loading import InsuredPerson, load_persons
from activities.registry.pool import create_pool
from activities.sealing import Sealer
from cases.errors import REMEDIES, CaseError, Code
from demo.expected import INSURED, REGISTERS, expectations
from demo.others import Outsiders, outsiders, sink_ports, sinks
from demo.play import Play, read, results
from demo.screen import Board, Result, Screen
from demo.staffing import staffed
from demo.surroundings import (
    DATA_DIR,
    DATABASE_URL,
    TOKENS,
    Servers,
    data_dir,
    desk,
    process_environment,
    providers,
    servers,
    while_all_run,
    worker,
)
from deploy.migrations import migrate
from intake import schedules
from intake.client import CaseClient, today_in_shanghai
from stack import StackError
from stack.issuer import Everybody, Issuer

EXIT_OTHERWISE, EXIT_UNAVAILABLE, EXIT_INTERRUPTED = 1, 69, 130

_WHAT: Final = "The sample registers from file to benefits unblocked, on real servers, until Ctrl-C."
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TICK_SECONDS: Final = 0.5


async def prepare(servers: Servers) -> Sealer:
    """Migrate, load the base extract and the directory, and make the schedules; what is there already is left alone."""
    await migrate(servers.database_url)
    sealer = Sealer(servers.keys())
    servers.stamp_key()
    lines = INSURED.read_text(encoding="utf-8").splitlines()
    pool = await create_pool(servers.database_url, size=2)
    try:
        await load_persons(pool, sealer, map(InsuredPerson.model_validate_json, lines))
        await staffed(pool, sealer)
    finally:
        await pool.close()
    await schedules.apply(await servers.client())
    return sealer


async def demonstrate(
    servers: Servers, sealer: Sealer, others: Outsiders, screen: Screen, board: Board
) -> list[Result]:
    """Import the registers and play every case to its end."""
    engine, issuer = await servers.client(), Issuer()
    # Whoever plays a part at a desk has a token of a throw-away issuer, and their gate stands in this process.
    everybody = Everybody(issuer, issuer.gate(servers.stamp_key(), engine.namespace))
    client = CaseClient(engine, sealer, stamping=everybody)
    play = Play(client, others, board, partial(_die, servers, sealer))
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


async def _die(servers: Servers, sealer: Sealer, personal_number: str) -> None:
    """Load an extract in which somebody has died today."""
    people = map(InsuredPerson.model_validate_json, INSURED.read_text(encoding="utf-8").splitlines())
    (person,) = [each for each in people if each.personal_number == personal_number]
    pool = await create_pool(servers.database_url, size=1)
    try:
        await load_persons(
            pool, sealer, [person.model_copy(update={"source_version": 2, "died_on": today_in_shanghai()})]
        )
    finally:
        await pool.close()


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
    board, folder = Board(), data_dir(environment)
    screen.say(f"cardcase demo · synthetic data · {folder}")
    async with servers(environment, folder) as started, providers(folder) as messages:
        sealer = await prepare(started)
        ports = sink_ports()
        async with (
            desk(environment, folder, started, sinks(ports)) as running,
            worker({**messages.settings, **environment}, folder, running) as one_worker,
            outsiders(folder, running.opened_desk, ports) as others,
        ):
            screen.say(f"ready after {board.seconds:.1f} s{_look(running)} · tray {messages.tray_url}")
            shown = await while_all_run(
                demonstrate(running, sealer, others, screen, board), running, one_worker, others
            )
            screen.results(shown, running.ui_url, running.namespace)
            screen.say(f"{summary(shown)} ({len(shown)} rows, {board.seconds:.1f} s)")
            status = 0 if all(result.as_expected for result in shown) else EXIT_OTHERWISE
            if stay:
                screen.say(_hints(shown, running, messages.tray_url, one_worker.log_file, folder))
                with suppress(asyncio.CancelledError):
                    await while_all_run(asyncio.Event().wait(), running, one_worker, others)
            return status


def _look(servers: Servers) -> str:
    return f" · Web UI {servers.ui_url}" if servers.ui_url is not None else ""


def _log_in(servers: Servers, folder: Path) -> list[str]:
    """Where operators log in, and what lets the command line decide as one of them."""
    desk = servers.opened_desk
    operators = ", ".join(desk.provider.operators)
    return [
        f"  Log in         {desk.codec_url}/login, to see cases decoded and to decide, as {operators}",
        f"                 or CARDCASE_GATE_URL={desk.codec_url} CARDCASE_TOKEN_FILE={folder / TOKENS}/NAME",
        f"  Back offices   {desk.intake_url}/openapi.json; an access token of a system is in",
        f"                 {folder / TOKENS}/sample-back-office (and -bank, -card-bureau, …)",
    ]


def _hints(results: list[Result], servers: Servers, tray_url: str, worker_log: Path, folder: Path) -> str:
    lines = ["", "Everything stays up until Ctrl-C. The data is kept for the next start."]
    if servers.ui_url is not None:
        cases = f"{servers.ui_url}/namespaces/{servers.namespace}/workflows"
        lines += [
            f"  Web UI         {cases}",
            "  Look first at  a case: Timeline tells its life, User Metadata where it stands and what may be told now;",
            "                 Send an Update, on a case that is open, lists every event with its description.",
            *(f"                 {words}: {cases}/{case_id}" for words, case_id in _worth_a_look(results)),
        ]
    lines += _log_in(servers, folder)
    lines.append(f"  Messages       {tray_url} (applicants are told from 8:00 to 21:00 in Shanghai)")
    return "\n".join([*lines, f"  Worker's log   {worker_log}", "  Command line   python starter.py --help"])


_WORTH_A_LOOK: Final = ("pure upgrade, benefits held", "number held by another: ours", "refused, accepted on evidence")


def _worth_a_look(results: list[Result]) -> list[tuple[str, str]]:
    """One case of each class that shows much."""
    by_class = {result.expectation.words: result.case_id for result in reversed(results) if result.case_id is not None}
    return [(words, by_class[words]) for words in _WORTH_A_LOOK if words in by_class]


def _explained(error: CaseError, folder: Path) -> str:
    if error.code is Code.SCHEMA_MISMATCH:
        return (
            f"The register in {folder} belongs to another version of cardcase. Remove it (rm -r {folder}), or choose "
            f"another place: export {DATA_DIR}=DIRECTORY. With {DATABASE_URL} set, use an empty database."
        )
    if error.code in {Code.KEY_UNKNOWN, Code.SEAL_BROKEN}:
        return f"The register was sealed with other keys than those in {folder}. {REMEDIES[error.code].en}"
    return f"{error}: {REMEDIES[error.code].en}"


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
    environment, screen = process_environment(), Screen()
    try:
        return asyncio.run(_until_told_to_stop(environment, screen, stay=not arguments.exit))
    except CaseError as error:
        sys.stderr.write(f"{_explained(error, data_dir(environment))}\n")
    except StackError as error:
        sys.stderr.write(f"{error}\n")
    return EXIT_UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
