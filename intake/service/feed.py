"""What happened, for networks that let nothing in. Asking for what follows is the receipt of what came before."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Query, Request, Response

from activities.publishing.entries import Entry, kind_of
from activities.publishing.feed import Place, Read, Reader, ends_of, keep_place, read_after
from cases.errors import CaseError, Code
from cases.models import Record
from intake.service.callers import caller_of
from intake.service.looking import LONGEST_WAIT
from intake.service.reach import Reach, answered

MOST_AT_ONCE: Final = 1000
_PLACE: Final = re.compile(r"([a-z2-7]{10})\.([0-9]{1,18})")
_TYPE: Final = r"^cardcase\.[a-z_]{1,40}\.v1$"

AfterParameter = Annotated[
    str | None,
    Query(max_length=40, description="`next` of the answer before; without one, from the beginning of what is kept."),
]


class Events(Record):
    """What followed, in order."""

    events: tuple[Entry, ...]
    next: str
    """What to ask with next time. It moves on also where nothing was for this caller."""
    is_end: bool
    """Whether nothing more was there."""


class FeedEnd(Record):
    """The end of the feed: where somebody goes on who has just read all cases."""

    next: str


def read_place(text: str | None) -> Place | None:
    """A place as callers write it. Raises `CaseError` FEED_PLACE_GONE for what is none of this feed."""
    if text is None:
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise CaseError(Code.FEED_PLACE_GONE)
    return Place(found[1], int(found[2]))


def written(place: Place) -> str:
    """A place as callers write it."""
    return f"{place.epoch}.{place.sequence}"


@dataclass(frozen=True)
class Feed:
    """The routes of the feed."""

    reach: Reach

    async def read(
        self,
        request: Request,
        after: AfterParameter = None,
        type: Annotated[list[Annotated[str, Query(pattern=_TYPE)]] | None, Query(max_length=50)] = None,  # noqa: A002 - its name in the query
        limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 100,
        wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait where nothing follows.")] = 0,
    ) -> Response:
        """What follows a place, in order and without a gap: of cases that the caller sees, and meant for it alone.

        A place of before a restore, or older than what is kept, is 410: read all cases once, then go on from the end.
        """
        caller = caller_of(request)
        reader = Reader(caller.actor, tuple(sorted(caller.kinds)), tuple(kind_of(each) for each in type or ()))
        place = read_place(after)
        read = await self._read(reader, place, limit)
        if not read.entries and wait and await self.reach.watch.published(read.upto, wait):
            read = await self._read(reader, read.upto, limit)
        if place is not None:
            await keep_place(self.reach.pool, reader, place, datetime.now(UTC))
        return answered(Events(events=read.entries, next=written(read.upto), is_end=read.is_end))

    async def end(self) -> Response:
        """The end of the feed, for whoever is about to read all cases and then goes on from here."""
        last, _ = await ends_of(self.reach.pool)
        return answered(FeedEnd(next=written(last)))

    async def _read(self, reader: Reader, after: Place | None, limit: int) -> Read:
        return await read_after(self.reach.pool, reader, after, self.reach.namespace, at_most=limit)
