"""The gate: where a decision enters. It checks who asks, and stamps what they decide with who they are.

Whatever the caller says of the actor is replaced by what the identity token says. A stamp is good for five minutes and
one use; workflow and register accept no decision without one (`cases.stamps`, `activities.stamps`).
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import jwt
from pydantic import ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from cases.errors import CaseError, Code
from cases.events import FACTS, OPEN, ROLES, Act, Event
from cases.facts import Fact
from cases.kinds import AnyOpening, case_id, read_case_id
from cases.manifests import LIFETIME as LIFETIME_OF_MANIFESTS
from cases.manifests import MOST_ACTS, MOST_ROWS, Root
from cases.manifests import TYPE as MANIFEST
from cases.models import Actor, Contract, Record
from cases.openings import Opening
from cases.rules.people import NAMES_THE_SUBMITTER, PROGRAMS, check_fact
from cases.stamps import ALGORITHM, ISSUER, LIFETIME, TYPE, Place, check_opening, digest_of
from gate.quotas import Quotas
from gate.stamp_keys import SigningKey
from runtime.identity import IdentityTokens

LARGEST_BATCH: Final = 100
"""Facts and openings that are stamped with one request."""

log = logging.getLogger(__name__)

CaseClock = Callable[[str], Awaitable[datetime]]
"""What time it is for a case. It is the same for all but where a season is rehearsed."""


Standing = Callable[[Sequence[str]], Awaitable[Mapping[str, Place]]]
"""Where cases stand by the register; it leaves out those that it does not have."""

_NO_CASE: Final = ""
"""The clock of what concerns no single case."""


async def by_the_clock(_case: str) -> datetime:
    """The time of day, in UTC."""
    return datetime.now(UTC)


class Asked(Contract):
    """One fact or opening to be stamped, as programs ask for it."""

    case: str
    event: Act
    content: dict[str, JsonValue]
    """The fact; its `actor` may be left out. For `open` the whole opening, sealed."""


class Batch(Contract):
    """What a program asks the gate with one request."""

    asked: Annotated[tuple[Asked, ...], Field(min_length=1, max_length=LARGEST_BATCH)]


class Answered(Record):
    """The content with its stamp, or why it gets none."""

    content: dict[str, JsonValue] | None = None
    code: Code | None = None
    field: str | None = None


class Answers(Record):
    """What the gate answers, in the order asked."""

    answered: tuple[Answered, ...]


class ManifestWanted(Contract):
    """The rows of a job, for which one manifest is asked: what they do, how many there are, and what they come to."""

    acts: Annotated[tuple[Act, ...], Field(min_length=1, max_length=MOST_ACTS)]
    rows: Annotated[int, Field(ge=1, le=MOST_ROWS)]
    root: Root


class SignedManifest(Record):
    """A manifest as the gate signed it."""

    manifest: str


class _Typed(Contract):
    """What an operator types into the form of an update: the fact's own fields, the case and the event."""

    model_config = ConfigDict(extra="allow")

    case: Annotated[str, StringConstraints(max_length=64)]
    event: Event


_OPENING: Final[TypeAdapter[Opening]] = TypeAdapter(AnyOpening)


class Gate:
    """Stamps for those who may. `audience` is the namespace of the cases."""

    def __init__(
        self,
        tokens: IdentityTokens,
        key: SigningKey,
        *,
        audience: str,
        clock: CaseClock = by_the_clock,
        quotas: Quotas | None = None,
        standing: Standing | None = None,
    ) -> None:
        """Inside the program that asks a gate has no quotas, and stamps for whatever generation a case is in."""
        self._tokens = tokens
        self._key = key
        self._audience = audience
        self._clock = clock
        self._quotas = quotas
        self._standing = standing

    async def bearer(self, token: str) -> Actor:
        """Who asks, before anything of what they ask is read.

        Raises `CaseError` as `IdentityTokens.check`, and REQUESTED_TOO_OFTEN.
        """
        actor = (await self._tokens.check(token)).actor
        if self._quotas is not None:
            self._quotas.take_request(actor)
        return actor

    async def stamp(self, token: str, case: str, event: Event, fact: Fact) -> Fact:
        """The fact, its actor replaced by the bearer of the token, with a stamp for this case and event.

        Raises `CaseError`: as `IdentityTokens.check`, ROLE_NOT_ALLOWED, CASE_ID_INVALID, PAYLOAD_INVALID where the fact
        is not that of the event.
        """
        bearer = await self.bearer(token)
        return await self._stamp_fact(bearer, case, event, fact, await self._places_of([case]))

    async def stamp_opening(self, token: str, opening: Opening) -> Opening:
        """The opening with a stamp.

        Its fingerprint covers the submitter, so a wrong one is not replaced but refused: STAMP_MISMATCH. Raises
        `CaseError` so, as `IdentityTokens.check`, and as `cases.rules.people.check_role`.
        """
        return await self._stamp_opening(await self.bearer(token), opening)

    async def stamp_typed(self, bearer: Actor, typed: bytes) -> Fact:
        """The fact that an operator typed as one JSON object, with `case` and `event` beside its own fields.

        Raises `CaseError` as `stamp`; REQUEST_NOT_JSON, REQUESTED_TOO_OFTEN; the code and the name of the field for
        what is wrong in a field.
        """
        event, case, fact = await asyncio.to_thread(_read_typed, bearer, typed)
        self._count(bearer, (event,))
        return await self._stamp_fact(bearer, case, event, fact, await self._places_of([case]))

    async def stamp_all(self, bearer: Actor, batch: Batch) -> Answers:
        """Stamps for many, each by itself. Raises `CaseError` REQUESTED_TOO_OFTEN."""
        self._count(bearer, (asked.event for asked in batch.asked))
        places = await self._places_of([asked.case for asked in batch.asked if isinstance(asked.event, Event)])
        answers = []
        for asked in batch.asked:
            answers.append(await self._answer(bearer, asked, places))
            # A hundred signatures in a row would hold up everybody else.
            await asyncio.sleep(0)
        return Answers(answered=tuple(answers))

    async def stamp_manifest(self, bearer: Actor, wanted: ManifestWanted) -> SignedManifest:
        """One manifest for the rows of a job; each row is judged where it is taken, as if it had a stamp of its own.

        Raises `CaseError` ROLE_NOT_ALLOWED where the bearer may not do all that the rows do, or is a person who decides
        for a week ahead.
        """
        for act in wanted.acts:
            if bearer.role not in ROLES.get(act, frozenset()) or (act != OPEN and bearer.role not in PROGRAMS):
                raise CaseError(Code.ROLE_NOT_ALLOWED)
        said = wanted.model_dump(mode="json")
        signed = _sign(
            self._key, self._audience, MANIFEST, bearer, said, await self._clock(_NO_CASE), LIFETIME_OF_MANIFESTS
        )
        log.info(
            "stamped a manifest",
            extra={"told": [str(act) for act in wanted.acts], "rows": wanted.rows, "staff": bearer.id},
        )
        return SignedManifest(manifest=signed)

    def _count(self, bearer: Actor, acts: Iterable[Act]) -> None:
        if self._quotas is not None:
            self._quotas.take_stamps(bearer, acts)

    async def _places_of(self, cases: Sequence[str]) -> Mapping[str, Place]:
        """Where cases stand; nowhere while the register is away, for what is decided meanwhile may wait for it."""
        if self._standing is None or not cases:
            return {}
        try:
            return await self._standing(cases)
        except CaseError as away:
            if away.code is not Code.DATABASE_UNAVAILABLE:
                raise
            return {}

    async def _answer(self, actor: Actor, asked: Asked, places: Mapping[str, Place]) -> Answered:
        try:
            if isinstance(asked.event, Event):
                fact = _fact(actor, asked.event, asked.content)
                stamped: Fact | Opening = await self._stamp_fact(actor, asked.case, asked.event, fact, places)
            else:
                stamped = await self._stamp_opening(actor, _opening(asked.content))
        except CaseError as refused:
            return Answered(code=refused.code, field=refused.field)
        return Answered(content=stamped.model_dump(mode="json", exclude_unset=True))

    async def _stamp_fact(self, actor: Actor, case: str, event: Event, fact: Fact, places: Mapping[str, Place]) -> Fact:
        if type(fact) is not FACTS.get(event):
            raise CaseError(Code.PAYLOAD_INVALID)
        read_case_id(case)
        theirs = fact.model_copy(update={"actor": actor, "stamp": None})
        # In which region the case is, the case itself knows and judges.
        check_fact(event, theirs, actor.office)
        return theirs.model_copy(update={"stamp": await self._mint(actor, case, event, theirs, places.get(case))})

    async def _stamp_opening(self, actor: Actor, opening: Opening) -> Opening:
        if actor.role not in NAMES_THE_SUBMITTER and opening.submitter != actor:
            raise CaseError(Code.STAMP_MISMATCH, "submitter")
        stamp = await self._mint(actor, case_id(opening.kind, opening.person), OPEN, opening)
        stamped = opening.model_copy(update={"stamp": stamp})
        check_opening(stamped)
        return stamped

    async def _mint(
        self, actor: Actor, case: str, event: Act, content: Fact | Opening, place: Place | None = None
    ) -> str:
        at = await self._clock(case)
        stamp = mint(
            self._key, self._audience, actor=actor, case=case, event=event, content=content, at=at, place=place
        )
        log.info("stamped", extra={"told": str(event), "staff": actor.id, "role": actor.role.value, "of_case": case})
        return stamp


def mint(
    key: SigningKey,
    audience: str,
    *,
    actor: Actor,
    case: str,
    event: Act,
    content: Fact | Opening,
    at: datetime,
    place: Place | None = None,
) -> str:
    """A stamp, signed without a question asked: who may have it is for the caller to know."""
    said = {"case": case, "event": str(event), "digest": digest_of(content)} | (place._asdict() if place else {})
    return _sign(key, audience, TYPE, actor, said, at, LIFETIME)


def _sign(
    key: SigningKey, audience: str, kind: str, actor: Actor, said: dict[str, Any], at: datetime, lifetime: timedelta
) -> str:
    begins = int(at.timestamp())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "iat": begins,
        "exp": begins + int(lifetime.total_seconds()),
        **said,
        "sub": actor.id,
        "role": actor.role.value,
        "office": actor.office,
    }
    return jwt.encode(claims, key.key, algorithm=ALGORITHM, headers={"typ": kind, "kid": key.key_id})


def _read_typed(actor: Actor, typed: bytes) -> tuple[Event, str, Fact]:
    try:
        read = _Typed.model_validate_json(typed)
    except ValidationError as wrong:
        raise _refusal(wrong) from None
    return read.event, read.case, _fact(actor, read.event, dict(read.model_extra or {}))


def _fact(actor: Actor, event: Event, fields: dict[str, Any]) -> Fact:
    model = FACTS.get(event)
    if model is None:
        raise CaseError(Code.EVENT_NOT_ALLOWED)
    try:
        return model.model_validate({**fields, "actor": actor, "stamp": None})
    except ValidationError as wrong:
        raise _refusal(wrong) from None


def _opening(fields: dict[str, Any]) -> Opening:
    try:
        return _OPENING.validate_python(fields)
    except ValidationError as wrong:
        raise _refusal(wrong) from None


_CODE_OF_TYPE: Final = {
    "missing": Code.FIELD_MISSING,
    "extra_forbidden": Code.FIELD_UNKNOWN,
    "json_invalid": Code.REQUEST_NOT_JSON,
}


def _refusal(wrong: ValidationError) -> CaseError:
    """The first thing that is wrong, by code and the path of the field; the name of an unknown field is not ours."""
    error = wrong.errors(include_input=False, include_context=False, include_url=False)[0]
    code = _CODE_OF_TYPE.get(error["type"], Code.FIELD_INVALID)
    path = error["loc"][:-1] if code is Code.FIELD_UNKNOWN else error["loc"]
    return CaseError(code, ".".join(map(str, path)) or None)
