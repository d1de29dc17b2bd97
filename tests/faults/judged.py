"""An engine whose callers keep a log, and whose cases the one checker judges when everything is over."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import asyncpg

from cases.names import TASK_QUEUE_CASES
from cases.occasions import Scheduled
from stack.receivers import Receivers
from tests.engine import Engine
from tests.faults.calling import CallingEngine
from tests.faults.checker.evidence import LOGS, OPENED, Evidence, Run, Said, Trouble, now
from tests.faults.checker.invariants import Checked, check, until_emptied
from tests.faults.site import LONG_TASK, SECRET, Ledger
from tests.worker_process import WorkerProcess

BY_DAY: Final = "tests.faults.worker_by_day"
"""A program that sends messages whatever time of day it is."""


@dataclass(frozen=True)
class Judged:
    """What is written down while tests do to servers, workers and providers what they are about."""

    engine: CallingEngine
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of workers: whose receivers of messages keep a ledger."""

    @classmethod
    @asynccontextmanager
    async def of(cls, engine: Engine, folder: Path, scenario: str) -> AsyncIterator[Self]:
        """Callers of an engine, and receivers, that keep what they said and heard in a folder."""
        evidence = begun(engine, folder, scenario)
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(SECRET, encoding="ascii")
        async with Receivers(Ledger(evidence), token=SECRET) as receivers:
            settings = {
                "CARDCASE_SMS_URL": receivers.sms_url,
                "CARDCASE_SMS_TOKEN_FILE": str(secret),
                "CARDCASE_SMS_PER_SECOND": "500",
            }
            yield cls(CallingEngine.of(engine, evidence), settings)

    @property
    def evidence(self) -> Evidence:
        return self.engine.evidence

    @asynccontextmanager
    async def heard(self, working: AbstractAsyncContextManager[WorkerProcess]) -> AsyncIterator[WorkerProcess]:
        """A worker, and what it said is written down when it has ended."""
        async with working as worker:
            yield worker
        path = self.evidence.folder / LOGS / f"worker-{worker.process.pid}.log"
        path.write_text(worker.output, encoding="utf-8")

    @asynccontextmanager
    async def trouble(
        self, fault: str, *, stops: bool = False, fails_tasks: tuple[str, ...] = ()
    ) -> AsyncIterator[None]:
        """Whatever is done to anybody for the length of a block."""
        begun_at = now()
        try:
            yield
        finally:
            self.evidence.write(
                Trouble(
                    fault=fault,
                    begun_at=begun_at,
                    ended_at=now(),
                    stops=stops,
                    says=(LONG_TASK,),
                    fails_tasks=fails_tasks,
                )
            )

    async def swept_and_checked(self) -> Checked:
        """The same, while a worker works by day (`BY_DAY`) and no schedule has it sweep."""
        # What a worker had taken up that is gone would wait for the end of its lease, and for another sweep.
        await self.engine.pool.execute(
            "UPDATE notifications SET next_attempt_at = clock_timestamp() WHERE state = 'pending'"
        )
        await self.engine.client.execute_workflow(
            Scheduled.notification_sweep.value, id="sweep-before-it-is-judged", task_queue=TASK_QUEUE_CASES
        )
        return await self.checked()

    async def checked(self) -> Checked:
        """What the checker finds of the cases that were opened, while somebody works."""
        calls = self.evidence.calls()
        cases = {call.case_id for call in calls if call.act == OPENED and call.answer is Said.ok and call.case_id}
        register = await asyncpg.connect(self.engine.database_url)
        try:
            await until_emptied(self.evidence, register, sorted(cases))
            return await check(self.evidence, register, self.engine.client, cases=cases)
        finally:
            await register.close()


def begun(engine: Engine, folder: Path, scenario: str) -> Evidence:
    """An empty folder of evidence, with what it is about."""
    evidence = Evidence(folder / "evidence")
    evidence.write_run(
        Run(
            scenario=scenario,
            seed=0,
            database_url=engine.database_url,
            temporal_address=engine.client.service_client.config.target_host,
            namespace=engine.client.namespace,
            begun_at=now(),
        )
    )
    return evidence
