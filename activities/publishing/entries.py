"""What an entry of the feed says: a CloudEvent 1.0, thin, without anything of the person.

Whoever needs more asks for the case. The same entry is the same bytes to every reader, under the same ID.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import asyncpg
from pydantic import AwareDatetime, ConfigDict, Field

from cases.facts import HandOver
from cases.kinds import KINDS
from cases.machines.machine import Awaits, Milestone, Status
from cases.models import Record
from cases.names import Kind

SPEC_VERSION: Final = "1.0"
VERIFY: Final = "cardcase.subscription_verify.v1"
"""The type of the first message to a sink, which is no entry of the feed."""


class Told(StrEnum):
    """Kinds of entries: what systems are told of, and what they are asked for."""

    case_moved = "case_moved"
    number_changed = "number_changed"
    number_change_undone = "number_change_undone"
    number_revoked = "number_revoked"
    records_merged = "records_merged"
    records_separated = "records_separated"
    replacement_wanted = "replacement_wanted"
    card_ordered = "card_ordered"
    card_address_confirmed = "card_address_confirmed"
    card_order_cancelled = "card_order_cancelled"
    card_order_written_off = "card_order_written_off"
    card_blocked = "card_blocked"
    card_unblocked = "card_unblocked"
    card_lost = "card_lost"
    card_cancelled = "card_cancelled"
    card_switched = "card_switched"
    card_restored = "card_restored"
    payment_authority_moved = "payment_authority_moved"
    card_surplus = "card_surplus"
    card_destroyed = "card_destroyed"
    claim_requeued = "claim_requeued"
    claim_requeued_for_heirs = "claim_requeued_for_heirs"
    contribution_refunded = "contribution_refunded"
    refund_withdrawn = "refund_withdrawn"


MEANING: Final[Mapping[Told, str]] = {
    Told.case_moved: "A case made a transition; every one makes an entry.",
    Told.number_changed: "A number changed: whoever keeps it changes it too, and confirms this publication.",
    Told.number_change_undone: "A number that was told is taken back.",
    Told.number_revoked: "A number that somebody held wrongly is theirs no more.",
    Told.records_merged: "Two records were one person's: the record of this case is kept, the other is not.",
    Told.records_separated: "They are two records again.",
    Told.replacement_wanted: "A card shows what is no longer true: a replacement may be applied for.",
    Told.card_ordered: "A card is to be made; what comes of it names this order.",
    Told.card_address_confirmed: "The applicant has confirmed where the card of this order is sent.",
    Told.card_order_cancelled: "The card of this order is not wanted any more.",
    Told.card_order_written_off: "Nothing came of this order for so long that it is taken for lost.",
    Told.card_blocked: "A card that was reported as lost is blocked.",
    Told.card_unblocked: "It is blocked no more.",
    Told.card_lost: "The loss of a card was reported formally.",
    Told.card_cancelled: "A card is cancelled for good.",
    Told.card_switched: "The new card is in use, and the one before it is not.",
    Told.card_restored: "A card is in use again, as before two records were merged.",
    Told.payment_authority_moved: "Benefits are paid to another card of the person.",
    Told.card_surplus: "A card turned up by an order that is over: it is kept apart, for its destruction.",
    Told.card_destroyed: "Such a card was destroyed.",
    Told.claim_requeued: "A claim that was suspended is to be paid.",
    Told.claim_requeued_for_heirs: "The same, to the heirs of whoever died.",
    Told.contribution_refunded: "Contributions that were paid twice are to be paid back.",
    Told.refund_withdrawn: "They are not: the records are two again.",
}
"""What each says."""


class Challenge(Record):
    """The first message to a sink: it answers 200 with `{"challenge": …}`, or it is told nothing."""

    type: str = VERIFY
    subscription: str
    challenge: str


class Moved(Record):
    """Where a case stands after what happened."""

    # Webhooks leave out what there is nothing to say of.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    case_id: str
    kind: Kind
    generation: int
    version: int
    event: str | None = None
    """What happened; None where the transition is no more."""
    status: Status | None = None
    milestone: Milestone | None = None
    awaits: Awaits | None = None
    """Who acts next."""
    due_at: AwareDatetime | None = None
    """By when, where the status has a limit."""
    request: str | None = None
    """Identity of an order or a publication; an answer names it."""
    delivery: HandOver | None = None
    """How the card that is ordered reaches its holder."""
    legal_basis: str | None = None
    """The law by which a claim is paid to whom it is paid, where its person has ended."""
    about: str | None = None
    """What it is about, where a step asks or tells several: the register's own mark of a card or a claim."""


class Entry(Record):
    """One entry of the feed, as CloudEvents have it."""

    specversion: str = SPEC_VERSION
    id: str
    """Epoch and place; the same for every reader and every attempt."""
    source: str
    """Which installation says so."""
    type: str
    """`cardcase.`, the kind, and `.v1`."""
    subject: str
    """The case."""
    time: AwareDatetime
    datacontenttype: str = "application/json"
    sequence: str = Field(pattern=r"^[0-9]{1,19}$")
    """Place in the feed (the `sequence` extension)."""
    data: Moved


def type_of(kind: str) -> str:
    """The type of an entry, by its kind in the feed."""
    return f"cardcase.{kind}.v1"


def kind_of(type_: str) -> str:
    """The kind of entries of a type."""
    return type_.removeprefix("cardcase.").removesuffix(".v1")


def entry_of(row: asyncpg.Record, epoch: str, namespace: str) -> Entry:
    """The entry of a row of the feed."""
    kind = Kind(row["of_kind"])
    status = None if row["to_status"] is None else Status(row["to_status"])
    due_at = row["due_at"]
    said: dict[str, Any] = {
        "event": row["event"],
        "status": status,
        "milestone": row["milestone"],
        "awaits": None if status is None else KINDS[kind].machine.statuses[status].awaits,
        "due_at": None if due_at is None else datetime.fromisoformat(due_at),
        "request": row["request_id"],
        "delivery": row["delivery"],
        "legal_basis": row["legal_basis"],
        "about": row["subject"],
    }
    return Entry(
        id=f"{epoch}.{row['sequence']}",
        source=f"/cardcase/{namespace}",
        type=type_of(row["kind"]),
        subject=row["case_id"],
        time=row["at"],
        sequence=str(row["sequence"]),
        data=Moved(
            case_id=row["case_id"],
            kind=kind,
            generation=row["generation"],
            version=row["version"],
            **{name: value for name, value in said.items() if value is not None},
        ),
    )


def entries_of(rows: Iterable[asyncpg.Record], epoch: str, namespace: str) -> tuple[Entry, ...]:
    """The entries of rows, in their order."""
    return tuple(entry_of(row, epoch, namespace) for row in rows)
