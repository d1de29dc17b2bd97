"""The routes of the service, and what each says of itself."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from http import HTTPStatus
from inspect import getdoc
from typing import Any, Final

from fastapi import APIRouter

from activities.publishing.subscribing import Subscription
from activities.registry.loading import PersonSaid
from activities.registry.overview import OVERSEES, Overview
from cases.answers import Answer, CaseView, Outcome, Receipt
from cases.campaigns import CampaignReport
from cases.errors import Code
from cases.events import EVENTS, FACTS
from cases.events import OPEN as OPENED
from cases.events import ROLES as EVENT_ROLES
from cases.progress import Progress
from cases.rules.people import PROGRAMS
from intake.applications import APPLICATIONS
from intake.files.batch import BatchColumn
from intake.files.columns import REQUIRED, Column
from intake.files.tables import Format
from intake.jobs.store import Job
from intake.persons import SOURCE
from intake.service import examples
from intake.service.acting import REOPEN, Acting
from intake.service.bodies import described, described_lines
from intake.service.description import KEY_SET, Says, add
from intake.service.feed import Events, Feed, FeedEnd
from intake.service.feeding import LINES, Feeding, PersonsAnswer
from intake.service.jobs import HandingIn, JobRows, Jobs, RateWanted
from intake.service.keys import Keys, WebhookKeySet
from intake.service.looking import DeliveryRead, Found, History, LookedFor, Looking, Page, SubjectRead
from intake.service.overseeing import Overseeing
from intake.service.reach import Reach
from intake.service.refusals import (
    BODY,
    FILE,
    ONE_CAMPAIGN,
    ONE_CASE,
    ONE_JOB,
    ONE_SUBSCRIPTION,
    PACED,
    PARAMETERS,
    TOLD,
)
from intake.service.scopes import FEED, IMPORT, OPEN, PERSONS, READ, TELLS_OF_PROGRAMS, tell
from intake.service.subscriptions import From, Subscribing, Subscriptions, Wanted
from intake.service.uploads import FILE_SCHEMA, MEDIA_TYPES
from intake.telling import FILLED_IN, IN_CLEAR

_PLACE: Final = frozenset({Code.FEED_PLACE_GONE})


def add_routes(router: APIRouter, reach: Reach) -> None:
    """Add all routes of version 1."""
    _of_openings(router, Acting(reach))
    _of_cases(router, Looking(reach))
    _of_offices(router, Overseeing(reach))
    _of_the_feed(router, Feed(reach))
    _of_subscriptions(router, Subscribing(reach), Keys(reach))
    _of_files(router, HandingIn(reach))
    _of_jobs(router, HandingIn(reach))
    _of_persons(router, Feeding(reach))
    # One for each event; routes are gone through in this order, and what is asked again and again stands before them.
    _of_events(router, Acting(reach))


def _of_openings(router: APIRouter, acting: Acting) -> None:
    applied = described(
        *APPLICATIONS.values(),
        without={"key"},
        beside={"reopen": REOPEN},
        needed={"kind"},
        told_apart_by="kind",
    )
    add(
        router,
        "POST",
        "/cases",
        acting.open_case,
        Says(
            name="open_case",
            tag="cases",
            summary="Open a case",
            scope=OPEN,
            status=HTTPStatus.CREATED,
            answer=Receipt,
            answered="The case is registered and screened; a rejection by a pre-check is said in `reason`.",
            also={HTTPStatus.OK: "This application was handed in before; the receipt is the same."},
            body=applied,
            example={APPLICATIONS[kind].__name__: value for kind, value in examples.APPLICATIONS.items()},
            refuses=TOLD,
        ),
    )


def _of_cases(router: APIRouter, looking: Looking) -> None:
    add(
        router,
        "POST",
        "/cases:lookup",
        looking.look_up,
        Says(
            name="look_up_case",
            tag="cases",
            summary="Find the case of a person",
            scope=READ,
            answer=Found,
            answered="The case.",
            body=described(LookedFor),
            example={"example": examples.LOOKED_FOR},
            refuses=BODY
            | ONE_CASE
            | {Code.SEARCHED_TOO_OFTEN, Code.PERSONAL_NUMBER_INVALID, Code.NUMBER_SPREADSHEET_DAMAGED},
        ),
    )
    add(
        router,
        "GET",
        "/cases",
        looking.list_cases,
        Says(
            name="list_cases",
            tag="cases",
            summary="List cases",
            scope=READ,
            answer=Page,
            answered="A page of cases.",
            refuses=PARAMETERS,
        ),
    )
    add(
        router,
        "GET",
        "/cases/{case}",
        looking.read,
        Says(
            name="read_case",
            tag="cases",
            summary="Read a case, or wait until it moves",
            scope=READ,
            answer=CaseView,
            answered="Where the case stands, what it waits for, and what it may be told.",
            also={HTTPStatus.NOT_MODIFIED: "It has not moved."},
            etag=True,
            refuses=PARAMETERS | ONE_CASE,
        ),
    )
    for word, handler, says in (
        (
            "progress",
            looking.read_progress,
            Says(
                name="read_progress",
                tag="cases",
                summary="Ask for an applicant how far it is",
                scope=READ,
                answer=Progress,
                answered="One line over all the applicant's cases that the caller sees, in both languages.",
                refuses=PARAMETERS | ONE_CASE | {Code.AUTHORITY_ENDED, Code.AUTHORITY_MISSING},
            ),
        ),
        (
            "history",
            looking.read_history,
            Says(
                name="read_history",
                tag="cases",
                summary="Read how a case moved",
                scope=READ,
                answer=History,
                answered="Every transition, oldest first.",
                refuses=ONE_CASE,
            ),
        ),
        (
            "outcome",
            looking.read_outcome,
            Says(
                name="read_outcome",
                tag="cases",
                summary="Read how a case ended",
                scope=READ,
                answer=Outcome,
                answered="The result.",
                refuses=ONE_CASE | {Code.CASE_STILL_OPEN},
            ),
        ),
        (
            "subject",
            looking.read_subject,
            Says(
                name="read_subject",
                tag="cases",
                summary="Read whom a case is about",
                scope=READ,
                answer=SubjectRead,
                answered="The numbers in clear.",
                refuses=ONE_CASE | {Code.ROLE_NOT_ALLOWED},
            ),
        ),
        (
            "delivery",
            looking.read_delivery,
            Says(
                name="read_delivery",
                tag="cases",
                summary="Read how a card is delivered",
                scope=READ,
                answer=DeliveryRead,
                answered="The way, and the address in clear.",
                refuses=ONE_CASE | {Code.ROLE_NOT_ALLOWED},
            ),
        ),
    ):
        add(router, "GET", f"/cases/{{case}}/{word}", handler, says)


def _of_events(router: APIRouter, acting: Acting) -> None:
    for event, fact in FACTS.items():
        record = EVENTS[event]
        roles = ", ".join(f"`{role.value}`" for role in sorted(record.roles))
        add(
            router,
            "POST",
            f"/cases/{{case}}/events/{event.value}",
            acting.teller(event),
            Says(
                name=f"tell_{event.value}",
                tag="events",
                summary=f"Tell a case: {event.value}",
                description=f"{record.description}\n\nTold by: {roles}.",
                scope=tell(event),
                answer=Answer,
                answered="Where the case stands after it.",
                etag=True,
                body=described(fact, without=FILLED_IN, instead=IN_CLEAR),
                example={"example": examples.of_event(event)},
                refuses=TOLD | ONE_CASE | {Code.VERSION_DIFFERS},
            ),
        )


def _of_the_feed(router: APIRouter, feed: Feed) -> None:
    add(
        router,
        "GET",
        "/events",
        feed.read,
        Says(
            name="read_feed",
            tag="feed",
            summary="Read what happened",
            scope=FEED,
            answer=Events,
            answered="What followed, and where to go on.",
            refuses=PARAMETERS | _PLACE,
        ),
    )
    add(
        router,
        "GET",
        "/events:end",
        feed.end,
        Says(
            name="read_feed_end",
            tag="feed",
            summary="Find the end of the feed",
            scope=FEED,
            answer=FeedEnd,
            answered="Where to go on from.",
        ),
    )


def _of_subscriptions(router: APIRouter, subscribing: Subscribing, keys: Keys) -> None:
    one = "/subscriptions/{subscription}"
    add(
        router,
        "POST",
        "/subscriptions",
        subscribing.begin,
        Says(
            name="subscribe",
            tag="subscriptions",
            summary="Be told by webhook",
            scope=FEED,
            status=HTTPStatus.CREATED,
            answer=Subscription,
            answered="It is written down; its sink is asked whether it wants to be told.",
            body=described(Wanted),
            example={"example": examples.WANTED},
            refuses=BODY | {Code.SINK_REFUSED, Code.PII_IN_TEXT, Code.REGION_INVALID, Code.SUBSCRIPTIONS_TOO_MANY},
        ),
    )
    add(
        router,
        "GET",
        "/subscriptions",
        subscribing.list_them,
        Says(
            name="list_subscriptions",
            tag="subscriptions",
            summary="List subscriptions",
            scope=FEED,
            answer=Subscriptions,
            answered="All of the caller, the oldest first.",
        ),
    )
    for method, path, handler, name, summary in (
        ("GET", one, subscribing.read, "read_subscription", "Read a subscription"),
        ("DELETE", one, subscribing.end, "end_subscription", "End a subscription"),
        ("POST", f"{one}:pause", subscribing.pause, "pause_subscription", "Pause a subscription"),
        ("POST", f"{one}:resume", subscribing.resume, "resume_subscription", "Go on with a subscription"),
        ("POST", f"{one}:resend", subscribing.send_again, "resend_subscription", "Send what was given up"),
    ):
        add(
            router,
            method,
            path,
            handler,
            Says(
                name=name,
                tag="subscriptions",
                summary=summary,
                scope=FEED,
                answer=Subscription,
                answered="How it stands.",
                refuses=ONE_SUBSCRIPTION,
            ),
        )
    add(
        router,
        "POST",
        f"{one}:replay",
        subscribing.replay,
        Says(
            name="replay_subscription",
            tag="subscriptions",
            summary="Send again from a place",
            scope=FEED,
            answer=Subscription,
            answered="How it stands.",
            body=described(From),
            example={"example": examples.FROM},
            refuses=BODY | ONE_SUBSCRIPTION | _PLACE,
        ),
    )
    add(
        router,
        "GET",
        "/webhook-keys",
        keys.read,
        Says(
            name="read_webhook_keys",
            tag="subscriptions",
            summary="Read the keys of webhooks",
            scope=None,
            answer=WebhookKeySet,
            answered="The public keys, as a JWK set.",
            media_type=KEY_SET,
        ),
    )


def _of_files(router: APIRouter, handing_in: HandingIn) -> None:
    for path, handler, name, summary, scopes, roles, example, columns in (
        (
            "/registers",
            handing_in.take_register,
            "hand_in_register",
            "Open a case for each row of a register",
            (IMPORT,),
            EVENT_ROLES[OPENED],
            examples.REGISTER,
            _columns(REQUIRED, Column),
        ),
        (
            "/event-batches",
            handing_in.take_batch,
            "hand_in_event_batch",
            "Tell an event for each row of a file",
            TELLS_OF_PROGRAMS,
            PROGRAMS,
            examples.BATCH,
            _columns((BatchColumn.case,), BatchColumn),
        ),
    ):
        add(
            router,
            "POST",
            path,
            handler,
            Says(
                name=name,
                tag="jobs",
                summary=summary,
                description=f"{getdoc(handler)}\n\n{columns}",
                scope=scopes[0],
                or_scopes=scopes[1:],
                roles=roles,
                status=HTTPStatus.ACCEPTED,
                answer=Job,
                answered="The file is read and its rows are staged; they are done from now on.",
                also={HTTPStatus.OK: "This file was handed in before, under the same key."},
                body=FILE_SCHEMA,
                takes=tuple(MEDIA_TYPES),
                example={kind: _example_of(example, form) for kind, form in MEDIA_TYPES.items()},
                refuses=FILE,
            ),
        )


def _columns(needed: Sequence[StrEnum], columns: type[Column] | type[BatchColumn]) -> str:
    """The headings that a table may have, in both languages."""
    others = (column for column in columns if column not in needed)
    return f"Columns that are needed: {_headings(needed)}. Others: {_headings(others)}."


def _headings(columns: Iterable[Any]) -> str:
    return ", ".join(f"`{column.value}` ({column.zh})" for column in columns)


def _example_of(table: str, form: Format) -> str | None:
    """A table of CSV as a file of another form; None for one that JSON cannot hold."""
    match form:
        case Format.separated:
            return table
        case Format.json_lines:
            return examples.as_lines(table)
        case Format.workbook:
            return None


def _of_jobs(router: APIRouter, handing_in: HandingIn) -> None:
    for method, path, handler, says in (
        (
            "GET",
            "/jobs",
            handing_in.list_them,
            Says(
                name="list_jobs",
                tag="jobs",
                summary="List jobs",
                scope=IMPORT,
                or_scopes=TELLS_OF_PROGRAMS,
                answer=Jobs,
                answered="The newest of the caller, as far as the token is for what they do.",
            ),
        ),
        (
            "GET",
            "/jobs/{job}",
            handing_in.read,
            Says(
                name="read_job",
                tag="jobs",
                summary="Read how far a job is, or wait for its end",
                scope=IMPORT,
                or_scopes=TELLS_OF_PROGRAMS,
                answer=Job,
                answered="How far it is.",
                refuses=PARAMETERS | ONE_JOB,
            ),
        ),
        (
            "GET",
            "/jobs/{job}/rows",
            handing_in.read_rows,
            Says(
                name="list_job_rows",
                tag="jobs",
                summary="Read what became of rows",
                scope=IMPORT,
                or_scopes=TELLS_OF_PROGRAMS,
                answer=JobRows,
                answered="A page of rows.",
                refuses=PARAMETERS | ONE_JOB,
            ),
        ),
        (
            "POST",
            "/jobs/{job}:cancel",
            handing_in.cancel,
            Says(
                name="cancel_job",
                tag="jobs",
                summary="Cancel a job",
                scope=IMPORT,
                or_scopes=TELLS_OF_PROGRAMS,
                answer=Job,
                answered="How it stands.",
                refuses=ONE_JOB | {Code.JOB_NOT_RUNNING},
            ),
        ),
        (
            "GET",
            "/jobs/{job}/report",
            handing_in.read_report,
            Says(
                name="read_job_report",
                tag="jobs",
                summary="Count what became of a campaign",
                scope=IMPORT,
                answer=CampaignReport,
                answered="Its rows in numbers, as the register counts them.",
                refuses=ONE_CAMPAIGN,
            ),
        ),
        (
            "POST",
            "/jobs/{job}:pause",
            handing_in.pause,
            Says(
                name="pause_job",
                tag="jobs",
                summary="Pause a campaign",
                scope=IMPORT,
                answer=Job,
                answered="How it stands.",
                refuses=ONE_CAMPAIGN | PACED,
            ),
        ),
        (
            "POST",
            "/jobs/{job}:resume",
            handing_in.resume,
            Says(
                name="resume_job",
                tag="jobs",
                summary="Resume a campaign",
                scope=IMPORT,
                answer=Job,
                answered="How it stands.",
                refuses=ONE_CAMPAIGN | PACED,
            ),
        ),
        (
            "POST",
            "/jobs/{job}:set-rate",
            handing_in.set_rate,
            Says(
                name="set_job_rate",
                tag="jobs",
                summary="Set the rate of a campaign",
                scope=IMPORT,
                answer=Job,
                answered="How it stands.",
                body=described(RateWanted),
                example={"example": examples.RATE},
                refuses=BODY | ONE_CAMPAIGN | PACED,
            ),
        ),
    ):
        add(router, method, path, handler, says)


def _of_offices(router: APIRouter, overseeing: Overseeing) -> None:
    add(
        router,
        "GET",
        "/overview",
        overseeing.read_overview,
        Says(
            name="read_overview",
            tag="offices",
            summary="See how an office and all below it stand",
            scope=READ,
            roles=OVERSEES,
            answer=Overview,
            answered="The figures.",
            refuses=PARAMETERS | {Code.OFFICE_NOT_COMPETENT},
        ),
    )


def _of_persons(router: APIRouter, feeding: Feeding) -> None:
    add(
        router,
        "POST",
        "/persons",
        feeding.take_in,
        Says(
            name="feed_persons",
            tag="persons",
            summary="Keep the register of insured persons up to date",
            scope=PERSONS,
            roles=SOURCE,
            answer=PersonsAnswer,
            answered="What became of each line.",
            body=described_lines(PersonSaid),
            takes=LINES,
            example={"example": examples.SAID},
            refuses=frozenset({Code.MEDIA_TYPE_UNKNOWN, Code.REQUEST_TOO_LARGE}),
        ),
    )
