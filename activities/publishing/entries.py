"""What an entry of the feed says: a CloudEvent 1.0, thin, without anything of the person.

Whoever needs more asks for the case. The same entry is the same bytes to every reader, under the same ID.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import asyncpg
from pydantic import AwareDatetime, Field

from cases.kinds import KINDS
from cases.machines.machine import Awaits, Milestone, Status
from cases.models import Record
from cases.names import Kind

SPEC_VERSION: Final = "1.0"
MOVED: Final = "case_moved"
"""The kind of entry that each transition makes."""


class Moved(Record):
    """Where a case stands after what happened."""

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
    about: str | None = None
    """What it is about, where a step asks or tells several: the register's own mark of a card or a claim."""


class Entry(Record):
    """One entry of the feed, as CloudEvents have it."""

    specversion: str = SPEC_VERSION
    id: str
    """Epoch and place; the same for every reader and every attempt."""
    source: str
    type: str
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
