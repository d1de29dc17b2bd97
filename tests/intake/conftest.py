"""Fixtures of the intake's tests."""

import os

import pytest

from tests.intake.calling import Run, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line, with no settings but those a test makes."""
    for name in os.environ:
        if name.startswith(("CARDCASE_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    return runner(capsys, monkeypatch)
