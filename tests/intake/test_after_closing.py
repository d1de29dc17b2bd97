"""What is told to a case that is over: answers are written down, and what the world shows is on record."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import ActivityFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from activities.registry.reading import Filter, case_now, list_cases, verify_chain
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    Acknowledge,
    CardActivated,
    CardDestroyed,
    CardFound,
    CardFunction,
    CardHandedOver,
    CardLostOnWay,
    CardProduced,
    ConfirmDownstream,
    ConfirmLoss,
    Fact,
    HandOver,
    ReportLoss,
)
from cases.machines.machine import Status
from cases.models import Actor, Role, System
from cases.names import TOLD_AFTER_CLOSING, Kind, after_closing_id, order_id, publication_id
from cases.openings import ReplacementReason
from cases.steps import AnswerAfterClosing, ToldAfterClosing
from intake.client import CaseClient, EngineError
from tests.engine import Engine
from tests.intake.calling import Said
from tests.scenes import BUREAU, CLERK, DOWNSTREAM, ID_CARD, OFFICE, OPERATOR, SOUTH, SPEAKERS, of_office
from tests.workflows.dossier import Dossier
from tests.workflows.roads import activate, change, formally_lost, made, ordered, replacement, to_the_end

REGIONS = (OFFICE, SOUTH)
SUPERVISOR = Actor(id="supervisor-1", role=Role.supervisor, office=OFFICE)


@pytest.fixture
def client(engine: Engine) -> CaseClient:
    return CaseClient(engine.client, engine.sealer, stamping=engine.everybody, register=engine.pool)


async def code_of(call: Awaitable[object]) -> Code:
    with pytest.raises(EngineError) as refused:
        await call
    return refused.value.code


async def kept(engine: Engine, case: str) -> list[tuple[Any, ...]]:
    """What stands in the register of answers that came too late."""
    rows = await engine.pool.fetch(
        "SELECT generation, event, request_id, actor FROM answers_out_of_date WHERE case_id = $1 "
        "ORDER BY written_at, event",
        case,
    )
    return [tuple(row) for row in rows]


async def audit(engine: Engine, case: str) -> list[tuple[Any, ...]]:
    assert await verify_chain(engine.pool, case) is None
    rows = await engine.pool.fetch("SELECT c::text FROM cases AS c WHERE case_id = $1", case)
    return [tuple(row) for row in rows]


def answers_of_a_card(order: str, region: str) -> tuple[Fact, ...]:
    told = (
        CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=order),
        CardHandedOver(actor=BUREAU, by=HandOver.post, evidence="sig-1", order=order),
        CardActivated(actor=DOWNSTREAM, function=CardFunction.social, order=order),
        CardLostOnWay(actor=BUREAU, evidence="post-1", order=order),
    )
    return tuple(of_office(fact, region) for fact in told)


async def ended(case: Dossier) -> Dossier:
    await case.tell(Event.withdraw)
    await case.ends()
    return case


async def withdrawn(engine: Engine, region: str) -> Dossier:
    return await ended(await replacement(engine, ID_CARD, region=region))


async def done(engine: Engine, region: str) -> Dossier:
    case = await ordered(engine, region=region)
    await to_the_end(case)
    assert (await case.ends()).status is Status.done
    return case


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("road", [withdrawn, done])
async def test_answers_about_a_card_are_written_down_once_when_the_case_is_over(
    engine: Engine, client: CaseClient, road: Any, region: str
) -> None:
    case = await road(engine, region)
    before = await audit(engine, case.case_id)
    order = order_id(case.case_id, 1, 3)
    for fact in answers_of_a_card(order, region):
        for _ in range(2):
            assert await code_of(client.tell(case.case_id, fact)) is Code.ANSWER_OUT_OF_DATE
    assert sorted(event for _, event, request, _ in await kept(engine, case.case_id) if request == order) == sorted(
        ("card_produced", "card_handed_over", "card_activated", "card_lost_on_way")
    )
    assert await audit(engine, case.case_id) == before


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("confirmed", [True, False])
async def test_a_confirmation_is_written_down_when_the_change_is_over(
    engine: Engine, client: CaseClient, region: str, *, confirmed: bool
) -> None:
    case = await ended(await change(engine, ID_CARD, region=region))
    publication = publication_id(case.case_id, 1, 4)
    fact = of_office(
        ConfirmDownstream(
            actor=SPEAKERS[System.bank],
            system=System.bank,
            confirmed=confirmed,
            reference="late-1",
            publication=publication,
        ),
        region,
    )
    for _ in range(2):
        assert await code_of(client.tell(case.case_id, fact)) is Code.ANSWER_OUT_OF_DATE
    assert await kept(engine, case.case_id) == [(1, "confirm_downstream", publication, SPEAKERS[System.bank].id)]


async def test_the_next_generation_shows_what_the_closed_one_was_answered(engine: Engine, client: CaseClient) -> None:
    case = await withdrawn(engine, OFFICE)
    order = order_id(case.case_id, 1, 3)
    late = CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=order)
    assert await code_of(client.tell(case.case_id, late)) is Code.ANSWER_OUT_OF_DATE
    again = await reopened(case)
    assert [(late.event, late.request) for late in (await again.agrees()).late_answers] == [
        (Event.card_produced, order)
    ]


async def reopened(case: Dossier) -> Dossier:
    opening = case.opening.model_copy(update={"reopen": True, "key": f"{case.opening.key}-again"})
    return await Dossier.open(case.engine, case.person, opening)


async def test_what_is_left_of_closed_cases_is_listed(
    engine: Engine, client: CaseClient, call_as: Callable[..., Awaitable[Said]]
) -> None:
    quiet, (case, order) = await withdrawn(engine, OFFICE), await ordered_and_withdrawn(engine, client)
    late = CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=order)
    assert await code_of(client.tell(case.case_id, late)) is Code.ANSWER_OUT_OF_DATE
    listed = {}
    for what in ("late_answer", "surplus_card"):
        rows = await list_cases(engine.pool, Filter(attention=what, office=OFFICE), limit=10_000)
        listed[what] = {row.case_id: row.attention for row in rows}
        assert listed[what][case.case_id] == ("late_answer", "surplus_card")
        assert quiet.case_id not in listed[what]
        said = await call_as(CLERK, "leftovers", "--what", what, "--limit", "10000", "-o", "json")
        assert said.exit == 0, said.err
        assert {row["case_id"] for row in said.json} == set(listed[what])
    for actor in (BUREAU, CLERK):
        await client.tell(case.case_id, CardDestroyed(actor=actor, order=order, record="D-2026-1"))
    left = await list_cases(engine.pool, Filter(attention="surplus_card"), limit=10_000)
    assert case.case_id not in {row.case_id for row in left}
    now = await case_now(engine.pool, case.case_id)
    assert now is not None
    assert [each.request for each in now.late_answers] == [order]


async def stands_on_the_list(engine: Engine, case: Dossier) -> bool:
    rows = await list_cases(engine.pool, Filter(attention="late_answer", office=case.opening.region), limit=10_000)
    return case.case_id in {row.case_id for row in rows}


def acknowledges(actor: Actor, region: str, note: str = "") -> Acknowledge:
    return Acknowledge(actor=actor.model_copy(update={"office": region}), note=note)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("kind", Kind)
async def test_a_late_answer_to_a_closed_case_leaves_the_list_when_an_operator_has_seen_it(
    engine: Engine, client: CaseClient, kind: Kind, region: str
) -> None:
    if kind is Kind.card_replacement:
        case = await withdrawn(engine, region)
        late = answers_of_a_card(order_id(case.case_id, 1, 3), region)[:2]
    else:
        case = await ended(await change(engine, ID_CARD, region=region))
        late = tuple(
            of_office(
                ConfirmDownstream(
                    actor=SPEAKERS[System.bank],
                    system=System.bank,
                    confirmed=confirmed,
                    reference="late-1",
                    publication=publication_id(case.case_id, 1, 4),
                ),
                region,
            )
            for confirmed in (True, False)
        )
    seen = acknowledges(OPERATOR, region)
    assert await code_of(client.tell(case.case_id, seen)) is Code.CASE_CLOSED, "there is nothing to see"
    assert await code_of(client.tell(case.case_id, late[0])) is Code.ANSWER_OUT_OF_DATE
    assert await stands_on_the_list(engine, case)
    assert await code_of(client.tell(case.case_id, acknowledges(CLERK, region))) is Code.ROLE_NOT_ALLOWED
    assert await stands_on_the_list(engine, case)
    before = await audit(engine, case.case_id)
    answer = await client.tell(case.case_id, seen)
    assert answer.status is Status.withdrawn
    assert not await stands_on_the_list(engine, case)
    assert await audit(engine, case.case_id) == before
    assert await client.tell(case.case_id, seen) == answer, "the same again is the same"
    again = acknowledges(SUPERVISOR, region)
    assert await code_of(client.tell(case.case_id, again)) is Code.CASE_CLOSED
    # What comes after that is seen by nobody yet.
    assert await code_of(client.tell(case.case_id, late[1])) is Code.ANSWER_OUT_OF_DATE
    assert await stands_on_the_list(engine, case)
    await client.tell(case.case_id, acknowledges(SUPERVISOR, region, note="第二次"))
    assert not await stands_on_the_list(engine, case)
    assert len(await kept(engine, case.case_id)) == 2, "what was answered stays on record"


@pytest.mark.parametrize("region", REGIONS)
async def test_a_late_answer_to_an_open_case_leaves_the_list_when_an_operator_has_seen_it_and_not_when_a_clerk_has(
    engine: Engine, client: CaseClient, region: str
) -> None:
    case = await ordered(engine, region=region)
    late, other = answers_of_a_card(order_id(case.case_id, 1, 999), region)[:2]
    assert not await stands_on_the_list(engine, case)
    assert await code_of(client.tell(case.case_id, late)) is Code.ANSWER_OUT_OF_DATE
    assert await stands_on_the_list(engine, case)
    await client.tell(case.case_id, acknowledges(CLERK, region))
    assert await stands_on_the_list(engine, case)
    await client.tell(case.case_id, acknowledges(OPERATOR, region))
    assert not await stands_on_the_list(engine, case)
    assert await code_of(client.tell(case.case_id, other)) is Code.ANSWER_OUT_OF_DATE
    assert await stands_on_the_list(engine, case)


async def ordered_and_withdrawn(engine: Engine, client: CaseClient) -> tuple[Dossier, str]:
    """A case whose order was cancelled, and whose card was made all the same; only the north cancels orders."""
    case = await ordered(engine)
    order = (await case.agrees()).order
    assert order is not None
    await ended(case)
    answer = await client.card_turned_up(
        case.case_id, BUREAU, "batch-1", f"S{case.person.personal_number}", order=order
    )
    assert (answer.status, answer.remains) == (Status.withdrawn, ("surplus_card",))
    return case, order


async def test_a_card_that_turns_up_of_a_closed_case_is_on_record_until_two_people_have_destroyed_it(
    engine: Engine, client: CaseClient
) -> None:
    case, order = await ordered_and_withdrawn(engine, client)
    assert (await case.holdings()).codes == "14"
    assert (await case.told_to("card_bureau"))[-1] == "card_surplus"
    before = await audit(engine, case.case_id)
    again = client.card_turned_up(case.case_id, BUREAU, "batch-2", "OTHER0001", order=order)
    assert await code_of(again) is Code.ORDER_NOT_OVER
    fact = CardDestroyed(actor=BUREAU, order=order, record="D-2026-1")
    assert (await client.tell(case.case_id, fact)).remains == ("surplus_card",)
    assert await code_of(client.tell(case.case_id, fact, update_id="once-more")) is Code.SAME_PERSON
    other = fact.model_copy(update={"actor": CLERK, "record": "D-2026-2"})
    assert (await client.tell(case.case_id, other)).remains == ("surplus_card",)
    second = fact.model_copy(update={"actor": CLERK})
    for _ in range(2):
        assert (await client.tell(case.case_id, second)).remains == ()
    row = await engine.pool.fetchrow(
        "SELECT code, destroyed_by, destruction_witness, destruction_record FROM cards WHERE order_id = $1", order
    )
    assert row is not None
    assert tuple(row) == ("4", CLERK.id, BUREAU.id, "D-2026-1")
    assert (await case.told_to("card_bureau")).count("card_destroyed") == 1
    third = client.tell(case.case_id, fact.model_copy(update={"record": "D-2026-3"}))
    assert await code_of(third) is Code.CARD_NOT_TO_BE_DESTROYED
    assert await audit(engine, case.case_id) == before


async def test_the_next_generation_has_the_card_that_turned_up_in_between_destroyed(
    engine: Engine, client: CaseClient
) -> None:
    case, order = await ordered_and_withdrawn(engine, client)
    fact = CardDestroyed(actor=BUREAU, order=order, record="D-2026-1")
    await client.tell(case.case_id, fact)
    again = await reopened(case)
    view = await again.agrees()
    assert (view.to_destroy, [said.stated_by for said in view.destruction]) == ((order,), [BUREAU.id])
    await again.tell(Event.card_destroyed, fact.model_copy(update={"actor": CLERK}))
    assert (await again.agrees()).to_destroy == ()
    await again.verify()
    await to_the_end(again)
    assert (await again.ends()).status is Status.done


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("kind", [replacement, change])
async def test_a_loss_told_to_a_closed_case_blocks_the_card_at_once_and_a_find_lets_it_work_again(
    engine: Engine, client: CaseClient, region: str, kind: Any
) -> None:
    case = await ended(await kind(engine, ID_CARD, region=region))
    loss = of_office(ReportLoss(actor=CLERK, evidence="loss-1"), region)
    for _ in range(2):
        assert (await client.tell(case.case_id, loss)).remains == ("card_blocked",)
    assert (await case.holdings()).codes == "B"
    assert await engine.pool.fetchval(
        "SELECT block_ends_at > blocked_at FROM cards WHERE blocked_by_case = $1", case.case_id
    )
    assert await case.told_to("bank") == ["card_blocked"]
    again = client.tell(case.case_id, loss, update_id="again")
    assert await code_of(again) is Code.LOSS_ALREADY_REPORTED
    found = of_office(CardFound(actor=CLERK), region)
    assert (await client.tell(case.case_id, found)).remains == ()
    assert (await case.holdings()).codes == "1"
    assert await code_of(client.tell(case.case_id, found, update_id="again")) is Code.EVENT_NOT_ALLOWED


@pytest.mark.parametrize("region", REGIONS)
async def test_a_formal_loss_of_a_closed_case_is_lifted_only_where_the_policy_permits_it(
    engine: Engine, client: CaseClient, region: str
) -> None:
    case = await withdrawn(engine, region)
    await client.tell(case.case_id, of_office(ReportLoss(actor=CLERK, evidence="loss-1"), region))
    formally = of_office(ConfirmLoss(actor=CLERK, evidence="loss-1"), region)
    await client.tell(case.case_id, formally)
    assert (await case.holdings()).codes == "2"
    assert await code_of(client.tell(case.case_id, formally, update_id="again")) is Code.LOSS_ALREADY_REPORTED
    permitted = region == OFFICE
    found = client.tell(case.case_id, of_office(CardFound(actor=CLERK), region))
    if permitted:
        await found
    else:
        assert await code_of(found) is Code.UNDO_NOT_PERMITTED
    assert (await case.holdings()).codes == ("1" if permitted else "2")


@pytest.mark.parametrize("region", REGIONS)
async def test_a_lost_card_that_is_found_when_its_successor_is_in_use_stays_out_of_use_and_is_on_record(
    engine: Engine, client: CaseClient, region: str
) -> None:
    case = await formally_lost(engine, region=region)
    await case.verify()
    await to_the_end(case)
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).codes == "31"
    await client.tell(case.case_id, of_office(CardFound(actor=CLERK), region))
    assert (await case.holdings()).codes == "31"
    told = "SELECT event FROM told_after_closing WHERE case_id = $1"
    assert [row["event"] for row in await engine.pool.fetch(told, case.case_id)] == ["card_found"]


async def test_what_blocked_a_card_in_an_open_case_is_lifted_there(engine: Engine, client: CaseClient) -> None:
    change_over = await ended(await change(engine, ID_CARD))
    card = await Dossier.open(
        engine, change_over.person, engine.replacement(change_over.person, ReplacementReason.lost, ID_CARD)
    )
    assert (await card.agrees()).status is Status.temporarily_blocked
    assert await code_of(client.tell(change_over.case_id, CardFound(actor=CLERK))) is Code.CASE_CLOSED
    assert (await card.holdings()).codes == "B"


async def test_what_changes_a_case_is_told_to_no_closed_one(engine: Engine, client: CaseClient) -> None:
    case = await withdrawn(engine, OFFICE)
    elsewhere = "crc-" + "a" * 26
    late = CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=order_id(elsewhere, 1, 3))
    assert await code_of(client.tell(elsewhere, late)) is Code.CASE_UNKNOWN
    stranger = BUREAU.model_copy(update={"id": "stranger-1", "role": Role.bank})
    wrong = CardProduced(actor=stranger, produced=False, batch="batch-1", order=order_id(case.case_id, 1, 3))
    assert await code_of(client.tell(case.case_id, wrong)) is Code.ROLE_NOT_ALLOWED
    assert await kept(engine, case.case_id) == []


async def test_a_card_in_use_does_not_turn_up(engine: Engine, client: CaseClient) -> None:
    case = await made(engine)
    order = (await case.agrees()).order
    assert order is not None
    await case.tell(Event.card_handed_over)
    await activate(case)
    await case.ends()
    again = client.card_turned_up(case.case_id, BUREAU, "batch-2", "OTHER0002", order=order)
    assert await code_of(again) is Code.ORDER_NOT_OVER
    assert (await case.holdings()).codes == "41"


async def test_the_register_answers_nobody_but_what_tells_a_closed_case_this_very_thing(engine: Engine) -> None:
    case = await withdrawn(engine, OFFICE)
    late = CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=order_id(case.case_id, 1, 3))
    stamped = await engine.stamped(case.case_id, Event.card_produced, late)
    told = ToldAfterClosing(
        case_id=case.case_id,
        event=Event.card_produced,
        fact=stamped.model_dump(mode="json", exclude_unset=True),
        told_as="forged-1",
    )
    with pytest.raises(ActivityFailureError) as alone:
        await engine.client.execute_activity(
            "tell_closed",
            told,
            id=f"forged-{case.case_id}",
            task_queue=engine.task_queue,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
    assert isinstance(alone.value.__cause__, ApplicationError)
    assert alone.value.__cause__.type == Code.CALLER_REFUSED
    for workflow_id, said, code in (
        ("told-elsewhere", told, Code.CALLER_REFUSED),
        (
            after_closing_id(case.case_id, "forged-1"),
            told.model_copy(update={"fact": late.model_dump(mode="json")}),
            Code.STAMP_MISSING,
        ),
        (
            after_closing_id(case.case_id, "forged-1"),
            told.model_copy(update={"event": Event.card_handed_over}),
            Code.PAYLOAD_INVALID,
        ),
        (after_closing_id(case.case_id, "forged-1"), told.model_copy(update={"event": Event.verify_documents}), None),
        (after_closing_id(case.case_id, "forged-1"), told.model_copy(update={"event": Event.screened}), None),
    ):
        answer = await engine.client.execute_workflow(
            TOLD_AFTER_CLOSING,
            said,
            id=workflow_id,
            task_queue=engine.task_queue,
            result_type=AnswerAfterClosing,
        )
        assert answer.answer is None
        assert answer.refused in ({code} if code is not None else {Code.PAYLOAD_INVALID, Code.CASE_CLOSED})
    assert await kept(engine, case.case_id) == []


async def test_a_stamp_serves_a_closed_case_once(engine: Engine) -> None:
    case = await withdrawn(engine, OFFICE)
    loss = await engine.stamped(case.case_id, Event.report_loss, ReportLoss(actor=CLERK, evidence="loss-1"))
    for told_as, refused in (("first", None), ("first", None), ("second", Code.STAMP_USED)):
        answer = await engine.client.execute_workflow(
            TOLD_AFTER_CLOSING,
            ToldAfterClosing(
                case_id=case.case_id,
                event=Event.report_loss,
                fact=loss.model_dump(mode="json", exclude_unset=True),
                told_as=told_as,
            ),
            id=after_closing_id(case.case_id, told_as),
            task_queue=engine.task_queue,
            result_type=AnswerAfterClosing,
        )
        assert answer.refused is refused


async def test_a_case_that_is_open_is_told_itself(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD)
    loss = await engine.stamped(case.case_id, Event.report_loss, ReportLoss(actor=CLERK, evidence="loss-1"))
    answer = await engine.client.execute_workflow(
        TOLD_AFTER_CLOSING,
        ToldAfterClosing(
            case_id=case.case_id,
            event=Event.report_loss,
            fact=loss.model_dump(mode="json", exclude_unset=True),
            told_as="first",
        ),
        id=after_closing_id(case.case_id, "first"),
        task_queue=engine.task_queue,
        result_type=AnswerAfterClosing,
    )
    assert answer.is_open
    assert (await case.holdings()).codes == "1"
