"""Queues: what waits for whom, derived from where cases stand and why somebody should look at them.

No status of any kind is named here: whom a case waits for, its machine says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from cases.delivery import Tongue
from cases.kinds import MACHINES
from cases.ladder import Rung
from cases.machines.machine import Awaits
from cases.models import Role
from cases.names import Kind

_REVIEWS: Final = frozenset({Role.clerk, Role.officer})
_DECIDES: Final = frozenset({Role.officer, Role.supervisor})
_LOOKS_AFTER: Final = frozenset({Role.operator, Role.supervisor})
_EVERYBODY: Final = _REVIEWS | _DECIDES | _LOOKS_AFTER


class Group(NamedTuple):
    """Open cases of which a queue asks the same."""

    kind: Kind
    status: str
    attention: frozenset[str]
    taken_in: bool
    """Whoever looks took them in."""
    verified: bool
    """Whoever looks verified them."""
    cases: int


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Open cases that wait for the same thing."""

    name: str
    zh: str
    en: str
    roles: frozenset[Role]
    """For whom they wait."""
    awaits: frozenset[Awaits] = frozenset()
    attention: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    """For what a case that stands there waits instead."""
    not_taken_in: bool = False
    """Whoever took a case in does not take this step."""
    not_verified: bool = False
    """Neither does whoever verified it."""

    def word(self, tongue: Tongue) -> str:
        """What it is called."""
        return self.zh if tongue is Tongue.zh else self.en

    @property
    def places(self) -> tuple[str, ...]:
        """Kind and status of its cases, as one word each."""
        return tuple(
            place_of(kind, status)
            for kind, machine in MACHINES.items()
            for status, row in machine.statuses.items()
            if row.awaits in self.awaits
        )

    def holds(self, group: Group) -> bool:
        """Whether cases are in it, for whoever looks."""
        if group.attention & self.attention:
            return True
        if place_of(group.kind, group.status) not in self.places or group.attention & self.unless:
            return False
        return not ((self.not_taken_in and group.taken_in) or (self.not_verified and group.verified))


def place_of(kind: Kind, status: str) -> str:
    """Kind and status as one word, as `desk/register.sql` compares them."""
    return f"{kind.value}/{status}"


QUEUES: Final = (
    Queue(
        name="reviews",
        zh="待审核",
        en="to review",
        roles=_REVIEWS,
        awaits=frozenset({Awaits.clerk}),
        unless=frozenset({"hold"}),
        not_taken_in=True,
    ),
    Queue(
        name="approvals",
        zh="待复核审批",
        en="to approve",
        roles=_DECIDES,
        awaits=frozenset({Awaits.second_officer}),
        not_taken_in=True,
        not_verified=True,
    ),
    Queue(
        name="disputes",
        zh="争议待认定",
        en="disputes to decide",
        roles=_DECIDES,
        awaits=frozenset({Awaits.two_officers}),
        attention=frozenset({"dispute", "duplicate"}),
    ),
    Queue(
        name="decisions",
        zh="待遇待决定",
        en="decisions owed on benefits",
        roles=_DECIDES,
        attention=frozenset({"decision"}),
    ),
    Queue(
        name="cards",
        zh="待两人销毁",
        en="cards to destroy",
        roles=frozenset({Role.clerk}),
        awaits=frozenset({Awaits.two_people}),
        attention=frozenset({"surplus_card"}),
    ),
    Queue(
        name="repair",
        zh="异常待处理",
        en="in repair",
        roles=_LOOKS_AFTER,
        awaits=frozenset({Awaits.operator}),
        attention=frozenset({"repair", "undelivered"}),
    ),
    Queue(
        name="late",
        zh="超期与督办",
        en="late",
        roles=frozenset({Role.clerk, Role.officer, Role.supervisor}),
        attention=frozenset({"overdue", *(rung.name for rung in Rung if rung >= Rung.yellow)}),
    ),
    Queue(name="hold", zh="中止办理", en="on hold", roles=_REVIEWS, attention=frozenset({"hold"})),
    Queue(
        name="applicant",
        zh="待申请人补正",
        en="waiting for the applicant",
        roles=frozenset(),
        awaits=frozenset({Awaits.applicant}),
    ),
    Queue(
        name="outside",
        zh="待外部系统",
        en="waiting for other systems",
        roles=frozenset(),
        awaits=frozenset({Awaits.downstream, Awaits.card_bureau}),
    ),
)
"""In the order in which they are shown."""

BY_NAME: Final = {queue.name: queue for queue in QUEUES}


def mine(role: Role) -> tuple[Queue, ...]:
    """What waits for a role."""
    return tuple(queue for queue in QUEUES if role in queue.roles)


def counted(queues: Iterable[Queue], groups: Iterable[Group]) -> Iterator[tuple[Queue, int]]:
    """How many cases each queue holds."""
    groups = tuple(groups)
    for queue in queues:
        yield queue, sum(group.cases for group in groups if queue.holds(group))


def any_of(queues: Iterable[Queue], groups: Iterable[Group]) -> int:
    """How many cases are in one of the queues at least."""
    queues = tuple(queues)
    return sum(group.cases for group in groups if any(queue.holds(group) for queue in queues))
