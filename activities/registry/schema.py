"""The schema that this code needs, and the quick look whether a database has it."""

from typing import Final

from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from cases.errors import CaseError, Code

SCHEMA: Final = "0036"
"""The newest migration in `deploy/migrations/versions`."""


@case_errors_only
async def check_schema(pool: Pool) -> None:
    """Raises `CaseError` SCHEMA_MISMATCH where the database is older or newer than this code, or empty.

    Reads the migrations' version table only: a worker calls it before it starts. DATABASE_UNAVAILABLE where it cannot.
    """
    async with connection_of(pool) as connection:
        found = await connection.fetchval("SELECT version_num FROM schema_version")
    if found != SCHEMA:
        raise CaseError(Code.SCHEMA_MISMATCH)
