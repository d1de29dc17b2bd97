"""The demonstration as people run it: a process of its own, its servers, its worker, and how all of that ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from activities.sealing import KeyRing
from cardcase_client import AsyncClient, TokenFile
from demo.others import client_of
from demo.outsiders.names import NAMES, TOLD_BY_WEBHOOK
from demo.stage import PROJECT
from demo.surroundings.servers import TOKENS, servers
from deploy.migrations import migrate
from stack import PostgresServer
from tests.worker_process import environment_with

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

ENDED = "320 of 320 ended as the sample says"


class Demo:
    """A running demonstration and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def says(self, words: str) -> None:
        assert self.process.stdout is not None
        while words not in self.said:
            line = await self.process.stdout.readline()
            assert line, self.said
            self.said += line.decode()

    async def ends(self) -> int:
        assert self.process.stdout is not None
        self.said += (await self.process.stdout.read()).decode()
        return await self.process.wait()


async def started(
    folder: Path,
    *arguments: str,
    settings: Mapping[str, str] = MappingProxyType({}),
    stdout: int = asyncio.subprocess.PIPE,
) -> Demo:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo", *arguments),
        cwd=PROJECT,
        env=environment_with({"CARDCASE_DATA_DIR": str(folder), **settings}),
        stdout=stdout,
        stderr=asyncio.subprocess.STDOUT,
    )
    return Demo(process)


@asynccontextmanager
async def demo(
    folder: Path, *arguments: str, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Demo]:
    running = await started(folder, *arguments, settings=settings)
    try:
        yield running
    finally:
        if running.process.returncode is None:
            running.process.kill()
            await running.process.wait()
        assert await nobody_is_left(folder)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Servers and workers that work on a data directory; each has it as its own directory."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return found


async def nobody_is_left(folder: Path) -> bool:
    """Whether every process of the demonstration is gone, after waiting for them a little."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes_of(folder), 15)
    return not alive


def worker_of(folder: Path) -> psutil.Process:
    (found,) = [process for process in processes_of(folder) if "worker.py" in " ".join(process.cmdline())]
    return found


def named(folder: Path) -> dict[str, psutil.Process]:
    """The demonstration's processes by the folders that they work in, without what they start themselves."""
    found: dict[str, psutil.Process] = {}
    for process in processes_of(folder):
        name = Path(process.cwd()).relative_to(folder).parts[0]
        if name not in found or process.create_time() < found[name].create_time():
            found[name] = process
    return found


def leads_further(process: psutil.Process, *addresses: str) -> bool:
    """Whether anything that a process was started with, or holds open, leads to a key of ours or to such an address."""
    held = [*process.environ().values(), *process.cmdline(), *(file.path for file in process.open_files())]
    keys = ("keys.toml", "gate.json", "webhook.json")
    return any(each.endswith(keys) or any(address in each for address in addresses) for each in held)


def remembers(process: psutil.Process, secret: bytes) -> bool:
    """Whether a secret stands in the memory of a process."""
    maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8").splitlines()
    with Path(f"/proc/{process.pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            where, rights, *_ = line.split()
            begin, end = (int(each, 16) for each in where.split("-"))
            # What cannot be written holds no secret, and what maps a device cannot be read.
            if rights.startswith("rw"):
                with suppress(OSError, OverflowError):
                    memory.seek(begin)
                    if secret in memory.read(end - begin):
                        return True
    return False


def reached_by(process: psutil.Process) -> set[int]:
    """Ports that a process has connections to, or listens on."""
    connections = process.net_connections("tcp")
    ours = {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
    others = [each for each in connections if each.status != psutil.CONN_LISTEN and each.laddr.port not in ours]
    return ours | {each.raddr.port for each in others}


async def test_nothing_but_workers_service_gate_and_desk_has_a_key_and_an_outsider_that_dies_is_missed(
    folder: Path,
) -> None:
    async with demo(folder) as running:
        await running.says("ready after")
        # Who plays clerks and officers, and cues everybody else, is the program that was called.
        everybody = named(folder) | {"demo": psutil.Process(running.process.pid)}
        servers = {"temporal", "postgres"}
        assert set(everybody) == {*NAMES, "demo", "surroundings", "worker", "intake", "gate", "desk", *servers}
        worker = everybody["worker"].environ()
        addresses = worker["TEMPORAL_ADDRESS"], worker["CARDCASE_DATABASE_URL"]
        # The one key of a ring that its holder keeps as it is.
        key = KeyRing.load(Path(worker["CARDCASE_KEY_FILE"])).token_key
        # Temporal and the register are what is kept from others; they are told their own ports.
        programs = {name: each for name, each in everybody.items() if name not in servers}
        led = {name for name, each in programs.items() if await asyncio.to_thread(leads_further, each, *addresses)}
        assert led == {"worker", "intake", "gate", "desk"}
        # Whoever shows what strangers hand in does not stamp.
        assert not any(each.endswith("gate.json") for each in everybody["desk"].environ().values())
        assert {name for name, each in programs.items() if await asyncio.to_thread(remembers, each, key)} == led
        service = urlsplit(everybody["bank"].environ()["INTAKE_URL"]).port
        provider = urlsplit(everybody["bank"].environ()["TOKEN_URL"]).port
        # Its tokens stand in files.
        assert reached_by(everybody["demo"]) <= {service}
        for name in NAMES:
            told = everybody[name].environ()
            expected = {"PYTHONPATH", "INTAKE_URL", "TOKEN_URL", "CLIENT_ID", "SECRET_FILE"}
            assert set(told) - {"LC_CTYPE"} == expected | ({"SINK_PORT"} if name in TOLD_BY_WEBHOOK else set())
            assert Path(told["SECRET_FILE"]).name == client_of(name)
            assert reached_by(everybody[name]) <= {service, provider, int(told.get("SINK_PORT") or 0)}
        everybody["pension"].kill()
        assert await running.ends() == 69
        assert "pension, see" in running.said


def example_of_the_page(folder: Path, environment: Mapping[str, str]) -> str:
    """The program in `docs/integrating.md`, for a demonstration in this folder."""
    section = (PROJECT / "docs" / "integrating.md").read_text(encoding="utf-8").partition("## In Python")[2]
    program = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    for there, here in (
        ("http://127.0.0.1:8237", environment["INTAKE_URL"]),
        ("http://127.0.0.1:8236/token", environment["TOKEN_URL"]),
        (".cardcase/credentials", f"{folder}/credentials"),
    ):
        assert there in program
        program = program.replace(there, here)
    return program


async def everything_is_told(folder: Path, said: str) -> None:
    """Wait until nothing waits any more for anybody outside, and that within a minute."""
    service = said.partition("/openapi.json")[0].rpartition(" ")[2]
    async with asyncio.timeout(60):
        for name in NAMES:
            async with AsyncClient(service, TokenFile(folder / TOKENS / client_of(name))) as client:
                while any(each.pending for each in await client.list_subscriptions()):  # noqa: ASYNC110 - only asked
                    await asyncio.sleep(0.5)
                assert not any(each.dead for each in await client.list_subscriptions())


@pytest.mark.faults
async def test_interrupted_half_way_and_started_again_everybody_ends_as_the_sample_says(tmp_path: Path) -> None:
    async with demo(tmp_path, "--exit") as first:
        await first.says("playing the clerk")
        first.process.send_signal(signal.SIGTERM)
        assert await first.ends() == 130
    async with demo(tmp_path, "--exit") as second:
        assert await second.ends() == 0, second.said
        assert ENDED in second.said
    async with demo(tmp_path) as third:
        # All had ended before; nothing is done twice, and it stays up.
        await third.says(ENDED)
        assert third.said.count(" before ") >= 327
        await third.says("Command line")
        await everything_is_told(tmp_path, third.said)
        program = example_of_the_page(tmp_path, named(tmp_path)["bank"].environ())
        path = {"PYTHONPATH": str(PROJECT / "clients" / "python")}
        run = partial(subprocess.run, [sys.executable, "-c", program], env=path, capture_output=True, text=True)
        example = await asyncio.to_thread(run, check=True)
        assert "bank" in example.stdout
        assert worker_of(tmp_path).is_running()
        third.process.send_signal(signal.SIGINT)
        assert await third.ends() == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data that one demonstration after the other finds as the one before left it, however that ended."""
    return tmp_path_factory.mktemp("demo")


async def test_killed_it_leaves_nobody_behind(folder: Path) -> None:
    async with demo(folder) as running:
        await running.says("ready after")
        assert len(processes_of(folder)) >= 3
        running.process.kill()


async def test_a_second_one_on_the_same_data_is_refused_and_a_terminal_that_closes_ends_the_first(folder: Path) -> None:
    async with demo(folder) as running:
        await running.says("ready after")
        second = await started(folder)
        assert await second.ends() == 69
        assert "is in use by process" in second.said
        running.process.send_signal(signal.SIGHUP)
        assert await running.ends() == 130


async def test_a_worker_that_dies_is_noticed(folder: Path) -> None:
    async with demo(folder) as running:
        await running.says("ready after")
        worker_of(folder).kill()
        assert await running.ends() == 69
        assert "the worker, see" in running.said


async def test_when_nobody_reads_its_output_any_more_it_ends(folder: Path) -> None:
    reader, writer = os.pipe()
    running = await started(folder, stdout=writer)
    os.close(writer)
    assert await asyncio.to_thread(os.read, reader, 100)
    os.close(reader)
    assert await running.process.wait() == 130
    assert await nobody_is_left(folder)


async def test_data_of_another_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "postgres") as server:
        await migrate(server.endpoint.url)
        connection = await asyncpg.connect(server.endpoint.url)
        await connection.execute("UPDATE schema_checksums SET sha256 = repeat('0', 64)")
        await connection.close()
    async with demo(tmp_path) as refused:
        assert await refused.ends() == 69
        assert "belongs to another version" in refused.said
        assert f"rm -r {tmp_path}" in refused.said


async def test_servers_that_are_named_are_used_and_none_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    async with servers({"CARDCASE_DATABASE_URL": "postgresql://somebody@127.0.0.1:1/register"}, tmp_path) as named:
        assert (named.database_url, named.address, named.ui_url) == (
            "postgresql://somebody@127.0.0.1:1/register",
            None,
            None,
        )
        assert processes_of(tmp_path) == []
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - a look at an empty directory


async def test_a_register_that_cannot_be_reached_is_said_without_its_address(tmp_path: Path) -> None:
    url = "postgresql://somebody:secret@127.0.0.1:1/register"
    async with demo(tmp_path, "--exit", settings={"CARDCASE_DATABASE_URL": url}) as unreachable:
        assert await unreachable.ends() == 69
        assert "DATABASE_UNAVAILABLE" in unreachable.said
        assert "secret" not in unreachable.said
