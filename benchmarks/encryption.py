"""What sealing payloads costs: cases a second in clear, sealed by AES-256-GCM, and sealed by SM4-GCM, in one run.

    python -m benchmarks.encryption [ROUNDS]

One Temporal and one PostgreSQL of its own; each of the three ways has a namespace, a client and a worker that stay. In
each round (90 unless told otherwise), which takes about two seconds, some synthetic cases are opened, verified and done
in each way, in each order equally often, so that whatever else the machine does falls on all of them. A way is compared
with the one in clear of the same round; what is lost is the median of that, with the interval in which it lies 95 times
in 100. Beside it stands the processor time that client and worker took for a case. Exits with 1 where sealing costs
more than its bound.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count, cycle, islice, permutations
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.calendar import official_calendar
from activities.registry import Registry
from activities.registry.loading import InsuredPerson, load_persons
from activities.registry.pool import Pool, create_pool
from activities.sealing import KeyRing, Sealer
from activities.stamps import Stamps, TrustedKeys
from cases.documents import DocumentKind
from cases.facts import VerifyDocuments
from cases.models import Actor, Role
from cases.names import Kind
from cases.numbers import derive
from cases.policy import Policies
from deploy.migrations import migrate
from gate.stamp_keys import SigningKey
from intake.applications import ApplicationDocument, NumberChangeApplication
from intake.client import CaseClient
from runtime.algorithms import Algorithm
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.ending import end
from runtime.search_attributes import ensure_search_attributes
from runtime.settings import Settings
from runtime.worker import cases_worker
from stack import LocalStack
from stack.issuer import Everybody, Issuer
from workflows.search_attributes import SEARCH_ATTRIBUTES

ROUNDS: Final = 90
CASES: Final = 12
"""Of one way in one round."""
AT_A_TIME: Final = 8
CONNECTIONS: Final = 10
REGION: Final = "440103"
"""Where nobody is waited for between verification and end."""

IN_CLEAR: Final = "in clear"
WAYS: Final = {
    IN_CLEAR: None,
    "AES-256-GCM": PayloadSealer(KeyRing.sample(), [Algorithm.aes_256_gcm]),
    "SM4-GCM": PayloadSealer(KeyRing.sample(), [Algorithm.sm4_gcm]),
}
BOUNDS: Final = {"AES-256-GCM": 0.05, "SM4-GCM": 0.10}
"""Shares of the throughput in clear that may be lost."""

CLERK: Final = Actor(id="clerk-1", role=Role.clerk, office=REGION)
VERIFIER: Final = Actor(id="clerk-2", role=Role.clerk, office=REGION)
ID_CARD: Final = ApplicationDocument(
    kind=DocumentKind.resident_id_card, uri="doc://sample/1", media_type="image/png", size=4096, sha256="1" * 64
)


class Measured(NamedTuple):
    """One way in one round."""

    cases_per_second: float
    processor_ms_per_case: float


Measuring = Callable[[], Awaitable[Measured]]


class Bench:
    """A register, and people who have not applied yet."""

    def __init__(self, stack: LocalStack, pool: Pool) -> None:
        self._stack = stack
        self._pool = pool
        self._sealer = Sealer(KeyRing.sample())
        self._people = count(1)

    @asynccontextmanager
    async def opened(self, way: str) -> AsyncIterator[Measuring]:
        """A namespace, a client and a worker of one way, and what measures it. The first cases pay for imports."""
        client = await self._namespace(way)
        stamps = Stamps(TrustedKeys.sample(), client.namespace)
        registry = Registry(self._pool, self._sealer, stamps, Policies.load(), official_calendar)
        agency = self._agency(client)
        async with cases_worker(client, registry, Settings(pool_size=CONNECTIONS)):
            await self._measured(agency, client)
            yield partial(self._measured, agency, client)

    async def _namespace(self, way: str) -> Client:
        client = await connect(WAYS[way], self._stack.temporal_address, way.replace(" ", "-"))
        retention = Duration(seconds=86_400)
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=retention)
        )
        while True:
            try:
                await ensure_search_attributes(client)
            except RPCError as unknown:
                if unknown.status is not RPCStatusCode.NOT_FOUND:
                    raise
                # The server tells its own caches; there is no event to wait for.
                await asyncio.sleep(0.1)
            else:
                return client

    async def _measured(self, agency: CaseClient, client: Client) -> Measured:
        """Open and finish some cases in one way."""
        applications = await self._applications()
        places = asyncio.Semaphore(AT_A_TIME)

        async def one(application: NumberChangeApplication) -> None:
            async with places:
                await self._whole_case(agency, client, application)

        began, worked = time.perf_counter(), time.process_time()
        await asyncio.gather(*map(one, applications))
        took, working = time.perf_counter() - began, time.process_time() - worked
        return Measured(CASES / took, working / CASES * 1000)

    def _agency(self, client: Client) -> CaseClient:
        issuer = Issuer()
        everybody = Everybody(issuer, issuer.gate(SigningKey.sample(), client.namespace))
        return CaseClient(client, self._sealer, stamping=everybody)

    async def _applications(self) -> list[NumberChangeApplication]:
        old = {next(self._people): "" for _ in range(CASES)}
        for each in old:
            # Fifteen digits: the division, a birth date of the years 1900 to 1929, a sequence.
            old[each] = f"440103{each % 30:02}{each % 12 + 1:02}{each % 28 + 1:02}{each // 30 % 900 + 100:03}"
        people = [
            InsuredPerson(
                personal_number=f"T{each:07}", source_version=1, name=f"合成人{each}", number=number, region=REGION
            )
            for each, number in old.items()
        ]
        loaded = await load_persons(self._pool, self._sealer, people)
        if loaded.loaded != len(people):
            raise RuntimeError("a person of the benchmark could not be loaded")
        return [
            NumberChangeApplication(
                kind=Kind.id_number_change,
                personal_number=f"T{each:07}",
                name=f"合成人{each}",
                new_number=derive(number),
                region=REGION,
                submitter=CLERK,
                documents=(ID_CARD,),
            )
            for each, number in old.items()
        ]

    async def _whole_case(self, agency: CaseClient, client: Client, application: NumberChangeApplication) -> None:
        receipt = await agency.open(application)
        verified = VerifyDocuments(actor=VERIFIER, original_seen=True, copies=(ID_CARD.sha256,))
        await agency.tell(receipt.case_id, verified)
        await client.get_workflow_handle(receipt.case_id).result()


def judged(rounds: dict[str, list[Measured]]) -> bool:
    """Print what each way costs and whether it keeps within its bound; answers whether all do."""
    print(f"{'':12} {'cases/s':>8} {'lost':>7} {'95 % of it':>16} {'bound':>6} {'CPU ms/case':>12}")
    within = True
    for way, measured in rounds.items():
        speed = statistics.median(each.cases_per_second for each in measured)
        processor = statistics.median(each.processor_ms_per_case for each in measured)
        losses = [
            1 - each.cases_per_second / clear.cases_per_second
            for each, clear in zip(measured, rounds[IN_CLEAR], strict=True)
        ]
        lost = statistics.median(losses)
        low, high = _interval(losses)
        bound = f"{BOUNDS[way]:.0%}" if way in BOUNDS else ""
        print(f"{way:12} {speed:8.1f} {lost:7.1%} {f'{low:.1%} to {high:.1%}':>16} {bound:>6} {processor:12.1f}")
        within &= lost <= BOUNDS.get(way, 1)
    return within


def _interval(losses: Sequence[float]) -> tuple[float, float]:
    """Where the median of so many rounds would lie 95 times in 100, drawn again and again from these (bootstrap)."""
    chance = random.Random(1)  # noqa: S311 - the same figures give the same interval
    medians = sorted(statistics.median(chance.choices(losses, k=len(losses))) for _ in range(2000))
    return medians[50], medians[-51]


async def main(arguments: Sequence[str]) -> int:
    """Measure, print, judge."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    measured: dict[str, list[Measured]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="cardcase-benchmark-") as folder:
        async with LocalStack(Path(folder), search_attributes=SEARCH_ATTRIBUTES) as stack:
            await migrate(stack.database_url)
            async with await create_pool(stack.database_url, size=CONNECTIONS) as pool:
                bench = Bench(stack, pool)
                async with AsyncExitStack() as open_ways:
                    measuring = {way: await open_ways.enter_async_context(bench.opened(way)) for way in WAYS}
                    for order in islice(cycle(permutations(WAYS)), rounds):
                        for way in order:
                            measured[way].append(await measuring[way]())
    return 0 if judged(measured) else 1


if __name__ == "__main__":
    end(asyncio.run(main(sys.argv[1:])))
