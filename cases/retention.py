"""What is kept, why, for how long and by which law: a table of a region's policy.

Personal information is kept for the shortest time that its purpose needs, and erased then (Personal Information
Protection Law art. 19, 47). Logs are kept for six months at least (Cybersecurity Law).
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LOGS_AT_LEAST: Final = 184
"""Days of six months, whichever they are."""


class Kept(StrEnum):
    """What a line of the table is about; the days count from where its comment says."""

    unsuccessful = "unsuccessful"
    """Cases in which nothing was changed or ordered: rejected, withdrawn, unanswered. From their closing."""
    completed = "completed"
    """All other cases. From their closing."""
    record = "record"
    """The record of a person who died or whom another agency keeps. From when that was known."""
    journal = "journal"
    """Searches, reveals and whatever else is written down beside decisions."""
    logs = "logs"
    """What programs and servers log."""
    temporal = "temporal"
    """Temporal's histories of closed cases: the retention of the namespace."""
    feed = "feed"
    """The feed, for readers who were away."""
    jobs = "jobs"
    """Registers and batches that were handed in whole. From their end."""
    register_backups = "register_backups"
    """Backups of the register, and its archived write-ahead log."""
    key_backups = "key_backups"
    """Backups of the store of persons' keys."""


LOGS: Final = frozenset({Kept.journal, Kept.logs})
"""What the Cybersecurity Law wants kept for six months."""
ERASED: Final = (Kept.unsuccessful, Kept.completed, Kept.record)
"""What an erasure erases when its time is over; the rest goes by itself, or by whoever keeps it."""


class Retained(BaseModel):
    """One line of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    what: Kept
    days: Annotated[int, Field(ge=1, le=36_600)]
    why: Annotated[str, StringConstraints(min_length=4, max_length=200, strip_whitespace=True)]
    legal_basis: Annotated[str, StringConstraints(min_length=4, max_length=200, strip_whitespace=True)]


def check_table(table: tuple[Retained, ...]) -> None:
    """Raises `ValueError` where a table leaves something out, or keeps it for less than the law or its use wants."""
    if sorted(line.what for line in table) != sorted(Kept):
        raise ValueError("retention: whatever is kept needs exactly one line")
    days = {line.what: line.days for line in table}
    if min(days[what] for what in LOGS) < LOGS_AT_LEAST:
        raise ValueError("retention: logs are kept for six months at least")
    if days[Kept.key_backups] > days[Kept.register_backups]:
        raise ValueError("retention: backups of keys go before those of what they open")
