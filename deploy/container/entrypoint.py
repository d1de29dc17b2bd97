"""What the container image runs: the program that the first argument names, the worker where none does.

    worker [--check] | gate [--check] | intake [--check] | desk [--check] | starter COMMAND ... | migrate | ready

`ready` is the image's health check: it asks the program beside it. A program takes this process over, so that signals
reach it.
"""

import http.client
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "worker": (str(ROOT / "worker.py"),),
    "gate": ("-m", "gate"),
    "intake": ("-m", "intake"),
    "desk": ("-m", "desk"),
    "starter": (str(ROOT / "starter.py"),),
    "migrate": ("-m", "deploy.migrations"),
}
EXIT_USAGE: Final = 64
_READY_SECONDS: Final = 2.0


def main(arguments: list[str]) -> NoReturn:
    """Become the named program; `ready` exits with 0 or 1, and what is no program with 64."""
    name, *rest = arguments or ["worker"]
    if name == "ready":
        sys.exit(0 if _is_ready(int(os.environ["CARDCASE_HEALTH_PORT"])) else 1)
    if name not in PROGRAMS:
        sys.stderr.write(f"no such program; use one of: {', '.join([*PROGRAMS, 'ready'])}\n")
        sys.exit(EXIT_USAGE)
    os.execv(sys.executable, [sys.executable, *PROGRAMS[name], *rest])  # noqa: S606 - no shell reads these


def _is_ready(port: int) -> bool:
    # Not urllib: it would ask a configured proxy for the way to the loopback address.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_READY_SECONDS)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1:])
