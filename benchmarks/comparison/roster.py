"""Who is compared, and in whose environment they run."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PEERS: Final = Path(sys.prefix) / "peers"
"""Where `make bench` installs the peers: an environment of their own, and beside it what npm brings."""


@dataclass(frozen=True)
class Contestant:
    """One of those that are compared; its programs stand in `benchmarks.contestants` under its name."""

    name: str
    words: str
    """What it is, for the page."""
    on_temporal: bool = True
    writes: bool = True
    """Whether it writes to PostgreSQL and tells people."""
    told_at_opening: int = 0
    """Of the notifications of a case, how many its opening is told by; the others follow the verification."""
    needs: tuple[str, ...] = ()
    """Distributions of the peers' environment, where it runs there."""


ALL: Final = (
    Contestant(
        "cardcase",
        "this engine: `worker.py` as in production, driven through the typed client for programs",
        told_at_opening=1,
    ),
    Contestant(
        "lean",
        "a lean Temporal application: update with start, local activities, one transaction a step, no sandbox",
    ),
    Contestant("naive", "a first Temporal application: four regular activities, every default of the SDK"),
    Contestant("floor", "Temporal alone: the two messages, four local activities that do nothing", writes=False),
    Contestant(
        "dbos", "DBOS 3.4: the same steps as transactions of its data source", on_temporal=False, needs=("dbos",)
    ),
    Contestant(
        "restate",
        "Restate 1.7: its server with a log on disk, the same steps in its Python SDK",
        on_temporal=False,
        needs=("restate-sdk", "hypercorn"),
    ),
)
NAMES: Final = tuple(each.name for each in ALL)


def python_of(contestant: Contestant, peers: Path) -> Path:
    """The interpreter that runs a contestant's programs."""
    return peers / "bin" / "python" if contestant.needs else Path(sys.executable)


def restate_server(peers: Path) -> Path | None:
    """Restate's server, where npm has brought it."""
    found = sorted(peers.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    return found[0] if found else None


def why_not(contestant: Contestant, peers: Path) -> str | None:
    """Why a contestant cannot take part; None where it can."""
    if not contestant.needs:
        return None
    python = python_of(contestant, peers)
    if not python.exists():
        return "the environment of the peers could not be installed, `make bench` says why"
    asked = f"from importlib.metadata import version; [version(name) for name in {contestant.needs}]"
    if subprocess.run([python, "-c", asked], capture_output=True, check=False).returncode != 0:  # noqa: S603 - our own words
        return f"the environment of the peers lacks {' or '.join(contestant.needs)}"
    if contestant.name == "restate" and restate_server(peers) is None:
        return "npm is not there" if shutil.which("npm") is None else "npm could not bring Restate's server"
    return None
