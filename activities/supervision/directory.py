"""The directory of offices and posts in the register: read whole, replaced whole, looked up along the hierarchy."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple, TypeVar

from activities.registry.bearers import read_bearers, write_down
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from cases.models import RegionCode, StaffId
from cases.offices import DUTY_OF, LEVEL_OF, Bearer, Directory, Duty, Office, Post, Recipient, acting, chain_of

SQL: Final = load("directory.sql", beside=__file__)


class Changes(NamedTuple):
    """How many entries of one kind were added, changed and removed, and how many stayed."""

    added: int
    changed: int
    removed: int
    unchanged: int


class Replaced(NamedTuple):
    """What became of offices, posts and bearers."""

    offices: Changes
    posts: Changes
    bearers: Changes


class Told(NamedTuple):
    """Who is told in one capacity about the cases of an agency: the post's holder, or a deputy by rank."""

    recipient: Recipient
    office: RegionCode
    office_name: str
    role: Duty
    staff: StaffId
    rank: int
    present: bool


@case_errors_only
async def read_directory(pool: Pool) -> Directory:
    """The directory as it stands; empty where none was loaded."""
    async with connection_of(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        return await _read(connection)


@case_errors_only
async def replace_directory(pool: Pool, directory: Directory, *, dry_run: bool = False) -> Replaced:
    """Make the register's directory this one, in one transaction; what is the same already is not touched.

    The directory has no fault (`cases.offices.faults_of`). With `dry_run` nothing is written.
    """
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["one_loader"].first(connection, {})
        standing = await _read(connection)
        old_offices = {office.code: office for office in standing.offices}
        new_offices = {office.code: office for office in directory.offices}
        old_posts = {(post.office, post.role, post.rank): post for post in standing.posts}
        new_posts = {(post.office, post.role, post.rank): post for post in directory.posts}
        old_bearers = {bearer: bearer for bearer in standing.bearers}
        new_bearers = {bearer: bearer for bearer in directory.bearers}
        if not dry_run:
            # References between them are checked at the end of the transaction.
            for post in _gone(old_posts, new_posts):
                await SQL["remove_post"].run(connection, post.model_dump())
            codes = [office.code for office in _gone(old_offices, new_offices)]
            await SQL["remove_offices"].run(connection, {"codes": codes})
            for office in _gone(new_offices, old_offices):
                await SQL["add_office"].run(connection, office.model_dump())
            for post in _gone(new_posts, old_posts):
                await SQL["add_post"].run(connection, post.model_dump())
            came, went = _gone(new_bearers, old_bearers), _gone(old_bearers, new_bearers)
            await write_down(connection, came, went)
        return Replaced(
            _changes(old_offices, new_offices),
            _changes(old_posts, new_posts),
            _changes(old_bearers, new_bearers),
        )


def told_about(directory: Directory, agency: str, day: date) -> tuple[Told, ...]:
    """Who is told about the cases of an agency on a day, the lowest level first; empty for one that is not listed.

    Those who are absent are listed too: the first who is present at a post is the one who is told.
    """
    chain = chain_of(directory.offices, agency)
    told: list[Told] = []
    for recipient, level in LEVEL_OF.items():
        office = acting(chain, level)
        if office is not None:
            at_post = (
                post for post in directory.posts if (post.office, post.role) == (office.code, DUTY_OF[recipient])
            )
            told += [
                Told(recipient, office.code, office.name, post.role, post.staff, post.rank, post.is_present(day))
                for post in sorted(at_post, key=lambda post: post.rank)
            ]
    return tuple(told)


async def _read(connection: Connection) -> Directory:
    offices = await SQL["offices"].all(connection, {})
    posts = await SQL["posts"].all(connection, {})
    return Directory(
        offices=tuple(Office.model_validate(dict(row)) for row in offices),
        posts=tuple(Post.model_validate(dict(row)) for row in posts),
        bearers=tuple(
            sorted((await read_bearers(connection)).now, key=lambda each: (each.office, each.role, each.staff))
        ),
    )


Key = TypeVar("Key", bound=Hashable)
Entry = TypeVar("Entry", Office, Post, Bearer)


def _gone(old: Mapping[Key, Entry], new: Mapping[Key, Entry]) -> Iterable[Entry]:
    """Entries that are not in `new` as they are in `old`."""
    return [entry for key, entry in old.items() if new.get(key) != entry]


def _changes(old: Mapping[Key, Entry], new: Mapping[Key, Entry]) -> Changes:
    both = old.keys() & new.keys()
    changed = sum(old[key] != new[key] for key in both)
    return Changes(len(new) - len(both), changed, len(old) - len(both), len(both) - changed)
