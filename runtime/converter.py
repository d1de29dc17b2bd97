"""The one data converter of client, worker, replayer and tests. Encryption of payloads is a codec added here.

Only fields that were set are written, which halves a case's history. What cannot be read is refused by code: the errors
of pydantic quote the value they refuse, and a failure travels in clear.
"""

from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError
from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions, pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from cases.errors import CaseError, Code


def _codes_of(wrong: ValidationError) -> str:
    places = wrong.errors(include_input=False, include_context=False, include_url=False)
    return ", ".join(sorted({".".join(str(part) for part in place["loc"]) or "(whole)" for place in places})[:8])


class PayloadConverter(PydanticPayloadConverter):
    """JSON by pydantic: unset fields left out, errors without values."""

    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))

    def from_payloads(self, payloads: Any, type_hints: list[type] | None = None) -> list[Any]:
        """See base class. Raises `ApplicationError` PAYLOAD_INVALID, or the code of the rule that was broken."""
        try:
            return super().from_payloads(payloads, type_hints)
        except ValidationError as wrong:
            raise ApplicationError(
                f"{Code.PAYLOAD_INVALID}: {_codes_of(wrong)}", type=Code.PAYLOAD_INVALID, non_retryable=True
            ) from None
        except CaseError as broken:
            raise ApplicationError(str(broken), type=broken.code, non_retryable=True) from None
        except (ValueError, KeyError, TypeError):
            raise ApplicationError(Code.PAYLOAD_INVALID, type=Code.PAYLOAD_INVALID, non_retryable=True) from None


DATA_CONVERTER: Final[DataConverter] = replace(pydantic_data_converter, payload_converter_class=PayloadConverter)
