"""`restate`: the same case as a workflow of Restate, whose server keeps the journal and calls the service.

Callers speak HTTP with the server. Each step is a journalled side effect, made at most once by its audit row.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

import aiohttp
import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

from benchmarks.contestants.register import Register, register_at
from benchmarks.contestants.telling import Gateway, gateway_at

CLERK: Final = "clerk-1"
VERIFIER: Final = "clerk-2"
_RECEIPT: Final = "receipt"
_VERIFIED: Final = "verified"


def _service(register: Register, gateway: Gateway) -> restate.Workflow:
    case_workflow = restate.Workflow("Case")

    @case_workflow.main()
    async def run(ctx: restate.WorkflowContext, opening: dict[str, Any]) -> str:
        case, person = ctx.key(), opening["person"]
        await ctx.run_typed("opened", register.make, step="opened", case=case, person=person, actor=opening["clerk"])
        await ctx.promise(_RECEIPT).resolve(case)
        verifier = await ctx.promise(_VERIFIED).value()
        await ctx.run_typed("verified", register.make, step="verified", case=case, person=person, actor=verifier)
        await ctx.run_typed("tell verified", gateway.tell, case=case, what="verified")
        await ctx.run_typed("updated", register.make, step="updated", case=case, person=person, actor="engine")
        await ctx.run_typed("done", register.make, step="done", case=case, person=person, actor="engine")
        await ctx.run_typed("tell done", gateway.tell, case=case, what="done")
        return "done"

    @case_workflow.handler()
    async def receipt(ctx: restate.WorkflowSharedContext) -> str:
        answer: str = await ctx.promise(_RECEIPT).value()
        return answer

    @case_workflow.handler()
    async def verify(ctx: restate.WorkflowSharedContext, verifier: str) -> None:
        await ctx.promise(_VERIFIED).resolve(verifier)

    return case_workflow


async def _run() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['BENCHMARK_SERVICE_PORT']}"]
    async with AsyncExitStack() as opened:
        register = await opened.enter_async_context(register_at(os.environ["BENCHMARK_DATABASE_URL"]))
        gateway = await opened.enter_async_context(gateway_at(os.environ["BENCHMARK_RECEIVER_URL"]))
        # Its types know of applications of ASGI 3 only by another name.
        application: Any = restate.app([_service(register, gateway)])
        await serve(application, config, shutdown_trigger=stop.wait)


def worker() -> None:
    """Run the service."""
    asyncio.run(_run())


class RestateClient:
    """Asks the server."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def open(self, person: int) -> str:
        """See `Client`."""
        case = f"restate-{person}"
        await self._ask("POST", f"/Case/{case}/run/send", {"person": person, "clerk": CLERK})
        await self._ask("POST", f"/Case/{case}/receipt")
        return case

    async def finish(self, case: str) -> None:
        """See `Client`."""
        await self._ask("POST", f"/Case/{case}/verify", VERIFIER)
        await self._ask("GET", f"/restate/workflow/Case/{case}/attach")

    async def _ask(self, method: str, path: str, asked: Any = None) -> None:
        # A handler that takes nothing refuses a request that says of what type nothing is.
        content: dict[str, Any] = {"skip_auto_headers": ("Content-Type",)} if asked is None else {"json": asked}
        async with self._session.request(method, path, **content) as answer:
            answer.raise_for_status()
            await answer.read()


@asynccontextmanager
async def _client() -> AsyncIterator[RestateClient]:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(os.environ["BENCHMARK_RESTATE_URL"], timeout=timeout) as session:
        yield RestateClient(session)


def client() -> AbstractAsyncContextManager[RestateClient]:
    """The client."""
    return _client()
