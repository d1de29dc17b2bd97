"""The checker finds what is planted, and nothing where nothing is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from cases.kinds import MACHINES
from rehearsal.account import DEADLINE, ENDINGS, SILENT, STANDS_STILL
from rehearsal.amendments import Amendment
from rehearsal.check import LATEST, Checked, Fault, check, check_merges
from rehearsal.record import Asked, Case, Fired, Merge, Move
from tests.rehearsal.ledgers import CLOSED, HELD, REVIEWED, RULES, UNTIL, at, flawless, midnight, told

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def faults(case: Case) -> set[Fault]:
    return {finding.fault for finding in check([case], RULES, UNTIL).findings}


def with_rung(case: Case, place: int, *rungs: Fired) -> Case:
    """The case with other rungs in one place."""
    return replace(case, fired=(*case.fired[:place], *rungs, *case.fired[place + 1 :]))


def with_move(case: Case, event: str, **changed: Any) -> Case:
    """The case with another transition of a kind."""
    return replace(case, moves=[replace(move, **changed) if move.event == event else move for move in case.moves])


@pytest.mark.parametrize("moves", [REVIEWED, HELD, CLOSED])
@pytest.mark.parametrize("category", ["general", "resettled"])
def test_a_case_without_a_fault_has_no_finding(moves: Sequence[Move], category: str) -> None:
    checked = check([flawless(moves, category)], RULES, UNTIL)
    assert checked.findings == []
    assert checked.rungs > 2
    assert checked.dates > 2


def test_what_was_checked_is_counted() -> None:
    checked = check([flawless(REVIEWED), flawless(HELD)], RULES, UNTIL)
    assert (checked.cases, checked.standstills, checked.late_starts) == (2, 1, 0)


def test_a_rung_one_second_early_is_found() -> None:
    case = flawless(REVIEWED)
    rung = case.fired[1]
    assert faults(with_rung(case, 1, replace(rung, fired_at=rung.due_at - SECOND))) == {Fault.early}


def test_half_a_minute_late_is_allowed_and_a_second_more_is_not() -> None:
    case = flawless(REVIEWED)
    rung = case.fired[1]
    assert faults(with_rung(case, 1, replace(rung, fired_at=rung.due_at + LATEST))) == set()
    assert faults(with_rung(case, 1, replace(rung, fired_at=rung.due_at + LATEST + SECOND))) == {Fault.late}


def test_a_rung_that_fired_twice_is_found_by_its_record_and_by_its_transition() -> None:
    case = flawless(REVIEWED)
    assert faults(with_rung(case, 1, case.fired[1], case.fired[1])) == {Fault.twice}
    escalated = next(move for move in case.moves if move.event == "escalated")
    assert Fault.twice in faults(replace(case, moves=[*case.moves, replace(escalated, at=at(9, 20))]))


def test_a_rung_on_another_day_than_the_rules_say_is_found() -> None:
    case = flawless(REVIEWED)
    rung = case.fired[3]
    moved = replace(rung, due_at=rung.due_at + DAY, fired_at=rung.fired_at + DAY)
    assert faults(with_rung(case, 3, moved)) == {Fault.wrong_instant}


def test_a_rung_that_never_fired_is_found() -> None:
    assert faults(with_rung(flawless(REVIEWED), 3)) == {Fault.missing, Fault.twice}


def test_a_rung_that_is_not_due_is_found() -> None:
    case = flawless(REVIEWED)
    blue_1 = Fired(2, "processing", case.fired[0].due_at + DAY, case.fired[0].due_at + DAY)
    assert faults(with_rung(case, 0, case.fired[0], blue_1)) == {Fault.unexpected}


def test_a_rung_for_a_wrong_cause_is_found() -> None:
    case = flawless(REVIEWED)
    assert faults(with_rung(case, 1, replace(case.fired[1], cause="campaign"))) == {Fault.wrong_cause}


def test_rungs_out_of_order_are_found() -> None:
    case = flawless(REVIEWED)
    assert Fault.out_of_order in faults(replace(case, fired=[case.fired[1], case.fired[0], *case.fired[2:]]))


def test_a_late_start_below_the_highest_rung_due_is_found() -> None:
    case = flawless(told((at(8, 10, 8), "screened", "screening", "in_review")))
    assert check([case], RULES, UNTIL).late_starts == 1
    lower = replace(case.fired[0], rung=1)
    assert Fault.wrong_entry in faults(with_rung(case, 0, lower))


def test_a_rung_during_a_hold_is_found() -> None:
    case = flawless(HELD)
    during = Fired(2, "processing", at(7, 10, 14), at(7, 10, 14))
    assert Fault.during_hold in faults(with_rung(case, 0, case.fired[0], during))


def test_a_rung_after_the_end_is_found() -> None:
    case = flawless(CLOSED)
    after = Fired(6, "campaign", at(9, 1, 14), at(9, 1, 14))
    assert faults(replace(case, fired=[*case.fired, after])) == {Fault.after_end, Fault.unexpected}


@pytest.mark.parametrize("days", [0, 6, 8])
def test_a_hold_that_moves_the_processing_time_by_other_than_its_seven_working_days_is_found(days: int) -> None:
    case = flawless(HELD)
    before = case.moves[0].processing_due_at
    assert before is not None
    assert faults(with_move(case, "resume", processing_due_at=RULES.moved(before, 7))) == set()
    moved = with_move(case, "resume", processing_due_at=RULES.moved(before, days))
    assert faults(moved) == {Fault.wrong_date, Fault.unmoved}


def test_a_lawful_hold_that_does_not_move_the_campaign_date_is_found() -> None:
    case = flawless(HELD)
    unmoved = with_move(case, "resume", campaign_due_at=case.moves[0].campaign_due_at)
    assert faults(unmoved) == {Fault.wrong_date, Fault.unmoved}


def test_a_processing_time_that_runs_on_during_a_hold_is_found() -> None:
    case = flawless(HELD)
    assert faults(with_move(case, "hold", processing_due_at=case.moves[0].processing_due_at)) == {Fault.wrong_date}


def test_an_extension_that_moves_nothing_is_found() -> None:
    extended = (*REVIEWED, *told((at(7, 7), "extend", "in_review", "in_review", {"working_days": 3})))
    case = flawless(extended)
    assert faults(case) == set()
    assert check([case], RULES, UNTIL).extensions == 1
    unmoved = with_move(case, "extend", processing_due_at=case.moves[0].processing_due_at)
    assert faults(unmoved) == {Fault.wrong_date, Fault.unmoved}


def test_a_date_that_stays_when_the_policy_changes_is_found() -> None:
    more = replace(RULES, budget=12)
    recomputed = (*HELD, *told((at(7, 16, 8), "recompute", "in_review", "in_review", {"policy": "sample/2"})))
    case = flawless(recomputed, rulebook={"sample/2": more})
    checked = check([case], RULES, UNTIL, {"sample/2": more})
    assert (checked.recomputed, checked.findings) == (1, [])
    stays = with_move(case, "recompute", processing_due_at=RULES.moved(at(7, 15, 0) + DAY, 7))
    assert {finding.fault for finding in check([stays], RULES, UNTIL, {"sample/2": more}).findings} == {
        Fault.wrong_date
    }


def test_the_words_of_the_account_are_statuses_of_both_machines_and_stand_still_where_these_do() -> None:
    statuses = {status.value: (machine, status) for machine in MACHINES.values() for status in machine.statuses}
    assert statuses.keys() >= STANDS_STILL | SILENT | ENDINGS
    for machine in MACHINES.values():
        closed = {status.value for status in machine.statuses if not machine.is_open(status)}
        still = {status.value for status, row in machine.statuses.items() if not row.runs and machine.is_open(status)}
        own = {status.value for status in machine.statuses}
        assert closed == ENDINGS & own
        assert still == STANDS_STILL & own


# --- the calendar is amended ----------------------------------------------------------------------------------------

LATER = Amendment(at(7, 6, 8), {date(2026, 7, 9): False, date(2026, 7, 10): False})
EARLIER = Amendment(at(7, 8, 8), {date(2026, 7, 10): True, date(2026, 7, 11): True})
AMENDED = (
    *REVIEWED,
    *told((LATER.announced, "recompute", "in_review", "in_review")),
    *told((EARLIER.announced, "recompute", "in_review", "in_review")),
)


def test_dates_move_with_the_calendar_in_both_directions_and_each_is_counted() -> None:
    case = flawless(AMENDED, announcements=(LATER, EARLIER))
    moved = [move.processing_due_at for move in case.moves if move.event in {"screened", "recompute"}]
    # Ten working days from the 1st; two are taken away, one given back, and a Saturday is worked.
    assert moved == [midnight(7, 15), midnight(7, 17), midnight(7, 15)]
    checked = check([case], RULES, UNTIL, announcements=(LATER, EARLIER))
    assert (checked.findings, checked.recomputed, checked.moved_later, checked.moved_earlier) == ([], 2, 1, 1)


@pytest.mark.parametrize("place", [0, 1])
def test_a_date_that_stays_although_the_calendar_was_amended_is_found(place: int) -> None:
    case = flawless(AMENDED, announcements=(LATER, EARLIER))
    at_place = [n for n, move in enumerate(case.moves) if move.event == "recompute"][place]
    stays = case.moves[at_place - 1].processing_due_at
    stale = replace(case.moves[at_place], processing_due_at=stays)
    moves = [*case.moves[:at_place], stale, *case.moves[at_place + 1 :]]
    found = check([replace(case, moves=moves)], RULES, UNTIL, announcements=(LATER, EARLIER)).findings
    assert {finding.fault for finding in found} == {Fault.wrong_date}


# --- decisions ------------------------------------------------------------------------------------------------------


def test_a_decision_that_nobody_is_asked_for_and_one_that_was_taken_are_found() -> None:
    case = flawless(REVIEWED)
    assert case.decision_asked
    assert faults(replace(case, decision_asked=False)) == {Fault.decision_not_asked}
    decided = flawless((*REVIEWED, *told((at(9, 10), "keep_benefits", "in_review", "in_review"))))
    assert not decided.decision_asked
    assert faults(replace(decided, decision_asked=True)) == {Fault.decision_asked}


def test_no_decision_is_owed_at_a_date_that_an_extension_moves_ahead_until_that_one_comes() -> None:
    moves = replace(RULES, moved_by_extension=True)
    extended = (*REVIEWED, *told((at(9, 4), "extend", "in_review", "in_review", {"working_days": 30})))
    case = flawless(extended, rules=moves)
    asked = [fired.due_at.date() for fired in case.fired if fired.rung == DEADLINE]
    assert (asked, case.decision_asked) == ([date(2026, 9, 1)], False)
    assert check([case], moves, UNTIL).findings == []
    still = check([replace(case, decision_asked=True)], moves, UNTIL)
    assert {finding.fault for finding in still.findings} == {Fault.decision_asked}


# --- answers, bounds, the dead --------------------------------------------------------------------------------------

CARD = "crc-" + "a" * 26
FIRST, SECOND_ORDER = "ord-" + "a" * 26, "ord-" + "b" * 26
ORDERED = told(
    (at(7, 1), "checked", "checking", "in_review"),
    (at(7, 2), "verify_documents", "in_review", "ordered"),
    (at(7, 2), "order_card", "ordered", "in_production"),
)


def of_a_card(*moves: Move, asked: Sequence[Asked]) -> Case:
    """A replacement, with what the bureau was asked."""
    return replace(flawless((*ORDERED, *moves), case_id=CARD), asked=asked)


def answered(event: str, day: int, before: str, to: str, order: str, **says: Any) -> Move:
    return told((at(7, day), event, before, to, {"order": order, **says}))[0]


SYSTEMS = frozenset({"bank", "pension"})
ASKED = (Asked(FIRST, at(7, 2), SYSTEMS), Asked(SECOND_ORDER, at(7, 6), SYSTEMS))
FAILED = answered("card_produced", 6, "in_production", "in_production", FIRST, produced=False)


@pytest.mark.parametrize("order", [FIRST, SECOND_ORDER])
def test_a_card_of_either_attempt_answers_what_was_asked(order: str) -> None:
    made = answered("card_produced", 8, "in_production", "ready", order, produced=True)
    fetched = answered("card_handed_over", 9, "ready", "handed_over", order)
    case = of_a_card(FAILED, made, fetched, asked=ASKED)
    assert faults(case) == set()
    assert check([case], RULES, UNTIL).answers == 3


def test_an_answer_to_an_order_that_is_over_is_found() -> None:
    made = answered("card_produced", 8, "in_production", "ready", SECOND_ORDER, produced=True)
    fetched = answered("card_handed_over", 9, "ready", "handed_over", FIRST)
    assert faults(of_a_card(FAILED, made, fetched, asked=ASKED)) == {Fault.answer_to_nothing}
    again = answered("card_produced", 9, "in_production", "in_production", FIRST, produced=False)
    assert faults(of_a_card(FAILED, again, asked=ASKED)) == {Fault.answer_to_nothing}


def test_a_card_that_was_given_up_because_it_got_lost_answers_nothing_any_more() -> None:
    lost = answered("card_lost_on_way", 4, "ready", "ordered", FIRST)
    made = answered("card_produced", 3, "in_production", "ready", FIRST, produced=True)
    revived = answered("card_produced", 8, "in_production", "ready", FIRST, produced=True)
    anew = replace(revived, says={**revived.says, "order": SECOND_ORDER})
    assert faults(of_a_card(made, lost, anew, asked=ASKED)) == set()
    assert faults(of_a_card(made, lost, revived, asked=ASKED)) == {Fault.answer_to_nothing}


def test_a_confirmation_of_an_earlier_publication_is_found() -> None:
    says = {"publication": FIRST, "system": "bank", "confirmed": True}
    confirmed = told((at(7, 9), "confirm_downstream", "applying", "updated", says))
    case = flawless((*REVIEWED, *told((at(7, 2), "apply", "in_review", "applying")), *confirmed))
    assert faults(replace(case, asked=ASKED[:1])) == set()
    assert faults(replace(case, asked=ASKED)) == {Fault.answer_to_nothing}


@pytest.mark.parametrize(("times", "found"), [(2, set()), (3, {Fault.reminded_too_often})])
def test_reminders_beyond_what_the_policy_says_are_found(times: int, found: set[Fault]) -> None:
    reminded = [told((at(7, 10 + n), "activation_overdue", "handed_over", "handed_over"))[0] for n in range(times)]
    made = answered("card_produced", 3, "in_production", "ready", FIRST, produced=True)
    fetched = answered("card_handed_over", 4, "ready", "handed_over", FIRST)
    assert faults(of_a_card(made, fetched, *reminded, asked=ASKED[:1])) == found


def test_documents_that_are_returned_once_more_than_the_policy_permits_are_found() -> None:
    returned = told((at(7, 2), "return_documents", "in_review", "awaiting_documents"))
    brought = told((at(7, 3), "add_documents", "awaiting_documents", "in_review"))
    assert faults(flawless((*REVIEWED, *returned, *brought))) == set()
    again = told((at(7, 6), "return_documents", "in_review", "awaiting_documents"))
    assert faults(flawless((*REVIEWED, *returned, *brought, *again))) == {Fault.returned_too_often}


def test_a_message_to_the_dead_and_what_is_done_for_them_are_found() -> None:
    ended = (*REVIEWED, *told((at(7, 8), "person_found_ended", "in_review", "ended")))
    case = replace(flawless(ended), died_at=at(7, 7), told_applicant=[at(7, 1), at(7, 3)])
    assert faults(case) == set()
    assert check([case], RULES, UNTIL).messages == 2
    assert faults(replace(case, told_applicant=[at(7, 7, 15)])) == {Fault.dead_told}
    assert faults(replace(case, died_at=None, told_applicant=[at(7, 8, 11)])) == {Fault.dead_told}
    went_on = flawless((*REVIEWED, *told((at(7, 8), "verify_documents", "in_review", "awaiting_approval"))))
    assert Fault.dead_goes_on in faults(replace(went_on, died_at=at(7, 7, 18)))


def test_another_case_of_somebody_who_died_that_goes_on_is_found_and_one_that_ended_is_counted() -> None:
    died = flawless((*REVIEWED, *told((at(7, 8), "person_ended", "in_review", "ended"))))
    checked_in = told((at(7, 2), "checked", "checking", "in_review"))
    beside = (*checked_in, *told((at(7, 8, 11), "person_found_ended", "in_review", "ended")))
    ended = check([died, flawless(beside, case_id=CARD)], RULES, UNTIL)
    assert (ended.findings, ended.ended_beside) == ([], 1)
    going_on = check([died, flawless(checked_in, case_id=CARD)], RULES, UNTIL)
    assert [(finding.case_id, finding.fault) for finding in going_on.findings] == [(CARD, Fault.dead_goes_on)]


# --- confirmations --------------------------------------------------------------------------------------------------

ASKS_TWO = replace(RULES, confirmations=SYSTEMS)
ASKS_ONE = replace(RULES, confirmations=frozenset({"pension"}))
PUBLISHED = (*REVIEWED, *told((at(7, 2), "apply", "in_review", "applying")))
FOLLOWS = told((at(7, 4), "recompute", "applying", "applying", {"policy": "sample/2"}))[0]
GOES_ON = told((at(7, 4, 10, 1), "nothing_awaited", "applying", "updated"))[0]


def confirms(day: int, system: str, to: str = "applying", publication: str = FIRST) -> Move:
    says = {"publication": publication, "system": system, "confirmed": True}
    return told((at(7, day), "confirm_downstream", "applying", to, says))[0]


def published(*moves: Move, asked: Sequence[Asked] = ASKED[:1]) -> Case:
    """A change that the systems were asked about."""
    return replace(flawless((*PUBLISHED, *moves), rules=ASKS_TWO, rulebook={"sample/2": ASKS_ONE}), asked=asked)


def checked_by_two_versions(case: Case) -> Checked:
    return check([case], ASKS_TWO, UNTIL, {"sample/2": ASKS_ONE})


def test_a_change_goes_on_when_all_that_its_policy_asks_have_confirmed() -> None:
    checked = checked_by_two_versions(published(confirms(3, "pension"), confirms(6, "bank", "updated")))
    assert (checked.findings, checked.confirmed, checked.went_on_without) == ([], 1, 0)


def test_a_change_goes_on_without_a_system_that_another_version_asks_no_more() -> None:
    checked = checked_by_two_versions(published(confirms(3, "pension"), FOLLOWS, GOES_ON))
    assert (checked.findings, checked.confirmed, checked.went_on_without) == ([], 1, 1)


@pytest.mark.parametrize(
    ("moves", "asked"),
    [
        ((confirms(3, "pension", "updated"),), ASKED[:1]),
        ((FOLLOWS, GOES_ON), ASKED[:1]),
        ((confirms(3, "pension"), confirms(3, "bank"), confirms(7, "bank", "updated", SECOND_ORDER)), ASKED),
    ],
)
def test_a_change_that_goes_on_before_all_have_confirmed_is_found(
    moves: Sequence[Move], asked: Sequence[Asked]
) -> None:
    found = checked_by_two_versions(published(*moves, asked=asked)).findings
    assert Fault.confirmation_invented in {finding.fault for finding in found}


def test_who_is_not_asked_again_has_confirmed() -> None:
    asked = (ASKED[0], replace(ASKED[1], targets=frozenset({"bank"})))
    checked = checked_by_two_versions(
        published(confirms(3, "pension"), confirms(7, "bank", "updated", SECOND_ORDER), asked=asked)
    )
    assert checked.findings == []


def test_a_change_that_waits_for_a_system_that_nobody_asks_any_more_is_found() -> None:
    found = checked_by_two_versions(published(confirms(3, "pension"), FOLLOWS)).findings
    assert {finding.fault for finding in found} == {Fault.waits_for_nothing}
    assert checked_by_two_versions(published(confirms(3, "pension"))).findings == []


# --- merges ---------------------------------------------------------------------------------------------------------

MERGED = Merge(
    case_id="idc-" + "a" * 26,
    undone=False,
    deciders=("officer", "second"),
    undone_by=(),
    kept=1000_00,
    other=500_00,
    goes_on=False,
)
UNDONE = replace(MERGED, undone=True, undone_by=("officer", "second"), kept=500_00, goes_on=True)


def test_merges_by_which_nothing_is_lost_have_no_finding_and_are_counted() -> None:
    checked = Checked()
    check_merges([MERGED, UNDONE], 500_00, checked)
    assert (checked.findings, checked.merges, checked.merges_undone) == ([], 2, 1)


@pytest.mark.parametrize(
    ("merge", "fault"),
    [
        (replace(MERGED, kept=500_00), Fault.merge_lost),
        (replace(MERGED, other=0), Fault.merge_lost),
        (replace(UNDONE, kept=1000_00), Fault.merge_lost),
        (replace(MERGED, deciders=("officer", "officer")), Fault.merged_by_one),
        (replace(UNDONE, undone_by=("officer", "officer")), Fault.merged_by_one),
        (replace(MERGED, goes_on=True), Fault.merged_goes_on),
    ],
)
def test_a_merge_by_which_something_is_lost_or_that_one_person_made_is_found(merge: Merge, fault: Fault) -> None:
    checked = Checked()
    check_merges([merge], 500_00, checked)
    assert [finding.fault for finding in checked.findings] == [fault]
