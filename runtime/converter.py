"""The one data converter of client, worker, replayer and tests. Encryption of payloads is a codec added here.

Only fields that were set are written, which halves a case's history. What cannot be read is refused by code, and a
failure that is not ours says its type alone: errors of pydantic, of databases and of the standard library quote the
values they complain of, and a failure travels in clear.
"""

from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions, pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError

from cases.errors import CaseError, Code

_PLACES: Final = 8
"""How many places of a wrong payload are named."""
_UNKNOWN_FIELD: Final = "extra_forbidden"


def _places_of(wrong: ValidationError) -> str:
    """Where a payload is wrong, by the names of our own fields; the name of an unknown one is the sender's text."""
    places = set()
    for error in wrong.errors(include_input=False, include_context=False, include_url=False):
        path = error["loc"][:-1] if error["type"] == _UNKNOWN_FIELD else error["loc"]
        places.add(".".join(str(part) for part in path) or "(whole)")
    return ", ".join(sorted(places)[:_PLACES])


class CasePayloadConverter(PydanticPayloadConverter):
    """JSON by pydantic: unset fields left out, errors without values."""

    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))

    def from_payloads(self, payloads: Any, type_hints: list[type] | None = None) -> list[Any]:
        """See base class. Raises `ApplicationError` PAYLOAD_INVALID, or the code of the rule that was broken."""
        try:
            return super().from_payloads(payloads, type_hints)
        except ValidationError as wrong:
            raise ApplicationError(
                f"{Code.PAYLOAD_INVALID}: {_places_of(wrong)}", type=Code.PAYLOAD_INVALID, non_retryable=True
            ) from None
        except CaseError as broken:
            raise ApplicationError(str(broken), type=broken.code, non_retryable=True) from None
        except (ValueError, KeyError, TypeError, RuntimeError):
            raise ApplicationError(Code.PAYLOAD_INVALID, type=Code.PAYLOAD_INVALID, non_retryable=True) from None


class CaseFailureConverter(DefaultFailureConverter):
    """Failures by type and code. What caused them is converted the same way."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """See base class."""
        super().to_failure(_in_our_words(exception), payload_converter, failure)


def _in_our_words(exception: BaseException) -> BaseException:
    if isinstance(exception, FailureError):
        return exception
    if isinstance(exception, CaseError):
        said = ApplicationError(str(exception), type=exception.code)
    else:
        said = ApplicationError(type(exception).__name__, type=type(exception).__name__)
    said.__traceback__ = exception.__traceback__
    said.__cause__, said.__context__ = exception.__cause__, exception.__context__
    said.__suppress_context__ = exception.__suppress_context__
    return said


DATA_CONVERTER: Final[DataConverter] = replace(
    pydantic_data_converter,
    payload_converter_class=CasePayloadConverter,
    failure_converter_class=CaseFailureConverter,
)
