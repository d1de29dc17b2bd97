"""The audit's chain: each transition of a case names the hash of the one before, over all generations of the case.

Whoever changes, removes or inserts a row has to change every later one, and the head that the case itself carries.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

BEGINNING: Final = "0" * 64
"""What the first transition of a case names as the hash before it."""

LINKED: Final = (
    "case_id",
    "generation",
    "version",
    "step",
    "event",
    "from_status",
    "to_status",
    "actor",
    "role",
    "office",
    "fact",
    "stamp",
    "state_before",
    "state_after",
    "outcome",
    "at",
    "prev_hash",
)
"""The columns of a transition that its hash covers, in this order."""


def hash_of(transition: Mapping[str, Any]) -> str:
    """SHA-256 over a transition's columns as one JSON array: JSON columns parsed, the moment as UTC microseconds."""
    values = [_plain(transition[column]) for column in LINKED]
    return digest_of(values)


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical form."""
    return sha256_of(canonical(value))


def canonical(value: Any) -> str:
    """The one form of a JSON value: sorted keys, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(text: str) -> str:
    """SHA-256 of a text, in hexadecimal digits."""
    return sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value
