"""Campaigns: a large register is opened page by page, at a pace that people set.

What is to be opened stands in the register, row by row, under the manifest that the gate stamped. A campaign says when,
and nothing else: it names no case, holds no content, and moves no number and no benefit.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field, StrictBool

from cases.errors import REMEDIES, Code
from cases.models import Contract, Impersonal, Record, StaffId

LEAST_IN_FLIGHT: Final = 8
MOST_IN_FLIGHT: Final = 32
"""Between these many rows are under way at the same time, as the engine bears it."""
PER_SECOND: Final = 20.0
"""Rows a second where nobody has set a rate."""
LARGEST_PAGE: Final = 200
"""Rows that are claimed, looked at and answered together; so many are repeated at most after a crash."""
PAGE_SECONDS: Final = 10.0
"""So long a page takes at the rate that was set: whoever pauses waits no longer for what has begun."""
PAGES_OF_A_RUN: Final = 250
"""Pages after which a campaign goes on in a new run, some two thousand events each."""

JobId = Annotated[str, Field(pattern=r"^job-[a-z2-7]{26}$")]
Rate = Annotated[float, Field(strict=True, ge=0.1, le=1000)]
InFlight = Annotated[int, Field(ge=LEAST_IN_FLIGHT, le=MOST_IN_FLIGHT)]


class Pace(Record):
    """How fast a campaign goes on."""

    per_second: Rate = PER_SECOND
    """Rows that are opened a second, at most."""
    in_flight: InFlight = LEAST_IN_FLIGHT
    paused: StrictBool = False


USUAL_PACE: Final = Pace()


class CampaignBegun(Record):
    """What a campaign, or a further run of one, is started with."""

    job: JobId
    pace: Pace = USUAL_PACE
    pages: Annotated[int, Field(ge=0)] = 0
    """Pages that earlier runs have begun."""


class Paced(Contract):
    """Somebody pauses a campaign, lets it go on, or cancels it."""

    by: Annotated[StaffId, Impersonal]


class RateSet(Contract):
    """Somebody sets how many rows a second are opened, at most."""

    by: Annotated[StaffId, Impersonal]
    per_second: Rate


class PageAsked(Record):
    """A page of a campaign is to be opened."""

    job: JobId
    page: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=1, le=LARGEST_PAGE)]
    pace: Pace


class PageDone(Record):
    """What became of a page."""

    rows: int
    """Rows that it had; none where nothing is left to begin."""
    opened: int = 0
    answered: int = 0
    """Rows that needed no workflow."""
    refused: int = 0
    unanswered: int = 0
    """Rows for which the engine did not answer; they come with a later page."""
    in_flight: InFlight = LEAST_IN_FLIGHT
    """How many rows the engine bore at the same time."""
    waiting: int = 0
    """Rows of the job that wait."""


class PaceKept(Record):
    """The register is to know a campaign's pace."""

    job: JobId
    pace: Pace
    by: StaffId | None = None


class CampaignReport(Record):
    """What became of a campaign, as the register counts it."""

    job: str
    state: str
    read: int
    done: int
    refused: int
    cancelled: int
    waiting: int
    opened: int
    """Rows by which a case was opened."""
    answered: int
    """Rows that needed no case."""
    codes: Mapping[str, int]
    """Rows by the code of what was found in them."""
    statuses: Mapping[str, int]
    """Rows that are done, by where their case stood."""

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody cancelled it."""
        return self.state == "cancelled"


class Progress(Record):
    """How a campaign stands, for whoever looks at its workflow."""

    job: str
    pace: Pace
    pages: int = 0
    opened: int = 0
    answered: int = 0
    refused: int = 0
    waiting: int | None = None
    """Rows that wait; None before the first page."""
    stands: Code | None = None
    """Why it makes no progress, where the engine does not answer."""


def rows_of_a_page(pace: Pace) -> int:
    """How many rows a page has at a pace."""
    return max(1, min(LARGEST_PAGE, int(pace.per_second * PAGE_SECONDS)))


def details_of(progress: Progress) -> str:
    """What the Web UI shows of a campaign, as Markdown: how far it is, and at what pace."""
    settled = progress.opened + progress.answered + progress.refused
    total = None if progress.waiting is None else settled + progress.waiting
    lines = ["| | |", "| --- | --- |", f"| 批量办理 · job | `{progress.job}` |"]
    if total:
        filled = round(20 * settled / total)
        lines.append(f"| 进度 · progress | {'▓' * filled}{'░' * (20 - filled)} {settled} / {total} |")
    lines += [
        f"| 已开案 · opened | {progress.opened} |",
        f"| 无需立案 · needed no case | {progress.answered} |",
        f"| 未受理 · refused | {progress.refused} |",
        f"| 每秒上限 · a second, at most | {progress.pace.per_second:g} |",
        f"| 同时办理 · in flight | {progress.pace.in_flight} |",
    ]
    if progress.pace.paused:
        lines.append("| 已暂停 · paused | `resume` |")
    if progress.stands is not None:
        remedy = REMEDIES[progress.stands]
        lines.append(f"| `{progress.stands}` | {remedy.zh} {remedy.en} |")
    return "\n".join(lines)
