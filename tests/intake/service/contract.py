"""Whether an answer is what the description promises: status, headers, media type, content and code."""

import json
import re
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import httpx
import jsonschema_rs

from cases.errors import Code
from intake.service.app import described_alone
from intake.service.description import CODES

DESCRIPTION: Final = described_alone()
_ONE: Final = re.compile(r"\{[a-z]+\}")


@cache
def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation by which a path is answered; None where there is none."""
    for template, methods in DESCRIPTION["paths"].items():
        pattern = "[^/:]+".join(map(re.escape, _ONE.split(template)))
        if re.fullmatch(pattern, path) and method.lower() in methods:
            found: dict[str, Any] = methods[method.lower()]
            return found
    return None


@cache
def validator_of(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {**json.loads(schema), "components": DESCRIPTION["components"]}, validate_formats=True
    )


def response_of(operation: dict[str, Any], status: int) -> dict[str, Any]:
    """How an answer of a status is described. Raises AssertionError where it is not."""
    assert str(status) in operation["responses"], f"{operation['operationId']} does not say that it answers {status}"
    said: dict[str, Any] = operation["responses"][str(status)]
    if "$ref" in said:
        said = DESCRIPTION["components"]["responses"][said["$ref"].rpartition("/")[2]]
    return said


def check(method: str, path: str, answer: httpx.Response) -> None:
    """Raises AssertionError where an answer is not as described. Of what is no route there is nothing to say."""
    operation = operation_of(method, path.partition("?")[0])
    if operation is None:
        return
    name, said = operation["operationId"], response_of(operation, answer.status_code)
    for header, described in said.get("headers", {}).items():
        assert header in answer.headers or not described.get("required"), f"{name} answers without {header}"
    if answer.status_code == HTTPStatus.NOT_MODIFIED:
        assert not answer.content
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in said["content"], f"{name} answers with {media_type}"
    content = answer.json()
    faults = [
        f"{'/'.join(map(str, fault.instance_path))}: {fault.kind}"
        for fault in validator_of(json.dumps(said["content"][media_type]["schema"])).iter_errors(content)
    ]
    assert not faults, f"{name}: {faults}"
    if CODES in said:
        assert Code(content["code"]) in said[CODES], f"{name} does not say that it refuses with {content['code']}"
        assert content["errors"] or answer.status_code != HTTPStatus.UNPROCESSABLE_ENTITY, f"{name} does not say where"
        for error in content["errors"]:
            check_place(operation, answer.request, error)


def check_place(operation: dict[str, Any], request: httpx.Request, error: dict[str, Any]) -> None:
    """Raises AssertionError where an error points at nothing that was sent, or that could have been."""
    name, pointer = operation["operationId"], error["pointer"]
    parameters = {(each["in"], each["name"]) for each in operation.get("parameters", ())}
    if pointer.startswith("?"):
        known = ("query", pointer[1:]) in parameters or error["code"] == Code.FIELD_UNKNOWN
        assert known, f"{name} has no parameter {pointer}"
        return
    if error["header"] is not None:
        assert ("header", error["header"]) in parameters, f"{name} has no header {error['header']}"
        assert not pointer
        return
    if error["column"] is not None:
        assert not pointer
        assert error["row"] >= 1
        return
    assert points_at_something(operation, request, pointer), f"{name}: {pointer!r} is nowhere in what was sent"


def points_at_something(operation: dict[str, Any], request: httpx.Request, pointer: str) -> bool:
    """Whether a pointer resolves in the body of a request, or names a member that its description has there."""
    if not pointer:
        return True
    *before, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.removeprefix("/").split("/"))
    inside = json.loads(request.content)
    for part in before:
        inside = inside[int(part)] if isinstance(inside, list) else inside[part]
    if isinstance(inside, list):
        return int(last) < len(inside)
    return last in inside or last in _members(json.dumps(operation["requestBody"]["content"]["application/json"]))


@cache
def _members(schema: str) -> frozenset[str]:
    """The names of all members that a body may have, at any depth."""
    found: set[str] = set()
    looked: set[str] = set()

    def look(said: Any) -> None:
        if isinstance(said, list):
            for each in said:
                look(each)
        elif isinstance(said, dict):
            found.update(said.get("properties", {}))
            if (name := said.get("$ref")) is not None and name not in looked:
                looked.add(name)
                look(DESCRIPTION["components"]["schemas"][name.rpartition("/")[2]])
            for each in said.values():
                look(each)

    look(json.loads(schema))
    return frozenset(found)
