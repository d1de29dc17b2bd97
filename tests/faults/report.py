"""Writes the section "Faults" of docs/reliability.md from what all runs so far measured.

python -m tests.faults.report RESULTS
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.sampling import read_results

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
HEADING: Final = "## Faults"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"


@dataclass
class Row:
    """What all runs of one fault measured."""

    runs: int = 0
    clean: int = 0
    injected: int = 0
    acknowledged: int = 0
    unknown: int = 0

    @property
    def bound(self) -> str:
        """Of how many runs at most one in 100 such series would miss a fault: three in the number of clean ones."""
        if self.clean < self.runs:
            return f"{self.runs - self.clean} of {self.runs} went wrong"
        return "says nothing yet" if self.clean < 3 else f"{3 / self.clean:.1%}"


def rows_of(results: Iterable[Mapping[str, object]]) -> dict[str, Row]:
    """The rows by their faults."""
    rows: dict[str, Row] = defaultdict(Row)
    for result in results:
        row = rows[str(result["fault"])]
        row.runs += 1
        row.clean += not result["findings"]
        row.injected += int(str(result.get("injected", 1)))
        row.acknowledged += int(str(result.get("acknowledged", 0)))
        row.unknown += int(str(result.get("unknown", 0)))
    return dict(rows)


def table(rows: Mapping[str, Row]) -> str:
    """The table as it stands on the page."""
    lines = [
        "| fault | runs | times injected | calls acknowledged | of unknown outcome, repeated | at most, at 95 % |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for fault, row in sorted(rows.items()):
        figures = (row.runs, row.injected, row.acknowledged or "", row.unknown or "", row.bound)
        lines.append(f"| {fault} | " + " | ".join(map(str, figures)) + " |")
    total = sum(row.acknowledged for row in rows.values())
    clean = sum(row.clean for row in rows.values())
    bound = (
        f" {total} calls were acknowledged and none was lost: at most {3 / total:.3%} are, at 95 %." if total else ""
    )
    if clean < sum(row.runs for row in rows.values()):
        bound = ""
    return "\n".join(lines) + f"\n\n{sum(row.runs for row in rows.values())} runs, {clean} of them clean.{bound}"


def written(page: str, rows: Mapping[str, Row]) -> str:
    """The page with the table of these rows between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{HEADING} has no place for the table: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"


def main() -> int:
    """Read the results that are named, and write the page."""
    (results,) = sys.argv[1:]
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), rows_of(read_results(Path(results)))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
