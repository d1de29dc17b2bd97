"""Events: what may happen to a case, each with everything about it that is no rule.

One record says who tells it (`Origin`), which fact it carries, which roles may tell it, what it is called and how its
form looks. All other tables of events are derived from these records. Where it leads stands in `cases/machines/`, what
it asks and changes in `cases/rules/`.

Posts with defined powers and tiered review are demanded by art. 36-38 of the Social Insurance Handling Regulations; the
database holds a copy of the matrix of roles that every row of the audit refers to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

from cases.facts import (
    Acknowledge,
    AddDocuments,
    Approve,
    CardActivated,
    CardDestroyed,
    CardFound,
    CardHandedOver,
    CardLostOnWay,
    CardNotActivated,
    CardProduced,
    CardTurnedUp,
    CardUnclaimed,
    ConfirmAddress,
    ConfirmDownstream,
    ConfirmLoss,
    Extend,
    Fact,
    Hold,
    HoldBenefits,
    KeepBenefits,
    PersonEnded,
    Recompute,
    Reject,
    ReleaseBenefits,
    Repair,
    ReportLoss,
    ResolveDispute,
    ResolveDuplicate,
    Resume,
    ReturnDocuments,
    VerifyDocuments,
    Withdraw,
)
from cases.models import Role

if TYPE_CHECKING:
    from cases.answers import CaseView


class Origin(StrEnum):
    """Who tells a case of an event."""

    outside = "outside"
    """People and other systems; as an update of the event's name."""
    engine = "engine"
    timer = "timer"
    """A time limit that ran out."""
    neighbour = "neighbour"
    """A neighbouring case, or the register itself: of held benefits, and of the end of a person."""


class Event(StrEnum):
    """What happens to a case."""

    add_documents = "add_documents"
    verify_documents = "verify_documents"
    return_documents = "return_documents"
    approve = "approve"
    reject = "reject"
    hold = "hold"
    resume = "resume"
    extend = "extend"
    withdraw = "withdraw"
    resolve_dispute = "resolve_dispute"
    resolve_duplicate = "resolve_duplicate"
    confirm_downstream = "confirm_downstream"
    repair = "repair"
    hold_benefits = "hold_benefits"
    keep_benefits = "keep_benefits"
    release_benefits = "release_benefits"
    acknowledge = "acknowledge"
    person_ended = "person_ended"
    recompute = "recompute"
    report_loss = "report_loss"
    confirm_loss = "confirm_loss"
    card_found = "card_found"
    confirm_address = "confirm_address"
    card_produced = "card_produced"
    card_handed_over = "card_handed_over"
    card_lost_on_way = "card_lost_on_way"
    card_activated = "card_activated"
    card_unclaimed = "card_unclaimed"
    card_not_activated = "card_not_activated"
    card_turned_up = "card_turned_up"
    card_destroyed = "card_destroyed"
    screened = "screened"
    apply = "apply"
    number_taken = "number_taken"
    commit = "commit"
    commit_refused = "commit_refused"
    register_changed = "register_changed"
    undo_failed = "undo_failed"
    nothing_awaited = "nothing_awaited"
    unblock = "unblock"
    release = "release"
    stuck = "stuck"
    checked = "checked"
    order_card = "order_card"
    order_refused = "order_refused"
    switch_cards = "switch_cards"
    close_old = "close_old"
    supplement_expired = "supplement_expired"
    notice_period_passed = "notice_period_passed"
    hold_expired = "hold_expired"
    confirmation_overdue = "confirmation_overdue"
    loss_report_expired = "loss_report_expired"
    production_overdue = "production_overdue"
    delivery_overdue = "delivery_overdue"
    claim_period_passed = "claim_period_passed"
    activation_overdue = "activation_overdue"
    escalated = "escalated"
    dispute_opened = "dispute_opened"
    dispute_won = "dispute_won"
    dispute_lost = "dispute_lost"
    dispute_lapsed = "dispute_lapsed"
    number_changed = "number_changed"
    turn_free = "turn_free"
    benefits_lifted = "benefits_lifted"
    person_found_ended = "person_found_ended"
    block_ended = "block_ended"
    question_delivered = "question_delivered"

    @property
    def origin(self) -> Origin:
        """Who tells a case of this event."""
        return EVENTS[self].origin


Act = Event | Literal["open"]
"""What somebody does: tells a case of an event, or opens one."""
OPEN: Final = "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What somebody types to tell an event: its fact without actor and stamp, as JSON.

    `example` is a whole form. In the form of a case, `blank` takes the place of what nobody but a person knows (`""`,
    `0`: refused until it is filled in), and `known` of what the case itself knows.
    """

    example: Mapping[str, Any] = field(default_factory=dict)
    blank: Mapping[str, Any] = field(default_factory=dict)
    known: "Callable[[CaseView], dict[str, Any]] | None" = None
    consequence: tuple[str, str] | None = None
    """What follows that nobody can take back, in Chinese and English: whoever decides says that they know it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRecord:
    """Everything about one event that is no rule."""

    event: Event
    origin: Origin
    zh: str
    """What operators call it."""
    fact: type[Fact] | None = None
    """The one model that its update takes; None where it is not told from outside."""
    roles: frozenset[Role] = frozenset()
    """Who may tell it. An applicant may nothing: they act at a counter, or through a system of the back office."""
    description: str = ""
    """What its update's form explains, in both languages."""
    form: Form = Form()
    in_bulk: bool = False
    """Whether many cases may be told it at once; what decides on a person's rights is told case by case."""
    answers: bool = False
    """Whether it answers a request, by its identity; one that answers a request that is over is written down."""
    of_the_world: bool = False
    """Whether it tells of a card and not of the case: it is on record when the case is closed as well."""
    of_what_is_left: bool = False
    """Whether it may be about what came in when a case was over; so a closed case is told it while there is some."""
    after_a_refusal: bool = False
    """Whether the register alone says it, after it refused a step of the engine (`cases.decide.otherwise`)."""

    @property
    def is_heard_after_closing(self) -> bool:
        """Whether a closed case is told it: an answer to what is over is written down, the world is taken as it is."""
        return self.answers or self.of_the_world or self.of_what_is_left


# --- what a case knows of the form of an event ----------------------------------------------------------------------


def _papers(view: "CaseView") -> dict[str, Any]:
    kinds = [demand.document.value for demand in view.missing] or [""]
    papers = [{"kind": kind, "uri": "doc://", "media_type": "image/jpeg", "size": 0, "sha256": ""} for kind in kinds]
    return {"documents": papers}


def _defects(view: "CaseView") -> dict[str, Any]:
    kinds = [document.kind.value for document in view.documents] or [""]
    return {"defects": [{"document": kind, "problem": ""} for kind in kinds]}


def _confirmation(view: "CaseView") -> dict[str, Any]:
    system = view.awaited[0].value if len(view.awaited) == 1 else ""
    return {"system": system, "publication": view.publication or ""}


def _order(view: "CaseView") -> dict[str, Any]:
    return {"order": view.order or ""}


def _function(view: "CaseView") -> dict[str, Any]:
    left = view.functions_left
    return {"function": left[0].value if len(left) == 1 else ""} | _order(view)


def _record(view: "CaseView") -> dict[str, Any]:
    records = {statement.record for statement in view.destruction}
    return {"record": records.pop()} if len(records) == 1 else {}


def _to_destroy(view: "CaseView") -> dict[str, Any]:
    return {"order": view.to_destroy[0] if view.to_destroy else ""}


# --- the records ----------------------------------------------------------------------------------------------------

_AT_THE_COUNTER: Final = frozenset({Role.clerk, Role.back_office})
_REVIEWS: Final = frozenset({Role.clerk, Role.officer})
_DECIDES: Final = frozenset({Role.officer, Role.supervisor})
_LOOKS_AFTER: Final = frozenset({Role.operator, Role.supervisor})
_BUREAU_OR_COUNTER: Final = frozenset({Role.card_bureau, Role.clerk})

_HEARS_OF_LOSSES: Final = frozenset({Role.clerk, Role.back_office, Role.card_bureau, Role.bank})

_DIGEST: Final = "0123456789abcdef" * 4
_SEALED: Final = "k1." + "A" * 54
_ORDER: Final = "ord-" + "abcdefghijklmnopqrstuvwxyz"
_POLICE_DOCUMENT: Final = {
    "kind": "police_certificate",
    "uri": "doc://store/p-1",
    "media_type": "application/pdf",
    "size": 20480,
    "sha256": _DIGEST,
}


def _told(
    event: Event,
    fact: type[Fact],
    zh: str,
    description: str,
    roles: frozenset[Role],
    form: Form = Form(),
    *,
    in_bulk: bool = False,
    answers: bool = False,
    of_the_world: bool = False,
) -> EventRecord:
    return EventRecord(
        event=event,
        origin=Origin.outside,
        zh=zh,
        fact=fact,
        roles=roles,
        description=description,
        form=form,
        in_bulk=in_bulk,
        answers=answers,
        of_the_world=of_the_world,
    )


def _made(event: Event, zh: str, *, after_a_refusal: bool = False) -> EventRecord:
    return EventRecord(event=event, origin=Origin.engine, zh=zh, after_a_refusal=after_a_refusal)


def _ran_out(event: Event, zh: str) -> EventRecord:
    return EventRecord(event=event, origin=Origin.timer, zh=zh)


def _heard(event: Event, zh: str) -> EventRecord:
    return EventRecord(event=event, origin=Origin.neighbour, zh=zh)


_RECORDS: Final = (
    _told(
        Event.add_documents,
        AddDocuments,
        "补充材料",
        "补充材料。Documents came in.",
        _AT_THE_COUNTER,
        Form(
            example={
                "documents": [
                    {
                        "kind": "resident_id_card",
                        "uri": "doc://store/d-1",
                        "media_type": "image/jpeg",
                        "size": 20480,
                        "sha256": _DIGEST,
                    }
                ]
            },
            known=_papers,
        ),
    ),
    _told(
        Event.verify_documents,
        VerifyDocuments,
        "核验材料",
        "核验原件与复印件。The original was seen; `copies` names every copy on file by SHA-256.",
        _REVIEWS,
        Form(
            example={"original_seen": True, "copies": [_DIGEST]},
            known=lambda view: {"copies": [document.sha256 for document in view.documents]},
        ),
    ),
    _told(
        Event.return_documents,
        ReturnDocuments,
        "一次性告知补正",
        "一次性告知补正。Documents are defective; name all defects at once.",
        _REVIEWS,
        Form(example={"defects": [{"document": "resident_id_card", "problem": "复印件不清晰"}]}, known=_defects),
    ),
    _told(
        Event.approve,
        Approve,
        "复核审批",
        "复核审批；`content` 须与案件全貌所示一致。A second officer approves exactly this content.",
        _DECIDES,
        Form(
            consequence=(
                "审批后系统即变更号码或制卡；外部系统确认之后不能撤销。",
                "The number is changed, or the card ordered, at once; once another system has confirmed, it stays.",
            ),
            example={"content": _DIGEST},
            known=lambda view: {"content": view.content},
        ),
    ),
    _told(
        Event.reject,
        Reject,
        "不予办理",
        "不予办理，须写明法律依据。Refused, with its legal basis.",
        _DECIDES,
        Form(
            consequence=("案件即告办结；申请人须重新申请。", "The case ends; the applicant has to apply anew."),
            example={"legal_basis": "《社会保险经办条例》第十条"},
            blank={"legal_basis": ""},
        ),
    ),
    _told(
        Event.hold,
        Hold,
        "中止办理",
        "中止办理。The case waits for something outside the applicant's control.",
        _REVIEWS,
        Form(
            example={"reason": "waiting_for_id_card", "evidence": "police/2026-1"}, blank={"reason": "", "evidence": ""}
        ),
        in_bulk=True,
    ),
    _told(Event.resume, Resume, "恢复办理", "恢复办理。The reason of the hold is gone.", _REVIEWS, in_bulk=True),
    _told(
        Event.extend,
        Extend,
        "延长期限",
        "延长当前期限（工作日）。Extends the running time limit by working days.",
        _DECIDES,
        Form(example={"working_days": 5, "evidence": "ext/2026-1"}, blank={"working_days": 0, "evidence": ""}),
        in_bulk=True,
    ),
    _told(
        Event.withdraw,
        Withdraw,
        "撤回申请",
        "撤回申请：申请人不再办理。The applicant withdraws.",
        _AT_THE_COUNTER,
        Form(consequence=("案件即告办结；申请人须重新申请。", "The case ends; the applicant has to apply anew.")),
    ),
    _told(
        Event.resolve_dispute,
        ResolveDispute,
        "认定号码归属",
        "认定号码归属，两名工作人员认定一致后生效；意见不一致时由主管认定。"
        "Counts when a second officer decides the same on the same document; where they differ a supervisor decides.",
        _DECIDES,
        Form(
            consequence=(
                "两名工作人员认定一致后立即生效，号码归属不能再改。",
                "It counts as soon as two say the same, and whose number it is then stays.",
            ),
            example={"outcome": "ours", "police_document": _POLICE_DOCUMENT},
            blank={
                "outcome": "",
                "police_document": {
                    "kind": "police_certificate",
                    "uri": "doc://",
                    "media_type": "application/pdf",
                    "size": 0,
                    "sha256": "",
                },
            },
        ),
    ),
    _told(
        Event.resolve_duplicate,
        ResolveDuplicate,
        "认定重复参保",
        "认定两份登记是否为同一人：两名工作人员依据同一文件认定一致后生效；合并后首笔待遇支付前，可同样认定不是同一人并撤销合并。"
        "Whether two records are one person's: counts when a second officer says the same on the same document.",
        _DECIDES,
        Form(
            consequence=(
                "两名工作人员认定一致后，两份登记即合并或分开；支付待遇之后不能撤销。",
                "As soon as two say the same the records are merged, or parted; once something is paid that stays.",
            ),
            example={
                "same_person": True,
                "police_document": _POLICE_DOCUMENT,
                "legal_basis": "《社会保险经办条例》第十条",
            },
            blank={
                "same_person": True,
                "police_document": {
                    "kind": "police_certificate",
                    "uri": "doc://",
                    "media_type": "application/pdf",
                    "size": 0,
                    "sha256": "",
                },
                "legal_basis": "",
            },
        ),
    ),
    _told(
        Event.confirm_downstream,
        ConfirmDownstream,
        "外部系统确认",
        "医保、养老、银行确认，须写明所回复的 `publication`。Another system took the number over, or refused.",
        frozenset({Role.medical_insurance, Role.pension, Role.bank}),
        Form(
            example={
                "system": "medical_insurance",
                "confirmed": True,
                "reference": "mi-2026-1",
                "publication": "pub-" + "a" * 26,
            },
            blank={"confirmed": True, "reference": ""},
            known=_confirmation,
        ),
        answers=True,
    ),
    _told(
        Event.repair,
        Repair,
        "处理异常",
        "处理异常：`retry` 重试、`accept` 凭据确认、`undo` 撤销变更。An operator's decision on a stuck case.",
        _LOOKS_AFTER,
        Form(
            consequence=("凭据确认或撤销变更之后不能恢复原状。", "What is accepted on evidence, or undone, stays so."),
            example={"action": "retry", "evidence": "ticket-1"},
            blank={"action": "retry", "evidence": ""},
        ),
        in_bulk=True,
    ),
    _told(
        Event.hold_benefits,
        HoldBenefits,
        "暂停发放待遇",
        "暂停发放待遇：具名决定、法律依据、送达凭证。A named officer withholds benefits.",
        _DECIDES,
        Form(
            consequence=(
                "待遇自即时起暂停发放，须有送达凭证。",
                "Benefits stop at once; the notice must have been served.",
            ),
            example={
                "legal_basis": "《社会保险经办条例》第三十一条",
                "notice": "notice/2026-1",
                "served_on": "2026-09-01",
            },
            blank={"legal_basis": "", "notice": "", "served_on": ""},
        ),
    ),
    _told(
        Event.keep_benefits,
        KeepBenefits,
        "不暂停发放待遇",
        "决定不暂停发放待遇，须写明依据和理由。An officer decides that benefits go on, and why.",
        _DECIDES,
        Form(
            example={"legal_basis": "《社会保险经办条例》第三十一条", "because": "申请人正在住院，材料已在补正"},
            blank={"legal_basis": "", "because": ""},
        ),
    ),
    _told(
        Event.release_benefits,
        ReleaseBenefits,
        "恢复发放待遇",
        "恢复发放待遇。Releases held benefits by decision.",
        _DECIDES,
        Form(example={"legal_basis": "《社会保险经办条例》第三十一条"}, blank={"legal_basis": ""}),
        in_bulk=True,
    ),
    replace(
        _told(
            Event.acknowledge,
            Acknowledge,
            "签收督办",
            "签收督办；由运维或主管签收时，过期回复一并签收。"
            "Somebody has seen that the case needs attention; an operator or supervisor, also what was answered late.",
            frozenset({Role.clerk, Role.officer, Role.supervisor, Role.operator}),
            in_bulk=True,
        ),
        of_what_is_left=True,
    ),
    _told(
        Event.person_ended,
        PersonEnded,
        "死亡或转出",
        "死亡或转出，终止案件。The person died or was transferred.",
        frozenset({Role.clerk, Role.officer, Role.back_office}),
        Form(
            consequence=(
                "案件因死亡或转出终止，不能恢复办理。",
                "The case ends with the person and is not taken up again.",
            ),
            example={"reason": "death", "evidence": "civil/2026-1"},
            blank={"reason": "", "evidence": ""},
        ),
    ),
    _told(
        Event.recompute,
        Recompute,
        "重新计算期限",
        "重新计算期限（日历或政策变更后）。Dates are recomputed; `policy` pins another version.",
        _LOOKS_AFTER,
        in_bulk=True,
    ),
    _told(
        Event.report_loss,
        ReportLoss,
        "挂失",
        "挂失：在用的卡立即停用。The card in use is lost; it is blocked at once.",
        _HEARS_OF_LOSSES,
        Form(example={"evidence": "loss/2026-1"}, blank={"evidence": ""}),
        of_the_world=True,
    ),
    _told(
        Event.confirm_loss,
        ConfirmLoss,
        "正式挂失",
        "正式挂失。The loss is reported formally.",
        _AT_THE_COUNTER,
        Form(
            consequence=("正式挂失后，原卡不能再恢复使用。", "The card is lost for good and never works again."),
            example={"evidence": "loss/2026-1"},
            blank={"evidence": ""},
        ),
        of_the_world=True,
    ),
    _told(
        Event.card_found,
        CardFound,
        "卡已找回",
        "卡已找回，解除挂失。The lost card was found.",
        _AT_THE_COUNTER,
        of_the_world=True,
    ),
    _told(
        Event.confirm_address,
        ConfirmAddress,
        "确认邮寄地址",
        "确认新卡邮寄地址；途中遗失后重新确认。"
        "Where the new card is sent, before it leaves or after one was lost on its way.",
        _AT_THE_COUNTER,
        Form(
            example={"address": _SEALED, "address_token": _ORDER[4:]},
            blank={"address": "", "address_token": ""},
        ),
    ),
    _told(
        Event.card_produced,
        CardProduced,
        "制卡结果",
        "制卡结果。The card bureau made the card, or failed to.",
        frozenset({Role.card_bureau}),
        Form(
            example={"produced": False, "batch": "batch-1", "order": _ORDER},
            blank={"produced": False, "batch": ""},
            known=_order,
        ),
        answers=True,
    ),
    _told(
        Event.card_handed_over,
        CardHandedOver,
        "卡已领取",
        "卡已领取或寄达。The card was handed over.",
        _BUREAU_OR_COUNTER,
        Form(
            example={"by": "counter", "evidence": "sig-1", "order": _ORDER},
            blank={"by": "counter", "evidence": ""},
            known=_order,
        ),
        answers=True,
    ),
    _told(
        Event.card_lost_on_way,
        CardLostOnWay,
        "新卡途中遗失",
        "新卡寄递未达或激活前遗失：停用该卡并另行制卡。"
        "The new card never arrived; it is blocked, and another one is made.",
        _HEARS_OF_LOSSES,
        Form(
            consequence=("该卡立即停用并另行制卡。", "That card is blocked at once, and another one is made."),
            example={"order": _ORDER, "evidence": "post/2026-1"},
            blank={"evidence": ""},
            known=_order,
        ),
        answers=True,
    ),
    _told(
        Event.card_activated,
        CardActivated,
        "激活功能",
        "社保或金融功能激活。One function was activated.",
        frozenset({Role.card_bureau, Role.clerk, Role.medical_insurance, Role.bank}),
        Form(example={"function": "social", "order": _ORDER}, known=_function),
        answers=True,
    ),
    _told(
        Event.card_unclaimed,
        CardUnclaimed,
        "逾期未领销毁",
        "逾期未领，两人监销：两人先后填报同一份销毁记录后生效。"
        "Nobody fetched the card and it was destroyed; counts when a second person says so on the same record.",
        _BUREAU_OR_COUNTER,
        Form(
            consequence=("两人填报一致后，该卡即作已销毁处理。", "As soon as two say so the card counts as destroyed."),
            example={"record": "destroyed-1"},
            blank={"record": ""},
            known=_record,
        ),
    ),
    _told(
        Event.card_not_activated,
        CardNotActivated,
        "逾期未激活注销",
        "多次提醒后仍未激活：注销新卡，原卡不变，须写明法律依据。"
        "The holder never activated the card although reminded: it is cancelled, and the old one stays what it was.",
        _REVIEWS,
        Form(
            consequence=("新卡即注销，不能再激活。", "The new card is cancelled and can be activated no more."),
            example={"legal_basis": "《社会保障卡管理办法》第十四条", "evidence": "visit/2026-1"},
            blank={"legal_basis": "", "evidence": ""},
        ),
    ),
    _told(
        Event.card_turned_up,
        CardTurnedUp,
        "多制的卡",
        "已失效的制卡单仍制出了卡，单独保管待销毁。"
        "A card was made by an order that is over; it is kept to be destroyed.",
        frozenset({Role.card_bureau}),
        Form(
            example={"order": _ORDER, "batch": "batch-1", "card_number": _SEALED, "card_token": _ORDER[4:]},
            blank={"order": "", "batch": "", "card_number": "", "card_token": ""},
        ),
        of_the_world=True,
    ),
    _told(
        Event.card_destroyed,
        CardDestroyed,
        "销毁卡片",
        "销毁不应再发放的卡，两人监销：两人先后填报同一份销毁记录后生效。"
        "A card that nobody may have any more was destroyed; counts when a second person says so on the same record.",
        _BUREAU_OR_COUNTER,
        Form(
            consequence=("两人填报一致后，该卡即作已销毁处理。", "As soon as two say so the card counts as destroyed."),
            example={"order": _ORDER, "record": "destroyed-1"},
            blank={"record": ""},
            known=lambda view: _to_destroy(view) | _record(view),
        ),
        of_the_world=True,
    ),
    _made(Event.screened, "初审完成"),
    _made(Event.apply, "预占新号码"),
    _made(Event.number_taken, "号码已被占用", after_a_refusal=True),
    _made(Event.commit, "变更生效"),
    _made(Event.commit_refused, "变更被登记库拒绝", after_a_refusal=True),
    _made(Event.register_changed, "登记信息已变更，重新初审", after_a_refusal=True),
    _made(Event.undo_failed, "变更无法撤销", after_a_refusal=True),
    _made(Event.nothing_awaited, "已无须等待"),
    _made(Event.unblock, "解除暂停发放"),
    _made(Event.release, "待遇恢复发放"),
    _made(Event.stuck, "出现异常", after_a_refusal=True),
    _made(Event.checked, "预检完成"),
    _made(Event.order_card, "下单制卡"),
    _made(Event.order_refused, "下单被拒绝", after_a_refusal=True),
    _made(Event.switch_cards, "启用新卡"),
    _made(Event.close_old, "注销旧卡"),
    _ran_out(Event.supplement_expired, "补正期满"),
    _ran_out(Event.notice_period_passed, "告知期满，视为材料齐全"),
    _ran_out(Event.hold_expired, "中止期满"),
    _ran_out(Event.confirmation_overdue, "外部确认逾期"),
    _ran_out(Event.loss_report_expired, "临时挂失到期"),
    _ran_out(Event.production_overdue, "制卡逾期"),
    _ran_out(Event.delivery_overdue, "请求逾期未送达"),
    _ran_out(Event.claim_period_passed, "领卡提醒期满"),
    _ran_out(Event.activation_overdue, "激活逾期"),
    _ran_out(Event.escalated, "督办升级"),
    _heard(Event.dispute_opened, "发生号码争议"),
    _heard(Event.dispute_won, "认定归本案"),
    _heard(Event.dispute_lost, "认定归对方"),
    _heard(Event.dispute_lapsed, "号码争议已消除"),
    _heard(Event.number_changed, "号码变更已完成"),
    _heard(Event.turn_free, "轮到本案写入"),
    _heard(Event.benefits_lifted, "待遇已恢复（定期复核）"),
    _heard(Event.person_found_ended, "登记库查明死亡或转出"),
    _heard(Event.block_ended, "挂失期满（定期复核）"),
    _heard(Event.question_delivered, "请求已送达"),
)

EVENTS: Final[Mapping[Event, EventRecord]] = {record.event: record for record in _RECORDS}
"""The record of each event."""

FACTS: Final[Mapping[Event, type[Fact]]] = {record.event: record.fact for record in _RECORDS if record.fact is not None}
"""The one model that each update takes."""

ROLES: Final[Mapping[Act, frozenset[Role]]] = {
    OPEN: _AT_THE_COUNTER,
    **{record.event: record.roles for record in _RECORDS if record.origin is Origin.outside},
}
"""The roles of each act."""
