"""What people and systems type is kept in clear in many places: each of them refuses the number of a person."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError

from cases.errors import CaseError
from cases.models import Contract

PLANTED: Final = (
    "11010519491231002X",
    "13912345678",
    "6222021234567890128",
    "clerk-13912345678",
    "z-11010519491231002x",
    "idc:139-1234-5678",
)
ROOMS: Final = ("cases", "activities", "desk", "gate", "intake")

SEALED_OR_NOT_KEPT: Final = {
    "Application.name": "sealed",
    "Application.new_name": "sealed",
    "Application.number": "sealed",
    "Application.old_number": "sealed",
    "Application.new_number": "sealed",
    "Application.phone": "sealed",
    "Application.personal_number": "becomes a token",
    "ApplicationCitizen.number": "becomes a token",
    "ApplicationDocument.holder": "becomes a token",
    "Applicant.personal_number": "becomes a token",
    "LookedFor.personal_number": "becomes a token",
    "StaffContact.address": "sealed",
    "Actor.id": "judged where it enters: identity tokens, the directory",
    "Wanted.sink": "judged by the service, as the host is",
    "From.after": "a place in the feed, read and not kept",
    "Asked.case": "read as a case ID",
    "_Typed.case": "read as a case ID",
    "Callback.event_id": "of a provider, who knows to whom it delivers",
}
"""Fields that may hold such a number, and why."""


def contracts() -> Iterator[type[Contract]]:
    """Every model of what comes from outside."""
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            # Commands are of the client's side, and nothing is kept there.
            if not module.name.endswith("__main__") and not module.name.startswith("intake.commands"):
                importlib.import_module(module.name)
    waiting = list(Contract.__subclasses__())
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.partition(".")[0] in ROOMS:
            yield model


def takes(model: type[Contract], field: str, value: Any) -> bool:
    info = model.model_fields[field]
    annotation: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    try:
        kept: Any = TypeAdapter(annotation).validate_python(value)
    except (CaseError, ValidationError):
        return False
    return value in (kept, str(kept)) or (isinstance(kept, tuple | list | frozenset) and value[0] in kept)


def test_no_field_that_is_kept_in_clear_takes_the_number_of_a_person() -> None:
    taking = {
        f"{next((base for base in ('Application',) if model.__name__.endswith(base)), model.__name__)}.{field}"
        for model in set(contracts())
        for field in model.model_fields
        for planted in PLANTED
        if takes(model, field, planted) or takes(model, field, [planted])
    }
    assert taking - SEALED_OR_NOT_KEPT.keys() == set()
