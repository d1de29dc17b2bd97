"""Opens cases and tells them what happened: the command line. Programs use `intake.client.CaseClient`.

python starter.py --help
"""

import os
import sys
from importlib.util import find_spec

from intake.commands.app import app, main

if find_spec("rehearsal") is not None:
    # No part of the container image: a rehearsal brings servers of its own.
    from rehearsal.command import add_to

    add_to(app)

if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed by now; the interpreter's own ending may trip over threads of Temporal's core (exit code
    # 134).
    os._exit(status)
