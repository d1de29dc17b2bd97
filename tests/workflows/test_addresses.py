"""Where a card that comes by post is sent may be said as long as it has not left, in every status until then."""

from typing import Final

import pytest

from activities.sealing import Field
from cases.errors import Code
from cases.events import Event
from cases.facts import ConfirmAddress, HandOver
from cases.machines.machine import Status
from tests.engine import Engine
from tests.scenes import CLERK, ID_CARD, OFFICE, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import REPLACEMENTS, named, replacement

UNTIL_IT_LEAVES: Final = (
    Status.temporarily_blocked,
    Status.awaiting_documents,
    Status.in_review,
    Status.awaiting_approval,
    Status.on_hold,
    Status.ordered,
    Status.in_production,
    Status.repair,
)


def to(engine: Engine, case: Dossier, address: str) -> ConfirmAddress:
    return ConfirmAddress(
        actor=CLERK,
        address=engine.sealer.seal(address, field=Field.address, person=case.opening.person),
        address_token=engine.sealer.content_token(address),
    )


@pytest.mark.parametrize("status", UNTIL_IT_LEAVES)
async def test_an_address_is_confirmed_in_every_status_until_the_card_leaves(engine: Engine, status: Status) -> None:
    case = await REPLACEMENTS[status](engine, delivery=HandOver.post)
    before = await case.rests_in(status)
    assert not before.address_confirmed
    answer = await case.tell(Event.confirm_address, to(engine, case, "示例市示例区示例路18号"))
    assert (answer.status, answer.version) == (status, before.version + 1)
    again = await case.tell(Event.confirm_address, to(engine, case, "示例市另一区示例街7号"))
    assert again.version == answer.version + 1
    view = await case.agrees()
    assert view.address_confirmed


async def test_an_address_that_is_not_that_of_its_token_is_refused(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD, delivery=HandOver.post)
    other = to(engine, case, "示例市示例区示例路18号").model_copy(
        update={"address_token": engine.sealer.content_token("示例市另一区示例街7号")}
    )
    assert await case.refuses(Event.confirm_address, other) is Code.PAYLOAD_INVALID


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_what_nobody_names_in_five_working_days_counts_as_complete_of_a_replacement_too(
    engine: Engine, region: str
) -> None:
    case = await replacement(engine, ID_CARD, region=region)
    while (await engine.view(case.case_id)).next_event is not Event.notice_period_passed:
        await case.climbs()
    view = await case.passes_without_notice()
    assert (view.status, view.notice_due_at) == (Status.in_review, None)
    assert (await engine.history(case.case_id))[-1].event is Event.notice_period_passed
    assert await case.refuses(Event.return_documents) is Code.NOTICE_TOO_LATE


async def test_and_while_a_second_person_has_to_approve(engine: Engine) -> None:
    case = await named(engine)
    await case.verify()
    view = await case.passes_without_notice()
    assert (view.status, view.notice_due_at) == (Status.awaiting_approval, None)
