"""The name of the code that decides: it follows the code and nothing else, and stands in histories."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.common import VersioningBehavior

import workflows
from runtime import build
from tests.engine import Engine
from tests.scenes import ID_CARD
from tests.worker_process import ROOT
from tests.workflows.roads import change


def test_another_process_has_the_same_name_for_it() -> None:
    program = "from runtime.build import build_id; print(build_id())"
    said = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True)
    assert said == f"{build.build_id()}\n"


def test_it_changes_with_a_line_of_a_workflow_and_not_with_its_bytecode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "workflows"
    shutil.copytree(workflows.__path__[0], copy)
    monkeypatch.setattr(workflows, "__path__", [str(copy)])
    named = build.build_id.__wrapped__
    before = named()
    assert before == build.build_id()
    (copy / "case.pyc").write_bytes(b"anything")
    assert named() == before
    with (copy / "case.py").open("a", encoding="utf-8") as file:
        file.write("# one more line\n")
    assert named() != before


async def test_a_history_says_which_build_made_it(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    builds = {
        (told.worker_version.build_id, told.worker_deployment_name)
        for event in (await engine.handle(case.case_id).fetch_history()).events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        for told in (event.workflow_task_completed_event_attributes,)
    }
    assert builds == {(build.build_id(), "cardcase")}


def test_a_versioned_worker_pins_no_case_and_any_other_is_given_work_always() -> None:
    versioned, other = build.deployment(versioned=True), build.deployment(versioned=False)
    assert (versioned.use_worker_versioning, other.use_worker_versioning) == (True, False)
    assert versioned.default_versioning_behavior is VersioningBehavior.AUTO_UPGRADE
    assert other.default_versioning_behavior is VersioningBehavior.UNSPECIFIED
