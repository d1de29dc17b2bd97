"""Workers forked from one process that has imported everything once.

A worker takes two seconds of processor time to import and a tenth of one to fork, and tests start dozens. What runs in
the fork is the whole worker: settings, connections, pollers and signals are its own.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Final

from tests.worker_process import WorkerProcess, environment_with

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.crashing_worker", "tests.faults.worker_by_day", "worker"])
_PR_SET_PDEATHSIG: Final = 1


def live(program: str, arguments: Sequence[str], environment: Mapping[str, str], output: Connection) -> None:
    """In the fork: be this program in this environment, and write to `output` what it writes to standard error."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    os.dup2(output.fileno(), sys.stderr.fileno())
    output.close()
    sys.argv[:] = [program, *arguments]
    os.environ.clear()
    os.environ.update(environment)
    status = import_module(program).main()
    sys.stderr.flush()
    os._exit(status)


class Fork:
    """A forked process, with the part of `asyncio.subprocess.Process` that `WorkerProcess` uses."""

    def __init__(self, process: ForkServerProcess, stderr: asyncio.StreamReader) -> None:
        self._process = process
        self.stderr: asyncio.StreamReader | None = stderr
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(process.sentinel, self._has_ended)

    @property
    def pid(self) -> int:
        """The process ID."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status; negative for the signal that ended it, None while it runs."""
        return self._process.exitcode

    async def wait(self) -> int:
        """The exit status, once there is one."""
        await self._ended.wait()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def _has_ended(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._process.join()
        self._ended.set()


@asynccontextmanager
async def forked_worker(
    settings: Mapping[str, str], *arguments: str, program: str = "worker"
) -> AsyncIterator[WorkerProcess]:
    """A worker with these settings alone; killed at the end of the block if it has not ended by itself.

    `program` is a module whose `main` is a worker. As `worker_process` otherwise.
    """
    reader, writer = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=live, args=(program, arguments, environment_with(settings), writer))
    # It answers when it has forked, and the first time it has to import everything before.
    await asyncio.to_thread(process.start)
    writer.close()
    said = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(said), os.fdopen(os.dup(reader.fileno()), "rb", buffering=0)
    )
    reader.close()
    worker = WorkerProcess(Fork(process, said))
    try:
        yield worker
    finally:
        if worker.process.returncode is None:
            worker.process.kill()
        await worker.ends()
        transport.close()
