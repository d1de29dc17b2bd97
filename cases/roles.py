"""Who may do what, and where: the matrix of roles and acts as data, and the region that an office answers for.

Posts with defined powers and tiered review are demanded by art. 36-38 of the Social Insurance Handling Regulations. The
pure machine consults these tables (`cases.progress.decide`), and the database holds a copy of the matrix that every row
of the audit refers to.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from cases.errors import CaseError, Code
from cases.models import Actor, CardActivated, CardFunction, ConfirmDownstream, Fact, Role, System
from cases.offices import MINISTRY
from cases.states import Event

Act = Event | Literal["open"]
"""What somebody does: tells a case of an event, or opens one."""
OPEN: Final = "open"

_AT_THE_COUNTER: Final = frozenset({Role.clerk, Role.back_office})
_REVIEWS: Final = frozenset({Role.clerk, Role.officer})
_DECIDES: Final = frozenset({Role.officer, Role.supervisor})
_LOOKS_AFTER: Final = frozenset({Role.operator, Role.supervisor})
_BUREAU_OR_COUNTER: Final = frozenset({Role.card_bureau, Role.clerk})

ROLES: Final[Mapping[Act, frozenset[Role]]] = {
    OPEN: _AT_THE_COUNTER,
    Event.add_documents: _AT_THE_COUNTER,
    Event.verify_documents: _REVIEWS,
    Event.return_documents: _REVIEWS,
    Event.approve: _DECIDES,
    Event.reject: _DECIDES,
    Event.hold: _REVIEWS,
    Event.resume: _REVIEWS,
    Event.extend: _DECIDES,
    Event.withdraw: _AT_THE_COUNTER,
    Event.resolve_dispute: _DECIDES,
    Event.confirm_downstream: frozenset({Role.medical_insurance, Role.pension, Role.bank}),
    Event.repair: _LOOKS_AFTER,
    Event.hold_benefits: _DECIDES,
    Event.release_benefits: _DECIDES,
    Event.acknowledge: frozenset({Role.clerk, Role.officer, Role.supervisor, Role.operator}),
    Event.person_ended: frozenset({Role.clerk, Role.officer, Role.back_office}),
    Event.recompute: _LOOKS_AFTER,
    Event.confirm_loss: _AT_THE_COUNTER,
    Event.card_found: _AT_THE_COUNTER,
    Event.card_produced: frozenset({Role.card_bureau}),
    Event.card_handed_over: _BUREAU_OR_COUNTER,
    Event.card_activated: frozenset({Role.card_bureau, Role.clerk, Role.medical_insurance, Role.bank}),
    Event.card_unclaimed: _BUREAU_OR_COUNTER,
}
"""The roles of each act. An applicant has none: they act at a counter, or through a system of the back office."""

NAMES_THE_SUBMITTER: Final = frozenset({Role.back_office})
"""Roles that open cases for others, and say which member of staff took the application in."""

SPEAKS_FOR: Final[Mapping[Role, System]] = {
    Role.medical_insurance: System.medical_insurance,
    Role.pension: System.pension,
    Role.bank: System.bank,
}
"""Of which system's part a role may say whether it was done."""

_SUBORDINATE: Final = re.compile(r"(?:00)+$")


def covers(office: str, region: str) -> bool:
    """Whether an office answers for an agency's region, by their division codes (GB/T 2260).

    A code that ends in 00 or 0000 is that of a municipality or a province and stands for all below it; the ministry
    stands for all.
    """
    return office == MINISTRY or region.startswith(_SUBORDINATE.sub("", office))


def check_role(actor: Actor, act: Act, region: str) -> None:
    """Raises `CaseError`: ROLE_NOT_ALLOWED for a role without this power, OFFICE_NOT_COMPETENT for another's region."""
    if actor.role not in ROLES.get(act, frozenset()):
        raise CaseError(Code.ROLE_NOT_ALLOWED)
    if not covers(actor.office, region):
        raise CaseError(Code.OFFICE_NOT_COMPETENT)


def check_fact(event: Event, fact: Fact, region: str) -> None:
    """As `check_role`, and whether a system speaks for itself: none confirms what another did."""
    check_role(fact.actor, event, region)
    match fact:
        case ConfirmDownstream():
            allowed = SPEAKS_FOR.get(fact.actor.role) is fact.system
        case CardActivated():
            allowed = (fact.actor.role is Role.bank) is (fact.function is CardFunction.bank)
        case _:
            return
    if not allowed:
        raise CaseError(Code.ROLE_NOT_ALLOWED)
