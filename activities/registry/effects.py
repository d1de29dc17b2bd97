"""What a transition's effects need that only this side knows, and whom they tell.

The effects themselves are functions of the register (`effect_…` in deploy/migrations), of the names that the state
tables have. Here is what they cannot know: what is sealed, what the policy says, what the pure state says. An effect
that cannot be made for a reason of the domain raises `Refused`, here or there; then nothing of the transition is in
effect.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from activities.registry.errors import Refused
from activities.sealing import Field, Sealer
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import CardProduced, CardTurnedUp, Fact, ResolveDispute
from cases.machines.machine import Effect
from cases.names import Kind, order_id, publication_id
from cases.offices import Recipient
from cases.policy import Policy
from cases.rules.cards import first_statement
from cases.rules.disputes import joined_by
from cases.state import CaseState

REGISTER: Final = "register"
"""Target of what everyone who reads the register is told."""

_TOLD_ONE_BY_ONE: Final = frozenset(
    {Recipient.applicant, Recipient.clerk, Recipient.team_lead, Recipient.agency_supervisor}
)
"""Whom a rung tells at once; the levels above get digests."""

WRITES_NOTHING_OF_THE_PERSON: Final = frozenset({Effect.notify_applicant, Effect.escalate})


class Intended(NamedTuple):
    """A transition on its way to its effects."""

    before: CaseState
    after: CaseState
    event: Event
    fact: Fact | None
    step: str
    policy: Policy
    sealer: Sealer


def of_the_register(effects: tuple[Effect, ...]) -> list[str]:
    """Names of those that are functions of the register, in their order; telling the applicant is a message alone."""
    return [effect.value for effect in effects if effect is not Effect.notify_applicant]


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
) -> dict[str, JsonValue]:
    """A message that names the case and nothing else of a person.

    `event` says what happened where that is not the step alone: of one event a recipient is told once. `facts` are the
    template's variables.
    """
    return {
        "recipient": recipient.value,
        "template": template,
        "event": event or intended.step,
        "facts": dict(facts or {}),
        "second_channel": second_channel,
    }


def _where_it_stands(intended: Intended) -> Iterator[dict[str, JsonValue]]:
    """The applicant is told where the case stands now, or what happened where it stays."""
    status = intended.after.status
    what = intended.event.value if intended.before.status is status else status.value
    yield _message(intended, Recipient.applicant, f"{intended.after.kind.value}.{what}")


def _rung(intended: Intended) -> Iterator[dict[str, JsonValue]]:
    """Whom the policy names at the agency is told of a rung."""
    due = _due_rung(intended)
    terms = intended.policy.ladder.of(due.rung)
    facts = {"rung": due.rung.name, "status": intended.after.status.value, "provisional": due.provisional}
    for recipient in terms.tells:
        if recipient in _TOLD_ONE_BY_ONE:
            second = recipient in terms.second_channel
            yield _message(intended, recipient, f"escalated.{due.rung.name}", second_channel=second, facts=facts)


_TELLS: Final[Mapping[Effect, Callable[[Intended], Iterator[dict[str, JsonValue]]]]] = {
    Effect.notify_applicant: _where_it_stands,
    Effect.escalate: _rung,
}


_TELLS_IF: Final[Mapping[Effect, Mapping[str, str]]] = {
    # A card is offered, whichever kind of case finds that it is printed wrong.
    Effect.offer_replacement: {"offered": f"{Kind.card_replacement.value}.offered"},
}
"""By effect and its word: the template of what the applicant is told."""


def _due_rung(intended: Intended) -> Any:
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
    return {}


def _published(intended: Intended) -> dict[str, Any]:
    """The register's readers and the systems that confirm; a repetition goes to those that have not confirmed yet."""
    repeated = intended.event is Event.repair
    confirming = intended.after.awaited if repeated else intended.after.terms.confirmations
    return {
        "request_id": publication_id(intended.after.case_id, intended.after.generation, intended.after.version),
        "targets": [*([] if repeated else [REGISTER]), *(system.value for system in confirming)],
    }


def _ordered(intended: Intended) -> dict[str, Any]:
    return {"request_id": order_id(intended.after.case_id, intended.after.generation, intended.after.version)}


def _undone(intended: Intended) -> dict[str, Any]:
    return {"undone_targets": [REGISTER, *(system.value for system in intended.after.terms.confirmations)]}


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


def _made_card(intended: Intended) -> dict[str, Any]:
    """Refuses PAYLOAD_INVALID where the card's number is not the one that its token stands for."""
    made, person = intended.fact, intended.after.opening.person
    if not isinstance(made, CardProduced | CardTurnedUp) or made.card_number is None:
        raise Refused(Code.PAYLOAD_INVALID)
    try:
        number = intended.sealer.open(made.card_number, field=Field.card_number, person=person)
    except CaseError as broken:
        if broken.code is not Code.SEAL_BROKEN:
            raise
        raise Refused(Code.PAYLOAD_INVALID) from None
    if made.card_token != intended.sealer.number_token(number):
        raise Refused(Code.PAYLOAD_INVALID)
    return {}


_ADDS: Final[Mapping[Effect, Callable[[Intended], dict[str, Any]]]] = {
    Effect.commit_number: _verified_content,
    Effect.publish_number_changed: _published,
    Effect.order_card: _ordered,
    Effect.reorder_card: _ordered,
    Effect.restore_number: _undone,
    Effect.settle_ours: _first_decider,
    Effect.settle_against: _first_decider,
    Effect.record_production: _made_card,
    Effect.keep_surplus_card: _made_card,
    Effect.destroy_card: _first_statement,
    Effect.destroy_surplus_card: _first_statement,
    Effect.escalate: _fired,
    Effect.offer_replacement: lambda intended: {
        "offers_replacement": intended.policy.number_change.replacement,
    },
}
