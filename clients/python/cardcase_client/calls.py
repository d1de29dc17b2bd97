"""Every request of the interface, as data: what is sent, what the answer is read as, and whether repeating is safe."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from cardcase_client.base import Fact
from cardcase_client.models import (
    Answer,
    Application,
    CampaignReport,
    CaseView,
    Category,
    DeliveryRead,
    Events,
    FeedEnd,
    Found,
    From,
    History,
    Job,
    JobRows,
    Jobs,
    Kind,
    LookedFor,
    Milestone,
    Outcome,
    Overview,
    Page,
    PersonSaid,
    PersonsAnswer,
    Progress,
    RateWanted,
    Receipt,
    Status,
    SubjectRead,
    Subscription,
    Subscriptions,
    Wanted,
)
from cardcase_client.problems import Unreadable

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_NOT_MODIFIED: Final = 304
_LONGEST_READING: Final = 300.0
"""Seconds that the service may take to read a file."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[int, bytes], T]
    """Reads a successful answer: its status and its content. Raises `Unreadable`."""
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    """A body that is no JSON: a file, of the type that the headers say."""
    headers: Mapping[str, str] = field(default_factory=dict)
    waits: float = 0.0
    """Seconds that the service may take because it was asked to wait."""
    is_repeatable: bool = True
    """Whether it has effect once, however often it is sent."""


def as_(model: type[M]) -> Callable[[int, bytes], M]:
    """Reads an answer as a model."""

    def read(_status: int, content: bytes) -> M:
        try:
            return model.model_validate_json(content)
        except ValidationError as wrong:
            where = ", ".join(".".join(map(str, each["loc"])) for each in wrong.errors(include_input=False))
        raise Unreadable(f"{model.__name__}: {where or 'not JSON'}")

    return read


def etag_of(view: CaseView) -> str:
    """The `ETag` of a case as it was read: its generation and version."""
    return f'"{view.generation}.{view.version}"'


def _case(case_id: str, rest: str = "") -> str:
    return f"/v1/cases/{quote(case_id, safe='')}{rest}"


# --- cases ------------------------------------------------------------------------------------------------------------


def open_case(application: Application, key: str | None, *, reopen: bool) -> Call[Receipt]:
    """Open a case; the same application again is answered with the same receipt."""
    return opening(application.body(), key, reopen=reopen)


def opening(application: Mapping[str, Any], key: str | None, *, reopen: bool) -> Call[Receipt]:
    """The same with an application as JSON, which the service checks alone."""
    body = {**application, **({"reopen": True} if reopen else {})}
    return Call("POST", "/v1/cases", as_(Receipt), body=body, headers=_keyed(key))


def tell(case_id: str, fact: Fact, key: str | None, at: CaseView | None) -> Call[Answer]:
    """Tell a case what happened."""
    return telling(case_id, fact.event, fact.body(), key, at)


def telling(case_id: str, event: str, fact: Mapping[str, Any], key: str | None, at: CaseView | None) -> Call[Answer]:
    """The same with a fact as JSON, which the service checks alone."""
    headers = _keyed(key) | ({} if at is None else {"If-Match": etag_of(at)})
    return Call("POST", _case(case_id, f"/events/{event}"), as_(Answer), body=fact, headers=headers)


def read_case(case_id: str) -> Call[CaseView]:
    """Read a case."""
    return Call("GET", _case(case_id), as_(CaseView))


def moved(seen: CaseView, wait: int) -> Call[CaseView | None]:
    """Read a case once it has moved beyond what was seen; None where it has not within so many seconds."""
    read = as_(CaseView)
    return Call(
        "GET",
        _case(seen.case_id),
        lambda status, content: None if status == _NOT_MODIFIED else read(status, content),
        {"wait": [str(wait)]},
        headers={"If-None-Match": etag_of(seen)},
        waits=wait,
    )


def history(case_id: str) -> Call[History]:
    """Read how a case moved."""
    return Call("GET", _case(case_id, "/history"), as_(History))


def outcome(case_id: str) -> Call[Outcome]:
    """Read how a case ended."""
    return Call("GET", _case(case_id, "/outcome"), as_(Outcome))


def progress(case_id: str, speaker: str) -> Call[Progress]:
    """Ask for an applicant how far it is."""
    return Call("GET", _case(case_id, "/progress"), as_(Progress), {"speaker": [speaker]})


def subject(case_id: str) -> Call[SubjectRead]:
    """Read whom a case is about."""
    return Call("GET", _case(case_id, "/subject"), as_(SubjectRead))


def delivery(case_id: str) -> Call[DeliveryRead]:
    """Read how a card is delivered."""
    return Call("GET", _case(case_id, "/delivery"), as_(DeliveryRead))


def look_up(kind: Kind, personal_number: str) -> Call[Found]:
    """Find the case of a person."""
    body = LookedFor(kind=kind, personal_number=personal_number).body()
    return Call("POST", "/v1/cases:lookup", as_(Found), body=body)


@dataclass(frozen=True)
class Filter:
    """By what a list of cases is narrowed, and how it is sorted."""

    kind: Kind | None = None
    status: Status | None = None
    milestone: Milestone | None = None
    region: str | None = None
    """Division code, which stands for all below it, or its first digits."""
    category: Category | None = None
    attention: str | None = None
    changed_after: datetime | None = None
    """Only cases that moved after this moment, which has a zone."""
    reference: str | None = None
    """The eight digits by which an applicant names a case."""
    sort: Literal["id", "due"] | None = None
    """By case ID, if none is named; by due date, open cases first."""


def list_cases(which: Filter, cursor: str | None, limit: int) -> Call[Page]:
    """One page of the cases that the caller sees."""
    changed_after = None if which.changed_after is None else which.changed_after.isoformat()
    asked = {
        "kind": which.kind,
        "status": which.status,
        "milestone": which.milestone,
        "region": which.region,
        "category": which.category,
        "attention": which.attention,
        "changed_after": changed_after,
        "reference": which.reference,
        "sort": which.sort,
        "cursor": cursor,
        "limit": str(limit),
    }
    return Call("GET", "/v1/cases", as_(Page), {name: [value] for name, value in asked.items() if value is not None})


def overview(region: str | None, days: int) -> Call[Overview]:
    """See how an office stands."""
    asked = {"days": [str(days)]} | ({} if region is None else {"region": [region]})
    return Call("GET", "/v1/overview", as_(Overview), asked)


# --- whole files ------------------------------------------------------------------------------------------------------


class FileType(StrEnum):
    """What a file is; the value is its media type."""

    csv = "text/csv"
    """In UTF-8, GB18030 or UTF-16."""
    json_lines = "application/jsonl"
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    xls = "application/vnd.ms-excel"
    xlsb = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
    ods = "application/vnd.oasis.opendocument.spreadsheet"


@dataclass(frozen=True)
class Reading:
    """How a file is read."""

    sheet: str | None = None
    """Of a workbook; without it the first that is visible."""
    ignore_unknown: bool = False
    """Pass over columns that are not known."""
    encoding: str | None = None
    """Of a text file whose bytes do not say it: utf-8, gb18030 or utf-16."""
    submitter: str | None = None
    """Of a register: who took the applications in, where the file has no such column."""
    event: str | None = None
    """Of a batch: what rows tell that do not say so themselves."""


def hand_in_register(file: bytes, kind: FileType, key: str | None, how: Reading) -> Call[Job]:
    """Open a case for each row of a register."""
    return _handed_in("/v1/registers", file, kind, key, {"submitter": how.submitter}, how)


def hand_in_events(file: bytes, kind: FileType, key: str | None, how: Reading) -> Call[Job]:
    """Tell an event for each row of a file."""
    return _handed_in("/v1/event-batches", file, kind, key, {"event": how.event}, how)


def _handed_in(
    path: str, file: bytes, kind: FileType, key: str | None, more: Mapping[str, str | None], how: Reading
) -> Call[Job]:
    asked = {
        "sheet": how.sheet,
        "ignore_unknown": "true" if how.ignore_unknown else None,
        "encoding": how.encoding,
        **more,
    }
    return Call(
        "POST",
        path,
        as_(Job),
        {name: [value] for name, value in asked.items() if value is not None},
        content=file,
        headers={"Content-Type": kind.value} | _keyed(key),
        waits=_LONGEST_READING,
        # Without a key each time that it is sent is another job, although its rows have effect once.
        is_repeatable=key is not None,
    )


def list_jobs() -> Call[Jobs]:
    """List jobs."""
    return Call("GET", "/v1/jobs", as_(Jobs))


def _job(which: str, rest: str = "") -> str:
    return f"/v1/jobs/{quote(which, safe='')}{rest}"


def read_job(which: str, wait: int) -> Call[Job]:
    """Read how far a job is, or wait so many seconds for its end."""
    return Call("GET", _job(which), as_(Job), {"wait": [str(wait)]}, waits=wait)


def list_job_rows(which: str, state: str | None, cursor: str | None, limit: int) -> Call[JobRows]:
    """One page of the rows of a job."""
    asked = {"state": state, "cursor": cursor, "limit": str(limit)}
    found = {name: [value] for name, value in asked.items() if value is not None}
    return Call("GET", _job(which, "/rows"), as_(JobRows), found)


def cancel_job(which: str) -> Call[Job]:
    """Cancel a job."""
    return Call("POST", _job(which, ":cancel"), as_(Job))


def read_job_report(which: str) -> Call[CampaignReport]:
    """Count what became of a campaign."""
    return Call("GET", _job(which, "/report"), as_(CampaignReport))


def pause_job(which: str) -> Call[Job]:
    """Pause a campaign."""
    return Call("POST", _job(which, ":pause"), as_(Job))


def resume_job(which: str) -> Call[Job]:
    """Resume a campaign."""
    return Call("POST", _job(which, ":resume"), as_(Job))


def set_job_rate(which: str, per_second: float) -> Call[Job]:
    """Set the rate of a campaign."""
    return Call("POST", _job(which, ":set-rate"), as_(Job), body=RateWanted(per_second=per_second).body())


# --- persons ----------------------------------------------------------------------------------------------------------


def feed_persons(said: Iterable[PersonSaid]) -> Call[PersonsAnswer]:
    """Say what is so of insured persons."""
    return feed_lines("".join(f"{json.dumps(each.body(), ensure_ascii=False)}\n" for each in said).encode())


def feed_lines(lines: bytes) -> Call[PersonsAnswer]:
    """The same, of JSON Lines as they are."""
    headers = {"Content-Type": FileType.json_lines.value}
    return Call("POST", "/v1/persons", as_(PersonsAnswer), content=lines, headers=headers, waits=_LONGEST_READING)


# --- the feed, and subscriptions --------------------------------------------------------------------------------------


def read_events(after: str | None, types: Sequence[str], limit: int, wait: int) -> Call[Events]:
    """What follows a place in the feed."""
    asked: dict[str, Sequence[str]] = {"limit": [str(limit)], "wait": [str(wait)]}
    if after is not None:
        asked["after"] = [after]
    if types:
        asked["type"] = types
    return Call("GET", "/v1/events", as_(Events), asked, waits=wait)


def end_of_events() -> Call[FeedEnd]:
    """The end of the feed."""
    return Call("GET", "/v1/events:end", as_(FeedEnd))


def subscribe(sink: str, types: Sequence[str], region: str | None) -> Call[Subscription]:
    """Be told by webhook. Each time it is sent makes a subscription."""
    body = Wanted.model_validate(
        {"sink": sink} | ({"types": tuple(types)} if types else {}) | ({"region": region} if region is not None else {})
    ).body()
    return Call("POST", "/v1/subscriptions", as_(Subscription), body=body, is_repeatable=False)


def subscriptions() -> Call[Subscriptions]:
    """List subscriptions."""
    return Call("GET", "/v1/subscriptions", as_(Subscriptions))


def _subscription(which: str, word: str = "") -> str:
    return f"/v1/subscriptions/{quote(which, safe='')}{word}"


def read_subscription(which: str) -> Call[Subscription]:
    """Read a subscription."""
    return Call("GET", _subscription(which), as_(Subscription))


def end_subscription(which: str) -> Call[Subscription]:
    """End a subscription."""
    return Call("DELETE", _subscription(which), as_(Subscription))


def pause(which: str) -> Call[Subscription]:
    """Pause a subscription."""
    return Call("POST", _subscription(which, ":pause"), as_(Subscription))


def resume(which: str) -> Call[Subscription]:
    """Go on with a subscription."""
    return Call("POST", _subscription(which, ":resume"), as_(Subscription))


def resend(which: str) -> Call[Subscription]:
    """Send what was given up."""
    return Call("POST", _subscription(which, ":resend"), as_(Subscription))


def replay(which: str, after: str) -> Call[Subscription]:
    """Send again from a place in the feed."""
    return Call("POST", _subscription(which, ":replay"), as_(Subscription), body=From(after=after).body())


def webhook_keys() -> Call[tuple[dict[str, str], ...]]:
    """The public keys by which webhooks are checked, as entries of a JWK set."""

    def read(_status: int, content: bytes) -> tuple[dict[str, str], ...]:
        try:
            return tuple({str(name): str(value) for name, value in key.items()} for key in json.loads(content)["keys"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unreadable("no JWK set") from None

    return Call("GET", "/v1/webhook-keys", read)


def _keyed(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Idempotency-Key": key}
