"""Recorded histories replay with the workflows as they are, and would not replay with others."""

import re
from collections.abc import Iterator

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType

from cases.answers import Outcome
from cases.kinds import MACHINES
from cases.names import Kind
from runtime.converter import IN_CLEAR
from runtime.worker import cases_replayer, every_workflow
from tests.replay.broken import OneLess, OneMore, Reordered
from tests.replay.lives import LIVES, RUNS
from tests.replay.recorded import FOLDER, Recorded, keep, recorded, release
from tests.worker_process import ROOT

HISTORIES = recorded()
OF_THIS_RELEASE = [one for one in HISTORIES if one.release == release()]
CHANGELOG = ROOT / "CHANGELOG.md"
RECORD = "This release has not recorded it yet: make histories"
SIZE_OF_A_HISTORY = 64 * 1024

PERSONAL = {
    "an ID number": re.compile(r"(?<![0-9a-zA-Z_-])(\d{15}|\d{17}[0-9Xx])(?![0-9a-zA-Z_-])"),
    "a name": re.compile("合成人"),
    "a personal or card number": re.compile(r"(?<![0-9a-zA-Z_-])[TCN]T?\d{7,8}(?![0-9a-zA-Z_-])"),
    "a place on somebody's machine": re.compile(r"\d+@|/(home|root|usr|tmp|Users)/|\.py\b"),
}


@pytest.mark.parametrize("one", HISTORIES, ids=lambda one: one.name)
async def test_what_was_recorded_replays(one: Recorded) -> None:
    await cases_replayer().replay_workflow(one.history)


@pytest.mark.parametrize("broken", [OneMore, Reordered, OneLess])
async def test_a_workflow_that_would_do_something_else_fails_the_replay(broken: type) -> None:
    replayer = cases_replayer([broken])
    for one in HISTORIES:
        if one.kind == Kind.id_number_change and one.ending not in {"failed", "continued"}:
            with pytest.raises(workflow.NondeterminismError):
                await replayer.replay_workflow(one.history)


@pytest.mark.parametrize("kind", Kind)
def test_every_ending_of_either_kind_is_recorded_by_this_release(kind: Kind) -> None:
    machine = MACHINES[kind]
    endings = {status.value for status in machine.statuses if not machine.is_open(status)}
    assert endings == {one.ending for one in OF_THIS_RELEASE if one.kind == kind} - {"failed", "continued"}, RECORD


def test_this_release_has_recorded_every_life_and_every_workflow() -> None:
    assert {one.path.stem for one in OF_THIS_RELEASE} >= {*LIVES, *RUNS}, RECORD
    types = {workflow._Definition.must_from_class(each).name for each in every_workflow()}
    assert {one.kind for one in OF_THIS_RELEASE} == types, RECORD


def test_every_release_that_was_published_keeps_its_histories() -> None:
    published = re.findall(r"^## \[(\d[^\]]*)\]", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert {one.release for one in HISTORIES} >= {*published, release()}


def test_no_history_is_recorded_anew() -> None:
    one = OF_THIS_RELEASE[0]
    before = one.path.read_bytes()
    with pytest.raises(FileExistsError):
        keep(one.path.stem, one.history)
    assert one.path.read_bytes() == before


def test_a_recording_is_what_its_name_says() -> None:
    for one in HISTORIES:
        last = one.history.events[-1]
        match one.ending:
            case "failed":
                assert last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED
            case "continued":
                assert last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
            case "completed":
                assert last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
            case ending:
                result = last.workflow_execution_completed_event_attributes.result.payloads[0]
                outcome: Outcome = IN_CLEAR.payload_converter.from_payload(result, Outcome)
                assert outcome.status == ending


def test_the_recordings_show_what_a_history_of_ours_may_hold() -> None:
    kinds = {event.event_type for one in HISTORIES for event in one.history.events}
    assert kinds >= {
        EventType.EVENT_TYPE_MARKER_RECORDED,
        EventType.EVENT_TYPE_TIMER_FIRED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    }


def texts_of(one: Recorded) -> Iterator[str]:
    yield one.path.read_text(encoding="utf-8")
    yield from one.payloads()


@pytest.mark.parametrize("one", HISTORIES, ids=lambda one: one.name)
def test_a_recording_holds_nothing_personal_in_clear_and_is_small(one: Recorded) -> None:
    texts = list(texts_of(one))
    if one.kind in set(Kind):
        assert any('"number":"sample.' in text for text in texts), "the payloads were looked into"
    for what, pattern in PERSONAL.items():
        for text in texts:
            assert pattern.search(text) is None, f"{what} in {one.path.name}"
    assert one.path.stat().st_size <= SIZE_OF_A_HISTORY


def test_what_is_looked_for_would_be_found() -> None:
    planted = (
        "110105190001010016",
        "110105000101001",
        "合成人7",
        '"T0000007"',
        "NT0000007",
        "7@host",
        "/home/a/b",
        "a.py",
    )
    for text in planted:
        assert any(pattern.search(text) for pattern in PERSONAL.values()), text


def test_nothing_else_lies_among_the_recordings() -> None:
    assert {path.suffix for folder in FOLDER.iterdir() for path in folder.iterdir()} == {".json"}
