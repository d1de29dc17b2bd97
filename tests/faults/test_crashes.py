"""SIGKILL of the worker at every step: the register is all old or all new, and every effect is there exactly once.

`make test` kills at every step of an ID-number change and at the steps of a replacement that order and switch cards;
`make faults` kills at every step of both, at every point.
"""

import asyncio
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

import pytest
import pytest_asyncio

from cases.machines.machine import Status
from stack import LocalStack
from tests.engine import Engine
from tests.faults.crashing_worker import Point
from tests.faults.ledger import Ledger
from tests.faults.sagas import STEPS, Aftermath, Crash, Saga, disturbed
from tests.worker_process import sample_key_file, sample_trust_file

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

RECOVERY_SECONDS: Final = 30
AT_ONCE: Final = 13
"""Lives that are walked at the same time; each has a process of its own."""

REPRESENTATIVE: Final = {
    Crash(Saga.number_change, "registered.0", Point.after_commit),
    Crash(Saga.number_change, "screened.1", Point.before_commit),
    Crash(Saga.number_change, "verify_documents.2", Point.after_return),
    Crash(Saga.number_change, "apply.3", Point.before_commit),
    Crash(Saga.number_change, "commit.4", Point.after_commit),
    Crash(Saga.number_change, "confirm_downstream.5", Point.before_transaction),
    Crash(Saga.number_change, "confirm_downstream.6", Point.after_commit),
    Crash(Saga.number_change, "confirm_downstream.7", Point.before_commit),
    Crash(Saga.number_change, "unblock.8", Point.after_commit),
    Crash(Saga.number_change, "release.9", Point.after_return),
    Crash(Saga.replacement, "order_card.5", Point.after_commit),
    Crash(Saga.replacement, "switch_cards.10", Point.before_commit),
    Crash(Saga.replacement, "close_old.11", Point.after_commit),
}
EVERY_CRASH: Final = [Crash(saga, step, point) for saga in Saga for step in STEPS[saga] for point in Point]


def parameters() -> list[Any]:
    rare = pytest.mark.faults
    return [pytest.param(crash, id=str(crash), marks=() if crash in REPRESENTATIVE else rare) for crash in EVERY_CRASH]


def crash_of(item: pytest.Item) -> Crash | None:
    """The crash that a collected test asks about."""
    crash = (
        item.callspec.params.get("crash") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    )
    return crash if isinstance(crash, Crash) else None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def aftermaths(
    shaken: Engine, stack: LocalStack, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[Crash, Aftermath | BaseException]:
    """All crashes of this run, side by side, because most of a crash is waiting for the server to notice."""
    folder: Path = tmp_path_factory.mktemp("crashes")
    settings = {
        "CARDCASE_DATABASE_URL": shaken.database_url,
        "CARDCASE_KEY_FILE": str(sample_key_file(folder)),
        "CARDCASE_PROFILE": "local",
        "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(folder)),
        "CARDCASE_POOL_SIZE": "3",
        "TEMPORAL_ADDRESS": stack.temporal_address,
        "TEMPORAL_NAMESPACE": stack.namespace,
    }
    crashes = [crash for item in request.session.items if (crash := crash_of(item)) is not None]
    room = asyncio.Semaphore(AT_ONCE)

    async def one(crash: Crash) -> Aftermath:
        async with room:
            return await disturbed(shaken, crash, settings, folder / str(crash))

    found = await asyncio.gather(*(one(crash) for crash in crashes), return_exceptions=True)
    return dict(zip(crashes, found, strict=True))


async def test_a_life_has_exactly_the_steps_at_which_the_worker_is_killed(
    lives: dict[Saga, dict[int, Ledger]],
) -> None:
    for saga in Saga:
        final = lives[saga][len(STEPS[saga]) - 1]
        assert [f"{row[1]}" for row in sorted(final["transitions"])] == list(STEPS[saga])
    assert {crash.step for crash in REPRESENTATIVE if crash.saga is Saga.number_change} == set(
        STEPS[Saga.number_change]
    )


@pytest.mark.parametrize("crash", parameters())
async def test_a_worker_that_is_killed_leaves_all_or_nothing_and_the_next_one_does_the_rest_once(
    crash: Crash, aftermaths: dict[Crash, Aftermath | BaseException], lives: dict[Saga, dict[int, Ledger]]
) -> None:
    aftermath = aftermaths[crash]
    if isinstance(aftermath, BaseException):
        raise aftermath
    life = lives[crash.saga]
    assert aftermath.died_with == -SIGKILL
    assert aftermath.left == life[crash.version_left]
    assert aftermath.ended == life[max(life)]
    assert aftermath.outcome is not None
    assert aftermath.outcome.status is Status.done
    assert aftermath.seconds <= RECOVERY_SECONDS
    assert "never retrieved" not in aftermath.output
    for personal in (aftermath.person.name, aftermath.person.old, aftermath.person.new):
        assert personal not in aftermath.output
