"""What is told: applications that open cases, and everything that happens to a case from outside."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from pydantic import TypeAdapter, ValidationError

from activities.registry.reading import is_key_used, reference_of
from cases.errors import CaseError, Code
from cases.events import FACTS, ROLES, Event
from cases.events import OPEN as OPENED
from cases.kinds import KINDS, case_id
from cases.models import RegionCode, impersonal
from cases.names import Kind
from cases.rules.people import check_role
from intake.applications import (
    APPLICATIONS,
    Application,
    InputRefused,
    Problem,
)
from intake.client import EngineError
from intake.repeating import check_repetition
from intake.requests import application_of, kind_named
from intake.service.bodies import object_of
from intake.service.callers import Caller, caller_of
from intake.service.headers import OWN_KEY, CaseId, KeyHeader, MatchHeader
from intake.service.problems import OpenAlready
from intake.service.reach import Reach, answered, etag, etag_of
from intake.service.scopes import READ
from intake.telling import fact_of

REOPEN: Final = {
    "type": "boolean",
    "default": False,
    "title": "Reopen",
    "description": "Open the next generation of a case that is closed.",
}
"""How the field of an opening is described that is none of its application."""


@dataclass(frozen=True)
class Acting:
    """The routes by which something is told."""

    reach: Reach

    async def open_case(self, request: Request, idempotency_key: KeyHeader = None) -> Response:
        """Take an application in; the receipt comes when it is durably registered and screened.

        A pre-check that rejects it is an outcome and no error: the receipt says so. `reopen: true` in the body opens
        the next generation of a closed case.
        """
        caller = caller_of(request)
        fields = await object_of(request, *APPLICATIONS.values())
        check_may_open(caller, fields)
        reopen = fields.pop("reopen", False)
        if not isinstance(reopen, bool):
            raise InputRefused([Problem("reopen", Code.FIELD_INVALID)])
        if "key" in fields:
            raise InputRefused([Problem("", Code.FIELD_UNKNOWN)])
        if "kind" not in fields:
            raise InputRefused([Problem("kind", Code.FIELD_MISSING)])
        key = own_key(caller, idempotency_key)
        application = application_of(fields if key is None else {**fields, "key": key})
        check_region(caller, application)
        cases = await self.reach.cases.for_(caller)
        # Who is new has a key made, which waits for the disk.
        opening = await asyncio.to_thread(cases.sealed, application, reopen=reopen)
        before = await is_key_used(self.reach.pool, opening.key)
        try:
            receipt = await cases.enter(opening)
        except EngineError as refused:
            if refused.code is Code.CASE_ALREADY_OPEN and caller.may(READ):
                await self._name_open(caller, case_id(opening.kind, opening.person))
            raise
        reference = await reference_of(self.reach.pool, receipt.case_id, receipt.generation)
        receipt = receipt.model_copy(update={"reference": reference})
        return answered(receipt, 200 if before else 201, {"Location": f"/v1/cases/{receipt.case_id}"})

    async def _name_open(self, caller: Caller, case: str) -> None:
        """Raises `OpenAlready` with the case, if the caller sees it."""
        try:
            await self.reach.case_of(caller, case)
        except CaseError as unseen:
            if unseen.code is not Code.CASE_UNKNOWN:
                raise
        else:
            raise OpenAlready(case)

    def teller(self, event: Event) -> Callable[..., Awaitable[Response]]:
        """The handler by which one event is told."""

        async def told(
            request: Request, case: CaseId, idempotency_key: KeyHeader = None, if_match: MatchHeader = None
        ) -> Response:
            return await self._tell(request, case, event, idempotency_key, if_match)

        return told

    async def _tell(
        self, request: Request, case: str, event: Event, idempotency_key: str | None, if_match: str | None
    ) -> Response:
        caller = caller_of(request)
        now = await self.reach.case_of(caller, case)
        # Whoever may not tell it learns nothing of what it is made of.
        check_role(caller.actor, event, now.state.opening.region)
        said = fact_of(caller.actor, case, event, await object_of(request, FACTS[event]), self.reach.sealer)
        key = own_key(caller, idempotency_key)
        # What was told before is answered as it was, wherever the case stands by now.
        repeated = key is not None and await check_repetition(self.reach.pool, case, key, event, said)
        # It may have moved while the body was sent.
        if not repeated and if_match is not None and if_match != etag_of(await self.reach.case_of(caller, case)):
            raise CaseError(Code.VERSION_DIFFERS)
        cases = await self.reach.cases.for_(caller)
        answer = await cases.tell(case, said, update_id=key)
        return answered(answer, headers={"ETag": etag(now.state.generation, answer.version)})


def key_of(caller: Caller, key: str | None) -> str | None:
    """The caller's own key, apart from those of others. Raises `CaseError` PII_IN_TEXT."""
    if key is None:
        return None
    try:
        impersonal(key)
    except CaseError as wrong:
        raise CaseError(wrong.code, "key") from None
    return f"{caller.actor.id}:{key}"


def own_key(caller: Caller, header: str | None) -> str | None:
    """The same of a header. Raises `CaseError` FIELD_INVALID as well."""
    if header is not None and _OWN_KEY.fullmatch(header) is None:
        raise CaseError(Code.FIELD_INVALID, "key")
    return key_of(caller, header)


_OWN_KEY: Final = re.compile(OWN_KEY)
_REGION: Final = TypeAdapter(RegionCode)


def check_may_open(caller: Caller, fields: Mapping[str, Any]) -> None:
    """Whether somebody may open a case at all, and of this agency, before anything of it is looked at.

    Raises `CaseError` OFFICE_NOT_COMPETENT, ROLE_NOT_ALLOWED.
    """
    kind, region = kind_named(fields), fields.get("region")
    with suppress(ValidationError):
        # One that is no code is said to be none.
        _check_sees(caller, kind, _REGION.validate_python(region))
    if caller.actor.role not in ROLES[OPENED]:
        raise CaseError(Code.ROLE_NOT_ALLOWED)


def check_region(caller: Caller, application: Application) -> None:
    """Raises `CaseError` OFFICE_NOT_COMPETENT for an agency that the caller does not speak for."""
    _check_sees(caller, application.kind, application.region)


def _check_sees(caller: Caller, kind: Kind | None, region: str) -> None:
    if not any(caller.sees(each, region) for each in (KINDS if kind is None else (kind,))):
        raise CaseError(Code.OFFICE_NOT_COMPETENT)
