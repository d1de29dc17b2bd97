from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from activities.calendar import official_calendar
from cases.errors import Code
from cases.events import Event
from rehearsal import plot
from rehearsal.check import check
from rehearsal.figures import Decisions, Figures, figures, table
from rehearsal.play import Played
from rehearsal.record import Case
from rehearsal.season import Season
from tests.rehearsal.ledgers import CLOSED, HELD, REVIEWED, RULES, UNTIL, at, flawless, told

SEASON = Season(date(2026, 6, 1), date(2026, 9, 30), date(2026, 8, 31), official_calendar(), 1)
APPLIED = (
    *REVIEWED,
    *told((at(9, 2), "verify_documents", "in_review", "verified"), (at(9, 2), "apply", "verified", "applying")),
    *told((at(9, 3), "nothing_awaited", "applying", "updated"), (at(9, 3), "unblock", "updated", "releasing")),
    *told((at(9, 3), "release", "releasing", "done")),
)


def figures_of(cases: Sequence[Case], policy: str = "sample/1") -> Figures:
    played = Played(refused=Counter({(Event.extend, Code.EVENT_NOT_ALLOWED): 2}), told=9)
    return figures(policy, SEASON, cases, played, check(cases, RULES, UNTIL), 12.34)


@pytest.fixture(scope="module")
def season() -> Figures:
    return figures_of([flawless(REVIEWED), flawless(HELD), flawless(CLOSED), replace(flawless(APPLIED), status="done")])


def on(season: Figures, day: date) -> dict[str, int]:
    place = season.days.index(day)
    return {milestone: counts[place] for milestone, counts in season.open_cases.items() if counts[place]}


def test_a_case_is_open_at_its_milestone_from_the_day_it_came_to_the_day_before_its_end(season: Figures) -> None:
    assert on(season, date(2026, 6, 30)) == {}
    assert on(season, date(2026, 7, 1)) == {"submitted": 4}
    assert on(season, date(2026, 7, 29)) == {"submitted": 4}
    assert on(season, date(2026, 7, 30)) == {"submitted": 3}
    assert on(season, date(2026, 9, 2)) == {"submitted": 2, "documents_verified": 1}
    assert on(season, date(2026, 9, 3)) == {"submitted": 2}


def test_every_rung_that_fired_stands_on_its_day(season: Figures) -> None:
    total = sum(sum(counts) for counts in season.rungs.values())
    assert total == sum(season.causes.values()) == season.checked["rungs"]
    assert season.rungs["blue_0"][season.days.index(date(2026, 7, 3))] == 4


def test_decisions_are_those_of_the_campaign_date_and_what_became_of_them(season: Figures) -> None:
    # The campaign date of the held case moved to 9 September; the closed one was never asked about.
    assert season.decisions == Decisions(asked=3, held=0, updated_later=1, closed_otherwise=0, still_open=2)


def test_what_happened_beside_the_ordinary_road_is_counted_by_its_name() -> None:
    lost = told(
        (at(7, 3), "report_loss", "in_review", "in_review"), (at(7, 4), "confirm_loss", "in_review", "in_review")
    )
    disputed = told(
        (at(7, 7), "dispute_opened", "on_hold", "disputed"), (at(7, 9), "dispute_lapsed", "disputed", "on_hold")
    )
    season = figures_of([flawless((*REVIEWED, *lost)), flawless((*HELD[:2], *disputed)), flawless(CLOSED)])
    happened = {name: count for name, count in season.occurred.items() if count}
    assert happened == {
        "losses_reported": 1,
        "losses_confirmed": 1,
        "holds": 1,
        "disputes": 1,
        "disputes_during_a_hold": 1,
    }
    assert season.losses == {"in_review": 1}


def test_load_is_counted_by_hour_of_shanghai(season: Figures) -> None:
    assert season.mean_load[3] == 0
    assert season.peak_load[10] >= 4
    assert sum(season.mean_load) > 0


def test_the_table_has_a_column_for_each_policy_and_the_file_reads_as_json(season: Figures) -> None:
    rows = table([season, replace(season, policy="other/1")])
    assert all(set(row) == {"figure", "sample/1", "other/1"} for row in rows)
    dumped = season.dump()
    assert (dumped["days"][0], dumped["campaign_ends"]) == ("2026-06-01", "2026-08-31")
    assert dumped["refused"] == {"extend EVENT_NOT_ALLOWED": 2}


def test_the_plot_is_a_picture_of_both_policies(season: Figures, tmp_path: Path) -> None:
    png, _ = plot.draw([season, replace(season, policy="other/1")], tmp_path)
    with Image.open(png) as picture:
        assert picture.size[0] > picture.size[1] > 1000
        colours = picture.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert len(colours) > 100


def test_a_drawing_is_the_same_each_time_and_needs_no_font_of_whoever_draws_or_opens_it(
    season: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A letter for which no font is there is a warning of matplotlib's, and every warning fails a test.
    monkeypatch.setattr(plot, "_CHINESE_FONTS", ())
    drawing, again = (plot.draw([season], tmp_path, name)[1].read_text(encoding="utf-8") for name in ("one", "two"))
    assert drawing == again
    assert drawing.count("<path") > 100
    assert "<text" not in drawing
