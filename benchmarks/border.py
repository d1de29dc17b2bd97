"""The section of `docs/performance.md` about the border: what its benchmarks measured, beside their goals.

Each benchmark keeps its figures in `benchmarks/results/border.json` and writes the section anew, so that one can be
repeated without the others. `python -m benchmarks.cases`, which writes the whole page, takes the section from there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.comparison.programs import ROOT

PAGE: Final = Path("docs/performance.md")
RESULTS: Final = Path("benchmarks/results/border.json")
_HEAD: Final = "## The border"
_NEXT: Final = "\n## Method\n"
_WORDS: Final = """\
What the intake service costs and how soon it tells, measured by `make bench-border`: everything runs as in production,
with the service, the gate and the worker as processes of their own. What is compared took turns in one run. Processor
time is that of processes: other programs on the machine make it larger and not smaller, for they take its caches.
"""


class Figure(NamedTuple):
    """One figure that may not be larger than its goal."""

    words: str
    unit: str
    goal: float
    measured: float

    @property
    def is_reached(self) -> bool:
        """Whether it is not larger."""
        return self.measured <= self.goal


def keep(benchmark: str, how: str, figures: Sequence[Figure], root: Path = ROOT) -> int:
    """Keep what a benchmark measured and write the section anew. Answers the exit status: 1 where a goal is missed."""
    results = known(root)
    kept = [{"words": each.words, "unit": each.unit, "goal": each.goal, "measured": each.measured} for each in figures]
    results[benchmark] = {"how": how, "day": datetime.now(UTC).date().isoformat(), "figures": kept}
    # In the order in which they will be read again, whichever was repeated last.
    results = dict(sorted(results.items()))
    (root / RESULTS).write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    page = (root / PAGE).read_text(encoding="utf-8")
    before, _, after = page.partition(_NEXT)
    written = "\n".join((before.partition(_HEAD)[0].rstrip("\n"), "", *section(results)))
    (root / PAGE).write_text(f"{written}{_NEXT}{after}", encoding="utf-8")
    return 0 if all(each.is_reached for each in figures) else 1


def known(root: Path = ROOT) -> dict[str, Any]:
    """What the benchmarks have kept."""
    path = root / RESULTS
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def section(results: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the section; none where nothing is known."""
    if not results:
        return
    yield from (_HEAD, "", _WORDS, "| figure | goal | measured | |", "| --- | --- | --- | --- |")
    for found in results.values():
        for figure in (Figure(**each) for each in found["figures"]):
            judged = "reached" if figure.is_reached else f"**missed by {figure.measured / figure.goal - 1:.0%}**"
            goal, measured = f"{figure.goal:g}{figure.unit}", f"{figure.measured:.3g}{figure.unit}"
            yield f"| {figure.words} | at most {goal} | {measured} | {judged} |"
    yield ""
    yield from (f"* `python -m benchmarks.{name}`: {found['how']} ({found['day']})" for name, found in results.items())
    yield ""
