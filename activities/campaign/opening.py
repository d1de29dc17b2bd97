"""Opening a large register: a page at a time, looked at with one statement and answered with one.

What is left to do stands in the register, and so does what was done: a page that is tried again has the same rows, and
those that were opened meanwhile are answered as they were, without a workflow. Whoever needs no case (unknown, dead, a
case open already, the number in force already) gets none.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple, Protocol

import asyncpg
from pydantic import TypeAdapter, ValidationError
from temporalio import activity
from temporalio.client import Client
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.campaign.flowing import Flow
from activities.occasions import check_campaign
from activities.registry.errors import codes_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from activities.sealing import Field, Sealer
from activities.starting import IN_BULK
from cases.campaigns import CampaignBegun, CampaignReport, Pace, PaceKept, PageAsked, PageDone
from cases.errors import CaseError, Code
from cases.kinds import KINDS, AnyOpening
from cases.machines.machine import Status
from cases.names import CAMPAIGN, TASK_QUEUE_CAMPAIGNS, campaign_id
from cases.openings import NumberChangeOpening, Opening
from cases.screening import Finding
from cases.text import same_name

SQL: Final = load("opening.sql", beside=__file__)

MOST_FAULTS: Final = 5
"""How often a row is tried at which a fault of ours shows."""
LEFT_ALONE: Final = timedelta(minutes=2)
"""Since when nothing was heard of a campaign whose workflow is started again; a page is shorter."""
_TAKEN_UP: Final = 20
"""Campaigns whose workflows are started again with one look."""

_OPENING: Final[TypeAdapter[Opening]] = TypeAdapter(AnyOpening)

log = logging.getLogger(__name__)


class Unanswered(Exception):
    """The engine did not answer for a row: what became of it is not known, and it is asked for again."""

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(code.value)


class Opens(Protocol):
    """Opens a case by a row of a job."""

    async def __call__(self, job: str, leaf: int, opening: Opening, *, again: bool) -> Code | None:
        """Why it was refused, None where it was opened. Raises `Unanswered`.

        `again` says that the row was tried before: then it is looked for runs that were lost.
        """
        ...


class _Row(NamedTuple):
    place: int
    leaf: int
    case_id: str
    content: str
    attempts: int


class _Said(NamedTuple):
    """What became of a row."""

    state: str
    status: str | None = None
    code: str | None = None
    has_case: bool = False


class Pages:
    """Activities of campaigns."""

    def __init__(self, pool: Pool, sealer: Sealer, opens: Opens) -> None:
        self._pool = pool
        self._sealer = sealer
        self._opens = opens

    @activity.defn
    @codes_only
    async def open_page(self, asked: PageAsked) -> PageDone:
        """Open a page: the rows that it has, or the next that nobody has."""
        check_campaign(asked.job)
        async with connection_of(self._pool) as connection:
            values = {"job": asked.job, "page": asked.page, "at_most": asked.rows}
            rows = [_Row(**row) for row in await SQL["claim_page"].all(connection, values)]
        if not rows:
            return PageDone(rows=0, in_flight=asked.pace.in_flight)
        _beat()
        said, openings = await asyncio.to_thread(_read, rows)
        said |= await self._look(asked, openings)
        flow, refused = Flow(asked.pace), dict[int, Code]()
        # A worker that stops begins no more: what it has not begun is put back.
        work = (
            partial(self._open, asked.job, row, openings[row.place], refused)
            for row in rows
            if row.place not in said and not _is_stopping()
        )
        await flow.through(work, _beat)
        # What was opened is what the register holds, and not what somebody answered.
        said |= await self._look(asked, {row.place: openings[row.place] for row in rows if row.place not in said})
        said |= {place: _Said("refused", code=code.value) for place, code in refused.items() if place not in said}
        return await self._answer(asked, rows, said, flow)

    async def _look(self, asked: PageAsked, openings: Mapping[int, Opening]) -> dict[int, _Said]:
        """What the register knows of some rows of a page, those for which nothing is left to do."""
        if not openings:
            return {}
        async with connection_of(self._pool) as connection:
            known = await SQL["look_at_page"].all(connection, {"job": asked.job, "page": asked.page})
        some = [row for row in known if row["place"] in openings]
        return await asyncio.to_thread(self._settled, some, openings)

    def _settled(self, known: Iterable[asyncpg.Record], openings: Mapping[int, Opening]) -> dict[int, _Said]:
        settled: dict[int, _Said] = {}
        for row in known:
            opening = openings[row["place"]]
            if row["refused"] is not None:
                settled[row["place"]] = _Said("refused", code=_in_words_of(opening, row["refused"]))
            elif row["status"] is not None:
                settled[row["place"]] = _Said("done", row["status"], row["reason"], has_case=True)
            elif self._needs_nothing(opening, row["holds_number_as"]):
                settled[row["place"]] = _Said("done", Status.not_needed.value, Code.ALREADY_18_DIGITS.value)
        return settled

    def _needs_nothing(self, opening: Opening, registered_name: str | None) -> bool:
        """Whether the person has the number that is applied for, and no other name is asked for."""
        if registered_name is None or not isinstance(opening, NumberChangeOpening):
            return False
        if opening.new_name is not None or opening.corrects is not None:
            return False
        open_name = partial(self._sealer.open, field=Field.name, person=opening.person)
        return same_name(open_name(registered_name), open_name(opening.name))

    async def _open(self, job: str, row: _Row, opening: Opening, refused: dict[int, Code]) -> bool:
        """Open a case; whether the engine answered."""
        try:
            code = await self._opens(job, row.leaf, opening, again=row.attempts > 1)
        except Unanswered as away:
            log.warning("nobody answered for a row", extra={"code": away.code.value, "attempts": row.attempts})
            return False
        except Exception as error:  # noqa: BLE001 - one row must not hold the others up, and its text may quote a value
            log.error("a row failed", extra={"error": type(error).__name__, "attempts": row.attempts})  # noqa: TRY400 - as above
            if row.attempts >= MOST_FAULTS:
                refused[row.place] = Code.INTERNAL
            return True
        if code is not None:
            refused[row.place] = code
        return True

    async def _answer(self, asked: PageAsked, rows: Iterable[_Row], said: Mapping[int, _Said], flow: Flow) -> PageDone:
        """Write down what became of the rows of a page, all together."""
        ended = [{"place": place, **each._asdict()} for place, each in said.items()]
        async with connection_of(self._pool) as connection:
            values = {"job": asked.job, "page": asked.page, "said": json.dumps(ended)}
            row = await SQL["end_page"].first(connection, values)
        count = len(list(rows))
        done = [each for each in said.values() if each.state == "done"]
        return PageDone(
            rows=count,
            opened=sum(each.has_case for each in done),
            answered=sum(not each.has_case for each in done),
            refused=len(said) - len(done),
            unanswered=count - len(said),
            in_flight=flow.in_flight,
            waiting=row["waiting"] if row is not None else 0,
        )

    @activity.defn
    @codes_only
    async def keep_pace(self, kept: PaceKept) -> None:
        """Have the register know at what pace a campaign goes on."""
        check_campaign(kept.job)
        async with connection_of(self._pool) as connection:
            await SQL["pace"].run(connection, {"job": kept.job, "by": kept.by, **kept.pace.model_dump()})

    @activity.defn
    @codes_only
    async def cancel(self, job: str) -> None:
        """Have no further row begun. What has begun is finished, and what is done stays done."""
        check_campaign(job)
        async with connection_of(self._pool) as connection:
            await SQL["cancel"].run(connection, {"job": job})

    @activity.defn
    @codes_only
    async def report(self, job: str) -> CampaignReport:
        """What became of a campaign, counted row by row."""
        check_campaign(job)
        found = await report_of(self._pool, job)
        if found is None:
            raise CaseError(Code.JOB_UNKNOWN)
        return found


async def report_of(pool: Pool, job: str) -> CampaignReport | None:
    """A campaign in numbers; None of a job that there is not. Raises what the driver does."""
    async with connection_of(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        row = await SQL["report"].first(connection, {"job": job})
        codes = await SQL["report_codes"].all(connection, {"job": job})
        statuses = await SQL["report_statuses"].all(connection, {"job": job})
    if row is None:
        return None
    return CampaignReport(
        job=job,
        codes={each["code"]: each["rows"] for each in codes},
        statuses={each["status"]: each["rows"] for each in statuses},
        **dict(row),
    )


async def begin_campaign(client: Client, pool: Pool, job: str) -> None:
    """Have a campaign run, unless it does. Raises `RPCError`, and what the driver does."""
    async with connection_of(pool) as connection:
        row = await SQL["campaign_of"].first(connection, {"job": job})
    if row is not None:
        await _start(client, row)


async def take_up_campaigns(client: Client, pool: Pool, now: datetime) -> int:
    """Have those campaigns run of which nothing was heard although they go on; returns how many there were.

    One whose workflow runs stays as it is, as one that is paused does.
    """
    async with connection_of(pool) as connection:
        rows = await SQL["left_alone"].all(connection, {"before": now - LEFT_ALONE, "limit": _TAKEN_UP})
    for row in rows:
        await _start(client, row)
    return len(rows)


async def _start(client: Client, row: asyncpg.Record) -> None:
    pace = Pace(per_second=row["per_second"], in_flight=row["in_flight"], paused=row["paused"])
    await client.start_workflow(
        CAMPAIGN,
        CampaignBegun(job=row["job"], pace=pace, pages=row["pages"]),
        id=campaign_id(row["job"]),
        task_queue=TASK_QUEUE_CAMPAIGNS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=f"批量办理 · campaign · {row['job']}",
        priority=Priority(priority_key=IN_BULK),
    )


def _read(rows: Iterable[_Row]) -> tuple[dict[int, _Said], dict[int, Opening]]:
    """What rows open; and what becomes of those that are no opening any more."""
    said, openings = dict[int, _Said](), dict[int, Opening]()
    for row in rows:
        try:
            openings[row.place] = _OPENING.validate_json(row.content)
        except ValidationError:
            said[row.place] = _Said("refused", code=Code.PAYLOAD_INVALID.value)
    return said, openings


_FINDINGS: Final = {
    Code.PERSON_UNKNOWN: Finding.unknown,
    Code.PERSON_DECEASED: Finding.deceased,
    Code.PERSON_TRANSFERRED: Finding.transferred,
    Code.PERSON_MERGED: Finding.merged,
}


def _in_words_of(opening: Opening, code: str) -> str:
    """The code by which a case of the kind would end for what was found."""
    finding = next((found for known, found in _FINDINGS.items() if known.value == code), None)
    ended = None if finding is None else KINDS[opening.kind].ended_by.get(finding)
    return code if ended is None else ended.value


def _beat() -> None:
    if activity.in_activity():
        activity.heartbeat()


def _is_stopping() -> bool:
    return activity.in_activity() and activity.is_worker_shutdown()
