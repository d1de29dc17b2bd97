from itertools import pairwise
from pathlib import Path

import pytest

from activities.registry import queries
from activities.registry.queries import Query, load

ACTIVITIES = Path(queries.__file__).parents[1]


def test_parameters_have_names_and_casts_are_no_parameters() -> None:
    query = Query("found", "SELECT :one::text, :two -- not :three\nWHERE a = :one")
    assert query.parameters == ("one", "two")
    assert query.sql == "SELECT $1::text, $2 \nWHERE a = $1"


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(KeyError, match="two"):
        Query("found", "SELECT :one, :two")._arguments({"one": 1})


def test_two_queries_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="look"):
        load("cases.sql", "cases.sql")


@pytest.mark.parametrize("path", sorted(ACTIVITIES.rglob("*.sql")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_query_says_what_it_is_for_and_is_used(path: Path) -> None:
    code = "".join(module.read_text(encoding="utf-8") for module in path.parent.glob("*.py"))
    assert load(path.name, beside=str(path))
    for line, comment in pairwise(path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("-- name: "):
            assert comment.startswith("-- "), line
            assert f'"{line.removeprefix("-- name: ")}"' in code, line
