"""The line that an applicant reads: every status has one, it names what to do and by when, and nothing of ours."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from cases.answers import CaseView
from cases.documents import Demand, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import CardFunction, HandOver, HoldReason
from cases.kinds import MACHINES
from cases.machines.machine import Awaits, Status
from cases.names import Kind
from cases.progress import progress_of, untold
from cases.views import view_of
from tests.scenes import NOW, in_status

FRIDAY = datetime(2026, 12, 11, 16, tzinfo=UTC)
"""24:00 of Friday 11 December in Shanghai."""
PAPERS = (Demand(document=DocumentKind.resident_id_card, legal_basis="社会保险经办条例第三十一条", original=True),)
EVERY_STATUS = [(kind, status) for kind, machine in MACHINES.items() for status in machine.statuses]
OURS = {each.value for closed in (Status, Event, Code, Awaits) for each in closed if "_" in each.value}


def seen(kind: Kind, status: Status, **changed: object) -> CaseView:
    view = view_of(in_status(kind, status), NOW)
    return view.model_copy(update={"due_at": FRIDAY, "missing": PAPERS} | changed)


def test_every_status_of_every_kind_has_its_words() -> None:
    assert untold() == ()


@pytest.mark.parametrize(("kind", "status"), EVERY_STATUS)
def test_a_line_is_whole_and_says_nothing_in_our_own_words(kind: Kind, status: Status) -> None:
    view = seen(kind, status)
    told = progress_of([view], NOW)
    assert told.zh.endswith("。")
    assert told.en.endswith(".")
    assert "\n" not in told.zh + told.en
    assert not re.search("[{}A-Za-z_]", told.zh)
    assert not OURS & set(re.findall(r"\w+", told.en))
    assert view.case_id not in told.zh + told.en
    # Whoever has to act reads by when, as people name it.
    assert told.acts is (view.awaits is Awaits.applicant)
    if told.acts:
        assert told.due_at == FRIDAY
        assert "2026年12月11日（周五）24时前" in told.zh
        assert "by Friday 11 December 2026, 24:00" in told.en
    elif view.awaits is not Awaits.nobody and status is not Status.on_hold:
        assert "您目前无须办理任何事项" in told.zh


def test_what_is_missing_is_named_and_what_is_shown_in_the_original() -> None:
    told = progress_of([seen(Kind.id_number_change, Status.awaiting_documents)], NOW)
    assert told.zh == (
        "您的号码变更还缺材料：居民身份证（原件和复印件，请带到窗口），请在2026年12月11日（周五）24时前补交，"
        "逾期将关闭本次申请，您的待遇不受影响。"
    )
    assert told.en == (
        "Your number change still needs: resident ID card (original and copy, to be brought to the counter); "
        "please hand it in by Friday 11 December 2026, 24:00, or this application is closed; "
        "your benefits are not affected."
    )


@pytest.mark.parametrize(
    ("changed", "zh", "en"),
    [
        ({}, "您的号码已变更，待遇照常发放。", "Your number was changed and your benefits are paid as usual."),
        (
            {"changes_name": True},
            "您的号码和姓名已变更，待遇照常发放。",
            "Your number and name were changed and your benefits are paid as usual.",
        ),
        (
            {"changes_name": True, "name_alone": True},
            "您的姓名已变更，待遇照常发放。",
            "Your name was changed and your benefits are paid as usual.",
        ),
    ],
)
def test_whoever_changes_their_name_is_told_of_the_name(changed: dict[str, bool], zh: str, en: str) -> None:
    told = progress_of([seen(Kind.id_number_change, Status.done, **changed)], NOW)
    assert (told.zh, told.en) == (zh, en)
    review = progress_of([seen(Kind.id_number_change, Status.in_review, **changed)], NOW)
    assert ("号码" in review.zh) is not changed.get("name_alone", False)


def test_linked_cases_are_one_line_with_the_number_first() -> None:
    change = seen(Kind.id_number_change, Status.in_review, processing_due_at=FRIDAY)
    card = seen(Kind.card_replacement, Status.on_hold, hold_reason=HoldReason.number_change_first)
    told = progress_of([card, change], NOW)
    assert told.zh == (
        "您的号码变更材料正在审核，将在2026年12月11日（周五）24时前办结；"
        "您的补换卡暂时中止办理（须先完成号码变更），条件具备后继续。"
    )
    assert told.cases == (change.case_id, card.case_id)


def test_what_ended_is_told_only_where_nothing_goes_on() -> None:
    done, card = seen(Kind.id_number_change, Status.done), seen(Kind.card_replacement, Status.ready)
    assert progress_of([done, card], NOW).cases == (card.case_id,)
    both = progress_of([done, seen(Kind.card_replacement, Status.done)], NOW)
    assert both.zh == "您的号码已变更，待遇照常发放；您的新卡已启用，旧卡已注销。"
    assert not both.acts


def test_the_earliest_of_two_deadlines_counts() -> None:
    sooner = FRIDAY - timedelta(days=3)
    change = seen(Kind.id_number_change, Status.awaiting_documents)
    card = seen(Kind.card_replacement, Status.ready, due_at=sooner)
    assert progress_of([change, card], NOW).due_at == sooner


def test_an_agency_that_is_late_says_so_and_promises_no_date() -> None:
    late = progress_of([seen(Kind.id_number_change, Status.in_review, processing_due_at=NOW)], NOW)
    assert "已超过办理期限，我们正在督促办理" in late.zh
    assert "办结" not in late.zh


def test_a_card_is_collected_or_comes_by_post_and_what_is_not_activated_is_named() -> None:
    by_post = progress_of([seen(Kind.card_replacement, Status.ready, delivery=HandOver.post)], NOW)
    assert "将按您的选择邮寄" in by_post.zh
    assert (by_post.acts, by_post.due_at) == (False, None)
    half = seen(Kind.card_replacement, Status.handed_over, activated=(CardFunction.social,))
    assert "激活金融功能" in progress_of([half], NOW).zh


def test_without_a_case_there_is_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match="no case"):
        progress_of([], NOW)
