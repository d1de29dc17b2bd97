"""Which code a worker runs, by a name that Temporal shows with every task that the worker did.

An operator who resets cases to before a faulty build (`temporal workflow reset --type BuildId`) names it.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Final

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

import activities
import cases
import workflows

DEPLOYMENT: Final = "cardcase"
"""Under this name Temporal knows the versions of our workers."""
_DECIDES: Final[tuple[ModuleType, ...]] = (activities, cases, workflows)
"""Our packages whose code decides what becomes of a case."""
_BESIDES: Final = ("pydantic", "temporalio")
_LENGTH: Final = 12


@cache
def build_id() -> str:
    """Twelve hexadecimal digits: equal where the same code decides, whatever the machine and its Python.

    The SDK's own answer reads and hashes the bytecode of everything that was ever imported: a quarter of a second of
    every start, and another answer after each update of Python.
    """
    digest = hashlib.sha256()
    for name in _BESIDES:
        digest.update(f"{name} {version(name)}\n".encode())
    for package in _DECIDES:
        root = Path(package.__path__[0])
        for path in sorted(path for path in root.rglob("*") if path.suffix in {".py", ".sql", ".toml"}):
            digest.update(f"{package.__name__} {path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:_LENGTH]


def deployment(*, versioned: bool, pins: bool = False) -> WorkerDeploymentConfig:
    """What a worker says of itself.

    A versioned one is given work while its version is current (`runtime.releases`); any other always. Neither pins a
    case: a case goes over to the next release, and every release replays what those before it have recorded. A worker
    that `pins` ends with its release what it began.
    """
    versioned_as = VersioningBehavior.PINNED if pins else VersioningBehavior.AUTO_UPGRADE
    return WorkerDeploymentConfig(
        WorkerDeploymentVersion(DEPLOYMENT, build_id()),
        use_worker_versioning=versioned,
        default_versioning_behavior=versioned_as if versioned else VersioningBehavior.UNSPECIFIED,
    )
