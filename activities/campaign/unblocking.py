"""No block without an end: a temporary loss report expires, whatever became of its case.

A case that waits for the end of its own report ends it itself, in its own transition. All others are found here: what
the end does to the card stands with the card, as the policy of the report said it. A block that came with the register
says of no end: it gets the one of a report that is made when it is first seen.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from activities.calendar import Calendars
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.clocks import Budget, due
from cases.errors import CaseError, Code
from cases.events import Event
from cases.policy import Policies
from cases.steps import Neighbour

SQL: Final = load("unblocking.sql", beside=__file__)

BATCH: Final = 200
"""Cards looked at with one query."""

PAGE: Final = 100
"""Cases told one after the other before further ones are asked for."""


class Progress(NamedTuple):
    """How far the cards were walked: the last one's key, how many reports had expired, how many were ended."""

    reached: int = 0
    expired: int = 0
    ended: int = 0


async def end_blocks(
    pool: Pool,
    policies: Policies,
    calendars: Calendars,
    at: datetime,
    begun: Progress,
    tell: Callable[[Progress], None],
) -> Progress:
    """Walk all blocks whose report has expired, from where an earlier attempt stopped, and end each."""
    progress = begun
    while True:
        values = {"after": progress.reached, "at": at, "limit": BATCH}
        async with connection_of(pool) as connection:
            some = await SQL["expired_blocks"].all(connection, values)
        if not some:
            return progress
        for card in some:
            if card["endless"]:
                await _set_end(pool, policies, calendars, card["id"], card["region"], at)
                progress = progress._replace(reached=card["id"])
            else:
                async with connection_of(pool) as connection, connection.transaction():
                    row = await SQL["end_block"].first(connection, {"card": card["id"], "at": at})
                ended = row is not None and bool(row["ended"])
                progress = Progress(card["id"], progress.expired + 1, progress.ended + ended)
            tell(progress)


async def _set_end(pool: Pool, policies: Policies, calendars: Calendars, card: int, region: str, at: datetime) -> None:
    try:
        policy = policies.of_region(region)
    except CaseError as unserved:
        if unserved.code is not Code.POLICY_UNKNOWN:
            raise
        return
    report = policy.replacement.loss_report
    ends = due(at, Budget(report.days, working=False), calendars(policy.calendar))
    values = {"card": card, "at": at, "ends_at": ends.at, "ends": report.expires}
    async with connection_of(pool) as connection:
        await SQL["set_end"].run(connection, values)


async def cases_to_tell(pool: Pool, after: str) -> tuple[Neighbour, ...]:
    """The next open cases, after one of them, that show a report as running which has expired."""
    async with connection_of(pool) as connection:
        rows = await SQL["cases_showing_an_ended_block"].all(connection, {"after": after, "limit": PAGE})
    return tuple(Neighbour(case_id=row["case_id"], event=Event.block_ended) for row in rows)
