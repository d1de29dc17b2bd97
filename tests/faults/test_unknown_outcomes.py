"""A connection that is cut at a commit: nobody knows what became of it, so it is read back and done once.

`make test` loses the answer to every step of an ID-number change, and some more; `make faults` does the rest.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType

from activities.calendar import official_calendar
from activities.registry import Registry
from activities.registry.pool import create_pool
from cases.events import Event
from cases.machines.machine import Status
from cases.steps import Neighbour, RegisterRequest, StepRequest
from tests.engine import Engine, new_number, quiet_policies
from tests.faults.ledger import Ledger, ledger_of
from tests.faults.proxy import Cut, CuttingProxy, cutting_proxy
from tests.faults.sagas import STEPS, Saga, apply_for, tell_all
from tests.stamping import STAMPS, stamped_opening
from tests.workflows.dossier import Dossier
from tests.workflows.roads import REISSUED, change
from workflows.case import Case

OFTEN: Final = {
    ("registered.0", Cut.not_arrived),
    ("commit.4", Cut.not_arrived),
    ("release.9", Cut.not_arrived),
    ("order_card.5", Cut.answer_lost),
    ("switch_cards.10", Cut.answer_lost),
}
"""What `make test` cuts beyond the answers to an ID-number change."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cut_off(shaken: Engine) -> AsyncIterator[tuple[Engine, CuttingProxy]]:
    """An engine whose worker reaches the register through the proxy; the test itself looks past it."""
    async with cutting_proxy(shaken.database_url) as (proxy, url):
        pool = await create_pool(url, size=3)
        registry = Registry(pool, shaken.sealer, STAMPS, quiet_policies(), official_calendar)
        engine = replace(shaken, registry=registry, task_queue="cut-off")
        async with engine.working():
            yield engine, proxy
        await pool.close()


def parameters() -> list[Any]:
    every = [(saga, step, cut) for saga in Saga for step in STEPS[saga] for cut in Cut]
    return [
        pytest.param(
            *which,
            id="-".join(which),
            marks=()
            if which[:1] + which[2:] == (Saga.number_change, Cut.answer_lost) or which[1:] in OFTEN
            else pytest.mark.faults,
        )
        for which in every
    ]


@pytest.mark.parametrize(("saga", "step", "cut"), parameters())
async def test_a_step_of_unknown_outcome_is_read_back_and_made_once(
    saga: Saga, step: str, cut: Cut, cut_off: tuple[Engine, CuttingProxy], lives: dict[Saga, dict[int, Ledger]]
) -> None:
    engine, proxy = cut_off
    person, opening = await apply_for(engine, saga)
    proxy.arm(STEPS[saga].index(step), cut)
    case = await Dossier.open(engine, person, opening)
    await tell_all(case, saga)
    outcome = await case.ends()
    assert proxy.cuts == 1
    assert outcome.status is Status.done
    assert await ledger_of(engine.pool, case.case_id) == lives[saga][max(lives[saga])]
    kinds = {event.event_type for event in (await engine.handle(case.case_id).fetch_history()).events}
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED not in kinds, "two quick attempts are enough for a cut"


async def test_a_neighbour_is_told_of_a_dispute_although_the_answer_to_the_step_that_opened_it_was_lost(
    cut_off: tuple[Engine, CuttingProxy],
) -> None:
    engine, proxy = cut_off
    wanted = new_number()
    first = await change(engine, *REISSUED, new=wanted)
    await first.rests_in(Status.in_review)
    proxy.arm(STEPS[Saga.number_change].index("screened.1"), Cut.answer_lost)
    second = await change(engine, *REISSUED, new=wanted)
    assert proxy.cuts == 1
    assert (await second.rests_in(Status.disputed)).related == first.case_id
    assert (await first.rests_in(Status.disputed)).related == second.case_id


async def test_whom_a_dead_worker_had_to_tell_is_named_to_the_next_one_until_they_have_moved(
    cut_off: tuple[Engine, CuttingProxy],
) -> None:
    engine, _ = cut_off
    wanted = new_number()
    first = await change(engine, *REISSUED, new=wanted)
    person = await engine.insured(new=wanted)
    at = datetime.now(UTC)
    opening = stamped_opening(engine.number_change(person, *REISSUED))
    request = RegisterRequest(opening=opening, at=at, arrived=at, onward=False)
    registered = (await engine.registry.register(request)).standing
    assert registered is not None
    state = registered.state_of(opening)
    told = Neighbour(case_id=first.case_id, event=Event.dispute_opened, because_of=state.case_id)
    screened = await engine.registry.advance(StepRequest.of(state, Event.screened, None, at=at))
    assert screened.neighbours == (told,)
    for _ in range(2):
        again = await engine.registry.register(request)
        assert again.standing is not None
        assert (again.standing.state_of(opening).status, again.neighbours) == (Status.disputed, (told,))
    await engine.handle(first.case_id).signal(Case.neighbour_moved, told)
    await first.rests_in(Status.disputed)
    again = await engine.registry.register(request)
    assert again.standing is not None
    assert again.neighbours == ()
