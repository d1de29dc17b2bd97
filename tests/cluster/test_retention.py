"""What a cluster forgets when its retention is over, the register still answers."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.service import RPCError, RPCStatusCode

from cases.events import Event
from cases.machines.machine import Status
from stack.cluster import Bed, Programs
from tests.engine import Engine, engine_on
from tests.faults.calling import door_of
from tests.namespaces import until
from tests.scenes import FACTS, ID_CARD, SOUTH, of_office
from tests.workflows.roads import change
from workflows.search_attributes import SEARCH_ATTRIBUTES

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300, func_only=True)]

RETENTION = timedelta(seconds=5)
FORGETS_SOON = {"system.namespaceMinRetentionLocal": "1s", "history.retentionTimerJitterDuration": "1s"}
"""The server permits an hour at least, and spreads what it removes over half of one."""


async def forgotten(engine: Engine, case: str) -> bool:
    """Whether neither the case nor a line in a list is left."""
    if (await engine.client.count_workflows(f"WorkflowId = '{case}'")).count:
        return False
    try:
        await engine.handle(case).describe()
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    return False


async def test_a_case_that_was_forgotten_is_answered_from_the_register(programs: Programs, tmp_path: Path) -> None:
    forgetful = Bed(
        tmp_path,
        programs,
        search_attributes=SEARCH_ATTRIBUTES,
        retention=RETENTION,
        dynamic_config=FORGETS_SOON,
    )
    async with forgetful as bed, engine_on(bed, "forgotten") as engine, engine.working():
        door = door_of(engine)
        case = await change(engine, ID_CARD, region=SOUTH)
        fact = of_office(FACTS[Event.verify_documents], SOUTH)
        told = await door.tell(case.case_id, fact, update_id="verified-once")
        assert (await case.ends()).status is Status.done
        await until(lambda: forgotten(engine, case.case_id), seconds=120)
        assert await door.enter(case.opening) == case.receipt
        assert await door.tell(case.case_id, fact, update_id="verified-once") == told
