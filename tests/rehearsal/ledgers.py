"""Cases as a register would hold them, made by hand, and the rules that they are judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from cases.clocks import SHANGHAI
from rehearsal.account import ENDINGS, ESCALATED, NO_OTHERS, Account, Rulebook, expected
from rehearsal.amendments import Amendment
from rehearsal.record import Case, Move
from rehearsal.rules import Rules

CASE = "idc-" + "a" * 26
POLICY: Mapping[str, Any] = {
    "number_change": {
        "processing": {"working_days": 10},
        "steps": [{"status": "in_review", "percent": 50}],
        "supplement": {"rounds": 1},
    },
    "replacement": {
        "processing": {"working_days": 5},
        "claim_reminder_days": [30, 60],
        "activation_reminders": 2,
    },
    "campaign": {
        "ends": datetime(2026, 8, 31, tzinfo=SHANGHAI).date(),
        "on_rest_day": "next",
        "closes": "midnight",
        "moved_by_extension": False,
    },
    "holds": [
        {"reason": "waiting_for_id_card", "moves_campaign": True},
        {"reason": "waiting_for_police", "moves_campaign": False},
    ],
    "ladder": {
        "opens": time(9),
        "closes": time(17),
        "rungs": [
            {"rung": "blue_0", "processing_percent": 50, "campaign_days": 60},
            {"rung": "blue_1", "processing_percent": 70, "campaign_days": 30},
            {
                "rung": "yellow",
                "processing_percent": 90,
                "step": True,
                "campaign_working_days": 10,
                "acknowledge_within": 1,
            },
            {"rung": "orange", "processing_percent": 100, "campaign_working_days": 5},
            {"rung": "red", "processing_percent": 100, "processing_days_over": 3, "campaign_working_days": 2},
            {"rung": "deadline", "campaign_working_days": 0},
            {"rung": "after_deadline", "campaign_working_days": -5},
        ],
    },
}
RULES = Rules.of(POLICY)
UNTIL = datetime(2026, 10, 1, tzinfo=SHANGHAI)


def at(month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


def midnight(month: int, day: int) -> datetime:
    """The 24:00 that closes a day."""
    return at(month, day, 0) + timedelta(days=1)


def told(
    *moves: tuple[datetime, str, str, str] | tuple[datetime, str, str, str, Mapping[str, Any]],
) -> tuple[Move, ...]:
    """Transitions: when, event, from, to, and what was said with it."""
    return tuple(Move(event, before, to, when, says[0] if says else {}) for when, event, before, to, *says in moves)


def case_of(moves: Sequence[Move], category: str = "general") -> Case:
    """A case that was told these things, without rungs or dates."""
    closed = moves[-1].at if moves[-1].to in ENDINGS else None
    return Case(CASE, 1, category, moves[-1].to, "submitted", moves[0].at, closed, moves, ())


def flawless(
    moves: Sequence[Move],
    category: str = "general",
    rulebook: Rulebook = NO_OTHERS,
    announcements: Sequence[Amendment] = (),
    case_id: str = CASE,
    rules: Rules = RULES,
) -> Case:
    """The same case with every rung and every date as the rules want them."""
    bare = replace(case_of(moves, category), case_id=case_id)
    should = expected(bare, rules, UNTIL, rulebook, announcements)
    fired = should.rungs
    rungs = [Move(ESCALATED, "", "", rung.fired_at, {}) for rung in fired]
    status = ""
    account = Account.opened(bare, rules, rulebook, announcements)
    dated = []
    for move in sorted([*moves, *rungs], key=lambda move: move.at):
        made = replace(move, before=status, to=status) if move.event == ESCALATED else move
        status = made.to
        account.hear(made)
        if status not in ENDINGS:
            made = replace(made, processing_due_at=account.processing, campaign_due_at=account.campaign)
        dated.append(made)
    return replace(bare, moves=dated, fired=fired, decision_asked=should.decision_owed)


REVIEWED = told((at(7, 1), "screened", "screening", "in_review"))
HELD = (
    *REVIEWED,
    *told(
        (at(7, 6, 15), "hold", "in_review", "on_hold", {"reason": "waiting_for_id_card"}),
        (at(7, 15, 11), "resume", "on_hold", "in_review"),
    ),
)
"""On hold for seven working days, the 7th to the 15th of July."""
CLOSED = (*REVIEWED, *told((at(7, 30), "reject", "in_review", "rejected")))
