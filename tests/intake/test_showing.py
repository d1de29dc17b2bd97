"""What the command line shows of a case to whoever calls it."""

from pathlib import Path

import pytest

from cases.events import Event
from tests.engine import Engine
from tests.intake.calling import Run
from tests.intake.operating import Desk
from tests.scenes import CLERK, ID_CARD, OFFICER, OPERATOR, VERIFIER
from tests.workflows.roads import change


async def test_show_names_of_the_possible_events_those_that_the_caller_may_tell(
    engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case = await change(engine, ID_CARD)
    possible = set((await case.agrees()).events)
    desk = Desk(run, monkeypatch, engine, tmp_path)
    offered = {}
    for actor in (CLERK, VERIFIER, OFFICER, OPERATOR):
        said = await desk.call(actor, "-o", "json", "show", case.case_id)
        assert said.exit == 0, said.err
        offered[actor.id] = {Event(event) for event in said.json["events"]}
        assert offered[actor.id] < possible
    # Who took the application in verifies nothing.
    assert offered[VERIFIER.id] - offered[CLERK.id] == {Event.verify_documents}
    assert Event.reject in offered[OFFICER.id] - offered[VERIFIER.id]
    assert offered[OPERATOR.id] == {Event.acknowledge, Event.recompute}
    monkeypatch.delenv("CARDCASE_TOKEN_FILE")
    said = await desk.call(None, "-o", "json", "show", case.case_id)
    assert {Event(event) for event in said.json["events"]} == possible, "nobody in particular looks"
