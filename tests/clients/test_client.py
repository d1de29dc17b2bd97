"""Programs of others work with cases by the client, over HTTP, with a credential of their own."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cardcase_client import (
    AsyncClient,
    Client,
    ClientCredentials,
    Conflict,
    CredentialsRefused,
    FileType,
    Filter,
    Invalid,
    Moved,
    NotAllowed,
    NotFound,
    NotInTime,
    Reading,
    TokenFile,
    is_closed,
    models,
)
from cardcase_client.webhooks import Challenge, NotAuthentic, Webhooks
from cases.models import Actor
from cases.names import Kind
from tests.clients.asking import SYNC, Run
from tests.engine import Engine, Person
from tests.intake.registering import csv_of
from tests.intake.service.door import BACK_OFFICE, BANK, OFFICER, PENSION, SECRET, SOURCE, VERIFIER, Door
from tests.intake.service.test_cases import application_of
from tests.intake.service.test_feed import publishing, subscribed
from tests.intake.service.test_jobs import HEADINGS, row_of


def application(person: Person, **more: Any) -> models.NumberChangeApplication:
    return models.NumberChangeApplication.model_validate(application_of(person, **more))


def credentials(door: Door, client: Actor = BACK_OFFICE, secret: str = SECRET) -> ClientCredentials:
    return ClientCredentials(door.provider.token_url, client.id, secret)


@pytest.fixture(params=[SYNC, "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    return Run(request.param)


def token_file(door: Door, folder: Path, by: Actor, **claims: Any) -> TokenFile:
    path = folder / by.id
    path.write_text(door.token(by, **claims), encoding="ascii")
    return TokenFile(path)


async def test_the_registers_source_says_what_is_so_of_persons(door: Door, tmp_path: Path, run: Run) -> None:
    person = await door.engine.insured()
    async with run.client(door.url, token_file(door, tmp_path, SOURCE)) as source:
        moved = models.PersonSaid(personal_number=person.personal_number, source_version=2, phone="10000000001")
        gone = moved.model_copy(update={"source_version": 3, "phone": None})
        stranger = models.PersonSaid(personal_number="NOBODY1", source_version=1, phone="10000000001")
        answer = await source.feed_persons([moved, gone, moved, stranger])
    assert [line.outcome for line in answer.lines] == ["applied", "applied", "older", "refused"]
    assert [error.code for error in answer.lines[-1].errors] == ["PERSON_UNKNOWN"]


async def test_a_case_is_opened_told_waited_for_and_read_to_its_end(door: Door, tmp_path: Path, run: Run) -> None:
    person = await door.engine.insured()
    async with (
        run.client(door.url, credentials(door)) as office,
        run.client(door.url, token_file(door, tmp_path, VERIFIER)) as clerk,
        run.client(door.url, token_file(door, tmp_path, OFFICER)) as officer,
        run.client(door.url, token_file(door, tmp_path, BANK)) as bank,
        run.client(door.url, token_file(door, tmp_path, PENSION)) as pension,
    ):
        receipt = await office.open_case(application(person))
        assert await office.open_case(application(person)) == receipt
        assert receipt.status is models.Status.in_review
        case = receipt.case_id
        assert await office.look_up(models.Kind.id_number_change, person.personal_number) == case
        view = await clerk.read_case(case)
        with pytest.raises(Conflict) as still:
            await office.read_outcome(case)
        assert still.value.code == "CASE_STILL_OPEN"
        waiting = asyncio.create_task(office.wait_for(case, lambda now: "bank" in now.awaited, seconds=30))
        copies = tuple(each.sha256 for each in view.documents)
        told = await clerk.tell(case, models.VerifyDocuments(original_seen=True, copies=copies), at=view)
        assert told.status is models.Status.awaiting_approval
        with pytest.raises(Moved) as moved:
            await clerk.tell(case, models.Withdraw(), at=view)
        assert moved.value.code == "VERSION_DIFFERS"
        content = (await officer.read_case(case)).content
        assert content is not None
        await officer.tell(case, models.Approve(content=content))
        asked = await waiting
        assert asked.publication is not None
        subject = await bank.read_subject(case)
        assert (subject.number, subject.replaces) == (person.new, person.old)
        for client, system in ((bank, models.System.bank), (pension, models.System.pension)):
            said = models.ConfirmDownstream(
                system=system, confirmed=True, reference=f"{system}/1", publication=asked.publication
            )
            if system in asked.awaited:
                answer = await client.tell(case, said, key=f"{system}-1")
                assert await client.tell(case, said, key=f"{system}-1") == answer
        now = await office.read_case(case)
        assert "bank" not in now.awaited
        history = await office.read_history(case)
        assert [each.event for each in history.transitions][:2] == ["registered", "screened"]
        progress = await office.read_progress(case)
        assert case in progress.cases


async def test_waiting_has_an_end(door: Door, run: Run) -> None:
    person = await door.engine.insured()
    async with run.client(door.url, credentials(door)) as office:
        receipt = await office.open_case(application(person))
        with pytest.raises(NotInTime):
            await office.wait_for(receipt.case_id, seconds=1)
        assert not is_closed(await office.read_case(receipt.case_id))


async def test_what_is_refused_says_which_fields_and_what_to_do(door: Door, tmp_path: Path, run: Run) -> None:
    person = await door.engine.insured()
    async with run.client(door.url, credentials(door)) as office:
        planted = "11010519491231002Q"
        with pytest.raises(Invalid) as refused:
            await office.open_case(application(person, new_number=planted))
        (wrong,) = refused.value.errors
        assert (wrong.pointer, wrong.code) == ("/new_number", models.Code.NUMBER_CHARACTERS)
        assert refused.value.remedy is not None
        assert refused.value.remedy.zh
        assert planted not in str(refused.value)
        with pytest.raises(NotFound) as unknown:
            await office.read_case("idc-" + "a" * 26)
        assert unknown.value.code == "CASE_UNKNOWN"
        receipt = await office.open_case(application(person))
    opens_only = token_file(door, tmp_path, BACK_OFFICE, scope="cases:open cases:read")
    async with run.client(door.url, opens_only) as office:
        with pytest.raises(NotAllowed) as scope:
            await office.tell(receipt.case_id, models.Withdraw())
        assert scope.value.code == "SCOPE_MISSING"


async def test_a_closed_case_is_refused_with_its_outcome(door: Door, tmp_path: Path, run: Run) -> None:
    person = await door.engine.insured()
    async with run.client(door.url, token_file(door, tmp_path, BACK_OFFICE)) as office:
        receipt = await office.open_case(application(person, personal_number=f"S{person.personal_number}"))
        assert receipt.reason == "PERSON_UNKNOWN"
        assert is_closed(await office.wait_for(receipt.case_id, seconds=5))
        with pytest.raises(Conflict) as closed:
            await office.tell(receipt.case_id, models.Withdraw())
        assert closed.value.code == "CASE_CLOSED"
        assert closed.value.outcome is not None
        assert closed.value.outcome == await office.read_outcome(receipt.case_id)


async def test_all_pages_are_gone_through(door: Door, run: Run) -> None:
    async with run.client(door.url, credentials(door)) as office:
        opened = {(await office.open_case(application(await door.engine.insured()))).case_id for _ in range(3)}
        rows = [row async for row in office.cases(Filter(kind=models.Kind.id_number_change), at_once=2)]
        assert opened <= {row.case_id for row in rows}
        # A list has a row for each generation of a case.
        assert len(rows) == len({(row.case_id, row.generation) for row in rows})
        none = Filter(region="99", kind=models.Kind.card_replacement)
        assert [row async for row in office.cases(none)] == []


async def test_a_register_is_handed_in_waited_for_and_what_is_wrong_in_it_is_listed(
    door: Door, tmp_path: Path, run: Run
) -> None:
    rows = [row_of(await door.engine.insured()), *[row_of(await door.engine.insured(), number="") for _ in range(3)]]
    file = csv_of(rows, HEADINGS).encode()
    async with run.client(door.url, token_file(door, tmp_path, BACK_OFFICE)) as office, door.runner.running():
        job = await office.hand_in_register(file, FileType.csv, key=f"night-{rows[0][0]}")
        again = await office.hand_in_register(file, FileType.csv, key=f"night-{rows[0][0]}")
        assert again.id == job.id
        async with asyncio.timeout(60):
            over = await office.wait_for_job(job.id)
        assert (over.state, over.rows.done, over.rows.refused) == (models.JobState.done, 1, 3)
        wrong = [row async for row in office.job_rows(job.id, state="refused", at_once=2)]
        assert [(row.row, found.column, found.code) for row in wrong for found in row.findings] == [
            (row, "number", "NUMBER_EMPTY") for row in (3, 4, 5)
        ]
        (done,) = [row async for row in office.job_rows(job.id, state="done")]
        assert (await office.read_case(done.case_id)).status == done.status
        with pytest.raises(Conflict):
            await office.cancel_job(job.id)
        with pytest.raises(Invalid) as refused:
            await office.hand_in_events(b"nothing", FileType.json_lines, how=Reading(event="planted"))
        assert [each.pointer for each in refused.value.errors] != []


async def test_the_feed_gives_the_place_back_from_which_it_goes_on(door: Door, tmp_path: Path, run: Run) -> None:
    async with (
        publishing(door.engine) as publisher,
        run.client(door.url, token_file(door, tmp_path, BACK_OFFICE)) as office,
    ):
        while await publisher.publish():
            pass
        start = await office.end_of_events()
        case = (await office.open_case(application(await door.engine.insured()))).case_id
        feed = office.feed(start, at_once=2)
        async with asyncio.timeout(30):
            async for entry in feed:
                if (entry.data.case_id, entry.data.event) == (case, "screened"):
                    break
        # Whoever comes back with the place of an entry is told what follows it, and not that one again.
        first = office.feed(start, to_its_end=True)
        places = [(entry.id, first.place) async for entry in first]
        middle = len(places) // 2
        following = office.feed(places[middle][1], to_its_end=True)
        assert [entry.id async for entry in following] == [each for each, _ in places[middle + 1 :]]
        assert following.place == first.place


async def test_a_webhook_is_believed_only_by_its_signature(engine: Engine, tmp_path: Path) -> None:
    async with subscribed(engine) as (door, receiver, _, _):
        async with AsyncClient(door.url, token_file(door, tmp_path, BACK_OFFICE)) as office:
            case = (await office.open_case(application(await engine.insured()))).case_id
            keys = await office.webhook_keys()
        await receiver.has(1)
        webhooks = Webhooks(keys)
        challenge, told = (webhooks.read(call.headers, call.body) for call in receiver.calls[:2])
        assert isinstance(challenge, Challenge)
        assert b"challenge" in challenge.answer()
        assert isinstance(told, models.Entry)
        assert (told.data.case_id, told.data.kind) == (case, Kind.id_number_change)
        call = receiver.calls[1]
        # Both keys sign while one is replaced: whoever has one of them can check.
        assert all(Webhooks([key]).read(call.headers, call.body) == told for key in keys)
        other = {**call.headers, "webhook-id": "planted"}
        unsigned = {name: value for name, value in call.headers.items() if name != "webhook-signature"}
        symmetric = {**call.headers, "webhook-signature": call.headers["webhook-signature"].replace("v1a,", "v1,")}
        for headers, body in ((other, call.body), (call.headers, call.body + b" "), (unsigned, call.body)):
            with pytest.raises(NotAuthentic):
                webhooks.read(headers, body)
        with pytest.raises(NotAuthentic):
            webhooks.read(symmetric, call.body)
        signed_at = int(call.headers["webhook-timestamp"])
        for moment in (signed_at - 301, signed_at + 301):
            with pytest.raises(NotAuthentic):
                Webhooks(keys, clock=partial(float, moment)).read(call.headers, call.body)
        with pytest.raises(NotAuthentic):
            Webhooks([]).read(call.headers, call.body)


async def test_subscriptions_are_kept_by_the_client(engine: Engine, tmp_path: Path, run: Run) -> None:
    async with (
        subscribed(engine) as (door, receiver, _, which),
        run.client(door.url, token_file(door, tmp_path, BACK_OFFICE)) as office,
    ):
        assert which in {each.id for each in await office.list_subscriptions()}
        assert (await office.pause_subscription(which)).state is models.State.paused
        assert (await office.resume_subscription(which)).state is models.State.active
        start = await office.end_of_events()
        assert (await office.replay(which, start)).pending == 0
        assert (await office.resend(which)).dead == 0
        second = await office.subscribe(receiver.sink, types=["cardcase.case_moved.v1"], region="110105")
        assert second.types == ("cardcase.case_moved.v1",)
        assert (await office.end_subscription(second.id)).state is models.State.ended
        assert (await office.read_subscription(second.id)).ended_at is not None


async def test_a_wrong_secret_and_an_ended_token_say_so(door: Door, tmp_path: Path, run: Run) -> None:
    async with run.client(door.url, credentials(door, secret=f"not {SECRET}")) as office:
        with pytest.raises(CredentialsRefused) as refused:
            await office.list_cases()
        assert str(refused.value) == "invalid_client (status 401)"
    async with run.client(door.url, token_file(door, tmp_path, BACK_OFFICE, exp=1)) as office:
        with pytest.raises(CredentialsRefused):
            await office.list_cases()
    # Somebody has renewed the file.
    async with run.client(door.url, token_file(door, tmp_path, BACK_OFFICE)) as office:
        await office.list_cases()


@pytest.mark.parametrize("url", ["http://intake.example.invalid", "ftp://127.0.0.1", "127.0.0.1:8237"])
def test_names_and_numbers_leave_this_machine_only_by_https(url: str, tmp_path: Path) -> None:
    for client in (Client, AsyncClient):
        with pytest.raises(ValueError, match="https"):
            client(url, TokenFile(tmp_path))
