"""An engine with a third kind of case: a namespace, a register and a worker of its own; nobody turns its clocks."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from temporalio.testing import TimeSkipper

from activities.calendar import official_calendar
from activities.registry import Registry
from activities.registry.pool import create_pool
from activities.sealing import KeyRing, Sealer
from activities.stamps import Stamps, TrustedKeys
from deploy.migrations import migrate
from intake.client import CaseClient
from runtime.search_attributes import ensure_search_attributes
from runtime.settings import Settings
from stack import LocalStack
from stack.issuer import Everybody, Issuer
from tests.engine import Engine, created_database, quiet_policies
from tests.namespaces import new_namespace
from tests.stamping import KEY
from tests.third.kind import entered, migrations
from tests.third.rules import packs

NAMESPACE = "third"


@pytest.fixture(scope="module", autouse=True)
def third_kind() -> Iterator[None]:
    with entered():
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def third(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """The engine as a release with a third kind would run."""
    url = await created_database(stack, "third")
    assert "9000" in await migrate(url, migrations(tmp_path_factory.mktemp("third") / "migrations"))
    client = await new_namespace(stack, NAMESPACE)
    await ensure_search_attributes(client)
    pool = await create_pool(url, size=10)
    try:
        sealer, stamps = Sealer(KeyRing.sample()), Stamps(TrustedKeys.sample(), NAMESPACE)
        registry = Registry(pool, sealer, stamps, packs(quiet_policies()), official_calendar)
        engine = Engine(client, TimeSkipper(client), pool, sealer, registry, url, Settings())
        async with engine.working():
            yield engine
    finally:
        await pool.close()


@pytest.fixture(scope="module")
def cases(third: Engine) -> CaseClient:
    """The typed client of a back-office system; the gate believes everybody to be who they say."""
    issuer = Issuer()
    stamping = Everybody(issuer, issuer.gate(KEY, NAMESPACE))
    return CaseClient(third.client, third.sealer, stamping=stamping)
