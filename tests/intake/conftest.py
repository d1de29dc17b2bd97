"""Fixtures of the intake's tests."""

import os
from pathlib import Path

import pytest

from tests.intake.calling import Run, runner
from tests.intake.identity import log_in
from tests.scenes import VERIFIER


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command line, with no settings but those a test makes; a clerk is logged in, and no gate is there."""
    for name in os.environ:
        if name.startswith(("CARDCASE_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CARDCASE_TOKEN_FILE", str(log_in(tmp_path, VERIFIER)))
    monkeypatch.setenv("CARDCASE_GATE_URL", "http://127.0.0.1:1")
    return runner(capsys, monkeypatch)
