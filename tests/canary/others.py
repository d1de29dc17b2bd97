"""The parts of outsiders, by the client that they have: over HTTP, each with a token of its own."""

from collections.abc import Callable, Sequence

from cardcase_client import AsyncClient
from cardcase_client.calls import opening, telling
from cases.answers import Answer, CaseView, Outcome, Receipt
from cases.models import Actor
from cases.offices import MINISTRY
from demo.facts import ROLES
from demo.scripts import Tell
from demo.staff import body_of
from intake.applications import Application
from tests.samples.facts import told_of


class InPerson:
    """See `demo.play.Others`."""

    def __init__(self, office: AsyncClient, client: Callable[[Actor], AsyncClient]) -> None:
        self._office = office
        self._client = client

    async def open(self, application: Application) -> Receipt:
        receipt = await self._office.ask(opening(body_of(application), None, reopen=False))
        return Receipt.model_validate_json(receipt.model_dump_json())

    async def outcome(self, case_id: str) -> Outcome:
        await self._office.wait_for(case_id)
        return Outcome.model_validate_json((await self._office.read_outcome(case_id)).model_dump_json())

    async def tell(self, case_id: str, view: CaseView, tell: Tell, requests: Sequence[str], key: str) -> Answer:
        actor = Actor(id=tell.by.staff_id, role=ROLES[tell.by], office=MINISTRY)
        said = told_of(tell, view, requests)
        answer = await self._client(actor).ask(telling(case_id, tell.event.value, said, key, None))
        return Answer.model_validate_json(answer.model_dump_json())
