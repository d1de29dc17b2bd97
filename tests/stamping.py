"""Stamps for tests: the published key's, minted without asking who may have one, so that the engine itself is tried."""

from datetime import UTC, datetime
from typing import Final, TypeVar

from activities.stamps import Stamps, TrustedKeys
from cases.events import OPEN, Act, Event
from cases.facts import Fact
from cases.kinds import case_id
from cases.models import Actor, Role
from cases.openings import Opening
from cases.stamps import Place
from gate.gate import mint
from gate.stamp_keys import SigningKey

NAMESPACE: Final = "default"
"""Of the Temporal server that tests share."""
KEY: Final = SigningKey.sample()
STAMPS: Final = Stamps(TrustedKeys.sample(), NAMESPACE)

SomeFact = TypeVar("SomeFact", bound=Fact)


def stamp_of(
    content: Fact | Opening,
    case: str,
    event: Act,
    *,
    actor: Actor,
    at: datetime | None = None,
    key: SigningKey = KEY,
    audience: str = NAMESPACE,
    place: Place | None = None,
) -> str:
    """A stamp of whatever a test wants; what is not said is as the gate would have it, now."""
    moment = at or datetime.now(UTC)
    return mint(key, audience, actor=actor, case=case, event=event, content=content, at=moment, place=place)


def stamped(fact: SomeFact, case: str, event: Event, at: datetime | None = None) -> SomeFact:
    """The fact with a stamp of whoever it names."""
    stamp = stamp_of(fact, case, event, actor=fact.actor, at=at)
    return fact.model_copy(update={"stamp": stamp})


def stamped_opening(opening: Opening, at: datetime | None = None) -> Opening:
    """The opening with a stamp of its submitter; where that is no staff, of a system of the back office."""
    by = opening.submitter
    if not isinstance(by, Actor):
        return stamped_by_a_system(opening, at)
    stamp = stamp_of(opening, case_id(opening.kind, opening.person), OPEN, actor=by, at=at)
    return opening.model_copy(update={"stamp": stamp})


def stamped_by_a_system(opening: Opening, at: datetime | None = None) -> Opening:
    """The opening with a stamp of a system of the back office, whoever it names as its submitter."""
    system = Actor(id="back-office", role=Role.back_office, office=opening.region)
    stamp = stamp_of(opening, case_id(opening.kind, opening.person), OPEN, actor=system, at=at)
    return opening.model_copy(update={"stamp": stamp})
