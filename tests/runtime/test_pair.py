"""A process that starts on a register and a Temporal that do not belong together says so and does not work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.calendar import official_calendar
from activities.campaign import Campaign
from activities.reconciliation import Reconciler
from activities.reconciliation.pairing import Misfit, Ours, Pairing, Remembered, Seal, beat, hold, misfit_of, paired
from activities.registry.pool import Pool
from activities.supervision import Supervision
from cases.occasions import Mark, Reconciled, Scheduled
from intake.schedules import DEFINITIONS, apply
from runtime.worker import cases_worker, scheduled_activities
from stack import LocalStack
from tests.engine import Engine, engine_on, quiet_policies
from tests.namespaces import new_namespace, until
from tests.nursery import forked_worker
from tests.worker_process import sample_key_file, sample_trust_file

pytestmark = pytest.mark.servers

RECONCILIATION = [each for each in DEFINITIONS if each.workflow is Scheduled.reconciliation]


saying: list[Reconciled] = []
"""What somebody says in the name of the reconciliation."""


@workflow.defn(name=Scheduled.reconciliation.value, sandboxed=False)
class Saying:
    """A workflow in the place of the reconciliation."""

    @workflow.run
    async def run(self) -> Reconciled:
        """Say what somebody likes."""
        return saying[0]


@dataclass
class Office:
    """A register and a Temporal that have come together, and the settings of a process that starts on both."""

    engine: Engine
    settings: dict[str, str]

    @property
    def pool(self) -> Pool:
        return self.engine.pool

    @property
    def client(self) -> Client:
        return self.engine.client

    @asynccontextmanager
    async def reconciling(self) -> AsyncIterator[None]:
        """Somebody works, and compares when the schedule fires."""
        scheduled = scheduled_activities(
            Supervision(self.pool, official_calendar),
            Campaign(self.pool, self.client, quiet_policies(), official_calendar),
            Reconciler(self.pool, self.client),
        )
        async with cases_worker(self.client, self.engine.registry, self.engine.settings, scheduled=scheduled):
            yield

    async def beats(self) -> Mark | None:
        """The schedule fires once; what Temporal remembers then."""
        before = await answers_of(self.client)
        await self.client.get_schedule_handle(Scheduled.reconciliation.schedule).trigger()

        async def one_more() -> bool:
            return await answers_of(self.client) > before

        await until(one_more)
        return await self.remembered()

    async def remembered(self) -> Mark | None:
        """What Temporal remembers of the register."""
        return (await paired(self.pool, self.client)).remembered.mark

    async def is_answered_by_somebody(self, answer: Reconciled) -> None:
        """The schedule fires, and somebody who has taken its task answers in the name of the reconciliation."""
        saying[:] = [answer]
        before = await answers_of(self.client)
        async with Worker(
            self.client, task_queue="cases", workflows=[Saying], workflow_runner=UnsandboxedWorkflowRunner()
        ):
            await self.client.get_schedule_handle(Scheduled.reconciliation.schedule).trigger()

            async def one_more() -> bool:
                return await answers_of(self.client) > before

            await until(one_more)

    async def starts(self, namespace: str | None = None) -> tuple[int, list[str]]:
        """The exit status of a worker that only looks whether it may start, and what it complains of."""
        settings = self.settings | ({} if namespace is None else {"TEMPORAL_NAMESPACE": namespace})
        async with forked_worker(settings, "--check") as worker:
            status = await worker.ends()
        return status, [line for line in worker.output.splitlines() if not line.startswith("{")]


async def answers_of(client: Client) -> int:
    answered = f"WorkflowType = '{Scheduled.reconciliation.value}' AND ExecutionStatus = 'Completed'"
    return (await client.count_workflows(answered)).count


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("pair")
    client = await new_namespace(stack, "pair")
    async with engine_on(stack, "pair") as engine:
        settings = {
            "CARDCASE_DATABASE_URL": engine.database_url,
            "CARDCASE_KEY_FILE": str(sample_key_file(folder)),
            "CARDCASE_PROFILE": "local",
            "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(folder)),
            "TEMPORAL_ADDRESS": stack.temporal_address,
            "TEMPORAL_NAMESPACE": client.namespace,
        }
        yield Office(replace(engine, client=client), settings)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def together(office: Office) -> Office:
    """Both have come some beats far."""
    assert await office.starts() == (0, [])
    # What fires by itself would count along.
    await apply(office.client, RECONCILIATION)
    await office.client.get_schedule_handle(Scheduled.reconciliation.schedule).pause()
    async with office.reconciling():
        first, second = await office.beats(), await office.beats()
    assert first is not None
    assert second == Mark(epoch=first.epoch, beat=first.beat + 1)
    return office


@asynccontextmanager
async def register_with(office: Office, table: str, change: str) -> AsyncIterator[None]:
    """The register as it was, or will be, at another moment."""
    (before,) = await office.pool.fetch(f"SELECT * FROM {table}")  # noqa: S608 - tables of ours
    await office.pool.execute(f"UPDATE {table} SET {change}")  # noqa: S608 - tables of ours
    try:
        yield
    finally:
        columns = [name for name in before.keys() if name != "is_one"]  # noqa: SIM118 - a record's keys
        values = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, 1))
        await office.pool.execute(f"UPDATE {table} SET {values}", *(before[name] for name in columns))  # noqa: S608 - its columns


async def test_what_belongs_together_may_start(together: Office) -> None:
    assert await together.starts() == (0, [])


async def test_who_died_between_both_sides_starts_again(together: Office) -> None:
    async with register_with(together, "pair", "beat = beat + 1"):
        assert await together.starts() == (0, [])


async def test_a_first_beat_of_which_temporal_never_heard_is_counted_again(together: Office) -> None:
    async with register_with(together, "pair", "beat = 1"):
        for _ in range(2):
            ours = Ours(
                epoch=EPOCH, moved=False, beat=await together.pool.fetchval("SELECT beat FROM pair"), told_over=None
            )
            assert misfit_of(Remembered(None), ours) is None
            counted = await beat(together.pool, Pairing(Remembered(None), ours, None, Seal(None)))
            assert counted == Mark(epoch=EPOCH, beat=1)


@pytest.mark.parametrize(
    ("table", "change", "misfit"),
    [
        ("pair", "beat = beat - 1", Misfit.register_older),
        ("pair", "beat = beat + 2", Misfit.temporal_older),
        ("feed_state", "belongs_to = '7.00000001.5'", Misfit.elsewhere),
        ("feed_state", "epoch = 'abcdefghij'", Misfit.elsewhere),
    ],
    ids=["an older register", "an older Temporal", "a register restored to a moment", "another register"],
)
async def test_what_does_not_fit_ends_with_78_and_names_the_command(
    together: Office, table: str, change: str, misfit: Misfit
) -> None:
    async with register_with(together, table, change):
        status, complaints = await together.starts()
    assert status == 78
    (complaint,) = complaints
    assert complaint.startswith(f"register and Temporal: {misfit.value}. ")
    assert "starter.py reconcile register-holds --all" in complaint


async def test_an_empty_temporal_under_a_register_ends_with_78(together: Office, stack: LocalStack) -> None:
    await new_namespace(stack, "pair-empty")
    status, complaints = await together.starts("pair-empty")
    assert status == 78
    assert [Misfit.temporal_empty.value in complaint for complaint in complaints] == [True]


async def sealed_before(office: Office) -> Reconciled:
    """What the register itself answered a run that is over."""
    of_ours = f"WorkflowType = '{Scheduled.reconciliation.value}' AND ExecutionStatus = 'Completed'"
    async for run in office.client.list_workflows(of_ours):
        handle = office.client.get_workflow_handle(run.id, run_id=run.run_id, result_type=Reconciled)
        answer: Reconciled = await handle.result()
        if answer.seal is not None and answer.mark is not None:
            return answer
    raise AssertionError("the register has sealed none")


@pytest.mark.parametrize(
    "said",
    [
        Reconciled(compared=0),
        Reconciled(compared=0, mark=Mark(epoch="abcdefghij", beat=5)),
        Reconciled(compared=0, mark=Mark(epoch="abcdefghij", beat=5), seal="0" * 64),
    ],
    ids=["nothing", "another register", "a seal of their own"],
)
async def test_what_somebody_answers_in_the_name_of_the_reconciliation_keeps_nobody_from_starting(
    together: Office, said: Reconciled
) -> None:
    """One answer with a beat of somebody's choice, and every process ended with 78."""
    remembered = await together.remembered()
    await together.is_answered_by_somebody(said)
    assert await together.remembered() == remembered
    assert await together.starts() == (0, [])


async def test_nor_does_a_beat_to_come_or_an_old_answer_that_somebody_repeats(together: Office) -> None:
    remembered, before = await together.remembered(), await sealed_before(together)
    assert remembered is not None
    to_come = remembered.model_copy(update={"beat": remembered.beat + 1000})
    async with together.reconciling():
        last = await together.beats()
    for said in (before, Reconciled(compared=0, mark=to_come), before.model_copy(update={"mark": to_come})):
        await together.is_answered_by_somebody(said)
        assert await together.remembered() == last
    assert await together.starts() == (0, [])
    async with together.reconciling():
        assert last is not None
        assert await together.beats() == Mark(epoch=last.epoch, beat=last.beat + 1), "and it counts on"


async def test_a_register_that_somebody_says_holds_is_followed(together: Office) -> None:
    async with register_with(together, "feed_state", "epoch = epoch"):
        await together.pool.execute("UPDATE pair SET beat = beat - 1")
        async with together.reconciling():
            remembered = await together.remembered()
            assert await together.beats() == remembered, "a pair that does not fit is counted no further"
            await hold(together.pool, await paired(together.pool, together.client))
            assert await together.starts() == (0, [])
            followed = await together.beats()
            assert followed is not None
            assert remembered is not None
            assert followed.epoch != remembered.epoch, "places that readers had mean something else now"
            assert await together.starts() == (0, [])
            await together.beats()
            assert (await paired(together.pool, together.client)).misfit is None
            assert await together.pool.fetchval("SELECT told_over FROM pair") is None


def test_on_the_schema_of_the_release_before_nothing_is_sealed_and_the_newest_answer_counts() -> None:
    nothing, some = Seal(None), Seal(bytes(32))
    answer = Reconciled(compared=0, mark=Mark(epoch="abcdefghij", beat=5))
    assert nothing.of(answer.mark, "run") is None
    assert nothing.is_on(answer, "run")
    assert not some.is_on(answer, "run")
    sealed = answer.model_copy(update={"seal": some.of(answer.mark, "run")})
    assert some.is_on(sealed, "run")
    assert not some.is_on(sealed, "another run")


EPOCH = "abcdefghij"
AT_FIVE = Mark(epoch=EPOCH, beat=5)


def register(beat: int, *, epoch: str = EPOCH, told_over: str | None = None, moved: bool = False) -> Ours:
    """What a register remembers."""
    return Ours(epoch, moved, beat, told_over)


@pytest.mark.parametrize(
    ("remembered", "ours", "misfit"),
    [
        (Remembered(None), register(0), None),
        (Remembered(None), register(1), None),
        (Remembered(None), register(2), Misfit.temporal_empty),
        (Remembered(None), register(5), Misfit.temporal_empty),
        (Remembered(None, is_forgotten=True), register(5), None),
        (Remembered(None), register(5, told_over="none"), None),
        (Remembered(AT_FIVE), register(5, told_over="none"), None),
        (Remembered(AT_FIVE), register(4, told_over="none"), Misfit.register_older),
        (Remembered(AT_FIVE), register(4, told_over="abcdefghij/5"), None),
        (Remembered(AT_FIVE), register(4, told_over="abcdefghij/6"), Misfit.register_older),
        (Remembered(AT_FIVE), register(0), Misfit.register_older),
        (Remembered(AT_FIVE), register(6), None),
        (Remembered(AT_FIVE), register(7), Misfit.temporal_older),
        (Remembered(AT_FIVE), register(5, told_over="abcdefghij/5", moved=True), Misfit.elsewhere),
        (Remembered(AT_FIVE), register(5, epoch="jihgfedcba"), Misfit.elsewhere),
    ],
)
def test_both_sides_are_compared(remembered: Remembered, ours: Ours, misfit: Misfit | None) -> None:
    assert misfit_of(remembered, ours) is misfit


def test_a_register_that_remembers_less_lacks_a_beat() -> None:
    for counted, lacks in ((4, True), (5, False)):
        ours = register(counted, epoch="jihgfedcba")
        assert Pairing(Remembered(AT_FIVE), ours, Misfit.elsewhere, Seal(None)).lacks_a_beat is lacks
