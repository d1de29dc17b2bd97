"""Delivery of notifications: the contract between whoever wrote them and whoever sends them.

IDs only: who is told, of what and where they are reached stays in the register.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, JsonValue

from cases.models import Record


class Channel(StrEnum):
    """A way to reach a person; one provider serves it."""

    sms = "sms"
    mail = "mail"
    dingtalk = "dingtalk"
    wecom = "wecom"
    feishu = "feishu"
    webhook = "webhook"


_FORMS: Final[Mapping[Channel, re.Pattern[str]]] = {
    Channel.sms: re.compile(r"\+?[0-9]{5,15}"),
    Channel.mail: re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,255}"),
    Channel.dingtalk: re.compile(r"dingtalk://[!-~]{1,480}"),
    Channel.wecom: re.compile(r"wecombot://[!-~]{1,480}"),
    Channel.feishu: re.compile(r"feishu://[!-~]{1,480}"),
    Channel.webhook: re.compile(r"(xml|json|form)s?://[!-~]{1,480}"),
}


def fits(channel: Channel, address: str) -> bool:
    """Whether an address has the form of a channel's: a phone, a mail address, or Apprise's form for the others.

    Whether somebody is reached there only its provider knows.
    """
    return _FORMS[channel].fullmatch(address) is not None


class Tongue(StrEnum):
    """A language that messages are written in."""

    zh = "zh"
    en = "en"


_UNSAID: Final[Mapping[str, JsonValue]] = {
    "due": None,
    "left": None,
    "provisional": False,
    "act_by": None,
    "limit": None,
    "asks": False,
    "documents": [],
    "hold": None,
    "delivery": None,
    "last": False,
    "refused_by": None,
    "remains": [],
}
"""By name, what a message says of where a case stands if there is nothing to say."""


def written(facts: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The facts of a message as the register keeps them: without those that say nothing."""
    return {name: said for name, said in facts.items() if said or name not in _UNSAID}


def read(facts: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The facts of a message as its template knows them, from what the register keeps."""
    return {**_UNSAID, **facts}


class DeliverRequest(Record):
    """Notifications that were just written."""

    notifications: tuple[int, ...]
    at: AwareDatetime
    """When they were written. What is due now the register's clock says; this counts in rehearsals only."""


class Delivered(Record):
    """What became of them by one attempt each. What is in neither waits, and the sweep delivers it."""

    accepted: tuple[int, ...] = ()
    """A provider has them, or a receipt came."""
    given_up: tuple[int, ...] = ()
    """Every channel refused, or there is nobody to tell."""
