"""Writes the contracts with other systems: what they may ask, and what they are told.

    python -m docs.contracts [--check]

writes `docs/openapi.json`, `docs/asyncapi.json` and the JSON Schemas in `docs/schemas`, all from the models. With
`--check` it only tells whether the files say what the models say. Either way it refuses what breaks programs that rely
on the contract as it was committed and released last, unless the first part of its version is another: what a system
was promised is not taken back by mistake.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from activities.publishing.entries import MEANING, VERIFY, Challenge, Entry, Moved, Told, type_of
from activities.publishing.publisher import CONTENT_TYPE
from activities.publishing.signing import ID, SIGNATURE, TIMESTAMP
from docs.compatibility import breaking, major
from intake.service import examples
from intake.service.app import described_alone
from intake.service.description import VERSION
from runtime.ending import end

HERE: Final = Path(__file__).parent
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_DESCRIPTION: Final = """\
What the systems of an agency are told of cases, by webhook.

A subscription (`POST /v1/subscriptions`, see openapi.json) names a sink. Its first message is a challenge, which the
sink answers with 200 and `{"challenge": "…"}`. After that it gets CloudEvents 1.0: at least once, under one `id`, in
order for each case. Nothing of a person stands in them. A sink answers 2xx; 410 ends the subscription.

Signed after Standard Webhooks with Ed25519 (`v1a`), over `id.timestamp.body`, by a key of `GET /v1/webhook-keys`.
"""
_HEADERS: Final = {
    "type": "object",
    "required": [ID, TIMESTAMP, SIGNATURE],
    "properties": {
        ID: {"type": "string", "description": "The message; the same at every attempt."},
        TIMESTAMP: {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "When it was signed: seconds since 1970.",
        },
        SIGNATURE: {
            "type": "string",
            "description": "`v1a,` and the signature in base64; two, with a blank between, while a key is replaced.",
        },
    },
}


def asyncapi() -> dict[str, Any]:
    """What systems are told (AsyncAPI 3.0)."""
    schemas = _schemas()
    messages = {kind.value: _message(kind) for kind in Told}
    messages["subscription_verify"] = {
        "name": VERIFY,
        "title": "Challenge",
        "summary": "The first message to a sink: whether it wants to be told.",
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": "#/components/schemas/Challenge"},
        "examples": [{"name": examples.MARK, "payload": examples.of_challenge()}],
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "cardcase events", "version": VERSION, "description": _DESCRIPTION},
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            "sink": {
                "address": None,
                "title": "The sink of a subscription",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/sink"},
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            }
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _message(kind: Told) -> dict[str, Any]:
    return {
        "name": type_of(kind),
        "title": kind.value,
        "summary": MEANING[kind],
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Entry"},
                {"type": "object", "properties": {"type": {"const": type_of(kind)}}},
            ]
        },
        "examples": [{"name": examples.MARK, "payload": examples.of_entry(kind)}],
    }


def _schemas() -> dict[str, Any]:
    definitions: dict[str, Any] = {"Headers": _HEADERS}
    for model in (Entry, Challenge):
        schema = TypeAdapter(model).json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
        definitions |= schema.pop("$defs", {})
        definitions[model.__name__] = schema
    return dict(sorted(definitions.items()))


def json_schemas() -> dict[str, dict[str, Any]]:
    """What is told, as JSON Schemas: the event, its data, and the challenge, each complete in itself."""
    models: dict[str, type[BaseModel]] = {"event": Entry, "data": Moved, "challenge": Challenge}
    found = {}
    for name, model in models.items():
        found[name] = {"$schema": DIALECT, **TypeAdapter(model).json_schema(mode="serialization")}
    found["event"]["properties"]["type"]["examples"] = [type_of(kind) for kind in Told]
    return found


def contracts() -> dict[str, dict[str, Any]]:
    """Every contract, by its file in `docs`."""
    return {
        "openapi.json": described_alone(),
        "asyncapi.json": asyncapi(),
        **{f"schemas/{name}.json": schema for name, schema in json_schemas().items()},
    }


def text_of(contract: Mapping[str, Any]) -> str:
    """A contract as its file has it: the same for the same contract."""
    return json.dumps(contract, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def promised(file: str, folder: Path = HERE) -> Iterator[tuple[str, dict[str, Any]]]:
    """The contract that a file held when it was committed last, and in the last release; else as it stands."""
    found = False
    last = _git(folder, "describe", "--tags", "--abbrev=0", "--match", "v*")
    for name, revision in (("committed", "HEAD"), ("released", last.strip() if last else None)):
        said = None if revision is None else _git(folder, "show", f"{revision}:./{file}")
        if said is not None:
            found = True
            yield name, json.loads(said)
    if not found and (folder / file).exists():
        yield "written", json.loads((folder / file).read_text(encoding="utf-8"))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None where there is none, no repository, or nothing to say."""
    try:
        said = subprocess.run(  # noqa: S603 - fixed words, and a revision that git itself named
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git people use
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
    except OSError:
        return None
    return said.stdout if said.returncode == 0 else None


def faults(file: str, contract: Mapping[str, Any], folder: Path = HERE) -> list[str]:
    """What a contract takes back of what was promised, where it is not another major version."""
    found = []
    for name, before in promised(file, folder):
        if major(_version(contract)) <= major(_version(before)):
            found += [f"docs/{file}: as {name}: {each}" for each in breaking(before, contract)]
    return list(dict.fromkeys(found))


def _version(contract: Mapping[str, Any]) -> str:
    # A JSON Schema has no version of its own; its events carry it in their type.
    said: str = contract.get("info", {}).get("version", VERSION)
    return said


def main() -> int:
    """Write the files, or check them. Returns 1 where something is refused."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.contracts", description="Write the contracts with other systems."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; tell what is stale, or breaks")
    check = parser.parse_args().check
    made = contracts()
    wrong = [fault for file, contract in made.items() for fault in faults(file, contract)]
    if wrong:
        wrong.append("Programs rely on that: keep it beside what is new, or begin another major version.")
    for file, contract in made.items():
        path = HERE / file
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text_of(contract)):
            wrong.append(f"docs/{file} is stale: run make contracts")
        elif not check and not wrong:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text_of(contract), encoding="utf-8")
    for each in wrong:
        sys.stderr.write(f"{each}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    end(main())
