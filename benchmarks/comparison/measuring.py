"""One contestant, measured for one round, and counted once."""

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from benchmarks.comparison.counting import (
    Counted,
    Kept,
    RoundTrips,
    billed_actions,
    kept_of,
    sealed_beside,
    statements_tracked,
)
from benchmarks.comparison.programs import busy_seconds
from benchmarks.comparison.roster import Contestant
from benchmarks.comparison.stage import Spent, Stage

COUNTED_CASES: Final = 20
"""Cases over which is counted, one after the other."""


@dataclass(frozen=True)
class Round:
    """What one contestant did in one round."""

    per_second: float
    """Cases, with so many in flight."""
    spent: Spent
    """For one case."""
    open_ms: tuple[float, ...]
    """One at a time: from the call until the case is registered."""
    done_ms: tuple[float, ...]
    """One at a time: from telling of the verification until the benefits are released."""
    sweeps: int = 0
    """How often notifications were left to a sweep."""
    beside: float = 0.0
    """Share of the machine's processor time that went to other programs meanwhile."""

    @property
    def cpu_ms(self) -> float:
        """Of all process trees, for one case."""
        return self.spent.all * 1000


@dataclass(frozen=True)
class Counts:
    """What one case takes, as the mean over some that were played one after the other."""

    statements: float | None = None
    inside: float | None = None
    round_trips: float | None = None
    wal_bytes: float | None = None
    payloads: float | None = None
    """Of the history."""
    sealed: float | None = None
    """Of the history, and of what activities beside it are asked and answer."""
    history_bytes: float | None = None
    events: float | None = None
    actions: float | None = None
    in_payloads: float | None = None
    """Bytes of the history that are payloads."""
    by_sealing: float | None = None
    """Bytes that sealing adds to them."""
    written: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Bytes of WAL by table and by what was done to it."""
    billed: Mapping[str, float] = field(default_factory=dict)
    """Billed actions by the server's name for them."""


@dataclass(frozen=True)
class Statement:
    """A statement of one contestant: how often it ran for a case, and what it took there."""

    text: str
    toplevel: bool
    calls: float
    ms: float
    wal_bytes: float


async def measured(stage: Stage, contestant: Contestant, *, cases: int, in_flight: int, singles: int) -> Round:
    """Start a contestant, warm it up, play with many in flight, then one at a time, and end it."""
    async with stage.playing(contestant) as turn:
        await turn.play(await turn.people(in_flight), in_flight)
        people = await turn.people(cases)
        before, busy, begun = turn.spent(), busy_seconds(), time.perf_counter()
        played = await turn.play(people, in_flight)
        spent, busy = turn.spent() - before, busy_seconds() - busy
        whole = (time.perf_counter() - begun) * (os.cpu_count() or 1)
        alone = await turn.play(await turn.people(singles), 1)
    return Round(
        per_second=cases / played.seconds,
        spent=spent.of_each(cases),
        open_ms=alone.open_ms,
        done_ms=alone.done_ms,
        sweeps=turn.sweeps,
        beside=max(busy - spent.all, 0) / whole,
    )


async def counted(
    stage: Stage, contestant: Contestant, *, cases: int = COUNTED_CASES
) -> tuple[Counts, list[Statement]]:
    """Count what cases take, and list their statements."""
    endpoint = stage.servers.postgres.endpoint
    trips = RoundTrips(endpoint)
    await stage.prepare(contestant)
    async with (
        trips.relaying(),
        statements_tracked(endpoint, stage.database_of(contestant)) as statements,
        stage.playing(contestant, trips.url_of(stage.url_of(contestant))) as turn,
    ):
        await turn.play(await turn.people(cases), cases)
        people = await turn.people(cases)
        await statements.begin()
        trips.count = 0
        billed, since = await billed_actions(stage.servers.metrics_url), datetime.now(UTC)
        played = await turn.play(people, 1)
        asked, made = await statements.counted(), trips.count
        listed = await statements.listed()
        # The last of all: it asks PostgreSQL as well.
        billed, written = await billed_actions(stage.servers.metrics_url) - billed, await statements.written()
    counts = _of_postgres(asked, made, written, cases) if contestant.writes else Counts()
    if contestant.on_temporal:
        client = await stage.temporal()
        kept = [await kept_of(client, case) for case in played.cases]
        counts = _of_temporal(
            counts,
            kept,
            {kind: count / cases for kind, count in billed.items()},
            await sealed_beside(client, since) / cases,
        )
    return counts, [
        Statement(row["query"], row["toplevel"], row["calls"] / cases, row["ms"] / cases, row["wal"] / cases)
        for row in listed
    ]


def _of_postgres(asked: Counted, round_trips: int, written: Mapping[tuple[str, str], int], cases: int) -> Counts:
    return Counts(
        statements=asked.statements / cases,
        inside=asked.inside / cases,
        round_trips=round_trips / cases,
        wal_bytes=asked.wal_bytes / cases,
        written={where: count / cases for where, count in written.items()},
    )


def _of_temporal(counts: Counts, kept: Sequence[Kept], billed: Mapping[str, float], beside: float) -> Counts:
    return replace(
        counts,
        payloads=statistics.fmean(each.payloads for each in kept),
        sealed=statistics.fmean(each.sealed for each in kept) + beside,
        history_bytes=statistics.fmean(each.bytes for each in kept),
        events=statistics.fmean(each.events for each in kept),
        actions=sum(billed.values()),
        billed=billed,
        in_payloads=statistics.fmean(each.in_payloads for each in kept),
        by_sealing=statistics.fmean(each.by_sealing for each in kept),
    )
