"""Workbooks made to trouble their reader are refused before they cost much. Everything is synthetic."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.intake.archives import HOSTILE, MEGABYTE, write_hostile

ROOT: Final = Path(__file__).parents[2]
SECONDS, BYTES = 2.0, 200 * MEGABYTE

READ_AND_MEASURE: Final = """
import json, os, resource, sys, time
from datetime import date
from pathlib import Path
from cases.errors import CaseError
from cases.manifests import MOST_ROWS
from intake.applications import InputRefused
from intake.files import Register, Terms
from intake.files.columns import register_layout
from intake.files.tables import Format, Table, open_here

def read(path):
    refused = rows = 0
    try:
        layout = register_layout(ignore_unknown=False, has_submitter=False)
        records = open_here(Table(path, Format.workbook), layout, most=MOST_ROWS)
        with Register(records, Terms(date(2026, 11, 2))) as register:
            for row in register:
                rows += 1
                refused += row.application is None
    except CaseError as wrong:
        return wrong.code.value
    except InputRefused as wrong:
        return wrong.problems[0].code.value
    except MemoryError:
        return "MemoryError"
    return "every row is refused" if refused == rows > 0 else f"{refused} of {rows} rows are refused"

for path in sys.argv[1:]:
    child = os.fork()
    if not child:
        # Whatever it would take, the machine goes on.
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
        begun = time.process_time()
        said = read(Path(path))
        seconds = time.process_time() - begun
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        # The kernel's own figure; getrusage still shows what the parent had when it forked.
        peak = int(status["VmHWM"].split()[0]) * 1024
        print(json.dumps([path, said, seconds, peak]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of each, what processor time it took and how much memory."""
    paths = dict(write_hostile(tmp_path_factory.mktemp("archives")))
    # S603: the program is the one that runs the tests.
    said = subprocess.run(
        [sys.executable, "-c", READ_AND_MEASURE, *map(str, paths.values())],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout
    found = {path: rest for path, *rest in map(json.loads, said.splitlines())}
    return {what: found.get(str(path)) for what, path in paths.items()}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused_within_two_seconds_and_200_megabytes(measured: dict[str, Any], what: str) -> None:
    assert measured[what] is not None, "its reader came to no end"
    became, seconds, peak = measured[what]
    assert became in {"FILE_UNREADABLE", "FILE_TOO_LARGE", "HEADINGS_MISSING", "every row is refused"}, (
        became,
        seconds,
        peak,
    )
    assert seconds < SECONDS, (became, seconds, peak)
    assert peak < BYTES, (became, seconds, peak)
