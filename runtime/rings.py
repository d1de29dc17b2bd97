"""Whether the key ring of a process is that of the others, found from what rests in register and Temporal.

A worker with the wrong ring would fail the tasks of every case it is given, and open new ones that the others cannot
read. Nothing is kept to compare rings with: what was sealed is opened.

Whoever can reach Temporal starts as many runs as they like, and sends every case a signal that does not open. So the
register says which cases there are, and of their histories counts what the engine wrote.
"""

import asyncio
import logging
from collections import Counter
from secrets import SystemRandom
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.registry.pool import Pool
from activities.registry.rings import belongs, open_cases
from cases.errors import CaseError, Code
from runtime.codec import PayloadSealer, is_sealed, payloads_in
from runtime.keys import sealer_of
from runtime.settings import Problem, WorkerSettings

log = logging.getLogger(__name__)

_LOOKED_AT: Final = 20
_SENT: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    }
)
"""What anybody may send a case."""

_SAME_FILE: Final = "Give this worker the key file of the others"
_OTHER_REGISTER: Final = Problem(
    "CARDCASE_KEY_FILE",
    "is not the ring that the register was filled with, or CARDCASE_PERSON_KEYS is not the store of its persons",
    "Give this worker the key file and the store of the others",
)
_OTHER_CASES: Final = {
    Code.KEY_UNKNOWN: Problem("CARDCASE_KEY_FILE", "lacks the keys that open cases are sealed with", _SAME_FILE),
    Code.SEAL_BROKEN: Problem("CARDCASE_KEY_FILE", "holds other keys under the IDs that open cases name", _SAME_FILE),
    Code.PAYLOAD_DOWNGRADED: Problem(
        "CARDCASE_ENCRYPTION", "does not name the algorithm that open cases are sealed with", "Add it behind a comma"
    ),
}


async def fault_of_ring(
    pool: Pool, client: Client, settings: WorkerSettings, payloads: PayloadSealer | None
) -> Problem | None:
    """Why the ring of a worker is not that of the register or of most open cases; None where it is, or none is there.

    Most and not all: a payload that somebody forged or spoilt keeps no worker from starting. Raises `CaseError` and
    `RPCError` where register or Temporal do not answer.
    """
    if not await belongs(pool, sealer_of(settings.key_file, settings.person_keys)):
        return _OTHER_REGISTER
    if payloads is None:
        return None
    chosen = await open_cases(pool, _LOOKED_AT, SystemRandom())
    faults = await asyncio.gather(*(_fault_of_case(client, case, payloads) for case in chosen))
    counted = Counter(fault for fault in faults if fault is not None)
    if counted.total() * 2 > len(chosen):
        return _OTHER_CASES[counted.most_common(1)[0][0]]
    for code, cases in counted.items():
        log.warning("payloads of open cases do not open", extra={"code": code.value, "cases": cases})
    return None


async def _fault_of_case(client: Client, case: str, payloads: PayloadSealer) -> Code | None:
    try:
        history = await client.get_workflow_handle(case).fetch_history()
    except RPCError as gone:
        if gone.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    of_the_engine = (event for event in history.events if event.event_type not in _SENT)
    sealed = (payload for event in of_the_engine for payload in payloads_in(event) if is_sealed(payload))
    for payload in sealed:
        try:
            payloads.open(payload, namespace=client.namespace)
        except CaseError as refused:
            return refused.code
    return None
