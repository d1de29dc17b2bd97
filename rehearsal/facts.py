"""The fact that an act tells a case: what the season says, what the case itself shows, and who acts."""

import hashlib
from datetime import date
from typing import Any, Final

from cases.answers import CaseView
from cases.documents import Document, DocumentKind
from cases.events import FACTS, Event
from cases.facts import Fact
from cases.models import Actor
from intake.applications import ApplicationDocument, NumberChangeApplication
from rehearsal.later import later
from rehearsal.season import Act, Life, Part, new_number

_BYTES: Final = 120_000


def actor(part: Part, office: str) -> Actor:
    """Who plays a part at an office. Nobody plays two, so that whoever takes an application in verifies none."""
    return Actor(id=f"rehearsal-{part.value.replace('_', '-')}", role=part.role, office=office)


def personal_number(life: Life) -> str:
    """The agency's number of a synthetic person."""
    return f"R{life.number:07}"


def name(life: Life) -> str:
    """The name of a synthetic person, which says what it is."""
    return f"合成人{life.number}"


def application(life: Life, office: str) -> NumberChangeApplication:
    """What the person applies with."""
    documents = tuple(
        ApplicationDocument.model_validate(_paper(kind, personal_number(life), attempt=0)) for kind in life.brings
    )
    return NumberChangeApplication(
        personal_number=personal_number(life),
        name=name(life),
        region=office,
        category=life.category,
        documents=documents,
        submitter=actor(Part.counter, office),
        new_number=new_number(life),
    )


def fact_of(act: Act, view: CaseView, asked: str | None = None) -> Fact:
    """The fact of an act, told to a case that looks like `view`; `asked` is the request that a system answers."""
    fields: dict[str, Any] = {
        "actor": actor(act.by, view.region),
        **{key: later(value) if isinstance(value, date) else value for key, value in act.says.items()},
    }
    match act.event:
        case Event.add_documents:
            fields["documents"] = tuple(
                Document.model_validate(_paper(kind, view.case_id, attempt=1)) for kind in act.brings
            )
        case Event.verify_documents:
            fields["copies"] = tuple(document.sha256 for document in view.documents)
        case Event.approve:
            fields["content"] = view.content
        case Event.confirm_downstream:
            fields["publication"] = asked
        case _:
            pass
    return FACTS[act.event].model_validate(fields)


def _paper(kind: DocumentKind, whose: str, *, attempt: int) -> dict[str, Any]:
    digest = hashlib.sha256(f"{whose}/{kind.value}/{attempt}".encode()).hexdigest()
    return {
        "kind": kind,
        "uri": f"doc://rehearsal/{digest[:16]}",
        "media_type": "application/pdf",
        "size": _BYTES,
        "sha256": digest,
    }
