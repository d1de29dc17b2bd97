"""The checker's own account, against instants found by hand in the calendar of 2026."""

from dataclasses import replace
from datetime import date, datetime, time

import pytest

from rehearsal.account import Account, expected
from rehearsal.amendments import Amendment
from rehearsal.record import Case
from rehearsal.rules import RUNGS, Rules
from tests.rehearsal.ledgers import HELD, POLICY, REVIEWED, RULES, UNTIL, at, case_of, midnight, told


def rungs(case: Case, rules: Rules = RULES) -> list[tuple[str, tuple[int, int], str]]:
    return [
        (RUNGS[rung.rung], (rung.due_at.month, rung.due_at.day), rung.cause)
        for rung in expected(case, rules, UNTIL).rungs
    ]


def account(case: Case, rules: Rules = RULES) -> Account:
    heard = Account.opened(case, rules)
    for move in case.moves:
        heard.hear(move)
    return heard


def test_nobody_does_anything_and_the_case_climbs_to_the_top() -> None:
    # Wednesday, 1 July: the campaign's 60 days are closed with the 2nd; half of ten working days in one step with the
    # 8th; nobody acknowledges yellow by Friday the 10th; ten and three working days are over on Monday the 20th.
    assert rungs(case_of(REVIEWED)) == [
        ("blue_0", (7, 3), "campaign"),
        ("yellow", (7, 9), "step"),
        ("orange", (7, 13), "unacknowledged"),
        ("red", (7, 21), "processing"),
        ("deadline", (9, 1), "campaign"),
        ("after_deadline", (9, 8), "campaign"),
    ]


def test_whoever_acknowledges_stops_the_climb_to_the_next_level() -> None:
    seen = (*REVIEWED, *told((at(7, 9, 17, 30), "acknowledge", "in_review", "in_review")))
    assert rungs(case_of(seen))[2:4] == [("orange", (7, 16), "processing"), ("red", (7, 21), "processing")]


def test_all_rungs_of_a_case_have_one_slot_in_office_hours() -> None:
    slots = {rung.due_at.time() for rung in expected(case_of(REVIEWED), RULES, UNTIL).rungs}
    assert len(slots) == 1
    assert time(9) <= slots.pop() < time(17)


def test_a_standstill_moves_the_processing_time_by_its_working_days() -> None:
    # Used before: the 2nd, 3rd and 6th of July; after: from the 16th on.
    assert account(case_of(REVIEWED)).processing == midnight(7, 15)
    assert account(case_of(HELD)).processing == midnight(7, 24)
    assert account(case_of(HELD[:2])).processing is None


@pytest.mark.parametrize(("reason", "last"), [("waiting_for_id_card", (9, 9)), ("waiting_for_police", (8, 31))])
def test_the_campaign_date_moves_only_with_lawful_holds(reason: str, last: tuple[int, int]) -> None:
    held = [replace(move, says={"reason": reason}) if move.event == "hold" else move for move in HELD]
    assert account(case_of(held)).campaign == midnight(*last)


def test_a_hold_silences_and_what_became_due_meanwhile_fires_once_after_it() -> None:
    held = (
        *REVIEWED,
        *told(
            (at(7, 2), "hold", "in_review", "on_hold", {"reason": "waiting_for_police"}),
            (at(8, 20, 8), "resume", "on_hold", "in_review"),
        ),
    )
    # Blue 0, blue 1 and yellow (ten working days before the 31st, the 17th) are due; the highest fires.
    assert rungs(case_of(held))[:2] == [("yellow", (8, 20), "campaign"), ("orange", (8, 24), "unacknowledged")]


def test_who_comes_after_the_campaign_date_is_asked_about_as_late_as_the_policy_says() -> None:
    late = case_of(told((at(9, 1, 8), "screened", "screening", "in_review")))
    assert [rung for rung in rungs(late) if rung[2] == "campaign"] == []
    asking = Rules.of({**POLICY, "campaign": {**POLICY["campaign"], "late_decision_after": 10}})
    # Ten working days from the 1st: the 15th is the tenth.
    assert [rung for rung in rungs(late, asking) if rung[2] == "campaign"] == [
        ("deadline", (9, 16), "campaign"),
        ("after_deadline", (9, 22), "campaign"),
    ]


@pytest.mark.parametrize(
    ("arrival", "category", "entry"),
    [
        (at(8, 10, 8), "general", ("blue_1", (8, 10), "campaign")),
        (at(8, 10, 8), "refund", ("yellow", (8, 10), "campaign")),
        (at(8, 29, 8), "general", ("red", (8, 31), "campaign")),
    ],
)
def test_who_comes_late_enters_at_the_highest_rung_due(
    arrival: datetime, category: str, entry: tuple[str, tuple[int, int], str]
) -> None:
    late = told((arrival, "screened", "screening", "in_review"))
    assert rungs(case_of(late, category))[0] == entry


def test_no_decision_is_asked_for_while_a_second_officer_reviews() -> None:
    reviewed = told((at(8, 28), "screened", "screening", "awaiting_approval"))
    assert "deadline" not in {rung for rung, _, _ in rungs(case_of(reviewed))}


@pytest.mark.parametrize(
    ("ends", "on_rest_day", "closes", "moment"),
    [
        (date(2026, 8, 31), "next", "midnight", midnight(8, 31)),
        (date(2026, 8, 30), "next", "midnight", midnight(8, 31)),
        (date(2026, 8, 30), "previous", "midnight", midnight(8, 28)),
        (date(2026, 8, 30), "same", "midnight", midnight(8, 30)),
        # A Sunday that is worked for the National Day holiday.
        (date(2026, 9, 20), "next", "close_of_business", at(9, 20, 17)),
    ],
)
def test_a_campaign_that_ends_on_a_rest_day_rolls_as_the_policy_says(
    ends: date, on_rest_day: str, closes: str, moment: datetime
) -> None:
    campaign = {**POLICY["campaign"], "ends": ends, "on_rest_day": on_rest_day, "closes": closes}
    assert account(case_of(REVIEWED), Rules.of({**POLICY, "campaign": campaign})).campaign == moment


def test_what_is_still_to_come_follows_another_policy_from_its_day_on_and_what_fired_stays() -> None:
    later = {
        **POLICY,
        "number_change": {"processing": {"working_days": 12}, "steps": POLICY["number_change"]["steps"]},
        "campaign": {**POLICY["campaign"], "ends": date(2026, 9, 6)},
        "calendar": {"closed": [date(2026, 7, 14)], "open": [date(2026, 7, 18)]},
    }
    moves = (*HELD, *told((at(7, 16, 8), "recompute", "in_review", "in_review", {"policy": "sample/2"})))
    heard = Account.opened(case_of(moves), RULES, {"sample/2": Rules.of(later)})
    for move in moves:
        heard.hear(move)
    # Three days used; nine of the 16th, 17th, the worked Saturday, the 20th to the 24th, and the 27th.
    assert heard.processing == midnight(7, 27)
    # Sunday, 6 September, rolls to Monday; the hold has lasted six working days, as the 14th was none.
    assert heard.campaign == midnight(9, 15)
    fired = expected(case_of(moves), RULES, UNTIL, {"sample/2": Rules.of(later)}).rungs
    assert [(RUNGS[rung.rung], rung.due_at.date()) for rung in fired][:2] == [
        ("blue_0", date(2026, 7, 3)),
        # Half of twelve working days in one step, three before the hold and three after it, are over on the 18th.
        ("yellow", date(2026, 7, 20)),
    ]


def test_a_hold_that_a_dispute_interrupts_goes_on_moving_the_campaign_date_after_it() -> None:
    disputed = told(
        (at(7, 9), "dispute_opened", "on_hold", "disputed"), (at(7, 13), "dispute_lapsed", "disputed", "on_hold")
    )
    resumed = told((at(7, 15, 11), "resume", "on_hold", "in_review"))
    heard = account(case_of((*HELD[:2], *disputed, *resumed)))
    # Three working days on hold, and two after the dispute; the two between them belong to the dispute.
    assert heard.campaign == midnight(9, 7)
    assert heard.processing == midnight(7, 24)


def test_a_replacement_has_a_processing_time_of_its_own_and_no_campaign() -> None:
    case = replace(case_of(told((at(7, 1), "checked", "checking", "in_review"))), case_id="crc-" + "a" * 26)
    heard = account(case)
    assert (heard.processing, heard.campaign) == (midnight(7, 8), None)
    assert {rung.cause for rung in expected(case, RULES, UNTIL).rungs} == {"processing"}


def test_a_day_that_was_announced_as_worked_is_worked_from_the_announcement_on() -> None:
    told_of = Amendment(at(7, 6, 8), {date(2026, 7, 11): True})
    case = case_of((*REVIEWED, *told((told_of.announced, "recompute", "in_review", "in_review"))))
    heard = Account.opened(case, RULES, announcements=(told_of,))
    heard.hear(case.moves[0])
    assert heard.processing == midnight(7, 15)
    heard.hear(case.moves[1])
    assert heard.processing == midnight(7, 14)
