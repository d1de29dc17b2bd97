"""People: who may do what, and where; who must be another person; and the end of a case with its person.

An office answers for its region and for those below it. Nobody confirms alone what takes two.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from cases.errors import CaseError, Code
from cases.events import ROLES, Act, Event
from cases.facts import (
    Approve,
    CardActivated,
    CardFunction,
    ConfirmDownstream,
    Fact,
    OnBehalf,
    PersonEnded,
    PersonEndedReason,
)
from cases.machines.machine import Effect, Guard, Row
from cases.models import Actor, Role, System, distinct
from cases.numbers import Road
from cases.offices import MINISTRY, Recipient
from cases.rules.subject import Subject
from cases.state import CaseState
from cases.submitters import Citizen, check_authority

NAMES_THE_SUBMITTER: Final = frozenset({Role.back_office})
"""Roles that open cases for others, and say which member of staff took the application in."""

SPEAKS_FOR: Final[Mapping[Role, System]] = {
    Role.medical_insurance: System.medical_insurance,
    Role.pension: System.pension,
    Role.bank: System.bank,
}
"""Of which system's part a role may say whether it was done."""

PROGRAMS: Final = frozenset({Role.back_office, *SPEAKS_FOR, Role.card_bureau})
"""Roles of systems. What a person decides they decide case by case, or by a plan that others look at."""

_SUBORDINATE: Final = re.compile(r"(?:00)+$")


def covers(office: str, region: str) -> bool:
    """Whether an office answers for an agency's region, by their division codes (GB/T 2260).

    A code that ends in 00 or 0000 is that of a municipality or a province and stands for all below it; the ministry
    stands for all.
    """
    return region.startswith(answers_for(office))


def answers_for(office: str) -> str:
    """With what the division codes begin that an office answers for; empty for the ministry."""
    return "" if office == MINISTRY else _SUBORDINATE.sub("", office)


def check_role(actor: Actor, act: Act, region: str) -> None:
    """Raises `CaseError`: ROLE_NOT_ALLOWED for a role without this power, OFFICE_NOT_COMPETENT for another's region."""
    if actor.role not in ROLES.get(act, frozenset()):
        raise CaseError(Code.ROLE_NOT_ALLOWED)
    if not covers(actor.office, region):
        raise CaseError(Code.OFFICE_NOT_COMPETENT)


def activates(role: Role, function: CardFunction) -> bool:
    """Whether a role says that a function of a card works: the bank its own, and nobody else the bank's."""
    return (role is Role.bank) is (function is CardFunction.bank)


def check_fact(event: Event, fact: Fact, region: str) -> None:
    """As `check_role`, and whether a system speaks for itself: none confirms what another did."""
    check_role(fact.actor, event, region)
    match fact:
        case ConfirmDownstream():
            allowed = SPEAKS_FOR.get(fact.actor.role) is fact.system
        case CardActivated():
            allowed = activates(fact.actor.role, fact.function)
        case _:
            return
    if not allowed:
        raise CaseError(Code.ROLE_NOT_ALLOWED)


def check_speaker(state: CaseState, fact: Fact, today: date) -> None:
    """Whether whoever speaks for the applicant may.

    A system speaks for whoever handed the application in, unless it names somebody; what a clerk took in it passes on
    for the office. At a counter the clerk sees who stands there. Raises `CaseError` as
    `cases.submitters.check_authority`.
    """
    if not isinstance(fact, OnBehalf):
        return
    submitter = state.opening.submitter if isinstance(state.opening.submitter, Citizen) else None
    speaker = fact.on_behalf
    if speaker is None and fact.actor.role is Role.back_office:
        speaker = submitter
    if speaker is not None:
        check_authority(speaker, state.opening.person, today, submitter)


def _may_approve(state: CaseState, fact: Approve, _today: date) -> Code | None:
    if not distinct((state.opening.taken_in_by, state.verifier, fact.actor.id)):
        return Code.SAME_PERSON
    return None if fact.content == state.verified_content == state.content else Code.CONTENT_CHANGED


# A number that somebody else had when the case was screened, although they have given it up since, is no upgrade.
_NOT_FOR_ONE_OFFICER: Final = frozenset({Road.reissued, Road.conflict})


def _needs_a_second(state: CaseState, _fact: Any) -> bool:
    """Whether whoever verified does not decide alone: for what the number is, or because nobody took the case in.

    A clerk whom a system named did nothing that could be held against them: two others look at the application.
    """
    by_number = state.screening is not None and state.screening.road in _NOT_FOR_ONE_OFFICER
    by_officers = state.dispute_settled or state.merged
    return by_number or by_officers or state.opening.corrects is not None or state.submitter_named


ENDS_A_PERSON: Final = frozenset({Code.PERSON_DECEASED, Code.PERSON_TRANSFERRED, Code.PERSON_MERGED})
"""Why the register does nothing for a person any more: they died, another agency keeps their record by now, or it was
merged into another one of theirs."""


def still_told(state: CaseState, recipients: Iterable[Recipient]) -> tuple[Recipient, ...]:
    """Those of a rung's recipients who are told: nobody writes to a person who has ended."""
    if state.ended_because not in ENDS_A_PERSON:
        return tuple(recipients)
    return tuple(each for each in recipients if each is not Recipient.applicant)


def _ended(_state: CaseState, fact: PersonEnded, _row: Row) -> dict[str, Any]:
    died = fact.reason is PersonEndedReason.death
    return {"ended_because": Code.PERSON_DECEASED if died else Code.PERSON_TRANSFERRED}


RULES: Final = Subject(
    checks={Event.approve: _may_approve},
    guards={Guard.second_officer_needed: _needs_a_second},
    changes={
        Event.approve: lambda _state, fact, _row: {"approver": fact.actor.id},
        Event.person_ended: _ended,
    },
    effects={Effect.release_what_is_owed: {"benefits_held": False}},
)
