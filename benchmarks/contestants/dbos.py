"""`dbos`: the same case on DBOS, whose workflows live in the process that callers ask, and their state in PostgreSQL.

Callers speak HTTP with it, as back offices would. Each step is a transaction of its data source, so that step and
checkpoint commit together; what callers wait for is an event of the workflow, and its result.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

import aiohttp
from aiohttp import web
from dbos import DBOS, AsyncSQLAlchemyDatasource, SetWorkflowID, WorkflowHandleAsync
from sqlalchemy import text

from benchmarks.contestants.register import AUDIT, CONNECTIONS, STEPS
from benchmarks.contestants.telling import Gateway, gateway_at

CLERK: Final = "clerk-1"
VERIFIER: Final = "clerk-2"
_HOST: Final = "127.0.0.1"
_POLL_SECONDS: Final = 0.05
_TOPIC: Final = "verified"
_PATIENCE_SECONDS: Final = 86_400.0


class Application:
    """What the case does."""

    def __init__(self, datasource: AsyncSQLAlchemyDatasource, gateway: Gateway) -> None:
        self._datasource = datasource
        self._running: dict[str, WorkflowHandleAsync[str]] = {}

        @datasource.transaction(name="make", isolation_level="READ COMMITTED")
        async def make(step: str, case: str, person: int, actor: str) -> None:
            values = {"case": case, "step": step, "actor": actor, "person": person}
            session = datasource.sql_session()
            if (await session.execute(text(AUDIT), values)).first() is None:
                return
            for statement in STEPS[step]:
                await session.execute(text(statement), values)

        @DBOS.step(retries_allowed=True)
        async def tell(case: str, what: str) -> None:
            await gateway.tell(case, what)

        @DBOS.workflow()
        async def whole_case(case: str, person: int, clerk: str) -> str:
            await make("opened", case, person, clerk)
            await DBOS.set_event_async("receipt", case)
            verifier = await DBOS.recv_async(_TOPIC, timeout_seconds=_PATIENCE_SECONDS)
            await make("verified", case, person, verifier)
            await tell(case, "verified")
            await make("updated", case, person, "engine")
            await make("done", case, person, "engine")
            await tell(case, "done")
            return "done"

        self._whole_case = whole_case

    async def open(self, request: web.Request) -> web.Response:
        """Open a case; answers once it is registered."""
        asked = await request.json()
        case = asked["case"]
        with SetWorkflowID(case):
            self._running[case] = await DBOS.start_workflow_async(self._whole_case, case, asked["person"], CLERK)
        return web.json_response({"case": await DBOS.get_event_async(case, "receipt")})

    async def verify(self, request: web.Request) -> web.Response:
        """Tell a case of its verification; answers when it has ended."""
        asked = await request.json()
        await DBOS.send_async(asked["case"], asked["verifier"], _TOPIC)
        return web.json_response({"ended": await self._running.pop(asked["case"]).get_result()})


async def _run() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    url = os.environ["BENCHMARK_DATABASE_URL"]
    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": url.replace("postgresql://", "postgresql+psycopg://"),
            "sys_db_pool_size": CONNECTIONS,
            "log_level": "WARNING",
        }
    )
    async with AsyncExitStack() as opened:
        datasource = await AsyncSQLAlchemyDatasource.create(
            url.replace("postgresql://", "postgresql+psycopg://"),
            engine_kwargs={"pool_size": CONNECTIONS, "max_overflow": 0},
        )
        gateway = await opened.enter_async_context(gateway_at(os.environ["BENCHMARK_RECEIVER_URL"]))
        application = Application(datasource, gateway)
        DBOS.launch()
        opened.callback(DBOS.destroy)
        server = web.Application()
        server.add_routes([web.post("/open", application.open), web.post("/verify", application.verify)])
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        opened.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, _HOST, int(os.environ["BENCHMARK_SERVICE_PORT"])).start()
        await stop.wait()


def worker() -> None:
    """Run the application."""
    asyncio.run(_run())


class DbosClient:
    """Asks the application."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def open(self, person: int) -> str:
        """See `Client`."""
        case = f"dbos-{person}"
        await self._ask("/open", {"case": case, "person": person})
        return case

    async def finish(self, case: str) -> None:
        """See `Client`."""
        await self._ask("/verify", {"case": case, "verifier": VERIFIER})

    async def _ask(self, path: str, asked: dict[str, Any]) -> None:
        async with self._session.post(path, json=asked) as answer:
            answer.raise_for_status()
            await answer.read()


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(_HOST, port)
        except OSError:
            # A process of its own can only be asked.
            await asyncio.sleep(_POLL_SECONDS)
        else:
            writer.close()
            return


@asynccontextmanager
async def _client() -> AsyncIterator[DbosClient]:
    port = int(os.environ["BENCHMARK_SERVICE_PORT"])
    await _listening(port)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(f"http://{_HOST}:{port}", timeout=timeout) as session:
        yield DbosClient(session)


def client() -> AbstractAsyncContextManager[DbosClient]:
    """The client."""
    return _client()
