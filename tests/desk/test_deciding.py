"""Deciding at the desk: without typing JSON, once, on what was seen, and only what one may. All synthetic."""

import asyncio
import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import pytest

from activities.registry.reading import case_now
from cases.delivery import Tongue
from cases.documents import DocumentKind
from cases.errors import REMEDIES, Code
from cases.events import Event
from cases.facts import AddDocuments, Reject, VerifyDocuments
from cases.machines.machine import Status
from cases.state import CaseState
from desk.words import remedy
from tests.activities.play import CERTIFICATE, CERTIFIED, ID_CARD, Play, eighteen, insured
from tests.activities.test_effects_on_disputes import applicant_and_holder
from tests.desk.conftest import CLERK, ELSEWHERE, OFFICER, SECOND_OFFICER, SUPERVISOR, Browser, Desk, text_of

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.fixture
async def case(play: Play) -> CaseState:
    """A case that waits for a clerk's review."""
    person = insured()
    await play.load(person)
    return await play.reviewed(play.change(person))


async def status_of(play: Play, case: str) -> Status:
    now = await case_now(play.pool, case)
    assert now is not None
    return now.state.status


async def hidden(browser: Browser, case: str, event: Event) -> dict[str, str]:
    """The fields of a form that the page itself fills in."""
    _, page = await browser.get(f"/cases/{case}")
    form = page.split(f'action="/cases/{case}/events/{event.value}"')[1].split("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)">', form))


async def decide(browser: Browser, case: str, event: Event, **typed: str) -> tuple[int, str]:
    return await browser.post(f"/cases/{case}/events/{event.value}", **{**await hidden(browser, case, event), **typed})


async def test_a_clerk_verifies_without_typing_a_digest(desk: Desk, play: Play, case: CaseState) -> None:
    async with desk.logged_in(CLERK) as browser:
        page = (await browser.get(f"/cases/{case.case_id}"))[1]
        assert "checked" not in page
        assert ID_CARD.sha256 not in page
        status, page = await decide(browser, case.case_id, Event.verify_documents, original_seen="yes")
    assert status == 200
    assert "已办理：核验材料" in page
    ((event, fact),) = desk.told.told
    assert isinstance(fact, VerifyDocuments)
    assert (event, fact.original_seen, fact.copies) == (Event.verify_documents, True, (ID_CARD.sha256,))
    assert await status_of(play, case.case_id) is Status.verified


async def test_what_was_not_answered_is_asked_for_where_it_stands(desk: Desk, play: Play, case: CaseState) -> None:
    async with desk.logged_in(CLERK) as browser:
        status, page = await decide(browser, case.case_id, Event.hold, evidence="石公函〔2026〕11号")
    assert status == 400
    assert "石公函〔2026〕11号" in page
    assert remedy(Code.FIELD_MISSING, Tongue.zh) in page
    assert not desk.told.told
    assert await status_of(play, case.case_id) is Status.in_review


async def test_a_refusal_of_the_case_is_shown_and_nothing_has_changed(desk: Desk, play: Play, case: CaseState) -> None:
    async with desk.logged_in(CLERK) as browser:
        _, page = await decide(browser, case.case_id, Event.verify_documents, original_seen="no")
    assert REMEDIES[Code.ORIGINAL_NOT_SEEN].zh in page
    assert await status_of(play, case.case_id) is Status.in_review


async def test_a_consequence_that_cannot_be_undone_is_named_and_has_to_be_known(
    desk: Desk, play: Play, case: CaseState
) -> None:
    basis = {"legal_basis": "《社会保险经办条例》第十条"}
    async with desk.logged_in(OFFICER) as browser:
        assert "案件即告办结；申请人须重新申请。" in (await browser.get(f"/cases/{case.case_id}"))[1]
        assert (await decide(browser, case.case_id, Event.reject, **basis))[0] == 400
        assert await status_of(play, case.case_id) is Status.in_review
        assert (await decide(browser, case.case_id, Event.reject, **basis, certain="yes"))[0] == 200
    ((_, fact),) = desk.told.told
    assert isinstance(fact, Reject)
    assert await status_of(play, case.case_id) is Status.rejected


async def test_only_what_a_role_may_do_now_is_offered_and_nothing_else_is_taken(
    desk: Desk, play: Play, case: CaseState
) -> None:
    path = f"/cases/{case.case_id}/events"
    async with desk.logged_in(SUPERVISOR) as supervisor, desk.logged_in(CLERK) as clerk:
        page = (await supervisor.get(f"/cases/{case.case_id}"))[1]
        assert f"{path}/verify_documents" not in page
        assert f"{path}/reject" in page
        own = await hidden(supervisor, case.case_id, Event.reject)
        for event in (Event.verify_documents, Event.add_documents):
            status, _ = await supervisor.post(f"{path}/{event.value}", **own, original_seen="yes")
            assert status == 403
        # What no person tells, and what is not possible where the case stands.
        assert (await clerk.post(f"{path}/commit", **own))[0] == 409
        assert (await clerk.post(f"{path}/card_handed_over", **own, by="counter", evidence="sig-1"))[0] == 409
    assert not desk.told.told
    assert await status_of(play, case.case_id) is Status.in_review


async def test_somebody_of_another_region_decides_nothing(desk: Desk, play: Play, case: CaseState) -> None:
    async with desk.logged_in(CLERK) as clerk, desk.logged_in(ELSEWHERE) as stranger:
        own = await hidden(clerk, case.case_id, Event.verify_documents)
        path = f"/cases/{case.case_id}/events/verify_documents"
        assert (await stranger.post(path, **own, original_seen="yes"))[0] == 404
    assert await status_of(play, case.case_id) is Status.in_review


async def test_another_sites_form_decides_nothing(desk: Desk, case: CaseState) -> None:
    async with desk.logged_in(CLERK) as browser:
        own = await hidden(browser, case.case_id, Event.verify_documents)
        path = f"/cases/{case.case_id}/events/verify_documents"
        for origin in ("http://elsewhere.invalid", "null", desk.documents.public_url):
            assert (await browser.post(path, origin=origin, **own, original_seen="yes"))[0] == 403
    assert not desk.told.told


async def test_nobody_decides_on_what_they_have_not_seen(desk: Desk, play: Play, case: CaseState) -> None:
    async with desk.logged_in(CLERK) as one, desk.logged_in(OFFICER) as other:
        seen = await hidden(one, case.case_id, Event.verify_documents)
        await decide(other, case.case_id, Event.hold, reason="waiting_for_police", evidence="石公函〔2026〕11号")
        path = f"/cases/{case.case_id}/events/verify_documents"
        _, page = await one.post(path, **seen, original_seen="yes")
    assert REMEDIES[Code.VERSION_DIFFERS].zh in page
    assert "中止办理" in text_of(page)
    assert await status_of(play, case.case_id) is Status.on_hold


async def test_what_moved_while_a_form_was_sent_was_not_seen_either(desk: Desk, play: Play, case: CaseState) -> None:
    async with desk.logged_in(CLERK) as one, desk.logged_in(OFFICER) as other:
        own = await hidden(other, case.case_id, Event.reject)
        form = urlencode({**own, "legal_basis": "《社会保险经办条例》第十条", "certain": "yes"}).encode()

        async def slowly() -> AsyncIterator[bytes]:
            yield form[:20]
            # By now the head of the request is there, and the case was looked for.
            await asyncio.sleep(0.5)
            await decide(one, case.case_id, Event.hold, reason="waiting_for_police", evidence="石公函〔2026〕11号")
            yield form[20:]

        headers = {"Origin": desk.url, "Content-Type": "application/x-www-form-urlencoded"}
        to = f"{desk.url}/cases/{case.case_id}/events/reject"
        async with other.session.post(to, data=slowly(), headers=headers) as answer:
            assert (answer.status, REMEDIES[Code.VERSION_DIFFERS].zh in await answer.text()) == (412, True)
    assert await status_of(play, case.case_id) is Status.on_hold


async def test_a_form_that_is_sent_twice_decides_once(desk: Desk, case: CaseState) -> None:
    async with desk.logged_in(CLERK) as browser:
        own = await hidden(browser, case.case_id, Event.verify_documents)
        path = f"/cases/{case.case_id}/events/verify_documents"
        for _ in range(2):
            status, page = await browser.post(path, **own, original_seen="yes")
            assert (status, "已办理：核验材料" in page) == (200, True)
    assert len(desk.told.told) == 1


async def test_a_form_that_is_sent_again_with_something_else_is_not_said_to_be_decided(
    desk: Desk, play: Play, case: CaseState
) -> None:
    async with desk.logged_in(CLERK) as browser:
        own = await hidden(browser, case.case_id, Event.hold)
        path = f"/cases/{case.case_id}/events/hold"
        said = {"reason": "waiting_for_police", "evidence": "石公函〔2026〕11号"}
        assert (await browser.post(path, **own, **said))[0] == 200
        # Gone back, changed, and sent again; and sent as another event.
        assert (await browser.post(path, **own, **said | {"evidence": "石公函〔2026〕12号"}))[0] == 412
        status, _ = await browser.post(f"/cases/{case.case_id}/events/verify_documents", **own, original_seen="yes")
        assert status == 412
        assert (await browser.post(path, **own, **said))[0] == 200
    assert len(desk.told.told) == 1
    assert await status_of(play, case.case_id) is Status.on_hold


async def test_the_second_officer_sees_what_was_verified_and_approves_exactly_that(desk: Desk, play: Play) -> None:
    person = insured()
    await play.load(person)
    other = eighteen(f"440106{1905 + 1}0203{111}")
    case = await play.reviewed(play.change(person, number=other, documents=CERTIFIED))
    async with desk.logged_in(CLERK) as clerk, desk.logged_in(OFFICER) as officer:
        await decide(clerk, case.case_id, Event.verify_documents, original_seen="yes")
        assert await status_of(play, case.case_id) is Status.awaiting_approval
        assert case.case_id in (await officer.get("/?queue=approvals"))[1]
        page = (await officer.get(f"/cases/{case.case_id}"))[1]
        assert f"核验 {CLERK.id}" in text_of(page)
        assert "以下位置不同" in page
        assert (await decide(officer, case.case_id, Event.approve, certain="yes"))[0] == 200
    assert await status_of(play, case.case_id) is Status.verified


async def multipart(
    browser: Browser, case: str, event: Event, files: dict[str, bytes], **typed: str
) -> tuple[int, str]:
    form = aiohttp.FormData()
    for name, value in {**await hidden(browser, case, event), **typed}.items():
        form.add_field(name, value)
    for name, content in files.items():
        form.add_field(name, content, filename="..\\..\\a.html", content_type="text/html")
    url = f"{browser.url}/cases/{case}/events/{event.value}"
    async with browser.session.post(url, data=form, headers={"Origin": browser.url}) as answer:
        return answer.status, await answer.text()


class TestDocuments:
    async def test_a_document_is_handed_in_its_digest_computed_and_it_is_shown_from_elsewhere(
        self, desk: Desk, case: CaseState
    ) -> None:
        kind = {"documents.0.kind": DocumentKind.police_certificate.value}
        async with desk.logged_in(SUPERVISOR) as supervisor, desk.logged_in(CLERK) as browser:
            status, page = await multipart(browser, case.case_id, Event.add_documents, {"documents.0": PNG}, **kind)
            assert status == 200, text_of(page)
            ((_, fact),) = desk.told.told
            assert isinstance(fact, AddDocuments)
            (document,) = fact.documents
            assert (document.kind, document.media_type, document.size) == ("police_certificate", "image/png", len(PNG))
            page = (await browser.get(f"/cases/{case.case_id}"))[1]
            link = re.search(r'<img class="document" src="([^"]+)"', page)
            assert link is not None
            to = link[1].replace("&amp;", "&")
            assert to.startswith(desk.documents.public_url)
            assert not to.startswith(desk.url)
            async with aiohttp.ClientSession() as nobody, nobody.get(to) as answer:
                assert await answer.read() == PNG
                assert "sandbox" in answer.headers["Content-Security-Policy"]
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
            async with aiohttp.ClientSession() as nobody, nobody.get(to.replace("until=", "until=9")) as answer:
                assert answer.status == 404
            assert case.case_id in (await supervisor.get("/?queue=all"))[1]

    @pytest.mark.parametrize("content", [HTML, b"GIF89a", b"", b"MZ" + PNG])
    async def test_what_is_no_document_is_refused_whatever_it_says_of_itself(
        self, desk: Desk, case: CaseState, content: bytes
    ) -> None:
        kind = {"documents.0.kind": DocumentKind.police_certificate.value}
        async with desk.logged_in(CLERK) as browser:
            status, _ = await multipart(browser, case.case_id, Event.add_documents, {"documents.0": content}, **kind)
        assert status == 400
        assert not desk.told.told

    @pytest.mark.parametrize(
        "part",
        [
            b'Content-Disposition: form-data; name="_charset_"\r\n\r\n' + b"a" * 40,
            b"no header at all\r\n\r\n",
            b"A: b\r\n" * 1000 + b"\r\n",
            b"",
        ],
    )
    async def test_what_is_no_form_is_refused_by_a_code(self, desk: Desk, case: CaseState, part: bytes) -> None:
        headers = {"Origin": desk.url, "Content-Type": "multipart/form-data; boundary=x"}
        to = f"{desk.url}/cases/{case.case_id}/events/add_documents"
        body = b"--x\r\n" + part + b"\r\n--x--\r\n"
        async with (
            desk.logged_in(CLERK) as browser,
            browser.session.post(to, data=body, headers=headers) as answer,
        ):
            assert (answer.status, Code.REQUEST_MALFORMED.value in await answer.text()) == (400, True)

    async def test_nobody_fills_the_memory_with_files(self, desk: Desk, case: CaseState) -> None:
        held = asyncio.Event()

        async def never_ending() -> AsyncIterator[bytes]:
            yield b"--x\r\n"
            await held.wait()
            yield b"--x--\r\n"

        headers = {"Origin": desk.url, "Content-Type": "multipart/form-data; boundary=x"}
        to = f"{desk.url}/cases/{case.case_id}/events/add_documents"
        kind = {"documents.0.kind": DocumentKind.police_certificate.value}
        async with desk.logged_in(CLERK) as browser, desk.logged_in(OFFICER) as other:
            sending = [
                asyncio.ensure_future(browser.session.post(to, data=never_ending(), headers=headers)) for _ in range(2)
            ]
            await asyncio.sleep(0.5)
            refused = await multipart(browser, case.case_id, Event.add_documents, {"documents.0": PNG}, **kind)
            assert refused[0] == 429
            # A form without a file is taken in, and so is one of somebody else.
            assert (await decide(browser, case.case_id, Event.verify_documents))[0] == 400
            async with other.session.post(to, data=b"--x--\r\n", headers=headers) as answer:
                assert answer.status == 403
            held.set()
            for answer in await asyncio.gather(*sending):
                answer.close()
            taken = await multipart(browser, case.case_id, Event.add_documents, {"documents.0": PNG}, **kind)
            assert taken[0] == 200

    async def test_a_document_that_was_changed_where_it_lies_is_not_shown(self, desk: Desk) -> None:
        store = desk.documents.store
        assert store is not None
        uri = await store.put(PNG)
        document = ID_CARD.model_copy(update={"uri": uri, "media_type": "image/png"})
        async with aiohttp.ClientSession() as nobody, nobody.get(desk.documents.link_to(document)) as answer:
            assert (answer.status, await answer.json()) == (404, {"code": Code.DOCUMENT_DIGEST_MISMATCH.value})

    @pytest.mark.parametrize(
        "uri", ["doc://desk/../../etc/passwd", "doc://desk/", "doc://other/a", "file:///etc/passwd"]
    )
    async def test_an_address_leads_to_nothing_but_documents(self, desk: Desk, uri: str) -> None:
        document = ID_CARD.model_copy(update={"uri": uri})
        async with aiohttp.ClientSession() as nobody, nobody.get(desk.documents.link_to(document)) as answer:
            assert (answer.status, await answer.json()) == (404, {"code": Code.DOCUMENT_UNAVAILABLE.value})


async def test_the_second_officer_sees_what_the_first_decided_and_nothing_is_chosen_for_them(
    desk: Desk, play: Play
) -> None:
    case = await applicant_and_holder(play)
    assert case.status is Status.disputed
    chosen = {"police_document": CERTIFICATE.sha256, "certain": "yes"}
    async with desk.logged_in(OFFICER) as first, desk.logged_in(SECOND_OFFICER) as second:
        assert case.case_id in (await first.get("/?queue=disputes"))[1]
        assert (await decide(first, case.case_id, Event.resolve_dispute, outcome="ours", **chosen))[0] == 200
        page = (await second.get(f"/cases/{case.case_id}"))[1]
        assert f"归本案 · 公安机关证明 {CERTIFICATE.sha256[:12]}… · {OFFICER.id}" in text_of(page)
        assert "checked" not in page
        assert (await decide(second, case.case_id, Event.resolve_dispute, outcome="ours", **chosen))[0] == 200
    assert [fact.actor for _, fact in desk.told.told] == [OFFICER, SECOND_OFFICER]
    assert await status_of(play, case.case_id) is not Status.disputed


async def test_who_decides_otherwise_replaces_nothing_and_both_opinions_are_shown(desk: Desk, play: Play) -> None:
    case = await applicant_and_holder(play)
    chosen = {"police_document": CERTIFICATE.sha256, "certain": "yes"}
    async with desk.logged_in(OFFICER) as first, desk.logged_in(SECOND_OFFICER) as second:
        await decide(first, case.case_id, Event.resolve_dispute, outcome="ours", **chosen)
        await decide(second, case.case_id, Event.resolve_dispute, outcome="theirs", **chosen)
        read = text_of((await first.get(f"/cases/{case.case_id}"))[1])
    assert "认定意见不一致" in read
    assert f"归本案 · 公安机关证明 {CERTIFICATE.sha256[:12]}… · {OFFICER.id}" in read
    assert f"归对方 · 公安机关证明 {CERTIFICATE.sha256[:12]}… · {SECOND_OFFICER.id}" in read
    assert await status_of(play, case.case_id) is Status.disputed
