"""The register of all contestants but cardcase: four tables, and each step of a case one transaction with an audit row.

A step that was made before is left alone: its audit row is there, so whoever repeats a step repeats nothing.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

CONNECTIONS: Final = 10

TABLES: Final = """
CREATE TABLE persons (id bigint PRIMARY KEY, number text NOT NULL UNIQUE);
CREATE TABLE claims (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person_id bigint NOT NULL REFERENCES persons,
    amount_fen bigint NOT NULL, state text NOT NULL
);
CREATE INDEX ON claims (person_id);
CREATE TABLE cases (
    id text PRIMARY KEY, person_id bigint NOT NULL REFERENCES persons, status text NOT NULL,
    version integer NOT NULL DEFAULT 1
);
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, case_id text NOT NULL, step text NOT NULL, actor text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(), UNIQUE (case_id, step)
);
"""
PEOPLE: Final = (
    "INSERT INTO persons (id, number) SELECT id, lpad(id::text, 15, '0') FROM generate_series($1::bigint, $2) AS id",
    """
    INSERT INTO claims (person_id, amount_fen, state)
    SELECT id, 12000, 'suspended' FROM generate_series($1::bigint, $2) AS id
    """,
)

AUDIT: Final = (
    "INSERT INTO audit (case_id, step, actor) VALUES (:case, :step, :actor) ON CONFLICT DO NOTHING RETURNING id"
)
_MOVE: Final = "UPDATE cases SET status = :step, version = version + 1 WHERE id = :case"
STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "opened": ("INSERT INTO cases (id, person_id, status) VALUES (:case, :person, :step)",),
    "verified": (_MOVE,),
    "updated": ("UPDATE persons SET number = lpad(number, 18, '1') WHERE id = :person", _MOVE),
    "done": ("UPDATE claims SET state = 'queued' WHERE person_id = :person AND state = 'suspended'", _MOVE),
}
"""What each step does beside its audit row."""


class Register:
    """The register as an application's steps use it."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def make(self, step: str, case: str, person: int, actor: str) -> None:
        """Make one step."""
        values = {"case": case, "step": step, "actor": actor, "person": person}
        async with self._pool.acquire() as connection, connection.transaction():
            audit, wanted = _numbered(AUDIT)
            if await connection.fetchval(audit, *(values[name] for name in wanted)) is None:
                return
            for statement in STEPS[step]:
                numbered, wanted = _numbered(statement)
                await connection.execute(numbered, *(values[name] for name in wanted))


_PARAMETER: Final = re.compile(r"(?<!:):([a-z]+)")
_NUMBERED: Final[dict[str, tuple[str, tuple[str, ...]]]] = {}


def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """The statement in PostgreSQL's own form, and the names of its parameters in order."""
    if statement not in _NUMBERED:
        names = tuple(dict.fromkeys(_PARAMETER.findall(statement)))
        text = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
        _NUMBERED[statement] = text, names
    return _NUMBERED[statement]


@asynccontextmanager
async def register_at(url: str) -> AsyncIterator[Register]:
    """The register for the length of a block."""
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        yield Register(pool)
