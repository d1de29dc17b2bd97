"""The register holds: after a restore every case goes on where the register stands, and what it lacks is named.

Nobody need work meanwhile; whoever does works on. Done again it does what is left.
"""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from activities.reconciliation.comparing import AT_ONCE, RESTED, Comparing, Difference, Kind, side_by_side
from activities.reconciliation.missing import Missing, missing_of
from activities.reconciliation.pairing import Pairing, hold, paired
from activities.registry.pool import Pool
from cases.models import Actor
from cases.names import SearchAttribute
from cases.offices import MINISTRY
from intake import interventions

_REGION: Final = SearchAttributeKey.for_keyword(SearchAttribute.region.value)


class Said(NamedTuple):
    """Who says that the register holds, and why; kept in the journal with each run that is ended."""

    actor: Actor
    reason: str


class Held(NamedTuple):
    """What was found, and brought into step unless somebody only looked."""

    pairing: Pairing
    compared: int
    differences: tuple[Difference, ...]
    missing: tuple[Missing, ...]
    """What was told to runs and the register never had: to be told again."""


async def hold_over_all(pool: Pool, client: Client, said: Said | None = None) -> Held:
    """Let every case go on where the register stands; without somebody who says so only look.

    Raises `CaseError` as `interventions.reset`, and `RPCError` where Temporal does not answer.
    """
    pairing = await paired(pool, client)
    # Where both do not fit nobody has begun to work, and nothing is about to move.
    rested = RESTED if pairing.misfit is None else timedelta()
    looking = Comparing(pool, client, only_look=True, rested=rested)
    compared = 0
    differences: list[Difference] = []
    async with aclosing(looking.all(datetime.now(UTC))) as batches:
        async for batch in batches:
            compared += batch.cases
            differences += (each for each in batch.differences if each.kind is not Kind.failing)
    of_cases = [each for each in differences if each.kind is not Kind.stranger]
    missing = await side_by_side(of_cases, lambda each: missing_of(pool, client, each.case_id), AT_ONCE)
    if said is not None:
        mending = Comparing(pool, client, rested=rested)
        await side_by_side(differences, lambda each: _bring_into_step(mending, pool, client, each, said), AT_ONCE)
        if pairing.misfit is not None:
            await hold(pool, pairing)
    return Held(pairing, compared, tuple(differences), tuple(told for some in missing for told in some))


async def hold_over(pool: Pool, client: Client, case_id: str, said: Said) -> None:
    """Let one case that stands still go on in a new run, where the register stands. Raises as `hold_over_all`."""
    await interventions.terminate(client, pool, said.actor, case_id, said.reason)
    await Comparing(pool, client).start(case_id)


async def _bring_into_step(
    comparing: Comparing, pool: Pool, client: Client, difference: Difference, said: Said
) -> None:
    match difference.kind:
        case Kind.behind:
            await hold_over(pool, client, difference.case_id, said)
        case Kind.without_row:
            await _end(pool, client, difference, said)
        case Kind.ahead | Kind.without_run | Kind.impostor | Kind.spoilt:
            await comparing.mend(difference)
        case Kind.failing | Kind.stranger | Kind.unread:
            # Nothing that a register could settle; what cannot be read the comparison deletes.
            return


async def _end(pool: Pool, client: Client, difference: Difference, said: Said) -> None:
    """End a run of which the register knows nothing; one that has ended is left as it is."""
    run = await client.get_workflow_handle(difference.case_id).describe()
    if run.status is not WorkflowExecutionStatus.RUNNING:
        return
    # Whoever began it may have said nothing; only the ministry answers for that.
    region = run.typed_search_attributes.get(_REGION) or MINISTRY
    await interventions.terminate_unknown(client, pool, said.actor, difference.case_id, region, said.reason)
