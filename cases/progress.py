"""How far a person's matter is, in one line that the person reads: where it stands, what to do next, and by when.

The line covers the person's linked cases, the change of the number before the card. It says nothing of statuses and
codes, and names a deadline as people name it. It is the answer to everybody who may ask for the applicant.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import AwareDatetime

from cases.answers import CaseView
from cases.delivery import Tongue
from cases.facts import CardFunction, HandOver
from cases.kinds import KINDS, MACHINES
from cases.machines.machine import Awaits, Status
from cases.models import Record
from cases.names import Kind
from cases.words import by_when, word

_S = Status


class Progress(Record):
    """The answer to whoever asks for an applicant."""

    zh: str
    en: str
    cases: tuple[str, ...]
    """The cases that it is about, the number change first."""
    acts: bool
    """Whether the applicant has something to do."""
    due_at: AwareDatetime | None = None
    """By when, the exact instant; None where they have nothing to do, or no limit runs."""


class _Said(NamedTuple):
    """What is said of a case at a status, in both languages. `{due}` is the deadline of the status."""

    zh: str
    en: str


def progress_of(views: Iterable[CaseView], now: datetime) -> Progress:
    """The line over the newest case of each kind of one person, as of now. Raises ValueError where there is none."""
    place = {kind: at for at, kind in enumerate(KINDS)}
    ordered = sorted(views, key=lambda view: place[view.kind])
    if not ordered:
        raise ValueError("no case to tell of")
    # What ended before matters no more once another case of the person goes on.
    goes_on = [view for view in ordered if view.awaits is not Awaits.nobody]
    told = goes_on or ordered
    waiting = [view for view in told if view.awaits is Awaits.applicant and not _comes_by_post(view)]
    due = min((last for view in waiting if (last := view.act_by or view.due_at) is not None), default=None)
    lines = [(_clause(view, Tongue.zh, now), _clause(view, Tongue.en, now)) for view in told]
    # What somebody on hold waits for is often theirs to bring.
    if goes_on and not waiting and not any(view.status is Status.on_hold for view in goes_on):
        lines.append(("您目前无须办理任何事项", "you need not do anything now"))
    zh, en = zip(*lines, strict=True)
    line = "; ".join(en)
    return Progress(
        zh="；".join(zh) + "。",
        en=f"{line[0].upper()}{line[1:]}.",
        cases=tuple(view.case_id for view in told),
        acts=bool(waiting),
        due_at=due,
    )


def _clause(view: CaseView, tongue: Tongue, now: datetime) -> str:
    said = _SAID.get((view.kind, view.status))
    chinese = tongue is Tongue.zh
    if said is None:
        # A kind that comes from outside is told of in the words of its machine.
        status = view.status_zh if chinese else word(view.status, tongue)
        return f"{word(view.kind, tongue)}{'：' if chinese else ': '}{status}"
    sentence = said.zh if chinese else said.en
    words = {name: write(view, tongue) for name, write in _WORDS.items() if f"{{{name}}}" in sentence}
    told = sentence.format(due=_due(view.due_at, tongue), **words)
    return told + _until_decided(view, tongue, now)


def _until_decided(view: CaseView, tongue: Tongue, now: datetime) -> str:
    """By when the agency has to have decided; where that is over, that it is."""
    at = view.processing_due_at
    if view.awaits not in {Awaits.clerk, Awaits.second_officer} or view.status is Status.on_hold or at is None:
        return ""
    if at <= now:
        late = ("，已超过办理期限，我们正在督促办理", ", which takes longer than it should; we are following it up")
        return late[0] if tongue is Tongue.zh else late[1]
    return f"，将在{by_when(at, tongue)}办结" if tongue is Tongue.zh else f", and will be decided {by_when(at, tongue)}"


def _due(at: datetime | None, tongue: Tongue) -> str:
    """The deadline with what separates it from the words before; nothing where no limit runs."""
    if at is None:
        return ""
    return f"在{by_when(at, tongue)}" if tongue is Tongue.zh else f" {by_when(at, tongue)}"


def _papers(view: CaseView, tongue: Tongue) -> str:
    """What is missing, and what of it has to be shown in the original."""
    named = [
        word(demand.document, tongue)
        + ((_ORIGINAL.zh if tongue is Tongue.zh else _ORIGINAL.en) if demand.original else "")
        for demand in view.missing
    ] or [word(defect.document, tongue) for defect in view.defects]
    return ("、" if tongue is Tongue.zh else ", ").join(dict.fromkeys(named))


_ORIGINAL: Final = _Said("（原件和复印件，请带到窗口）", " (original and copy, to be brought to the counter)")


def _functions(view: CaseView, tongue: Tongue) -> str:
    left = [word(function, tongue) for function in CardFunction if function not in view.activated]
    return ("和" if tongue is Tongue.zh else " and ").join(left)


def _because(view: CaseView, tongue: Tongue) -> str:
    reason = view.hold_reason
    if reason is None:
        return ""
    return f"（{word(reason, tongue)}）" if tongue is Tongue.zh else f" ({word(reason, tongue)})"


def _comes_by_post(view: CaseView) -> bool:
    return view.status is Status.ready and view.delivery is HandOver.post


def _fetch(view: CaseView, tongue: Tongue) -> str:
    by_post = _comes_by_post(view)
    if tongue is Tongue.zh:
        return (
            "将按您的选择邮寄，请留意查收"
            if by_post
            else f"请{_due(view.act_by or view.due_at, tongue)}带身份证到窗口领取"
        )
    if by_post:
        return "it is sent to you by post as you wished"
    return f"please collect it at the counter with your ID card{_due(view.act_by or view.due_at, tongue)}"


def _what(view: CaseView, tongue: Tongue) -> str:
    """What is changed: the number most often."""
    chinese = tongue is Tongue.zh
    if view.name_alone:
        return "姓名" if chinese else "name"
    if view.changes_name:
        return "号码和姓名" if chinese else "number and name"
    return "号码" if chinese else "number"


def _are_two(view: CaseView) -> bool:
    return view.changes_name and not view.name_alone


_WORDS: Final[Mapping[str, Callable[[CaseView, Tongue], str]]] = {
    "papers": _papers,
    "functions": _functions,
    "because": _because,
    "fetch": _fetch,
    "what": _what,
    "was": lambda view, _tongue: "were" if _are_two(view) else "was",
    "is_now": lambda view, _tongue: "are" if _are_two(view) else "is",
}
"""What a sentence may name of its case, beside the deadline."""

_CHANGE: Final[Mapping[Status, _Said]] = {
    _S.screening: _Said(
        "您的{what}变更申请已收到，正在核对",
        "your application to change the {what} was received",
    ),
    _S.awaiting_documents: _Said(
        "您的{what}变更还缺材料：{papers}，请{due}补交，逾期将关闭本次申请，您的待遇不受影响",
        "your {what} change still needs: {papers}; please hand it in{due}, or this application is closed; "
        "your benefits are not affected",
    ),
    _S.in_review: _Said(
        "您的{what}变更材料正在审核",
        "the documents of your {what} change are being checked",
    ),
    _S.awaiting_approval: _Said(
        "您的{what}变更材料正在复核",
        "the documents of your {what} change are being checked a second time",
    ),
    _S.on_hold: _Said(
        "您的{what}变更暂时中止办理{because}，条件具备后继续",
        "your {what} change is on hold for now{because}, and goes on later",
    ),
    _S.disputed: _Said(
        "您申请的号码与他人登记的号码相同，正在核实，您的待遇不受影响",
        "the number you applied for is registered for somebody else too, which is being looked into; "
        "your benefits are not affected",
    ),
    _S.merging: _Said(
        "您的号码在另一份参保登记中，姓名与您相同，正在核实两份登记是否都是您本人的，您的待遇不受影响",
        "another record with your name has the number you applied for; whether both are yours is being looked into, "
        "and your benefits are not affected",
    ),
    _S.verified: _Said(
        "您的材料已核验，正在变更{what}",
        "your documents were checked and your {what} {is_now} being changed",
    ),
    _S.applying: _Said(
        "您的{what}正在变更，医保、养老、银行等正在同步",
        "your {what} {is_now} being changed, also at the other agencies and your bank",
    ),
    _S.repair: _Said(
        "您的{what}变更遇到问题，工作人员正在处理",
        "your {what} change met a problem, which our staff is dealing with",
    ),
    _S.updated: _Said(
        "您的{what}已变更，正在恢复待遇",
        "your {what} {was} changed and your benefits are being released",
    ),
    _S.releasing: _Said(
        "您的{what}已变更，正在恢复待遇",
        "your {what} {was} changed and your benefits are being released",
    ),
    _S.done: _Said(
        "您的{what}已变更，待遇照常发放",
        "your {what} {was} changed and your benefits are paid as usual",
    ),
    _S.not_needed: _Said(
        "登记的号码已是18位，无需变更",
        "the registered number has 18 digits already; nothing has to be changed",
    ),
    _S.rejected: _Said(
        "您的{what}变更申请未获批准，如有疑问请到经办机构咨询",
        "your application to change the {what} was refused; please ask the agency if you have questions",
    ),
    _S.withdrawn: _Said(
        "您已撤回{what}变更申请，需要时可重新申请",
        "you withdrew your application to change the {what}; you may apply again",
    ),
    _S.closed_no_response: _Said(
        "因未按期补交材料，本次{what}变更申请已关闭，您可以重新申请",
        "your application was closed because documents did not come in time; you may apply again",
    ),
    _S.ended: _Said(
        "{what}变更已终止",
        "the {what} change has ended",
    ),
}

_CARD: Final[Mapping[Status, _Said]] = {
    _S.checking: _Said(
        "您的补换卡申请已收到，正在核对",
        "your application for a new card was received",
    ),
    _S.temporarily_blocked: _Said(
        "您的卡已临时挂失，请{due}办理正式挂失，找到卡也请告知我们",
        "your card is blocked for now; please report the loss formally{due}, and tell us if you find the card",
    ),
    _S.awaiting_documents: _Said(
        "您的补换卡还缺材料：{papers}，请{due}补交，逾期将关闭本次申请",
        "your new card still needs: {papers}; please hand it in{due}, or this application is closed",
    ),
    _S.in_review: _Said(
        "您的补换卡材料正在审核",
        "the documents for your new card are being checked",
    ),
    _S.awaiting_approval: _Said(
        "您的补换卡材料正在复核",
        "the documents for your new card are being checked a second time",
    ),
    _S.on_hold: _Said(
        "您的补换卡暂时中止办理{because}，条件具备后继续",
        "your new card is on hold for now{because}, and goes on later",
    ),
    _S.ordered: _Said(
        "您的新卡正在制作",
        "your new card is being made",
    ),
    _S.in_production: _Said(
        "您的新卡正在制作",
        "your new card is being made",
    ),
    _S.repair: _Said(
        "您的新卡制作遇到问题，工作人员正在处理",
        "making your card met a problem, which our staff is dealing with",
    ),
    _S.ready: _Said(
        "您的新卡已制好，{fetch}",
        "your new card is ready; {fetch}",
    ),
    _S.handed_over: _Said(
        "您的新卡已交付，请{due}激活{functions}",
        "you have your new card; please activate its {functions}{due}",
    ),
    _S.card_outstanding: _Said(
        "补换卡已终止，已制新卡将由经办机构收回",
        "the card replacement has ended; the agency takes the new card back",
    ),
    _S.card_to_destroy: _Said(
        "补换卡已终止，已制新卡由经办机构按规定销毁",
        "the card replacement has ended; the agency destroys the new card",
    ),
    _S.active: _Said(
        "您的新卡已启用",
        "your new card works",
    ),
    _S.closing_old: _Said(
        "您的新卡已启用，旧卡即将注销",
        "your new card works and the old one is about to be cancelled",
    ),
    _S.done: _Said(
        "您的新卡已启用，旧卡已注销",
        "your new card works and the old one is cancelled",
    ),
    _S.card_found: _Said(
        "您的卡已找回，可继续使用，未再制新卡",
        "your card was found and works again; no new one is made",
    ),
    _S.rejected: _Said(
        "您的补换卡申请未获批准，如有疑问请到经办机构咨询",
        "your application for a new card was refused; please ask the agency if you have questions",
    ),
    _S.withdrawn: _Said(
        "您的补换卡申请已撤回或到期关闭，需要时可重新申请",
        "your application for a new card was withdrawn or closed; you may apply again",
    ),
    _S.unclaimed: _Said(
        "您的新卡逾期未领，已按规定销毁，需要时可重新申请",
        "your new card was not collected in time and was destroyed; you may apply again",
    ),
    _S.not_activated: _Said(
        "您的新卡逾期未激活，已按规定注销，需要时可重新申请",
        "your new card was not activated in time and was cancelled; you may apply again",
    ),
    _S.ended: _Said(
        "补换卡已终止",
        "the card replacement has ended",
    ),
}

_SAID: Final[Mapping[tuple[Kind, Status], _Said]] = {
    **{(Kind.id_number_change, status): said for status, said in _CHANGE.items()},
    **{(Kind.card_replacement, status): said for status, said in _CARD.items()},
}


def untold() -> tuple[tuple[Kind, Status], ...]:
    """Statuses of this release's kinds that have no sentence."""
    kinds = {kind for kind, _ in _SAID}
    return tuple(
        (kind, status)
        for kind in MACHINES
        if kind in kinds
        for status in MACHINES[kind].statuses
        if (kind, status) not in _SAID
    )
