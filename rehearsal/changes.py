"""Stories of ID-number changes: what is told to a case from its application on."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from cases.clocks import SHANGHAI
from cases.documents import DocumentKind
from cases.events import Event
from cases.facts import DisputeOutcome, HoldReason, PersonEndedReason, RepairAction
from cases.models import System
from rehearsal.chance import Chance
from rehearsal.lives import Act, Application, Applies, Learns, Part, Says, Step, Story

Papers = tuple[DocumentKind, ...]
Steps = list[Step]
_A_MOMENT: Final = timedelta(minutes=5)

SHARES: Final[Mapping[Story, float]] = {
    Story.prompt: 30,
    Story.slow: 14,
    Story.late_papers: 11,
    Story.silence: 5,
    Story.returned: 4,
    Story.rounds: 4,
    Story.held: 9,
    Story.forgotten_hold: 2,
    Story.disputed: 4,
    Story.two_records: 6,
    Story.neglected: 8,
    Story.withdrawn: 2,
    Story.person_ended: 2,
    Story.learnt: 2,
    Story.unconfirmed: 3,
    Story.refused: 3,
    Story.corrected: 2,
}
NEEDS_A_SECOND: Final = frozenset({Story.disputed, Story.two_records, Story.corrected})
"""Stories in which a second officer approves whatever the number is."""

_HOLDS: Final[Mapping[HoldReason, float]] = {
    HoldReason.waiting_for_id_card: 60,
    HoldReason.applicant_in_hospital: 20,
    HoldReason.waiting_for_police: 12,
    HoldReason.waiting_for_other_agency: 8,
}
_BASIS: Final = "示例文件〔2026〕第1号第五条"


def _verified(at: datetime) -> Act:
    return Act(at, Event.verify_documents, Part.clerk, {"original_seen": True})


def _confirmed(at: datetime, system: System, *, late: bool = False) -> Act:
    says: Says = {"system": system.value, "confirmed": True, "reference": f"{system.value}/1"}
    return Act(at, Event.confirm_downstream, Part(system.value), says, late=late)


def _decided(chance: Chance, at: datetime) -> Steps:
    """From a verification onward: the second officer, where one is needed, and the three other systems."""
    approved = chance.worked(at, 1, 3)
    acts: Steps = [_verified(at), Act(approved, Event.approve, Part.officer)]
    return acts + [_confirmed(chance.worked(approved, 0, 3) + _A_MOMENT, system) for system in System]


def _extended(chance: Chance, at: datetime) -> Steps:
    days = chance.count(2, 7)
    extended = chance.happens(0.3)
    says: Says = {"working_days": days, "evidence": "extension/1"}
    return [Act(at, Event.extend, Part.supervisor, says)] if extended else []


def _prompt(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    return _decided(chance, chance.worked(arrives_at, 1, 5))


def _slow(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    verified = chance.worked(arrives_at, 8, 22)
    return _extended(chance, chance.worked(arrives_at, 3, 7)) + _decided(chance, verified)


def _late_papers(chance: Chance, arrives_at: datetime, papers: Papers) -> Steps:
    brought = chance.passed(arrives_at, 2, 30)
    added = Act(brought, Event.add_documents, Part.counter, brings=papers[:1])
    extended = _extended(chance, chance.passed(arrives_at, 1, 12))
    return [added, *extended, *_decided(chance, chance.worked(brought, 1, 6))]


def _silence(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    return _extended(chance, chance.passed(arrives_at, 1, 12))


def _defective(at: datetime, papers: Papers) -> Act:
    defects: list[dict[str, str]] = [{"document": papers[0].value, "problem": "复印件不清晰"}]
    return Act(at, Event.return_documents, Part.clerk, {"defects": defects})


def _returned(chance: Chance, arrives_at: datetime, papers: Papers) -> Steps:
    returned = chance.worked(arrives_at, 1, 4)
    brought = chance.passed(returned, 1, 14)
    return [
        _defective(returned, papers),
        Act(brought, Event.add_documents, Part.counter, brings=papers[:1]),
        *_decided(chance, chance.worked(brought, 1, 5)),
    ]


def _rounds(chance: Chance, arrives_at: datetime, papers: Papers) -> Steps:
    steps: Steps = []
    at = arrives_at
    for _ in range(3):
        # One notice in four comes too late to be one.
        returned = chance.worked(at, 6, 8) if chance.happens(0.25) else chance.worked(at, 1, 3)
        at = chance.passed(returned, 1, 8)
        steps += [_defective(returned, papers), Act(at, Event.add_documents, Part.counter, brings=papers[:1])]
    return steps + _decided(chance, chance.worked(at, 1, 4))


def _hold(chance: Chance, at: datetime) -> Act:
    says: Says = {"reason": chance.one_of(_HOLDS).value, "evidence": "hold/1"}
    return Act(at, Event.hold, Part.clerk, says)


def _held(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    held = chance.worked(arrives_at, 1, 9)
    resumed = chance.passed(held, 2, 50)
    acts: Steps = [_hold(chance, held), Act(resumed, Event.resume, Part.clerk)]
    acts += _extended(chance, held + timedelta(hours=20))
    if chance.happens(0.25):
        again = chance.worked(resumed, 1, 3)
        resumed = chance.passed(again, 2, 15)
        acts += [_hold(chance, again), Act(resumed, Event.resume, Part.clerk)]
    return acts + _decided(chance, chance.worked(resumed, 1, 9))


def _forgotten_hold(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    return [_hold(chance, chance.worked(arrives_at, 1, 6))]


def _disputed(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    held = chance.worked(arrives_at, 1, 5)
    disputed = chance.worked(held, 1, 6)
    first = chance.worked(disputed, 2, 12)
    second = chance.worked(first, 1, 4)
    differ = chance.happens(0.3)
    outcome = DisputeOutcome.theirs if differ else DisputeOutcome.ours
    steps: Steps = [
        _hold(chance, held),
        Applies(disputed, Application.rival),
        _decision(first, Part.officer, DisputeOutcome.ours),
        _decision(second, Part.second_officer, outcome),
    ]
    last = second
    if differ:
        last = chance.worked(second, 1, 5)
        steps.append(_decision(last, Part.supervisor, DisputeOutcome.ours))
    resumed = chance.passed(last, 1, 20)
    return [
        *steps,
        Act(resumed, Event.resume, Part.clerk),
        *_decided(chance, chance.worked(resumed, 1, 6)),
    ]


def _decision(at: datetime, by: Part, outcome: DisputeOutcome) -> Act:
    return Act(at, Event.resolve_dispute, by, {"outcome": outcome.value}, (DocumentKind.police_certificate,))


def _two_records(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    first = chance.worked(arrives_at, 1, 5)
    last = chance.worked(first, 1, 4)
    differ = chance.happens(0.3)
    steps: Steps = [_judgement(first, Part.officer, same=True), _judgement(last, Part.second_officer, same=not differ)]
    if differ:
        last = chance.worked(last, 1, 4)
        steps.append(_judgement(last, Part.supervisor, same=True))
    if not chance.happens(0.4):
        return steps + _decided(chance, chance.worked(last, 1, 5))
    undone = chance.worked(last, 1, 3)
    again = chance.worked(undone, 1, 3)
    decided = chance.worked(again, 1, 3)
    return [
        *steps,
        _judgement(undone, Part.officer, same=False, paper=DocumentKind.administrative_decision),
        _judgement(again, Part.second_officer, same=False, paper=DocumentKind.administrative_decision),
        _decision(decided, Part.officer, DisputeOutcome.theirs),
        _decision(decided + _A_MOMENT, Part.second_officer, DisputeOutcome.theirs),
    ]


def _judgement(at: datetime, by: Part, *, same: bool, paper: DocumentKind = DocumentKind.police_certificate) -> Act:
    says: Says = {"same_person": same, "legal_basis": _BASIS}
    return Act(at, Event.resolve_duplicate, by, says, (paper,))


def _neglected(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    after = max(arrives_at, chance.peak)
    decided = chance.worked(after, 2, 9)
    verified = chance.worked(decided, 3, 9)
    withheld: Says = {
        "notice": "石示函〔2026〕1号",
        "served_on": after.astimezone(SHANGHAI).date(),
        "legal_basis": _BASIS,
    }
    kept: Says = {"legal_basis": _BASIS, "because": "申请人年老，材料正在补正"}
    acts: Steps = []
    if chance.happens(0.35):
        acts = [Act(decided, Event.hold_benefits, Part.officer, withheld)]
    elif chance.happens(0.6):
        acts = [Act(decided, Event.keep_benefits, Part.officer, kept)]
    return acts + (_decided(chance, verified) if chance.happens(0.5) else [])


def _withdrawn(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    return [Act(chance.worked(arrives_at, 1, 20), Event.withdraw, Part.counter)]


def person_ends(chance: Chance, arrives_at: datetime) -> Act:
    """Somebody tells the case that its person died."""
    says: Says = {"reason": PersonEndedReason.death.value, "evidence": "death/1"}
    return Act(chance.worked(arrives_at, 1, 20), Event.person_ended, Part.counter, says)


def _person_ended(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    # The other case of the person hears of it from the register alone.
    lost = Applies(chance.worked(arrives_at, 0, 2) + timedelta(hours=8), Application.card)
    return [lost, person_ends(chance, lost.at)]


def _learnt(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    learns = chance.worked(arrives_at, 1, 6)
    return [Learns(learns), *_decided(chance, chance.worked(learns, 1, 6))]


def _unconfirmed(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    decided = _decided(chance, chance.worked(arrives_at, 1, 5))
    repaired = chance.worked(decided[-1].at, 8, 14)
    retry: Says = {"action": RepairAction.retry.value, "evidence": "repair/1"}
    late = _confirmed(repaired + timedelta(minutes=30), System.bank, late=True)
    confirmed = _confirmed(repaired + timedelta(hours=1), System.bank)
    return [*decided[:-1], Act(repaired, Event.repair, Part.operator, retry), late, confirmed]


def _refused(chance: Chance, arrives_at: datetime, _papers: Papers) -> Steps:
    verified = chance.worked(arrives_at, 1, 5)
    approved = chance.worked(verified, 1, 3)
    refused = chance.worked(approved, 1, 2) + _A_MOMENT
    says: Says = {"system": System.medical_insurance.value, "confirmed": False, "reference": "mi/1"}
    again = _decided(chance, chance.worked(refused, 1, 4))
    late = _confirmed(again[1].at + timedelta(minutes=2), System.bank, late=True)
    return [
        _verified(verified),
        Act(approved, Event.approve, Part.officer),
        Act(refused, Event.confirm_downstream, Part.medical_insurance, says),
        *again,
        late,
    ]


def _corrected(chance: Chance, arrives_at: datetime, papers: Papers) -> Steps:
    done = _prompt(chance, arrives_at, papers)
    corrected = chance.worked(done[-1].at, 5, 15)
    return [*done, Applies(corrected, Application.correction), *_decided(chance, chance.worked(corrected, 1, 5))]


STORIES: Final[Mapping[Story, Callable[[Chance, datetime, Papers], Steps]]] = {
    Story.prompt: _prompt,
    Story.slow: _slow,
    Story.late_papers: _late_papers,
    Story.silence: _silence,
    Story.returned: _returned,
    Story.rounds: _rounds,
    Story.held: _held,
    Story.forgotten_hold: _forgotten_hold,
    Story.disputed: _disputed,
    Story.two_records: _two_records,
    Story.neglected: _neglected,
    Story.withdrawn: _withdrawn,
    Story.person_ended: _person_ended,
    Story.learnt: _learnt,
    Story.unconfirmed: _unconfirmed,
    Story.refused: _refused,
    Story.corrected: _corrected,
}
