"""Effects of an ID-number change on the person's numbers, and on what depends on them."""

from typing import Final

from activities.registry.errors import Refused
from activities.registry.pool import Connection
from activities.registry.step import SQL, Step
from cases.errors import Code
from cases.events import Event
from cases.names import Kind
from cases.offices import Recipient
from cases.steps import StepRequest

REGISTER: Final = "register"
"""Target of what everyone who reads the register is told."""
INTAKE: Final = "intake"
"""Target of what asks for a case to be opened."""


async def take_turn(step: Step) -> None:
    """The case is the only one of its person that writes, until it yields. Refuses PERSON_BUSY."""
    if not await step.run("take_turn"):
        raise Refused(Code.PERSON_BUSY)


async def yield_turn(step: Step) -> None:
    """Other cases of the person may write again, and those that wait are told."""
    if await step.run("yield_turn"):
        for waiter in await step.all("dismiss_waiters"):
            step.tell(waiter["case_id"], Event.turn_free)


async def refuse_while_busy(step: Step) -> None:
    """Refuses PERSON_BUSY while another case of the person has the turn."""
    if await step.first("turn_of_another") is not None:
        raise Refused(Code.PERSON_BUSY)


async def wait_for_turn(connection: Connection, request: StepRequest) -> bool:
    """Put a case on the list of those that are told when the turn is free; False where it is free already."""
    values = {
        "person": request.after.opening.person,
        "case_id": request.after.case_id,
        "generation": request.after.generation,
        "at": request.at,
    }
    if await SQL["hold_turn_still"].first(connection, values) is None:
        return False
    await SQL["wait_for_turn"].run(connection, values)
    return True


async def reserve_number(step: Step) -> None:
    """Nobody else can have the new number from here on.

    Refuses NUMBER_TAKEN; REGISTER_CHANGED where it is the person's own by now.
    """
    if await step.run("reserve_number"):
        return
    in_force = await step.first("number_in_force")
    own = in_force is not None and in_force["token"] == step.after.opening.number_token
    raise Refused(Code.REGISTER_CHANGED if own else Code.NUMBER_TAKEN)


async def release_reservation(step: Step) -> None:
    """The reservation is given back; nothing happens where there is none."""
    await step.run("release_reservation")


async def snapshot_entitlements(step: Step) -> None:
    """Keep the digest of the person's contribution months and balances."""
    await step.run("take_snapshot")


async def compare_entitlements(step: Step) -> None:
    """Refuses DIGEST_DIFFERS where months or balances of the snapshot are not what they were.

    What was posted later does not count.
    """
    if not await step.run("compare_with_snapshot"):
        raise Refused(Code.DIGEST_DIFFERS)


async def commit_number(step: Step) -> None:
    """The reserved number takes the place of the one that was screened; that one stays with its dates.

    Refuses CONTENT_CHANGED where the content is not what was verified and approved, REGISTER_CHANGED where the number
    in force is another one by now or the reservation is gone.
    """
    content = step.after.content
    if not content == step.after.verified_content == step.case["verified_content"]:
        raise Refused(Code.CONTENT_CHANGED)
    if step.case["number_token"] != step.after.opening.number_token:
        raise Refused(Code.CONTENT_CHANGED)
    in_force = await step.first("number_in_force")
    if (in_force and in_force["id"]) != step.case["replaces_number_id"]:
        raise Refused(Code.REGISTER_CHANGED)
    if in_force is not None:
        await step.run("retire_number", number_id=in_force["id"])
    if not await step.run("put_in_force"):
        raise Refused(Code.REGISTER_CHANGED)


async def follow_register(step: Step) -> None:
    """From here on the case is to replace the number that is in force now.

    That is noted before the register is read for the new screening: what changes in between, or later, is found when
    the number is committed.
    """
    await step.run("follow_register")


async def restore_number(step: Step) -> None:
    """A committed number is taken back and everyone who was told learns it; nothing happens where none was committed.

    The number before it comes back into force. If somebody else has it by now, the database refuses it: NUMBER_TAKEN.
    """
    if not await step.run("take_out_of_force"):
        return
    await step.run("reinstate_number")
    await step.run("card_is_right_again")
    await step.publish("number_change_undone", (REGISTER, *step.after.terms.confirmations))


async def mark_card_outdated(step: Step) -> None:
    """What is printed on the person's cards is wrong from here on."""
    await step.run("mark_card_outdated")


async def publish_number_changed(step: Step) -> None:
    """The register's readers and the systems that confirm are told.

    A repetition goes to those that have not confirmed yet.
    """
    repeated = step.request.event is Event.repair
    targets = step.after.awaited if repeated else (REGISTER, *step.after.terms.confirmations)
    await step.publish("number_changed", targets)


async def wake_replacement(step: Step) -> None:
    """Whoever waited for the change is told: the person's card replacement, and cases that wanted the old number."""
    replacement = await step.first("open_replacement")
    if replacement is not None:
        step.tell(replacement["case_id"], Event.number_changed)
    for dispute in await step.all("disputes_over_given_up_number"):
        await step.run("lapse_dispute", dispute_id=dispute["id"])
        if await step.first("still_disputed", other_case=dispute["other_case"]) is None:
            step.tell(dispute["other_case"], Event.dispute_lapsed)


async def offer_replacement(step: Step) -> None:
    """A person whose card is printed wrong is offered a new one, or, by policy, the intake is asked to open a case."""
    if await step.first("outdated_card") is None or await step.first("open_replacement") is not None:
        return
    if step.policy.number_change.replacement == "open":
        await step.publish("replacement_wanted", (INTAKE,))
    else:
        template = f"{Kind.card_replacement.value}.offered"
        await step.notify(Recipient.applicant, template, event=f"{step.request.step}.offered")
