"""Effects of a dispute: two people, one number. The decision itself is two officers', on a police document."""

from typing import Any

import asyncpg

from activities.registry.errors import Refused
from activities.registry.step import Step
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import DisputeOutcome, ResolveDispute


async def open_dispute(step: Step) -> None:
    """Put the dispute on record with everyone who has the number or asks for it; their open cases are told.

    Where nobody has it any more, the dispute is recorded without a rival: two officers still decide it.
    """
    rivals = await step.all("rivals")
    for rival in rivals:
        opened = await _open(step, rival["person_id"], rival["case_id"], rival["generation"])
        if opened and rival["case_id"] is not None:
            step.tell(rival["case_id"], Event.dispute_opened)
    if not rivals:
        await _open(step, None, None, None)
    step.related = next((rival["case_id"] for rival in rivals if rival["case_id"] is not None), None)


async def settle_ours(step: Step) -> None:
    """The number is ours: the others lose it, and their cases are told.

    Refuses DISPUTE_LOST where another case was faster in deciding otherwise.
    """
    disputes = await step.all("disputes_of_case")
    decided = await step.first("decided_elsewhere", party=step.after.case_id)
    if decided is not None and decided["lost"]:
        raise Refused(Code.DISPUTE_LOST)
    for dispute in disputes:
        await _settle(step, dispute)
        await _take_from_other(step, dispute)


async def settle_against(step: Step) -> None:
    """The number is not ours: it is theirs, or neither may keep it.

    Refuses REGISTER_CHANGED where another case was faster in deciding that it is ours.
    """
    disputes = await step.all("disputes_of_case")
    decided = await step.first("decided_elsewhere", party=step.after.case_id)
    if not disputes and decided is not None and not decided["lost"]:
        raise Refused(Code.REGISTER_CHANGED)
    for dispute in disputes:
        await _settle(step, dispute)
        if step.told(ResolveDispute).outcome is DisputeOutcome.both_change:
            await _take_from_other(step, dispute)
        else:
            await _tell_other(step, dispute, Event.dispute_won)


async def leave_dispute(step: Step) -> None:
    """The case leaves its disputes undecided; those who are in no other are told."""
    for dispute in await step.all("disputes_of_case"):
        await step.run("lapse_dispute", dispute_id=dispute["id"])
        await _tell_other(step, dispute, Event.dispute_lapsed)


async def _open(step: Step, rival_person_id: Any, rival_case: Any, rival_generation: Any) -> bool:
    opened = await step.run(
        "open_dispute",
        rival_person_id=rival_person_id,
        rival_case_id=rival_case,
        rival_generation=rival_generation,
    )
    return bool(opened)


async def _settle(step: Step, dispute: asyncpg.Record) -> None:
    decision, first = step.told(ResolveDispute), step.after.dispute
    if first is None:
        raise CaseError(Code.SAME_PERSON)
    await step.run(
        "settle_dispute",
        dispute_id=dispute["id"],
        outcome=decision.outcome.value,
        document=decision.police_document.sha256,
        first_decider=first.decided_by,
        second_decider=decision.actor.id,
    )


async def _take_from_other(step: Step, dispute: asyncpg.Record) -> None:
    await step.run("revoke_number", other_person_id=dispute["other_person_id"])
    if dispute["other_case"] is not None:
        step.tell(dispute["other_case"], Event.dispute_lost)


async def _tell_other(step: Step, dispute: asyncpg.Record, event: Event) -> None:
    other = dispute["other_case"]
    if other is None or await step.first("still_disputed", other_case=other) is not None:
        return
    decided = await step.first("decided_elsewhere", party=other)
    # Who has lost the number is being told that, and must not hear before it that the way is free.
    if decided is None or not decided["lost"]:
        step.tell(other, event)
