"""The container image without a container engine: its files where a test can run them."""

import asyncio
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CONTAINER: Final = ROOT / "deploy" / "container"
PRODUCT: Final = frozenset({"activities", "cases", "deploy", "desk", "gate", "intake", "runtime", "workflows"})
"""The rooms that are installed; the others are for trying out, rehearsing and measuring."""
CLIENT: Final = "cardcase_client"
"""What the command line comes by; a package of its own for others."""

_COPY = re.compile(r"^COPY (?!--from)(.+) (/app\S*)$", re.MULTILINE)


def ignored(path: str) -> bool:
    """What the ignore file says of a path: the last pattern that matches it or a directory above it decides."""
    decided = False
    for line in (CONTAINER / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        candidates = [path, *(str(parent) for parent in Path(path).parents)]
        if pattern.startswith("**/"):
            pattern = pattern.removeprefix("**/")
            candidates = [Path(candidate).name for candidate in candidates]
        if any(fnmatch.fnmatchcase(candidate, pattern) for candidate in candidates):
            decided = not line.startswith("!")
    return decided


def _copied() -> dict[Path, Path]:
    """Files that the Containerfile copies, and where they stand below /app."""
    copied = {}
    for sources, target in _COPY.findall((CONTAINER / "Containerfile").read_text(encoding="utf-8")):
        to = Path(target.removeprefix("/app").strip("/"))
        for source in (ROOT / name for name in sources.split()):
            if source.is_file():
                copied[source] = to / source.name if target.endswith("/") else to
            else:
                copied |= {file: to / file.relative_to(source) for file in source.rglob("*") if file.is_file()}
    return {file: to for file, to in copied.items() if not ignored(file.relative_to(ROOT).as_posix())}


@dataclass(frozen=True)
class Image:
    """What is below /app in the image."""

    app: Path

    @classmethod
    def built(cls, app: Path) -> "Image":
        """The files that the Containerfile and its ignore file say."""
        for file, to in _copied().items():
            (app / to).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, app / to)
        return cls(app)

    @property
    def entrypoint(self) -> str:
        """The program that the image starts."""
        return str(self.app / "deploy" / "container" / "entrypoint.py")

    def environment(self, **more: str) -> dict[str, str]:
        """The environment that the image gives its programs."""
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.app), "PYTHONSAFEPATH": "1"} | more

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python as the image does, from a working directory that holds nothing of the project."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.app.parent,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def run_beside(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same, while this process goes on."""
        return await asyncio.to_thread(self.run, *arguments, **environment)
