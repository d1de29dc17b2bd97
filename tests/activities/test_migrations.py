import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from activities.registry.pool import create_pool
from activities.registry.schema import SCHEMA, check_schema
from cases.errors import CaseError, Code
from deploy.migrations import HERE, migrate, scripts
from stack import LocalStack
from tests.activities.conftest import execute

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


def test_every_revision_has_its_sql_file_with_its_number() -> None:
    for revision, sql in scripts().items():
        assert sql.is_file()
        assert sql.name.startswith(f"{revision}_")


async def test_an_empty_database_is_migrated_once(empty_url: str) -> None:
    assert await migrate(empty_url) == list(scripts())
    assert await migrate(empty_url) == []
    assert {"persons", "cases", "transitions"} <= await tables(empty_url)


async def test_two_migrators_at_once_apply_everything_once(empty_url: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert sorted(applied) == [[], [], [], list(scripts())]


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(empty_url: str, newer: Path) -> None:
    await migrate(empty_url, newer)
    (newer / "versions" / "9999_more.sql").write_text("CREATE TABLE other (id int);")
    with pytest.raises(CaseError) as refused:
        await migrate(empty_url, newer)
    assert (refused.value.code, refused.value.field) == (Code.SCHEMA_MISMATCH, "9999")
    assert "other" not in await tables(empty_url)


async def test_a_database_that_is_newer_than_the_code_is_refused(empty_url: str, newer: Path) -> None:
    assert await migrate(empty_url, newer) == [*scripts(), "9999"]
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
    older = tmp_path / "migrations"
    shutil.copytree(HERE, older, ignore=shutil.ignore_patterns("__pycache__"))
    for later in (older / "versions").iterdir():
        if later.name >= "0003":
            later.unlink()
    await migrate(empty_url, older)
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute(
            """
            INSERT INTO cases (
                case_id, generation, kind, person, region, category, status, milestone, version, policy, key,
                fingerprint, number_token, submitter, state, state_digest, head, opened_at, moved_at
            )
            SELECT 'idc-' || token, 1, 'IdNumberChange', token, '110105', 'general', 'done', 'submitted', 1, 'p', 'k',
                token, token, 'clerk-1', '{}', repeat('0', 64), repeat('0', 64), now(), now()
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
