"""Files that are nowhere on disk, for what is in clear only while it is read."""

import os
from pathlib import Path
from typing import IO


def memory_file() -> IO[bytes]:
    """An empty file in memory, which is gone when it is closed. Linux alone has such files."""
    return os.fdopen(os.memfd_create("cardcase", os.MFD_CLOEXEC), "w+b")


def path_of(file: IO[bytes]) -> Path:
    """A path by which this process opens the file once more, from its beginning. What was written must be flushed."""
    return Path(f"/proc/self/fd/{file.fileno()}")
