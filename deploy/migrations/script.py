"""How a revision runs its numbered SQL file, and what a file's checksum is."""

import hashlib
from pathlib import Path
from typing import Any

from alembic import op


def sql_of(revision_file: str | Path) -> Path:
    """The SQL file of a revision: the same name, another ending."""
    return Path(revision_file).with_suffix(".sql")


def checksum(sql_file: Path) -> str:
    """SHA-256 of a SQL file, as it is kept beside the revision once it was applied."""
    return hashlib.sha256(sql_file.read_bytes()).hexdigest()


def run_script(revision_file: str) -> None:
    """Run a revision's SQL file, all its statements, in the migration's transaction.

    SQLAlchemy prepares what it executes, and PostgreSQL prepares single statements only; hence the driver's own
    connection.
    """
    sql = sql_of(revision_file).read_text(encoding="utf-8")
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda connection: connection.execute(sql))
