"""Commands of campaigns: a large register is begun, watched, paused, slowed down, cancelled and counted."""

import secrets
from pathlib import Path
from typing import Annotated, Final

import typer

from cardcase_client.calls import Reading
from cardcase_client.models import Job
from intake.commands.door import service
from intake.commands.importing import content_of, ended
from intake.commands.invoking import Invocation, add_command, group_of
from intake.commands.saying import Exit, Format
from intake.files.lines import Encoding

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Job ID, as `campaign start` says it.")]
RateArgument = Annotated[float, typer.Argument(min=0.1, max=1000, metavar="ROWS", help="Rows a second, at most.")]

_SHOWN: Final = ("id", "state", "read", "done", "refused", "waiting", "cancelled", "per_second")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as a group."""
    group = group_of("Large registers, opened page by page.")
    for name, command in (
        ("start", start),
        ("list", list_them),
        ("watch", watch),
        ("pause", pause),
        ("resume", resume),
        ("rate", rate),
        ("cancel", cancel),
        ("report", report),
    ):
        add_command(group, name, command)
    app.add_typer(group, name="campaign")


async def start(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Register: .xlsx, .csv or .jsonl.")],
    *,
    rate: Annotated[
        float | None, typer.Option(min=0.1, max=1000, metavar="ROWS", help="Rows a second, at most.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Of this register: handed in again it is the same job.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook, instead of the first visible one.")] = None,
    encoding: Annotated[Encoding | None, typer.Option(help="Of a text file whose bytes do not say it.")] = None,
    ignore_unknown: Annotated[bool, typer.Option("--ignore-unknown", help="Pass over unknown columns.")] = False,
    submitter: Annotated[str | None, typer.Option(help="Staff ID, where the file has no such column.")] = None,
) -> Exit:
    """Hand in a register and go: its rows are opened from then on, whoever looks.

    Up to a thousand rows are a job like any other, without a pace of its own.
    """
    kind, content = content_of(file)
    how = Reading(sheet=sheet, ignore_unknown=ignore_unknown, encoding=encoding, submitter=submitter)
    async with service() as cases:
        job = await cases.hand_in_register(content, kind, key=key or f"campaign-{secrets.token_hex(8)}", how=how)
        if rate is not None and job.campaign is not None and job.ended_at is None:
            job = await cases.set_job_rate(job.id, rate)
    _say(invocation, job)
    return Exit.fine


async def list_them(invocation: Invocation) -> Exit:
    """The newest jobs of the caller."""
    async with service() as cases:
        jobs = await cases.list_jobs()
    invocation.say.many([_fields(job) for job in jobs], _SHOWN)
    return Exit.fine


async def watch(invocation: Invocation, job: JobArgument) -> Exit:
    """Wait for its end: a bar shows rows, rows a second, time remaining and refusals. Leaving ends nothing."""
    async with service() as cases:
        over = await ended(cases, await cases.read_job(job))
    _say(invocation, over)
    return Exit.data if over.rows.refused else Exit.fine


async def pause(invocation: Invocation, job: JobArgument) -> Exit:
    """Begin no further page until it is resumed. What has begun is finished, within seconds."""
    async with service() as cases:
        _say(invocation, await cases.pause_job(job))
    return Exit.fine


async def resume(invocation: Invocation, job: JobArgument) -> Exit:
    """Let it go on."""
    async with service() as cases:
        _say(invocation, await cases.resume_job(job))
    return Exit.fine


async def rate(invocation: Invocation, job: JobArgument, rows: RateArgument) -> Exit:
    """Open so many rows a second, at most, from the next page on."""
    async with service() as cases:
        _say(invocation, await cases.set_job_rate(job, rows))
    return Exit.fine


async def cancel(invocation: Invocation, job: JobArgument) -> Exit:
    """Begin no further row. What is open stays open."""
    async with service() as cases:
        _say(invocation, await cases.cancel_job(job))
    return Exit.fine


async def report(invocation: Invocation, job: JobArgument) -> Exit:
    """What became of its rows, counted from the register: by state, by code, and by where the cases stood."""
    async with service() as cases:
        counted = await cases.read_job_report(job)
    invocation.say.one(counted)
    return Exit.fine


def _fields(job: Job) -> dict[str, object]:
    pace = {} if job.campaign is None else {"per_second": job.campaign.per_second, "answered": job.campaign.answered}
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        **job.rows.model_dump(),
        **pace,
        "ended_at": job.ended_at,
    }


def _say(invocation: Invocation, job: Job) -> None:
    if invocation.say.format is Format.table:
        invocation.say.one({name: str(value) for name, value in _fields(job).items() if value is not None})
    else:
        invocation.say.one(job)
