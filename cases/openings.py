"""What cases are opened with. Made by the client from an application; names and numbers are sealed by then."""

from enum import StrEnum
from typing import Literal

from pydantic import Field, StrictBool

from cases.documents import Documents
from cases.models import Actor, Category, Contract, IdempotencyKey, RegionCode, Sealed, Stamp, Token
from cases.names import Kind


class ReplacementReason(StrEnum):
    """Why a card is replaced."""

    lost = "lost"
    damaged = "damaged"
    expired = "expired"
    old_generation = "old_generation"
    data_changed = "data_changed"


class Opening(Contract):
    """What every case is opened with."""

    kind: Kind
    person: Token
    name: Sealed
    number: Sealed
    """For an ID-number change the new number that is applied for; for a replacement the number the applicant shows."""
    number_token: Token
    region: RegionCode
    category: Category = Category.general
    submitter: Actor
    documents: Documents = ()
    key: IdempotencyKey
    fingerprint: Token
    """Keyed token of the application's whole content: equal applications have equal fingerprints."""
    reopen: StrictBool = False
    stamp: Stamp | None = Field(default=None, repr=False)

    @property
    def replaced_because(self) -> ReplacementReason | None:
        """Why a card is replaced, None where none is."""
        return None

    @property
    def is_urgent(self) -> bool:
        """Whether the case comes before all others, whatever depends on it."""
        return False


class NumberChangeOpening(Opening):
    """An ID-number change is applied for."""

    kind: Literal[Kind.id_number_change]


class ReplacementOpening(Opening):
    """A card replacement is applied for."""

    kind: Literal[Kind.card_replacement]
    reason: ReplacementReason

    @property
    def replaced_because(self) -> ReplacementReason:
        """Why the card is replaced."""
        return self.reason

    @property
    def is_urgent(self) -> bool:
        """A lost card is blocked before anything else is done."""
        return self.reason is ReplacementReason.lost
