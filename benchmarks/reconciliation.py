"""What it costs to compare register and runs where many cases are open and none of them moves.

    python -m benchmarks.reconciliation [CASES]

Servers and a worker of its own are started, and one case is opened as people open it. So many like it (100,000 unless
told otherwise) are put beside it: rows of the register, and for each a run that Temporal shows as it shows the first,
at the version of its row, and of which nothing is asked for a month. Then the comparison of what moved, which looks
at what stands still as well, is fired again and again, and that of all cases once. Everything is synthetic. Exits with
1 where both together take more than 1 % of a core, or find a difference where there is none.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from temporalio.client import Client, ScheduleHandle
from temporalio.common import TypedSearchAttributes

from activities.registry.pool import Pool, connection_of, create_pool
from activities.sealing import KeyRing
from benchmarks.batches import each, person, register_of, stage_in
from benchmarks.comparison.programs import processor_seconds
from benchmarks.contestants.cardcase import CLERK
from cases.names import TASK_QUEUE_CASES, Kind
from cases.occasions import Reconciled, Scheduled
from intake.schedules import DEFINITIONS, apply
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.ending import end
from workflows.search_attributes import SEARCH_ATTRIBUTES

CASES: Final = 100_000
LOOKS: Final = 40
LOOKS_A_MINUTE: Final = 2
MINUTES_A_DAY: Final = 24 * 60
MOST: Final = 0.01
"""Of a core."""
COUNTED: Final = ("worker", "Temporal", "PostgreSQL")

_AT_REST: Final = timedelta(days=30)
_IDLE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 1.0
"""Each look at whether it is over costs the server something as well, which counts here."""
_PATIENCE_SECONDS: Final = 1800.0

TOKENS: Final = """
    CREATE TEMPORARY TABLE planted ON COMMIT DROP AS
    SELECT translate(left(md5(id::text) || md5('+' || id), 26), '0189', 'wxyz') AS token
    FROM generate_series(1, current_setting('cardcase.planted')::bigint) AS id
"""
PLANTED: Final = (
    """
    INSERT INTO cases
    SELECT (jsonb_populate_record(cases, jsonb_build_object(
        'case_id', left($1, 4) || token, 'person', token, 'person_id', NULL, 'number_token', token,
        'key', 'key-' || token, 'moved_at', moved_at - interval '1 hour', 'opened_at', opened_at - interval '1 hour'
    ))).*
    FROM cases, planted WHERE case_id = $1
    """,
    """
    INSERT INTO case_files
    SELECT (jsonb_populate_record(case_files, jsonb_build_object('case_id', left($1, 4) || token))).*
    FROM case_files, planted WHERE case_id = $1
    """,
    """
    INSERT INTO transitions
    SELECT (jsonb_populate_record(
        transitions, jsonb_build_object('case_id', left($1, 4) || token, 'stamp', stamp || token)
    )).*
    FROM transitions, planted WHERE case_id = $1
    """,
)

Answer = TypeVar("Answer")


class Spent(NamedTuple):
    """Processor seconds, by process."""

    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """Of all of them."""
        return sum(self.seconds.values())

    def less(self, idle: "Spent", times: float) -> "Spent":
        """What is left without what they take anyway."""
        return Spent({name: seconds - idle.seconds[name] * times for name, seconds in self.seconds.items()})

    def of_each(self, times: int) -> str:
        """In words."""
        shares = ", ".join(f"{name} {seconds * 1000 / times:.1f}" for name, seconds in self.seconds.items())
        return f"{self.total * 1000 / times:.1f} ms ({shares})"


async def spent(pids: Mapping[str, int], doing: Awaitable[Answer]) -> tuple[Answer, Spent, float]:
    """What something answers, what the processes take meanwhile, and how many seconds it takes."""
    loop = asyncio.get_running_loop()
    before, begun = {name: processor_seconds(pids[name]) for name in COUNTED}, loop.time()
    answer = await doing
    seconds = loop.time() - begun
    return answer, Spent({name: processor_seconds(pids[name]) - before[name] for name in COUNTED}), seconds


async def plant(pool: Pool, like: str, cases: int) -> list[str]:
    """Put so many cases beside one in the register; their IDs."""
    async with connection_of(pool) as connection, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '10min'")
        await connection.execute("SELECT set_config('cardcase.planted', $1, true)", str(cases))
        await connection.execute(TOKENS, timeout=600)
        for statement in PLANTED:
            await connection.execute(statement, like, timeout=600)
        await connection.execute("ANALYZE", timeout=600)
        rows = await connection.fetch("SELECT case_id FROM cases WHERE case_id <> $1", like, timeout=60)
    return [row["case_id"] for row in rows]


async def run_each(client: Client, like: str, cases: list[str]) -> None:
    """A run for each case that shows what the run of one shows, and to which nothing happens for a month."""
    shown = (await client.get_workflow_handle(like).describe()).typed_search_attributes
    ours = TypedSearchAttributes([pair for pair in shown if pair.key.name in SEARCH_ATTRIBUTES])

    async def begin(case: str) -> None:
        await client.start_workflow(
            Kind.card_replacement.value,
            id=case,
            task_queue=TASK_QUEUE_CASES,
            search_attributes=ours,
            start_delay=_AT_REST,
        )

    await each(cases, begin)


async def until_shown(client: Client, runs: int) -> None:
    """Wait until Temporal finds so many runs of cases."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (await client.count_workflows(f"WorkflowType = '{Kind.card_replacement.value}'")).count < runs:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(_POLL_SECONDS)


async def look(schedule: ScheduleHandle, times: int) -> None:
    """Fire the comparison of what moved, one after the other."""
    for _ in range(times):
        fired = (await schedule.describe()).info.num_actions
        await schedule.trigger()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while (info := (await schedule.describe()).info).num_actions == fired or info.running_actions:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(_POLL_SECONDS)


async def compare_all(client: Client) -> Reconciled:
    """Compare all cases, as every night."""
    answer: Reconciled = await client.execute_workflow(
        Scheduled.full_reconciliation.value,
        id="full-reconciliation-measured",
        task_queue=TASK_QUEUE_CASES,
        result_type=Reconciled,
    )
    return answer


async def measure(cases: int) -> int:
    """Measure and print. Answers the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        async with stage_in(Path(folder), [person(0)]) as (door, pids):
            keys = KeyRing.load(Path(door.settings["CARDCASE_KEY_FILE"]))
            client = await connect(
                PayloadSealer(keys), door.settings["TEMPORAL_ADDRESS"], door.settings["TEMPORAL_NAMESPACE"]
            )
            job = await door.hand_in("/v1/registers", CLERK, register_of([person(0)]))
            (like,) = await door.cases_of(job, CLERK)
            async with await create_pool(door.settings["CARDCASE_DATABASE_URL"]) as pool:
                planted = await plant(pool, like, cases)
            _, opening, seconds = await spent(pids, run_each(client, like, planted))
            print(f"{cases} runs began in {seconds:.0f} s, {opening.of_each(cases)} each")
            await until_shown(client, cases + 1)
            (definition,) = (each for each in DEFINITIONS if each.workflow is Scheduled.reconciliation)
            await apply(client, [definition])
            schedule = client.get_schedule_handle(definition.id)
            await schedule.pause()
            await look(schedule, 1)
            _, idle, idle_seconds = await spent(pids, asyncio.sleep(_IDLE_SECONDS))
            print(f"at rest: {idle.of_each(round(idle_seconds))} a second")
            _, looking, seconds = await spent(pids, look(schedule, LOOKS))
            looking = looking.less(idle, seconds / idle_seconds)
            print(f"a look at what moved and at what stands still: {looking.of_each(LOOKS)}")
            answer, night, seconds = await spent(pids, compare_all(client))
            night = night.less(idle, seconds / idle_seconds)
            print(f"a comparison of all, {seconds:.0f} s: {night.of_each(1)}")
            print(answer.model_dump_json(exclude={"mark", "seal"}))
    minute = looking.total / LOOKS * LOOKS_A_MINUTE + night.total / MINUTES_A_DAY
    print(f"together {minute / 60:.2%} of a core, where {MOST:.0%} is allowed")
    return 0 if minute / 60 <= MOST and answer.agrees and answer.compared > cases else 1


if __name__ == "__main__":
    end(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)))
