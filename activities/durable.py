"""What must still be there after the machine has stopped."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file is on the disk, or of a folder which files it names. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
