"""Whether the engine did what the rules say: an independent account of each case beside what the register holds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Final, NamedTuple

from rehearsal.account import (
    DEADLINE,
    ENDINGS,
    ESCALATED,
    NO_OTHERS,
    SILENT,
    STANDS_STILL,
    Account,
    Rulebook,
    expected,
)
from rehearsal.amendments import Amendment
from rehearsal.record import Case, Fired, Merge, Move
from rehearsal.rules import Rules, day_of, midnight_after

LATEST: Final = timedelta(seconds=30)
"""How late a rung may fire."""


class Fault(StrEnum):
    """What can be wrong."""

    early = "early"
    late = "late"
    twice = "twice"
    out_of_order = "out_of_order"
    during_hold = "during_hold"
    after_end = "after_end"
    missing = "missing"
    unexpected = "unexpected"
    wrong_instant = "wrong_instant"
    """Due at another moment than the rules say."""
    wrong_cause = "wrong_cause"
    wrong_entry = "wrong_entry"
    """The first rung is not the one that the rules begin with."""
    wrong_date = "wrong_date"
    """A limit that the register shows is not the one that follows from the rules."""
    unmoved = "unmoved"
    """A standstill or an extension moved a date by other than its working days."""
    decision_not_asked = "decision_not_asked"
    """The campaign date that holds has passed, nobody has decided, and nobody is asked to."""
    decision_asked = "decision_asked"
    """A decision is asked for that is not due, or was taken."""
    dead_told = "dead_told"
    """A message was written to somebody of whose death the register knew."""
    dead_goes_on = "dead_goes_on"
    """Something was done for a person of whose death the register knew, and the case did not end."""
    reminded_too_often = "reminded_too_often"
    returned_too_often = "returned_too_often"
    answer_to_nothing = "answer_to_nothing"
    """An answer took effect that answers no order and no publication in force."""
    blocked_without_an_end = "blocked_without_an_end"
    merge_lost = "merge_lost"
    """Two records that were merged, or are two again, have not paid in what they had."""
    merged_by_one = "merged_by_one"
    """One person alone merged two records, or took them apart."""
    merged_goes_on = "merged_goes_on"
    """A record that was not kept has a number, or an open case."""
    confirmation_invented = "confirmation_invented"
    """A case went on although a system that its policy asks had not confirmed."""
    waits_for_nothing = "waits_for_nothing"
    """A case waits for confirmations, and all that its policy asks for were given."""


class Finding(NamedTuple):
    """One thing that is wrong."""

    case_id: str
    fault: Fault
    rung: int | None = None
    should: datetime | None = None
    did: datetime | None = None
    event: str | None = None
    """The transition that is wrong, where it is no rung and no date."""


@dataclass(slots=True)
class Checked:
    """What was checked, and what is wrong."""

    cases: int = 0
    rungs: int = 0
    late_starts: int = 0
    """Cases that came when a rung was due already."""
    standstills: int = 0
    """Standstills that are over, and by each of which the dates have to move."""
    extensions: int = 0
    recomputed: int = 0
    """How often dates were recomputed, by another version of a policy or another calendar."""
    moved_later: int = 0
    """How often an amended calendar moved a date of a case to a later day."""
    moved_earlier: int = 0
    answers: int = 0
    """Answers of other systems that took effect, each compared with what was asked."""
    reminders: int = 0
    messages: int = 0
    """Messages to applicants, each compared with what the register knew of deaths."""
    dates: int = 0
    """Limits that were computed a second time."""
    confirmed: int = 0
    """Changes that went on, each compared with what the systems had confirmed that its policy asks."""
    went_on_without: int = 0
    """Changes that went on because another version of the policy no longer asks a system that had not confirmed."""
    merges: int = 0
    merges_undone: int = 0
    ended_beside: int = 0
    """Cases that ended because another case of the same person was told of a death."""
    latest: timedelta = timedelta()
    """How late the latest rung was."""
    findings: list[Finding] = field(default_factory=list)


def check(
    cases: Sequence[Case],
    rules: Rules,
    until: datetime,
    rulebook: Rulebook = NO_OTHERS,
    announcements: Sequence[Amendment] = (),
) -> Checked:
    """Check everything that the register holds of a season that was played until a moment.

    Every case begins by `rules`; whoever tells it to follow another policy names one of the rulebook. `announcements`
    are what became known of the calendar meanwhile.
    """
    checked = Checked()
    for case in cases:
        checked.cases += 1
        should = expected(case, rules, until, rulebook, announcements)
        _check_what_fired(case, checked)
        _check_what_should_fire(case, should.rungs, until, checked)
        _check_decision(case, should.decision_owed, until, checked)
        _check_dates(case, rules, rulebook, announcements, checked)
        _check_answers(case, checked)
        _check_confirmations(case, rules, rulebook, checked)
        _check_bounds(case, rules, rulebook, checked)
        _check_the_dead(case, checked)
    _check_other_cases_of_the_dead(cases, checked)
    return checked


# --- rungs ----------------------------------------------------------------------------------------------------------


def _check_what_fired(case: Case, checked: Checked) -> None:
    """What is wrong with rungs whatever the rules of a region say."""
    if sum(move.event == ESCALATED for move in case.moves) > len({(fired.rung, fired.due_at) for fired in case.fired}):
        checked.findings.append(Finding(case.case_id, Fault.twice))
    highest = 0
    for fired in case.fired:
        checked.rungs += 1
        checked.latest = max(checked.latest, fired.fired_at - fired.due_at)
        faults = {
            Fault.early: fired.fired_at < fired.due_at,
            Fault.late: fired.fired_at - fired.due_at > LATEST,
            # A campaign date that was moved ahead after it had come comes again.
            Fault.twice: fired.rung == highest and fired.rung < DEADLINE,
            Fault.out_of_order: fired.rung < highest < DEADLINE,
            Fault.during_hold: _status_at(case, fired.fired_at) in SILENT,
            Fault.after_end: case.closed_at is not None and fired.fired_at > case.closed_at,
        }
        checked.findings += (
            Finding(case.case_id, fault, fired.rung, fired.due_at, fired.fired_at) for fault in faults if faults[fault]
        )
        highest = max(highest, fired.rung)


def _status_at(case: Case, moment: datetime) -> str:
    """The status in which a case was just before a moment."""
    return next((move.to for move in reversed(case.moves) if move.at < moment), "")


def _check_what_should_fire(case: Case, account: Iterable[Fired], until: datetime, checked: Checked) -> None:
    should, did = _by_rung(account), _by_rung(case.fired)
    told = [move.at for move in case.moves if move.event != ESCALATED]
    if should and did and min(should) != min(did):
        checked.findings.append(_difference(case, Fault.wrong_entry, should.get(min(did)), did[min(did)]))
    for rung in sorted(should.keys() | did.keys()):
        due, fired = should.get(rung), did.get(rung)
        # Whoever told the case something at the very moment of a slot may have been heard before the slot.
        if due is not None and fired is None and any(timedelta() <= at - due.due_at <= LATEST for at in (*told, until)):
            continue
        if (fault := _fault_of(due, fired)) is not None:
            checked.findings.append(_difference(case, fault, due, fired))


def _by_rung(fired: Iterable[Fired]) -> dict[tuple[int, int], Fired]:
    """Rungs by which they are and, where they come with the campaign date, for which time they fire."""
    found: dict[tuple[int, int], Fired] = {}
    for each in fired:
        times = sum(rung == each.rung >= DEADLINE for rung, _ in found)
        found[each.rung, times] = each
    return found


def _fault_of(should: Fired | None, did: Fired | None) -> Fault | None:
    if should is None:
        return Fault.unexpected
    if did is None:
        return Fault.missing
    if should.due_at != did.due_at:
        return Fault.wrong_instant
    return Fault.wrong_cause if should.cause != did.cause else None


def _difference(case: Case, fault: Fault, should: Fired | None, did: Fired | None) -> Finding:
    rung = should or did
    return Finding(
        case.case_id,
        fault,
        rung.rung if rung is not None else None,
        should.due_at if should is not None else None,
        did.due_at if did is not None else None,
    )


def _check_decision(case: Case, owed: bool, until: datetime, checked: Checked) -> None:  # noqa: FBT001 - a comparison
    """At the end a decision is asked for where the date that holds has passed undecided, and only there."""
    # What comes within half a minute of the end may have been heard, or not.
    if owed == case.decision_asked or any(until - fired.fired_at <= LATEST for fired in case.fired):
        return
    checked.findings.append(Finding(case.case_id, Fault.decision_not_asked if owed else Fault.decision_asked))


# --- dates ----------------------------------------------------------------------------------------------------------


def _check_dates(
    case: Case, rules: Rules, rulebook: Rulebook, announcements: Sequence[Amendment], checked: Checked
) -> None:
    """Every limit that the register shows, after every transition while the case was open."""
    still_open = list(takewhile(lambda move: move.to not in ENDINGS, case.moves))
    if not still_open:
        return
    account = Account.opened(case, rules, rulebook, announcements)
    before: Move | None = None
    ran: Ran | None = None
    for move in still_open:
        account.hear(move)
        _check_limits(case, account, move, checked)
        if move.event == "recompute":
            checked.recomputed += 1
            _count_moved(before, move, checked)
        if before is None:
            checked.late_starts += account.is_late()
        else:
            _check_extension(case, account.rules, before, move, checked)
        if move.to not in STANDS_STILL:
            # Where the rules changed meanwhile the dates moved by both; the limits above have been looked at.
            same_rules = ran is not None and ran.rules is account.rules
            if same_rules and ran is not None and before is not None and before.to in STANDS_STILL:
                _check_standstill(case, account, ran, move, checked)
            ran = Ran(move, account.rules, account.campaign_extended)
        before = move


def _count_moved(before: Move | None, move: Move, checked: Checked) -> None:
    """In which direction an amended calendar moved what a case rests on; another policy may move it anywhere."""
    if before is None or move.says.get("policy") is not None:
        return
    dates = [
        (was, did)
        for was, did in (
            (before.processing_due_at, move.processing_due_at),
            (before.campaign_due_at, move.campaign_due_at),
            (before.limit_due_at, move.limit_due_at),
        )
        if was is not None and did is not None
    ]
    checked.moved_later += any(did > was for was, did in dates)
    checked.moved_earlier += any(did < was for was, did in dates)


def _check_limits(case: Case, account: Account, move: Move, checked: Checked) -> None:
    for should, did in ((account.processing, move.processing_due_at), (account.campaign, move.campaign_due_at)):
        checked.dates += 1
        if should != did:
            checked.findings.append(Finding(case.case_id, Fault.wrong_date, None, should, did))


def _check_extension(case: Case, rules: Rules, before: Move, move: Move, checked: Checked) -> None:
    """An extension moves the limit of the status, or where it has none the processing time."""
    if move.event != "extend":
        return
    limit = before.limit_due_at is not None
    was, did = (each.limit_due_at if limit else each.processing_due_at for each in (before, move))
    # A limit that has passed may have standstills between it and its new day.
    if was is None or was < move.at:
        return
    checked.extensions += 1
    should = rules.moved(was, int(move.says["working_days"]))
    if should != did:
        checked.findings.append(Finding(case.case_id, Fault.unmoved, None, should, did))


class Ran(NamedTuple):
    """The last transition after which the clock ran, by which rules, and how far extensions had moved the campaign."""

    move: Move
    rules: Rules
    campaign_extended: int


def _check_standstill(case: Case, account: Account, ran: Ran, runs: Move, checked: Checked) -> None:
    """From the last move while the clock ran to the one with which it runs again: how far did the dates move."""
    checked.standstills += 1
    rules, before = account.rules, ran.move
    stops = [stop for stop in account.stops if stop.since >= day_of(before.at)]
    stood = len({day for stop in stops for day in stop.worked(rules)})
    if before.processing_due_at is not None and before.processing_due_at <= midnight_after(stops[0].since):
        # All of the processing time was used before the clock stood still.
        stood = 0
    extended = account.campaign_extended - ran.campaign_extended
    moves_campaign = extended + sum(len(stop.worked(rules)) for stop in stops if stop.moves_campaign)
    for date_before, date_after, days in (
        (before.processing_due_at, runs.processing_due_at, stood),
        (before.campaign_due_at, runs.campaign_due_at, moves_campaign),
    ):
        should = rules.moved(date_before, days) if date_before is not None else None
        if date_after != should:
            checked.findings.append(Finding(case.case_id, Fault.unmoved, None, should, date_after))


# --- answers, bounds, the dead --------------------------------------------------------------------------------------

_ANSWERS: Final[Mapping[str, str]] = {
    "confirm_downstream": "publication",
    "card_produced": "order",
    "card_handed_over": "order",
    "card_activated": "order",
    "card_lost_on_way": "order",
}
"""Events that answer a request, and the field that names it."""
_DEATHS: Final = frozenset({"person_ended", "person_found_ended"})
_AFTER_ITS_PERSON: Final = frozenset({"card_outstanding", "card_to_destroy"})
_REMINDS_UNTIL: Final[Mapping[str, frozenset[str]]] = {
    "claim_period_passed": frozenset({"card_produced"}),
    "activation_overdue": frozenset({"card_handed_over"}),
}
"""Reminders, and what they are counted from."""


def _check_answers(case: Case, checked: Checked) -> None:
    """What took effect answers what is in force."""
    for move in case.moves:
        if move.event in _ANSWERS:
            checked.answers += 1
            if move.says[_ANSWERS[move.event]] not in _in_force(case, move):
                checked.findings.append(Finding(case.case_id, Fault.answer_to_nothing, did=move.at, event=move.event))


def _in_force(case: Case, answer: Move) -> set[str | None]:
    """Requests that an answer may name: the newest; for a card that was made, any since the last one was given up."""
    if answer.event not in {"card_produced", "confirm_downstream"}:
        return {_brought(case, answer)}
    # A card that could not be made is ordered again by the very answer that says so.
    asked = [each for each in case.asked if each.at < answer.at]
    if answer.event == "card_produced" and answer.says["produced"]:
        lost = (move.at for move in case.moves if move.event == "card_lost_on_way" and move.at < answer.at)
        given_up = max(lost, default=None)
        # What is lost is ordered again by the same telling.
        return {each.request for each in asked if given_up is None or each.at >= given_up}
    return {each.request for each in asked[-1:]}


def _brought(case: Case, until: Move) -> str | None:
    """The order that brought the card which is with its holder, or on its way."""
    made = (move for move in case.moves if move.event == "card_produced" and move.says["produced"])
    return next((move.says["order"] for move in reversed(list(made)) if move.at <= until.at), None)


def _check_confirmations(case: Case, rules: Rules, rulebook: Rulebook, checked: Checked) -> None:
    """A change goes on when those have confirmed whom its policy asks by then, and does not wait for anybody else."""
    asks = rules.binding(case.case_id).confirmations
    recomputed: Move | None = None
    for move in case.moves:
        if move.event == "recompute" and (policy := move.says.get("policy")) is not None:
            before, asks = asks, rulebook[policy].binding(case.case_id).confirmations
            recomputed = move if move.to == "applying" and before > asks else None
        if move.before == "applying" and move.to == "updated":
            checked.confirmed += 1
            checked.went_on_without += recomputed is not None and move.event == "nothing_awaited"
            if not asks <= _confirmed(case, move.at):
                checked.findings.append(
                    Finding(case.case_id, Fault.confirmation_invented, did=move.at, event=move.event)
                )
    if case.status == "applying" and asks <= _confirmed(case, case.moves[-1].at):
        checked.findings.append(Finding(case.case_id, Fault.waits_for_nothing))


def _confirmed(case: Case, until: datetime) -> frozenset[str]:
    """The systems that have confirmed the newest publication that they were told of by a moment."""
    newest = {system: each.request for each in case.asked if each.at <= until for system in each.targets}
    return frozenset(
        move.says["system"]
        for move in case.moves
        if move.event == "confirm_downstream"
        and move.at <= until
        and move.says["confirmed"]
        and move.says["publication"] == newest.get(move.says["system"])
    )


def _check_bounds(case: Case, rules: Rules, rulebook: Rulebook, checked: Checked) -> None:
    """Reminders end, and so do rounds of supplements."""
    policies = [rules, *rulebook.values()]
    bound = [each.binding(case.case_id) for each in policies]
    reminded: Counter[str] = Counter()
    for move in case.moves:
        for reminder, since in _REMINDS_UNTIL.items():
            if move.event in since:
                reminded[reminder] = 0
            if move.event == reminder:
                reminded[reminder] += 1
                checked.reminders += 1
                if reminded[reminder] > max(each.reminders[reminder] for each in bound):
                    checked.findings.append(
                        Finding(case.case_id, Fault.reminded_too_often, did=move.at, event=move.event)
                    )
    # Whoever brings an expired copy may be told so in any round; no copy of a season expires.
    if sum(move.event == "return_documents" for move in case.moves) > max(each.rounds for each in bound):
        checked.findings.append(Finding(case.case_id, Fault.returned_too_often))


def _check_the_dead(case: Case, checked: Checked) -> None:
    """From when the register knows of a death nobody writes to the person, and the next step is the case's end."""
    checked.messages += len(case.told_applicant)
    told = next((move for move in case.moves if move.event in _DEATHS), None)
    known = case.died_at or (told.at if told is not None else None)
    if known is None:
        return
    checked.findings += (
        Finding(case.case_id, Fault.dead_told, did=at) for at in case.told_applicant if at > known + LATEST
    )
    after = [move for move in case.moves if move.at > known + LATEST]
    if case.died_at is not None and after and after[0].event not in _DEATHS:
        checked.findings.append(Finding(case.case_id, Fault.dead_goes_on, did=after[0].at, event=after[0].event))


def _check_other_cases_of_the_dead(cases: Sequence[Case], checked: Checked) -> None:
    """Where one case was told of a death no other of the person goes on; a card that is to be destroyed may keep it."""
    told = {_person(case): case for case in cases if any(move.event == "person_ended" for move in case.moves)}
    for case in cases:
        other = told.get(_person(case))
        if other is None or other.case_id == case.case_id:
            continue
        checked.ended_beside += any(move.event == "person_found_ended" for move in case.moves)
        if case.closed_at is None and case.status not in _AFTER_ITS_PERSON:
            checked.findings.append(Finding(case.case_id, Fault.dead_goes_on))


def check_merges(merges: Iterable[Merge], paid_in: int, checked: Checked) -> None:
    """Two records that had paid in the same have twice as much in the kept one, or as before where they are two again.

    Each merge, and each undoing, is the word of two.
    """
    for merge in merges:
        checked.merges += 1
        checked.merges_undone += merge.undone
        faults = {
            Fault.merge_lost: (merge.kept, merge.other) != (paid_in if merge.undone else 2 * paid_in, paid_in),
            Fault.merged_by_one: any(len({*two}) != len(two) for two in (merge.deciders, merge.undone_by)),
            Fault.merged_goes_on: merge.goes_on and not merge.undone,
        }
        checked.findings += (Finding(merge.case_id, fault) for fault in faults if faults[fault])


def _person(case: Case) -> str:
    # All cases of a person are named after them.
    return case.case_id.partition("-")[2]
