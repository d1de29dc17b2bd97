"""Planted people: synthetic, with valid numbers of people born in 1900 to 1905, and names that begin with a mark.

Nothing else in the project holds a number of these divisions or one of these names, so whatever is found of them was
planted.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count, cycle, islice, product
from typing import Any, Final, Self
from unittest.mock import patch

import tests.engine
from cases.numbers import derive
from samples.classes import Sample
from samples.people import Inventor, Office
from tests.canary.forms import DIGITS, Kind, Planted
from tests.engine import Engine, Person
from tests.scenes import OFFICE

MARK: Final = "合成"
"""Every planted name begins with it: synthetic."""

_DIVISIONS: Final = ("530124", "530125", "530126", "530127", "530128", "530129")
_ABOLISHED: Final = ("120107", "120221", "110222")
_OF_LEAKS: Final = "530326"
"""Of the people whose values leak on purpose."""
_RARE: Final = "鸮鸫鹡鸰鹪鹩鸸鹋鹈鹕鹮鹱鹲鸌鸻鹬鹟鹨鹛鹀"
"""Birds: nobody's name, and in no other text of the project."""

_FIRST_BIRTH: Final = date(1900, 1, 1)
_BIRTH_DAYS: Final = (date(1905, 12, 31) - _FIRST_BIRTH).days
_STEP: Final = 733
"""Prime to the number of days, so that neighbours are born far apart."""

_NOT_A_NUMBER: Final = re.compile("[^0-9X]")
_WIDE: Final = str.maketrans("０１２３４５６７８９ｘx", "0123456789XX")


def _birth_date(sequence: int) -> date:
    return _FIRST_BIRTH + timedelta(days=sequence * _STEP % _BIRTH_DAYS)


@dataclass
class People:
    """Everybody who was planted so far."""

    planted: list[Planted] = field(default_factory=list)
    persons: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _names: Iterator[str] = field(
        default_factory=lambda: (
            MARK + "".join(parts) for parts in product(_RARE, repeat=3) if len(set(parts)) == len(parts)
        )
    )

    def plant(self, owner: str, kind: Kind, *texts: str) -> None:
        """Note values that must not be found from now on; a number that is too short to be told is none."""
        for text in texts:
            told = _NOT_A_NUMBER.sub("", text.translate(_WIDE)) if kind is Kind.number else text
            if kind is not Kind.number or len(told) >= DIGITS:
                self.planted.append(Planted(owner, kind, told))

    def number(self) -> str:
        """A 15-digit number of somebody new; it and the one derived from it are planted."""
        sequence = next(self._numbers)
        division = _DIVISIONS[sequence % len(_DIVISIONS)]
        old = f"{division}{_birth_date(sequence):%y%m%d}{100 + sequence % 800:03}"
        self.plant(f"person {sequence}", Kind.number, old, derive(old))
        return old

    def new_number(self) -> str:
        """An 18-digit number of somebody new, planted."""
        return derive(self.number())

    def plant_number(self, owner: str, number: str) -> None:
        """Note a number as somebody typed it."""
        self.plant(owner, Kind.number, number)

    def name(self) -> str:
        """A name of somebody new, planted."""
        name = next(self._names)
        self.plant(f"name {len(self.planted)}", Kind.name, name)
        return name

    def personal_number(self) -> str:
        """A personal number of somebody new, planted."""
        self.persons += 1
        number = f"QK{self.persons:09}ZV"
        self.plant(f"personal number {self.persons}", Kind.personal_number, number)
        return number

    def phone(self) -> str:
        """A phone number that no operator gives out, planted: what begins with 154 is nobody's."""
        phone = f"15400{len(self.planted):06}"
        self.plant(f"phone {len(self.planted)}", Kind.phone, phone)
        return phone

    def drawn(self, samples: list[Sample]) -> None:
        """Plant what was drawn of people by the samples' own rules, in whatever way it is typed."""
        for sample in samples:
            application, who = sample.application, f"{sample.words} ({sample.application.kind.value})"
            self.plant(who, Kind.number, application.old_number, str(application.number), application.submitter_number)
            self.plant(who, Kind.name, application.name)
            for person in sample.insured:
                past = [str(number["number"]) for number in person.past_numbers]
                self.plant(who, Kind.number, person.number, *past)
                self.plant(who, Kind.name, person.name)

    @contextmanager
    def invented(self) -> Iterator[None]:
        """For the length of a block the tests' engine invents planted numbers only."""
        with patch.object(tests.engine, "old_number", lambda _sequence: self.number()):
            yield


class PlantedInventor(Inventor):
    """Draws planted people by the rules of the samples."""

    def __init__(self, office: Office, seed: int, people: People) -> None:
        super().__init__(office, seed)
        self._everybody = people
        self._divisions = cycle(_DIVISIONS)
        self._abolished = cycle(_ABOLISHED)

    def birth_date(self) -> date:
        return _FIRST_BIRTH + timedelta(days=self._random.randrange(_BIRTH_DAYS))

    def personal_number(self) -> str:
        return self._everybody.personal_number()

    def name(self) -> str:
        return self._everybody.name()

    def phone(self) -> str:
        return self._everybody.phone()


@dataclass
class PlantedEngine(Engine):
    """The tests' engine; whoever it insures is planted."""

    people: People = field(default_factory=People)

    @classmethod
    def of(cls, engine: Engine, people: People) -> Self:
        """The same engine, with planted people."""
        return cls(**vars(engine), people=people)

    async def insured(self, *, region: str = OFFICE, **more: Any) -> Person:
        """See base class; with a name, a personal number and a phone that are planted too."""
        planted = {
            "personal_number": self.people.personal_number(),
            "name": self.people.name(),
            "phone": self.people.phone(),
        }
        person = await super().insured(region=region, **(planted | more))
        return Person(planted["personal_number"], planted["name"], person.old, person.new)


@dataclass(frozen=True)
class Leak:
    """Somebody whose values are let out on purpose at one place, to see that this place is searched."""

    place: str
    number: str = field(repr=False)
    name: str = field(repr=False)

    @property
    def owner(self) -> str:
        """By which hits name them."""
        return f"leak: {self.place}"

    @property
    def planted(self) -> list[Planted]:
        """What is to be found."""
        return [Planted(self.owner, Kind.number, self.number), Planted(self.owner, Kind.name, self.name)]


def leaks(places: list[str]) -> dict[str, Leak]:
    """One for each place, none with twelve digits in common with another."""
    names = islice((f"漏{MARK}{one}{two}" for one, two in product(_RARE, repeat=2) if one != two), len(places))
    return {
        place: Leak(place, derive(f"{_OF_LEAKS}{at % 6:02}{at // 6 % 12 + 1:02}{at % 28 + 1:02}{at + 500:03}"), name)
        for at, (place, name) in enumerate(zip(places, names, strict=True))
    }
