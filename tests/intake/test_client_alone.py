"""The client where the engine is slow to answer, or a case goes on in another run."""

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cases.errors import Code
from cases.facts import Acknowledge, AddDocuments, Withdraw
from cases.machines.machine import Status
from intake.client import CaseClient, Unavailable
from stack import LocalStack
from tests.engine import Engine, engine_on
from tests.intake.applying import CLERK, number_change, paper
from workflows.search_attributes import SEARCH_ATTRIBUTES

TODAY = date(2026, 11, 2)
SHORT_HISTORY = 30

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """Servers of this module's own, where histories are soon long enough to begin anew."""
    data_dir: Path = tmp_path_factory.mktemp("alone")
    async with LocalStack(
        data_dir,
        search_attributes=SEARCH_ATTRIBUTES,
        durable=False,
        dynamic_config={"limit.historyCount.suggestContinueAsNew": SHORT_HISTORY},
    ) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def idle_engine(own_stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine nobody works for yet."""
    async with engine_on(own_stack, "alone") as engine:
        yield engine


def client_of(engine: Engine, **more: Any) -> CaseClient:
    return CaseClient(engine.client, engine.sealer, stamping=engine.everybody, today=lambda: TODAY, **more)


async def test_without_a_worker_the_outcome_is_unknown_and_the_repetition_is_answered(idle_engine: Engine) -> None:
    person = await idle_engine.insured()
    hasty = client_of(idle_engine, timeout=timedelta(milliseconds=500))
    with pytest.raises(Unavailable) as unknown:
        await hasty.open(number_change(person))
    assert unknown.value.code is Code.ENGINE_TIMEOUT
    patient = client_of(idle_engine)
    async with idle_engine.working():
        receipt = await patient.open(number_change(person))
    assert (receipt.generation, receipt.status) == (1, Status.in_review)


async def test_a_call_that_is_given_up_leaves_no_exception_that_nobody_has_looked_at(idle_engine: Engine) -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
    try:
        hasty = client_of(idle_engine, timeout=timedelta(milliseconds=300))
        with pytest.raises(Unavailable):
            await hasty.open(number_change(await idle_engine.insured()))
        await asyncio.sleep(0)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert complaints == []


async def test_a_case_that_goes_on_in_another_run_is_waited_for_and_keeps_its_receipt(idle_engine: Engine) -> None:
    client = client_of(idle_engine)
    application = number_change(await idle_engine.insured())
    async with idle_engine.working():
        receipt = await client.open(application)
        first_run = (await idle_engine.handle(receipt.case_id).describe()).run_id
        for copy in range(2, 12):
            await client.tell(receipt.case_id, AddDocuments(actor=CLERK, documents=(paper(copy=str(copy)),)))
            await client.tell(receipt.case_id, Acknowledge(actor=CLERK), update_id=f"seen-{copy}")
        view = await client.wait_for(receipt.case_id, lambda view: view.version >= 21)
        assert (await idle_engine.handle(receipt.case_id).describe()).run_id != first_run
        assert await client.open(application) == receipt
        await client.tell(receipt.case_id, Withdraw(actor=CLERK))
        outcome = await client.wait(receipt.case_id)
        assert await client.open(application) == receipt
    assert (view.status, outcome.status) == (Status.in_review, Status.withdrawn)


async def test_a_server_that_died_leaves_the_outcome_unknown_and_the_repetition_is_answered(
    own_stack: LocalStack, idle_engine: Engine
) -> None:
    person = await idle_engine.insured()
    hasty = client_of(idle_engine, timeout=timedelta(milliseconds=500))
    await own_stack.temporal.kill()
    for call in (hasty.open(number_change(person)), hasty.view("idc-" + "a" * 26), hasty.wait("idc-" + "a" * 26)):
        with pytest.raises(Unavailable) as unknown:
            await call
        assert unknown.value.code in {Code.ENGINE_UNAVAILABLE, Code.ENGINE_TIMEOUT}
    await own_stack.temporal.start()
    patient = client_of(idle_engine)
    async with idle_engine.working():
        assert (await patient.open(number_change(person))).status is Status.in_review
