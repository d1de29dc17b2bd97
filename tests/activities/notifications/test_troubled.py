"""Messages that reached nobody: shown, and sent again in a further round of the same keys."""

from datetime import datetime, timedelta

import pytest

from activities.notifications.callbacks import Callback, record_callback
from activities.notifications.notifications import UNKNOWN_AFTER
from activities.notifications.standing import Told, Way, ways_of_round
from activities.notifications.troubled import (
    OVERDUE_AFTER,
    Overview,
    Renewal,
    Trouble,
    Which,
    list_troubled,
    overview,
    send_again,
)
from activities.sealing import Field
from cases.delivery import Channel
from cases.errors import CaseError, Code
from stack.tray import Fault
from tests.activities.notifications.telling import Telling


async def refused(telling: Telling, *channels: Channel, fault: Fault = Fault.refused) -> int:
    """A message to an applicant that all of these channels refuse."""
    notification = await telling.invited(await telling.applicant(*channels))
    telling.receivers.tray.script.next.extend([fault] * len(channels))
    await telling.deliver(notification)
    assert await telling.standing(notification) == "failed"
    return notification


async def again(telling: Telling, *ids: int) -> list[Code | None]:
    """Have messages sent again; why each was not."""
    renewals = await send_again(telling.pool, ids, by="operator-1", at=telling.at)
    assert [renewal.id for renewal in renewals] == list(ids)
    return [renewal.refused for renewal in renewals]


async def corrected(telling: Telling, notification: int) -> None:
    """Every address of the person is looked at and found right."""
    await telling.write(
        "UPDATE contacts SET valid = true FROM notifications WHERE notifications.id = $1 "
        "AND contacts.person = notifications.person",
        notification,
    )


# --- sent again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", Channel)
async def test_what_was_refused_is_sent_again_under_its_key(telling: Telling, channel: Channel) -> None:
    notification = await refused(telling, channel, fault=Fault.refused)
    key = await telling.key(notification, channel)
    await corrected(telling, notification)
    assert await again(telling, notification) == [None]
    await telling.sweep()
    assert await telling.standing(notification) == "accepted"
    assert await telling.key(notification, channel) == key
    assert [call.key.partition(".")[0] for call in telling.receivers.tray.accepted.values()] == [key]


@pytest.mark.parametrize("channel", [Channel.sms, Channel.mail, Channel.wecom])
async def test_what_was_accepted_and_never_arrived_is_a_new_message_to_its_provider(
    telling: Telling, channel: Channel
) -> None:
    notification = await telling.invited(await telling.applicant(channel))
    await telling.deliver(notification)
    key = await telling.key(notification, channel)
    await telling.told(key, Told.failed)
    await telling.sweep()
    assert await telling.standing(notification) == "failed"
    assert await again(telling, notification) == [None]
    await telling.sweep()
    assert await telling.standing(notification) == "accepted"
    assert telling.outcomes() == {"accepted": 2}
    assert set(telling.receivers.tray.accepted) == {key, f"{key}.2"}


async def test_a_further_round_begins_with_the_preferred_channel_and_falls_back_as_the_first_did(
    telling: Telling,
) -> None:
    notification = await refused(telling, Channel.wecom, Channel.sms, Channel.mail)
    await corrected(telling, notification)
    await again(telling, notification)
    telling.receivers.tray.script.next.append(Fault.refused)
    await telling.sweep()
    # Mail was not tried in this round, because somebody has the message.
    assert await telling.ways(notification) == {"mail": "failed", "wecom": "failed", "sms": "accepted"}
    assert await telling.standing(notification) == "accepted"


async def test_a_further_round_uses_the_address_that_is_known_then(telling: Telling) -> None:
    person = await telling.applicant(Channel.sms)
    notification = await telling.invited(person)
    telling.receivers.tray.script.next.append(Fault.refused)
    await telling.deliver(notification)
    before = telling.receivers.tray.calls[-1].to
    address = telling.address(Channel.sms)
    assert address != before
    await telling.write(
        "UPDATE contacts SET address = $1, valid = true",
        telling.sealer.seal(address, field=Field.phone, person=person),
    )
    await again(telling, notification)
    await telling.sweep()
    assert telling.receivers.tray.calls[-1].to == address


async def test_a_message_for_an_empty_post_finds_whoever_holds_it_now(telling: Telling) -> None:
    await telling.offices()
    notification = await telling.escalated("clerk")
    await telling.deliver(notification)
    assert await telling.standing(notification) == "undeliverable"
    await telling.staff("clerk-1", Channel.mail)
    await telling.post("clerk-1", "clerk")
    assert await again(telling, notification) == [None]
    await telling.sweep()
    assert await telling.standing(notification) == "accepted"


async def test_where_still_nobody_can_be_reached_it_is_given_up_again(telling: Telling) -> None:
    notification = await refused(telling, Channel.sms)
    await again(telling, notification)
    await telling.sweep()
    assert await telling.standing(notification) == "undeliverable"
    (message,) = await list_troubled(telling.pool, telling.at)
    assert (message.error, message.round) == (Code.CONTACT_MISSING, 2)


async def test_only_what_was_given_up_is_sent_again_and_the_others_of_the_call_go_through(telling: Telling) -> None:
    given_up = await refused(telling, Channel.sms)
    arrived = await telling.invited(await telling.applicant(Channel.mail))
    waiting = await telling.invited(await telling.applicant(Channel.mail))
    await telling.deliver(arrived)
    assert await again(telling, arrived, given_up, waiting, 999_999) == [
        Code.MESSAGE_NOT_GIVEN_UP,
        None,
        Code.MESSAGE_NOT_GIVEN_UP,
        Code.MESSAGE_UNKNOWN,
    ]
    assert await again(telling, given_up) == [Code.MESSAGE_NOT_GIVEN_UP]
    assert await telling.value("SELECT max(round) FROM notifications") == 2
    by = await telling.rows("SELECT sent_again_by, sent_again_at FROM notifications WHERE id = $1", given_up)
    assert [tuple(row) for row in by] == [("operator-1", telling.at)]


async def test_one_id_twice_is_one_message(telling: Telling) -> None:
    given_up = await refused(telling, Channel.sms)
    assert await send_again(telling.pool, [given_up, given_up], by="operator-1", at=telling.at) == (
        Renewal(given_up, None),
    )


# --- receipts of rounds ---------------------------------------------------------------------------------------------


async def told_of_round(telling: Telling, key: str, what: Told, round_: int | None) -> bool:
    callback = Callback(event_id=f"{what}-{round_}", key=key, what=what, at=telling.at, round=round_)
    return await record_callback(telling.pool, Channel.mail, callback, telling.at)


async def in_second_round(telling: Telling) -> tuple[int, str]:
    """A message that bounced, was sent again and was accepted, and its key."""
    notification = await telling.invited(await telling.applicant(Channel.mail))
    await telling.deliver(notification)
    key = await telling.key(notification, Channel.mail)
    await told_of_round(telling, key, Told.bounced, 1)
    await telling.sweep()
    await corrected(telling, notification)
    await again(telling, notification)
    await telling.sweep()
    assert await telling.standing(notification) == "accepted"
    return notification, key


@pytest.mark.parametrize("round_", [2, None])
async def test_a_receipt_counts_for_its_round_and_without_one_for_the_newest(
    telling: Telling, round_: int | None
) -> None:
    notification, key = await in_second_round(telling)
    assert await told_of_round(telling, key, Told.delivered, round_)
    # The bounce of the first round would outdo it.
    assert await telling.standing(notification) == "delivered"


async def test_a_late_receipt_of_an_earlier_round_is_kept_and_decides_nothing(telling: Telling) -> None:
    notification, key = await in_second_round(telling)
    assert await told_of_round(telling, key, Told.failed, 1)
    assert await telling.standing(notification) == "accepted"
    assert await telling.value("SELECT count(*) FROM callbacks") == 2


async def test_a_receipt_of_a_round_that_never_was_is_refused(telling: Telling) -> None:
    _, key = await in_second_round(telling)
    with pytest.raises(CaseError) as unknown:
        await told_of_round(telling, key, Told.delivered, 3)
    assert unknown.value.code is Code.CALLBACK_UNKNOWN


def test_ways_that_failed_in_an_earlier_round_do_not_count() -> None:
    ways = [(Way.failed, 1), (Way.accepted, 1), (Way.failed, 2), (Way.sending, 2)]
    assert ways_of_round(ways, round_=2) == [Way.accepted, Way.failed, Way.sending]
    assert ways_of_round(ways[:1], round_=1) == [Way.failed]


# --- shown ----------------------------------------------------------------------------------------------------------


async def uncertain(telling: Telling) -> int:
    """A message whose provider was called and never answered."""
    notification = await telling.invited(await telling.applicant(Channel.sms))
    telling.receivers.tray.script.next.append(Fault.error)
    await telling.deliver(notification)
    return notification


async def troubles(telling: Telling, which: Which, at: datetime) -> list[tuple[int, Trouble]]:
    return [(message.id, message.trouble) for message in await list_troubled(telling.pool, at, which)]


async def test_a_list_says_what_was_tried_and_nothing_of_a_person(telling: Telling) -> None:
    notification = await refused(telling, Channel.sms, Channel.mail)
    (message,) = await list_troubled(telling.pool, telling.at)
    assert (message.id, message.trouble, message.error) == (notification, Trouble.failed, Code.ADDRESS_INVALID)
    assert message.tried == ("sms failed ADDRESS_INVALID", "mail failed ADDRESS_INVALID")
    for call in telling.receivers.tray.calls:
        assert call.to not in message.model_dump_json()


async def test_a_list_shows_the_troubles_that_are_asked_for_page_by_page(telling: Telling) -> None:
    failed = await refused(telling, Channel.sms)
    nobody = await telling.invited(await telling.applicant())
    await telling.deliver(nobody)
    doubtful = await uncertain(telling)
    later = telling.at + UNKNOWN_AFTER + timedelta(minutes=1)
    every = [(failed, Trouble.failed), (nobody, Trouble.undeliverable), (doubtful, Trouble.unknown)]
    assert await troubles(telling, Which(), later) == every
    for trouble in Trouble:
        expected = [each for each in every if each[1] is trouble]
        assert await troubles(telling, Which(frozenset({trouble})), later) == expected
    assert await troubles(telling, Which(error=Code.CONTACT_MISSING), later) == [(nobody, Trouble.undeliverable)]
    assert await troubles(telling, Which(case_id="idc-none"), later) == []
    page = await list_troubled(telling.pool, later, after=failed, limit=1)
    assert [message.id for message in page] == [nobody]


async def test_what_is_unknown_for_long_is_shown_by_the_list_the_overview_and_the_sweep(
    telling: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    doubtful = await uncertain(telling)
    assert await troubles(telling, Which(), telling.at) == []
    assert (await overview(telling.pool, telling.at)).unknown == 0
    telling.receivers.tray.script.next.extend([Fault.error] * 2)
    telling.at += UNKNOWN_AFTER + timedelta(seconds=1)
    with caplog.at_level("WARNING", "activities.notifications.notifications"):
        swept = await telling.sweep()
    assert (swept.found, swept.accepted, swept.unknown) == (1, 0, 1)
    assert "nobody knows what became of messages" in caplog.messages
    assert await troubles(telling, Which(), telling.at) == [(doubtful, Trouble.unknown)]
    seen = await overview(telling.pool, telling.at)
    since = await telling.value("SELECT begun_at FROM deliveries")
    assert (seen.pending, seen.unknown, seen.unknown_since) == (1, 1, since)
    telling.receivers.tray.script.next.clear()
    await telling.sweep_until_settled()
    assert (await telling.sweep()).unknown == 0
    assert await overview(telling.pool, telling.at) == Overview()


async def test_an_overview_says_that_nobody_takes_messages_up(telling: Telling) -> None:
    await telling.invited(await telling.applicant(Channel.sms))
    await refused(telling, Channel.mail)
    assert (await overview(telling.pool, telling.at)).overdue == 0
    seen = await overview(telling.pool, telling.at + OVERDUE_AFTER)
    assert seen == Overview(pending=1, overdue=1, failed=1)
