"""The one choke point between the database and everyone else: errors become codes.

Errors of PostgreSQL and asyncpg quote values (a check violation quotes the whole row), and so may those of the standard
library. What leaves here has a code for its message and its type, no cause and no context.
"""

import logging
import traceback
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

import asyncpg
from temporalio.exceptions import ApplicationError

from activities.registry.pool import AWAY
from cases.errors import CaseError, Code

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
Asked: TypeAlias = Callable[Parameters, Coroutine[Any, Any, Answer]]

log = logging.getLogger(__name__)

ONE_HOLDER: Final = "numbers_one_holder"
"""The constraint that holds a number to one living holder."""

STAMP_ONCE: Final = "transitions_stamp_once"
"""The constraint that makes a stamp good for one transition."""

SAYS_WHY: Final = {ONE_HOLDER: Code.NUMBER_TAKEN, STAMP_ONCE: Code.STAMP_USED}
"""Constraints that are rules of the domain, and the code of each."""

REFUSAL: Final = "CASE1"
"""SQLSTATE with which a function of the register refuses a transition; the message is the code."""

PASSES: Final = frozenset(
    {
        Code.KEY_UNKNOWN,
        Code.KEYS_UNAVAILABLE,
        Code.POLICY_UNKNOWN,
        Code.SCHEMA_MISMATCH,
        Code.DATABASE_UNAVAILABLE,
        Code.OCCASION_TO_COME,
    }
)
"""What a right configuration or release heals, or time, so that the step is worth repeating."""

_DATA: Final = "22"
_INTEGRITY: Final = "23"
_PROGRAM: Final = "42"
_INSUFFICIENT_PRIVILEGE: Final = "42501"


class Refused(Exception):
    """The register cannot make a transition for a reason of the domain: the whole transition is rolled back."""

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(code.value)


def code_of(error: BaseException) -> Code:
    """The stable code of an error; what is not known is INTERNAL."""
    if isinstance(error, CaseError | Refused):
        return error.code
    if isinstance(error, asyncpg.UniqueViolationError) and error.constraint_name in SAYS_WHY:
        return SAYS_WHY[error.constraint_name]
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        if state[:2] in {_DATA, _INTEGRITY} or state == _INSUFFICIENT_PRIVILEGE:
            return Code.DATABASE_REFUSED
        return Code.SCHEMA_MISMATCH if state[:2] == _PROGRAM else Code.DATABASE_UNAVAILABLE
    if isinstance(error, AWAY):
        return Code.DATABASE_UNAVAILABLE
    return Code.INTERNAL


def translate(error: Exception) -> ApplicationError:
    """What Temporal is told of an error: its code, and whether repeating the step can help.

    INTERNAL is repeated: a fault of a release stalls visibly and heals when the release does.
    """
    code = code_of(error)
    return ApplicationError(code.value, type=code.value, non_retryable=is_final(error))


def is_final(error: BaseException) -> bool:
    """Whether repeating a step that failed with an error cannot help."""
    code = code_of(error)
    return code in {Code.DATABASE_REFUSED, Code.NUMBER_TAKEN, Code.STAMP_USED} or (
        isinstance(error, CaseError) and code not in PASSES
    )


def case_errors_only(
    function: Callable[Parameters, Coroutine[Any, Any, Answer]],
) -> Callable[Parameters, Coroutine[Any, Any, Answer]]:
    """A function on the register, outside of activities, whose errors are `CaseError` with a code."""

    @wraps(function)
    async def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        try:
            return await function(*args, **kwargs)
        except CaseError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its text must not leave
            raised = error
        # Outside the handler, so that neither the log nor the new error has a context that quotes values.
        code = code_of(raised)
        report(raised, code)
        raise CaseError(code)

    return guarded


def codes_only(
    method: Callable[Parameters, Coroutine[Any, Any, Answer]],
) -> Callable[Parameters, Coroutine[Any, Any, Answer]]:
    """An activity method whose errors are codes."""

    @wraps(method)
    async def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        try:
            return await method(*args, **kwargs)
        except ApplicationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its text must not leave
            raised = error
        # Outside the handler, so that neither the log nor the new error has a context that quotes values.
        report(raised, code_of(raised))
        raise translate(raised)

    return guarded


def report(error: Exception, code: Code) -> None:
    """Log what can be said of an error without quoting it: its class, where it arose, which constraint it broke."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.warning(
        "the register did not do what it was asked",
        extra={
            "code": code.value,
            "error": type(error).__name__,
            "where": f"{where.name}:{where.lineno}",
            "sqlstate": getattr(error, "sqlstate", None),
            "constraint": getattr(error, "constraint_name", None),
        },
    )
