"""The records of events: each event has one, and it says all that the event's origin asks for."""

from collections import Counter

import pytest

from cases.events import _RECORDS, EVENTS, FACTS, OPEN, ROLES, Event, EventRecord, Origin
from cases.models import Role

RECORDS = pytest.mark.parametrize("record", _RECORDS, ids=lambda record: record.event.value)


def test_every_event_has_one_record_and_they_stand_in_the_order_of_the_names() -> None:
    assert [record.event for record in _RECORDS] == list(Event)
    assert set(Counter(record.event for record in _RECORDS).values()) == {1}
    assert list(EVENTS) == list(Event)


@RECORDS
def test_what_is_told_from_outside_has_a_fact_roles_and_an_explanation_and_nothing_else_has(
    record: EventRecord,
) -> None:
    told = record.origin is Origin.outside
    assert (record.fact is not None) is told
    assert bool(record.roles) is told
    assert bool(record.description) is told
    assert told or not (record.form.example or record.form.blank or record.form.known or record.in_bulk)
    assert record.event.origin is record.origin


@RECORDS
def test_an_explanation_is_written_in_both_languages(record: EventRecord) -> None:
    if record.description:
        chinese, _, english = record.description.partition("。")
        assert any("一" <= character <= "鿿" for character in chinese)
        assert english.strip().isascii()
        assert english.strip().endswith(".")


@RECORDS
def test_what_is_left_blank_stands_in_the_example(record: EventRecord) -> None:
    assert set(record.form.blank) <= set(record.form.example)


@RECORDS
def test_only_the_engine_says_what_follows_a_refusal(record: EventRecord) -> None:
    assert not record.after_a_refusal or record.origin is Origin.engine


def test_what_decides_on_a_persons_rights_is_told_case_by_case() -> None:
    alone = {Event.approve, Event.reject, Event.resolve_dispute, Event.hold_benefits, Event.verify_documents}
    assert not any(EVENTS[event].in_bulk for event in alone)


def test_the_tables_of_events_are_those_of_the_records() -> None:
    assert {event: EVENTS[event].fact for event in FACTS} == FACTS
    assert {act: roles for act, roles in ROLES.items() if act != OPEN} == {
        event: EVENTS[event].roles for event in FACTS
    }
    assert Role.applicant not in frozenset().union(*ROLES.values())
