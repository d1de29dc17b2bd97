"""What happens is read from one feed and told by webhook: in order, once under an ID, and to nobody else."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import aiohttp
import asyncpg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from activities.publishing.publisher import FEWEST_ATTEMPTS, Publisher, wait_after
from activities.stamps import raw_key_of
from cases.models import Actor
from tests.engine import Engine, new_number
from tests.intake.service.door import BACK_OFFICE, BANK, ELSEWHERE, VERIFIER, WEBHOOK_KEYS, Door, door_of
from tests.intake.service.receiver import Receiver, receiving
from tests.intake.service.test_cases import approved, code_of, opened


@asynccontextmanager
async def publishing(engine: Engine, **more: Any) -> AsyncIterator[Publisher]:
    async with aiohttp.ClientSession() as session:
        publisher = Publisher(engine.pool, session, engine.client.namespace, WEBHOOK_KEYS, **more)
        async with publisher.running():
            yield publisher


async def end_of(door: Door, by: Actor = BACK_OFFICE) -> str:
    return str((await door.asked("GET", "/v1/events:end", by=by)).json()["next"])


async def all_after(door: Door, place: str, by: Actor = BACK_OFFICE, more: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = await door.asked("GET", f"/v1/events?after={place}&limit=3{more}", by=by)
        assert answer.status_code == 200, answer.text
        read = answer.json()
        found += read["events"]
        place = read["next"]
        if read["is_end"]:
            return found


async def verified(door: Door) -> str:
    case = str((await opened(door, await door.engine.insured())).json()["case_id"])
    view = (await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).json()
    told = {"original_seen": True, "copies": [each["sha256"] for each in view["documents"]]}
    answer = await door.asked("POST", f"/v1/cases/{case}/events/verify_documents", by=VERIFIER, json=told)
    assert answer.status_code == 200, answer.text
    assert (await approved(door, case)).status_code == 200
    return case


async def published(publisher: Publisher) -> None:
    """Wait until everything that is committed has its place, whoever gives it."""
    committed = await publisher.pool.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    while await publisher.pool.fetchval("SELECT written_before::text::bigint FROM feed_state") < committed:
        await publisher.publish()


async def test_every_transition_is_in_the_feed_in_order_and_without_a_gap(door: Door) -> None:
    async with publishing(door.engine) as publisher:
        await published(publisher)
        place = await end_of(door)
        case = await verified(door)
        await published(publisher)
        events = [each for each in await all_after(door, place) if each["subject"] == case]
        moved = [each for each in events if each["type"] == "cardcase.case_moved.v1"]
        transitions = (await door.asked("GET", f"/v1/cases/{case}/history", by=VERIFIER)).json()["transitions"]
        assert [(each["data"]["version"], each["data"]["event"], each["data"]["status"]) for each in moved] == [
            (each["version"], each["event"], each["to"]) for each in transitions
        ]
        rows = await door.engine.pool.fetch("SELECT sequence FROM feed ORDER BY sequence")
        assert all(after["sequence"] == before["sequence"] + 1 for before, after in pairwise(rows))
        assert all(each["id"].endswith(f".{each['sequence']}") for each in events)


async def test_who_is_asked_is_told_and_nobody_else(door: Door) -> None:
    async with publishing(door.engine) as publisher:
        await published(publisher)
        place = await end_of(door)
        case = await verified(door)
        await published(publisher)
        asked = [each for each in await all_after(door, place, BANK) if each["subject"] == case]
        changed = [each for each in asked if each["type"] == "cardcase.number_changed.v1"]
        assert len(changed) == 1
        assert changed[0]["data"]["request"].startswith("pub-")
        types = {each["type"] for each in await all_after(door, place) if each["subject"] == case}
        assert types == {"cardcase.case_moved.v1"}
        assert [each for each in await all_after(door, place, ELSEWHERE) if each["subject"] == case] == []
        only = await all_after(door, place, BANK, "&type=cardcase.number_changed.v1")
        assert {each["type"] for each in only} == {"cardcase.number_changed.v1"}


async def test_what_a_closed_case_is_told_of_is_told_like_everything_else(door: Door) -> None:
    async with publishing(door.engine) as publisher:
        await published(publisher)
        place = await end_of(door)
        case = str((await opened(door, await door.engine.insured())).json()["case_id"])
        for event, fact in (("withdraw", {}), ("report_loss", {"evidence": "loss/2026-1"})):
            told = await door.asked("POST", f"/v1/cases/{case}/events/{event}", by=VERIFIER, json=fact)
            assert told.status_code == 200, told.text
        await published(publisher)
        (blocked,) = await all_after(door, place, BANK, "&type=cardcase.card_blocked.v1")
        assert (blocked["subject"], blocked["data"]["status"]) == (case, "withdrawn")
        later = (await opened(door, await door.engine.insured())).json()["case_id"]
        await published(publisher)
        assert later in {each["subject"] for each in await all_after(door, place)}


async def test_a_reader_that_waits_is_answered_when_something_follows(door: Door) -> None:
    async with publishing(door.engine) as publisher:
        await published(publisher)
        place = await end_of(door)
        nothing = await door.asked("GET", f"/v1/events?after={place}&wait=1", by=ELSEWHERE)
        assert (nothing.json()["events"], nothing.json()["is_end"]) == ([], True)
        waiting = asyncio.create_task(door.asked("GET", f"/v1/events?after={place}&wait=30", by=BACK_OFFICE))
        case = (await opened(door, await door.engine.insured())).json()["case_id"]
        assert (await waiting).json()["events"][0]["subject"] == case
        # Who asks for some kinds only has another place.
        of_all = "SELECT * FROM feed_readers WHERE client = $1 AND kinds = '{}'"
        row = await door.engine.pool.fetchrow(of_all, BACK_OFFICE.id)
        assert row is not None
        assert f"{row['epoch']}.{row['sequence']}" == place


async def delivered(door: Door, case: str) -> dict[str, tuple[str, str]]:
    """Who has what a case asked them: whoever it was delivered to, and how."""
    rows = await door.engine.pool.fetch(
        "SELECT target, way, client FROM events JOIN delivered_events ON event_id = id "
        "WHERE case_id = $1 AND kind = 'number_changed'",
        case,
    )
    return {row["target"]: (row["way"], row["client"]) for row in rows}


async def test_asking_for_what_follows_is_the_receipt_of_what_was_asked_before(door: Door) -> None:
    async with publishing(door.engine) as publisher:
        await published(publisher)
        place = await end_of(door)
        case = await verified(door)
        await published(publisher)
        read = await door.asked("GET", f"/v1/events?after={place}&limit=1000", by=BANK)
        assert case in {each["subject"] for each in read.json()["events"]}
        # What was answered may have been lost on the way.
        assert await delivered(door, case) == {}
        # Who asks for other things has not got it.
        upto = read.json()["next"]
        await door.asked("GET", f"/v1/events?after={upto}&type=cardcase.case_moved.v1", by=BANK)
        await door.asked("GET", f"/v1/events?after={upto}", by=BACK_OFFICE)
        assert await delivered(door, case) == {}
        for _ in range(2):
            await door.asked("GET", f"/v1/events?after={upto}", by=BANK)
            assert await delivered(door, case) == {"bank": ("feed", BANK.id)}


@pytest.mark.parametrize("place", ["aaaaaaaaaa.0", "planted", "aaaaaaaaaa.99999999999"])
async def test_a_place_of_another_epoch_is_gone(door: Door, place: str) -> None:
    answer = await door.asked("GET", f"/v1/events?after={place}", by=BACK_OFFICE)
    assert code_of(answer, 410) == "FEED_PLACE_GONE"
    assert "planted" not in answer.text


async def test_a_place_that_was_never_given_is_gone(door: Door) -> None:
    epoch = (await end_of(door)).partition(".")[0]
    assert (
        code_of(await door.asked("GET", f"/v1/events?after={epoch}.999999", by=BACK_OFFICE), 410) == "FEED_PLACE_GONE"
    )


async def test_no_place_is_given_while_an_earlier_transaction_is_under_way(door: Door) -> None:
    async with aiohttp.ClientSession() as session:
        publisher = Publisher(door.engine.pool, session, door.engine.client.namespace)
        await published(publisher)
        before = await end_of(door)
        held = await asyncpg.connect(door.engine.database_url)
        transaction = held.transaction()
        await transaction.start()
        try:
            # Whatever it writes comes before what others write after it.
            await held.fetchval("SELECT pg_current_xact_id()")
            await opened(door, await door.engine.insured())
            assert await publisher.publish() == 0
            assert await end_of(door) == before
        finally:
            await transaction.rollback()
            await held.close()
        assert await publisher.publish() > 0


async def test_two_publishers_give_no_place_twice(door: Door) -> None:
    async with aiohttp.ClientSession() as session:
        publishers = [Publisher(door.engine.pool, session, door.engine.client.namespace) for _ in range(4)]
        await published(publishers[0])
        for _ in range(3):
            await opened(door, await door.engine.insured())
        given = await asyncio.gather(*(publisher.publish() for publisher in publishers))
        await published(publishers[0])
        assert sum(given) > 0
        twice = await door.engine.pool.fetchval(
            "SELECT count(*) FROM (SELECT FROM feed WHERE event_id IS NULL "
            "GROUP BY case_id, generation, version HAVING count(*) > 1) AS twice"
        )
        assert twice == 0


# --- webhooks ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def subscribed(engine: Engine, **wanted: Any) -> AsyncIterator[tuple[Door, Receiver, Publisher, str]]:
    """A receiver that is told, from now on."""
    async with (
        receiving() as receiver,
        door_of(engine, sink_hosts=[receiver.host]) as door,
        publishing(engine) as publisher,
    ):
        await published(publisher)
        answer = await door.asked("POST", "/v1/subscriptions", by=BACK_OFFICE, json={"sink": receiver.sink, **wanted})
        assert answer.status_code == 201, answer.text
        which = answer.json()["id"]
        await stands(door, which, "active")
        yield door, receiver, publisher, which
        ended = await door.asked("DELETE", f"/v1/subscriptions/{which}", by=BACK_OFFICE)
        assert ended.json()["state"] == "ended"


async def stands(
    door: Door,
    which: str,
    state: str,
    how: Callable[[dict[str, Any]], bool] = lambda _found: True,
    by: Actor = BACK_OFFICE,
) -> dict[str, Any]:
    """The subscription, once it stands so."""
    found: dict[str, Any] = {}
    for _ in range(400):
        found = (await door.asked("GET", f"/v1/subscriptions/{which}", by=by)).json()
        if found["state"] == state and how(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_what_follows_in_a_case_is_sent_as_soon_as_what_came_before_was_accepted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        receiving() as receiver,
        door_of(engine, sink_hosts=[receiver.host]) as door,
        aiohttp.ClientSession() as session,
    ):
        publisher = Publisher(engine.pool, session, engine.client.namespace, WEBHOOK_KEYS)
        await published(publisher)
        answer = await door.asked("POST", "/v1/subscriptions", by=BACK_OFFICE, json={"sink": receiver.sink})
        await publisher.send()
        await publisher.settled()
        case = await verified(door)
        await published(publisher)
        moves = (await door.asked("GET", f"/v1/cases/{case}/history", by=BACK_OFFICE)).json()["transitions"]
        assert len(moves) > 4
        # Whoever looked only now and then would come to the second of them long after this test.
        monkeypatch.setattr("activities.publishing.publisher.EVERY_SECONDS", 600.0)
        async with publisher.running():
            told = await receiver.has(len(moves))
        versions = [each["data"]["version"] for each in told if each["type"] == "cardcase.case_moved.v1"]
        assert versions == sorted(versions)
        await door.asked("DELETE", f"/v1/subscriptions/{answer.json()['id']}", by=BACK_OFFICE)


def signed_by(call: Any, key: dict[str, str]) -> bool:
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    public = Ed25519PublicKey.from_public_bytes(raw_key_of(key["x"]))
    for signature in call.headers["webhook-signature"].split():
        version, _, encoded = signature.partition(",")
        try:
            public.verify(base64.b64decode(encoded), signed)
        except InvalidSignature:
            continue
        return bool(version == "v1a")
    return False


async def test_a_case_is_told_in_order_and_signed_with_every_key(engine: Engine) -> None:
    async with subscribed(engine) as (door, receiver, _, _):
        case = (await opened(door, await engine.insured())).json()["case_id"]
        await receiver.has(2)
        assert [(each["subject"], each["data"]["event"]) for each in receiver.accepted] == [
            (case, "registered"),
            (case, "screened"),
        ]
        keys = (await door.http.get(f"{door.url}/v1/webhook-keys")).json()["keys"]
        assert len(keys) == 2
        for call in receiver.calls[1:]:
            assert all(signed_by(call, key) for key in keys)
            assert call.headers["webhook-id"] == call.said["id"]
            assert call.headers["content-type"] == "application/cloudevents+json"
            call.body = call.body.replace(b"registered", b"regIstered").replace(b"screened", b"screenEd")
            assert not any(signed_by(call, key) for key in keys)


async def test_what_fails_is_sent_again_under_the_same_id_and_nothing_overtakes_it(engine: Engine) -> None:
    async with subscribed(engine) as (door, receiver, _, which):
        refusals = iter([500, 0, 302])
        receiver.answer = lambda _said: next(refusals, 204)
        case = (await opened(door, await engine.insured())).json()["case_id"]
        await receiver.has(2)
        assert [each["data"]["event"] for each in receiver.accepted] == ["registered", "screened"]
        ids = [call.said["id"] for call in receiver.calls if call.said.get("subject") == case]
        assert len(set(ids)) == 2
        assert len(ids) == 5
        found = await stands(door, which, "active", lambda found: found["pending"] == 0)
        assert found["dead"] == 0


async def test_a_question_is_delivered_when_the_sink_of_whom_it_asks_accepts_it(engine: Engine) -> None:
    async with (
        receiving() as receiver,
        door_of(engine, sink_hosts=[receiver.host]) as door,
        publishing(engine) as publisher,
    ):
        await published(publisher)
        wanted = {"sink": receiver.sink, "types": ["cardcase.number_changed.v1"]}
        which = (await door.asked("POST", "/v1/subscriptions", by=BANK, json=wanted)).json()["id"]
        await stands(door, which, "active", by=BANK)
        receiver.answer = lambda _said: 503
        case = await verified(door)
        await receiver.has_heard(2)
        await stands(door, which, "active", lambda found: bool(found["failures"]), by=BANK)
        away = await engine.pool.fetchval("SELECT failing_since FROM subscriptions WHERE id = $1", which)
        assert away is not None
        (said,) = await engine.pool.fetch(
            "SELECT * FROM deliveries_of("
            "$1, 1, (SELECT request_id FROM events WHERE case_id = $1 AND target = 'bank'), $2)",
            case,
            ["bank"],
        )
        assert (said["role"], said["delivered_at"], said["away_since"]) == ("bank", None, away)
        assert await delivered(door, case) == {}
        receiver.answer = lambda _said: 204
        await receiver.has(1)
        found = await stands(door, which, "active", lambda found: not found["pending"], by=BANK)
        assert found["failures"] == 0
        assert await delivered(door, case) == {"bank": ("webhook", BANK.id)}
        assert await engine.pool.fetchval("SELECT failing_since FROM subscriptions WHERE id = $1", which) is None
        await door.asked("DELETE", f"/v1/subscriptions/{which}", by=BANK)


async def test_a_sink_that_is_gone_ends_its_subscription(engine: Engine) -> None:
    async with subscribed(engine) as (door, receiver, _, which):
        receiver.answer = lambda _said: 410
        await opened(door, await engine.insured())
        found = await stands(door, which, "ended")
        assert found["last_error"] == "gone"


async def test_a_sink_that_does_not_answer_its_challenge_is_told_nothing(engine: Engine) -> None:
    async with receiving() as receiver, door_of(engine, sink_hosts=[receiver.host]) as door, publishing(engine):
        receiver.echoes = False
        answer = await door.asked("POST", "/v1/subscriptions", by=BACK_OFFICE, json={"sink": receiver.sink})
        which = answer.json()["id"]
        await stands(door, which, "unverified", lambda found: found["failures"] > 0)
        await opened(door, await engine.insured())
        rows = await engine.pool.fetch("SELECT FROM subscription_queue WHERE subscription = $1", which)
        assert (receiver.accepted, rows) == ([], [])
        await door.asked("DELETE", f"/v1/subscriptions/{which}", by=BACK_OFFICE)


async def test_what_happens_in_a_pause_is_told_afterwards_and_can_be_replayed(engine: Engine) -> None:
    async with subscribed(engine, types=["cardcase.case_moved.v1"]) as (door, receiver, publisher, which):
        place = await end_of(door)
        assert (await door.asked("POST", f"/v1/subscriptions/{which}:pause", by=BACK_OFFICE)).json()[
            "state"
        ] == "paused"
        case = (await opened(door, await engine.insured())).json()["case_id"]
        await published(publisher)
        found = await stands(door, which, "paused")
        assert found["pending"] == 2
        assert receiver.accepted == []
        await door.asked("POST", f"/v1/subscriptions/{which}:resume", by=BACK_OFFICE)
        await receiver.has(2)
        again = await door.asked("POST", f"/v1/subscriptions/{which}:replay", by=BACK_OFFICE, json={"after": place})
        assert again.status_code == 200, again.text
        await receiver.has(4)
        ids = [each["id"] for each in receiver.accepted if each["subject"] == case]
        assert (ids[:2], len(set(ids))) == (ids[2:], 2)


async def test_what_was_not_accepted_for_days_is_given_up_until_somebody_has_it_sent_again(engine: Engine) -> None:
    async with subscribed(engine) as (door, receiver, publisher, which):
        await door.asked("POST", f"/v1/subscriptions/{which}:pause", by=BACK_OFFICE)
        case = (await opened(door, await engine.insured())).json()["case_id"]
        await published(publisher)
        long_ago = datetime.now(UTC) - timedelta(days=4)
        await engine.pool.execute(
            "UPDATE subscription_queue SET queued_at = $2, attempts = $3 WHERE subscription = $1",
            which,
            long_ago,
            FEWEST_ATTEMPTS - 1,
        )
        receiver.answer = lambda said: 503 if said["data"]["event"] == "registered" else 204
        await door.asked("POST", f"/v1/subscriptions/{which}:resume", by=BACK_OFFICE)
        # What is given up holds up nothing that follows.
        await receiver.has(1)
        found = await stands(door, which, "active")
        assert (found["dead"], receiver.accepted[0]["data"]["event"]) == (1, "screened")
        receiver.answer = lambda _said: 204
        await door.asked("POST", f"/v1/subscriptions/{which}:resend", by=BACK_OFFICE)
        await receiver.has(2)
        assert receiver.accepted[1]["subject"] == case


@pytest.mark.parametrize(
    "sink",
    [
        "https://elsewhere.example.invalid/hook",
        "http://10.0.0.1/hook",
        "file:///etc/passwd",
        "https://user:planted@known.example.invalid/hook",
        "http://known.example.invalid/hook",
        "https://known.example.invalid:99999/hook",
        "https://known.example.invalid/hook#planted",
    ],
)
async def test_nobody_has_a_worker_call_what_they_like(engine: Engine, sink: str) -> None:
    async with door_of(engine, sink_hosts=["known.example.invalid"]) as door:
        answer = await door.asked("POST", "/v1/subscriptions", by=BACK_OFFICE, json={"sink": sink})
        assert code_of(answer, 422) == "SINK_REFUSED"
        assert "planted" not in answer.text


async def test_a_sink_holds_no_number_of_a_person(engine: Engine) -> None:
    number = new_number()
    async with door_of(engine, sink_hosts=["known.example.invalid"]) as door:
        for path in (number, f"%3{number[0]}{number[1:]}", f"hook?of={number}"):
            sink = {"sink": f"https://known.example.invalid/{path}"}
            answer = await door.asked("POST", "/v1/subscriptions", by=BACK_OFFICE, json=sink)
            assert code_of(answer, 422) == "PII_IN_TEXT"
            assert number[1:] not in answer.text


async def test_a_subscription_shows_the_region_whose_cases_it_is_told_of(engine: Engine) -> None:
    async with receiving() as receiver, door_of(engine, sink_hosts=[receiver.host]) as door:
        for narrowed, region in (({}, BACK_OFFICE.office), ({"region": "110105"}, "110105")):
            wanted = {"sink": receiver.sink, **narrowed}
            answer = await door.asked("POST", "/v1/subscriptions", by=BACK_OFFICE, json=wanted)
            which = answer.json()["id"]
            read = await door.asked("GET", f"/v1/subscriptions/{which}", by=BACK_OFFICE)
            assert (answer.json()["region"], read.json()["region"]) == (region, region)
            await door.asked("DELETE", f"/v1/subscriptions/{which}", by=BACK_OFFICE)
        elsewhere = {"sink": receiver.sink, "region": ELSEWHERE.office}
        refused = await door.asked("POST", "/v1/subscriptions", by=BACK_OFFICE, json=elsewhere)
        assert code_of(refused, 422) == "REGION_INVALID"
        assert [each["pointer"] for each in refused.json()["errors"]] == ["/region"]


async def test_a_subscription_is_its_clients_own(engine: Engine) -> None:
    async with subscribed(engine) as (door, _, _, which):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", ":pause"), ("POST", ":resend")):
            answer = await door.asked(method, f"/v1/subscriptions/{which}{path}", by=ELSEWHERE)
            assert code_of(answer, 404) == "SUBSCRIPTION_UNKNOWN"
        assert (await door.asked("GET", "/v1/subscriptions", by=ELSEWHERE)).json() == {"subscriptions": []}
        narrow = door.token(BACK_OFFICE, "cases:read")
        assert code_of(await door.asked("GET", "/v1/subscriptions", by=narrow), 403) == "SCOPE_MISSING"


def test_a_sink_that_fails_is_left_in_peace_for_longer_and_longer() -> None:
    waits = [wait_after(failures, lambda: 1.0).total_seconds() for failures in range(1, 14)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1.0, 25.0)
    assert wait_after(3, lambda: 0.0) < wait_after(3, lambda: 1.0)
