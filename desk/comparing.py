"""The old number and the new one side by side: what differs is marked, and only the last two characters show."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from cases.errors import CaseError
from cases.numbers import derive, normalise
from gate.masking import SHOWN_OF_A_NUMBER

_HIDDEN: Final = "•"
_OLD: Final = 15


class Verdict(StrEnum):
    """What a comparison comes to; each has its words (`desk.words`)."""

    equal = "comparison_equal"
    derived = "comparison_derived"
    differs = "differs_at"
    underivable = "comparison_underivable"
    none = "comparison_none"


class Place(NamedTuple):
    """One character of a number as it is shown."""

    shown: str
    differs: bool


@dataclass(frozen=True)
class Comparison:
    """Two numbers as they are shown, and what they come to."""

    old: tuple[Place, ...]
    new: tuple[Place, ...]
    verdict: Verdict

    @property
    def differing(self) -> tuple[int, ...]:
        """Places of the new number, counted from 1, at which it is not what the old one leads to expect."""
        return tuple(place for place, each in enumerate(self.new, 1) if each.differs)


def compare(old: str | None, new: str, *, in_clear: bool) -> Comparison:
    """Compare a registered number with one that is applied for; `in_clear` shows both."""
    if old is None:
        return Comparison((), _shown(new, frozenset(), in_clear), Verdict.none)
    old = _read(old)
    expected = _expected(old)
    if expected is None or len(expected) != len(new):
        return Comparison(_shown(old, frozenset(), in_clear), _shown(new, frozenset(), in_clear), Verdict.underivable)
    differing = frozenset(place for place, (one, other) in enumerate(zip(expected, new, strict=True)) if one != other)
    as_expected = Verdict.derived if len(old) == _OLD else Verdict.equal
    verdict = Verdict.differs if differing else as_expected
    return Comparison(_shown(old, frozenset(), in_clear), _shown(new, differing, in_clear), verdict)


def _read(old: str) -> str:
    try:
        return normalise(old).text
    except CaseError:
        return old


def _expected(old: str) -> str | None:
    if len(old) != _OLD:
        return old
    try:
        return derive(old)
    except CaseError:
        return None


def _shown(number: str, differing: frozenset[int], in_clear: bool) -> tuple[Place, ...]:  # noqa: FBT001 - of one caller
    hidden = len(number) - SHOWN_OF_A_NUMBER
    return tuple(
        Place(character if in_clear or place >= hidden else _HIDDEN, place in differing)
        for place, character in enumerate(number)
    )
