"""Several processes of one program: ready when all are, started again when one dies, ended together."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.worker_process import WorkerProcess, worker_process

PROGRAM = ("-m", "tests.runtime.watched_program")


@asynccontextmanager
async def running(folder: Path, count: int) -> AsyncIterator[WorkerProcess]:
    async with worker_process({"CARDCASE_LOG_FORMAT": "json"}, str(folder), str(count), program=PROGRAM) as program:
        yield program


async def comes(condition: Callable[[], bool]) -> None:
    """Wait until files and processes are as they should be: there is nobody who would say so."""
    async with asyncio.timeout(50):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)


async def pid_of(folder: Path, number: int, *, but: int = 0) -> int:
    file = folder / str(number)
    await comes(lambda: file.exists() and int(file.read_text(encoding="ascii")) != but)
    return int(file.read_text(encoding="ascii"))


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_all_are_told_to_stop_and_end(tmp_path: Path) -> None:
    async with running(tmp_path, 3) as program:
        pids = [await pid_of(tmp_path, number) for number in range(3)]
        assert len(set(pids)) == 3
        program.terminate()
        assert await program.ends() == 0
    assert all(is_gone(pid) for pid in pids)
    assert all((tmp_path / f"ended-{pid}").exists() for pid in pids)


async def test_who_dies_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, 2) as program:
        first, second = [await pid_of(tmp_path, number) for number in range(2)]
        os.kill(first, signal.SIGKILL)
        again = await pid_of(tmp_path, 0, but=first)
        assert again not in {first, second}
        assert not is_gone(second)
        program.terminate()
        assert await program.ends() == 0


async def test_a_status_that_no_restart_mends_ends_all(tmp_path: Path) -> None:
    async with running(tmp_path, 2) as program:
        first, second = [await pid_of(tmp_path, number) for number in range(2)]
        (tmp_path / "status").write_text("78", encoding="ascii")
        os.kill(first, signal.SIGKILL)
        assert await program.ends() == 78
    assert is_gone(second)


async def test_who_is_left_alone_ends(tmp_path: Path) -> None:
    async with running(tmp_path, 2) as program:
        pids = [await pid_of(tmp_path, number) for number in range(2)]
        program.process.kill()
        await program.process.wait()
        await comes(lambda: all((tmp_path / f"ended-{pid}").exists() for pid in pids))


@pytest.mark.parametrize("path", ["/live", "/ready"])
async def test_health_is_that_of_all(tmp_path: Path, path: str) -> None:
    (tmp_path / "status").write_text("1", encoding="ascii")
    async with running(tmp_path, 2) as program:
        # Each dies before it is ready, and is started again.
        assert await program.health(path) == (200 if path == "/live" else 503)
        (tmp_path / "status").unlink()
        first, second = [await pid_of(tmp_path, number) for number in range(2)]
        assert first != second
        async with asyncio.timeout(20):
            while await program.health(path) != 200:
                pass
        program.terminate()
        assert await program.ends() in {0, 1}
