"""One record per kind of case: everything that differs between kinds and is no row, rule or effect.

Whoever needs to know what holds for a kind asks its record; nothing asks whether a case is of the one kind or else of
the other. A further kind comes with a record of its own, its machine, its opening and its part of the policy (`add`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, SerializeAsAny

from cases.errors import CaseError, Code
from cases.facts import HoldReason
from cases.machines.card_replacement import CARD_REPLACEMENT
from cases.machines.id_number_change import ID_NUMBER_CHANGE
from cases.machines.machine import Machine, Milestone
from cases.models import Token
from cases.names import Kind, SearchAttribute
from cases.openings import NumberChangeOpening, Opening, ReplacementOpening
from cases.screening import Finding
from cases.verdicts import Seen, Verdict, known, precheck, road_of


@dataclass(frozen=True, kw_only=True, slots=True)
class KindRecord:
    """What holds for one kind of case. The workflow type is the kind's value."""

    kind: Kind
    prefix: str
    """The three letters with which its case IDs begin."""
    zh: str
    en: str
    machine: Machine
    opening: type[Opening]
    policy_part: str
    """The table of a region's policy that is about this kind (`cases.policy.Policy.part`)."""
    held_for: str
    """Why the register suspends claims and holds benefits that a case of this kind releases."""
    verdict: Callable[[Seen], Verdict] = known
    """What the register's record of a person means for an application."""
    campaign: bool = False
    """Whether the campaign date binds the case until its number is updated."""
    hold: HoldReason | None = None
    """Why the engine itself puts a case on hold when the register's record differs; None where it never does."""
    ended_by: Mapping[Finding, Code] = field(default_factory=dict)
    """Why a case ended, where what the register found at once ended it."""

    @property
    def title(self) -> str:
        """As a heading."""
        return self.en[0].upper() + self.en[1:]

    def attributes_of(self, opening: Opening) -> dict[SearchAttribute, str]:
        """The search attributes that a case is started with."""
        return {
            SearchAttribute.kind: self.kind.value,
            SearchAttribute.status: self.machine.initial.value,
            SearchAttribute.milestone: Milestone.submitted.value,
            SearchAttribute.region: opening.region,
            SearchAttribute.category: opening.category.value,
        }


KINDS: Final[dict[Kind, KindRecord]] = {}
"""The record of each kind."""


def add(record: KindRecord) -> None:
    """Enter a kind.

    Raises ValueError where another kind already has one of its names, and where its cases could come to a stand: by an
    event that happens of itself in a status that has no row for it.
    """
    names = ("kind", "prefix", "policy_part", "held_for", "opening", "machine")
    for name in names:
        if any(getattr(known, name) == getattr(record, name) for known in KINDS.values()):
            raise ValueError(f"another kind has the same {name}")
    if unanswered := record.machine.unanswered:
        raise ValueError("no row for " + ", ".join(f"{event} in {status}" for status, event in unanswered))
    KINDS[record.kind] = record


add(
    KindRecord(
        kind=Kind.id_number_change,
        prefix="idc",
        zh="号码变更",
        en="ID-number change",
        machine=ID_NUMBER_CHANGE,
        opening=NumberChangeOpening,
        policy_part="number_change",
        held_for="id_number",
        verdict=road_of,
        campaign=True,
        ended_by={
            Finding.unknown: Code.PERSON_UNKNOWN,
            Finding.deceased: Code.PERSON_DECEASED,
            Finding.transferred: Code.PERSON_TRANSFERRED,
            Finding.merged: Code.PERSON_MERGED,
        },
    )
)
add(
    KindRecord(
        kind=Kind.card_replacement,
        prefix="crc",
        zh="补换卡",
        en="card replacement",
        machine=CARD_REPLACEMENT,
        opening=ReplacementOpening,
        policy_part="replacement",
        held_for="card",
        verdict=precheck,
        hold=HoldReason.number_change_first,
        ended_by={
            Finding.unknown: Code.PRECHECK_PERSON_UNKNOWN,
            Finding.deceased: Code.PERSON_DECEASED,
            Finding.transferred: Code.PERSON_TRANSFERRED,
            Finding.merged: Code.PERSON_MERGED,
            Finding.duplicate: Code.PRECHECK_DUPLICATE,
            Finding.not_allowed: Code.PRECHECK_NOT_ALLOWED,
        },
    )
)

T = TypeVar("T")


class OfKinds(Mapping[Kind, T]):
    """One thing of each kind's record, by kind; a kind that is added later has its own as well."""

    def __init__(self, read: Callable[[KindRecord], T]) -> None:
        self._read = read

    def __getitem__(self, kind: Kind) -> T:
        return self._read(KINDS[kind])

    def __iter__(self) -> Iterator[Kind]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)


def every_case() -> str:
    """The term of a visibility query that finds the cases of all kinds, and no other workflow."""
    return "WorkflowType IN (" + ", ".join(f"'{kind.value}'" for kind in KINDS) + ")"


MACHINES: Final = OfKinds(lambda record: record.machine)
"""The machine of each kind."""

# --- case IDs -------------------------------------------------------------------------------------------------------

_CASE_ID: Final = re.compile(r"([a-z]{3})-([a-z2-7]{26})")


def case_id(kind: Kind, person: Token) -> str:
    """Case ID = workflow ID of a person's case of one kind."""
    return f"{KINDS[kind].prefix}-{person}"


def read_case_id(text: str) -> tuple[Kind, Token]:
    """Kind and person ref of a case ID. Raises `CaseError` CASE_ID_INVALID for anything that is not one."""
    if (found := _CASE_ID.fullmatch(text)) is not None:
        for record in KINDS.values():
            if record.prefix == found[1]:
                return record.kind, found[2]
    raise CaseError(Code.CASE_ID_INVALID, "case_id")


def is_case(workflow_id: str, workflow_type: str) -> bool:
    """Whether a workflow has the ID of a case of its own type: whoever can reach Temporal starts any under any ID."""
    try:
        kind, _ = read_case_id(workflow_id)
    except CaseError:
        return False
    return kind.value == workflow_type


# --- openings -------------------------------------------------------------------------------------------------------


def read_opening(value: Any) -> Opening:
    """An opening of any kind, as the model of its own kind.

    Raises ValueError where it is of no kind, `pydantic.ValidationError` where it is none of its kind.
    """
    kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    for record in KINDS.values():
        if record.kind == kind:
            return value if isinstance(value, record.opening) else record.opening.model_validate(value)
    # Within a model it is one of the model's own errors, as for every other field.
    raise ValueError("an opening of no kind")


AnyOpening = Annotated[SerializeAsAny[Opening], BeforeValidator(read_opening)]
"""The opening of a case of any kind."""
