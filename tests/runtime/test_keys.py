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


def test_payload_keys_are_added_then_used_then_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.toml"
    main(["new", str(path)])
    first = KeyRing.load(path)
    listed = []
    for deed in (["add", "p2"], ["use", "p2"], ["drop", "p1"]):
        assert main([deed[0], str(path), deed[1]]) == 0
        assert main(["list", str(path)]) == 0
        listed.append(capsys.readouterr().out.splitlines())
    assert listed == [["p1 seals", "p2 opens"], ["p1 opens", "p2 seals"], ["p2 seals"]]
    last = KeyRing.load(path)
    assert (last.token_key, last.seal_keys, last.current) == (first.token_key, first.seal_keys, first.current)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("arguments", [["add", "p1"], ["use", "p2"], ["drop", "p1"], ["drop", "p2"], ["add", "p 2"]])
def test_a_change_that_would_leave_a_ring_useless_changes_nothing(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.toml"
    main(["new", str(path)])
    before = path.read_bytes()
    assert main([arguments[0], str(path), arguments[1]]) == 65
    assert path.read_bytes() == before
    assert "nothing was changed" in capsys.readouterr().err


@pytest.mark.parametrize("deed", [["list"], ["add", "p2"]])
def test_a_ring_that_cannot_be_read_is_told_without_what_it_holds(
    deed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.toml"
    path.touch(mode=0o600)
    path.write_text("token_key = 'planted'")
    assert main([deed[0], str(path), *deed[1:]]) == 65
    said = capsys.readouterr()
    assert "planted" not in said.out + said.err
    assert said.err


@pytest.mark.parametrize("arguments", [[], ["new"], ["old", "keys.toml"], ["add", "keys.toml"], ["use"]])
def test_a_wrong_command_line_shows_the_right_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    assert "runtime.keys new FILE" in capsys.readouterr().err
