"""`python worker.py`: starts in order, says how it is, ends with a status, and never with a traceback or a secret."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stack import LocalStack
from stack.ports import LOOPBACK
from tests.engine import created_database, migrated_database
from tests.nursery import forked_worker
from tests.worker_process import WorkerProcess, sample_key_file, sample_trust_file, worker_process

pytestmark = pytest.mark.servers

PLANTED = "hunter2-planted"
NOWHERE = "127.0.0.1:1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def settings(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a worker needs to run, on a register of its own."""
    url = await migrated_database(stack, "worker")
    return {
        "CARDCASE_DATABASE_URL": url,
        "CARDCASE_KEY_FILE": str(sample_key_file(tmp_path_factory.mktemp("keys"))),
        "CARDCASE_PROFILE": "local",
        "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(tmp_path_factory.mktemp("keys"))),
        "CARDCASE_HEALTH_PORT": "0",
        "TEMPORAL_ADDRESS": stack.temporal_address,
        "TEMPORAL_NAMESPACE": stack.namespace,
    }


async def status_of(settings: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The exit status and the output of a worker that ends by itself."""
    async with forked_worker(settings, *arguments) as worker:
        status = await worker.ends()
    assert "Traceback" not in worker.output
    assert PLANTED not in worker.output
    return status, worker.output


async def test_a_wrong_configuration_ends_with_78_and_tells_every_problem() -> None:
    status, output = await status_of(
        {
            "CARDCASE_DATABASE_URL": f"mysql://u:{PLANTED}@h/db",
            "CARDCASE_POOL_SIZE": PLANTED,
            "CARDCASE_HEALTH_PROT": PLANTED,
            "LC_ALL": "C",
        }
    )
    assert status == 78
    assert [line.split(":")[0] for line in output.splitlines()] == [
        "CARDCASE_HEALTH_PROT",
        "CARDCASE_DATABASE_URL",
        "CARDCASE_KEY_FILE",
        "CARDCASE_STAMP_TRUST_FILE",
        "CARDCASE_POOL_SIZE",
    ]


async def test_the_published_sample_keys_end_a_production_worker_with_78(settings: dict[str, str]) -> None:
    status, output = await status_of({**settings, "CARDCASE_PROFILE": "production"})
    assert status == 78
    assert "CARDCASE_KEY_FILE: holds a published sample key" in output
    assert "CARDCASE_STAMP_TRUST_FILE: holds the published sample key" in output


async def test_a_register_and_a_temporal_that_cannot_be_reached_end_with_69(settings: dict[str, str]) -> None:
    away = f"postgresql://u:{PLANTED}@{NOWHERE}/cardcase"
    status, output = await status_of({**settings, "CARDCASE_DATABASE_URL": away, "TEMPORAL_ADDRESS": NOWHERE})
    assert status == 69
    assert [line.split(":")[0] for line in output.splitlines() if not line.startswith("{")] == [
        "CARDCASE_DATABASE_URL",
        "TEMPORAL_ADDRESS",
    ]


async def test_an_empty_register_and_an_unknown_namespace_end_with_78(
    settings: dict[str, str], stack: LocalStack
) -> None:
    empty = await created_database(stack, "worker_empty")
    status, output = await status_of({**settings, "CARDCASE_DATABASE_URL": empty, "TEMPORAL_NAMESPACE": "nobodys"})
    assert status == 78
    assert "python -m deploy.migrations" in output
    assert "TEMPORAL_NAMESPACE: does not exist" in output


async def test_a_health_port_that_is_taken_ends_with_78(settings: dict[str, str]) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        taken = listener.getsockname()[1]
        status, output = await status_of({**settings, "CARDCASE_HEALTH_PORT": str(taken)})
    assert status == 78
    assert "CARDCASE_HEALTH_PORT: cannot be listened on" in output


async def test_a_wrong_command_line_ends_with_64_and_is_not_repeated() -> None:
    status, output = await status_of({}, "--verify", PLANTED)
    assert status == 64
    assert "usage" in output


async def test_a_check_ends_with_0_where_everything_is_in_place(settings: dict[str, str]) -> None:
    status, output = await status_of(settings, "--check")
    assert status == 0
    assert "everything is in place" in output


@pytest_asyncio.fixture
async def running(settings: dict[str, str]) -> AsyncIterator[WorkerProcess]:
    async with worker_process(settings) as worker:
        yield worker


async def test_a_worker_is_alive_before_it_is_ready_and_stops_when_told(
    running: WorkerProcess, settings: dict[str, str]
) -> None:
    assert await running.health("/live") == 200
    await running.says("ready")
    assert await running.health("/ready") == 200
    running.terminate()
    assert await running.ends() == 0
    said = [line["event"] for line in running.lines if line["logger"] == "worker"]
    assert said == ["health is served", "ready", "draining", "stopped"]
    assert settings["CARDCASE_DATABASE_URL"] not in running.output


async def test_a_worker_is_not_ready_while_it_cannot_work(settings: dict[str, str]) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        away = f"postgresql://u:{PLANTED}@{LOOPBACK}:{silent.getsockname()[1]}/cardcase"
        async with forked_worker({**settings, "CARDCASE_DATABASE_URL": away}) as worker:
            assert await worker.health("/live") == 200
            assert await worker.health("/ready") == 503
            assert await worker.ends() == 69
    assert PLANTED not in worker.output


async def test_several_processes_are_ready_together_and_end_together(settings: dict[str, str]) -> None:
    async with worker_process(settings, "--processes", "2") as workers:
        async with asyncio.timeout(50):
            while await workers.health("/ready") != 200:
                pass
        workers.terminate()
        assert await workers.ends() == 0
        # What each said is all there now.
        assert sum(line.get("event") == "ready" for line in workers.lines) == 2
        assert sum(line.get("event") == "stopped" for line in workers.lines) == 2


async def test_a_wrong_configuration_ends_all_of_several(settings: dict[str, str]) -> None:
    missing = {name: value for name, value in settings.items() if name != "CARDCASE_KEY_FILE"}
    status, _ = await status_of(missing, "--processes", "2")
    assert status == 78


@pytest.mark.parametrize("count", ["0", "65", "many"])
async def test_so_many_processes_are_wrong_usage(settings: dict[str, str], count: str) -> None:
    status, _ = await status_of(settings, "--processes", count)
    assert status == 64
