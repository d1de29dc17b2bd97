"""What people hand in and tell: what the season says, what the case itself shows, and who acts."""

import hashlib
from datetime import date
from typing import Any, Final

from activities.sealing import Sealer
from cases.answers import CaseView
from cases.documents import Document, DocumentKind
from cases.events import FACTS, Event
from cases.facts import Fact
from cases.models import Actor
from cases.names import Kind
from cases.openings import Correction, CorrectionReason, ReplacementReason
from intake.applications import (
    ApplicationDocument,
    NumberChangeApplication,
    ReplacementApplication,
    seal_card_number,
)
from rehearsal.later import later
from rehearsal.lives import Act, Life, Part, new_number, registered_number, right_number

_BYTES: Final = 120_000
_POLICE: Final = DocumentKind.police_certificate


def actor(part: Part, office: str) -> Actor:
    """Who plays a part at an office. Nobody plays two, so that whoever takes an application in verifies none."""
    return Actor(id=f"rehearsal-{part.value.replace('_', '-')}", role=part.role, office=office)


def personal_number(life: Life) -> str:
    """The agency's number of a synthetic person."""
    return f"R{life.number:07}"


def name(life: Life) -> str:
    """The name of a synthetic person, which says what it is."""
    return f"合成人{life.human}"


def application(life: Life, office: str) -> NumberChangeApplication | ReplacementApplication:
    """What the person applies with."""
    shared: dict[str, Any] = {
        "personal_number": personal_number(life),
        "name": name(life),
        "region": office,
        "category": life.category,
        "documents": tuple(_handed_in(kind, life, "0") for kind in life.brings),
        "submitter": actor(Part.counter, office),
    }
    if life.kind is Kind.card_replacement:
        because = life.reason or ReplacementReason.lost
        return ReplacementApplication(**shared, number=registered_number(life), reason=because)
    return NumberChangeApplication(**shared, new_number=new_number(life))


def correction(life: Life, office: str) -> NumberChangeApplication:
    """What is applied for when the certificate behind a change that was done is revoked."""
    rests_on = Correction(
        reason=CorrectionReason.certificate_revoked, legal_basis="居民身份证法第十一条", reference="石公函〔2026〕11号"
    )
    documents = tuple(_handed_in(kind, life, "revoked") for kind in (DocumentKind.resident_id_card, _POLICE))
    return NumberChangeApplication(
        personal_number=personal_number(life),
        name=name(life),
        region=office,
        category=life.category,
        documents=documents,
        submitter=actor(Part.counter, office),
        new_number=right_number(life),
        correction=rests_on,
    )


def fact_of(act: Act, view: CaseView, sealer: Sealer, asked: str | None = None) -> Fact:
    """The fact of an act, told to a case that looks like `view`; `asked` is the request that it answers or is about."""
    fields: dict[str, Any] = {
        "actor": actor(act.by, view.region),
        **{key: later(value) if isinstance(value, date) else value for key, value in act.says.items()},
    }
    match act.event:
        case Event.add_documents:
            attempt = f"{act.at:%m%d%H%M%S}"
            fields["documents"] = tuple(_on_file(kind, view.case_id, attempt) for kind in act.brings)
        case Event.verify_documents:
            fields["copies"] = tuple(document.sha256 for document in view.documents)
        case Event.approve:
            fields["content"] = view.content
        case Event.resolve_dispute | Event.resolve_duplicate:
            fields["police_document"] = _on_file(act.brings[0], view.case_id, act.event.value)
        case Event.confirm_downstream:
            fields["publication"] = asked
        case (
            Event.card_produced
            | Event.card_turned_up
            | Event.card_destroyed
            | Event.card_handed_over
            | Event.card_activated
            | Event.card_lost_on_way
        ):
            fields["order"] = asked
        case _:
            pass
    if act.event is Event.card_turned_up or fields.get("produced"):
        card = seal_card_number(_card_number(asked or ""), view.case_id, sealer)
        fields |= {"card_number": card.number, "card_token": card.token}
    return FACTS[act.event].model_validate(fields)


def _card_number(order: str) -> str:
    """The number of the card that an order brings; the same one whenever it is asked for."""
    return f"D{int(hashlib.sha256(order.encode()).hexdigest(), 16) % 10**12:012d}"


def _handed_in(kind: DocumentKind, life: Life, attempt: str) -> ApplicationDocument:
    return ApplicationDocument.model_validate(_paper(kind, personal_number(life), attempt))


def _on_file(kind: DocumentKind, case_id: str, attempt: str) -> Document:
    return Document.model_validate(_paper(kind, case_id, attempt))


def _paper(kind: DocumentKind, whose: str, attempt: str) -> dict[str, Any]:
    digest = hashlib.sha256(f"{whose}/{kind.value}/{attempt}".encode()).hexdigest()
    return {
        "kind": kind,
        "uri": f"doc://rehearsal/{digest[:16]}",
        "media_type": "application/pdf",
        "size": _BYTES,
        "sha256": digest,
    }
