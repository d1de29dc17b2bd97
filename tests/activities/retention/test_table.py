"""The table of what is kept: whole in every pack, lawful, and what is done elsewhere is what it says."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from activities.publishing import publisher
from cases.policy import Policies, Policy
from cases.retention import Kept, Retained
from intake.jobs import running

DEPLOY = Path(__file__).parents[3] / "deploy"
PACKS = Policies.load().newest


def with_days(policy: Policy, **days: int) -> tuple[Retained, ...]:
    return tuple(
        line.model_copy(update={"days": days[line.what.value]}) if line.what.value in days else line
        for line in policy.retention
    )


def rebuilt(policy: Policy, table: tuple[Retained, ...]) -> Policy:
    return Policy.model_validate({**policy.model_dump(), "retention": [line.model_dump() for line in table]})


@pytest.mark.parametrize("policy", PACKS, ids=lambda policy: policy.name)
def test_what_the_code_and_the_compose_file_keep_is_what_the_table_says(policy: Policy) -> None:
    assert policy.kept(Kept.feed).days == publisher.KEPT.days
    assert policy.kept(Kept.jobs).days == running.KEPT.days
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    (retention,) = re.findall(r"RETENTION:-(\d+)d", compose)
    assert policy.kept(Kept.temporal).days == int(retention)


@pytest.mark.parametrize("policy", PACKS, ids=lambda policy: policy.name)
def test_nothing_that_goes_by_itself_stays_longer_than_the_first_case_that_is_erased(policy: Policy) -> None:
    by_itself = {Kept.temporal, Kept.feed, Kept.jobs, Kept.register_backups, Kept.key_backups}
    assert max(policy.kept(what).days for what in by_itself) < policy.kept(Kept.unsuccessful).days


@pytest.mark.parametrize(
    "days", [{"journal": 183}, {"logs": 30}, {"key_backups": 36}], ids=["journal", "logs", "backups of keys"]
)
def test_a_table_that_keeps_less_than_the_law_wants_or_keys_for_longer_is_refused(days: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        rebuilt(PACKS[0], with_days(PACKS[0], **days))


def test_a_table_that_leaves_something_out_or_says_it_twice_is_refused() -> None:
    table = PACKS[0].retention
    for wrong in (table[1:], (*table, table[0])):
        with pytest.raises(ValidationError):
            rebuilt(PACKS[0], wrong)
    assert rebuilt(PACKS[0], table).retention == table
