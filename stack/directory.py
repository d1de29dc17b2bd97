"""The data directory of one server, and who may use it."""

import asyncio
import fcntl
import os
from pathlib import Path
from typing import Final

from stack.errors import DataDirectoryInUse

_WIND_DOWN_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.02


class DataDirectory:
    """A directory with two locks, both of which the kernel gives back when their holders die.

    The *owner* lock belongs to the Python process that runs the server. The *server* lock is inherited by the server
    and everything that it forks, and by nobody else, so that it is free exactly when all of them are gone. Whoever
    holds both knows that a PID file found here is stale.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path.absolute()
        self._owner: int | None = None

    async def claim(self) -> None:
        """Make the directory if it is missing, and take it; waits for servers that are just ending.

        Raises DataDirectoryInUse when another process, or another server object of this one, has it.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self._open("owner.lock")
        try:
            if not _lock(owner):
                raise DataDirectoryInUse(
                    f"{self.path} is in use by process {os.pread(owner, 20, 0).decode('ascii') or 'unknown'};"
                    " stop it or choose another data directory"
                )
            os.ftruncate(owner, 0)
            os.pwrite(owner, str(os.getpid()).encode("ascii"), 0)
            if not await self.vacated(_WIND_DOWN_SECONDS):
                raise DataDirectoryInUse(f"a server whose owner has died is still running on {self.path}")
        except BaseException:
            os.close(owner)
            raise
        self._owner = owner

    def release(self) -> None:
        """Give the directory back; harmless when it was not taken."""
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    def server_lock(self) -> int:
        """A descriptor that holds the server lock, for the server to inherit; the caller closes its own copy.

        Raises DataDirectoryInUse when a server is running here.
        """
        descriptor = self._open("server.lock")
        if not _lock(descriptor):
            os.close(descriptor)
            raise DataDirectoryInUse(f"a server is still running on {self.path}")
        return descriptor

    async def vacated(self, seconds: float) -> bool:
        """Whether every process of the server is gone, after waiting for it at most so many seconds."""
        descriptor = self._open("server.lock")
        try:
            async with asyncio.timeout(seconds):
                while not _lock(descriptor):  # noqa: ASYNC110 - the lock is the kernel's, it knows no event
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            return False
        finally:
            os.close(descriptor)
        return True

    def _open(self, name: str) -> int:
        return os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
