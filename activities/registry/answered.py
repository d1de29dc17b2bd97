"""What callers were answered, as the register holds it: by this an answer that came through Temporal is confirmed.

Whoever polls the task queue of workflows can complete their tasks, and answer a caller what they like. The register
they cannot write. A reader's role is enough.
"""

import json
from typing import Any, Final, NamedTuple

from activities.registry.errors import case_errors_only
from activities.registry.pool import CALLERS_SECONDS, Pool, connection_of
from activities.registry.queries import load
from cases.answers import Answer, Outcome, Receipt
from cases.repeating import Said

SQL: Final = load("answered.sql")


class HeldReceipt(NamedTuple):
    """How an application was answered."""

    receipt: Receipt
    by_key: bool
    """Whether this very application opened the case, by its key; else another one with the same content did."""
    is_open: bool
    """Whether that case is open still, so that a run of its workflow has to be there."""
    stamp: str | None
    """ID of the stamp that it was opened with: under another one the application has come before."""


class HeldAnswer(NamedTuple):
    """How a fact was answered."""

    answer: Answer
    said: Said
    """The fact: under an identity of somebody's choice another one may have been told."""
    is_newest: bool
    """Whether the case has not moved since. What remained before it did is not held any more."""

    def is_that_of(self, given: Answer) -> bool:
        """Whether this is what a caller was answered, as far as that is held."""
        known = given if self.is_newest else given.model_copy(update={"remains": ()})
        return known == self.answer


@case_errors_only
async def receipt_given(pool: Pool, case_id: str, key: str, fingerprint: str) -> HeldReceipt | None:
    """The receipt of an application, None where the register has not taken it in.

    Raises `CaseError` with a code where the database cannot be reached; so do the others.
    """
    row = await _first(pool, "receipt_given", {"case_id": case_id, "key": key, "fingerprint": fingerprint})
    if row is None:
        return None
    return HeldReceipt(Receipt.model_validate_json(row["receipt"]), row["by_key"], row["is_open"], row["stamp"])


@case_errors_only
async def answer_given(pool: Pool, case_id: str, update_id: str) -> HeldAnswer | None:
    """The answer to an update that moved the case as it stands, None where none of that ID did."""
    row = await _first(pool, "answer_given", {"case_id": case_id, "told_as": update_id})
    if row is None:
        return None
    is_newest, said = row.pop("is_newest"), Said.read(row.pop("event"), row.pop("fact"))
    return HeldAnswer(Answer.model_validate(row), said, is_newest)


@case_errors_only
async def taken_in(pool: Pool, case_id: str, told_as: str) -> Said | None:
    """What the register took in of what a closed case was told under an identity; None where that is nothing."""
    row = await _first(pool, "taken_in_after_closing", {"case_id": case_id, "told_as": told_as})
    return None if row is None else Said.read(row["event"], row["fact"])


@case_errors_only
async def outcome_reached(pool: Pool, case_id: str) -> Outcome | None:
    """How a case has ended, None while it is open."""
    row = await _first(pool, "outcome_reached", {"case_id": case_id})
    return None if row is None else Outcome.model_validate(row)


async def _first(pool: Pool, name: str, values: dict[str, Any]) -> dict[str, Any] | None:
    async with connection_of(pool, patience=CALLERS_SECONDS) as connection:
        row = await SQL[name].first(connection, values)
    if row is None:
        return None
    found = dict(row)
    if "remains" in found:
        found["remains"] = json.loads(found["remains"] or "[]")
    return found
