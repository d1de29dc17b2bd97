"""What a caller is told is true, and asking again is safe: after a refusal, and after a run was ended from outside."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from cases.errors import Code
from cases.events import Event
from cases.facts import Hold, HoldReason, Resume, VerifyDocuments
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.offices import MINISTRY
from intake.client import CaseClient, EngineError, Unavailable
from tests.engine import Engine
from tests.intake.applying import CLERK, SOUTH, number_change, paper
from tests.namespaces import until

TODAY = date(2026, 11, 2)
VERIFY = VerifyDocuments(
    actor=Actor(id="clerk-2", role=Role.clerk, office=MINISTRY), original_seen=True, copies=(paper().sha256,)
)
HOLD = Hold(actor=CLERK, reason=HoldReason.waiting_for_id_card, evidence="函〔2026〕11号")


@pytest.fixture
def client(engine: Engine) -> CaseClient:
    return CaseClient(
        engine.client, engine.sealer, stamping=engine.everybody, today=lambda: TODAY, register=engine.pool
    )


@asynccontextmanager
async def held_up(engine: Engine, case: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Somebody holds the case's row; what is given waits until a step of the engine has come and stands there."""
    async with engine.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM cases WHERE case_id = $1 FOR UPDATE", case)
        pid = await holder.fetchval("SELECT pg_backend_pid()")

        async def somebody_waits() -> None:
            waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
            await until(lambda: engine.pool.fetchval(waiting, pid), seconds=60)

        yield somebody_waits


async def code_of(call: Awaitable[object]) -> Code:
    with pytest.raises(EngineError) as refused:
        await call
    return refused.value.code


async def accepted(engine: Engine, case: str, how_many: int) -> None:
    """Wait until a case has taken in so many updates."""

    async def taken_in() -> bool:
        events = (await engine.handle(case).fetch_history()).events
        taken = [e for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED]
        return len(taken) >= how_many

    await until(taken_in, seconds=60)


async def is_running(engine: Engine, case: str) -> bool:
    return (await engine.handle(case).describe()).status is WorkflowExecutionStatus.RUNNING


async def test_a_fact_that_a_hold_overtook_is_judged_anew_when_the_case_goes_on(
    engine: Engine, client: CaseClient
) -> None:
    case = (await client.open(number_change(await engine.insured(region=SOUTH), region=SOUTH))).case_id
    async with held_up(engine, case) as somebody_waits:
        hold = asyncio.create_task(client.tell(case, HOLD))
        await somebody_waits()
        # Nobody can say yet what is possible, so it is taken in, and refused when the hold has been made.
        overtaken = asyncio.create_task(client.tell(case, VERIFY))
        await accepted(engine, case, 3)
    assert (await hold).status is Status.on_hold
    assert await code_of(overtaken) is Code.EVENT_NOT_ALLOWED
    assert await code_of(client.tell(case, VERIFY)) is Code.EVENT_NOT_ALLOWED, "it is on hold still"
    assert (await client.tell(case, Resume(actor=CLERK))).status is Status.in_review
    answer = await client.tell(case, VERIFY)
    assert answer.status is Status.verified
    assert await client.tell(case, VERIFY) == answer
    assert [each.event for each in await client.history(case)].count(Event.verify_documents) == 1
    assert (await client.wait(case)).status is Status.done


async def test_the_same_application_takes_up_a_case_whose_run_was_terminated(
    engine: Engine, client: CaseClient
) -> None:
    application = number_change(await engine.insured(region=SOUTH), region=SOUTH)
    receipt = await client.open(application)
    await engine.handle(receipt.case_id).terminate()
    assert not await is_running(engine, receipt.case_id)
    assert await client.open(application) == receipt
    assert await is_running(engine, receipt.case_id)
    assert await client.open(application) == receipt, "and takes up nothing that runs"
    assert len(await client.history(receipt.case_id)) == 1, "and nothing is made twice"
    await client.tell(receipt.case_id, VERIFY)
    assert (await client.wait(receipt.case_id)).status is Status.done


async def test_of_a_fact_that_a_termination_cut_off_nobody_says_that_nothing_changed(
    engine: Engine, client: CaseClient
) -> None:
    application = number_change(await engine.insured(region=SOUTH), region=SOUTH)
    case = (await client.open(application)).case_id
    async with held_up(engine, case) as somebody_waits:
        told = asyncio.create_task(client.tell(case, VERIFY))
        await somebody_waits()
        await accepted(engine, case, 2)
        await engine.handle(case).terminate()
        with pytest.raises(EngineError) as denied:
            await told
        assert isinstance(denied.value, Unavailable)
        assert denied.value.code is Code.ENGINE_UNAVAILABLE
    # The step that waited is made after all.
    made = "SELECT version FROM transitions WHERE case_id = $1 AND event = 'verify_documents'"
    await until(lambda: engine.pool.fetchval(made, case), seconds=60)
    again = await client.tell(case, VERIFY)
    assert (again.status, again.version) == (Status.verified, await engine.pool.fetchval(made, case))
    await client.open(application)
    assert (await client.wait(case)).status is Status.done
    rows = await engine.pool.fetch("SELECT event FROM transitions WHERE case_id = $1", case)
    assert [row["event"] for row in rows].count("verify_documents") == 1
