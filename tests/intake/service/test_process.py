"""The service as a process: it says what is missing, serves, and ends in order."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from stack.identity import SERVICE_AUDIENCE, IdentityProvider
from stack.ports import LOOPBACK, pick_ports
from tests.engine import Engine
from tests.intake.calling import sample_keys
from tests.intake.service.door import BACK_OFFICE, SECRET, SYSTEMS

DOCS = Path(__file__).parents[3] / "docs"


async def run(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "intake",
        *arguments,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_everything_that_is_missing_is_said_at_once() -> None:
    status, _, said = await run({})
    assert status == 78
    for name in (
        "DATABASE_URL",
        "KEY_FILE",
        "GATE_URL",
        "IDENTITY_ISSUER",
        "IDENTITY_KEYS",
        "EXCHANGE_URL",
        "INTAKE_SECRET_FILE",
    ):
        assert f"CARDCASE_{name}: is not set" in said


async def test_a_wrong_command_line_is_not_repeated() -> None:
    status, _, said = await run({}, "--planted")
    assert status == 64
    assert "planted" not in said


async def test_the_interface_is_described_without_any_setting() -> None:
    status, out, _ = await run({}, "--openapi")
    assert status == 0
    described = json.loads(out)
    assert described["info"]["title"] == "cardcase intake"
    assert described == json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))


@pytest.mark.timeout(60)
async def test_it_serves_until_it_is_told_to_stop(engine: Engine, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET, encoding="ascii")
    (port,) = pick_ports(None)
    async with IdentityProvider([], systems=SYSTEMS) as provider:
        environment = {
            "PATH": os.environ["PATH"],
            "CARDCASE_DATABASE_URL": engine.database_url,
            "CARDCASE_KEY_FILE": str(sample_keys(tmp_path)),
            "CARDCASE_PROFILE": "local",
            "CARDCASE_GATE_URL": "http://127.0.0.1:1",
            "CARDCASE_IDENTITY_ISSUER": provider.issuer.url,
            "CARDCASE_IDENTITY_KEYS": provider.jwks_url,
            "CARDCASE_EXCHANGE_URL": provider.token_url,
            "CARDCASE_INTAKE_SECRET_FILE": str(secret),
            "CARDCASE_INTAKE_PORT": str(port),
            "TEMPORAL_ADDRESS": engine.client.service_client.config.target_host,
            "TEMPORAL_NAMESPACE": engine.client.namespace,
        }
        status, _, said = await run(environment, "--check")
        assert status == 0, said
        await engine.pool.execute("UPDATE pair SET beat = 7")
        try:
            status, _, said = await run(environment, "--check")
        finally:
            await engine.pool.execute("UPDATE pair SET beat = 0")
        assert status == 78, "Temporal remembers nothing of a register that remembers it"
        assert "register and Temporal: " in said
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "intake", env=environment, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        async for line in process.stderr:
            if b"ready" in line:
                break
        token = provider.issuer.token(BACK_OFFICE, aud=SERVICE_AUDIENCE)
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}") as http:
            assert (await http.get("/ready")).status_code == 200
            answer = await http.get("/v1/cases?limit=1", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200
            as_office = {"Authorization": f"Bearer {token}"}
            end = (await http.get("/v1/events:end", headers=as_office)).json()["next"]
            news = http.get(f"/v1/events?after={end}&wait=60", headers=as_office, timeout=60)
            waiting = asyncio.create_task(news)
            # The other request that is in progress is the one that asks for figures.
            while "requests_in_progress 2.0" not in (await http.get("/metrics")).text:
                pass
            process.send_signal(signal.SIGTERM)
            assert (await waiting).json()["events"] == [], "whoever waits is answered, and not cut off"
        _, rest = await process.communicate()
        assert process.returncode == 0
        assert token not in rest.decode()
