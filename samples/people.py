"""Invented people: names that nobody bears, numbers of people born long ago, offices and their staff.

Everything is drawn from one seeded source, so that the same seed makes the same people.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import cycle, product
from random import Random
from typing import Final, TypeVar

from cases.documents import DocumentKind
from cases.models import Category
from cases.numbers import derive

Item = TypeVar("Item")

SYNTHETIC: Final = "合成数据"
"""The mark that stands on every row."""

# Words for "sample", "example", "draft", "test" …: none of them is a surname.
_FAMILY: Final = "样例拟测虚试"
_STEMS: Final = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES: Final = "子丑寅卯辰巳午未申酉戌亥"

_CURRENT_DIVISIONS: Final = {
    "north": ("110101", "110105", "130102", "130202", "210102", "210202", "610102", "610302"),
    "south": ("310101", "310104", "320102", "320502", "440103", "440303", "510104", "510302"),
}
ABOLISHED_DIVISIONS: Final = {
    "north": ("110103", "110104", "110221", "130106", "210121", "610121"),
    "south": ("310102", "310103", "320107", "320121", "440102", "440121", "510102", "510122"),
}
"""Codes that GB/T 2260 has dropped; people born there still bear them."""

_FIRST_BIRTH: Final = date(1900, 1, 1)
_BIRTH_DAYS: Final = (date(1930, 12, 31) - _FIRST_BIRTH).days

_MEDIA_TYPES: Final = ("image/jpeg", "application/pdf", "image/png", "application/ofd")


@dataclass(frozen=True, slots=True)
class Office:
    """An agency whose register is exported: its regions and the codes of its clerks."""

    name: str
    letter: str
    regions: tuple[str, ...]
    clerks: tuple[str, ...]


NORTH: Final = Office("north", "n", ("110105", "130102", "210102", "610102"), ("clerk-n1", "clerk-n2", "clerk-n3"))
SOUTH: Final = Office("south", "s", ("310104", "320102", "440103", "510104"), ("clerk-s1", "clerk-s2"))
OFFICES: Final = (NORTH, SOUTH)


@dataclass(frozen=True, slots=True)
class Paper:
    """A document by reference, as a register lists it."""

    kind: DocumentKind
    uri: str
    media_type: str
    size: int
    sha256: str


@dataclass(slots=True)
class Person:
    """One insured person as the agency's database knows them."""

    personal_number: str
    name: str
    phone: str
    number: str
    region: str
    category: Category
    past_numbers: list[dict[str, object]] = field(default_factory=list)
    died_on: date | None = None
    draws_pension: bool = False
    cards: list[dict[str, object]] = field(default_factory=list)
    claims: list[dict[str, object]] = field(default_factory=list)
    benefit_holds: list[dict[str, object]] = field(default_factory=list)
    contributions: list[dict[str, object]] = field(default_factory=list)
    balances: list[dict[str, object]] = field(default_factory=list)


class Inventor:
    """Draws people of one office; no number, name, phone or document is drawn twice."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office = office
        self._random = Random(seed)  # noqa: S311 - invented people are no secret, and must be the same every time
        names = ["".join(parts) for parts in product(_FAMILY, _STEMS, _BRANCHES)]
        self._random.shuffle(names)
        self._names = iter(names)
        self._divisions = cycle(_CURRENT_DIVISIONS[office.name])
        self._abolished = cycle(ABOLISHED_DIVISIONS[office.name])
        self._categories = cycle(Category)
        self._regions = cycle(office.regions)
        self._clerks = cycle(office.clerks)
        self._media_types = cycle(_MEDIA_TYPES)
        self._drawn: set[str] = set()
        self._people = 0
        self._papers = 0
        self._cards = 0
        self._notices = 0

    # --- numbers -----------------------------------------------------------------------------------------------------

    def old_number(self, *, abolished: bool = False, sequence: str | None = None) -> str:
        """A number of the first-generation card."""
        while True:
            division = next(self._abolished if abolished else self._divisions)
            drawn = sequence or f"{self._random.randrange(1, 900):03d}"
            number = f"{division}{self.birth_date():%y%m%d}{drawn}"
            if number not in self._drawn:
                self._drawn.add(number)
                return number

    def new_number(self) -> str:
        """A number of the second-generation card that follows from no old number in the samples."""
        return derive(self.old_number())

    def number_beginning(self, prefix: str) -> str:
        """A number whose first six characters are no division: a residence permit, a permanent residence card."""
        return with_check_digit(f"{prefix}{self.birth_date():%Y%m%d}{self._random.randrange(1, 900):03d}")

    def birth_date(self) -> date:
        """A birth date of 1900 to 1930: hardly anyone living bears a number with it."""
        return _FIRST_BIRTH + timedelta(days=self._random.randrange(_BIRTH_DAYS))

    # --- people ------------------------------------------------------------------------------------------------------

    def personal_number(self) -> str:
        """The agency's own number of a person."""
        self._people += 1
        return f"S{self.office.letter.upper()}{self._people:04d}"

    def name(self) -> str:
        """An invented name."""
        return next(self._names)

    def phone(self) -> str:
        """A number of eleven digits that no operator gives out."""
        return f"100{'01' if self.office.letter == 'n' else '02'}{self._random.randrange(1_000_000):06d}"

    def clerk(self) -> str:
        """Code of the clerk who took the application in."""
        return next(self._clerks)

    def person(self, number: str | None = None) -> Person:
        """An insured person with months and balances that a change of number must leave as they are."""
        person = Person(
            personal_number=self.personal_number(),
            name=self.name(),
            phone=self.phone(),
            number=number or self.old_number(),
            region=next(self._regions),
            category=next(self._categories),
        )
        schemes = ("medical", "pension")
        months = [f"2026-{month:02d}" for month in range(1, self._random.randrange(2, 5))]
        person.contributions = [
            {"scheme": scheme, "month": month, "amount_fen": self._random.randrange(30_000, 90_000)}
            for scheme in schemes
            for month in months
        ]
        person.balances = [
            {"scheme": scheme, "amount_fen": self._random.randrange(100_000, 9_000_000)} for scheme in schemes
        ]
        return person

    def card_number(self) -> str:
        """Number of a social security card."""
        self._cards += 1
        return f"{self.office.letter.upper()}{self._cards:08d}"

    def notice(self) -> str:
        """Reference of a notice that was served."""
        self._notices += 1
        return f"NOTICE/{self.office.letter}{self._notices}"

    def amount(self) -> int:
        """An amount of money in fen."""
        return self._random.randrange(5_000, 3_000_000)

    def shuffled(self, items: list[Item]) -> list[Item]:
        """The same items in the order in which people happened to come."""
        mixed = list(items)
        self._random.shuffle(mixed)
        return mixed

    # --- papers ------------------------------------------------------------------------------------------------------

    def paper(self, kind: DocumentKind) -> Paper:
        """A copy in the agency's own store."""
        self._papers += 1
        uri = f"doc://sample/{self.office.letter}{self._papers}"
        return Paper(
            kind=kind,
            uri=uri,
            media_type=next(self._media_types),
            size=self._random.randrange(60_000, 900_000),
            sha256=hashlib.sha256(uri.encode()).hexdigest(),
        )


def with_check_digit(first_17: str) -> str:
    """A number from its first 17 digits (ISO 7064, MOD 11-2)."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(first_17))
    return first_17 + "10X98765432"[total % 11]
