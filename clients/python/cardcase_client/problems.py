"""What can go wrong, as exceptions. None of them says a value that was sent."""

from http import HTTPStatus
from typing import Final

from pydantic import ValidationError

from cardcase_client.models import FieldProblem, Outcome, Problem, Remedy


class ClientError(Exception):
    """Whatever goes wrong in this package."""


class Unreachable(ClientError):
    """Nobody answered, also after repeating where that is safe. What was sent may or may not have had effect."""


class Unreadable(ClientError):
    """The answer is not what the interface describes."""


class NotInTime(ClientError):
    """The case did not come to where it was waited for within the time."""


class CredentialsRefused(ClientError):
    """The token endpoint gave no token, or the token file holds none that is still good."""


class Refused(ClientError):
    """The service refuses. Go by `code`; show `remedy` to people."""

    def __init__(self, status: int, problem: Problem | None, retry_after: float | None = None) -> None:
        self.status: Final = status
        self.problem: Final = problem
        """The whole `application/problem+json`; None where something before the service answered."""
        self.retry_after: Final = retry_after
        """Seconds after which it may be asked again, where the answer said so."""
        super().__init__(f"{self.code}: {problem.title}" if problem is not None else f"status {status}")

    @property
    def code(self) -> str:
        """The stable code; empty where something before the service answered."""
        return "" if self.problem is None else str(self.problem.code)

    @property
    def remedy(self) -> Remedy | None:
        """What to do, in both languages."""
        return None if self.problem is None else self.problem.remedy

    @property
    def errors(self) -> tuple[FieldProblem, ...]:
        """Every field that is wrong: by its JSON pointer, its header, or row and column of a file."""
        return () if self.problem is None else self.problem.errors

    @property
    def outcome(self) -> Outcome | None:
        """How a case ended that is closed already."""
        return None if self.problem is None else self.problem.outcome

    @property
    def case_id(self) -> str | None:
        """The case that is open already, where one is in the way and the caller may read it."""
        return None if self.problem is None else self.problem.case_id


class Invalid(Refused):
    """What was sent cannot be taken (400, 405, 413, 415, 422): correct it."""


class NotAllowed(Refused):
    """No token, or not for this (401, 403)."""


class NotFound(Refused):
    """Not there, or not yours (404)."""


class Conflict(Refused):
    """The case says no, or stands elsewhere (409): read it, and decide anew."""


class Gone(Refused):
    """A place in the feed that is no more (410): read all cases once, and go on from the end of the feed."""


class Moved(Refused):
    """The case has moved since it was read (412)."""


class Busy(Refused):
    """Too often, or nobody behind the service answered (429, 502, 503, 504), also after repeating."""


class Failed(Refused):
    """The service itself failed (500)."""


_S = HTTPStatus
_BY_STATUS: Final[dict[int, type[Refused]]] = {
    **dict.fromkeys((_S.BAD_REQUEST, _S.METHOD_NOT_ALLOWED, _S.REQUEST_ENTITY_TOO_LARGE), Invalid),
    **dict.fromkeys((_S.UNSUPPORTED_MEDIA_TYPE, _S.UNPROCESSABLE_ENTITY), Invalid),
    **dict.fromkeys((_S.UNAUTHORIZED, _S.FORBIDDEN), NotAllowed),
    _S.NOT_FOUND: NotFound,
    _S.CONFLICT: Conflict,
    _S.GONE: Gone,
    _S.PRECONDITION_FAILED: Moved,
    **dict.fromkeys((_S.TOO_MANY_REQUESTS, _S.BAD_GATEWAY, _S.SERVICE_UNAVAILABLE, _S.GATEWAY_TIMEOUT), Busy),
    _S.INTERNAL_SERVER_ERROR: Failed,
}


def refusal(status: int, media_type: str, content: bytes, retry_after: str | None) -> Refused:
    """The exception that an answer is."""
    problem: Problem | None = None
    if media_type.partition(";")[0].strip().lower() == "application/problem+json":
        try:
            problem = Problem.model_validate_json(content)
        except ValidationError:
            problem = None
    seconds = (
        float(retry_after) if retry_after is not None and retry_after.isascii() and retry_after.isdigit() else None
    )
    return _BY_STATUS.get(status, Refused)(status, problem, seconds)
