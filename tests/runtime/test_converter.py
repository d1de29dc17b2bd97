"""The one converter: nothing that was not set is written, and nothing that is wrong is quoted."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from cases.answers import CaseView
from cases.decide import initial_state
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import AddDocuments, Approve
from cases.state import CaseState
from cases.steps import StepRequest
from cases.views import view_of
from runtime.converter import IN_CLEAR
from tests.engine import Engine
from tests.scenes import CERTIFICATE, FACTS, ID_CARD, NOW, number_change, received

PLANTED = "110105190001010016"


def payload_of(value: Any) -> Payload:
    return IN_CLEAR.payload_converter.to_payload(value)


def read(payload: Payload, kind: type[Any]) -> Any:
    return IN_CLEAR.payload_converter.from_payload(payload, kind)


def failure_of(error: BaseException) -> Failure:
    failure = Failure()
    IN_CLEAR.failure_converter.to_failure(error, IN_CLEAR.payload_converter, failure)
    return failure


def refusal_of(payload: Payload, kind: type[Any]) -> ApplicationError:
    with pytest.raises(ApplicationError) as refused:
        read(payload, kind)
    assert PLANTED not in str(refused.value)
    assert PLANTED not in str(failure_of(refused.value))
    assert refused.value.non_retryable
    return refused.value


@pytest.mark.parametrize("event", FACTS, ids=str)
def test_a_fact_comes_back_as_it_went(event: Event) -> None:
    fact = FACTS[event]
    assert read(payload_of(fact), type(fact)) == fact


def test_a_state_and_its_view_come_back_as_they_went() -> None:
    state = received(number_change(ID_CARD, CERTIFICATE))
    assert read(payload_of(state), CaseState) == state
    assert read(payload_of(view_of(state, NOW)), CaseView) == view_of(state, NOW)


def test_fields_that_were_not_set_are_left_out() -> None:
    state = initial_state(number_change(ID_CARD))
    written = json.loads(payload_of(state).data)
    assert set(written) == {"opening", "status", "documents"}
    assert "category" not in written["opening"]
    assert len(payload_of(state).data) < len(state.model_dump_json()) * 0.7


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            {"actor": {"id": PLANTED, "role": "clerk", "office": "110105"}, "documents": []}, id="wrong value"
        ),
        pytest.param({"actor": PLANTED}, id="wrong type"),
        pytest.param({PLANTED: PLANTED}, id="unknown field"),
        pytest.param(PLANTED, id="no object"),
        pytest.param([[[PLANTED]]], id="an array"),
        pytest.param(None, id="null"),
    ],
)
def test_a_payload_of_the_wrong_shape_is_refused_by_code_and_place(document: Any) -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(document).encode())
    assert refusal_of(payload, AddDocuments).type == Code.PAYLOAD_INVALID


def test_the_places_that_are_wrong_are_named() -> None:
    document = {"actor": {"id": PLANTED, "role": PLANTED, "office": "110105"}, "content": PLANTED}
    payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(document).encode())
    assert str(refusal_of(payload, Approve)).endswith("actor.id, actor.role, content")


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"json/plain", b"{" + PLANTED.encode()),
        (b"json/plain", b"\xff\xfe" + PLANTED.encode()),
        (b"json/plain", b"[" * 100_000),
        (b"json/plain", b"NaN"),
        (b"binary/null", PLANTED.encode()),
        (b"json/protobuf", PLANTED.encode()),
        (PLANTED.encode(), b"{}"),
    ],
    ids=["cut off", "no UTF-8", "too deep", "NaN", "no null", "no protobuf", "unknown encoding"],
)
def test_bytes_that_cannot_be_read_are_refused_by_code(encoding: bytes, data: bytes) -> None:
    assert refusal_of(Payload(metadata={"encoding": encoding}, data=data), AddDocuments).type == Code.PAYLOAD_INVALID


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_the_answer_is_a_code(data: bytes) -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=data)
    with pytest.raises(ApplicationError) as refused:
        read(payload, StepRequest)
    assert refused.value.type == Code.PAYLOAD_INVALID


def test_a_rule_that_a_payload_breaks_is_told_by_its_own_code() -> None:
    document = json.loads(payload_of(FACTS[Event.return_documents]).data)
    document["defects"][0]["problem"] = f"号码{PLANTED}有误"
    payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(document).encode())
    assert refusal_of(payload, type(FACTS[Event.return_documents])).type == Code.PII_IN_TEXT


def test_a_failure_that_is_not_ours_says_its_type_and_not_its_text() -> None:
    def fail() -> None:
        try:
            int(PLANTED + "?")
        except ValueError as cause:
            raise KeyError(PLANTED) from cause

    with pytest.raises(KeyError) as raised:
        fail()
    failure = failure_of(raised.value)
    assert PLANTED not in str(failure)
    assert (failure.message, failure.cause.message) == ("KeyError", "ValueError")
    assert failure.application_failure_info.type == "KeyError"
    assert "test_a_failure_that_is_not_ours" in failure.stack_trace


def test_a_failure_of_ours_says_its_code() -> None:
    failure = failure_of(CaseError(Code.PII_IN_TEXT, "note"))
    assert failure.application_failure_info.type == Code.PII_IN_TEXT
    assert failure.message == "PII_IN_TEXT (note)"


async def test_a_case_that_is_opened_with_what_nobody_can_read_fails_at_once_by_code(engine: Engine) -> None:
    handle = await engine.client.start_workflow(
        "IdNumberChange",
        {"opening": {"number": PLANTED}},
        id=f"poison-{uuid4()}",
        task_queue=engine.task_queue,
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == Code.PAYLOAD_INVALID
    end = (await handle.fetch_history()).events[-1]
    assert PLANTED not in str(end)


async def test_a_fact_of_the_wrong_shape_is_refused_to_whoever_tells_it(engine: Engine) -> None:
    person = await engine.insured()
    receipt = await engine.open(engine.number_change(person, ID_CARD))
    before = await engine.view(receipt.case_id)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await engine.handle(receipt.case_id).execute_update("verify_documents", {"actor": PLANTED})
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == Code.PAYLOAD_INVALID
    assert PLANTED not in str(refused.value.cause)
    assert await engine.view(receipt.case_id) == before
