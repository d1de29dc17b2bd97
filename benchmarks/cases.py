"""What a case costs, beside others that do the same case: `make bench`.

    python -m benchmarks.cases [--rounds 8] [--cases 160] [--only cardcase,lean]

Plays interleaved rounds of cases with every contestant of `benchmarks.comparison.roster`, counts what one case takes,
and writes `docs/performance.md` and `benchmarks/results/cases.json`. Who cannot take part is named with the reason.
Ends with 1 where a contestant came to grief.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.border import known, section
from benchmarks.comparison.figures import Figures
from benchmarks.comparison.measuring import COUNTED_CASES, Statement, counted, measured
from benchmarks.comparison.page import Plan, page
from benchmarks.comparison.programs import ROOT, ProgramEnded
from benchmarks.comparison.roster import ALL, NAMES, PEERS, Contestant, why_not
from benchmarks.comparison.stage import stage_in
from runtime.ending import end

PAGE: Final = Path("docs/performance.md")
RESULTS: Final = Path("benchmarks/results/cases.json")

EXIT_TROUBLE: Final = 1


async def compare(
    contestants: Sequence[Contestant], plan: Plan, peers: Path, counted_cases: int, progress: Progress
) -> tuple[dict[str, Figures], dict[str, list[Statement]]]:
    """Play all rounds. Raises `ProgramEnded`, or TimeoutError where a contestant hangs."""
    found = {each.name: Figures() for each in contestants}
    statements: dict[str, list[Statement]] = {}
    task = progress.add_task("starting", total=len(contestants) * (plan.rounds + 1))
    with tempfile.TemporaryDirectory(prefix="cardcase-benchmark-") as folder:
        async with stage_in(Path(folder), peers) as stage:
            for round_ in range(plan.rounds):
                for contestant in _rotated(contestants, round_):
                    progress.update(task, description=f"round {round_ + 1}: {contestant.name}")
                    found[contestant.name].rounds.append(
                        await measured(
                            stage,
                            contestant,
                            cases=plan.cases,
                            in_flight=plan.in_flight,
                            singles=plan.singles,
                        )
                    )
                    progress.advance(task)
            for contestant in contestants:
                progress.update(task, description=f"counting: {contestant.name}")
                counts, listed = await counted(stage, contestant, cases=counted_cases)
                found[contestant.name].counts, statements[contestant.name] = counts, listed
                progress.advance(task)
    return found, statements


def _rotated(contestants: Sequence[Contestant], by: int) -> Sequence[Contestant]:
    first = by % len(contestants)
    return [*contestants[first:], *contestants[:first]]


def _write(into: Path, found: Mapping[str, Figures], missing: Mapping[str, str], plan: Plan) -> None:
    results = {name: figures.as_json() for name, figures in found.items()}
    skipped = {name: {"skipped": reason} for name, reason in missing.items()}
    for path, text in (
        (into / PAGE, page(found, missing, plan, section(known()))),
        (into / RESULTS, json.dumps({**results, **skipped}, indent=2) + "\n"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _print_statements(console: Console, name: str, statements: Sequence[Statement]) -> None:
    console.print(f"\nstatements of {name}, for one case: calls, ms, bytes of WAL; > marks what runs inside functions")
    for each in statements:
        text = " ".join(each.text.split())
        mark = " " if each.toplevel else ">"
        console.print(
            f"{each.calls:7.2f} {each.ms:8.3f} {each.wal_bytes:8.0f} {mark} {text}", markup=False, soft_wrap=True
        )


def _named(names: str) -> list[Contestant]:
    wanted = names.split(",")
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose among {', '.join(NAMES)}")
    return [each for each in ALL if each.name in wanted]


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cases", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=_at_least_one, default=8, help="how often each plays (8)")
    parser.add_argument("--cases", type=_at_least_one, default=160, help="cases of a round (160)")
    parser.add_argument("--in-flight", type=_at_least_one, default=32, help="cases at the same time (32)")
    parser.add_argument("--singles", type=_at_least_one, default=20, help="cases of a round one at a time (20)")
    parser.add_argument("--counted", type=_at_least_one, default=COUNTED_CASES, help="cases that are counted (20)")
    parser.add_argument("--only", type=_named, default=list(ALL), metavar="NAMES", help="of " + ",".join(NAMES))
    parser.add_argument("--statements", metavar="NAME", help="print the statements of one contestant")
    parser.add_argument("--into", type=Path, default=ROOT, metavar="FOLDER", help="where page and results go")
    parser.add_argument("--peers", type=Path, default=PEERS, metavar="FOLDER", help="where DBOS and Restate are")
    return parser.parse_args(words)


async def _run(arguments: argparse.Namespace, console: Console) -> None:
    plan = Plan(arguments.rounds, arguments.cases, arguments.in_flight, arguments.singles)
    reasons = {each.name: why_not(each, arguments.peers) for each in arguments.only}
    missing = {name: reason for name, reason in reasons.items() if reason is not None}
    for name, reason in missing.items():
        console.print(f"{name} is skipped: {reason}", markup=False)
    playing = [each for each in arguments.only if each.name not in missing]
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        found, statements = await compare(playing, plan, arguments.peers, arguments.counted, progress)
    missing |= {name: "it was not asked for" for name in NAMES if name not in reasons}
    _write(arguments.into, found, missing, plan)
    console.print((arguments.into / PAGE).read_text(encoding="utf-8"), markup=False, soft_wrap=True, highlight=False)
    if arguments.statements in statements:
        _print_statements(console, arguments.statements, statements[arguments.statements])


def main(words: Sequence[str] | None = None) -> int:
    """Compare. Answers the exit status."""
    arguments, console = _arguments(sys.argv[1:] if words is None else words), Console()
    try:
        asyncio.run(_run(arguments, console))
    except ProgramEnded as ended:
        console.print(str(ended), markup=False, soft_wrap=True)
    except TimeoutError:
        console.print("a contestant did not come to an end", markup=False)
    else:
        return 0
    return EXIT_TROUBLE


if __name__ == "__main__":
    end(main())
