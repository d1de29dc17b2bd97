"""Images that a tag names may be others tomorrow: production names them by their digests."""

from pathlib import Path

import pytest

from deploy.pinned import main

DIGEST = "@sha256:" + "0" * 64
TAGS = ("POSTGRES_TAG", "PYTHON_TAG", "TEMPORAL_TAG", "TEMPORAL_TOOLS_TAG", "TEMPORAL_UI_TAG")


def written(folder: Path, profile: str, *pinned: str) -> str:
    file = folder / "environment"
    lines = [f"CARDCASE_PROFILE={profile}", "# POSTGRES_TAG=a comment", *(f"{name}=1.2{DIGEST}" for name in pinned)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def test_every_image_of_the_compose_file_is_asked_for_by_its_tag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([written(tmp_path, "production")]) == 78
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == list(TAGS)
    assert said[0].endswith("inspect postgres:18.6-bookworm --format '{{.Manifest.Digest}}'")


@pytest.mark.parametrize("missing", TAGS)
def test_production_is_refused_for_one_that_is_missing(
    tmp_path: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned = [name for name in TAGS if name != missing]
    assert main([written(tmp_path, "production", *pinned)]) == 78
    assert capsys.readouterr().out.startswith(missing)
    assert main([written(tmp_path, "production", *TAGS)]) == 0


def test_this_machine_is_told_and_not_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([written(tmp_path, "local")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(TAGS)
    assert main([str(tmp_path / "absent")]) == 78


@pytest.mark.parametrize("tag", ["18.6@sha256:123", f"{DIGEST[1:]}", "18.6@sha512:" + "0" * 64])
def test_what_looks_like_a_digest_is_none(tmp_path: Path, tag: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "production", *TAGS[1:])
    with Path(file).open("a", encoding="utf-8") as environment:
        environment.write(f"\nPOSTGRES_TAG={tag}")
    assert main([file]) == 78
    assert capsys.readouterr().out.startswith("POSTGRES_TAG")
