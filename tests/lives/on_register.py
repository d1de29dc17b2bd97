"""Lives without Temporal: whoever asks the register plays the workflows, one transition at a time."""

from datetime import UTC, datetime, timedelta

from activities.registry import Clock, Registry
from activities.registry.pool import Connection, Pool
from activities.sealing import Sealer
from cases.decide import next_step
from cases.errors import CaseError, Code
from cases.events import Event, Origin
from cases.facts import Fact
from cases.kinds import case_id as case_id_of
from cases.openings import Opening
from cases.policy import Policies
from cases.state import CaseState, Upcoming
from cases.steps import Neighbour, RegisterRequest, StepRequest, StepResult, ToldAfterClosing
from tests.lives.life import Life, WentWrong
from tests.stamping import STAMPS

BEGINS = (
    datetime(2026, 3, 2, 4, 0, tzinfo=UTC),
    datetime(2026, 8, 17, 4, 0, tzinfo=UTC),
    datetime(2026, 11, 2, 4, 0, tzinfo=UTC),
)
ASKS_AGAIN = timedelta(hours=1)
"""After which a case that waits for its turn asks by itself."""


class LifeOnRegister(Life):
    """A life that is lived by asking the register's activities directly."""

    stops_between_steps = True

    def __init__(self, seed: int, pool: Pool, watcher: Connection, sealer: Sealer, policies: Policies) -> None:
        super().__init__(seed, pool, watcher, sealer, policies)
        self.registry = Registry(pool, sealer, STAMPS, policies, self.calendar, clock=Clock.callers)
        self._untold: list[Neighbour] = []
        self._waits_since: dict[str, datetime] = {}
        """Cases that wait for their turn."""

    def begins(self, place: int) -> datetime:
        return BEGINS[place]

    async def open(self, opening: Opening) -> Code | None:
        case_id = case_id_of(opening.kind, opening.person)
        at = self.now
        self.moved = True
        result = await self.registry.register(RegisterRequest(opening=opening, at=at, arrived=at, onward=False))
        self._untold += result.neighbours
        self._waits_since.pop(case_id, None)
        return result.refused

    async def tell(self, state: CaseState, event: Event, fact: Fact, told_as: str) -> Code | None:
        if not state.is_open:
            return await self._tell_closed(state, event, fact, told_as)
        result = await self._asked(state, event, fact, told_as)
        if result.refused is None and result.moves and event not in {made.event for made in result.moves}:
            # What was found out comes first; what was told is judged by what holds now.
            await self.settle()
            now = self.newest[state.case_id]
            return await self.tell(now, event, fact, told_as) if now.is_open else Code.CASE_CLOSED
        return result.refused

    async def _tell_closed(self, state: CaseState, event: Event, fact: Fact, told_as: str) -> Code | None:
        told = ToldAfterClosing(
            case_id=state.case_id,
            event=event,
            fact=fact.model_dump(mode="json", exclude_unset=True),
            told_as=told_as,
            arrived=self.now,
            at=self.now,
        )
        self.moved = True
        answer = await self.registry.tell_closed(told)
        if answer.is_open:
            raise WentWrong("a case is open that was closed")
        return answer.refused

    async def _asked(
        self, state: CaseState, event: Event, fact: Fact | None = None, told_as: str | None = None, **more: str | None
    ) -> StepResult:
        request = StepRequest.of(
            state, event, fact, at=self.now, arrived=self.now, told_as=told_as, onward=False, **more
        )
        self.moved = True
        result = await self.registry.advance(request)
        self._untold += result.neighbours
        if result.moves:
            self._waits_since.pop(state.case_id, None)
        return result

    async def hint(self, case_id: str, event: Event) -> None:
        state = self.newest[case_id]
        if event.origin is Origin.neighbour:
            self._untold.append(Neighbour(case_id=case_id, event=event))
            return
        result = await self._asked(state, event)
        if result.refused not in {None, Code.EVENT_NOT_ALLOWED, Code.PERSON_DECEASED, Code.PERSON_TRANSFERRED}:
            raise WentWrong(f"the calendar grew, and {result.refused}")
        await self.look()

    async def invent(self, state: CaseState, event: Event) -> Code | None:
        try:
            result = await self._asked(state, event)
        except CaseError as error:
            raise WentWrong(f"{event} was invented, and fails as {error.code}") from error
        if result.not_before is not None:
            return Code.EVENT_NOT_ALLOWED
        return result.refused

    # --- what happens of itself -------------------------------------------------------------------------------------

    async def settle(self) -> None:
        await self.look()
        while await self._steps_are_made() or await self._neighbours_are_told():
            pass

    async def _steps_are_made(self) -> bool:
        """The engine's own steps, of every case; False where there is none."""
        some = False
        for case_id in list(self.newest):
            while (step := self._step_of(case_id)) is not None:
                state = self.newest[case_id]
                result = await self._asked(state, step)
                if result.refused is Code.PERSON_BUSY:
                    self._waits_since[case_id] = self.now
                elif result.refused is not None or not result.moves:
                    raise WentWrong(f"{step} in {state.status} comes to a stand: {result.refused}")
                await self.look()
                some = True
        return some

    def _step_of(self, case_id: str) -> Event | None:
        state, waits_since = self.newest[case_id], self._waits_since.get(case_id)
        if waits_since is not None and self.now < waits_since + ASKS_AGAIN:
            return None
        return next_step(state, self.now)

    async def _neighbours_are_told(self) -> bool:
        """Signals reach their cases in any order; False where there is none."""
        if not self._untold:
            return False
        told = self._untold.pop(self._random.randrange(len(self._untold)))
        state = self.newest.get(told.case_id)
        # A workflow leaves alone what is not possible where it stands.
        if state is None or not state.is_open or not state.machine.rows(state.status, told.event):
            return True
        if told.event is Event.turn_free:
            self._waits_since.pop(told.case_id, None)
        result = await self._asked(state, told.event, related=told.because_of)
        self._say(f"    {told.case_id[:7]} hears {told.event}: {result.refused or 'so it is'}")
        await self.look()
        return True

    async def wait(self, until: datetime) -> None:
        await self.settle()
        while (due := self._next_of(until)) is not None:
            case_id, upcoming = due
            self.now = max(self.now, upcoming.at.astimezone(UTC))
            state = self.newest[case_id]
            made = False
            if upcoming.event.origin is Origin.timer:
                result = await self._asked(state, upcoming.event)
                if not result.moves:
                    raise WentWrong(f"{upcoming.event} in {state.status} is due, and is not made: {result.refused}")
                # Days that were amended since are reckoned with first.
                made = result.moves[0].event is upcoming.event
            await self.settle()
            if made and self.newest[case_id].upcoming == upcoming:
                raise WentWrong(f"{upcoming.event} in {state.status} is due again at once")
        self.now = max(self.now, until)
        await self.settle()

    def _next_of(self, until: datetime) -> tuple[str, Upcoming] | None:
        """What is due first by then, and of which case."""
        due = []
        for case_id, state in self.newest.items():
            upcoming = state.upcoming
            if case_id in self._waits_since:
                # What it waits for now is the turn; the ladder is climbed all the same.
                upcoming = state.next_rung if state.is_open else None
            if upcoming is None or upcoming.at > until:
                continue
            if upcoming.event.origin is not Origin.timer and upcoming.at <= self.now:
                continue
            due.append((upcoming.at, case_id, upcoming))
        if not due:
            return None
        _, case_id, upcoming = min(due, key=lambda each: each[:2])
        return case_id, upcoming
