"""What is asked: one case, many, how it moved and ended, and whom it is about. All of it comes from the register.

No query goes to Temporal: what is read here outlives what Temporal keeps, and costs a case nothing.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from activities.registry import journal
from activities.registry.reading import After, CaseRow, Filter, list_cases, replaced_number, transitions_of
from activities.sealing import Field as Sealable
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.facts import HandOver
from cases.kinds import KINDS, case_id, read_case_id
from cases.machines.machine import Milestone, Status
from cases.models import Category, Contract, Moment, OrderId, Record, RegionCode, Role, StaffId
from cases.names import Kind
from cases.offices import MINISTRY
from cases.progress import progress_of
from cases.rules.people import SPEAKS_FOR
from cases.submitters import Citizen, check_authority
from cases.views import as_seen_by, looked_up, offering, outcome_of, view_of
from intake.applications import PersonalNumber, checked
from intake.service.bodies import object_of
from intake.service.callers import caller_of
from intake.service.headers import CaseId, NoneMatchHeader
from intake.service.reach import Reach, answered, etag_of
from intake.service.scopes import tell

LONGEST_WAIT: Final = 60
"""Seconds of a long poll."""
MOST_IN_A_PAGE: Final = 500
Sorting = Literal["id", "due"]
_SUBORDINATE: Final = re.compile(r"(?:00)+$")
"""Of the code of a municipality or a province: what stands for all below it."""


class LookedFor(Contract):
    """Who is looked for."""

    kind: Kind
    personal_number: PersonalNumber = Field(repr=False)


class Found(Record):
    """The case that was looked for."""

    case_id: str


class TransitionRead(Record):
    """One transition of a case, as the audit has it."""

    generation: int
    version: int
    at: AwareDatetime
    event: str
    status: Status | None
    """Before it; None for the registration of a generation."""
    to: Status
    actor: StaffId | None
    role: str | None
    office: RegionCode | None
    refused: Code | None = None
    """Why it was refused, although it stands: an officer's opinion that is not that of the others."""


class History(Record):
    """All transitions of a case over all its generations, oldest first."""

    case_id: str
    transitions: tuple[TransitionRead, ...]


class Page(Record):
    """Some of the cases that a caller sees."""

    cases: tuple[CaseRow, ...]
    next: str | None = None
    """Cursor of the following page; None where this is the last."""


class SubjectRead(Record):
    """The numbers that a system has to change over."""

    case_id: str
    number: str = Field(repr=False)
    """The number that is in force from now on."""
    replaces: str | None = Field(default=None, repr=False)
    """The one before it."""


class DeliveryRead(Record):
    """How the card that is ordered reaches its holder."""

    case_id: str
    order: OrderId
    """The order in force."""
    delivery: HandOver
    address: str | None = Field(default=None, repr=False)
    """Where it is sent, as the applicant confirmed it last; None where they have confirmed nothing."""


class Narrowed(BaseModel):
    """By what a list is narrowed, and which page of it is asked for."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kind: Kind | None = None
    status: Status | None = None
    milestone: Milestone | None = None
    region: Annotated[str | None, Field(pattern=r"^[1-9][0-9]{1,5}$")] = None
    """Division code, which stands for all below it, or its first digits."""
    category: Category | None = None
    attention: Annotated[str | None, Field(pattern=r"^[a-z_]{1,32}$")] = None
    changed_after: Moment | None = None
    """Only cases that moved after this."""
    reference: Annotated[str | None, Field(pattern=r"^[1-9][0-9]{7}$")] = None
    """The eight digits of a receipt or a message: of the caller's agencies, of whatever year."""
    sort: Sorting = "id"
    """By case ID; or by due date, those without one behind, and closed ones, by case ID, behind the open ones."""
    cursor: Annotated[str | None, Field(max_length=160)] = None
    """`next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=MOST_IN_A_PAGE)] = 100


@dataclass(frozen=True)
class Looking:
    """The routes by which cases are looked at."""

    reach: Reach

    async def look_up(self, request: Request) -> Response:
        """The case ID of a person's case of one kind. Each look is written down, and their number is limited."""
        caller = caller_of(request)
        asked = checked(LookedFor, await object_of(request, LookedFor))
        person = self.reach.sealer.person_token(asked.personal_number)
        entry = journal.Entry(
            kind=journal.Kind.lookup,
            at=datetime.now(SHANGHAI),
            actor=caller.actor,
            facts={"person": person, "of_kind": asked.kind.value},
        )
        await journal.write(self.reach.pool, entry, journal.LOOKUPS)
        found = await self.reach.case_of(caller, case_id(asked.kind, person))
        return answered(Found(case_id=found.state.case_id))

    async def list_cases(self, request: Request, narrowed: Annotated[Narrowed, Query()]) -> Response:
        """Cases that the caller sees, page by page."""
        caller = caller_of(request)
        which = Filter(
            kind=narrowed.kind,
            status=narrowed.status,
            milestone=narrowed.milestone,
            region=_below(narrowed.region),
            category=narrowed.category,
            attention=narrowed.attention,
            kinds=tuple(sorted(caller.kinds)),
            office=caller.actor.office,
            moved_after=narrowed.changed_after,
            reference=narrowed.reference,
        )
        after = _read_cursor(narrowed.cursor, narrowed.sort)
        listed = self._by_due if narrowed.sort == "due" else self._by_id
        rows = await listed(which, after, narrowed.limit + 1)
        page = rows[: narrowed.limit]
        return answered(Page(cases=page, next=_cursor(page[-1], narrowed.sort) if len(rows) > len(page) else None))

    async def _by_id(self, which: Filter, place: "_Place | None", limit: int) -> tuple[CaseRow, ...]:
        return await list_cases(self.reach.pool, which, after=place and place.after, limit=limit)

    async def _by_due(self, which: Filter, place: "_Place | None", limit: int) -> tuple[CaseRow, ...]:
        """Those that are open by their dates, and behind them as many of the others as there is room for."""
        rows: tuple[CaseRow, ...] = ()
        among_closed = place is not None and place.is_closed
        if not among_closed:
            rows = await list_cases(
                self.reach.pool, which._replace(is_open=True), after=place and place.after, limit=limit, by_due=True
            )
        if len(rows) < limit:
            closed = which._replace(is_open=False)
            after = place.after if place is not None and among_closed else None
            rows += await list_cases(self.reach.pool, closed, after=after, limit=limit - len(rows))
        return rows

    async def read(
        self,
        request: Request,
        case: CaseId,
        if_none_match: NoneMatchHeader = None,
        wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for a move.")] = 0,
    ) -> Response:
        """Everything about a case that may be shown. `ETag` is its generation and version.

        `events` are those that the caller may tell it now, by role, office, scope and what they did before.
        With `If-None-Match` and `wait` the answer comes as soon as the case has moved, or 304 after so many seconds.
        """
        caller = caller_of(request)
        now = await self.reach.case_of(caller, case)
        if if_none_match is not None and etag_of(now) == if_none_match:
            seen = now.state.generation, now.state.version
            if wait == 0 or not await self.reach.watch.moved(case, seen, wait):
                return Response(status_code=304, headers={"ETag": if_none_match})
            now = await self.reach.case_of(caller, case)
        # A case knows what it did itself; what others of the person did, and what was paid, the register knows.
        view = looked_up(view_of(now.state, datetime.now(SHANGHAI), late_answers=now.late_answers), now.known)
        view = view.model_copy(update={"reference": now.reference})
        offered = offering(as_seen_by(view, caller.actor), lambda event: caller.may(tell(event)))
        return answered(offered, headers={"ETag": etag_of(now)})

    async def read_progress(
        self,
        request: Request,
        case: CaseId,
        speaker: Annotated[
            Literal["submitter", "applicant"],
            Query(description="Who asks: whoever handed the application in, or the applicant themself."),
        ] = "submitter",
    ) -> Response:
        """One line for the applicant over all their cases that the caller sees: what to do next, and by when.

        An agent or guardian whose authority has ended is told nothing: `AUTHORITY_ENDED`.
        """
        caller = caller_of(request)
        asked = (await self.reach.case_of(caller, case)).state
        now, submitter = datetime.now(SHANGHAI), asked.opening.submitter
        if speaker == "submitter" and isinstance(submitter, Citizen):
            check_authority(submitter, asked.opening.person, now.date())
        linked = [asked]
        for kind in KINDS:
            if kind is not asked.kind:
                try:
                    linked.append((await self.reach.case_of(caller, case_id(kind, asked.opening.person))).state)
                except CaseError as unseen:
                    if unseen.code is not Code.CASE_UNKNOWN:
                        raise
        return answered(progress_of((view_of(each, now) for each in linked), now))

    async def read_history(self, request: Request, case: CaseId) -> Response:
        """All its transitions, from the register's audit."""
        caller = caller_of(request)
        await self.reach.case_of(caller, case)
        rows = await transitions_of(self.reach.pool, case)
        transitions = tuple(
            TransitionRead(
                generation=row.generation,
                version=row.version,
                at=row.at,
                event=row.event,
                status=row.from_status,
                to=row.to_status,
                actor=row.actor,
                role=row.role,
                office=row.office,
                refused=row.refused,
            )
            for row in rows
        )
        return answered(History(case_id=case, transitions=transitions))

    async def read_outcome(self, request: Request, case: CaseId) -> Response:
        """The result of a closed case; `CASE_STILL_OPEN` before."""
        caller = caller_of(request)
        now = await self.reach.case_of(caller, case)
        if now.state.is_open:
            raise CaseError(Code.CASE_STILL_OPEN)
        return answered(outcome_of(now.state))

    async def read_subject(self, request: Request, case: CaseId) -> Response:
        """The numbers in clear, for a system that the case waits for and nobody else. Each look is written down."""
        caller = caller_of(request)
        now = await self.reach.case_of(caller, case)
        system, opening, sealer = SPEAKS_FOR.get(caller.actor.role), now.state.opening, self.reach.sealer
        if system is None or system not in now.state.awaited:
            raise CaseError(Code.ROLE_NOT_ALLOWED)
        entry = journal.Entry(kind=journal.Kind.subject, at=datetime.now(SHANGHAI), actor=caller.actor, case_id=case)
        await journal.write(self.reach.pool, entry)
        old = await replaced_number(self.reach.pool, case, now.state.generation)
        subject = SubjectRead(
            case_id=case,
            number=sealer.open(opening.number, field=Sealable.number, person=opening.person),
            replaces=None if old is None else sealer.open(old, field=Sealable.number, person=opening.person),
        )
        return answered(subject)

    async def read_delivery(self, request: Request, case: CaseId) -> Response:
        """How the card that is ordered reaches its holder, and where it is sent, in clear, for the card bureau alone.

        Each look is written down.
        """
        caller = caller_of(request)
        state = (await self.reach.case_of(caller, case)).state
        way = None if state.screening is None else state.screening.delivery
        if caller.actor.role is not Role.card_bureau or not state.card_ordered or state.order is None or way is None:
            raise CaseError(Code.ROLE_NOT_ALLOWED)
        entry = journal.Entry(
            kind=journal.Kind.subject,
            at=datetime.now(SHANGHAI),
            actor=caller.actor,
            case_id=case,
            facts={"order": state.order},
        )
        await journal.write(self.reach.pool, entry)
        person, sealer = state.opening.person, self.reach.sealer
        address = None if state.address is None else sealer.open(state.address, field=Sealable.address, person=person)
        return answered(DeliveryRead(case_id=case, order=state.order, delivery=way, address=address))


def _below(region: str | None) -> str | None:
    """The first digits of all agencies that a code stands for; None where it is all of them."""
    return None if region in {None, MINISTRY} else _SUBORDINATE.sub("", region or "")


class _Place(NamedTuple):
    """Where a page ends, as its cursor says."""

    after: After
    is_closed: bool = False


_Generation = Annotated[int, Field(ge=0, lt=2**31)]
_CURSOR: Final[Mapping[Sorting, TypeAdapter[Any]]] = {
    "id": TypeAdapter(tuple[str, _Generation]),
    "due": TypeAdapter(tuple[str, _Generation, bool, Moment | None]),
}


def _cursor(row: CaseRow, sort: Sorting) -> str:
    place: list[object] = [row.case_id, row.generation]
    if sort == "due":
        place += [row.closed_at is not None, row.due_at and row.due_at.isoformat()]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None, sort: Sorting) -> _Place | None:
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        case, generation, *more = _CURSOR[sort].validate_json(raw)
        read_case_id(case)
    except (binascii.Error, ValidationError, ValueError, CaseError):
        raise CaseError(Code.FIELD_INVALID, "?cursor") from None
    is_closed, due_at = more or (False, None)
    return _Place(After(case, generation, due_at), is_closed)
