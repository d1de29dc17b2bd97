"""The stories against the tables: the register makes most steps at once, so that a forgotten line would show late."""

import ast
import inspect
import textwrap

import pytest

from cases.kinds import MACHINES
from cases.names import Kind
from runtime.stories import every_story


def lines_of(story: type) -> dict[str, str]:
    """Which step the story makes in which status, as its `run` is written."""
    told: dict[str, str] = {}
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(story)))):
        if not isinstance(node, ast.match_case) or not isinstance(node.pattern, ast.MatchValue):
            continue
        for call in ast.walk(ast.Module(node.body, [])):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "self.make":
                told[ast.unparse(node.pattern.value)] = ast.unparse(call.args[0])
    return told


@pytest.mark.parametrize("story", every_story())
def test_a_story_has_a_line_for_every_status_in_which_the_engine_acts_and_for_no_other(story: type) -> None:
    kind = Kind(getattr(story, "__temporal_workflow_definition").name)
    rows = MACHINES[kind].statuses.values()
    expected = {f"Status.{row.status}": f"Event.{row.engine_step}" for row in rows if row.engine_step is not None}
    assert lines_of(story) == expected
