"""Messages go through the register in sets: what that costs, and that none of a set keeps another waiting."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from activities.notifications.notifications import AT_ONCE
from activities.notifications.providers import Answer, Parcel
from activities.notifications.providers.answers import accepted, postponed
from activities.notifications.standing import identity_of
from activities.registry.pool import connection_of, create_pool
from cases.clocks import SHANGHAI
from cases.delivery import Channel
from stack.tray import Fault
from tests.activities.notifications.telling import Telling

TAKE_UP, BEGIN, RECORD = "WITH due", "WITH leased", "WITH held"
TYPES = (
    *("sealed_text", "sha256_hex", "channel", "language", "keyed_token", "staff_id", "region_code"),
    *("bigint[]", "integer[]", "text[]", "boolean[]", "interval[]", "timestamptz[]"),
)
ONE_PACE = {Channel.sms: 1000.0}


class AtOnce:
    """A provider that answers at once, those excepted that it is told to keep waiting."""

    name = "at-once"

    def __init__(self, answer: Answer = accepted()) -> None:  # noqa: B008 - answers are frozen
        self.answer = answer
        self.called = asyncio.Event()
        self.released = asyncio.Event()
        self.slow: set[str] = set()
        self.calls: Counter[str] = Counter()

    async def send(self, parcel: Parcel) -> Answer:
        self.calls[parcel.key] += 1
        if parcel.key in self.slow:
            self.called.set()
            await self.released.wait()
        return self.answer


@asynccontextmanager
async def counted(telling: Telling, url: str) -> AsyncIterator[list[str]]:
    """What delivering asks of the register, each statement by its first words."""
    pool, shared = await create_pool(url, size=1), telling.pool
    statements: list[str] = []
    async with connection_of(pool) as connection:
        # The driver asks for domains and arrays once per connection; that is no statement of a delivery.
        for type_ in TYPES:
            await connection.fetch(f"SELECT $1::{type_}", None)
        connection.add_query_logger(lambda query: statements.append(" ".join(query.query.split()[:2])))
    telling.pool = pool
    yield statements
    telling.pool = shared
    await pool.close()


async def invited(telling: Telling, count: int, *channels: Channel) -> list[int]:
    """So many messages to applicants, each a person of its own."""
    return [await telling.invited(await telling.applicant(*(channels or (Channel.sms,)))) for _ in range(count)]


# --- what it costs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paces", [{}, ONE_PACE], ids=["unpaced", "paced"])
@pytest.mark.parametrize("count", [1, 2, AT_ONCE])
async def test_messages_that_go_together_take_three_statements(
    telling: Telling, database_url: str, count: int, paces: dict[Channel, float]
) -> None:
    telling.providers, telling.paces = {Channel.sms: AtOnce()}, paces
    # The very first message writes the row of the pace.
    await telling.deliver(*await invited(telling, 1))
    ids = await invited(telling, count)
    async with counted(telling, database_url) as statements:
        assert (await telling.deliver(*ids)).accepted == tuple(ids)
    assert statements == [TAKE_UP, BEGIN, RECORD]


async def test_twenty_messages_take_twice_as_many_as_two(telling: Telling, database_url: str) -> None:
    telling.providers = {Channel.sms: AtOnce()}
    ids = await invited(telling, 20)
    async with counted(telling, database_url) as statements:
        assert (await telling.deliver(*ids)).accepted == tuple(ids)
    assert Counter(statements) == {TAKE_UP: 2, BEGIN: 2, RECORD: 2}


async def test_a_channel_without_a_pace_writes_none(telling: Telling) -> None:
    telling.providers = {Channel.sms: AtOnce()}
    await telling.deliver(*await invited(telling, 2))
    assert await telling.rows("SELECT FROM channel_paces") == []


async def test_staff_of_all_offices_are_found_together(telling: Telling, database_url: str) -> None:
    telling.providers = {Channel.sms: AtOnce()}
    await telling.offices()
    for role in ("clerk", "team_lead"):
        await telling.staff(f"{role}-1", Channel.sms)
        await telling.post(f"{role}-1", role)
    ids = [await telling.escalated(recipient) for recipient in ("clerk", "team_lead", "clerk")]
    async with counted(telling, database_url) as statements:
        assert (await telling.deliver(*ids)).accepted == tuple(ids)
    assert len(statements) == 3 + 3
    told = await telling.rows("SELECT staff FROM deliveries ORDER BY notification_id")
    assert [row["staff"] for row in told] == ["clerk-1", "team_lead-1", "clerk-1"]


async def test_by_night_one_statement_lets_all_applicants_rest(telling: Telling, database_url: str) -> None:
    telling.at = datetime(2026, 8, 25, 23, 0, tzinfo=SHANGHAI)
    ids = await invited(telling, 40)
    async with counted(telling, database_url) as statements:
        assert (await telling.deliver(*ids[:20])).accepted == ()
        assert (await telling.sweep()).found == 20
    assert statements == ["UPDATE notifications", "UPDATE notifications", TAKE_UP, "SELECT count(*)"]
    rows = await telling.rows("SELECT DISTINCT state, error, next_attempt_at FROM notifications")
    assert [tuple(row) for row in rows] == [("pending", None, datetime(2026, 8, 26, 8, 0, tzinfo=SHANGHAI))]


# --- nobody waits for another ---------------------------------------------------------------------------------------


async def test_a_provider_that_hangs_keeps_no_other_message_waiting(telling: Telling) -> None:
    hanging = AtOnce()
    telling.providers = {Channel.sms: hanging, Channel.mail: AtOnce()}
    ids = await invited(telling, 2, Channel.sms) + await invited(telling, 2 * AT_ONCE, Channel.mail)
    hanging.slow = {await key(telling, each, Channel.sms) for each in ids[:2]}
    delivering = asyncio.create_task(telling.deliver(*ids))
    async with asyncio.timeout(10):
        while await telling.value("SELECT count(*) FROM notifications WHERE state = 'accepted'") < 2 * AT_ONCE:
            await asyncio.wait([delivering], timeout=0.02)
    assert not delivering.done()
    hanging.released.set()
    assert (await delivering).accepted == tuple(ids)


async def test_of_two_channels_one_is_recorded_while_the_other_hangs(telling: Telling) -> None:
    hanging = AtOnce()
    telling.providers = {Channel.sms: hanging, Channel.mail: AtOnce()}
    both = await telling.invited(await telling.applicant(Channel.sms, Channel.mail), second_channel=True)
    hanging.slow = {await key(telling, both, Channel.sms)}
    delivering = asyncio.create_task(telling.deliver(both))
    async with asyncio.timeout(10):
        while await telling.ways(both) != {"sms": "sending", "mail": "accepted"}:
            await asyncio.wait([delivering], timeout=0.02)
    assert await telling.standing(both) == "pending"
    hanging.released.set()
    assert (await delivering).accepted == (both,)


async def test_one_whose_provider_is_away_changes_nothing_for_the_others_of_its_set(telling: Telling) -> None:
    telling.providers = {Channel.sms: AtOnce(postponed()), Channel.mail: AtOnce()}
    away, good = [*await invited(telling, 1, Channel.sms), *await invited(telling, 1, Channel.mail)]
    assert (await telling.deliver(away, good)).accepted == (good,)
    rows = await telling.rows("SELECT state, uncertain, attempts, error FROM deliveries ORDER BY notification_id")
    assert [tuple(row) for row in rows] == [
        ("sending", False, 1, "CHANNEL_UNAVAILABLE"),
        ("accepted", False, 1, None),
    ]


async def test_a_reference_that_no_register_takes_costs_no_other_its_answer(telling: Telling) -> None:
    telling.providers = {Channel.sms: AtOnce(accepted("a\0b")), Channel.mail: AtOnce(accepted("c"))}
    ids = [*await invited(telling, 1, Channel.sms), *await invited(telling, 1, Channel.mail)]
    assert (await telling.deliver(*ids)).accepted == tuple(ids)
    rows = await telling.rows("SELECT provider_reference FROM deliveries ORDER BY notification_id")
    assert [row["provider_reference"] for row in rows] == [None, "c"]


async def test_a_set_that_is_too_large_for_its_pace_is_sent_as_far_as_the_pace_allows(telling: Telling) -> None:
    provider = AtOnce()
    telling.providers, telling.paces = {Channel.sms: provider}, {Channel.sms: 2.0}
    ids = await invited(telling, 8)
    # Now, and every half second until two seconds have passed.
    assert (await telling.deliver(*ids)).accepted == tuple(ids[:5])
    assert provider.calls.total() == 5
    waiting = await telling.rows(
        "SELECT notifications.error, notifications.next_attempt_at, deliveries.attempts, uncertain "
        "FROM notifications JOIN deliveries ON notification_id = notifications.id "
        "WHERE notifications.state = 'pending' ORDER BY notifications.id"
    )
    assert {(row["error"], row["attempts"], row["uncertain"]) for row in waiting} == {("CHANNEL_BUSY", 0, False)}
    moments = [row["next_attempt_at"] for row in waiting]
    assert [later - moments[0] for later in moments] == [timedelta(seconds=each / 2) for each in range(3)]
    telling.at += timedelta(minutes=1)
    assert (await telling.sweep()).accepted == 3


# --- receipts in between --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "ways"), [("failed", {"sms": "failed", "mail": "accepted"}), ("delivered", None)])
async def test_a_receipt_that_is_being_recorded_while_the_answer_comes_decides(
    telling: Telling, told: str, ways: dict[str, str] | None
) -> None:
    slow = AtOnce()
    telling.providers = {Channel.sms: slow, Channel.mail: AtOnce()}
    notification, other = await invited(telling, 2, Channel.sms, Channel.mail)
    slow.slow = {await key(telling, each, Channel.sms) for each in (notification, other)}
    delivering = asyncio.create_task(telling.deliver(notification, other))
    await slow.called.wait()
    async with connection_of(telling.pool) as receipt, receipt.transaction():
        await receipt.execute("SELECT FROM notifications WHERE id = $1 FOR UPDATE", notification)
        slow.released.set()
        await until_somebody_waits(telling)
        await receipt.execute(
            "UPDATE deliveries SET state = $2, settled_at = now(), accepted_at = now(), uncertain = false "
            "WHERE notification_id = $1",
            notification,
            told,
        )
    assert (await delivering).accepted == (notification, other)
    assert await telling.ways(notification) == (ways or {"sms": told})
    assert await telling.standing(notification) == ("delivered" if told == "delivered" else "accepted")
    assert await telling.ways(other) == {"sms": "accepted"}


async def test_a_receipt_that_came_before_a_further_attempt_makes_it_needless(telling: Telling) -> None:
    provider = AtOnce(postponed())
    telling.providers = {Channel.sms: provider}
    (notification,) = await invited(telling, 1)
    await telling.deliver(notification)
    telling.at += timedelta(minutes=1)
    async with connection_of(telling.pool) as receipt, receipt.transaction():
        # The attempt waits for whoever writes the way; the message is taken up before.
        await receipt.execute("UPDATE deliveries SET state = 'delivered', settled_at = now(), accepted_at = now()")
        sweeping = asyncio.create_task(telling.sweep())
        await until_somebody_waits(telling)
    assert (await sweeping).accepted == 1
    assert await telling.standing(notification) == "delivered"
    assert provider.calls.total() == 1


async def test_whoever_lost_the_lease_settles_nothing(telling: Telling) -> None:
    slow = AtOnce()
    telling.providers = {Channel.sms: slow}
    (notification,) = await invited(telling, 1)
    slow.slow = {await key(telling, notification, Channel.sms)}
    delivering = asyncio.create_task(telling.deliver(notification))
    await slow.called.wait()
    await telling.write("UPDATE notifications SET attempts = attempts + 1")
    slow.released.set()
    await delivering
    assert await telling.ways(notification) == {"sms": "accepted"}
    assert await telling.standing(notification) == "pending"


async def test_an_address_that_is_refused_gives_way_within_the_set(telling: Telling) -> None:
    ids = await invited(telling, 3, Channel.sms, Channel.mail)
    telling.receivers.tray.script.next.append(Fault.refused)
    assert (await telling.deliver(*ids)).accepted == tuple(ids)
    assert sorted([await telling.ways(each) for each in ids], key=len) == [
        {"sms": "accepted"},
        {"sms": "accepted"},
        {"sms": "failed", "mail": "accepted"},
    ]
    assert await telling.value("SELECT count(*) FROM contacts WHERE NOT valid") == 1


async def key(telling: Telling, notification: int, channel: Channel) -> str:
    """The key that a message will have in a channel."""
    row = (await telling.rows("SELECT subject, event, recipient FROM notifications WHERE id = $1", notification))[0]
    return telling.sealer.delivery_key(identity_of(row["subject"], row["event"], row["recipient"], channel))


async def until_somebody_waits(telling: Telling) -> None:
    """Until a statement waits for a lock; the server tells nobody, so it is asked."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not await telling.value(waiting):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
