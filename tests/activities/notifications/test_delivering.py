import asyncio
import logging
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256

import pytest

from activities.notifications import notifications as delivering
from activities.notifications.providers import Answer, Parcel, Verdict
from activities.notifications.standing import Told, identity_of, pause, quiet_until
from activities.notifications.taken_up import FALLBACK_AFTER
from activities.sealing import Field, KeyRing, Sealer
from cases.clocks import SHANGHAI
from cases.delivery import Channel
from cases.errors import Code
from cases.occasions import Scheduled
from intake.schedules import DEFINITIONS
from stack.tray import Fault
from tests.activities.notifications.telling import AGENCY, CITY, NOON, PROVINCE, Telling
from tests.namespaces import until

CHANNELS = list(Channel)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_message_arrives_through_every_channel(telling: Telling, channel: Channel) -> None:
    notification = await telling.invited(await telling.applicant(channel))
    assert (await telling.deliver(notification)).accepted == (notification,)
    assert await telling.standing(notification) == "accepted"
    (message,) = telling.receivers.tray.of_channel(channel.value)
    assert "8月31日（周一）24时前" in message.text
    assert message.key == await telling.key(notification, channel)


async def test_a_message_is_in_the_language_its_reader_chose(telling: Telling) -> None:
    for language, words in (("zh", "请于"), ("en", "by Monday 31 August 2026, 24:00")):
        notification = await telling.invited(await telling.applicant(Channel.mail, language=language))
        await telling.deliver(notification)
        assert words in telling.receivers.tray.accepted[await telling.key(notification, Channel.mail)].text


async def test_what_a_provider_accepted_is_not_sent_again(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms, Channel.mail))
    for _ in range(3):
        await telling.deliver(notification)
        await telling.sweep()
        telling.at += timedelta(hours=2)
    assert telling.outcomes() == {"accepted": 1}


async def test_an_applicant_who_named_no_phone_is_reached_at_the_registers(telling: Telling) -> None:
    person = await telling.applicant()
    phone = telling.sealer.seal(telling.address(Channel.sms), field=Field.phone, person=person)
    await telling.write(
        "INSERT INTO persons (token, name, phone, region, category) VALUES ($1, $2, $3, $4, 'general')",
        person,
        telling.sealer.seal("合成人", field=Field.name, person=person),
        phone,
        AGENCY,
    )
    notification = await telling.invited(person)
    await telling.deliver(notification)
    assert await telling.ways(notification) == {"sms": "accepted"}
    assert await telling.told(await telling.key(notification, Channel.sms), Told.bounced)
    await telling.sweep()
    assert await telling.standing(notification) == "failed"
    again = await telling.invited(person)
    await telling.deliver(again)
    assert (await telling.standing(again), await telling.ways(again)) == ("undeliverable", {})


# --- preference and fallback ----------------------------------------------------------------------------------------


async def test_the_preferred_channel_comes_first_and_the_next_when_it_refuses_for_good(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.wecom, Channel.sms, Channel.mail))
    telling.receivers.tray.script.next.extend([Fault.refused])
    telling.receivers.tray.script.next.extend([Fault.refused])
    await telling.deliver(notification)
    assert await telling.ways(notification) == {"wecom": "failed", "sms": "failed", "mail": "accepted"}
    assert await telling.standing(notification) == "accepted"


async def test_an_address_that_is_refused_is_used_no_more(telling: Telling) -> None:
    person = await telling.applicant(Channel.sms, Channel.mail)
    telling.receivers.tray.script.next.append(Fault.refused)
    await telling.deliver(await telling.invited(person))
    second = await telling.invited(person)
    await telling.deliver(second)
    assert await telling.ways(second) == {"mail": "accepted"}


async def test_where_every_channel_refuses_the_notification_has_failed(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms, Channel.mail))
    telling.receivers.tray.script.next.extend([Fault.refused, Fault.refused])
    assert (await telling.deliver(notification)).given_up == (notification,)
    assert await telling.standing(notification) == "failed"


async def test_a_second_channel_is_used_beside_the_first_where_that_is_wanted(telling: Telling) -> None:
    both = await telling.invited(await telling.applicant(Channel.mail, Channel.sms, Channel.wecom), second_channel=True)
    one = await telling.invited(await telling.applicant(Channel.sms), second_channel=True)
    await telling.deliver(both, one)
    assert await telling.ways(both) == {"mail": "accepted", "sms": "accepted"}
    assert await telling.ways(one) == {"sms": "accepted"}
    assert await telling.standing(one) == "accepted"


async def test_a_provider_that_is_away_for_long_gives_its_place_to_the_next(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms, Channel.mail))
    telling.receivers.tray.script.next.extend([Fault.unauthorised, Fault.unauthorised])
    await telling.deliver(notification)
    assert await telling.ways(notification) == {"sms": "sending"}
    telling.at += FALLBACK_AFTER + timedelta(minutes=1)
    await telling.sweep()
    assert await telling.ways(notification) == {"sms": "failed", "mail": "accepted"}


async def test_what_may_have_arrived_is_never_replaced_by_another_channel(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms, Channel.mail))
    telling.receivers.tray.script.next.extend([Fault.error, Fault.unauthorised, Fault.unauthorised])
    await telling.deliver(notification)
    for _ in range(2):
        telling.at += FALLBACK_AFTER + timedelta(minutes=1)
        await telling.sweep()
    assert await telling.ways(notification) == {"sms": "sending"}
    await telling.sweep_until_settled()
    assert await telling.ways(notification) == {"sms": "accepted"}


# --- misbehaving providers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", [Channel.sms, Channel.mail, Channel.dingtalk, Channel.feishu, Channel.webhook])
@pytest.mark.parametrize("fault", [Fault.error, Fault.busy, Fault.cut, Fault.error_body])
async def test_every_attempt_has_the_same_key_and_the_message_is_accepted_once(
    telling: Telling, channel: Channel, fault: Fault
) -> None:
    notification = await telling.invited(await telling.applicant(channel, Channel.wecom))
    telling.receivers.tray.script.next.extend([fault, fault])
    await telling.deliver(notification)
    assert await telling.standing(notification) == "pending"
    await telling.sweep_until_settled()
    assert await telling.ways(notification) == {channel.value: "accepted"}
    assert len(telling.keys()) == len(telling.receivers.tray.accepted) == 1
    assert len(telling.receivers.tray.calls) == 3


@pytest.mark.parametrize("channel", [Channel.sms, Channel.mail])
@pytest.mark.parametrize("fault", [Fault.hang, Fault.endless])
async def test_a_provider_that_never_ends_its_answer_is_left_in_time(
    telling: Telling, channel: Channel, fault: Fault
) -> None:
    notification = await telling.invited(await telling.applicant(channel))
    telling.receivers.tray.script.next.append(fault)
    async with asyncio.timeout(10):
        await telling.deliver(notification)
    assert await telling.value("SELECT uncertain FROM deliveries")
    await telling.sweep_until_settled()
    assert await telling.standing(notification) == "accepted"


async def test_a_provider_that_asks_for_patience_is_left_alone_by_everyone(telling: Telling) -> None:
    telling.receivers.tray.script.retry_after = 120
    telling.receivers.tray.script.next.append(Fault.busy)
    first, second = [await telling.invited(await telling.applicant(Channel.sms)) for _ in range(2)]
    other = await telling.invited(await telling.applicant(Channel.mail))
    await telling.deliver(first)
    await telling.deliver(second, other)
    assert telling.outcomes() == {"busy": 1, "accepted": 1}
    assert await telling.value("SELECT error FROM notifications WHERE id = $1", second) == Code.CHANNEL_BUSY
    telling.at += timedelta(seconds=118)
    assert (await telling.sweep()).found == 0
    telling.at += timedelta(seconds=4)
    assert (await telling.sweep()).accepted == 2


async def test_providers_are_called_at_their_pace_by_all_workers_together(telling: Telling) -> None:
    telling.paces = {Channel.sms: 20.0}
    ids = [await telling.invited(await telling.applicant(Channel.sms)) for _ in range(16)]
    begun = asyncio.get_running_loop().time()
    await asyncio.gather(telling.deliver(*ids[:8]), telling.deliver(*ids[8:]))
    calls = sorted(call.at for call in telling.receivers.tray.calls)
    assert len(calls) == 16
    assert asyncio.get_running_loop().time() - begun >= 15 / 20
    assert max(sum(start <= at < start + timedelta(seconds=0.5) for at in calls) for start in calls) <= 13


async def test_a_message_that_a_crash_left_behind_goes_on_under_the_same_key(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms))
    telling.receivers.tray.script.next.append(Fault.hang)
    crashing = asyncio.create_task(telling.deliver(notification))
    await telling.receivers.tray.called.wait()
    crashing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await crashing
    assert (await telling.sweep()).found == 0
    telling.at += delivering.LEASE + timedelta(seconds=1)
    assert (await telling.sweep()).accepted == 1
    assert telling.outcomes() == {"hang": 1, "accepted": 1}
    assert len(telling.keys()) == 1


async def test_what_is_under_way_is_not_taken_for_left_behind_however_long_the_provider_takes(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "RENEWED_SECONDS", 0.1)
    notification = await telling.invited(await telling.applicant(Channel.sms))
    telling.receivers.tray.script.next.append(Fault.hang)
    begun_at = telling.at
    waiting = asyncio.create_task(telling.deliver(notification))
    await telling.receivers.tray.called.wait()
    taken_up_until = "SELECT next_attempt_at FROM notifications WHERE id = $1"
    taken_until = await telling.value(taken_up_until, notification)
    assert taken_until <= begun_at + delivering.LEASE + timedelta(seconds=1)

    async def renewed() -> bool:
        return bool(await telling.value(taken_up_until, notification) > taken_until)

    await until(renewed, seconds=5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


def test_what_a_dead_worker_left_behind_is_taken_up_within_a_minute() -> None:
    (sweep,) = (each for each in DEFINITIONS if each.workflow is Scheduled.notification_sweep)
    (every,) = sweep.spec.intervals
    assert delivering.LEASE + every.every < timedelta(seconds=60)
    assert timedelta(seconds=delivering.RENEWED_SECONDS) * 3 < delivering.LEASE


async def test_two_sweeps_at_once_share_what_is_due(telling: Telling) -> None:
    for _ in range(20):
        await telling.invited(await telling.applicant(Channel.sms))
    swept = await asyncio.gather(telling.sweep(), telling.sweep())
    assert sum(each.found for each in swept) == 20
    assert telling.outcomes() == {"accepted": 20}


async def test_one_that_cannot_be_sent_keeps_nobody_else_waiting(telling: Telling) -> None:
    person = await telling.applicant(Channel.sms)
    broken = await telling.written(
        subject="invitation:broken", person=person, recipient="applicant", template="invitation.none", facts={}
    )
    sealed_elsewhere = await telling.applicant(Channel.sms)
    await telling.write(
        "UPDATE contacts SET address = $2 WHERE person = $1",
        sealed_elsewhere,
        await telling.value("SELECT address FROM contacts WHERE person = $1", person),
    )
    unreadable = await telling.invited(sealed_elsewhere)
    good = await telling.invited(person)
    assert (await telling.deliver(broken, unreadable, good)).accepted == (good,)
    rows = await telling.rows("SELECT id, error FROM notifications WHERE state = 'pending' ORDER BY id")
    assert [tuple(row) for row in rows] == [(broken, Code.TEMPLATE_INVALID), (unreadable, Code.SEAL_BROKEN)]


# --- quiet hours and slots ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "minute", "sent"),
    [(7, 59, False), (8, 0, True), (20, 59, True), (21, 0, False), (23, 59, False), (0, 0, False)],
)
async def test_applicants_are_left_in_peace_from_nine_in_the_evening_to_eight(
    telling: Telling,
    hour: int,
    minute: int,
    sent: bool,  # noqa: FBT001 - a column of the table
) -> None:
    telling.at = datetime(2026, 8, 25, hour, minute, tzinfo=SHANGHAI)
    await telling.offices()
    await telling.staff("clerk-1", Channel.sms)
    await telling.post("clerk-1", "clerk")
    applicant = await telling.invited(await telling.applicant(Channel.mail))
    clerk = await telling.escalated("clerk")
    await telling.deliver(applicant, clerk)
    assert await telling.standing(clerk) == "accepted"
    assert await telling.standing(applicant) == ("accepted" if sent else "pending")
    await telling.sweep_until_settled()
    assert telling.at.astimezone(SHANGHAI).hour >= 8
    assert telling.outcomes() == {"accepted": 2}


def test_quiet_hours_end_at_eight_of_the_same_or_the_next_day() -> None:
    assert quiet_until(NOON.replace(hour=22)) == NOON.replace(day=26, hour=8)
    assert quiet_until(NOON.replace(hour=3)) == NOON.replace(hour=8)
    assert quiet_until(NOON) is None


async def test_nothing_is_sent_before_its_slot(telling: Telling) -> None:
    notification = await telling.invited(await telling.applicant(Channel.sms), not_before=NOON + timedelta(hours=1))
    await telling.deliver(notification)
    assert (await telling.sweep()).found == 0
    telling.at += timedelta(hours=1)
    assert (await telling.sweep()).accepted == 1


# --- posts ----------------------------------------------------------------------------------------------------------


async def test_staff_are_told_at_the_office_of_their_level(telling: Telling) -> None:
    await telling.offices()
    posts = {
        "clerk": (AGENCY, "clerk"),
        "agency_supervisor": (AGENCY, "supervisor"),
        "municipal": (CITY, "supervisor"),
        "municipal_head": (CITY, "head"),
        "provincial": (PROVINCE, "supervisor"),
    }
    for recipient, (office, role) in posts.items():
        staff = f"{recipient}-1"
        await telling.staff(staff, Channel.sms)
        await telling.post(staff, role, office=office)
        notification = await telling.escalated(recipient)
        await telling.deliver(notification)
        told = await telling.value("SELECT staff FROM deliveries WHERE notification_id = $1", notification)
        assert told == staff


@pytest.mark.parametrize(
    ("absent", "told"),
    [
        (None, "holder"),
        ((date(2026, 8, 25), date(2026, 8, 25)), "deputy"),
        ((date(2026, 8, 20), None), "deputy"),
        ((date(2026, 8, 20), date(2026, 8, 24)), "holder"),
        ((date(2026, 8, 26), None), "holder"),
    ],
)
async def test_a_deputy_is_told_while_the_holder_is_absent(
    telling: Telling, absent: tuple[date, date | None] | None, told: str
) -> None:
    await telling.offices()
    for rank, staff in enumerate(("holder", "deputy")):
        await telling.staff(staff, Channel.mail)
        await telling.post(staff, "team_lead", rank=rank, absent=absent if staff == "holder" else None)
    await telling.deliver(await telling.escalated("team_lead"))
    assert await telling.value("SELECT staff FROM deliveries") == told


async def test_who_was_told_first_stays_the_addressee_of_every_attempt(telling: Telling) -> None:
    await telling.offices()
    for rank, staff in enumerate(("holder", "deputy")):
        await telling.staff(staff, Channel.mail)
        await telling.post(staff, "clerk", rank=rank)
    telling.receivers.tray.script.next.append(Fault.cut)
    await telling.deliver(await telling.escalated("clerk"))
    await telling.write("UPDATE posts SET absent_from = '2026-01-01' WHERE staff = 'holder'")
    await telling.sweep_until_settled()
    assert len({call.to for call in telling.receivers.tray.calls}) == 1
    assert telling.outcomes() == {"cut": 1, "repeated": 1}


async def test_a_post_that_nobody_holds_and_a_person_without_contacts_are_said_to_be_so(telling: Telling) -> None:
    await telling.offices()
    vacant, silent = await telling.escalated("clerk"), await telling.invited(await telling.applicant())
    assert (await telling.deliver(vacant, silent)).given_up == (vacant, silent)
    rows = await telling.rows("SELECT state, error FROM notifications ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("undeliverable", Code.POST_VACANT),
        ("undeliverable", Code.CONTACT_MISSING),
    ]


async def test_a_channel_without_a_provider_is_passed_over_and_waited_for_where_there_is_no_other(
    telling: Telling,
) -> None:
    providers = telling.providers
    telling.providers = {Channel.mail: providers[Channel.mail]}
    two, one = [
        await telling.invited(await telling.applicant(*ways)) for ways in ((Channel.sms, Channel.mail), (Channel.sms,))
    ]
    await telling.deliver(two, one)
    assert await telling.ways(two) == {"mail": "accepted"}
    assert await telling.value("SELECT error FROM notifications WHERE id = $1", one) == Code.CHANNEL_NOT_CONFIGURED
    telling.providers = providers
    await telling.sweep_until_settled()
    assert await telling.ways(one) == {"sms": "accepted"}


# --- privacy --------------------------------------------------------------------------------------------------------


async def test_no_address_is_in_a_log_or_a_row(telling: Telling, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    telling.receivers.tray.script.next.extend([Fault.error, Fault.cut, Fault.refused])
    for channel in CHANNELS:
        await telling.invited(await telling.applicant(channel))
    await telling.sweep()
    await telling.sweep_until_settled()
    addresses = {call.to for call in telling.receivers.tray.calls}
    assert len(addresses) == len(CHANNELS)
    lines = [
        row["line"]
        for table in ("notifications", "deliveries", "callbacks", "contacts", "channel_paces")
        for row in await telling.rows(f"SELECT t::text AS line FROM {table} t")  # noqa: S608 - names from here
    ]
    contents = " ".join(lines)
    for address in addresses:
        kept = max(re.split(r"[/=?]", address), key=len)
        assert kept not in caplog.text
        assert kept not in contents


def test_a_parcel_does_not_show_its_address() -> None:
    parcel = Parcel("k", Channel.sms, "19900009999", "", "")
    assert "19900009999" not in repr(parcel)


async def test_a_provider_that_breaks_its_promise_to_end_is_left_and_not_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Never:
        name = "never"

        async def send(self, _parcel: Parcel) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(delivering, "CALL_SECONDS", -0.99)
    answer = await delivering._call(Never(), Parcel("k", Channel.sms, "", "", ""))
    assert answer.verdict is Verdict.unknown


# --- keys and pauses ------------------------------------------------------------------------------------------------


def test_a_key_is_one_for_each_case_event_recipient_and_channel() -> None:
    parts = (("a", "b"), ("1:x.1", "2:x.1"), ("clerk", "applicant"), (Channel.sms, Channel.mail))
    identities = {identity_of(s, e, r, c) for s in parts[0] for e in parts[1] for r in parts[2] for c in parts[3]}
    ours = Sealer(KeyRing.sample())
    keys = {ours.delivery_key(identity) for identity in identities}
    assert len(identities) == len(keys) == 16
    assert keys == {ours.delivery_key(identity) for identity in identities}


def test_whoever_knows_a_case_cannot_name_its_deliveries() -> None:
    identity = identity_of("idc-a", "1:x.1", "applicant", Channel.sms)
    rings = (KeyRing.sample(), replace(KeyRing.sample(), token_key=b"k" * 32))
    keys = {Sealer(ring).delivery_key(identity) for ring in rings}
    assert len(keys | {sha256(identity.encode()).hexdigest()}) == 3


def test_pauses_grow_to_a_quarter_of_an_hour_and_differ_between_messages() -> None:
    assert pause("k", 1) < timedelta(seconds=7)
    assert pause("k", 4) > timedelta(seconds=29)
    assert timedelta(minutes=11) < pause("k", 40) < timedelta(minutes=19)
    assert len({pause(f"{n}", 3) for n in range(50)}) > 30


async def test_an_applicant_reads_the_name_the_place_and_the_phone_of_their_agency(telling: Telling) -> None:
    await telling.offices()
    await telling.write(
        "UPDATE offices SET name = $2, address = '示例路1号', hours = '周一至周五8:30—17:00', phone = '000-12333' "
        "WHERE code = $1",
        AGENCY,
        "示例区社会保险经办机构",
    )
    person = await telling.applicant(Channel.mail)
    await telling.write(
        "INSERT INTO persons (token, name, region, category) VALUES ($1, $2, $3, 'general')",
        person,
        telling.sealer.seal("合成人", field=Field.name, person=person),
        AGENCY,
    )
    notification = await telling.invited(person)
    await telling.deliver(notification)
    text = telling.receivers.tray.accepted[await telling.key(notification, Channel.mail)].text
    assert "示例区社会保险经办机构通知" in text
    for said in ("示例路1号", "周一至周五8:30—17:00", "000-12333"):
        assert said in text
