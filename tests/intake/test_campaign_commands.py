"""`starter.py campaign` on the real engine: a large register is begun, slowed down, watched, counted and cancelled."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from intake.jobs import store
from tests.engine import Engine
from tests.intake.applying import CLERK, SOUTH
from tests.intake.calling import Said
from tests.intake.registering import csv_of, write_csv
from tests.intake.service.test_campaigns import campaigning
from tests.intake.test_commands_engine import cells

Call = Callable[..., Awaitable[Said]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A register of three rows is large."""
    monkeypatch.setattr(store, "CAMPAIGN_ROWS", 2)


async def register(engine: Engine, folder: Path) -> Path:
    rows = [cells(await engine.insured(region=SOUTH)) for _ in range(3)]
    rows[1]["personal_number"] = "T9999998"
    return write_csv(folder / "register.csv", csv_of([list(row.values()) for row in rows]))


async def test_a_campaign_is_begun_slowed_down_watched_and_counted(
    engine: Engine, call_as: Call, tmp_path: Path
) -> None:
    file = await register(engine, tmp_path)
    async with campaigning(engine):
        begun = await call_as(CLERK, "campaign", "start", file, "--rate", "50", "-o", "json")
        assert begun.exit == 0, begun.err
        job = begun.json["id"]
        watched = await call_as(CLERK, "campaign", "watch", job, "-o", "json")
        # A row was refused: somebody has to correct it.
        assert watched.exit == 65
        assert watched.json["rows"] == {"read": 3, "done": 2, "refused": 1, "waiting": 0, "cancelled": 0}
        report = (await call_as(CLERK, "campaign", "report", job, "-o", "json")).json
        assert (report["opened"], report["codes"]["PERSON_UNKNOWN"]) == (2, 1)
        late = await call_as(CLERK, "campaign", "pause", job)
        assert late.exit == 1
        assert "JOB_NOT_RUNNING" in late.err
    listed = await call_as(CLERK, "campaign", "list", "-o", "jsonl")
    assert job in {line["id"] for line in listed.lines}
