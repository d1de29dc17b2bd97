"""Publishing the heads: by a program beside the workers, with the reader's rights and a way to add to the place.

A round reads the register in one snapshot and publishes the newest links of all chains that were written to since the
round before. What was written since the last round, and while the place is away, is not covered: that is the window
in which the register can be rewritten without being found by what was published.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, NamedTuple

import asyncpg

from activities.heads.places import Place
from activities.heads.publication import (
    BEGINNING,
    MOST_HEADS,
    Head,
    Publication,
    digest_of,
    digest_of_catalogue,
)
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load

SQL: Final = load("publishing.sql", beside=__file__)

LONGEST_TRANSACTION: Final = timedelta(minutes=5)
"""Nothing that writes to the register takes so long from its own moment to its commit: the server ends it before."""

_PATIENCE: Final = 600.0
"""Seconds for a statement over the whole register."""


class Moment(NamedTuple):
    """The register as of one moment: where it is, and what its schema is like."""

    at: Any
    written_where: str
    before: int
    release: str
    catalogue: dict[str, str]


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """The register as of one moment, under names that only the schema gives."""
    async with connection_of(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(SQL["fixed_path"].sql)
        await connection.execute("SET LOCAL statement_timeout = 0")
        yield connection


async def moment_of(connection: Connection) -> Moment:
    """What a snapshot is of."""
    row = await SQL["moment"].first(connection, {})
    if row is None:
        raise AssertionError("one row")
    objects = await connection.fetch(SQL["catalogue"].sql, timeout=_PATIENCE)
    catalogue = {each["name"]: each["digest"] for each in objects}
    return Moment(row["at"], row["written_where"], int(row["before"]), row["release"], catalogue)


@case_errors_only
async def publish(pool: Pool, place: Place, every: float) -> Publication:
    """Publish one round: the newest one that is answered covers all that was written when it began.

    Raises `CaseError` as `Place`, and with a code where the register cannot be reached.
    """
    last = await place.last()
    async with snapshot(pool) as connection:
        moment = await moment_of(connection)
        heads = await _heads_since(connection, last if _follows(last, moment) else None)
    parts = [heads[begin : begin + MOST_HEADS] for begin in range(0, len(heads), MOST_HEADS)] or [[]]
    for place_of, part in enumerate(parts, start=1):
        last = _next(last, moment, part, every=every, complete=place_of == len(parts))
        await place.append(last)
    if last is None:
        raise AssertionError("at least one part")
    return last


def _follows(last: Publication | None, moment: Moment) -> bool:
    """Whether transactions are counted as they were when heads were published last."""
    return last is not None and last.written_where == moment.written_where


async def _heads_since(connection: Connection, last: Publication | None) -> list[str]:
    if last is None:
        rows = await _fetch(connection, "all_heads")
        journal = await _fetch(connection, "journal_heads", None)
    else:
        rows = await _fetch(connection, "heads_since", str(last.before))
        since = last.at - LONGEST_TRANSACTION if last.complete else None
        journal = await _fetch(connection, "journal_heads", since)
    return [str(Head(*row)) for row in (*rows, *journal)]


async def _fetch(connection: Connection, name: str, *arguments: Any) -> list[asyncpg.Record]:
    return await connection.fetch(SQL[name].sql, *arguments, timeout=_PATIENCE)


def _next(last: Publication | None, moment: Moment, heads: list[str], *, every: float, complete: bool) -> Publication:
    schema_digest = digest_of_catalogue(moment.catalogue)
    is_known = last is not None and last.schema_digest == schema_digest
    return Publication(
        number=1 if last is None else last.number + 1,
        at=moment.at,
        every=every,
        written_where=moment.written_where,
        # Of a round that broke off everything is published again.
        before=moment.before if complete else _before_of(last, moment),
        complete=complete,
        release=moment.release,
        schema_digest=schema_digest,
        catalogue=None if is_known else moment.catalogue,
        heads=tuple(heads),
        previous=BEGINNING if last is None else digest_of(last.line),
    )


def _before_of(last: Publication | None, moment: Moment) -> int:
    return last.before if last is not None and _follows(last, moment) else 0
