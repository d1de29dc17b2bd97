"""The client, for programs that wait for each answer and for programs on asyncio. Both have the same methods."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

import httpx

from cardcase_client import calls
from cardcase_client.attempts import Attempts, Patience, refusal_of
from cardcase_client.base import Fact
from cardcase_client.calls import Call, FileType, Filter, Reading
from cardcase_client.credentials import Credentials, TokenAsked
from cardcase_client.models import (
    Answer,
    Application,
    Awaits,
    CampaignReport,
    CaseRow,
    CaseView,
    DeliveryRead,
    Entry,
    Events,
    History,
    Job,
    JobRow,
    JobRows,
    Kind,
    Outcome,
    Overview,
    Page,
    PersonSaid,
    PersonsAnswer,
    Progress,
    Receipt,
    SubjectRead,
    Subscription,
)
from cardcase_client.problems import Busy, CredentialsRefused, NotInTime

T = TypeVar("T")

Speaker = Literal["submitter", "applicant"]

_TIMEOUT_SECONDS: Final = 30.0
_LONGEST_WAIT: Final = 30
"""Seconds of one long poll: proxies cut connections over which nothing comes for a minute."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def is_closed(view: CaseView) -> bool:
    """Whether nobody has to do anything more in a case."""
    return view.awaits == Awaits.nobody


def _base_url(url: str) -> str:
    """Raises ValueError where names and numbers would leave this machine unprotected."""
    parsed = httpx.URL(url)
    if parsed.scheme != "https" and not (parsed.scheme == "http" and parsed.host in _LOOPBACK):
        raise ValueError("https is needed, but for services on this machine")
    return url.rstrip("/")


class _Sending:
    """What both clients do alike: requests as httpx takes them."""

    def __init__(self, url: str, credentials: Credentials, patience: Patience) -> None:
        self._url = _base_url(url)
        self._credentials = credentials
        self._patience = patience

    def _asked(self, call: Call[Any], token: str) -> dict[str, Any]:
        return {
            "method": call.method,
            "url": f"{self._url}{call.path}",
            "params": [(name, value) for name, values in call.parameters.items() for value in values],
            "json": call.body,
            "content": call.content,
            "headers": {**call.headers, "Authorization": f"Bearer {token}"},
            "timeout": httpx.Timeout(_TIMEOUT_SECONDS + call.waits, connect=_TIMEOUT_SECONDS),
            "follow_redirects": False,
        }

    @staticmethod
    def _keep(asked: TokenAsked, response: httpx.Response) -> None:
        """Raises `Busy` where the token endpoint is, and `CredentialsRefused`."""
        refused = refusal_of(response)
        if isinstance(refused, Busy):
            raise refused
        asked.keep(response.status_code, response.content)

    @staticmethod
    def _asked_for_token(asked: TokenAsked) -> dict[str, Any]:
        return {
            "method": "POST",
            "url": _base_url(asked.url),
            "data": asked.form,
            "auth": asked.auth,
            "timeout": _TIMEOUT_SECONDS,
            "follow_redirects": False,
        }


class Client(_Sending):
    """The client of programs that wait for each answer. It may be used from several threads; close it at the end."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        patience: Patience | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`http` is for certificates and proxies of your own. Raises ValueError for a URL that is not safe."""
        super().__init__(url, credentials, patience or Patience())
        self._http = http or httpx.Client()
        self._sleep = sleep
        self._renewing = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def _do(self, call: Call[T]) -> T:
        attempts = Attempts(call, self._patience)
        while True:
            try:
                token = self._token()
                response = self._http.request(**self._asked(call, token))
            except httpx.TransportError as lost:
                self._sleep(attempts.pause_after_silence(lost))
                continue
            except Busy as busy:
                self._sleep(attempts.pause_after(busy))
                continue
            refused = refusal_of(response)
            if refused is None:
                return call.read(response.status_code, response.content)
            if attempts.needs_another_token(refused):
                self._credentials.ended(token)
            else:
                self._sleep(attempts.pause_after(refused))

    def _token(self) -> str:
        token = self._credentials.held()
        if token is not None:
            return token
        with self._renewing:
            if self._credentials.held() is None:
                asked = self._credentials.asked()
                response = self._http.request(**self._asked_for_token(asked))
                self._keep(asked, response)
            return _had(self._credentials)

    def ask(self, call: Call[T]) -> T:
        """Make a request as `cardcase_client.calls` puts it together. Raises `Refused`."""
        return self._do(call)

    # --- cases --------------------------------------------------------------------------------------------------------

    def open_case(self, application: Application, *, key: str | None = None, reopen: bool = False) -> Receipt:
        """Open a case; the receipt comes when it is registered. Handed in again it is answered with the same receipt.

        What counts as the same is the content, or `key` where there is one, for ever. `reopen` opens the next
        generation of a closed case. Raises `Refused`.
        """
        return self._do(calls.open_case(application, key, reopen=reopen))

    def tell(self, case_id: str, fact: Fact, *, key: str | None = None, at: CaseView | None = None) -> Answer:
        """Tell a case what happened. Told again, it is answered as it was.

        What counts as the same is the content, or `key` where there is one. With `at`, the case is told only if it
        stands as it was read (`Moved` otherwise). Raises `Refused`.
        """
        return self._do(calls.tell(case_id, fact, key, at))

    def read_case(self, case_id: str) -> CaseView:
        """Where a case stands, what it waits for and what it may be told. Raises `NotFound`."""
        return self._do(calls.read_case(case_id))

    def wait_for(
        self, case_id: str, until: Callable[[CaseView], bool] = is_closed, *, seconds: float | None = None
    ) -> CaseView:
        """The case, as soon as it meets a condition. The service answers when it moves; nothing is asked meanwhile.

        Raises `NotInTime` where that takes more than so many seconds.
        """
        ends = None if seconds is None else time.monotonic() + seconds
        view = self.read_case(case_id)
        while not until(view):
            now = self._do(calls.moved(view, _wait_until(ends)))
            view = view if now is None else now
        return view

    def read_history(self, case_id: str) -> History:
        """All transitions of a case, oldest first."""
        return self._do(calls.history(case_id))

    def read_outcome(self, case_id: str) -> Outcome:
        """The result of a closed case. Raises `Conflict` CASE_STILL_OPEN before."""
        return self._do(calls.outcome(case_id))

    def read_progress(self, case_id: str, *, speaker: Speaker = "submitter") -> Progress:
        """One line for the applicant: what to do next, and by when."""
        return self._do(calls.progress(case_id, speaker))

    def read_subject(self, case_id: str) -> SubjectRead:
        """The numbers in clear, for a system that the case waits for. Each look is written down."""
        return self._do(calls.subject(case_id))

    def read_delivery(self, case_id: str) -> DeliveryRead:
        """How the card that is ordered reaches its holder, for the card bureau. Each look is written down."""
        return self._do(calls.delivery(case_id))

    def look_up(self, kind: Kind, personal_number: str) -> str:
        """The case ID of a person's case of one kind. Written down, and limited. Raises `NotFound`."""
        return self._do(calls.look_up(kind, personal_number)).case_id

    def list_cases(self, which: Filter | None = None, *, cursor: str | None = None, limit: int = 100) -> Page:
        """One page of cases, in the order of their IDs."""
        return self._do(calls.list_cases(which or Filter(), cursor, limit))

    def cases(self, which: Filter | None = None, *, at_once: int = 100) -> Iterator[CaseRow]:
        """All cases that are seen, page by page."""
        cursor: str | None = None
        while True:
            page = self.list_cases(which, cursor=cursor, limit=at_once)
            yield from page.cases
            if (cursor := page.next) is None:
                return

    def read_overview(self, region: str | None = None, *, days: int = 30) -> Overview:
        """How the caller's office, or one within it, and all below it stand; in and out over so many days."""
        return self._do(calls.overview(region, days))

    # --- whole files --------------------------------------------------------------------------------------------------

    def hand_in_register(
        self, file: bytes, kind: FileType, *, key: str | None = None, how: Reading | None = None
    ) -> Job:
        """Hand in a register, a case for each row. The rows are opened once this has answered; see `wait_for_job`.

        With `key` it is one job, however often it is handed in. Raises `Refused` for a file that cannot be read.
        """
        return self._do(calls.hand_in_register(file, kind, key, how or Reading()))

    def hand_in_events(self, file: bytes, kind: FileType, *, key: str | None = None, how: Reading | None = None) -> Job:
        """Hand in what happened, an event for each row; as `hand_in_register`."""
        return self._do(calls.hand_in_events(file, kind, key, how or Reading()))

    def list_jobs(self) -> tuple[Job, ...]:
        """The newest jobs."""
        return self._do(calls.list_jobs()).jobs

    def read_job(self, which: str, *, wait: int = 0) -> Job:
        """How far a job is; with `wait` once it is over, or after so many seconds."""
        return self._do(calls.read_job(which, wait))

    def wait_for_job(self, which: str) -> Job:
        """Wait, for as long as it takes, until a job is over."""
        while (job := self.read_job(which, wait=_LONGEST_WAIT)).ended_at is None:
            pass
        return job

    def list_job_rows(
        self, which: str, *, state: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> JobRows:
        """One page of the rows of a job, in the order of the file."""
        return self._do(calls.list_job_rows(which, state, cursor, limit))

    def job_rows(self, which: str, *, state: str | None = None, at_once: int = 100) -> Iterator[JobRow]:
        """All its rows, or those of a state: `refused` lists what has to be corrected."""
        cursor: str | None = None
        while True:
            page = self.list_job_rows(which, state=state, cursor=cursor, limit=at_once)
            yield from page.rows
            if (cursor := page.next) is None:
                return

    def cancel_job(self, which: str) -> Job:
        """Open and tell no further row of a job."""
        return self._do(calls.cancel_job(which))

    def read_job_report(self, which: str) -> CampaignReport:
        """What became of the rows of a campaign, a register of more than a thousand rows, as they are counted."""
        return self._do(calls.read_job_report(which))

    def pause_job(self, which: str) -> Job:
        """Begin no further page of a campaign. What has begun is finished, within seconds."""
        return self._do(calls.pause_job(which))

    def resume_job(self, which: str) -> Job:
        """Let a campaign go on."""
        return self._do(calls.resume_job(which))

    def set_job_rate(self, which: str, per_second: float) -> Job:
        """Open so many rows of a campaign a second, at most, from its next page on."""
        return self._do(calls.set_job_rate(which, per_second))

    # --- being told ---------------------------------------------------------------------------------------------------

    def read_events(
        self, after: str | None = None, *, types: Sequence[str] = (), limit: int = 100, wait: int = 0
    ) -> Events:
        """What follows a place in the feed. Raises `Gone` for a place that is no more."""
        return self._do(calls.read_events(after, types, limit, wait))

    def end_of_events(self) -> str:
        """The end of the feed: where to go on after all cases were read once."""
        return self._do(calls.end_of_events()).next

    def feed(
        self, after: str | None = None, *, types: Sequence[str] = (), at_once: int = 100, to_its_end: bool = False
    ) -> "Feed":
        """The feed from a place on, for ever, or to its present end. Keep `place` once an entry is dealt with."""
        return Feed(self, after, types, at_once, to_its_end=to_its_end)

    def feed_persons(self, said: Sequence[PersonSaid]) -> PersonsAnswer:
        """Say what is so of insured persons, at most 1,000 of them; the answer has a line for each."""
        return self._do(calls.feed_persons(said))

    def subscribe(self, sink: str, *, types: Sequence[str] = (), region: str | None = None) -> Subscription:
        """Be told by webhook. The sink is asked once whether it wants to be (`cardcase_client.webhooks`)."""
        return self._do(calls.subscribe(sink, types, region))

    def list_subscriptions(self) -> tuple[Subscription, ...]:
        """The subscriptions of this client."""
        return self._do(calls.subscriptions()).subscriptions

    def read_subscription(self, which: str) -> Subscription:
        """One of them."""
        return self._do(calls.read_subscription(which))

    def end_subscription(self, which: str) -> Subscription:
        """End it for good."""
        return self._do(calls.end_subscription(which))

    def pause_subscription(self, which: str) -> Subscription:
        """Have nothing sent until it goes on."""
        return self._do(calls.pause(which))

    def resume_subscription(self, which: str) -> Subscription:
        """Go on."""
        return self._do(calls.resume(which))

    def resend(self, which: str) -> Subscription:
        """Have sent again what was given up."""
        return self._do(calls.resend(which))

    def replay(self, which: str, after: str) -> Subscription:
        """Have everything sent again that follows a place in the feed."""
        return self._do(calls.replay(which, after))

    def webhook_keys(self) -> tuple[dict[str, str], ...]:
        """The public keys by which webhooks are checked; two while one is replaced."""
        return self._do(calls.webhook_keys())


class AsyncClient(_Sending):
    """The client of programs on asyncio; close it at the end."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        patience: Patience | None = None,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`http` is for certificates and proxies of your own. Raises ValueError for a URL that is not safe."""
        super().__init__(url, credentials, patience or Patience())
        self._http = http or httpx.AsyncClient()
        self._sleep = sleep
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def _do(self, call: Call[T]) -> T:
        attempts = Attempts(call, self._patience)
        while True:
            try:
                token = await self._token()
                response = await self._http.request(**self._asked(call, token))
            except httpx.TransportError as lost:
                await self._sleep(attempts.pause_after_silence(lost))
                continue
            except Busy as busy:
                await self._sleep(attempts.pause_after(busy))
                continue
            refused = refusal_of(response)
            if refused is None:
                return call.read(response.status_code, response.content)
            if attempts.needs_another_token(refused):
                self._credentials.ended(token)
            else:
                await self._sleep(attempts.pause_after(refused))

    async def _token(self) -> str:
        token = self._credentials.held()
        if token is not None:
            return token
        async with self._renewing:
            if self._credentials.held() is None:
                asked = self._credentials.asked()
                response = await self._http.request(**self._asked_for_token(asked))
                self._keep(asked, response)
            return _had(self._credentials)

    async def ask(self, call: Call[T]) -> T:
        """See `Client.ask`."""
        return await self._do(call)

    # --- cases --------------------------------------------------------------------------------------------------------

    async def open_case(self, application: Application, *, key: str | None = None, reopen: bool = False) -> Receipt:
        """See `Client.open_case`."""
        return await self._do(calls.open_case(application, key, reopen=reopen))

    async def tell(self, case_id: str, fact: Fact, *, key: str | None = None, at: CaseView | None = None) -> Answer:
        """See `Client.tell`."""
        return await self._do(calls.tell(case_id, fact, key, at))

    async def read_case(self, case_id: str) -> CaseView:
        """See `Client.read_case`."""
        return await self._do(calls.read_case(case_id))

    async def wait_for(
        self, case_id: str, until: Callable[[CaseView], bool] = is_closed, *, seconds: float | None = None
    ) -> CaseView:
        """See `Client.wait_for`."""
        ends = None if seconds is None else time.monotonic() + seconds
        view = await self.read_case(case_id)
        while not until(view):
            now = await self._do(calls.moved(view, _wait_until(ends)))
            view = view if now is None else now
        return view

    async def read_history(self, case_id: str) -> History:
        """See `Client.read_history`."""
        return await self._do(calls.history(case_id))

    async def read_outcome(self, case_id: str) -> Outcome:
        """See `Client.read_outcome`."""
        return await self._do(calls.outcome(case_id))

    async def read_progress(self, case_id: str, *, speaker: Speaker = "submitter") -> Progress:
        """See `Client.read_progress`."""
        return await self._do(calls.progress(case_id, speaker))

    async def read_subject(self, case_id: str) -> SubjectRead:
        """See `Client.read_subject`."""
        return await self._do(calls.subject(case_id))

    async def read_delivery(self, case_id: str) -> DeliveryRead:
        """See `Client.read_delivery`."""
        return await self._do(calls.delivery(case_id))

    async def look_up(self, kind: Kind, personal_number: str) -> str:
        """See `Client.look_up`."""
        return (await self._do(calls.look_up(kind, personal_number))).case_id

    async def list_cases(self, which: Filter | None = None, *, cursor: str | None = None, limit: int = 100) -> Page:
        """See `Client.list_cases`."""
        return await self._do(calls.list_cases(which or Filter(), cursor, limit))

    async def cases(self, which: Filter | None = None, *, at_once: int = 100) -> AsyncIterator[CaseRow]:
        """See `Client.cases`."""
        cursor: str | None = None
        while True:
            page = await self.list_cases(which, cursor=cursor, limit=at_once)
            for row in page.cases:
                yield row
            if (cursor := page.next) is None:
                return

    async def read_overview(self, region: str | None = None, *, days: int = 30) -> Overview:
        """See `Client.read_overview`."""
        return await self._do(calls.overview(region, days))

    # --- whole files --------------------------------------------------------------------------------------------------

    async def hand_in_register(
        self, file: bytes, kind: FileType, *, key: str | None = None, how: Reading | None = None
    ) -> Job:
        """See `Client.hand_in_register`."""
        return await self._do(calls.hand_in_register(file, kind, key, how or Reading()))

    async def hand_in_events(
        self, file: bytes, kind: FileType, *, key: str | None = None, how: Reading | None = None
    ) -> Job:
        """See `Client.hand_in_events`."""
        return await self._do(calls.hand_in_events(file, kind, key, how or Reading()))

    async def list_jobs(self) -> tuple[Job, ...]:
        """See `Client.list_jobs`."""
        return (await self._do(calls.list_jobs())).jobs

    async def read_job(self, which: str, *, wait: int = 0) -> Job:
        """See `Client.read_job`."""
        return await self._do(calls.read_job(which, wait))

    async def wait_for_job(self, which: str) -> Job:
        """See `Client.wait_for_job`."""
        while (job := await self.read_job(which, wait=_LONGEST_WAIT)).ended_at is None:
            pass
        return job

    async def list_job_rows(
        self, which: str, *, state: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> JobRows:
        """See `Client.list_job_rows`."""
        return await self._do(calls.list_job_rows(which, state, cursor, limit))

    async def job_rows(self, which: str, *, state: str | None = None, at_once: int = 100) -> AsyncIterator[JobRow]:
        """See `Client.job_rows`."""
        cursor: str | None = None
        while True:
            page = await self.list_job_rows(which, state=state, cursor=cursor, limit=at_once)
            for row in page.rows:
                yield row
            if (cursor := page.next) is None:
                return

    async def cancel_job(self, which: str) -> Job:
        """See `Client.cancel_job`."""
        return await self._do(calls.cancel_job(which))

    async def read_job_report(self, which: str) -> CampaignReport:
        """See `Client.read_job_report`."""
        return await self._do(calls.read_job_report(which))

    async def pause_job(self, which: str) -> Job:
        """See `Client.pause_job`."""
        return await self._do(calls.pause_job(which))

    async def resume_job(self, which: str) -> Job:
        """See `Client.resume_job`."""
        return await self._do(calls.resume_job(which))

    async def set_job_rate(self, which: str, per_second: float) -> Job:
        """See `Client.set_job_rate`."""
        return await self._do(calls.set_job_rate(which, per_second))

    # --- being told ---------------------------------------------------------------------------------------------------

    async def read_events(
        self, after: str | None = None, *, types: Sequence[str] = (), limit: int = 100, wait: int = 0
    ) -> Events:
        """See `Client.read_events`."""
        return await self._do(calls.read_events(after, types, limit, wait))

    async def end_of_events(self) -> str:
        """See `Client.end_of_events`."""
        return (await self._do(calls.end_of_events())).next

    def feed(
        self, after: str | None = None, *, types: Sequence[str] = (), at_once: int = 100, to_its_end: bool = False
    ) -> "AsyncFeed":
        """See `Client.feed`."""
        return AsyncFeed(self, after, types, at_once, to_its_end=to_its_end)

    async def feed_persons(self, said: Sequence[PersonSaid]) -> PersonsAnswer:
        """See `Client.feed_persons`."""
        return await self._do(calls.feed_persons(said))

    async def subscribe(self, sink: str, *, types: Sequence[str] = (), region: str | None = None) -> Subscription:
        """See `Client.subscribe`."""
        return await self._do(calls.subscribe(sink, types, region))

    async def list_subscriptions(self) -> tuple[Subscription, ...]:
        """See `Client.list_subscriptions`."""
        return (await self._do(calls.subscriptions())).subscriptions

    async def read_subscription(self, which: str) -> Subscription:
        """See `Client.read_subscription`."""
        return await self._do(calls.read_subscription(which))

    async def end_subscription(self, which: str) -> Subscription:
        """See `Client.end_subscription`."""
        return await self._do(calls.end_subscription(which))

    async def pause_subscription(self, which: str) -> Subscription:
        """See `Client.pause_subscription`."""
        return await self._do(calls.pause(which))

    async def resume_subscription(self, which: str) -> Subscription:
        """See `Client.resume_subscription`."""
        return await self._do(calls.resume(which))

    async def resend(self, which: str) -> Subscription:
        """See `Client.resend`."""
        return await self._do(calls.resend(which))

    async def replay(self, which: str, after: str) -> Subscription:
        """See `Client.replay`."""
        return await self._do(calls.replay(which, after))

    async def webhook_keys(self) -> tuple[dict[str, str], ...]:
        """See `Client.webhook_keys`."""
        return await self._do(calls.webhook_keys())


class Feed:
    """The feed, entry by entry.

    `place` is where to go on once the entry in hand is dealt with: keep it, and begin with it next time. Whoever asks
    for what follows has what came before. Raises `Gone` for a place that is no more: read all cases once, and go on
    from `end_of_events`.
    """

    def __init__(
        self, client: Client, after: str | None, types: Sequence[str], at_once: int, *, to_its_end: bool
    ) -> None:
        self._client = client
        self._types = tuple(types)
        self._at_once = at_once
        self._wait = 0 if to_its_end else _LONGEST_WAIT
        self.place = after

    def __iter__(self) -> Iterator[Entry]:
        while True:
            page = self._client.read_events(self.place, types=self._types, limit=self._at_once, wait=self._wait)
            for entry in page.events:
                self.place = entry.id
                yield entry
            self.place = page.next
            if page.is_end and self._wait == 0:
                return


class AsyncFeed:
    """See `Feed`."""

    def __init__(
        self, client: AsyncClient, after: str | None, types: Sequence[str], at_once: int, *, to_its_end: bool
    ) -> None:
        self._client = client
        self._types = tuple(types)
        self._at_once = at_once
        self._wait = 0 if to_its_end else _LONGEST_WAIT
        self.place = after

    async def __aiter__(self) -> AsyncIterator[Entry]:
        while True:
            page = await self._client.read_events(self.place, types=self._types, limit=self._at_once, wait=self._wait)
            for entry in page.events:
                self.place = entry.id
                yield entry
            self.place = page.next
            if page.is_end and self._wait == 0:
                return


def _had(credentials: Credentials) -> str:
    token = credentials.held()
    if token is None:
        raise CredentialsRefused("the token endpoint gave a token that has ended")
    return token


def _wait_until(ends: float | None) -> int:
    """Seconds of the next long poll. Raises `NotInTime` where the time is over."""
    if ends is None:
        return _LONGEST_WAIT
    left = ends - time.monotonic()
    if left <= 0:
        raise NotInTime("the case did not come to where it was waited for")
    return max(1, min(_LONGEST_WAIT, int(left)))
