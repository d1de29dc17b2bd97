import csv
import io
import json
from collections import Counter
from datetime import date

import pytest
from openpyxl import load_workbook

from activities.registry.loading import InsuredPerson
from cases.documents import MEDIA_TYPES, Document, DocumentKind
from cases.errors import Advice, CaseError
from cases.names import Kind
from cases.numbers import Road, classify, normalise, spreadsheet_damage, validate, validate18
from cases.policy import Policies
from cases.text import check_name
from demo.scripts import SCRIPTS
from intake.files.register import open_register
from intake.files.rows import Terms
from samples.generate import (
    COLUMNS,
    EXPECTED,
    FIRST_ROW,
    FOLDER,
    INSURED,
    PEOPLE,
    REGISTER_NORTH,
    REGISTER_SOUTH,
    generate,
    registers,
)
from samples.people import NORTH, SOUTH

TODAY = date(2026, 11, 22)


def north_rows() -> list[dict[str, object]]:
    book = load_workbook(FOLDER / REGISTER_NORTH)
    (sheet,) = book.worksheets
    headings, *rows = sheet.iter_rows(values_only=True)
    assert headings == COLUMNS
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def south_rows() -> list[dict[str, object]]:
    text = (FOLDER / REGISTER_SOUTH).read_bytes().decode("gb18030")
    headings, *rows = csv.reader(io.StringIO(text, newline=""))
    assert tuple(headings) == COLUMNS
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def expected() -> list[dict[str, str]]:
    with (FOLDER / EXPECTED).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def insured() -> dict[str, dict[str, object]]:
    lines = (FOLDER / INSURED).read_text(encoding="utf-8").splitlines()
    return {record["personal_number"]: record for record in map(json.loads, lines)}


ROWS = {REGISTER_NORTH: north_rows(), REGISTER_SOUTH: south_rows()}
ALL_ROWS = [row for rows in ROWS.values() for row in rows]


MADE = generate()


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_committed_file_is_exactly_what_the_generator_makes(name: str) -> None:
    assert (FOLDER / name).read_bytes() == MADE[name]


def test_there_are_320_people_190_and_130() -> None:
    people = {name: {row["个人编号"] for row in rows} for name, rows in ROWS.items()}
    assert len(people[REGISTER_NORTH]) == PEOPLE[NORTH] == 190
    assert len(people[REGISTER_SOUTH] - people[REGISTER_NORTH]) == PEOPLE[SOUTH] == 130
    assert len(people[REGISTER_NORTH] | people[REGISTER_SOUTH]) == 320


def test_one_person_stands_in_both_registers_word_for_word() -> None:
    both = [row for row in ROWS[REGISTER_SOUTH] if str(row["个人编号"]).startswith("SN")]
    assert len(both) == 1
    # An empty cell of a workbook is None.
    assert {heading: cell or None for heading, cell in both[0].items()} in ROWS[REGISTER_NORTH]


def test_every_row_is_marked_as_synthetic() -> None:
    assert {row["备注"] for row in ALL_ROWS} == {"合成数据"}


def test_the_csv_is_gb18030_with_windows_line_ends() -> None:
    content = (FOLDER / REGISTER_SOUTH).read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    assert content.count(b"\r\n") == content.count(b"\n") == len(ROWS[REGISTER_SOUTH]) + 1


def test_expectations_name_every_row_once_and_in_order() -> None:
    named = [(line["register"], int(line["row"]), line["personal_number"]) for line in expected()]
    assert named == [
        (name, number, row["个人编号"]) for name, rows in ROWS.items() for number, row in enumerate(rows, FIRST_ROW)
    ]


def test_an_expectation_is_a_script_with_an_ending_or_a_refusal() -> None:
    for line in expected():
        if line["refused"]:
            assert not line["script"]
            assert not line["status"]
        else:
            assert line["script"] in SCRIPTS
            assert line["status"]
            assert line["milestone"]


def test_every_script_drives_somebody() -> None:
    written_for_one_region = {f"{script}-confirmed" for script in SCRIPTS} | {
        script.removesuffix("-confirmed") for script in SCRIPTS if script.endswith("-confirmed")
    }
    used = {line["script"] for line in expected()}
    assert set(SCRIPTS) - used <= written_for_one_region
    assert not {script for script in set(SCRIPTS) - used if f"{script}-confirmed" not in used and script not in used}


def test_the_loader_takes_every_person_of_the_extract() -> None:
    for line in (FOLDER / INSURED).read_text(encoding="utf-8").splitlines():
        InsuredPerson.model_validate_json(line)


@pytest.mark.parametrize("name", [REGISTER_NORTH, REGISTER_SOUTH])
def test_the_importer_refuses_the_rows_it_should_with_the_codes_it_should_and_no_other(name: str) -> None:
    with open_register(FOLDER / name, Terms(TODAY)) as register_read:
        rows = {row.number: row for row in register_read}
        assert register_read.findings == ()
    for line in expected():
        if line["register"] == name:
            row = rows.pop(int(line["row"]))
            codes = [finding.code.value for finding in row.findings if finding.refused]
            assert codes == ([line["refused"]] if line["refused"] else [])
            assert (row.application is None) == bool(line["refused"])
            if row.application is not None:
                assert row.application.kind.value == line["matter"]
    assert not rows


def test_old_numbers_have_15_or_18_digits_and_a_birth_date() -> None:
    for record in insured().values():
        validate(str(record["number"]), TODAY)


def test_no_number_points_at_somebody_born_after_1930() -> None:
    numbers = [str(record["number"]) for record in insured().values()]
    for row, line in zip(ALL_ROWS, expected(), strict=True):
        if not line["refused"]:
            numbers.append(normalise(row["证件号码"]).text)
    for number in numbers:
        checked = validate(number, TODAY)
        year = checked.birth_date.year if checked.birth_date is not None else 1900
        assert 1900 <= year <= 1930


def test_no_two_people_of_the_extract_have_one_18_digit_number_but_some_have_one_of_15() -> None:
    held = Counter(str(record["number"]) for record in insured().values() if record["died_on"] is None)
    assert {len(number) for number, people in held.items() if people > 1} == {15}


def test_numbers_of_accepted_rows_are_right_and_of_refused_ones_wrong() -> None:
    for row, line in zip(ALL_ROWS, expected(), strict=True):
        code = ""
        try:
            if spreadsheet_damage(row["证件号码"]):
                code = "NUMBER_SPREADSHEET_DAMAGED"
            else:
                validate18(normalise(row["证件号码"]).text, TODAY)
        except CaseError as wrong:
            code = wrong.code.value
        assert code == (line["refused"] if line["refused"] != "ROW_REPEATED" else "")


def test_a_number_damaged_in_the_workbook_is_a_numeric_cell() -> None:
    numeric = [row["证件号码"] for row in ROWS[REGISTER_NORTH] if not isinstance(row["证件号码"], str)]
    assert [type(number) for number in numeric] == [float]


def test_names_can_be_accepted() -> None:
    for row in ALL_ROWS:
        check_name(str(row["姓名"]))


def test_rare_characters_come_through_both_files() -> None:
    for rows in ROWS.values():
        names = "".join(str(row["姓名"]) for row in rows)
        assert "\U00020bb7" in names
        assert "\ue000" in names


def test_every_channel_of_both_kinds_stands_in_both_registers_where_it_is_offered() -> None:
    came = {(name, row["申请事项"], row["申请渠道"] or "窗口") for name, rows in ROWS.items() for row in rows}
    channels = ("网上", "窗口", "自助终端", "银行网点", "代办", "监护人代办")
    every = {(name, matter, channel) for name in ROWS for matter in ("号码变更", "补换卡") for channel in channels}
    # The south changes no number at a terminal.
    assert every - came == {(REGISTER_SOUTH, "号码变更", "自助终端")}


def test_papers_are_documents_that_a_case_accepts_and_none_stands_twice() -> None:
    kinds = {"居民身份证", "临时居民身份证", "公安机关证明", "法院证明", "港澳台居民居住证"}
    kinds |= {"遗失声明", "旧卡", "委托书", "监护关系证明", "照片"}
    seen: Counter[str] = Counter()
    used: set[str] = set()
    repeated = {
        line["personal_number"]
        for line in expected()
        if line["refused"] == "ROW_REPEATED" or line["class"] == "in both registers"
    }
    for row, line in zip(ALL_ROWS, expected(), strict=True):
        for paper in filter(None, str(row["材料清单"] or "").split(";")):
            kind, uri, media_type, size, digest = paper.split("|")
            Document(kind=DocumentKind.photograph, uri=uri, media_type=media_type, size=int(size), sha256=digest)
            used.add(kind)
            if line["personal_number"] not in repeated:
                seen[digest] += 1
            assert media_type in MEDIA_TYPES
    assert used <= kinds
    assert seen.most_common(1)[0][1] == 1


def test_every_region_is_served_and_each_register_by_one_policy() -> None:
    policies = Policies.load()
    served = {
        (line["register"], policies.of_region(str(row["经办机构区划"])).name)
        for row, line in zip(ALL_ROWS, expected(), strict=True)
        if line["class"] != "in both registers"
    }
    assert served == {(REGISTER_NORTH, "northern"), (REGISTER_SOUTH, "southern")}


def test_most_number_changes_are_pure_upgrades() -> None:
    people = insured()
    roads: Counter[Road] = Counter()
    for row, line in zip(ALL_ROWS, expected(), strict=True):
        record = people.get(str(row["个人编号"]))
        if record is None or line["refused"] or line["matter"] != Kind.id_number_change.value:
            continue
        new = normalise(row["证件号码"]).text
        same_name = record["name"] == row["姓名"]
        roads[classify(str(record["number"]), new, same_name=same_name, held_by_other=False, today=TODAY).road] += 1
    assert roads[Road.pure_upgrade] > sum(roads.values()) * 0.6


def test_priority_groups_and_others_have_claims_suspended_and_benefits_held() -> None:
    people = insured().values()
    for trouble in ("claims", "benefit_holds"):
        assert {record["category"] for record in people if record[trouble]} == {
            "resettled",
            "referred",
            "refund",
            "general",
        }


def test_there_are_permits_abolished_divisions_and_every_reason() -> None:
    numbers = [
        normalise(row["证件号码"]).text for row, line in zip(ALL_ROWS, expected(), strict=True) if not line["refused"]
    ]
    advice = {word for number in numbers for word in validate18(number, TODAY).advice}
    assert advice >= {Advice.RESIDENCE_PERMIT, Advice.FOREIGN_PERMANENT_RESIDENT, Advice.DIVISION_ABOLISHED}
    assert {number[:2] for number in numbers} >= {"81", "82", "83"}
    for rows in ROWS.values():
        assert {row["补换卡原因"] for row in rows} - {None, ""} == {"遗失", "损坏", "到期", "旧代卡", "信息变更"}


def test_registers_are_drawn_the_same_every_time() -> None:
    assert registers() == registers()
