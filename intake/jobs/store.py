"""Jobs as the register holds them: begun, staged, claimed row by row, and asked about."""

import asyncio
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import AwareDatetime, Field

from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.campaigns import Pace
from cases.manifests import Tree, read_manifest
from cases.models import Actor, Record
from cases.names import Kind

SQL: Final = load("jobs.sql", beside=__file__)

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_CHARACTERS: Final = 26
_LEAF_BYTES: Final = 32
_MOST_LISTED: Final = 100


CAMPAIGN_ROWS: Final = 1000
"""A register of more rows than that is opened by a campaign."""


class JobKind(StrEnum):
    """What was handed in."""

    register = "register"
    """Applications, a case for each row."""
    event_batch = "event_batch"
    """What happened, an event for each row."""


class JobState(StrEnum):
    """How a job stands."""

    staging = "staging"
    """Its file is being read."""
    waiting = "waiting"
    """An earlier job of the same client goes first."""
    running = "running"
    paused = "paused"
    """Somebody paused its campaign."""
    done = "done"
    """Every row was opened, told or refused."""
    cancelled = "cancelled"


class RowState(StrEnum):
    """What became of a row."""

    waiting = "waiting"
    done = "done"
    """Opened, or told."""
    refused = "refused"
    cancelled = "cancelled"


class RowCounts(Record):
    """The rows of a job, in numbers."""

    read: int
    done: int
    refused: int
    waiting: int
    cancelled: int


class CampaignPace(Record):
    """How a large register is opened: page by page, at a pace that can be changed."""

    per_second: float
    """Rows that are opened a second, at most."""
    paused: bool
    paced_by: str | None = None
    """Who paused it, let it go on, or set its rate last."""
    answered: int
    """Rows that needed no case."""


class Job(Record):
    """A job, and how far it is."""

    id: str
    kind: JobKind
    state: JobState
    rows: RowCounts
    begun_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    campaign: CampaignPace | None = None
    """Of a large register; others are opened one row after the other."""


class Known(NamedTuple):
    """A job, and what only the service has to know of it."""

    job: Job
    acts: tuple[str, ...]
    fingerprint: str
    touched_at: AwareDatetime


class Noticed(Record):
    """What was noticed in a row."""

    column: str | None = None
    code: str
    refused: bool


class RowRead(NamedTuple):
    """A row of a job."""

    place: int
    number: int
    state: RowState
    case_id: str | None
    act: str | None
    told_as: str | None
    findings: tuple[Noticed, ...]
    status: str | None
    version: int | None


class Staged(Record):
    """A row as it is staged. Without a leaf it is refused."""

    place: int
    number: int
    findings: tuple[Noticed, ...] = ()
    leaf: int | None = None
    case_id: str | None = None
    act: str | None = None
    told_as: str | None = None
    content: str | None = Field(default=None, repr=False)


class Claimed(NamedTuple):
    """A row to be opened or told now."""

    job: str
    place: int
    leaf: int
    case_id: str
    act: str
    told_as: str | None
    content: str
    attempts: int


class Run(NamedTuple):
    """What the rows of a job are opened or told by."""

    actor: Actor
    manifest: str
    tree: Tree


class Where(NamedTuple):
    """Of what kind a case is, and in which region."""

    kind: Kind
    region: str


class Beginning(StrEnum):
    """How a job began, or why not."""

    begun = "begun"
    known = "known"
    """The client has a job of this key."""
    too_many = "too_many"


def new_id() -> str:
    """The ID of one more job."""
    return "job-" + "".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS))


async def begin(
    pool: Pool, job: str, kind: JobKind, actor: Actor, key: str | None, fingerprint: str, most_open: int
) -> Beginning:
    """Begin to stage a file for a client."""
    asked = {
        "id": job,
        "kind": kind.value,
        "client": actor.id,
        "role": actor.role.value,
        "office": actor.office,
        "key": key,
        "fingerprint": fingerprint,
    }
    return Beginning(await _answer(pool, "begin", {"asked": json.dumps(asked), "most_open": most_open}))


@case_errors_only
async def stage(pool: Pool, job: str, rows: Iterable[Staged]) -> bool:
    """Stage some more rows; False where nobody waits for them any more."""
    async with connection_of(pool) as connection, connection.transaction():
        touched = await SQL["touch"].first(connection, {"job": job})
        if touched is None or not touched["answer"]:
            return False
        await connection.copy_records_to_table("job_rows", records=_records(job, rows), columns=_STAGED)
    return True


_STAGED: Final = ("job", "place", "number", "leaf", "state", "case_id", "act", "told_as", "content", "findings")


def _records(job: str, rows: Iterable[Staged]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        state = RowState.refused if row.leaf is None else RowState.waiting
        found = json.dumps([each.model_dump(mode="json") for each in row.findings], ensure_ascii=False)
        at = (job, row.place, row.number, row.leaf, state.value)
        yield (*at, row.case_id, row.act, row.told_as, row.content, found)


async def start(pool: Pool, job: str, manifest: str | None, leaves: Sequence[bytes]) -> bool:
    """Have the staged rows opened or told by a manifest; without one there is no row that may be."""
    values = {"job": job, "manifest": manifest, "leaves": b"".join(leaves) if manifest is not None else None}
    return bool(await _answer(pool, "start", values))


async def drop(pool: Pool, job: str) -> None:
    """Forget a job whose file could not be read to its end."""
    await _answer(pool, "drop", {"job": job})


async def cancel(pool: Pool, job: str, client: str) -> bool:
    """Open and tell no further row of a client's job; False where it does not run."""
    return bool(await _answer(pool, "cancel", {"job": job, "client": client}))


async def forget(pool: Pool, abandoned_after: timedelta, kept: timedelta) -> int:
    """Forget what nobody reads any more, and what ended long ago; returns how many jobs."""
    values = {"abandoned_after": abandoned_after.total_seconds(), "kept": kept.total_seconds()}
    return int(await _answer(pool, "forget", values))


async def end_row(
    pool: Pool,
    row: Claimed,
    state: RowState,
    *,
    status: str | None = None,
    version: int | None = None,
    code: str | None = None,
) -> None:
    """Write down what became of a row."""
    values = {
        "job": row.job,
        "place": row.place,
        "state": state.value,
        "status": status,
        "version": version,
        "code": code,
    }
    await _answer(pool, "end_row", values)


async def put_back(pool: Pool, row: Claimed, pause: float) -> None:
    """Have a row asked for again after so many seconds."""
    await _answer(pool, "put_back", {"job": row.job, "place": row.place, "pause": pause})


async def make_campaign(pool: Pool, job: str, pace: Pace) -> bool:
    """Have the rows of a register that is being read opened by a campaign; False where it is no register."""
    values = {"job": job, "per_second": pace.per_second, "in_flight": pace.in_flight}
    return bool(await _answer(pool, "make_campaign", values))


@case_errors_only
async def claim(pool: Pool, at_most: int, lease: timedelta) -> list[Claimed]:
    """Rows to be opened or told now, by nobody else for as long as the lease lasts."""
    async with connection_of(pool) as connection:
        rows = await SQL["claim"].all(connection, {"at_most": at_most, "lease": lease.total_seconds()})
    return [Claimed(**row) for row in rows]


@case_errors_only
async def run_of(pool: Pool, job: str) -> Run | None:
    """What the rows of a job are opened or told by."""
    async with connection_of(pool) as connection:
        row = await SQL["run_of"].first(connection, {"job": job})
    if row is None or row["manifest"] is None:
        return None
    leaves: bytes = row["leaves"]
    starts = range(0, len(leaves), _LEAF_BYTES)
    tree = await asyncio.to_thread(Tree, [leaves[start : start + _LEAF_BYTES] for start in starts])
    return Run(read_manifest(row["manifest"]).actor, row["manifest"], tree)


@case_errors_only
async def jobs_of(pool: Pool, client: str, *, job: str | None = None, key: str | None = None) -> tuple[Known, ...]:
    """The newest jobs of a client; or the one of an ID or of a key, if it is theirs."""
    values = {"client": client, "id": job, "key": key, "at_most": _MOST_LISTED, "campaign_rows": CAMPAIGN_ROWS}
    async with connection_of(pool) as connection:
        rows = await SQL["jobs_of"].all(connection, values)
        # A register that has not migrated yet has neither.
        large = [row["id"] for row in rows if row["kind"] == JobKind.register and row["read"] > CAMPAIGN_ROWS]
        paced = await SQL["campaigns_of"].all(connection, {"jobs": large}) if large else []
    campaigns = {row["job"]: CampaignPace.model_validate(dict(row)) for row in paced}
    return tuple(_known(dict(row), campaigns.get(row["id"])) for row in rows)


def _known(row: dict[str, Any], campaign: CampaignPace | None) -> Known:
    if campaign is not None and row["state"] in {JobState.running, JobState.waiting}:
        row["state"] = JobState.paused if campaign.paused else JobState.running
    job = Job.model_validate({**row, "rows": row, "campaign": campaign})
    return Known(job, tuple(row["acts"]), row["fingerprint"], row["touched_at"])


@case_errors_only
async def rows_of(pool: Pool, job: str, state: RowState | None, after: int, at_most: int) -> list[RowRead]:
    """Rows of a job in the order of the file, those after a place."""
    values = {"job": job, "state": state and state.value, "after": after, "at_most": at_most}
    async with connection_of(pool) as connection:
        rows = await SQL["rows_of"].all(connection, values)
    return [_row(dict(row)) for row in rows]


def _row(row: dict[str, Any]) -> RowRead:
    findings = tuple(Noticed.model_validate(each) for each in json.loads(row["findings"]))
    return RowRead(**{**row, "state": RowState(row["state"]), "findings": findings})


@case_errors_only
async def ended_of(pool: Pool, jobs: Sequence[str]) -> frozenset[str]:
    """Which of some jobs are over."""
    async with connection_of(pool) as connection:
        rows = await SQL["ended_of"].all(connection, {"jobs": list(jobs)})
    return frozenset(row["id"] for row in rows)


@case_errors_only
async def cases_of(pool: Pool, case_ids: Iterable[str]) -> dict[str, Where]:
    """Kind and region of those cases that there are."""
    async with connection_of(pool) as connection:
        rows = await SQL["cases_of"].all(connection, {"case_ids": list(case_ids)})
    return {row["case_id"]: Where(Kind(row["kind"]), row["region"]) for row in rows}


@case_errors_only
async def _answer(pool: Pool, query: str, values: dict[str, Any]) -> Any:
    async with connection_of(pool) as connection:
        row = await SQL[query].first(connection, values)
    return row["answer"] if row is not None else None
