"""TCP ports on the loopback interface."""

import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_LOWEST: Final = 10_000


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


def _free() -> socket.socket:
    # Below the range of outgoing connections: from inside it, a client that keeps calling a server which is down can
    # connect to itself, and then the server cannot have its port back.
    above = _range_start_of_outgoing_connections()
    if above > _LOWEST:
        choice = random.SystemRandom()
        for _ in range(100):
            held = _bound(choice.randrange(_LOWEST, above))
            if held is not None:
                return held
    held = _bound(0)
    if held is None:
        raise OSError("no free port on the loopback interface")
    return held


def pick_ports(*wishes: int | None) -> tuple[int, ...]:
    """Ports that nobody listens on, all different: the wished one where it is free, any other where not or None."""
    with ExitStack() as held:
        sockets = [held.enter_context((_bound(wish) if wish is not None else None) or _free()) for wish in wishes]
        return tuple(each.getsockname()[1] for each in sockets)
