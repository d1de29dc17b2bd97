"""Random lives of cases on the real engine, beside the pure machine that is told the same.

After every event both say the same: the answer or the code of the refusal, the state that the register holds, and the
whole view. The pure machine is told what the register found when the case was screened, and at which moments the case
moved; all else it works out.
"""

import asyncio
import os
from collections.abc import Coroutine, Iterable, Sequence
from datetime import date, datetime
from random import SystemRandom
from typing import Any, ClassVar, Final, TypeVar

import hypothesis
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from temporalio.client import WorkflowUpdateFailedError

from activities.calendar import official_calendar
from activities.registry.loading import HeldCard
from activities.registry.stored import Stored
from activities.sealing import Field
from cases.answers import Answer, CaseView, Receipt
from cases.decide import decide, initial_state
from cases.documents import Document
from cases.errors import CaseError, Code
from cases.events import Event, Origin
from cases.facts import Fact
from cases.machines.machine import Status
from cases.models import Record
from cases.openings import NumberChangeOpening, Opening, ReplacementOpening, ReplacementReason
from cases.state import CaseState
from cases.views import outcome_of, possible_events, receipt_of, view_of
from intake.client import CaseClient
from tests.cases.test_walks import ORDINARY, Facts
from tests.engine import Engine, Person, new_number, quiet_policies
from tests.scenes import NOW, OFFICE, SOUTH
from tests.workflows.dossier import MOMENT, PATIENCE, code_of
from tests.workflows.roads import HELD_BENEFITS, HELD_FOR_CARD
from workflows.card_replacement import CardReplacement
from workflows.id_number_change import IdNumberChange

OWN_STEPS: Final = {
    Status.screening: Event.screened,
    Status.verified: Event.apply,
    Status.applying: Event.commit,
    Status.updated: Event.unblock,
    Status.releasing: Event.release,
    Status.checking: Event.checked,
    Status.ordered: Event.order_card,
    Status.active: Event.switch_cards,
    Status.closing_old: Event.close_old,
}
"""What the engine does by itself in a status, as the stories of `workflows` tell it."""

LEADS_ON: Final = {
    Status.awaiting_documents: Event.add_documents,
    Status.in_review: Event.verify_documents,
    Status.awaiting_approval: Event.approve,
    Status.on_hold: Event.resume,
    Status.disputed: Event.resolve_dispute,
    Status.applying: Event.confirm_downstream,
    Status.repair: Event.repair,
    Status.temporarily_blocked: Event.confirm_loss,
    Status.in_production: Event.card_produced,
    Status.ready: Event.card_handed_over,
    Status.handed_over: Event.card_activated,
}
"""What takes a case that waits for somebody nearer to its end."""

PAPERS: Final = {"all": ORDINARY, "the ID card": ORDINARY[:1], "none": ()}
DIED: Final = {"died_on": date(2020, 1, 2)}

Found = TypeVar("Found")


def apart(engine: Record, pure: Record, *, but: str = "") -> dict[str, tuple[Any, Any]]:
    """What two records say differently: the engine's word, then that of the pure machine.

    Answers to what is over are the register's own list, and no part of the state.
    """
    said, expected = dict(engine), dict(pure)
    theirs = {but, "late_answers"}
    return {name: (said[name], expected[name]) for name in said if name not in theirs and said[name] != expected[name]}


HELD: Final = """
    SELECT opening, screening, state, ARRAY(
        SELECT at FROM transitions WHERE case_id = $1 AND version > 0 ORDER BY version
    ) AS ats
    FROM cases JOIN case_files USING (case_id, generation) WHERE case_id = $1
"""


def stands(state: CaseState) -> Answer:
    """The answer to a fact that led to a state."""
    return Answer(
        case_id=state.case_id,
        status=state.status,
        milestone=state.milestone,
        version=state.version,
        remains=state.remains,
    )


class SealedFacts(Facts):
    """Facts whose card numbers the register can open."""

    def __init__(self, walk: "Walk", *, fitting: bool) -> None:
        super().__init__(walk.state, walk.ats[walk.state.version - 1], walk.pick, fitting=fitting)
        self._sealer, self._person = walk.engine.sealer, walk.person.personal_number

    def card(self, order: str) -> tuple[str, str]:
        number = f"N{self._person}{order[-6:]}".upper()
        sealed = self._sealer.seal(number, field=Field.card_number, person=self.state.opening.person)
        return sealed, self._sealer.number_token(number)


class Walk(RuleBasedStateMachine):
    """One case after the other; `state` is the pure machine's."""

    engine: ClassVar[Engine]
    loop: ClassVar[asyncio.AbstractEventLoop]
    updates_of: ClassVar[type]

    person: Person
    state: CaseState
    """What the pure machine says."""
    held: CaseState
    """What the register held when it was last asked."""
    ats: list[datetime]
    """When its transitions were made by then."""
    receipt: Receipt
    """The pure machine's answer to the application."""

    # --- what happens -----------------------------------------------------------------------------------------------

    @initialize(data=st.data())
    def a_case_is_opened(self, data: st.DataObject) -> None:
        self.data = data
        self.on_loop(self.open())

    @precondition(lambda self: not self.state.is_open)
    @rule()
    def another_case_is_opened(self) -> None:
        self.on_loop(self.open())

    @precondition(lambda self: self.state.status in LEADS_ON)
    @rule()
    def the_case_is_told_what_leads_on(self) -> None:
        self.draw_and_tell((LEADS_ON[self.state.status],), fitting=True)

    @precondition(lambda self: self.state.is_open)
    @rule(fitting=st.booleans())
    def the_case_is_told_what_is_possible(self, *, fitting: bool) -> None:
        machine, here, possible = self.state.machine, self.state.status, possible_events(self.state, NOW)
        # An ending is one step away nearly everywhere: the others are taken more often, so that walks get far.
        others = [event for event in possible if any(machine.is_open(row.to) for row in machine.rows(here, event))]
        self.draw_and_tell((*others, *others, *others, *possible), fitting=fitting)

    @precondition(lambda self: self.state.is_open)
    @rule()
    def the_case_is_told_anything(self) -> None:
        self.draw_and_tell((event for event in Event if hasattr(self.updates_of, event.value)), fitting=True)

    @precondition(lambda self: self.state.is_open and self.state.upcoming is not None)
    @rule()
    def the_time_limit_ends(self) -> None:
        self.on_loop(self.let_time_run_out())

    # --- both machines ----------------------------------------------------------------------------------------------

    async def open(self) -> None:
        opening = await self.application(*PAPERS[self.pick(tuple(PAPERS))], region=self.pick((OFFICE, SOUTH)))
        self.state = self.held = initial_state(opening)
        self.ats = []
        receipt = await self.engine.open(opening)
        await self.moves_by_itself()
        assert apart(receipt, self.receipt) == {}
        await self.agree()

    async def tell(self, event: Event, fact: Fact) -> None:
        moves, expected = self.judged(event, fact)
        note(f"{self.state.status} {event}: {expected or 'possible'}")
        answer = await self.answer_of(event, fact)
        if event is Event.report_loss and not self.state.card_in_use and moves:
            # Whether a card is in use is the register's to know.
            moves, expected = False, Code.NO_CARD_IN_USE
        if moves:
            await self.moves(event, fact)
        if expected is None:
            assert isinstance(answer, Answer), f"refused: {answer}"
            assert apart(answer, stands(self.state)) == {}
        else:
            assert answer is expected
        if moves:
            await self.moves_by_itself()
        await self.agree(expected)

    async def let_time_run_out(self) -> None:
        upcoming, handle = self.state.upcoming, self.engine.handle(self.state.case_id)
        assert upcoming is not None
        note(f"{self.state.status} {upcoming.event}")
        await self.engine.skipper.fast_forward(handle, upcoming.at - self.ats[self.state.version - 1] + MOMENT)
        await self.moves(upcoming.event)
        await self.moves_by_itself()
        await self.agree()

    async def answer_of(self, event: Event, fact: Fact) -> Answer | Code:
        """What the engine answers."""
        try:
            return await self.engine.tell(self.state.case_id, event, fact)
        except WorkflowUpdateFailedError as refused:
            return code_of(refused)

    def judged(self, event: Event, fact: Fact) -> tuple[bool, Code | None]:
        """Whether the pure machine moves, and the code by which its teller is refused.

        Both where what was told is kept on record and counts for nothing.
        """
        at = self.ats[self.state.version - 1]
        try:
            # The policy refuses what would make a limit too long.
            self.after(event, fact, at)
        except CaseError as refused:
            return False, refused.code
        return True, decide(self.state, event, fact, at).row.refused

    def after(self, event: Event, fact: Fact | None, at: datetime) -> CaseState:
        """What the pure machine makes of an event, its clocks and limits included."""
        policy = quiet_policies().pinned(self.state.terms.policy)
        return policy.settle(decide(self.state, event, fact, at), at, official_calendar(policy.calendar))

    async def moves_by_itself(self) -> None:
        """The engine's own steps, one after the other."""
        while self.state.is_open and (event := OWN_STEPS.get(self.state.status)) is not None:
            waits_for_others = self.state.status is Status.applying and self.state.committed
            waits_for_pension_run = self.state.status is Status.closing_old and self.state.timer is not None
            if waits_for_others or waits_for_pension_run:
                return
            if event in {Event.screened, Event.checked}:
                await self.learns_what_was_found()
            await self.moves(event)

    async def moves(self, event: Event, fact: Fact | None = None) -> None:
        version = self.state.version + 1
        await self.on_register(version)
        self.state = self.after(event, fact, self.ats[version - 1])
        if version == 1:
            self.receipt = receipt_of(self.state)

    async def learns_what_was_found(self) -> None:
        found = (await self.on_register(self.state.version + 1)).screening
        assert found is not None
        known: dict[str, Any] = {"screening": found, "related": found.related, "card_in_use": found.card_in_use}
        if self.state.version == 0:
            known |= {"benefits_held": found.benefits_held, "card_blocked": found.card_blocked}
        self.state = self.state.model_copy(update=known)

    async def on_register(self, version: int) -> CaseState:
        """What the register holds of the case once it has come to a version."""
        if self.held.version < version:
            await self.ask_register()
        if self.held.version < version:
            await self.shown(version)
            await self.ask_register()
        return self.held

    async def ask_register(self) -> None:
        row = await self.engine.pool.fetchrow(HELD, self.state.case_id)
        assert row is not None
        self.held = Stored(row["opening"], row["screening"], row["state"]).whole
        self.ats = row["ats"]

    async def shown(self, version: int) -> CaseView:
        """What the real case shows once it has come to a version."""
        client = CaseClient(self.engine.client, self.engine.sealer)
        return await client.wait_for(self.state.case_id, lambda view: view.version >= version)

    async def agree(self, refused: Code | None = None) -> None:
        """The register holds what the pure machine says, and the case shows it."""
        assert apart(self.held, self.state) == {}
        view = await self.engine.view(self.state.case_id)
        if view.version < self.state.version:
            view = await self.shown(self.state.version)
        # What was refused before is shown for as long as a worker remembers it.
        assert apart(view, view_of(self.state, NOW, refused), but="" if refused else "last_refusal") == {}
        if not self.state.is_open:
            outcome = await self.engine.handle(self.state.case_id).result()
            assert apart(outcome, outcome_of(self.state)) == {}

    # --- what is drawn ----------------------------------------------------------------------------------------------

    async def application(self, *papers: Document, region: str) -> Opening:
        """An application of a new person."""
        raise NotImplementedError

    def draw_and_tell(self, events: Iterable[Event], *, fitting: bool) -> None:
        event = self.pick([event for event in events if event.origin is Origin.outside])
        fact = SealedFacts(self, fitting=fitting).of(event)
        assert fact is not None
        self.on_loop(self.tell(event, fact))

    def pick(self, options: Sequence[Any]) -> Any:
        return self.data.draw(st.sampled_from(options))

    def on_loop(self, coroutine: Coroutine[None, None, Found]) -> Found:
        """Hypothesis calls; the engine lives on a loop, which runs meanwhile."""
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, PATIENCE.total_seconds()))


class NumberChangeWalk(Walk):
    updates_of = IdNumberChange

    async def application(self, *papers: Document, region: str) -> NumberChangeOpening:
        who: dict[str, Any] = {"benefit_holds": HELD_BENEFITS if self.pick((False, True)) else ()}
        match self.pick(("derived", "derived", "derived", "reissued", "reissued", "taken", "same", "died")):
            case "reissued":
                who |= {"new": new_number()}
            case "taken":
                who |= {"new": (await self.engine.insured(number=new_number())).old}
            case "same":
                who |= {"number": new_number()}
            case "died":
                who |= DIED
            case _:
                pass
        self.person = await self.engine.insured(region=region, **who)
        return self.engine.number_change(self.person, *papers, region=region)


class ReplacementWalk(Walk):
    updates_of = CardReplacement

    async def application(self, *papers: Document, region: str) -> ReplacementOpening:
        who: dict[str, Any] = {
            "number": new_number(),
            "draws_pension": self.pick((False, True)),
            "benefit_holds": HELD_FOR_CARD if self.pick((False, True)) else (),
        }
        shows = who["number"]
        match self.pick(("entitled", "entitled", "entitled", "entitled", "differs", "coming", "died")):
            case "differs":
                shows = new_number()
            case "coming":
                who |= {"cards": (HeldCard(card_number=new_number(), code="A"),)}
            case "died":
                who |= DIED
            case _:
                pass
        reason = self.pick((ReplacementReason.lost, *ReplacementReason))
        self.person = await self.engine.insured(region=region, **who)
        return self.engine.replacement(self.person, reason, *papers, region=region, shows=shows)


SETTINGS: Final = settings(
    max_examples=6,
    stateful_step_count=16,
    deadline=None,
    database=None,
    # The people of a walk are new each time, so a walk that failed is not kept: its seed walks it again. To look for a
    # shorter one would take minutes.
    phases=(Phase.generate,),
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest_asyncio.fixture(loop_scope="session")
async def loop() -> asyncio.AbstractEventLoop:
    """The loop on which the engine lives."""
    return asyncio.get_running_loop()


@pytest.mark.parametrize("walk", [NumberChangeWalk, ReplacementWalk])
def test_a_case_on_the_engine_and_the_pure_machine_say_the_same_whatever_they_are_told(
    walk: type[Walk], engine: Engine, loop: asyncio.AbstractEventLoop, pytestconfig: pytest.Config
) -> None:
    seed = int(
        pytestconfig.getoption("--hypothesis-seed") or (1 if "CI" in os.environ else SystemRandom().getrandbits(32))
    )
    on_engine = hypothesis.seed(seed)(type(walk.__name__, (walk,), {"engine": engine, "loop": loop}))
    try:
        run_state_machine_as_test(on_engine, settings=SETTINGS)
    except BaseException as failed:
        failed.add_note(f"walk the same walks again with --hypothesis-seed={seed}")
        raise
