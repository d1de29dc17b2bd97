"""A register that knows less of a case than it did."""

from typing import Any

from activities.registry.pool import Pool


async def row_of(pool: Pool, case: str) -> dict[str, Any]:
    """Where a case stands, whole."""
    return dict(await pool.fetchrow("SELECT * FROM cases WHERE case_id = $1", case) or {})


async def restore(pool: Pool, case: str, row: dict[str, Any]) -> None:
    """The register as it was when a case's row was this one."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("DELETE FROM transitions WHERE case_id = $1 AND version > $2", case, row["version"])
        await connection.execute("DELETE FROM cases WHERE case_id = $1", case)
        columns = ", ".join(row)
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        await connection.execute(f"INSERT INTO cases ({columns}) VALUES ({places})", *row.values())  # noqa: S608 - from the row
