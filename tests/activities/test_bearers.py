"""Who stood in the directory: written down when it is loaded, and asked by whoever proves the audit."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.registry import journal
from activities.registry.bearers import Bearers
from activities.registry.verifying import verify_audit
from activities.supervision.directory import Changes, read_directory, replace_directory
from cases.events import Event
from cases.facts import Withdraw
from cases.models import Actor, Role
from cases.offices import Bearer, faults_of
from tests.activities.offices import AGENCY, directory
from tests.activities.play import CLERK, NORTH, OPERATOR, Play, insured
from tests.stamping import STAMPS

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ONE = Bearer(office=NORTH, role=Role.clerk, staff=CLERK.id)
OTHER = Bearer(office=AGENCY, role=Role.officer, staff="officer-9")


def history(*entries: tuple[int, list[Bearer], list[Bearer]]) -> Bearers:
    """What was written down some minutes after noon: who came, and who went."""
    return Bearers(
        (
            NOON + timedelta(minutes=minutes),
            {
                name: [[each.staff, each.role, each.office] for each in who]
                for name, who in (("came", came), ("went", went))
            },
        )
        for minutes, came, went in entries
    )


@pytest.mark.parametrize(
    ("minutes", "stood"), [(-1, True), (0, True), (4, True), (5, True), (6, False), (9, False), (10, True), (90, True)]
)
def test_whoever_came_stands_there_until_they_go_and_again_when_they_come_back(minutes: int, *, stood: bool) -> None:
    bearers = history((0, [ONE], []), (5, [], [ONE]), (10, [ONE], []))
    assert bearers.stood(CLERK, NOON + timedelta(minutes=minutes)) is stood
    assert bearers.now == {ONE}


def test_another_role_another_office_and_another_person_do_not_stand_there() -> None:
    bearers = history((0, [ONE], []))
    later = NOON + timedelta(minutes=1)
    for other in ({"role": Role.officer}, {"office": AGENCY}, {"id": "clerk-9"}):
        assert not bearers.stood(CLERK.model_copy(update=other), later)


def test_where_no_directory_ever_named_bearers_nobody_knows() -> None:
    assert Bearers().stood(CLERK, NOON)
    assert Bearers().since is None


def test_a_bearer_of_an_office_that_is_not_listed_is_a_fault() -> None:
    wrong = directory().model_copy(update={"bearers": (OTHER, OTHER.model_copy(update={"office": "999999"}))})
    assert [(fault.kind, fault.place, fault.field) for fault in faults_of(wrong)] == [(Bearer, 1, "office")]


async def test_who_came_and_who_went_is_written_down_once_with_the_directory(play: Play) -> None:
    listed = directory().model_copy(update={"bearers": (ONE, OTHER)})
    replaced = await replace_directory(play.pool, listed, dry_run=True)
    assert (replaced.bearers, await journal.entries(play.pool)) == (Changes(2, 0, 0, 0), ())
    for added in (2, 0):
        assert (await replace_directory(play.pool, listed)).bearers == Changes(added, 0, 0, 2 - added)
    assert set((await read_directory(play.pool)).bearers) == {ONE, OTHER}
    await replace_directory(play.pool, listed.model_copy(update={"bearers": (OTHER,)}))
    assert [each.facts for each in await journal.entries(play.pool)] == [
        {"came": [[ONE.staff, "clerk", NORTH], [OTHER.staff, "officer", AGENCY]], "went": []},
        {"came": [], "went": [[ONE.staff, "clerk", NORTH]]},
    ]


async def test_a_decision_of_whoever_did_not_stand_there_is_found(play: Play) -> None:
    """The gate signed it: somebody had a token with a role that the directory does not know."""
    person = insured()
    await play.load(person)
    play.at = datetime.now(UTC)
    await replace_directory(play.pool, directory().model_copy(update={"bearers": (OTHER,)}))
    play.later(minutes=1)
    state = await play.reviewed(play.change(person))
    play.tampered = True
    found = (await verify_audit(play.pool, stamps=STAMPS)).broken
    assert [(each.case_id, each.version, each.what) for each in found] == [(state.case_id, 0, "directory")]


async def test_a_decision_of_whoever_stood_there_holds(play: Play) -> None:
    person = insured()
    await play.load(person)
    play.at = datetime.now(UTC)
    await replace_directory(play.pool, directory().model_copy(update={"bearers": (ONE, OTHER)}))
    play.later(minutes=1)
    await play.move(await play.reviewed(play.change(person)), Event.withdraw, Withdraw(actor=CLERK))
    verified = await verify_audit(play.pool, stamps=STAMPS)
    assert (verified.broken, verified.bearers_named) == ((), True)


async def test_an_entry_of_the_journal_by_whoever_did_not_stand_there_is_found(play: Play) -> None:
    operator = Bearer(office=NORTH, role=Role.operator, staff=OPERATOR.id)
    await replace_directory(play.pool, directory().model_copy(update={"bearers": (operator,)}))
    stranger = Actor(id="operator-9", role=Role.operator, office=NORTH)
    for actor in (OPERATOR, stranger):
        await journal.write(play.pool, journal.Entry(kind=journal.Kind.reset, at=datetime.now(UTC), actor=actor))
    play.tampered = True
    found = (await verify_audit(play.pool, stamps=STAMPS)).broken
    assert [(each.version, each.what) for each in found] == [(2, "directory")]
