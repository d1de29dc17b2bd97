"""The publisher: gives what is committed its place in the feed, and sends it to those who are told by webhook.

It runs in every worker; a row of the register is held by whoever publishes, and a lease by whoever sends. A worker that
dies in the middle loses nothing: what it sent and did not write down is sent again, under the same ID.

In order for each sink and case, at least once. A sink that fails is left in peace for longer and longer and costs
nobody else anything; one that answers 410 has ended. What is not accepted for days is given up, until somebody has it
sent again.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import asyncpg

from activities.bodies import body_of
from activities.publishing.entries import Challenge, Entry
from activities.publishing.feed import SQL, entries_at
from activities.publishing.signing import WebhookKeys
from activities.registry.clock import RegisterTime
from activities.registry.errors import code_of
from activities.registry.pool import AWAY, Pool, connection_of
from cases.errors import CaseError
from cases.events import Event
from cases.steps import Neighbour

EVERY_SECONDS: Final = 0.25
"""How long what is committed waits at most before it gets its place; the register is asked with one statement."""
AT_ONCE: Final = 2000
"""Places that are given in one transaction."""
OF_EACH: Final = 16
"""Messages that one sink gets at the same time, of different cases."""
LEASE: Final = timedelta(seconds=30)
"""As long as a call may take, and as long again to write down its answer: what somebody had who died leaves within a
minute all the same."""
CALL: Final = aiohttp.ClientTimeout(total=15, connect=5)
FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 25.0
"""A sink that is back is found out soon, and has everything within a minute; one that is not costs a call each time."""
GIVEN_UP_AFTER: Final = timedelta(days=3)
FEWEST_ATTEMPTS: Final = 8
"""Before a message is given up, however old it is: a sink that was away for long is tried again first."""
VERIFIED_WITHIN: Final = 12
"""Attempts after which a sink that never answered its challenge is left alone."""
KEPT: Final = timedelta(days=30)
FORGETS_EVERY: Final = timedelta(hours=1)
LOOKS_EVERY: Final = timedelta(minutes=1)
"""How often cases are looked for whose question arrived after its time, and are told so."""
LARGEST_ANSWER: Final = 4096

CONTENT_TYPE: Final = "application/cloudevents+json"

TellCase = Callable[[Neighbour], Awaitable[None]]
"""Gives a running case a hint; whether what it says is so the register says."""

log = logging.getLogger(__name__)


def _say_why_it_ended(running: "asyncio.Task[None]") -> None:
    """A fault of our own ends the publisher of one process: the others go on, and this one says so."""
    if not running.cancelled() and (fault := running.exception()) is not None:
        log.critical("this process publishes no more", extra={"code": code_of(fault).value})


def wait_after(failures: int, chance: Callable[[], float] = random.random) -> timedelta:
    """How long a sink is left in peace after so many failures in a row: doubling, with a third of it left to chance."""
    longest = min(FIRST_WAIT_SECONDS * 2 ** min(failures - 1, 20), LONGEST_WAIT_SECONDS)
    return timedelta(seconds=longest * (2 / 3 + chance() / 3))


@dataclass
class Publisher:
    """Publishes and sends. `keys` None sends nothing: the feed is there all the same.

    `tell` is how a case learns that its question arrived after the time for that; one in time asks by itself.
    """

    pool: Pool
    session: aiohttp.ClientSession
    namespace: str
    keys: WebhookKeys | None = None
    clock: Callable[[], Awaitable[datetime]] | None = None
    """What time it is; the register's, unless another one is given."""
    tell: TellCase | None = None
    patience: aiohttp.ClientTimeout = CALL
    _sending: "set[asyncio.Task[None]]" = field(default_factory=set)
    _on_their_way: Counter[str] = field(default_factory=Counter)
    _arrival: asyncio.Event = field(default_factory=asyncio.Event)
    """Something that was being sent is written down: what follows it in its case may be sent."""
    _forgets_at: datetime | None = None
    _looks_at: datetime | None = None

    def __post_init__(self) -> None:
        self._now = self.clock or RegisterTime(self.pool).now

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run for the length of a block; what is being sent at its end is finished."""
        running = asyncio.create_task(self._run())
        running.add_done_callback(_say_why_it_ended)
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._arrival.clear()
            try:
                published = await self.publish()
                sent = await self.send() if self.keys is not None else 0
                await self._forget()
                await self._look()
            except (CaseError, *AWAY) as away:
                # A register that is away comes back; nothing is lost meanwhile.
                log.warning("nothing is published just now", extra={"code": code_of(away).value})
                published = sent = 0
            if not published and not sent:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_SECONDS):
                        await self._arrival.wait()

    async def publish(self) -> int:
        """Give places to what has none. Returns to how many."""
        async with connection_of(self.pool) as connection:
            row = await SQL["publish"].first(connection, {"at_most": AT_ONCE})
        return 0 if row is None else int(row["published"])

    async def send(self) -> int:
        """Begin to send what may be sent now. Returns how many messages that are."""
        now = await self._now()
        async with connection_of(self.pool) as connection:
            strangers = await SQL["unverified"].all(connection, {"at": now, "at_most": OF_EACH})
            leased = await SQL["lease"].all(
                connection,
                {
                    "at": now,
                    "until": now + LEASE,
                    "of_each": OF_EACH,
                    "sinks": list(self._on_their_way),
                    "on_their_way": list(self._on_their_way.values()),
                },
            )
        entries = await entries_at(self.pool, [row["sequence"] for row in leased], self.namespace) if leased else {}
        for row in strangers:
            self._begin(self._verify(row))
        for row in leased:
            self._begin(self._tell(row, entries.get(row["sequence"])), row["subscription"])
        return len(strangers) + len(leased)

    async def settled(self) -> None:
        """Wait until everything that was begun is finished."""
        while self._sending:
            await asyncio.gather(*self._sending)

    def _begin(self, work: Coroutine[Any, Any, None], subscription: str | None = None) -> None:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        if subscription is not None:
            self._on_their_way[subscription] += 1
            task.add_done_callback(lambda _: self._arrived(subscription))

    def _arrived(self, subscription: str) -> None:
        self._arrival.set()
        self._on_their_way[subscription] -= 1
        if not self._on_their_way[subscription]:
            del self._on_their_way[subscription]

    async def _forget(self) -> None:
        now = await self._now()
        if self._forgets_at is not None and now < self._forgets_at:
            return
        async with connection_of(self.pool) as connection:
            await SQL["forget"].run(connection, {"before": now - KEPT})
        self._forgets_at = now + FORGETS_EVERY

    async def _look(self) -> None:
        now = await self._now()
        if self.tell is None or (self._looks_at is not None and now < self._looks_at):
            return
        self._looks_at = now + LOOKS_EVERY
        await self.tell_the_asked()

    async def tell_the_asked(self) -> int:
        """Tell the cases that everybody was asked by now who could not be asked in time. Returns how many."""
        if self.tell is None:
            return 0
        async with connection_of(self.pool) as connection:
            rows = await SQL["asked_after_all"].all(connection, {"at_most": AT_ONCE})
        for row in rows:
            await self.tell(Neighbour(case_id=row["case_id"], event=Event.question_delivered))
        return len(rows)

    # --- one message ------------------------------------------------------------------------------------------------

    async def _tell(self, row: asyncpg.Record, entry: Entry | None) -> None:
        status = HTTPStatus.OK if entry is None else await self._post(row["sink"], entry.id, _body_of(entry))
        now = await self._now()
        values: dict[str, Any] = {"id": row["subscription"], "at": now}
        sent = {"sequence": row["sequence"], "leased_until": row["leased_until"]}
        if status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            await self._write("accepted", values | sent)
        elif status == HTTPStatus.GONE:
            await self._write("gone", values)
        else:
            failures = max(row["attempts"], row["failures"]) + 1
            give_up = failures >= FEWEST_ATTEMPTS and now - row["queued_at"] > GIVEN_UP_AFTER
            wait = wait_after(row["failures"] + 1)
            told = {
                "error": "no answer" if status is None else f"status {int(status)}",
                "give_up": give_up,
                # What follows a message that is given up is not held up by it.
                "next": now if give_up else now + wait,
                # Its sink is asked before that, with what another case is told.
                "message_next": None if give_up else now + max(2 * wait, wait_after(failures)),
            }
            await self._write("not_accepted", values | sent | told)

    async def _verify(self, row: asyncpg.Record) -> None:
        """Ask a sink whether it wants to be told: it answers the challenge, or it is none of ours."""
        asked = Challenge(subscription=row["id"], challenge=row["challenge"])
        body = asked.model_dump_json().encode()
        answer: list[bytes] = []
        status = await self._post(row["sink"], f"{row['id']}.verify", body, answer)
        said: object = None
        with contextlib.suppress(ValueError, RecursionError):
            said = json.loads(answer[0]) if answer else None
        now = await self._now()
        if status == HTTPStatus.OK and isinstance(said, dict) and said.get("challenge") == row["challenge"]:
            await self._write("verified", {"id": row["id"], "at": now})
            return
        told = {"id": row["id"], "at": now, "next": now + wait_after(row["failures"] + 1), "most": VERIFIED_WITHIN}
        await self._write("not_verified", told | {"error": "the challenge was not answered"})

    async def _post(self, sink: str, message_id: str, body: bytes, answer: list[bytes] | None = None) -> int | None:
        """The status with which a sink answered; None where it did not."""
        if self.keys is None:
            return None
        signed = self.keys.headers(message_id, int((await self._now()).timestamp()), body)
        try:
            async with self.session.post(
                sink,
                data=body,
                headers={"Content-Type": CONTENT_TYPE, **signed},
                allow_redirects=False,
                timeout=self.patience,
            ) as response:
                if answer is not None:
                    answer.append(await body_of(response, LARGEST_ANSWER) or b"")
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    async def _write(self, query: str, values: dict[str, Any]) -> None:
        """Write down what became of a message. Where that fails the lease ends, and it is sent again."""
        try:
            async with connection_of(self.pool) as connection:
                await SQL[query].run(connection, values)
        except AWAY as away:
            log.warning("an answer could not be written down", extra={"code": code_of(away).value})


def _body_of(entry: Entry) -> bytes:
    return entry.model_dump_json(exclude_none=True).encode()
