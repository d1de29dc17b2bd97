"""The journal: what is done beside the decisions on cases, who did it, and why.

Searches by number, cases seen in clear, Temporal's own means used on a case (reset, terminate), bulk plans and their
runs, and who stands in the directory. It is append-only as the audit of cases is, with a chain for each office and day:
what stands here is no transition of a case. An entry is written before what it tells of is done, by a function of the
database: nobody who writes chooses a chain, a number or a hash, and a limit is counted in the transaction that allows
what it limits.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

import asyncpg
from pydantic import AwareDatetime, Field, JsonValue

from activities.registry.audit import BEGINNING, digest_of, sha256_of
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from cases.clocks import day_of
from cases.errors import CaseError, Code
from cases.models import Actor, Record, RegionCode, StaffId
from cases.text import check_text

SQL: Final = load("journal.sql", beside=__file__)

SHORTEST_REASON: Final = 4
"""Characters."""

TWO_PEOPLE: Final = "journal_two_people"
"""Constraint: a plan that needs a second person is not run by the person who made it."""

CHAIN: Final = "journal"
"""With what the name of a chain begins; and the whole name of the one that all entries were links of once."""

KEPT: Final = "kept"
"""In the place of an office, in the name of a chain of what is kept for good."""

_TOLD: Final = ("kind", "key", "case_id", "plan", "actor", "role", "office", "seen_as", "reason", "facts")
_FORMAT_0: Final = ("number", "kind", "key", "case_id", "plan", "actor", "role", "office", "seen_as", "reason", "facts")
"""What the hash of an entry covers that is older than the bytes; `at` and `prev_hash` follow."""


class Kind(StrEnum):
    """What was done."""

    search = "search"
    lookup = "lookup"
    subject = "subject"
    persons = "persons"
    reveal = "reveal"
    reset = "reset"
    terminate = "terminate"
    bulk_planned = "bulk_planned"
    bulk_run = "bulk_run"
    directory = "directory"
    legal_hold = "legal_hold"
    erasure = "erasure"
    told_beside = "told_beside"
    """A row beside the chains, of what a closed case was told or of an answer out of date; the register writes it."""


KEPT_FOR_GOOD: Final = frozenset({Kind.directory, Kind.legal_hold, Kind.erasure, Kind.told_beside})
"""What is proof for as long as there is an audit; the others are logs, and go by the day. The database has a copy."""


class Entry(Record):
    """What somebody does. `seen_as` takes the place of the actor where it was only found later."""

    kind: Kind
    at: AwareDatetime
    actor: Actor | None = None
    seen_as: str | None = None
    key: str | None = None
    """What must not be written twice."""
    case_id: str | None = None
    plan: str | None = None
    reason: str | None = None
    facts: dict[str, JsonValue] = Field(default_factory=dict, repr=False)


class Written(Record):
    """An entry as it stands in the list."""

    chain: str
    number: int
    kind: Kind
    at: AwareDatetime
    case_id: str | None
    actor: StaffId | None
    role: str | None
    office: RegionCode | None
    seen_as: str | None
    reason: str | None
    plan: str | None
    key: str | None
    facts: dict[str, JsonValue]


def checked_reason(reason: str) -> str:
    """A reason that may be kept. Raises `CaseError`: FIELD_MISSING for none or a short one, and as `check_text`."""
    said = check_text(reason.strip()).text
    if len(said) < SHORTEST_REASON:
        raise CaseError(Code.FIELD_MISSING, "reason")
    return said


class Limit(NamedTuple):
    """How often the actor of an entry may do something of its kind in a span that ends with it.

    The database has a copy of those there are (`limit_of`), and counts by its own clock as well.
    """

    most: int
    span: timedelta
    code: Code
    """Why it is refused then."""


LOOKUPS: Final = Limit(600, timedelta(hours=1), Code.SEARCHED_TOO_OFTEN)
"""Looks of one system for cases by personal number; who has more to do knows the case IDs from its receipts."""


@case_errors_only
async def write(pool: Pool, entry: Entry, limit: Limit | None = None) -> bool:
    """Write an entry down; False where its key stands in the list already.

    Raises `CaseError`: the code of the limit where that is reached; SAME_PERSON where a plan that needs a second person
    is run by whoever made it.
    """
    try:
        async with connection_of(pool) as connection:
            return await append(connection, entry, limit)
    except asyncpg.CheckViolationError as violated:
        if violated.constraint_name != TWO_PEOPLE:
            raise
        raise CaseError(Code.SAME_PERSON) from None


async def append(connection: Connection, entry: Entry, limit: Limit | None = None) -> bool:
    """The same within the transaction of a connection. Raises `CaseError` with the code of the limit."""
    values: dict[str, Any] = {
        "kind": entry.kind.value,
        "key": entry.key,
        "case_id": entry.case_id,
        "plan": entry.plan,
        "actor": entry.actor.id if entry.actor is not None else None,
        "role": entry.actor.role.value if entry.actor is not None else None,
        "office": entry.actor.office if entry.actor is not None else None,
        "seen_as": entry.seen_as,
        "reason": entry.reason,
        "facts": json.dumps(entry.facts),
        "at": entry.at,
        "at_most": limit.most if limit is not None else None,
        "since": entry.at - limit.span if limit is not None else None,
    }
    row = await SQL["append"].first(connection, values)
    became = row["became"] if row is not None else None
    if became == "too_often" and limit is not None:
        raise CaseError(limit.code)
    return bool(became == "written")


@case_errors_only
async def entries(pool: Pool, case_id: str | None = None) -> tuple[Written, ...]:
    """The list, or what of it is about one case, oldest first."""
    return tuple(Written.model_validate(row) for row in await _rows(pool, case_id))


@case_errors_only
async def keys(pool: Pool) -> frozenset[str]:
    """Keys of everything that must not be written twice."""
    async with connection_of(pool) as connection:
        return frozenset(row["key"] for row in await SQL["keys"].all(connection, {}))


class Plan(Record):
    """A bulk plan as it was made."""

    actor: StaffId
    facts: dict[str, JsonValue]


@case_errors_only
async def plan_of(pool: Pool, key: str) -> Plan:
    """A plan by its key. Raises `CaseError` PLAN_UNKNOWN."""
    async with connection_of(pool) as connection:
        row = await SQL["planned"].first(connection, {"key": key})
    if row is None:
        raise CaseError(Code.PLAN_UNKNOWN, "plan")
    return Plan(actor=row["actor"], facts=json.loads(row["facts"]))


@case_errors_only
async def region_of(pool: Pool, case_id: str) -> RegionCode:
    """The agency that handles a case. Raises `CaseError` CASE_UNKNOWN."""
    async with connection_of(pool) as connection:
        row = await SQL["region_of"].first(connection, {"case_id": case_id})
    if row is None:
        raise CaseError(Code.CASE_UNKNOWN)
    return str(row["region"])


@case_errors_only
async def open_cases(pool: Pool) -> frozenset[str]:
    """IDs of the cases that are open by the register."""
    async with connection_of(pool) as connection:
        return frozenset(row["case_id"] for row in await SQL["open_cases"].all(connection, {}))


@case_errors_only
async def links(pool: Pool) -> list[dict[str, Any]]:
    """The whole list with its hashes, to be verified: one chain after the other."""
    async with connection_of(pool) as connection:
        rows = await SQL["links"].all(connection, {})
    return [link_of(dict(row)) for row in rows]


def link_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is verified."""
    return dict(row) | {"facts": json.loads(row["facts"])}


def first_broken(rows: Sequence[Mapping[str, Any]]) -> int | None:
    """Number of the first entry of a chain that does not follow from the one before it; None where it holds.

    That its end was cut off is found by the heads that were published before.
    """
    before, newest_format = BEGINNING, 0
    for place, row in enumerate(rows, start=1):
        follows = (row["number"], row["prev_hash"]) == (place, before) and _belongs(row)
        holds = row["format"] >= newest_format and row["hash"] == hash_of(row) and _says_the_same(row)
        if not (follows and holds):
            return int(row["number"])
        before, newest_format = row["hash"], row["format"]
    return None


def _belongs(row: Mapping[str, Any]) -> bool:
    """Whether an entry is a link of a chain of its day, its office's or that of what is kept; or of the one before."""
    if row["chain"] == CHAIN:
        return True
    if row["written_at"] is None:
        return False
    # An earlier release wrote what is kept into the chain of its office as well.
    may = {row["office"] or "none", *({KEPT} if row["kind"] in KEPT_FOR_GOOD else ())}
    day = day_of(row["written_at"]).isoformat()
    return row["chain"] in {f"{CHAIN}:{whose}:{day}" for whose in may}


def hash_of(row: Mapping[str, Any]) -> str:
    """SHA-256 of an entry, over the bytes that are stored; of an older one over its columns."""
    if row["format"] == 0:
        return digest_of(
            [
                *(row[column] for column in _FORMAT_0),
                row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
                row["prev_hash"],
            ]
        )
    link = (row["format"], row["chain"], row["number"], row["prev_hash"], row["content"])
    return sha256_of("\n".join(map(str, link)))


def _says_the_same(row: Mapping[str, Any]) -> bool:
    """Whether the columns of an entry repeat what the bytes say that its hash covers."""
    if row["format"] == 0:
        return True
    moments = {column: row[column].astimezone(UTC).strftime(_MOMENT) for column in ("at", "written_at")}
    return bool(json.loads(row["content"]) == {column: row[column] for column in _TOLD} | moments)


_MOMENT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


async def _rows(pool: Pool, case_id: str | None) -> list[dict[str, Any]]:
    async with connection_of(pool) as connection:
        rows = await SQL["entries"].all(connection, {"case_id": case_id})
    return [link_of(dict(row)) for row in rows]
