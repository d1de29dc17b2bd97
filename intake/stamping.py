"""How programs get their decisions stamped: they hand them to the gate with their identity token.

`GateAtUrl` asks the gate's HTTP service. What is asked while an answer is awaited goes together with the next request.
"""

import asyncio
import os
from asyncio import sleep
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import aiohttp
from pydantic import ValidationError

from cases.errors import CaseError, Code
from cases.events import OPEN, Event
from cases.facts import Fact
from cases.kinds import case_id
from cases.models import Actor, Contract, Record
from cases.openings import Opening
from gate.gate import LARGEST_BATCH, Answered, Answers, Asked, Batch, ManifestWanted, SignedManifest
from gate.quotas import AskedTooOften
from gate.stamp_route import MANIFEST_PATH, PATH
from runtime.identity import LARGEST_TOKEN, claimed_by


class Stamping(Protocol):
    """Has facts and openings stamped by the gate. Raises `CaseError` with the gate's code."""

    @property
    def actor(self) -> Actor | None:
        """As whom it acts; None where each fact and each opening says who."""
        ...

    async def stamp(self, case: str, event: Event, fact: Fact) -> Fact:
        """The fact with its stamp and, as `actor`, the person who acts."""
        ...

    async def stamp_opening(self, opening: Opening) -> Opening:
        """The opening with its stamp."""
        ...


class TokenFile:
    """An identity token in a file, which may be replaced with a fresh one at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> str:
        """The token as it is now.

        Raises `CaseError` IDENTITY_MISSING, or IDENTITY_INVALID for a file that is open to others.
        """
        try:
            with self._path.open(encoding="ascii") as file:
                open_to_others = os.fstat(file.fileno()).st_mode & 0o077
                token = file.read(LARGEST_TOKEN + 1).strip()
        except (OSError, UnicodeDecodeError):
            raise CaseError(Code.IDENTITY_MISSING, "token_file") from None
        if not token:
            raise CaseError(Code.IDENTITY_MISSING, "token_file")
        if open_to_others:
            raise CaseError(Code.IDENTITY_INVALID, "token_file: readable by others; run chmod 600")
        return token


TIMEOUT_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 30.0
"""How long whoever has used up what they may have stamped at once waits for more."""

_WHOLE_REQUEST_REFUSED: Final = frozenset(
    {
        Code.IDENTITY_MISSING,
        Code.IDENTITY_INVALID,
        Code.IDENTITY_EXPIRED,
        Code.REQUEST_TOO_LARGE,
        Code.PAYLOAD_INVALID,
        Code.ROLE_NOT_ALLOWED,
    }
)

Told = TypeVar("Told", bound=Record)
_Waiting = tuple[Asked, "asyncio.Future[dict[str, Any]]"]


class GateAtUrl:
    """The gate's HTTP service, asked in the name of a token's bearer."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: Callable[[], str]) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._token = token
        self._waiting: list[_Waiting] = []
        self._sending: asyncio.Task[None] | None = None

    @property
    def actor(self) -> Actor:
        """Whom the token names. Raises `CaseError` IDENTITY_MISSING or IDENTITY_INVALID."""
        return claimed_by(self._token())

    async def stamp(self, case: str, event: Event, fact: Fact) -> Fact:
        """See `Stamping`. Raises `CaseError` GATE_UNAVAILABLE, or the gate's code."""
        return _read(type(fact), await self._ask(Asked(case=case, event=event, content=_content(fact))))

    async def stamp_opening(self, opening: Opening) -> Opening:
        """See `Stamping`. Raises `CaseError` as `stamp`."""
        case = case_id(opening.kind, opening.person)
        return _read(type(opening), await self._ask(Asked(case=case, event=OPEN, content=_content(opening))))

    async def stamp_manifest(self, wanted: ManifestWanted) -> str:
        """One manifest for the rows of a job (`cases.manifests`). Raises `CaseError` as `stamp`."""
        answer = await self._post(MANIFEST_PATH, wanted.model_dump_json(), SignedManifest)
        return answer.manifest

    async def _ask(self, asked: Asked) -> dict[str, Any]:
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        return await answer

    async def _send_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            try:
                answers = await self._post_batch(Batch(asked=tuple(asked for asked, _ in batch)))
            except CaseError as refused:
                answers = Answers(answered=(Answered(code=refused.code, field=refused.field),) * len(batch))
            for (_, waiting), answered in zip(batch, answers.answered, strict=True):
                if waiting.done():
                    continue
                if answered.content is not None:
                    waiting.set_result(answered.content)
                else:
                    waiting.set_exception(CaseError(answered.code or Code.INTERNAL, answered.field))

    async def _post_batch(self, batch: Batch) -> Answers:
        answers = await self._post(PATH, batch.model_dump_json(exclude_unset=True), Answers)
        if len(answers.answered) != len(batch.asked):
            raise CaseError(Code.GATE_UNAVAILABLE)
        return answers

    async def _post(self, path: str, body: str, answers: type[Told]) -> Told:
        """Ask, and ask again where the gate wants to be left alone for a while: nothing was stamped then."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        while True:
            try:
                return await self._post_once(path, body, answers)
            except AskedTooOften as busy:
                if loop.time() + busy.retry_after > until:
                    raise
                after = busy.retry_after
            await sleep(after)

    async def _post_once(self, path: str, body: str, answers: type[Told]) -> Told:
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                self._session.post(self._url + path, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                if answer.status != _FINE:
                    raise await _refused(answer)
                return answers.model_validate_json(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ValidationError):
            raise CaseError(Code.GATE_UNAVAILABLE) from None


@asynccontextmanager
async def gate_at(url: str, token: Callable[[], str]) -> AsyncIterator[GateAtUrl]:
    """The gate's HTTP service for the length of a block."""
    async with aiohttp.ClientSession() as session:
        yield GateAtUrl(session, url, token)


_FINE: Final = 200


async def _refused(answer: aiohttp.ClientResponse) -> CaseError:
    try:
        code = Code(str((await answer.json()).get("code")))
    except (aiohttp.ClientError, ValueError, AttributeError):
        return CaseError(Code.GATE_UNAVAILABLE)
    after = answer.headers.get("Retry-After", "")
    if code is Code.REQUESTED_TOO_OFTEN and after.isascii() and after.isdigit():
        return AskedTooOften(float(after[:4]))
    return CaseError(code if code in _WHOLE_REQUEST_REFUSED else Code.GATE_UNAVAILABLE)


def _content(content: Fact | Opening) -> dict[str, Any]:
    return content.model_dump(mode="json", exclude_unset=True, exclude={"stamp"})


Stamped = TypeVar("Stamped", bound=Contract)


def _read(model: type[Stamped], content: dict[str, Any]) -> Stamped:
    try:
        return model.model_validate(content)
    except ValidationError:
        raise CaseError(Code.GATE_UNAVAILABLE) from None
