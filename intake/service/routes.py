"""The routes of the service, and how the description of the interface names them."""

from fastapi import APIRouter

from activities.publishing.subscribing import Subscription
from cases.answers import Answer, CaseView, Outcome, Receipt
from cases.events import EVENTS, FACTS
from cases.progress import Progress
from intake.applications import APPLICATIONS
from intake.service.acting import FILLED_IN, IN_CLEAR, Acting
from intake.service.bodies import described
from intake.service.feed import Events, Feed, FeedEnd
from intake.service.looking import Found, History, LookedFor, Looking, Page, SubjectRead
from intake.service.problems import Problem
from intake.service.reach import Reach
from intake.service.subscriptions import From, Subscribing, Subscriptions, Wanted


def routes(reach: Reach) -> APIRouter:
    """All routes of version 1."""
    refused = {"description": "Refused: `code` says why, `remedy` what to do.", "model": Problem}
    router = APIRouter(prefix="/v1", responses={"default": refused})
    _of_cases(router, Looking(reach), Acting(reach))
    _of_events(router, Acting(reach))
    _of_the_feed(router, Feed(reach), Subscribing(reach))
    return router


def _of_the_feed(router: APIRouter, feed: Feed, subscribing: Subscribing) -> None:
    router.get("/events", response_model=Events, summary="Read what happened", tags=["feed"])(feed.read)
    router.get("/events:end", response_model=FeedEnd, summary="Find the end of the feed", tags=["feed"])(feed.end)
    one = "/subscriptions/{subscription}"
    router.post(
        "/subscriptions",
        status_code=201,
        response_model=Subscription,
        openapi_extra=described(Wanted),
        summary="Be told by webhook",
        tags=["subscriptions"],
    )(subscribing.begin)
    router.get("/subscriptions", response_model=Subscriptions, summary="List subscriptions", tags=["subscriptions"])(
        subscribing.list_them
    )
    router.get(one, response_model=Subscription, summary="Read a subscription", tags=["subscriptions"])(
        subscribing.read
    )
    router.delete(one, response_model=Subscription, summary="End a subscription", tags=["subscriptions"])(
        subscribing.end
    )
    router.post(
        f"{one}:replay",
        response_model=Subscription,
        openapi_extra=described(From),
        summary="Send again from a place",
        tags=["subscriptions"],
    )(subscribing.replay)
    for word, handler, summary in (
        ("pause", subscribing.pause, "Pause a subscription"),
        ("resume", subscribing.resume, "Go on with a subscription"),
        ("resend", subscribing.send_again, "Send what was given up"),
    ):
        router.post(f"{one}:{word}", response_model=Subscription, summary=summary, tags=["subscriptions"])(handler)


def _of_cases(router: APIRouter, looking: Looking, acting: Acting) -> None:
    router.post(
        "/cases",
        status_code=201,
        response_model=Receipt,
        responses={200: {"model": Receipt, "description": "This application was handed in before."}},
        openapi_extra=described(*APPLICATIONS.values(), without=frozenset({"key"})),
        summary="Open a case",
        tags=["cases"],
    )(acting.open_case)
    router.post(
        "/cases:lookup",
        response_model=Found,
        openapi_extra=described(LookedFor),
        summary="Find the case of a person",
        tags=["cases"],
    )(looking.look_up)
    for path, answer, handler, summary in (
        ("", Page, looking.list_cases, "List cases"),
        ("/{case}", CaseView, looking.read, "Read a case, or wait until it moves"),
        ("/{case}/progress", Progress, looking.read_progress, "Ask for an applicant how far it is"),
        ("/{case}/history", History, looking.read_history, "Read how a case moved"),
        ("/{case}/outcome", Outcome, looking.read_outcome, "Read how a case ended"),
        ("/{case}/subject", SubjectRead, looking.read_subject, "Read whom a case is about"),
    ):
        router.get(f"/cases{path}", response_model=answer, summary=summary, tags=["cases"])(handler)


def _of_events(router: APIRouter, acting: Acting) -> None:
    for event, fact in FACTS.items():
        router.post(
            f"/cases/{{case}}/events/{event.value}",
            response_model=Answer,
            openapi_extra=described(fact, without=FILLED_IN, instead=IN_CLEAR),
            operation_id=f"tell_{event.value}",
            summary=f"Tell a case: {event.value}",
            description=EVENTS[event].description,
            tags=["events"],
        )(acting.teller(event))
