"""Names and free text: what is accepted, how names are compared, what a spreadsheet may be given.

Text is stored as it was given, code point for code point: no Unicode normalisation, so that rare characters, and the
private-use characters of old systems, come back as they went in. Only comparison folds.

The refused characters are listed here rather than looked up by Unicode category: the answer must not depend on the
Python version, and characters younger than its Unicode tables must pass, because rare names are where they occur.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field

from cases.errors import Advice, CaseError, Code
from cases.personal_data import holds_personal_data

LONGEST_NAME = 100
"""Code points in a name."""

LONGEST_TEXT = 500
"""Code points in a free text, such as the reason of a decision."""

# Control; invisible (soft hyphen, joiners, fillers, zero width); bidirectional; line and paragraph separators; lone
# surrogates; U+FFFD, which stands where a character was already lost; non-characters; tags. Variation selectors are not
# among them: they choose the form of a rare character, and Mongolian writing needs its own.
_FORBIDDEN = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e007f"
    + "".join(chr(plane << 16 | last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_LINE_BREAKS_AND_TABS = re.compile("\r\n|[\r\n\t]")

# After compatibility folding, which turns the full-width and half-width forms into these.
_MIDDLE_DOTS = re.compile("[.\u00b7\u0387\u16eb\u2022\u2024\u2027\u2219\u22c5\u25cf\u2e31\u2e33\u30fb\ua78f]+")
_BLANKS = re.compile(r"\s+")

# GBK had no code points of Unicode for the 80 characters of its last row (FE50 to FEA0) and gave them private ones,
# from U+E815 on; GB 18030-2005 and 2022 give each its own. Systems of both ages write the same names.
_ONCE_PRIVATE = dict(
    enumerate(
        (
            "⺁𠂇𠂉𠃌⺄㑳㑇⺈⺋龴㖞㘚㘎⺌⺗㥮㤘龵㧏㧟㩳㧐龶龷㭎㱮㳠⺧𡗗龸⺪䁖䅟⺮䌷⺳⺶⺷𢦏䎱"
            "䎬⺻䏝䓖䙡䙌龹䜣䜩䝼䞍⻊䥇䥺䥽䦂䦃䦅䦆䦟䦛䦷䦶龺𤇾䲣䲟䲠䲡䱷䲢䴓䴔䴕䴖䴗䴘䴙䶮龻"
        ),
        start=0xE815,
    )
)

_LONGEST_LEGIBLE = 200

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True, slots=True)
class Checked:
    """A name or a free text that may be stored, and what a clerk should look at twice in it."""

    text: str = field(repr=False)
    advice: tuple[Advice, ...] = ()


def check_name(name: str) -> Checked:
    """Accept a person's name of 1 to 100 code points, as given.

    Markup, quotes and leading `=` are data: who shows a name escapes it. Private-use characters are accepted and
    flagged.

    Raises `CaseError` with `NAME_TOO_LONG`, `NAME_EMPTY` (blanks included) or `TEXT_FORBIDDEN_CHARACTERS`.
    """
    if len(name) > LONGEST_NAME:
        raise CaseError(Code.NAME_TOO_LONG)
    if not name.strip():
        raise CaseError(Code.NAME_EMPTY)
    return _check_characters(name)


def check_text(text: str) -> Checked:
    """Accept a free text of at most 500 code points, empty included, on one line.

    Line breaks and tabs become single blanks: people paste reasons, so they are no fault, and a text without them can
    forge no line of a log or a table. Other control characters are refused.

    Raises `CaseError` with `TEXT_TOO_LONG`, `TEXT_FORBIDDEN_CHARACTERS`, or `PII_IN_TEXT` where the number of a
    person, a phone or a card stands in it (`cases.personal_data`): reasons are shown to people who may not see these.
    """
    if len(text) > LONGEST_TEXT:
        raise CaseError(Code.TEXT_TOO_LONG)
    checked = _check_characters(_LINE_BREAKS_AND_TABS.sub(" ", text))
    if holds_personal_data(checked.text):
        raise CaseError(Code.PII_IN_TEXT)
    return checked


def same_name(one: str, other: str) -> bool:
    """Tell whether two names differ only in how they were typed.

    The middle dot of minority names in its variants counts as one; full and half width, blanks (registers pad short
    names), letter case and the composition of accents do not count, nor whether a character was taken from Unicode's
    blocks of compatibility, or stands as the private one that GBK gave to a character of the standard. Beyond that no
    likeness is guessed: a variant form of a Chinese character is another name, because the road that asks for less
    evidence must not rest on it.
    """
    return one == other or fold_name(one) == fold_name(other)


def fold_name(name: str) -> str:
    """A name as it is compared: equal for names that `same_name` takes for one."""
    # Case folding can undo the composition, hence the second time.
    compatible = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.translate(_ONCE_PRIVATE)).casefold())
    return _MIDDLE_DOTS.sub("\u00b7", _BLANKS.sub("", compatible))


def safe_for_spreadsheet(text: str) -> str:
    """Quote, with an apostrophe, a text that a spreadsheet would run as a formula; leave every other as it is.

    What counts is the first character that is not a blank, because programs that open CSV skip blanks.
    """
    return "'" + text if text.lstrip(" \u00a0\u3000").startswith(_STARTS_A_FORMULA) else text


def legible(text: str) -> str:
    """What somebody wrote into Temporal, as far as it can be kept and shown; they may have written anything.

    At most 200 code points, without those that are refused elsewhere; `unknown` where none is left, `withheld` where
    the number of a person is among them.
    """
    legible_part = _FORBIDDEN.sub("", text)
    if holds_personal_data(legible_part):
        return "withheld"
    return legible_part[:_LONGEST_LEGIBLE] or "unknown"


def visible(line: str) -> str:
    """A line for a terminal: what would move its cursor, colour it or turn its direction is escaped as in JSON."""
    return _FORBIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], line)


def _check_characters(text: str) -> Checked:
    if _FORBIDDEN.search(text):
        raise CaseError(Code.TEXT_FORBIDDEN_CHARACTERS)
    return Checked(text, (Advice.PRIVATE_USE_CHARACTERS,) if _PRIVATE_USE.search(text) else ())
