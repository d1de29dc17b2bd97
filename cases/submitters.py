"""Who hands an application in, and who speaks for an applicant afterwards: themself, an agent, a guardian, or a clerk.

Nobody but the agency's own people is staff. An applicant is their person ref, an agent or a guardian the keyed token of
their number: none of them is anybody's colleague.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from cases.errors import CaseError, Code
from cases.models import Actor, Contract, Impersonal, IsoDate, Moment, Reference, Sha256, StaffId, Token


class SubmitterKind(StrEnum):
    """Who handed an application in."""

    staff = "staff"
    applicant = "applicant"
    agent = "agent"
    guardian = "guardian"


class Authority(Contract):
    """What lets somebody act for another: the SHA-256 of the document, and its last day."""

    document: Sha256
    until: IsoDate


CitizenKind = Literal[SubmitterKind.applicant, SubmitterKind.agent, SubmitterKind.guardian]


class Citizen(Contract):
    """Whoever handed an application in, or speaks for the applicant, and is no staff.

    `ref` is a keyed token: an applicant's person ref, the number token of anybody else. It is never a staff code.
    """

    kind: CitizenKind
    ref: Token
    authority: Authority | None = None

    @model_validator(mode="after")
    def _applicants_need_no_authority(self) -> Self:
        if self.kind is SubmitterKind.applicant and self.authority is not None:
            raise CaseError(Code.FIELD_INVALID, "authority")
        return self


class IdentityCheck(Contract):
    """An electronic check of whoever applies: by which provider, when, and under which reference of theirs."""

    provider: Annotated[StaffId, Impersonal]
    at: Moment
    reference: Reference


def staff_or(citizen: type[BaseModel]) -> WrapValidator:
    """Reads a submitter: an `Actor`, unless `kind` says otherwise, so that an error names the fields of one only."""

    def read(value: object, _: ValidatorFunctionWrapHandler) -> BaseModel:
        if isinstance(value, citizen):
            return value
        if not isinstance(value, Mapping) or "kind" not in value:
            return Actor.model_validate(value)
        if value["kind"] == SubmitterKind.staff:
            return Actor.model_validate({name: said for name, said in value.items() if name != "kind"})
        return citizen.model_validate(value)

    return WrapValidator(read)


def check_authority(citizen: Citizen, person: Token, today: date, known: Citizen | None = None) -> None:
    """Whether somebody may speak for a person on a day of Shanghai.

    `known` is who handed the application in, whose authority need not be shown again. Raises `CaseError`:
    NOT_THE_APPLICANT, AUTHORITY_MISSING, AUTHORITY_ENDED.
    """
    if citizen.kind is SubmitterKind.applicant:
        if citizen.ref != person:
            raise CaseError(Code.NOT_THE_APPLICANT)
        return
    authority = citizen.authority
    if authority is None and known is not None and (known.kind, known.ref) == (citizen.kind, citizen.ref):
        authority = known.authority
    if authority is None:
        raise CaseError(Code.AUTHORITY_MISSING)
    if authority.until < today:
        raise CaseError(Code.AUTHORITY_ENDED)
