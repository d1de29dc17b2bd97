"""From rounds and counts to figures: medians, intervals, ratios."""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from benchmarks.comparison.measuring import Counts, Round

_DRAWS: Final = 2000
_TAIL: Final = 0.025


class Estimate(NamedTuple):
    """A median, and the interval in which it would lie 95 times in 100."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """The median of some values, and where that of so many others would lie (bootstrap)."""
        chance = random.Random(1)  # noqa: S311 - the same figures give the same interval
        medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(_DRAWS))
        edge = int(_DRAWS * _TAIL)
        return cls(statistics.median(values), medians[edge], medians[-edge - 1])


@dataclass
class Figures:
    """All that is known of one contestant."""

    rounds: list[Round] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def over_rounds(self, of: Callable[[Round], float]) -> Estimate:
        """The median of something over all rounds."""
        return Estimate.of([of(each) for each in self.rounds])

    def median(self, of: Callable[[Round], float]) -> float:
        """Only the median."""
        return statistics.median(of(each) for each in self.rounds)

    def as_json(self) -> dict[str, float | None]:
        """The medians, for programs."""
        counts = self.counts
        found: dict[str, float | None] = {
            "per_s": self.median(lambda each: each.per_second),
            "cpu_ms": self.median(lambda each: each.cpu_ms),
            "client_ms": self.median(lambda each: each.spent.client * 1000),
            "worker_ms": self.median(lambda each: each.spent.worker * 1000),
            "server_ms": self.median(lambda each: each.spent.server * 1000),
            "postgres_ms": self.median(lambda each: each.spent.postgres * 1000),
            "open_p50_ms": self.median(lambda each: percentile(each.open_ms, 50)),
            "open_p95_ms": self.median(lambda each: percentile(each.open_ms, 95)),
            "done_p50_ms": self.median(lambda each: percentile(each.done_ms, 50)),
            "done_p95_ms": self.median(lambda each: percentile(each.done_ms, 95)),
            "statements": counts.statements,
            "statements_inside": counts.inside,
            "round_trips": counts.round_trips,
            "wal_kb": _kilo(counts.wal_bytes),
            "payloads": counts.payloads,
            "payloads_sealed": counts.sealed,
            "history_kb": _kilo(counts.history_bytes),
            "history_events": counts.events,
            "actions": counts.actions,
        }
        return {name: None if value is None else round(value, 3) for name, value in found.items()}


def _kilo(count: float | None) -> float | None:
    return None if count is None else count / 1000


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-len(ordered) * percent // 100) - 1)]


Comparison = Mapping[str, Figures]


def ratio(ours: Figures, theirs: Figures, of: Callable[[Round], float]) -> Estimate:
    """How one compares with another, round by round, so that whatever else the machine did falls on both."""
    return Estimate.of([of(one) / of(other) for one, other in zip(ours.rounds, theirs.rounds, strict=True)])
