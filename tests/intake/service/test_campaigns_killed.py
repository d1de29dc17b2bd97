"""Workers are killed in the middle of a campaign: others do the rest, nothing is lost, nothing done twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from intake.jobs import store
from tests.engine import Engine
from tests.intake.registering import csv_of
from tests.intake.service.door import BACK_OFFICE, Door, door_of
from tests.intake.service.test_jobs import CSV, HEADINGS, ended, handed_in, people, row_of
from tests.worker_process import sample_key_file, sample_trust_file, worker_process

ROWS: Final = 60


@pytest_asyncio.fixture(loop_scope="session", name="door")
async def one_door(engine: Engine) -> AsyncIterator[Door]:
    async with door_of(engine) as door:
        yield door


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_campaign_goes_on_where_a_worker_was_killed_and_each_row_is_opened_once(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CAMPAIGN_ROWS", ROWS - 1)
    engine = door.engine
    persons = await people(engine, ROWS)
    settings = {
        "CARDCASE_DATABASE_URL": engine.database_url,
        "CARDCASE_KEY_FILE": str(sample_key_file(tmp_path)),
        "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(tmp_path)),
        "CARDCASE_PROFILE": "local",
        "TEMPORAL_ADDRESS": engine.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": engine.client.namespace,
    }
    file = csv_of(map(row_of, persons), HEADINGS).encode()
    job = str((await handed_in(door, "/v1/registers", file, CSV)).json()["id"])
    refs = [engine.sealer.person_token(person.personal_number) for person in persons]

    async def opened() -> int:
        counted = "SELECT count(*) FROM cases WHERE person = ANY ($1)"
        return int(await engine.pool.fetchval(counted, refs))

    async with worker_process(settings) as first:
        async with asyncio.timeout(120):
            while await opened() < ROWS // 3:
                pass
        first.process.kill()
        await first.ends()
    begun = await opened()
    # Of the page that was under way nothing was written down.
    assert ROWS // 3 <= begun < ROWS
    async with worker_process(settings):
        over = await ended(door, job, by=BACK_OFFICE)
    assert over["rows"] == {"read": ROWS, "done": ROWS, "refused": 0, "waiting": 0, "cancelled": 0}
    taken = await engine.pool.fetch(
        "SELECT person, count(*) AS times, count(DISTINCT stamp) AS stamps FROM transitions "
        "JOIN cases USING (case_id, generation) WHERE person = ANY ($1) AND event = 'registered' GROUP BY person",
        refs,
    )
    assert {row["person"]: (row["times"], row["stamps"]) for row in taken} == dict.fromkeys(refs, (1, 1))
    # One page at most was tried again.
    tried = await engine.pool.fetchval("SELECT count(*) FROM job_rows WHERE job = $1 AND attempts > 1", job)
    assert 0 < tried <= ROWS
