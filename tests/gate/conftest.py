"""A codec server before the engine that tests share, with a provider to log in at, and a browser's part over HTTP."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest_asyncio
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Outcome, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest

from activities.registry.reading import versions_of
from cases.events import Event
from cases.models import Actor, Role
from gate.access import Access
from gate.gate import Gate
from gate.login import Login
from gate.origins import Origins
from gate.quotas import Quotas
from gate.service import SESSION, Service, serve_gate
from gate.sessions import Sessions
from gate.translating import Translator
from runtime.identity import IdentityTokens, KeyUrl
from runtime.limits import Limits
from stack.identity import IdentityProvider, Operator
from stack.ports import LOOPBACK, pick_ports
from tests.engine import SEALED, Engine
from tests.scenes import OFFICE, OFFICER, SECOND_OFFICER, VERIFIER
from tests.stamping import KEY

UI = "http://ui.example.invalid:8080"
SUPERVISOR = Actor(id="supervisor-1", role=Role.supervisor, office=OFFICE)
OPERATORS = [Operator(actor, actor.id) for actor in (VERIFIER, OFFICER, SECOND_OFFICER, SUPERVISOR)]


@dataclass(frozen=True)
class CodecServer:
    """A running codec server, and what an operator's browser and the Web UI do with it."""

    url: str
    provider: IdentityProvider
    engine: Engine
    session: aiohttp.ClientSession

    def token(self, actor: Actor, **claims: Any) -> str:
        return self.provider.issuer.token(actor, **claims)

    async def asked(
        self,
        what: str,
        payloads: list[Payload],
        *,
        by: Actor | str | None,
        origin: str | None = UI,
        namespace: str | None = None,
        more: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Ask as the Web UI does; answers status, body and headers."""
        headers = {"Content-Type": "application/json", "X-Namespace": namespace or self.engine.client.namespace}
        if by is not None:
            headers["Authorization"] = f"Bearer {by if isinstance(by, str) else self.token(by)}"
        if origin is not None:
            headers["Origin"] = origin
        body = io.BytesIO(json_format.MessageToJson(Payloads(payloads=payloads)).encode())
        url = f"{self.url}/{what}?preserveStorageRefs=true"
        async with self.session.post(url, data=body, headers=headers | (more or {})) as answer:
            return answer.status, await answer.json(), dict(answer.headers)

    async def decoded(self, payload: Payload, *, by: Actor) -> Any:
        """The content of one payload as somebody sees it."""
        status, body, _ = await self.asked("decode", [payload], by=by)
        assert status == 200, body
        (opened,) = json_format.ParseDict(body, Payloads()).payloads
        return json.loads(opened.data)

    async def entered(self, typed: dict[str, Any] | bytes, *, by: Actor | None) -> Payload:
        """What comes back for what somebody typed into a form."""
        data = typed if isinstance(typed, bytes) else json.dumps(typed).encode()
        plain = Payload(metadata={"encoding": b"json/plain"}, data=data)
        status, body, _ = await self.asked("encode", [plain], by=by)
        assert status == 200, body
        (entry,) = json_format.ParseDict(body, Payloads()).payloads
        return entry

    async def told(self, case: str, event: Event, payload: Payload) -> Outcome:
        """Send an update with a payload as it is, as the Web UI does."""
        client = self.engine.client
        answer = await client.workflow_service.update_workflow_execution(
            UpdateWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=case),
                wait_policy=WaitPolicy(
                    lifecycle_stage=UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED
                ),
                request=Request(meta=Meta(), input=Input(name=event.value, args=Payloads(payloads=[payload]))),
            )
        )
        return answer.outcome

    async def opening_of(self, case: str) -> Payload:
        """The payload that a case was started with, as Temporal keeps it."""
        async for event in self.engine.handle(case).fetch_history_events():
            return event.workflow_execution_started_event_attributes.input.payloads[0]
        raise AssertionError("a history without events")

    async def log_in(self, actor: Actor) -> aiohttp.ClientSession:
        """A browser that is logged in, with its cookies."""
        browser = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        async with browser.get(f"{self.url}/login", allow_redirects=False) as begun:
            page = urlsplit(begun.headers["Location"])
        asked = {name: values[0] for name, values in parse_qs(page.query).items()}
        url = f"{page.scheme}://{page.netloc}{page.path}"
        async with browser.post(url, data={**asked, "sub": actor.id}) as home:
            assert home.status == 200
            assert actor.id in await home.text()
        return browser

    async def reveal(
        self, browser: aiohttp.ClientSession, case: str, reason: str, *, origin: str | None = None
    ) -> tuple[int, str]:
        """Send the form of the codec server's own page."""
        headers = {"Origin": origin or self.url}
        async with browser.post(f"{self.url}/reveal", data={"case": case, "reason": reason}, headers=headers) as page:
            return page.status, await page.text()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(engine: Engine) -> AsyncIterator[CodecServer]:
    (port,) = pick_ports(None)
    url = f"http://{LOOPBACK}:{port}"
    async with aiohttp.ClientSession() as session, IdentityProvider([f"{url}/login/done"], OPERATORS) as provider:
        issuer, namespace = provider.issuer, engine.client.namespace
        tokens = IdentityTokens(KeyUrl(provider.jwks_url), issuer=issuer.url, audience=issuer.audience)
        quotas = Quotas(Limits(1000, 1000), Limits(1000, 1000))
        standing = partial(versions_of, engine.pool)
        gate = Gate(tokens, KEY, audience=namespace, clock=engine.time_of, quotas=quotas, standing=standing)
        login = Login(session, tokens, issuer=issuer.url, client=issuer.audience, key=KEY.derive("logins"))
        sessions = Sessions(login, url, SESSION)
        service = Service(
            access=Access(tokens, sessions.cookie, quotas),
            sessions=sessions,
            translator=Translator(SEALED, engine.sealer, gate, namespace),
            gate=gate,
            origins=Origins(frozenset({UI})),
            pool=engine.pool,
            namespace=namespace,
            ui_url=UI,
        )
        async with serve_gate(service, LOOPBACK, port):
            yield CodecServer(url, provider, engine, session)
