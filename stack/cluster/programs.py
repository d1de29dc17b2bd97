"""Temporal's server and its SQL tool, built by Go from the server's published module.

`go.mod` beside this file pins the module to the version that the dev server of the local stack runs, `go.sum` pins
everything that it needs. The first build takes many minutes of processor time, later ones a second: Go keeps what it
has compiled.
"""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.errors import StackError

MODULE: Final = Path(__file__).parent
_SERVER: Final = "go.temporal.io/server/cmd/server"
_SQL_TOOL: Final = "go.temporal.io/server/cmd/tools/sql"


class ProgramsAbsent(StackError):
    """Go, or the server's module, cannot be had here; the message says which, and what was answered."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Programs in one folder, under the names that they have in Temporal's own images."""

    folder: Path

    @property
    def server(self) -> Path:
        """Each of the services."""
        return self.folder / "temporal-server"

    @property
    def sql_tool(self) -> Path:
        """Makes Temporal's databases and their schema, which it holds."""
        return self.folder / "temporal-sql-tool"


async def built(into: Path) -> Programs:
    """Both programs in an absolute folder, built where they are older than what they are made from.

    Raises ProgramsAbsent, or StackError when everything is there and does not build.
    """
    go = shutil.which("go")
    if go is None:
        raise ProgramsAbsent("no Go here: install Go as named by stack/cluster/go.mod")
    programs = Programs(into)
    # Loads what is needed from the module cache or the module proxy, and compiles nothing.
    status, said = await _run(go, "list", "-deps", "-f", "", _SERVER, _SQL_TOOL)
    if status != 0:
        raise ProgramsAbsent(f"the module of Temporal's server cannot be had: {_last_line(said)}")
    for program, package in ((programs.server, _SERVER), (programs.sql_tool, _SQL_TOOL)):
        status, said = await _run(go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(program), package)
        if status != 0:
            raise StackError(f"{program.name} does not build:\n{said}")
    return programs


async def _run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=MODULE,
        # No compiler for C is needed, and the pins are what is built.
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return await process.wait(), said.decode("utf-8", "replace")


def _last_line(said: str) -> str:
    return (said.strip().splitlines() or ["it said nothing"])[-1]
