"""What the register holds of a season that was played, moved back into the season's own days."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar

import asyncpg

from activities.registry.pool import Pool
from cases.clocks import SHANGHAI
from rehearsal.later import earlier

_CASES: Final = """
SELECT case_id, generation, category, status, milestone, opened_at, closed_at, attention
FROM cases ORDER BY case_id, generation
"""
_MOVES: Final = """
SELECT case_id, generation, version, event, from_status, to_status, at, fact, outcome
FROM transitions WHERE version > 0 ORDER BY case_id, generation, version
"""
_FIRED: Final = """
SELECT case_id, generation, rung, cause, due_at, fired_at FROM rungs ORDER BY case_id, generation, fired_at, rung
"""
_REQUESTS: Final = """
SELECT case_id, generation, request_id, min(written_at) AS written_at, array_agg(target) AS targets FROM events
WHERE request_id IS NOT NULL AND kind IN ('number_changed', 'card_ordered')
GROUP BY case_id, generation, request_id ORDER BY min(id)
"""
_LATE: Final = "SELECT case_id, generation, count(*) AS answers FROM answers_out_of_date GROUP BY case_id, generation"
_MESSAGES: Final = """
SELECT case_id, generation, written_at FROM notifications
WHERE recipient = 'applicant' AND case_id IS NOT NULL ORDER BY id
"""
_BLOCKED: Final = """
SELECT blocked_by_case FROM cards
WHERE code = 'B' AND (blocked_by_case IS NULL OR block_ends_at IS NULL) ORDER BY blocked_by_case
"""

_MERGES: Final = """
SELECT
    case_id, undone_at IS NOT NULL AS undone, first_decider, second_decider, undone_first_decider,
    undone_second_decider,
    (SELECT coalesce(sum(amount_fen), 0) FROM contributions WHERE person_id = kept_person_id)
    + (SELECT coalesce(sum(amount_fen), 0) FROM claims WHERE refund_of_merge = merges.id) AS kept,
    (SELECT coalesce(sum(amount_fen), 0) FROM contributions WHERE person_id = other_person_id) AS other,
    EXISTS (SELECT FROM cases WHERE person_id = other_person_id AND closed_at IS NULL)
    OR EXISTS (SELECT FROM numbers WHERE person_id = other_person_id AND state IN ('living', 'reserved')) AS goes_on
FROM merges ORDER BY id
"""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Move:
    """One transition of a case, with the dates that it left."""

    event: str
    before: str
    to: str
    at: datetime
    says: Mapping[str, Any]
    """What was told, empty for the engine's own steps."""
    processing_due_at: datetime | None = None
    campaign_due_at: datetime | None = None
    limit_due_at: datetime | None = None
    """When the time limit of the status ends."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A rung that fired."""

    rung: int
    cause: str
    due_at: datetime
    fired_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What another system was asked: to make a card, or to take a number over."""

    request: str
    at: datetime
    targets: frozenset[str] = frozenset()
    """Who was asked."""


@dataclass(frozen=True, slots=True)
class Case:
    """One generation of one case, as the register knows it at the end."""

    case_id: str
    generation: int
    category: str
    status: str
    milestone: str
    opened_at: datetime
    closed_at: datetime | None
    moves: Sequence[Move]
    fired: Sequence[Fired]
    decision_asked: bool = False
    """At the end an officer still has to decide whether benefits are held."""
    asked: Sequence[Asked] = ()
    """In the order in which they were asked."""
    answered_late: int = 0
    """Answers to what was over by then, which were refused and written down."""
    told_applicant: Sequence[datetime] = ()
    """When messages to the applicant were written."""
    died_at: datetime | None = None
    """When the register learned, before the case did, that the person died."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Two records that were merged, as the register knows them at the end; amounts in fen."""

    case_id: str
    undone: bool
    deciders: tuple[str, ...]
    """Who merged the records."""
    undone_by: tuple[str, ...]
    kept: int
    """What the kept record has paid in, with what is paid back to it."""
    other: int
    """What the other record has paid in."""
    goes_on: bool
    """Whether the other record has a number, or an open case."""


async def read_merges(pool: Pool) -> list[Merge]:
    """Every merge of a register that was played on."""
    return [
        Merge(
            case_id=row["case_id"],
            undone=row["undone"],
            deciders=(row["first_decider"], row["second_decider"]),
            undone_by=(row["undone_first_decider"], row["undone_second_decider"]) if row["undone"] else (),
            kept=int(row["kept"]),
            other=int(row["other"]),
            goes_on=row["goes_on"],
        )
        for row in await pool.fetch(_MERGES)
    ]


async def read_cases(pool: Pool, died: Mapping[str, datetime] = MappingProxyType({})) -> list[Case]:
    """Every case of a register that was played on; `died` says when the register learned of deaths by itself."""
    moves: dict[tuple[str, int], list[Move]] = {}
    for row in await pool.fetch(_MOVES):
        moves.setdefault((row["case_id"], row["generation"]), []).append(_move(row))
    fired: dict[tuple[str, int], list[Fired]] = {}
    for row in await pool.fetch(_FIRED):
        rung = Fired(row["rung"], row["cause"], _back(row["due_at"]), _back(row["fired_at"]))
        fired.setdefault((row["case_id"], row["generation"]), []).append(rung)
    asked = _by_case(
        (row, Asked(row["request_id"], _back(row["written_at"]), frozenset(row["targets"])))
        for row in await pool.fetch(_REQUESTS)
    )
    messages = _by_case((row, _back(row["written_at"])) for row in await pool.fetch(_MESSAGES))
    late = {(row["case_id"], row["generation"]): int(row["answers"]) for row in await pool.fetch(_LATE)}
    return [
        Case(
            case_id=row["case_id"],
            generation=row["generation"],
            category=row["category"],
            status=row["status"],
            milestone=row["milestone"],
            opened_at=_back(row["opened_at"]),
            closed_at=_back(row["closed_at"]) if row["closed_at"] is not None else None,
            moves=moves.get((row["case_id"], row["generation"]), []),
            fired=fired.get((row["case_id"], row["generation"]), []),
            decision_asked="decision" in row["attention"],
            asked=asked.get((row["case_id"], row["generation"]), []),
            answered_late=late.get((row["case_id"], row["generation"]), 0),
            told_applicant=messages.get((row["case_id"], row["generation"]), []),
            died_at=died.get(row["case_id"]),
        )
        for row in await pool.fetch(_CASES)
    ]


def _by_case(rows: Iterable[tuple[asyncpg.Record, Item]]) -> dict[tuple[str, int], list[Item]]:
    found: dict[tuple[str, int], list[Item]] = {}
    for row, item in rows:
        found.setdefault((row["case_id"], row["generation"]), []).append(item)
    return found


async def blocked_without_an_end(pool: Pool) -> list[str]:
    """Cases that blocked a card of which nothing says until when."""
    return [row["blocked_by_case"] for row in await pool.fetch(_BLOCKED)]


def _move(row: asyncpg.Record) -> Move:
    outcome = json.loads(row["outcome"])
    dates = outcome.get("dates") or {}
    timer = outcome.get("timer") or {}
    return Move(
        event=row["event"],
        before=row["from_status"],
        to=row["to_status"],
        at=_back(row["at"]),
        says=json.loads(row["fact"]) if row["fact"] is not None else {},
        processing_due_at=_moment(dates.get("processing_due_at")),
        campaign_due_at=_moment(dates.get("campaign_due_at")),
        limit_due_at=_moment(timer.get("due_at")),
    )


def _moment(text: str | None) -> datetime | None:
    return _back(datetime.fromisoformat(text)) if text is not None else None


def _back(moment: datetime) -> datetime:
    return earlier(moment).astimezone(SHANGHAI)
