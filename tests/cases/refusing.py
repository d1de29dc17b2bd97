"""How a contract refuses what it is given; nothing that is refused is repeated."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from cases.errors import CaseError

PLANTED = "PLANTEDVALUE"


# Born 1900, synthetic: a valid number that nobody holds.
NUMBER = "11010519000101001X"


def refusal(model: type[BaseModel], data: dict[str, Any]) -> str:
    """How an input is refused; no error says what the input was."""
    try:
        model.model_validate(data)
    except CaseError as refused:
        said, kind = str(refused), refused.code.value
    except ValidationError as wrong:
        said, kind = str(wrong), wrong.errors(include_input=False, include_context=False)[0]["type"]
    else:
        pytest.fail("was accepted")
    if PLANTED in said:
        pytest.fail("the error repeats what was refused")
    return kind


def as_data(model: BaseModel, **changed: Any) -> dict[str, Any]:
    return {**model.model_dump(mode="json", exclude_unset=True), **changed}
