"""Providers that misbehave while cases go on: every message is accepted once, and no case waits for any.

`make test` tells a few dozen; `make faults` tells five hundred, with a provider that is out for a minute.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import aiohttp
import pytest
from temporalio.worker import Worker

from activities.notifications.listening import serve_callbacks
from activities.notifications.notifications import Notifications
from activities.notifications.providers import Provider
from activities.notifications.providers.http import open_session
from activities.notifications.providers.mail import Mail, Relay
from activities.notifications.providers.text_messages import TextMessages
from activities.registry import Clock
from activities.sealing import Field
from cases.clocks import SHANGHAI
from cases.delivery import Channel
from cases.events import Event
from cases.machines.machine import Status
from cases.models import System
from cases.occasions import Occasion, Swept
from runtime.runner import RUNNER
from runtime.worker import notifications_worker
from stack.receivers import Receivers
from stack.tray import Fault, Script
from tests.engine import Engine
from tests.faults.calling import CallingEngine
from tests.faults.judged import Judged, begun
from tests.faults.site import Ledger
from tests.faults.sweeping import QUEUE, Sweeping
from tests.workflows.dossier import Dossier

SECRETS: Final = {channel: f"synthetic-secret-of-{channel}".encode() for channel in Channel}
TOKEN: Final = "synthetic"  # noqa: S105 - of receivers that run for one test
TOLD_OF_A_CASE: Final = 3
"""Documents are asked for, a new card is offered, and it is done."""
SECONDS_PER_CASE: Final = 15.0
"""So long a case may take while many live at once: a quarter of the minute in which the provider is out."""


@dataclass(frozen=True)
class Campaign:
    """How much is told, and how the provider behaves."""

    messages: int
    cases: int
    out_seconds: float
    read_seconds: float
    """How long a provider may be silent."""
    repeated_callbacks: float
    seed: int


@dataclass
class Misbehaving:
    """An engine with a provider that misbehaves."""

    engine: Engine
    receivers: Receivers
    worker: Worker

    async def sweep(self, at: datetime) -> Swept:
        """Sweep as of a moment by day, through Temporal."""
        swept: Swept = await self.engine.client.execute_workflow(
            Sweeping.run, Occasion(at=at), id=f"sweep-{uuid4()}", task_queue=QUEUE
        )
        return swept


@asynccontextmanager
async def misbehaving(engine: CallingEngine, campaign: Campaign) -> AsyncIterator[Misbehaving]:
    """30 % errors, 10 % hangs, 10 % accepted and cut; some receipts are told twice, and most never."""
    script = Script(
        {Fault.error: 0.3, Fault.hang: 0.1, Fault.cut: 0.1},
        repeated_callbacks=campaign.repeated_callbacks,
        lost_callbacks=0.7,
        seed=campaign.seed,
    )
    timeout = aiohttp.ClientTimeout(total=15, sock_connect=3, sock_read=campaign.read_seconds)
    async with (
        serve_callbacks("127.0.0.1", 0, SECRETS, engine.pool) as port,
        Receivers(
            Ledger(engine.evidence, script),
            token=TOKEN,
            callback_url=f"http://127.0.0.1:{port}/callbacks",
            secrets=SECRETS,
        ) as receivers,
        open_session(timeout) as session,
    ):
        host, _, smtp_port = receivers.mail_url.removeprefix("smtp://").partition(":")
        providers: dict[Channel, Provider] = {
            Channel.sms: TextMessages(session, receivers.sms_url, TOKEN),
            Channel.mail: Mail(Relay(host, int(smtp_port), sender="cards@example.invalid")),
        }
        notifications = Notifications(
            engine.pool, engine.sealer, providers, {Channel.sms: 200.0, Channel.mail: 200.0}, clock=Clock.callers
        )
        worker = notifications_worker(engine.client, notifications, engine.settings, QUEUE)
        sweeping = Worker(engine.client, task_queue=QUEUE, workflows=[Sweeping], workflow_runner=RUNNER)
        async with worker, sweeping:
            yield Misbehaving(engine, receivers, worker)


async def write_invitations(engine: Engine, campaign: str, count: int) -> None:
    """Messages to applicants beside those of cases; every other applicant is reached through two channels."""
    for number in range(count):
        person = engine.sealer.person_token(f"M{number:07}")
        ways = [(Channel.sms, Field.phone, f"1990001{number:04}")]
        if number % 2:
            ways.append((Channel.mail, Field.address, f"person{number}@example.invalid"))
        for rank, (channel, field, address) in enumerate(ways):
            await engine.pool.execute(
                "INSERT INTO contacts (person, channel, address, rank) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                person,
                channel.value,
                engine.sealer.seal(address, field=field, person=person),
                rank,
            )
        await engine.pool.execute(
            "INSERT INTO notifications (subject, event, person, recipient, template, facts, not_before, written_at, "
            "next_attempt_at) VALUES ($1, 'invited', $2, 'applicant', 'invitation.blue_0', $3, now(), now(), now())",
            f"invitation:{campaign}:{number}",
            person,
            json.dumps({"campaign_ends": "2026-09-01T00:00:00+08:00", "provisional": False}),
        )


async def lives_to_its_end(engine: Engine, number: int) -> float:
    """An ID-number change whose applicant is told three times; answers the seconds it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    person = await engine.insured(phone=f"1990002{number:04}")
    case = await Dossier.open(engine, person, engine.number_change(person))
    for event in (Event.add_documents, Event.verify_documents):
        await case.tell(event)
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done
    assert len(await case.messages()) == TOLD_OF_A_CASE
    return loop.time() - begun


async def live_while_away(engine: Engine, provider: Misbehaving, campaign: Campaign) -> list[float]:
    """Lets cases live while the provider is away, for as long as they take and the campaign says.

    All come to their end before anybody can be told of any. Answers the seconds that each took.
    """
    async with provider.receivers.away():
        living = asyncio.gather(*(lives_to_its_end(engine, number) for number in range(campaign.cases)))
        seconds, _ = await asyncio.gather(living, asyncio.sleep(campaign.out_seconds))
        tray = provider.receivers.tray
        assert not [told for told in tray.accepted.values() if told.channel == Channel.sms.value]
    return seconds


async def pending(engine: Engine) -> datetime | None:
    """When the next message is due; None where all are settled."""
    due: datetime | None = await engine.pool.fetchval(
        "SELECT min(next_attempt_at) FROM notifications WHERE state = 'pending'"
    )
    return due


async def tell_everyone(engine: Engine, campaign: Campaign, folder: Path) -> None:
    # The cases of other registers have other workers.
    apart = replace(engine, task_queue=f"cases-beside-{campaign.seed}")
    shaken = CallingEngine.of(apart, begun(apart, folder, "providers that misbehave"))
    by_day = datetime.combine(datetime.now(SHANGHAI).date() + timedelta(days=2), time(12), tzinfo=SHANGHAI)
    # Whatever other tests wrote is none of this test's.
    await shaken.pool.execute(
        "UPDATE notifications SET state = 'undeliverable', next_attempt_at = NULL WHERE state = 'pending'"
    )
    before = await shaken.pool.fetchval("SELECT coalesce(max(id), 0) FROM notifications")
    await write_invitations(shaken, f"{campaign.seed}", campaign.messages - TOLD_OF_A_CASE * campaign.cases)
    async with misbehaving(shaken, campaign) as provider, shaken.working():
        out = asyncio.create_task(live_while_away(shaken, provider, campaign))
        at, sweeps = by_day, 0
        while not out.done() or await pending(shaken) is not None:
            await provider.sweep(at)
            sweeps += 1
            # Nights are for sleeping; a day of it is long enough for every pause.
            at = min(max(at + timedelta(seconds=30), await pending(shaken) or at), by_day + timedelta(hours=8))
        seconds = await out
        await provider.receivers.told_all()
        await shaken.pool.fetchval("SELECT publish(100000)")
        checked = await Judged(shaken).checked()
        tray = provider.receivers.tray
        rows = await shaken.pool.fetch(
            "SELECT notifications.id, notifications.state, template, "
            "array_remove(array_agg(idempotency_key::text), NULL) AS keys "
            "FROM notifications LEFT JOIN deliveries ON notification_id = notifications.id "
            "WHERE notifications.id > $1 GROUP BY notifications.id",
            before,
        )
    calls = Counter(call.outcome for call in tray.calls)
    print(f"{len(rows)} messages, {sweeps} sweeps, calls {calls}, slowest case {max(seconds):.1f} s")  # noqa: T201 - figures
    assert len(rows) == campaign.messages
    # All cases were done before the provider was back: nobody is asked for documents any more.
    overtaken = [row for row in rows if row["state"] == "overtaken"]
    assert [row["template"] for row in overtaken] == ["IdNumberChange.awaiting_documents"] * campaign.cases
    sent = [row for row in rows if row["state"] != "overtaken"]
    assert {row["state"] for row in sent} == {"accepted", "delivered"}
    assert {sum(key in tray.accepted for key in row["keys"]) for row in sent} == {1}
    assert len(tray.accepted) == len(sent)
    texts = Counter((call.to, call.text) for call in tray.accepted.values())
    assert set(texts.values()) == {1}
    assert {Fault.error, Fault.hang, Fault.cut, "repeated"} <= {call.outcome for call in tray.calls}
    told = await shaken.pool.fetchval(
        "SELECT count(*) FROM callbacks JOIN deliveries ON deliveries.id = delivery_id WHERE notification_id > $1",
        before,
    )
    assert told == sum(row["state"] == "delivered" for row in rows)
    assert told < provider.receivers.receipts_told < campaign.messages
    assert max(seconds) < SECONDS_PER_CASE
    assert checked.findings == [], f"\n{checked}"


async def test_every_message_is_accepted_once_by_a_provider_that_misbehaves_and_no_case_waits(
    shaken: Engine, tmp_path: Path
) -> None:
    campaign = Campaign(messages=48, cases=3, out_seconds=2, read_seconds=0.5, repeated_callbacks=0.5, seed=7)
    await tell_everyone(shaken, campaign, tmp_path)


@pytest.mark.faults
async def test_five_hundred_messages_are_each_accepted_once(shaken: Engine, tmp_path: Path) -> None:
    campaign = Campaign(messages=500, cases=25, out_seconds=60, read_seconds=5, repeated_callbacks=0.05, seed=2026)
    await tell_everyone(shaken, campaign, tmp_path)
