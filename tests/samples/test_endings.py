"""Every sample row walked through the pure machine: its script leads to the ending that the sample promises.

The register's answers are worked out here from the base extract and the rows, so that the samples themselves are held
to what they claim: who is unknown, whose number is taken, whose documents are missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from random import Random

import pytest

from cases.answers import CaseView, Transition
from cases.clocks import WorkingCalendar
from cases.decide import Decision, decide, initial_state
from cases.documents import Document
from cases.errors import CaseError, Code
from cases.events import FACTS, Event
from cases.facts import DisputeOutcome, Fact, ResolveDispute
from cases.kinds import MACHINES
from cases.machines.machine import Effect, Status
from cases.models import Actor, Role
from cases.names import Kind, content_token, number_token, person_token
from cases.numbers import Road, classify, normalise
from cases.openings import ApplicationChannel, NumberChangeOpening, ReplacementOpening
from cases.policy import Policies, Policy
from cases.screening import Finding, Screening
from cases.state import CaseState
from cases.submitters import Authority, Citizen, SubmitterKind
from cases.text import same_name
from cases.views import view_of
from demo.facts import actor_of, may_be_told, requests_of
from demo.scripts import SCRIPTS, Below, Death, Script, See, Tell, remaining, tells_of
from samples.classes import Application, Sample
from samples.generate import registers
from samples.people import Person
from tests.samples.facts import told_of

KEY = b"key of the test"
AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
SEALED = "k1." + "A" * 40
CALENDAR = WorkingCalendar(published=frozenset({2026}))
POLICIES = Policies.load()
NEVER_WITHOUT_WAITING = {Status.closed_no_response, Status.unclaimed, Status.not_activated}


@dataclass
class Case:
    """A case as the pure machine sees it, and the sample it came from."""

    sample: Sample
    policy: Policy
    state: CaseState
    told: list[Event] = field(default_factory=list)
    made: list[Transition] = field(default_factory=list)
    been: set[Status] = field(default_factory=set)
    untraced: int = 0
    """Steps since the last one that stands in the history: refused as the script says, or nothing the case is told."""

    @property
    def left(self) -> Script:
        """What of the script is still to be told."""
        return remaining(SCRIPTS[self.sample.script], self.made)[self.untraced :]

    @property
    def key(self) -> tuple[str, Kind]:
        """Who applied for what."""
        return self.sample.application.personal_number, self.sample.application.kind


class World:
    """All cases of the two registers, and what the base extract says about their people."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.samples = list(samples)
        self.people = {person.personal_number: person for sample in self.samples for person in sample.insured}
        self.cases: list[Case] = []
        self.later = [(above, sample) for above, sample in pairwise(self.samples) if sample.after is not None]

    # --- opening ----------------------------------------------------------------------------------------------------

    def open_all(self, order: Iterable[Sample]) -> None:
        for sample in order:
            if sample.refused is None and sample.after is None and not self._is_open(sample.application):
                self._open(sample)

    def _open_later(self) -> bool:
        """Open what comes when the case of the row above is where it should be."""
        come = [
            (above, sample)
            for above, sample in self.later
            if any(case.sample is above and case.state.status is sample.after for case in self.cases)
        ]
        self.later = [each for each in self.later if each not in come]
        for _, sample in come:
            self._open(sample)
        return bool(come)

    def _is_open(self, application: Application) -> bool:
        """Whether the same row was opened before: one person stands in both registers."""
        return any(
            case.sample.application.personal_number == application.personal_number
            and case.state.kind is application.kind
            for case in self.cases
        )

    def _open(self, sample: Sample) -> None:
        policy = POLICIES.of_region(sample.application.region)
        opening = _opening(sample.application)
        named = opening.channel is not ApplicationChannel.counter and opening.taken_in_by is not None
        case = Case(sample, policy, initial_state(opening).model_copy(update={"submitter_named": named}))
        case.been.add(case.state.status)
        self.cases.append(case)
        if case.state.kind is Kind.id_number_change:
            self._screen_and_move(case, Event.screened)
        else:
            self._run_engine(case)

    def _screen_and_move(self, case: Case, event: Event) -> None:
        screening = self._screening(case)
        case.state = case.state.model_copy(update={"screening": screening, "benefits_held": screening.benefits_held})
        self.move(case, event)

    def _screening(self, case: Case) -> Screening:
        application = case.sample.application
        person = self.people.get(application.personal_number)
        held = person is not None and bool(person.benefit_holds)
        opening = case.state.opening
        if opening.kind is Kind.card_replacement:
            return Screening(
                finding=self._checked(case, person),
                terms=case.policy.terms(opening.kind),
                demands=case.policy.demands(opening, None),
                delivery=case.policy.handed_over(opening, None),
                draws_pension=person is not None and person.draws_pension,
                benefits_held=held,
            )
        finding, road = self._screened(case, person)
        return Screening(
            finding=finding,
            road=road,
            terms=case.policy.terms(opening.kind),
            demands=case.policy.demands(opening, road),
            benefits_held=held,
        )

    def _screened(self, case: Case, person: Person | None) -> tuple[Finding, Road | None]:
        if person is None:
            return Finding.unknown, None
        if person.died_on is not None:
            return Finding.deceased, None
        application = case.sample.application
        number = normalise(application.number).text
        road = classify(
            person.number,
            number,
            same_name=same_name(person.name, application.name),
            held_by_other=self._taken(case, number),
            today=TODAY,
        ).road
        if road is Road.not_needed and not same_name(person.name, application.name):
            # The name alone changes, with the evidence of a reissued number.
            return Finding.clear, Road.reissued
        if road is Road.conflict and (own := self._own_record(case, number)) is not None:
            return Finding.same_person, own
        findings = {Road.conflict: Finding.conflict, Road.not_needed: Finding.not_needed}
        return findings.get(road, Finding.clear), road

    def _taken(self, case: Case, number: str) -> bool:
        own = case.sample.application.personal_number
        by_holder = any(
            person.number == number and person.personal_number != own and person.died_on is None
            for person in self.people.values()
        )
        return by_holder or bool(self._rivals(case))

    def _own_record(self, case: Case, number: str) -> Road | None:
        """The road of somebody who has the number under another record of their own; None where there is none."""
        person = self.people[case.sample.application.personal_number]
        others = [each for each in self.people.values() if each.number == number and each is not person]
        if not others or others[0].name != person.name:
            return None
        return classify(person.number, number, same_name=True, held_by_other=False, today=TODAY).road

    def _rivals(self, case: Case) -> list[Case]:
        """Other open cases for the same new number."""
        if case.state.kind is not Kind.id_number_change:
            return []
        return [
            other
            for other in self.cases
            if other is not case
            and other.state.kind is Kind.id_number_change
            and other.state.is_open
            and other.state.opening.number_token == case.state.opening.number_token
        ]

    def _checked(self, case: Case, person: Person | None) -> Finding:
        application = case.sample.application
        if person is None:
            return Finding.unknown
        if person.died_on is not None:
            return Finding.deceased
        shown = normalise(application.number).text
        if shown != person.number or not same_name(person.name, application.name):
            return Finding.differs
        codes = {str(card["code"]) for card in person.cards}
        if "A" in codes:
            return Finding.duplicate
        return Finding.clear if codes & {"1", "B", "2", "3"} else Finding.not_allowed

    # --- moving -----------------------------------------------------------------------------------------------------

    def move(self, case: Case, event: Event, because: Code | None = None) -> None:
        self._settle(case, decide(case.state, event, None, AT, because))

    def tell(self, case: Case) -> bool:
        """Do the next step of the script if the case stands where it belongs."""
        script = case.left
        match script[0] if script and case.state.is_open else None:
            case None | See():
                return False
            case Death() as death:
                return self._die(case, death)
            case Below():
                return self._has_seen_below(case)
            case step:
                tell = tells_of(step)[-1]
                return may_be_told(tell, view_of(case.state, AT)) and self._hear(case, tell)

    def _hear(self, case: Case, tell: Tell) -> bool:
        if self._has_died(case):
            assert tell.refused is Code.CASE_CLOSED
            self.move(case, Event.person_found_ended, Code.PERSON_DECEASED)
            case.untraced = 1
            return True
        view = view_of(case.state, AT)
        fact = _fact(tell, view, requests_of(view, case.made))
        assert isinstance(fact, FACTS[tell.event])
        case.told.append(tell.event)
        try:
            decision = decide(case.state, tell.event, fact, AT)
        except CaseError as error:
            if error.code is not tell.refused:
                raise
            case.untraced += 1
            return True
        assert decision.row.refused is tell.refused
        case.untraced = 0
        if Effect.restore_number in decision.effects and self._old_number_is_taken(case):
            self.move(case, Event.undo_failed, Code.UNDO_IMPOSSIBLE)
            decision = decide(case.state, tell.event, fact, AT)
        if isinstance(fact, ResolveDispute) and decision.after.status is not Status.disputed:
            theirs = fact.outcome is DisputeOutcome.theirs
            for rival in self._rivals(case):
                self.move(rival, Event.dispute_won if theirs else Event.dispute_lost)
        self._settle(case, decision, fact)
        return True

    def _die(self, case: Case, death: Death) -> bool:
        """The register learns of it, and looks at the person before whatever the case is told next."""
        if case.state.status is not death.at:
            return False
        self.people[case.sample.application.personal_number].died_on = TODAY
        case.untraced += 1
        return True

    def _has_seen_below(self, case: Case) -> bool:
        below = next(sample for above, sample in pairwise(self.samples) if above is case.sample)
        ended = any(other.sample is below and not other.state.is_open for other in self.cases)
        case.untraced += ended
        return ended

    def _old_number_is_taken(self, case: Case) -> bool:
        old = case.sample.application.old_number
        return len(old) == 18 and any(person.number == old for person in self.people.values())

    def _has_died(self, case: Case) -> bool:
        return self.people[case.sample.application.personal_number].died_on is not None

    def _settle(self, case: Case, decision: Decision, fact: Fact | None = None) -> None:
        case.made.append(_transition(decision, fact))
        case.state = decision.after
        if decision.clock is not None:
            timer = case.policy.timer(decision, AT, CALENDAR)
            case.state = case.state.model_copy(update={"timer": timer})
        case.been.add(case.state.status)
        if Effect.commit_number in decision.effects:
            person = self.people[case.sample.application.personal_number]
            person.number = normalise(case.sample.application.number).text
            person.name = case.sample.application.name
        if Effect.merge_records in decision.effects:
            kept = self.people[case.sample.application.personal_number]
            same = [each for each in case.sample.insured if each is not kept]
            for other in same:
                del self.people[other.personal_number]
        self._tell_rivals(case, decision)
        self._tell_others_of_the_person(case, decision)
        self._run_engine(case)

    def _tell_rivals(self, case: Case, decision: Decision) -> None:
        for rival in self._rivals(case):
            if Effect.open_dispute in decision.effects:
                self.move(rival, Event.dispute_opened)
            elif decision.row.event is Event.withdraw and rival.state.status is Status.disputed:
                self.move(rival, Event.dispute_lapsed)

    def _tell_others_of_the_person(self, case: Case, decision: Decision) -> None:
        person = case.state.opening.person
        for other in [each for each in self.cases if each is not case and each.state.opening.person == person]:
            if Effect.wake_replacement in decision.effects and other.state.status is Status.on_hold:
                self.move(other, Event.number_changed)
            if Effect.record_end in decision.effects and other.state.is_open:
                self.move(other, Event.person_found_ended, case.state.ended_because)

    def _run_engine(self, case: Case) -> None:
        match case.state.status:
            case Status.checking:
                self._screen_and_move(case, Event.checked)
            case Status.verified:
                self.move(case, Event.apply)
            case Status.applying if not case.state.committed:
                self.move(case, Event.commit)
            case Status.updated:
                self.move(case, Event.unblock)
            case Status.releasing:
                self.move(case, Event.release)
            case Status.ordered:
                self.move(case, Event.order_card)
            case Status.active:
                self.move(case, Event.switch_cards)
            case Status.closing_old if not self._waits_for_pension_run(case):
                self.move(case, Event.close_old)
            case _:
                pass

    def _waits_for_pension_run(self, case: Case) -> bool:
        assert case.state.screening is not None
        return case.state.screening.draws_pension and case.policy.replacement.pension_run_day is not None

    def play(self) -> None:
        moved = True
        while moved:
            moved = False
            moved |= self._open_later()
            for case in self.cases:
                moved |= self.tell(case)


def _transition(decision: Decision, fact: Fact | None) -> Transition:
    return Transition(
        version=decision.after.version,
        at=AT,
        event=decision.row.event,
        status=decision.row.status,
        to=decision.row.to,
        milestone=decision.after.milestone,
        actor=fact.actor.id if fact is not None else None,
        refused=decision.row.refused,
    )


def _submitter(application: Application) -> Actor | Citizen:
    match application.submitter:
        case SubmitterKind.staff:
            return Actor(id=application.clerk, role=Role.clerk, office=application.region)
        case SubmitterKind.applicant:
            return Citizen(kind=SubmitterKind.applicant, ref=person_token(KEY, application.personal_number))
        case SubmitterKind.agent | SubmitterKind.guardian as kind:
            authority = Authority(document=application.authority, until=date(2035, 12, 31))
            return Citizen(kind=kind, ref=number_token(KEY, application.submitter_number), authority=authority)


def _opening(application: Application) -> NumberChangeOpening | ReplacementOpening:
    shared = {
        "kind": application.kind,
        "person": person_token(KEY, application.personal_number),
        "name": SEALED,
        "number": SEALED,
        "number_token": number_token(KEY, normalise(application.number).text),
        "region": application.region,
        "category": application.category,
        "channel": application.channel,
        "submitter": _submitter(application),
        "documents": [
            Document(kind=paper.kind, uri=paper.uri, media_type=paper.media_type, size=paper.size, sha256=paper.sha256)
            for paper in application.papers
        ],
        "key": application.personal_number,
        "fingerprint": content_token(KEY, application.personal_number),
    }
    if application.kind is Kind.id_number_change:
        return NumberChangeOpening.model_validate(shared)
    return ReplacementOpening.model_validate({**shared, "reason": application.reason})


def _fact(tell: Tell, view: CaseView, requests: Sequence[str]) -> Fact:
    said = told_of(tell, view, requests) | {"actor": actor_of(tell.by, view)}
    for clear, token in (("card_number", "card_token"), ("address", "address_token")):
        if clear in said:
            said |= {clear: SEALED, token: number_token(KEY, said[clear])}
    return FACTS[tell.event].model_validate(said)


def samples() -> list[Sample]:
    north, south = registers()
    return [*north, *south]


def played(order_seed: int | None = None) -> World:
    world = World(samples())
    order = list(world.samples)
    if order_seed is not None:
        Random(order_seed).shuffle(order)  # noqa: S311 - an order, not a secret
    world.open_all(order)
    world.play()
    return world


APPLIED_FOR = tuple(
    dict.fromkeys(
        (sample.application.personal_number, sample.application.kind) for sample in samples() if sample.refused is None
    )
)


@pytest.fixture(scope="module")
def world() -> World:
    return played()


def test_whatever_is_applied_for_becomes_a_case(world: World) -> None:
    assert {case.key for case in world.cases} == set(APPLIED_FOR)


@pytest.mark.parametrize(("personal_number", "kind"), APPLIED_FOR)
def test_the_whole_script_leads_to_the_ending(world: World, personal_number: str, kind: Kind) -> None:
    (case,) = [case for case in world.cases if case.key == (personal_number, kind)]
    assert case.sample.ending is not None
    assert (case.state.status, case.state.milestone, case.state.ended_because) == tuple(case.sample.ending)
    assert not case.state.is_open
    assert case.left == ()


@pytest.mark.parametrize("seed", range(5))
def test_endings_do_not_depend_on_the_order_of_opening(seed: int) -> None:
    for case in played(seed).cases:
        assert case.sample.ending is not None
        assert case.state.status is case.sample.ending.status, case.sample.words


@pytest.mark.parametrize("kind", list(Kind))
def test_every_status_that_needs_no_waiting_is_passed_by_somebody(world: World, kind: Kind) -> None:
    passed = set[Status]().union(*(case.been for case in world.cases if case.state.kind is kind))
    assert passed == set(MACHINES[kind].statuses) - NEVER_WITHOUT_WAITING


def test_every_fact_that_needs_no_waiting_is_told_by_somebody(world: World) -> None:
    told = {event for case in world.cases for event in case.told}
    assert set(FACTS) - told == {
        # After a limit or the campaign date, or after a change outside the case.
        *(Event.card_unclaimed, Event.card_not_activated, Event.hold_benefits, Event.keep_benefits, Event.recompute),
    }


def test_every_case_of_a_person_is_of_another_kind(world: World) -> None:
    cases = [(case.state.opening.person, case.state.kind) for case in world.cases]
    assert len(cases) == len(set(cases))
