"""The schema that this code needs, and the quick look whether a database has it."""

from typing import Final

import asyncpg

from activities.registry.pool import Pool, connection_of
from cases.errors import CaseError, Code

SCHEMA: Final = "0001"
"""The newest migration in `deploy/migrations/versions`."""


async def check_schema(pool: Pool) -> None:
    """Raises `CaseError` SCHEMA_MISMATCH where the database is older or newer than this code, or empty.

    Reads the migrations' version table only: a worker calls it before it starts.
    """
    try:
        async with connection_of(pool) as connection:
            found = await connection.fetchval("SELECT version_num FROM schema_version")
    except asyncpg.UndefinedTableError:
        found = None
    if found != SCHEMA:
        raise CaseError(Code.SCHEMA_MISMATCH)
