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
