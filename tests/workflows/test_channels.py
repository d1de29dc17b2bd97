"""Applications as people really hand them in: who handed one in, who answers for it, and who decides on it then."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from temporalio.client import WorkflowUpdateFailedError

from cases.clocks import SHANGHAI
from cases.documents import Document, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments, HandOver, VerifyDocuments, Withdraw
from cases.kinds import case_id
from cases.machines.machine import Milestone, Status
from cases.models import Actor, Role
from cases.names import Kind
from cases.openings import ApplicationChannel, Opening, ReplacementReason
from cases.submitters import Authority, Citizen, IdentityCheck, SubmitterKind
from intake.applications import ApplicationCitizen, InputRefused
from intake.client import CaseClient
from tests.engine import Engine, Person, new_number
from tests.scenes import CERTIFICATE, CLERK, ID_CARD, OFFICE, OFFICER, SOUTH, VERIFIER, document
from tests.stamping import stamped_by_a_system
from tests.workflows.dossier import Dossier, code_of

ONWARD = {Kind.id_number_change: Status.verified, Kind.card_replacement: Status.ordered}
"""Where a case is once nobody has to decide on its documents any more."""


async def named(engine: Engine, kind: Kind, region: str, clerk: Actor) -> tuple[Opening, Dossier | Code]:
    """What becomes of an application that a clerk took in, as a system says."""
    if kind is Kind.id_number_change:
        person = await engine.insured(region=region)
        opening: Opening = engine.number_change(person, ID_CARD, region=region, submitter=clerk)
    else:
        person = await engine.insured(region=region, number=new_number())
        opening = engine.replacement(person, ReplacementReason.expired, ID_CARD, region=region, submitter=clerk)
    try:
        return opening, await Dossier.open(engine, person, stamped_by_a_system(opening))
    except WorkflowUpdateFailedError as refused:
        return opening, code_of(refused)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("kind", list(ONWARD))
async def test_where_a_system_names_the_clerk_two_others_decide(engine: Engine, kind: Kind, region: str) -> None:
    clerk = await engine.at_a_post(Actor(id=f"named-{region}", role=Role.clerk, office=region))
    _, case = await named(engine, kind, region, clerk)
    assert isinstance(case, Dossier)
    view = await case.rests_in(Status.in_review)
    assert (view.submitter, view.submitter_named) == (clerk.id, True)
    assert (await case.verify()).status is Status.awaiting_approval
    for same in (VERIFIER, clerk):
        by_the_same = await case.approval(same.model_copy(update={"role": Role.officer}))
        assert await case.refuses(Event.approve, by_the_same) is Code.SAME_PERSON
    assert (await case.approve(OFFICER)).status is ONWARD[kind]
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await engine.pool.execute("UPDATE cases SET approver = NULL WHERE case_id = $1", case.case_id)
    assert refused.value.constraint_name == "cases_named_clerk_decides_nothing"


async def test_a_clerk_who_says_so_themself_needs_one_other_only(engine: Engine) -> None:
    person = await engine.insured()
    case = await Dossier.open(engine, person, engine.number_change(person, ID_CARD))
    assert (await engine.view(case.case_id)).submitter_named is False
    assert (await case.verify()).milestone is Milestone.documents_verified


@pytest.mark.parametrize("kind", list(ONWARD))
async def test_a_clerk_whom_the_directory_does_not_know_took_nothing_in(engine: Engine, kind: Kind) -> None:
    invented = Actor(id="invented-1", role=Role.clerk, office=OFFICE)
    opening, code = await named(engine, kind, OFFICE, invented)
    assert code is Code.SUBMITTER_UNKNOWN
    case = case_id(opening.kind, opening.person)
    assert await engine.pool.fetchval("SELECT count(*) FROM cases WHERE case_id = $1", case) == 0
    # Somebody of another office is as unknown at this one.
    at_the_neighbours = await engine.at_a_post(Actor(id="neighbour-1", role=Role.clerk, office="110101"))
    elsewhere = at_the_neighbours.model_copy(update={"office": OFFICE})
    assert (await named(engine, kind, OFFICE, elsewhere))[1] is Code.SUBMITTER_UNKNOWN
    assert (await named(engine, kind, OFFICE, at_the_neighbours))[1] is Code.OFFICE_NOT_COMPETENT
    # Nor does a system take anything in, whatever it calls itself.
    system = await engine.at_a_post(Actor(id="officer-9", role=Role.officer, office=OFFICE))
    assert (await named(engine, kind, OFFICE, system))[1] is Code.ROLE_NOT_ALLOWED
    assert (await named(engine, kind, OFFICE, CLERK.model_copy(update={"id": "clerk-77"})))[1] is Code.SUBMITTER_UNKNOWN


# --- what proves who applies ------------------------------------------------------------------------------------------


def check(*, provider: str = "national-id-app", minutes_ago: int = 1) -> IdentityCheck:
    return IdentityCheck(provider=provider, at=datetime.now(UTC) - timedelta(minutes=minutes_ago), reference="check/1")


async def online(
    engine: Engine,
    region: str,
    *documents: Document,
    channel: ApplicationChannel = ApplicationChannel.online,
    identity: IdentityCheck | None = None,
    reissued: bool = False,
    **more: Any,
) -> Dossier | Code:
    """What becomes of an ID-number change that the applicant themself applied for."""
    person = await engine.insured(region=region, **({"new": new_number()} if reissued else {}))
    ref = engine.sealer.person_token(person.personal_number)
    themself = more.pop("submitter", Citizen(kind=SubmitterKind.applicant, ref=ref))
    opening = engine.number_change(
        person, *documents, region=region, channel=channel, submitter=themself, identity=identity, **more
    )
    return await handed_in(engine, person, opening)


async def card(
    engine: Engine,
    region: str,
    *documents: Document,
    reason: ReplacementReason = ReplacementReason.expired,
    **more: Any,
) -> Dossier | Code:
    """What becomes of a card replacement that the applicant themself applied for."""
    person = await engine.insured(region=region, number=new_number())
    themself = Citizen(kind=SubmitterKind.applicant, ref=engine.sealer.person_token(person.personal_number))
    opening = engine.replacement(
        person,
        reason,
        *documents,
        region=region,
        **({"channel": ApplicationChannel.online, "submitter": themself, "identity": check()} | more),
    )
    return await handed_in(engine, person, opening)


async def handed_in(engine: Engine, person: Person, opening: Opening) -> Dossier | Code:
    try:
        return await Dossier.open(engine, person, stamped_by_a_system(opening))
    except WorkflowUpdateFailedError as refused:
        return code_of(refused)


def opened(case: Dossier | Code) -> Dossier:
    assert isinstance(case, Dossier), case
    return case


async def test_in_the_north_an_electronic_check_takes_the_place_of_the_original(engine: Engine) -> None:
    case = opened(await online(engine, OFFICE, ID_CARD, identity=check()))
    view = await case.rests_in(Status.in_review)
    assert (view.original_needed, view.channel, view.submitter) == (False, "online", None)
    copies = (ID_CARD.sha256,)
    unseen = VerifyDocuments(actor=CLERK, original_seen=False, copies=copies)
    assert (await case.tell(Event.verify_documents, unseen)).status is Status.verified


async def test_in_the_south_original_and_copy_are_brought_to_a_counter_all_the_same(engine: Engine) -> None:
    case = opened(await online(engine, SOUTH, ID_CARD, identity=check()))
    view = await case.rests_in(Status.awaiting_documents)
    assert [(each.document, each.original) for each in view.missing] == [(DocumentKind.resident_id_card, True)]
    # A further copy that comes the same way is no original, and a system has seen none.
    system = Actor(id="app-1", role=Role.back_office, office=SOUTH)
    again = AddDocuments(actor=system, documents=(document(copy="2"),))
    assert (await case.tell(Event.add_documents, again)).status is Status.awaiting_documents
    shown = again.model_copy(update={"original_seen": True})
    assert await case.refuses(Event.add_documents, shown) is Code.ROLE_NOT_ALLOWED
    brought = AddDocuments(actor=CLERK, documents=(ID_CARD,), original_seen=True)
    assert (await case.tell(Event.add_documents, brought)).status is Status.in_review
    unseen = VerifyDocuments(actor=VERIFIER, original_seen=False, copies=())
    assert await case.refuses(Event.verify_documents, unseen) is Code.ORIGINAL_NOT_SEEN
    # What was brought is defective: what is brought anew is brought in the original again.
    assert (await case.tell(Event.return_documents)).status is Status.awaiting_documents
    assert (await case.tell(Event.add_documents)).status is Status.awaiting_documents
    assert (await case.tell(Event.add_documents, brought)).status is Status.in_review
    # Nobody of the staff took it in: whoever was at the counter may verify.
    assert (await case.verify(CLERK)).status is Status.verified


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_without_a_check_that_the_region_takes_nothing_is_opened(engine: Engine, region: str) -> None:
    for identity, code in (
        (None, Code.IDENTITY_CHECK_MISSING),
        (check(provider="somebody"), Code.IDENTITY_CHECK_REFUSED),
        (check(minutes_ago=40), Code.IDENTITY_CHECK_REFUSED),
        (check(minutes_ago=-10), Code.IDENTITY_CHECK_REFUSED),
    ):
        assert await online(engine, region, ID_CARD, identity=identity) is code
        assert await card(engine, region, ID_CARD, identity=identity) is code


async def test_a_reissued_number_is_shown_in_the_original_however_it_is_applied_for(engine: Engine) -> None:
    for region in (OFFICE, SOUTH):
        case = opened(await online(engine, region, ID_CARD, CERTIFICATE, identity=check(), reissued=True))
        view = await case.rests_in(Status.awaiting_documents)
        assert [(each.document, each.original) for each in view.missing] == [
            (DocumentKind.resident_id_card, True),
            (DocumentKind.police_certificate, True),
        ]


async def test_what_a_channel_does_not_offer_is_applied_for_at_a_counter(engine: Engine) -> None:
    terminal = ApplicationChannel.terminal
    assert isinstance(await online(engine, OFFICE, ID_CARD, channel=terminal, identity=check()), Dossier)
    for region, reissued in ((OFFICE, True), (SOUTH, False)):
        papers = (ID_CARD, CERTIFICATE)
        case = await online(engine, region, *papers, channel=terminal, identity=check(), reissued=reissued)
        assert case is Code.CHANNEL_NOT_OFFERED
    lost = await card(engine, OFFICE, ID_CARD, channel=terminal, reason=ReplacementReason.data_changed)
    assert lost is Code.CHANNEL_NOT_OFFERED


async def test_how_the_card_reaches_its_holder_is_the_regions_own(engine: Engine) -> None:
    by_post = opened(await card(engine, OFFICE, ID_CARD))
    assert (await engine.view(by_post.case_id)).delivery is HandOver.post
    fetched = opened(await card(engine, OFFICE, ID_CARD, delivery=HandOver.counter))
    assert (await engine.view(fetched.case_id)).delivery is HandOver.counter
    assert await card(engine, SOUTH, ID_CARD, delivery=HandOver.post) is Code.DELIVERY_NOT_OFFERED
    assert (await engine.view(opened(await card(engine, SOUTH, ID_CARD)).case_id)).delivery is HandOver.counter


# --- who speaks for the applicant -------------------------------------------------------------------------------------

TODAY = datetime.now(SHANGHAI).date()
STANDS = Authority(document="0" * 64, until=TODAY + timedelta(days=30))
ENDED = Authority(document="1" * 64, until=TODAY - timedelta(days=1))
PROXY = document(DocumentKind.proxy_authorisation)


def agent(authority: Authority | None = STANDS, ref: str = "b" * 26) -> Citizen:
    return Citizen(kind=SubmitterKind.agent, ref=ref, authority=authority)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_an_agent_has_an_authority_that_has_not_ended(engine: Engine, region: str) -> None:
    for authority, code in ((None, Code.AUTHORITY_MISSING), (ENDED, Code.AUTHORITY_ENDED)):
        case = await online(engine, region, ID_CARD, channel=ApplicationChannel.agent, submitter=agent(authority))
        assert case is code
    case = opened(await online(engine, region, ID_CARD, channel=ApplicationChannel.agent, submitter=agent()))
    view = await case.rests_in(Status.awaiting_documents)
    assert DocumentKind.proxy_authorisation in {each.document for each in view.missing}
    brought = AddDocuments(actor=CLERK, documents=(ID_CARD, PROXY), original_seen=True)
    assert (await case.tell(Event.add_documents, brought)).status is Status.in_review


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_system_speaks_for_whoever_may_speak_for_the_applicant(engine: Engine, region: str) -> None:
    system = Actor(id="app-1", role=Role.back_office, office=region)
    case = opened(await online(engine, region, ID_CARD, channel=ApplicationChannel.agent, submitter=agent()))
    for speaker, code in (
        (agent(ENDED), Code.AUTHORITY_ENDED),
        (agent(None, ref="c" * 26), Code.AUTHORITY_MISSING),
        (Citizen(kind=SubmitterKind.applicant, ref="b" * 26), Code.NOT_THE_APPLICANT),
    ):
        assert await case.refuses(Event.withdraw, Withdraw(actor=system, on_behalf=speaker)) is code
    themself = Citizen(kind=SubmitterKind.applicant, ref=case.opening.person)
    photograph = AddDocuments(actor=system, documents=(document(DocumentKind.photograph),), on_behalf=agent(None))
    await case.tell(Event.add_documents, photograph)
    assert (await case.tell(Event.withdraw, Withdraw(actor=system, on_behalf=themself))).status is Status.withdrawn


# --- asking -----------------------------------------------------------------------------------------------------------


async def test_whoever_speaks_for_the_applicant_is_told_one_line_over_the_linked_cases(engine: Engine) -> None:
    change = opened(await online(engine, SOUTH, ID_CARD, identity=check()))
    card_of_them = engine.replacement(change.person, ReplacementReason.expired, ID_CARD, region=SOUTH)
    waiting = await Dossier.open(engine, change.person, card_of_them)
    client = CaseClient(engine.client, engine.sealer)
    # By either case; the card waits for the number.
    told, again = await client.progress(change.case_id), await client.progress(waiting.case_id)
    assert told == again
    assert told.cases == (change.case_id, waiting.case_id)
    assert told.acts
    assert told.due_at == change.receipt.due_at
    assert told.zh.startswith("您的号码变更还缺材料：居民身份证（原件和复印件，请带到窗口），请在")
    assert "须先完成号码变更" in told.zh
    for speaker, code in (
        (ApplicationCitizen(kind=SubmitterKind.agent, number=change.person.new), Code.AUTHORITY_MISSING),
        (ApplicationCitizen(kind=SubmitterKind.agent, number=change.person.new, authority=ENDED), Code.AUTHORITY_ENDED),
    ):
        with pytest.raises(InputRefused) as refused:
            await client.progress(change.case_id, speaker)
        assert [problem.code for problem in refused.value.problems] == [code]
    assert await client.progress(change.case_id, ApplicationCitizen(kind=SubmitterKind.applicant)) == told
