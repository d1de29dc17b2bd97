"""Registers and batches of events, handed in as files: taken in whole, done row by row, looked at, cancelled."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Path, Query, Request, Response
from pydantic import Field

from cases.campaigns import Rate
from cases.errors import CaseError, Code
from cases.events import FACTS, ROLES, Event
from cases.manifests import MOST_ROWS
from cases.models import Contract, Record, StaffId
from intake.applications import checked
from intake.client import today_in_shanghai
from intake.files.batch import open_batch
from intake.files.lines import Encoding
from intake.files.register import open_register
from intake.files.rows import Terms
from intake.files.tables import Table
from intake.jobs import store
from intake.jobs.store import Beginning, Job, JobKind, JobState, Known, Noticed, RowRead, RowState
from intake.remedies import REPORTED, remedy_over_http
from intake.service.acting import own_key
from intake.service.bodies import object_of
from intake.service.callers import Caller, caller_of
from intake.service.headers import KeyHeader
from intake.service.looking import LONGEST_WAIT
from intake.service.problems import Remedy, TooOften
from intake.service.reach import Reach, answered
from intake.service.scopes import IMPORT, tell
from intake.service.taking_in import Prepared, applications_of, column_meant, facts_of, stage
from intake.service.uploads import Upload, Uploads

MOST_OPEN: Final = 5
"""Jobs of one client that are not over; one of them runs, the others wait for it."""
MOST_IN_A_PAGE: Final = 500
_RETRY_SECONDS: Final = 30
_STALE: Final = timedelta(minutes=1)
"""After which a file that is being read under a key was given up by whoever read it."""

JobId = Annotated[str, Path(pattern=r"^job-[a-z2-7]{26}$", description="Job ID.")]
SheetParameter = Annotated[
    str | None, Query(max_length=100, description="Sheet of a workbook; without it the first that is visible is read.")
]
IgnoreParameter = Annotated[bool, Query(description="Pass over columns that are not known.")]
EncodingParameter = Annotated[Encoding | None, Query(description="Of a text file whose bytes do not say it.")]

Chunks = Callable[[Upload], AbstractAsyncContextManager[AsyncIterator[list[Prepared]]]]
"""Opens a file and answers its rows, some at a time."""


class Finding(Record):
    """What was noticed in a row."""

    column: str | None = None
    """The column's English heading; none where the row as a whole is meant."""
    code: str
    refused: bool
    """Whether the row is refused because of it; else it is advice."""
    remedy: Remedy


class JobRow(Record):
    """A row of a job, and what became of it."""

    row: int
    """As people count it who look at the file, headings included; 0 for the file as a whole."""
    state: RowState
    case_id: str | None = None
    event: str | None = None
    """`open`, or the event that was told."""
    key: str | None = None
    """The row's own key."""
    status: str | None = None
    """Where the case stood after it."""
    version: int | None = None
    findings: tuple[Finding, ...] = ()


class JobRows(Record):
    """Some rows of a job, in the order of the file."""

    rows: tuple[JobRow, ...]
    next: str | None = None
    """Cursor of the following page; none where this is the last."""


class Jobs(Record):
    """The newest jobs of a client."""

    jobs: tuple[Job, ...]


class RateWanted(Contract):
    """How fast a campaign is to go on."""

    per_second: Rate
    """Rows that are opened a second, at most."""


class NarrowedRows(Record):
    """Which rows are listed, and which page of them."""

    state: RowState | None = None
    cursor: Annotated[str | None, Field(pattern=r"^[0-9]{1,9}$")] = None
    """`next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=MOST_IN_A_PAGE)] = 100


@dataclass(frozen=True)
class HandingIn:
    """The routes of jobs."""

    reach: Reach
    uploads: Uploads = field(default_factory=Uploads)

    # --- handing in ---------------------------------------------------------------------------------------------------

    async def take_register(
        self,
        request: Request,
        sheet: SheetParameter = None,
        encoding: EncodingParameter = None,
        ignore_unknown: IgnoreParameter = False,  # noqa: FBT002 - a query parameter
        submitter: Annotated[
            StaffId | None, Query(description="Who took the applications in, where the file has no such column.")
        ] = None,
        idempotency_key: KeyHeader = None,
    ) -> Response:
        """Open a case for each row of a register: XLSX, CSV or JSON Lines, in UTF-8, GB18030 or UTF-16.

        202 comes when every row is read and staged; the rows are opened from then on, whatever happens to this service.
        What is wrong with the headings refuses the file; what is wrong with a row refuses that row.
        """
        caller = caller_of(request)

        @asynccontextmanager
        async def opened(upload: Upload) -> AsyncIterator[AsyncIterator[list[Prepared]]]:
            cases = await self.reach.cases.for_(caller)
            terms = Terms(today_in_shanghai(), submitter, self.reach.cases.document_hosts)
            register = await asyncio.to_thread(
                lambda: open_register(
                    upload.path,
                    terms,
                    sheet=sheet,
                    encoding=encoding,
                    ignore_unknown=ignore_unknown,
                    written_as=upload.written_as,
                    most=MOST_ROWS,
                )
            )
            with register:
                yield applications_of(register, cases, caller)

        how = [sheet, encoding, ignore_unknown, submitter]
        return await self._take_in(request, caller, JobKind.register, idempotency_key, how, opened)

    async def take_batch(
        self,
        request: Request,
        event: Annotated[Event | None, Query(description="What rows tell that do not say so themselves.")] = None,
        sheet: SheetParameter = None,
        encoding: EncodingParameter = None,
        ignore_unknown: IgnoreParameter = False,  # noqa: FBT002 - a query parameter
        idempotency_key: KeyHeader = None,
    ) -> Response:
        """Tell cases what happened, an event for each row: a bureau's nightly results, a bank's returns.

        Columns are `case`, `event`, `key` (the row's own idempotency key) and the fields of the event. Rows of one case
        are told in the order of the file.
        """
        caller = caller_of(request)
        if event is not None:
            caller.need(tell(event))
        if not any(self._may_tell(caller, each) for each in FACTS):
            raise CaseError(Code.SCOPE_MISSING)

        @asynccontextmanager
        async def opened(upload: Upload) -> AsyncIterator[AsyncIterator[list[Prepared]]]:
            batch = await asyncio.to_thread(
                lambda: open_batch(
                    Table(upload.path, upload.written_as, sheet, encoding),
                    event,
                    ignore_unknown=ignore_unknown,
                    most=MOST_ROWS,
                )
            )
            with batch:
                yield facts_of(batch, self.reach, caller)

        how = [sheet, encoding, ignore_unknown, event and event.value]
        return await self._take_in(request, caller, JobKind.event_batch, idempotency_key, how, opened)

    async def _take_in(
        self,
        request: Request,
        caller: Caller,
        kind: JobKind,
        given_key: str | None,
        how: list[Any],
        opened: Chunks,
    ) -> Response:
        key = own_key(caller, given_key)
        async with self.uploads.received(request, caller.actor.id) as upload:
            said = json.dumps([kind.value, upload.written_as.value, upload.sha256, how])
            fingerprint = self.reach.sealer.content_token(said)
            if (known := await self._known(caller, key, fingerprint)) is not None:
                return _accepted(known.job, 200)
            async with opened(upload) as chunks:
                job = await self._begin(caller, kind, key, fingerprint)
                if job is None:
                    # The very same request was faster.
                    known = await self._known(caller, key, fingerprint)
                    if known is None:
                        raise TooOften(Code.REQUESTED_TOO_OFTEN, _RETRY_SECONDS)
                    return _accepted(known.job, 200)
                try:
                    await stage(self.reach, caller, job, kind, chunks)
                except BaseException:
                    await store.drop(self.reach.pool, job)
                    raise
        return _accepted((await self._of(caller, job)).job, 202)

    async def _known(self, caller: Caller, key: str | None, fingerprint: str) -> Known | None:
        """The job that this very request has begun before. Raises `CaseError` IDEMPOTENCY_CONFLICT for another one."""
        if key is None:
            return None
        known = next(iter(await store.jobs_of(self.reach.pool, caller.actor.id, key=key)), None)
        if known is None:
            return None
        if known.fingerprint != fingerprint:
            raise CaseError(Code.IDEMPOTENCY_CONFLICT)
        if known.job.state is JobState.staging and datetime.now(UTC) - known.touched_at > _STALE:
            # Whoever read it is gone: it is read anew.
            await store.drop(self.reach.pool, known.job.id)
            return None
        return known

    async def _begin(self, caller: Caller, kind: JobKind, key: str | None, fingerprint: str) -> str | None:
        """The ID of a job that begins; None where one of this key has begun. Raises `TooOften`."""
        job = store.new_id()
        begun = await store.begin(self.reach.pool, job, kind, caller.actor, key, fingerprint, MOST_OPEN)
        if begun is Beginning.too_many:
            raise TooOften(Code.JOBS_TOO_MANY, _RETRY_SECONDS)
        return job if begun is Beginning.begun else None

    # --- looking ------------------------------------------------------------------------------------------------------

    async def list_them(self, request: Request) -> Response:
        """The caller's own jobs, the newest first."""
        caller = caller_of(request)
        known = await store.jobs_of(self.reach.pool, caller.actor.id)
        return answered(Jobs(jobs=tuple(each.job for each in known if self._may_see(caller, each))))

    async def read(
        self,
        request: Request,
        job: JobId,
        wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for its end.")] = 0,
    ) -> Response:
        """How far a job is. With `wait` the answer comes when it is over, or after so many seconds."""
        caller = caller_of(request)
        known = await self._of(caller, job)
        if known.job.ended_at is None and wait and await self.reach.watch.ended(job, wait):
            known = await self._of(caller, job)
        return answered(known.job)

    async def read_rows(self, request: Request, job: JobId, narrowed: Annotated[NarrowedRows, Query()]) -> Response:
        """Its rows in the order of the file, page by page; `state=refused` lists what has to be corrected."""
        caller = caller_of(request)
        await self._of(caller, job)
        after = -1 if narrowed.cursor is None else int(narrowed.cursor)
        rows = await store.rows_of(self.reach.pool, job, narrowed.state, after, narrowed.limit + 1)
        page = rows[: narrowed.limit]
        following = str(page[-1].place) if len(rows) > len(page) else None
        return answered(JobRows(rows=tuple(_shown(caller, row) for row in page), next=following))

    async def cancel(self, request: Request, job: JobId) -> Response:
        """Open and tell no further row. What has begun is finished, and what is done stays done."""
        caller = caller_of(request)
        known = await self._of(caller, job)
        if not await store.cancel(self.reach.pool, job, caller.actor.id):
            raise CaseError(Code.JOB_NOT_RUNNING)
        if known.job.campaign is not None:
            await self.reach.campaigns.cancelled(job, caller.actor.id)
        return answered((await self._of(caller, job)).job)

    # --- campaigns ----------------------------------------------------------------------------------------------------

    async def pause(self, request: Request, job: JobId) -> Response:
        """Begin no further page of a campaign until it is resumed. What has begun is finished, within seconds."""
        return await self._paced(request, job, self.reach.campaigns.pause)

    async def resume(self, request: Request, job: JobId) -> Response:
        """Let a campaign that was paused go on."""
        return await self._paced(request, job, self.reach.campaigns.resume)

    async def set_rate(self, request: Request, job: JobId) -> Response:
        """Open so many rows of a campaign a second, at most, from its next page on."""
        await self._campaign(caller_of(request), job)
        wanted = checked(RateWanted, await object_of(request, RateWanted))
        return await self._paced(request, job, partial(self.reach.campaigns.set_rate, per_second=wanted.per_second))

    async def read_report(self, request: Request, job: JobId) -> Response:
        """What became of a campaign's rows, counted from the register row by row."""
        caller = caller_of(request)
        await self._campaign(caller, job)
        report = await self.reach.campaigns.report(job)
        if report is None:
            raise CaseError(Code.JOB_UNKNOWN)
        return answered(report)

    async def _paced(self, request: Request, job: str, say: Callable[[str, str], Awaitable[None]]) -> Response:
        caller = caller_of(request)
        campaign = await self._campaign(caller, job)
        if campaign.state in {JobState.done, JobState.cancelled}:
            # Its run may still have to say so, and perhaps nobody is there to let it.
            raise CaseError(Code.JOB_NOT_RUNNING)
        await say(job, caller.actor.id)
        return answered((await self._of(caller, job)).job)

    async def _campaign(self, caller: Caller, job: str) -> Job:
        """A campaign, if it is the caller's. Raises `CaseError` JOB_UNKNOWN, JOB_NO_CAMPAIGN."""
        found = (await self._of(caller, job)).job
        if found.campaign is None:
            raise CaseError(Code.JOB_NO_CAMPAIGN)
        return found

    async def _of(self, caller: Caller, job: str) -> Known:
        """A job, if it is the caller's. Raises `CaseError` JOB_UNKNOWN for others as well."""
        known = next(iter(await store.jobs_of(self.reach.pool, caller.actor.id, job=job)), None)
        if known is None or not self._may_see(caller, known):
            raise CaseError(Code.JOB_UNKNOWN)
        return known

    def _may_see(self, caller: Caller, known: Known) -> bool:
        """Whether a token is for what a job does."""
        if caller.scopes is None:
            return True
        if known.job.kind is JobKind.register:
            return IMPORT in caller.scopes
        # Of one whose every row was refused, whoever may tell anything.
        return any(tell(Event(act)) in caller.scopes for act in known.acts or FACTS)

    def _may_tell(self, caller: Caller, event: Event) -> bool:
        return caller.actor.role in ROLES[event] and (caller.scopes is None or tell(event) in caller.scopes)


def _accepted(job: Job, status: int) -> Response:
    return answered(job, status, {"Location": f"/v1/jobs/{job.id}"})


def _shown(caller: Caller, row: RowRead) -> JobRow:
    return JobRow(
        row=row.number,
        state=row.state,
        case_id=row.case_id,
        event=row.act,
        key=None if row.told_as is None else row.told_as.removeprefix(f"{caller.actor.id}:"),
        status=row.status,
        version=row.version,
        findings=tuple(
            Finding(column=_column(row, each), code=each.code, refused=each.refused, remedy=_remedy(each.code))
            for each in row.findings
        ),
    )


def _column(row: RowRead, found: Noticed) -> str | None:
    """The column that is meant; a case that refuses a row says a code alone."""
    reported = REPORTED[found.code]
    if found.column is not None or not found.refused or row.act is None or not isinstance(reported, Code):
        return found.column
    return column_meant(row.act, reported)


def refused_finding(column: str | None, code: Code) -> Finding:
    """What is wrong in a column."""
    return Finding(column=column, code=code.value, refused=True, remedy=_remedy(code.value))


def _remedy(code: str) -> Remedy:
    remedy = remedy_over_http(REPORTED[code])
    return Remedy(zh=remedy.zh, en=remedy.en)
