"""Restored and lost servers: nothing that both sides knew is lost, and what one side never had is named, exactly."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from activities.reconciliation.pairing import Misfit
from cases.models import Actor, Role
from stack.postgres import PostgresServer
from tests.faults.drills import DATABASE, REPLICATED, Drill, drill_on
from tests.intake.calling import runner, take_settings_away
from tests.intake.operating import Desk
from tests.scenes import SOUTH

pytestmark = pytest.mark.faults

OPERATOR = Actor(id="operator-s", role=Role.operator, office=SOUTH)


@pytest_asyncio.fixture(loop_scope="session")
async def drill(tmp_path: Path, record_property: Callable[[str, object], None]) -> AsyncIterator[Drill]:
    """A drill, whose figures stand in the report."""
    async with drill_on(tmp_path) as running:
        yield running
        for name, figure in running.figures.items():
            record_property(name, round(figure, 1))


@pytest.fixture
def desk_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "DeskOf":
    take_settings_away(monkeypatch)
    return DeskOf(capsys, monkeypatch, tmp_path)


class DeskOf:
    """The command line beside the servers of a drill, wherever these are by now."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._capsys, self._monkeypatch, self._folder = capsys, monkeypatch, folder

    def __call__(self, drill: Drill) -> Desk:
        return Desk(runner(self._capsys, self._monkeypatch), self._monkeypatch, drill.engine, self._folder)


async def refused(drill: Drill, *misfits: Misfit) -> None:
    """Nobody works on what does not fit."""
    status, (complaint,) = await drill.may_start()
    assert status == 78
    assert any(misfit.value in complaint for misfit in misfits)


async def test_the_register_is_restored_to_an_earlier_moment(drill: Drill, desk_of: DeskOf, tmp_path: Path) -> None:
    postgres, copy = drill.stack.postgres, tmp_path / "copy"

    async def back_up() -> None:
        await postgres.back_up(copy)
        await drill.beats(2)

    async with drill.worker():
        await drill.under_load((0.4, back_up), (0.9, postgres.kill))
    before = drill.acknowledged
    postgres.put_back(copy)
    await postgres.start()
    await drill.connected_anew()
    await refused(drill, Misfit.register_older)
    lost = before - await drill.taken_in()
    assert lost, "the load went on after the copy"
    desk = desk_of(drill)
    differences, missing = await drill.held(desk, OPERATOR)
    named = drill.named(missing)
    assert lost <= named
    assert named <= set(drill.said) - await drill.taken_in()
    assert {row["kind"] for row in differences} <= {"behind", "without_row", "without_run", "ahead"}
    await drill.ends_well(desk, OPERATOR)


async def test_who_was_erased_stays_so_when_the_register_is_restored(
    drill: Drill, desk_of: DeskOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres, copy = drill.stack.postgres, tmp_path / "copy"
    monkeypatch.setenv("CARDCASE_PERSON_KEYS", drill.settings["CARDCASE_PERSON_KEYS"])
    people = [await drill.engine.insured(region=SOUTH) for _ in range(10)]
    gone = [drill.engine.sealer.person_token(person.personal_number) for person in people]
    died = "UPDATE persons SET died_on = current_date - 4000 WHERE token = ANY ($1)"
    await drill.engine.pool.execute(died, gone)
    there = "SELECT count(*) FROM persons WHERE token = ANY ($1)"
    await postgres.back_up(copy)
    desk = desk_of(drill)
    planned = await desk.call(OPERATOR, "retention", "plan", "-o", "json")
    assert planned.json["persons_wholly"] == len(gone)
    asked = ("--plan", planned.json["plan"], "--reason", "恢复演练", "-o", "json")
    assert (await desk.call(OPERATOR, "retention", "run", *asked)).json["persons"] == len(gone)
    assert await drill.may_start() == (0, [])
    await postgres.kill()
    postgres.put_back(copy)
    await postgres.start()
    await drill.connected_anew()
    assert await drill.engine.pool.fetchval(there, gone) == len(gone)
    status, (complaint,) = await drill.may_start()
    assert status == 78
    assert "starter.py retention replay" in complaint
    desk = desk_of(drill)
    assert (await desk.call(OPERATOR, "retention", "replay", "-o", "json")).exit == 0
    assert await drill.engine.pool.fetchval(there, gone) == 0
    assert await drill.may_start() == (0, [])


async def test_the_store_of_temporal_is_restored_to_an_earlier_moment(
    drill: Drill, desk_of: DeskOf, tmp_path: Path
) -> None:
    temporal, copy = drill.stack.temporal, tmp_path / "temporal.db"

    async def back_up() -> None:
        await temporal.back_up(copy)
        await drill.beats(2)

    async with drill.worker():
        await drill.beats(1)
        await drill.under_load((0.4, back_up), (0.9, temporal.kill))
    temporal.put_back(copy)
    await temporal.start()
    await drill.connected_anew()
    await refused(drill, Misfit.temporal_older)
    assert drill.acknowledged <= await drill.taken_in(), "the register has whatever was acknowledged"
    desk = desk_of(drill)
    differences, missing = await drill.held(desk, OPERATOR)
    assert {row["kind"] for row in differences} <= {"ahead", "without_run"}
    assert drill.named(missing) <= set(drill.said) - drill.acknowledged
    await drill.ends_well(desk, OPERATOR)


async def test_the_store_of_temporal_is_lost(drill: Drill, desk_of: DeskOf) -> None:
    temporal = drill.stack.temporal
    async with drill.worker():
        # After its first beat nobody can tell a store that was lost from one that has not heard of it yet.
        await drill.beats(2)
        await drill.under_load((0.9, temporal.kill))
    temporal.lose()
    await temporal.start()
    await drill.connected_anew()
    await refused(drill, Misfit.temporal_empty)
    assert drill.acknowledged <= await drill.taken_in()
    open_cases = await drill.engine.pool.fetchval("SELECT count(*) FROM cases WHERE closed_at IS NULL")
    desk = desk_of(drill)
    differences, missing = await drill.held(desk, OPERATOR)
    assert [row["kind"] for row in differences] == ["without_run"] * open_cases
    assert missing == []
    await drill.ends_well(desk, OPERATOR)


async def test_both_are_restored_to_different_moments(drill: Drill, desk_of: DeskOf, tmp_path: Path) -> None:
    postgres, temporal = drill.stack.postgres, drill.stack.temporal
    copies = tmp_path / "copy", tmp_path / "temporal.db"

    async def back_up_register() -> None:
        await postgres.back_up(copies[0])
        await drill.beats(2)

    async def back_up_store() -> None:
        await temporal.back_up(copies[1])
        await drill.beats(2)

    async def power_fails() -> None:
        await postgres.kill()
        await temporal.kill()

    async with drill.worker():
        await drill.under_load((0.3, back_up_register), (0.6, back_up_store), (0.9, power_fails))
    before = drill.acknowledged
    postgres.put_back(copies[0])
    temporal.put_back(copies[1])
    await postgres.start()
    await temporal.start()
    await drill.connected_anew()
    await refused(drill, Misfit.register_older)
    lost = before - await drill.taken_in()
    assert lost
    desk = desk_of(drill)
    _, missing = await drill.held(desk, OPERATOR)
    named = drill.named(missing)
    assert named, "what the later store still has is named"
    assert named <= set(drill.said) - await drill.taken_in()
    await drill.ends_well(desk, OPERATOR)


async def test_a_standby_takes_over_that_lost_the_last_seconds(drill: Drill, desk_of: DeskOf, tmp_path: Path) -> None:
    postgres = drill.stack.postgres
    await postgres.back_up(tmp_path / "standby", to_follow=True)
    standby = PostgresServer(tmp_path / "standby", durable=False, settings=REPLICATED)
    await standby.start()
    try:
        async with drill.worker():
            await drill.beats(2)
            # The network between both is cut; the first one goes on for a while.
            await drill.under_load((0.6, standby.stop), (0.9, postgres.kill))
        before = drill.acknowledged
        await standby.start()
        await drill.at(standby.endpoint.url_of(DATABASE))
        assert await drill.engine.pool.fetchval("SELECT pg_promote()")
        await drill.connected_anew()
        await refused(drill, Misfit.elsewhere)
        lost = before - await drill.taken_in()
        assert lost
        desk = desk_of(drill)
        _, missing = await drill.held(desk, OPERATOR)
        named = drill.named(missing)
        assert lost <= named
        assert named <= set(drill.said) - await drill.taken_in()
        await drill.ends_well(desk, OPERATOR)
    finally:
        await standby.stop()
