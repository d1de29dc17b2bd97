"""Resident ID numbers: normalise, validate, derive 18 digits from 15, classify a change, find them.

The rules are those of GB 11643: 18 digits are six of the division, eight of the birth date, three of the sequence and a
check digit (ISO 7064, MOD 11-2); 15 digits have a two-digit year, no century and no check digit.

Two things are kept apart. *Hard rules* refuse: length, characters, check digit, a birth date that exists and is not in
the future. *Advice* never refuses: divisions, residence permits, great age. Abolished divisions and permits are common
among the people this system exists for.

Nothing here quotes a number: errors carry a code, and the results keep numbers and birth dates out of their `repr`.
Every pattern says `[0-9]`, because `isdigit`, `int` and the class of digits in a pattern accept other scripts too.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import takewhile
from operator import mul

from cases import divisions
from cases.errors import Advice, CaseError, Code

LONGEST_INPUT = 64
"""Characters beyond which text is refused unread. A number has 18; the rest is room for surrounding blanks."""

OLDEST_AGE = 130
"""Years of age up to which a birth date is taken as it is; above, a person looks at it."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
# The sum is taken over ASCII codes, which is faster than over integers; this is what "0" adds to it.
_ZERO = ord("0") * sum(_WEIGHTS)

# Tabs belong here: exports put one beside a number so that a spreadsheet leaves it alone. Line breaks do not: one
# inside a cell means that the columns of the file slipped.
_BLANKS = " \t\u00a0\u3000"
_PLAIN = re.compile("[0-9X]+")
_ACCEPTED = re.compile("[0-9Xx\uff10-\uff19\uff38\uff58]+")
_FULL_WIDTH = re.compile("[\uff10-\uff19\uff38\uff58]")
_LOWER_CASE = re.compile("[x\uff58]")
_CANONICAL = {0xFF10 + digit: str(digit) for digit in range(10)} | dict.fromkeys(map(ord, "x\uff38\uff58"), "X")
_EIGHTEEN = re.compile("[0-9]{17}[0-9X]")
_FIFTEEN = re.compile("[0-9]{15}")
_FLOATING = re.compile(r"[0-9]+(?:\.[0-9]*)?[Ee]\+?[0-9]{1,3}|[0-9]{15,18}\.0*")

_BORN_BEFORE_1900 = frozenset({"996", "997", "998", "999"})
"""Sequences that the 15-digit numbers reserved for people born before 1900; the 1999 standard gave them new ones."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """A number as typed, brought to `0-9` and `X`. `advice` tells what had to be changed."""

    text: str = field(repr=False)
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class Valid18:
    """A number of the second-generation card that obeys every hard rule."""

    number: str = field(repr=False)
    birth_date: date = field(repr=False)
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class Valid15:
    """A number of the first-generation card that obeys every hard rule that 15 digits can be held to.

    `birth_date` is `None` for the sequences 996 to 999, whose century is not known.
    """

    number: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    advice: tuple[Advice, ...] = ()

    @property
    def derivable(self) -> bool:
        """Whether `derive` answers with a number."""
        return self.birth_date is not None


class Road(StrEnum):
    """How a change of number is handled, and by that which evidence it needs."""

    pure_upgrade = "pure_upgrade"
    reissued = "reissued"
    conflict = "conflict"
    not_needed = "not_needed"


class Difference(StrEnum):
    """In what the new number or name departs from what the register leads one to expect."""

    division = "division"
    birth_date = "birth_date"
    sequence = "sequence"
    check_digit = "check_digit"
    old_not_derivable = "old_not_derivable"
    name = "name"


@dataclass(frozen=True, slots=True)
class Classification:
    """The road of a change, and the differences for which it is not a pure upgrade. Holds no number."""

    road: Road
    differences: tuple[Difference, ...] = ()


def normalise(cell: object) -> Normalised:
    """Bring a number as it was typed, or read from a cell, to the form in which it is checked and stored.

    Surrounding blanks and tabs are dropped; full-width digits and X, and lower-case x, are accepted and flagged. All
    else is refused: line breaks, blanks and separators inside, invisible characters, digits of other scripts,
    look-alikes of X. The length is not judged here, only that the text is short enough to be read. Normalising twice
    changes nothing.

    Raises `CaseError` with `NUMBER_EMPTY`, `NUMBER_LENGTH`, `NUMBER_CHARACTERS` or `NUMBER_SPREADSHEET_DAMAGED`.
    """
    if cell is None:
        raise CaseError(Code.NUMBER_EMPTY)
    if not isinstance(cell, str):
        raise CaseError(Code.NUMBER_SPREADSHEET_DAMAGED if spreadsheet_damage(cell) else Code.NUMBER_CHARACTERS)
    if len(cell) > LONGEST_INPUT:
        raise CaseError(Code.NUMBER_LENGTH)
    text = cell.strip(_BLANKS)
    if _PLAIN.fullmatch(text):
        return Normalised(text)
    if _ACCEPTED.fullmatch(text):
        advice: tuple[Advice, ...] = ()
        if _FULL_WIDTH.search(text):
            advice += (Advice.FULL_WIDTH_NORMALISED,)
        if _LOWER_CASE.search(text):
            advice += (Advice.LOWER_CASE_X,)
        return Normalised(text.translate(_CANONICAL), advice)
    if not text.strip():
        raise CaseError(Code.NUMBER_EMPTY)
    if _FLOATING.fullmatch(text):
        raise CaseError(Code.NUMBER_SPREADSHEET_DAMAGED)
    raise CaseError(Code.NUMBER_CHARACTERS)


def validate(number: str, today: date) -> Valid18 | Valid15:
    """Hold a normalised number of 18 or 15 digits to the hard rules, and give advice on the rest.

    `today` is the day in Shanghai; a birth date after it is refused, one on it is not.

    Raises `CaseError` with `NUMBER_EMPTY`, `NUMBER_LENGTH`, `NUMBER_CHARACTERS`, `NUMBER_X_POSITION`,
    `NUMBER_CHECK_DIGIT`, `NUMBER_BIRTH_DATE` or `NUMBER_BIRTH_IN_FUTURE`, whichever comes first in this order. The
    check digit is judged before the date, because a slip of the pen is likelier than a number issued with a wrong date.
    """
    return _validate15(number, today) if len(number) == 15 else validate18(number, today)


def validate18(number: str, today: date) -> Valid18:
    """Do as `validate`, where only a number of 18 digits will do: 15 digits are refused with `NUMBER_LENGTH`."""
    birth_date = _check18(number, today)
    if number[0] == divisions.FOREIGN_PERMANENT_RESIDENT:
        advice: tuple[Advice, ...] = (Advice.FOREIGN_PERMANENT_RESIDENT,)
    elif number[:2] in divisions.RESIDENCE_PERMITS:
        advice = (Advice.RESIDENCE_PERMIT,)
        if number[2:6] != "0000":
            advice += (Advice.DIVISION_UNKNOWN,)
    else:
        advice = divisions.advise(number[:6], birth_date.year)
    return Valid18(number, birth_date, advice + _advise_age(birth_date, today))


def derive(old15: str) -> str:
    """Derive the 18-digit number from a 15-digit one: the century 19 is inserted and the check digit added.

    A check of consistency, never the source of a new number: the police corrected millions of duplicate and wrong ones.

    Raises `CaseError` with `NUMBER_NOT_DERIVABLE` for the sequences 996 to 999 (people born before 1900, who were given
    new sequences), with `NUMBER_BIRTH_DATE` for a date that does not exist, else as `validate`.
    """
    if _birth_date15(old15) is None:
        raise CaseError(Code.NUMBER_NOT_DERIVABLE)
    body = f"{old15[:6]}19{old15[6:]}"
    return body + _check_digit(body)


def same_birth_and_sex(registered: str, new: str) -> bool:
    """Tell whether a registered number, of 15 or 18 digits, names the same birth date and sex as one of 18 digits."""
    expected = _expected(_registered(registered))
    return expected is not None and expected[6:14] == new[6:14] and int(expected[16]) % 2 == int(new[16]) % 2


def classify(old: str, new: str, *, same_name: bool, held_by_other: bool, today: date) -> Classification:
    """Decide the road of a change from the number in the register (`old`) to a normalised number (`new`).

    In this order: another person who holds the new number makes it a conflict, whatever else is true; an old number
    equal to the new needs no change, whatever the name; the new number being exactly the one derived, with the same
    name, is a pure upgrade; all else is reissued. Any `old` is answered, because registers hold wrong numbers: one that
    cannot be read or derived makes the change a reissue.

    Raises `CaseError` as `validate18` where `new` breaks a hard rule. Advice plays no part.
    """
    _check18(new, today)
    if held_by_other:
        return Classification(Road.conflict)
    registered = _registered(old)
    if registered == new:
        return Classification(Road.not_needed)
    differences = tuple(_differences(_expected(registered), new))
    if not same_name:
        differences += (Difference.name,)
    return Classification(Road.reissued if differences else Road.pure_upgrade, differences)


def spreadsheet_damage(cell: object) -> bool:
    """Tell whether a spreadsheet made a number of what should be text. The remedy is to format the column as text.

    Every numeric cell counts, intact or not: a double keeps 15 digits, so such a column has lost the last three of each
    18-digit number, and a 15-digit one beside them is only luckily whole. Of text, `4.40524E+17` and `….0` count, and
    18 digits whose check digit is wrong and whose last three are zeros, which is how the loss looks after an export to
    CSV.
    """
    if isinstance(cell, str):
        if len(cell) > LONGEST_INPUT:
            return False
        text = cell.strip(_BLANKS)
        if _FLOATING.fullmatch(text):
            return True
        return text.endswith("000") and _EIGHTEEN.fullmatch(text) is not None and _check_digit(text) != text[17]
    return isinstance(cell, int | float | Decimal)


# One or two of these between digits do not make another number of it. The line break is among them: text is pasted.
_SEPARATORS = frozenset(
    " \t\r\n\u00a0\u3000-_.,/|:;*'\u00b7\u30fb\u3001\uff0c\uff0d\uff0e"
    "\u2010\u2011\u2012\u2013\u2014\u2212\u200b\u200c\u200d\u2060\ufeff"
)
# Typed for X: the multiplication sign, the Roman numeral, Greek and Cyrillic letters.
_LOOKS_LIKE_X = frozenset("Xx\u00d7\u2169\u2179\u03a7\u03c7\u0425\u0445\uff38\uff58")
_DIGITS = re.compile("[0-9]+X?|X")
_LONGEST_GROUP = len("YYYYMMDD")
_CENTURIES = frozenset({"18", "19", "20"})


def find_numbers_in(text: str) -> bool:
    """Tell whether somebody typed a resident ID number into a free text.

    Digits of any script, look-alikes of X, and one or two separators between the digits are seen through. What stands
    alone as 18 digits counts if its division's first two digits and its birth date are possible, even with a wrong
    check digit: a number with a slip in it still points at a person. Inside a longer run the check digit must fit as
    well, lest bank cards and serial numbers be taken for people. 15 digits must stand alone. Groups are put together
    only if none is longer than a date, lest a telephone number beside a year become a person. No `today`: a date of the
    19th to the 21st century is possible enough.
    """
    for pieces in _runs_of_digits(fold_digits(text)):
        run = "".join(pieces)
        for start in range(len(run) - 17):
            window = run[start : start + 18]
            if _is_plausible18(window) and _check_digit(window) == window[17]:
                return True
        if any(_is_plausible18(alone) or _is_plausible15(alone) for alone in _alone(pieces)):
            return True
    return False


def fold_digits(text: str) -> str:
    """The text with digits of any script as `0-9`, and X for what is typed in its place; as long as it was."""
    if text.isascii():
        # Where documents lie, references and digests are most of what is looked at: every decoded fact has some.
        return text.replace("x", "X")
    return "".join(
        character
        if "0" <= character <= "9"
        else "X"
        if character in _LOOKS_LIKE_X
        else str(unicodedata.decimal(character, character))
        for character in text
    )


def _check_digit(number: str) -> str:
    """Compute the check digit (ISO 7064, MOD 11-2) over the first 17 characters, which must be `0-9`."""
    return _CHECK_DIGITS[(sum(map(mul, _WEIGHTS, number.encode("ascii"))) - _ZERO) % 11]


def _date_of(year: str, month: str, day: str) -> date | None:
    # An answer, not an exception passed on: the text of a ValueError may quote a part of the date.
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _shape_error(number: str, length: int) -> CaseError:
    if not number:
        return CaseError(Code.NUMBER_EMPTY)
    if len(number) != length:
        return CaseError(Code.NUMBER_LENGTH)
    return CaseError(Code.NUMBER_X_POSITION if _PLAIN.fullmatch(number) else Code.NUMBER_CHARACTERS)


def _check18(number: str, today: date) -> date:
    """Hold 18 digits to the hard rules and return the birth date."""
    if len(number) != 18 or not _EIGHTEEN.fullmatch(number):
        raise _shape_error(number, 18)
    if _check_digit(number) != number[17]:
        raise CaseError(Code.NUMBER_CHECK_DIGIT)
    birth_date = _date_of(number[6:10], number[10:12], number[12:14])
    if birth_date is None:
        raise CaseError(Code.NUMBER_BIRTH_DATE)
    if birth_date > today:
        raise CaseError(Code.NUMBER_BIRTH_IN_FUTURE)
    return birth_date


def _birth_date15(number: str) -> date | None:
    """Hold 15 digits to the hard rules and return the birth date, or `None` where the century is not known."""
    if len(number) != 15 or not _FIFTEEN.fullmatch(number):
        raise _shape_error(number, 15)
    # For the reserved sequences the century is a guess: 1900 and 1800 have the same calendar of months and leap years,
    # so the day can be judged by either, but the date is not given out.
    birth_date = _date_of("19" + number[6:8], number[8:10], number[10:12])
    if birth_date is None:
        raise CaseError(Code.NUMBER_BIRTH_DATE)
    return None if number[12:] in _BORN_BEFORE_1900 else birth_date


def _validate15(number: str, today: date) -> Valid15:
    birth_date = _birth_date15(number)
    if birth_date is None:
        return Valid15(number, None, divisions.advise(number[:6], None))
    if birth_date > today:
        raise CaseError(Code.NUMBER_BIRTH_IN_FUTURE)
    advice = divisions.advise(number[:6], birth_date.year) + _advise_age(birth_date, today)
    return Valid15(number, birth_date, advice)


def _advise_age(birth_date: date, today: date) -> tuple[Advice, ...]:
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    age = today.year - birth_date.year - (0 if had_birthday else 1)
    return (Advice.AGE_OVER_130,) if age > OLDEST_AGE else ()


def _registered(old: str) -> str | None:
    try:
        return normalise(old).text
    except CaseError:
        return None


def _expected(registered: str | None) -> str | None:
    """Tell which 18-digit number the register leads one to expect, or `None` where it leads to none."""
    if registered is None:
        return None
    if len(registered) == 15:
        try:
            return derive(registered)
        except CaseError:
            return None
    return registered if _EIGHTEEN.fullmatch(registered) else None


def _differences(expected: str | None, new: str) -> Iterator[Difference]:
    if expected is None:
        yield Difference.old_not_derivable
        return
    if expected[:6] != new[:6]:
        yield Difference.division
    if expected[6:14] != new[6:14]:
        yield Difference.birth_date
    if expected[14:17] != new[14:17]:
        yield Difference.sequence
    # The check digit follows from the rest, so it is news only where nothing else differs: the register had it wrong.
    if expected[17] != new[17] and expected[:17] == new[:17]:
        yield Difference.check_digit


def _runs_of_digits(text: str) -> Iterator[list[str]]:
    """Yield the pieces of digits that only separators part, run by run. An X ends a run: nothing follows it."""
    pieces: list[str] = []
    end = 0
    for match in _DIGITS.finditer(text):
        gap = text[end : match.start()]
        if pieces and (pieces[-1].endswith("X") or len(gap) > 2 or not _SEPARATORS.issuperset(gap)):
            yield pieces
            pieces = []
        pieces.append(match.group())
        end = match.end()
    if pieces:
        yield pieces


def _alone(pieces: list[str]) -> Iterator[str]:
    """Yield each piece by itself, and each neighbourhood of short pieces that adds up to the length of a number."""
    for first, piece in enumerate(pieces):
        yield piece
        joined = ""
        for short in takewhile(lambda text: len(text) <= _LONGEST_GROUP, pieces[first:]):
            joined += short
            if len(joined) > 18:
                break
            yield joined


def _has_place(number: str) -> bool:
    return (
        number[:2] in divisions.PROVINCES
        or number[:2] in divisions.RESIDENCE_PERMITS
        or number[0] == divisions.FOREIGN_PERMANENT_RESIDENT
    )


def _is_plausible18(text: str) -> bool:
    return (
        _EIGHTEEN.fullmatch(text) is not None
        and text[6:8] in _CENTURIES
        and _has_place(text)
        and _date_of(text[6:10], text[10:12], text[12:14]) is not None
    )


def _is_plausible15(text: str) -> bool:
    return (
        _FIFTEEN.fullmatch(text) is not None
        and text[:2] in divisions.PROVINCES
        and _date_of("19" + text[6:8], text[8:10], text[10:12]) is not None
    )
