"""A large register becomes a campaign: opened page by page, paused, resumed, slowed down, cancelled, counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus

from activities.campaign.opening import Pages, begin_campaign, take_up_campaigns
from cases.campaigns import CampaignReport
from cases.names import campaign_id
from intake.client import CaseClient
from intake.jobs import store
from intake.jobs.bulk import InBulk
from intake.stamping import Stamping
from runtime.worker import campaigns_worker
from tests.engine import Engine
from tests.intake.registering import csv_of
from tests.intake.service.door import BACK_OFFICE, ELSEWHERE, Door, door_of
from tests.intake.service.test_cases import code_of
from tests.intake.service.test_jobs import CSV, HEADINGS, ended, handed_in, people, refused, row_of, rows_of
from tests.scenes import OFFICE

ROWS: Final = 6


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A register of four rows is large."""
    monkeypatch.setattr(store, "CAMPAIGN_ROWS", 3)


@pytest_asyncio.fixture(loop_scope="session", name="door")
async def one_door(engine: Engine) -> AsyncIterator[Door]:
    async with door_of(engine) as door:
        yield door


@asynccontextmanager
async def campaigning(engine: Engine) -> AsyncIterator[None]:
    """A worker of campaigns for the length of a block."""

    def in_bulk(stamping: Stamping, *, compared: bool) -> CaseClient:
        register = engine.pool if compared else None
        return CaseClient(engine.client, engine.sealer, stamping=stamping, register=register, in_bulk=True)

    pages = Pages(engine.pool, engine.sealer, InBulk(engine.pool, in_bulk))
    async with campaigns_worker(engine.client, pages, engine.settings):
        yield


async def begun(door: Door, rows: list[list[str]]) -> str:
    answer = await handed_in(door, "/v1/registers", csv_of(rows, HEADINGS).encode(), CSV)
    assert answer.status_code == 202, answer.text
    assert answer.json()["campaign"] is not None
    return str(answer.json()["id"])


async def said(door: Door, job: str, what: str, **more: Any) -> dict[str, Any]:
    answer = await door.asked("POST", f"/v1/jobs/{job}:{what}", by=BACK_OFFICE, **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def report_of(door: Door, job: str) -> CampaignReport:
    answer = await door.asked("GET", f"/v1/jobs/{job}/report", by=BACK_OFFICE)
    assert answer.status_code == 200, answer.text
    return CampaignReport.model_validate_json(answer.content)


async def test_a_large_register_is_opened_by_a_campaign_and_its_report_adds_up(door: Door) -> None:
    persons = await people(door.engine, ROWS)
    rows = [row_of(person) for person in persons]
    rows[1] = row_of(persons[1], personal_number="T9999999")
    rows[2] = row_of(persons[2], number="11010519491231002Q")
    async with campaigning(door.engine):
        job = await begun(door, rows)
        over = await ended(door, job)
        report: CampaignReport = await door.engine.client.get_workflow_handle(
            campaign_id(job), result_type=CampaignReport
        ).result()
    assert (over["state"], over["rows"]) == (
        "done",
        {"read": ROWS, "done": 4, "refused": 2, "waiting": 0, "cancelled": 0},
    )
    assert refused(await rows_of(door, job, state="refused")) == [
        (3, None, "PERSON_UNKNOWN"),
        (4, "number", "NUMBER_CHARACTERS"),
    ]
    assert report == await report_of(door, job)
    assert (report.read, report.opened, report.answered, report.refused) == (ROWS, 4, 1, 2)
    cases = [row["case_id"] for row in await rows_of(door, job, state="done")]
    opened = await door.engine.pool.fetch(
        "SELECT case_id, stamp FROM transitions WHERE event = 'registered' AND case_id = ANY ($1)", cases
    )
    assert len(opened) == len({row["stamp"] for row in opened}) == 4
    start = (await door.engine.handle(cases[0]).fetch_history()).events[0]
    priority = start.workflow_execution_started_event_attributes.priority
    assert (priority.priority_key, priority.fairness_key) == (5, OFFICE)


async def test_a_campaign_is_paused_slowed_down_and_resumed(door: Door) -> None:
    rows = [row_of(person) for person in await people(door.engine, ROWS)]
    job = await begun(door, rows)
    # No worker is there yet: it begins as one that somebody paused.
    await door.engine.client.get_workflow_handle(campaign_id(job)).terminate()
    await door.engine.pool.execute("UPDATE campaigns SET paused = true WHERE job = $1", job)
    await begin_campaign(door.engine.client, door.engine.pool, job)
    async with campaigning(door.engine):
        slow = await said(door, job, "set-rate", json={"per_second": 0.5})
        assert slow["campaign"]["per_second"] == 0.5
        paused = await said(door, job, "pause")
        assert (paused["state"], paused["campaign"]["paced_by"]) == ("paused", BACK_OFFICE.id)
        for wrong in (0, -1, 1001, "20", None):
            answer = await door.asked("POST", f"/v1/jobs/{job}:set-rate", by=BACK_OFFICE, json={"per_second": wrong})
            assert answer.status_code == 422
        assert code_of(await door.asked("POST", f"/v1/jobs/{job}:pause", by=ELSEWHERE), 404) == "JOB_UNKNOWN"
        await said(door, job, "set-rate", json={"per_second": 1000})
        assert (await said(door, job, "resume"))["state"] == "running"
        assert (await ended(door, job))["rows"]["done"] == ROWS
    assert code_of(await door.asked("POST", f"/v1/jobs/{job}:resume", by=BACK_OFFICE), 409) == "JOB_NOT_RUNNING"


async def test_a_paused_campaign_is_cancelled_and_opens_nothing_more(door: Door) -> None:
    rows = [row_of(person) for person in await people(door.engine, ROWS)]
    job = await begun(door, rows)
    # No worker is there yet: the register alone is told.
    await door.engine.pool.execute("UPDATE campaigns SET paused = true WHERE job = $1", job)
    handle = door.engine.client.get_workflow_handle(campaign_id(job), result_type=CampaignReport)
    await handle.terminate()
    cancelling = asyncio.create_task(said(door, job, "cancel"))
    async with campaigning(door.engine):
        cancelled = await cancelling
    assert cancelled["state"] == "cancelled"
    assert cancelled["rows"] == {"read": ROWS, "done": 0, "refused": 0, "waiting": 0, "cancelled": ROWS}


async def test_a_job_that_is_small_has_no_pace(door: Door) -> None:
    (person,) = await people(door.engine, 1)
    answer = await handed_in(door, "/v1/registers", csv_of([row_of(person)], HEADINGS).encode(), CSV)
    job = answer.json()["id"]
    assert answer.json()["campaign"] is None
    assert code_of(await door.asked("POST", f"/v1/jobs/{job}:pause", by=BACK_OFFICE), 409) == "JOB_NO_CAMPAIGN"
    assert code_of(await door.asked("GET", f"/v1/jobs/{job}/report", by=BACK_OFFICE), 409) == "JOB_NO_CAMPAIGN"
    await said(door, job, "cancel")


async def test_a_campaign_that_somebody_terminated_is_taken_up_where_it_was(door: Door) -> None:
    engine = door.engine
    job = await begun(door, [row_of(person) for person in await people(engine, ROWS)])
    handle = engine.client.get_workflow_handle(campaign_id(job), result_type=CampaignReport)
    await handle.terminate()
    now = await engine.pool.fetchval("SELECT clock_timestamp() + interval '1 minute'")
    assert await take_up_campaigns(engine.client, engine.pool, now) == 0
    later = await engine.pool.fetchval("SELECT clock_timestamp() + interval '3 minutes'")
    assert await take_up_campaigns(engine.client, engine.pool, later) >= 1
    # One that runs stays as it is.
    run = (await handle.describe()).run_id
    await take_up_campaigns(engine.client, engine.pool, later)
    assert ((await handle.describe()).run_id, (await handle.describe()).status) == (
        run,
        WorkflowExecutionStatus.RUNNING,
    )
    async with campaigning(engine):
        assert (await handle.result()).opened == ROWS
