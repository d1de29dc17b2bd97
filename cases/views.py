"""What a case shows and answers: its view, its receipt, the answer to a fact, its outcome."""

from typing import Final

from cases.answers import Answer, CaseView, LateAnswer, Outcome, Receipt, Transition
from cases.decide import may_be_told
from cases.errors import CaseError, Code
from cases.events import ROLES, Event, Origin
from cases.machines.machine import Status
from cases.models import Actor, Role, distinct
from cases.rules.people import SPEAKS_FOR, activates, check_role, still_told
from cases.state import CaseState

_DECIDERS: Final = tuple(role for role in Role if role in ROLES[Event.keep_benefits])


def possible_events(state: CaseState) -> tuple[Event, ...]:
    """What the case may be told from outside as it stands: what some fact of the event would move it by."""
    told = (event for event in state.machine.events(state.status) if event.origin is Origin.outside)
    return tuple(event for event in told if may_be_told(state, event))


def view_of(state: CaseState, last_refusal: Code | None = None, late_answers: tuple[LateAnswer, ...] = ()) -> CaseView:
    """Everything about the case that may be shown without opening personal data."""
    spec = state.machine.statuses[state.status]
    screening = state.screening
    due, ladder, upcoming = state.due, state.ladder, state.upcoming
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
        road=screening.road if screening else None,
        changes_name=screening.changes_name if screening else False,
        reason=state.opening.replaced_because,
        policy=screening.terms.policy if screening else None,
        awaits=state.awaits,
        missing=state.missing if state.is_open else (),
        defects=state.defects,
        events=possible_events(state) if state.is_open else (),
        due_at=due.at if due else None,
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
        processing_due_at=ladder.dates.processing_due_at if state.is_open else None,
        campaign_due_at=ladder.dates.campaign_due_at if state.is_open else None,
        dates_provisional=ladder.dates.provisional and state.is_open,
        silenced_until=ladder.dates.silenced_until if state.is_open else None,
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
        deciders=_DECIDERS if "decision" in state.attention else (),
        attention=state.attention,
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
    return view.model_copy(update={"events": tuple(event for event in view.events if _may_tell(view, event, actor))})


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
