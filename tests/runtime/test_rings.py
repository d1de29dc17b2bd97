"""A worker whose keys or algorithms are not those of the others does not start, and says what to mend."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from activities.sealing import KeyRing
from cases.names import LOOK_AT_REGISTER, Kind
from runtime.client import connect
from runtime.codec import PayloadSealer
from stack import LocalStack
from tests.engine import Engine, engine_on
from tests.nursery import forked_worker
from tests.scenes import ID_CARD, SOUTH
from tests.worker_process import sample_key_file, sample_trust_file
from tests.workflows.roads import change

pytestmark = pytest.mark.servers

SAMPLE = KeyRing.sample()
OTHER_KEY = bytes(range(1, 33))
AHEAD = SAMPLE.with_payload_key("p9").sealing_payloads_with("p9")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def agency(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine whose cases nobody else touches."""
    async with engine_on(stack, "rings") as engine:
        apart = replace(engine, task_queue="rings")
        async with apart.working():
            yield apart


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cases(agency: Engine) -> list[str]:
    """Cases that are open."""
    return [(await change(agency, ID_CARD, region=SOUTH)).case_id for _ in range(3)]


@pytest.fixture
def settings(stack: LocalStack, agency: Engine, cases: list[str], tmp_path: Path) -> dict[str, str]:
    assert cases
    return {
        "CARDCASE_DATABASE_URL": agency.database_url,
        "CARDCASE_KEY_FILE": str(sample_key_file(tmp_path)),
        "CARDCASE_PROFILE": "local",
        "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(tmp_path)),
        "TEMPORAL_ADDRESS": stack.temporal_address,
        "TEMPORAL_NAMESPACE": stack.namespace,
    }


async def checked(settings: dict[str, str], ring: KeyRing | None = None) -> tuple[int, list[str]]:
    """The exit status of a worker that only looks whether it may start, and what it complains of."""
    if ring is not None:
        ring.replace(Path(settings["CARDCASE_KEY_FILE"]))
    async with forked_worker(settings, "--check") as worker:
        status = await worker.ends()
    return status, [line for line in worker.output.splitlines() if not line.startswith("{")]


async def test_the_ring_of_the_others_may_start(settings: dict[str, str]) -> None:
    assert await checked(settings) == (0, [])


async def test_a_ring_that_is_ahead_of_the_others_may_start(settings: dict[str, str]) -> None:
    assert await checked(settings, AHEAD) == (0, [])


@pytest.mark.parametrize(
    ("ring", "complaint"),
    [
        (AHEAD.without_payload_key("sample"), "CARDCASE_KEY_FILE: lacks the keys that open cases are sealed with"),
        (
            replace(SAMPLE, payload_keys={"sample": OTHER_KEY}),
            "CARDCASE_KEY_FILE: holds other keys under the IDs that open cases name",
        ),
        (
            replace(SAMPLE, token_key=OTHER_KEY),
            "CARDCASE_KEY_FILE: is not the ring that the register was filled with",
        ),
    ],
    ids=["a key dropped too early", "a namesake", "the ring of another register"],
)
async def test_a_wrong_ring_ends_with_78(settings: dict[str, str], ring: KeyRing, complaint: str) -> None:
    status, complaints = await checked(settings, ring)
    assert status == 78
    assert [line.startswith(complaint) for line in complaints] == [True]


async def test_an_algorithm_that_open_cases_are_not_sealed_with_ends_with_78(settings: dict[str, str]) -> None:
    status, complaints = await checked({**settings, "CARDCASE_ENCRYPTION": "sm4-gcm"})
    assert status == 78
    assert [line.partition(":")[0] for line in complaints] == ["CARDCASE_ENCRYPTION"]
    assert await checked({**settings, "CARDCASE_ENCRYPTION": "sm4-gcm,aes-256-gcm"}) == (0, [])


async def test_what_somebody_sends_to_cases_and_starts_beside_them_keeps_nobody_from_starting(
    settings: dict[str, str], cases: list[str]
) -> None:
    """Some runs and signals that nobody can open, for which no key is needed, and every worker ended with 78."""
    ring = AHEAD.without_payload_key("sample")
    somebody = await connect(PayloadSealer(ring), settings["TEMPORAL_ADDRESS"], settings["TEMPORAL_NAMESPACE"])
    strays = [
        await somebody.start_workflow(Kind.id_number_change, "x", id=f"stray-{stray}", task_queue="nobody-works-here")
        for stray in range(30)
    ]
    for case in cases:
        await somebody.get_workflow_handle(case).signal(LOOK_AT_REGISTER, "x")
    try:
        assert await checked(settings) == (0, [])
    finally:
        for stray in strays:
            await stray.terminate()
