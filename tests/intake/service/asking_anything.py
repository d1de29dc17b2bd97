"""What schemathesis is told of the service: who may ask what, what there is, and that nothing is repeated.

Loaded by its own process (`SCHEMATHESIS_HOOKS`); `test_anything.py` says in `ASKING` which tokens and cases there are.
"""

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import schemathesis
from schemathesis.transport.serialization import serialize_binary

from intake.files.batch import BatchColumn
from intake.files.columns import Column
from intake.service.uploads import MEDIA_TYPES

_SAID: Final = json.loads(os.environ["ASKING"])
MARK: Final[str] = _SAID["mark"]
"""Stands in what is sent, and must stand in no refusal."""
_TOKENS: Final[dict[str, str]] = _SAID["tokens"]
"""By operation: the token of somebody who may ask for it."""
_KNOWN: Final[dict[str, list[str]]] = _SAID["known"]
"""What there is, by the name under which paths have it."""
_DESCRIPTION: Final = Path(__file__).parents[3] / "docs" / "openapi.json"
"""That of the service, as `tests/docs/test_contracts.py` holds."""
_LONGEST_WAIT: Final = 60
_A_COLUMN: Final = re.compile(r"column [0-9]+ \([A-Z]+\)")
"""A column of a file that has no name of ours, by its place."""
_asked: Final[Counter[str]] = Counter()
"""How often each operation was asked for."""


def _names() -> frozenset[str]:
    """Every name of a field and of a parameter: all that a pointer may be made of, beside places in arrays."""
    found: set[str] = set()

    def look(schema: Any) -> None:
        if isinstance(schema, list):
            for each in schema:
                look(each)
        elif isinstance(schema, dict):
            found.update(schema.get("properties", {}))
            if "in" in schema and "name" in schema:
                found.add(schema["name"])
            for each in schema.values():
                look(each)

    look(json.loads(_DESCRIPTION.read_text(encoding="utf-8")))
    return frozenset(found)


_POINTED_AT: Final = _names()
_COLUMNS: Final = {*Column, *BatchColumn}


def _marked(body: Any, place: int) -> Any:
    """A body with the mark in place of one of its texts, every time another."""
    texts: list[tuple[Any, Any]] = []

    def look(value: Any) -> None:
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, each in list(pairs):
            if isinstance(each, str):
                texts.append((value, key))
            else:
                look(each)

    look(body)
    if texts:
        holder, key = texts[place % len(texts)]
        holder[key] = MARK
    return body


@schemathesis.serializer(*MEDIA_TYPES)
def as_it_is(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A file, of whatever bytes."""
    del context
    return serialize_binary(value)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    del context, kwargs
    operation = case.operation.definition.raw["operationId"]
    case.headers["Authorization"] = f"Bearer {_TOKENS[operation]}"
    _asked[operation] += 1
    place = _asked[operation]
    # Half of what is asked is of something that there is.
    for name, known in _KNOWN.items():
        if case.path_parameters and name in case.path_parameters and place % 2:
            case.path_parameters[name] = known[place // 2 % len(known)]
    if case.query and str(case.query.get("wait", "")).isdecimal() and int(case.query["wait"]) <= _LONGEST_WAIT:
        case.query["wait"] = 0
    # A third of what is sent has the mark somewhere.
    if place % 3 == 0:
        if isinstance(case.body, dict | list):
            case.body = _marked(json.loads(json.dumps(case.body)), place // 3)
        elif isinstance(case.body, str | bytes):
            case.body = f"case,event,{MARK}\n{MARK},{MARK},{MARK}\n"


@schemathesis.check
def nothing_is_repeated(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    del context, case
    if response.status_code < 400:
        return
    assert MARK not in response.text, "a refusal repeats what was sent"
    for header, values in response.headers.items():
        assert MARK not in str(values), f"{header} repeats what was sent"
    for error in response.json().get("errors", ()):
        for part in re.split(r"[/?]", error["pointer"]):
            known = part in _POINTED_AT or part.isdecimal() or not part
            assert known or error["pointer"] == f"?{part}", "a pointer repeats what was sent"
            assert MARK not in part
        column = error["column"]
        assert column is None or column in _COLUMNS or _A_COLUMN.fullmatch(column), "a column repeats what was sent"
        assert error["header"] in {*_POINTED_AT, None}, "a header repeats what was sent"
