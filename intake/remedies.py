"""Words for everything that intake reports: refusals, advice to a clerk, and what was noticed about a file."""

from enum import StrEnum
from typing import Final

from cases.errors import REMEDIES, Advice, Code, Remedy


class FileAdvice(StrEnum):
    """What was noticed about a file; never a refusal."""

    ROW_HIDDEN = "ROW_HIDDEN"
    SHEETS_NOT_READ = "SHEETS_NOT_READ"
    COLUMN_IGNORED = "COLUMN_IGNORED"


Reported = Code | Advice | FileAdvice
REPORTED: Final[dict[str, Reported]] = {each.value: each for kind in (Code, Advice, FileAdvice) for each in kind}
"""All of them by their names."""

_ADVICE: Final[dict[Advice | FileAdvice, Remedy]] = {
    Advice.DIVISION_UNKNOWN: Remedy(
        "The number's division code is not in the standard. Compare with the ID card.",
        "号码中的行政区划代码不在国家标准中，请对照身份证核对。",
    ),
    Advice.DIVISION_ABOLISHED: Remedy(
        "The number's division was abolished, which is common. Nothing to do.", "号码中的行政区划已撤销，属常见情形。"
    ),
    Advice.DIVISION_NEWER_THAN_BIRTH: Remedy(
        "The number's division is younger than its holder. Compare with the ID card.",
        "号码中的行政区划晚于出生年份，请对照身份证核对。",
    ),
    Advice.RESIDENCE_PERMIT: Remedy(
        "The number is that of a residence permit of a Hong Kong, Macao or Taiwan resident.",
        "该号码为港澳台居民居住证号码。",
    ),
    Advice.FOREIGN_PERMANENT_RESIDENT: Remedy(
        "The number is that of a foreigner's permanent residence card.", "该号码为外国人永久居留身份证号码。"
    ),
    Advice.AGE_OVER_130: Remedy(
        "By the number its holder is older than 130. Look at it.", "按号码推算年龄超过130岁，请核对。"
    ),
    Advice.FULL_WIDTH_NORMALISED: Remedy(
        "The number was typed in full-width characters; it was read all the same.", "号码含全角字符，已转换为半角。"
    ),
    Advice.LOWER_CASE_X: Remedy(
        "The number ends in a lower-case x; it is kept as X.", "号码末位为小写x，已改为大写X。"
    ),
    Advice.PRIVATE_USE_CHARACTERS: Remedy(
        "The name holds characters of an old system's own. Compare with the ID card.",
        "姓名含旧系统自造字，请对照身份证核对。",
    ),
    FileAdvice.ROW_HIDDEN: Remedy(
        "The row is hidden in the sheet and was read all the same. Delete it if it is not meant.",
        "该行在表中被隐藏，但仍已读取；如不需要请删除。",
    ),
    FileAdvice.SHEETS_NOT_READ: Remedy(
        "The workbook has further sheets; only one was read. Name another with --sheet.",
        "工作簿含多个工作表，只读取其中一个；可用 --sheet 指定。",
    ),
    FileAdvice.COLUMN_IGNORED: Remedy("The column is not known and was ignored.", "该列未知，已忽略。"),
}


def remedy_of(reported: Reported) -> Remedy:
    """What happened and what to do."""
    return REMEDIES[reported] if isinstance(reported, Code) else _ADVICE[reported]
