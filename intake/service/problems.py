"""What is refused, as `application/problem+json` (RFC 9457): a code, a remedy in both languages, and never a value."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict
from starlette.exceptions import HTTPException

from cases.answers import Outcome
from cases.errors import CaseError, Code
from cases.models import Record
from intake.applications import InputRefused
from intake.applications import Problem as InputProblem
from intake.client import EngineError
from intake.files.columns import HeadingsRefused
from intake.remedies import OURS, remedy_over_http
from intake.service.pointing import Pointed, meant_by, pointed_at

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 5
"""When to ask again, where nobody knows better."""


class Remedy(Record):
    """What to do, in both languages."""

    zh: str
    en: str


class FieldProblem(Record):
    """One field that is wrong."""

    pointer: str
    """JSON pointer (RFC 6901) into the request's body, of a member that is missing too; or `?name` for a parameter.

    Empty for the body as a whole, and where `header` or `column` says where it is.
    """
    code: Code
    remedy: Remedy
    header: str | None = None
    """The header that is wrong."""
    row: int | None = None
    """The row of a file, as people count it who look at it."""
    column: str | None = None
    """The column of a file: its English heading, or its place and letter where it has none of ours."""


class Problem(Record):
    """A refusal. Whoever reads it by program goes by `code`."""

    # What is said of a case is left out where nothing is.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    type: str
    """`urn:cardcase:` and the code."""
    title: str
    """What went wrong and what to do, in English."""
    status: int
    """The HTTP status."""
    code: Code
    remedy: Remedy
    errors: tuple[FieldProblem, ...] = ()
    """Every field that is wrong, where fields are."""
    outcome: Outcome | None = None
    """Of a case that is closed already."""
    case_id: str | None = None
    """The case that is open already, where the caller may read it."""


_S = HTTPStatus
_CODES: Final[Mapping[HTTPStatus, tuple[Code, ...]]] = {
    _S.BAD_REQUEST: (Code.REQUEST_MALFORMED, Code.REQUEST_NOT_JSON),
    _S.UNAUTHORIZED: (
        Code.IDENTITY_MISSING,
        Code.IDENTITY_INVALID,
        Code.IDENTITY_EXPIRED,
        Code.LOGIN_FAILED,
        Code.CALLBACK_UNAUTHENTIC,
        Code.CALLBACK_EXPIRED,
    ),
    _S.FORBIDDEN: (
        Code.ROLE_NOT_ALLOWED,
        Code.SCOPE_MISSING,
        Code.ORIGIN_NOT_ALLOWED,
        Code.CALLER_REFUSED,
        Code.STAMP_MISMATCH,
    ),
    # Whose case it is nobody else learns: another office's is as unknown as one that there is not.
    _S.NOT_FOUND: (
        Code.ROUTE_UNKNOWN,
        Code.CASE_UNKNOWN,
        Code.CASE_ID_INVALID,
        Code.OFFICE_NOT_COMPETENT,
        Code.SCHEDULE_UNKNOWN,
        Code.CALLBACK_UNKNOWN,
        Code.PLAN_UNKNOWN,
        Code.MESSAGE_UNKNOWN,
        Code.SUBSCRIPTION_UNKNOWN,
        Code.JOB_UNKNOWN,
    ),
    _S.METHOD_NOT_ALLOWED: (Code.METHOD_NOT_ALLOWED,),
    _S.CONFLICT: (
        Code.HEADS_OVERTAKEN,
        Code.EVENT_NOT_ALLOWED,
        Code.SAME_PERSON,
        Code.CASE_IN_HAND,
        Code.CONTENT_CHANGED,
        Code.PERSON_ERASED,
        Code.PAST_POINT_OF_NO_RETURN,
        Code.UNDO_NOT_PERMITTED,
        Code.SYSTEM_NOT_AWAITED,
        Code.CLAIM_PERIOD_NOT_OVER,
        Code.ACTIVATION_PERIOD_NOT_OVER,
        Code.ADDRESS_NOT_NEEDED,
        Code.EXTENSION_TOO_LONG,
        Code.EXTENSION_OF_PROCESSING,
        Code.EXTENSION_OF_SUPPLEMENT,
        Code.EXTENSION_OF_HOLD,
        Code.EXTENSION_OF_CONFIRMATION,
        Code.EXTENSION_OF_LOSS_REPORT,
        Code.EXTENSION_OF_PRODUCTION,
        Code.EXTENSION_OF_CLAIM,
        Code.EXTENSION_OF_ACTIVATION,
        Code.CARD_NOT_TO_BE_DESTROYED,
        Code.ORDER_NOT_OVER,
        Code.LOSS_ALREADY_REPORTED,
        Code.NO_CARD_IN_USE,
        Code.CARD_FOUND_TOO_LATE,
        Code.LOST_ON_WAY_TOO_OFTEN,
        Code.NO_CLOCK_TO_EXTEND,
        Code.HOLD_LIMIT_USED,
        Code.BENEFITS_EXCLUDED,
        Code.BENEFITS_NOT_HELD,
        Code.NOTICE_NOT_SERVED,
        Code.DEADLINE_NOT_PASSED,
        Code.NO_RESPONSE,
        Code.LOSS_REPORT_EXPIRED,
        Code.DISPUTE_LOST,
        Code.PERSON_UNKNOWN,
        Code.PERSON_DECEASED,
        Code.PERSON_TRANSFERRED,
        Code.PERSON_MERGED,
        Code.ALREADY_18_DIGITS,
        Code.ACTS_TOO_MANY,
        Code.CASE_CLOSED,
        Code.CASE_STILL_OPEN,
        Code.CASE_ALREADY_OPEN,
        Code.CASE_NOT_REOPENABLE,
        Code.NOTHING_TO_CORRECT,
        Code.PRECHECK_PERSON_UNKNOWN,
        Code.PRECHECK_PERSON_DIFFERS,
        Code.PRECHECK_DUPLICATE,
        Code.PRECHECK_NOT_ALLOWED,
        Code.NUMBER_TAKEN,
        Code.REGISTER_CHANGED,
        Code.DIGEST_DIFFERS,
        Code.PERSON_BUSY,
        Code.SOURCE_VERSION_REUSED,
        Code.NUMBER_SUPERSEDED,
        Code.CARD_NUMBER_TAKEN,
        Code.CARD_BLOCKED_BY_CASE,
        Code.CARDS_CONTRADICT,
        Code.CLAIM_PAID,
        Code.BENEFITS_ALREADY_HELD,
        Code.STATE_TOO_LARGE,
        Code.START_REFUSED,
        Code.OCCASION_TO_COME,
        Code.OCCASION_OVER,
        Code.BENEFIT_STILL_HELD,
        Code.PRODUCTION_FAILED,
        Code.CONFIRMATION_REFUSED,
        Code.CONFIRMATION_OVERDUE,
        Code.QUESTION_NOT_DELIVERED,
        Code.NOT_IN_BULK,
        Code.PLAN_EMPTY,
        Code.PLAN_TOO_LARGE,
        Code.MESSAGE_NOT_GIVEN_UP,
        Code.SUBSCRIPTIONS_TOO_MANY,
        Code.JOB_NOT_RUNNING,
        Code.JOB_NO_CAMPAIGN,
        Code.STAMP_USED,
        Code.ANSWER_OUT_OF_DATE,
        Code.SUPPLEMENT_ROUNDS_USED,
        Code.NOTICE_TOO_LATE,
        Code.DEFECT_NOT_NAMED,
        Code.DOCUMENT_NOT_DEMANDED,
        Code.DECISION_NOT_ASKED,
        Code.UNDO_IMPOSSIBLE,
        Code.OPINIONS_DIFFER,
        Code.DUPLICATE_NOT_ASKED,
        Code.MERGE_IMPOSSIBLE,
        Code.MERGE_PAID,
    ),
    _S.REQUEST_TIMEOUT: (Code.UPLOAD_TOO_SLOW,),
    _S.GONE: (Code.FEED_PLACE_GONE,),
    _S.PRECONDITION_FAILED: (Code.VERSION_DIFFERS,),
    _S.REQUEST_ENTITY_TOO_LARGE: (Code.REQUEST_TOO_LARGE, Code.ROWS_TOO_MANY, Code.FILE_TOO_LARGE),
    _S.UNSUPPORTED_MEDIA_TYPE: (Code.MEDIA_TYPE_UNKNOWN, Code.FILE_TYPE_UNKNOWN),
    _S.UNPROCESSABLE_ENTITY: (
        Code.NUMBER_EMPTY,
        Code.NUMBER_LENGTH,
        Code.NUMBER_CHARACTERS,
        Code.NUMBER_CHECK_DIGIT,
        Code.NUMBER_BIRTH_DATE,
        Code.NUMBER_BIRTH_IN_FUTURE,
        Code.NUMBER_X_POSITION,
        Code.NUMBER_SPREADSHEET_DAMAGED,
        Code.NUMBER_NOT_DERIVABLE,
        Code.NAME_EMPTY,
        Code.NAME_TOO_LONG,
        Code.TEXT_FORBIDDEN_CHARACTERS,
        Code.TEXT_TOO_LONG,
        Code.REFERENCE_EMPTY,
        Code.REFERENCE_TOO_LONG,
        Code.PII_IN_TEXT,
        Code.FORM_OF_ANOTHER_CASE,
        Code.FORM_OF_ANOTHER_EVENT,
        Code.FIELD_MISSING,
        Code.FIELD_UNKNOWN,
        Code.FIELD_INVALID,
        Code.IDEMPOTENCY_KEY_INVALID,
        Code.IDEMPOTENCY_CONFLICT,
        Code.PERSONAL_NUMBER_INVALID,
        Code.REGION_INVALID,
        Code.DATE_INVALID,
        Code.FILE_UNREADABLE,
        Code.FILE_PROTECTED,
        Code.FILE_NOT_A_WORKBOOK,
        Code.HEADS_BROKEN,
        Code.FILE_ENCODING,
        Code.HEADINGS_MISSING,
        Code.COLUMN_MISSING,
        Code.COLUMN_DUPLICATE,
        Code.COLUMN_UNKNOWN,
        Code.ROW_BROKEN,
        Code.ROW_REPEATED,
        Code.CELL_FORMULA,
        Code.VALUE_LOST,
        Code.VALUE_MASKED,
        Code.ROW_OF_TOTALS,
        Code.DOCUMENT_URI_REFUSED,
        Code.DOCUMENT_TYPE_REFUSED,
        Code.DOCUMENT_TOO_LARGE,
        Code.DOCUMENT_DIGEST_INVALID,
        Code.DOCUMENT_DIGEST_MISMATCH,
        Code.DOCUMENT_OF_ANOTHER_PERSON,
        Code.DOCUMENT_EXPIRED,
        Code.DOCUMENT_FUTURE_DATED,
        Code.DOCUMENTS_TOO_MANY,
        Code.DOCUMENTS_MISSING,
        Code.ORIGINAL_NOT_SEEN,
        Code.OFFICE_UNKNOWN,
        Code.SUBMITTER_UNKNOWN,
        Code.CHANNEL_NOT_OFFERED,
        Code.DELIVERY_NOT_OFFERED,
        Code.IDENTITY_CHECK_MISSING,
        Code.IDENTITY_CHECK_REFUSED,
        Code.AUTHORITY_MISSING,
        Code.AUTHORITY_ENDED,
        Code.NOT_THE_APPLICANT,
        Code.OFFICE_REPEATED,
        Code.OFFICE_LEVEL_WRONG,
        Code.OFFICE_PARENT_WRONG,
        Code.POST_MISSING,
        Code.POST_HOLDER_MISSING,
        Code.POST_RANK_REPEATED,
        Code.POST_DEPUTY_REPEATED,
        Code.POST_UNCOVERED,
        Code.CONTACT_REPEATED,
        Code.CONTACT_MISSING,
        Code.ADDRESS_INVALID,
        Code.PERSON_REPEATED,
        Code.ERASURE_UNKNOWN,
        Code.ERASURE_PLANNED_OTHERWISE,
        Code.PAYLOAD_INVALID,
        Code.SAID_TWICE,
        Code.POLICY_UNKNOWN,
        Code.SINK_REFUSED,
    ),
    _S.TOO_MANY_REQUESTS: (
        Code.REQUESTED_TOO_OFTEN,
        Code.REVEALED_TOO_OFTEN,
        Code.SEARCHED_TOO_OFTEN,
        Code.JOBS_TOO_MANY,
    ),
    # What the caller can do nothing about: their request is not judged by it.
    _S.INTERNAL_SERVER_ERROR: (*OURS, Code.DATABASE_REFUSED, Code.INTERNAL),
    _S.SERVICE_UNAVAILABLE: (
        Code.HEADS_UNREACHABLE,
        Code.GATE_UNAVAILABLE,
        Code.ANSWER_CONTRADICTED,
        Code.REGISTER_BEHIND,
        Code.KEYS_UNAVAILABLE,
        Code.DATABASE_UNAVAILABLE,
        Code.DOCUMENT_UNAVAILABLE,
        Code.ENGINE_UNAVAILABLE,
        Code.ENGINE_TIMEOUT,
        Code.STAMP_EXPIRED,
        Code.CHANNEL_NOT_CONFIGURED,
        Code.CHANNEL_NOT_AUTHORISED,
        Code.CHANNEL_UNAVAILABLE,
        Code.CHANNEL_BUSY,
        Code.CHANNEL_UNCERTAIN,
        Code.CHANNEL_REFUSED,
        Code.NOT_DELIVERED,
        Code.BOUNCED,
        Code.POST_VACANT,
    ),
}
STATUS: Final[Mapping[Code, HTTPStatus]] = {code: status for status, codes in _CODES.items() for code in codes}
"""The HTTP status of every code."""

_ASK_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_NO_STORE: Final = {"Cache-Control": "no-store"}


def problem_of(
    code: Code, errors: Iterable[Pointed] = (), outcome: Outcome | None = None, case_id: str | None = None
) -> Problem:
    """The problem that a code is. Of what cannot be taken at least the body as a whole is wrong."""
    whole = (Pointed(code),) if STATUS[code] is HTTPStatus.UNPROCESSABLE_ENTITY else ()
    return Problem(
        type=f"urn:cardcase:{code.value}",
        title=remedy_over_http(code).en,
        status=STATUS[code],
        code=code,
        remedy=_remedy(code),
        errors=tuple(FieldProblem(**each._asdict(), remedy=_remedy(each.code)) for each in errors or whole),
        outcome=outcome,
        case_id=case_id,
    )


def response_of(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says so."""
    told = {**_NO_STORE, **(headers or {})}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        told["WWW-Authenticate"] = "Bearer"
    if problem.status in _ASK_AGAIN:
        told.setdefault("Retry-After", str(RETRY_SECONDS))
    return Response(written(problem), problem.status, headers=told, media_type=MEDIA_TYPE)


def written(problem: Problem) -> str:
    """A problem as it is sent: of a case only where there is one."""
    return problem.model_dump_json(exclude={name for name in _OF_A_CASE if getattr(problem, name) is None})


_OF_A_CASE: Final = ("outcome", "case_id")


class TooOften(CaseError):
    """A limit is reached; `retry_after` are the seconds after which it is not."""

    def __init__(self, code: Code, retry_after: int) -> None:
        super().__init__(code)
        self.retry_after = retry_after


class OpenAlready(CaseError):
    """A case of this kind is open for the person, with other content: it is `case_id`, which the caller may read."""

    def __init__(self, case_id: str) -> None:
        super().__init__(Code.CASE_ALREADY_OPEN)
        self.case_id = case_id


# --- handlers of the application ------------------------------------------------------------------------------------


async def of_case_error(request: Request, error: Exception) -> Response:
    """A code of ours."""
    if not isinstance(error, CaseError):
        raise error
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooOften) else None
    case_id = error.case_id if isinstance(error, OpenAlready) else None
    return response_of(problem_of(error.code, _of_code(request, error), case_id=case_id), headers)


def _of_code(request: Request, error: CaseError) -> tuple[Pointed, ...]:
    if STATUS[error.code] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Nothing that was sent is wrong; the field is one of ours.
        return ()
    if error.field is None:
        return meant_by(request, error.code)
    return pointed_at(request, [InputProblem(error.field, error.code)])


async def of_engine_error(request: Request, error: Exception) -> Response:
    """What the case said no to, or what the engine did not answer."""
    if not isinstance(error, EngineError):
        raise error
    return response_of(problem_of(error.code, meant_by(request, error.code), error.outcome))


async def of_input(request: Request, error: Exception) -> Response:
    """Fields that cannot be taken: with one fault its code is the problem's."""
    if not isinstance(error, InputRefused):
        raise error
    codes = {each.code for each in error.problems}
    code = codes.pop() if len(codes) == 1 else Code.PAYLOAD_INVALID
    if isinstance(error, HeadingsRefused):
        wrong = tuple(Pointed(each.code, row=error.row, column=each.field) for each in error.problems)
    else:
        wrong = pointed_at(request, error.problems)
    return response_of(problem_of(code, wrong))


async def of_parameters(_request: Request, error: Exception) -> Response:
    """Parameters of a route. The framework's own answer would repeat what was sent."""
    if not isinstance(error, RequestValidationError):
        raise error
    found: list[dict[str, Any]] = list(error.errors())
    named = next((each["loc"][-1] for each in found if each["loc"][0] == "path"), None)
    if named is not None:
        return response_of(problem_of(_UNKNOWN[named]))
    return response_of(problem_of(Code.FIELD_INVALID, dict.fromkeys(map(_of_parameter, found))))


_UNKNOWN: Final = {
    "case": Code.CASE_UNKNOWN,
    "job": Code.JOB_UNKNOWN,
    "subscription": Code.SUBSCRIPTION_UNKNOWN,
}
"""What is said of something that a path names in another form than anything has."""


def _of_parameter(found: Mapping[str, Any]) -> Pointed:
    where, name = found["loc"][0], str(found["loc"][1])
    if where == "header":
        return Pointed(Code.FIELD_INVALID, header=name)
    return Pointed(Code.FIELD_INVALID, f"?{name}")


async def of_route(_request: Request, error: Exception) -> Response:
    """No such route, or not by this method."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    code = {
        HTTPStatus.NOT_FOUND: Code.ROUTE_UNKNOWN,
        HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    }.get(HTTPStatus(status), Code.INTERNAL)
    return response_of(problem_of(code))


def _remedy(code: Code) -> Remedy:
    remedy = remedy_over_http(code)
    return Remedy(zh=remedy.zh, en=remedy.en)
