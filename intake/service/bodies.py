"""What is sent in the body of a request: read whole up to a limit, as JSON of one meaning, and how it is described."""

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
    instead: Mapping[str, type[BaseModel]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The `requestBody` of a route that takes one of these models, without fields that the service fills in itself.

    `instead` are the models that fields are sent as where the service makes others of them.
    """
    schemas = [_schema_of(model, without) for model in models]
    for schema in schemas:
        for name in instead.keys() & schema.get("properties", {}).keys():
            sent = _schema_of(instead[name], frozenset())
            schema.setdefault("$defs", {}).update(sent.pop("$defs", {}))
            schema["properties"][name] = sent
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def _schema_of(model: type[BaseModel], without: frozenset[str]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(mode="validation", ref_template="#/components/schemas/{model}")
    for name in without:
        schema.get("properties", {}).pop(name, None)
        if name in schema.get("required", ()):
            schema["required"].remove(name)
    return schema
