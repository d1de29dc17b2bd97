"""The worlds in which cases are explored: applications, people, policy versions, and what the register may find.

Everything is synthetic, and every choice that the machine can tell apart is among them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from cases.clocks import WorkingCalendar
from cases.decide import GUARDS, initial_state
from cases.documents import Document, DocumentKind
from cases.kinds import KINDS
from cases.models import Actor, Role
from cases.names import Kind
from cases.numbers import Road
from cases.openings import Opening, ReplacementReason
from cases.policy import Policy, SupplementLimit
from cases.rules.deadlines import NUMBER_NOT_UPDATED
from cases.screening import Finding, Screening
from cases.state import CaseState

BEGINS: Final = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""A Monday, weeks before the campaign date: every rung is still to come."""
CALENDAR: Final = WorkingCalendar(published=frozenset(range(2026, 2030)))

TOKEN: Final = "a" * 26
SEALED: Final = "k1." + "A" * 54
DIGEST: Final = "0123456789abcdef" * 4

PEOPLE: Final[Mapping[Role, tuple[str, ...]]] = {
    Role.clerk: ("clerk-1", "clerk-2"),
    Role.officer: ("officer-1", "officer-2"),
    **{role: (role.value.replace("_", "-"),) for role in Role if role not in {Role.clerk, Role.officer}},
}
"""Who may act: two of each post in which one may have to be another than the other. The first clerk takes cases in."""

SYSTEMS: Final = frozenset({Role.card_bureau, Role.bank, Role.medical_insurance, Role.pension})
"""Roles of programs that answer what they were asked, or do not."""

_ROADS: Final[Mapping[Finding, tuple[Road, ...]]] = {
    Finding.clear: (Road.pure_upgrade, Road.reissued),
    Finding.not_needed: (Road.not_needed,),
    Finding.conflict: (Road.conflict,),
    Finding.same_person: (Road.reissued,),
}


def document(kind: DocumentKind) -> Document:
    """A copy of a document of a kind."""
    digest = kind.value.encode().hex().ljust(64, "0")[:64]
    return Document(kind=kind, uri=f"doc://store/{kind.value}", media_type="application/pdf", size=1024, sha256=digest)


def actors(roles: Iterable[Role], office: str) -> tuple[Actor, ...]:
    """Everybody in some roles, at one office."""
    ordered = sorted(roles)
    return tuple(Actor(id=name, role=role, office=office) for role in ordered for name in PEOPLE[role])


@dataclass(frozen=True, eq=False)
class World:
    """The cases of one kind in one region, under every version of its policy that a case may come to follow."""

    kind: Kind
    name: str
    region: str
    policies: Mapping[str, Policy]
    """By pin; a case begins under the first."""

    @property
    def policy(self) -> Policy:
        """The version that new cases are pinned to."""
        return next(iter(self.policies.values()))

    def campaign_over(self, state: CaseState, at: datetime) -> bool:
        """Whether the campaign date has passed that still binds a case."""
        binds = KINDS[self.kind].campaign and state.milestone in NUMBER_NOT_UPDATED
        return binds and self._campaign_ends(state.terms.policy) <= at

    @cache  # noqa: B019 - a world lives as long as the program
    def _campaign_ends(self, pin: str) -> datetime:
        return self.policies[pin].campaign_ends(CALENDAR).at

    def beginnings(self) -> Iterator[CaseState]:
        """Cases that were applied for just now, with whatever the register may have found."""
        for opening in self._openings():
            blank = initial_state(opening)
            for screening in self.findings(blank):
                found = blank.model_copy(update={"screening": screening})
                yield found
                # What is in force beside the road is tried on one road, or everything would be explored twice.
                if screening.finding is Finding.clear and screening.road is None and not opening.is_urgent:
                    yield found.model_copy(update={"benefits_held": True, "submitter_named": True})

    def findings(self, state: CaseState) -> Iterator[Screening]:
        """What the register may answer when the case is screened, once or again."""
        pinned = state.screening.terms.policy if state.screening is not None else self.policy.pin
        policy = self.policies[pinned]
        for finding in Finding:
            for road in self._roads(finding, state, policy):
                screening = Screening(
                    finding=finding,
                    terms=policy.terms(self.kind),
                    road=road,
                    demands=policy.demands(state.opening, road),
                    # Who draws a pension waits once more; who does not, waits in one place less.
                    draws_pension=True,
                )
                if finding is Finding.clear or self._is_asked_for(state, screening):
                    yield screening

    def _roads(self, finding: Finding, state: CaseState, policy: Policy) -> tuple[Road | None, ...]:
        roads = {policy.demands(state.opening, road): road for road in _ROADS[Finding.clear]}
        return _ROADS.get(finding, (None,)) if len(roads) > 1 else (None,)

    def _is_asked_for(self, state: CaseState, screening: Screening) -> bool:
        """Whether a row of the first step asks for just this finding."""
        machine = state.machine
        step = machine.statuses[machine.initial].engine_step
        found = state.model_copy(update={"screening": screening})
        clear = state.model_copy(
            update={"screening": screening.model_copy(update={"finding": Finding.clear, "road": screening.road})}
        )
        return any(
            step is row.event and GUARDS[row.guard](found, None) and not GUARDS[row.guard](clear, None)
            for row in machine.table
        )

    def _openings(self) -> Iterator[Opening]:
        """An urgent application and another, each without documents and with all that are demanded."""
        seen: set[bool] = set()
        model = KINDS[self.kind].opening
        for reason in ReplacementReason:
            fields: dict[str, Any] = {
                "kind": self.kind,
                "person": TOKEN,
                "name": SEALED,
                "number": SEALED,
                "number_token": TOKEN,
                "region": self.region,
                # Whoever takes an application in may do less with it than anybody else.
                "submitter": Actor(id=PEOPLE[Role.clerk][0], role=Role.clerk, office=self.region),
                "key": "key-1",
                "fingerprint": TOKEN,
            }
            if "reason" in model.model_fields:
                fields["reason"] = reason
            opening = model.model_validate(fields)
            asked = tuple(demand.document for road in (None, *Road) for demand in self._demands(opening, road))
            if opening.is_urgent in seen:
                continue
            seen.add(opening.is_urgent)
            for papers in ((), tuple(document(kind) for kind in dict.fromkeys(asked))):
                yield opening.model_copy(update={"documents": papers})

    def _demands(self, opening: Opening, road: Road | None) -> Iterator[Any]:
        for policy in self.policies.values():
            yield from policy.demands(opening, road)


def worlds(packs: Iterable[Policy]) -> tuple[World, ...]:
    """A world for each kind and each pack: with the versions there are, and with versions that say the opposite.

    Nobody knows what the next version of a policy will say. It may say what another region says today, and it may
    wait for less: no system confirms, one function is enough.
    """
    known = tuple(map(_with_least_bounds, packs))
    made = []
    for kind in KINDS:
        for pack in known:
            others = (other for other in known if other is not pack)
            versions = [pack, *(_next_after(pack, other, at) for at, other in enumerate(others, 1))]
            region = pack.regions[0].ljust(6, "0")[:4] + "05"
            made.append(World(kind, pack.name, region, {policy.pin: policy for policy in versions}))
    return tuple(made)


def _with_least_bounds(pack: Policy) -> Policy:
    """The same pack where whatever may be repeated some times may be once: a third reminder leads nowhere else.

    Two systems are waited for where there are more: one that is the last, and one that is not. What may not be repeated
    at all, and what nobody waits for, stays so.
    """
    cards, change = pack.replacement, pack.number_change
    least = {
        "supplement": _two_rounds(cards.supplement),
        "production_attempts": min(cards.production_attempts, 2),
        "lost_on_way": min(cards.lost_on_way, 1),
        "claim_reminder_days": cards.claim_reminder_days[:1],
        "activation_reminders": min(cards.activation_reminders, 1),
    }
    fewer = {"supplement": _two_rounds(change.supplement), "confirmations": change.confirmations[:2]}
    return pack.model_copy(
        update={"replacement": cards.model_copy(update=least), "number_change": change.model_copy(update=fewer)}
    )


def _two_rounds(limit: SupplementLimit) -> SupplementLimit:
    return limit.model_copy(update={"rounds": min(limit.rounds, 2)})


def _next_after(pack: Policy, other: Policy, later: int) -> Policy:
    cards = other.replacement.model_copy(update={"functions": other.replacement.functions[:1]})
    return other.model_copy(
        update={
            "name": pack.name,
            "version": pack.version + later,
            "regions": pack.regions,
            "replacement": cards,
        }
    )
