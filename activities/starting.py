"""How a case's workflow is started: by whoever opens it, and by the reconciliation where no run is there."""

from typing import Final, NamedTuple

from temporalio.common import Priority, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from cases.kinds import KINDS, case_id
from cases.models import Category
from cases.openings import Opening
from cases.words import CATEGORY_ZH

_URGENT, _SOON, _NORMAL = 1, 2, 3
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
    def of(cls, opening: Opening) -> "Start":
        """The start of an opening's case."""
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
            Priority(priority_key=_URGENT if opening.is_urgent else _PRIORITY[category]),
        )
