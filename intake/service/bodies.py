"""What is sent in the body of a request: read whole up to a limit, as JSON of one meaning, and how it is described."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel, TypeAdapter

from cases.errors import CaseError, Code
from intake.requests import LARGEST_REQUEST, read_object
from intake.service.pointing import keep_sent

JSON: Final = "application/json"
COMPONENTS: Final = "#/components/schemas/"
"""Where models stand in the description of the interface."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


async def object_of(request: Request, *models: type[BaseModel]) -> dict[str, Any]:
    """The JSON object of a request's body, which is to become one of the models.

    Raises `CaseError` MEDIA_TYPE_UNKNOWN, REQUEST_TOO_LARGE, and as `read_object`.
    """
    fields = read_object(await body_of(request, (JSON,), LARGEST_REQUEST))
    keep_sent(request, dict(fields), models)
    return fields


async def body_of(request: Request, media_types: Collection[str], largest: int) -> bytes:
    """The body of a request, read to its end. Raises `CaseError` MEDIA_TYPE_UNKNOWN and REQUEST_TOO_LARGE."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() not in media_types:
        raise CaseError(Code.MEDIA_TYPE_UNKNOWN)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > largest:
            raise CaseError(Code.REQUEST_TOO_LARGE)
    return bytes(body)


def described(
    *models: type[BaseModel],
    without: Collection[str] = (),
    instead: Mapping[str, Any] = _NOTHING,
    beside: Mapping[str, Any] = _NOTHING,
    needed: Collection[str] = (),
    told_apart_by: str | None = None,
) -> dict[str, Any]:
    """The schema of a body that is one of these models, without fields that the service fills in itself.

    `instead` are the types as which fields are sent where the service makes others of them, `beside` the schemas of
    fields that no model has. `needed` are fields that the service asks for although the model has a default, and
    `told_apart_by` the one that says which of several models a body is. Schemas of models stand in `$defs`: the
    description puts them beside its others (`intake.service.description`).
    """
    known: dict[str, Any] = {}
    references = {}
    for model in models:
        schema = _schema_of(model, without)
        known |= schema.pop("$defs", {})
        properties = schema.setdefault("properties", {})
        for name in instead.keys() & properties.keys():
            sent = TypeAdapter(instead[name]).json_schema(mode="validation", ref_template=f"{COMPONENTS}{{model}}")
            known |= sent.pop("$defs", {})
            properties[name] = _as_before(sent, properties[name], known)
        properties |= beside
        schema["required"] = sorted({*schema.get("required", ()), *(name for name in needed if name in properties)})
        known[model.__name__] = schema
        references[model.__name__] = f"{COMPONENTS}{model.__name__}"
    if told_apart_by is None:
        (reference,) = references.values()
        return {"$ref": reference, "$defs": known}
    mapping = {known[name]["properties"][told_apart_by]["const"]: reference for name, reference in references.items()}
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": told_apart_by, "mapping": mapping},
        "$defs": known,
    }


def described_lines(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a body of JSON Lines, each of which is the model."""
    line = described(model)
    # A schema of JSON describes one text of it; these are many.
    return {"type": "string", "format": "binary", "contentSchema": {"$ref": line["$ref"]}, "$defs": line["$defs"]}


def _as_before(sent: dict[str, Any], before: Mapping[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Another schema of a field: it may be left out, and is explained, as before."""
    if sent.get("type") == "object":
        name = sent["title"]
        known[name] = sent
        sent = {"$ref": f"{COMPONENTS}{name}"}
    optional = any(each.get("type") == "null" for each in before.get("anyOf", ()))
    schema = {"anyOf": [sent, {"type": "null"}]} if optional else dict(sent)
    return {name: before[name] for name in ("title", "description", "default") if name in before} | schema


def _schema_of(model: type[BaseModel], without: Collection[str]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(mode="validation", ref_template=f"{COMPONENTS}{{model}}")
    for name in without:
        schema.get("properties", {}).pop(name, None)
        if name in schema.get("required", ()):
            schema["required"].remove(name)
    return schema
