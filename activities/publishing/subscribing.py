"""Who is told by webhook: subscriptions, each of one client and one sink. The publisher sends; this writes down."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import AwareDatetime

from activities.publishing.entries import kind_of, type_of
from activities.publishing.feed import SQL, Place, Reader
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from cases.models import Record, RegionCode

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_CHARACTERS: Final = 26


class State(StrEnum):
    """How a subscription stands."""

    unverified = "unverified"
    """The sink has not answered its challenge yet."""
    active = "active"
    paused = "paused"
    ended = "ended"


class Subscription(Record):
    """A subscription, and how it stands."""

    id: str
    sink: str
    types: tuple[str, ...]
    """Types of events; empty for all that the client is told of."""
    region: RegionCode
    """Only cases of this office's region."""
    state: State
    pending: int
    """Events that have still to be sent."""
    dead: int
    """Events that were given up, until somebody has them sent again."""
    failures: int
    """Attempts in a row that failed."""
    last_error: str | None = None
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None


async def subscribe(
    pool: Pool, reader: Reader, sink: str, types: Iterable[str], office: RegionCode, at: datetime
) -> str:
    """Write a subscription down, which begins when its sink has answered. Returns its ID."""
    which = "sub-" + "".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS))
    values = {
        "id": which,
        "client": reader.actor.id,
        "role": reader.actor.role.value,
        "office": office,
        "sink": sink,
        "kinds": [kind_of(each) for each in types],
        "of_kinds": [kind.value for kind in reader.of_kinds],
        "challenge": secrets.token_urlsafe(24),
        "at": at,
    }
    await _run(pool, "subscribe", values)
    return which


@case_errors_only
async def subscriptions_of(pool: Pool, client: str, which: str | None = None) -> tuple[Subscription, ...]:
    """The subscriptions of a client, the oldest first; or the one of an ID, if it is theirs."""
    async with connection_of(pool) as connection:
        rows = await SQL["subscriptions_of"].all(connection, {"client": client, "id": which})
    return tuple(
        Subscription.model_validate({**row, "types": [type_of(kind) for kind in row["kinds"]]}) for row in rows
    )


async def change(pool: Pool, client: str, which: str, state: State, before: Iterable[State], at: datetime) -> None:
    """Have a client's subscription stand so, where it stood otherwise before. What has ended begins no more."""
    values = {"id": which, "client": client, "state": state.value, "from_states": [each.value for each in before]}
    await _run(pool, "change_state", values | {"at": at})


async def forget_pending(pool: Pool, which: str) -> None:
    """What has not been sent is not sent any more."""
    await _run(pool, "empty_queue", {"id": which})


async def send_again(pool: Pool, which: str) -> None:
    """What was given up is sent once more."""
    await _run(pool, "send_again", {"id": which})


async def replay(pool: Pool, client: str, which: str, after: Place, at: datetime) -> None:
    """Everything after a place is sent once more, under the same IDs."""
    await _run(pool, "replay", {"id": which, "client": client, "after": after.sequence, "at": at})


@case_errors_only
async def _run(pool: Pool, query: str, values: dict[str, Any]) -> None:
    async with connection_of(pool) as connection:
        await SQL[query].run(connection, values)
