"""The contracts with other systems: committed as the models say them, complete, and not taken back by mistake."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from activities.publishing.entries import MEANING, Told
from cases.errors import Code
from cases.events import EVENTS, FACTS, Event
from docs.contracts import HERE, asyncapi, contracts, faults, text_of
from intake.files.tables import Format
from intake.service.app import described_alone
from intake.service.description import CODES, LOCAL_SERVICE, LOCAL_TOKENS
from intake.service.problems import STATUS
from intake.service.scopes import SCOPES, tell
from intake.service.uploads import FILE_SCHEMA, MEDIA_TYPES
from runtime.settings import INTAKE_PORT
from stack.operators import PROVIDER_PORT
from stack.ports import LOOPBACK

FUNCTIONS = HERE.parent / "deploy" / "migrations" / "functions"
OPENAPI = described_alone()
FILES = contracts()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    found: Any = schema
    while "$ref" in found:
        name = found["$ref"]
        found = OPENAPI
        for part in name.removeprefix("#/").split("/"):
            found = found[part]
    return dict(found)


@pytest.mark.parametrize("file", FILES)
def test_the_file_is_what_the_models_say(file: str) -> None:
    assert (HERE / file).read_text(encoding="utf-8") == text_of(FILES[file]), "stale: run make contracts"


@pytest.mark.parametrize("file", FILES)
def test_everything_that_is_referred_to_is_there(file: str) -> None:
    document = json.loads(text_of(FILES[file]))
    for name in re.findall(r'"\$ref": "#/([^"]+)"', text_of(document)):
        found = document
        for part in name.split("/"):
            found = found[part]
        assert found


def test_every_route_says_what_a_client_is_generated_from() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    known = {tag["name"] for tag in OPENAPI["tags"]}
    for method, path, operation in operations():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), path
        assert operation["summary"], path
        assert operation["description"], path
        assert set(operation["tags"]) <= known, path
        for needed in operation.get("security", OPENAPI["security"]):
            assert set(needed["client_credentials"]) <= set(SCOPES), (method, path)


MODELS = {"$ref", "oneOf", "discriminator"}
"""What a schema says that is one of models."""


def test_every_body_and_every_answer_is_a_model_with_an_example_that_is_marked() -> None:
    for method, path, operation in operations():
        contents = [operation["requestBody"]] if "requestBody" in operation else []
        contents += [resolved(response) for status, response in operation["responses"].items() if status != "304"]
        for said in contents:
            for content in said["content"].values():
                schema = dict(content["schema"])
                # Of JSON Lines each line is one of a model.
                of_lines = schema.pop("contentSchema", {})
                assert set(schema) <= MODELS or (schema == FILE_SCHEMA and set(of_lines) <= MODELS), (method, path)
                assert content["examples"], (method, path)
                for example in content["examples"].values():
                    assert example["summary"] == "Synthetic", (method, path)


def contents(document: Any) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every example of a document that is JSON, with its schema and where it stands."""

    def look(said: Any, where: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
        if isinstance(said, list):
            for place, each in enumerate(said):
                yield from look(each, f"{where}/{place}")
        elif isinstance(said, dict):
            if "schema" in said and "examples" in said and "contentSchema" not in said["schema"]:
                for name, example in said["examples"].items():
                    if "value" in example and said["schema"] != FILE_SCHEMA:
                        yield f"{where}/{name}", said["schema"], example["value"]
            for name, each in said.items():
                yield from look(each, f"{where}/{name}")

    return look(document, "")


@pytest.mark.parametrize(("where", "schema", "value"), [pytest.param(*each, id=each[0]) for each in contents(OPENAPI)])
def test_an_example_is_one_of_its_schema(where: str, schema: dict[str, Any], value: Any) -> None:
    del where
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": OPENAPI["components"]}, validate_formats=True
    )
    assert [str(fault) for fault in validator.iter_errors(value)] == []


def test_every_example_of_a_file_is_of_its_media_type() -> None:
    for path in ("/v1/registers", "/v1/event-batches"):
        content = OPENAPI["paths"][path]["post"]["requestBody"]["content"]
        assert list(content) == list(MEDIA_TYPES)
        for kind, form in MEDIA_TYPES.items():
            example = content[kind]["examples"]["example"]
            match form:
                case Format.workbook:
                    assert "value" not in example
                    assert "CSV" in example["description"]
                case Format.json_lines:
                    assert all(isinstance(json.loads(line), dict) for line in example["value"].splitlines())
                case Format.separated:
                    assert example["value"].partition("\n")[0].count(",") > 3


def test_what_is_told_is_exemplified_as_its_schema_has_it() -> None:
    document = FILES["asyncapi.json"]
    messages = document["components"]["messages"]
    assert {name for name, said in messages.items() if said.get("examples")} == set(messages)
    for said in messages.values():
        validator = jsonschema_rs.Draft202012Validator(
            {**said["payload"], "components": document["components"]}, validate_formats=True
        )
        for example in said["examples"]:
            assert [str(fault) for fault in validator.iter_errors(example["payload"])] == []


def test_the_description_says_where_the_service_and_its_tokens_are() -> None:
    (server,) = OPENAPI["servers"]
    flow = OPENAPI["components"]["securitySchemes"]["client_credentials"]["flows"]["clientCredentials"]
    assert (server["url"], flow["tokenUrl"]) == (LOCAL_SERVICE, LOCAL_TOKENS)
    assert (
        f"http://{LOOPBACK}:{INTAKE_PORT}",
        f"http://{LOOPBACK}:{PROVIDER_PORT}/token",
    ) == (LOCAL_SERVICE, LOCAL_TOKENS)


@pytest.mark.parametrize("event", FACTS)
def test_the_example_of_an_event_is_what_the_service_takes(event: Event) -> None:
    body = OPENAPI["paths"][f"/v1/cases/{{case}}/events/{event.value}"]["post"]["requestBody"]
    (content,) = body["content"].values()
    known = resolved(content["schema"])["properties"]
    example = content["examples"]["example"]["value"]
    assert set(example) <= set(known)
    assert set(resolved(content["schema"])["required"]) <= set(example)
    assert not {"actor", "stamp", "card_token"} & set(known)


def test_every_refusal_names_its_codes_under_their_status() -> None:
    for method, path, operation in operations():
        for status, reference in operation["responses"].items():
            response = resolved(reference)
            if status[0] in "45":
                assert list(response["content"]) == ["application/problem+json"], (method, path)
                codes = [Code(code) for code in response[CODES]]
                assert {int(STATUS[code]) for code in codes} == {int(status)}, (method, path)
                assert all(code.value in response["description"] for code in codes)


def test_there_is_a_scope_for_each_event_and_its_route_asks_for_it() -> None:
    for event in FACTS:
        operation = OPENAPI["paths"][f"/v1/cases/{{case}}/events/{event.value}"]["post"]
        assert operation["security"] == [{"client_credentials": [tell(event)]}]
        assert all(f"`{role.value}`" in operation["description"] for role in EVENTS[event].roles)


def test_whatever_the_register_tells_of_is_a_message_with_a_meaning() -> None:
    """Kinds are written by functions of the database; one that is new there is described here as well."""
    written: set[str] = set()
    for file in FUNCTIONS.glob("*.sql"):
        text = file.read_text(encoding="utf-8")
        # What follows the name of the step, in statements that write events.
        for statement in re.findall(r"INSERT INTO events .*?;", text, re.DOTALL):
            (kind,) = re.findall(r"s\.name,\s*(CASE .*?END|'\w+'|told_as)", statement, re.DOTALL)[:1]
            written |= set(re.findall(r"(?:^|THEN |ELSE )'(\w+)'", kind))
        for arguments in re.findall(r"tell_of_card\((.*?)\);", text):
            written |= set(re.findall(r"(?:, |THEN |ELSE )'(\w+)'", arguments))
        written |= set(re.findall(r"'(\w+)' AS kind, t\.case_id", text))
    assert written == {kind.value for kind in Told}
    assert set(MEANING) == set(Told)
    assert set(asyncapi()["channels"]["sink"]["messages"]) == {kind.value for kind in Told} | {"subscription_verify"}


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)  # noqa: S607 - the git of this machine


def narrower(version: str) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(text_of(OPENAPI))
    del described["paths"]["/v1/events"]
    described["info"]["version"] = version
    return described


def test_what_was_committed_is_not_taken_back_but_by_another_major_version(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(text_of(OPENAPI), encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    # Written anew in the folder already: what was committed counts.
    file.write_text(text_of(narrower("1.0.0")), encoding="utf-8")
    assert faults("openapi.json", narrower("1.0.0"), tmp_path) == [
        "docs/openapi.json: as committed: GET /v1/events: gone"
    ]
    assert faults("openapi.json", narrower("1.1.0"), tmp_path) != []
    assert faults("openapi.json", narrower("2.0.0"), tmp_path) == []


def test_what_was_released_is_not_taken_back_either(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    git(tmp_path, "init", "--quiet")
    for content, tag in ((OPENAPI, "v0.1.0"), (narrower("1.0.0"), None)):
        file.write_text(text_of(content), encoding="utf-8")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "-m", "one")
        if tag:
            git(tmp_path, "tag", tag)
    assert faults("openapi.json", narrower("1.0.0"), tmp_path) == [
        "docs/openapi.json: as released: GET /v1/events: gone"
    ]


def test_without_a_repository_what_is_written_counts(tmp_path: Path) -> None:
    assert faults("openapi.json", narrower("1.0.0"), tmp_path) == []
    (tmp_path / "openapi.json").write_text(text_of(OPENAPI), encoding="utf-8")
    assert faults("openapi.json", narrower("1.0.0"), tmp_path) == [
        "docs/openapi.json: as written: GET /v1/events: gone"
    ]


def test_every_schema_of_what_is_told_is_complete_in_itself() -> None:
    for file, schema in FILES.items():
        if file.startswith("schemas/"):
            assert schema["$schema"].endswith("2020-12/schema")
            assert not re.search(r'"\$ref": "(?!#/\$defs/)', text_of(schema))
