"""Two officers decide the same, and not one alone: how opinions wait for, join, or contradict each other.

Where they differ neither takes the other's place: both stand until one of the two joins the other, or a supervisor
decides as one of them did.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from cases.errors import Code
from cases.models import Actor, Role, StaffId


class Opinion(Protocol):
    """What one officer decided, and what it rests on."""

    @property
    def decided_by(self) -> StaffId:
        """Who decided it."""

    @property
    def says(self) -> tuple[object, ...]:
        """What has to be equal for two to agree."""


Said = TypeVar("Said", bound=Opinion)


def joined(opinions: Sequence[Said], one: Opinion) -> Said | None:
    """The opinion of somebody else with which one agrees."""
    return next((said for said in opinions if said.says == one.says and said.decided_by != one.decided_by), None)


def is_first_word(opinions: Sequence[Opinion], one: Opinion) -> bool:
    """Whether nobody has decided yet, or whoever has changes their own mind, and agrees with nobody."""
    if joined(opinions, one) is not None:
        return False
    return not opinions or any(said.decided_by == one.decided_by for said in opinions)


def why_not(opinions: Sequence[Opinion], one: Opinion, actor: Actor) -> Code | None:
    """Why somebody may not decide so: they have said it already, or two differ and they are neither nor supervisor."""
    if any(said.says == one.says and said.decided_by == one.decided_by for said in opinions):
        return Code.SAME_PERSON
    between = len(opinions) > 1 and all(said.decided_by != one.decided_by for said in opinions)
    return Code.OPINIONS_DIFFER if between and actor.role is not Role.supervisor else None


def with_opinion(opinions: Sequence[Said], one: Said) -> tuple[Said, ...]:
    """All opinions, each the newest of theirs."""
    return tuple(({each.decided_by: each for each in opinions} | {one.decided_by: one}).values())
