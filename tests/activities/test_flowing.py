"""How much of a campaign is under way: no more a second than was allowed, less where the engine is silent or slow."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from activities.campaign.flowing import Flow
from cases.campaigns import LEAST_IN_FLIGHT, MOST_IN_FLIGHT, Pace

FAST = Pace(per_second=1000)


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time is that of what it waits for: nobody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        selecting = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None = None) -> object:
            self._now += timeout or 0.0
            return selecting(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now


def timed(going_on: Callable[[], Awaitable[None]]) -> float:
    """Seconds that it takes by a clock that goes as fast as it can."""
    loop = Clock()
    try:
        loop.run_until_complete(going_on())
        return loop.time()
    finally:
        loop.close()


def through(flow: Flow, count: int, *, seconds: float = 0.1, answered: bool = True) -> tuple[float, int]:
    """How long so much work takes, and how much of it was under way at most."""
    under_way = most = 0

    async def work() -> bool:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(seconds)
        under_way -= 1
        return answered

    def all_of_it() -> Iterator[Callable[[], Awaitable[bool]]]:
        yield from [work] * count

    return timed(lambda: flow.through(all_of_it(), lambda: None)), most


@pytest.mark.parametrize(("per_second", "count"), [(0.1, 3), (5, 20), (100, 250)])
def test_no_more_is_begun_a_second_than_was_allowed(per_second: float, count: int) -> None:
    seconds, _ = through(Flow(Pace(per_second=per_second)), count, seconds=0.01)
    # The last one has its share as well, so that what comes next begins no sooner.
    assert seconds == pytest.approx(count / per_second, rel=0.02)


def test_what_was_not_begun_in_time_is_not_made_up_for() -> None:
    flow = Flow(Pace(per_second=10, in_flight=8))
    # Each takes so long that eight at a time are less than ten a second.
    through(flow, 8, seconds=4.0)
    seconds, _ = through(flow, 20)
    assert seconds >= 2.0


def test_it_grows_while_the_engine_answers_at_once_and_no_further_than_it_may() -> None:
    flow = Flow(FAST)
    _, most = through(flow, 2000)
    assert flow.in_flight == MOST_IN_FLIGHT
    assert most == MOST_IN_FLIGHT


def test_silence_halves_it_down_to_the_least() -> None:
    flow = Flow(FAST.model_copy(update={"in_flight": MOST_IN_FLIGHT}))
    _, most = through(flow, 200, answered=False)
    assert flow.in_flight == LEAST_IN_FLIGHT
    assert most == MOST_IN_FLIGHT


def test_an_engine_that_becomes_slow_has_less_under_way() -> None:
    flow = Flow(FAST.model_copy(update={"in_flight": MOST_IN_FLIGHT}))
    through(flow, 1)
    through(flow, 3000, seconds=1.0)
    assert flow.in_flight == LEAST_IN_FLIGHT


def test_it_beats_while_nothing_is_answered() -> None:
    beats = 0

    def beat() -> None:
        nonlocal beats
        beats += 1

    async def silent() -> bool:
        await asyncio.sleep(60)
        return True

    timed(lambda: Flow(FAST).through(iter([silent]), beat))
    assert beats >= 12


def test_what_fails_ends_what_is_under_way() -> None:
    cancelled = 0

    async def waits() -> bool:
        nonlocal cancelled
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled += 1
            raise
        return True

    async def fails() -> bool:
        await asyncio.sleep(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        timed(lambda: Flow(FAST).through(iter([waits, waits, fails]), lambda: None))
    assert cancelled == 2
