"""Persons who died or were transferred: nothing of theirs stays held, and no case of theirs stays open.

A case that is told of an end, or does anything after it, ends by itself and releases what is owed. This finds what is
left: where an extract of the register was the first to know, whoever has no open case, and cases in which nothing
happens. Who is to be told follows from what stands in the register: whoever was missed is told by the next check.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.clocks import day_of
from cases.errors import CaseError, Code
from cases.events import Event
from cases.policy import Policies
from cases.steps import Neighbour

SQL: Final = load("ending.sql", beside=__file__)

BATCH: Final = 200
"""Persons looked at with one query."""

PAGE: Final = 100
"""Cases told one after the other before further ones are asked for."""


log = logging.getLogger(__name__)


class Progress(NamedTuple):
    """How far they were walked: the last one's key, and how many had something released."""

    reached: int = 0
    released: int = 0


async def release(
    pool: Pool, policies: Policies, at: datetime, begun: Progress, tell: Callable[[Progress], None]
) -> Progress:
    """Release what is owed to persons who have ended, from where an earlier attempt stopped.

    It waits where no policy says by which law, because none serves the region; the log names those.
    """
    progress = begun
    unserved: set[str] = set()
    while True:
        async with connection_of(pool) as connection:
            some = await SQL["owed_to_the_ended"].all(connection, {"after": progress.reached, "limit": BATCH})
        if not some:
            if unserved:
                log.error("what is owed waits in regions that no policy serves", extra={"regions": sorted(unserved)})
            return progress
        for row in some:
            try:
                owed_under = policies.of_region(row["region"]).owed_under
            except CaseError as unknown:
                if unknown.code is not Code.POLICY_UNKNOWN:
                    raise
                unserved.add(row["region"])
                progress = progress._replace(reached=row["id"])
                continue
            released = await _release(pool, row["id"], row["person"], at, owed_under)
            progress = Progress(row["id"], progress.released + released)
            tell(progress)


async def cases_to_tell(pool: Pool, after: str) -> tuple[Neighbour, ...]:
    """The next open cases, after one of them, whose person has ended."""
    async with connection_of(pool) as connection:
        rows = await SQL["open_cases_of_the_ended"].all(connection, {"after": after, "limit": PAGE})
    return tuple(Neighbour(case_id=row["case_id"], event=Event.person_found_ended) for row in rows)


async def _release(pool: Pool, person_id: int, person: str, at: datetime, owed_under: dict[str, str]) -> bool:
    """Release what is owed to one person in one transaction. False where they are insured again by now."""
    step = {
        "person_id": person_id,
        "person": person,
        "name": f"person_ended.{day_of(at)}",
        "at": at.isoformat(),
        "facts": {"owed_under": owed_under},
    }
    async with connection_of(pool) as connection, connection.transaction():
        if await SQL["lock_person"].first(connection, {"person": person}) is None:
            return False
        await SQL["release"].first(connection, {"step": json.dumps(step)})
        return True
