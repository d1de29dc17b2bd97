"""The desk over HTTP: who comes in, what they find, what a case shows, and who has it in hand. All synthetic."""

import asyncio
import io
from datetime import UTC, datetime, timedelta

import aiohttp
import openpyxl
import pytest

from activities.registry.journal import Kind, entries
from cases.errors import REMEDIES, Code
from cases.events import Event
from cases.numbers import derive
from cases.state import CaseState
from desk.register import IN_HAND
from tests.activities.play import Play, insured
from tests.desk.conftest import BANK, CLERK, ELSEWHERE, OFFICER, SUPERVISOR, Desk, text_of
from tests.scenes import FACTS

REASON = "核对登记信息与来件"


@pytest.fixture
async def case(play: Play) -> CaseState:
    """A case that waits for a clerk's review."""
    person = insured()
    await play.load(person)
    return await play.reviewed(play.change(person))


class TestComingIn:
    async def test_nobody_sees_anything_without_a_login_and_comes_back_to_where_they_wanted_to_go(
        self, desk: Desk, case: CaseState
    ) -> None:
        path = f"/cases/{case.case_id}"
        async with desk.stranger() as stranger:
            status, page = await stranger.get(path)
        assert status == 401
        assert "尚未登录" in page
        assert "审核中" not in page
        async with desk.logged_in(CLERK, to=path) as browser:
            assert "审核中" in (await browser.get(path))[1]

    @pytest.mark.parametrize("to", ["//elsewhere.invalid/", "https://elsewhere.invalid/", "/\\elsewhere.invalid", ""])
    async def test_a_login_leads_nowhere_else(self, desk: Desk, to: str) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{desk.url}/login", params={"to": to}, allow_redirects=False) as begun,
        ):
            assert "cardcase_desk_place" not in begun.cookies

    async def test_a_system_has_no_desk(self, desk: Desk) -> None:
        async with desk.logged_in(BANK) as browser:
            status, page = await browser.get("/")
        assert status == 403
        assert REMEDIES[Code.ROLE_NOT_ALLOWED].zh in page

    async def test_the_cookie_is_not_that_of_the_gate_and_no_script_reads_it(self, desk: Desk) -> None:
        async with desk.logged_in(CLERK) as browser:
            cookies = {cookie.key: cookie for cookie in browser.session.cookie_jar}
        assert set(cookies) == {"cardcase_desk"}
        assert cookies["cardcase_desk"]["httponly"]
        assert cookies["cardcase_desk"]["samesite"] == "Lax"

    @pytest.mark.parametrize("what", ["take", "put-back", "reveal"])
    async def test_a_form_of_another_page_is_not_taken(self, desk: Desk, case: CaseState, what: str) -> None:
        async with desk.logged_in(OFFICER) as browser:
            for origin in ("http://elsewhere.invalid", "null", "http://127.0.0.1"):
                status, said = await browser.post(f"/cases/{case.case_id}/{what}", origin=origin, reason=REASON)
                assert (status, Code.ORIGIN_NOT_ALLOWED in said) == (403, True)

    async def test_a_page_runs_no_script_is_framed_by_nobody_and_kept_by_nobody(
        self, desk: Desk, case: CaseState
    ) -> None:
        async with desk.logged_in(CLERK) as browser:
            for path in ("/", f"/cases/{case.case_id}"):
                async with browser.session.get(desk.url + path) as answer:
                    policy = answer.headers["Content-Security-Policy"]
                    assert "default-src 'none'" in policy
                    assert "script-src" not in policy
                    assert "frame-ancestors 'none'" in policy
                    assert answer.headers["Cache-Control"] == "no-store"
                    assert "<script" not in await answer.text()


class TestLists:
    async def test_what_waits_for_a_role_is_theirs_and_nobody_elses(self, desk: Desk, case: CaseState) -> None:
        link = f'href="/cases/{case.case_id}"'
        async with desk.logged_in(CLERK) as clerk, desk.logged_in(SUPERVISOR) as supervisor:
            assert link in (await clerk.get("/"))[1]
            assert "待审核 1" in text_of((await clerk.get("/"))[1])
            assert link not in (await supervisor.get("/"))[1]
            assert link in (await supervisor.get("/?queue=all"))[1]

    async def test_a_case_on_hold_waits_for_no_review(self, desk: Desk, play: Play, case: CaseState) -> None:
        await play.move(case, Event.hold, FACTS[Event.hold].model_copy(update={"actor": CLERK}))
        async with desk.logged_in(CLERK) as browser:
            read = text_of((await browser.get("/"))[1])
            assert "待我办理 1 待审核 0" in read
            assert "中止办理 1" in read
            for queue, holds in (("mine", True), ("reviews", False), ("hold", True)):
                assert (case.case_id in (await browser.get(f"/?queue={queue}"))[1]) is holds

    async def test_another_region_sees_neither_the_case_nor_that_there_is_one(
        self, desk: Desk, case: CaseState
    ) -> None:
        async with desk.logged_in(ELSEWHERE) as browser:
            assert case.case_id not in (await browser.get("/?queue=all"))[1]
            theirs, none = await browser.get(f"/cases/{case.case_id}"), await browser.get(f"/cases/idc-{'z' * 26}")
            assert theirs == none
            assert theirs[0] == 404
            status, page = await browser.get("/?region=110105")
        assert (status, REMEDIES[Code.OFFICE_NOT_COMPETENT].zh in page) == (403, True)

    async def test_pages_follow_each_other_without_gap_or_repetition(self, desk: Desk, play: Play) -> None:
        cases = set()
        for _ in range(27):
            person = insured()
            await play.load(person)
            cases.add((await play.reviewed(play.change(person))).case_id)
        seen: list[str] = []
        async with desk.logged_in(CLERK) as browser:
            _, page = await browser.get("/")
            assert "待审核 27" in text_of(page)
            seen += _cases_on(page)
            following = page.split('">下一页')[0].rpartition('href="')[2].replace("&amp;", "&")
            _, page = await browser.get(following)
            seen += _cases_on(page)
        assert len(seen) == len(set(seen)) == 27
        assert set(seen) == cases

    @pytest.mark.parametrize("wrong", ["queue=none", "region=1", "kind=x", "after=x", "more=1"])
    async def test_an_address_that_means_nothing_is_refused(self, desk: Desk, wrong: str) -> None:
        async with desk.logged_in(CLERK) as browser:
            assert (await browser.get(f"/?{wrong}"))[0] == 400


def _cases_on(page: str) -> list[str]:
    return [part.partition('"')[0] for part in page.split('href="/cases/')[1:]]


class TestACase:
    async def test_a_case_answers_who_by_when_what_and_what_next(self, desk: Desk, case: CaseState) -> None:
        async with desk.logged_in(CLERK) as browser:
            read = text_of((await browser.get(f"/cases/{case.case_id}"))[1])
            assert "下一步由谁办理 经办人员" in read
            assert "期限" in read
            assert "下一步自动事项" in read
            await browser.post("/tongue", tongue="en", to=f"/cases/{case.case_id}")
            read = text_of((await browser.get(f"/cases/{case.case_id}"))[1])
        assert "who must act clerk" in read

    async def test_names_and_numbers_are_masked_until_they_are_revealed_for_a_reason(
        self, desk: Desk, play: Play
    ) -> None:
        person = insured()
        await play.load(person)
        case = await play.reviewed(play.change(person))
        path = f"/cases/{case.case_id}"
        async with desk.logged_in(CLERK) as clerk:
            page = (await clerk.get(path))[1]
            assert person.name not in page
            assert person.number is not None
            assert person.number not in text_of(page).replace(" ", "")
            assert "新号码与由原15位号码推得的18位号码一致" in page
            assert (await clerk.post(f"{path}/reveal", reason=REASON))[0] == 403
        async with desk.logged_in(OFFICER) as officer:
            assert (await officer.post(f"{path}/reveal", reason=""))[0] == 400
            status, page = await officer.post(f"{path}/reveal", reason=REASON)
            assert status == 200
            assert person.name in page
            assert person.number in page
        written = await entries(play.pool, case.case_id)
        assert [(each.kind, each.actor, each.reason) for each in written] == [(Kind.reveal, OFFICER.id, REASON)]


class TestInHand:
    async def test_a_case_is_in_one_hand_and_colleagues_see_whose(self, desk: Desk, case: CaseState) -> None:
        path = f"/cases/{case.case_id}"
        async with desk.logged_in(CLERK) as clerk, desk.logged_in(OFFICER) as officer:
            assert (await clerk.post(f"{path}/take"))[0] == 200
            assert CLERK.id in text_of((await officer.get("/?queue=reviews"))[1])
            assert case.case_id not in (await officer.get("/?queue=reviews&free=1"))[1]
            status, page = await officer.post(f"{path}/take")
            assert (status, REMEDIES[Code.CASE_IN_HAND].zh in page) == (409, True)
            assert (await officer.post(f"{path}/put-back"))[0] == 409
            assert case.case_id in (await clerk.get("/?queue=in_hand"))[1]
            assert (await clerk.post(f"{path}/put-back"))[0] == 200
            assert (await officer.post(f"{path}/take"))[0] == 200

    async def test_a_supervisor_takes_it_over(self, desk: Desk, case: CaseState) -> None:
        path = f"/cases/{case.case_id}"
        async with desk.logged_in(CLERK) as clerk, desk.logged_in(SUPERVISOR) as supervisor:
            await clerk.post(f"{path}/take")
            assert (await supervisor.post(f"{path}/take"))[0] == 200
            assert (await supervisor.post(f"{path}/take", staff="nobody-9"))[0] == 400
            assert (await clerk.post(f"{path}/put-back"))[0] == 409

    async def test_it_is_free_again_after_a_working_day_and_once_the_case_has_moved(
        self, desk: Desk, play: Play, case: CaseState
    ) -> None:
        path = f"/cases/{case.case_id}"
        async with desk.logged_in(CLERK) as clerk, desk.logged_in(OFFICER) as officer:
            await clerk.post(f"{path}/take")
            long_ago = datetime.now(UTC) - IN_HAND - timedelta(seconds=1)
            await play.pool.execute("UPDATE in_hand SET since = $1, until = $2", long_ago, long_ago + IN_HAND)
            assert (await officer.post(f"{path}/take"))[0] == 200
            await play.verified(case)
            assert "无" in text_of((await officer.get(path))[1]).partition("认领人")[2][:12]


class TestFigures:
    async def test_are_shown_to_who_oversees_with_a_plot_and_as_a_workbook(self, desk: Desk, case: CaseState) -> None:
        async with desk.logged_in(SUPERVISOR) as browser:
            status, page = await browser.get("/overview?days=7")
            async with browser.session.get(f"{desk.url}/overview.xlsx?days=7") as file:
                content, kind = await file.read(), file.content_type
        assert status == 200
        assert "审核中" in text_of(page)
        # Nothing came in or went out in these days: of that there is nothing to draw.
        assert page.count("<svg") == 1
        assert kind == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        sheet = openpyxl.load_workbook(io.BytesIO(content))["在办"]
        assert [row[2].value for row in sheet.iter_rows(min_row=2)] == ["审核中"]
        assert case.case_id not in page

    @pytest.mark.parametrize("path", ["/overview", "/overview.xlsx"])
    async def test_are_not_for_clerks_nor_of_others_offices(self, desk: Desk, path: str) -> None:
        async with desk.logged_in(CLERK) as browser:
            assert (await browser.get(path))[0] == 403
            assert "/overview" not in (await browser.get("/"))[1]
        async with desk.logged_in(SUPERVISOR) as browser:
            status, page = await browser.get(f"{path}?region=440106")
            assert (status, REMEDIES[Code.OFFICE_NOT_COMPETENT].zh in page) == (403, True)
            assert (await browser.get(f"{path}?days=93"))[0] == 400
            assert '"/overview"' in (await browser.get("/"))[1]


class TestFinding:
    async def test_a_case_is_found_by_its_number(self, desk: Desk, case: CaseState) -> None:
        async with desk.logged_in(CLERK) as browser:
            status, page = await browser.get(f"/find?case={case.case_id}")
            assert (status, "审核中" in page) == (200, True)
            for wrong in ("x", "//elsewhere.invalid", "idc-..%2f"):
                assert (await browser.get(f"/find?case={wrong}"))[0] == 400

    async def test_a_number_leads_to_a_case_for_a_reason_that_is_written_down_before(
        self, desk: Desk, play: Play
    ) -> None:
        person = insured()
        await play.load(person)
        case = await play.reviewed(play.change(person))
        number = derive(person.number or "")
        async with desk.logged_in(CLERK) as clerk, desk.logged_in(ELSEWHERE) as stranger:
            assert (await clerk.post("/find", number=number))[0] == 400
            assert await entries(play.pool) == ()
            assert f"/cases/{case.case_id}" in (await clerk.post("/find", number=number, reason=REASON))[1]
            _, page = await stranger.post("/find", number=number, reason=REASON)
            assert "没有找到案件" in page
        written = await entries(play.pool)
        assert {(each.kind, each.actor) for each in written} == {(Kind.search, CLERK.id), (Kind.search, ELSEWHERE.id)}
        assert number not in str(written)

    async def test_who_searches_too_often_is_told_so(self, desk: Desk) -> None:
        async with desk.logged_in(CLERK) as browser:
            asked = [browser.post("/find", number="110105190001011234", reason=REASON) for _ in range(61)]
            answers = sorted(status for status, _ in await asyncio.gather(*asked))
        assert answers == [*[200] * 60, 429]

    async def test_a_case_is_found_by_the_eight_digits_that_its_applicant_has(
        self, desk: Desk, play: Play, case: CaseState
    ) -> None:
        digits = await play.value("SELECT reference FROM cases WHERE case_id = $1", case.case_id)
        async with desk.logged_in(CLERK) as browser:
            assert case.case_id in (await browser.get(f"/find?case=%20{digits}"))[1]
            assert digits in text_of((await browser.get(f"/cases/{case.case_id}"))[1])
            assert (await browser.get(f"/find?case={case.case_id.upper()}"))[0] == 200
        async with desk.logged_in(ELSEWHERE) as browser:
            assert case.case_id not in (await browser.get(f"/find?case={digits}"))[1]
