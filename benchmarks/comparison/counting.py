"""What is counted: statements, round trips and WAL of PostgreSQL; payloads, history and actions of Temporal."""

import asyncio
import re
import struct
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.workflowservice.v1 import DescribeActivityExecutionRequest
from temporalio.client import Client

from runtime.codec import SEALED, contents_length
from stack import PostgresEndpoint

MAINTENANCE: Final = "postgres"
STATEMENTS_KEPT: Final = 10_000
SETTINGS: Final = {
    "shared_preload_libraries": "pg_stat_statements",
    # On for the counted cases only, by a setting of the database.
    "pg_stat_statements.track": "none",
    "pg_stat_statements.max": str(STATEMENTS_KEPT),
    # A checkpoint in the middle would fall on one contestant alone.
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
}
"""Of PostgreSQL, over those of the local stack."""

_COUNTED: Final = """
    SELECT
        coalesce(sum(calls) FILTER (WHERE toplevel), 0)::bigint AS top,
        coalesce(sum(calls) FILTER (WHERE NOT toplevel), 0)::bigint AS inside
    FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)
"""
_LISTED: Final = """
    SELECT toplevel, calls, total_exec_time AS ms, wal_bytes::bigint AS wal, query
    FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)
    ORDER BY calls DESC, query
"""
_WRITTEN: Final = """
    WITH record AS (
        SELECT DISTINCT ON (start_lsn) start_lsn, record_type, resource_manager, reltablespace, relfilenode, reldatabase
        FROM pg_get_wal_block_info($1::text::pg_lsn, $2::text::pg_lsn, false)
        ORDER BY start_lsn, block_id
    ), named AS (
        SELECT
            all_records.record_length AS bytes, record.resource_manager, record.record_type,
            CASE WHEN record.reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
            THEN pg_filenode_relation(
                CASE WHEN record.reltablespace = 1663 THEN 0 ELSE record.reltablespace END, record.relfilenode
            ) END AS relation
        FROM pg_get_wal_records_info($1::text::pg_lsn, $2::text::pg_lsn) AS all_records
        LEFT JOIN record USING (start_lsn)
    )
    SELECT
        coalesce(owner.relname, class.relname) AS owner,
        CASE
            WHEN class.relkind = 'i' THEN 'indexes'
            WHEN named.record_type LIKE 'INSERT%' THEN 'rows inserted'
            ELSE 'rows updated and locked'
        END AS how,
        sum(named.bytes)::bigint AS bytes
    FROM named
    LEFT JOIN pg_class AS class ON class.oid = named.relation
    LEFT JOIN pg_index AS index ON index.indexrelid = class.oid
    LEFT JOIN pg_class AS owner ON owner.oid = index.indrelid
    GROUP BY 1, 2
"""
_RESET: Final = "SELECT pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = $1), 0)"


@dataclass(frozen=True)
class Counted:
    """What PostgreSQL was asked since the counting began."""

    statements: int
    """Those that a client sent, `BEGIN`, `COMMIT` and what a pool sends to clean up included."""
    inside: int
    """Those that ran within functions and triggers."""
    wal_bytes: int


class StatementCounter:
    """Counts in one database of a server whose statements are tracked."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", database: str, url: str) -> None:
        self._connection = connection
        self._database = database
        self._url = url
        self._wal_from = ""

    async def begin(self) -> None:
        """Count from here."""
        await self._connection.execute(_RESET, self._database)
        self._wal_from = await self._connection.fetchval("SELECT pg_current_wal_lsn()::text")

    async def counted(self) -> Counted:
        """What was counted."""
        wal = await self._connection.fetchval(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1::text::pg_lsn)::bigint", self._wal_from
        )
        row = await self._connection.fetchrow(_COUNTED, self._database)
        if row is None:
            raise RuntimeError("pg_stat_statements answers nothing")
        return Counted(row["top"], row["inside"], wal)

    async def written(self) -> dict[tuple[str, str], int]:
        """Bytes of WAL by table and by what was done to it; what belongs to no table is the transactions'."""
        until = await self._connection.fetchval("SELECT pg_current_wal_insert_lsn()::text")
        # The names of tables are known in their own database only.
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
            rows = await connection.fetch(_WRITTEN, self._wal_from, until)
        finally:
            await connection.close()
        return {
            (row["owner"], row["how"]) if row["owner"] is not None else ("transactions", "commits"): row["bytes"]
            for row in rows
        }

    async def listed(self) -> list[asyncpg.Record]:
        """Each statement: whether a client sent it, how often, milliseconds, bytes of WAL, its text."""
        rows: list[asyncpg.Record] = await self._connection.fetch(_LISTED, self._database)
        return rows


@asynccontextmanager
async def statements_tracked(endpoint: PostgresEndpoint, database: str) -> AsyncIterator[StatementCounter]:
    """Whoever connects to the database within the block has their statements tracked."""
    connection = await asyncpg.connect(endpoint.url_of(MAINTENANCE))
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await connection.execute(f'ALTER DATABASE "{database}" SET pg_stat_statements.track = "all"')
        # What it writes is nobody's.
        await connection.execute("ALTER SYSTEM SET autovacuum = off")
        await connection.execute("SELECT pg_reload_conf()")
        yield StatementCounter(connection, database, endpoint.url_of(database))
    finally:
        await connection.execute("ALTER SYSTEM RESET autovacuum")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute(f'ALTER DATABASE "{database}" RESET pg_stat_statements.track')
        await connection.close()


# --- round trips ------------------------------------------------------------------------------------------------------

_HEADER: Final = struct.Struct("!cI")
_LENGTH: Final = struct.Struct("!I")
_ASKS_FOR_AN_ANSWER: Final = frozenset({b"Q", b"S", b"H", b"F"})
"""Simple query, sync, flush, function call: what a client sends before it waits (PostgreSQL 18, 54.7)."""


class RoundTrips:
    """A relay in front of PostgreSQL that counts how often its clients wait for an answer."""

    def __init__(self, endpoint: PostgresEndpoint) -> None:
        self._endpoint = endpoint
        self._port = 0
        self.count = 0

    def url_of(self, url: str) -> str:
        """The same database, by way of this relay."""
        parts = urlsplit(url)
        user = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{user}@{self._endpoint.host}:{self._port}"))

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        """Relay for the length of a block."""
        server = await asyncio.start_server(self._relay, self._endpoint.host, 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above, to_above = await asyncio.open_connection(self._endpoint.host, self._endpoint.port)
        try:
            await asyncio.gather(self._ask(reader, to_above), _answer(above, writer))
        finally:
            to_above.close()
            writer.close()

    async def _ask(self, reader: asyncio.StreamReader, to_above: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            # The first message has no type.
            length = await reader.readexactly(_LENGTH.size)
            to_above.write(length + await reader.readexactly(_LENGTH.unpack(length)[0] - _LENGTH.size))
            while True:
                header = await reader.readexactly(_HEADER.size)
                kind, size = _HEADER.unpack(header)
                self.count += kind in _ASKS_FOR_AN_ANSWER
                to_above.write(header + await reader.readexactly(size - _LENGTH.size))
        to_above.close()


async def _answer(above: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await above.read(1 << 16):
            writer.write(part)
            await writer.drain()
    writer.close()


# --- Temporal ---------------------------------------------------------------------------------------------------------

_ACTION: Final = re.compile(r'^action\{.*action_type="(?P<kind>\w+)".*\} (?P<count>\S+)$', re.MULTILINE)


async def billed_actions(metrics_url: str) -> Counter[str]:
    """What a hosted service would have billed so far, by the server's name for it."""
    # The server publishes what it counts once a second, and does not say when.
    await asyncio.sleep(_PUBLISHED_SECONDS)
    async with aiohttp.ClientSession() as session, session.get(metrics_url) as answer:
        answer.raise_for_status()
        text = await answer.text()
    billed: Counter[str] = Counter()
    for found in _ACTION.finditer(text):
        billed[found["kind"]] += int(float(found["count"]))
    return billed


_PUBLISHED_SECONDS: Final = 1.5


@dataclass(frozen=True)
class Kept:
    """What Temporal keeps of one case."""

    events: int
    bytes: int
    payloads: int
    """Without those of search attributes, which are indexed and never sealed."""
    sealed: int
    """Those that only a key opens."""
    in_payloads: int
    """Bytes of the payloads."""
    by_sealing: int
    """Bytes that sealing adds to them: key, place, nonce and tag, and the names of these."""


async def kept_of(client: Client, case: str) -> Kept:
    """Count in the history of a case."""
    handle = client.get_workflow_handle(case)
    described = await handle.describe()
    payloads = [payload async for event in handle.fetch_history_events() for payload in _payloads_in(event)]
    return Kept(
        events=described.raw_description.workflow_execution_info.history_length,
        bytes=described.raw_description.workflow_execution_info.history_size_bytes,
        payloads=len(payloads),
        sealed=sum(map(_is_sealed, payloads)),
        in_payloads=sum(payload.ByteSize() for payload in payloads),
        by_sealing=sum(payload.ByteSize() - _unsealed_bytes(payload) for payload in payloads if _is_sealed(payload)),
    )


async def sealed_beside(client: Client, since: datetime) -> int:
    """Sealed payloads of activities that belong to no workflow and were started since then."""
    sealed = 0
    async for found in client.list_activities(f"StartTime >= '{since.isoformat()}'"):
        asked = DescribeActivityExecutionRequest(
            namespace=client.namespace, activity_id=found.activity_id, include_input=True, include_outcome=True
        )
        sealed += sum(map(_is_sealed, _payloads_in(await client.workflow_service.describe_activity_execution(asked))))
    return sealed


def _unsealed_bytes(payload: Payload) -> int:
    """What a sealed payload would take if its contents, deflated as they are, were not sealed."""
    return Payload(metadata={"encoding": b"json/plain"}, data=bytes(contents_length(payload))).ByteSize()


def _is_sealed(payload: Payload) -> bool:
    return payload.metadata.get("encoding") == SEALED


def _payloads_in(message: Message) -> Iterator[Payload]:
    if isinstance(message, Payload):
        yield message
        return
    if isinstance(message, SearchAttributes):
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            parts = value.values() if field.message_type.fields_by_name["value"].message_type is not None else ()
        elif isinstance(value, Message):
            parts = (value,)
        else:
            parts = value
        for part in parts:
            yield from _payloads_in(part)
