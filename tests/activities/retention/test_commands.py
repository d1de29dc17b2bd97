"""The command line about what is kept, on a register without anything beside it."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.person_keys import DirectoryKeys
from activities.registry.journal import Kind, entries
from cases.models import Actor
from intake.commands.saying import Exit
from runtime.settings import Settings
from runtime.start import CannotStart, check_erased
from stack.issuer import Issuer
from tests.activities.play import Play, insured
from tests.activities.retention.lives import copied, died, put_back, rejected
from tests.intake.calling import Said, runner, sample_keys
from tests.scenes import CLERK

Call = Callable[..., Coroutine[Any, Any, Said]]


@pytest.fixture
def settings(tmp_path: Path, store: Path) -> Settings:
    return Settings(key_file=sample_keys(tmp_path), person_keys=store)


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Settings,
    database_url: str,
) -> Call:
    """The command line of somebody who looks after the register, with a token of theirs."""
    for name in [name for name in os.environ if name.startswith(("CARDCASE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    issuer, token = Issuer(), tmp_path / "token"
    for name, value in {
        "PROFILE": "local",
        "DATABASE_URL": database_url,
        "KEY_FILE": str(settings.key_file),
        "PERSON_KEYS": str(settings.person_keys),
        "TOKEN_FILE": str(token),
        "IDENTITY_ISSUER": issuer.url,
        "IDENTITY_KEYS": str(issuer.write_keys(tmp_path / "jwks.json")),
    }.items():
        monkeypatch.setenv(f"CARDCASE_{name}", value)
    token.touch(mode=0o600)
    token.write_text(issuer.token(Actor.model_validate(CLERK.model_dump())), encoding="ascii")
    run = runner(capsys, monkeypatch)

    async def call(*arguments: Any) -> Said:
        """A command has an event loop of its own."""
        return await asyncio.to_thread(run, "retention", *arguments, "-o", "json")

    return call


@pytest.fixture
def play(play: Play) -> Play:
    """Cases of long ago: commands look at what is due now."""
    play.at = datetime.now(UTC).replace(hour=4, minute=0, second=0, microsecond=0) - timedelta(days=400)
    return play


async def test_what_is_due_is_planned_held_erased_and_certified(call: Call, play: Play) -> None:
    one, other = insured(), insured()
    await play.load(one, other)
    first, second = await rejected(play, one), await rejected(play, other)
    held = await call("hold", first.case_id, "--basis", "Order (sample) No. 1")
    assert (held.exit, held.json) == (0, {"case_id": first.case_id, "held": True, "changed": True})
    assert [each["cases"] for each in (await call("holds")).json] == [[first.case_id]]
    planned = (await call("plan")).json
    assert (planned["persons"], planned["cases"], planned["kept_by"]) == (1, 1, {"legal_hold": 1})
    assert {each["case_id"] for each in planned["due"]} == {first.case_id, second.case_id}
    refused = await call("run", "--plan", "0" * 64, "--reason", "the time is over")
    assert (refused.exit, "ERASURE_PLANNED_OTHERWISE" in refused.out + refused.err) == (Exit.data, True)
    run = await call("run", "--plan", planned["plan"], "--reason", "the time is over")
    assert (run.exit, run.json["cases"], run.json["kept"]) == (0, 1, 0)
    assert run.err.endswith("1/1\n")
    said = await call("certificate", run.json["id"])
    assert (said.exit, said.json["cases"], said.json["left"]) == (0, 1, [])
    assert [each["id"] for each in (await call("certificate")).json] == [run.json["id"]]
    assert (await call("certificate", f"era-{'a' * 26}")).exit == Exit.data
    assert await play.value("SELECT array_agg(case_id) FROM cases") == [first.case_id]
    by = {each.actor for each in await entries(play.pool) if each.kind in {Kind.legal_hold, Kind.erasure}}
    assert by == {CLERK.id}


async def test_what_goes_by_itself_and_is_older_than_it_may_be_is_counted(call: Call, play: Play) -> None:
    person = insured()
    await play.load(person)
    case = await rejected(play, person)
    assert (await call("plan")).exit == 0
    # As a reader of the feed would find it who was away for months: nobody has published since, so nobody forgot.
    await play.write(
        "INSERT INTO feed (sequence, kind, of_kind, case_id, generation, version, region, at) "
        "VALUES (1, 'case_moved', 'IdNumberChange', $1, 1, 0, '110105', $2)",
        case.case_id,
        play.at,
    )
    said = await call("plan")
    over = {each["what"]: each["over"] for each in said.json["places"]}
    assert (said.exit, over) == (1, {"journal": 0, "feed": 1, "jobs": 0})


async def test_nothing_starts_on_what_came_back_until_it_was_erased_again(
    call: Call, play: Play, settings: Settings, keys: DirectoryKeys
) -> None:
    person = insured()
    await play.load(person)
    await rejected(play, person)
    await died(play, person)
    await play.write("UPDATE persons SET died_on = died_on - 4000 WHERE token = $1", play.token(person))
    before = await copied(play)
    plan = (await call("plan")).json
    assert plan["persons_wholly"] == 1
    assert (await call("run", "--plan", plan["plan"], "--reason", "the time is over")).exit == 0
    await check_erased(play.pool, settings)
    await put_back(play, before)
    with pytest.raises(CannotStart) as stopped:
        await check_erased(play.pool, settings)
    assert "starter.py retention replay" in str(stopped.value)
    assert not stopped.value.passes
    looked = await call("replay", "--dry-run")
    assert (looked.exit, {each["where"] for each in looked.json}) == (1, {"in_register"})
    with pytest.raises(CannotStart):
        await check_erased(play.pool, settings)
    assert (await call("replay")).exit == 0
    await check_erased(play.pool, settings)
    assert keys.key_ids(play.token(person)) == ()
    assert await play.value("SELECT count(*) FROM persons") == 0


async def test_a_store_that_is_away_keeps_a_process_from_starting_until_it_is_back(
    play: Play, settings: Settings, store: Path
) -> None:
    await asyncio.to_thread(store.rename, store.with_name("away"))
    with pytest.raises(CannotStart) as stopped:
        await check_erased(play.pool, settings)
    assert stopped.value.passes


async def test_the_table_is_shown_and_help_says_what_each_command_needs(call: Call) -> None:
    shown = (await call("table")).json
    assert {each["what"] for each in shown} >= {"unsuccessful", "completed", "record", "journal", "key_backups"}
    assert all(each["legal_basis"] and each["why"] for each in shown)
    said = await call("run", "--help", "--lang=en")
    assert "owns the schema" in " ".join(said.out.split())
    assert "CARDCASE_TOKEN_FILE" in said.out


async def test_without_a_store_nothing_is_erased(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARDCASE_PERSON_KEYS")
    said = await call("run", "--plan", "0" * 64, "--reason", "the time is over")
    assert said.exit == 78
    assert "CARDCASE_PERSON_KEYS" in said.err
