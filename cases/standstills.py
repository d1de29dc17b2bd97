"""Standstills: cases, and what serves them, that do not go on although they should. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from cases.decide import next_step, way_from
from cases.events import Event
from cases.machines.machine import Status
from cases.state import CaseState
from cases.views import possible_events

PATIENCE: Final = timedelta(minutes=5)
"""So late may be what is due, or a step of the engine, before that counts. A rung is half a minute late at most."""

_LEADS_NOWHERE: Final = frozenset(
    {Event.acknowledge, Event.person_ended, Event.recompute, Event.reject, Event.withdraw}
)
"""What may be told whatever a case waits for."""

OF_NEIGHBOURS: Final = (Event.dispute_lost, Event.dispute_won, Event.dispute_lapsed, Event.number_changed)
"""What a case is told once, by the case that moved: a case that is told nothing waits for ever. Of a turn each asks
again by itself, and of benefits, reports and ends of persons it is told by what looks at all of them."""
WAITING_FOR_NEIGHBOURS: Final = (Status.disputed, Status.on_hold)
"""Where that leads on."""


class Standstill(StrEnum):
    """What stands still, in the words of who looks after it."""

    late = "late"
    """What was due has not happened: a time limit has ended, or a rung has come."""
    step = "step"
    """The engine does not make the step that it makes next, or one that a neighbour should have told."""
    no_way_on = "no_way_on"
    """No limit runs, no step is to be made, and nobody is asked."""
    task = "task"
    """A workflow task fails, again and again."""
    activity = "activity"
    """An activity has been retried for longer than its kind may."""
    message = "message"
    """Messages to people are not sent although it is time."""
    event = "event"
    """What happened is not published, a receiver accepts nothing, or a campaign opens no rows."""


class Stands(NamedTuple):
    """How a case stands still, at what, and since when."""

    kind: Standstill
    what: str
    since: datetime


def standstill_of(state: CaseState, moved_at: datetime, at: datetime) -> Stands | None:
    """How a case stands still at a moment by what the register holds, None where it does not.

    A case that waits for its turn is none of these; whoever asks knows which.
    """
    if not state.is_open:
        return None
    upcoming, step = state.upcoming, next_step(state, at)
    if upcoming is not None and upcoming.at <= at - PATIENCE:
        return Stands(Standstill.late, upcoming.event.value, upcoming.at)
    if step is not None:
        return Stands(Standstill.step, step.value, moved_at) if moved_at <= at - PATIENCE else None
    if upcoming is None and not _asks_somebody(state, at):
        return Stands(Standstill.no_way_on, state.status.value, moved_at)
    return None


def unheard_by(state: CaseState, said: Iterable[Event], moved_at: datetime, at: datetime) -> Stands | None:
    """What leads a case on, and the register says of its neighbours, and the case has never heard; None where nothing.

    `said` are those of `OF_NEIGHBOURS` that the register would let a case be told.
    """
    if not state.is_open or moved_at > at - PATIENCE:
        return None
    for event in said:
        way = way_from(state, event, None, at)
        if way and way[0] is not state.status:
            return Stands(Standstill.step, event.value, moved_at)
    return None


def _asks_somebody(state: CaseState, at: datetime) -> bool:
    """Whether somebody may tell the case what leads it on, and not only to its end or nowhere."""
    return bool(set(possible_events(state, at)) - _LEADS_NOWHERE)
