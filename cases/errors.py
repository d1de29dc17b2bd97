"""Stable codes: what went wrong and what to do next, never the value that was wrong.

A code is part of the contract with other systems and with operators: it is never renamed and never reused. Its text may
be improved. `Advice` is not an error: it is shown to the clerk, and the case goes on.
"""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """Why something was refused."""

    # Resident ID numbers (GB 11643)
    NUMBER_EMPTY = "NUMBER_EMPTY"
    NUMBER_LENGTH = "NUMBER_LENGTH"
    NUMBER_CHARACTERS = "NUMBER_CHARACTERS"
    NUMBER_CHECK_DIGIT = "NUMBER_CHECK_DIGIT"
    NUMBER_BIRTH_DATE = "NUMBER_BIRTH_DATE"
    NUMBER_BIRTH_IN_FUTURE = "NUMBER_BIRTH_IN_FUTURE"
    NUMBER_X_POSITION = "NUMBER_X_POSITION"
    NUMBER_SPREADSHEET_DAMAGED = "NUMBER_SPREADSHEET_DAMAGED"
    NUMBER_NOT_DERIVABLE = "NUMBER_NOT_DERIVABLE"
    # Names and free text
    NAME_EMPTY = "NAME_EMPTY"
    NAME_TOO_LONG = "NAME_TOO_LONG"
    TEXT_FORBIDDEN_CHARACTERS = "TEXT_FORBIDDEN_CHARACTERS"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    PII_IN_TEXT = "PII_IN_TEXT"
    REFERENCE_EMPTY = "REFERENCE_EMPTY"
    REFERENCE_TOO_LONG = "REFERENCE_TOO_LONG"
    # Requests and files
    FIELD_MISSING = "FIELD_MISSING"
    FIELD_UNKNOWN = "FIELD_UNKNOWN"
    FIELD_INVALID = "FIELD_INVALID"
    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    REQUEST_NOT_JSON = "REQUEST_NOT_JSON"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    MEDIA_TYPE_UNKNOWN = "MEDIA_TYPE_UNKNOWN"
    ROUTE_UNKNOWN = "ROUTE_UNKNOWN"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUESTED_TOO_OFTEN = "REQUESTED_TOO_OFTEN"
    VERSION_DIFFERS = "VERSION_DIFFERS"
    FEED_PLACE_GONE = "FEED_PLACE_GONE"
    SINK_REFUSED = "SINK_REFUSED"
    SUBSCRIPTION_UNKNOWN = "SUBSCRIPTION_UNKNOWN"
    SUBSCRIPTIONS_TOO_MANY = "SUBSCRIPTIONS_TOO_MANY"
    JOB_UNKNOWN = "JOB_UNKNOWN"
    JOB_NOT_RUNNING = "JOB_NOT_RUNNING"
    JOB_NO_CAMPAIGN = "JOB_NO_CAMPAIGN"
    JOBS_TOO_MANY = "JOBS_TOO_MANY"
    ROWS_TOO_MANY = "ROWS_TOO_MANY"
    UPLOAD_TOO_SLOW = "UPLOAD_TOO_SLOW"
    IDEMPOTENCY_KEY_INVALID = "IDEMPOTENCY_KEY_INVALID"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    PERSONAL_NUMBER_INVALID = "PERSONAL_NUMBER_INVALID"
    REGION_INVALID = "REGION_INVALID"
    DATE_INVALID = "DATE_INVALID"
    FILE_UNREADABLE = "FILE_UNREADABLE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    FILE_PROTECTED = "FILE_PROTECTED"
    FILE_NOT_A_WORKBOOK = "FILE_NOT_A_WORKBOOK"
    FILE_ENCODING = "FILE_ENCODING"
    FILE_TYPE_UNKNOWN = "FILE_TYPE_UNKNOWN"
    HEADINGS_MISSING = "HEADINGS_MISSING"
    COLUMN_MISSING = "COLUMN_MISSING"
    COLUMN_DUPLICATE = "COLUMN_DUPLICATE"
    COLUMN_UNKNOWN = "COLUMN_UNKNOWN"
    ROW_BROKEN = "ROW_BROKEN"
    ROW_REPEATED = "ROW_REPEATED"
    CELL_FORMULA = "CELL_FORMULA"
    VALUE_LOST = "VALUE_LOST"
    VALUE_MASKED = "VALUE_MASKED"
    ROW_OF_TOTALS = "ROW_OF_TOTALS"
    # Documents
    DOCUMENT_URI_REFUSED = "DOCUMENT_URI_REFUSED"
    DOCUMENT_TYPE_REFUSED = "DOCUMENT_TYPE_REFUSED"
    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    DOCUMENT_DIGEST_INVALID = "DOCUMENT_DIGEST_INVALID"
    DOCUMENT_DIGEST_MISMATCH = "DOCUMENT_DIGEST_MISMATCH"
    DOCUMENT_OF_ANOTHER_PERSON = "DOCUMENT_OF_ANOTHER_PERSON"
    DOCUMENT_EXPIRED = "DOCUMENT_EXPIRED"
    DOCUMENT_FUTURE_DATED = "DOCUMENT_FUTURE_DATED"
    DOCUMENTS_TOO_MANY = "DOCUMENTS_TOO_MANY"
    DOCUMENTS_MISSING = "DOCUMENTS_MISSING"
    DOCUMENT_UNAVAILABLE = "DOCUMENT_UNAVAILABLE"
    # Events against the state table
    EVENT_NOT_ALLOWED = "EVENT_NOT_ALLOWED"
    SAME_PERSON = "SAME_PERSON"
    CASE_IN_HAND = "CASE_IN_HAND"
    SUBMITTER_UNKNOWN = "SUBMITTER_UNKNOWN"
    NOT_THE_APPLICANT = "NOT_THE_APPLICANT"
    AUTHORITY_MISSING = "AUTHORITY_MISSING"
    AUTHORITY_ENDED = "AUTHORITY_ENDED"
    CHANNEL_NOT_OFFERED = "CHANNEL_NOT_OFFERED"
    DELIVERY_NOT_OFFERED = "DELIVERY_NOT_OFFERED"
    IDENTITY_CHECK_MISSING = "IDENTITY_CHECK_MISSING"
    IDENTITY_CHECK_REFUSED = "IDENTITY_CHECK_REFUSED"
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    CONTENT_CHANGED = "CONTENT_CHANGED"
    ORIGINAL_NOT_SEEN = "ORIGINAL_NOT_SEEN"
    PAST_POINT_OF_NO_RETURN = "PAST_POINT_OF_NO_RETURN"
    UNDO_NOT_PERMITTED = "UNDO_NOT_PERMITTED"
    UNDO_IMPOSSIBLE = "UNDO_IMPOSSIBLE"
    SYSTEM_NOT_AWAITED = "SYSTEM_NOT_AWAITED"
    ANSWER_OUT_OF_DATE = "ANSWER_OUT_OF_DATE"
    ACTS_TOO_MANY = "ACTS_TOO_MANY"
    OPINIONS_DIFFER = "OPINIONS_DIFFER"
    DUPLICATE_NOT_ASKED = "DUPLICATE_NOT_ASKED"
    MERGE_IMPOSSIBLE = "MERGE_IMPOSSIBLE"
    MERGE_PAID = "MERGE_PAID"
    CLAIM_PERIOD_NOT_OVER = "CLAIM_PERIOD_NOT_OVER"
    ACTIVATION_PERIOD_NOT_OVER = "ACTIVATION_PERIOD_NOT_OVER"
    ADDRESS_NOT_NEEDED = "ADDRESS_NOT_NEEDED"
    CARD_NOT_TO_BE_DESTROYED = "CARD_NOT_TO_BE_DESTROYED"
    ORDER_NOT_OVER = "ORDER_NOT_OVER"
    LOSS_ALREADY_REPORTED = "LOSS_ALREADY_REPORTED"
    NO_CARD_IN_USE = "NO_CARD_IN_USE"
    CARD_FOUND_TOO_LATE = "CARD_FOUND_TOO_LATE"
    LOST_ON_WAY_TOO_OFTEN = "LOST_ON_WAY_TOO_OFTEN"
    EXTENSION_TOO_LONG = "EXTENSION_TOO_LONG"
    EXTENSION_OF_PROCESSING = "EXTENSION_OF_PROCESSING"
    EXTENSION_OF_SUPPLEMENT = "EXTENSION_OF_SUPPLEMENT"
    EXTENSION_OF_HOLD = "EXTENSION_OF_HOLD"
    EXTENSION_OF_CONFIRMATION = "EXTENSION_OF_CONFIRMATION"
    EXTENSION_OF_LOSS_REPORT = "EXTENSION_OF_LOSS_REPORT"
    EXTENSION_OF_PRODUCTION = "EXTENSION_OF_PRODUCTION"
    EXTENSION_OF_CLAIM = "EXTENSION_OF_CLAIM"
    EXTENSION_OF_ACTIVATION = "EXTENSION_OF_ACTIVATION"
    NO_CLOCK_TO_EXTEND = "NO_CLOCK_TO_EXTEND"
    NOTICE_TOO_LATE = "NOTICE_TOO_LATE"
    DEFECT_NOT_NAMED = "DEFECT_NOT_NAMED"
    DOCUMENT_NOT_DEMANDED = "DOCUMENT_NOT_DEMANDED"
    SUPPLEMENT_ROUNDS_USED = "SUPPLEMENT_ROUNDS_USED"
    HOLD_LIMIT_USED = "HOLD_LIMIT_USED"
    BENEFITS_EXCLUDED = "BENEFITS_EXCLUDED"
    BENEFITS_NOT_HELD = "BENEFITS_NOT_HELD"
    NOTICE_NOT_SERVED = "NOTICE_NOT_SERVED"
    DEADLINE_NOT_PASSED = "DEADLINE_NOT_PASSED"
    DECISION_NOT_ASKED = "DECISION_NOT_ASKED"
    NO_RESPONSE = "NO_RESPONSE"
    LOSS_REPORT_EXPIRED = "LOSS_REPORT_EXPIRED"
    DISPUTE_LOST = "DISPUTE_LOST"
    PERSON_UNKNOWN = "PERSON_UNKNOWN"
    PERSON_DECEASED = "PERSON_DECEASED"
    PERSON_TRANSFERRED = "PERSON_TRANSFERRED"
    PERSON_MERGED = "PERSON_MERGED"
    ALREADY_18_DIGITS = "ALREADY_18_DIGITS"
    # Identity and stamps
    OFFICE_NOT_COMPETENT = "OFFICE_NOT_COMPETENT"
    STAMP_MISSING = "STAMP_MISSING"
    STAMP_INVALID = "STAMP_INVALID"
    STAMP_MISMATCH = "STAMP_MISMATCH"
    FORM_OF_ANOTHER_CASE = "FORM_OF_ANOTHER_CASE"
    FORM_OF_ANOTHER_EVENT = "FORM_OF_ANOTHER_EVENT"
    STAMP_EXPIRED = "STAMP_EXPIRED"
    STAMP_USED = "STAMP_USED"
    IDENTITY_MISSING = "IDENTITY_MISSING"
    IDENTITY_INVALID = "IDENTITY_INVALID"
    IDENTITY_EXPIRED = "IDENTITY_EXPIRED"
    SCOPE_MISSING = "SCOPE_MISSING"
    GATE_UNAVAILABLE = "GATE_UNAVAILABLE"
    # The codec server
    LOGIN_FAILED = "LOGIN_FAILED"
    ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"
    REVEALED_TOO_OFTEN = "REVEALED_TOO_OFTEN"
    # Cases
    CASE_UNKNOWN = "CASE_UNKNOWN"
    CASE_CLOSED = "CASE_CLOSED"
    CASE_STILL_OPEN = "CASE_STILL_OPEN"
    CASE_ALREADY_OPEN = "CASE_ALREADY_OPEN"
    CASE_ID_INVALID = "CASE_ID_INVALID"
    CASE_NOT_REOPENABLE = "CASE_NOT_REOPENABLE"
    NOTHING_TO_CORRECT = "NOTHING_TO_CORRECT"
    # Pre-checks of a card replacement, with the answers of live card systems
    PRECHECK_PERSON_UNKNOWN = "PRECHECK_1"
    PRECHECK_PERSON_DIFFERS = "PRECHECK_2"
    PRECHECK_DUPLICATE = "PRECHECK_3"
    PRECHECK_NOT_ALLOWED = "PRECHECK_4"
    # The register
    NUMBER_TAKEN = "NUMBER_TAKEN"
    REGISTER_CHANGED = "REGISTER_CHANGED"
    DIGEST_DIFFERS = "DIGEST_DIFFERS"
    PERSON_BUSY = "PERSON_BUSY"
    # What the register's source says
    SOURCE_VERSION_REUSED = "SOURCE_VERSION_REUSED"
    SAID_TWICE = "SAID_TWICE"
    NUMBER_SUPERSEDED = "NUMBER_SUPERSEDED"
    CARD_NUMBER_TAKEN = "CARD_NUMBER_TAKEN"
    CARD_BLOCKED_BY_CASE = "CARD_BLOCKED_BY_CASE"
    CARDS_CONTRADICT = "CARDS_CONTRADICT"
    CLAIM_PAID = "CLAIM_PAID"
    BENEFITS_ALREADY_HELD = "BENEFITS_ALREADY_HELD"
    STATE_TOO_LARGE = "STATE_TOO_LARGE"
    CALLER_REFUSED = "CALLER_REFUSED"
    START_REFUSED = "START_REFUSED"
    ANSWER_CONTRADICTED = "ANSWER_CONTRADICTED"
    REGISTER_BEHIND = "REGISTER_BEHIND"
    OCCASION_TO_COME = "OCCASION_TO_COME"
    OCCASION_OVER = "OCCASION_OVER"
    BENEFIT_STILL_HELD = "BENEFIT_STILL_HELD"
    PRODUCTION_FAILED = "PRODUCTION_FAILED"
    CONFIRMATION_REFUSED = "CONFIRMATION_REFUSED"
    CONFIRMATION_OVERDUE = "CONFIRMATION_OVERDUE"
    QUESTION_NOT_DELIVERED = "QUESTION_NOT_DELIVERED"
    # The directory of offices and posts
    OFFICE_UNKNOWN = "OFFICE_UNKNOWN"
    OFFICE_REPEATED = "OFFICE_REPEATED"
    OFFICE_LEVEL_WRONG = "OFFICE_LEVEL_WRONG"
    OFFICE_PARENT_WRONG = "OFFICE_PARENT_WRONG"
    POST_MISSING = "POST_MISSING"
    POST_HOLDER_MISSING = "POST_HOLDER_MISSING"
    POST_RANK_REPEATED = "POST_RANK_REPEATED"
    POST_DEPUTY_REPEATED = "POST_DEPUTY_REPEATED"
    POST_UNCOVERED = "POST_UNCOVERED"
    CONTACT_REPEATED = "CONTACT_REPEATED"
    # Schedules
    SCHEDULE_UNKNOWN = "SCHEDULE_UNKNOWN"
    # Notifications
    CHANNEL_NOT_CONFIGURED = "CHANNEL_NOT_CONFIGURED"
    CHANNEL_NOT_AUTHORISED = "CHANNEL_NOT_AUTHORISED"
    CHANNEL_UNAVAILABLE = "CHANNEL_UNAVAILABLE"
    CHANNEL_BUSY = "CHANNEL_BUSY"
    CHANNEL_UNCERTAIN = "CHANNEL_UNCERTAIN"
    CHANNEL_REFUSED = "CHANNEL_REFUSED"
    ADDRESS_INVALID = "ADDRESS_INVALID"
    NOT_DELIVERED = "NOT_DELIVERED"
    BOUNCED = "BOUNCED"
    CONTACT_MISSING = "CONTACT_MISSING"
    POST_VACANT = "POST_VACANT"
    TEMPLATE_INVALID = "TEMPLATE_INVALID"
    CALLBACK_UNAUTHENTIC = "CALLBACK_UNAUTHENTIC"
    CALLBACK_EXPIRED = "CALLBACK_EXPIRED"
    CALLBACK_UNKNOWN = "CALLBACK_UNKNOWN"
    # Heads that are published
    HEADS_BROKEN = "HEADS_BROKEN"
    HEADS_UNREACHABLE = "HEADS_UNREACHABLE"
    HEADS_OVERTAKEN = "HEADS_OVERTAKEN"
    # What is done beside decisions
    SEARCHED_TOO_OFTEN = "SEARCHED_TOO_OFTEN"
    NOT_IN_BULK = "NOT_IN_BULK"
    PLAN_UNKNOWN = "PLAN_UNKNOWN"
    PLAN_EMPTY = "PLAN_EMPTY"
    PLAN_TOO_LARGE = "PLAN_TOO_LARGE"
    MESSAGE_UNKNOWN = "MESSAGE_UNKNOWN"
    MESSAGE_NOT_GIVEN_UP = "MESSAGE_NOT_GIVEN_UP"
    PERSON_REPEATED = "PERSON_REPEATED"
    ERASURE_UNKNOWN = "ERASURE_UNKNOWN"
    ERASURE_PLANNED_OTHERWISE = "ERASURE_PLANNED_OTHERWISE"
    # Platform
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    DATABASE_REFUSED = "DATABASE_REFUSED"
    ENGINE_UNAVAILABLE = "ENGINE_UNAVAILABLE"
    ENGINE_TIMEOUT = "ENGINE_TIMEOUT"
    PAYLOAD_INVALID = "PAYLOAD_INVALID"
    SEAL_BROKEN = "SEAL_BROKEN"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEYS_UNAVAILABLE = "KEYS_UNAVAILABLE"
    PERSON_ERASED = "PERSON_ERASED"
    PAYLOAD_UNSEALED = "PAYLOAD_UNSEALED"
    PAYLOAD_MISPLACED = "PAYLOAD_MISPLACED"
    PAYLOAD_DOWNGRADED = "PAYLOAD_DOWNGRADED"
    CONFIGURATION_INVALID = "CONFIGURATION_INVALID"
    POLICY_INVALID = "POLICY_INVALID"
    POLICY_UNKNOWN = "POLICY_UNKNOWN"
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    INTERNAL = "INTERNAL"


class Advice(StrEnum):
    """What the clerk should look at twice; never a refusal (GB/T 2260 codes change, people are older than codes)."""

    DIVISION_UNKNOWN = "DIVISION_UNKNOWN"
    DIVISION_ABOLISHED = "DIVISION_ABOLISHED"
    DIVISION_NEWER_THAN_BIRTH = "DIVISION_NEWER_THAN_BIRTH"
    RESIDENCE_PERMIT = "RESIDENCE_PERMIT"
    FOREIGN_PERMANENT_RESIDENT = "FOREIGN_PERMANENT_RESIDENT"
    AGE_OVER_130 = "AGE_OVER_130"
    FULL_WIDTH_NORMALISED = "FULL_WIDTH_NORMALISED"
    LOWER_CASE_X = "LOWER_CASE_X"
    PRIVATE_USE_CHARACTERS = "PRIVATE_USE_CHARACTERS"


class CaseError(Exception):
    """Something was refused; carries a stable code and, where it helps, the name of a field. Never a value."""

    def __init__(self, code: Code, field: str | None = None) -> None:
        self.code = code
        self.field = field
        super().__init__(code.value if field is None else f"{code.value} ({field})")


class Remedy(NamedTuple):
    """What happened and what to do next, for a person."""

    en: str
    zh: str


REMEDIES: dict[Code, Remedy] = {
    Code.NUMBER_EMPTY: Remedy("The ID number is empty. Enter it.", "身份证号码为空，请填写。"),
    Code.NUMBER_LENGTH: Remedy("An ID number has 18 digits (old ones 15).", "身份证号码应为18位（旧号15位），请核对。"),
    Code.NUMBER_CHARACTERS: Remedy(
        "Only the digits 0-9, and X in the last place, may stand in an ID number. Remove blanks and look-alikes.",
        "身份证号码只能含数字0-9，末位可为X；请去掉空格和形近字符。",
    ),
    Code.NUMBER_CHECK_DIGIT: Remedy(
        "The check digit does not fit the other 17 digits. Compare with the ID card.", "校验码不符，请对照身份证核对。"
    ),
    Code.NUMBER_BIRTH_DATE: Remedy(
        "The number holds a birth date that does not exist. Compare with the ID card.",
        "号码中的出生日期不存在，请核对。",
    ),
    Code.NUMBER_BIRTH_IN_FUTURE: Remedy(
        "The number holds a birth date in the future. Compare with the ID card.", "号码中的出生日期在未来，请核对。"
    ),
    Code.NUMBER_X_POSITION: Remedy("X may stand in the last place only.", "X只能出现在最后一位。"),
    Code.NUMBER_SPREADSHEET_DAMAGED: Remedy(
        "The spreadsheet turned the number into a floating-point value. Format the column as text and enter it again.",
        "表格软件已把号码变成数值；请把该列设为文本格式后重新填写。",
    ),
    Code.NUMBER_NOT_DERIVABLE: Remedy(
        "No 18-digit number can be derived from this old one. Provide the police certificate.",
        "旧号无法推算18位号码，请提供公安机关证明。",
    ),
    Code.NAME_EMPTY: Remedy("The name is empty. Enter it.", "姓名为空，请填写。"),
    Code.NAME_TOO_LONG: Remedy("The name has more than 100 characters.", "姓名超过100个字符。"),
    Code.TEXT_FORBIDDEN_CHARACTERS: Remedy(
        "The text holds control, invisible or direction-changing characters. Type it again.",
        "文字含控制、不可见或改变方向的字符，请重新输入。",
    ),
    Code.TEXT_TOO_LONG: Remedy("The text is too long. Shorten it to 500 characters.", "文字过长，请缩短到500字以内。"),
    Code.PII_IN_TEXT: Remedy(
        "An ID number, a phone number or a card number stands in a free text, a reference, a key or an address of a "
        "document. Refer to the case number instead.",
        "说明文字、文号、幂等键或材料地址中含身份证号码、手机号码或卡号，请改写为案件编号。",
    ),
    Code.REFERENCE_EMPTY: Remedy(
        "The number of the document, notice or record is missing. Write it as the office that issued it does.",
        "缺少文号、凭证号或记录编号，请按出具单位的写法填写。",
    ),
    Code.REFERENCE_TOO_LONG: Remedy(
        "A reference has at most 100 characters. Give the document's number, not its content.",
        "文号或凭证号最多100字，请只填写编号，不填写内容。",
    ),
    Code.FIELD_MISSING: Remedy("A required field is missing. Add it.", "缺少必填项，请补充。"),
    Code.FIELD_UNKNOWN: Remedy(
        "A field is not known here. Remove it or correct its name: docs/integrating.md, docs/reference.md.",
        "有未知字段，请删除或更正名称；字段名见 docs/integrating.md 和 docs/reference.md。",
    ),
    Code.FIELD_INVALID: Remedy(
        "A field has a wrong type or value. Its form: --help of the command, docs/integrating.md, docs/reference.md.",
        "字段类型或取值有误，请更正；填写要求见命令的 --help 以及 docs/integrating.md、docs/reference.md。",
    ),
    Code.REQUEST_MALFORMED: Remedy(
        "This is no HTTP request, or it is longer before its body than 64 KiB or 100 headers.",
        "不是有效的HTTP请求，或请求行与请求头超过64KiB或100项。",
    ),
    Code.REQUEST_NOT_JSON: Remedy("The request is not valid JSON, or repeats a key.", "请求不是有效的JSON，或键重复。"),
    Code.REQUEST_TOO_LARGE: Remedy(
        "The request is larger than this route takes; the description says how much that is.",
        "请求超过该接口允许的大小，上限见接口说明。",
    ),
    Code.MEDIA_TYPE_UNKNOWN: Remedy(
        "Send one of the media types that the description names for this route, in UTF-8.",
        "请按接口说明中该接口允许的媒体类型、以UTF-8编码提交。",
    ),
    Code.ROUTE_UNKNOWN: Remedy(
        "There is nothing at this address. See /openapi.json.", "没有此地址，请参照 /openapi.json。"
    ),
    Code.METHOD_NOT_ALLOWED: Remedy(
        "This address takes no such method. See /openapi.json.", "该地址不支持此方法，请参照 /openapi.json。"
    ),
    Code.REQUESTED_TOO_OFTEN: Remedy(
        "Too many requests in a short time. Go on after the seconds that Retry-After says.",
        "短时间内请求过多，请按Retry-After所示秒数后继续。",
    ),
    Code.VERSION_DIFFERS: Remedy(
        "The case has moved since it was read. Read it again, and decide on what it says now.",
        "案件在读取后已有变动，请重新读取后再办理。",
    ),
    Code.FEED_PLACE_GONE: Remedy(
        "The feed does not go back to this place. Read all your cases once (GET /v1/cases), then go on from its end.",
        "事件流已无此位置：请先完整读取一次案件列表（GET /v1/cases），再从末尾继续。",
    ),
    Code.SINK_REFUSED: Remedy(
        "Events go to https addresses of a host that this service knows. Have the host added, or read the feed.",
        "事件只推送到已登记主机的https地址，请先登记主机，或改为读取事件流。",
    ),
    Code.SUBSCRIPTION_UNKNOWN: Remedy(
        "You have no such subscription. List yours (GET /v1/subscriptions).",
        "没有此订阅，请查看您的订阅（GET /v1/subscriptions）。",
    ),
    Code.SUBSCRIPTIONS_TOO_MANY: Remedy(
        "You have as many subscriptions as one client may have. End one first.", "订阅数量已达上限，请先取消一个。"
    ),
    Code.JOB_UNKNOWN: Remedy(
        "You have no job of this ID. What ended five weeks ago is forgotten.", "没有该批次；结束满五周的批次已清除。"
    ),
    Code.JOB_NOT_RUNNING: Remedy(
        "The job is over, or still being read: nothing of it can be cancelled or slowed down.",
        "该批次已结束或仍在读取，无法取消或调速。",
    ),
    Code.JOB_NO_CAMPAIGN: Remedy(
        "The job has no pace of its own: only a register of more than a thousand rows is paused or slowed down.",
        "该批次不能暂停或调速；只有超过一千行的名册才可以。",
    ),
    Code.JOBS_TOO_MANY: Remedy(
        "You have as many jobs under way as one client may have. Wait until one has ended.",
        "办理中的批次数量已达上限，请待其结束后再提交。",
    ),
    Code.ROWS_TOO_MANY: Remedy(
        "The file has more rows than one job may have. Divide it.", "文件行数超过单个批次的上限，请拆分后再提交。"
    ),
    Code.UPLOAD_TOO_SLOW: Remedy(
        "The file did not arrive in time. Send it again, or in parts.", "文件未在时限内传完，请重新提交或拆分后提交。"
    ),
    Code.IDEMPOTENCY_KEY_INVALID: Remedy(
        "The idempotency key must be 1 to 128 characters of A-Z a-z 0-9 . _ : -",
        "幂等键须为1至128位的字母、数字或 . _ : -",
    ),
    Code.IDEMPOTENCY_CONFLICT: Remedy(
        "This idempotency key was used with other content. Use a new key for a new request.",
        "该幂等键已用于不同内容的请求；新请求请用新键。",
    ),
    Code.PERSONAL_NUMBER_INVALID: Remedy(
        "The personal number must be 4 to 20 digits or capital letters.", "个人编号须为4至20位数字或大写字母。"
    ),
    Code.REGION_INVALID: Remedy(
        "The agency's region must be a six-digit division code, of a municipality that there is.",
        "经办机构区划代码须为6位数字，且其省、市确实存在。",
    ),
    Code.DATE_INVALID: Remedy("Dates are YYYY-MM-DD; moments carry a zone.", "日期格式为YYYY-MM-DD；时刻须带时区。"),
    Code.FILE_UNREADABLE: Remedy(
        "The file cannot be read. Check that it exists and is whole.", "文件无法读取，请检查。"
    ),
    Code.FILE_TOO_LARGE: Remedy(
        "Reading the file takes more memory or time than its rows need. Divide it, or save only the cells in use.",
        "读取该文件所需的内存或时间超过单个文件的上限，请拆分，或只保留有内容的单元格后另存再提交。",
    ),
    Code.FILE_PROTECTED: Remedy(
        "The workbook is protected by a password. Save it without one.", "工作簿已设置打开密码，请取消密码后另存。"
    ),
    Code.FILE_NOT_A_WORKBOOK: Remedy(
        "The file is named as a workbook and is something else, often HTML. Open it in a spreadsheet program, save it "
        "as .xlsx.",
        "文件名是工作簿，但内容不是工作簿（常见为 HTML 导出）；请用表格软件打开后另存为 .xlsx。",
    ),
    Code.FILE_ENCODING: Remedy(
        "The file's encoding cannot be told. Save it as CSV UTF-8, or name its encoding: utf-8, gb18030, utf-16.",
        "无法判断文件编码，请另存为 UTF-8 CSV，或指明其编码（utf-8、gb18030、utf-16）。",
    ),
    Code.FILE_TYPE_UNKNOWN: Remedy(
        "The file is of none of the types that its name may say: .xlsx, .xls, .xlsb, .ods, .csv or .jsonl.",
        "文件类型不符，请使用 .xlsx、.xls、.xlsb、.ods、.csv 或 .jsonl 文件，且文件名后缀须与内容一致。",
    ),
    Code.HEADINGS_MISSING: Remedy(
        "No known heading stands in the first twenty rows that are not blank. Put the headings above the rows. Nothing "
        "was read.",
        "文件前20个非空行中没有可识别的表头；请在数据上方填写表头。未读取任何行。",
    ),
    Code.COLUMN_MISSING: Remedy("A required column is missing. Nothing was read.", "缺少必需的列，未读取任何行。"),
    Code.COLUMN_DUPLICATE: Remedy("A column stands twice. Nothing was read.", "列重复，未读取任何行。"),
    Code.COLUMN_UNKNOWN: Remedy(
        "A column is not known. Remove it or correct its heading.", "有未知的列，请删除或更正表头。"
    ),
    Code.ROW_BROKEN: Remedy("The row is cut off or its quotes do not match.", "该行不完整或引号不配对。"),
    Code.ROW_REPEATED: Remedy(
        "The row repeats an earlier one; it was opened once.", "该行与前面的行重复，只受理一次。"
    ),
    Code.CELL_FORMULA: Remedy("The cell holds a formula. Paste it as a value.", "单元格为公式，请粘贴为数值。"),
    Code.VALUE_LOST: Remedy(
        "An export lost what stood here (#N/A, NULL, 0, ?, &nbsp;). Take the value from its source.",
        "导出时原内容已丢失（如 #N/A、NULL、0、?、&nbsp;），请从原系统重新取值。",
    ),
    Code.VALUE_MASKED: Remedy(
        "The value is masked (*). Hand in an export that is not.", "内容已脱敏（含 *），请提供未脱敏的数据。"
    ),
    Code.ROW_OF_TOTALS: Remedy(
        "The row holds totals and no person. Nothing to do, or delete it.", "该行为合计行，不是人员信息，可忽略或删除。"
    ),
    Code.DOCUMENT_URI_REFUSED: Remedy(
        "The document's address has a scheme or host that is not allowed.", "材料地址的协议或主机不在允许范围内。"
    ),
    Code.DOCUMENT_TYPE_REFUSED: Remedy("Documents are PDF, JPEG, PNG or OFD.", "材料格式须为PDF、JPEG、PNG或OFD。"),
    Code.DOCUMENT_TOO_LARGE: Remedy("The document is larger than 20 MiB.", "材料超过20 MiB。"),
    Code.DOCUMENT_DIGEST_INVALID: Remedy(
        "The document's SHA-256 must be 64 hexadecimal digits.", "SHA-256须为64位十六进制。"
    ),
    Code.DOCUMENT_DIGEST_MISMATCH: Remedy(
        "The copies you name are not the copies on file. Reload the case and look again.",
        "所核对的复印件与案卷不一致，请刷新后重新核对。",
    ),
    Code.DOCUMENT_OF_ANOTHER_PERSON: Remedy("The document belongs to another person.", "材料属于他人。"),
    Code.DOCUMENT_UNAVAILABLE: Remedy(
        "The store does not have this document, or cannot be reached. Open the page again, or ask whoever keeps it.",
        "材料库中没有该材料，或暂时无法访问。请刷新页面；仍不能查看时请联系材料库管理人员。",
    ),
    Code.DOCUMENT_EXPIRED: Remedy("The document has expired. Ask for a valid one.", "材料已过期，请提供有效材料。"),
    Code.DOCUMENT_FUTURE_DATED: Remedy("The document's date is in the future.", "材料日期在未来。"),
    Code.DOCUMENTS_TOO_MANY: Remedy("A case takes at most twenty documents.", "每案最多20份材料。"),
    Code.DOCUMENTS_MISSING: Remedy("A required document is still missing.", "仍缺少必需的材料。"),
    Code.EVENT_NOT_ALLOWED: Remedy(
        "This event is not possible in the case's present status. Look at the case first.",
        "案件当前状态不能执行该操作，请先查看案件。",
    ),
    Code.SAME_PERSON: Remedy(
        "Submitter, verifier and approver must be different people. Ask a colleague.",
        "受理人、核验人与审批人须为不同人员，请由其他人员办理。",
    ),
    Code.CASE_IN_HAND: Remedy(
        "A colleague has this case in hand, or it is closed. Look who has it; a supervisor may give it to you.",
        "该案件已由其他人员认领，或已办结。请查看认领人；需转交时请联系主管。",
    ),
    Code.SUBMITTER_UNKNOWN: Remedy(
        "The clerk who is named as having taken the application in has no post at that office. Correct the code, or "
        "load the directory first.",
        "所填受理人不在该经办机构的岗位目录中，请核对工号，或先更新目录。",
    ),
    Code.NOT_THE_APPLICANT: Remedy(
        "Whoever speaks as the applicant is not the person of this case. Log in as that person, or name an agent.",
        "以申请人身份办理的不是本案申请人，请由本人登录，或填写代办人。",
    ),
    Code.AUTHORITY_MISSING: Remedy(
        "An agent or guardian needs an authority: its document and its last day. Hand it in, or let the applicant act.",
        "代办人或监护人须有授权（委托书等材料及有效期末日），请补交授权，或由申请人本人办理。",
    ),
    Code.AUTHORITY_ENDED: Remedy(
        "The authority of the agent or guardian has ended. Hand in a new one, or let the applicant act.",
        "代办人或监护人的授权已到期，请提交新的授权，或由申请人本人办理。",
    ),
    Code.CHANNEL_NOT_OFFERED: Remedy(
        "This agency does not take such an application by this channel. Apply at a counter.",
        "本机构不受理以此渠道提出的该项申请，请到窗口办理。",
    ),
    Code.DELIVERY_NOT_OFFERED: Remedy(
        "This agency does not hand cards over in this way for this channel. Choose another, or leave the wish out.",
        "本机构在此渠道不提供该领卡方式，请另选领卡方式或不填。",
    ),
    Code.IDENTITY_CHECK_MISSING: Remedy(
        "An application by this channel needs an electronic identity check: provider, time and reference.",
        "以此渠道申请须先完成电子实名核验（核验机构、时间、流水号）。",
    ),
    Code.IDENTITY_CHECK_REFUSED: Remedy(
        "The identity check is of a provider that this agency does not accept, is too old, or lies ahead. Check again.",
        "电子实名核验不是本机构认可的核验机构所作，或已过期、时间有误，请重新核验。",
    ),
    Code.ROLE_NOT_ALLOWED: Remedy("Your role may not do this. Ask someone whose role may.", "您的岗位无权办理此操作。"),
    Code.CONTENT_CHANGED: Remedy(
        "The content is not what was verified or approved. Reload the case and decide again.",
        "内容与核验或审批时不一致，请刷新后重新办理。",
    ),
    Code.ORIGINAL_NOT_SEEN: Remedy(
        "The original must be seen before documents are verified.", "须核对原件后方可核验。"
    ),
    Code.PAST_POINT_OF_NO_RETURN: Remedy(
        "Another system has already taken the change over; the only way is forward, through repair.",
        "已有系统确认变更，不能撤销，只能通过“处理异常”继续。",
    ),
    Code.UNDO_NOT_PERMITTED: Remedy(
        "The region's policy does not permit undoing this. The case says what remains in effect.",
        "本地区政策不允许撤销变更；案件已注明仍然有效的内容。",
    ),
    Code.UNDO_IMPOSSIBLE: Remedy(
        "Somebody else rightfully has the old number by now, so the change cannot be taken back and the new number"
        " stays in force. Go forward: publish it again (retry) or accept on evidence; a withdrawal closes the case and"
        " says what remains.",
        "原号码已由他人合法持有，变更无法撤销，新号码继续有效。请继续办理：重试通报或凭据确认；撤回申请将结束案件并注明仍然有效的内容。",
    ),
    Code.SYSTEM_NOT_AWAITED: Remedy("The case does not wait for this system.", "本案件不等待该系统的确认。"),
    Code.ANSWER_OUT_OF_DATE: Remedy(
        "It answers a request that is over. It was written down and changes nothing; see what the case asks now. Of a"
        " card that was made all the same tell the case `card_turned_up`.",
        "该回复针对已失效的请求，已留存备查，不影响案件；请查看案件当前等待的请求。卡已制成的，请另行填报“多制的卡”。",
    ),
    Code.LOSS_ALREADY_REPORTED: Remedy(
        "The loss is reported already, and the card is blocked.", "该卡已挂失，处于停用状态，无须重复办理。"
    ),
    Code.NO_CARD_IN_USE: Remedy(
        "The person has no card in use that could be blocked.", "登记库中没有在用的卡，无须挂失。"
    ),
    Code.CARD_FOUND_TOO_LATE: Remedy(
        "The old card was found when its successor was on the way already. It stays out of use; take it in.",
        "找回旧卡时新卡已在制发，旧卡不再恢复使用，请收回旧卡。",
    ),
    Code.LOST_ON_WAY_TOO_OFTEN: Remedy(
        "As many new cards were lost on the way as the policy allows. Find out why; then retry, or undo the order.",
        "新卡途中遗失次数已达政策上限，请查明原因后选择重试或撤销。",
    ),
    Code.ORDER_NOT_OVER: Remedy(
        "It is no order of this person that is over, or its card is on record already. A card of the order in force is"
        " told by `card_produced`.",
        "不是本人已失效的制卡单，或该卡已登记；有效制卡单的卡请填报“制卡结果”。",
    ),
    Code.CARD_NOT_TO_BE_DESTROYED: Remedy(
        "No card that was made by this order is to be destroyed. The case shows which are.",
        "该制卡单没有待销毁的卡，请按案件显示的制卡单号填报。",
    ),
    Code.DECISION_NOT_ASKED: Remedy(
        "No decision on benefits is asked for: the campaign date has not come for this case, or it was decided.",
        "当前无须决定是否暂停发放待遇：集中变更期限未到，或已作出决定。",
    ),
    Code.OPINIONS_DIFFER: Remedy(
        "Officers decided this differently; the case shows each decision and the document it rests on. None"
        " counts until one of these officers joins the other, or a supervisor decides as one of them did.",
        "认定意见不一致，案件已列明各方意见及所依据的文件；须由其中一方改为一致，或由主管按其中一方意见认定。",
    ),
    Code.DUPLICATE_NOT_ASKED: Remedy(
        "In a dispute you can decide that both records are one person's; after a merge, that they are not. Nothing"
        " else is to be decided on two records in this case.",
        "号码争议中可认定两份登记为同一人；合并后可认定不是同一人。除此之外，本案当前无须认定重复参保。",
    ),
    Code.MERGE_IMPOSSIBLE: Remedy(
        "There is not, or no longer, exactly one other living record with this number. Nothing was merged. Decide that"
        " they are two people, and then whose the number is.",
        "持有该号码的其他有效登记已不存在或不止一份，未作合并。请认定不是同一人，再认定号码归属。",
    ),
    Code.MERGE_PAID: Remedy(
        "Something was paid to the merged record since, so the merge cannot be undone here. What was paid too much is"
        " claimed back under the law.",
        "合并后已发生待遇支付，不能撤销合并；多付的待遇请依法追回。",
    ),
    Code.CLAIM_PERIOD_NOT_OVER: Remedy("The card may still be fetched; destroy it later.", "领取期限未到，不能销毁。"),
    Code.ACTIVATION_PERIOD_NOT_OVER: Remedy(
        "The card may still be activated, and its holder is reminded; end the case when the last reminder has passed.",
        "激活期限未到，提醒尚未用完，请在最后一次提醒期满后再办理注销。",
    ),
    Code.ADDRESS_NOT_NEEDED: Remedy(
        "This card is not sent by post; it is collected at the counter.",
        "本案新卡不邮寄，由申请人到窗口领取，无须确认地址。",
    ),
    Code.EXTENSION_TOO_LONG: Remedy(
        "All extensions of one case together would exceed the policy's limit. Extend by fewer days, or decide.",
        "本案全部延长天数合计超过政策上限，请减少延长天数或作出决定。",
    ),
    Code.EXTENSION_OF_PROCESSING: Remedy(
        "The processing time with all its extensions would exceed the policy's limit. Extend by fewer days, or decide.",
        "办理期限连同全部延长合计超过政策上限，请减少延长天数或作出决定。",
    ),
    Code.EXTENSION_OF_SUPPLEMENT: Remedy(
        "The time to hand in documents would exceed the policy's limit with all its extensions. Extend by fewer days.",
        "补正期限连同全部延长合计超过政策上限，请减少延长天数。",
    ),
    Code.EXTENSION_OF_HOLD: Remedy(
        "All holds for this reason, extended or not, have one limit by law. Extend by fewer days, resume, or decide.",
        "同一理由的中止连同全部延长合计不得超过法定期限，请减少延长天数、恢复办理或作出决定。",
    ),
    Code.EXTENSION_OF_CONFIRMATION: Remedy(
        "The time for other systems to confirm would exceed the policy's limit. Extend by fewer days, or repair.",
        "外部系统确认期限连同全部延长合计超过政策上限，请减少延长天数或处理异常。",
    ),
    Code.EXTENSION_OF_LOSS_REPORT: Remedy(
        "A temporary loss report lasts no longer than the policy allows. Have the loss reported formally.",
        "临时挂失连同全部延长合计超过政策上限，请办理正式挂失。",
    ),
    Code.EXTENSION_OF_PRODUCTION: Remedy(
        "The time for the card bureau would exceed the policy's limit with all its extensions. Ask it, or repair.",
        "制卡期限连同全部延长合计超过政策上限，请询问制卡中心或处理异常。",
    ),
    Code.EXTENSION_OF_CLAIM: Remedy(
        "The time to collect the card would exceed the policy's limit with all its extensions. Extend by fewer days.",
        "领卡期限连同全部延长合计超过政策上限，请减少延长天数。",
    ),
    Code.EXTENSION_OF_ACTIVATION: Remedy(
        "The time to activate the card would exceed the policy's limit with all its extensions. Extend by fewer days.",
        "激活期限连同全部延长合计超过政策上限，请减少延长天数。",
    ),
    Code.HOLD_LIMIT_USED: Remedy(
        "Earlier holds for this reason have used all of its limit. Resume, return the documents or decide.",
        "该理由的中止期限已用完，请恢复办理、一次性告知补正或作出决定。",
    ),
    Code.NOTICE_TOO_LATE: Remedy(
        "Nothing was named as missing in time, so the filing counts as complete. Verify it or decide on it.",
        "未在规定期限内一次性告知，视为材料齐全，请核验材料或作出决定。",
    ),
    Code.DEFECT_NOT_NAMED: Remedy(
        "A notice names all defects at once: what was on file and not named then counts as complete.",
        "补正须一次性告知：上次告知时已在案而未指出的材料视为齐全，不得再次要求补正。",
    ),
    Code.DOCUMENT_NOT_DEMANDED: Remedy(
        "The notice names a document that no rule demands here and the applicant did not bring. "
        "Name only what the case lists as demanded, or what is on file.",
        "告知中列有法规、政策未要求、申请人也未提交的材料；只能告知本案应交的材料和已提交材料中的问题。",
    ),
    Code.SUPPLEMENT_ROUNDS_USED: Remedy(
        "The applicant was told of defects as often as the policy allows. Verify the documents, or reject.",
        "告知补正次数已达政策上限，请核验材料，或依法作出不予办理决定。",
    ),
    Code.NO_CLOCK_TO_EXTEND: Remedy("No time limit is running that could be extended.", "当前没有可延长的期限。"),
    Code.BENEFITS_EXCLUDED: Remedy(
        "Benefits may not be held while the case is on hold, disputed or with a second officer.",
        "中止办理、号码争议或待复核审批期间，不得暂停发放待遇。",
    ),
    Code.BENEFITS_NOT_HELD: Remedy("No benefit is held.", "没有暂停发放的待遇。"),
    Code.NOTICE_NOT_SERVED: Remedy("Serve the notice and keep its proof first.", "须先送达告知书并留存凭证。"),
    Code.DEADLINE_NOT_PASSED: Remedy(
        "Benefits may be held only after the campaign date.", "集中变更期限未过，不得暂停发放待遇。"
    ),
    Code.NO_RESPONSE: Remedy(
        "The missing documents did not come in time. The case can be reopened; no benefit stops.",
        "逾期未补正材料，案件关闭，可重新打开，待遇不受影响。",
    ),
    Code.LOSS_REPORT_EXPIRED: Remedy(
        "The temporary loss report was not confirmed in time.", "临时挂失到期未办理正式挂失。"
    ),
    Code.DISPUTE_LOST: Remedy(
        "The number does not belong to the applicant. Apply again with the number the police assign.",
        "该号码不属于申请人，请按公安机关重新赋码后再申请。",
    ),
    Code.PERSON_UNKNOWN: Remedy(
        "The person is not known to the register. Compare the personal number, or have the person registered first.",
        "参保登记中无此人，请核对个人编号，或先办理参保登记。",
    ),
    Code.PERSON_DECEASED: Remedy("The register says that the person has died.", "登记显示此人已死亡。"),
    Code.PERSON_TRANSFERRED: Remedy("The person was transferred to another agency.", "此人已转出至其他经办机构。"),
    Code.PERSON_MERGED: Remedy(
        "This record was merged into another one of the same person. Apply under the personal number that was kept.",
        "该登记已并入本人的另一份登记，请使用保留的个人编号办理。",
    ),
    Code.ALREADY_18_DIGITS: Remedy("The record already holds this 18-digit number.", "登记已是该18位号码，无需变更。"),
    Code.OFFICE_NOT_COMPETENT: Remedy(
        "The case's region is not your office's. Ask the agency that handles it, or its superior.",
        "该案件不在您所在机构的管辖区域，请由经办机构或其上级办理。",
    ),
    Code.STAMP_MISSING: Remedy(
        "The decision has no stamp that says who decides. Send it through the Web UI, the command line or the client.",
        "该操作未经身份校验，请登录后通过网页界面或命令行提交。",
    ),
    Code.STAMP_INVALID: Remedy(
        "The stamp is not one of the gate's. Log in and send the decision again.",
        "身份校验未通过，请重新登录后再次提交。",
    ),
    Code.STAMP_MISMATCH: Remedy(
        "The stamp was given for another person or content. Enter the decision again.",
        "身份校验与经办人或内容不符，请重新填写并提交。",
    ),
    Code.FORM_OF_ANOTHER_CASE: Remedy(
        "The form is that of another case. Send it to the case that it names, or take the form of this one.",
        "所填表单写的是另一案件的编号，请到该案件中提交，或改用本案件的表单。",
    ),
    Code.FORM_OF_ANOTHER_EVENT: Remedy(
        "The form is that of another event. Choose the event that it names, or take the form of the one chosen.",
        "所填表单与所选操作不一致，请改选表单所写的操作，或改用所选操作的表单。",
    ),
    Code.STAMP_EXPIRED: Remedy(
        "The stamp is older than five minutes. Enter the decision again.", "身份校验已超过5分钟，请重新提交。"
    ),
    Code.STAMP_USED: Remedy(
        "The stamp was used before. Look at the case, then enter the decision again if it is still wanted.",
        "本次身份校验已使用过，请先查看案件，如仍需办理请重新提交。",
    ),
    Code.IDENTITY_MISSING: Remedy(
        "Nobody is logged in. Log in; for the command line name a token file (CARDCASE_TOKEN_FILE).",
        "尚未登录，请先登录；命令行请设置 CARDCASE_TOKEN_FILE。",
    ),
    Code.IDENTITY_INVALID: Remedy(
        "The identity token is not accepted: issuer, audience, signature or a claim is wrong. Log in again.",
        "身份凭证无效（签发方、受众、签名或内容有误），请重新登录。",
    ),
    Code.IDENTITY_EXPIRED: Remedy("The identity token has expired. Log in again.", "身份凭证已过期，请重新登录。"),
    Code.SCOPE_MISSING: Remedy(
        "The token is not for this. Ask for one with the scope that the interface description names.",
        "令牌不含所需的权限范围，请按接口说明申请相应scope。",
    ),
    Code.GATE_UNAVAILABLE: Remedy(
        "The gate that stamps decisions cannot be reached. Nothing was sent; try again.",
        "身份校验服务暂不可用，未提交任何内容，请稍后重试。",
    ),
    Code.LOGIN_FAILED: Remedy(
        "Logging in was not completed, or took longer than ten minutes. Log in again.",
        "登录未完成或超过10分钟，请重新登录。",
    ),
    Code.ORIGIN_NOT_ALLOWED: Remedy(
        "This page may not ask the codec server. Open the Web UI where it belongs, or name it in CARDCASE_UI_ORIGINS.",
        "该页面无权访问编解码服务，请从规定的地址打开网页界面，或在CARDCASE_UI_ORIGINS中登记。",
    ),
    Code.REVEALED_TOO_OFTEN: Remedy(
        "You have revealed too many cases within an hour. Wait, or ask your supervisor.",
        "一小时内查看明文的次数过多，请稍后再试或联系主管。",
    ),
    Code.CASE_UNKNOWN: Remedy("There is no such case. Check the case number.", "没有此案件，请核对案件编号。"),
    Code.ACTS_TOO_MANY: Remedy(
        "You have told this case more than anybody has to. Somebody else goes on with it; tell your supervisor.",
        "您在本案中的操作次数已达上限，请由其他人员继续办理，并报告主管。",
    ),
    Code.CASE_CLOSED: Remedy("The case is closed. See its outcome.", "案件已办结，请查看结果。"),
    Code.CASE_STILL_OPEN: Remedy(
        "The case has no outcome yet. Wait for it: GET the case with wait.", "案件尚未办结，可在查询时用wait等待。"
    ),
    Code.CASE_ALREADY_OPEN: Remedy(
        "A case of this kind is already open for this person, with other content.", "此人已有同类在办案件，且内容不同。"
    ),
    Code.CASE_ID_INVALID: Remedy(
        "A case number is three letters, a hyphen and 26 characters.", "案件编号为三位字母、连字符和26位字符。"
    ),
    Code.NOTHING_TO_CORRECT: Remedy(
        "Only a change that was carried out is corrected. Apply for this number without a correction.",
        "只有已办结的变更才能更正；请按普通号码变更申请。",
    ),
    Code.CASE_NOT_REOPENABLE: Remedy("Only a closed case can be reopened.", "只有已办结的案件才能重新打开。"),
    Code.PRECHECK_PERSON_UNKNOWN: Remedy(
        "The person is not known to the register. Compare the personal number, or have the person registered first.",
        "参保登记中无此人，请核对个人编号，或先办理参保登记。",
    ),
    Code.PRECHECK_PERSON_DIFFERS: Remedy(
        "Name or number differ from the register; change the number first.", "姓名或号码与登记不符，请先办理号码变更。"
    ),
    Code.PRECHECK_DUPLICATE: Remedy(
        "A card for this person is already being made. Wait for it; another application is not needed.",
        "此人已有在制的卡，请等待该卡制成，无需重复申请。",
    ),
    Code.PRECHECK_NOT_ALLOWED: Remedy(
        "A replacement is not allowed for this card. Look at the state of the person's cards in the register.",
        "该卡不允许补换，请在登记库核对此人的卡状态。",
    ),
    Code.NUMBER_TAKEN: Remedy(
        "The new number is already held. The case was put in dispute.", "新号码已被占用，案件转入号码争议。"
    ),
    Code.REGISTER_CHANGED: Remedy(
        "The register changed since the case was screened. Review the case again.",
        "登记信息在受理后已变更，请重新审核。",
    ),
    Code.DIGEST_DIFFERS: Remedy(
        "Contribution months or balances differ before and after. The change was not made.",
        "变更前后缴费月数或余额不一致，未作变更。",
    ),
    Code.PERSON_BUSY: Remedy(
        "Another case of this person is writing just now; this one waits for its turn.",
        "此人另一案件正在写入，本案等待。",
    ),
    Code.SOURCE_VERSION_REUSED: Remedy(
        "Something else was said of this in the same version. Send it with the version that it has at the source.",
        "同一版本号曾报送过不同内容，请按源系统的实际版本号报送。",
    ),
    Code.SAID_TWICE: Remedy("The same thing stands twice in one line. Leave one out.", "同一行内重复，请只保留一项。"),
    Code.NUMBER_SUPERSEDED: Remedy(
        "The register has a newer number for this person. Take that over; a mistake is corrected by a case.",
        "登记库已有此人更新的号码，请源系统先行更新；确有错误的，按更正号码办理。",
    ),
    Code.CARD_NUMBER_TAKEN: Remedy(
        "Another card in the register has this number. Compare both at the source.",
        "登记库中另一张卡已使用此卡号，请核对源系统。",
    ),
    Code.CARD_BLOCKED_BY_CASE: Remedy(
        "The card was reported lost or destroyed here. Tell its case what became of it.",
        "该卡已在本系统挂失或销毁，请通过其案件办理。",
    ),
    Code.CARDS_CONTRADICT: Remedy(
        "A person has at most one card in use, one that is coming, and one that benefits are paid to. "
        "Say in the same line what becomes of the other.",
        "每人至多一张在用卡、一张待激活卡、一张待遇发放卡，请在同一行内一并报送另一张卡的变化。",
    ),
    Code.CLAIM_PAID: Remedy("The claim is paid: nothing of it changes any more.", "该笔申请已支付，不能再变更。"),
    Code.BENEFITS_ALREADY_HELD: Remedy(
        "Benefits of this person are held or warned of for this reason already. Decide in the case.",
        "此人待遇已因同一原因暂停发放或已告知，请通过案件办理。",
    ),
    Code.STATE_TOO_LARGE: Remedy(
        "The case has been told more than a case may hold. Decide it, or close it and apply again.",
        "案件内容已达上限，请先作出决定，或办结后重新申请。",
    ),
    Code.CALLER_REFUSED: Remedy(
        "The register answers only to the case's own workflow, or to that of the schedule. Tell the case, or start the "
        "schedule.",
        "登记库只受理本案流程或相应定时任务的请求，请通过案件本身办理，或启动定时任务。",
    ),
    Code.OCCASION_TO_COME: Remedy(
        "By the register's clock this time is still to come. It is tried again; compare the clocks of the servers.",
        "按登记库时钟，该时刻尚未到来。系统会重试，请核对各服务器时钟。",
    ),
    Code.OCCASION_OVER: Remedy(
        "The day that this was to be done for is long over. Start the schedule for today.",
        "应办日期早已过去，请为今日重新启动该定时任务。",
    ),
    Code.ANSWER_CONTRADICTED: Remedy(
        "The register holds something else than what was answered. The register counts; report it to whoever runs the "
        "servers.",
        "答复与登记库所载不符，以登记库为准，请报告系统运行人员。",
    ),
    Code.REGISTER_BEHIND: Remedy(
        "The register knows less of this case than its run does; it was restored to an earlier moment. The case does "
        "nothing until an operator says that the register holds: starter.py reconcile register-holds.",
        "登记库中的进度早于本案流程，可能已恢复到较早时点。在运维人员确认以登记库为准"
        "（starter.py reconcile register-holds）之前，案件停止办理。",
    ),
    Code.START_REFUSED: Remedy(
        "A case takes no schedule, time-out or retry policy of its starter. Open it through the client.",
        "案件不接受发起方设定的定时、超时或重试，请通过客户端提交申请。",
    ),
    Code.BENEFIT_STILL_HELD: Remedy("A benefit is still held for this reason.", "仍有待遇因此暂停发放。"),
    Code.PRODUCTION_FAILED: Remedy("The card bureau could not make the card.", "制卡中心制卡失败。"),
    Code.CONFIRMATION_REFUSED: Remedy(
        "A system refused the change. See which, and repair.", "有系统拒绝了变更，请查看并处理异常。"
    ),
    Code.CONFIRMATION_OVERDUE: Remedy(
        "A system has not confirmed in time. Ask it, then repair.", "有系统逾期未确认，请核实后处理异常。"
    ),
    Code.QUESTION_NOT_DELIVERED: Remedy(
        "A system was not asked yet: nobody receives for it. See which, and have its receiver mended; it is not late.",
        "有系统尚未收到请求（接收端不可用），并非对方逾期，请查看是哪个系统并恢复其接收。",
    ),
    Code.OFFICE_UNKNOWN: Remedy(
        "An office is named that the directory does not hold. Add it, or correct its code.",
        "所引用的机构不在机构目录中，请补充或更正代码。",
    ),
    Code.OFFICE_REPEATED: Remedy("An office stands in the directory twice. Remove one.", "机构重复，请删除其一。"),
    Code.OFFICE_LEVEL_WRONG: Remedy(
        "100000, and no other office, is the ministry. Correct the level or the code.",
        "部级机构只能是100000，请更正层级或代码。",
    ),
    Code.OFFICE_PARENT_WRONG: Remedy(
        "Every office but the ministry names a parent of a higher level.",
        "除部级外，每个机构须填写层级更高的上级机构。",
    ),
    Code.POST_MISSING: Remedy(
        "A post that escalation tells does not exist at the office. Add it with its holder.",
        "该机构缺少督办所需的岗位，请补充岗位及任职人。",
    ),
    Code.POST_HOLDER_MISSING: Remedy("A post has no holder (rank 0). Name one.", "岗位没有任职人（顺位0），请填写。"),
    Code.POST_RANK_REPEATED: Remedy("Two people have the same rank at one post.", "同一岗位有两人顺位相同，请更正。"),
    Code.POST_DEPUTY_REPEATED: Remedy(
        "One person stands at a post twice. A deputy is somebody else.", "同一人在同一岗位重复，代理人须为他人。"
    ),
    Code.POST_UNCOVERED: Remedy(
        "On a day of this absence nobody is at the post. Name a deputy who is there.",
        "缺勤期间岗位无人，请指定在岗的代理人。",
    ),
    Code.CONTACT_REPEATED: Remedy(
        "Somebody has two addresses of one channel. Keep one.", "同一人同一渠道有两个地址，请保留一个。"
    ),
    Code.SCHEDULE_UNKNOWN: Remedy(
        "There is no schedule of this name. See: schedules list.", "没有该名称的定时任务，请用 schedules list 查看。"
    ),
    Code.CHANNEL_NOT_CONFIGURED: Remedy(
        "This channel has no provider. Set its CARDCASE_ settings.", "该渠道未配置服务商，请设置相应的CARDCASE_参数。"
    ),
    Code.CHANNEL_NOT_AUTHORISED: Remedy(
        "The provider does not accept our credentials. Check the channel's secret file.",
        "服务商不认可凭证，请检查该渠道的密钥文件。",
    ),
    Code.CHANNEL_UNAVAILABLE: Remedy(
        "The provider cannot be reached; the message is tried again.", "服务商暂不可用，将自动重试。"
    ),
    Code.CHANNEL_BUSY: Remedy(
        "The provider asks for patience; the message is tried when it said.", "服务商限流，将按其要求稍后重试。"
    ),
    Code.CHANNEL_UNCERTAIN: Remedy(
        "Nobody knows whether the provider has the message; it is sent again under the same key.",
        "无法确认服务商是否已接收，将以同一幂等键重发。",
    ),
    Code.CHANNEL_REFUSED: Remedy(
        "The provider refuses the message. The next channel is used.", "服务商拒绝该消息，改用下一渠道。"
    ),
    Code.ADDRESS_INVALID: Remedy(
        "The address is none of this channel. Correct the contact.", "地址不适用于该渠道，请更正联系方式。"
    ),
    Code.NOT_DELIVERED: Remedy(
        "The provider could not deliver the message. The next channel is used.", "消息未送达，改用下一渠道。"
    ),
    Code.BOUNCED: Remedy(
        "There is nobody at the address. Correct the contact.", "该地址无人接收（退回），请更正联系方式。"
    ),
    Code.CONTACT_MISSING: Remedy("No address is known. Add a contact.", "没有可用的联系方式，请补充。"),
    Code.POST_VACANT: Remedy(
        "Nobody is at the post. Name a holder or a deputy in the directory.",
        "岗位无人，请在机构目录中指定任职人或代理人。",
    ),
    Code.TEMPLATE_INVALID: Remedy(
        "The message has no template, or lacks one of its facts. Reinstall the release.",
        "消息模板缺失或缺少变量，请重新安装本版本。",
    ),
    Code.CALLBACK_UNAUTHENTIC: Remedy(
        "The callback is not signed with the shared secret.", "回调签名无效，请检查共享密钥。"
    ),
    Code.CALLBACK_EXPIRED: Remedy(
        "The callback was signed too long ago. Send it again; check the clocks.", "回调时间戳超出有效期，请校时后重发。"
    ),
    Code.CALLBACK_UNKNOWN: Remedy("No message was sent under this key.", "没有以该幂等键发出的消息。"),
    Code.HEADS_BROKEN: Remedy(
        "What was published is not whole: something was taken out, put in or changed there. Keep it as it is.",
        "已公布的链头不完整或被改动，请保留原样并上报。",
    ),
    Code.HEADS_UNREACHABLE: Remedy(
        "The place where heads are published does not answer, or refuses. Look at its address and its rights.",
        "链头公布位置无法访问或被拒绝，请检查地址和权限。",
    ),
    Code.HEADS_OVERTAKEN: Remedy(
        "Somebody else publishes heads to the same place. Let one program do so.",
        "同一位置已有其他程序公布链头，请只保留一个。",
    ),
    Code.SEARCHED_TOO_OFTEN: Remedy(
        "You have searched by number too often within an hour. Search by case number, or later.",
        "一小时内按号码查询次数过多，请按案件编号查询或稍后再试。",
    ),
    Code.NOT_IN_BULK: Remedy("This is decided case by case. Decide it for each.", "该操作须逐案办理，不能批量执行。"),
    Code.PLAN_UNKNOWN: Remedy(
        "There is no such plan. Make one first (bulk plan).", "没有此批量计划，请用 bulk plan 制定。"
    ),
    Code.PLAN_EMPTY: Remedy("The query finds no case in which the event is possible.", "没有可执行该操作的案件。"),
    Code.PLAN_TOO_LARGE: Remedy(
        "The query finds more than 2000 cases. Narrow it down.", "超过2000件，请缩小查询范围。"
    ),
    Code.MESSAGE_UNKNOWN: Remedy("There is no such message. See: notify list.", "没有此消息，请用 notify list 查看。"),
    Code.MESSAGE_NOT_GIVEN_UP: Remedy(
        "The message is still being sent, or has arrived; only one that was given up can be sent again.",
        "该消息仍在投递或已送达；只有投递失败的消息才能重发。",
    ),
    Code.PERSON_REPEATED: Remedy(
        "The person stands in the file more than once; the first row counts. Keep one.",
        "同一人在文件中重复出现，以首行为准，请只保留一行。",
    ),
    Code.ERASURE_UNKNOWN: Remedy(
        "There was no such erasure. See which there were.", "没有该次删除，请查看已有的各次删除。"
    ),
    Code.ERASURE_PLANNED_OTHERWISE: Remedy(
        "What is due is not what was seen. Plan again and look.",
        "到期应删除的内容与所看到的不一致，请重新生成计划并核对。",
    ),
    Code.DATABASE_UNAVAILABLE: Remedy(
        "The register cannot be reached; the step is tried again.", "登记库暂不可用，将自动重试。"
    ),
    Code.DATABASE_REFUSED: Remedy(
        "The register refused the step. See the runbook.", "登记库拒绝了该步骤，请查阅手册。"
    ),
    Code.ENGINE_UNAVAILABLE: Remedy(
        "The case engine cannot be reached. Try again; repeating is safe.", "引擎暂不可用，可放心重试。"
    ),
    Code.ENGINE_TIMEOUT: Remedy(
        "No answer in time. Try again with the same key; repeating is safe.", "等待超时，可用原键放心重试。"
    ),
    Code.PAYLOAD_INVALID: Remedy(
        "The request has a wrong shape. See the event's description.", "请求格式有误，请参照说明。"
    ),
    Code.SEAL_BROKEN: Remedy("Sealed data cannot be opened. Check the key ring.", "密文无法解开，请检查密钥。"),
    Code.KEY_UNKNOWN: Remedy("Data was sealed with a key that is not in the ring.", "密文所用密钥不在密钥环中。"),
    Code.KEYS_UNAVAILABLE: Remedy(
        "The store of persons' keys cannot be used. Try again; repeating is safe.", "个人密钥库暂不可用，可放心重试。"
    ),
    Code.PERSON_ERASED: Remedy(
        "The person's data were erased. Hand in the application again.", "该人员的个人信息已删除，请重新提交申请。"
    ),
    Code.PAYLOAD_UNSEALED: Remedy(
        "What was sent is not sealed. In the Web UI set the codec server; elsewhere use the client or command line.",
        "所提交的内容未加密：请在网页界面设置编解码服务，或改用客户端、命令行提交。",
    ),
    Code.PAYLOAD_MISPLACED: Remedy(
        "What was sent was sealed for another case or place. Send it again to the right one.",
        "所提交的内容是为其他案件加密的，请向正确的案件重新提交。",
    ),
    Code.PAYLOAD_DOWNGRADED: Remedy(
        "Sealed with an algorithm or in a form that is not allowed here. Compare CARDCASE_ENCRYPTION of both sides.",
        "加密算法或格式不在允许范围内，请核对双方的CARDCASE_ENCRYPTION设置。",
    ),
    Code.CONFIGURATION_INVALID: Remedy(
        "The configuration is wrong; every problem is listed.", "配置有误，问题已全部列出。"
    ),
    Code.POLICY_INVALID: Remedy("A policy file is wrong; see which rule.", "政策文件有误。"),
    Code.POLICY_UNKNOWN: Remedy(
        "No policy covers this region, or not in this version.", "没有适用于该地区（或该版本）的政策。"
    ),
    Code.SCHEMA_MISMATCH: Remedy(
        "The database schema is not the one this code needs. Migrate.", "数据库结构版本不符，请执行迁移。"
    ),
    Code.INTERNAL: Remedy("Something unexpected happened; it was logged under this code.", "发生意外错误，已记录。"),
}

GATE_SAID_NOTHING = frozenset({Code.GATE_UNAVAILABLE, Code.REQUESTED_TOO_OFTEN})
"""What is told where the gate stamped nothing and judged nothing either: the same may be asked again."""
