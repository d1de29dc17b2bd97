import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from activities.notifications.messages import ENDING, SMS_EN, SMS_ZH, TEMPLATES, Desk, compose
from activities.registry.effects import template_of
from cases.delivery import Channel, Tongue
from cases.errors import CaseError, Code
from cases.kinds import MACHINES
from cases.ladder import Cause, Rung
from cases.machines.machine import Effect, Row, Status
from cases.names import Kind
from cases.offices import Recipient
from cases.standstills import Standstill

CASE: Final = "idc-" + "a" * 26

_ENTRY: Final = {"case": CASE, "rung": 5, "due": "2026-08-31T16:00:00+00:00", "provisional": True}
_GROUP: Final = {
    "office": "110105",
    "name": "示例经办机构",
    "orange": 1,
    "red": 2,
    "decisions": 1,
    "after_deadline": 3,
    "cases": [_ENTRY],
    "more": 2,
}
_OF_DIGEST: Final = {"day": "2026-08-25", "red": 2, "decisions": 1}

NOW: Final = datetime(2026, 8, 25, 4, tzinfo=UTC)
"""When the messages are sent."""


def _standing(kind: Kind, **more: Any) -> dict[str, Any]:
    """What is written with a message to an applicant, as long as it may become."""
    return {
        "kind": kind.value,
        "due": "2026-12-12T00:00:00+08:00",
        "left": {"after": "2026-08-25", "working_days": 71},
        "provisional": True,
        "limit": None,
        "asks": False,
        "documents": [],
        "hold": None,
        "expires": "cancel",
        "delivery": "counter",
        "last": False,
        "refused_by": None,
        "remains": [],
        **more,
    }


DOCUMENTS: Final = ["resident_id_card", "police_certificate"]


def _facts_of(kind: Kind, row: Row) -> dict[str, Any]:
    """The facts of a row whose words are the longest."""
    more: dict[str, Any] = {}
    if row.to is Status.awaiting_documents:
        more |= {"documents": DOCUMENTS, "asks": True, "limit": "supplement"}
    if row.to is Status.on_hold:
        more |= {"hold": "waiting_for_other_agency", "limit": "hold"}
    if row.to is Status.withdrawn:
        more |= {"due": None, "left": None, "provisional": False, "remains": ["card_blocked", "card_ordered"]}
    if Effect.restore_number in row.effects:
        more |= {"refused_by": "bank"}
    return _standing(kind, **more)


def _told_to_applicants() -> dict[tuple[str, Recipient], dict[str, Any]]:
    """What the state tables tell applicants."""
    return {
        (template_of(kind, row), Recipient.applicant): _facts_of(kind, row)
        for kind, machine in MACHINES.items()
        for row in machine.table
        if Effect.notify_applicant in row.effects
    }


def _of_rung(rung: Rung, cause: Cause, **more: Any) -> dict[str, Any]:
    facts = _standing(Kind.id_number_change) | {"act_by": "2026-12-12T00:00:00+08:00"}
    return facts | {
        "rung": int(rung),
        "cause": cause.value,
        "status": "in_review",
        "acknowledge_within": 3,
        "unacknowledged_within": 2,
        **more,
    }


STAFF: Final = (Recipient.clerk, Recipient.team_lead, Recipient.agency_supervisor)

WRITTEN: Final[dict[tuple[str, Recipient], dict[str, Any]]] = {
    # In one order: every process that runs tests has to name them alike.
    **dict(sorted(_told_to_applicants().items())),
    (f"{Kind.card_replacement.value}.offered", Recipient.applicant): {},
    (f"{Kind.id_number_change.value}.records_merged", Recipient.applicant): {},
    (f"{Kind.id_number_change.value}.records_separated", Recipient.applicant): {},
    ("block_ended", Recipient.applicant): {"expires": "release"},
    # A policy may have any rung told to anybody at the agency.
    **{
        (f"escalated.{rung.name}", recipient): _of_rung(rung, Cause.unacknowledged)
        for rung in Rung
        if rung is not Rung.none
        for recipient in (Recipient.applicant, *STAFF)
    },
    ("digest.municipal", Recipient.municipal): {**_OF_DIGEST, "orange": 1, "agencies": [_GROUP]},
    ("digest.municipal_head", Recipient.municipal_head): {**_OF_DIGEST, "agencies": [_GROUP]},
    ("digest.provincial", Recipient.provincial): {**_OF_DIGEST, "after_deadline": 3, "municipalities": [_GROUP]},
    ("digest.ministry", Recipient.ministry): {"day": "2026-09-07", "after_deadline": 3, "provinces": [_GROUP]},
    **{
        (f"invitation.{rung}", Recipient.applicant): {"campaign_ends": "2026-09-01T00:00:00+08:00", "provisional": True}
        for rung in ("blue_0", "blue_1")
    },
    **{
        (f"claims_suspended.{way}", Recipient.applicant): {
            "legal_basis": "示例办法第十八条",
            "documents": ["resident_id_card"],
            "campaign_ends": "2026-09-01T00:00:00+08:00",
            "provisional": True,
            "office": "示例市社会保险经办机构",
        }
        for way in ("to_bring", "in_hand")
    },
    ("channel.test", Recipient.clerk): {},
    **{
        ("standstill", recipient): {
            "count": 22,
            "standstills": [
                {"subject": CASE, "how": kind.value, "since": "2026-09-07T10:00:00+08:00"} for kind in Standstill
            ],
            "more": 2,
        }
        for recipient in (Recipient.team_lead, Recipient.ministry)
    },
    **{
        ("delivery_overdue", recipient): {
            "kind": Kind.id_number_change.value,
            "undelivered": [
                {"role": "medical_insurance", "away_since": "2026-09-07T10:00:00+08:00"},
                {"role": "card_bureau", "away_since": None},
            ],
        }
        for recipient in (Recipient.clerk, Recipient.team_lead)
    },
}
"""Every message that may be written, with the facts that are written with it."""


def _names_no_case(template: str) -> bool:
    return template.startswith(("digest.", "invitation.", "claims_suspended.", "channel.", "standstill"))


@pytest.mark.parametrize("tongue", Tongue)
@pytest.mark.parametrize(("template", "recipient"), WRITTEN, ids=str)
def test_every_message_reads_in_both_languages_and_names_its_case(
    template: str, recipient: Recipient, tongue: Tongue
) -> None:
    case = None if _names_no_case(template) else CASE
    for channel in (Channel.mail, Channel.sms):
        message = compose(
            template, recipient, case, WRITTEN[template, recipient], at=NOW, channel=channel, tongue=tongue
        )
        assert message.subject
        assert "\n" not in message.subject
        assert case is None or case in message.body
        assert re.search(r"[{}]|None|\[", message.subject + message.body) is None
        assert bool(re.search(r"[\u4e00-\u9fff]", message.subject)) is (tongue is Tongue.zh)


@pytest.mark.parametrize("tongue", Tongue)
def test_no_template_lies_about_that_nobody_writes(tongue: Tongue) -> None:
    lying = {path.name.removesuffix(ENDING) for path in (TEMPLATES / tongue.value).iterdir()}
    read = set()
    for template, recipient in WRITTEN:
        names = (template, template.rpartition(".")[0])
        read.add(next(each for name in names for each in (f"{name}.{recipient}", name) if each in lying))
    assert lying == read


def _needed_by(template: str) -> Iterator[str]:
    """Facts that a template names whatever the others are."""
    text = (TEMPLATES / "zh" / f"{template}{ENDING}").read_text(encoding="utf-8") if _is_of_its_own(template) else ""
    yield from (
        fact for fact in ("due", "provisional", "campaign_ends", "kind", "rung") if re.search(rf"\b{fact}\b", text)
    )
    if template.startswith("escalated"):
        yield from ("due", "provisional")


def _is_of_its_own(template: str) -> bool:
    return (TEMPLATES / "zh" / f"{template}{ENDING}").exists()


@pytest.mark.parametrize("tongue", Tongue)
@pytest.mark.parametrize(
    ("template", "recipient"),
    [(template, to) for template, to in WRITTEN if template.startswith("digest") or [*_needed_by(template)]],
    ids=str,
)
def test_a_fact_that_is_missing_is_an_error_and_no_gap(template: str, recipient: Recipient, tongue: Tongue) -> None:
    needed = {"day"} if template.startswith("digest") else set(_needed_by(template))
    facts = {name: fact for name, fact in WRITTEN[template, recipient].items() if name not in needed}
    with pytest.raises(CaseError) as wrong:
        compose(template, recipient, CASE, facts, at=NOW, channel=Channel.mail, tongue=tongue)
    assert (wrong.value.code, wrong.value.field) == (Code.TEMPLATE_INVALID, template)
    assert wrong.value.__context__ is None


def test_a_message_without_a_template_is_an_error() -> None:
    with pytest.raises(CaseError) as wrong:
        compose("IdNumberChange.nothing", Recipient.applicant, CASE, {}, at=NOW, channel=Channel.sms, tongue=Tongue.zh)
    assert wrong.value.code is Code.TEMPLATE_INVALID


def test_a_long_message_is_short_on_a_phone() -> None:
    facts = WRITTEN["digest.municipal", Recipient.municipal]
    texts = {
        channel: compose(
            "digest.municipal", Recipient.municipal, None, facts, at=NOW, channel=channel, tongue=Tongue.zh
        ).body
        for channel in (Channel.sms, Channel.mail)
    }
    assert CASE in texts[Channel.mail]
    assert len(texts[Channel.sms]) <= 70
    assert CASE not in texts[Channel.sms]


_TWO_PARTS: Final = SMS_ZH
LONG: Final = Desk(
    name="莫力达瓦达斡尔族自治旗社会保险事业服务中心",
    address="莫力达瓦达斡尔族自治旗尼尔基镇纳文东大街118号政务服务中心二楼",
    hours="周一至周五8:30—12:00、14:30—17:30",
    phone="0470-4612333",
    reference="20481337",
)
"""An agency as they are called where names are long."""
USUAL: Final = replace(LONG, name="石家庄市长安区社会保险中心", address="示例路1号政务中心二楼", phone="0311-12333")
VISITS: Final = (
    "invitation.blue_0",
    "invitation.blue_1",
    "claims_suspended.to_bring",
    "escalated.deadline",
    "CardReplacement.activation_overdue",
    "CardReplacement.ready",
    "CardReplacement.temporarily_blocked",
)
_GSM: Final = re.compile(r"[A-Za-z0-9 .,:;!?()'/\r\n-]*")


def _to_citizens() -> list[str]:
    return [template for template, to in WRITTEN if to is Recipient.applicant]


def _told(template: str, tongue: Tongue, channel: Channel, desk: Desk) -> str:
    case = None if _names_no_case(template) else CASE
    facts = WRITTEN[template, Recipient.applicant]
    return compose(template, Recipient.applicant, case, facts, at=NOW, channel=channel, tongue=tongue, desk=desk).body


@pytest.mark.parametrize("tongue", Tongue)
@pytest.mark.parametrize("template", _to_citizens())
def test_a_text_message_is_billed_as_two_at_most_whatever_the_agency_is_called(template: str, tongue: Tongue) -> None:
    text = _told(template, tongue, Channel.sms, LONG)
    assert len(text) <= (SMS_ZH if tongue is Tongue.zh else SMS_EN)
    assert "0470-4612333" in text
    if tongue is Tongue.zh:
        assert text.startswith(LONG.name or "-")
    else:
        # A single other character would halve the room.
        assert _GSM.fullmatch(text), _GSM.sub("", text)
    assert CASE not in text
    assert _names_no_case(template) or "20481337" in text


@pytest.mark.parametrize("tongue", Tongue)
@pytest.mark.parametrize("template", _to_citizens())
def test_a_letter_says_where_and_when_the_agency_is_open_and_whom_to_call(template: str, tongue: Tongue) -> None:
    text = _told(template, tongue, Channel.mail, LONG)
    for particular in (LONG.name, LONG.address, LONG.hours, LONG.phone):
        assert particular is not None
        assert particular in text
    assert CASE not in text


@pytest.mark.parametrize("template", VISITS)
def test_whoever_has_to_come_reads_where_and_when_on_their_phone_as_well(template: str) -> None:
    name = template if template != "escalated.deadline" else f"escalated.{Rung.deadline.name}"
    text = _told(name, Tongue.zh, Channel.sms, USUAL)
    assert text.endswith(f"{USUAL.address}，{USUAL.hours}。")


def test_nobody_is_sent_to_a_counter_who_has_nothing_to_do_there() -> None:
    for template in ("IdNumberChange.done", "IdNumberChange.in_review", "CardReplacement.rejected"):
        assert (USUAL.address or "") not in _told(template, Tongue.zh, Channel.sms, USUAL)


def test_of_an_agency_of_which_nothing_is_known_nothing_is_said() -> None:
    text = _told("IdNumberChange.in_review", Tongue.zh, Channel.mail, Desk())
    assert text.startswith("社保经办机构通知：")
    assert text.endswith(f"详询经办机构，案件号{CASE}。")


@pytest.mark.parametrize("template", [template for template, to in WRITTEN if to is Recipient.applicant])
def test_a_citizen_reads_who_writes_and_whom_to_ask_in_two_parts_without_codes_or_english(template: str) -> None:
    case = None if _names_no_case(template) else CASE
    facts = WRITTEN[template, Recipient.applicant]
    message = compose(template, Recipient.applicant, case, facts, at=NOW, channel=Channel.sms, tongue=Tongue.zh)
    assert len(message.body) <= _TWO_PARTS
    assert message.body.startswith(facts.get("office") or "社保经办机构")
    assert "经办机构" in message.body.removeprefix("社保经办机构") or "案件号" in message.body
    assert re.search("[A-Za-z_]", (message.subject + message.body).replace(CASE, "")) is None


_OVER: Final = {
    "due": "2026-08-01T00:00:00+08:00",
    "left": {"after": "2026-07-30", "working_days": 1},
    "provisional": False,
}
_NO_MORE: Final = {"due": None, "left": None, "provisional": False, "last": True}
_ASKED: Final = {"documents": DOCUMENTS, "asks": True}


@pytest.mark.parametrize(
    ("template", "facts", "said"),
    [
        ("resume", _standing(Kind.id_number_change, **_ASKED), "请于2026年12月11日（周五）24时前"),
        ("resume", _standing(Kind.card_replacement), "目前无需您办理"),
        ("extend", _standing(Kind.id_number_change, **_ASKED, limit="supplement"), "补正期限已延长至2026年12月11日"),
        ("extend", _standing(Kind.card_replacement, asks=True, limit="claim"), "领卡期限已延长至2026年12月11日"),
        ("extend", _standing(Kind.card_replacement, limit="delivery"), "其他单位的办理时间已延长，自其收到请求时起算"),
        ("CardReplacement.ready", _standing(Kind.card_replacement, delivery="post"), "将邮寄给您"),
        ("CardReplacement.ready", _standing(Kind.card_replacement), "携带有效身份证件领取"),
        ("CardReplacement.claim_period_passed", _standing(Kind.card_replacement, delivery="post"), "核对收件地址"),
        ("recompute", _standing(Kind.id_number_change, **_ASKED, limit="supplement"), "补正期限改为2026年12月11日"),
        (
            "recompute",
            _standing(Kind.id_number_change, **_ASKED, limit="supplement", moved=False),
            "所需材料有变化，期限仍为2026年12月11日",
        ),
        ("CardReplacement.on_hold", _standing(Kind.card_replacement, **_NO_MORE), "由经办机构决定"),
        ("CardReplacement.activation_overdue", _standing(Kind.card_replacement, **_NO_MORE), "此后不再提醒"),
        ("CardReplacement.claim_period_passed", _standing(Kind.card_replacement, **_NO_MORE), "保管期限已满"),
        ("CardReplacement.temporarily_blocked", _standing(Kind.card_replacement, expires="release"), "临时挂失解除"),
        ("CardReplacement.temporarily_blocked", _standing(Kind.card_replacement), "原卡将注销"),
        ("IdNumberChange.number_restored", _standing(Kind.id_number_change, refused_by="bank"), "银行未确认"),
        ("escalated.blue_0", _of_rung(Rung.blue_0, Cause.campaign), "集中变更期限为2026年12月11日（周五）24时"),
        ("escalated.yellow", _of_rung(Rung.yellow, Cause.campaign, **_ASKED), "于2026年12月11日（周五）24时前完成"),
        (
            "escalated.yellow",
            _of_rung(Rung.yellow, Cause.campaign, **_OVER),
            "集中变更期限已于2026年7月31日（周五）24时届满",
        ),
        ("escalated.yellow", _of_rung(Rung.yellow, Cause.processing), "办理期限至2026年12月11日（周五）24时"),
        (
            "escalated.yellow",
            _of_rung(Rung.yellow, Cause.processing, **_OVER),
            "办理期限已于2026年7月31日（周五）24时届满",
        ),
        ("escalated.yellow", _of_rung(Rung.yellow, Cause.step), "目前无需您办理"),
    ],
)
def test_a_citizen_reads_what_holds_in_this_case_in_two_parts(template: str, facts: dict[str, Any], said: str) -> None:
    message = compose(template, Recipient.applicant, CASE, facts, at=NOW, channel=Channel.sms, tongue=Tongue.zh)
    assert said in message.body
    assert len(message.body) <= _TWO_PARTS
    assert re.search("[A-Za-z_]", (message.subject + message.body).replace(CASE, "")) is None
    english = compose(template, Recipient.applicant, CASE, facts, at=NOW, channel=Channel.mail, tongue=Tongue.en)
    assert re.search(r"[\u4e00-\u9fff_]", english.subject + english.body) is None


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("documents", "originals", "returned", "chinese", "english"),
    [
        (
            ("resident_id_card",),
            (),
            False,
            "缺材料：居民身份证。请于2026年12月11日（周五）24时前（暂定）交到经办机构或网上补交",
            "or online by Friday 11 December 2026, 24:00",
        ),
        (
            ("resident_id_card",),
            ("resident_id_card",),
            False,
            "缺材料：居民身份证。请于2026年12月11日（周五）24时前（暂定）带原件到窗口补交",
            "Bring them to a counter of your agency by Friday 11 December 2026, 24:00",
        ),
        (
            ("resident_id_card", "police_certificate"),
            ("resident_id_card",),
            True,
            "须补交或重交：居民身份证、公安机关证明。",
            "and show the originals there",
        ),
    ],
)
def test_whoever_has_to_show_an_original_is_not_told_to_send_it_and_a_copy_that_was_refused_is_not_called_missing(
    kind: Kind, documents: tuple[str, ...], originals: tuple[str, ...], chinese: str, english: str, *, returned: bool
) -> None:
    facts = _standing(kind, documents=documents, originals=originals, returned=returned, asks=True)
    template = f"{kind.value}.awaiting_documents"
    message = compose(template, Recipient.applicant, CASE, facts, at=NOW, channel=Channel.sms, tongue=Tongue.zh)
    assert chinese in message.body
    assert ("网上" in message.body) is not bool(originals)
    assert ("缺材料" in message.body) is not returned
    assert len(message.body) <= _TWO_PARTS
    read = compose(template, Recipient.applicant, CASE, facts, at=NOW, channel=Channel.mail, tongue=Tongue.en)
    assert english in read.body
    assert ("online" in read.body) is not bool(originals)
    # Of what was written before these were known, nothing is claimed.
    before = {name: value for name, value in facts.items() if name not in {"originals", "returned"}}
    assert (
        "网上"
        in compose(template, Recipient.applicant, CASE, before, at=NOW, channel=Channel.sms, tongue=Tongue.zh).body
    )


@pytest.mark.parametrize("channel", [Channel.mail, Channel.sms])
@pytest.mark.parametrize(
    ("template", "more", "chinese", "english"),
    [
        ("done", {}, "身份证号码已变更，因旧号码暂停的待遇和报销已恢复", "The ID number in your"),
        ("done", {"changes_name": True}, "身份证号码和姓名已变更，因旧号码", "The ID number and the name in your"),
        ("done", {"changes_name": True, "name_alone": True}, "姓名已变更，待遇照常发放", "The name in your"),
        ("number_restored", {"changes_name": True}, "您的身份证号码和姓名变更未能完成", "ID number and name could not"),
        (
            "number_restored",
            {"changes_name": True, "name_alone": True},
            "您的姓名变更未能完成",
            "Your name could not be changed yet",
        ),
    ],
)
def test_whoever_changes_their_name_reads_of_the_name(
    template: str, more: dict[str, bool], chinese: str, english: str, channel: Channel
) -> None:
    facts = _standing(Kind.id_number_change, **more)
    whole = f"{Kind.id_number_change.value}.{template}"
    read = compose(whole, Recipient.applicant, CASE, facts, at=NOW, channel=channel, tongue=Tongue.zh)
    assert chinese in read.body
    assert ("号码" in read.subject + read.body) is not more.get("name_alone", False)
    assert len(read.body) <= _TWO_PARTS
    read = compose(whole, Recipient.applicant, CASE, facts, at=NOW, channel=channel, tongue=Tongue.en)
    assert english in read.body
    assert ("number" in read.subject + read.body) is not more.get("name_alone", False)


@pytest.mark.parametrize(
    ("cause", "more", "chinese", "english"),
    [
        (Cause.processing, {}, "办理时间已用去规定比例", "share of its processing time"),
        (Cause.processing, _OVER, "办理期限已于2026年7月31日（周五）24时届满", "ended: Friday 31 July 2026, 24:00"),
        (Cause.step, {}, "在当前环节停留超过规定时间", "in its present step for longer"),
        (
            Cause.campaign,
            {},
            "须在集中变更期限2026年12月11日（周五）24时前变更号码（还有71个工作日）",
            "71 working days left",
        ),
        (Cause.campaign, _OVER, "集中变更期限已于2026年7月31日（周五）24时届满", "campaign date has passed"),
        (Cause.unacknowledged, {}, "上一级督办未在2个工作日内签收", "nobody acknowledged that within 2 working days"),
    ],
)
@pytest.mark.parametrize("recipient", STAFF)
def test_staff_read_why_a_rung_fired_and_within_which_days_it_is_to_be_acknowledged(
    recipient: Recipient, cause: Cause, more: dict[str, Any], chinese: str, english: str
) -> None:
    for rung in (Rung.blue_0, Rung.yellow, Rung.red):
        facts = _of_rung(rung, cause, **more)
        for tongue, said, within in (
            (Tongue.zh, chinese, "请在3个工作日内签收督办"),
            (Tongue.en, english, "within 3 working days"),
        ):
            message = compose(
                f"escalated.{rung.name}", recipient, CASE, facts, at=NOW, channel=Channel.mail, tongue=tongue
            )
            assert said in message.body
            assert within in message.body
            silent = compose(
                f"escalated.{rung.name}",
                recipient,
                CASE,
                facts | {"acknowledge_within": None},
                at=NOW,
                channel=Channel.mail,
                tongue=tongue,
            )
            assert within not in silent.body


@pytest.mark.parametrize(
    ("status", "chinese", "english"),
    [
        (Status.card_outstanding, "请向制卡中心核实是否制出新卡", "ask the card bureau whether a card was made"),
        (Status.card_to_destroy, "已制出的新卡须由两人监销", "two people have to destroy the card"),
    ],
)
@pytest.mark.parametrize("recipient", STAFF)
def test_staff_read_what_is_left_to_do_where_the_application_has_ended(
    recipient: Recipient, status: Status, chinese: str, english: str
) -> None:
    facts = _of_rung(Rung.yellow, Cause.step)
    left = facts | {"kind": Kind.card_replacement.value, "status": status.value}
    for tongue, said in ((Tongue.zh, chinese), (Tongue.en, english)):
        for written, is_said in ((left, True), (facts, False)):
            message = compose("escalated.yellow", recipient, CASE, written, at=NOW, channel=Channel.mail, tongue=tongue)
            assert (said in message.body) is is_said


def test_what_is_left_is_counted_from_the_day_it_was_written_on_where_it_is_read_later() -> None:
    facts = _of_rung(Rung.yellow, Cause.campaign)
    for at, said in ((NOW, "（还有71个工作日）"), (NOW + timedelta(days=1), "（8月25日后还有71个工作日）")):
        message = compose(
            "escalated.yellow", Recipient.clerk, CASE, facts, at=at, channel=Channel.mail, tongue=Tongue.zh
        )
        assert said in message.body


@pytest.mark.parametrize("rung", ["blue_0", "blue_1"])
@pytest.mark.parametrize(
    ("tongue", "deadline"), [(Tongue.zh, "2026年8月31日（周一）24时前"), (Tongue.en, "by Monday 31 August 2026, 24:00")]
)
def test_an_invitation_says_by_which_day(rung: str, tongue: Tongue, deadline: str) -> None:
    facts = WRITTEN[f"invitation.{rung}", Recipient.applicant]
    template = f"invitation.{rung}"
    message = compose(template, Recipient.applicant, None, facts, at=NOW, channel=Channel.mail, tongue=tongue)
    assert deadline in message.body
    # At a counter the last day ends with the office's hours.
    facts = facts | {"campaign_ends": "2026-08-31T17:00:00+08:00"}
    message = compose(template, Recipient.applicant, None, facts, at=NOW, channel=Channel.sms, tongue=tongue)
    closing = {
        Tongue.zh: "8月31日（周一）下班（17:00）前",
        Tongue.en: "31 August 2026, close of business (17:00)",
    }
    assert closing[tongue] in message.body
    assert tongue is Tongue.en or len(message.body) <= _TWO_PARTS


@pytest.mark.parametrize("channel", [Channel.mail, Channel.sms])
def test_whoever_has_a_claim_suspended_reads_why_what_to_bring_where_and_by_when(channel: Channel) -> None:
    template, recipient = "claims_suspended.to_bring", Recipient.applicant
    facts = WRITTEN[template, recipient]

    def read(**more: Any) -> str:
        return compose(template, recipient, None, facts | more, at=NOW, channel=channel, tongue=Tongue.zh).body

    for said in ("15位旧身份证号码", "居民身份证", "示例市社会保险经办机构通知：", "8月31日（周一）24时前"):
        assert said in read()
    assert read(office=None).startswith("社保经办机构通知：")
    # Once the campaign is over there is no date any more by which it should be done.
    assert re.search("请尽快携?带居民身份证", read(campaign_ends="2026-01-01T00:00:00+08:00"))
    if channel is Channel.mail:
        assert "示例办法第十八条" in read()
    else:
        assert len(read()) <= _TWO_PARTS


@pytest.mark.parametrize("day", ["2026-13-01", 20260831])
def test_a_day_that_is_none_is_an_error(day: object) -> None:
    facts = {"campaign_ends": day, "provisional": False}
    with pytest.raises(CaseError) as wrong:
        compose("invitation.blue_0", Recipient.applicant, None, facts, at=NOW, channel=Channel.mail, tongue=Tongue.zh)
    assert wrong.value.code is Code.TEMPLATE_INVALID
