"""What may come in between whatever a case is about, and how much of it is explored at once.

A loss in the middle of a dispute, a hold after a round of supplements, another policy while a benefit is held: each
multiplies the states of a case, and all of them together by each other. Each is explored by itself, as often as it
comes, and together with those that change what it rests on.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from cases.events import Event
from cases.machines.machine import Status


class Aside(StrEnum):
    """One subject that comes in between."""

    loss = "loss"
    hold = "hold"
    dispute = "dispute"
    supplement = "supplement"
    """Documents are returned, or nothing is said about them in time."""
    benefits = "benefits"
    """The campaign date passes, and benefits are held; or the case began with some that were."""
    policy = "policy"
    refusal = "refusal"
    """The register refuses a step of the engine, or finds what it rests on to be otherwise."""
    card = "card"
    """A card was lost on its way."""
    surplus = "surplus"
    """A card turns up that nobody may have."""
    merge = "merge"
    """Officers find two records to be one person's, or two persons', beside what they were asked."""


MEET: Final = frozenset(
    {
        # A dispute interrupts a hold, which goes on afterwards.
        frozenset({Aside.hold, Aside.dispute}),
        # A hold stops the time to name what is missing.
        frozenset({Aside.hold, Aside.supplement}),
        # What is awaited by the policy is awaited again where an undo failed, and an order where a card was lost.
        frozenset({Aside.policy, Aside.refusal}),
        frozenset({Aside.policy, Aside.card}),
        # Which card a loss means depends on the one that went astray.
        frozenset({Aside.loss, Aside.card}),
    }
)
"""Which two are explored together: they write what the other asks."""

_ASIDES: Final[Mapping[Event, Aside]] = {
    Event.report_loss: Aside.loss,
    Event.hold: Aside.hold,
    Event.dispute_opened: Aside.dispute,
    Event.number_taken: Aside.dispute,
    Event.return_documents: Aside.supplement,
    Event.notice_period_passed: Aside.supplement,
    Event.escalated: Aside.benefits,
    Event.hold_benefits: Aside.benefits,
    Event.recompute: Aside.policy,
    Event.stuck: Aside.refusal,
    Event.order_refused: Aside.refusal,
    Event.register_changed: Aside.refusal,
    Event.commit_refused: Aside.refusal,
    Event.undo_failed: Aside.refusal,
    Event.card_lost_on_way: Aside.card,
    Event.card_turned_up: Aside.surplus,
}


def aside_of(event: Event, status: Status, *, changes: bool) -> Aside | None:
    """What comes in between with an event in a status; nothing where it leaves the case as it is."""
    if event is Event.resolve_duplicate and status is not Status.merging:
        return Aside.merge
    return _ASIDES.get(event) if changes else None


def is_explored(between: frozenset[Aside]) -> bool:
    """Whether lives are followed in which all of these come in between."""
    return len(between) <= 1 or between in MEET
