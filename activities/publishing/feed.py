"""Reading the feed: what follows a place, for somebody, and how far each reader has come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from activities.publishing.entries import Entry, entries_of
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.errors import CaseError, Code
from cases.models import Actor
from cases.names import Kind

SQL: Final = load("publishing.sql", beside=__file__)


class Place(NamedTuple):
    """A place in the feed."""

    epoch: str
    sequence: int


class Reader(NamedTuple):
    """Who reads, and what they are told of."""

    actor: Actor
    of_kinds: tuple[Kind, ...]
    wanted: tuple[str, ...] = ()
    """Kinds of entries; empty for all."""


class Read(NamedTuple):
    """What followed a place."""

    entries: tuple[Entry, ...]
    upto: Place
    """Where to go on."""
    is_end: bool
    """Whether nothing more was there."""


class Backlog(NamedTuple):
    """What has still to be told; ages in seconds, 0 where nothing waits."""

    feed_untold: int
    feed_untold_oldest_seconds: float
    webhooks_pending: int
    webhooks_pending_oldest_seconds: float
    webhooks_dead: int


@case_errors_only
async def backlog_of(pool: Pool) -> Backlog:
    """How much has still to be told, over all readers and subscriptions."""
    async with connection_of(pool) as connection:
        row = await SQL["backlog"].first(connection, {})
    if row is None:
        raise CaseError(Code.SCHEMA_MISMATCH)
    return Backlog(**row)


@case_errors_only
async def ends_of(pool: Pool) -> tuple[Place, int]:
    """The last place of the feed, and the first that is still kept."""
    async with connection_of(pool) as connection:
        row = await SQL["feed_ends"].first(connection, {})
    if row is None:
        raise CaseError(Code.SCHEMA_MISMATCH)
    return Place(row["epoch"], row["last"]), row["first"]


@case_errors_only
async def read_after(pool: Pool, reader: Reader, after: Place | None, namespace: str, *, at_most: int) -> Read:
    """What follows a place, or what is kept from its beginning.

    Raises `CaseError` FEED_PLACE_GONE for a place of another epoch, one that lies before what is kept, or one that was
    never given: whoever reads has to look at all cases once, and go on from the end.
    """
    last, first = await ends_of(pool)
    after = after or Place(last.epoch, first - 1)
    if after.epoch != last.epoch or not first - 1 <= after.sequence <= last.sequence:
        raise CaseError(Code.FEED_PLACE_GONE)
    values = {
        "after": after.sequence,
        "upto": last.sequence,
        "wanted": list(reader.wanted),
        "role": reader.actor.role.value,
        "of_kinds": [kind.value for kind in reader.of_kinds],
        "office": reader.actor.office,
        "at_most": at_most,
    }
    async with connection_of(pool) as connection:
        rows = await SQL["entries_after"].all(connection, values)
    is_end = len(rows) < at_most
    upto = last.sequence if is_end else rows[-1]["sequence"]
    return Read(entries_of(rows, last.epoch, namespace), Place(last.epoch, upto), is_end)


@case_errors_only
async def keep_place(pool: Pool, reader: Reader, place: Place, at: datetime) -> None:
    """Write down how far a reader has come: what was meant for it alone, up to there, is delivered."""
    values = {
        "client": reader.actor.id,
        "wanted": sorted(reader.wanted),
        "role": reader.actor.role.value,
        "of_kinds": [kind.value for kind in reader.of_kinds],
        "office": reader.actor.office,
        "epoch": place.epoch,
        "sequence": place.sequence,
        "at": at,
    }
    async with connection_of(pool) as connection:
        await SQL["keep_place"].run(connection, values)


@case_errors_only
async def entries_at(pool: Pool, sequences: Sequence[int], namespace: str) -> dict[int, Entry]:
    """Entries by their places."""
    async with connection_of(pool) as connection:
        ends = await SQL["feed_ends"].first(connection, {})
        rows = await SQL["entries_of"].all(connection, {"sequences": list(sequences)})
    epoch = "" if ends is None else ends["epoch"]
    return {row["sequence"]: entry for row, entry in zip(rows, entries_of(rows, epoch, namespace), strict=True)}
