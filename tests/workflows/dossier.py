"""One case as everyone sees it: its callers, its register, the server's search attributes and the auditor."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import asyncpg
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import TypedSearchAttributes
from temporalio.exceptions import ApplicationError

from activities.registry.reading import verify_chain
from activities.registry.stored import Stored
from activities.sealing import Field
from cases.answers import Answer, CaseView, LateAnswer, Outcome, Receipt, Transition
from cases.documents import Document
from cases.errors import Code
from cases.events import Event
from cases.facts import Approve, CardProduced, ConfirmDownstream, DisputeOutcome, Fact, ResolveDispute, VerifyDocuments
from cases.machines.machine import CLOCK_OF, FOR_AN_ANSWER, Status
from cases.models import Actor, System
from cases.openings import Opening
from cases.views import view_of
from intake.client import CaseClient
from tests.engine import Engine, Person
from tests.scenes import BUREAU, CERTIFICATE, FACTS, IN_FORCE, NOW, OFFICER, PUBLICATION, SPEAKERS, VERIFIER, of_office
from workflows.search_attributes import ATTENTION, CATEGORY, DUE_AT, KIND, MILESTONE, REGION, RUNG, STATUS, VERSION

PATIENCE = timedelta(seconds=20)
"""How long a case may take to come to rest."""

MOMENT = timedelta(seconds=1)
"""By how much a time limit is overstepped to see it run out."""


def code_of(refused: BaseException) -> Code:
    """The code with which an update was refused."""
    assert isinstance(refused, WorkflowUpdateFailedError)
    assert isinstance(refused.cause, ApplicationError)
    return Code(refused.cause.type or "")


class Card(NamedTuple):
    """What the register says about a card."""

    code: str
    functions: frozenset[str]
    outdated: bool
    paid: bool


class Holdings(NamedTuple):
    """What the register holds of a person, oldest first where order means something."""

    numbers: tuple[tuple[str, str], ...]
    """`old`, `new` or `other`, and the state: living, reserved, historic, revoked."""
    cards: tuple[Card, ...]
    claims: dict[str, str]
    """State by the reason of the suspension."""
    benefits: dict[str, str]
    """State of the newest hold by its reason."""
    turn: str | None
    """The case that is writing."""
    waiting: frozenset[str]
    """Cases that wait for the turn."""

    @property
    def codes(self) -> str:
        """The codes of all cards in a row."""
        return "".join(card.code for card in self.cards)


@dataclass(frozen=True)
class Dossier:
    """A case on the real engine, and its person."""

    engine: Engine
    person: Person
    opening: Opening
    receipt: Receipt

    @classmethod
    async def open(cls, engine: Engine, person: Person, opening: Opening) -> "Dossier":
        """Open a case and begin its dossier."""
        return cls(engine, person, opening, await engine.open(opening))

    @property
    def case_id(self) -> str:
        """Case ID = workflow ID."""
        return self.receipt.case_id

    # --- what callers do --------------------------------------------------------------------------------------------

    async def tell(self, event: Event, fact: Fact | None = None, *, update_id: str | None = None) -> Answer:
        """Tell the case of an event; whoever does is of the office that handles it."""
        told = of_office(fact or FACTS[event], self.opening.region)
        return await self.engine.tell(self.case_id, event, told, update_id=update_id)

    async def refuses(self, event: Event, fact: Fact | None = None) -> Code:
        """Tell the case of something it must refuse; nothing may change. Answers the code."""
        before = await self.engine.view(self.case_id)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await self.tell(event, fact)
        after = await self.agrees()
        code = code_of(refused.value)
        # What answers a request that is over is shown beside the refusal, and changes nothing else.
        late = after.late_answers if code is Code.ANSWER_OUT_OF_DATE else before.late_answers
        assert after == before.model_copy(update={"last_refusal": code, "late_answers": late})
        return code

    async def verify(self, actor: Actor = VERIFIER) -> Answer:
        """The originals are seen, and every copy on file is compared."""
        row = await self.engine.pool.fetchrow(_STATE, self.case_id)
        assert row is not None
        on_file = Stored(row["opening"], row["screening"], row["state"]).whole.documents
        copies = tuple(document.sha256 for document in on_file)
        return await self.tell(Event.verify_documents, VerifyDocuments(actor=actor, original_seen=True, copies=copies))

    async def approval(self, actor: Actor = OFFICER) -> Approve:
        """An approval of exactly what the case shows now."""
        content = (await self.engine.view(self.case_id)).content
        assert content is not None
        return Approve(actor=actor, content=content)

    async def approve(self, actor: Actor = OFFICER) -> Answer:
        """A second officer approves exactly what the case shows now."""
        return await self.tell(Event.approve, await self.approval(actor))

    async def confirm(self, *systems: System, confirmed: bool = True, publication: str | None = None) -> Answer:
        """Systems say whether they took the number over, of the publication that is awaited unless one is named."""
        answer = None
        for system in systems:
            answer = await self.tell(
                Event.confirm_downstream, self.says(system, confirmed=confirmed, publication=publication)
            )
        assert answer is not None
        return answer

    def says(
        self, system: System, *, confirmed: bool = True, publication: str | None = None, reference: str = "ref-1"
    ) -> ConfirmDownstream:
        """A system's word on whether it took the number over."""
        return ConfirmDownstream(
            actor=SPEAKERS[system],
            system=system,
            confirmed=confirmed,
            reference=reference,
            publication=publication or PUBLICATION,
        )

    async def decide(self, outcome: DisputeOutcome, *officers: Actor, document: Document = CERTIFICATE) -> Answer:
        """Officers decide a dispute one after the other."""
        answer = None
        for officer in officers:
            fact = ResolveDispute(actor=officer, outcome=outcome, police_document=document)
            answer = await self.tell(Event.resolve_dispute, fact)
        assert answer is not None
        return answer

    def produced(self, card_number: str | None = None) -> CardProduced:
        """The bureau has made the card, under a number of its own unless one is given."""
        engine, ref = self.engine, self.opening.person
        made = card_number or f"N{self.person.personal_number}"
        return CardProduced(
            actor=BUREAU,
            produced=True,
            batch="batch-1",
            order=IN_FORCE,
            card_number=engine.sealer.seal(made, field=Field.card_number, person=ref),
            card_token=engine.sealer.number_token(made),
        )

    # --- time -------------------------------------------------------------------------------------------------------

    async def let_pass(self, span: timedelta) -> None:
        """Time passes for this case; whatever runs out by then has run out."""
        await self.engine.skipper.fast_forward(self.engine.handle(self.case_id), span)

    async def time_runs_out(self, event: Event) -> None:
        """The case's running time limit, which has to be that of `event`, ends. Whoever is asked was asked at once."""
        view = await self.engine.view(self.case_id)
        if view.due_event is Event.delivery_overdue and CLOCK_OF[event] in FOR_AN_ANSWER:
            view = await self.is_asked()
        assert view.due_event is event
        assert view.due_at is not None
        now = await self.engine.skipper.get_current_time(self.engine.handle(self.case_id))
        await self.let_pass(view.due_at - now + MOMENT)

    async def is_asked(self) -> CaseView:
        """Everybody has the question, and the time to deliver it ends; the view of the case then."""
        await self.engine.deliver(self.case_id)
        before = await self.engine.view(self.case_id)
        await self.time_runs_out(Event.delivery_overdue)
        client = CaseClient(self.engine.client, self.engine.sealer)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await client.wait_for(self.case_id, lambda view: view.version > before.version)

    async def passes_without_notice(self) -> CaseView:
        """Time passes until nothing can be named as missing any more; the view of the case then."""
        before = await self.engine.view(self.case_id)
        assert before.next_event is Event.notice_period_passed
        assert before.next_at is not None
        await self.let_pass(before.next_at - await self.engine.time_of(self.case_id) + MOMENT)
        client = CaseClient(self.engine.client, self.engine.sealer)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await client.wait_for(self.case_id, lambda view: view.version > before.version)
        return await self.agrees()

    async def climbs(self) -> CaseView:
        """Time passes until the next rung fires; the view of the case then."""
        before = await self.engine.view(self.case_id)
        while before.next_event is Event.notice_period_passed:
            before = await self.passes_without_notice()
        assert before.next_at is not None
        rung = before.next_rung
        assert rung is not None
        now = await self.engine.skipper.get_current_time(self.engine.handle(self.case_id))
        await self.let_pass(before.next_at - now + MOMENT)
        client = CaseClient(self.engine.client, self.engine.sealer)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await client.wait_for(self.case_id, lambda view: view.rung >= rung)
        return await self.agrees()

    # --- what must hold ---------------------------------------------------------------------------------------------

    async def rests_in(self, status: Status) -> CaseView:
        """The view of the case once it rests in a status, where all who know about the case agree."""
        return await self.agrees(status)

    async def agrees(self, status: Status | None = None) -> CaseView:
        """The view of the case at rest: the register, the audit and the search attributes say the same.

        A case that has other cases to tell, or whose register does not answer, is not at rest yet: it is looked at
        again whenever it has moved.
        """
        disagreement = AssertionError("the case did not move")
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                async for ended in _moves(self.engine.handle(self.case_id)):
                    try:
                        view = await self.engine.view(self.case_id)
                        assert status in {None, view.status}
                        await agree(self.engine, view)
                    except AssertionError as differs:
                        disagreement = differs
                        if ended:
                            break
                    else:
                        return view
        except TimeoutError:
            pass
        raise disagreement

    async def ends(self) -> Outcome:
        """The outcome of the case, where all who know about it agree and nothing of it is left half done."""
        outcome = await self.engine.handle(self.case_id).result()
        view = await self.agrees()
        assert (view.status, view.generation, view.ended_because, view.remains) == (
            outcome.status,
            outcome.generation,
            outcome.reason,
            outcome.remains,
        )
        assert view.version == outcome.transitions
        assert await verify_chain(self.engine.pool, self.case_id) is None
        assert (view.events, view.due_at, view.attention) == ((), None, ())
        leftovers = await self.engine.pool.fetchrow(_LEFTOVERS, self.case_id)
        assert leftovers is not None
        expected = {"coming_card"} if "card_ordered" in outcome.remains else set()
        assert {what for what, left in leftovers.items() if left} == expected
        return outcome

    async def holdings(self) -> Holdings:
        """What the register holds of the person."""
        fetch, ref = self.engine.pool.fetch, self.opening.person
        token_of = self.engine.sealer.number_token
        labels = {token_of(self.person.new): "new", token_of(self.person.old): "old"}
        numbers = await fetch(_NUMBERS, ref)
        cards = await fetch(_CARDS, ref)
        claims = await fetch(_CLAIMS, ref)
        benefits = await fetch(_BENEFITS, ref)
        turns = await fetch("SELECT case_id FROM turns WHERE person = $1", ref)
        waiters = await fetch("SELECT case_id FROM turn_waiters WHERE person = $1", ref)
        return Holdings(
            numbers=tuple((labels.get(row["token"], "other"), row["state"]) for row in numbers),
            cards=tuple(
                Card(row["code"], frozenset(row["functions"]), row["printed_data_outdated"], row["payment_authority"])
                for row in cards
            ),
            claims={row["suspended_for"]: row["state"] for row in claims},
            benefits={row["reason"]: row["state"] for row in benefits},
            turn=turns[0]["case_id"] if turns else None,
            waiting=frozenset(row["case_id"] for row in waiters),
        )

    async def told_to(self, target: str) -> list[str]:
        """What was written for another system to be told, oldest first."""
        rows = await self.engine.pool.fetch(
            "SELECT kind FROM events WHERE case_id = $1 AND target = $2 ORDER BY id", self.case_id, target
        )
        return [row["kind"] for row in rows]

    async def details(self) -> str:
        """What the Web UI shows of the case."""
        metadata: WorkflowMetadata = await self.engine.handle(self.case_id).query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        return metadata.current_details

    async def messages(self) -> list[str]:
        """What was written for the applicant to be told, oldest first."""
        rows = await self.engine.pool.fetch(
            "SELECT template FROM notifications WHERE case_id = $1 ORDER BY id", self.case_id
        )
        return [row["template"] for row in rows]


_NUMBERS = """
    SELECT n.token, n.state FROM numbers n JOIN persons p ON p.id = n.person_id WHERE p.token = $1 ORDER BY n.id
"""
_CARDS = """
    SELECT c.code, c.functions, c.printed_data_outdated, c.payment_authority
    FROM cards c JOIN persons p ON p.id = c.person_id WHERE p.token = $1 ORDER BY c.id
"""
_CLAIMS = """
    SELECT c.suspended_for, c.state FROM claims c JOIN persons p ON p.id = c.person_id WHERE p.token = $1
"""
_BENEFITS = """
    SELECT h.reason, h.state FROM benefit_holds h JOIN persons p ON p.id = h.person_id WHERE p.token = $1 ORDER BY h.id
"""
_LEFTOVERS = """
    SELECT
        EXISTS (SELECT FROM turns WHERE case_id = $1) AS turn,
        EXISTS (SELECT FROM numbers WHERE case_id = $1 AND state = 'reserved') AS reservation,
        EXISTS (SELECT FROM cards WHERE case_id = $1 AND code = 'A') AS coming_card,
        EXISTS (
            SELECT FROM disputes WHERE state = 'open' AND (case_id = $1 OR rival_case_id = $1)
        ) AS dispute
"""
_CASE = """
    SELECT *, (
        SELECT jsonb_agg(jsonb_build_array(version, event, from_status, to_status, actor) ORDER BY version)
        FROM transitions t WHERE (t.case_id, t.generation) = (c.case_id, c.generation)
    ) AS audit
    FROM cases c JOIN case_files USING (case_id, generation)
    WHERE case_id = $1 ORDER BY generation DESC LIMIT 1
"""
_LATE = """
    SELECT event, request_id AS request, actor, written_at AS at
    FROM answers_out_of_date WHERE case_id = $1 ORDER BY written_at
"""
_STATE = """
    SELECT opening, screening, state FROM cases JOIN case_files USING (case_id, generation)
    WHERE case_id = $1 ORDER BY generation DESC LIMIT 1
"""


async def _moves(handle: WorkflowHandle[Any, Any]) -> AsyncIterator[bool]:
    """Now, and whenever a case may have moved, over all its runs: whether it has ended."""
    yield False
    while True:
        events = handle.fetch_history_events(wait_new_event=True)
        types: set[EventType.ValueType] = set()
        while True:
            await events.fetch_next_page()
            types |= {event.event_type for event in events.current_page or ()}
            if events.next_page_token is None:
                break
            yield False
        if EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW not in types:
            yield True
            return


async def agree(engine: Engine, view: CaseView) -> None:
    """A case at rest: its view, its row, its audit and its search attributes say the same.

    Whoever moves the case meanwhile makes this fail.
    """
    row, late, described, made = await asyncio.gather(
        engine.pool.fetchrow(_CASE, view.case_id),
        engine.pool.fetch(_LATE, view.case_id),
        engine.handle(view.case_id).describe(),
        engine.history(view.case_id),
    )
    assert row is not None
    state = Stored(row["opening"], row["screening"], row["state"]).whole
    written = tuple(LateAnswer.model_validate(dict(each)) for each in late)
    assert view.model_copy(update={"last_refusal": None}) == view_of(state, NOW, late_answers=written)
    _compare_with_row(view, row)
    _compare_with_audit(made, json.loads(row["audit"]), view)
    _compare_with_attributes(view, described.typed_search_attributes)


def _compare_with_row(view: CaseView, row: asyncpg.Record) -> None:
    columns = ("status", "milestone", "version", "generation", "region", "category", "verifier", "approver")
    assert {column: row[column] for column in columns} == json.loads(view.model_dump_json(include=set(columns)))
    assert tuple(row["attention"]) == view.attention
    assert row["due_at"] == view.due_at
    assert (row["rung"], row["rung_at"], row["silenced_until"]) == (view.rung, view.rung_at, view.silenced_until)
    assert (row["processing_due_at"], row["campaign_due_at"]) == (view.processing_due_at, view.campaign_due_at)
    assert row["provisional"] is view.dates_provisional
    assert (row["closed_at"] is None) is bool(view.awaits.value != "nobody")


def _compare_with_audit(made: Sequence[Transition], audit: Sequence[Sequence[Any]], view: CaseView) -> None:
    """The transitions are one path without gap or repeat, audited one by one, and it ends where the case stands."""
    assert audit[0][:2] == [0, "registered"]
    assert audit[1:] == [[each.version, each.event, each.status, each.to, each.actor] for each in made]
    assert [each.version for each in made] == list(range(1, view.version + 1))
    assert all(before.to is after.status for before, after in pairwise(made))
    assert not made or made[-1].to is view.status


def _compare_with_attributes(view: CaseView, attributes: TypedSearchAttributes) -> None:
    assert attributes.get(KIND) == view.kind
    assert attributes.get(STATUS) == view.status
    assert attributes.get(MILESTONE) == view.milestone
    assert attributes.get(REGION) == view.region
    assert attributes.get(CATEGORY) == view.category
    assert tuple(attributes.get(ATTENTION) or ()) == view.attention
    assert attributes.get(DUE_AT) == view.due_at
    assert (attributes.get(RUNG) or 0) == view.rung
    assert attributes.get(VERSION) == view.version
