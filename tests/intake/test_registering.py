"""The command that hands in a file of the register's source: the same words as over HTTP, of any length."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cases.errors import Code
from cases.models import Actor
from intake.commands.saying import Exit
from intake.requests import MOST_LINES
from tests.engine import Engine, Person
from tests.intake.calling import Run, Said
from tests.intake.service.door import BACK_OFFICE, SOURCE, Door
from tests.scenes import ID_CARD
from tests.workflows.roads import change

Call = Callable[..., Awaitable[Said]]


@pytest.fixture
def load(run: Run, door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command as its user has it: the service's address and a token, and nothing else."""
    monkeypatch.setenv("CARDCASE_INTAKE_URL", door.url)

    async def in_a_thread(*arguments: str | Path, by: Actor = SOURCE) -> Said:
        (tmp_path / "token").write_text(door.token(by), encoding="ascii")
        return await asyncio.to_thread(run, "register", "load", *arguments)

    return in_a_thread


def about(person: Person, version: int, **more: Any) -> str:
    return json.dumps({"personal_number": person.personal_number, "source_version": version, **more})


def written(folder: Path, *lines: str) -> Path:
    path = folder / "insured.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def test_a_file_has_the_effect_of_a_request_and_reaches_open_cases(
    load: Call, engine: Engine, tmp_path: Path
) -> None:
    case = await change(engine, ID_CARD)
    other = await engine.insured(claims=())
    claim = {"reference": "fp-1", "amount_fen": 1, "state": "queued"}
    file = written(
        tmp_path,
        about(other, 2, claims=[claim]),
        "",
        about(other, 3, phone=f"{other.old}X"),
        '{"name": "' + "x" * 200_000 + '"}',
        about(case.person, 2, died_on="2026-03-01"),
    )
    said = await load(file, "-o", "json")
    assert said.exit == Exit.data, said.err
    assert [(each["line"], each["pointer"], each["code"]) for each in said.json["errors"]] == [
        (3, "/phone", Code.FIELD_INVALID),
        (4, "", Code.REQUEST_TOO_LARGE),
    ]
    assert (said.json["applied"], said.json["refused"], said.json["claims_suspended"]) == (2, 2, 1)
    assert other.old not in said.out + said.err
    assert (await case.ends()).reason is Code.PERSON_DECEASED
    again = await load(file, "-o", "json")
    assert (again.json["applied"], again.json["unchanged"], again.json["claims_suspended"]) == (0, 2, 0)


async def test_a_file_of_more_lines_than_a_request_has_is_named_by_its_own_lines(
    load: Call, engine: Engine, tmp_path: Path
) -> None:
    person = await engine.insured()
    file = written(tmp_path, *["[]"] * MOST_LINES, about(person, 2, phone="10000000001"), about(person, 0))
    said = await load(file, "-o", "jsonl")
    assert (said.exit, said.lines[-1]["applied"], said.lines[-1]["refused"]) == (Exit.data, 1, MOST_LINES + 1)
    assert [each["line"] for each in said.lines[:-1]] == [*range(1, MOST_LINES + 1), MOST_LINES + 2]


async def test_only_who_speaks_for_the_source_loads_a_file(load: Call, engine: Engine, tmp_path: Path) -> None:
    file = written(tmp_path, about(await engine.insured(), 2, phone="10000000001"))
    refused = await load(file, by=BACK_OFFICE)
    assert (refused.exit, "ROLE_NOT_ALLOWED" in refused.err) == (Exit.refused, True)
    assert (await load(file)).exit == Exit.fine
    missing = await load(tmp_path / "missing.jsonl")
    assert (missing.exit, "FILE_UNREADABLE" in missing.err) == (Exit.data, True)
