"""The register's activities: register a case, screen it, advance it.

Each is one transaction, and asking twice moves once.

Keys are business identity, `(case, step, generation)`; a step that was done is answered with the state that holds. What
an effect does is in `effects.py`; whatever goes wrong leaves as a code (`errors.py`).
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import asyncpg
from temporalio import activity

from activities.calendar import Calendars
from activities.registry.audit import BEGINNING, canonical, hash_of, sha256_of
from activities.registry.effects import EFFECTS
from activities.registry.effects_on_numbers import wait_for_turn
from activities.registry.errors import SAYS_WHY, STAMP_ONCE, Refused, codes_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from activities.registry.screening import Screened, screen
from activities.registry.step import Step
from activities.sealing import Sealer
from activities.stamps import Stamps
from cases.delivery import DeliverRequest
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Recompute
from cases.machines.machine import Effect
from cases.policy import Policies, Policy
from cases.screening import Finding, Screening, Terms
from cases.stamps import Claims
from cases.state import CaseState
from cases.steps import Neighbour, Registered, RegisterRequest, StepRequest, StepResult
from cases.views import view_of

SQL: Final = load("cases.sql")

REGISTRATION: Final = "registered"
"""Event of the audit's first row of a generation; it is no event of the state table."""

ATTEMPTS: Final = 5
"""How often a transaction is tried that PostgreSQL ended to resolve a deadlock or a conflict of serialisation."""

_WRITES_NOTHING_OF_THE_PERSON: Final = frozenset({Effect.notify_applicant, Effect.escalate})

Written = Callable[[str, DeliverRequest], None]
"""Told of the notifications of a step, by the step's business key, once they are durable. It must not wait: whatever
becomes of them then, the sweep delivers what is left.
"""

Done = TypeVar("Done")


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
    ) -> None:
        self._written = written
        self._pool = pool
        self._sealer = sealer
        self._stamps = stamps
        self._policies = policies
        self._calendars = calendars

    @activity.defn
    @codes_only
    async def register(self, request: RegisterRequest) -> Registered:
        """Register an application durably and screen it.

        The same idempotency key with the same content is answered as before, for ever. A closed case answers with its
        ending unless the application reopens it; then its next generation begins. `refused`: IDEMPOTENCY_CONFLICT,
        CASE_ALREADY_OPEN, CASE_NOT_REOPENABLE, what is wrong with the stamp, or the code of a hard rule the number
        breaks.
        """
        try:
            return await self._in_transaction(lambda connection: self._register(connection, request))
        except asyncpg.UniqueViolationError as violation:
            if violation.constraint_name != STAMP_ONCE:
                raise
            return self._refusal(request, Code.STAMP_USED)

    @activity.defn
    @codes_only
    async def screen(self, request: RegisterRequest) -> Screening:
        """Screen a registered case again, by the policy it is pinned to. Reads only."""
        async with connection_of(self._pool) as connection:
            return (await self._screen(connection, request)).screening

    @activity.defn
    @codes_only
    async def advance(self, request: StepRequest) -> StepResult:
        """Make one transition with all its effects, or answer what holds instead, or why it cannot be made."""
        while True:
            try:
                result, notifications = await self._in_transaction(
                    lambda connection: self._advance(connection, request)
                )
            except Refused as refused:
                code = refused.code
            except asyncpg.UniqueViolationError as violation:
                if violation.constraint_name not in SAYS_WHY:
                    raise
                code = SAYS_WHY[violation.constraint_name]
            else:
                if notifications and self._written is not None:
                    self._written(request.key, DeliverRequest(notifications=notifications, at=request.at))
                return result
            if code is not Code.PERSON_BUSY:
                break
            # Between the refusal and this the turn may have become free; then nobody would tell the case.
            if await self._in_transaction(lambda connection: wait_for_turn(connection, request)):
                break
        return StepResult(moved=False, refused=code)

    # --- registering ------------------------------------------------------------------------------------------------

    async def _register(self, connection: Connection, request: RegisterRequest) -> Registered:
        opening, case_id = request.state.opening, request.state.case_id
        values: dict[str, Any] = {
            "case_id": case_id,
            "number_token": opening.number_token,
            "key": opening.key,
            "fingerprint": opening.fingerprint,
            "at": request.at,
        }
        await SQL["see_each_other"].first(connection, values)
        used = await SQL["used_key"].first(connection, values)
        if used is not None:
            if (used["case_id"], used["fingerprint"]) != (case_id, opening.fingerprint):
                return self._refusal(request, Code.IDEMPOTENCY_CONFLICT)
            return await self._as_registered(connection, case_id, used["generation"])
        # What was written before is not judged again: the key of its stamp may be out of use by now.
        try:
            claims = self._stamps.check_opening(opening, request.arrived or request.at)
        except CaseError as not_theirs:
            return self._refusal(request, not_theirs.code)
        return await self._register_anew(connection, request, claims, values)

    async def _register_anew(
        self, connection: Connection, request: RegisterRequest, claims: Claims, values: dict[str, Any]
    ) -> Registered:
        """Register an application whose key was not used yet."""
        opening, case_id = request.state.opening, request.state.case_id
        newest = await SQL["newest_generation"].first(connection, values)
        if newest is not None and (newest["closed_at"] is None or not opening.reopen):
            if newest["closed_at"] is None and newest["fingerprint"] != opening.fingerprint:
                return self._refusal(request, Code.CASE_ALREADY_OPEN)
            await SQL["use_key"].run(connection, values | {"generation": newest["generation"]})
            return await self._as_registered(connection, case_id, newest["generation"])
        if newest is None and opening.reopen:
            return self._refusal(request, Code.CASE_NOT_REOPENABLE)
        return await self._open(connection, request, claims, newest, values)

    async def _open(
        self,
        connection: Connection,
        request: RegisterRequest,
        claims: Claims,
        newest: asyncpg.Record | None,
        values: dict[str, Any],
    ) -> Registered:
        """Open the first generation of a case, or the next one after `newest`."""
        try:
            screened = await self._screen(connection, request)
        except CaseError as broken:
            if broken.code not in _REFUSES_APPLICATION:
                raise
            return self._refusal(request, broken.code)
        generation, head = (1, BEGINNING) if newest is None else (newest["generation"] + 1, newest["head"])
        opening, screening = request.state.opening, screened.screening
        # The stamp stands in the audit, once.
        unstamped = opening.model_copy(update={"stamp": None})
        state = request.state.model_copy(
            update={"opening": unstamped, "generation": generation, "screening": screening}
        )
        answer = Registered(generation=generation, screening=screening)
        written = canonical(state.model_dump(mode="json"))
        link: dict[str, Any] = {
            "case_id": state.case_id,
            "generation": generation,
            "version": 0,
            "step": f"{REGISTRATION}.0",
            "event": REGISTRATION,
            "from_status": None,
            "to_status": state.status.value,
            "actor": claims.sub,
            "role": claims.role.value,
            "office": claims.office,
            "fact": {"stamp": opening.stamp},
            "stamp": claims.jti,
            "state_before": None,
            "state_after": sha256_of(written),
            "outcome": answer.model_dump(mode="json"),
            "at": request.at,
            "prev_hash": head,
        }
        link["hash"] = hash_of(link)
        values = values | {
            "generation": generation,
            "kind": state.kind.value,
            "person": opening.person,
            "person_id": screened.person_id,
            "region": opening.region,
            "category": opening.category.value,
            "status": state.status.value,
            "milestone": state.milestone.value,
            "policy": screening.terms.policy,
            "replaces_number_id": screened.number_id,
            "road": screening.road,
            "submitter": opening.submitter.id,
            "due_at": None,
            "state": written,
            "state_digest": link["state_after"],
            "head": link["hash"],
        }
        await SQL["open_case"].run(connection, values)
        await SQL["use_key"].run(connection, values)
        await _record(connection, link)
        return answer

    async def _as_registered(self, connection: Connection, case_id: str, generation: int) -> Registered:
        """The answer a case was given before; where the case has moved since, with the state that holds."""
        values = {"case_id": case_id, "generation": generation, "before": 0}
        recorded = await SQL["registered_as"].first(connection, values)
        if recorded is None:
            raise CaseError(Code.CASE_UNKNOWN)
        answer = Registered.model_validate_json(recorded["outcome"])
        standing, neighbours = await self._standing(connection, values)
        if standing.version == 0:
            return answer
        return answer.model_copy(update={"standing": standing, "neighbours": neighbours})

    def _refusal(self, request: RegisterRequest, code: Code) -> Registered:
        """A refusal says nothing about the person; its screening is a blank one."""
        blank = Screening(finding=Finding.not_allowed, terms=Terms(policy=""))
        return Registered(generation=request.state.generation, screening=blank, refused=code)

    async def _screen(self, connection: Connection, request: RegisterRequest) -> Screened:
        return await screen(connection, request.state, request.at, self._sealer, self._policies)

    # --- advancing --------------------------------------------------------------------------------------------------

    async def _advance(self, connection: Connection, request: StepRequest) -> tuple[StepResult, tuple[int, ...]]:
        """What is answered, and the notifications that were written."""
        after = request.after
        key = {"case_id": after.case_id, "generation": after.generation, "step": request.step}
        case = await SQL["lock_case"].first(connection, key)
        if case is None:
            raise CaseError(Code.CASE_UNKNOWN)
        if (case["version"], case["status"]) != (request.before, request.from_status):
            standing, neighbours = await self._standing(connection, key | {"before": request.before})
            return StepResult(moved=False, standing=standing, neighbours=neighbours), ()
        claims = self._claims(request)
        policy = self._policy(request)
        step = Step(connection, request, case, policy, self._sealer)
        if not _WRITES_NOTHING_OF_THE_PERSON.issuperset(request.effects):
            await SQL["lock_person"].first(connection, {"person": after.opening.person})
        for effect in request.effects:
            await EFFECTS[effect](step)
        final = policy.settle(request.decision, request.at, self._calendars(policy.calendar), step.related)
        result = StepResult.of(after, final, tuple(step.neighbours), step.related)
        await self._move(connection, request, claims, case, final, result)
        return result, tuple(step.notifications)

    async def _standing(
        self, connection: Connection, values: Mapping[str, Any]
    ) -> tuple[CaseState, tuple[Neighbour, ...]]:
        """The state that holds, and whom the transitions after `before` had to tell in vain.

        The asking run knows neither of what it asks nor of what followed: its worker died with several steps of one
        stretch, or an operator reset it. The state also carries which updates were answered, and with what.
        """
        standing = await SQL["standing"].first(connection, values)
        if standing is None:
            raise CaseError(Code.CASE_UNKNOWN)
        untold = await SQL["untold_neighbours"].all(connection, values)
        return (
            CaseState.model_validate_json(standing["state"]),
            tuple(Neighbour.model_validate_json(row["neighbour"]) for row in untold),
        )

    def _claims(self, request: StepRequest) -> Claims | None:
        """Who decided, by the stamp of the fact; None for what happens of itself."""
        if request.fact is None:
            return None
        try:
            return self._stamps.check_fact(
                request.parsed, request.after.case_id, request.event, request.arrived or request.at
            )
        except CaseError as not_theirs:
            raise Refused(not_theirs.code) from None

    def _policy(self, request: StepRequest) -> Policy:
        """The policy that the case is pinned to, or is pinned to by this step."""
        pinned = self._policies.pinned(request.after.terms.policy)
        fact = request.parsed if request.event is Event.recompute and request.fact is not None else None
        if not isinstance(fact, Recompute) or fact.policy is None:
            return pinned
        policy = self._policies.find(fact.policy)
        if policy is None or not policy.serves(request.after.opening.region):
            raise Refused(Code.POLICY_UNKNOWN)
        return policy

    async def _move(
        self,
        connection: Connection,
        request: StepRequest,
        claims: Claims | None,
        case: asyncpg.Record,
        final: CaseState,
        result: StepResult,
    ) -> None:
        view, ladder = view_of(final), final.ladder
        written = canonical(final.model_dump(mode="json"))
        link: dict[str, Any] = {
            "case_id": final.case_id,
            "generation": final.generation,
            "version": final.version,
            "step": request.step,
            "event": request.event.value,
            "from_status": request.from_status.value,
            "to_status": final.status.value,
            "actor": claims.sub if claims else None,
            "role": claims.role.value if claims else None,
            "office": claims.office if claims else None,
            "fact": request.fact,
            "stamp": claims.jti if claims else None,
            "state_before": case["state_digest"],
            "state_after": sha256_of(written),
            # The audit names all dates that hold, also those that the case is not told again.
            "outcome": result.model_copy(update={"dates": ladder.dates}).model_dump(mode="json"),
            "at": request.at,
            "prev_hash": case["head"],
        }
        link["hash"] = hash_of(link)
        moved = await SQL["move_case"].run(
            connection,
            {
                "case_id": final.case_id,
                "generation": final.generation,
                "before": request.before,
                "from_status": request.from_status.value,
                "status": final.status.value,
                "milestone": final.milestone.value,
                "version": final.version,
                "road": view.road,
                "verifier": final.verifier,
                "approver": final.approver,
                "verified_content": final.verified_content,
                "policy": view.policy,
                "due_at": view.due_at,
                "rung": int(ladder.rung),
                "rung_at": ladder.rung_at,
                "next_rung": int(ladder.dates.next.rung) if ladder.dates.next is not None else None,
                "next_rung_at": ladder.dates.next.at if ladder.dates.next is not None else None,
                "processing_due_at": view.processing_due_at,
                "campaign_due_at": view.campaign_due_at,
                "provisional": view.dates_provisional,
                "silenced_until": view.silenced_until,
                "attention": list(view.attention),
                "state": written,
                "state_digest": link["state_after"],
                "head": link["hash"],
                "is_open": final.is_open,
                "at": request.at,
            },
        )
        if moved != 1:
            raise CaseError(Code.STALE_VERSION)
        await _record(connection, link)

    async def _in_transaction(self, work: Callable[[Connection], Awaitable[Done]]) -> Done:
        """Do the work in one transaction, again where PostgreSQL ended it in favour of another."""
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                async with connection_of(self._pool) as connection, connection.transaction():
                    return await work(connection)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                if not attempts_left:
                    raise
        raise AssertionError("the last attempt answers or raises")


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
    }
)
"""What makes an application unacceptable; anything else that goes wrong is ours, and the step is repeated."""


async def _record(connection: Connection, link: dict[str, Any]) -> None:
    json_columns = {
        "fact": None if link["fact"] is None else json.dumps(link["fact"]),
        "outcome": json.dumps(link["outcome"]),
    }
    await SQL["record_transition"].run(connection, link | json_columns)
