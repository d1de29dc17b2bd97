"""Saved views: what each finds on the real server, and the links that are printed."""

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from cases.errors import CaseError, Code
from cases.events import Event
from intake.views import DUE_THIS_WEEK, VIEWS, View, link_to, query_of
from tests.engine import Engine
from tests.intake.calling import Run
from tests.namespaces import until
from tests.scenes import OFFICE, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import awaiting_approval, change, disputed, on_hold, overdue

MONDAY = date(2026, 11, 2)
OF_NAME = {view.name: view for view in VIEWS}


async def found(engine: Engine, view: View, region: str | None, today: date = MONDAY) -> set[str]:
    query = query_of(view, region, today)
    return {execution.id async for execution in engine.client.list_workflows(query)}


@pytest.mark.parametrize("today", [MONDAY, date(2026, 11, 8)])
def test_a_week_ends_with_its_sunday(today: date) -> None:
    assert query_of(OF_NAME[DUE_THIS_WEEK], None, today).endswith("CaseDueAt < '2026-11-09T00:00:00+08:00'")


@pytest.mark.parametrize(
    ("office", "term"),
    [
        ("110105", "CaseRegion = '110105'"),
        ("440100", "CaseRegion STARTS_WITH '4401'"),
        ("440000", "CaseRegion STARTS_WITH '44'"),
    ],
)
def test_an_office_sees_its_own_region_and_all_below_it(office: str, term: str) -> None:
    assert f" AND {term} AND " in query_of(OF_NAME["repair"], office, MONDAY)


def test_the_ministry_sees_all_regions() -> None:
    assert query_of(OF_NAME["repair"], "100000", MONDAY) == query_of(OF_NAME["repair"], None, MONDAY)


@pytest.mark.parametrize("region", ["", "11010", "1101055", "11010'", "' OR 1=1 --"])
def test_what_is_no_region_becomes_no_part_of_a_query(region: str) -> None:
    with pytest.raises(CaseError) as refused:
        query_of(VIEWS[0], region, MONDAY)
    assert refused.value.code is Code.REGION_INVALID


def test_a_link_carries_the_query_as_it_is() -> None:
    query = query_of(VIEWS[0], "440100", MONDAY)
    link = urlsplit(link_to(query, "https://ui.example/", "cases"))
    assert (link.netloc, link.path) == ("ui.example", "/namespaces/cases/workflows")
    assert parse_qs(link.query) == {"query": [query]}


def test_the_command_prints_a_link_for_each_view_of_one_office(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDCASE_UI_URL", "https://ui.example")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "cases")
    said = run("views", "--region", "440100", "-o", "json")
    assert said.exit == 0
    assert [line["view"] for line in said.json] == [view.name for view in VIEWS]
    for line in said.json:
        assert line["link"].startswith("https://ui.example/namespaces/cases/workflows?query=")
        assert "STARTS_WITH '4401'" in line["query"]
    assert "本周到期" in run("views").out
    assert run("views", "--region", "44010").exit == 65


async def test_each_view_finds_its_cases_of_the_office_and_no_others(engine: Engine) -> None:
    cases: dict[str, Dossier] = {
        "awaiting-approval": await awaiting_approval(engine),
        "disputes": await disputed(engine),
        "on-hold": await on_hold(engine),
        "repair": await overdue(engine),
    }
    due = await change(engine)
    elsewhere = await change(engine, region=SOUTH)
    closed = await change(engine)
    await closed.tell(Event.withdraw)
    await closed.ends()
    view = await engine.view(due.case_id)
    assert view.due_at is not None
    today = view.due_at.date()
    ours = {case.case_id for case in (*cases.values(), due, elsewhere, closed)}
    wanted = {name: {case.case_id} for name, case in cases.items()} | {
        "overdue": set(),
        "decisions": set(),
        "stuck": set(),
    }

    async def as_wanted() -> bool:
        seen = {name: await found(engine, OF_NAME[name], OFFICE, today) & ours for name in wanted}
        this_week = await found(engine, OF_NAME[DUE_THIS_WEEK], OFFICE, today) & ours
        return seen == wanted and due.case_id in this_week and not {elsewhere.case_id, closed.case_id} & this_week

    # What the server finds lags behind the cases.
    await until(as_wanted)
    assert elsewhere.case_id in await found(engine, OF_NAME[DUE_THIS_WEEK], f"{SOUTH[:4]}00", today)
