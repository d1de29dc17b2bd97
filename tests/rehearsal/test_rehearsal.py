"""Seasons on the real engine, checked by the account that does not know it."""

from datetime import date
from pathlib import Path

import pytest

from cases.errors import CaseError, Code
from cases.policy import PACKS
from rehearsal.rehearse import Change, Pack, Rehearsal

FIRST, LAST = date(2026, 6, 1), date(2026, 9, 30)
SEED = 3614
"""With it sixty people live all that is asked for below."""


@pytest.fixture
def late_notice(tmp_path: Path) -> Change:
    """In mid-August a typhoon closes the agency for three days, of which it makes up one; the campaign is longer."""
    text = (PACKS / "northern-1.toml").read_text(encoding="utf-8")
    for before, after in (
        ("version = 1", "version = 2"),
        ("ends = 2026-08-31", "ends = 2026-09-06"),
        ("closed = []", "closed = [2026-08-13, 2026-08-14, 2026-08-17]"),
        ("open = []", "open = [2026-08-15]"),
        ("[number_change.processing]\nworking_days = 10", "[number_change.processing]\nworking_days = 8"),
    ):
        assert before in text
        text = text.replace(before, after)
    file = tmp_path / "northern-2.toml"
    file.write_text(text, encoding="utf-8")
    return Change.read(f"2026-08-12={file}")


@pytest.mark.faults
@pytest.mark.servers
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("policy", ["northern", "southern"])
async def test_a_season_of_many_persons_whose_policy_changes_is_played_and_nothing_is_found(
    policy: str, late_notice: Change
) -> None:
    pack = Pack.named(policy)
    rehearsal = Rehearsal(FIRST, LAST, 300, seed=20260831, change=late_notice)
    season = await rehearsal.play(pack, pack.policy.campaign.ends, lambda: None)
    assert season.findings == ()
    # Those who ask for somebody else's number, and corrections, are cases as well.
    assert season.checked["cases"] > 300
    assert season.checked["latest_seconds"] <= 30
    assert season.occurred["followed_another_policy"] > 100
    assert season.occurred["records_merged"] > season.occurred["merges_undone"] > 0
    # What the region itself decides in the week of the announcement may outweigh it.
    assert season.occurred["followed_another_calendar"] > 50
    assert set(season.causes) == {"processing", "step", "campaign", "unacknowledged"}
    assert all(sum(season.rungs[rung]) > 0 for rung in season.rungs)


_IN_BOTH_REGIONS = frozenset(
    {
        *(
            "deaths_told",
            "cases_ended_beside",
            "deaths_learnt",
            "losses_reported",
            "losses_confirmed",
            "cards_found",
            "cards_lost_on_way",
        ),
        *("cards_turned_up", "cards_destroyed", "supplements_asked_for", "disputes_during_a_hold", "benefits_kept"),
        *("benefits_held", "answers_to_what_was_over", "dates_moved_later", "dates_moved_earlier"),
        *("records_merged", "merges_undone", "followed_another_policy", "followed_another_calendar"),
    }
)


@pytest.mark.servers
@pytest.mark.timeout(600)
@pytest.mark.parametrize("policy", ["northern", "southern"])
async def test_a_season_with_everything_that_goes_wrong_in_lives_is_played_and_nothing_is_found(policy: str) -> None:
    pack = Pack.named(policy)
    rehearsal = Rehearsal(FIRST, LAST, 60, seed=SEED)
    season = await rehearsal.play(pack, pack.policy.campaign.ends, lambda: None)
    assert season.findings == ()
    # Whatever is told, a case that is closed included, is told at the time of its case.
    assert not {what for what in season.refused if what.endswith((" STAMP_INVALID", " STAMP_EXPIRED"))}
    assert _IN_BOTH_REGIONS - {name for name, times in season.occurred.items() if times} == set()
    assert season.checked["answers"] > 20
    assert season.checked["messages"] > 100


@pytest.mark.parametrize("name", ["nowhere", "nowhere.toml", "northern/99"])
def test_a_policy_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(CaseError) as refused:
        Pack.named(name)
    assert refused.value.code is Code.POLICY_UNKNOWN


def test_a_policy_is_named_by_name_by_version_or_by_file() -> None:
    assert Pack.named("northern/1").policy.version == 1
    assert Pack.named(str(PACKS / "northern-1.toml")) == Pack.named("northern")


@pytest.mark.parametrize(("name", "days", "asked"), [("northern", (8, 32), 2), ("southern", (8, 12), 0)])
def test_the_next_version_of_a_policy_gives_other_limits_and_asks_one_system_less(
    name: str, days: tuple[int, int], asked: int
) -> None:
    policy = Pack.named(name).next.policy
    assert policy.pin == f"{name}/2"
    assert (policy.number_change.processing.working_days, policy.replacement.processing.working_days) == days
    assert len(policy.number_change.confirmations) == asked


@pytest.mark.parametrize(
    ("first", "last"), [(LAST, FIRST), (date(1990, 6, 1), date(1990, 9, 30)), (date(2071, 6, 1), date(2072, 1, 1))]
)
def test_a_season_that_ends_before_it_begins_or_lies_too_far_away_is_refused(first: date, last: date) -> None:
    with pytest.raises(CaseError) as refused:
        Rehearsal(first, last, 1, seed=1)
    assert refused.value.code is Code.DATE_INVALID
