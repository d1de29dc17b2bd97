import asyncio
import hashlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from activities.calendar import official_calendar
from activities.registry import Clock, Registry, journal
from activities.registry.audit import BEGINNING, canonical, hash_of, sha256_of
from activities.registry.loading import InsuredPerson
from activities.registry.pool import Pool, create_pool
from activities.registry.reading import verify_chain
from activities.registry.schema import OLDEST, SCHEMA, check_schema
from activities.sealing import Field, Sealer
from cases.errors import CaseError, Code
from cases.events import Event
from cases.machines.machine import Milestone, Status
from cases.models import Actor, Role
from cases.numbers import Road
from cases.policy import Policies
from cases.screening import Finding
from cases.state import CaseState
from cases.views import receipt_of
from deploy.migrations import FUNCTIONS, HERE, migrate, scripts, suits
from stack import LocalStack
from tests import scenes
from tests.activities.conftest import execute
from tests.activities.play import NOON, SECOND, Play, insured
from tests.stamping import STAMPS

PERSON = "a" * 26

NEXT = f'''"""One more revision."""

from deploy.migrations.script import run_script

revision = "9999"
down_revision = "{SCHEMA}"


def upgrade() -> None:
    run_script(__file__)
'''


@pytest_asyncio.fixture
async def empty_url(stack: LocalStack) -> AsyncIterator[str]:
    await execute(stack, "CREATE DATABASE empty_register")
    yield stack.postgres.endpoint.url_of("empty_register")
    await execute(stack, "DROP DATABASE empty_register WITH (FORCE)")


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations with one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_more.py").write_text(NEXT)
    (folder / "versions" / "9999_more.sql").write_text("CREATE TABLE more (id int);\nCREATE TABLE and_more (id int);")
    return folder


def before(revision: str, tmp_path: Path) -> Path:
    """The migrations without those from a revision on, and without the functions, which need all tables."""
    older = tmp_path / "older"
    shutil.copytree(HERE, older, ignore=shutil.ignore_patterns("__pycache__", FUNCTIONS))
    for later in (older / "versions").iterdir():
        if later.name >= revision:
            later.unlink()
    return older


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row["tablename"] for row in rows}
    finally:
        await connection.close()


async def code_of_check(url: str) -> Code:
    pool = await create_pool(url, size=1)
    try:
        with pytest.raises(CaseError) as refused:
            await check_schema(pool)
        return refused.value.code
    finally:
        await pool.close()


def test_the_code_needs_the_newest_migration() -> None:
    assert list(scripts())[-1] == SCHEMA


def test_every_sql_file_belongs_to_a_revision() -> None:
    owned = [file for files in scripts().values() for file in files]
    assert all(scripts().values())
    assert sorted(owned) == sorted((HERE / "versions").glob("*.sql"))


def test_every_revision_has_a_number_of_its_own_and_none_is_left_out() -> None:
    numbers = [path.name[:4] for path in sorted((HERE / "versions").glob("*.py"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert numbers == list(scripts())


async def test_a_revision_runs_all_files_of_its_number_by_name(empty_url: str, newer: Path) -> None:
    (newer / "versions" / "9999_later.sql").write_text("ALTER TABLE earlier ADD COLUMN later int;")
    (newer / "versions" / "9999_earlier.sql").write_text("CREATE TABLE earlier (id int);")
    await migrate(empty_url, newer)
    assert {"earlier", "more", "and_more"} <= await tables(empty_url)
    (newer / "versions" / "9999_earlier.sql").write_text("CREATE TABLE other (id int);")
    with pytest.raises(CaseError) as refused:
        await migrate(empty_url, newer)
    assert (refused.value.code, refused.value.field) == (Code.SCHEMA_MISMATCH, "9999")


async def test_an_empty_database_is_migrated_once(empty_url: str) -> None:
    assert await migrate(empty_url) == [*scripts(), FUNCTIONS]
    assert await migrate(empty_url) == []
    assert {"persons", "cases", "transitions"} <= await tables(empty_url)


async def test_two_migrators_at_once_apply_everything_once(empty_url: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert sorted(applied) == [[], [], [], [*scripts(), FUNCTIONS]]


async def test_functions_that_changed_are_written_anew(empty_url: str, newer: Path) -> None:
    await migrate(empty_url, newer)
    (newer / FUNCTIONS / "of_late.sql").write_text(
        "CREATE OR REPLACE FUNCTION of_late() RETURNS text LANGUAGE sql RETURN 'first';"
    )
    assert await migrate(empty_url, newer) == [FUNCTIONS]
    (newer / FUNCTIONS / "of_late.sql").write_text(
        "CREATE OR REPLACE FUNCTION of_late() RETURNS text LANGUAGE sql RETURN 'second';"
    )
    assert await migrate(empty_url, newer) == [FUNCTIONS]
    connection = await asyncpg.connect(empty_url)
    try:
        assert await connection.fetchval("SELECT of_late()") == "second"
    finally:
        await connection.close()


async def test_the_functions_of_a_database_are_those_of_the_files_and_of_the_revisions(empty_url: str) -> None:
    await migrate(empty_url)
    created = re.compile(r"^CREATE (?:OR REPLACE )?FUNCTION (\w+)", re.MULTILINE)
    files = [file for owned in scripts().values() for file in owned] + list((HERE / FUNCTIONS).glob("*.sql"))
    named = [name for file in files for name in set(created.findall(file.read_text(encoding="utf-8")))]
    connection = await asyncpg.connect(empty_url)
    try:
        rows = await connection.fetch("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    finally:
        await connection.close()
    assert {row["proname"] for row in rows} == set(named)


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(empty_url: str, newer: Path) -> None:
    await migrate(empty_url, newer)
    (newer / "versions" / "9999_more.sql").write_text("CREATE TABLE other (id int);")
    with pytest.raises(CaseError) as refused:
        await migrate(empty_url, newer)
    assert (refused.value.code, refused.value.field) == (Code.SCHEMA_MISMATCH, "9999")
    assert "other" not in await tables(empty_url)


def takes_away(newer: Path) -> Path:
    """The same migrations, the last of which leaves nothing that older code works on."""
    (newer / "versions" / "9999_more.py").write_text(NEXT + '\n\nsuits = "9999"\n')
    return newer


async def test_a_database_that_has_only_been_added_to_suits_the_code_and_is_left_as_it_is(
    empty_url: str, newer: Path
) -> None:
    (newer / FUNCTIONS / "of_late.sql").write_text(
        "CREATE OR REPLACE FUNCTION of_late() RETURNS text LANGUAGE sql RETURN 'newer';"
    )
    assert await migrate(empty_url, newer) == [*scripts(), "9999", FUNCTIONS]
    pool = await create_pool(empty_url, size=1)
    try:
        await check_schema(pool)
        assert await migrate(empty_url) == [], "the release that goes back changes nothing"
        assert await pool.fetchval("SELECT of_late()") == "newer"
        assert await pool.fetchval("SELECT version_num FROM schema_version") == "9999"
    finally:
        await pool.close()
    assert await migrate(empty_url, newer) == []


async def test_a_database_that_was_changed_is_refused_also_where_it_is_newer(empty_url: str, newer: Path) -> None:
    await migrate(empty_url, newer)
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute("UPDATE schema_checksums SET sha256 = repeat('0', 64) WHERE revision = $1", SCHEMA)
    finally:
        await connection.close()
    with pytest.raises(CaseError) as refused:
        await migrate(empty_url)
    assert (refused.value.code, refused.value.field) == (Code.SCHEMA_MISMATCH, SCHEMA)


async def test_the_next_release_works_before_the_register_has_migrated(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty_url)
    monkeypatch.setattr("activities.registry.schema.SCHEMA", "9999")
    monkeypatch.setattr("activities.registry.schema.OLDEST", SCHEMA)
    pool = await create_pool(empty_url, size=1)
    try:
        await check_schema(pool)
    finally:
        await pool.close()
    monkeypatch.setattr("activities.registry.schema.OLDEST", "9999")
    assert await code_of_check(empty_url) is Code.SCHEMA_MISMATCH


async def test_a_case_lives_on_the_schema_of_the_release_before_and_on_that_of_the_next(
    empty_url: str, newer: Path, tmp_path: Path, sealer: Sealer, policies: Policies
) -> None:
    older = tmp_path / "before"
    shutil.copytree(HERE, older, ignore=shutil.ignore_patterns("__pycache__"))
    for each in (older / "versions").iterdir():
        if each.name[: len(OLDEST)] > OLDEST:
            each.unlink()
    (newer / "versions" / "9999_more.sql").write_text(
        "ALTER TABLE cases ADD COLUMN more text;\nALTER TABLE persons ADD COLUMN more text;\n"
        "ALTER TABLE transitions ADD COLUMN more text DEFAULT 'more';\nCREATE TABLE more (id int);"
    )
    pool: Pool = await create_pool(empty_url, size=2)
    try:
        registry = Registry(pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
        play = Play(pool, registry, sealer)
        open_ones: list[CaseState] = []
        for folder in (older, newer):
            await migrate(empty_url, folder)
            await check_schema(pool)
            carried_on = [await play.committed(state) for state in open_ones]
            person, other = insured(), insured()
            await play.load(person, other)
            ended = await play.committed(play.change(person))
            open_ones.append(await play.reviewed(play.change(other)))
            for state in (*carried_on, ended):
                assert state.committed
                assert await verify_chain(pool, state.case_id) is None
        assert await play.value("SELECT count(*) FROM cases WHERE more IS NULL") == len(open_ones) * 2
    finally:
        await pool.close()


TAKES_AWAY = re.compile(
    r"\bDROP (TABLE|COLUMN|FUNCTION)\b|\bRENAME\b|\bSET NOT NULL\b|\bALTER COLUMN \w+ TYPE\b", re.IGNORECASE
)


def test_a_revision_by_which_older_code_does_not_work_says_so() -> None:
    said = suits()
    for revision, files in scripts().items():
        if revision > OLDEST and TAKES_AWAY.search("\n".join(file.read_text(encoding="utf-8") for file in files)):
            assert revision in said, f"{revision} takes something away: suits = ... in its .py, a release later"


@pytest.mark.parametrize(
    "line", ["DROP TABLE a;", "ALTER TABLE a DROP COLUMN b;", "ALTER TABLE a RENAME b TO c;", "ALTER b SET NOT NULL;"]
)
def test_what_takes_away_would_be_found(line: str) -> None:
    assert TAKES_AWAY.search(line)


def test_the_code_works_on_the_schema_of_the_release_before() -> None:
    assert OLDEST in scripts()
    assert OLDEST <= SCHEMA
    assert max(suits().values()) <= SCHEMA


async def test_a_database_that_is_newer_than_the_code_and_does_not_suit_it_is_refused(
    empty_url: str, newer: Path
) -> None:
    assert await migrate(empty_url, takes_away(newer)) == [*scripts(), "9999", FUNCTIONS]
    with pytest.raises(CaseError) as refused:
        await migrate(empty_url)
    assert refused.value.code is Code.SCHEMA_MISMATCH
    assert await code_of_check(empty_url) is Code.SCHEMA_MISMATCH


async def test_a_migration_that_fails_leaves_nothing_and_quotes_nothing(empty_url: str, newer: Path) -> None:
    (newer / "versions" / "9999_more.sql").write_text("CREATE TABLE more (id int); SELECT 'planted'::int;")
    with pytest.raises(CaseError) as refused:
        await migrate(empty_url, newer)
    assert refused.value.code is Code.DATABASE_REFUSED
    assert str(refused.value) == "DATABASE_REFUSED"
    assert await tables(empty_url) == set()


async def test_a_worker_does_not_start_on_an_empty_database(empty_url: str) -> None:
    assert await code_of_check(empty_url) is Code.SCHEMA_MISMATCH


async def test_a_database_that_cannot_be_reached_is_unavailable(stack: LocalStack) -> None:
    url = stack.postgres.endpoint.url_of("none_of_this_name")
    with pytest.raises(CaseError) as refused:
        await migrate(url)
    assert str(refused.value) == "DATABASE_UNAVAILABLE"
    with pytest.raises(CaseError) as refused:
        (await create_pool(url)).terminate()
    assert str(refused.value) == "DATABASE_UNAVAILABLE (database_url)"


async def test_a_url_that_is_none_is_not_repeated() -> None:
    with pytest.raises(CaseError) as refused:
        (await create_pool("postgresql://user:planted@host:port/name")).terminate()
    assert refused.value.code is Code.CONFIGURATION_INVALID
    assert refused.value.__context__ is None


async def test_every_table_and_every_column_with_a_unit_says_what_it_means(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    silent = await connection.fetch(
        """
        SELECT relation.relname, attribute.attname
        FROM pg_class AS relation
        LEFT JOIN pg_attribute AS attribute
            ON attribute.attrelid = relation.oid AND attribute.attname ~ '_fen$' AND attribute.attnum > 0
        WHERE relation.relkind = 'r' AND relation.relnamespace = 'public'::regnamespace
          AND relation.relname NOT LIKE 'schema\\_%'
          AND (obj_description(relation.oid) IS NULL
               OR (attribute.attnum IS NOT NULL AND col_description(relation.oid, attribute.attnum) IS NULL))
        """
    )
    await connection.close()
    assert silent == []


async def test_messages_written_before_their_deliveries_had_rows_are_carried_over(
    empty_url: str, tmp_path: Path
) -> None:
    await migrate(empty_url, before("0003", tmp_path))
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute(
            """
            INSERT INTO cases (
                case_id, generation, kind, person, region, category, status, milestone, version, policy, key,
                fingerprint, number_token, submitter, state, state_digest, head, opened_at, moved_at
            )
            SELECT 'idc-' || token, 1, 'IdNumberChange', token, '110105', 'general', 'done', 'submitted', 1, 'p', 'k',
                token, token, 'clerk-1', '{"opening": {"key": "k"}}', repeat('0', 64), repeat('0', 64), now(), now()
            FROM repeat('a', 26) AS token;
            INSERT INTO notifications (case_id, generation, step, recipient, channel, template, written_at, sent_at)
            SELECT case_id, generation, step, 'applicant', 'sms', template, '2026-01-01Z', sent_at
            FROM cases, (VALUES
                ('release.9', 'IdNumberChange.done', NULL),
                ('release.9', 'CardReplacement.offered', NULL),
                ('screened.1', 'IdNumberChange.disputed', now())
            ) AS before (step, template, sent_at);
            """
        )
        await migrate(empty_url)
        rows = await connection.fetch(
            "SELECT subject, event, person, template, state, next_attempt_at IS NOT NULL AS due FROM notifications "
            "ORDER BY event"
        )
    finally:
        await connection.close()
    assert [(row["event"], row["template"], row["state"], row["due"]) for row in rows] == [
        ("1:release.9", "IdNumberChange.done", "pending", True),
        ("1:release.9.offered", "CardReplacement.offered", "pending", True),
        ("1:screened.1", "IdNumberChange.disputed", "accepted", False),
    ]
    assert {(row["subject"], row["person"]) for row in rows} == {(f"idc-{PERSON}", PERSON)}


async def written_before_the_register_decided(play: Play, state: CaseState) -> None:
    """Rows of a case that was registered, screened and verified: its whole state in one column, and the contents of
    its audit under the hashes themselves.
    """
    actor = {"id": SECOND.id, "role": SECOND.role.value, "office": SECOND.office}
    told: dict[str, Any] = {"actor": actor, "original_seen": True, "copies": [], "note": "核对无误"}
    moved = {"moved": True, "neighbours": [], "dates": state.ladder.dates.model_dump(mode="json")}
    whole = state.model_dump(mode="json") | {
        "receipt": receipt_of(state).model_dump(mode="json"),
        "transitions": [{"version": 1, "event": "screened"}, {"version": 2, "event": "verify_documents"}],
        "answered": {"update-1": {"version": 2}},
    }
    steps: list[tuple[str, str | None, str, dict[str, Any] | None, dict[str, Any]]] = [
        ("registered", None, "screening", {"stamp": "s"}, {"generation": 1, "refused": None}),
        ("screened", "screening", "in_review", None, moved),
        ("verify_documents", "in_review", "verified", told, moved),
    ]
    rows: list[dict[str, Any]] = []
    for version, (event, from_status, to_status, fact, outcome) in enumerate(steps):
        is_told = fact is not None
        row = {
            "format": 1,
            "case_id": state.case_id,
            "generation": 1,
            "version": version,
            "step": f"{event}.{version}",
            "event": event,
            "from_status": from_status,
            "to_status": to_status,
            "actor": SECOND.id if is_told else None,
            "role": SECOND.role.value if is_told else None,
            "office": SECOND.office if is_told else None,
            "fact": None if fact is None else json.dumps(fact),
            "stamp": f"stamp-{version}" if is_told else None,
            "state_before": rows[-1]["state_after"] if rows else None,
            "state_after": sha256_of(canonical(whole) if version == state.version else str(version)),
            "outcome": json.dumps(outcome),
            "at": NOON,
            "prev_hash": rows[-1]["hash"] if rows else BEGINNING,
        }
        rows.append(row | {"hash": hash_of(row)})
    case = {
        "case_id": state.case_id,
        "generation": 1,
        "kind": state.kind.value,
        "person": state.opening.person,
        "person_id": await play.value("SELECT id FROM persons WHERE token = $1", state.opening.person),
        "region": state.opening.region,
        "category": state.opening.category.value,
        "status": state.status.value,
        "milestone": state.milestone.value,
        "version": state.version,
        "road": "pure_upgrade",
        "policy": state.terms.policy,
        "key": state.opening.key,
        "fingerprint": state.opening.fingerprint,
        "number_token": state.opening.number_token,
        "replaces_number_id": await play.value("SELECT id FROM numbers WHERE state = 'living'"),
        "submitter": state.opening.taken_in_by,
        "verifier": state.verifier,
        "verified_content": state.verified_content,
        "state": canonical(whole),
        "state_digest": rows[-1]["state_after"],
        "head": rows[-1]["hash"],
        "opened_at": NOON,
        "moved_at": NOON,
    }
    key = {name: case[name] for name in ("key", "case_id", "generation", "fingerprint")} | {"used_at": NOON}
    for row in rows:
        del row["format"]
    async with play.pool.acquire() as connection:
        for table, written in (("cases", [case]), ("transitions", rows), ("idempotency_keys", [key])):
            columns = tuple(written[0])
            records = [tuple(row[column] for column in columns) for row in written]
            await connection.copy_records_to_table(table, records=records, columns=columns)


async def loaded_by_an_earlier_release(play: Play, person: InsuredPerson) -> None:
    """A person and their number, as they came into the register before its source was listened to."""
    token, number = play.token(person), person.number or ""
    await play.pool.execute(
        "WITH known AS ("
        "INSERT INTO persons (token, name, region, category) VALUES ($1, $2, $3, 'general') RETURNING id) "
        "INSERT INTO numbers (person_id, token, sealed, digits, state) SELECT id, $4, $5, 15, 'living' FROM known",
        token,
        play.sealer.seal(person.name, field=Field.name, person=token),
        person.region,
        play.sealer.number_token(number),
        play.sealer.seal(number, field=Field.number, person=token),
    )


async def test_a_case_from_before_the_register_decided_is_answered_verified_and_carried_on(
    empty_url: str, tmp_path: Path, sealer: Sealer, policies: Policies
) -> None:
    await migrate(empty_url, before("0009", tmp_path))
    pool: Pool = await create_pool(empty_url, size=2)
    try:
        registry = Registry(pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
        play = Play(pool, registry, sealer)
        person = insured()
        await loaded_by_an_earlier_release(play, person)
        applied = play.change(person)
        found = scenes.screening(applied.opening, Finding.clear, Road.pure_upgrade)
        state = applied.model_copy(
            update={
                "opening": applied.opening.model_copy(update={"stamp": None}),
                "version": 2,
                "status": Status.verified,
                "milestone": Milestone.documents_verified,
                "screening": found,
                "verifier": SECOND.id,
                "verified_content": applied.content,
            }
        )
        await written_before_the_register_decided(play, state)
        await migrate(empty_url)
        assert await verify_chain(pool, state.case_id) is None
        answer = await play.register(applied)
        assert answer.standing is not None
        assert answer.standing.state_of(applied.opening) == state
        assert answer.standing.receipt_for(state) == receipt_of(state)
        made = [(each.version, each.event, each.to) for each in answer.standing.transitions]
        assert made == [(1, Event.screened, Status.in_review), (2, Event.verify_documents, Status.verified)]
        after = await play.move(await play.move(state, Event.apply), Event.commit)
        assert (after.committed, await play.value("SELECT count(*) FROM numbers WHERE state = 'living'")) == (True, 1)
        assert await verify_chain(pool, state.case_id) is None
        formats = await play.rows("SELECT format FROM transitions ORDER BY version")
        assert [row["format"] for row in formats] == [1, 1, 1, 2, 2]
        row = await play.rows("SELECT opening, screening FROM case_files")
        assert "transitions" not in str(row)
        assert not {"receipt", "answered", "transitions"} & set(json.loads(await play.value("SELECT state FROM cases")))
    finally:
        await pool.close()


async def test_a_journal_and_cases_of_an_earlier_release_are_left_as_they_are(empty_url: str, tmp_path: Path) -> None:
    await migrate(empty_url, before("0009", tmp_path))
    covered = [1, "search", None, None, None, "clerk-1", "clerk", "110105", None, None, {}]
    said = json.dumps([*covered, "2026-11-02T04:00:00.000000+00:00", "0" * 64], separators=(",", ":"))
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute(
            "INSERT INTO journal (id, kind, actor, role, office, at, prev_hash, hash) "
            "VALUES (1, 'search', 'clerk-1', 'clerk', '110105', '2026-11-02T04:00:00Z', repeat('0', 64), $1)",
            hashlib.sha256(said.encode()).hexdigest(),
        )
        await connection.execute(
            """
            INSERT INTO cases (
                case_id, generation, kind, person, region, category, status, milestone, version, policy, key,
                fingerprint, number_token, submitter, state, state_digest, head, opened_at, moved_at
            )
            SELECT 'idc-' || token, 1, 'IdNumberChange', token, '110105', 'general', 'done', 'submitted', 1, 'p', 'k',
                token, token, 'clerk-1', '{"opening": {"key": "k"}}', repeat('0', 64), repeat('0', 64), now(), now()
            FROM repeat('a', 26) AS token
            """
        )
        await migrate(empty_url)
        case = await connection.fetchrow("SELECT channel, submitter_kind, submitter, submitter_ref FROM cases")
        assert case is not None
        assert tuple(case) == ("counter", "staff", "clerk-1", None)
    finally:
        await connection.close()
    pool = await create_pool(empty_url, size=1)
    actor = Actor(id="clerk-1", role=Role.clerk, office="110105")
    assert await journal.write(pool, journal.Entry(kind=journal.Kind.search, at=datetime.now(UTC), actor=actor))
    rows = await journal.links(pool)
    await pool.close()
    assert [(row["chain"] == journal.CHAIN, row["number"], row["format"]) for row in rows] == [
        (True, 1, 0),
        (False, 1, 1),
    ]
    assert [journal.first_broken([row]) for row in rows] == [None, None]
