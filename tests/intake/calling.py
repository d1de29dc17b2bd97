"""The command line called from tests, in this process."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from activities.sealing import KeyRing
from intake.commands.app import main


@dataclass
class Said:
    """What a call of the command line ended with."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Said]


def sample_keys(folder: Path) -> Path:
    """A key file with the published sample keys."""
    path = folder / "keys.toml"
    path.write_text(KeyRing.sample()._as_toml(), encoding="ascii")
    path.chmod(0o600)
    return path


def take_settings_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a command no settings but those a test makes; those of the tests themselves it would refuse."""
    for name in list(os.environ):
        if name.startswith(("CARDCASE_", "TEMPORAL_")):
            monkeypatch.delenv(name)


def runner(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls `main`; for the length of a call standard input is what the call says."""

    def call(*arguments: str | Path, stdin: bytes = b"") -> Said:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        exit_code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(exit_code, said.out, said.err)

    return call
