"""The register's activities: take an application in, and make the transitions of a case.

The register decides: it runs the pure machine on the state that it holds, at a moment of its own clock, and writes
state, effects, audit and messages in one transaction, which is one call of a function in SQL. Asking twice moves once;
a step that was made is answered with what stands. Whatever goes wrong leaves as a code (`errors.py`).
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
from pydantic_core import to_json
from temporalio import activity

from activities.calendar import Calendars
from activities.registry.audit import canonical
from activities.registry.authority import (
    TooEarly,
    check_caller,
    check_caller_of_closed,
    check_due,
    claims_of,
    fact_of,
)
from activities.registry.clock import Clock
from activities.registry.effects import (
    WRITES_NOTHING_OF_THE_PERSON,
    Intended,
    facts_after_closing,
    facts_of,
    further_messages,
    messages_of,
    of_the_register,
)
from activities.registry.errors import (
    PASSES,
    REFUSAL,
    SAYS_WHY,
    STAMP_ONCE,
    Refused,
    code_of,
    codes_only,
    is_final,
    report,
)
from activities.registry.pool import AWAY, Pool, connection_of
from activities.registry.queries import load
from activities.registry.screening import ENDED, Screened, screen
from activities.registry.stored import Copies, Copy, Stored
from activities.sealing import Sealer
from activities.stamps import Stamps
from cases.answers import Answer, LateAnswer, Receipt, Transition, Unasked
from cases.clocks import SHANGHAI, day_of
from cases.decide import Decision, decide, initial_state, next_step, otherwise, where_it_cannot_be_undone
from cases.delivery import DeliverRequest
from cases.errors import CaseError, Code
from cases.events import EVENTS, Event, Origin
from cases.facts import Fact, Recompute, answered_by
from cases.kinds import KINDS, read_case_id
from cases.kinds import case_id as case_id_of
from cases.machines.machine import Effect
from cases.models import Actor, Record, Role
from cases.names import CALENDAR_GREW
from cases.openings import Opening
from cases.policy import Policies, Policy
from cases.rules.people import ENDS_A_PERSON, check_fact, check_speaker
from cases.stamps import Claims, names_a_clerk
from cases.state import CaseState
from cases.steps import (
    KEPT_LATE_ANSWERS,
    KEPT_TRANSITIONS,
    AnswerAfterClosing,
    Neighbour,
    RegisterRequest,
    Standing,
    StepRequest,
    StepResult,
    ToldAfterClosing,
    changes_of,
)
from cases.submitters import Citizen, check_authority
from cases.views import Listed, receipt_of

SQL: Final = load("cases.sql")

REGISTRATION: Final = "registered"
"""Event of the audit's first row of a generation; it is no event of the state table."""

ATTEMPTS: Final = 5
"""How often a step is tried again after another step was faster, or PostgreSQL ended it in favour of another."""

MOST_ACTS: Final = 100
"""What one person or system may tell a case in one generation: several times as much as the longest of lives needs."""
LARGEST_STATE: Final = 64 * 1024
"""Bytes of a case's state. What would make it larger is refused, unless it ends the case or happens of itself."""

_ENDS_A_PERSON: Final = {finding: code for code, finding in ENDED.items()}
_ENDS_A_BLOCK: Final = frozenset({Event.block_ended, Event.loss_report_expired})
"""What rests on whether the person has a card in use, which other cases may have changed."""
_CODES: Final = {code.value: code for code in Code}
_REFUSES_APPLICATION: Final = frozenset(
    {
        Code.NUMBER_EMPTY,
        Code.NUMBER_LENGTH,
        Code.NUMBER_CHARACTERS,
        Code.NUMBER_X_POSITION,
        Code.NUMBER_CHECK_DIGIT,
        Code.NUMBER_BIRTH_DATE,
        Code.NUMBER_BIRTH_IN_FUTURE,
        Code.NAME_EMPTY,
        Code.NAME_TOO_LONG,
        Code.TEXT_FORBIDDEN_CHARACTERS,
        Code.PAYLOAD_INVALID,
        Code.POLICY_UNKNOWN,
        Code.CHANNEL_NOT_OFFERED,
        Code.DELIVERY_NOT_OFFERED,
        Code.IDENTITY_CHECK_MISSING,
        Code.IDENTITY_CHECK_REFUSED,
        Code.PERSON_ERASED,
    }
)
"""What makes an application unacceptable; anything else that goes wrong is ours, and the step is repeated."""

Written = Callable[[str, DeliverRequest], None]
"""Told of the notifications of a step, by the step's business key, once they are durable. It must not wait: whatever
becomes of them then, the sweep delivers what is left.
"""


class _Asked(NamedTuple):
    """What is to be made of a case."""

    event: Event
    fact: Fact | None = None
    request: StepRequest | None = None
    """Of what was told, as it was told."""
    claims: Claims | None = None
    because: Code | None = None
    """Why the register refused the step in whose place this one is made."""


def _identity_of(asked: _Asked) -> str | None:
    """The identity under which a case was told; None of what nobody told.

    Whoever asks for a step chooses it. A step of the engine or a time limit under the identity of what somebody tells
    would be taken for the answer to that, so only what is stamped has one, and the calendar's word, under its own name.
    """
    if asked.request is None or asked.request.told_as is None:
        return None
    of_the_calendar = asked.event is Event.recompute and asked.request.told_as.startswith(f"{CALENDAR_GREW}:")
    return asked.request.told_as if asked.claims is not None or of_the_calendar else None


class _Taken(NamedTuple):
    """An application that the register has."""

    generation: int
    now: datetime
    copy: Copy | None = None
    """Of the case, where it was opened just now."""


class _Made(NamedTuple):
    """A transition that was made."""

    copy: Copy
    transition: Transition
    neighbours: tuple[Neighbour, ...]
    now: datetime
    receipt: Receipt | None


class _Stale(Exception):
    """Another transition was made meanwhile."""

    def __init__(self, erased: int = 0) -> None:
        self.erased = erased
        """How many generations the case had that was erased; 0 where none was."""
        super().__init__()


class Registry:
    """Activities on the register."""

    def __init__(
        self,
        pool: Pool,
        sealer: Sealer,
        stamps: Stamps,
        policies: Policies,
        calendars: Calendars,
        written: Written | None = None,
        *,
        clock: Clock = Clock.register,
    ) -> None:
        self._pool = pool
        self._sealer = sealer
        self._stamps = stamps
        self._policies = policies
        self._calendars = calendars
        self._written = written
        self._clock = clock
        self._copies = Copies()

    @activity.defn
    @codes_only
    async def register(self, request: RegisterRequest) -> StepResult:
        """Take an application in durably and screen it, or answer where its case stands.

        The same idempotency key with the same content is answered as before, for ever. A closed case answers with its
        ending unless the application reopens it; then its next generation begins. `refused`: IDEMPOTENCY_CONFLICT,
        CASE_ALREADY_OPEN, CASE_NOT_REOPENABLE, what is wrong with the stamp, or the code of a hard rule the number
        breaks.
        """
        opening = request.opening
        case_id = case_id_of(opening.kind, opening.person)
        check_caller(case_id, opening.kind, self._stamps.audience)
        erased = 0
        for _ in range(ATTEMPTS):
            try:
                taken = await self._take_in(request, erased)
            except Refused as refused:
                return StepResult(refused=refused.code)
            except asyncpg.UniqueViolationError as violation:
                if violation.constraint_name != STAMP_ONCE:
                    raise
                return StepResult(refused=Code.STAMP_USED)
            except _Stale as stale:
                erased = stale.erased
                continue
            copy = taken.copy or (await self._held(case_id, taken.generation))[0]
            if copy.state.version > 0 or not request.onward:
                return await self._standing(copy.state, after=0)
            made, _ = await self._onward(copy, taken.now)
            return StepResult.saying(
                standing=Standing.of(
                    made[-1].copy.state if made else copy.state,
                    next((each.receipt for each in made if each.receipt is not None), None),
                    tuple(each.transition for each in made),
                    await self._late_answers(case_id) if taken.generation > 1 else (),
                ),
                neighbours=tuple(neighbour for each in made for neighbour in each.neighbours),
            )
        raise CaseError(Code.DATABASE_UNAVAILABLE)

    @activity.defn
    @codes_only
    async def advance(self, request: StepRequest) -> StepResult:
        """Make the transition that a case asks for, and those of the engine's own that follow from it at once.

        Each is a transaction and a link of the audit. Answers what stands instead where the register is ahead of the
        asking run, and why it cannot be made.
        """
        for _ in range(ATTEMPTS):
            copy, row = await self._held(request.case_id, request.generation, request.told_as)
            state = copy.state
            check_caller(request.case_id, state.kind, self._stamps.audience)
            if state.version != request.version or row["told_in"] is not None:
                return await self._standing(state, after=request.version, told_as=request.told_as)
            now = self._clock.choose(row["now"], request.at)
            try:
                asked = await self._or_asked(self._authorise(request, state, now), state)
                await self._check_acts(asked, state)
                try:
                    return await self._move_on(copy, asked, now)
                except CaseError as refused:
                    if refused.code is not Code.ANSWER_OUT_OF_DATE:
                        raise
                    return await self._write_down(state, asked, now)
            except TooEarly as early:
                return StepResult(not_before=early.ends_at, now=now)
            except _Stale:
                self._copies.drop(request.case_id, request.generation)
            except CaseError as not_possible:
                if not_possible.code in PASSES:
                    raise
                return StepResult(refused=not_possible.code)
        raise CaseError(Code.DATABASE_UNAVAILABLE)

    @activity.defn
    @codes_only
    async def tell_closed(self, request: ToldAfterClosing) -> AnswerAfterClosing:
        """Take in what somebody tells a closed case.

        An answer to a request that is over is written down and refused; what the world shows, a card that turned up or
        was destroyed, lost or found, is on record. Either once for each identity. `refused`: CASE_UNKNOWN, CASE_CLOSED
        for what no closed case is told, and what is wrong with the stamp or with what is told.
        """
        read_case_id(request.case_id)
        check_caller_of_closed(request.case_id, request.told_as, self._stamps.audience)
        for _ in range(ATTEMPTS):
            async with connection_of(self._pool) as connection:
                newest = await SQL["newest_generation"].first(connection, {"case_id": request.case_id})
            if newest is None:
                return AnswerAfterClosing(refused=Code.CASE_UNKNOWN)
            copy, row = await self._held(request.case_id, newest["generation"])
            if copy.state.is_open:
                return AnswerAfterClosing(is_open=True)
            now = self._clock.choose(row["now"], request.at or row["now"])
            try:
                return await self._take_in_after_closing(copy.state, request, now)
            except _Stale:
                continue
            except Refused as refused:
                return AnswerAfterClosing(refused=refused.code)
            except CaseError as not_possible:
                if not_possible.code in PASSES:
                    raise
                return AnswerAfterClosing(refused=not_possible.code)
        raise CaseError(Code.DATABASE_UNAVAILABLE)

    # --- taking in --------------------------------------------------------------------------------------------------

    async def _take_in(self, request: RegisterRequest, erased: int) -> _Taken:
        """The generation that an application belongs to, opened now or before. Raises `Refused` or `_Stale`.

        `erased` is how many generations of the case were erased, as far as is known.
        """
        opening, case_id = request.opening, case_id_of(request.opening.kind, request.opening.person)
        values: dict[str, Any] = {"key": opening.key, "case_id": case_id, "fingerprint": opening.fingerprint}
        clerk = opening.submitter if isinstance(opening.submitter, Actor) else None
        values |= {"staff": clerk.id if clerk else None, "office": clerk.office if clerk else None}
        async with connection_of(self._pool) as connection:
            seen = await SQL["look_for_application"].first(connection, values)
        if seen is None:
            raise AssertionError("a row, whatever there is")
        now = self._clock.choose(seen["now"], request.at)
        if seen["used_by"] is not None:
            if (seen["used_by"], seen["used_fingerprint"]) != (case_id, opening.fingerprint):
                raise Refused(Code.IDEMPOTENCY_CONFLICT)
            return _Taken(seen["used_generation"], now)
        # What was written before is not judged again: the key of its stamp may be out of use by now.
        try:
            claims = self._stamps.check_opening(opening, request.arrived, now)
            if isinstance(opening.submitter, Citizen):
                check_authority(opening.submitter, opening.person, day_of(now))
        except CaseError as not_theirs:
            raise Refused(not_theirs.code) from None
        if names_a_clerk(claims, opening) and not seen["is_staff"]:
            raise Refused(Code.SUBMITTER_UNKNOWN)
        if seen["generation"] is not None and (seen["closed_at"] is None or not opening.reopen):
            if seen["closed_at"] is None and seen["fingerprint"] != opening.fingerprint:
                raise Refused(Code.CASE_ALREADY_OPEN)
            async with connection_of(self._pool) as connection:
                await SQL["use_key"].run(connection, values | {"generation": seen["generation"], "at": now})
            return _Taken(seen["generation"], now)
        _check_reopening(opening, seen)
        # Of a case that was erased the register alone knows how many generations it had.
        return await self._open_generation(request, claims, (seen["generation"] or erased) + 1, now)

    async def _open_generation(
        self, request: RegisterRequest, claims: Claims, generation: int, now: datetime
    ) -> _Taken:
        """Open a generation of a case. Raises `Refused`: with its person a case has ended for good."""
        opening = request.opening.model_copy(update={"stamp": None})
        blank = initial_state(opening).model_copy(
            update={"generation": generation, "submitter_named": names_a_clerk(claims, opening)}
        )
        screened = await self._screen_person(blank, now)
        screening = screened.screening
        if opening.reopen and (ended := _ENDS_A_PERSON.get(screening.finding)) is not None:
            raise Refused(ended)
        state = blank.model_copy(
            update={
                "screening": screening,
                "benefits_held": screening.benefits_held,
                "merged": screening.merged,
                "related": screening.related,
                "card_in_use": screening.card_in_use,
                "card_blocked": screening.card_blocked,
                "surplus": screened.surplus,
                "destruction": screened.destruction,
            }
        )
        copy = Copy.of(state)
        told = request.opening.model_dump(mode="json", include={"stamp"})
        asked = {
            "who_else": screened.who_else,
            "case": self._row(copy)
            | {
                "case_id": state.case_id,
                "generation": generation,
                "kind": state.kind.value,
                "person": opening.person,
                "person_id": screened.person_id,
                "region": opening.region,
                "category": opening.category.value,
                "version": 0,
                "key": opening.key,
                "fingerprint": opening.fingerprint,
                "number_token": opening.number_token,
                "replaces_number_id": screened.number_id,
                "channel": opening.channel.value,
                "submitter_kind": opening.submitter_kind.value,
                "submitter": opening.taken_in_by,
                "submitter_named": state.submitter_named,
                "submitter_ref": opening.submitter.ref if isinstance(opening.submitter, Citizen) else None,
                "state_digest": copy.digest,
                "opened_at": now,
                "moved_at": now,
            },
            "file": {
                "case_id": state.case_id,
                "generation": generation,
                "opening": copy.texts.opening,
                "screening": copy.texts.screening,
            },
            "transition": _link(
                state, claims, event=REGISTRATION, from_status=None, before=None, after=copy.digest, at=now
            )
            | {"fact": canonical(told), "outcome": "{}"},
        }
        answer = await self._call("open_case", asked)
        self._copies.keep(copy)
        return _Taken(generation, self._clock.choose(datetime.fromisoformat(answer["now"]), request.at), copy)

    async def _screen_person(self, state: CaseState, now: datetime) -> Screened:
        """What the register says of the person. Raises `Refused` for what makes an application unacceptable."""
        try:
            async with connection_of(self._pool) as connection:
                return await screen(connection, state, now, self._sealer, self._policies)
        except CaseError as broken:
            if state.screening is None and broken.code in _REFUSES_APPLICATION:
                raise Refused(broken.code) from None
            raise

    # --- moving -----------------------------------------------------------------------------------------------------

    def _authorise(self, request: StepRequest, state: CaseState, now: datetime) -> _Asked:
        """What a request may have done. Raises `CaseError` or `TooEarly`."""
        if not state.is_open:
            raise CaseError(Code.CASE_CLOSED)
        fact = fact_of(request)
        claims = claims_of(self._stamps, request, fact, now)
        check_due(state, request.event, now)
        if request.event.origin is Origin.timer and self._is_amended(state):
            # The date that ended rests on days that are others by now: it is computed again first.
            return _Asked(Event.recompute)
        return _Asked(request.event, fact, request, claims)

    async def _check_acts(self, asked: _Asked, state: CaseState) -> None:
        """Raises `CaseError` ACTS_TOO_MANY for whoever tells a case again and again, as a lost credential would.

        Each act is a row of the audit for good. A case of few versions nobody has told so much.
        """
        if asked.claims is None or state.version < MOST_ACTS:
            return
        values = {
            "case_id": state.case_id,
            "generation": state.generation,
            "actor": asked.claims.sub,
            "most": MOST_ACTS,
        }
        async with connection_of(self._pool) as connection:
            row = await SQL["acts_of"].first(connection, values)
        if row is not None and row["acts"] >= MOST_ACTS:
            raise CaseError(Code.ACTS_TOO_MANY)

    async def _or_asked(self, asked: _Asked, state: CaseState) -> _Asked:
        """What happens where the time to deliver a question is over and it was delivered: the answer's begins."""
        if asked.event is not Event.delivery_overdue:
            return asked
        delivered = (await self._with_deliveries(state)).asked_at is not None
        return _Asked(Event.question_delivered) if delivered else asked

    async def _with_deliveries(self, state: CaseState) -> CaseState:
        """The state with what the register knows of the delivery of what is asked."""
        question = state.question
        if question is None:
            return state
        values = {
            "case_id": state.case_id,
            "generation": state.generation,
            "request": question.request,
            "roles": [role.value for role in question.roles],
        }
        async with connection_of(self._pool) as connection:
            rows = await SQL["deliveries_of"].all(connection, values)
        delivered = [row["delivered_at"] for row in rows]
        left = [row for row in rows if row["delivered_at"] is None]
        return state.model_copy(
            update={
                "asked_at": None if left else max(delivered),
                "unasked": tuple(Unasked(role=Role(row["role"]), away_since=row["away_since"]) for row in left),
            }
        )

    def _is_amended(self, state: CaseState) -> bool:
        """Whether the calendar says something else of the days that the dates of a case were counted from."""
        rests = state.ladder.dates.rests_on
        if rests is None:
            return False
        calendar = self._calendars(self._policies.pinned(state.terms.policy).calendar)
        return calendar.says(rests.first, rests.last) != rests.says

    async def _move_on(self, copy: Copy, asked: _Asked, now: datetime) -> StepResult:
        """The answer to a transition that may be made. Raises `_Stale`, and `CaseError` where it is not possible."""
        begun = copy
        made, code = await self._made_or_otherwise(copy, asked, now)
        if made is None and code in ENDS_A_PERSON:
            asked = _Asked(Event.person_found_ended, because=code)
            made, code = await self._made_or_otherwise(copy, asked, now)
        all_made = []
        if made is None and code is not None:
            failed = where_it_cannot_be_undone(decide(copy.state, asked.event, asked.fact, now), code)
            if failed is None:
                return StepResult(refused=code)
            beforehand, _ = await self._made_or_otherwise(copy, _Asked(failed, because=Code.UNDO_IMPOSSIBLE), now)
            if beforehand is None:
                return StepResult(refused=code)
            all_made.append(beforehand)
            try:
                made, code = await self._made_or_otherwise(beforehand.copy, asked, beforehand.now)
            except CaseError as not_possible:
                code = not_possible.code
        if made is not None:
            all_made.append(made)
            if code is None and (asked.request is None or asked.request.onward):
                all_made += (await self._onward(made.copy, made.now))[0]
        return StepResult.saying(
            refused=code if made is None else None,
            moves=tuple(each.transition for each in all_made),
            changes=changes_of(begun.state, all_made[-1].copy.state),
            receipt=next((each.receipt for each in all_made if each.receipt is not None), None),
            neighbours=tuple(neighbour for each in all_made for neighbour in each.neighbours),
        )

    async def _write_down(self, state: CaseState, asked: _Asked, now: datetime) -> StepResult:
        """Keep an answer to a request that is over, once. Raises `CaseError` where it is not for the teller to give."""
        if asked.fact is None or asked.request is None or asked.claims is None:
            raise CaseError(Code.ANSWER_OUT_OF_DATE)
        check_fact(asked.event, asked.fact, state.opening.region)
        claims, request = asked.claims, answered_by(asked.fact)
        values = {
            "case_id": state.case_id,
            "generation": state.generation,
            "told_as": asked.request.told_as or claims.jti,
            "event": asked.event.value,
            "request_id": request,
            "fact": canonical(asked.request.fact or {}),
            "actor": claims.sub,
            "role": claims.role.value,
            "office": claims.office,
            "stamp": claims.jti,
            "at": now,
        }
        async with connection_of(self._pool) as connection:
            await SQL["write_down_answer"].run(connection, values)
        late = LateAnswer(event=asked.event, request=request, actor=claims.sub, at=now)
        return StepResult(refused=Code.ANSWER_OUT_OF_DATE, late_answer=late)

    async def _take_in_after_closing(
        self, state: CaseState, request: ToldAfterClosing, now: datetime
    ) -> AnswerAfterClosing:
        """Write down an answer, or take in what the world shows. Raises `CaseError`, `Refused` or `_Stale`."""
        step = StepRequest(
            version=state.version, generation=state.generation, at=now, **request.model_dump(exclude={"at"})
        )
        fact, record = fact_of(step), EVENTS[request.event]
        if not record.is_heard_after_closing or request.event not in state.machine.every_event:
            raise CaseError(Code.CASE_CLOSED)
        claims = claims_of(self._stamps, step, fact, now)
        if fact is None or claims is None:
            raise CaseError(Code.PAYLOAD_INVALID)
        check_fact(request.event, fact, state.opening.region)
        check_speaker(state, fact, day_of(now))
        policy = self._policies.pinned(state.terms.policy)
        asked: dict[str, Any] = {
            "step": {
                "case_id": state.case_id,
                "generation": state.generation,
                "version": state.version,
                "event": request.event.value,
                "at": now,
                "day": day_of(now),
                "person": state.opening.person,
                "region": state.opening.region,
                "facts": facts_after_closing(state, fact, policy, self._calendars(policy.calendar), self._sealer, now)
                | {"fact": request.fact},
            },
            "told": {
                "told_as": request.told_as,
                "event": request.event.value,
                "order_id": getattr(fact, "order", None),
                "fact": canonical(request.fact),
                "actor": claims.sub,
                "role": claims.role.value,
                "office": claims.office,
                "stamp": claims.jti,
            },
        }
        if record.answers:
            await self._call("tell_closed", asked | {"answers": answered_by(fact)})
            return AnswerAfterClosing(refused=Code.ANSWER_OUT_OF_DATE)
        found = await self._call("tell_closed", asked)
        now_so = {"card_blocked": found["blocked"], "surplus_card": found["surplus"]}
        remains = (*(what for what in state.remains if what not in now_so), *(what for what in now_so if now_so[what]))
        return AnswerAfterClosing(
            answer=Answer(
                case_id=state.case_id,
                status=state.status,
                milestone=state.milestone,
                version=state.version,
                remains=remains,
            )
        )

    async def _onward(self, copy: Copy, now: datetime) -> tuple[list[_Made], Code | None]:
        """Make the engine's own steps, until somebody has to act, a time limit has to end, or one is refused.

        What cannot be made is left to the case, which asks for it by itself.
        """
        all_made: list[_Made] = []
        while (event := next_step(copy.state, now)) is not None:
            try:
                made, code = await self._made_or_otherwise(copy, _Asked(event), now)
                if made is None and code in ENDS_A_PERSON:
                    ended = _Asked(Event.person_found_ended, because=code)
                    made, code = await self._made_or_otherwise(copy, ended, now)
            except (CaseError, _Stale, *AWAY):
                if not all_made and copy.state.version == 0:
                    raise
                break
            if made is None:
                return all_made, code
            all_made.append(made)
            copy, now = made.copy, made.now
        return all_made, None

    async def _made_or_otherwise(self, copy: Copy, asked: _Asked, now: datetime) -> tuple[_Made | None, Code | None]:
        """The transition, or the one that a case makes where the register refuses a step that happens of itself.

        Answers the code of the refusal beside it; no transition where what was told is refused, or the case waits.
        """
        event, of_itself = asked.event, asked.event.origin in {Origin.engine, Origin.timer}
        while True:
            try:
                return await self._make(copy, asked, now), None
            except Refused as refused:
                code = refused.code
            except asyncpg.UniqueViolationError as violation:
                if violation.constraint_name not in SAYS_WHY:
                    raise
                code = SAYS_WHY[violation.constraint_name]
            except (CaseError, asyncpg.PostgresError) as error:
                code = code_of(error)
                if not (of_itself and is_final(error) and event is not Event.stuck):
                    raise
                report(error, code)
            # Somebody else may have the turn again that became free: the case stays on the list of those to be told.
            busy = code is Code.PERSON_BUSY or (event is Event.turn_free and code not in ENDS_A_PERSON)
            if not busy or await self._waits_for_turn(copy.state, now):
                break
        way = otherwise(event, code) if asked.because is None and code not in ENDS_A_PERSON else None
        if way is None or not copy.state.machine.rows(copy.state.status, way):
            return None, code
        made, again = await self._made_or_otherwise(copy, _Asked(way, because=code), now)
        return made, again or code

    async def _waits_for_turn(self, state: CaseState, now: datetime) -> bool:
        """Put a case on the list of those to be told; False where the turn became free meanwhile."""
        values = {
            "person": state.opening.person,
            "case_id": state.case_id,
            "generation": state.generation,
            "at": now,
        }
        async with connection_of(self._pool) as connection:
            row = await SQL["wait_for_turn"].first(connection, values)
        return row is not None and bool(row["waits"])

    async def _make(self, copy: Copy, asked: _Asked, now: datetime) -> _Made:
        """Make one transition. Raises `Refused`, `CaseError` or `_Stale`."""
        state, event = await self._looked_at(copy.state, asked, now), asked.event
        because = asked.because
        if event is Event.person_found_ended and because is None:
            because = await self._end_of_person(state.opening.person)
        decision = decide(state, event, asked.fact, now, because)
        policy = self._policy(state, asked.fact)
        step = f"{event}.{decision.after.version}"
        related = await self._related(state, decision, asked)
        calendar = self._calendars(policy.calendar)
        final = policy.settle(decision, now, calendar, related)
        intended = Intended(state, final, decision.row, asked.fact, step, policy, self._sealer, now, calendar)
        self._check_recomputed(state, final, asked)
        after = Copy.of(final, copy)
        self._check_size(after, asked)
        receipt = receipt_of(final) if final.version == 1 else None
        transition = self._transition(state, final, asked, now, decision.row.refused)
        request = self._request(copy, after, intended, decision, asked, transition, receipt)
        answer = await self._call("make_transition", request)
        self._copies.keep(after)
        neighbours = tuple(Neighbour.model_validate(each) for each in answer["neighbours"])
        if answer["notifications"] and self._written is not None:
            key = f"{final.case_id}:{final.generation}:{step}"
            self._written(key, DeliverRequest(notifications=tuple(answer["notifications"]), at=now))
        at_end = self._clock.choose(datetime.fromisoformat(answer["now"]), now)
        return _Made(after, transition, neighbours, at_end, receipt)

    async def _looked_at(self, state: CaseState, asked: _Asked, now: datetime) -> CaseState:
        """The state with what an event rests on, as of now: a delivery, the card in use, or a screening.

        The first screening came with the registration.
        """
        if asked.event in {Event.delivery_overdue, Event.question_delivered}:
            known = await self._with_deliveries(state)
            # Who was not asked in time is named until everybody was.
            return known.model_copy(update={"unasked": state.unasked}) if known.asked_at is not None else known
        if asked.event in _ENDS_A_BLOCK:
            async with connection_of(self._pool) as connection:
                row = await SQL["card_in_use"].first(connection, {"person": state.opening.person})
            return state.model_copy(update={"card_in_use": row is not None and row["card_in_use"]})
        if asked.event not in {Event.screened, Event.checked} or state.version == 0:
            return state
        screening = (await self._screen_person(state, now)).screening
        return state.model_copy(
            update={
                "screening": screening,
                "merged": screening.merged,
                "related": screening.related,
                "card_in_use": screening.card_in_use,
            }
        )

    async def _end_of_person(self, person: str) -> Code:
        """Why the register does nothing for a person any more. Raises `Refused` EVENT_NOT_ALLOWED where it does."""
        async with connection_of(self._pool) as connection:
            row = await SQL["end_of_person"].first(connection, {"person": person})
        if row is None or row["ended"] is None:
            raise Refused(Code.EVENT_NOT_ALLOWED)
        return Code(row["ended"])

    async def _related(self, state: CaseState, decision: Decision, asked: _Asked) -> str | None:
        """The case that this one is from now on related to; None where that does not change."""
        if Effect.open_dispute in decision.effects:
            values = {"number_token": state.opening.number_token, "person": state.opening.person}
            async with connection_of(self._pool) as connection:
                row = await SQL["rival_case"].first(connection, values)
            return None if row is None else row["case_id"]
        claimed = asked.request.related if asked.request is not None else None
        if claimed is None or asked.event.origin is not Origin.neighbour:
            return None
        parties = {"case_id": state.case_id, "person": state.opening.person, "related": claimed}
        async with connection_of(self._pool) as connection:
            row = await SQL["is_related"].first(connection, parties)
        return claimed if row is not None and row["is_related"] else None

    def _policy(self, state: CaseState, fact: Fact | None) -> Policy:
        """The policy that the case is pinned to, or is pinned to by this step. Raises `Refused` POLICY_UNKNOWN."""
        if not isinstance(fact, Recompute) or fact.policy is None:
            return self._policies.pinned(state.terms.policy)
        policy = self._policies.find(fact.policy)
        if policy is None or not policy.serves(state.opening.region):
            raise Refused(Code.POLICY_UNKNOWN)
        return policy

    def _check_recomputed(self, before: CaseState, after: CaseState, asked: _Asked) -> None:
        """Nobody's word that the calendar grew is needed, and none is heard: dates move, or they do not.

        Raises `Refused` EVENT_NOT_ALLOWED.
        """
        if asked.event is Event.recompute and asked.fact is None:
            dates = (before.timer, before.ladder.dates), (after.timer, after.ladder.dates)
            if dates[0] == dates[1]:
                raise Refused(Code.EVENT_NOT_ALLOWED)

    def _check_size(self, after: Copy, asked: _Asked) -> None:
        """Raises `Refused` STATE_TOO_LARGE for what is told beyond what a case may hold; it can always be ended."""
        if asked.fact is not None and after.state.is_open and len(after.texts.state.encode()) > LARGEST_STATE:
            raise Refused(Code.STATE_TOO_LARGE)

    def _transition(
        self, before: CaseState, after: CaseState, asked: _Asked, now: datetime, refused: Code | None
    ) -> Transition:
        said: dict[str, Any] = {
            "refused": refused,
            "actor": asked.claims.sub if asked.claims is not None else None,
            "told_as": _identity_of(asked),
        }
        return Transition(
            version=after.version,
            at=now,
            event=asked.event,
            status=before.status,
            to=after.status,
            milestone=after.milestone,
            **{name: word for name, word in said.items() if word is not None},
        )

    def _request(
        self,
        before: Copy,
        after: Copy,
        intended: Intended,
        decision: Decision,
        asked: _Asked,
        transition: Transition,
        receipt: Receipt | None,
    ) -> dict[str, Any]:
        """What `make_transition` is asked."""
        final, opening, now = after.state, after.state.opening, transition.at
        fact = asked.request.fact if asked.request is not None else None
        outcome = {
            "timer": _said(final.timer),
            # The audit names all dates that hold, also those that did not change.
            "dates": _said(final.ladder.dates),
            "terms": _said(final.terms) if final.terms is not intended.before.terms else None,
            "related": final.related,
            "refused": transition.refused,
            "recomputed": _said(final.recomputed) if asked.event is Event.recompute else None,
            "unasked": final.unasked if asked.event is Event.delivery_overdue else None,
            "card_in_use": intended.before.card_in_use if asked.event in _ENDS_A_BLOCK else None,
        }
        request: dict[str, Any] = {
            "step": {
                "case_id": final.case_id,
                "generation": final.generation,
                "version": final.version,
                "name": intended.step,
                "event": asked.event.value,
                "at": now,
                "day": now.astimezone(SHANGHAI).date(),
                "person": opening.person,
                "region": opening.region,
                "number": opening.number,
                "number_token": opening.number_token,
                "reason": KINDS[opening.kind].held_for,
                "facts": facts_of(intended, decision.effects)
                | {"fact": fact, "from_status": transition.status.value, "to_status": final.status.value},
            },
            "effects": of_the_register(decision.effects),
            "of_person": not WRITES_NOTHING_OF_THE_PERSON.issuperset(decision.effects),
            "of_neighbour": asked.event.origin is Origin.neighbour,
            "messages": messages_of(intended, decision.effects),
            "further_messages": further_messages(intended, decision.effects),
            "case": self._row(after) | {"closed_at": None if final.is_open else now},
            "transition": _link(
                final,
                asked.claims,
                event=asked.event.value,
                from_status=transition.status.value,
                before=before.digest,
                after=after.digest,
                at=now,
            )
            | {
                "told_as": transition.told_as,
                "fact": None if fact is None else canonical(fact),
                "outcome": to_json({name: said for name, said in outcome.items() if said is not None}).decode(),
            },
        }
        if after.texts.screening is not before.texts.screening or receipt is not None:
            request["file"] = {
                "screening": after.texts.screening,
                "receipt": None if receipt is None else receipt.model_dump_json(),
            }
        return request

    def _row(self, copy: Copy) -> dict[str, Any]:
        """What lists show of a case, and its state."""
        state, listed, dates = copy.state, Listed.of(copy.state), copy.state.ladder.dates
        return {
            "status": state.status.value,
            "milestone": state.milestone.value,
            "road": listed.road,
            "verifier": state.verifier,
            "approver": state.approver,
            "verified_content": state.verified_content,
            "policy": listed.policy,
            "due_at": listed.due_at,
            "rung": int(state.ladder.rung),
            "rung_at": state.ladder.rung_at,
            "next_rung": int(dates.next.rung) if dates.next is not None else None,
            "next_rung_at": dates.next.at if dates.next is not None else None,
            "processing_due_at": listed.processing_due_at,
            "campaign_due_at": listed.campaign_due_at,
            "provisional": listed.dates_provisional,
            "silenced_until": listed.silenced_until,
            "rests_from": dates.rests_on.first if dates.rests_on is not None else None,
            "rests_to": dates.rests_on.last if dates.rests_on is not None else None,
            "rests_on": dates.rests_on.says if dates.rests_on is not None else None,
            "attention": list(listed.attention),
            "benefits_held": state.benefits_held,
            "ended_because": state.ended_because,
            "state": copy.texts.state,
        }

    # --- what stands ------------------------------------------------------------------------------------------------

    async def _held(self, case_id: str, generation: int, told_as: str | None = None) -> tuple[Copy, asyncpg.Record]:
        """A case as the register holds it now. Raises `CaseError` CASE_UNKNOWN."""
        known = self._copies.find(case_id, generation)
        values = {
            "case_id": case_id,
            "generation": generation,
            "told_as": told_as,
            "known": known.digest if known is not None else None,
        }
        async with connection_of(self._pool) as connection:
            row = await SQL["look"].first(connection, values)
        if row is None:
            raise CaseError(Code.CASE_UNKNOWN)
        if known is None or row["state"] is not None:
            texts = Stored(row["opening"], row["screening"], row["state"])
            known = Copy(texts.whole, texts, row["state_digest"])
            self._copies.keep(known)
        return known, row

    async def _standing(self, state: CaseState, *, after: int, told_as: str | None = None) -> StepResult:
        """What stands, and the neighbours that the transitions after a version left untold.

        The asking run knows neither of what it asks nor of what followed: its worker died with several steps of one
        stretch, or an operator reset it.
        """
        values = {
            "case_id": state.case_id,
            "generation": state.generation,
            "before": after,
            "told_as": told_as,
            "most": KEPT_TRANSITIONS,
        }
        async with connection_of(self._pool) as connection:
            row = await SQL["standing"].first(connection, values)
            untold = await SQL["untold_neighbours"].all(connection, values)
        if row is None:
            raise CaseError(Code.CASE_UNKNOWN)
        receipt = None if row["receipt"] is None else Receipt.model_validate_json(row["receipt"])
        transitions = tuple(Transition.model_validate(each) for each in json.loads(row["transitions"]))
        return StepResult.saying(
            standing=Standing.of(state, receipt, transitions, await self._late_answers(state.case_id)),
            neighbours=tuple(Neighbour.model_validate_json(each["neighbour"]) for each in untold),
        )

    async def _late_answers(self, case_id: str) -> tuple[LateAnswer, ...]:
        """The newest answers to requests of a case that were over, of all its generations."""
        async with connection_of(self._pool) as connection:
            late = await SQL["late_answers"].all(connection, {"case_id": case_id, "most": KEPT_LATE_ANSWERS})
        return tuple(LateAnswer.model_validate(dict(each)) for each in late)

    async def _call(self, function: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What a function of the register answers, asked again where PostgreSQL ended it in favour of another.

        Raises `Refused`, or `_Stale` where what it was asked on does not stand any more.
        """
        written = to_json(asked).decode()
        row: asyncpg.Record | None = None
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                async with connection_of(self._pool) as connection:
                    row = await SQL[function].first(connection, {"asked": written})
                break
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                if not attempts_left:
                    raise
            except asyncpg.PostgresError as error:
                if error.sqlstate != REFUSAL:
                    raise
                raise Refused(_CODES.get(str(error), Code.INTERNAL)) from None
        answer: dict[str, Any] = json.loads(row["answer"]) if row is not None else {}
        if answer.get("stale"):
            raise _Stale(answer.get("erased") or 0)
        return answer


def _check_reopening(opening: Opening, seen: asyncpg.Record) -> None:
    """Raises `Refused` for an application that reopens what never was, or corrects what was never carried out."""
    if seen["generation"] is None and opening.reopen:
        raise Refused(Code.CASE_NOT_REOPENABLE)
    if opening.corrects is not None and not seen["carried_out"]:
        raise Refused(Code.NOTHING_TO_CORRECT)


def _said(part: Record | None) -> dict[str, Any] | None:
    """What the audit keeps of a part of the state: without what says nothing."""
    return None if part is None else part.model_dump(mode="json", exclude_defaults=True)


def _link(
    state: CaseState,
    claims: Claims | None,
    *,
    event: str,
    from_status: str | None,
    before: str | None,
    after: str,
    at: datetime,
) -> dict[str, Any]:
    """The columns of a link of the audit, but for what it commits to."""
    return {
        "case_id": state.case_id,
        "generation": state.generation,
        "version": state.version,
        "step": f"{event}.{state.version}",
        "event": event,
        "from_status": from_status,
        "to_status": state.status.value,
        "milestone": state.milestone.value,
        "actor": claims.sub if claims else None,
        "role": claims.role.value if claims else None,
        "office": claims.office if claims else None,
        "stamp": claims.jti if claims else None,
        "state_before": before,
        "state_after": after,
        "at": at,
    }
