"""What a transition's effects need that only this side knows, and whom they tell.

The effects themselves are functions of the register (`effect_…` in deploy/migrations), of the names that the state
tables have. Here is what they cannot know: what is sealed, what the policy says, what the pure state says. An effect
that cannot be made for a reason of the domain raises `Refused`, here or there; then nothing of the transition is in
effect.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from activities.registry.errors import Refused
from activities.sealing import Field, Sealer
from cases.answers import Left
from cases.clocks import Budget, Due, WorkingCalendar, day_of, days_between, due, told_at
from cases.delivery import written
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import CardProduced, CardTurnedUp, ConfirmAddress, Fact, ResolveDispute, ResolveDuplicate
from cases.ladder import Cause, NextRung, Rung, offset_of
from cases.machines.machine import Awaits, Effect, Row, Status
from cases.names import Kind, order_id, publication_id
from cases.offices import Recipient
from cases.openings import NumberChangeOpening
from cases.policy import Policy
from cases.rules.cards import first_statement
from cases.rules.disputes import joined_by
from cases.rules.merging import judgement_joined_by
from cases.rules.people import still_told
from cases.state import CaseState

REGISTER: Final = "register"
"""Target of what everyone who reads the register is told."""

_TOLD_ONE_BY_ONE: Final = frozenset(
    {Recipient.applicant, Recipient.clerk, Recipient.team_lead, Recipient.agency_supervisor}
)
"""Whom a rung tells at once; the levels above get digests."""

MESSAGES_ALONE: Final = frozenset({Effect.notify_applicant, Effect.notify_office})
"""Effects that are no function of the register."""

WRITES_NOTHING_OF_THE_PERSON: Final = MESSAGES_ALONE | {Effect.escalate}


class Topic(StrEnum):
    """What a message is about; a later one about the same takes the place of one that was not sent yet."""

    status = "status"
    limit = "limit"
    rung = "rung"


class Intended(NamedTuple):
    """A transition on its way to its effects: settled, with its dates."""

    before: CaseState
    after: CaseState
    row: Row
    fact: Fact | None
    step: str
    policy: Policy
    sealer: Sealer
    at: datetime
    calendar: WorkingCalendar

    @property
    def event(self) -> Event:
        """What happens."""
        return self.row.event


def of_the_register(effects: tuple[Effect, ...]) -> list[str]:
    """Names of those that are functions of the register, in their order."""
    return [effect.value for effect in effects if effect not in MESSAGES_ALONE]


def facts_of(intended: Intended, effects: tuple[Effect, ...]) -> dict[str, Any]:
    """What the effects need. Raises `Refused`."""
    facts: dict[str, Any] = {}
    for effect in effects:
        if (adds := _ADDS.get(effect)) is not None:
            facts |= adds(intended)
    return facts


def messages_of(intended: Intended, effects: tuple[Effect, ...]) -> list[dict[str, JsonValue]]:
    """Whom the transition tells, whatever its effects find."""
    messages: list[dict[str, JsonValue]] = []
    for effect in effects:
        if (tells := _TELLS.get(effect)) is not None:
            messages += tells(intended)
    return messages


def further_messages(intended: Intended, effects: tuple[Effect, ...]) -> dict[str, list[dict[str, JsonValue]]]:
    """What is told where an effect finds cause for it, by the word with which it says so."""
    return {
        said: [_message(intended, Recipient.applicant, template, event=f"{intended.step}.{said}")]
        for effect in effects
        for said, template in _TELLS_IF.get(effect, {}).items()
    }


def _message(
    intended: Intended,
    recipient: Recipient,
    template: str,
    *,
    event: str | None = None,
    facts: Mapping[str, JsonValue] | None = None,
    second_channel: bool = False,
    topic: Topic | None = None,
    while_status: Status | None = None,
    not_before: datetime | None = None,
) -> dict[str, JsonValue]:
    """A message that names the case and nothing else of a person.

    `event` says what happened where that is not the step alone: of one event a recipient is told once. `facts` are the
    template's variables. A later message of the same `topic` takes its place where it was not sent yet; in another
    status than `while_status` it is not sent at all.
    """
    return {
        "recipient": recipient.value,
        "template": template,
        "event": event or intended.step,
        "facts": written(facts or {}),
        "second_channel": second_channel,
        "topic": None if topic is None else topic.value,
        "while_status": None if while_status is None else while_status.value,
        "not_before": None if not_before is None else not_before.isoformat(),
    }


def template_of(kind: Kind, row: Row) -> str:
    """What the applicant is told by a row: where the case stands now, or what happened where that says it better."""
    if (shared := _TOLD_OF_EVERY_KIND.get(row.event)) is not None:
        return shared
    if Effect.restore_number in row.effects:
        return f"{kind.value}.number_restored"
    if row.status is Status.disputed and row.to in {Status.in_review, Status.on_hold}:
        return f"{kind.value}.dispute_settled"
    return f"{kind.value}.{row.event.value if row.to is row.status else row.to.value}"


_TOLD_OF_EVERY_KIND: Final[Mapping[Event, str]] = {
    Event.hold: "hold",
    Event.resume: "resume",
    Event.hold_expired: "resume",
    Event.extend: "extend",
    Event.recompute: "recompute",
    Event.withdraw: "withdraw",
}


def _where_it_stands(intended: Intended) -> Iterator[dict[str, JsonValue]]:
    """The applicant is told where the case stands now, or what happened where it stays."""
    after = intended.after
    if intended.event is Event.recompute and not (_moves_a_day(intended) or _asks_otherwise(intended)):
        return
    # What was decided about a person is told in any case.
    topics = {Event.hold_benefits: None, Event.extend: Topic.limit, Event.recompute: Topic.limit}
    topic = topics.get(intended.event, Topic.status)
    asks = topic is Topic.limit or (topic is Topic.status and after.awaits is Awaits.applicant)
    yield _message(
        intended,
        Recipient.applicant,
        template_of(after.kind, intended.row),
        facts=_standing(intended),
        topic=topic,
        # What is asked of somebody is asked for as long as it is needed; the rest, until something newer is told.
        while_status=after.status if asks else None,
    )


def _asks_otherwise(intended: Intended) -> bool:
    """Whether the applicant, who still has something to bring, was told of other documents."""
    before, after = (
        [(demand.document, demand.original) for demand in state.missing] for state in (intended.before, intended.after)
    )
    return intended.after.status is Status.awaiting_documents and bool(after) and before != after


def _moves_a_day(intended: Intended) -> bool:
    """Whether a limit of the applicant's, whose last day they were told, ends on another day now."""
    before, after = intended.before.timer, intended.after.timer
    if before is None or after is None or intended.after.awaits is not Awaits.applicant:
        return False
    return before.due_at != after.due_at


def _standing(intended: Intended) -> dict[str, JsonValue]:
    """What the applicant may be told of where the case stands; nothing of the person."""
    state = intended.after
    due = intended.policy.act_by(state, intended.calendar)
    wanted = [*(demand.document for demand in state.missing), *(defect.document for defect in state.defects)]
    return {
        "kind": state.kind.value,
        **_dated(intended, due),
        "limit": None if state.timer is None else state.timer.clock.value,
        "asks": state.awaits is Awaits.applicant,
        "documents": list(dict.fromkeys(wanted)) if state.status is Status.awaiting_documents else [],
        # What is to be shown at a counter cannot be handed in another way.
        "originals": [demand.document for demand in state.missing if demand.original],
        "returned": bool(state.defects),
        "changes_name": state.screening is not None and state.screening.changes_name,
        "name_alone": state.screening is not None and state.screening.name_alone,
        "moved": intended.event is not Event.recompute or _moves_a_day(intended),
        "hold": state.hold_reason,
        "expires": state.terms.loss_report_expires,
        "delivery": None if state.screening is None else state.screening.delivery,
        "last": state.limit_spent,
        "refused_by": state.refused_by,
        "remains": list(state.remains),
    }


def _dated(intended: Intended, due: Due | None) -> dict[str, JsonValue]:
    """A date, and how many working days it leaves after the day on which the message is written."""
    if due is None:
        return {"due": None, "left": None, "provisional": False}
    today = day_of(intended.at)
    left = Left(after=today, working_days=days_between(today, due.at, intended.calendar))
    return {"due": due.at.isoformat(), "left": left.model_dump(mode="json"), "provisional": due.provisional}


def _rung(intended: Intended) -> Iterator[dict[str, JsonValue]]:
    """Whom the policy names at the agency is told of a rung, and why it fired."""
    fired, state = _due_rung(intended), intended.after
    ladder = intended.policy.ladder
    terms, before = ladder.of(fired.rung), ladder.of(Rung(max(fired.rung - 1, Rung.blue_0)))
    dates = state.ladder.dates
    at = dates.campaign_due_at if fired.cause is Cause.campaign else dates.processing_due_at or dates.campaign_due_at
    facts = _standing(intended)
    facts |= {"act_by": facts["due"]} | _dated(intended, None if at is None else Due(at, fired.provisional))
    facts |= {
        "rung": int(fired.rung),
        "cause": fired.cause.value,
        "status": state.status.value,
        "acknowledge_within": terms.acknowledge_within,
        "unacknowledged_within": before.acknowledge_within,
    }
    opens = told_at(intended.at, offset_of(state.case_id), ladder.hours, intended.calendar)
    for recipient in still_told(state, terms.tells):
        if recipient not in _TOLD_ONE_BY_ONE:
            continue
        of_applicant = recipient is Recipient.applicant
        yield _message(
            intended,
            recipient,
            f"escalated.{fired.rung.name}",
            second_channel=recipient in terms.second_channel,
            facts=facts,
            topic=Topic.rung,
            while_status=state.status if of_applicant else None,
            # The rung counts at once; staff read of it when they are at work, applicants when it is no longer night.
            not_before=None if of_applicant else opens,
        )


def _not_asked(intended: Intended) -> Iterator[dict[str, JsonValue]]:
    """The agency is told whom a question could not be delivered to: what is not asked nobody else is late with."""
    state, hours = intended.after, intended.policy.ladder.hours
    facts: dict[str, JsonValue] = {
        "kind": state.kind.value,
        "undelivered": [each.model_dump(mode="json") for each in state.undelivered],
    }
    opens = told_at(intended.at, offset_of(state.case_id), hours, intended.calendar)
    for recipient in still_told(state, (Recipient.clerk, Recipient.team_lead)):
        yield _message(
            intended, recipient, "delivery_overdue", facts=facts, while_status=state.status, not_before=opens
        )


def _decided_on_records(told: str) -> Callable[[Intended], Iterator[dict[str, JsonValue]]]:
    """What was decided about a person's records is told in any case, beside where the case stands then."""

    def tell(intended: Intended) -> Iterator[dict[str, JsonValue]]:
        template = f"{intended.after.kind.value}.{told}"
        yield _message(intended, Recipient.applicant, template, event=f"{intended.step}.{told}")

    return tell


_TELLS: Final[Mapping[Effect, Callable[[Intended], Iterator[dict[str, JsonValue]]]]] = {
    Effect.merge_records: _decided_on_records("records_merged"),
    Effect.undo_merge: _decided_on_records("records_separated"),
    Effect.notify_applicant: _where_it_stands,
    Effect.notify_office: _not_asked,
    Effect.escalate: _rung,
}


_TELLS_IF: Final[Mapping[Effect, Mapping[str, str]]] = {
    # A card is offered, whichever kind of case finds that it is printed wrong.
    Effect.offer_replacement: {"offered": f"{Kind.card_replacement.value}.offered"},
}
"""By effect and its word: the template of what the applicant is told."""


def _due_rung(intended: Intended) -> NextRung:
    due = intended.before.ladder.dates.next
    if due is None:
        raise CaseError(Code.EVENT_NOT_ALLOWED)
    return due


def _fired(intended: Intended) -> dict[str, Any]:
    due = _due_rung(intended)
    return {
        "rung": int(due.rung),
        "cause": due.cause.value,
        "clock": intended.after.ladder.clock,
        "rung_due_at": due.at.isoformat(),
    }


def _verified_content(intended: Intended) -> dict[str, Any]:
    """Refuses CONTENT_CHANGED where the content is not what was verified and approved."""
    if intended.after.content != intended.after.verified_content:
        raise Refused(Code.CONTENT_CHANGED)
    return _changed_with_it(intended)


def _changed_with_it(intended: Intended) -> dict[str, Any]:
    """Whether the number stays, and the sealed name that the person has from then on, where it changes."""
    opening, screening = intended.after.opening, intended.after.screening
    if screening is None or not isinstance(opening, NumberChangeOpening):
        return {}
    name = {"new_name": opening.new_name or opening.name} if screening.changes_name else {}
    return {"keeps_number": screening.keeps_number, **name}


def _published(intended: Intended) -> dict[str, Any]:
    """The register's readers and the systems that confirm; a repetition goes to those that have not confirmed yet."""
    repeated = intended.event is Event.repair
    confirming = intended.after.awaited if repeated else intended.after.terms.confirmations
    return {
        "request_id": publication_id(intended.after.case_id, intended.after.generation, intended.after.version),
        "targets": [*([] if repeated else [REGISTER]), *(system.value for system in confirming)],
    }


def _ordered(intended: Intended) -> dict[str, Any]:
    screening = intended.after.screening
    return {
        "request_id": order_id(intended.after.case_id, intended.after.generation, intended.after.version),
        "delivery": None if screening is None else screening.delivery,
    }


def _sent_to(intended: Intended) -> dict[str, Any]:
    """Refuses PAYLOAD_INVALID where an address does not open as this person's, or is not that of its token."""
    fact, sealer = intended.fact, intended.sealer
    if not isinstance(fact, ConfirmAddress):
        raise Refused(Code.PAYLOAD_INVALID)
    try:
        address = sealer.open(fact.address, field=Field.address, person=intended.after.opening.person)
    except CaseError as broken:
        if broken.code is not Code.SEAL_BROKEN:
            raise
        raise Refused(Code.PAYLOAD_INVALID) from None
    if fact.address_token != sealer.content_token(address):
        raise Refused(Code.PAYLOAD_INVALID)
    return {}


def _blocked(intended: Intended) -> dict[str, Any]:
    """Until when a loss report holds that nobody confirms, and what its end does to the card that it blocked."""
    return _loss_report(intended.policy, intended.calendar, intended.at)


def _loss_report(policy: Policy, calendar: WorkingCalendar, at: datetime) -> dict[str, Any]:
    report = policy.replacement.loss_report
    ends = due(at, Budget(report.days, working=False), calendar)
    return {"block_ends_at": ends.at.isoformat(), "block_ends": report.expires}


def facts_after_closing(
    state: CaseState, fact: Fact, policy: Policy, calendar: WorkingCalendar, sealer: Sealer, at: datetime
) -> dict[str, Any]:
    """What the register needs to take in what a closed case is told. Raises `Refused` as `facts_of`."""
    if isinstance(fact, CardTurnedUp):
        _check_card(fact, sealer, state.opening.person)
    return {**_loss_report(policy, calendar, at), "undo_formal_loss": policy.replacement.undo_formal_loss}


def _first_statement(intended: Intended) -> dict[str, Any]:
    said = first_statement(intended.before, intended.fact)
    if said is None:
        raise CaseError(Code.SAME_PERSON)
    return {"first_statement": said.stated_by}


def _first_decider(intended: Intended) -> dict[str, Any]:
    said = joined_by(intended.before, intended.fact) if isinstance(intended.fact, ResolveDispute) else None
    if said is None:
        raise CaseError(Code.SAME_PERSON)
    return {"first_decider": said.decided_by}


def _first_judgement(intended: Intended) -> dict[str, Any]:
    fact = intended.fact
    said = judgement_joined_by(intended.before, fact) if isinstance(fact, ResolveDuplicate) else None
    if said is None:
        raise CaseError(Code.SAME_PERSON)
    return {"first_decider": said.decided_by}


def _merged(intended: Intended) -> dict[str, Any]:
    """What becomes of months that both records have, and who is told that two records are one."""
    terms = intended.policy.number_change.merging
    systems = (system.value for system in intended.after.terms.confirmations)
    return _first_judgement(intended) | {
        "overlap": terms.overlap,
        "overlap_basis": terms.legal_basis,
        "targets": [REGISTER, *systems],
    }


def _made_card(intended: Intended) -> dict[str, Any]:
    _check_card(intended.fact, intended.sealer, intended.after.opening.person)
    return {}


def _check_card(made: Fact | None, sealer: Sealer, person: str) -> None:
    """Refuses PAYLOAD_INVALID where a card's number is not the one that its token stands for."""
    if not isinstance(made, CardProduced | CardTurnedUp) or made.card_number is None:
        raise Refused(Code.PAYLOAD_INVALID)
    try:
        number = sealer.open(made.card_number, field=Field.card_number, person=person)
    except CaseError as broken:
        if broken.code is not Code.SEAL_BROKEN:
            raise
        raise Refused(Code.PAYLOAD_INVALID) from None
    if made.card_token != sealer.number_token(number):
        raise Refused(Code.PAYLOAD_INVALID)


_ADDS: Final[Mapping[Effect, Callable[[Intended], dict[str, Any]]]] = {
    Effect.reserve_number: _changed_with_it,
    Effect.commit_number: _verified_content,
    Effect.publish_number_changed: _published,
    Effect.order_card: _ordered,
    Effect.reorder_card: _ordered,
    Effect.merge_records: _merged,
    Effect.undo_merge: _first_judgement,
    Effect.settle_ours: _first_decider,
    Effect.settle_against: _first_decider,
    Effect.tell_address: _sent_to,
    Effect.release_what_is_owed: lambda intended: {"owed_under": intended.policy.owed_under},
    Effect.record_production: _made_card,
    Effect.keep_surplus_card: _made_card,
    Effect.block_card: _blocked,
    Effect.report_loss: _blocked,
    Effect.destroy_card: _first_statement,
    Effect.destroy_surplus_card: _first_statement,
    Effect.escalate: _fired,
    Effect.offer_replacement: lambda intended: {
        "offers_replacement": intended.policy.number_change.replacement,
    },
}
