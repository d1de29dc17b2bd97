"""Where a notification stands, and when it may go on: plain rules, without register or provider."""

from collections.abc import Collection, Iterable
from datetime import datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from cases.clocks import SHANGHAI
from cases.delivery import Channel

QUIET_FROM: Final = time(21)
QUIET_UNTIL: Final = time(8)
"""Quiet hours of applicants, Asia/Shanghai: nothing is sent to them from 21:00 to 8:00."""

SHORTEST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=15)


class Standing(StrEnum):
    """Where a notification stands."""

    pending = "pending"
    accepted = "accepted"
    delivered = "delivered"
    failed = "failed"
    undeliverable = "undeliverable"
    overtaken = "overtaken"
    """What it tells did not hold any more before it was sent."""


class Way(StrEnum):
    """How far one delivery got."""

    sending = "sending"
    accepted = "accepted"
    delivered = "delivered"
    failed = "failed"


class Told(StrEnum):
    """What a provider may tell of a message that it took; the later in this list holds.

    A phone that was off may get the message after all, so `delivered` outdoes `failed`. A relay's `delivered` is the
    next relay's word, so the `bounced` of whoever knows the mailbox outdoes it.
    """

    failed = "failed"
    delivered = "delivered"
    bounced = "bounced"

    @property
    def way(self) -> Way:
        """The delivery's end."""
        return Way.delivered if self is Told.delivered else Way.failed


def outcome_of(told: Collection[Told]) -> Told:
    """What holds of everything that was told of a delivery, in whatever order. At least one thing was."""
    return max(told, key=tuple(Told).index)


def ways_of_round(ways: Iterable[tuple[Way, int]], *, round_: int) -> list[Way]:
    """The ways that count in a round: one that failed in an earlier round counts as untried."""
    return [way for way, begun_in in ways if begun_in == round_ or way is not Way.failed]


def wanted(*, second_channel: bool) -> int:
    """The number of channels to use, where the recipient has that many."""
    return 2 if second_channel else 1


def missing(ways: Collection[Way], *, second_channel: bool) -> int:
    """How many further channels are to be tried."""
    return wanted(second_channel=second_channel) - sum(way is not Way.failed for way in ways)


def standing_of(ways: Collection[Way]) -> Standing:
    """Where a notification stands for which no further channel is left, or needed."""
    if Way.sending in ways:
        return Standing.pending
    reached = [way for way in ways if way is not Way.failed]
    if reached:
        return Standing.delivered if all(way is Way.delivered for way in reached) else Standing.accepted
    return Standing.failed if ways else Standing.undeliverable


def quiet_until(at: datetime) -> datetime | None:
    """The end of the quiet hours that a moment lies in; None by day."""
    local = at.astimezone(SHANGHAI)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return None
    day = local.date() + timedelta(days=local.time() >= QUIET_FROM)
    return datetime.combine(day, QUIET_UNTIL, tzinfo=SHANGHAI)


def pause(key: str, attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, a little different for each message."""
    doubled: int = 2 ** min(max(attempts - 1, 0), 10)
    growing = SHORTEST_PAUSE * doubled
    spread = sha256(f"{key}:{attempts}".encode()).digest()[0] / 255
    return min(growing, LONGEST_PAUSE) * (0.75 + spread / 2)


def identity_of(subject: str, event: str, recipient: str, channel: Channel) -> str:
    """What one delivery is: telling this event to this recipient through this channel."""
    return f"{subject}\0{event}\0{recipient}\0{channel.value}"
