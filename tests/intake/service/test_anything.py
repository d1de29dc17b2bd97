"""Whatever the description allows, and whatever it does not, is asked: nothing fails, nothing is repeated.

Schemathesis makes the requests from the description, against the service on a real register and a real engine.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from cases.events import EVENTS, FACTS
from cases.models import Actor, Role
from tests.engine import Engine
from tests.intake.registering import csv_of
from tests.intake.service.contract import DESCRIPTION
from tests.intake.service.door import BACK_OFFICE, BUREAU, OFFICER, VERIFIER, Door, door_of, office
from tests.intake.service.test_cases import opened, ordered
from tests.intake.service.test_feed import verified
from tests.intake.service.test_jobs import CSV, HEADINGS, handed_in, row_of

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = 6
"""Of each operation, beside what is made for each limit of each field."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "nothing_is_repeated",
)
MARK = "planted-7f3a9c"
"""No number and no name: it passes wherever text passes."""


def who_may(event: Any) -> Actor:
    """Somebody who may tell an event, of those whom the service knows."""
    known = {each.role: each for each in (VERIFIER, OFFICER)}
    role = min(EVENTS[event].roles)
    return known.get(role) or office(role)


def tokens_of(door: Door) -> dict[str, str]:
    """The token by which each operation is asked for."""
    tellers = {f"tell_{event.value}": who_may(event) for event in FACTS}
    return {
        operation["operationId"]: door.token(tellers.get(operation["operationId"], BACK_OFFICE))
        for methods in DESCRIPTION["paths"].values()
        for operation in methods.values()
    } | {
        "read_subject": door.token(office(Role.bank)),
        "read_delivery": door.token(BUREAU),
        "feed_persons": door.token(office(Role.insured_register)),
    }


async def job_of(door: Door) -> str:
    """A job, some of whose rows are refused."""
    rows = [row_of(await door.engine.insured()), row_of(await door.engine.insured(), number="")]
    answer = await handed_in(door, "/v1/registers", csv_of(rows, HEADINGS), CSV)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def leave_nothing_open(door: Door) -> None:
    """End what is limited for each client: other tests meet the same one."""
    for job in (await door.asked("GET", "/v1/jobs", by=BACK_OFFICE)).json()["jobs"]:
        if job["ended_at"] is None:
            await door.asked("POST", f"/v1/jobs/{job['id']}:cancel", by=BACK_OFFICE)
    for one in (await door.asked("GET", "/v1/subscriptions", by=BACK_OFFICE)).json()["subscriptions"]:
        await door.asked("DELETE", f"/v1/subscriptions/{one['id']}", by=BACK_OFFICE)


@pytest.mark.timeout(600)
async def test_whatever_is_asked_nothing_fails_and_nothing_is_repeated(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with door_of(engine, sink_hosts=["back-office.example.invalid"]) as door:
        cases = [(await opened(door, await engine.insured())).json()["case_id"] for _ in range(4)]
        cases += [await verified(door) for _ in range(2)]
        cases += [await ordered(door) for _ in range(2)]
        sink = {"sink": "https://back-office.example.invalid/cardcase"}
        told = [await door.asked("POST", "/v1/subscriptions", by=BACK_OFFICE, json=sink) for _ in range(2)]
        asking = {
            "mark": MARK,
            "tokens": tokens_of(door),
            "known": {
                "case": cases,
                "subscription": [each.json()["id"] for each in told],
                "job": [await job_of(door) for _ in range(2)],
            },
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            str(DOCS / "openapi.json"),
            f"--url={door.url}",
            f"--checks={','.join(CHECKS)}",
            f"--max-examples={EXAMPLES}",
            "--phases=examples,coverage,fuzzing",
            "--continue-on-failure",
            "--no-shrink",
            "--no-color",
            "--seed=1",
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(DOCS.parent),
                "SCHEMATHESIS_HOOKS": "tests.intake.service.asking_anything",
                "ASKING": json.dumps(asking),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        await leave_nothing_open(door)
        assert process.returncode == 0, said.decode()
    assert MARK not in caplog.text
