"""The container image, as far as it can be held without a container engine: files, programs, health check."""

import re

import pytest

from runtime.health import serve_health
from tests.deploy.image import CLIENT, PRODUCT, ROOT, Image, ignored

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)

# Imports a program with the image's files only and names the distributions that all its modules come from.
IMPORTS = """
import importlib, json, sys
from importlib.metadata import packages_distributions
of = packages_distributions()
before = set(sys.modules)
importlib.import_module(sys.argv[1])
modules = {module.partition(".")[0] for module in sys.modules.keys() - before}
print(json.dumps(sorted({name for module in modules for name in of.get(module, ())})))
"""


def test_the_image_holds_the_rooms_of_the_product_and_no_test_and_no_secret(image: Image) -> None:
    assert not ignored("worker.py")
    assert ignored("deploy/secrets/keys.toml")
    assert ignored(".git/config")
    assert {path.name for path in image.app.iterdir()} - {"__pycache__"} == {
        *PRODUCT,
        CLIENT,
        "LICENSE",
        "starter.py",
        "worker.py",
    }
    assert {path.name for path in (image.app / "deploy").iterdir()} == {"__init__.py", "container", "migrations"}


@pytest.mark.parametrize(
    "program", ["worker", "starter", "intake.commands.upkeep", "gate.__main__", "deploy.migrations.__main__"]
)
def test_a_program_needs_nothing_beyond_the_image(image: Image, program: str) -> None:
    done = image.run("-c", IMPORTS, program)
    assert done.returncode == 0, done.stderr
    pinned = {name.lower() for name in _PIN.findall((ROOT / "requirements-runtime.txt").read_text(encoding="utf-8"))}
    needed = {name.lower().replace("_", "-") for name in re.findall(r'"([^"]+)"', done.stdout)}
    assert needed
    assert needed <= {name.replace("_", "-") for name in pinned}


@pytest.mark.parametrize(("program", "known_by"), [("worker", "--check"), ("starter", "import"), ("gate", "--check")])
def test_the_first_argument_selects_the_program(image: Image, program: str, known_by: str) -> None:
    done = image.run(image.entrypoint, program, "--help")
    assert done.returncode == 0, done.stderr
    assert known_by in done.stdout


def test_without_an_argument_it_is_the_worker_and_says_what_it_lacks(image: Image) -> None:
    done = image.run(image.entrypoint)
    assert done.returncode == 78
    assert "CARDCASE_DATABASE_URL" in done.stderr
    assert "CARDCASE_KEY_FILE" in done.stderr


def test_the_migrations_are_a_program_of_the_image(image: Image) -> None:
    done = image.run(image.entrypoint, "migrate")
    assert done.returncode == 78
    assert "CARDCASE_DATABASE_URL" in done.stderr


def test_an_unknown_program_is_refused_and_not_repeated(image: Image) -> None:
    done = image.run(image.entrypoint, "nosuchthing")
    assert done.returncode == 64
    assert "worker" in done.stderr
    assert "nosuchthing" not in done.stderr


@pytest.mark.parametrize("ready", [True, False])
async def test_the_health_check_says_what_the_worker_says(image: Image, *, ready: bool) -> None:
    # A proxy that nobody serves must not matter.
    proxy = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    async with serve_health("127.0.0.1", 0, lambda: ready) as port:
        done = await image.run_beside(image.entrypoint, "ready", CARDCASE_HEALTH_PORT=str(port), **proxy)
    assert done.returncode == (0 if ready else 1)


async def test_the_health_check_fails_where_no_worker_answers(image: Image) -> None:
    async with serve_health("127.0.0.1", 0, lambda: True) as port:
        pass
    done = await image.run_beside(image.entrypoint, "ready", CARDCASE_HEALTH_PORT=str(port))
    assert done.returncode == 1
