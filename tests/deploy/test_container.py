"""The container image, as far as it can be held without a container engine: files, programs, health check."""

import asyncio
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.health import health_served

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"
ENTRYPOINT = CONTAINER / "entrypoint.py"

_COPY = re.compile(r"^COPY (?!--from)(.+) (\S+)$", re.MULTILINE)
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


def _ignored(path: str) -> bool:
    """What the ignore file says of a path: the last pattern that matches it decides."""
    decided = False
    for line in (CONTAINER / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!").removeprefix("**/")
        parents = [path, *(str(parent) for parent in Path(path).parents)]
        names = [Path(parent).name for parent in parents] if "**/" in line else parents
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            decided = not line.startswith("!")
    return decided


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory /app of the image, copied as the Containerfile and its ignore file say."""
    app = tmp_path_factory.mktemp("image")
    containerfile = (CONTAINER / "Containerfile").read_text(encoding="utf-8")
    for sources, target in _COPY.findall(containerfile):
        for source in sources.split():
            to = app / target.removeprefix("/app").strip("/")
            for file in [ROOT / source] if (ROOT / source).is_file() else sorted((ROOT / source).rglob("*")):
                relative = file.relative_to(ROOT).as_posix()
                if target.startswith("/build") or not file.is_file() or _ignored(relative):
                    continue
                destination = to / file.relative_to(ROOT / source) if (ROOT / source).is_dir() else to
                destination = destination / file.name if target.endswith("/") else destination
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, destination)
    return app


def _run(image: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program as the image does, from a working directory that holds nothing of the project."""
    inside = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(image),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=image.parent,
        env=inside | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_image_holds_no_stack_no_test_and_no_secret(image: Path) -> None:
    assert not _ignored("worker.py")
    assert _ignored("deploy/secrets/keys.toml")
    assert _ignored(".git/config")
    assert {path.name for path in image.iterdir()} == {
        *("LICENSE", "activities", "cases", "deploy", "intake", "runtime", "starter.py", "worker.py", "workflows")
    }
    assert {path.name for path in (image / "deploy").iterdir()} == {"__init__.py", "container", "migrations"}
    assert not (image / "runtime" / "stack").exists()


@pytest.mark.parametrize("program", ["worker", "starter", "deploy.migrations.__main__"])
def test_a_program_needs_nothing_beyond_the_image(image: Path, program: str) -> None:
    done = _run(image, "-c", IMPORTS, program)
    assert done.returncode == 0, done.stderr
    pinned = {name.lower() for name in _PIN.findall((ROOT / "requirements-runtime.txt").read_text(encoding="utf-8"))}
    needed = {name.lower().replace("_", "-") for name in re.findall(r'"([^"]+)"', done.stdout)}
    assert needed
    assert needed <= {name.replace("_", "-") for name in pinned}


@pytest.mark.parametrize(("program", "known_by"), [("worker", "--check"), ("starter", "import")])
def test_the_first_argument_selects_the_program(image: Path, program: str, known_by: str) -> None:
    done = _run(image, str(image / "deploy/container/entrypoint.py"), program, "--help")
    assert done.returncode == 0, done.stderr
    assert known_by in done.stdout


def test_without_an_argument_it_is_the_worker_and_says_what_it_lacks(image: Path) -> None:
    done = _run(image, str(image / "deploy/container/entrypoint.py"))
    assert done.returncode == 78
    assert "CARDCASE_DATABASE_URL" in done.stderr
    assert "CARDCASE_KEY_FILE" in done.stderr


def test_the_migrations_are_a_program_of_the_image(image: Path) -> None:
    done = _run(image, str(image / "deploy/container/entrypoint.py"), "migrate")
    assert done.returncode == 78
    assert "CARDCASE_DATABASE_URL" in done.stderr


def test_an_unknown_program_is_refused_and_not_repeated(image: Path) -> None:
    done = _run(image, str(image / "deploy/container/entrypoint.py"), "nosuchthing")
    assert done.returncode == 64
    assert "worker" in done.stderr
    assert "nosuchthing" not in done.stderr


@pytest.mark.parametrize("ready", [True, False])
async def test_the_health_check_says_what_the_worker_says(image: Path, *, ready: bool) -> None:
    # A proxy that nobody serves must not matter.
    proxy = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    async with health_served("127.0.0.1", 0, lambda: ready) as port:
        done = await _run_beside(image, CARDCASE_HEALTH_PORT=str(port), **proxy)
    assert done == (0 if ready else 1)


async def test_the_health_check_fails_where_no_worker_answers(image: Path) -> None:
    async with health_served("127.0.0.1", 0, lambda: True) as port:
        pass
    assert await _run_beside(image, CARDCASE_HEALTH_PORT=str(port)) == 1


async def _run_beside(image: Path, **environment: str) -> int:
    entrypoint = str(image / "deploy/container/entrypoint.py")
    return (await asyncio.to_thread(_run, image, entrypoint, "ready", **environment)).returncode
