"""The register's time, counted on by whoever asks often, whatever the clock of its own machine shows."""

from datetime import datetime, timedelta

import pytest

from activities.registry import clock
from activities.registry.clock import RegisterTime
from activities.registry.pool import create_pool
from cases.errors import CaseError, Code
from tests.engine import Engine

pytestmark = pytest.mark.servers

A_MOMENT = timedelta(seconds=5)


async def test_it_is_the_registers_and_goes_on_while_the_register_is_away(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await create_pool(engine.database_url, size=2)
    time = RegisterTime(pool)
    first = await time.now()
    registers: datetime = await pool.fetchval("SELECT clock_timestamp()")
    assert registers - A_MOMENT < first <= registers
    await pool.close()
    monkeypatch.setattr(clock, "ASKED_AGAIN_SECONDS", 0.0)
    assert first < await time.now() < first + A_MOMENT


async def test_a_register_that_was_never_asked_says_no_time(engine: Engine) -> None:
    pool = await create_pool(engine.database_url, size=2)
    await pool.close()
    with pytest.raises(CaseError) as away:
        await RegisterTime(pool).now()
    assert away.value.code is Code.DATABASE_UNAVAILABLE
