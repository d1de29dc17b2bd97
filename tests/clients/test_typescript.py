"""A client generated from the description drives a case in TypeScript, and a short program is told that it is done.

The types are written anew from the committed description, so that one from which no client could be made fails here.
"""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from cases.models import Role
from stack.ports import LOOPBACK, pick_ports
from tests.engine import Engine
from tests.intake.service.door import BACK_OFFICE, OFFICER, SECRET, VERIFIER, Door, door_of, office
from tests.intake.service.test_anything import leave_nothing_open
from tests.intake.service.test_cases import application_of
from tests.intake.service.test_feed import publishing

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "clients" / "typescript"
LONGEST_EXAMPLE = 40
"""Lines."""

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]


async def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a program says. Raises AssertionError where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    return out.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both programs are, compiled against types that were just generated."""
    for needed in ("node", "npm"):
        if shutil.which(needed) is None:
            absent = f"no {needed} here: install Node.js 20 or newer"
            if os.environ.get("CLIENT_TESTS") == "required":
                pytest.fail(absent)
            pytest.skip(absent)
    folder = tmp_path_factory.mktemp("copy") / "clients" / "typescript"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules", "build", "intake.d.ts"))
    (folder.parents[1] / "docs").symlink_to(ROOT / "docs")
    await run("npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--silent", cwd=folder)
    await run("npm", "run", "build", cwd=folder)
    return folder / "build"


@asynccontextmanager
async def example(door: Door, port: int, built: Path, folder: Path) -> AsyncIterator[tuple[str, Process]]:
    """The example with one credential, as soon as it has opened a case: which, and its process."""
    application, secret = folder / "application.json", folder / "secret"
    application.write_text(json.dumps(application_of(await door.engine.insured())), encoding="utf-8")
    secret.write_text(SECRET, encoding="ascii")
    process = await asyncio.create_subprocess_exec(
        "node",
        built / "example.js",
        application,
        env={
            "PATH": os.environ["PATH"],
            "INTAKE": door.url,
            "TOKEN_URL": door.provider.token_url,
            "CLIENT": BACK_OFFICE.id,
            "SECRET_FILE": str(secret),
            "SINK": f"http://{LOOPBACK}:{port}/told",
            "PORT": str(port),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        case = (await process.stdout.readline()).decode().strip()
        if not case:
            pytest.fail((await process.communicate())[1].decode())
        yield case, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
        await leave_nothing_open(door)


async def subscriptions(door: Door) -> list[dict[str, Any]]:
    """Those of the back office whose sink is on this machine."""
    answer = await door.asked("GET", "/v1/subscriptions", by=BACK_OFFICE)
    return [each for each in answer.json()["subscriptions"] if urlsplit(each["sink"]).hostname == LOOPBACK]


def test_the_example_is_as_short_as_it_is_said_to_be() -> None:
    assert len((SOURCES / "example.ts").read_text(encoding="utf-8").splitlines()) <= LONGEST_EXAMPLE


async def test_one_credential_opens_a_case_and_is_told_that_it_is_done_when_the_others_have_played(
    engine: Engine, built: Path, tmp_path: Path
) -> None:
    (port,) = pick_ports(None)
    async with (
        door_of(engine, sink_hosts=[f"{LOOPBACK}:{port}"]) as door,
        publishing(engine),
        example(door, port, built, tmp_path) as (case, process),
    ):
        playing = {"clerk": VERIFIER, "officer": OFFICER}
        playing |= {role.value: office(role) for role in (Role.bank, Role.medical_insurance, Role.pension)}
        tokens = {name: door.token(actor) for name, actor in playing.items()}
        env = {"INTAKE": door.url, "TOKENS": json.dumps(tokens)}
        said = await run("node", built / "others.js", case, cwd=built, env=env)
        assert said.split()[:4] == ["registered", "screened", "add_documents", "verify_documents"]
        assert "confirm_downstream" in said
        rest, wrong = await process.communicate()
        assert (process.returncode, rest.decode()) == (0, "done\n"), wrong.decode()
        outcome = await door.asked("GET", f"/v1/cases/{case}/outcome", by=BACK_OFFICE)
        assert outcome.json()["status"] == "done"
        async with asyncio.timeout(30):
            while {each["state"] for each in await subscriptions(door)} != {"ended"}:  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(0.1)


async def test_what_the_service_did_not_sign_is_refused_by_the_example(
    engine: Engine, built: Path, tmp_path: Path
) -> None:
    (port,) = pick_ports(None)
    async with (
        door_of(engine, sink_hosts=[f"{LOOPBACK}:{port}"]) as door,
        example(door, port, built, tmp_path) as (case, process),
    ):
        forged = {"subject": case, "data": {"status": "done"}}
        now = str(int(datetime.now(UTC).timestamp()))
        headers = {"webhook-id": "1", "webhook-timestamp": now, "webhook-signature": "v1a," + "A" * 86 + "=="}
        answer = await door.http.post(f"http://{LOOPBACK}:{port}/told", json=forged, headers=headers)
        assert (answer.status_code, process.returncode) == (400, None)
