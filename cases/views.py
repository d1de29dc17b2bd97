"""What a case shows and answers: its view, its receipt, the answer to a fact, its outcome."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Final, NamedTuple, Self

from cases.answers import Answer, CaseView, Condition, LateAnswer, Outcome, Proviso, Receipt, Transition
from cases.clocks import SHANGHAI
from cases.decide import condition_of, may_be_told
from cases.errors import CaseError, Code
from cases.events import ROLES, Event, Origin
from cases.ladder import Dates
from cases.machines.machine import Status
from cases.models import Actor, Role, distinct
from cases.numbers import Road
from cases.rules.people import SPEAKS_FOR, activates, check_role, still_told
from cases.state import CaseState

_DECIDERS: Final = tuple(role for role in Role if role in ROLES[Event.keep_benefits])


def possible_events(state: CaseState, at: datetime) -> tuple[Event, ...]:
    """What the case may be told from outside as it stands at a moment: what some fact of the event would move it by.

    What only the register knows counts as given.
    """
    today = at.astimezone(SHANGHAI).date()
    return tuple(event for event in _from_outside(state) if may_be_told(state, event, today))


def _from_outside(state: CaseState) -> Iterator[Event]:
    return (event for event in state.machine.events(state.status) if event.origin is Origin.outside)


def _conditions(state: CaseState, at: datetime) -> tuple[Condition, ...]:
    today = at.astimezone(SHANGHAI).date()
    found = (condition_of(state, event, today) for event in _from_outside(state))
    return tuple(condition for condition in found if condition is not None)


class Listed(NamedTuple):
    """What lists and search attributes show of a case, as its view does. Dates are those of an open case."""

    road: Road | None
    policy: str | None
    due_at: datetime | None
    processing_due_at: datetime | None
    campaign_due_at: datetime | None
    dates_provisional: bool
    silenced_until: datetime | None
    attention: tuple[str, ...]

    @classmethod
    def of(cls, state: CaseState) -> Self:
        """What is listed of a state."""
        screening, due = state.screening, state.due
        dates = state.ladder.dates if state.is_open else Dates()
        return cls(
            road=screening.road if screening else None,
            policy=screening.terms.policy if screening else None,
            due_at=due.at if due else None,
            processing_due_at=dates.processing_due_at,
            campaign_due_at=dates.campaign_due_at,
            dates_provisional=dates.provisional,
            silenced_until=dates.silenced_until,
            attention=state.attention,
        )


def view_of(
    state: CaseState,
    at: datetime,
    last_refusal: Code | None = None,
    late_answers: tuple[LateAnswer, ...] = (),
) -> CaseView:
    """Everything about the case that may be shown at a moment without opening personal data."""
    spec = state.machine.statuses[state.status]
    screening = state.screening
    due, ladder, upcoming, listed = state.due, state.ladder, state.upcoming, Listed.of(state)
    return CaseView(
        case_id=state.case_id,
        kind=state.kind,
        generation=state.generation,
        version=state.version,
        status=state.status,
        status_zh=spec.zh,
        milestone=state.milestone,
        region=state.opening.region,
        category=state.opening.category,
        road=listed.road,
        changes_name=screening.changes_name if screening else False,
        name_alone=screening.name_alone if screening else False,
        reason=state.opening.replaced_because,
        policy=listed.policy,
        awaits=state.awaits,
        missing=state.missing if state.is_open else (),
        defects=state.defects,
        events=possible_events(state, at) if state.is_open else (),
        conditions=_conditions(state, at) if state.is_open else (),
        due_at=listed.due_at,
        due_event=state.timer.event if state.timer else None,
        due_provisional=due is not None and due.provisional,
        due_left=state.left,
        act_by=state.act_by,
        rung=ladder.rung,
        rung_at=ladder.rung_at,
        rung_told=ladder.told,
        acknowledged_at=ladder.acknowledged_at,
        acknowledged_by=ladder.acknowledged_by,
        next_event=upcoming.event if upcoming else None,
        next_at=upcoming.at if upcoming else None,
        next_rung=upcoming.rung if upcoming and upcoming.rung else None,
        notice_due_at=state.notice.due_at if state.notice is not None and not state.notice.stands_still else None,
        notices_left=max(state.terms.supplement_rounds - state.returns, 0) if state.notice is not None else None,
        climbs_at=ladder.dates.next.at if ladder.dates.next is not None and state.is_open else None,
        climbs_to=int(ladder.dates.next.rung) if ladder.dates.next is not None and state.is_open else None,
        climbs_tells=(
            still_told(state, ladder.dates.next.tells) if ladder.dates.next is not None and state.is_open else ()
        ),
        next_provisional=upcoming.provisional if upcoming else False,
        processing_due_at=listed.processing_due_at,
        campaign_due_at=listed.campaign_due_at,
        dates_provisional=listed.dates_provisional,
        silenced_until=listed.silenced_until,
        content=state.content,
        documents=state.documents,
        channel=state.opening.channel,
        submitter_kind=state.opening.submitter_kind,
        submitter=state.opening.taken_in_by,
        submitter_named=state.submitter_named,
        hold_reason=state.hold_reason,
        originals=state.originals,
        original_needed=screening is None or screening.original_needed,
        identity_checked_at=state.opening.identity.at if state.opening.identity is not None else None,
        corrects=state.opening.corrects,
        delivery=screening.delivery if screening else None,
        address_confirmed=state.address is not None,
        verifier=state.verifier,
        approver=state.approver,
        confirmations=state.confirmations,
        awaited=state.awaited,
        publication=state.publication if state.awaited else None,
        refused_by=state.refused_by,
        asked_at=state.asked_at if state.question is not None else None,
        undelivered=state.undelivered,
        dispute=next(iter(state.opinions), None) if state.status is Status.disputed else None,
        dissents=state.opinions[1:] if state.status is Status.disputed else (),
        judgements=state.judgements,
        merged=state.merged,
        order=state.order,
        attempts=state.attempts,
        to_destroy=state.to_destroy,
        destruction=state.destruction,
        activated=state.activated,
        functions_left=state.functions_left if state.status is Status.handed_over else (),
        production_attempts=state.production_attempts,
        lost_on_way=state.lost_on_way,
        benefits_held=state.benefits_held,
        recomputed=state.recomputed,
        benefit_decision=state.benefit_decision,
        deciders=_DECIDERS if "decision" in listed.attention else (),
        attention=listed.attention,
        related=state.related,
        advice=screening.advice if screening else (),
        last_error=state.last_error,
        last_refusal=last_refusal,
        late_answers=late_answers,
        ended_because=state.ended_because,
        remains=state.remains,
    )


def as_seen_by(view: CaseView, actor: Actor) -> CaseView:
    """The same view, offering what this very person or system may tell: by role, office, and what they did before."""
    return offering(view, lambda event: _may_tell(view, event, actor))


def offering(view: CaseView, those: Callable[[Event], bool]) -> CaseView:
    """The same view, offering less."""
    events = tuple(event for event in view.events if those(event))
    conditions = tuple(condition for condition in view.conditions if those(condition.event))
    if (len(events), len(conditions)) == (len(view.events), len(view.conditions)):
        return view
    return view.model_copy(update={"events": events, "conditions": conditions})


def is_offered(view: CaseView, event: Event, today: date) -> bool:
    """Whether a view offers an event on a day, of those that come while the case stands as it does in the view.

    What only the register knows counts as given.
    """
    condition = next((each for each in view.conditions if each.event is event), None)
    if condition is None:
        return event in view.events
    begun = condition.since is None or condition.since <= today
    return begun and (condition.until is None or today <= condition.until)


def looked_up(view: CaseView, known: Mapping[Proviso, bool]) -> CaseView:
    """The same view once the register was asked on what its offers rest."""
    if not view.conditions:
        return view
    refuted = {each.event for each in view.conditions if each.proviso is not None and not known[each.proviso]}
    asked = offering(view, lambda event: event not in refuted)
    # A condition of nothing else is none any more.
    left = (each.model_copy(update={"proviso": None}) for each in asked.conditions)
    return asked.model_copy(
        update={"conditions": tuple(each for each in left if each.since is not None or each.until is not None)}
    )


def _may_tell(view: CaseView, event: Event, actor: Actor) -> bool:
    try:
        check_role(actor, event, view.region)
    except CaseError:
        return False
    match event:
        case Event.verify_documents:
            return distinct((view.submitter, actor.id))
        case Event.approve:
            return distinct((view.submitter, view.verifier, actor.id))
        case Event.confirm_downstream:
            return SPEAKS_FOR.get(actor.role) in view.awaited
        case Event.card_activated:
            return any(activates(actor.role, each) for each in view.functions_left)
        case _:
            return True


def receipt_of(state: CaseState) -> Receipt:
    """The answer to the application."""
    due = state.due
    return Receipt(
        case_id=state.case_id,
        generation=state.generation,
        status=state.status,
        milestone=state.milestone,
        road=state.screening.road if state.screening else None,
        missing=state.missing if state.is_open else (),
        due_at=due.at if due else None,
        due_provisional=due is not None and due.provisional,
        due_left=state.left,
        advice=state.screening.advice if state.screening else (),
        reason=state.ended_because,
    )


def answer_of(state: CaseState, transition: Transition) -> Answer:
    """The answer to the caller who made a transition: where the case stood after it."""
    return Answer(
        case_id=state.case_id,
        status=transition.to,
        milestone=transition.milestone,
        version=transition.version,
        remains=state.remains if transition.version == state.version else (),
    )


def outcome_of(state: CaseState) -> Outcome:
    """The result of a closed case."""
    return Outcome(
        case_id=state.case_id,
        generation=state.generation,
        status=state.status,
        milestone=state.milestone,
        reason=state.ended_because,
        remains=state.remains,
        recomputed=state.recomputed_so_far,
        transitions=state.version,
    )
