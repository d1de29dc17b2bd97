"""The desk as an HTTP application."""

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from activities.registry.overview import CampaignEnds, no_campaign
from activities.registry.pool import Pool
from activities.registry.reading import CaseRow, Filter, list_cases
from activities.registry.reveals import reveal
from activities.registry.searching import SEARCHES, Found, search
from activities.sealing import Sealer
from activities.serving import serve
from cases.delivery import Tongue
from cases.details import Presentation
from cases.documents import DocumentKind
from cases.errors import CaseError, Code
from cases.events import FACTS, Event
from cases.kinds import read_case_id
from cases.models import Actor
from cases.numbers import normalise
from cases.words import word
from desk.casework import Case, Cases, shown
from desk.deciding import CERTAIN, Deciding, NotDecided, named_in, sent_by
from desk.documents import SHOWN, DocumentServer
from desk.forms import Form, form_of
from desk.listing import list_of
from desk.overseeing import figures_of, named
from desk.overseeing import shown as shown_figures
from desk.pages import STYLE, page, style
from desk.register import MOVES, colleagues, put_back, take
from desk.visitors import Visitor, Visitors
from desk.words import remedy
from gate.access import REVEALS
from gate.origins import Handler
from gate.refusals import form_of as urlencoded_form_of
from gate.refusals import refusal, status_of
from gate.sessions import LOGGED_IN, Sessions, own_place
from runtime.workbook import workbook

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' {documents}; frame-src {documents}; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""What a browser lets these pages do: show themselves and documents, and send their own forms here. No script."""

_OF_EVERY_ANSWER: Final = {
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer` a browser would say `null` for the origin of our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LONGEST_NUMBER: Final = 64
"""Characters of a number as somebody types it."""
_NOT_LOGGED_IN: Final = frozenset({Code.IDENTITY_MISSING, Code.IDENTITY_EXPIRED, Code.IDENTITY_INVALID})

REFERENCE: Final = re.compile(r"[1-9][0-9]{7}")
"""The eight digits by which an applicant names a case."""
_WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Answer = Callable[[web.Request, Visitor], Awaitable[web.Response]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """Everything the desk answers with."""

    visitors: Visitors
    sessions: Sessions
    cases: Cases
    pool: Pool
    sealer: Sealer
    namespace: str
    deciding: Deciding
    documents: DocumentServer
    ui_url: str | None
    """Where the Web UI is, for links to it."""
    runbook_url: str | None
    campaign_ends: CampaignEnds = no_campaign
    """The last day of the campaign, by region."""

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application()
        application.on_response_prepare.append(self._mark)
        case = "/cases/{case}"
        application.add_routes(
            [
                web.get(STYLE, style),
                web.get("/", self._seen(self.waiting)),
                web.get("/login", self.begin_login),
                web.get(LOGGED_IN, self.end_login),
                web.post("/logout", self.sessions.own_page_only(self.sessions.log_out)),
                web.post("/tongue", self.sessions.own_page_only(self.choose_tongue)),
                web.get("/overview", self._seen(self.overview)),
                web.get("/overview.xlsx", self._seen(self.overview_as_workbook)),
                web.get("/find", self._seen(self.find)),
                web.post("/find", self.sessions.own_page_only(self._seen(self.search))),
                web.get(case, self._seen(self.case)),
                web.post(f"{case}/events/{{event}}", self.sessions.own_page_only(self._seen(self.decide))),
                *(
                    web.post(f"{case}/{name}", self.sessions.own_page_only(self._seen(handler)))
                    for name, handler in (("take", self.take), ("put-back", self.put_back), ("reveal", self.reveal))
                ),
            ]
        )
        return application

    async def _mark(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Say on every answer what a browser may do with it, and that nobody keeps it."""
        response.headers.update(_OF_EVERY_ANSWER)
        response.headers["Content-Security-Policy"] = POLICY.format(documents=self.documents.public_url)
        response.headers.setdefault("Cache-Control", "no-store")

    # --- who asks ---------------------------------------------------------------------------------------------------

    def _seen(self, answer: Answer) -> Handler:
        """The handler for whoever is logged in; what is refused becomes a page."""

        async def handle(request: web.Request) -> web.StreamResponse:
            tongue, visitor = self.visitors.tongue_of(request), None
            try:
                visitor = await self.visitors.of(request)
                return await answer(request, visitor)
            except CaseError as refused:
                log.info("refused", extra={"code": refused.code.value})
                return _refused(request, visitor.actor if visitor is not None else None, tongue, refused.code)

        return handle

    async def begin_login(self, request: web.Request) -> web.Response:
        """Send the browser to the provider, and later to where somebody wanted to go."""
        return await self._logging_in(request, self.sessions.begin(request, request.query.get("to", "")))

    async def end_login(self, request: web.Request) -> web.Response:
        """Take the browser back from the provider."""
        return await self._logging_in(request, self.sessions.end(request))

    async def _logging_in(self, request: web.Request, step: Awaitable[web.Response]) -> web.Response:
        try:
            return await step
        except CaseError as refused:
            if refused.code is Code.ORIGIN_NOT_ALLOWED:
                return refusal(refused)
            return _nobody(request, self.visitors.tongue_of(request), refused.code, here="/")

    async def choose_tongue(self, request: web.Request) -> web.Response:
        """Show the pages in another language from now on."""
        try:
            form = await urlencoded_form_of(request)
        except CaseError as refused:
            return refusal(refused)
        response = web.Response(status=303, headers={"Location": own_place(form.get("to", ""))})
        if (chosen := form.get("tongue", "")) in set(Tongue):
            self.visitors.keep_tongue(response, Tongue(chosen))
        return response

    # --- lists ------------------------------------------------------------------------------------------------------

    async def waiting(self, request: web.Request, visitor: Visitor) -> web.Response:
        """What waits for whoever looks, or another list of open cases."""
        listed = await list_of(self.pool, visitor, request.query, datetime.now(UTC))
        return page("list.html", visitor.tongue, visitor.actor, here=request.path_qs, **listed)

    # --- figures ----------------------------------------------------------------------------------------------------

    async def overview(self, request: web.Request, visitor: Visitor) -> web.Response:
        """How the offices of whoever looks stand."""
        chosen, found = await figures_of(self.pool, visitor, request.query, datetime.now(UTC), self.campaign_ends)
        asked = f"?{request.query_string}" if request.query_string else ""
        return page(
            "overview.html",
            visitor.tongue,
            visitor.actor,
            here=request.path_qs,
            chosen=chosen,
            workbook=f"/overview.xlsx{asked}",
            **shown_figures(found, visitor),
        )

    async def overview_as_workbook(self, request: web.Request, visitor: Visitor) -> web.Response:
        """The same as a file."""
        _, found = await figures_of(self.pool, visitor, request.query, datetime.now(UTC), self.campaign_ends)
        content = await asyncio.to_thread(workbook, found.model_dump(), visitor.tongue)
        headers = {"Content-Disposition": f'attachment; filename="{named(found)}"'}
        return web.Response(body=content, content_type=_WORKBOOK, headers=headers)

    async def find(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Where cases are found: by their ID or their eight digits, or by the number of a person or a card."""
        case = request.query.get("case", "").strip().lower()
        if REFERENCE.fullmatch(case):
            return self._found(
                visitor, await list_cases(self.pool, Filter(reference=case, office=visitor.actor.office))
            )
        if case:
            read_case_id(case)
            return web.Response(status=303, headers={"Location": f"/cases/{case}"})
        return self._found(visitor, None)

    async def search(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Cases of the own region that a number leads to; written down before they are shown, and limited."""
        form = await urlencoded_form_of(request)
        number = form.get("number", "").strip()
        if not 0 < len(number) <= LONGEST_NUMBER:
            raise CaseError(Code.FIELD_INVALID, "number")
        token = self.sealer.number_token(normalise(number).text)
        return self._found(
            visitor, await search(self.pool, visitor.actor, token, form.get("reason", ""), datetime.now(UTC))
        )

    def _found(self, visitor: Visitor, found: Sequence[Found | CaseRow] | None) -> web.Response:
        may_search = visitor.actor.role in SEARCHES
        return page("find.html", visitor.tongue, visitor.actor, here="/find", found=found, may_search=may_search)

    # --- one case ---------------------------------------------------------------------------------------------------

    async def case(self, request: web.Request, visitor: Visitor) -> web.Response:
        """One case."""
        case = await self._case_of(request, visitor)
        done = request.query.get("done", "")
        return await self._case_page(
            case, visitor, done=word(Event(done), visitor.tongue) if done in set(Event) else ""
        )

    async def _case_of(self, request: web.Request, visitor: Visitor) -> Case:
        return await self.cases.read(visitor, request.match_info["case"], datetime.now(UTC))

    async def decide(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Take a decision in; the answer is the page of the case as it stands then."""
        name = request.match_info["event"]
        if name not in FACTS:
            raise CaseError(Code.EVENT_NOT_ALLOWED)
        # Nothing is read of whoever sees no such case.
        await self._case_of(request, visitor)
        with self.deciding.room.of(request, visitor.actor.id):
            sent = await sent_by(request)
            # As it stands now: it may have moved while the form was sent, for which somebody may take minutes.
            case, event = await self._case_of(request, visitor), Event(name)
            try:
                await self.deciding.decide(visitor, case, event, sent)
            except NotDecided as refused:
                log.info("not decided", extra={"code": refused.refusal.code.value, "told": event.value})
                # It may have moved meanwhile, which is why it was refused.
                return await self._case_page(await self._case_of(request, visitor), visitor, refused=refused)
        log.info("decided", extra={"staff": visitor.actor.id, "told": event.value, "of_case": case.view.case_id})
        return web.Response(status=303, headers={"Location": f"/cases/{case.view.case_id}?done={event.value}"})

    def _forms(self, case: Case, visitor: Visitor, refused: NotDecided | None) -> list[Form]:
        named = named_in(case)
        forms = [form_of(event, case.view, named, visitor.tongue) for event in case.offered]
        return [_with_what_was_sent(form, refused, visitor.tongue) for form in forms if form is not None]

    async def _case_page(
        self, case: Case, visitor: Visitor, *, done: str = "", refused: NotDecided | None = None
    ) -> web.Response:
        presentation = Presentation(visitor.tongue, (self.ui_url or "").rstrip("/"), self.runbook_url or "")
        moves = visitor.actor.role in MOVES
        workflow = f"/namespaces/{self.namespace}/workflows/{case.view.case_id}"
        return page(
            "case.html",
            visitor.tongue,
            visitor.actor,
            here=f"/cases/{case.view.case_id}",
            status=200 if refused is None else status_of(refused.refusal.code),
            done=done,
            refused=None if refused is None else _told(refused.refusal.code, visitor.tongue),
            forms=self._forms(case, visitor, refused),
            key=secrets.token_urlsafe(16),
            certain_wrong=refused is not None and CERTAIN in refused.refusal.fields,
            can_hand_in=self.documents.store is not None,
            documents=[
                (document, self.documents.link_to(document) if self.documents.can_show(document) else None)
                for document in named_in(case)
            ],
            shown_types=SHOWN,
            document_kinds=tuple(DocumentKind),
            may_move=moves,
            may_reveal=visitor.actor.role in REVEALS,
            colleagues=await colleagues(self.pool, visitor.actor) if moves else (),
            temporal=f"{presentation.ui_url}{workflow}" if self.ui_url else None,
            **shown(case, visitor, self.namespace, presentation),
        )

    async def take(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Take a case in hand, or give it to a colleague."""
        case, form = await self._case_of(request, visitor), await urlencoded_form_of(request)
        await take(self.pool, visitor.actor, case.view.case_id, datetime.now(UTC), form.get("staff") or None)
        return _back_to(case)

    async def put_back(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Put a case back."""
        case = await self._case_of(request, visitor)
        await put_back(self.pool, visitor.actor, case.view.case_id)
        return _back_to(case)

    async def reveal(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Show somebody one case in clear for a while, for a reason that is written down before."""
        if visitor.actor.role not in REVEALS:
            raise CaseError(Code.ROLE_NOT_ALLOWED)
        case, form = await self._case_of(request, visitor), await urlencoded_form_of(request)
        await reveal(self.pool, visitor.actor, case.view.case_id, form.get("reason", ""), datetime.now(UTC))
        log.info("revealed", extra={"staff": visitor.actor.id, "of_case": case.view.case_id})
        return _back_to(case)


def _with_what_was_sent(form: Form, refused: NotDecided | None, tongue: Tongue) -> Form:
    if refused is None or refused.event is not form.event:
        return form
    wrong = {path: remedy(code, tongue) for path, code in refused.refusal.fields.items()}
    return form.filled(refused.typed, wrong)


def _back_to(case: Case) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/cases/{case.view.case_id}"})


def _told(code: Code | None, tongue: Tongue) -> dict[str, str] | None:
    if code is None:
        return None
    return {"code": code.value, "text": remedy(code, tongue)}


def _refused(request: web.Request, actor: Actor | None, tongue: Tongue, code: Code) -> web.Response:
    if code in _NOT_LOGGED_IN:
        here = request.path_qs if request.method == "GET" else "/"
        return _nobody(request, tongue, None if code is Code.IDENTITY_MISSING else code, here=here)
    return page("wrong.html", tongue, actor, status=status_of(code), refused=_told(code, tongue))


def _nobody(_request: web.Request, tongue: Tongue, code: Code | None, *, here: str) -> web.Response:
    status = status_of(code or Code.IDENTITY_MISSING)
    return page("nobody.html", tongue, None, here=here, status=status, refused=_told(code, tongue))


def serve_desk(service: Service, host: str, port: int) -> AbstractAsyncContextManager[int]:
    """Serve for the length of a block; yields the port."""
    return serve(service.application(), host, port)
