"""The README's tour by `curl` is what a shell does with it: its commands are run against the real service."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cases.models import Actor, Role
from tests.engine import Engine
from tests.intake.service.door import door_of

README: Final = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION: Final = README.partition("**By `curl` alone.**")[2].partition("\n## ")[0]
SERVICE: Final = "http://127.0.0.1:8237"
TOKEN: Final = ".cardcase/tokens/sample-back-office"  # noqa: S105 - where it is
END_OF_ONE: Final = "--- end of what one command says"


def steps() -> Iterator[tuple[str, list[str]]]:
    """Every command of the section, and the lines that it says there."""
    lines = SECTION.partition("```console\n")[2].partition("```")[0].splitlines()
    while lines:
        command = [lines.pop(0).removeprefix("$ ")]
        if "<<'END'" in command[0]:
            while command[-1] != "END":
                command.append(lines.pop(0))
        said = []
        while lines and not lines[0].startswith("$ "):
            said.append(lines.pop(0))
        yield "\n".join(command), said


def alike(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from day to day and from key to key."""
    return {
        name: value
        for name, value in answer.items()
        if name not in {"case_id", "reference"} and not name.startswith("due")
    }


async def test_the_commands_of_the_tour_open_a_case_and_tell_it_something(engine: Engine, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here: the tour by curl was not run")
    written = re.search(r"other\.json <<'END'\n(.*?)\nEND", SECTION, re.DOTALL)
    assert written is not None
    application = json.loads(written.group(1))
    region = application["region"]
    await engine.insured(
        region=region,
        personal_number=application["personal_number"],
        name=application["name"],
        number=application["number"],
    )
    await engine.at_a_post(Actor(id=application["submitter"]["id"], role=Role.clerk, office=region))
    script = "".join(f"{command}\necho '{END_OF_ONE}'\n" for command, _ in steps())
    async with door_of(engine) as door:
        token = tmp_path / TOKEN
        token.parent.mkdir(parents=True)
        token.write_text(door.token(Actor(id="sample-back-office", role=Role.back_office, office="100000")))
        assert SERVICE in script
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            script.replace(SERVICE, door.url),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, wrong = await process.communicate()
        assert process.returncode == 0, wrong.decode()
    said = [each.strip() for each in out.decode().split(f"{END_OF_ONE}\n")]
    statuses = []
    for (command, shown), really in zip(steps(), said, strict=False):
        assert bool(shown) == bool(really), command
        if shown:
            answer = json.loads(really)
            assert alike(json.loads("".join(shown))) == alike(answer), really
            statuses.append(answer["status"])
    assert statuses == ["awaiting_documents", "in_review"]
