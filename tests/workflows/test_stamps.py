"""Decisions before a case: without a good stamp none is heard, and nothing is changed by it."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.calendar import official_calendar
from activities.registry import Registry
from cases.answers import ReceiptRequest
from cases.clocks import SHANGHAI
from cases.errors import Code
from cases.events import OPEN, Event
from cases.facts import Fact
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.models import Role
from cases.names import CALENDAR_GREW, RECEIPT
from cases.openings import NumberChangeOpening, Opening
from cases.policy import CalendarOverrides
from cases.stamps import LIFETIME
from cases.steps import RegisterRequest, StepResult
from gate.stamp_keys import SigningKey
from tests.engine import Engine, quiet_policies
from tests.scenes import CLERK, FACTS, ID_CARD, OFFICER, SOUTH, VERIFIER, of_office
from tests.stamping import STAMPS, stamp_of, stamped, stamped_opening
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import change
from workflows.case import MOST_EDITIONS

OTHER_KEY = SigningKey("sample", SigningKey.generate().key)
HOLD = FACTS[Event.hold]


async def refusal(case: Dossier, event: Event, fact: Fact) -> Code:
    """The code with which a case refuses exactly this fact; nothing may change."""
    before = await case.agrees()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.engine.handle(case.case_id).execute_update(event.value, fact)
    code = code_of(refused.value)
    assert await case.agrees() == before.model_copy(update={"last_refusal": code})
    return code


async def test_a_decision_without_a_stamp_is_refused(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    assert await refusal(case, Event.hold, HOLD) is Code.STAMP_MISSING


async def test_a_stamp_of_another_case_event_person_or_content_is_refused(engine: Engine) -> None:
    case, other = await change(engine, ID_CARD), await change(engine, ID_CARD)
    good = stamped(HOLD, case.case_id, Event.hold)
    for wrong, code in (
        (stamped(HOLD, other.case_id, Event.hold), Code.FORM_OF_ANOTHER_CASE),
        (stamped(HOLD, case.case_id, Event.resume), Code.FORM_OF_ANOTHER_EVENT),
        (good.model_copy(update={"actor": VERIFIER}), Code.STAMP_MISMATCH),
        (good.model_copy(update={"note": "另一说明"}), Code.STAMP_MISMATCH),
    ):
        assert await refusal(case, Event.hold, wrong) is code
    assert (await case.tell(Event.hold, good)).status is Status.on_hold


async def test_a_stamp_that_the_gate_has_not_signed_is_refused_by_the_register(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    for stamp in (
        stamp_of(HOLD, case.case_id, Event.hold, actor=CLERK, key=OTHER_KEY),
        stamp_of(HOLD, case.case_id, Event.hold, actor=CLERK, audience="elsewhere"),
    ):
        assert await refusal(case, Event.hold, HOLD.model_copy(update={"stamp": stamp})) is Code.STAMP_INVALID


async def test_a_stamp_runs_out_by_the_clock_of_the_case(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    fact = stamped(HOLD, case.case_id, Event.hold)
    await case.let_pass(LIFETIME + timedelta(minutes=1))
    assert await refusal(case, Event.hold, fact) is Code.STAMP_EXPIRED
    assert (await case.tell(Event.hold)).status is Status.on_hold


async def test_a_stamp_moves_a_case_once(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    fact = stamped(HOLD, case.case_id, Event.hold)
    held = await case.tell(Event.hold, fact, update_id="hold-1")
    await case.tell(Event.resume)
    assert await refusal(case, Event.hold, fact) is Code.STAMP_USED
    # The same request again is answered as before; it moves nothing.
    assert await case.tell(Event.hold, fact, update_id="hold-1") == held


async def test_nobody_decides_for_another_region(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    elsewhere = of_office(HOLD, SOUTH)
    foreign = stamped(elsewhere, case.case_id, Event.hold)
    assert await refusal(case, Event.hold, foreign) is Code.OFFICE_NOT_COMPETENT
    above = stamped(of_office(HOLD, "110000"), case.case_id, Event.hold)
    assert (await engine.tell(case.case_id, Event.hold, above)).status is Status.on_hold


async def test_who_took_an_application_in_for_somebody_else_does_not_verify_it_in_another_role(
    engine: Engine,
) -> None:
    case = await change(engine, ID_CARD)
    promoted = FACTS[Event.verify_documents].model_copy(
        update={"actor": CLERK.model_copy(update={"role": Role.officer})}
    )
    wrong = stamped(promoted, case.case_id, Event.verify_documents)
    assert await refusal(case, Event.verify_documents, wrong) is Code.SAME_PERSON


async def test_that_the_calendar_grew_needs_no_stamp_and_says_of_nobody_that_they_decided(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await change(engine, ID_CARD)
    before = await case.agrees()
    with pytest.raises(WorkflowUpdateFailedError) as unchanged:
        await engine.handle(case.case_id).execute_update(CALENDAR_GREW, {"edition": "2026-1"}, id=f"{CALENDAR_GREW}:1")
    # The register sees for itself whether a date moves.
    assert code_of(unchanged.value) is Code.EVENT_NOT_ALLOWED
    assert await case.agrees() == before.model_copy(update={"last_refusal": Code.EVENT_NOT_ALLOWED})
    days_off = frozenset(datetime.now(SHANGHAI).date() + timedelta(days=day) for day in range(1, 8))
    grown = official_calendar(CalendarOverrides(closed=days_off))
    monkeypatch.setattr(engine.registry, "_calendars", lambda _overrides: grown)
    with pytest.raises(WorkflowUpdateFailedError) as nameless:
        await engine.handle(case.case_id).execute_update(CALENDAR_GREW, {"edition": "2026-2"}, id="somebody's")
    assert code_of(nameless.value) is Code.PAYLOAD_INVALID
    grew = f"{CALENDAR_GREW}:2"
    await engine.handle(case.case_id).execute_update(CALENDAR_GREW, {"edition": "2026-2"}, id=grew)
    view = await case.agrees()
    (_, recomputed) = await engine.history(case.case_id)
    assert (recomputed.event, recomputed.actor, view.version) == (Event.recompute, None, 2)
    for number, wrong in enumerate((None, {}, {"edition": "2026-1", "policy": "southern/1"}), 3):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await engine.handle(case.case_id).execute_update(CALENDAR_GREW, wrong, id=f"{CALENDAR_GREW}:{number}")
        assert code_of(refused.value) is Code.PAYLOAD_INVALID
    assert await case.agrees() == view


async def test_repeated_editions_of_a_calendar_are_one(engine: Engine) -> None:
    """Each was a question to the register, and three events of the history; a few thousand ended the run."""
    case = await change(engine, ID_CARD)
    handle = engine.handle(case.case_id)

    async def events_after(*editions: str) -> int:
        for edition in editions:
            with pytest.raises(WorkflowUpdateFailedError) as unchanged:
                await handle.execute_update(CALENDAR_GREW, {"edition": edition}, id=f"{CALENDAR_GREW}:{uuid4()}")
            assert code_of(unchanged.value) is Code.EVENT_NOT_ALLOWED
        return (await handle.describe()).history_length

    once = await events_after("2026-1")
    assert await events_after(*["2026-1"] * 5) == once
    # Nor is anything gained by making editions up.
    most = await events_after(*(f"made-up-{number}" for number in range(MOST_EDITIONS - 1)))
    assert await events_after("another", "and-another", "2026-1") == most
    # What moves the case makes it listen again.
    await case.tell(Event.hold)
    moved = (await handle.describe()).history_length
    assert await events_after("2026-1") > moved


# --- openings -------------------------------------------------------------------------------------------------------


def forged(opening: NumberChangeOpening) -> list[tuple[Opening, Code]]:
    case = case_id(opening.kind, opening.person)
    good = stamped_opening(opening)
    by_a_colleague = stamp_of(opening, case, OPEN, actor=VERIFIER)
    by_another_key = stamp_of(opening, case, OPEN, actor=CLERK, key=OTHER_KEY)
    by_an_officer = opening.model_copy(update={"submitter": OFFICER})
    from_elsewhere = opening.model_copy(update={"submitter": CLERK.model_copy(update={"office": SOUTH})})
    return [
        (opening.model_copy(update={"stamp": by_a_colleague}), Code.STAMP_MISMATCH),
        (opening.model_copy(update={"stamp": by_another_key}), Code.STAMP_INVALID),
        (good.model_copy(update={"region": SOUTH}), Code.STAMP_MISMATCH),
        (good.model_copy(update={"number_token": opening.person}), Code.STAMP_MISMATCH),
        (stamped_opening(by_an_officer), Code.ROLE_NOT_ALLOWED),
        (stamped_opening(from_elsewhere), Code.OFFICE_NOT_COMPETENT),
    ]


@pytest.mark.parametrize("place", range(6))
async def test_an_opening_with_a_wrong_stamp_opens_no_case(engine: Engine, place: int) -> None:
    person = await engine.insured()
    opening, code = forged(engine.number_change(person, ID_CARD))[place]
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await engine.open(opening)
    assert code_of(refused.value) is code
    with pytest.raises(WorkflowFailureError) as failed:
        await engine.handle(case_id(opening.kind, opening.person)).result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == code
    written = await engine.pool.fetchval("SELECT count(*) FROM cases WHERE person = $1", opening.person)
    keys = await engine.pool.fetchval("SELECT count(*) FROM idempotency_keys WHERE key = $1", opening.key)
    assert (written, keys) == (0, 0)


class Listening(Registry):
    """The register's activities, which remember what they were asked."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.pool, engine.sealer, STAMPS, quiet_policies(), official_calendar)
        self.asked: list[RegisterRequest] = []

    @activity.defn
    async def register(self, request: RegisterRequest) -> StepResult:
        """Remember, and register."""
        self.asked.append(request)
        return await super().register(request)


async def test_an_opening_is_judged_by_when_it_came_and_not_by_when_somebody_had_time_for_it(engine: Engine) -> None:
    late = replace(engine, registry=(registry := Listening(engine)), task_queue="late")
    opening = stamped_opening(engine.number_change(await engine.insured(), ID_CARD))
    handle = await engine.client.start_workflow(
        opening.kind.value,
        opening,
        id=case_id(opening.kind, opening.person),
        task_queue=late.task_queue,
    )
    started = (await handle.describe()).start_time
    # Nobody works on it until now.
    async with late.working():
        await handle.execute_update(RECEIPT, ReceiptRequest(key=opening.key, fingerprint=opening.fingerprint))
    (request,) = registry.asked
    assert request.arrived == started
    assert started < request.at
