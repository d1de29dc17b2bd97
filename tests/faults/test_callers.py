"""A caller goes away while Temporal dies, and the register goes on alone.

The register takes in what the run never hears of, and nobody tells the case anything more: it is brought into step by
itself, within a minute.
"""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from cases.events import Event
from cases.machines.machine import Status
from cases.models import System
from tests.faults.checker.invariants import check, until_emptied
from tests.faults.site import Site, own_connection, site_of
from tests.namespaces import until
from tests.scenes import ID_CARD
from tests.workflows.roads import change
from workflows.search_attributes import VERSION

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(600)]

FOUND_WITHIN: Final = timedelta(minutes=1)
COMMITTED: Final = 4
"""The version of a number change whose number is committed."""


async def version_of(site: Site, case: str) -> int:
    version: int = await site.engine.pool.fetchval("SELECT version FROM cases WHERE case_id = $1", case)
    return version


async def shown_by_run(site: Site, case: str) -> int | None:
    """The version that the run of a case shows to whoever lists cases."""
    run = await site.engine.handle(case).describe()
    return run.typed_search_attributes.get(VERSION)


async def lock_is_waited_for(site: Site) -> bool:
    found: bool = await site.engine.pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
    return found


async def test_a_case_that_the_register_moved_while_its_server_and_its_caller_were_gone_is_brought_into_step(
    tmp_path: Path,
) -> None:
    async with site_of(tmp_path, "V1", 0) as site:
        dossier = await change(site.engine, ID_CARD)
        case = dossier.case_id
        await until(lambda: agree_on(site, case, 1))
        async with own_connection(site) as connection:
            async with connection.transaction():
                await connection.execute("SELECT FROM cases WHERE case_id = $1 FOR UPDATE", case)
                caller = asyncio.create_task(site.engine.tell(case, Event.verify_documents))
                await until(lambda: lock_is_waited_for(site))
                caller.cancel()
                await asyncio.gather(caller, return_exceptions=True)
                await site.stack.temporal.kill()
            # The worker has what it asked for, and goes on with what follows from it: no server is asked for that.
            await until(lambda: has_version(site, case, COMMITTED))
        moved = time.monotonic()
        await site.stack.temporal.start()
        assert await shown_by_run(site, case) == 1
        await until(lambda: agree_on(site, case, COMMITTED), seconds=FOUND_WITHIN.total_seconds())
        took = time.monotonic() - moved
        print(f"in step after {took:.1f} s")  # noqa: T201 - what was measured
        kinds = await site.engine.pool.fetch("SELECT kind FROM differences WHERE case_id = $1", case)
        assert [row["kind"] for row in kinds] == ["ahead"]
        assert (await site.engine.view(case)).status is Status.applying
        # Whoever was told nothing asks again, and everything goes on.
        await dossier.confirm(*System)
        assert (await site.engine.handle(case).result()).status is Status.done
        async with own_connection(site) as register:
            await until_emptied(site.evidence, register)
            await site.write_down_the_rest()
            checked = await check(site.evidence, register, site.engine.client)
        assert checked.findings == [], f"\n{checked}"


async def has_version(site: Site, case: str, version: int) -> bool:
    return await version_of(site, case) == version


async def agree_on(site: Site, case: str, version: int) -> bool:
    """Whether register and run both stand at a version."""
    return await version_of(site, case) == version == await shown_by_run(site, case)
