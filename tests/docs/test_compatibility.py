"""What breaks a program that relies on a contract is named, and what does not is not."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from docs.compatibility import breaking, major
from docs.contracts import contracts

Change = Callable[[dict[str, Any]], object]

CONTRACTS = json.loads(json.dumps(contracts()))
OPENAPI, ASYNCAPI, EVENT = CONTRACTS["openapi.json"], CONTRACTS["asyncapi.json"], CONTRACTS["schemas/event.json"]


def changed(contract: dict[str, Any], change: Change) -> list[str]:
    after = copy.deepcopy(contract)
    change(after)
    assert after != contract, "the change changes nothing: the contract has no such part any more"
    return breaking(contract, after)


def schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


def operation(document: dict[str, Any], path: str, method: str = "get") -> Any:
    return document["paths"][path][method]


BREAKS: list[tuple[str, Change, str]] = [
    ("a route that is gone", lambda d: d["paths"].pop("/v1/events"), "GET /v1/events: gone"),
    (
        "a method of another name",
        lambda d: operation(d, "/v1/cases").update(operationId="cases"),
        "GET /v1/cases: another operationId",
    ),
    (
        "another scope",
        lambda d: operation(d, "/v1/cases").update(security=[{"client_credentials": ["cases:list"]}]),
        "GET /v1/cases: needs another scope",
    ),
    (
        "one of several scopes that is not enough any more",
        lambda d: operation(d, "/v1/event-batches", "post")["security"].pop(0),
        "POST /v1/event-batches: needs another scope",
    ),
    (
        "a parameter that is gone",
        lambda d: operation(d, "/v1/cases")["parameters"].pop(),
        "GET /v1/cases: query limit: gone",
    ),
    (
        "a parameter that is needed now",
        lambda d: operation(d, "/v1/cases")["parameters"].append(
            {"in": "query", "name": "office", "required": True, "schema": {"type": "string"}}
        ),
        "GET /v1/cases: query office: needed now",
    ),
    (
        "a page that may not be as long",
        lambda d: operation(d, "/v1/cases")["parameters"][-1]["schema"].update(maximum=50),
        "GET /v1/cases: query limit: maximum is less",
    ),
    (
        "an answer of a status that is gone",
        lambda d: operation(d, "/v1/cases/{case}")["responses"].pop("304"),
        "GET /v1/cases/{case}: 304: gone",
    ),
    (
        "a header that is gone",
        lambda d: operation(d, "/v1/cases/{case}")["responses"]["200"]["headers"].pop("ETag"),
        "GET /v1/cases/{case}: 200: header ETag: gone",
    ),
    (
        "a field of an answer that is gone",
        lambda d: schema(d, "CaseView")["properties"].pop("awaits"),
        "GET /v1/cases/{case}: 200/awaits: gone",
    ),
    (
        "a field of an answer that may be missing now",
        lambda d: schema(d, "Receipt")["required"].remove("status"),
        "/status: may be missing now",
    ),
    (
        "a field of an answer that may be null now",
        lambda d: schema(d, "Receipt")["properties"].update(
            generation={"anyOf": [{"type": "integer"}, {"type": "null"}]}
        ),
        "/generation: null is told, and was not",
    ),
    (
        "a field of an answer that is of another type",
        lambda d: schema(d, "Receipt")["properties"].update(generation={"type": "string"}),
        "/generation: string now",
    ),
    ("a status that no case has any more", lambda d: schema(d, "Status")["enum"].remove("done"), "value done is gone"),
    ("a code that is gone", lambda d: schema(d, "Code")["enum"].remove("CASE_CLOSED"), "value CASE_CLOSED is gone"),
    (
        "a kind of document that is not taken any more",
        lambda d: schema(d, "DocumentKind")["enum"].remove("photograph"),
        "value photograph is gone",
    ),
    (
        "a field that an application needs now",
        lambda d: schema(d, "ReplacementApplication")["required"].append("category"),
        "ReplacementApplication is not taken any more",
    ),
    (
        "a field that an event needs now",
        lambda d: schema(d, "VerifyDocuments")["required"].append("note"),
        "/note: needed now",
    ),
    (
        "a field of an event that is not known any more",
        lambda d: schema(d, "VerifyDocuments")["properties"].pop("note"),
        "/note: gone",
    ),
    (
        "fewer copies",
        lambda d: schema(d, "VerifyDocuments")["properties"]["copies"].update(maxItems=3),
        "/copies: maxItems is less",
    ),
    (
        "an identity of another form in what is sent",
        lambda d: schema(d, "CardDestroyed")["properties"]["order"].update(pattern="^o-"),
        "/order: another pattern",
    ),
    (
        "one of several that may be sent",
        lambda d: schema(d, "ReplacementApplication")["properties"]["submitter"]["anyOf"].pop(),
        "ReplacementApplication is not taken any more",
    ),
    (
        "a body of another media type",
        lambda d: operation(d, "/v1/subscriptions", "post")["requestBody"].update(
            content={"application/xml": {"schema": {}}}
        ),
        "POST /v1/subscriptions: body: application/json: gone",
    ),
]
FINE: list[tuple[str, Change]] = [
    (
        "one more scope that is enough",
        lambda d: operation(d, "/v1/event-batches", "post")["security"].append({"client_credentials": ["events:all"]}),
    ),
    ("a new route", lambda d: d["paths"].update({"/v1/things": {}})),
    ("a new field of an answer", lambda d: schema(d, "CaseView")["properties"].update(news={"type": "string"})),
    ("a new status", lambda d: schema(d, "Status")["enum"].append("resting")),
    ("a new code", lambda d: schema(d, "Code")["enum"].append("NEWS")),
    (
        "a new field that may be sent",
        lambda d: schema(d, "VerifyDocuments")["properties"].update(news={"type": "string"}),
    ),
    ("a field of an event that is not needed any more", lambda d: schema(d, "VerifyDocuments")["required"].pop()),
    ("a refusal that does not happen any more", lambda d: operation(d, "/v1/cases")["responses"].pop("403")),
    ("another explanation", lambda d: schema(d, "CaseView").update(description="news")),
    ("a longer page", lambda d: operation(d, "/v1/cases")["parameters"][-1]["schema"].update(maximum=5000)),
]


@pytest.mark.parametrize(("change", "said"), [each[1:] for each in BREAKS], ids=[each[0] for each in BREAKS])
def test_what_takes_something_away_is_named(change: Change, said: str) -> None:
    assert any(said in each for each in changed(OPENAPI, change))


@pytest.mark.parametrize("change", [each[1] for each in FINE], ids=[each[0] for each in FINE])
def test_what_only_adds_is_fine(change: Change) -> None:
    assert changed(OPENAPI, change) == []


@pytest.mark.parametrize(
    ("contract", "change", "said"),
    [
        (ASYNCAPI, lambda d: d["components"]["messages"].pop("card_ordered"), "message card_ordered: gone"),
        (ASYNCAPI, lambda d: d["channels"].pop("sink"), "channel sink: gone"),
        (ASYNCAPI, lambda d: schema(d, "Moved")["properties"].pop("status"), "/data/status: gone"),
        (ASYNCAPI, lambda d: schema(d, "Headers")["required"].remove("webhook-signature"), "may be missing now"),
        (EVENT, lambda d: d["$defs"]["Moved"]["required"].remove("version"), "/data/version: may be missing now"),
        (EVENT, lambda d: d["properties"].pop("time"), "/time: gone"),
    ],
)
def test_what_takes_something_of_what_is_told_away_is_named(
    contract: dict[str, Any], change: Change, said: str
) -> None:
    assert any(said in each for each in changed(contract, change))


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_nothing_breaks_between_a_contract_and_itself(contract: dict[str, Any]) -> None:
    assert breaking(contract, copy.deepcopy(contract)) == []


def test_the_first_part_of_a_version_is_its_major_one() -> None:
    assert [major(version) for version in ("1", "1.0.0", "12.3")] == [1, 1, 12]
