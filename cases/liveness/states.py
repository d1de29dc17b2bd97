"""What tells two states of a case apart: everything that a rule may ask, and nothing that only grows."""

from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final

from pydantic import BaseModel

from cases.decide import GUARDS
from cases.kinds import KINDS
from cases.machines.machine import Guard, Milestone, Status
from cases.openings import ReplacementReason
from cases.state import CaseState

MOST: Final = 3
"""Counters beyond this are not told apart: what the policy bounds, it bounds below (`worlds`)."""

_LEFT_OUT: Final = frozenset(
    {
        # The same in the whole of an exploration, or written and never asked.
        *("opening", "generation", "version", "milestone", "ended_because", "remains", "last_error", "related"),
        # Shown to people, and asked by no rule.
        *("overdue", "left", "act_by", "recomputed", "recomputed_so_far", "benefit_decision"),
        # Which of several orders an answer belongs to: what answers none in force is told apart by `past_orders`.
        "attempts",
        # How much of a limit is left, and by how many days it was moved: it ends all the same.
        *("extended", "extendable", "set_aside"),
        # Part of what is missing.
        *("originals", "accepted", "named"),
        # Where a card is sent.
        "address",
        # What only the register knows: whether another card is in use.
        "card_in_use",
        # Told apart in their own way below.
        *("screening", "documents", "defects", "verified_content", "timer", "ladder"),
        *("verifier", "approver", "opinions", "submitter_named", "dispute_settled"),
        *("asked_at", "unasked"),
        *("loss_settled", "card_blocked", "card_cancelled"),
    }
)

_WAITING: Final = frozenset({Status.awaiting_documents, Status.in_review, Status.awaiting_approval})

PAST_ORDERS_ARE_TOLD_APART: Final = frozenset({Status.in_review})
"""A case comes back to the review with an order that is over, and learns of its card there or later."""

_ASKED_ONLY_IN: Final[Mapping[str, frozenset[Status]]] = {
    "production_attempts": frozenset({Status.in_production, Status.repair}),
    "claim_reminders": frozenset({Status.ready}),
    "activated": frozenset({Status.handed_over}),
    "activation_reminders": frozenset({Status.handed_over}),
    "asked": frozenset({Status.applying, Status.repair}),
    "refused_by": frozenset({Status.applying, Status.repair}),
    "past_orders": PAST_ORDERS_ARE_TOLD_APART,
    "publication": frozenset({Status.applying, Status.repair}),
    "judgements": frozenset({Status.merging, Status.disputed, *_WAITING}),
    "undo_failed": frozenset({Status.applying, Status.repair}),
}
"""Where a field is asked that keeps its value beyond."""

_AS_IT_IS: Final = (Enum, bool, NoneType)
_BENEFITS_ARE_DECIDED: Final = frozenset({Status.awaiting_documents, Status.in_review})


@cache
def _fields(status: Status) -> tuple[str, ...]:
    return tuple(
        name
        for name in CaseState.model_fields
        if name not in _LEFT_OUT and status in _ASKED_ONLY_IN.get(name, frozenset({status}))
    )


def key_of(state: CaseState, *, campaign_over: bool) -> tuple[Any, ...]:
    """Equal for two states from which the same may happen. A field that is added later counts by itself."""
    opening, screening = state.opening, state.screening
    if not state.is_open:
        return (opening.replaced_because, state.status, state.remains)
    own = tuple(_plain(getattr(state, name)) for name in _fields(state.status))
    if screening is None:
        return (opening.replaced_because, own)
    return (
        opening.replaced_because,
        own,
        *_of_the_loss(state),
        GUARDS[Guard.second_officer_needed](state, None),
        tuple(sorted({demand.document for demand in screening.demands})),
        (screening.road, screening.terms.policy),
        len({demand.document for demand in state.missing}),
        bool(state.defects),
        state.timer is not None and state.timer.clock,
        state.waits_to_ask,
        campaign_over and state.status in _BENEFITS_ARE_DECIDED,
        (state.milestone is Milestone.submitted or state.status is Status.ordered) and _hold_is_used_up(state),
        _of_the_review(state) if state.milestone is Milestone.submitted else None,
    )


def _of_the_loss(state: CaseState) -> tuple[bool, bool]:
    """Whether the card in use is blocked, and whether for good; a card that was cancelled is in use no more."""
    blocked = state.card_blocked and not state.card_cancelled
    asked = blocked or state.opening.replaced_because is ReplacementReason.lost
    return blocked, asked and state.loss_settled


def _of_the_review(state: CaseState) -> tuple[Any, ...]:
    """What is asked until the documents are verified, and is looked at again whenever a case comes back."""
    screening = state.screening
    # Where there are roads, the road says it.
    finding = screening.finding if screening is not None and screening.road is None else None
    return (finding, state.verified_content == state.content, *_people(state))


def _people(state: CaseState) -> tuple[Any, ...]:
    """Who is who among those who acted; which of two officers it was makes no difference."""
    known: dict[str | None, int] = {None: 0, state.opening.taken_in_by: 1}
    who = tuple(known.setdefault(name, len(known) + 1) for name in (state.verifier, state.approver))
    opinions = state.opinions if state.status is Status.disputed else ()
    return (*who, tuple(sorted((opinion.outcome.value, opinion.document) for opinion in opinions)))


def _hold_is_used_up(state: CaseState) -> bool:
    """Whether the engine itself has held the case for as long as it may."""
    own = KINDS[state.kind].hold
    return any(term.reason is own and state.ladder.held_days(own) >= term.days for term in state.terms.holds if own)


def _plain(value: Any) -> Any:
    if isinstance(value, _AS_IT_IS):
        return value
    if isinstance(value, int):
        return min(value, MOST)
    if isinstance(value, BaseModel):
        # Of what sort it is; when it began and how much of it is left decides no more than how long it takes.
        fields = (getattr(value, name) for name in type(value).model_fields)
        return tuple(each for each in fields if isinstance(each, _AS_IT_IS))
    if isinstance(value, Mapping):
        return tuple((name, _plain(each)) for name, each in sorted(value.items()))
    if isinstance(value, (tuple, frozenset)):
        return frozenset(_plain(each) for each in value)
    # A date, or the identity of something: there are as many as one likes, and one does as well as another.
    return True
