"""What the documents point to exists: files, headings, targets of make, modules, codes."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cases.errors import Advice, Code
from intake.remedies import FileAdvice
from runtime.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_PATH = re.compile(r"\w[\w.-]*(?:/[\w.*-]+)*/?")
_ENDINGS = (".py", ".sql", ".toml", ".yaml", ".md", ".mk", ".txt", ".csv", ".xlsx", ".jsonl", "/")
_UPPER = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def _anchors(document: Path) -> set[str]:
    headings = _HEADING.findall(_FENCED.sub("", document.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _commands(text: str) -> str:
    """What a reader would type or look up: code spans and code blocks."""
    indented = re.findall("^    .*", text, re.MULTILINE)
    return "\n".join([*_FENCED.findall(text), *_CODE.findall(_FENCED.sub("", text)), *indented])


@documents
def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(document.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@documents
def test_named_files_exist(document: Path) -> None:
    for span in _CODE.findall(_FENCED.sub("", document.read_text(encoding="utf-8"))):
        if _PATH.fullmatch(span) and span.endswith(_ENDINGS) and ("/" in span or span.endswith(".py")):
            places = (
                ROOT,
                document.parent,
                *(ROOT / name for name in ("cases", "workflows", "activities/registry", "runtime")),
            )
            assert any(any(place.glob(span.rstrip("/"))) for place in places), span


@documents
def test_commands_exist(document: Path) -> None:
    text = _commands(document.read_text(encoding="utf-8"))
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    for module in re.findall(r"\bpython -m ([\w.]+)", text):
        assert importlib.util.find_spec(module) is not None, module
    for program in re.findall(r"\bpython (\w+\.py)", text):
        assert (ROOT / program).is_file(), program


def test_commands_of_the_command_line_exist() -> None:
    text = "\n".join(_commands(document.read_text(encoding="utf-8")) for document in DOCUMENTS)
    named = set(re.findall(r"(?:starter\.py|\$ starter|starter|\$ as [a-z]+) ([a-z]+(?:-[a-z]+)*)\b", text))
    usage = subprocess.run(
        [sys.executable, "starter.py", "--lang", "en", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    commands = set(re.findall(r"^  ([a-z]+(?:-[a-z]+)*) {2,}\S", usage.stdout.partition("Commands:")[2], re.MULTILINE))
    assert {"open", "history", "repair"} <= named
    assert named <= commands


@documents
def test_codes_and_settings_exist(document: Path) -> None:
    settings = {f"CARDCASE_{name.upper()}" for name in Settings.model_fields} | {"CARDCASE_DATA_DIR"}
    sample = (ROOT / "deploy" / "env.sample").read_text(encoding="utf-8")
    known = {*Code, *Advice, *FileAdvice, *settings, *re.findall(r"^(\w+)=", sample, re.MULTILINE), "TEMPORAL_ADDRESS"}
    for span in _CODE.findall(document.read_text(encoding="utf-8")):
        assert not _UPPER.fullmatch(span) or span in known, span
