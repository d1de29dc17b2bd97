"""A client generated from the description drives a whole case in Java.

The client is generated and compiled anew by Maven, so that a description from which none can be made fails here.
"""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest
import pytest_asyncio

from cases.models import Role
from tests.engine import Engine
from tests.intake.service.door import BACK_OFFICE, OFFICER, VERIFIER, door_of, office
from tests.intake.service.test_cases import application_of

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]


async def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a program says. Raises AssertionError where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    return out.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the client and the program are, compiled."""
    for needed in ("mvn", "java"):
        if shutil.which(needed) is None:
            pytest.skip(f"no {needed} here: install Maven and Java 17 or newer")
    folder = tmp_path_factory.mktemp("copy") / "clients" / "java"
    shutil.copytree(ROOT / "clients" / "java", folder, ignore=shutil.ignore_patterns("target"))
    (folder.parents[1] / "docs").symlink_to(ROOT / "docs")
    await run("mvn", "--batch-mode", "--quiet", "package", cwd=folder)
    return folder / "target"


async def test_everybody_drives_a_case_to_its_end_by_the_generated_client(
    engine: Engine, built: Path, tmp_path: Path
) -> None:
    application = tmp_path / "application.json"
    application.write_text(json.dumps(application_of(await engine.insured())), encoding="utf-8")
    everybody = {"back_office": BACK_OFFICE, "clerk": VERIFIER, "officer": OFFICER}
    everybody |= {role.value: office(role) for role in (Role.bank, Role.medical_insurance, Role.pension)}
    async with door_of(engine) as door:
        tokens = {name: door.token(actor) for name, actor in everybody.items()}
        path = f"{built / 'classes'}:{built / 'dependency'}/*"
        env = {"INTAKE": door.url, "TOKENS": json.dumps(tokens)}
        said = (await run("java", "-cp", path, "WholeCase", application, cwd=built, env=env)).split()
    assert said[:4] == ["registered", "screened", "verify_documents", "approve"]
    assert {"confirm_downstream", "release"} <= set(said)
