"""The words for closed sets: every member has one, in both languages."""

import re
from datetime import UTC, date, datetime
from enum import StrEnum

import pytest

from cases.answers import Left
from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.events import Event
from cases.kinds import MACHINES
from cases.machines.machine import Awaits, Clock, Status
from cases.words import WORDS, by_when, days_left, when, word


@pytest.mark.parametrize("members", WORDS, ids=lambda members: members.__name__)
def test_every_member_has_a_chinese_word_of_its_own(members: type[StrEnum]) -> None:
    words = [word(member, Tongue.zh) for member in members]
    assert len(set(words)) == len(words)
    assert all(any("一" <= character <= "鿿" for character in each) for each in words)


def test_a_status_is_called_the_same_wherever_it_stands() -> None:
    for machine in MACHINES.values():
        for status, row in machine.statuses.items():
            assert word(status, Tongue.zh) == row.zh


def test_english_is_the_name_with_blanks_unless_that_says_too_little() -> None:
    assert word(Event.verify_documents, Tongue.en) == "verify documents"
    assert word(Status.closed_no_response, Tongue.en) == "closed no response"
    assert word(Awaits.nobody, Tongue.en) == "nobody (closed)"


def test_equal_values_of_different_sets_keep_their_own_words() -> None:
    assert Event.repair == Status.repair.value
    assert (word(Event.repair, Tongue.zh), word(Status.repair, Tongue.zh)) == ("处理异常", "异常待处理")


def test_what_has_no_words_is_called_by_its_value() -> None:
    class Unheard(StrEnum):
        of = "of"

    assert {word(Unheard.of, tongue) for tongue in Tongue} == {"of"}


@pytest.mark.parametrize(
    ("at", "chinese", "english"),
    [
        (
            datetime(2026, 12, 12, tzinfo=SHANGHAI),
            "2026年12月11日（周五）24时前",
            "by Friday 11 December 2026, 24:00",
        ),
        (datetime(2027, 1, 1, tzinfo=SHANGHAI), "2026年12月31日（周四）24时前", "by Thursday 31 December 2026, 24:00"),
        (datetime(2026, 12, 11, 16, tzinfo=UTC), "2026年12月11日（周五）24时前", "by Friday 11 December 2026, 24:00"),
        (
            datetime(2026, 9, 6, 17, tzinfo=SHANGHAI),
            "2026年9月6日（周日）下班（17:00）前",
            "by Sunday 6 September 2026, close of business (17:00)",
        ),
    ],
)
def test_a_deadline_is_the_last_day_before_its_midnight_and_an_hour_of_the_office_is_kept(
    at: datetime, chinese: str, english: str
) -> None:
    assert (by_when(at, Tongue.zh), by_when(at, Tongue.en)) == (chinese, english)


@pytest.mark.parametrize(
    ("at", "chinese", "english"),
    [
        (datetime(2026, 12, 11, 16, tzinfo=UTC), "2026年12月11日（周五）24时", "Friday 11 December 2026, 24:00"),
        (datetime(2026, 9, 7, 1, 5, tzinfo=UTC), "2026年9月7日（周一）09:05", "Monday 7 September 2026, 09:05"),
    ],
)
def test_a_moment_to_come_is_named_by_its_day(at: datetime, chinese: str, english: str) -> None:
    assert (when(at, Tongue.zh), when(at, Tongue.en)) == (chinese, english)


@pytest.mark.parametrize(
    ("days", "chinese", "english"),
    [
        (8, "12月1日后还有8个工作日", "8 working days after 1 December"),
        (1, "12月1日后还有1个工作日", "1 working day after 1 December"),
        (0, "12月1日后不再有工作日", "no working day after 1 December"),
    ],
)
def test_what_is_left_is_counted_from_a_day_that_is_named(days: int, chinese: str, english: str) -> None:
    left = Left(after=date(2026, 12, 1), working_days=days)
    assert (days_left(left, Tongue.zh), days_left(left, Tongue.en)) == (chinese, english)


def test_no_limit_that_runs_is_called_by_what_happens_when_it_has_run_out() -> None:
    for tongue, late in ((Tongue.zh, "逾期|期满|到期|超期"), (Tongue.en, "overdue|passed|expired|late")):
        for clock in Clock:
            assert not re.search(late, word(clock, tongue))
