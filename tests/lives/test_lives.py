"""Lives beside the register: nothing is revived, nothing is paid twice, and nobody is left without a way on.

Each is drawn by its seed: persons with one number or two, with and without a card, who apply for both kinds of case;
and what happens to them, possible and not. After every step the register holds what the pure machine says, and no rule
of `rules.sql` is broken; at the end everybody does what they are asked for, every case ends, and nothing hangs
(`hanging.sql`).
"""

from typing import Final

import pytest

from cases.events import Event
from tests.lives.conftest import ONE_IN, PARTS
from tests.lives.lives import Lives, LivesThroughTemporal

A_SAMPLE: Final = range(100)
A_FEW: Final = range(6)
IN_ANY_SAMPLE: Final = (
    Event.report_loss,
    Event.confirm_loss,
    Event.person_found_ended,
    Event.recompute,
    Event.resolve_dispute,
    Event.resolve_duplicate,
    Event.commit,
    Event.switch_cards,
    Event.escalated,
    Event.question_delivered,
    Event.delivery_overdue,
    "paid",
    "invented",
    "calendar amended",
    "learnt of an end",
    "told again",
    "refused ANSWER_OUT_OF_DATE",
)
"""What a hundred lives have in them, whoever's."""


async def test_a_sample_of_lives_goes_right(lives: Lives) -> None:
    happened = await lives.all_lived(A_SAMPLE)
    assert [what for what in IN_ANY_SAMPLE if not happened[what]] == []


async def test_a_few_lives_go_right_through_temporal(lives_through_temporal: LivesThroughTemporal) -> None:
    happened = await lives_through_temporal.all_lived(A_FEW)
    assert happened["registered"] >= len(A_FEW)


@pytest.mark.lives
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
async def test_lives_go_right(lives: Lives, part: int, first_seed: int, lives_asked: int) -> None:
    seeds = range(first_seed + part, first_seed + lives_asked, PARTS)
    happened = await lives.all_lived(seeds)
    assert happened["registered"] >= len(seeds)
    assert len(seeds) < len(A_SAMPLE) or [what for what in IN_ANY_SAMPLE if not happened[what]] == []


@pytest.mark.lives
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
async def test_lives_go_right_through_temporal(
    lives_through_temporal: LivesThroughTemporal, part: int, first_seed: int, lives_asked: int
) -> None:
    seeds = range(first_seed + part, first_seed + lives_asked // ONE_IN, PARTS)
    happened = await lives_through_temporal.all_lived(seeds)
    assert happened["registered"] >= len(seeds)
