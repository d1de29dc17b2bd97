"""The words for closed sets: every member has one, in both languages."""

from enum import StrEnum

import pytest

from cases.delivery import Tongue
from cases.events import Event
from cases.kinds import MACHINES
from cases.machines.machine import Awaits, Status
from cases.words import WORDS, word


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
    assert (word(Event.repair, Tongue.zh), word(Status.repair, Tongue.zh)) == ("修复", "待修复")


def test_what_has_no_words_is_called_by_its_value() -> None:
    class Unheard(StrEnum):
        of = "of"

    assert {word(Unheard.of, tongue) for tongue in Tongue} == {"of"}
