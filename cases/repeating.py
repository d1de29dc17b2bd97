"""What was told before under an identity: the same again, or something else.

Whoever tells a case something chooses the identity, and whoever can reach Temporal chooses what is asked of the
register under it. So an answer counts for a fact where that very fact was told.
"""

import json
from typing import Any, Final, NamedTuple, Self

from pydantic import JsonValue

from cases.events import FACTS, Event
from cases.facts import Fact

_SEALED_ANEW: Final = frozenset({"stamp", "card_number", "address"})
"""What differs each time that the same is told: a stamp, and what is sealed. Their tokens are the same."""


class Said(NamedTuple):
    """What a case was told, as the register holds it."""

    event: str
    fact: dict[str, JsonValue]

    @classmethod
    def read(cls, event: str, fact: str | None) -> Self:
        """From columns of the register; there is no fact of what happens of itself."""
        return cls(event, json.loads(fact or "{}"))

    def repeats(self, event: Event, fact: Fact) -> bool:
        """Whether this is the same as somebody says now."""
        if self.event != event.value:
            return False
        try:
            then = FACTS[event].model_validate(self.fact)
        except ValueError:
            return False
        return _content(then) == _content(fact)


def _content(fact: Fact) -> dict[str, Any]:
    return fact.model_dump(mode="json", exclude=set(_SEALED_ANEW))
