"""Applications for tests, in clear. Everything is synthetic."""

import hashlib
from typing import Any

from cases.documents import DocumentKind
from cases.models import Actor, Role
from cases.numbers import derive
from cases.offices import MINISTRY
from intake.applications import Application, ApplicationDocument, NumberChangeApplication, ReplacementApplication
from tests.engine import Person

OFFICE = "110105"
SOUTH = "440103"
CLERK = Actor(id="clerk-1", role=Role.clerk, office=MINISTRY)
"""Answers for every region."""
OLD = "110105101231002"
NEW = derive(OLD)


def paper(kind: DocumentKind = DocumentKind.resident_id_card, copy: str = "1", **more: Any) -> ApplicationDocument:
    digest = hashlib.sha256(f"{kind.value}-{copy}".encode()).hexdigest()
    fields: dict[str, Any] = {
        "uri": f"doc://sample/{kind.value}-{copy}",
        "media_type": "image/png",
        "size": 4096,
        "sha256": digest,
    }
    return ApplicationDocument(kind=kind, **(fields | more))


def number_change(person: Person | None = None, **more: Any) -> NumberChangeApplication:
    fields: dict[str, Any] = {
        "personal_number": person.personal_number if person else "T0000000",
        "name": person.name if person else "合成人",
        "new_number": person.new if person else NEW,
        "region": OFFICE,
        "submitter": CLERK,
        "documents": (paper(),),
    }
    return NumberChangeApplication(**(fields | more))


def replacement(person: Person | None = None, **more: Any) -> ReplacementApplication:
    fields: dict[str, Any] = {
        "personal_number": person.personal_number if person else "T0000000",
        "name": person.name if person else "合成人",
        "number": person.old if person else NEW,
        "reason": "damaged",
        "region": OFFICE,
        "submitter": CLERK,
        "documents": (paper(),),
    }
    return ReplacementApplication(**(fields | more))


def fields_of(application: Application) -> dict[str, Any]:
    return application.model_dump(mode="json", exclude_none=True)
