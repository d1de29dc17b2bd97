"""The audit's chain: each transition of a case names the hash of the one before, over all generations of the case.

Whoever changes, removes or inserts a row has to change every later one, and the head that the case itself carries. The
register makes the links (`audit_hash` in deploy/migrations); here whoever verifies computes them again. Contents are
covered by salted commitments: what was told and what followed can be forgotten, and the chain still verifies.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

BEGINNING: Final = "0" * 64
"""What the first transition of a case names as the hash before it."""

FORMAT: Final = 2
"""The form in which links are written."""

_LINE: Final = (
    "format",
    "case_id",
    "generation",
    "version",
    "step",
    "event",
    "from_status",
    "to_status",
    "milestone",
    "actor",
    "role",
    "office",
    "stamp",
    "told_as",
    "state_before",
    "state_after",
    "fact_commitment",
    "outcome_commitment",
    "neighbours",
    "at",
    "prev_hash",
)
"""The columns that a hash covers, in this order, a line each."""

_FIRST_FORMAT: Final = (
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
"""What the hash of a link of format 1 covers: the contents themselves, as one JSON array."""


def hash_of(transition: Mapping[str, Any]) -> str:
    """SHA-256 over a transition's columns, by the format that it is in."""
    if transition["format"] == 1:
        return digest_of([_plain(column, transition[column]) for column in _FIRST_FORMAT])
    values = (_line(transition[column]) for column in _LINE)
    return sha256_of("\n".join(values))


def keeps_its_word(transition: Mapping[str, Any]) -> bool:
    """Whether the contents of a transition are what it is committed to; those that were forgotten are not missed."""
    if transition["format"] == 1:
        return True
    if transition["salt"] is None:
        return transition["fact"] is None and transition["outcome"] is None
    for content in ("fact", "outcome"):
        text, commitment = transition[content], transition[f"{content}_commitment"]
        if commitment != (None if text is None else sha256_of(transition["salt"] + text)):
            return False
    return True


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical form."""
    return sha256_of(canonical(value))


def canonical(value: Any) -> str:
    """The one form of a JSON value: sorted keys, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(text: str) -> str:
    """SHA-256 of a text, in hexadecimal digits."""
    return sha256(text.encode()).hexdigest()


def _line(value: Any) -> str:
    if isinstance(value, datetime):
        since = value.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return str(since // timedelta(microseconds=1))
    return "-" if value is None else str(value)


def _plain(column: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return json.loads(value) if column in {"fact", "outcome"} and value is not None else value
