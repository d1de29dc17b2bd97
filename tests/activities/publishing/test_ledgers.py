"""What receivers have in the end: everything once, in order for each case, whatever happened to them on the way."""

import asyncio
from base64 import b32encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

import aiohttp
import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.publishing.publisher import FEWEST_ATTEMPTS, GIVEN_UP_AFTER, OF_EACH, Publisher
from activities.publishing.signing import WebhookKeys
from activities.registry.pool import Pool
from cases.events import Event
from cases.models import Role, System
from tests.activities.play import NORTH, Play, insured
from tests.activities.publishing.sinks import Does, Sink, Time, listening, now_and_then
from tests.activities.test_effects_on_numbers import confirmation
from tests.namespaces import until

A_MINUTE = timedelta(seconds=60)
A_DAY = timedelta(days=1)
FAULTY = 0.1
MOMENT = timedelta(milliseconds=1)

NEXT_AT = """
    SELECT min(greatest(subscriptions.next_attempt_at, first.leased_until, first.not_before))
    FROM subscriptions
    LEFT JOIN subscription_queue AS first ON first.subscription = subscriptions.id AND first.state = 'pending'
    WHERE (subscriptions.state = 'unverified' OR (subscriptions.state = 'active' AND first.sequence IS NOT NULL))
      AND NOT EXISTS (
          SELECT FROM subscription_queue AS before
          WHERE (before.subscription, before.case_id) = (first.subscription, first.case_id)
            AND before.state = 'pending' AND before.sequence < first.sequence
      )
"""
MEANT_FOR = """
    SELECT feed.sequence, feed.case_id FROM feed JOIN subscriptions
        ON sees_of_feed(feed.target, feed.of_kind, feed.region, subscriptions.role, subscriptions.of_kinds,
                        subscriptions.office)
    WHERE subscriptions.client = $1 ORDER BY feed.sequence
"""
LEFT = """
    SELECT count(*) FROM subscription_queue AS queued JOIN subscriptions ON subscriptions.id = queued.subscription
    WHERE queued.state = $1 AND subscriptions.state = 'active'
"""


@dataclass
class Post:
    """Two workers that publish and send, on one register and by one clock."""

    play: Play
    time: Time
    publishers: tuple[Publisher, ...]

    async def goes_round(self) -> bool:
        """Everything is sent that may be sent now; false where that is nothing."""
        some = False
        for publisher in self.publishers:
            some = bool(await publisher.publish()) or some
            some = bool(await publisher.send()) or some
        return some

    async def settles(self) -> None:
        """Nothing is on its way, and nothing may be sent before some time has passed."""
        while True:
            while await self.goes_round():
                pass
            await asyncio.gather(*(publisher.settled() for publisher in self.publishers))
            if not await self.goes_round():
                return

    async def waits(self) -> bool:
        """Time passes until something may be sent again; false where nothing is left."""
        next_at: datetime | None = await self.play.value(NEXT_AT)
        if next_at is None:
            return False
        self.time.pass_(max(next_at - self.time.now(), timedelta()) + MOMENT)
        return True

    async def empties(self) -> None:
        """Go on until whoever is well has everything."""
        await self.settles()
        while await self.waits():
            await self.settles()

    async def follows(self, sink: Sink, address: str, role: Role = Role.back_office) -> str:
        """Have a sink told of everything from now on, once it has answered its challenge."""
        which = "sub-" + b32encode(sink.name.ljust(17, "-").encode())[:26].decode().lower()
        await self.play.write(
            "INSERT INTO subscriptions (id, client, role, office, sink, of_kinds, state, challenge, next_attempt_at, "
            "created_at) VALUES ($1, $2, $3, $4, $5, '{IdNumberChange,CardReplacement}', 'unverified', 'c', $6, $6)",
            *(which, sink.name, role.value, NORTH, f"{address}/{sink.name}", self.time.now()),
        )
        return which

    async def meant_for(self, sink: Sink) -> dict[str, list[int]]:
        """The places of what a sink is to have, by case."""
        meant: dict[str, list[int]] = {}
        for row in await self.play.rows(MEANT_FOR, sink.name):
            meant.setdefault(row["case_id"], []).append(row["sequence"])
        return meant

    async def left(self, state: str = "pending") -> int:
        found: int = await self.play.value(LEFT, state)
        return found

    async def stands(self, which: str) -> asyncpg.Record:
        (row,) = await self.play.rows("SELECT * FROM subscriptions WHERE id = $1", which)
        return row


@asynccontextmanager
async def working(play: Play, **more: Any) -> AsyncIterator[Post]:
    time = Time()
    keys = WebhookKeys({"one": Ed25519PrivateKey.generate()})
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        publishers = tuple(Publisher(play.pool, session, "ledgers", keys, clock=time.told, **more) for _ in range(2))
        yield Post(play, time, publishers)
        await asyncio.gather(*(publisher.settled() for publisher in publishers))


async def some_lives(play: Play, number: int) -> None:
    """Cases that ask three systems and hear from them."""
    for _ in range(number):
        await play.load(person := insured())
        state = await play.committed(play.change(person))
        for system in System:
            state = await play.move(state, Event.confirm_downstream, confirmation(system))


IMPATIENT = aiohttp.ClientTimeout(total=0.3)


async def test_everything_comes_once_and_in_order_whatever_goes_wrong_on_the_way(play: Play) -> None:
    async with working(play, patience=IMPATIENT) as post:
        chance = Random(7)  # noqa: S311 - faults that can be repeated
        well, bank = Sink("well", post.time), Sink("bank-1", post.time, now_and_then(chance, FAULTY))
        shaken = Sink("shaken", post.time, now_and_then(chance, FAULTY))
        async with listening(well, bank, shaken) as address:
            for sink, role in ((well, Role.back_office), (bank, Role.bank), (shaken, Role.back_office)):
                await post.follows(sink, address, role)
            await post.settles()
            await some_lives(play, 25)
            await post.settles()
            # Nobody waits for whom something goes wrong with.
            assert well.of_cases == await post.meant_for(well)
            assert sum(map(len, well.of_cases.values())) >= 200
            await post.empties()
        for sink in (well, bank, shaken):
            assert sink.of_cases == await post.meant_for(sink), sink.name
        assert (await post.left(), await post.left("dead")) == (0, 0)
        assert len(shaken.did) >= 5
        assert shaken.came.total() > len(shaken.came)
        asked = [said for said in bank.effects.values() if said["type"] == "cardcase.number_changed.v1"]
        delivered = await play.value(
            "SELECT count(*) FROM delivered_events WHERE (client, way) = ('bank-1', 'webhook')"
        )
        assert delivered == len(asked) == 25


async def test_who_was_away_for_a_day_has_everything_within_a_minute_and_cost_nobody_anything(play: Play) -> None:
    async with working(play) as post:
        back_at: list[datetime] = []
        away = Sink("away", post.time, lambda _said: Does.takes if back_at else Does.cuts)
        well = Sink("well", post.time)
        async with listening(away, well) as address:
            which = await post.follows(away, address)
            await post.follows(well, address)
            await post.settles()
            left_at = post.time.now()
            await some_lives(play, 6)
            await post.settles()
            assert well.of_cases == await post.meant_for(well)
            # It is asked less and less often, by each worker with one message at a time.
            for _ in range(12):
                before = away.came.total()
                assert await post.waits()
                await post.settles()
                assert before < away.came.total() <= before + len(post.publishers)
            assert (await post.stands(which))["failing_since"] - left_at < A_MINUTE
            post.time.pass_(A_DAY)
            await post.settles()
            assert away.effects == {}
            back_at.append(post.time.now())
            await post.empties()
        assert away.of_cases == await post.meant_for(away)
        assert away.took_last_at is not None
        assert away.took_last_at - back_at[0] < A_MINUTE
        assert (await post.stands(which))["failing_since"] is None


async def test_what_is_never_accepted_holds_up_its_own_case_alone_and_is_given_up_after_days(play: Play) -> None:
    async with working(play) as post:
        never: set[str] = set()

        def refuses(said: dict[str, Any]) -> Does:
            if not never:
                never.add(said["id"])
            return Does.fails if said["id"] in never else Does.takes

        sink = Sink("choosy", post.time, refuses)
        async with listening(sink) as address:
            which = await post.follows(sink, address)
            await post.settles()
            await some_lives(play, 3)
            began = post.time.now()
            await post.settles()
            for _ in range(4):
                await post.waits()
                await post.settles()
            meant = await post.meant_for(sink)
            (held_up,) = meant.keys() - sink.of_cases.keys()
            assert sink.of_cases == {case: places for case, places in meant.items() if case != held_up}
            assert post.time.now() - began < A_MINUTE
            while max(sink.came.values()) < FEWEST_ATTEMPTS:
                assert await post.waits()
                await post.settles()
            assert await post.left("dead") == 0
            post.time.pass_(GIVEN_UP_AFTER)
            await post.empties()
            # Nothing of the case comes before what was given up is given up, and all that follows it comes then.
            assert await post.left("dead") == 1
            assert sink.of_cases[held_up] == meant[held_up][1:]
            (lost,) = never
            never.symmetric_difference_update({lost, "nothing"})
            await play.write(
                "UPDATE subscription_queue SET state = 'pending', attempts = 0, not_before = NULL "
                "WHERE subscription = $1 AND state = 'dead'",
                which,
            )
            await post.empties()
        assert (await post.left("dead"), sink.came[lost] > FEWEST_ATTEMPTS, lost in sink.effects) == (0, True, True)


async def test_who_hangs_has_a_few_messages_at_most_and_who_is_gone_none(play: Play) -> None:
    async with working(play, patience=IMPATIENT) as post:
        hanging, well = Sink("hanging", post.time, lambda _said: Does.hangs), Sink("well", post.time)
        gone = Sink("gone", post.time, lambda said: Does.is_gone if said["data"]["version"] else Does.takes)
        async with listening(hanging, well, gone) as address:
            for sink in (hanging, well):
                await post.follows(sink, address)
            ended = await post.follows(gone, address)
            await post.settles()
            await some_lives(play, 20)
            while sum(map(len, well.of_cases.values())) < 100:
                await post.goes_round()
                await asyncio.sleep(0)
                assert hanging.came.total() <= OF_EACH * len(post.publishers)
            await post.settles()
            assert well.of_cases == await post.meant_for(well)
            row = await post.stands(ended)
            assert (row["state"], row["last_error"]) == ("ended", "gone")
            told = gone.came.total()
            await some_lives(play, 1)
            await post.settles()
            assert gone.came.total() == told


class Torn:
    """A pool whose connections the driver itself gives up a few times, as where their server is killed."""

    def __init__(self, pool: Pool, times: int) -> None:
        self._pool = pool
        self.left = times

    def acquire(self, *, timeout: float) -> Any:
        if self.left:
            self.left -= 1
            raise asyncpg.InternalClientError("got result for unknown protocol state")
        return self._pool.acquire(timeout=timeout)

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection)


async def has_all(post: Post, sink: Sink) -> bool:
    return bool(sink.of_cases) and sink.of_cases == await post.meant_for(sink)


async def test_who_publishes_goes_on_after_its_connections_were_torn(play: Play) -> None:
    async with working(play) as post, aiohttp.ClientSession() as session:
        # Whoever publishes forgets what was told a month ago: it has the time of the cases, or their ledger goes too.
        post.time.pass_(play.at - post.time.now())
        sink = Sink("patient", post.time)
        async with listening(sink) as address:
            await post.follows(sink, address)
            await post.settles()
            await some_lives(play, 1)
            torn = Torn(play.pool, 3)
            publisher = Publisher(cast("Pool", torn), session, "ledgers", post.publishers[0].keys, clock=post.time.told)
            async with publisher.running(), asyncio.timeout(20):
                await until(lambda: has_all(post, sink))
    assert torn.left == 0


def in_shares(number: int, share: int) -> Sequence[int]:
    return [share] * (number // share)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_ten_thousand_events_with_faults_in_a_tenth_are_lost_by_nobody(play: Play) -> None:
    async with working(play, patience=IMPATIENT) as post:
        chance = Random(11)  # noqa: S311 - faults that can be repeated
        sinks = {
            Sink("shaken", post.time, now_and_then(chance, FAULTY)): Role.back_office,
            Sink("shaken-2", post.time, now_and_then(chance, FAULTY)): Role.back_office,
            Sink("bank-1", post.time, now_and_then(chance, FAULTY)): Role.bank,
        }
        back_at: list[datetime] = []
        away = Sink("away", post.time, lambda _said: Does.takes if back_at else Does.cuts)
        async with listening(*sinks, away) as address:
            for sink, role in {**sinks, away: Role.back_office}.items():
                await post.follows(sink, address, role)
            await post.settles()
            for share in in_shares(840, 20):
                await some_lives(play, share)
                await post.settles()
                await post.waits()
            post.time.pass_(A_DAY)
            await post.settles()
            back_at.append(post.time.now())
            await post.empties()
        assert await play.value("SELECT count(*) FROM feed") >= 10_000
        for sink in (*sinks, away):
            assert sink.of_cases == await post.meant_for(sink), sink.name
            assert sink is away or sink.did.total() - sink.did[Does.takes] > sink.did.total() * FAULTY / 2
        assert (await post.left(), await post.left("dead")) == (0, 0)
        assert away.took_last_at is not None
        assert away.took_last_at - back_at[0] < A_MINUTE
