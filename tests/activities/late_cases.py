"""Rows of cases that stand on the ladder, without a life behind them: what digests read."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from activities.registry.pool import Pool, connection_of

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_serial = count(1)

DUE = datetime(2026, 8, 31, 16, 0, tzinfo=UTC)
"""24:00 of 31 August in Shanghai."""


def _token(serial: int) -> str:
    token = ""
    for _ in range(26):
        serial, digit = divmod(serial, 32)
        token = _LETTERS[digit] + token
    return token


async def late(pool: Pool, region: str, rung: int, *, times: int = 1, **more: Any) -> list[str]:
    """Open cases of a region that have reached a rung; their IDs."""
    fired = DUE - timedelta(days=10)
    rows: list[dict[str, Any]] = []
    for serial in (next(_serial) for _ in range(times)):
        token = _token(serial)
        rows.append(
            {
                "case_id": f"idc-{token}",
                "generation": 1,
                "kind": "IdNumberChange",
                "person": token,
                "region": region,
                "category": "general",
                "status": "in_review",
                "milestone": "submitted",
                "version": 1,
                "policy": "northern-1",
                "key": f"late-{serial}",
                "fingerprint": token,
                "number_token": token,
                "channel": "counter",
                "submitter_kind": "staff",
                "submitter_named": False,
                "submitter": "clerk-1",
                "attention": [],
                "state": "{}",
                "state_digest": "0" * 64,
                "head": "0" * 64,
                "opened_at": fired,
                "moved_at": fired,
                "rung": rung,
                "rung_at": fired if rung else None,
                "campaign_due_at": DUE,
                **more,
            }
        )
    columns = tuple(rows[0])
    async with connection_of(pool) as connection:
        await connection.copy_records_to_table("cases", columns=columns, records=[tuple(row.values()) for row in rows])
    return [row["case_id"] for row in rows]
