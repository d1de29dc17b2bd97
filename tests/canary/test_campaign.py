"""Nothing of anybody is found anywhere: cases go through every state and every error, then everything is searched.

`make test` puts some dozen people through it, `make canary` more than five hundred. At each place something is let out
on purpose as well, so that a search that finds nothing has proved that it looks.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio

from cases.names import Kind
from cases.states import Status
from tests.canary.cases import EVERY_STATUS, SMALL, WHOLE, Size, lives, registers, statuses_of
from tests.canary.people import leaks
from tests.canary.places import PLACES, Searched, search
from tests.canary.scanner import Scanner
from tests.canary.stage import Stage, staged
from tests.canary.troubles import TROUBLES, Seen, caused

SOME_TROUBLES = (
    "application with an unknown field",
    "number with a wrong check digit",
    "register of wrong rows",
    "event out of turn",
    "stamp of another case",
    "payload unsealed",
    "payload broken",
    "start of the wrong shape",
    "clear text typed into the register",
    "broken seal in the register",
    "provider: error",
    "entry that is refused",
)

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Campaign:
    """What a campaign came to."""

    whole: bool
    people: int
    cases: int
    statuses: frozenset[tuple[Kind, Status]]
    wrong_endings: tuple[str, ...]
    seen: dict[str, Seen]
    searched: dict[str, Searched]


async def _gone_through(stage: Stage, size: Size, troubles: Sequence[str], *, whole: bool) -> Campaign:
    let_out = leaks(list(PLACES))
    for place, leak in let_out.items():
        await PLACES[place].leak(stage, leak)
    wrong = await registers(stage, size)
    seen = await caused(stage, troubles)
    # Last, because these skip time, and providers' paces would count from then.
    await lives(stage, size)
    cases = await stage.engine.pool.fetchval("SELECT count(DISTINCT case_id) FROM cases")
    statuses = await statuses_of(stage)
    planted = [*stage.people.planted, *(value for leak in let_out.values() for value in leak.planted)]
    scanner = await asyncio.to_thread(Scanner, planted)
    searched = {}
    for place in PLACES:
        if place == "process output":
            await stage.close()
        searched[place] = await search(stage, place, scanner)
    return Campaign(whole, stage.people.persons, cases, statuses, wrong, seen, searched)


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="session",
    params=[
        pytest.param((SMALL, SOME_TROUBLES), id="small"),
        pytest.param((WHOLE, tuple(TROUBLES)), id="whole", marks=pytest.mark.canary),
    ],
)
async def campaign(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Campaign]:
    size, troubles = request.param
    async with staged(tmp_path_factory.mktemp("canary")) as stage:
        yield await _gone_through(stage, size, troubles, whole=size is WHOLE)


def test_enough_happened(campaign: Campaign) -> None:
    """Only the whole campaign proves something; the small one shows that it would."""
    if campaign.whole:
        assert campaign.people >= 500
        assert campaign.cases >= 500
        assert len(campaign.seen) >= 25
        assert campaign.statuses == EVERY_STATUS
    else:
        assert campaign.cases >= 24
        assert len(campaign.seen) == len(SOME_TROUBLES)


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
