"""The directory as a reviewed file, and the commands about it."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from openpyxl import Workbook

from activities.sealing import Field, KeyRing, Sealer
from activities.supervision.contacts import StaffContact
from cases.delivery import Channel, Tongue
from cases.errors import CaseError, Code
from intake.applications import InputRefused
from intake.commands.saying import Exit
from intake.files.contacts import read_contacts
from intake.files.directory import COLUMN_ZH, DUTY_ZH, LEVEL_ZH, Column, read_directory
from samples.generate import CONTACTS, DIRECTORY, FOLDER
from samples.offices import directory
from stack import LocalStack
from tests.engine import created_database, migrated_database
from tests.intake.calling import Run, Said, sample_keys

WHOLE = directory()
SAMPLE = FOLDER / DIRECTORY

Cells = dict[Column, Any]
Write = Callable[[Path, list[Cells]], Path]
Call = Callable[..., Awaitable[Said]]


def cells() -> list[Cells]:
    """The sample directory as rows of a table, in Chinese words."""
    offices = [
        {
            Column.office: office.code,
            Column.level: LEVEL_ZH[office.level],
            Column.parent: office.parent or "",
            Column.name: office.name,
            Column.address: office.address or "",
            Column.hours: office.hours or "",
            Column.phone: office.phone or "",
        }
        for office in WHOLE.offices
    ]
    posts = [
        {
            Column.office: post.office,
            Column.role: DUTY_ZH[post.role],
            Column.staff: post.staff,
            Column.rank: str(post.rank),
        }
        for post in WHOLE.posts
    ]
    return [*offices, *posts]


def lines(table: list[Cells]) -> list[list[Any]]:
    return [[COLUMN_ZH[column] for column in Column], *([row.get(column, "") for column in Column] for row in table)]


def write_csv(folder: Path, table: list[Cells], *, encoding: str = "gb18030") -> Path:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines(table))
    path = folder / "directory.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def write_xlsx(folder: Path, table: list[Cells]) -> Path:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("机构目录")
    for line in lines(table):
        sheet.append(line)
    path = folder / "directory.xlsx"
    book.save(path)
    return path


def write_toml(folder: Path, text: str) -> Path:
    path = folder / "directory.toml"
    path.write_text(text, encoding="utf-8")
    return path


def findings(path: Path) -> set[tuple[int, str | None, str]]:
    return {(finding.row, finding.column, finding.code.value) for finding in read_directory(path).findings}


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_sample_is_read_without_a_finding() -> None:
    read = read_directory(SAMPLE)
    assert read.directory == WHOLE
    assert read.findings == ()


@pytest.mark.parametrize("write", [write_csv, write_xlsx])
def test_a_table_says_the_same_as_toml(tmp_path: Path, write: Write) -> None:
    read = read_directory(write(tmp_path, cells()))
    assert read.findings == ()
    assert read.directory == WHOLE


def test_codes_that_a_spreadsheet_keeps_as_numbers_are_read(tmp_path: Path) -> None:
    table = cells()
    for row in table:
        for column in (Column.office, Column.parent, Column.rank):
            if row.get(column):
                row[column] = float(row[column])
    assert read_directory(write_xlsx(tmp_path, table)).directory == WHOLE


def test_english_words_and_utf_8_are_read_as_well(tmp_path: Path) -> None:
    path = write_csv(tmp_path, cells(), encoding="utf-8-sig")
    text = path.read_text(encoding="utf-8-sig")
    words = {**{zh: column.value for column, zh in COLUMN_ZH.items()}}
    words |= {zh: level.value for level, zh in LEVEL_ZH.items()} | {zh: duty.value for duty, zh in DUTY_ZH.items()}
    headings, _, rest = text.partition("\n")
    for zh, word in words.items():
        headings = ",".join(word if heading.strip() == zh else heading for heading in headings.split(","))
        rest = rest.replace(f",{zh},", f",{word},")
    path.write_text(f"{headings}\n{rest}", encoding="utf-8")
    assert read_directory(path).directory == WHOLE


@pytest.mark.parametrize("write", [write_csv, write_xlsx])
def test_everything_that_is_wrong_is_told_at_once_by_row_and_column(tmp_path: Path, write: Write) -> None:
    table = cells()
    offices = len(WHOLE.offices)
    table[1][Column.level] = "区级"
    table[2][Column.parent] = ""
    table[3][Column.name] = "11010519491231002X"
    table[4][Column.staff] = "clerk-x"
    table[offices][Column.rank] = "first"
    table[offices + 1][Column.absent_from] = "2026/8/1"
    table[offices + 2][Column.absent_to] = "2026-08-09"
    table[offices + 3][Column.name] = "经办机构"
    table[offices + 4][Column.staff] = "张三"
    path = write(tmp_path, table)
    first = offices + 2
    assert findings(path) == {
        (3, "level", "FIELD_INVALID"),
        (4, "parent", "OFFICE_PARENT_WRONG"),
        (5, "name", "PII_IN_TEXT"),
        *((6, column, "FIELD_UNKNOWN") for column in ("level", "parent", "name")),
        (6, "role", "FIELD_MISSING"),
        (first, "rank", "FIELD_INVALID"),
        (first + 1, "absent_from", "DATE_INVALID"),
        (first + 2, "absent_to", "DATE_INVALID"),
        (first + 3, "name", "FIELD_UNKNOWN"),
        (first + 4, "staff", "FIELD_INVALID"),
    }


def test_what_is_wrong_in_toml_is_told_by_its_array(tmp_path: Path) -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    text = text.replace('level = "ministry"', 'level = "state"', 1).replace("rank = 0", "rank = -1", 1)
    text += '\n[[posts]]\noffice = "110105"\nrole = "clerk"\nstaff = "clerk-110105-3"\nabsent_from = 2026-13-01\n'
    with pytest.raises(CaseError) as unreadable:
        read_directory(write_toml(tmp_path, text))
    assert unreadable.value.code is Code.FILE_UNREADABLE
    text = text.replace("2026-13-01", "2026-12-01T00:00:00")
    assert findings(write_toml(tmp_path, f"{text}\n[[notes]]\n")) == {
        (0, None, "FIELD_UNKNOWN"),
        (1, "offices.level", "FIELD_INVALID"),
        (1, "posts.rank", "FIELD_INVALID"),
        (len(WHOLE.posts) + 1, "posts.absent_from", "DATE_INVALID"),
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {(0, "offices", "FIELD_MISSING")}),
        ("offices = 1", {(0, "offices", "FIELD_INVALID"), (0, "offices", "FIELD_MISSING")}),
        ("offices = [1]", {(0, "offices", "FIELD_INVALID"), (0, "offices", "FIELD_MISSING")}),
    ],
)
def test_a_directory_without_offices_is_refused(tmp_path: Path, text: str, found: set[Any]) -> None:
    assert findings(write_toml(tmp_path, text)) == found


@pytest.mark.parametrize("text", ["[[offices", "x = " + "[" * 5000, "\ud7ff".encode("utf-16").decode("latin-1")])
def test_what_is_no_toml_is_refused_by_code(tmp_path: Path, text: str) -> None:
    with pytest.raises(CaseError) as refused:
        read_directory(write_toml(tmp_path, text))
    assert refused.value.code is Code.FILE_UNREADABLE


def test_a_file_that_is_too_large_is_not_taken_for_half_a_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    first = text.index("[[posts]]", text.index("[[posts]]") + 1)
    monkeypatch.setattr("intake.files.directory.LARGEST", len(text[:first].encode()))
    with pytest.raises(CaseError) as refused:
        read_directory(SAMPLE)
    assert refused.value.code is Code.FILE_UNREADABLE


def test_a_table_without_a_needed_column_is_refused_before_its_rows(tmp_path: Path) -> None:
    path = write_csv(tmp_path, cells())
    path.write_bytes(path.read_bytes().replace("工号".encode("gb18030"), "电话".encode("gb18030")))
    with pytest.raises(InputRefused) as refused:
        read_directory(path)
    assert {problem.code for problem in refused.value.problems} == {Code.COLUMN_MISSING, Code.COLUMN_UNKNOWN}


def test_a_file_of_another_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError) as refused:
        read_directory(tmp_path / "directory.json")
    assert refused.value.code is Code.FILE_TYPE_UNKNOWN


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(stack: LocalStack) -> str:
    return await migrated_database(stack, "staffing")


@pytest_asyncio.fixture
async def call(run: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Call]:
    monkeypatch.setattr("intake.commands.upkeep.configure_logging", lambda *_: None)
    monkeypatch.setenv("CARDCASE_DATABASE_URL", url)
    monkeypatch.setenv("CARDCASE_KEY_FILE", str(sample_keys(tmp_path)))

    async def in_a_thread(*arguments: str | Path) -> Said:
        return await asyncio.to_thread(run, *arguments)

    yield in_a_thread


@pytest.fixture
def keys() -> Sealer:
    return Sealer(KeyRing.sample())


async def rows(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch("SELECT * FROM staff_contacts ORDER BY staff, channel")
    finally:
        await connection.close()


async def test_a_directory_is_loaded_once_and_shown(call: Call) -> None:
    foreseen = await call("directory", "load", "--dry-run", SAMPLE, "-o", "json")
    loaded = await call("directory", "load", SAMPLE, "-o", "json")
    assert foreseen.json == loaded.json
    assert [(each["entries"], each["added"]) for each in loaded.json] == [
        ("offices", len(WHOLE.offices)),
        ("posts", len(WHOLE.posts)),
        ("bearers", 0),
    ]
    again = await call("directory", "load", SAMPLE, "-o", "json")
    assert [(each["added"], each["changed"], each["removed"]) for each in again.json] == [(0, 0, 0)] * 3
    shown = await call("directory", "show", "-o", "jsonl")
    assert len(shown.lines) == len(WHOLE.offices) + len(WHOLE.posts)
    assert "supervisor-130100-1" in (await call("directory", "show")).out


async def test_who_may_decide_as_what_is_loaded_with_the_directory_and_shown(call: Call, tmp_path: Path) -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    bearer = '[[bearers]]\noffice = "110105"\nrole = "officer"\nstaff = "officer-110105-1"\n'
    loaded = await call("directory", "load", write_toml(tmp_path, f"{text}\n{bearer}"), "-o", "json")
    assert [each["added"] for each in loaded.json if each["entries"] == "bearers"] == [1]
    shown = (await call("directory", "show", "-o", "jsonl")).lines
    assert [each for each in shown if each.get("role") == "officer"] == [
        {"office": "110105", "role": "officer", "staff": "officer-110105-1"}
    ]
    for wrong in (bearer.replace("110105", "990000"), bearer.replace('"officer"', '"king"')):
        assert (await call("directory", "load", write_toml(tmp_path, f"{text}\n{wrong}"))).exit == Exit.data
    gone = await call("directory", "load", SAMPLE, "-o", "json")
    assert [each["removed"] for each in gone.json] == [0, 0, 1]


async def test_who_is_told_about_an_agency_is_shown_level_by_level(call: Call) -> None:
    await call("directory", "load", SAMPLE)
    told = (await call("directory", "show", "130102", "-o", "jsonl")).lines
    assert [(each["recipient"], each["office"], each["staff"]) for each in told if each["rank"] == 0] == [
        ("clerk", "130102", "clerk-130102-1"),
        ("team_lead", "130102", "team-lead-130102-1"),
        ("agency_supervisor", "130102", "supervisor-130102-1"),
        ("municipal", "130100", "supervisor-130100-1"),
        ("municipal_head", "130100", "head-130100-1"),
        ("provincial", "130000", "supervisor-130000-1"),
        ("ministry", "100000", "supervisor-100000-1"),
    ]
    unknown = await call("directory", "show", "990000")
    assert (unknown.exit, unknown.out) == (Exit.data, "")
    assert "OFFICE_UNKNOWN" in unknown.err


async def test_a_faulty_file_changes_nothing_and_repeats_no_value(call: Call, tmp_path: Path) -> None:
    await call("directory", "load", SAMPLE)
    planted = "110105194912310021"
    text = SAMPLE.read_text(encoding="utf-8").replace('staff = "clerk-110105-1"', f'staff = "{planted}"')
    refused = await call("directory", "load", write_toml(tmp_path, text), "-o", "json")
    assert refused.exit == Exit.data
    assert [(each["column"], each["code"]) for each in refused.json] == [("posts.staff", "FIELD_INVALID")]
    assert planted not in refused.out + refused.err
    again = await call("directory", "load", SAMPLE, "-o", "json")
    assert not any(each[done] for each in again.json for done in ("added", "changed", "removed"))


async def test_contacts_are_loaded_once_and_sealed(call: Call, url: str, keys: Sealer) -> None:
    await call("directory", "load", SAMPLE)
    foreseen = (await call("directory", "contacts", "--dry-run", FOLDER / CONTACTS, "-o", "json")).json
    staff = {post.staff for post in WHOLE.posts}
    assert (foreseen["added"], set(foreseen["unreachable"])) == (len(staff), staff)
    loaded = (await call("directory", "contacts", FOLDER / CONTACTS, "-o", "json")).json
    assert (loaded["added"], loaded["unreachable"]) == (len(staff), [])
    before = await rows(url)
    again = (await call("directory", "contacts", FOLDER / CONTACTS, "-o", "json")).json
    assert (again["added"], again["changed"], again["removed"], again["unchanged"]) == (0, 0, 0, len(staff))
    assert await rows(url) == before
    for row in before:
        opened = keys.open(row["address"], field=Field.address, person=row["staff"])
        assert opened == f"{row['staff']}@example.invalid"


async def test_only_a_contact_that_differs_is_written(call: Call, url: str, tmp_path: Path) -> None:
    await call("directory", "contacts", FOLDER / CONTACTS)
    before = {row["staff"]: row for row in await rows(url)}
    text = (FOLDER / CONTACTS).read_text(encoding="utf-8")
    text = text.replace("clerk-110105-1@example.invalid", "elsewhere@example.invalid")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("clerk-110105-2,"))
    path = tmp_path / "contacts.csv"
    path.write_text(f"{text}clerk-110105-1,短信,19900000000,1,英文\n", encoding="utf-8")
    replaced = (await call("directory", "contacts", path, "-o", "json")).json
    assert (replaced["added"], replaced["changed"], replaced["removed"]) == (1, 1, 1)
    assert replaced["unreachable"] == ["clerk-110105-2"]
    kept = [row for row in await rows(url) if before.get(row["staff"]) == row]
    assert len(kept) == len(before) - 2


async def test_what_was_sealed_under_a_key_that_is_gone_is_sealed_anew(
    call: Call, url: str, keys: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other-keys.toml"
    KeyRing.generate(other)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("CARDCASE_KEY_FILE", str(other))
        await call("directory", "contacts", FOLDER / CONTACTS)
    replaced = (await call("directory", "contacts", FOLDER / CONTACTS, "-o", "json")).json
    staff = {post.staff for post in WHOLE.posts}
    assert (replaced["changed"], replaced["unchanged"]) == (len(staff), 0)
    for row in await rows(url):
        assert keys.open(row["address"], field=Field.address, person=row["staff"])


async def test_faulty_contacts_change_nothing_and_no_address_is_repeated(call: Call, url: str, tmp_path: Path) -> None:
    await call("directory", "contacts", FOLDER / CONTACTS)
    before = await rows(url)
    planted = "19912345678"
    path = tmp_path / "contacts.csv"
    path.write_text(
        f"工号,渠道,地址\nclerk-1,传真,{planted}\n李四,短信,{planted}\nclerk-2,短信,{planted} {planted}\n"
        f"clerk-3,短信,\nclerk-4,短信,{planted}\nclerk-4,短信,{planted}\n",
        encoding="utf-8",
    )
    refused = await call("directory", "contacts", path, "-o", "json")
    assert refused.exit == Exit.data
    assert [(each["row"], each["column"], each["code"]) for each in refused.json] == [
        (2, "channel", "FIELD_INVALID"),
        (3, "staff", "FIELD_INVALID"),
        (4, "address", "ADDRESS_INVALID"),
        (5, "address", "FIELD_MISSING"),
        (7, "channel", "CONTACT_REPEATED"),
    ]
    assert planted not in refused.out + refused.err
    assert await rows(url) == before


def test_a_phone_that_a_spreadsheet_keeps_as_a_number_is_read(tmp_path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("联系方式")
    sheet.append(["staff", "channel", "address", "rank", "language"])
    sheet.append(["clerk-1", "sms", 19900000000, 1, "en"])
    path = tmp_path / "contacts.xlsx"
    book.save(path)
    (contact,) = read_contacts(path).contacts
    assert contact == StaffContact(
        staff="clerk-1", channel=Channel.sms, address="19900000000", rank=1, language=Tongue.en
    )
    assert "19900000000" not in repr(contact)


def test_a_file_is_checked_without_a_register(run: Run) -> None:
    assert run("directory", "load", "--check", SAMPLE).exit == Exit.fine


async def test_a_register_that_is_away_or_of_another_release_is_told_apart(
    call: Call, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDCASE_DATABASE_URL", await created_database(stack, "staffing_empty"))
    assert (await call("directory", "show")).exit == Exit.configuration
    monkeypatch.setenv("CARDCASE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert (await call("directory", "show")).exit == Exit.unavailable
    monkeypatch.delenv("CARDCASE_DATABASE_URL")
    assert (await call("directory", "show")).exit == Exit.configuration
