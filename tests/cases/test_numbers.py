"""All numbers here are synthetic: the standard's own examples, or birth years 1900 to 1930, or impossible ones."""

import traceback
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_11_2

from cases import divisions
from cases.errors import Advice, CaseError, Code
from cases.numbers import (
    Classification,
    Difference,
    Normalised,
    Road,
    Valid15,
    Valid18,
    classify,
    derive,
    find_numbers_in,
    fold_digits,
    normalise,
    spreadsheet_damage,
    validate,
    validate18,
)

TODAY = date(2026, 8, 31)

BEIJING_OLD = "110105491231002"
BEIJING_NEW = "11010519491231002X"


def with_check_digit(body: str) -> str:
    """Complete 17 digits by another implementation than the one under test."""
    return body + mod_11_2.calc_check_digit(body)


def code_of(call: object, *args: object, **options: object) -> Code:
    assert callable(call)
    with pytest.raises(CaseError) as refused:
        call(*args, **options)
    return refused.value.code


def error_of(call: Callable[[str], object], text: str) -> CaseError | None:
    """The refusal of a text, or None where it is accepted."""
    try:
        call(text)
    except CaseError as error:
        return error
    return None


bodies = st.builds(
    lambda division, born, sequence: f"{division}{born:%Y%m%d}{sequence:03d}",
    st.sampled_from(["110105", "340524", "440524", "632123", "810000", "830000", "915826"]),
    st.dates(date(1850, 1, 1), TODAY),
    st.integers(0, 999),
)
numbers18 = bodies.map(with_check_digit)
numbers15 = st.builds(
    lambda division, born, sequence: f"{division:06d}{born:%y%m%d}{sequence:03d}",
    st.integers(110000, 659999),
    st.dates(date(1900, 1, 1), date(1999, 12, 31)),
    st.integers(0, 995),
)
typed = st.text(max_size=80) | st.text("0123456789Xx\uff10\uff19\uff38\uff58 \t\u3000\n.-E+", max_size=30)


class TestNormalise:
    @pytest.mark.parametrize(
        ("cell", "text", "advice"),
        [
            (BEIJING_NEW, BEIJING_NEW, ()),
            ("11010519491231002x", BEIJING_NEW, (Advice.LOWER_CASE_X,)),
            (
                "\uff11\uff11\uff10\uff11\uff10\uff15\uff11\uff19\uff14\uff19\uff11\uff12\uff13\uff11\uff10\uff10\uff12\uff38",
                BEIJING_NEW,
                (Advice.FULL_WIDTH_NORMALISED,),
            ),
            ("1101051949123100\uff12X", BEIJING_NEW, (Advice.FULL_WIDTH_NORMALISED,)),
            ("11010519491231002\uff58", BEIJING_NEW, (Advice.FULL_WIDTH_NORMALISED, Advice.LOWER_CASE_X)),
            (f"  {BEIJING_NEW} ", BEIJING_NEW, ()),
            (f"\t{BEIJING_NEW}", BEIJING_NEW, ()),
            (f"\u3000{BEIJING_NEW}\u00a0", BEIJING_NEW, ()),
            (BEIJING_OLD, BEIJING_OLD, ()),
        ],
    )
    def test_accepts_and_flags_what_a_keyboard_or_an_export_does_to_a_number(
        self, cell: str, text: str, advice: tuple[Advice, ...]
    ) -> None:
        assert normalise(cell) == Normalised(text, advice)

    @pytest.mark.parametrize(
        ("cell", "code"),
        [
            (None, Code.NUMBER_EMPTY),
            ("", Code.NUMBER_EMPTY),
            (" \t\u3000", Code.NUMBER_EMPTY),
            ("\n", Code.NUMBER_EMPTY),
            ("1" * 65, Code.NUMBER_LENGTH),
            (" " * 100_000, Code.NUMBER_LENGTH),
            (f"{BEIJING_NEW}\n", Code.NUMBER_CHARACTERS),
            (f"{BEIJING_NEW}\r\n", Code.NUMBER_CHARACTERS),
            ("110105 19491231 002X", Code.NUMBER_CHARACTERS),
            ("110105\u300019491231002X", Code.NUMBER_CHARACTERS),
            ("110105-19491231-002X", Code.NUMBER_CHARACTERS),
            ("110105\u200b19491231002X", Code.NUMBER_CHARACTERS),
            (f"\ufeff{BEIJING_NEW}", Code.NUMBER_CHARACTERS),
            (f"\u202a{BEIJING_NEW}\u202c", Code.NUMBER_CHARACTERS),
            ("1101051949123100\u0662X", Code.NUMBER_CHARACTERS),  # Arabic-Indic two
            ("1101051949123100\u06f2X", Code.NUMBER_CHARACTERS),  # Persian two
            ("1101051949123100\u00b2X", Code.NUMBER_CHARACTERS),  # superscript two
            ("1101051949123100\U0001d7d0X", Code.NUMBER_CHARACTERS),  # mathematical two
            ("1101051949123100\u2461X", Code.NUMBER_CHARACTERS),  # circled two
            ("11010519491231002\u0425", Code.NUMBER_CHARACTERS),  # Cyrillic
            ("11010519491231002\u0445", Code.NUMBER_CHARACTERS),
            ("11010519491231002\u03a7", Code.NUMBER_CHARACTERS),  # Greek
            ("11010519491231002\u03c7", Code.NUMBER_CHARACTERS),
            ("11010519491231002\u2169", Code.NUMBER_CHARACTERS),  # Roman ten
            ("11010519491231002\u00d7", Code.NUMBER_CHARACTERS),  # multiplication sign
            ("11010519491231002\x00", Code.NUMBER_CHARACTERS),
            ("11010519491231002\ud800", Code.NUMBER_CHARACTERS),
            ("-1101051949123100", Code.NUMBER_CHARACTERS),
            ("11010519491231_002", Code.NUMBER_CHARACTERS),
            ("4.40524E+17", Code.NUMBER_SPREADSHEET_DAMAGED),
            ("4.40524e17", Code.NUMBER_SPREADSHEET_DAMAGED),
            ("110105491231002.0", Code.NUMBER_SPREADSHEET_DAMAGED),
            (4.40524188001009984e17, Code.NUMBER_SPREADSHEET_DAMAGED),
            (440524188001010014, Code.NUMBER_SPREADSHEET_DAMAGED),
            ([BEIJING_NEW], Code.NUMBER_CHARACTERS),
            (BEIJING_NEW.encode(), Code.NUMBER_CHARACTERS),
        ],
    )
    def test_refuses_with_a_code(self, cell: object, code: Code) -> None:
        assert code_of(normalise, cell) == code

    @given(typed)
    def test_changes_nothing_the_second_time(self, text: str) -> None:
        try:
            once = normalise(text)
        except CaseError:
            return
        assert normalise(once.text) == Normalised(once.text)

    @given(numbers18)
    def test_gives_back_every_full_width_and_lower_case_form(self, number: str) -> None:
        wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
        assert normalise(wide).text == normalise(wide.lower()).text == normalise(number.lower()).text == number


class TestValidate:
    @pytest.mark.parametrize(
        ("number", "birth_date"),
        [
            (BEIJING_NEW, date(1949, 12, 31)),
            ("440524188001010014", date(1880, 1, 1)),
            ("34052419800101001X", date(1980, 1, 1)),
        ],
    )
    def test_accepts_the_examples_of_18_digits(self, number: str, birth_date: date) -> None:
        valid = validate(number, TODAY)
        assert isinstance(valid, Valid18)
        assert (valid.number, valid.birth_date) == (number, birth_date)

    @pytest.mark.parametrize(
        ("number", "birth_date"),
        [
            (BEIJING_OLD, date(1949, 12, 31)),
            ("340524800101001", date(1980, 1, 1)),
            ("632123820927051", date(1982, 9, 27)),
        ],
    )
    def test_accepts_the_examples_of_15_digits(self, number: str, birth_date: date) -> None:
        valid = validate(number, TODAY)
        assert isinstance(valid, Valid15)
        assert (valid.number, valid.birth_date, valid.derivable) == (number, birth_date, True)

    @pytest.mark.parametrize("sequence", ["996", "997", "998", "999"])
    def test_leaves_the_century_open_for_the_sequences_of_people_born_before_1900(self, sequence: str) -> None:
        valid = validate(f"110105800101{sequence}", TODAY)
        assert isinstance(valid, Valid15)
        assert (valid.birth_date, valid.derivable) == (None, False)

    @pytest.mark.parametrize(
        ("number", "code"),
        [
            ("", Code.NUMBER_EMPTY),
            ("1" * 17, Code.NUMBER_LENGTH),
            ("1" * 19, Code.NUMBER_LENGTH),
            ("1" * 16, Code.NUMBER_LENGTH),
            ("1" * 100_000, Code.NUMBER_LENGTH),
            (BEIJING_NEW + "\n", Code.NUMBER_LENGTH),
            (BEIJING_OLD + "\n", Code.NUMBER_LENGTH),
            ("11010549123100\n", Code.NUMBER_CHARACTERS),
            ("11010519491231002x", Code.NUMBER_CHARACTERS),
            ("11010519491231002\uff38", Code.NUMBER_CHARACTERS),
            ("11010519491231002\u0425", Code.NUMBER_CHARACTERS),
            ("1101051949123100\u0662X", Code.NUMBER_CHARACTERS),
            ("11010549123100\u0662", Code.NUMBER_CHARACTERS),
            ("11010549123100\u00b2", Code.NUMBER_CHARACTERS),
            ("1101051949123100X2", Code.NUMBER_X_POSITION),
            ("X" * 18, Code.NUMBER_X_POSITION),
            ("11010549123100X", Code.NUMBER_X_POSITION),
            ("110105194912310021", Code.NUMBER_CHECK_DIGIT),
            ("440524188001009984", Code.NUMBER_CHECK_DIGIT),
            (with_check_digit("11010519010229001"), Code.NUMBER_BIRTH_DATE),  # a common year
            (with_check_digit("11010519000229001"), Code.NUMBER_BIRTH_DATE),  # a century year
            (with_check_digit("11010519011301001"), Code.NUMBER_BIRTH_DATE),  # month 13
            (with_check_digit("11010519010001001"), Code.NUMBER_BIRTH_DATE),
            (with_check_digit("11010519010431001"), Code.NUMBER_BIRTH_DATE),
            (with_check_digit("11010500000101001"), Code.NUMBER_BIRTH_DATE),
            ("110105010229001", Code.NUMBER_BIRTH_DATE),
            ("110105000229001", Code.NUMBER_BIRTH_DATE),
            ("110105000229996", Code.NUMBER_BIRTH_DATE),
            ("110105011301001", Code.NUMBER_BIRTH_DATE),
            (with_check_digit("11010520260901001"), Code.NUMBER_BIRTH_IN_FUTURE),
            (with_check_digit("11010599991231001"), Code.NUMBER_BIRTH_IN_FUTURE),
        ],
    )
    def test_refuses_with_a_code(self, number: str, code: Code) -> None:
        assert code_of(validate, number, TODAY) == code

    def test_accepts_a_birth_today_and_a_leap_day(self) -> None:
        assert isinstance(validate(with_check_digit("11010520260831001"), TODAY), Valid18)
        assert isinstance(validate(with_check_digit("11010519040229001"), TODAY), Valid18)
        assert isinstance(validate("110105040229001", TODAY), Valid15)

    def test_holds_15_digits_to_the_calendar_too(self) -> None:
        assert code_of(validate, "110105991231001", date(1999, 12, 30)) == Code.NUMBER_BIRTH_IN_FUTURE

    def test_refuses_15_digits_where_18_are_needed(self) -> None:
        assert code_of(validate18, BEIJING_OLD, TODAY) == Code.NUMBER_LENGTH

    @given(numbers18, st.integers(0, 17), st.sampled_from("0123456789X"))
    def test_refuses_every_single_changed_digit_by_the_check_digit(self, number: str, at: int, digit: str) -> None:
        assume(number[at] != digit and (digit != "X" or at == 17))
        changed = number[:at] + digit + number[at + 1 :]
        assert code_of(validate, changed, TODAY) == Code.NUMBER_CHECK_DIGIT

    @given(numbers18, st.integers(0, 15))
    def test_refuses_every_transposition_of_neighbours(self, number: str, at: int) -> None:
        swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
        assume(swapped != number)
        assert code_of(validate, swapped, TODAY) == Code.NUMBER_CHECK_DIGIT

    @given(numbers18)
    def test_accepts_every_number_that_obeys_the_hard_rules_wherever_it_comes_from(self, number: str) -> None:
        valid = validate(number, TODAY)
        assert isinstance(valid, Valid18)
        assert f"{valid.birth_date:%Y%m%d}" == number[6:14]


class TestAdvice:
    @pytest.mark.parametrize(
        ("body", "advice"),
        [
            ("11010519210101001", ()),
            ("11010319210101001", (Advice.DIVISION_ABOLISHED,)),  # Chongwen, until 2010
            ("63212319210101001", (Advice.DIVISION_ABOLISHED,)),
            ("34052419210101001", (Advice.DIVISION_UNKNOWN,)),
            ("19010519210101001", (Advice.DIVISION_UNKNOWN,)),
            ("00000019210101001", (Advice.DIVISION_UNKNOWN,)),
            ("33022719210101001", (Advice.DIVISION_ABOLISHED,)),  # of 1983: in force when the first numbers were given
            ("11011219210101001", (Advice.DIVISION_NEWER_THAN_BIRTH,)),  # of 1997
            ("44050619210101001", (Advice.DIVISION_ABOLISHED,)),  # of 1984
            ("44058219210101001", (Advice.DIVISION_ABOLISHED, Advice.DIVISION_NEWER_THAN_BIRTH)),  # 1993 to 2003
            ("44051119210101001", ()),  # given away, and given anew in 2003
            ("71000019210101001", ()),
            ("81000019210101001", (Advice.RESIDENCE_PERMIT,)),
            ("82000019210101001", (Advice.RESIDENCE_PERMIT,)),
            ("83000019210101001", (Advice.RESIDENCE_PERMIT,)),
            ("81000119210101001", (Advice.RESIDENCE_PERMIT, Advice.DIVISION_UNKNOWN)),
            ("91158619210101001", (Advice.FOREIGN_PERMANENT_RESIDENT,)),
            ("99999919210101001", (Advice.FOREIGN_PERMANENT_RESIDENT,)),
            ("84000019210101001", (Advice.DIVISION_UNKNOWN,)),
            ("11010518960831001", ()),  # 130 today
            ("11010518950901001", ()),  # 130 until tomorrow
            ("11010518950831001", (Advice.AGE_OVER_130,)),
            ("11010510010101001", (Advice.AGE_OVER_130,)),
        ],
    )
    def test_tells_the_clerk_and_refuses_nothing(self, body: str, advice: tuple[Advice, ...]) -> None:
        assert validate(with_check_digit(body), TODAY).advice == advice

    @pytest.mark.parametrize(
        ("number", "advice"),
        [
            (BEIJING_OLD, ()),
            ("340524800101001", (Advice.DIVISION_UNKNOWN,)),
            ("632123820927051", (Advice.DIVISION_ABOLISHED,)),
            ("810000210101001", (Advice.DIVISION_UNKNOWN,)),  # permits never had 15 digits
            ("911586210101001", (Advice.DIVISION_UNKNOWN,)),
            ("340524800101996", (Advice.DIVISION_UNKNOWN,)),
        ],
    )
    def test_is_given_for_15_digits(self, number: str, advice: tuple[Advice, ...]) -> None:
        assert validate(number, TODAY).advice == advice

    def test_is_given_to_the_very_old_once_15_digits_reach_that_age(self) -> None:
        assert validate("110105010101001", date(2032, 1, 1)).advice == (Advice.AGE_OVER_130,)

    def test_knows_counties_in_every_province(self) -> None:
        known = {division[:2] for division in divisions._TABLE}
        assert known == divisions.PROVINCES


class TestDerive:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (BEIJING_OLD, BEIJING_NEW),
            ("340524800101001", "34052419800101001X"),
            ("632123820927051", "632123198209270518"),
        ],
    )
    def test_gives_the_number_of_the_examples(self, old: str, new: str) -> None:
        assert derive(old) == new

    @pytest.mark.parametrize(
        ("old", "code"),
        [
            ("110105491231996", Code.NUMBER_NOT_DERIVABLE),
            ("110105491231997", Code.NUMBER_NOT_DERIVABLE),
            ("110105491231998", Code.NUMBER_NOT_DERIVABLE),
            ("110105491231999", Code.NUMBER_NOT_DERIVABLE),
            ("110105490229001", Code.NUMBER_BIRTH_DATE),
            ("110105491331001", Code.NUMBER_BIRTH_DATE),
            (BEIJING_NEW, Code.NUMBER_LENGTH),
            ("", Code.NUMBER_EMPTY),
            ("11010549123100X", Code.NUMBER_X_POSITION),
            ("11010549123100\u0662", Code.NUMBER_CHARACTERS),
        ],
    )
    def test_refuses_with_a_code(self, old: str, code: Code) -> None:
        assert code_of(derive, old) == code

    def test_goes_up_to_sequence_995(self) -> None:
        assert derive("110105491231995")[14:17] == "995"

    @given(numbers15)
    def test_gives_a_valid_number_of_the_same_person(self, old: str) -> None:
        new = validate(derive(old), TODAY)
        before = validate(old, TODAY)
        assert isinstance(new, Valid18)
        assert new.birth_date == before.birth_date
        assert new.number[:6] + new.number[8:17] == old


class TestClassify:
    @pytest.mark.parametrize(
        ("old", "new", "same_name", "held_by_other", "expected"),
        [
            (BEIJING_OLD, BEIJING_NEW, True, False, Classification(Road.pure_upgrade)),
            (BEIJING_OLD, BEIJING_NEW, False, False, Classification(Road.reissued, (Difference.name,))),
            (BEIJING_OLD, BEIJING_NEW, True, True, Classification(Road.conflict)),
            (BEIJING_NEW, BEIJING_NEW, True, False, Classification(Road.not_needed)),
            (BEIJING_NEW, BEIJING_NEW, False, False, Classification(Road.not_needed)),
            (BEIJING_NEW.lower(), BEIJING_NEW, True, False, Classification(Road.not_needed)),
            (BEIJING_NEW, BEIJING_NEW, True, True, Classification(Road.conflict)),
            (f" {BEIJING_OLD} ", BEIJING_NEW, True, False, Classification(Road.pure_upgrade)),
            (
                BEIJING_OLD,
                with_check_digit("11010319491231002"),
                True,
                False,
                Classification(Road.reissued, (Difference.division,)),
            ),
            (
                BEIJING_OLD,
                with_check_digit("11010519491230002"),
                True,
                False,
                Classification(Road.reissued, (Difference.birth_date,)),
            ),
            (  # the century alone
                BEIJING_OLD,
                with_check_digit("11010518491231002"),
                True,
                False,
                Classification(Road.reissued, (Difference.birth_date,)),
            ),
            (
                BEIJING_OLD,
                with_check_digit("11010519491231004"),
                False,
                False,
                Classification(Road.reissued, (Difference.sequence, Difference.name)),
            ),
            (
                BEIJING_NEW,
                with_check_digit("11010519491231004"),
                True,
                False,
                Classification(Road.reissued, (Difference.sequence,)),
            ),
            (  # the register's check digit was wrong
                "110105194912310021",
                BEIJING_NEW,
                True,
                False,
                Classification(Road.reissued, (Difference.check_digit,)),
            ),
            (
                "110105491231996",
                with_check_digit("11010518491231002"),
                True,
                False,
                Classification(Road.reissued, (Difference.old_not_derivable,)),
            ),
            (
                "110105490229002",
                BEIJING_NEW,
                True,
                False,
                Classification(Road.reissued, (Difference.old_not_derivable,)),
            ),
            ("", BEIJING_NEW, True, False, Classification(Road.reissued, (Difference.old_not_derivable,))),
            ("1234", BEIJING_NEW, True, False, Classification(Road.reissued, (Difference.old_not_derivable,))),
        ],
    )
    def test_decides_the_road(
        self, *, old: str, new: str, same_name: bool, held_by_other: bool, expected: Classification
    ) -> None:
        assert classify(old, new, same_name=same_name, held_by_other=held_by_other, today=TODAY) == expected

    @pytest.mark.parametrize("held_by_other", [False, True])
    @pytest.mark.parametrize(
        ("new", "code"),
        [
            (BEIJING_OLD, Code.NUMBER_LENGTH),
            ("110105194912310021", Code.NUMBER_CHECK_DIGIT),
            (with_check_digit("11010520260901001"), Code.NUMBER_BIRTH_IN_FUTURE),
        ],
    )
    def test_refuses_a_new_number_that_breaks_a_hard_rule(self, *, new: str, code: Code, held_by_other: bool) -> None:
        arguments = {"same_name": True, "held_by_other": held_by_other, "today": TODAY}
        assert code_of(classify, BEIJING_OLD, new, **arguments) == code

    @given(old=typed | numbers15 | numbers18, new=numbers18, same_name=st.booleans(), held_by_other=st.booleans())
    @example(old="110105194912310021", new=BEIJING_NEW, same_name=True, held_by_other=False)
    def test_answers_for_any_old_number(self, *, old: str, new: str, same_name: bool, held_by_other: bool) -> None:
        answer = classify(old, new, same_name=same_name, held_by_other=held_by_other, today=TODAY)
        assert (answer.road is Road.conflict) == held_by_other
        assert (answer.road is Road.reissued) == bool(answer.differences)

    @given(numbers15)
    def test_takes_every_derived_number_for_a_pure_upgrade(self, old: str) -> None:
        answer = classify(old, derive(old), same_name=True, held_by_other=False, today=TODAY)
        assert answer == Classification(Road.pure_upgrade)

    @given(numbers15, numbers18)
    def test_takes_no_other_number_for_a_pure_upgrade(self, old: str, new: str) -> None:
        assume(new != derive(old))
        assert classify(old, new, same_name=True, held_by_other=False, today=TODAY).road is Road.reissued


class TestSpreadsheetDamage:
    @pytest.mark.parametrize(
        "cell",
        [
            4.40524188001009984e17,
            440524188001009984,
            440524188001010014,
            110105491231002,
            110105491231002.0,
            Decimal(110105491231002),
            float("nan"),
            "4.40524E+17",
            " 4.40524E+17 ",
            "4e17",
            "1.10105491231002E+14",
            "440524188001010000.0",
            "440524188001010000",
        ],
    )
    def test_is_seen_in_numeric_cells_and_in_the_text_they_leave(self, cell: object) -> None:
        assert spreadsheet_damage(cell)

    @pytest.mark.parametrize(
        "cell",
        [
            None,
            "",
            BEIJING_NEW,
            BEIJING_OLD,
            "440524188001010014",
            with_check_digit("11010519210101064"),
            "110105210101000",
            "110105194912310021",
            "E+17",
            "4.40524E+17" * 10_000,
            date(1921, 1, 1),
        ],
    )
    def test_is_not_seen_elsewhere(self, cell: object) -> None:
        assert not spreadsheet_damage(cell)

    def test_is_not_seen_in_a_valid_number_that_ends_in_zeros(self) -> None:
        ends_in_zeros = [
            number for day in range(1, 29) if (number := with_check_digit(f"110105192101{day:02d}100")).endswith("000")
        ]
        assert ends_in_zeros
        assert not any(map(spreadsheet_damage, ends_in_zeros))


def test_of_ascii_nothing_is_folded_but_an_x_whatever_stands_beside_it() -> None:
    signs = "".join(map(chr, range(128)))
    folded = signs.replace("x", "X")
    assert fold_digits(signs) == folded
    assert fold_digits(f"{signs}号") == f"{folded}号"


class TestFindNumbersIn:
    @pytest.mark.parametrize(
        "text",
        [
            BEIJING_NEW,
            BEIJING_NEW.lower(),
            BEIJING_OLD,
            f"本人身份证{BEIJING_NEW}已换发",
            f"旧号{BEIJING_OLD}，请核",
            "".join(chr(ord(character) + 0xFEE0) for character in BEIJING_NEW),
            "110105 19491231 002X",
            "110105-19491231-002x",
            "1101 0519 4912 3100 2X",
            "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X",
            "110105,491231,002",
            "110105\n19491231002X",
            "110105\u200b19491231\u200b002X",
            "11010519491231002\u0425",
            "11010519491231002\u00d7",
            "\u0661\u0661\u0660\u0661\u0660\u0665\u0664\u0669\u0661\u0662\u0663\u0661\u0660\u0660\u0662",
            f"13800138000 {BEIJING_NEW}",
            f"{BEIJING_NEW}13800138000",
            f"2026-08-31 {BEIJING_OLD}",
            f"{BEIJING_OLD} {BEIJING_NEW}",
            f"No.1 {BEIJING_NEW}",
            "110105194912310021",  # a slip in the check digit
            with_check_digit("81000019210101001"),
            with_check_digit("91158619210101001"),
        ],
    )
    def test_sees_a_number_however_it_was_typed(self, text: str) -> None:
        assert find_numbers_in(text)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "材料齐全，同意办理",
            "电话13800138000，2026-08-31 10:30:00来访",
            "13000090011 2026年补交",  # run together, they would hold a possible date
            "案件 idc-abcdefghijklmnopqrstuvwxyz",
            "社保卡号 6222021234567890123",  # a bank card
            "订单 202608311230001",  # no province begins with 20
            "订单 110105209931001",  # month 99
            "440524993101001",
            "000000000000000000",
            "999999999999999999",
            "110105 1949年",
            "1.1.0.1",
            "310115 2026-08-31",
            "a110105b19491231c002X",
            "1" * 100_000,
        ],
    )
    def test_leaves_other_digits_alone(self, text: str) -> None:
        assert not find_numbers_in(text)

    @given(st.text(max_size=40), numbers18 | numbers15, st.text(max_size=40))
    def test_sees_every_number_between_words(self, before: str, number: str, after: str) -> None:
        assume(number[:2] in divisions.PROVINCES | {"81", "83", "91"})
        assert find_numbers_in(f"{before}：（{number}）。{after}")


class TestPrivacy:
    @given(typed | numbers18 | numbers15)
    def test_no_error_holds_what_was_given(self, text: str) -> None:
        assume(len(text) > 5)  # shorter ones occur in file names and codes by chance

        def classified(new: str) -> object:
            return classify("", new, same_name=True, held_by_other=False, today=TODAY)

        def validated(number: str) -> object:
            return validate(number, date(1800, 1, 1))

        for call in (normalise, validated, derive, classified):
            error = error_of(call, text)
            if error is not None:
                told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)
                assert text not in told
                assert error.__context__ is None

    def test_no_result_shows_a_number_or_a_birth_date(self) -> None:
        shown = repr([normalise(BEIJING_OLD), validate(BEIJING_OLD, TODAY), validate(BEIJING_NEW, TODAY)])
        assert "1949" not in shown
        assert "4912" not in shown
