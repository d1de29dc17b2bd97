"""Every place where data can rest or pass: how it is read, and how something is let out there on purpose.

What is let out takes the way that a real leak would take, so that to find it proves that the place is searched.
"""

import asyncio
import base64
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from google.protobuf.json_format import MessageToJson
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, ListWorkflowExecutionsRequest

from stack import postgres
from tests.canary.door import SUBSCRIBER, read_feed, subscribe
from tests.canary.forms import Kind
from tests.canary.people import Leak
from tests.canary.scanner import Hit, Scanner
from tests.canary.stage import Stage
from tests.scenes import CLERK
from tests.worker_process import ROOT

Piece = tuple[str, bytes | Path]
"""A name, and what is searched: bytes, or a file."""

_AT_ONCE: Final = 8
_PIECE_BYTES: Final = 4 * 1024 * 1024
_NOBODY: Final = "polled-by-nobody"


@dataclass(frozen=True)
class Place:
    """One place."""

    pieces: Callable[[Stage], AsyncIterator[Piece]]
    leak: Callable[[Stage, Leak], Awaitable[None]]
    may_hold: frozenset[Kind] = frozenset()
    """What belongs there."""


@dataclass(frozen=True)
class Searched:
    """What a search of one place came to."""

    place: str
    pieces: int
    bytes: int
    hits: tuple[Hit, ...]


async def search(stage: Stage, place: str, scanner: Scanner) -> Searched:
    """Search one place."""
    pieces, size = 0, 0
    hits: list[Hit] = []
    kinds = PLACES[place].may_hold
    async for name, content in PLACES[place].pieces(stage):
        where = f"{place}: {name}"
        if isinstance(content, Path):
            read, found = await asyncio.to_thread(scanner.search_file, content, where)
        else:
            read, found = len(content), await asyncio.to_thread(scanner.search, content, where)
        pieces, size = pieces + 1, size + read
        hits += [hit for hit in found if hit.kind not in kinds]
    return Searched(place, pieces, size, tuple(hits))


# --- Temporal -------------------------------------------------------------------------------------------------------


async def _executions(stage: Stage) -> AsyncIterator[tuple[WorkflowExecution, str]]:
    """Every run of every workflow, with what the list of workflows shows of it."""
    token = b""
    while True:
        page = await stage.clear.workflow_service.list_workflow_executions(
            ListWorkflowExecutionsRequest(namespace=stage.clear.namespace, page_size=500, next_page_token=token)
        )
        for listed in page.executions:
            yield listed.execution, MessageToJson(listed)
        token = page.next_page_token
        if not token:
            return


async def histories(stage: Stage) -> AsyncIterator[Piece]:
    """All histories as JSON, their payloads as the server keeps them."""
    runs = [run async for run, _ in _executions(stage)]
    for first in range(0, len(runs), _AT_ONCE):
        some = [
            stage.clear.get_workflow_handle(run.workflow_id, run_id=run.run_id)
            for run in runs[first : first + _AT_ONCE]
        ]
        fetched = await asyncio.gather(*(handle.fetch_history() for handle in some))
        for history in fetched:
            yield history.workflow_id, history.to_json().encode()


async def visibility(stage: Stage) -> AsyncIterator[Piece]:
    """Search attributes, memos and summaries of all workflows, and what is under way or fails in the open ones."""
    for_all = [execution async for execution in _executions(stage)]
    for run, listed in for_all:
        yield run.workflow_id, listed.encode()
    for first in range(0, len(for_all), _AT_ONCE):
        asked = [
            DescribeWorkflowExecutionRequest(namespace=stage.clear.namespace, execution=run)
            for run, _ in for_all[first : first + _AT_ONCE]
        ]
        described = await asyncio.gather(*map(stage.clear.workflow_service.describe_workflow_execution, asked))
        for each in described:
            yield each.workflow_execution_info.execution.workflow_id, MessageToJson(each).encode()


async def temporal_database(stage: Stage) -> AsyncIterator[Piece]:
    """The database file as it is, with what was not taken over into it yet; then every value of every row.

    In the file a long value is cut into pages, and what is searched for may lie across two of them.
    """
    for path in sorted((stage.folder / "servers" / "temporal").glob("temporal.db*")):
        yield path.name, path
    for table, content in await asyncio.to_thread(
        list, _rows_of(stage.folder / "servers" / "temporal" / "temporal.db")
    ):
        yield table, content


def _rows_of(database: Path) -> Iterator[tuple[str, bytes]]:
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    connection.text_factory = bytes
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in map(bytes.decode, tables):
            some = bytearray()
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - names of tables, from the database
                for value in row:
                    some += value if isinstance(value, bytes) else str(value).encode()
                    some += b"\0"
                if len(some) > _PIECE_BYTES:
                    yield table, bytes(some)
                    some.clear()
            yield table, bytes(some)
    finally:
        connection.close()


async def _in_payload(stage: Stage, leak: Leak) -> None:
    await stage.clear.start_workflow("Leak", [leak.number, leak.name], id=_id(leak), task_queue=_NOBODY)


async def _in_memo(stage: Stage, leak: Leak) -> None:
    memo = {"number": leak.number, "name": leak.name}
    await stage.clear.start_workflow("Leak", id=_id(leak), task_queue=_NOBODY, memo=memo)


def _id(leak: Leak) -> str:
    return f"leak-{leak.place.replace(' ', '-')}"


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


async def register_dump(stage: Stage) -> AsyncIterator[Piece]:
    """The register as `pg_dump` writes it."""
    url = urlsplit(stage.engine.database_url)
    process = await asyncio.create_subprocess_exec(
        postgres._binaries() / "pg_dump",
        *("--host", url.hostname or "", "--port", str(url.port), "--username", url.username or "", "--no-password"),
        url.path.removeprefix("/"),
        env={"PGPASSWORD": url.password or "", "LC_ALL": "C"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    dump, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    yield "pg_dump", dump


async def register_files(stage: Stage) -> AsyncIterator[Piece]:
    """The files of the database cluster: rows that are no more, indexes and the write-ahead log."""
    async with stage.engine.pool.acquire() as connection:
        await connection.execute("CHECKPOINT")
    for path in sorted((stage.folder / "servers" / "postgres" / "cluster").rglob("*")):
        if path.is_file():
            yield path.name, path


async def postgres_log(stage: Stage) -> AsyncIterator[Piece]:
    """What PostgreSQL logs."""
    yield "postgres.log", stage.folder / "servers" / "postgres" / "postgres.log"


async def _in_table(stage: Stage, leak: Leak) -> None:
    table = f"leak_{leak.place.replace(' ', '_')}"
    async with stage.engine.pool.acquire() as connection:
        await connection.execute(f'CREATE TABLE "{table}" (said text)')
        await connection.execute(f'INSERT INTO "{table}" VALUES ($1), ($2)', leak.number, leak.name)  # noqa: S608 - ours


async def _in_postgres_log(stage: Stage, leak: Leak) -> None:
    connection = await asyncpg.connect(stage.engine.database_url)
    try:
        await connection.execute(f"DO $$ BEGIN RAISE LOG '{leak.number} {leak.name}'; END $$")
    finally:
        await connection.close()


# --- processes ------------------------------------------------------------------------------------------------------


async def process_output(stage: Stage) -> AsyncIterator[Piece]:
    """What every process said, the servers included."""
    for path in sorted(stage.outputs.rglob("*")):
        if path.is_file():
            yield path.name, path
    yield "temporal.log", stage.folder / "servers" / "temporal" / "temporal.log"


async def _in_output(stage: Stage, leak: Leak) -> None:
    said = f"{leak.number} {leak.name}".encode()
    await stage.run("-c", "import sys; sys.stdout.write(sys.stdin.read())", stdin=said)


async def refusals(stage: Stage) -> AsyncIterator[Piece]:
    """What programs are told of what went wrong, with the whole chain of exceptions."""
    yield "exceptions", "\n".join(stage.refusals).encode()


async def _in_refusal(stage: Stage, leak: Leak) -> None:
    async def quotes() -> None:
        raise ValueError(leak.number, leak.name)

    await stage.refused(quotes())


async def command_lines(stage: Stage) -> AsyncIterator[Piece]:
    """The command lines of all processes while they ran."""
    yield "command lines", "\n".join(" ".join(line) for line in stage.command_lines.seen).encode()


async def _on_command_line(stage: Stage, leak: Leak) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", leak.number, leak.name, stdin=asyncio.subprocess.PIPE
    )
    await stage.command_lines.sees(leak.number)
    await process.communicate(b"\n")


async def server_metrics(stage: Stage) -> AsyncIterator[Piece]:
    """What Temporal's server counts."""
    yield "server", await _metrics_of(stage, "server")


async def worker_metrics(stage: Stage) -> AsyncIterator[Piece]:
    """What the worker counts, and what those had counted that died."""
    for number, counted in enumerate(stage.counted):
        yield f"worker {number}", counted
    yield "worker", await _metrics_of(stage, "worker")


async def _metrics_of(stage: Stage, process: str) -> bytes:
    async with stage.session.get(stage.metrics[process]) as answer:
        assert answer.status == 200
        return await answer.read()


async def _as_task_queue(stage: Stage, leak: Leak) -> None:
    """A workflow on a queue of that name, which the server counts by queue."""
    handle = await stage.clear.start_workflow("Leak", id=_id(leak), task_queue=f"{leak.number}-{leak.name}")
    await handle.terminate()


async def _as_workflow_type(stage: Stage, leak: Leak) -> None:
    """A workflow of a type that the worker does not know, and counts as failed by its type."""
    failing = f'workflow_type="{leak.number}-{leak.name}"'.encode()
    handle = await stage.clear.start_workflow(f"{leak.number}-{leak.name}", id=_id(leak), task_queue="cases")
    async with asyncio.timeout(30):
        while failing not in await _metrics_of(stage, "worker"):  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(0.1)
    await handle.terminate()


# --- beside them ----------------------------------------------------------------------------------------------------


async def notification_requests(stage: Stage) -> AsyncIterator[Piece]:
    """What providers of messages were sent, byte by byte, and the texts in it as they read them."""
    for number, recorder in enumerate(stage.recorders):
        for sent in recorder.connections:
            yield f"connection {number}", bytes(sent)
    for call in stage.receivers.tray.calls:
        yield call.channel, f"{call.key}\n{call.text}".encode()


async def _to_provider(stage: Stage, leak: Leak) -> None:
    told = {"to": "10000000000", "text": f"{leak.number} {leak.name}"}
    headers = {"Authorization": "Bearer nobody"}
    async with stage.session.post(stage.settings["CARDCASE_SMS_URL"], json=told, headers=headers):
        pass


async def error_files(stage: Stage) -> AsyncIterator[Piece]:
    """What imports wrote down about refused rows."""
    for path in sorted(stage.errors.iterdir()):
        yield path.name, path


async def _in_error_file(stage: Stage, leak: Leak) -> None:
    (stage.errors / "leak.csv").write_text(f"row,{leak.number},{leak.name}\n", encoding="utf-8-sig")


async def codec_answers(stage: Stage) -> AsyncIterator[Piece]:
    """What the codec server answered to those who may see cases masked, or nothing."""
    for number, answer in enumerate(stage.answers):
        yield f"answer {number}", answer


async def _decoded(stage: Stage, leak: Leak) -> None:
    """What was never sealed comes back as it is."""
    data = base64.b64encode(json.dumps([leak.number, leak.name]).encode()).decode()
    payload = {"metadata": {"encoding": base64.b64encode(b"json/plain").decode()}, "data": data}
    status, _ = await stage.ask_codec("/decode", {"payloads": [payload]}, token=stage.issuer.token(CLERK))
    assert status == 200


async def intake_answers(stage: Stage) -> AsyncIterator[Piece]:
    """What the intake service answered to right and wrong requests, the whole feed as it hands it out, its metrics."""
    await read_feed(stage)
    yield "metrics", await _metrics_of(stage, "intake")
    for number, answer in enumerate(stage.taken_in):
        yield f"answer {number}", answer


async def _subscribed(stage: Stage, leak: Leak) -> None:
    """An address for webhooks that was written past the service, which takes none with a number, is shown as it is."""
    subscription = await subscribe(stage, stage.hooks.sink)
    sink = f"{stage.hooks.sink}?{leak.number}-{leak.name}"
    await stage.engine.pool.execute("UPDATE subscriptions SET sink = $1 WHERE id = $2", sink, subscription)
    status, _ = await stage.ask_intake("GET", "/v1/subscriptions", None, by=SUBSCRIBER)
    assert status == 200


async def feed(stage: Stage) -> AsyncIterator[Piece]:
    """Every row of what is published, and of who is told, as text."""
    for table in ("feed", "feed_readers", "subscriptions", "events", "delivered_events"):
        rows = await stage.engine.pool.fetch(f'SELECT t::text AS said FROM "{table}" t')  # noqa: S608 - ours
        yield table, "\n".join(row["said"] for row in rows).encode()


async def webhook_calls(stage: Stage) -> AsyncIterator[Piece]:
    """What a receiver of webhooks was sent, byte by byte."""
    for number, sent in enumerate(stage.hooked.connections):
        yield f"connection {number}", bytes(sent)


async def _in_webhook(stage: Stage, leak: Leak) -> None:
    """Where it is sent to stands in the request."""
    await _subscribed(stage, leak)
    async with asyncio.timeout(60):
        while not any(leak.number.encode() in sent for sent in stage.hooked.connections):  # noqa: ASYNC110 - a record
            await asyncio.sleep(0.1)


async def file_names(stage: Stage) -> AsyncIterator[Piece]:
    """The names of all files of the campaign."""
    yield "names", "\n".join(os.fspath(path) for path in sorted(stage.folder.rglob("*"))).encode()


async def _as_file_name(stage: Stage, leak: Leak) -> None:
    (stage.folder / f"{leak.number}-{leak.name}").touch()


async def repository(stage: Stage) -> AsyncIterator[Piece]:
    """Every file of the project that is or could be committed."""
    for root in (ROOT, _other_repository(stage)):
        if (root / ".git").exists():
            listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
            names = subprocess.check_output(listed, cwd=root, text=True).split("\0")  # noqa: ASYNC221 - short
            for name in filter(None, names):
                if (root / name).is_file():
                    yield name, root / name


def _other_repository(stage: Stage) -> Path:
    return stage.folder / "repository"


async def _in_repository(stage: Stage, leak: Leak) -> None:
    """In a repository of its own: nobody wants it in the project's."""
    root = _other_repository(stage)
    subprocess.check_call(("git", "init", "--quiet", root))  # noqa: ASYNC221, S607 - short, and wherever git is
    (root / "sample.csv").write_text(f"{leak.number},{leak.name}\n", encoding="gb18030")


PLACES: Final[dict[str, Place]] = {
    "histories": Place(histories, _in_payload),
    "visibility": Place(visibility, _in_memo),
    "temporal database": Place(temporal_database, _in_payload),
    "register dump": Place(register_dump, _in_table),
    "register files": Place(register_files, _in_table),
    "postgres log": Place(postgres_log, _in_postgres_log),
    "refusals": Place(refusals, _in_refusal),
    "command lines": Place(command_lines, _on_command_line),
    "server metrics": Place(server_metrics, _as_task_queue),
    "worker metrics": Place(worker_metrics, _as_workflow_type),
    # Whoever is told has to be called: the address alone belongs there.
    "notification requests": Place(notification_requests, _to_provider, frozenset({Kind.phone, Kind.address})),
    "error files": Place(error_files, _in_error_file),
    "codec answers": Place(codec_answers, _decoded),
    "intake answers": Place(intake_answers, _subscribed),
    "feed": Place(feed, _subscribed),
    "webhook calls": Place(webhook_calls, _in_webhook),
    "file names": Place(file_names, _as_file_name),
    "repository": Place(repository, _in_repository),
    # What processes say when they end is searched as well, so the others come first.
    "process output": Place(process_output, _in_output),
}
"""All places, in the order in which they are searched."""
