"""What an access token may be used for. A scope narrows what a role may do, and adds nothing to it."""

from typing import Final

from cases.events import EVENTS, Event
from cases.rules.people import PROGRAMS

OPEN: Final = "cases:open"
READ: Final = "cases:read"
FEED: Final = "feed:read"
IMPORT: Final = "registers:import"
PERSONS: Final = "persons:feed"


def tell(event: Event) -> str:
    """The scope by which an event is told."""
    return f"events:tell:{event.value}"


SCOPES: Final = (OPEN, READ, FEED, IMPORT, PERSONS, *(tell(event) for event, record in EVENTS.items() if record.roles))
"""All scopes that narrow a token."""
TELLS_OF_PROGRAMS: Final = tuple(
    tell(event) for event, record in EVENTS.items() if not PROGRAMS.isdisjoint(record.roles)
)
"""Scopes of the events that programs tell."""
