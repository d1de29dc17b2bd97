"""What the demonstration's people do: for each class of case, what is told at which status, in this order.

A script says nothing of how a case ends; that is the sample's to say (`samples/expected.csv`) and the engine's to do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from typing import Final, Protocol

from pydantic import JsonValue

from cases.documents import DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import CardFunction, DisputeOutcome, HandOver, HoldReason, PersonEndedReason, RepairAction
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.models import System


class Part(StrEnum):
    """Who tells a case something."""

    clerk = "clerk"
    """Verifies what another clerk took in."""
    counter = "counter"
    """Tells what the applicant said or brought."""
    officer = "officer"
    second_officer = "second_officer"
    supervisor = "supervisor"
    operator = "operator"
    card_bureau = "card_bureau"
    bank = "bank"
    medical_insurance = "medical_insurance"
    pension = "pension"

    @property
    def staff_id(self) -> str:
        """The code by which the offices know who plays this part; of a system, its client ID."""
        return f"sample-{self.value.replace('_', '-')}" if self in SYSTEMS else f"demo-{self.value}"


SYSTEMS: Final = frozenset({Part.card_bureau, Part.bank, Part.medical_insurance, Part.pension})
"""Parts that are played outside, each by a program of its own."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Somebody tells the case of an event when it has reached a status."""

    at: Status
    event: Event
    by: Part
    says: Mapping[str, JsonValue] = field(default_factory=dict)
    """Fields of the fact that the script knows; the rest is read from the case (`demo/facts.py`)."""
    brings: tuple[DocumentKind, ...] = ()
    """Documents that are handed in with it."""
    copy: int = 0
    """Which copy of them, where further ones are brought after the first."""
    request: int | None = None
    """Which of the case's requests it is about, the first being 0; None for the one in force."""
    refused: Code | None = None
    """With which code the case refuses it, where it does."""


@dataclass(frozen=True, slots=True)
class Together:
    """Several parts tell the case of one kind of event, side by side; who is heard first is chance."""

    tells: tuple[Tell, ...]


@dataclass(frozen=True, slots=True)
class See:
    """Nobody does anything before the case has been in a status."""

    status: Status


@dataclass(frozen=True, slots=True)
class Death:
    """An extract tells the register that the person has died; nobody tells the case."""

    at: Status


@dataclass(frozen=True, slots=True)
class Below:
    """Nobody does anything before the case of the row below, which came later, has ended."""


Step = Tell | Together | See | Death | Below
Script = tuple[Step, ...]


class Happened(Protocol):
    """A transition of a case, as its history has it."""

    @property
    def version(self) -> int:
        """Version of the case after it."""

    @property
    def event(self) -> str:
        """What happened."""

    @property
    def to(self) -> str:
        """Status after it."""

    @property
    def actor(self) -> str | None:
        """Who told it; None for what happened of itself."""


_D, _E, _P, _S = DocumentKind, Event, Part, Status


def tells_of(step: Tell | Together) -> tuple[Tell, ...]:
    """What is told in one step."""
    return step.tells if isinstance(step, Together) else (step,)


def remaining(script: Script, so_far: Iterable[Happened]) -> Script:
    """The part of a script that has not happened yet, by the case's own history. Others' acts are passed over."""
    left = script
    for transition in so_far:
        while left and isinstance(step := left[0], See) and transition.to == step.status:
            left = left[1:]
        left = _after(left, transition)
    return left


def _after(left: Script, transition: Happened) -> Script:
    """What is left of a script after a transition. What leaves no trace came before what followed it."""
    for place, step in enumerate(left):
        rest = _left_of(step, transition)
        if rest != (step,):
            return (*rest, *left[place + 1 :])
        if not isinstance(step, Below) and not (isinstance(step, Tell) and step.refused is not None):
            break
    return left


def _left_of(step: Step, transition: Happened) -> Script:
    """What is left of a step after a transition."""
    match step:
        case Tell(event=transition.event, refused=None):
            return ()
        case Tell(event=transition.event) if (step.event, step.refused) in _ON_RECORD:
            return () if step.by.staff_id == transition.actor else (step,)
        case Death() if transition.event == Event.person_found_ended:
            return ()
        case Together(tells) if tells[0].event == transition.event:
            untold = tuple(tell for tell in tells if tell.by.staff_id != transition.actor)
            return (Together(untold),) if untold else ()
        case _:
            return (step,)


_ON_RECORD: Final = frozenset((row.event, row.refused) for machine in MACHINES.values() for row in machine.table)
"""What is refused and on record all the same, like a second officer's other opinion."""


# --- words that scripts are made of ----------------------------------------------------------------------------------

_VERIFY: Final = Tell(_S.in_review, _E.verify_documents, _P.clerk, {"original_seen": True})
_APPROVE: Final = Tell(_S.awaiting_approval, _E.approve, _P.officer)
_WITHDRAW: Final[Mapping[Status, Tell]] = {status: Tell(status, _E.withdraw, _P.counter) for status in Status}


def _confirm(by: Part, *, confirmed: bool = True, at: Status = _S.applying) -> Tell:
    system = System(by.value)
    return Tell(at, _E.confirm_downstream, by, {"system": system, "confirmed": confirmed, "reference": f"{system}/1"})


def _too_late(tell: Tell, request: int) -> Tell:
    """The same as an answer to an earlier request, which is over: refused, and written down."""
    return replace(tell, request=request, refused=Code.ANSWER_OUT_OF_DATE)


_CONFIRMED: Final[Script] = (Together((_confirm(_P.medical_insurance), _confirm(_P.pension), _confirm(_P.bank))),)


def _add(*kinds: DocumentKind, at: Status = _S.awaiting_documents) -> Tell:
    return Tell(at, _E.add_documents, _P.counter, brings=kinds)


_BRING: Final = Tell(_S.awaiting_documents, _E.add_documents, _P.counter, {"original_seen": True})
"""What is missing is brought to the counter, original and copy."""


def _return(kind: DocumentKind, by: Part, at: Status = _S.in_review) -> Tell:
    return Tell(at, _E.return_documents, by, {"defects": [{"document": kind, "problem": "复印件不清晰"}]})


def _notices(rounds: int) -> Script:
    """A copy is returned and brought again as often as the region's policy allows, and once more, which is refused."""
    again = _return(_D.resident_id_card, _P.clerk)
    mended = [(again, replace(_add(_D.resident_id_card), copy=place)) for place in range(rounds)]
    return (*chain.from_iterable(mended), replace(again, refused=Code.SUPPLEMENT_ROUNDS_USED))


def _hold(reason: HoldReason, at: Status = _S.in_review) -> Tell:
    return Tell(at, _E.hold, _P.clerk, {"reason": reason, "evidence": "HOLD/1"})


_RESUME: Final = Tell(_S.on_hold, _E.resume, _P.clerk)


def _extend(working_days: int) -> Tell:
    return Tell(_S.on_hold, _E.extend, _P.officer, {"working_days": working_days, "evidence": "HOLD/2"})


def _reject(by: Part, at: Status = _S.in_review) -> Tell:
    return Tell(at, _E.reject, by, {"legal_basis": "社会保险经办条例第三十一条"})


def _end(reason: PersonEndedReason, at: Status = _S.in_review) -> Tell:
    return Tell(at, _E.person_ended, _P.clerk, {"reason": reason, "evidence": "REGISTRY/1"})


def _decide(outcome: DisputeOutcome, by: Part, *, refused: Code | None = None) -> Tell:
    papers = (_D.police_certificate,)
    return Tell(_S.disputed, _E.resolve_dispute, by, {"outcome": outcome}, brings=papers, refused=refused)


_OPINIONS_DIFFER: Final[Script] = (
    _decide(DisputeOutcome.theirs, _P.officer),
    # Neither decision takes the other's place.
    _decide(DisputeOutcome.ours, _P.second_officer, refused=Code.OPINIONS_DIFFER),
)


def _settle(outcome: DisputeOutcome) -> Script:
    """Two officers decide the same on the same document."""
    return (_decide(outcome, _P.officer), _decide(outcome, _P.second_officer))


def _judge(by: Part, *, same_person: bool) -> Tell:
    says: dict[str, JsonValue] = {"same_person": same_person, "legal_basis": "《社会保险经办条例》第十条"}
    return Tell(_S.merging, _E.resolve_duplicate, by, says, brings=(_D.police_certificate,))


def _judged(*, same_person: bool) -> Script:
    """Two officers say the same of two records; the same officer twice is one."""
    first = _judge(_P.officer, same_person=same_person)
    second = _judge(_P.second_officer, same_person=same_person)
    return (first, replace(first, refused=Code.SAME_PERSON), second)


def _repair(action: RepairAction, system: System | None = None) -> Tell:
    return Tell(_S.repair, _E.repair, _P.operator, {"action": action, "system": system, "evidence": "REPAIR/1"})


_CONFIRM_LOSS: Final = Tell(_S.temporarily_blocked, _E.confirm_loss, _P.counter, {"evidence": "LOSS/1"})


def _lose(at: Status) -> Tell:
    return Tell(at, _E.report_loss, _P.counter, {"evidence": "LOSS/1"})


def _found(at: Status) -> Tell:
    return Tell(at, _E.card_found, _P.counter)


def _make(*, produced: bool = True, at: Status = _S.in_production) -> Tell:
    return Tell(at, _E.card_produced, _P.card_bureau, {"produced": produced, "batch": "BATCH/1"})


def _destroy(at: Status, request: int | None = None) -> Script:
    """Two people destroy a card; the same person twice is one person."""
    record = {"record": "DESTROYED/1"}
    first = Tell(at, _E.card_destroyed, _P.counter, record, request=request)
    return (first, replace(first, refused=Code.SAME_PERSON), replace(first, by=_P.clerk))


def _destroy_surplus(request: int, at: Status) -> Script:
    """A card that an order brought although it was over turns up, and is destroyed."""
    return (
        Tell(at, _E.card_turned_up, _P.card_bureau, {"batch": "BATCH/0"}, request=request),
        *_destroy(at, request),
    )


def _activate(function: CardFunction, by: Part) -> Tell:
    return Tell(_S.handed_over, _E.card_activated, by, {"function": function})


def _use(by: HandOver = HandOver.counter) -> Script:
    """The card reaches its holder, and both functions are activated."""
    return (
        Tell(_S.ready, _E.card_handed_over, _P.counter, {"by": by, "evidence": "HANDOVER/1"}),
        _activate(CardFunction.social, _P.counter),
        _activate(CardFunction.bank, _P.bank),
    )


def _fetch(by: HandOver = HandOver.counter) -> Script:
    """The card is made, reaches its holder, and both functions are activated."""
    return (_make(), *_use(by))


# --- ID-number change ------------------------------------------------------------------------------------------------

_UNTIL_UPDATED: Final[Mapping[str, Script]] = {
    "verify": (_VERIFY,),
    "verify-approve": (_VERIFY, _APPROVE),
    "release-benefits": (
        Tell(_S.in_review, _E.release_benefits, _P.officer, {"legal_basis": "社会保险经办条例第五十三条"}),
        _VERIFY,
    ),
    "acknowledge": (Tell(_S.in_review, _E.acknowledge, _P.operator), _VERIFY),
    "add-id-card": (_add(_D.resident_id_card), _VERIFY),
    "add-certificate": (_add(_D.police_certificate), _VERIFY, _APPROVE),
    "add-one-by-one": (_add(_D.resident_id_card), _add(_D.police_certificate), _VERIFY, _APPROVE),
    "bring-originals": (_BRING, _VERIFY),
    "bring-originals-approve": (_BRING, _VERIFY, _APPROVE),
    "add-late": (_VERIFY, _add(_D.photograph, at=_S.awaiting_approval), _VERIFY, _APPROVE),
    "return-papers": (_return(_D.resident_id_card, _P.clerk), _add(_D.resident_id_card), _VERIFY),
    "return-by-second-officer": (
        _VERIFY,
        _return(_D.police_certificate, _P.officer, at=_S.awaiting_approval),
        _add(_D.police_certificate),
        _VERIFY,
        _APPROVE,
    ),
    "hold-resume": (_hold(HoldReason.waiting_for_id_card), _extend(5), _RESUME, _VERIFY),
    "hold-before-approval": (_VERIFY, _hold(HoldReason.waiting_for_police, _S.awaiting_approval), _RESUME, _APPROVE),
    "dispute-ours": (*_settle(DisputeOutcome.ours), _VERIFY, _APPROVE),
    "dispute-ours-at-last": (*_OPINIONS_DIFFER, _decide(DisputeOutcome.ours, _P.officer), _VERIFY, _APPROVE),
    "dispute-ours-by-supervisor": (*_OPINIONS_DIFFER, _decide(DisputeOutcome.ours, _P.supervisor), _VERIFY, _APPROVE),
    "records-merged": (*_judged(same_person=True), _VERIFY, _APPROVE),
    "records-of-two": (*_judged(same_person=False), *_settle(DisputeOutcome.ours), _VERIFY, _APPROVE),
    "lost-and-found": (_lose(_S.in_review), _found(_S.in_review), _VERIFY),
    "held-and-disputed": (_hold(HoldReason.waiting_for_id_card), See(_S.disputed), _RESUME, _VERIFY),
    "dispute-won": (See(_S.disputed), _VERIFY, _APPROVE),
}
"""Scripts up to the point where the register takes the new number over."""

_CHANGES: Final[Mapping[str, Script]] = {
    **_UNTIL_UPDATED,
    **{f"{name}-confirmed": (*script, *_CONFIRMED) for name, script in _UNTIL_UPDATED.items()},
    "refused-undone": (_VERIFY, _confirm(_P.medical_insurance, confirmed=False), _VERIFY, *_CONFIRMED),
    "refused-accepted": (
        _VERIFY,
        _confirm(_P.medical_insurance),
        _confirm(_P.pension, confirmed=False),
        _repair(RepairAction.accept, System.pension),
        _confirm(_P.bank, at=_S.repair),
    ),
    "refused-retried": (
        _VERIFY,
        _confirm(_P.medical_insurance),
        _confirm(_P.bank, confirmed=False),
        _repair(RepairAction.retry),
        _confirm(_P.pension),
        _confirm(_P.bank),
    ),
    "refused-undone-answered-late": (
        _VERIFY,
        _confirm(_P.medical_insurance, confirmed=False),
        _VERIFY,
        _too_late(_confirm(_P.bank), 0),
        *_CONFIRMED,
    ),
    # A region's policy says how often papers may be returned: twice in the north, once in the south.
    "notices-used-up-north": (*_notices(2), _VERIFY, *_CONFIRMED),
    "notices-used-up-south": (*_notices(1), _VERIFY),
    # Somebody else has the old number by now, so the bank's refusal undoes nothing; an operator publishes again.
    "undo-impossible": (
        _VERIFY,
        _APPROVE,
        Below(),
        _confirm(_P.bank, confirmed=False),
        _repair(RepairAction.retry),
        *_CONFIRMED,
    ),
    "withdraw-applying": (_VERIFY, _WITHDRAW[_S.applying]),
    "died-applying": (_VERIFY, _end(PersonEndedReason.death, _S.applying)),
    "reject-by-second-officer": (_VERIFY, _reject(_P.officer, _S.awaiting_approval)),
    "withdraw-on-hold": (_hold(HoldReason.applicant_in_hospital), _WITHDRAW[_S.on_hold]),
    "dispute-theirs": _settle(DisputeOutcome.theirs),
    "dispute-both-change": _settle(DisputeOutcome.both_change),
    "dispute-withdrawn": (_WITHDRAW[_S.disputed],),
    "dispute-lost": (See(_S.disputed),),
}

# --- card replacement ------------------------------------------------------------------------------------------------

_REPLACEMENTS: Final[Mapping[str, Script]] = {
    "replace": (_VERIFY, *_fetch()),
    "replace-by-post": (_VERIFY, *_fetch(HandOver.post)),
    "replace-to-address": (
        Tell(_S.in_review, _E.confirm_address, _P.counter, {"address": "示例市示例区示例路1号"}),
        _VERIFY,
        *_fetch(HandOver.post),
    ),
    "replace-below": (_VERIFY, Below(), *_fetch()),
    "replace-bring": (_BRING, _VERIFY, *_fetch()),
    "replace-approve": (_VERIFY, _APPROVE, *_fetch()),
    "replace-lost": (_CONFIRM_LOSS, _VERIFY, *_fetch()),
    "replace-add-old-card": (_add(_D.old_card), _VERIFY, *_fetch()),
    "replace-return": (_return(_D.resident_id_card, _P.clerk), _add(_D.resident_id_card), _VERIFY, *_fetch()),
    "replace-hold": (_hold(HoldReason.applicant_in_hospital), _extend(3), _RESUME, _VERIFY, *_fetch()),
    "produce-again": (_VERIFY, _make(produced=False), *_fetch()),
    # A region's policy says how often the bureau may try: three times in the north, twice in the south.
    "production-repaired-north": (_VERIFY, *[_make(produced=False)] * 3, _repair(RepairAction.retry), *_fetch()),
    "production-repaired-south": (_VERIFY, *[_make(produced=False)] * 2, _repair(RepairAction.retry), *_fetch()),
    "production-undone": (
        _VERIFY,
        *[_make(produced=False)] * 3,
        _repair(RepairAction.undo),
        _VERIFY,
        *_fetch(),
    ),
    "notices-used-up-north-card": (*_notices(2), _VERIFY, *_fetch()),
    "notices-used-up-south-card": (*_notices(1), _VERIFY, *_fetch()),
    "undone-card-made": (
        _VERIFY,
        *[_make(produced=False)] * 3,
        _repair(RepairAction.undo),
        _VERIFY,
        _too_late(_make(), 0),
        *_destroy_surplus(0, _S.in_production),
        *_fetch(),
    ),
    "two-cards-made": (
        _VERIFY,
        _make(produced=False),
        # The card of the first attempt comes after all, and then that of the second.
        replace(_make(), request=0),
        _too_late(_make(at=_S.ready), 1),
        *_destroy_surplus(1, _S.ready),
        *_use(),
    ),
    "found": (_found(_S.temporarily_blocked),),
    "found-reported": (_CONFIRM_LOSS, _found(_S.in_review)),
    "found-in-production": (_CONFIRM_LOSS, _VERIFY, _found(_S.in_production)),
    "withdraw-blocked": (_WITHDRAW[_S.temporarily_blocked],),
    "withdraw-ordered": (_VERIFY, _WITHDRAW[_S.in_production]),
    "lost-in-production": (
        _VERIFY,
        _lose(_S.in_production),
        replace(_lose(_S.in_production), by=_P.bank, refused=Code.LOSS_ALREADY_REPORTED),
        replace(_CONFIRM_LOSS, at=_S.in_production),
        *_fetch(),
    ),
    "lost-in-the-post": (
        _VERIFY,
        *_fetch(HandOver.post)[:2],
        Tell(_S.handed_over, _E.card_lost_on_way, _P.counter, {"evidence": "POST/1"}),
        *_fetch(HandOver.post)[:2],
        # Whoever has the first card now tries to use it.
        _too_late(_activate(CardFunction.bank, _P.bank), 0),
        *_fetch()[2:],
    ),
    "died-in-production-north": (_VERIFY, _end(PersonEndedReason.death, _S.in_production)),
    # An order that the region does not let anybody cancel brings a card, and nobody may have it.
    "died-in-production-south": (
        _VERIFY,
        _end(PersonEndedReason.death, _S.in_production),
        _make(at=_S.card_outstanding),
        *_destroy(_S.card_to_destroy),
    ),
    "transferred-before-hand-over": (_VERIFY, _make(), _end(PersonEndedReason.transfer, _S.ready)),
}

SCRIPTS: Final[Mapping[str, Script]] = {
    "nothing": (),
    "reject": (_reject(_P.officer),),
    "withdraw": (_WITHDRAW[_S.in_review],),
    "withdraw-incomplete": (_WITHDRAW[_S.awaiting_documents],),
    "transferred": (_end(PersonEndedReason.transfer),),
    "died": (_end(PersonEndedReason.death),),
    # Who verifies learns of it from the case, which has ended.
    "death-learned": (Death(_S.in_review), replace(_VERIFY, refused=Code.CASE_CLOSED)),
    **_CHANGES,
    **_REPLACEMENTS,
}
"""All scripts by the names that `samples/expected.csv` uses."""
