"""The search by number at the command line: by a token, for a reason, written down; the number itself goes nowhere."""

from pathlib import Path

import pytest

from activities.registry import journal
from activities.registry.journal import Kind
from cases.machines.machine import Status
from tests.engine import Engine
from tests.intake.calling import Run
from tests.intake.operating import Desk
from tests.scenes import CLERK, ID_CARD, OPERATOR
from tests.workflows.roads import change


@pytest.fixture
def desk(run: Run, monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path) -> Desk:
    return Desk(run, monkeypatch, engine, tmp_path)


async def test_an_old_and_a_new_number_lead_to_the_case(engine: Engine, desk: Desk) -> None:
    case = await change(engine, ID_CARD)
    await case.rests_in(Status.in_review)
    for number in (case.person.old, case.person.new, f" {case.person.new.lower()}\n"):
        said = await desk.call(CLERK, "search", "--reason", "柜台查询", "-o", "json", stdin=number.encode())
        assert said.exit == 0
        assert [found["case_id"] for found in said.json] == [case.case_id]
        assert number.strip() not in said.out + said.err
        entry = (await journal.entries(engine.pool))[-1]
        assert (entry.kind, entry.actor, entry.reason) == (Kind.search, CLERK.id, "柜台查询")
        assert entry.facts == {"token": engine.sealer.number_token(number.strip().upper())}


async def test_nobodys_number_is_answered_with_nothing(desk: Desk) -> None:
    said = await desk.call(CLERK, "search", "--reason", "柜台查询", "-o", "json", stdin=b"110105190001011009")
    assert (said.exit, said.json) == (0, [])


async def test_without_a_role_a_reason_or_a_number_nothing_is_looked_for(engine: Engine, desk: Desk) -> None:
    before = len(await journal.entries(engine.pool))
    number = b"110105190001011009"
    assert (await desk.call(OPERATOR, "search", "--reason", "柜台查询", stdin=number)).exit == 65
    assert (await desk.call(None, "search", "--reason", "柜台查询", stdin=number)).exit == 78
    assert (await desk.call(CLERK, "search", "--reason", "", stdin=number)).exit == 65
    assert (await desk.call(CLERK, "search", stdin=number)).exit == 64
    assert (await desk.call(CLERK, "search", "--reason", "柜台查询", stdin=b"")).exit == 65
    assert len(await journal.entries(engine.pool)) == before
