"""What is sent in the body of a request: read whole up to a limit, as JSON of one meaning, and how it is described."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel, TypeAdapter

from cases.errors import CaseError, Code
from intake.requests import LARGEST_REQUEST, read_object

JSON: Final = "application/json"


async def object_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body.

    Raises `CaseError` MEDIA_TYPE_UNKNOWN, REQUEST_TOO_LARGE, and as `read_object`.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != JSON:
        raise CaseError(Code.MEDIA_TYPE_UNKNOWN)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_REQUEST:
            raise CaseError(Code.REQUEST_TOO_LARGE)
    return read_object(bytes(body))


def described(
    *models: type[BaseModel],
    without: frozenset[str] = frozenset(),
    instead: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """The `requestBody` of a route that takes one of these models, without fields that the service fills in itself.

    `instead` are the types that fields are sent as where the service makes others of them.
    """
    schemas = [_schema_of(model, without) for model in models]
    for schema in schemas:
        for name in instead.keys() & schema.get("properties", {}).keys():
            sent = {"title": schema["properties"][name].get("title", name), **_schema_of(instead[name], frozenset())}
            schema.setdefault("$defs", {}).update(sent.pop("$defs", {}))
            schema["properties"][name] = sent
        _forget_unused(schema)
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def _schema_of(model: Any, without: frozenset[str]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(mode="validation", ref_template="#/components/schemas/{model}")
    for name in without:
        schema.get("properties", {}).pop(name, None)
        if name in schema.get("required", ()):
            schema["required"].remove(name)
    return schema


def _forget_unused(schema: dict[str, Any]) -> None:
    """Leave out what only those fields were made of that are sent as something else."""
    kept = schema.get("$defs", {})
    while True:
        said = json.dumps({**schema, "$defs": kept})
        used = {name: each for name, each in kept.items() if f'/{name}"' in said}
        if used == kept:
            break
        kept = used
    if kept:
        schema["$defs"] = kept
    else:
        schema.pop("$defs", None)
