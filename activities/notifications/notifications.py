"""The activities of the queue `notifications`: deliver what was just written, and sweep up what was left.

Every step of a delivery is a row before it is made, so whoever comes after a crash goes on under the same key. One
notification is taken up by one at a time, for as long as its lease.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
from temporalio import activity

from activities.notifications.addressees import SQL, Contact, Reach, reach_of, sealed_as, ways_of
from activities.notifications.messages import compose
from activities.notifications.providers.answers import CALL_SECONDS, Answer, Parcel, Provider, Verdict, unknown
from activities.notifications.standing import Standing, Way, key_of, missing, pause, quiet_until, standing_of
from activities.registry.errors import codes_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.sealing import Sealer
from cases.clocks import SHANGHAI
from cases.delivery import Channel, Delivered, DeliverRequest, Tongue
from cases.errors import CaseError, Code
from cases.occasions import Occasion, Swept
from cases.offices import Recipient

LEASE: Final = timedelta(seconds=90)
"""Longer than all that one take-up may last; then it counts as left behind."""

FALLBACK_AFTER: Final = timedelta(minutes=30)
"""So long a provider may be away before the next channel takes its place, where it surely has nothing."""

AGAIN_AFTER: Final = timedelta(hours=1)
"""When something is tried again that only a person can mend: a missing provider, key or template."""

UNKNOWN_AFTER: Final = timedelta(hours=1)
"""So long nobody may know whether a provider has a message before people are shown that."""

PACE_PATIENCE: Final = timedelta(seconds=2)
"""So long a message waits for its slot; with a longer queue it is put back."""

AT_ONCE: Final = 16
"""Notifications that one sweep has under way."""

SWEEP_SECONDS: Final = 45.0
"""When a sweep takes up nothing more: the next one goes on."""

log = logging.getLogger(__name__)

Now = Callable[[], datetime]


@dataclass
class _TakenUp:
    """A notification that is being delivered."""

    row: asyncpg.Record
    now: Now
    tried: set[int] = field(default_factory=set)
    """Deliveries that this take-up has called."""
    next_at: list[datetime] = field(default_factory=list)
    """When those that are still under way may be called again."""
    error: Code | None = None


class Notifications:
    """Delivers notifications. `paces` says how many calls a second a provider takes; without one, as many as come."""

    def __init__(
        self,
        pool: Pool,
        sealer: Sealer,
        providers: Mapping[Channel, Provider],
        paces: Mapping[Channel, float] | None = None,
    ) -> None:
        self._pool = pool
        self._sealer = sealer
        self._providers = providers
        self._paces = paces or {}

    @activity.defn(name="deliver")
    @codes_only
    async def deliver(self, request: DeliverRequest) -> Delivered:
        """Try each of these once. What cannot be delivered now waits in the register for the sweep."""
        now = _clock(request.at, nominal=False)
        ids = list(request.notifications)
        ended = await self._take_up_all(ids, now, at_once=min(len(ids), AT_ONCE))
        return Delivered(
            accepted=tuple(sorted(id_ for id_, end in ended if end in {Standing.accepted, Standing.delivered})),
            given_up=tuple(sorted(id_ for id_, end in ended if end in {Standing.failed, Standing.undeliverable})),
        )

    @activity.defn(name="sweep")
    @codes_only
    async def sweep(self, occasion: Occasion) -> Swept:
        """Take up whatever is due, some at a time, until nothing is or the next sweep is near."""
        ended = await self._take_up_all(None, _clock(occasion.at, nominal=True), at_once=AT_ONCE)
        reached = {Standing.accepted, Standing.delivered}
        return Swept(
            found=len(ended), accepted=sum(end in reached for _, end in ended), unknown=await self._unknown(occasion.at)
        )

    async def _unknown(self, at: datetime) -> int:
        """How many deliveries nobody has known anything of for long; whoever watches the log learns it as well."""
        async with connection_of(self._pool) as connection:
            row = await SQL["count_unknown"].first(connection, {"unknown_since": at - UNKNOWN_AFTER})
        unknown_for_long = 0 if row is None else int(row["deliveries"])
        if unknown_for_long:
            log.warning("nobody knows what became of messages", extra={"deliveries": unknown_for_long})
        return unknown_for_long

    # --- taking up --------------------------------------------------------------------------------------------------

    async def _take_up_all(self, ids: list[int] | None, now: Now, *, at_once: int) -> list[tuple[int, Standing]]:
        ended: list[tuple[int, Standing]] = []

        async def one_after_the_other() -> None:
            async for taken in self._taken_up(ids, now):
                standing = await self._delivered(taken)
                ended.append((taken.row["id"], standing))

        workers = [asyncio.create_task(one_after_the_other()) for _ in range(at_once)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return ended

    async def _taken_up(self, ids: list[int] | None, now: Now) -> AsyncIterator[_TakenUp]:
        loop = asyncio.get_running_loop()
        until = loop.time() + SWEEP_SECONDS
        while loop.time() < until and not _is_stopping():
            async with connection_of(self._pool) as connection:
                row = await SQL["take_up"].first(connection, {"ids": ids, "at": now(), "lease": LEASE})
            if row is None:
                return
            # A heartbeat is billed; the few of one delivery need none.
            if activity.in_activity() and activity.info().heartbeat_timeout is not None:
                activity.heartbeat()
            yield _TakenUp(row, now)

    async def _delivered(self, taken: _TakenUp) -> Standing:
        """Deliver one notification as far as it goes now."""
        row = taken.row
        if Recipient(row["recipient"]) is Recipient.applicant:
            quiet = quiet_until(taken.now())
            if quiet is not None:
                await self._put_back(taken, quiet, None)
                return Standing.pending
        try:
            return await self._through_channels(taken)
        except CaseError as wrong:
            # A person has to mend it; the others must not wait for that.
            log.exception("a notification cannot be sent", extra={"notification": row["id"], "code": wrong.code.value})
            await self._put_back(taken, taken.now() + AGAIN_AFTER, wrong.code)
            return Standing.pending

    async def _put_back(self, taken: _TakenUp, next_at: datetime, error: Code | None) -> None:
        values = {"id": taken.row["id"], "attempt": taken.row["attempts"], "next": next_at, "error": error}
        async with connection_of(self._pool) as connection:
            await SQL["put_back"].run(connection, values)

    # --- channels ---------------------------------------------------------------------------------------------------

    async def _through_channels(self, taken: _TakenUp) -> Standing:
        """Call every delivery under way once; each that fails for good gives its place to the next channel."""
        row = taken.row
        async with connection_of(self._pool) as connection:
            reach = await reach_of(connection, row, taken.now().astimezone(SHANGHAI).date())
        if reach.contacts and not any(contact.channel in self._providers for contact in reach.contacts):
            raise CaseError(Code.CHANNEL_NOT_CONFIGURED)
        while True:
            async with connection_of(self._pool) as connection:
                ways = await SQL["deliveries_of"].all(connection, {"id": row["id"]})
                fresh = self._fresh(reach, row, ways)
                lacking = missing(ways_of(ways, round_=row["round"]), second_channel=row["second_channel"])
                if lacking > 0 and fresh:
                    for contact in fresh[:lacking]:
                        await self._begin(connection, row, contact, taken.now())
                    continue
            due = [way for way in ways if way["state"] == Way.sending and way["id"] not in taken.tried]
            if not due:
                return await self._settle(taken, reach)
            for way in due:
                taken.tried.add(way["id"])
                await self._attempt(taken, way, replaceable=bool(fresh))

    def _fresh(self, reach: Reach, row: asyncpg.Record, ways: Sequence[asyncpg.Record]) -> list[Contact]:
        """Contacts through whose channels nobody has tried yet in this round, the preferred first."""
        used = {way["channel"] for way in ways if way["round"] == row["round"] or way["state"] != Way.failed}
        return [each for each in reach.contacts if each.channel in self._providers and each.channel.value not in used]

    async def _begin(self, connection: Connection, row: asyncpg.Record, contact: Contact, at: datetime) -> None:
        values = {
            "id": row["id"],
            "channel": contact.channel.value,
            "key": key_of(row["subject"], row["event"], row["recipient"], contact.channel),
            "staff": contact.staff,
            "address": contact.address,
            "language": contact.tongue.value,
            "provider": self._providers[contact.channel].name,
            "round": row["round"],
            "at": at,
        }
        await SQL["begin_delivery"].run(connection, values)

    async def _attempt(self, taken: _TakenUp, way: asyncpg.Record, *, replaceable: bool) -> None:
        channel = Channel(way["channel"])
        provider = self._providers.get(channel)
        if provider is None:
            raise CaseError(Code.CHANNEL_NOT_CONFIGURED)
        parcel = self._parcel(taken.row, way, channel)
        if not await self._has_slot(taken, channel):
            return
        async with connection_of(self._pool) as connection:
            begun = await SQL["begin_attempt"].run(connection, {"delivery": way["id"], "at": taken.now()})
        if not begun:
            # A receipt came in between.
            return
        answer = await _called(provider, parcel)
        async with connection_of(self._pool) as connection, connection.transaction():
            await self._record(connection, taken, way, answer, replaceable=replaceable)

    def _parcel(self, row: asyncpg.Record, way: asyncpg.Record, channel: Channel) -> Parcel:
        message = compose(
            row["template"],
            Recipient(row["recipient"]),
            row["case_id"],
            json.loads(row["facts"]),
            channel=channel,
            tongue=Tongue(way["language"]),
        )
        owner = way["staff"] or row["person"]
        address = self._sealer.open(way["address"], field=sealed_as(channel), person=owner)
        return Parcel(way["idempotency_key"], channel, address, message.subject, message.body, way["round"])

    async def _has_slot(self, taken: _TakenUp, channel: Channel) -> bool:
        """Wait for the provider's pace; where that takes too long, the notification is put back."""
        rate, now = self._paces.get(channel), taken.now()
        step = timedelta() if rate is None else timedelta(seconds=1 / rate)
        values: dict[str, Any] = {"channel": channel.value, "at": now, "step": step, "patience": PACE_PATIENCE}
        async with connection_of(self._pool) as connection:
            reserved = await SQL["reserve_slot"].first(connection, values)
            if reserved is None:
                found = await SQL["open_from"].first(connection, values)
                taken.next_at.append(now if found is None else found["open_from"])
                taken.error = Code.CHANNEL_BUSY
                return False
        await asyncio.sleep(max((reserved["slot"] - now).total_seconds(), 0))
        return True

    async def _record(
        self, connection: Connection, taken: _TakenUp, way: asyncpg.Record, answer: Answer, *, replaceable: bool
    ) -> None:
        now = taken.now()
        values: dict[str, Any] = {
            "delivery": way["id"],
            "at": now,
            "error": answer.code,
            "reference": answer.reference,
            # Each attempt may have got through; one that surely did not leaves the doubt of those before it.
            "uncertain": answer.verdict is Verdict.unknown or way["uncertain"],
        }
        if answer.code is not None:
            taken.error = answer.code
        if answer.after_seconds is not None:
            until = now + timedelta(seconds=answer.after_seconds)
            await SQL["leave_alone"].run(connection, {"channel": way["channel"], "until": until})
            taken.next_at.append(until)
        match answer.verdict:
            case Verdict.accepted:
                await SQL["record_accepted"].run(connection, values)
            case Verdict.refused:
                await SQL["record_refused"].run(connection, values)
                if answer.code is Code.ADDRESS_INVALID:
                    await SQL["invalidate_contact"].run(connection, values)
            case Verdict.postponed if replaceable and not way["uncertain"] and now - way["begun_at"] > FALLBACK_AFTER:
                await SQL["record_refused"].run(connection, values)
            case Verdict.postponed | Verdict.unknown:
                await SQL["record_attempt"].run(connection, values)
                taken.next_at.append(now + pause(way["idempotency_key"], way["attempts"] + 1))

    async def _settle(self, taken: _TakenUp, reach: Reach) -> Standing:
        row = taken.row
        async with connection_of(self._pool) as connection, connection.transaction():
            await SQL["lock_notification"].first(connection, {"id": row["id"]})
            rows = await SQL["deliveries_of"].all(connection, {"id": row["id"]})
            ways = ways_of(rows, round_=row["round"])
            standing = standing_of(ways)
            # A receipt may have said meanwhile that a message did not arrive.
            if missing(ways, second_channel=row["second_channel"]) > 0 and self._fresh(reach, row, rows):
                standing = Standing.pending
            error = reach.lacking if standing is Standing.undeliverable else taken.error
            values = {
                "id": row["id"],
                "attempt": row["attempts"],
                "state": standing.value,
                "error": error if standing not in {Standing.accepted, Standing.delivered} else None,
                # The later of what the message and its provider ask for.
                "next": max(taken.next_at, default=taken.now()),
            }
            await SQL["settle"].run(connection, values)
        return standing


async def _called(provider: Provider, parcel: Parcel) -> Answer:
    try:
        async with asyncio.timeout(CALL_SECONDS + 1):
            return await provider.send(parcel)
    except TimeoutError:
        return unknown()
    except Exception as error:  # noqa: BLE001 - whatever a library raises once it was called, nobody knows what arrived
        log.warning("a provider's call broke", extra={"provider": provider.name, "error": type(error).__name__})
        return unknown()


def _clock(at: datetime, *, nominal: bool) -> Now:
    """The time of whoever asked, going on since.

    A worker's clock may be wrong, and the asking workflow's time may have been skipped forward; neither matters here.
    What an occasion names is when it was due: the server's time is later, however late that became.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    if activity.in_activity():
        info = activity.info()
        at = max(at, info.started_time) if nominal else at + (info.started_time - info.scheduled_time)
    return lambda: at + timedelta(seconds=loop.time() - begun)


def _is_stopping() -> bool:
    return activity.in_activity() and activity.is_worker_shutdown()
