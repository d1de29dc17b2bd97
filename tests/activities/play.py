"""Plays the part of the workflow: decides purely, asks the register, takes over what it answers.

Whatever is asked is asked twice, and must be done once.

All persons, names and numbers are synthetic.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any

import asyncpg
import pytest

from activities.registry import Registry
from activities.registry.loading import Balance, Contribution, HeldCard, InsuredPerson, load_persons
from activities.registry.pool import Pool, connection_of
from activities.registry.reading import transitions_of, verify_chain
from activities.registry.stored import Copy, Stored
from activities.registry.verifying import verify_audit
from activities.sealing import Field, Sealer
from cases.decide import Decision, decide, initial_state
from cases.documents import Document, DocumentKind
from cases.errors import Code
from cases.events import Event, Origin
from cases.facts import (
    Approve,
    CardActivated,
    CardFunction,
    CardHandedOver,
    CardProduced,
    Fact,
    HandOver,
    VerifyDocuments,
)
from cases.kinds import MACHINES, read_case_id
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.names import Kind
from cases.numbers import derive
from cases.openings import NumberChangeOpening, ReplacementOpening, ReplacementReason
from cases.state import CaseState
from cases.steps import Neighbour, RegisterRequest, StepRequest, StepResult
from cases.views import view_of
from tests.scenes import IN_FORCE, answering, of_office
from tests.stamping import STAMPS, stamped, stamped_opening

NORTH, SOUTH = "110105", "440106"
"""Agencies whose policies answer oppositely."""

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""A Monday, noon in Shanghai."""

_serial = count(1)
_keys = count(1)


def staff(name: str, role: Role = Role.clerk) -> Actor:
    return Actor(id=name, role=role, office=NORTH)


CLERK, SECOND = staff("clerk-1"), staff("clerk-2")
THIRD, FOURTH = staff("officer-3", Role.officer), staff("officer-4", Role.officer)
OPERATOR = staff("operator-1", Role.operator)
BUREAU = staff("bureau", Role.card_bureau)
BANK = staff("bank", Role.bank)


def old_number(serial: int) -> str:
    """A synthetic 15-digit number of somebody born in 1915."""
    return f"110105150{serial // 27 % 9 + 1}{serial % 27 + 1:02}{serial // 243:03}"


def eighteen(body: str) -> str:
    """The 18-digit number of 17 digits."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(w * int(d) for w, d in zip(weights, body, strict=True)) % 11]


def document(kind: DocumentKind = DocumentKind.resident_id_card, copy: str = "") -> Document:
    digest = sha256(f"{kind}{copy}".encode()).hexdigest()
    return Document(kind=kind, uri=f"doc://store/{digest[:12]}", media_type="application/pdf", size=1000, sha256=digest)


ID_CARD, CERTIFICATE = document(), document(DocumentKind.police_certificate)
CERTIFIED = (ID_CARD, CERTIFICATE)


def insured(**more: Any) -> InsuredPerson:
    """A synthetic person with a 15-digit number, one card that pays, contribution months and a balance."""
    serial = next(_serial)
    given: dict[str, Any] = {
        "personal_number": f"P{serial:08}",
        "source_version": 1,
        "name": f"测试{chr(0x4E00 + serial)}",
        "phone": "00000000000",
        "number": old_number(serial),
        "region": NORTH,
        "cards": (
            HeldCard(
                card_number=f"C{serial:08}",
                functions=frozenset({CardFunction.social, CardFunction.bank}),
                payment_authority=True,
            ),
        ),
        "contributions": tuple(Contribution(month=f"2025-{month:02}", amount_fen=80_000) for month in (10, 11, 12)),
        "balances": (Balance(amount_fen=123_456),),
    }
    return InsuredPerson(**(given | more))


def mistaken(monkeypatch: pytest.MonkeyPatch, *events: Event, **wrong: Any) -> None:
    """Have the register decide wrongly: fields of the state after some events, or after any, are not what they should
    be. What is left is what the database holds by itself.
    """

    def wrongly(state: CaseState, event: Event, *more: Any) -> Decision:
        decision = decide(state, event, *more)
        return (
            decision
            if events and event not in events
            else decision._replace(after=decision.after.model_copy(update=wrong))
        )

    monkeypatch.setattr("activities.registry.registry.decide", wrongly)


@dataclass
class Play:
    """A register, and cases that are walked through it."""

    pool: Pool
    registry: Registry
    sealer: Sealer
    at: datetime = field(default=NOON)
    told: list[Neighbour] = field(default_factory=list)
    """Neighbours that had to be told, oldest first."""
    tampered: bool = False
    """The test changed the audit behind the register's back: `check` leaves it alone."""

    async def load(self, *persons: InsuredPerson) -> None:
        result = await load_persons(self.pool, self.sealer, persons)
        assert not result.refused

    def token(self, person: InsuredPerson) -> str:
        return self.sealer.person_token(person.personal_number)

    def opening_fields(self, person: InsuredPerson, number: str, more: dict[str, Any]) -> dict[str, Any]:
        token = self.token(person)
        key = f"key-{next(_keys)}"
        return {
            "person": token,
            "name": self.sealer.seal(more.pop("name", person.name), field=Field.name, person=token),
            "number": self.sealer.seal(number, field=Field.number, person=token),
            "number_token": self.sealer.number_token(number),
            "region": person.region,
            "category": person.category,
            "submitter": CLERK.model_copy(update={"office": more.get("region", person.region)}),
            "documents": (ID_CARD,),
            "key": key,
            "fingerprint": self.sealer.content_token(key),
        } | more

    def change(self, person: InsuredPerson, number: str | None = None, **more: Any) -> CaseState:
        """An application for an ID-number change; the derived number where none is named."""
        wanted = number if number is not None else derive(person.number or "")
        fields = self.opening_fields(person, wanted, more)
        return initial_state(stamped_opening(NumberChangeOpening(kind=Kind.id_number_change, **fields), self.at))

    def replacement(self, person: InsuredPerson, reason: ReplacementReason, **more: Any) -> CaseState:
        """An application for a card replacement with the number the person has."""
        fields = self.opening_fields(person, more.pop("number", person.number), more)
        opening = ReplacementOpening(kind=Kind.card_replacement, reason=reason, **fields)
        return initial_state(stamped_opening(opening, self.at))

    async def register(self, state: CaseState) -> StepResult:
        return await self.registry.register(
            RegisterRequest(opening=state.opening, at=self.at, arrived=self.at, onward=False)
        )

    async def received(self, state: CaseState) -> CaseState:
        """The state of a case that the register took in."""
        registered = await self.register(state)
        assert registered.refused is None
        assert await self.register(state) == registered
        return self.taken_over(registered, state)

    def taken_over(self, result: StepResult, before: CaseState) -> CaseState:
        """The state that an answer leads to."""
        if result.standing is not None:
            return result.standing.state_of(before.opening)
        return result.applied_to(before)

    def request(self, state: CaseState, event: Event, fact: Fact | None = None, **more: Any) -> StepRequest:
        if event.origin is Origin.timer:
            self.at = max(self.at, self.ends_at(state, event))
        if fact is not None and fact.stamp is None:
            told = answering(of_office(fact, state.opening.region), state.publication, state.order)
            fact = stamped(told, state.case_id, event, self.at)
        # Each step by itself, so that what lies between two of one stretch is seen as well.
        return StepRequest.of(state, event, fact, at=self.at, **({"onward": False} | more))

    def ends_at(self, state: CaseState, event: Event) -> datetime:
        """When a time limit of the case ends: then it is told."""
        if event is Event.escalated:
            return state.next_rung.at if state.next_rung is not None else self.at
        return state.timer.due_at if state.timer is not None else self.at

    async def ask(self, state: CaseState, event: Event, fact: Fact | None = None) -> StepResult:
        return await self.registry.advance(self.request(state, event, fact))

    async def move(self, state: CaseState, event: Event, fact: Fact | None = None) -> CaseState:
        """The state after a step that the register makes."""
        request = self.request(state, event, fact)
        result = await self.registry.advance(request)
        assert result.refused is None
        assert [made.event for made in result.moves] == [event]
        after = result.applied_to(state)
        again = await self.registry.advance(request)
        assert again.standing is not None
        assert again.standing.state_of(state.opening) == after
        assert not again.moves
        # Nobody was told yet; who has closed meanwhile has nothing to learn.
        assert set(again.neighbours) <= set(result.neighbours)
        self.told.extend(result.neighbours)
        return after

    async def asked(self, state: CaseState) -> CaseState:
        """The state once everybody has the question and the time to deliver it is over."""
        await self.pool.execute(
            "INSERT INTO delivered_events (event_id, delivered_at, way, client) "
            "SELECT id, $2, 'webhook', target FROM events WHERE case_id = $1 AND request_id IS NOT NULL "
            "ON CONFLICT (event_id) DO NOTHING",
            state.case_id,
            self.at,
        )
        event, after = await self.instead(state, Event.delivery_overdue)
        assert event is Event.question_delivered
        return after

    async def instead(self, state: CaseState, event: Event) -> tuple[Event, CaseState]:
        """What the register makes in the place of a step of the engine that it refuses, and the state after it."""
        result = await self.ask(state, event)
        (made,) = result.moves
        assert made.event is not event
        self.told.extend(result.neighbours)
        return made.event, result.applied_to(state)

    async def refusal(self, state: CaseState, event: Event, fact: Fact | None = None) -> Code:
        """The code with which the register refuses a step; nothing of it may be in effect."""
        before = await self.contents()
        result = await self.ask(state, event, fact)
        assert not result.moves
        assert result.refused is not None
        assert await self.contents() == before
        return result.refused

    async def put(self, state: CaseState) -> CaseState:
        """Have a case stand where a test wants it, with rows as if its newest transition had led there."""
        self.tampered = True
        copy, view, dates = Copy.of(state), view_of(state, self.at), state.ladder.dates
        here = (state.case_id, state.generation)
        async with self.pool.acquire() as connection, connection.transaction():
            # The audit lets nobody change it but who owns the server.
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(
                "UPDATE case_files SET opening = $3, screening = $4 WHERE case_id = $1 AND generation = $2",
                *(*here, copy.texts.opening, copy.texts.screening),
            )
            await connection.execute(
                "UPDATE transitions SET version = $3, to_status = $4, milestone = $5, state_after = $6 "
                "WHERE (case_id, generation, version) = ($1, $2, (SELECT version FROM cases "
                "WHERE case_id = $1 AND generation = $2))",
                *(*here, state.version, state.status, state.milestone, copy.digest),
            )
            await connection.execute(
                "UPDATE transitions AS link SET hash = audit_hash(link) "
                "WHERE case_id = $1 AND generation = $2 AND version = $3",
                *(*here, state.version),
            )
            await connection.execute(
                "UPDATE cases SET version = $3, status = $4, milestone = $5, verifier = $6, approver = $7, "
                "verified_content = $8, due_at = $9, next_rung = $10, next_rung_at = $11, attention = $12, "
                "benefits_held = $13, state = $14, state_digest = $15, closed_at = $16, rung = $17, rung_at = $18, "
                "head = (SELECT hash FROM transitions WHERE (case_id, generation, version) = ($1, $2, $3)) "
                "WHERE case_id = $1 AND generation = $2",
                *(*here, state.version, state.status, state.milestone, state.verifier, state.approver),
                *(state.verified_content, view.due_at),
                *((int(dates.next.rung), dates.next.at) if dates.next is not None else (None, None)),
                *(list(state.attention), state.benefits_held, copy.texts.state, copy.digest),
                *(None if state.is_open else self.at, int(state.ladder.rung), state.ladder.rung_at),
            )
        assert await verify_chain(self.pool, state.case_id) is None
        return state

    # --- stretches of a case's life ---------------------------------------------------------------------------------

    async def reviewed(self, state: CaseState) -> CaseState:
        """A number change whose applicant brought everything, up to `in_review`."""
        state = await self.move(await self.received(state), Event.screened)
        assert state.status is Status.in_review
        return state

    async def verified(self, state: CaseState) -> CaseState:
        """The same, verified and, where it is needed, approved."""
        if state.screening is None:
            state = await self.reviewed(state)
        copies = tuple(document.sha256 for document in state.documents)
        state = await self.move(
            state, Event.verify_documents, VerifyDocuments(actor=SECOND, original_seen=True, copies=copies)
        )
        if state.status is Status.awaiting_approval:
            state = await self.move(state, Event.approve, Approve(actor=THIRD, content=state.content))
        return state

    async def applying(self, state: CaseState) -> CaseState:
        """The same, with its number reserved."""
        return await self.move(await self.verified(state), Event.apply)

    async def committed(self, state: CaseState) -> CaseState:
        """The same, with its number in force."""
        return await self.move(await self.applying(state), Event.commit)

    async def ordered(self, state: CaseState) -> CaseState:
        """A card replacement that was verified, up to the order at the bureau."""
        state = await self.move(await self.received(state), Event.checked)
        return await self.move(await self.verified(state), Event.order_card)

    def made(self, person: InsuredPerson, number: str) -> CardProduced:
        """The bureau's word that it made the card."""
        return CardProduced(
            actor=BUREAU,
            produced=True,
            batch="B-1",
            order=IN_FORCE,
            card_number=self.sealer.seal(number, field=Field.card_number, person=self.token(person)),
            card_token=self.sealer.number_token(number),
        )

    async def active(self, state: CaseState, person: InsuredPerson, number: str) -> CaseState:
        """A card replacement up to an activated card."""
        return await self.activated(await self.ordered(state), person, number)

    async def activated(self, state: CaseState, person: InsuredPerson, number: str) -> CaseState:
        """A card replacement from its order to an activated card."""
        state = await self.move(state, Event.card_produced, self.made(person, number))
        state = await self.move(
            state,
            Event.card_handed_over,
            CardHandedOver(actor=BUREAU, by=HandOver.counter, evidence="H-1", order=IN_FORCE),
        )
        for function in CardFunction:
            actor = BANK if function is CardFunction.bank else BUREAU
            fact = CardActivated(actor=actor, function=function, order=IN_FORCE)
            state = await self.move(state, Event.card_activated, fact)
        return state

    # --- what is in the register ------------------------------------------------------------------------------------

    async def rows(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        async with connection_of(self.pool) as connection:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            return rows

    async def value(self, sql: str, *arguments: Any) -> Any:
        async with connection_of(self.pool) as connection:
            return await connection.fetchval(sql, *arguments)

    async def write(self, sql: str, *arguments: Any) -> None:
        async with connection_of(self.pool) as connection:
            await connection.execute(sql, *arguments)

    async def contents(self) -> dict[str, list[str]]:
        """Everything the register holds, but for who waits for a turn and who may do what."""
        tables = await self.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' "
            "AND table_type = 'BASE TABLE' AND table_name NOT IN ('turn_waiters', 'role_events', 'kinds')"
        )
        names = sorted(row["table_name"] for row in tables)
        each = (f"SELECT '{name}' AS name, t::text AS line FROM {name} AS t" for name in names)  # noqa: S608 - from the catalogue
        held: dict[str, list[str]] = {name: [] for name in names}
        for row in await self.rows(" UNION ALL ".join(each) + " ORDER BY name, line"):
            held[row["name"]].append(row["line"])
        return held

    async def check(self) -> None:
        """What holds after whatever happened: whole chains, paths of the table, rows that say what the state says."""
        if self.tampered:
            return
        assert (await verify_audit(self.pool, stamps=STAMPS)).broken == ()
        for row in await self.rows("SELECT DISTINCT case_id FROM cases"):
            machine = MACHINES[read_case_id(row["case_id"])[0]]
            for transition in await transitions_of(self.pool, row["case_id"]):
                if transition.from_status is None:
                    assert transition.to_status is machine.initial
                else:
                    rows = machine.rows(transition.from_status, Event(transition.event))
                    assert transition.to_status in {candidate.to for candidate in rows}
        for row in await self.rows("SELECT * FROM cases JOIN case_files USING (case_id, generation)"):
            state = Stored(row["opening"], row["screening"], row["state"]).whole
            assert (row["status"], row["version"], row["milestone"]) == (state.status, state.version, state.milestone)
            assert (row["verifier"], row["approver"]) == (state.verifier, state.approver)
            assert (row["closed_at"] is None) is state.is_open
            assert tuple(row["attention"]) == state.attention
            assert row["due_at"] == view_of(state, self.at).due_at

    def later(self, **how_long: float) -> None:
        """Time passes."""
        self.at += timedelta(**how_long)

    @property
    def today(self) -> date:
        return self.at.date()
