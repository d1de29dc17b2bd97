"""Addressees: who is told in a capacity on a day, and how they are reached."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import asyncpg

from activities.notifications.standing import Way, counting
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


def ways_of(rows: Sequence[asyncpg.Record], *, round_: int) -> list[Way]:
    """The deliveries of a notification that count in a round."""
    return counting([(Way(row["state"]), row["round"]) for row in rows], round_=round_)


def sealed_as(channel: Channel) -> Field:
    """What an address of a channel is sealed as; a phone is that of the register."""
    return Field.phone if channel is Channel.sms else Field.address


async def reach_of(connection: Connection, notification: asyncpg.Record, day: date) -> Reach:
    """How the addressee of a notification is reached on a civil day of Asia/Shanghai."""
    recipient = Recipient(notification["recipient"])
    if recipient is Recipient.applicant:
        rows = await SQL["contacts_of_person"].all(connection, {"person": notification["person"]})
        return Reach(tuple(_contact(row, None) for row in rows))
    present = await _present(connection, notification["office"], recipient, day)
    if not present:
        return Reach(lacking=Code.POST_VACANT)
    rows = await SQL["contacts_of_staff"].all(connection, {"staff": present})
    # Somebody who is there but cannot be reached is as good as absent.
    reachable = next((staff for staff in present if any(row["staff"] == staff for row in rows)), None)
    return Reach(tuple(_contact(row, reachable) for row in rows if row["staff"] == reachable))


async def _present(connection: Connection, code: str, recipient: Recipient, day: date) -> Sequence[str]:
    """Who is at the post that a capacity stands for: the holder, or else those who stand in."""
    rows = await SQL["offices_from"].all(connection, {"office": code})
    office = acting([Office(**_fields(row)) for row in rows], LEVEL_OF[recipient])
    if office is None:
        return ()
    role = DUTY_OF[recipient]
    people = await SQL["people_at_post"].all(connection, {"office": office.code, "role": role.value})
    return [post.staff for post in (Post(**_fields(row)) for row in people) if post.is_present(day)]


def _fields(row: asyncpg.Record) -> dict[str, Any]:
    return dict(row)


def _contact(row: asyncpg.Record, staff: str | None) -> Contact:
    return Contact(Channel(row["channel"]), row["address"], Tongue(row["language"]), staff)


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
