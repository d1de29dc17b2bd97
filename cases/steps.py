"""What workflows ask of the register, and what it answers: the contract between orchestration and effects.

Every step is keyed by business identity `(case, step, generation)`, never by run or attempt, so that asking twice moves
once. A step that was already done is answered with the state that holds.
"""

from datetime import datetime

from pydantic import AwareDatetime, JsonValue

from cases.decide import Decision, dated, settled
from cases.errors import Code
from cases.events import FACTS, Event
from cases.facts import Fact
from cases.ladder import Dates
from cases.machines.machine import Clock, Effect, Guard, Row, Status
from cases.models import Record, StaffId
from cases.screening import Screening, Terms
from cases.state import CaseState, Timer


class Neighbour(Record):
    """Another case that must be told of something, as a signal to its workflow."""

    case_id: str
    event: Event
    because_of: str | None = None
    """The case that causes it, None where none does."""


class RegisterRequest(Record):
    """A case asks to be registered and screened."""

    state: CaseState
    at: AwareDatetime
    arrived: AwareDatetime | None = None
    """When the application arrived in the engine; its stamp is judged by it. None: just now."""


class Registered(Record):
    """The case is durably registered. `standing` is set where the register already knows more than the asking run."""

    generation: int
    screening: Screening
    refused: Code | None = None
    """The application is refused without effect: `IDEMPOTENCY_CONFLICT`, `CASE_NOT_REOPENABLE`."""
    standing: CaseState | None = None
    neighbours: tuple[Neighbour, ...] = ()
    """Whom the steps up to `standing` had to tell, and who has not moved by it."""


class StepRequest(Record):
    """One transition, with everything it writes."""

    step: str
    """Name of the step, unique within a case and generation: `event.version`."""
    before: int
    """The case's version before the transition."""
    from_status: Status
    event: Event
    effects: tuple[Effect, ...]
    clock: Clock | None
    extend_by: int
    fact: dict[str, JsonValue] | None
    after: CaseState
    at: AwareDatetime
    arrived: AwareDatetime | None = None
    """When the fact arrived in the engine; its stamp is judged by it. None: just now."""

    @classmethod
    def of(
        cls, before: CaseState, decision: Decision, fact: Fact | None, at: datetime, arrived: datetime | None = None
    ) -> "StepRequest":
        """The request for a decided transition."""
        return cls(
            step=f"{decision.row.event}.{decision.after.version}",
            before=before.version,
            from_status=before.status,
            event=decision.row.event,
            effects=decision.effects,
            clock=decision.clock,
            extend_by=decision.extend_by,
            fact=fact.model_dump(mode="json", exclude_unset=True) if fact is not None else None,
            after=decision.after,
            at=at,
            arrived=arrived,
        )

    @property
    def key(self) -> str:
        """Business identity of the step: case, generation and step, the same however often it is asked."""
        return f"{self.after.case_id}:{self.after.generation}:{self.step}"

    @property
    def decision(self) -> Decision:
        """The decision that this is the request for."""
        # The guard was asked when the transition was decided; nothing that follows depends on it.
        row = Row(self.from_status, self.event, Guard.always, self.after.status, self.effects)
        return Decision(row, self.after, self.clock, self.extend_by)

    @property
    def actor(self) -> StaffId | None:
        """Who told the case of the event, None for the engine's own steps."""
        return self.parsed.actor.id if self.fact is not None else None

    @property
    def parsed(self) -> Fact:
        """The fact of an event from outside."""
        return FACTS[self.event].model_validate(self.fact)


class StepResult(Record):
    """What became of a step. `moved` is false where nothing was written now: it was done before, or was refused."""

    moved: bool
    timer: Timer | None = None
    dates: Dates | None = None
    """The dates of the case's ladder, None where they are the same as before."""
    terms: Terms | None = None
    """The terms of the policy that the case follows from now on, where that is another."""
    neighbours: tuple[Neighbour, ...] = ()
    related: str | None = None
    refused: Code | None = None
    """The register could not do it, and nothing of it is in effect: `NUMBER_TAKEN`, `PERSON_BUSY`, `DIGEST_DIFFERS`
    …
    """
    standing: CaseState | None = None
    """The register has made this step before, or another: the state that holds, which the asking run takes over.

    A worker died before its run heard of it, or an operator reset the workflow. `neighbours` then are those whom the
    steps since had to tell and who have not moved by it.
    """

    @classmethod
    def of(
        cls, after: CaseState, final: CaseState, neighbours: tuple[Neighbour, ...], related: str | None
    ) -> "StepResult":
        """What a transition that was made adds to the state `after` that was decided; nothing else is written down."""
        before = after.ladder.dates
        added = {
            "timer": final.timer,
            "dates": final.ladder.dates if final.ladder.dates != before else None,
            "terms": final.terms if final.terms != after.terms else None,
            "neighbours": neighbours,
            "related": related,
        }
        return cls(moved=True).model_copy(update={name: value for name, value in added.items() if value})

    def settle(self, decision: Decision) -> CaseState:
        """The state after a decided transition that was made."""
        after = settled(decision.after, decision.clock, self.timer, self.related, self.terms)
        return dated(after, self.dates or decision.after.ladder.dates)
