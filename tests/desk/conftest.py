"""A desk before an empty register, a provider to log in at, and a browser's part over HTTP. No Temporal server."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest_asyncio

from activities.registry.pool import Pool
from activities.registry.reading import case_now
from activities.sealing import KeyRing, Sealer
from activities.serving import serve
from cases.delivery import Tongue
from cases.events import FACTS, Event
from cases.facts import Fact
from cases.models import Actor, Role
from cases.steps import StepRequest
from deploy.migrations import migrate
from desk.casework import Cases
from desk.deciding import Deciding
from desk.documents import DirectoryStore, DocumentServer
from desk.service import Service, serve_desk
from desk.visitors import SESSION, Visitor, Visitors
from gate.login import Login
from gate.sessions import Sessions
from intake.client import Refused
from runtime.codec import PayloadSealer
from runtime.identity import IdentityTokens
from runtime.limits import Limits
from stack import LocalStack
from stack.identity import IdentityProvider, Operator
from stack.ports import LOOPBACK, pick_ports
from tests.activities.conftest import execute, play, policies, pool, registry, sealer, shared_pool
from tests.activities.play import FOURTH, NORTH, SECOND, SOUTH, THIRD, Play
from tests.stamping import stamped

__all__ = ["play", "policies", "pool", "registry", "sealer", "shared_pool"]

CLERK, OFFICER, SECOND_OFFICER = SECOND, THIRD, FOURTH
SUPERVISOR = Actor(id="supervisor-1", role=Role.supervisor, office=NORTH)
ELSEWHERE = Actor(id="clerk-9", role=Role.clerk, office=SOUTH)
BANK = Actor(id="bank-1", role=Role.bank, office=NORTH)
OPERATORS = [Operator(actor, actor.id) for actor in (CLERK, OFFICER, SECOND_OFFICER, SUPERVISOR, ELSEWHERE, BANK)]

_TAG = re.compile(r"<[^>]+>")


def text_of(page: str) -> str:
    """What somebody reads on a page."""
    return " ".join(_TAG.sub(" ", page).split())


@dataclass(frozen=True)
class Browser:
    """Somebody's browser at the desk."""

    url: str
    session: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, *, origin: str | None = None, **form: str) -> tuple[int, str]:
        headers = {"Origin": origin or self.url}
        async with self.session.post(self.url + path, data=form, headers=headers) as answer:
            return answer.status, await answer.text()


class ByTheRegister:
    """Tells cases without Temporal: what is told, the register makes, or refuses."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.told: list[tuple[Event, Fact]] = []

    async def tell(self, visitor: Visitor, case_id: str, fact: Fact, key: str) -> None:
        """See `desk.deciding.Teller`."""
        now = await case_now(self._play.pool, case_id)
        assert now is not None
        assert fact.actor == visitor.actor
        (event,) = (event for event, model in FACTS.items() if model is type(fact))
        self.told.append((event, fact))
        told = stamped(fact, case_id, event, self._play.at)
        result = await self._play.registry.advance(
            StepRequest.of(now.state, event, told, at=self._play.at, told_as=key, onward=False)
        )
        if result.refused is not None:
            raise Refused(result.refused)


@dataclass(frozen=True)
class Desk:
    """A running desk."""

    url: str
    provider: IdentityProvider
    told: "ByTheRegister"
    documents: DocumentServer

    @asynccontextmanager
    async def logged_in(self, actor: Actor, to: str = "/") -> AsyncIterator[Browser]:
        """The browser of somebody who has logged in."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.get(f"{self.url}/login", params={"to": to}, allow_redirects=False) as begun:
                page = urlsplit(begun.headers["Location"])
            asked = {name: values[0] for name, values in parse_qs(page.query).items()}
            form = {**asked, "sub": actor.id}
            async with session.post(f"{page.scheme}://{page.netloc}{page.path}", data=form) as home:
                assert str(home.url) == f"{self.url}{to}"
            yield Browser(self.url, session)

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[Browser]:
        """The browser of nobody."""
        async with aiohttp.ClientSession() as session:
            yield Browser(self.url, session)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database_url(stack: LocalStack) -> str:
    """A register of the desk's own tests."""
    await execute(stack, "CREATE DATABASE desk_register")
    url = stack.postgres.endpoint.url_of("desk_register")
    await migrate(url)
    return url


@pytest_asyncio.fixture
async def desk(play: Play, pool: Pool, sealer: Sealer, tmp_path: Path) -> AsyncIterator[Desk]:
    port, documents_port = pick_ports(None, None)
    told = ByTheRegister(play)
    store = DirectoryStore(tmp_path, PayloadSealer(KeyRing.sample()), KeyRing.sample().derive("names"))
    url = f"http://{LOOPBACK}:{port}"
    async with aiohttp.ClientSession() as session, IdentityProvider([f"{url}/login/done"], OPERATORS) as provider:
        issuer = provider.issuer
        tokens = IdentityTokens(issuer, issuer=issuer.url, audience=issuer.audience)
        key = KeyRing.sample().derive("logins of the desk")
        sessions = Sessions(Login(session, tokens, issuer=issuer.url, client=issuer.audience, key=key), url, SESSION)
        documents = DocumentServer(store, f"http://{LOOPBACK}:{documents_port}", KeyRing.sample().derive("links"))
        service = Service(
            visitors=Visitors(tokens, sessions, Limits(1000, 1000), Tongue.zh, url),
            sessions=sessions,
            cases=Cases(pool, sealer),
            pool=pool,
            sealer=sealer,
            namespace="cases",
            deciding=Deciding(told, pool, sealer, store),
            documents=documents,
            ui_url="http://ui.example.invalid",
            runbook_url=None,
        )
        async with (
            serve_desk(service, LOOPBACK, port),
            serve(documents.application(), LOOPBACK, documents_port),
        ):
            yield Desk(url, provider, told, documents)
