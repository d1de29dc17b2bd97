"""Words for everything that intake reports: refusals, advice to a clerk, and what was noticed about a file.

What is to be done depends on who reads it: a program that comes over HTTP has no options, settings or log of ours.
"""

from enum import StrEnum
from typing import Final

from cases.errors import REMEDIES, Advice, Code, Remedy


class FileAdvice(StrEnum):
    """What was noticed about a file; never a refusal."""

    ROW_HIDDEN = "ROW_HIDDEN"
    SHEETS_NOT_READ = "SHEETS_NOT_READ"
    COLUMN_IGNORED = "COLUMN_IGNORED"
    HEADINGS_BELOW = "HEADINGS_BELOW"
    CELLS_AS_SHOWN = "CELLS_AS_SHOWN"
    CELL_CLEANED = "CELL_CLEANED"
    MAY_BE_ROUNDED = "MAY_BE_ROUNDED"


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
    FileAdvice.HEADINGS_BELOW: Remedy(
        "The headings were found in this row; what stands above was not read.", "表头位于该行，其上方内容未读取。"
    ),
    FileAdvice.CELLS_AS_SHOWN: Remedy(
        "In this format neither formulas, errors in cells nor hidden rows are told; all is read as it is shown. If in "
        "doubt save it as .xlsx.",
        "该格式无法识别公式、错误值和隐藏行，均按显示内容读取；如有疑问请另存为 .xlsx 再提交。",
    ),
    FileAdvice.CELL_CLEANED: Remedy(
        "An apostrophe or an invisible character around the value was dropped.", "已去除内容首尾的撇号或不可见字符。"
    ),
    FileAdvice.MAY_BE_ROUNDED: Remedy(
        "The number is valid and ends in 000, as one that a spreadsheet rounded does. Compare with the ID card.",
        "号码校验通过但以000结尾，可能被表格软件截断，请对照身份证核对。",
    ),
}


OURS: Final = (
    Code.STAMP_MISSING,
    Code.STAMP_INVALID,
    Code.SEAL_BROKEN,
    Code.KEY_UNKNOWN,
    Code.PAYLOAD_UNSEALED,
    Code.PAYLOAD_MISPLACED,
    Code.PAYLOAD_DOWNGRADED,
    Code.CONFIGURATION_INVALID,
    Code.POLICY_INVALID,
    Code.SCHEMA_MISMATCH,
    Code.TEMPLATE_INVALID,
)
"""What is wrong with the service itself: whoever comes over HTTP can do nothing about it."""
_WHOEVER_RUNS_US: Final = Remedy(
    "Something is wrong with the service, and not with what was sent. Report the code to whoever runs it.",
    "系统配置或运行异常，与所提交内容无关，请将此代码报告系统运行人员。",
)
_OVER_HTTP: Final[dict[Reported, Remedy]] = {
    Code.FIELD_INVALID: Remedy(
        "A field or a parameter has a wrong type or value. The interface description has its form.",
        "字段或参数的类型或取值有误，请参照接口说明更正。",
    ),
    Code.FIELD_UNKNOWN: Remedy(
        "A field or a parameter is not known here. Remove it or correct its name.", "有未知字段或参数，请删除或更正。"
    ),
    Code.NOT_THE_APPLICANT: Remedy(
        "Whoever speaks as the applicant is not the person of this case. Name who speaks, in `on_behalf`.",
        "以申请人身份办理的不是本案申请人，请在 on_behalf 中填写办理人。",
    ),
    Code.IDENTITY_MISSING: Remedy(
        "The request has no access token. Get one at the identity provider, and send it as `Authorization: Bearer`.",
        "请求未携带访问令牌，请向身份认证服务申请令牌，并以 Authorization: Bearer 提交。",
    ),
    Code.IDENTITY_INVALID: Remedy(
        "The access token is not accepted: issuer, audience, signature or a claim is wrong. Get one for this service.",
        "访问令牌无效（签发方、受众、签名或内容有误），请申请面向本服务的令牌。",
    ),
    Code.IDENTITY_EXPIRED: Remedy("The access token has expired. Get a new one.", "访问令牌已过期，请重新申请。"),
    Code.REGISTER_BEHIND: Remedy(
        "The register was restored to an earlier moment, and the case does nothing until an operator has looked at it. "
        "Repeat later.",
        "登记库已恢复到较早时点，在运维人员确认之前案件停止办理，请稍后重试。",
    ),
    Code.STAMP_MISMATCH: Remedy(
        "This token may not say that: somebody else, or another content, is named. Send it as whoever decides.",
        "该令牌与所填经办人或内容不符，请由经办人本人提交。",
    ),
    Code.STAMP_EXPIRED: Remedy(
        "It was not taken in within five minutes. Send it again.", "未在5分钟内受理，请重新提交。"
    ),
    Code.STAMP_USED: Remedy(
        "This very request was used before. Read the case, then send it anew if it is still wanted.",
        "该请求已使用过，请先查询案件，如仍需办理请重新提交。",
    ),
    Code.DATABASE_REFUSED: Remedy(
        "The register refused the step. Report it to whoever runs the service, with the time.",
        "登记库拒绝了该步骤，请将发生时间报告系统运行人员。",
    ),
    Code.START_REFUSED: Remedy(
        "The case was not opened. Report it to whoever runs the service, with the time.",
        "案件未能建立，请将发生时间报告系统运行人员。",
    ),
    Code.PAYLOAD_INVALID: Remedy(
        "What was sent has a wrong shape; `errors` names each field. The interface description has its form.",
        "提交内容格式有误，errors 已逐项列出，请参照接口说明。",
    ),
    **dict.fromkeys((*OURS, Code.CHANNEL_NOT_CONFIGURED, Code.CHANNEL_NOT_AUTHORISED), _WHOEVER_RUNS_US),
    FileAdvice.SHEETS_NOT_READ: Remedy(
        "The workbook has further sheets; only one was read. Name another with the parameter `sheet`.",
        "工作簿含多个工作表，只读取其中一个；可用 sheet 参数指定。",
    ),
}
"""Where what there is to do is something else for a program than for a person at the command line or the Web UI."""


def remedy_of(reported: Reported) -> Remedy:
    """What happened and what to do, for people who work with us."""
    return REMEDIES[reported] if isinstance(reported, Code) else _ADVICE[reported]


def remedy_here(code: str, told: Remedy) -> Remedy:
    """The same of a code that the intake service told us, which may know more of them: then in its own words."""
    reported = REPORTED.get(code)
    return told if reported is None else remedy_of(reported)


def remedy_over_http(reported: Reported) -> Remedy:
    """The same, for whoever comes to the intake service."""
    return _OVER_HTTP.get(reported) or remedy_of(reported)
