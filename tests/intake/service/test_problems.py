"""Refusals over HTTP: every code has one status, points at what is wrong, and limits say when to go on."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import Request
from pydantic import BaseModel

from cases.errors import Code
from cases.events import EVENTS, FACTS, Event
from cases.models import Actor, Role
from cases.names import Kind
from cases.submitters import Authority, Citizen
from intake.applications import APPLICATIONS
from intake.applications import Problem as InputProblem
from intake.remedies import REPORTED, remedy_over_http
from intake.service.callers import Believed, Caller
from intake.service.description import CODES
from intake.service.pointing import MEANT, keep_sent, pointed_at
from intake.service.problems import STATUS, problem_of, response_of
from intake.service.scopes import SCOPES, tell
from runtime.identity import Identity
from tests.intake.service.contract import DESCRIPTION
from tests.intake.service.contract import response_of as response_of_operation


def test_every_code_has_its_status() -> None:
    assert set(STATUS) == set(Code)


def test_what_passes_says_when_to_ask_again_and_nothing_else_does() -> None:
    for code, status in STATUS.items():
        headers = response_of(problem_of(code)).headers
        assert ("retry-after" in headers) is (status in {429, 503})
        assert headers["cache-control"] == "no-store"


def test_a_field_is_named_by_a_json_pointer() -> None:
    fields = [InputProblem("documents.0.sha256", Code.DOCUMENT_DIGEST_INVALID), InputProblem("", Code.FIELD_UNKNOWN)]
    problem = problem_of(Code.PAYLOAD_INVALID, pointed_at(request_of({"documents": [{}]}), fields))
    assert [each.pointer for each in problem.errors] == ["/documents/0/sha256", ""]


@pytest.mark.parametrize(
    ("body", "field", "pointer"),
    [
        ({"submitter": {"id": "clerk-1"}}, "submitter.id", "/submitter/id"),
        ({"submitter": {"kind": "agent"}}, "submitter.authority.until", "/submitter/authority"),
        ({"submitter": "clerk-1"}, "submitter.id", "/submitter"),
        ({}, "region", "/region"),
        ({}, "standing", ""),
        ({"documents": [{"uri": 1}]}, "documents.1.uri", "/documents"),
        ({"documents": None}, "documents.0.uri", "/documents"),
    ],
)
def test_a_pointer_goes_as_far_as_what_was_sent(body: dict[str, Any], field: str, pointer: str) -> None:
    (pointed,) = pointed_at(request_of(body), [InputProblem(field, Code.FIELD_INVALID)])
    assert (pointed.pointer, pointed.header) == (pointer, None)


@pytest.mark.parametrize("code", MEANT, ids=str)
def test_what_a_case_means_by_a_code_is_something_that_can_be_told(code: Code) -> None:
    models: tuple[type[BaseModel], ...] = (*APPLICATIONS.values(), *FACTS.values(), Citizen, Authority, Actor)
    known = {path for model in models for path in model.model_fields}
    for path in MEANT[code]:
        assert set(path.split(".")) <= known


def test_what_stands_in_a_header_is_said_of_the_header() -> None:
    problems = [InputProblem("key", Code.PII_IN_TEXT), InputProblem("update_id", Code.PII_IN_TEXT)]
    (pointed,) = pointed_at(request_of({}), problems)
    assert (pointed.pointer, pointed.header) == ("", "Idempotency-Key")


def test_what_cannot_be_taken_is_at_least_wrong_as_a_whole() -> None:
    for code, status in STATUS.items():
        assert [(each.pointer, each.code) for each in problem_of(code).errors] == (
            [("", code)] if status == 422 else []
        )


OPTIONS = re.compile(
    r"starter\.py|(?<![\w-])--[a-z]|CARDCASE_|[Cc]ommand line|命令行|Web UI|网页|[Ll]og in|登录|chmod|runbook|手册|"
    r"key ring|密钥环|(schedules|notify) list|bulk plan"
)
"""What somebody at the command line or before the Web UI could do something with, and a program cannot."""


def test_a_program_is_told_nothing_that_only_somebody_at_a_command_line_can_do() -> None:
    told = {code for codes in (every_route_refuses(), REPORTED.values()) for code in codes}
    for reported in told - NEVER_OVER_HTTP:
        remedy = remedy_over_http(reported)
        assert not OPTIONS.search(remedy.en), (reported, remedy.en)
        assert not OPTIONS.search(remedy.zh), (reported, remedy.zh)


NEVER_OVER_HTTP = {
    Code.LOGIN_FAILED,
    Code.ORIGIN_NOT_ALLOWED,
    Code.SCHEDULE_UNKNOWN,
    Code.PLAN_UNKNOWN,
    Code.MESSAGE_UNKNOWN,
    Code.HEADS_BROKEN,
    Code.HEADS_OVERTAKEN,
    Code.HEADS_UNREACHABLE,
}
"""Codes of the gate's pages and of the command line alone."""


def test_no_route_refuses_with_a_code_of_somebody_elses() -> None:
    assert not NEVER_OVER_HTTP & every_route_refuses()


def every_route_refuses() -> set[Code]:
    return {
        Code(code)
        for methods in DESCRIPTION["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
        for code in response_of_operation(operation, int(status)).get(CODES, ())
    }


def request_of(body: dict[str, Any]) -> Request:
    request = Request({"type": "http", "headers": [], "state": {}})
    keep_sent(request, body, APPLICATIONS.values())
    return request


def test_there_is_a_scope_for_each_event_that_somebody_may_tell() -> None:
    assert {scope for scope in SCOPES if scope.startswith("events:tell:")} == {
        tell(event) for event in Event if EVENTS[event].roles
    }


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.back_office, {Kind.id_number_change, Kind.card_replacement}),
        (Role.clerk, {Kind.id_number_change, Kind.card_replacement}),
        (Role.pension, {Kind.id_number_change}),
        (Role.card_bureau, {Kind.id_number_change, Kind.card_replacement}),
        (Role.applicant, set()),
    ],
)
def test_a_system_sees_the_kinds_of_case_in_which_it_has_a_part(role: Role, kinds: set[Kind]) -> None:
    caller = Caller(Actor(id="system-1", role=role, office="110000"), "", None)
    assert caller.kinds == kinds
    assert all(caller.sees(kind, "110105") for kind in kinds)
    assert not any(caller.sees(kind, "440103") for kind in Kind)


def test_a_token_is_believed_for_a_minute_and_never_beyond_its_end() -> None:
    now = [1_000_000.0]
    believed = Believed(lambda: now[0], most=2)
    identities = {
        token: Identity(Actor(id=f"bank-{seconds}", role=Role.bank, office="110000"), datetime.fromtimestamp(end, UTC))
        for token, seconds in (("long", 3600), ("short", 10))
        for end in [now[0] + seconds]
    }
    for token, identity in identities.items():
        believed.keep(token, identity)
    assert believed.find("other") is None
    now[0] += 9.9
    assert [believed.find(token) for token in identities] == list(identities.values())
    now[0] += 0.1
    assert [believed.find(token) for token in identities] == [identities["long"], None]
    now[0] += 50
    assert believed.find("long") is None
    for token in ("1", "2", "3"):
        believed.keep(token, identities["long"])
    assert [believed.find(token) is None for token in ("1", "2", "3")] == [True, False, False]
