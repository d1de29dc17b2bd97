"""What all contracts are made of: tokens, seals, dates, people and their roles.

A name or a number never stands here in clear: it is sealed where it enters (`Sealed`), and only the register opens it.
What is searched for or compared travels as a keyed token (`Token`).
"""

import re
from collections.abc import Callable, Sequence
from datetime import MAXYEAR, MINYEAR, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from cases.errors import CaseError, Code
from cases.personal_data import holds_personal_data
from cases.text import check_text

Token = Annotated[str, StringConstraints(pattern=r"^[a-z2-7]{26}$")]
"""A keyed token: 26 characters of lower-case base32 (see `cases.names`)."""
Sealed = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,16}\.[A-Za-z0-9_-]{38,2000}$")]
"""Key ID, a dot, and base64url of nonce and ciphertext; bound to the field it belongs to."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RegionCode = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{5}$")]
"""Six-digit division code of an agency (GB/T 2260)."""
StaffId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{1,31}$")]
"""An office's own code of one of its staff or systems; never a person's name."""
OrderId = Annotated[str, StringConstraints(pattern=r"^ord-[a-z2-7]{26}$")]
"""Identity of one order of a card (`cases.names.order_id`)."""
PublicationId = Annotated[str, StringConstraints(pattern=r"^pub-[a-z2-7]{26}$")]
"""Identity of one publication of a changed number (`cases.names.publication_id`)."""


def by_code(wrong: CaseError) -> PydanticCustomError:
    """An error of pydantic's own with the code of another: it has a path, and the other fields are checked as well."""
    context = {"field": wrong.field} if wrong.field else None
    return PydanticCustomError(wrong.code.value, wrong.code.value, context)


def coded(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A validator whose refusals say their code and which field they mean."""

    def validator(value: Any) -> Any:
        try:
            return check(value)
        except CaseError as wrong:
            raise by_code(wrong) from None

    return validator


def without_personal_data(text: str) -> str:
    """The text as it is. Raises `CaseError` where personal data stands in it."""
    return check_text(text).text if text else text


LONGEST_REFERENCE = 100
"""Code points in a reference."""


def check_reference(text: str) -> str:
    """Raises `CaseError`: REFERENCE_EMPTY, REFERENCE_TOO_LONG, or what is wrong with it as a text."""
    if len(text) > LONGEST_REFERENCE:
        raise CaseError(Code.REFERENCE_TOO_LONG)
    if not text:
        raise CaseError(Code.REFERENCE_EMPTY)
    return without_personal_data(text)


def impersonal(text: str) -> str:
    """The code or the key as it is. Raises `CaseError` PII_IN_TEXT where it is made of the number of a person."""
    if holds_personal_data(text):
        raise CaseError(Code.PII_IN_TEXT)
    return text


Impersonal = AfterValidator(coded(impersonal))
"""What is kept in clear and shown to everybody: a code of staff where it enters, a key."""
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$"), Impersonal]

Reference = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(check_reference)]
"""An office's or a system's reference of a record, a notice or a decree, as they write it: 石公函〔2026〕11号.

At most 100 characters, without personal data.
"""
LegalBasis = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=4, max_length=200), AfterValidator(without_personal_data)
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=4, max_length=200), AfterValidator(without_personal_data)
]
"""Why somebody decided as they did, in their own words."""
Note = Annotated[str, AfterValidator(without_personal_data)]
"""Free text of at most 500 characters without personal data."""


def only_iso(value: object) -> object:
    """Dates are YYYY-MM-DD: seconds of an epoch, moments and week dates are misunderstandings."""
    iso = isinstance(value, str) and _ISO_DATE.fullmatch(value) is not None
    if not iso and type(value) is not date:
        raise CaseError(Code.DATE_INVALID)
    return value


_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
IsoDate = Annotated[date, BeforeValidator(only_iso)]
"""A civil day of Asia/Shanghai, YYYY-MM-DD."""


def _only_moments(value: object) -> object:
    """Moments are RFC 3339: seconds of an epoch, days, and moments of no zone are misunderstandings."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise PydanticCustomError(Code.DATE_INVALID.value, Code.DATE_INVALID.value)
    return value


_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _in_every_zone(at: datetime) -> datetime:
    """A moment at the ends of the calendar is none in another zone."""
    if not MINYEAR < at.year < MAXYEAR:
        raise PydanticCustomError(Code.DATE_INVALID.value, Code.DATE_INVALID.value)
    return at


Moment = Annotated[AwareDatetime, BeforeValidator(_only_moments), AfterValidator(_in_every_zone)]
"""A moment that somebody else names, with its zone (RFC 3339)."""


Stamp = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9_-]{1,200}\.[A-Za-z0-9_-]{1,1000}\.[A-Za-z0-9_-]{86}(~[0-9]{1,6}~[A-Za-z0-9_-]{0,854})?$"
    ),
]
"""The gate's signed word on who decided: a compact JWS (see `cases.stamps`); or its word on many rows, and how this one
belongs to them (see `cases.manifests`)."""


class _Frozen(BaseModel):
    """Never changed, only copied with changes."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    def __copy__(self) -> Self:
        """A copy that shares every value."""
        # A decision is made of copies, and pydantic's own takes several times as long: it asks each part how.
        copied = object.__new__(type(self))
        object.__setattr__(copied, "__dict__", self.__dict__.copy())
        object.__setattr__(copied, "__pydantic_fields_set__", self.__pydantic_fields_set__.copy())
        # No model of ours keeps unknown fields or has private attributes.
        object.__setattr__(copied, "__pydantic_extra__", None)
        object.__setattr__(copied, "__pydantic_private__", None)
        return copied


class Contract(_Frozen):
    """Comes from outside: unknown fields are refused, values are never repeated in an error."""

    model_config = ConfigDict(extra="forbid")


class Record(_Frozen):
    """Ours on both sides: unknown fields are left alone, so that two releases can run beside each other."""

    model_config = ConfigDict(
        extra="ignore",
        # Fields with a default are written out too: whoever reads an answer can rely on each.
        json_schema_serialization_defaults_required=True,
    )


class Category(StrEnum):
    """How much depends on the number: the first three are paid by manual reimbursement."""

    resettled = "resettled"
    referred = "referred"
    refund = "refund"
    general = "general"


class Role(StrEnum):
    """In which capacity somebody acts."""

    applicant = "applicant"
    clerk = "clerk"
    officer = "officer"
    supervisor = "supervisor"
    operator = "operator"
    card_bureau = "card_bureau"
    bank = "bank"
    medical_insurance = "medical_insurance"
    pension = "pension"
    back_office = "back_office"
    insured_register = "insured_register"


class System(StrEnum):
    """Other systems that confirm a number change."""

    medical_insurance = "medical_insurance"
    pension = "pension"
    bank = "bank"


class Actor(Contract):
    """Who acts: the office's code of a member of staff or a system, the capacity, the office's region."""

    id: StaffId
    role: Role
    office: RegionCode


def distinct(actors: Sequence[StaffId | None]) -> bool:
    """Whether all the people named are different."""
    named = [actor for actor in actors if actor is not None]
    return len(named) == len(set(named))
