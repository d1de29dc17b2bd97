"""Messages: what people read, from templates that are reviewed as text.

A template is a file for each language, `templates/zh/…txt` and `templates/en/…txt`, with a block `subject`, a block
`body` and, where the body is long, a block `short` for text messages. It knows the case number as `case`, and the facts
that were written with the notification. One for an applicant knows as `sender` who writes, and as `asking` and
`contact` whom to call about which reference; a block `visit` says something where they have to come, and the place and
the hours follow as far as there is room. A deadline is written as `{{ due | by_when }}`; whether it `is over` is asked
when the message is sent. What a template names and was not given is an error, never a gap.

What all rungs say in one way has one template: `escalated.red` is `escalated` where there is none of that name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cases.answers import Left
from cases.clocks import SHANGHAI, day_of
from cases.delivery import Channel, Tongue
from cases.documents import DocumentKind
from cases.errors import CaseError, Code
from cases.facts import HoldReason
from cases.ladder import Rung
from cases.machines.machine import Clock, Status
from cases.models import Role, System
from cases.names import Kind
from cases.offices import Recipient
from cases.standstills import Standstill
from cases.words import REMAINS, by_when, days_left, when, word

TEMPLATES: Final = Path(__file__).with_name("templates")
ENDING: Final = ".txt"


@dataclass(frozen=True)
class Message:
    """What one person reads through one channel: plain text, never markup."""

    subject: str
    body: str


@dataclass(frozen=True)
class Desk:
    """What an applicant is told of the agency of their case, as the directory has it; nothing where it has nothing."""

    name: str | None = None
    address: str | None = None
    hours: str | None = None
    phone: str | None = None
    reference: str | None = None
    """Eight digits by which they name their case."""

    @classmethod
    def of(cls, office: Mapping[str, Any] | None, reference: str | None) -> "Desk":
        """By a row of the directory."""
        known = office or {}
        names = ("name", "address", "hours", "phone")
        return cls(**{name: known.get(name) for name in names}, reference=reference)


NO_DESK: Final = Desk()
SMS_ZH: Final = 2 * 67
"""Characters of a text message that is billed as two; each part of a longer one holds 67 of Chinese."""
SMS_EN: Final = 2 * 153
"""The same of the alphabet that needs seven bits a letter (GSM 03.38)."""


def compose(
    template: str,
    recipient: Recipient,
    case: str | None,
    facts: Mapping[str, Any],
    *,
    at: datetime,
    channel: Channel,
    tongue: Tongue,
    desk: Desk = NO_DESK,
) -> Message:
    """The message of a template at the moment `at`, in its version for the recipient where there is one.

    Raises `CaseError` TEMPLATE_INVALID where there is no such template, or where it names what was not given.
    """
    say = _Saying(tongue)
    known = {**facts, "now": at} | ({} if case is None else {"case": case})
    if recipient is Recipient.applicant:
        # Who is written to without a case: the register names the agency itself.
        desk = desk if desk.name is not None else replace(desk, name=facts.get("office"))
        known |= {"sender": say.sender(desk), "asking": say.asking(desk, case), "contact": say.contact(desk, case)}
    try:
        names = (template, template.rpartition(".")[0] or template)
        files = (file for name in names for file in (f"{name}.{recipient}{ENDING}", f"{name}{ENDING}"))
        chosen = _environment(tongue).select_template(list(files))
        body = "short" if channel is Channel.sms and "short" in chosen.blocks else "body"
        text = _block(chosen, body, known)
        if recipient is Recipient.applicant and channel is not Channel.sms:
            text += say.particulars(desk)
        elif "visit" in chosen.blocks and _block(chosen, "visit", known):
            with_place = text + say.place(desk)
            text = with_place if len(with_place) <= (SMS_ZH if tongue is Tongue.zh else SMS_EN) else text
        return Message(subject=" ".join(_block(chosen, "subject", known).split()), body=text)
    except (TemplateError, TypeError, ValueError, KeyError):
        pass
    # Outside the handler: what Jinja2 says of an error quotes values.
    raise CaseError(Code.TEMPLATE_INVALID, template)


def _block(template: Template, block: str, known: Mapping[str, Any]) -> str:
    return "".join(template.blocks[block](template.new_context(dict(known)))).strip()


@cache
def _environment(tongue: Tongue) -> ImmutableSandboxedEnvironment:
    # Bodies are plain text in every channel; nothing interprets markup in them, so nothing is escaped.
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES / tongue.value),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    say = _Saying(tongue)
    environment.filters |= {
        "by_when": say.by_when,
        "by_day": say.by_day,
        "when": say.when,
        "left": say.left,
        "named": say.named,
        "listed": say.listed,
        "rung": say.rung,
    }
    environment.tests["over"] = _is_over
    return environment


MOST_LISTED: Final = 3
"""So many things a message names; of more, the rest is a figure."""

_NAMED: Final = {
    **{
        member.value: member
        for members in (Status, Kind, Clock, DocumentKind, HoldReason, System, Standstill)
        for member in members
    },
    Role.card_bureau.value: Role.card_bureau,
}
"""What templates name by its value; no two of these closed sets have one in common. The card bureau alone is asked
without being a system that confirms."""


_PARTICULARS: Final = {
    Tongue.zh: ("经办机构：", "地址：", "办公时间：", "电话：", "编号："),
    Tongue.en: ("Agency: ", "Address: ", "Open: ", "Phone: ", "Reference: "),
}


@dataclass(frozen=True)
class _Saying:
    """What templates say in one language."""

    tongue: Tongue

    def sender(self, desk: Desk) -> str:
        """Who writes. The names of offices are Chinese: in a text message a single character of it halves the room."""
        if self.tongue is Tongue.zh:
            return desk.name or "社保经办机构"
        return "your social insurance agency"

    def asking(self, desk: Desk, case: str | None) -> str:
        """Whom to call about what."""
        if self.tongue is Tongue.zh:
            return "，".join(filter(None, (f"详询{desk.phone or '经办机构'}", self._named_by(desk, case))))
        return ", ".join(filter(None, (f"Questions: {desk.phone or 'ask your agency'}", self._named_by(desk, case))))

    def contact(self, desk: Desk, case: str | None) -> str:
        """The same, of somebody who has to call."""
        named = self._named_by(desk, case)
        if self.tongue is Tongue.zh:
            return f"联系{desk.phone or '经办机构'}" + (f"（{named}）" if named else "")
        return f"call {desk.phone or 'your agency'}" + (f" ({named})" if named else "")

    def _named_by(self, desk: Desk, case: str | None) -> str:
        chinese = self.tongue is Tongue.zh
        if desk.reference is not None:
            return f"编号{desk.reference}" if chinese else f"reference {desk.reference}"
        if case is not None:
            return f"案件号{case}" if chinese else f"case {case}"
        return ""

    def place(self, desk: Desk) -> str:
        """Where the counter is and when it is open, behind a text message. An address is Chinese."""
        if desk.address is None or self.tongue is not Tongue.zh:
            return ""
        return "，".join(filter(None, (desk.address, desk.hours))) + "。"

    def particulars(self, desk: Desk) -> str:
        """All that is known of the agency, below a letter."""
        labels = _PARTICULARS[self.tongue]
        values = (desk.name, desk.address, desk.hours, desk.phone, desk.reference)
        lines = [f"{label}{value}" for label, value in zip(labels, values, strict=True) if value is not None]
        return "\n\n" + "\n".join(lines) if lines else ""

    def by_when(self, at: str) -> str:
        """A deadline that was written as a moment."""
        return by_when(datetime.fromisoformat(at), self.tongue)

    @pass_context
    def by_day(self, context: Context, at: str) -> str:
        """A deadline, without the year where it is this one: for text messages."""
        deadline, said = datetime.fromisoformat(at), self.by_when(at)
        this_year = f"{context['now'].astimezone(SHANGHAI).year}年"
        # A deadline at midnight is the end of the day before.
        is_this_year = (deadline - timedelta(minutes=1)).astimezone(SHANGHAI).year == int(this_year[:-1])
        return said.removeprefix(this_year) if is_this_year else said

    def when(self, at: str) -> str:
        """A moment to come."""
        return when(datetime.fromisoformat(at), self.tongue)

    @pass_context
    def left(self, context: Context, left: Mapping[str, Any]) -> str:
        """How many working days are left, as of today or of a day that is named."""
        today = day_of(context["now"])
        return days_left(Left.model_validate(left), self.tongue, today)

    def named(self, value: str) -> str:
        """A member of a closed set, by its value."""
        return REMAINS[value][self.tongue] if value in REMAINS else word(_NAMED[value], self.tongue)

    def listed(self, values: Sequence[str]) -> str:
        """Several of them."""
        words = [self.named(value) for value in values[:MOST_LISTED]]
        chinese, more = self.tongue is Tongue.zh, len(values) > MOST_LISTED
        if more and chinese:
            words[-1] += f"等{len(values)}项"
        elif more:
            words.append(f"{len(values) - MOST_LISTED} more")
        return ("、" if chinese else ", ").join(words)

    def rung(self, value: int) -> str:
        """A rung of the ladder."""
        rung = Rung(value)
        return rung.zh if self.tongue is Tongue.zh else rung.name.replace("_", " ")


@pass_context
def _is_over(context: Context, at: str) -> bool:
    now: datetime = context["now"]
    return datetime.fromisoformat(at) <= now
