"""What the command line says in Chinese: the help, by the English that stands beside each command, and names of fields.

A test says what of the help has no translation.
"""

import re
from collections.abc import Mapping
from typing import Final

HELP: Final[Mapping[str, str]] = {
    # --- the program ----------------------------------------------------------------------------------------
    "Usage:": "用法：",
    "[OPTIONS]": "[选项]",
    "COMMAND [ARGS]...": "命令 [参数]...",
    "Options:": "选项：",
    "Arguments:": "参数：",
    "Commands:": "命令：",
    "Upkeep: needs the register's connection, or Temporal's address and the key ring:": (
        "运维命令（需要登记库连接，或 Temporal 地址和密钥环）："
    ),
    "Show this message and exit.": "显示本说明。",
    "Opens social security card cases, looks at them, and tells them what happened.": (
        "受理社会保障卡案件、查看案件、登记案件办理情况。"
    ),
    "All of it goes to the intake service (CARDCASE_INTAKE_URL), by a token of whoever calls "
    "(CARDCASE_TOKEN_FILE) or a system's own credential (CARDCASE_CLIENT_ID, CARDCASE_CLIENT_SECRET_FILE, "
    "CARDCASE_TOKEN_URL); no key is needed. Exit codes: 0 fine; 1 refused; 64 wrong usage; 65 wrong data; 69 no "
    "answer, repeating is safe; 78 wrong configuration.": (
        "全部命令经受理服务（CARDCASE_INTAKE_URL）办理，凭经办人令牌（CARDCASE_TOKEN_FILE）或系统自己的凭据（"
        "CARDCASE_CLIENT_ID、CARDCASE_CLIENT_SECRET_FILE、CARDCASE_TOKEN_URL），无需密钥。退出码：0 成功；1 "
        "被拒绝；64 用法有误；65 数据有误；69 未得到答复，可放心重试；78 配置有误。"
    ),
    "How results are written.": "结果的输出格式。",
    "Language of what is said.": "说明和提示的语言。",
    "Repeating it is safe.": "可放心重复执行。",
    # --- opening --------------------------------------------------------------------------------------------
    "Open a case from an application in JSON, and show its receipt. Repeating it is safe.": (
        "按 JSON 格式的申请立案，并显示受理回执。可放心重复执行。"
    ),
    "Without `kind` it is an ID-number change; `key` is an idempotency key of your own. Numbers and names are "
    "never arguments: other users of the machine could read them.": (
        "未填 `kind` 的为号码变更；`key` 为自定的幂等键。号码和姓名不作为命令参数，以免被本机其他用户看到。"
    ),
    "Application as JSON, - for standard input.": "JSON 格式的申请；- 表示从标准输入读取。",
    "Open the next generation of a closed case.": "重新打开已办结的案件（开始下一轮）。",
    # --- import ---------------------------------------------------------------------------------------------
    "Open a case for every row of a register, and report every row that is refused, by number and code.": (
        "按登记表逐行立案；未受理的行按行号和代码列出。"
    ),
    "Repeating it is safe: what was opened answers as it did. Where it is interrupted no further row is begun.": (
        "可放心重复执行：已立案的行得到原来的答复。中断后不再开始新的行。"
    ),
    "Register: .xlsx, .csv or .jsonl.": "登记表：.xlsx、.csv 或 .jsonl。",
    "Register: .xlsx, .xls, .xlsb, .ods, .csv or .jsonl.": "登记表：.xlsx、.xls、.xlsb、.ods、.csv 或 .jsonl。",
    "Read and report only; asks nobody.": "只读取并报告，不提交。",
    "Write refused rows to this file.": "将未受理的行写入该文件。",
    "Sheet of a workbook, instead of the first visible one.": "工作表名称；不填为第一个可见的工作表。",
    "Of a text file whose bytes do not say it.": "文本文件的编码；仅在无法自动判断时填写。",
    "Pass over unknown columns.": "忽略未知的列。",
    "Staff ID, where the file has no such column.": "受理人工号；文件中没有该列时填写。",
    "In a dry run: a host of https documents that the service knows.": "试读时：服务认可的 https 材料主机名。",
    # --- looking --------------------------------------------------------------------------------------------
    "Everything about a case that may be shown without opening personal data.": (
        "案件中不涉及个人信息明文的全部内容。"
    ),
    "Of what it may be told now that is named which the caller may tell.": "可办理事项只列本人有权办理的。",
    "Case number: idc-… or crc-….": "案件编号：idc-… 或 crc-…。",
    "How far it is, over all cases of the person, in words for the applicant: what to do next, and by when.": (
        "以群众能看懂的话说明此人全部案件的进度：下一步做什么，何时之前。"
    ),
    "The transitions of a case so far, of all its generations, oldest first.": "案件各轮的办理过程，由早到晚。",
    "Cases of the caller's region by their due dates, open ones first, each generation of a case by itself.": (
        "本人管辖范围内的案件，按到期日排列，在办的在前；案件的每一轮各列一行。"
    ),
    "Only cases in this status.": "只列该状态的案件。",
    "Only cases at this milestone.": "只列该阶段的案件。",
    "Only cases of this agency: six digits, or the first of them; a municipality or a province stands for all "
    "below it.": ("只列该机构的案件：六位区划代码或其前几位；市、省代码包含其下全部机构。"),
    "Only cases that need attention for this.": "只列因此需要关注的案件。",
    "Only cases of this kind.": "只列该类案件。",
    "Only the case of these eight digits of a receipt or a message.": "只列回执或通知所载八位编号的案件。",
    "At most so many.": "最多列出多少件。",
    "Cases, closed ones too, that were answered when what they asked was over, or whose surplus card still exists.": (
        "答复已过时的案件，或多制的卡尚未销毁的案件，含已办结的。"
    ),
    "Of what kind.": "哪一类。",
    "Wait until a case is closed, and show its outcome.": "等到案件办结，并显示结果。",
    "How the caller's office and all below it stand: open, late, in and out, time taken, what is left of the "
    "campaign.": ("本机构及下属机构的总体情况：在办、超期、收件和办结、办理时长、集中变更剩余数。"),
    "For supervisors and operators. Counted from the register at this moment; nothing says whom a case is about.": (
        "供主管和运维人员使用。按登记库此刻的数据统计，不显示案件涉及何人。"
    ),
    "An office within the caller's: six digits; a municipality or a province stands for all below it.": (
        "本人管辖范围内的机构：六位区划代码；市、省代码包含其下全部机构。"
    ),
    "In and out over so many days, today included.": "统计最近多少天的收件和办结，含今天。",
    "Write a workbook with plots instead: .xlsx; not over another.": (
        "改为写出带图表的工作簿（.xlsx），不覆盖已有文件。"
    ),
    # --- telling --------------------------------------------------------------------------------------------
    "Documents came in.": "收到补充材料。",
    "Free text without personal data.": "备注，不得含个人信息。",
    "Who speaks for the applicant.": "代表申请人的人。",
    "Where the number of an agent or guardian stands, - for standard input.": (
        "代办人或监护人证件号码所在的文件；- 表示从标准输入读取。"
    ),
    "What lets them, and its last day (YYYY-MM-DD).": "授权材料的摘要及其有效期最后一天（YYYY-MM-DD）。",
    "The originals were seen.": "已核验原件。",
    "A document; repeatable.": "一份材料；可重复填写。",
    "The fact or its form as JSON, - for standard input.": "JSON 格式的办理内容或表单；- 表示从标准输入读取。",
    "To tell the very same thing again on purpose.": "有意再次登记同一内容时填写。",
    "The originals were seen; `copies` are the SHA-256 of all copies that were compared with them.": (
        "已核验原件；`copies` 为与原件核对过的全部复印件的 SHA-256。"
    ),
    "A copy that was compared; repeatable, or --copies-on-file.": (
        "核对过的一份复印件；可重复填写，或用 --copies-on-file。"
    ),
    "All copies on file were compared.": "已核对在档的全部复印件。",
    "Documents are defective; all defects at once.": "材料不符合要求：一次性告知全部问题。",
    "What is wrong; repeatable.": "存在的问题；可重复填写。",
    "A second officer approves exactly the content whose digest the case's view shows.": (
        "复核审批：由另一名人员批准案件所示摘要对应的内容。"
    ),
    "The application is refused, with its legal basis.": "不予办理，须写明法律依据。",
    "The case waits for something outside the applicant's control; the policy limits for how long.": (
        "中止办理：等待申请人无法控制的事项，时限由政策规定。"
    ),
    "The reason of the hold is gone.": "恢复办理：中止的原因已消除。",
    "A running time limit is extended by working days.": "延长正在计算的期限（工作日）。",
    "The applicant withdraws.": "申请人撤回申请。",
    "One officer's decision on a dispute; it counts when a second officer decides the same on the same document.": (
        "认定号码归属：另一名人员依据同一材料作出相同认定后生效。"
    ),
    "The document decided on.": "认定所依据的材料。",
    "One officer's word on whether two records are one person's; it counts when a second officer says the same.": (
        "认定两份记录是否为同一人：另一名人员作出相同认定后生效。"
    ),
    "Another system says whether it took the changed number over.": "外部系统确认是否已变更号码。",
    "An operator's decision on a case in repair: publish again, accept on evidence for a system, or undo.": (
        "处理异常：再次通知、凭据确认某一系统，或撤销变更。"
    ),
    "A named officer's decision to withhold benefits: legal basis, and proof that the notice was served.": (
        "决定暂停发放待遇：须有法律依据，并证明已送达告知书。"
    ),
    "A named officer's decision that benefits are not withheld although the campaign date has passed.": (
        "集中变更期限已过，决定不暂停发放待遇。"
    ),
    "A decision to release held benefits.": "决定恢复发放已暂停的待遇。",
    "Somebody has seen that the case needs attention.": "签收督办。",
    "The person died or was transferred to another agency.": "此人死亡或转出。",
    "The dates are recomputed: the calendar grew, or the case follows another version of its policy.": (
        "重新计算期限：日历有更新，或案件改用另一版政策。"
    ),
    "What has fired stays fired. What another version asks for no more is waited for no more; nothing further is "
    "asked.": ("已触发的督办不变。新版政策不再要求的不再等待，也不另外增加要求。"),
    "The card in use is lost: it is blocked at once, until the report expires or is confirmed.": (
        "挂失：在用的卡立即停用，直至挂失到期或转为正式挂失。"
    ),
    "The loss is reported formally (in person or with verified identity).": "正式挂失（本人到场或经实名核验）。",
    "The lost card was found.": "遗失的卡已找回。",
    "The applicant confirms the address to which the new card is sent.": "申请人确认新卡邮寄地址。",
    "Where the address stands, in clear, - for standard input.": "地址明文所在的文件；- 表示从标准输入读取。",
    "The card bureau made the card, or failed to. A made card has a number.": (
        "制卡结果：制成的卡须有卡号，或登记制卡失败。"
    ),
    "Where a made card's number stands, - for standard input.": "新卡卡号所在的文件；- 表示从标准输入读取。",
    "The card was handed over.": "卡已领取或寄达。",
    "The new card never arrived, or was lost before it worked: it is blocked, and another one is made.": (
        "新卡寄递未达或激活前遗失：停用该卡并另行制卡。"
    ),
    "One function of the card was activated.": "卡的一项功能已激活。",
    "Nobody fetched the card, and it was destroyed; it counts when a second person says so on the same record.": (
        "逾期无人领取并已销毁：另一人就同一记录确认后生效。"
    ),
    "Nobody activated the card in the time that the policy gives, all reminders included: it is cancelled.": (
        "政策规定的时间内（含全部提醒）无人激活：该卡注销。"
    ),
    "A card exists that was made by an order which is over. It is kept apart until two people have destroyed it.": (
        "发现已终止的制卡单所制的卡：单独存放，直至两人共同销毁。"
    ),
    "A card that nobody may have any more was destroyed; it counts when a second person says so on the same record.": (
        "不再有人可持有的卡已销毁：另一人就同一记录确认后生效。"
    ),
    # --- the register ---------------------------------------------------------------------------------------
    "The register of insured persons.": "参保登记。",
    "Hand in a file of what the register's source says, of any length; the caller speaks for the source.": (
        "提交参保登记来源的文件，长度不限；调用者代表该来源。"
    ),
    "A line is one person in one version of the source's record. A line that is wrong is reported and the others "
    "go through; repeating it changes nothing. The exit code is 69 where it is not known what became of some.": (
        "一行为一人在来源中的一个版本。有误的行列出，其余照常办理；重复提交无影响。部分行结果不明时退出码为 69。"
    ),
    "Records or changes of insured persons: .jsonl.": "参保人员记录或变动：.jsonl。",
    # --- search, views, bulk --------------------------------------------------------------------------------
    "Cases that a resident ID number or a card number leads to, of the caller's own region; written down.": (
        "按证件号码或卡号查找本人管辖范围内的案件；查询留痕。"
    ),
    "The number is never an argument: it would stand in the list of processes. It leaves this program as a keyed "
    "token.": ("号码不作为命令参数，以免出现在进程列表中；离开本程序时已转换为密钥令牌。"),
    "Why; kept in the journal.": "原因；记入日志。",
    "Where the number stands, - for standard input.": "号码所在的文件；- 表示从标准输入读取。",
    "Links to what operators look for in the Web UI; keep them there as saved views.": (
        "Web UI 常用查询的链接，可在其中存为视图。"
    ),
    "Dates are those of today: print them again each week. Needs no connection.": (
        "日期按今天计算，请每周重新生成。无需连接。"
    ),
    "Only cases of this office: six digits; a municipality or a province stands for all below it.": (
        "只列该机构的案件：六位区划代码；市、省代码包含其下全部机构。"
    ),
    "Large registers, opened page by page.": "大批登记表，逐页立案。",
    "Hand in a register and go: its rows are opened from then on, whoever looks.": "提交后即可离开，此后逐行立案。",
    "Up to a thousand rows are a job like any other, without a pace of its own.": "一千行以内按普通任务办理。",
    "Rows a second, at most.": "每秒最多多少行。",
    "Of this register: handed in again it is the same job.": "该登记表的键：再次提交仍为同一任务。",
    "The newest jobs of the caller.": "本人最近的任务。",
    "Wait for its end: a bar shows rows, rows a second, time remaining and refusals. Leaving ends nothing.": (
        "等待结束：进度条显示行数、每秒行数、剩余时间和未受理数。离开不影响任务。"
    ),
    "Job ID, as `campaign start` says it.": "任务编号，见 `campaign start`。",
    "Begin no further page until it is resumed. What has begun is finished, within seconds.": (
        "暂停：恢复之前不再开始新的一页；已开始的几秒内办完。"
    ),
    "Let it go on.": "恢复任务。",
    "Open so many rows a second, at most, from the next page on.": "自下一页起，每秒最多立案多少行。",
    "Begin no further row. What is open stays open.": "取消：不再开始新的行；已立案的不变。",
    "What became of its rows, counted from the register: by state, by code, and by where the cases stood.": (
        "各行的结果，按登记库统计：按状态、代码和案件所处进度。"
    ),
    "One decision for many cases.": "对多件案件作同一决定。",
    "Choose cases by a view or a query, and write down what they are to be told. Nothing is told yet.": (
        "按视图或查询选定案件，并写下拟办内容。此时尚未办理。"
    ),
    "Cases in whose status the event is not possible are shown and left out.": (
        "所处状态不能办理该事项的案件会列出并排除。"
    ),
    "What the cases are to be told.": "拟办事项。",
    "Cases of a saved view.": "某一视图中的案件。",
    "With a view: only cases of this office.": "与视图同用：只选该机构的案件。",
    "Cases of a query of the Web UI.": "Web UI 查询得到的案件。",
    "The fact's other fields, - for standard input.": "办理内容的其他字段；- 表示从标准输入读取。",
    "Show the cases; write nothing down.": "只列出案件，不写入。",
    "Tell every case of a plan, in the name of the caller; list the result of each.": (
        "以本人名义逐件办理计划中的案件，并列出每件的结果。"
    ),
    "The exit code is 1 where any case refused. Repeating it tells no case twice.": (
        "有案件未成功时退出码为 1。重复执行不会重复办理。"
    ),
    "Plan to run: bulk:….": "要执行的计划：bulk:…。",
    "Show the plan; tell nobody.": "只显示计划，不办理。",
    # --- intervene ------------------------------------------------------------------------------------------
    "Reset and terminate cases, safely and written down.": "安全地重置、终止案件的运行，并留痕。",
    "Restart the run of a case; it asks the register where it stands, and repeats nothing.": (
        "重新开始案件的运行：按登记库所示进度继续，不重复已办事项。"
    ),
    "End the run of a case. It stays open in the register; sending its application again takes it up.": (
        "终止案件的运行。案件在登记库中仍为在办，重新提交申请即可继续。"
    ),
    "Write down resets and terminations that were made past these commands, and name open cases that nobody moves.": (
        "补记未经本命令所作的重置和终止，并列出无人推进的在办案件。"
    ),
    "The exit code is 1 where there are any.": "如有，退出码为 1。",
    # --- audit ----------------------------------------------------------------------------------------------
    "The audit: append-only, hash chained per case.": "审计记录：只增不改，逐案以哈希相连。",
    "Look at every chain of the audit, and at every stamp; what does not hold is listed, and the exit code is 1.": (
        "核验全部审计链和身份校验；不符的列出，退出码为 1。"
    ),
    "Decisions are compared with the keys that the gate has had, what stands there with the heads that were "
    "published. Without a place a chain that was cut off or rewritten as a whole, together with its case, goes "
    "unnoticed.": (
        "决定与网关历来的公钥比对，现有记录与已公布的链尾比对。不指定公布位置时，连同案件一并截断或整链改写的不能发现。"
    ),
    "Only this case's chain.": "只核验该案件。",
    "Where heads were published, instead of CARDCASE_HEADS_PLACE.": "链尾公布的位置，代替 CARDCASE_HEADS_PLACE。",
    "What somebody noted of the newest publication.": "有人另行记下的最新一次公布的摘要。",
    "Publish the newest links of all chains that grew to CARDCASE_HEADS_PLACE, where nobody of the database can "
    "write.": ("将有增长的各链链尾公布到 CARDCASE_HEADS_PLACE，即数据库人员无法写入的位置。"),
    "That is a file on a volume that only this program has (with chattr +a), or a bucket whose objects are "
    "locked. What is written between two rounds is not protected from its writers until the second.": (
        "即只有本程序可用的卷上的文件（chattr +a），或对象锁定的存储桶。两轮之间写入的内容，要到后一轮才受保护。"
    ),
    "Publish every CARDCASE_HEADS_EVERY seconds, until told to stop.": (
        "每隔 CARDCASE_HEADS_EVERY 秒公布一次，直到停止。"
    ),
    "What was done beside decisions: searches by number, cases seen in clear, resets, terminations, bulk decisions.": (
        "决定以外的操作：按号码查询、查看明文、重置、终止、批量决定。"
    ),
    "Only what is about this case.": "只列与该案件有关的。",
    # --- calendar -------------------------------------------------------------------------------------------
    "The working calendar and the dates that rest on it.": "工作日历，以及据此计算的期限。",
    "A year as it is worked: days off, weekends worked for them, and what the policy's own table changes.": (
        "一年的工作日：放假、调休上班，以及政策自有的调整。"
    ),
    "Without a policy the official calendar alone. Needs neither register nor engine.": (
        "不指定政策时只显示官方日历。不需要登记库和引擎。"
    ),
    "A policy pack; of a name alone the newest.": "政策包；只写名称时为最新版。",
    "The present one unless given.": "不填为今年。",
    "Which years are published, and how many open cases rest on one that is not, or on days that were amended since.": (
        "哪些年份已公布；多少在办案件的期限依据未公布的年份，或依据后来调整过的日子。"
    ),
    "`datable` are provisional cases whose days were amended, `amended` the others: both wait for `recompute`.": (
        "`datable` 为可确定日期的暂定案件，`amended` 为日子有调整的其他案件：都等待 `recompute`。"
    ),
    "Tell open cases to recompute their dates: those whose days were amended since, or all that follow --policy.": (
        "让在办案件重新计算期限：日子后来有调整的，或采用 --policy 的全部案件。"
    ),
    "What has fired stays fired. Repeating it is safe: whoever is dated is not told again, and where it was "
    "interrupted it goes on.": ("已触发的督办不变。可放心重复执行：已重新计算的不再重复，中断后接着进行。"),
    "Division code of an agency, or its first digits.": "机构的区划代码，或其前几位。",
    "Let the cases of --policy follow this one.": "让采用 --policy 的案件改用此政策。",
    "Also those whose dates rest on a year that is still not published.": "也包括期限依据尚未公布年份的案件。",
    "Show which cases would be told; tell none.": "只列出将办理的案件，不办理。",
    # --- schedules ------------------------------------------------------------------------------------------
    "Schedules: digests, sweeps, checks, invitations.": "定时任务：简报、补扫、核查、邀请。",
    "Create, mend and remove schedules until they are what this release says. Repeating it changes nothing.": (
        "新建、修正、删除定时任务，使之与本版本一致。重复执行无影响。"
    ),
    "Schedules of others are left alone; one of ours that is paused stays so.": (
        "他人的定时任务不动；已暂停的保持暂停。"
    ),
    "Show what would change; change nothing.": "只列出将变更的内容，不变更。",
    "The schedules of this release: whether they are there, run or rest, and when.": (
        "本版本的定时任务：是否存在、运行还是暂停、何时运行。"
    ),
    "Let one schedule rest until it is resumed. What was due meanwhile is not made up for.": (
        "暂停一项定时任务，直至恢复。其间应运行的不再补做。"
    ),
    "As `schedules list` shows it.": "名称，见 `schedules list`。",
    "Why; shown in the list and in the Web UI.": "原因；显示在列表和 Web UI 中。",
    "Let a schedule that rests go on.": "恢复已暂停的定时任务。",
    # --- reconcile ------------------------------------------------------------------------------------------
    "Compare the register with Temporal, and bring cases into step.": "核对登记库与 Temporal，使案件一致。",
    "Compare every open case and every run now, as every night; a worker does it, unless it is a dry run.": (
        "立即核对全部在办案件和运行，与每晚相同；由工作进程执行，仅查看时除外。"
    ),
    "A case whose run knows less than the register, or that nothing runs, is brought into step. The exit code is "
    "1 where a register stands behind a run, or does not know it, or where tasks of a case fail: somebody has to "
    "act then.": (
        "运行落后于登记库、或无运行的案件会补齐。登记库落后于运行、不知道该运行，或案件的任务失败时退出码为 1"
        "，须有人处理。"
    ),
    "Only look; bring nothing into step.": "只查看，不补齐。",
    "The newest differences that were found, each of which is written down once.": "最近发现的差异，每项只记一次。",
    "How many at most.": "最多多少条。",
    "What does not go on although it should: cases, messages, events, scheduled work.": (
        "应继续而未继续的：案件、通知、事件、定时任务。"
    ),
    "The exit code is 1 where there is any.": "如有，退出码为 1。",
    "Also what goes on again.": "也列出已恢复的。",
    "Say that the register holds: cases go on in new runs where it stands. What runs knew beyond that is gone.": (
        "以登记库为准：案件从登记库所示进度以新的运行继续。运行中超出登记库的内容作废。"
    ),
    "With --all of every case, after either side was restored or lost: workers and the intake service start again"
    " then. Named is what differed, and as `missing` each fact that was told to a run and that the register never"
    " had: have it told again. A run of which the register knows nothing is ended.": (
        "用 --all 时为全部案件，用于任一方恢复或丢失之后：工作进程和受理服务随后才重新启动。列出差异；"
        "`missing` 为告知过运行而登记库从未收到的内容，请重新登记。登记库不知道的运行予以终止。"
    ),
    "Cases that stand still.": "停滞的案件。",
    "All cases, and the pair of register and Temporal.": "全部案件，以及登记库与 Temporal 的配对。",
    "Why; kept in the journal. (required but for a dry run)": "原因；记入日志。（必填，仅查看时除外）",
    "Only look; with --all.": "只查看；与 --all 同用。",
    # --- retention ------------------------------------------------------------------------------------------
    "What is kept, for how long, and erasing what is due.": "保存哪些内容、多久，以及删除到期的内容。",
    "What is kept, why, for how many days and by which law, in the newest policy of each region.": (
        "各地区最新政策中：保存什么、为何、多少天、依据何法。"
    ),
    "What would be erased now, and what is due and kept; nothing is changed.": (
        "现在会删除的，以及到期但保留的；不作变更。"
    ),
    "Named are cases, and persons of whom everything goes by their ref. The digest at the end is what `run` asks "
    "for. Counted is as well what goes by itself, and is older than it may be: then the exit code is 1.": (
        "列出案件，以及将全部删除的人（以代号表示）。末尾的摘要供 `run` 使用。同时统计应自动清理而逾期的内容"
        "，如有则退出码为 1。"
    ),
    "Look at Temporal's retention as well.": "同时查看 Temporal 的保存期。",
    "Hold what is of a person beyond its time, for a court, an audit or an inquiry; or lift the hold.": (
        "因诉讼、审计或调查延长保存某人的内容，或解除。"
    ),
    "A case of the person whose data are held.": "该人的一件案件。",
    "The law or order that it rests on.": "所依据的法律或命令。",
    "Lift the hold.": "解除延长保存。",
    "Whose data are held now, and on what basis.": "现在延长保存的人及依据。",
    "Erase what the plan says, for good: rows, the audit's contents and salts, keys of persons.": (
        "永久删除计划所列：数据行、审计内容及其盐值、个人密钥。"
    ),
    "Needs a role that owns the schema. What somebody holds, or what moved since, is kept and counted; the exit "
    "code is 1 then. Repeat it with a new plan where it was cut off.": (
        "需要拥有数据库结构的角色。延长保存的或其后有变动的予以保留并计数，此时退出码为 1。中断后请用新的计划重做。"
    ),
    "The digest that the plan ended with.": "计划末尾的摘要。",
    "What a run erased, looked at again now; without ERASURE the runs there were.": (
        "某次删除的内容，现在再核验一遍；不填 ERASURE 时列出历次删除。"
    ),
    "The exit code is 1 where anything is left. Keep it where the journal's heads are kept.": (
        "仍有遗留时退出码为 1。请与日志链尾一同保存。"
    ),
    "Of one run.": "某一次。",
    "Erase again what came back with an older register or an older store, before anything works with it.": (
        "登记库或密钥库恢复到较早状态后，先把随之回来的内容再次删除，之后才投入使用。"
    ),
    "Only look; the exit code is 1 where anything differs.": "只查看；有差异时退出码为 1。",
    # --- release --------------------------------------------------------------------------------------------
    "Releases: which of them is given work (CARDCASE_VERSIONED).": "版本：由哪一版承担工作（CARDCASE_VERSIONED）。",
    "The releases whose workers ever asked for work, the newest first: which is current, and which is this code.": (
        "曾承担工作的版本，新的在前：哪一版为现行，哪一版为本程序。"
    ),
    "Have Temporal give all work to one release, of which workers are running; open cases go over to it by "
    "themselves.": ("让 Temporal 把全部工作交给某一版（其工作进程须在运行）；在办案件自动转入。"),
    "A release goes back in the same way: start workers of the one before, and name its build.": (
        "退回旧版同样办理：启动旧版工作进程，并写明其构建号。"
    ),
    "As listed; this code's where left out.": "见列表；不填为本程序的构建号。",
    "Seconds to wait for its workers.": "等待其工作进程的秒数。",
    # --- directory, contacts --------------------------------------------------------------------------------
    "Offices and posts: who is told about late cases.": "机构和岗位：由谁接收督办。",
    "Make the directory what a reviewed file says, wholly or not at all. Repeating it changes nothing.": (
        "按审定的文件更新机构名录，全部生效或全部不生效。重复执行无影响。"
    ),
    "Reviewed directory: .toml, .csv or .xlsx.": "审定的机构名录：.toml、.csv 或 .xlsx。",
    "Check the file only; needs no register.": "只检查文件，不需要登记库。",
    "The directory; or, for one agency, who is told about its cases today, level by level.": (
        "机构名录；或某一机构的案件今天逐级由谁接收督办。"
    ),
    "Only who is told about this agency: six digits.": "只列该机构的：六位区划代码。",
    "Make the contacts of staff what a file says, wholly or not at all; addresses are sealed. Repeating is safe.": (
        "按文件更新工作人员的联系方式，全部生效或全部不生效；地址加密保存。可放心重复执行。"
    ),
    "Whoever is at a post and cannot be reached is listed.": "在岗而联系不上的人会列出。",
    "Contacts of all staff: .csv or .xlsx.": "全部工作人员的联系方式：.csv 或 .xlsx。",
    "Say how applicants want to be reached: one row for each, with an address for each channel and their order.": (
        "登记群众希望的联系方式：每人一行，写明各渠道的地址和先后。"
    ),
    "Columns: personal_number, order, language, sms, mail, dingtalk, wecom, feishu, webhook, or their Chinese "
    "headings. Whoever stands in the file is reached in these ways from now on and no others; whoever does not is"
    " left alone. Addresses are sealed. A row that is wrong is reported and the others go through; repeating it "
    "changes nothing.": (
        "列：personal_number、order、language、sms、mail、dingtalk、wecom、feishu、webhook，或其中文表头。文"
        "件中的人此后只按所列方式联系，其他人不变。地址加密保存。有误的行列出，其余照常；重复执行无影响。"
    ),
    "Contacts: .xlsx, .xls, .xlsb, .ods, .csv or .jsonl.": "群众的联系方式：.xlsx、.xls、.xlsb、.ods、.csv 或 .jsonl。",
    "Say what would change; change nothing.": "只说明将变更的内容，不变更。",
    # --- notify ---------------------------------------------------------------------------------------------
    "Channels by which people are told.": "通知渠道。",
    "Send one test message through a channel, and say what its provider answered.": (
        "经某一渠道发送一条测试通知，并显示服务商的答复。"
    ),
    "Exit codes: 0 the provider has it; 65 it refuses the message or the address; 69 it cannot be reached, asks "
    "for patience, or nobody knows what came of the call; 78 the channel is not configured, or its credentials "
    "are not taken.": (
        "退出码：0 服务商已收到；65 服务商拒收或地址无效；69 联系不上、须稍候或结果不明；78 渠道未配置或凭据无效。"
    ),
    "The channel to be tried.": "要试的渠道。",
    "Staff ID, told at the address on file; or - to read an address from standard input. An address never stands "
    "on a command line.": ("工号，发到在册地址；或 - 表示从标准输入读取地址。地址不写在命令行上。"),
    "Say how one of the staff is reached: the address is read from standard input and kept sealed.": (
        "登记一名工作人员的联系方式：地址从标准输入读取，加密保存。"
    ),
    "A phone for sms, an address for mail, and Apprise's form for the others (dingtalk://…, wecombot://…, "
    "feishu://…, jsons://…). Repeating it replaces the address.": (
        "短信填手机号，邮件填邮箱，其余按 Apprise 格式（dingtalk://…、wecombot://…、feishu://…、jsons://…"
        "）。重复执行即替换地址。"
    ),
    "Staff ID, as in the directory.": "工号，与机构名录一致。",
    "The channel of the address.": "该地址的渠道。",
    "Order of preference, the lowest first.": "先后顺序，小的在前。",
    "Language of messages.": "通知的语言。",
    "Messages that reached nobody, and those of which nobody has known for an hour whether they did.": (
        "未送达任何人的通知，以及一小时仍不知是否送达的通知。"
    ),
    "failed: every channel refused it, or told that it did not arrive. undeliverable: nobody at the post, or no "
    "address. unknown: it is sent again and again under the same key, and no provider has answered yet.": (
        "failed：各渠道均拒收或未送达。undeliverable：岗位无人或没有地址。unknown：以同一键反复发送，服务商尚未答复。"
    ),
    "Only messages in this trouble; repeatable. All three otherwise.": "只列该类；可重复填写，不填为三类全部。",
    "Only messages with this code.": "只列该代码的。",
    "Only messages of this case.": "只列该案件的。",
    "Only messages with a higher ID: the next page.": "只列编号更大的，即下一页。",
    "Have messages sent again that were given up, once the reason is mended: the next sweep sends them.": (
        "原因消除后重发已放弃的通知：由下一次补扫发出。"
    ),
    "Each goes under its old key in a further round, to the addresses that are known then; who had it sent is "
    "kept. Exit code 65 where one was not given up, or is none; the others go through.": (
        "各通知以原有的键另开一轮，发到届时已知的地址；记下由谁重发。有未放弃或不存在的，退出码为 65，其余照常。"
    ),
    "As `notify list` shows them; or - to read them from standard input.": (
        "编号，见 `notify list`；或 - 表示从标准输入读取。"
    ),
    "How messages stand: how many wait, are overdue, unknown for long, failed, or have nobody to go to.": (
        "通知的总体情况：等待、逾期、长时间不明、失败、无人可送各有多少。"
    ),
    # --- rehearse -------------------------------------------------------------------------------------------
    "Play a season with synthetic persons on servers of its own, check every rung and date, and draw it.": (
        "在自带的服务器上以虚构人员演练一季，核对每级督办和日期，并绘图。"
    ),
    "Ends with 1 where the checker found anything.": "核对发现问题时以 1 结束。",
    "First day of the season.": "演练的第一天。",
    "Its last day.": "演练的最后一天。",
    "A policy pack by name, or a file of one; twice to compare two.": "政策包的名称或文件；写两次可比较两版。",
    "So many synthetic persons.": "虚构人员的数量。",
    "The same seed gives the same persons and the same fates.": "种子相同，则人员和经历相同。",
    "From a day on, cases follow another version of their policy, not the one made for the season.": (
        "自某日起案件改用另一版政策，而不是为演练制作的那一版。"
    ),
    "Where figures and plot go; by default a folder of the season.": "数据和图的存放位置；默认为该季的文件夹。",
    # --- completion -----------------------------------------------------------------------------------------
    "Print what has a shell complete commands, options and choices; the shell reads it when it starts.": (
        "输出让命令行解释器自动补全命令、选项和取值的脚本，由其启动时读取。"
    ),
    "The program has to be found under the name it is completed by: a script of two lines in the PATH.": (
        "须能以被补全的名称找到本程序：在 PATH 中放一个两行的脚本。"
    ),
    "For bash: `source <(cardcase completion bash)`, in ~/.bashrc.": (
        "bash：在 ~/.bashrc 中加入 `source <(cardcase completion bash)`。"
    ),
    "The shell.": "命令行解释器。",
    "By what name the program is called.": "调用本程序所用的名称。",
}
"""English, and the same in Chinese."""

FIELDS: Final[Mapping[str, str]] = {
    "act_by": "请于此前办理",
    "acknowledged_at": "签收时间",
    "acknowledged_by": "签收人",
    "actor": "办理人",
    "acts": "待办",
    "activated": "已激活功能",
    "address_confirmed": "地址已确认",
    "advice": "提示",
    "approver": "复核审批人",
    "asked_at": "通知外部系统时间",
    "at": "时间",
    "attempts": "历次制卡单",
    "attention": "关注",
    "awaited": "待确认系统",
    "awaits": "待谁办理",
    "benefit_decision": "待遇决定",
    "benefits_held": "待遇暂停发放",
    "campaign_due_at": "集中变更期限",
    "case": "案件编号",
    "case_id": "案件编号",
    "cases": "案件",
    "category": "人员类别",
    "changes_name": "变更姓名",
    "channel": "申请渠道",
    "climbs_at": "升级时间",
    "climbs_tells": "升级后告知",
    "climbs_to": "升级至",
    "closed_at": "办结时间",
    "code": "代码",
    "column": "列",
    "conditions": "办理条件",
    "confirmations": "已确认系统",
    "content": "复核内容摘要",
    "corrects": "更正原因",
    "dates_provisional": "期限暂定",
    "deciders": "可决定待遇的角色",
    "defects": "材料问题",
    "delivery": "领卡方式",
    "destruction": "销毁记录",
    "detail": "说明",
    "dispute": "号码争议",
    "dissents": "不同认定",
    "document": "材料",
    "documents": "材料",
    "due_at": "到期",
    "due_event": "到期办理",
    "due_left": "剩余时间",
    "due_provisional": "到期日暂定",
    "ended_because": "结束原因",
    "event": "事项",
    "events": "可办事项",
    "functions_left": "未激活功能",
    "generation": "轮次",
    "hold_reason": "中止原因",
    "identity_checked_at": "实名核验时间",
    "judgements": "认定意见",
    "kind": "案件类别",
    "last_error": "最近一次失败",
    "last_refusal": "最近一次被拒",
    "late_answers": "过时答复",
    "legal_basis": "法律依据",
    "line": "行",
    "link": "链接",
    "lost_on_way": "途中遗失次数",
    "meaning": "含义",
    "media_type": "类型",
    "merged": "已合并记录",
    "milestone": "阶段",
    "missing": "尚缺材料",
    "moved_at": "最近办理",
    "name": "名称",
    "name_alone": "只变更姓名",
    "next_at": "下一步时间",
    "next_event": "下一步",
    "next_provisional": "下一步时间暂定",
    "next_rung": "下一级督办",
    "notice_due_at": "一次性告知期限",
    "notices_left": "剩余提醒次数",
    "office": "机构",
    "opened": "已立案",
    "opened_at": "立案时间",
    "order": "制卡单号",
    "original": "须原件",
    "original_needed": "须核验原件",
    "original_seen": "已核验原件",
    "originals": "已核验的原件",
    "outcome": "结果",
    "person": "人员代号",
    "policy": "政策",
    "problem": "问题",
    "processing_due_at": "办理期限",
    "production_attempts": "制卡次数",
    "publication": "变更通知编号",
    "readable": "可读取",
    "reason": "原因",
    "recomputed": "重新计算",
    "reference": "编号",
    "refused": "拒绝",
    "refused_by": "拒绝变更的系统",
    "refused_by_case": "被案件拒绝",
    "refused_rows": "未受理行",
    "region": "机构区划",
    "related": "相关案件",
    "remains": "仍然有效",
    "remedy": "处理办法",
    "repeated": "重复",
    "road": "办理途径",
    "role": "角色",
    "row": "行",
    "rung": "督办级别",
    "rung_at": "督办时间",
    "rung_told": "已告知",
    "sha256": "SHA-256",
    "silenced_until": "督办暂停至",
    "size": "字节数",
    "staff": "工号",
    "state": "状态",
    "status": "状态",
    "submitter": "受理人",
    "submitter_kind": "提交人",
    "submitter_named": "受理人由系统填报",
    "system": "系统",
    "to": "办理后状态",
    "to_destroy": "待销毁的卡",
    "transitions": "办理次数",
    "unanswered": "未得答复",
    "undelivered": "未送达的请求",
    "uri": "地址",
    "verifier": "核验人",
    "version": "版本",
    "view": "视图",
    "what": "内容",
    "zh": "进度",
}
"""What the fields of results are called in a table."""

_REQUIRED: Final = "(required)"
_UPKEEP: Final = re.compile(r"Upkeep, beside the servers: needs (.+)\.")
_NEEDS: Final[Mapping[str, str]] = {
    "nothing": "无其他条件",
    "the register's connection": "登记库连接",
    "the key ring": "密钥环",
    "the public keys that the gate has had": "网关历来的公钥",
    "where heads are published": "链尾公布的位置",
    "Temporal's address and the key ring": "Temporal 地址和密钥环",
    "an identity token": "身份令牌",
    "an identity token and the gate": "身份令牌和网关",
    "servers that it starts itself": "由其自行启动的服务器",
}
_NEED: Final = re.compile(r"([^,()]+?)(?: \(([^()]*)\))?(?:, |$)")
_EXTRA: Final = re.compile(r"(.*?)(?:  )?\[([^\[\]]*)\]", re.DOTALL)
_EXTRAS: Final = (("required", "必填"), ("default: ", "默认："), ("; ", "；"))


def in_chinese(english: str) -> str:
    """A paragraph of the help, or the words of an option; what has no translation is left as it is."""
    text = " ".join(english.split())
    if text in HELP:
        return HELP[text]
    if (extra := _EXTRA.fullmatch(english)) is not None:
        said = extra[2]
        for word, chinese in _EXTRAS:
            said = said.replace(word, chinese)
        return f"{in_chinese(extra[1])} [{said}]".strip()
    if text.endswith(_REQUIRED):
        return f"{in_chinese(text.removesuffix(_REQUIRED).strip())}（必填）"
    if (upkeep := _UPKEEP.fullmatch(text)) is not None:
        needs = [
            f"{_NEEDS[need]}（{settings.replace('; for a bucket ', '；存储桶另需 ').replace(', ', '、')}）"
            if settings
            else _NEEDS[need]
            for need, settings in _NEED.findall(upkeep[1])
        ]
        return f"运维命令，在服务器旁执行，需要{'、'.join(needs)}。"
    return english
