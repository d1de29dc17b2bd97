"""Temporal's own means, used on a case by an operator: reset and terminate, written down with who and why.

Neither repeats or loses an effect: effects are keyed by case and step, and the register is the truth of them. A run
that was reset asks the register, learns that it is ahead, and follows. A case whose run was terminated stays open in
the register with nobody to move it, until the same application is sent again.

What is done from the Web UI, past these functions, is found afterwards: `found` compares the runs that were ended with
what is written down, and the open cases with the running ones. Temporal does not keep who reset a run.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pydantic import JsonValue
from temporalio.api.common.v1 import WorkflowExecution as Execution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryReverseRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowExecution

from activities.registry import journal
from activities.registry.journal import Entry
from activities.registry.pool import Pool
from cases.errors import CaseError, Code
from cases.kinds import every_case, is_case
from cases.models import Actor, Role
from cases.rules.people import covers
from cases.text import legible

INTERVENES: Final = frozenset({Role.operator, Role.supervisor})
"""Roles that may reset and terminate."""

_SAID_TO_TEMPORAL: Final = "see the journal"
"""Reasons are kept by Temporal in clear, where everybody reads them."""


class Found(NamedTuple):
    """What was not written down yet, and the open cases that nobody moves."""

    written: tuple[Entry, ...]
    adrift: tuple[str, ...]


async def terminate(client: Client, pool: Pool, actor: Actor, case_id: str, reason: str) -> None:
    """End the running run of a case. Raises `CaseError` as `reset`."""
    _check_role(actor)
    await _terminate(client, pool, actor, case_id, await journal.region_of(pool, case_id), reason)


async def terminate_unknown(client: Client, pool: Pool, actor: Actor, case_id: str, region: str, reason: str) -> None:
    """End the running run of a case of which the register knows nothing; its region is what the run shows.

    Raises `CaseError` as `reset`.
    """
    await _terminate(client, pool, actor, case_id, region, reason)


async def _terminate(client: Client, pool: Pool, actor: Actor, case_id: str, region: str, reason: str) -> None:
    run_id = await _running(client, actor, case_id, region)
    await _write(pool, journal.Kind.terminate, actor, case_id, run_id, reason)
    await client.get_workflow_handle(case_id, run_id=run_id).terminate(reason=_SAID_TO_TEMPORAL)


async def reset(client: Client, pool: Pool, actor: Actor, case_id: str, reason: str) -> str:
    """Reset the running run of a case to its first task; answers the ID of the new run.

    Raises `CaseError`: ROLE_NOT_ALLOWED, OFFICE_NOT_COMPETENT, CASE_UNKNOWN, CASE_CLOSED, and as
    `journal.checked_reason`; `RPCError` where Temporal does not answer.
    """
    _check_role(actor)
    run_id = await _running(client, actor, case_id, await journal.region_of(pool, case_id))
    first_task = await _first_task(client, case_id, run_id)
    await _write(pool, journal.Kind.reset, actor, case_id, run_id, reason)
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=Execution(workflow_id=case_id, run_id=run_id),
            reason=_SAID_TO_TEMPORAL,
            workflow_task_finish_event_id=first_task,
            request_id=str(uuid.uuid4()),
        )
    )
    return answer.run_id


async def found(client: Client, pool: Pool) -> Found:
    """Write down what was done past these functions, each once; and name the open cases that no run moves.

    What visibility finds lags behind the cases by a moment: a case that was just opened may be named for nothing.
    """
    known, written = await journal.keys(pool), []
    # Before the runs: a case that opens in between is not taken for one that nobody moves.
    open_cases = await journal.open_cases(pool)
    async for run in client.list_workflows(f"{every_case()} AND ExecutionStatus = 'Terminated'"):
        if not is_case(run.id, run.workflow_type):
            continue
        if not known.isdisjoint(_key(kind, run.run_id) for kind in (journal.Kind.reset, journal.Kind.terminate)):
            continue
        entry = await _entry_of(client, run)
        if await journal.write(pool, entry):
            written.append(entry)
    running = {run.id async for run in client.list_workflows(f"{every_case()} AND ExecutionStatus = 'Running'")}
    return Found(tuple(written), tuple(sorted(open_cases - running)))


def _check_role(actor: Actor) -> None:
    if actor.role not in INTERVENES:
        raise CaseError(Code.ROLE_NOT_ALLOWED)


async def _running(client: Client, actor: Actor, case_id: str, region: str) -> str:
    """The run that moves a case, for somebody who may intervene."""
    _check_role(actor)
    if not covers(actor.office, region):
        raise CaseError(Code.OFFICE_NOT_COMPETENT)
    description = await client.get_workflow_handle(case_id).describe()
    if description.close_time is not None:
        raise CaseError(Code.CASE_CLOSED)
    return description.run_id


async def _write(pool: Pool, kind: journal.Kind, actor: Actor, case_id: str, run_id: str, reason: str) -> None:
    entry = Entry(
        kind=kind,
        at=datetime.now(UTC),
        actor=actor,
        key=_key(kind, run_id),
        case_id=case_id,
        reason=journal.checked_reason(reason),
        facts={"run_id": run_id},
    )
    await journal.write(pool, entry)


def _key(kind: journal.Kind, run_id: str) -> str:
    return f"{kind.value}:{run_id}"


async def _entry_of(client: Client, run: WorkflowExecution) -> Entry:
    """What ended a run: a reset, which names the run that goes on, or a termination."""
    handle = client.get_workflow_handle(run.id, run_id=run.run_id)
    description = (await handle.describe()).raw_description
    new_run = description.workflow_extended_info.reset_run_id
    last = await _last_event(client, run.id, run.run_id)
    identity = last.workflow_execution_terminated_event_attributes.identity
    kind = journal.Kind.reset if new_run else journal.Kind.terminate
    facts: dict[str, JsonValue] = {"run_id": run.run_id}
    if new_run:
        facts["new_run_id"] = new_run
    return Entry(
        kind=kind,
        at=last.event_time.ToDatetime(UTC),
        seen_as=legible(identity),
        key=_key(kind, run.run_id),
        case_id=run.id,
        facts=facts,
    )


async def _last_event(client: Client, case_id: str, run_id: str) -> HistoryEvent:
    answer = await client.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=client.namespace,
            execution=Execution(workflow_id=case_id, run_id=run_id),
            maximum_page_size=1,
        )
    )
    return answer.history.events[0]


async def _first_task(client: Client, case_id: str, run_id: str) -> int:
    async for event in _events(client, case_id, run_id):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return event.event_id
    # Nothing has happened yet that could be done twice.
    raise CaseError(Code.EVENT_NOT_ALLOWED)


def _events(client: Client, case_id: str, run_id: str) -> AsyncIterator[HistoryEvent]:
    return client.get_workflow_handle(case_id, run_id=run_id).fetch_history_events(page_size=10)
