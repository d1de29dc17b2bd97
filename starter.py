"""Opens cases and tells them what happened: the command line. Programs use `cardcase_client`.

python starter.py --help
"""

import sys
from importlib.util import find_spec
from pathlib import Path

# In a clone the client has a folder of its own; in the image it stands beside this file.
sys.path.append(str(Path(__file__).parent / "clients" / "python"))

from intake.commands.app import UPKEEP, main
from runtime.dumps import leave_no_dump
from runtime.ending import end

if find_spec("rehearsal") is not None:
    # No part of the container image: a rehearsal brings servers of its own.
    UPKEEP["rehearse"] = "rehearsal.command"

if __name__ == "__main__":
    leave_no_dump()
    end(main())
