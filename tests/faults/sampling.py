"""Which of the faults a run of `make faults` injects, and by which seed."""

import json
import os
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

SEED: Final = "CARDCASE_TEST_FAULTS_SEED"
RESULTS: Final = "CARDCASE_TEST_FAULTS_RESULTS"
"""A file to which a line is added for each run."""


def run_seed() -> int:
    """The seed of this run: the one that is named, else the day's."""
    return int(os.environ.get(SEED) or datetime.now(UTC).strftime("%Y%m%d"))


def seed_of(name: str) -> int:
    """The seed of one fault in this run."""
    return zlib.crc32(f"{run_seed()} {name}".encode())


def write_result(path: Path, figures: Mapping[str, object]) -> None:
    """Add what one run measured."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")
