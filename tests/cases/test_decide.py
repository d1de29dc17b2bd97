"""What every transition does, whatever it is about."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from cases.decide import CHANGES, CHECKS, EFFECTS, GUARDS, LADDER, SUBJECTS, _merged
from cases.errors import Code
from cases.events import Event
from cases.kinds import MACHINES
from cases.machines.machine import Guard, Status
from cases.names import Kind
from cases.rules.subject import Subject
from cases.state import CaseState
from cases.views import outcome_of, view_of
from tests.cases.moving import applying, in_review, lost, move, refused
from tests.scenes import NOW, SOUTH, in_status


@pytest.mark.parametrize(
    ("state", "event", "remains"),
    [
        (lost(), Event.withdraw, ("card_blocked",)),
        (move(lost(SOUTH), Event.loss_report_expired), None, ("card_cancelled",)),
        (in_review().model_copy(update={"benefits_held": True}), Event.withdraw, ("benefits_held",)),
        (in_review(), Event.withdraw, ()),
        (move(applying(), Event.commit), Event.withdraw, ()),
    ],
)
def test_an_ending_says_what_stays_in_effect(state: CaseState, event: Event | None, remains: tuple[str, ...]) -> None:
    closed = move(state, event) if event else move(move(state, Event.checked), Event.withdraw)
    assert not closed.is_open
    assert closed.remains == remains
    assert outcome_of(closed).remains == view_of(closed, NOW).remains == remains


@pytest.mark.parametrize("event", Event)
def test_a_closed_case_answers_every_event_with_that(event: Event) -> None:
    closed = move(in_review(), Event.withdraw)
    assert refused(closed, event) is Code.CASE_CLOSED
    assert view_of(closed, NOW).events == ()
    assert view_of(closed, NOW).due_at is None


# --- the rules of all subjects --------------------------------------------------------------------------------------


def test_no_rule_stands_in_two_subjects() -> None:
    for table in Subject._fields:
        keys = [key for subject in SUBJECTS for key in getattr(subject, table)]
        if table not in {"entered", "left"}:
            assert len(keys) == len(set(keys)), table


def test_a_rule_that_stands_in_two_subjects_is_found_when_they_are_merged() -> None:
    with pytest.raises(ValueError, match="retry"):
        _merged(({Guard.retry: 1}, {Guard.retry: 2}))


def test_no_two_subjects_change_the_same_field_when_a_status_is_entered_or_left() -> None:
    for status in Status:
        for table in ("entered", "left"):
            fields = [field for subject in SUBJECTS for field in getattr(subject, table).get(status, {})]
            assert len(fields) == len(set(fields)), status


def test_what_rules_change_are_fields_of_the_state() -> None:
    static = [
        change for each in SUBJECTS for table in (each.effects, each.entered, each.left) for change in table.values()
    ]
    assert static
    state = in_status(Kind.id_number_change, Status.applying)
    changes = [change(state) if callable(change) else change for change in static]
    assert {field for change in changes for field in change} <= set(CaseState.model_fields)


@pytest.mark.parametrize("table", [GUARDS, CHECKS, CHANGES, EFFECTS, LADDER])
def test_every_rule_is_about_something_that_a_machine_has(table: Mapping[StrEnum, Any]) -> None:
    rows = [row for machine in MACHINES.values() for row in machine.table]
    had = {
        *(row.event for row in rows),
        *(row.guard for row in rows),
        *(effect for row in rows for effect in row.effects),
    }
    assert set(table) <= had
