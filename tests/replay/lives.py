"""Lives that are recorded: one for each ending of each kind of case, some for what happens on the way, and the runs of
the short workflows beside cases.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from activities.calendar import official_calendar
from activities.campaign import Campaign
from activities.campaign.opening import Pages
from activities.notifications.notifications import Notifications
from activities.reconciliation import Reconciler
from activities.registry.reading import case_now
from activities.supervision import Supervision
from cases.campaigns import USUAL_PACE, CampaignBegun, Pace, Paced, RateSet
from cases.errors import Code
from cases.events import OPEN, Event
from cases.facts import CardFunction, CardProduced, CardUnclaimed, DisputeOutcome, RepairAction
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.models import Actor, Role, System
from cases.names import (
    LOOK_AT_REGISTER,
    TASK_QUEUE_CAMPAIGNS,
    TOLD_AFTER_CLOSING,
    after_closing_id,
    campaign_id,
    order_id,
)
from cases.occasions import Scheduled
from cases.openings import Opening, ReplacementReason
from cases.steps import AnswerAfterClosing, StepRequest, ToldAfterClosing
from intake.jobs import store
from intake.jobs.store import Beginning, JobKind, Staged
from runtime.worker import campaigns_worker, cases_worker, notifications_worker, scheduled_activities
from tests.engine import Engine, Person, new_number, old_number
from tests.scenes import BUREAU, CLERK, FACTS, ID_CARD, IN_FORCE, OFFICE, OFFICER, SECOND_OFFICER, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import (
    REISSUED,
    activate,
    applying,
    awaiting_approval,
    before_pension_run,
    change,
    formally_lost,
    handed_over,
    lost,
    made,
    on_hold,
    overdue,
    replacement,
    to_the_end,
    waiting_to_order,
)
from workflows.campaign import Campaign as RunOfACampaign

Life: TypeAlias = Callable[[Engine], Awaitable[Dossier]]


async def confirmed(engine: Engine) -> Dossier:
    """Every system confirms, one of them after it had refused and an operator had asked again."""
    case = await applying(engine)
    await case.confirm(System.medical_insurance)
    await case.confirm(System.pension, confirmed=False)
    await case.tell(Event.repair)
    await case.confirm(System.pension, System.bank)
    return case


async def held_and_approved(engine: Engine) -> Dossier:
    """A second officer approves, after a hold and an extension of its time limit."""
    case = await awaiting_approval(engine, region=SOUTH)
    await case.tell(Event.hold)
    await case.tell(Event.extend)
    await case.time_runs_out(Event.hold_expired)
    await case.rests_in(Status.awaiting_approval)
    await case.approve()
    return case


async def accepted(engine: Engine) -> Dossier:
    """Nobody confirms in time; an operator accepts other evidence of each system."""
    case = await overdue(engine)
    for system in System:
        fact = FACTS[Event.repair].model_copy(update={"action": RepairAction.accept, "system": system})
        await case.tell(Event.repair, fact)
    return case


async def not_needed(engine: Engine) -> Dossier:
    """The register holds this 18-digit number already."""
    return await change(engine, ID_CARD, number=new_number())


async def no_response(engine: Engine) -> Dossier:
    """Nobody brings the documents."""
    case = await change(engine)
    await case.time_runs_out(Event.supplement_expired)
    return case


async def undone(engine: Engine) -> Dossier:
    """The applicant withdraws when the number is committed and nobody has confirmed it."""
    case = await applying(engine)
    await case.tell(Event.withdraw)
    return case


async def loses_the_number(engine: Engine) -> Dossier:
    """Two cases ask for one number; the police say that it is the other's."""
    wanted = new_number()
    case = await change(engine, *REISSUED, new=wanted)
    other = await change(engine, *REISSUED, new=wanted)
    await case.rests_in(Status.disputed)
    await other.decide(DisputeOutcome.ours, OFFICER, SECOND_OFFICER)
    return case


async def wins_the_number(engine: Engine) -> Dossier:
    """The same, told by the other case."""
    wanted = new_number()
    other = await change(engine, *REISSUED, new=wanted)
    case = await change(engine, *REISSUED, region=SOUTH, new=wanted)
    await other.rests_in(Status.disputed)
    await case.decide(DisputeOutcome.ours, OFFICER, SECOND_OFFICER)
    await other.ends()
    await case.verify()
    await case.approve()
    return case


async def person_died(engine: Engine) -> Dossier:
    """The person dies while the case is on hold."""
    case = await on_hold(engine)
    await case.tell(Event.person_ended)
    return case


async def card_lost_and_replaced(engine: Engine) -> Dossier:
    """A lost card is blocked, reported formally and replaced; the bureau fails once."""
    case = await formally_lost(engine)
    await case.verify()
    await case.rests_in(Status.in_production)
    await case.tell(Event.card_produced, CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=IN_FORCE))
    await to_the_end(case)
    return case


async def waited_for_turn(engine: Engine) -> Dossier:
    """The order waits until the person's number has changed."""
    case = await waiting_to_order(engine)
    number_change = replace(case, receipt=case.receipt.model_copy(update={"case_id": f"idc-{case.opening.person}"}))
    await number_change.confirm(*System)
    await to_the_end(case)
    return case


async def after_pension_run(engine: Engine) -> Dossier:
    """The old card is closed only after the month's pension run."""
    case = await before_pension_run(engine)
    await case.time_runs_out(Event.close_old)
    return case


async def found(engine: Engine) -> Dossier:
    """The lost card is found before its loss is reported formally."""
    case = await lost(engine)
    await case.tell(Event.card_found)
    return case


async def destroyed(engine: Engine) -> Dossier:
    """Nobody fetches the card in spite of every reminder."""
    case = await made(engine)
    for _ in range(3):
        await case.time_runs_out(Event.claim_period_passed)
    await case.tell(Event.card_unclaimed)
    await case.tell(Event.card_unclaimed, CardUnclaimed(actor=CLERK, record="destroyed-1"))
    return case


async def never_activated(engine: Engine) -> Dossier:
    """Nobody activates the card, and the clerk who is asked to follow it up ends the case."""
    case = await handed_over(engine)
    for _ in range(2):
        await case.time_runs_out(Event.activation_overdue)
    await case.tell(Event.card_not_activated)
    return case


async def rejected_card(engine: Engine) -> Dossier:
    """An officer refuses a replacement, with its legal basis."""
    case = await replacement(engine, ID_CARD)
    await case.tell(Event.reject)
    return case


async def loss_report_expired(engine: Engine) -> Dossier:
    """A temporary loss report expires; the region releases the card."""
    case = await lost(engine)
    await case.time_runs_out(Event.loss_report_expired)
    return case


async def died_before_activation(engine: Engine) -> Dossier:
    """The person dies with the new card in hand and one function of it activated."""
    case = await made(engine, reason=ReplacementReason.expired)
    await case.tell(Event.card_handed_over)
    await activate(case, CardFunction.social)
    await case.tell(Event.person_ended)
    return case


async def brought_into_step(engine: Engine) -> Dossier:
    """The register takes a hold in whose answer never comes home; the comparison of both tells the run to look."""
    case = await change(engine, ID_CARD)
    held = await case_now(engine.pool, case.case_id)
    assert held is not None
    fact = await engine.stamped(case.case_id, Event.hold, FACTS[Event.hold])
    now = datetime.now(UTC)
    request = StepRequest.of(held.state, Event.hold, fact, told_as="lost-1", arrived=now, at=now)
    answer = await engine.registry.advance(request)
    assert [move.event for move in answer.moves] == [Event.hold]
    await engine.handle(case.case_id).signal(LOOK_AT_REGISTER)
    await case.rests_in(Status.on_hold)
    await case.tell(Event.resume)
    await case.tell(Event.withdraw)
    return case


LIVES: Final[Mapping[str, Life]] = {
    "IdNumberChange.done.confirmed": confirmed,
    "IdNumberChange.done.approved": held_and_approved,
    "IdNumberChange.done.accepted": accepted,
    "IdNumberChange.done.dispute_won": wins_the_number,
    "IdNumberChange.not_needed": not_needed,
    "IdNumberChange.rejected.dispute_lost": loses_the_number,
    "IdNumberChange.withdrawn.undone": undone,
    "IdNumberChange.withdrawn.reconciled": brought_into_step,
    "IdNumberChange.closed_no_response": no_response,
    "IdNumberChange.ended.died": person_died,
    "CardReplacement.done.lost": card_lost_and_replaced,
    "CardReplacement.done.waited": waited_for_turn,
    "CardReplacement.done.pension": after_pension_run,
    "CardReplacement.card_found": found,
    "CardReplacement.rejected": rejected_card,
    "CardReplacement.withdrawn.expired": loss_report_expired,
    "CardReplacement.unclaimed": destroyed,
    "CardReplacement.not_activated": never_activated,
    "CardReplacement.ended.died": died_before_activation,
}
"""Each life by the name of its history: `KIND.ending.how`."""


# --- beside cases -----------------------------------------------------------------------------------------------------

Run: TypeAlias = Callable[[Engine], Awaitable[WorkflowHandle[Any, Any]]]


@asynccontextmanager
async def everything_working(engine: Engine) -> AsyncIterator[None]:
    """A worker of every workflow and of all that they ask for."""
    policies, calendars = engine.registry._policies, engine.registry._calendars
    scheduled = scheduled_activities(
        Supervision(engine.pool, official_calendar),
        Campaign(engine.pool, engine.client, policies, calendars),
        Reconciler(engine.pool, engine.client),
    )
    notifications = Notifications(engine.pool, engine.sealer, {})
    campaigns = Pages(engine.pool, engine.sealer, nobody_needs_a_case)
    async with (
        cases_worker(engine.client, engine.registry, engine.settings, engine.task_queue, scheduled=scheduled),
        notifications_worker(engine.client, notifications, engine.settings),
        campaigns_worker(engine.client, campaigns, engine.settings, queue_of_campaigns(engine)),
    ):
        yield


def queue_of_campaigns(engine: Engine) -> str:
    """Where an engine's campaigns are worked on: each has a register of its own."""
    return f"{engine.task_queue}-{TASK_QUEUE_CAMPAIGNS}"


async def nobody_needs_a_case(job: str, leaf: int, opening: Opening, *, again: bool) -> Code | None:
    """For a campaign whose rows are all answered by the register."""
    raise AssertionError((job, leaf, opening.kind, again))


async def told_when_it_was_over(engine: Engine) -> WorkflowHandle[Any, Any]:
    """The bureau answers an order of a case that was withdrawn: it is written down, and counts for nothing."""
    case = await replacement(engine, ID_CARD)
    await case.tell(Event.withdraw)
    await case.ends()
    late = CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=order_id(case.case_id, 1, 3))
    fact = await engine.stamped(case.case_id, Event.card_produced, late)
    told = ToldAfterClosing(
        case_id=case.case_id,
        event=Event.card_produced,
        fact=fact.model_dump(mode="json", exclude_unset=True),
        told_as="late-1",
    )
    run = await engine.client.start_workflow(
        TOLD_AFTER_CLOSING,
        told,
        id=after_closing_id(case.case_id, told.told_as),
        task_queue=engine.task_queue,
        result_type=AnswerAfterClosing,
    )
    assert (await run.result()).refused is Code.ANSWER_OUT_OF_DATE
    return run


async def staged(engine: Engine, *openings: Opening) -> str:
    """A register that a campaign is to open; its job."""
    system = Actor(id="back-office-1", role=Role.back_office, office=OFFICE)
    job = store.new_id()
    assert await store.begin(engine.pool, job, JobKind.register, system, None, "a" * 26, 5) is Beginning.begun
    rows = [
        Staged(
            place=place,
            number=place + 2,
            leaf=place,
            case_id=case_id(opening.kind, opening.person),
            act=OPEN,
            content=opening.model_dump_json(exclude_unset=True),
        )
        for place, opening in enumerate(openings)
    ]
    assert await store.stage(engine.pool, job, rows)
    assert await store.make_campaign(engine.pool, job, USUAL_PACE)
    assert await store.start(engine.pool, job, "a.b.c", [bytes(32)] * len(rows))
    return job


async def counted(engine: Engine) -> WorkflowHandle[Any, Any]:
    """A campaign that is paused when it begins, slowed down and resumed; nobody in its register is known."""
    unknown = Person("T0000000", "合成人", old_number(1), new_number())
    job = await staged(engine, engine.number_change(unknown))
    run = await engine.client.start_workflow(
        RunOfACampaign.run,
        CampaignBegun(job=job, pace=Pace(paused=True)),
        id=campaign_id(job),
        task_queue=queue_of_campaigns(engine),
    )
    # Once it has looked at the register it rests, so that each word comes to a task of its own.
    await rests(run)
    slower: Any = await run.execute_update(RunOfACampaign.set_rate, RateSet(by=CLERK.id, per_second=5))
    resumed: Any = await run.execute_update(RunOfACampaign.resume, Paced(by=CLERK.id))
    assert (slower.pace.paused, resumed.pace) == (True, Pace(per_second=5))
    report = await run.result()
    assert (report.read, report.refused, report.answered, report.codes) == (1, 1, 1, {"PERSON_UNKNOWN": 1})
    return run


async def rests(run: WorkflowHandle[Any, Any]) -> None:
    """Wait until a campaign that is paused waits for somebody."""
    async for event in run.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            return


async def fired(scheduled: Scheduled, engine: Engine) -> WorkflowHandle[Any, Any]:
    """What a schedule starts, where there is nothing to do."""
    run: WorkflowHandle[Any, Any] = await engine.client.start_workflow(
        scheduled.value, id=f"{scheduled.value}-by-hand", task_queue=engine.task_queue
    )
    await run.result()
    return run


RUNS: Final[Mapping[str, Run]] = {
    "ToldAfterClosing.completed": told_when_it_was_over,
    "Campaign.completed": counted,
    **{f"{scheduled.value}.completed": partial(fired, scheduled) for scheduled in Scheduled},
}
"""Each run of a workflow beside cases by the name of its history."""
