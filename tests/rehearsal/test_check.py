"""The checker finds what is planted, and nothing where nothing is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cases.kinds import MACHINES
from cases.names import Kind
from rehearsal.account import ENDINGS, SILENT, STANDS_STILL
from rehearsal.check import LATEST, Fault, check
from rehearsal.record import Case, Fired, Move
from tests.rehearsal.ledgers import CLOSED, HELD, REVIEWED, RULES, UNTIL, at, flawless, told

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


def test_the_words_of_the_account_are_statuses_of_the_machine() -> None:
    machine = MACHINES[Kind.id_number_change]
    statuses = {status.value for status in machine.statuses}
    assert statuses >= STANDS_STILL | SILENT | ENDINGS
    assert {status.value for status in machine.statuses if not machine.is_open(status)} == ENDINGS
