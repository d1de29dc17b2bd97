"""No dictionary is written with a key twice: the second entry would silently take the place of the first."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
FILES = sorted([*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in folder.rglob("*.py"))])


def repeated(source: str) -> list[str]:
    """The keys that stand twice in one literal; what is computed anew each time is no such key."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            keys = [key for key in node.keys if key is not None and not any(map(_is_computed, ast.walk(key)))]
            counted = Counter(ast.unparse(key) for key in keys)
            found += [f"{node.lineno}: {key}" for key, times in counted.items() if times > 1]
    return found


def _is_computed(node: ast.AST) -> bool:
    return isinstance(node, ast.Call | ast.Await | ast.NamedExpr)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_dictionary_literal_repeats_a_key(path: Path) -> None:
    assert not repeated(path.read_text(encoding="utf-8"))


def test_a_repeated_key_is_found_however_it_is_written() -> None:
    assert repeated("x = {'a': 1, \"a\": 2}") == ["1: 'a'"]
    assert repeated("x = {E.a: 1, E.b: 2, E.a: 3}") == ["1: E.a"]
    assert repeated("x = {(E.a, 1): 1, (E.a, 1): 3}") == ["1: (E.a, 1)"]
    assert repeated("x = {**y, 'a': 1, next(z): 1, next(z): 2}") == []
