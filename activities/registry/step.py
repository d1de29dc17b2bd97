"""One transition on its way through its effects."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import asyncpg
from pydantic import JsonValue

from activities.registry.pool import Connection
from activities.registry.queries import load
from activities.sealing import Sealer
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Fact
from cases.kinds import KINDS
from cases.offices import Recipient
from cases.policy import Policy
from cases.state import CaseState
from cases.steps import Neighbour, StepRequest

SQL: Final = load(
    "turns.sql",
    "numbers.sql",
    "disputes.sql",
    "benefits.sql",
    "cards.sql",
    "escalation.sql",
    "outbox.sql",
    "screening.sql",
)

SomeFact = TypeVar("SomeFact", bound=Fact)


class Step:
    """What effects see of a transition, and what they leave: rows, neighbours to tell, the related case."""

    def __init__(
        self, connection: Connection, request: StepRequest, case: asyncpg.Record, policy: Policy, sealer: Sealer
    ) -> None:
        self.connection = connection
        self.request = request
        self.case = case
        """The case's row before the transition, locked."""
        self.policy = policy
        self.sealer = sealer
        self.neighbours: list[Neighbour] = []
        self.related: str | None = None
        self.notifications: list[int] = []
        """IDs of the messages that were written."""
        opening = request.after.opening
        self._values: dict[str, Any] = {
            "case_id": request.after.case_id,
            "generation": request.after.generation,
            "version": request.after.version,
            "step": request.step,
            "at": request.at,
            "day": request.at.astimezone(SHANGHAI).date(),
            "person": opening.person,
            "person_id": case["person_id"],
            "region": opening.region,
            "number": opening.number,
            "number_token": opening.number_token,
            "reason": KINDS[opening.kind].held_for,
        }

    @property
    def after(self) -> CaseState:
        """The state that the transition leads to."""
        return self.request.after

    def told(self, fact: type[SomeFact]) -> SomeFact:
        """The fact that makes the transition; an effect knows which one its rows have."""
        parsed = self.request.parsed
        if not isinstance(parsed, fact):
            raise CaseError(Code.PAYLOAD_INVALID, self.request.event.value)
        return parsed

    async def all(self, query: str, **more: Any) -> list[asyncpg.Record]:
        """All rows of a named query."""
        return await SQL[query].all(self.connection, self._values | more)

    async def first(self, query: str, **more: Any) -> asyncpg.Record | None:
        """The first row of a named query, or None."""
        return await SQL[query].first(self.connection, self._values | more)

    async def run(self, query: str, **more: Any) -> int:
        """How many rows a named query wrote."""
        return await SQL[query].run(self.connection, self._values | more)

    def tell(self, case_id: str, event: Event) -> None:
        """Another case has to be told, once the transition is in effect."""
        self.neighbours.append(Neighbour(case_id=case_id, event=event, because_of=self.after.case_id))

    async def publish(self, kind: str, targets: Iterable[str], subject: str = "") -> None:
        """Other systems are told."""
        await self.run("write_events", event_kind=kind, targets=list(targets), subject=subject)

    async def notify(
        self,
        recipient: Recipient,
        template: str,
        *,
        second_channel: bool = False,
        facts: Mapping[str, JsonValue] | None = None,
        event: str | None = None,
    ) -> None:
        """Somebody is told; the message names the case and nothing else of a person.

        `event` says what happened where that is not the step alone: of one event a recipient is told once. `facts` are
        the template's variables.
        """
        written = await self.all(
            "write_notification",
            recipient=recipient.value,
            template=template,
            second_channel=second_channel,
            facts=json.dumps(facts or {}),
            what=event or self.request.step,
        )
        self.notifications += [row["id"] for row in written]
