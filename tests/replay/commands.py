"""What a workflow asks of the server, command by command: the fingerprint that is read in a review.

A replay holds the code against what it has done before, and says nothing of what it does anew. So each life is lived
again by the code as it is, and the commands of its history are compared with the file of its name. A file changes only
with a change that is meant to change what workflows do, and its difference shows which command, and where.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from runtime.converter import IN_CLEAR

FINGERPRINTS: Final = Path(__file__).with_name("fingerprints")

_ATTRIBUTES: Final = "_event_attributes"

_NOT_OF_A_COMMAND: Final = frozenset(
    {
        "activity_task_cancel_requested",
        "activity_task_completed",
        "activity_task_failed",
        "activity_task_started",
        "external_workflow_execution_signaled",
        "timer_fired",
        "workflow_execution_options_updated",
        "workflow_execution_signaled",
        "workflow_execution_started",
        "workflow_execution_time_skipping_transitioned",
        "workflow_task_completed",
        "workflow_task_failed",
        "workflow_task_scheduled",
        "workflow_task_started",
        "workflow_task_timed_out",
    }
)
"""Events that the server writes of its own accord, or in answer to a command that stands there already."""


def commands_of(history: WorkflowHistory) -> Iterator[str]:
    """The commands of a history in their order, a line each: what is asked for, by the names of its types.

    No dates, IDs or contents: lives on two days have the same commands. Of a kind that is not known here its name.
    """
    updates: dict[str, str] = {}
    for event in history.events:
        kind = (event.WhichOneof("attributes") or "").removesuffix(_ATTRIBUTES)
        match kind:
            case "workflow_execution_update_accepted":
                accepted = event.workflow_execution_update_accepted_event_attributes.accepted_request
                updates[accepted.meta.update_id] = accepted.input.name
                yield f"accept update {accepted.input.name}"
            case "workflow_execution_update_completed":
                completed = event.workflow_execution_update_completed_event_attributes
                verb = "refuse" if completed.outcome.HasField("failure") else "answer"
                yield f"{verb} update {updates[completed.meta.update_id]}"
            case _ if kind in _NOT_OF_A_COMMAND:
                continue
            case _:
                named = _BY_KIND.get(kind)
                yield named(event) if named is not None else kind.replace("_", " ")


def _marker(event: HistoryEvent) -> str:
    """A local activity with its type, a patch with its ID; any other marker by its name."""
    marker = event.marker_recorded_event_attributes
    match marker.marker_name:
        case "core_local_activity":
            return f"local activity {json.loads(marker.details['data'].payloads[0].data)['activity_type']}"
        case "core_patch":
            return f"patch {json.loads(marker.details['patch-data'].payloads[0].data)['id']}"
        case name:
            return f"marker {name}"


def _activity(event: HistoryEvent) -> str:
    return f"activity {event.activity_task_scheduled_event_attributes.activity_type.name}"


def _signal(event: HistoryEvent) -> str:
    return f"signal {event.signal_external_workflow_execution_initiated_event_attributes.signal_name}"


def _shown(event: HistoryEvent) -> str:
    shown = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
    return f"show {' '.join(sorted(shown))}"


def _summary(event: HistoryEvent) -> str:
    """What a timer is for, without the date at which it ends; a timer that does not say so is a nameless one."""
    if not event.user_metadata.HasField("summary"):
        return "without a name"
    said: str = IN_CLEAR.payload_converter.from_payload(event.user_metadata.summary, str)
    return said.partition(" ")[0]


_BY_KIND: Final[Mapping[str, Callable[[HistoryEvent], str]]] = {
    "activity_task_scheduled": _activity,
    "marker_recorded": _marker,
    "signal_external_workflow_execution_initiated": _signal,
    "timer_canceled": lambda event: f"cancel timer {_summary(event)}",
    "timer_started": lambda event: f"start timer {_summary(event)}",
    "upsert_workflow_search_attributes": _shown,
}


def fingerprint(history: WorkflowHistory) -> str:
    """The text of a fingerprint's file."""
    return "".join(f"{line}\n" for line in commands_of(history))


def fingerprint_of(name: str) -> Path:
    """The file of a life's fingerprint."""
    return FINGERPRINTS / f"{name}.txt"
