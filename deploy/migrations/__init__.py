"""Migrations of the register: numbered SQL files in `versions/`, applied by Alembic.

    python -m deploy.migrations

migrates the database that `CARDCASE_DATABASE_URL` names. Programs call `migrate`.

All missing revisions are applied in one transaction, or none. Two migrators at once: one waits for the other. A file
that was changed after it was applied is refused, because nobody could say any more what a database holds: write a new
one.

What is code and holds no data, the functions by which the register makes transitions, stands by subject in
`functions/`. Those files are edited in place, and run by name after the revisions whenever one of them has changed. A
function whose arguments change, or that is needed no more, is dropped by a revision.

A release migrates while workers of the one before go on, so a revision only adds. One by which older code does not work
any more says so in its `.py`: `suits = "NNNN"`, the schema of the oldest code that works on what it leaves. It comes a
release after the code that needed what it takes away.
"""

from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from cases.errors import CaseError, Code
from deploy.migrations.script import checksum, run_files, sql_of

HERE: Final = Path(__file__).parent

_LOCK: Final = 0x6361726463617365
"""Key of the advisory lock that one migrator holds: the letters of the project's name."""

_SECONDS: Final = 10.0
"""How long connecting and closing may take."""

_CHECKSUMS: Final = """
CREATE TABLE IF NOT EXISTS schema_checksums (
    revision text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""

_SUITS: Final = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'schema_checksums'::regclass AND attname = 'suits') THEN
        ALTER TABLE schema_checksums ADD COLUMN suits text COLLATE "C";
    END IF;
END $$
"""
"""Of a revision the schema of the oldest code that works on what it leaves; null where that is as before."""

_KEEP_SUITS: Final = (
    "UPDATE schema_checksums SET suits = :suits WHERE revision = :revision AND suits IS DISTINCT FROM :suits"
)

_KEEP_CHECKSUM: Final = """
INSERT INTO schema_checksums (revision, sha256) VALUES (:revision, :sha256)
ON CONFLICT (revision) DO UPDATE SET sha256 = excluded.sha256, applied_at = excluded.applied_at
"""

_GRANT: Final = """
DO $$ BEGIN
    IF to_regprocedure('grant_rights()') IS NOT NULL THEN PERFORM grant_rights(); END IF;
END $$
"""


FUNCTIONS: Final = "functions"
"""By this name the functions stand among the checksums, and in what `migrate` answers."""


def suits(folder: Path = HERE) -> dict[str, str]:
    """Of the revisions that say so the schema of the oldest code that works on what they leave."""
    said = {
        each.revision: getattr(each.module, "suits", None) for each in ScriptDirectory(str(folder)).walk_revisions()
    }
    return {revision: oldest for revision, oldest in said.items() if oldest is not None}


def scripts(folder: Path = HERE) -> dict[str, tuple[Path, ...]]:
    """Revision and SQL files of every migration, oldest first."""
    directory = ScriptDirectory(str(folder))
    revisions = reversed(list(directory.walk_revisions()))
    return {revision.revision: sql_of(revision.path) for revision in revisions}


async def migrate(url: str, folder: Path = HERE) -> list[str]:
    """Bring a database to the newest revision of these files.

    One that is newer is left as it is where it suits code of these files: a release that goes back finds it so.

    Returns the revisions that were applied now, and `functions` after them where those were written anew.
    Raises `CaseError`: SCHEMA_MISMATCH for a file that was changed after it was applied, or for a database that is
    newer than these files and does not suit code of theirs; DATABASE_UNAVAILABLE where it cannot be reached;
    DATABASE_REFUSED where a statement fails.
    """
    driver = await _connect(url)

    async def connected() -> asyncpg.Connection:
        return driver

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connected, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_migrate, folder)
    # The text of these errors quotes statements and values.
    except DBAPIError as error:
        lost = error.connection_invalidated
    except asyncpg.PostgresError as error:
        lost = isinstance(error, asyncpg.PostgresConnectionError | asyncpg.OperatorInterventionError)
    except (asyncpg.InterfaceError, OSError):
        lost = True
    finally:
        await engine.dispose()
        await driver.close(timeout=_SECONDS)
    raise CaseError(Code.DATABASE_UNAVAILABLE if lost else Code.DATABASE_REFUSED)


async def _connect(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, timeout=_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError):
        code = Code.DATABASE_UNAVAILABLE
    raise CaseError(code)


def _migrate(connection: Connection, folder: Path) -> list[str]:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    # What only a migration may add asks for it (`added_by_migration`).
    connection.execute(text("SELECT set_config('cardcase.migrating', 'on', true)"))
    connection.execute(text(_CHECKSUMS))
    connection.execute(text(_SUITS))
    rows = connection.execute(text("SELECT revision, sha256, suits FROM schema_checksums")).all()
    applied: dict[str, str] = {row.revision: row.sha256 for row in rows}
    files = scripts(folder)
    functions = tuple(sorted((folder / FUNCTIONS).glob("*.sql")))
    known_functions = applied.pop(FUNCTIONS, None)
    oldest = max((row.suits for row in rows if row.suits is not None), default=None)
    is_newer_and_suits = oldest is not None and oldest <= max(files) < max(applied)
    for revision, sha256 in applied.items():
        if revision not in files:
            if is_newer_and_suits:
                continue
            raise CaseError(Code.SCHEMA_MISMATCH, revision)
        if checksum(files[revision]) != sha256:
            raise CaseError(Code.SCHEMA_MISMATCH, revision)
    if is_newer_and_suits:
        return []
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    now = {revision: checksum(files[revision]) for revision in files if revision not in applied}
    if functions and (sha256 := checksum(functions)) != known_functions:
        run_files(connection, functions)
        now[FUNCTIONS] = sha256
    # Tables that came with a revision have no rights yet.
    connection.execute(text(_GRANT))
    for revision, sha256 in now.items():
        connection.execute(text(_KEEP_CHECKSUM), {"revision": revision, "sha256": sha256})
    for revision, oldest in suits(folder).items():
        connection.execute(text(_KEEP_SUITS), {"revision": revision, "suits": oldest})
    return list(now)
