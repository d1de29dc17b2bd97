"""What the desk reads of the register, and the one thing it writes there: who has which case in hand."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import AwareDatetime

from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.errors import CaseError, Code
from cases.machines.machine import Milestone, Status
from cases.models import Actor, Category, Record, RegionCode, Role, StaffId
from cases.names import Kind
from cases.rules.people import answers_for, covers
from desk.queues import Group, Queue

SQL: Final = load("register.sql", beside=__file__)

IN_HAND: Final = timedelta(hours=8)
"""How long somebody has a case in hand that they took: a working day. Then it is free again."""
PAGE: Final = 25
MOST_MESSAGES: Final = 50
MOVES: Final = frozenset({Role.supervisor})
"""Roles that give a case that somebody has in hand to somebody else."""

_STAFF: Final = re.compile(r"[a-z][a-z0-9_-]{1,31}")


class Waiting(Record):
    """An open case as the list shows it."""

    case_id: str
    generation: int
    kind: Kind
    region: RegionCode
    category: Category
    status: Status
    milestone: Milestone
    due_at: AwareDatetime | None
    attention: tuple[str, ...]
    rung: int
    moved_at: AwareDatetime
    in_hand_of: StaffId | None
    in_hand_until: AwareDatetime | None


class Asked(NamedTuple):
    """Which open cases a list shows; None lets everything through."""

    queues: tuple[Queue, ...] | None = None
    region: RegionCode | None = None
    kind: Kind | None = None
    category: Category | None = None
    in_hand_of: StaffId | None = None
    free: bool = False
    after: tuple[datetime | None, str] | None = None


class InHand(NamedTuple):
    """Who has a case in hand, and until when."""

    staff: StaffId
    until: datetime


class Claims(NamedTuple):
    """Claims of one scheme in one state."""

    scheme: str
    state: str
    suspended_for: str | None
    claims: int
    amount_fen: int


class BenefitHold(NamedTuple):
    """One time that benefits were withheld, or were to be."""

    reason: str
    state: str
    legal_basis: str | None
    notice: str | None
    served_on: date | None
    officer: StaffId | None
    held_at: datetime | None
    released_at: datetime | None
    released_by: StaffId | None


class FiredRung(NamedTuple):
    """A rung that fired."""

    generation: int
    rung: int
    cause: str
    fired_at: datetime


class Message(NamedTuple):
    """A message about a case."""

    recipient: str
    template: str
    state: str
    written_at: datetime
    error: str | None
    channels: tuple[str, ...]
    settled_at: datetime | None


class Beside(NamedTuple):
    """What the register knows beside the state of a case."""

    living: str | None
    """The number in force, sealed."""
    replaced: str | None
    """The number that the case put out of force, sealed."""
    claims: tuple[Claims, ...]
    holds: tuple[BenefitHold, ...]
    rungs: tuple[FiredRung, ...]
    messages: tuple[Message, ...]
    in_hand: InHand | None


def below(actor: Actor, region: RegionCode | None) -> str:
    """With what the division codes begin that somebody sees, or of these a region's.

    Raises `CaseError` OFFICE_NOT_COMPETENT for a region that their office does not answer for.
    """
    if region is None:
        return answers_for(actor.office)
    if not covers(actor.office, region):
        raise CaseError(Code.OFFICE_NOT_COMPETENT)
    return answers_for(region)


@case_errors_only
async def groups_of(pool: Pool, actor: Actor, region: RegionCode | None) -> tuple[Group, ...]:
    """How many open cases wait where. Raises as `below`."""
    asked = {"me": actor.id, "below": below(actor, region)}
    async with connection_of(pool) as connection:
        rows = await SQL["groups"].all(connection, asked)
    return tuple(
        Group(
            Kind(row["kind"]),
            row["status"],
            frozenset(row["attention"]),
            row["taken_in"],
            row["verified"],
            row["cases"],
        )
        for row in rows
    )


@case_errors_only
async def waiting(pool: Pool, actor: Actor, which: Asked, at: datetime) -> tuple[Waiting, ...]:
    """A page of open cases by the day they are due, and one more where another page follows. Raises as `below`."""
    queues = which.queues or ()
    asked: dict[str, Any] = {
        "me": actor.id,
        "at": at,
        "below": below(actor, which.region),
        "everything": which.queues is None,
        "places": _places(queues),
        "not_taken_in": _places(queue for queue in queues if queue.not_taken_in),
        "not_verified": _places(queue for queue in queues if queue.not_verified),
        "unless": sorted({reason for queue in queues for reason in queue.unless}),
        "attention": sorted({reason for queue in queues for reason in queue.attention}),
        "kind": which.kind,
        "category": which.category,
        "in_hand_of": which.in_hand_of,
        "free": which.free,
        "after_due": which.after and which.after[0],
        "after_case": which.after and which.after[1],
        "limit": PAGE + 1,
    }
    async with connection_of(pool) as connection:
        rows = await SQL["waiting"].all(connection, asked)
    return tuple(Waiting.model_validate(dict(row)) for row in rows)


def _places(queues: Iterable[Queue]) -> list[str]:
    return sorted({place for queue in queues for place in queue.places})


@case_errors_only
async def beside(pool: Pool, case_id: str, generation: int, at: datetime) -> Beside:
    """What the register knows beside the state of a case."""
    asked = {"case_id": case_id, "generation": generation, "at": at, "limit": MOST_MESSAGES}
    async with connection_of(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        numbers = await SQL["numbers_of_the_person"].first(connection, asked)
        claims = await SQL["claims_of_the_person"].all(connection, asked)
        holds = await SQL["holds_of_the_person"].all(connection, asked)
        rungs = await SQL["rungs_of_the_case"].all(connection, asked)
        messages = await SQL["messages_of_the_case"].all(connection, asked)
        held = await SQL["in_hand"].first(connection, asked)
    return Beside(
        living=numbers["living"] if numbers is not None else None,
        replaced=numbers["replaced"] if numbers is not None else None,
        claims=tuple(Claims(*row) for row in claims),
        holds=tuple(BenefitHold(*row) for row in holds),
        rungs=tuple(FiredRung(*row) for row in rungs),
        messages=tuple(Message(**dict(row) | {"channels": tuple(row["channels"])}) for row in messages),
        in_hand=InHand(*held) if held is not None else None,
    )


@case_errors_only
async def take(pool: Pool, actor: Actor, case_id: str, at: datetime, staff: StaffId | None = None) -> None:
    """Take a case in hand, or give it to a colleague.

    Raises `CaseError`: CASE_IN_HAND where somebody else has it, or it is closed; ROLE_NOT_ALLOWED for whoever may not
    give it to others; FIELD_INVALID for somebody who stands at no post.
    """
    moves = actor.role in MOVES
    for_another = staff is not None and staff != actor.id
    if for_another and not moves:
        raise CaseError(Code.ROLE_NOT_ALLOWED)
    async with connection_of(pool) as connection:
        if for_another and staff not in await _colleagues(connection, actor):
            raise CaseError(Code.FIELD_INVALID, "staff")
        taken = await SQL["take"].first(
            connection,
            {
                "case_id": case_id,
                "staff": staff or actor.id,
                "role": actor.role.value,
                "office": actor.office,
                "at": at,
                "until": at + IN_HAND,
                "moves": moves,
            },
        )
    if taken is None:
        raise CaseError(Code.CASE_IN_HAND)


@case_errors_only
async def put_back(pool: Pool, actor: Actor, case_id: str) -> None:
    """Put a case back. Raises `CaseError` CASE_IN_HAND where it is in the hand of somebody else."""
    asked = {"case_id": case_id, "staff": actor.id, "moves": actor.role in MOVES}
    async with connection_of(pool) as connection:
        if not await SQL["put_back"].run(connection, asked):
            raise CaseError(Code.CASE_IN_HAND)


@case_errors_only
async def colleagues(pool: Pool, actor: Actor) -> tuple[StaffId, ...]:
    """Who stands at a post of the offices that somebody answers for."""
    async with connection_of(pool) as connection:
        return tuple(await _colleagues(connection, actor))


async def _colleagues(connection: Any, actor: Actor) -> list[StaffId]:
    rows = await SQL["colleagues"].all(connection, {"below": answers_for(actor.office)})
    return [row["staff"] for row in rows if _STAFF.fullmatch(row["staff"])]
