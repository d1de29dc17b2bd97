"""Somebody says that the register holds: a case that stands still goes on where the register stands."""

from pathlib import Path

import pytest

from activities.registry import journal
from activities.registry.journal import Kind
from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Status
from cases.names import LOOK_AT_REGISTER
from tests.engine import Engine
from tests.intake.calling import Run
from tests.intake.operating import Desk
from tests.intake.test_intervening import SOUTHERN
from tests.namespaces import until
from tests.scenes import FACTS, ID_CARD, SOUTH, of_office
from tests.workflows.restoring import restore, row_of
from tests.workflows.roads import change


@pytest.fixture
def desk(run: Run, monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path) -> Desk:
    return Desk(run, monkeypatch, engine, tmp_path)


async def test_a_case_that_stands_still_goes_on_in_a_new_run(engine: Engine, desk: Desk) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    await case.rests_in(Status.in_review)
    row = await row_of(engine.pool, case.case_id)
    await case.tell(Event.hold, of_office(FACTS[Event.hold], SOUTH))
    await case.rests_in(Status.on_hold)
    await restore(engine.pool, case.case_id, row)
    await engine.handle(case.case_id).signal(LOOK_AT_REGISTER)

    async def stands_still() -> bool:
        return (await engine.view(case.case_id)).last_error is Code.REGISTER_BEHIND

    await until(stands_still)
    said = await desk.call(SOUTHERN, "reconcile", "register-holds", case.case_id, "--reason", "工单 19", "-o", "json")
    assert (said.exit, said.json) == (0, [{"case_id": case.case_id}])
    (entry,) = await journal.entries(engine.pool, case.case_id)
    assert (entry.kind, entry.actor, entry.reason) == (Kind.terminate, "operator-s", "工单 19")
    await case.rests_in(Status.in_review)
    await case.verify()
    assert (await case.ends()).status is Status.done


@pytest.mark.parametrize(
    "arguments",
    [(), ("--all", "idc-aaaaaaaaaaaaaaaaaaaaaaaaaa"), ("idc-aaaaaaaaaaaaaaaaaaaaaaaaaa", "--dry-run"), ("--all",)],
    ids=["no case", "all and one", "a dry run of one", "no reason"],
)
async def test_what_is_not_meant_is_not_done(desk: Desk, arguments: tuple[str, ...]) -> None:
    said = await desk.call(SOUTHERN, "reconcile", "register-holds", *arguments)
    assert said.exit == 64


async def test_what_stands_still_is_listed_while_it_does(engine: Engine, desk: Desk) -> None:
    await engine.pool.execute(
        "INSERT INTO standstills (subject, kind, what, office, since, found_at) "
        "VALUES ('subscription:sub-drill', 'event', 'NOT_ACCEPTED', $1, now(), now())",
        SOUTH,
    )
    said = await desk.call(None, "reconcile", "standstills", "-o", "json")
    (row,) = (row for row in said.json if row["subject"] == "subscription:sub-drill")
    assert (said.exit, row["kind"], row["office"], row["is_told"], row["ended_at"]) == (1, "event", SOUTH, False, None)
    await engine.pool.execute("UPDATE standstills SET ended_at = now() WHERE ended_at IS NULL")
    said = await desk.call(None, "reconcile", "standstills", "-o", "json")
    assert (said.exit, said.json) == (0, [])
    said = await desk.call(None, "reconcile", "standstills", "--ended", "-o", "json")
    assert "subscription:sub-drill" in {row["subject"] for row in said.json}
