"""Reset and terminate: safe because effects are keyed, written down by the command, found where it was gone round."""

import uuid
from pathlib import Path

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.common import TypedSearchAttributes

from activities.registry import journal
from activities.registry.journal import Kind, Written
from cases.models import Actor, Role
from cases.progress import CaseState
from cases.states import Status
from intake import interventions
from tests.engine import Engine
from tests.intake.calling import Run
from tests.intake.operating import Desk
from tests.namespaces import until
from tests.scenes import CLERK, ID_CARD, OPERATOR, SOUTH
from tests.stamping import stamped_opening
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change
from workflows.search_attributes import SEARCH_ATTRIBUTES

SOUTHERN = Actor(id="operator-s", role=Role.operator, office=SOUTH)


@pytest.fixture
def desk(run: Run, monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path) -> Desk:
    return Desk(run, monkeypatch, engine, tmp_path)


async def in_review(engine: Engine) -> Dossier:
    case = await change(engine, ID_CARD, region=SOUTH)
    await case.rests_in(Status.in_review)
    return case


async def audited(case: Dossier) -> int:
    count: int = await case.engine.pool.fetchval("SELECT count(*) FROM transitions WHERE case_id = $1", case.case_id)
    return count


async def written_about(case: Dossier) -> list[Written]:
    return list(await journal.entries(case.engine.pool, case.case_id))


async def ends_well(case: Dossier) -> None:
    """The case goes on, and every effect of it is there once."""
    await case.verify()
    assert (await case.ends()).status is Status.done
    holdings = await case.holdings()
    assert holdings.numbers == (("old", "historic"), ("new", "living"))
    assert holdings.claims["id_number"] == "queued"


async def test_a_reset_case_follows_the_register_and_repeats_nothing(engine: Engine, desk: Desk) -> None:
    case = await in_review(engine)
    before = await audited(case)
    said = await desk.call(SOUTHERN, "intervene", "reset", case.case_id, "--reason", "工单 17", "-o", "json")
    assert said.exit == 0
    await case.rests_in(Status.in_review)
    assert await audited(case) == before
    (entry,) = await written_about(case)
    assert (entry.kind, entry.actor, entry.office, entry.reason) == (Kind.reset, "operator-s", SOUTH, "工单 17")
    await ends_well(case)


async def test_a_terminated_case_stays_open_and_is_taken_up_by_its_application(engine: Engine, desk: Desk) -> None:
    case = await in_review(engine)
    before = await audited(case)
    said = await desk.call(SOUTHERN, "intervene", "terminate", case.case_id, "--reason", "工单 18")
    assert said.exit == 0
    (entry,) = await written_about(case)
    assert (entry.kind, entry.actor, entry.reason) == (Kind.terminate, "operator-s", "工单 18")
    found = await interventions.found(engine.client, engine.pool)
    assert case.case_id in found.adrift
    described = await engine.handle(case.case_id).describe()
    attributes = TypedSearchAttributes(
        [pair for pair in described.typed_search_attributes if pair.key.name in SEARCH_ATTRIBUTES]
    )
    await engine.client.start_workflow(
        case.opening.kind.value,
        CaseState(opening=stamped_opening(case.opening)),
        id=case.case_id,
        task_queue=engine.task_queue,
        search_attributes=attributes,
    )
    await case.rests_in(Status.in_review)
    assert await audited(case) == before
    await ends_well(case)


async def test_what_was_done_past_the_commands_is_found_once(engine: Engine, desk: Desk) -> None:
    terminated, restarted = await in_review(engine), await in_review(engine)
    await engine.handle(terminated.case_id).terminate(reason="from the Web UI")
    await reset_past_the_command(restarted)
    await restarted.rests_in(Status.in_review)

    async def both_are_seen() -> bool:
        await interventions.found(engine.client, engine.pool)
        return bool(await written_about(terminated)) and bool(await written_about(restarted))

    # What visibility knows lags behind.
    await until(both_are_seen)
    (ended,), (begun_anew,) = await written_about(terminated), await written_about(restarted)
    assert (ended.kind, ended.actor) == (Kind.terminate, None)
    assert ended.seen_as
    assert begun_anew.kind is Kind.reset
    assert begun_anew.facts["new_run_id"]
    again = await desk.call(OPERATOR, "intervene", "found", "-o", "json")
    assert not {entry["case_id"] for entry in again.json} & {terminated.case_id, restarted.case_id}
    assert terminated.case_id in again.err
    assert restarted.case_id not in again.err
    assert again.exit == 1


async def reset_past_the_command(case: Dossier) -> None:
    client = case.engine.client
    events = (await case.engine.handle(case.case_id).fetch_history()).events
    first = next(e.event_id for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=case.case_id),
            reason="from the Web UI",
            workflow_task_finish_event_id=first,
            request_id=str(uuid.uuid4()),
        )
    )


@pytest.mark.parametrize(
    ("actor", "code", "exit_code"),
    [(CLERK, "ROLE_NOT_ALLOWED", 65), (OPERATOR, "OFFICE_NOT_COMPETENT", 65), (None, "IDENTITY_MISSING", 78)],
)
async def test_whoever_may_not_intervene_changes_and_writes_nothing(
    engine: Engine, desk: Desk, actor: Actor | None, code: str, exit_code: int
) -> None:
    case = await in_review(engine)
    for command in ("reset", "terminate"):
        said = await desk.call(actor, "intervene", command, case.case_id, "--reason", "工单 19")
        assert said.exit == exit_code
        assert code in said.err
    assert await written_about(case) == []
    assert (await engine.view(case.case_id)).status is Status.in_review


async def test_a_reason_is_needed_and_holds_no_number(engine: Engine, desk: Desk) -> None:
    case = await in_review(engine)
    for reason in ("", "11010519491231002X"):
        said = await desk.call(SOUTHERN, "intervene", "terminate", case.case_id, "--reason", reason)
        assert said.exit == 65
    assert await written_about(case) == []
