"""The comparison from end to end, with few cases: who plays, what is counted, what is written."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import PAGE, RESULTS, main
from benchmarks.comparison.figures import Estimate, percentile
from benchmarks.comparison.roster import ALL, NAMES, why_not

PLAYING = ("cardcase", "lean", "naive", "floor")


# Alone it takes some twenty seconds; each of the four starts its programs twice.
@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which a comparison has written."""
    folder = tmp_path_factory.mktemp("comparison")
    few = ("--rounds", "1", "--cases", "4", "--in-flight", "4", "--singles", "1", "--counted", "4")
    assert main([*few, "--only", ",".join(PLAYING), "--into", str(folder), "--peers", str(folder / "none")]) == 0
    return folder


@pytest.fixture
def results(written: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((written / RESULTS).read_text(encoding="utf-8"))
    return found


@pytest.mark.servers
@pytest.mark.timeout(300)
class TestAComparison:
    def test_names_every_contestant_and_why_some_did_not_play(self, results: dict[str, dict[str, Any]]) -> None:
        assert set(results) == set(NAMES)
        assert {name for name, found in results.items() if "skipped" in found} == set(NAMES) - set(PLAYING)

    def test_measures_time_and_processor_of_everybody(self, results: dict[str, dict[str, Any]]) -> None:
        for name in PLAYING:
            found = results[name]
            assert found["per_s"] > 0
            assert found["cpu_ms"] > 0
            parts = sum(found[f"{part}_ms"] for part in ("client", "worker", "server", "postgres"))
            assert parts == pytest.approx(found["cpu_ms"], abs=0.01)
            assert 0 < found["open_p50_ms"] <= found["open_p95_ms"]
            assert 0 < found["done_p50_ms"] <= found["done_p95_ms"]

    def test_counts_what_a_case_asks_of_postgresql(self, results: dict[str, dict[str, Any]]) -> None:
        # Four transactions: begin, the audit row, what the step writes, commit, and four words of the pool's clean-up.
        for name in ("lean", "naive"):
            assert results[name]["statements"] == pytest.approx(34, abs=2)
            assert results[name]["round_trips"] == pytest.approx(22, abs=2)
            assert results[name]["wal_kb"] < 10
        ours = results["cardcase"]
        assert ours["statements"] > 10
        assert 0 < ours["round_trips"] <= ours["statements"] + 20
        assert results["lean"]["wal_kb"] < ours["wal_kb"] < 40
        assert results["floor"]["statements"] is None

    def test_counts_what_a_case_leaves_in_temporal(self, results: dict[str, dict[str, Any]]) -> None:
        # The start, two updates, and the markers of two stretches of local activities.
        assert results["floor"]["actions"] == pytest.approx(5, abs=0.5)
        assert results["lean"]["actions"] == pytest.approx(5, abs=0.5)
        # The start, two updates, four activities.
        assert results["naive"]["actions"] == pytest.approx(7, abs=0.5)
        assert results["cardcase"]["actions"] == pytest.approx(8, abs=0.5)
        assert results["cardcase"]["history_kb"] < 6.5
        assert results["naive"]["history_events"] > results["lean"]["history_events"]
        for name in PLAYING:
            assert results[name]["history_kb"] > 1
            assert (results[name]["payloads_sealed"] > 0) is (name == "cardcase")

    def test_writes_a_page_with_the_goals_beside_what_was_measured(self, written: Path) -> None:
        page = (written / PAGE).read_text(encoding="utf-8")
        (row,) = (line for line in page.splitlines() if line.startswith("| CPU of a case, against lean |"))
        assert "at most 1.30" in row
        assert "not measured" not in row
        assert "| cases a second, against DBOS | at least 1.25 | not measured | |" in page
        assert "`dbos`: **skipped**, it was not asked for" in page
        assert "| PostgreSQL's |" in page

    def test_says_what_sets_the_limits_and_its_parts_are_the_whole(
        self, written: Path, results: dict[str, dict[str, Any]]
    ) -> None:
        page = (written / PAGE).read_text(encoding="utf-8")
        limits = page.partition("## What sets the limits\n")[2].partition("\n## ")[0]
        assert "UpsertWorkflowSearchAttributes" in limits
        rows = [line for line in limits.splitlines() if line.startswith("| ") and "---" not in line]
        assert {"| cases |", "| transitions |"} <= {row[: row.index("|", 1) + 1] for row in rows}
        parts = sum(float(row.split("|")[-2]) for row in rows[1:])
        assert parts == pytest.approx(results["cardcase"]["wal_kb"] * 1000, rel=0.1)


def test_a_peer_that_is_not_installed_is_skipped_with_the_reason(tmp_path: Path) -> None:
    reasons = {each.name: why_not(each, tmp_path) for each in ALL}
    assert {name for name, reason in reasons.items() if reason is not None} == {"dbos", "restate"}
    assert "could not be installed" in str(reasons["dbos"])


def test_a_contestant_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "cardcase,somebody"])
    assert "somebody: choose among cardcase, lean" in capsys.readouterr().err


def test_a_median_lies_within_its_interval() -> None:
    estimate = Estimate.of([3.0, 1.0, 2.0, 9.0, 2.5])
    assert estimate.median == 2.5
    assert 1 <= estimate.low <= estimate.median <= estimate.high <= 9


@pytest.mark.parametrize(("percent", "expected"), [(50, 10.0), (95, 19.0), (100, 20.0)])
def test_a_percentile_is_a_value_that_occurred(percent: int, expected: float) -> None:
    assert percentile([float(each) for each in range(1, 21)], percent) == expected
