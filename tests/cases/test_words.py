"""The words for closed sets: every member has one, in both languages."""

from datetime import UTC, datetime
from enum import StrEnum

import pytest

from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.events import Event
from cases.kinds import MACHINES
from cases.machines.machine import Awaits, Status
from cases.words import WORDS, by_when, when, word


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
            "by 24:00 on Fri 11 Dec 2026",
        ),
        (datetime(2027, 1, 1, tzinfo=SHANGHAI), "2026年12月31日（周四）24时前", "by 24:00 on Thu 31 Dec 2026"),
        (datetime(2026, 12, 11, 16, tzinfo=UTC), "2026年12月11日（周五）24时前", "by 24:00 on Fri 11 Dec 2026"),
        (datetime(2026, 9, 6, 17, tzinfo=SHANGHAI), "2026年9月6日（周日）17:00前", "by 17:00 on Sun 6 Sep 2026"),
        (
            datetime(2026, 9, 7, 0, 0, 1, tzinfo=SHANGHAI),
            "2026年9月7日（周一）00:00前",
            "by 00:00 on Mon 7 Sep 2026",
        ),
    ],
)
def test_a_deadline_is_the_last_day_before_its_midnight_and_an_hour_of_the_office_is_kept(
    at: datetime, chinese: str, english: str
) -> None:
    assert (by_when(at, Tongue.zh), by_when(at, Tongue.en)) == (chinese, english)
    assert (f"{when(at, Tongue.zh)}前", f"by {when(at, Tongue.en)}") == (chinese, english)
