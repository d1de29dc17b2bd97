"""A season is played: every life from its arrival to its end or the season's, many side by side."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from activities.registry.loading import Claim, Contribution, HeldCard, InsuredPerson, load_persons
from cases.answers import Answer
from cases.errors import Code
from cases.events import EVENTS, Event
from cases.facts import Acknowledge
from cases.kinds import MACHINES
from cases.ladder import Rung
from cases.names import Kind
from cases.policy import Policy
from intake.client import Refused
from rehearsal.arrivals import arriving_at
from rehearsal.facts import actor, application, fact_of, name, personal_number
from rehearsal.later import earlier, later
from rehearsal.season import Act, Life, Part, Season, old_number
from rehearsal.stage import Stage

SIDE_BY_SIDE: Final = 24
"""Lives at the same time: enough that nobody waits for work, few enough that every case stays in memory."""

_ACKNOWLEDGED_FROM: Final = Rung.yellow
"""Nobody acknowledges a mere reminder."""
_ASKED: Final = """
    SELECT request_id FROM events WHERE case_id = $1 AND target = $2 AND request_id IS NOT NULL ORDER BY id DESC LIMIT 1
"""
"""What a system was asked last."""
_LADDER: Final = "SELECT rung, next_rung_at, closed_at FROM cases WHERE case_id = $1 ORDER BY generation DESC LIMIT 1"


@dataclass(slots=True)
class Played:
    """What the players know of a season that was played."""

    opened: dict[str, Life] = field(default_factory=dict)
    """By case ID."""
    refused: Counter[tuple[Event, Code]] = field(default_factory=Counter)
    """Facts that the case was told and refused: the life went another way than its story."""
    told: int = 0


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
        loaded = await load_persons(self.stage.pool, self.stage.sealer, map(self._insured, lives))
        if loaded.loaded != len(lives):
            raise RuntimeError("synthetic persons were refused")

    def _insured(self, life: Life) -> InsuredPerson:
        return InsuredPerson(
            personal_number=personal_number(life),
            name=name(life),
            number=old_number(life.number),
            region=self.office(life),
            category=life.category,
            cards=(HeldCard(card_number=f"C{life.number:08}", payment_authority=True),),
            claims=(Claim(amount_fen=120_00, suspended_for="id_number"),),
            contributions=(Contribution(month="2026-01", amount_fen=500_00),),
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
        with arriving_at(later(life.arrives_at)):
            receipt = await self.stage.cases.open(application(life, self.office(life)))
        case_id = receipt.case_id
        self.played.opened[case_id] = life
        for act in life.acts:
            if self._concerns(act) and not (
                await self._until(case_id, act.at, life) and await self._tell(case_id, act)
            ):
                return
        await self._until(case_id, self.season.ends, life)

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
        if EVENTS[act.event].answers:
            asked = await self.stage.pool.fetchval(_ASKED, case_id, act.by.value)
            if asked is None:
                # A system that was never asked has nothing to answer.
                return True
        view = await self.stage.cases.view(case_id)
        update_id = f"act:{act.event.value}:{act.at:%m%d%H%M%S}"
        return await self._told(
            act.event, self.stage.cases.tell(case_id, fact_of(act, view, asked), update_id=update_id)
        )

    async def _told(self, event: Event, telling: Awaitable[Answer]) -> bool:
        """Whether the case is still open after it was told. A refusal is life, and counted."""
        self.played.told += 1
        try:
            answer = await telling
        except Refused as refused:
            self.played.refused[event, refused.code] += 1
            return refused.code is not Code.CASE_CLOSED
        return MACHINES[Kind.id_number_change].is_open(answer.status)
