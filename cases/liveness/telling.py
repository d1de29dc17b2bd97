"""What a case may be told: the facts of an event, made from its model, its form and what the case itself knows.

An event that is added later needs no line here: its form is its example, and whatever its fact leaves open (a choice,
yes or no, a reference to something of the case) is tried in every way.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache, cached_property
from itertools import product
from types import UnionType
from typing import Annotated, Any, Final, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, StringConstraints, ValidationError

from cases.answers import CaseView
from cases.documents import Defect, Document, DocumentKind
from cases.errors import CaseError
from cases.events import EVENTS, FACTS, Event
from cases.facts import Fact, HoldReason
from cases.kinds import KINDS
from cases.liveness.states import PAST_ORDERS_ARE_TOLD_APART
from cases.liveness.worlds import DIGEST, SEALED, SYSTEMS, TOKEN, actors, document
from cases.models import Actor, IsoDate, OrderId, Role
from cases.state import CaseState
from cases.views import view_of

_OF_EVERY_FACT: Final = frozenset(Fact.model_fields)
_SAMPLES: Final = (TOKEN, SEALED, DIGEST, "ord-" + TOKEN, "pub-" + TOKEN, "ref-1")
_WORDS: Final = re.compile(r'"([^"\\]{1,2000})"')

Choices = tuple[tuple[str, tuple[Any, ...]], ...]


class Contents:
    """All facts of an event of which none says the same as another, whoever says them."""

    def __init__(self, event: Event, office: str, facts: Iterable[Fact]) -> None:
        self._event: Final = event
        self._office: Final = office
        self.facts: Final = tuple({fact.model_dump_json(exclude={"actor"}): fact for fact in facts}.values())
        self._said: Final[dict[frozenset[str], tuple[Fact, ...]]] = {}

    def said_by_all(self, known: frozenset[str]) -> tuple[Fact, ...]:
        """The same facts, each by everybody whose word makes a difference to a case that knows some people."""
        # Thousands of states are told the same by the same.
        said = self._said.get(known)
        if said is None:
            speakers = _among(self._event, self._office, known)
            said = tuple(fact.model_copy(update={"actor": actor}) for fact in self.facts for actor in speakers)
            self._said[known] = said
        return said


def known_to(state: CaseState) -> frozenset[str]:
    """Whoever has acted on a case so that somebody else may have to act next."""
    decided = (*(said.decided_by for said in state.opinions), *(said.decided_by for said in state.judgements))
    stated = (said.stated_by for said in state.destruction)
    known = {state.opening.taken_in_by, state.verifier, state.approver, *decided, *stated}
    return frozenset(name for name in known if name is not None)


@cache
def _among(event: Event, office: str, known: frozenset[str]) -> tuple[Actor, ...]:
    """Who of those that may tell an event is known to the case, one who is not, and every system."""
    everybody = actors(EVENTS[event].roles, office)
    people = [actor for actor in everybody if actor.role not in SYSTEMS]
    strangers = [actor for actor in people if actor.id not in known]
    chosen = [actor for actor in people if actor.id in known] + strangers[:1]
    return (*chosen, *(actor for actor in everybody if actor.role in SYSTEMS))


class Situation:
    """A case as it stands at a moment, and what it may be told there of each event."""

    def __init__(self, state: CaseState, at: datetime, policies: Iterable[str]) -> None:
        self.state: Final = state
        self.at: Final = at
        self.policies: Final = tuple(policies)

    def later(self, by: timedelta) -> Self:
        """The same case after a while."""
        return type(self)(self.state, self.at + by, self.policies)

    @cached_property
    def view(self) -> CaseView:
        """What whoever tells the case something sees of it."""
        return view_of(self.state, self.at)

    @cached_property
    def known(self) -> frozenset[str]:
        """Whoever is known to the case."""
        return known_to(self.state)

    def contents(self, event: Event) -> tuple[Fact, ...]:
        """Every fact of an event that says something else, each by one who may tell it."""
        return self._made(event).facts

    def facts(self, event: Event) -> tuple[Fact, ...]:
        """Every fact of an event, by everybody whose word makes a difference.

        Two people of one post differ only where the case knows one of them already.
        """
        return self._made(event).said_by_all(self.known)

    def _made(self, event: Event) -> Contents:
        return _made(event, self.state.opening.region, _choices(event, self))


def _choices(event: Event, case: Situation) -> Choices:
    form = EVENTS[event].form
    said: dict[str, Any] = {**form.example}
    if form.known is not None:
        said |= form.known(case.view)
    return tuple(
        (name, tuple(_values(name, _whole(field), said.get(name), case)))
        for name, field in FACTS[event].model_fields.items()
        if name not in _OF_EVERY_FACT
    )


def _whole(field: Any) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _values(name: str, asked: Any, said: Any, case: Situation) -> Iterator[Any]:
    """Every value of a field that makes a difference: of its type, else of its words, else what the form says."""
    origin, inner = get_origin(asked), get_args(asked)
    own = _OF_FIELDS.get(name) or _OF_TYPES.get(inner[:1] if origin is tuple else asked)
    if origin in {Union, UnionType}:
        for each in inner:
            yield from (None,) if each is type(None) else _values(name, each, said, case)
    elif own is not None:
        yield from own(case)
    elif (pattern := _pattern(asked)) is not None:
        yield from _words(pattern, said, case.state)
    elif origin is Annotated:
        yield from _values(name, inner[0], said, case)
    elif origin is Literal:
        yield from inner
    elif isinstance(asked, type) and issubclass(asked, Enum):
        yield from asked
    elif isinstance(asked, type) and issubclass(asked, BaseModel):
        yield from _wholes(asked, case)
    elif said is not None:
        yield said
    else:
        raise TypeError(f"no value for {name}: {asked}")


def _wholes(model: type[BaseModel], case: Situation) -> Iterator[BaseModel]:
    """Every valid whole of a model, by the values of its fields."""
    fields = model.model_fields.items()
    choices = [tuple(_values(name, _whole(field), None, case)) for name, field in fields]
    for values in product(*choices):
        try:
            yield model.model_validate(dict(zip(model.model_fields, values, strict=True)))
        except (CaseError, ValidationError):
            # What its fields may be each by itself, they may not all be together.
            continue


def _pattern(asked: Any) -> str | None:
    if get_origin(asked) is not Annotated:
        return None
    found = (each.pattern for each in get_args(asked)[1:] if isinstance(each, StringConstraints) and each.pattern)
    return next((str(pattern) for pattern in found), None)


def _words(pattern: str, said: Any, state: CaseState) -> Iterator[str]:
    """Words of a pattern: what the form says, else what stands in the case itself, and one of something else."""
    if said:
        yield said
        return
    fits = re.compile(pattern).search
    of_the_case = {word for word in _WORDS.findall(state.model_dump_json(exclude={"opening"})) if fits(word)}
    yield from sorted(of_the_case - set(_SAMPLES))
    yield next(sample for sample in _SAMPLES if fits(sample))


def _reasons(case: Situation) -> Iterator[HoldReason]:
    """The reason for which the engine itself holds, and one of those that are people's: they differ in days alone."""
    if (own := KINDS[case.state.kind].hold) is not None:
        yield own
    yield next(term.reason for term in case.state.terms.holds if term.reason is not own)


def _defects(case: Situation) -> Iterator[tuple[dict[str, Any], ...]]:
    screening = case.state.screening
    demands = tuple(demand.document for demand in screening.demands) if screening is not None else ()
    expire = tuple(copy.kind for copy in case.state.documents if copy.expires_on is not None)
    # One, all, those that expire, and one that nobody asked for so far.
    ways = (demands[:1] or (DocumentKind.resident_id_card,), demands, expire, (DocumentKind.photograph,))
    for kinds in dict.fromkeys(ways):
        if kinds:
            yield tuple({"document": kind, "problem": "不清晰"} for kind in kinds)


def _orders(case: Situation) -> Iterator[OrderId]:
    """The order in force, one of each sort that is not, and, where there is none of any, one of nobody's."""
    state = case.state
    sorts = (state.attempts, state.surplus, state.past_orders if state.status in PAST_ORDERS_ARE_TOLD_APART else ())
    known = dict.fromkeys((*filter(None, (state.order,)), *(orders[-1] for orders in sorts if orders)))
    yield from known or (f"ord-{TOKEN}",)


def _papers(case: Situation) -> Iterator[tuple[Document, ...]]:
    missing = tuple(demand.document for demand in case.state.missing)
    defective = tuple(defect.document for defect in case.state.defects)
    for kinds in dict.fromkeys((missing, missing[:1], defective, (DocumentKind.photograph,))):
        if kinds:
            yield tuple(document(kind) for kind in kinds)


def _witnesses(case: Situation) -> Iterator[Actor]:
    yield from (actor for actor in actors(Role, case.state.opening.region) if actor.role not in _NO_WITNESSES)


_NO_WITNESSES: Final = SYSTEMS | {Role.applicant, Role.back_office}
_OF_FIELDS: Final[Mapping[str, Callable[[Situation], Iterable[Any]]]] = {
    "policy": lambda case: case.policies,
    "order": _orders,
    # Who speaks for the applicant is checked, and leads nowhere else.
    "on_behalf": lambda _case: (None,),
}
_OF_TYPES: Final[Mapping[Any, Callable[[Situation], Iterable[Any]]]] = {
    bool: lambda _case: (True, False),
    date: lambda case: (case.at.date(),),
    IsoDate: lambda case: (case.at.date(),),
    HoldReason: _reasons,
    Actor: _witnesses,
    Document: lambda _case: (document(DocumentKind.police_certificate),),
    (Document,): _papers,
    (Defect,): _defects,
}


_CONTENTS: Final[dict[tuple[Event, str, str], Contents]] = {}


def _made(event: Event, office: str, choices: Choices) -> Contents:
    key = (event, office, repr(choices))
    if key not in _CONTENTS:
        _CONTENTS[key] = Contents(event, office, _all(event, office, choices))
    return _CONTENTS[key]


def _all(event: Event, office: str, choices: Choices) -> Iterator[Fact]:
    names = [name for name, _ in choices]
    actor = actors(EVENTS[event].roles, office)[0]
    for values in product(*(each for _, each in choices)):
        content = dict(zip(names, values, strict=True))
        try:
            yield FACTS[event].model_validate({**content, "actor": actor})
        except (CaseError, ValidationError):
            # Not every combination of its fields is a fact: an acceptance without a system is none.
            continue
