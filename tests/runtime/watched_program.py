"""A program that runs as several processes, or as one of them; stands for a worker, and needs no servers.

    python -m tests.runtime.watched_program FOLDER COUNT

Each process writes its ID into FOLDER/NUMBER once it is ready; where FOLDER/status is it ends with that at once.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from runtime.logs import configure_logging
from runtime.loop import run
from runtime.several import Several, Watched

FINAL = 78


async def one(folder: Path, watched: Watched) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    watched.until_alone(stop.set)
    wanted = folder / "status"
    if wanted.exists():
        return int(wanted.read_text(encoding="ascii"))
    watched.say(ready=True)
    mine = folder / os.environ["NUMBER"]
    mine.with_suffix(".new").write_text(str(os.getpid()), encoding="ascii")
    mine.with_suffix(".new").rename(mine)
    await stop.wait()
    (folder / f"ended-{os.getpid()}").touch()
    return 0


async def several(folder: Path, count: int) -> int:
    def environment(number: int) -> dict[str, str]:
        return {**os.environ, "NUMBER": str(number)}

    command = (sys.executable, "-m", "tests.runtime.watched_program", str(folder), "0")
    return await Several(command, count, frozenset({FINAL}), environment).run("127.0.0.1", 0, RuntimeError)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--watched", type=int)
    asked = parser.parse_args()
    configure_logging("json", "INFO")
    if asked.watched is not None:
        sys.exit(run(one(asked.folder, Watched(asked.watched))))
    sys.exit(run(several(asked.folder, asked.count)))
