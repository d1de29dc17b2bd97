"""Keys and names in memory stay there: a process that dies leaves no image of itself, and nobody looks into it."""

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def leave_no_dump() -> None:
    """From now on no core of this process is written, by itself or by a program of the machine that collects them.

    Such a program is given a core also where the limit is zero; not to be dumpable keeps it from that, and debuggers of
    the same user out.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0)) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
