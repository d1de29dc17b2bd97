"""The story of each kind of case: the workflow that its cases are, for workers and replayers."""

from typing import Final

from cases.kinds import KINDS
from cases.names import Kind
from workflows.card_replacement import CardReplacement
from workflows.case import Case
from workflows.id_number_change import IdNumberChange

STORIES: Final[dict[Kind, type[Case]]] = {
    Kind.id_number_change: IdNumberChange,
    Kind.card_replacement: CardReplacement,
}
"""The workflow of each kind; a kind that comes with a record of its own (`cases.kinds.add`) enters its story here."""


def every_story() -> tuple[type[Case], ...]:
    """The workflows of all kinds.

    Raises ValueError where a kind has none: its cases would wait for a worker for ever.
    """
    if untold := [kind.value for kind in KINDS if kind not in STORIES]:
        raise ValueError(f"no story for {', '.join(untold)}")
    return tuple(STORIES[kind] for kind in KINDS)
