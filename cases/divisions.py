"""Administrative division codes (GB/T 2260), the first six digits of a resident ID number.

All that is said here is advice to a clerk, never a reason to refuse and never a reason for a case to take another road.

County level, and not only the province, because a 15-digit number has no check digit: an unknown county is the only
sign that its first six digits were mistyped. The codes with their years of validity come from the table inside
python-stdnum, which is kept up to date by others and carries the abolished codes since 1980; a copy of our own would
have to be kept up by hand, and reading it through the library keeps its licence out of our sources. The table changes
with the library's version. That is safe only as long as no transition depends on it: `numbers.classify` does not look
here.

The table is read when the module is imported, so that a check reads no file: inside a workflow that would be refused.
"""

import re
from typing import Final, NamedTuple

from stdnum import numdb

from cases.errors import Advice

# fmt: off
PROVINCES = frozenset({
    "11", "12", "13", "14", "15",
    "21", "22", "23",
    "31", "32", "33", "34", "35", "36", "37",
    "41", "42", "43", "44", "45", "46",
    "50", "51", "52", "53", "54",
    "61", "62", "63", "64", "65",
    "71",
})
# fmt: on
"""Provinces, autonomous regions and municipalities (GB/T 2260), Taiwan included: two digits each."""

RESIDENCE_PERMITS = frozenset({"81", "82", "83"})
"""Residence permits of Hong Kong, Macao and Taiwan residents: 18 digits beginning 810000, 820000 or 830000."""

FOREIGN_PERMANENT_RESIDENT = "9"
"""First digit of foreigners' permanent residence cards; their next five digits are not a division."""

FIRST_NUMBERS = 1984
"""Year of the trial regulations on resident ID cards. Whoever is older got a number with a code of that time, so a code
newer than their birth says nothing."""


class Validity(NamedTuple):
    """Years in which a code stood in the standard. `None`: since its first edition; to this day."""

    since: int | None
    until: int | None


def _validity(county: str) -> Validity:
    """Join the library's spans (`[1983-1993]潮阳县,[2003-]…`) from the first beginning to the last end.

    A code given to a new county after years of rest counts as valid in between: nobody is helped by advice so fine.
    """
    since: list[int | None] = []
    until: list[int | None] = []
    for part in county.split(","):
        span = part[1:].partition("]")[0] if part.startswith("[") else "-"
        first, _, last = span.partition("-")
        since.append(int(first) if first else None)
        until.append(int(last) if last else None)
    return Validity(
        since=None if None in since else min(year for year in since if year is not None),
        until=None if None in until else max(year for year in until if year is not None),
    )


def _read_table() -> dict[str, Validity]:
    return {
        province + low: _validity(properties["county"])
        for _, province, _, _, counties in numdb.get("cn/loc").prefixes
        for _, low, _, properties, _ in counties
        if province in PROVINCES
    }


_TABLE = _read_table()


_MUNICIPALITIES: Final = frozenset(division[:4] for division in _TABLE)
_REGION: Final = re.compile(r"[1-9][0-9]{1,5}")


def is_region(region: str) -> bool:
    """Whether somebody may mean this code, or its first digits, for an agency or those below one.

    County codes are not looked up: agencies have some that are in no standard. What there is no municipality for is a
    slip of the finger.
    """
    if _REGION.fullmatch(region) is None:
        return False
    known = PROVINCES if region[2:4] in {"", "0", "00"} else _MUNICIPALITIES
    return any(division.startswith(region[:4]) or region.startswith(division) for division in known)


def advise(division: str, birth_year: int | None) -> tuple[Advice, ...]:
    """Say what a clerk should look at twice in a six-digit `division` of a resident's number.

    `birth_year` is that of the holder, or `None` where the number does not tell. For numbers that are no residents'
    (see `RESIDENCE_PERMITS` and `FOREIGN_PERMANENT_RESIDENT`) the caller asks elsewhere.
    """
    validity = _TABLE.get(division)
    if validity is None:
        return (Advice.DIVISION_UNKNOWN,)
    advice: tuple[Advice, ...] = ()
    if validity.until is not None:
        advice = (Advice.DIVISION_ABOLISHED,)
    if birth_year is not None and validity.since is not None and validity.since > max(birth_year, FIRST_NUMBERS):
        advice += (Advice.DIVISION_NEWER_THAN_BIRTH,)
    return advice
