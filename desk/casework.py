"""A case as its page shows it: read from the register alone, masked, with what whoever looks may do now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from activities.registry.pool import Pool
from activities.registry.reading import AuditRow, CaseNow, case_now, transitions_of
from activities.registry.reveals import seen_by
from activities.sealing import Field, Sealer
from cases.answers import CaseView
from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.details import Item, Presentation, items_of
from cases.errors import CaseError, Code
from cases.events import Event
from cases.kinds import MACHINES, read_case_id
from cases.ladder import Rung
from cases.machines.machine import Milestone
from cases.offices import Recipient
from cases.rules.people import covers
from cases.views import as_seen_by, is_offered, looked_up, view_of
from cases.words import word
from desk.comparing import Comparison, compare
from desk.register import Beside, beside
from desk.visitors import Visitor
from gate.access import REVEALS
from gate.masking import in_clear, masked

_OF_EACH_QUESTION: Final = (
    ("who", frozenset({"awaits", "decide", "awaited", "undelivered", "differ", "decided", "judged", "destruction"})),
    ("when", frozenset({"due", "act_by", "notice", "processing", "campaign"})),
    ("lacking", frozenset({"attention", "missing", "defects", "error", "refusal", "late", "ended", "to_destroy"})),
    ("next", frozenset({"next", "climbs", "rung"})),
)
"""Which of what is shown answers one of the four questions; whatever is in none of them stands below."""


@dataclass(frozen=True)
class Person:
    """Whom a case is about, as whoever looks may see them."""

    name: str
    new_name: str | None
    compared: Comparison
    revealed: bool


@dataclass(frozen=True)
class Case:
    """One case before somebody."""

    now: CaseNow
    view: CaseView
    """With what this very person may tell it."""
    offered: tuple[Event, ...]
    """What they may tell it today, in the order in which a case is usually brought forward."""
    beside: Beside
    history: tuple[AuditRow, ...]
    person: Person

    @property
    def place(self) -> str:
        """Where it stands, for whoever decides on what they have read."""
        return f"{self.view.generation}.{self.view.version}"


class Cases:
    """Reads cases for those whose office answers for them."""

    def __init__(self, pool: Pool, sealer: Sealer) -> None:
        self._pool = pool
        self._sealer = sealer

    async def read(self, visitor: Visitor, case_id: str, at: datetime) -> Case:
        """A case. Raises `CaseError` CASE_UNKNOWN for one of another region as well, and where the register is away."""
        try:
            read_case_id(case_id)
        except CaseError:
            raise CaseError(Code.CASE_UNKNOWN) from None
        now = await case_now(self._pool, case_id)
        if now is None or not covers(visitor.actor.office, now.state.opening.region):
            raise CaseError(Code.CASE_UNKNOWN)
        view = looked_up(view_of(now.state, at, late_answers=now.late_answers), now.known)
        view = as_seen_by(view, visitor.actor)
        known = await beside(self._pool, case_id, view.generation, at)
        seen = await seen_by(self._pool, visitor.actor, [case_id], at)
        revealed = visitor.actor.role in REVEALS and seen.get(case_id, False)
        return Case(
            now=now,
            view=view,
            offered=_offered(view, at),
            beside=known,
            history=await transitions_of(self._pool, case_id),
            person=self._person(now, known, revealed=revealed),
        )

    def _person(self, now: CaseNow, known: Beside, *, revealed: bool) -> Person:
        opening = now.state.opening
        show = in_clear if revealed else masked
        new_name = getattr(opening, "new_name", None)
        old = known.replaced or known.living
        return Person(
            name=show(Field.name, self._opened(opening.name, Field.name, opening.person)),
            new_name=None if new_name is None else show(Field.name, self._opened(new_name, Field.name, opening.person)),
            compared=compare(
                None if old is None else self._opened(old, Field.number, opening.person),
                self._opened(opening.number, Field.number, opening.person),
                in_clear=revealed,
            ),
            revealed=revealed,
        )

    def _opened(self, sealed: str, field: Field, person: str) -> str:
        return self._sealer.open(sealed, field=field, person=person)


def _offered(view: CaseView, at: datetime) -> tuple[Event, ...]:
    today = at.astimezone(SHANGHAI).date()
    events = MACHINES[view.kind].events(view.status)
    return tuple(dict.fromkeys(event for event in events if is_offered(view, event, today)))


def shown(case: Case, visitor: Visitor, namespace: str, presentation: Presentation) -> dict[str, Any]:
    """What the page of a case says, in somebody's language."""
    tongue = visitor.tongue
    items = [_led_to_the_desk(item, case.view) for item in items_of(case.view, namespace, presentation)]
    questions = [
        {"name": name, "items": [item for item in items if item.name in names]} for name, names in _OF_EACH_QUESTION
    ]
    in_questions = frozenset().union(*(names for _, names in _OF_EACH_QUESTION))
    return {
        "case": case,
        "view": case.view,
        "questions": questions,
        "rest": [item for item in items if item.name not in in_questions],
        "stages": _stages(case.view.milestone, tongue),
        "rungs": [_rung(each.rung, tongue) for each in case.beside.rungs],
        "history": _history(case.history, tongue),
        "messages": [(each, _recipient(each.recipient, tongue)) for each in case.beside.messages],
    }


def _led_to_the_desk(item: Item, view: CaseView) -> Item:
    """A link to another case leads to its page here, not to Temporal's."""
    return item._replace(content=f"[{view.related}](/cases/{view.related})") if item.name == "related" else item


def _stages(reached: Milestone, tongue: Tongue) -> list[tuple[str, bool]]:
    return [(word(milestone, tongue), milestone is reached) for milestone in Milestone]


def _rung(rung: int, tongue: Tongue) -> str:
    return Rung(rung).zh if tongue is Tongue.zh else Rung(rung).name.replace("_", " ")


def _recipient(name: str, tongue: Tongue) -> str:
    return word(Recipient(name), tongue)


def _history(rows: Iterable[AuditRow], tongue: Tongue) -> list[dict[str, Any]]:
    """What happened, the newest first."""
    return [
        {
            "at": row.at,
            "event": _event(row.event, tongue),
            "to": word(row.to_status, tongue) if row.to_status is not row.from_status else "",
            "actor": row.actor,
            "refused": row.refused,
        }
        for row in reversed(list(rows))
    ]


def _event(name: str, tongue: Tongue) -> str:
    """The first row of a generation is its registration, which is no event."""
    if name in set(Event):
        return word(Event(name), tongue)
    return "受理登记" if tongue is Tongue.zh else "registered"
