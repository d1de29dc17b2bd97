"""Layouts whose headings trouble whoever looks for them: the process that reads a file, and no other."""

import os
import resource
import signal
from enum import StrEnum
from itertools import count

from intake.files.columns import column_of


def takes_all_memory(_heading: str) -> StrEnum | None:
    kept = [bytearray(1024 * 1024) for _ in count()]
    return column_of(str(kept))


def takes_all_time(_heading: str) -> StrEnum | None:
    return next(None for number in count() if number < 0)


def aborts(_heading: str) -> StrEnum | None:
    os.abort()


def breaks(_heading: str) -> StrEnum | None:
    os.kill(os.getpid(), signal.SIGSEGV)
    return None


def is_wrong(_heading: str) -> StrEnum | None:
    raise ZeroDivisionError


def found_where_nothing_can_be_written(heading: str) -> StrEnum | None:
    return column_of(heading) if resource.getrlimit(resource.RLIMIT_FSIZE) == (0, 0) else None
