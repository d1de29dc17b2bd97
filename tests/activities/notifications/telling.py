"""Somebody to tell, something to tell them, and a look at what became of it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, Final

from activities.notifications.callbacks import Callback, record_callback
from activities.notifications.notifications import Notifications
from activities.notifications.providers import Provider
from activities.notifications.standing import Told
from activities.registry import Clock
from activities.registry.pool import Pool, connection_of
from activities.sealing import Field, Sealer
from cases.clocks import SHANGHAI
from cases.delivery import Channel, Delivered, DeliverRequest
from cases.occasions import Occasion, Swept
from stack.receivers import Receivers

NOON: Final = datetime(2026, 8, 25, 12, 0, tzinfo=SHANGHAI)
AGENCY, CITY, PROVINCE, MINISTRY = "110105", "110100", "110000", "100000"

_SEQUENCE = count(1)


def chat(channel: Channel, sequence: int, receivers: Receivers) -> str:
    """A synthetic chat address in Apprise's form."""
    token = f"{sequence:064x}"
    return {
        Channel.dingtalk: f"dingtalk://{token}",
        Channel.wecom: f"wecombot://{token[:20]}",
        Channel.feishu: f"feishu://{token[:36]}",
        Channel.webhook: f"json://{receivers.webhook_host}/hook/{token[-8:]}",
    }[channel]


@dataclass
class Telling:
    """The register, providers, and the activities between them."""

    pool: Pool
    sealer: Sealer
    receivers: Receivers
    providers: Mapping[Channel, Provider]
    at: datetime = NOON
    paces: Mapping[Channel, float] = field(default_factory=dict)

    @property
    def notifications(self) -> Notifications:
        return Notifications(self.pool, self.sealer, self.providers, self.paces, clock=Clock.callers)

    def address(self, channel: Channel) -> str:
        """A synthetic address: no such subscriber, and a domain that cannot exist."""
        sequence = next(_SEQUENCE)
        if channel is Channel.sms:
            return f"1990000{sequence:04}"
        if channel is Channel.mail:
            return f"person{sequence}@example.invalid"
        return chat(channel, sequence, self.receivers)

    async def applicant(self, *channels: Channel, language: str = "zh") -> str:
        """A person with contacts in this order of preference; answers the person ref."""
        person = self.sealer.person_token(f"N{next(_SEQUENCE):07}")
        for rank, channel in enumerate(channels):
            sealed = self.sealed(channel, person)
            await self.write(
                "INSERT INTO contacts (person, channel, address, rank, language) VALUES ($1, $2, $3, $4, $5)",
                person,
                channel.value,
                sealed,
                rank,
                language,
            )
        return person

    async def staff(self, staff: str, *channels: Channel) -> None:
        """Somebody of an office with contacts in this order of preference."""
        for rank, channel in enumerate(channels):
            await self.write(
                "INSERT INTO staff_contacts (staff, channel, address, rank) VALUES ($1, $2, $3, $4)",
                staff,
                channel.value,
                self.sealed(channel, staff),
                rank,
            )

    def sealed(self, channel: Channel, owner: str) -> str:
        """A new synthetic address, sealed for its owner."""
        sealed_as = Field.phone if channel is Channel.sms else Field.address
        return self.sealer.seal(self.address(channel), field=sealed_as, person=owner)

    async def offices(self) -> None:
        """An agency and all above it."""
        for code, parent, level in (
            (MINISTRY, None, "ministry"),
            (PROVINCE, MINISTRY, "province"),
            (CITY, PROVINCE, "municipality"),
            (AGENCY, CITY, "agency"),
        ):
            await self.write(
                "INSERT INTO offices (code, parent, level, name) VALUES ($1, $2, $3, $4)",
                code,
                parent,
                level,
                "示例机构",
            )

    async def post(
        self,
        staff: str,
        role: str,
        *,
        office: str = AGENCY,
        rank: int = 0,
        absent: tuple[date, date | None] | None = None,
    ) -> None:
        """Somebody at a post, or standing in."""
        begins, ends = absent or (None, None)
        await self.write(
            "INSERT INTO posts (office, role, rank, staff, absent_from, absent_to) VALUES ($1, $2, $3, $4, $5, $6)",
            office,
            role,
            rank,
            staff,
            begins,
            ends,
        )

    async def invited(self, person: str, **more: Any) -> int:
        """An invitation to a person."""
        return await self.written(
            subject=f"invitation:2026:{next(_SEQUENCE)}",
            person=person,
            recipient="applicant",
            template="invitation.blue_0",
            facts={"campaign_ends": "2026-09-01T00:00:00+08:00", "provisional": False},
            **more,
        )

    async def escalated(self, recipient: str, **more: Any) -> int:
        """Word of a case to somebody at its agency."""
        return await self.written(
            subject=f"digest:{next(_SEQUENCE)}",
            office=AGENCY,
            recipient=recipient,
            template="channel.test",
            facts={},
            **more,
        )

    async def written(self, **columns: Any) -> int:
        """A notification; answers its ID."""
        moment = columns.get("not_before", self.at)
        row = {
            "event": "1:told.1",
            "not_before": moment,
            "written_at": self.at,
            "next_attempt_at": moment,
            **columns,
            "facts": json.dumps(columns["facts"]),
        }
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        sql = f"INSERT INTO notifications ({', '.join(row)}) VALUES ({places}) RETURNING id"  # noqa: S608 - names from here
        async with connection_of(self.pool) as connection:
            return int(await connection.fetchval(sql, *row.values()))

    async def deliver(self, *ids: int) -> Delivered:
        return await self.notifications.deliver(DeliverRequest(notifications=ids, at=self.at))

    async def sweep(self) -> Swept:
        return await self.notifications.sweep(Occasion(at=self.at))

    async def sweep_until_settled(self) -> None:
        """Time passes, and sweeps come by, until nothing is under way."""
        while pending := await self.value("SELECT min(next_attempt_at) FROM notifications WHERE state = 'pending'"):
            self.at = max(self.at + timedelta(minutes=1), pending)
            await self.sweep()

    async def told(self, key: str, what: Told, event_id: str | None = None) -> bool:
        """A provider tells of a message."""
        callback = Callback(event_id=event_id or f"{what}-{key[:16]}", key=key, what=what, at=self.at)
        row = (await self.rows("SELECT channel FROM deliveries WHERE idempotency_key = $1", key))[:1]
        channel = Channel(row[0]["channel"]) if row else Channel.sms
        return await record_callback(self.pool, channel, callback, self.at)

    async def standing(self, notification: int) -> str:
        return str(await self.value("SELECT state FROM notifications WHERE id = $1", notification))

    async def ways(self, notification: int) -> dict[str, str]:
        """The state of each delivery, by channel, in the order in which they were begun."""
        rows = await self.rows(
            "SELECT channel, state FROM deliveries WHERE notification_id = $1 ORDER BY id", notification
        )
        return {row["channel"]: row["state"] for row in rows}

    async def key(self, notification: int, channel: Channel) -> str:
        sql = "SELECT idempotency_key FROM deliveries WHERE notification_id = $1 AND channel = $2"
        return str(await self.value(sql, notification, channel.value))

    def outcomes(self) -> Counter[str]:
        """How often each outcome stands in the tray."""
        return Counter(call.outcome for call in self.receivers.tray.calls)

    def keys(self) -> set[str]:
        """Keys that providers were given."""
        return {call.key for call in self.receivers.tray.calls}

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with connection_of(self.pool) as connection:
            return list(await connection.fetch(sql, *arguments))

    async def value(self, sql: str, *arguments: Any) -> Any:
        async with connection_of(self.pool) as connection:
            return await connection.fetchval(sql, *arguments)

    async def write(self, sql: str, *arguments: Any) -> None:
        async with connection_of(self.pool) as connection:
            await connection.execute(sql, *arguments)
