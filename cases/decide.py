"""How a case moves: the pure function that decides its next state.

`decide` consults the table of the case's machine and the rules of `cases.rules`; nothing else in the project knows what
may follow what. The workflow calls it before and after waiting, the validators of updates call it to refuse early, and
tests walk it beside the real engine.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple, TypeVar

from cases.answers import Condition
from cases.clocks import SHANGHAI, day_of
from cases.documents import Demand
from cases.errors import CaseError, Code
from cases.events import Event, Origin
from cases.facts import Fact
from cases.kinds import KINDS
from cases.ladder import Dates
from cases.machines.machine import FOR_AN_ANSWER, OF_THE_CASE_ALONE, OTHERWISE, Clock, Effect, Guard, Row, Status
from cases.openings import Opening
from cases.rules import (
    asking,
    benefits,
    cards,
    deadlines,
    disputes,
    documents,
    holds,
    merging,
    numbers,
    people,
    policies,
    repairs,
    screening,
)
from cases.rules.deadlines import KEEPS_ITS_TIMER, ladder_after, limits_after
from cases.rules.documents import notice_after
from cases.rules.people import ENDS_A_PERSON, check_fact, check_speaker
from cases.rules.repairs import LEAVES_STUCK
from cases.rules.subject import Change, Check, EffectChange, LadderChange, Question, Subject
from cases.screening import Terms
from cases.state import CaseState, Timer

# In this order what remains of a case is named.
SUBJECTS: Final[tuple[Subject, ...]] = (
    screening.RULES,
    documents.RULES,
    people.RULES,
    policies.RULES,
    holds.RULES,
    disputes.RULES,
    merging.RULES,
    cards.RULES,
    numbers.RULES,
    asking.RULES,
    repairs.RULES,
    benefits.RULES,
    deadlines.RULES,
)
"""The rules of all subjects."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _merged(tables: Iterable[Mapping[K, V]]) -> Mapping[K, V]:
    merged: dict[K, V] = {}
    for table in tables:
        if twice := merged.keys() & table.keys():
            raise ValueError(f"two subjects have a rule for {sorted(map(str, twice))}")
        merged |= table
    return merged


CHECKS: Final[Mapping[Event, Check]] = _merged(each.checks for each in SUBJECTS)
GUARDS: Final[Mapping[Guard, Question]] = _merged(
    ({Guard.always: lambda _state, _fact: True}, *(each.guards for each in SUBJECTS))
)
CHANGES: Final[Mapping[Event, Change]] = _merged(each.changes for each in SUBJECTS)
EFFECTS: Final[Mapping[Effect, EffectChange]] = _merged(each.effects for each in SUBJECTS)
LADDER: Final[Mapping[Event, LadderChange]] = _merged(each.ladder for each in SUBJECTS)
_OFFERED: Final = _merged(each.offered for each in SUBJECTS)
_CONDITIONS: Final = _merged(each.conditions for each in SUBJECTS)
_UNKNOWN: Final = _merged(each.unknown for each in SUBJECTS)
_REFUSED: Final = _merged(each.refused for each in SUBJECTS)
_CLOCK_AGAIN: Final = frozenset(event for each in SUBJECTS for event in each.clock_again)
_CLOCK_AGAIN_BY: Final = frozenset(effect for each in SUBJECTS for effect in each.clock_again_by)
_CLOCK_SPENT: Final = _merged(each.clock_spent for each in SUBJECTS)
_ENDED_BECAUSE: Final = _merged(each.ended_because for each in SUBJECTS)
_REMAINS: Final = _merged(each.remains for each in SUBJECTS)
_IS_NO_RESULT: Final = frozenset({"surplus_card"})
"""What remains to be done after `done` as well; the rest is what such a case was for."""


class Decision(NamedTuple):
    """A transition that may be made: the row of the table, the state after it, and the time limit it starts."""

    row: Row
    after: CaseState
    clock: Clock | None
    """The clock whose due date the register computes: started anew, or going on where `after` still has its timer."""

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What the transition does to the register."""
        return self.row.effects


def initial_state(opening: Opening) -> CaseState:
    """The state of a case that was just applied for."""
    return CaseState(opening=opening, status=KINDS[opening.kind].machine.initial, documents=opening.handed_in)


def decide(state: CaseState, event: Event, fact: Fact | None, at: datetime, because: Code | None = None) -> Decision:
    """The transition that `event` makes at the moment `at`, or `CaseError` with the code why it makes none.

    Pure: equal arguments give equal answers. `fact` is the model of the event for events from outside, None otherwise;
    `because` is why the register refused a step, or what it found out: the case's last error, or why it ended.
    """
    rows = state.machine.rows(state.status, event)
    if not rows:
        raise CaseError(_unknown(state, event, fact))
    if fact is not None:
        check_fact(event, fact, state.opening.region)
        check_speaker(state, fact, day_of(at))
    if (code := _checked(state, event, fact, at)) is not None:
        raise CaseError(code)
    for row in rows:
        if GUARDS[row.guard](state, fact):
            return _decision(state, row, fact, at, because)
    raise CaseError(_refusal(state, event))


def may_be_told(state: CaseState, event: Event, today: date) -> bool:
    """Whether some fact of an event from outside could move the case on a day; whose, its roles say.

    What only the register knows counts as given (`condition_of`).
    """
    if (offered := _OFFERED.get(event)) is not None and not offered(state, today):
        return False
    rows = state.machine.rows(state.status, event)
    return any(row.guard not in OF_THE_CASE_ALONE or GUARDS[row.guard](state, None) for row in rows)


def condition_of(state: CaseState, event: Event, today: date) -> Condition | None:
    """On what it rests, apart from where the case stands, whether it may be told an event; None where on nothing."""
    condition = _CONDITIONS.get(event)
    return condition(state, today) if condition is not None else None


def next_step(state: CaseState, at: datetime) -> Event | None:
    """The step that the engine itself makes next from `state` at the moment `at`; None where it makes none.

    It makes none in a closed case, in one that is stuck or waits for somebody, and none that the status' own time limit
    puts off until later. It goes on where the case waits for what its policy asks for no more.
    """
    if state.stuck or not state.is_open:
        return None
    step = state.machine.statuses[state.status].engine_step
    waits = state.timer is not None and state.timer.event is step and state.timer.due_at > at
    if step is not None and not waits and _checked(state, step, None, at) is None:
        return step
    step = Event.nothing_awaited
    can_go_on = bool(state.machine.rows(state.status, step)) and _checked(state, step, None, at) is None
    return step if can_go_on else None


def way_from(state: CaseState, event: Event, fact: Fact | None, at: datetime) -> tuple[Status, ...]:
    """The statuses that a case is to pass by `event` and by the engine's own steps after it, if nothing is refused.

    Empty where the event itself is not possible. What the register refuses, only the register knows.
    """
    way: list[Status] = []
    step: Event | None = event
    try:
        while step is not None:
            state = decide(state, step, fact, at).after
            if not way or way[-1] is not state.status:
                way.append(state.status)
            step, fact = next_step(state, at), None
    except CaseError:
        pass
    return tuple(way)


def otherwise(event: Event, code: Code) -> Event | None:
    """What happens to a case when the register refuses it `event`; None where nothing does.

    A case whose person has ended ends, whatever was refused. Apart from that, what was told is simply refused; a step
    of the engine waits for its turn, has a way of its own, or leaves the case `stuck`, for an operator.
    """
    if code in ENDS_A_PERSON:
        return Event.person_found_ended
    if code is Code.PERSON_BUSY or event.origin not in {Origin.engine, Origin.timer}:
        return None
    return OTHERWISE.get((event, code)) or OTHERWISE.get((event, None)) or Event.stuck


def where_it_cannot_be_undone(decision: Decision, code: Code) -> Event | None:
    """What happens before an event that was to take a number back, when somebody else has the old one by now.

    The event itself is judged again after it, by a case that knows. None where the refusal has another reason.
    """
    undoes = Effect.restore_number in decision.effects
    return Event.undo_failed if undoes and code is Code.NUMBER_TAKEN else None


def _checked(state: CaseState, event: Event, fact: Fact | None, at: datetime) -> Code | None:
    check = CHECKS.get(event)
    return check(state, fact, at.astimezone(SHANGHAI).date()) if check is not None else None


def _refusal(state: CaseState, event: Event) -> Code:
    """Why none of the rows of a pair holds."""
    why = _REFUSED.get(event)
    return why(state) if why is not None else Code.EVENT_NOT_ALLOWED


def _unknown(state: CaseState, event: Event, fact: Fact | None) -> Code:
    """Why a pair has no row."""
    if not state.is_open:
        return Code.CASE_CLOSED
    why = _UNKNOWN.get(event)
    return why(state, fact) if why is not None else Code.EVENT_NOT_ALLOWED


def _decision(state: CaseState, row: Row, fact: Fact | None, at: datetime, because: Code | None) -> Decision:
    changed = _changed(state, row, fact, at, because)
    if because is not None and state.machine.is_open(row.to):
        # A case that waits for what is left of it knows already that its person has ended.
        changed["ended_because" if because in ENDS_A_PERSON else "last_error"] = because
    again = row.event in _CLOCK_AGAIN or not _CLOCK_AGAIN_BY.isdisjoint(row.effects)
    if again and row.event not in KEEPS_ITS_TIMER:
        changed["timer"] = None
    after = state.model_copy(update=changed)
    starts = row.to is not row.status or again
    clock = state.machine.statuses[row.to].clock if starts else None
    if row.event in KEEPS_ITS_TIMER:
        clock = after.timer.clock if after.timer is not None else None
    elif clock in FOR_AN_ANSWER and after.asked_at is None:
        clock = Clock.delivery
    if clock is not None and clock in _CLOCK_SPENT and _CLOCK_SPENT[clock](after):
        clock = None
        after = after.model_copy(update={"timer": None})
    return Decision(row, after, clock)


def _changed(state: CaseState, row: Row, fact: Fact | None, at: datetime, because: Code | None) -> dict[str, Any]:
    changed: dict[str, Any] = {
        "version": state.version + 1,
        "stuck": state.stuck and row.event in LEAVES_STUCK,
        "status": row.to,
        "milestone": state.machine.milestone(row.to, state.milestone),
    }
    for change in _by_status(row):
        changed |= change
    if row.to is not row.status:
        changed |= limits_after(state, row, at)
    for effect in row.effects:
        by_effect = EFFECTS.get(effect, {})
        changed |= by_effect(state) if callable(by_effect) else by_effect
    if (by_event := CHANGES.get(row.event)) is not None:
        changed |= by_event(state, fact, row)
    by_rung = LADDER[row.event](state, fact, at) if row.event in LADDER else {}
    changed["ladder"] = ladder_after(state, row, changed.get("hold_reason", state.hold_reason), at, by_rung)
    changed |= notice_after(state, state.model_copy(update=changed), row, at)
    return changed if state.machine.is_open(row.to) else _closed(state, row, changed, because)


def _by_status(row: Row) -> Iterator[Mapping[str, Any]]:
    if row.to is row.status:
        return
    yield {"overdue": False}
    for subject in SUBJECTS:
        yield subject.left.get(row.status, {})
        yield subject.entered.get(row.to, {})


def _closed(state: CaseState, row: Row, changed: dict[str, Any], because: Code | None) -> dict[str, Any]:
    """The changes of an ending: no limit runs on, and it says why it ended and what stays in effect."""
    changed |= {"timer": None, "set_aside": ()}
    if row.to is Status.done:
        changed["last_error"] = None
    if (code := _why_ended(state, row) or because) is not None:
        changed["ended_because"] = code
    return changed | {"remains": _remaining(state.model_copy(update=changed))}


def _why_ended(state: CaseState, row: Row) -> Code | None:
    machine = state.machine
    if row.event is machine.statuses[machine.initial].engine_step and state.screening is not None:
        by_finding = KINDS[state.kind].ended_by.get(state.screening.finding)
        if by_finding is not None:
            return by_finding
    return _ENDED_BECAUSE.get((row.to, row.event))


def _remaining(after: CaseState) -> tuple[str, ...]:
    """What stays in effect after an ending, in words an operator can act on; after `done`, what is no result of it."""
    left = tuple(what for what, in_effect in _REMAINS.items() if in_effect(after))
    return tuple(what for what in left if what in _IS_NO_RESULT) if after.status is Status.done else left


def settle(
    after: CaseState,
    clock: Clock | None,
    timer: Timer | None,
    related: str | None,
    terms: Terms | None = None,
    demands: tuple[Demand, ...] = (),
) -> CaseState:
    """The state after a step, with what only the register knows: the time limit, the related case, other terms.

    With other terms, `demands` are what they ask for. Of what the case was asked for before, that alone is left: one
    notice names everything, so that nothing is asked for in addition.
    """
    update: dict[str, Any] = {}
    if clock is not None:
        update["timer"] = timer
    if related is not None:
        update["related"] = related
    if terms is not None and after.screening is not None:
        asked_now = {demand.document: demand for demand in demands}
        left = tuple(asked_now[each.document] for each in after.screening.demands if each.document in asked_now)
        dropped = {each.document for each in after.screening.demands} - asked_now.keys()
        update["screening"] = after.screening.model_copy(update={"terms": terms, "demands": left})
        update["defects"] = tuple(defect for defect in after.defects if defect.document not in dropped)
    settled = after.model_copy(update=update)
    # Who has answered, or is asked no more, need not be reached.
    return settled.model_copy(update={"unasked": settled.undelivered}) if settled.unasked else settled


def with_dates(state: CaseState, dates: Dates) -> CaseState:
    """The settled state with the dates of its ladder."""
    return state.model_copy(update={"ladder": state.ladder.model_copy(update={"dates": dates})})
