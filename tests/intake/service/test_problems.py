"""Refusals over HTTP: every code has one status, and limits say when to go on."""

import pytest

from cases.errors import CaseError, Code
from cases.events import EVENTS, Event
from cases.models import Actor, Role
from cases.names import Kind
from intake.applications import Problem as InputProblem
from intake.service.callers import SCOPES, Caller, Limits, tell
from intake.service.problems import STATUS, TooOften, problem_of, response_of


def test_every_code_has_its_status() -> None:
    assert set(STATUS) == set(Code)


def test_what_passes_says_when_to_ask_again_and_nothing_else_does() -> None:
    for code, status in STATUS.items():
        headers = response_of(problem_of(code)).headers
        assert ("retry-after" in headers) is (status in {429, 503})
        assert headers["cache-control"] == "no-store"


def test_a_field_is_named_by_a_json_pointer() -> None:
    fields = [InputProblem("documents.0.sha256", Code.DOCUMENT_DIGEST_INVALID), InputProblem("", Code.FIELD_UNKNOWN)]
    problem = problem_of(Code.PAYLOAD_INVALID, fields)
    assert [each.pointer for each in problem.errors] == ["/documents/0/sha256", ""]


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


def test_a_token_bucket_fills_again_with_time() -> None:
    now = [0.0]
    limits = Limits(2, 3, lambda: now[0], most=2)
    for _ in range(3):
        limits.take("a")
    with pytest.raises(TooOften) as refused:
        limits.take("a")
    assert (refused.value.code, refused.value.retry_after) == (Code.REQUESTED_TOO_OFTEN, 1)
    now[0] = 0.5
    limits.take("a")
    with pytest.raises(CaseError):
        limits.take("a")


def test_callers_that_were_not_seen_for_long_are_forgotten_first() -> None:
    limits = Limits(1, 1, lambda: 0.0, most=2)
    for caller in ("a", "b", "c"):
        limits.take(caller)
    limits.take("a")
    with pytest.raises(TooOften):
        limits.take("c")
