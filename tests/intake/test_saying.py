"""What reaches a terminal neither moves its cursor nor turns the direction of what stands there."""

import json
from os import terminal_size
from typing import Final

import pytest

from cases.errors import REMEDIES, Code
from intake.commands.saying import Exit, Failed, Fault, Format, Language, Speaker

FORGED: Final = "idc-x\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\r\x08"
HARMFUL: Final = {*"\x1b\x07\x08\r\x9b\u202e\u2066"}


@pytest.mark.parametrize("written", Format)
def test_what_comes_from_temporal_or_from_people_is_shown_without_control_and_direction(
    written: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    speaker = Speaker(written)
    result = {"case_id": FORGED, "facts": {FORGED: [FORGED, "字"]}}
    speaker.one(result)
    speaker.many([result], ("case_id", "facts"))
    speaker.line(result)
    speaker.note(FORGED, FORGED)
    speaker.trouble(Failed(Exit.refused, [Fault.of(Code.INTERNAL, FORGED)], text=FORGED))
    said = capsys.readouterr()
    assert not HARMFUL & {*said.out, *said.err}
    assert "字" in said.out


def test_programs_read_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    Speaker(Format.json).one({"case_id": FORGED})
    assert json.loads(capsys.readouterr().out) == {"case_id": FORGED}


def test_a_code_that_a_result_carries_is_said_in_words_to_people_and_stays_a_code_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rejected = {"status": "rejected", "reason": "PRECHECK_1"}
    Speaker(language=Language.en).one(rejected)
    assert f"PRECHECK_1: {REMEDIES[Code.PRECHECK_PERSON_UNKNOWN].en}" in capsys.readouterr().out
    Speaker(language=Language.zh).many([rejected], ("status", "reason"))
    assert f"PRECHECK_1: {REMEDIES[Code.PRECHECK_PERSON_UNKNOWN].zh}" in capsys.readouterr().out
    Speaker(Format.json).one(rejected)
    assert json.loads(capsys.readouterr().out) == rejected


def test_what_is_longer_than_the_terminal_is_paged_through_and_only_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paged: list[str] = []
    monkeypatch.setattr("intake.commands.saying.pager", paged.append)
    monkeypatch.setattr("intake.commands.saying.get_terminal_size", lambda: terminal_size((80, 24)))
    for at_a_terminal, rows, through in ((True, 30, True), (True, 5, False), (False, 30, False)):
        monkeypatch.setattr("sys.stdout.isatty", lambda at=at_a_terminal: at)
        monkeypatch.setattr("sys.stdin.isatty", lambda at=at_a_terminal: at)
        Speaker().many([{"row": row} for row in range(rows)], ("row",))
        assert bool(paged) is through
        assert bool(capsys.readouterr().out) is not through
        paged.clear()
    Speaker(Format.json).many([{"row": row} for row in range(30)], ("row",))
    assert not paged
