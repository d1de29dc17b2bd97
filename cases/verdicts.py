"""What the register's record of a person means for an application of theirs: a verdict for each kind of case.

The register looks at everybody in the same way (`activities.registry.screening`); what a kind makes of what was seen
stands in its record (`cases.kinds.KindRecord.verdict`).
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from cases.errors import Advice
from cases.numbers import Road, classify, validate, validate18
from cases.screening import Finding
from cases.text import check_name, same_name

_FIRST_GENERATION: Final = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The record of a person whom the register knows and who is alive, beside what is applied with; all in clear."""

    number: str = field(repr=False)
    """The number that is applied for, or shown."""
    name: str = field(repr=False)
    day: date
    """The day in Shanghai."""
    registered_number: str | None = field(repr=False)
    """The number in force; None where it was revoked."""
    registered_name: str = field(repr=False)
    new_name: str | None = field(default=None, repr=False)
    """The name that the person is to have, where it is not the one they apply with."""
    held_by_other: bool
    """Whether somebody else has the number that is applied with, or asks for it."""
    is_one_person: bool
    """Whether that is one record, of the same name, with the same birth date and sex."""
    merged: bool
    """Whether another record was merged into this one."""
    corrects: bool
    """Whether what was carried out is to be corrected."""
    card_coming: bool
    card_to_replace: bool
    number_change: str | None
    """The person's open ID-number change."""

    @property
    def same_name(self) -> bool:
        """Whether the person applies with the registered name."""
        return same_name(self.registered_name, self.name)

    @property
    def changes_name(self) -> bool:
        """Whether the person is to have another name than the registered one."""
        return not same_name(self.registered_name, self.name if self.new_name is None else self.new_name)


class Verdict(NamedTuple):
    """What a kind makes of it."""

    finding: Finding
    road: Road | None = None
    advice: tuple[Advice, ...] = ()
    related: str | None = None
    changes_name: bool = False
    keeps_number: bool = False


def known(seen: Seen) -> Verdict:
    """Whoever is known and alive may apply."""
    return Verdict(Finding.clear, None, check_name(seen.name).advice)


def road_of(seen: Seen) -> Verdict:
    """The road of an ID-number change. A person without a number in force has none to derive from.

    Raises `CaseError` with the code of a hard rule that number or name break.
    """
    changes_name = seen.changes_name
    found = classify(
        seen.registered_number or "",
        seen.number,
        same_name=seen.same_name and not changes_name,
        held_by_other=seen.held_by_other,
        today=seen.day,
    )
    advice = validate18(seen.number, seen.day).advice + check_name(seen.name).advice
    if seen.new_name is not None:
        advice += check_name(seen.new_name).advice
    match found.road:
        case Road.not_needed if changes_name:
            # The name alone changes; it takes the evidence, and the second officer, of a reissued number.
            return Verdict(Finding.clear, Road.reissued, advice, changes_name=True, keeps_number=True)
        case Road.not_needed if seen.merged and seen.corrects:
            # The number is as it was; what may be wrong is that two records were taken for one person's.
            return Verdict(Finding.clear, Road.reissued, advice, keeps_number=True)
        case Road.not_needed:
            return Verdict(Finding.not_needed, found.road, advice)
        case Road.conflict if seen.is_one_person:
            road = classify(
                seen.registered_number or "",
                seen.number,
                same_name=seen.same_name and not changes_name,
                held_by_other=False,
                today=seen.day,
            ).road
            return Verdict(Finding.same_person, road, advice, changes_name=changes_name)
        case Road.conflict:
            return Verdict(Finding.conflict, found.road, advice, changes_name=changes_name)
        case Road.pure_upgrade | Road.reissued:
            return Verdict(Finding.clear, found.road, advice, changes_name=changes_name)


def precheck(seen: Seen) -> Verdict:
    """The pre-checks of a card replacement: 2 name or number differs, 3 duplicate, 4 not allowed.

    A record that still holds a first-generation number differs in any case: its number is changed first. Raises
    `CaseError` with the code of a hard rule that number or name break.
    """
    advice = validate(seen.number, seen.day).advice + check_name(seen.name).advice
    same_number = seen.number == seen.registered_number and len(seen.number) != _FIRST_GENERATION
    if not same_number or not seen.same_name:
        return Verdict(Finding.differs, None, advice, seen.number_change)
    if seen.card_coming:
        return Verdict(Finding.duplicate, None, advice)
    return Verdict(Finding.clear if seen.card_to_replace else Finding.not_allowed, None, advice)
