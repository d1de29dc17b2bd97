"""What workflows ask of the register, and what it answers: the contract between orchestration and effects.

A case asks for a transition by naming it. No state, no effect and no decision travels to the register: it decides by
the state that it holds itself, at a moment of its own clock, and answers what changed. Every transition is known by
business identity `(case, generation, step)`, never by run or attempt, so that asking twice moves once; whoever asks
again is answered with what stands.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Self

from pydantic import AwareDatetime, Field, JsonValue, TypeAdapter

from cases.answers import Answer, LateAnswer, Receipt, Transition
from cases.errors import Code
from cases.events import Event
from cases.facts import Fact
from cases.kinds import AnyOpening
from cases.models import Record
from cases.openings import Opening
from cases.state import CaseState
from cases.views import receipt_of

KEPT_TRANSITIONS: Final = 256
"""How many of its newest transitions a case keeps at hand; all of them stand in the register."""


KEPT_LATE_ANSWERS: Final = 8
"""How many of the newest answers to requests that are over a case keeps at hand."""


class Neighbour(Record):
    """Another case that must be told of something, as a signal to its workflow."""

    case_id: str
    event: Event
    because_of: str | None = None
    """The case that causes it, None where none does."""


class RegisterRequest(Record):
    """An application asks to become a case; or a later run of a case asks where it stands."""

    opening: AnyOpening
    at: AwareDatetime
    """What time it is for the asking workflow; heard only by a register that was told to follow its callers' clock."""
    arrived: AwareDatetime
    """When the application arrived in the engine; its stamp is judged by it."""
    onward: bool = True
    """Whether the engine's own steps that follow at once are made as well, each in its own transaction."""


class StepRequest(Record):
    """A case asks for one transition."""

    case_id: str
    generation: int
    version: int
    """Where the asking run believes the case to stand: a precondition, and nothing that is written."""
    event: Event
    fact: dict[str, JsonValue] | None = None
    """What was told, with its stamp; None for what happens of itself."""
    told_as: str | None = None
    """Identity of the update by which it was told: the same one moves a case once, for ever."""
    related: str | None = None
    """The case that a neighbour's event is because of; shown where the register knows that the two are related."""
    arrived: AwareDatetime | None = None
    """When it arrived in the engine; its stamp is judged by it."""
    at: AwareDatetime
    """What time it is for the asking workflow; heard only by a register that was told to follow its callers' clock."""
    onward: bool = True
    """Whether the engine's own steps that follow at once are made as well, each in its own transaction."""

    @classmethod
    def of(cls, case: CaseState, event: Event, fact: Fact | None, **more: Any) -> Self:
        """The request of a case that believes to stand as it shows."""
        told = fact.model_dump(mode="json", exclude_unset=True) if fact is not None else None
        return cls(
            case_id=case.case_id,
            generation=case.generation,
            version=case.version,
            event=event,
            fact=told,
            **more,
        )


class Standing(Record):
    """Where a case stands, whole: for a run that begins, or that lags behind the register."""

    state: dict[str, JsonValue]
    """`CaseState` without its opening, which the run has."""
    receipt: Receipt | None = None
    transitions: tuple[Transition, ...] = ()
    """The newest, oldest first."""
    late_answers: tuple[LateAnswer, ...] = ()
    """The newest, oldest first."""

    @classmethod
    def of(
        cls,
        state: CaseState,
        receipt: Receipt | None,
        transitions: tuple[Transition, ...],
        late_answers: tuple[LateAnswer, ...] = (),
    ) -> Self:
        """The standing of a state."""
        dumped = state.model_dump(mode="json", exclude={"opening"}, exclude_defaults=True)
        # What came with the application the run has, and the first answer to it says no more than the state.
        if state.documents == state.opening.handed_in:
            dumped.pop("documents", None)
        else:
            dumped["documents"] = [document.model_dump(mode="json") for document in state.documents]
        if state.version == 1 and receipt == receipt_of(state):
            receipt = None
        more: dict[str, Any] = {"receipt": receipt, "late_answers": late_answers}
        known = {name: value for name, value in more.items() if value}
        return cls(state=dumped, transitions=transitions[-KEPT_TRANSITIONS:], **known)

    @property
    def place(self) -> tuple[int, int]:
        """Generation and version: how far the case has come."""
        generation, version = self.state.get("generation", 1), self.state.get("version", 0)
        if not isinstance(generation, int) or not isinstance(version, int):
            raise TypeError("a state with odd numbers")
        return generation, version

    def state_of(self, opening: Opening) -> CaseState:
        """The state, of the case that this opening opened."""
        # The audit has its stamp; nothing is written with it again.
        unstamped = opening.model_copy(update={"stamp": None})
        return CaseState.model_validate({"documents": opening.handed_in, **self.state, "opening": unstamped})

    def receipt_for(self, state: CaseState) -> Receipt | None:
        """How the application was answered, by the state that this standing is of; None where it was not yet."""
        return receipt_of(state) if self.receipt is None and state.version == 1 else self.receipt


class StepResult(Record):
    """What became of a request."""

    moves: tuple[Transition, ...] = ()
    """Transitions that were made now, oldest first: the one that was asked for, and those of the engine's own that
    follow from it at once.
    """
    changes: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields of the state that are not what they were before the first of `moves`."""
    receipt: Receipt | None = None
    """Set by the transition that answers the application."""
    standing: Standing | None = None
    """The register is ahead of the asking run, or the run begins: what holds, which it takes over."""
    neighbours: tuple[Neighbour, ...] = ()
    """Whom the moves have to tell; with `standing`, whom those had to tell that the run knows nothing of, as far as
    they have not moved by it.
    """
    refused: Code | None = None
    """What was asked for is not possible, and nothing of it is in effect; `moves` are what was found out about it."""
    late_answer: LateAnswer | None = None
    """What was refused, where it answers a request that is over: it is written down."""
    not_before: AwareDatetime | None = None
    """A time limit that has not ended yet, by the register's clock."""
    now: AwareDatetime | None = None
    """The register's clock, beside `not_before`."""

    @classmethod
    def saying(cls, **what: Any) -> Self:
        """The answer that says no more than there is to say: what is not set is not written into a history."""
        return cls(**{name: value for name, value in what.items() if value})

    def applied_to(self, before: CaseState) -> CaseState:
        """The state after the moves."""
        return changed(before, self.changes)


class ToldAfterClosing(Record):
    """What somebody tells a case that they believe to be closed."""

    case_id: str
    event: Event
    fact: dict[str, JsonValue]
    """What is told, with its stamp."""
    told_as: str
    """Its identity, as that of an update: the same has effect once."""
    arrived: AwareDatetime | None = None
    """When it arrived in the engine; its stamp is judged by it."""
    at: AwareDatetime | None = None
    """What time it is for the asking workflow; heard only by a register that was told to follow its callers' clock."""


class AnswerAfterClosing(Record):
    """What became of it."""

    answer: Answer | None = None
    """It is on record: how the case ended, and what remains by now."""
    refused: Code | None = None
    """It is not possible; ANSWER_OUT_OF_DATE: it answers what is over, and was written down."""
    is_open: bool = False
    """The case is open, and has to be told itself; nothing was done."""


def changes_of(before: CaseState, after: CaseState) -> dict[str, JsonValue]:
    """Fields of a state that are not what they were, as JSON has them."""
    names = {name for name in CaseState.model_fields if getattr(before, name) != getattr(after, name)}
    return after.model_dump(mode="json", include=names, exclude_unset=True)


def changed(before: CaseState, changes: Mapping[str, JsonValue]) -> CaseState:
    """The state with some of its fields replaced. Raises `pydantic.ValidationError`; unknown fields are left alone."""
    known = {name: value for name, value in changes.items() if name in CaseState.model_fields}
    return before.model_copy(update={name: _field(name).validate_python(value) for name, value in known.items()})


@cache
def _field(name: str) -> TypeAdapter[Any]:
    """Reads one field of a state."""
    field: TypeAdapter[Any] = TypeAdapter(CaseState.__annotations__[name])
    return field
