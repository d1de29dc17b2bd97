"""When a request is sent again, and after how long."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import httpx

from cardcase_client.calls import Call
from cardcase_client.problems import Busy, NotAllowed, Refused, Unreachable, refusal

T = TypeVar("T")

EXPIRED: Final = "IDENTITY_EXPIRED"
_TOO_OFTEN: Final = 429
_NOT_MODIFIED: Final = 304
_NEVER_HEARD: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Errors after which the service has certainly not heard of the request."""
_NOT_SENT: Final = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
"""Errors of the caller's own, which no repetition mends."""


@dataclass(frozen=True)
class Patience:
    """How long a request is repeated that found nobody, or somebody who is busy."""

    seconds: float = 60.0
    """From the first attempt to the last; 0 repeats nothing."""
    first_pause: float = 0.25
    longest_pause: float = 8.0


def refusal_of(response: httpx.Response) -> Refused | None:
    """What an answer refuses; None where it is none."""
    if response.is_success or response.status_code == _NOT_MODIFIED:
        return None
    said = response.headers
    return refusal(response.status_code, said.get("Content-Type", ""), response.content, said.get("Retry-After"))


class Attempts(Generic[T]):
    """The attempts at one request. Says after each whether, and when, there is another one."""

    def __init__(
        self,
        call: Call[T],
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._call = call
        self._patience = patience
        self._clock = clock
        self._chance = chance
        self._until = clock() + patience.seconds
        self._failed = 0
        self._has_renewed = False

    def needs_another_token(self, refused: Refused) -> bool:
        """Whether the token had ended, and no other one was tried yet."""
        if self._has_renewed or not (isinstance(refused, NotAllowed) and refused.code == EXPIRED):
            return False
        self._has_renewed = True
        return True

    def pause_after(self, refused: Refused) -> float:
        """Seconds until the next attempt after a refusal. Raises it where there is none."""
        # Whoever limits how often somebody asks has not done what was asked.
        if not isinstance(refused, Busy) or not (self._call.is_repeatable or refused.status == _TOO_OFTEN):
            raise refused
        pause = self._pause(refused.retry_after or 0.0)
        if pause is None:
            raise refused
        return pause

    def pause_after_silence(self, lost: httpx.TransportError) -> float:
        """Seconds until the next attempt after a connection failed. Raises `Unreachable` where there is none."""
        may_repeat = self._call.is_repeatable or isinstance(lost, _NEVER_HEARD)
        pause = self._pause(0.0) if may_repeat and not isinstance(lost, _NOT_SENT) else None
        if pause is None:
            raise Unreachable(f"no answer from the service: {type(lost).__name__}") from lost
        return pause

    def _pause(self, at_least: float) -> float | None:
        """Doubling, with half of it left to chance, and never shorter than the service asked for."""
        doubled = self._patience.first_pause * 2.0 ** min(self._failed, 30)
        self._failed += 1
        pause = max(at_least, min(doubled, self._patience.longest_pause) * (0.5 + self._chance() / 2))
        return pause if self._clock() + pause <= self._until else None
