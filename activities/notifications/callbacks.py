"""Receipts and bounces: what providers tell of messages that they took.

A provider tells things twice, late and in any order. Each is kept once, by the provider's own ID of it, and what a
delivery came to is computed from all that was told, so the order makes no difference.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import asyncpg
from pydantic import AwareDatetime, Field

from activities.notifications.addressees import SQL
from activities.notifications.standing import Standing, Told, Way, missing, outcome_of, standing_of, ways_of_round
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from cases.delivery import Channel
from cases.errors import CaseError, Code
from cases.models import Contract

WINDOW_SECONDS: Final = 300.0
"""So old, or so far ahead, a callback's timestamp may be."""

_CODES: Final = {Told.failed: Code.NOT_DELIVERED, Told.bounced: Code.BOUNCED}


class Callback(Contract):
    """One thing that a provider tells of one message."""

    event_id: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
    """The provider's own ID of what it tells."""
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """The idempotency key under which it was given the message."""
    what: Told
    at: AwareDatetime
    round: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Of which round of the message, where the provider says it; the newest counts otherwise."""


@dataclass(frozen=True)
class Signature:
    """How a provider proves that a callback is its own."""

    timestamp: str
    """Seconds since 1970, as sent."""
    mac: str
    """HMAC-SHA-256, in hexadecimal, over timestamp, dot and body."""

    @classmethod
    def of(cls, secret: bytes, timestamp: str, body: bytes) -> "Signature":
        """The signature of a body."""
        return cls(timestamp, hmac.digest(secret, timestamp.encode() + b"." + body, hashlib.sha256).hex())


def check_signature(secret: bytes, given: Signature, body: bytes) -> None:
    """Raises `CaseError` CALLBACK_UNAUTHENTIC for one that is not signed so.

    It is compared in constant time, so that nobody learns anything by trying. Without a secret nothing is authentic.
    """
    expected = Signature.of(secret, given.timestamp, body)
    if not hmac.compare_digest(expected.mac.encode(), given.mac.encode()) or not secret:
        raise CaseError(Code.CALLBACK_UNAUTHENTIC)


def check_time(given: Signature, now: float) -> None:
    """Raises `CaseError`: CALLBACK_EXPIRED for a signature out of time, CALLBACK_UNAUTHENTIC for one of no time."""
    if not (given.timestamp.isascii() and given.timestamp.isdigit() and len(given.timestamp) <= len("9999999999")):
        raise CaseError(Code.CALLBACK_UNAUTHENTIC)
    if abs(now - int(given.timestamp)) > WINDOW_SECONDS:
        raise CaseError(Code.CALLBACK_EXPIRED)


@case_errors_only
async def record_callback(pool: Pool, channel: Channel, callback: Callback, at: datetime) -> bool:
    """Keep what a channel's provider told, and what follows from it; answers whether it was news.

    A message that did not arrive goes to the next channel, and a bounced address is used no more. Raises `CaseError`
    CALLBACK_UNKNOWN for a key under which nothing was sent through this channel.
    """
    async with connection_of(pool) as connection, connection.transaction():
        delivery = await SQL["delivery_of_key"].first(connection, {"key": callback.key, "channel": channel})
        if delivery is None:
            raise CaseError(Code.CALLBACK_UNKNOWN)
        notification = await SQL["lock_notification"].first(connection, {"id": delivery["notification_id"]})
        if notification is None:
            raise CaseError(Code.CALLBACK_UNKNOWN)
        round_ = callback.round or delivery["round"]
        if round_ > delivery["round"]:
            raise CaseError(Code.CALLBACK_UNKNOWN)
        values: dict[str, Any] = {
            "provider": delivery["provider"],
            "event_id": callback.event_id,
            "delivery": delivery["id"],
            "round": round_,
            "what": callback.what.value,
            "told_at": callback.at,
            "at": at,
        }
        if not await SQL["write_callback"].run(connection, values):
            return False
        if round_ < delivery["round"]:
            # It was sent again since: what became of it before decides nothing any more.
            return True
        told = outcome_of([Told(row["what"]) for row in await SQL["told_of"].all(connection, values)])
        await SQL["record_receipt"].run(connection, values | {"state": told.way.value, "error": _CODES.get(told)})
        if told is Told.bounced:
            await SQL["invalidate_contact"].run(connection, values)
        await _follow(connection, notification, at=at, told=told)
    return True


async def _follow(connection: Connection, notification: asyncpg.Record, *, at: datetime, told: Told) -> None:
    """Where the notification stands now; what did not arrive is taken up for its next channel."""
    rows = await SQL["deliveries_of"].all(connection, {"ids": [notification["id"]]})
    ways = ways_of_round([(Way(row["state"]), row["round"]) for row in rows], round_=notification["round"])
    standing = standing_of(ways)
    if Way.failed in ways and missing(ways, second_channel=notification["second_channel"]) > 0:
        standing = Standing.pending
    values: dict[str, Any] = {"id": notification["id"], "at": at}
    if standing is Standing.pending:
        await SQL["take_up_again"].run(connection, values)
        return
    error = _CODES.get(told) if standing is Standing.failed else None
    await SQL["settle"].run(connection, values | {"state": standing.value, "error": error})
