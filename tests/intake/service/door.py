"""The intake service as outsiders meet it: over HTTP, with a credential of their own and nothing else."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import httpx
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.calendar import official_calendar
from activities.campaign.suspending import claim_terms
from activities.publishing.signing import WebhookKeys
from activities.registry.reading import versions_of
from cases.models import Actor, Role
from gate.gate import CaseClock, Gate
from gate.stamp_route import MANIFEST_PATH, PATH, manifest_handler, stamp_handler
from intake.jobs.campaigns import Campaigns
from intake.jobs.running import Runner
from intake.service.app import intake_application, serve_intake
from intake.service.callers import Callers
from intake.service.exchange import gates_at
from intake.service.reach import CasesOf, Reach
from intake.service.readiness import Readiness
from intake.service.scopes import SCOPES
from intake.service.watching import Watch
from runtime.identity import IdentityTokens, KeyUrl
from runtime.limits import Limits
from stack.identity import SERVICE_AUDIENCE, IdentityProvider, System
from stack.ports import LOOPBACK
from tests.engine import Engine, quiet_policies
from tests.intake.service import contract
from tests.scenes import OFFICE
from tests.stamping import KEY

SECRET: Final = "of-a-test"  # noqa: S105 - of a provider that lives as long as a test
WEBHOOK_KEYS: Final = WebhookKeys({name: Ed25519PrivateKey.generate() for name in ("new", "old")})
"""As while a key is rotated."""


def office(role: Role, region: str = "110000") -> Actor:
    return Actor(id=f"{role.value.replace('_', '-')}-1", role=role, office=region)


BACK_OFFICE: Final = office(Role.back_office)
BANK: Final = office(Role.bank)
PENSION: Final = office(Role.pension)
BUREAU: Final = office(Role.card_bureau)
SOURCE: Final = office(Role.insured_register)
VERIFIER: Final = Actor(id="clerk-2", role=Role.clerk, office=OFFICE)
OFFICER: Final = Actor(id="officer-1", role=Role.officer, office=OFFICE)
TAKES_IN: Final = Actor(id="clerk-1", role=Role.clerk, office=OFFICE)
"""Whom the applications of back offices name."""
ELSEWHERE: Final = Actor(id="back-office-2", role=Role.back_office, office="440000")
SYSTEMS: Final = {actor.id: System(actor, SECRET, frozenset(SCOPES)) for actor in (BACK_OFFICE, BANK, BUREAU)} | {
    "intake": System(Actor(id="intake", role=Role.operator, office="100000"), SECRET, may_exchange=True)
}


@dataclass
class Door:
    """The door, and whoever stands before it."""

    url: str
    provider: IdentityProvider
    engine: Engine
    http: httpx.AsyncClient = field(repr=False)
    runner: Runner

    def token(self, actor: Actor, scope: str | None = None, **claims: Any) -> str:
        """An access token; without a scope it may be used for all that the role may."""
        said = {"aud": SERVICE_AUDIENCE} | ({} if scope is None else {"scope": scope}) | claims
        return self.provider.issuer.token(actor, **said)

    async def asked(
        self,
        method: str,
        path: str,
        *,
        by: Actor | str | None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Ask as somebody, or as the bearer of a token, or as nobody; the answer is as it is described."""
        told = dict(headers or {})
        if by is not None:
            told["Authorization"] = f"Bearer {by if isinstance(by, str) else self.token(by)}"
        answer = await self.http.request(method, f"{self.url}{path}", json=json, headers=told, **more)
        contract.check(method, path, answer)
        return answer


@asynccontextmanager
async def door_of(
    engine: Engine,
    limits: Limits | None = None,
    sink_hosts: Collection[str] = (),
    *,
    gate_clock: CaseClock | None = None,
) -> AsyncIterator[Door]:
    """The service on an engine, with a gate and an identity provider over HTTP, for the length of a block.

    Files are taken in, and their rows wait for `Door.runner`: all doors have one register.
    """
    async with IdentityProvider([], systems=SYSTEMS) as provider:
        issuer = provider.issuer
        keys = KeyUrl(provider.jwks_url)
        gate = Gate(
            IdentityTokens(keys, issuer=issuer.url, audience=issuer.audience),
            KEY,
            audience=engine.client.namespace,
            clock=gate_clock or engine.time_of,
            standing=partial(versions_of, engine.pool),
        )
        async with (
            gate_serving(gate) as gate_url,
            gates_at(gate_url, provider.token_url, audience=issuer.audience, client="intake", secret=SECRET) as gates,
            httpx.AsyncClient(timeout=60) as http,
        ):
            await engine.at_a_post(TAKES_IN)
            watch = Watch(engine.pool)
            tokens = IdentityTokens(keys, issuer=issuer.url, audience=SERVICE_AUDIENCE)
            cases = CasesOf(engine.client, engine.pool, engine.sealer, gates)
            runner = Runner(engine.pool, cases.stamped_by)
            reach = Reach(
                callers=Callers(tokens, limits or Limits(10_000, 10_000)),
                cases=cases,
                runner=runner,
                campaigns=Campaigns(engine.pool, engine.client),
                pool=engine.pool,
                sealer=engine.sealer,
                watch=watch,
                namespace=engine.client.namespace,
                sink_hosts=frozenset(sink_hosts),
                claim_terms=claim_terms(quiet_policies(), official_calendar),
                webhook_keys=WEBHOOK_KEYS.public,
            )
            readiness = Readiness(engine.pool, engine.client)
            readiness.serving = True
            async with (
                watch.looking(),
                serve_intake(intake_application(reach, readiness, provider.token_url), LOOPBACK, 0) as port,
            ):
                yield Door(f"http://{LOOPBACK}:{port}", provider, engine, http, runner)


@asynccontextmanager
async def gate_serving(gate: Gate) -> AsyncIterator[str]:
    application = web.Application()
    application.add_routes([web.post(PATH, stamp_handler(gate)), web.post(MANIFEST_PATH, manifest_handler(gate))])
    async with serving(application) as url:
        yield url


@asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[str]:
    """Serve on a free port for the length of a block; answers the URL."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
