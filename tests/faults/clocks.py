"""One process whose clock is wrong: a library of ours answers it when it asks for the time of day."""

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("shifted_clock.c")
PRELOADED: Final = "LD_PRELOAD"
"""A setting that only counts for a process which is started, and not for one that is forked."""
SHIFT: Final = "CLOCK_SHIFT_SECONDS"
COMPILER: Final = "cc"


def lacks_compiler() -> str | None:
    """Why no clock can be shifted here; None where one can."""
    return (
        None
        if shutil.which(COMPILER)
        else f"a clock of one process is shifted by a library, which {COMPILER} has to compile"
    )


async def shifted_by(shift: timedelta, folder: Path) -> dict[str, str]:
    """The environment of a process whose clock is shifted; the library is compiled into a folder, once."""
    library = folder / SOURCE.with_suffix(".so").name
    if not library.exists():
        compiling = await asyncio.create_subprocess_exec(
            COMPILER, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, SOURCE
        )
        assert await compiling.wait() == 0, "the library does not compile"
    return {PRELOADED: str(library), SHIFT: str(round(shift.total_seconds()))}


def shift_of_this_process() -> timedelta:
    """By how much the clock of this process is ahead."""
    return timedelta(seconds=int(os.environ.get(SHIFT, "0")))
