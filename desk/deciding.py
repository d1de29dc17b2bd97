"""Deciding: what somebody filled in becomes a fact, is stamped by the gate in their own name, and is told to the case.

It is the way of every program (`intake.client`): the desk adds that whoever decides has seen the case as it stands, and
that sending the same form twice decides once.
"""

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import aiohttp
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import ValidationError
from temporalio.client import Client

from activities.registry.pool import Pool
from activities.registry.reading import AuditRow, told_before
from activities.sealing import Sealer
from cases.documents import MAX_DOCUMENT_BYTES, Document, DocumentKind
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Fact
from cases.models import StaffId
from cases.rules.people import check_role
from desk.casework import Case
from desk.documents import DocumentStore, taken_in
from desk.forms import MOST_FILES, Ask, Form, form_of, known_of, read
from desk.visitors import Visitor
from gate.quotas import AskedTooOften
from gate.refusals import LARGEST_FORM
from gate.refusals import form_of as urlencoded_form_of
from intake.applications import InputRefused, Problem
from intake.client import CaseClient, EngineError
from intake.stamping import GateAtUrl
from intake.telling import fact_of

PLACE, KEY, CERTAIN = "place", "key", "certain"
"""Fields beside those of the fact: where the case stood, which form it is, and that its consequence is known."""
UPLOAD_SECONDS: Final = 120.0
"""How long somebody may take to send documents."""

FILES_AT_ONCE: Final = 6
"""Forms with files that are taken in at the same time: each is held in memory, of a hundred megabytes at most."""
FILES_OF_ONE: Final = 2
"""Of these of one person, who may press twice."""

_BUSY_SECONDS: Final = 10
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MOST_PARTS: Final = 64
_WITH_FILES: Final = "multipart/form-data"


class Teller(Protocol):
    """Tells a case what somebody decided. Raises `EngineError`."""

    async def tell(self, visitor: Visitor, case_id: str, fact: Fact, key: str) -> None:
        """Tell it, once for each key."""
        ...


class ByTheGate:
    """Has facts stamped by the gate with the token of whoever decides, and tells them through Temporal."""

    def __init__(
        self,
        client: Client,
        register: Pool,
        sealer: Sealer,
        session: aiohttp.ClientSession,
        gate_url: str,
        document_hosts: frozenset[str],
    ) -> None:
        self._client = client
        self._register = register
        self._sealer = sealer
        self._session = session
        self._gate_url = gate_url
        self._document_hosts = document_hosts

    async def tell(self, visitor: Visitor, case_id: str, fact: Fact, key: str) -> None:
        """See `Teller`."""
        cases = CaseClient(
            self._client,
            self._sealer,
            stamping=GateAtUrl(self._session, self._gate_url, lambda: visitor.token),
            document_hosts=self._document_hosts,
            register=self._register,
        )
        await cases.tell(case_id, fact, update_id=key)


class Refusal(NamedTuple):
    """Why something was not decided."""

    code: Code
    fields: Mapping[str, Code]
    """What is wrong in which field."""


class NotDecided(Exception):
    """What somebody sent was refused; nothing was decided."""

    def __init__(self, event: Event, typed: Mapping[str, str], refusal: Refusal) -> None:
        super().__init__(refusal.code.value)
        self.event = event
        self.typed = typed
        self.refusal = refusal


@dataclass(frozen=True)
class Sent:
    """What a browser sent."""

    typed: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


class Room:
    """Room for forms with files: for so many at the same time, and fewer of one person."""

    def __init__(self) -> None:
        self._people: Counter[StaffId] = Counter()

    @contextmanager
    def of(self, request: web.Request, staff: StaffId) -> Iterator[None]:
        """Room for a request, for the length of a block. Raises `AskedTooOften` where there is none."""
        if request.content_type != _WITH_FILES:
            yield
            return
        if self._people.total() >= FILES_AT_ONCE or self._people[staff] >= FILES_OF_ONE:
            raise AskedTooOften(_BUSY_SECONDS)
        self._people[staff] += 1
        try:
            yield
        finally:
            self._people[staff] -= 1
            self._people += Counter()


@dataclass(frozen=True)
class Deciding:
    """Takes decisions in."""

    teller: Teller
    pool: Pool
    sealer: Sealer
    store: DocumentStore | None
    room: Room = field(default_factory=Room)

    async def decide(self, visitor: Visitor, case: Case, event: Event, sent: Sent) -> None:
        """Tell a case what somebody decided. Raises `NotDecided`."""
        try:
            await self._decide(visitor, case, event, sent)
        except InputRefused as refused:
            wrong = {each.field: each.code for each in refused.problems}
            raise NotDecided(event, sent.typed, Refusal(next(iter(wrong.values())), wrong)) from None
        except (CaseError, EngineError) as refused:
            raise NotDecided(event, sent.typed, Refusal(refused.code, {})) from None

    async def _decide(self, visitor: Visitor, case: Case, event: Event, sent: Sent) -> None:
        case_id, typed = case.view.case_id, sent.typed
        check_role(visitor.actor, event, case.view.region)
        if not _KEY.fullmatch(typed.get(KEY, "")):
            raise CaseError(Code.FIELD_INVALID, KEY)
        # The same form sent twice: the first one has decided. One that says something else, from a page that somebody
        # went back to, is another one, and the case stands elsewhere by now.
        key = f"{visitor.actor.id}:{await asyncio.to_thread(self._token_of, event, sent)}"
        if await told_before(self.pool, case_id, key) is not None:
            return
        if typed.get(PLACE) != case.place:
            raise CaseError(Code.VERSION_DIFFERS)
        form = form_of(event, case.view, named_in(case), visitor.tongue) if event in case.offered else None
        if form is None:
            raise CaseError(Code.EVENT_NOT_ALLOWED)
        if form.consequence and typed.get(CERTAIN) != "yes":
            raise InputRefused([Problem(CERTAIN, Code.FIELD_MISSING)])
        said = read(form, typed, known_of(event, case.view))
        said |= await self._documents(form, case, sent)
        await self.teller.tell(visitor, case_id, fact_of(visitor.actor, case_id, event, said, self.sealer), key)

    def _token_of(self, event: Event, sent: Sent) -> str:
        """Names a form with all that was sent in it; keyed, because what is typed may be guessed."""
        files = {name: hashlib.sha256(content).hexdigest() for name, content in sent.files.items()}
        return self.sealer.content_token(json.dumps([event.value, sent.typed, files], sort_keys=True))

    async def _documents(self, form: Form, case: Case, sent: Sent) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for each in form.fields:
            if each.ask is Ask.documents:
                handed_in = [
                    await self._taken_in(sent, f"{each.name}.{number}")
                    for number in range(MOST_FILES)
                    if sent.files.get(f"{each.name}.{number}")
                ]
                said |= {each.name: tuple(handed_in)} if handed_in else {}
            elif each.ask is Ask.one_document:
                chosen = sent.typed.get(each.name, "")
                known = {document.sha256: document for document in named_in(case)}
                if sent.files.get(f"{each.name}.0"):
                    said[each.name] = await self._taken_in(sent, f"{each.name}.0")
                elif chosen in known:
                    said[each.name] = known[chosen]
        return said

    async def _taken_in(self, sent: Sent, name: str) -> Document:
        if self.store is None:
            raise CaseError(Code.DOCUMENT_UNAVAILABLE)
        kind = sent.typed.get(f"{name}.kind", "")
        if kind not in set(DocumentKind):
            raise InputRefused([Problem(name, Code.FIELD_MISSING)])
        return await taken_in(self.store, DocumentKind(kind), sent.files[name])


def named_in(case: Case) -> tuple[Document, ...]:
    """The documents on file, and those that decisions named, each once."""
    found = {document.sha256: document for document in case.view.documents}
    for document in _in_facts(case.history):
        found.setdefault(document.sha256, document)
    return tuple(found.values())


def _in_facts(history: Sequence[AuditRow]) -> Iterable[Document]:
    for row in history:
        for value in (row.fact or {}).values():
            if isinstance(value, dict) and "sha256" in value:
                try:
                    yield Document.model_validate(value)
                except (ValidationError, CaseError):
                    # An older release took in what counts as none today.
                    continue


async def sent_by(request: web.Request) -> Sent:
    """What a browser sent with a form, documents included.

    Raises `CaseError`: REQUEST_TOO_LARGE, UPLOAD_TOO_SLOW, REQUEST_MALFORMED, MEDIA_TYPE_UNKNOWN.
    """
    if request.content_type != _WITH_FILES:
        return Sent(await urlencoded_form_of(request))
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            return await _read_parts(request)
    except TimeoutError:
        raise CaseError(Code.UPLOAD_TOO_SLOW) from None
    # The last are headers of a part that are none, and a character set that is.
    except (ValueError, web.RequestPayloadError, aiohttp.ClientError, HttpProcessingError, LookupError, RuntimeError):
        raise CaseError(Code.REQUEST_MALFORMED) from None


async def _read_parts(request: web.Request) -> Sent:
    sent, parts = Sent(), 0
    async for part in await request.multipart():
        parts += 1
        if parts > _MOST_PARTS or not isinstance(part, BodyPartReader) or part.name is None:
            raise CaseError(Code.REQUEST_MALFORMED)
        if part.filename is None:
            sent.typed[part.name] = (await _bounded(part, LARGEST_FORM)).decode()
            continue
        if len(sent.files) >= MOST_FILES:
            raise CaseError(Code.DOCUMENTS_TOO_MANY)
        # A field without a chosen file is sent as an empty one.
        if content := await _bounded(part, MAX_DOCUMENT_BYTES):
            sent.files[part.name] = content
    return sent


async def _bounded(part: BodyPartReader, most: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > most:
            raise CaseError(Code.REQUEST_TOO_LARGE)
    return bytes(content)
