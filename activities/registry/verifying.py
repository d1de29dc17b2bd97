"""The audit as a whole, and the journal: whether every chain holds, and the heads that are published outside.

A chain shows what was changed, taken out, put in or put elsewhere. What it cannot show is that its end was cut off
together with the row of the case, or that all of it was rewritten with hashes to fit: whoever may write to the whole
database can do that. Hence the heads: a file with the newest link of every case, whose SHA-256 is published where
nobody of the database can reach it. Whatever a published head covers cannot be rewritten any more without being found.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg.cursor import CursorFactory

from activities.registry import journal
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from activities.registry.reading import broken_head, broken_link
from cases.errors import CaseError, Code

SQL: Final = load("verifying.sql", beside=__file__)

_PREFETCHED: Final = 500
"""Rows that are fetched at a time: so few that the server is never left waiting within the transaction for long."""

_HEAD: Final = re.compile(r"([a-z]{3}-[a-z2-7]{26}|journal) ([1-9][0-9]{0,8}) (0|[1-9][0-9]{0,8}) ([0-9a-f]{64})")


class Head(NamedTuple):
    """A link of a case's chain that was the newest when it was published, or of the journal's.

    The journal's links are numbered as versions of one generation.
    """

    case_id: str
    generation: int
    version: int
    hash: str

    def __str__(self) -> str:
        return f"{self.case_id} {self.generation} {self.version} {self.hash}"


class Broken(NamedTuple):
    """A row that does not fit, and in what.

    `hash`: its content was changed; `link`: another row stood before it; `gap`: one is missing or too many; `head` and
    `state`: the case is not where its audit ends; `orphan`: there is no such case; `published`: it is not what was
    published.
    """

    case_id: str
    generation: int
    version: int
    what: str


class Verified(NamedTuple):
    """How much was looked at, and the first break of each chain that does not hold."""

    cases: int
    transitions: int
    broken: tuple[Broken, ...]


def digest_of_heads(lines: str) -> str:
    """SHA-256 of a file of heads: the one figure to publish."""
    return sha256(lines.encode()).hexdigest()


def read_heads(lines: str) -> tuple[Head, ...]:
    """The heads of a published file. Raises `CaseError` FILE_UNREADABLE."""
    found = [_HEAD.fullmatch(line) for line in lines.splitlines()]
    heads = tuple(Head(each[1], int(each[2]), int(each[3]), each[4]) for each in found if each is not None)
    if len(heads) != len(found):
        raise CaseError(Code.FILE_UNREADABLE)
    return heads


@case_errors_only
async def heads(pool: Pool) -> tuple[Head, ...]:
    """The newest link of every case, in the order of their IDs, and of the journal."""
    async with _reading(pool) as connection:
        found = _cursor(connection, "newest_heads", {})
        newest = [Head(row["case_id"], row["generation"], row["version"], row["head"]) async for row in found]
    written = await journal.links(pool)
    return (*newest, *(Head(journal.CHAIN, 1, row["number"], row["hash"]) for row in written[-1:]))


@case_errors_only
async def verify_audit(pool: Pool, case_id: str | None = None, published: Iterable[Head] = ()) -> Verified:
    """Look at every chain, or at one, as of one moment: every hash, every link, every head, every published head.

    Reads in the order of the cases and keeps one case at a time. Raises `CaseError` with a code where the database
    cannot be reached.
    """
    expected: dict[str, list[Head]] = {}
    for head in published:
        expected.setdefault(head.case_id, []).append(head)
    looked_at = seen = 0
    broken: list[Broken] = []
    async with _reading(pool) as connection:
        async for case, rows, ends in _cases(connection, {"case_id": case_id}):
            looked_at, seen = looked_at + 1, seen + len(rows)
            broken += _breaks(case, rows, ends, expected.pop(case, []))
    if case_id is None:
        broken += _journal_breaks(await journal.links(pool), expected.pop(journal.CHAIN, []))
        broken += [Broken(*head[:3], "published") for left in expected.values() for head in left]
    return Verified(looked_at, seen, tuple(broken))


def _breaks(
    case: str, rows: list[asyncpg.Record], ends: list[asyncpg.Record], expected: Iterable[Head]
) -> Iterator[Broken]:
    found = broken_link(rows) or broken_head(rows, ends)
    if found is not None:
        yield Broken(case, *found)
    elif not ends:
        yield Broken(case, rows[0]["generation"], rows[0]["version"], "orphan")
    made = {(row["generation"], row["version"]): row["hash"] for row in rows}
    for head in expected:
        if made.get((head.generation, head.version)) != head.hash:
            yield Broken(*head[:3], "published")


def _journal_breaks(rows: list[dict[str, Any]], expected: Iterable[Head]) -> Iterator[Broken]:
    found = journal.first_broken(rows)
    if found is not None:
        yield Broken(journal.CHAIN, 1, found, "hash")
    made = {row["number"]: row["hash"] for row in rows}
    for head in expected:
        if made.get(head.version) != head.hash:
            yield Broken(*head[:3], "published")


async def _cases(
    connection: Connection, values: Mapping[str, Any]
) -> AsyncIterator[tuple[str, list[asyncpg.Record], list[asyncpg.Record]]]:
    """Case by case: its transitions and its generations, whichever of both there are."""
    transitions = aiter(_cursor(connection, "all_transitions", values))
    generations = aiter(_cursor(connection, "all_heads", values))
    row, end = await anext(transitions, None), await anext(generations, None)
    while row is not None or end is not None:
        case = min(each["case_id"] for each in (row, end) if each is not None)
        rows, ends = [], []
        while row is not None and row["case_id"] == case:
            rows.append(row)
            row = await anext(transitions, None)
        while end is not None and end["case_id"] == case:
            ends.append(end)
            end = await anext(generations, None)
        yield case, rows, ends


def _cursor(connection: Connection, name: str, values: Mapping[str, Any]) -> "CursorFactory[asyncpg.Record]":
    query = SQL[name]
    found: CursorFactory[asyncpg.Record] = connection.cursor(
        query.sql, *(values[parameter] for parameter in query.parameters), prefetch=_PREFETCHED
    )
    return found


@asynccontextmanager
async def _reading(pool: Pool) -> AsyncIterator[Connection]:
    """The register as of one moment."""
    async with connection_of(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection
