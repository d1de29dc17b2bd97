"""The audit as a whole, and the journal: whether every chain holds, who decided, and what was published outside.

A chain shows what was changed, taken out, put in or put elsewhere. What it cannot show is that its end was cut off
together with the row of the case, or that all of it was rewritten with hashes to fit: whoever may write to the whole
database can do that. Hence the heads, which are published where nobody of the database can reach them
(`activities.heads`): whatever they cover cannot be rewritten any more without being found. What is written anew, by
whoever may write, is found by the gate's signature that it lacks, and by the machine (`proving.py`).
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg.cursor import CursorFactory

from activities.heads.publication import Published, is_overdue
from activities.heads.publishing import LONGEST_TRANSACTION, moment_of, snapshot
from activities.registry import journal
from activities.registry.bearers import read_bearers
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool
from activities.registry.proving import DIRECTORY, STAMP, Proof, flaw_of, flaw_of_told, is_forgotten
from activities.registry.queries import Query, load
from activities.registry.reading import broken_erasure, broken_head, broken_link, erased_heads
from activities.stamps import Stamps
from cases.models import Actor

SQL: Final = load("verifying.sql", beside=__file__)

_PREFETCHED: Final = 500
"""Rows that are fetched at a time: so few that the server is never left waiting within the transaction for long."""

_PATIENCE: Final = 600.0
"""Seconds for the one statement that looks at all stamps together."""


class Broken(NamedTuple):
    """A row that does not fit, and in what.

    `hash`: its content was changed; `link`: another row stood before it; `gap`: one is missing or too many; `head` and
    `state`: the case is not where its audit ends; `orphan`: there is no such case; `published`: it is not what was
    published; `unpublished`: it says that it is older than what was published without it; `stamp`: the gate did not
    sign that it was decided so; `directory`: whoever did it did not stand there with that role then; `machine`: no
    case takes this way. `schema`: an object of the schema, named by
    `detail`, was changed without a migration; `late`: nothing has been published for longer than it may. `erased`: its
    contents are gone although it was not erased, or nobody says who had it erased; of a chain of the journal, as well,
    that it went too early. `beside`: what was told beside the chains is not there any more as it was.
    """

    case_id: str
    """The chain; for what belongs to none `heads` or `schema`, and then `version` is the number of the publication."""
    generation: int
    version: int
    what: str
    detail: str | None = None


class Verified(NamedTuple):
    """How much was looked at, and the first break of each chain that does not hold."""

    cases: int
    transitions: int
    broken: tuple[Broken, ...]
    forgotten: int = 0
    """Transitions whose contents are gone: their stamps cannot be looked at any more."""
    bearers_named: bool = True
    """Whether the directory says who may decide as what; where it does not, that cannot be looked at."""


@case_errors_only
async def verify_audit(
    pool: Pool, case_id: str | None = None, published: Published | None = None, stamps: Stamps | None = None
) -> Verified:
    """Look at every chain, or at one, as of one moment: every hash, every link, every head, every published head.

    With `stamps`, which know the keys that the gate has had, every decision is looked at as well. Reads in the order of
    the cases and keeps one case at a time. Raises `CaseError` with a code where the database cannot be reached.
    """
    async with snapshot(pool) as connection:
        proof = None if stamps is None else Proof(stamps, await read_bearers(connection))
        seen = _Seen(published or Published(), proof)
        erased = await erased_heads(connection, case_id)
        async for case, rows, ends in _cases(connection, {"case_id": case_id}):
            seen.look_at(case, rows, ends, erased.get(case, []))
        if proof is not None:
            seen.broken += await _told_beside(connection, case_id, proof)
        knows_chains = await _knows_chains(connection)
        if knows_chains:
            seen.broken += await _gone_beside(connection, case_id)
        if case_id is None:
            async for chain, links in _journal(connection):
                seen.look_at_journal(chain, links)
            if knows_chains:
                seen.broken += await _erased_chains(connection, seen.published)
            seen.broken += [Broken(*head[:3], "published") for head in seen.published.left()]
            seen.broken += await _outside(connection, seen.published)
    named = proof is None or proof.bearers.since is not None
    return Verified(seen.cases, seen.transitions, tuple(seen.broken), seen.forgotten, named)


class _Seen:
    """What was seen so far."""

    def __init__(self, published: Published, proof: Proof | None) -> None:
        self.published = published
        self.proof = proof
        self.cases = self.transitions = self.forgotten = 0
        self.broken: list[Broken] = []
        newest = published.newest
        self._covered_until = None if newest is None else newest.at - LONGEST_TRANSACTION

    def look_at(
        self, case: str, rows: list[asyncpg.Record], ends: list[asyncpg.Record], erased: list[asyncpg.Record]
    ) -> None:
        """One case, with its generations that are there and those that were erased."""
        self.cases, self.transitions = self.cases + 1, self.transitions + len(rows)
        found = broken_link(rows) or broken_head(rows, ends) or broken_erasure(rows, erased)
        if found is not None:
            self.broken.append(Broken(case, *found))
        elif not ends and not erased:
            self.broken.append(Broken(case, rows[0]["generation"], rows[0]["version"], "orphan"))
        links = {(row["generation"], row["version"]): (row["hash"], row["at"]) for row in rows}
        self.broken += self._differing(case, links)
        if self.proof is not None:
            self._prove(rows, {end["generation"]: end["opening"] for end in ends}, self.proof)

    def look_at_journal(self, chain: str, rows: list[dict[str, Any]]) -> None:
        """One chain of the journal."""
        broken = journal.first_broken(rows)
        if broken is not None:
            self.broken.append(Broken(chain, 1, broken, "hash"))
        links = {(1, row["number"]): (row["hash"], row["written_at"] or row["at"]) for row in rows}
        self.broken += self._differing(chain, links)
        if self.proof is not None:
            self.broken += _strangers(chain, rows, self.proof)

    def _differing(self, chain: str, links: Mapping[tuple[int, int], tuple[str, datetime]]) -> Iterator[Broken]:
        """What of a chain is not as it was published, and what was put behind it with an earlier date."""
        newest = (0, -1)
        for head in self.published.of(chain):
            newest = max(newest, (head.generation, head.version))
            if (head.generation, head.version) not in links or links[head.generation, head.version][0] != head.hash:
                yield Broken(*head[:3], "published")
        if self._covered_until is None:
            return
        for place, (_, at) in links.items():
            if place > newest and at < self._covered_until:
                yield Broken(chain, *place, "unpublished")
                return

    def _prove(self, rows: Iterable[asyncpg.Record], openings: Mapping[int, str | None], proof: Proof) -> None:
        for row in map(dict, rows):
            self.forgotten += is_forgotten(row)
            flaw = flaw_of(row, openings.get(row["generation"]), proof)
            if flaw is not None:
                self.broken.append(Broken(row["case_id"], row["generation"], row["version"], flaw))


def _strangers(chain: str, rows: Iterable[Mapping[str, Any]], proof: Proof) -> Iterator[Broken]:
    """Entries of whoever did not stand in the directory with that role."""
    for row in rows:
        if row["actor"] is not None and row["written_at"] is not None:
            actor = Actor.model_validate({"id": row["actor"], "role": row["role"], "office": row["office"]})
            if not proof.bearers.stood(actor, row["written_at"]):
                yield Broken(chain, 1, row["number"], DIRECTORY)


async def _told_beside(connection: Connection, case_id: str | None, proof: Proof) -> list[Broken]:
    """What of that which stands beside the chains nobody said, and stamps by which two things were done."""
    broken = []
    async for row in _cursor(connection, "told_beside", {"case_id": case_id}):
        flaw = flaw_of_told(dict(row), proof)
        if flaw is not None:
            broken.append(Broken(row["case_id"], row["generation"], 0, flaw, row["stands_in"]))
    used = await connection.fetch(SQL["stamps_used_again"].sql, case_id, timeout=_PATIENCE)
    return [*broken, *(Broken(row["case_id"], row["generation"], row["version"], STAMP, "used twice") for row in used)]


async def _knows_chains(connection: Connection) -> bool:
    """Whether the schema covers what is beside the chains, and erases chains; that of the release before does not."""
    row = await SQL["knows_chains"].first(connection, {})
    return row is not None and bool(row["known"])


async def _gone_beside(connection: Connection, case_id: str | None) -> list[Broken]:
    """What was told beside the chains, and was taken away or changed since."""
    rows = await connection.fetch(SQL["gone_beside"].sql, case_id, timeout=_PATIENCE)
    return [Broken(row["case_id"], 0, 0, "beside", f"entry {row['number']}") for row in rows]


async def _erased_chains(connection: Connection, published: Published) -> list[Broken]:
    """Chains that were erased and not as they were published last, too early, or by nobody."""
    broken = []
    for row in await SQL["erased_chains"].all(connection, {}):
        heads = published.of(row["chain"])
        ends_so = not heads or heads[-1].version < row["number"] or heads[-1][2:] == (row["number"], row["hash"])
        if not ends_so:
            broken.append(Broken(row["chain"], 1, row["number"], "published"))
        if not (row["is_founded"] and row["is_old"]):
            broken.append(Broken(row["chain"], 1, row["number"], "erased"))
    return broken


async def _outside(connection: Connection, published: Published) -> list[Broken]:
    """What the publications say of the schema, and whether they go on."""
    if published.newest is None:
        return []
    moment = await moment_of(connection)
    altered = [*published.altered, *published.altered_since(moment.catalogue, moment.release)]
    broken = [Broken("schema", 0, each.number, "schema", each.name) for each in altered]
    if is_overdue(published.newest, max(datetime.now(UTC), moment.at)):
        broken.append(Broken("heads", 0, published.newest.number, "late"))
    return broken


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


async def _journal(connection: Connection) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """The journal, chain by chain."""
    links: list[dict[str, Any]] = []
    async for row in _cursor(connection, "links", {}, journal.SQL):
        if links and links[0]["chain"] != row["chain"]:
            yield links[0]["chain"], links
            links = []
        links.append(journal.link_of(dict(row)))
    if links:
        yield links[0]["chain"], links


def _cursor(
    connection: Connection, name: str, values: Mapping[str, Any], queries: Mapping[str, Query] = SQL
) -> "CursorFactory[asyncpg.Record]":
    query = queries[name]
    found: CursorFactory[asyncpg.Record] = connection.cursor(
        query.sql, *(values[parameter] for parameter in query.parameters), prefetch=_PREFETCHED
    )
    return found
