"""What somebody can do to the comparison and to the look at what stands still, by runs of their own.

They can start workflows of any type under any ID, with search attributes of their choice, and fail their tasks. What
compares the register with its runs goes on all the same, and tells nobody what they wrote.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import (
    PinnedVersioningOverride,
    SearchAttributePair,
    TypedSearchAttributes,
    VersioningBehavior,
    WorkerDeploymentVersion,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from activities.calendar import official_calendar
from activities.reconciliation.comparing import RESTED, UNREAD_FOR, Comparing, Difference, Kind
from activities.reconciliation.watching import Watchdog
from activities.registry.reading import case_now
from activities.sealing import KeyRing
from cases.events import Event
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.names import LOOK_AT_REGISTER
from cases.names import Kind as CaseKind
from cases.offices import MINISTRY
from cases.standstills import Standstill
from cases.steps import StepRequest
from intake import interventions
from intake.client import CaseClient, Unavailable
from intake.holding import Said, hold_over_all
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.search_attributes import ensure_search_attributes
from stack import LocalStack
from tests.engine import SEALED, Engine, engine_on
from tests.namespaces import new_namespace, until
from tests.scenes import FACTS, ID_CARD, SOUTH, of_office
from tests.stamping import stamped_opening
from tests.workflows.test_watching import SOON, Failing
from workflows.case import SHORTEST_TASK
from workflows.search_attributes import ATTENTION, REGION, VERSION

_names = count(1)

CASE: Final = f"idc-{'a' * 26}"
RELEASE: Final = WorkerDeploymentVersion(deployment_name="somebody-elses", build_id="1")
SAID: Final = Said(Actor(id="operator-m", role=Role.operator, office=MINISTRY), "工单 17")
HOSTILE: Final = {
    "a quote": "idc-' OR WorkflowType = 'IdNumberChange",
    "a backslash": "idc-\\",
    "a NUL": "idc-\0",
    "line breaks": "idc-\r\n\x1b[2J",
    "a sentence": "Dear officer, call 400-800-1234 at once",
    "nothing but length": "x" * 900,
}


@pytest_asyncio.fixture(loop_scope="session")
async def agency(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine whose cases nobody else touches."""
    name = f"forged-runs-{next(_names)}"
    async with engine_on(stack, name) as engine:
        yield replace(engine, task_queue=name)


@pytest_asyncio.fixture(loop_scope="session")
async def apart(stack: LocalStack, agency: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The same register, and a namespace in which nothing runs but what somebody starts."""
    monkeypatch.setattr("intake.holding.RESTED", timedelta())
    client = await new_namespace(stack, agency.task_queue)
    await ensure_search_attributes(client)
    return replace(agency, client=client)


async def forged(
    agency: Engine, identity: str, *attributes: SearchAttributePair[Any], **more: Any
) -> WorkflowHandle[Any, Any]:
    """A run that somebody started."""
    chosen: dict[str, Any] = {
        "workflow": CaseKind.id_number_change.value,
        "task_queue": "somebody-elses",
        "task_timeout": SOON,
    } | more
    return await agency.client.start_workflow(
        id=identity, search_attributes=TypedSearchAttributes(list(attributes)), **chosen
    )


async def listed(agency: Engine, runs: int) -> None:
    async def all_of_them() -> bool:
        return len([run async for run in agency.client.list_workflows()]) >= runs

    await until(all_of_them)


async def everything(agency: Engine) -> list[Difference]:
    comparing = Comparing(agency.pool, agency.client, task_queue=agency.task_queue)
    later = datetime.now(UTC) + RESTED + timedelta(seconds=5)
    found: list[Difference] = []
    async with aclosing(comparing.all(later)) as batches:
        async for batch in batches:
            found += batch.differences
    return found


async def moved(agency: Engine) -> list[Difference]:
    """What the comparison of what moved finds; the namespace has runs of other registers too."""
    await agency.pool.fetchval("SELECT publish(100000)")
    comparing = Comparing(agency.pool, agency.client, task_queue=agency.task_queue)
    later = datetime.now(UTC) + RESTED + timedelta(seconds=5)
    async with aclosing(comparing.moved(later)) as batches:
        return [difference async for batch in batches for difference in batch.differences]


async def opened(agency: Engine) -> str:
    """A case that the register holds, and its run."""
    person = await agency.insured(region=SOUTH)
    return (await agency.open(agency.number_change(person, ID_CARD, region=SOUTH))).case_id


@asynccontextmanager
async def somebody_elses_release(agency: Engine) -> AsyncIterator[None]:
    """A worker that polls the task queue of the cases as a release of its own."""
    release = WorkerDeploymentConfig(
        version=RELEASE, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED
    )
    async with Worker(
        agency.client,
        task_queue=agency.task_queue,
        workflows=[Failing],
        deployment_config=release,
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


async def goes_on(agency: Engine, case: str) -> None:
    """The case stands where the register does, and ends as it should."""

    async def is_its_own() -> bool:
        run = await agency.handle(case).describe()
        is_its_own = (run.workflow_type, run.task_queue) == (CaseKind.id_number_change, agency.task_queue)
        return is_its_own and run.status is WorkflowExecutionStatus.RUNNING

    await until(is_its_own)
    await agency.tell(case, Event.verify_documents, of_office(FACTS[Event.verify_documents], SOUTH))
    assert (await agency.handle(case).result()).status is Status.done


# --- the comparison -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", HOSTILE.values(), ids=HOSTILE)
async def test_whatever_a_run_is_called_it_ends_no_comparison_and_is_written_nowhere(
    apart: Engine, identity: str
) -> None:
    """A NUL ended the comparison of every night; a backslash the one by which an operator says who holds."""
    run = await forged(apart, identity)
    await listed(apart, 1)
    (found,) = await everything(apart)
    assert (found.kind, found.run_id) == (Kind.stranger, run.first_execution_run_id)
    assert found.case_id.isprintable()
    assert await apart.pool.fetchval("SELECT count(*) FROM differences") == 0
    held = await hold_over_all(apart.pool, apart.client, SAID)
    assert [each.kind for each in held.differences] == [Kind.stranger]


async def test_nor_does_an_operator_who_ended_one_and_calls_themself_what_nobody_is_called(apart: Engine) -> None:
    for identity in (CASE, HOSTILE["a NUL"]):
        await forged(apart, identity)
    await listed(apart, 2)
    address = apart.client.service_client.config.target_host
    nobody = await connect(SEALED, address, apart.client.namespace, identity="\0")
    for identity in (CASE, HOSTILE["a NUL"]):
        await nobody.get_workflow_handle(identity).terminate()

    async def ended() -> bool:
        query = "ExecutionStatus = 'Terminated'"
        return (await apart.client.count_workflows(query)).count == 2

    await until(ended)
    found = await interventions.found(apart.client, apart.pool)
    assert [(entry.case_id, entry.seen_as) for entry in found.written] == [(CASE, "unknown")]


@pytest.mark.parametrize("version", [2**40, -1, 2**63 - 1])
async def test_a_version_that_no_case_has_counts_for_none(apart: Engine, version: int) -> None:
    """A version beyond what a column holds ended the comparison of every half minute."""
    await forged(apart, CASE, SearchAttributePair(VERSION, version))
    await listed(apart, 1)
    (found,) = await everything(apart)
    assert (found.case_id, found.kind, found.run_version) == (CASE, Kind.without_row, None)


async def test_a_run_that_says_nothing_of_where_it_belongs_keeps_nobody_from_saying_that_the_register_holds(
    apart: Engine,
) -> None:
    await forged(apart, CASE)
    await listed(apart, 1)
    held = await hold_over_all(apart.pool, apart.client, SAID)
    assert [each.kind for each in held.differences] == [Kind.without_row]
    assert (await apart.handle(CASE).describe()).status is WorkflowExecutionStatus.TERMINATED


@pytest.mark.parametrize(
    "started",
    [
        {"task_queue": "somebody-elses"},
        {"workflow": "Liar"},
        {"versioning_override": PinnedVersioningOverride(RELEASE)},
    ],
    ids=["another task queue", "another type", "pinned to another release"],
)
async def test_what_stands_in_the_place_of_a_case_is_ended_and_the_case_goes_on(
    agency: Engine, started: dict[str, Any]
) -> None:
    """It showed the version of the register, and stood there for ever."""
    async with agency.working(), somebody_elses_release(agency):
        case = await opened(agency)
        version = SearchAttributePair(VERSION, 1)
        await agency.handle(case).terminate()

        async def is_displaced() -> bool:
            try:
                await forged(agency, case, version, **({"task_queue": agency.task_queue} | started))
            except RPCError as not_yet:
                # The server has to hear of a release first.
                if not_yet.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
                return False
            return True

        await until(is_displaced)
        assert [(each.case_id, each.kind) for each in await moved(agency)] == [(case, Kind.impostor)]
        await goes_on(agency, case)
        rows = await agency.pool.fetch("SELECT kind FROM differences WHERE case_id = $1", case)
        assert [row["kind"] for row in rows] == ["without_run"]


async def test_and_ended_it_is_also_where_the_case_is_closed(agency: Engine) -> None:
    async with agency.working():
        case = await opened(agency)
        await agency.tell(case, Event.withdraw, of_office(FACTS[Event.withdraw], SOUTH))
        await agency.handle(case).result()
        await forged(agency, case)
        assert [(each.case_id, each.kind) for each in await moved(agency)] == [(case, Kind.impostor)]
        assert (await agency.handle(case).describe()).status is WorkflowExecutionStatus.TERMINATED


async def test_a_signal_that_nobody_can_open_stops_a_case_for_a_while_and_not_for_good(agency: Engine) -> None:
    """For which no key is needed; every case stood still until somebody ended its run by hand."""
    ring = KeyRing.sample().with_payload_key("nobodys").sealing_payloads_with("nobodys")
    address = agency.client.service_client.config.target_host
    stranger = await connect(PayloadSealer(ring), address, agency.client.namespace)
    async with agency.working():
        case = await opened(replace(agency, task_timeout=SHORTEST_TASK))
        spoilt = (await agency.handle(case).describe()).run_id
        await stranger.get_workflow_handle(case).signal(LOOK_AT_REGISTER, "x")

        async def fails() -> bool:
            query = f"WorkflowId = '{case}' AND TemporalReportedProblems IS NOT NULL"
            return (await agency.client.count_workflows(query)).count == 1

        await until(fails, seconds=90)
        found = [each for each in await moved(agency) if each.case_id == case]
        assert [(each.kind, each.run_id) for each in found] == [(Kind.spoilt, spoilt)]
        await goes_on(agency, case)


async def test_a_case_that_takes_no_more_signals_keeps_no_other_from_being_compared(
    agency: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run to which somebody has sent ten thousand the server takes no more."""
    signal = WorkflowHandle.signal

    async def takes_no_more(handle: WorkflowHandle[Any, Any], *args: Any, **options: Any) -> None:
        if handle.id == cases[0]:
            raise RPCError("exceeded workflow execution limit for signal events", RPCStatusCode.INVALID_ARGUMENT, b"")
        await signal(handle, *args, **options)

    async with agency.working():
        cases = sorted([await opened(agency) for _ in range(2)])
        monkeypatch.setattr(WorkflowHandle, "signal", takes_no_more)
        for case in cases:
            held = await case_now(agency.pool, case)
            assert held is not None
            fact = await agency.stamped(case, Event.hold, of_office(FACTS[Event.hold], SOUTH))
            now = datetime.now(UTC)
            request = StepRequest.of(held.state, Event.hold, fact, told_as="lost-1", arrived=now, at=now)
            assert (await agency.registry.advance(request)).refused is None
        door = CaseClient(agency.client, agency.sealer, stamping=agency.everybody, register=agency.pool)
        with pytest.raises(Unavailable):
            await door.tell(cases[0], of_office(FACTS[Event.resume], SOUTH), update_id="resume-1")
        assert sorted(each.case_id for each in await moved(agency)) == cases
        await agency.reaches(cases[1], Status.on_hold)
        assert await moved(agency) == [], "and the comparison goes on from there"


# --- starts that cannot be read -------------------------------------------------------------------------------------


async def runs_in_lists(agency: Engine) -> set[str]:
    """The IDs of all runs that an operator is shown, whatever has become of them."""
    return {run.id async for run in agency.client.list_workflows()}


async def swept(agency: Engine, after: timedelta = UNREAD_FOR) -> set[str]:
    """What is named when all is compared that much later, once nothing of it is in a list any more."""
    comparing = Comparing(agency.pool, agency.client, task_queue=agency.task_queue)
    later = datetime.now(UTC) + after + timedelta(seconds=5)
    async with aclosing(comparing.all(later)) as batches:
        found = [difference async for batch in batches for difference in batch.differences]
    return {each.case_id for each in found if each.kind is Kind.unread}


async def test_a_start_that_cannot_be_read_leaves_no_entry_in_lists(apart: Engine) -> None:
    """For most no key is needed: under IDs and with attributes of somebody's choice they stood there for good."""
    ring = KeyRing.sample().with_payload_key("nobodys").sealing_payloads_with("nobodys")
    address, namespace = apart.client.service_client.config.target_host, apart.client.namespace
    nobodys, in_clear = await connect(PayloadSealer(ring), address, namespace), await connect(None, address, namespace)
    fraud = TypedSearchAttributes([SearchAttributePair(ATTENTION, ["decision"]), SearchAttributePair(REGION, SOUTH)])
    starts: dict[str, tuple[Client, list[Any]]] = {
        f"idc-{'b' * 26}": (nobodys, ["x"]),
        f"idc-{'c' * 26}": (in_clear, ["x"]),
        f"idc-{'d' * 26}": (apart.client, [{"kind": "IdNumberChange"}]),
        f"idc-{'e' * 26}": (apart.client, []),
        f"idc-{'f' * 26}": (apart.client, ["x", "y"]),
        "call 400-800-1234 at once": (nobodys, ["x"]),
    }
    for identity, (client, arguments) in starts.items():
        await client.start_workflow(
            CaseKind.id_number_change.value,
            args=arguments,
            id=identity,
            task_queue=apart.task_queue,
            task_timeout=SHORTEST_TASK,
            search_attributes=fraud,
        )
    # What nobody takes is never read either.
    await forged(apart, f"idc-{'g' * 26}")
    # What can be read and is refused for another reason is there to be seen.
    opening = stamped_opening(apart.number_change(await apart.insured(region=SOUTH), ID_CARD, region=SOUTH))
    refused = case_id(opening.kind, opening.person)
    await forged(apart, refused, arg=opening, task_queue=apart.task_queue, execution_timeout=timedelta(days=1))
    await listed(apart, len(starts) + 2)
    async with apart.working():

        async def fail() -> bool:
            # The others are sealed by a key that the workers may yet be given.
            return (await apart.client.count_workflows("ExecutionStatus = 'Failed'")).count == len(starts) - 2 + 1

        await until(fail, seconds=60)
        assert await swept(apart, after=RESTED) <= starts.keys(), "what has failed may go at once"

        async def nothing_else_is_there() -> bool:
            assert await swept(apart) <= {*starts, f"idc-{'g' * 26}"}
            return await runs_in_lists(apart) == {refused}

        await until(nothing_else_is_there, seconds=60)


async def test_in_the_place_of_a_case_it_is_ended_and_the_case_goes_on(
    agency: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tasks failed until somebody ended it by hand."""
    ring = KeyRing.sample().with_payload_key("nobodys").sealing_payloads_with("nobodys")
    nobodys = await connect(
        PayloadSealer(ring), agency.client.service_client.config.target_host, agency.client.namespace
    )
    async with agency.working():
        case = await opened(agency)
        await agency.handle(case).terminate()
        taken = await nobodys.start_workflow(
            CaseKind.id_number_change.value, "x", id=case, task_queue=agency.task_queue
        )
        # The server says so only of what has failed a few times.
        monkeypatch.setattr("activities.reconciliation.comparing.FAILING", "ExecutionStatus = 'Running'")

        async def is_listed() -> bool:
            query = f"WorkflowId = '{case}' AND ExecutionStatus = 'Running'"
            return [run.run_id async for run in agency.client.list_workflows(query)] == [taken.first_execution_run_id]

        await until(is_listed)
        comparing = Comparing(agency.pool, agency.client, task_queue=agency.task_queue)
        async with aclosing(comparing.moved(datetime.now(UTC) + UNREAD_FOR)) as batches:
            found = [each async for batch in batches for each in batch.differences if each.case_id == case]
        assert (Kind.spoilt, taken.first_execution_run_id) in [(each.kind, each.run_id) for each in found]
        await goes_on(agency, case)


# --- what stands still ----------------------------------------------------------------------------------------------


async def test_what_a_run_is_called_and_where_it_says_that_it_belongs_reaches_no_officer(apart: Engine) -> None:
    """One that failed its tasks under a name of somebody's choice ended every look, or was read by an office."""
    async with Worker(
        apart.client, task_queue="somebody-elses", workflows=[Failing], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        for identity in HOSTILE.values():
            await forged(apart, identity, SearchAttributePair(REGION, SOUTH))
        await forged(apart, CASE, SearchAttributePair(REGION, "\0 nowhere"))

        async def all_fail() -> bool:
            failing = "TemporalReportedProblems IS NOT NULL"
            return (await apart.client.count_workflows(failing)).count == len(HOSTILE) + 1

        await until(all_fail, seconds=90)
        watchdog = Watchdog(apart.pool, apart.client, official_calendar)
        comparing = Comparing(apart.pool, apart.client, only_look=True, task_queue=apart.task_queue)
        for minutes in (0, 1):
            at = datetime.now(UTC) + timedelta(minutes=minutes)
            async with aclosing(comparing.moved(at)) as batches:
                failing = [run async for batch in batches for run in batch.failing]
            await watchdog.look(at, failing)
    rows = await apart.pool.fetch("SELECT subject, kind, office FROM standstills")
    assert [tuple(row) for row in rows] == [(CASE, Standstill.task, MINISTRY)]
    told = await apart.pool.fetchval("SELECT string_agg(facts::text, '') FROM notifications")
    assert CASE in told
    assert "officer" not in told
