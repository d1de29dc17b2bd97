"""Seasons on the real engine, checked by the account that does not know it."""

from datetime import date

import pytest

from cases.errors import CaseError, Code
from rehearsal.rehearse import Pack, Rehearsal

FIRST, LAST = date(2026, 6, 1), date(2026, 9, 30)


@pytest.mark.faults
@pytest.mark.servers
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("policy", ["northern", "southern"])
async def test_a_season_of_many_persons_is_played_and_nothing_is_found(policy: str) -> None:
    pack = Pack.named(policy)
    season = await Rehearsal(FIRST, LAST, 300, seed=20260831).play(pack, pack.policy.campaign.ends, lambda: None)
    assert season.findings == ()
    assert season.checked["cases"] == 300
    assert season.checked["latest_seconds"] <= 30
    assert set(season.causes) == {"processing", "step", "campaign", "unacknowledged"}
    assert all(sum(season.rungs[rung]) > 0 for rung in season.rungs)


@pytest.mark.parametrize("name", ["nowhere", "nowhere.toml", "northern/99"])
def test_a_policy_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(CaseError) as refused:
        Pack.named(name)
    assert refused.value.code is Code.POLICY_UNKNOWN


def test_a_policy_is_named_by_name_by_version_or_by_file() -> None:
    named = Pack.named("northern")
    assert Pack.named("northern/1").policy.version == 1
    assert Pack.named(str(named.file)) == named


def test_a_season_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(CaseError) as refused:
        Rehearsal(LAST, FIRST, 1, seed=1)
    assert refused.value.code is Code.DATE_INVALID
