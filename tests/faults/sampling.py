"""Which of the faults a run injects, by which seed, how often, and what is written down of each."""

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

SEED: Final = "CARDCASE_TEST_FAULTS_SEED"
"""The seed of a run; the day's unless one is named."""
MINUTES: Final = "CARDCASE_TEST_FAULTS_MINUTES"
"""How long a run may take on two cores; all that there is unless it is said."""
TIMES: Final = "CARDCASE_TEST_FAULTS_TIMES"
"""How often each fault of the campaign is injected, each time by another seed."""
RESULTS: Final = "CARDCASE_TEST_FAULTS_RESULTS"
"""A file to which a line is added for each run of a fault."""

SPARED: Final = 0.15
"""The part of the time that is left for what takes longer than it is said to."""
OF_THE_CAMPAIGN: Final = 0.65
"""The part of it that goes to faults under which many cases live."""
SECONDS: Final[Mapping[str, int]] = {
    "test_a_worker_that_is_killed_leaves_all_or_nothing_and_the_next_one_does_the_rest_once": 5,
    "test_a_step_of_unknown_outcome_is_read_back_and_made_once": 2,
    "test_a_thousand_rungs_of_one_crowded_office_hour_fire_once_in_time_and_spread": 780,
    "test_five_hundred_messages_are_each_accepted_once": 180,
    "test_ten_thousand_events_with_faults_in_a_tenth_are_lost_by_nobody": 300,
    "test_a_season_of_many_persons_whose_policy_changes_is_played_and_nothing_is_found": 300,
    "test_the_register_is_restored_to_an_earlier_moment": 140,
    "test_the_store_of_temporal_is_restored_to_an_earlier_moment": 120,
    "test_the_store_of_temporal_is_lost": 110,
    "test_both_are_restored_to_different_moments": 130,
    "test_a_standby_takes_over_that_lost_the_last_seconds": 140,
    "test_interrupted_half_way_and_started_again_everybody_ends_as_the_sample_says": 200,
}
"""About how long tests take that say nothing themselves."""
OTHERS: Final = 90


class Drawn(NamedTuple):
    """A sample."""

    kept: frozenset[str]
    seconds: int


def run_seed() -> int:
    """The seed of this run."""
    return int(os.environ.get(SEED) or datetime.now(UTC).strftime("%Y%m%d"))


def seed_of(name: str) -> int:
    """The seed of one fault in this run."""
    return zlib.crc32(f"{run_seed()} {name}".encode())


def times() -> int:
    """How often each fault is injected."""
    return int(os.environ.get(TIMES) or 1)


def minutes() -> float | None:
    """How long this run may take; None for as long as it does."""
    said = os.environ.get(MINUTES)
    return float(said) if said else None


def draw(seconds: Mapping[str, int], within: float, seed: int) -> Drawn:
    """As many as there is time for, in seconds, in an order that the seed says."""
    left, kept = within * (1 - SPARED), []
    order = sorted(seconds)
    Random(seed).shuffle(order)  # noqa: S311 - a sample that can be drawn again
    for name in order:
        if seconds[name] <= left:
            left -= seconds[name]
            kept.append(name)
    return Drawn(frozenset(kept), sum(seconds[name] for name in kept))


def write_result(path: Path, figures: Mapping[str, object]) -> None:
    """Add what one run measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")


def read_results(path: Path) -> Iterable[dict[str, object]]:
    """What runs have measured so far."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
