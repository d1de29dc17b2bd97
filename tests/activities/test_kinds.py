"""The kinds of case as the register knows them: those of the code, and no case of another. All is synthetic."""

import asyncpg
import pytest

from cases.kinds import KINDS
from tests.activities.play import Play

PERSON, OTHER = "a" * 26, "b" * 26


async def test_the_kinds_in_the_database_are_those_of_the_code(play: Play) -> None:
    rows = await play.rows("SELECT kind, prefix, held_for FROM kinds")
    assert {tuple(row) for row in rows} == {
        (record.kind.value, record.prefix, record.held_for) for record in KINDS.values()
    }


@pytest.mark.parametrize(
    "statement",
    ["UPDATE kinds SET prefix = 'abc' WHERE prefix = 'idc'", "DELETE FROM kinds", "TRUNCATE kinds CASCADE"],
)
async def test_a_kind_that_cases_refer_to_stays_what_it_is(play: Play, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await play.write(statement)


@pytest.mark.parametrize(
    ("kind", "case_id"),
    [
        ("NameChange", f"nmc-{PERSON}"),
        ("IdNumberChange", f"crc-{PERSON}"),
        ("IdNumberChange", f"idc-{OTHER}"),
    ],
    ids=["unknown kind", "prefix of another kind", "another person"],
)
async def test_a_case_is_refused_whose_id_is_not_made_of_its_kind_and_its_person(
    play: Play, kind: str, case_id: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await play.write(
            """
            INSERT INTO cases
            SELECT (jsonb_populate_record(
                NULL::cases, jsonb_build_object('kind', $1::text, 'case_id', $2::text, 'person', $3::text)
            )).*
            """,
            kind,
            case_id,
            PERSON,
        )
    assert refused.value.constraint_name == "cases_of_a_known_kind"


@pytest.mark.parametrize("table", ["claims", "benefit_holds"])
async def test_nothing_is_withheld_for_what_no_kind_of_case_ends(play: Play, table: str) -> None:
    columns = {
        "claims": "(person_id, scheme, amount_fen, state, suspended_for) VALUES (1, 'medical', 1, 'suspended', 'name')",
        "benefit_holds": "(person_id, reason, state, notice, served_on) VALUES (1, 'name', 'warned', 'n-1', now())",
    }
    await play.write(
        "INSERT INTO persons (id, token, name, region, category) VALUES (1, $1, $2, '110105', 'general')",
        PERSON,
        "k1." + "A" * 54,
    )
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await play.write(f"INSERT INTO {table} {columns[table]}")
