"""Who stood in the directory with which role, and when: a history that the journal keeps, and its chains protect.

Whoever loads a directory writes down who came and who went. What stands there now is what all entries come to.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from activities.registry import journal
from activities.registry.journal import Entry
from activities.registry.pool import Connection
from activities.registry.queries import load
from cases.models import Actor
from cases.offices import Bearer

SQL: Final = load("bearers.sql", beside=__file__)

MOST: Final = 500
"""Bearers of one entry; a directory that changes more of them is several."""
_LOADED: Final = "directory load"
_SECOND: Final = timedelta(seconds=1)
"""Stamps name whole seconds."""


class _Span(NamedTuple):
    since: datetime
    until: datetime | None


class Bearers:
    """The history, as of one moment."""

    def __init__(self, entries: Iterable[tuple[datetime, dict[str, Any]]] = ()) -> None:
        """What entries say, oldest first, each with when it was written."""
        self.since: datetime | None = None
        """When the directory named bearers first; of what was before nobody knows."""
        self._spans: dict[Bearer, list[_Span]] = defaultdict(list)
        for written, facts in entries:
            self.since = self.since or written
            for bearer in _read(facts["came"]):
                self._spans[bearer].append(_Span(written, None))
            for bearer in _read(facts["went"]):
                spans = self._spans[bearer]
                if spans and spans[-1].until is None:
                    spans[-1] = spans[-1]._replace(until=written)

    @property
    def now(self) -> frozenset[Bearer]:
        """Whoever stands there."""
        return frozenset(bearer for bearer, spans in self._spans.items() if spans[-1].until is None)

    def stood(self, actor: Actor, at: datetime) -> bool:
        """Whether somebody stood there with a role within a second, or nobody knows."""
        if self.since is None or at + _SECOND <= self.since:
            return True
        spans = self._spans.get(Bearer(office=actor.office, role=actor.role, staff=actor.id), ())
        return any(span.since < at + _SECOND and (span.until is None or at <= span.until) for span in spans)


def _read(listed: Sequence[Sequence[str]]) -> list[Bearer]:
    return [Bearer.model_validate({"staff": staff, "role": role, "office": office}) for staff, role, office in listed]


async def read_bearers(connection: Connection) -> Bearers:
    """The history as the journal has it."""
    rows = await SQL["entries"].all(connection, {})
    return Bearers((row["written_at"], json.loads(row["facts"])) for row in rows)


async def write_down(connection: Connection, came: Iterable[Bearer], went: Iterable[Bearer]) -> None:
    """Write down who came and who went, with whatever the connection's transaction does."""
    changes = [("came", each) for each in came] + [("went", each) for each in went]
    for begin in range(0, len(changes), MOST):
        facts: dict[str, Any] = {"came": [], "went": []}
        for how, bearer in changes[begin : begin + MOST]:
            facts[how].append([bearer.staff, bearer.role.value, bearer.office])
        entry = Entry(kind=journal.Kind.directory, at=datetime.now(UTC), seen_as=_LOADED, facts=facts)
        await journal.append(connection, entry)
