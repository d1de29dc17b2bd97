"""The shortest life that still goes wrong: acts are left out, many at a time and then one by one."""

from collections.abc import Awaitable, Callable
from typing import Final

GoesWrong = Callable[[tuple[int, ...]], Awaitable[bool]]
"""Whether a life of these acts alone still goes wrong."""

MOST: Final = 60
"""How often a life is lived again."""


async def shortest(acts: tuple[int, ...], goes_wrong: GoesWrong, most: int = MOST) -> tuple[int, ...]:
    """As few of the acts as are found, of a life that goes wrong with all of them."""
    left_out = max(1, len(acts) // 2)
    tried = 0
    while acts:
        for first in range(0, len(acts), left_out):
            fewer = acts[:first] + acts[first + left_out :]
            tried += 1
            if tried > most:
                return acts
            if await goes_wrong(fewer):
                acts = fewer
                break
        else:
            if left_out == 1:
                return acts
            left_out = max(1, left_out // 2)
            continue
        left_out = min(left_out, max(1, len(acts)))
    return acts
