"""A second look at held benefits: a hold ends once its reason is gone, even if everybody forgot it.

Cases lift holds themselves, in the transition that ends the reason. This finds what no case will lift any more: holds
that came with the register or were written beside a case, and numbers that were updated without one.

What was withheld because of an old number or card is paid when that is up to date: claims go back into their queues. A
hold that is only unlawful for the time being, because the case is on hold or in dispute, is lifted, and the claims wait
for the number, as when the case itself goes on hold.

An open case shows whether benefits are held, and learns of what ended beside it. Who is to be told follows from what
stands in the register, not from what one walk did: whoever was not told, because somebody died, is told by the next.
"""

import json
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from cases.clocks import day_of
from cases.events import Event
from cases.kinds import KINDS
from cases.steps import Neighbour

SQL: Final = load("rechecking.sql", beside=__file__)

BATCH: Final = 200
"""Holds looked at with one query."""

PAGE: Final = 100
"""Cases told one after the other before further ones are asked for."""


class GoneBy(StrEnum):
    """What took away the reason of a hold; stands in `benefit_holds.release_basis`."""

    case_done = "case_done"
    number_updated = "number_updated"
    case_on_hold = "case_on_hold"
    case_disputed = "case_disputed"

    @property
    def pays(self) -> bool:
        """Whether what was withheld can be paid: the number or the card is up to date."""
        return self in {GoneBy.case_done, GoneBy.number_updated}


class Progress(NamedTuple):
    """How far the holds were walked: the last one's key, how many were looked at, how many were lifted."""

    reached: int = 0
    held: int = 0
    released: int = 0


def _kinds() -> dict[str, list[str]]:
    """For what the cases of each kind make the register hold benefits, and how their IDs begin."""
    records = KINDS.values()
    return {"reasons": [each.held_for for each in records], "prefixes": [each.prefix for each in records]}


async def recheck(pool: Pool, at: datetime, begun: Progress, tell: Callable[[Progress], None]) -> Progress:
    """Walk all holds and warnings from where an earlier attempt stopped, and lift those whose reason is gone."""
    progress = begun
    while True:
        async with connection_of(pool) as connection:
            some = await SQL["holds_with_their_reason"].all(
                connection, {"after": progress.reached, "only": None, "limit": BATCH, **_kinds()}
            )
        if not some:
            return progress
        for hold in some:
            lifted = hold["gone_by"] is not None and await _lift(pool, hold["id"], hold["person"], at)
            progress = Progress(hold["id"], progress.held + 1, progress.released + lifted)
            tell(progress)


async def cases_to_tell(pool: Pool, after: str) -> tuple[Neighbour, ...]:
    """The next open cases, after one of them, that show benefits as held which are not held any more."""
    async with connection_of(pool) as connection:
        rows = await SQL["cases_showing_a_lifted_hold"].all(connection, {"after": after, "limit": PAGE, **_kinds()})
    return tuple(Neighbour(case_id=row["case_id"], event=Event.benefits_lifted) for row in rows)


async def _lift(pool: Pool, hold: int, person: str, at: datetime) -> bool:
    """Lift one hold in one transaction. False where its reason came back, or somebody else lifted it meanwhile."""
    async with connection_of(pool) as connection, connection.transaction():
        # Whoever decides on a person's benefits holds the person's record; the reason is looked at again under it.
        await SQL["lock_person"].first(connection, {"person": person})
        found = await SQL["holds_with_their_reason"].first(
            connection, {"after": 0, "only": hold, "limit": 1, **_kinds()}
        )
        if found is None or found["gone_by"] is None:
            return False
        await _lift_in(connection, dict(found), at)
        return True


async def _lift_in(connection: Connection, hold: dict[str, Any], at: datetime) -> None:
    step = {name: hold[name] for name in ("case_id", "generation", "person", "person_id", "reason")}
    step |= {"name": f"benefits_rechecked.{day_of(at)}", "at": at.isoformat()}
    pays = GoneBy(hold["gone_by"]).pays
    await SQL["lift"].first(connection, {"step": json.dumps(step), "pays": pays})
    await SQL["say_why_lifted"].run(connection, hold)
