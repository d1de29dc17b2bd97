"""Clerks, officers and supervisors at their desks: each works over HTTP with an identity token of their own.

As on the command line: the gate stamps what they decide in the name that the token says, and nothing here holds a key.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import httpx
from pydantic import BaseModel

from cardcase_client import AsyncClient, AsyncFeed, Credentials, Patience
from cardcase_client.calls import opening, telling
from cardcase_client.models import CaseRow, History
from cases.answers import Answer, CaseView, Outcome, Receipt
from cases.events import Event
from cases.models import Actor
from demo.desks import OVERSEER, verifier
from intake.applications import Application

Ours = TypeVar("Ours", bound=BaseModel)

MOVED: Final = ("cardcase.case_moved.v1",)
_PATIENCE: Final = Patience(seconds=300.0)
"""Whoever works at a desk tries again for as long as a busy machine may need."""


class Staff:
    """All of them. Every method raises `cardcase_client.ClientError`."""

    def __init__(self, url: str, credentials: Callable[[Actor], Credentials], http: httpx.AsyncClient) -> None:
        self._url = url
        self._credentials = credentials
        self._http = http
        self._clients: dict[Actor, AsyncClient] = {}

    def client(self, actor: Actor) -> AsyncClient:
        """What somebody works with."""
        if actor not in self._clients:
            credentials = self._credentials(actor)
            self._clients[actor] = AsyncClient(self._url, credentials, patience=_PATIENCE, http=self._http)
        return self._clients[actor]

    async def cases(self) -> list[CaseRow]:
        """All cases there are."""
        return [row async for row in self.client(OVERSEER).cases(at_once=500)]

    async def end_of_news(self) -> str:
        """Where the feed ends now."""
        return await self.client(OVERSEER).end_of_events()

    def news(self, after: str) -> AsyncFeed:
        """Every move of every case from a place on, for ever."""
        return self.client(OVERSEER).feed(after, types=MOVED, at_once=1000)

    async def open(self, application: Application) -> Receipt:
        """Open a case, as the clerk who takes the application in."""
        if not isinstance(application.submitter, Actor):
            raise TypeError("no member of staff took it in")
        given = await self.client(application.submitter).ask(opening(body_of(application), None, reopen=False))
        return _ours(Receipt, given)

    async def view(self, case_id: str, region: str) -> CaseView:
        """Where a case of an agency stands."""
        return _ours(CaseView, await self.client(verifier(region)).read_case(case_id))

    async def history(self, case_id: str, region: str) -> History:
        """How a case of an agency moved."""
        return await self.client(verifier(region)).read_history(case_id)

    async def outcome(self, case_id: str, region: str) -> Outcome:
        """How a case of an agency ended."""
        return _ours(Outcome, await self.client(verifier(region)).read_outcome(case_id))

    async def tell(self, actor: Actor, case_id: str, event: Event, said: Mapping[str, Any], key: str) -> Answer:
        """Tell a case something."""
        given = await self.client(actor).ask(telling(case_id, event.value, said, key, None))
        return _ours(Answer, given)


@asynccontextmanager
async def at_their_desks(url: str, credentials: Callable[[Actor], Credentials]) -> AsyncIterator[Staff]:
    """All staff, for the length of a block."""
    async with httpx.AsyncClient() as http:
        yield Staff(url, credentials, http)


def body_of(application: Application) -> dict[str, Any]:
    """An application as it goes over the wire."""
    fields = application.model_dump(mode="json", exclude_unset=True, exclude={"key"})
    return {"kind": application.kind, **fields}


def _ours(model: type[Ours], answer: BaseModel) -> Ours:
    return model.model_validate_json(answer.model_dump_json())
