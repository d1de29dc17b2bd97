"""A season is played: every life from its arrival to its end or the season's, many side by side."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from activities.registry.loading import Claim, Contribution, HeldCard, InsuredPerson, load_persons
from cases.answers import Answer
from cases.errors import Code
from cases.events import EVENTS, Event
from cases.facts import Acknowledge
from cases.kinds import MACHINES, read_case_id
from cases.ladder import Rung
from cases.policy import Policy
from intake.applications import NumberChangeApplication, ReplacementApplication
from intake.client import Refused
from rehearsal.arrivals import arriving_at
from rehearsal.facts import actor, application, correction, fact_of, name, personal_number
from rehearsal.later import earlier, later
from rehearsal.lives import PAID_IN, Act, Application, Applies, Learns, Life, Part, registered_number
from rehearsal.season import Season
from rehearsal.stage import Stage

SIDE_BY_SIDE: Final = 24
"""Lives at the same time: enough that nobody waits for work, few enough that every case stays in memory."""

_ACKNOWLEDGED_FROM: Final = Rung.yellow
"""Nobody acknowledges a mere reminder."""
_ABOUT_A_REQUEST: Final = frozenset(
    {
        *(event for event, record in EVENTS.items() if record.answers),
        Event.card_turned_up,
        Event.card_destroyed,
    }
)
"""What is told of an order or a publication names it."""
_ASKED: Final = """
    SELECT request_id FROM events WHERE case_id = $1 AND target = $2 AND request_id IS NOT NULL
    GROUP BY request_id ORDER BY min(id) DESC OFFSET $3 LIMIT 1
"""
"""What a system was asked last, or before that."""
_DIED_ON: Final = date(2025, 12, 31)
"""The register is told by its own clock, which a season runs years ahead of: nobody has died on a day to come."""
_DONE: Final = """
    SELECT status = 'done' FROM cases WHERE case_id = $1 ORDER BY generation DESC LIMIT 1
"""
_LADDER: Final = "SELECT rung, next_rung_at, closed_at FROM cases WHERE case_id = $1 ORDER BY generation DESC LIMIT 1"


@dataclass(slots=True)
class Played:
    """What the players know of a season that was played."""

    opened: dict[str, Life] = field(default_factory=dict)
    """By case ID."""
    refused: Counter[tuple[Event, Code]] = field(default_factory=Counter)
    """Facts that the case was told and refused: the life went another way than its story."""
    told: int = 0
    died: dict[str, datetime] = field(default_factory=dict)
    """When the register learned, by itself, that the person of a case died."""


@dataclass(slots=True)
class Players:
    """Everybody who tells cases anything in one season."""

    stage: Stage
    policy: Policy
    season: Season
    played: Played = field(default_factory=Played)

    @property
    def offices(self) -> tuple[str, ...]:
        """Synthetic agencies of the policy's first region."""
        prefix = self.policy.regions[0]
        return tuple(dict.fromkeys((prefix + f"01010{n}")[:6] for n in range(1, 6)))

    def office(self, life: Life) -> str:
        """Where a person applies."""
        return self.offices[life.number % len(self.offices)]

    async def load(self, lives: Sequence[Life]) -> None:
        """Everybody is on the register, with a card, a suspended claim and contributions."""
        others = (other for life in lives for other in (life.rival, life.other_record))
        persons = [*lives, *(other for other in others if other is not None)]
        loaded = await load_persons(self.stage.pool, self.stage.sealer, map(self._insured, persons))
        if loaded.loaded != len(persons):
            raise RuntimeError("synthetic persons were refused")

    def _insured(self, life: Life) -> InsuredPerson:
        return InsuredPerson(
            personal_number=personal_number(life),
            source_version=1,
            name=name(life),
            number=registered_number(life),
            region=self.office(life),
            category=life.category,
            cards=(HeldCard(card_number=f"C{life.number:08}", payment_authority=True),),
            claims=(Claim(reference="claim-1", amount_fen=120_00, suspended_for="id_number"),),
            contributions=(Contribution(month="2026-01", amount_fen=PAID_IN),),
        )

    async def play(self, lives: Sequence[Life], on_progress: Callable[[], None]) -> Played:
        """Play all lives. `on_progress` is called whenever one is over."""
        turns = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(life: Life) -> None:
            async with turns:
                await self._live(life)
            on_progress()

        try:
            async with asyncio.TaskGroup() as group:
                for life in lives:
                    group.create_task(one(life))
        except ExceptionGroup as went_wrong:
            # What else went wrong did so because of the first.
            raise went_wrong.exceptions[0] from None
        return self.played

    # --- one life ---------------------------------------------------------------------------------------------------

    async def _live(self, life: Life) -> None:
        case_id = await self._applies(life, application(life, self.office(life)))
        beside: list[str] = []
        is_open = True
        for step in life.steps:
            for neighbour in beside:
                # Neighbours hear of each other at the same time.
                await self.stage.time.go_to(neighbour, later(step.at))
            is_open = is_open and await self._until(case_id, step.at, life)
            match step:
                case Applies(application=Application.correction):
                    is_open = is_open or await self._correct(case_id, life, step.at)
                case Applies() if is_open and (other := life.beside(step)) is not None:
                    beside.append(await self._applies(other, application(other, self.office(other))))
                case Learns() if is_open:
                    await self._learn(life)
                    self.played.died[case_id] = step.at
                case Act() if is_open and self._concerns(step):
                    is_open = await self._tell_all(step, case_id, beside)
                case _:
                    pass
        for each in (case_id, *beside):
            await self._until(each, self.season.ends, life)

    async def _tell_all(self, act: Act, case_id: str, beside: Sequence[str]) -> bool:
        """Whether the case is still open after it was told; what concerns every case is told to those beside it too."""
        is_open = await self._tell(case_id, act)
        if act.event is Event.recompute:
            for neighbour in beside:
                await self._tell(neighbour, act)
        return is_open

    async def _correct(self, case_id: str, life: Life, at: datetime) -> bool:
        """Whether a change that was done is corrected in another generation of its case."""
        if not await self._is_done(case_id):
            return False
        with arriving_at(later(at)):
            await self.stage.cases.open(correction(life, self.office(life)), reopen=True)
        return True

    async def _applies(self, life: Life, applied: NumberChangeApplication | ReplacementApplication) -> str:
        with arriving_at(later(life.arrives_at)):
            receipt = await self.stage.cases.open(applied)
        self.played.opened[receipt.case_id] = life
        return receipt.case_id

    async def _is_done(self, case_id: str) -> bool:
        return bool(await self.stage.pool.fetchval(_DONE, case_id))

    async def _learn(self, life: Life) -> None:
        """The register learns of a death by its daily extract, and no case is told."""
        died = self._insured(life).model_copy(update={"source_version": 2, "died_on": _DIED_ON})
        learnt = await load_persons(self.stage.pool, self.stage.sealer, [died])
        if learnt.ended != 1:
            raise RuntimeError(f"a death was not learnt: {learnt}")

    def _concerns(self, act: Act) -> bool:
        confirmations = self.policy.number_change.confirmations
        return act.event is not Event.confirm_downstream or act.says["system"] in confirmations

    async def _until(self, case_id: str, moment: datetime, life: Life) -> bool:
        """Let time pass up to a moment of the season, and let somebody acknowledge on the way. False at the end."""
        passed: datetime | None = None
        while True:
            stop = await self._acknowledges_at(case_id, life)
            if stop is None or stop >= moment or stop == passed:
                return await self.stage.time.go_to(case_id, later(moment))
            passed, rung = stop, await self._rung(case_id)
            if not await self.stage.time.go_to(case_id, later(stop)):
                return False
            reached = await self._rung(case_id)
            if reached is None:
                return False
            to_acknowledge = reached >= _ACKNOWLEDGED_FROM and reached != rung
            if to_acknowledge and not await self._acknowledge(case_id, reached):
                return False

    async def _acknowledges_at(self, case_id: str, life: Life) -> datetime | None:
        if life.acknowledges_after is None:
            return None
        row = await self.stage.pool.fetchrow(_LADDER, case_id)
        if row is None or row["closed_at"] is not None or row["next_rung_at"] is None:
            return None
        at: datetime = row["next_rung_at"]
        return earlier(at) + life.acknowledges_after

    async def _rung(self, case_id: str) -> int | None:
        """The rung on which a case stands; None for a closed one."""
        row = await self.stage.pool.fetchrow(_LADDER, case_id)
        return None if row is None or row["closed_at"] is not None else int(row["rung"])

    async def _acknowledge(self, case_id: str, rung: int) -> bool:
        view = await self.stage.cases.view(case_id)
        seen = Acknowledge(actor=actor(Part.supervisor, view.region))
        return await self._told(Event.acknowledge, self.stage.cases.tell(case_id, seen, update_id=f"seen:{rung}"))

    async def _tell(self, case_id: str, act: Act) -> bool:
        asked = None
        if act.event in _ABOUT_A_REQUEST:
            target = act.says.get("system", Part.card_bureau.value)
            asked = await self.stage.pool.fetchval(_ASKED, case_id, target, int(act.late))
            if asked is None:
                # A system that was never asked, or asked once only, has nothing to answer.
                return True
        view = await self.stage.cases.view(case_id)
        update_id = f"act:{act.event.value}:{act.by.value}:{act.at:%m%d%H%M%S}"
        fact = fact_of(act, view, self.stage.sealer, asked)
        return await self._told(act.event, self.stage.cases.tell(case_id, fact, update_id=update_id))

    async def _told(self, event: Event, telling: Awaitable[Answer]) -> bool:
        """Whether the case is still open after it was told. A refusal is life, and counted."""
        self.played.told += 1
        try:
            answer = await telling
        except Refused as refused:
            self.played.refused[event, refused.code] += 1
            return refused.code is not Code.CASE_CLOSED
        return MACHINES[read_case_id(answer.case_id)[0]].is_open(answer.status)
