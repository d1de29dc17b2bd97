"""The command that makes a key ring."""

from pathlib import Path

import pytest

from activities.sealing import KeyRing
from runtime.keys import fault_of, main


def test_a_new_key_ring_is_its_owners_alone_and_no_published_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    assert main(["new", str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert fault_of(path) is None
    assert not KeyRing.load(path).is_sample


def test_a_key_ring_that_is_there_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.toml"
    main(["new", str(path)])
    before = path.read_bytes()
    assert main(["new", str(path)]) == 65
    assert path.read_bytes() == before
    assert capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(tmp_path / "none" / "keys.toml")]) == 65
    assert "FileNotFoundError" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["new"], ["old", "keys.toml"]])
def test_a_wrong_command_line_shows_the_right_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    assert "runtime.keys new FILE" in capsys.readouterr().err
