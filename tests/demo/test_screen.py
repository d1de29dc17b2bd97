import io
from typing import Any

import pytest
from rich.console import Console

from cases.errors import Code
from cases.machines.machine import Milestone, Status
from cases.names import Kind
from demo.__main__ import summary
from demo.expected import Ending, Expectation
from demo.screen import Board, Result, Screen, masked

CASE = "idc-" + "a" * 26
DONE = Ending(Status.done, Milestone.benefits_unblocked)


def result(person: str = "S1", **fields: Any) -> Result:
    expected = Expectation(
        "register-north.xlsx", 2, person, Kind.id_number_change, "pure upgrade", "verify", DONE, None
    )
    values = {"expectation": expected, "person": "样*甲", "case_id": CASE, "ending": DONE, "refused": (), "took": 1.25}
    return Result(**{**values, **fields})


def refused(code: Code | None, *codes: str) -> Result:
    expected = Expectation("register-north.xlsx", 3, "S2", Kind.id_number_change, "wrong", "", None, code)
    return result(expectation=expected, case_id=None, ending=None, refused=codes, took=None)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("样甲子", "样*子"),
        ("样甲", "样*"),
        ("样", "样*"),
        ("样甲子·例乙丑", "样*****丑"),
        ("\U00020bb7甲子", "\U00020bb7*子"),
    ],
)
def test_of_a_name_one_character_at_either_end_is_left(name: str, shown: str) -> None:
    assert masked(name) == shown


def test_a_row_came_out_right_if_its_case_ended_as_the_sample_says() -> None:
    assert result().as_expected


@pytest.mark.parametrize(
    "ending",
    [
        None,
        Ending(Status.rejected, Milestone.benefits_unblocked),
        Ending(Status.done, Milestone.number_updated),
        Ending(Status.done, Milestone.benefits_unblocked, Code.NO_RESPONSE),
    ],
)
def test_another_ending_milestone_or_reason_is_not_what_the_sample_says(ending: Ending | None) -> None:
    assert not result(ending=ending).as_expected


def test_a_refused_row_came_out_right_with_its_code_and_no_other() -> None:
    assert refused(Code.NUMBER_CHECK_DIGIT, "NUMBER_CHECK_DIGIT").as_expected
    assert not refused(Code.NUMBER_CHECK_DIGIT, "NUMBER_LENGTH").as_expected
    assert not refused(Code.NUMBER_CHECK_DIGIT).as_expected


def test_a_case_that_ended_right_with_a_call_that_went_wrong_did_not_come_out_right() -> None:
    assert not result(refused=("EVENT_NOT_ALLOWED",)).as_expected


def test_a_person_counts_only_if_all_their_rows_came_out_right() -> None:
    rows = [result("S1"), result("S1", ending=None), result("S2"), result("S3")]
    assert summary(rows) == "2 of 3 ended as the sample says"


def test_the_board_counts_cases_by_milestone_and_other_endings_apart() -> None:
    board = Board()
    board.saw("a", Status.in_review, Milestone.submitted)
    board.saw("a", Status.applying, Milestone.documents_verified)
    board.saw("b", Status.done, Milestone.benefits_unblocked)
    board.saw("c", Status.withdrawn, Milestone.documents_verified)
    assert list(board.counts().values()) == [0, 1, 0, 1, 1]
    assert board.ended == 2


def shown(results: list[Result], *, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=260, legacy_windows=False)
    Screen(console).results(results, "http://127.0.0.1:8233", "default")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_piped_table_has_one_line_for_each_row_with_its_link() -> None:
    lines = shown([result(), refused(Code.NUMBER_LENGTH, "NUMBER_LENGTH")], terminal=False).splitlines()
    assert len(lines) == 3
    assert f"http://127.0.0.1:8233/namespaces/default/workflows/{CASE}" in lines[1]
    assert lines[1].split()[-2:] == ["s", "yes"]
    assert "NUMBER_LENGTH" in lines[2]


def test_on_a_terminal_the_case_id_is_the_link() -> None:
    text = shown([result()], terminal=True)
    assert f"http://127.0.0.1:8233/namespaces/default/workflows/{CASE}\x1b\\{CASE}" in text


def test_what_should_have_been_is_said_where_it_is_not() -> None:
    assert "NO: done" in shown([result(ending=Ending(Status.rejected, Milestone.submitted))], terminal=False)


def test_a_case_that_had_ended_before_shows_no_time() -> None:
    assert "before" in shown([result(took=None)], terminal=False)


def test_plain_progress_is_said_now_and_then_and_only_when_something_moved() -> None:
    console = Console(file=io.StringIO(), force_terminal=False, width=260)
    screen, board = Screen(console), Board()
    board.doing = "playing"
    board._started -= 10
    board.saw("a", Status.in_review, Milestone.submitted)
    screen.tick(board)
    screen.tick(board)
    board._started -= 10
    screen.tick(board)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("\n") == 1
    board.saw("a", Status.done, Milestone.benefits_unblocked)
    screen.tick(board)
    assert console.file.getvalue().count("\n") == 2
