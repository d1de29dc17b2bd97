import re
from typing import Any, Final

import pytest

from activities.notifications.messages import ENDING, TEMPLATES, compose
from cases.delivery import Channel, Tongue
from cases.errors import CaseError, Code
from cases.kinds import MACHINES
from cases.machines.machine import Effect
from cases.names import Kind
from cases.offices import Recipient

CASE: Final = "idc-" + "a" * 26

_ENTRY: Final = {"case": CASE, "rung": 5, "due": "2026-08-31", "provisional": True}
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
_OF_RUNG: Final = {"status": "in_review", "provisional": True}
_OF_DIGEST: Final = {"day": "2026-08-25", "red": 2, "decisions": 1}


def _told_to_applicants() -> set[tuple[str, Recipient]]:
    """What the state tables tell applicants: the new status, or the event where the status stays."""
    return {
        (f"{kind.value}.{row.event.value if row.to is row.status else row.to.value}", Recipient.applicant)
        for kind, machine in MACHINES.items()
        for row in machine.table
        if Effect.notify_applicant in row.effects
    }


WRITTEN: Final[dict[tuple[str, Recipient], dict[str, Any]]] = {
    # In one order: every process that runs tests has to name them alike.
    **{key: {} for key in sorted(_told_to_applicants())},
    (f"{Kind.card_replacement.value}.offered", Recipient.applicant): {},
    **{
        (f"escalated.{rung}", recipient): {"rung": rung, **_OF_RUNG}
        for rung, recipients in {
            "blue_0": (Recipient.applicant, Recipient.clerk),
            "blue_1": (Recipient.clerk, Recipient.team_lead),
            "yellow": (Recipient.agency_supervisor, Recipient.applicant),
            "deadline": (Recipient.applicant, Recipient.agency_supervisor),
        }.items()
        for recipient in recipients
    },
    ("digest.municipal", Recipient.municipal): {**_OF_DIGEST, "orange": 1, "agencies": [_GROUP]},
    ("digest.municipal_head", Recipient.municipal_head): {**_OF_DIGEST, "agencies": [_GROUP]},
    ("digest.provincial", Recipient.provincial): {**_OF_DIGEST, "after_deadline": 3, "municipalities": [_GROUP]},
    ("digest.ministry", Recipient.ministry): {"day": "2026-09-07", "after_deadline": 3, "provinces": [_GROUP]},
    **{
        (f"invitation.{rung}", Recipient.applicant): {"campaign_ends": "2026-08-31", "provisional": True}
        for rung in ("blue_0", "blue_1")
    },
    ("channel.test", Recipient.clerk): {},
}
"""Every message that may be written, with the facts that are written with it."""


def _names_no_case(template: str) -> bool:
    return template.startswith(("digest.", "invitation.", "channel."))


@pytest.mark.parametrize("tongue", Tongue)
@pytest.mark.parametrize(("template", "recipient"), WRITTEN, ids=str)
def test_every_message_reads_in_both_languages_and_names_its_case(
    template: str, recipient: Recipient, tongue: Tongue
) -> None:
    case = None if _names_no_case(template) else CASE
    for channel in (Channel.mail, Channel.sms):
        message = compose(template, recipient, case, WRITTEN[template, recipient], channel=channel, tongue=tongue)
        assert message.subject
        assert "\n" not in message.subject
        assert case is None or case in message.body
        assert re.search(r"[{}]|None|\[", message.subject + message.body) is None
        assert bool(re.search(r"[\u4e00-\u9fff]", message.subject)) is (tongue is Tongue.zh)


@pytest.mark.parametrize("tongue", Tongue)
def test_no_template_lies_about_that_nobody_writes(tongue: Tongue) -> None:
    lying = {path.name.removesuffix(ENDING) for path in (TEMPLATES / tongue.value).iterdir()}
    for template, recipient in WRITTEN:
        named = f"{template}.{recipient}"
        lying -= {named if (TEMPLATES / tongue.value / f"{named}{ENDING}").exists() else template}
    assert lying == set()


@pytest.mark.parametrize("tongue", Tongue)
@pytest.mark.parametrize(("template", "recipient"), [key for key in WRITTEN if WRITTEN[key]], ids=str)
def test_a_fact_that_is_missing_is_an_error_and_no_gap(template: str, recipient: Recipient, tongue: Tongue) -> None:
    needed = {"provisional"} if template.startswith(("escalated", "invitation")) else {"day"}
    facts = {name: fact for name, fact in WRITTEN[template, recipient].items() if name not in needed}
    with pytest.raises(CaseError) as wrong:
        compose(template, recipient, CASE, facts, channel=Channel.mail, tongue=tongue)
    assert (wrong.value.code, wrong.value.field) == (Code.TEMPLATE_INVALID, template)
    assert wrong.value.__context__ is None


def test_a_message_without_a_template_is_an_error() -> None:
    with pytest.raises(CaseError) as wrong:
        compose("IdNumberChange.nothing", Recipient.applicant, CASE, {}, channel=Channel.sms, tongue=Tongue.zh)
    assert wrong.value.code is Code.TEMPLATE_INVALID


def test_a_long_message_is_short_on_a_phone() -> None:
    facts = WRITTEN["digest.municipal", Recipient.municipal]
    texts = {
        channel: compose("digest.municipal", Recipient.municipal, None, facts, channel=channel, tongue=Tongue.zh).body
        for channel in (Channel.sms, Channel.mail)
    }
    assert CASE in texts[Channel.mail]
    assert len(texts[Channel.sms]) <= 70
    assert CASE not in texts[Channel.sms]


_TWO_PARTS: Final = 134
"""Characters of a text message that goes out in two parts; each part in Chinese holds 67."""


@pytest.mark.parametrize("template", [template for template, to in WRITTEN if to is Recipient.applicant])
def test_a_citizen_reads_who_writes_and_whom_to_ask_in_two_parts_without_codes_or_english(template: str) -> None:
    case = None if _names_no_case(template) else CASE
    facts = WRITTEN[template, Recipient.applicant]
    message = compose(template, Recipient.applicant, case, facts, channel=Channel.sms, tongue=Tongue.zh)
    assert len(message.body) <= _TWO_PARTS
    assert message.body.startswith("社保经办机构")
    assert "经办机构" in message.body.removeprefix("社保经办机构") or "案件号" in message.body
    assert re.search("[A-Za-z_]", (message.subject + message.body).replace(CASE, "")) is None


@pytest.mark.parametrize("rung", ["blue_0", "blue_1"])
@pytest.mark.parametrize(
    ("tongue", "deadline"), [(Tongue.zh, "2026年8月31日（周一）24时前"), (Tongue.en, "by Monday 31 August 2026, 24:00")]
)
def test_an_invitation_says_by_which_day(rung: str, tongue: Tongue, deadline: str) -> None:
    facts = WRITTEN[f"invitation.{rung}", Recipient.applicant]
    template = f"invitation.{rung}"
    message = compose(template, Recipient.applicant, None, facts, channel=Channel.mail, tongue=tongue)
    assert deadline in message.body


@pytest.mark.parametrize("day", ["2026-13-01", 20260831])
def test_a_day_that_is_none_is_an_error(day: object) -> None:
    facts = {"campaign_ends": day, "provisional": False}
    with pytest.raises(CaseError) as wrong:
        compose("invitation.blue_0", Recipient.applicant, None, facts, channel=Channel.mail, tongue=Tongue.zh)
    assert wrong.value.code is Code.TEMPLATE_INVALID
