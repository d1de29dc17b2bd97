"""Cases that ended long ago, and an older register that is put back."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from activities.person_keys import DirectoryKeys
from activities.registry.loading import InsuredPerson
from activities.registry.pool import Pool
from activities.retention.erasing import By, Erasure, erase
from activities.retention.planning import plan
from cases.events import Event
from cases.facts import Reject, Withdraw
from cases.policy import Policies
from cases.state import CaseState
from tests.activities.play import NOON, THIRD, Play, insured
from tests.activities.test_effects_on_numbers import confirmation
from tests.scenes import CLERK

YEAR: Final = NOON + timedelta(days=366)
"""When what changed nothing is due in the north."""
DECADE: Final = NOON + timedelta(days=3700)
"""When everything is."""
BY: Final = By(CLERK, "the time is over")


async def rejected(play: Play, person: InsuredPerson) -> CaseState:
    reject = Reject(actor=THIRD, legal_basis="Measures (sample) art. 1")
    return await play.move(await play.reviewed(play.change(person)), Event.reject, reject)


async def withdrawn(play: Play, person: InsuredPerson) -> CaseState:
    return await play.move(await play.reviewed(play.change(person)), Event.withdraw, Withdraw(actor=CLERK))


async def done(play: Play, person: InsuredPerson) -> CaseState:
    """A case by which a number was changed, and which has closed."""
    state = await play.committed(play.change(person))
    for system in state.awaited:
        state = await play.move(state, Event.confirm_downstream, confirmation(system))
    return await play.move(await play.move(state, Event.unblock), Event.release)


async def died(play: Play, person: InsuredPerson) -> None:
    await play.write("UPDATE persons SET died_on = $2 WHERE token = $1", play.token(person), play.today)


async def erased(pool: Pool, keys: DirectoryKeys, policies: Policies, at: datetime, by: By = BY) -> Erasure:
    """What a run comes to that erases what is due."""
    seen = await plan(pool, policies, at)
    return await erase(pool, keys, policies, seen.digest, by, at, lambda *_: None)


async def copied(play: Play) -> dict[str, list[Any]]:
    """Everything the register holds."""
    held = {}
    for row in await play.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"):
        rows = await play.value(f"SELECT coalesce(json_agg(t), '[]')::text FROM {row['name']} AS t")  # noqa: S608 - ours
        held[row["name"]] = json.loads(rows)
    return held


async def put_back(play: Play, held: dict[str, list[Any]]) -> None:
    """As a restore does it: all tables hold what they held."""
    async with play.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for name, rows in held.items():
            await connection.execute(f"DELETE FROM {name}")  # noqa: S608 - ours
            await connection.execute(
                f"INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::{name}, $1)",  # noqa: S608 - ours
                json.dumps(rows),
            )


__all__ = ["BY", "DECADE", "YEAR", "copied", "died", "done", "erased", "insured", "put_back", "rejected", "withdrawn"]
