"""Reading the register without opening anything sealed: lists of cases, a case's audit, and whether its chain holds."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
from pydantic import AwareDatetime, Field, JsonValue

from activities.registry.audit import BEGINNING, hash_of, keeps_its_word
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from activities.registry.stored import Stored, digest_of_texts
from cases.answers import LateAnswer, Proviso
from cases.errors import Code
from cases.kinds import KINDS
from cases.machines.machine import Milestone, Status
from cases.models import Category, Record, RegionCode, StaffId
from cases.names import Kind
from cases.numbers import Road
from cases.repeating import Said
from cases.stamps import Place
from cases.state import CaseState
from cases.steps import KEPT_LATE_ANSWERS

SQL: Final = load("reading.sql")

LATE_ANSWER: Final = "late_answer"
"""Why an operator should look at a case, open or closed: what it asked once was answered when that was over.

Until an operator or a supervisor acknowledges; what a clerk has seen stays on this list.
"""
SURPLUS_CARD: Final = "surplus_card"
"""The same: a card of a closed case is to be destroyed. An open case says so itself."""


class CaseRow(Record):
    """One generation of a case as lists show it."""

    case_id: str
    generation: int
    kind: Kind
    region: RegionCode
    category: Category
    status: Status
    milestone: Milestone
    version: int
    road: Road | None
    policy: str
    due_at: AwareDatetime | None
    attention: tuple[str, ...]
    opened_at: AwareDatetime
    moved_at: AwareDatetime
    closed_at: AwareDatetime | None


class AuditRow(Record):
    """One transition as the audit has it; version 0 is the registration of a generation."""

    case_id: str
    generation: int
    version: int
    step: str
    event: str
    from_status: Status | None
    to_status: Status
    actor: StaffId | None
    role: str | None
    office: RegionCode | None
    fact: dict[str, JsonValue] | None = Field(repr=False)
    refused: Code | None = None
    """Why it was refused, although it stands: an opinion that is not that of the others."""
    at: AwareDatetime
    hash: str


class Filter(NamedTuple):
    """Which cases a list shows; None lets everything through. `region` may be the first digits of a code."""

    kind: Kind | None = None
    status: Status | None = None
    milestone: Milestone | None = None
    region: str | None = None
    category: Category | None = None
    attention: str | None = None
    """A word of `CaseAttention`, or LATE_ANSWER; SURPLUS_CARD finds closed cases as well."""
    due_before: datetime | None = None
    is_open: bool | None = None
    kinds: tuple[Kind, ...] | None = None
    office: str | None = None
    """Only cases that this office answers for."""
    moved_after: datetime | None = None
    reference: str | None = None
    """The eight digits by which an applicant names a case."""


class After(NamedTuple):
    """A row of a list, behind which its next page begins."""

    case_id: str
    generation: int
    due_at: datetime | None = None
    """Counts where the list is in the order of dates."""


class Break(NamedTuple):
    """Where the audit of a case does not hold: the first row that does not fit, and in what."""

    generation: int
    version: int
    what: str


_EVERYTHING: Final = Filter()


@case_errors_only
async def list_cases(
    pool: Pool,
    which: Filter = _EVERYTHING,
    *,
    after: After | None = None,
    limit: int = 100,
    by_due: bool = False,
) -> tuple[CaseRow, ...]:
    """Cases in the order of their IDs, or of their dates. The next page comes `after` this one's last row.

    Raises `CaseError` with a code where the database cannot be reached.
    """
    async with connection_of(pool) as connection:
        rows = await SQL["list_cases"].all(connection, asked_of(which, after, limit, by_due=by_due))
    return tuple(_row_of(dict(row)) for row in rows)


def asked_of(which: Filter, after: After | None, limit: int, *, by_due: bool = False) -> dict[str, Any]:
    """What the register is asked for a page; of a status that no closed case has, open ones, which have an index."""
    return which._asdict() | {
        "is_open": True if which.is_open is None and _holds_open_ones_only(which.status) else which.is_open,
        "after_case": after and after.case_id,
        "after_generation": after and after.generation,
        "after_due": after and after.due_at,
        "by_due": by_due,
        "limit": limit,
    }


def _holds_open_ones_only(status: Status | None) -> bool:
    """Whether cases of a status are open, whatever kind they are of."""
    machines = [kind.machine for kind in KINDS.values()]
    return status is not None and all(machine.is_open(status) for machine in machines if status in machine.statuses)


def _row_of(row: dict[str, Any]) -> CaseRow:
    """A row of the list, with what else an operator should look at it for than its case says itself."""
    late, left = row.pop("answered_late"), row.pop("card_left")
    beside = (LATE_ANSWER,) * late + (SURPLUS_CARD,) * left
    return CaseRow.model_validate(row | {"attention": (*row["attention"], *beside)})


ALL_GIVEN: Final[Mapping[Proviso, bool]] = dict.fromkeys(Proviso, True)


class CaseNow(NamedTuple):
    """A generation of a case as the register holds it."""

    state: CaseState
    late_answers: tuple[LateAnswer, ...] = ()
    """The newest answers to requests that were over, oldest first, of all generations."""
    known: Mapping[Proviso, bool] = ALL_GIVEN
    """On what offers rest that no case knows by itself, and whether it is so."""
    reference: str | None = None
    """The eight digits by which its applicant names it."""


@case_errors_only
async def case_now(pool: Pool, case_id: str, generation: int | None = None) -> CaseNow | None:
    """Where a case stands in its newest generation, or in one that is asked for; None where there is no such case."""
    asked = {"case_id": case_id, "generation": generation, "most": KEPT_LATE_ANSWERS}
    async with connection_of(pool) as connection:
        row = await SQL["case_now"].first(connection, asked)
    if row is None:
        return None
    late = tuple(LateAnswer.model_validate(each) for each in json.loads(row["late_answers"]))
    state = Stored(row["opening"], row["screening"], row["state"]).whole
    return CaseNow(state, late, {proviso: row[proviso.value] for proviso in Proviso}, row["reference"])


@case_errors_only
async def versions_of(pool: Pool, case_ids: Sequence[str]) -> dict[str, Place]:
    """Generation and version of cases, by their IDs, asked for with one statement."""
    async with connection_of(pool) as connection:
        rows = await SQL["versions_of"].all(connection, {"case_ids": list(case_ids)})
    return {row["case_id"]: Place(row["generation"], row["version"]) for row in rows}


@case_errors_only
async def told_before(pool: Pool, case_id: str, told_as: str) -> Said | None:
    """The event and the fact by which a case moved under an identity; None where it did not."""
    async with connection_of(pool) as connection:
        row = await SQL["told_before"].first(connection, {"case_id": case_id, "told_as": told_as})
    return None if row is None else Said.read(row["event"], row["fact"])


@case_errors_only
async def replaced_number(pool: Pool, case_id: str, generation: int) -> str | None:
    """The number that a case has put out of force, sealed; None where it has not."""
    async with connection_of(pool) as connection:
        row = await SQL["replaced_number"].first(connection, {"case_id": case_id, "generation": generation})
    return None if row is None else str(row["sealed"])


@case_errors_only
async def reference_of(pool: Pool, case_id: str, generation: int) -> str | None:
    """The eight digits by which its applicant names a generation of a case."""
    async with connection_of(pool) as connection:
        row = await SQL["reference_of"].first(connection, {"case_id": case_id, "generation": generation})
    return None if row is None else row["reference"]


@case_errors_only
async def is_key_used(pool: Pool, key: str) -> bool:
    """Whether an idempotency key has been used by an application that was taken in."""
    async with connection_of(pool) as connection:
        row = await SQL["is_key_used"].first(connection, {"key": key})
    return row is not None and bool(row["used"])


@case_errors_only
async def transitions_of(pool: Pool, case_id: str) -> tuple[AuditRow, ...]:
    """The audit of a case over all its generations, oldest first; empty where there is no such case."""
    async with connection_of(pool) as connection:
        rows = await SQL["transitions_of"].all(connection, {"case_id": case_id})
    return tuple(_audited(row) for row in rows)


def _audited(row: asyncpg.Record) -> AuditRow:
    fact, outcome = (None if row[name] is None else json.loads(row[name]) for name in ("fact", "outcome"))
    return AuditRow.model_validate(
        {**row, "fact": fact, "refused": None if outcome is None else outcome.get("refused")}
    )


@case_errors_only
async def verify_chain(pool: Pool, case_id: str) -> Break | None:
    """The first place where a case's audit was changed, cut or added to; None where it holds.

    Every hash is recomputed, versions have no gap, and each generation carries the hash of its newest transition and
    the state that this transition led to.
    """
    async with connection_of(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await SQL["transitions_of"].all(connection, {"case_id": case_id})
        heads = await SQL["heads_of"].all(connection, {"case_id": case_id})
        erased = (await erased_heads(connection, case_id)).get(case_id, [])
    return broken_link(rows) or broken_head(rows, heads) or broken_erasure(rows, erased)


async def erases(connection: Connection) -> bool:
    """Whether the schema knows what was erased; that of the release before does not."""
    row = await SQL["knows_erased"].first(connection, {})
    return row is not None and bool(row["known"])


async def erased_heads(connection: Connection, case_id: str | None = None) -> dict[str, list[asyncpg.Record]]:
    """Where the audits of erased cases end, or of one; by case."""
    found: dict[str, list[asyncpg.Record]] = {}
    if await erases(connection):
        for row in await SQL["erased_heads"].all(connection, {"case_id": case_id}):
            found.setdefault(row["case_id"], []).append(row)
    return found


def broken_link(rows: Sequence[asyncpg.Record]) -> Break | None:
    """The first of a case's transitions that does not follow from the one before."""
    before, place, newest_format = BEGINNING, (1, -1), 1
    for row in rows:
        here = (row["generation"], row["version"])
        if here not in {(place[0], place[1] + 1), (place[0] + 1, 0)}:
            return Break(*here, "gap")
        if row["prev_hash"] != before:
            return Break(*here, "link")
        link = dict(row)
        # An older format says less of a row: none comes after a newer one.
        is_older = link["format"] < newest_format
        if is_older or link["hash"] != hash_of(link) or not keeps_its_word(link):
            return Break(*here, "hash")
        before, place, newest_format = row["hash"], here, link["format"]
    return None


def broken_head(rows: Sequence[asyncpg.Record], heads: Sequence[asyncpg.Record]) -> Break | None:
    """The first generation of a case that is not where its transitions end."""
    newest = {row["generation"]: row for row in rows}
    for head in heads:
        row = newest.get(head["generation"])
        here = (head["generation"], head["version"])
        if row is None or (row["version"], row["hash"]) != (head["version"], head["head"]):
            return Break(*here, "head")
        if row["format"] != 1 and not row["state_after"] == head["state_digest"] == _digest(head):
            return Break(*here, "state")
    return None


def broken_erasure(rows: Sequence[asyncpg.Record], erased: Sequence[asyncpg.Record]) -> Break | None:
    """The first generation that is erased and not where its transitions end, or of which nobody says who erased it.

    The first transition, as well, whose contents are gone although its generation was not erased.
    """
    newest = {row["generation"]: row for row in rows}
    for head in erased:
        row, here = newest.get(head["generation"]), (head["generation"], head["version"])
        if row is None or (row["version"], row["hash"]) != (head["version"], head["head"]):
            return Break(*here, "head")
        if not head["is_founded"]:
            return Break(*here, "erased")
    gone = {head["generation"] for head in erased}
    for row in rows:
        if row["format"] != 1 and row["salt"] is None and row["generation"] not in gone:
            return Break(row["generation"], row["version"], "erased")
    return None


def _digest(head: asyncpg.Record) -> str | None:
    """The digest of the state that a generation carries, None where a part of it is gone."""
    texts = (head["opening"], head["screening"], head["state"])
    return None if None in texts else digest_of_texts(*texts)
