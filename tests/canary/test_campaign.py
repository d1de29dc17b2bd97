"""Nothing of anybody is found anywhere: cases go through every state and every error, then everything is searched.

At each place something is let out on purpose as well, so that a search that finds nothing has proved that it looks.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from cases.machines.machine import Status
from cases.names import Kind
from tests.canary.cases import EVERY_STATUS, lives, registers, statuses_of
from tests.canary.people import leaks
from tests.canary.places import PLACES, Searched, search
from tests.canary.scanner import Scanner
from tests.canary.stage import Stage, staged
from tests.canary.troubles import TROUBLES, Seen, caused

pytestmark = [pytest.mark.canary, pytest.mark.servers, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Campaign:
    """What a campaign came to."""

    people: int
    cases: int
    statuses: frozenset[tuple[Kind, Status]]
    wrong_endings: tuple[str, ...]
    seen: dict[str, Seen]
    searched: dict[str, Searched]


async def _gone_through(stage: Stage) -> Campaign:
    let_out = leaks(list(PLACES))
    for place, leak in let_out.items():
        await PLACES[place].leak(stage, leak)
    wrong = await registers(stage)
    seen = await caused(stage)
    # Last, because these skip time, and providers' paces would count from then.
    await lives(stage)
    cases = await stage.engine.pool.fetchval("SELECT count(DISTINCT case_id) FROM cases")
    statuses = await statuses_of(stage)
    planted = [*stage.people.planted, *(value for leak in let_out.values() for value in leak.planted)]
    scanner = await asyncio.to_thread(Scanner, planted)
    searched = {}
    for place in PLACES:
        if place == "process output":
            await stage.close()
        searched[place] = await search(stage, place, scanner)
    return Campaign(stage.people.persons, cases, statuses, wrong, seen, searched)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def campaign(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Campaign]:
    async with staged(tmp_path_factory.mktemp("canary")) as stage:
        yield await _gone_through(stage)


def test_enough_happened(campaign: Campaign) -> None:
    assert campaign.people >= 500
    assert campaign.cases >= 500
    assert len(campaign.seen) >= 25
    assert campaign.statuses == EVERY_STATUS


def test_everybody_came_to_the_end_that_is_theirs(campaign: Campaign) -> None:
    assert campaign.wrong_endings == ()


def test_every_error_was_the_one_that_was_meant(campaign: Campaign) -> None:
    assert campaign.seen == {name: TROUBLES[name].expected for name in campaign.seen}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_let_out_on_purpose_is_found(campaign: Campaign, place: str) -> None:
    searched = campaign.searched[place]
    assert searched.pieces > 0
    assert searched.bytes > 0
    assert {hit.kind.value for hit in searched.hits if hit.owner == f"leak: {place}"} >= {"number"}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_else_is_found(campaign: Campaign, place: str) -> None:
    assert [hit for hit in campaign.searched[place].hits if not hit.owner.startswith("leak: ")] == []
