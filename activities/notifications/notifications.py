"""The activities of the queue `notifications`: deliver what was just written, and sweep up what was left.

Every step of a delivery is a row before it is made, so whoever comes after a crash goes on under the same key. One
notification is taken up by one at a time, for as long as its lease. What goes the same way goes together: one statement
takes up, one begins, and one records and settles all that were answered at about the same time.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from temporalio import activity

from activities.notifications.addressees import SQL, reaches_of, sealed_as
from activities.notifications.messages import Desk, compose
from activities.notifications.providers.answers import CALL_SECONDS, Answer, Parcel, Provider, Verdict, unknown
from activities.notifications.standing import Standing, quiet_until
from activities.notifications.taken_up import AGAIN_AFTER, Delivery, End, TakenUp
from activities.occasions import check_alone, check_patience, check_scheduled
from activities.registry.clock import Clock
from activities.registry.errors import codes_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.sealing import Sealer
from cases.clocks import SHANGHAI
from cases.delivery import Channel, Delivered, DeliverRequest, read
from cases.errors import CaseError, Code
from cases.occasions import Occasion, Scheduled, Swept
from cases.offices import Recipient

LONGEST: Final = timedelta(seconds=90)
"""So long one take-up may last."""

LEASE: Final = timedelta(seconds=20)
"""After which a take-up that nobody renews counts as left behind: with the next sweep that is within a minute."""

RENEWED_SECONDS: Final = 5.0
"""How often whoever delivers says so, as long as a provider is called."""

UNKNOWN_AFTER: Final = timedelta(hours=1)
"""So long nobody may know whether a provider has a message before people are shown that."""

PACE_PATIENCE: Final = timedelta(seconds=2)
"""So long a message waits for its slot; with a longer queue it is put back."""

AT_ONCE: Final = 16
"""Notifications that one activity has under way."""

TOGETHER_SECONDS: Final = 0.05
"""What is answered so soon after another is recorded with it."""

AT_REST_AT_ONCE: Final = 1_000
"""Notifications that one statement lets wait for the end of quiet hours."""

SWEEP_SECONDS: Final = 45.0
"""When a sweep takes up nothing more: the next one goes on."""

log = logging.getLogger(__name__)

Now = Callable[[], datetime]


class _Heard(NamedTuple):
    """A call that was answered."""

    taken: TakenUp
    delivery: Delivery
    answer: Answer


@dataclass
class _Errand:
    """All that one activity delivers."""

    ids: list[int] | None
    """Those it was asked for and has not looked at yet; None for whatever is due."""
    now: Now
    calls: dict[asyncio.Task[Answer], tuple[TakenUp, Delivery]] = field(default_factory=dict)
    """Providers that are being called."""
    heard: list[_Heard] = field(default_factory=list)
    """Answers that nobody recorded yet."""
    ended: list[tuple[int, Standing]] = field(default_factory=list)
    at_rest: int = 0
    """How many wait for the end of quiet hours."""
    passed_over: list[int] = field(default_factory=list)
    """Those it was asked for that were not taken up, some because they stand behind another one."""
    took: bool = False
    """Whether anything was taken up since it looked from the beginning: what stood behind that may be due now."""
    is_through: bool = False
    """Whether nothing more is due."""
    renews_at: float = 0.0
    """When what is under way is renewed, by the loop's clock."""

    def looks_again(self) -> bool:
        """Look from the beginning once more, where that may find anything."""
        if not self.took or (self.ids is not None and not self.passed_over):
            return False
        if self.ids is not None:
            self.ids, self.passed_over = self.passed_over, []
        self.took = self.is_through = False
        return True

    @property
    def under_way(self) -> set[TakenUp]:
        """What providers are being called for."""
        return {taken for taken, _ in self.calls.values()}

    def ended_in(self, *standings: Standing) -> tuple[int, ...]:
        """The IDs of those that stand so after their take-up."""
        return tuple(sorted(id_ for id_, standing in self.ended if standing in standings))

    async def listen(self) -> None:
        """Wait until a provider answers, and for others that answer at about the same time; or until it is to renew."""
        waits = max(self.renews_at - asyncio.get_running_loop().time(), 0.0)
        first, _ = await asyncio.wait(self.calls, timeout=waits, return_when=asyncio.FIRST_COMPLETED)
        if not first:
            return
        answered, _ = await asyncio.wait(self.calls, timeout=TOGETHER_SECONDS)
        self.heard = [_Heard(*self.calls.pop(task), task.result()) for task in answered]


class Notifications:
    """Delivers notifications. `paces` says how many calls a second a provider takes; without one, as many as come."""

    def __init__(
        self,
        pool: Pool,
        sealer: Sealer,
        providers: Mapping[Channel, Provider],
        paces: Mapping[Channel, float] | None = None,
        *,
        clock: Clock = Clock.register,
    ) -> None:
        self._pool = pool
        self._sealer = sealer
        self._providers = providers
        self._steps = {channel: timedelta(seconds=1 / rate) for channel, rate in (paces or {}).items()}
        self._clock = clock

    @activity.defn(name="deliver")
    @codes_only
    async def deliver(self, request: DeliverRequest) -> Delivered:
        """Try each of these once that is due. What cannot be delivered now waits in the register for the sweep."""
        check_alone()
        check_patience(LONGEST)
        now = await self._clock.now(self._pool, _callers_time(request.at, nominal=False))
        errand = await self._deliver_due(list(request.notifications), _going_on(now))
        return Delivered(
            accepted=errand.ended_in(Standing.accepted, Standing.delivered),
            given_up=errand.ended_in(Standing.failed, Standing.undeliverable),
        )

    @activity.defn(name="sweep")
    @codes_only
    async def sweep(self, occasion: Occasion) -> Swept:
        """Take up whatever is due, some at a time, until nothing is or the next sweep is near."""
        check_scheduled(Scheduled.notification_sweep)
        check_patience(LONGEST)
        now = await self._clock.now(self._pool, _callers_time(occasion.at, nominal=True))
        errand = await self._deliver_due(None, _going_on(now))
        return Swept(
            found=len(errand.ended) + errand.at_rest,
            accepted=len(errand.ended_in(Standing.accepted, Standing.delivered)),
            unknown=await self._unknown(now),
        )

    async def _unknown(self, at: datetime) -> int:
        """Count the deliveries whose outcome has long been unknown, and log it."""
        async with connection_of(self._pool) as connection:
            row = await SQL["count_unknown"].first(connection, {"unknown_since": at - UNKNOWN_AFTER})
        unknown_for_long = 0 if row is None else int(row["deliveries"])
        if unknown_for_long:
            log.warning("nobody knows what became of messages", extra={"deliveries": unknown_for_long})
        return unknown_for_long

    # --- taking up --------------------------------------------------------------------------------------------------

    async def _deliver_due(self, ids: list[int] | None, now: Now) -> _Errand:
        """Take up what is due, a few at a time; a slow provider keeps no other delivery waiting."""
        errand = _Errand(ids, now)
        loop = asyncio.get_running_loop()
        until = loop.time() + SWEEP_SECONDS
        errand.renews_at = loop.time() + RENEWED_SECONDS
        try:
            while True:
                is_open = not errand.is_through and loop.time() < until and not _is_stopping()
                free = AT_ONCE - len(errand.under_way) if is_open else 0
                await self._go_on(errand, await self._take_up(errand, free) if free else [])
                if errand.calls:
                    await errand.listen()
                    await self._renew(errand)
                elif not is_open and (loop.time() >= until or _is_stopping() or not errand.looks_again()):
                    return errand
                # A heartbeat is billed; the few of one delivery need none.
                if activity.in_activity() and activity.info().heartbeat_timeout is not None:
                    activity.heartbeat()
        finally:
            for call in errand.calls:
                call.cancel()
            await asyncio.gather(*errand.calls, return_exceptions=True)

    async def _take_up(self, errand: _Errand, limit: int) -> list[TakenUp]:
        now = errand.now()
        quiet = quiet_until(now)
        async with connection_of(self._pool) as connection:
            at_rest = 0 if quiet is None else await self._leave_in_peace(connection, errand, quiet, now)
            ids = None if errand.ids is None else errand.ids[:limit]
            values = {"ids": ids, "at": now, "lease": LEASE, "limit": limit, "with_applicants": quiet is None}
            rows = [] if ids == [] else await SQL["take_up"].all(connection, values)
            reaches = await reaches_of(connection, rows, now.astimezone(SHANGHAI).date())
            due = [row for row in rows if row["state"] == Standing.pending]
            taken = [TakenUp(row, reaches[row["id"]], self._providers, self._sealer.delivery_key) for row in due]
            await _look([each for each in taken if each.row["attempts"] > 1], connection)
        errand.took = errand.took or bool(rows)
        errand.ended += [(row["id"], Standing.overtaken) for row in rows if row["state"] == Standing.overtaken]
        if errand.ids is None:
            errand.is_through = len(rows) < limit and at_rest < AT_REST_AT_ONCE
        else:
            found = {row["id"] for row in rows}
            errand.passed_over += [each for each in errand.ids[:limit] if each not in found]
            del errand.ids[:limit]
            errand.is_through = not errand.ids
        return taken

    async def _renew(self, errand: _Errand) -> None:
        """What is under way is not left behind, however long its providers take."""
        loop = asyncio.get_running_loop()
        if loop.time() < errand.renews_at:
            return
        taken = list(errand.under_way)
        values = {
            "ids": [each.id for each in taken],
            "attempts": [each.row["attempts"] for each in taken],
            "at": errand.now(),
            "lease": LEASE,
        }
        async with connection_of(self._pool) as connection:
            await SQL["renew"].run(connection, values)
        errand.renews_at = loop.time() + RENEWED_SECONDS

    async def _leave_in_peace(self, connection: Connection, errand: _Errand, quiet: datetime, now: datetime) -> int:
        values = {"ids": errand.ids, "at": now, "quiet_until": quiet, "many": AT_REST_AT_ONCE}
        at_rest = {row["id"] for row in await SQL["leave_in_peace"].all(connection, values)}
        errand.at_rest += len(at_rest)
        if errand.ids is not None:
            errand.ids = [each for each in errand.ids if each not in at_rest]
        return len(at_rest)

    # --- channels ---------------------------------------------------------------------------------------------------

    async def _go_on(self, errand: _Errand, idle: list[TakenUp]) -> None:
        """Record what was heard, and let whatever has no call under way go as far as it goes without waiting."""
        heard, errand.heard = errand.heard, []
        under_way = errand.under_way
        idle += {each.taken for each in heard} - under_way
        if not idle and not heard:
            return
        async with connection_of(self._pool) as connection:
            while idle or heard:
                now = errand.now()
                seen = {each: each.states for each in idle}
                for each in heard:
                    each.taken.hear(each.delivery, each.answer, now)
                due = {each: each.due(now) for each in idle}
                ends = {each: None if due[each] else each.end(now) for each in idle}
                changed = await self._record(connection, heard, seen, ends, now)
                ended = [(each, end) for each, end in ends.items() if end is not None and each not in changed]
                errand.ended += [(each.id, end.standing) for each, end in ended]
                starting = {each: ways for each, ways in due.items() if ways and each not in changed}
                await self._begin(connection, errand, starting, now)
                idle, heard = [*changed, *(starting.keys() - errand.under_way)], []

    async def _begin(
        self, connection: Connection, errand: _Errand, starting: Mapping[TakenUp, Sequence[Delivery]], now: datetime
    ) -> None:
        """Write down ways and the attempts at them, and make those for which there is a slot."""
        if not starting:
            return
        wanted = [(taken, each, self._parcel(taken, each, now)) for taken, ways in starting.items() for each in ways]
        values = {
            "at": now,
            "patience": PACE_PATIENCE,
            "paced": list({each.channel for _, each, _ in wanted if each.channel in self._steps}),
            "notifications": [taken.id for taken, _, _ in wanted],
            "deliveries": [each.id for _, each, _ in wanted],
            "channels": [each.channel for _, each, _ in wanted],
            "keys": [each.key for _, each, _ in wanted],
            "staff": [each.staff for _, each, _ in wanted],
            "addresses": [each.address for _, each, _ in wanted],
            "languages": [each.tongue for _, each, _ in wanted],
            "providers": [self._providers[each.channel].name if each.id is None else None for _, each, _ in wanted],
            "rounds": [each.round for _, each, _ in wanted],
            "steps": [self._steps.get(each.channel, timedelta()) for _, each, _ in wanted],
            "ready": [parcel is not None for _, _, parcel in wanted],
        }
        begun = {(row["notification_id"], row["channel"]): row for row in await SQL["begin"].all(connection, values)}
        if any(row["slot"] is None for row in begun.values()):
            await SQL["open_paces"].run(connection, values)
        for taken, each, parcel in wanted:
            row = begun[taken.id, each.channel]
            each.id = each.id or row["id"]
            if row["slot"] is None:
                continue
            taken.tried.add(each.channel)
            if row["is_granted"] and row["id"] is not None and parcel is not None:
                call = _in_turn(self._providers[each.channel], parcel, row["slot"] - now)
                errand.calls[asyncio.create_task(call)] = taken, each
            elif not row["is_granted"] and parcel is not None:
                taken.wait(Code.CHANNEL_BUSY, row["slot"])

    def _parcel(self, taken: TakenUp, delivery: Delivery, now: datetime) -> Parcel | None:
        """What the provider is given; None where a person has to mend something first."""
        row = taken.row
        try:
            if delivery.channel not in self._providers:
                raise CaseError(Code.CHANNEL_NOT_CONFIGURED)
            message = compose(
                row["template"],
                Recipient(row["recipient"]),
                row["case_id"],
                read(json.loads(row["facts"])),
                at=now,
                channel=delivery.channel,
                tongue=delivery.tongue,
                desk=Desk.of(json.loads(row["desk"]) if row["desk"] else None, row["reference"]),
            )
            owner = delivery.staff or row["person"]
            address = self._sealer.open(delivery.address, field=sealed_as(delivery.channel), person=owner)
        except CaseError as wrong:
            # The others must not wait for that.
            log.exception("a notification cannot be sent", extra={"notification": taken.id, "code": wrong.code.value})
            taken.wait(wrong.code, now + AGAIN_AFTER)
            return None
        return Parcel(delivery.key, delivery.channel, address, message.subject, message.body, delivery.round)

    async def _record(
        self,
        connection: Connection,
        heard: Sequence[_Heard],
        seen: Mapping[TakenUp, str],
        ends: Mapping[TakenUp, End | None],
        now: datetime,
    ) -> list[TakenUp]:
        """Record answers, and settle what has come to its end; returns that of which a receipt told meanwhile."""
        if not heard and not any(ends.values()):
            return []
        for _, delivery, answer in heard:
            if answer.after_seconds is not None:
                until = now + timedelta(seconds=answer.after_seconds)
                await SQL["leave_alone"].run(connection, {"channel": delivery.channel, "until": until})
            if answer.verdict is Verdict.refused and answer.code is Code.ADDRESS_INVALID:
                await SQL["invalidate_contact"].run(connection, {"delivery": delivery.id})
        values: dict[str, Any] = {
            "at": now,
            "ids": list({each.id for each in ends} | {each.taken.id for each in heard}),
            "deliveries": [each.delivery.id for each in heard],
            "outcomes": [each.delivery.state for each in heard],
            "codes": [each.answer.code for each in heard],
            "references": [each.answer.reference for each in heard],
            "uncertain": [each.delivery.uncertain for each in heard],
            "idle": [each.id for each in ends],
            "attempts": [each.row["attempts"] for each in ends],
            "seen": [seen[each] for each in ends],
            "standings": [None if end is None else end.standing for end in ends.values()],
            "errors": [None if end is None else end.error for end in ends.values()],
            "nexts": [None if end is None else end.next_at for end in ends.values()],
        }
        changed = {row["id"] for row in await SQL["record"].all(connection, values)}
        again = [each for each in ends if each.id in changed]
        await _look(again, connection)
        return again


async def _look(taken: Sequence[TakenUp], connection: Connection) -> None:
    """See what the register knows of ways that others may have begun, or told of."""
    if not taken:
        return
    rows = await SQL["deliveries_of"].all(connection, {"ids": [each.id for each in taken]})
    for each in taken:
        each.see([Delivery.of(row) for row in rows if row["notification_id"] == each.id])


async def _in_turn(provider: Provider, parcel: Parcel, wait: timedelta) -> Answer:
    """Call a provider when its pace allows."""
    await asyncio.sleep(max(wait.total_seconds(), 0))
    return await _call(provider, parcel)


async def _call(provider: Provider, parcel: Parcel) -> Answer:
    try:
        async with asyncio.timeout(CALL_SECONDS + 1):
            return await provider.send(parcel)
    except TimeoutError:
        return unknown()
    except Exception as error:  # noqa: BLE001 - whatever a library raises once it was called, nobody knows what arrived
        log.warning("a provider's call broke", extra={"provider": provider.name, "error": type(error).__name__})
        return unknown()


def _callers_time(at: datetime, *, nominal: bool) -> datetime:
    """The time of whoever asked, for where it counts: it may have been skipped forward.

    What an occasion names is when it was due: the server's time is later, however late that became.
    """
    if not activity.in_activity():
        return at
    info = activity.info()
    return max(at, info.started_time) if nominal else at + (info.started_time - info.scheduled_time)


def _going_on(begun: datetime) -> Now:
    """A clock that goes on from a moment. A worker's own may be wrong, which does not matter here."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    return lambda: begun + timedelta(seconds=loop.time() - since)


def _is_stopping() -> bool:
    return activity.in_activity() and activity.is_worker_shutdown()
