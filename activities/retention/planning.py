"""What is due to be erased by the policies' tables, and what keeps it. Looking changes nothing."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from activities.registry.audit import sha256_of
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from cases.errors import CaseError
from cases.policy import Policies
from cases.retention import ERASED, Kept

SQL: Final = load("retention.sql", beside=__file__)

PATIENCE: Final = 600
"""Seconds for one look at everything."""


class Due(NamedTuple):
    """What is due of one person."""

    person: str
    cases: tuple[str, ...]
    unsuccessful: int
    """How many of them changed and ordered nothing."""
    whole: bool
    """Whether everything goes: no case is left, and no record that has to be kept."""
    kept_by: str | None = None
    """What keeps it nevertheless: `legal_hold`, `merged`, `open_dispute`, `first_format`, `other_case`."""


class Plan(NamedTuple):
    """What would go now, and what is due and kept."""

    at: datetime
    due: tuple[Due, ...]
    kept: tuple[Due, ...]
    journal: Mapping[str, int]
    """Chains of the journal that are too old, and how many entries each has: a chain goes as a whole."""
    journal_before: datetime
    """Before which moment they were written."""

    @property
    def digest(self) -> str:
        """SHA-256 of what would go: by it whoever has it erased says that they saw it."""
        persons = (f"{each.person} {each.whole} {','.join(each.cases)}\n" for each in self.due)
        return sha256_of("".join([*persons, *(f"{chain} {count}\n" for chain, count in self.journal.items())]))

    @property
    def is_empty(self) -> bool:
        """Whether nothing would go."""
        return not (self.due or self.journal)

    @property
    def counts(self) -> dict[str, int]:
        """How much of each class would go."""
        unsuccessful = sum(each.unsuccessful for each in self.due)
        return {
            "persons": len(self.due),
            "persons_wholly": sum(each.whole for each in self.due),
            "cases": sum(len(each.cases) for each in self.due),
            "cases_unsuccessful": unsuccessful,
            "journal_entries": sum(self.journal.values()),
        }

    @property
    def kept_by(self) -> Mapping[str, int]:
        """How many persons are due and kept, by what keeps them."""
        return Counter(each.kept_by for each in self.kept if each.kept_by is not None)


class Place(NamedTuple):
    """Something that goes by itself or as a whole, and no case at a time."""

    what: Kept
    days: int
    """How long it may be kept, by every policy."""
    oldest: datetime | None
    """Since when there is something; None where there is nothing."""
    over: int
    """How much of it is older."""


@case_errors_only
async def places(pool: Pool, policies: Policies, at: datetime) -> tuple[Place, ...]:
    """What the register keeps beside cases, and whether any of it is older than it may be. Raises as `plan`."""
    days = {what: policies.kept_everywhere(what) for what in (Kept.journal, Kept.feed, Kept.jobs)}
    # What forgets by itself does so now and then.
    before = {what.value: at - timedelta(days=kept + 1) for what, kept in days.items()}
    async with connection_of(pool) as connection, connection.transaction(readonly=True):
        await SQL["take_time"].first(connection, {"limit": f"{PATIENCE}s"})
        query = SQL["places"]
        rows = await connection.fetch(query.sql, *(before[name] for name in query.parameters), timeout=PATIENCE)
    return tuple(Place(Kept(row["what"]), days[Kept(row["what"])], row["oldest"], row["over"]) for row in rows)


@case_errors_only
async def plan(pool: Pool, policies: Policies, at: datetime) -> Plan:
    """What is due at a moment. Raises `CaseError` with a code where the database cannot be reached."""
    async with connection_of(pool) as connection, connection.transaction(readonly=True):
        return await planned(connection, policies, at)


async def planned(connection: Connection, policies: Policies, at: datetime) -> Plan:
    """The same within a transaction. Raises as the connection does."""
    await SQL["take_time"].first(connection, {"limit": f"{PATIENCE}s"})
    regions = [row["region"] for row in await SQL["regions"].all(connection, {})]
    query = SQL["due"]
    values = {"terms": json.dumps(_terms(policies, regions)), "at": at}
    rows = await connection.fetch(query.sql, *(values[name] for name in query.parameters), timeout=PATIENCE)
    due = [Due(row["person"], tuple(row["cases"]), row["unsuccessful"], row["whole"], row["kept_by"]) for row in rows]
    # What was rejected, withdrawn or never answered goes first: nothing rests on it.
    due.sort(key=lambda each: (each.unsuccessful == 0, each.person))
    free = tuple(each for each in due if each.kept_by is None)
    before = at - timedelta(days=policies.kept_everywhere(Kept.journal))
    chains = {row["chain"]: row["entries"] for row in await SQL["old_chains"].all(connection, {"before": before})}
    return Plan(at, free, tuple(each for each in due if each.kept_by is not None), chains, before)


def _terms(policies: Policies, regions: list[str]) -> list[dict[str, str | int]]:
    """For how many days each class is kept, by region; a region that no policy serves keeps everything."""
    terms: list[dict[str, str | int]] = []
    for region in sorted(regions):
        try:
            policy = policies.of_region(region)
        except CaseError:
            continue
        terms.append({"region": region} | {what.value: policy.kept(what).days for what in ERASED})
    return terms
