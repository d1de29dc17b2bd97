"""What the register says about a person when a case is screened, and the terms that the case then follows."""

from datetime import date
from enum import StrEnum
from typing import Literal

from cases.documents import Demand
from cases.errors import Advice
from cases.facts import CardFunction, HandOver, HoldReason
from cases.models import OrderId, Record, System
from cases.numbers import Road


class Finding(StrEnum):
    """What the register says about a person when a case is screened or checked."""

    clear = "clear"
    unknown = "unknown"
    deceased = "deceased"
    transferred = "transferred"
    merged = "merged"
    not_needed = "not_needed"
    same_person = "same_person"
    """Whoever has the number may be the same person, under another record."""
    conflict = "conflict"
    differs = "differs"
    duplicate = "duplicate"
    not_allowed = "not_allowed"


class HoldTerm(Record):
    """What a hold for one reason is: its limit in calendar days, and whether it moves the campaign date."""

    reason: HoldReason
    days: int
    moves_campaign: bool


class Terms(Record):
    """The part of the case's pinned policy that decides transitions."""

    policy: str
    """Name and version, `name/version`."""
    confirmations: tuple[System, ...] = ()
    undo_number: bool = True
    max_extension: int = 30
    """Working days by which all extensions of a case together may move its time limits."""
    supplement_rounds: int = 2
    """Notices of what is missing or defective, each with all defects; then the case is decided as it is."""
    extension_moves_campaign: bool = False
    campaign_ends: date | None = None
    holds: tuple[HoldTerm, ...] = ()
    loss_report_expires: Literal["release", "cancel"] = "release"
    undo_formal_loss: bool = True
    cancel_order: bool = True
    functions: tuple[CardFunction, ...] = (CardFunction.social, CardFunction.bank)
    production_attempts: int = 3
    lost_on_way: int = 2
    """Further cards that are made for one case in the place of those that were lost on the way."""
    claim_reminders: int = 2
    """Reminders to fetch the card before it may be destroyed."""
    activation_reminders: int = 2
    """Reminders to activate the card before a clerk is asked to follow it up."""


class Screening(Record):
    """What the register answers when a case is screened: the road, what is needed, by when."""

    finding: Finding
    terms: Terms
    road: Road | None = None
    demands: tuple[Demand, ...] = ()
    original_needed: bool = True
    """Whether whoever verifies must have seen an original; not where an electronic check of identity took its place."""
    delivery: HandOver | None = None
    """How a new card is to reach its holder."""
    advice: tuple[Advice, ...] = ()
    benefits_held: bool = False
    draws_pension: bool = False
    changes_name: bool = False
    """Whether the name that is applied for is not the registered one: it changes with the number."""
    keeps_number: bool = False
    """Whether the number that is applied for is in force already, so that the name alone changes."""
    merged: bool = False
    """Whether another record was merged into the person's, and may be taken out again."""
    related: str | None = None
    card_lost: bool = False
    """The person's card was reported lost formally, by whichever case, and is out of use for good."""
    card_in_use: bool = True
    """Whether the person has a card that works, or one that is blocked for a time."""
    card_blocked: bool = False
    """Whether it is blocked for a time: a loss was reported before, to whichever case, and not formally."""
    orders: tuple[OrderId, ...] = ()
    """Cards that were ordered for the person in earlier generations of the case."""

    @property
    def name_alone(self) -> bool:
        """Whether the name changes, and the number does not."""
        return self.changes_name and self.keeps_number
