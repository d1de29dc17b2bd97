"""All names here are synthetic."""

import json
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.errors import Advice, CaseError, Code
from cases.text import Checked, check_name, check_text, legible, safe_for_spreadsheet, same_name, visible

FORBIDDEN = {
    "NUL": "\x00",
    "escape": "\x1b",
    "delete": "\x7f",
    "C1 control": "\x9b",
    "next line": "\x85",
    "vertical tab": "\x0b",
    "soft hyphen": "\u00ad",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "Hangul filler": "\u3164",
    "right-to-left mark": "\u200f",
    "right-to-left override": "\u202e",
    "right-to-left isolate": "\u2067",
    "Arabic letter mark": "\u061c",
    "line separator": "\u2028",
    "lone high surrogate": "\ud842",
    "lone low surrogate": "\udfb7",
    "replacement character": "\ufffd",
    "non-character": "\uffff",
    "non-character of a later plane": "\U0002ffff",
    "tag": "\U000e0041",
}


def code_of(call: object, text: str) -> Code:
    assert callable(call)
    with pytest.raises(CaseError) as refused:
        call(text)
    return refused.value.code


def error_of(call: Callable[[str], object], text: str) -> CaseError | None:
    """The refusal of a text, or None where it is accepted."""
    try:
        call(text)
    except CaseError as error:
        return error
    return None


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "测试甲",
            "测",
            "测" * 100,
            "\U00020bb7" * 100,  # outside the BMP: code points are counted, not UTF-16 units
            "阿卜杜拉·测试",
            "阿卜杜拉‧测试",
            "测　试",
            " 测试 ",
            "e\u0301",
            "\u00e9",
            "\U0002ebf0",  # of 2023, younger than some Unicode tables
            "\U00030000\U000323af",
            "\u8fbb\U000e0101",  # a character with its variant
            "\u182a\u180b",  # Mongolian with its variant
            "TEST-O'NAME, J.",
            "<b>测试</b>",
            "=测试",
            "'; DROP TABLE persons; --",
        ],
    )
    def test_are_kept_as_given(self, name: str) -> None:
        assert check_name(name) == Checked(name)

    @pytest.mark.parametrize("name", ["测\ue000", "\uf8ff", "\U000f0001测", "\U0010fffd"])
    def test_with_private_use_characters_are_accepted_and_flagged(self, name: str) -> None:
        assert check_name(name) == Checked(name, (Advice.PRIVATE_USE_CHARACTERS,))

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("", Code.NAME_EMPTY),
            ("  ", Code.NAME_EMPTY),
            ("\u3000\u00a0", Code.NAME_EMPTY),
            ("测" * 101, Code.NAME_TOO_LONG),
            (" " * 100_000, Code.NAME_TOO_LONG),
            ("测\n试", Code.TEXT_FORBIDDEN_CHARACTERS),
            ("测\t试", Code.TEXT_FORBIDDEN_CHARACTERS),
        ],
    )
    def test_are_refused_with_a_code(self, name: str, code: Code) -> None:
        assert code_of(check_name, name) == code

    @pytest.mark.parametrize("character", FORBIDDEN.values(), ids=FORBIDDEN.keys())
    def test_with_a_forbidden_character_are_refused(self, character: str) -> None:
        assert code_of(check_name, f"测{character}试") == Code.TEXT_FORBIDDEN_CHARACTERS

    @given(st.text(min_size=1, max_size=100))
    def test_that_are_accepted_can_be_stored(self, name: str) -> None:
        try:
            checked = check_name(name)
        except CaseError:
            return
        assert checked.text == name
        assert checked.text.encode("utf-8").decode("utf-8") == name
        assert "\x00" not in name


class TestSameName:
    @pytest.mark.parametrize(
        "variant",
        [
            "阿卜杜拉\u00b7测试",
            "阿卜杜拉\u2027测试",
            "阿卜杜拉\u2022测试",
            "阿卜杜拉\u30fb测试",
            "阿卜杜拉\uff65测试",
            "阿卜杜拉\u22c5测试",
            "阿卜杜拉\u2219测试",
            "阿卜杜拉\u25cf测试",
            "阿卜杜拉\ufe52测试",
            "阿卜杜拉.测试",
            "阿卜杜拉\uff0e测试",
            "阿卜杜拉 \u00b7 测试",
            "阿卜杜拉\u3000\u30fb\u3000测试",
            "阿卜杜拉\u00b7\u00b7测试",
            " 阿卜杜拉\u00b7测试\u3000",
        ],
    )
    def test_takes_the_middle_dots_and_blanks_for_one(self, variant: str) -> None:
        assert same_name("阿卜杜拉\u00b7测试", variant)
        assert same_name(variant, "阿卜杜拉\u00b7测试")

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("测　试", "测试"),
            ("测 试", "测试"),
            ("TEST NAME", "\uff34\uff25\uff33\uff34\u3000\uff2e\uff21\uff2d\uff25"),
            ("Test Name", "TEST NAME"),
            ("e\u0301", "\u00e9"),
            ("\uf900", "\u8c48"),  # a character of the compatibility block
            ("\U00020bb7", "\U00020bb7"),
            ("\ue863乙", "\u4dae乙"),  # GBK FE9F
            ("\ue815", "\u2e81"),  # FE50
            ("\ue816", "\U00020087"),  # FE51
            ("\ue864", "\u9fbb"),  # FEA0
        ],
    )
    def test_folds_how_a_name_was_typed(self, one: str, other: str) -> None:
        assert same_name(one, other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("测试甲", "测试乙"),
            ("阿卜杜拉\u00b7测试", "阿卜杜拉测试"),
            ("\U00020bb7", "\u5409"),
            ("\u8fbb\U000e0101", "\u8fbb"),
            ("測試", "测试"),
            ("\ue000", "\ue001"),
            ("\ue814", "\u2e81"),
            ("\ue865", "\u9fbb"),
        ],
    )
    def test_guesses_no_likeness(self, one: str, other: str) -> None:
        assert not same_name(one, other)

    @given(st.text(max_size=20))
    def test_holds_for_a_name_and_itself(self, name: str) -> None:
        assert same_name(name, name)
        assert same_name(name, f" {name}\u3000")

    @given(st.text("甲乙a\u00e9.\u00b7 \u3000", max_size=4), st.text("甲乙A\u00e9\uff0e\u30fb ", max_size=4))
    def test_does_not_depend_on_the_order(self, one: str, other: str) -> None:
        assert same_name(one, other) == same_name(other, one)


class TestFreeText:
    @pytest.mark.parametrize("text", ["", "材料齐全，同意", "<script>", "=1+1", "测" * 500, "总机4008001234转2"])
    def test_is_kept_as_given(self, text: str) -> None:
        assert check_text(text) == Checked(text)

    @pytest.mark.parametrize("text", ["一\n二", "一\r\n二", "一\r二", "一\t二"])
    def test_comes_out_on_one_line(self, text: str) -> None:
        assert check_text(text) == Checked("一 二")

    def test_with_private_use_characters_is_flagged(self) -> None:
        assert check_text("见\ue000").advice == (Advice.PRIVATE_USE_CHARACTERS,)

    @pytest.mark.parametrize("character", FORBIDDEN.values(), ids=FORBIDDEN.keys())
    def test_with_a_forbidden_character_is_refused(self, character: str) -> None:
        assert code_of(check_text, f"见{character}卷") == Code.TEXT_FORBIDDEN_CHARACTERS

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("测" * 501, Code.TEXT_TOO_LONG),
            ("测" * 100_000, Code.TEXT_TOO_LONG),
            ("号码11010519491231002X有误", Code.PII_IN_TEXT),
            ("110105\n19491231\n002x", Code.PII_IN_TEXT),
            ("旧号 110105491231002", Code.PII_IN_TEXT),
            ("电话13800138000", Code.PII_IN_TEXT),
            ("卡号\n6222021234567890123", Code.PII_IN_TEXT),
        ],
    )
    def test_is_refused_with_a_code(self, text: str, code: Code) -> None:
        assert code_of(check_text, text) == code

    @given(st.text(max_size=600))
    def test_that_is_accepted_has_one_line(self, text: str) -> None:
        try:
            checked = check_text(text)
        except CaseError:
            return
        assert len(checked.text.splitlines()) <= 1


class TestSpreadsheets:
    @pytest.mark.parametrize(
        "start", ["=", "+", "-", "@", "\t=", "\r", "\n", " =", "\u3000@", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
    )
    def test_are_given_a_leading_formula_quoted(self, start: str) -> None:
        assert safe_for_spreadsheet(f"{start}1+1") == f"'{start}1+1"

    @pytest.mark.parametrize("text", ["", " ", "测试", "1+1", "a=b", "'=1", "测@"])
    def test_are_given_other_text_as_it_is(self, text: str) -> None:
        assert safe_for_spreadsheet(text) == text

    @given(st.text())
    def test_are_given_what_needs_no_second_quoting(self, text: str) -> None:
        safe = safe_for_spreadsheet(text)
        assert safe_for_spreadsheet(safe) == safe


class TestPrivacy:
    @given(st.text(min_size=6, max_size=600))
    def test_no_error_holds_what_was_given(self, text: str) -> None:
        for call in (check_name, check_text):
            error = error_of(call, text)
            if error is not None:
                assert text not in "".join(traceback.format_exception(error)) + repr(error)
                assert error.__context__ is None

    def test_no_result_shows_what_was_given(self) -> None:
        assert "测试" not in repr([check_name("测试甲"), check_text("测试乙")])


class TestShowing:
    @pytest.mark.parametrize("character", FORBIDDEN.values(), ids=FORBIDDEN)
    def test_no_character_that_moves_or_turns_a_terminal_reaches_it(self, character: str) -> None:
        shown = visible(f"a{character}b")
        assert character not in shown
        # Whoever reads it as JSON has what was written.
        assert json.loads(f'"{shown}"') == f"a{character}b"

    def test_what_is_harmless_is_shown_as_it_is(self) -> None:
        for text in ("受理 ·合成", "a\\b <i> [x](y)", "\U00020bb7"):
            assert visible(text) == text

    @pytest.mark.parametrize("typed", ["因11010519491231002X终止", "139 1234 5678", "\u202e13912345678"])
    def test_what_somebody_wrote_into_temporal_is_withheld_where_it_names_a_person(self, typed: str) -> None:
        assert legible(typed) == "withheld"

    def test_what_they_wrote_besides_is_kept_without_what_is_refused_elsewhere(self) -> None:
        assert legible("a\x1b[31mb") == "a[31mb"
        assert legible("\u202e") == "unknown"
        assert len(legible("字" * 1000)) == 200
