"""An office to look at: cases in different plights, and a desk at which operators work. Everything is synthetic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from activities.sealing import KeyRing
from cases.events import Event
from cases.facts import ConfirmDownstream
from cases.machines.machine import Status
from cases.models import Actor, Role, System
from intake.applications import Application
from intake.client import CaseClient
from stack import LocalStack
from stack.identity import Operator
from stack.operators import Desk, desk_opened
from tests.engine import Engine, Person, engine_on
from tests.intake.applying import number_change, replacement
from tests.scenes import FACTS, OFFICE, OFFICER, OPERATOR, PUBLICATION, VERIFIER
from tests.stamping import KEY
from tests.worker_process import environment_with
from workflows.search_attributes import SEARCH_ATTRIBUTES

CLERK, OFFICER_AT_DESK, OPERATOR_AT_DESK, SUPERVISOR_AT_DESK = (
    Operator(VERIFIER, "经办人员 clerk"),
    Operator(OFFICER, "复核审批人员 officer"),
    Operator(OPERATOR, "运维人员 operator"),
    Operator(Actor(id="supervisor-1", role=Role.supervisor, office=OFFICE), "主管 supervisor"),
)
REFUSED_BY_PENSION: Final = ConfirmDownstream(
    actor=Actor(id="pension-1", role=Role.pension, office=OFFICE),
    system=System.pension,
    confirmed=False,
    reference="pension/2026-1",
    publication=PUBLICATION,
)
OPERATORS: Final = (CLERK, OFFICER_AT_DESK, OPERATOR_AT_DESK, SUPERVISOR_AT_DESK)


@dataclass(frozen=True)
class Office:
    """The engine, and where operators work."""

    engine: Engine
    desk: Desk

    @property
    def workflows(self) -> str:
        """The list of cases in the Web UI."""
        return f"{self.desk.ui_url}/namespaces/{self.engine.client.namespace}/workflows"

    async def in_review(self) -> tuple[str, Person]:
        """A case that a clerk can verify, and its person."""
        person = await self.engine.insured()
        return await self._opened(number_change(person), Status.in_review), person

    async def awaiting_documents(self) -> str:
        """A case whose applicant has to bring a document."""
        application = number_change(await self.engine.insured(), documents=())
        return await self._opened(application, Status.awaiting_documents)

    async def in_repair(self) -> str:
        """A case that cannot go on by itself: a system refused the new number after another had taken it."""
        case, _ = await self.in_review()
        await self.engine.tell(case, Event.verify_documents)
        await self.engine.reaches(case, Status.applying)
        await self.engine.tell(case, Event.confirm_downstream)
        await self.engine.tell(case, Event.confirm_downstream, REFUSED_BY_PENSION)
        await self.engine.reaches(case, Status.repair)
        return case

    async def on_hold(self) -> str:
        """A case that waits for the police."""
        case, _ = await self.in_review()
        await self.engine.tell(case, Event.hold, FACTS[Event.hold])
        return case

    async def replacement(self) -> str:
        """A case of the other kind, which waits for the number of its person."""
        return await self._opened(replacement(await self.engine.insured()), Status.on_hold)

    async def _opened(self, application: Application, status: Status) -> str:
        client = CaseClient(self.engine.client, self.engine.sealer, stamping=self.engine.everybody)
        receipt = await client.open(application)
        assert receipt.status is status
        return receipt.case_id


@asynccontextmanager
async def office_opened(folder: Path) -> AsyncIterator[Office]:
    """Servers, worker, codec server and Web UI for the length of a block."""
    ring, private = folder / "keys.toml", folder / "gate.json"
    KeyRing.sample().replace(ring)
    KEY.write(private, folder / "gate-public.json")
    async with (
        LocalStack(folder / "stack", search_attributes=SEARCH_ATTRIBUTES, durable=False) as stack,
        engine_on(stack, "office") as engine,
    ):
        settings = environment_with(
            {
                "CARDCASE_DATABASE_URL": engine.database_url,
                "CARDCASE_KEY_FILE": str(ring),
                "CARDCASE_PROFILE": "local",
                "CARDCASE_STAMP_KEY_FILE": str(private),
                "TEMPORAL_ADDRESS": stack.temporal_address,
                "TEMPORAL_NAMESPACE": stack.namespace,
            }
        )
        async with (
            desk_opened(folder / "desk", settings, stack.ui_url, operators=OPERATORS, standard_ports=False) as desk,
            engine.working(ui_url=desk.ui_url, desk_url=desk.desk_url),
        ):
            await desk.ready()
            yield Office(engine, desk)
