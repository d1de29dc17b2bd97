"""The local stack: starts for everybody, touches nothing of others, keeps its data, and leaves nothing behind."""

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from stack import (
    DataDirectoryInUse,
    LocalStack,
    PostgresServer,
    ServerNotStarted,
    StackError,
    TemporalServer,
)
from stack import postgres as postgres_module
from stack.account import owner_of_files
from stack.launch import Account
from stack.ports import LOOPBACK, pick_ports
from stack.process import launch_command
from workflows.search_attributes import KIND, SEARCH_ATTRIBUTES

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]

# Starts the stack, says so, and stays until it is killed. The first argument is the data directory.
OWNER = """
import asyncio, json, sys
from pathlib import Path
import asyncpg
from stack import LocalStack

async def main():
    async with LocalStack(Path(sys.argv[1]), search_attributes={}, durable=False) as stack:
        connection = await asyncpg.connect(stack.database_url)
        await connection.execute("create table kept (number int); insert into kept values (42)")
        print(json.dumps([stack.postgres.pid, stack.temporal.pid]), flush=True)
        await connection.fetchval("select sum(a * b) from generate_series(1, 100000) a, generate_series(1, 100000) b")

asyncio.run(main())
"""


def alive(process: psutil.Process) -> bool:
    """Whether a process still runs; one that has ended and waits for its parent to notice does not."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def processes_in(data_dir: Path) -> list[psutil.Process]:
    """All live processes that work in the data directory, which every server and its children do."""
    found = []
    for process in filter(alive, psutil.process_iter()):
        # Processes of other people do not say where they work.
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if Path(process.cwd()).is_relative_to(data_dir):
                found.append(process)
    return found


async def none_left_in(data_dir: Path, seconds: float = 10.0) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while processes_in(data_dir):  # noqa: ASYNC110 - processes of other parents send no event
                await asyncio.sleep(0.02)
            return True
    return False


@contextmanager
def owner_process(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another Python process that runs the stack; killed at the end."""
    command = [sys.executable, "-c", OWNER, str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        try:
            yield owner
        finally:
            owner.kill()


@asynccontextmanager
async def connected(server: PostgresServer) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.endpoint.url)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """A stack for the tests that only look."""
    data_dir = tmp_path_factory.mktemp("shared")
    async with LocalStack(data_dir, search_attributes=SEARCH_ATTRIBUTES, durable=False, time_skipping=True) as stack:
        yield stack


async def test_both_servers_answer_when_the_stack_has_started(shared: LocalStack) -> None:
    async with connected(shared.postgres) as connection:
        row = await connection.fetchrow(
            "select current_database() as name, pg_encoding_to_char(encoding) as encoding, datlocale as locale,"
            " current_setting('timezone') as zone from pg_database where datname = current_database()"
        )
    assert row is not None
    assert dict(row) == {"name": "cardcase", "encoding": "UTF8", "locale": "C.UTF-8", "zone": "UTC"}
    client = await Client.connect(shared.temporal_address, namespace=shared.namespace)
    started = await client.start_workflow(
        "Unknown",
        id="looked-at",
        task_queue="nobody-polls",
        search_attributes=TypedSearchAttributes([SearchAttributePair(KIND, "x")]),
    )
    assert (await started.describe()).typed_search_attributes[KIND] == "x"


async def test_nothing_listens_beyond_the_loopback_interface(shared: LocalStack) -> None:
    for pid in (shared.postgres.pid, shared.temporal.pid):
        listening = [each for each in psutil.Process(pid).net_connections() if each.status == psutil.CONN_LISTEN]
        assert listening
        assert {each.laddr.ip for each in listening} == {LOOPBACK}


async def test_the_database_lets_nobody_in_without_its_password(shared: LocalStack) -> None:
    endpoint = shared.postgres.endpoint
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=endpoint.host,
            port=endpoint.port,
            user=endpoint.user,
            database=endpoint.database,
            password="guessed",  # noqa: S106 - and wrong
        )
    assert endpoint.password not in repr(endpoint)


async def test_what_the_servers_write_is_for_their_owner_only(shared: LocalStack) -> None:
    directories = [Path(psutil.Process(pid).cwd()) for pid in (shared.postgres.pid, shared.temporal.pid)]
    cluster, temporal = directories
    files = [*cluster.parent.iterdir(), *temporal.iterdir()]
    assert {file.name for file in files} >= {"password", "postgres.log", "temporal.db", "temporal.log"}
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []


async def test_an_error_of_a_statement_leaves_none_of_its_values_in_the_log(shared: LocalStack) -> None:
    planted = "planted"
    async with connected(shared.postgres) as connection:
        await connection.execute("create temporary table guarded (number text check (length(number) = 18) unique)")
        for statement in ("insert into guarded values ($1)", "select $1::text::date", "select $1::text::int / 0"):
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(statement, planted)
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("insert into guarded values ('planted')")
    log = Path(psutil.Process(shared.postgres.pid).cwd()).parent / "postgres.log"
    assert planted not in log.read_text(encoding="utf-8")


async def test_a_second_start_finds_the_data_of_the_first(tmp_path: Path) -> None:
    async with LocalStack(tmp_path, search_attributes={"CaseKind": "Keyword"}) as stack:
        async with connected(stack.postgres) as connection:
            await connection.execute("create table kept as select 42 as number")
        client = await Client.connect(stack.temporal_address)
        await client.start_workflow("Unknown", id="kept", task_queue="nobody-polls")
    assert processes_in(tmp_path) == []

    async with LocalStack(tmp_path, search_attributes=SEARCH_ATTRIBUTES) as stack:
        async with connected(stack.postgres) as connection:
            assert await connection.fetchval("select number from kept") == 42
        client = await Client.connect(stack.temporal_address)
        assert (await client.get_workflow_handle("kept").describe()).workflow_type == "Unknown"
        assert await client.count_workflows("CaseDueAt is null") is not None
    assert processes_in(tmp_path) == []


async def test_a_killed_owner_leaves_no_process_and_no_obstacle(tmp_path: Path) -> None:
    with owner_process(tmp_path) as owner:
        assert owner.stdout is not None
        pids = json.loads(await asyncio.to_thread(owner.stdout.readline))
        assert {process.pid for process in processes_in(tmp_path)} >= set(pids)

        with pytest.raises(DataDirectoryInUse, match=f"process {owner.pid};"):
            await PostgresServer(tmp_path / "postgres").start()

        owner.kill()
        owner.wait()
        # No waiting for the servers to end: the next start does that.
        async with LocalStack(tmp_path, search_attributes={}, durable=False) as stack:
            async with connected(stack.postgres) as connection:
                assert await connection.fetchval("select number from kept") == 42
            assert not {process.pid for process in processes_in(tmp_path)} & set(pids)
    assert processes_in(tmp_path) == []


async def test_an_owner_killed_in_the_first_start_leaves_no_process_and_no_half_made_cluster(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "cluster.unfinished"
    with owner_process(tmp_path) as owner:
        async with asyncio.timeout(30):
            while not (unfinished / "base").exists():  # noqa: ASYNC110 - a file of another process
                await asyncio.sleep(0.005)
        owner.kill()
    assert await none_left_in(tmp_path)
    assert unfinished.exists()

    async with PostgresServer(tmp_path / "postgres", durable=False) as server, connected(server) as connection:
        assert await connection.fetchval("select current_database()") == "cardcase"
    assert not unfinished.exists()


async def test_a_cancelled_start_leaves_no_process(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path, durable=False)
    starting = asyncio.create_task(server.start())
    async with asyncio.timeout(30):
        while not processes_in(tmp_path):  # noqa: ASYNC110 - until the first program runs
            await asyncio.sleep(0.005)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert processes_in(tmp_path) == []


async def test_one_data_directory_has_one_owner_at_a_time(tmp_path: Path) -> None:
    first, second = (PostgresServer(tmp_path, durable=False) for _ in range(2))
    async with first:
        with pytest.raises(DataDirectoryInUse):
            await second.start()
        with pytest.raises(StackError, match="already"):
            await first.start()
    async with second:
        assert second.pid


async def test_a_killed_postgres_starts_again_with_all_that_was_committed(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path, durable=False) as server:
        endpoint = server.endpoint
        async with connected(server) as connection:
            await connection.execute("create table kept as select 42 as number")
            # A backend that computes does not notice that its postmaster is gone.
            busy = asyncio.create_task(
                connection.fetchval("select sum(a * b) from generate_series(1, 100000) a, generate_series(1, 100000) b")
            )
            async with connected(server) as onlooker, asyncio.timeout(10):
                seen = "select exists (select from pg_stat_activity where state = 'active' and pid <> pg_backend_pid())"
                while not await onlooker.fetchval(seen):  # noqa: ASYNC110 - the database sends no event
                    await asyncio.sleep(0.01)
            await server.kill()
            with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
                await busy
        assert processes_in(tmp_path) == []

        await server.start()
        assert server.endpoint == endpoint
        async with connected(server) as connection:
            assert await connection.fetchval("select number from kept") == 42


async def test_a_server_that_was_killed_by_others_is_noticed_and_starts_again(tmp_path: Path) -> None:
    async with TemporalServer(tmp_path, search_attributes={}) as server:
        endpoint = server.endpoint
        client = await Client.connect(endpoint.address)
        await client.start_workflow("Unknown", id="kept", task_queue="nobody-polls")
        os.kill(server.pid, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL

        await server.start()
        assert server.endpoint == endpoint
        client = await Client.connect(endpoint.address)
        assert (await client.get_workflow_handle("kept").describe()).workflow_type == "Unknown"


async def test_a_pid_file_that_names_another_living_process_is_no_obstacle(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path, durable=False)
    async with server:
        pid_file = tmp_path / "cluster" / "postmaster.pid"
        lines = pid_file.read_text(encoding="ascii").splitlines()
        await server.kill()
        # As after a restart of a container, where process IDs are small and soon used again.
        pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]), encoding="ascii")
        await server.start()
        assert server.pid


async def test_a_postgres_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerNotStarted, match=r"(?s)ended with status 1;.*max_connections"):
        await PostgresServer(tmp_path / "postgres", durable=False, settings={"max_connections": "many"}).start()
    assert processes_in(tmp_path) == []


async def test_a_temporal_that_cannot_start_says_why_and_takes_postgres_down(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path, search_attributes={"CaseKind": "Nonsense"}, durable=False)
    with pytest.raises(ServerNotStarted, match=r"(?s)ended with status.*Nonsense"):
        await stack.__aenter__()
    assert processes_in(tmp_path) == []


def account_can_be_had(account: Account) -> bool:
    command = launch_command([sys.executable, "-c", ""], account=account, death_signal=signal.SIGKILL)
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def permissions_above(directory: Path) -> dict[Path, tuple[int, int, int]]:
    stats = {path: path.stat() for path in (directory, *directory.parents)}
    return {path: (stat.st_mode, stat.st_uid, stat.st_gid) for path, stat in stats.items()}


@pytest.mark.parametrize("account", Account)
async def test_postgres_runs_below_a_private_directory_and_changes_nothing_outside_its_own(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if account is Account.OWN and os.geteuid() == 0:
        pytest.skip("PostgreSQL refuses to run as root")
    if not account_can_be_had(account):
        pytest.skip("this account cannot be had here")

    async def chosen(_: Path) -> Account:
        return account

    monkeypatch.setattr(postgres_module, "account_for_postgres", chosen)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    outside = [private, ROOT, postgres_module._binaries()]
    before = [permissions_above(directory) for directory in outside]

    async with PostgresServer(private / "data", durable=False) as server, connected(server) as connection:
        assert await connection.fetchval("select 42") == 42
        assert (private / "data" / "cluster").stat().st_uid == owner_of_files(account)

    assert [permissions_above(directory) for directory in outside] == before
    assert processes_in(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have both accounts")
async def test_a_cluster_follows_to_another_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [account for account in (Account.NOBODY, Account.NAMESPACE) if account_can_be_had(account)]
    for account in [*accounts, *accounts]:

        async def chosen(_: Path, account: Account = account) -> Account:
            return account

        monkeypatch.setattr(postgres_module, "account_for_postgres", chosen)
        async with PostgresServer(tmp_path, durable=False) as server, connected(server) as connection:
            await connection.execute("create table if not exists kept (number int)")
            assert await connection.fetchval("select count(*) from kept") == 0


def test_a_program_bound_to_its_parent_ends_with_it() -> None:
    child = launch_command(["/bin/sleep", "600"], account=Account.OWN, death_signal=signal.SIGTERM)
    parent = (
        "import os, subprocess, sys;"
        "command = sys.argv[1:]; command[command.index('--parent') + 1] = str(os.getpid());"
        "print(subprocess.Popen(command).pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent, *child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        bound = os.pidfd_open(int(running.stdout.readline()))
        running.kill()
    try:
        assert select.select([bound], [], [], 10)[0] == [bound]
    finally:
        os.close(bound)


def test_a_wished_port_is_given_unless_it_is_taken() -> None:
    (free,) = pick_ports(None)
    assert pick_ports(free) == (free,)
    with closing(socket.create_server((LOOPBACK, free))):
        (other,) = pick_ports(free)
        assert other != free
    assert len(set(pick_ports(None, None, None, None))) == 4


PICKS = """
import sys
from stack.ports import pick_ports
print(*pick_ports(*map(int, sys.argv[1:])), flush=True)
sys.stdin.read()
"""


def test_a_port_that_one_process_has_picked_is_given_to_no_other_although_nobody_listens_yet() -> None:
    """Two stacks that were started at once were given the same ports, and one of them did not start."""
    wishes = pick_ports(None, None)
    with subprocess.Popen(
        [sys.executable, "-c", PICKS, *map(str, wishes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert not set(map(int, other.stdout.readline().split())) & set(wishes)
        assert pick_ports(*wishes) == wishes, "whoever has them can start anew"


def test_what_a_process_has_picked_is_free_when_it_has_ended() -> None:
    other = subprocess.run(
        [sys.executable, "-c", PICKS, "23456", "23457"],
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    picked = tuple(map(int, other.stdout.split()))
    assert pick_ports(*picked) == picked
