"""What a transition writes again stands in no index, and what lists ask for is found nevertheless."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from activities.notifications.addressees import SQL as DELIVERING
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.reading import SQL, Filter, asked_of
from activities.registry.stored import Copy
from cases.answers import Left
from cases.decide import initial_state
from cases.machines.machine import Milestone, Status
from cases.names import Kind
from cases.state import CaseState
from tests.activities.late_cases import DUE, late
from tests.scenes import CERTIFICATE, ID_CARD, OPENINGS, SOUTH

ORDINARY = frozenset(
    {"status", "milestone", "version", "due_at", "next_rung_at", "rests_on", "state", "head", "moved_at"}
)
"""Columns of a case that some ordinary transition changes, and not only the one that closes it."""


@pytest_asyncio.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    async with connection_of(pool) as held:
        yield held


async def test_no_index_of_cases_holds_or_asks_for_what_an_ordinary_transition_changes(connection: Connection) -> None:
    rows = await connection.fetch(
        "SELECT index.indexrelid::regclass::text AS index, attname AS looks_at FROM pg_index AS index "
        "JOIN pg_attribute ON attrelid = index.indrelid AND (attnum = ANY (index.indkey) OR EXISTS ("
        "    SELECT FROM pg_depend WHERE objid = index.indexrelid AND refobjid = attrelid AND refobjsubid = attnum"
        ")) WHERE index.indrelid = 'cases'::regclass"
    )
    assert ("cases_by_attention", "closed_at") in {(row["index"], row["looks_at"]) for row in rows}
    assert [(row["index"], row["looks_at"]) for row in rows if row["looks_at"] in ORDINARY] == []


async def test_cases_of_an_open_status_are_looked_for_among_the_open_ones(connection: Connection, pool: Pool) -> None:
    done = {"status": "done", "milestone": "benefits_unblocked", "verifier": "clerk-2", "road": "pure_upgrade"}
    await late(pool, SOUTH, 0, times=3000, closed_at=DUE, **done)
    await late(pool, SOUTH, 0, times=30)
    await connection.execute("ANALYZE cases")
    # Which of the indexes that hold open cases alone is the cheapest depends on what else stands in the register.
    of_open = await connection.fetch(
        "SELECT indexname FROM pg_indexes WHERE tablename = 'cases' AND indexdef LIKE '%WHERE%closed_at IS NULL%'"
    )
    query = SQL["list_cases"]
    for which, indexes in (
        (Filter(status=Status.in_review), {row["indexname"] for row in of_open}),
        (Filter(is_open=True, attention="dispute"), {"cases_by_attention"}),
    ):
        plan = await connection.fetch(f"EXPLAIN {query.sql}", *query._arguments(asked_of(which, None, 100)))
        text = "\n".join(row[0] for row in plan)
        assert any(f"using {index} on cases" in text or f"on {index} " in text for index in indexes), text
        assert "Seq Scan on cases" not in text


async def test_a_status_that_some_cases_end_in_is_looked_for_among_all() -> None:
    assert asked_of(Filter(status=Status.done), None, 100)["is_open"] is None
    assert asked_of(Filter(status=Status.in_review), None, 100)["is_open"] is True
    assert asked_of(Filter(status=Status.in_review, is_open=False), None, 100)["is_open"] is False


async def test_a_round_looks_at_no_more_messages_than_it_takes_up_however_many_are_due(connection: Connection) -> None:
    await connection.execute(
        "INSERT INTO notifications "
        "(subject, event, recipient, office, template, facts, not_before, written_at, next_attempt_at, state) "
        "SELECT 'digest:' || each, '1:told.1', 'clerk', '110105', 'channel.test', '{}', now(), now(), "
        "CASE WHEN each % 2 = 0 THEN now() END, CASE WHEN each % 2 = 0 THEN 'pending' ELSE 'accepted' END "
        "FROM generate_series(1, 6000) AS each"
    )
    await connection.execute("ANALYZE notifications")
    query = DELIVERING["take_up"]
    values = {"at": DUE, "ids": None, "with_applicants": True, "limit": 50, "lease": timedelta(minutes=1)}
    plan = await connection.fetch(f"EXPLAIN {query.sql}", *query._arguments(values))
    text = "\n".join(row[0] for row in plan)
    assert "Index Scan using notifications_due" in text
    assert re.search("Sort Key: .*not_before", text) is None
    assert "Seq Scan on notifications" not in text


class TestAStoredState:
    def test_does_not_repeat_the_documents_that_came_with_the_opening(self) -> None:
        state = initial_state(OPENINGS[Kind.id_number_change](ID_CARD))
        text = Copy.of(state).texts.state
        assert ID_CARD.sha256 in Copy.of(state).texts.opening
        assert ID_CARD.sha256 not in text

    def test_is_read_as_it_was_written_whatever_became_of_the_documents(self) -> None:
        begun = initial_state(OPENINGS[Kind.id_number_change](ID_CARD))
        moved = begun.model_copy(
            update={
                "version": 1,
                "status": Status.in_review,
                "milestone": Milestone.submitted,
                "left": Left(after=DUE.date(), working_days=3),
            }
        )
        for state in (begun, moved):
            for documents in ((ID_CARD,), (ID_CARD, CERTIFICATE), (CERTIFICATE,), ()):
                written = state.model_copy(update={"documents": documents})
                assert _as_read(written) == written

    def test_of_a_case_that_was_opened_without_documents_has_none(self) -> None:
        state = initial_state(OPENINGS[Kind.id_number_change]())
        assert state.documents == ()
        assert _as_read(state) == state
        assert _as_read(state.model_copy(update={"documents": (ID_CARD,)})).documents == (ID_CARD,)

    def test_is_read_where_it_was_written_with_all_its_documents(self) -> None:
        state = initial_state(OPENINGS[Kind.id_number_change](ID_CARD))
        before = Copy.of(state).texts._replace(
            state=state.model_dump_json(exclude={"opening", "screening"}, exclude_defaults=True)
        )
        assert ID_CARD.sha256 in before.state
        assert before.whole == state


def _as_read(state: CaseState) -> CaseState:
    return Copy.of(state).texts.whole
