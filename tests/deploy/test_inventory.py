"""What the image brings along is written down with its licences, and an index of advisories is asked about it."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CI: Final = ROOT / ".ci"
PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def module_of(name: str) -> Any:
    """A program of .ci, which is no package."""
    spec = importlib.util.spec_from_file_location(name, CI / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INVENTORY: Final = module_of("inventory")


def test_the_bill_names_what_is_pinned_and_what_needs_what() -> None:
    bill = json.loads((ROOT / INVENTORY.BILL).read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    pins = dict(PIN.findall((ROOT / INVENTORY.LOCK).read_text(encoding="utf-8")))
    assert {each["name"]: each["version"] for each in bill["components"]} == pins
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    ours = bill["metadata"]["component"]["bom-ref"]
    assert needs.keys() == {ours, *(each["bom-ref"] for each in bill["components"])}
    reached, waiting = set(), [ours]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += needs[ref]
    assert reached == needs.keys()


def test_both_files_are_in_step_with_what_is_pinned() -> None:
    said = subprocess.run([sys.executable, CI / "inventory.py", "--check"], check=False, capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "MIT AND SSPL-1.0", "none told", "(MIT OR X) AND BSD-3-Clause"])
def test_a_licence_that_nobody_has_looked_at_is_found(licence: str) -> None:
    assert INVENTORY.faults_of([INVENTORY.Component("a", "1", licence, ())])
    assert not INVENTORY.faults_of([INVENTORY.Component("a", "1", "(MIT OR ISC) AND Apache-2.0", ())])


@contextmanager
def index_that_answers(answer: bytes, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """An index of advisories on this machine; yields where it is, and what it was asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            body = answer
            if body == b"":
                known = {"aiohttp": {"vulns": [{"id": "X-2"}, {"id": "X-1"}]}}
                queries = asked[-1][1]["queries"]
                body = json.dumps({"results": [known.get(each["package"]["name"], {}) for each in queries]}).encode()
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def asked_of(url: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"ADVISORIES_URL": url} if url is not None else {}
    # S603: the program is the one that runs the tests.
    return subprocess.run(
        [sys.executable, CI / "advisories.py"], check=False, capture_output=True, text=True, env=environment
    )


def test_what_is_known_of_a_package_is_told() -> None:
    with index_that_answers(b"") as (url, asked):
        said = asked_of(url)
    assert said.returncode == 1
    assert re.fullmatch(r"aiohttp \S+: X-1, X-2", said.stdout.splitlines()[0])
    path, question = asked[0]
    assert path == "/v1/querybatch"
    assert {"package": {"name": "temporalio", "ecosystem": "PyPI"}} in [
        {"package": each["package"]} for each in question["queries"]
    ]


@pytest.mark.parametrize("answer", [b"no JSON", b"{}", b"[]", b'{"results": []}', b'{"results": 7}'])
def test_an_index_that_does_not_answer_is_no_good_news(answer: bytes) -> None:
    with index_that_answers(answer) as (url, _):
        assert asked_of(url).returncode == 69


def test_an_index_that_is_away_or_in_clear_elsewhere_is_none() -> None:
    with index_that_answers(b"", 503) as (url, _):
        assert asked_of(url).returncode == 69
    assert asked_of("http://index.example.invalid").returncode == 69
    assert asked_of("file:///dev/null").returncode == 69
    assert asked_of(None).returncode == 64
