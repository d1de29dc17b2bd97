"""The programs of a cluster of services: which they are, and what is said where they cannot be had."""

import re
import subprocess
from pathlib import Path

import pytest

from stack.cluster import ProgramsAbsent, built
from stack.cluster.programs import MODULE
from stack.temporal import command_line
from tests.worker_process import ROOT

PINNED = re.compile(r"^\tgo\.temporal\.io/server v(\S+)", re.MULTILINE)


def pinned() -> str:
    found = PINNED.search((MODULE / "go.mod").read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def test_the_services_are_of_the_version_that_the_dev_server_runs() -> None:
    said = subprocess.run([command_line(), "--version"], capture_output=True, text=True, check=True).stdout
    assert f"Server {pinned()}," in said


def test_the_services_are_of_the_version_that_the_compose_file_runs() -> None:
    compose = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{TEMPORAL_TAG:-([^}]*)\}", compose)) == {pinned()}


async def test_where_there_is_no_go_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramsAbsent, match="no Go here"):
        await built(tmp_path)


async def test_where_the_module_cannot_be_had_it_is_said_what_was_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'no such module'\nexit 1\n", encoding="ascii")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ProgramsAbsent, match="cannot be had: no such module"):
        await built(tmp_path)
