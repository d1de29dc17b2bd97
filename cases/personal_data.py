"""Tells whether a free text holds a number by which a person is known: of their identity, their phone or their card.

Offices write many numbers that are none of these: 石公函〔2026〕11号, batches, serials that begin with a division and a
date. What looks like both is judged by its shape and by the words beside it, never by where it stands in a fact.
"""

import re
from datetime import date
from typing import Final
from urllib.parse import unquote

from cases.numbers import find_numbers_in, fold_digits

# One blank, hyphen or dot, as people group digits when they write them down.
_GROUPED: Final = "[ \u00a0\u3000.\u00b7_\uff0d\u2010-\u2014\u2212-]"
# Letters beside digits make a digest or an identifier of them, of which eleven digits in a row may be a part.
_NOT_WITHIN: Final = "(?<![0-9A-Za-z])"
_NOT_BEFORE: Final = "(?![0-9A-Za-z])"

# Mobile numbers begin with 13 to 19. What begins with 10, 11 or 12 is none: Beijing's and Tianjin's serials do.
_PHONE: Final = re.compile(
    rf"(?:{_NOT_WITHIN}|(?<=tel)|(?<=phone)|(?<=mobile))"
    rf"(?:(?:\+|00)?86{_GROUPED}?)?"
    rf"1[3-9][0-9](?:{_GROUPED}?[0-9]{{4}}{_GROUPED}?[0-9]{{4}}|[0-9]{_GROUPED}?[0-9]{{3}}{_GROUPED}?[0-9]{{4}})"
    rf"{_NOT_BEFORE}",
    re.IGNORECASE,
)
# Cards of social security carry the bank's number: 16 to 19 digits that begin with 62, the last a check digit.
_BANK_CARD: Final = re.compile(
    rf"{_NOT_WITHIN}62(?:[0-9]{{14,17}}"
    rf"|[0-9]{{2}}(?:{_GROUPED}[0-9]{{4}}){{3}}(?:{_GROUPED}[0-9]{{1,3}})?"
    rf"|[0-9]{{4}}{_GROUPED}[0-9]{{10,13}})"
    rf"{_NOT_BEFORE}"
)
# The card's own number is one letter or digit and eight digits. So may a batch be: the word before tells them apart.
_NAMED_CARD: Final = re.compile(
    r"(?:卡号|卡号码|社保卡|保障卡|银行卡|\bcard(?:\s?(?:no\.?|number))?)[\s:：#=为是]{0,3}"
    rf"(?:[0-9A-Z][0-9]{{8}}|[0-9]{{16,19}}|[0-9]{{4}}(?:{_GROUPED}[0-9]{{4}}){{3}}(?:{_GROUPED}[0-9]{{1,3}})?)"
    rf"{_NOT_BEFORE}",
    re.IGNORECASE,
)
_MOST_QUOTED: Final = 4
"""Times that an address may be quoted; nobody needs to quote it twice."""
_BEFORE_A_SERIAL: Final = frozenset("第字〕]】)）")
_AFTER_A_SERIAL: Final = "号"


def holds_personal_data(text: str) -> bool:
    """Whether somebody typed a resident ID number, a mobile number or the number of a card into a free text.

    Digits of any script count, and digits in the groups in which people write them. A serial between 第 or 字 and 号 is
    a document's, also with eleven digits; so is one that begins with a division and a day of this century.
    """
    if find_numbers_in(text):
        return True
    folded = fold_digits(text)
    if _NAMED_CARD.search(folded):
        return True
    phones = (found for found in _PHONE.finditer(folded) if not _is_serial(folded, found))
    cards = (found for found in _BANK_CARD.finditer(folded) if not _is_serial(folded, found))
    return any(True for _ in phones) or any(_is_bank_card(found.group()) for found in cards)


def uri_holds_personal_data(uri: str) -> bool:
    """The same of an address, in which anything may be written by its octets, and these again by theirs."""
    for _ in range(_MOST_QUOTED):
        plain = unquote(uri)
        if plain == uri:
            return holds_personal_data(uri)
        uri = plain
    return True


def _is_serial(text: str, found: re.Match[str]) -> bool:
    before, after = text[: found.start()].rstrip()[-1:], text[found.end() :].lstrip()[:1]
    return before in _BEFORE_A_SERIAL and after == _AFTER_A_SERIAL


def _is_bank_card(written: str) -> bool:
    digits = [int(character) for character in written if character.isdigit()]
    return _luhn(digits) and not _begins_with_a_day(digits)


def _luhn(digits: list[int]) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _begins_with_a_day(digits: list[int]) -> bool:
    """Whether a day of this century follows six digits: serials of Gansu, whose divisions begin with 62, look so."""
    text = "".join(map(str, digits[6:14]))
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).year // 100 == _THIS_CENTURY
    except ValueError:
        return False


_THIS_CENTURY: Final = 20
