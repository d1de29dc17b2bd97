"""Whoever has a desk works with a token of their own, and the register knows who did what."""

import asyncio
from pathlib import Path

import pytest

from cardcase_client import Refused, TokenFile
from cases.events import Event
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.openings import ApplicationChannel
from demo.desks import STAFF, token_file
from demo.expected import REGISTERS, expectations
from demo.facts import ROLES, actor_of, said_of
from demo.news import News
from demo.play import read
from demo.scripts import SCRIPTS, SYSTEMS, Part, Tell
from demo.staff import at_their_desks
from tests.engine import Engine
from tests.intake.applying import number_change
from tests.intake.service.door import door_of
from tests.intake.service.test_feed import publishing
from tests.scenes import OFFICE

TAKES_IN = Actor(id="clerk-n1", role=Role.clerk, office=OFFICE)


def test_everybody_who_acts_on_a_sample_has_one_desk_at_its_agency() -> None:
    assert len({(actor.id, actor.office) for actor in STAFF}) == len(STAFF)
    for entry in read(REGISTERS, expectations()):
        application = entry.row.application
        if application is None:
            continue
        acting = {Actor(id=part.staff_id, role=ROLES[part], office=application.region) for part in set(Part) - SYSTEMS}
        assert acting < set(STAFF)
        assert application.channel is not ApplicationChannel.counter or application.submitter in STAFF


def test_two_of_the_staff_have_two_tokens() -> None:
    files = [token_file(Path("tokens"), actor) for actor in STAFF]
    assert len(set(files)) == len(STAFF)


async def test_each_acts_in_the_name_of_their_token_and_all_hear_that_a_case_moved(
    engine: Engine, tmp_path: Path
) -> None:
    async with door_of(engine) as door, publishing(engine):

        def credentials(actor: Actor) -> TokenFile:
            path = token_file(tmp_path, actor)
            path.parent.mkdir(exist_ok=True)
            path.write_text(door.token(actor), encoding="ascii")
            return TokenFile(path)

        async with at_their_desks(door.url, credentials) as staff:
            news = News()
            following = asyncio.create_task(news.follow(staff.news(await staff.end_of_news())))
            case = (await staff.open(number_change(await engine.insured(), submitter=TAKES_IN))).case_id
            verify = SCRIPTS["verify"][0]
            assert isinstance(verify, Tell)
            view = await staff.view(case, OFFICE)
            said = said_of(verify, view)
            with pytest.raises(Refused) as refused:
                await staff.tell(TAKES_IN, case, Event.verify_documents, said, "test:0")
            assert refused.value.code == "SAME_PERSON"
            clerk = actor_of(verify.by, view)
            answer = await staff.tell(clerk, case, Event.verify_documents, said, "test:1")
            assert await staff.tell(clerk, case, Event.verify_documents, said, "test:1") == answer
            async with asyncio.timeout(30):
                await news.moved(case, view.version, Status.applying)
            told = {each.event: each.actor for each in (await staff.history(case, OFFICE)).transitions}
            assert (told["registered"], told["verify_documents"]) == (TAKES_IN.id, clerk.id)
            assert case in {row.case_id for row in await staff.cases()}
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
