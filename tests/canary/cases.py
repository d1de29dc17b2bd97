"""The cases of the campaign: a register of people of every class, and lives through every status and every ending."""

import asyncio
import csv
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from activities.registry.loading import InsuredPerson, load_persons
from activities.sealing import Field
from cardcase_client import TokenFile
from cases.delivery import Channel
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.models import Actor
from cases.names import Kind
from demo.expected import expectations
from demo.play import Play, read, results
from demo.screen import Board
from demo.staff import at_their_desks
from demo.staffing import staffed
from intake.client import today_in_shanghai
from samples import generate
from samples.classes import CATALOGUE, Sample, pure_upgrade
from samples.people import NORTH, SOUTH, Office
from tests.canary.forms import Kind as PlantedKind
from tests.canary.others import InPerson
from tests.canary.people import PlantedInventor
from tests.canary.stage import BACK_OFFICE, Stage
from tests.replay.lives import LIVES
from tests.workflows.dossier import Dossier
from tests.workflows.roads import CHANGES, REPLACEMENTS

EXIT_DATA, EXIT_UNAVAILABLE = 65, 69
"""Of an import some of whose rows are refused, or not answered."""
_AT_ONCE: Final = 6
"""Lives that are led side by side."""
_PEOPLE: Final = 225
"""In each of the two registers, at least; those of the lives and of what goes wrong come on top."""


async def registers(stage: Stage) -> tuple[str, ...]:
    """Import two registers by the command line, and play every case of theirs to its end; answers what went wrong."""
    files, extract = await _written(stage)
    # Clerks whom a bank's system names have a post; those of the counter open their cases themselves, below.
    await staffed(stage.engine.pool, stage.engine.sealer)
    for path in files:
        said = await stage.starter("import", path, "--errors", stage.errors / f"{path.stem}.csv", "-o", "json")
        # Where a machine is so busy that rows are not answered in time they are opened below.
        assert said.exit in {0, EXIT_DATA, EXIT_UNAVAILABLE}, said.codes
    expected = expectations(stage.inputs / generate.EXPECTED)

    def by_token(actor: Actor) -> TokenFile:
        return TokenFile(stage.token_file(actor))

    async def die(personal_number: str) -> None:
        (person,) = [each for each in extract if each.personal_number == personal_number]
        died = person.model_copy(update={"source_version": 2, "died_on": today_in_shanghai()})
        await load_persons(stage.engine.pool, stage.engine.sealer, [died])

    async with at_their_desks(stage.intake_url, by_token) as staff:
        play = Play(staff, InPerson(staff.client(BACK_OFFICE), staff.client), Board(), die)
        entries = read(files, expected)
        await play.open_all(entries)
        played = await play.play_all(entries)
    return tuple(
        f"{result.expectation.words}: {result.ending} {result.refused}"
        for result in results(entries, played)
        if not result.as_expected
    )


async def _written(stage: Stage) -> tuple[list[Path], list[InsuredPerson]]:
    """Register files of both offices, the base extract loaded, and what must become of each row."""
    everybody: list[Sample] = []
    files, lines = [], []
    for office, name, seed in ((NORTH, generate.REGISTER_NORTH, 1905), (SOUTH, generate.REGISTER_SOUTH, 1900)):
        samples = _drawn(stage, office, seed)
        path = stage.inputs / name
        workbook = path.suffix == ".xlsx"
        rows = [generate.COLUMNS, *map(generate._cells, samples)]
        path.write_bytes(generate._workbook(samples) if workbook else generate._csv(rows, "gb18030", "\r\n"))
        lines += list(generate._expected(name, samples))
        files.append(path)
        everybody += samples
    with (stage.inputs / generate.EXPECTED).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([generate.EXPECTED_COLUMNS, *lines])
    stage.people.drawn(everybody)
    records = [generate._record(person) for sample in everybody for person in sample.insured]
    extract = [InsuredPerson.model_validate(record) for record in records]
    loaded = await load_persons(stage.engine.pool, stage.engine.sealer, extract)
    assert loaded.loaded == len(extract)
    await _reached_by_mail(stage, [person.personal_number for person in extract])
    return files, extract


def _drawn(stage: Stage, office: Office, seed: int) -> list[Sample]:
    inventor = PlantedInventor(office, seed, stage.people)
    made = [entry.make(inventor) for entry in CATALOGUE for _ in range(entry.north if office is NORTH else entry.south)]
    # An import brings all rows at once, so that nobody can come later.
    drawn = [together for together in made if all(sample.after is None for sample in together)]
    while len({sample.application.personal_number for together in drawn for sample in together}) < _PEOPLE:
        drawn.append(pure_upgrade(inventor))
    return [sample for together in drawn for sample in together]


async def _reached_by_mail(stage: Stage, personal_numbers: list[str]) -> None:
    """Every other person of a register prefers mail, at an address that is planted."""
    sealer = stage.engine.sealer
    rows: list[tuple[str, str, str, int]] = []
    for number in personal_numbers[::2]:
        address, person = f"canary-{number.lower()}@example.invalid", sealer.person_token(number)
        stage.people.plant(f"mail of {len(rows)}", PlantedKind.address, address)
        rows.append((person, Channel.mail.value, sealer.seal(address, field=Field.address, person=person), 0))
    async with stage.engine.pool.acquire() as connection:
        await connection.execute("UPDATE contacts SET rank = 1 WHERE rank = 0")
        await connection.executemany(
            "INSERT INTO contacts (person, channel, address, rank) VALUES ($1, $2, $3, $4)", rows
        )


async def lives(stage: Stage) -> None:
    """Lead the lives, and let a case rest wherever one can."""

    async def to_its_end(name: str) -> None:
        case = await LIVES[name](stage.engine)
        outcome = await case.ends()
        assert name.split(".")[1] == outcome.status.value

    async def to_rest(status: Status, road: Callable[..., Awaitable[Dossier]]) -> None:
        await (await road(stage.engine)).rests_in(status)

    led = [to_its_end(name) for name in LIVES]
    led += [to_rest(status, road) for roads in (CHANGES, REPLACEMENTS) for status, road in roads.items()]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(life: Awaitable[None]) -> None:
        async with turns:
            await life

    async with asyncio.TaskGroup() as group:
        for life in led:
            group.create_task(in_turn(life))


async def statuses_of(stage: Stage) -> frozenset[tuple[Kind, Status]]:
    """All statuses that some case of the campaign was in, by the audit."""
    rows = await stage.engine.pool.fetch(
        "SELECT DISTINCT c.kind, t.to_status FROM transitions t JOIN cases c USING (case_id, generation)"
    )
    return frozenset((Kind(row["kind"]), Status(row["to_status"])) for row in rows)


EVERY_STATUS: Final = frozenset((kind, status) for kind, machine in MACHINES.items() for status in machine.statuses)
"""Of both machines, endings included."""
