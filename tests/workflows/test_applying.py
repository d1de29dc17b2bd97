"""From the reservation of a number to paid benefits: confirmations, undoing, the point of no return, and repair."""

import asyncio
import functools

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.sealing import Field
from cases.errors import Code
from cases.events import Event
from cases.facts import Repair, RepairAction
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.models import System
from cases.names import Kind
from cases.numbers import Road
from tests.engine import Engine, new_number, old_number
from tests.scenes import CERTIFICATE, FACTS, ID_CARD, OPERATOR, SOUTH, SPEAKERS
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.refusals import Refusals
from tests.workflows.roads import HELD_BENEFITS, REISSUED, applying, change, overdue, partly_confirmed

MEDICAL, PENSION, BANK = System.medical_insurance, System.pension, System.bank
UNDO = Repair(actor=OPERATOR, action=RepairAction.undo, evidence="op-2")


def accepted(system: System) -> Repair:
    """An operator has evidence that a system took the number over."""
    return Repair(actor=OPERATOR, action=RepairAction.accept, system=system, evidence="op-3")


async def is_undone(case: Dossier) -> None:
    """The old number is back in force, the card is right again, and nobody is kept waiting."""
    held = await case.holdings()
    assert held.numbers == (("old", "living"), ("new", "revoked"))
    assert [card.outdated for card in held.cards] == [False]
    assert held.turn is None
    assert (await case.told_to("register"))[-2:] == ["number_changed", "number_change_undone"]
    assert (await case.told_to(BANK))[-1] == "number_change_undone"


async def is_applied_anew(case: Dossier) -> None:
    """What was undone may be verified and applied once more, and this time everyone confirms."""
    await case.verify()
    await case.rests_in(Status.applying)
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).numbers == (("old", "historic"), ("new", "revoked"), ("new", "living"))


async def test_a_confirmation_that_is_refused_first_undoes_the_change(engine: Engine) -> None:
    case = await applying(engine)
    assert (await case.confirm(PENSION, confirmed=False)).status is Status.in_review
    view = await case.rests_in(Status.in_review)
    assert (view.last_error, view.verifier, view.confirmations) == (Code.CONFIRMATION_REFUSED, None, ())
    await is_undone(case)
    await is_applied_anew(case)


async def test_after_the_first_confirmation_the_only_way_is_forward(engine: Engine) -> None:
    case = await partly_confirmed(engine)
    view = await case.rests_in(Status.repair)
    assert view.attention == ("repair",)
    assert view.last_error is Code.CONFIRMATION_REFUSED
    assert (view.confirmations, view.awaited) == ((MEDICAL,), (PENSION, BANK))
    assert await case.refuses(Event.withdraw) is Code.PAST_POINT_OF_NO_RETURN
    assert await case.refuses(Event.repair, UNDO) is Code.PAST_POINT_OF_NO_RETURN
    assert await case.refuses(Event.repair, accepted(MEDICAL)) is Code.SYSTEM_NOT_AWAITED
    assert (await case.confirm(BANK, confirmed=False)).status is Status.repair
    assert (await case.tell(Event.repair, accepted(PENSION))).status is Status.repair
    assert (await case.rests_in(Status.repair)).awaited == (BANK,)
    assert (await case.tell(Event.repair, accepted(BANK))).status is Status.updated
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).numbers == (("old", "historic"), ("new", "living"))


async def test_a_change_that_was_partly_confirmed_cannot_be_withdrawn(engine: Engine) -> None:
    case = await applying(engine)
    await case.confirm(MEDICAL)
    assert await case.refuses(Event.withdraw) is Code.PAST_POINT_OF_NO_RETURN
    assert await case.refuses(Event.confirm_downstream, FACTS[Event.confirm_downstream]) is Code.SYSTEM_NOT_AWAITED
    await case.confirm(PENSION, BANK)
    assert (await case.ends()).status is Status.done


async def test_a_confirmation_that_does_not_come_in_time_is_asked_for_again(engine: Engine) -> None:
    case = await overdue(engine)
    view = await case.agrees()
    assert (view.last_error, view.attention, view.due_event) == (Code.CONFIRMATION_OVERDUE, ("repair",), None)
    assert (await case.tell(Event.repair)).status is Status.applying
    view = await case.rests_in(Status.applying)
    assert (view.due_event, view.last_error, view.attention) == (Event.delivery_overdue, None, ())
    assert [await case.told_to(system) for system in (BANK, "register")] == [["number_changed"] * 2, ["number_changed"]]
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done


async def test_only_who_has_not_confirmed_is_asked_again(engine: Engine) -> None:
    case = await applying(engine)
    await case.confirm(MEDICAL)
    await case.time_runs_out(Event.confirmation_overdue)
    await case.rests_in(Status.repair)
    await case.tell(Event.repair)
    assert [len(await case.told_to(system)) for system in (MEDICAL, PENSION, BANK)] == [1, 2, 2]


async def test_late_confirmations_still_count_in_repair(engine: Engine) -> None:
    case = await overdue(engine)
    assert (await case.confirm(MEDICAL, PENSION)).status is Status.repair
    assert (await case.rests_in(Status.repair)).awaited == (BANK,)
    assert (await case.confirm(BANK)).status is Status.updated
    assert (await case.ends()).status is Status.done


async def test_a_late_refusal_and_an_operator_both_undo_what_nobody_confirmed(engine: Engine) -> None:
    refused, undone = await asyncio.gather(overdue(engine), overdue(engine))
    assert (await refused.confirm(BANK, confirmed=False)).status is Status.in_review
    assert (await undone.tell(Event.repair, UNDO)).status is Status.in_review
    for case in (refused, undone):
        await case.rests_in(Status.in_review)
        await is_undone(case)
    await is_applied_anew(undone)


async def changes_beside_the_case(case: Dossier, number: str) -> None:
    """Somebody enters another number into the person's record, and no case knows of it."""
    sealer, person = case.engine.sealer, case.opening.person
    await case.engine.pool.execute(
        """
        WITH before AS (
            UPDATE numbers n SET state = 'historic' FROM persons p
            WHERE p.id = n.person_id AND p.token = $1 AND n.state = 'living' RETURNING n.person_id
        )
        INSERT INTO numbers (person_id, token, sealed, digits, state)
        SELECT person_id, $2, $3, $4, 'living' FROM before
        """,
        person,
        sealer.number_token(number),
        sealer.seal(number, field=Field.number, person=person),
        len(number),
    )


async def test_a_number_that_changed_since_the_screening_is_not_replaced_before_it_was_screened_and_reviewed(
    engine: Engine,
) -> None:
    case = await change(engine, ID_CARD, CERTIFICATE)
    assert case.receipt.road is Road.pure_upgrade
    await changes_beside_the_case(case, old_number(7))
    await case.verify()
    view = await case.rests_in(Status.in_review)
    assert (view.last_error, view.verifier, view.road) == (Code.REGISTER_CHANGED, None, Road.reissued)
    held = await case.holdings()
    assert held.numbers == (("old", "historic"), ("other", "living"), ("new", "revoked"))
    assert held.turn is None
    # What derives from another number is no upgrade any more: it takes a second officer.
    assert (await case.verify()).status is Status.awaiting_approval
    await case.approve()
    await case.rests_in(Status.applying)
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).numbers == (
        ("old", "historic"),
        ("other", "historic"),
        ("new", "revoked"),
        ("new", "living"),
    )


async def test_a_case_whose_register_changed_asks_for_what_its_new_road_demands(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await changes_beside_the_case(case, old_number(8))
    await case.verify()
    view = await case.rests_in(Status.awaiting_documents)
    assert [demand.document for demand in view.missing] == [CERTIFICATE.kind]


async def test_a_number_that_was_updated_beside_the_case_leaves_it_nothing_to_do(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await changes_beside_the_case(case, case.person.new)
    await case.verify()
    assert (await case.ends()).status is Status.not_needed
    assert (await case.holdings()).numbers == (("old", "historic"), ("new", "living"))


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (Event.apply, Status.verified),
        (Event.unblock, Status.updated),
        (Event.release, Status.releasing),
    ],
)
async def test_a_step_that_the_register_refuses_waits_for_an_operator_who_retries_it(
    engine: Engine, refusals: Refusals, step: Event, status: Status
) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    async with refusals.of(case.case_id, step):
        await case.verify()
        view = await case.rests_in(status)
        assert (view.attention, view.last_error) == (("repair",), Code.DATABASE_REFUSED)
        await case.tell(Event.acknowledge)
        assert (await case.rests_in(status)).attention == ("repair",)
        # Nothing has changed: the retry is refused as well, and the case waits again.
        await case.tell(Event.repair)
        assert (await case.rests_in(status)).attention == ("repair",)
    assert (await case.tell(Event.repair)).version > view.version
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).numbers == (("old", "historic"), ("new", "living"))


async def test_what_was_verified_and_stands_still_may_be_withdrawn(engine: Engine, refusals: Refusals) -> None:
    async def stands_still() -> Dossier:
        case = await change(engine, ID_CARD, region=SOUTH, benefit_holds=HELD_BENEFITS)
        async with refusals.of(case.case_id, Event.apply):
            await case.verify()
            await case.rests_in(Status.verified)
        return case

    withdrawn, died = await asyncio.gather(stands_still(), stands_still())
    assert (await withdrawn.tell(Event.release_benefits)).status is Status.verified
    assert (await withdrawn.rests_in(Status.verified)).attention == ("repair",)
    await asyncio.gather(withdrawn.tell(Event.withdraw), died.tell(Event.person_ended))
    outcomes = await asyncio.gather(withdrawn.ends(), died.ends())
    assert [outcome.status for outcome in outcomes] == [Status.withdrawn, Status.ended]
    assert (await withdrawn.holdings()).numbers == (("old", "living"),)


async def test_a_commit_that_the_register_refuses_gives_the_reservation_back(
    engine: Engine, refusals: Refusals
) -> None:
    case = await change(engine, ID_CARD)
    async with refusals.of(case.case_id, Event.commit):
        await case.verify()
        view = await case.rests_in(Status.in_review)
    assert view.last_error is Code.DATABASE_REFUSED
    held = await case.holdings()
    assert (held.numbers, held.turn) == ((("old", "living"), ("new", "revoked")), None)
    await is_applied_anew(case)


async def test_a_screening_that_cannot_be_written_waits_for_an_operator_and_may_be_left(
    engine: Engine, refusals: Refusals
) -> None:
    async def stands_still() -> Dossier:
        person = await engine.insured()
        opening = engine.number_change(person, ID_CARD)
        async with refusals.of(case_id(Kind.id_number_change, opening.person), Event.screened):
            case = await Dossier.open(engine, person, opening)
            assert case.receipt.status is Status.screening
            assert (await case.rests_in(Status.screening)).attention == ("repair",)
        return case

    repaired, withdrawn, died = [await stands_still() for _ in range(3)]
    await repaired.tell(Event.repair)
    await repaired.rests_in(Status.in_review)
    await withdrawn.tell(Event.withdraw)
    assert (await withdrawn.ends()).status is Status.withdrawn
    await died.tell(Event.person_ended)
    assert (await died.ends()).status is Status.ended


async def test_benefits_that_are_blocked_again_before_the_release_are_unblocked_once_more(
    engine: Engine, refusals: Refusals
) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    async with refusals.of(case.case_id, Event.release):
        await case.verify()
        await case.rests_in(Status.releasing)
        await engine.pool.execute(
            """
            UPDATE claims SET state = 'suspended' FROM persons p
            WHERE p.id = person_id AND p.token = $1 AND suspended_for = 'id_number'
            """,
            case.opening.person,
        )
    assert (await case.tell(Event.repair)).status is Status.updated
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).claims["id_number"] == "queued"


async def late_answers(case: Dossier) -> list[tuple[str, str, bool]]:
    """What was written down of answers to requests that were over: whose, to which, and what they said."""
    rows = await case.engine.pool.fetch(
        "SELECT actor, request_id, fact::jsonb ->> 'confirmed' AS confirmed FROM answers_out_of_date "
        "WHERE case_id = $1 ORDER BY written_at, told_as",
        case.case_id,
    )
    return [(row["actor"], row["request_id"], row["confirmed"] == "true") for row in rows]


@pytest.mark.parametrize("confirmed", [True, False])
async def test_an_answer_to_a_publication_that_was_undone_is_written_down_and_not_taken_for_the_next_ones(
    engine: Engine, *, confirmed: bool
) -> None:
    case = await applying(engine)
    first = (await case.rests_in(Status.applying)).publication
    assert first is not None
    assert {row["request_id"] for row in await engine.pool.fetch(_REQUESTS, case.case_id)} == {first}
    await case.confirm(PENSION, confirmed=False)
    await case.rests_in(Status.in_review)
    late = functools.partial(case.says, BANK, confirmed=confirmed, publication=first)
    assert await case.refuses(Event.confirm_downstream, late()) is Code.ANSWER_OUT_OF_DATE
    await case.verify()
    second = (await case.rests_in(Status.applying)).publication
    assert second not in {None, first}
    assert await case.refuses(Event.confirm_downstream, late(reference="ref-2")) is Code.ANSWER_OUT_OF_DATE
    view = await case.agrees()
    assert (view.awaited, view.status) == (tuple(System), Status.applying)
    assert await late_answers(case) == [(SPEAKERS[BANK].id, first, confirmed)] * 2
    assert [(late.event, late.request) for late in view.late_answers] == [(Event.confirm_downstream, first)] * 2
    assert first in await case.details()
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done


async def test_an_answer_that_a_retry_has_overtaken_is_written_down_once_however_often_it_comes(
    engine: Engine,
) -> None:
    case = await overdue(engine)
    first = (await case.agrees()).publication
    assert first is not None
    await case.tell(Event.repair)
    second = (await case.rests_in(Status.applying)).publication
    late = case.says(BANK, publication=first)
    for _ in range(2):
        with pytest.raises(WorkflowUpdateFailedError):
            await case.tell(Event.confirm_downstream, late, update_id="bank-1")
    assert await late_answers(case) == [(SPEAKERS[BANK].id, first, True)]
    assert (await case.rests_in(Status.applying)).publication == second
    await case.confirm(*System)
    assert (await case.ends()).status is Status.done


async def test_nobody_writes_down_an_answer_for_a_system_that_is_not_theirs(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    forged = case.says(BANK).model_copy(update={"actor": SPEAKERS[PENSION]})
    assert await case.refuses(Event.confirm_downstream, forged) is Code.ROLE_NOT_ALLOWED
    assert await late_answers(case) == []


_REQUESTS = "SELECT request_id FROM events WHERE case_id = $1 AND kind = 'number_changed'"


async def cannot_go_back(engine: Engine) -> Dossier:
    """A change that is in force and not confirmed, whose old number has another rightful holder by now."""
    case = await change(engine, *REISSUED, number=new_number(), new=new_number())
    await case.verify()
    await case.approve()
    await case.rests_in(Status.applying)
    await engine.insured(number=case.person.old)
    return case


async def test_an_undo_that_cannot_be_made_is_written_down_and_the_case_goes_on_or_ends_as_it_is(
    engine: Engine,
) -> None:
    refused, operated, withdrawn, died = [await cannot_go_back(engine) for _ in range(4)]
    assert (await refused.confirm(BANK, confirmed=False)).status is Status.repair
    view = await refused.rests_in(Status.repair)
    assert (view.last_error, view.refused_by, view.attention) == (Code.UNDO_IMPOSSIBLE, BANK, ("repair",))
    made = [each.event for each in await engine.history(refused.case_id)]
    assert made[-2:] == [Event.undo_failed, Event.confirm_downstream]
    assert "变更无法撤销" in await refused.details()
    # Forward: the systems are asked again, or there is evidence.
    await refused.tell(Event.repair)
    await refused.rests_in(Status.applying)
    await refused.confirm(*System)
    assert (await refused.ends()).status is Status.done

    await operated.time_runs_out(Event.confirmation_overdue)
    await operated.rests_in(Status.repair)
    with pytest.raises(WorkflowUpdateFailedError) as why:
        await operated.tell(Event.repair, UNDO)
    assert code_of(why.value) is Code.UNDO_IMPOSSIBLE
    view = await operated.rests_in(Status.repair)
    assert (view.last_error, view.last_refusal) == (Code.UNDO_IMPOSSIBLE, Code.UNDO_IMPOSSIBLE)
    for system in System:
        await operated.tell(Event.repair, accepted(system))
    assert (await operated.ends()).status is Status.done

    assert (await withdrawn.tell(Event.withdraw)).status is Status.withdrawn
    assert (await died.tell(Event.person_ended)).status is Status.ended
    for case in (withdrawn, died):
        assert (await case.ends()).remains == ("number_committed",)
        held = await case.holdings()
        assert (held.numbers, held.turn) == ((("old", "historic"), ("new", "living")), None)
