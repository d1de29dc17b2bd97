"""A database that refuses the steps a test names: for good, as a broken constraint, or for a while, as a lock does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Self

from cases.events import Event
from tests.engine import Engine


class Refusal(StrEnum):
    """What PostgreSQL answers."""

    for_good = "23514"
    """A check is violated: no repetition helps."""
    for_a_while = "55P03"
    """A lock was not to be had in time: a repetition may help."""


_INSTALL = """
    CREATE TABLE IF NOT EXISTS refused_steps (case_id text, event text, state text, PRIMARY KEY (case_id, event));
    CREATE OR REPLACE FUNCTION refuse_step() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        answer text;
    BEGIN
        SELECT state INTO answer FROM refused_steps WHERE case_id = NEW.case_id AND event = NEW.event;
        IF answer IS NOT NULL THEN
            RAISE EXCEPTION 'refused for a test' USING ERRCODE = answer;
        END IF;
        RETURN NEW;
    END
    $$;
    CREATE OR REPLACE TRIGGER steps_may_be_refused BEFORE INSERT ON transitions
        FOR EACH ROW EXECUTE FUNCTION refuse_step();
"""


class Refusals:
    """Which steps of which cases the engine's database refuses."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    async def installed(cls, engine: Engine) -> Self:
        """Teach the engine's database to refuse."""
        await engine.pool.execute(_INSTALL)
        return cls(engine)

    @asynccontextmanager
    async def of(self, case_id: str, *events: Event, how: Refusal = Refusal.for_good) -> AsyncIterator[None]:
        """The database refuses these steps of a case for the length of a block."""
        pool = self._engine.pool
        rows = [(case_id, event.value, how.value) for event in events]
        await pool.executemany("INSERT INTO refused_steps VALUES ($1, $2, $3)", rows)
        try:
            yield
        finally:
            await pool.execute("DELETE FROM refused_steps WHERE case_id = $1", case_id)
