"""Where in a request something is wrong: in its body, in its query, in a header, or in a file.

A pointer resolves in the very body that was sent, or names a member that is missing from an object of it: what the
service makes of a body is nobody's affair outside.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from fastapi import Request
from pydantic import BaseModel

from cases.errors import Code
from intake.applications import Problem, pointer_of
from intake.requests import KEY_HEADER

_HEADER_OF: Final[Mapping[str, str]] = {"key": KEY_HEADER, "update_id": KEY_HEADER}
"""Fields that no body has: the service fills them in from a header."""
_PARAMETERS: Final = frozenset({"sheet"})
"""What is wrong with how a file is to be read stands in the query."""

MEANT: Final[Mapping[Code, tuple[str, ...]]] = {
    Code.SUBMITTER_UNKNOWN: ("submitter.id",),
    Code.IDENTITY_CHECK_MISSING: ("identity",),
    Code.IDENTITY_CHECK_REFUSED: ("identity",),
    Code.CHANNEL_NOT_OFFERED: ("channel",),
    Code.DELIVERY_NOT_OFFERED: ("delivery",),
    Code.POLICY_UNKNOWN: ("policy", "region"),
    Code.AUTHORITY_MISSING: ("submitter.authority", "on_behalf.authority"),
    Code.AUTHORITY_ENDED: ("submitter.authority.until", "on_behalf.authority.until"),
    Code.NOT_THE_APPLICANT: ("submitter", "on_behalf"),
    Code.ORIGINAL_NOT_SEEN: ("original_seen",),
    Code.DOCUMENTS_MISSING: ("police_document", "copies"),
    Code.DOCUMENTS_TOO_MANY: ("documents", "police_document"),
    Code.DOCUMENT_DIGEST_MISMATCH: ("copies",),
    Code.DOCUMENT_OF_ANOTHER_PERSON: ("documents", "police_document", "copies"),
    Code.DOCUMENT_EXPIRED: ("documents", "police_document", "copies"),
    Code.DOCUMENT_FUTURE_DATED: ("documents", "police_document", "copies"),
    Code.NUMBER_NOT_DERIVABLE: ("new_number", "number"),
    Code.IDEMPOTENCY_CONFLICT: ("key",),
    Code.IDEMPOTENCY_KEY_INVALID: ("key",),
}
"""What a case that refuses with a code means of what it was told; the first that the body may have counts."""


class Sent(NamedTuple):
    """What was sent as the body of a request, and which members it may have."""

    body: Mapping[str, Any]
    members: frozenset[str]


class Pointed(NamedTuple):
    """One thing that is wrong, and where: exactly one of `pointer`, `header` and `column` says more than nothing."""

    code: Code
    pointer: str = ""
    """JSON pointer into the body, or `?name` for a parameter."""
    header: str | None = None
    row: int | None = None
    """Of a file, as people count who look at it."""
    column: str | None = None


def keep_sent(request: Request, body: Mapping[str, Any], models: Iterable[type[BaseModel]]) -> None:
    """Remember what was sent, for whoever has to say where something is wrong in it."""
    request.state.sent = Sent(body, frozenset(name for model in models for name in model.model_fields))


def pointed_at(request: Request, problems: Iterable[Problem]) -> tuple[Pointed, ...]:
    """Where in a request each problem is."""
    sent: Sent | None = getattr(request.state, "sent", None)
    return tuple(dict.fromkeys(_pointed(sent, problem) for problem in problems))


def meant_by(request: Request, code: Code) -> tuple[Pointed, ...]:
    """What a refusal of the case means of what was sent; nothing where it is about something else."""
    paths = MEANT.get(code, ())
    sent: Sent | None = getattr(request.state, "sent", None)
    if sent is None:
        return ()
    within = sent.members | ({*_HEADER_OF} if KEY_HEADER in request.headers else set())
    path = next((path for path in paths if path.partition(".")[0] in within), None)
    return () if path is None else (_pointed(sent, Problem(path, code)),)


def _pointed(sent: Sent | None, problem: Problem) -> Pointed:
    if problem.field in _HEADER_OF:
        return Pointed(problem.code, header=_HEADER_OF[problem.field])
    if sent is None:
        field = f"?{problem.field}" if problem.field in _PARAMETERS else problem.field
        return Pointed(problem.code, field if field.startswith("?") else "")
    if problem.field.startswith("?"):
        return Pointed(problem.code, problem.field)
    return Pointed(problem.code, pointer_of(".".join(_resolved(sent, problem.field))))


def _resolved(sent: Sent, field: str) -> list[str]:
    """A path as far as it leads in what was sent, and one step further to a member that is missing."""
    path: list[str] = []
    inside: Any = sent.body
    for part in field.split(".") if field else ():
        if isinstance(inside, Mapping):
            if part not in inside:
                return [*path, part] if path or part in sent.members else path
            inside = inside[part]
        elif isinstance(inside, list) and part.isdecimal() and int(part) < len(inside):
            inside = inside[int(part)]
        else:
            return path
        path.append(part)
    return path
