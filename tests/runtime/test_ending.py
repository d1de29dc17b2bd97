"""A program that has done all it should ends with 0, whatever threads of Temporal's core do meanwhile."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.worker_process import ROOT

LEFT_OUT = {".venv", "build", "clients"}


@cache
def modules() -> dict[str, Path]:
    """All our modules by their names."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in LEFT_OUT and not parts[0].startswith("."):
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


@cache
def imported(module: str) -> frozenset[str]:
    """Which of our modules a module imports, in functions and by their names as well."""
    return frozenset(_imported(module))


def _statements(among: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All statements, those within others as well; a tenth of what `ast.walk` looks at."""
    for each in among:
        yield each
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(each, part, ()))


def _imported(module: str) -> Iterator[str]:
    names_them = "import_module" in modules()[module].read_text(encoding="utf-8")
    tree = tree_of(module)
    for node in ast.walk(tree) if names_them else _statements(tree.body):
        match node:
            case ast.Import(names=names):
                named = [each.name for each in names]
            case ast.ImportFrom(module=str(source), names=names):
                named = [source, *(f"{source}.{each.name}" for each in names)]
            case ast.Constant(value=str(name)) if names_them:
                named = [name]
            case _:
                continue
        yield from (each for each in named if each in modules())


@cache
def speak_with_temporal() -> frozenset[str]:
    """Modules that come to a client of Temporal."""
    speak, before = frozenset({"runtime.client"}), frozenset[str]()
    while speak != before:
        before = speak
        speak |= {module for module in modules() if not speak.isdisjoint(imported(module))}
    return speak


def guarded(module: str) -> list[ast.stmt] | None:
    """What a module does as a program; None where it is none."""
    for node in tree_of(module).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
            return node.body
    return None


def test_a_program_that_speaks_with_temporal_ends_before_the_interpreter_can_fail() -> None:
    # Looked for here: every process of a run would read all files while it collects tests.
    programs = {name: body for name in sorted(speak_with_temporal()) if (body := guarded(name)) is not None}
    assert {"worker", "starter", "intake.__main__", "gate.__main__", "demo.surroundings.__main__"} <= programs.keys()
    others = [name for name, body in programs.items() if not ast.unparse(body[-1]).startswith("end(")]
    assert not others, "runtime.ending says why"


@pytest.mark.parametrize("status", [0, 1, 78])
def test_what_was_said_is_said_and_nothing_runs_afterwards(status: int) -> None:
    program = (
        "import atexit, sys\n"
        "from runtime.ending import end\n"
        "atexit.register(print, 'the interpreter has ended')\n"
        "print('said')\n"
        "sys.stderr.write('complained')\n"
        f"end({status})\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "said\n", "complained")
