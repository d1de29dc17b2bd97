"""Forms of events: made from their models, for every status of every kind, a third kind's included."""

from typing import Any

import pytest

from cases.delivery import Tongue
from cases.events import EVENTS, FACTS, Event
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.models import Role
from cases.names import Kind
from cases.views import possible_events, view_of
from cases.words import FIELDS, field_word
from desk.forms import Ask, form_of, known_of, read
from desk.queues import QUEUES, mine
from gate.access import SEES
from intake.telling import FILLED_IN
from tests.scenes import NOW, in_status

BY_PEOPLE = {event for event in FACTS if EVENTS[event].roles & SEES}


def possible() -> list[tuple[Kind, Status, Event]]:
    return [
        (kind, status, event)
        for kind, machine in MACHINES.items()
        for status in machine.statuses
        for event in possible_events(in_status(kind, status), NOW)
        if machine.is_open(status) and event in BY_PEOPLE
    ]


@pytest.mark.parametrize(("kind", "status", "event"), possible())
def test_whatever_people_may_tell_has_a_form_in_words_of_both_languages(
    kind: Kind, status: Status, event: Event
) -> None:
    view = view_of(in_status(kind, status), NOW)
    for tongue in Tongue:
        form = form_of(event, view, view.documents, tongue)
        assert form is not None
        assert form.explained
        for field in form.fields:
            assert field.label
            assert all(choice.word for choice in field.choices)
            assert field.ask is not Ask.choice or field.choices
            assert field.value == ""
    chinese = form_of(event, view, view.documents, Tongue.zh)
    assert chinese is not None
    assert any("一" <= character <= "鿿" for character in chinese.explained)


def test_every_field_that_is_filled_in_has_a_word_in_both_languages() -> None:
    filled_in = {name for event in BY_PEOPLE for name in FACTS[event].model_fields} - FILLED_IN
    assert filled_in <= set(FIELDS)
    assert field_word("something_new", Tongue.zh) == "something new"


def test_what_nobody_can_take_back_says_so_in_both_languages() -> None:
    for record in EVENTS.values():
        if record.form.consequence is not None:
            zh, en = record.form.consequence
            assert any("一" <= character <= "鿿" for character in zh)
            assert en.isascii()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, {}),
        ({"working_days": "5", "evidence": " 函〔2026〕1号 "}, {"working_days": 5, "evidence": "函〔2026〕1号"}),
        ({"working_days": "-1"}, {}),
        ({"working_days": "5e3"}, {}),
        ({"working_days": "9" * 5000}, {}),
        ({"actor": "officer-1", "stamp": "x"}, {}),
    ],
)
def test_what_was_typed_is_read_as_the_fact_takes_it_and_nothing_else(
    typed: dict[str, str], said: dict[str, Any]
) -> None:
    view = view_of(in_status(Kind.id_number_change, Status.in_review), NOW)
    form = form_of(Event.extend, view, (), Tongue.zh)
    assert form is not None
    assert read(form, typed, known_of(Event.extend, view)) == said


def test_a_digest_is_that_of_the_case_whatever_was_sent() -> None:
    view = view_of(in_status(Kind.id_number_change, Status.awaiting_approval), NOW)
    form = form_of(Event.approve, view, (), Tongue.zh)
    assert form is not None
    assert read(form, {"content": "0" * 64}, known_of(Event.approve, view)) == {"content": view.content}


def test_every_open_status_of_every_kind_is_in_a_queue_or_moves_by_itself() -> None:
    held = {place for queue in QUEUES for place in queue.places}
    for kind, machine in MACHINES.items():
        for status, row in machine.statuses.items():
            if machine.is_open(status) and row.engine_step is None and status is not Status.on_hold:
                assert f"{kind.value}/{status}" in held, (kind, status)


def test_every_role_of_people_has_something_that_waits_for_it() -> None:
    assert all(mine(role) for role in SEES)
    assert not mine(Role.bank)
