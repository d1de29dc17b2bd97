"""What the border's benchmarks keep, and the section of the page that is made of it."""

from pathlib import Path

import pytest

from benchmarks.border import PAGE, RESULTS, Figure, keep, known, section
from benchmarks.comparison.programs import ROOT

FAST = Figure("a look at a case", " ms", 1.0, 0.5)
SLOW = Figure("10000 lines", " s", 180.0, 200.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in (PAGE, RESULTS):
        (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / PAGE).write_text("# Performance\n\n## Goals\n\nnone\n\n## Method\n\nas it is\n", encoding="utf-8")
    return tmp_path


def test_a_benchmark_says_whether_it_reached_its_goals_and_leaves_the_rest_of_the_page_alone(root: Path) -> None:
    assert keep("service", "so", [FAST], root) == 0
    assert keep("batches", "otherwise", [SLOW], root) == 1
    page = (root / PAGE).read_text(encoding="utf-8")
    assert page.startswith("# Performance\n\n## Goals\n\nnone\n\n## The border\n\n")
    assert page.endswith("\n\n## Method\n\nas it is\n")
    assert "| a look at a case | at most 1 ms | 0.5 ms | reached |" in page
    assert "| 10000 lines | at most 180 s | 200 s | **missed by 11%** |" in page


def test_what_is_measured_again_takes_the_place_of_what_was(root: Path) -> None:
    keep("service", "so", [FAST._replace(measured=2.0)], root)
    keep("service", "so", [FAST], root)
    page = (root / PAGE).read_text(encoding="utf-8")
    assert page.count("## The border") == page.count("a look at a case") == 1
    assert "missed" not in page


def test_the_page_in_the_repository_has_the_section_of_what_was_kept() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert "\n".join(section(known())) in page


def test_where_nothing_was_measured_there_is_no_section() -> None:
    assert list(section({})) == []
