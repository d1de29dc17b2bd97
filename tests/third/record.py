"""A third kind of case, for tests: what it is. One document is asked for, and the bank has to take the new name over.

Everything about it lies in this folder: record, policy part, story, application and migration.
"""

from typing import Final, Literal

from cases.errors import Code
from cases.events import Event
from cases.kinds import KindRecord
from cases.machines.machine import Awaits, Clock, Effect, Guard, Machine, Milestone, Row, Status, StatusRow, same
from cases.names import Kind
from cases.openings import Opening
from cases.screening import Finding

NAME_CHANGE: Final = Kind.further("name_change", "NameChange")


class NameChangeOpening(Opening):
    """Another name is applied for."""

    kind: Literal[NAME_CHANGE]  # type: ignore[valid-type]  # known when the test runs
    decree: str
    """Reference of the decree that changed the name."""


_OPEN: Final = (Status.checking, Status.in_review, Status.applying)

MACHINE: Final = Machine(
    NAME_CHANGE,
    (
        StatusRow(Status.checking, Milestone.submitted, Awaits.engine, None, "预检", engine_step=Event.checked),
        StatusRow(Status.in_review, Milestone.submitted, Awaits.clerk, Clock.supplement, "审核中"),
        StatusRow(Status.applying, Milestone.documents_verified, Awaits.downstream, Clock.confirmation, "变更中"),
        StatusRow(Status.done, Milestone.benefits_unblocked, Awaits.nobody, None, "办结"),
        StatusRow(Status.rejected, None, Awaits.nobody, None, "不予办理"),
        StatusRow(Status.ended, None, Awaits.nobody, None, "终止（死亡或转出等）"),
    ),
    (
        Row(Status.checking, Event.checked, Guard.person_unknown, Status.ended),
        Row(Status.checking, Event.checked, Guard.person_deceased, Status.ended),
        Row(Status.checking, Event.checked, Guard.person_transferred, Status.ended),
        Row(Status.checking, Event.checked, Guard.person_merged, Status.ended),
        Row(Status.checking, Event.checked, Guard.always, Status.in_review),
        Row(Status.checking, Event.stuck, Guard.always, Status.checking),
        Row(Status.checking, Event.repair, Guard.retry, Status.checking),
        Row(Status.in_review, Event.add_documents, Guard.always, Status.in_review),
        Row(
            Status.in_review,
            Event.verify_documents,
            Guard.always,
            Status.applying,
            (Effect.publish_number_changed,),
        ),
        Row(Status.in_review, Event.reject, Guard.always, Status.rejected),
        Row(Status.in_review, Event.supplement_expired, Guard.always, Status.rejected),
        Row(Status.applying, Event.confirm_downstream, Guard.refused, Status.applying),
        Row(Status.applying, Event.confirm_downstream, Guard.last_confirmation, Status.done),
        Row(Status.applying, Event.confirmation_overdue, Guard.always, Status.applying),
        Row(Status.applying, Event.delivery_overdue, Guard.always, Status.applying, (Effect.notify_office,)),
        Row(Status.applying, Event.question_delivered, Guard.always, Status.applying),
        *same(_OPEN, Event.person_found_ended, Guard.always, Status.ended, Effect.release_what_is_owed),
        *same(_OPEN, Event.recompute, Guard.always, None),
        *same(_OPEN, Event.escalated, Guard.always, None, Effect.escalate),
    ),
)

RECORD: Final = KindRecord(
    kind=NAME_CHANGE,
    prefix="nmc",
    zh="姓名变更",
    en="name change",
    machine=MACHINE,
    opening=NameChangeOpening,
    policy_part="names",
    held_for="name",
    ended_by={Finding.unknown: Code.PERSON_UNKNOWN, Finding.deceased: Code.PERSON_DECEASED},
)
