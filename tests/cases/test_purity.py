"""What a case is needs no clock, no chance, no input and no output: equal questions have equal answers."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "cases"
FILES = sorted(CASES.rglob("*.py"))

ALLOWED = {
    "base64",
    "abc",
    "cases",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "itertools",
    "json",
    "operator",
    "pathlib",
    "pydantic",
    "pydantic_core",
    "re",
    "stdnum",
    "tomllib",
    "types",
    "typing",
    "unicodedata",
    "urllib",
}
"""Modules that a pure package may know. `pathlib` and `tomllib` serve `policy.load` alone."""
FILES_ARE_READ_IN = {"policy.py"}
OF_THE_MOMENT = {"now", "today", "utcnow", "fromtimestamp", "localtime", "monotonic", "perf_counter"}
OUTSIDE = {"open", "input", "print", "exec", "eval", "__import__", "compile", "id", "hash", "globals"}
READS = {"read_text", "read_bytes", "write_text", "write_bytes", "glob", "rglob", "iterdir", "open", "stat", "exists"}


def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def called(path: Path, kind: type[ast.Name] | type[ast.Attribute]) -> set[str]:
    """Names of the functions, or of the methods, that a file calls."""
    functions = [node.func for node in nodes(path) if isinstance(node, ast.Call)]
    return {
        function.attr if isinstance(function, ast.Attribute) else function.id
        for function in functions
        if isinstance(function, ast.Attribute | ast.Name) and isinstance(function, kind)
    }


def test_all_files_of_the_package_are_looked_at() -> None:
    assert {path.name for path in FILES} >= {
        "decide.py",
        "state.py",
        "machine.py",
        "numbers.py",
        "clocks.py",
        "policy.py",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CASES).as_posix())
def test_nothing_is_imported_that_knows_the_time_chance_or_the_world(path: Path) -> None:
    imported = {
        name.split(".")[0]
        for node in nodes(path)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= ALLOWED
    if path.name not in FILES_ARE_READ_IN:
        assert not imported & {"pathlib", "tomllib"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CASES).as_posix())
def test_nobody_asks_what_time_it_is(path: Path) -> None:
    asked = {node.attr for node in nodes(path) if isinstance(node, ast.Attribute)}
    assert not OF_THE_MOMENT & asked


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CASES).as_posix())
def test_only_a_policy_is_read_from_a_file_and_from_the_path_that_was_given(path: Path) -> None:
    assert not OUTSIDE & called(path, ast.Name)
    if path.name not in FILES_ARE_READ_IN:
        assert not READS & called(path, ast.Attribute)


DECIDES = """
import sys
from tests.cases.test_walks import Walk
from random import Random
from cases.names import Kind
for kind in Kind:
    for seed in range(5):
        walk = Walk(kind, Random(seed).choice)
        for _ in range(30):
            if walk.state.is_open:
                walk.something_possible_happens()
        sys.stdout.write(walk.state.model_dump_json(exclude_unset=True) + "\\n")
"""


def test_neither_the_seed_of_hashes_nor_the_zone_of_the_machine_makes_a_difference() -> None:
    surroundings = (("0", "UTC", "C"), ("1", "America/New_York", "C.UTF-8"), ("4711", "Asia/Shanghai", "C"))
    told = {
        subprocess.run(
            [sys.executable, "-c", DECIDES],
            cwd=CASES.parent,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "PYTHONPATH": str(CASES.parent)},
            check=True,
            capture_output=True,
        ).stdout
        for seed, zone, locale in surroundings
    }
    assert len(told) == 1
    assert next(iter(told)).count(b"\n") == 10
