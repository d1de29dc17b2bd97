"""Messages that reached nobody: seen by people, and sent again where somebody has mended the reason."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import AwareDatetime

from activities.notifications.addressees import SQL
from activities.notifications.notifications import UNKNOWN_AFTER
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from cases.errors import Code
from cases.models import Record, RegionCode, StaffId

OVERDUE_AFTER: Final = timedelta(minutes=10)
"""So long a message whose time has come may wait for a sweep; the sweep comes every half minute."""


class Trouble(StrEnum):
    """Why a message is shown."""

    failed = "failed"
    """Every channel refused it, or told that it did not arrive."""
    undeliverable = "undeliverable"
    """There was nobody to tell, or no address."""
    unknown = "unknown"
    """It is still being sent, and nobody has known for long whether a provider has it."""


class Troubled(Record):
    """A message that reached nobody, as lists show it; nothing about a person."""

    id: int
    trouble: Trouble
    error: str | None
    subject: str
    case_id: str | None
    recipient: str
    office: RegionCode | None
    template: str
    round: int
    written_at: AwareDatetime
    tried: tuple[str, ...]
    """Channel, state and code of each way, in the order in which they were begun."""


class Which(NamedTuple):
    """Which messages a list shows; None lets everything through."""

    troubles: frozenset[Trouble] = frozenset(Trouble)
    error: str | None = None
    case_id: str | None = None


class Renewal(NamedTuple):
    """What became of one message that somebody wanted sent again: the code of the refusal, or None."""

    id: int
    refused: Code | None = None


class Overview(Record):
    """Totals over all messages."""

    pending: int = 0
    """Written and not settled, those that wait for their time included."""
    overdue: int = 0
    """Their time has come, and nobody takes them up: the sweep rests, or its workers do."""
    unknown: int = 0
    """Deliveries of which nobody has known for long whether the provider has them."""
    unknown_since: AwareDatetime | None = None
    failed: int = 0
    undeliverable: int = 0


_EVERYTHING: Final = Which()


@case_errors_only
async def list_troubled(
    pool: Pool, at: datetime, which: Which = _EVERYTHING, *, after: int = 0, limit: int = 100
) -> tuple[Troubled, ...]:
    """Messages in trouble at the moment `at`, in the order of their IDs, after one of them."""
    values = {
        "states": sorted(trouble.value for trouble in which.troubles - {Trouble.unknown}),
        "with_unknown": Trouble.unknown in which.troubles,
        "unknown_since": at - UNKNOWN_AFTER,
        "error": which.error,
        "case_id": which.case_id,
        "after": after,
        "limit": limit,
    }
    async with connection_of(pool) as connection:
        rows = await SQL["list_troubled"].all(connection, values)
    return tuple(Troubled.model_validate(dict(row)) for row in rows)


@case_errors_only
async def send_again(pool: Pool, ids: Sequence[int], *, by: StaffId, at: datetime) -> tuple[Renewal, ...]:
    """Have messages sent again that were given up: in a further round of the same keys, to the addresses known then.

    The sweep sends them, preferred channel first, as if they were new. One that is under way or has arrived is refused
    with MESSAGE_NOT_GIVEN_UP, what is none with MESSAGE_UNKNOWN; the others go through.
    """
    values = {"ids": list(ids), "by": by, "at": at}
    async with connection_of(pool) as connection, connection.transaction():
        renewed = {row["id"] for row in await SQL["send_again"].all(connection, values)}
        known = {row["id"] for row in await SQL["known_notifications"].all(connection, values)}

    def refusal(notification: int) -> Code | None:
        if notification in renewed:
            return None
        return Code.MESSAGE_NOT_GIVEN_UP if notification in known else Code.MESSAGE_UNKNOWN

    return tuple(Renewal(notification, refusal(notification)) for notification in dict.fromkeys(ids))


@case_errors_only
async def overview(pool: Pool, at: datetime) -> Overview:
    """How messages stand at the moment `at`."""
    values = {"unknown_since": at - UNKNOWN_AFTER, "overdue_since": at - OVERDUE_AFTER}
    async with connection_of(pool) as connection:
        row = await SQL["standing_of_all"].first(connection, values)
    return Overview() if row is None else Overview.model_validate(dict(row))
