"""The client's models are those of the interface, field by field, and it has a method for each of its routes."""

import inspect
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema

from cardcase_client import AsyncClient, Client, Filter, calls, models
from cardcase_client.base import Fact, Sent, Shared, Told
from cardcase_client.calls import Call, FileType, Reading
from docs.client_models import FILE, SAID_BY_CALL, page
from intake.service.app import described_alone

DESCRIPTION = described_alone()
CASE, SUBSCRIPTION, PLACE = "idc-" + "a" * 26, "sub-" + "a" * 26, "abcdefghij.1"
JOB = "job-" + "a" * 26
_READ_SO = Reading(sheet="1", ignore_unknown=True, encoding="gb18030", submitter="clerk-1", event="withdraw")


def described() -> dict[str, Any]:
    """Every model of the interface by its name, those of bodies included."""
    found: dict[str, Any] = dict(DESCRIPTION["components"]["schemas"])

    def look(schema: Any) -> None:
        if isinstance(schema, dict):
            if schema.get("type") == "object" and "properties" in schema and "title" in schema:
                found.setdefault(schema["title"], schema)
            for each in schema.values():
                look(each)
        elif isinstance(schema, list):
            for each in schema:
                look(each)

    look(DESCRIPTION["paths"])
    return found


SCHEMAS = described()


def shape(schema: dict[str, Any], *, constrained: bool) -> Any:
    """What a field is made of, without its words; a closed set that may grow is that set."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return one_of([shape(each, constrained=constrained) for each in schema["anyOf"]])
    if schema.get("type") == "array":
        return ("array", shape(schema["items"], constrained=constrained))
    if "properties" in schema:
        return schema["title"]
    if "const" in schema or "enum" in schema:
        return tuple(schema.get("enum", [schema.get("const")])) if constrained else ("string",)
    limits = ("pattern", "minLength", "maxLength", "minimum", "maximum") if constrained else ()
    return (schema["type"], *(schema[name] for name in ("format", *limits) if name in schema))


def must_be_said(model: type[BaseModel], schema: dict[str, Any]) -> bool:
    """Whether the client needs a field that the interface has always."""
    if issubclass(model, Sent):
        # Models are told apart by it, so the client says it by itself.
        return "const" not in schema
    # A service that is older than the client does not answer it yet.
    return "default" not in schema and {"type": "null"} not in schema.get("anyOf", ())


def one_of(parts: list[Any]) -> Any:
    grows = any(isinstance(part, str) and "enum" in SCHEMAS[part] for part in parts)
    kept = [part for part in parts if part != ("null",) and not (grows and part == ("string",))]
    return kept[0] if len(kept) == 1 else tuple(sorted(map(repr, kept)))


def test_the_committed_models_are_what_the_description_prints() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "stale: run python -m docs.client_models"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_model_is_that_of_the_interface_field_by_field(name: str) -> None:
    theirs, ours = SCHEMAS[name], getattr(models, name)
    if "enum" in theirs:
        assert issubclass(ours, StrEnum)
        assert [member.value for member in ours] == theirs["enum"]
        return
    assert issubclass(ours, BaseModel)
    fields = {field.alias or own: field for own, field in ours.model_fields.items()}
    assert list(fields) == [each for each in theirs.get("properties", {}) if each not in SAID_BY_CALL]
    needed = {each for each in theirs.get("required", ()) if must_be_said(ours, theirs["properties"][each])}
    assert {each for each, field in fields.items() if field.is_required()} == needed
    _, defined = models_json_schema([(ours, "validation")], ref_template="{model}")
    own = defined["$defs"][ours.__name__]["properties"] if fields else {}
    constrained = issubclass(ours, Sent)
    for each, schema in theirs.get("properties", {}).items():
        if each in SAID_BY_CALL:
            continue
        assert shape(own[each], constrained=constrained) == shape(schema, constrained=constrained), each


def test_what_is_sent_is_checked_here_and_what_is_answered_may_grow() -> None:
    with pytest.raises(ValidationError) as wrong:
        models.Hold.model_validate({"reason": "planted", "evidence": "1", "planted": 1})
    assert "planted" not in str(wrong.value).replace("planted\n  Extra", "")
    told = models.Moved.model_validate_json(
        '{"case_id": "idc-1", "kind": "IdNumberChange", "generation": 1, "version": 2, "status": "later", "new": 1}'
    )
    assert (told.status, told.kind, "new" in told.model_dump()) == ("later", models.Kind.id_number_change, False)
    assert isinstance(told.kind, models.Kind)
    kept = models.Defect.model_validate({"document": "photograph", "problem": "1", "new": 1})
    assert kept.model_dump()["new"] == 1
    kinds = {
        base: {each for each in SCHEMAS if issubclass(getattr(models, each), base)} for base in (Sent, Told, Shared)
    }
    assert {"NumberChangeApplication", "Withdraw", "Actor"} <= kinds[Sent]
    assert {"CaseView", "Problem", "Entry"} <= kinds[Told]
    assert {"Document", "Defect"} <= kinds[Shared]


def test_no_name_and_no_number_stands_in_what_a_model_is_shown_as() -> None:
    application = models.NumberChangeApplication(
        personal_number="T7654321",
        name="PLANTED",
        new_number="11010519491231002X",
        region="110105",
        submitter=models.ApplicationCitizen(kind="agent", number="11010519491231002X"),
    )
    produced = models.CardProduced(produced=True, batch="1", order="ord-" + "a" * 26, card_number="D7654321")
    for shown in (repr(application), str(application), repr(produced)):
        assert not any(each in shown for each in ("7654321", "PLANTED", "11010519491231002X"))


def test_the_same_thing_is_said_with_the_same_words_and_no_more() -> None:
    assert models.Withdraw().body() == {}
    assert models.Withdraw(note="").body() == {"note": ""}
    application = models.ReplacementApplication(
        personal_number="T0000001",
        name="合成人",
        number="11010519491231002X",
        reason=models.ReplacementReason.lost,
        region="110105",
        submitter=models.ApplicationCitizen(kind="applicant"),
    )
    assert application.body() == {
        "kind": "CardReplacement",
        "personal_number": "T0000001",
        "name": "合成人",
        "number": "11010519491231002X",
        "reason": "lost",
        "region": "110105",
        "submitter": {"kind": "applicant"},
    }


def test_there_is_a_call_for_each_route_and_none_for_another() -> None:
    stands: dict[str, Any] = {"case_id": CASE, "generation": 1, "version": 1}
    nothing: dict[str, Any] = {}
    view = models.CaseView.model_construct(**stands)
    application = models.ReplacementApplication.model_construct(**nothing)
    facts = [
        each for each in vars(models).values() if isinstance(each, type) and issubclass(each, Fact) and each is not Fact
    ]
    made: list[Call[Any]] = [
        calls.open_case(application, None, reopen=False),
        calls.read_case(CASE),
        calls.moved(view, 1),
        calls.history(CASE),
        calls.outcome(CASE),
        calls.progress(CASE, "submitter"),
        calls.subject(CASE),
        calls.delivery(CASE),
        calls.look_up(models.Kind.id_number_change, "T0000000"),
        calls.list_cases(Filter(), None, 1),
        calls.overview(None, 1),
        calls.feed_persons(()),
        calls.read_events(None, (), 1, 0),
        calls.end_of_events(),
        calls.subscribe("https://bank.example.invalid/hook", (), None),
        calls.subscriptions(),
        calls.read_subscription(SUBSCRIPTION),
        calls.end_subscription(SUBSCRIPTION),
        calls.pause(SUBSCRIPTION),
        calls.resume(SUBSCRIPTION),
        calls.resend(SUBSCRIPTION),
        calls.replay(SUBSCRIPTION, PLACE),
        calls.webhook_keys(),
        calls.hand_in_register(b"", FileType.csv, None, Reading()),
        calls.hand_in_events(b"", FileType.csv, None, Reading()),
        calls.list_jobs(),
        calls.read_job(JOB, 0),
        calls.list_job_rows(JOB, None, None, 1),
        calls.cancel_job(JOB),
        calls.pause_job(JOB),
        calls.resume_job(JOB),
        calls.set_job_rate(JOB, 1),
        calls.read_job_report(JOB),
        *(calls.tell(CASE, fact.model_construct(), None, None) for fact in facts),
    ]
    reached = {
        (
            each.method.lower(),
            each.path.replace(CASE, "{case}").replace(SUBSCRIPTION, "{subscription}").replace(JOB, "{job}"),
        )
        for each in made
    }
    routes = {(method, path) for path, operations in DESCRIPTION["paths"].items() for method in operations}
    missing = routes - reached
    assert not missing, "clients/python/cardcase_client has no call for these"
    assert not reached - routes


def test_parameters_of_lists_are_those_of_the_interface() -> None:
    for path, made in (
        ("/v1/cases", calls.list_cases(_full_filter(), "c", 1)),
        ("/v1/overview", calls.overview("110000", 1)),
        ("/v1/events", calls.read_events("p", ("t",), 1, 1)),
        ("/v1/cases/{case}/progress", calls.progress(CASE, "submitter")),
        ("/v1/registers", calls.hand_in_register(b"", FileType.csv, None, _READ_SO)),
        ("/v1/event-batches", calls.hand_in_events(b"", FileType.csv, None, _READ_SO)),
        ("/v1/jobs/{job}", calls.read_job(JOB, 1)),
        ("/v1/jobs/{job}/rows", calls.list_job_rows(JOB, "refused", "1", 1)),
    ):
        operation = DESCRIPTION["paths"][path][made.method.lower()]
        theirs = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        assert set(made.parameters) == theirs


def test_a_file_is_sent_as_what_the_interface_takes() -> None:
    for path in ("/v1/registers", "/v1/event-batches"):
        taken = DESCRIPTION["paths"][path]["post"]["requestBody"]["content"]
        assert {each.value for each in FileType} <= set(taken)


def _full_filter() -> Filter:
    return Filter(
        kind=models.Kind.id_number_change,
        status=models.Status.in_review,
        milestone=models.Milestone.submitted,
        region="11",
        category=models.Category.general,
        attention="hold",
        changed_after=datetime(2026, 1, 1, tzinfo=UTC),
        reference="20481337",
        sort="due",
    )


def test_both_clients_have_the_same_methods() -> None:
    own, others = (
        {name: each for name, each in vars(client).items() if inspect.isfunction(each) and not name.startswith("_")}
        for client in (Client, AsyncClient)
    )
    assert set(own) == set(others)
    for name, method in own.items():
        ours, theirs = inspect.signature(method), inspect.signature(others[name])
        assert list(ours.parameters.values()) == list(theirs.parameters.values()), name
        told, waited = (re.sub(r"Async", "", str(each.return_annotation)) for each in (ours, theirs))
        assert told == waited, name
