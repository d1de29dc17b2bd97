"""Strangers' files are read by processes that cannot cost much, know no secret, and are missed by nobody."""

import os
import select
import signal
import socket
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from cases.errors import CaseError, Code
from intake.files import apart
from intake.files.apart import Limits, open_apart
from intake.files.columns import REQUIRED, Layout, column_of, register_layout
from intake.files.tables import Format, Table
from tests.intake.registering import csv_of, row_of, write_csv
from tests.intake.troubling import (
    aborts,
    breaks,
    found_where_nothing_can_be_written,
    is_wrong,
    takes_all_memory,
    takes_all_time,
)

LAYOUT: Final = register_layout(ignore_unknown=True, has_submitter=True)
LIMITS: Final = Limits(128 * 1024 * 1024, 1)


def table(folder: Path, rows: int = 3) -> Table:
    return Table(write_csv(folder / "r.csv", csv_of(map(row_of, range(rows)))), Format.separated)


def environment_of(process: int) -> set[str]:
    return {each.partition("=")[0] for each in Path(f"/proc/{process}/environ").read_text().split("\0") if each}


def server() -> int:
    process = apart._SERVER._process
    assert process is not None
    return process.pid


def children_of(process: int) -> list[int]:
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


def test_rows_come_as_they_stand(tmp_path: Path) -> None:
    with open_apart(table(tmp_path, 450), LAYOUT) as rows:
        assert [record.number for record in rows] == list(range(2, 452))
        assert rows.fraction == 1.0
        assert rows.spent is not None
        assert 0 < rows.spent.peak < LIMITS.memory


@pytest.mark.parametrize(
    ("heading", "code"),
    [
        (takes_all_memory, Code.FILE_TOO_LARGE),
        (takes_all_time, Code.FILE_TOO_LARGE),
        (aborts, Code.FILE_TOO_LARGE),
        (breaks, Code.FILE_UNREADABLE),
        (is_wrong, Code.INTERNAL),
    ],
)
def test_a_reader_that_ends_otherwise_than_it_should_is_a_code(
    heading: Callable[[str], StrEnum | None], code: Code, tmp_path: Path
) -> None:
    with pytest.raises(CaseError) as refused:
        open_apart(table(tmp_path), Layout(heading, REQUIRED), limits=LIMITS)
    assert refused.value.code is code
    with open_apart(table(tmp_path), LAYOUT) as rows:
        assert len(list(rows)) == 3


def test_the_next_file_is_read_where_the_server_was_killed(tmp_path: Path) -> None:
    with open_apart(table(tmp_path), LAYOUT):
        before = server()
    os.kill(before, signal.SIGKILL)
    with open_apart(table(tmp_path), LAYOUT) as rows:
        assert len(list(rows)) == 3
    assert server() != before


def test_whoever_listens_no_more_leaves_no_reader(tmp_path: Path) -> None:
    rows = open_apart(table(tmp_path, 20_000), Layout(column_of, REQUIRED, ignore_unknown=True))
    next(iter(rows))
    (waits,) = children_of(server())
    (reads,) = children_of(waits)
    ended = [os.pidfd_open(each) for each in (reads, waits)]
    rows.close()
    for each in ended:
        assert select.select([each], [], [], 60)[0]
        os.close(each)


def test_who_reads_knows_no_secret(tmp_path: Path) -> None:
    with open_apart(table(tmp_path), LAYOUT):
        assert environment_of(server()) <= {"PATH", "PYTHONPATH", "LC_CTYPE"}


def test_who_reads_can_write_no_file(tmp_path: Path) -> None:
    with open_apart(table(tmp_path), Layout(found_where_nothing_can_be_written, REQUIRED, ignore_unknown=True)) as rows:
        assert len(list(rows)) == 3


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.csv")
    for path in (tmp_path / "r.csv", tmp_path, tmp_path / "none.csv"):
        with pytest.raises(CaseError) as refused:
            open_apart(Table(path, Format.separated), LAYOUT)
        assert refused.value.code is Code.FILE_UNREADABLE


def test_a_reader_that_is_ended_in_the_middle_of_an_answer_is_a_code() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        apart._say(theirs, {"findings": []})
        theirs.sendall(apart._LENGTH.pack(1000) + b'{"rows": [[2, {"name": "')
        # Its watcher says what became of it.
        apart._say(theirs, {"code": Code.FILE_TOO_LARGE.value, "field": None})
        apart._say(theirs, {"spent": [1.0, 1]})
    with apart.Apart(ours) as rows, pytest.raises(CaseError, match=Code.FILE_TOO_LARGE):
        list(rows)
