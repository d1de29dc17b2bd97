"""What a life of a season consists of: who somebody is, when they apply, and what is told afterwards, by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cases.documents import DocumentKind
from cases.events import Event
from cases.models import Category, Role
from cases.names import Kind
from cases.numbers import Road, derive
from cases.openings import ReplacementReason

Says = Mapping[str, object]
"""Fields of a fact, as JSON has them; days are `date`, so that they can be moved with the season."""

_A_MOMENT: Final = timedelta(minutes=2)
_RIVALS_FROM: Final = 700_000
"""Numbers of those who ask for somebody else's number begin here; nobody else of a season has one so high."""
_OTHER_RECORDS_FROM: Final = 800_000
"""Numbers of records that somebody has beside the one they apply with begin here."""
PAID_IN: Final = 500_00
"""What each record has paid in when a season begins, in fen."""


class Story(StrEnum):
    """What kind of life a case has."""

    prompt = "prompt"
    """All papers, verified within days."""
    slow = "slow"
    """All papers; the office takes longer than the processing time."""
    late_papers = "late_papers"
    """Papers are missing and come late, sometimes too late."""
    silence = "silence"
    """Papers are missing and never come."""
    returned = "returned"
    """Papers are defective and come again."""
    rounds = "rounds"
    """Papers are returned round after round, until the policy permits no further one."""
    held = "held"
    """The case waits for something outside the applicant's control."""
    forgotten_hold = "forgotten_hold"
    """Nobody lifts the hold; its limit does."""
    disputed = "disputed"
    """While the case is on hold somebody else applies for the same number; officers decide, some not alike."""
    neglected = "neglected"
    """Nobody verifies for the whole campaign."""
    withdrawn = "withdrawn"
    person_ended = "person_ended"
    """The person dies, and somebody tells the case."""
    learnt = "learnt"
    """The person dies, and the register learns of it before anybody tells the case anything."""
    unconfirmed = "unconfirmed"
    """A system confirms so late that the case needs repair; what it was asked first it answers last."""
    refused = "refused"
    """A system refuses, the change is taken back and made again; another system still answers the first attempt."""
    two_records = "two_records"
    """The person has another record, with the number that they apply for; officers merge the two, some to undo it."""
    corrected = "corrected"
    """The change is done, and its certificate is revoked afterwards."""

    lost = "lost"
    """A card is lost, and a new one comes."""
    worn = "worn"
    """A card is damaged, expired or old."""
    found = "found"
    """A card is lost, and found again."""
    unconfirmed_loss = "unconfirmed_loss"
    """Nobody confirms the loss; the temporary report expires."""
    failed_production = "failed_production"
    """The bureau fails, makes the card at the second attempt, and then finds the first one as well."""
    lost_on_way = "lost_on_way"
    """The new card never arrives, and the next one is made."""
    unclaimed = "unclaimed"
    """Nobody fetches the card."""
    never_activated = "never_activated"


class Part(StrEnum):
    """Who tells a case something."""

    counter = "counter"
    clerk = "clerk"
    officer = "officer"
    second_officer = "second_officer"
    supervisor = "supervisor"
    operator = "operator"
    medical_insurance = "medical_insurance"
    pension = "pension"
    bank = "bank"
    card_bureau = "card_bureau"

    @property
    def role(self) -> Role:
        """In which capacity."""
        match self:
            case Part.counter:
                return Role.clerk
            case Part.second_officer:
                return Role.officer
            case _:
                return Role(self.value)


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody tells the case of an event at a moment of the season."""

    at: datetime
    event: Event
    by: Part
    says: Says = field(default_factory=dict)
    """Fields of the fact that the season knows; the rest is read from the case."""
    brings: tuple[DocumentKind, ...] = ()
    late: bool = False
    """What is answered is the request before the one in force."""


@dataclass(frozen=True, slots=True)
class Learns:
    """The register learns that the person died; nobody tells the case."""

    at: datetime


class Application(StrEnum):
    """What is applied for beside what the life begins with."""

    rival = "rival"
    """Somebody else asks for the same number."""
    correction = "correction"
    """The change was done, and was not right."""
    card = "card"
    """The same person's card is lost, and replaced in a case of its own."""


@dataclass(frozen=True, slots=True)
class Applies:
    """Somebody applies for something more."""

    at: datetime
    application: Application


Step = Act | Learns | Applies


@dataclass(frozen=True, slots=True)
class Life:
    """One person's part in a season."""

    number: int
    """Place among the persons, from 1."""
    story: Story
    kind: Kind
    category: Category
    road: Road
    arrives_at: datetime
    brings: tuple[DocumentKind, ...]
    """Papers that come with the application."""
    steps: tuple[Step, ...]
    """In the order of their moments."""
    acknowledges_after: timedelta | None
    """How long after a rung that has to be acknowledged somebody does; None where nobody looks."""
    reason: ReplacementReason | None = None
    """Why a card is replaced."""
    beside_a_change: bool = False
    """Whether the person's number is being changed in another case."""

    @property
    def acts(self) -> tuple[Act, ...]:
        """What the case is told."""
        return tuple(step for step in self.steps if isinstance(step, Act))

    @property
    def rival(self) -> "Life | None":
        """Somebody who asks for the same number; None where nobody does."""
        applies = (step for step in self.steps if isinstance(step, Applies) and step.application is Application.rival)
        return next((self.beside(step) for step in applies), None)

    @property
    def other_record(self) -> "Life | None":
        """The same human under another record; None where they have none."""
        if self.story is not Story.two_records:
            return None
        return replace(self, number=_OTHER_RECORDS_FROM + self.number, steps=(), acknowledges_after=None)

    @property
    def human(self) -> int:
        """Whose record it is: the same for both records of one human."""
        return self.number - _OTHER_RECORDS_FROM if self.number >= _OTHER_RECORDS_FROM else self.number

    def beside(self, applies: Applies) -> "Life | None":
        """Whose case begins with a further application; None for a correction, which is of the same case."""
        bare = replace(self, arrives_at=applies.at, steps=(), acknowledges_after=None)
        papers = (DocumentKind.resident_id_card, DocumentKind.police_certificate)
        match applies.application:
            case Application.rival:
                return replace(bare, number=_RIVALS_FROM + self.number, brings=papers)
            case Application.card:
                lost, kind = ReplacementReason.lost, Kind.card_replacement
                return replace(bare, kind=kind, reason=lost, brings=papers[:1], beside_a_change=True)
            case Application.correction:
                return None


def told_as_well(life: Life, act: Act, *, whenever: bool = True) -> Life:
    """The life with something more that is told, when the person has applied.

    Whoever applies later is told of it then, or, unless `whenever`, not at all.
    """
    if not whenever and life.arrives_at >= act.at:
        return life
    act = replace(act, at=max(act.at, life.arrives_at + _A_MOMENT))
    return replace(life, steps=in_order((*life.steps, act)))


def in_order(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """By their moments."""
    return tuple(sorted(steps, key=lambda step: step.at))


def old_number(number: int) -> str:
    """The synthetic 15-digit number of a person, born between 1925 and 1930; numbers below 1.4 million are distinct."""
    day, rest = number % 28 + 1, number // 28
    month, rest = rest % 12 + 1, rest // 12
    return f"110105{25 + rest % 6:02}{month:02}{day:02}{100 + rest // 6 % 800:03}"


def new_number(life: Life) -> str:
    """The number that the person applies for: the derived one, or the one that the police gave out anew."""
    if life.human >= _RIVALS_FROM:
        return new_number(replace(life, number=life.human - _RIVALS_FROM))
    if life.road is Road.pure_upgrade:
        return derive(old_number(life.human))
    # Another division: sequence and date stay, so that no two persons get the same.
    return _elsewhere("110102", life)


def registered_number(life: Life) -> str:
    """The number under which the person is insured when the season begins."""
    if life.human != life.number:
        return new_number(life)
    changes = life.kind is Kind.id_number_change or life.beside_a_change
    return old_number(life.number) if changes else new_number(life)


def right_number(life: Life) -> str:
    """The number that takes the place of the one that a change brought and that was not right."""
    return _elsewhere("110108", life)


def _elsewhere(division: str, life: Life) -> str:
    return derive(f"{division}{old_number(life.human)[6:]}")
