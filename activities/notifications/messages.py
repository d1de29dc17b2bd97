"""Messages: what people read, from templates that are reviewed as text.

A template is a file for each language, `templates/zh/…txt` and `templates/en/…txt`, with a block `subject`, a block
`body` and, where the body is long, a block `short` for text messages. It knows the case number as `case`, and the facts
that were written with the notification. A deadline is written as `{{ due | by_when }}`; whether it `is over` is asked
when the message is sent. What a template names and was not given is an error, never a gap.

What all rungs say in one way has one template: `escalated.red` is `escalated` where there is none of that name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cases.answers import Left
from cases.clocks import day_of
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


def compose(
    template: str,
    recipient: Recipient,
    case: str | None,
    facts: Mapping[str, Any],
    *,
    at: datetime,
    channel: Channel,
    tongue: Tongue,
) -> Message:
    """The message of a template at the moment `at`, in its version for the recipient where there is one.

    Raises `CaseError` TEMPLATE_INVALID where there is no such template, or where it names what was not given.
    """
    known = {**facts, "case": case, "now": at} if case is not None else {**facts, "now": at}
    try:
        names = (template, template.rpartition(".")[0] or template)
        files = (file for name in names for file in (f"{name}.{recipient}{ENDING}", f"{name}{ENDING}"))
        chosen = _environment(tongue).select_template(list(files))
        body = "short" if channel is Channel.sms and "short" in chosen.blocks else "body"
        return Message(subject=" ".join(_block(chosen, "subject", known).split()), body=_block(chosen, body, known))
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


@dataclass(frozen=True)
class _Saying:
    """What templates say in one language."""

    tongue: Tongue

    def by_when(self, at: str) -> str:
        """A deadline that was written as a moment."""
        return by_when(datetime.fromisoformat(at), self.tongue)

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
