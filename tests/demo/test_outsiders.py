"""Outsiders of the demonstration: they hold nothing of ours, answer when they were asked, and believe nobody else."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from cardcase_client import AsyncClient, TokenFile, models
from cardcase_client.models import Entry
from demo.others import client_of
from demo.outsiders.asked import Asked
from demo.outsiders.feed import told_by_feed
from demo.outsiders.names import NAMES
from demo.outsiders.sink import told_by_webhook
from demo.outsiders.systems import MOVED, OUTSIDERS, BackOffice, System
from demo.scripts import SYSTEMS
from stack.identity import sample_systems
from stack.ports import LOOPBACK, pick_ports
from tests.deploy.image import ROOT
from tests.engine import Engine
from tests.intake.service.door import BACK_OFFICE, BANK, VERIFIER, Door, door_of
from tests.intake.service.test_cases import application_of, approved
from tests.intake.service.test_feed import publishing


def entry(sequence: int, request: str | None, case_id: str = "idc-1") -> Entry:
    said: dict[str, Any] = {
        "id": f"abcdefghij.{sequence}",
        "source": "/cardcase/default",
        "type": "cardcase.card_ordered.v1",
        "subject": case_id,
        "time": "2026-11-30T00:00:00Z",
        "sequence": str(sequence),
        "data": {"case_id": case_id, "kind": "CardReplacement", "generation": 1, "version": 1, "request": request},
    }
    return Entry.model_validate(said)


def test_every_outsider_has_a_program_and_a_credential() -> None:
    assert set(OUTSIDERS) == set(NAMES)
    assert {each.value for each in models.System} < set(NAMES)
    systems = sample_systems(lambda name: name)
    assert {client_of(name) for name in NAMES} < set(systems)
    # A script names who acts as the register will know them.
    assert {part.staff_id for part in SYSTEMS} < {client_of(name) for name in NAMES}


def test_an_outsider_is_made_of_nothing_of_ours() -> None:
    looks = "import sys, demo.outsiders.__main__\nprint(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    path = f"{ROOT}:{ROOT / 'clients' / 'python'}"
    said = subprocess.run(
        [sys.executable, "-c", looks], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "cardcase_client" in said
    assert {"activities", "cases", "desk", "gate", "intake", "runtime", "stack", "workflows", "temporalio"}.isdisjoint(
        said
    )


async def test_a_request_is_waited_for_until_it_has_come_however_often_others_come() -> None:
    asked = Asked()
    waiting = asyncio.create_task(asked.for_("ord-c"))
    for told in (entry(3, "ord-a"), entry(4, None), entry(3, "ord-a"), entry(5, "ord-b", "idc-2")):
        asked.take(told)
        await asyncio.sleep(0)
    assert not waiting.done()
    asked.take(entry(7, "ord-c"))
    async with asyncio.timeout(1):
        await waiting
        await asked.for_("ord-b")


@asynccontextmanager
async def met(engine: Engine, folder: Path) -> AsyncIterator[tuple[Door, AsyncClient, AsyncClient, int]]:
    """A door that sends webhooks to a port, with a bank and an office before it."""
    (port,) = pick_ports(None)
    async with door_of(engine, sink_hosts=[f"{LOOPBACK}:{port}"]) as door, publishing(engine):
        files = {actor: folder / actor.id for actor in (BACK_OFFICE, BANK)}
        for actor, file in files.items():
            file.write_text(door.token(actor), encoding="ascii")
        async with (
            AsyncClient(door.url, TokenFile(files[BACK_OFFICE])) as office,
            AsyncClient(door.url, TokenFile(files[BANK])) as bank,
        ):
            yield door, office, bank, port


async def test_a_bank_answers_once_it_was_asked_and_names_what_it_answers(engine: Engine, tmp_path: Path) -> None:
    async with met(engine, tmp_path) as (door, office, client, port):
        bank = System(client, ("cardcase.number_changed.v1",))
        application = models.NumberChangeApplication.model_validate(application_of(await engine.insured()))
        case = (await office.open_case(application)).case_id
        view = await office.read_case(case)
        told = {"original_seen": True, "copies": [each.sha256 for each in view.documents]}
        await door.asked("POST", f"/v1/cases/{case}/events/verify_documents", by=VERIFIER, json=told)
        await approved(door, case)
        view = await office.wait_for(case, lambda now: models.System.bank in now.awaited, seconds=30)
        says = {"system": "bank", "confirmed": True, "reference": "bank/1", "publication": view.publication}
        cue = {"case": case, "event": "confirm_downstream", "says": says, "key": "bank-1"}
        answering = asyncio.create_task(bank.do(cue))
        await office.read_case(case)
        assert not answering.done()
        async with told_by_webhook(client, port, bank.types, bank.take):
            async with asyncio.timeout(30):
                answer = await answering
            assert answer.case_id == case
            assert models.System.bank in (await office.read_case(case)).confirmations
            # Cued once more, it says the same.
            assert await bank.do(cue) == answer
        somebodys = await client.subscribe(f"http://{LOOPBACK}:{port}/elsewhere")
        # Begun anew it has one subscription still, and knows what it was asked before.
        again = System(client, bank.types)
        async with told_by_webhook(client, port, again.types, again.take):
            standing = [each for each in await client.list_subscriptions() if each.state is not models.State.ended]
            # What somebody else has subscribed by the same credential is none of its business.
            assert [each.sink for each in standing] == [f"http://{LOOPBACK}:{port}/outsider", somebodys.sink]
            assert await again.do(cue) == answer
        for each in standing:
            await client.end_subscription(each.id)


async def test_whoever_reads_the_feed_is_told_of_what_was_and_of_what_comes(engine: Engine, tmp_path: Path) -> None:
    async with met(engine, tmp_path) as (door, client, _, _port):
        cases = []
        for _ in range(2):
            application = models.NumberChangeApplication.model_validate(application_of(await engine.insured()))
            cases.append((await client.open_case(application)).case_id)
        before, after = cases
        await door.asked("POST", f"/v1/cases/{before}/events/withdraw", by=VERIFIER, json={})
        async for told in client.feed(types=(MOVED,)):
            if told.data.case_id == before:
                break
        office, taken = BackOffice(client), set[str]()

        def take(entry: Entry) -> None:
            taken.add(entry.data.case_id)
            office.take(entry)

        async with told_by_feed(client, office.types, take):
            assert before in taken
            ending = asyncio.create_task(office.do({"do": "outcome", "case": after}))
            await client.read_case(after)
            assert not ending.done()
            await door.asked("POST", f"/v1/cases/{after}/events/withdraw", by=VERIFIER, json={})
            async with asyncio.timeout(30):
                assert isinstance(await ending, models.Outcome)


async def test_a_back_office_is_told_how_its_case_ended_and_nobody_else_is_believed(
    engine: Engine, tmp_path: Path
) -> None:
    async with met(engine, tmp_path) as (door, client, _, port):
        office, taken = BackOffice(client), list[Entry]()

        def take(told: Entry) -> None:
            taken.append(told)
            office.take(told)

        async with told_by_webhook(client, port, office.types, take):
            receipt = await office.do({"do": "open", "application": application_of(await engine.insured())})
            assert isinstance(receipt, models.Receipt)
            ending = asyncio.create_task(office.do({"do": "outcome", "case": receipt.case_id}))
            forged = entry(10**9, None, receipt.case_id).model_dump(mode="json") | {"type": office.types[0]}
            forged["data"] |= {"awaits": "nobody"}
            before = len([each for each in taken if each.sequence == "1000000000"])
            answer = await door.http.post(f"http://{LOOPBACK}:{port}/outsider", json=forged)
            assert (answer.status_code, before) == (httpx.codes.UNAUTHORIZED, 0)
            assert all(each.sequence != "1000000000" for each in taken)
            assert not ending.done()
            await door.asked("POST", f"/v1/cases/{receipt.case_id}/events/withdraw", by=VERIFIER, json={})
            async with asyncio.timeout(30):
                outcome = await ending
            assert isinstance(outcome, models.Outcome)
            assert outcome.status is models.Status.withdrawn
            # One that ended before is told of no more, and known all the same.
            assert await BackOffice(client).do({"do": "outcome", "case": receipt.case_id}) == outcome
        for each in await client.list_subscriptions():
            await client.end_subscription(each.id)
