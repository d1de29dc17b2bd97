"""Restate's server, from npm, on a folder of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from benchmarks.comparison.programs import Program, program
from stack.ports import LOOPBACK, pick_ports

_POLL_SECONDS: Final = 0.05
_CREATED: Final = 201


@dataclass(frozen=True)
class RestateServer:
    """A running server."""

    program: Program
    admin_url: str
    service_url: str
    settings: Mapping[str, str]
    """For its clients."""

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self.program.pid

    async def know(self) -> None:
        """Tell it of the service, as soon as both listen."""
        service = {"uri": self.service_url, "force": True}
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.post(f"{self.admin_url}/deployments", json=service) as answer:
                        if answer.status == _CREATED:
                            return
                except aiohttp.ClientError:
                    pass
                # Neither says when it listens.
                await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def restate_running(binary: Path, service_url: str, folder: Path, logs: Path) -> AsyncIterator[RestateServer]:
    """The server for the length of a block; its data stays in the folder for the next time."""
    ingress, admin, node = pick_ports(None, None, None)
    settings = {
        "RESTATE_BASE_DIR": str(folder),
        # What it leaves behind goes with the rest.
        "TMPDIR": str(logs),
        "RESTATE_NODE_NAME": "benchmark",
        "RESTATE_BIND_ADDRESS": f"{LOOPBACK}:{node}",
        "RESTATE_ADVERTISED_ADDRESS": f"http://{LOOPBACK}:{node}",
        "RESTATE_INGRESS__BIND_ADDRESS": f"{LOOPBACK}:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"{LOOPBACK}:{admin}",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_LOG_FILTER": "warn",
    }
    told = {"BENCHMARK_RESTATE_URL": f"http://{LOOPBACK}:{ingress}"}
    async with program("restate server", [binary, "--no-logo"], logs, settings) as server:
        yield RestateServer(server, f"http://{LOOPBACK}:{admin}", service_url, told)
