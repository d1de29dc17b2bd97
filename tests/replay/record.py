"""Records what workflows do, on real servers.

    python -m tests.replay.record histories

records the histories that the release of this code has not recorded yet: one for each ending of each kind of case, and
for each workflow beside them. Nothing is recorded anew, because recorded histories bind: every later release has to
replay them. Every person is synthetic, and the histories hold sealed fields only.

    python -m tests.replay.record fingerprints

writes anew, from lives lived now, which commands each has. Do so after a change that is meant to change what workflows
do, and read the difference.
"""

import argparse
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
from runtime.ending import end
from stack import LocalStack
from stack.servers import Servers
from tests.engine import Engine, engine_on, new_number
from tests.replay.commands import FINGERPRINTS, fingerprint, fingerprint_of
from tests.replay.lives import LIVES, RUNS, everything_working
from tests.replay.recorded import keep, path_of
from tests.replay.steady import steady_calendars, steady_policies
from tests.scenes import FACTS, ID_CARD, SOUTH, document
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change
from workflows.search_attributes import SEARCH_ATTRIBUTES

CONTINUE_AFTER: Final = 50
"""Events after which the server asks a case to continue as new."""

IDENTITY: Final = "recorder"
"""What stands in the histories in place of a process and its machine."""


STEPS: Final = frozenset({"activity register", "activity advance", "activity tell_closed"})
"""Commands of a life in which the register did not answer at once."""

DISTURBED_AT_MOST: Final = 5


@asynccontextmanager
async def recording(folder: Path) -> AsyncIterator[tuple[Engine, LocalStack]]:
    """Servers on which cases are soon to go on in a new run, and an engine whose histories can be read."""
    async with (
        LocalStack(
            folder,
            search_attributes=SEARCH_ATTRIBUTES,
            durable=False,
            time_skipping=True,
            dynamic_config={"limit.historyCount.suggestContinueAsNew": CONTINUE_AFTER},
        ) as stack,
        engine_on(stack, IDENTITY) as named,
        everything_working(engine := await in_clear(named, stack)),
    ):
        yield engine, stack


@asynccontextmanager
async def steady(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine for which every day is as any other."""
    register = engine_on(stack, "fingerprints", policies=steady_policies(), calendars=steady_calendars())
    async with register as named:
        engine = replace(await in_clear(named, stack), task_queue="fingerprints")
        async with everything_working(engine):
            yield engine


async def in_clear(engine: Engine, stack: Servers) -> Engine:
    """The engine with payloads that can be read, and histories that do not say where they were made."""
    client = await connect(None, stack.temporal_address, stack.namespace, identity=IDENTITY)
    return replace(engine, client=client, skipper=TimeSkipper(client))


async def history_of(case: Dossier, run_id: str | None = None) -> WorkflowHistory:
    """The history of a case's last run, or of another."""
    return await case.engine.client.get_workflow_handle(case.case_id, run_id=run_id).fetch_history()


async def lived(engine: Engine, name: str) -> WorkflowHistory:
    """The history of one of `LIVES`, lived now."""
    case = await LIVES[name](engine)
    outcome = await case.ends()
    assert outcome.status is Status(name.split(".")[1]), name
    return await history_of(case)


async def record_lives(engine: Engine) -> None:
    """One history for each of `LIVES` and of `RUNS` that is not there yet."""
    for name in LIVES:
        if is_wanted(name):
            keep(name, await lived(engine, name))
    for name, run in RUNS.items():
        if is_wanted(name):
            keep(name, await (await run(engine)).fetch_history())


def is_wanted(name: str) -> bool:
    """Whether this release has no history of a name yet."""
    return not path_of(name).exists()


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


async def record_histories(engine: Engine, stack: LocalStack) -> None:
    """Record whatever is not there yet."""
    await record_lives(engine)
    if is_wanted("IdNumberChange.continued") or is_wanted("IdNumberChange.done.continued"):
        await record_a_continued_case(engine)
    if is_wanted("IdNumberChange.failed.refused"):
        await record_an_application_that_was_refused(engine)
    if is_wanted("IdNumberChange.done.waited"):
        await record_a_register_that_was_away(engine, stack)


async def lived_undisturbed(engine: Engine, name: str) -> str:
    """The fingerprint of a life or of a run, lived now, in which the register answered at once."""
    for _ in range(DISTURBED_AT_MOST):
        history = await lived(engine, name) if name in LIVES else await (await RUNS[name](engine)).fetch_history()
        text = fingerprint(history)
        if STEPS.isdisjoint(text.splitlines()):
            return text
    raise AssertionError(f"{name}: the register never answered at once")


async def write_fingerprints(engine: Engine) -> None:
    """Write all fingerprints anew."""
    texts = {name: await lived_undisturbed(engine, name) for name in (*LIVES, *RUNS)}
    FINGERPRINTS.mkdir(exist_ok=True)
    for old in FINGERPRINTS.glob("*.txt"):
        old.unlink()
    for name, text in texts.items():
        fingerprint_of(name).write_text(text, encoding="utf-8")


async def main(what: str) -> None:
    """Record the histories that are not there yet, or write the fingerprints anew."""
    with tempfile.TemporaryDirectory() as folder:
        if what == "histories":
            async with recording(Path(folder)) as (engine, stack):
                await record_histories(engine, stack)
            return
        async with (
            LocalStack(Path(folder), search_attributes=SEARCH_ATTRIBUTES, durable=False, time_skipping=True) as stack,
            steady(stack) as engine,
        ):
            await write_fingerprints(engine)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("histories", "fingerprints"))
    asyncio.run(main(parser.parse_args().what))
    end(0)
