"""The roles of the compose file on a real server: each can do its work and no more, and its password can be changed."""

from datetime import UTC, datetime

import asyncpg
import pytest
import pytest_asyncio

from activities.calendar import official_calendar
from activities.notifications.callbacks import Callback, record_callback
from activities.notifications.standing import Told
from activities.registry import Registry
from activities.registry.loading import load_persons
from activities.registry.pool import create_pool
from activities.sealing import KeyRing, Sealer
from cases.delivery import Channel
from cases.events import Event
from cases.machines.machine import Status
from cases.policy import Policies
from cases.state import CaseState
from deploy.credentials import KEY_RING, make
from tests.activities.play import SOUTH, Play, insured
from tests.deploy.cluster import Cluster
from tests.stamping import STAMPS

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def finished(cluster: Cluster) -> CaseState:
    """A case that the worker's role took from its opening to its end."""
    sealer = Sealer(KeyRing.load(cluster.secrets / KEY_RING))
    person = insured(region=SOUTH)
    owner = await create_pool(cluster.url("cardcase_owner", "owner_pgpass"), size=2)
    await load_persons(owner, sealer, [person])
    await owner.close()
    pool = await create_pool(cluster.url("cardcase_worker", "worker_pgpass"), size=2)
    registry = Registry(pool, sealer, STAMPS, Policies.load(), official_calendar)
    play = Play(pool, registry, sealer, at=datetime.now(UTC))
    case = await play.committed(play.change(person))
    for event in (Event.unblock, Event.release):
        case = await play.move(case, event)
    await play.check()
    await pool.close()
    return case


async def test_the_worker_takes_a_case_to_its_end(finished: CaseState) -> None:
    assert finished.status is Status.done


async def test_the_worker_takes_a_phone_of_the_register_out_of_use_that_bounced(
    cluster: Cluster, finished: CaseState
) -> None:
    pool = await create_pool(cluster.url("cardcase_worker", "worker_pgpass"), size=2)
    person, key, now = finished.opening.person, "0" * 64, datetime.now(UTC)
    await pool.execute(
        "WITH told AS (INSERT INTO notifications (subject, event, person, recipient, template, not_before, written_at, "
        "next_attempt_at) VALUES ('invitation:2026:1', 'invited', $1, 'applicant', 'invitation.blue_0', $3, $3, $3) "
        "RETURNING id) "
        "INSERT INTO deliveries (notification_id, channel, idempotency_key, address, language, provider, state, "
        "begun_at, accepted_at) SELECT told.id, 'sms', $2, phone, 'zh', 'sms-gateway', 'accepted', $3, $3 "
        "FROM told, persons WHERE token = $1",
        person,
        key,
        now,
    )
    told = Callback(event_id="1", key=key, what=Told.bounced, at=now)
    assert await record_callback(pool, Channel.sms, told, now)
    assert await pool.fetchval("SELECT valid FROM contacts WHERE person = $1", person) is False
    await pool.close()


async def test_the_worker_cannot_change_the_schema(cluster: Cluster) -> None:
    worker = await cluster.connect("cardcase_worker", "worker_pgpass")
    for statement in (
        "CREATE TABLE mine (number int)",
        "ALTER TABLE transitions DISABLE TRIGGER ALL",
        "DROP TABLE transitions",
        "TRUNCATE transitions",
        "CREATE ROLE another",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(statement)
    await worker.close()


async def test_the_worker_cannot_change_or_delete_the_audit(cluster: Cluster, finished: CaseState) -> None:
    worker = await cluster.connect("cardcase_worker", "worker_pgpass")
    for statement in ("UPDATE transitions SET event = 'other'", "DELETE FROM transitions"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(statement)
    # The registration is a row of its own.
    assert await worker.fetchval("SELECT count(*) FROM transitions") == 1 + finished.version
    await worker.close()


async def test_temporal_sees_its_own_databases_only(cluster: Cluster) -> None:
    password = (cluster.secrets / "temporal_password").read_text(encoding="ascii")
    endpoint = cluster.server.endpoint
    for database in ("temporal", "temporal_visibility"):
        own = await asyncpg.connect(
            host=endpoint.host, port=endpoint.port, user="temporal", password=password, database=database
        )
        # Its schema for visibility needs this extension.
        await own.execute("CREATE EXTENSION btree_gin")
        await own.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(
            host=endpoint.host, port=endpoint.port, user="temporal", password=password, database="cardcase"
        )


async def test_a_new_password_takes_the_place_of_the_old_one(cluster: Cluster) -> None:
    old = cluster.url("cardcase_worker", "worker_pgpass.old")
    (cluster.secrets / "worker_pgpass").rename(cluster.secrets / "worker_pgpass.old")
    assert make(cluster.secrets) == ["worker_pgpass"]
    await cluster.set_up()
    await (await cluster.connect("cardcase_worker", "worker_pgpass")).close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(old)
