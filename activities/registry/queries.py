"""SQL from `.sql` files: a query has a name, a comment that says what it is for, and named parameters.

A file holds queries one after the other, each begun by a line `-- name: …`. A parameter is `:name`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg

from activities.registry.pool import Connection

_NAME: Final = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"--.*")
_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)\b")


class Query:
    """One named query. Parameters are given by name; further ones that the query does not use are left alone."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.parameters: Final = tuple(dict.fromkeys(_PARAMETER.findall(_COMMENT.sub("", text))))
        positions = {parameter: f"${position}" for position, parameter in enumerate(self.parameters, 1)}
        self.sql: Final = _PARAMETER.sub(lambda found: positions[found[1]], _COMMENT.sub("", text)).strip()

    async def all(self, connection: Connection, values: Mapping[str, Any]) -> list[asyncpg.Record]:
        """All rows."""
        return await connection.fetch(self.sql, *self._arguments(values))

    async def first(self, connection: Connection, values: Mapping[str, Any]) -> asyncpg.Record | None:
        """The first row, or None."""
        return await connection.fetchrow(self.sql, *self._arguments(values))

    async def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """How many rows were written."""
        status = await connection.execute(self.sql, *self._arguments(values))
        return int(status.rsplit(" ", 1)[-1])

    def _arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[parameter] for parameter in self.parameters]


def load(*names: str, beside: str = __file__) -> dict[str, Query]:
    """The queries of one or more files, by name; the files lie beside this one or another (`beside=__file__`)."""
    queries: dict[str, Query] = {}
    for name in names:
        text = Path(beside).with_name(name).read_text(encoding="utf-8")
        _, *parts = _NAME.split(text)
        for query, sql in zip(parts[::2], parts[1::2], strict=True):
            if query in queries:
                raise ValueError(f"two queries are called {query}")
            queries[query] = Query(query, sql)
    return queries
