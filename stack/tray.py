"""The tray of the local stack's providers: every call that came in, and the messages that were accepted.

It stands in for the ledger of a gateway, a mail relay or a chat service, so it keeps every call, repeated ones
included, and accepts a message once for each key. It can be told to misbehave.
"""

import asyncio
import random
import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from html import escape
from typing import Final

KEPT: Final = 20_000
"""Calls that are kept; the oldest go first."""


class Fault(StrEnum):
    """How a provider misbehaves in one call."""

    error = "error"
    """Says that something went wrong, and has nothing."""
    busy = "busy"
    """Asks for patience: 429 with Retry-After, or 451."""
    hang = "hang"
    """Takes the request and says nothing."""
    cut = "cut"
    """Accepts the message, and the connection is cut before the answer."""
    error_body = "error_body"
    """Answers 200, and in the body that it did not accept."""
    endless = "endless"
    """Answers 200 with a body that never ends, and has nothing."""
    refused = "refused"
    """Will never take the message."""
    unauthorised = "unauthorised"
    """Does not know us."""


@dataclass(frozen=True)
class Call:
    """One call, whatever came of it."""

    at: datetime
    channel: str
    key: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    outcome: str
    """`accepted`, `repeated` for a message that was accepted before, or the fault."""


@dataclass
class Script:
    """How providers misbehave: at these rates, by this seed; `next` comes first, call by call."""

    rates: dict[Fault, float] = field(default_factory=dict)
    repeated_callbacks: float = 0.0
    """Share of receipts that are told twice."""
    lost_callbacks: float = 0.0
    """Share of receipts that are never told."""
    seed: int = 0
    next: deque[Fault | None] = field(default_factory=deque)
    retry_after: int = 1
    hang_seconds: float = 60.0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - a script is repeated by its seed

    def fault(self) -> Fault | None:
        """What happens to the next call."""
        if self.next:
            return self.next.popleft()
        drawn = self._chance.random()
        for fault, rate in self.rates.items():
            drawn -= rate
            if drawn < 0:
                return fault
        return None

    def callbacks(self) -> int:
        """How often the next receipt is told."""
        if self._chance.random() < self.lost_callbacks:
            return 0
        return 1 + (self._chance.random() < self.repeated_callbacks)


class Tray:
    """What providers were called with, and what they accepted."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.calls: deque[Call] = deque(maxlen=KEPT)
        self.accepted: dict[str, Call] = {}
        """Accepted messages by their keys."""
        self.called = asyncio.Event()
        """Set once somebody called."""

    def take(self, channel: str, key: str, to: str, text: str, fault: Fault | None) -> bool:
        """Keep a call; answers whether the message was accepted by it for the first time."""
        accepts = fault is None or fault is Fault.cut
        outcome = fault.value if fault is not None else ("repeated" if key in self.accepted else "accepted")
        call = Call(datetime.now(UTC), channel, key, to, text, outcome)
        self.calls.append(call)
        self.called.set()
        if not accepts or key in self.accepted:
            return False
        self.accepted[key] = call
        return True

    def of_channel(self, channel: str) -> list[Call]:
        """Messages accepted in one channel, in the order in which they came."""
        return [call for call in self.accepted.values() if call.channel == channel]

    def page(self) -> str:
        """The tray as a page to look at, the newest first. Addresses are shown by their last characters."""
        figures = Counter(call.outcome for call in self.calls)
        summary = " · ".join(f"{escape(outcome)} {count}" for outcome, count in sorted(figures.items())) or "empty"
        rows = "".join(_row(call) for call in reversed(self.calls))
        return _PAGE.format(summary=summary, accepted=len(self.accepted), rows=rows)


def masked(address: str) -> str:
    """The end of an address."""
    return f"…{address[-2:]}"


def text_of(parts: Iterable[str]) -> str:
    """What is read of a message: subject and body."""
    return "\n".join(part for part in parts if part)


def _row(call: Call) -> str:
    cells = (
        f"{call.at:%H:%M:%S.%f}"[:-3],
        call.channel,
        call.outcome,
        masked(call.to),
        call.key[:12],
        re.sub(r"\s+", " ", call.text)[:400],
    )
    shade = call.outcome if call.outcome in {"accepted", "repeated"} else "fault"
    return f'<tr class="{shade}">{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'


_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>cardcase: tray</title>
<style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border-bottom: 1px solid #ddd; padding: .3rem .6rem; text-align: left; vertical-align: top }}
.repeated {{ color: #777 }}
.fault {{ color: #a00 }}
</style>
<h1>Tray 消息托盘</h1>
<p>{accepted} messages accepted. Calls: {summary}</p>
<table><tr><th>at (UTC)</th><th>channel</th><th>outcome</th><th>to</th><th>key</th><th>text</th></tr>{rows}</table>
</html>
"""
