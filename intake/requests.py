"""JSON as programs send it, read strictly: one meaning for every reader of the same bytes, and no surprise in size."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from cases.errors import CaseError, Code
from cases.kinds import KINDS
from cases.names import Kind
from intake.applications import APPLICATIONS, Application, checked

KEY_HEADER: Final = "Idempotency-Key"
LARGEST_REQUEST: Final = 64 * 1024
"""Bytes."""
MOST_LINES: Final = 1000
"""Of what the register's source says in one request, as JSON Lines."""
LARGEST_LINES: Final = 4 * 1024 * 1024
"""Bytes of these lines."""
DEEPEST_NESTING: Final = 8
"""Objects and arrays inside each other; an application with its documents needs three."""
LONGEST_INTEGER: Final = 20
"""Characters; the largest whole number that means anything here is a document's size."""

_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")


def read_json(raw: bytes) -> Any:
    """The value of one JSON text in UTF-8, with or without a byte order mark.

    Raises `CaseError` REQUEST_TOO_LARGE; REQUEST_NOT_JSON (also for repeated keys, NaN, Infinity and deep nesting);
    FIELD_INVALID for numbers no field could hold; TEXT_FORBIDDEN_CHARACTERS for half of a surrogate pair.
    """
    if len(raw) > LARGEST_REQUEST:
        raise CaseError(Code.REQUEST_TOO_LARGE)
    if _nesting(raw) > DEEPEST_NESTING:
        raise CaseError(Code.REQUEST_NOT_JSON)
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(
            text,
            object_pairs_hook=_without_repeated_keys,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_refuse_constant,
        )
    except ValueError:
        # Also what is not UTF-8. The texts of these errors quote the input.
        raise CaseError(Code.REQUEST_NOT_JSON) from None
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CaseError(Code.TEXT_FORBIDDEN_CHARACTERS) from None
    return value


def read_object(raw: bytes) -> dict[str, Any]:
    """As `read_json`, where only an object will do: anything else is FIELD_INVALID."""
    value = read_json(raw)
    if not isinstance(value, dict):
        raise CaseError(Code.FIELD_INVALID)
    return value


def application_of(fields: dict[str, Any]) -> Application:
    """The application that these fields are. Raises `CaseError` FIELD_INVALID, and `InputRefused`."""
    kind = kind_named(fields)
    if kind is None:
        raise CaseError(Code.FIELD_INVALID, "kind")
    return checked(APPLICATIONS[kind], {**fields, "kind": kind})


def kind_named(fields: Mapping[str, Any]) -> Kind | None:
    """The kind of case that an application names, an ID-number change where it names none; None for what is no kind."""
    named = fields.get("kind", Kind.id_number_change.name)
    # `id_number_change` and `IdNumberChange`, and the same for the others.
    return next((kind for kind in KINDS if named in (kind.name, kind.value)), None)


def _nesting(raw: bytes) -> int:
    """Counted before parsing, because a parser's own limit depends on how deep its caller already is."""
    deepest = depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise CaseError(Code.REQUEST_NOT_JSON)
    return fields


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise CaseError(Code.FIELD_INVALID)
    return int(digits)


def _number(digits: str) -> float:
    if math.isinf(value := float(digits)):
        raise CaseError(Code.FIELD_INVALID)
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise CaseError(Code.REQUEST_NOT_JSON)
