"""The checker finds nothing in a run in which nothing went wrong, and each violation that is planted."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.worker import Worker

from activities.registry.pool import Connection
from cases.events import Event
from cases.machines.machine import Status
from intake.client import Refused
from stack import LocalStack
from tests.engine import engine_on
from tests.faults.calling import CallingEngine
from tests.faults.checker import invariants
from tests.faults.checker.evidence import LOGS, OPENED, Call, Evidence, Gauge, Received, Run, Said, Trouble, now
from tests.faults.checker.invariants import Checked, Finding, Invariant, check, until_emptied
from tests.faults.sagas import Saga, apply_for, tell_all
from tests.namespaces import until
from tests.scenes import ID_CARD
from tests.worker_process import ROOT, environment_with
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change
from workflows.search_attributes import SEARCH_ATTRIBUTES

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

AT_ONCE: Final = timedelta()
"""What is planted does not go away: nobody has to wait for it."""


@dataclass
class Scene:
    """A run in which nothing went wrong: some cases, what their callers were answered, and what is looked at."""

    engine: CallingEngine
    changed: str
    """A number change that is done."""
    replaced: str
    withdrawn: str
    in_review: str

    @property
    def evidence(self) -> Evidence:
        return self.engine.evidence

    @property
    def cases(self) -> list[str]:
        return [self.changed, self.replaced, self.withdrawn, self.in_review]

    async def checked(self, register: Connection | None = None, evidence: Evidence | None = None) -> Checked:
        """What the checker says, over a connection of the register's that may be within a transaction."""
        evidence = evidence or self.evidence
        if register is not None:
            return await check(evidence, register, self.engine.client, cases=self.cases, patience=AT_ONCE)
        async with self.engine.pool.acquire() as connection:
            return await check(evidence, connection, self.engine.client, cases=self.cases, patience=AT_ONCE)

    def copied(self, folder: Path) -> Evidence:
        """The same evidence, to be falsified."""
        copy = Evidence(folder)
        copy.write_run(self.evidence.run)
        for lines in (self.evidence.calls(), self.evidence.received(), self.evidence.gauges()):
            copy.write(*lines)
        for path in ("planted.jsonl",):
            (folder / path).write_bytes((self.evidence.folder / path).read_bytes())
        return copy


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("checked")
    async with (
        LocalStack(folder / "servers", search_attributes=SEARCH_ATTRIBUTES, durable=False) as stack,
        engine_on(stack, "checked") as plain,
    ):
        engine = CallingEngine.of(plain, Evidence(folder / "evidence"))
        engine.evidence.write_run(
            Run(
                scenario="nothing",
                seed=0,
                database_url=engine.database_url,
                temporal_address=stack.temporal_address,
                namespace=stack.namespace,
                begun_at=now(),
            )
        )
        async with engine.working():
            yield await played(engine)


async def played(engine: CallingEngine) -> Scene:
    cases: dict[Saga, str] = {}
    for saga in Saga:
        case = await Dossier.open(engine, *await apply_for(engine, saga))
        await tell_all(case, saga)
        await case.ends()
        cases[saga] = case.case_id
    withdrawn = await change(engine, ID_CARD)
    await engine.tell(withdrawn.case_id, Event.withdraw, rivals="one")
    with pytest.raises(Refused):
        await engine.tell(withdrawn.case_id, Event.verify_documents, rivals="one")
    waiting = await change(engine, ID_CARD)
    await waiting.rests_in(Status.in_review)
    await engine.pool.fetchval("SELECT publish(100000)")
    await engine.pool.execute("UPDATE notifications SET state = 'undeliverable', next_attempt_at = NULL")
    engine.evidence.write(
        Received(receiver="bank", at=now(), id="e-1", effect="number changed", accepted=True, first=True),
        Received(receiver="bank", at=now(), id="e-1", effect="number changed", accepted=True, first=False),
        *(
            Gauge(what=what, of=of, at=now(), value=value, limit=10)
            for what, of, value in (("connections", "workers", 7), ("pollers", "cases", 2))
        ),
        *(
            Gauge(what="memory", of="worker 1", at=engine.evidence.run.begun_at + timedelta(seconds=at), value=value)
            for at, value in enumerate((100e6, 102e6) * 10)
        ),
    )
    (engine.evidence.folder / LOGS / "worker.log").write_text('{"event": "ready"}\n', encoding="utf-8")
    return Scene(engine, cases[Saga.number_change], cases[Saga.replacement], withdrawn.case_id, waiting.case_id)


async def test_nothing_is_found_where_nothing_went_wrong_and_everything_was_looked_at(scene: Scene) -> None:
    checked = await scene.checked()
    assert checked.findings == [], f"\n{checked}"
    assert {each for each in Invariant if not checked.looked_at[each]} <= {Invariant.I7, Invariant.I8}


async def test_the_program_says_the_same_of_a_folder(scene: Scene) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.checker", str(scene.evidence.folder)),
        env=environment_with({}),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    said = out.decode()
    assert process.returncode == 0, said
    assert said.count(" holds, ") == len(Invariant)


# --- what is planted in the register ----------------------------------------------------------------------------------

Planting = Callable[[Connection, Scene], Awaitable[object]]


def sql(text: str, which: Callable[[Scene], str]) -> Planting:
    """A violation that is written with a statement about one case, which is $1."""
    return lambda register, scene: register.execute(text, which(scene))


def newest(change: str) -> str:
    """A statement that changes the newest step of a case, which is $1."""
    return f"{change} WHERE case_id = $1 AND version = (SELECT max(version) FROM transitions WHERE case_id = $1)"  # noqa: S608 - from this file


async def another_open_case(register: Connection, scene: Scene) -> None:
    for (name,) in await register.fetch(
        "SELECT indexname FROM pg_indexes "
        "WHERE tablename = 'cases' AND indexdef LIKE 'CREATE UNIQUE%closed_at IS NULL%'"
    ):
        await register.execute(f'DROP INDEX "{name}"')
    await register.execute(
        "CREATE TEMP TABLE copied ON COMMIT DROP AS SELECT * FROM cases WHERE case_id = $1", scene.in_review
    )
    await register.execute(
        "UPDATE copied SET generation = generation + 1, key = 'another-key', version = 0, reference = NULL"
    )
    await register.execute("INSERT INTO cases SELECT * FROM copied")


async def a_key_used_twice(register: Connection, scene: Scene) -> None:
    await register.execute(
        "UPDATE cases SET key = (SELECT key FROM cases WHERE case_id = $1) WHERE case_id = $2",
        *(scene.changed, scene.in_review),
    )


async def a_second_message(register: Connection, scene: Scene) -> None:
    await register.execute("ALTER TABLE notifications DROP CONSTRAINT notifications_once CASCADE")
    await register.execute(
        "INSERT INTO notifications (subject, case_id, generation, person, event, recipient, office, template, "
        "not_before, written_at, state) SELECT subject, case_id, generation, person, event, recipient, office, "
        "template, not_before, written_at, state FROM notifications WHERE case_id = $1",
        scene.changed,
    )


async def a_second_key(register: Connection, scene: Scene) -> None:
    for key in "bc":
        await register.execute(
            "INSERT INTO deliveries (notification_id, channel, idempotency_key, address, language, state, provider, "
            "begun_at) SELECT min(id), 'sms', repeat($2, 64), (SELECT min(sealed) FROM numbers), 'zh', 'failed', 'a', "
            "now() FROM notifications WHERE case_id = $1",
            *(scene.changed, key),
        )


async def a_rung_twice(register: Connection, scene: Scene) -> None:
    await register.execute("ALTER TABLE rungs DROP CONSTRAINT rungs_pkey")
    await register.execute("DROP INDEX rungs_once")
    for _ in range(2):
        await register.execute(RUNG.format(due="now()", fired="now()"), scene.in_review)


def refused(scene: Scene) -> Call:
    """A call that was refused."""
    return next(call for call in scene.evidence.calls() if call.answer is Said.refused)


async def a_step_of_the_refused(register: Connection, scene: Scene) -> None:
    await register.execute(
        newest("UPDATE transitions SET event = $2, told_as = $3"),
        *(scene.withdrawn, refused(scene).act, refused(scene).key),
    )


async def a_second_winner(register: Connection, scene: Scene) -> None:
    await register.execute(
        "UPDATE transitions SET event = $2, told_as = $3 WHERE case_id = $1 AND version = 1",
        *(scene.withdrawn, refused(scene).act, refused(scene).key),
    )


RUNG: Final = (
    "INSERT INTO rungs (case_id, generation, rung, cause, clock, due_at, fired_at) "
    "SELECT case_id, generation, 1, 'processing', 1, {due}, {fired} FROM cases WHERE case_id = $1"
)

IN_THE_REGISTER: Final[dict[str, tuple[Invariant, Planting]]] = {
    "a case is gone": (Invariant.I1, sql("DELETE FROM cases WHERE case_id = $1", lambda scene: scene.in_review)),
    "a step that was acknowledged is gone": (
        Invariant.I1,
        sql("DELETE FROM transitions WHERE case_id = $1 AND event = 'withdraw'", lambda scene: scene.withdrawn),
    ),
    "a step of the engine is not made": (
        Invariant.I1,
        sql("UPDATE cases SET status = 'verified', due_at = NULL WHERE case_id = $1", lambda scene: scene.in_review),
    ),
    "two cases are open": (Invariant.I2, another_open_case),
    "an application opened two cases": (Invariant.I2, a_key_used_twice),
    "a version is missing": (
        Invariant.I3,
        sql("DELETE FROM transitions WHERE case_id = $1 AND version = 3", lambda scene: scene.changed),
    ),
    "a step is no row of the table": (
        Invariant.I3,
        sql("UPDATE transitions SET event = 'approve' WHERE case_id = $1 AND version = 3", lambda scene: scene.changed),
    ),
    "a case stands elsewhere than its audit": (
        Invariant.I3,
        sql("UPDATE cases SET version = version + 1 WHERE case_id = $1", lambda scene: scene.changed),
    ),
    "an effect stands twice": (
        Invariant.I4,
        sql(
            "INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id) "
            "SELECT case_id, generation, step, kind, target, subject, person, written_at, request_id || 'x' "
            "FROM events WHERE case_id = $1 LIMIT 1",
            lambda scene: scene.changed,
        ),
    ),
    "a claim is released before the number is committed": (
        Invariant.I5,
        sql(
            "UPDATE claims SET requeued_at = requeued_at - interval '1 day' WHERE requeued_by = $1",
            lambda scene: scene.changed,
        ),
    ),
    "a held benefit is released before the number is committed": (
        Invariant.I5,
        sql(
            "UPDATE benefit_holds SET released_at = released_at - interval '1 day' WHERE released_by_case = $1",
            lambda scene: scene.changed,
        ),
    ),
    "a claim is released for a case that was withdrawn": (
        Invariant.I5,
        sql(
            "UPDATE claims SET requeued_by = $1, requeued_generation = 1, requeued_at = now() "
            "WHERE id = (SELECT min(id) FROM claims WHERE requeued_by IS NOT NULL)",
            lambda scene: scene.withdrawn,
        ),
    ),
    "the step of a caller who was refused is there": (Invariant.I6, a_step_of_the_refused),
    "two rivals won": (Invariant.I6, a_second_winner),
    "a rung is early": (
        Invariant.I7,
        sql(RUNG.format(due="now() + interval '1 hour'", fired="now()"), lambda scene: scene.in_review),
    ),
    "a rung is late": (
        Invariant.I7,
        sql(RUNG.format(due="now() - interval '31 seconds'", fired="now()"), lambda scene: scene.in_review),
    ),
    "a rung fired after the end": (
        Invariant.I7,
        sql(RUNG.format(due="now()", fired="now()"), lambda scene: scene.withdrawn),
    ),
    "a rung fired twice": (Invariant.I7, a_rung_twice),
    "a step fired a rung that is not written down": (
        Invariant.I7,
        sql(newest("UPDATE transitions SET event = 'escalated'"), lambda scene: scene.withdrawn),
    ),
    "a rung has not fired": (
        Invariant.I7,
        sql(
            "UPDATE cases SET next_rung = 1, next_rung_at = now() - interval '1 minute' WHERE case_id = $1",
            lambda scene: scene.in_review,
        ),
    ),
    "somebody is written to twice": (Invariant.I8, a_second_message),
    "a message has two keys": (Invariant.I8, a_second_key),
    "the register stands elsewhere than the run": (
        Invariant.I9,
        sql("UPDATE cases SET due_at = now() WHERE case_id = $1", lambda scene: scene.in_review),
    ),
    "personal data stand in clear": (
        Invariant.I11,
        lambda register, scene: register.execute(
            "UPDATE notifications SET facts = jsonb_build_object('n', $2::text) WHERE case_id = $1",
            *(scene.changed, scene.evidence.planted()[1].text),
        ),
    ),
    "the audit was rewritten": (
        Invariant.I12,
        sql(newest("UPDATE transitions SET actor = 'clerk-99'"), lambda scene: scene.withdrawn),
    ),
    "the end of the audit was cut off": (
        Invariant.I12,
        sql(newest("DELETE FROM transitions"), lambda scene: scene.changed),
    ),
    "a message was never sent": (
        Invariant.I14,
        sql(
            "UPDATE notifications SET state = 'pending', next_attempt_at = now(), not_before = now() "
            "WHERE case_id = $1",
            lambda scene: scene.changed,
        ),
    ),
    "an event is in no feed": (
        Invariant.I14,
        sql("DELETE FROM feed WHERE case_id = $1", lambda scene: scene.changed),
    ),
}


@asynccontextmanager
async def falsified(scene: Scene) -> AsyncIterator[Connection]:
    """A connection that may write what no one may, and all of it is taken back in the end."""
    async with scene.engine.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("SET LOCAL session_replication_role = replica")
            for name, table in await connection.fetch(
                "SELECT conname, conrelid::regclass::text FROM pg_constraint "
                "WHERE contype IN ('c', 'u') AND connamespace = 'public'::regnamespace AND conrelid <> 0 "
                "AND conname NOT LIKE '%notifications_once'"
            ):
                await connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}" CASCADE')
            yield connection
        finally:
            await transaction.rollback()


@pytest.mark.parametrize("planted", IN_THE_REGISTER)
async def test_what_is_planted_in_the_register_is_found(scene: Scene, planted: str) -> None:
    invariant, plant = IN_THE_REGISTER[planted]
    async with falsified(scene) as register:
        await plant(register, scene)
        checked = await scene.checked(register)
    assert invariant in checked.broken(), f"\n{checked}"


# --- what is planted in the files of a run ----------------------------------------------------------------------------


def after(scene: Scene, seconds: float) -> datetime:
    """A moment of the run."""
    return scene.evidence.run.begun_at + timedelta(seconds=seconds)


def a_call(scene: Scene, **more: Any) -> Call:
    """A call like one that was made."""
    call = next(call for call in scene.evidence.calls() if call.act == more.get("act", OPENED))
    return call.model_copy(update=more)


IN_THE_FILES: Final[dict[str, tuple[Invariant, Callable[[Scene, Evidence], object]]]] = {
    "an application was answered with two cases": (
        Invariant.I2,
        lambda scene, evidence: evidence.write(a_call(scene, case_id=scene.withdrawn)),
    ),
    "a step was acknowledged that nobody made": (
        Invariant.I1,
        lambda scene, evidence: evidence.write(
            a_call(scene, act="verify_documents", key="never-made", case_id=scene.in_review)
        ),
    ),
    "a caller was told no after yes": (
        Invariant.I6,
        lambda scene, evidence: evidence.write(
            a_call(scene, act="verify_documents").model_copy(
                update={"answer": Said.refused, "code": "EVENT_NOT_ALLOWED", "ended_at": now()}
            )
        ),
    ),
    "a caller was answered in another way when asking again": (
        Invariant.I6,
        lambda scene, evidence: evidence.write(a_call(scene, act="verify_documents", version=99)),
    ),
    "an effect comes under two IDs": (
        Invariant.I4,
        lambda _, evidence: evidence.write(
            Received(receiver="bank", at=now(), id="e-2", effect="number changed", accepted=True, first=True)
        ),
    ),
    "an ID means two effects": (
        Invariant.I4,
        lambda _, evidence: evidence.write(
            Received(receiver="bank", at=now(), id="e-1", effect="card ordered", accepted=True, first=True)
        ),
    ),
    "a message was accepted twice": (
        Invariant.I8,
        lambda _, evidence: evidence.write(
            *(Received(receiver="messages", at=now(), id="k-1", effect="t", accepted=True, first=True) for _ in "12")
        ),
    ),
    "a message was sent that the register does not know": (
        Invariant.I8,
        lambda _, evidence: evidence.write(
            Received(receiver="messages", at=now(), id="k-2", effect="t", accepted=True, first=True)
        ),
    ),
    "a signal was dropped": (
        Invariant.I10,
        lambda _, evidence: (evidence.folder / LOGS / "w.log").write_text("[TMPRL1100] nondeterminism"),
    ),
    "an exception was never looked at": (
        Invariant.I10,
        lambda _, evidence: (evidence.folder / LOGS / "w.log").write_text("Task exception was never retrieved"),
    ),
    "a name is in a log": (
        Invariant.I11,
        lambda scene, evidence: (evidence.folder / LOGS / "w.log").write_text(
            f"for {scene.evidence.planted()[0].text}", encoding="utf-8"
        ),
    ),
    "more connections than the pool may have": (
        Invariant.I13,
        lambda _, evidence: evidence.write(Gauge(what="connections", of="workers", at=now(), value=11, limit=10)),
    ),
    "memory grows": (
        Invariant.I13,
        lambda scene, evidence: evidence.write(
            *(
                Gauge(what="memory", of="worker 2", at=after(scene, 30 * step), value=100e6 + 2e6 * step)
                for step in range(20)
            )
        ),
    ),
    "nobody polls": (
        Invariant.I13,
        lambda _, evidence: evidence.write(Gauge(what="pollers", of="cases", at=now(), value=0)),
    ),
}


@pytest.mark.parametrize("planted", IN_THE_FILES)
async def test_what_is_planted_in_the_files_of_a_run_is_found(scene: Scene, planted: str, tmp_path: Path) -> None:
    invariant, plant = IN_THE_FILES[planted]
    evidence = scene.copied(tmp_path)
    assert (await scene.checked(evidence=evidence)).findings == []
    plant(scene, evidence)
    checked = await scene.checked(evidence=evidence)
    assert checked.broken() == {invariant}, f"\n{checked}"


# --- what is planted in Temporal --------------------------------------------------------------------------------------


async def test_an_open_case_that_nothing_runs_is_found(scene: Scene) -> None:
    case = (await change(scene.engine, ID_CARD)).case_id
    await scene.engine.handle(case).terminate("a test")
    checked = await replace_cases(scene, case).checked()
    assert Finding(Invariant.I1, case, "is open, and nothing runs") in checked.findings, f"\n{checked}"


@workflow.defn(name="IdNumberChange", sandboxed=False)
class Failing:
    """A workflow whose tasks fail."""

    @workflow.run
    async def run(self) -> int:
        """Fail, as a mistake in a workflow would."""
        return int("on purpose")


async def test_a_failed_task_is_found_unless_it_was_injected(scene: Scene, tmp_path: Path) -> None:
    case, engine = "idc-" + 26 * "a", scene.engine
    begun_at = now()
    async with Worker(engine.client, task_queue="failing", workflows=[Failing]):
        run = await engine.client.start_workflow("IdNumberChange", id=case, task_queue="failing")

        async def failed() -> bool:
            history = await run.fetch_history()
            return any(event.HasField("workflow_task_failed_event_attributes") for event in history.events)

        await until(failed)
    await until_listed(engine, case, run.first_execution_run_id)
    stray = replace_cases(scene, case)
    checked = await stray.checked()
    (found,) = checked.findings
    assert (found.invariant, found.subject) == (Invariant.I10, case)
    assert "WORKFLOW_WORKER_UNHANDLED_FAILURE" in found.what
    evidence = scene.copied(tmp_path)
    injected = Trouble(
        fault="on purpose",
        begun_at=begun_at,
        ended_at=now(),
        fails_tasks=("WORKFLOW_WORKER_UNHANDLED_FAILURE",),
        fails_cases=(case,),
    )
    evidence.write(injected)
    assert (await stray.checked(evidence=evidence)).findings == []
    await run.terminate("a test")


async def test_a_reset_that_nobody_says_was_meant_is_found(scene: Scene) -> None:
    case, engine = await change(scene.engine, ID_CARD), scene.engine
    run = await engine.handle(case.case_id).describe()
    reset = await engine.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=engine.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.id, run_id=run.run_id),
            reason="a test",
            workflow_task_finish_event_id=4,
            request_id="reset-1",
        )
    )
    await until_listed(engine, case.case_id, reset.run_id)
    checked = await replace_cases(scene, case.case_id).checked()
    assert Invariant.I10 in checked.broken(), f"\n{checked}"


async def until_listed(engine: CallingEngine, case: str, run_id: str | None) -> None:
    """Until the server lists a run, a moment after it has begun: the checker asks it for all there are."""

    async def listed() -> bool:
        return run_id in [run.run_id async for run in engine.client.list_workflows(f"WorkflowId = '{case}'")]

    await until(listed)


def replace_cases(scene: Scene, case: str) -> Scene:
    """The same run, in which one other case is asked about."""
    return replace(scene, changed=case, replaced=case, withdrawn=case, in_review=case)


async def test_what_is_written_long_after_the_last_fault_is_waited_for_until_it_is_sent(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was in no ledger yet when these were read, and in the register as sent a moment later."""
    evidence = scene.copied(tmp_path)
    evidence.write_run(scene.evidence.run.model_copy(update={"begun_at": now() - timedelta(hours=1)}))
    written = (
        "UPDATE notifications SET state = 'pending', next_attempt_at = now(), not_before = now() WHERE case_id = $1"
    )
    sent = "UPDATE notifications SET state = 'accepted', next_attempt_at = NULL WHERE case_id = $1"
    async with scene.engine.pool.acquire() as connection:
        changing = connection.transaction()
        await changing.start()
        pauses: list[float] = []

        async def send(seconds: float) -> None:
            pauses.append(seconds)
            await connection.execute(sent, scene.changed)

        monkeypatch.setattr(invariants, "asyncio", SimpleNamespace(sleep=send))
        await connection.execute(written, scene.changed)
        await until_emptied(evidence, connection, scene.cases)
        await changing.rollback()
    assert len(pauses) == 1
