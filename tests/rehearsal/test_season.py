from datetime import date, datetime, timedelta

import pytest

from activities.calendar import official_calendar
from cases.clocks import SHANGHAI
from cases.events import Event, Origin
from cases.kinds import MACHINES
from cases.names import Kind
from cases.numbers import Road, derive, validate18
from rehearsal.changes import NEEDS_A_SECOND
from rehearsal.facts import name, personal_number
from rehearsal.lives import Life, Story, new_number, old_number, registered_number
from rehearsal.season import Season

FIRST, LAST, PEAK = date(2026, 6, 1), date(2026, 9, 30), date(2026, 8, 31)


def season(seed: int = 1) -> Season:
    return Season(FIRST, LAST, PEAK, official_calendar(), seed)


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    return [season().life(number) for number in range(1, 1001)]


def test_the_same_seed_gives_the_same_person_the_same_life_and_another_seed_another() -> None:
    assert [season().life(number) for number in (7, 8, 9)] == [season().life(number) for number in (7, 8, 9)]
    assert season(1).life(7) != season(2).life(7)


def test_everything_happens_after_the_arrival_and_within_the_season(lives: list[Life]) -> None:
    begins = datetime(2026, 6, 1, tzinfo=SHANGHAI)
    for life in lives:
        moments = [life.arrives_at, *(step.at for step in life.steps)]
        assert begins <= moments[0] < begins + timedelta(days=122)
        assert moments == sorted(moments)
        assert len(set(moments[:2])) == len(moments[:2])
        assert moments[-1] < season().ends


def test_what_people_tell_is_what_a_case_can_be_told_from_outside(lives: list[Life]) -> None:
    for kind in Kind:
        known = {row.event for row in MACHINES[kind].table}
        told = {act.event for life in lives for act in life.acts if life.kind is kind}
        assert told <= known
        assert {event.origin for event in told} == {Origin.outside}


def test_every_story_happens_and_most_come_before_the_peak(lives: list[Life]) -> None:
    assert {life.story for life in lives} == set(Story)
    before = sum(life.arrives_at.date() <= PEAK for life in lives)
    assert 0.8 < before / len(lives) < 0.97


def test_a_second_officer_approves_only_what_needs_one(lives: list[Life]) -> None:
    for life in lives:
        if life.road is Road.pure_upgrade and life.story not in NEEDS_A_SECOND:
            assert Event.approve not in {act.event for act in life.acts}


def test_numbers_are_synthetic_and_nobody_shares_one(lives: list[Life]) -> None:
    old, new = {old_number(life.number) for life in lives}, {new_number(life) for life in lives}
    assert len(old) == len(new) == len(lives)
    for life in lives:
        birth_year = int(validate18(new_number(life), date(2026, 6, 1)).number[6:10])
        assert 1900 <= birth_year <= 1930
        assert (new_number(life) == derive(old_number(life.number))) is (life.road is Road.pure_upgrade)


def test_nobody_who_asks_for_anothers_number_has_one_of_a_third_person(lives: list[Life]) -> None:
    rivals = [(life, life.rival) for life in lives if life.rival is not None]
    assert len(rivals) > 10
    for life, rival in rivals:
        assert new_number(rival) == new_number(life)
        assert old_number(rival.number) not in {old_number(other.number) for other in lives}


def test_another_record_of_somebody_has_their_name_and_the_number_that_they_apply_for(lives: list[Life]) -> None:
    others = [(life, life.other_record) for life in lives if life.other_record is not None]
    assert len(others) > 10
    for life, other in others:
        assert registered_number(other) == new_number(other) == new_number(life)
        assert (name(other), personal_number(other)) == (name(life), f"R{other.number:07}")
        assert other.number not in {each.number for each in lives}


def test_cards_are_lost_in_lives_of_both_kinds(lives: list[Life]) -> None:
    lost = {life.kind for life in lives if Event.report_loss in {act.event for act in life.acts}}
    assert lost == set(Kind)
