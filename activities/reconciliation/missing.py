"""What a register lacks that Temporal has: facts that were told to a run, accepted there, and never taken in here.

They are read from the runs' histories, names and identities only: what was told is sealed, and whoever told it tells it
again.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.names import RECEIPT, told_under

SQL: Final = load("comparing.sql", beside=__file__)


class Missing(NamedTuple):
    """A fact that is to be told again; the application itself is the event `receipt`."""

    case_id: str
    event: str
    told_as: str
    at: datetime


async def missing_of(pool: Pool, client: Client, case_id: str) -> list[Missing]:
    """What the runs of a case were told and the register has not, in the order in which it was told."""
    found: dict[str, Missing] = {}
    async for run in client.list_workflows(f"WorkflowId = '{case_id}'"):
        for told in await _told_to(client, run):
            found.setdefault(told.told_as, told)
    async with connection_of(pool) as connection:
        is_known = bool(await SQL["newest"].first(connection, {"case_id": case_id}))
        rows = await SQL["taken_in"].all(connection, {"case_id": case_id, "told_as": list(found)})
    taken_in = {row["told_as"] for row in rows}
    lacking = (
        told for told in found.values() if told.told_as not in taken_in and not (is_known and told.event == RECEIPT)
    )
    return sorted(lacking, key=lambda told: told.at)


async def _told_to(client: Client, run: WorkflowExecution) -> list[Missing]:
    """The updates that a run accepted and did not refuse."""
    told: dict[str, Missing] = {}
    try:
        async for event in client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                request = event.workflow_execution_update_accepted_event_attributes.accepted_request
                identity = request.meta.update_id
                at = event.event_time.ToDatetime(UTC)
                told[identity] = Missing(run.id, request.input.name, told_under(identity), at)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
                completed = event.workflow_execution_update_completed_event_attributes
                if completed.outcome.HasField("failure"):
                    told.pop(completed.meta.update_id, None)
    except RPCError as gone:
        # Its retention has passed since it was listed.
        if gone.status is not RPCStatusCode.NOT_FOUND:
            raise
    return list(told.values())
