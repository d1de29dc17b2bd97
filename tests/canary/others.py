"""The parts of outsiders, by the typed client: what is done over HTTP is searched at the door (`door.py`)."""

from collections.abc import Sequence

from activities.sealing import Sealer
from cases.answers import Answer, CaseView, Outcome, Receipt
from demo.facts import fact_of
from demo.scripts import Tell
from intake.applications import Application, seal_card_number
from intake.client import CaseClient


class InPerson:
    """See `demo.play.Others`."""

    def __init__(self, client: CaseClient, sealer: Sealer) -> None:
        self._client = client
        self._sealer = sealer

    async def open(self, application: Application) -> Receipt:
        return await self._client.open(application)

    async def outcome(self, case_id: str) -> Outcome:
        return await self._client.wait(case_id)

    async def tell(self, case_id: str, view: CaseView, tell: Tell, requests: Sequence[str], key: str) -> Answer:
        fact = fact_of(tell, view, lambda _event, number: seal_card_number(number, case_id, self._sealer), requests)
        return await self._client.tell(case_id, fact, update_id=key)
