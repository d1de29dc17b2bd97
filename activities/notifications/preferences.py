"""How applicants want to be reached: channels in their order, sealed on their way into the register."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import asyncpg

from activities.notifications.addressees import sealed_as
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from activities.sealing import Sealer
from cases.delivery import Channel, Tongue
from cases.errors import CaseError

SQL: Final = load("preferences.sql", beside=__file__)


@dataclass(frozen=True)
class Way:
    """One way to reach somebody."""

    channel: Channel
    address: str = field(repr=False)


@dataclass(frozen=True)
class Preferences:
    """All ways to reach one applicant, the preferred first; no channel twice."""

    person: str
    """Person ref."""
    ways: tuple[Way, ...]
    tongue: Tongue = Tongue.zh


class Fate(StrEnum):
    """What became of somebody's preferences."""

    changed = "changed"
    unchanged = "unchanged"
    unknown = "unknown"
    """The register does not know the person; nothing is kept."""


@case_errors_only
async def write_preferences(
    pool: Pool, sealer: Sealer, people: Sequence[Preferences], *, dry_run: bool = False
) -> tuple[Fate, ...]:
    """Make these the ways to reach these people, in one transaction; answers what became of each, in their order.

    What is the same already is not touched, so an address from which messages bounced stays out of use until another
    takes its place; so does one that is not named any more, because it may be the phone that the register has. With
    `dry_run` nothing is written.
    """
    refs = [each.person for each in people]
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["one_loader"].first(connection, {})
        known = {row["token"] for row in await SQL["persons_known"].all(connection, {"persons": refs})}
        standing: dict[str, dict[str, asyncpg.Record]] = {ref: {} for ref in refs}
        for row in await SQL["contacts_of"].all(connection, {"persons": refs}):
            standing[row["person"]][row["channel"]] = row
        fates = []
        for each in people:
            if each.person not in known:
                fates.append(Fate.unknown)
                continue
            writes = _writes(sealer, each, standing[each.person])
            fates.append(Fate.changed if writes else Fate.unchanged)
            if not dry_run:
                for query, values in writes:
                    await SQL[query].run(connection, values)
    return tuple(fates)


def _writes(
    sealer: Sealer, wanted: Preferences, standing: dict[str, asyncpg.Record]
) -> list[tuple[str, dict[str, Any]]]:
    """What has to be written, query by query."""
    writes: list[tuple[str, dict[str, Any]]] = []
    for rank, way in enumerate(wanted.ways):
        before = standing.get(way.channel.value)
        values = {"person": wanted.person, "channel": way.channel.value, "rank": rank, "language": wanted.tongue.value}
        if before is None or _address(sealer, before) != way.address:
            sealed = sealer.seal(way.address, field=sealed_as(way.channel), person=wanted.person)
            writes.append(("put_contact", values | {"address": sealed}))
        elif (before["rank"], before["language"]) != (rank, wanted.tongue.value):
            writes.append(("rank_contact", values))
    named = {way.channel.value for way in wanted.ways}
    writes += [
        ("remove_contact", {"person": wanted.person, "channel": channel})
        for channel, row in standing.items()
        if channel not in named and row["valid"]
    ]
    return writes


def _address(sealer: Sealer, row: asyncpg.Record) -> str | None:
    """An address that stands; None where no key of the ring opens it any more, so that it is written again."""
    try:
        return sealer.open(row["address"], field=sealed_as(Channel(row["channel"])), person=row["person"])
    except CaseError:
        return None
