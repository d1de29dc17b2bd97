"""What the samples say: each row of the registers, how its case is driven, and how it must end."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cases.errors import Code
from cases.machines.machine import Milestone, Status
from cases.names import Kind

SAMPLES: Final = Path(__file__).parent.parent / "samples"
EXPECTED: Final = SAMPLES / "expected.csv"
INSURED: Final = SAMPLES / "insured.jsonl"
REGISTERS: Final = (SAMPLES / "register-north.xlsx", SAMPLES / "register-south.csv")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a case ended, or must end."""

    status: Status
    milestone: Milestone
    reason: Code | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """One row of a register."""

    register: str
    row: int
    personal_number: str
    kind: Kind
    words: str
    script: str
    ending: Ending | None
    refused: Code | None
    after: Status | None = None
    """The row comes when the case of the row above it is in this status; None for the rows that come together."""


def expectations(path: Path = EXPECTED) -> tuple[Expectation, ...]:
    """All rows, in the order of the registers."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_expectation(line) for line in csv.DictReader(file))


def _expectation(line: dict[str, str]) -> Expectation:
    ending = None
    if line["status"]:
        reason = Code(line["reason"]) if line["reason"] else None
        ending = Ending(Status(line["status"]), Milestone(line["milestone"]), reason)
    return Expectation(
        register=line["register"],
        row=int(line["row"]),
        personal_number=line["personal_number"],
        kind=Kind(line["matter"]),
        words=line["class"],
        script=line["script"],
        ending=ending,
        refused=Code(line["refused"]) if line["refused"] else None,
        after=Status(line["after"]) if line["after"] else None,
    )
