"""How a case's workflow is started: by whoever opens it, and by the reconciliation where no run is there."""

from typing import Final, NamedTuple

from temporalio.common import Priority, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from cases.kinds import KINDS, case_id
from cases.models import Category
from cases.openings import Opening
from cases.words import CATEGORY_ZH

_URGENT, _SOON, _NORMAL = 1, 2, 3
IN_BULK: Final = 5
"""Below every case that somebody waits for."""
_PRIORITY: Final = {
    Category.resettled: _SOON,
    Category.referred: _SOON,
    Category.refund: _SOON,
    Category.general: _NORMAL,
}


class Start(NamedTuple):
    """What Temporal is told of a case when its workflow starts, beside the opening."""

    workflow: str
    id: str
    search_attributes: TypedSearchAttributes
    summary: str
    priority: Priority

    @classmethod
    def of(cls, opening: Opening, *, in_bulk: bool = False) -> "Start":
        """The start of an opening's case.

        Those that are opened `in_bulk` come after all others, and agencies take turns among them; a lost card is
        blocked at once, however its loss was handed in.
        """
        record, category = KINDS[opening.kind], opening.category
        identity = case_id(record.kind, opening.person)
        attributes = [
            SearchAttributePair(SearchAttributeKey.for_keyword(name.value), value)
            for name, value in record.attributes_of(opening).items()
        ]
        return cls(
            record.kind.value,
            identity,
            TypedSearchAttributes(attributes),
            f"{record.zh} · {CATEGORY_ZH[category]} · {opening.region} · {identity}",
            _in_bulk(opening) if in_bulk and not opening.is_urgent else _by_itself(opening),
        )


def _by_itself(opening: Opening) -> Priority:
    return Priority(priority_key=_URGENT if opening.is_urgent else _PRIORITY[opening.category])


def _in_bulk(opening: Opening) -> Priority:
    return Priority(priority_key=IN_BULK, fairness_key=opening.region)
