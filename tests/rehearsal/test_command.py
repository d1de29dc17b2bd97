"""`starter.py rehearse`: what it says, what it leaves, how it ends."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from activities.calendar import official_calendar
from intake.commands.app import main
from intake.commands.saying import Exit
from rehearsal import plot
from rehearsal.check import Fault, Finding, check
from rehearsal.figures import Figures, figures
from rehearsal.play import Played
from rehearsal.rehearse import Pack, Rehearsal
from rehearsal.season import Season
from tests.rehearsal.ledgers import REVIEWED, RULES, UNTIL, at, flawless
from tests.worker_process import environment_with

# It adds the command, which the layers below do not know.
import_module("starter")

ROOT = Path(__file__).parents[2]
ARGUMENTS = ("rehearse", "--from", "2026-06-01", "--to", "2026-09-30", "--policy", "northern")


@pytest.mark.servers
@pytest.mark.timeout(300)
async def test_a_season_of_twenty_persons_is_played_on_the_real_engine_and_nothing_is_found(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "starter.py", *ARGUMENTS, "--persons", "20", "--seed", "35", "-o", "json"),
        *("--out", str(tmp_path / "out")),
        cwd=ROOT,
        env=environment_with({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == Exit.fine, err.decode()
    (season,) = json.loads(out)
    assert season["findings"] == []
    assert (season["cases"], season["checked"]["cases"]) == (20, 20)
    # What is looked for was there to be found.
    assert season["checked"]["rungs"] >= 20
    assert season["checked"]["standstills"] >= 3
    assert season["decisions"]["asked"] >= 1
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"figures.json", "season.png", "season.svg"}


class TestWithoutServers:
    """The command around a season that was played already."""

    @pytest.fixture
    def rehearse(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> Callable[..., tuple[int, str]]:
        def call(*arguments: str, findings: tuple[dict[str, Any], ...] = ()) -> tuple[int, str]:
            async def play(self: Rehearsal, pack: Pack, peak: date, on_progress: Callable[[], None]) -> Figures:
                on_progress()
                season = self.season(pack.policy, peak)
                return replace(_figures(pack.policy.pin, season), findings=findings)

            monkeypatch.setattr(Rehearsal, "play", play)
            monkeypatch.setattr(plot, "draw", lambda *_: ())
            return main([*ARGUMENTS, "--out", str(tmp_path), *arguments]), capsys.readouterr().out

        return call

    def test_two_policies_stand_side_by_side(self, rehearse: Callable[..., tuple[int, str]]) -> None:
        exit_code, out = rehearse("--policy", "southern")
        assert exit_code == Exit.fine
        assert out.splitlines()[0].split() == ["figure", "northern/1", "southern/1"]

    def test_programs_get_every_figure(self, rehearse: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
        _, out = rehearse("-o", "json")
        assert json.loads(out) == json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))

    def test_whatever_the_checker_finds_is_said_and_ends_with_1(self, rehearse: Callable[..., tuple[int, str]]) -> None:
        finding = Finding("idc-" + "a" * 26, Fault.late, 3, at(7, 9), at(7, 10))._asdict()
        exit_code, out = rehearse(findings=(finding,))
        assert exit_code == Exit.refused
        assert Fault.late in out

    @pytest.mark.parametrize(
        ("arguments", "exit_code"),
        [
            (["--policy", "nowhere"], Exit.data),
            (["--to", "2026-05-31"], Exit.data),
            (["--to", "2090-01-01"], Exit.data),
            (["--from", "1990-06-01"], Exit.data),
            (["--to", "tomorrow"], Exit.usage),
            (["--persons", "0"], Exit.usage),
            (["--change", "2026-08-12=nowhere"], Exit.data),
            (["--change", "tomorrow=northern"], Exit.data),
        ],
    )
    def test_what_cannot_be_played_is_refused(
        self, rehearse: Callable[..., tuple[int, str]], arguments: list[str], exit_code: Exit
    ) -> None:
        assert rehearse(*arguments) == (exit_code, "")


def _figures(policy: str, season: Season) -> Figures:
    cases = [flawless(REVIEWED)]
    return figures(policy, season, cases, Played(), check(cases, RULES, UNTIL), 1.0)


def test_seasons_of_two_policies_have_the_same_people() -> None:
    rehearsal = Rehearsal(date(2026, 6, 1), date(2026, 9, 30), 50, seed=5)
    peak = date(2026, 8, 31)
    north, south = (rehearsal.season(Pack.named(name).policy, peak) for name in ("northern", "southern"))
    assert rehearsal.lives(north) == rehearsal.lives(south)
    assert north.calendar == official_calendar()
