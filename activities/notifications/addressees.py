"""Addressees: who is told in a capacity on a day, and how they are reached."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import asyncpg

from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from activities.sealing import Field, Sealer
from cases.delivery import Channel, Tongue
from cases.errors import CaseError, Code
from cases.offices import DUTY_OF, LEVEL_OF, Office, Post, Recipient, acting

SQL: Final = load("notifications.sql", beside=__file__)


@dataclass(frozen=True)
class Contact:
    """One way to reach somebody. The address is sealed, bound to its owner."""

    channel: Channel
    address: str = field(repr=False)
    tongue: Tongue
    staff: str | None = None


@dataclass(frozen=True)
class Reach:
    """How somebody is reached, in the order they prefer; or why they are not."""

    contacts: tuple[Contact, ...] = ()
    lacking: Code = Code.CONTACT_MISSING


def sealed_as(channel: Channel) -> Field:
    """What an address of a channel is sealed as; a phone is that of the register."""
    return Field.phone if channel is Channel.sms else Field.address


async def reaches_of(connection: Connection, taken: Sequence[asyncpg.Record], day: date) -> dict[int, Reach]:
    """How the addressees of notifications are reached on a civil day of Asia/Shanghai, by the IDs of these."""
    of_staff = [row for row in taken if row["recipient"] != Recipient.applicant]
    reaches = {
        row["id"]: Reach(tuple(_contacts(row["channels"] or (), row["addresses"] or (), row["languages"] or ())))
        for row in taken
        if row["recipient"] == Recipient.applicant
    }
    return reaches | (await _reaches_of_staff(connection, of_staff, day) if of_staff else {})


def _contacts(channels: Iterable[str], addresses: Iterable[str], languages: Iterable[str]) -> Iterator[Contact]:
    for channel, address, language in zip(channels, addresses, languages, strict=True):
        yield Contact(Channel(channel), address, Tongue(language))


async def _reaches_of_staff(connection: Connection, taken: Sequence[asyncpg.Record], day: date) -> dict[int, Reach]:
    """How those are reached who are at the posts that capacities stand for: the holder, or else those who stand in."""
    chains: defaultdict[str, list[Office]] = defaultdict(list)
    for row in await SQL["offices_from"].all(connection, {"offices": list({row["office"] for row in taken})}):
        chains[row["origin"]].append(Office(**{name: value for name, value in row.items() if name != "origin"}))
    offices = list({office.code for chain in chains.values() for office in chain})
    people = [Post(**dict(row)) for row in await SQL["people_at_posts"].all(connection, {"offices": offices})]
    present = [post for post in people if post.is_present(day)]
    ways: defaultdict[str, list[Contact]] = defaultdict(list)
    for row in await SQL["contacts_of_staff"].all(connection, {"staff": list({post.staff for post in present})}):
        contact = Contact(Channel(row["channel"]), row["address"], Tongue(row["language"]), row["staff"])
        ways[row["staff"]].append(contact)

    def reach(row: asyncpg.Record) -> Reach:
        recipient = Recipient(row["recipient"])
        office = acting(chains[row["office"]], LEVEL_OF[recipient])
        code, role = None if office is None else office.code, DUTY_OF[recipient]
        staff = [post.staff for post in present if post.office == code and post.role is role]
        if not staff:
            return Reach(lacking=Code.POST_VACANT)
        # Somebody who is there but cannot be reached is as good as absent.
        return Reach(tuple(next((ways[each] for each in staff if each in ways), ())))

    return {row["id"]: reach(row) for row in taken}


@case_errors_only
async def write_staff_contact(
    pool: Pool, sealer: Sealer, staff: str, way: Channel, address: str, *, rank: int, tongue: Tongue
) -> None:
    """Say how one of the staff is reached from now on; `rank` is the place in their order of preference."""
    sealed = sealer.seal(address, field=sealed_as(way), person=staff)
    values = {"staff": staff, "channel": way.value, "address": sealed, "rank": rank, "language": tongue.value}
    async with connection_of(pool) as connection:
        await SQL["write_staff_contact"].run(connection, values)


@case_errors_only
async def address_of_staff(pool: Pool, sealer: Sealer, staff: str, way: Channel) -> str:
    """The address of one of the staff. Raises `CaseError` CONTACT_MISSING, KEY_UNKNOWN or SEAL_BROKEN."""
    async with connection_of(pool) as connection:
        rows = await SQL["contacts_of_staff"].all(connection, {"staff": [staff]})
    sealed = next((row["address"] for row in rows if row["channel"] == way.value), None)
    if sealed is None:
        raise CaseError(Code.CONTACT_MISSING, "staff")
    return sealer.open(sealed, field=sealed_as(way), person=staff)
