"""Lists of open cases: by queue, by the day they are due, with filters that stand in the address."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from pydantic import AfterValidator, StringConstraints, TypeAdapter, ValidationError

from activities.registry.pool import Pool
from cases.errors import CaseError, Code
from cases.kinds import KINDS, read_case_id
from cases.models import Category, Contract, Impersonal, Moment, RegionCode, Role
from cases.names import Kind
from cases.words import ATTENTION, by_when, word
from desk.queues import BY_NAME, QUEUES, Group, Queue, any_of, counted, mine
from desk.register import PAGE, Asked, Waiting, groups_of, waiting
from desk.visitors import Visitor
from desk.words import say

_MINE, _ALL, _IN_HAND = "mine", "all", "in_hand"


def _known(name: str) -> str:
    if name not in {_MINE, _ALL, _IN_HAND, *BY_NAME}:
        raise CaseError(Code.FIELD_INVALID, "queue")
    return name


class Chosen(Contract):
    """What stands in the address of a list."""

    queue: Annotated[str, AfterValidator(_known)] = _MINE
    region: RegionCode | None = None
    kind: Kind | None = None
    category: Category | None = None
    free: bool = False
    after: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}$"), Impersonal] | None = None


_PLACE: Final = TypeAdapter(tuple[Moment | None, str])


async def list_of(pool: Pool, visitor: Visitor, query: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """What a list shows. Raises `CaseError` FIELD_INVALID, OFFICE_NOT_COMPETENT, or where the register is away."""
    chosen, actor = _read(query), visitor.actor
    groups = await groups_of(pool, actor, chosen.region)
    which = Asked(
        queues=_queues_of(chosen.queue, actor.role),
        region=chosen.region,
        kind=chosen.kind,
        category=chosen.category,
        in_hand_of=actor.id if chosen.queue == _IN_HAND else None,
        free=chosen.free,
        after=_read_place(chosen.after),
    )
    found = await waiting(pool, actor, which, at)
    rows = found[:PAGE]
    return {
        "heading": _heading(chosen.queue, visitor),
        "chosen": chosen,
        "queues": [_shown(each, chosen, cases, tongue_word) for each, cases, tongue_word in _all(groups, visitor)],
        "kinds": tuple(KINDS),
        "categories": tuple(Category),
        "rows": [_row(row, visitor, at) for row in rows],
        "next": _link(chosen, after=_place_of(rows[-1])) if len(found) > PAGE else None,
        "first": _link(chosen, after=None) if chosen.after is not None else None,
    }


def _read(query: Mapping[str, str]) -> Chosen:
    try:
        return Chosen.model_validate({name: value for name, value in query.items() if value}, strict=False)
    except ValidationError:
        raise CaseError(Code.FIELD_INVALID) from None


def _queues_of(name: str, role: Role) -> tuple[Queue, ...] | None:
    if name in {_ALL, _IN_HAND}:
        return None
    return mine(role) if name == _MINE else (BY_NAME[name],)


def _heading(name: str, visitor: Visitor) -> str:
    if name in BY_NAME:
        return BY_NAME[name].word(visitor.tongue)
    return say({_MINE: "mine", _ALL: "all_cases", _IN_HAND: "in_hand_mine"}[name], visitor.tongue)


def _all(groups: Sequence[Group], visitor: Visitor) -> list[tuple[str, int | str, str]]:
    """Every queue with its count: mine, those of which it is made, and then the others."""
    own = mine(visitor.actor.role)
    others = tuple(queue for queue in QUEUES if queue not in own)
    everything = sum(group.cases for group in groups)
    return [
        (_MINE, any_of(own, groups), say("mine", visitor.tongue)),
        *((queue.name, cases, queue.word(visitor.tongue)) for queue, cases in counted(own, groups)),
        (_IN_HAND, "", say("in_hand_mine", visitor.tongue)),
        *((queue.name, cases, queue.word(visitor.tongue)) for queue, cases in counted(others, groups)),
        (_ALL, everything, say("all_cases", visitor.tongue)),
    ]


def _shown(name: str, chosen: Chosen, cases: int | str, called: str) -> dict[str, Any]:
    link = _link(chosen.model_copy(update={"queue": name}), after=None)
    return {"word": called, "cases": cases, "to": link, "current": name == chosen.queue}


def _link(chosen: Chosen, *, after: str | None) -> str:
    said = chosen.model_dump(mode="json", exclude_defaults=True) | {"after": after}
    return "/?" + urlencode({name: "1" if value is True else value for name, value in said.items() if value})


def _place_of(row: Waiting) -> str:
    place = json.dumps([None if row.due_at is None else row.due_at.isoformat(), row.case_id])
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read_place(place: str | None) -> tuple[datetime | None, str] | None:
    if place is None:
        return None
    try:
        due_at, case = _PLACE.validate_json(urlsafe_b64decode(place + "=" * (-len(place) % 4)))
        read_case_id(case)
    except (ValueError, CaseError):
        raise CaseError(Code.FIELD_INVALID, "after") from None
    return due_at, case


def _row(row: Waiting, visitor: Visitor, at: datetime) -> dict[str, Any]:
    tongue = visitor.tongue
    status = word(row.status, tongue)
    reasons = (ATTENTION[reason][tongue] for reason in row.attention if reason in ATTENTION)
    return {
        "case_id": row.case_id,
        "kind": word(row.kind, tongue),
        "status": status,
        # A status may be its own reason to look.
        "attention": " · ".join(reason for reason in reasons if reason != status),
        "due": by_when(row.due_at, tongue) if row.due_at is not None else "—",
        "late": row.due_at is not None and row.due_at <= at,
        "category": word(row.category, tongue),
        "region": row.region,
        "in_hand_of": row.in_hand_of,
    }
