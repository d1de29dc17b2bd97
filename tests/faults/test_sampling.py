"""What a run of faults draws and reports, without servers."""

from tests.faults.report import BEGIN, END, Row, rows_of, written
from tests.faults.sampling import SPARED, draw
from tests.faults.scenarios import SCENARIOS

SECONDS = {scenario.name: scenario.seconds for scenario in SCENARIOS}


def test_a_sample_takes_no_longer_than_it_may_and_is_drawn_again_by_its_seed() -> None:
    for seed in range(50):
        drawn = draw(SECONDS, 1800, seed)
        assert drawn == draw(SECONDS, 1800, seed)
        assert drawn.seconds <= 1800 * (1 - SPARED)
        left_out = SECONDS.keys() - drawn.kept
        assert all(drawn.seconds + SECONDS[name] > 1800 * (1 - SPARED) for name in left_out)


def test_every_fault_is_drawn_by_some_seed() -> None:
    assert frozenset.union(*(draw(SECONDS, 1800, seed).kept for seed in range(50))) == SECONDS.keys()


def test_names_of_faults_are_said_once() -> None:
    assert len(SECONDS) == len(SCENARIOS)


def test_the_bound_follows_from_the_clean_runs_and_is_not_said_where_one_was_not() -> None:
    assert Row(runs=60, clean=60).bound == "5.0%"
    assert Row(runs=60, clean=59).bound == "1 of 60 went wrong"
    assert Row(runs=2, clean=2).bound == "says nothing yet"


def test_the_table_is_written_between_its_marks_and_nowhere_else() -> None:
    rows = rows_of([{"fault": "a", "findings": 0, "acknowledged": 300, "injected": 4}] * 3)
    page = written(f"before\n{BEGIN}\nold\n{END}\nafter", rows)
    assert page.startswith(f"before\n{BEGIN}\n")
    assert page.endswith(f"\n{END}\nafter")
    assert "old" not in page
    assert "| a | 3 | 12 | 900 |" in page
