"""How staff are reached: addresses are sealed on their way into the register, each bound to its owner."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import Field, StringConstraints

from activities.notifications.addressees import sealed_as
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from activities.sealing import Sealer
from activities.supervision.directory import Changes
from cases.delivery import Channel, Tongue
from cases.errors import CaseError
from cases.models import Contract, Impersonal, StaffId

SQL: Final = load("contacts.sql", beside=__file__)

Address = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x20\x7f]{3,500}$")]


class StaffContact(Contract):
    """One way to reach somebody: a phone, a mail address, or what a chat system calls them."""

    staff: Annotated[StaffId, Impersonal]
    channel: Channel
    address: Address = Field(repr=False)
    rank: Annotated[int, Field(ge=0, le=9)] = 0
    """Order of preference, the lowest first."""
    language: Tongue = Tongue.zh


class ContactsReplaced(NamedTuple):
    """What became of the contacts, and who is at a post and cannot be reached."""

    contacts: Changes
    unreachable: tuple[StaffId, ...]


@case_errors_only
async def replace_contacts(
    pool: Pool, sealer: Sealer, contacts: Sequence[StaffContact], *, dry_run: bool = False
) -> ContactsReplaced:
    """Make these the contacts of staff, in one transaction; what is the same already is not touched.

    Nobody has two contacts of one channel. With `dry_run` nothing is written, and `unreachable` is as it stands.
    """
    wanted = {(contact.staff, contact.channel): contact for contact in contacts}
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["one_loader"].first(connection, {})
        standing = await _standing(connection, sealer)
        if not dry_run:
            for staff, channel in standing.keys() - wanted.keys():
                await SQL["remove_staff_contact"].run(connection, {"staff": staff, "channel": channel.value})
            for key, contact in wanted.items():
                if standing.get(key) != contact:
                    sealed = sealer.seal(contact.address, field=sealed_as(contact.channel), person=contact.staff)
                    await SQL["put_staff_contact"].run(connection, contact.model_dump() | {"address": sealed})
        unreachable = await SQL["posts_without_contact"].all(connection, {})
    both = standing.keys() & wanted.keys()
    changed = sum(standing[key] != wanted[key] for key in both)
    changes = Changes(len(wanted) - len(both), changed, len(standing) - len(both), len(both) - changed)
    return ContactsReplaced(changes, tuple(row["staff"] for row in unreachable))


async def _standing(connection: Connection, sealer: Sealer) -> dict[tuple[StaffId, Channel], StaffContact | None]:
    """The contacts that stand, opened to be compared: the same text sealed twice looks different.

    What no key of the ring opens any more is None, so that it is written again.
    """
    standing: dict[tuple[StaffId, Channel], StaffContact | None] = {}
    for row in await SQL["staff_contacts"].all(connection, {}):
        staff, channel = row["staff"], Channel(row["channel"])
        try:
            address = sealer.open(row["address"], field=sealed_as(channel), person=staff)
        except CaseError:
            standing[staff, channel] = None
        else:
            standing[staff, channel] = StaffContact.model_validate(dict(row) | {"address": address})
    return standing
