"""How a program ends that has spoken with Temporal."""

import os
import sys
from typing import NoReturn


def end(status: int) -> NoReturn:
    """End this process, now, with an exit status; everything has to be closed by then.

    The interpreter's own ending may trip over threads of Temporal's core: then a program that has done all it should
    ends with 134.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
