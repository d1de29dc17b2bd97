"""Delivery of notifications: the contract between whoever wrote them and whoever sends them.

IDs only: who is told, of what and where they are reached stays in the register.
"""

from enum import StrEnum

from pydantic import AwareDatetime

from cases.models import Record


class Channel(StrEnum):
    """A way to reach a person; one provider serves it."""

    sms = "sms"
    mail = "mail"
    dingtalk = "dingtalk"
    wecom = "wecom"
    feishu = "feishu"
    webhook = "webhook"


class Tongue(StrEnum):
    """A language that messages are written in."""

    zh = "zh"
    en = "en"


class DeliverRequest(Record):
    """Notifications that were just written."""

    notifications: tuple[int, ...]
    at: AwareDatetime
    """The workflow's time when it asks; quiet hours are reckoned from it."""


class Delivered(Record):
    """What became of them by one attempt each. What is in neither waits, and the sweep delivers it."""

    accepted: tuple[int, ...] = ()
    """A provider has them, or a receipt came."""
    given_up: tuple[int, ...] = ()
    """Every channel refused, or there is nobody to tell."""
