"""The search attributes of a case, each with its type: what workflows set, clients ask for and workers register."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from temporalio.common import SearchAttributeIndexedValueType, SearchAttributeKey

from cases.names import SearchAttribute

KIND: Final = SearchAttributeKey.for_keyword(SearchAttribute.kind.value)
STATUS: Final = SearchAttributeKey.for_keyword(SearchAttribute.status.value)
MILESTONE: Final = SearchAttributeKey.for_keyword(SearchAttribute.milestone.value)
REGION: Final = SearchAttributeKey.for_keyword(SearchAttribute.region.value)
CATEGORY: Final = SearchAttributeKey.for_keyword(SearchAttribute.category.value)
ATTENTION: Final = SearchAttributeKey.for_keyword_list(SearchAttribute.attention.value)
RUNG: Final = SearchAttributeKey.for_int(SearchAttribute.rung.value)
DUE_AT: Final = SearchAttributeKey.for_datetime(SearchAttribute.due_at.value)

_TYPES: Final[Mapping[SearchAttributeIndexedValueType, str]] = MappingProxyType(
    {
        SearchAttributeIndexedValueType.KEYWORD: "Keyword",
        SearchAttributeIndexedValueType.KEYWORD_LIST: "KeywordList",
        SearchAttributeIndexedValueType.INT: "Int",
        SearchAttributeIndexedValueType.DATETIME: "Datetime",
    }
)

SEARCH_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        key.name: _TYPES[SearchAttributeIndexedValueType(key.indexed_value_type)]
        for key in (KIND, STATUS, MILESTONE, REGION, CATEGORY, ATTENTION, RUNG, DUE_AT)
    }
)
"""Their names and types as Temporal's command line writes them; registered before a worker starts."""
