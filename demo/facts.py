"""What a step of a script tells: what the script says, what the case itself shows, who acts."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic_core import to_jsonable_python

from cases.answers import Answer, CaseView
from cases.documents import Document, DocumentKind
from cases.events import Event
from cases.kinds import MACHINES
from cases.machines.machine import Awaits, Status
from cases.models import Actor, Role
from cases.names import Kind, order_id, publication_id
from demo.scripts import Happened, Part, Tell

ROLES: Final = {
    Part.clerk: Role.clerk,
    Part.counter: Role.clerk,
    Part.officer: Role.officer,
    Part.second_officer: Role.officer,
    Part.supervisor: Role.supervisor,
    Part.operator: Role.operator,
    Part.card_bureau: Role.card_bureau,
    Part.bank: Role.bank,
    Part.medical_insurance: Role.medical_insurance,
    Part.pension: Role.pension,
}
"""In which capacity each part acts."""


def actor_of(part: Part, view: CaseView) -> Actor:
    """Who plays a part at the agency of a case. Nobody plays two, and none of them took the application in."""
    return Actor(id=part.staff_id, role=ROLES[part], office=view.region)


def may_be_told(tell: Tell, view: CaseView) -> bool:
    """Whether the case stands where the step wants it."""
    return stands_in(tell.at, view)


def stands_in(status: Status, view: CaseView) -> bool:
    """Whether the case has come to rest in a status."""
    # A case that is applying has not written its new number yet before it awaits the other systems.
    return view.status is status and (status is not Status.applying or bool(view.awaited))


def follows(tell: Tell, view: CaseView, answer: Answer) -> bool:
    """Whether the step can be told right after an answer, by what an earlier `view` showed.

    A case makes the engine's own steps first and hears what it is told when it rests. What names the case's documents,
    their digest or what the case asks must look at the case again.
    """
    awaits = MACHINES[view.kind].statuses[answer.status].awaits
    return tell.event not in _NAMES_WHAT_IT_SHOWS and (answer.status is tell.at or awaits is Awaits.engine)


_NAMES_WHAT_IT_SHOWS: Final = frozenset(
    {Event.add_documents, Event.verify_documents, Event.approve, Event.confirm_downstream, Event.card_produced}
)


def requests_of(view: CaseView, so_far: Iterable[Happened]) -> tuple[str, ...]:
    """Identities of all that a case has asked outside systems for, in this order: orders of cards, or publications.

    Whoever was asked keeps the identity with the question.
    """
    identity = _IDENTITY[view.kind]
    return tuple(
        identity(view.case_id, view.generation, each.version)
        for each in so_far
        if (each.event, each.to) in _ASKS or each.event in {Event.order_card, Event.commit}
    )


_IDENTITY: Final = {Kind.card_replacement: order_id, Kind.id_number_change: publication_id}
_ASKS: Final = frozenset(
    {
        (Event.card_produced, Status.in_production),
        (Event.repair, Status.in_production),
        (Event.repair, Status.applying),
    }
)
"""Who is asked once more."""


def answer_of(tell: Tell, view: CaseView, requests: Sequence[str] = ()) -> dict[str, Any]:
    """What a system says in a step: what the script says, and which request it is about.

    That is the one in force, unless the step speaks of another of those that the case has made.
    """
    match tell.event:
        case Event.confirm_downstream:
            named, in_force = "publication", view.publication
        case Event.card_produced | Event.card_turned_up | Event.card_activated:
            named, in_force = "order", view.order
        case _:
            return dict(tell.says)
    return {**tell.says, named: in_force if tell.request is None else requests[tell.request]}


def said_of(tell: Tell, view: CaseView, requests: Sequence[str] = ()) -> dict[str, Any]:
    """What a member of staff says in a step, as it goes over the wire; who they are, their token says.

    The case looks like `view`, and has asked for `requests` so far.
    """
    fields: dict[str, Any] = dict(tell.says)
    brought = tuple(_document(kind, view, tell.copy) for kind in tell.brings)
    match tell.event:
        case Event.add_documents:
            # Where the script names none, whatever the case misses.
            fields["documents"] = brought or tuple(_document(demand.document, view) for demand in view.missing)
        case Event.resolve_dispute | Event.resolve_duplicate:
            fields["police_document"] = brought[0]
        case Event.verify_documents:
            fields["copies"] = tuple(document.sha256 for document in view.documents)
        case Event.approve:
            fields["content"] = view.content
        case Event.card_handed_over | Event.card_activated | Event.card_lost_on_way | Event.card_destroyed:
            fields["order"] = view.order if tell.request is None else requests[tell.request]
        case _:
            pass
    said: dict[str, Any] = to_jsonable_python(fields)
    return said


def _document(kind: DocumentKind, view: CaseView, copy: int = 0) -> Document:
    """A document of the case's holder in the agency's own store; the same one whenever it is asked for."""
    # After documents were returned another copy is brought, not the one that was defective.
    attempt = copy + len([defect for defect in view.defects if defect.document is kind])
    uri = f"doc://sample/{view.case_id}/{kind.value}/{attempt}"
    return Document(
        kind=kind,
        uri=uri,
        media_type="application/pdf",
        size=120_000 + attempt,
        sha256=hashlib.sha256(uri.encode()).hexdigest(),
    )
