"""How a revision runs its numbered SQL files, and what their checksum is."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic import op
from sqlalchemy import Connection


def sql_of(revision_file: str | Path) -> tuple[Path, ...]:
    """The SQL files of a revision, in the order in which they run: all that have its number, by name."""
    revision = Path(revision_file)
    number = revision.name.split("_", maxsplit=1)[0]
    return tuple(sorted(revision.parent.glob(f"{number}_*.sql")))


def checksum(sql_files: Sequence[Path]) -> str:
    """SHA-256 over a revision's SQL files, as it is kept beside the revision once it was applied."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in sql_files)).hexdigest()


def run_script(revision_file: str) -> None:
    """Run a revision's SQL files in the migration's transaction."""
    run_files(op.get_bind(), sql_of(revision_file))


def run_files(connection: Connection, sql_files: Sequence[Path]) -> None:
    """Run SQL files, all their statements, in the transaction of the connection.

    SQLAlchemy prepares what it executes, and PostgreSQL prepares single statements only; hence the driver's own
    connection.
    """
    adapted: Any = connection.connection.dbapi_connection
    for file in sql_files:
        sql = file.read_text(encoding="utf-8")
        adapted.run_async(lambda driver, sql=sql: driver.execute(sql))
