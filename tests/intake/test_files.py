"""Register files: what is read, what refuses a row, what refuses the file; never a value. Everything is synthetic."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from cases.documents import DocumentKind
from cases.errors import CaseError, Code
from cases.facts import HandOver
from cases.models import Actor, Category, Role
from cases.numbers import derive
from cases.openings import ApplicationChannel, ReplacementReason
from cases.submitters import Authority, IdentityCheck, SubmitterKind
from intake.applications import (
    ApplicationCitizen,
    InputRefused,
    NumberChangeApplication,
    Problem,
    ReplacementApplication,
)
from intake.files import Column, Terms, open_register
from intake.files.separated import split
from intake.files.sheets import LAST_ROW
from intake.remedies import FileAdvice, remedy_of
from tests.intake.registering import (
    EN,
    HEADINGS,
    TERMS,
    TODAY,
    ZH,
    advice,
    cells_of,
    csv_of,
    people,
    read,
    refusals,
    rewritten,
    row_of,
    write_csv,
    write_jsonl,
    write_xlsx,
)

ROOT = Path(__file__).parents[2]
Write = Callable[[Path, list[dict[str, Any]]], Path]


CLERK = Actor(id="clerk-1", role=Role.clerk, office="110105")
AGENT = derive("110105600101001")
NO_CHANNEL = dict.fromkeys(
    (
        *("channel", "submitter_kind", "submitter_number", "authority", "authority_until", "delivery"),
        *("identity_provider", "identity_at", "identity_reference"),
    ),
    "",
)


def as_csv(folder: Path, cells: list[dict[str, Any]]) -> Path:
    return write_csv(folder / "register.csv", csv_of([list(row.values()) for row in cells]))


def as_gb18030(folder: Path, cells: list[dict[str, Any]]) -> Path:
    return write_csv(folder / "register.csv", csv_of([list(row.values()) for row in cells]), "gb18030")


def as_xlsx(folder: Path, cells: list[dict[str, Any]]) -> Path:
    return write_xlsx(folder / "register.xlsx", [list(row.values()) for row in cells], change=without_formulas)


def without_formulas(sheet: Worksheet, _book: Workbook) -> None:
    """What begins with an equals sign is text here; the library takes it for a formula."""
    for row in sheet.iter_rows():
        for cell in row:
            if cell.data_type == "f":
                cell.data_type = "s"


def as_jsonl(folder: Path, cells: list[dict[str, Any]]) -> Path:
    return write_jsonl(folder / "register.jsonl", cells)


@pytest.fixture(params=[as_csv, as_gb18030, as_xlsx, as_jsonl], ids=["csv", "gb18030", "xlsx", "jsonl"])
def write(request: pytest.FixtureRequest) -> Write:
    writer: Write = request.param
    return writer


def file_refused(path: Path, **options: Any) -> tuple[Problem, ...]:
    terms = options.pop("terms", TERMS)
    with pytest.raises((InputRefused, CaseError)) as refused:
        open_register(path, terms, **options).close()
    if isinstance(refused.value, InputRefused):
        return refused.value.problems
    assert isinstance(refused.value, CaseError)
    return (Problem(refused.value.field or "", refused.value.code),)


def test_a_name_may_change_with_the_number(tmp_path: Path) -> None:
    (row,) = read(as_jsonl(tmp_path, [{**cells_of(1), "new_name": "合成新名"}]))
    assert isinstance(row.application, NumberChangeApplication)
    assert (row.application.name, row.application.new_name) == ("合成人1", "合成新名")


class TestEveryFormat:
    def test_a_row_becomes_an_application(self, write: Write, tmp_path: Path) -> None:
        (row,) = read(write(tmp_path, [cells_of(1)]))
        application = row.application
        assert isinstance(application, NumberChangeApplication)
        assert application.model_dump(exclude={"documents", "submitter"}) == {
            "kind": "IdNumberChange",
            "personal_number": "T0000001",
            "name": "合成人1",
            "new_number": cells_of(1)["number"],
            "new_name": None,
            "region": "110105",
            "category": Category.resettled,
            "channel": ApplicationChannel.counter,
            "correction": None,
            "identity": None,
            "key": None,
        }
        assert application.submitter == Actor(id="clerk-1", role=Role.clerk, office="110105")
        (document,) = application.documents
        assert (document.kind, document.uri, document.size) == (DocumentKind.resident_id_card, "doc://sample/1", 4096)

    def test_a_replacement_is_read_with_its_reason(self, write: Write, tmp_path: Path) -> None:
        (row,) = read(write(tmp_path, [cells_of(1, kind="补换卡", reason="旧代卡")]))
        assert isinstance(row.application, ReplacementApplication)
        assert row.application.reason is ReplacementReason.old_generation
        assert row.application.number == cells_of(1)["number"]

    def test_one_bad_row_lets_the_others_through(self, write: Write, tmp_path: Path) -> None:
        cells = [cells_of(person) for person in range(40)]
        cells[20]["number"] = cells[20]["number"][:17]
        rows = read(write(tmp_path, cells))
        assert len(people(rows)) == 39
        first = 1 if write is as_jsonl else 2
        assert refusals(rows) == [(20 + first, "number", "NUMBER_LENGTH")]

    @pytest.mark.parametrize(
        ("changed", "column", "code"),
        [
            ({"personal_number": ""}, "personal_number", Code.FIELD_MISSING),
            ({"personal_number": "甲乙丙丁"}, "personal_number", Code.PERSONAL_NUMBER_INVALID),
            ({"name": ""}, "name", Code.NAME_EMPTY),
            ({"name": "测" * 101}, "name", Code.NAME_TOO_LONG),
            ({"number": ""}, "number", Code.NUMBER_EMPTY),
            ({"number": "110105100101123"}, "number", Code.NUMBER_LENGTH),
            ({"number": "4.40524E+17"}, "number", Code.NUMBER_SPREADSHEET_DAMAGED),
            ({"number": "440524188001009000"}, "number", Code.NUMBER_SPREADSHEET_DAMAGED),
            ({"region": ""}, "region", Code.FIELD_MISSING),
            ({"region": "北京市"}, "region", Code.REGION_INVALID),
            ({"kind": "销户"}, "kind", Code.FIELD_INVALID),
            ({"category": "重要"}, "category", Code.FIELD_INVALID),
            ({"kind": "补换卡"}, "reason", Code.FIELD_MISSING),
            ({"kind": "补换卡", "reason": "喜欢"}, "reason", Code.FIELD_INVALID),
            ({"kind": "", "reason": "遗失"}, "kind", Code.FIELD_MISSING),
            ({"submitter": ""}, "submitter", Code.FIELD_MISSING),
            ({"submitter": "王某"}, "submitter", Code.FIELD_INVALID),
            ({"documents": "居民身份证"}, "documents", Code.FIELD_INVALID),
            ({"documents": "护照|doc://s/1|image/png|1|" + "0" * 64}, "documents", Code.FIELD_INVALID),
            ({"documents": "旧卡|file:///etc/x|image/png|1|" + "0" * 64}, "documents", Code.DOCUMENT_URI_REFUSED),
            ({"documents": "旧卡|https://a.example/x|image/png|1|" + "0" * 64}, "documents", Code.DOCUMENT_URI_REFUSED),
            ({"documents": "旧卡|doc://s/1|text/html|1|" + "0" * 64}, "documents", Code.DOCUMENT_TYPE_REFUSED),
            ({"documents": "旧卡|doc://s/1|image/png|99999999|" + "0" * 64}, "documents", Code.DOCUMENT_TOO_LARGE),
            ({"documents": "旧卡|doc://s/1|image/png|１|" + "0" * 64}, "documents", Code.FIELD_INVALID),
            ({"documents": "旧卡|doc://s/1|image/png|1|00"}, "documents", Code.DOCUMENT_DIGEST_INVALID),
        ],
    )
    def test_a_fault_is_reported_by_row_column_and_code(
        self, write: Write, tmp_path: Path, changed: dict[str, Any], column: str, code: Code
    ) -> None:
        rows = read(write(tmp_path, [cells_of(1), cells_of(2, **changed)]))
        assert people(rows) == ["T0000001"]
        assert refusals(rows) == [(rows[1].number, column, code.value)]

    def test_all_faults_of_a_row_are_reported(self, write: Write, tmp_path: Path) -> None:
        rows = read(write(tmp_path, [cells_of(1, name="", number="1", region="x", category="x")]))
        assert {(column, code) for _, column, code in refusals(rows)} == {
            ("name", "NAME_EMPTY"),
            ("number", "NUMBER_LENGTH"),
            ("region", "REGION_INVALID"),
            ("category", "FIELD_INVALID"),
        }

    def test_words_are_understood_in_both_languages(self, write: Write, tmp_path: Path) -> None:
        chinese = cells_of(1, kind="补换卡", category="转诊", reason="信息变更")
        english = cells_of(
            1,
            kind="card_replacement",
            category="referred",
            reason="data_changed",
            documents=chinese["documents"].replace("居民身份证", "resident_id_card"),
        )
        # As programs name it everywhere else.
        by_type = english | {"kind": "CardReplacement"}
        rows = read(write(tmp_path, [chinese, english, by_type]))
        assert refusals(rows) == [(row.number, None, "ROW_REPEATED") for row in rows[1:]]

    def test_the_same_content_is_opened_once_however_it_is_typed(self, write: Write, tmp_path: Path) -> None:
        number = cells_of(1)["number"]
        wide = number.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})
        cells = [cells_of(1), cells_of(2), cells_of(1, note="再次", phone=""), cells_of(1, number=f" {wide} ")]
        rows = read(write(tmp_path, cells))
        assert people(rows) == ["T0000001", "T0000002"]
        assert [code for _, _, code in refusals(rows)] == ["ROW_REPEATED", "ROW_REPEATED"]

    def test_the_same_person_with_other_content_is_no_repetition(self, write: Write, tmp_path: Path) -> None:
        rows = read(write(tmp_path, [cells_of(1), cells_of(1, category="一般")]))
        assert people(rows) == ["T0000001", "T0000001"]

    def test_defaults_hold_where_a_cell_is_empty(self, write: Write, tmp_path: Path) -> None:
        (row,) = read(write(tmp_path, [cells_of(1, kind="", category="", documents="", old_number="")]))
        assert isinstance(row.application, NumberChangeApplication)
        assert (row.application.category, row.application.documents) == (Category.general, ())

    def test_several_documents_stand_in_one_cell(self, write: Write, tmp_path: Path) -> None:
        entries = [f"照片|doc://s/{copy}|image/png|1|{copy:064X}" for copy in (1, 2, 1)]
        (row,) = read(write(tmp_path, [cells_of(1, documents=" ; ".join(entries) + "；")]))
        assert row.application is not None
        assert [document.sha256 for document in row.application.documents] == [f"{copy:064x}" for copy in (1, 2, 1)]

    def test_the_old_number_is_advice_and_never_sent(self, write: Write, tmp_path: Path) -> None:
        damaged, wrong = "1.10105E+14", "110105101"
        rows = read(write(tmp_path, [cells_of(1, old_number=damaged), cells_of(2, old_number=wrong), cells_of(3)]))
        assert len(people(rows)) == 3
        assert [(column, code) for _, column, code in advice(rows)] == [
            ("old_number", "NUMBER_SPREADSHEET_DAMAGED"),
            ("old_number", "NUMBER_LENGTH"),
        ]

    def test_advice_for_the_clerk_is_reported_beside_an_application(self, write: Write, tmp_path: Path) -> None:
        rows = read(write(tmp_path, [cells_of(1, name="测\ue123")]))
        assert people(rows) == ["T0000001"]
        assert advice(rows) == [(rows[0].number, "name", "PRIVATE_USE_CHARACTERS")]

    @pytest.mark.parametrize("name", ["阿卜杜拉·测试", "\U00020bb7野", "<b>测</b>", "=1+1", "-测", "测；试|"])
    def test_rare_and_hostile_names_are_kept_as_they_are(self, write: Write, tmp_path: Path, name: str) -> None:
        (row,) = read(write(tmp_path, [cells_of(1, name=name)]))
        assert row.application is not None
        assert row.application.name == name

    def test_empty_rows_are_passed_over(self, write: Write, tmp_path: Path) -> None:
        empty: dict[str, Any] = dict.fromkeys(HEADINGS, "")
        rows = read(write(tmp_path, [cells_of(1), empty, cells_of(2), empty]))
        assert people(rows) == ["T0000001", "T0000002"]
        assert rows[1].number == rows[0].number + 2

    def test_how_much_was_read_grows_to_the_whole(self, write: Write, tmp_path: Path) -> None:
        with open_register(write(tmp_path, [cells_of(person) for person in range(1_500)]), TERMS) as register:
            fractions = [register.fraction for _ in register]
            assert register.fraction == 1
        assert fractions == sorted(fractions)
        assert fractions[0] < 0.2

    def test_no_report_repeats_a_value(self, write: Write, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        planted = "甲乙丙PLANTED\n"
        columns = [column for column in HEADINGS if column not in {"phone", "note", "old_number"}]
        cells = [cells_of(person, **{column: planted}) for person, column in enumerate(columns)]
        rows = read(write(tmp_path, cells))
        said = repr([row.findings for row in rows]) + "".join(capfd.readouterr())
        assert "PLANTED" not in said
        assert "合成人" not in repr(rows)


class TestHeadings:
    def test_columns_are_found_by_name_in_any_order_and_language(self, tmp_path: Path) -> None:
        order = sorted(HEADINGS, key=lambda heading: heading[::-1])
        headings = [HEADINGS[name] if place % 2 else f" {name.upper()}*" for place, name in enumerate(order)]
        path = write_csv(tmp_path / "r.csv", csv_of([[cells_of(1)[name] for name in order]], headings))
        assert people(read(path)) == ["T0000001"]

    def test_full_width_headings_are_the_same(self, tmp_path: Path) -> None:
        headings = [heading.translate({ord("_"): "＿"}) for heading in EN]
        assert people(read(write_csv(tmp_path / "r.csv", csv_of([row_of(1)], headings)))) == ["T0000001"]

    @pytest.mark.parametrize("write", [write_csv, write_xlsx], ids=["csv", "xlsx"])
    @pytest.mark.parametrize("column", ["personal_number", "name", "number", "region", "submitter"])
    def test_a_missing_required_column_refuses_the_file_before_its_first_row(
        self, tmp_path: Path, column: str, write: Any
    ) -> None:
        at = EN.index(column)
        headings = [heading for heading in ZH if heading != ZH[at]]
        rows = [row_of(1)[:at] + row_of(1)[at + 1 :]]
        path = (
            write_csv(tmp_path / "r.csv", csv_of(rows, headings))
            if write is write_csv
            else write_xlsx(tmp_path / "r.xlsx", rows, headings)
        )
        assert file_refused(path) == (Problem(column, Code.COLUMN_MISSING),)

    def test_optional_columns_may_be_missing(self, tmp_path: Path) -> None:
        headings = ["personal_number", "name", "number", "region", "submitter"]
        path = write_csv(tmp_path / "r.csv", csv_of([[cells_of(1)[name] for name in headings]], headings))
        assert people(read(path)) == ["T0000001"]

    def test_a_submitter_named_for_the_whole_file_stands_in_for_the_column(self, tmp_path: Path) -> None:
        headings = ["personal_number", "name", "number", "region"]
        path = write_csv(tmp_path / "r.csv", csv_of([[cells_of(1)[name] for name in headings]], headings))
        (row,) = read(path, Terms(TODAY, submitter="clerk-9"))
        assert row.application is not None
        assert isinstance(row.application.submitter, Actor)
        assert row.application.submitter.id == "clerk-9"

    @pytest.mark.parametrize(
        ("cells", "channel", "submitter"),
        [
            ({}, ApplicationChannel.counter, CLERK),
            ({"channel": "窗口", "submitter_kind": "工作人员"}, ApplicationChannel.counter, CLERK),
            (
                {"channel": "网上", "submitter_kind": "申请人本人", "submitter": ""},
                ApplicationChannel.online,
                ApplicationCitizen(kind=SubmitterKind.applicant),
            ),
            (
                {
                    "channel": "guardian",
                    "submitter_kind": "guardian",
                    "submitter": "",
                    "submitter_number": AGENT,
                    "authority": "a" * 64,
                    "authority_until": "2026-12-31",
                },
                ApplicationChannel.guardian,
                ApplicationCitizen(
                    kind=SubmitterKind.guardian,
                    number=AGENT,
                    authority=Authority(document="a" * 64, until=date(2026, 12, 31)),
                ),
            ),
        ],
    )
    def test_a_row_may_say_how_the_application_came_and_who_handed_it_in(
        self, tmp_path: Path, cells: dict[str, Any], channel: ApplicationChannel, submitter: object
    ) -> None:
        row = cells_of(1) | NO_CHANNEL | cells
        (english,) = read(write_csv(tmp_path / "en.csv", csv_of([list(row.values())], list(row))))
        headings = [Column(name).zh for name in row]
        (chinese,) = read(write_csv(tmp_path / "zh.csv", csv_of([list(row.values())], headings)))
        assert english.application is not None
        assert (english.application.channel, english.application.submitter) == (channel, submitter)
        assert chinese.application == english.application

    def test_a_clerk_named_for_the_whole_file_took_in_only_what_staff_took_in(self, tmp_path: Path) -> None:
        headings = ["personal_number", "name", "number", "region", "submitter_kind"]
        rows = [[cells_of(n)[name] for name in headings[:4]] + [kind] for n, kind in ((1, ""), (2, "申请人本人"))]
        path = write_csv(tmp_path / "r.csv", csv_of(rows, headings))
        first, second = (row.application for row in read(path, Terms(TODAY, submitter="clerk-9")))
        assert first is not None
        assert second is not None
        assert isinstance(first.submitter, Actor)
        assert second.submitter == ApplicationCitizen(kind=SubmitterKind.applicant)

    @pytest.mark.parametrize(
        ("cells", "column", "code"),
        [
            ({"channel": "电报"}, "channel", Code.FIELD_INVALID),
            ({"submitter_kind": "朋友"}, "submitter_kind", Code.FIELD_INVALID),
            ({"submitter_kind": "申请人本人"}, "submitter", Code.FIELD_INVALID),
            ({"submitter_number": AGENT}, "submitter_number", Code.FIELD_INVALID),
            ({"submitter_kind": "代办人", "submitter": ""}, "submitter_number", Code.FIELD_MISSING),
            (
                {"submitter_kind": "代办人", "submitter": "", "submitter_number": AGENT[:17]},
                "submitter_number",
                Code.NUMBER_LENGTH,
            ),
            ({"authority": "a" * 64}, "authority", Code.FIELD_INVALID),
            (
                {
                    "submitter_kind": "代办人",
                    "submitter": "",
                    "submitter_number": AGENT,
                    "authority": "a" * 64,
                    "authority_until": "明年",
                },
                "authority_until",
                Code.DATE_INVALID,
            ),
            ({"identity_provider": "national-id-app", "identity_reference": "c/1"}, "identity_at", Code.FIELD_MISSING),
            ({"delivery": "邮寄"}, "delivery", Code.FIELD_INVALID),
        ],
    )
    def test_who_handed_it_in_is_one_person_and_known(
        self, tmp_path: Path, cells: dict[str, Any], column: str, code: Code
    ) -> None:
        row = cells_of(1) | NO_CHANNEL | cells
        assert refusals(read(write_csv(tmp_path / "r.csv", csv_of([list(row.values())], list(row))))) == [
            (2, column, code.value)
        ]

    def test_a_row_may_say_how_identity_was_checked_and_how_the_card_is_wished_for(self, tmp_path: Path) -> None:
        said = {
            "kind": "补换卡",
            "reason": "到期",
            "delivery": "邮寄",
            "identity_provider": "national-id-app",
            "identity_at": "2026-11-02T10:00:00+08:00",
            "identity_reference": "check/1",
        }
        row = cells_of(1) | NO_CHANNEL | said
        headings = [Column(each).zh for each in row]
        (read_row,) = read(write_csv(tmp_path / "zh.csv", csv_of([list(row.values())], headings)))
        application = read_row.application
        assert isinstance(application, ReplacementApplication)
        assert application.delivery is HandOver.post
        assert application.identity == IdentityCheck(
            provider="national-id-app", at=datetime(2026, 11, 2, 2, tzinfo=UTC), reference="check/1"
        )

    def test_a_column_twice_refuses_the_file_in_either_language(self, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "r.csv", csv_of([[*row_of(1), "x"]], [*ZH, "name"]))
        assert file_refused(path) == (Problem("name", Code.COLUMN_DUPLICATE),)

    def test_unknown_columns_are_named_by_their_place_because_they_may_be_data(self, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "r.csv", csv_of([], ["T0000001", "合成人", *ZH]))
        problems = file_refused(path)
        assert list(problems) == [
            Problem("column 1 (A)", Code.COLUMN_UNKNOWN),
            Problem("column 2 (B)", Code.COLUMN_UNKNOWN),
        ]
        assert "T0000001" not in repr(problems)

    def test_unknown_columns_are_ignored_when_that_is_asked_for(self, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "r.csv", csv_of([[*row_of(1), "x"]], [*ZH, "年龄"]))
        with open_register(path, TERMS, ignore_unknown=True) as register:
            assert register.findings[0][1:3] == ("column 13 (M)", FileAdvice.COLUMN_IGNORED)
            assert people(register) == ["T0000001"]

    @pytest.mark.parametrize("content", ["", "\r\n\r\n", "\ufeff", "T0000001,合成人,110105,\n" * 30])
    def test_a_file_without_headings_is_told_as_that_and_not_column_by_column(
        self, tmp_path: Path, content: str
    ) -> None:
        problems = file_refused(write_csv(tmp_path / "r.csv", content))
        assert problems == (Problem("", Code.HEADINGS_MISSING),)

    def test_a_file_with_headings_only_holds_nothing(self, tmp_path: Path) -> None:
        assert read(write_csv(tmp_path / "r.csv", csv_of([]))) == []

    def test_what_stands_under_no_heading_breaks_its_row(self, tmp_path: Path) -> None:
        rows = [[*row_of(1), ""], [*row_of(2), "x"]]
        read_rows = read(write_csv(tmp_path / "r.csv", csv_of(rows, [*ZH, ""])))
        assert (people(read_rows), refusals(read_rows)) == (["T0000001"], [(3, None, "ROW_BROKEN")])


class TestText:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
    @pytest.mark.parametrize("headings", [ZH, EN], ids=["chinese", "english"])
    def test_encodings_are_told_apart_whatever_the_headings(
        self, tmp_path: Path, encoding: str, headings: tuple[str, ...]
    ) -> None:
        text = csv_of([row_of(person) for person in range(5)], headings)
        (first, *_) = read(write_csv(tmp_path / "r.csv", text, encoding))
        assert first.application is not None
        assert first.application.name == "合成人0"

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_utf16_is_read_with_its_mark_and_without(self, tmp_path: Path, encoding: str) -> None:
        text = csv_of([row_of(person) for person in range(5)])
        rows = read(write_csv(tmp_path / "r.csv", text, encoding))
        assert (len(people(rows)), refusals(rows)) == (5, [])

    @pytest.mark.parametrize("encoding", ["utf-32", "utf-32-be"])
    @pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
    def test_utf32_is_refused_with_a_hint(self, tmp_path: Path, encoding: str, suffix: str) -> None:
        path = write_csv(tmp_path / f"r{suffix}", csv_of([row_of(1)]), encoding)
        assert file_refused(path) == (Problem("", Code.FILE_ENCODING),)
        assert "UTF-8" in remedy_of(Code.FILE_ENCODING).zh

    def test_a_file_of_neither_encoding_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "r.csv"
        path.write_bytes(b"\x80\xff\xfe\x81\n" * 10)
        assert file_refused(path) == (Problem("", Code.FILE_ENCODING),)

    def test_a_row_of_another_encoding_breaks_itself_only(self, tmp_path: Path) -> None:
        lines = csv_of([row_of(person) for person in range(9)]).encode().split(b"\r\n")
        lines[4] = ",".join(row_of(99)).encode("gb18030")
        path = tmp_path / "r.csv"
        path.write_bytes(b"\r\n".join(lines))
        rows = read(path)
        assert (len(people(rows)), refusals(rows)) == (8, [(5, None, "ROW_BROKEN")])

    def test_a_name_that_is_utf8_by_accident_does_not_change_the_encoding(self, tmp_path: Path) -> None:
        # In GB18030 this word has the bytes of two Cyrillic letters of UTF-8.
        name = b"\xd0\xb0\xd0\xb1".decode("gb18030")
        rows = [row_of(1, name=name, kind="", category="", documents="", note="")] + [row_of(p) for p in (2, 3)]
        (first, *_) = read(write_csv(tmp_path / "r.csv", csv_of(rows, EN), "gb18030"))
        assert first.application is not None
        assert first.application.name == name

    @pytest.mark.parametrize(("name", "code"), [("r.xls", Code.FILE_NOT_A_WORKBOOK), ("r", Code.FILE_TYPE_UNKNOWN)])
    def test_the_name_tells_the_format(self, tmp_path: Path, name: str, code: Code) -> None:
        assert file_refused(write_csv(tmp_path / name, csv_of([row_of(1)]))) == (Problem("", code),)

    def test_a_workbook_named_csv_is_said_to_be_of_another_type(self, tmp_path: Path) -> None:
        path = write_xlsx(tmp_path / "r.xlsx", [row_of(1)]).rename(tmp_path / "r.csv")
        assert file_refused(path) == (Problem("", Code.FILE_TYPE_UNKNOWN),)

    @pytest.mark.parametrize("name", ["gone.csv", "gone.xlsx", "gone.jsonl"])
    def test_a_file_that_is_not_there_cannot_be_read(self, tmp_path: Path, name: str) -> None:
        assert file_refused(tmp_path / name) == (Problem("", Code.FILE_UNREADABLE),)

    def test_a_line_longer_than_any_request_breaks_itself_only(self, tmp_path: Path) -> None:
        rows = [row_of(1), row_of(2, note="x" * 200_000), row_of(3)]
        read_rows = read(write_csv(tmp_path / "r.csv", csv_of(rows)))
        assert (people(read_rows), refusals(read_rows)) == (["T0000001", "T0000003"], [(3, None, "ROW_BROKEN")])


class TestSeparatedValues:
    def lines(self, *between: str) -> str:
        first, last = (",".join(row_of(person)) for person in (1, 9))
        return "\r\n".join((",".join(ZH), first, *between, last)) + "\r\n"

    def test_quotes_and_commas_are_data_inside_quotes(self, tmp_path: Path) -> None:
        row = row_of(2, name='"合成,""人"""', note='""')
        rows = read(write_csv(tmp_path / "r.csv", self.lines(",".join(row))))
        assert rows[1].application is not None
        assert rows[1].application.name == '合成,"人"'

    @pytest.mark.parametrize(
        "line",
        [
            ",".join(row_of(2, name='"合成人')),
            ",".join(row_of(2, name='合成人"')),
            ",".join(row_of(2, name='"合成"人')),
            ",".join(row_of(2, note='"')),
            ",".join(row_of(2, name="合成\x00人")),
            ",".join(row_of(2, name="合成\r人")),
            ",".join([*row_of(2), "x"]),
            ",".join(row_of(2))[:30],
        ],
    )
    @pytest.mark.parametrize("quoted_neighbour", [True, False], ids=["quotes around", "no quotes"])
    def test_a_broken_line_refuses_itself_only(self, tmp_path: Path, line: str, quoted_neighbour: bool) -> None:  # noqa: FBT001 - a parameter of the test
        other = row_of(3, name='"合成,人"') if quoted_neighbour else row_of(3)
        rows = read(write_csv(tmp_path / "r.csv", self.lines(line, ",".join(other))))
        assert people(rows) == ["T0000001", "T0000003", "T0000009"]
        assert refusals(rows) == [(3, None, "ROW_BROKEN")]

    @pytest.mark.parametrize("cells", [row_of(2)[:-1], [*row_of(2), ""], [*row_of(2), "", " "]])
    def test_empty_cells_at_the_end_may_be_left_out_or_stand_there_twice(
        self, tmp_path: Path, cells: list[str]
    ) -> None:
        rows = read(write_csv(tmp_path / "r.csv", self.lines(",".join(cells))))
        assert (people(rows), refusals(rows)) == (["T0000001", "T0000002", "T0000009"], [])

    def test_a_row_over_several_lines_is_one_row_where_a_note_holds_the_breaks(self, tmp_path: Path) -> None:
        row = ",".join(row_of(2, note='"一\n二\n三"'))
        rows = read(write_csv(tmp_path / "r.csv", self.lines(row)))
        assert (people(rows), refusals(rows)) == (["T0000001", "T0000002", "T0000009"], [])
        assert [row.number for row in rows] == [2, 3, 6]

    def test_a_line_break_inside_a_name_refuses_its_row_by_the_column(self, tmp_path: Path) -> None:
        row = ",".join(row_of(2, name='"合成\n人"'))
        rows = read(write_csv(tmp_path / "r.csv", self.lines(row)))
        assert (people(rows), refusals(rows)) == (["T0000001", "T0000009"], [(3, "name", "ROW_BROKEN")])

    def test_a_row_does_not_vanish_into_the_note_of_another_that_was_left_open(self, tmp_path: Path) -> None:
        lines = [",".join(row_of(2, note='"一')), ",".join(row_of(3)), ",".join(row_of(4, note='二"'))]
        rows = read(write_csv(tmp_path / "r.csv", self.lines(*lines)))
        assert (people(rows), refusals(rows)) == (
            ["T0000001", "T0000009"],
            [(number, None, "ROW_BROKEN") for number in (3, 4, 5)],
        )

    def test_nobody_can_write_a_row_into_a_cell(self, tmp_path: Path) -> None:
        injected = ",".join(row_of(66))
        for cell in (
            f'"x\n{injected}\ny"',
            f'"x\r\n{injected}\r\n"',
            f'"\n{injected}"',
            f'"x\0\n{injected}\n"',
            f'"x\n\0\n{injected}\n"',
            f'"x\ry\n{injected}\n"',
            f'"x\n{"y" * 70_000}\n{injected}\n"',
        ):
            rows = read(write_csv(tmp_path / "r.csv", self.lines(",".join(row_of(2, note=cell)), ",".join(row_of(3)))))
            assert "T0000066" not in people(rows)
            assert {"T0000001", "T0000003", "T0000009"} <= set(people(rows)), cell

    def test_a_quote_left_open_does_not_swallow_the_file(self, tmp_path: Path) -> None:
        rows = [row_of(person) for person in range(300)]
        rows[100][1] = '"合成人'
        read_rows = read(write_csv(tmp_path / "r.csv", csv_of(rows)))
        assert (len(people(read_rows)), refusals(read_rows)) == (299, [(102, None, "ROW_BROKEN")])

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_the_last_line_needs_no_end_but_all_its_cells(self, tmp_path: Path, end: str) -> None:
        text = csv_of([row_of(1), row_of(2)], end=end).removesuffix(end)
        assert people(read(write_csv(tmp_path / "r.csv", text))) == ["T0000001", "T0000002"]
        half = text[: text.rindex("|")]
        rows = read(write_csv(tmp_path / "r.csv", half))
        assert (people(rows), refusals(rows)) == (["T0000001"], [(3, None, "ROW_BROKEN")])

    @given(
        st.lists(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])), min_size=1, max_size=6)
    )
    def test_what_was_quoted_by_the_book_is_taken_apart_as_it_was(self, cells: list[str]) -> None:
        quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
        assert split(quoted) == (cells, None)

    @given(st.text(st.sampled_from('",ab\n'), max_size=60))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    def test_whatever_stands_between_good_rows_they_are_read_or_reported(self, tmp_path: Path, text: str) -> None:
        path = write_csv(tmp_path / "r.csv", csv_of([row_of(1)], end="\n") + text + "\n" + ",".join(row_of(2)) + "\n")
        rows = read(path)
        reported = {number for number, _, _ in refusals(rows)}
        opened = {row.number for row in rows if row.application is not None}
        last = path.read_text(encoding="utf-8").count("\n")
        assert 2 in opened
        assert last in opened | reported


class TestWorkbooks:
    def test_a_number_in_a_cell_for_numbers_is_damaged(self, tmp_path: Path) -> None:
        rows = read(write_xlsx(tmp_path / "r.xlsx", [row_of(1, number=110105190001011236), row_of(2, number=1.1e17)]))
        assert refusals(rows) == [(number, "number", "NUMBER_SPREADSHEET_DAMAGED") for number in (2, 3)]

    def test_a_personal_number_in_a_cell_for_numbers_may_name_somebody_else(self, tmp_path: Path) -> None:
        rows = read(write_xlsx(tmp_path / "r.xlsx", [row_of(1, personal_number=1234567)]))
        assert refusals(rows) == [(2, "personal_number", "NUMBER_SPREADSHEET_DAMAGED")]

    def test_a_region_in_a_cell_for_numbers_is_read(self, tmp_path: Path) -> None:
        rows = read(write_xlsx(tmp_path / "r.xlsx", [row_of(1, region=110105), row_of(2, region=110105.5)]))
        assert people(rows) == ["T0000001"]
        assert refusals(rows) == [(3, "region", "REGION_INVALID")]

    def test_a_formula_is_refused_where_it_would_be_used(self, tmp_path: Path) -> None:
        rows = read(
            write_xlsx(tmp_path / "r.xlsx", [row_of(1, name="=A1"), row_of(2, note="=A1"), row_of(3, old_number="=A1")])
        )
        assert people(rows) == ["T0000002", "T0000003"]
        assert refusals(rows) == [(2, "name", "CELL_FORMULA")]
        assert advice(rows) == [(4, "old_number", "CELL_FORMULA")]

    @pytest.mark.parametrize("cell", [True, TODAY, "#REF!"])
    def test_a_truth_value_a_date_or_an_error_is_no_word(self, tmp_path: Path, cell: object) -> None:
        rows = read(write_xlsx(tmp_path / "r.xlsx", [row_of(1, category=cell)]))
        assert refusals(rows) == [(2, "category", "FIELD_INVALID")]

    def test_hidden_rows_are_read_and_reported(self, tmp_path: Path) -> None:
        def hide(sheet: Worksheet, _book: Workbook) -> None:
            sheet.row_dimensions[3].hidden = True

        rows = read(write_xlsx(tmp_path / "r.xlsx", [row_of(person) for person in range(3)], change=hide))
        assert len(people(rows)) == 3
        assert advice(rows) == [(3, None, "ROW_HIDDEN")]

    def test_merged_cells_refuse_every_row_they_touch(self, tmp_path: Path) -> None:
        def merge(sheet: Worksheet, _book: Workbook) -> None:
            sheet.merge_cells("B3:B5")
            sheet.merge_cells("L6:L7")  # a note, which is of no use anyway
            sheet.merge_cells("A9:B9")

        rows = read(write_xlsx(tmp_path / "r.xlsx", [row_of(person) for person in range(8)], change=merge))
        assert people(rows) == ["T0000000", "T0000004", "T0000005", "T0000006"]
        assert {(row, column) for row, column, _ in refusals(rows)} == {
            *((row, "name") for row in (3, 4, 5)),
            (9, "personal_number"),
            (9, "name"),
        }

    def test_of_several_sheets_the_first_visible_is_read_or_the_one_named(self, tmp_path: Path) -> None:
        def more(sheet: Worksheet, book: Workbook) -> None:
            sheet.title = "第一"
            front = book.create_sheet("封面", 0)
            front.sheet_state = "hidden"
            front.append(ZH)
            second = book.create_sheet("第二")
            second.append(ZH)
            second.append(row_of(2))

        path = write_xlsx(tmp_path / "r.xlsx", [row_of(1)], change=more)
        with open_register(path, TERMS) as register:
            assert [found.code for found in register.findings] == [FileAdvice.SHEETS_NOT_READ]
            assert people(register) == ["T0000001"]
        assert people(read(path, sheet="第二")) == ["T0000002"]
        assert read(path, sheet="封面") == []
        assert file_refused(path, sheet="第三") == (Problem("sheet", Code.FIELD_INVALID),)

    def test_a_line_break_or_an_escaped_control_character_breaks_the_row(self, tmp_path: Path) -> None:
        names = ["合成\n人", "合成_x000D_人", "合成_x0000_人"]
        rows = read(write_xlsx(tmp_path / "r.xlsx", [row_of(person, name=name) for person, name in enumerate(names)]))
        assert refusals(rows) == [(number, "name", "ROW_BROKEN") for number in (2, 3, 4)]

    def test_an_escaped_character_is_the_character(self, tmp_path: Path) -> None:
        rows = read(
            write_xlsx(tmp_path / "r.xlsx", [row_of(1, name="合成_xD842__xDFB7_"), row_of(2, name="a_x005F_b")])
        )
        assert [row.application.name for row in rows if row.application] == ["合成\U00020bb7", "a_b"]

    def test_headings_may_begin_further_down_and_stand_apart(self, tmp_path: Path) -> None:
        def shift(sheet: Worksheet, _book: Workbook) -> None:
            sheet.insert_rows(1, 2)
            sheet.insert_cols(3)

        rows = read(write_xlsx(tmp_path / "r.xlsx", [row_of(1)], change=shift))
        assert (people(rows), rows[0].number) == (["T0000001"], 4)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda raw: raw[: len(raw) // 2],
            lambda _raw: b"PK\x03\x04" + b"\0" * 100,
            lambda _raw: b"",
        ],
        ids=["cut", "no archive", "empty"],
    )
    def test_a_damaged_workbook_is_unreadable(self, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
        path = write_xlsx(tmp_path / "r.xlsx", [row_of(1)])
        path.write_bytes(damage(path.read_bytes()))
        assert file_refused(path) == (Problem("", Code.FILE_UNREADABLE),)

    @pytest.mark.parametrize(
        ("part", "old", "new"),
        [
            ("xl/worksheets/sheet1.xml", b"<worksheet", b"<!DOCTYPE w [<!ENTITY a 'b'>]><worksheet"),
            ("xl/workbook.xml", b"<workbook", b"<!DOCTYPE w [<!ENTITY a 'b'>]><workbook"),
            ("xl/worksheets/sheet1.xml", b'<row r="2"', b'<row r="99999999999"'),
            ("xl/worksheets/sheet1.xml", b'<row r="2"', b'<row r="1"'),
            ("xl/worksheets/sheet1.xml", b'r="A2"', b'r="ZZZZ2"'),
            ("xl/worksheets/sheet1.xml", b"</sheetData>", b""),
            ("xl/_rels/workbook.xml.rels", b"worksheet", b"worksheep"),
            ("_rels/.rels", b"officeDocument", b"officeDocuments"),
        ],
    )
    def test_a_workbook_made_to_trouble_its_reader_is_unreadable(
        self, tmp_path: Path, part: str, old: bytes, new: bytes
    ) -> None:
        path = rewritten(write_xlsx(tmp_path / "r.xlsx", [row_of(1)]), part, lambda raw: raw.replace(old, new))
        with pytest.raises(CaseError) as refused:
            read(path)
        assert refused.value.code is Code.FILE_UNREADABLE

    def test_places_that_are_not_written_follow_from_their_order(self, tmp_path: Path) -> None:
        path = rewritten(
            write_xlsx(tmp_path / "r.xlsx", [row_of(1)]),
            "xl/worksheets/sheet1.xml",
            lambda raw: re.sub(rb' r="[A-Z]*[0-9]+"', b"", raw),
        )
        rows = read(path)
        assert (people(rows), rows[0].number) == (["T0000001"], 2)

    def test_rich_text_is_read_without_its_reading_aids(self, tmp_path: Path) -> None:
        rich = "<is><r><t>合</t></r><r><rPr><b/></rPr><t>成人</t></r><rPh sb='0' eb='1'><t>he</t></rPh></is>".encode()
        path = rewritten(
            write_xlsx(tmp_path / "r.xlsx", [row_of(1, name="PLACE")]),
            "xl/worksheets/sheet1.xml",
            lambda raw: raw.replace(b"<is><t>PLACE</t></is>", rich),
        )
        (row,) = read(path)
        assert row.application is not None
        assert row.application.name == "合成人"


class TestJsonLines:
    @pytest.mark.parametrize(
        ("line", "code"),
        [
            ('{"personal_number": "T0000002", "na', Code.ROW_BROKEN),
            ("[]", Code.FIELD_INVALID),
            ('{"name": "a", "name": "b"}', Code.ROW_BROKEN),
            ('{"name": NaN}', Code.ROW_BROKEN),
            ('{"name": "\\ud842"}', Code.TEXT_FORBIDDEN_CHARACTERS),
            ('{"name": "a", "姓名": "b"}', Code.COLUMN_DUPLICATE),
            ('{"reopen": true}', Code.FIELD_UNKNOWN),
        ],
    )
    def test_a_line_that_is_no_row_refuses_itself_only(self, tmp_path: Path, line: str, code: Code) -> None:
        rows = read(write_jsonl(tmp_path / "r.jsonl", [cells_of(1), line, cells_of(3)]))
        assert people(rows) == ["T0000001", "T0000003"]
        assert [(row, found) for row, _, found in refusals(rows)] == [(2, code.value)]

    def test_a_half_last_line_is_broken(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "r.jsonl", [cells_of(1), cells_of(2)])
        path.write_bytes(path.read_bytes()[:-20])
        rows = read(path)
        assert (people(rows), refusals(rows)) == (["T0000001"], [(2, None, "ROW_BROKEN")])

    def test_numbers_that_are_json_integers_are_refused(self, tmp_path: Path) -> None:
        rows = read(write_jsonl(tmp_path / "r.jsonl", [cells_of(1, number=110105190001011236, personal_number=1234)]))
        assert {(column, code) for _, column, code in refusals(rows)} == {
            ("number", "NUMBER_SPREADSHEET_DAMAGED"),
            ("personal_number", "NUMBER_SPREADSHEET_DAMAGED"),
        }

    def test_documents_may_be_objects(self, tmp_path: Path) -> None:
        document = {"kind": "photograph", "uri": "doc://s/1", "media_type": "image/png", "size": 1, "sha256": "0" * 64}
        rows = read(write_jsonl(tmp_path / "r.jsonl", [cells_of(1, documents=[document])]))
        assert rows[0].application is not None
        assert rows[0].application.documents[0].kind is DocumentKind.photograph

    def test_unknown_keys_are_ignored_when_that_is_asked_for(self, tmp_path: Path) -> None:
        rows = read(write_jsonl(tmp_path / "r.jsonl", [cells_of(1, age=7)]), ignore_unknown=True)
        assert (people(rows), advice(rows)) == (["T0000001"], [(1, None, "COLUMN_IGNORED")])

    @pytest.mark.parametrize("value", [True, {"a": 1}, [1], 7, None])
    @pytest.mark.parametrize("column", [column for column in EN if column not in {"phone", "note"}])
    def test_a_value_of_any_type_gives_a_row_or_a_code(self, tmp_path: Path, column: str, value: object) -> None:
        (row,) = read(write_jsonl(tmp_path / "r.jsonl", [cells_of(1, **{column: value})]))
        assert (row.application is None) == bool(refusals([row]))


class TestSize:
    def test_a_million_rows_would_fit_into_200_megabytes(self, tmp_path: Path) -> None:
        # Enough rows that what an allocator does by chance, some hundred kilobytes, is a small part of what they take.
        few, many = (peak_of(tmp_path, rows) for rows in (500, 50_500))
        assert few < 60 * MEGABYTE
        assert (many - few) * 20 < 140 * MEGABYTE

    def test_of_five_thousand_rows_one_is_refused_and_4999_go_through(self, tmp_path: Path) -> None:
        rows = [row_of(person) for person in range(5_000)]
        rows[2_500] = row_of(2_500, number=row_of(2_500)[4][:17])
        read_rows = read(write_csv(tmp_path / "r.csv", csv_of(rows), "gb18030"))
        assert len(people(read_rows)) == 4_999
        assert refusals(read_rows) == [(2_502, "number", "NUMBER_LENGTH")]


MEGABYTE = 1024 * 1024
READ_AND_MEASURE = """
import sys
from datetime import date
from pathlib import Path
from intake.files import Terms, open_register
with open_register(Path(sys.argv[1]), Terms(date(2026, 11, 2))) as register:
    opened = sum(row.application is not None for row in register)
# The kernel's own figure; getrusage still shows what the parent had when it forked.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(opened, status["VmHWM"].split()[0])
"""


def peak_of(folder: Path, rows: int) -> int:
    """Peak of a process that reads a register, in bytes."""
    path = write_csv(folder / "large.csv", csv_of(map(row_of, range(rows))), "gb18030")
    # S603: the program is the one that runs the tests.
    said = subprocess.run(
        [sys.executable, "-c", READ_AND_MEASURE, str(path)], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.split()
    assert int(said[0]) == rows
    return int(said[1]) * 1024


@pytest.mark.parametrize("form", [".csv", ".jsonl", ".xlsx"])
def test_a_file_of_more_rows_than_are_taken_is_refused_before_any_is_read(tmp_path: Path, form: str) -> None:
    rows = [row_of(person) for person in range(3)]
    blank: list[Any] = [""] * len(ZH)
    path = tmp_path / f"register{form}"
    match form:
        case ".csv":
            write_csv(path, csv_of([rows[0], blank, blank, *rows[1:], blank]))
        case ".jsonl":
            write_jsonl(path, ["", *(dict(zip(ZH, row, strict=True)) for row in rows), ""])
        case _:
            write_xlsx(path, [rows[0], blank, blank, *rows[1:], blank])
    # What is blank is no row, however much of it there is.
    with open_register(path, TERMS, most=3) as register:
        assert len(list(register)) == 3
    with pytest.raises(CaseError) as refused:
        open_register(path, TERMS, most=2)
    assert refused.value.code is Code.ROWS_TOO_MANY


@pytest.mark.parametrize("form", [".csv", ".jsonl"])
def test_more_lines_than_any_sheet_has_are_not_read_though_all_are_blank(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"register{form}"
    write_csv(path, csv_of([row_of(person) for person in range(3)]))
    with path.open("ab") as file:
        file.write(b"\n" * LAST_ROW)
    with pytest.raises(CaseError) as refused:
        open_register(path, TERMS, most=3)
    assert refused.value.code is Code.ROWS_TOO_MANY
