"""What is told: applications that open cases, and everything that happens to a case from outside."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response

from activities.registry.reading import is_key_used, told_before
from cases.errors import CaseError, Code
from cases.events import FACTS, Event
from cases.facts import CardProduced, CardTurnedUp, Fact, OnBehalf
from cases.kinds import read_case_id
from intake.applications import (
    Application,
    ApplicationCitizen,
    CardNumber,
    InputRefused,
    Problem,
    check_key,
    checked,
    seal_card_number,
    speaker_of,
)
from intake.requests import application_of
from intake.service.bodies import object_of
from intake.service.callers import OPEN, Caller, tell
from intake.service.headers import CaseId, KeyHeader, MatchHeader
from intake.service.reach import Reach, answered, etag, etag_of

FILLED_IN: Final = frozenset({"actor", "stamp", "card_token"})
"""Fields of facts that nobody sends: the service knows who acts, the gate stamps, a token is computed."""
IN_CLEAR: Final[Mapping[str, Any]] = {"on_behalf": ApplicationCitizen, "card_number": CardNumber}
"""Fields that are sent in clear, and what they are then: keyed tokens or sealed is what becomes of them here."""
REOPEN: Final = {
    "type": "boolean",
    "default": False,
    "title": "Reopen",
    "description": "Open the next generation of a case that is closed.",
}
"""How the field of an opening is described that is none of its application."""
_SEALED_ANEW: Final = frozenset({"stamp", "card_number"})
"""What differs each time that the same is told: a stamp, and what is sealed. The number's token is the same."""


@dataclass(frozen=True)
class Acting:
    """The routes by which something is told."""

    reach: Reach

    async def open_case(self, request: Request, idempotency_key: KeyHeader = None) -> Response:
        """Take an application in; the receipt comes when it is durably registered and screened.

        A pre-check that rejects it is an outcome and no error: the receipt says so. `reopen: true` in the body opens
        the next generation of a closed case.
        """
        caller = await self.reach.callers.of(request)
        caller.need(OPEN)
        fields = await object_of(request)
        reopen = fields.pop("reopen", False)
        if not isinstance(reopen, bool):
            raise InputRefused([Problem("reopen", Code.FIELD_INVALID)])
        if "key" in fields:
            raise InputRefused([Problem("", Code.FIELD_UNKNOWN)])
        if "kind" not in fields:
            raise InputRefused([Problem("kind", Code.FIELD_MISSING)])
        key = _key_of(caller, idempotency_key)
        application = application_of(fields if key is None else {**fields, "key": key})
        _check_region(caller, application)
        cases = await self.reach.cases.for_(caller)
        opening = cases.sealed(application, reopen=reopen)
        before = await is_key_used(self.reach.pool, opening.key)
        receipt = await cases.enter(opening)
        return answered(receipt, 200 if before else 201, {"Location": f"/v1/cases/{receipt.case_id}"})

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
        caller = await self.reach.callers.of(request)
        caller.need(tell(event))
        now = await self.reach.case_of(caller, case)
        said = self._fact_of(caller, case, event, await object_of(request))
        key = _key_of(caller, idempotency_key)
        # What was told before is answered as it was, wherever the case stands by now.
        repeated = key is not None and await self._is_repeated(case, key, event, said)
        if not repeated and if_match is not None and if_match != etag_of(now):
            raise CaseError(Code.VERSION_DIFFERS)
        cases = await self.reach.cases.for_(caller)
        answer = await cases.tell(case, said, update_id=key)
        return answered(answer, headers={"ETag": etag(now.state.generation, answer.version)})

    def _fact_of(self, caller: Caller, case: str, event: Event, fields: dict[str, Any]) -> Fact:
        """The fact that was told. A card's number, and who speaks, come in clear. Raises `InputRefused`."""
        if not FILLED_IN.isdisjoint(fields):
            raise InputRefused([Problem("", Code.FIELD_UNKNOWN)])
        model = FACTS[event]
        if model in (CardProduced, CardTurnedUp) and isinstance(number := fields.get("card_number"), str):
            card = seal_card_number(number, case, self.reach.sealer)
            fields = {**fields, "card_number": card.number, "card_token": card.token}
        if issubclass(model, OnBehalf) and fields.get("on_behalf") is not None:
            speaker = checked(ApplicationCitizen, fields["on_behalf"])
            fields = {**fields, "on_behalf": speaker_of(speaker, read_case_id(case)[1], self.reach.sealer)}
        return checked(model, {**fields, "actor": caller.actor})

    async def _is_repeated(self, case: str, key: str, event: Event, said: Fact) -> bool:
        """Whether this very fact was told before. Raises `CaseError` IDEMPOTENCY_CONFLICT for another one."""
        before = await told_before(self.reach.pool, case, key)
        if before is None:
            return False
        now = said.model_dump(mode="json", exclude_unset=True, exclude=set(_SEALED_ANEW))
        then = {name: value for name, value in before[1].items() if name not in _SEALED_ANEW}
        if (event.value, now) != (before[0], then):
            raise CaseError(Code.IDEMPOTENCY_CONFLICT)
        return True


def _key_of(caller: Caller, key: str | None) -> str | None:
    """The caller's own key, apart from those of others. Raises `CaseError` IDEMPOTENCY_KEY_INVALID."""
    if key is None:
        return None
    check_key(key)
    return f"{caller.actor.id}:{key}"


def _check_region(caller: Caller, application: Application) -> None:
    """Raises `CaseError` OFFICE_NOT_COMPETENT for an agency that the caller does not speak for."""
    if not caller.sees(application.kind, application.region):
        raise CaseError(Code.OFFICE_NOT_COMPETENT)
