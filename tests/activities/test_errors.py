"""The choke point: whatever goes wrong leaves as a code. All persons, names and numbers are synthetic."""

import logging
import traceback
from dataclasses import replace

import asyncpg
import pytest
from temporalio.exceptions import ApplicationError

from activities.calendar import official_calendar
from activities.registry import Clock, Registry
from activities.registry.errors import Refused, code_of, translate
from activities.registry.pool import connection_of
from activities.sealing import KeyRing, Sealer
from cases.errors import CaseError, Code
from cases.events import Event
from cases.policy import Policies
from cases.steps import RegisterRequest
from tests.activities.play import CERTIFIED, Play, eighteen, insured, mistaken
from tests.stamping import STAMPS

PLANTED = "110105190001010015"


@pytest.mark.parametrize(
    ("error", "code", "final"),
    [
        (CaseError(Code.CASE_UNKNOWN), Code.CASE_UNKNOWN, True),
        (CaseError(Code.SEAL_BROKEN, "number"), Code.SEAL_BROKEN, True),
        (CaseError(Code.KEY_UNKNOWN, "number"), Code.KEY_UNKNOWN, False),
        (CaseError(Code.POLICY_UNKNOWN), Code.POLICY_UNKNOWN, False),
        (CaseError(Code.SCHEMA_MISMATCH), Code.SCHEMA_MISMATCH, False),
        (Refused(Code.NUMBER_TAKEN), Code.NUMBER_TAKEN, True),
        (asyncpg.CheckViolationError(PLANTED), Code.DATABASE_REFUSED, True),
        (asyncpg.UniqueViolationError(PLANTED), Code.DATABASE_REFUSED, True),
        (asyncpg.NotNullViolationError(PLANTED), Code.DATABASE_REFUSED, True),
        (asyncpg.DataError(PLANTED), Code.DATABASE_REFUSED, True),
        (asyncpg.InvalidTextRepresentationError(PLANTED), Code.DATABASE_REFUSED, True),
        (asyncpg.InsufficientPrivilegeError(PLANTED), Code.DATABASE_REFUSED, True),
        (asyncpg.UndefinedTableError(PLANTED), Code.SCHEMA_MISMATCH, False),
        (asyncpg.UndefinedColumnError(PLANTED), Code.SCHEMA_MISMATCH, False),
        (asyncpg.PostgresConnectionError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.CannotConnectNowError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.TooManyConnectionsError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.DiskFullError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.ReadOnlySQLTransactionError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.QueryCanceledError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.LockNotAvailableError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.DeadlockDetectedError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.SerializationError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.InterfaceError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (asyncpg.InternalClientError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (ConnectionResetError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (TimeoutError(PLANTED), Code.DATABASE_UNAVAILABLE, False),
        (KeyError(PLANTED), Code.INTERNAL, False),
        (ValueError(PLANTED), Code.INTERNAL, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_is_its_code_and_worth_repeating_or_not(error: Exception, code: Code, final: bool) -> None:  # noqa: FBT001 - a column of the table
    told = translate(error)
    assert code_of(error) is code
    assert (told.message, told.type, told.non_retryable) == (code.value, code.value, final)
    assert PLANTED not in repr(told)


def everything_told(failure: BaseException) -> str:
    """What a log or a failure could show of an error."""
    chain: list[BaseException] = []
    link: BaseException | None = failure
    while link is not None:
        chain.append(link)
        link = link.__cause__ or link.__context__
    shown = "".join("".join(traceback.format_exception(link, chain=True)) for link in chain)
    return shown + "".join(f"{link!r} {link} {vars(link)}" for link in chain)


async def test_a_violated_constraint_quotes_nothing_anywhere(
    play: Play,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = insured()
    await play.load(person)
    state = await play.verified(play.change(person, eighteen("11010519491231004"), documents=CERTIFIED))
    mistaken(monkeypatch, approver="clerk-2")
    with caplog.at_level(logging.DEBUG), pytest.raises(ApplicationError) as failed:
        await play.ask(state, Event.apply)
    assert failed.value.message == "DATABASE_REFUSED"
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None
    opening = state.opening
    planted = (person.name, str(person.number), opening.number, opening.name, opening.number_token, opening.person)
    shown = everything_told(failed.value) + caplog.text + "".join(capfd.readouterr())
    assert [line for line in shown.splitlines() if any(value in line for value in planted)] == []
    # The step, and that the case is stuck.
    reported = [vars(record) for record in caplog.records if record.name == "activities.registry.errors"]
    assert {(each["constraint"], each["sqlstate"]) for each in reported} == {("cases_different_people", "23514")}


async def test_a_constraint_that_a_step_of_the_engine_violates_leaves_the_case_stuck_and_is_named_in_the_log(
    play: Play, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = insured()
    await play.load(person)
    state = await play.verified(play.change(person, eighteen("11010519491231004"), documents=CERTIFIED))
    mistaken(monkeypatch, Event.apply, approver="clerk-2")
    with caplog.at_level(logging.DEBUG):
        event, stuck = await play.instead(state, Event.apply)
    assert (event, stuck.stuck, stuck.last_error) == (Event.stuck, True, Code.DATABASE_REFUSED)
    (record,) = [record for record in caplog.records if record.name == "activities.registry.errors"]
    assert vars(record)["constraint"] == "cases_different_people"


async def test_a_key_that_is_missing_and_a_seal_that_is_broken_quote_nothing(play: Play, policies: Policies) -> None:
    person = insured()
    await play.load(person)
    state = play.change(person)
    ring = KeyRing.sample()
    stranger = Sealer(replace(ring, seal_keys={"other": bytes(range(32))}, current="other"))
    forger = Sealer(replace(ring, seal_keys={"sample": bytes(range(32))}))
    for sealer, code, final in ((stranger, "KEY_UNKNOWN", False), (forger, "SEAL_BROKEN", True)):
        registry = Registry(play.pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)
        with pytest.raises(ApplicationError) as failed:
            await registry.register(RegisterRequest(opening=state.opening, at=play.at, arrived=play.at))
        assert (failed.value.message, failed.value.non_retryable) == (code, final)
        assert state.opening.number not in everything_told(failed.value)
    assert await play.rows("SELECT * FROM cases") == []


@pytest.mark.parametrize("column", ["name", "phone"])
async def test_a_name_in_clear_does_not_fit_into_the_register(play: Play, column: str) -> None:
    await play.load(insured())
    with pytest.raises(asyncpg.CheckViolationError):
        await play.write(f"UPDATE persons SET {column} = '测试'")  # noqa: S608 - from the table above
    async with connection_of(play.pool) as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE numbers SET sealed = $1", PLANTED)
