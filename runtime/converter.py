"""The one data converter of client, worker, replayer and tests; `runtime.codec` seals what it writes.

Only fields that were set are written, which halves a case's history. What cannot be read is refused by code, and a
failure that is not ours says its type alone: errors of pydantic, of databases and of the standard library quote the
values they complain of. What a failure says is sealed like a payload; its type, a code, stays readable.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, Self

from pydantic import BaseModel, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    PayloadConverter,
    SerializationContext,
)
from temporalio.exceptions import ApplicationError, FailureError

from cases import stamps
from cases.errors import REMEDIES, CaseError, Code
from cases.events import FACTS
from cases.facts import Fact
from runtime.codec import CaseCodec, PayloadSealer, is_entered, refusal_in

_PLACES: Final = 8
"""How many places of a wrong payload are named."""
_UNKNOWN_FIELD: Final = "extra_forbidden"
_CODES: Final = frozenset(code.value for code in Code)
_NAMES_A_FIELD: Final = re.compile(r" \(([a-z_]+(?:\.(?:[a-z_]+|[0-9]{1,2}))*)\)")
"""Fields are named as our own contracts name them, members of a list by their place."""


def _places_of(wrong: ValidationError) -> str:
    """Where a payload is wrong, by the names of our own fields; the name of an unknown one is the sender's text."""
    places = set()
    for error in wrong.errors(include_input=False, include_context=False, include_url=False):
        path = error["loc"][:-1] if error["type"] == _UNKNOWN_FIELD else error["loc"]
        places.add(".".join(str(part) for part in path) or "(whole)")
    return ", ".join(sorted(places)[:_PLACES])


_OF_ALL: Final = tuple(PydanticPayloadConverter(ToJsonOptions(exclude_unset=True)).converters.values())
"""What converts. The SDK makes a payload converter for every case, and for most payloads one more; what pydantic has
prepared for a type is kept in here."""


class CasePayloadConverter(PydanticPayloadConverter):
    """JSON by pydantic: unset fields left out, errors without values, refusals of the codec raised."""

    def __init__(self) -> None:
        CompositePayloadConverter.__init__(self, *_OF_ALL)

    def from_payloads(self, payloads: Any, type_hints: list[type] | None = None) -> list[Any]:
        """See base class.

        Raises `ApplicationError` PAYLOAD_INVALID, the code of the rule that was broken, or that of the codec's refusal.
        """
        _raise_refusals(payloads, type_hints)
        try:
            return super().from_payloads(payloads, type_hints)
        except ValidationError as wrong:
            _raise_form_of_another_event(payloads, type_hints)
            raise ApplicationError(
                f"{Code.PAYLOAD_INVALID}: {_places_of(wrong)}", type=Code.PAYLOAD_INVALID, non_retryable=True
            ) from None
        except CaseError as broken:
            raise ApplicationError(str(broken), type=broken.code, non_retryable=True) from None
        except (ValueError, KeyError, TypeError, RuntimeError):
            raise ApplicationError(Code.PAYLOAD_INVALID, type=Code.PAYLOAD_INVALID, non_retryable=True) from None


def _raise_refusals(payloads: Sequence[Payload], type_hints: list[type] | None) -> None:
    for payload, kind in zip_longest(payloads, type_hints or ()):
        refused = refusal_in(payload) if payload is not None else None
        # What operators enter is bound to no workflow. A fact says by itself which case it is for; nothing else does.
        if payload is not None and is_entered(payload) and not (isinstance(kind, type) and issubclass(kind, Fact)):
            refused = CaseError(Code.PAYLOAD_MISPLACED)
        if refused is not None:
            raise ApplicationError(explain(refused), type=refused.code, non_retryable=True)


def _raise_form_of_another_event(payloads: Sequence[Payload], type_hints: list[type] | None) -> None:
    """Say so where a fact does not fit because it is that of another event, as its stamp says.

    Its signature is unseen: it changes how the refusal is worded, and nothing else.
    """
    for payload, kind in zip_longest(payloads, type_hints or ()):
        if payload is None or not (isinstance(kind, type) and issubclass(kind, Fact)):
            continue
        try:
            claims = stamps.read(_Stamped.model_validate_json(payload.data).stamp)
        except (ValidationError, CaseError):
            continue
        if any(claims.event == event and fact is not kind for event, fact in FACTS.items()):
            refused = CaseError(Code.FORM_OF_ANOTHER_EVENT)
            raise ApplicationError(explain(refused), type=refused.code, non_retryable=True)


class _Stamped(BaseModel):
    """Of a fact of whatever event, the stamp."""

    stamp: str | None = None


def explain(refused: CaseError) -> str:
    """What a person reads of a refusal: code, field, what happened and what to do next, in both languages."""
    remedy = REMEDIES[refused.code]
    return f"{refused}: {remedy.zh} {remedy.en}"


class CaseFailureConverter(DefaultFailureConverter):
    """Failures by type and code. What caused them is converted the same way."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """See base class."""
        super().to_failure(_in_our_words(exception), payload_converter, failure)


class SealedFailureConverter(CaseFailureConverter):
    """The same, with message and stack trace as a payload, which a codec seals; type and code stay readable."""

    def __init__(self) -> None:
        super().__init__(encode_common_attributes=True)

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """See base class. A refusal by code is explained in clear as well: no more is said than the code says.

        The Web UI shows the message of a refused update and does not ask the codec server for it.
        """
        super().to_failure(exception, payload_converter, failure)
        code = failure.application_failure_info.type
        if code in _CODES:
            failure.message = explain(CaseError(Code(code), _field_named_by(exception, code)))


def _field_named_by(exception: BaseException, code: str) -> str | None:
    said = exception.message if isinstance(exception, FailureError) else str(exception)
    named = _NAMES_A_FIELD.match(said.removeprefix(code))
    return named[1] if named is not None else None


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


@dataclass(frozen=True)
class CaseDataConverter(DataConverter):
    """The converter of every place, of which only the codec knows the place.

    The SDK asks for the converter of a place some eighty times a case, and its own would rebuild all of its parts.
    """

    def with_context(self, context: SerializationContext) -> Self:
        """See base class."""
        if not isinstance(self.payload_codec, CaseCodec):
            return self
        codec = self.payload_codec.with_context(context)
        if codec is self.payload_codec:
            return self
        placed = object.__new__(type(self))
        placed.__dict__.update(self.__dict__, payload_codec=codec)
        return placed


IN_CLEAR: Final[DataConverter] = CaseDataConverter(
    payload_converter_class=CasePayloadConverter,
    failure_converter_class=CaseFailureConverter,
)
"""Seals nothing: for recorded histories, whose payloads were opened, and to measure what sealing costs."""


def data_converter(sealer: PayloadSealer | None) -> DataConverter:
    """The converter whose payloads are sealed by this ring; `IN_CLEAR` where there is none."""
    if sealer is None:
        return IN_CLEAR
    return CaseDataConverter(
        payload_converter_class=CasePayloadConverter,
        payload_codec=CaseCodec(sealer),
        failure_converter_class=SealedFailureConverter,
    )
