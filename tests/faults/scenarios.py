"""The table of faults, by name: what is injected while the crowd lives, and how often.

Every choice is drawn from the site's own source of chance, so that a seed repeats the schedule.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.sealing import KeyRing
from cases.answers import Answer, Receipt
from cases.documents import DocumentKind
from cases.events import Event
from cases.names import TASK_QUEUE_CASES, Kind
from intake.client import Refused
from runtime.client import connect
from runtime.codec import PayloadSealer, is_sealed, key_of, payloads_in
from stack.tray import Fault
from tests.activities.publishing.sinks import now_and_then
from tests.faults.checker.evidence import now
from tests.faults.clocks import lacks_compiler, shifted_by
from tests.faults.relay import Relay
from tests.faults.site import Disk, Site, lacks_mounting, own_connection
from tests.namespaces import until
from tests.scenes import FACTS, ID_CARD, SOUTH, document, of_office
from tests.workflows.roads import change

Injecting: TypeAlias = Callable[[Site], Coroutine[Any, Any, None]]

TRANSITIONS: Final = 250
EQUAL: Final = 1000
DECIDE: Final = 50
ROUNDS: Final = 5
ROTATIONS: Final = 3
POISONED: Final = 50
"""Of each kind."""
CONFIGURATION: Final = 78
"""With which a worker ends that may not begin as it is told to."""
REFUSALS: Final = 2
SOMETIMES: Final = 0.3
HEALS_WITHIN_SECONDS: Final = 30.0
FEW: Final = 6
SEALED_BEFORE: Final = 30
"""Cases that are open by a key, more than others are at the same time."""
A_MINUTE: Final = timedelta(minutes=1)
LISTED_WITHIN_SECONDS: Final = 60.0
BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
IN_TROUBLE: Final = "(ExecutionStatus = 'Failed' OR TemporalReportedProblems IS NOT NULL)"
"""Where operators find what went wrong."""
UNREADABLE: Final = "WORKFLOW_WORKER_UNHANDLED_FAILURE"
P99_SECONDS: Final = 15.0
LOCKED_SECONDS: Final = 30.0
DRAINED_WITHIN_SECONDS: Final = 35.0


@dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    inject: Injecting
    cases: int = 40
    seconds: int = 90
    """About how long a run takes, by which a sample is drawn."""
    disk: Disk = Disk.ample
    lacks: Callable[[], str | None] = lambda: None
    """Why it cannot be injected on this machine."""
    heavy: bool = False
    """One of the eight heaviest."""
    soaked: bool = False
    """It may come again and again, whatever came before, while cases arrive for hours."""


# --- processes --------------------------------------------------------------------------------------------------------


async def workers_are_killed(site: Site) -> None:
    """SIGKILL of a worker at random."""
    for _ in range(12):
        await asyncio.sleep(site.chance.uniform(0.5, 3))
        async with site.trouble("SIGKILL of a worker"):
            site.crew.kill(site.chance.randrange(len(site.crew)))


async def workers_are_rolled(site: Site) -> None:
    """Rolling restarts: SIGTERM under load, one worker after the other."""
    before = len(site.crew.statuses), len(site.crew.drained)
    for round_ in range(6):
        async with site.trouble("SIGTERM of a worker"):
            await site.crew.roll(round_ % len(site.crew))
    assert max(site.crew.drained[before[1] :]) < DRAINED_WITHIN_SECONDS
    assert set(site.crew.statuses[before[0] :]) == {0}


async def workers_are_stopped_and_continued(site: Site) -> None:
    """SIGSTOP for longer than a step may take, then SIGCONT: what the worker writes then is too late."""
    for _ in range(3):
        worker = site.crew.workers[site.chance.randrange(len(site.crew))]
        async with site.trouble("SIGSTOP of a worker"):
            worker.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(site.chance.uniform(11, 20))
            worker.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(site.chance.uniform(1, 3))


async def keys_are_rotated(site: Site) -> None:
    """The keys of payloads, under open cases and in the order of the runbook: everybody has a key before it seals."""
    ring, case = KeyRing.sample(), (await change(site.engine, ID_CARD)).case_id
    expected = {ring.payload_current}
    for number in range(ROTATIONS):
        key = f"rotated-{number}"
        known = ring.with_payload_key(key)
        for ring in (known, known.sealing_payloads_with(key)):
            async with site.trouble("keys rotated"):
                await _roll_out(site, ring)
            await site.engine.use(ring)
        page = document(DocumentKind.photograph, str(number))
        await site.engine.tell(
            case, Event.add_documents, FACTS[Event.add_documents].model_copy(update={"documents": (page,)})
        )
        expected.add(key)
    await site.engine.tell(case, Event.withdraw)
    events = (await site.engine.handle(case).fetch_history()).events
    assert {key_of(payload) for event in events for payload in payloads_in(event) if is_sealed(payload)} == expected


async def workers_remember_nothing(site: Site) -> None:
    """Whatever moves a case replays it from its beginning."""
    site.crew.program = "tests.faults.forgetful_worker"
    async with site.trouble("workers remember no case"):
        await _rolled(site)
        await asyncio.sleep(40)


async def a_worker_has_another_ring(site: Site) -> None:
    """One worker is given keys that are none of the register's: it does not begin, and the others go on."""
    strange = site.evidence.folder.parent / "strange-keys.toml"
    KeyRing.generate(strange)
    for place in range(len(site.crew)):
        async with site.trouble("one worker has another key ring"):
            site.crew.own[place] = {"CARDCASE_KEY_FILE": str(strange)}
            refusals = site.crew.statuses.count(CONFIGURATION) + REFUSALS
            site.crew.workers[place].terminate()
            await until_done(partial(_have_refused, site, refusals))
            del site.crew.own[place]
            await site.crew.ready(place)


def _have_refused(site: Site, times: int) -> bool:
    return site.crew.statuses.count(CONFIGURATION) >= times


async def a_key_is_dropped_too_early(site: Site) -> None:
    """Workers are given a ring without the key by which most open cases are sealed: none begins until it is back."""
    older = [(await change(site.engine, ID_CARD)).case_id for _ in range(SEALED_BEFORE)]
    both = KeyRing.sample().with_payload_key("later")
    right = both.sealing_payloads_with("later")
    for ring in (both, right):
        async with site.trouble("keys rotated"):
            await _roll_out(site, ring)
        await site.engine.use(ring)
    async with site.trouble("a key is dropped too early", stops=True):
        _hand_out(site, right.without_payload_key("sample"))
        refusals = site.crew.statuses.count(CONFIGURATION) + REFUSALS
        for worker in list(site.crew.workers.values()):
            worker.terminate()
        await until_done(partial(_have_refused, site, refusals))
        _hand_out(site, right)
        async with asyncio.timeout(HEALS_WITHIN_SECONDS):
            await asyncio.gather(*(site.crew.ready(place) for place in range(len(site.crew))))
            await site.engine.tell(older[0], Event.withdraw)
    for case in older[1:]:
        await site.engine.tell(case, Event.withdraw)


async def a_key_is_dropped_that_few_cases_need(site: Site) -> None:
    """Workers begin without the key of a few open cases: these stand still in view until it is back, others go on."""
    older = [(await change(site.engine, ID_CARD)).case_id for _ in range(FEW)]
    both = KeyRing.sample().with_payload_key("later")
    right = both.sealing_payloads_with("later")
    for ring in (both, right):
        async with site.trouble("keys rotated"):
            await _roll_out(site, ring)
        await site.engine.use(ring)
    newer = [(await change(site.engine, ID_CARD)).case_id for _ in range(SEALED_BEFORE)]
    async with site.trouble("the key of a few is dropped", fails_tasks=(UNREADABLE,), fails_cases=older):
        await _roll_out(site, right.without_payload_key("sample"))
        telling = [asyncio.create_task(site.engine.tell(case, Event.withdraw)) for case in older]
        await until(lambda: _are_listed(site, set(older)), seconds=LISTED_WITHIN_SECONDS)
        assert not any(task.done() for task in telling)
        await site.engine.tell(newer[0], Event.withdraw)
        await _roll_out(site, right)
        async with asyncio.timeout(HEALS_WITHIN_SECONDS):
            await asyncio.gather(*telling)
    for case in newer[1:]:
        await site.engine.tell(case, Event.withdraw)


def _hand_out(site: Site, ring: KeyRing) -> None:
    """A key ring for every worker that begins from now on."""
    site.crew.settings["CARDCASE_KEY_FILE"] = str(key_file_of(ring, site.evidence.folder.parent))


async def _roll_out(site: Site, ring: KeyRing) -> None:
    """Every worker, one after the other, is given a key ring."""
    _hand_out(site, ring)
    await _rolled(site)


async def _rolled(site: Site) -> None:
    """Every worker, one after the other."""
    for place in range(len(site.crew)):
        await site.crew.roll(place)


WRONG: Final = (timedelta(days=10), timedelta(days=-1))
"""By how much the clocks of workers are wrong, one after the other."""


async def clocks_are_wrong(site: Site) -> None:
    """One worker lives ten days ahead, another one a day behind: deadlines are the register's all the same."""
    folder = site.evidence.folder.parent
    before = await _deadlines(site)
    async with site.trouble("clocks of workers are wrong", clocks_off_by=WRONG):
        for place, shift in enumerate(WRONG):
            site.crew.own[place] = await shifted_by(shift, folder)
            await site.crew.roll(place)
            said = datetime.fromisoformat((await site.crew.workers[place].says("ready"))["timestamp"])
            assert abs(said - now() - shift) < A_MINUTE, "the clock is as right as before"
        meanwhile = await _deadlines(site)
        with _sinks_that_fail(site, SOMETIMES):
            await asyncio.sleep(20)
            # What they have begun is left to workers whose clocks are right.
            site.crew.own.clear()
            for place in range(len(site.crew)):
                site.crew.kill(place)
        for place in range(len(site.crew)):
            await site.crew.ready(place)
    # Somebody has to be told of this, whenever the workers of before wanted to ask again.
    after = await _deadlines(site)
    assert meanwhile in (before, after), "deadlines follow the clock of a worker"


@contextmanager
def _sinks_that_fail(site: Site, part: float) -> Iterator[None]:
    """Receivers of events fail now and then, so that they are asked again later."""
    before = [hearer.script for hearer in site.hearers]
    for hearer in site.hearers:
        hearer.script = now_and_then(site.chance, part)
    try:
        yield
    finally:
        for hearer, script in zip(site.hearers, before, strict=True):
            hearer.script = script


async def _deadlines(site: Site) -> set[datetime | None]:
    """The dates of an application of just now, which is withdrawn again."""
    case = (await change(site.engine, ID_CARD)).case_id
    view = await site.engine.view(case)
    await site.engine.tell(case, Event.withdraw)
    return {view.processing_due_at, view.campaign_due_at, view.due_at}


def key_file_of(ring: KeyRing, folder: Path) -> Path:
    """A key ring as a file that only its owner may read."""
    path = folder / f"keys-{len(list(folder.glob('keys-*')))}.toml"
    path.touch(mode=0o600)
    path.write_text(ring._as_toml(), encoding="ascii")
    return path


async def temporal_is_killed(site: Site) -> None:
    """SIGKILL of the Temporal server, which has its database in a file."""
    for _ in range(4):
        await asyncio.sleep(site.chance.uniform(2, 6))
        async with site.trouble("SIGKILL of Temporal", stops=True):
            await site.stack.temporal.kill()
            await asyncio.sleep(site.chance.uniform(0, 3))
            await site.stack.temporal.start()


async def postgres_is_killed(site: Site) -> None:
    """SIGKILL of PostgreSQL."""
    for _ in range(5):
        await asyncio.sleep(site.chance.uniform(2, 8))
        async with site.trouble("SIGKILL of PostgreSQL", stops=True):
            await site.stack.postgres.kill()
            await asyncio.sleep(site.chance.uniform(0, 3))
            await site.stack.postgres.start()


# --- the register refuses ---------------------------------------------------------------------------------------------

_ONE_BACKEND: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'cardcase' ORDER BY random() LIMIT 1
"""
_EVERY_BACKEND: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def backends_are_killed(site: Site) -> None:
    """One connection after the other is ended by the server."""
    async with own_connection(site) as connection:
        for _ in range(60):
            async with site.trouble("one backend is ended"):
                await connection.execute(_ONE_BACKEND)
            await asyncio.sleep(site.chance.uniform(0.1, 0.5))


async def connections_are_refused(site: Site) -> None:
    """PostgreSQL takes no connections, and those that were there are gone."""
    for _ in range(3):
        async with site.trouble("connections are refused", stops=True):
            await site.register.refuse()
            await site.register.cut()
            await asyncio.sleep(site.chance.uniform(3, 12))
            await site.register.listen()
        await asyncio.sleep(site.chance.uniform(2, 5))


@asynccontextmanager
async def set_for_the_database(site: Site, setting: str) -> AsyncIterator[None]:
    """Every session of the register has a setting for the length of a block."""
    async with own_connection(site, "postgres") as connection:
        await connection.execute(f'ALTER DATABASE "faults" SET {setting}')
        await connection.execute(_EVERY_BACKEND.replace("current_database()", "'faults'"))
        try:
            yield
        finally:
            await connection.execute(f'ALTER DATABASE "faults" RESET {setting.partition(" ")[0]}')
            await connection.execute(_EVERY_BACKEND.replace("current_database()", "'faults'"))


async def the_register_is_read_only(site: Site) -> None:
    """As a standby is, or a server whose operator has made it so."""
    for _ in range(3):
        async with (
            site.trouble("read-only", stops=True),
            set_for_the_database(site, "default_transaction_read_only = on"),
        ):
            await asyncio.sleep(site.chance.uniform(3, 10))
        await asyncio.sleep(site.chance.uniform(2, 5))


async def the_log_is_full(site: Site) -> None:
    """The disk under all of PostgreSQL is full when it wants to write ahead: it breaks down until there is room."""
    assert site.small_disk is not None
    for _ in range(2):
        ballast = site.small_disk / "ballast"
        async with site.trouble("disk full under the write-ahead log", stops=True):
            await asyncio.to_thread(_fill, ballast)
            await _writes_ahead_until_it_breaks_down(site)
            await asyncio.sleep(site.chance.uniform(1, 5))
            await site.stack.postgres.kill()
            ballast.unlink()
            await site.stack.postgres.start()
        await asyncio.sleep(site.chance.uniform(2, 5))


async def _writes_ahead_until_it_breaks_down(site: Site) -> None:
    """An error that is none of a broken connection goes on to whoever injects."""
    async with own_connection(site) as connection:
        with suppress(OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
            while True:
                await connection.execute("SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))")


async def the_disk_is_full(site: Site) -> None:
    """The disk under the register's tables has no room for one page more."""
    assert site.small_disk is not None
    for _ in range(3):
        ballast = site.small_disk / "ballast"
        async with site.trouble("disk full", stops=True):
            await asyncio.to_thread(_fill, ballast)
            await _is_full(site)
            await asyncio.sleep(site.chance.uniform(3, 10))
            ballast.unlink()
        await asyncio.sleep(site.chance.uniform(2, 5))


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


async def _is_full(site: Site) -> None:
    """See that the server says so."""
    async with own_connection(site) as connection:
        try:
            await connection.execute("CREATE TABLE ballast AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
        except asyncpg.DiskFullError:
            return
    raise AssertionError("the disk is not full")


async def a_row_is_locked(site: Site) -> None:
    """Somebody holds the rows of open cases for half a minute."""
    for _ in range(2):
        async with site.trouble("rows locked", stops=True), own_connection(site) as one, one.transaction():
            await one.fetch("SELECT FROM cases WHERE closed_at IS NULL ORDER BY random() LIMIT 5 FOR UPDATE")
            await asyncio.sleep(LOCKED_SECONDS)


async def steps_deadlock(site: Site) -> None:
    """Somebody locks in the order that is not the engine's, again and again."""
    async with own_connection(site) as one, own_connection(site) as other:
        for _ in range(20):
            case = await one.fetchrow(
                "SELECT case_id, person_id FROM cases WHERE closed_at IS NULL ORDER BY random() LIMIT 1"
            )
            if case is None:
                await asyncio.sleep(0.3)
                continue
            by_case = "SELECT FROM cases WHERE case_id = $1 FOR UPDATE"
            by_person = "SELECT FROM cards WHERE person_id = $1 FOR UPDATE"
            async with site.trouble("deadlock"):
                await asyncio.gather(
                    _locks(one, (by_case, case["case_id"]), (by_person, case["person_id"])),
                    _locks(other, (by_person, case["person_id"]), (by_case, case["case_id"])),
                )
        found = await one.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert found > 0, "nobody was in anybody's way"


async def _locks(connection: asyncpg.Connection, *rows: tuple[str, object]) -> None:
    try:
        async with connection.transaction():
            for statement, row in rows:
                await connection.execute(statement, row)
                await asyncio.sleep(0.4)
    except asyncpg.DeadlockDetectedError:
        # Whichever of us it is that the server gives up.
        return


_SAME_AS_BEFORE: Final = """
    UPDATE cases SET key = key WHERE (case_id, generation) IN (
        SELECT case_id, generation FROM cases WHERE closed_at IS NULL ORDER BY case_id FOR UPDATE
    )
"""


async def steps_cannot_be_serialised(site: Site) -> None:
    """Every transaction sees the register as of its beginning, and somebody else writes the same rows meanwhile."""
    repeatable = set_for_the_database(site, "default_transaction_isolation = 'repeatable read'")
    async with repeatable, own_connection(site) as one:
        for _ in range(60):
            async with site.trouble("serialisation failure"), one.transaction(isolation="read_committed"):
                await one.execute(_SAME_AS_BEFORE)
                await asyncio.sleep(site.chance.uniform(0.1, 0.4))


# --- the network ------------------------------------------------------------------------------------------------------


async def answers_are_lost(site: Site) -> None:
    """The register executes, and whoever asked hears nothing until their time is up."""
    site.register.chance = site.chance
    site.register.losing = 0.03
    async with site.trouble("the answer to a transition is lost"):
        before = site.register.transitions
        await until_done(lambda: site.register.transitions >= before + TRANSITIONS or site.all_lived())
        site.register.losing = 0.0
    assert site.register.lost > 0, "no answer was lost"
    site.injected = site.register.lost


def slow(which: str) -> Injecting:
    """Everything comes later: by 50 ms, by 500 ms, by 5 s."""

    async def inject(site: Site) -> None:
        relay = relay_of(site, which)
        for seconds, for_ in ((0.05, 10), (0.5, 10), (5.0, 15)):
            async with site.trouble(f"{which} is slow by {seconds} s", stops=seconds > 1):
                relay.delay = seconds
                await asyncio.sleep(for_)
                relay.delay = 0.0
        await relay.cut()

    return inject


def silent(which: str, *, longest: float) -> Injecting:
    """Nothing comes, and nobody is told that anything is wrong."""

    async def inject(site: Site) -> None:
        relay = relay_of(site, which)
        for _ in range(3):
            async with site.trouble(f"{which} is silent", stops=True):
                relay.fall_silent()
                await asyncio.sleep(site.chance.uniform(5, longest))
                relay.speak()
            await asyncio.sleep(site.chance.uniform(2, 5))

    return inject


def cut(which: str) -> Injecting:
    """All connections are cut, again and again."""

    async def inject(site: Site) -> None:
        relay = relay_of(site, which)
        for _ in range(20):
            async with site.trouble(f"connections to {which} are cut"):
                await relay.cut()
            await asyncio.sleep(site.chance.uniform(0.3, 2))

    return inject


async def until_done(is_done: Callable[[], bool]) -> None:
    """Wait for what only shows in a count."""
    while not is_done():  # noqa: ASYNC110 - a count tells nobody that it grew
        await asyncio.sleep(0.2)


def relay_of(site: Site, which: str) -> Relay:
    """The relay before one of the two servers."""
    return site.register if which == "PostgreSQL" else site.temporal


async def providers_misbehave(site: Site) -> None:
    """Providers answer 500, 429, nothing, an error in a 200, without end, or accept and cut; then they are out."""
    script = site.receivers.tray.script
    rates = {
        Fault.error: 0.2,
        Fault.busy: 0.1,
        Fault.hang: 0.05,
        Fault.cut: 0.1,
        Fault.error_body: 0.1,
        Fault.endless: 0.05,
    }
    async with site.trouble("providers misbehave"):
        script.rates.update(rates)
        await asyncio.sleep(20)
        script.rates.clear()
    async with site.trouble("providers are out"), site.receivers.away():
        await asyncio.sleep(20)


# --- operators --------------------------------------------------------------------------------------------------------


async def runs_are_reset(site: Site) -> None:
    """Operators reset runs to workflow tasks that are long done, whatever has happened since."""
    client = site.engine.client
    for number in range(30):
        await asyncio.sleep(site.chance.uniform(0.2, 0.8))
        runs = [run async for run in client.list_workflows("ExecutionStatus = 'Running' AND CaseKind IS NOT NULL")]
        if not runs:
            continue
        run = site.chance.choice(sorted(runs, key=lambda each: each.id))
        async with site.trouble("reset", fails_tasks=("RESET_WORKFLOW", "FORCE_CLOSE_COMMAND")):
            try:
                history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
                ends = [
                    event.event_id
                    for event in history.events
                    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
                ]
                if not ends:
                    continue
                await client.workflow_service.reset_workflow_execution(
                    ResetWorkflowExecutionRequest(
                        namespace=client.namespace,
                        workflow_execution=WorkflowExecution(workflow_id=run.id, run_id=run.run_id),
                        reason="a fault that is injected",
                        workflow_task_finish_event_id=site.chance.choice(ends),
                        request_id=f"reset-{number}",
                    )
                )
            except RPCError as gone:
                # It has ended, or was reset, in between.
                if gone.status not in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
                    raise


# --- crowds ---------------------------------------------------------------------------------------------------------


async def equal_applications_come_at_once(site: Site) -> None:
    """A thousand callers apply for the same at once: one case, one receipt, and nobody waits for long."""
    engine = site.engine
    opening = engine.number_change(await engine.insured(), ID_CARD)
    waited: list[float] = []
    loop = asyncio.get_running_loop()

    async def applied() -> Receipt:
        begun = loop.time()
        receipt = await engine.open(opening)
        waited.append(loop.time() - begun)
        return receipt

    async with site.trouble("equal applications at once"):
        receipts = await asyncio.gather(*(applied() for _ in range(EQUAL)))
    assert receipts == [receipts[0]] * EQUAL
    p99 = sorted(waited)[EQUAL * 99 // 100 - 1]
    assert p99 <= P99_SECONDS, f"p99 {p99:.1f} s"
    await engine.tell(receipts[0].case_id, Event.withdraw)


async def many_decide_at_once(site: Site) -> None:
    """Fifty verify and fifty withdraw the same case at once, round after round: one of them wins."""
    engine = site.engine
    for _ in range(ROUNDS):
        case = (await change(engine, ID_CARD, region=SOUTH)).case_id
        decisions = [Event.verify_documents, Event.withdraw] * DECIDE
        site.chance.shuffle(decisions)
        async with site.trouble("many decide at once"):
            answers = await asyncio.gather(
                *(engine.tell(case, event, of_office(FACTS[event], SOUTH), rivals=case) for event in decisions),
                return_exceptions=True,
            )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Refused):
                raise answer
        assert sum(isinstance(answer, Answer) for answer in answers) == 1


async def payloads_that_nobody_can_read(site: Site) -> None:
    """Among good applications, some that nobody sealed and some sealed with a key that nobody has: each is listed."""
    engine, stack = site.engine, site.stack
    strange = KeyRing.sample().with_payload_key("strange").sealing_payloads_with("strange")
    clients = (
        await Client.connect(stack.temporal_address, namespace=stack.namespace),
        await connect(PayloadSealer(strange), stack.temporal_address, stack.namespace),
    )
    unreadable = {f"idc-{''.join(site.chance.choices(BASE32, k=26))}": client for client in clients * POISONED}
    async with site.trouble("unreadable payloads", fails_tasks=(UNREADABLE,), fails_cases=tuple(unreadable)):
        for case, client in unreadable.items():
            await client.start_workflow(
                Kind.id_number_change.value, {"no": "opening"}, id=case, task_queue=TASK_QUEUE_CASES
            )
        await until(lambda: _are_listed(site, set(unreadable)), seconds=LISTED_WITHIN_SECONDS)
        async for run in engine.client.list_workflows(f"{IN_TROUBLE} AND ExecutionStatus = 'Running'"):
            await engine.client.get_workflow_handle(run.id, run_id=run.run_id).terminate("a fault that is injected")


async def _are_listed(site: Site, cases: set[str]) -> bool:
    """Whether operators find all of these where they look for what went wrong."""
    return {run.id async for run in site.engine.client.list_workflows(IN_TROUBLE)} >= cases


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario("workers-killed", workers_are_killed, heavy=True, soaked=True),
    Scenario("workers-rolled", workers_are_rolled, soaked=True),
    Scenario("workers-stopped", workers_are_stopped_and_continued, seconds=140, soaked=True),
    Scenario("workers-forget", workers_remember_nothing),
    Scenario("clocks-wrong", clocks_are_wrong, seconds=120, lacks=lacks_compiler),
    Scenario("keys-rotated", keys_are_rotated, cases=200, seconds=240),
    Scenario("key-dropped", a_key_is_dropped_too_early, seconds=120),
    Scenario("key-dropped-of-few", a_key_is_dropped_that_few_cases_need, seconds=150),
    Scenario("ring-wrong", a_worker_has_another_ring),
    Scenario("temporal-killed", temporal_is_killed, heavy=True, soaked=True),
    Scenario("postgres-killed", postgres_is_killed, heavy=True, soaked=True),
    Scenario("backends-killed", backends_are_killed, soaked=True),
    Scenario("connections-refused", connections_are_refused, heavy=True, soaked=True),
    Scenario("read-only", the_register_is_read_only, soaked=True),
    Scenario("disk-full", the_disk_is_full, disk=Disk.small_for_tables, lacks=lacks_mounting),
    Scenario("log-full", the_log_is_full, disk=Disk.small, lacks=lacks_mounting),
    Scenario("rows-locked", a_row_is_locked, seconds=140, soaked=True),
    Scenario("deadlocks", steps_deadlock, soaked=True),
    Scenario("serialisation", steps_cannot_be_serialised, soaked=True),
    Scenario("answers-lost", answers_are_lost, heavy=True),
    Scenario("postgres-slow", slow("PostgreSQL"), soaked=True),
    Scenario("postgres-silent", silent("PostgreSQL", longest=20), seconds=140, heavy=True, soaked=True),
    Scenario("postgres-silent-for-long", silent("PostgreSQL", longest=90), seconds=300),
    Scenario("postgres-cut", cut("PostgreSQL"), soaked=True),
    Scenario("temporal-slow", slow("Temporal"), soaked=True),
    Scenario("temporal-silent", silent("Temporal", longest=20), seconds=140, heavy=True, soaked=True),
    Scenario("temporal-silent-for-long", silent("Temporal", longest=90), seconds=300),
    Scenario("temporal-cut", cut("Temporal"), soaked=True),
    Scenario("providers", providers_misbehave, seconds=120, soaked=True),
    Scenario("resets", runs_are_reset, heavy=True, soaked=True),
    Scenario("equal-applications", equal_applications_come_at_once, cases=10),
    Scenario("many-decide", many_decide_at_once, cases=10),
    Scenario("unreadable", payloads_that_nobody_can_read, cases=200, seconds=140),
)
