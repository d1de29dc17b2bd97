"""Rounds of publishing: each covers what was written since the one before, and no more is read than that."""

from pathlib import Path

import pytest

from activities.heads import publishing
from activities.heads.places import AppendedFile
from activities.heads.publication import Publication
from activities.heads.publishing import publish
from activities.registry import journal
from activities.registry.verifying import Broken, verify_audit
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Withdraw
from tests.activities.play import CLERK, OPERATOR, Play, insured
from tests.activities.publishing_heads import EVERY, published, read


def heads_of(lines: tuple[str, ...]) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[2]) for line in lines}


async def test_a_round_has_the_chains_that_grew_since_the_one_before(play: Play, tmp_path: Path) -> None:
    place = AppendedFile(tmp_path / "heads")
    one, other = insured(), insured()
    await play.load(one, other)
    first, second = await play.reviewed(play.change(one)), await play.reviewed(play.change(other))
    newest = await publish(play.pool, place, EVERY)
    assert heads_of(newest.heads) == {first.case_id: 1, second.case_id: 1}
    newest = await publish(play.pool, place, EVERY)
    assert (newest.number, newest.heads, newest.catalogue) == (2, (), None)
    await play.move(second, Event.withdraw, Withdraw(actor=CLERK))
    newest = await publish(play.pool, place, EVERY)
    assert heads_of(newest.heads) == {second.case_id: 2}
    log = await read(place)
    assert len(log.of(second.case_id)) == 2


async def test_what_was_not_committed_yet_comes_with_a_later_round(play: Play, tmp_path: Path) -> None:
    place = AppendedFile(tmp_path / "heads")
    one = insured()
    await play.load(one)
    state = play.change(one)
    async with play.pool.acquire() as connection, connection.transaction():
        # As old as what is written after it, and over later.
        await connection.execute("SELECT pg_current_xact_id()")
        await play.reviewed(state)
        assert heads_of((await publish(play.pool, place, EVERY)).heads) == {state.case_id: 1}
    # It may have written until now: what came after it is read once more.
    assert heads_of((await publish(play.pool, place, EVERY)).heads) == {state.case_id: 1}
    assert (await publish(play.pool, place, EVERY)).heads == ()


async def test_the_journals_chains_are_published_as_well(play: Play, tmp_path: Path) -> None:
    log = await published(play.pool, tmp_path)
    assert log.newest is not None
    entry = journal.Entry(kind=journal.Kind.terminate, at=play.at, actor=OPERATOR)
    await journal.write(play.pool, entry)
    log = await published(play.pool, tmp_path)
    (link,) = await journal.links(play.pool)
    assert [(each.version, each.hash) for each in log.of(link["chain"])] == [(1, link["hash"])]


async def test_a_round_of_many_heads_comes_in_parts_and_is_published_again_where_it_broke_off(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "MOST_HEADS", 2)
    persons = [insured() for _ in range(5)]
    await play.load(*persons)
    cases = {(await play.received(play.change(person))).case_id for person in persons}
    place = BreakingOff(tmp_path / "heads")
    with pytest.raises(CaseError):
        await publish(play.pool, place, EVERY)
    log = await read(place)
    assert (log.newest, len(list(log.left()))) == (None, 4)
    newest = await publish(play.pool, AppendedFile(tmp_path / "heads"), EVERY)
    assert (newest.number, newest.complete) == (5, True)
    log = await read(place)
    assert {each.case_id for each in log.left()} == cases


class BreakingOff(AppendedFile):
    """A place that goes away after two parts."""

    async def append(self, publication: Publication) -> None:
        if publication.number > 2:
            raise CaseError(Code.HEADS_UNREACHABLE)
        await super().append(publication)


async def test_a_register_that_is_elsewhere_publishes_all_its_heads(play: Play, tmp_path: Path) -> None:
    one = insured()
    await play.load(one)
    state = await play.reviewed(play.change(one))
    place = AppendedFile(tmp_path / "heads")
    newest = await publish(play.pool, place, EVERY)
    elsewhere = newest.model_copy(update={"number": 1, "written_where": "elsewhere", "before": 2**60})
    other = AppendedFile(tmp_path / "other")
    await other.append(elsewhere)
    assert heads_of((await publish(play.pool, other, EVERY)).heads) == {state.case_id: 1}


async def test_publishing_that_has_stopped_is_found(play: Play, tmp_path: Path) -> None:
    place = AppendedFile(tmp_path / "heads")
    newest = await publish(play.pool, place, EVERY)
    old = newest.model_copy(update={"every": 1e-9})
    other = AppendedFile(tmp_path / "other")
    await other.append(old)
    assert (await verify_audit(play.pool, published=await read(other))).broken == (Broken("heads", 0, 1, "late"),)
    assert (await verify_audit(play.pool, published=await read(place))).broken == ()
