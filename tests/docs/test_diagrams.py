import re

import pytest

from cases.events import Event
from cases.kinds import MACHINES
from cases.machines.machine import Machine, Status
from docs.diagrams import PAGE, diagram, page

_ARROW = re.compile(r"(\w+) --> (\w+) : (\S+)")
_NOTE = re.compile(r"note right of (\w+) : (\w+) from<br/>(\S+)")
_ROW = re.compile(r"^\| `\w+` \| `\w+` \| (?:`\w+`)? \| (?:stays|`\w+`) \| .*\|$", re.MULTILINE)

machines = pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda machine: machine.kind.value)


def _drawn(machine: Machine) -> set[tuple[Status, Event, Status]]:
    text = diagram(machine)
    arrows = {
        (Status(status), Event(event), Status(to))
        for status, to, events in _ARROW.findall(text)
        for event in events.split("<br/>")
    }
    notes = {
        (Status(status), Event(event), Status(to))
        for to, event, statuses in _NOTE.findall(text)
        for status in statuses.split("<br/>")
    }
    assert not arrows & notes
    return arrows | notes


def test_the_committed_page_is_what_the_tables_print() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: run python -m docs.diagrams"


@machines
def test_a_diagram_draws_every_step_of_the_road_and_no_other(machine: Machine) -> None:
    road = {
        (row.status, row.event, row.to)
        for row in machine.table
        if row.to is not row.status and machine.statuses[row.to].milestone is not None
    }
    assert _drawn(machine) == road


@machines
def test_a_diagram_puts_every_status_into_its_milestone(machine: Machine) -> None:
    boxes = re.findall(r"state (\w+) \{\n((?: {8}.*\n)+)", diagram(machine))
    inside = {line.strip(): milestone for milestone, lines in boxes for line in lines.splitlines()}
    expected = {status.value: row.milestone for status, row in machine.statuses.items() if row.milestone is not None}
    assert {status: inside.get(status) for status in expected} == expected


def test_every_other_ending_is_listed_with_all_ways_to_it_and_no_other() -> None:
    sections = page().split("\n## ")[1:]
    for machine, section in zip(MACHINES.values(), sections, strict=True):
        listed = {
            (status, event, ending)
            for ending, event, statuses in re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([^|]+) \|$", section, re.MULTILINE)
            for status in re.findall(r"\w+", statuses)
        }
        ways_out = {
            (row.status, row.event, row.to) for row in machine.table if machine.statuses[row.to].milestone is None
        }
        assert listed == ways_out


def test_every_row_of_both_machines_is_printed() -> None:
    assert len(_ROW.findall(page())) == sum(len(machine.table) for machine in MACHINES.values())
