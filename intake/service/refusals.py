"""With which codes a route may refuse, by what it does; the description of the interface names them by status."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final

from cases.errors import Code
from intake.service.problems import STATUS

Codes = frozenset[Code]


def _of(*statuses: HTTPStatus) -> Codes:
    return frozenset(code for code, status in STATUS.items() if status in statuses)


ALWAYS: Final = _of(HTTPStatus.INTERNAL_SERVER_ERROR) | {Code.DATABASE_UNAVAILABLE, Code.FIELD_UNKNOWN}
"""Of every route: what the caller can do nothing about, and a parameter that it does not have."""
TOKEN: Final = frozenset(
    {
        Code.IDENTITY_MISSING,
        Code.IDENTITY_INVALID,
        Code.IDENTITY_EXPIRED,
        Code.SCOPE_MISSING,
        Code.REQUESTED_TOO_OFTEN,
        Code.GATE_UNAVAILABLE,
    }
)
"""Of a route that needs a token; where the provider's keys cannot be had, nobody is known."""
PARAMETERS: Final = frozenset({Code.FIELD_INVALID})
"""Of parameters in the query or in a header."""
BODY: Final = PARAMETERS | {
    Code.REQUEST_NOT_JSON,
    Code.REQUEST_TOO_LARGE,
    Code.MEDIA_TYPE_UNKNOWN,
    Code.TEXT_FORBIDDEN_CHARACTERS,
    Code.FIELD_MISSING,
    Code.FIELD_UNKNOWN,
    Code.PAYLOAD_INVALID,
}
"""Of a body, whatever stands in it."""
ONE_CASE: Final = frozenset({Code.CASE_UNKNOWN})
ONE_SUBSCRIPTION: Final = frozenset({Code.SUBSCRIPTION_UNKNOWN})
ONE_JOB: Final = frozenset({Code.JOB_UNKNOWN})
ONE_CAMPAIGN: Final = ONE_JOB | {Code.JOB_NO_CAMPAIGN}
PACED: Final = frozenset({Code.JOB_NOT_RUNNING, Code.ENGINE_TIMEOUT, Code.ENGINE_UNAVAILABLE})
"""Of what is said to the workflow of a campaign."""
FILE: Final = PARAMETERS | {
    Code.UPLOAD_TOO_SLOW,
    Code.REQUEST_TOO_LARGE,
    Code.ROWS_TOO_MANY,
    Code.MEDIA_TYPE_UNKNOWN,
    Code.FILE_UNREADABLE,
    Code.FILE_PROTECTED,
    Code.FILE_NOT_A_WORKBOOK,
    Code.FILE_TOO_LARGE,
    Code.FILE_ENCODING,
    Code.FILE_TYPE_UNKNOWN,
    Code.HEADINGS_MISSING,
    Code.COLUMN_MISSING,
    Code.COLUMN_DUPLICATE,
    Code.COLUMN_UNKNOWN,
    Code.PAYLOAD_INVALID,
    Code.IDEMPOTENCY_KEY_INVALID,
    Code.PII_IN_TEXT,
    Code.IDEMPOTENCY_CONFLICT,
    Code.JOBS_TOO_MANY,
}
"""Of a file as a whole; what is wrong with one of its rows is told among its rows."""

_OF_OTHERS: Final = frozenset(
    {
        # Of the gate's pages, of providers' receipts, of commands, of files and directories that are loaded.
        Code.ROUTE_UNKNOWN,
        Code.LOGIN_FAILED,
        Code.CALLER_REFUSED,
        Code.ORIGIN_NOT_ALLOWED,
        Code.CALLBACK_UNAUTHENTIC,
        Code.CALLBACK_EXPIRED,
        Code.CALLBACK_UNKNOWN,
        Code.SCHEDULE_UNKNOWN,
        Code.PLAN_UNKNOWN,
        Code.HEADS_BROKEN,
        Code.HEADS_OVERTAKEN,
        Code.HEADS_UNREACHABLE,
        Code.PLAN_EMPTY,
        Code.PLAN_TOO_LARGE,
        Code.NOT_IN_BULK,
        Code.MESSAGE_UNKNOWN,
        Code.MESSAGE_NOT_GIVEN_UP,
        Code.SUBSCRIPTION_UNKNOWN,
        Code.SUBSCRIPTIONS_TOO_MANY,
        Code.SINK_REFUSED,
        Code.JOB_UNKNOWN,
        Code.JOB_NOT_RUNNING,
        Code.JOB_NO_CAMPAIGN,
        Code.FILE_UNREADABLE,
        Code.FILE_PROTECTED,
        Code.FILE_NOT_A_WORKBOOK,
        Code.FILE_TOO_LARGE,
        Code.FILE_ENCODING,
        Code.FILE_TYPE_UNKNOWN,
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
        # Of what the register's source says.
        Code.SOURCE_VERSION_REUSED,
        Code.SAID_TWICE,
        Code.NUMBER_SUPERSEDED,
        Code.CARD_NUMBER_TAKEN,
        Code.CARD_BLOCKED_BY_CASE,
        Code.CARDS_CONTRADICT,
        Code.CLAIM_PAID,
        Code.BENEFITS_ALREADY_HELD,
    }
)
_ENGINE: Final = frozenset(
    {
        Code.GATE_UNAVAILABLE,
        Code.ANSWER_CONTRADICTED,
        Code.ENGINE_UNAVAILABLE,
        Code.ENGINE_TIMEOUT,
        Code.STAMP_EXPIRED,
    }
)
"""What is between the door and a case: repeating is safe."""
TOLD: Final = (
    BODY
    | _ENGINE
    | _of(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
) - _OF_OTHERS
"""Of whatever a case is opened with or told: the rules of its kind say which of them, and new rules bring new ones."""


def by_status(codes: Collection[Code]) -> Mapping[HTTPStatus, tuple[Code, ...]]:
    """Codes by the status under which they are told."""
    found: defaultdict[HTTPStatus, list[Code]] = defaultdict(list)
    for code in sorted(codes):
        found[STATUS[code]].append(code)
    return {status: tuple(found[status]) for status in sorted(found)}
