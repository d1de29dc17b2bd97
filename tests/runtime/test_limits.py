"""How often one caller may ask: buckets that fill with time, and are forgotten where nobody asks any more."""

import pytest

from runtime.limits import Limits


def test_a_token_bucket_fills_again_with_time() -> None:
    now = [0.0]
    limits = Limits(2, 3, lambda: now[0])
    assert [limits.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 0.5
    assert [limits.take("a"), limits.take("a")] == [0, 0.5]
    assert limits.take("b") == 0


def test_many_are_counted_together_or_not_at_all() -> None:
    now = [0.0]
    limits = Limits(2, 10, lambda: now[0])
    assert (limits.take("a", 8), limits.take("a", 6), limits.wait("a", 6)) == (0, 2, 2)
    assert (limits.wait("a", 2), limits.take("a", 2), limits.take("a", 100)) == (0, 0, 5)
    now[0] = 5.0
    assert (limits.take("a", 100), limits.take("a")) == (0, 0.5)


def test_callers_that_were_not_seen_for_long_are_forgotten_first() -> None:
    limits = Limits(1, 1, lambda: 0.0, most=2)
    for caller in ("a", "b", "c"):
        limits.take(caller)
    assert [limits.take("a"), limits.take("c")] == [0, 1]


@pytest.mark.parametrize("processes", [2, 3, 7, 500])
def test_several_processes_allow_no_more_than_one(processes: int) -> None:
    """Two of them allowed twice as much to whoever asked both."""
    shares = [Limits.of_one(processes, 10.0, 100) for _ in range(processes)]
    allowed = sum(not share.take("a") for share in shares for _ in range(100))
    assert allowed <= max(100, processes)
    assert allowed > 100 - processes
