"""What a provider is given, and what became of a call."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from cases.delivery import Channel
from cases.errors import Code
from cases.personal_data import holds_personal_data


@dataclass(frozen=True)
class Parcel:
    """One message on its way through one channel."""

    key: str
    """Idempotency key, the same at every attempt."""
    channel: Channel
    address: str = field(repr=False)
    subject: str
    body: str
    round: int = 1
    """1, and one more each time somebody has it sent again after it surely did not arrive: within a round a provider
    accepts a key once.
    """

    @property
    def headers(self) -> dict[str, str]:
        """What a provider tells repetitions by; the round stands there from the second on."""
        return {KEY_HEADER: self.key} | ({ROUND_HEADER: str(self.round)} if self.round > 1 else {})


KEY_HEADER: Final = "Idempotency-Key"
ROUND_HEADER: Final = "Idempotency-Round"


class Verdict(StrEnum):
    """What is known after a call."""

    accepted = "accepted"
    """The provider has the message and sees to it."""
    refused = "refused"
    """The provider will never take this message for this address."""
    postponed = "postponed"
    """The provider does not have it, and may take it later."""
    unknown = "unknown"
    """The provider may have it: the answer was lost, late or not to be understood."""


@dataclass(frozen=True)
class Answer:
    """The outcome of one call."""

    verdict: Verdict
    code: Code | None = None
    """Why it was not accepted."""
    reference: str | None = None
    """What the provider calls the message."""
    after_seconds: float | None = None
    """How long the provider asked to be left alone; concerns the whole channel."""


def accepted(reference: str | None = None) -> Answer:
    """The provider has it.

    A reference is kept in clear: one that repeats to whom the message went is left out, and so is one that cannot be
    printed, or the register would refuse the answer.
    """
    kept = reference is not None and reference.isprintable() and not holds_personal_data(reference)
    return Answer(Verdict.accepted, reference=reference if kept else None)


def refused(code: Code = Code.CHANNEL_REFUSED) -> Answer:
    """The provider never takes it; ADDRESS_INVALID where the address is the reason."""
    return Answer(Verdict.refused, code)


def postponed(code: Code = Code.CHANNEL_UNAVAILABLE, after_seconds: float | None = None) -> Answer:
    """The provider surely does not have it, yet."""
    return Answer(Verdict.postponed, code, after_seconds=after_seconds)


def unknown(after_seconds: float | None = None) -> Answer:
    """Nobody knows whether the provider has it."""
    return Answer(Verdict.unknown, Code.CHANNEL_UNCERTAIN, after_seconds=after_seconds)


class Provider(Protocol):
    """Carries messages of one channel."""

    @property
    def name(self) -> str:
        """Stable name, kept with each delivery."""
        ...

    async def send(self, parcel: Parcel) -> Answer:
        """Call the provider once. Ends within `CALL_SECONDS` and raises nothing that the provider may cause."""
        ...


CALL_SECONDS = 15.0
"""Beyond this no call lasts, whatever the provider does."""
