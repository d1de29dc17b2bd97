"""The words of the pages, in both languages; those of cases stand in `cases.words`."""

from types import MappingProxyType
from typing import Final

from cases.delivery import Tongue
from cases.errors import REMEDIES, Code

_WORDS: Final = MappingProxyType(
    {
        "about": ("当前情况", "where it stands"),
        "act": ("办理", "act"),
        "amount": ("金额（元）", "amount (yuan)"),
        "actor": ("经办", "by"),
        "all_cases": ("全部在办案件", "all open cases"),
        "any": ("不限", "any"),
        "apply_filters": ("筛选", "filter"),
        "at": ("时间", "at"),
        "benefit_holds": ("待遇暂停记录", "benefits withheld"),
        "case": ("案件", "case"),
        "case_id": ("案件编号", "case ID"),
        "cases": ("件", "cases"),
        "category": ("人员类别", "group"),
        "claims": ("待遇申领", "claims"),
        "closed": ("案件已办结，不再办理。", "The case is closed; nothing more is decided."),
        "compare": ("新旧号码比对", "old and new number compared"),
        "comparison_derived": (
            "新号码与由原15位号码推得的18位号码一致。",
            "The new number is exactly the one derived from the old one.",
        ),
        "comparison_equal": ("新号码与登记号码一致。", "The number is the registered one."),
        "comparison_none": ("登记库中没有可比对的原号码。", "The register has no old number to compare with."),
        "comparison_underivable": (
            "原号码无法推得18位号码，须核对公安证明。",
            "No 18-digit number follows from the old one: compare with the police certificate.",
        ),
        "correct_above": ("请更正后重新提交，未做任何变更。", "Correct it and send it again; nothing was changed."),
        "decided": ("已办理", "done"),
        "differs_at": ("以下位置不同：", "These places differ:"),
        "documents": ("材料", "documents"),
        "due": ("期限", "by when"),
        "english": ("English", "English"),
        "chinese": ("中文", "中文"),
        "event": ("事项", "event"),
        "find_by_case": ("按案件编号或八位编号", "by case ID or its eight digits"),
        "find_by_number": ("按身份证号码或社保卡号", "by ID number or card number"),
        "find_hint": (
            "每次查找均记录并计数，仅限本机构所辖案件。",
            "Each search is written down and counted; cases of your own region only.",
        ),
        "opened_at": ("受理时间", "opened"),
        "nothing_found": ("没有找到案件。", "No case was found."),
        "find": ("查找", "find"),
        "four": ("谁办 · 何时 · 缺什么 · 下一步", "who · by when · what is missing · what next"),
        "free_only": ("仅未认领", "free only"),
        "give_to": ("转交给", "give to"),
        "history": ("办理经过", "what happened"),
        "home": ("工作台", "desk"),
        "in_hand_mine": ("我已认领", "in my hands"),
        "in_hand_of": ("认领人", "in hand of"),
        "in_hand_until": ("认领有效期至", "in hand until"),
        "kind": ("业务", "kind"),
        "kind_of_document": ("材料种类", "kind"),
        "ladder": ("督办经过", "escalation so far"),
        "log_in": ("登录", "log in"),
        "log_out": ("退出", "log out"),
        "logged_out": ("尚未登录。", "Not logged in."),
        "messages": ("通知记录", "messages"),
        "mine": ("待我办理", "waits for me"),
        "name": ("姓名", "name"),
        "new_name": ("变更后姓名", "new name"),
        "new_number": ("新号码（申请）", "new number (applied for)"),
        "next_page": ("下一页", "next page"),
        "first_page": ("回到第一页", "first page"),
        "nobody": ("无", "nobody"),
        "none": ("无", "none"),
        "reference": ("八位编号", "eight digits"),
        "nothing_here": ("没有案件。", "No cases."),
        "number": ("证件号码", "number"),
        "nothing_to_decide": ("您的岗位目前没有可办理的事项。", "There is nothing that your role may do now."),
        "no_documents": ("没有材料。", "No documents."),
        "old_number": ("原号码（登记）", "old number (registered)"),
        "open_document": ("打开材料", "open the document"),
        "open_elsewhere": ("在原系统中打开", "open where it lies"),
        "kept_elsewhere": ("存放于其他系统：", "kept by another system:"),
        "choose_document": ("选用已有材料", "one that is there"),
        "hand_in": ("上传材料（PDF、JPEG、PNG、OFD，至多20 MiB）", "hand one in (PDF, JPEG, PNG, OFD, at most 20 MiB)"),
        "no_store": ("本机未设材料库，不能在此上传。", "There is no store of documents here: none can be handed in."),
        "certain": ("我已知晓，确认办理。", "I know, and decide so."),
        "not_asked": ("不适用", "does not apply"),
        "known_field": ("系统已填", "filled in"),
        "optional": ("选填", "optional"),
        "others": ("其他事项", "further"),
        "outcome": ("结果", "outcome"),
        "person": ("申请人", "applicant"),
        "put_back": ("放回", "put back"),
        "queues": ("待办分类", "queues"),
        "reason": ("事由（勿写姓名、号码）", "reason, without names and numbers"),
        "recipient": ("对象", "to"),
        "refused": ("未办理", "not done"),
        "region": ("经办机构区划", "agency"),
        "reveal": ("查看明文", "reveal"),
        "reveal_hint": (
            "记入审计并计数，10分钟内有效，仅限本人、本案。",
            "Audited and counted; for ten minutes, you, and this case alone.",
        ),
        "revealed": ("正在以明文显示，至多10分钟。", "Shown in clear, for ten minutes at most."),
        "scheme": ("险种", "scheme"),
        "skip": ("跳到正文", "skip to the content"),
        "state": ("状态", "state"),
        "status": ("状态", "status"),
        "take": ("认领", "take in hand"),
        "times": ("笔", "claims"),
        "to_come": ("下一级督办", "next"),
        "web_ui": ("在 Temporal 中查看", "open in Temporal"),
        "what_remains": ("仍然有效", "still in effect"),
        "who": ("由谁办理", "who acts"),
        "when": ("何时之前", "by when"),
        "lacking": ("缺什么、出了什么问题", "what is missing or failed"),
        "next": ("下一步", "what comes next"),
        "none_who": ("无须任何人办理。", "Nobody has to act."),
        "none_when": ("没有期限。", "There is no deadline."),
        "none_lacking": ("材料齐全，没有异常。", "Nothing is missing, and nothing went wrong."),
        "none_next": ("没有后续自动事项。", "Nothing happens by itself."),
        "legal_basis": ("法律依据", "legal basis"),
        "scheme_pension": ("养老保险", "pension"),
        "scheme_medical": ("医疗保险", "medical"),
        "scheme_work_injury": ("工伤保险", "work injury"),
        "scheme_unemployment": ("失业保险", "unemployment"),
        "scheme_maternity": ("生育保险", "maternity"),
        "claim_suspended": ("暂停支付", "suspended"),
        "claim_queued": ("待支付", "queued"),
        "claim_paid": ("已支付", "paid"),
        "hold_warned": ("已送达告知", "notice served"),
        "hold_held": ("暂停发放", "held"),
        "hold_released": ("已恢复", "released"),
        "message_pending": ("待发送", "to be sent"),
        "message_accepted": ("已交运营方", "accepted"),
        "message_delivered": ("已送达", "delivered"),
        "message_failed": ("发送失败", "failed"),
        "message_undeliverable": ("无法送达", "undeliverable"),
        "message_overtaken": ("已失效未发", "overtaken"),
        "overview": ("总体情况", "how we stand"),
        "days": ("天数", "days"),
        "as_workbook": ("下载工作簿", "as a workbook"),
        "open_cases": ("在办", "open"),
        "overdue": ("超期", "overdue"),
        "remaining": ("尚存十五位号码", "15-digit numbers left"),
        "offices_in_time": ("机构能按期完成", "offices make their date"),
        "at_most": ("最高", "at most"),
        "more_in_workbook": ("此处未全部列出，工作簿中有全部行数：", "Not all are listed here; rows in the workbook:"),
        "nothing_to_count": ("没有数据。", "Nothing to count."),
        "counted_at": ("统计时间", "counted at"),
        "your_role": ("岗位", "role"),
    }
)


_REMEDIES: Final = MappingProxyType(
    {
        Code.FIELD_INVALID: (
            "填写有误或不完整，请按标注更正后重新提交；网址中的筛选条件有误时，请回到“待我办理”。",
            "Something is wrong or missing: correct it where it is marked, or go back to the list.",
        ),
        Code.FIELD_MISSING: (
            "有必填项未填。材料须同时选择种类和文件，文件不能为空。",
            "Something has to be filled in. A document needs its kind and a file, which is not empty.",
        ),
    }
)
"""Where the words of the command line do not help whoever stands before a page."""


def remedy(code: Code, tongue: Tongue) -> str:
    """What to do about a refusal, for whoever stands before a page."""
    words = REMEDIES[code]
    zh, en = _REMEDIES.get(code, (words.zh, words.en))
    return zh if tongue is Tongue.zh else en


def say(name: str, tongue: Tongue) -> str:
    """A word of the pages."""
    zh, en = _WORDS[name]
    return zh if tongue is Tongue.zh else en
