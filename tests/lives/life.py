"""Lives: what happens to some persons and their cases, drawn from what is possible and from what is not.

A life is repeated by its seed. Each of its acts has a chance of its own, so that one may be left out and the others
stay what they were: that is how the shortest life is found that still goes wrong (`tests.lives.shortest`).
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, ClassVar, Final, TypeVar

from activities.calendar import official_calendar
from activities.campaign import ending, rechecking, unblocking
from activities.registry.loading import InsuredPerson, Loaded, load_persons
from activities.registry.pool import Connection, Pool
from activities.sealing import Field, Sealer
from cases.clocks import WorkingCalendar, day_of
from cases.errors import Code
from cases.events import EVENTS, Event, Origin
from cases.facts import Fact, HoldReason, ResolveDuplicate
from cases.kinds import case_id as case_id_of
from cases.machines.machine import Status
from cases.models import Actor
from cases.names import Kind
from cases.openings import (
    Correction,
    CorrectionReason,
    NumberChangeOpening,
    Opening,
    ReplacementOpening,
    ReplacementReason,
)
from cases.policy import CalendarOverrides, Policies
from cases.rules.people import ENDS_A_PERSON
from cases.state import CaseState
from cases.views import possible_events
from tests.cases.test_walks import BASIS, ORDINARY
from tests.lives.facts import SUPERVISOR, Told
from tests.lives.people import Somebody, people
from tests.lives.rules import BROKEN, HANGING
from tests.lives.twins import Moved, Twins
from tests.scenes import CLERK, OFFICER, OPERATOR, SECOND_OFFICER, VERIFIER, of_office
from tests.stamping import stamped, stamped_by_a_system, stamped_opening

Option = TypeVar("Option")

A_MOMENT: Final = timedelta(seconds=1)
ACTS: Final = 16
"""Acts of a life, before everybody does their part and it comes to its end."""
PATIENCE: Final = 60
"""Rounds in which everybody does their part, until a life must have come to its end."""

LEADS_ON: Final[Mapping[Status, tuple[Event, ...]]] = {
    Status.awaiting_documents: (Event.add_documents,),
    Status.in_review: (Event.verify_documents,),
    Status.awaiting_approval: (Event.approve,),
    Status.on_hold: (Event.resume,),
    Status.disputed: (Event.resolve_dispute,),
    Status.merging: (Event.resolve_duplicate,),
    Status.applying: (Event.confirm_downstream,),
    Status.repair: (Event.repair, Event.card_produced),
    Status.temporarily_blocked: (Event.confirm_loss,),
    Status.in_production: (Event.card_produced,),
    Status.ready: (Event.card_handed_over, Event.card_unclaimed),
    Status.handed_over: (Event.card_activated,),
    Status.card_outstanding: (Event.card_produced,),
    Status.card_to_destroy: (Event.card_destroyed,),
}
"""What takes a case that waits for somebody nearer to its end."""

ONLY_THE_REGISTER_KNOWS: Final[Mapping[Event, frozenset[Code]]] = {
    Event.report_loss: frozenset({Code.NO_CARD_IN_USE, Code.LOSS_ALREADY_REPORTED}),
    Event.card_found: frozenset({Code.UNDO_NOT_PERMITTED}),
    Event.card_turned_up: frozenset({Code.ORDER_NOT_OVER}),
    Event.resolve_dispute: frozenset({Code.DISPUTE_LOST, Code.REGISTER_CHANGED}),
    Event.resolve_duplicate: frozenset({Code.MERGE_IMPOSSIBLE, Code.MERGE_PAID}),
    Event.release_benefits: frozenset({Code.BENEFITS_NOT_HELD}),
    Event.recompute: frozenset({Code.POLICY_UNKNOWN}),
}
"""Why something may be refused that the case alone would allow; whoever has ended is refused everything."""

NOT_ALLOWED_NOW: Final = frozenset(
    {
        Code.EVENT_NOT_ALLOWED,
        Code.CASE_CLOSED,
        Code.BENEFITS_NOT_HELD,
        Code.BENEFIT_STILL_HELD,
        Code.PERSON_BUSY,
        Code.STAMP_MISSING,
    }
)
"""How somebody is refused who invents what the engine, a time limit or a neighbour would say."""


_DIED_ON: Final = date(2025, 12, 31)
"""The register is told by its own clock, which a life runs ahead of: nobody has died on a day to come."""


def _has_learnt_of_an_end(before: CaseState, after: CaseState) -> bool:
    return after.ended_because in ENDS_A_PERSON and before.ended_because not in ENDS_A_PERSON


class WentWrong(AssertionError):
    """A life went as no life may."""


class Life:
    """One life; a subclass says how the engine is asked."""

    stops_between_steps: ClassVar[bool] = False

    def __init__(self, seed: int, pool: Pool, watcher: Connection, sealer: Sealer, policies: Policies) -> None:
        self.seed = seed
        self.pool = pool
        self.watcher = watcher
        """By which the rules are asked, again and again."""
        self.sealer = sealer
        self.policies = policies
        self._random = self._chance("who")
        self._amended: tuple[frozenset[date], frozenset[date]] = (frozenset(), frozenset())
        self.twins = Twins(policies, self.calendar)
        self.people: list[Somebody] = people(self.pick)
        self.now = self.begins(self.pick(tuple(range(3))))
        self.story: list[str] = []
        """What happened, as somebody would tell it who looks for what went wrong."""
        self.happened: Counter[str] = Counter()
        self.moved = True
        """Whether something was asked of the register since it was last looked at."""
        self._told: list[tuple[CaseState, Event, Fact, str]] = []
        self._opened: list[Opening] = []
        self._names = 0
        self._version = 1

    # --- how the engine is asked ------------------------------------------------------------------------------------

    @abstractmethod
    def begins(self, place: int) -> datetime:
        """When a life begins: before its campaign, near its end, or after it."""

    def begun(self) -> None:
        """Everybody has their token."""

    @abstractmethod
    async def open(self, opening: Opening) -> Code | None:
        """Hand in an application. The code of the refusal, None where it was taken in or is known."""

    @abstractmethod
    async def tell(self, state: CaseState, event: Event, fact: Fact, told_as: str) -> Code | None:
        """Tell a case something."""

    @abstractmethod
    async def hint(self, case_id: str, event: Event) -> None:
        """A scheduled look tells a case of what it found."""

    @abstractmethod
    async def settle(self) -> None:
        """Let everything happen that happens of itself at this moment."""

    @abstractmethod
    async def wait(self, until: datetime) -> None:
        """Let time pass, and happen what becomes due."""

    async def invent(self, state: CaseState, event: Event) -> Code | None:
        """Ask for what the engine, a time limit or a neighbour would; None where it is true, and was done."""
        raise NotImplementedError

    # --- chance -----------------------------------------------------------------------------------------------------

    def _chance(self, part: object) -> Random:
        return Random(f"{self.seed} {part}")  # noqa: S311 - a life that can be repeated

    def pick(self, options: Sequence[Any]) -> Any:
        """One of several."""
        return self._random.choice(options)

    def one_in(self, several: int) -> bool:
        """True once in so many times."""
        return self._random.randrange(several) == 0

    def calendar(self, overrides: CalendarOverrides) -> WorkingCalendar:
        """The official calendar, with what was announced in this life."""
        official = official_calendar(overrides)
        off, on = self._amended
        if not off and not on:
            return official
        return replace(official, off=(official.off | off) - on, on=(official.on | on) - off)

    # --- a whole life -----------------------------------------------------------------------------------------------

    async def lived(self, acts: Iterable[int]) -> None:
        """Live it, but for the acts that are left out. Raises `WentWrong`, or `Apart`."""
        await self._begin()
        for act in acts:
            self._random = self._chance(act)
            self.now += A_MOMENT
            await self._act(self._drawn())
        self._random = self._chance("end")
        await self._everybody_does_their_part()

    async def _begin(self) -> None:
        # What is in the queue arrived before anybody said that the number is an old one.
        before = [each.insured.model_copy(update={"number": None}) for each in self.people]
        loaded = await self._the_source_says(*before, *(each.insured for each in self.people))
        assert loaded.loaded == len(self.people)
        for each in self.people:
            each.token = self.sealer.person_token(each.insured.personal_number)
        rows = await self.pool.fetch(
            "SELECT id, token FROM persons WHERE token = ANY ($1::text[])", [each.token for each in self.people]
        )
        row_of = {row["token"]: row["id"] for row in rows}
        for each in self.people:
            each.row = row_of[each.token]
        self.persons = [each.row for each in self.people]
        self.begun()
        await self.pool.execute(
            "INSERT INTO begun SELECT person_id, sum(amount_fen) FROM claims WHERE person_id = ANY ($1) GROUP BY 1",
            self.persons,
        )
        await self.pool.execute(
            "INSERT INTO offices (code, level, parent, name) VALUES ('100000', 'ministry', NULL, '部'), "
            "($1, 'agency', '100000', '经办机构') ON CONFLICT DO NOTHING",
            (region := self.people[0].insured.region),
        )
        await self.pool.execute(
            "INSERT INTO posts (office, role, rank, staff) VALUES ($1, 'clerk', 0, $2) ON CONFLICT DO NOTHING",
            *(region, CLERK.id),
        )
        self._say("people", " ".join(f"{each.insured.region}" for each in self.people))
        await self._act(self._somebody_applies)

    async def _act(self, act: Callable[[], Awaitable[None]]) -> None:
        await act()
        if not (self.stops_between_steps and self.one_in(6)):
            await self.settle()
        await self.look()

    def _drawn(self) -> Callable[[], Awaitable[None]]:
        acts: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (30, self._somebody_leads_on),
            (14, self._something_possible_is_told),
            (5, self._anything_is_told),
            (12, self._a_limit_ends),
            (8, self._time_passes),
            (7, self._somebody_applies),
            (4, self._a_card_is_lost_or_found),
            (4, self._an_answer_comes_late),
            (4, self._something_is_told_again),
            (3, self._the_register_learns_of_an_end),
            (3, self._the_calendar_is_amended),
            (3, self._the_policy_changes),
            (3, self._schedules_look),
            (8, self._questions_are_delivered),
            (3, self._a_scheme_pays),
        ]
        if self.stops_between_steps:
            acts.append((5, self._something_is_invented))
        return self._random.choices([act for _, act in acts], weights=[weight for weight, _ in acts])[0]

    async def look(self) -> None:
        """Follow what happened, and ask every rule. Raises `WentWrong` or `Apart`."""
        if not self.moved:
            return
        self.moved = False
        for told in await self.twins.follow(self.watcher, self.persons):
            self.happened[told.event] += 1
            self._say(f"    {told.case_id[:7]} {told.event} -> {told.to}")
            self._heard(told)
            if told.event == Event.person_ended:
                await self._is_known(told.case_id)
        await self._ask(BROKEN.found)

    def _heard(self, told: Moved) -> None:
        """A case has moved."""

    async def _ask(self, rules: str) -> None:
        broken = await self.watcher.fetch(rules, self.persons, self.now)
        if broken:
            raise WentWrong("; ".join(f"{row['rule']}: {row['what']}" for row in broken))

    async def _is_known(self, case_id: str) -> None:
        await self.watcher.execute(
            "INSERT INTO ends_known SELECT id, $2 FROM persons WHERE token = $1 ON CONFLICT DO NOTHING",
            *(case_id.partition("-")[2], self.now),
        )

    def _say(self, *words: object) -> None:
        self.story.append(" ".join(str(word) for word in words))

    # --- which case -------------------------------------------------------------------------------------------------

    @property
    def newest(self) -> dict[str, CaseState]:
        """The newest generation of each case."""
        return self.twins.newest

    def _some_case(self) -> CaseState | None:
        """An open case most often, else any."""
        cases = list(self.newest.values())
        still_open = [state for state in cases if state.is_open]
        if still_open and not self.one_in(12):
            return still_open[self._random.randrange(len(still_open))]
        return cases[self._random.randrange(len(cases))] if cases else None

    def _facts(self, state: CaseState, *, fitting: bool) -> Told:
        return Told(state, self.now, self.pick, self.sealer, self.policies, fitting=fitting)

    # --- acts -------------------------------------------------------------------------------------------------------

    async def _somebody_leads_on(self) -> None:
        state = self._some_case()
        if state is None or not state.is_open:
            return
        if state.stuck:
            await self._tell_drawn(state, Event.repair, fitting=True)
        elif state.status in LEADS_ON:
            await self._tell_drawn(state, self.pick(LEADS_ON[state.status]), fitting=True)

    async def _something_possible_is_told(self) -> None:
        state = self._some_case()
        if state is None or not state.is_open:
            return
        possible = possible_events(state, self.now)
        machine = state.machine
        others = [
            event for event in possible if any(machine.is_open(row.to) for row in machine.rows(state.status, event))
        ]
        drawn = (*others, *others, *others, *possible)
        if drawn:
            await self._tell_drawn(state, self.pick(drawn), fitting=self.pick((False, True)))

    async def _anything_is_told(self) -> None:
        state = self._some_case()
        if state is not None:
            outside = [event for event in Event if event.origin is Origin.outside]
            await self._tell_drawn(state, self.pick(outside), fitting=self.pick((False, True)))

    async def _a_card_is_lost_or_found(self) -> None:
        state = self._some_case()
        if state is not None:
            event = self.pick((Event.report_loss, Event.report_loss, Event.confirm_loss, Event.card_found))
            await self._tell_drawn(state, event, fitting=True)

    async def _an_answer_comes_late(self) -> None:
        state = self._some_case()
        if state is not None:
            answers = [event for event, record in EVENTS.items() if record.answers]
            await self._tell_drawn(state, self.pick((*answers, Event.card_turned_up)), fitting=False)

    async def _tell_drawn(self, state: CaseState, event: Event, *, fitting: bool) -> Code | None:
        if not self._can_be_told(state, event):
            return None
        fact = self._facts(state, fitting=fitting).of(event)
        assert fact is not None
        return await self._tell(state, event, fact)

    def _can_be_told(self, state: CaseState, event: Event) -> bool:
        """A workflow has updates for what its machine knows only."""
        return event in state.machine.every_event

    async def _tell(self, state: CaseState, event: Event, fact: Fact) -> Code | None:
        """Tell a case something; it is refused exactly where the pure machine refuses it."""
        fact = stamped(fact, state.case_id, event, self.now)
        expected = self.twins.refusal_of(state, event, fact, self.now)
        self._names += 1
        told_as = f"told-{self._names}"
        was = state.version
        refused = await self.tell(state, event, fact, told_as)
        self._say(f"{state.case_id[:7]} is told {event} in {state.status}: {refused or 'done'}")
        self._told.append((state, event, fact, told_as))
        await self.look()
        newest = self.newest[state.case_id]
        if refused is not None and newest.is_open and _has_learnt_of_an_end(state, newest):
            # What was told had the register find out that the person has ended, and was judged by a case that knew.
            expected = self.twins.refusal_of(newest, event, fact, self.now)
        self.judge(state, event, expected, refused)
        if refused is not None:
            self.happened[f"refused {refused}"] += 1
        assert state.version == was
        return refused

    def judge(self, state: CaseState, event: Event, expected: Code | None, refused: Code | None) -> None:
        if refused in ENDS_A_PERSON or (not state.is_open and EVENTS[event].is_heard_after_closing):
            return
        if refused is Code.CASE_CLOSED and self.newest[state.case_id].ended_because in ENDS_A_PERSON:
            # What was told had the register find out that the person has ended, and the case with them.
            return
        if expected is None and refused is not None:
            known = ONLY_THE_REGISTER_KNOWS.get(event, frozenset())
            if refused not in known and refused is not Code.OPINIONS_DIFFER:
                raise WentWrong(f"{event} in {state.status} is possible, and was refused: {refused}")
        elif expected is Code.ANSWER_OUT_OF_DATE and refused in {Code.ROLE_NOT_ALLOWED, Code.OFFICE_NOT_COMPETENT}:
            # What comes too late is written down only where it was theirs to say.
            return
        elif expected is not None and refused is not expected and refused is not Code.POLICY_UNKNOWN:
            raise WentWrong(f"{event} in {state.status} is refused as {refused}, and not as {expected}")

    async def _something_is_told_again(self) -> None:
        """What was told once has effect once, whatever became of the case since."""
        if not self._told:
            return
        state, event, fact, told_as = self.pick(self._told)
        newest = self.newest[state.case_id]
        if newest.generation != state.generation or not newest.is_open:
            return
        again = await self.tell(newest, event, fact, told_as)
        self._say(f"{state.case_id[:7]} is told {event} again: {again or 'as before'}")
        self.happened["told again"] += 1

    async def _a_limit_ends(self) -> None:
        upcoming = [state.upcoming.at for state in self.newest.values() if state.upcoming is not None]
        if upcoming:
            self._say("the next limit ends")
            await self.wait(max(self.now, min(upcoming).astimezone(UTC)) + A_MOMENT)

    async def _time_passes(self) -> None:
        passed = timedelta(hours=self.pick((1, 5, 30, 30, 100, 300, 1500)))
        self._say(f"{passed} pass")
        await self.wait(self.now + passed)
        if passed > timedelta(days=1):
            await self._schedules_look()

    async def _schedules_look(self) -> None:
        """The scheduled looks at held benefits, reports of losses and ends of persons."""
        self.moved = True
        self._say("schedules look")
        for each in self.people:
            await self._look_at(each)
        for state in list(self.newest.values()):
            if not state.is_open:
                continue
            if state.benefits_held:
                await self.hint(state.case_id, Event.benefits_lifted)
            if state.card_blocked and not state.loss_settled and not state.card_cancelled:
                await self.hint(state.case_id, Event.block_ended)
            await self.hint(state.case_id, Event.person_found_ended)

    async def _questions_are_delivered(self) -> None:
        """Some sinks accept what is meant for them alone, and the publisher looks whose cases that concerns."""
        targets = self.pick((("bank",), ("card_bureau",), ("bank", "card_bureau", "pension", "medical_insurance")))
        delivered = await self.pool.fetch(
            "INSERT INTO delivered_events (event_id, delivered_at, way, client) "
            "SELECT events.id, $3, 'webhook', target FROM events JOIN cases USING (case_id, generation) "
            "WHERE person_id = ANY ($1) AND request_id IS NOT NULL AND target = ANY ($2::text[]) "
            "ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
            *(self.persons, targets, self.now),
        )
        self._say("questions are delivered to", *targets, len(delivered))
        self.happened["delivered"] += len(delivered)
        for state in list(self.newest.values()):
            if state.is_open and state.waits_to_ask:
                await self.hint(state.case_id, Event.question_delivered)

    async def _look_at(self, somebody: Somebody) -> None:
        async with self.pool.acquire() as connection:
            blocks = await connection.fetch(
                "SELECT id FROM cards WHERE person_id = $1 AND code = 'B' AND block_ends_at <= $2",
                *(somebody.row, self.now),
            )
            for block in blocks:
                await unblocking.SQL["end_block"].first(connection, {"card": block["id"], "at": self.now})
            holds = await connection.fetch(
                "SELECT id FROM benefit_holds WHERE person_id = $1 AND state <> 'released'", somebody.row
            )
            ended = await connection.fetchval("SELECT end_of_person($1)", somebody.row)
        for hold in holds:
            await rechecking._lift(self.pool, hold["id"], somebody.token, self.now)
        if ended is not None:
            owed_under = self.policies.of_region(somebody.insured.region).owed_under
            await ending._release(self.pool, somebody.row, somebody.token, self.now, owed_under)

    async def _a_scheme_pays(self) -> None:
        somebody = self.pick(self.people)
        await self.pool.execute(
            "UPDATE claims SET state = 'paid' WHERE id = ("
            "SELECT id FROM claims WHERE person_id = $1 AND state = 'queued' ORDER BY id LIMIT 1)",
            somebody.row,
        )
        self.moved = True
        self._say("a scheme pays")
        self.happened["paid"] += 1

    async def _the_register_learns_of_an_end(self) -> None:
        somebody = self.pick(self.people)
        what: dict[str, Any] = self.pick(
            ({"died_on": _DIED_ON}, {"transferred": True}, {"insured_again": "register/2026-1"})
        )
        self._version += 1
        loaded = await self._the_source_says(
            somebody.insured.model_copy(update=what | {"source_version": self._version})
        )
        self.moved = True
        self._say("the register learns", what, loaded.ended, loaded.returned)
        self.happened["learnt of an end"] += loaded.ended
        if loaded.ended:
            await self.pool.execute(
                "INSERT INTO ends_known VALUES ($1, $2) ON CONFLICT DO NOTHING", *(somebody.row, self.now)
            )
        if loaded.returned:
            await self.pool.execute("DELETE FROM ends_known WHERE person_id = $1", somebody.row)

    async def _the_source_says(self, *said: InsuredPerson) -> Loaded:
        return await load_persons(self.pool, self.sealer, said)

    async def _the_calendar_is_amended(self) -> None:
        first = day_of(self.now) + timedelta(days=self.pick(range(1, 20)))
        days = frozenset(first + timedelta(days=more) for more in range(self.pick((1, 3, 7))))
        off, on = self._amended
        self._amended = self.pick(((off | days, on - days), (off - days, on | days)))
        self._say("the calendar is amended", first, len(days))
        self.happened["calendar amended"] += 1
        await self._calendar_is_installed()

    async def _calendar_is_installed(self) -> None:
        """The check of the calendar goes over the cases some time later; here, at once or never."""
        if self.one_in(2):
            for state in list(self.newest.values()):
                if state.is_open and state.version > 0:
                    await self.hint(state.case_id, Event.recompute)

    async def _the_policy_changes(self) -> None:
        state = self._some_case()
        if state is not None and state.is_open and state.version > 0:
            await self._tell(
                state,
                Event.recompute,
                of_office(self._facts(state, fitting=True).recompute(OPERATOR), state.opening.region),
            )

    async def _something_is_invented(self) -> None:
        state = self._some_case()
        if state is None:
            return
        event = self.pick([event for event in Event if event.origin is not Origin.outside])
        if event not in state.machine.every_event:
            return
        refused = await self.invent(state, event)
        self._say(f"{state.case_id[:7]} is asked {event} in {state.status}: {refused or 'true'}")
        if refused is not None and refused not in NOT_ALLOWED_NOW | ENDS_A_PERSON:
            raise WentWrong(f"{event} in {state.status} was invented, and refused as {refused}")
        self.happened["invented"] += 1

    # --- applications -----------------------------------------------------------------------------------------------

    async def _somebody_applies(self) -> None:
        somebody = self.people[0] if self.one_in(2) else self.pick(self.people)
        needed = Kind.id_number_change if len(somebody.insured.number or "") == 15 else Kind.card_replacement
        opening = self._application(somebody, self.pick((needed, needed, *Kind)))
        if self._opened and self.one_in(5):
            opening = self.pick(self._opened)
        refused = await self.open(opening)
        case_id = case_id_of(opening.kind, opening.person)
        self._say(f"{case_id[:7]} is applied for, reopen={opening.reopen}: {refused or 'taken in'}")
        self.happened[f"applied {refused or ''}".strip()] += 1
        if refused is None:
            self._opened.append(opening)

    def _application(self, somebody: Somebody, kind: Kind) -> Opening:
        case_id = case_id_of(kind, somebody.token)
        before = self.newest.get(case_id)
        region = somebody.insured.region
        self._names += 1
        key = f"key-{somebody.insured.personal_number}-{self._names}"
        number = somebody.wants if kind is Kind.id_number_change else self._shown(somebody)
        fields: dict[str, Any] = {
            "kind": kind,
            "person": somebody.token,
            "name": self._sealed(Field.name, somebody.insured.name, somebody),
            "number": self._sealed(Field.number, number, somebody),
            "number_token": self.sealer.number_token(number),
            "region": region,
            "submitter": CLERK.model_copy(update={"office": region}),
            "documents": self.pick((ORDINARY, ORDINARY[:1], ())),
            "key": key,
            "fingerprint": self.sealer.content_token(key),
            "reopen": before is not None and not before.is_open,
        }
        opening: Opening
        if kind is Kind.id_number_change:
            if self.one_in(8):
                fields["new_name"] = self._sealed(Field.name, f"{somebody.insured.name}新", somebody)
            if fields["reopen"] and before is not None and before.status is Status.done:
                why = self.pick(tuple(CorrectionReason))
                fields["correction"] = Correction(reason=why, legal_basis=BASIS, reference="review-1")
            opening = NumberChangeOpening(**fields)
        else:
            reason = self.pick((ReplacementReason.lost, ReplacementReason.lost, *ReplacementReason))
            opening = ReplacementOpening(reason=reason, **fields)
        by_a_system = self.one_in(4)
        return stamped_by_a_system(opening, self.now) if by_a_system else stamped_opening(opening, self.now)

    def _shown(self, somebody: Somebody) -> str:
        """The number that an applicant for a card shows: the old one or the new one, whichever is in force by now."""
        change = self.newest.get(case_id_of(Kind.id_number_change, somebody.token))
        number = somebody.wants if change is not None and change.committed else somebody.insured.number
        assert number is not None
        return number if not self.one_in(8) else somebody.wants

    def _sealed(self, what: Field, text: str, somebody: Somebody) -> str:
        return self.sealer.seal(text, field=what, person=somebody.token)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _everybody_does_their_part(self) -> None:
        """Whoever is asked does what they are asked for, and time passes: every case must come to its end."""
        await self._turn(self.settle)
        for turn in range(PATIENCE):
            still_open = [state for state in self.newest.values() if state.is_open]
            if not still_open:
                break
            before = [(state.case_id, state.version) for state in still_open]
            for state in still_open:
                if self.newest[state.case_id].version == state.version:
                    await self._turn(partial(self._does_their_part, state, turn))
            after = [(case_id, state.version) for case_id, state in self.newest.items() if state.is_open]
            if before == after:
                await self._turn(self._a_limit_ends)
        else:
            left = [state.status.value for state in self.newest.values() if state.is_open]
            raise WentWrong(f"nobody has a way on: {left}")
        await self._turn(self._schedules_look)
        # Reports of losses run out by themselves.
        await self._turn(lambda: self.wait(self.now + timedelta(days=60)))
        await self._turn(self._schedules_look)
        await self._ask(HANGING.found)

    async def _turn(self, act: Callable[[], Awaitable[object]]) -> None:
        self.now += A_MOMENT
        await act()
        await self.settle()
        await self.look()

    async def _does_their_part(self, state: CaseState, turn: int) -> None:
        if state.stuck:
            await self._tell_drawn(state, Event.repair, fitting=True)
            return
        events = [event for event in LEADS_ON.get(state.status, ()) if self._can_be_told(state, event)]
        if not events:
            return
        event = events[turn % len(events)]
        if turn > PATIENCE // 2 and state.machine.rows(state.status, Event.reject):
            # What is asked for cannot be had: the office decides.
            event = Event.reject
            self.happened["decided as it is"] += 1
        elif state.status is Status.on_hold and state.hold_reason is HoldReason.number_change_first:
            await self._the_number_comes_first(state)
            return
        fact = self._facts(state, fitting=True).of(event)
        assert fact is not None
        actors = _ENTITLED.get(event)
        if actors is not None:
            fact = fact.model_copy(update={"actor": actors[turn % len(actors)]})
        if isinstance(fact, ResolveDuplicate) and turn > PATIENCE // 4:
            # The other record is gone by now: there is nothing to merge with.
            fact = fact.model_copy(update={"same_person": False})
        await self._tell(state, event, of_office(fact, state.opening.region))

    async def _the_number_comes_first(self, state: CaseState) -> None:
        somebody = next(each for each in self.people if each.token == state.opening.person)
        change = self.newest.get(case_id_of(Kind.id_number_change, somebody.token))
        if change is None or change.status in {Status.withdrawn, Status.closed_no_response}:
            await self.open(self._application(somebody, Kind.id_number_change))


_ENTITLED: Final[Mapping[Event, tuple[Actor, ...]]] = {
    Event.verify_documents: (VERIFIER, CLERK, OFFICER),
    Event.approve: (OFFICER, SECOND_OFFICER, SUPERVISOR),
    Event.resolve_dispute: (OFFICER, SECOND_OFFICER, SUPERVISOR),
    Event.resolve_duplicate: (OFFICER, SECOND_OFFICER, SUPERVISOR),
    Event.card_unclaimed: (CLERK, VERIFIER),
    Event.card_destroyed: (CLERK, VERIFIER),
}
"""Who does their part where it matters that it is another person than before."""
