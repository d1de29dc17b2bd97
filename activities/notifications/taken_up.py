"""A notification while it is being delivered: what is known of it and what follows, without register or provider."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from activities.notifications.addressees import Contact, Reach
from activities.notifications.providers.answers import Answer, Verdict
from activities.notifications.standing import Standing, Way, identity_of, missing, pause, standing_of, ways_of_round
from cases.delivery import Channel, Tongue
from cases.errors import Code

FALLBACK_AFTER: Final = timedelta(minutes=30)
"""So long a provider may be away before the next channel takes its place, where it surely has nothing."""

AGAIN_AFTER: Final = timedelta(hours=1)
"""When something is tried again that only a person can mend: a missing provider, key or template."""


@dataclass
class Delivery:
    """The way of a notification through one channel, as it was seen last."""

    channel: Channel
    key: str
    """Idempotency key, the same at every attempt."""
    staff: str | None
    address: str = field(repr=False)
    tongue: Tongue
    round: int
    begun_at: datetime
    id: int | None = None
    """None until the register has it."""
    state: Way = Way.sending
    uncertain: bool = False
    """Whether the provider may have it from an attempt before those of this take-up."""
    attempts: int = 0
    """How many there were before this take-up."""

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Delivery":
        """A delivery that the register has."""
        return cls(
            channel=Channel(row["channel"]),
            key=row["idempotency_key"],
            staff=row["staff"],
            address=row["address"],
            tongue=Tongue(row["language"]),
            round=row["round"],
            begun_at=row["begun_at"],
            id=row["id"],
            state=Way(row["state"]),
            uncertain=row["uncertain"],
            attempts=row["attempts"],
        )


@dataclass(frozen=True)
class End:
    """Where a notification stands after a take-up, and when it is taken up next where it is pending."""

    standing: Standing
    error: Code | None
    next_at: datetime


@dataclass(eq=False)
class TakenUp:
    """A notification that is being delivered, through the channels that are served."""

    row: asyncpg.Record
    reach: Reach
    served: Collection[Channel]
    keyed: Callable[[str], str]
    """Makes the idempotency key of a delivery's identity, which nobody else can make."""
    deliveries: dict[Channel, Delivery] = field(default_factory=dict)
    """The first begun comes first."""
    tried: set[Channel] = field(default_factory=set)
    """Channels whose turn has been in this take-up."""
    next_at: list[datetime] = field(default_factory=list)
    """When those that are still under way may be called again."""
    error: Code | None = None

    @property
    def id(self) -> int:
        """The notification's ID."""
        return int(self.row["id"])

    @property
    def states(self) -> str:
        """The states of its ways by their channels, as the register is asked whether they still are so."""
        return " ".join(self.deliveries[channel].state for channel in sorted(self.deliveries))

    def see(self, deliveries: list[Delivery]) -> None:
        """What the register knows of its ways now."""
        self.deliveries = {delivery.channel: delivery for delivery in deliveries}

    def due(self, at: datetime) -> list[Delivery]:
        """Ways whose turn it is, with those that begin now; each that failed for good gives its place to the next."""
        lacking = missing(self._ways(), second_channel=self.row["second_channel"])
        for contact in self._fresh()[: max(lacking, 0)]:
            # One that failed in an earlier round starts again, behind those that were begun before.
            failed = self.deliveries.pop(contact.channel, None)
            self.deliveries[contact.channel] = self._through(contact, at, failed)
        return [
            each for each in self.deliveries.values() if each.state is Way.sending and each.channel not in self.tried
        ]

    def wait(self, code: Code, until: datetime) -> None:
        """Something keeps it from being delivered before a moment."""
        self.error = code
        self.next_at.append(until)

    def hear(self, delivery: Delivery, answer: Answer, at: datetime) -> None:
        """A provider answered."""
        replaceable = not delivery.uncertain and at - delivery.begun_at > FALLBACK_AFTER and bool(self._fresh())
        if answer.code is not None:
            self.error = answer.code
        if answer.after_seconds is not None:
            self.next_at.append(at + timedelta(seconds=answer.after_seconds))
        match answer.verdict:
            case Verdict.accepted:
                delivery.state = Way.accepted
            case Verdict.refused:
                delivery.state = Way.failed
            case Verdict.postponed if replaceable:
                delivery.state = Way.failed
            case Verdict.postponed | Verdict.unknown:
                self.next_at.append(at + pause(delivery.key, delivery.attempts + 1))
        # Each attempt may have got through; one that surely did not leaves the doubt of those before it.
        doubtful = answer.verdict is Verdict.unknown or delivery.uncertain
        delivery.uncertain = doubtful and delivery.state is Way.sending

    def end(self, at: datetime) -> End:
        """Where it stands when no way is due."""
        standing = standing_of(self._ways())
        if standing in {Standing.accepted, Standing.delivered}:
            return End(standing, None, at)
        contacts = self.reach.contacts
        if standing is not Standing.pending and contacts and not any(each.channel in self.served for each in contacts):
            return End(Standing.pending, Code.CHANNEL_NOT_CONFIGURED, at + AGAIN_AFTER)
        error = self.reach.lacking if standing is Standing.undeliverable else self.error
        # The later of what the message and its provider ask for.
        return End(standing, error, max(self.next_at, default=at))

    def _ways(self) -> list[Way]:
        return ways_of_round([(each.state, each.round) for each in self.deliveries.values()], round_=self.row["round"])

    def _fresh(self) -> list[Contact]:
        """Contacts through whose channels nobody has tried yet in this round, the preferred first."""
        round_ = self.row["round"]
        used = {
            each.channel for each in self.deliveries.values() if each.round == round_ or each.state is not Way.failed
        }
        return [each for each in self.reach.contacts if each.channel in self.served and each.channel not in used]

    def _through(self, contact: Contact, at: datetime, before: Delivery | None) -> Delivery:
        row = self.row
        identity = identity_of(row["subject"], row["event"], row["recipient"], contact.channel)
        return Delivery(
            channel=contact.channel,
            # The provider knows what failed in an earlier round by the key that it had.
            key=self.keyed(identity) if before is None else before.key,
            staff=contact.staff,
            address=contact.address,
            tongue=contact.tongue,
            round=row["round"],
            begun_at=at,
        )
