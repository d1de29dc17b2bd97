"""Names and numbers inside what a case carries: sealed there field by field, shown masked, or in clear where allowed.

A screen shows the last two characters of a number and the first of a name. Of whom a case is about the division is
known, because it is their agency's; with the last four beside it some 3,300 candidates are left, and with the last two
more than a third of a million.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from activities.sealing import Field, Sealer
from cases.errors import CaseError

Show = Callable[[Field, str], str]
"""How the text of a sealed field is shown."""

MASK: Final = "*"
SHOWN_OF_A_NUMBER: Final = 2

_SHORTEST_NUMBER: Final = 9
"""Characters from which on a number shows anything: those of a card are the shortest."""
_SEALED: Final = re.compile(r"[a-z0-9-]{1,16}\.[A-Za-z0-9_-]{38,2000}")
_FIELDS: Final = {field.value: field for field in Field} | {"new_name": Field.name}


def masked(field: Field, text: str) -> str:
    """A text as everybody may see it who may see the case."""
    match field:
        case Field.name:
            return text[:1] + MASK * 2 if len(text) > 1 else MASK * 2
        case Field.number | Field.card_number | Field.phone:
            shown = text[-SHOWN_OF_A_NUMBER:] if len(text) >= _SHORTEST_NUMBER else ""
            return MASK * (len(text) - len(shown)) + shown
        case Field.address:
            return MASK * 3


def in_clear(_field: Field, text: str) -> str:
    """A text as it is."""
    return text


def shown(content: bytes, person: str, sealer: Sealer, show: Show) -> bytes:
    """A JSON text with the sealed fields of one person opened and shown.

    `person` is the person ref that they are sealed for. What does not open, because it is another person's or its key
    is gone, stays sealed; a text that holds nothing sealed, is no JSON, or is nested without end, stays as it is.
    """
    try:
        value = json.loads(content)
        opened = _opened(value, person, sealer, show)
    except (ValueError, RecursionError):
        return content
    return content if opened == value else json.dumps(opened, ensure_ascii=False).encode()


def _opened(value: Any, person: str, sealer: Sealer, show: Show) -> Any:
    if isinstance(value, dict):
        return {
            name: _opened_field(_FIELDS[name], inner, person, sealer, show)
            if name in _FIELDS and isinstance(inner, str)
            else _opened(inner, person, sealer, show)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_opened(inner, person, sealer, show) for inner in value]
    return value


def _opened_field(field: Field, text: str, person: str, sealer: Sealer, show: Show) -> str:
    if not _SEALED.fullmatch(text):
        return text
    try:
        return show(field, sealer.open(text, field=field, person=person))
    except CaseError:
        return text
