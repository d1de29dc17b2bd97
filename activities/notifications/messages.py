"""Messages: what people read, from templates that are reviewed as text.

A template is a file for each language, `templates/zh/…txt` and `templates/en/…txt`, with a block `subject`, a block
`body` and, where the body is long, a block `short` for text messages. It knows the case number as `case`, and the facts
that were written with the notification. A deadline is written as `{{ last_day | by_when }}`. What a template names and
was not given is an error, never a gap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cases.clocks import closes
from cases.delivery import Channel, Tongue
from cases.errors import CaseError, Code
from cases.machines.machine import Status
from cases.offices import Recipient
from cases.words import WORDS, by_when

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
    channel: Channel,
    tongue: Tongue,
) -> Message:
    """The message of a template, in its version for the recipient where there is one.

    Raises `CaseError` TEMPLATE_INVALID where there is no such template, or where it names what was not given.
    """
    known = {**facts, "case": case} if case is not None else dict(facts)
    try:
        chosen = _environment(tongue).select_template([f"{template}.{recipient}{ENDING}", f"{template}{ENDING}"])
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
    environment.filters["named"] = _in_chinese if tongue is Tongue.zh else _in_english
    environment.filters["by_when"] = partial(_by_the_end_of, tongue=tongue)
    return environment


def _by_the_end_of(day: str, *, tongue: Tongue) -> str:
    """The deadline whose last day was written as YYYY-MM-DD."""
    return by_when(closes(date.fromisoformat(day)), tongue)


def _in_chinese(status: str) -> str:
    return WORDS[Status][Status(status)]


def _in_english(status: str) -> str:
    return status.replace("_", " ")
