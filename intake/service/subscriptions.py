"""Who is told by webhook: subscriptions, each of one client and one sink. Workers send; this only writes down."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Path, Request, Response
from pydantic import AwareDatetime, Field

from activities.publishing.entries import kind_of, type_of
from activities.publishing.feed import SQL
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.setting import LOOPBACK
from cases.errors import CaseError, Code
from cases.models import Contract, Record, RegionCode
from cases.rules.people import covers
from intake.applications import checked
from intake.service.bodies import object_of
from intake.service.callers import FEED, Caller
from intake.service.feed import read_place
from intake.service.reach import Reach, answered

MOST: Final = 20
"""Subscriptions of one client."""

SubscriptionId = Annotated[str, Path(pattern=r"^sub-[a-z2-7]{26}$")]
EventType = Annotated[str, Field(pattern=r"^cardcase\.[a-z_]{1,40}\.v1$")]
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"


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


class Subscription(Record):
    """A subscription, and how it stands."""

    id: str
    sink: str
    types: tuple[str, ...]
    state: str
    """unverified until the sink has answered its challenge; active; paused; ended."""
    pending: int
    """Events that have still to be sent."""
    dead: int
    """Events that were given up; `:resend` sends them again."""
    failures: int
    """Attempts in a row that failed."""
    last_error: str | None = None
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None


class Subscriptions(Record):
    """The subscriptions of a client."""

    subscriptions: tuple[Subscription, ...]


@case_errors_only
async def _all(pool: Pool, client: str, which: str | None = None) -> tuple[Subscription, ...]:
    async with connection_of(pool) as connection:
        rows = await SQL["subscriptions_of"].all(connection, {"client": client, "id": which})
    return tuple(
        Subscription.model_validate({**row, "types": [type_of(kind) for kind in row["kinds"]]}) for row in rows
    )


@case_errors_only
async def _run(pool: Pool, query: str, values: dict[str, Any]) -> int:
    async with connection_of(pool) as connection:
        return await SQL[query].run(connection, values)


@dataclass(frozen=True)
class Subscribing:
    """The routes of subscriptions."""

    reach: Reach

    async def begin(self, request: Request) -> Response:
        """Have events sent to a sink. It is asked once whether it wants them, and told from then on."""
        caller = await self._caller(request)
        wanted = checked(Wanted, await object_of(request))
        self._check_sink(wanted.sink)
        office = wanted.region or caller.actor.office
        if not covers(caller.actor.office, office):
            raise CaseError(Code.REGION_INVALID, "region")
        before = await _all(self.reach.pool, caller.actor.id)
        if sum(each.ended_at is None for each in before) >= MOST:
            raise CaseError(Code.SUBSCRIPTIONS_TOO_MANY)
        which = "sub-" + "".join(secrets.choice(_ALPHABET) for _ in range(26))
        values = {
            "id": which,
            "client": caller.actor.id,
            "role": caller.actor.role.value,
            "office": office,
            "sink": wanted.sink,
            "kinds": [kind_of(each) for each in wanted.types],
            "of_kinds": [kind.value for kind in sorted(caller.kinds)],
            "challenge": secrets.token_urlsafe(24),
            "at": datetime.now(UTC),
        }
        await _run(self.reach.pool, "subscribe", values)
        return answered(await self._one(caller, which), 201, {"Location": f"/v1/subscriptions/{which}"})

    async def list_them(self, request: Request) -> Response:
        """The caller's own subscriptions."""
        caller = await self._caller(request)
        return answered(Subscriptions(subscriptions=await _all(self.reach.pool, caller.actor.id)))

    async def read(self, request: Request, subscription: SubscriptionId) -> Response:
        """One of them."""
        return answered(await self._one(await self._caller(request), subscription))

    async def pause(self, request: Request, subscription: SubscriptionId) -> Response:
        """Send nothing until it goes on; what happens meanwhile waits."""
        return await self._changed(request, subscription, "paused", ("active",))

    async def resume(self, request: Request, subscription: SubscriptionId) -> Response:
        """Go on."""
        return await self._changed(request, subscription, "active", ("paused",))

    async def end(self, request: Request, subscription: SubscriptionId) -> Response:
        """End it for good. What has not been sent is not sent any more."""
        answer = await self._changed(request, subscription, "ended", ("unverified", "active", "paused"))
        await _run(self.reach.pool, "empty_queue", {"id": subscription})
        return answer

    async def send_again(self, request: Request, subscription: SubscriptionId) -> Response:
        """Send what was given up once more."""
        caller = await self._caller(request)
        await self._one(caller, subscription)
        await _run(self.reach.pool, "send_again", {"id": subscription})
        return answered(await self._one(caller, subscription))

    async def replay(self, request: Request, subscription: SubscriptionId) -> Response:
        """Send everything after a place in the feed once more, under the same IDs."""
        caller = await self._caller(request)
        await self._one(caller, subscription)
        place = read_place(checked(From, await object_of(request)).after)
        values = {"id": subscription, "client": caller.actor.id, "after": place.sequence if place else 0}
        await _run(self.reach.pool, "replay", values | {"at": datetime.now(UTC)})
        return answered(await self._one(caller, subscription))

    async def _caller(self, request: Request) -> Caller:
        caller = await self.reach.callers.of(request)
        caller.need(FEED)
        return caller

    async def _one(self, caller: Caller, which: str) -> Subscription:
        """Raises `CaseError` SUBSCRIPTION_UNKNOWN, also for another client's."""
        found = await _all(self.reach.pool, caller.actor.id, which)
        if not found:
            raise CaseError(Code.SUBSCRIPTION_UNKNOWN)
        return found[0]

    async def _changed(self, request: Request, which: str, state: str, before: tuple[str, ...]) -> Response:
        caller = await self._caller(request)
        await self._one(caller, which)
        values = {"id": which, "client": caller.actor.id, "state": state, "from_states": list(before)}
        await _run(self.reach.pool, "change_state", values | {"at": datetime.now(UTC)})
        return answered(await self._one(caller, which))

    def _check_sink(self, sink: str) -> None:
        """Raises `CaseError` SINK_REFUSED: nobody has a worker call what they like inside our networks."""
        try:
            parts = urlsplit(sink)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise CaseError(Code.SINK_REFUSED, "sink") from None
        plain = "@" not in parts.netloc and not parts.fragment and port != 0
        known = parts.netloc in self.reach.sink_hosts
        safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
        if not (plain and known and safe):
            raise CaseError(Code.SINK_REFUSED, "sink")
