"""Stories of card replacements: what is told to a case from its application on."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from cases.documents import DocumentKind
from cases.events import Event
from cases.facts import CardFunction, HandOver
from cases.openings import ReplacementReason
from rehearsal.chance import Chance
from rehearsal.changes import Steps, person_ends
from rehearsal.lives import Act, Learns, Part, Says, Story

_A_MOMENT: Final = timedelta(minutes=5)

SHARES: Final[Mapping[Story, float]] = {
    Story.lost: 26,
    Story.worn: 24,
    Story.found: 8,
    Story.unconfirmed_loss: 8,
    Story.failed_production: 8,
    Story.lost_on_way: 8,
    Story.unclaimed: 5,
    Story.never_activated: 4,
    Story.withdrawn: 3,
    Story.person_ended: 3,
    Story.learnt: 3,
}
_LOST: Final = frozenset({Story.lost, Story.found, Story.unconfirmed_loss})
_REASONS: Final[Mapping[ReplacementReason, float]] = {
    ReplacementReason.damaged: 40,
    ReplacementReason.expired: 35,
    ReplacementReason.old_generation: 25,
}


def reason(chance: Chance, story: Story) -> ReplacementReason:
    """Why a card is replaced in a story."""
    return ReplacementReason.lost if story in _LOST else chance.one_of(_REASONS)


def papers(because: ReplacementReason) -> tuple[DocumentKind, ...]:
    """What a policy may ask for."""
    return (
        DocumentKind.resident_id_card,
        *((DocumentKind.old_card,) if because is ReplacementReason.damaged else ()),
    )


def _ordered(chance: Chance, since: datetime) -> Act:
    """The original was seen, and the card is ordered."""
    return Act(chance.worked(since, 1, 5), Event.verify_documents, Part.clerk, {"original_seen": True})


def _produced(at: datetime, *, produced: bool = True, late: bool = False) -> Act:
    says: Says = {"produced": produced, "batch": "batch/1"}
    return Act(at, Event.card_produced, Part.card_bureau, says, late=late)


def _handed_over(at: datetime, by: HandOver, *, late: bool = False) -> Act:
    return Act(at, Event.card_handed_over, Part.clerk, {"by": by.value, "evidence": "receipt/1"}, late=late)


def _activated(chance: Chance, since: datetime) -> Steps:
    return [
        Act(chance.worked(since, 1, 3), event, part, {"function": function.value})
        for event, part, function in (
            (Event.card_activated, Part.clerk, CardFunction.social),
            (Event.card_activated, Part.bank, CardFunction.bank),
        )
    ]


def _received(chance: Chance, since: datetime) -> Steps:
    handed_over = chance.worked(since, 1, 12)
    return [_handed_over(handed_over, HandOver.counter), *_activated(chance, handed_over)]


def _made(chance: Chance, since: datetime) -> Steps:
    ordered = _ordered(chance, since)
    # A bureau that takes longer than its time is overdue, and the card comes all the same.
    produced = chance.worked(ordered.at, 3, 9)
    return [ordered, _produced(produced), *_received(chance, produced)]


def _confirmed_loss(at: datetime) -> Act:
    return Act(at, Event.confirm_loss, Part.counter, {"evidence": "loss/1"})


def _lost(chance: Chance, arrives_at: datetime) -> Steps:
    confirmed = chance.worked(arrives_at, 1, 5)
    return [_confirmed_loss(confirmed), *_made(chance, confirmed)]


def _found(chance: Chance, arrives_at: datetime) -> Steps:
    found = chance.worked(arrives_at, 1, 6)
    steps: Steps = [Act(found, Event.card_found, Part.counter)]
    return [_confirmed_loss(arrives_at + _A_MOMENT), *steps] if chance.happens(0.4) else steps


def _unconfirmed_loss(chance: Chance, arrives_at: datetime) -> Steps:
    # Where the report's end cancels the card the case goes on by itself.
    return _made(chance, arrives_at + timedelta(days=16))


def _failed_production(chance: Chance, arrives_at: datetime) -> Steps:
    ordered = _ordered(chance, arrives_at)
    failed = chance.worked(ordered.at, 1, 3)
    produced = chance.worked(failed, 2, 5)
    late = chance.worked(produced, 1, 2)
    turned_up = late + timedelta(hours=1)
    received = chance.worked(late, 1, 6)
    return [
        ordered,
        _produced(failed, produced=False),
        _produced(produced),
        _produced(late, late=True),
        Act(turned_up, Event.card_turned_up, Part.card_bureau, {"batch": "batch/1"}, late=True),
        Act(turned_up + _A_MOMENT, Event.card_destroyed, Part.card_bureau, {"record": "destroyed/1"}, late=True),
        # The same person a second time is not two people.
        Act(turned_up + 2 * _A_MOMENT, Event.card_destroyed, Part.card_bureau, {"record": "destroyed/1"}, late=True),
        Act(turned_up + 3 * _A_MOMENT, Event.card_destroyed, Part.clerk, {"record": "destroyed/1"}, late=True),
        _handed_over(received, HandOver.counter),
        *_activated(chance, received),
    ]


def _lost_on_way(chance: Chance, arrives_at: datetime) -> Steps:
    ordered = _ordered(chance, arrives_at)
    at = ordered.at
    steps: Steps = [ordered]
    # Some cards are lost more often than the policy orders another one.
    for _ in range(chance.count(1, 3)):
        produced = chance.worked(at, 2, 5)
        posted = produced + timedelta(hours=1)
        at = chance.worked(posted, 4, 9)
        says: Says = {"evidence": "post/1"}
        steps += [
            _produced(produced),
            *([_handed_over(posted, HandOver.post)] if chance.happens(0.6) else []),
            Act(at, Event.card_lost_on_way, Part.clerk, says),
        ]
    repaired = chance.worked(at, 1, 2)
    retry: Says = {"action": "retry", "evidence": "repair/1"}
    produced = chance.worked(repaired, 2, 5)
    return [
        *steps,
        Act(repaired, Event.repair, Part.operator, retry),
        _produced(produced),
        # The post delivers the lost one after all.
        _handed_over(produced + _A_MOMENT, HandOver.post, late=True),
        *_received(chance, produced),
    ]


def _unclaimed(chance: Chance, arrives_at: datetime) -> Steps:
    ordered = _ordered(chance, arrives_at)
    produced = chance.worked(ordered.at, 3, 9)
    destroyed = chance.passed(produced, 91, 95)
    says: Says = {"record": "destroyed/1"}
    return [
        ordered,
        _produced(produced),
        # Too early: its time has not passed.
        Act(chance.passed(produced, 20, 40), Event.card_unclaimed, Part.clerk, says),
        Act(destroyed, Event.card_unclaimed, Part.clerk, says),
        Act(destroyed + _A_MOMENT, Event.card_unclaimed, Part.card_bureau, says),
    ]


def _never_activated(chance: Chance, arrives_at: datetime) -> Steps:
    return _made(chance, arrives_at)[:3]


def _withdrawn(chance: Chance, arrives_at: datetime) -> Steps:
    return [Act(chance.worked(arrives_at, 1, 6), Event.withdraw, Part.counter)]


def _person_ended(chance: Chance, arrives_at: datetime) -> Steps:
    return [*_made(chance, arrives_at), person_ends(chance, arrives_at)]


def _learnt(chance: Chance, arrives_at: datetime) -> Steps:
    return [*_made(chance, arrives_at), Learns(chance.worked(arrives_at, 1, 12))]


STORIES: Final[Mapping[Story, Callable[[Chance, datetime], Steps]]] = {
    Story.lost: _lost,
    Story.worn: _made,
    Story.found: _found,
    Story.unconfirmed_loss: _unconfirmed_loss,
    Story.failed_production: _failed_production,
    Story.lost_on_way: _lost_on_way,
    Story.unclaimed: _unclaimed,
    Story.never_activated: _never_activated,
    Story.withdrawn: _withdrawn,
    Story.person_ended: _person_ended,
    Story.learnt: _learnt,
}


def loses_their_card(chance: Chance, arrives_at: datetime) -> Steps:
    """Whatever the case is about, the card in use is lost meanwhile; it is found, or not, or nobody says more."""
    lost = chance.at_any_hour(arrives_at, 45)
    steps: Steps = [Act(lost, Event.report_loss, Part.bank, {"evidence": "loss/2"})]
    if chance.happens(0.4):
        return [*steps, Act(chance.passed(lost, 1, 20), Event.card_found, Part.counter)]
    if chance.happens(0.6):
        return [*steps, Act(chance.passed(lost, 1, 8), Event.confirm_loss, Part.counter, {"evidence": "loss/2"})]
    return steps
