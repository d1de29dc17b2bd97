"""TCP ports on the loopback interface.

Between the moment at which a port is picked and that at which its server listens, and again while the server is started
anew, nothing is bound to it. So whoever picks one marks it: by a UDP socket of the same number, which no server of ours
has, which only one process can have, and which the kernel takes away when that process ends.
"""

import os
import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_LOWEST: Final = 10_000
_MOST_MARKED: Final = 128
"""What one process keeps marked, the newest; what it picked before has long been started, or is over."""
_marks: Final[dict[int, int]] = {}
"""Descriptors of the marks, by their ports, the oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Which ports the servers would like to have; None, or one that is taken, means any free one."""

    postgres: int | None = None
    temporal: int | None = None
    ui: int | None = None


FREE_PORTS: Final = Ports()
"""For tests: nothing collides with anything."""

STANDARD_PORTS: Final = Ports(postgres=15432, temporal=7233, ui=8233)
"""For people: Temporal's own, and one for PostgreSQL that neither a system PostgreSQL nor the kernel hands out."""


def _range_start_of_outgoing_connections() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    except FileNotFoundError:
        return 32_768
    return int(text.split()[0])


def _bound(port: int) -> socket.socket | None:
    """A socket bound to the port, or None if the port is taken."""
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As the servers do it: connections in TIME_WAIT are no obstacle, a listener is.
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        candidate.bind((LOOPBACK, port))
    except OSError:
        candidate.close()
        return None
    return candidate


def _marked(port: int) -> bool:
    """Whether a port is marked as ours; not where another process has marked it."""
    if port in _marks:
        return True
    mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        mark.bind((LOOPBACK, port))
    except OSError:
        mark.close()
        return False
    _marks[port] = mark.detach()
    if len(_marks) > _MOST_MARKED:
        os.close(_marks.pop(next(iter(_marks))))
    return True


def _taken(port: int) -> socket.socket | None:
    """A socket bound to a port that is marked as ours, or None if somebody listens there or will."""
    held = _bound(port)
    if held is not None and not _marked(held.getsockname()[1]):
        held.close()
        return None
    return held


def _free() -> socket.socket:
    # Below the range of outgoing connections: from inside it, a client that keeps calling a server which is down can
    # connect to itself, and then the server cannot have its port back.
    above = _range_start_of_outgoing_connections()
    if above > _LOWEST:
        choice = random.SystemRandom()
        for _ in range(100):
            port = choice.randrange(_LOWEST, above)
            # Nor one for which this process has a server that is away at the moment.
            held = None if port in _marks else _taken(port)
            if held is not None:
                return held
    held = _taken(0)
    if held is None:
        raise OSError("no free port on the loopback interface")
    return held


def pick_ports(*wishes: int | None) -> tuple[int, ...]:
    """Ports that nobody listens on, all different: the wished one where it is free, any other where not or None.

    No other process is given any of them while this one lives.
    """
    with ExitStack() as held:
        sockets = [held.enter_context((_taken(wish) if wish is not None else None) or _free()) for wish in wishes]
        return tuple(each.getsockname()[1] for each in sockets)
