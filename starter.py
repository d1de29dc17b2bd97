"""Opens cases and tells them what happened: the command line. Programs use `cardcase_client`.

python starter.py --help
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

# In a clone the client has a folder of its own; in the image it stands beside this file.
sys.path.append(str(Path(__file__).parent / "clients" / "python"))

from intake.commands.app import UPKEEP, main

if find_spec("rehearsal") is not None:
    # No part of the container image: a rehearsal brings servers of its own.
    UPKEEP["rehearse"] = "rehearsal.command"

if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed by now; the interpreter's own ending may trip over threads of Temporal's core (exit code
    # 134).
    os._exit(status)
