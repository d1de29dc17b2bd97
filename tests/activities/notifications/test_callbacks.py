import asyncio
from itertools import permutations

import pytest

from activities.notifications.callbacks import WINDOW_SECONDS, Signature, check_signature, check_time
from activities.notifications.standing import Told, Way, missing, outcome_of, standing_of
from cases.delivery import Channel
from cases.errors import CaseError, Code
from stack.tray import Fault
from tests.activities.notifications.telling import Telling

SECRET = b"synthetic-secret"


async def accepted(telling: Telling, *channels: Channel) -> tuple[int, str]:
    """A notification that was accepted through its first channel, and the key it had there."""
    notification = await telling.invited(await telling.applicant(*channels))
    await telling.deliver(notification)
    return notification, await telling.key(notification, channels[0])


async def test_a_receipt_settles_what_was_accepted(telling: Telling) -> None:
    notification, key = await accepted(telling, Channel.sms)
    assert await telling.told(key, Told.delivered)
    assert await telling.standing(notification) == "delivered"


async def test_the_same_receipt_is_news_once(telling: Telling) -> None:
    notification, key = await accepted(telling, Channel.sms, Channel.mail)
    news = await asyncio.gather(*(telling.told(key, Told.failed, "event-1") for _ in range(8)))
    assert sorted(news) == [False] * 7 + [True]
    await telling.sweep_until_settled()
    assert not await telling.told(key, Told.failed, "event-1")
    assert await telling.ways(notification) == {"sms": "failed", "mail": "accepted"}
    assert len(await telling.rows("SELECT FROM callbacks")) == 1


@pytest.mark.parametrize("told", list(permutations(Told)) + list(permutations(Told, 2)), ids=str)
async def test_receipts_come_to_the_same_end_in_any_order(telling: Telling, told: tuple[Told, ...]) -> None:
    notification, key = await accepted(telling, Channel.mail)
    for what in told:
        await telling.told(key, what)
        await telling.told(key, what)
    await telling.sweep_until_settled()
    if Told.bounced in told:
        assert await telling.standing(notification) == "failed"
        assert await telling.value("SELECT error FROM deliveries") == Code.BOUNCED
    else:
        assert await telling.standing(notification) == "delivered"
        assert await telling.value("SELECT error FROM deliveries") is None
    assert await telling.value("SELECT valid FROM contacts") is (Told.bounced not in told)


async def test_what_did_not_arrive_goes_to_the_second_channel(telling: Telling) -> None:
    notification, key = await accepted(telling, Channel.sms, Channel.mail)
    await telling.told(key, Told.failed)
    assert await telling.standing(notification) == "pending"
    await telling.sweep()
    assert await telling.ways(notification) == {"sms": "failed", "mail": "accepted"}
    assert await telling.told(await telling.key(notification, Channel.mail), Told.failed)
    await telling.sweep()
    assert await telling.standing(notification) == "failed"


async def test_a_bounced_contact_is_used_no_more_unless_it_was_corrected(telling: Telling) -> None:
    person = await telling.applicant(Channel.sms, Channel.mail)
    first, second, third = [await telling.invited(person) for _ in range(3)]
    await telling.deliver(first)
    await telling.told(await telling.key(first, Channel.sms), Told.bounced)
    await telling.deliver(second)
    assert await telling.ways(second) == {"mail": "accepted"}
    await telling.deliver(third)
    corrected = telling.sealed(Channel.mail, person)
    await telling.write("UPDATE contacts SET address = $2 WHERE person = $1 AND channel = 'mail'", person, corrected)
    await telling.told(await telling.key(third, Channel.mail), Told.bounced)
    assert await telling.value("SELECT valid FROM contacts WHERE person = $1 AND channel = 'mail'", person)


async def test_a_receipt_proves_what_the_lost_answer_did_not(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms))
    telling.receivers.tray.script.next.append(Fault.cut)
    await telling.deliver(notification)
    await telling.told(await telling.key(notification, Channel.sms), Told.delivered)
    assert await telling.standing(notification) == "delivered"
    await telling.sweep_until_settled()
    assert telling.outcomes() == {"cut": 1}


async def test_a_receipt_that_comes_before_the_answer_outlives_it(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms))
    telling.receivers.tray.script.next.append(Fault.hang)
    telling.receivers.tray.script.hang_seconds = 1.0
    delivering = asyncio.create_task(telling.deliver(notification))
    await telling.receivers.tray.called.wait()
    await telling.told(await telling.key(notification, Channel.sms), Told.delivered)
    assert (await delivering).accepted == (notification,)
    assert await telling.standing(notification) == "delivered"


async def test_word_of_a_key_that_was_never_sent_is_refused(telling: Telling) -> None:
    with pytest.raises(CaseError) as refused:
        await telling.told("0" * 64, Told.delivered)
    assert refused.value.code is Code.CALLBACK_UNKNOWN
    assert await telling.rows("SELECT FROM callbacks") == []


async def test_what_was_told_is_never_changed_or_removed(telling: Telling) -> None:
    _, key = await accepted(telling, Channel.sms)
    await telling.told(key, Told.delivered)
    for statement in ("UPDATE callbacks SET what = 'failed'", "DELETE FROM callbacks", "TRUNCATE callbacks"):
        with pytest.raises(Exception, match="append-only"):
            await telling.write(statement)


# --- signatures -----------------------------------------------------------------------------------------------------


def test_a_callback_is_believed_in_its_window_with_its_own_signature_only() -> None:
    signature = Signature.of(SECRET, "1000", b"{}")
    for now in (1000 - WINDOW_SECONDS, 1000, 1000 + WINDOW_SECONDS):
        check_signature(SECRET, signature, b"{}")
        check_time(signature, now)
    for now in (999 - WINDOW_SECONDS, 1001 + WINDOW_SECONDS):
        assert refusal(signature, b"{}", now) is Code.CALLBACK_EXPIRED
    assert refusal(signature, b"{ }", 1000) is Code.CALLBACK_UNAUTHENTIC
    assert refusal(Signature("1001", signature.mac), b"{}", 1000) is Code.CALLBACK_UNAUTHENTIC
    assert refusal(Signature("1000", ""), b"{}", 1000) is Code.CALLBACK_UNAUTHENTIC
    assert refusal(Signature.of(b"another", "1000", b"{}"), b"{}", 1000) is Code.CALLBACK_UNAUTHENTIC


def test_without_a_secret_nothing_is_authentic() -> None:
    with pytest.raises(CaseError, match=Code.CALLBACK_UNAUTHENTIC):
        check_signature(b"", Signature.of(b"", "1000", b"{}"), b"{}")


@pytest.mark.parametrize("timestamp", ["", "-1", "1e3", "1000.5", "¹²³", "١٢٣", "9" * 11, " 1000"])
def test_a_timestamp_is_digits_whatever_is_signed(timestamp: str) -> None:
    assert refusal(Signature.of(SECRET, timestamp, b""), b"", 1000) is Code.CALLBACK_UNAUTHENTIC


def refusal(signature: Signature, body: bytes, now: float) -> Code:
    try:
        check_signature(SECRET, signature, body)
        check_time(signature, now)
    except CaseError as refused:
        return refused.code
    raise AssertionError("it was taken")


# --- rules ----------------------------------------------------------------------------------------------------------


def test_of_all_that_was_told_the_strongest_holds() -> None:
    for told in permutations(Told):
        assert outcome_of(told) is Told.bounced
    assert outcome_of([Told.delivered, Told.failed]) is outcome_of([Told.failed, Told.delivered]) is Told.delivered


@pytest.mark.parametrize(
    ("ways", "standing"),
    [
        ([], "undeliverable"),
        ([Way.failed], "failed"),
        ([Way.failed, Way.sending], "pending"),
        ([Way.accepted, Way.sending], "pending"),
        ([Way.failed, Way.accepted], "accepted"),
        ([Way.delivered, Way.accepted], "accepted"),
        ([Way.delivered, Way.failed], "delivered"),
        ([Way.delivered, Way.delivered], "delivered"),
    ],
)
def test_a_notification_stands_where_its_ways_lead(ways: list[Way], standing: str) -> None:
    assert standing_of(ways) == standing


def test_what_failed_does_not_count_among_the_channels_wanted() -> None:
    assert missing([], second_channel=False) == 1
    assert missing([Way.failed, Way.failed], second_channel=True) == 2
    assert missing([Way.failed, Way.sending, Way.accepted], second_channel=True) == 0
