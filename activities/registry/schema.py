"""The schemas that this code works on, and the quick look whether a database has one of them.

A release migrates while workers of the one before go on, and may have to go back with the schema as it is: code works
on the schema before its own and on those after, until a revision takes away what it needs (`deploy.migrations`).
"""

from typing import Final

from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from cases.errors import CaseError, Code

SCHEMA: Final = "0050"
"""The newest migration in `deploy/migrations/versions`."""

OLDEST: Final = "0037"
"""The oldest schema on which this code works: that of the release before it; this release's own while there is none.

What a migration adds is asked for only where the schema may be expected to have it: in the release after the one that
brings it, or by a function of the register, which comes with the migration.
"""

_FOUND: Final = "SELECT version_num, (SELECT max(suits) FROM schema_checksums) AS suits FROM schema_version"


@case_errors_only
async def check_schema(pool: Pool) -> None:
    """Raises `CaseError` SCHEMA_MISMATCH where this code does not work on the database: too old, too new, or empty.

    Reads the migrations' own tables only: a worker calls it before it starts. DATABASE_UNAVAILABLE where it cannot.
    """
    async with connection_of(pool) as connection:
        found = await connection.fetchrow(_FOUND)
    if found is None or not _suits(found["version_num"], found["suits"]):
        raise CaseError(Code.SCHEMA_MISMATCH)


def _suits(schema: str, oldest_code: str | None) -> bool:
    """Whether this code works on a schema, of which the migrations say which code is the oldest that does."""
    if schema <= SCHEMA:
        return schema >= OLDEST
    return oldest_code is not None and oldest_code <= SCHEMA
