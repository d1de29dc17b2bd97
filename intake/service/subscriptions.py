"""Who is told by webhook: subscriptions, each of one client and one sink. Workers send; this only writes down."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Path, Request, Response
from pydantic import Field

from activities.addresses import is_web, read_url
from activities.publishing.feed import Reader
from activities.publishing.subscribing import (
    State,
    Subscription,
    change,
    forget_pending,
    replay,
    send_again,
    subscribe,
    subscriptions_of,
)
from cases.errors import CaseError, Code
from cases.models import Contract, Record, RegionCode
from cases.personal_data import uri_holds_personal_data
from cases.rules.people import covers
from intake.applications import checked
from intake.service.bodies import object_of
from intake.service.callers import Caller, caller_of
from intake.service.feed import read_place
from intake.service.reach import Reach, answered

MOST: Final = 20
"""Subscriptions of one client."""

SubscriptionId = Annotated[str, Path(pattern=r"^sub-[a-z2-7]{26}$")]
EventType = Annotated[str, Field(pattern=r"^cardcase\.[a-z_]{1,40}\.v1$")]


class Wanted(Contract):
    """What a client wants to be told of, and where."""

    sink: Annotated[str, Field(min_length=8, max_length=500)]
    """An https address of a host that the service knows. It answers the challenge of the first message."""
    types: Annotated[
        tuple[Annotated[str, Field(pattern=r"^cardcase\.[a-z_]{1,40}\.v1$")], ...], Field(max_length=50)
    ] = ()
    """Types of events; empty for all that the client is told of."""
    region: RegionCode | None = None
    """Only cases of this office's region; the client's own without."""


class From(Contract):
    """From where to send again."""

    after: Annotated[str, Field(max_length=40)]
    """A place in the feed, as `next` says it."""


class Subscriptions(Record):
    """The subscriptions of a client."""

    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True)
class Subscribing:
    """The routes of subscriptions."""

    reach: Reach

    async def begin(self, request: Request) -> Response:
        """Have events sent to a sink. It is asked once whether it wants them, and told from then on."""
        caller = caller_of(request)
        wanted = checked(Wanted, await object_of(request, Wanted))
        self._check_sink(wanted.sink)
        office = wanted.region or caller.actor.office
        if not covers(caller.actor.office, office):
            raise CaseError(Code.REGION_INVALID, "region")
        before = await subscriptions_of(self.reach.pool, caller.actor.id)
        if sum(each.ended_at is None for each in before) >= MOST:
            raise CaseError(Code.SUBSCRIPTIONS_TOO_MANY)
        reader = Reader(caller.actor, tuple(sorted(caller.kinds)))
        which = await subscribe(self.reach.pool, reader, wanted.sink, wanted.types, office, datetime.now(UTC))
        return answered(await self._one(caller, which), 201, {"Location": f"/v1/subscriptions/{which}"})

    async def list_them(self, request: Request) -> Response:
        """The caller's own subscriptions."""
        caller = caller_of(request)
        return answered(Subscriptions(subscriptions=await subscriptions_of(self.reach.pool, caller.actor.id)))

    async def read(self, request: Request, subscription: SubscriptionId) -> Response:
        """One of them."""
        return answered(await self._one(caller_of(request), subscription))

    async def pause(self, request: Request, subscription: SubscriptionId) -> Response:
        """Send nothing until it goes on; what happens meanwhile waits."""
        return await self._changed(request, subscription, State.paused, State.active)

    async def resume(self, request: Request, subscription: SubscriptionId) -> Response:
        """Go on."""
        return await self._changed(request, subscription, State.active, State.paused)

    async def end(self, request: Request, subscription: SubscriptionId) -> Response:
        """End it for good. What has not been sent is not sent any more."""
        standing = (State.unverified, State.active, State.paused)
        await self._changed(request, subscription, State.ended, *standing)
        await forget_pending(self.reach.pool, subscription)
        return await self.read(request, subscription)

    async def send_again(self, request: Request, subscription: SubscriptionId) -> Response:
        """Send what was given up once more."""
        caller = caller_of(request)
        await self._one(caller, subscription)
        await send_again(self.reach.pool, subscription)
        return answered(await self._one(caller, subscription))

    async def replay(self, request: Request, subscription: SubscriptionId) -> Response:
        """Send everything after a place in the feed once more, under the same IDs."""
        caller = caller_of(request)
        await self._one(caller, subscription)
        place = read_place(checked(From, await object_of(request, From)).after)
        if place is not None:
            await replay(self.reach.pool, caller.actor.id, subscription, place, datetime.now(UTC))
        return answered(await self._one(caller, subscription))

    async def _one(self, caller: Caller, which: str) -> Subscription:
        """Raises `CaseError` SUBSCRIPTION_UNKNOWN, also for another client's."""
        found = await subscriptions_of(self.reach.pool, caller.actor.id, which)
        if not found:
            raise CaseError(Code.SUBSCRIPTION_UNKNOWN)
        return found[0]

    async def _changed(self, request: Request, which: str, state: State, *before: State) -> Response:
        caller = caller_of(request)
        await self._one(caller, which)
        await change(self.reach.pool, caller.actor.id, which, state, before, datetime.now(UTC))
        return answered(await self._one(caller, which))

    def _check_sink(self, sink: str) -> None:
        """Raises `CaseError` SINK_REFUSED: nobody has a worker call what they like inside our networks; PII_IN_TEXT."""
        parts = read_url(sink)
        if parts is None or parts.netloc not in self.reach.sink_hosts or not is_web(sink, may_ask=True):
            raise CaseError(Code.SINK_REFUSED, "sink")
        if uri_holds_personal_data(sink):
            raise CaseError(Code.PII_IN_TEXT, "sink")
