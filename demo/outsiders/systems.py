"""What each outsider does when its turn comes."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from pydantic import BaseModel, TypeAdapter

from cardcase_client import AsyncClient, is_closed, models
from cardcase_client.base import Fact
from cardcase_client.models import Awaits, Entry
from demo.outsiders.asked import Asked
from demo.outsiders.names import BACK_OFFICE

Cue = Mapping[str, Any]
"""What somebody of this demonstration wants done: a word, and what belongs to it."""

MOVED: Final = "cardcase.case_moved.v1"
OF_NUMBERS: Final = ("cardcase.number_changed.v1", "cardcase.number_change_undone.v1", "cardcase.number_revoked.v1")
OF_CARDS: Final = ("cardcase.card_ordered.v1", "cardcase.card_order_cancelled.v1")

_FACTS: Final[Mapping[str, type[Fact]]] = {
    each.event: each
    for each in vars(models).values()
    if isinstance(each, type) and issubclass(each, Fact) and each is not Fact
}
_NAMES: Final = {"confirm_downstream": "publication", "card_produced": "order", "card_turned_up": "order"}
"""How an answer names what it answers."""
_APPLICATION: Final[TypeAdapter[models.Application]] = TypeAdapter(models.Application)


class Outsider(Protocol):
    """A program outside."""

    types: tuple[str, ...]
    """What it is told of."""

    def take(self, entry: Entry) -> None:
        """Take what it was told."""

    async def do(self, cue: Cue) -> BaseModel:
        """Do what belongs to a cue; returns what the service answered. Raises `ClientError`."""


class System:
    """A system that is asked something and answers it: the bank, medical insurance, pension, the card bureau."""

    def __init__(self, client: AsyncClient, types: tuple[str, ...]) -> None:
        self.types = types
        self._client = client
        self._asked = Asked()

    def take(self, entry: Entry) -> None:
        """See `Outsider`."""
        self._asked.take(entry)

    async def do(self, cue: Cue) -> models.Answer:
        """Tell a case something. What answers a question names it, and waits until the question has come."""
        event, fields = str(cue["event"]), dict(cue["says"])
        named = _NAMES.get(event)
        if named is not None:
            await self._asked.for_(fields[named])
        if event == "card_turned_up" or fields.get("produced"):
            fields["card_number"] = _card_number(fields["order"])
        return await self._client.tell(str(cue["case"]), _FACTS[event].model_validate(fields), key=str(cue["key"]))


class BackOffice:
    """An office's own system: it hands in what came by its app, a bank or an agent, and is told how that ends."""

    def __init__(self, client: AsyncClient) -> None:
        self.types: tuple[str, ...] = (MOVED,)
        self._client = client
        self._has_ended: dict[str, asyncio.Event] = {}

    def take(self, entry: Entry) -> None:
        """See `Outsider`."""
        if entry.data.awaits == Awaits.nobody:
            self._ended(entry.data.case_id).set()

    async def do(self, cue: Cue) -> BaseModel:
        """Open a case, or say how one ended as soon as it has."""
        doing: dict[str, Callable[[Cue], Awaitable[BaseModel]]] = {"open": self._open, "outcome": self._outcome}
        return await doing[str(cue["do"])](cue)

    async def _open(self, cue: Cue) -> models.Receipt:
        return await self._client.open_case(_APPLICATION.validate_python(cue["application"]))

    async def _outcome(self, cue: Cue) -> models.Outcome:
        case_id = str(cue["case"])
        # One that was over before this program began is told of no more.
        if not is_closed(await self._client.read_case(case_id)):
            await self._ended(case_id).wait()
        return await self._client.read_outcome(case_id)

    def _ended(self, case_id: str) -> asyncio.Event:
        return self._has_ended.setdefault(case_id, asyncio.Event())


OUTSIDERS: Final[Mapping[str, Callable[[AsyncClient], Outsider]]] = {
    BACK_OFFICE: BackOffice,
    "bank": lambda client: System(client, OF_NUMBERS),
    "medical_insurance": lambda client: System(client, OF_NUMBERS),
    "pension": lambda client: System(client, OF_NUMBERS),
    "card_bureau": lambda client: System(client, OF_CARDS),
}


def _card_number(order: str) -> str:
    """The number of the card that is made by an order; the same one whenever it is asked for."""
    return f"D{int(hashlib.sha256(order.encode()).hexdigest(), 16) % 10**8:08d}"
