"""What the description shows is what the service takes: every example of a request is read as the service reads it."""

from pathlib import Path
from typing import Any

import pytest

from activities.registry.loading import PersonSaid
from cases.events import FACTS, Event
from cases.kinds import KINDS
from intake.applications import APPLICATIONS, checked
from intake.client import today_in_shanghai
from intake.files.batch import open_batch
from intake.files.register import open_register
from intake.files.rows import Finding, Terms
from intake.files.tables import Format, Table
from intake.requests import application_of, read_object
from intake.service.looking import LookedFor
from intake.service.subscriptions import From, Wanted
from intake.service.uploads import MEDIA_TYPES
from intake.telling import fact_of
from tests.intake.service.contract import DESCRIPTION
from tests.intake.service.door import Door
from tests.intake.service.test_anything import who_may

KIND_OF_EVENT = {
    event: next(record for record in KINDS.values() if event in record.machine.every_event) for event in FACTS
}


def examples_of(path: str, kind: str = "application/json") -> list[Any]:
    content = DESCRIPTION["paths"][path]["post"]["requestBody"]["content"][kind]
    return [example["value"] for example in content["examples"].values()]


def test_the_applications_are_taken() -> None:
    taken = [application_of(dict(fields)) for fields in examples_of("/v1/cases")]
    assert {type(each) for each in taken} == set(APPLICATIONS.values())


@pytest.mark.parametrize("event", FACTS)
def test_what_is_told_is_taken(door: Door, event: Event) -> None:
    case = f"{KIND_OF_EVENT[event].prefix}-{'a' * 26}"
    for fields in examples_of(f"/v1/cases/{{case}}/events/{event.value}"):
        assert isinstance(fact_of(who_may(event), case, event, dict(fields), door.engine.sealer), FACTS[event])


def test_what_is_asked_is_taken() -> None:
    for path, model in (
        ("/v1/cases:lookup", LookedFor),
        ("/v1/subscriptions", Wanted),
        ("/v1/subscriptions/{subscription}:replay", From),
    ):
        for fields in examples_of(path):
            checked(model, fields)
    for lines in examples_of("/v1/persons", "application/jsonl"):
        for line in lines.splitlines():
            checked(PersonSaid, read_object(line.encode()))


@pytest.mark.parametrize("kind", [kind for kind, form in MEDIA_TYPES.items() if form is not Format.workbook])
def test_the_files_are_taken_row_by_row(kind: str, tmp_path: Path) -> None:
    for path in ("/v1/registers", "/v1/event-batches"):
        for text in examples_of(path, kind):
            file = tmp_path / "file"
            file.write_text(text, encoding="utf-8")
            form, read = MEDIA_TYPES[kind], list[tuple[object, tuple[Finding, ...]]]()
            if path == "/v1/registers":
                with open_register(file, Terms(today_in_shanghai()), written_as=form) as register:
                    read += [(row.application, row.findings) for row in register]
            else:
                with open_batch(Table(file, form), None) as batch:
                    read += [(line.fields, line.findings) for line in batch]
            assert read
            assert all(taken is not None and not findings for taken, findings in read), read


async def test_a_service_says_where_its_own_tokens_are(door: Door) -> None:
    described = (await door.asked("GET", "/openapi.json", by=None)).json()
    flow = described["components"]["securitySchemes"]["client_credentials"]["flows"]["clientCredentials"]
    assert (described["servers"][0]["url"], flow["tokenUrl"]) == ("/", door.provider.token_url)
