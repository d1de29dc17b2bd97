"""Records one history for each ending of each kind of case, on real servers: `python -m tests.replay.record`.

Every person is synthetic, and the histories hold sealed fields only. Record anew after a change that is meant to change
what workflows do; a history that a change merely fails to replay is what the recording is for.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory, WorkflowUpdateFailedError
from temporalio.testing import TimeSkipper

from cases.documents import DocumentKind
from cases.events import Event
from cases.kinds import case_id
from cases.machines.machine import Status
from runtime.client import connect
from stack import LocalStack
from tests.engine import Engine, engine_on, new_number
from tests.replay.lives import LIVES
from tests.replay.recorded import FOLDER, keep
from tests.scenes import FACTS, ID_CARD, SOUTH, document
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change
from workflows.search_attributes import SEARCH_ATTRIBUTES

CONTINUE_AFTER: Final = 50
"""Events after which the server asks a case to continue as new."""

IDENTITY: Final = "recorder"
"""What stands in the histories in place of a process and its machine."""


@asynccontextmanager
async def recording(folder: Path) -> AsyncIterator[tuple[Engine, LocalStack]]:
    """An engine whose histories do not say where they were made."""
    async with (
        LocalStack(
            folder,
            search_attributes=SEARCH_ATTRIBUTES,
            durable=False,
            time_skipping=True,
            dynamic_config={"limit.historyCount.suggestContinueAsNew": CONTINUE_AFTER},
        ) as stack,
        engine_on(stack, IDENTITY) as named,
    ):
        client = await connect(None, stack.temporal_address, stack.namespace, identity=IDENTITY)
        engine = replace(named, client=client, skipper=TimeSkipper(client))
        async with engine.working():
            yield engine, stack


async def history_of(case: Dossier, run_id: str | None = None) -> WorkflowHistory:
    """The history of a case's last run, or of another."""
    return await case.engine.client.get_workflow_handle(case.case_id, run_id=run_id).fetch_history()


async def record_lives(engine: Engine) -> None:
    """One history for each of `LIVES`."""
    for name, life in LIVES.items():
        case = await life(engine)
        outcome = await case.ends()
        assert outcome.status is Status(name.split(".")[1]), name
        keep(name, await history_of(case))


async def record_a_continued_case(engine: Engine) -> None:
    """Both runs of a case that went on in a new one."""
    case = await change(engine, ID_CARD, region=SOUTH)
    handle = engine.handle(case.case_id)
    first_run = (await handle.describe()).run_id
    copies = 0
    while (await handle.describe()).run_id == first_run:
        copies += 1
        paper = document(DocumentKind.photograph, str(copies % 15))
        await case.tell(Event.add_documents, FACTS[Event.add_documents].model_copy(update={"documents": (paper,)}))
    await case.verify()
    await case.ends()
    keep("IdNumberChange.continued", await history_of(case, first_run))
    keep("IdNumberChange.done.continued", await history_of(case))


async def record_a_register_that_was_away(engine: Engine, stack: LocalStack) -> None:
    """A step that a regular activity makes, because the register did not answer at once."""
    case = await change(engine, ID_CARD, region=SOUTH)
    await stack.postgres.kill()
    told = asyncio.create_task(case.tell(Event.verify_documents))
    async for event in engine.handle(case.case_id).fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            break
    await stack.postgres.start()
    await told
    await case.ends()
    keep("IdNumberChange.done.waited", await history_of(case))


async def record_an_application_that_was_refused(engine: Engine) -> None:
    """A run that fails: only a closed case can be reopened, and there is none."""
    person = await engine.insured(number=new_number())
    opening = engine.number_change(person, ID_CARD, reopen=True)
    try:
        await engine.open(opening)
    except WorkflowUpdateFailedError:
        handle = engine.client.get_workflow_handle(case_id(opening.kind, opening.person))
        keep("IdNumberChange.failed.refused", await handle.fetch_history())


async def main() -> None:
    """Record everything anew."""
    for old in FOLDER.glob("*.json"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        async with recording(Path(folder)) as (engine, stack):
            await record_lives(engine)
            await record_a_continued_case(engine)
            await record_an_application_that_was_refused(engine)
            await record_a_register_that_was_away(engine, stack)


if __name__ == "__main__":
    asyncio.run(main())
