"""Write the sample files: `python -m samples.generate`. The same code writes the same bytes, always and everywhere."""

import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from cases.documents import DocumentKind
from cases.facts import HandOver
from cases.kinds import KINDS
from cases.models import Category
from cases.openings import ApplicationChannel, ReplacementReason
from cases.submitters import SubmitterKind
from samples.classes import CATALOGUE, Application, Sample, pure_upgrade
from samples.offices import as_toml, contacts, directory
from samples.people import NORTH, SOUTH, Inventor, Office, Paper, Person

FOLDER: Final = Path(__file__).parent
REGISTER_NORTH: Final = "register-north.xlsx"
REGISTER_SOUTH: Final = "register-south.csv"
INSURED: Final = "insured.jsonl"
EXPECTED: Final = "expected.csv"
DIRECTORY: Final = "directory.toml"
CONTACTS: Final = "staff-contacts.csv"

PEOPLE: Final = {NORTH: 190, SOUTH: 130}
"""How many persons of its own each register holds."""
_SEEDS: Final = {NORTH: 11643, SOUTH: 18030}

COLUMNS: Final = (
    "个人编号",
    "姓名",
    "申请事项",
    "原证件号码",
    "证件号码",
    "手机号",
    "经办机构区划",
    "人员类别",
    "补换卡原因",
    "材料清单",
    "受理人",
    "申请渠道",
    "提交人类型",
    "提交人证件号码",
    "授权材料摘要",
    "授权有效期至",
    "领卡方式",
    "备注",
)
_CATEGORIES: Final = {
    Category.resettled: "异地安置",
    Category.referred: "转诊",
    Category.refund: "医保退款",
    Category.general: "一般",
}
_REASONS: Final = {
    ReplacementReason.lost: "遗失",
    ReplacementReason.damaged: "损坏",
    ReplacementReason.expired: "到期",
    ReplacementReason.old_generation: "旧代卡",
    ReplacementReason.data_changed: "信息变更",
}
_PAPERS: Final = {
    DocumentKind.resident_id_card: "居民身份证",
    DocumentKind.temporary_id_card: "临时居民身份证",
    DocumentKind.police_certificate: "公安机关证明",
    DocumentKind.court_certificate: "法院证明",
    DocumentKind.residence_permit: "港澳台居民居住证",
    DocumentKind.loss_declaration: "遗失声明",
    DocumentKind.old_card: "旧卡",
    DocumentKind.proxy_authorisation: "委托书",
    DocumentKind.guardianship_certificate: "监护关系证明",
    DocumentKind.photograph: "照片",
}

_CHANNELS: Final = {
    ApplicationChannel.online: "网上",
    ApplicationChannel.counter: "",
    ApplicationChannel.terminal: "自助终端",
    ApplicationChannel.bank: "银行网点",
    ApplicationChannel.agent: "代办",
    ApplicationChannel.guardian: "监护人代办",
}
_SUBMITTERS: Final = {
    SubmitterKind.staff: "",
    SubmitterKind.applicant: "申请人本人",
    SubmitterKind.agent: "代办人",
    SubmitterKind.guardian: "监护人",
}
_DELIVERIES: Final = {None: "", HandOver.counter: "柜台领取", HandOver.post: "邮寄"}
_AUTHORITY_UNTIL: Final = "2035-12-31"

EXPECTED_COLUMNS: Final = (
    "register",
    "row",
    "personal_number",
    "matter",
    "class",
    "script",
    "status",
    "milestone",
    "reason",
    "refused",
    "after",
)
FIRST_ROW: Final = 2
"""Rows are counted as a spreadsheet shows them: the headings are row 1."""


def registers() -> tuple[list[Sample], list[Sample]]:
    """The rows of both registers. One person of the north was put on the southern list as well, word for word."""
    north, south = _register(NORTH), _register(SOUTH)
    twice = next(sample for sample in north if sample.words == "pure upgrade")
    twice.words = "in both registers"
    return north, [*south, replace(twice, insured=[])]


def _register(office: Office) -> list[Sample]:
    """The rows of one register, in the order in which people happened to come."""
    inventor = Inventor(office, _SEEDS[office])
    drawn: list[list[Sample]] = []
    for entry in CATALOGUE:
        times = entry.north if office is NORTH else entry.south
        drawn += [entry.make(inventor) for _ in range(times)]
    while len(_persons(drawn)) < PEOPLE[office]:
        drawn.append(pure_upgrade(inventor))
    return [sample for together in inventor.shuffled(drawn) for sample in together]


def _persons(drawn: Iterable[Iterable[Sample]]) -> set[str]:
    return {sample.application.personal_number for together in drawn for sample in together}


def generate() -> dict[str, bytes]:
    """All files: name to content."""
    north, south = registers()
    return {
        REGISTER_NORTH: _workbook(north),
        REGISTER_SOUTH: _csv([COLUMNS, *map(_cells, south)], "gb18030", "\r\n"),
        DIRECTORY: as_toml(directory()),
        CONTACTS: _csv(contacts(directory()), "utf-8", "\n"),
        INSURED: _json_lines(person for sample in (*north, *south) for person in sample.insured),
        EXPECTED: _csv(
            [EXPECTED_COLUMNS, *_expected(REGISTER_NORTH, north), *_expected(REGISTER_SOUTH, south)], "utf-8", "\n"
        ),
    }


def _cells(sample: Sample) -> tuple[str | float, ...]:
    application: Application = sample.application
    return (
        application.personal_number,
        application.name,
        KINDS[application.kind].zh,
        application.old_number,
        application.number,
        application.phone,
        application.region,
        _CATEGORIES[application.category],
        _REASONS[application.reason] if application.reason is not None else "",
        ";".join(map(_paper, application.papers)),
        application.clerk,
        _CHANNELS[application.channel],
        _SUBMITTERS[application.submitter],
        application.submitter_number,
        application.authority,
        _AUTHORITY_UNTIL if application.authority else "",
        _DELIVERIES[application.delivery],
        application.remark,
    )


def _paper(paper: Paper) -> str:
    return "|".join((_PAPERS[paper.kind], paper.uri, paper.media_type, str(paper.size), paper.sha256))


def _expected(file: str, samples: Iterable[Sample]) -> Iterable[tuple[str, ...]]:
    for row, sample in enumerate(samples, start=FIRST_ROW):
        ending = sample.ending
        yield (
            file,
            str(row),
            sample.application.personal_number,
            sample.application.kind.value,
            sample.words,
            sample.script,
            ending.status.value if ending is not None else "",
            ending.milestone.value if ending is not None else "",
            ending.reason.value if ending is not None and ending.reason is not None else "",
            sample.refused.value if sample.refused is not None else "",
            sample.after.value if sample.after is not None else "",
        )


def _csv(rows: Iterable[Iterable[str | float]], encoding: str, line_end: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end).writerows(rows)
    return text.getvalue().encode(encoding)


def _json_lines(people: Iterable[Person]) -> bytes:
    ordered = sorted(people, key=lambda person: person.personal_number)
    return b"".join(json.dumps(_record(person), ensure_ascii=False).encode() + b"\n" for person in ordered)


def _record(person: Person) -> dict[str, object]:
    return {
        "personal_number": person.personal_number,
        "source_version": 1,
        "name": person.name,
        "phone": person.phone,
        "number": person.number,
        "past_numbers": person.past_numbers,
        "region": person.region,
        "category": person.category.value,
        "died_on": person.died_on.isoformat() if person.died_on is not None else None,
        "draws_pension": person.draws_pension,
        "cards": person.cards,
        "claims": person.claims,
        "benefit_holds": person.benefit_holds,
        "contributions": person.contributions,
        "balances": person.balances,
    }


# --- workbook --------------------------------------------------------------------------------------------------------

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest moment that a ZIP entry can bear."""
_PROPERTIES: Final = "docProps/core.xml"


def _workbook(samples: Iterable[Sample]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("登记表")
    sheet.freeze_panes = "A2"
    headings = [WriteOnlyCell(sheet, heading) for heading in COLUMNS]
    for heading in headings:
        heading.font = Font(bold=True)
    sheet.append(headings)
    for sample in samples:
        sheet.append([cell if cell != "" else None for cell in _cells(sample)])
    written = io.BytesIO()
    book.save(written)
    return _without_time(written.getvalue())


def _without_time(workbook: bytes) -> bytes:
    """The same workbook without the moment of writing, stored uncompressed: compressors differ between machines."""
    still = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as moving, zipfile.ZipFile(still, "w", zipfile.ZIP_STORED) as archive:
        for name in moving.namelist():
            content = moving.read(name)
            if name == _PROPERTIES:
                content = _CORE
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return still.getvalue()


_CORE: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>合成数据</dc:title></cp:coreProperties>'
).encode()


def main() -> int:
    """Write the files beside this module."""
    for name, content in generate().items():
        (FOLDER / name).write_bytes(content)
        sys.stdout.write(f"{name} {len(content)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
