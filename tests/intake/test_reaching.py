"""How applicants want to be reached: the file, and the command that loads it."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from openpyxl import Workbook

from activities.registry.loading import InsuredPerson, load_persons
from activities.registry.pool import Connection, create_pool
from activities.sealing import Field, KeyRing, Sealer
from cases.delivery import Channel, Tongue, fits
from cases.errors import CaseError, Code
from intake.applications import InputRefused
from intake.commands.saying import Exit
from intake.files.preferences import COLUMN_ZH, Column, Row, open_preferences
from stack import LocalStack
from tests.engine import migrated_database
from tests.intake.calling import Run, Said, sample_keys

PHONE, MAIL, WECOM = "19900000001", "person1@example.invalid", "wecombot://synthetic"
SEALER = Sealer(KeyRing.sample())

_registers = count(1)

Cells = dict[Column, Any]
Call = Callable[..., Awaitable[Said]]


def cells(number: str = "P0000001", **more: Any) -> Cells:
    """A row with a phone and a mail address, the mail first."""
    given = {"personal_number": number, "order": "邮件、短信", "sms": PHONE, "mail": MAIL, "language": "中文"} | more
    return {Column(name): value for name, value in given.items()}


def separated(path: Path, rows: list[Cells], *, encoding: str = "utf-8", zh: bool = True) -> Path:
    """A CSV file, with Chinese headings or English ones."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([COLUMN_ZH[column] if zh else column.value for column in Column])
    writer.writerows([[row.get(column, "") for column in Column] for row in rows])
    path.write_bytes(written.getvalue().encode(encoding))
    return path


def workbook(path: Path, rows: list[Cells]) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([COLUMN_ZH[column] for column in Column])
    for row in rows:
        sheet.append([row.get(column) for column in Column])
    book.save(path)
    return path


def json_lines(path: Path, rows: list[Cells]) -> Path:
    lines = [json.dumps({column.value: value for column, value in row.items()}, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def read(path: Path, **how: Any) -> list[Row]:
    with open_preferences(path, **how) as rows:
        return list(rows)


def codes(row: Row) -> set[tuple[str | None, Code]]:
    assert row.applicant is None
    return {(finding.column, Code(finding.code.value)) for finding in row.findings}


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["utf-8", "utf-8-sig", "gb18030", "english", "xlsx", "jsonl"])
def test_a_row_says_who_wants_to_be_reached_where_in_every_form(tmp_path: Path, form: str) -> None:
    rows = [cells(), cells("P0000002", order="", mail="", wecom=WECOM, language="en")]
    match form:
        case "xlsx":
            path = workbook(tmp_path / "file.xlsx", rows)
        case "jsonl":
            path = json_lines(tmp_path / "file.jsonl", rows)
        case "english":
            path = separated(tmp_path / "file.csv", rows, zh=False)
        case encoding:
            path = separated(tmp_path / "file.csv", rows, encoding=encoding)
    first, second = (row.applicant for row in read(path))
    assert first is not None
    assert second is not None
    assert (first.personal_number, first.tongue) == ("P0000001", Tongue.zh)
    assert first.ways == ((Channel.mail, MAIL), (Channel.sms, PHONE))
    assert (second.ways, second.tongue) == (((Channel.sms, PHONE), (Channel.wecom, WECOM)), Tongue.en)


def test_a_channel_that_the_order_leaves_out_comes_after_those_it_names(tmp_path: Path) -> None:
    (row,) = read(separated(tmp_path / "file.csv", [cells(order="wecom", wecom=WECOM)]))
    assert row.applicant is not None
    assert [channel for channel, _ in row.applicant.ways] == [Channel.wecom, Channel.sms, Channel.mail]


def test_a_phone_that_a_spreadsheet_kept_as_a_number_is_read(tmp_path: Path) -> None:
    (row,) = read(workbook(tmp_path / "file.xlsx", [cells(sms=int(PHONE), order="")]))
    assert row.applicant is not None
    assert row.applicant.ways[0] == (Channel.sms, PHONE)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"personal_number": ""}, {("personal_number", Code.FIELD_MISSING)}),
        ({"personal_number": "张三"}, {("personal_number", Code.PERSONAL_NUMBER_INVALID)}),
        ({"sms": "one two"}, {("sms", Code.ADDRESS_INVALID)}),
        ({"mail": "nobody"}, {("mail", Code.ADDRESS_INVALID)}),
        ({"mail": f"{MAIL}\nBcc: x@example.invalid"}, {("mail", Code.ADDRESS_INVALID)}),
        ({"wecom": "https://example.invalid/"}, {("wecom", Code.ADDRESS_INVALID)}),
        ({"order": "飞书"}, {("feishu", Code.FIELD_MISSING)}),
        ({"order": "鸽子"}, {("order", Code.FIELD_INVALID)}),
        ({"order": "短信,短信"}, {("order", Code.FIELD_INVALID)}),
        ({"language": "fr"}, {("language", Code.FIELD_INVALID)}),
        ({"sms": "", "mail": "", "order": ""}, {("order", Code.CONTACT_MISSING)}),
        ({"sms": "x", "mail": "y"}, {("sms", Code.ADDRESS_INVALID), ("mail", Code.ADDRESS_INVALID)}),
    ],
)
def test_what_is_wrong_with_a_row_is_told_by_column_and_code_and_the_others_are_read(
    tmp_path: Path, wrong: dict[str, Any], expected: set[tuple[str | None, Code]]
) -> None:
    rows = read(separated(tmp_path / "file.csv", [cells("P0000008"), cells(**wrong), cells("P0000009")]))
    refused = [row for row in rows if row.applicant is None]
    assert set().union(*map(codes, refused)) == expected
    assert [row.applicant.personal_number for row in rows if row.applicant] == ["P0000008", "P0000009"]


def test_of_somebody_who_stands_there_twice_the_first_row_counts(tmp_path: Path) -> None:
    first, second = read(separated(tmp_path / "file.csv", [cells(), cells(sms="19900000002")]))
    assert first.applicant is not None
    assert codes(second) == {("personal_number", Code.PERSON_REPEATED)}


def test_headings_that_do_not_do_refuse_the_file_before_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("渠道顺序,短信,备注\nsms,1,x\n", encoding="utf-8")
    with pytest.raises(InputRefused) as refused:
        read(path)
    assert {problem.code for problem in refused.value.problems} == {Code.COLUMN_MISSING, Code.COLUMN_UNKNOWN}
    path.write_text(f"个人编号,短信,备注\nP0000001,{PHONE},x\n", encoding="utf-8")
    (row,) = read(path, ignore_unknown=True)
    assert row.applicant is not None
    with pytest.raises(CaseError) as unknown:
        read(tmp_path / "file.doc")
    assert unknown.value.code is Code.FILE_TYPE_UNKNOWN


@pytest.mark.parametrize(
    ("channel", "good", "bad"),
    [
        (Channel.sms, "+8619900000001", "199-0000-0001"),
        (Channel.mail, "a.b+c@example.invalid", "a@b@example.invalid"),
        (Channel.dingtalk, "dingtalk://token", "wecombot://token"),
        (Channel.feishu, "feishu://token", "feishu://to ken"),
        (Channel.webhook, "jsons://hooks.example.invalid/1", "file:///etc/passwd"),
    ],
)
def test_an_address_has_the_form_of_its_channel(channel: Channel, good: str, bad: str) -> None:
    assert (fits(channel, good), fits(channel, bad), fits(channel, f"{good}\n")) == (True, False, False)


# --- the command ----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def register(
    run: Run, stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connection]:
    """A register that knows three people, for a command line whose environment is empty otherwise."""
    del run  # it emptied the environment, and has to come first
    url = await migrated_database(stack, f"reaching_{next(_registers)}")
    pool = await create_pool(url, size=2)
    people = [
        InsuredPerson(
            personal_number=f"P000000{number}", source_version=1, name="合成人", phone="19900009999", region="110105"
        )
        for number in (1, 2, 3)
    ]
    await load_persons(pool, SEALER, people)
    await pool.close()
    monkeypatch.setenv("CARDCASE_DATABASE_URL", url)
    monkeypatch.setenv("CARDCASE_KEY_FILE", str(sample_keys(tmp_path)))
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
def call(run: Run) -> Call:
    async def called(*arguments: str | Path) -> Said:
        return await asyncio.to_thread(run, "contacts", *arguments, "-o", "json")

    return called


Ways = list[tuple[str, str, str, bool]]


async def ways_of(register: Connection, number: str) -> Ways:
    """Channel, address, language and validity, the preferred first."""
    person = SEALER.person_token(number)
    rows = await register.fetch(
        "SELECT channel, address, language, valid FROM contacts WHERE person = $1 ORDER BY rank", person
    )
    return [
        (
            row["channel"],
            SEALER.open(row["address"], field=Field.phone if row["channel"] == "sms" else Field.address, person=person),
            row["language"],
            row["valid"],
        )
        for row in rows
    ]


def counts(said: Said) -> tuple[int, int, int]:
    return said.json["changed"], said.json["unchanged"], said.json["refused"]


async def test_addresses_are_kept_sealed_in_the_order_that_is_wished_for(
    register: Connection, call: Call, tmp_path: Path
) -> None:
    file = separated(tmp_path / "file.csv", [cells(), cells("P0000002", order="短信")], encoding="gb18030")
    assert counts(await call(file, "--dry-run")) == (2, 0, 0)
    assert await register.fetchval("SELECT count(*) FROM contacts") == 0
    said = await call(file)
    assert (said.exit, counts(said)) == (Exit.fine, (2, 0, 0))
    assert await ways_of(register, "P0000001") == [("mail", MAIL, "zh", True), ("sms", PHONE, "zh", True)]
    assert [way[0] for way in await ways_of(register, "P0000002")] == ["sms", "mail"]
    stored = await register.fetchval("SELECT string_agg(contacts::text, ' ') FROM contacts")
    for value in (PHONE, MAIL, "P0000001"):
        assert value not in stored
        assert value not in said.out + said.err


async def test_repeating_a_file_changes_nothing_and_brings_no_bounced_address_back(
    register: Connection, call: Call, tmp_path: Path
) -> None:
    file = separated(tmp_path / "file.csv", [cells()])
    await call(file)
    await register.execute("UPDATE contacts SET valid = false WHERE channel = 'mail'")
    before = await register.fetch("SELECT * FROM contacts ORDER BY channel")
    assert counts(await call(file)) == (0, 1, 0)
    assert await register.fetch("SELECT * FROM contacts ORDER BY channel") == before
    corrected = separated(tmp_path / "corrected.csv", [cells(mail="person2@example.invalid", language="en")])
    assert counts(await call(corrected)) == (1, 0, 0)
    assert await ways_of(register, "P0000001") == [
        ("mail", "person2@example.invalid", "en", True),
        ("sms", PHONE, "en", True),
    ]


async def test_whoever_is_in_the_file_keeps_no_other_way_and_whoever_is_not_keeps_all(
    register: Connection, call: Call, tmp_path: Path
) -> None:
    await call(separated(tmp_path / "first.csv", [cells(), cells("P0000002")]))
    # The register's phone bounced: if that were forgotten, it would be used anew.
    await register.execute("UPDATE contacts SET valid = false WHERE channel = 'sms'")
    await call(separated(tmp_path / "second.csv", [cells(sms="", mail="", wecom=WECOM, order="")]))
    assert {(way[0], way[3]) for way in await ways_of(register, "P0000001")} == {("wecom", True), ("sms", False)}
    assert [way[0] for way in await ways_of(register, "P0000002")] == ["mail", "sms"]


async def test_rows_that_are_wrong_are_reported_without_values_and_the_others_go_through(
    register: Connection, call: Call, tmp_path: Path
) -> None:
    rows = [cells(), cells("P0000002", mail="nobody"), cells("P0000404"), cells(), cells("P0000003")]
    file, errors = separated(tmp_path / "file.csv", rows), tmp_path / "errors.csv"
    said = await call(file, "--errors", errors)
    assert (said.exit, counts(said)) == (Exit.data, (2, 0, 3))
    expected = [(3, "mail", "ADDRESS_INVALID"), (5, "personal_number", "PERSON_REPEATED")]
    found = [(row["row"], row["column"], row["code"]) for row in said.json["rows"]]
    assert found == [*expected, (4, "personal_number", "PERSON_UNKNOWN")]
    written = errors.read_text(encoding="utf-8-sig")
    assert [line.partition(",")[0] for line in written.splitlines()] == ["row", "3", "5", "4"]
    for value in (PHONE, MAIL, "P0000404", "nobody"):
        assert value not in written + said.out + said.err
    assert await register.fetchval("SELECT count(DISTINCT person) FROM contacts") == 2
