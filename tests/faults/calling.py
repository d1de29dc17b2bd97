"""Callers that repeat what they do not know, and write down every answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final, Protocol, Self, TypeVar

from temporalio.service import RPCError

from activities.sealing import KeyRing
from cases.answers import Answer, Receipt
from cases.events import EVENTS, Event
from cases.events import FACTS as FACT_TYPES
from cases.facts import Fact
from cases.kinds import case_id
from cases.names import TASK_QUEUE_CASES
from cases.openings import Opening
from intake.client import CaseClient, Refused, Unavailable, of_rpc
from runtime.client import connect
from runtime.codec import PayloadSealer
from tests.canary.forms import Kind
from tests.engine import Engine, Person
from tests.faults.checker.evidence import OPENED, Call, Evidence, PlantedLine, Said, now
from tests.scenes import FACTS, IN_FORCE, OFFICE, PUBLICATION, answering

Given = TypeVar("Given")

EVENT_OF: Final = {fact: event for event, fact in FACT_TYPES.items()}

PATIENCE: Final = timedelta(seconds=10)
"""How long one call waits for its answer."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
"""Seconds between two repetitions."""


class Door(Protocol):
    """What callers say goes in by it."""

    async def enter(self, opening: Opening) -> Receipt:
        """Open a case."""

    async def tell(self, case_id: str, fact: Fact, *, update_id: str | None = None) -> Answer:
        """Tell a case of an event."""


@dataclass
class OwnQueue:
    """A door to cases that have a task queue of their own, which the client of programs does not know."""

    engine: Engine

    async def enter(self, opening: Opening) -> Receipt:
        """See base class."""
        return await self.engine.open(opening)

    async def tell(self, case_id: str, fact: Fact, *, update_id: str | None = None) -> Answer:
        """See base class."""
        return await self.engine.tell(case_id, EVENT_OF[type(fact)], fact, update_id=update_id)


@dataclass
class CallingEngine(Engine):
    """An engine whose callers go through the client of programs, each call with an ID of its own, and keep a log."""

    evidence: Evidence = field(kw_only=True)
    door: Door = field(kw_only=True)
    repeats: Callable[[], bool] = field(kw_only=True, default=lambda: False)
    """Whether whoever was just answered says the same once more, as a back office does that lost the answer."""
    told: Iterator[int] = field(kw_only=True, default_factory=lambda: count(1))

    @classmethod
    def of(cls, engine: Engine, evidence: Evidence) -> Self:
        """The same engine, with callers that keep a log."""
        door = door_of(engine) if engine.task_queue == TASK_QUEUE_CASES else OwnQueue(engine)
        return cls(**vars(engine), evidence=evidence, door=door)

    async def use(self, ring: KeyRing) -> None:
        """From now on every caller has this key ring."""
        address = self.client.service_client.config.target_host
        self.client = await connect(PayloadSealer(ring), address, self.client.namespace)
        self.door = door_of(self)

    async def insured(self, *, region: str = OFFICE, **more: Any) -> Person:
        """See base class; whose data must be found nowhere."""
        insured = await super().insured(region=region, **more)
        owner = f"person {insured.personal_number[-4:]}"
        numbers = {insured.old, insured.new}
        self.evidence.write(
            PlantedLine(owner=owner, kind=Kind.name, text=insured.name),
            *(PlantedLine(owner=owner, kind=Kind.number, text=number) for number in sorted(numbers)),
        )
        return insured

    async def open(self, opening: Opening, *, skipping: bool = False) -> Receipt:
        """Open a case; repeats until it is known what came of it. Raises `Refused`."""
        assert not skipping, "callers live in the time of day"
        case = case_id(opening.kind, opening.person)
        receipt = await self.known(OPENED, opening.key, case, lambda: self.door.enter(opening))
        if self.repeats():
            return await self.known(OPENED, opening.key, case, lambda: self.door.enter(opening))
        return receipt

    async def tell(
        self,
        case: str,
        event: Event,
        fact: Fact | None = None,
        *,
        update_id: str | None = None,
        rivals: str | None = None,
    ) -> Answer:
        """Tell a case of an event; repeats, under the same ID, until it is known what came of it. Raises `Refused`."""
        said = fact or FACTS[event]
        key = update_id or f"{event.value}-{next(self.told)}"

        async def ask() -> Answer:
            nonlocal said
            # Whoever answers was asked before: by a message that names what it asks.
            while EVENTS[event].answers and _answers_nothing(said):
                view = await self.view(case)
                said = answering(said, view.publication, view.order)
                if _answers_nothing(said):
                    await asyncio.sleep(FIRST_PAUSE)
            return await self.door.tell(case, said, update_id=key)

        answer = await self.known(event.value, key, case, ask, rivals=rivals)
        if self.repeats():
            return await self.known(event.value, key, case, ask, rivals=rivals)
        return answer

    async def known(
        self, act: str, key: str, case: str, ask: Callable[[], Awaitable[Given]], *, rivals: str | None = None
    ) -> Given:
        """What a call answers, once it is known. Each attempt is a line of the log. Raises `Refused`."""
        pause = FIRST_PAUSE
        while True:
            begun_at = now()

            def log(answer: Said, code: str | None = None, given: object = None, begun_at: datetime = begun_at) -> None:
                told = given if isinstance(given, Answer | Receipt) else None
                self.evidence.write(
                    Call.model_validate(
                        {
                            "act": act,
                            "key": key,
                            "case_id": case,
                            "answer": answer,
                            "begun_at": begun_at,
                            "ended_at": now(),
                            "code": code,
                            "rivals": rivals,
                            "status": None if told is None else told.status.value,
                            "generation": told.generation if isinstance(told, Receipt) else None,
                            "version": told.version if isinstance(told, Answer) else None,
                        }
                    )
                )

            try:
                given = await ask()
            except Refused as refused:
                log(Said.refused, refused.code.value)
                raise
            except Unavailable as silent:
                log(Said.unknown, silent.code.value)
            except RPCError as error:
                # Asked before the call itself.
                denied = of_rpc(error)
                log(Said.refused if isinstance(denied, Refused) else Said.unknown, denied.code.value)
                if isinstance(denied, Refused):
                    raise denied from None
            else:
                log(Said.ok, given=given)
                return given
            # A caller has only its own clock to go by.
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def door_of(engine: Engine) -> CaseClient:
    """The client of programs on an engine, at which everybody is who they say."""
    return CaseClient(engine.client, engine.sealer, stamping=engine.everybody, timeout=PATIENCE, register=engine.pool)


def _answers_nothing(fact: Fact) -> bool:
    """Whether a fact names nothing yet that somebody asked."""
    return getattr(fact, "publication", None) == PUBLICATION or getattr(fact, "order", None) == IN_FORCE
