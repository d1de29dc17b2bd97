"""The client as others install it: a wheel, beside httpx and pydantic and nothing else, and a program that uses it."""

import asyncio
import json
import shutil
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.image import ROOT
from tests.intake.service.door import BACK_OFFICE, SECRET, Door
from tests.intake.service.test_cases import application_of

CLIENT: Final = ROOT / "clients" / "python"
PROGRAM: Final = """
import asyncio, json, os, sys, threading
from pathlib import Path
from cardcase_client import AsyncClient, Client, ClientCredentials, models

def credentials():
    return ClientCredentials(os.environ["TOKEN_URL"], os.environ["CLIENT_ID"], Path(os.environ["SECRET_FILE"]))

application = models.NumberChangeApplication.model_validate_json(os.environ["APPLICATION"])
with Client(os.environ["URL"], credentials()) as cases:
    receipt = cases.open_case(application)
    view = cases.wait_for(receipt.case_id, lambda view: view.status == "in_review", seconds=20)

async def again():
    async with AsyncClient(os.environ["URL"], credentials()) as cases:
        return await cases.open_case(application)

assert asyncio.run(again()) == receipt
print(json.dumps({
    "case": view.case_id,
    "threads": threading.active_count(),
    "packages": sorted({name.partition(".")[0] for name in sys.modules}),
    "from": models.__file__,
}))
"""


def installed_with(*names: str) -> Iterator[Distribution]:
    """Distributions, and all that they need."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        yield found
        needed = map(Requirement, found.requires or ())
        waiting += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]


async def run(*command: str | Path, environment: dict[str, str] | None = None) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel. What it needs comes from here: no index is asked."""
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(CLIENT, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    status, said = await run(
        *pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source
    )
    assert status == 0, said
    (wheel,) = folder.glob("cardcase_client-*-py3-none-any.whl")
    venv.create(folder / "venv", with_pip=False)
    own = folder / "venv" / "bin" / "python"
    _, packages = await run(own, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    for found in installed_with("httpx", "pydantic"):
        for file in found.files or ():
            if not file.parts[0].startswith(".."):
                target = Path(packages.strip()) / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(found.locate_file(file)), target)
    status, said = await run(*pip, "--python", own, "install", "--quiet", "--no-index", wheel)
    assert status == 0, said
    return own


def environment_of(door: Door, application: str, secret: Path) -> dict[str, str]:
    secret.write_text(SECRET, encoding="ascii")
    return {
        "URL": door.url,
        "TOKEN_URL": door.provider.token_url,
        "CLIENT_ID": BACK_OFFICE.id,
        "SECRET_FILE": str(secret),
        "APPLICATION": application,
    }


async def test_a_program_with_the_wheel_alone_drives_a_case_and_ends_with_0(
    door: Door, python: Path, tmp_path: Path
) -> None:
    application = json.dumps(application_of(await door.engine.insured()))
    environment = environment_of(door, application, tmp_path / "secret")
    status, said = await run(python, "-I", "-c", PROGRAM, environment=environment)
    assert status == 0, said
    told = json.loads(said)
    assert told["case"].startswith("idc-")
    # A thread that is left could abort the process at its end.
    assert told["threads"] == 1
    assert str(python.parents[1]) in told["from"]
    strangers = {"temporalio", "cases", "intake", "asyncpg", "cryptography", "aiohttp"}
    assert strangers.isdisjoint(told["packages"])


async def test_a_program_that_was_refused_says_so_and_not_what_it_sent(
    door: Door, python: Path, tmp_path: Path
) -> None:
    planted = "11010519491231002Q"
    application = json.dumps(application_of(await door.engine.insured(), new_number=planted))
    environment = environment_of(door, application, tmp_path / "secret")
    status, said = await run(python, "-I", "-c", PROGRAM, environment=environment)
    assert status == 1
    assert "cardcase_client.problems.Invalid: NUMBER_CHARACTERS" in said
    assert planted not in said


async def test_the_wheel_has_types_and_one_package(python: Path) -> None:
    looks = (
        "import json\n"
        "from importlib.metadata import distribution, files, packages_distributions\n"
        "own = [name for name, of in packages_distributions().items() if 'cardcase-client' in of]\n"
        "typed = 'cardcase_client/py.typed' in map(str, files('cardcase-client'))\n"
        "print(json.dumps([own, typed, distribution('cardcase-client').requires]))"
    )
    status, said = await run(python, "-I", "-c", looks)
    assert status == 0, said
    packages, is_typed, needs = json.loads(said)
    assert (packages, is_typed) == (["cardcase_client"], True)
    wanted = [Requirement(each) for each in needs]
    assert {each.name for each in wanted if each.marker is None} == {"httpx", "pydantic"}
    assert {each.name for each in wanted if each.marker is not None} == {"cryptography"}
