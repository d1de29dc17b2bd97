"""The service is killed in the middle of a job, and another one does the rest: nothing is lost, nothing done twice."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from gate.gate import Gate
from runtime.identity import IdentityTokens, KeyUrl
from stack.identity import SERVICE_AUDIENCE, IdentityProvider
from stack.ports import LOOPBACK, pick_ports
from tests.engine import Engine
from tests.intake.calling import sample_keys
from tests.intake.registering import csv_of
from tests.intake.service.door import BACK_OFFICE, SECRET, SYSTEMS, TAKES_IN, gate_serving
from tests.intake.service.test_jobs import CSV, HEADINGS, people, row_of
from tests.stamping import KEY

ROWS: Final = 40


@asynccontextmanager
async def service(environment: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as a process of its own, once it is ready; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "intake", env=dict(environment), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            if b"ready" in line:
                break
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.timeout(120)
async def test_a_job_goes_on_where_a_service_was_killed_and_each_row_is_done_once(
    engine: Engine, tmp_path: Path
) -> None:
    await engine.at_a_post(TAKES_IN)
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET, encoding="ascii")
    (port,) = pick_ports(None)
    persons = await people(engine, ROWS)
    async with IdentityProvider([], systems=SYSTEMS) as provider:
        issuer = provider.issuer
        tokens = IdentityTokens(KeyUrl(provider.jwks_url), issuer=issuer.url, audience=issuer.audience)
        gate = Gate(tokens, KEY, audience=engine.client.namespace)
        async with (
            gate_serving(gate) as gate_url,
            httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=60) as http,
        ):
            environment = {
                "PATH": os.environ["PATH"],
                "CARDCASE_DATABASE_URL": engine.database_url,
                "CARDCASE_KEY_FILE": str(sample_keys(tmp_path)),
                "CARDCASE_PROFILE": "local",
                "CARDCASE_GATE_URL": gate_url,
                "CARDCASE_IDENTITY_ISSUER": issuer.url,
                "CARDCASE_IDENTITY_AUDIENCE": issuer.audience,
                "CARDCASE_IDENTITY_KEYS": provider.jwks_url,
                "CARDCASE_EXCHANGE_URL": provider.token_url,
                "CARDCASE_INTAKE_CLIENT": "intake",
                "CARDCASE_INTAKE_SECRET_FILE": str(secret),
                "CARDCASE_INTAKE_PORT": str(port),
                "CARDCASE_INTAKE_IN_FLIGHT": "4",
                "CARDCASE_INTAKE_LEASE": "2",
                "TEMPORAL_ADDRESS": engine.client.service_client.config.target_host,
                "TEMPORAL_NAMESPACE": engine.client.namespace,
            }
            headers = {"Authorization": f"Bearer {issuer.token(BACK_OFFICE, aud=SERVICE_AUDIENCE)}"}
            async with service(environment) as first:
                file = csv_of(map(row_of, persons), HEADINGS).encode()
                answer = await http.post("/v1/registers", content=file, headers=headers | {"Content-Type": CSV})
                assert answer.status_code == 202, answer.text
                where = answer.headers["location"]
                async with asyncio.timeout(30):
                    while (await http.get(where, headers=headers)).json()["rows"]["done"] < ROWS // 4:
                        pass
                first.kill()
                await first.wait()
            job = where.rpartition("/")[2]
            left = await engine.pool.fetchrow(
                "SELECT count(*) AS waiting, count(leased_until) AS begun FROM job_rows "
                "WHERE job = $1 AND state = 'waiting'",
                job,
            )
            # Some rows were under way, whose outcome nobody knows.
            assert left is not None
            assert left["waiting"] > left["begun"] > 0
            async with service(environment), asyncio.timeout(60):
                while (over := (await http.get(f"{where}?wait=30", headers=headers)).json())["ended_at"] is None:
                    pass
    assert over["rows"] == {"read": ROWS, "done": ROWS, "refused": 0, "waiting": 0, "cancelled": 0}
    refs = [engine.sealer.person_token(person.personal_number) for person in persons]
    opened = await engine.pool.fetch(
        "SELECT person, count(*) AS times, count(DISTINCT stamp) AS stamps FROM transitions "
        "JOIN cases USING (case_id, generation) WHERE person = ANY ($1) AND event = 'registered' GROUP BY person",
        refs,
    )
    assert {row["person"]: (row["times"], row["stamps"]) for row in opened} == dict.fromkeys(refs, (1, 1))
