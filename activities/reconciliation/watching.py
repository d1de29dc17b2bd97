"""The watchdog: finds what stands still although it should go on, and tells its office once.

It looks with each comparison, at a bounded cost: at all that stood still before, at some open cases in turn, at those
workflows whose tasks fail, which the comparison has asked for, at what is scheduled and still runs, and at messages and
events as a whole. A case is asked of Temporal only where the register finds it late, and by lot. What is found twice in
a row is told: one message for each office, and another only when something has changed.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Any, Final, NamedTuple

import asyncpg
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from activities.notifications.standing import QUIET_UNTIL, quiet_until
from activities.options import retried_for_too_long
from activities.reconciliation.comparing import OF_ONE_RUN, side_by_side
from activities.registry.errors import code_of, report
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from activities.registry.stored import Stored
from cases.clocks import SHANGHAI, OfficeHours, WorkingCalendar, told_at
from cases.events import Event
from cases.kinds import is_case
from cases.ladder import offset_of
from cases.names import NEIGHBOUR_MOVED, SearchAttribute
from cases.occasions import Scheduled
from cases.offices import MINISTRY
from cases.standstills import OF_NEIGHBOURS, WAITING_FOR_NEIGHBOURS, Standstill, standstill_of, unheard_by
from cases.steps import Neighbour

SQL: Final = load("watching.sql", beside=__file__)

log = logging.getLogger(__name__)

IN_TURN: Final = 200
"""Open cases that are looked at in the register with each look, one after the other: 100,000 take some four hours."""
BY_LOT: Final = 10
"""Of these, those of which Temporal is asked."""
AT_ONCE: Final = 10
AGAIN: Final = 200
"""What stood still before and is looked at again; what was found first comes first."""
LISTED: Final = 20
"""What a message names; the rest is a figure."""
NEWEST: Final = 5
"""Runs of each scheduled workflow that are looked at: a schedule has one at a time, operators may start others."""
NEWEST_OF: Final = (
    "WorkflowType = '{}' AND (TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL)"
)
"""What runs is listed before what has ended. To ask for what runs would make a server with SQLite read every open case,
and so would what it adds to a question that names no division: that there is none."""
BEGUN: Final = timedelta(minutes=1)
"""What is scheduled and has begun so lately is not asked for."""

MESSAGE_PATIENCE: Final = timedelta(hours=1)
"""So long a provider may refuse, or a pace hold back, a message before that counts as a standstill."""
FEED_PATIENCE: Final = timedelta(minutes=5)
RECEIVER_PATIENCE: Final = timedelta(hours=1)
CAMPAIGN_PATIENCE: Final = timedelta(minutes=10)
"""A campaign of which nothing was heard is begun again after two minutes; where that does not help somebody is told."""

_PROBLEMS: Final = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")
_REGION: Final = SearchAttributeKey.for_keyword(SearchAttribute.region.value)
_OF_REGISTER: Final = (Standstill.late, Standstill.step, Standstill.no_way_on)
_NEIGHBOURS: Final = {
    "of_neighbours": [event.value for event in OF_NEIGHBOURS],
    "waiting_for_neighbours": [status.value for status in WAITING_FOR_NEIGHBOURS],
}
_AGENCY: Final = re.compile(r"[1-9][0-9]{5}")
_UNSUITABLE: Final = re.compile(r"[^A-Za-z0-9_.:=, -]")
_LOOKED_AT_WHOLE: Final = (Standstill.task, Standstill.message, Standstill.event)


class Found(NamedTuple):
    """Something that stands still."""

    subject: str
    kind: Standstill
    what: str
    office: str
    since: datetime


@dataclass
class Look:
    """What one look has seen: what stands still, and what it looked at."""

    found: list[Found] = field(default_factory=list)
    looked_at: list[tuple[str, Standstill]] = field(default_factory=list)
    unheard: list[tuple[str, Event]] = field(default_factory=list)
    """Cases that were never told what moved beside them."""


class Watchdog:
    """Looks at what may stand still."""

    def __init__(self, pool: Pool, client: Client, calendar: Callable[[], WorkingCalendar]) -> None:
        self._pool = pool
        self._client = client
        self._calendar = calendar

    async def look(self, now: datetime, failing: Iterable[WorkflowExecution]) -> Counter[str]:
        """Look once, write down what is new, changed or over, and tell offices. Returns what stands still, by kind.

        `failing` are the runs whose tasks fail, as the comparison has just found them.
        """
        look = Look()
        async with connection_of(self._pool) as connection:
            before = await SQL["standing"].all(connection, {"limit": AGAIN})
            in_turn = await SQL["next_in_turn"].all(connection, {"limit": IN_TURN, **_NEIGHBOURS})
            cases = [row["subject"] for row in before if row["kind"] in {*_OF_REGISTER, Standstill.activity}]
            again = await SQL["again"].all(connection, {"case_ids": cases, **_NEIGHBOURS})
            await SQL["watched_until"].run(
                connection, {"case_id": in_turn[-1]["case_id"] if len(in_turn) == IN_TURN else ""}
            )
            look.found += await _late(connection, now)
        rows = {row["case_id"]: row for row in [*in_turn, *again]}
        late = [row for row in rows.values() if self._look_at_case(look, row, now)]
        known = {row["subject"] for row in before}
        for case, event in look.unheard:
            # Once: where that moves nothing its office is told.
            if case not in known:
                await self._tell(Neighbour(case_id=case, event=event))
        look.looked_at += [(subject, kind) for subject in {*cases, *rows} for kind in _OF_REGISTER]
        look.found += _failing(failing, now)
        chosen = SystemRandom().sample(in_turn, min(BY_LOT, len(in_turn)))
        retried = {row["subject"] for row in before if row["kind"] == Standstill.activity}
        await self._look_at_activities(look, now, [*late[:BY_LOT], *chosen, *again], retried)
        return await self._keep(look, now)

    def _look_at_case(self, look: Look, row: asyncpg.Record, now: datetime) -> bool:
        """Whether a case stands still by what the register holds."""
        if row["waits"]:
            return False
        try:
            state = Stored(row["opening"], row["screening"], row["state"]).whole
            stands = standstill_of(state, row["moved_at"], now)
            unheard = unheard_by(state, map(Event, row["said"] or ()), row["moved_at"], now) if stands is None else None
        except ValueError as unreadable:
            # What one row holds keeps the others from being looked at by no means.
            report(unreadable, code_of(unreadable))
            return False
        if unheard is not None:
            look.unheard.append((row["case_id"], Event(unheard.what)))
            stands = unheard
        if stands is not None:
            look.found.append(Found(row["case_id"], stands.kind, stands.what, row["region"], stands.since))
        return stands is not None

    async def _tell(self, neighbour: Neighbour) -> None:
        """Tell a case what it should have been told. It is a hint; the register says whether it is so."""
        try:
            await self._client.get_workflow_handle(neighbour.case_id).signal(NEIGHBOUR_MOVED, neighbour)
        except RPCError as error:
            if error.status not in OF_ONE_RUN:
                raise
            log.info("a run could not be told", extra={"case_id": neighbour.case_id, "status": error.status.name})

    async def _look_at_activities(
        self, look: Look, now: datetime, cases: Sequence[asyncpg.Record], retried: Iterable[str]
    ) -> None:
        """Ask Temporal for what some runs wait for."""
        offices = {row["case_id"]: row["region"] for row in cases}
        asked: dict[str, tuple[str, str]] = {case: (case, office) for case, office in offices.items()}
        for each in Scheduled:
            newest = self._client.list_workflows(NEWEST_OF.format(each.value), limit=NEWEST, page_size=NEWEST)
            async for run in newest:
                if run.status is WorkflowExecutionStatus.RUNNING and run.start_time <= now - BEGUN:
                    asked[run.id] = (run.workflow_type, MINISTRY)
        look.looked_at += [(subject, Standstill.activity) for subject in {*offices, *retried}]
        for (subject, office), pending in zip(
            asked.values(), await side_by_side(asked, self._pending, AT_ONCE), strict=True
        ):
            tired = sorted({each.activity_type.name for each in pending if retried_for_too_long(each)})
            if tired:
                look.found.append(Found(subject, Standstill.activity, _suitable(", ".join(tired)), office, now))

    async def _pending(self, workflow: str) -> Sequence[PendingActivityInfo]:
        try:
            return (await self._client.get_workflow_handle(workflow).describe()).raw_description.pending_activities
        except RPCError as gone:
            # Whether it should run is the comparison's affair.
            if gone.status is not RPCStatusCode.NOT_FOUND:
                raise
            return ()

    async def _keep(self, look: Look, now: datetime) -> Counter[str]:
        found = list({(each.subject, each.kind): each for each in look.found}.values())
        columns: dict[str, Any] = {
            "at": now,
            "subjects": [each.subject for each in found],
            "kinds": [each.kind.value for each in found],
            "whats": [each.what for each in found],
            "offices": [each.office for each in found],
            "sinces": [each.since for each in found],
            "looked_at": [subject for subject, _ in look.looked_at],
            "as_kinds": [kind.value for _, kind in look.looked_at],
            "looked_at_whole": [kind.value for kind in _LOOKED_AT_WHOLE],
            "top": MINISTRY,
            "listed": LISTED,
            "not_before": told_at(now, offset_of(MINISTRY), OfficeHours(), self._calendar()),
        }
        async with connection_of(self._pool) as connection, connection.transaction():
            await SQL["end"].run(connection, columns)
            # What was found with the look before is told; what is found now may be over with the next.
            told = await SQL["tell"].all(connection, columns)
            new = await SQL["write_down"].all(connection, columns)
            counted = await SQL["counted"].all(connection, {})
        for row in new:
            log.warning(
                "something stands still", extra={"subject": row["subject"], "kind": row["kind"], "what": row["what"]}
            )
        if told:
            log.info("offices are told of what stands still", extra={"offices": len(told)})
        return Counter({row["kind"]: row["standing"] for row in counted})


async def shown(pool: Pool, limit: int, *, ended: bool = False) -> list[dict[str, Any]]:
    """What stands still, the newest first; with `ended` also what did."""
    async with connection_of(pool) as connection:
        rows = await SQL["shown"].all(connection, {"limit": limit, "ended": ended})
    return [dict(row) for row in rows]


async def _late(connection: Any, now: datetime) -> list[Found]:
    """Messages, events and campaigns that are late."""
    today = now.astimezone(SHANGHAI).date()
    messages = await SQL["late_messages"].all(
        connection,
        {
            "before": now - MESSAGE_PATIENCE,
            "is_quiet": quiet_until(now) is not None,
            "quiet_ended": datetime.combine(today, QUIET_UNTIL, tzinfo=SHANGHAI),
        },
    )
    events = await SQL["late_events"].all(
        connection,
        {
            "top": MINISTRY,
            "unpublished_before": now - FEED_PATIENCE,
            "failing_before": now - RECEIVER_PATIENCE,
            "unopened_before": now - CAMPAIGN_PATIENCE,
        },
    )
    return [
        Found(f"messages:{row['office']}", Standstill.message, row["what"], row["office"], row["since"])
        for row in messages
    ] + [Found(row["subject"], Standstill.event, row["what"], row["office"], row["since"]) for row in events]


def _failing(runs: Iterable[WorkflowExecution], now: datetime) -> list[Found]:
    """What stands still because its tasks fail."""
    found: list[Found] = []
    for run in runs:
        if (subject := _subject_of(run)) is not None:
            problems = sorted(run.typed_search_attributes.get(_PROBLEMS) or ())
            found.append(Found(subject, Standstill.task, _suitable(", ".join(problems)), _office_of(run), now))
    return found


def _subject_of(run: WorkflowExecution) -> str | None:
    """A case by its ID; what is scheduled by its type, since each of its runs has another ID.

    None for what is neither: whoever can reach Temporal names it as they like, and officers would read it.
    """
    if run.workflow_type in set(Scheduled):
        return run.workflow_type
    return run.id if is_case(run.id, run.workflow_type) else None


def _office_of(run: WorkflowExecution) -> str:
    """The agency that a run shows; the ministry where it shows none that there can be."""
    shown_there = run.typed_search_attributes.get(_REGION) or ""
    return shown_there if _AGENCY.fullmatch(shown_there) else MINISTRY


def _suitable(text: str) -> str:
    """What Temporal says, as far as it can be written down; whoever can write to Temporal may have written it."""
    return _UNSUITABLE.sub("", text)[:200] or "unknown"
