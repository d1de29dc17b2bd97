"""The register decides: whoever asks, for whatever, at whatever hour. All persons, names and numbers are synthetic."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.calendar import official_calendar
from activities.registry import Registry, registry
from activities.registry.loading import BenefitHold
from activities.registry.registry import LARGEST_STATE
from activities.registry.stored import Copy
from activities.stamps import LONGEST_OUTAGE
from cases.decide import decide, next_step
from cases.documents import Defect, DocumentKind
from cases.errors import CaseError, Code
from cases.events import EVENTS, Event, Origin
from cases.facts import AddDocuments, Withdraw
from cases.kinds import MACHINES
from cases.ladder import Cause, NextRung, Rung, Stay, Suspension
from cases.machines.machine import Clock, Status
from cases.names import CALENDAR_GREW, Kind
from cases.openings import ReplacementReason
from cases.policy import Policies
from cases.state import CaseState, Timer
from cases.steps import RegisterRequest, StepRequest, StepResult
from tests import scenes
from tests.activities.play import (
    CERTIFICATE,
    CERTIFIED,
    CLERK,
    NOON,
    NORTH,
    SECOND,
    THIRD,
    Play,
    eighteen,
    insured,
)
from tests.scenes import of_office
from tests.stamping import NAMESPACE, STAMPS, stamped, stamped_opening

NUMBER, OTHER = eighteen("11010519491231004"), eighteen("11010519491231005")
OF_ITSELF: Final = tuple(event for event in Event if event.origin is not Origin.outside)
TOLD: Final = tuple(event for event in Event if event.origin is Origin.outside)
STATUSES: Final = [(kind, status) for kind, machine in MACHINES.items() for status in machine.statuses]
OPEN: Final = [(kind, status) for kind, status in STATUSES if MACHINES[kind].is_open(status)]
TIMER_ENDS, RUNG_FIRES = NOON + timedelta(days=10), NOON + timedelta(days=5)
HELD = tuple(
    BenefitHold(
        reason=reason,
        notice="N-1",
        served_on=NOON.date(),
        legal_basis="示例办法第一条",
        officer="officer-3",
        held_at=NOON,
    )
    for reason in ("id_number", "card")
)
STANDS_ALONE: Final = {
    *(Event.dispute_lapsed, Event.number_changed, Event.turn_free, Event.benefits_lifted, Event.block_ended)
}
"""What the tables say of a case that nobody disputes, whose person has an 18-digit number, a card that works, no turn
and no hold.
"""
STANDS_BESET: Final = {Event.dispute_opened, Event.block_ended}
"""What they say of one in dispute, while another case of its person has the turn and benefits are held; the card works
all the same.
"""

CALENDARS: Final = f"{CALENDAR_GREW}:1.1:northern.1"

Change = Callable[[CaseState], CaseState]


def of_kind(play: Play, kind: Kind, person: Any, **more: Any) -> CaseState:
    if kind is Kind.id_number_change:
        return play.change(person, OTHER, documents=CERTIFIED, **more)
    return play.replacement(person, ReplacementReason.expired, **more)


def standing_in(state: CaseState, status: Status) -> CaseState:
    """The case in a status, with its time limit and a rung to come."""
    spec = state.machine.statuses[status]
    dates = state.ladder.dates.model_copy(
        update={"next": NextRung(rung=Rung.blue_0, at=RUNG_FIRES, cause=Cause.processing)}
    )
    is_open = state.machine.is_open(status)
    timer = Timer(clock=spec.clock, since=NOON, due_at=TIMER_ENDS) if spec.clock is not None and is_open else None
    return state.model_copy(
        update={
            "status": status,
            "milestone": state.machine.milestone(status, state.milestone),
            "timer": timer,
            "notice": Timer(clock=Clock.notice, since=NOON, due_at=TIMER_ENDS) if spec.examines else None,
            "ladder": state.ladder.model_copy(
                update={"started": NOON, "stays": (Stay(status=state.status, since=NOON),), "dates": dates}
            ),
            "verifier": SECOND.id,
            "approver": THIRD.id,
            "verified_content": state.content,
            "benefits_held": is_open,
        }
    )


async def first_step(play: Play, state: CaseState) -> CaseState:
    """The case once it was screened or checked."""
    event = Event.screened if state.kind is Kind.id_number_change else Event.checked
    return await play.move(await play.received(state), event)


async def somewhere(play: Play, kind: Kind, status: Status) -> CaseState:
    """A case alone, in any status of its machine."""
    person = insured(number=NUMBER)
    await play.load(person)
    state = await first_step(play, of_kind(play, kind, person))
    return await play.put(standing_in(state, status))


async def beset(play: Play, kind: Kind, status: Status) -> CaseState:
    """A case in dispute, while its person's other case has the turn, the number is of 15 digits and benefits are
    held.
    """
    person, other_kind = insured(benefit_holds=HELD), next(other for other in Kind if other is not kind)
    await play.load(person)
    other = await first_step(play, of_kind(play, other_kind, person))
    state = await first_step(play, of_kind(play, kind, person))
    await play.write(
        "INSERT INTO disputes (number_token, case_id, generation, person_id, opened_at) "
        "SELECT number_token, case_id, generation, person_id, opened_at FROM cases WHERE case_id = $1",
        state.case_id,
    )
    await play.write(
        "INSERT INTO turns (person, case_id, generation, taken_at) "
        "SELECT person, case_id, generation, opened_at FROM cases WHERE case_id = $1",
        other.case_id,
    )
    return await play.put(standing_in(state, status))


def forged(state: CaseState, event: Event, fact: dict[str, Any] | None = None, **more: Any) -> StepRequest:
    """A request of somebody who knows all that a case shows."""
    request = StepRequest.of(state, event, None, **({"at": NOON, "onward": False} | more))
    return request.model_copy(update={"fact": fact})


def possible(state: CaseState, event: Event, now: datetime) -> bool:
    try:
        decide(state, event, None, now)
    except CaseError:
        return False
    return True


def answer_to(state: CaseState, event: Event, now: datetime, stands: set[Event]) -> Code | datetime | None:
    """How a request for what happens of itself has to be answered: with a code, with its moment, or by making it."""
    refused = Code.EVENT_NOT_ALLOWED if state.is_open else Code.CASE_CLOSED
    timer = next((limit for limit in state.limits if limit.event is event and not state.stuck), None)
    if not state.is_open or EVENTS[event].after_a_refusal:
        return refused
    if event.origin is Origin.neighbour:
        # Whoever is stuck waits for an operator, and for no turn.
        heard = event in stands and not (state.stuck and event is Event.turn_free)
        return None if heard and possible(state, event, now) else refused
    if event is Event.escalated:
        ends: datetime | None = RUNG_FIRES
    else:
        ends = timer.due_at if timer is not None else None
    if ends is not None and now < ends:
        return ends
    is_due = ends is not None if event.origin is Origin.timer else next_step(state, now) is event
    return None if is_due and possible(state, event, now) else refused


async def only_its_own_steps(play: Play, state: CaseState, now: datetime, stands: set[Event]) -> set[Event]:
    """Asks for everything that happens of itself. Answers what was made, one by one, each from this very state."""
    wanted = {event: answer_to(state, event, now, stands) for event in OF_ITSELF}
    before = await play.contents()
    for event, answer in wanted.items():
        if answer is None:
            continue
        result = await play.registry.advance(forged(state, event, at=now))
        if isinstance(answer, datetime):
            assert result == StepResult(not_before=answer, now=now), event
        elif answer is Code.CASE_CLOSED:
            assert result == StepResult(refused=answer), event
        else:
            # A check of the pure machine may name its own reason.
            assert result == StepResult(refused=result.refused), event
            assert result.refused in {answer, Code.BENEFITS_NOT_HELD, Code.BENEFIT_STILL_HELD}, event
    assert await play.contents() == before
    made = {event for event, answer in wanted.items() if answer is None}
    for event in made:
        version = await play.value("SELECT version FROM cases WHERE case_id = $1", state.case_id)
        here = await play.put(state.model_copy(update={"version": version}))
        result = await play.registry.advance(forged(here, event, at=now, told_as="of-a-caller-1"))
        (transition,) = result.moves
        assert transition.told_as is None, "nobody is answered by what happens of itself"
        assert (transition.version, transition.status, transition.at) == (version + 1, state.status, now)
        # Nothing stands in the register for a case that was put there: its own step may be refused, and made otherwise.
        assert transition.event is event or (event.origin is Origin.engine and EVENTS[transition.event].after_a_refusal)
        assert transition.to in {row.to for row in state.machine.rows(state.status, transition.event)}
    return made


class TestWhatHappensOfItself:
    @pytest.mark.parametrize(("kind", "status"), STATUSES)
    async def test_is_the_step_of_the_engine_and_no_other_and_no_time_limit_ends_early(
        self, play: Play, kind: Kind, status: Status
    ) -> None:
        state = await somewhere(play, kind, status)
        made = await only_its_own_steps(play, state, NOON, STANDS_ALONE)
        step = next_step(state, NOON)
        assert made - STANDS_ALONE == ({step} if step is not None else set())

    @pytest.mark.parametrize(("kind", "status"), OPEN)
    async def test_is_what_a_time_limit_brings_once_it_has_ended(self, play: Play, kind: Kind, status: Status) -> None:
        state = await somewhere(play, kind, status)
        made = await only_its_own_steps(play, state, TIMER_ENDS, STANDS_ALONE)
        due = {Event.escalated} if state.machine.rows(status, Event.escalated) else set()
        due |= {limit.event for limit in state.limits}
        if (step := next_step(state, TIMER_ENDS)) is not None:
            due.add(step)
        assert made - STANDS_ALONE == due

    @pytest.mark.parametrize(("kind", "status"), OPEN)
    async def test_is_nothing_of_the_engine_while_the_case_is_stuck(
        self, play: Play, kind: Kind, status: Status
    ) -> None:
        state = await somewhere(play, kind, status)
        state = await play.put(state.model_copy(update={"stuck": True}))
        made = await only_its_own_steps(play, state, TIMER_ENDS, STANDS_ALONE)
        assert made - STANDS_ALONE <= {Event.escalated}

    @pytest.mark.parametrize(("kind", "status"), OPEN)
    async def test_is_what_the_tables_say_of_neighbours_and_nothing_they_do_not(
        self, play: Play, kind: Kind, status: Status
    ) -> None:
        state = await beset(play, kind, status)
        before = await play.contents()
        neighbours = [event for event in Event if event.origin is Origin.neighbour and event not in STANDS_BESET]
        for event in neighbours:
            result = await play.registry.advance(forged(state, event))
            assert result == StepResult(refused=result.refused), event
            assert result.refused in {Code.EVENT_NOT_ALLOWED, Code.BENEFIT_STILL_HELD}, event
        assert await play.contents() == before
        result = await play.registry.advance(forged(state, Event.dispute_opened))
        if possible(state, Event.dispute_opened, NOON):
            assert [made.event for made in result.moves] == [Event.dispute_opened]
        else:
            assert result == StepResult(refused=Code.EVENT_NOT_ALLOWED)
            assert await play.contents() == before

    @pytest.mark.parametrize("event", OF_ITSELF)
    async def test_comes_without_a_word_of_anybody(self, play: Play, event: Event) -> None:
        state = await somewhere(play, Kind.id_number_change, Status.verified)
        fact = stamped(Withdraw(actor=CLERK), state.case_id, event, NOON).model_dump(mode="json")
        before = await play.contents()
        assert await play.registry.advance(forged(state, event, fact)) == StepResult(refused=Code.PAYLOAD_INVALID)
        assert await play.contents() == before

    @pytest.mark.parametrize(("told_as", "kept"), [("of-a-caller-1", None), (CALENDARS, CALENDARS)])
    async def test_is_not_that_the_calendar_grew_where_no_date_moves(
        self, play: Play, told_as: str, kept: str | None
    ) -> None:
        person = insured()
        await play.load(person)
        state = await play.reviewed(play.change(person))
        assert await play.refusal(state, Event.recompute) is Code.EVENT_NOT_ALLOWED
        moved = state.ladder.dates.model_copy(update={"processing_due_at": NOON})
        state = await play.put(state.model_copy(update={"ladder": state.ladder.model_copy(update={"dates": moved})}))
        result = await play.registry.advance(forged(state, Event.recompute, told_as=told_as))
        assert [(made.event, made.told_as) for made in result.moves] == [(Event.recompute, kept)]

    async def test_is_made_of_the_state_that_stands_whatever_version_the_request_believes_in(self, play: Play) -> None:
        state = await somewhere(play, Kind.id_number_change, Status.in_review)
        before = await play.contents()
        for version in (0, state.version - 1, state.version + 1, 1_000_000):
            lie = state.model_copy(update={"version": version, "status": Status.verified})
            result = await play.registry.advance(forged(lie, Event.apply))
            assert (result.moves, result.refused) == ((), None)
            assert result.standing is not None
            assert result.standing.state_of(state.opening) == state
        assert await play.contents() == before


class TestWhatIsTold:
    @pytest.mark.parametrize(("kind", "status"), STATUSES)
    async def test_needs_a_stamp_whatever_it_is(self, play: Play, kind: Kind, status: Status) -> None:
        state = await somewhere(play, kind, status)
        code = Code.STAMP_MISSING if state.is_open else Code.CASE_CLOSED
        before = await play.contents()
        for event in TOLD:
            fact = of_office(scenes.FACTS[event], NORTH).model_dump(mode="json")
            assert await play.registry.advance(forged(state, event, fact)) == StepResult(refused=code), event
            if event is not Event.recompute:
                assert await play.registry.advance(forged(state, event)) == StepResult(refused=code), event
        assert await play.contents() == before

    @pytest.mark.parametrize("event", TOLD)
    async def test_is_of_the_form_of_its_event(self, play: Play, event: Event) -> None:
        state = await somewhere(play, Kind.id_number_change, Status.in_review)
        before = await play.contents()
        result = await play.registry.advance(forged(state, event, {"stamp": "s", "unknown": True}))
        assert result == StepResult(refused=Code.PAYLOAD_INVALID)
        assert await play.contents() == before

    async def test_cannot_be_an_opening_without_a_stamp(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        opening = play.change(person).opening.model_copy(update={"stamp": None})
        before = await play.contents()
        result = await play.registry.register(RegisterRequest(opening=opening, at=NOON, arrived=NOON))
        assert result == StepResult(refused=Code.STAMP_MISSING)
        assert await play.contents() == before


def called(case_id: str, kind: Kind, **otherwise: Any) -> ActivityEnvironment:
    """As the workflow of a case calls an activity, but for what is otherwise."""
    environment = ActivityEnvironment()
    info = {"workflow_id": case_id, "workflow_type": kind.value, "namespace": NAMESPACE} | otherwise
    environment.info = replace(environment.info, **info)
    return environment


STRANGERS: Final[dict[str, dict[str, Any]]] = {
    "another case": {"workflow_id": "idc-" + "a" * 26},
    "the other kind": {"workflow_type": Kind.card_replacement.value},
    "another workflow": {"workflow_type": "Campaign"},
    "another namespace": {"namespace": "elsewhere"},
    "no workflow": {"workflow_id": None, "workflow_type": None, "workflow_run_id": None, "workflow_namespace": None},
}


class TestWhoAsks:
    @pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
    async def test_is_the_workflow_of_the_very_case(self, play: Play, stranger: dict[str, Any]) -> None:
        person = insured()
        await play.load(person)
        state = play.change(person)
        application = RegisterRequest(opening=state.opening, at=NOON, arrived=NOON, onward=False)
        before = await play.contents()
        with pytest.raises(ApplicationError) as failed:
            await called(state.case_id, state.kind, **stranger).run(play.registry.register, application)
        assert (failed.value.type, failed.value.non_retryable) == ("CALLER_REFUSED", True)
        assert await play.contents() == before
        taken_in = await called(state.case_id, state.kind).run(play.registry.register, application)
        assert taken_in.refused is None

        before = await play.contents()
        step = forged(state, Event.screened)
        with pytest.raises(ApplicationError) as failed:
            await called(state.case_id, state.kind, **stranger).run(play.registry.advance, step)
        assert (failed.value.type, failed.value.non_retryable) == ("CALLER_REFUSED", True)
        assert await play.contents() == before
        made = await called(state.case_id, state.kind).run(play.registry.advance, step)
        assert [each.event for each in made.moves] == [Event.screened]


class TestTheHour:
    """By a register that follows its database's clock, as every worker's does."""

    @pytest.fixture
    def play(self, play: Play, policies: Policies) -> Play:
        play.at = datetime.now(UTC)
        play.registry = Registry(play.pool, play.sealer, STAMPS, policies, official_calendar)
        return play

    @pytest.mark.parametrize("claimed", [timedelta(days=-36500), timedelta(0), timedelta(days=36500)], ids=str)
    async def test_is_the_databases_whatever_a_request_claims(self, play: Play, claimed: timedelta) -> None:
        person = insured()
        await play.load(person)
        state = await self.waiting(play, person)
        assert state.timer is not None
        before = await play.contents()
        early = await play.registry.advance(forged(state, Event.supplement_expired, at=play.at + claimed))
        assert early == StepResult(not_before=state.timer.due_at, now=early.now)
        assert early.now is not None
        assert abs(early.now - datetime.now(UTC)) < timedelta(minutes=1)
        assert await play.contents() == before

        ended = state.timer.model_copy(update={"due_at": play.at - timedelta(seconds=1)})
        state = await play.put(state.model_copy(update={"timer": ended}))
        late = await play.registry.advance(forged(state, Event.supplement_expired, at=play.at + claimed))
        assert [made.event for made in late.moves] == [Event.supplement_expired]
        assert abs(late.moves[0].at - datetime.now(UTC)) < timedelta(minutes=1)
        (row,) = await play.rows("SELECT moved_at, closed_at FROM cases")
        assert row["moved_at"] == row["closed_at"] == late.moves[0].at

    async def test_puts_off_a_rung_and_the_engines_own_step_too(self, play: Play) -> None:
        person = insured(number=NUMBER)
        await play.load(person)
        state = await first_step(play, play.replacement(person, ReplacementReason.expired))
        due = play.at + timedelta(days=3)
        rung = NextRung(rung=Rung.blue_0, at=due, cause=Cause.processing)
        state = await play.put(
            state.model_copy(
                update={
                    "status": Status.closing_old,
                    "verifier": SECOND.id,
                    "timer": Timer(clock=Clock.pension_run, since=play.at, due_at=due),
                    "ladder": state.ladder.model_copy(
                        update={"dates": state.ladder.dates.model_copy(update={"next": rung})}
                    ),
                }
            )
        )
        before = await play.contents()
        for event in (Event.close_old, Event.escalated):
            result = await play.registry.advance(forged(state, event, at=due + timedelta(days=1)))
            assert result == StepResult(not_before=due, now=result.now)
        assert await play.contents() == before

    async def test_dates_an_application_whatever_it_claims(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = play.change(person)
        claimed = play.at + timedelta(days=4000)
        request = RegisterRequest(opening=state.opening, at=claimed, arrived=claimed)
        assert (await play.registry.register(request)).refused is None
        for moment in await play.rows("SELECT opened_at AS at FROM cases UNION ALL SELECT at FROM transitions"):
            assert abs(moment["at"] - datetime.now(UTC)) < timedelta(minutes=1)

    async def test_makes_a_stamp_that_was_never_used_worthless_after_the_longest_outage(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = await self.waiting(play, person)
        then = play.at - LONGEST_OUTAGE - timedelta(minutes=10)
        old = stamped(of_office(Withdraw(actor=CLERK), NORTH), state.case_id, Event.withdraw, then)
        told = old.model_dump(mode="json", exclude_unset=True)
        before = await play.contents()
        for arrived in (then, then + timedelta(minutes=2), play.at, play.at + timedelta(days=1), None):
            result = await play.registry.advance(forged(state, Event.withdraw, told, arrived=arrived))
            assert result == StepResult(refused=Code.STAMP_EXPIRED), arrived
        assert await play.contents() == before
        within = play.at - LONGEST_OUTAGE + timedelta(minutes=5)
        younger = stamped(of_office(Withdraw(actor=CLERK), NORTH), state.case_id, Event.withdraw, within)
        told = younger.model_dump(mode="json", exclude_unset=True)
        result = await play.registry.advance(forged(state, Event.withdraw, told, arrived=within))
        assert [made.event for made in result.moves] == [Event.withdraw]

    async def test_makes_an_opening_worthless_after_the_longest_outage_too(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        then = play.at - LONGEST_OUTAGE - timedelta(minutes=10)
        opening = stamped_opening(play.change(person).opening.model_copy(update={"stamp": None}), then)
        before = await play.contents()
        for arrived in (then, play.at, play.at + timedelta(days=1)):
            request = RegisterRequest(opening=opening, at=then, arrived=arrived)
            assert await play.registry.register(request) == StepResult(refused=Code.STAMP_EXPIRED), arrived
        assert await play.contents() == before

    @staticmethod
    async def waiting(play: Play, person: Any) -> CaseState:
        """A case that waits for documents."""
        state = await play.received(play.change(person, documents=()))
        result = await play.ask(state, Event.screened)
        state = result.applied_to(state)
        assert state.status is Status.awaiting_documents
        return state


def with_many_suspensions(state: CaseState) -> CaseState:
    times = tuple(Suspension(since=NOON, until=NOON + timedelta(minutes=minute)) for minute in range(1, 1200))
    return state.model_copy(update={"ladder": state.ladder.model_copy(update={"suspensions": times})})


def with_chinese_text(state: CaseState) -> CaseState:
    """More bytes than a state may have, in fewer characters."""
    defects = tuple(Defect(document=DocumentKind.resident_id_card, problem="复印件不清晰" * 10) for _ in range(400))
    return state.model_copy(update={"defects": defects})


class TestALargeState:
    @pytest.mark.parametrize("enlarged", [with_many_suspensions, with_chinese_text])
    async def test_is_told_nothing_more_but_goes_on_by_itself_and_can_be_ended(
        self, play: Play, enlarged: Change
    ) -> None:
        state = await somewhere(play, Kind.id_number_change, Status.in_review)
        state = await play.put(enlarged(state))
        assert len(Copy.of(state).texts.state.encode()) > LARGEST_STATE
        for event in (Event.acknowledge, Event.hold):
            assert await play.refusal(state, event, scenes.FACTS[event]) is Code.STATE_TOO_LARGE
        escalated = await play.move(state, Event.escalated)
        assert (await play.move(escalated, Event.withdraw, Withdraw(actor=CLERK))).status is Status.withdrawn

    async def test_is_none_that_fits_exactly(self, play: Play) -> None:
        state = await somewhere(play, Kind.id_number_change, Status.in_review)
        assert len(Copy.of(state).texts.state.encode()) < LARGEST_STATE / 4
        documents = AddDocuments(actor=CLERK, documents=(CERTIFICATE,))
        assert (await play.move(state, Event.add_documents, documents)).version == state.version + 1


async def test_one_actor_tells_a_case_so_much_and_no_more_and_others_go_on(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await somewhere(play, Kind.id_number_change, Status.in_review)
    acknowledged = scenes.FACTS[Event.acknowledge]
    told = sum(
        row["actor"] == acknowledged.actor.id
        for row in await play.rows("SELECT actor FROM transitions WHERE case_id = $1", state.case_id)
    )
    monkeypatch.setattr(registry, "MOST_ACTS", told + 3)
    for _ in range(3):
        state = await play.move(state, Event.acknowledge, acknowledged)
    assert state.version >= registry.MOST_ACTS
    for event in (Event.acknowledge, Event.hold):
        fact = scenes.FACTS[event].model_copy(update={"actor": acknowledged.actor})
        assert await play.refusal(state, event, fact) is Code.ACTS_TOO_MANY
    before = await play.rows("SELECT version FROM transitions WHERE case_id = $1", state.case_id)
    assert len(before) == state.version + 1
    # Whoever has told less goes on with it, and so does the engine.
    other = acknowledged.model_copy(update={"actor": SECOND})
    state = await play.move(state, Event.acknowledge, other)
    state = await play.move(state, Event.escalated)
    assert (await play.move(state, Event.withdraw, Withdraw(actor=SECOND))).status is Status.withdrawn


async def test_of_many_forgeries_at_once_none_moves_the_case(play: Play) -> None:
    state = await somewhere(play, Kind.id_number_change, Status.in_review)
    before = await play.contents()
    in_time = {Event.escalated, Event.notice_period_passed}
    lies = [forged(state, event) for event in OF_ITSELF if event not in STANDS_ALONE | in_time]
    answers = await asyncio.gather(*(play.registry.advance(lie) for lie in lies))
    assert {answer.refused for answer in answers} == {Code.EVENT_NOT_ALLOWED}
    assert await play.contents() == before
