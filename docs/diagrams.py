"""Prints both state machines for people: Mermaid diagrams and tables, from the tables the engine itself consults.

    python -m docs.diagrams

writes `docs/states.md`. A test fails when the committed file is not what this prints.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from cases.events import Event, Origin
from cases.kinds import KINDS, MACHINES
from cases.machines.machine import CLOCK_EVENT, Awaits, Guard, Machine, Milestone, Row, Status

PAGE: Final = Path(__file__).with_name("states.md")

_AWAITS: Final = {
    Awaits.engine: "the engine",
    Awaits.applicant: "the applicant",
    Awaits.clerk: "a clerk",
    Awaits.second_officer: "a second officer",
    Awaits.two_officers: "two officers",
    Awaits.downstream: "other systems",
    Awaits.card_bureau: "the card bureau",
    Awaits.operator: "an operator",
    Awaits.nobody: "nobody",
}
_ORIGINS: Final = {
    Origin.outside: "told from outside, as updates",
    Origin.engine: "the engine's own steps",
    Origin.timer: "time limits that ran out",
    Origin.neighbour: "told by a neighbouring case, or by the weekly check of held benefits",
}
_FROM_MANY: Final = 3
"""An event that leads to one status from so many is written beside it: as many arrows would hide the rest."""

_INTRODUCTION: Final = """\
# Both state machines

Written by `python -m docs.diagrams` from `cases/machines/`; change those files, not this one. A test fails when they
differ. What a guard asks is written in `cases/rules/`, what an effect does in `activities/registry/`.

Each machine is shown as a diagram of its road, as lists of its statuses and other endings, as a matrix of status and
event, and row by row. A pair of status and event that has no row is refused with a code and changes nothing. What a row
refuses with a code is on record all the same.
"""

_ROAD: Final = """\
The road of a case. What leads to one status from three or more stands in a note beside it; events after which the
status stays, and ways out to the other endings, are left to the tables below.
"""

_MATRIX: Final = """\
`●` the status changes · `○` it stays · `◐` a guard decides whether it stays · empty: refused.
"""


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for machine in MACHINES.values():
        parts += [
            f"## {KINDS[machine.kind].title}",
            _ROAD + "\n" + _fenced(diagram(machine)),
            "### Statuses\n\n" + "\n".join(_statuses(machine)),
            "### Other endings\n\n" + "\n".join(_endings(machine)),
            "### Status and event\n\n" + _MATRIX + "\n" + "\n".join(_matrix(machine)),
            "### Row by row\n\n" + "\n".join(_rows(machine)),
        ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def diagram(machine: Machine) -> str:
    """A Mermaid state diagram of a machine's road: statuses by milestone, one arrow per pair of statuses."""
    lines = ["stateDiagram-v2", f"    [*] --> {machine.initial}"]
    notes, arrows = _drawn(machine)
    for milestone in Milestone:
        lines.append(f"    state {milestone} {{")
        inside = [status for status, row in machine.statuses.items() if row.milestone is milestone]
        lines += [f"        {status}" for status in inside]
        lines += [f"        {arrow}" for pair, arrow in arrows.items() if set(pair) <= set(inside)]
        for to in inside:
            lines += [f"        note right of {to} : {note}" for note in notes.get(to, ())]
        lines.append("    }")
    lines += [f"    {arrow}" for pair, arrow in arrows.items() if len(_milestones(machine, pair)) > 1]
    lines += [f"    {status} --> [*]" for status in machine.statuses if _is_last(machine, status)]
    return "\n".join(lines)


def _is_last(machine: Machine, status: Status) -> bool:
    return machine.statuses[status].milestone is not None and not machine.is_open(status)


def _milestones(machine: Machine, statuses: Iterable[Status]) -> set[Milestone | None]:
    return {machine.statuses[status].milestone for status in statuses}


def _drawn(machine: Machine) -> tuple[dict[Status, list[str]], dict[tuple[Status, Status], str]]:
    """Notes by status, and arrows by pair of statuses; both in the order of the table."""
    sources: dict[tuple[Event, Status], dict[Status, None]] = {}
    for row in machine.table:
        if row.to is not row.status and machine.statuses[row.to].milestone is not None:
            sources.setdefault((row.event, row.to), {})[row.status] = None
    notes: dict[Status, list[str]] = {}
    events: dict[tuple[Status, Status], list[Event]] = {}
    for (event, to), statuses in sources.items():
        if len(statuses) >= _FROM_MANY:
            notes.setdefault(to, []).append(f"{event} from<br/>{'<br/>'.join(statuses)}")
        else:
            for status in statuses:
                events.setdefault((status, to), []).append(event)
    return notes, {(status, to): f"{status} --> {to} : {'<br/>'.join(told)}" for (status, to), told in events.items()}


def _fenced(mermaid: str) -> str:
    return f"```mermaid\n{mermaid}\n```"


def _statuses(machine: Machine) -> Iterator[str]:
    yield from _head("status", "", "milestone", "waits for", "time limit", "when it ends")
    for row in machine.statuses.values():
        clock = row.clock
        yield _line(
            f"`{row.status}`",
            row.zh,
            f"`{row.milestone}`" if row.milestone else "the one reached",
            _AWAITS[row.awaits],
            clock or "",
            f"`{CLOCK_EVENT[clock]}`" if clock else "",
        )


def _endings(machine: Machine) -> Iterator[str]:
    yield from _head("ending", "by", "from")
    for ending in machine.statuses.values():
        if ending.milestone is not None:
            continue
        sources: dict[Event, list[Status]] = {}
        for row in machine.table:
            if row.to is ending.status and row.status not in sources.setdefault(row.event, []):
                sources[row.event].append(row.status)
        for event, statuses in sources.items():
            yield _line(f"`{ending.status}`", f"`{event}`", _codes(statuses))


def _matrix(machine: Machine) -> Iterator[str]:
    open_statuses = [status for status in machine.statuses if machine.is_open(status)]
    yield from _head("event", *(f"`{status}`" for status in open_statuses))
    for origin in Origin:
        possible = [event for event in Event if event.origin is origin and _is_possible(machine, event)]
        if possible:
            yield _line(f"*{_ORIGINS[origin]}*", *("" for _ in open_statuses))
        for event in possible:
            yield _line(f"`{event}`", *(_mark(machine.rows(status, event)) for status in open_statuses))


def _is_possible(machine: Machine, event: Event) -> bool:
    return any(machine.rows(status, event) for status in machine.statuses)


def _mark(rows: Iterable[Row]) -> str:
    stays = {row.to is row.status for row in rows}
    if not stays:
        return ""
    if len(stays) > 1:
        return "◐"
    return "○" if stays.pop() else "●"


def _rows(machine: Machine) -> Iterator[str]:
    yield from _head("status", "event", "guard", "to", "effects")
    for status in machine.statuses:
        for event in machine.events(status):
            for row in machine.rows(status, event):
                guard = "" if row.guard is Guard.always else f"`{row.guard}`"
                to = "stays" if row.to is status else f"`{row.to}`"
                does = _codes(row.effects) if row.refused is None else f"refused: `{row.refused}`"
                yield _line(f"`{status}`", f"`{event}`", guard, to, does)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _head(*cells: str) -> Iterator[str]:
    yield _line(*cells)
    yield _line(*("---" for _ in cells))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
