"""Search attributes are registered and visible before a worker starts: one that is not blocks a case for ever."""

import asyncio
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows.search_attributes import SEARCH_ATTRIBUTES

_TYPES: Final = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}
_LOOKS: Final = 60
_BETWEEN_LOOKS: Final = 0.25


class SearchAttributesWrong(Exception):
    """A search attribute is missing and cannot be added, or has another type than ours."""

    def __init__(self, what: str, mend: str) -> None:
        self.what = what
        self.mend = mend
        super().__init__(f"{what}. {mend}")


async def ensure_search_attributes(client: Client) -> None:
    """Add what is missing and wait until all are visible. Raises `SearchAttributesWrong`, which says how to mend it."""
    present = await _present(client)
    missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in present}
    wrong = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if present.get(name, _TYPES[kind]) != _TYPES[kind]}
    if wrong:
        names = " ".join(f"--name {name}" for name in wrong)
        raise SearchAttributesWrong(
            f"of another type: {', '.join(f'{name} is no {kind}' for name, kind in wrong.items())}",
            f"Run: temporal operator search-attribute remove {names}",
        )
    if not missing:
        return
    flags = " ".join(f"--name {name} --type {kind}" for name, kind in missing.items())
    mend = f"Run: temporal operator search-attribute create {flags}"
    request = AddSearchAttributesRequest(
        namespace=client.namespace, search_attributes={name: _TYPES[kind] for name, kind in missing.items()}
    )
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as failed:
        if failed.status is not RPCStatusCode.ALREADY_EXISTS:
            raise SearchAttributesWrong("missing, and may not be added from here", mend) from None
    # The server tells its own caches; there is no event to wait for.
    for _ in range(_LOOKS):
        if missing.keys() <= (await _present(client)).keys():
            return
        await asyncio.sleep(_BETWEEN_LOOKS)
    raise SearchAttributesWrong("added, but not visible yet", mend)


async def _present(client: Client) -> dict[str, IndexedValueType.ValueType]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return dict(answer.custom_attributes)
