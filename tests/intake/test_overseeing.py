"""Figures of an office as tables and as a workbook, and the command that asks for them. Everything is synthetic."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest

from activities.registry.overview import Overview
from cases.delivery import Tongue
from cases.figures import tables
from intake.commands.saying import Exit
from intake.service.examples import of_answer
from runtime.workbook import workbook
from tests.intake.calling import Run
from tests.intake.canned import Answered, Canned, canned

FIGURES = Overview.model_validate(of_answer(Overview))
SHEETS = ["每日收结", "变更进度", "办理时长", "在办", "预警", "尚存十五位号码", "人员办理量"]


def sheets(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    return {
        sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in openpyxl.load_workbook(io.BytesIO(content))
    }


def numbers_of(row: tuple[Any, ...]) -> list[float]:
    return [cell for cell in row if isinstance(cell, int | float)]


class TestTables:
    @pytest.mark.parametrize("tongue", Tongue)
    def test_have_a_cell_for_each_heading(self, tongue: Tongue) -> None:
        made = tables(FIGURES.model_dump(), tongue)
        assert len(made) == len(SHEETS)
        for figures in made:
            assert figures.rows
            assert {len(row) for row in figures.rows} == {len(figures.headings)}

    def test_say_everything_in_words_of_the_reader(self) -> None:
        chinese, english = (tables(FIGURES.model_dump(), tongue) for tongue in (Tongue.zh, Tongue.en))
        assert [figures.title for figures in chinese] == SHEETS
        assert chinese[3].rows == (("110105", "号码变更", "审核中", 412, 3),)
        assert english[3].rows == (("110105", "ID-number change", "in review", 412, 3),)
        assert english[4].rows == (("110105", "yellow", 3),)


class TestWorkbook:
    def test_holds_the_tables_with_numbers_as_numbers(self) -> None:
        read = sheets(workbook(FIGURES.model_dump(), Tongue.zh))
        assert list(read) == SHEETS
        for figures in tables(FIGURES.model_dump(), Tongue.zh):
            headings, *rows = read[figures.title]
            assert headings == figures.headings
            assert [numbers_of(row) for row in rows] == [numbers_of(row) for row in figures.rows]

    def test_draws_what_comes_in_and_what_is_left(self) -> None:
        with ZipFile(io.BytesIO(workbook(FIGURES.model_dump(), Tongue.zh))) as parts:
            assert sum(name.startswith("xl/charts/chart") for name in parts.namelist()) == 2

    def test_takes_nothing_for_a_formula_or_a_link(self) -> None:
        planted = ("=1+1", "https://office.example/")
        people = [of_answer(Overview)["decisions"][0] | {"actor": text} for text in planted]
        content = workbook(FIGURES.model_dump() | {"decisions": people}, Tongue.zh)
        book = openpyxl.load_workbook(io.BytesIO(content))
        cells = [row[1] for row in book["人员办理量"].iter_rows(min_row=2)]
        assert [(cell.value, cell.data_type, cell.hyperlink) for cell in cells] == [
            (text, "s", None) for text in planted
        ]

    def test_of_an_office_without_anything_has_its_headings(self) -> None:
        nothing = FIGURES.model_dump() | dict.fromkeys(("open", "late", "days", "durations"), ())
        nothing |= dict.fromkeys(("remaining", "campaign", "decisions"), ())
        assert all(len(rows) == 1 for rows in sheets(workbook(nothing, Tongue.en)).values())


@pytest.fixture
def service(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:  # noqa: ARG001 - it clears the settings first
    with canned({"GET": Answered(200, FIGURES.model_dump_json())}) as answering:
        monkeypatch.setenv("CARDCASE_INTAKE_URL", answering.url)
        yield answering


class TestCommand:
    def test_asks_for_one_office_and_some_days(self, run: Run, service: Canned) -> None:
        said = run("overview", "--region", "110105", "--days", "7")
        assert said.exit == Exit.fine
        assert [each.path for each in service.asked] == ["/v1/overview?days=7&region=110105"]
        assert all(title in said.out for title in SHEETS)

    def test_answers_programs_with_everything(self, run: Run, service: Canned) -> None:
        said = run("overview", "-o", "json")
        assert service.asked
        assert Overview.model_validate(json.loads(said.out)) == FIGURES

    def test_writes_a_workbook_and_over_nothing(self, run: Run, service: Canned, tmp_path: Path) -> None:
        file = tmp_path / "figures.xlsx"
        assert run("overview", "--to", file).exit == Exit.fine
        before = file.read_bytes()
        assert list(sheets(before)) == SHEETS
        again = run("overview", "--to", file)
        assert (again.exit, file.read_bytes()) == (Exit.usage, before)
        assert service.asked

    def test_writes_nothing_else_than_a_workbook(self, run: Run, service: Canned, tmp_path: Path) -> None:
        assert run("overview", "--to", tmp_path / "figures.csv").exit == Exit.usage
        assert not service.asked
