"""Occasions: what scheduled workflows ask for at the nominal time of their schedule, and what they are answered.

Whatever an occasion asks for is done once for its nominal time, however often it is asked.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from cases.clocks import SHANGHAI
from cases.models import Record

SCHEDULES_OF_OURS: Final = "cardcase-"
"""What the IDs of the engine's schedules begin with."""


class Scheduled(StrEnum):
    """The scheduled workflows; the value is the workflow type."""

    notification_sweep = "NotificationSweep"
    digests = "Digests"
    invitations = "Invitations"
    benefit_hold_check = "BenefitHoldCheck"
    calendar_check = "CalendarCheck"
    ended_person_check = "EndedPersonCheck"
    loss_report_check = "LossReportCheck"
    reconciliation = "Reconciliation"
    full_reconciliation = "FullReconciliation"

    @property
    def schedule(self) -> str:
        """The ID of the schedule that starts it."""
        return SCHEDULES_OF_OURS + self.name.replace("_", "-")


class Occasion(Record):
    """One firing of a schedule."""

    at: AwareDatetime
    """The nominal time: when it was due, not when somebody came round to it.

    It is the caller's word, heard where its day counts and within bounds (`activities.occasions`).
    """

    @property
    def day(self) -> date:
        """The civil day of Asia/Shanghai."""
        return self.at.astimezone(SHANGHAI).date()


class Swept(Record):
    """What became of notifications that nobody had delivered yet."""

    found: int
    accepted: int
    unknown: int = 0
    """Deliveries of which nobody has known for an hour or longer whether the provider has them."""


class Digested(Record):
    """Digests of a day. None is written on a day off, or where there is nothing to tell."""

    day: date
    working: bool
    written: int
    known: int = 0
    """Written before, when the same was asked."""
    unlisted: int = 0
    """Late cases of agencies that the directory of offices does not hold: nobody above is told of them."""


class Invited(Record):
    """Persons without a case who were written to."""

    day: date
    written: int
    called_off: int = 0
    """What was not sent yet and named another date than the one that holds now."""


class Rechecked(Record):
    """Held benefits that were looked at, and those whose reason is gone."""

    held: int
    released: int
    told: int = 0
    """Open cases that showed benefits as held, and learned that they are not any more."""


class EndsChecked(Record):
    """Persons who had died or been transferred, and for whom something was still held or queued for them."""

    released: int
    told: int = 0
    """Their open cases, which learned of it."""


class BlocksEnded(Record):
    """Temporary loss reports that had expired, and those that no case had ended itself."""

    expired: int
    ended: int
    told: int = 0
    """Open cases that showed the card as blocked, and learned that the report has expired."""


class CalendarChecked(Record):
    """Cases whose dates rested on an unpublished year, and those recomputed because days of theirs were amended."""

    provisional: int
    recomputed: int


class Mark(Record):
    """How far register and Temporal have come together."""

    epoch: Annotated[str, Field(pattern=r"^[a-z2-7]{10}$")]
    """Of the register's feed; another one begins where the register is restored."""
    beat: Annotated[int, Field(ge=0, lt=2**62)]
    """Grows by one with each comparison of the cases that moved, in the register first."""


class Reconciled(Record):
    """Cases that were compared, register with run, and in which way they differed."""

    compared: int
    ahead: int = 0
    """The register had moved on without the run, which was told to look."""
    without_run: int = 0
    """Nothing ran that was open by the register; a run was started where it stands."""
    behind: int = 0
    """The register stood before its run: somebody has to say which of both holds."""
    without_row: int = 0
    """Runs of cases that the register does not know."""
    impostor: int = 0
    """Runs under a case's ID that are none of the engine's; they were ended, and the case's own begun."""
    spoilt: int = 0
    """Runs whose tasks failed for a signal or a start that nobody can open; they were ended, and others begun."""
    unread: int = 0
    """Starts that cannot be read, which were deleted."""
    stranger: int = 0
    """Runs of a case's type that are no case's, because of their ID."""
    failing: int = 0
    """Runs that stand still because their tasks fail."""
    standing_still: int = 0
    """What stands still although it should go on; of comparisons of the cases that moved."""
    mark: Mark | None = None
    """By which Temporal remembers the register; of comparisons of the cases that moved."""
    seal: str | None = None
    """By which the register knows its mark, or that it had none, again; good for the run that answers it."""

    @property
    def agrees(self) -> bool:
        """Whether nothing differed, and nothing failed."""
        differing = (self.ahead, self.without_run, self.behind, self.without_row, self.impostor, self.spoilt)
        return not (any(differing) or self.unread or self.stranger or self.failing)
